package symbol

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"malloc", "malloc", true}, {"malloc", "malloc2", false}, {"*", "", true}, {"*", "x", true},
		{"mal*", "malloc", true}, {"*loc", "malloc", true}, {"m*l*c", "malloc", true}, {"m*x*c", "malloc", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"*a*", "bab", true}, {"mallo?", "malloc", false}, {"[m]*", "malloc", false},
	} {
		if got := Match(c.pattern, c.name); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestFunctionsAgreeWithNm(t *testing.T) {
	for _, path := range []string{compile(t, "gcc", "plain.c"), libc(t)} {
		b := open(t, path)
		want := nmFunctions(t, path)
		funcs, err := b.Functions("*")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Func{}
		for _, f := range funcs {
			got[f.Name] = f
		}
		if !slices.IsSortedFunc(funcs, func(a, b Func) int { return strings.Compare(a.Name, b.Name) }) || len(got) != len(funcs) {
			t.Errorf("%s: functions are not sorted and unique", path)
		}
		if len(want) < 5 {
			t.Fatalf("%s: nm gives %d functions", path, len(want))
		}
		missing := 0
		for name, addrs := range want {
			f, ok := got[name]
			if !ok || !slices.Contains(addrs, f.Addr) {
				if missing++; missing < 5 {
					t.Errorf("%s: %s: got %#x, nm says %#x", path, name, f.Addr, addrs)
				}
			}
		}
	}
}

// nmFunctions returns the addresses that nm gives for every function.
func nmFunctions(t *testing.T, path string) map[string][]uint64 {
	t.Helper()
	want := map[string][]uint64{}
	args := []string{"--defined-only", "-f", "sysv", path}
	out, err := exec.Command("nm", args...).Output()
	if _, lookErr := exec.LookPath("nm"); lookErr != nil {
		t.Skip("needs nm")
	}
	if err != nil || strings.Count(string(out), "FUNC") == 0 {
		out = []byte(run(t, "nm", append([]string{"-D"}, args...)...))
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(line, "|")
		if len(f) < 6 || strings.TrimSpace(f[3]) != "FUNC" && !strings.Contains(f[3], ": 10") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimSpace(f[0]), "@")
		addr, err := strconv.ParseUint(strings.TrimSpace(f[1]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = append(want[name], addr)
	}
	return want
}

func TestFunctionFileOffset(t *testing.T) {
	for _, flags := range [][]string{{"-pie"}, {"-no-pie"}, {"-static"}} {
		b := open(t, compile(t, "gcc", "plain.c", append(flags, "-O1", "-fPIE")...))
		f, err := b.Function("visible")
		if err != nil {
			t.Fatal(err)
		}
		if b.IsPIE() != (flags[0] == "-pie") {
			t.Errorf("%s: IsPIE = %v", flags, b.IsPIE())
		}
		// What is at the file offset is what objdump shows at the address.
		code := make([]byte, 4)
		file, _ := os.Open(b.Path())
		defer file.Close()
		if _, err := file.ReadAt(code, int64(f.FileOffset)); err != nil {
			t.Fatal(err)
		}
		out := run(t, "objdump", "-d", "--no-show-raw-insn", fmt.Sprintf("--start-address=%d", f.Addr), fmt.Sprintf("--stop-address=%d", f.Addr+f.Size), b.Path())
		if !strings.Contains(out, "<visible>:") && !strings.Contains(out, "<visible_alias>:") {
			t.Errorf("%s: %#x is not visible:\n%s", flags, f.Addr, out)
		}
		if addr, err := b.Address(f.FileOffset); err != nil || addr != f.Addr {
			t.Errorf("%s: Address(%#x) = %#x, %v; want %#x", flags, f.FileOffset, addr, err, f.Addr)
		}
		if at, ok := b.FunctionAt(f.Addr + 1); !ok || at.Addr != f.Addr {
			t.Errorf("%s: FunctionAt = %+v, %v", flags, at, ok)
		}
		if f, err := b.Function("chosen"); err != nil || !f.IFunc {
			t.Errorf("%s: chosen = %+v, %v; want an IFUNC", flags, f, err)
		}
		if o, err := b.Object("hidden_counter"); err != nil || o.Size != 16 {
			t.Errorf("%s: hidden_counter = %+v, %v", flags, o, err)
		}
	}
}

func TestFunctionNotFound(t *testing.T) {
	b := open(t, compile(t, "gcc", "plain.c"))
	for _, c := range []struct{ name, similar string }{
		{"visibel", "visible"}, {"Visible", "visible"}, {"_hidden", "hidden"}, {"overridabl", "overridable"},
	} {
		_, err := b.Function(c.name)
		var missing *NotFoundError
		if !errors.As(err, &missing) || !slices.Contains(missing.Similar, c.similar) {
			t.Errorf("%s: %v; want %s among the similar names", c.name, err, c.similar)
		}
	}
	stripped := compile(t, "gcc", "plain.c", "-s")
	if _, err := open(t, stripped).Function("hidden"); err == nil || !strings.Contains(err.Error(), "debug symbols") {
		t.Errorf("stripped: %v", err)
	}
}

func TestFunctionVersions(t *testing.T) {
	m, _ := filepath.Abs("testdata/versions.map")
	b := open(t, compile(t, "gcc", "versions.c", "-shared", "-fPIC", "-s", "-Wl,--version-script="+m))
	for name, version := range map[string]string{
		"api": "LIB_2.0", "api@LIB_1.0": "LIB_1.0", "api@@LIB_2.0": "LIB_2.0", "api@LIB_2.0": "LIB_2.0",
	} {
		f, err := b.Function(name)
		if err != nil || f.Version != version || f.Name != "api" {
			t.Errorf("%s: got %+v, %v; want version %s", name, f, err, version)
		}
	}
	if f, err := b.Function("api@LIB_3.0"); err == nil {
		t.Errorf("a version that does not exist gives %+v", f)
	}
	if f, err := open(t, libc(t)).Function("malloc@@GLIBC"); err != nil || !strings.HasPrefix(f.Version, "GLIBC_") {
		t.Errorf("malloc@@GLIBC: %+v, %v", f, err)
	}
}

func TestDebugLink(t *testing.T) {
	need(t, "objcopy")
	for _, buildID := range []string{"-Wl,--build-id=none", "-Wl,--build-id"} {
		path := compileOwn(t, "gcc", "plain.c", "-g", buildID)
		debug := path + ".debug"
		run(t, "objcopy", "--only-keep-debug", path, debug)
		run(t, "objcopy", "--strip-all", "--add-gnu-debuglink="+debug, path)
		if _, err := open(t, path).Function("hidden"); err != nil {
			t.Errorf("%s: %v", buildID, err)
		}
		// A debug file of another build must not be used.
		other := compile(t, "gcc", "plain.c", "-g", "-O2", "-DOTHER", buildID)
		run(t, "objcopy", "--only-keep-debug", other, debug)
		if f, err := open(t, path).Function("hidden"); err == nil {
			t.Errorf("%s: the debug file of another build gives %+v", buildID, f)
		}
	}
}

func TestGo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, self)
	if !b.IsGo() {
		t.Error("this test is not Go")
	}
	const name = "github.com/mcptrace/mcptrace/internal/symbol.TestGo"
	whole, err := b.Function(name)
	if err != nil {
		t.Fatal(err)
	}
	if open(t, compile(t, "gcc", "plain.c")).IsGo() {
		t.Error("a C program is Go")
	}
	stripped := filepath.Join(t.TempDir(), "stripped")
	run(t, "strip", "-o", stripped, self)
	f, err := open(t, stripped).Function(name)
	if err != nil || f.Addr != whole.Addr || f.Size < whole.Size {
		t.Errorf("stripped: %+v, %v; want %+v", f, err, whole)
	}
}

