package kernel

import (
	"fmt"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// RawEvent is the raw tracepoint behind a tracepoint: both fire at the same
// places. A program that reads no field of the tracepoint, or computes those
// that it reads from the arguments, can attach to the raw one, which costs less.
type RawEvent struct {
	Module string        // "" for the kernel itself
	Event  string        // name of the raw tracepoint
	Args   []check.Field // 8 bytes apart
	Class  string        // event class that fills the record, "" when several fit
	Record *check.Type   // struct trace_event_raw_CLASS: the classic context
}

// RawEvent returns the raw tracepoint behind a tracepoint, when BTF proves it:
// there is a raw tracepoint of that name, and a class of events whose record is
// laid out as the tracepoint's format says and which is filled from arguments of
// the same types. Otherwise the error is ErrNotFound, as for the tracepoints of
// system calls (see [Machine.Syscall]) and for dynamic events that borrow a name.
func (m *Machine) RawEvent(category, event string) (*RawEvent, error) {
	e, err := m.event(category, event)
	if err != nil {
		return nil, err
	}
	args, b, err := m.types.rawTracepoint("", event)
	if err != nil {
		return nil, m.notFound("raw tracepoint behind", check.SuggestRawTracepoint, category+":"+event, err)
	}
	classes := b.classesOf(e)
	if len(classes) == 0 {
		return nil, fmt.Errorf("no event class of raw tracepoint %s fits %s:%s: %w", event, category, event, check.ErrNotFound)
	}
	raw := &RawEvent{Module: b.module, Event: event, Args: args}
	id, _ := b.lookup(recordPrefix+classes[0], 1<<btfStruct)
	raw.Record = m.types.typ(b, id)
	if len(classes) == 1 {
		raw.Class = classes[0]
	}
	return raw, nil
}

const recordPrefix = "trace_event_raw_"

// classesOf returns the event classes that fit an event: the one of its own name
// when that fits, else all that do.
func (b *btf) classesOf(e *event) []string {
	if b.fitsClass(e, e.name) {
		return []string{e.name}
	}
	var fit []string
	b.classOnce.Do(func() { b.classes = b.names(1<<btfStruct, recordPrefix) })
	for _, class := range b.classes {
		if b.fitsClass(e, class) {
			fit = append(fit, class)
		}
	}
	return fit
}

// fitsClass reports whether an event can belong to a class.
func (b *btf) fitsClass(e *event, class string) bool {
	id, ok := b.lookup(recordPrefix+class, 1<<btfStruct)
	if !ok {
		return false
	}
	record, _ := b.record(id)
	return b.hasLayout(record, e) && b.takesSame(e.name, class)
}

// hasLayout reports whether a record has the fields of an event, in order.
func (b *btf) hasLayout(record btfRecord, e *event) bool {
	i := 1 // the first member holds the common fields
	for f := range e.ownFields() {
		if i >= record.vlen {
			return false
		}
		member := record.member(i)
		if b.str(member.name) != f.memberName() || int(member.bitOffset) != 8*f.offset {
			return false
		}
		i++
	}
	// What follows is the data that locations point to, without a size.
	return i == record.vlen || i == record.vlen-1 && b.str(record.member(i).name) == "__data"
}

// ownFields are the fields that not all events have.
func (e *event) ownFields() func(yield func(*eventField) bool) {
	return func(yield func(*eventField) bool) {
		for i := range e.fields {
			if f := &e.fields[i]; !f.isCommon() && !yield(f) {
				return
			}
		}
	}
}

// memberName is the name of a field's member in the record.
func (f *eventField) memberName() string {
	switch {
	case f.dataLoc:
		return "__data_loc_" + f.name
	case f.relLoc:
		return "__rel_loc_" + f.name
	}
	return f.name
}

// takesSame reports whether the function that fills a class's record takes the
// arguments of a raw tracepoint. The types are the same where BTF says so by id:
// it holds every type once.
func (b *btf) takesSame(event, class string) bool {
	fill, ok := b.lookup("trace_event_raw_event_"+class, funcKinds)
	if !ok {
		fill, ok = b.lookup("perf_trace_"+class, funcKinds)
	}
	if !ok {
		return true // BTF of older kernels leaves those functions out; the record has to do
	}
	tp, found := b.lookup("btf_trace_"+event, 1<<btfTypedef)
	if !found {
		return false
	}
	a, ok := b.funcProto(fill)
	p, found := b.tracepointProto(tp)
	if !ok || !found || a.vlen != p.vlen {
		return false
	}
	for i := range a.vlen {
		_, x := a.param(i)
		_, y := p.param(i)
		if x != y {
			return false
		}
	}
	return true
}
