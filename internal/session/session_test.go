package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/engine"
)

// inBubble runs f with fake time; every goroutine of the manager must have ended
// when f returns, or the test fails.
func inBubble(t *testing.T, opts *Options, f func(t *testing.T, m *Manager)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := New(opts)
		f(t, m)
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func start(t *testing.T, m *Manager, req *Request) *Session {
	t.Helper()
	if req.Render == nil {
		req.Render = render
	}
	s, err := m.Start(context.Background(), req)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return s
}

func linesOf(s *Session) []string {
	return s.Read(context.Background(), &ReadOptions{Limit: 1000}).Lines
}

func TestTimeLimitEndsGracefully(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		e := &script{events: []output.Event{text("one\n")}, final: []output.Event{counts("@", 1)}}
		s := start(t, m, &Request{Engine: e, Limits: Limits{Time: 3 * time.Second}})
		before := time.Now()
		if !s.Wait(context.Background(), 0) {
			t.Fatal("did not end")
		}
		if d := time.Since(before); d != 3*time.Second {
			t.Errorf("ended after %v, want 3s", d)
		}
		st := s.Status()
		if st.State != Completed || st.Reason != ReasonTime {
			t.Errorf("got %s, %s; want completed, time-limit", st.State, st.Reason)
		}
		if got := linesOf(s); !slices.Equal(got, []string{"one", "@[0]: 1"}) {
			t.Errorf("lines: %q", got)
		}
		if maps := s.Maps(); len(maps) != 1 || maps[0].Name != "@" {
			t.Errorf("maps: %v", maps)
		}
		synctest.Wait()
		if e.open() != 0 {
			t.Errorf("%d runs are not closed", e.open())
		}
	})
}

// What ends a run decides its final state.
func TestEndings(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name   string
		engine *script
		limits Limits
		stop   Reason
		state  State
		reason Reason
	}{
		{name: "exit", engine: &script{events: []output.Event{&output.Exit{Code: 3, Reason: output.ExitProgram}}, end: true, stats: engine.Stats{Exited: true, ExitCode: 3}}, state: Completed, reason: ReasonExit},
		{name: "nothing left", engine: &script{end: true}, state: Completed, reason: ReasonDetached},
		{name: "engine fails", engine: &script{fail: boom}, state: Failed, reason: ReasonEngineFail},
		{name: "stopped", engine: &script{}, stop: ReasonStopped, state: Stopped, reason: ReasonStopped},
		{name: "signal", engine: &script{}, stop: ReasonSignal, state: Completed, reason: ReasonSignal},
		{name: "cancelled", engine: &script{}, stop: ReasonCancelled, state: Cancelled, reason: ReasonCancelled},
		{name: "deaf engine", engine: &script{deaf: true}, stop: ReasonStopped, state: Stopped, reason: ReasonStopped},
		{name: "events", engine: &script{every: time.Second}, limits: Limits{Events: 2}, state: Stopped, reason: ReasonEvents},
		{name: "bytes", engine: &script{every: time.Second}, limits: Limits{Bytes: 10}, state: Stopped, reason: ReasonBytes},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, m *Manager) {
				s := start(t, m, &Request{Engine: c.engine, Limits: c.limits})
				if c.stop != ReasonNone {
					s.Stop(c.stop)
				}
				s.Wait(context.Background(), 0)
				st := s.Status()
				if st.State != c.state || st.Reason != c.reason {
					t.Errorf("got %s, %s; want %s, %s", st.State, st.Reason, c.state, c.reason)
				}
				if c.name == "exit" && (!st.Exited || st.ExitCode != 3) {
					t.Errorf("exit code %d, %v", st.ExitCode, st.Exited)
				}
				if (st.Err != nil) != (c.state == Failed) {
					t.Errorf("error %v", st.Err)
				}
				synctest.Wait()
				if c.engine.open() != 0 {
					t.Error("the run is not closed")
				}
			})
		})
	}
}

func TestDeafEngineIsEndedHard(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{deaf: true}, Limits: Limits{Grace: 2 * time.Second}})
		before := time.Now()
		s.Stop(ReasonStopped)
		s.Wait(context.Background(), 0)
		if d := time.Since(before); d != 2*time.Second {
			t.Errorf("ended after %v, want the grace of 2s", d)
		}
		if w := s.Status().Warnings; len(w) != 1 || !strings.Contains(w[0], "ended hard") {
			t.Errorf("warnings %q", w)
		}
	})
}

