package output

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"
)

// Arrange brings the entries of a map just read into the form in which
// print(@map, top, div) shows them: in order, all but the last top left out, the
// values divided. Zero means all entries, and no division; print() at the end of
// a program is Arrange(0, 0).
//
// Counts, sums, integers, averages and stats are ordered by value, histograms by
// the number of values in them, all others by key. Equal values are ordered by
// key, where bpftrace leaves the kernel's order.
func (m *MapDump) Arrange(top, div int) {
	slices.SortStableFunc(m.Entries, func(a, b Entry) int {
		if c := m.compareValues(a.Value, b.Value); c != 0 {
			return c
		}
		return Compare(a.Key, b.Key)
	})
	m.Top, m.Div = top, div
	if m.Kind == MapTSeries {
		return // print() ignores both
	}
	if top > 0 && len(m.Entries) > top {
		m.Omitted += len(m.Entries) - top
		m.Entries = m.Entries[len(m.Entries)-top:]
	}
	if div > 1 && m.Kind != MapLhist {
		for i := range m.Entries {
			m.Entries[i].Value = divide(m.Entries[i].Value, div)
		}
	}
}

func (m *MapDump) compareValues(a, b Value) int {
	switch m.Kind {
	case MapMin, MapMax:
		// bpftrace compares them without their sign.
		return cmp.Compare(uint64(integer(a)), uint64(integer(b)))
	case MapPlain, MapCount, MapSum:
		return compareIntegers(a, b)
	case MapAvg, MapStats:
		return compareAverages(a, b)
	case MapHist, MapLhist:
		return compareTotals(a, b)
	}
	return 0
}

// compareIntegers orders integers and takes everything else for equal.
func compareIntegers(a, b Value) int {
	switch a := a.(type) {
	case Int:
		if b, ok := b.(Int); ok {
			return cmp.Compare(a, b)
		}
	case Uint:
		if b, ok := b.(Uint); ok {
			return cmp.Compare(a, b)
		}
	case Enum:
		if b, ok := b.(Enum); ok {
			return cmp.Compare(a.Number, b.Number)
		}
	}
	return 0
}

func compareAverages(a, b Value) int {
	x, ok := a.(Stats)
	y, ok2 := b.(Stats)
	if !ok || !ok2 {
		return compareIntegers(a, b)
	}
	return compareIntegers(x.number(x.Average), y.number(y.Average))
}

func compareTotals(a, b Value) int {
	x, _ := a.(Hist)
	y, _ := b.(Hist)
	return cmp.Compare(x.Total(), y.Total())
}

// integer returns the bits of an integer value, 0 for other values.
func integer(v Value) int64 {
	switch v := v.(type) {
	case Int:
		return int64(v)
	case Uint:
		return int64(v)
	}
	return 0
}

// divide applies the div of print().
func divide(v Value, div int) Value {
	switch v := v.(type) {
	case Int:
		return v / Int(div)
	case Uint:
		return v / Uint(div)
	case Stats:
		v.Average = integer(divide(v.number(v.Average), div))
		return v
	case Hist:
		v.Buckets = slices.Clone(v.Buckets)
		for i := range v.Buckets {
			v.Buckets[i].Count /= uint64(div)
		}
		return v
	case Tuple:
		return Tuple(divideAll(v, div))
	case Array:
		return Array(divideAll(v, div))
	case Record:
		v.Fields = slices.Clone(v.Fields)
		for i := range v.Fields {
			v.Fields[i].Value = divide(v.Fields[i].Value, div)
		}
		return v
	}
	return v
}

func divideAll(parts []Value, div int) []Value {
	out := make([]Value, len(parts))
	for i, p := range parts {
		out[i] = divide(p, div)
	}
	return out
}

// Compare orders two keys as maps are printed: integers by their signed value,
// strings by bytes, tuples part by part. Values of other kinds are ordered by
// their text, values of different kinds by kind.
func Compare(a, b Value) int {
	if c := cmp.Compare(KindOf(a), KindOf(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case nil:
		return 0
	case Int:
		return cmp.Compare(a, b.(Int))
	case Uint:
		return cmp.Compare(int64(a), int64(b.(Uint)))
	case Enum:
		return cmp.Compare(int64(a.Number), int64(b.(Enum).Number))
	case Pointer:
		return cmp.Compare(a, b.(Pointer))
	case String:
		return strings.Compare(a.Text, b.(String).Text)
	case Buffer:
		return bytes.Compare(a, b.(Buffer))
	case Tuple:
		return slices.CompareFunc(a, b.(Tuple), Compare)
	}
	st := style{loc: time.UTC}
	return bytes.Compare(st.append(nil, a), st.append(nil, b))
}
