package compile

import (
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// strip follows expansions, parentheses and comptime to the expression that is
// compiled.
func (g *gen) strip(e syntax.Expr) syntax.Expr {
	for {
		if p, ok := e.(*syntax.Paren); ok {
			e = p.X
			continue
		}
		if _, ok := g.prog.info.Consts[e]; ok {
			return e
		}
		if x, ok := g.prog.info.Expansions[e]; ok && x != e {
			e = x
			continue
		}
		switch v := e.(type) {
		case *syntax.Comptime:
			e = v.X
		default:
			return e
		}
	}
}

var unknown = &check.Type{Kind: check.Unknown, Size: 8}

func (g *gen) typeOf(e syntax.Expr) *check.Type {
	if c, ok := g.strip(e).(*syntax.Call); ok {
		if s := g.subprogOf(g.prog.info.Calls[c]); s != nil && s.Result != nil {
			if t := s.Result; t.Kind == check.String && t.Size == 0 {
				return &check.Type{Kind: check.String, Size: max(g.prog.info.Settings.MaxStrlen, 8)}
			}
			return s.Result
		}
	}
	if t := g.prog.info.Types[e]; t != nil {
		return t
	}
	if s := g.strip(e); s != e {
		return g.typeOf(s)
	}
	return g.literalType(e)
}

// literalType is the type of a literal that the checker folded away, or that the
// compiler made itself.
func (g *gen) literalType(e syntax.Expr) *check.Type {
	if k, ok := g.prog.info.Consts[e]; ok {
		switch k.Kind {
		case check.ConstString:
			return &check.Type{Kind: check.String, Size: len(k.Str) + 1}
		case check.ConstBytes:
			return &check.Type{Kind: check.Array, Size: len(k.Str), Len: len(k.Str), Elem: &check.Type{Kind: check.Int, Size: 1}}
		case check.ConstBool:
			return &check.Type{Kind: check.Bool, Size: 1}
		}
		return &check.Type{Kind: check.Int, Size: 8, Signed: int64(k.Int) >= 0}
	}
	if c := g.prog.info.Calls[e]; c != nil && c.Func.Op == check.OpProbe {
		size := 1
		for _, pt := range g.prog.out.Points {
			size = max(size, len(pt.AP.Name)+1)
		}
		return &check.Type{Kind: check.String, Size: size}
	}
	t := &check.Type{Kind: check.Tuple}
	switch e := e.(type) {
	case *syntax.IntLit:
		return &check.Type{Kind: check.Int, Size: 8, Signed: true}
	case *syntax.BoolLit:
		return &check.Type{Kind: check.Bool, Size: 1}
	case *syntax.StringLit:
		return &check.Type{Kind: check.String, Size: len(e.Value) + 1}
	case *syntax.Tuple:
		for _, x := range e.Elems {
			t.Fields = append(t.Fields, check.Field{Type: g.typeOf(x)})
		}
		return t
	case *syntax.Record:
		t.Kind = check.Record
		for _, f := range e.Fields {
			t.Fields = append(t.Fields, check.Field{Name: f.Name.Name, Type: g.typeOf(f.Value)})
		}
		return t
	case *syntax.Call:
		if c := g.prog.info.Calls[e]; c != nil && c.Func.Op == check.OpStr && len(c.Args) > 0 {
			if s, ok := g.text(c.Args[0]); ok {
				return &check.Type{Kind: check.String, Size: len(s) + 1}
			}
		}
	case *syntax.Ternary:
		return g.typeOf(e.Else)
	case *syntax.TupleAccess:
		if x := g.typeOf(e.X); e.Index < len(x.Fields) {
			return x.Fields[e.Index].Type
		}
	case *syntax.FieldAccess:
		for _, f := range g.typeOf(e.X).Fields {
			if f.Name == e.Name.Name {
				return f.Type
			}
		}
	}
	return unknown
}

// constant returns the integer that e is known to be.
func (g *gen) constant(e syntax.Expr) (int64, bool) {
	e = g.strip(e)
	if g.liveParam(e) != nil {
		return 0, false
	}
	if k, ok := g.prog.info.Consts[e]; ok {
		if k.Kind == check.ConstInt || k.Kind == check.ConstBool {
			return int64(k.Int), true
		}
		return 0, false
	}
	switch e := e.(type) {
	case *syntax.IntLit:
		return int64(e.Value), true
	case *syntax.BoolLit:
		if e.Value {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// text returns the string that e is known to be.
func (g *gen) text(e syntax.Expr) (string, bool) {
	e = g.strip(e)
	if k, ok := g.prog.info.Consts[e]; ok {
		if k.Kind == check.ConstString {
			return cstring(k.Str), true
		}
		return k.Str, k.Kind == check.ConstBytes
	}
	if s, ok := e.(*syntax.StringLit); ok {
		return cstring(s.Value), true
	}
	return "", false
}

// cstring cuts s at its first NUL, where every reader of it ends.
func cstring(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// isScalar reports whether values of t are computed in a register.
func isScalar(t *check.Type) bool {
	switch t.Kind {
	case check.Unknown, check.Bool, check.Int, check.Pointer, check.Ksym, check.Username, check.Void,
		check.Count, check.Sum, check.Min, check.Max, check.Avg:
		return true
	}
	return false
}

// at compiles f with instructions attributed to e.
func (g *gen) at(n syntax.Node, f func()) {
	old := g.span
	if s := n.Span(); s.IsValid() {
		g.span = s
	}
	f()
	g.span = old
}

// scalar computes e into R0: 64 bits, sign or zero extended as its type says.
// R1 to R5 are lost.
func (g *gen) scalar(e syntax.Expr) {
	e = g.strip(e)
	if v, ok := g.constant(e); ok {
		g.imm(asm.R0, v)
		return
	}
	g.at(e, func() { g.scalarOf(e) })
}

func (g *gen) scalarOf(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.Variable:
		g.readVar(e)
	case *syntax.Map:
		g.readMap(g.mapOf(e), nil, e)
	case *syntax.MapAccess:
		g.readMap(g.mapOf(e.Map), e.Keys, e)
	case *syntax.Binop:
		g.binop(e)
	case *syntax.Unop:
		g.unop(e)
	case *syntax.Ternary, *syntax.If, *syntax.BlockExpr:
		g.choose(e, func(e syntax.Expr) { g.scalar(e) })
	case *syntax.Cast:
		g.cast(e)
	case *syntax.FieldAccess, *syntax.TupleAccess, *syntax.ArrayAccess:
		g.loadMember(e)
	case *syntax.Positional, *syntax.PositionalCount:
		g.param(e)
	case *syntax.Call, *syntax.Builtin, *syntax.Ident:
		g.scalarCall(e)
	default:
		g.fail(e.Span(), "not-compiled", "%T is not compiled yet", e)
	}
}

func (g *gen) readVar(e *syntax.Variable) {
	v := g.prog.info.Vars[e]
	if v == nil {
		g.fail(e.Span(), "not-compiled", "variable %s has no declaration", e.Name)
	}
	g.load(asm.R0, g.varPlace(v), 8)
}

// choose compiles an expression with branches; value compiles what a taken
// branch gives.
func (g *gen) choose(e syntax.Expr, value func(syntax.Expr)) {
	switch e := e.(type) {
	case *syntax.Ternary:
		then := e.Then
		if then == nil {
			then = e.Cond
		}
		g.either(e.Cond, func() { value(then) }, func() { value(e.Else) })
	case *syntax.If:
		if live, known := g.taken(e); known {
			if live != nil {
				g.choose(live, value)
			}
			return
		}
		g.either(e.Cond, func() { g.blockValue(e.Then, value) }, func() {
			if e.Else != nil {
				g.branch2(e.Else, value)
			}
		})
	case *syntax.BlockExpr:
		g.blockValue(e.Block, value)
	}
}

func (g *gen) branch2(e syntax.Expr, value func(syntax.Expr)) {
	switch e.(type) {
	case *syntax.If, *syntax.BlockExpr, *syntax.Ternary:
		g.choose(e, value)
	default:
		value(e)
	}
}

// taken returns the branch of e that is compiled when a comptime condition chose
// one; it is nil when that branch does not exist.
func (g *gen) taken(e *syntax.If) (branch syntax.Expr, known bool) {
	if g.prog.info.Dead[e.Then] {
		if isNilExpr(e.Else) {
			return nil, true
		}
		return e.Else, true
	}
	if b, ok := e.Else.(*syntax.BlockExpr); ok && b != nil && g.prog.info.Dead[b.Block] {
		return &syntax.BlockExpr{Block: e.Then}, true
	}
	return nil, false
}

func (g *gen) blockValue(b *syntax.Block, value func(syntax.Expr)) {
	if b == nil {
		return
	}
	defer g.enterExpansion(b)()
	g.statements(b.Stmts)
	if b.Value != nil {
		value(b.Value)
	}
}

// enterExpansion notes that b, if it is the body of a macro, stands for a call
// until the function that it returns is called.
func (g *gen) enterExpansion(b *syntax.Block) func() {
	call, ok := g.prog.macroCall(b)
	if !ok {
		return func() {}
	}
	outer := g.expanded
	g.expanded = append([]syntax.Span{call}, outer...)
	return func() { g.expanded = outer }
}

// macroCall returns the call that b is the expansion of.
func (c *compiler) macroCall(b *syntax.Block) (call syntax.Span, ok bool) {
	if c.calls == nil {
		c.calls = map[*syntax.Block]syntax.Span{}
		for e, x := range c.info.Expansions {
			if x, ok := x.(*syntax.BlockExpr); ok {
				c.calls[x.Block] = e.Span()
			}
		}
	}
	call, ok = c.calls[b]
	return call, ok
}

// either compiles a condition and its two branches. What is known about values
// that were read already holds after the branches only as far as it did before.
func (g *gen) either(cond syntax.Expr, then, other func()) {
	if v, ok := g.constant(cond); ok {
		if v != 0 {
			then()
		} else {
			other()
		}
		return
	}
	yes, no, end := g.newLabel(), g.newLabel(), g.newLabel()
	g.cond(cond, yes, no, yes)
	known := g.snapshot()
	g.set(yes)
	then()
	g.restore(known)
	g.jump(end)
	g.set(no)
	other()
	g.restore(known)
	g.set(end)
}

func (g *gen) snapshot() map[cacheKey]bool {
	m := make(map[cacheKey]bool, len(g.avail))
	for k, v := range g.avail {
		m[k] = v
	}
	return m
}

func (g *gen) restore(m map[cacheKey]bool) {
	g.avail = make(map[cacheKey]bool, len(m))
	for k, v := range m {
		g.avail[k] = v
	}
}

// signed reports whether e is a signed integer; non-negative constants take the
// sign of what they are compared with.
func (g *gen) comparesSigned(l, r syntax.Expr) bool {
	lt, rt := g.typeOf(l), g.typeOf(r)
	if v, ok := g.constant(l); ok && v >= 0 {
		return rt.Signed
	}
	if v, ok := g.constant(r); ok && v >= 0 {
		return lt.Signed
	}
	return lt.Signed || rt.Signed
}

// isLeaf reports whether e can be loaded into any register without a call.
func (g *gen) isLeaf(e syntax.Expr) bool {
	e = g.strip(e)
	if _, ok := g.constant(e); ok {
		return true
	}
	_, ok := e.(*syntax.Variable)
	return ok
}

// leaf loads a leaf into r.
func (g *gen) leaf(r asm.Register, e syntax.Expr) {
	e = g.strip(e)
	if v, ok := g.constant(e); ok {
		g.imm(r, v)
		return
	}
	g.load(r, g.varPlace(g.prog.info.Vars[e.(*syntax.Variable)]), 8)
}

// pair computes l into R0 and r into R1.
func (g *gen) pair(l, r syntax.Expr) {
	if g.isLeaf(r) {
		g.scalar(l)
		g.leaf(asm.R1, r)
		return
	}
	if _, ok := g.constant(l); ok {
		g.scalar(r)
		g.mov(asm.R1, asm.R0)
		g.leaf(asm.R0, l)
		return
	}
	g.scalar(l)
	back := g.save()
	g.scalar(r)
	g.mov(asm.R1, asm.R0)
	back(asm.R0)
}

// save keeps R0 over calls; the function that it returns brings it back.
func (g *gen) save() func(asm.Register) {
	if !g.r7 {
		g.r7 = true
		g.mov(asm.R7, asm.R0)
		return func(r asm.Register) {
			g.mov(r, asm.R7)
			g.r7 = false
		}
	}
	p := g.temp(8)
	g.storeReg(p, asm.R0, 8)
	return func(r asm.Register) { g.load(r, p, 8) }
}

var aluOps = map[syntax.Op]asm.ALUOp{
	syntax.OpBitOr: asm.Or, syntax.OpBitXor: asm.Xor, syntax.OpBitAnd: asm.And,
	syntax.OpShl: asm.LSh, syntax.OpShr: asm.RSh, syntax.OpAdd: asm.Add, syntax.OpSub: asm.Sub,
	syntax.OpMul: asm.Mul, syntax.OpDiv: asm.Div, syntax.OpMod: asm.Mod,
}

func (g *gen) binop(e *syntax.Binop) {
	op, ok := aluOps[e.Op]
	if !ok {
		g.truth(e)
		return
	}
	if step := g.pointerStep(e); step > 1 {
		g.pointerArith(e, op, step)
		return
	}
	g.arith(op, e.L, e.R)
}

// arith computes l op r into R0.
func (g *gen) arith(op asm.ALUOp, l, r syntax.Expr) {
	if v, ok := g.constant(r); ok && v == int64(int32(v)) && immOK(op, v) {
		g.scalar(l)
		g.emit(op.Imm(asm.R0, int32(v)))
		return
	}
	g.pair(l, r)
	g.alu(op)
}

// alu computes R0 op R1. Dividing by zero gives 1 and is reported, as upstream
// has it.
func (g *gen) alu(op asm.ALUOp) {
	if op != asm.Div && op != asm.Mod {
		g.emit(op.Reg(asm.R0, asm.R1))
		return
	}
	end := g.newLabel()
	zero := g.outOfLine(end, func() {
		g.report(&Action{Kind: ActRuntimeError, Text: "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result."})
		g.imm(asm.R0, 1)
	})
	g.jumpImm(asm.JEq, asm.R1, 0, zero)
	g.emit(op.Reg(asm.R0, asm.R1))
	g.set(end)
}

// immOK reports whether the verifier takes v as an immediate operand of op.
func immOK(op asm.ALUOp, v int64) bool {
	switch op {
	case asm.Div, asm.Mod:
		return v != 0
	case asm.LSh, asm.RSh, asm.ArSh:
		return v >= 0 && v < 64
	}
	return true
}

// pointerStep returns the size of what a pointer operand of + or - points to, or
// 0 when e is no pointer arithmetic.
func (g *gen) pointerStep(e *syntax.Binop) int {
	if e.Op != syntax.OpAdd && e.Op != syntax.OpSub {
		return 0
	}
	l, r := g.typeOf(e.L), g.typeOf(e.R)
	switch {
	case l.Kind == check.Pointer && r.Kind == check.Pointer:
		return 0
	case l.Kind == check.Pointer:
		return elemSize(l)
	case r.Kind == check.Pointer:
		return elemSize(r)
	}
	return 0
}

func elemSize(t *check.Type) int {
	if t.Elem == nil || t.Elem.Size == 0 {
		return 1
	}
	return t.Elem.Size
}

// pointerArith computes pointer ± integer, where the integer counts elements.
func (g *gen) pointerArith(e *syntax.Binop, op asm.ALUOp, step int) {
	g.pair(e.L, e.R)
	scaled := asm.R1
	if g.typeOf(e.L).Kind != check.Pointer {
		scaled = asm.R0
	}
	g.emit(asm.Mul.Imm(scaled, int32(step)))
	g.emit(op.Reg(asm.R0, asm.R1))
}

// truth computes a condition into R0 as 0 or 1.
func (g *gen) truth(e syntax.Expr) {
	yes, no, end := g.newLabel(), g.newLabel(), g.newLabel()
	known := g.snapshot()
	g.condOf(e, yes, no, yes)
	g.set(yes)
	g.imm(asm.R0, 1)
	g.jump(end)
	g.set(no)
	g.imm(asm.R0, 0)
	g.set(end)
	g.restore(known)
}

func (g *gen) unop(e *syntax.Unop) {
	switch e.Op {
	case syntax.OpNot:
		g.truth(e)
	case syntax.OpBitNot:
		g.scalar(e.X)
		g.emit(asm.Xor.Imm(asm.R0, -1))
	case syntax.OpNeg:
		g.scalar(e.X)
		g.emit(asm.Neg.Imm(asm.R0, 0))
	case syntax.OpDeref:
		g.loadMember(e)
	case syntax.OpAddr:
		g.addressOf(e)
	case syntax.OpInc, syntax.OpDec:
		g.increment(e, true)
	}
}

// cast converts to an integer of another width, a pointer or, from an
// aggregation, its value.
func (g *gen) cast(e *syntax.Cast) {
	to := g.typeOf(e)
	from := g.typeOf(e.X)
	switch {
	case from.Kind == check.Array || from.Kind == check.Struct && to.Kind != check.Pointer:
		g.bytesAsInt(e.X, from, to)
	case from.Kind == check.Array || from.Kind == check.Struct:
		l := g.locate(e.X)
		g.address(l)
	case to.Kind == check.Bool:
		g.truth(e.X)
	default:
		g.scalar(e.X)
		g.narrow(from, to)
	}
}

// narrow makes R0 a value of type to that was one of type from.
func (g *gen) narrow(from, to *check.Type) {
	if to.Kind != check.Int || to.Size == 0 || to.Size >= 8 {
		return
	}
	if from.Kind == check.Int && from.Size < to.Size && (!from.Signed || to.Signed) || from.Kind == check.Bool {
		return
	}
	if from.Kind == check.Int && from.Size == to.Size && from.Signed == to.Signed {
		return
	}
	g.extend(asm.R0, to.Size, to.Signed)
}

// bytesAsInt reads an array of bytes as one integer.
func (g *gen) bytesAsInt(e syntax.Expr, from, to *check.Type) {
	m := g.mark()
	p := g.mem(e)
	g.load(asm.R0, p, min(max(to.Size, 1), 8))
	g.extend(asm.R0, to.Size, to.Signed)
	g.release(m)
}
