package output

import (
	"net/netip"
	"strconv"
	"strings"
)

// decodeValue decodes a value of a known or unknown shape. What does not fit its
// shape is decoded as if that were unknown.
func decodeValue(n *node, s Shape) Value {
	switch n.kind {
	case 't':
		return Bool(n.text == "true")
	case '0':
		return decodeNumber(n.text, s.Kind)
	case '"':
		return decodeText(n.text, s.Kind)
	case '[':
		return decodeList(n.list, s)
	case '{':
		r := Record{Fields: make([]Field, len(n.list))}
		for i := range n.list {
			r.Fields[i] = Field{n.names[i], decodeValue(&n.list[i], s.part(i))}
		}
		return r
	}
	return Null{}
}

// part returns the shape of a part, the zero Shape if it is not known.
func (s Shape) part(i int) Shape {
	if i < len(s.Parts) {
		return s.Parts[i]
	}
	return Shape{}
}

func decodeNumber(text string, kind Kind) Value {
	if hex, ok := strings.CutPrefix(text, "0x"); ok { // before 0.24
		if addr, err := strconv.ParseUint(hex, 16, 64); err == nil {
			return Pointer(addr)
		}
	}
	v, ok := parseInteger(text)
	if !ok {
		return String{Text: text}
	}
	switch kind {
	case KindUint:
		return Uint(integer(v))
	case KindPointer:
		return Pointer(integer(v))
	case KindEnum:
		return Enum{Number: uint64(integer(v))}
	}
	return v
}

// decodeText undoes that large numbers and stacks are printed as strings.
func decodeText(text string, kind Kind) Value {
	switch kind {
	case KindNone:
		if v, ok := parseInteger(text); ok && !fitsFloat(magnitude(v)) {
			return v
		}
		if s, ok := parseStack(text); ok {
			return s
		}
		return String{Text: text}
	case KindInt, KindUint, KindPointer, KindEnum:
		return decodeNumber(text, kind)
	case KindStack:
		if s, ok := parseStack(text); ok {
			return s
		}
		return String{Text: text}
	}
	return textValue(text, kind)
}

func magnitude(v Value) uint64 {
	if n, ok := v.(Int); ok && n < 0 {
		return uint64(-n)
	}
	return uint64(integer(v))
}

// textValue makes a value of a kind that prints as text.
func textValue(text string, kind Kind) Value {
	switch kind {
	case KindSym:
		return Sym{Name: text}
	case KindInet:
		if addr, err := netip.ParseAddr(text); err == nil {
			return Inet{addr}
		}
	case KindTimestamp:
		return Timestamp{Text: text}
	case KindUsername:
		return Username{Name: text}
	case KindCgroupPath:
		return CgroupPath{Path: text}
	case KindMAC:
		if m, ok := parseMAC(text); ok {
			return m
		}
	case KindEnum:
		return Enum{Name: text}
	}
	return String{Text: text}
}

func parseMAC(text string) (MAC, bool) {
	var m MAC
	parts := strings.Split(text, ":")
	if len(parts) != len(m) {
		return m, false
	}
	for i, p := range parts {
		b, err := strconv.ParseUint(p, 16, 8)
		if err != nil {
			return m, false
		}
		m[i] = byte(b)
	}
	return m, true
}

// decodeList takes a list of unknown shape for a tuple.
func decodeList(list []node, s Shape) Value {
	if s.Kind == KindBuffer {
		b := make(Buffer, len(list))
		for i := range list {
			n, _ := strconv.ParseInt(list[i].text, 10, 16)
			b[i] = byte(n)
		}
		return b
	}
	parts := make([]Value, len(list))
	for i := range list {
		if s.Kind == KindArray {
			parts[i] = decodeValue(&list[i], s.part(0))
		} else {
			parts[i] = decodeValue(&list[i], s.part(i))
		}
	}
	if s.Kind == KindArray {
		return Array(parts)
	}
	return Tuple(parts)
}

// typedList decodes a list that a JSONEncoder has written in typed form; nil if
// there is none.
func typedList(n *node) []Value {
	if n == nil || n.kind != '[' {
		return nil
	}
	out := make([]Value, len(n.list))
	for i := range n.list {
		out[i] = typedValue(&n.list[i])
	}
	return out
}

// typedValue decodes a value in typed form.
func typedValue(n *node) Value {
	switch {
	case n.kind == '[' && isFrames(n):
		return typedStack(n)
	case n.kind == '[':
		return Tuple(typedList(n))
	case n.kind != '{':
		return decodeValue(n, Shape{})
	case len(n.names) == 2 && n.names[0] == "text" && n.names[1] == "truncated":
		return String{Text: n.str("text"), Truncated: true}
	case len(n.names) == 2 && n.names[0] == "name" && n.names[1] == "number":
		return Enum{Name: n.str("name"), Number: n.uint("number", 10)}
	}
	r := Record{Fields: make([]Field, len(n.list))}
	for i := range n.list {
		r.Fields[i] = Field{n.names[i], typedValue(&n.list[i])}
	}
	return r
}

func isFrames(n *node) bool {
	return len(n.list) > 0 && n.list[0].kind == '{' && len(n.list[0].names) > 0 && n.list[0].names[0] == "addr"
}

func typedStack(n *node) Stack {
	var s Stack
	for i := range n.list {
		f := &n.list[i]
		addr, _ := strconv.ParseUint(strings.TrimPrefix(f.str("addr"), "0x"), 16, 64)
		s.Frames = append(s.Frames, Frame{Addr: addr, Symbol: f.str("symbol"), Offset: f.uint("offset", 10),
			Module: f.str("module"), BuildID: f.str("build_id"), FileOffset: f.uint("file_offset", 10),
			Inlined: f.bool("inlined"), File: f.str("file"), Line: int(f.int("line"))})
	}
	return s
}
