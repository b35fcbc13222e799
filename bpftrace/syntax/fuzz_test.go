package syntax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds adds our own test programs to f, and some text that is hardly one.
func seeds(f *testing.F) {
	f.Add(everyNode)
	for _, c := range Codes() {
		if len(c.Bad) < 500 {
			f.Add(c.Bad)
			f.Add(c.Good)
		}
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range sections(string(text)) {
			f.Add(s.program)
		}
	}
	for _, s := range []string{"", "#", "$", "@", "\"", "/*", "{", "}", "k:f/", "k:f{if", "struct", "struct{", "#if\n", "k:f{(", "k:\"", "\x00", "k:f{\xff}", "macro m(", "k:f{@[", "#define A B\n#define B A\nk:f{A}", "k:$1{}", "begin { \"\\\n\" }", "struct {}__attribute__((\"0))0", "\"k\n\xff\":f { }"} {
		f.Add(s)
	}
}

// FuzzParse asserts that any text is parsed without a crash into a tree whose
// nodes lie in the text, and that findings can be rendered and fixed.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		file, ds := Parse(NewSource("fuzz", text), &ParseOptions{Params: []string{"a:b", "$1", "$2$2"}})
		for _, d := range ds {
			if d.Code == CodeInternal {
				t.Fatal(d.Message, d.Why)
			}
			if d.Span.Src == nil || d.Span.Start > d.Span.End || int(d.Span.End) > len(d.Span.Src.Text) {
				t.Fatalf("%q lies at %d-%d of %d bytes", d.Message, d.Span.Start, d.Span.End, len(text))
			}
			if d.Message == "" || d.Why == "" || strings.Contains(d.Message, "\n") || !utf8.ValidString(d.Message) {
				t.Fatalf("%q: %q because %q", d.Code, d.Message, d.Why)
			}
		}
		Inspect(file, func(n Node) bool {
			if s := n.Span(); s.Src != file.Source || s.Start > s.End || int(s.End) > len(text) {
				t.Fatalf("%T lies at %d-%d of %d bytes", n, s.Start, s.End, len(text))
			}
			return true
		})
		var b strings.Builder
		if err := RenderTextWith(&b, ds, &TextOptions{Explain: true}); err != nil {
			t.Fatal(err)
		}
		if err := RenderJSON(&b, ds); err != nil {
			t.Fatal(err)
		}
		ApplyFixes(file.Source, ds, false)
		Format(file)
	})
}

// FuzzFormat asserts that what parses is printed so that it parses to the same
// tree, with all comments, and that printing it again changes nothing.
func FuzzFormat(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		if _, ds := Parse(NewSource("fuzz", text), nil); !ds.HasErrors() {
			checkFormat(t, text)
		}
	})
}
