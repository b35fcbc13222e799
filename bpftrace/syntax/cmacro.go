package syntax

import (
	"slices"
	"strings"
)

// CMacro is an object-like macro of the C preprocessor, #define NAME TEXT.
type CMacro struct {
	Name string
	Text string   // without comments
	Expr Expr     // Text as an expression, located in a Source called Name; nil when it is none
	Def  *Preproc // where it is defined
}

// CMacros returns the object-like macros that f defines and that are in force
// at its end, by name. A name that stands where an expression may stand means
// the Expr of its macro.
func CMacros(f *File) map[string]*CMacro {
	macros := map[string]*CMacro{}
	for _, d := range f.Decls {
		line, ok := d.(*Preproc)
		if !ok || line.Inactive {
			continue
		}
		rest := stripComments(line.Rest)
		n := 0
		for n < len(rest) && isIdentBody(rest[n]) {
			n++
		}
		name, text := rest[:n], rest[n:]
		switch {
		case line.Directive == "undef":
			delete(macros, name)
		case line.Directive == "define" && n > 0 && !strings.HasPrefix(text, "("):
			macros[name] = newCMacro(name, strings.TrimSpace(text), line)
		}
	}
	return macros
}

func newCMacro(name, text string, def *Preproc) *CMacro {
	m := &CMacro{Name: name, Text: text, Def: def}
	if text != "" {
		m.Expr, _ = ParseExpr(NewSource(name, text))
	}
	return m
}

// checkCMacros reports macros that are used as expressions but are none, or
// that name themselves.
func (p *parser) checkCMacros() {
	c := macroChecker{CMacros(p.file), map[string]bool{}}
	if len(c.macros) == 0 {
		return
	}
	Walk(p.file, func(path []Node) bool {
		if id := expressionIdent(path); id != nil {
			p.diags = append(p.diags, c.check(id, nil)...)
		}
		return true
	})
}

// macroChecker follows macros that name macros.
type macroChecker struct {
	macros map[string]*CMacro
	good   map[string]bool // those that were followed and are fine
}

// expressionIdent returns the last node of path if it is a name that stands
// for an expression, not a part of another construct or a parameter.
func expressionIdent(path []Node) *Ident {
	id, ok := path[len(path)-1].(*Ident)
	if !ok || len(path) < 2 {
		return nil
	}
	switch parent := path[len(path)-2].(type) {
	case *Call:
		ok = parent.Func != id
	case *FieldAccess, *Offsetof, *ConfigEntry, *MapDecl, *Macro, *Subprog:
		ok = false
	case *NamedArg:
		ok = parent.Name != id
	}
	if m, in := path[min(1, len(path)-1)].(*Macro); in {
		ok = ok && !slices.ContainsFunc(m.Args, func(a Expr) bool { return Equal(a, id) })
	}
	if !ok {
		return nil
	}
	return id
}

// check follows the macro that id names. outer are the uses that led here,
// outermost first.
func (c *macroChecker) check(id *Ident, outer []*Ident) Diagnostics {
	m := c.macros[id.Name]
	if m == nil || m.Text == "" || c.good[id.Name] {
		return nil
	}
	if slices.ContainsFunc(outer, func(use *Ident) bool { return use.Name == id.Name }) {
		return Diagnostics{macroError(id, outer, "Macro recursion: "+chain(outer),
			"The text of a macro that is used names the macro itself.")}
	}
	if m.Expr == nil {
		return Diagnostics{macroError(id, outer, "unable to expand macro as an expression: "+joinTokens(m.Text),
			"A C macro can be used where its text is one expression.")}
	}
	var ds Diagnostics
	outer = append(slices.Clip(outer), id)
	Walk(m.Expr, func(path []Node) bool {
		inner, ok := path[len(path)-1].(*Ident)
		if ok && (len(path) == 1 || expressionIdent(path) != nil) && len(ds) == 0 {
			ds = append(ds, c.check(inner, outer)...)
		}
		return len(ds) == 0
	})
	c.good[id.Name] = len(ds) == 0
	return ds
}

func chain(uses []*Ident) string {
	var names []string
	for _, u := range uses {
		names = append(names, u.Name)
	}
	return strings.Join(names, "->")
}

func macroError(at *Ident, outer []*Ident, msg, why string) Diagnostic {
	d := Diagnostic{Code: CodeCMacro, Span: at.Span(), Message: msg, Why: why}
	for _, use := range slices.Backward(outer) {
		d.Notes = append(d.Notes, Note{use.Span(), ExpandedFrom})
	}
	return d
}

// joinTokens returns the tokens of text without the space between them, as
// upstream quotes macros.
func joinTokens(text string) string {
	var b strings.Builder
	s := scanner{src: NewSource("macro", text), text: text}
	for t := s.scan(0); t.kind != tEOF; t = s.scan(t.end) {
		b.WriteString(text[t.start:t.end])
	}
	return b.String()
}
