package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// aggregate compiles @m[keys] = f(...): this CPU's value is changed in place.
func (g *gen) aggregate(m *Map, keys []syntax.Expr, c *check.Call) {
	mk := g.mark()
	defer g.release(mk)
	n := g.temp(8)
	if len(c.Args) > 0 {
		g.scalar(c.Args[0])
		g.storeReg(n, asm.R0, 8)
	}
	// What takes more than a few registers is computed before the lookup.
	index := place{}
	switch m.User.Value.Kind {
	case check.Hist:
		index = g.temp(8)
		g.log2Bucket(n, m.User.Value.Agg.Bits)
		g.storeReg(index, asm.R0, 8)
	case check.LHist:
		index = g.temp(8)
		g.linearBucket(n, m.User.Value.Agg)
		g.storeReg(index, asm.R0, 8)
	case check.TSeries:
		index = g.temp(8)
		g.bootClock() // intervals begin at multiples of the wall clock, as upstream
		g.mapValue(asm.R1, g.prog.setupMap(), g.prog.setupField(&g.prog.obj.Setup.Wall))
		g.emit(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.Add.Reg(asm.R0, asm.R1))
		g.imm(asm.R1, max(m.User.Value.Agg.Interval, 1))
		g.emit(asm.Div.Reg(asm.R0, asm.R1))
		g.storeReg(index, asm.R0, 8)
	}
	end := g.newLabel()
	g.valueFor(m, g.key(m, keys), end)
	if m.Set > 0 {
		g.storeImm(place{asm.R0, m.Set}, 1, 8)
	}
	g.apply(m.User.Value, n, index, end)
	g.set(end)
}

// valueFor puts the address of this CPU's value at key into R0, making a cleared
// one where none is; it jumps to end when there is no room.
func (g *gen) valueFor(m *Map, key place, end label) {
	g.lookup(m, key)
	found := g.newLabel()
	missing := g.outOfLine(found, func() {
		if m.isArray() {
			g.jump(end)
			return
		}
		g.insertZero(m, key)
		g.lookup(m, key)
		g.jumpImm(asm.JEq, asm.R0, 0, end)
	})
	g.jumpImm(asm.JEq, asm.R0, 0, missing)
	g.set(found)
}

// insertZero makes an entry with a cleared value, unless another CPU just did.
func (g *gen) insertZero(m *Map, key place) {
	z := g.prog.zeroMap(int(m.Spec.ValueSize))
	g.mapValue(asm.R3, z, 0)
	g.addr(asm.R2, key)
	g.mapPtr(asm.R1, m)
	g.imm(asm.R4, bpfNoExist)
	g.call(asm.FnMapUpdateElem)
	exists := g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, -17, exists) // EEXIST
	g.countMapFull(m)
	g.set(exists)
}

// zeroMap returns a map of cleared memory, large enough for size bytes.
func (c *compiler) zeroMap(size int) *Map {
	if c.zeroes == nil {
		c.zeroes = &Map{Name: "zero", Role: RoleConst, Spec: &ebpf.MapSpec{Name: "zero", Type: ebpf.Array, KeySize: 4, MaxEntries: 1}}
		c.obj.Maps = append(c.obj.Maps, c.zeroes)
	}
	c.zeroes.Spec.ValueSize = max(c.zeroes.Spec.ValueSize, uint32(size))
	return c.zeroes
}

// apply changes the value at R0 by the number at n.
func (g *gen) apply(t *check.Type, n, index place, end label) {
	switch t.Kind {
	case check.Count:
		g.addWord(asm.R0, 0, 1)
	case check.Sum:
		g.addFrom(asm.R0, 0, n)
	case check.Avg, check.Stats:
		g.addWord(asm.R0, 0, 1)
		g.addFrom(asm.R0, 8, n)
	case check.Min, check.Max:
		g.extreme(t, n)
	case check.Hist:
		g.bucket(index, output.Log2Buckets(uint(t.Agg.Bits)), end)
	case check.LHist:
		g.bucket(index, LHistBuckets(t.Agg), end)
	case check.TSeries:
		g.series(t, n, index, end)
	}
}

func (g *gen) addWord(r asm.Register, off int, step int32) {
	g.load(asm.R1, place{r, off}, 8)
	g.emit(asm.Add.Imm(asm.R1, step))
	g.storeReg(place{r, off}, asm.R1, 8)
}

func (g *gen) addFrom(r asm.Register, off int, n place) {
	g.load(asm.R1, place{r, off}, 8)
	g.load(asm.R2, n, 8)
	g.emit(asm.Add.Reg(asm.R1, asm.R2))
	g.storeReg(place{r, off}, asm.R1, 8)
}

// extreme keeps the smaller or larger number: s64 value, u64 set.
func (g *gen) extreme(t *check.Type, n place) {
	store, keep := g.newLabel(), g.newLabel()
	g.load(asm.R2, n, 8)
	g.load(asm.R1, place{asm.R0, 8}, 8)
	g.jumpImm(asm.JEq, asm.R1, 0, store)
	g.load(asm.R1, place{asm.R0, 0}, 8)
	g.jumpReg(keeps(t.Kind == check.Min, t.Signed), asm.R2, asm.R1, keep)
	g.set(store)
	g.storeReg(place{asm.R0, 0}, asm.R2, 8)
	g.storeImm(place{asm.R0, 8}, 1, 8)
	g.set(keep)
}

