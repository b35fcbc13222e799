package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/engine"
)

// Errors of a Manager.
var (
	ErrNotFound = errors.New("no such execution")
	ErrExpired  = errors.New("results are no longer kept")
	ErrBusy     = errors.New("too many executions are running")
	ErrClosed   = errors.New("shutting down")
)

// Options bound a Manager. The zero value is right for a server.
type Options struct {
	MaxRunning  int           // sessions at once; zero means 16
	MaxPerOwner int           // of one owner; zero means 8
	MaxKept     int           // ended sessions kept; zero means 100
	Retain      time.Duration // how long an ended one is kept; zero means 1 h
	BufferBytes int           // of lines kept in one session; zero means 4 MiB
	MapBytes    int           // of map dumps kept in one session, estimated; zero means 8 MiB
	Recorder    Recorder      // nil records nothing
}

// Recorder keeps sessions beyond the life of the process. Its errors become
// warnings of the session and never end a trace.
type Recorder interface {
	// Begin opens the record of a session that has been attached.
	Begin(Status) (Record, error)
}

// Record is the record of one session. Its methods are called from one goroutine.
type Record interface {
	Append(seq int64, ev output.Event) error
	End(Status) error
}

// Renderer turns events into the text that upstream prints. The session calls
// Encode for every event and ignores what goes anywhere but to the writer that
// it was made with.
type Renderer interface {
	Encode(output.Event) error
}

// Request is what to run, for whom and within what.
type Request struct {
	Engine  engine.Engine
	Object  *compile.Object
	Options engine.Options
	Limits  Limits
	Owner   string
	Program string
	Label   string
	Meta    any // kept for the caller, see Session.Meta

	// Render makes the encoder of output lines; nil keeps no lines.
	Render func(io.Writer) Renderer

	// Sink sees every event in order, from the session's goroutine: it slows
	// the reading down rather than losing anything. An error ends the run
	// gracefully with ReasonOutput.
	Sink func(output.Event) error
}

// Manager owns sessions. It is safe for concurrent use.
type Manager struct {
	opts Options

	mu       sync.Mutex
	sessions map[string]*Session
	order    []*Session // by creation
	running  map[string]int
	expiry   *time.Timer // fires when the oldest ended session expires
	closed   bool

	wg sync.WaitGroup // one per session, until it is torn down
}

// New returns a Manager without sessions.
func New(opts *Options) *Manager {
	m := &Manager{sessions: map[string]*Session{}, running: map[string]int{}}
	if opts != nil {
		m.opts = *opts
	}
	o := &m.opts
	o.MaxRunning = orInt(o.MaxRunning, 16)
	o.MaxPerOwner = orInt(o.MaxPerOwner, 8)
	o.MaxKept = orInt(o.MaxKept, 100)
	o.BufferBytes = orInt(o.BufferBytes, 4<<20)
	o.MapBytes = orInt(o.MapBytes, 8<<20)
	if o.Retain == 0 {
		o.Retain = time.Hour
	}
	return m
}

func orInt(v, dflt int) int {
	if v == 0 {
		return dflt
	}
	return v
}

// Retain is how long results are kept after a session has ended.
func (m *Manager) Retain() time.Duration { return m.opts.Retain }

// Start loads and attaches a program and returns once it runs. ctx bounds the
// starting only. The error is the engine's, or ErrBusy or ErrClosed.
func (m *Manager) Start(ctx context.Context, req *Request) (*Session, error) {
	s, err := m.reserve(req)
	if err != nil {
		return nil, err
	}
	run, err := req.Engine.Start(ctx, req.Object, &req.Options)
	if err != nil {
		m.abandon(s)
		return nil, err
	}
	s.begin(run)
	return s, nil
}

