package engine

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// decoder turns bytes that a program wrote into values. See the layout of
// values in package compile.
type decoder struct {
	names   *names
	clock   *clock
	strings []string // Object.Strings
	stacks  stackReader
}

// word reads the uint64 at the start of b; a short b gives 0.
func word(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}

// half reads the uint32 at the start of b.
func half(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

// part returns the bytes of l in the whole.
func part(l *compile.Layout, whole []byte) []byte {
	if l.Offset < 0 || l.Offset+l.Size > len(whole) {
		return nil
	}
	return whole[l.Offset : l.Offset+l.Size]
}

// value decodes the value with layout l in whole.
func (d *decoder) value(l *compile.Layout, whole []byte) output.Value {
	t := l.Type
	if t == nil {
		return output.None{}
	}
	b := part(l, whole)
	if b == nil && l.Size > 0 {
		return output.None{}
	}
	switch t.Kind {
	case check.Bool:
		return output.Bool(word(b) != 0)
	case check.Int:
		return intValue(t, word(b))
	case check.Pointer:
		return output.Pointer(word(b))
	case check.String:
		text, cut := cString(b, t.Size)
		return output.String{Text: string(text), Truncated: cut}
	case check.Buffer:
		return output.Buffer(bytes.Clone(bufferOf(b, t.Size)))
	case check.Tuple:
		return d.tuple(l, whole)
	case check.Record:
		return d.record(l, whole)
	case check.Array, check.Struct:
		return d.native(t, b)
	}
	return d.result(t, b)
}

// result decodes what only builtin functions make.
func (d *decoder) result(t *check.Type, b []byte) output.Value {
	switch t.Kind {
	case check.KStack, check.UStack:
		return d.stack(t, word(b), half(b[8:]))
	case check.Ksym:
		return d.names.kernelSym(word(b))
	case check.Usym:
		return d.names.userSym(int(half(b[8:])), word(b))
	case check.Inet:
		return inetOf(b)
	case check.MACAddr:
		return output.MAC(b[:6])
	case check.Username:
		return d.names.username(uint32(word(b)))
	case check.Timestamp:
		return d.timestamp(word(b), half(b[8:]), compile.Clock(half(b[12:])))
	case check.CgroupPath:
		return d.names.cgroupPath(word(b), d.str(word(b[8:])))
	case check.Count, check.Sum, check.Min, check.Max, check.Avg, check.Stats, check.Hist, check.LHist, check.TSeries:
		a := newAggregate(t)
		a.merge(b)
		return a.value()
	}
	return output.None{}
}

func (d *decoder) str(index uint64) string {
	if index >= uint64(len(d.strings)) {
		return ""
	}
	return d.strings[index]
}

func (d *decoder) tuple(l *compile.Layout, whole []byte) output.Value {
	parts := make(output.Tuple, len(l.Parts))
	for i := range l.Parts {
		parts[i] = d.value(&l.Parts[i], whole)
	}
	return parts
}

func (d *decoder) record(l *compile.Layout, whole []byte) output.Value {
	r := output.Record{Fields: make([]output.Field, len(l.Parts))}
	for i := range l.Parts {
		r.Fields[i] = output.Field{Name: l.Names[i], Value: d.value(&l.Parts[i], whole)}
	}
	return r
}

// narrow returns the low size bytes of n, extended to 64 bits.
func narrow(n uint64, size int, signed bool) uint64 {
	if size <= 0 || size >= 8 {
		return n
	}
	shift := 64 - 8*size
	if signed {
		return uint64(int64(n<<shift) >> shift)
	}
	return n << shift >> shift
}

func intValue(t *check.Type, n uint64) output.Value {
	n = narrow(n, t.Size, t.Signed)
	switch {
	case t.Enum != nil:
		return enumValue(t, n)
	case t.Signed:
		return output.Int(n)
	}
	return output.Uint(n)
}

func enumValue(t *check.Type, n uint64) output.Value {
	n = narrow(n, t.Size, false)
	e := output.Enum{Type: t.Enum.Name, Number: n}
	for i := range t.Enum.Values {
		if narrow(uint64(t.Enum.Values[i].Value), t.Size, false) == n {
			e.Name = t.Enum.Values[i].Name
			break
		}
	}
	return e
}

// cString returns the text in b, which has room for size bytes, and whether the
// text fills that room.
func cString(b []byte, size int) (text []byte, cut bool) {
	if size > 0 && size < len(b) {
		b = b[:size]
	}
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i], false
	}
	return b, len(b) > 0
}

