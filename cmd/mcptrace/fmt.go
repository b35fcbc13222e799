package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func (m *Main) fmtCommand() *command {
	var f programFlags
	var write, list bool
	return &command{
		name: "fmt", args: "(-e PROGRAM | FILE... | -)", short: "print programs in the usual layout",
		flags: []flag{
			{short: "e", arg: "PROGRAM", help: "the program itself, instead of a file", set: func(v string) error { f.text, f.given = v, true; return nil }},
			boolFlag(&write, "write", "w", "write the result to the files instead of printing it"),
			boolFlag(&list, "list", "l", "only name the files whose layout differs; exit status 1 if there are any"),
		},
		run: func(_ context.Context, p *parsed) error { return m.format(&f, p, write, list) },
	}
}

func (m *Main) format(f *programFlags, p *parsed, write, list bool) error {
	if f.given || len(p.args) <= 1 {
		src, err := m.load(f, p)
		if err != nil {
			return m.refused("text", err)
		}
		return m.formatOne(src, f.path, write, list)
	}
	var first error
	for _, path := range p.args {
		src, err := readFile(path)
		if err == nil {
			err = m.formatOne(src, path, write, list)
		}
		if first == nil {
			first = err
		}
	}
	return first
}

func (m *Main) formatOne(src *syntax.Source, path string, write, list bool) error {
	file, ds := syntax.Parse(src, nil)
	if ds.HasErrors() {
		if err := m.diagnose("text", ds); err != nil {
			return err
		}
		return &statusError{status: statusRejected}
	}
	text := syntax.Format(file)
	switch {
	case list && text != src.Text:
		fmt.Fprintln(m.Stdout, src.Name)
		return &statusError{status: statusRejected}
	case list:
		return nil
	case write && path != "":
		return rewrite(path, src.Text, text)
	}
	_, err := io.WriteString(m.Stdout, text)
	return err
}

// rewrite replaces the text of a file by way of a new one, so that a crash
// leaves either.
func rewrite(path, old, text string) error {
	if old == text {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return openError(path, err)
	}
	next := path + ".mcptrace-fmt"
	if err := os.WriteFile(next, []byte(text), info.Mode().Perm()); err != nil {
		return openError(next, err)
	}
	return os.Rename(next, path)
}
