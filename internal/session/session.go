package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/engine"
)

// Session is one trace, running or ended. It is safe for concurrent use.
type Session struct {
	m     *Manager
	id    string
	owner string
	req   *Request
	run   engine.Run // set once by begin

	ctx    context.Context // ends when the run must end hard
	cancel context.CancelFunc

	calls sync.RWMutex // held for reading around calls of run, for writing to close it
	gone  bool         // run is closed

	mu      sync.Mutex
	status  Status
	lines   lines
	render  Renderer
	maps    map[string]*output.MapDump // newest dump of each map
	order   []string                   // names in maps, in order of first dump
	kept    int                        // estimated bytes of maps
	notices []*output.Notice
	spoke   bool // something was printed that is not an empty map
	subs    map[*Subscription]struct{}
	changed chan struct{} // closed and replaced when something changed; nil while nobody waits
	timers  []*time.Timer
	asked   Reason // why a stop was asked for
	seq     int64
	done    chan struct{} // closed when the results are complete
}

func newSession(m *Manager, req *Request) *Session {
	s := &Session{m: m, id: newID(), owner: req.Owner, req: req,
		maps: map[string]*output.MapDump{}, done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.lines.max = m.opts.BufferBytes
	if req.Render != nil {
		s.render = req.Render(&s.lines)
	}
	s.status = Status{ID: s.id, Owner: req.Owner, State: Started, Program: req.Program,
		Label: req.Label, Engine: req.Engine.Name(), Limits: req.Limits, Created: time.Now()}
	return s
}

// ID is the session's name: "exec_" and 32 hexadecimal digits.
func (s *Session) ID() string { return s.id }

// Done is closed when the session has ended and its results are complete.
func (s *Session) Done() <-chan struct{} { return s.done }

// begin starts reading a run that has just been attached.
func (s *Session) begin(run engine.Run) {
	s.mu.Lock()
	s.run = run
	s.status.State, s.status.Attached = Running, time.Now()
	asked := s.asked
	if d := s.req.Limits.Time; d > 0 {
		s.timers = append(s.timers, time.AfterFunc(d, func() { s.Stop(ReasonTime) }))
	}
	s.mu.Unlock()
	go s.serve(s.openRecord())
	if asked != ReasonNone {
		s.halt()
	}
}

// openRecord begins the record of the session, if there is a recorder.
func (s *Session) openRecord() Record {
	if s.m.opts.Recorder == nil {
		return nil
	}
	rec, err := s.m.opts.Recorder.Begin(s.Status())
	if err != nil {
		s.warn(fmt.Sprintf("this run is not recorded: %v", err))
		return nil
	}
	return rec
}

// serve is the session's goroutine: it reads to the end and tears down.
func (s *Session) serve(rec Record) {
	defer s.m.wg.Done()
	err := s.read(&rec)
	for _, n := range s.silence() {
		s.take(n)
		s.deliver(n)
	}
	s.finish(err)
	if rec != nil {
		if err := rec.End(s.Status()); err != nil {
			s.warn(fmt.Sprintf("the record of this run is incomplete: %v", err))
		}
	}
	s.m.ended(s)
	close(s.done)
	s.closeSubs()
	s.closeRun()
}

// read handles events until the run ends. A recorder that fails is dropped.
func (s *Session) read(rec *Record) error {
	for {
		ev, err := s.run.Next(s.ctx)
		if err != nil {
			return err
		}
		wanted, over := s.take(ev)
		if over {
			s.halt()
		}
		if !wanted {
			continue
		}
		s.deliver(ev)
		if *rec == nil {
			continue
		}
		if err := (*rec).Append(s.seq, ev); err != nil {
			s.warn(fmt.Sprintf("recording stopped: %v", err))
			*rec = nil
		}
	}
}

// take accounts for an event and keeps it. It reports whether the event is
// within the limits and is to be handed on, and whether it used up a budget, so
// that the run is to be halted.
func (s *Session) take(ev output.Event) (wanted, over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.admit(ev) {
		s.status.Cut++
		return false, false
	}
	s.seq++
	s.note(ev)
	before := s.written()
	if s.render != nil && !isExit(ev) {
		_, s.lines.dump = ev.(*output.MapDump)
		_ = s.render.Encode(ev) // the buffer takes everything
	}
	s.status.Bytes += s.written() - before
	s.status.Lines = s.lines.total
	s.wake()
	if r := s.exceeded(); r != ReasonNone && s.asked == ReasonNone {
		s.asked, over = r, true
	}
	return true, over
}

func isExit(ev output.Event) bool { _, ok := ev.(*output.Exit); return ok }

// written counts rendered bytes that are or were kept, and those of a line that
// has not ended.
func (s *Session) written() int64 { return s.lines.written + int64(len(s.lines.partial)) }

// admit decides about an event after a limit was reached: what end prints,
// final maps and reports of loss are still wanted, the backlog is not.
// Session.mu is held.
func (s *Session) admit(ev output.Event) bool {
	if !s.asked.Budget() || !printed(ev) {
		return true
	}
	if d, ok := ev.(*output.MapDump); ok && d.Final {
		return true
	}
	switch ev.Metadata().Probe {
	case "end", "END":
		return true
	}
	return false
}

// printed reports whether ev is output of the program, as opposed to a report
// about the run.
func printed(ev output.Event) bool {
	switch ev.(type) {
	case *output.Attached, *output.Lost, *output.Exit, *output.Notice:
		return false
	}
	return true
}

// says reports whether ev shows anything.
func says(ev output.Event) bool {
	d, ok := ev.(*output.MapDump)
	return !ok || len(d.Entries) > 0
}

// exceeded says which budget is used up, if any.
func (s *Session) exceeded() Reason {
	l, st := &s.req.Limits, &s.status
	switch {
	case l.Events > 0 && st.Events >= l.Events:
		return ReasonEvents
	case l.Bytes > 0 && st.Bytes >= l.Bytes:
		return ReasonBytes
	}
	return ReasonNone
}

// note keeps what the session knows about its run up to date.
func (s *Session) note(ev output.Event) {
	if printed(ev) {
		s.status.Events++
		s.spoke = s.spoke || says(ev)
	}
	switch ev := ev.(type) {
	case *output.Attached:
		s.status.Probes = ev.Probes
		for _, f := range ev.Failed {
			s.status.Warnings = append(s.status.Warnings, fmt.Sprintf("not attached: %s: %s", f.Probe, f.Reason))
		}
	case *output.Lost:
		s.status.Lost += ev.Events
	case *output.Exit:
		s.exited(ev)
	case *output.MapDump:
		s.keep(ev)
	case *output.Notice:
		s.notices = append(s.notices, ev)
	}
}

func (s *Session) exited(ev *output.Exit) {
	s.status.ExitCode = ev.Code
	if s.asked != ReasonNone {
		ev.Reason = exitReason(s.asked)
		return
	}
	switch ev.Reason {
	case output.ExitProgram:
		s.asked, s.status.Exited = ReasonExit, true
	case output.ExitDetached:
		s.asked = ReasonDetached
	}
}

// exitReason is r in the words of the event model.
func exitReason(r Reason) output.ExitReason {
	switch r {
	case ReasonTime:
		return output.ExitTimeout
	case ReasonEvents, ReasonBytes:
		return output.ExitLimit
	case ReasonExit:
		return output.ExitProgram
	case ReasonDetached:
		return output.ExitDetached
	}
	return output.ExitStopped
}

// deliver hands an event to the sink and to the subscribers, without a lock.
func (s *Session) deliver(ev output.Event) {
	s.publish(ev)
	if s.req.Sink == nil {
		return
	}
	if err := s.req.Sink(ev); err != nil {
		s.Stop(ReasonOutput)
	}
}

// Stop ends the session gracefully and returns at once; [Session.Wait] waits for
// its results. The first reason counts. When the engine has not ended within
// Limits.Grace it is closed hard.
func (s *Session) Stop(r Reason) {
	s.mu.Lock()
	first := s.asked == ReasonNone && !s.status.State.Done()
	if first {
		s.asked = r
	}
	s.mu.Unlock()
	if first {
		s.halt()
	}
}

// halt asks the engine to end and sets the time after which it must have.
func (s *Session) halt() {
	s.mu.Lock()
	if s.run == nil || s.status.State.Done() { // begin will call again
		s.mu.Unlock()
		return
	}
	s.timers = append(s.timers, time.AfterFunc(s.req.Limits.grace(), s.kill))
	s.mu.Unlock()
	s.call(func(run engine.Run) error { run.Stop(); return nil })
}

// kill ends the session hard: Next returns, and the run is closed.
func (s *Session) kill() { s.cancel() }

// call calls f with the run unless it is closed.
func (s *Session) call(f func(engine.Run) error) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if s.gone || s.run == nil {
		return ErrNotRunning
	}
	return f(s.run)
}

