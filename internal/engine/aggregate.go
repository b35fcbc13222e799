package engine

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// aggregate merges what several CPUs counted for one key.
type aggregate struct {
	t     *check.Type
	count uint64 // count, or of avg and stats
	total int64  // sum, and of avg and stats
	best  int64  // min and max
	set   bool   // best holds a value
	slots []uint64
	times map[uint64]seriesSlot // tseries, by epoch
}

// seriesSlot is one interval of a tseries.
type seriesSlot struct {
	value, total int64
	count        uint64
}

func newAggregate(t *check.Type) *aggregate { return &aggregate{t: t} }

// reset makes a ready for another key.
func (a *aggregate) reset() {
	clear(a.slots)
	clear(a.times)
	*a = aggregate{t: a.t, slots: a.slots, times: a.times}
}

// merge adds one CPU's value.
func (a *aggregate) merge(b []byte) {
	switch a.t.Kind {
	case check.Count:
		a.count += word(b)
	case check.Sum:
		a.total += int64(word(b))
	case check.Min, check.Max:
		a.mergeBest(int64(word(b)), word(b[8:]) != 0)
	case check.Avg, check.Stats:
		a.count += word(b)
		a.total += int64(word(b[8:]))
	case check.Hist, check.LHist:
		a.mergeBuckets(b)
	case check.TSeries:
		a.mergeSeries(b)
	}
}

func (a *aggregate) mergeBest(v int64, set bool) {
	if !set {
		return
	}
	less := v < a.best
	if !a.t.Signed {
		less = uint64(v) < uint64(a.best)
	}
	if !a.set || less == (a.t.Kind == check.Min) {
		a.best, a.set = v, true
	}
}

func (a *aggregate) mergeBuckets(b []byte) {
	if n := len(b) / compile.WordSize; len(a.slots) < n {
		a.slots = append(a.slots, make([]uint64, n-len(a.slots))...)
	}
	for i := range len(b) / compile.WordSize {
		a.slots[i] += word(b[i*compile.WordSize:])
	}
}

func (a *aggregate) mergeSeries(b []byte) {
	if a.times == nil {
		a.times = map[uint64]seriesSlot{}
	}
	for ; len(b) >= compile.SeriesSlot; b = b[compile.SeriesSlot:] {
		epoch := word(b)
		add := seriesSlot{int64(word(b[8:])), int64(word(b[16:])), word(b[24:])}
		if add.count == 0 {
			continue
		}
		if old, ok := a.times[epoch]; ok {
			add = a.mergeSlots(old, add)
		}
		a.times[epoch] = add
	}
}

func (a *aggregate) mergeSlots(x, y seriesSlot) seriesSlot {
	out := seriesSlot{value: y.value, total: x.total + y.total, count: x.count + y.count}
	switch a.t.Agg.Op {
	case "min":
		out.value = min(x.value, y.value)
	case "max":
		out.value = max(x.value, y.value)
	case "sum":
		out.value = x.value + y.value
	}
	return out
}

// value returns what was merged as a value of its own.
func (a *aggregate) value() output.Value {
	switch a.t.Kind {
	case check.Count:
		return a.integer(int64(a.count))
	case check.Sum:
		return a.integer(a.total)
	case check.Min, check.Max:
		return a.integer(a.best)
	case check.Avg, check.Stats:
		return a.stats()
	case check.Hist:
		return output.Log2Hist(uint(a.t.Agg.Bits), a.slots)
	case check.LHist:
		p := a.t.Agg
		return output.LinearHist(p.Min, p.Max, p.Step, a.slots)
	case check.TSeries:
		return a.series()
	}
	return output.None{}
}

func (a *aggregate) integer(n int64) output.Value {
	if a.t.Signed {
		return output.Int(n)
	}
	return output.Uint(n)
}

func (a *aggregate) stats() output.Value {
	s := output.Stats{Count: a.count, Total: a.total, Unsigned: !a.t.Signed, Avg: a.t.Kind == check.Avg}
	switch {
	case a.count == 0:
	case a.t.Signed:
		s.Average = a.total / int64(a.count)
	default:
		s.Average = int64(uint64(a.total) / a.count)
	}
	return s
}

// series lays the intervals out in order, gaps included. Slots of a ring that a
// CPU has not reached for a whole turn are too old to belong to it.
func (a *aggregate) series() output.Value {
	p := a.t.Agg
	s := output.TSeries{Interval: p.Interval, Agg: seriesAgg(p.Op), Unsigned: !a.t.Signed}
	if len(a.times) == 0 || p.Intervals <= 0 {
		return s
	}
	var last, first uint64
	for epoch := range a.times {
		last = max(last, epoch)
	}
	first = last
	for epoch := range a.times {
		if epoch+uint64(p.Intervals) > last {
			first = min(first, epoch)
		}
	}
	for epoch := first; epoch <= last; epoch++ {
		s.Points = append(s.Points, a.point(epoch))
	}
	return s
}

func (a *aggregate) point(epoch uint64) output.Point {
	slot := a.times[epoch]
	value := slot.value
	if a.t.Agg.Op == "avg" && slot.count > 0 {
		value = slot.total / int64(slot.count)
	}
	return output.Point{Start: int64(epoch) * a.t.Agg.Interval, Count: slot.count, Value: value, Total: slot.total}
}

func seriesAgg(op string) output.SeriesAgg {
	return map[string]output.SeriesAgg{
		"": output.SeriesLast, "sum": output.SeriesSum, "min": output.SeriesMin,
		"max": output.SeriesMax, "avg": output.SeriesAvg,
	}[op]
}

// mapKind returns how a map with values of type t aggregates.
func mapKind(t *check.Type) output.MapKind {
	if t == nil {
		return output.MapPlain
	}
	switch t.Kind {
	case check.Count:
		return output.MapCount
	case check.Sum:
		return output.MapSum
	case check.Min:
		return output.MapMin
	case check.Max:
		return output.MapMax
	case check.Avg:
		return output.MapAvg
	case check.Stats:
		return output.MapStats
	case check.Hist:
		return output.MapHist
	case check.LHist:
		return output.MapLhist
	case check.TSeries:
		return output.MapTSeries
	}
	return output.MapPlain
}
