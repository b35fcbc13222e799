package output

import (
	"io"
	"slices"
	"strconv"
	"time"
)

// DefaultTrailer stands behind truncated strings unless a program configures
// str_trunc_trailer.
const DefaultTrailer = ".."

// TextOptions changes how a TextEncoder writes. The zero value is right.
type TextOptions struct {
	Trailer   string         // behind truncated strings; "" means DefaultTrailer
	NoTrailer bool           // nothing behind truncated strings
	Location  *time.Location // of the times in time series; nil means time.Local
}

func (o *TextOptions) style() style {
	st := style{trailer: DefaultTrailer, loc: time.Local}
	if o == nil {
		return st
	}
	if o.Trailer != "" || o.NoTrailer {
		st.trailer = o.Trailer
	}
	if o.Location != nil {
		st.loc = o.Location
	}
	return st
}

// TextEncoder writes events as bpftrace 0.27 does, byte for byte.
type TextEncoder struct {
	out, diag io.Writer
	st        style
	buf       []byte
	lost      uint64   // events so far
	failed    []string // tests so far
}

// NewTextEncoder returns an encoder that writes what the program prints to out
// (bpftrace's standard output) and messages about the run to diag (its standard
// error). A nil diag discards those; nil options are the default ones.
func NewTextEncoder(out, diag io.Writer, opts *TextOptions) *TextEncoder {
	if diag == nil {
		diag = io.Discard
	}
	return &TextEncoder{out: out, diag: diag, st: opts.style()}
}

// Encode writes one event with one Write, or none if the event has no text. Its
// errors are those of the writers.
func (e *TextEncoder) Encode(ev Event) error {
	diag := e.appendDiagnostic(e.buf[:0], ev)
	if len(diag) > 0 {
		e.buf = diag
		if _, err := e.diag.Write(diag); err != nil {
			return err
		}
	}
	out := e.appendOutput(e.buf[:0], ev)
	e.buf = out
	if len(out) == 0 {
		return nil
	}
	_, err := e.out.Write(out)
	return err
}

// appendOutput writes what the program prints.
func (e *TextEncoder) appendOutput(dst []byte, ev Event) []byte {
	switch ev := ev.(type) {
	case *Printf:
		return append(dst, ev.Text...)
	case *PrintValue:
		return append(e.st.append(dst, ev.Value), '\n')
	case *MapDump:
		return e.st.appendMap(dst, ev)
	case *Time:
		return append(dst, ev.Text...)
	case *Cat:
		return append(dst, ev.Text...)
	case *Join:
		return append(append(dst, ev.Text...), '\n')
	case *System:
		return append(append(dst, ev.Text...), '\n')
	case *TestResult:
		return e.appendTest(dst, ev)
	case *BenchResult:
		return appendBench(dst, ev)
	case *Exit:
		return append(dst, "\n\n"...)
	}
	return dst
}

// appendDiagnostic writes what is said about the run.
func (e *TextEncoder) appendDiagnostic(dst []byte, ev Event) []byte {
	switch ev := ev.(type) {
	case *Attached:
		return appendAttached(dst, ev)
	case *Lost:
		if ev.Cause.ofEvents() {
			e.lost += ev.Events
		}
		return appendLost(dst, ev)
	case *Errorf:
		return appendErrorf(dst, ev)
	case *HelperError:
		return appendHelperError(dst, ev)
	case *RuntimeError:
		return appendMessage(dst, "WARNING: ", ev.Text, ev.At, ev.Expanded)
	case *Notice:
		return appendNotice(dst, ev)
	case *Exit:
		return e.appendLostTotal(dst)
	}
	return dst
}

func appendAttached(dst []byte, a *Attached) []byte {
	dst = append(dst, "Attached "...)
	dst = strconv.AppendInt(dst, int64(a.Probes), 10)
	if a.Probes == 1 {
		return append(dst, " probe\n"...)
	}
	return append(dst, " probes\n"...)
}

// lostThings says what a loss other than of events has lost.
var lostThings = [...]string{
	LossMap:    "updates were refused because the map was full",
	LossMissed: "hits of probes were skipped by the kernel",
	LossString: "strings were cut off",
	LossStack:  "stacks could not be read",
	LossHelper: "calls of helpers failed",
}

func appendLost(dst []byte, l *Lost) []byte {
	if l.Cause.ofEvents() {
		dst = append(dst, "Lost "...)
		dst = strconv.AppendUint(dst, l.Events, 10)
		return append(dst, " events\n"...)
	}
	dst = append(dst, "WARNING: "...)
	if l.Cause == LossMap {
		dst = append(dst, "Map full; can't update element. "...) // what upstream's users search for
	}
	for _, where := range []string{l.Map, l.Probe} {
		if where != "" {
			dst = append(append(dst, where...), ": "...)
		}
	}
	dst = strconv.AppendUint(dst, l.Events, 10)
	return appendLine(dst, " ", nameOf(lostThings[:], int(l.Cause)))
}

func (e *TextEncoder) appendLostTotal(dst []byte) []byte {
	if e.lost == 0 {
		return dst
	}
	dst = append(dst, "WARNING: Total lost event count: "...)
	dst = strconv.AppendUint(dst, e.lost, 10)
	return append(dst, '\n')
}

// appendMap writes one line for each entry, with the name of the map in front;
// values of several lines begin on a line of their own and end with an empty one.
func (st *style) appendMap(dst []byte, m *MapDump) []byte {
	for _, entry := range m.Entries {
		dst = append(dst, m.Name...)
		if !m.Scalar {
			dst = append(dst, '[')
			dst = st.appendKey(dst, entry.Key)
			dst = append(dst, ']')
		}
		if spansLines(entry.Value) {
			dst = append(dst, ":\n"...)
		} else {
			dst = append(dst, ": "...)
		}
		dst = st.append(dst, entry.Value)
		dst = append(dst, '\n')
	}
	return dst
}

// appendKey writes a key without the parentheses of a tuple. Like bpftrace, it
// also drops them from a string that begins and ends with them.
func (st *style) appendKey(dst []byte, key Value) []byte {
	start := len(dst)
	dst = st.append(dst, key)
	last := len(dst) - 1
	if last > start && dst[start] == '(' && dst[last] == ')' {
		return slices.Delete(dst[:last], start, start+1)
	}
	return dst
}

func spansLines(v Value) bool {
	switch v.(type) {
	case Hist, TSeries:
		return true
	}
	return false
}
