package engine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// buildTarget compiles testdata/target.c.
func buildTarget(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "target")
	out, err := exec.Command("cc", "-O1", "-o", path, "testdata/target.c").CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("no C compiler")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// startOrSkip starts obj; a machine that lacks the way to attach skips the test
// with the reason.
func startOrSkip(t *testing.T, obj *compile.Object, opts *Options) Run {
	t.Helper()
	r, err := native(t).Start(t.Context(), obj, opts)
	var lacks *kernel.Missing
	if errors.As(err, &lacks) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// rest stops r and returns everything that it still delivers.
func rest(t *testing.T, r Run) []output.Event {
	t.Helper()
	r.Stop()
	var events []output.Event
	for {
		ev, err := r.Next(t.Context())
		if err != nil {
			return events
		}
		events = append(events, ev)
	}
}

func uprobe(path, function string) *syntax.ParsedAttachPoint {
	return &syntax.ParsedAttachPoint{Kind: syntax.ProbeUprobe, Target: path, Func: function}
}

func uretprobe(path, function string) *syntax.ParsedAttachPoint {
	return &syntax.ParsedAttachPoint{Kind: syntax.ProbeUretprobe, Target: path, Func: function}
}

func TestUprobeAndUretprobe(t *testing.T) {
	needBPF(t)
	path := buildTarget(t)
	o := newObject()
	o.add(compile.AttachUprobe, ebpf.Kprobe, uprobe(path, "twice"), "uprobe:twice", o.countByComm("@calls"))
	o.add(compile.AttachUretprobe, ebpf.Kprobe, uretprobe(path, "twice"), "uretprobe:twice", o.countByComm("@returns"))
	r := startOrSkip(t, o.Object, nil)
	if err := exec.Command(path, "10").Run(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int64{}
	for _, ev := range rest(t, r) {
		if m, ok := ev.(*output.MapDump); ok {
			seen[m.Name] = countOf(m, "target")
		}
	}
	if seen["@calls"] != 10 || seen["@returns"] != 10 {
		t.Errorf("saw %v, want 10 calls and 10 returns", seen)
	}
}

func TestUprobeByPMU(t *testing.T) {
	needBPF(t)
	path := buildTarget(t)
	o := newObject()
	p := o.add(compile.AttachUprobe, ebpf.Kprobe, uprobe(path, "twice"), "uprobe:twice", o.countByComm("@calls"))
	r := startOrSkip(t, newObject().Object, nil).(*run)
	for _, m := range o.Maps[1:] {
		made, err := createMap(m, 2, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer made.close()
		r.loader.maps[m.Name] = made
	}
	prog, err := r.loader.load(&loadRequest{prog: p})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(prog.fd)
	a := &attacher{machine: r.machine}
	places, err := a.findPlaces(p, &p.Points[0])
	if err != nil {
		t.Fatal(err)
	}
	held, err := a.uprobePMU(prog, &places[0])
	if isErrno(err, unix.EACCES, unix.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(path, "7").Run(); err != nil {
		t.Fatal(err)
	}
	_ = held.detach()
	held.release()
	var n uint64
	if err := r.loader.maps["@calls"].each(func(key, value []byte) {
		for ; len(value) >= 8; value = value[8:] {
			n += word(value)
		}
	}); err != nil || n != 7 {
		t.Errorf("counted %d calls, want 7 (%v)", n, err)
	}
}

func TestUprobeOfOneProcess(t *testing.T) {
	needBPF(t)
	path := buildTarget(t)
	o := newObject()
	o.add(compile.AttachUprobe, ebpf.Kprobe, uprobe(path, "twice"), "uprobe:twice", o.countByComm("@calls"))
	r := startOrSkip(t, o.Object, &Options{PID: os.Getpid()})
	if err := exec.Command(path, "10").Run(); err != nil {
		t.Fatal(err)
	}
	for _, ev := range rest(t, r) {
		if m, ok := ev.(*output.MapDump); ok && len(m.Entries) > 0 {
			t.Errorf("another process was counted: %+v", m.Entries)
		}
	}
}

func TestUserAttachErrors(t *testing.T) {
	needBPF(t)
	path := buildTarget(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		how  compile.Attach
		ap   *syntax.ParsedAttachPoint
		want string
	}{
		{compile.AttachUprobe, uprobe(path, "thrice"), `function "thrice" not found`},
		{compile.AttachUprobe, uprobe("/no/such/file", "main"), "does not exist"},
		{compile.AttachUretprobe, uretprobe(self, "runtime.main"), "is a Go function"},
		{compile.AttachUSDT, &syntax.ParsedAttachPoint{Kind: syntax.ProbeUSDT, Target: path, Func: "nothing"}, "nothing"},
		{compile.AttachPerfEvent, &syntax.ParsedAttachPoint{Kind: syntax.ProbeSoftware, Target: "nonsense"}, "no perf event is called nonsense"},
		{compile.AttachPerfEvent, &syntax.ParsedAttachPoint{Kind: syntax.ProbeProfile, Unit: "s"}, "is not possible"},
	} {
		typ := ebpf.Kprobe
		if c.how == compile.AttachPerfEvent {
			typ = ebpf.PerfEvent
		}
		o := newObject()
		o.add(c.how, typ, c.ap, "probe:"+c.ap.Func, nil)
		r, err := native(t).Start(t.Context(), o.Object, nil)
		if err == nil {
			_ = r.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "probe:"+c.ap.Func) {
			t.Errorf("%s: got %v, want the probe's name and %q", c.ap.Func, err, c.want)
		}
	}
}

// burn uses the CPU and touches fresh memory for a while.
func burn(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		mem, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return
		}
		for i := 0; i < len(mem); i += 4096 {
			mem[i] = 1
		}
		_ = unix.Munmap(mem)
	}
}

func TestPerfEvents(t *testing.T) {
	needBPF(t)
	for _, ap := range []*syntax.ParsedAttachPoint{
		{Kind: syntax.ProbeProfile, Unit: "hz", Freq: 499},
		{Kind: syntax.ProbeProfile, Unit: "ms", Freq: 2},
		{Kind: syntax.ProbeSoftware, Target: "faults", Freq: 10},
		{Kind: syntax.ProbeSoftware, Target: "cpu-clock"},
	} {
		for _, pid := range []int{0, os.Getpid()} {
			o := newObject()
			o.add(compile.AttachPerfEvent, ebpf.PerfEvent, ap, "perf", o.countByComm("@hits"))
			comm, _ := os.ReadFile("/proc/self/comm")
			r := startOrSkip(t, o.Object, &Options{PID: pid})
			var n int64
			for tries := 0; n == 0 && tries < 50; tries++ {
				burn(20 * time.Millisecond)
				maps, err := r.ReadMaps()
				if err != nil {
					t.Fatal(err)
				}
				n = countOf(maps[0].(*output.MapDump), strings.TrimSpace(string(comm)))
			}
			if n == 0 {
				t.Errorf("%s %s%d pid %d never hit this process", ap.Target, ap.Unit, ap.Freq, pid)
			}
		}
	}
}

func TestBTFTracepointAndIterator(t *testing.T) {
	needBPF(t)
	o := newObject()
	o.add(compile.AttachBTFTracepoint, ebpf.Tracing, &syntax.ParsedAttachPoint{Kind: syntax.ProbeRawTracepoint, Func: "sched_switch"}, "rawtracepoint:sched_switch", o.countByComm("@switches"))
	o.add(compile.AttachIter, ebpf.Tracing, &syntax.ParsedAttachPoint{Kind: syntax.ProbeIter, Func: "task"}, "iter:task", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "task\n"}, 1, 1))
	r := startOrSkip(t, o.Object, nil)
	tasks := 0
	for tasks == 0 {
		ev, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := ev.(*output.Printf); ok {
			tasks++
		}
	}
	for range 10 {
		time.Sleep(time.Millisecond)
	}
	if m := lastMap(t, rest(t, r)); len(m.Entries) == 0 {
		t.Error("no task was switched")
	}
}

func TestIteratorsEndByThemselves(t *testing.T) {
	needBPF(t)
	o := newObject()
	o.add(compile.AttachIter, ebpf.Tracing, &syntax.ParsedAttachPoint{Kind: syntax.ProbeIter, Func: "task"}, "iter:task", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "task %d\n"}, 1, 1))
	got, _ := text(t, o.Object, nil, nil)
	threads := 0
	procs, _ := filepath.Glob("/proc/[0-9]*/task/*")
	for range procs {
		threads++
	}
	if n := strings.Count(got, "task 1\n"); n < threads/2 {
		t.Errorf("saw %d tasks, /proc has %d", n, threads)
	}
}

func TestCallbackProgram(t *testing.T) {
	needBPF(t)
	o := newObject()
	o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", asm.Instructions{
		asm.Mov.Imm(asm.R1, 1000),
		asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference("step"),
		asm.Mov.Imm(asm.R3, 0),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnLoop.Call(),
	})
	p := o.Programs[0]
	p.Insns = append(p.Insns, asm.Mov.Imm(asm.R0, 0).WithSymbol("step"), asm.Return())
	text(t, o.Object, nil, func(r Run) { r.Stop() })
}
