package compile

import (
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

const (
	bpfAny     = 0
	bpfNoExist = 1

	noPrealloc = 1 // BPF_F_NO_PREALLOC
	mmapable   = 1 << 10
)

func isAggregation(t *check.Type) bool { return t.Kind >= check.Count && t.Kind <= check.TSeries }

// userMap makes the BPF map of a map of the program. A map without keys is an
// array of one entry where its value can be written at once; else a hash.
func (c *compiler) userMap(u *check.Map) {
	m := &Map{Name: u.Name, Role: RoleUser, User: u, Value: LayoutOf(u.Value, 0)}
	if u.Key != nil {
		m.Key = LayoutOf(partType(u.Key), 0)
	}
	m.PerCPU = isAggregation(u.Value)
	size := max(m.Value.Size, 8)
	spec := &ebpf.MapSpec{Name: mapName("AT_" + strings.TrimPrefix(u.Name, "@")), ValueSize: uint32(size)}
	m.Spec = spec
	switch {
	case u.Key == nil && (m.PerCPU || isScalar(u.Value)):
		spec.Type, spec.KeySize, spec.MaxEntries = ebpf.Array, 4, 1
		if m.PerCPU {
			spec.Type = ebpf.PerCPUArray
		}
		m.Set = size
		spec.ValueSize += 8
	case u.Key == nil:
		spec.Type, spec.KeySize, spec.MaxEntries = ebpf.Hash, 8, 1
	default:
		spec.Type, spec.KeySize, spec.MaxEntries = hashType(u.Kind, m.PerCPU), uint32(max(m.Key.Size, 8)), uint32(max(u.MaxEntries, 1))
		if c.lazyAlloc(spec) {
			spec.Flags = noPrealloc
		}
	}
	if m.PerCPU && spec.ValueSize > maxPerCPU {
		c.errorf(u.Pos, "values-too-large", "a value of "+u.Name+" is larger than the 32 KiB that the kernel gives a CPU")
	}
	c.maps[u] = m
	c.obj.Maps = append(c.obj.Maps, m)
}

func hashType(k check.MapKind, perCPU bool) ebpf.MapType {
	switch {
	case perCPU && (k == check.MapLRUHash || k == check.MapPerCPULRUHash):
		return ebpf.LRUCPUHash
	case perCPU:
		return ebpf.PerCPUHash
	case k == check.MapLRUHash || k == check.MapPerCPULRUHash:
		return ebpf.LRUHash
	}
	return ebpf.Hash
}

// lazyAlloc reports whether entries are allocated when they are needed rather
// than when the map is made: where making all of them at once takes too much
// memory and time. Kernels from 6.6 on allocate safely in every context, but many
// new keys in a burst exhaust what they keep at hand (measured: three quarters of
// 3000 per-CPU entries refused), so small values are always prepared.
func (c *compiler) lazyAlloc(spec *ebpf.MapSpec) bool {
	if spec.Type == ebpf.LRUHash || spec.Type == ebpf.LRUCPUHash {
		return false
	}
	large := int(spec.KeySize+spec.ValueSize)*int(spec.MaxEntries) > maxPrepared
	if spec.Type == ebpf.PerCPUHash {
		large = spec.ValueSize > maxPreparedPerCPU
	}
	return large && c.info.Target.Has(check.AbilityUprobeMulti) == check.Yes
}

// The largest map whose entries are prepared, and the largest value of a per-CPU
// map whose entries are.
const (
	maxPrepared       = 8 << 20
	maxPreparedPerCPU = 64
)

func (g *gen) mapOf(e *syntax.Map) *Map {
	for u, m := range g.prog.maps {
		if u.Name == e.Name {
			return m
		}
	}
	g.fail(e.Span(), "not-compiled", "map %s has no type", e.Name)
	return nil
}

func (m *Map) isArray() bool { return m.Spec.Type == ebpf.Array || m.Spec.Type == ebpf.PerCPUArray }

// key returns memory with the key that keys form.
func (g *gen) key(m *Map, keys []syntax.Expr) place {
	t := partType(m.User.Key)
	if t == nil {
		p := g.temp(8)
		g.storeImm(p, 0, 8)
		return p
	}
	if len(keys) == 1 {
		e := g.strip(keys[0])
		if p, ok := g.inPlace(e); ok && sameLayout(g.typeOf(e), t) && SizeOf(g.typeOf(e)) == SizeOf(t) && SizeOf(t) >= 8 {
			return p
		}
		p := g.temp(SizeOf(t))
		if SizeOf(t) == 0 {
			g.storeImm(p, 0, 8)
		}
		g.store(e, p, t)
		return p
	}
	p := g.temp(SizeOf(t))
	l := LayoutOf(t, 0)
	for i, k := range keys {
		g.store(k, p.plus(l.Parts[i].Offset), l.Parts[i].Type)
	}
	return p
}

// lookup puts the address of the value at key into R0, or 0.
func (g *gen) lookup(m *Map, key place) {
	g.addr(asm.R2, key)
	g.mapPtr(asm.R1, m)
	g.call(asm.FnMapLookupElem)
}

// update stores value at key and counts an update that the kernel refuses.
func (g *gen) update(m *Map, key, value place, flags int64) {
	g.addr(asm.R3, value)
	g.addr(asm.R2, key)
	g.mapPtr(asm.R1, m)
	g.imm(asm.R4, flags)
	g.call(asm.FnMapUpdateElem)
	g.countMapFull(m)
}

// readMap reads a scalar value into R0; a missing entry reads as 0.
func (g *gen) readMap(m *Map, keys []syntax.Expr, e syntax.Expr) {
	if isAggregation(m.User.Value) {
		g.readAggregate(m, keys, e)
		return
	}
	if m.isArray() {
		g.mapValue(asm.R0, m, 0)
		g.load(asm.R0, place{asm.R0, 0}, 8)
		return
	}
	mk := g.mark()
	g.lookup(m, g.key(m, keys))
	none := g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.load(asm.R0, place{asm.R0, 0}, 8)
	g.set(none)
	g.release(mk)
}

// storeMapValue copies a value that does not fit a register to dst.
func (g *gen) storeMapValue(m *Map, keys []syntax.Expr, dst place, t *check.Type) {
	mk := g.mark()
	defer g.release(mk)
	none, end := g.newLabel(), g.newLabel()
	g.lookup(m, g.key(m, keys))
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	if sameLayout(m.User.Value, t) && SizeOf(m.User.Value) <= maxUnrolled || SizeOf(m.User.Value) == SizeOf(t) {
		g.convert(place{asm.R0, 0}, m.User.Value, dst, t)
	} else { // parts are moved one by one: a call in between would lose R0
		p := g.scratchTemp(SizeOf(m.User.Value))
		g.copy(p, place{asm.R0, 0}, SizeOf(m.User.Value))
		g.convert(p, m.User.Value, dst, t)
	}
	g.jump(end)
	g.set(none)
	g.zero(dst, SizeOf(t))
	g.set(end)
}

// assignMap stores the value of e in a plain map.
func (g *gen) assignMap(m *Map, keys []syntax.Expr, e syntax.Expr) {
	if m.isArray() {
		g.scalar(e)
		g.writeArray(m)
		return
	}
	t := m.User.Value
	key := g.key(m, keys)
	value, ok := g.inPlace(g.strip(e))
	if !ok || !sameLayout(g.typeOf(e), t) || SizeOf(g.typeOf(e)) != SizeOf(t) || SizeOf(t) < 8 {
		value = g.temp(SizeOf(t))
		if SizeOf(t) == 0 {
			g.storeImm(value, 0, 8)
		}
		g.store(e, value, t)
	}
	g.update(m, key, value, bpfAny)
}

// writeArray stores R0 as the value of a map without keys.
func (g *gen) writeArray(m *Map) {
	g.mapValue(asm.R1, m, 0)
	g.storeReg(place{asm.R1, 0}, asm.R0, 8)
	g.storeImm(place{asm.R1, m.Set}, 1, 8)
}

// changeMap compiles @m[k] op= e.
func (g *gen) changeMap(m *Map, keys []syntax.Expr, op asm.ALUOp, e syntax.Expr) {
	step := 1
	if t := m.User.Value; t.Kind == check.Pointer {
		step = elemSize(t)
	}
	if m.isArray() {
		g.scalar(e)
		g.scale(step)
		g.mov(asm.R2, asm.R0)
		g.mapValue(asm.R1, m, 0)
		g.load(asm.R0, place{asm.R1, 0}, 8)
		g.emit(op.Reg(asm.R0, asm.R2))
		g.storeReg(place{asm.R1, 0}, asm.R0, 8)
		g.storeImm(place{asm.R1, m.Set}, 1, 8)
		return
	}
	key := g.key(m, keys)
	operand, value := g.temp(8), g.temp(8)
	g.scalar(e)
	g.scale(step)
	g.storeReg(operand, asm.R0, 8)
	g.lookup(m, key)
	none, end := g.newLabel(), g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.load(asm.R1, place{asm.R0, 0}, 8)
	g.load(asm.R2, operand, 8)
	g.emit(op.Reg(asm.R1, asm.R2))
	g.storeReg(place{asm.R0, 0}, asm.R1, 8)
	g.jump(end)
	g.set(none)
	g.imm(asm.R0, 0)
	g.load(asm.R2, operand, 8)
	g.emit(op.Reg(asm.R0, asm.R2))
	g.storeReg(value, asm.R0, 8)
	g.update(m, key, value, bpfAny)
	g.set(end)
}

// scale multiplies R0 by the size of what a pointer points to.
func (g *gen) scale(step int) {
	if step > 1 {
		g.emit(asm.Mul.Imm(asm.R0, int32(step)))
	}
}

// increment compiles ++ and --; the new value, or with Postfix the old one, is
// in R0 when it is wanted. Additions to maps are atomic: no event is lost when
// two CPUs count at once.
func (g *gen) increment(e *syntax.Unop, wanted bool) {
	step := int32(1)
	if e.Op == syntax.OpDec {
		step = -1
	}
	switch x := g.strip(e.X).(type) {
	case *syntax.Variable:
		g.incrementVar(e, x, step)
	case *syntax.Map:
		g.incrementMap(e, g.mapOf(x), nil, step)
	case *syntax.MapAccess:
		g.incrementMap(e, g.mapOf(x.Map), x.Keys, step)
	default:
		g.fail(e.Span(), "not-compiled", "%s needs a variable or a map", e.Op)
	}
	_ = wanted
}

func (g *gen) incrementVar(e *syntax.Unop, x *syntax.Variable, step int32) {
	v := g.prog.info.Vars[x]
	if v.Type.Kind == check.Pointer {
		step *= int32(elemSize(v.Type))
	}
	p := g.varPlace(v)
	g.load(asm.R0, p, 8)
	g.mov(asm.R1, asm.R0)
	g.emit(asm.Add.Imm(asm.R1, step))
	if t := v.Type; t.Kind == check.Int {
		g.extend(asm.R1, t.Size, t.Signed)
	}
	g.storeReg(p, asm.R1, 8)
	if !e.Postfix {
		g.mov(asm.R0, asm.R1)
	}
}

func (g *gen) incrementMap(e *syntax.Unop, m *Map, keys []syntax.Expr, step int32) {
	if t := m.User.Value; t.Kind == check.Pointer {
		step *= int32(elemSize(t))
	}
	if m.isArray() {
		g.mapValue(asm.R1, m, 0)
		g.storeImm(place{asm.R1, m.Set}, 1, 8)
		g.fetchAdd(asm.R1, step)
	} else {
		key := g.key(m, keys)
		g.lookup(m, key)
		none, end := g.newLabel(), g.newLabel()
		g.jumpImm(asm.JEq, asm.R0, 0, none)
		g.mov(asm.R1, asm.R0)
		g.fetchAdd(asm.R1, step)
		g.jump(end)
		g.set(none)
		value := g.temp(8)
		g.storeImm(value, int64(step), 8)
		g.update(m, key, value, bpfAny)
		g.imm(asm.R0, 0)
		g.set(end)
	}
	if !e.Postfix {
		g.emit(asm.Add.Imm(asm.R0, step))
	}
}

// fetchAdd adds step to the word at the address in r and puts its old value into
// R0.
func (g *gen) fetchAdd(r asm.Register, step int32) {
	g.imm(asm.R0, int64(step))
	if g.prog.info.Target.Has(check.AbilityForEachMapElem) == check.No { // atomics with a result came a little earlier
		g.load(asm.R2, place{r, 0}, 8)
		g.emit(asm.AddAtomic.Mem(r, asm.R0, asm.DWord, 0))
		g.mov(asm.R0, asm.R2)
		return
	}
	ins := asm.FetchAdd.Mem(r, asm.R0, asm.DWord, 0)
	ins.Constant = int64(asm.FetchAdd >> 8) // v0.22 of the assembler forgets it
	g.emit(ins)
}

// mapFunction compiles the functions that work on one entry of a map.
func (g *gen) mapFunction(e syntax.Expr, c *check.Call) bool {
	switch c.Func.Op {
	case check.OpDelete:
		g.deleteEntry(c)
	case check.OpHasKey:
		m := g.prog.maps[c.Map]
		g.lookup(m, g.key(m, c.Key))
		g.boolOf()
	case check.OpFind:
		g.find(e, c)
	case check.OpLen:
		g.length(e, c)
	case check.OpStackLen:
		g.stackLen(e, c.Args[0])
	default:
		return false
	}
	return true
}

// deleteEntry removes an entry; R0 says whether it existed.
func (g *gen) deleteEntry(c *check.Call) {
	m := g.prog.maps[c.Map]
	if m.isArray() {
		g.clearArray(m)
		return
	}
	g.addr(asm.R2, g.key(m, c.Key))
	g.mapPtr(asm.R1, m)
	g.call(asm.FnMapDeleteElem)
	yes, end := g.newLabel(), g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, yes)
	g.imm(asm.R0, 0)
	g.jump(end)
	g.set(yes)
	g.imm(asm.R0, 1)
	g.set(end)
}

