package session

import (
	"context"
	"slices"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/engine"
)

// ReadOptions choose lines of a session's output.
type ReadOptions struct {
	Offset int64             // number of the first line wanted, from 0; negative counts from the end
	Limit  int               // lines at most; zero means 200
	Bytes  int               // of text at most; zero means unlimited
	Wait   time.Duration     // for a line at Offset when there is none and the session runs
	Match  func(string) bool // nil for all lines
	NoMaps bool              // leave out lines that show a map
}

// Page is a piece of a session's output.
type Page struct {
	Lines   []string
	Offset  int64 // number of the first line looked at
	Next    int64 // offset to go on from
	Total   int64 // lines so far
	Skipped int64 // lines between the wanted offset and Offset that are no longer kept
	More    bool  // there are lines at Next already
	Done    bool  // the session has ended, so that Total is final
}

// Read returns lines of output, and waits for the first one if asked to. It
// returns early, without error, when ctx ends.
func (s *Session) Read(ctx context.Context, opts *ReadOptions) *Page {
	if opts.Wait > 0 && opts.Offset >= 0 {
		s.waitFor(ctx, opts.Wait, func() bool { return s.lines.total > opts.Offset })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.page(opts)
}

func (s *Session) page(opts *ReadOptions) *Page {
	l := &s.lines
	p := &Page{Total: l.total, Done: s.status.State.Done()}
	want := opts.Offset
	if want < 0 {
		want = max(l.total+want, l.first())
	}
	p.Offset = min(max(want, l.first()), l.total)
	p.Skipped = max(p.Offset-want, 0)
	p.Next = p.Offset
	limit, size := orInt(opts.Limit, 200), 0
	for p.Next < l.total && len(p.Lines) < limit {
		line := l.at(p.Next)
		if opts.wants(line) {
			if opts.Bytes > 0 && size > 0 && size+len(line.text) > opts.Bytes {
				break
			}
			size += len(line.text) + 1
			p.Lines = append(p.Lines, line.text)
		}
		p.Next++
	}
	p.More = p.Next < l.total
	return p
}

func (o *ReadOptions) wants(l line) bool {
	return !(o.NoMaps && l.dump) && (o.Match == nil || o.Match(l.text))
}

// Wait blocks until the session has ended, for d at most (zero: without limit)
// and no longer than ctx. It reports whether the session has ended.
func (s *Session) Wait(ctx context.Context, d time.Duration) bool {
	var timeout <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-s.done:
		return true
	case <-ctx.Done():
	case <-timeout:
	}
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// waitFor blocks until ok holds, the session has ended, d has passed or ctx has
// ended. ok is called with Session.mu held.
func (s *Session) waitFor(ctx context.Context, d time.Duration, ok func() bool) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		s.mu.Lock()
		if ok() || s.status.State.Done() {
			s.mu.Unlock()
			return
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-s.done:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// wake tells those who wait that something changed. Session.mu is held.
func (s *Session) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Status returns a snapshot, with the engine's counters as they are now.
func (s *Session) Status() Status {
	var stats *engine.Stats
	s.call(func(run engine.Run) error {
		now := run.Stats()
		stats = &now
		return nil
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status
	st.Warnings = slices.Clone(st.Warnings)
	st.Dropped = s.lines.first()
	if stats != nil && !st.State.Done() {
		st.Stats = *stats
	}
	return st
}

// Maps returns the newest dump of each map that was printed, in the order in
// which they were first printed.
func (s *Session) Maps() []*output.MapDump {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*output.MapDump, 0, len(s.order))
	for _, name := range s.order {
		list = append(list, s.maps[name])
	}
	return list
}

// LiveMaps reads the maps of a running session as they are now. Of an ended one
// it returns what was printed last.
func (s *Session) LiveMaps() ([]*output.MapDump, error) {
	var evs []output.Event
	err := s.call(func(run engine.Run) (err error) {
		evs, err = run.ReadMaps()
		return err
	})
	if err == ErrNotRunning || s.Status().State.Done() {
		return s.Maps(), nil
	}
	var list []*output.MapDump
	for _, ev := range evs {
		if d, ok := ev.(*output.MapDump); ok {
			list = append(list, d)
		}
	}
	return list, err
}

// Meta is what the request carried for its maker.
func (s *Session) Meta() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.req.Meta
}

// Notices returns the remarks about the run.
func (s *Session) Notices() []*output.Notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notices)
}

// keep remembers the newest dump of a map, within the bound for all maps.
// Session.mu is held.
func (s *Session) keep(d *output.MapDump) {
	old := s.maps[d.Name]
	size := s.kept - weigh(old) + weigh(d)
	if size > s.m.opts.MapBytes {
		s.status.Warnings = append(s.status.Warnings, d.Name+" is too large to be kept as a table; its lines are in the output")
		if old == nil {
			return
		}
		delete(s.maps, d.Name)
		s.order = slices.DeleteFunc(s.order, func(n string) bool { return n == d.Name })
		s.kept -= weigh(old)
		return
	}
	if old == nil {
		s.order = append(s.order, d.Name)
	}
	s.maps[d.Name], s.kept = d, size
}

// weigh estimates the memory of a dump in bytes.
func weigh(d *output.MapDump) int {
	if d == nil {
		return 0
	}
	per := 100
	switch d.Kind {
	case output.MapHist, output.MapLhist, output.MapTSeries:
		per = 1200
	}
	if d.ValueKind == output.KindStack || len(d.KeyKinds) > 0 && slices.Contains(d.KeyKinds, output.KindStack) {
		per = 4000
	}
	return 200 + per*len(d.Entries)
}

// SetParam changes a parameter of the running program.
func (s *Session) SetParam(name, value string) error {
	return s.call(func(run engine.Run) error { return run.SetParam(name, value) })
}

// Extend sets a new time limit, counted from the moment of attaching. One that
// has passed already stops the session.
func (s *Session) Extend(limit time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.State != Running || s.asked != ReasonNone {
		return ErrNotRunning
	}
	for _, t := range s.timers {
		t.Stop()
	}
	s.status.Limits.Time = limit
	left := max(limit-time.Since(s.status.Attached), 0)
	s.timers = []*time.Timer{time.AfterFunc(left, func() { s.Stop(ReasonTime) })}
	return nil
}
