package output

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// WireVersion is the version of the binary form. A reader understands the
// versions up to its own; whoever keeps or sends events notes the version beside
// them.
const WireVersion = 1

// ErrWire is the error of ReadEvent for data that AppendEvent has not written.
var ErrWire = errors.New("damaged or foreign event data")

// AppendEvent appends the binary form of ev to dst. Unlike text and JSON it loses
// nothing. Each event is preceded by its length.
func AppendEvent(dst []byte, ev Event) []byte {
	w := wire{buf: make([]byte, 0, 128)}
	w.event(&ev)
	dst = binary.AppendUvarint(dst, uint64(len(w.buf)))
	return append(dst, w.buf...)
}

// ReadEvent reads the first event of data and returns what follows it. Strings of
// the event do not share memory with data. Errors wrap ErrWire.
func ReadEvent(data []byte) (ev Event, rest []byte, err error) {
	size, n := binary.Uvarint(data)
	if n <= 0 || size > uint64(len(data)-n) {
		return nil, data, fmt.Errorf("read event: length: %w", ErrWire)
	}
	w := wire{buf: data[n : n+int(size)], reading: true}
	w.event(&ev)
	if w.err == nil && len(w.buf) > 0 {
		w.fail("what follows the last member")
	}
	if w.err != nil {
		return nil, data, fmt.Errorf("read event: %w", w.err)
	}
	return ev, data[n+int(size):], nil
}

// wire writes or reads the members of events, in one description for both: each
// method appends *p to buf, or takes it from the front of buf when reading.
type wire struct {
	buf     []byte
	reading bool
	depth   int
	err     error
}

func (w *wire) fail(what string) {
	if w.err == nil {
		w.err = fmt.Errorf("%s: %w", what, ErrWire)
	}
	w.buf = nil
}

func (w *wire) uint(p *uint64) {
	if !w.reading {
		w.buf = binary.AppendUvarint(w.buf, *p)
		return
	}
	v, n := binary.Uvarint(w.buf)
	if n <= 0 {
		w.fail("number")
		return
	}
	*p, w.buf = v, w.buf[n:]
}

func (w *wire) int(p *int64) {
	u := uint64(*p<<1) ^ uint64(*p>>63)
	w.uint(&u)
	if w.reading {
		*p = int64(u>>1) ^ -int64(u&1)
	}
}

func (w *wire) bool(p *bool) {
	var u uint64
	if *p {
		u = 1
	}
	w.uint(&u)
	if w.reading {
		*p = u != 0
	}
}

// text writes the bytes of a string; they need not be UTF-8.
func (w *wire) text(p *string) {
	n := uint64(len(*p))
	w.uint(&n)
	if !w.reading {
		w.buf = append(w.buf, *p...)
		return
	}
	if n > uint64(len(w.buf)) {
		w.fail("text")
		return
	}
	*p, w.buf = string(w.buf[:n]), w.buf[n:]
}

// number is int for any signed integer type, as of counts and durations.
func number[T ~int | ~int64](w *wire, p *T) {
	v := int64(*p)
	w.int(&v)
	*p = T(v)
}

// code is uint for any small unsigned integer type.
func code[T ~uint8 | ~uint32 | ~uint](w *wire, p *T) {
	v := uint64(*p)
	w.uint(&v)
	*p = T(v)
	if uint64(*p) != v {
		w.fail("code")
	}
}

// list writes a slice; nil stays nil. each writes one element.
func list[T any](w *wire, p *[]T, each func(*T)) {
	n := uint64(0)
	if *p != nil {
		n = uint64(len(*p)) + 1
	}
	w.uint(&n)
	if w.reading {
		*p = nil
		if n == 0 {
			return
		}
		if n-1 > uint64(len(w.buf)) { // an element takes at least a byte
			w.fail("list")
			return
		}
		*p = make([]T, n-1)
	}
	for i := range *p {
		each(&(*p)[i])
		if w.err != nil {
			return
		}
	}
}

// Tags of events. They are part of the form: new ones are added at the end.
const (
	tagAttached = iota + 1
	tagLost
	tagPrintf
	tagPrintValue
	tagMapDump
	tagTime
	tagCat
	tagJoin
	tagSystem
	tagErrorf
	tagHelperError
	tagRuntimeError
	tagTestResult
	tagBenchResult
	tagExit
	tagNotice
)

func (w *wire) event(p *Event) {
	tag := tagOf(*p)
	w.uint(&tag)
	if w.reading {
		*p = newEvent(tag)
	}
	if *p == nil {
		w.fail("event")
		return
	}
	w.meta((*p).Metadata())
	w.members(*p)
}

