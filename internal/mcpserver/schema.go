package mcpserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// param is a field of a request or result as its struct tags describe it:
//
//	json     name; omitempty has no meaning here
//	doc      what it is
//	req      "true" when a caller must give it
//	default  what it is when not given
//	min, max bounds of a number; clamp "true" moves what is outside to the bound
//	enum     words separated by commas
//	hidden   "true": accepted and not shown
//	brief    "true": the schema does not say what is inside, to keep lists short
type param struct {
	name     string
	doc      string
	index    int
	kind     reflect.Kind
	typ      reflect.Type
	required bool
	dflt     string
	hasDflt  bool
	min, max int64
	bounded  bool
	clamp    bool
	enum     []string
	hidden   bool // accepted, not shown
	brief    bool // objects in it are not described
}

// params reads the fields of a struct in order.
func params(t reflect.Type) []param {
	var list []param
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || name == "" || !f.IsExported() {
			continue
		}
		list = append(list, field(f, i, name))
	}
	return list
}

func field(f reflect.StructField, i int, name string) param {
	p := param{name: name, doc: f.Tag.Get("doc"), index: i, typ: f.Type, kind: f.Type.Kind(),
		required: f.Tag.Get("req") == "true", clamp: f.Tag.Get("clamp") == "true", hidden: f.Tag.Get("hidden") == "true",
		brief: f.Tag.Get("brief") == "true"}
	p.dflt, p.hasDflt = f.Tag.Lookup("default")
	if e := f.Tag.Get("enum"); e != "" {
		p.enum = strings.Split(e, ",")
	}
	if v, ok := f.Tag.Lookup("max"); ok {
		p.bounded = true
		p.max, _ = strconv.ParseInt(v, 10, 64)
		p.min, _ = strconv.ParseInt(f.Tag.Get("min"), 10, 64)
	}
	return p
}

// schema returns the JSON Schema of a struct in the subset that all clients
// take: one type each, nothing referred to, nothing closed, properties in the
// order of the fields.
func schema(t reflect.Type) json.RawMessage {
	var b bytes.Buffer
	writeObject(&b, t)
	return b.Bytes()
}

func writeObject(b *bytes.Buffer, t reflect.Type) {
	var required []string
	b.WriteString(`{"type":"object","properties":{`)
	sep := ""
	for _, p := range params(t) {
		if p.hidden {
			continue
		}
		if p.required {
			required = append(required, p.name)
		}
		fmt.Fprintf(b, "%s%s:", sep, quote(p.name))
		writeParam(b, &p)
		sep = ","
	}
	b.WriteByte('}')
	if required != nil {
		fmt.Fprintf(b, `,"required":%s`, quote(required))
	}
	b.WriteByte('}')
}

// writeParam writes the schema of one property.
func writeParam(b *bytes.Buffer, p *param) {
	var own bytes.Buffer
	if p.brief {
		writeBrief(&own, p.typ)
	} else {
		writeType(&own, p.typ)
	}
	b.Write(bytes.TrimSuffix(own.Bytes(), []byte("}")))
	if p.doc != "" {
		fmt.Fprintf(b, `,"description":%s`, quote(p.doc))
	}
	if p.bounded {
		fmt.Fprintf(b, `,"minimum":%d,"maximum":%d`, p.min, p.max)
	}
	if p.enum != nil {
		fmt.Fprintf(b, `,"enum":%s`, quote(p.enum))
	}
	if p.hasDflt {
		v := p.dflt
		if p.kind == reflect.String {
			v = quote(v)
		}
		fmt.Fprintf(b, `,"default":%s`, v)
	}
	b.WriteByte('}')
}

// writeBrief writes a type without what is inside it.
func writeBrief(b *bytes.Buffer, t reflect.Type) {
	if t.Kind() == reflect.Slice {
		b.WriteString(`{"type":"array","items":{"type":"object"}}`)
		return
	}
	b.WriteString(`{"type":"object"}`)
}

func writeType(b *bytes.Buffer, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Struct:
		writeObject(b, t)
	case reflect.Slice:
		b.WriteString(`{"type":"array","items":`)
		writeType(b, t.Elem())
		b.WriteByte('}')
	case reflect.Map:
		b.WriteString(`{"type":"object"}`)
	case reflect.Bool:
		b.WriteString(`{"type":"boolean"}`)
	case reflect.Float64:
		b.WriteString(`{"type":"number"}`)
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32:
		b.WriteString(`{"type":"integer"}`)
	case reflect.String:
		b.WriteString(`{"type":"string"}`)
	default:
		panic(fmt.Sprintf("no schema for %v", t))
	}
}

// quote is v as JSON.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