func TestBudgetKeepsFinalMapsOnly(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		var backlog []output.Event
		for i := range 10 {
			backlog = append(backlog, text(fmt.Sprintf("%d\n", i)))
		}
		bye := &output.Printf{Text: "bye\n"}
		bye.Probe = "end"
		s := start(t, m, &Request{Engine: &script{events: backlog, final: []output.Event{bye, counts("@", 1)}}, Limits: Limits{Events: 3}})
		s.Wait(context.Background(), 0)
		if got, want := linesOf(s), []string{"0", "1", "2", "bye", "@[0]: 1"}; !slices.Equal(got, want) {
			t.Errorf("lines %q, want %q", got, want)
		}
		if st := s.Status(); st.Cut != 7 {
			t.Errorf("%d events cut, want 7", st.Cut)
		}
	})
}

func TestBufferDropsOldestAndSaysSo(t *testing.T) {
	inBubble(t, &Options{BufferBytes: 10 * (4 + 24)}, func(t *testing.T, m *Manager) {
		var evs []output.Event
		for i := range 100 {
			evs = append(evs, text(fmt.Sprintf("%04d\n", i)))
		}
		s := start(t, m, &Request{Engine: &script{events: evs, end: true}})
		s.Wait(context.Background(), 0)
		p := s.Read(context.Background(), &ReadOptions{})
		if p.Total != 100 || p.Skipped != 90 || p.Offset != 90 || len(p.Lines) != 10 || p.Lines[0] != "0090" {
			t.Errorf("page %+v", p)
		}
		if d := s.Status().Dropped; d != 90 {
			t.Errorf("dropped %d, want 90", d)
		}
	})
}

func TestReadPages(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{events: []output.Event{text("a\nb\nc"), text("d\ne\n")}, end: true}})
		s.Wait(context.Background(), 0)
		read := func(o ReadOptions) string {
			p := s.Read(context.Background(), &o)
			return fmt.Sprintf("%v next %d more %v", p.Lines, p.Next, p.More)
		}
		for _, c := range []struct {
			opts ReadOptions
			want string
		}{
			{ReadOptions{}, "[a b cd e] next 4 more false"},
			{ReadOptions{Limit: 2}, "[a b] next 2 more true"},
			{ReadOptions{Offset: 2, Limit: 2}, "[cd e] next 4 more false"},
			{ReadOptions{Offset: 99}, "[] next 4 more false"},
			{ReadOptions{Offset: -1}, "[e] next 4 more false"},
			{ReadOptions{Bytes: 3}, "[a b] next 2 more true"},
			{ReadOptions{Limit: 1, Match: func(l string) bool { return l > "b" }}, "[cd] next 3 more true"},
		} {
			if got := read(c.opts); got != c.want {
				t.Errorf("%+v: got %s, want %s", c.opts, got, c.want)
			}
		}
	})
}

func TestReadWaitsForALine(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{every: 3 * time.Second}})
		before := time.Now()
		p := s.Read(context.Background(), &ReadOptions{Offset: 1, Wait: time.Minute})
		if d := time.Since(before); d != 6*time.Second || len(p.Lines) != 1 || p.Lines[0] != "tick 2" {
			t.Errorf("after %v: %+v", d, p)
		}
		before = time.Now()
		if p = s.Read(context.Background(), &ReadOptions{Offset: 50, Wait: 2 * time.Second}); len(p.Lines) != 0 || time.Since(before) != 2*time.Second {
			t.Errorf("after %v: %+v", time.Since(before), p)
		}
	})
}

func TestSubscriberNeverSlowsTheTrace(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{every: time.Second}, Limits: Limits{Time: 10*time.Second + time.Millisecond}})
		slow := s.Subscribe(3)
		s.Wait(context.Background(), 0)
		if n := s.Status().Events; n != 10 {
			t.Errorf("%d events, want 10", n)
		}
		synctest.Wait()
		var got []output.Event
		for ev := range slow.C {
			got = append(got, ev)
		}
		if len(got) != 3 {
			t.Errorf("the slow reader got %d events, want 3", len(got))
		}
		quick := s.Subscribe(10)
		if _, open := <-quick.C; open {
			t.Error("a subscription to an ended session is open")
		}
	})
}

