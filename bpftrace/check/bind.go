package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// place is where code stands: in a probe or in a subprogram.
type place struct {
	probe *Probe
	fn    *Subprog
}

// scope holds the variables of a block.
type scope struct {
	parent *scope
	vars   map[string]*Var
	exp    *expansion // set in the outermost scope of a macro's body
}

// binder is the first walk over the code: it finds variables, expands macros,
// resolves functions, folds constants and collects what inference works on. It
// knows no types.
type binder struct {
	*checker
	place
	scope *scope
	exp   *expansion      // innermost macro whose body this is
	loops int             // for and while loops around
	fors  int             // for loops around
	meta  int             // inside sizeof, offsetof, typeof or typeinfo
	word  *Function       // function whose argument is being bound
	root  *scope          // of the probe
	hoist map[string]bool // variables that belong to the whole probe
}

// bind walks all code that is compiled.
func (c *checker) bind(decls []syntax.Decl) {
	for _, s := range c.info.Subprogs {
		b := &binder{checker: c, place: place{fn: s}}
		b.bindSubprog(s)
	}
	for _, p := range c.info.Probes {
		b := &binder{checker: c, place: place{probe: p}}
		b.bindProbe(p)
	}
	c.warnUnassigned()
}

func (b *binder) bindProbe(p *Probe) {
	b.push(nil)
	defer b.pop()
	b.hoist = hoisted(p)
	b.root = b.scope
	if p.Predicate != nil {
		b.bindExpr(p.Predicate)
	}
	b.bindBlock(p.Body)
}

func (b *binder) bindSubprog(s *Subprog) {
	b.push(nil)
	defer b.pop()
	for i, a := range s.Decl.Args {
		v := s.Args[i]
		b.declare(v, "function parameter", a, true)
		b.info.Vars[a.Var] = v
		b.state[v].assigned = true
	}
	for i, a := range s.Decl.Args {
		b.bindType(a.Type)
		b.declUnit(s.Args[i], a.Type)
	}
	b.bindType(s.Decl.Result)
	if !b.bindBlock(s.Decl.Body) {
		b.missingReturn(s)
	}
}

func (b *binder) push(e *expansion) {
	b.scope = &scope{parent: b.scope, exp: e}
}

func (b *binder) pop() { b.scope = b.scope.parent }

// declare puts v into the innermost scope.
func (b *binder) declare(v *Var, origin string, n located, sized bool) *varState {
	if b.scope.vars == nil {
		b.scope.vars = map[string]*Var{}
	}
	b.scope.vars[v.Name] = v
	st := &varState{Var: v, sized: sized, origin: origin, originNode: n}
	b.state[v] = st
	b.varOrder = append(b.varOrder, st)
	return st
}

// lookup finds the variable called name. Code of a macro sees its own
// variables and the parameters; what it only reads may also be the caller's.
func (b *binder) lookup(name string, assign bool) *Var {
	for s := b.scope; s != nil; s = s.parent {
		if v := s.vars[name]; v != nil {
			return v
		}
		if s.exp == nil {
			continue
		}
		if v := s.exp.vars[name]; v != nil {
			return v
		}
		if assign {
			return nil
		}
	}
	return nil
}

// bindBlock binds a block in a scope of its own and reports whether it always
// ends with a jump.
func (b *binder) bindBlock(blk *syntax.Block) bool {
	b.push(nil)
	defer b.pop()
	return b.bindStmts(blk)
}

func (b *binder) bindStmts(blk *syntax.Block) bool {
	ends := false
	for i, s := range blk.Stmts {
		if ends {
			ends = false
			b.warnf(CodeUnreachable, s, "Unreachable statement.")
			b.bindRest(blk, i)
			return true
		}
		ends = b.bindStmt(s)
	}
	if blk.Value != nil {
		if ends {
			b.warnf(CodeUnreachable, blk.Value, "Unreachable statement. The block has no value.")
		}
		return b.bindExprEnds(blk.Value) || ends
	}
	return ends
}

