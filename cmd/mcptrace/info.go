package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcptrace/mcptrace/internal/service"
)

func (m *Main) infoCommand() *command {
	format, path := "text", ""
	return &command{
		name: "info", short: "say what this system can trace, and what is missing",
		long: "With --snapshot, what programs are checked against is stored: take the file elsewhere and use check --target FILE.\n" +
			"It holds types, tracepoints, functions and abilities of the kernel, no addresses and nothing of its users.",
		flags: []flag{
			wordFlag(&format, "format", "f", "form of the answer", "text", "json"),
			stringFlag(&path, "snapshot", "", "FILE", "store what this kernel offers, for check --target FILE"),
		},
		run: func(ctx context.Context, _ *parsed) error {
			if path != "" {
				return m.writeSnapshot(path)
			}
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

// writeSnapshot stores the host's kernel. The file is written beside its place
// first, so that there is never half of one.
func (m *Main) writeSnapshot(path string) error {
	host, err := m.host()
	if err != nil {
		return m.failed(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".mcptrace-snapshot")
	if err != nil {
		return openError(path, err)
	}
	defer os.Remove(f.Name()) // of no effect after the rename
	if err := host.WriteSnapshot(f); err != nil {
		return errors.Join(err, f.Close())
	}
	size, _ := f.Seek(0, io.SeekCurrent)
	if err := errors.Join(f.Chmod(0o644), f.Close(), os.Rename(f.Name(), path)); err != nil {
		return openError(path, err)
	}
	fmt.Fprintf(m.Stderr, "stored %s in %s: %.1f MB\n", host.Describe(), path, float64(size)/1e6)
	return nil
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
