package output

import (
	"io"
	"strconv"
	"unicode/utf8"
)

// JSONOptions changes how a JSONEncoder writes. The zero value is right for
// programs that read bpftrace's -f json.
type JSONOptions struct {
	Trailer   string // behind truncated strings; "" means DefaultTrailer
	NoTrailer bool   // nothing behind truncated strings

	// Typed adds members to the records that bpftrace has, and records that it
	// has not; see JSONEncoder.
	Typed bool

	// Diagnostics receives, as text, what bpftrace's JSON has no record for:
	// notices, and losses other than of events. nil discards them. Unused with
	// Typed.
	Diagnostics io.Writer
}

// JSONEncoder writes events in the schema of bpftrace -f json: one object per
// line, members in bpftrace's order. It differs from bpftrace 0.27 only where
// that writes something that is wrong:
//
//   - text is valid UTF-8: bytes that are not become U+FFFD, where bpftrace
//     writes an escape that is no JSON for every byte from 0x80 up;
//   - numbers stay decimal after a control character;
//   - the limits of lhist() below zero are negative, and any number that a
//     float64 cannot hold is a string;
//   - in map keys spaces are dropped between the parts and not inside strings,
//     and a string keeps its parentheses.
//
// With Typed it also writes what that schema loses:
//
//   - "keys", "values" (maps with keys) and "value" (other maps and print): the
//     same in typed form where "data" has only text: tuple keys are arrays,
//     stacks arrays of frames, truncated strings {"text", "truncated"};
//   - "time" (ns since 1970), "cpu" and "probe" where they are known, "args" of
//     printf, "cause" and "map" of a loss, "dropped" and "omitted" of a map;
//   - records of type "exit" and "notice", and of losses other than of events.
type JSONEncoder struct {
	w     io.Writer
	diag  io.Writer
	st    style
	typed bool
	buf   []byte
}

// NewJSONEncoder returns an encoder that writes to w; nil options are the
// default ones.
func NewJSONEncoder(w io.Writer, opts *JSONOptions) *JSONEncoder {
	if opts == nil {
		opts = &JSONOptions{}
	}
	text := TextOptions{Trailer: opts.Trailer, NoTrailer: opts.NoTrailer}
	return &JSONEncoder{w: w, diag: opts.Diagnostics, st: text.style(), typed: opts.Typed}
}

// Encode writes one event with one Write, or none if the event has no record.
// Its errors are those of the writer.
func (e *JSONEncoder) Encode(ev Event) error {
	if !e.typed && isRemark(ev) {
		return e.encodeRemark(ev)
	}
	e.buf = e.appendRecord(e.buf[:0], ev)
	if len(e.buf) == 0 {
		return nil
	}
	if e.typed {
		e.buf = e.appendTyped(e.buf, ev)
	}
	e.buf = append(e.buf, "}\n"...)
	_, err := e.w.Write(e.buf)
	return err
}

// isRemark reports whether bpftrace has no record for ev but there is text.
func isRemark(ev Event) bool {
	switch ev := ev.(type) {
	case *Notice:
		return true
	case *Lost:
		return !ev.Cause.ofEvents()
	}
	return false
}

func (e *JSONEncoder) encodeRemark(ev Event) error {
	if e.diag == nil {
		return nil
	}
	e.buf = e.buf[:0]
	switch ev := ev.(type) {
	case *Notice:
		e.buf = appendNotice(e.buf, ev)
	case *Lost:
		e.buf = appendLost(e.buf, ev)
	}
	_, err := e.diag.Write(e.buf)
	return err
}

// appendRecord writes a record without the brace that closes it.
func (e *JSONEncoder) appendRecord(dst []byte, ev Event) []byte {
	switch ev := ev.(type) {
	case *Attached:
		return appendCounted(dst, "attached_probes", "probes", uint64(ev.Probes))
	case *Lost:
		return appendCounted(dst, "lost_events", "events", ev.Events)
	case *Printf:
		return appendTextRecord(dst, "printf", ev.Text)
	case *PrintValue:
		return e.st.appendJSON(appendType(dst, "value"), ev.Value)
	case *MapDump:
		return e.st.appendMapRecord(dst, ev)
	case *Time:
		return appendTextRecord(dst, "time", ev.Text)
	case *Cat:
		return appendTextRecord(dst, "cat", ev.Text)
	case *Join:
		return appendTextRecord(dst, "join", ev.Text)
	case *System:
		return appendTextRecord(dst, "syscall", ev.Text)
	}
	return e.appendReport(dst, ev)
}

