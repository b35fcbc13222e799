package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// victim is the environment variable that makes the test binary trace until it
// is killed: "native", or the path of a bpftrace.
const victim = "MCPTRACE_TEST_VICTIM"

func TestMain(m *testing.M) {
	switch os.Getenv(victim) {
	case "":
	case "native":
		traceForever()
	default:
		driveForever(os.Getenv(victim))
	}
	before, goroutines := kernelObjects(), runtime.NumGoroutine()
	code := m.Run()
	after := kernelObjects()
	after.others = before.others // Go's own poller and pipes
	if code == 0 && after != before {
		fmt.Fprintf(os.Stderr, "kernel objects are left behind: had %+v, have %+v\n", before, after)
		code = 1
	}
	if n := settledGoroutines(goroutines); code == 0 && n > goroutines {
		fmt.Fprintf(os.Stderr, "goroutines are left behind: had %d, have %d\n", goroutines, n)
		code = 1
	}
	os.Exit(code)
}

// objects counts what this process holds open in the kernel.
type objects struct{ programs, maps, links, events, btf, others int }

func kernelObjects() (o objects) {
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		target, err := os.Readlink("/proc/self/fd/" + fd.Name())
		switch {
		case err != nil:
		case strings.Contains(target, "bpf-prog"):
			o.programs++
		case strings.Contains(target, "bpf-map"):
			o.maps++
		case strings.Contains(target, "bpf_link"), strings.Contains(target, "bpf_iter"):
			o.links++
		case strings.Contains(target, "perf_event"):
			o.events++
		case strings.Contains(target, "btf"):
			o.btf++
		case strings.Contains(target, "eventfd"), strings.Contains(target, "pidfd"), strings.Contains(target, "pipe"):
			o.others++
		}
	}
	return o
}

// settledGoroutines waits for goroutines that are about to end.
func settledGoroutines(want int) int {
	deadline := time.Now().Add(2 * time.Second)
	for runtime.NumGoroutine() > want && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}

// everyKind makes an object with one program for each way to attach that works
// without a workload.
func everyKind() *object {
	o := newObject()
	o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", nil)
	o.add(compile.RunInterval, ebpf.RawTracepoint, &syntax.ParsedAttachPoint{Kind: syntax.ProbeInterval, Unit: "ms", Freq: 5}, "interval:ms:5", nil)
	o.add(compile.AttachRawTracepoint, ebpf.RawTracepoint, &syntax.ParsedAttachPoint{Kind: syntax.ProbeRawTracepoint, Func: "sched_switch"}, "rawtracepoint:sched_switch", o.countByComm("@switches"))
	o.add(compile.AttachPerfEvent, ebpf.PerfEvent, &syntax.ParsedAttachPoint{Kind: syntax.ProbeProfile, Unit: "hz", Freq: 99}, "profile:hz:99", nil)
	o.add(compile.AttachTracepoint, ebpf.TracePoint, &syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "sched", Func: "sched_process_exit"}, "tracepoint:sched:sched_process_exit", nil)
	return o
}

func native(t testing.TB) *Native {
	t.Helper()
	m, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return &Native{Machine: m}
}

