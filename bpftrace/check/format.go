package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// formatVerb is a conversion of a printf format.
type formatVerb struct {
	start, end int    // bytes of the format
	length     string // "ll" and the like
	verb       string // "d", "s", "rx", ...
	verbAt     int
}

// parseFormat finds the conversions of a format; what is none is plain text.
func parseFormat(f string) []formatVerb {
	var verbs []formatVerb
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			continue
		}
		v, ok := parseVerb(f, i)
		if !ok {
			continue
		}
		verbs = append(verbs, v)
		i = v.end - 1
	}
	return verbs
}

// parseVerb reads %[-][+][ ][#][0][width][.precision][length]verb at start.
func parseVerb(f string, start int) (formatVerb, bool) {
	i := start + 1
	for _, flag := range []byte("-+ #0") {
		if i < len(f) && f[i] == flag {
			i++
		}
	}
	i = formatNumber(f, i)
	if i < len(f) && f[i] == '.' {
		n := formatNumber(f, i+1)
		if n == i+1 {
			return formatVerb{}, false
		}
		i = n
	}
	length := i
	for i < len(f) && isLength(f[i]) {
		i++
	}
	v := formatVerb{start: start, length: f[length:i], verbAt: i}
	for _, verb := range []string{"gr", "rh", "rx"} {
		if len(f) >= i+2 && f[i:i+2] == verb {
			v.verb, v.end = verb, i+2
			return v, true
		}
	}
	if i < len(f) && isVerb(f[i]) {
		v.verb, v.end = f[i:i+1], i+1
		return v, true
	}
	return v, false
}

func formatNumber(f string, i int) int {
	if i < len(f) && f[i] == '*' {
		return i + 1
	}
	for i < len(f) && f[i] >= '0' && f[i] <= '9' {
		i++
	}
	return i
}

func isLength(c byte) bool {
	switch c {
	case 'h', 'l', 'L', 'j', 'z', 't':
		return true
	}
	return false
}

func isVerb(c byte) bool {
	for _, v := range []byte("diouxXeEfFgGaAcspnr%") {
		if c == v {
			return true
		}
	}
	return false
}

// checkFormat checks the arguments of a call of the printf family against its
// format.
func (t *typer) checkFormat(e *syntax.Call, call *Call, args []*Type) {
	l := t.lits[call.Args[0]]
	if !l.isString() {
		return
	}
	var verbs []formatVerb
	for _, v := range parseFormat(l.s) {
		if v.verb != "%" {
			verbs = append(verbs, v)
		}
	}
	values := args[1:]
	switch {
	case len(values) < len(verbs):
		d := t.errorf(CodeFormat, e, "not enough arguments for format string (%d supplied, %d expected)", len(values), len(verbs))
		t.explainVerbs(d, l.s, verbs)
		return
	case len(values) > len(verbs):
		d := t.errorf(CodeFormat, e, "too many arguments for format string (%d supplied, %d expected)", len(values), len(verbs))
		if len(verbs) == 0 {
			hint(d, "Every value needs a place in the format, such as %%d for a number and %%s for text.")
		}
		return
	}
	for i, v := range verbs {
		if !t.checkVerb(e, call, v, values[i], call.Args[i+1]) {
			return
		}
	}
	if call.Func.Op == OpDebugf {
		t.checkDebugf(e, call, verbs, values)
	}
}

func (t *typer) explainVerbs(d *syntax.Diagnostic, format string, verbs []formatVerb) {
	for i, v := range verbs {
		hint(d, "Argument %d is for %s.", i+1, format[v.start:v.end])
		if i == 7 {
			return
		}
	}
}

// checkVerb checks one value against its conversion.
func (t *typer) checkVerb(e *syntax.Call, call *Call, v formatVerb, ty *Type, arg syntax.Expr) bool {
	if ty.Kind == Void {
		t.errorf(CodeFormat, e, "unable to print none type for specifier: %s", v.verb)
		return false
	}
	ok := false
	switch v.verb {
	case "d", "i", "u", "o", "x", "X", "c", "p", "gr":
		ok = ty.Kind == Int || ty.Kind == Bool || ty.Kind == Pointer
	case "r", "rx", "rh":
		ok = ty.Kind == Buffer
	case "s":
		ok = true
	default:
		d := t.errorf(CodeFormat, e, "unsupported format specifier: %s", v.verb)
		hint(d, "There are no floating point numbers: print integers with %%d, text with %%s.")
		t.fixVerb(d, call, v, verbFor(ty))
		return false
	}
	if ok || ty.Kind == Unknown {
		return true
	}
	d := t.errorf(CodeFormat, e, "unsupported format specifier for type '%s': %s", ty, v.verb)
	switch want := verbFor(ty); {
	case ty.Kind != Buffer && v.verb[0] == 'r' && (ty.Kind == String || ty.Kind == Pointer || ty.Kind == Int || ty.Kind == Array):
		fix(d, false, "read the bytes", arg, "buf("+arg.Span().Text()+", 16)")
	default:
		t.fixVerb(d, call, v, want)
	}
	return false
}

// verbFor is the conversion that prints a value of type ty.
func verbFor(ty *Type) string {
	switch ty.Kind {
	case Int, Bool:
		return "d"
	case Pointer:
		return "p"
	case Buffer:
		return "r"
	}
	return "s"
}

// fixVerb offers another conversion, where the format is written in one piece
// without escapes before it.
func (t *typer) fixVerb(d *syntax.Diagnostic, call *Call, v formatVerb, want string) {
	s, ok := call.Args[0].(*syntax.StringLit)
	if !ok {
		return
	}
	raw := s.Span().Text()
	if len(raw) < 2 || v.end > len(raw)-2 || raw[1:1+v.end] != s.Value[:v.end] {
		return
	}
	at := s.Span()
	at.Start += uint32(1 + v.verbAt - len(v.length))
	at.End = s.Span().Start + uint32(1+v.end)
	d.Fixes = append(d.Fixes, syntax.Fix{Message: "print it with %" + want, Edits: []syntax.Edit{{Span: at, Text: want}}})
}

// checkDebugf checks the narrower rules of the kernel's own printf.
func (t *typer) checkDebugf(e *syntax.Call, call *Call, verbs []formatVerb, values []*Type) {
	for i, v := range verbs {
		want := Int
		switch v.verb {
		case "d", "u", "x", "p":
		case "s":
			want = String
		default:
			t.errorf(CodeFormat, call.Args[0], "Invalid format specifier for `debugf`: %s", v.verb)
			continue
		}
		if k := values[i].Kind; k != want && k != Unknown {
			t.errorf(CodeFormat, call.Args[i+1], "Type does not match format specifier: %s", v.verb)
		}
	}
}
