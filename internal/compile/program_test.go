package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// host is this machine as a target, opened once.
var host = sync.OnceValues(func() (*kernel.Machine, error) { return kernel.Host(kernel.Options{}) })

func requireHost(t *testing.T) check.Target {
	t.Helper()
	m, err := host()
	if err != nil {
		t.Skipf("cannot read this kernel: %v", err)
	}
	return m
}

// compileText compiles a program for a target, with every safety off.
func compileText(text string, target check.Target, opts *Options) (*Object, error) {
	f, ds := syntax.Parse(syntax.NewSource("stdin", text), nil)
	if ds.HasErrors() {
		return nil, failure{"parse", ds}
	}
	info, ds := check.Check(f, target, &check.Options{Unsafe: true})
	if ds.HasErrors() {
		return nil, failure{"check", ds}
	}
	obj, ds := Compile(info, opts)
	if ds.HasErrors() {
		return nil, failure{"compile", ds}
	}
	return obj, nil
}

// failure is a stage that refused a program.
type failure struct {
	stage string
	ds    syntax.Diagnostics
}

func (f failure) Error() string {
	var b strings.Builder
	b.WriteString(f.stage + ":")
	for _, d := range f.ds {
		if d.Severity == syntax.Error {
			fmt.Fprintf(&b, " %s", d.Message)
		}
	}
	return b.String()
}

// TestPrograms compiles every program of testdata/*.bt.txt, one a line, and lets
// the kernel's verifier judge them.
func TestPrograms(t *testing.T) {
	requireBPF(t)
	target := requireHost(t)
	files, err := filepath.Glob("testdata/*.bt.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no programs in testdata", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(data), "\n") {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), i+1), func(t *testing.T) {
				verify(t, line, target, nil)
				verify(t, line, target, &Options{Poll: true, Params: true, PlainReads: true})
			})
		}
	}
}

func verify(t *testing.T, line string, target check.Target, opts *Options) {
	t.Helper()
	obj, err := compileText(line, target, opts)
	if err != nil {
		t.Fatalf("%s\n%v", line, err)
	}
	l, err := load(obj)
	if err != nil {
		t.Fatalf("%s\n%v", line, err)
	}
	l.close()
}
