package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// str compiles str(address[, length]) into dst, zero padded unless dst is a
// record, whose reader stops at the NUL. A length counts the NUL, as upstream's
// does: str(p, 4) has three characters.
func (g *gen) str(c *check.Call, dst place, t *check.Type) {
	arg := g.strip(c.Args[0])
	if s, ok := g.text(arg); ok {
		g.storeText(dst, s, SizeOf(t))
		return
	}
	at := g.typeOf(arg)
	limit, limited := g.strLimit(c)
	isText := at.Kind == check.String || at.Kind == check.Array
	if isText && !limited {
		g.storeString(arg, at, dst, t)
		return
	}
	r := stringRead{space: g.space(at.Space), size: t.Size, padded: SizeOf(t), full: true, limit: limit}
	if limited && limit.fixed <= int64(t.Size) && limit.variable == nil {
		r.size, r.full = int(limit.fixed), false
	}
	if isText && at.Size > 0 && at.Size < r.size {
		r.size, r.full = at.Size, true
	}
	switch at.Kind {
	case check.String:
		r.space = check.SpaceKernel
		g.addr(asm.R0, g.mem(arg))
	case check.Array:
		l := g.locate(arg)
		g.address(l)
		if r.space = l.space; l.own || l.ctx {
			r.space = check.SpaceKernel
		}
	default:
		g.scalar(arg)
	}
	g.readString(dst, r)
}

// strLimit is a length given to str: a constant or a place that holds it.
type strLimit struct {
	fixed    int64
	variable *place
}

func (g *gen) strLimit(c *check.Call) (l strLimit, given bool) {
	if len(c.Args) < 2 {
		return l, false
	}
	if n, ok := g.constant(c.Args[1]); ok {
		return strLimit{fixed: max(n, 0)}, true
	}
	p := g.temp(8)
	g.scalar(c.Args[1])
	g.storeReg(p, asm.R0, 8)
	return strLimit{variable: &p}, true
}

// storeString copies a value that is a string already.
func (g *gen) storeString(arg syntax.Expr, at *check.Type, dst place, t *check.Type) {
	if at.Kind == check.String {
		g.store(arg, dst, t)
		if t.Size < at.Size && t.Size > 0 {
			g.cutAt(dst, t.Size-1, SizeOf(t))
		}
		return
	}
	l := g.locate(arg)
	if l.own {
		g.convert(l.place, at, dst, t)
		return
	}
	g.address(l)
	g.readChars(l.space, dst, at.Size, SizeOf(t))
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

// stringRead says how to read a string: from which memory, at most size bytes,
// into memory of padded bytes. With full, a string may fill all of size and have
// no NUL; that marks it as truncated.
type stringRead struct {
	space        check.AddrSpace
	size, padded int
	full         bool
	limit        strLimit // where variable, a length that counts the NUL
}

// readString reads the string at the address in R0.
func (g *gen) readString(dst place, r stringRead) {
	m := g.mark()
	defer g.release(m)
	from := g.temp(8)
	if r.full {
		g.storeReg(from, asm.R0, 8)
	}
	if dst.base != asm.R8 || r.padded <= 64 {
		back := g.save()
		g.zero(dst, r.padded)
		back(asm.R3)
	} else {
		g.mov(asm.R3, asm.R0)
		g.storeImm(dst, 0, 1) // a length of 0 leaves it alone
	}
	g.addr(asm.R1, dst)
	g.imm(asm.R2, int64(r.size))
	if r.limit.variable != nil {
		g.boundedSize(*r.limit.variable, r.size)
	}
	fn := readStr(r.space)
	g.call(fn)
	g.countFailure(LossRead, fn)
	if r.full && r.size > 0 {
		g.lastByte(dst, from, r)
	}
}

// lastByte reads the byte that the helper has kept for the NUL, where the string
// is long enough, as R0 says, and may be so long.
func (g *gen) lastByte(dst, from place, r stringRead) {
	back := g.newLabel()
	more := g.outOfLine(back, func() {
		if r.limit.variable != nil {
			g.load(asm.R4, *r.limit.variable, 8)
			g.jumpImm(asm.JLE, asm.R4, int32(r.size), back)
		}
		g.load(asm.R3, from, 8)
		g.emit(asm.Add.Imm(asm.R3, int32(r.size-1)))
		g.addr(asm.R1, dst.plus(r.size-1))
		g.imm(asm.R2, 1)
		g.call(readMemory(r.space))
		g.load(asm.R4, dst.plus(r.size-1), 1)
		g.jumpImm(asm.JEq, asm.R4, 0, back)
		if r.size == g.prog.info.Settings.MaxStrlen {
			g.count(LossSlot{Kind: LossString, What: "str"})
		}
	})
	g.jumpImm(asm.JEq, asm.R0, int32(r.size), more)
	g.set(back)
}

func readMemory(s check.AddrSpace) asm.BuiltinFunc {
	if s == check.SpaceUser {
		return asm.FnProbeReadUser
	}
	return asm.FnProbeReadKernel
}

// boundedSize puts the length at limit, at most size, into R2.
func (g *gen) boundedSize(limit place, size int) {
	over := g.newLabel()
	g.load(asm.R4, limit, 8)
	g.jumpImm(asm.JGE, asm.R4, int32(size), over)
	g.mov(asm.R2, asm.R4)
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
