package main

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/explain"
	"github.com/mcptrace/mcptrace/internal/service"
)

// explainFlags are those of explain.
type explainFlags struct {
	programFlags
	target string
	format string
}

func (m *Main) explainCommand() *command {
	f := &explainFlags{format: "text"}
	return &command{
		name: "explain", args: "(-e PROGRAM | FILE | - | CODE | FUNCTION | PROBEKIND)",
		short: "say in plain words what a program does, or what a diagnostic means",
		long: "A program is explained probe by probe: when it fires, under which condition, what each statement does,\n" +
			"what the maps end up holding, what is printed and how it ends. The program itself may stand in place of FILE.\n" +
			"A code is the word that check -f json gives with each finding, such as undefined-map. Needs no rights.",
		flags: append(f.flags(),
			stringFlag(&f.target, "target", "", "host|offline|FILE", "what to check the program against: this kernel (default where it can be read), none, or a snapshot"),
			wordFlag(&f.format, "format", "f", "form of the explanation", "text", "json"),
		),
		run: func(_ context.Context, p *parsed) error { return m.explain(f, p) },
	}
}

// explainable is what an explanation can be printed as.
type explainable interface{ WriteText(io.Writer) error }

func (m *Main) explain(f *explainFlags, p *parsed) error {
	if !f.given && len(p.args) > 0 {
		if w, err := m.word(f, p.args[0]); w != nil || err != nil {
			return m.tell(f, w, err)
		}
	}
	src, err := m.load(&f.programFlags, p)
	if err != nil {
		return m.refused(f.format, err)
	}
	target, err := m.target(f.target)
	if err != nil {
		return err
	}
	opts := f.options()
	opts.Tolerant, opts.Unsafe = true, true
	checked, err := service.Check(src, target, opts)
	if err != nil {
		if err := m.diagnose(f.format, checked.Diagnostics); err != nil {
			return err
		}
		return &statusError{status: statusRejected}
	}
	return m.tell(f, explain.Program(checked.Info), nil)
}

// word explains an argument that is a word. An argument that is a program is
// taken as with -e; nil means that it is one, or a file.
func (m *Main) word(f *explainFlags, arg string) (explainable, error) {
	if _, err := os.Stat(arg); err == nil || arg == "-" {
		return nil, nil
	}
	if w, ok := explain.Lookup(arg); ok {
		return w, nil
	}
	if strings.ContainsAny(arg, "{ ") {
		f.text, f.given = arg, true
		return nil, nil
	}
	if strings.ContainsAny(arg, "./") {
		return nil, nil // a file that is not there: load says so
	}
	if near := explain.Nearest(arg); near != "" {
		return nil, usagef("%q is no file, diagnostic, function or kind of probe; did you mean %q?", arg, near)
	}
	return nil, usagef("%q is no file, diagnostic, function or kind of probe; a program is given as -e 'PROGRAM'", arg)
}

func (m *Main) tell(f *explainFlags, what explainable, err error) error {
	switch {
	case err != nil:
		return err
	case f.format == "json":
		return writeJSON(m.Stdout, what)
	}
	return what.WriteText(m.Stdout)
}
