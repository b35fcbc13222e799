package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Word is the explanation of one word: a code of a diagnostic, a function or
// builtin, or a kind of probe.
type Word struct {
	Word    string `json:"word"`
	Kind    string `json:"kind"` // "diagnostic", "function", "builtin", "aggregation" or "probe"
	Title   string `json:"title"`
	Meaning string `json:"meaning"`
	Bad     string `json:"bad,omitempty"`  // diagnostic: a program that has it
	Good    string `json:"good,omitempty"` // the same, mended; or an example
}

// Lookup explains a word. A diagnostic's code goes before a function's name.
func Lookup(word string) (Word, bool) {
	for _, w := range Codes() {
		if w.Word == word {
			return w, true
		}
	}
	if f := check.LookupFunction(word); f != nil {
		return Word{Word: word, Kind: className(f.Class), Title: Signature(f), Meaning: sentence(f.Doc) + "." + since(f), Good: f.Example}, true
	}
	if k, ok := syntax.LookupProbeKind(word); ok {
		return Word{Word: word, Kind: "probe", Title: k.Forms[0].Syntax, Meaning: k.Doc + " Its data: " + k.Args + ".",
			Good: k.Forms[0].Example + " { print(probe); }"}, true
	}
	return Word{}, false
}

// Nearest returns the word that a misspelt one was meant to be, or "".
func Nearest(word string) string {
	var names []string
	for _, w := range Codes() {
		names = append(names, w.Word)
	}
	for _, f := range check.Functions() {
		names = append(names, f.Name)
	}
	for _, k := range syntax.ProbeKinds() {
		names = append(names, k.Name)
	}
	return syntax.Closest(word, names)
}

// Codes returns all codes of diagnostics: those of the text's form first, then
// those of its meaning. A code that both report is there once.
func Codes() []Word {
	var list []Word
	seen := map[string]bool{}
	for _, c := range append(syntax.Codes(), check.Codes()...) {
		if w := string(c.Code); !seen[w] {
			seen[w] = true
			list = append(list, Word{Word: w, Kind: "diagnostic", Title: c.Title, Meaning: c.Meaning, Bad: c.Bad, Good: c.Good})
		}
	}
	return list
}

func className(c check.FuncClass) string {
	switch c {
	case check.ClassBuiltin:
		return "builtin"
	case check.ClassAggregation:
		return "aggregation"
	}
	return "function"
}

func since(f *check.Function) string {
	if f.Since == "" {
		return ""
	}
	return " Since bpftrace " + f.Since + "."
}

// Signature shows how a function is written: "print(value [, top [, div]])". A
// builtin without arguments is its name.
func Signature(f *check.Function) string {
	call := f.Name + "(" + formals(f) + ")"
	switch {
	case f.Class == check.ClassBuiltin && len(f.Args) == 0:
		return f.Name
	case f.Class == check.ClassBuiltin:
		return f.Name + ", " + f.Name + "(" + strings.TrimSuffix(strings.TrimPrefix(formals(f), "["), "]") + ")"
	case f.Class == check.ClassAggregation:
		return "@m = " + call
	}
	return call
}

// formals are the arguments of f. Brackets hold what may be left out, with all
// that follows it unless that is needed, as in ntop([family,] address).
func formals(f *check.Function) string {
	var b strings.Builder
	shut := ""
	for i, a := range f.Args {
		needed := false
		for _, later := range f.Args[i:] {
			needed = needed || !later.Optional
		}
		switch {
		case a.Optional && needed:
			b.WriteString("[" + a.Name + ",] ")
			continue
		case a.Optional && i == 0:
			b.WriteString("[")
			shut += "]"
		case a.Optional:
			b.WriteString(" [, ")
			shut += "]"
		case i > 0 && !strings.HasSuffix(b.String(), "] "):
			b.WriteString(", ")
		}
		b.WriteString(a.Name)
	}
	if f.Variadic {
		b.WriteString(", ...")
	}
	return b.String() + shut
}

// WriteText writes the explanation of a word for people.
func (w Word) WriteText(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s\n\n%s\n", w.Word, w.Kind, w.Title, w.Meaning)
	program(&b, "Wrong:", w.Bad)
	if w.Kind == "diagnostic" {
		program(&b, "Right:", w.Good)
	} else {
		program(&b, "Example:", w.Good)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func program(b *strings.Builder, title, text string) {
	if text != "" {
		fmt.Fprintf(b, "\n%s\n  %s\n", title, strings.ReplaceAll(text, "\n", "\n  "))
	}
}
