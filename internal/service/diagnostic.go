package service

import (
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