func TestCloseFreesEverything(t *testing.T) {
	needBPF(t)
	n := native(t)
	before, goroutines := kernelObjects(), runtime.NumGoroutine()
	for range 3 {
		r, err := n.Start(t.Context(), everyKind().Object, nil)
		if err != nil {
			t.Fatal(err)
		}
		if held := kernelObjects(); held.programs <= before.programs || held.links <= before.links {
			t.Errorf("while running: %+v, before: %+v", held, before)
		}
		if _, err := r.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := r.Next(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Next after Close gives %v", err)
		}
		if _, err := r.ReadMaps(); !errors.Is(err, ErrClosed) {
			t.Errorf("ReadMaps after Close gives %v", err)
		}
		r.Stop()
		_ = r.Stats()
		if err := r.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
	if after := kernelObjects(); after != before {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if n := settledGoroutines(goroutines); n > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
}

func TestFailedStartFreesEverything(t *testing.T) {
	needBPF(t)
	n := native(t)
	before := kernelObjects()
	o := everyKind()
	nowhere := &syntax.ParsedAttachPoint{Kind: syntax.ProbeRawTracepoint, Func: "no_such_event"}
	o.add(compile.AttachRawTracepoint, ebpf.RawTracepoint, nowhere, "rawtracepoint:no_such_event", nil)
	_, err := n.Start(t.Context(), o.Object, &Options{Command: "sleep 100"})
	var ae *AttachError
	if !errors.As(err, &ae) || ae.Probe != "rawtracepoint:no_such_event" {
		t.Errorf("got %v, want the name of the probe that cannot be attached", err)
	}
	if after := kernelObjects(); after != before {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestMissingProbesCanBeSkipped(t *testing.T) {
	needBPF(t)
	o := everyKind()
	o.Info.Settings.MissingProbes = "warn"
	nowhere := &syntax.ParsedAttachPoint{Kind: syntax.ProbeRawTracepoint, Func: "no_such_event"}
	o.add(compile.AttachRawTracepoint, ebpf.RawTracepoint, nowhere, "rawtracepoint:no_such_event", nil)
	_, events := text(t, o.Object, nil, func(r Run) { r.Stop() })
	a := events[0].(*output.Attached)
	if a.Probes != 5 || len(a.Failed) != 1 || a.Failed[0].Probe != "rawtracepoint:no_such_event" {
		t.Errorf("attached %d, failed %+v", a.Probes, a.Failed)
	}
}

func TestCloseUnblocksNext(t *testing.T) {
	needBPF(t)
	r, err := native(t).Start(t.Context(), everyKind().Object, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := r.Next(context.Background()); err != nil {
				done <- err
				return
			}
		}
	}()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Errorf("Next gives %v", err)
	}
}

func TestCancelUnblocksNextAndRunGoesOn(t *testing.T) {
	needBPF(t)
	r, err := native(t).Start(t.Context(), everyKind().Object, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for err == nil {
		_, err = r.Next(ctx)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Next gives %v", err)
	}
	r.Stop()
	for err = nil; err == nil; {
		_, err = r.Next(t.Context())
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("after Stop, Next gives %v", err)
	}
}

// traceForever is the body of the victim: it prints the ids of its programs and
// waits to be killed.
func traceForever() {
	m, err := kernel.Host(kernel.Options{})
	if err == nil {
		var r Run
		if r, err = (&Native{Machine: m}).Start(context.Background(), everyKind().Object, nil); err == nil {
			for _, p := range r.(*run).programs {
				info, _ := progInfo(p.fd)
				fmt.Println(info.id)
			}
			fmt.Println("ready")
			for err == nil {
				_, err = r.Next(context.Background())
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledProcessLeavesNoProgram(t *testing.T) {
	needBPF(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), victim+"=native")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []uint32
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		id, err := strconv.ParseUint(lines.Text(), 10, 32)
		if err != nil {
			t.Fatalf("victim says %q", lines.Text())
		}
		ids = append(ids, uint32(id))
	}
	if len(ids) == 0 || !loaded(ids[0]) {
		t.Errorf("programs %v are not loaded", ids)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	deadline := time.Now().Add(10 * time.Second)
	for _, id := range ids {
		for loaded(id) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if loaded(id) {
			t.Errorf("program %d is still loaded", id)
		}
	}
}

// loaded reports whether the kernel has a program with this id.
func loaded(id uint32) bool {
	fd, err := bpf(unix.BPF_PROG_GET_FD_BY_ID, &getIDAttr{id: id})
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

func TestSkippedPeriods(t *testing.T) {
	needBPF(t)
	o := newObject()
	tick := &syntax.ParsedAttachPoint{Kind: syntax.ProbeInterval, Unit: "ms", Freq: 5}
	o.add(compile.RunInterval, ebpf.RawTracepoint, tick, "interval:ms:5", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "%d\n"}, 1, 1))
	got, _ := text(t, o.Object, nil, func(r Run) {
		if _, err := r.Next(t.Context()); err != nil { // attached
			t.Error(err)
		}
		time.Sleep(60 * time.Millisecond) // nobody reads
		if _, err := r.Next(t.Context()); err != nil {
			t.Error(err)
		}
		r.Stop()
	})
	if n := strings.Count(got, "1\n"); n > 2 {
		t.Errorf("after a pause %d missed periods ran at once", n+1)
	}
}

func TestRunTimesAreCounted(t *testing.T) {
	needBPF(t)
	o := newObject()
	o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", o.countByComm("@"))
	r := startOrSkip(t, o.Object, &Options{CountTime: true})
	if s := r.Stats(); s.BPFRuns == 0 || s.BPFTime == 0 || s.MapBytes == 0 {
		t.Errorf("counted %d runs in %v, maps of %d bytes", s.BPFRuns, s.BPFTime, s.MapBytes)
	}
}
