package symbol

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// A target is a running testdata/target.c.
type target struct {
	pid   int
	addr  map[string]uint64
	stdin io.WriteCloser
	out   *bufio.Scanner
	cmd   *exec.Cmd
}

func startTarget(t *testing.T, path string) *target {
	t.Helper()
	return start(t, exec.Command(path))
}

// start runs a program that prints addresses and then "result".
func start(t *testing.T, cmd *exec.Cmd) *target {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &target{pid: cmd.Process.Pid, addr: map[string]uint64{}, stdin: stdin, out: bufio.NewScanner(stdout), cmd: cmd}
	t.Cleanup(p.stop)
	for p.out.Scan() && !strings.HasPrefix(p.out.Text(), "result") {
		p.line(t)
	}
	return p
}

func (p *target) line(t *testing.T) {
	t.Helper()
	var name string
	var addr uint64
	if _, err := fmt.Sscanf(p.out.Text(), "%s 0x%x", &name, &addr); err != nil {
		t.Fatalf("%q: %v", p.out.Text(), err)
	}
	p.addr[name] = addr
}

func (p *target) stop() {
	if p.stdin != nil {
		p.stdin.Close()
		p.cmd.Wait()
		p.stdin = nil
	}
}

func (f Frame) text() string { return fmt.Sprintf("%s+%d (%s)", f.Symbol, f.Offset, f.Module) }

func TestUser(t *testing.T) {
	for _, flags := range [][]string{{"-pie"}, {"-no-pie"}} {
		path := compile(t, "gcc", "target.c", append(flags, "-O1", "-ldl")...)
		p := startTarget(t, path)
		s := NewSymbolizer(nil)
		defer s.Close()
		for name, off := range map[string]uint64{"loud": 0, "quiet": 2, "malloc": 1} {
			f := s.User(p.pid, p.addr[name]+off)
			if f.Symbol != name || f.Offset != off || name != "malloc" && f.Module != path {
				t.Errorf("%s: got %s, want %s+%d", flags, f.text(), name, off)
			}
		}
		if f := s.User(p.pid, 0x10); f.Symbol != "" || f.Module != "" || f.Addr != 0x10 {
			t.Errorf("unmapped address: %+v", f)
		}
		if f := s.User(p.pid, p.addr["vdso"]+0x1000); f.Module != "[vdso]" {
			t.Errorf("vdso: %s", f.text())
		}
		// After it has ended what was seen is still known.
		p.stop()
		s.now = func() time.Time { return time.Now().Add(time.Hour) }
		if f := s.User(p.pid, p.addr["quiet"]); f.Symbol != "quiet" {
			t.Errorf("%s: after the end: %s", flags, f.text())
		}
	}
}

func TestUserVDSO(t *testing.T) {
	maps, err := readMaps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range maps {
		if m.Path != "[vdso]" {
			continue
		}
		bin, err := newBinary(readVDSO(os.Getpid(), m.Start, int64(m.End-m.Start)), "[vdso]")
		if err != nil {
			t.Fatal(err)
		}
		fn, err := bin.Function("__vdso_clock_gettime")
		if err != nil {
			t.Skipf("needs another vdso: %v", err)
		}
		s := NewSymbolizer(nil)
		f := s.User(os.Getpid(), m.Start+fn.Addr+3)
		if !strings.HasSuffix(f.Symbol, "clock_gettime") || f.Offset != 3 || f.Module != "[vdso]" {
			t.Errorf("got %s", f.text())
		}
		return
	}
	t.Skip("needs a vdso")
}

// A library that is loaded later is found by reading the mappings again.
func TestUserDlopen(t *testing.T) {
	p := startTarget(t, compile(t, "gcc", "target.c", "-O1", "-ldl"))
	s := NewSymbolizer(nil)
	defer s.Close()
	now := time.Unix(1, 0)
	s.now = func() time.Time { return now }
	s.User(p.pid, p.addr["loud"])
	io.WriteString(p.stdin, "x")
	if !p.out.Scan() {
		t.Fatal("no answer")
	}
	p.line(t)
	if p.addr["cosf"] == 0 {
		t.Skip("needs libm.so.6")
	}
	now = now.Add(rereadAfter)
	if f := s.User(p.pid, p.addr["cosf"]); !strings.HasSuffix(f.Module, "libm.so.6") || !strings.Contains(f.Symbol, "frexpf") {
		t.Errorf("got %s", f.text())
	}
}

