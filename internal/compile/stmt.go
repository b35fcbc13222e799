package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func (g *gen) block(b *syntax.Block) {
	if b == nil || g.prog.info.Dead[b] {
		return
	}
	g.statements(b.Stmts)
	if b.Value != nil {
		g.discard(b.Value)
	}
}

func (g *gen) statements(stmts []syntax.Stmt) {
	for _, s := range stmts {
		g.at(s, func() { g.statement(s) })
	}
}

func (g *gen) statement(s syntax.Stmt) {
	m := g.mark()
	defer g.release(m)
	switch s := s.(type) {
	case *syntax.ExprStmt:
		g.discard(s.X)
	case *syntax.Discard:
		g.discard(s.X)
	case *syntax.Assign:
		g.assign(s)
	case *syntax.Let:
		g.let(s)
	case *syntax.Unroll:
		g.unroll(s)
	case *syntax.While:
		g.while(s)
	case *syntax.For:
		g.forLoop(s)
	case *syntax.Jump:
		g.jumpOut(s)
	case *syntax.ImportStmt, *syntax.BadStmt:
	}
}

// discard compiles an expression for what it does.
func (g *gen) discard(e syntax.Expr) {
	e = g.strip(e)
	switch e := e.(type) {
	case *syntax.If, *syntax.BlockExpr, *syntax.Ternary:
		g.choose(e, g.discard)
		return
	case *syntax.Unop:
		if e.Op == syntax.OpInc || e.Op == syntax.OpDec {
			g.at(e, func() { g.increment(e, false) })
			return
		}
	case *syntax.Call:
		if t := g.typeOf(e); isScalar(t) {
			g.at(e, func() { g.scalarOf(e) })
			return
		}
	}
	if _, ok := g.constant(e); ok {
		return
	}
	if _, ok := g.text(e); ok || g.pure(e) {
		return
	}
	if isScalar(g.typeOf(e)) {
		g.scalar(e)
		return
	}
	g.mem(e)
}

// pure reports whether e does nothing besides giving a value.
func (g *gen) pure(e syntax.Expr) bool {
	switch g.strip(e).(type) {
	case *syntax.Variable, *syntax.Map, *syntax.Ident, *syntax.Builtin:
		return true
	}
	return false
}

func (g *gen) let(s *syntax.Let) {
	v := g.prog.info.Vars[s.Var]
	if v == nil {
		return
	}
	if s.Init != nil {
		g.assignVar(v, s.Init)
		return
	}
	g.zero(g.varPlace(v), max(varSize(v.Type), 8))
}

func (g *gen) assign(s *syntax.Assign) {
	switch t := g.strip(s.Target).(type) {
	case *syntax.Variable:
		v := g.prog.info.Vars[t]
		if s.Op == syntax.OpAssign {
			g.assignVar(v, s.Value)
			return
		}
		g.changeVar(s, t, v)
	case *syntax.Map:
		g.assignTo(s, g.mapOf(t), nil)
	case *syntax.MapAccess:
		g.assignTo(s, g.mapOf(t.Map), t.Keys)
	}
}

func (g *gen) assignVar(v *check.Var, e syntax.Expr) {
	p := g.varPlace(v)
	if byAddress(v.Type) {
		l := g.locate(e)
		g.address(l)
		g.storeReg(p, asm.R0, 8)
		return
	}
	if g.mentions(e, v) && !isScalar(v.Type) { // the value is made of what it replaces
		t := g.temp(SizeOf(v.Type))
		g.store(e, t, v.Type)
		g.copy(p, t, SizeOf(v.Type))
		return
	}
	g.store(e, p, v.Type)
	if v.Type.Kind == check.Int && v.Type.Size < 8 && wider(g.typeOf(e), v.Type) {
		g.load(asm.R0, p, 8)
		g.extend(asm.R0, v.Type.Size, v.Type.Signed)
		g.storeReg(p, asm.R0, 8)
	}
}

func wider(from, to *check.Type) bool {
	return from.Kind == check.Int && (from.Size > to.Size || from.Size == to.Size && from.Signed != to.Signed)
}

// mentions reports whether e reads v.
func (g *gen) mentions(e syntax.Expr, v *check.Var) bool {
	found := false
	w := &visitor{info: g.prog.info}
	w.expr = func(e syntax.Expr, _ int) {
		if x, ok := e.(*syntax.Variable); ok && g.prog.info.Vars[x] == v {
			found = true
		}
	}
	w.expression(e)
	return found
}

func (g *gen) changeVar(s *syntax.Assign, x *syntax.Variable, v *check.Var) {
	op := aluOps[s.Op]
	p := g.varPlace(v)
	step := 1
	if v.Type.Kind == check.Pointer {
		step = elemSize(v.Type)
	}
	g.scalar(s.Value)
	if step > 1 {
		g.emit(asm.Mul.Imm(asm.R0, int32(step)))
	}
	g.mov(asm.R1, asm.R0)
	g.load(asm.R0, p, 8)
	g.alu(op)
	if t := v.Type; t.Kind == check.Int {
		g.extend(asm.R0, t.Size, t.Signed)
	}
	g.storeReg(p, asm.R0, 8)
}

func (g *gen) assignTo(s *syntax.Assign, m *Map, keys []syntax.Expr) {
	if b, ok := g.strip(s.Value).(*syntax.BlockExpr); ok && b.Block.Value != nil && g.aggregation(b.Block.Value) != nil {
		g.statements(b.Block.Stmts)
		g.aggregate(m, keys, g.aggregation(b.Block.Value))
		return
	}
	if c := g.aggregation(s.Value); c != nil {
		g.aggregate(m, keys, c)
		return
	}
	if s.Op != syntax.OpAssign {
		g.changeMap(m, keys, aluOps[s.Op], s.Value)
		return
	}
	g.assignMap(m, keys, s.Value)
}

// aggregation returns the call of an aggregation function that e is.
func (g *gen) aggregation(e syntax.Expr) *check.Call {
	c := g.prog.info.Calls[g.strip(e)]
	if c != nil && c.Func != nil && c.Func.Class == check.ClassAggregation {
		return c
	}
	return nil
}

const maxUnroll = 100

func (g *gen) unroll(s *syntax.Unroll) {
	n, ok := g.constant(s.Count)
	if !ok {
		g.fail(s.Count.Span(), "not-constant", "unroll needs a number that is known when the program is compiled")
	}
	old, stop := g.loop, g.newLabel()
	for range min(n, maxUnroll) {
		next := g.newLabel()
		g.loop = &loop{next: next, stop: stop}
		g.block(s.Body)
		g.set(next)
	}
	g.set(stop)
	g.loop = old
	g.avail = map[cacheKey]bool{}
}

// jumpOut compiles break, continue and return.
func (g *gen) jumpOut(s *syntax.Jump) {
	switch {
	case s.Kind == syntax.Return:
		g.returnFrom(s)
	case g.loop == nil:
		g.fail(s.Span(), "not-compiled", "there is no loop to leave here")
	default:
		g.leaveLoop(s.Kind)
	}
	// What follows is never reached: a label keeps the verifier from seeing it.
}
