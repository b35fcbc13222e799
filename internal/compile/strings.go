package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// str compiles str(address[, length]) into dst, zero padded unless dst is a
// record, whose reader stops at the NUL.
func (g *gen) str(c *check.Call, dst place, t *check.Type) {
	arg := g.strip(c.Args[0])
	if s, ok := g.text(arg); ok {
		g.storeText(dst, s, SizeOf(t))
		return
	}
	at := g.typeOf(arg)
	if at.Kind == check.String || at.Kind == check.Array {
		g.storeString(arg, at, dst, t, c)
		return
	}
	size := t.Size
	var limit place
	limited := false
	if len(c.Args) > 1 {
		if n, ok := g.constant(c.Args[1]); ok {
			size = int(min(max(n+1, 1), int64(size)))
		} else {
			limit, limited = g.temp(8), true
			g.scalar(c.Args[1])
			g.storeReg(limit, asm.R0, 8)
		}
	}
	g.scalar(arg)
	g.readString(g.space(at.Space), dst, size, SizeOf(t), limit, limited)
}

// storeString copies a value that is a string already, cut at the length asked
// for.
func (g *gen) storeString(arg syntax.Expr, at *check.Type, dst place, t *check.Type, c *check.Call) {
	to := *t
	if len(c.Args) > 1 {
		if n, ok := g.constant(c.Args[1]); ok && int(n)+1 < to.Size {
			to.Size = int(n) + 1
		}
	}
	g.zeroTail(dst, SizeOf(&to), SizeOf(t))
	if at.Kind == check.String {
		g.store(arg, dst, &to)
		if to.Size < at.Size && to.Size > 0 {
			g.cutAt(dst, to.Size-1, SizeOf(&to))
		}
		return
	}
	l := g.locate(arg)
	if l.own {
		g.convert(l.place, at, dst, &to)
		return
	}
	g.address(l)
	g.readChars(l.space, dst, at.Size, SizeOf(&to))
}

func (g *gen) zeroTail(dst place, from, to int) {
	if to > from {
		g.zero(dst.plus(from), to-from)
	}
}

// cutAt clears the bytes of dst from n to size.
func (g *gen) cutAt(dst place, n, size int) {
	for ; n < size && n%8 != 0; n++ {
		g.storeImm(dst.plus(n), 0, 1)
	}
	if n < size {
		g.zero(dst.plus(n), size-n)
	}
}

// readString reads the string at the address in R0: at most size bytes with its
// NUL, into memory of padded bytes.
func (g *gen) readString(space check.AddrSpace, dst place, size, padded int, limit place, limited bool) {
	if dst.base != asm.R8 || padded <= 64 {
		back := g.save()
		g.zero(dst, padded)
		back(asm.R3)
	} else {
		g.mov(asm.R3, asm.R0)
	}
	g.addr(asm.R1, dst)
	g.imm(asm.R2, int64(size))
	if limited {
		g.boundedSize(limit, size)
	}
	fn := asm.FnProbeReadKernelStr
	if space == check.SpaceUser {
		fn = asm.FnProbeReadUserStr
	}
	g.call(fn)
	g.countFailure(LossRead, fn)
	g.countTruncation(size)
}

// boundedSize puts the length at limit plus one, at most size, into R2.
func (g *gen) boundedSize(limit place, size int) {
	over := g.newLabel()
	g.load(asm.R4, limit, 8)
	g.jumpImm(asm.JGE, asm.R4, int32(size), over)
	g.mov(asm.R2, asm.R4)
	g.emit(asm.Add.Imm(asm.R2, 1))
	g.set(over)
}

// buf compiles buf(data[, length]): u32 length and the data.
func (g *gen) buf(c *check.Call, dst place, t *check.Type) {
	size := SizeOf(t)
	arg := g.strip(c.Args[0])
	at := g.typeOf(arg)
	if dst.base != asm.R8 || size <= 64 {
		g.zero(dst, size)
	}
	length := g.temp(8)
	switch {
	case len(c.Args) > 1:
		g.scalar(c.Args[1])
		ok := g.newLabel()
		g.jumpImm(asm.JLE, asm.R0, int32(t.Size), ok)
		g.imm(asm.R0, int64(t.Size))
		g.set(ok)
		g.storeReg(length, asm.R0, 8)
	default:
		g.storeImm(length, int64(min(at.Size, t.Size)), 8)
	}
	space := g.space(at.Space)
	if at.Kind == check.Pointer || at.Kind == check.Int || isScalar(at) {
		g.scalar(arg)
	} else {
		l := g.locate(arg)
		g.address(l)
		space = check.SpaceKernel
		if !l.own && !l.ctx {
			space = l.space
		}
	}
	g.mov(asm.R3, asm.R0)
	g.load(asm.R2, length, 8)
	g.storeReg(dst, asm.R2, 4)
	ok := g.newLabel()
	g.jumpImm(asm.JLE, asm.R2, int32(t.Size), ok)
	g.imm(asm.R2, int64(t.Size))
	g.set(ok)
	g.addr(asm.R1, dst.plus(4))
	fn := asm.FnProbeReadKernel
	if space == check.SpaceUser {
		fn = asm.FnProbeReadUser
	}
	g.call(fn)
	g.countFailure(LossRead, fn)
}
