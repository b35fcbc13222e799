package session

import (
	"time"

	"github.com/mcptrace/mcptrace/internal/engine"
)

// State is where a session is in its life. The words are those that MCPtrace's
// clients know, and three more.
type State string

// The states. A session is Started while the engine loads and attaches, Running
// while events come in; the others are final.
const (
	Started   State = "started"
	Running   State = "running"
	Completed State = "completed" // ended by itself or at its time limit
	Failed    State = "failed"    // the engine failed
	Stopped   State = "stopped"   // someone stopped it, or a budget was used up
	Cancelled State = "cancelled" // the caller that waited for it went away
	Expired   State = "expired"   // its results are no longer kept
)

// Done reports whether s is final.
func (s State) Done() bool { return s != Started && s != Running }

// Reason says why a session ended.
type Reason string

// The reasons.
const (
	ReasonNone       Reason = ""
	ReasonExit       Reason = "exit"        // the program called exit()
	ReasonDetached   Reason = "detached"    // nothing was left to trace
	ReasonTime       Reason = "time-limit"  // Limits.Time was over
	ReasonEvents     Reason = "event-limit" // Limits.Events
	ReasonBytes      Reason = "byte-limit"  // Limits.Bytes
	ReasonStopped    Reason = "stopped"     // Stop was called
	ReasonSignal     Reason = "signal"      // Ctrl-C or SIGTERM on the command line
	ReasonOutput     Reason = "output-closed"
	ReasonCancelled  Reason = "cancelled"
	ReasonShutdown   Reason = "shutdown" // the Manager was closed
	ReasonEngineFail Reason = "engine-error"
)

// Budget reports whether r means that a budget cut the run.
func (r Reason) Budget() bool { return r == ReasonEvents || r == ReasonBytes }

// state returns the final state that r leads to.
func (r Reason) state() State {
	switch r {
	case ReasonEngineFail:
		return Failed
	case ReasonCancelled:
		return Cancelled
	case ReasonStopped, ReasonEvents, ReasonBytes, ReasonShutdown, ReasonOutput:
		return Stopped
	}
	return Completed
}

// Limits bound one session. Zero means unlimited, except Grace.
type Limits struct {
	Time   time.Duration // from attached to the graceful stop
	Events int64         // printed events
	Bytes  int64         // of rendered output
	Grace  time.Duration // from the graceful stop to the hard one; zero means 5 s
}

func (l Limits) grace() time.Duration {
	if l.Grace > 0 {
		return l.Grace
	}
	return 5 * time.Second
}

// Status is a snapshot of a session.
type Status struct {
	ID     string
	Owner  string // the principal that started it
	State  State
	Reason Reason
	Err    error // why it failed

	Program string // source text
	Label   string // what the caller calls it: file name, template
	Engine  string
	Limits  Limits

	Created  time.Time
	Attached time.Time // zero until attached
	Ended    time.Time // zero until ended

	Events   int64 // printed events, dropped ones not included
	Lines    int64 // rendered lines
	Bytes    int64 // of rendered output
	Dropped  int64 // lines no longer kept
	Cut      int64 // events discarded after a limit was reached
	Lost     uint64
	Warnings []string

	Probes   int // attached
	ExitCode int // of exit(N)
	Exited   bool
	Stats    engine.Stats // last known counters of the engine
}

// Duration is how long the session has been attached, up to now or its end.
func (s *Status) Duration(now time.Time) time.Duration {
	switch {
	case s.Attached.IsZero():
		return 0
	case s.Ended.IsZero():
		return now.Sub(s.Attached)
	}
	return s.Ended.Sub(s.Attached)
}
