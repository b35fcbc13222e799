package service

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// MaxProgram is the size above which program text is refused, in bytes. The
// longest of upstream's tools has 12 KB.
const MaxProgram = 1 << 20

// ReadProgram reads program text and refuses what is too long without reading
// it all.
func ReadProgram(name string, r io.Reader) (*syntax.Source, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxProgram+1))
	if err != nil {
		return nil, errorf(CodeInvalid, "read %s: %v", name, err)
	}
	return NewProgram(name, string(text))
}

// NewProgram makes a source of program text and refuses what cannot be one.
func NewProgram(name, text string) (*syntax.Source, error) {
	switch {
	case len(text) > MaxProgram:
		return nil, errorf(CodeRejected, "the program is longer than %d bytes, the limit", MaxProgram).
			fix("split the program; a trace needs a few lines")
	case isBinary(text):
		return nil, errorf(CodeRejected, "this is not program text but binary data").
			fix("give a program such as tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }")
	}
	return syntax.NewSource(name, text), nil
}

// isBinary judges by a NUL byte, or by how much of the beginning is neither
// printable nor UTF-8.
func isBinary(text string) bool {
	if strings.IndexByte(text, 0) >= 0 {
		return true
	}
	head := text[:min(len(text), 8<<10)]
	odd := 0
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRuneInString(head[i:])
		if r == utf8.RuneError && size == 1 || r < ' ' && !strings.ContainsRune("\t\n\r\f\v\x1b", r) {
			odd++
		}
		i += size
	}
	return odd > 8 && odd > len(head)/16
}

// ProgramOptions are what changes the meaning of a program.
type ProgramOptions struct {
	Unsafe       bool
	Params       []string
	Named        map[string]string
	Env          map[string]string // BPFTRACE_* settings
	PID          int
	HasChild     bool
	SyntaxOnly   bool
	Tolerant     bool // what the target cannot do is only a warning
	HelperErrors bool
	Live         bool // parameters, sampling and pausing can be changed while it runs
	Import       func(path string) (*syntax.Source, error)
}

// Checked is a program whose meaning is known.
type Checked struct {
	Source      *syntax.Source
	File        *syntax.File
	Info        *check.Info
	Diagnostics syntax.Diagnostics // of parser and checker
}

// tolerate turns errors about what the target cannot know or do into warnings:
// the program may be right, and checking it needs no rights.
func tolerate(ds syntax.Diagnostics) {
	for i := range ds {
		if ds[i].Code == check.CodeMissingAbility {
			ds[i].Severity = syntax.Warning
		}
	}
}

// Check parses and checks a program. The error is an *Error of CodeRejected when
// there are errors in it; Checked has the diagnostics in any case.
func Check(src *syntax.Source, target check.Target, opts *ProgramOptions) (*Checked, error) {
	parsing := &syntax.ParseOptions{Params: opts.Params, Unsafe: opts.Unsafe}
	if m, ok := target.(*kernel.Machine); ok {
		parsing.ResolveLine = m.SourceLine
	}
	file, ds := syntax.Parse(src, parsing)
	c := &Checked{Source: src, File: file, Diagnostics: ds}
	info, more := check.Check(file, target, &check.Options{
		Unsafe: opts.Unsafe, Params: opts.Params, Named: opts.Named, Env: opts.Env, PID: opts.PID,
		HasChild: opts.HasChild, SyntaxOnly: opts.SyntaxOnly, Import: opts.Import,
	})
	c.Info = info
	c.Diagnostics = append(ds, more...)
	if opts.Tolerant {
		tolerate(c.Diagnostics)
	}
	if c.Diagnostics.HasErrors() {
		return c, rejected(c.Diagnostics)
	}
	return c, nil
}
