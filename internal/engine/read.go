package engine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
	"unsafe"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// reader turns records of the ring buffer into events.
//
// The hot path is printf: a record is formatted where it lies in the kernel's
// memory into a block of text that later events share, and the event comes out
// of a block of events, so that a million of them cost few allocations. A block
// is kept as long as any event of it.
type reader struct {
	actions []action
	printfs []output.Printf
	text    []byte
	now     int64 // wall clock of the current batch
	batch   int
	skipTo  uint64 // records before this position are dropped
}

// action is an Action prepared for reading.
type action struct {
	*compile.Action
	format *output.Format
	number int    // of the printf in the program, from 1
	probe  string // name, when the probe has one attach point
}

// Sizes of the blocks, and how much is read before the kernel gets its memory
// back and the clock is read again.
const (
	printfBlock  = 64
	textBlock    = 16 << 10
	releaseBytes = 16 << 10
	clockEvery   = 64
)

func (rd *reader) prepare(r *run) {
	rd.actions = make([]action, len(r.obj.Actions))
	number := 0
	for i, a := range r.obj.Actions {
		rd.actions[i] = action{Action: a, probe: probeName(a.Probe)}
		if a.Format != "" || takesFormat(a.Kind) {
			if f, err := output.Compile(a.Format); err == nil {
				if t := r.obj.Info.Settings.StrTruncTrailer; t != "" {
					f.Trailer = t
				}
				rd.actions[i].format = f
			}
		}
		if a.Kind == compile.ActPrintf {
			number++
			rd.actions[i].number = number
		}
	}
}

func takesFormat(kind compile.ActionKind) bool {
	switch kind {
	case compile.ActPrintf, compile.ActErrorf, compile.ActWarnf, compile.ActCat, compile.ActSystem:
		return true
	}
	return false
}

func probeName(p *check.Probe) string {
	if p == nil || len(p.AttachPoints) != 1 {
		return ""
	}
	return p.AttachPoints[0].Name
}

// read returns the next event that a record makes, nil when the ring buffer is
// empty. Events that come in several go to the queue of r.
func (rd *reader) read(r *run) output.Event {
	if r.ring == nil {
		return nil
	}
	for {
		rec := r.ring.next()
		if rec == nil {
			rd.batch = 0
			if r.ring.pending() > 0 {
				r.ring.release()
			}
			return nil
		}
		if r.ring.position <= rd.skipTo {
			continue
		}
		ev := rd.handle(r, rec)
		if r.ring.pending() >= min(releaseBytes, r.ring.mask/8) {
			r.ring.release()
		}
		if ev != nil {
			return ev
		}
		if len(r.queue) > 0 || r.exited() && r.phase == phaseRunning {
			return nil
		}
	}
}

// handle does what one record asks for.
func (rd *reader) handle(r *run, rec []byte) output.Event {
	r.waiter.busy()
	if rd.observe(r, rec) {
		return nil
	}
	r.counters.events.Add(1)
	r.counters.bytes.Add(uint64(len(rec)))
	if rd.batch%clockEvery == 0 {
		rd.now = time.Now().UnixNano()
	}
	rd.batch++
	if len(rec) < compile.RecordHeader {
		return badRecord("shorter than its header")
	}
	id, aux := recordHead(rec)
	if int(id) >= len(rd.actions) {
		return badRecord(fmt.Sprintf("of unknown action %d", id))
	}
	a := &rd.actions[id]
	if len(rec) < a.Size {
		return badRecord(fmt.Sprintf("of action %d has %d of %d bytes", id, len(rec), a.Size))
	}
	switch a.Kind {
	case compile.ActPrintf:
		return rd.printf(r, a, rec)
	case compile.ActPrintValue:
		return &output.PrintValue{Meta: rd.meta(a), Value: r.decode.value(&a.Args[0], rec)}
	case compile.ActExit:
		r.noteExit(exitCodeOf(a, aux, rec))
		return nil
	}
	return rd.slow(r, a, aux, rec)
}

// observe handles the records that announce a process: its mappings are read at
// once, since it may have ended when its stacks are printed.
func (rd *reader) observe(r *run, rec []byte) bool {
	if len(rec) < compile.RecordHeader+8 {
		return false
	}
	id, _ := recordHead(rec)
	if int(id) >= len(rd.actions) || rd.actions[id].Kind != compile.ActObserve {
		return false
	}
	r.decode.names.symbols.Observe(int(word(rec[compile.RecordHeader:])))
	return true
}