// bindRest binds the statements that are never reached: their types count.
func (b *binder) bindRest(blk *syntax.Block, from int) {
	for _, s := range blk.Stmts[from:] {
		b.bindStmt(s)
	}
	if blk.Value != nil {
		b.bindExpr(blk.Value)
	}
}

// bindStmt binds s and reports whether it always ends with a jump.
func (b *binder) bindStmt(s syntax.Stmt) bool {
	switch s := s.(type) {
	case *syntax.ExprStmt:
		return b.bindExprEnds(s.X)
	case *syntax.Discard:
		b.bindExpr(s.X)
	case *syntax.Assign:
		b.bindAssign(s)
	case *syntax.Let:
		b.bindLet(s)
	case *syntax.While:
		b.bindWhile(s)
	case *syntax.Unroll:
		b.bindUnroll(s)
	case *syntax.For:
		b.bindFor(s)
	case *syntax.Jump:
		b.bindJump(s)
		return true
	case *syntax.ImportStmt:
		b.bindImport(s)
	}
	return false
}

// bindExprEnds binds an expression that is a statement.
func (b *binder) bindExprEnds(e syntax.Expr) bool {
	switch e := e.(type) {
	case *syntax.If:
		return b.bindIf(e)
	case *syntax.BlockExpr:
		ends := b.bindBlock(e.Block)
		b.fold(e)
		return ends
	case *syntax.Paren:
		b.bindExpr(e)
		return false
	}
	b.bindExpr(e)
	c, ok := e.(*syntax.Call)
	if !ok {
		return false
	}
	call := b.info.Calls[c]
	return call != nil && call.Func.Op == OpExit
}

func (b *binder) bindAssign(s *syntax.Assign) {
	switch target := s.Target.(type) {
	case *syntax.Variable:
		if s.Op != syntax.OpAssign {
			b.bindVariable(target)
		}
		b.bindExpr(s.Value)
		if s.Op == syntax.OpAssign {
			b.assignVariable(target, s)
		}
		b.assignUnit(target, s)
	case *syntax.Map:
		b.bindTarget(target, s.Op)
		b.bindMapValue(s, b.mapNamed(target), nil)
	case *syntax.MapAccess:
		b.bindTarget(target, s.Op)
		b.bindMapValue(s, b.mapNamed(target.Map), target)
	default:
		b.bindExpr(s.Target)
		b.bindExpr(s.Value)
	}
}

// bindTarget binds a map that is assigned to, which does not read it unless the
// assignment is compound.
func (b *binder) bindTarget(x syntax.Expr, op syntax.Op) {
	m := b.mapOf(x)
	read := m.selfInit
	b.bindExpr(x)
	if op == syntax.OpAssign {
		m.selfInit = read
	}
}

// assignVariable binds the target of an assignment, which declares it unless a
// scope around has it.
func (b *binder) assignVariable(n *syntax.Variable, s syntax.Node) {
	v := b.lookup(n.Name, true)
	if v == nil {
		v = &Var{Name: n.Name, Decl: s}
		if b.exp == nil && b.hoist[n.Name] {
			b.declareInProbe(v, n, s)
		} else {
			b.declare(v, "initial assignment", s, false)
		}
	}
	b.state[v].assigned = true
	b.info.Vars[n] = v
}

// declareInProbe declares a variable for the whole probe, as old programs
// expect.
func (b *binder) declareInProbe(v *Var, n *syntax.Variable, s located) {
	inner := b.scope
	b.scope = b.root
	b.declare(v, "initial assignment", s, false)
	b.scope = inner
	d := b.warnf(CodeOldScope, n, "Variable %s is used outside of the block that it is assigned in", v.Name)
	at := b.probe.Body.Span()
	at.Start++
	at.End = at.Start
	d.Fixes = append(d.Fixes, syntax.Fix{Message: "declare " + v.Name + " for the whole probe", Certain: true, Edits: []syntax.Edit{{Span: at, Text: " let " + v.Name + ";"}}})
}

