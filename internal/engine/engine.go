package engine

import (
	"context"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// Engine starts compiled programs.
type Engine interface {
	// Name is "native" or "bpftrace".
	Name() string

	// Start loads and attaches obj. When it returns, every probe that could be
	// attached is, and begin has run. Errors about the program are
	// syntax.Diagnostics; errors about the machine are kernel.Missing or wrap it.
	Start(ctx context.Context, obj *compile.Object, opts *Options) (Run, error)
}

// Options are the knobs of one run. The zero value traces until stopped.
type Options struct {
	PID       int    // trace only this process (-p); 0 means all
	Command   string // start it held, let it go once attached (-c), and stop when it ends
	Unsafe    bool
	Verbose   bool      // keep the verifier's log of programs that load
	RingBytes int       // size of the ring buffer; 0 means the engine's default
	CountTime bool      // have the kernel count the time spent in programs (Stats.BPFTime); costs each run of every program some 50 ns and wants CAP_SYS_ADMIN
	Boot      time.Time // wall clock at CLOCK_BOOTTIME 0, for strftime; zero means measure
}

// Run is a program that is running. Next and Stop may be called from different
// goroutines; Close unblocks both.
type Run interface {
	// Next blocks for the next event. After Stop, exit() or the end of the traced
	// command it delivers what end prints and the final maps, then io.EOF.
	Next(ctx context.Context) (output.Event, error)

	// Stop ends the run gracefully: probes are detached, end runs, maps print.
	// It returns at once; Next delivers the rest.
	Stop()

	// ReadMaps reads all maps of the program as they are now, without ending
	// anything.
	ReadMaps() ([]output.Event, error)

	// SetParam changes a parameter of the running program: "1" for $1, a getopt
	// name, or one of the reserved "enable" and "sample".
	SetParam(name, value string) error

	// Stats reads the counters of the run. It is cheap enough for once a second.
	Stats() Stats

	// Close detaches and frees everything. It is idempotent and returns the first
	// error. Teardown that is slow in the kernel is finished before it returns.
	Close() error
}

// Stats are counters of a run up to now.
type Stats struct {
	Probes []ProbeStats
	Losses []Loss // only those that happened
	Events uint64 // records read from the ring buffer
	Bytes  uint64 // of those records

	BPFTime   time.Duration // time spent in the programs; 0 when the kernel does not count it
	BPFRuns   uint64
	MapBytes  uint64 // memory of maps as the kernel accounts it
	RingBytes uint64
	ExitCode  int // of exit(N); 0 when there was none
	Exited    bool
}

// ProbeStats say how often an attach point's program ran.
type ProbeStats struct {
	Name   string // attach points, comma separated as written
	Fired  uint64 // times that the body began
	Passed uint64 // times that the predicate held; equals Fired without one
}

// Loss is something that was lost while running.
type Loss struct {
	Kind  string // "ring", "map-full", "read", "string", "stack", "helper"
	Where string // map or probe
	Count uint64
}
