package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/service"
)

// listFlags are those of list.
type listFlags struct {
	verbose bool
	all     bool
	pid     int
	limit   int
	format  string
}

func (m *Main) listCommand() *command {
	f := &listFlags{format: "text"}
	return &command{
		name: "list", args: "[PATTERN | WORDS... | FILE]", short: "list probes by pattern or words, or those of a program",
		long: "A pattern is written as in a program: 'tracepoint:sched:*', '*open*', 'uprobe:/bin/bash:*'.\nSeveral words find names that hold them all.",
		flags: []flag{
			boolFlag(&f.verbose, "verbose", "v", "with arguments and their types"),
			{short: "l", help: "as bpftrace spells it", hidden: true, set: func(string) error { return nil }},
			boolFlag(&f.all, "all", "a", "also kinds that this kernel or these rights cannot attach"),
			intFlag(&f.pid, "pid", "p", "PID", "find binaries as this process sees them"),
			intFlag(&f.limit, "limit", "", "N", "at most this many"),
			wordFlag(&f.format, "format", "f", "form of the list", "text", "json"),
		},
		run: func(_ context.Context, p *parsed) error { return m.list(f, p) },
	}
}

func (m *Main) list(f *listFlags, p *parsed) error {
	host, err := m.host()
	if err != nil {
		return m.failed(err)
	}
	opts := kernel.ListOptions{All: f.all, Args: f.verbose, PID: f.pid, Limit: f.limit}
	opts.Pattern, opts.Words = service.SplitFilter(strings.Join(p.args, " "))
	if len(p.args) == 1 && strings.HasSuffix(p.args[0], ".bt") {
		return m.listProgram(f, host, p.args[0])
	}
	listing, err := host.List(opts)
	if err != nil {
		return m.failed(err)
	}
	if f.format == "json" {
		return writeJSON(m.Stdout, listing)
	}
	w := bufio.NewWriter(m.Stdout)
	if err := listing.WriteText(w); err != nil {
		return err
	}
	if listing.Total == 0 && isTerminal(m.Stderr) {
		fmt.Fprintln(m.Stderr, "no probe matches; words find more than patterns: mcptrace list block issue")
	}
	return w.Flush()
}

// listProgram lists what a program attaches to.
func (m *Main) listProgram(f *listFlags, host *kernel.Machine, path string) error {
	src, err := readFile(path)
	if err != nil {
		return m.refused("text", err)
	}
	checked, err := service.Check(src, host, &service.ProgramOptions{Unsafe: true, PID: f.pid})
	if err != nil {
		return m.failed(err)
	}
	for _, p := range checked.Info.Probes {
		for _, ap := range p.AttachPoints {
			fmt.Fprintln(m.Stdout, ap.Name)
		}
	}
	return nil
}

// isTerminal reports whether w is a terminal, by being a character device.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