// keeps is the comparison of the new number with the old under which the old one
// stays.
func keeps(minimum, signed bool) asm.JumpOp {
	switch {
	case minimum && signed:
		return asm.JSGE
	case minimum:
		return asm.JGE
	case signed:
		return asm.JSLE
	}
	return asm.JLE
}

// bucket counts one in the bucket whose index is at index.
func (g *gen) bucket(index place, buckets int, end label) {
	g.load(asm.R1, index, 8)
	g.jumpImm(asm.JGE, asm.R1, int32(buckets), end)
	g.emit(asm.LSh.Imm(asm.R1, 3), asm.Add.Reg(asm.R0, asm.R1))
	g.addWord(asm.R0, 0, 1)
}

// log2Bucket computes output.Log2Bucket of the number at n into R0.
func (g *gen) log2Bucket(n place, bits int) {
	small, end := g.newLabel(), g.newLabel()
	g.load(asm.R1, n, 8)
	g.imm(asm.R0, 0)
	g.jumpImm(asm.JSLT, asm.R1, 0, end)
	g.jumpImm(asm.JLT, asm.R1, 1<<bits, small)
	g.mov(asm.R3, asm.R1)
	for _, s := range []int32{32, 16, 8, 4, 2, 1} { // R0 becomes the number of the highest bit
		less := g.newLabel()
		g.mov(asm.R2, asm.R3)
		g.emit(asm.RSh.Imm(asm.R2, s))
		g.jumpImm(asm.JEq, asm.R2, 0, less)
		g.mov(asm.R3, asm.R2)
		g.emit(asm.Add.Imm(asm.R0, s))
		g.set(less)
	}
	if bits > 0 {
		g.emit(asm.Sub.Imm(asm.R0, int32(bits)), // shift
			asm.RSh.Reg(asm.R1, asm.R0), asm.And.Imm(asm.R1, 1<<bits-1),
			asm.Add.Imm(asm.R0, 1), asm.LSh.Imm(asm.R0, int32(bits)),
			asm.Add.Reg(asm.R0, asm.R1), asm.Add.Imm(asm.R0, 1))
	} else {
		g.emit(asm.Add.Imm(asm.R0, 2))
	}
	g.jump(end)
	g.set(small)
	g.mov(asm.R0, asm.R1)
	g.emit(asm.Add.Imm(asm.R0, 1))
	g.set(end)
}

// linearBucket computes output.LinearBucket of the number at n into R0.
func (g *gen) linearBucket(n place, p check.AggParams) {
	over, end := g.newLabel(), g.newLabel()
	g.load(asm.R1, n, 8)
	g.imm(asm.R0, 0)
	g.imm(asm.R2, p.Min)
	g.jumpReg(asm.JSLT, asm.R1, asm.R2, end)
	g.imm(asm.R3, p.Max)
	g.jumpReg(asm.JSGT, asm.R1, asm.R3, over)
	g.mov(asm.R0, asm.R1)
	g.imm(asm.R3, max(p.Step, 1))
	g.emit(asm.Sub.Reg(asm.R0, asm.R2), asm.Div.Reg(asm.R0, asm.R3), asm.Add.Imm(asm.R0, 1))
	g.jump(end)
	g.set(over)
	g.imm(asm.R0, int64(LHistBuckets(p)-1))
	g.set(end)
}

// series puts the number at n into the slot of the epoch at index.
func (g *gen) series(t *check.Type, n, epoch place, end label) {
	slots := max(t.Agg.Intervals, 1)
	g.load(asm.R3, epoch, 8)
	g.mov(asm.R1, asm.R3)
	g.imm(asm.R2, int64(slots))
	g.emit(asm.Mod.Reg(asm.R1, asm.R2))
	g.jumpImm(asm.JGE, asm.R1, int32(slots), end)
	g.emit(asm.LSh.Imm(asm.R1, 5), asm.Add.Reg(asm.R0, asm.R1)) // SeriesSlot bytes
	fresh, same := g.newLabel(), g.newLabel()
	g.load(asm.R1, place{asm.R0, 0}, 8)
	g.load(asm.R2, n, 8)
	g.jumpReg(asm.JEq, asm.R1, asm.R3, same)
	g.set(fresh)
	g.storeReg(place{asm.R0, 0}, asm.R3, 8)
	g.storeReg(place{asm.R0, 8}, asm.R2, 8)
	g.storeReg(place{asm.R0, 16}, asm.R2, 8)
	g.storeImm(place{asm.R0, 24}, 1, 8)
	g.jump(end)
	g.set(same)
	g.load(asm.R1, place{asm.R0, 24}, 8)
	g.jumpImm(asm.JEq, asm.R1, 0, fresh)
	g.emit(asm.Add.Imm(asm.R1, 1))
	g.storeReg(place{asm.R0, 24}, asm.R1, 8)
	g.addFrom(asm.R0, 16, n)
	g.seriesValue(t, end)
}

// seriesValue combines the number in R2 with the value of the slot at R0; R1
// holds the slot's total.
func (g *gen) seriesValue(t *check.Type, end label) {
	switch t.Agg.Op {
	case "sum":
		g.mov(asm.R2, asm.R1)
	case "min", "max":
		g.load(asm.R1, place{asm.R0, 8}, 8)
		g.jumpReg(keeps(t.Agg.Op == "min", t.Signed), asm.R2, asm.R1, end)
	}
	g.storeReg(place{asm.R0, 8}, asm.R2, 8)
}
