package service

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text of the traced system fit for a field of data: what is not
// printable, what turns the direction of writing, and what cannot be seen is
// escaped as \xNN or \u{N}, and text beyond max bytes is cut with a count of
// what is missing. Tabs stay. Anyone can put any text into a process name, a
// path or a packet.
func Clean(s string, max int) string {
	if max > 0 && len(s) > max {
		keep := max
		for keep > 0 && keep > max-4 && !utf8.RuneStart(s[keep]) {
			keep--
		}
		return Clean(s[:keep], 0) + "…(+" + strconv.Itoa(len(s)-keep) + " bytes)"
	}
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case shown(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		i += size
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

// shown reports whether a rune is passed on as it is.
func shown(r rune) bool {
	switch {
	case r == '\t':
		return true
	case r == 0x034f, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0: // blank "letters"
		return false
	case r >= 0xfe00 && r <= 0xfe0f, r >= 0xe0100 && r <= 0xe01ef: // variation selectors
		return false
	case r >= 0x180b && r <= 0x180f:
		return false
	}
	return unicode.IsGraphic(r) && (r == ' ' || !unicode.IsSpace(r))
}
