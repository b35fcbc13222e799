package mcpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// modernVersion is the first revision without initialize: every request carries
// its version, and nothing is remembered between them.
const modernVersion = "2026-07-28"

// splitter serves both eras of the protocol on one connection. Clients probe
// with server/discover and then fall back to initialize on the same pipe; the
// SDK's session takes one or the other. So each era has a session of its own,
// made when its first message arrives.
type splitter struct {
	server *mcp.Server
	conn   *lineConn

	mu     sync.Mutex
	modern *eraConn
	legacy *eraConn
	owner  map[any]*eraConn // who handles a request that is under way, by its id
	idle   chan struct{}    // gets a token when owner becomes empty

	wg sync.WaitGroup // sessions
}

// serveLines runs server on a connection until its input ends, ctx ends or
// writing fails. Requests that are under way are answered first.
func serveLines(ctx context.Context, server *mcp.Server, in io.Reader, out io.Writer) error {
	s := &splitter{server: server, conn: newLineConn(in, out), owner: map[any]*eraConn{}, idle: make(chan struct{}, 1)}
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.pump(ctx) }()
	var err error
	select {
	case err = <-done:
		s.drain(ctx)
	case <-ctx.Done(): // a read that blocks cannot be interrupted; the process ends
	}
	s.close()
	s.wg.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// drainTime is how long requests that are under way may take after the input
// has ended; a client that is gone for good reads no answers.
const drainTime = 2 * time.Second

// drain waits until every request is answered.
func (s *splitter) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	s.mu.Lock()
	idle := s.idle
	if len(s.owner) == 0 {
		s.mu.Unlock()
		return
	}
	select {
	case <-idle: // of an earlier moment
	default:
	}
	s.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// pump hands messages to the sessions until the input ends.
func (s *splitter) pump(ctx context.Context) error {
	for {
		msg, err := s.conn.read()
		if err != nil {
			return err
		}
		era, err := s.route(ctx, msg)
		if err != nil {
			return err
		}
		select {
		case era.in <- msg:
		case <-era.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// route finds the session that a message is for.
func (s *splitter) route(ctx context.Context, msg jsonrpc.Message) (*eraConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	req, ok := msg.(*jsonrpc.Request)
	if !ok { // an answer: only the older era asks
		return s.session(ctx, &s.legacy)
	}
	slot := &s.legacy
	switch {
	case req.Method == "initialize":
		s.restart()
	case req.Method == "notifications/cancelled":
		if era := s.owner[cancelledID(req.Params)]; era != nil {
			return era, nil
		}
	case isModern(req):
		slot = &s.modern
	}
	era, err := s.session(ctx, slot)
	if err == nil && req.ID.IsValid() {
		s.owner[req.ID.Raw()] = era
	}
	return era, err
}

// restart ends the session of the older era, if any, since a repeated
// initialize begins a new one. splitter.mu is held.
func (s *splitter) restart() {
	if s.legacy != nil {
		s.legacy.Close()
		s.legacy = nil
	}
}

// session returns the session in slot and makes it if there is none.
// splitter.mu is held.
func (s *splitter) session(ctx context.Context, slot **eraConn) (*eraConn, error) {
	if *slot != nil {
		return *slot, nil
	}
	c := &eraConn{s: s, in: make(chan jsonrpc.Message), done: make(chan struct{})}
	ss, err := s.server.Connect(ctx, c, nil)
	if err != nil {
		return nil, err
	}
	*slot = c
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		ss.Wait()
	}()
	return c, nil
}

// close ends both sessions; each answers what is under way first.
func (s *splitter) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range []*eraConn{s.modern, s.legacy} {
		if c != nil {
			c.end()
		}
	}
}

// answered notes that a request is no longer under way.
func (s *splitter) answered(id any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.owner, id)
	if len(s.owner) > 0 {
		return
	}
	select {
	case s.idle <- struct{}{}:
	default:
	}
}

// isModern reports whether a request belongs to the era without initialize.
func isModern(req *jsonrpc.Request) bool {
	if req.Method == "server/discover" {
		return true
	}
	if !bytes.Contains(req.Params, []byte(mcp.MetaKeyProtocolVersion)) {
		return false
	}
	var p struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	if json.Unmarshal(req.Params, &p) != nil {
		return false
	}
	var version string
	json.Unmarshal(p.Meta[mcp.MetaKeyProtocolVersion], &version)
	return version >= modernVersion
}

// cancelledID is the request that a notifications/cancelled names, in the form
// of jsonrpc.ID.Raw.
func cancelledID(params json.RawMessage) any {
	var p struct {
		ID any `json:"requestId"`
	}
	if json.Unmarshal(params, &p) != nil {
		return nil
	}
	id, err := jsonrpc.MakeID(p.ID)
	if err != nil {
		return nil
	}
	return id.Raw()
}

// eraConn is the part of the connection that one session sees. It is both the
// SDK's Transport and its Connection.
type eraConn struct {
	s    *splitter
	in   chan jsonrpc.Message
	once sync.Once
	done chan struct{}
}

// Connect implements mcp.Transport.
func (c *eraConn) Connect(context.Context) (mcp.Connection, error) { return c, nil }

// Read implements mcp.Connection.
func (c *eraConn) Read(ctx context.Context) (jsonrpc.Message, error) {
	select {
	case msg := <-c.in:
		return msg, nil
	case <-c.done:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write implements mcp.Connection.
func (c *eraConn) Write(ctx context.Context, msg jsonrpc.Message) error {
	err := c.s.conn.write(ctx, msg)
	if r, ok := msg.(*jsonrpc.Response); ok {
		c.s.answered(r.ID.Raw())
	}
	return err
}

// end makes Read report the end of input.
func (c *eraConn) end() { c.once.Do(func() { close(c.done) }) }

// Close implements mcp.Connection.
func (c *eraConn) Close() error { c.end(); return nil }

// SessionID implements mcp.Connection.
func (c *eraConn) SessionID() string { return "" }