func TestUserDeleted(t *testing.T) {
	path := compileOwn(t, "gcc", "target.c", "-O1", "-ldl")
	p := startTarget(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	s := NewSymbolizer(nil)
	defer s.Close()
	if f := s.User(p.pid, p.addr["quiet"]); f.Symbol != "quiet" {
		t.Errorf("got %s", f.text())
	}
}

// A file that was overwritten in place has the same inode and other symbols.
func TestUserReplaced(t *testing.T) {
	path := compileOwn(t, "gcc", "target.c", "-O1", "-ldl")
	s := NewSymbolizer(nil)
	defer s.Close()
	p := startTarget(t, path)
	s.User(p.pid, p.addr["quiet"])
	p.stop()
	other := compile(t, "gcc", "target.c", "-O1", "-ldl", "-Dquiet=silent", "-Dloud=noisy")
	data, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	os.Chtimes(path, time.Time{}, time.Now().Add(time.Minute))
	p = startTarget(t, path)
	if f := s.User(p.pid, p.addr["quiet"]); f.Symbol != "silent" && f.Symbol != "quiet" || f.Symbol == "quiet" {
		t.Errorf("got %s, want silent", f.text())
	}
}

func TestUserPerfMap(t *testing.T) {
	p := startTarget(t, compile(t, "gcc", "target.c", "-O1", "-ldl"))
	s := NewSymbolizer(nil)
	defer s.Close()
	now := time.Unix(1, 0)
	s.now = func() time.Time { return now }
	jit := p.addr["jit"]
	if f := s.User(p.pid, jit); f.Symbol != "" {
		t.Errorf("without a map: %s", f.text())
	}
	path := fmt.Sprintf("/tmp/perf-%d.map", p.pid)
	t.Cleanup(func() { os.Remove(path) })
	text := fmt.Sprintf("%x 40 LOld;::run\n%x 100 Lorg/example/Main;::main(int)\n%x 20 LOther;::run\n", jit, jit, jit+0x200)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Skipf("needs to write %s: %v", path, err)
	}
	now = now.Add(rereadAfter)
	f := s.User(p.pid, jit+0x50)
	if f.Symbol != "Lorg/example/Main;::main(int)" || f.Offset != 0x50 {
		t.Errorf("got %s", f.text())
	}
	if f := s.User(p.pid, jit+0x180); f.Symbol != "" {
		t.Errorf("between methods: %s", f.text())
	}
}

// What another user leaves in /tmp does not name our addresses.
func TestPerfMapOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to give a file away")
	}
	path := filepath.Join(t.TempDir(), "perf-1.map")
	os.WriteFile(path, []byte("10 10 x\n"), 0o644)
	if f := openPerfMap(path, os.Getpid()); f == nil {
		t.Error("our own map is refused")
	} else {
		f.Close()
	}
	os.Chown(path, 12345, 12345)
	if f := openPerfMap(path, os.Getpid()); f != nil {
		f.Close()
		t.Error("the map of another user is accepted")
	}
}

func TestUserGo(t *testing.T) {
	s := NewSymbolizer(nil)
	defer s.Close()
	pc := reflectPC(TestUserGo)
	f := s.User(os.Getpid(), pc+1)
	if !strings.HasSuffix(f.Symbol, "symbol.TestUserGo") || f.Offset != 1 {
		t.Errorf("got %s", f.text())
	}
}

func TestUserDoesNotAllocate(t *testing.T) {
	s := NewSymbolizer(nil)
	defer s.Close()
	now := time.Unix(1, 0)
	s.now = func() time.Time { return now }
	pc, pid := reflectPC(TestUserGo), os.Getpid()
	s.User(pid, pc)
	if n := testing.AllocsPerRun(100, func() { s.User(pid, pc) }); n != 0 {
		t.Errorf("%v allocations per address", n)
	}
}

