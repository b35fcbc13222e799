package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// mem returns memory that holds the value of e in its layout: the variable's own
// memory or a temporary.
func (g *gen) mem(e syntax.Expr) place {
	e = g.strip(e)
	if p, ok := g.inPlace(e); ok {
		return p
	}
	t := g.typeOf(e)
	p := g.temp(SizeOf(t))
	g.store(e, p, t)
	return p
}

// inPlace returns the memory that e already lives in, if it is the program's own.
func (g *gen) inPlace(e syntax.Expr) (place, bool) {
	if _, ok := g.constant(e); ok {
		return place{}, false // what it was folded from may have no type
	}
	switch e := e.(type) {
	case *syntax.Variable:
		v := g.prog.info.Vars[e]
		if v == nil || byAddress(v.Type) {
			return place{}, false
		}
		return g.varPlace(v), true
	case *syntax.TupleAccess:
		return g.partPlace(e.X, func(l Layout) (Layout, bool) {
			if e.Index < len(l.Parts) {
				return l.Parts[e.Index], true
			}
			return l, false
		})
	case *syntax.FieldAccess:
		if g.typeOf(e.X).Kind != check.Record {
			return place{}, false
		}
		return g.partPlace(e.X, func(l Layout) (Layout, bool) { return l.named(e.Name.Name) })
	case *syntax.Call, *syntax.Builtin, *syntax.Ident:
		if c := g.prog.info.Calls[e]; c != nil {
			return g.cachedPlace(e, c)
		}
	}
	return place{}, false
}

func (l Layout) named(name string) (Layout, bool) {
	for i, n := range l.Names {
		if n == name {
			return l.Parts[i], true
		}
	}
	return Layout{}, false
}

func (g *gen) partPlace(x syntax.Expr, part func(Layout) (Layout, bool)) (place, bool) {
	t := g.typeOf(x)
	l, ok := part(LayoutOf(t, 0))
	if !ok {
		return place{}, false
	}
	return g.mem(x).plus(l.Offset), true
}

// store computes e and writes it to dst in the layout of t, which is the type of
// e or one that it can be brought to. The base of dst must outlive calls.
func (g *gen) store(e syntax.Expr, dst place, t *check.Type) {
	e = g.strip(e)
	g.at(e, func() { g.storeOf(e, dst, t) })
}

func (g *gen) storeOf(e syntax.Expr, dst place, t *check.Type) {
	if v, ok := g.constant(e); ok && isScalar(t) {
		g.storeImm(dst, v, 8)
		return
	}
	if isScalar(t) {
		m := g.mark()
		g.scalar(e)
		g.release(m)
		g.storeReg(dst, asm.R0, 8)
		return
	}
	if s, ok := g.text(e); ok {
		g.storeText(dst, s, SizeOf(t))
		return
	}
	switch e.(type) {
	case *syntax.Ternary, *syntax.If, *syntax.BlockExpr:
		g.choose(e, func(e syntax.Expr) { g.store(e, dst, t) })
		return
	}
	if p, ok := g.inPlace(e); ok {
		g.convert(p, g.typeOf(e), dst, t)
		return
	}
	g.storeFresh(e, dst, t)
}

// storeFresh stores a value that is not in memory of the program yet.
func (g *gen) storeFresh(e syntax.Expr, dst place, t *check.Type) {
	from := g.typeOf(e)
	switch e := e.(type) {
	case *syntax.Tuple:
		l := LayoutOf(t, 0)
		for i, x := range e.Elems {
			g.store(x, dst.plus(l.Parts[i].Offset), l.Parts[i].Type)
		}
	case *syntax.Record:
		l := LayoutOf(t, 0)
		for _, f := range e.Fields {
			if part, ok := l.named(f.Name.Name); ok {
				g.store(f.Value, dst.plus(part.Offset), part.Type)
			}
		}
	case *syntax.Map:
		g.storeMapValue(g.mapOf(e), nil, dst, t)
	case *syntax.MapAccess:
		g.storeMapValue(g.mapOf(e.Map), e.Keys, dst, t)
	case *syntax.Call, *syntax.Builtin, *syntax.Ident:
		g.storeCall(e, dst, t)
	case *syntax.Cast:
		g.storeCast(e, dst, t)
	case *syntax.Variable, *syntax.FieldAccess, *syntax.ArrayAccess, *syntax.Unop:
		m := g.mark()
		l := g.locate(e)
		g.storeFrom(l, from, dst, t)
		g.release(m)
	case *syntax.Positional:
		g.storeText(dst, g.paramText(e), SizeOf(t))
	default:
		g.fail(e.Span(), "not-compiled", "a %T of type %v is not compiled yet", e, from)
	}
}