// clearArray unsets a map without keys; of an aggregation, this CPU's part.
func (g *gen) clearArray(m *Map) {
	n := int(m.Spec.ValueSize)
	if m.PerCPU {
		g.lookup(m, g.key(m, nil))
		gone := g.newLabel()
		g.jumpImm(asm.JEq, asm.R0, 0, gone)
		g.load(asm.R2, place{asm.R0, m.Set}, 8)
		back := g.temp(8)
		g.storeReg(back, asm.R2, 8)
		g.zero(place{asm.R0, 0}, n)
		g.load(asm.R0, back, 8)
		g.set(gone)
		return
	}
	g.mapValue(asm.R1, m, 0)
	g.load(asm.R0, place{asm.R1, m.Set}, 8)
	g.zero(place{asm.R1, 0}, n)
}

// find reads an entry into a variable if it exists; R0 says whether it does.
func (g *gen) find(e syntax.Expr, c *check.Call) {
	m := g.prog.maps[c.Map]
	var v *check.Var
	for _, a := range c.Args {
		if x, ok := g.strip(a).(*syntax.Variable); ok {
			v = g.prog.info.Vars[x]
		}
	}
	if v == nil {
		g.fail(e.Span(), "not-compiled", "find() needs a variable")
	}
	g.lookup(m, g.key(m, c.Key))
	none, end := g.newLabel(), g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.convert(place{asm.R0, 0}, m.User.Value, g.varPlace(v), v.Type)
	g.imm(asm.R0, 1)
	g.jump(end)
	g.set(none)
	g.imm(asm.R0, 0)
	g.set(end)
}