func (b *binder) bindLet(s *syntax.Let) {
	if s.Init != nil {
		b.bindExpr(s.Init)
	}
	if s.Type != nil {
		b.bindType(s.Type)
	}
	if b.exp != nil && b.exp.vars[s.Var.Name] != nil {
		b.errorf(CodeShadow, s, "Variable declaration shadows macro arg %s", s.Var.Name)
		b.info.Vars[s.Var] = b.exp.vars[s.Var.Name]
		return
	}
	if old := b.lookup(s.Var.Name, true); old != nil {
		b.redeclared(s, s.Var.Name, "Variable %s was already declared. Variable shadowing is not allowed.", old)
		b.info.Vars[s.Var] = old
		return
	}
	v := &Var{Name: s.Var.Name, Decl: s}
	st := b.declare(v, "initial declaration", s, false)
	st.assigned = s.Init != nil
	b.info.Vars[s.Var] = v
	if s.Type != nil {
		b.declUnit(v, s.Type)
	}
	if s.Init != nil {
		b.letUnit(s)
	}
}

func (b *binder) redeclared(n located, name, format string, old *Var) {
	d := b.errorf(CodeShadow, n, format, name)
	st := b.state[old]
	note(d, st.originNode, "This is the %s.", st.origin)
}

// warnUnassigned warns of variables that were declared and never set.
func (c *checker) warnUnassigned() {
	for _, st := range c.varOrder {
		if !st.assigned && st.origin == "initial declaration" {
			c.warnf(CodeNeverAssigned, st.originNode, "Variable %s was never assigned to.", st.Name)
		}
	}
}

func (b *binder) bindWhile(s *syntax.While) {
	b.bindExpr(s.Cond)
	d := b.warnf(CodeDeprecated, s, "While loops are deprecated and may be removed in the future.")
	if len(d.Notes) == 0 {
		hint(d, "For loops support ranges (e.g. `for ($x : $start..$end) { ... }`), and can be used in place of while. These are more easily proven to be bounded by the verifier.")
	}
	b.loops++
	b.bindBlock(s.Body)
	b.loops--
}

func (b *binder) bindUnroll(s *syntax.Unroll) {
	b.bindExpr(s.Count)
	switch n := b.litOf(s.Count); {
	case b.bad[s.Count]:
	case !n.isNatural():
		b.errorf(CodeArgumentValue, s, "invalid unroll value")
	case n.u > 100:
		b.errorf(CodeArgumentValue, s, "unroll maximum value is 100")
	case n.u < 1:
		b.errorf(CodeArgumentValue, s, "unroll minimum value is 1")
	}
	b.bindBlock(s.Body)
}

func (b *binder) bindFor(s *syntax.For) {
	if old := b.lookup(s.Var.Name, true); old != nil {
		b.redeclared(s.Var, s.Var.Name, "Loop declaration shadows existing variable: %s", old)
	}
	if s.Map != nil {
		m := b.mapNamed(s.Map)
		b.shapeOf(s.Map, m, shapeKeyed, "loop")
	} else {
		b.bindExpr(s.Range.Lo)
		b.bindExpr(s.Range.Hi)
	}
	b.push(nil)
	v := &Var{Name: s.Var.Name, Decl: s.Var, Loop: true}
	b.declare(v, "loop variable", s.Var, false).assigned = true
	b.info.Vars[s.Var] = v
	b.forUnit(s, v)
	b.loops++
	b.fors++
	b.bindBlock(s.Body)
	b.fors--
	b.loops--
	b.pop()
}