// appendReport writes the records about the run itself.
func (e *JSONEncoder) appendReport(dst []byte, ev Event) []byte {
	switch ev := ev.(type) {
	case *Errorf:
		kind := "errorf"
		if ev.Warning {
			kind = "warnf"
		}
		return appendPlaceMembers(appendMessageType(dst, kind, ev.Text), ev.At)
	case *HelperError:
		dst = appendMessageType(dst, "helper_error", ev.Text)
		dst = appendJSONString(append(dst, `, "helper": `...), ev.Helper)
		dst = strconv.AppendInt(append(dst, `, "retcode": `...), int64(ev.Retcode), 10)
		return appendPlaceMembers(dst, ev.At)
	case *RuntimeError:
		return appendPlaceMembers(appendMessageType(dst, "runtime_error", ev.Text), ev.At)
	case *TestResult:
		dst = appendJSONString(append(appendType(dst, "test_result"), '{'), ev.Name)
		dst = strconv.AppendInt(append(dst, `: {"duration": `...), int64(ev.Duration), 10)
		dst = strconv.AppendBool(append(dst, `, "passed": `...), ev.Passed)
		dst = appendJSONString(append(dst, `, "output": `...), ev.Output)
		return append(dst, "}}"...)
	case *BenchResult:
		dst = appendJSONString(append(appendType(dst, "benchmark_result"), '{'), ev.Name)
		dst = strconv.AppendInt(append(dst, `: {"average": `...), int64(ev.Average), 10)
		dst = strconv.AppendUint(append(dst, `, "iters": `...), ev.Iters, 10)
		return append(dst, "}}"...)
	case *Exit:
		if e.typed {
			return appendExit(dst, ev)
		}
	case *Notice:
		return appendNoticeRecord(dst, ev)
	}
	return dst
}

// appendType begins a record whose content is the member "data".
func appendType(dst []byte, kind string) []byte {
	dst = append(dst, `{"type": "`...)
	dst = append(dst, kind...)
	return append(dst, `", "data": `...)
}

// appendMessageType begins a record whose content is a message.
func appendMessageType(dst []byte, kind, text string) []byte {
	dst = append(dst, `{"type": "`...)
	dst = append(dst, kind...)
	return appendJSONString(append(dst, `", "msg": `...), text)
}

func appendPlaceMembers(dst []byte, at Location) []byte {
	dst = appendJSONString(append(dst, `, "filename": `...), at.File)
	dst = strconv.AppendInt(append(dst, `, "line": `...), int64(at.Line), 10)
	return strconv.AppendInt(append(dst, `, "col": `...), int64(at.Col), 10)
}

func appendTextRecord(dst []byte, kind, text string) []byte {
	return appendJSONString(appendType(dst, kind), text)
}

// appendCounted writes the count twice: "count" is newer than "data".
func appendCounted(dst []byte, kind, what string, n uint64) []byte {
	dst = append(dst, `{"type": "`...)
	dst = append(dst, kind...)
	dst = strconv.AppendUint(append(dst, `", "count": `...), n, 10)
	dst = append(dst, `, "data": {"`...)
	dst = append(dst, what...)
	dst = strconv.AppendUint(append(dst, `": `...), n, 10)
	return append(dst, '}')
}

// appendMapRecord writes nothing for an empty map, except that an empty map of
// averages or stats is an empty object.
func (st *style) appendMapRecord(dst []byte, m *MapDump) []byte {
	kind := mapType(m.Kind)
	if len(m.Entries) == 0 && kind != "stats" {
		return dst
	}
	dst = appendJSONString(append(appendType(dst, kind), '{'), m.Name)
	dst = append(dst, ": "...)
	if m.Scalar && len(m.Entries) > 0 {
		return append(st.appendJSON(dst, m.Entries[0].Value), '}')
	}
	dst = append(dst, '{')
	for i, entry := range m.Entries {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = st.appendJSONKey(dst, entry.Key)
		dst = st.appendJSON(append(dst, ": "...), entry.Value)
	}
	return append(dst, "}}"...)
}

// mapType returns the record type of a kind of map.
func mapType(k MapKind) string {
	switch k {
	case MapAvg, MapStats:
		return "stats"
	case MapHist, MapLhist:
		return "hist"
	case MapTSeries:
		return "tseries"
	}
	return "map"
}

// appendJSONString writes s as a JSON string.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	dst = appendJSONText(dst, s)
	return append(dst, '"')
}

// appendJSONText copies what needs no escape in one go.
func appendJSONText(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == '"' || c == '\\' {
				dst = appendJSONByte(append(dst, s[start:i]...), c)
				start = i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
			start = i + 1
		}
		i += size
	}
	return append(dst, s[start:]...)
}

// appendJSONByte writes a byte that must not stand in a string as it is.
func appendJSONByte(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return appendHexByte(append(dst, `\u00`...), c)
}
