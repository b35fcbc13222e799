package session

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// native makes a request that runs a program on this machine's kernel, or skips
// the test where that is not possible.
func native(t *testing.T, program string, limits Limits) *Request {
	t.Helper()
	host, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	file, ds := syntax.Parse(syntax.NewSource("test", program), nil)
	info, more := check.Check(file, host, nil)
	if ds = append(ds, more...); ds.HasErrors() {
		t.Fatalf("%s: %+v", program, ds)
	}
	obj, ds := compile.Compile(info, &compile.Options{Params: true})
	if ds.HasErrors() {
		t.Fatalf("%s: %+v", program, ds)
	}
	req := &Request{Engine: &engine.Native{Machine: host}, Object: obj, Limits: limits, Program: program, Render: render}
	run, err := req.Engine.Start(context.Background(), obj, nil)
	var missing *kernel.Missing
	if errors.As(err, &missing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Close(); err != nil {
		t.Fatal(err)
	}
	return req
}

func TestNativeRunIsReadWhileRunningAndStopped(t *testing.T) {
	req := native(t, `interval:ms:20 { @n = count(); printf("tick\n"); } end { printf("bye\n"); }`, Limits{})
	m := New(nil)
	defer m.Close(context.Background())
	s := start(t, m, req)
	p := s.Read(context.Background(), &ReadOptions{Offset: 2, Wait: 10 * time.Second})
	if p.Done || len(p.Lines) == 0 || p.Lines[0] != "tick" {
		t.Fatalf("while running: %+v", p)
	}
	live, err := s.LiveMaps()
	if err != nil || len(live) != 1 || live[0].Name != "@n" || len(live[0].Entries) != 1 {
		t.Errorf("live maps: %v, %v", live, err)
	}
	s.Stop(ReasonStopped)
	if !s.Wait(context.Background(), 10*time.Second) {
		t.Fatal("did not stop")
	}
	lines := linesOf(s)
	if !slices.Contains(lines, "bye") || !strings.HasPrefix(lines[len(lines)-1], "@n: ") {
		t.Errorf("end did not run or maps did not print: %q", lines)
	}
	st := s.Status()
	if st.State != Stopped || st.Probes != 2 || len(st.Stats.Probes) == 0 {
		t.Errorf("%+v", st)
	}
}

func TestNativeBudgetStopsAFlood(t *testing.T) {
	req := native(t, `begin { for ($i : 0..1000) { printf("line %d\n", $i); } } interval:ms:1 { printf("more\n"); } end { printf("bye\n"); }`, Limits{Events: 100})
	m := New(nil)
	defer m.Close(context.Background())
	s := start(t, m, req)
	if !s.Wait(context.Background(), 10*time.Second) {
		t.Fatal("did not stop")
	}
	lines := linesOf(s)
	if st := s.Status(); st.Reason != ReasonEvents || len(lines) != 101 || lines[100] != "bye" {
		t.Errorf("%s, %d lines, last %q", st.Reason, len(lines), lines[len(lines)-1])
	}
}

func TestNativeParametersChange(t *testing.T) {
	req := native(t, `interval:ms:20 { printf("%d\n", getopt("n", 1)); }`, Limits{})
	m := New(nil)
	defer m.Close(context.Background())
	s := start(t, m, req)
	defer s.Stop(ReasonStopped)
	if err := s.SetParam("n", "7"); err != nil {
		t.Fatal(err)
	}
	for offset := int64(0); ; {
		p := s.Read(context.Background(), &ReadOptions{Offset: offset, Wait: 10 * time.Second})
		if slices.Contains(p.Lines, "7") {
			return
		}
		if offset = p.Next; len(p.Lines) == 0 || offset > 500 {
			t.Fatalf("the new value does not arrive: %+v", p)
		}
	}
}

// TestNothingIsLeft counts descriptors and goroutines over many runs that end in
// all ways.
func TestNothingIsLeft(t *testing.T) {
	req := native(t, `tracepoint:raw_syscalls:sys_enter { @[comm] = count(); } interval:ms:5 { printf("x\n"); }`, Limits{})
	once := func() {
		m := New(nil)
		s := start(t, m, req)
		sub := s.Subscribe(4)
		s.Read(context.Background(), &ReadOptions{Offset: 0, Wait: time.Second})
		s.Stop(ReasonStopped)
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
		for range sub.C { // until it is closed
		}
	}
	once()
	fds, routines := openFiles(t), runtime.NumGoroutine()
	for range 5 {
		once()
	}
	if n := openFiles(t); n > fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > routines; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), routines)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