func (b *binder) bindJump(s *syntax.Jump) {
	if s.Value != nil {
		b.bindExpr(s.Value)
	}
	in := "probe"
	switch {
	case b.exp != nil:
		in = "macro"
		if s.Kind != syntax.Return && b.loops > b.exp.loops {
			return
		}
	case s.Kind == syntax.Return || b.loops > 0:
		return
	case b.fn != nil:
		in = "function"
	}
	word := [...]string{syntax.Break: "break", syntax.Continue: "continue", syntax.Return: "return"}[s.Kind]
	b.errorf(CodeJump, s, "'%s' statement is not allowed in a %s", word, in)
}

// missingReturn reports a function that may end without a value.
func (b *binder) missingReturn(s *Subprog) {
	if t, ok := s.Decl.Result.(*syntax.NamedType); ok && t.Name == "void" {
		return
	}
	b.noReturn = append(b.noReturn, s)
}

func (b *binder) bindImport(s *syntax.ImportStmt) {
	b.errorf(CodeImport, s, "Import statements that are not at the top level are primarily for the standard library. If this is functionality you need, please file an issue to explain why.")
}

// bindExpr binds e and folds it.
func (b *binder) bindExpr(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Ident:
		b.bindIdent(e)
	case *syntax.Builtin:
		b.bindBuiltin(e)
	case *syntax.Positional:
		b.bindPositional(e)
	case *syntax.PositionalCount:
		b.lits[e] = intLit(uint64(len(b.opts.Params)))
	case *syntax.Variable:
		b.bindVariable(e)
	case *syntax.Map:
		b.bindScalar(e)
	case *syntax.MapAccess:
		b.bindMapAccess(e)
	case *syntax.Binop:
		b.bindBinop(e)
	case *syntax.Unop:
		b.bindUnop(e)
	case *syntax.Ternary:
		b.bindTernary(e)
	case *syntax.If:
		b.bindIf(e)
	case *syntax.BlockExpr:
		b.bindBlock(e.Block)
	case *syntax.Paren:
		b.bindExpr(e.X)
	case *syntax.FieldAccess:
		b.bindExpr(e.X)
	case *syntax.TupleAccess:
		b.bindExpr(e.X)
	case *syntax.ArrayAccess:
		b.bindExpr(e.X)
		b.bindExpr(e.Index)
	case *syntax.Cast:
		b.bindExpr(e.X)
		b.bindType(e.Type)
	case *syntax.Call:
		b.bindCall(e)
	case *syntax.Sizeof:
		b.bindMeta(e.Type, e.X, "sizeof")
	case *syntax.Offsetof:
		b.bindMeta(e.Type, e.X, "offsetof")
	case *syntax.Typeinfo:
		b.unstableFeature("unstable_typeinfo", "typeinfo", e)
		b.bindMeta(e.Type, e.X, "typeof or typeinfo")
	case *syntax.Comptime:
		b.bindExpr(e.X)
	case *syntax.Tuple:
		for _, x := range e.Elems {
			b.bindExpr(x)
		}
	case *syntax.Record:
		for _, f := range e.Fields {
			b.bindExpr(f.Value)
		}
	}
	b.fold(e)
}

func (b *binder) bindBinop(e *syntax.Binop) {
	// A long chain of operators nests to the left.
	var chain []*syntax.Binop
	x := syntax.Expr(e)
	for {
		n, ok := x.(*syntax.Binop)
		if !ok {
			break
		}
		chain = append(chain, n)
		x = n.L
	}
	b.bindExpr(x)
	for i := len(chain) - 1; i >= 0; i-- {
		b.bindExpr(chain[i].R)
		if i > 0 {
			b.fold(chain[i])
		}
	}
}

func (b *binder) bindUnop(e *syntax.Unop) {
	b.bindExpr(e.X)
	switch e.Op {
	case syntax.OpInc, syntax.OpDec:
		b.incUnit(e)
	case syntax.OpAddr:
		switch x := e.X.(type) {
		case *syntax.Variable:
			if v := b.info.Vars[x]; v != nil {
				b.state[v].assigned = true
			}
		case *syntax.Map:
			b.mapNamed(x)
		}
	}
}

