package explain

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes an explanation for people: the summary, the probes with
// their steps, the maps, output, end and hints.
func (e *Explanation) WriteText(w io.Writer) error {
	var b strings.Builder
	b.WriteString(e.Summary + "\n")
	for _, p := range e.Probes {
		p.write(&b)
	}
	if len(e.Maps) > 0 {
		b.WriteString("\nMaps\n")
		for _, m := range e.Maps {
			b.WriteString("  " + m.String() + "\n")
		}
	}
	section(&b, "Output", e.Output)
	section(&b, "End", e.End)
	section(&b, "Mind", e.Hints)
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n" + title + "\n")
	for _, l := range lines {
		b.WriteString("  " + l + "\n")
	}
}

// maxFields bounds the list of fields in text.
const maxFields = 12

func (p *Probe) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n  %s\n", strings.Join(p.AttachPoints, ", "), p.When)
	if n := len(p.Fields); n > 0 {
		more := ""
		if n > maxFields {
			more = fmt.Sprintf(" and %d more", n-maxFields)
		}
		fmt.Fprintf(b, "  Its data: args.%s%s.\n", strings.Join(p.Fields[:min(n, maxFields)], ", args."), more)
	}
	if p.Condition != "" {
		fmt.Fprintf(b, "  Only if %s:\n", p.Condition)
	}
	writeSteps(b, p.Steps, "  ")
}

func writeSteps(b *strings.Builder, steps []Step, indent string) {
	for _, s := range steps {
		fmt.Fprintf(b, "%s- %s\n", indent, s.Text)
		writeSteps(b, s.Steps, indent+"  ")
	}
}

// String returns the map in one line.
func (m Map) String() string {
	s := m.Name
	if len(m.Keys) > 0 {
		s += ", by " + join(m.Keys)
	}
	s += ": " + m.Holds
	if m.Unit != "" && !strings.Contains(m.Holds, "in "+m.Unit) && m.Unit != unitInstant {
		s += " (" + m.Unit + ")"
	}
	if m.MaxEntries > 0 {
		s += fmt.Sprintf("; at most %d entries", m.MaxEntries)
	}
	return s
}
