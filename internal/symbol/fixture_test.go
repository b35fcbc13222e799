package symbol

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// need skips the test when a program of this machine is absent.
func need(t testing.TB, tool string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Skipf("needs %s: %v", tool, err)
	}
}

// compile builds a program of testdata and returns its path.
func compile(t testing.TB, compiler, source string, flags ...string) string {
	t.Helper()
	need(t, compiler)
	src, err := filepath.Abs(filepath.Join("testdata", source))
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), strings.TrimSuffix(source, filepath.Ext(source)))
	run(t, compiler, append([]string{"-o", out, src}, flags...)...)
	return out
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
