package check_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// checkText parses and checks a program on the target that knows no kernel.
func checkText(text string, opts *check.Options) (*check.Info, syntax.Diagnostics) {
	return checkOn(check.Offline("amd64"), text, opts)
}

func checkOn(t check.Target, text string, opts *check.Options) (*check.Info, syntax.Diagnostics) {
	if opts == nil {
		opts = &check.Options{}
	}
	src := syntax.NewSource("stdin", text)
	f, ds := syntax.Parse(src, &syntax.ParseOptions{Params: opts.Params, Unsafe: opts.Unsafe})
	if ds.HasErrors() {
		return nil, ds
	}
	info, more := check.Check(f, t, opts)
	return info, append(ds, more...)
}

func errorsOf(ds syntax.Diagnostics) []string {
	var out []string
	for _, d := range ds {
		if d.Severity == syntax.Error {
			out = append(out, string(d.Code)+": "+d.Message)
		}
	}
	return out
}

// TestCodes runs the two examples of every diagnostic code: the bad one has the
// code, the good one has no diagnostic of it and is accepted.
func TestCodes(t *testing.T) {
	seen := map[syntax.Code]bool{}
	for _, row := range check.Codes() {
		if seen[row.Code] {
			t.Errorf("%s: listed twice", row.Code)
		}
		seen[row.Code] = true
		if row.Meaning == "" || row.Title == "" || !strings.HasSuffix(row.Meaning, ".") {
			t.Errorf("%s: reason %q is no sentence", row.Code, row.Meaning)
		}
		if row.Bad == "" {
			continue
		}
		if _, ds := checkText(row.Bad, nil); !hasCode(ds, row.Code) {
			t.Errorf("%s: bad example has not the code: %s\n  %v", row.Code, row.Bad, ds)
		}
		_, ds := checkText(row.Good, nil)
		if hasCode(ds, row.Code) || ds.HasErrors() {
			t.Errorf("%s: good example is not good: %s\n  %v", row.Code, row.Good, ds)
		}
	}
}

func hasCode(ds syntax.Diagnostics, code syntax.Code) bool {
	for _, d := range ds {
		if d.Code == code {
			return true
		}
	}
	return false
}

// TestFunctionExamples checks the example of every function.
func TestFunctionExamples(t *testing.T) {
	for _, f := range check.Functions() {
		if f.Doc == "" || f.Example == "" {
			t.Errorf("%s: no documentation or example", f.Name)
			continue
		}
		_, ds := checkText(f.Example, &check.Options{Unsafe: true})
		if ds.HasErrors() {
			t.Errorf("%s: %s\n  %v", f.Name, f.Example, errorsOf(ds))
		}
	}
}

// TestPrograms checks the programs of testdata/*.txt, one a line. ↵ stands for a line end, a line that
// ends with "//! text" has that text in an error; others have no error.
func TestPrograms(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(string(data), "\n") {
				if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "# ") {
					continue
				}
				testLine(t, i+1, line)
			}
		})
	}
}

func testLine(t *testing.T, n int, line string) {
	program, want, bad := strings.Cut(line, "//!")
	opts := &check.Options{Unsafe: strings.HasPrefix(program, "--unsafe ")}
	program = strings.ReplaceAll(strings.TrimPrefix(program, "--unsafe "), `↵`, "\n")
	_, ds := checkOn(newFake(), program, opts)
	got := errorsOf(ds)
	want = strings.TrimSpace(want)
	switch {
	case !bad && len(got) > 0:
		t.Errorf("line %d: %s\n  unexpected %v", n, program, got)
	case bad && !strings.Contains(strings.Join(got, "\n"), want):
		t.Errorf("line %d: %s\n  want %q\n  got  %v", n, program, want, got)
	}
}
