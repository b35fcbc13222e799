package symbol

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
)

// need skips the test when a program of this machine is absent.
func need(t testing.TB, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs %s: %v", tool, err)
	}
}

// built holds the programs that compile made, by command line.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "symbol")
	if err != nil {
		panic(err)
	}
	built.dir, built.paths = dir, map[string]string{}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// compile builds a program of testdata once and returns its path; tests must
// not change the file.
func compile(t testing.TB, compiler, source string, flags ...string) string {
	t.Helper()
	need(t, compiler)
	built.Lock()
	defer built.Unlock()
	key := fmt.Sprint(compiler, source, flags)
	if path := built.paths[key]; path != "" {
		return path
	}
	for i, f := range flags { // further source files
		if strings.HasSuffix(f, ".c") {
			flags[i] = filepath.Join("testdata", f)
		}
	}
	src, err := filepath.Abs(filepath.Join("testdata", source))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(built.dir, "")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, strings.TrimSuffix(source, filepath.Ext(source)))
	run(t, compiler, append([]string{"-o", out, src}, flags...)...)
	built.paths[key] = out
	return out
}

// compileOwn is compile for tests that change or remove the file.
func compileOwn(t testing.TB, compiler, source string, flags ...string) string {
	t.Helper()
	data, err := os.ReadFile(compile(t, compiler, source, flags...))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), strings.TrimSuffix(source, filepath.Ext(source)))
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a tool and returns what it prints.
func run(t testing.TB, tool string, args ...string) string {
	t.Helper()
	need(t, tool)
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", tool, args, err, stderr.String())
	}
	return string(out)
}

func open(t testing.TB, path string) *Binary {
	t.Helper()
	b, err := OpenELF(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// libc returns the C library of this machine.
func libc(t testing.TB) string {
	t.Helper()
	path, err := ResolveBinary("libc", 0)
	if err != nil {
		t.Skipf("needs a C library: %v", err)
	}
	return path
}

// reflectPC returns the address of a test function.
func reflectPC(fn func(*testing.T)) uint64 { return uint64(reflect.ValueOf(fn).Pointer()) }