func TestSubscriberLearnsWhatItLost(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{every: time.Second}})
		sub := s.Subscribe(2)
		defer sub.Close()
		time.Sleep(5*time.Second + time.Millisecond) // ticks 1, 2 kept; 3, 4, 5 lost
		<-sub.C
		<-sub.C
		ev := <-sub.C
		lost, ok := ev.(*output.Lost)
		if !ok || lost.Events != 3 || lost.Cause != output.LossReader {
			t.Fatalf("got %#v, want 3 lost by the reader", ev)
		}
		if p, ok := (<-sub.C).(*output.Printf); !ok || p.Text != "tick 6\n" {
			t.Errorf("got %v after the loss", p)
		}
	})
}

func TestSinkErrorStops(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		n := 0
		s := start(t, m, &Request{Engine: &script{every: time.Second}, Sink: func(output.Event) error {
			if n++; n == 2 {
				return errors.New("closed")
			}
			return nil
		}})
		s.Wait(context.Background(), 0)
		if st := s.Status(); st.Reason != ReasonOutput || st.Duration(time.Now()) != 2*time.Second {
			t.Errorf("%s after %v", st.Reason, st.Duration(time.Now()))
		}
	})
}

func TestLimitsOfConcurrency(t *testing.T) {
	inBubble(t, &Options{MaxRunning: 3, MaxPerOwner: 2}, func(t *testing.T, m *Manager) {
		var running []*Session
		for range 2 {
			running = append(running, start(t, m, &Request{Engine: &script{}, Owner: "a"}))
		}
		_, err := m.Start(context.Background(), &Request{Engine: &script{}, Owner: "a"})
		if !errors.Is(err, ErrBusy) {
			t.Errorf("third of one owner: %v", err)
		}
		start(t, m, &Request{Engine: &script{}, Owner: "b"})
		if _, err = m.Start(context.Background(), &Request{Engine: &script{}, Owner: "c"}); !errors.Is(err, ErrBusy) {
			t.Errorf("fourth in all: %v", err)
		}
		running[0].Stop(ReasonStopped)
		running[0].Wait(context.Background(), 0)
		start(t, m, &Request{Engine: &script{}, Owner: "a"})
	})
}

func TestStartErrorLeavesNothing(t *testing.T) {
	inBubble(t, &Options{MaxRunning: 1}, func(t *testing.T, m *Manager) {
		boom := errors.New("boom")
		for range 3 {
			if _, err := m.Start(context.Background(), &Request{Engine: &script{startErr: boom}}); !errors.Is(err, boom) {
				t.Errorf("got %v", err)
			}
		}
		if l := m.List(""); len(l) != 0 {
			t.Errorf("%d sessions are left", len(l))
		}
	})
}

func TestOwnersDoNotSeeEachOther(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{end: true}, Owner: "alice"})
		if _, err := m.Get("bob", s.ID()); !errors.Is(err, ErrNotFound) {
			t.Errorf("bob: %v", err)
		}
		for _, who := range []string{"alice", ""} {
			if got, err := m.Get(who, s.ID()); err != nil || got != s {
				t.Errorf("%q: %v", who, err)
			}
		}
		if len(m.List("bob")) != 0 || len(m.List("alice")) != 1 {
			t.Error("lists are wrong")
		}
		if id := s.ID(); len(id) != 37 || !strings.HasPrefix(id, "exec_") {
			t.Errorf("id %q has not 128 bits", id)
		}
	})
}

func TestResultsExpire(t *testing.T) {
	inBubble(t, &Options{Retain: time.Minute}, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{events: []output.Event{text("x\n")}, end: true}, Owner: "a"})
		s.Wait(context.Background(), 0)
		time.Sleep(59 * time.Second)
		if _, err := m.Get("a", s.ID()); err != nil {
			t.Errorf("too early: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := m.Get("a", s.ID()); !errors.Is(err, ErrExpired) {
			t.Errorf("after a minute: %v", err)
		}
		if st := s.Status(); st.State != Expired || len(linesOf(s)) != 0 {
			t.Errorf("state %s, lines %q", st.State, linesOf(s))
		}
	})
}

func TestOldestResultsGoFirst(t *testing.T) {
	inBubble(t, &Options{MaxKept: 2}, func(t *testing.T, m *Manager) {
		var all []*Session
		for range 4 {
			s := start(t, m, &Request{Engine: &script{end: true}})
			s.Wait(context.Background(), 0)
			all = append(all, s)
			time.Sleep(time.Second)
		}
		kept := m.List("")
		if len(kept) != 2 || kept[0] != all[3] || kept[1] != all[2] {
			t.Errorf("kept %d sessions", len(kept))
		}
	})
}

