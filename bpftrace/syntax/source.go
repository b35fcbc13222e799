package syntax

import (
	"sort"
	"strings"
)

// Source is one text in the bpftrace language with a name for messages.
// Programs given with -e are named "stdin", as upstream names them.
// A Source is immutable and safe for concurrent use.
type Source struct {
	Name  string
	Text  string
	lines []uint32 // byte offset of the first byte of every line
}

// NewSource returns a Source over text.
func NewSource(name, text string) *Source {
	lines := []uint32{0}
	for i := range len(text) {
		if text[i] == '\n' {
			lines = append(lines, uint32(i+1))
		}
	}
	return &Source{Name: name, Text: text, lines: lines}
}

// Position converts a byte offset to a 1-based line and a 1-based byte column.
// Offsets beyond the text give the position just after its last byte.
func (s *Source) Position(offset int) (line, column int) {
	offset = min(max(offset, 0), len(s.Text))
	i := sort.Search(len(s.lines), func(i int) bool { return int(s.lines[i]) > offset }) - 1
	return i + 1, offset - int(s.lines[i]) + 1
}

// Line returns the text of the 1-based line n without its line end,
// or "" when there is no such line.
func (s *Source) Line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	rest := s.Text[s.lines[n-1]:]
	if i := strings.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return strings.TrimSuffix(rest, "\r")
}

// Span is a half-open range of bytes [Start, End) of a Source. It is
// comparable and describes itself: no table is needed to print it.
// The zero Span belongs to no text.
type Span struct {
	Src        *Source
	Start, End uint32
}

// Span returns s itself, so that every node that embeds one is located.
func (s Span) Span() Span { return s }

// IsValid reports whether s belongs to a text.
func (s Span) IsValid() bool { return s.Src != nil }

// Text returns the bytes that s covers.
func (s Span) Text() string {
	if s.Src == nil {
		return ""
	}
	return s.Src.Text[s.Start:s.End]
}

// Through returns the smallest span that covers s and t, which belong to the
// same text.
func (s Span) Through(t Span) Span {
	return Span{s.Src, min(s.Start, t.Start), max(s.End, t.End)}
}
