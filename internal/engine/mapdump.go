package engine

import (
	"encoding/binary"
	"slices"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
)

// isAggregation reports whether values of type t are counted on each CPU by
// rules of their own.
func isAggregation(t *check.Type) bool {
	return t != nil && (mapKind(t) != output.MapPlain)
}

// dump reads a map of the program and arranges it as print(@map, top, div).
func (r *run) dump(m *bpfMap, top, div int) (*output.MapDump, error) {
	d := &output.MapDump{
		Name: m.User.Name, Scalar: m.User.Key == nil, Kind: mapKind(m.Value.Type),
		KeyKinds: keyKinds(m.User.Key), ValueKind: kindOf(m.Value.Type),
	}
	if m.Value.Type != nil && m.Value.Type.Kind == check.Avg {
		d.ValueKind = output.KindStats
	}
	agg := newAggregate(m.Value.Type)
	err := m.each(func(key, value []byte) {
		if !m.exists(value) {
			return
		}
		d.Entries = append(d.Entries, output.Entry{Key: r.key(m, key), Value: r.mapValue(m, agg, value)})
	})
	if err != nil {
		return nil, err
	}
	d.Dropped = r.lost.full(m.Map)
	d.Arrange(top, div)
	return d, nil
}

// exists reports whether the only entry of an array map was ever set.
func (m *bpfMap) exists(value []byte) bool {
	if m.Set == 0 {
		return true
	}
	for cpu := range m.cpus {
		if at := cpu*m.stride + m.Set; at+8 <= len(value) && word(value[at:]) != 0 {
			return true
		}
	}
	return false
}

func (r *run) key(m *bpfMap, key []byte) output.Value {
	if m.User.Key == nil {
		return nil
	}
	return r.decode.value(&m.Key, key)
}

// mapValue merges and decodes the values of all CPUs. A value that is no
// aggregation has one for all CPUs, or counts on the CPU that set it last.
func (r *run) mapValue(m *bpfMap, agg *aggregate, value []byte) output.Value {
	if !isAggregation(m.Value.Type) {
		for cpu := range m.cpus {
			if v := value[cpu*m.stride:]; m.Set > 0 && m.Set+8 <= len(v) && word(v[m.Set:]) != 0 {
				return r.decode.value(&m.Value, v[:m.stride])
			}
		}
		return r.decode.value(&m.Value, value)
	}
	agg.reset()
	for cpu := range m.cpus {
		if b := part(&m.Value, value[cpu*m.stride:(cpu+1)*m.stride]); b != nil {
			agg.merge(b)
		}
	}
	return agg.value()
}

func keyKinds(t *check.Type) []output.Kind {
	switch {
	case t == nil:
		return nil
	case t.Kind != check.Tuple:
		return []output.Kind{kindOf(t)}
	}
	kinds := make([]output.Kind, len(t.Fields))
	for i := range t.Fields {
		kinds[i] = kindOf(t.Fields[i].Type)
	}
	return kinds
}

// withZero adds the 0 that print() shows for a map without a key that holds
// nothing, as upstream does for numbers.
func withZero(d *output.MapDump, t *check.Type) *output.MapDump {
	if !d.Scalar || len(d.Entries) > 0 || t == nil {
		return d
	}
	switch t.Kind {
	case check.Int:
		d.Entries = []output.Entry{{Value: intValue(t, 0)}}
	case check.Bool:
		d.Entries = []output.Entry{{Value: output.Bool(false)}}
	case check.Count, check.Sum, check.Min, check.Max, check.Avg, check.Stats:
		d.Entries = []output.Entry{{Value: newAggregate(t).value()}}
	}
	return d
}

// zero sets all values of a map to zero; keys stay, and so does the mark that
// the only entry of an array exists.
func (r *run) zero(m *bpfMap) error {
	if m.Set == 0 {
		return m.zero()
	}
	key, value := make([]byte, 4), make([]byte, m.valueBytes())
	if err := m.lookup(key, value); err != nil {
		return err
	}
	for cpu := range m.cpus {
		v := value[cpu*m.stride : (cpu+1)*m.stride]
		set := word(v[m.Set:])
		clear(v)
		binary.NativeEndian.PutUint64(v[m.Set:], set)
	}
	return m.update(key, value)
}

// ReadMaps reads all maps of the program as they are now.
func (r *run) ReadMaps() ([]output.Event, error) {
	if !r.use() {
		return nil, ErrClosed
	}
	defer r.using.RUnlock()
	var out []output.Event
	for _, m := range r.sortedUser() {
		dump, err := r.dump(m, 0, 0)
		if err != nil {
			return out, err
		}
		dump.Meta = r.meta()
		out = append(out, dump)
	}
	return slices.Clip(out), nil
}

// use keeps the descriptors open until RUnlock of using; false when the run is
// closed.
func (r *run) use() bool {
	r.using.RLock()
	if r.closed.Load() {
		r.using.RUnlock()
		return false
	}
	return true
}
