package engine

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// ErrClosed is returned by the methods of a Run that was closed before its end.
var ErrClosed = errors.New("the run is closed")

// phase is how far a run has come. It only grows.
type phase uint8

const (
	phaseRunning  phase = iota
	phaseDraining       // detached; what is in the ring buffer is still to be read
	phaseEnding         // end has run; what it printed is still to be read
	phaseDone           // the queue holds the rest
)

// run is one Object that is running in this process.
//
// Everything happens in the goroutine that calls Next: it drives the intervals,
// reads the ring buffer, prints maps and ends the run. The group holds the few
// goroutines that must wait for something else (signals, slow teardown).
//
// Lock order: mu, then using. mu is held by Next while it works and also while
// it sleeps; Stop and Close therefore set a flag and wake it before they lock.
type run struct {
	obj     *compile.Object
	opts    *Options
	machine *machine
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	group   sync.WaitGroup
	boot    *clock

	stopping atomic.Bool
	closed   atomic.Bool
	exit     atomic.Int64 // code of exit() plus one; 0 while it was not called
	reason   output.ExitReason

	mu       sync.Mutex
	phase    phase
	detached time.Time
	queue    []output.Event
	reader   reader
	timers   []timer
	waiter   *waiter
	ring     *ring

	maps                        map[string]*bpfMap
	byMap                       map[*compile.Map]*bpfMap
	user                        []*bpfMap // maps of the program
	events, loss, params, setup *bpfMap
	decode                      decoder
	loader                      *loader
	programs                    []*program
	skipAttach                  bool // begin called exit()
	iters                       iterators
	attachments                 attachment
	child                       *child
	lost                        lossBook
	usdt                        usdtTable
	statsFD                     int // keeps the kernel counting run times; -1 when it does not

	counters counters

	using     sync.RWMutex // held for reading while descriptors are used outside mu
	closeOnce sync.Once
	closeErr  error
}

// counters are read by Stats without any lock.
type counters struct {
	events, bytes atomic.Uint64
}

func newRun(n *Native, obj *compile.Object, opts *Options) *run {
	r := &run{
		obj: obj, opts: opts, machine: n.machine, statsFD: -1, boot: newClock(opts.Boot),
		maps: map[string]*bpfMap{}, byMap: map[*compile.Map]*bpfMap{},
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	symbols := n.Symbols
	if symbols == nil {
		symbols = symbol.NewSymbolizer(nil)
	}
	r.decode = decoder{names: newNames(symbols, n.Symbols == nil), clock: r.boot, strings: obj.Strings}
	r.lost.slots = obj.Losses
	r.reader.prepare(r)
	return r
}

// Next returns the next event. See the contract of Run.
func (r *run) Next(ctx context.Context) (output.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if r.closed.Load() {
			return nil, ErrClosed
		}
		if ev := r.pop(); ev != nil {
			return ev, nil
		}
		if ev := r.reader.read(r); ev != nil {
			return ev, nil
		}
		if len(r.queue) > 0 {
			continue
		}
		if r.phase == phaseDone {
			return nil, io.EOF
		}
		if r.advance() {
			continue
		}
		if err := r.sleep(ctx); err != nil {
			return nil, err
		}
	}
}

// pop takes the first event off the queue.
func (r *run) pop() output.Event {
	if len(r.queue) == 0 {
		return nil
	}
	ev := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	if len(r.queue) == 0 {
		r.queue = nil
	}
	return ev
}

func (r *run) push(ev output.Event) { r.queue = append(r.queue, ev) }

// advance does what is due when the ring buffer is empty and reports whether it
// did anything.
func (r *run) advance() bool {
	switch r.phase {
	case phaseRunning:
		if r.shouldEnd() {
			r.stopProbes()
			return true
		}
		return r.runDue() || r.reportLosses(false)
	case phaseDraining:
		if !r.settled() {
			return false
		}
		r.runEnd()
		return true
	case phaseEnding:
		r.finish()
		return true
	}
	return false
}

// settleLimit is how long a program that was detached while it ran may take to
// finish its record.
const settleLimit = 100 * time.Millisecond

// settled reports whether all records that were begun are finished and read.
func (r *run) settled() bool {
	return r.ring == nil || r.ring.position >= r.ring.produced() || time.Since(r.detached) > settleLimit
}

// shouldEnd reports whether the running phase is over, and notes why.
func (r *run) shouldEnd() bool {
	switch {
	case r.exited():
		r.reason = output.ExitProgram
	case r.stopping.Load():
		r.reason = output.ExitStopped
	case r.child.ended():
		r.reason = output.ExitDetached
	case r.opts.Command == "" && r.onlyBeginEnd():
		r.reason = output.ExitDetached
	case r.iters.done.Load() && r.onlyIterators():
		r.reason = output.ExitDetached
		for err := range r.iters.errs {
			r.push(&output.Notice{Level: output.LevelError, Code: "iter-failed", Text: err.Error()})
		}
	default:
		return false
	}
	return true
}

