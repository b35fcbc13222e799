package mcpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// badArg is an argument that cannot be taken; the wrapper adds an example.
type badArg struct{ text string }

func (e *badArg) Error() string { return e.text }

func badArgf(format string, args ...any) error { return &badArg{fmt.Sprintf(format, args...)} }

// decodeArgs reads the arguments of a call into the struct that in points to.
// What a model gets wrong without harm is put right: nulls and unknown names are
// dropped, numbers may be strings, single values stand for lists. Notes say what
// was put right in a way that the caller should know.
func decodeArgs(raw json.RawMessage, in any) (notes []string, err error) {
	v := reflect.ValueOf(in).Elem()
	ps := params(v.Type())
	given, err := object(raw)
	if err != nil {
		return nil, err
	}
	for i := range ps {
		p := &ps[i]
		arg, ok := given[p.name]
		delete(given, p.name)
		if ok && !isNull(arg) {
			note, err := p.decode(v.Field(p.index), arg)
			if err != nil {
				return nil, err
			}
			notes = appendNonEmpty(notes, note)
			continue
		}
		if p.required {
			return nil, badArgf("the argument %s is missing", p.name)
		}
		if p.hasDflt {
			if _, err := p.decode(v.Field(p.index), json.RawMessage(strconv.Quote(p.dflt))); err != nil {
				return nil, err
			}
		}
	}
	return append(notes, unknown(given, ps)...), nil
}

func appendNonEmpty(list []string, s string) []string {
	if s == "" {
		return list
	}
	return append(list, s)
}

// object splits arguments into their parts. Some clients send the object as a
// string that holds it.
func object(raw json.RawMessage) (map[string]json.RawMessage, error) {
	given := map[string]json.RawMessage{}
	if len(raw) == 0 || isNull(raw) {
		return given, nil
	}
	if text, ok := unquote(raw); ok {
		raw = json.RawMessage(text)
	}
	if json.Unmarshal(raw, &given) != nil {
		return nil, badArgf("the arguments must be a JSON object")
	}
	return given, nil
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// unknown says which arguments were left out, with the name that was meant.
func unknown(given map[string]json.RawMessage, ps []param) []string {
	var notes []string
	for name, arg := range given {
		if isNull(arg) {
			continue
		}
		note := fmt.Sprintf("ignored the unknown argument %s", strconv.Quote(cut(name, 32)))
		for _, p := range ps {
			if strings.EqualFold(p.name, name) || strings.ReplaceAll(strings.ToLower(name), "-", "_") == p.name {
				note += ", did you mean " + p.name + "?"
			}
		}
		notes = append(notes, note)
	}
	slices.Sort(notes)
	return notes
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// decode reads one argument into dst.
func (p *param) decode(dst reflect.Value, raw json.RawMessage) (note string, err error) {
	switch p.kind {
	case reflect.String:
		return "", p.decodeString(dst, raw)
	case reflect.Int, reflect.Int64:
		return p.decodeInt(dst, raw)
	case reflect.Bool:
		return "", p.decodeBool(dst, raw)
	case reflect.Slice:
		return "", p.decodeStrings(dst, raw)
	case reflect.Map:
		return "", p.decodeMap(dst, raw)
	}
	panic(fmt.Sprintf("no argument of type %v", p.typ))
}

// unquote is a JSON scalar as text: strings without quotes, numbers as written.
func unquote(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '{', '[':
		return "", false
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	}
	return string(raw), true
}

func (p *param) decodeString(dst reflect.Value, raw json.RawMessage) error {
	s, ok := unquote(raw)
	if !ok {
		return badArgf("%s must be a string, got %s", p.name, kindName(raw))
	}
	if p.enum != nil && !slices.Contains(p.enum, s) {
		if i := slices.IndexFunc(p.enum, func(e string) bool { return strings.EqualFold(e, s) }); i >= 0 {
			s = p.enum[i]
		} else {
			return badArgf("%s must be one of %s; got %s", p.name, strings.Join(p.enum, ", "), strconv.Quote(cut(s, 32)))
		}
	}
	dst.SetString(s)
	return nil
}

func (p *param) decodeInt(dst reflect.Value, raw json.RawMessage) (string, error) {
	s, ok := unquote(raw)
	n, err := wholeNumber(s)
	if !ok || err != nil {
		return "", badArgf("%s must be a whole number%s, got %s", p.name, p.interval(), cut(strconv.Quote(s), 40))
	}
	note := ""
	if p.bounded && (n < p.min || n > p.max) {
		if !p.clamp {
			return "", badArgf("%s must be %d–%d, got %d", p.name, p.min, p.max, n)
		}
		bound := min(max(n, p.min), p.max)
		note = fmt.Sprintf("%s was %d and is taken as %d, its limit", p.name, n, bound)
		n = bound
	}
	dst.SetInt(n)
	return note, nil
}

func (p *param) interval() string {
	if !p.bounded {
		return ""
	}
	return fmt.Sprintf(" %d–%d", p.min, p.max)
}

// wholeNumber reads 5, 5.0, 1e3, "5" and durations such as "5s" as seconds.
func wholeNumber(s string) (int64, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(strings.TrimSuffix(s, "s"), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, errors.New("not a whole number")
	}
	return int64(f), nil
}

func (p *param) decodeBool(dst reflect.Value, raw json.RawMessage) error {
	s, ok := unquote(raw)
	switch strings.ToLower(s) {
	case "true", "1", "yes":
		dst.SetBool(true)
	case "false", "0", "no", "":
		dst.SetBool(false)
	default:
		ok = false
	}
	if !ok {
		return badArgf("%s must be true or false, got %s", p.name, kindName(raw))
	}
	return nil
}

// decodeStrings reads a list of scalars; a scalar is a list of one.
func (p *param) decodeStrings(dst reflect.Value, raw json.RawMessage) error {
	var parts []json.RawMessage
	if s, ok := unquote(raw); ok {
		if s != "" {
			dst.Set(reflect.ValueOf([]string{s}))
		}
		return nil
	}
	if json.Unmarshal(raw, &parts) != nil {
		return badArgf("%s must be a list of strings, got %s", p.name, kindName(raw))
	}
	list := make([]string, 0, len(parts))
	for _, part := range parts {
		s, ok := unquote(part)
		if !ok {
			return badArgf("%s must be a list of strings, got %s in it", p.name, kindName(part))
		}
		list = append(list, s)
	}
	dst.Set(reflect.ValueOf(list))
	return nil
}

// decodeMap reads an object of scalars.
func (p *param) decodeMap(dst reflect.Value, raw json.RawMessage) error {
	var parts map[string]json.RawMessage
	if s, ok := unquote(raw); ok {
		raw = json.RawMessage(s)
	}
	if json.Unmarshal(raw, &parts) != nil {
		return badArgf("%s must be an object of names and values, got %s", p.name, kindName(raw))
	}
	m := make(map[string]string, len(parts))
	for k, part := range parts {
		s, ok := unquote(part)
		if !ok {
			return badArgf("%s.%s must be a string or a number, got %s", p.name, cut(k, 32), kindName(part))
		}
		m[k] = s
	}
	dst.Set(reflect.ValueOf(m))
	return nil
}

func kindName(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	}
	return "a number"
}
