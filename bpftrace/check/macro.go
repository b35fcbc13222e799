package check

import (
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// macro is a macro of the program or of a file that it imports.
type macro struct {
	decl *syntax.Macro
}

// expansion is the use of a macro.
type expansion struct {
	macro  *macro
	outer  *expansion
	caller *scope // where the arguments are evaluated
	args   map[string]syntax.Expr
	vars   map[string]*Var
	maps   map[string]string
	loops  int
}

// maxExpandedNodes bounds the code that macros make.
const maxExpandedNodes = 50_000

// addMacro enters a definition into the table of macros.
func (c *checker) addMacro(d *syntax.Macro) {
	m := &macro{decl: d}
	for _, old := range c.macros[d.Name.Name] {
		if distance(old.decl, d.Args) == 0 {
			e := c.errorf(CodeMacroRedefined, d, "Redefinition of macro: %s", d.Name.Name)
			note(e, old.decl, "This is the original definition.")
			return
		}
	}
	if c.validMacro(d) {
		c.macros[d.Name.Name] = append(c.macros[d.Name.Name], m)
	}
}

func (c *checker) validMacro(d *syntax.Macro) bool {
	seen := map[string]bool{}
	for _, a := range d.Args {
		kind, name := argKind(a)
		if seen[name] {
			c.errorf(CodeMacroArgument, a, "%s for macro argument has already been used: %s", kind, name)
			return false
		}
		seen[name] = true
	}
	return true
}

func argKind(a syntax.Expr) (kind, name string) {
	switch a := a.(type) {
	case *syntax.Variable:
		return "Variable", a.Name
	case *syntax.Map:
		return "Map", a.Name
	case *syntax.Ident:
		return "Ident", a.Name
	}
	return "Ident", ""
}

// distance says how badly args suit d: 0 is a match.
func distance(d *syntax.Macro, args []syntax.Expr) int {
	n := len(d.Args) - len(args)
	bad := 1024 * max(n, -n)
	for i := range min(len(d.Args), len(args)) {
		switch d.Args[i].(type) {
		case *syntax.Map:
			if _, ok := args[i].(*syntax.Map); !ok {
				bad++
			}
		case *syntax.Variable:
			if _, ok := args[i].(*syntax.Variable); !ok {
				bad++
			}
		}
	}
	return bad
}

// lookupMacro returns the macro that args match, or the closest one.
func (c *checker) lookupMacro(name string, args []syntax.Expr) (match, closest *macro) {
	best := -1
	for _, m := range c.macros[name] {
		d := distance(m.decl, args)
		if d == 0 {
			return m, m
		}
		if best < 0 || d < best {
			best, closest = d, m
		}
	}
	return nil, closest
}

// expand binds the use of a macro by e, a call or a bare name, if it is one.
func (b *binder) expand(e syntax.Expr, name string, args []syntax.Expr) bool {
	m, closest := b.lookupMacro(name, args)
	if m == nil {
		if closest == nil || libraryTakes(name, len(args)) {
			return false
		}
		b.mismatch(e, closest, args)
		b.failed(e)
		return true
	}
	if b.recursive(e, m) {
		b.failed(e)
		return true
	}
	b.expandMatch(e, m, args)
	return true
}

// libraryTakes reports whether name with n arguments is one of the functions
// that upstream's library defines as macros, which overload with those of the
// program.
func libraryTakes(name string, n int) bool {
	f := LookupFunction(name)
	return f != nil && isLibrary(f) && n >= f.MinArgs() && n <= f.MaxArgs()
}

// mismatch reports arguments that no definition takes.
func (b *binder) mismatch(e syntax.Expr, m *macro, args []syntax.Expr) {
	d := b.errorf(CodeMacroMismatch, e, "Call to %s() has arguments that do not match any definition.", m.decl.Name.Name)
	if len(m.decl.Args) != len(args) {
		note(d, m.decl, "The closest definition of %s() has a different number of arguments. Expected: %d but got %d", m.decl.Name.Name, len(m.decl.Args), len(args))
		return
	}
	for i, p := range m.decl.Args {
		kind, name := argKind(p)
		_, isVar := args[i].(*syntax.Variable)
		_, isMap := args[i].(*syntax.Map)
		got := "an expression"
		switch {
		case kind == "Ident", kind == "Map" && isMap, kind == "Variable" && isVar:
			continue
		case isVar:
			got = "a variable"
		case isMap:
			got = "a map"
		}
		a := b.errorf(CodeMacroMismatch, args[i], "Mismatched arg. %s() expects a %s for arg %s but got %s.", m.decl.Name.Name, strings.ToLower(kind), name, got)
		note(a, p, "This is the argument in the closest definition.")
	}
}

func (b *binder) recursive(e syntax.Expr, m *macro) bool {
	chain := m.decl.Name.Name
	for x := b.exp; x != nil; x = x.outer {
		chain = x.macro.decl.Name.Name + " > " + chain
		if x.macro == m {
			b.errorf(CodeMacroRecursion, e, "Recursive macro call detected. Call chain: %s", chain)
			return true
		}
	}
	return false
}

// expandMatch clones the body of m for e and binds it.
func (b *binder) expandMatch(e syntax.Expr, m *macro, args []syntax.Expr) {
	x := &expansion{
		macro: m, outer: b.exp, caller: b.scope, loops: b.loops,
		args: map[string]syntax.Expr{}, vars: map[string]*Var{}, maps: map[string]string{},
	}
	for i, p := range m.decl.Args {
		switch p := p.(type) {
		case *syntax.Ident:
			x.args[p.Name] = args[i]
		case *syntax.Variable:
			b.bindVariableArg(args[i].(*syntax.Variable), x, p.Name)
		case *syntax.Map:
			x.maps[p.Name] = b.mapName(args[i].(*syntax.Map).Name)
		}
	}
	body := syntax.Clone(m.decl.Body)
	if !b.grow(e, body) {
		return
	}
	block := blockExpr(e.Span(), body)
	b.info.Expansions[e] = block
	b.stackTrace = append(b.stackTrace, e.Span())
	b.bindBody(block, body, x)
	b.stackTrace = b.stackTrace[:len(b.stackTrace)-1]
}

// bindVariableArg gives a macro the caller's variable.
func (b *binder) bindVariableArg(arg *syntax.Variable, x *expansion, name string) {
	v := b.lookup(arg.Name, false)
	if v == nil {
		// The macro may be what sets it first.
		v = &Var{Name: arg.Name, Decl: arg}
		b.declare(v, "initial assignment", arg, false)
	}
	x.vars[name] = v
	b.info.Vars[arg] = v
}

func (b *binder) bindBody(block *syntax.BlockExpr, body *syntax.Block, x *expansion) {
	b.renameMaps(body, x)
	outer, meta := b.exp, b.meta
	b.exp = x
	b.push(x)
	b.bindStmts(body)
	b.pop()
	b.exp, b.meta = outer, meta
	b.fold(block)
}

// mapName is the name of a map in the program, for one that the code of a
// macro names.
func (b *binder) mapName(name string) string { return name }

// renameMaps gives the maps in the body of a macro the names of the arguments.
func (b *binder) renameMaps(body *syntax.Block, x *expansion) {
	syntax.Inspect(body, func(n syntax.Node) bool {
		m, ok := n.(*syntax.Map)
		if !ok {
			return true
		}
		if name, ok := x.maps[m.Name]; ok {
			m.Name = name
			return true
		}
		b.errorf(CodeMacroHygiene, m, "Unhygienic access to map: %s. Maps must be passed into the macro as arguments.", m.Name)
		return true
	})
}

// bindArgument clones an argument of the macro around for one of its uses and
// binds it where the macro was called.
func (b *binder) bindArgument(arg syntax.Expr) syntax.Expr {
	x := b.exp
	c := syntax.Clone(arg)
	if !b.grow(arg, c) {
		return c
	}
	scope, trace := b.scope, b.stackTrace
	b.scope, b.exp = x.caller, x.outer
	if len(trace) > 0 {
		b.stackTrace = trace[:len(trace)-1]
	}
	b.bindExpr(c)
	b.scope, b.exp, b.stackTrace = scope, x, trace
	return c
}

// grow counts the code that macros make and reports when it is too much.
func (b *binder) grow(e syntax.Expr, n syntax.Node) bool {
	syntax.Inspect(n, func(syntax.Node) bool {
		b.nodes++
		return b.nodes <= maxExpandedNodes
	})
	if b.nodes <= maxExpandedNodes {
		return true
	}
	b.errorf(CodeMacroTooLarge, e, "macros expand to more than %d expressions", maxExpandedNodes)
	b.failed(e)
	return false
}

// bindIdent binds a bare word.
func (b *binder) bindIdent(e *syntax.Ident) {
	if b.exp != nil {
		if arg := b.exp.args[e.Name]; arg != nil {
			b.info.Expansions[e] = b.bindArgument(arg)
			return
		}
	}
	if b.isWord(e) {
		return
	}
	if b.expand(e, e.Name, nil) {
		return
	}
	if f := LookupFunction(e.Name); f != nil && b.bindBare(e, f, e.Name) {
		return
	}
	b.bindCName(e)
}

// isWord reports whether e is a word that the function around gives a meaning.
func (b *binder) isWord(e *syntax.Ident) bool {
	if b.word == nil {
		return false
	}
	for i := range b.word.Args {
		for _, w := range b.word.Args[i].Word {
			if w == e.Name {
				return true
			}
		}
	}
	return false
}

// bindCName binds a constant of C: an object-like macro of the program.
func (b *binder) bindCName(e *syntax.Ident) {
	x, ok := b.c.macro(e.Name)
	if !ok {
		return
	}
	if b.expandingC[e.Name] {
		b.errorf(CodeMacroRecursion, e, "Macro recursion: %s", e.Name)
		b.failed(e)
		return
	}
	if x == nil {
		return
	}
	clone := syntax.Clone(x)
	if !b.grow(e, clone) {
		return
	}
	b.info.Expansions[e] = clone
	b.expandingC[e.Name] = true
	b.bindExpr(clone)
	delete(b.expandingC, e.Name)
}

// blockExpr makes an expression of b at span.
func blockExpr(span syntax.Span, b *syntax.Block) *syntax.BlockExpr {
	x := &syntax.BlockExpr{Block: b}
	x.Pos = span
	return x
}