func tagOf(ev Event) uint64 {
	switch ev.(type) {
	case *Attached:
		return tagAttached
	case *Lost:
		return tagLost
	case *Printf:
		return tagPrintf
	case *PrintValue:
		return tagPrintValue
	case *MapDump:
		return tagMapDump
	case *Time:
		return tagTime
	case *Cat:
		return tagCat
	case *Join:
		return tagJoin
	case *System:
		return tagSystem
	case *Errorf:
		return tagErrorf
	case *HelperError:
		return tagHelperError
	case *RuntimeError:
		return tagRuntimeError
	case *TestResult:
		return tagTestResult
	case *BenchResult:
		return tagBenchResult
	case *Exit:
		return tagExit
	case *Notice:
		return tagNotice
	}
	return 0
}

func newEvent(tag uint64) Event {
	switch tag {
	case tagAttached:
		return &Attached{}
	case tagLost:
		return &Lost{}
	case tagPrintf:
		return &Printf{}
	case tagPrintValue:
		return &PrintValue{}
	case tagMapDump:
		return &MapDump{}
	case tagTime:
		return &Time{}
	case tagCat:
		return &Cat{}
	case tagJoin:
		return &Join{}
	case tagSystem:
		return &System{}
	case tagErrorf:
		return &Errorf{}
	case tagHelperError:
		return &HelperError{}
	case tagRuntimeError:
		return &RuntimeError{}
	case tagTestResult:
		return &TestResult{}
	case tagBenchResult:
		return &BenchResult{}
	case tagExit:
		return &Exit{}
	case tagNotice:
		return &Notice{}
	}
	return nil
}

func (w *wire) meta(m *Meta) {
	w.int(&m.Time)
	number(w, &m.CPU)
	w.text(&m.Probe)
	w.bool(&m.Known)
}

// members writes what is particular to the type of ev.
func (w *wire) members(ev Event) {
	switch ev := ev.(type) {
	case *Printf:
		w.text(&ev.Text)
		number(w, &ev.Format)
		list(w, &ev.Args, w.value)
	case *PrintValue:
		w.value(&ev.Value)
	case *MapDump:
		w.mapDump(ev)
	case *Time:
		w.text(&ev.Text)
	case *Cat:
		w.text(&ev.Text)
	case *Join:
		w.text(&ev.Text)
	case *System:
		w.text(&ev.Text)
	case *Exit:
		number(w, &ev.Code)
		code(w, &ev.Reason)
	default:
		w.report(ev)
	}
}

// report writes the events about the run itself.
func (w *wire) report(ev Event) {
	switch ev := ev.(type) {
	case *Attached:
		number(w, &ev.Probes)
		list(w, &ev.Names, w.text)
		list(w, &ev.Failed, func(f *AttachFailure) { w.text(&f.Probe); w.text(&f.Reason) })
	case *Lost:
		w.uint(&ev.Events)
		w.uint(&ev.Total)
		code(w, &ev.Cause)
		w.text(&ev.Map)
		list(w, &ev.Detail, func(d *LossDetail) { w.text(&d.What); w.uint(&d.Events) })
	case *Errorf:
		w.text(&ev.Text)
		w.bool(&ev.Warning)
		w.places(&ev.At, &ev.Expanded)
	case *HelperError:
		w.text(&ev.Helper)
		number(w, &ev.Retcode)
		w.text(&ev.Text)
		w.places(&ev.At, &ev.Expanded)
	case *RuntimeError:
		w.text(&ev.Text)
		w.places(&ev.At, &ev.Expanded)
	case *TestResult:
		w.text(&ev.Name)
		number[time.Duration](w, &ev.Duration)
		w.bool(&ev.Passed)
		w.text(&ev.Output)
		list(w, &ev.All, w.text)
	case *BenchResult:
		w.text(&ev.Name)
		number[time.Duration](w, &ev.Average)
		w.uint(&ev.Iters)
		list(w, &ev.All, w.text)
	case *Notice:
		code(w, &ev.Level)
		w.text(&ev.Code)
		w.text(&ev.Text)
		w.place(&ev.At)
	}
}

func (w *wire) places(at *Location, expanded *[]Location) {
	w.place(at)
	list(w, expanded, w.place)
}

func (w *wire) place(l *Location) {
	w.text(&l.File)
	number(w, &l.Line)
	number(w, &l.Col)
	number(w, &l.EndLine)
	number(w, &l.EndCol)
	w.text(&l.Source)
}

func (w *wire) mapDump(m *MapDump) {
	w.text(&m.Name)
	code(w, &m.Kind)
	w.bool(&m.Scalar)
	list(w, &m.KeyKinds, func(k *Kind) { code(w, k) })
	code(w, &m.ValueKind)
	list(w, &m.Entries, func(e *Entry) { w.value(&e.Key); w.value(&e.Value) })
	number(w, &m.Top)
	number(w, &m.Div)
	number(w, &m.Omitted)
	w.uint(&m.Dropped)
	w.bool(&m.Final)
}

// tagNil marks a missing value; other values have their Kind for a tag.
const tagNil = 255

