package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/service"
)

// checkFlags are those of check.
type checkFlags struct {
	programFlags
	target string
	format string
	syntax bool
	fix    bool
	write  bool
}

func (m *Main) checkCommand() *command {
	f := &checkFlags{format: "text"}
	return &command{
		name: "check", args: "(-e PROGRAM | FILE | -) [ARGS]",
		short: "say what is wrong with a program, without running it",
		long:  "Needs no rights and works on any system. Exit status: 0 accepted, 1 rejected, 2 wrong usage.",
		flags: append(f.flags(),
			stringFlag(&f.target, "target", "", "host|offline|FILE", "what to check against: this kernel (default where it can be read), none, or a snapshot"),
			boolFlag(&f.syntax, "syntax-only", "", "check the form only, no types"),
			boolFlag(&f.fix, "fix", "", "print the program with the suggested repairs; the exit status is then that of the result"),
			boolFlag(&f.write, "write", "w", "with --fix, write the result to the file instead of printing it"),
			wordFlag(&f.format, "format", "f", "form of the diagnostics", "text", "json"),
		),
		run: func(ctx context.Context, p *parsed) error { return m.check(ctx, f, p) },
	}
}

func (m *Main) check(_ context.Context, f *checkFlags, p *parsed) error {
	src, err := m.load(&f.programFlags, p)
	switch {
	case err != nil:
		return m.refused(f.format, err)
	case f.write && (!f.fix || f.path == ""):
		return usagef("--write goes with --fix and a file")
	}
	target, err := m.target(f.target)
	if err != nil {
		return err
	}
	opts := f.options()
	opts.SyntaxOnly, opts.Tolerant = f.syntax, true
	checked, err := service.Check(src, target, opts)
	if err := m.diagnose(f.format, checked.Diagnostics); err != nil {
		return err
	}
	if f.fix {
		return m.fix(f, src, checked, target, opts)
	}
	if err != nil {
		return &statusError{status: statusRejected}
	}
	return nil
}

// maxRounds bounds how often a mended program is mended again: a fix can bring
// to light what the mistake hid, or what another fix stood in the way of.
const maxRounds = 5

// fix applies the suggested repairs and says what is left.
func (m *Main) fix(f *checkFlags, src *syntax.Source, checked *service.Checked, target check.Target, opts *service.ProgramOptions) error {
	total, first := 0, src.Text
	for range maxRounds {
		text, n := syntax.ApplyFixes(src, checked.Diagnostics, false)
		if n == 0 {
			break
		}
		total += n
		src = syntax.NewSource(src.Name, text)
		checked, _ = service.Check(src, target, opts) // its error says what the diagnostics do
	}
	if total > 0 && len(checked.Diagnostics) > 0 && f.format == "text" {
		fmt.Fprintf(m.Stderr, "after %d repairs:\n", total)
		if err := m.diagnose(f.format, checked.Diagnostics); err != nil {
			return err
		}
	}
	if err := m.writeFixed(f, first, src.Text); err != nil {
		return err
	}
	if checked.Diagnostics.HasErrors() {
		return &statusError{status: statusRejected}
	}
	return nil
}

// writeFixed prints a mended program or writes it to its file.
func (m *Main) writeFixed(f *checkFlags, old, text string) error {
	if f.write {
		return rewrite(f.path, old, text)
	}
	_, err := io.WriteString(m.Stdout, text)
	return err
}

// diagnose prints findings about a program to standard error.
func (m *Main) diagnose(format string, ds syntax.Diagnostics) error {
	if format == "json" {
		return writeJSON(m.Stderr, map[string]any{"diagnostics": service.Diagnose(ds)})
	}
	return syntax.RenderText(m.Stderr, ds)
}

// refused says why a program was not even read. Wrong usage is returned.
func (m *Main) refused(format string, err error) error {
	var e *service.Error
	if !errors.As(err, &e) {
		return err
	}
	if format == "json" {
		if err := writeJSON(m.Stderr, map[string]any{"diagnostics": []any{}, "error": e}); err != nil {
			return err
		}
		return &statusError{status: statusRejected}
	}
	fmt.Fprintf(m.Stderr, "ERROR: %v\n", e)
	return &statusError{status: statusRejected}
}
