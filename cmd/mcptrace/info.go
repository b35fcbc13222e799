package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/internal/service"
)

func (m *Main) infoCommand() *command {
	format := "text"
	return &command{
		name: "info", short: "say what this system can trace, and what is missing",
		flags: []flag{wordFlag(&format, "format", "f", "form of the answer", "text", "json")},
		run: func(ctx context.Context, _ *parsed) error {
			info, err := m.service().BPFInfo(ctx, &service.BPFInfoRequest{Section: "all"})
			if err != nil {
				return m.failed(err)
			}
			if format == "json" {
				return writeJSON(m.Stdout, info)
			}
			m.printInfo(info)
			return nil
		},
	}
}

func (m *Main) printInfo(info *service.BPFInfoResult) {
	w := m.Stdout
	fmt.Fprintf(w, "%s\n\n", info.Summary)
	for _, f := range info.Facts {
		fmt.Fprintf(w, "%-14s %s\n", f.Name, f.Value)
	}
	fmt.Fprintf(w, "%-14s %s\n", "engines", strings.Join(info.Engines, ", "))
	fmt.Fprintf(w, "%-14s %s\n", "abilities", strings.Join(info.Abilities, ", "))
	m.printMissing(info.Missing)
}

func (m *Main) printMissing(missing []service.Lacking) {
	if len(missing) == 0 {
		return
	}
	fmt.Fprint(m.Stdout, "\nmissing:\n")
	for _, l := range missing {
		fmt.Fprintf(m.Stdout, "  %-20s %s\n", l.Ability, l.What)
		if l.Why != "" {
			fmt.Fprintf(m.Stdout, "  %-20s   %s\n", "", l.Why)
		}
		if l.Hint != "" {
			fmt.Fprintf(m.Stdout, "  %-20s   %s\n", "", l.Hint)
		}
	}
}