// ErrNotRunning is returned for what only a running session can do.
var ErrNotRunning = errors.New("the execution is not running")

// finish settles the final state. The results are complete afterwards.
func (s *Session) finish(err error) {
	stats := s.run.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.timers {
		t.Stop()
	}
	st := &s.status
	st.Stats, st.Ended = stats, time.Now()
	if stats.Exited {
		st.Exited, st.ExitCode = true, stats.ExitCode
	}
	s.settle(err)
	s.lines.flush()
	st.Lines, st.Dropped = s.lines.total, s.lines.first()
	s.wake()
}

// settle sets State, Reason and Err from how the run ended. Session.mu is held.
func (s *Session) settle(err error) {
	st := &s.status
	switch {
	case errors.Is(err, io.EOF) && s.asked == ReasonNone:
		st.Reason = ReasonDetached
		if st.Exited {
			st.Reason = ReasonExit
		}
	case errors.Is(err, io.EOF), s.ctx.Err() != nil:
		st.Reason = s.asked
	default:
		st.Reason, st.Err = ReasonEngineFail, err
	}
	if s.ctx.Err() != nil && !errors.Is(err, io.EOF) {
		st.Warnings = append(st.Warnings, fmt.Sprintf("did not end within %v and was ended hard: final output may be missing", s.req.Limits.grace()))
	}
	st.State = st.Reason.state()
}

// closeRun tears the run down; nobody calls it afterwards.
func (s *Session) closeRun() {
	s.calls.Lock()
	defer s.calls.Unlock()
	if err := s.run.Close(); err != nil {
		s.warn(fmt.Sprintf("close: %v", err))
	}
	s.gone = true
	s.cancel()
}

// warn adds a remark to the status.
func (s *Session) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Warnings = append(s.status.Warnings, text)
}

// endedAt is when the session ended; zero while it runs or once it is expired.
func (s *Session) endedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.State == Expired {
		return time.Time{}
	}
	return s.status.Ended
}

func (s *Session) expired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status.State == Expired
}

// expire drops the results and keeps the metadata.
func (s *Session) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.State = Expired
	s.lines.release()
	s.maps, s.order, s.notices, s.render = nil, nil, nil, nil
	s.req = &Request{Owner: s.owner, Limits: s.req.Limits}
}
