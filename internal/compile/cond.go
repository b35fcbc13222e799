package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// cond compiles a condition as jumps: to yes when it holds, to no when it does
// not. next is the one of them that is set right afterwards, so that no jump is
// needed to get there.
func (g *gen) cond(e syntax.Expr, yes, no, next label) {
	e = g.strip(e)
	if v, ok := g.constant(e); ok {
		g.goTo(v != 0, yes, no, next)
		return
	}
	g.at(e, func() { g.condOf(e, yes, no, next) })
}

func (g *gen) goTo(holds bool, yes, no, next label) {
	to := no
	if holds {
		to = yes
	}
	if to != next {
		g.jump(to)
	}
}

func (g *gen) condOf(e syntax.Expr, yes, no, next label) {
	switch e := e.(type) {
	case *syntax.Binop:
		if g.condBinop(e, yes, no, next) {
			return
		}
	case *syntax.Unop:
		if e.Op == syntax.OpNot {
			g.cond(e.X, no, yes, next)
			return
		}
	}
	if s, ok := g.text(e); ok {
		g.goTo(s != "", yes, no, next)
		return
	}
	if t := g.typeOf(e); t.Kind == check.String {
		m := g.mark()
		g.load(asm.R0, g.mem(e), 1)
		g.release(m)
	} else {
		m := g.mark()
		g.scalar(e)
		g.release(m)
	}
	g.test(asm.JNE, asm.JEq, 0, yes, no, next)
}

// test compares R0 with v.
func (g *gen) test(op, inverse asm.JumpOp, v int32, yes, no, next label) {
	if next == yes {
		g.jumpImm(inverse, asm.R0, v, no)
		return
	}
	g.jumpImm(op, asm.R0, v, yes)
	if next != no {
		g.jump(no)
	}
}

type comparison struct{ signed, unsigned, invSigned, invUnsigned asm.JumpOp }

var comparisons = map[syntax.Op]comparison{
	syntax.OpEq: {asm.JEq, asm.JEq, asm.JNE, asm.JNE},
	syntax.OpNe: {asm.JNE, asm.JNE, asm.JEq, asm.JEq},
	syntax.OpLt: {asm.JSLT, asm.JLT, asm.JSGE, asm.JGE},
	syntax.OpGt: {asm.JSGT, asm.JGT, asm.JSLE, asm.JLE},
	syntax.OpLe: {asm.JSLE, asm.JLE, asm.JSGT, asm.JGT},
	syntax.OpGe: {asm.JSGE, asm.JGE, asm.JSLT, asm.JLT},
}

func (g *gen) condBinop(e *syntax.Binop, yes, no, next label) bool {
	switch e.Op {
	case syntax.OpLogAnd:
		mid := g.newLabel()
		g.cond(e.L, mid, no, mid)
		known := g.snapshot()
		g.set(mid)
		g.cond(e.R, yes, no, next)
		g.restore(known)
		return true
	case syntax.OpLogOr:
		mid := g.newLabel()
		g.cond(e.L, yes, mid, mid)
		known := g.snapshot()
		g.set(mid)
		g.cond(e.R, yes, no, next)
		g.restore(known)
		return true
	}
	cmp, ok := comparisons[e.Op]
	if !ok {
		return false
	}
	m := g.mark()
	defer g.release(m)
	if t := g.typeOf(e.L); !isScalar(t) {
		g.compareMemory(e, t, yes, no, next)
		return true
	}
	op, inverse := cmp.unsigned, cmp.invUnsigned
	if g.comparesSigned(e.L, e.R) {
		op, inverse = cmp.signed, cmp.invSigned
	}
	if v, ok := g.constant(e.R); ok && v == int64(int32(v)) {
		g.scalar(e.L)
		g.test(op, inverse, int32(v), yes, no, next)
		return true
	}
	g.pair(e.L, e.R)
	if next == yes {
		g.jumpReg(inverse, asm.R0, asm.R1, no)
		return true
	}
	g.jumpReg(op, asm.R0, asm.R1, yes)
	if next != no {
		g.jump(no)
	}
	return true
}

