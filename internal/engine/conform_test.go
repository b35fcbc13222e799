package engine_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// A script of testdata/conform is a remark and these parts, each after a line
// "-- NAME --":
//
//	program   text; {target} is the path of the compiled testdata/target.c
//	workload  arguments of the target, which is run as the command of -c
//	stdout    what must be printed, exactly
//	exit      the exit code; 0 when absent
//	engines   names of those that can do it; all when absent
//
// Every engine that this machine has must print the same.
func TestConformance(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing the system calls of a command needs root")
	}
	target := filepath.Join(t.TempDir(), "target")
	if out, err := exec.Command("cc", "-O1", "-o", target, "testdata/target.c").CombinedOutput(); err != nil {
		t.Skipf("no C compiler that works: %v\n%s", err, out)
	}
	machine, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	scripts, err := filepath.Glob("testdata/conform/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, e := range engines(t, machine) {
		for _, path := range scripts {
			name := strings.TrimSuffix(filepath.Base(path), ".txt")
			t.Run(e.Name()+"/"+name, func(t *testing.T) { conform(t, e, machine, readScript(t, path, target)) })
		}
	}
}

func TestUSDTArguments(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("tracing a command needs root")
	}
	target := filepath.Join(t.TempDir(), "usdt")
	if out, err := exec.Command("cc", "-O1", "-o", target, "../symbol/testdata/usdt.c").CombinedOutput(); err != nil {
		t.Skipf("no C compiler that works: %v\n%s", err, out)
	}
	machine, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	conform(t, &engine.Native{Machine: machine}, machine, script{
		program: "usdt:" + target + ":shop:price { printf(\"price %d %d %d\\n\", arg0, arg1, arg2); }\n" +
			"usdt:" + target + ":shop:sale { @[arg0, arg1, str(arg2) == \"" + target + "\", (int32)arg3, arg4] = count(); }",
		workload: target,
		stdout: "price 20 1 0\nprice 30 2 0\nprice 40 3 0\n" +
			"@[1, 0, true, 5, 42]: 1\n@[2, 100, true, -7, 42]: 1\n@[2, 100, true, 5, 42]: 1\n" +
			"@[3, 200, true, -7, 42]: 1\n@[3, 200, true, 5, 42]: 1\n",
	})
}

// engines are the native one and, if there is a bpftrace that knows the language
// of the scripts (MCPTRACE_BPFTRACE names it, else the one on PATH), that.
func engines(t *testing.T, machine *kernel.Machine) []engine.Engine {
	all := []engine.Engine{&engine.Native{Machine: machine}}
	external := &engine.External{Path: os.Getenv("MCPTRACE_BPFTRACE")}
	version, err := external.Version(t.Context())
	if err != nil {
		t.Logf("without the bpftrace engine: %v", err)
		return all
	}
	minor, _, _ := strings.Cut(strings.TrimPrefix(version, "0."), ".")
	if n, err := strconv.Atoi(minor); err != nil || n < 26 {
		t.Logf("without the bpftrace engine: the scripts are in the language of 0.26, and bpftrace is %s; MCPTRACE_BPFTRACE can name a newer one", version)
		return all
	}
	return append(all, external)
}

type script struct {
	program, workload, stdout, engines string
	exit                               int
}

func readScript(t *testing.T, path, target string) script {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	for _, part := range strings.Split("\n"+string(text), "\n-- ")[1:] {
		name, body, ok := strings.Cut(part, " --\n")
		body = strings.TrimSuffix(body, "\n")
		switch {
		case !ok:
			t.Fatalf("%s: bad part %q", path, part)
		case name == "program":
			s.program = strings.ReplaceAll(body, "{target}", target)
		case name == "workload":
			s.workload = target + " " + body
		case name == "stdout":
			s.stdout = body + "\n"
		case name == "engines":
			s.engines = body
		case name == "exit":
			s.exit, _ = strconv.Atoi(body)
		}
	}
	return s
}

func conform(t *testing.T, e engine.Engine, machine *kernel.Machine, s script) {
	if s.engines != "" && !strings.Contains(s.engines, e.Name()) {
		t.Skipf("only for %s", s.engines)
	}
	f, ds := syntax.Parse(syntax.NewSource("stdin", s.program), nil)
	reject(t, ds)
	info, ds := check.Check(f, machine, &check.Options{Unsafe: true, HasChild: s.workload != ""})
	reject(t, ds)
	obj, ds := compile.Compile(info, &compile.Options{Poll: true, Params: true})
	reject(t, ds)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := e.Start(ctx, obj, &engine.Options{Command: s.workload, Unsafe: true})
	var lacks *kernel.Missing
	if errors.As(err, &lacks) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out strings.Builder
	enc, code := output.NewTextEncoder(&out, io.Discard, nil), -1
	for {
		ev, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if x, ok := ev.(*output.Exit); ok {
			code = x.Code
		}
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	if got := tidy(out.String()); got != tidy(s.stdout) || code != s.exit {
		t.Errorf("exit %d, want %d; printed\n%s\nwant\n%s", code, s.exit, got, tidy(s.stdout))
	}
}

// tidy leaves out empty lines: where the output ends and the maps begin is only
// known of the native engine.
func tidy(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func reject(t *testing.T, ds syntax.Diagnostics) {
	t.Helper()
	for _, d := range ds {
		if d.Severity == syntax.Error {
			t.Fatalf("%s: %s", d.Code, d.Message)
		}
	}
}
