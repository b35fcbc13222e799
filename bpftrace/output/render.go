package output

import (
	"encoding/hex"
	"strconv"
	"time"
)

// style says how values are written as text.
type style struct {
	trailer string         // after truncated strings
	loc     *time.Location // of the times in a time series
	plus    bool           // before signed integers that are not negative
	key     []byte         // scratch space
}

// append writes v as print(v) does, without the line break that ends it.
func (st *style) append(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Int:
		if st.plus && v >= 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, int64(v), 10)
	case Uint:
		return strconv.AppendUint(dst, uint64(v), 10)
	case Bool:
		return strconv.AppendBool(dst, bool(v))
	case String:
		return st.appendString(dst, v)
	case Pointer:
		dst = append(dst, "0x"...)
		return strconv.AppendUint(dst, uint64(v), 16)
	case Enum:
		return appendEnum(dst, v)
	case Buffer:
		return appendEscaped(dst, v)
	case Tuple:
		return st.appendTuple(dst, v)
	case Array:
		return st.appendArray(dst, v)
	case Record:
		return st.appendRecord(dst, v)
	}
	return st.appendResult(dst, v)
}

// appendResult writes the values that only builtins produce.
func (st *style) appendResult(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Hist:
		return appendHist(dst, v)
	case Stats:
		return appendStats(dst, v)
	case TSeries:
		return appendSeries(dst, v, st.loc)
	case Stack:
		return appendStack(dst, v)
	case Sym:
		return appendSym(dst, v)
	case Inet:
		return appendInet(dst, v)
	case MAC:
		return appendMAC(dst, v)
	case Timestamp:
		return append(dst, v.Text...)
	case Username:
		return append(dst, v.Name...)
	case CgroupPath:
		return append(dst, v.Path...)
	}
	return append(dst, "null"...)
}

func (st *style) appendString(dst []byte, v String) []byte {
	dst = append(dst, v.Text...)
	if v.Truncated {
		dst = append(dst, st.trailer...)
	}
	return dst
}

func (st *style) appendTuple(dst []byte, t Tuple) []byte {
	dst = append(dst, '(')
	dst = st.appendParts(dst, t, ", ")
	return append(dst, ')')
}

func (st *style) appendArray(dst []byte, a Array) []byte {
	dst = append(dst, '[')
	dst = st.appendParts(dst, a, ",")
	return append(dst, ']')
}

func (st *style) appendParts(dst []byte, parts []Value, separator string) []byte {
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, separator...)
		}
		dst = st.append(dst, p)
	}
	return dst
}

func (st *style) appendRecord(dst []byte, r Record) []byte {
	if len(r.Fields) == 0 {
		return append(dst, "{}"...)
	}
	dst = append(dst, "{ "...)
	for i, f := range r.Fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(dst, '.')
		dst = append(dst, f.Name...)
		dst = append(dst, " = "...)
		dst = st.append(dst, f.Value)
	}
	return append(dst, " }"...)
}

func appendEnum(dst []byte, e Enum) []byte {
	if e.Name != "" {
		return append(dst, e.Name...)
	}
	return strconv.AppendUint(dst, e.Number, 10)
}

// appendSym writes the name of a symbol without the offset.
func appendSym(dst []byte, s Sym) []byte {
	if s.Name != "" {
		return append(dst, s.Name...)
	}
	return appendPointer(dst, s.Addr)
}

func appendInet(dst []byte, v Inet) []byte {
	if !v.Addr.IsValid() {
		return dst
	}
	return v.Addr.AppendTo(dst)
}

// appendMAC prints bytes from 0x80 up as they are; bpftrace extends their sign
// and cuts the text off.
func appendMAC(dst []byte, m MAC) []byte {
	for i, b := range m {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, upperHex[b>>4], upperHex[b&15])
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// appendEscaped writes printable ASCII as it is and other bytes as \xhh.
func appendEscaped(dst []byte, b []byte) []byte {
	for _, c := range b {
		if c >= ' ' && c <= '~' {
			dst = append(dst, c)
		} else {
			dst = appendHexByte(append(dst, `\x`...), c)
		}
	}
	return dst
}

func appendHexByte(dst []byte, c byte) []byte {
	return hex.AppendEncode(dst, []byte{c})
}

// number returns a total or an average as a value of the right sign.
func (s Stats) number(v int64) Value {
	if s.Unsigned {
		return Uint(v)
	}
	return Int(v)
}

// record returns what stats() prints as a record.
func (s Stats) record() Record {
	return Record{Fields: []Field{
		{"count", Uint(s.Count)},
		{"average", s.number(s.Average)},
		{"total", s.number(s.Total)},
	}}
}

func appendStats(dst []byte, s Stats) []byte {
	st := style{}
	if s.Avg {
		return st.append(dst, s.number(s.Average))
	}
	return st.appendRecord(dst, s.record())
}