func TestBounds(t *testing.T) {
	path := compile(t, "gcc", "target.c", "-O1", "-ldl")
	s := NewSymbolizer(&Options{Processes: 2, Binaries: 2})
	defer s.Close()
	for range 3 {
		p := startTarget(t, path)
		for range 2 {
			for _, name := range []string{"loud", "malloc"} {
				if f := s.User(p.pid, p.addr[name]); f.Symbol != name {
					t.Errorf("got %s, want %s", f.text(), name)
				}
			}
			if f := s.User(os.Getpid(), reflectPC(TestBounds)); !strings.Contains(f.Symbol, "TestBounds") {
				t.Errorf("got %s", f.text())
			}
		}
		if len(s.procs) > 2 || len(s.modules) > 2 {
			t.Errorf("%d processes, %d modules", len(s.procs), len(s.modules))
		}
	}
}

// Many at once, with bounds so tight that files are closed under each other.
func TestConcurrentUse(t *testing.T) {
	p := startTarget(t, compile(t, "gcc", "target.c", "-O1", "-g", "-ldl"))
	s := NewSymbolizer(&Options{Binaries: 1, Processes: 1})
	defer s.Close()
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for n := range 50 {
				pid, addr, want := p.pid, p.addr["quiet"], "quiet"
				if (n+i)%2 == 0 {
					pid, addr, want = os.Getpid(), reflectPC(TestConcurrentUse), "TestConcurrentUse"
				}
				f := s.User(pid, addr)
				if n%10 == 0 {
					f = s.UserLines(pid, addr)
				}
				if !strings.HasSuffix(f.Symbol, want) {
					t.Errorf("got %s, want %s", f.text(), want)
				}
			}
		})
	}
	group.Wait()
}

func TestParseMaps(t *testing.T) {
	const text = "00400000-0048a000 r-xp 00001000 fd:03 960637 /bin/a b (deleted)\n" +
		"7f0000000000-7f0000001000 rw-p 00000000 00:00 0 \n" +
		"7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0                          [vdso]\n" +
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n" +
		"broken line\n"
	maps := parseMaps([]byte(text))
	if len(maps) != 4 {
		t.Fatalf("%d mappings: %+v", len(maps), maps)
	}
	want := mapping{Start: 0x400000, End: 0x48a000, Offset: 0x1000, Perms: [4]byte([]byte("r-xp")), Dev: 0xfd<<32 | 3, Inode: 960637, Path: "/bin/a b", Deleted: true}
	if maps[0] != want || !maps[0].isFile() || maps[2].Path != "[vdso]" || maps[1].exec() {
		t.Errorf("got %+v", maps)
	}
}

func FuzzParseMaps(f *testing.F) {
	f.Add([]byte("00400000-0048a000 r-xp 00001000 fd:03 960637 /bin/a b (deleted)\n"))
	f.Add([]byte("0-1 ---- 0 0:0 0\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		maps := parseMaps(data)
		for i, m := range maps {
			if m.End <= m.Start || i > 0 && m.Start < maps[i-1].Start {
				t.Errorf("mapping %d: %+v", i, m)
			}
		}
		syms := parsePerfMap(data)
		for i, s := range syms {
			if s.end <= s.start || i > 0 && s.start <= syms[i-1].start {
				t.Errorf("symbol %d: %+v", i, s)
			}
		}
	})
}

func BenchmarkUserHit(b *testing.B) {
	s := NewSymbolizer(nil)
	defer s.Close()
	pc, pid := reflectPC(TestUserGo), os.Getpid()
	s.User(pid, pc)
	b.ReportAllocs()
	for b.Loop() {
		s.User(pid, pc)
	}
}

func BenchmarkOpenAndLookUpLibc(b *testing.B) {
	path := libc(b)
	b.ReportAllocs()
	for b.Loop() {
		bin, err := OpenELF(path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := bin.Function("malloc"); err != nil {
			b.Fatal(err)
		}
		bin.Close()
	}
}

func BenchmarkFirstUserAddress(b *testing.B) {
	pc, pid := reflectPC(TestUserGo), os.Getpid()
	b.ReportAllocs()
	for b.Loop() {
		s := NewSymbolizer(nil)
		s.User(pid, pc)
		s.Close()
	}
}