// storeCast stores a cast to a type that lives in memory.
func (g *gen) storeCast(e *syntax.Cast, dst place, t *check.Type) {
	from := g.typeOf(e.X)
	if isScalar(from) { // an integer as an array of bytes
		g.scalar(e.X)
		size := SizeOf(t)
		g.storeReg(dst, asm.R0, 8)
		g.zero(dst.plus(8), size-8)
		if t.Size < 8 {
			g.load(asm.R0, dst, 8)
			g.extend(asm.R0, t.Size, false)
			g.storeReg(dst, asm.R0, 8)
		}
		return
	}
	g.store(e.X, dst, t)
}

// convert copies a value of type from to dst in the layout of type to.
func (g *gen) convert(src place, from *check.Type, dst place, to *check.Type) {
	if (from.Kind == check.Tuple || from.Kind == check.Record) && !sameLayout(from, to) {
		fl, tl := LayoutOf(from, 0), LayoutOf(to, 0)
		for i, part := range tl.Parts {
			src1 := fl.Parts[min(i, len(fl.Parts)-1)]
			if from.Kind == check.Record {
				if p, ok := fl.named(tl.Names[i]); ok {
					src1 = p
				}
			}
			g.convert(src.plus(src1.Offset), src1.Type, dst.plus(part.Offset), part.Type)
		}
		return
	}
	n, size := SizeOf(from), SizeOf(to)
	g.copy(dst, src, min(n, size))
	if size > n {
		g.zero(dst.plus(n), size-n)
	}
	if to.Kind == check.Buffer && n > size { // the data was cut: so is its length
		g.load(asm.R0, dst, 4)
		ok := g.newLabel()
		g.jumpImm(asm.JLE, asm.R0, int32(to.Size), ok)
		g.storeImm(dst, int64(to.Size), 4)
		g.set(ok)
	}
}

