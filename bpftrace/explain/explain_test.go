package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/explain"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// explained explains a program on no kernel, or on one with the fields of
// sys_exit_read. It returns nil when the program has errors.
func explained(text string, target check.Target) (*explain.Explanation, syntax.Diagnostics) {
	file, ds := syntax.Parse(syntax.NewSource("stdin", text), nil)
	info, more := check.Check(file, target, &check.Options{Unsafe: true})
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, ds
	}
	return explain.Program(info), ds
}

func text(t *testing.T, e *explain.Explanation) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestPrograms compares the explanations of testdata/*.bt with the files .txt
// beside them. MCPTRACE_UPDATE=1 writes those.
func TestPrograms(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bt")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			program, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			e, ds := explained(string(program), check.Offline("amd64"))
			if e == nil {
				t.Fatal(ds)
			}
			golden(t, strings.TrimSuffix(name, ".bt")+".txt", text(t, e))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if os.Getenv("MCPTRACE_UPDATE") != "" {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s:\n%s", name, got)
	}
}

// readKernel is a kernel that knows one tracepoint.
type readKernel struct{ check.Target }

func (readKernel) Describe() string { return "a kernel made up for tests" }

func (readKernel) TracepointFields(string, string) ([]check.Field, error) {
	long := &check.Type{Kind: check.Int, Size: 8, Signed: true, Name: "long"}
	return []check.Field{{Name: "common_type", Type: long}, {Name: "__syscall_nr", Type: long, Offset: 8}, {Name: "ret", Type: long, Offset: 16}}, nil
}

func TestFields(t *testing.T) {
	e, ds := explained("tracepoint:syscalls:sys_exit_read { @ = sum(args.ret); }", readKernel{check.Offline("amd64")})
	if e == nil {
		t.Fatal(ds)
	}
	if got := strings.Join(e.Probes[0].Fields, " "); got != "ret" {
		t.Errorf("fields are %q, want ret alone", got)
	}
	if e.Target != "a kernel made up for tests" || e.Maps[0].Unit != "bytes" {
		t.Errorf("target %q, unit %q", e.Target, e.Maps[0].Unit)
	}
	if got := text(t, e); !strings.Contains(got, "Its data: args.ret.") {
		t.Error(got)
	}
}

// TestJSON makes sure that lists are there even when they are empty, so that a
// reader need not tell null from none.
func TestJSON(t *testing.T) {
	e, ds := explained("begin { exit(); }", check.Offline("amd64"))
	if e == nil {
		t.Fatal(ds)
	}
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "null") || !strings.Contains(string(data), `"maps":[]`) {
		t.Errorf("%s", data)
	}
}

// TestTables explains every example of the tables of the language.
func TestTables(t *testing.T) {
	programs := map[string]string{}
	for _, f := range check.Functions() {
		programs[f.Name] = f.Example
	}
	for _, w := range explain.Codes() {
		programs[w.Word] = w.Good
	}
	done := 0
	for name, program := range programs {
		e, _ := explained(program, check.Offline("amd64"))
		if e == nil {
			continue // a fragment, or it needs what the test does not give; check's own tests judge it
		}
		done++
		for _, p := range e.Probes {
			if p.When == "Fires ." || strings.Contains(p.When+p.Condition, "%!") {
				t.Errorf("%s: %q has a probe that fires %q, %q", name, program, p.When, p.Condition)
			}
			unspoken(t, name, p.Steps)
		}
	}
	if done < 150 {
		t.Errorf("only %d programs were explained", done)
	}
}

func unspoken(t *testing.T, name string, steps []explain.Step) {
	t.Helper()
	for _, s := range steps {
		if s.Text == "" || strings.Contains(s.Text, "%!") || strings.Contains(s.Text, "  ") {
			t.Errorf("%s: step %q", name, s.Text)
		}
		unspoken(t, name, s.Steps)
	}
}

func TestLookup(t *testing.T) {
	for word, want := range map[string]string{
		"undefined-map": "diagnostic", "missing-semicolon": "diagnostic", "hist": "aggregation", "comm": "builtin", "str": "function",
		"fentry": "probe", "__builtin_cpu": "builtin", "kfunc": "probe", "format": "diagnostic",
	} {
		w, ok := explain.Lookup(word)
		var b bytes.Buffer
		if err := w.WriteText(&b); err != nil || !ok || w.Kind != want || w.Meaning == "" || !strings.Contains(b.String(), w.Meaning) {
			t.Errorf("%s: %v %+v", word, ok, w)
		}
	}
	if _, ok := explain.Lookup("nonsense"); ok {
		t.Error("nonsense is explained")
	}
	if got := explain.Nearest("undefned-map"); got != "undefined-map" {
		t.Errorf("nearest is %q", got)
	}
}

func TestSignature(t *testing.T) {
	for name, want := range map[string]string{
		"print": "print(value [, top [, div]])", "pid": "pid, pid(ns)", "uid": "uid", "kstack": "kstack, kstack(mode [, limit])",
		"printf": "printf(format, ...)", "hist": "@m = hist(n [, bits])", "count": "@m = count()", "exit": "exit([code])",
		"ntop": "ntop([family,] address)",
	} {
		if got := explain.Signature(check.LookupFunction(name)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