func TestExtend(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, m *Manager) {
		s := start(t, m, &Request{Engine: &script{}, Limits: Limits{Time: 5 * time.Second}})
		time.Sleep(4 * time.Second)
		if err := s.Extend(8 * time.Second); err != nil {
			t.Fatal(err)
		}
		s.Wait(context.Background(), 0)
		if st := s.Status(); st.Duration(time.Now()) != 8*time.Second {
			t.Errorf("ended after %v, want 8s", st.Duration(time.Now()))
		}
		if err := s.Extend(time.Hour); !errors.Is(err, ErrNotRunning) {
			t.Errorf("after the end: %v", err)
		}
		synctest.Wait()
		if err := s.SetParam("1", "5"); !errors.Is(err, ErrNotRunning) {
			t.Errorf("set after the end: %v", err)
		}
	})
}

func TestSilenceIsExplained(t *testing.T) {
	fired := func(name string, n, passed uint64) engine.ProbeStats {
		return engine.ProbeStats{Name: name, Fired: n, Passed: passed}
	}
	for _, c := range []struct {
		name   string
		probes []engine.ProbeStats
		events []output.Event
		want   []string
	}{
		{"never fired", []engine.ProbeStats{fired("begin", 1, 1), fired("uprobe:/bin/x:f", 0, 0)}, nil, []string{NoticeNeverFired}},
		{"banner does not count", []engine.ProbeStats{fired("uprobe:/bin/x:f", 0, 0)}, []output.Event{text("Tracing...\n")}, []string{NoticeNeverFired}},
		{"predicate", []engine.ProbeStats{fired("tracepoint:a:b", 9, 0)}, nil, []string{NoticeNeverPassed}},
		{"fired in silence", []engine.ProbeStats{fired("tracepoint:a:b", 9, 9)}, nil, []string{NoticeSilent}},
		{"empty map is silence", []engine.ProbeStats{fired("tracepoint:a:b", 9, 9)}, []output.Event{counts("@", 0)}, []string{NoticeSilent}},
		{"one of two is enough", []engine.ProbeStats{fired("tracepoint:a:b", 9, 9), fired("tracepoint:a:c", 0, 0)}, []output.Event{counts("@", 1)}, nil},
		{"clocks only", []engine.ProbeStats{fired("interval:s:1", 0, 0)}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, m *Manager) {
				s := start(t, m, &Request{Engine: &script{events: c.events, end: true, stats: engine.Stats{Probes: c.probes}}})
				s.Wait(context.Background(), 0)
				var got []string
				for _, n := range s.Notices() {
					got = append(got, n.Code)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("notices %q, want %q", got, c.want)
				}
			})
		})
	}
}

func TestCloseStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(nil)
		engines := []*script{{}, {deaf: true}, {every: time.Second}}
		for _, e := range engines {
			start(t, m, &Request{Engine: e})
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := m.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close with a deaf engine: %v", err)
		}
		for i, e := range engines {
			if e.open() != 0 {
				t.Errorf("engine %d is open", i)
			}
		}
		if _, err := m.Start(context.Background(), &Request{Engine: &script{}}); !errors.Is(err, ErrClosed) {
			t.Errorf("start after close: %v", err)
		}
	})
}

// recorder keeps what it is given and fails where told.
type recorder struct {
	beginErr, appendErr error
	events              []output.Event
	ended               Status
}

func (r *recorder) Begin(Status) (Record, error) { return r, r.beginErr }
func (r *recorder) End(st Status) error          { r.ended = st; return nil }
func (r *recorder) Append(_ int64, ev output.Event) error {
	r.events = append(r.events, ev)
	return r.appendErr
}

func TestRecorderNeverEndsATrace(t *testing.T) {
	full := errors.New("disk full")
	for _, c := range []struct {
		rec      recorder
		recorded int
		warnings int
	}{{recorder{}, 3, 0}, {recorder{appendErr: full}, 1, 1}} {
		inBubble(t, &Options{Recorder: &c.rec}, func(t *testing.T, m *Manager) {
			s := start(t, m, &Request{Engine: &script{events: []output.Event{text("a\n"), text("b\n")}, end: true}})
			s.Wait(context.Background(), 0)
			st := s.Status()
			if st.State != Completed || len(linesOf(s)) != 2 || len(st.Warnings) != c.warnings || len(c.rec.events) != c.recorded {
				t.Errorf("state %s, lines %q, warnings %q, recorded %d", st.State, linesOf(s), st.Warnings, len(c.rec.events))
			}
		})
	}
}