func (b *binder) bindTernary(e *syntax.Ternary) {
	b.bindExpr(e.Cond)
	if e.Then != nil {
		b.bindExpr(e.Then)
	}
	b.bindExpr(e.Else)
}

// bindIf binds an if and reports whether both branches end with a jump. The
// branch that a comptime condition switches off is not looked at; when the
// condition needs types, both are bound and inference decides.
func (b *binder) bindIf(e *syntax.If) bool {
	b.bindExpr(e.Cond)
	if _, ok := unparen(e.Cond).(*syntax.Comptime); ok {
		if l := b.litOf(e.Cond); l != nil && l.kind < litTuple {
			return b.bindBranch(e, l.truth())
		}
		return b.bindUndecided(e)
	}
	then := b.bindBlock(e.Then)
	els := false
	if e.Else != nil {
		els = b.bindExprEnds(e.Else)
	}
	b.fold(e)
	return then && els
}

func (b *binder) bindBranch(e *syntax.If, then bool) bool {
	c := b.checker
	c.kill(e, !then)
	var ends bool
	switch {
	case then:
		ends = b.bindBlock(e.Then)
	case e.Else != nil:
		ends = b.bindExprEnds(e.Else)
	}
	b.fold(e)
	return ends
}

// kill marks the branch of e that is not compiled.
func (c *checker) kill(e *syntax.If, then bool) {
	if then {
		c.info.Dead[e.Then] = true
		return
	}
	switch els := e.Else.(type) {
	case *syntax.BlockExpr:
		c.info.Dead[els.Block] = true
	case *syntax.If:
		c.kill(els, true)
		if els.Else != nil {
			c.kill(els, false)
		}
	}
}

// bindUndecided binds both branches of an if whose condition depends on types.
func (b *binder) bindUndecided(e *syntax.If) bool {
	p := &pendingIf{e: e, place: b.place, stack: cloneSpans(b.stackTrace)}
	outer := b.collect
	b.collect = &p.thenUnits
	b.collectPending(&p.thenPending, func() { b.bindBlock(e.Then) })
	if e.Else != nil {
		b.collect = &p.elseUnits
		b.collectPending(&p.elsePending, func() { b.bindExpr(e.Else) })
	}
	b.collect = outer
	b.checker.pending = append(b.checker.pending, p)
	return false
}

// collectPending binds code whose own undecided conditions wait for an outer
// one.
func (b *binder) collectPending(to *[]*pendingIf, bind func()) {
	outer := b.checker.pending
	b.checker.pending = nil
	bind()
	*to = b.checker.pending
	b.checker.pending = outer
}

func cloneSpans(s []syntax.Span) []syntax.Span { return append([]syntax.Span(nil), s...) }

// bindMeta binds the operand of sizeof and its kin, which is not evaluated.
func (b *binder) bindMeta(t syntax.TypeExpr, x syntax.Expr, in string) {
	b.meta++
	if t != nil {
		b.bindType(t)
	}
	if x != nil {
		b.noMapAssign(x, in)
		b.bindMetaExpr(x)
	}
	b.meta--
}

// bindMetaExpr binds x, where a whole map stands for its key.
func (b *binder) bindMetaExpr(x syntax.Expr) {
	if m, ok := unparen(x).(*syntax.Map); ok {
		b.mapNamed(m)
		return
	}
	if id, ok := unparen(x).(*syntax.Ident); ok && (b.exp == nil || b.exp.args[id.Name] == nil) {
		if ty := b.typeCalled(id.Name); ty != nil {
			b.typeIdents[id] = ty
			return
		}
	}
	b.bindExpr(x)
}

// typeCalled finds the type that a bare word names in sizeof and its kin, where
// the tag of a struct may be left out.
func (c *checker) typeCalled(name string) *Type {
	if LookupFunction(name) != nil || c.macros[name] != nil {
		return nil
	}
	if ty := baseType(name); ty != nil {
		return ty
	}
	for _, tag := range []string{"", "struct", "union", "enum"} {
		if ty, err := c.target.Named(tag, name); err == nil {
			return ty
		}
	}
	return nil
}

