package syntax

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// RenderText writes ds as upstream prints diagnostics, errors before warnings:
//
//	FILE:LINE:COLUMN-COLUMN: ERROR: message
//	source line, tabs as four spaces
//	          ~~~~
//	HINT: hint
//
// Columns count bytes from 1 and the second one is exclusive. A finding of
// several lines prints FILE:LINE-LINE and the lines without a marker. Notes
// with a place follow in the same form, then hints.
func RenderText(w io.Writer, ds Diagnostics) error {
	return RenderTextWith(w, ds, nil)
}

// TextOptions changes how text is rendered. The zero value prints exactly what
// upstream prints.
type TextOptions struct {
	Color   bool // as upstream: errors red, warnings yellow
	Explain bool // add why and how to mend it, as HINT lines
}

// RenderTextWith is RenderText with options.
func RenderTextWith(w io.Writer, ds Diagnostics, opts *TextOptions) error {
	if opts == nil {
		opts = &TextOptions{}
	}
	var b strings.Builder
	for _, s := range []Severity{Error, Warning} {
		for i := range ds {
			if ds[i].Severity == s {
				renderOne(&b, &ds[i], opts)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func renderOne(b *strings.Builder, d *Diagnostic, opts *TextOptions) {
	word := d.Severity.String()
	renderPlace(b, d.Span, word, d.Message, opts)
	for _, n := range d.Notes {
		if n.Span.IsValid() && n.Message != ExpandedFrom {
			renderPlace(b, n.Span, word, n.Message, opts)
		}
	}
	for _, n := range d.Notes {
		if !n.Span.IsValid() {
			fmt.Fprintf(b, "HINT: %s\n", n.Message)
		}
	}
	if opts.Explain {
		renderWhy(b, d)
	}
	for _, n := range d.Notes {
		if n.Span.IsValid() && n.Message == ExpandedFrom {
			renderPlace(b, n.Span, word, n.Message, opts)
		}
	}
}

// ExpandedFrom is the message of a note that gives the place where the macro
// is used that the finding lies in.
const ExpandedFrom = "expanded from"

func renderWhy(b *strings.Builder, d *Diagnostic) {
	if d.Why != "" {
		fmt.Fprintf(b, "HINT: %s\n", strings.ReplaceAll(d.Why, "\n", "\n      "))
	}
	for _, f := range d.Fixes {
		fmt.Fprintf(b, "HINT: fix: %s\n", f.Message)
	}
}

func renderPlace(b *strings.Builder, s Span, word, msg string, opts *TextOptions) {
	color, reset := "", ""
	if opts.Color {
		color, reset = "\x1b[31m", "\x1b[0m"
		if word == Warning.String() {
			color = "\x1b[33m"
		}
	}
	if !s.IsValid() {
		fmt.Fprintf(b, "%s%s: %s%s\n", color, word, msg, reset)
		return
	}
	fmt.Fprintf(b, "%s%s: %s: %s%s\n", color, s, word, msg, reset)
	renderSource(b, s)
}

// String returns FILE:LINE:COLUMN-COLUMN, or FILE:LINE-LINE when s covers
// several lines.
func (s Span) String() string {
	if !s.IsValid() {
		return "-"
	}
	line, col := s.Src.Position(int(s.Start))
	endLine, endCol := s.Src.Position(int(s.End))
	if line != endLine {
		return fmt.Sprintf("%s:%d-%d", s.Src.Name, line, endLine)
	}
	return fmt.Sprintf("%s:%d:%d-%d", s.Src.Name, line, col, endCol)
}

// renderSource writes the line of s with a marker below, or its lines.
func renderSource(b *strings.Builder, s Span) {
	first, col := s.Src.Position(int(s.Start))
	last, endCol := s.Src.Position(int(s.End))
	if first != last {
		for n := first; n <= last; n++ {
			b.WriteString(s.Src.Line(n) + "\n")
		}
		return
	}
	text := s.Src.Line(first)
	b.WriteString(strings.ReplaceAll(text, "\t", "    ") + "\n")
	for i := 0; i < len(text) && i < endCol-1; i++ {
		mark := " "
		if i >= col-1 {
			mark = "~"
		}
		if text[i] == '\t' {
			mark = strings.Repeat(mark, 4)
		}
		b.WriteString(mark)
	}
	b.WriteByte('\n')
}

// place is a span in JSON. Lines and columns count from 1, columns and offsets
// in bytes; ends are exclusive.
type place struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Offset    int    `json:"offset"`
	EndOffset int    `json:"end_offset"`
}

func placeOf(s Span) *place {
	if !s.IsValid() {
		return nil
	}
	p := &place{File: s.Src.Name, Offset: int(s.Start), EndOffset: int(s.End)}
	p.Line, p.Column = s.Src.Position(p.Offset)
	p.EndLine, p.EndColumn = s.Src.Position(p.EndOffset)
	return p
}

type jsonDiagnostic struct {
	Code     Code   `json:"code"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
	*place
	SourceLine string     `json:"source_line,omitempty"`
	Why        string     `json:"why,omitempty"`
	Notes      []jsonNote `json:"notes,omitempty"`
	Fixes      []jsonFix  `json:"fixes,omitempty"`
}

type jsonNote struct {
	Message string `json:"message"`
	*place
}

type jsonFix struct {
	Message string     `json:"message"`
	Certain bool       `json:"certain"`
	Edits   []jsonEdit `json:"edits"`
}

type jsonEdit struct {
	*place
	Text string `json:"text"`
}

// MarshalJSON returns d as an object with code, severity ("error" or
// "warning"), message, file, line, column, end_line, end_column, offset,
// end_offset, source_line, why, notes and fixes. The place is left out when
// the finding has none; columns and offsets count bytes, columns from 1.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	j := jsonDiagnostic{
		Code: d.Code, Severity: strings.ToLower(d.Severity.String()), Message: d.Message,
		place: placeOf(d.Span), Why: d.Why,
	}
	if d.Span.IsValid() {
		j.SourceLine = d.Span.Src.Line(j.Line)
	}
	for _, n := range d.Notes {
		j.Notes = append(j.Notes, jsonNote{n.Message, placeOf(n.Span)})
	}
	for _, f := range d.Fixes {
		jf := jsonFix{Message: f.Message, Certain: f.Certain, Edits: []jsonEdit{}}
		for _, e := range f.Edits {
			jf.Edits = append(jf.Edits, jsonEdit{placeOf(e.Span), e.Text})
		}
		j.Fixes = append(j.Fixes, jf)
	}
	return json.Marshal(j)
}

// RenderJSON writes ds as a JSON array of objects, in their order, and a line
// end. See Diagnostic.MarshalJSON for the objects.
func RenderJSON(w io.Writer, ds Diagnostics) error {
	if ds == nil {
		ds = Diagnostics{}
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(ds); err != nil {
		return fmt.Errorf("encode diagnostics: %w", err)
	}
	return nil
}

// ApplyFixes mends src with the fixes of ds and returns the new text and how
// many findings were mended. Of each finding it takes the first fix, or with
// certainOnly the first that is certain. A fix that would change text that an
// earlier one changes is left out; mending, parsing and mending again gets at
// those.
func ApplyFixes(src *Source, ds Diagnostics, certainOnly bool) (string, int) {
	var edits []Edit
	fixed := 0
	for i := range ds {
		f, ok := firstFix(&ds[i], certainOnly)
		if !ok || !applies(f, src) || overlaps(edits, f.Edits) {
			continue
		}
		edits = append(edits, f.Edits...)
		fixed++
	}
	slices.SortStableFunc(edits, func(a, b Edit) int { return int(a.Span.Start) - int(b.Span.Start) })
	var b strings.Builder
	pos := uint32(0)
	for _, e := range edits {
		b.WriteString(src.Text[pos:e.Span.Start])
		b.WriteString(e.Text)
		pos = e.Span.End
	}
	b.WriteString(src.Text[pos:])
	return b.String(), fixed
}

func firstFix(d *Diagnostic, certainOnly bool) (Fix, bool) {
	for _, f := range d.Fixes {
		if f.Certain || !certainOnly {
			return f, true
		}
	}
	return Fix{}, false
}

// applies reports whether all edits of f lie in src.
func applies(f Fix, src *Source) bool {
	for _, e := range f.Edits {
		s := e.Span
		if s.Src == nil || s.Src != src && (s.Src.Name != src.Name || s.Src.Text != src.Text) || int(s.End) > len(src.Text) || s.Start > s.End {
			return false
		}
	}
	return len(f.Edits) > 0
}

// overlaps reports whether one of more touches text that one of edits changes,
// or inserts at the same place, unless both insert whole lines there.
func overlaps(edits, more []Edit) bool {
	for _, a := range edits {
		for _, b := range more {
			lines := strings.HasSuffix(a.Text, "\n") && strings.HasSuffix(b.Text, "\n") && a.Span == b.Span
			if a.Span.Start < b.Span.End && b.Span.Start < a.Span.End || a.Span.Start == b.Span.Start && !lines {
				return true
			}
		}
	}
	return false
}
