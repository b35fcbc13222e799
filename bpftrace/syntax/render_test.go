package syntax

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/quick"
)

func rendered(t *testing.T, ds Diagnostics, opts *TextOptions) string {
	t.Helper()
	var b strings.Builder
	if err := RenderTextWith(&b, ds, opts); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRenderText(t *testing.T) {
	src := NewSource("f.bt", "begin {\n\t$x\t= 1;\n}\n")
	at := func(part string) Span {
		i := uint32(strings.Index(src.Text, part))
		return Span{src, i, i + uint32(len(part))}
	}
	tests := []struct {
		name string
		ds   Diagnostics
		opts TextOptions
		want string
	}{
		{"tabs", Diagnostics{{Span: at("= 1"), Message: "m"}}, TextOptions{},
			"f.bt:2:5-8: ERROR: m\n    $x    = 1;\n          ~~~\n"},
		{"a marked tab", Diagnostics{{Span: at("$x\t="), Message: "m"}}, TextOptions{},
			"f.bt:2:2-6: ERROR: m\n    $x    = 1;\n    ~~~~~~~\n"},
		{"several lines", Diagnostics{{Span: at("{\n\t$x"), Message: "m"}}, TextOptions{},
			"f.bt:1-2: ERROR: m\nbegin {\n\t$x\t= 1;\n"},
		{"no place", Diagnostics{{Message: "m", Severity: Warning}}, TextOptions{}, "WARNING: m\n"},
		{"warnings last", Diagnostics{{Message: "w", Severity: Warning}, {Message: "e"}}, TextOptions{}, "ERROR: e\nWARNING: w\n"},
		{"the end", Diagnostics{{Span: Span{src, uint32(len(src.Text)), uint32(len(src.Text))}, Message: "m"}}, TextOptions{},
			"f.bt:4:1-1: ERROR: m\n\n\n"},
		{"notes and hints", Diagnostics{{Span: at("$x"), Message: "m", Why: "w", Notes: []Note{
			{Message: "h"}, {at("}"), ExpandedFrom}, {at("begin"), "n"}}, Fixes: []Fix{{Message: "f"}}}}, TextOptions{},
			"f.bt:2:2-4: ERROR: m\n    $x    = 1;\n    ~~\nf.bt:1:1-6: ERROR: n\nbegin {\n~~~~~\nHINT: h\nf.bt:3:1-2: ERROR: expanded from\n}\n~\n"},
		{"explained", Diagnostics{{Message: "m", Why: "w", Fixes: []Fix{{Message: "f"}}}}, TextOptions{Explain: true},
			"ERROR: m\nHINT: w\nHINT: fix: f\n"},
		{"colour", Diagnostics{{Message: "m"}}, TextOptions{Color: true}, "\x1b[31mERROR: m\x1b[0m\n"},
	}
	for _, tt := range tests {
		if got := rendered(t, tt.ds, &tt.opts); got != tt.want {
			t.Errorf("%s\n--- got\n%s\n--- want\n%s", tt.name, got, tt.want)
		}
	}
}

func TestRenderJSON(t *testing.T) {
	_, ds := Parse(NewSource("f.bt", "begin {\n  import é; }"), nil)
	_, more := Parse(NewSource("f.bt", "begin { print(1);"), nil)
	var b strings.Builder
	if err := RenderJSON(&b, append(ds, more...)); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"code": "expected-token", "severity": "error", "message": "syntax: expected string after 'import'",
		"file": "f.bt", "line": 2., "column": 10., "end_line": 2., "end_column": 11., "offset": 17., "end_offset": 18., "source_line": "  import é; }"}
	for key, v := range want {
		if got[0][key] != v {
			t.Errorf("%s is %v, want %v", key, got[0][key], v)
		}
	}
	edit := got[1]["fixes"].([]any)[0].(map[string]any)["edits"].([]any)[0].(map[string]any)
	if edit["text"] != " }" || edit["offset"] != 17. {
		t.Errorf("the edit is %v", edit)
	}
	b.Reset()
	if err := RenderJSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("no findings are %q, %v", b.String(), err)
	}
}

func TestApplyFixesLeavesOverlapsOut(t *testing.T) {
	src := NewSource("p", "abcdef")
	edit := func(start, end uint32, text string) Fix {
		return Fix{Certain: true, Edits: []Edit{{Span{src, start, end}, text}}}
	}
	ds := Diagnostics{
		{Fixes: []Fix{edit(1, 3, "X")}},
		{Fixes: []Fix{edit(2, 4, "Y")}},                                                       // overlaps
		{Fixes: []Fix{{Certain: false, Edits: []Edit{{Span{src, 4, 5}, "Z"}}}}},               // not certain
		{Fixes: []Fix{{Certain: true, Edits: []Edit{{Span{NewSource("q", ""), 0, 0}, "!"}}}}}, // elsewhere
		{Fixes: []Fix{edit(6, 6, "end")}},
		{},
	}
	if got, n := ApplyFixes(src, ds, true); got != "aXdefend" || n != 2 {
		t.Errorf("%q with %d fixes", got, n)
	}
	if got, n := ApplyFixes(src, ds, false); got != "aXdZfend" || n != 3 {
		t.Errorf("%q with %d fixes", got, n)
	}
}

func TestQuoteUnquote(t *testing.T) {
	back := func(s string) bool {
		got, ok := Unquote(Quote(s))
		return ok && got == s
	}
	if err := quick.Check(back, nil); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", `"`, `"a`, `a`, `"a" ` + "+ 1", `"\q"`} {
		if v, ok := Unquote(bad); ok {
			t.Errorf("%q is taken for %q", bad, v)
		}
	}
}

func TestClosest(t *testing.T) {
	names := []string{"kprobe", "kretprobe", "uprobe", "tracepoint", "profile"}
	tests := map[string]string{"kprob": "kprobe", "krpobe": "kprobe", "tracepiont": "tracepoint", "x": "", "": "", "kprobe": "", "nothing": "", "prifile": "profile"}
	for word, want := range tests {
		if got := Closest(word, names); got != want {
			t.Errorf("%q is close to %q, want %q", word, got, want)
		}
	}
}

func TestPositions(t *testing.T) {
	src := NewSource("p", "a\nbc\r\n\nd")
	tests := []struct{ offset, line, col int }{{0, 1, 1}, {1, 1, 2}, {2, 2, 1}, {5, 2, 4}, {6, 3, 1}, {7, 4, 1}, {8, 4, 2}, {99, 4, 2}, {-1, 1, 1}}
	for _, tt := range tests {
		if line, col := src.Position(tt.offset); line != tt.line || col != tt.col {
			t.Errorf("offset %d is %d:%d, want %d:%d", tt.offset, line, col, tt.line, tt.col)
		}
	}
	for i, want := range []string{"", "a", "bc", "", "d", ""} {
		if got := src.Line(i); got != want {
			t.Errorf("line %d is %q, want %q", i, got, want)
		}
	}
}
