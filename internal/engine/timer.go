package engine

import (
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// timer is an interval probe. Next runs it when it is due: the program runs in
// the reader's thread, so that nothing must be locked, and what it prints is in
// order with everything else in the ring buffer.
type timer struct {
	prog   *program
	period time.Duration
	next   time.Time
}

// period returns the time between two runs of a profile or interval probe.
func period(ap *syntax.ParsedAttachPoint) (time.Duration, error) {
	units := map[string]time.Duration{"s": time.Second, "ms": time.Millisecond, "us": time.Microsecond, "ns": 1}
	var d time.Duration
	if ap.Unit == "hz" && ap.Freq > 0 {
		d = time.Second / time.Duration(min(ap.Freq, 1e9))
	} else if ap.Freq <= uint64(1<<62)/uint64(max(units[ap.Unit], 1)) {
		d = time.Duration(ap.Freq) * units[ap.Unit]
	}
	if d <= 0 {
		return 0, fmt.Errorf("a period of %d %s is not possible", ap.Freq, ap.Unit)
	}
	return d, nil
}

// startTimers begins intervals and listens for signals.
func (r *run) startTimers() error {
	now := time.Now()
	var onSignal signalProbes
	for _, p := range r.programs {
		for i := range p.Points {
			switch p.Attach {
			case compile.RunInterval:
				d, err := period(p.Points[i].AP.Parsed)
				if err != nil {
					return &AttachError{p.Points[i].AP.Name, err}
				}
				r.timers = append(r.timers, timer{prog: p, period: d, next: now.Add(d)})
			case compile.RunSignal:
				if err := onSignal.add(p, p.Points[i].AP.Parsed.Func); err != nil {
					return &AttachError{p.Points[i].AP.Name, err}
				}
			}
		}
	}
	for _, number := range onSignal.numbers {
		r.listen(number, onSignal.programs[number])
	}
	return nil
}

// signalProbes are the programs to run on signals, in the order of the text.
type signalProbes struct {
	numbers  []unix.Signal
	programs map[unix.Signal][]*program
}

func (s *signalProbes) add(p *program, name string) error {
	number := unix.SignalNum(name)
	if number == 0 {
		return fmt.Errorf("there is no signal %s", name)
	}
	if s.programs == nil {
		s.programs = map[unix.Signal][]*program{}
	}
	if s.programs[number] == nil {
		s.numbers = append(s.numbers, number)
	}
	s.programs[number] = append(s.programs[number], p)
	return nil
}

func nextDue(timers []timer) time.Time {
	first := timers[0].next
	for i := range timers {
		if timers[i].next.Before(first) {
			first = timers[i].next
		}
	}
	return first
}

// runDue runs the intervals whose time has come. Periods that were missed
// because nobody read are skipped, as a kernel timer skips them.
func (r *run) runDue() bool {
	if len(r.timers) == 0 {
		return false
	}
	now, any := time.Now(), false
	for i := range r.timers {
		t := &r.timers[i]
		if t.next.After(now) {
			continue
		}
		any = true
		t.next = t.next.Add(now.Sub(t.next)/t.period*t.period + t.period)
		if _, err := testRun(t.prog); err != nil {
			r.push(&output.Notice{Level: output.LevelError, Code: "interval-failed", Text: err.Error()})
		}
	}
	return any
}

// listen runs the programs whenever this process gets the signal. They are run
// between two events, in the thread of the signal's goroutine: the kernel orders
// what they print.
func (r *run) listen(number unix.Signal, programs []*program) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, number)
	r.group.Go(func() {
		defer signal.Stop(signals)
		for {
			select {
			case <-signals:
				for _, p := range programs {
					_, _ = testRun(p)
				}
				r.wake()
			case <-r.ctx.Done():
				return
			}
		}
	})
}
