package session

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/engine"
)

// script is an Engine whose runs do what a test wrote down. It is the seam
// between sessions and engines; the native engine is tested behind it in
// session_kernel_test.go.
type script struct {
	events   []output.Event // delivered at once
	final    []output.Event // delivered after Stop
	every    time.Duration  // then one Printf each; zero: none
	end      bool           // ends by itself after events
	fail     error          // Next fails after events
	startErr error
	deaf     bool // ignores Stop
	stats    engine.Stats

	mu     sync.Mutex
	starts int
	closed int
}

func (e *script) Name() string { return "script" }

func (e *script) Start(context.Context, *compile.Object, *engine.Options) (engine.Run, error) {
	if e.startErr != nil {
		return nil, e.startErr
	}
	e.mu.Lock()
	e.starts++
	e.mu.Unlock()
	return &scriptRun{e: e, stop: make(chan struct{}), queue: append([]output.Event(nil), e.events...)}, nil
}

// open counts runs that are not closed.
func (e *script) open() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.starts - e.closed
}

type scriptRun struct {
	e     *script
	queue []output.Event
	n     int

	once   sync.Once
	stop   chan struct{}
	final  bool
	mu     sync.Mutex
	params map[string]string
	gone   bool
}

func (r *scriptRun) Next(ctx context.Context) (output.Event, error) {
	for len(r.queue) == 0 {
		switch {
		case r.final:
			return nil, io.EOF
		case r.e.fail != nil:
			return nil, r.e.fail
		case r.e.end:
			r.finish()
			continue
		}
		if ev, err := r.idle(ctx); ev != nil || err != nil {
			return ev, err
		}
	}
	ev := r.queue[0]
	r.queue = r.queue[1:]
	return ev, nil
}

// idle waits for the next tick, a stop or the end of patience.
func (r *scriptRun) idle(ctx context.Context) (output.Event, error) {
	var tick <-chan time.Time
	if r.e.every > 0 {
		t := time.NewTimer(r.e.every)
		defer t.Stop()
		tick = t.C
	}
	stop := r.stop
	if r.e.deaf {
		stop = nil
	}
	select {
	case <-stop:
		r.finish()
		return nil, nil
	case <-tick:
		r.n++
		return text(fmt.Sprintf("tick %d\n", r.n)), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *scriptRun) finish() {
	r.final = true
	r.queue = append(append([]output.Event(nil), r.e.final...), &output.Exit{Reason: output.ExitStopped})
}

func (r *scriptRun) Stop() { r.once.Do(func() { close(r.stop) }) }

func (r *scriptRun) ReadMaps() ([]output.Event, error) {
	return []output.Event{counts("@live", 1)}, nil
}

func (r *scriptRun) SetParam(name, value string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		panic("SetParam after Close")
	}
	if r.params == nil {
		r.params = map[string]string{}
	}
	r.params[name] = value
	return nil
}

func (r *scriptRun) Stats() engine.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		panic("Stats after Close")
	}
	return r.e.stats
}

func (r *scriptRun) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gone {
		r.gone = true
		r.e.mu.Lock()
		r.e.closed++
		r.e.mu.Unlock()
	}
	return nil
}

func text(s string) output.Event { return &output.Printf{Text: s} }

// counts is a final dump of a count map with n keys.
func counts(name string, n int) *output.MapDump {
	d := &output.MapDump{Name: name, Kind: output.MapCount, Final: true}
	for i := range n {
		d.Entries = append(d.Entries, output.Entry{Key: output.Int(i), Value: output.Uint(i + 1)})
	}
	return d
}

func render(w io.Writer) Renderer { return output.NewTextEncoder(w, nil, nil) }
