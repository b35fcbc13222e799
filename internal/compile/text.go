package compile

import (
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// chars returns memory with the text of e and its size: a string, or an array or
// pointer of characters that is read as one.
func (g *gen) chars(e syntax.Expr) (place, int) {
	t := g.typeOf(e)
	if t.Kind == check.String {
		if s, ok := g.text(e); ok {
			n := align8(len(s) + 1)
			p := g.temp(n)
			g.storeText(p, s, n)
			return p, len(s) + 1
		}
		return g.mem(e), t.Size
	}
	if t.Kind == check.Array {
		return g.mem(e), t.Size
	}
	size := max(g.prog.info.Settings.MaxStrlen, 8)
	p := g.scratchTemp(size)
	g.scalar(e)
	g.readString(p, stringRead{space: g.space(t.Space), size: size, padded: align8(size)})
	return p, size
}

// differ is 0 for equal texts and 1 for others, as comparing them in BPF gives.
func differ(a, b string) int64 {
	if a == b {
		return 0
	}
	return 1
}

// strncmp compares the first n bytes of two strings: 0 when they are equal.
func (g *gen) strncmp(e syntax.Expr, c *check.Call) {
	n, _ := g.constant(c.Args[2])
	if l, ok := g.text(c.Args[0]); ok {
		if r, ok := g.text(c.Args[1]); ok {
			cut := func(s string) string { return s[:min(int(n), len(s))] }
			g.imm(asm.R0, differ(cut(l), cut(r)))
			return
		}
	}
	a, b := c.Args[0], c.Args[1]
	if _, ok := g.text(a); ok {
		a, b = b, a
	}
	differ, end := g.newLabel(), g.newLabel()
	if s, ok := g.text(b); ok {
		g.equalPrefix(a, s, int(n), differ)
	} else {
		l, ls := g.chars(a)
		r, rs := g.chars(b)
		g.equalChars(l, r, min(int(n), ls, rs), differ)
	}
	g.imm(asm.R0, 0)
	g.jump(end)
	g.set(differ)
	g.imm(asm.R0, 1)
	g.set(end)
}

// equalPrefix jumps to differ unless the first n bytes of e, or all of them when
// it is shorter, are those of s.
func (g *gen) equalPrefix(e syntax.Expr, s string, n int, differ label) {
	p, size := g.chars(e)
	want := append([]byte(s), 0)
	want = want[:min(len(want), n)]
	if len(want) > align8(size) {
		g.jump(differ)
		return
	}
	for len(want) > 0 {
		w := wordAt(len(want))
		g.load(asm.R0, p, w)
		g.imm(asm.R1, int64(leWord(want[:w])))
		g.jumpReg(asm.JNE, asm.R0, asm.R1, differ)
		p, want = p.plus(w), want[w:]
	}
}

// equalChars jumps to differ unless two strings agree in n bytes or up to their
// common end.
func (g *gen) equalChars(l, r place, n int, differ label) {
	g.addr(asm.R3, l)
	g.addr(asm.R4, r)
	g.imm(asm.R2, 0)
	top, same := g.newLabel(), g.newLabel()
	if n <= 0 {
		return
	}
	g.set(top)
	g.emit(asm.LoadMem(asm.R0, asm.R3, 0, asm.Byte), asm.LoadMem(asm.R1, asm.R4, 0, asm.Byte))
	g.jumpReg(asm.JNE, asm.R0, asm.R1, differ)
	g.jumpImm(asm.JEq, asm.R0, 0, same)
	g.emit(asm.Add.Imm(asm.R3, 1), asm.Add.Imm(asm.R4, 1), asm.Add.Imm(asm.R2, 1))
	g.jumpImm(asm.JLT, asm.R2, int32(n), top)
	g.set(same)
}

// strlen counts the bytes before the NUL.
func (g *gen) strlen(c *check.Call) {
	if s, ok := g.text(c.Args[0]); ok {
		g.imm(asm.R0, int64(len(s)))
		return
	}
	p, size := g.chars(c.Args[0])
	g.addr(asm.R1, p)
	g.imm(asm.R0, 0)
	top, end := g.newLabel(), g.newLabel()
	g.set(top)
	g.emit(asm.LoadMem(asm.R2, asm.R1, 0, asm.Byte))
	g.jumpImm(asm.JEq, asm.R2, 0, end)
	g.emit(asm.Add.Imm(asm.R1, 1), asm.Add.Imm(asm.R0, 1))
	g.jumpImm(asm.JLT, asm.R0, int32(max(size, 1)), top)
	g.set(end)
}

// strstr finds one string in another: its position or -1, or for strcontains
// whether it is there. The loop over positions is a bpf_loop where strings are
// long, so that the verifier does not follow every pair of bytes.
func (g *gen) strstr(e syntax.Expr, c *check.Call) {
	m := g.mark()
	defer g.release(m)
	hay, hs := g.chars(c.Args[0])
	needle, ns := g.chars(c.Args[1])
	found, pos, left := g.scratchTemp(8), g.scratchTemp(8), g.scratchTemp(8)
	hay, needle = g.inScratch(hay, hs), g.inScratch(needle, ns)
	g.storeImm(found, -1, 8)
	g.storeImm(left, 0, 8)
	text, known := g.text(c.Args[1])
	done, search := g.newLabel(), g.newLabel()
	g.load(asm.R0, needle, 1)
	g.jumpImm(asm.JNE, asm.R0, 0, search)
	g.storeImm(found, 0, 8) // nothing is everywhere
	g.jump(done)
	g.set(search)
	g.imm(asm.R0, int64(hs))
	g.bpfLoop(e.Span(), func(b *gen) {
		b.jumpImm(asm.JGE, asm.R1, int32(hs), b.loop.stop)
		b.storeReg(pos, asm.R1, 8)
		b.addr(asm.R3, hay)
		b.emit(asm.Add.Reg(asm.R3, asm.R1), asm.LoadMem(asm.R0, asm.R3, 0, asm.Byte))
		b.jumpImm(asm.JEq, asm.R0, 0, b.loop.stop)
		if known {
			b.matchText(text, hs, hay)
		} else {
			b.matchAt(needle, ns, hay, hs)
		}
		b.load(asm.R1, pos, 8)
		b.storeReg(found, asm.R1, 8)
		b.jump(b.loop.stop)
	})
	g.set(done)
	g.load(asm.R0, found, 8)
	if c.Func.Op == check.OpStrcontains {
		g.emit(asm.Add.Imm(asm.R0, 1))
		g.boolOf()
	}
}

// inScratch returns p in scratch memory with room behind it, so that a needle may
// be compared with what follows the end of a haystack.
func (g *gen) inScratch(p place, size int) place {
	if p.base == asm.R9 {
		return p
	}
	q := g.scratchTemp(align8(size))
	g.copy(q, p, align8(size))
	return q
}

// matchText goes on when text is at the position R3 of a haystack of size bytes;
// otherwise the loop continues, or stops behind the haystack's end. R1 is the
// position.
func (b *gen) matchText(text string, size int, hay place) {
	if len(text) > size {
		b.jump(b.loop.stop)
		return
	}
	b.jumpImm(asm.JGT, asm.R1, int32(size-max(len(text), 1)), b.loop.stop)
	b.addr(asm.R3, hay)
	b.emit(asm.Add.Reg(asm.R3, asm.R1))
	if len(text) == 0 {
		return
	}
	for i := range len(text) {
		b.emit(asm.LoadMem(asm.R0, asm.R3, int16(i), asm.Byte))
		if i == 0 {
			b.jumpImm(asm.JEq, asm.R0, 0, b.loop.stop)
		}
		b.jumpImm(asm.JNE, asm.R0, int32(text[i]), b.loop.next)
	}
}

// matchAt is matchText for a needle that is not known before.
func (b *gen) matchAt(needle place, ns int, hay place, hs int) {
	_, _ = hay, hs
	top, match := b.newLabel(), b.newLabel()
	b.addr(asm.R4, needle)
	b.imm(asm.R2, 0)
	b.set(top)
	b.emit(asm.LoadMem(asm.R0, asm.R4, 0, asm.Byte))
	b.jumpImm(asm.JEq, asm.R0, 0, match)
	b.mov(asm.R5, asm.R1)
	b.emit(asm.Add.Reg(asm.R5, asm.R2))
	b.jumpImm(asm.JGE, asm.R5, int32(hs), b.loop.stop)
	b.addr(asm.R3, hay)
	b.emit(asm.Add.Reg(asm.R3, asm.R5), asm.LoadMem(asm.R5, asm.R3, 0, asm.Byte))
	b.jumpReg(asm.JNE, asm.R5, asm.R0, b.loop.next)
	b.emit(asm.Add.Imm(asm.R4, 1), asm.Add.Imm(asm.R2, 1))
	b.jumpImm(asm.JLT, asm.R2, int32(ns), top)
	b.set(match)
}

// memcmp compares n bytes of two values: 0 when they are equal.
func (g *gen) memcmp(e syntax.Expr, c *check.Call) {
	n, ok := g.constant(c.Args[2])
	l, ls := g.bytes(c.Args[0])
	r, rs := g.bytes(c.Args[1])
	if !ok {
		n = int64(min(ls, rs))
	}
	differ, end := g.newLabel(), g.newLabel()
	g.equalBytes(l, r, min(int(n), align8(ls), align8(rs)), differ)
	g.imm(asm.R0, 0)
	g.jump(end)
	g.set(differ)
	g.byteDifference()
	g.set(end)
}

// byteDifference leaves in R0 the difference of the first bytes in memory that
// differ in the words R0 and R1.
func (g *gen) byteDifference() {
	found := g.newLabel()
	for range 7 {
		g.mov(asm.R2, asm.R0)
		g.mov(asm.R3, asm.R1)
		g.emit(asm.And.Imm(asm.R2, 0xff), asm.And.Imm(asm.R3, 0xff))
		g.jumpReg(asm.JNE, asm.R2, asm.R3, found)
		g.emit(asm.RSh.Imm(asm.R0, 8), asm.RSh.Imm(asm.R1, 8))
	}
	g.set(found)
	g.emit(asm.And.Imm(asm.R0, 0xff), asm.And.Imm(asm.R1, 0xff), asm.Sub.Reg(asm.R0, asm.R1))
}

func (g *gen) bytes(e syntax.Expr) (place, int) {
	t := g.typeOf(e)
	if isScalar(t) {
		p := g.temp(8)
		g.store(e, p, t)
		return p, 8
	}
	return g.mem(e), SizeOf(t)
}

// escapeFormat makes s a format that prints s.
func escapeFormat(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// nameOf writes the name of an error, a signal or a system call.
func (g *gen) nameOf(e syntax.Expr, c *check.Call, dst place, t *check.Type) {
	name, texts, other := g.prog.nameTable(c.Func.Op)
	m := g.prog.textTable(name, texts)
	g.scalar(c.Args[0])
	if c.Func.Op == check.OpStrerror { // also as system calls return it
		plus := g.newLabel()
		g.jumpImm(asm.JSGE, asm.R0, 0, plus)
		g.emit(asm.Neg.Imm(asm.R0, 0))
		g.set(plus)
	}
	g.textFrom(m, dst, t, other)
}