// slow does the actions that are rare.
func (rd *reader) slow(r *run, a *action, aux uint32, rec []byte) output.Event {
	switch a.Kind {
	case compile.ActErrorf, compile.ActWarnf:
		return &output.Errorf{
			Meta: rd.meta(a), Text: string(rd.format(r, a, nil, rec)),
			Warning: a.Kind == compile.ActWarnf, At: location(a.Span), Expanded: locations(a.Expanded),
		}
	case compile.ActPrintMap:
		return rd.printMap(r, a)
	case compile.ActClear, compile.ActZero:
		return rd.emptyMap(r, a)
	case compile.ActTime:
		return &output.Time{Meta: rd.meta(a), Text: strftime(time.Now(), a.Format)}
	case compile.ActCat:
		return rd.cat(r, a, rec)
	case compile.ActSystem:
		return rd.system(r, a, rec)
	case compile.ActJoin:
		return &output.Join{Meta: rd.meta(a), Text: joinText(a, rec)}
	case compile.ActHelperError:
		return rd.helperError(a, aux)
	case compile.ActRuntimeError:
		return &output.RuntimeError{Meta: rd.meta(a), Text: a.Text, At: location(a.Span), Expanded: locations(a.Expanded)}
	case compile.ActUnwatch:
		return nil
	}
	return &output.Notice{Meta: rd.meta(a), Level: output.LevelWarning, Code: "unsupported-action",
		Text: fmt.Sprintf("The native engine cannot do what %q asks for.", a.Span.Text()), At: location(a.Span)}
}

func badRecord(what string) output.Event {
	return &output.Notice{Level: output.LevelError, Code: "bad-record", Text: "Got a record " + what + "; this is a fault of mcptrace."}
}

func (rd *reader) meta(a *action) output.Meta {
	return output.Meta{Time: rd.now, Probe: a.probe}
}

// printf formats a record without making values of its arguments.
func (rd *reader) printf(r *run, a *action, rec []byte) output.Event {
	if len(rd.printfs) == 0 {
		rd.printfs = make([]output.Printf, printfBlock)
	}
	ev := &rd.printfs[0]
	rd.printfs = rd.printfs[1:]
	ev.Meta, ev.Format = rd.meta(a), a.number

	if cap(rd.text)-len(rd.text) < a.Size*2+len(a.Action.Format) {
		rd.text = make([]byte, 0, max(textBlock, 2*(a.Size*2+len(a.Action.Format))))
	}
	start := len(rd.text)
	rd.text = rd.format(r, a, rd.text, rec)
	if text := rd.text[start:]; len(text) > 0 {
		ev.Text = unsafe.String(&text[0], len(text)) // never written again
	}
	return ev
}

// format appends the text of a record to dst.
func (rd *reader) format(r *run, a *action, dst, rec []byte) []byte {
	f := a.format
	if f == nil {
		return append(dst, a.Action.Format...)
	}
	dst = f.AppendLiteral(dst, 0)
	for i := range f.Verbs() {
		if i < len(a.Args) {
			dst = rd.argument(r, f, i, &a.Args[i], dst, rec)
		}
		dst = f.AppendLiteral(dst, i+1)
	}
	return dst
}

// argument appends one argument; the common kinds make no value.
func (rd *reader) argument(r *run, f *output.Format, i int, l *compile.Layout, dst, rec []byte) []byte {
	b := part(l, rec)
	if l.Type != nil && b != nil {
		switch t := l.Type; t.Kind {
		case check.Int:
			n := narrow(word(b), t.Size, t.Signed)
			switch {
			case t.Enum != nil:
			case t.Signed:
				return f.AppendInt(dst, i, int64(n))
			default:
				return f.AppendUint(dst, i, n)
			}
		case check.String:
			text, cut := cString(b, t.Size)
			return f.AppendString(dst, i, text, cut)
		case check.Buffer:
			return f.AppendBytes(dst, i, bufferOf(b, t.Size))
		}
	}
	return f.AppendValue(dst, i, r.decode.value(l, rec))
}

// exitCodeOf reads the code of exit(): an argument, or the free half of the
// header.
func exitCodeOf(a *action, aux uint32, rec []byte) int {
	if len(a.Args) > 0 {
		return int(uint8(word(part(&a.Args[0], rec))))
	}
	return int(uint8(aux))
}

