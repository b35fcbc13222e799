package output

import (
	"math"
	"math/bits"
	"strconv"
	"time"
)

// appendJSON writes a value in bpftrace's schema.
func (st *style) appendJSON(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case nil, None, Null:
		return append(dst, "null"...)
	case Int:
		return appendJSONInt(dst, int64(v))
	case Uint:
		return appendJSONUint(dst, uint64(v))
	case Pointer:
		return appendJSONUint(dst, uint64(v))
	case Enum:
		return appendJSONUint(dst, v.Number)
	case Bool:
		return strconv.AppendBool(dst, bool(v))
	case Buffer:
		return appendJSONBuffer(dst, v)
	case Tuple:
		return st.appendJSONList(dst, v)
	case Array:
		return st.appendJSONList(dst, v)
	case Record:
		return st.appendJSONRecord(dst, v)
	case Stats:
		if v.Avg {
			return st.appendJSON(dst, v.number(v.Average))
		}
		return st.appendJSONRecord(dst, v.record())
	case Hist:
		return appendJSONHist(dst, v)
	case TSeries:
		return appendJSONSeries(dst, v)
	}
	return appendJSONString(dst, string(st.append(nil, v)))
}

func (st *style) appendJSONList(dst []byte, parts []Value) []byte {
	dst = append(dst, '[')
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = st.appendJSON(dst, p)
	}
	return append(dst, ']')
}

func (st *style) appendJSONRecord(dst []byte, r Record) []byte {
	dst = append(dst, '{')
	for i, f := range r.Fields {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(appendJSONString(dst, f.Name), ": "...)
		dst = st.appendJSON(dst, f.Value)
	}
	return append(dst, '}')
}

// appendJSONInt writes a number that a float64 cannot hold as a string.
func appendJSONInt(dst []byte, n int64) []byte {
	if n >= 0 || fitsFloat(uint64(-n)) {
		if n >= 0 {
			return appendJSONUint(dst, uint64(n))
		}
		return strconv.AppendInt(dst, n, 10)
	}
	return append(strconv.AppendInt(append(dst, '"'), n, 10), '"')
}

func appendJSONUint(dst []byte, n uint64) []byte {
	if fitsFloat(n) {
		return strconv.AppendUint(dst, n, 10)
	}
	return append(strconv.AppendUint(append(dst, '"'), n, 10), '"')
}

// fitsFloat reports whether n has at most 53 significant bits.
func fitsFloat(n uint64) bool {
	return bits.Len64(n)-bits.TrailingZeros64(n) <= 53
}

func appendJSONBuffer(dst []byte, b Buffer) []byte {
	dst = append(dst, '[')
	for i, c := range b {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendInt(dst, int64(int8(c)), 10)
	}
	return append(dst, ']')
}

// appendJSONHist writes the buckets with inclusive limits; open ends have none.
func appendJSONHist(dst []byte, h Hist) []byte {
	dst = append(dst, '[')
	for i, b := range h.Buckets {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if b.Low != math.MinInt64 {
			dst = appendJSONInt(append(dst, `"min": `...), b.Low)
			dst = append(dst, ", "...)
		}
		if !h.openAbove(b) {
			dst = appendJSONInt(append(dst, `"max": `...), b.High)
			dst = append(dst, ", "...)
		}
		dst = appendJSONUint(append(dst, `"count": `...), b.Count)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// seriesTime is the form of the times of a series: UTC, unlike in text.
const seriesTime = "2006-01-02 15:04:05.000000000"

// appendJSONSeries leaves out the intervals that hold no value.
func appendJSONSeries(dst []byte, s TSeries) []byte {
	dst = append(dst, '[')
	first := true
	for _, p := range s.Points {
		if p.Count == 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, `{"interval_start":"`...)
		dst = time.Unix(0, p.Start).UTC().AppendFormat(dst, seriesTime)
		dst = append(dst, `","value":`...)
		if s.Unsigned {
			dst = appendJSONUint(dst, uint64(p.Value))
		} else {
			dst = appendJSONInt(dst, p.Value)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// appendJSONKey writes a key as a string: the parts of a tuple separated by
// commas, without spaces.
func (st *style) appendJSONKey(dst []byte, key Value) []byte {
	if t, ok := key.(Tuple); ok {
		st.key = st.appendCompactParts(st.key[:0], t)
	} else {
		st.key = st.appendCompact(st.key[:0], key)
	}
	return appendJSONString(dst, string(st.key))
}

// appendCompact writes a value as text without the spaces that bpftrace adds.
func (st *style) appendCompact(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Tuple:
		return append(st.appendCompactParts(append(dst, '('), v), ')')
	case Array:
		return append(st.appendCompactParts(append(dst, '['), v), ']')
	case Record:
		dst = append(dst, '{')
		for i, f := range v.Fields {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, '.'), f.Name...), '=')
			dst = st.appendCompact(dst, f.Value)
		}
		return append(dst, '}')
	case Stack:
		return appendWithoutSpaces(dst, appendStack(nil, v))
	}
	return st.append(dst, v)
}

func (st *style) appendCompactParts(dst []byte, parts []Value) []byte {
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = st.appendCompact(dst, p)
	}
	return dst
}

func appendWithoutSpaces(dst, text []byte) []byte {
	for _, c := range text {
		if c != ' ' {
			dst = append(dst, c)
		}
	}
	return dst
}