// compareMemory compares strings, arrays, tuples and the like for equality.
func (g *gen) compareMemory(e *syntax.Binop, t *check.Type, yes, no, next label) {
	same, differ := yes, no
	if e.Op == syntax.OpNe {
		same, differ = no, yes
	}
	if s, ok := g.text(e.R); ok {
		g.equalText(e.L, s, differ)
	} else if s, ok := g.text(e.L); ok {
		g.equalText(e.R, s, differ)
	} else {
		l, r := g.mem(e.L), g.mem(e.R)
		rt := g.typeOf(e.R)
		if t.Kind == check.String && rt.Kind == check.String {
			g.equalStrings(l, t.Size, r, rt.Size, differ)
		} else {
			g.equalBytes(l, r, min(SizeOf(t), SizeOf(rt)), differ)
		}
	}
	if same != next {
		g.jump(same)
	}
}

// equalText jumps to differ unless the string e is s. Comparing up to the final
// NUL needs no padding behind it.
func (g *gen) equalText(e syntax.Expr, s string, differ label) {
	size := g.typeOf(e).Size
	want := append([]byte(s), 0)
	if len(want) > size {
		if len(s) > size {
			g.sideEffects(e)
			g.jump(differ)
			return
		}
		want = want[:size] // the string fills its memory and has no NUL
	}
	p := g.mem(e)
	for len(want) > 0 {
		n := wordAt(len(want))
		v := int64(leWord(want[:n]))
		g.load(asm.R0, p, n)
		if v == int64(int32(v)) {
			g.jumpImm(asm.JNE, asm.R0, int32(v), differ)
		} else {
			g.imm(asm.R1, v)
			g.jumpReg(asm.JNE, asm.R0, asm.R1, differ)
		}
		p, want = p.plus(n), want[n:]
	}
}

// sideEffects computes e for what it does besides giving a value.
func (g *gen) sideEffects(e syntax.Expr) { g.mem(e) }

// wordAt returns the size of the largest load of n bytes or fewer.
func wordAt(n int) int {
	switch {
	case n >= 8:
		return 8
	case n >= 4:
		return 4
	case n >= 2:
		return 2
	}
	return 1
}

func leWord(b []byte) uint64 {
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// maxUnrolled is the number of bytes that are copied, cleared or compared by
// instructions in a row.
const maxUnrolled = 256

// equalStrings jumps to differ unless two zero-padded strings are equal.
func (g *gen) equalStrings(l place, ln int, r place, rn int, differ label) {
	if ln > rn {
		l, ln, r, rn = r, rn, l, ln
	}
	n := align8(ln)
	g.equalBytes(l, r, min(n, align8(rn)), differ)
	if align8(rn) > n { // the longer one must end where the shorter one does
		g.load(asm.R0, r.plus(n), 1)
		g.jumpImm(asm.JNE, asm.R0, 0, differ)
	}
}

func (g *gen) equalBytes(l, r place, n int, differ label) {
	if n > maxUnrolled {
		g.equalLong(l, r, n, differ)
		return
	}
	for off := 0; off < n; {
		w := wordAt(n - off)
		g.load(asm.R0, l.plus(off), w)
		g.load(asm.R1, r.plus(off), w)
		g.jumpReg(asm.JNE, asm.R0, asm.R1, differ)
		off += w
	}
}

// equalLong compares with a loop over words. The verifier follows each round, so
// that the loop costs as many steps as it saves instructions.
func (g *gen) equalLong(l, r place, n int, differ label) {
	g.addr(asm.R3, l)
	g.addr(asm.R4, r)
	g.imm(asm.R2, 0)
	top := g.newLabel()
	g.set(top)
	g.emit(asm.LoadMem(asm.R0, asm.R3, 0, asm.DWord), asm.LoadMem(asm.R1, asm.R4, 0, asm.DWord))
	g.jumpReg(asm.JNE, asm.R0, asm.R1, differ)
	g.emit(asm.Add.Imm(asm.R3, 8), asm.Add.Imm(asm.R4, 8), asm.Add.Imm(asm.R2, 8))
	g.jumpImm(asm.JLT, asm.R2, int32(n), top)
}