// Where the text of a Go program starts is recorded in different places; it is
// not the start of .text when a C linker made the file.
func TestGoStrippedBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("builds Go programs")
	}
	need(t, "go")
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module fixture\ngo 1.24\n",
		"main.go": "package main\n\n//go:noinline\nfunc work(a int) int {\n\treturn a * 3\n}\n\nfunc main() { println(work(4)) }\n",
		"cgo.go":  "package main\n\n// int seven(void) { return 7; }\nimport \"C\"\n\nfunc init() { println(C.seven()) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ cgo, mode string }{{"0", "exe"}, {"0", "pie"}, {"1", "exe"}, {"1", "pie"}} {
		if c.cgo == "1" {
			need(t, "gcc")
		}
		path := filepath.Join(dir, "out")
		cmd := exec.Command("go", "build", "-buildmode="+c.mode, "-o", path, ".")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+c.cgo, "GOFLAGS=-mod=mod", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("needs to build Go programs with CGO_ENABLED=%s: %v\n%s", c.cgo, err, out)
		}
		whole, err := open(t, path).Function("main.work")
		if err != nil {
			t.Fatal(err)
		}
		if sig := signature(t, open(t, path), "main.work"); sig.text() != "void (int a)" {
			t.Errorf("cgo=%s %s: main.work is %s", c.cgo, c.mode, sig.text())
		}
		run(t, "strip", "-o", path+"-stripped", path)
		b := open(t, path+"-stripped")
		f, err := b.Function("main.work")
		if err != nil || f.Addr != whole.Addr || !b.IsGo() || !b.IsGoFunction(f.Addr) {
			t.Errorf("cgo=%s %s: %+v, %v; want %+v", c.cgo, c.mode, f, err, whole)
		}
		if file, line, _ := b.Source(f.Addr); filepath.Base(file) != "main.go" || line != 5 && line != 4 {
			t.Errorf("cgo=%s %s: main.work is at %s:%d", c.cgo, c.mode, file, line)
		}
	}
}

func BenchmarkListLibc(b *testing.B) {
	path := libc(b)
	b.ReportAllocs()
	for b.Loop() {
		bin, err := OpenELF(path)
		if err != nil {
			b.Fatal(err)
		}
		if funcs, err := bin.Functions("*"); err != nil || len(funcs) < 1000 {
			b.Fatal(len(funcs), err)
		}
		bin.Close()
	}
}

func TestCPPFunctions(t *testing.T) {
	b := open(t, compile(t, "g++", "overloads.cc", "-O1"))
	for pattern, want := range map[string]int{
		"ns::f": 3, "ns::f(int)": 1, "ns::f(char const*)": 1, "ns::f(*": 3, "ns::S::S": 1, "ns::S::~S": 1,
		"ns::S::get": 1, "ns::S::operator<": 1, "ns::g<int, 3>": 1, "ns::S::*": 5, "ns::(anonymous namespace)::inner": 1,
	} {
		funcs, err := b.CPPFunctions(pattern)
		if err != nil || len(funcs) != want {
			t.Errorf("cpp:%s: %d functions, %v; want %d", pattern, len(funcs), err, want)
		}
	}
	_, err := b.CPPFunctions("ns::ff")
	if err == nil || !strings.Contains(err.Error(), "ns::f") {
		t.Errorf("ns::ff: %v", err)
	}
	if _, err := b.Function("f"); err == nil || !strings.Contains(err.Error(), "_ZN2ns1fEi") {
		t.Errorf("f: %v", err)
	}
}
