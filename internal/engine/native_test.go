package engine

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// needBPF skips a test where this process may not load programs: it tries.
func needBPF(t testing.TB) {
	t.Helper()
	m, err := createMap(&compile.Map{Name: "try", Spec: &ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 4096}}, 1, 4096)
	if err != nil {
		t.Skipf("this process cannot make BPF maps: %v", err)
	}
	_ = m.close()
}

// object is a hand-made Object.
type object struct {
	*compile.Object
	events *compile.Map
}

func newObject() *object {
	events := &compile.Map{Name: "events", Role: compile.RoleEvents, Spec: &ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: 256 << 10}}
	return &object{events: events, Object: &compile.Object{
		Info: &check.Info{Settings: check.Settings{PrintMapsOnExit: true}},
		Maps: []*compile.Map{events},
	}}
}

// add adds a program that runs at one attach point.
func (o *object) add(how compile.Attach, typ ebpf.ProgramType, ap *syntax.ParsedAttachPoint, name string, insns asm.Instructions) *compile.Program {
	probe := &check.Probe{Kind: ap.Kind, AttachPoints: []*check.AttachPoint{{Parsed: ap, Name: name}}}
	p := &compile.Program{
		Name: strings.ReplaceAll(name, ":", "_"), Type: typ, Attach: how, Probe: probe,
		Points: []compile.Point{{AP: probe.AttachPoints[0]}}, Insns: append(insns, asm.Mov.Imm(asm.R0, 0), asm.Return()),
	}
	o.Programs = append(o.Programs, p)
	return p
}

// send emits a record of an action with one uint64 argument, a constant.
func (o *object) send(a *compile.Action, arg int32, flags int32) asm.Instructions {
	o.Actions = append(o.Actions, a)
	a.Args = []compile.Layout{compile.LayoutOf(&check.Type{Kind: check.Int, Size: 8, Signed: true}, compile.RecordHeader)}
	a.Size = compile.RecordHeader + 8
	return asm.Instructions{
		asm.StoreImm(asm.RFP, -16, int64(len(o.Actions)-1), asm.Word),
		asm.StoreImm(asm.RFP, -12, 0, asm.Word),
		asm.Mov.Imm(asm.R1, arg),
		asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference("events"),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -16),
		asm.Mov.Imm(asm.R3, 16),
		asm.Mov.Imm(asm.R4, flags),
		asm.FnRingbufOutput.Call(),
	}
}

// count adds one to a per-CPU hash entry whose key is the comm.
func (o *object) countByComm(name string) asm.Instructions {
	text := &check.Type{Kind: check.String, Size: 16}
	value := &check.Type{Kind: check.Count, Size: 8, Signed: true}
	o.Maps = append(o.Maps, &compile.Map{
		Name: name, Role: compile.RoleUser, User: &check.Map{Name: name, Key: text, Value: value}, PerCPU: true,
		Spec: &ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: 16, ValueSize: 8, MaxEntries: 4096, Flags: unix.BPF_F_NO_PREALLOC},
		Key:  compile.LayoutOf(text, 0), Value: compile.LayoutOf(value, 0),
	})
	return asm.Instructions{
		asm.Mov.Reg(asm.R1, asm.RFP),
		asm.Add.Imm(asm.R1, -16),
		asm.Mov.Imm(asm.R2, 16),
		asm.FnGetCurrentComm.Call(),
		asm.LoadMapPtr(asm.R1, 0).WithReference(name),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -16),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "new"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Ja.Label("out"),
		asm.Mov.Imm(asm.R1, 1).WithSymbol("new"),
		asm.StoreMem(asm.RFP, -24, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, 0).WithReference(name),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -16),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, -24),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("out"),
	}
}

func begin() *syntax.ParsedAttachPoint { return &syntax.ParsedAttachPoint{Kind: syntax.ProbeBegin} }
func end() *syntax.ParsedAttachPoint   { return &syntax.ParsedAttachPoint{Kind: syntax.ProbeEnd} }

