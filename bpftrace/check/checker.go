package check

import (
	"fmt"
	"runtime/debug"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Check finds the meaning of f on target t. Parse errors are the caller's to
// report: Check looks only at what was parsed. Info is complete when no
// diagnostic is an error; it is never nil. opts may be nil.
func Check(f *syntax.File, t Target, opts *Options) (info *Info, ds syntax.Diagnostics) {
	if opts == nil {
		opts = &Options{}
	}
	c := newChecker(f, t, opts)
	defer func() {
		if r := recover(); r != nil {
			info, ds = c.info, append(c.diags, internalError(f, r))
		}
	}()
	c.run()
	return c.info, c.diags
}

func internalError(f *syntax.File, r any) syntax.Diagnostic {
	return syntax.Diagnostic{
		Code:    CodeInternal,
		Span:    syntax.Span{Src: f.Source},
		Message: fmt.Sprintf("internal error of the checker: %v", r),
		Why:     "This is a defect of mcptrace, not of the program. Please report it with the program.\n" + string(debug.Stack()),
	}
}

// checker is one run of Check.
type checker struct {
	file   *syntax.File
	target Target
	opts   *Options
	info   *Info
	diags  syntax.Diagnostics
	seen   map[diagKey]bool

	c        cDefs
	macros   map[string][]*macro
	subprogs map[string]*Subprog
	maps     map[string]*mapState
	params   map[string]*Param
	imported map[string]bool

	lits  map[syntax.Expr]*lit
	bad   map[syntax.Expr]bool // reported already; the type is not known
	state map[*Var]*varState

	typeIdents map[*syntax.Ident]*Type           // words that name types in sizeof and its kin
	typeArgs   map[*syntax.NamedType]syntax.Expr // names of types that are parameters of a macro

	varOrder   []*varState
	noReturn   []*Subprog
	misshapen  map[*syntax.Map]shapeUse
	rawMaps    map[*syntax.Call]*syntax.Map
	expandingC map[string]bool

	units   []*unit
	queue   []*unit
	pending []*pendingIf
	collect *[]*unit      // where units of a branch that waits for types go
	locked  map[any]*Type // types that comptime has relied on, by *varState or mapPart

	nodes      int // made by expanding macros
	mentions   mentions
	unstable   map[string]string // config key to "warn", "error" or "enable"
	warned     map[string]bool
	stackTrace []syntax.Span // calls of the macros around the code that is being looked at, outermost first
}

type diagKey struct {
	code syntax.Code
	span syntax.Span
	msg  string
}

func newChecker(f *syntax.File, t Target, opts *Options) *checker {
	return &checker{
		file: f, target: t, opts: opts,
		info: &Info{
			File: f, Target: t,
			Types:      map[syntax.Expr]*Type{},
			TypeExprs:  map[syntax.TypeExpr]*Type{},
			Consts:     map[syntax.Expr]Const{},
			Expansions: map[syntax.Expr]syntax.Expr{},
			Calls:      map[syntax.Expr]*Call{},
			Vars:       map[*syntax.Variable]*Var{},
			Fields:     map[syntax.Expr]*Field{},
			Dead:       map[*syntax.Block]bool{},
		},
		seen:     map[diagKey]bool{},
		macros:   map[string][]*macro{},
		subprogs: map[string]*Subprog{},
		maps:     map[string]*mapState{},
		params:   map[string]*Param{},
		imported: map[string]bool{},
		lits:     map[syntax.Expr]*lit{},
		bad:      map[syntax.Expr]bool{},
		state:    map[*Var]*varState{},
		typeArgs: map[*syntax.NamedType]syntax.Expr{}, typeIdents: map[*syntax.Ident]*Type{},
		locked:    map[any]*Type{},
		unstable:  map[string]string{},
		warned:    map[string]bool{},
		misshapen: map[*syntax.Map]shapeUse{}, rawMaps: map[*syntax.Call]*syntax.Map{}, expandingC: map[string]bool{},
	}
}

// run does the phases of checking in order. Each works on whatever the earlier
// ones found, so that one run reports the independent errors of all of them.
func (c *checker) run() {
	if c.opts.SyntaxOnly {
		c.form()
		return
	}
	c.settings()
	decls := c.declarations()
	c.expandProbes(decls)
	c.bind(decls)
	c.infer()
	c.judge()
	c.finish()
}

// form checks what needs neither settings nor types: macros and C definitions.
func (c *checker) form() {
	c.info.Settings = DefaultSettings()
	c.c.init(c)
	for _, d := range c.file.Decls {
		switch d := d.(type) {
		case *syntax.CDef:
			c.c.define(d)
		case *syntax.Macro:
			c.addMacro(d)
		}
	}
	c.checkMacroBodies(c.file.Decls)
}

// report adds a diagnostic unless the same was reported already.
func (c *checker) report(sev syntax.Severity, code syntax.Code, n located, format string, args []any) *syntax.Diagnostic {
	d := syntax.Diagnostic{Code: code, Severity: sev, Span: n.Span(), Message: fmt.Sprintf(format, args...), Why: whyOf(code)}
	key := diagKey{code, d.Span, d.Message}
	if c.seen[key] || len(c.diags) >= maxDiagnostics {
		return &d // not added: what the caller adds to it goes nowhere
	}
	c.seen[key] = true
	for i := len(c.stackTrace) - 1; i >= 0; i-- {
		d.Notes = append(d.Notes, syntax.Note{Span: c.stackTrace[i], Message: "expanded from"})
	}
	c.diags = append(c.diags, d)
	return &c.diags[len(c.diags)-1]
}

// maxDiagnostics bounds what one run reports.
const maxDiagnostics = 100

// errorf reports an error about n.
func (c *checker) errorf(code syntax.Code, n located, format string, args ...any) *syntax.Diagnostic {
	return c.report(syntax.Error, code, n, format, args)
}

// warnf reports a warning about n.
func (c *checker) warnf(code syntax.Code, n located, format string, args ...any) *syntax.Diagnostic {
	return c.report(syntax.Warning, code, n, format, args)
}

// hint adds a note without a place to d.
func hint(d *syntax.Diagnostic, format string, args ...any) {
	d.Notes = append(d.Notes, syntax.Note{Message: fmt.Sprintf(format, args...)})
}

// note adds a remark about n to d.
func note(d *syntax.Diagnostic, n located, format string, args ...any) {
	d.Notes = append(d.Notes, syntax.Note{Span: n.Span(), Message: fmt.Sprintf(format, args...)})
}

// fix adds a repair that replaces n by text.
func fix(d *syntax.Diagnostic, certain bool, message string, n located, text string) {
	d.Fixes = append(d.Fixes, syntax.Fix{Message: message, Certain: certain, Edits: []syntax.Edit{{Span: n.Span(), Text: text}}})
}

// failed marks e as reported, so that nothing that follows from it is.
func (c *checker) failed(e syntax.Expr) {
	if e != nil {
		c.bad[e] = true
	}
}

// varState is what inference knows about a Var.
type varState struct {
	*Var
	typ        *Type
	sized      bool // declared with a type that assignments do not change
	assigned   bool
	dependents dependents
	origin     string // "initial declaration", for messages
	originNode located
}

// mapState is what inference knows about a map.
type mapState struct {
	*Map
	shape      mapShape
	key, value *Type
	decl       *syntax.MapDecl
	used       bool
	written    bool
	live       bool // used in code that is compiled
	keyDeps    dependents
	valueDeps  dependents
	selfInit   bool // @m++ and the like, or a read, give it a value
	accesses   []*syntax.Map
	reported   bool
}

type mapShape uint8

const (
	shapeUnknown mapShape = iota
	shapeScalar
	shapeKeyed
)

// mapPart names the key or the value of a map in the table of locked types.
type mapPart struct {
	m   *mapState
	key bool
}

func (c *checker) mapState(n *syntax.Map) *mapState {
	m := c.maps[n.Name]
	if m == nil {
		m = &mapState{Map: &Map{Name: n.Name, Pos: n.Span()}}
		c.maps[n.Name] = m
	}
	return m
}

// located is what has a place in the text: nodes and spans.
type located interface{ Span() syntax.Span }