// value writes a value of any kind. The kinds are part of the form, too.
func (w *wire) value(p *Value) {
	tag := uint8(tagNil)
	if !w.reading && *p != nil {
		tag = uint8(KindOf(*p))
	}
	code(w, &tag)
	if w.depth++; w.depth > maxDepth {
		w.fail("depth")
	}
	if w.err == nil {
		w.content(Kind(tag), p)
	}
	w.depth--
}

// as writes *p as a T; when reading, it first gives it that type.
func as[T Value](p *Value, write func(*T)) {
	v, _ := (*p).(T)
	write(&v)
	*p = v
}

func (w *wire) content(kind Kind, p *Value) {
	switch kind {
	case tagNil:
		*p = nil
	case KindNone:
		*p = None{}
	case KindNull:
		*p = Null{}
	case KindInt:
		as(p, func(v *Int) { w.int((*int64)(v)) })
	case KindUint:
		as(p, func(v *Uint) { w.uint((*uint64)(v)) })
	case KindBool:
		as(p, func(v *Bool) { w.bool((*bool)(v)) })
	case KindPointer:
		as(p, func(v *Pointer) { w.uint((*uint64)(v)) })
	case KindString:
		as(p, func(v *String) { w.text(&v.Text); w.bool(&v.Truncated) })
	case KindBuffer:
		as(p, func(v *Buffer) { s := string(*v); w.text(&s); *v = Buffer(s) })
	case KindTuple:
		as(p, func(v *Tuple) { list(w, (*[]Value)(v), w.value) })
	case KindArray:
		as(p, func(v *Array) { list(w, (*[]Value)(v), w.value) })
	case KindRecord:
		as(p, func(v *Record) {
			w.text(&v.Type)
			list(w, &v.Fields, func(f *Field) { w.text(&f.Name); w.value(&f.Value) })
		})
	case KindEnum:
		as(p, func(v *Enum) { w.text(&v.Type); w.text(&v.Name); w.uint(&v.Number) })
	default:
		w.result(kind, p)
	}
}

// result writes the values that only builtins produce.
func (w *wire) result(kind Kind, p *Value) {
	switch kind {
	case KindHist:
		as(p, w.hist)
	case KindStats:
		as(p, w.stats)
	case KindTSeries:
		as(p, w.series)
	case KindStack:
		as(p, w.stack)
	case KindSym:
		as(p, func(v *Sym) {
			w.uint(&v.Addr)
			w.text(&v.Name)
			w.uint(&v.Offset)
			w.text(&v.Module)
			w.bool(&v.User)
		})
	case KindInet:
		as(p, w.inet)
	case KindMAC:
		as(p, func(v *MAC) { s := string(v[:]); w.text(&s); copy(v[:], s) })
	case KindTimestamp:
		as(p, func(v *Timestamp) { w.int(&v.Time); w.text(&v.Text) })
	case KindUsername:
		as(p, func(v *Username) { code(w, &v.UID); w.text(&v.Name) })
	case KindCgroupPath:
		as(p, func(v *CgroupPath) { w.uint(&v.ID); w.text(&v.Path) })
	default:
		w.fail("value")
	}
}

func (w *wire) hist(h *Hist) {
	w.bool(&h.Linear)
	code(w, &h.Bits)
	w.int(&h.Min)
	w.int(&h.Max)
	w.int(&h.Step)
	list(w, &h.Buckets, func(b *Bucket) { w.int(&b.Low); w.int(&b.High); w.uint(&b.Count) })
}

func (w *wire) stats(s *Stats) {
	w.uint(&s.Count)
	w.int(&s.Total)
	w.int(&s.Average)
	w.bool(&s.Unsigned)
	w.bool(&s.Avg)
}

func (w *wire) series(s *TSeries) {
	w.int(&s.Interval)
	code(w, &s.Agg)
	w.bool(&s.Unsigned)
	list(w, &s.Points, func(p *Point) { w.int(&p.Start); w.uint(&p.Count); w.int(&p.Value); w.int(&p.Total) })
}

func (w *wire) stack(s *Stack) {
	w.bool(&s.User)
	code(w, &s.Mode)
	number(w, &s.PID)
	list(w, &s.Frames, w.frame)
	w.bool(&s.Broken)
	w.text(&s.Err)
}

func (w *wire) frame(f *Frame) {
	w.uint(&f.Addr)
	w.text(&f.Symbol)
	w.uint(&f.Offset)
	w.text(&f.Module)
	w.text(&f.BuildID)
	w.uint(&f.FileOffset)
	w.bool(&f.Inlined)
	w.text(&f.File)
	number(w, &f.Line)
}

func (w *wire) inet(v *Inet) {
	b, _ := v.Addr.MarshalBinary() // never fails
	s := string(b)
	w.text(&s)
	if w.reading && v.Addr.UnmarshalBinary([]byte(s)) != nil {
		v.Addr = netip.Addr{}
		w.fail("address")
	}
}
