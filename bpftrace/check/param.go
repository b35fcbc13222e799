package check

import (
	"strconv"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func itoa(i int) string { return strconv.Itoa(i) }

// positional returns the parameter $n.
func (c *checker) positional(n int) *Param {
	name := itoa(n)
	if p := c.params[name]; p != nil {
		return p
	}
	p := &Param{Name: name, Given: n >= 1 && n <= len(c.opts.Params), Type: int64Type, Default: Const{Kind: ConstInt}}
	if p.Given {
		l := parseParam(c.opts.Params[n-1])
		if p.Type = int64Type; l.kind != litInt {
			p.Type = l.typ()
		}
		p.Value, _ = l.constant()
	}
	c.params[name] = p
	return p
}

// bindGetopt checks a call of getopt and enters its parameter.
func (b *binder) bindGetopt(e *syntax.Call) {
	name := b.litOf(e.Args[0])
	if !name.isString() {
		b.errorf(CodeGetopt, e.Args[0], "First argument to 'getopt' must be a string literal.")
		b.failed(e)
		return
	}
	def := boolLit(false)
	if len(e.Args) > 1 {
		def = b.litOf(e.Args[1])
		if def == nil || def.kind >= litTuple {
			b.errorf(CodeGetopt, e.Args[1], "Second argument to 'getopt' must be a string literal, integer literal, or a boolean literal.")
			b.failed(e)
			return
		}
	}
	doc := ""
	if len(e.Args) > 2 {
		l := b.litOf(e.Args[2])
		if !l.isString() {
			b.warnf(CodeGetopt, e.Args[2], "Function 'getopt' requires the third parameter to be a string literal.")
			return
		}
		doc = l.s
	}
	b.addOption(e, name.s, def, doc)
}

func (b *binder) addOption(e *syntax.Call, name string, def *lit, doc string) {
	p := &Param{Name: name, Doc: doc, Type: b.optionType(def)}
	p.Default, _ = def.constant()
	p.Value = p.Default
	key := "--" + name
	if old := b.params[key]; old != nil {
		b.sameOption(e, old, p)
		return
	}
	if text, ok := b.opts.Named[name]; ok {
		p.Given = true
		b.optionValue(e, p, text)
	}
	b.params[key] = p
}

// sameOption checks that two calls of getopt for one name agree.
func (b *binder) sameOption(e *syntax.Call, old, p *Param) {
	switch {
	case old.Default != p.Default:
		b.errorf(CodeGetopt, e, "Command line option '%s' needs to have the same default value in all places it is used. Previous default value: %s", p.Name, old.Default.text())
		b.failed(e)
	case old.Doc != p.Doc && p.Doc != "" && old.Doc != "":
		b.errorf(CodeGetopt, e, "Command line option '%s' needs to have the same description in all places it is used. Previous description: %s", p.Name, old.Doc)
		b.failed(e)
	}
}

func (k Const) text() string {
	switch k.Kind {
	case ConstBool:
		return strconv.FormatBool(k.Int != 0)
	case ConstInt:
		return strconv.FormatInt(int64(k.Int), 10)
	}
	return k.Str
}

func (b *binder) optionType(def *lit) *Type {
	switch {
	case def.kind == litBool:
		return boolType
	case def.kind == litString:
		return stringType(b.info.Settings.MaxStrlen)
	case def.neg:
		return int64Type
	}
	return uint64Type
}

// optionValue converts what was given for an option.
func (b *binder) optionValue(e *syntax.Call, p *Param, text string) {
	switch p.Type.Kind {
	case String:
		p.Value = Const{Kind: ConstString, Str: text}
	case Bool:
		v, ok := parseBool(text)
		if !ok && text != "" {
			b.errorf(CodeGetopt, e, "Command line option '%s' expects a boolean (true or false), got %s", p.Name, text)
		}
		p.Value = boolConst(v || text == "")
	default:
		l := parseParam(text)
		if l.kind != litInt {
			b.errorf(CodeGetopt, e, "Command line option '%s' expects an integer, got %s", p.Name, text)
			return
		}
		p.Value = Const{Kind: ConstInt, Int: l.u}
	}
}

func boolConst(b bool) Const {
	k, _ := boolLit(b).constant()
	return k
}

// parseBool reads the spellings of booleans in settings and options.
func parseBool(s string) (v, ok bool) {
	switch s {
	case "true", "1", "on", "yes":
		return true, true
	case "false", "0", "off", "no":
		return false, true
	}
	return false, false
}

// signalNumber returns the number of a signal by its name, with or without
// SIG; 0 when there is none. Numbers: include/uapi/asm-generic/signal.h.
func signalNumber(name string) int {
	if len(name) > 3 && name[:3] == "SIG" {
		name = name[3:]
	}
	for i, s := range signalNames {
		if s == name {
			return i + 1
		}
	}
	return 0
}

var signalNames = [...]string{
	"HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
	"TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
	"WINCH", "IO", "PWR", "SYS",
}

// SignalNumber returns the number of a signal by its name, such as "SIGKILL" or
// "KILL", or 0 when there is none.
func SignalNumber(name string) int { return signalNumber(name) }
