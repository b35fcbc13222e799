package service

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"plain text\twith a tab", 0, "plain text\twith a tab"},
		{"größe 漢字 €", 0, "größe 漢字 €"},
		{"\x1b[31mred", 0, `\x1b[31mred`},
		{"a\nb\r\x00", 0, `a\x0ab\x0d\x00`},
		{"\x9b2J \u009b2J", 0, `\x9b2J \x9b2J`},
		{"\u202eevil\u2066\u200b\ufeff", 0, `\u{202e}evil\u{2066}\u{200b}\u{feff}`},
		{"hid\U000e0041den\ufe0f\U000e0100", 0, `hid\u{e0041}den\u{fe0f}\u{e0100}`},
		{"nb\u00a0sp\u2028", 0, `nb\xa0sp\u{2028}`},
		{"bad \xff\xc3", 0, `bad \xff\xc3`},
		{"0123456789", 4, "0123…(+6 bytes)"},
		{"ab漢字", 4, "ab…(+6 bytes)"},
		{"abc", 3, "abc"},
		{"", 3, ""},
	} {
		if got := Clean(c.in, c.max); got != c.want {
			t.Errorf("%q, %d: got %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

// FuzzClean: what comes out is valid, printable, and bounded.
func FuzzClean(f *testing.F) {
	f.Add("\x1b]0;x\a\u202e", 3)
	f.Add(strings.Repeat("漢", 100), 10)
	f.Fuzz(func(t *testing.T, s string, max int) {
		got := Clean(s, max%1000)
		if !utf8.ValidString(got) || !printable(got) {
			t.Errorf("%q gave %q", s, got)
		}
	})
}

func printable(s string) bool {
	for _, r := range s {
		if !shown(r) && r != utf8.RuneError {
			return false
		}
	}
	return true
}
