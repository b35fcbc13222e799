package service

import (
	"slices"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Diagnostic is a finding about a program. Lines and columns count from 1,
// columns in bytes, EndColumn exclusive.
type Diagnostic struct {
	Severity  string   `json:"severity"`
	Code      string   `json:"code"`
	Line      int      `json:"line"`
	Column    int      `json:"column"`
	EndLine   int      `json:"end_line,omitempty"`
	EndColumn int      `json:"end_column,omitempty"`
	Message   string   `json:"message"`
	Source    string   `json:"source,omitempty"` // the line of the program
	Hints     []string `json:"hints,omitempty"`
	Fix       string   `json:"fix,omitempty"`         // what to do, in words
	FixedText string   `json:"replacement,omitempty"` // what to put in place of the marked text, when that is all
}

// Diagnose puts diagnostics into the form for users.
func Diagnose(ds syntax.Diagnostics) []Diagnostic {
	list := make([]Diagnostic, 0, len(ds))
	for i := range ds {
		list = append(list, diagnose(&ds[i]))
	}
	return list
}

func diagnose(d *syntax.Diagnostic) Diagnostic {
	out := Diagnostic{Severity: strings.ToLower(d.Severity.String()), Code: string(d.Code), Message: d.Message}
	if d.Span.IsValid() {
		src := d.Span.Src
		out.Line, out.Column = src.Position(int(d.Span.Start))
		out.EndLine, out.EndColumn = src.Position(int(d.Span.End))
		out.Source = Clean(src.Line(out.Line), 200)
	}
	if d.Why != "" && d.Code != "internal-error" {
		out.Hints = append(out.Hints, d.Why)
	}
	for _, n := range d.Notes {
		out.Hints = append(out.Hints, n.Message)
	}
	if len(d.Fixes) > 0 {
		f := &d.Fixes[0]
		out.Fix = f.Message
		if len(f.Edits) == 1 && f.Edits[0].Span == d.Span {
			out.FixedText = f.Edits[0].Text
		}
	}
	return out
}

// ApplyFixes returns the text of src with the first fix of each diagnostic
// applied, and how many were; those that overlap an earlier one are left out.
// With certain only those that cannot change what was meant are taken.
func ApplyFixes(src *syntax.Source, ds syntax.Diagnostics, certain bool) (text string, n int) {
	var edits []syntax.Edit
	for i := range ds {
		if len(ds[i].Fixes) == 0 || certain && !ds[i].Fixes[0].Certain {
			continue
		}
		if f := ds[i].Fixes[0].Edits; fits(edits, f, src) {
			edits = append(edits, f...)
			n++
		}
	}
	slices.SortStableFunc(edits, func(a, b syntax.Edit) int { return int(a.Span.Start) - int(b.Span.Start) })
	var b strings.Builder
	at := uint32(0)
	for _, e := range edits {
		b.WriteString(src.Text[at:e.Span.Start])
		b.WriteString(e.Text)
		at = e.Span.End
	}
	b.WriteString(src.Text[at:])
	return b.String(), n
}

// fits reports whether more edits are of src and overlap none of edits.
func fits(edits, more []syntax.Edit, src *syntax.Source) bool {
	for _, m := range more {
		if m.Span.Src != src {
			return false
		}
		for _, e := range edits {
			if m.Span.Start < e.Span.End && e.Span.Start < m.Span.End || m.Span == e.Span {
				return false
			}
		}
	}
	return len(more) > 0
}