// reserve makes a session in state Started, if the limits allow one more.
func (m *Manager) reserve(req *Request) (*Session, error) {
	s := newSession(m, req)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return nil, ErrClosed
	case m.total() >= m.opts.MaxRunning:
		return nil, fmt.Errorf("%w: %d of %d on this server", ErrBusy, m.total(), m.opts.MaxRunning)
	case m.running[req.Owner] >= m.opts.MaxPerOwner:
		return nil, fmt.Errorf("%w: %d of %d allowed for one caller", ErrBusy, m.running[req.Owner], m.opts.MaxPerOwner)
	}
	m.running[req.Owner]++
	m.sessions[s.id] = s
	m.order = append(m.order, s)
	m.wg.Add(1)
	return s, nil
}

func (m *Manager) total() int {
	n := 0
	for _, c := range m.running {
		n += c
	}
	return n
}

// abandon forgets a session whose engine did not start.
func (m *Manager) abandon(s *Session) {
	m.mu.Lock()
	m.release(s)
	delete(m.sessions, s.id)
	m.order = slices.DeleteFunc(m.order, func(o *Session) bool { return o == s })
	m.mu.Unlock()
	m.wg.Done()
}

// release gives the slot of a session back. Manager.mu is held.
func (m *Manager) release(s *Session) {
	if m.running[s.owner]--; m.running[s.owner] <= 0 {
		delete(m.running, s.owner)
	}
}

// ended is called by a session when its results are complete.
func (m *Manager) ended(s *Session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.release(s)
	if !m.closed {
		m.expire(time.Now())
	}
}

// expire releases sessions that are too old or too many and sets the timer for
// the next one. Manager.mu is held.
func (m *Manager) expire(now time.Time) {
	var done []*Session
	for _, s := range m.order {
		if !s.endedAt().IsZero() {
			done = append(done, s)
		}
	}
	slices.SortStableFunc(done, func(a, b *Session) int { return a.endedAt().Compare(b.endedAt()) })
	for len(done) > 0 && (len(done) > m.opts.MaxKept || now.Sub(done[0].endedAt()) >= m.opts.Retain) {
		done[0].expire()
		done = done[1:]
	}
	m.forget()
	if m.expiry != nil {
		m.expiry.Stop()
	}
	if len(done) > 0 {
		m.expiry = time.AfterFunc(done[0].endedAt().Add(m.opts.Retain).Sub(now), m.tick)
	}
}

func (m *Manager) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.expire(time.Now())
	}
}

// forget drops the oldest tombstones of expired sessions beyond ten times the
// number of sessions kept. Manager.mu is held.
func (m *Manager) forget() {
	excess := len(m.order) - 10*m.opts.MaxKept
	if excess <= 0 {
		return
	}
	m.order = slices.DeleteFunc(m.order, func(s *Session) bool {
		if excess <= 0 || !s.expired() {
			return false
		}
		excess--
		delete(m.sessions, s.id)
		return true
	})
}

// Get returns the session with an id, if it belongs to owner. A session of
// someone else is as unknown as one that never was. An empty owner may see all.
func (m *Manager) Get(owner, id string) (*Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	if s == nil || owner != "" && s.owner != owner {
		return nil, ErrNotFound
	}
	if s.expired() {
		return s, ErrExpired
	}
	return s, nil
}

// List returns the sessions of an owner, the newest first, expired ones left
// out. An empty owner sees all.
func (m *Manager) List(owner string) []*Session {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*Session
	for _, s := range slices.Backward(m.order) {
		if (owner == "" || s.owner == owner) && !s.expired() {
			list = append(list, s)
		}
	}
	return list
}

// Close stops all sessions gracefully and waits until each is torn down, or
// until ctx ends; then they are torn down hard. It is idempotent.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	if m.expiry != nil {
		m.expiry.Stop()
	}
	sessions := slices.Clone(m.order)
	m.mu.Unlock()
	for _, s := range sessions {
		s.Stop(ReasonShutdown)
	}
	done := make(chan struct{})
	go func() { m.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, s := range sessions {
		s.kill()
	}
	<-done
	return ctx.Err()
}

// newID returns an unguessable name: 128 random bits.
func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return "exec_" + hex.EncodeToString(b[:])
}