// bindType binds the expressions inside a written type.
func (b *binder) bindType(t syntax.TypeExpr) {
	switch t := t.(type) {
	case *syntax.Typeof:
		b.bindMeta(t.Type, t.X, "typeof or typeinfo")
	case *syntax.PointerType:
		b.bindType(t.Elem)
	case *syntax.ArrayType:
		b.bindType(t.Elem)
	case *syntax.NamedType:
		b.bindTypeName(t)
	}
}

// bindTypeName looks whether a type's name is a parameter of the macro around:
// sizeof(x) is read as a type.
func (b *binder) bindTypeName(t *syntax.NamedType) {
	if t.Tag != "" || b.exp == nil {
		return
	}
	arg := b.exp.args[t.Name]
	if arg == nil {
		return
	}
	b.typeArgs[t] = b.bindArgument(arg)
}

// noMapAssign reports assignments to maps inside an operand that is not
// evaluated.
func (b *binder) noMapAssign(x syntax.Expr, in string) {
	syntax.Inspect(x, func(n syntax.Node) bool {
		a, ok := n.(*syntax.Assign)
		if !ok {
			return true
		}
		switch a.Target.(type) {
		case *syntax.Map, *syntax.MapAccess:
			b.errorf(CodeMapAssign, a, "Map assignments not allowed inside of %s", in)
		}
		return true
	})
}

// bindVariable binds a use of a variable.
func (b *binder) bindVariable(n *syntax.Variable) {
	v := b.lookup(n.Name, false)
	if v == nil {
		d := b.errorf(CodeUndefinedVariable, n, "Undefined or undeclared variable: %s", n.Name)
		b.suggestVariable(d, n)
		b.failed(n)
		return
	}
	b.info.Vars[n] = v
	if st := b.state[v]; !st.assigned && b.meta == 0 {
		b.warnf(CodeUnassigned, n, "Variable used before it was assigned: %s", n.Name)
	}
}

// bindPositional folds $N to its value.
func (b *binder) bindPositional(e *syntax.Positional) {
	p := b.positional(e.N)
	if !p.Given {
		b.warnf(CodeMissingParameter, e, "Positional parameter $%d is empty or not provided. ", e.N)
		b.lits[e] = &lit{param: p}
		return
	}
	l := parseParam(b.opts.Params[e.N-1])
	if l.kind == litInt {
		l.param = p
	} else {
		p.Literal = true
	}
	b.lits[e] = l
}

// mapNamed returns the map that n names.
func (b *binder) mapNamed(n *syntax.Map) *mapState {
	m := b.mapState(n)
	m.used = true
	m.accesses = append(m.accesses, n)
	return m
}

// bindScalar binds a map without key.
func (b *binder) bindScalar(n *syntax.Map) {
	m := b.mapNamed(n)
	m.selfInit = true
	b.shapeOf(n, m, shapeScalar, "")
}

// bindMapAccess binds a map with keys.
func (b *binder) bindMapAccess(e *syntax.MapAccess) {
	m := b.mapNamed(e.Map)
	m.selfInit = true
	b.shapeOf(e.Map, m, shapeKeyed, "")
	for _, k := range e.Keys {
		b.bindExpr(k)
	}
	b.keyUnit(m, e, e.Keys)
}

// shapeOf records whether a map has keys. A use that disagrees with the first
// one is reported when types are checked, for it may be switched off.
func (b *binder) shapeOf(n *syntax.Map, m *mapState, s mapShape, use string) {
	if m.shape == shapeUnknown {
		m.shape = s
		return
	}
	if m.shape != s {
		b.misshapen[n] = shapeUse{use, s}
	}
}

// shapeUse is a use of a map that does not agree with its shape.
type shapeUse struct {
	use   string
	shape mapShape
}
