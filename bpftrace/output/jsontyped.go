package output

import (
	"strconv"
)

// The names of causes, reasons and levels in typed records.
var (
	causeNames = [...]string{LossUnknown: "", LossRing: "ring", LossReader: "reader", LossMap: "map", LossMissed: "missed",
		LossString: "string", LossStack: "stack", LossHelper: "helper"}
	reasonNames = [...]string{ExitUnknown: "", ExitProgram: "program", ExitStopped: "stopped", ExitTimeout: "timeout",
		ExitLimit: "limit", ExitDetached: "detached", ExitFailed: "failed"}
	levelNames = [...]string{LevelInfo: "info", LevelWarning: "warning", LevelError: "error"}
)

// String returns the name of the cause in typed JSON, "" if it is unknown.
func (c LossCause) String() string { return nameOf(causeNames[:], int(c)) }

// String returns the name of the reason in typed JSON, "" if it is unknown.
func (r ExitReason) String() string { return nameOf(reasonNames[:], int(r)) }

// String returns the name of the level in typed JSON.
func (l Level) String() string { return nameOf(levelNames[:], int(l)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

// appendTyped writes the members that bpftrace's records lack.
func (e *JSONEncoder) appendTyped(dst []byte, ev Event) []byte {
	switch ev := ev.(type) {
	case *Attached:
		dst = appendAttachedMembers(dst, ev)
	case *Lost:
		dst = appendLostMembers(dst, ev)
	case *Printf:
		dst = e.appendArgs(dst, ev)
	case *PrintValue:
		if losesType(ev.Value) {
			dst = e.appendTypedValue(append(dst, `, "value": `...), ev.Value)
		}
	case *MapDump:
		dst = e.appendMapMembers(dst, ev)
	}
	return appendMeta(dst, ev.Metadata())
}

func appendMeta(dst []byte, m *Meta) []byte {
	if m.Time != 0 {
		dst = strconv.AppendInt(append(dst, `, "time": `...), m.Time, 10)
	}
	if m.Known {
		dst = strconv.AppendInt(append(dst, `, "cpu": `...), int64(m.CPU), 10)
	}
	return appendOptional(dst, "probe", m.Probe)
}

// appendOptional writes a member unless it is empty.
func appendOptional(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(appendJSONString(append(dst, ", "...), name), ": "...)
	return appendJSONString(dst, text)
}

func appendAttachedMembers(dst []byte, a *Attached) []byte {
	if a.Names != nil {
		dst = append(dst, `, "names": [`...)
		for i, name := range a.Names {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, name)
		}
		dst = append(dst, ']')
	}
	if a.Failed == nil {
		return dst
	}
	dst = append(dst, `, "failed": [`...)
	for i, f := range a.Failed {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(append(dst, `{"probe": `...), f.Probe)
		dst = appendJSONString(append(dst, `, "reason": `...), f.Reason)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func appendLostMembers(dst []byte, l *Lost) []byte {
	if l.Total > 0 {
		dst = strconv.AppendUint(append(dst, `, "total": `...), l.Total, 10)
	}
	dst = appendOptional(dst, "cause", l.Cause.String())
	dst = appendOptional(dst, "map", l.Map)
	if l.Detail == nil {
		return dst
	}
	dst = append(dst, `, "detail": [`...)
	for i, d := range l.Detail {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(append(dst, `{"what": `...), d.What)
		dst = strconv.AppendUint(append(dst, `, "events": `...), d.Events, 10)
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

func (e *JSONEncoder) appendArgs(dst []byte, p *Printf) []byte {
	if p.Format > 0 {
		dst = strconv.AppendInt(append(dst, `, "format": `...), int64(p.Format), 10)
	}
	if p.Args == nil {
		return dst
	}
	return e.appendTypedList(append(dst, `, "args": `...), p.Args)
}

// appendMapMembers writes keys and values again where their text has lost what
// they are.
func (e *JSONEncoder) appendMapMembers(dst []byte, m *MapDump) []byte {
	if m.Scalar {
		if len(m.Entries) > 0 && losesType(m.Entries[0].Value) {
			dst = e.appendTypedValue(append(dst, `, "value": `...), m.Entries[0].Value)
		}
	} else {
		dst = e.appendColumn(dst, "keys", m.Entries, func(en Entry) Value { return en.Key }, keyLosesType)
		dst = e.appendColumn(dst, "values", m.Entries, func(en Entry) Value { return en.Value }, losesType)
	}
	if m.Dropped > 0 {
		dst = strconv.AppendUint(append(dst, `, "dropped": `...), m.Dropped, 10)
	}
	if m.Omitted > 0 {
		dst = strconv.AppendInt(append(dst, `, "omitted": `...), int64(m.Omitted), 10)
	}
	return dst
}

// appendColumn writes one side of all entries if any of them needs it.
func (e *JSONEncoder) appendColumn(dst []byte, name string, entries []Entry, side func(Entry) Value, needs func(Value) bool) []byte {
	var column []Value
	for i, entry := range entries {
		if column == nil && needs(side(entry)) {
			column = make([]Value, 0, len(entries))
			for _, before := range entries[:i] {
				column = append(column, side(before))
			}
		}
		if column != nil {
			column = append(column, side(entry))
		}
	}
	if column == nil {
		return dst
	}
	dst = append(appendJSONString(append(dst, ", "...), name), ": "...)
	return e.appendTypedList(dst, column)
}

// keyLosesType reports whether a key cannot be told from its text.
func keyLosesType(v Value) bool {
	switch v := v.(type) {
	case Tuple, Array, Record:
		return true
	default:
		return losesType(v)
	}
}

// losesType reports whether "data" shows less of v than its typed form.
func losesType(v Value) bool {
	switch v := v.(type) {
	case Stack:
		return true
	case String:
		return v.Truncated
	case Enum:
		return v.Name != ""
	case Tuple:
		return anyLosesType(v)
	case Array:
		return anyLosesType(v)
	case Record:
		for _, f := range v.Fields {
			if losesType(f.Value) {
				return true
			}
		}
	}
	return false
}

func anyLosesType(parts []Value) bool {
	for _, p := range parts {
		if losesType(p) {
			return true
		}
	}
	return false
}

func (e *JSONEncoder) appendTypedList(dst []byte, parts []Value) []byte {
	dst = append(dst, '[')
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendTypedValue(dst, p)
	}
	return append(dst, ']')
}

// appendTypedValue writes values that "data" flattens as what they are.
func (e *JSONEncoder) appendTypedValue(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case Stack:
		return appendFrames(dst, v)
	case String:
		if v.Truncated {
			dst = appendJSONString(append(dst, `{"text": `...), v.Text)
			return append(dst, `, "truncated": true}`...)
		}
	case Enum:
		if v.Name != "" {
			dst = appendJSONString(append(dst, `{"name": `...), v.Name)
			dst = appendJSONUint(append(dst, `, "number": `...), v.Number)
			return append(dst, '}')
		}
	case Tuple:
		return e.appendTypedList(dst, v)
	case Array:
		return e.appendTypedList(dst, v)
	case Record:
		dst = append(dst, '{')
		for i, f := range v.Fields {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(appendJSONString(dst, f.Name), ": "...)
			dst = e.appendTypedValue(dst, f.Value)
		}
		return append(dst, '}')
	}
	return e.st.appendJSON(dst, v)
}

func appendFrames(dst []byte, s Stack) []byte {
	dst = append(dst, '[')
	for i, f := range s.Frames {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFrameMembers(dst, f)
	}
	return append(dst, ']')
}

func appendFrameMembers(dst []byte, f Frame) []byte {
	dst = append(dst, `{"addr": "0x`...)
	dst = append(strconv.AppendUint(dst, f.Addr, 16), '"')
	dst = appendOptional(dst, "symbol", f.Symbol)
	if f.Symbol != "" && !f.Inlined {
		dst = strconv.AppendUint(append(dst, `, "offset": `...), f.Offset, 10)
	}
	dst = appendOptional(dst, "module", f.Module)
	dst = appendOptional(dst, "build_id", f.BuildID)
	if f.FileOffset != 0 {
		dst = strconv.AppendUint(append(dst, `, "file_offset": `...), f.FileOffset, 10)
	}
	if f.Inlined {
		dst = append(dst, `, "inlined": true`...)
	}
	dst = appendOptional(dst, "file", f.File)
	if f.Line > 0 {
		dst = strconv.AppendInt(append(dst, `, "line": `...), int64(f.Line), 10)
	}
	return append(dst, '}')
}

func appendExit(dst []byte, x *Exit) []byte {
	dst = append(appendType(dst, "exit"), `{"code": `...)
	dst = strconv.AppendInt(dst, int64(x.Code), 10)
	dst = appendOptional(dst, "reason", x.Reason.String())
	return append(dst, '}')
}

func appendNoticeRecord(dst []byte, n *Notice) []byte {
	dst = appendMessageType(dst, "notice", n.Text)
	dst = appendOptional(dst, "level", n.Level.String())
	dst = appendOptional(dst, "code", n.Code)
	if n.At.Line > 0 {
		dst = appendPlaceMembers(dst, n.At)
	}
	return dst
}
