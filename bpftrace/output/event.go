package output

import "time"

// Event is one thing that a running program reported. The concrete types are
// the pointers *Attached, *Lost, *Printf, *PrintValue, *MapDump, *Time, *Cat,
// *Join, *System, *Errorf, *HelperError, *RuntimeError, *TestResult,
// *BenchResult, *Exit and *Notice.
type Event interface {
	// Metadata says when and where the event was produced. The pointer is
	// never nil and may be written through.
	Metadata() *Meta
	event()
}

// Meta is what an engine knows about the origin of an event. Engines that know
// nothing (the bpftrace binary) leave it zero.
type Meta struct {
	Time  int64  // wall clock, nanoseconds since 1970; 0 unknown
	CPU   int    // CPU that produced the event, valid if Known
	Probe string // full name of the probe that fired; "" unknown
	Known bool   // CPU is valid
}

// Metadata returns m itself.
func (m *Meta) Metadata() *Meta { return m }

func (*Meta) event() {}

// Location is a place in the program's source. Lines and columns count from 1,
// columns in bytes; EndCol is the column after the last one. A zero Line means
// that the place is unknown.
type Location struct {
	File    string
	Line    int
	Col     int
	EndLine int
	EndCol  int
	Source  string // text of the source lines from Line to EndLine; may be empty
}

// Attached reports that the program is running.
type Attached struct {
	Meta
	Probes int             // how many are attached
	Names  []string        // their full names; nil unknown
	Failed []AttachFailure // those that could not be attached
}

// AttachFailure is a probe that is not attached, and why.
type AttachFailure struct {
	Probe  string
	Reason string
}

// LossCause says what was lost, and where.
type LossCause uint8

// Causes of loss. The first three lose events; those that follow lose part of
// what the program meant to do, and bpftrace says nothing about them.
const (
	LossUnknown LossCause = iota // events; the engine did not say where
	LossRing                     // events: the ring buffer was full
	LossReader                   // events: a reader, recorder or client was too slow
	LossMap                      // map updates: the map was full
	LossMissed                   // probe hits: the kernel skipped the probe (recursion, nmissed)
	LossString                   // ends of strings: longer than their buffer
	LossStack                    // stacks that could not be read
	LossHelper                   // results of helpers that failed
)

// ofEvents reports whether whole events were lost.
func (c LossCause) ofEvents() bool { return c <= LossReader }

// Lost reports what was produced and cannot be shown.
type Lost struct {
	Meta                // Probe is set when the loss is known to belong to one probe
	Events uint64       // or updates, strings, … lost since the last report
	Total  uint64       // lost since the start; 0 unknown
	Cause  LossCause    // what and where
	Map    string       // "@name" for LossMap
	Detail []LossDetail // by probe, map or CPU; nil unknown
}

// LossDetail is a share of a loss.
type LossDetail struct {
	What   string // probe name, "@map" or "cpu N"
	Events uint64
}

// Printf is the output of printf(); no newline is added to Text.
type Printf struct {
	Meta
	Text   string
	Format int     // number of the call in the program, from 1; 0 unknown
	Args   []Value // typed arguments; nil unless the engine was asked for them
}

// PrintValue is the output of print(expression).
type PrintValue struct {
	Meta
	Value Value
}

// Time is the output of time(); no newline is added to Text.
type Time struct {
	Meta
	Text string
}

// Cat is the content of the file printed by cat().
type Cat struct {
	Meta
	Text string
}

// Join is the output of join(), without the newline that ends it.
type Join struct {
	Meta
	Text string
}

// System is what a command run by system() wrote.
type System struct {
	Meta
	Text string
}

// Errorf is the output of errorf(), and of warnf() if Warning is set.
type Errorf struct {
	Meta
	Text     string
	Warning  bool
	At       Location
	Expanded []Location // of the macros that At was expanded from, innermost first
}

// HelperError reports a BPF helper that failed (bpftrace -k).
type HelperError struct {
	Meta
	Helper   string // "probe_read_kernel"
	Retcode  int    // negative errno
	Text     string // of the error, "Bad address"
	At       Location
	Expanded []Location // as in Errorf
}

// RuntimeError reports an error that the program detected in itself, such as a
// division by zero.
type RuntimeError struct {
	Meta
	Text     string
	At       Location
	Expanded []Location // as in Errorf
}

// TestResult is the outcome of one test probe.
type TestResult struct {
	Meta
	Name     string
	Duration time.Duration
	Passed   bool
	Output   string
	All      []string // names of all tests of the program in the order of their results
}

// BenchResult is the outcome of one bench probe.
type BenchResult struct {
	Meta
	Name    string
	Average time.Duration // per iteration
	Iters   uint64
	All     []string // names of all benchmarks of the program in the order of their results
}

// ExitReason says why a program ended.
type ExitReason uint8

// Reasons to end.
const (
	ExitUnknown  ExitReason = iota
	ExitProgram             // the program called exit()
	ExitStopped             // someone asked it to stop
	ExitTimeout             // its time was over
	ExitLimit               // a budget was used up
	ExitDetached            // nothing was left to trace (the traced command ended)
	ExitFailed              // the engine failed
)

// Exit ends the running phase. The maps that are printed at the end follow it.
type Exit struct {
	Meta
	Code   int // as given to exit()
	Reason ExitReason
}

// Level is the weight of a Notice.
type Level uint8

// Levels of notices.
const (
	LevelInfo Level = iota
	LevelWarning
	LevelError
)

// Notice is a remark that bpftrace has no record for: a probe that never fired,
// a truncated string, a line of an engine's output that is not JSON.
type Notice struct {
	Meta
	Level Level
	Code  string // stable identifier such as "probe-never-fired"; "" for plain text
	Text  string
	At    Location
}