// onlyBeginEnd reports whether nothing can happen any more after the begin
// probes, as in a program that only computes.
func (r *run) onlyBeginEnd() bool {
	for _, p := range r.programs {
		if p.Attach != compile.RunBegin && p.Attach != compile.RunEnd {
			return false
		}
	}
	return true
}

// exited reports whether the program called exit().
func (r *run) exited() bool { return r.exit.Load() != 0 }

// sleep waits until something may have happened or ctx ends.
func (r *run) sleep(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	limit := time.Duration(-1)
	if len(r.timers) > 0 {
		limit = max(time.Until(nextDue(r.timers)), 0)
	}
	stop := context.AfterFunc(ctx, r.waiter.wake)
	r.waiter.wait(limit)
	stop()
	return ctx.Err()
}

// stopProbes ends the running phase: nothing fires after it. What happened
// before is still in the ring buffer and is read, except after exit(), which
// upstream also lets be the last word.
func (r *run) stopProbes() {
	if r.enable(false) {
		r.freeLater() // off at once; the kernel takes its time to forget them
	} else {
		_ = r.attachments.detach()
	}
	r.detached = time.Now()
	if r.exited() && r.ring != nil {
		r.reader.skipTo = r.ring.produced()
	}
	r.phase = phaseDraining
}

// runEnd runs the end probes. exit() in them has no effect but its code.
func (r *run) runEnd() {
	if err := r.runAll(compile.RunEnd); err != nil {
		r.push(&output.Notice{Level: output.LevelError, Code: "end-failed", Text: err.Error()})
	}
	r.phase = phaseEnding
}

// finish queues what comes after the output of end: the end itself, the maps and
// what was lost.
func (r *run) finish() {
	r.phase = phaseDone
	r.push(&output.Exit{Meta: r.meta(), Code: r.exitCode(), Reason: r.reason})
	if r.loss != nil {
		if totals, err := r.lost.read(r.loss); err == nil { // the maps want to know what they refused
			r.reportFull(totals)
		}
	}
	if r.obj.Info.Settings.PrintMapsOnExit {
		for _, m := range r.sortedUser() {
			dump, err := r.dump(m, 0, 0)
			if err != nil {
				r.push(readFailed(m, err))
				continue
			}
			dump.Final = true
			r.push(dump)
		}
	}
	r.reportLosses(true)
	r.freeLater()
}

func (r *run) exitCode() int { return int(max(r.exit.Load()-1, 0)) }

func (r *run) sortedUser() []*bpfMap {
	sorted := slices.Clone(r.user)
	slices.SortFunc(sorted, func(a, b *bpfMap) int { return strings.Compare(a.User.Name, b.User.Name) })
	return sorted
}

// freeLater detaches, and frees what the kernel is slow to free, in the group of
// the run, which Close waits for.
func (r *run) freeLater() {
	held := r.attachments
	r.attachments = attachment{}
	if len(held.quick)+len(held.slow) > 0 {
		r.group.Go(func() {
			_ = held.detach()
			held.release()
		})
	}
}

// Stop ends the run gracefully.
func (r *run) Stop() {
	r.stopping.Store(true)
	r.wake()
}

func (r *run) wake() {
	if r.use() {
		r.waiter.wake()
		r.using.RUnlock()
	}
}

// Close frees everything.
func (r *run) Close() error {
	r.closeOnce.Do(func() { r.closeErr = r.close() })
	return r.closeErr
}

func (r *run) close() error {
	r.cancel()
	r.closed.Store(true)
	if r.waiter != nil {
		r.waiter.wake()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phase = phaseDone
	errs := []error{r.attachments.detach(), r.child.kill()}
	r.freeLater()
	r.group.Wait() // before using is locked: its goroutines wake the reader
	r.using.Lock()
	defer r.using.Unlock()
	for _, p := range r.programs {
		errs = append(errs, closeFD(p.fd))
	}
	r.ring.close()
	for _, m := range r.maps {
		errs = append(errs, m.close())
	}
	if r.waiter != nil {
		r.waiter.close()
	}
	errs = append(errs, r.decode.names.close(), closeFD(r.statsFD))
	return errors.Join(errs...)
}

// meta is the origin of an event that the engine itself makes now.
func (r *run) meta() output.Meta { return output.Meta{Time: time.Now().UnixNano()} }