// text runs an object to its end and returns what it prints.
func text(t testing.TB, obj *compile.Object, opts *Options, during func(Run)) (stdout string, events []output.Event) {
	t.Helper()
	m, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := (&Native{Machine: m}).Start(ctx, obj, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	if during != nil {
		during(r)
	}
	var out strings.Builder
	enc := output.NewTextEncoder(&out, io.Discard, nil)
	for {
		ev, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return out.String(), events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBeginIntervalEnd(t *testing.T) {
	needBPF(t)
	o := newObject()
	o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "begin %d\n"}, 7, 1))
	tick := &syntax.ParsedAttachPoint{Kind: syntax.ProbeInterval, Unit: "ms", Freq: 10}
	insns := append(o.send(&compile.Action{Kind: compile.ActPrintf, Format: "tick %d\n"}, -3, 1), o.send(&compile.Action{Kind: compile.ActExit}, 5, 2)...)
	o.add(compile.RunInterval, ebpf.RawTracepoint, tick, "interval:ms:10", insns)
	o.add(compile.RunEnd, ebpf.RawTracepoint, end(), "end", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "end %d\n"}, 9, 1))
	got, events := text(t, o.Object, nil, nil)
	if want := "begin 7\ntick -3\nend 9\n\n\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if a, ok := events[0].(*output.Attached); !ok || a.Probes != 3 {
		t.Errorf("first event is %#v, want 3 attached probes", events[0])
	}
	if e, ok := events[len(events)-1].(*output.Exit); !ok || e.Code != 5 || e.Reason != output.ExitProgram {
		t.Errorf("last event is %#v, want exit 5", events[len(events)-1])
	}
}

func TestExitInBeginAttachesNothing(t *testing.T) {
	needBPF(t)
	o := newObject()
	o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", o.send(&compile.Action{Kind: compile.ActExit}, 3, 0))
	nowhere := &syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "no", Func: "such_event"}
	o.add(compile.AttachTracepoint, ebpf.TracePoint, nowhere, "tracepoint:no:such_event", nil)
	o.add(compile.RunEnd, ebpf.RawTracepoint, end(), "end", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "end %d\n"}, 9, 1))
	if got, _ := text(t, o.Object, nil, nil); got != "end 9\n\n\n" {
		t.Errorf("printed %q", got)
	}
}

func TestTracepointCountsByComm(t *testing.T) {
	needBPF(t)
	for _, raw := range []bool{false, true} {
		o := newObject()
		insns := o.countByComm("@calls")
		if raw {
			ap := &syntax.ParsedAttachPoint{Kind: syntax.ProbeRawTracepoint, Func: "sys_enter"}
			o.add(compile.AttachRawTracepoint, ebpf.RawTracepoint, ap, "rawtracepoint:sys_enter", insns)
		} else {
			ap := &syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "syscalls", Func: "sys_enter_getppid"}
			o.add(compile.AttachTracepoint, ebpf.TracePoint, ap, "tracepoint:syscalls:sys_enter_getppid", insns)
		}
		comm, _ := os.ReadFile("/proc/self/comm")
		want := strings.TrimSpace(string(comm))
		var live []output.Event
		_, events := text(t, o.Object, nil, func(r Run) {
			for range 1000 {
				unix.Getppid()
			}
			var err error
			if live, err = r.ReadMaps(); err != nil {
				t.Error(err)
			}
			r.Stop()
		})
		for _, dump := range []output.Event{live[0], lastMap(t, events)} {
			if n := countOf(dump.(*output.MapDump), want); n < 1000 {
				t.Errorf("raw %v: counted %d calls of %s, want at least 1000", raw, n, want)
			}
		}
	}
}

func lastMap(t *testing.T, events []output.Event) *output.MapDump {
	t.Helper()
	for i := len(events) - 1; i >= 0; i-- {
		if m, ok := events[i].(*output.MapDump); ok {
			return m
		}
	}
	t.Fatal("no map was printed")
	return nil
}

func countOf(m *output.MapDump, key string) int64 {
	for _, e := range m.Entries {
		if s, ok := e.Key.(output.String); ok && s.Text == key {
			return int64(e.Value.(output.Int))
		}
	}
	return 0
}