// sameLayout reports whether values of two types have the same parts at the same
// offsets.
func sameLayout(a, b *check.Type) bool {
	if a == b {
		return true
	}
	if a.Kind != b.Kind || len(a.Fields) != len(b.Fields) {
		return false
	}
	if len(a.Fields) == 0 {
		return SizeOf(a) == SizeOf(b)
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !sameLayout(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	return true
}

// copy moves n bytes, a multiple of 8. Its bases may be any register but R1; a
// long copy loses R0 to R5.
func (g *gen) copy(dst, src place, n int) {
	if n <= 0 || dst == src {
		return
	}
	if n > maxUnrolled {
		g.addr(asm.R3, src)
		g.addr(asm.R1, dst)
		g.imm(asm.R2, int64(n))
		g.call(asm.FnProbeReadKernel)
		return
	}
	for off := 0; off < n; off += 8 {
		g.load(asm.R1, src.plus(off), 8)
		g.storeReg(dst.plus(off), asm.R1, 8)
	}
}

// zero clears n bytes, a multiple of 8. Reading kernel memory at address 0 fails
// at once, and a helper that fails clears its target: the fastest way to clear
// much.
func (g *gen) zero(dst place, n int) {
	if n > maxUnrolled {
		g.addr(asm.R1, dst)
		g.imm(asm.R2, int64(n))
		g.imm(asm.R3, 0)
		g.call(asm.FnProbeReadKernel)
		return
	}
	for off := 0; off < n; off += 8 {
		g.storeImm(dst.plus(off), 0, 8)
	}
}

// storeText writes a string that is known, zero padded to size.
func (g *gen) storeText(dst place, s string, size int) {
	b := make([]byte, size)
	copy(b, s)
	last := min(align8(len(s)), size)
	for off := 0; off < last; off += 8 {
		g.storeImm(dst.plus(off), int64(leWord(b[off:off+8])), 8)
	}
	g.zero(dst.plus(last), size-last)
}

// loc is where a value lies that may not be in memory of the program's own.
// Unless it is own or ctx, R0 holds the address that off counts from.
type loc struct {
	own   bool
	ctx   bool           // off counts from the probe's context
	typed *check.CStruct // R0 is a pointer to this struct that the verifier knows
	space check.AddrSpace
	place place // own
	off   int
}

// locate finds the memory of a struct, array, or anything that is a member of
// one. R0 is taken when the memory is not the program's own.
func (g *gen) locate(e syntax.Expr) loc {
	e = g.strip(e)
	if p, ok := g.inPlace(e); ok {
		return loc{own: true, place: p}
	}
	switch e := e.(type) {
	case *syntax.Unop:
		if e.Op == syntax.OpDeref {
			return g.pointee(e.X)
		}
	case *syntax.FieldAccess:
		return g.locateField(e)
	case *syntax.ArrayAccess:
		return g.locateElem(e)
	case *syntax.Variable:
		v := g.prog.info.Vars[e]
		if v.Type.Ctx {
			return g.context()
		}
		g.load(asm.R0, g.varPlace(v), 8)
		return loc{space: g.space(v.Type.Space)}
	case *syntax.Cast:
		if byAddress(g.typeOf(e)) {
			return g.locate(e.X)
		}
	}
	if c := g.prog.info.Calls[e]; c != nil {
		if l, ok := g.locateCall(e, c); ok {
			return l
		}
	}
	if t := g.typeOf(e); isScalar(t) && t.Kind != check.Pointer {
		g.fail(e.Span(), "not-compiled", "%s is not compiled yet", e.Span().Text())
	}
	return loc{own: true, place: g.mem(e)}
}

// space gives memory whose address space is not known the one of the kernel.
func (g *gen) space(s check.AddrSpace) check.AddrSpace {
	if s == check.SpaceUser {
		return s
	}
	return check.SpaceKernel
}

// pointee locates what a pointer points to.
func (g *gen) pointee(x syntax.Expr) loc {
	x = g.strip(x)
	t := g.typeOf(x)
	if t.Ctx {
		return g.context()
	}
	if l, ok := g.typedPointee(x, t); ok {
		return l
	}
	g.scalar(x)
	return loc{space: g.space(t.Space)}
}

func (g *gen) locateField(e *syntax.FieldAccess) loc {
	f := g.prog.info.Fields[e]
	if f == nil {
		g.fail(e.Span(), "not-compiled", "member %s is not known", e.Name.Name)
	}
	if l, ok := g.argsField(e, f); ok {
		return l
	}
	x := g.strip(e.X)
	var l loc
	if t := g.typeOf(x); t.Kind == check.Pointer {
		l = g.pointee(x)
		for el := t.Elem; el != nil && el.Kind == check.Pointer; el = el.Elem {
			g.load64(l)
			l = loc{space: g.space(el.Space)}
		}
	} else {
		l = g.locate(x)
	}
	return l.plus(f.Offset)
}

func (l loc) plus(n int) loc {
	if l.own {
		l.place.off += n
		return l
	}
	l.off += n
	return l
}

// load64 reads a pointer at l into R0.
func (g *gen) load64(l loc) { g.loadFrom(l, &check.Type{Kind: check.Pointer, Size: 8}, nil) }

func (g *gen) locateElem(e *syntax.ArrayAccess) loc {
	x := g.strip(e.X)
	t := g.typeOf(x)
	size := 1
	if t.Elem != nil {
		size = elemSize(t)
	}
	if i, ok := g.constant(e.Index); ok {
		return g.container(x, t).plus(int(i) * size)
	}
	g.scalar(e.Index)
	if size != 1 {
		g.emit(asm.Mul.Imm(asm.R0, int32(size)))
	}
	index := g.temp(8)
	g.storeReg(index, asm.R0, 8)
	l := g.container(x, t)
	l.typed = nil
	if l.own || l.ctx { // its address as a plain number: read like the kernel's memory
		g.address(l)
		g.launder()
		l = loc{space: check.SpaceKernel}
	}
	g.load(asm.R1, index, 8)
	g.emit(asm.Add.Reg(asm.R0, asm.R1))
	return l
}

// container locates the memory that an index counts in.
func (g *gen) container(x syntax.Expr, t *check.Type) loc {
	if t.Kind == check.Pointer {
		return g.pointee(x)
	}
	return g.locate(x)
}

// address puts the address of l into R0.
func (g *gen) address(l loc) {
	switch {
	case l.own:
		g.addr(asm.R0, l.place)
	case l.ctx:
		g.addr(asm.R0, place{asm.R6, l.off})
	default:
		if l.typed != nil {
			g.launder()
		}
		if l.off != 0 {
			g.emit(asm.Add.Imm(asm.R0, int32(l.off)))
		}
	}
}

// launder makes a pointer that the verifier follows a plain number.
func (g *gen) launder() {
	g.emit(asm.Neg.Imm(asm.R0, 0), asm.Neg.Imm(asm.R0, 0))
}

// loadMember reads a scalar member, element or pointee into R0.
func (g *gen) loadMember(e syntax.Expr) {
	t := g.typeOf(e)
	m := g.mark()
	l := g.locate(e)
	if l.own {
		g.loadOwn(e, l, t)
	} else {
		g.loadFrom(l, t, g.prog.info.Fields[e])
	}
	g.release(m)
}

// loadOwn reads a scalar from memory of the program: a word of its own as a part
// of a tuple, natural C layout inside a struct or an array.
func (g *gen) loadOwn(e syntax.Expr, l loc, t *check.Type) {
	if _, ok := g.inPlace(e); ok {
		g.load(asm.R0, l.place, 8)
		return
	}
	g.load(asm.R0, l.place, scalarSize(t))
	g.bitfield(t, g.prog.info.Fields[e])
}

func scalarSize(t *check.Type) int {
	switch t.Size {
	case 1, 2, 4:
		return t.Size
	}
	return 8
}

// loadFrom reads a scalar of type t at l into R0.
func (g *gen) loadFrom(l loc, t *check.Type, f *check.Field) {
	size := scalarSize(t)
	switch {
	case l.own:
		g.load(asm.R0, l.place, size)
	case l.ctx:
		g.load(asm.R0, place{asm.R6, l.off}, size)
		if g.prog.out.Type == ebpf.Tracing && size == 8 {
			g.launder()
		}
	case l.typed != nil && (f == nil || f.BitSize == 0) && directlyReadable(l.typed, l.off, size, t.Kind == check.Pointer):
		g.directLoad(l, size)
		if t.Kind == check.Pointer {
			g.launder()
		}
	default:
		g.address(l)
		g.probeRead(l.space, size)
	}
	g.bitfield(t, f)
}

// bitfield makes the unit in R0 the value of the member f of type t.
func (g *gen) bitfield(t *check.Type, f *check.Field) {
	if f == nil || f.BitSize == 0 {
		if t.Kind == check.Int && t.Signed {
			g.extend(asm.R0, scalarSize(t), true)
		}
		return
	}
	if n := 64 - f.BitOffset - f.BitSize; n > 0 {
		g.emit(asm.LSh.Imm(asm.R0, int32(n)))
	}
	g.shiftRight(asm.R0, int32(64-f.BitSize), t.Signed)
}

// probeRead reads size bytes at the address in R0 into R0; a read that fails
// gives 0 and is counted.
func (g *gen) probeRead(space check.AddrSpace, size int) {
	m := g.mark()
	p := g.temp(8)
	g.readMemory(space, p, size)
	g.load(asm.R0, p, size)
	g.release(m)
}

// readMemory copies size bytes at the address in R0 to dst. dst is cleared when
// the memory cannot be read.
func (g *gen) readMemory(space check.AddrSpace, dst place, size int) {
	g.mov(asm.R3, asm.R0)
	g.addr(asm.R1, dst)
	g.imm(asm.R2, int64(size))
	fn := asm.FnProbeReadKernel
	if space == check.SpaceUser {
		fn = asm.FnProbeReadUser
	}
	g.call(fn)
	g.countFailure(LossRead, fn)
}

// storeFrom copies a value that is not in memory of the program to dst.
func (g *gen) storeFrom(l loc, from *check.Type, dst place, to *check.Type) {
	switch {
	case l.own:
		g.convert(l.place, from, dst, to)
	case isScalar(to):
		g.loadFrom(l, from, nil)
		g.storeReg(dst, asm.R0, 8)
	case to.Kind == check.String && from.Kind == check.String:
		g.address(l)
		g.readChars(l.space, dst, from.Size, SizeOf(to))
	default:
		n, size := min(dataSize(from), dataSize(to)), SizeOf(to)
		if size != n {
			back := g.addressKept(l)
			g.zero(dst.plus(n&^7), size-n&^7)
			back(asm.R0)
		} else {
			g.address(l)
		}
		g.readMemory(l.space, dst, n)
	}
}

// dataSize is the number of bytes of a value of type t that can be read from
// elsewhere: C types end where C says, those of the language are padded.
func dataSize(t *check.Type) int {
	if t.Kind == check.Array || t.Kind == check.Struct {
		return t.Size
	}
	return SizeOf(t)
}

func (g *gen) addressKept(l loc) func(asm.Register) {
	g.address(l)
	return g.save()
}

// readChars reads an array of n characters at the address in R0 as a string,
// zero padded to size. The array need not have a final NUL.
func (g *gen) readChars(space check.AddrSpace, dst place, n, size int) {
	back := g.save()
	at := g.temp(8)
	g.storeReg(at, asm.R0, 8)
	g.zero(dst, size)
	back(asm.R3)
	n = min(n, size)
	g.addr(asm.R1, dst)
	g.imm(asm.R2, int64(min(n+1, size)))
	fn := asm.FnProbeReadKernelStr
	if space == check.SpaceUser {
		fn = asm.FnProbeReadUserStr
	}
	g.call(fn)
	if n+1 > size { // the NUL took the place of the last character: read that one again
		done := g.newLabel()
		g.jumpImm(asm.JNE, asm.R0, int32(n), done)
		g.load(asm.R0, at, 8)
		g.emit(asm.Add.Imm(asm.R0, int32(n-1)))
		g.readMemory(space, dst.plus(n-1), 1)
		g.set(done)
	}
}