// noteExit books exit(); the first one counts.
func (r *run) noteExit(code int) {
	r.exit.CompareAndSwap(0, int64(code)+1)
}

func (rd *reader) printMap(r *run, a *action) output.Event {
	m := r.byMap[a.Map]
	if m == nil {
		return badRecord("of a map that is not there")
	}
	dump, err := r.dump(m, a.Top, a.Div)
	if err != nil {
		return readFailed(m, err)
	}
	dump.Meta = rd.meta(a)
	return withZero(dump, m.Value.Type)
}

func (rd *reader) emptyMap(r *run, a *action) output.Event {
	m := r.byMap[a.Map]
	if m == nil {
		return badRecord("of a map that is not there")
	}
	act := m.clear
	if a.Kind == compile.ActZero {
		act = func() error { return r.zero(m) }
	}
	if err := act(); err != nil {
		return &output.Notice{Meta: rd.meta(a), Level: output.LevelError, Code: "map-failed", Text: err.Error(), At: location(a.Span)}
	}
	return nil
}

func readFailed(m *bpfMap, err error) output.Event {
	return &output.Notice{Level: output.LevelError, Code: "map-failed", Text: fmt.Sprintf("Map %s cannot be read: %v", m.Name, err)}
}

// cat reads a file, at most max_cat_bytes of it.
func (rd *reader) cat(r *run, a *action, rec []byte) output.Event {
	path := string(rd.format(r, a, nil, rec))
	limit := r.obj.Info.Settings.MaxCatBytes
	if limit <= 0 {
		limit = 10 << 10
	}
	f, err := os.Open(path)
	if err != nil {
		return &output.Notice{Meta: rd.meta(a), Level: output.LevelError, Code: "cat-failed",
			Text: fmt.Sprintf("failed to open file '%s' (%s)", path, errnoText(err)), At: location(a.Span)}
	}
	defer f.Close()
	buf := make([]byte, limit)
	n := 0
	for n < limit {
		k, err := f.Read(buf[n:])
		n += k
		if err != nil || k == 0 {
			break
		}
	}
	return &output.Cat{Meta: rd.meta(a), Text: string(buf[:n])}
}

// maxSystemOutput bounds what one command of system() may print.
const maxSystemOutput = 1 << 20

// system runs a command of the program; events wait for its end, as upstream.
func (rd *reader) system(r *run, a *action, rec []byte) output.Event {
	if !r.opts.Unsafe {
		return &output.Notice{Meta: rd.meta(a), Level: output.LevelError, Code: "unsafe",
			Text: "system() is not allowed without --unsafe.", At: location(a.Span)}
	}
	cmd := exec.CommandContext(r.ctx, "/bin/sh", "-c", string(rd.format(r, a, nil, rec)))
	cmd.WaitDelay = time.Second
	out := &boundedBuffer{limit: maxSystemOutput}
	cmd.Stdout = out
	cmd.Stderr = os.Stderr
	_ = cmd.Run() // its exit status is nobody's business, as upstream
	return &output.System{Meta: rd.meta(a), Text: out.String()}
}

// boundedBuffer keeps the first limit bytes of what is written.
type boundedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *boundedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func (rd *reader) helperError(a *action, aux uint32) output.Event {
	code := int(int32(aux))
	return &output.HelperError{Meta: rd.meta(a), Helper: a.Text, Retcode: code, Text: errnoString(-code), At: location(a.Span)}
}

// joinText joins the strings of join(): their number comes first.
func joinText(a *action, rec []byte) string {
	if len(a.Args) == 0 {
		return ""
	}
	n := min(int(word(part(&a.Args[0], rec))), len(a.Args)-1)
	words := make([]string, 0, max(n, 0))
	for i := range max(n, 0) {
		l := &a.Args[i+1]
		text, _ := cString(part(l, rec), l.Size)
		words = append(words, string(text))
	}
	return strings.Join(words, a.Text)
}

func locations(spans []syntax.Span) []output.Location {
	var at []output.Location
	for _, s := range spans {
		at = append(at, location(s))
	}
	return at
}

// location turns a span into what events carry.
func location(s syntax.Span) output.Location {
	if s.Src == nil {
		return output.Location{}
	}
	line, col := s.Src.Position(int(s.Start))
	endLine, endCol := s.Src.Position(int(s.End))
	return output.Location{File: s.Src.Name, Line: line, Col: col, EndLine: endLine, EndCol: endCol, Source: s.Src.Line(line)}
}