func TestRejectedProgramNamesTheSource(t *testing.T) {
	needBPF(t)
	src := syntax.NewSource("prog.bt", "begin {\n  $bad = *0;\n}\n")
	o := newObject()
	p := o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", asm.Instructions{
		asm.Mov.Imm(asm.R1, 0),
		asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord),
	})
	p.Lines = []compile.Line{{Insn: 0, Span: syntax.Span{Src: src, Start: 0, End: 5}}, {Insn: 1, Span: syntax.Span{Src: src, Start: 10, End: 19}}}
	_, err := (&Native{}).Start(context.Background(), o.Object, nil)
	var de *DiagnosticsError
	if !errors.As(err, &de) {
		t.Fatalf("got %v, want diagnostics", err)
	}
	d := de.Diagnostics[0]
	if d.Code != "verifier-rejected" || d.Span.Text() != "$bad = *0" || !strings.Contains(d.Message, "invalid mem access") {
		t.Errorf("got %s at %q: %s", d.Code, d.Span.Text(), d.Message)
	}
	if log := de.Rejected[0].Log; !strings.Contains(log, "prog.bt:2") {
		t.Errorf("the log does not show the source:\n%s", log)
	}
}

func TestCommandIsHeldUntilAttached(t *testing.T) {
	needBPF(t)
	o := newObject()
	ap := &syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "syscalls", Func: "sys_exit_execve"}
	o.add(compile.AttachTracepoint, ebpf.TracePoint, ap, "tracepoint:syscalls:sys_exit_execve", o.countByComm("@execs"))
	_, events := text(t, o.Object, &Options{Command: "uname -r"}, nil)
	if n := countOf(lastMap(t, events), "uname"); n != 1 {
		t.Errorf("saw %d executions of uname, want 1", n)
	}
}

func TestKernelNames(t *testing.T) {
	needBPF(t)
	k, err := newKsymProg()
	if err != nil {
		t.Skipf("this kernel does not name addresses for programs: %v", err)
	}
	defer k.close()
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[2] != "schedule" {
			continue
		}
		var addr uint64
		for _, c := range f[0] {
			addr = addr<<4 | uint64(strings.IndexRune("0123456789abcdef", c))
		}
		if addr == 0 {
			t.Skip("/proc/kallsyms hides addresses")
		}
		got, ok := k.frame(addr + 0x10)
		if !ok || got.Symbol != "schedule" || got.Offset != 0x10 {
			t.Errorf("named %#x %+v, want schedule+16", addr+0x10, got)
		}
		return
	}
	t.Skip("/proc/kallsyms has no schedule")
}

func TestRecordsOverTheEndOfTheRing(t *testing.T) {
	needBPF(t)
	o := newObject()
	a := &compile.Action{Kind: compile.ActPrintf, Format: "%d %d %d\n"}
	o.send(a, 77, 1) // registers the action
	// Three numbers, so that records of 40 bytes do not divide the ring.
	a.Size = compile.RecordHeader + 24
	for i := 1; i < 3; i++ {
		a.Args = append(a.Args, compile.LayoutOf(a.Args[0].Type, compile.RecordHeader+8*i))
	}
	o.add(compile.RunEnd, ebpf.RawTracepoint, end(), "end", asm.Instructions{
		asm.LoadMapPtr(asm.R1, 0).WithReference("events"),
		asm.Mov.Imm(asm.R2, int32(a.Size)),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "full"),
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 8, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R1, -2),
		asm.StoreMem(asm.R0, 16, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R1, 3),
		asm.StoreMem(asm.R0, 24, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R0),
		asm.Mov.Imm(asm.R2, 1),
		asm.FnRingbufSubmit.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("full"),
	})
	r := startOrSkip(t, o.Object, &Options{RingBytes: 4096})
	if _, err := r.Next(t.Context()); err != nil { // attached
		t.Fatal(err)
	}
	for range 500 {
		if _, err := testRun(r.(*run).programs[0]); err != nil {
			t.Fatal(err)
		}
		ev, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := ev.(*output.Printf); !ok || p.Text != "1 -2 3\n" {
			t.Fatalf("got %#v", ev)
		}
	}
}