func bufferOf(b []byte, size int) []byte {
	if len(b) < 4 {
		return nil
	}
	n := min(int(half(b)), len(b)-4, max(size, 0))
	return b[4 : 4+n]
}

func inetOf(b []byte) output.Value {
	if len(b) < compile.InetSize {
		return output.None{}
	}
	if word(b) == 6 {
		return output.Inet{Addr: netip.AddrFrom16([16]byte(b[8:24]))}
	}
	return output.Inet{Addr: netip.AddrFrom4([4]byte(b[8:12]))}
}

// native decodes a value in its natural C layout.
func (d *decoder) native(t *check.Type, b []byte) output.Value {
	switch t.Kind {
	case check.Bool:
		return output.Bool(nativeInt(b, 1) != 0)
	case check.Int:
		return intValue(t, nativeInt(b, t.Size))
	case check.Pointer:
		return output.Pointer(nativeInt(b, 8))
	case check.String:
		text, cut := cString(b, t.Size)
		return output.String{Text: string(text), Truncated: cut}
	case check.Array:
		return d.array(t, b)
	case check.Struct:
		return d.cStruct(t, b)
	}
	return output.None{}
}

func nativeInt(b []byte, size int) uint64 {
	var raw [8]byte
	copy(raw[:], b[:min(len(b), max(size, 0), 8)])
	return binary.LittleEndian.Uint64(raw[:])
}

func (d *decoder) array(t *check.Type, b []byte) output.Value {
	a := output.Array{}
	if t.Elem == nil || t.Elem.Size <= 0 {
		return a
	}
	for i := 0; i < t.Len && (i+1)*t.Elem.Size <= len(b); i++ {
		a = append(a, d.native(t.Elem, b[i*t.Elem.Size:(i+1)*t.Elem.Size]))
	}
	return a
}

func (d *decoder) cStruct(t *check.Type, b []byte) output.Value {
	r := output.Record{Type: t.Name}
	members := t.Struct.Members()
	for i := range members {
		m := &members[i]
		if m.Type == nil || m.Offset < 0 || m.Offset > len(b) {
			continue
		}
		r.Fields = append(r.Fields, output.Field{Name: m.Name, Value: d.member(m, b[m.Offset:])})
	}
	return r
}

func (d *decoder) member(m *check.Field, b []byte) output.Value {
	if m.BitSize == 0 {
		return d.native(m.Type, b[:min(len(b), max(m.Type.Size, 0))])
	}
	// A bitfield may reach over the end of its unit, so eight bytes are read.
	n := nativeInt(b, 8) >> m.BitOffset
	shift := 64 - m.BitSize
	if m.Type.Signed {
		return output.Int(int64(n<<shift) >> shift)
	}
	return intValue(&check.Type{Kind: m.Type.Kind, Size: 8, Enum: m.Type.Enum}, n<<shift>>shift)
}

// kindOf returns the kind of value that type t is decoded to.
func kindOf(t *check.Type) output.Kind {
	if t == nil {
		return output.KindNone
	}
	switch t.Kind {
	case check.Int, check.Count, check.Sum, check.Min, check.Max:
		switch {
		case t.Enum != nil:
			return output.KindEnum
		case t.Signed:
			return output.KindInt
		}
		return output.KindUint
	case check.Avg, check.Stats:
		return output.KindStats
	case check.Hist, check.LHist:
		return output.KindHist
	case check.KStack, check.UStack:
		return output.KindStack
	case check.Ksym, check.Usym:
		return output.KindSym
	}
	return map[check.Kind]output.Kind{
		check.Bool: output.KindBool, check.Pointer: output.KindPointer, check.String: output.KindString,
		check.Buffer: output.KindBuffer, check.Array: output.KindArray, check.Struct: output.KindRecord,
		check.Tuple: output.KindTuple, check.Record: output.KindRecord, check.Inet: output.KindInet,
		check.MACAddr: output.KindMAC, check.Username: output.KindUsername, check.Timestamp: output.KindTimestamp,
		check.CgroupPath: output.KindCgroupPath, check.TSeries: output.KindTSeries,
	}[t.Kind]
}
