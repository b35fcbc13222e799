package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/service"
)

// programFlags are what chooses and parametrises a program, for run and check.
type programFlags struct {
	text    string // -e
	given   bool
	unsafe  bool
	named   []string // --name=value after "--"
	params  []string
	path    string   // of the file, for imports; "" for -e and stdin
	include []string // -I
}

func (f *programFlags) flags() []flag {
	return []flag{
		{short: "e", arg: "PROGRAM", help: "the program itself, instead of a file", set: func(v string) error { f.text, f.given = v, true; return nil }},
		boolFlag(&f.unsafe, "unsafe", "", "allow what changes the system: system(), signal(), override(), ..."),
		listFlag(&f.include, "include-dir", "I", "DIR", "look for imported and included files here too"),
	}
}

// load takes the program from -e, or from the file (- for standard input) that
// is the first argument; further arguments are $1, $2, ...
func (m *Main) load(f *programFlags, p *parsed) (*syntax.Source, error) {
	args := p.args
	var src *syntax.Source
	var err error
	switch {
	case f.given:
		src, err = service.NewProgram("stdin", f.text)
	case len(args) == 0:
		return nil, usagef("no program: give -e 'PROGRAM', a file, or - for standard input")
	case args[0] == "-":
		args = args[1:]
		src, err = service.ReadProgram("stdin", m.Stdin)
	default:
		f.path, args = args[0], args[1:]
		src, err = readFile(f.path)
	}
	if err != nil {
		return nil, err
	}
	f.params = append(args, f.split(p.named)...)
	return src, nil
}

// split keeps what follows "--" as --name=value and returns the rest.
func (f *programFlags) split(words []string) (positional []string) {
	for _, w := range words {
		if strings.HasPrefix(w, "--") && len(w) > 2 {
			f.named = append(f.named, w[2:])
		} else {
			positional = append(positional, w)
		}
	}
	return positional
}

// options are the program's options for the service.
func (f *programFlags) options() *service.ProgramOptions {
	o := &service.ProgramOptions{Unsafe: f.unsafe, Params: f.params, Named: map[string]string{}, Env: bpftraceEnv(), Import: f.importer()}
	for _, n := range f.named {
		name, value, given := strings.Cut(n, "=")
		if !given {
			value = "true"
		}
		o.Named[name] = value
	}
	return o
}

// importer finds imported files beside the program and in -I directories.
func (f *programFlags) importer() func(string) (*syntax.Source, error) {
	dirs := append([]string{filepath.Dir(f.path)}, f.include...)
	return func(path string) (*syntax.Source, error) {
		if filepath.IsAbs(path) {
			return readFile(path)
		}
		for _, dir := range dirs {
			src, err := readFile(filepath.Join(dir, path))
			if !errors.Is(err, fs.ErrNotExist) {
				return src, err
			}
		}
		return nil, fs.ErrNotExist
	}
}

// bpftraceEnv are the settings that upstream takes from the environment.
func bpftraceEnv() map[string]string {
	env := map[string]string{}
	for _, kv := range os.Environ() {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, "BPFTRACE_") {
			env[name] = value
		}
	}
	return env
}

// readFile reads a program. Only regular files and pipes are read: a device may
// never end.
func readFile(path string) (*syntax.Source, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, openError(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, openError(path, err)
	}
	if mode := info.Mode(); !mode.IsRegular() && mode&(fs.ModeNamedPipe|fs.ModeSocket) == 0 {
		return nil, usagef("%s is not a file with a program", path)
	}
	return service.ReadProgram(path, file)
}

// fileError is a program file that cannot be opened: wrong usage.
type fileError struct {
	usageError
	err error
}

func (e *fileError) Unwrap() []error { return []error{&e.usageError, e.err} }

func openError(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return &fileError{usageError{"open " + path + ": " + err.Error()}, err}
}
