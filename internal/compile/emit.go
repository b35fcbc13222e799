package compile

import (
	"math"

	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// label is a place in a function that jumps refer to before or after it is set.
type label int

// code collects the instructions of one eBPF function. Jumps are resolved by
// finish, so that no instruction needs a symbol.
type code struct {
	insns  []asm.Instruction
	labels []int // instruction index by label, -1 while unset
	fixups []fixup
	lines  []Line
	span   syntax.Span
}

type fixup struct {
	insn int
	to   label
}

func (c *code) emit(ins ...asm.Instruction) {
	if n := len(c.lines); n == 0 || c.lines[n-1].Span != c.span {
		c.lines = append(c.lines, Line{len(c.insns), c.span})
	}
	c.insns = append(c.insns, ins...)
}

func (c *code) newLabel() label {
	c.labels = append(c.labels, -1)
	return label(len(c.labels) - 1)
}

// set places l before the next instruction.
func (c *code) set(l label) { c.labels[l] = len(c.insns) }

func (c *code) jump(l label) { c.branch(asm.Ja.Label(""), l) }

func (c *code) branch(ins asm.Instruction, l label) {
	ins.Metadata = asm.Metadata{}
	ins.Offset = 0
	c.fixups = append(c.fixups, fixup{len(c.insns), l})
	c.emit(ins)
}

func (c *code) jumpImm(op asm.JumpOp, r asm.Register, v int32, l label) {
	c.branch(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(op).SetSource(asm.ImmSource), Dst: r, Constant: int64(v)}, l)
}

func (c *code) jumpReg(op asm.JumpOp, a, b asm.Register, l label) {
	c.branch(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(op).SetSource(asm.RegSource), Dst: a, Src: b}, l)
}

// finish drops what is never reached, which the verifier refuses, resolves the
// jumps and reports whether all of them fit in 16 bits.
func (c *code) finish() bool {
	c.dropUnreached()
	raw := make([]int, len(c.insns)+1)
	for i := range c.insns {
		raw[i+1] = raw[i] + int(c.insns[i].Width())
	}
	ok := true
	for _, f := range c.fixups {
		d := raw[c.labels[f.to]] - raw[f.insn] - 1
		if d < math.MinInt16 || d > math.MaxInt16 {
			ok = false
		}
		c.insns[f.insn].Offset = int16(d)
	}
	return ok
}

// dropUnreached removes instructions that no path from the first one leads to,
// and jumps to the next instruction.
func (c *code) dropUnreached() {
	target := make([]int, len(c.insns)) // of the jump at an instruction, plus one
	for _, f := range c.fixups {
		target[f.insn] = c.labels[f.to] + 1
	}
	seen := make([]bool, len(c.insns))
	for todo := []int{0}; len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for i < len(c.insns) && !seen[i] {
			seen[i] = true
			if t := target[i]; t > 0 {
				todo = append(todo, t-1)
			}
			if op := c.insns[i].OpCode; op.JumpOp() == asm.Exit || op.JumpOp() == asm.Ja && target[i] > 0 {
				break
			}
			i++
		}
	}
	for i := range seen {
		if t := target[i]; t > 0 && c.insns[i].OpCode.JumpOp() == asm.Ja && nextSeen(seen, i) == nextSeen(seen, t-2) {
			seen[i] = false
		}
	}
	c.compact(seen)
}

// nextSeen returns the first instruction behind i that is kept.
func nextSeen(keep []bool, i int) int {
	for i++; i < len(keep) && !keep[i]; i++ {
	}
	return i
}

// compact removes the instructions that are not kept.
func (c *code) compact(keep []bool) {
	at := make([]int, len(keep)+1) // new index of an instruction
	for i, k := range keep {
		at[i+1] = at[i]
		if k {
			c.insns[at[i]] = c.insns[i]
			at[i+1]++
		}
	}
	c.insns = c.insns[:at[len(keep)]]
	for i, l := range c.labels {
		if l >= 0 {
			c.labels[i] = at[l]
		}
	}
	fixups := c.fixups[:0]
	for _, f := range c.fixups {
		if keep[f.insn] {
			fixups = append(fixups, fixup{at[f.insn], f.to})
		}
	}
	c.fixups = fixups
	lines := c.lines[:0]
	for _, l := range c.lines {
		l.Insn = at[l.Insn]
		if n := len(lines); n > 0 && lines[n-1].Insn == l.Insn {
			lines[n-1] = l
			continue
		}
		lines = append(lines, l)
	}
	c.lines = lines
}

// prepend puts the instructions of head, which is not finished, before those of c.
func (c *code) prepend(head *code) {
	n, nl := len(head.insns), label(len(head.labels))
	for _, l := range c.labels {
		if l >= 0 {
			l += n
		}
		head.labels = append(head.labels, l)
	}
	for _, f := range c.fixups {
		head.fixups = append(head.fixups, fixup{f.insn + n, f.to + nl})
	}
	for _, l := range c.lines {
		head.lines = append(head.lines, Line{l.Insn + n, l.Span})
	}
	head.insns = append(head.insns, c.insns...)
	*c = *head
}

// place is memory of the program's own: its stack, scratch memory, a record of
// the ring buffer or a map's value.
type place struct {
	base asm.Register
	off  int
}

func (p place) plus(n int) place { return place{p.base, p.off + n} }

func (c *code) mov(dst, src asm.Register) {
	if dst != src {
		c.emit(asm.Mov.Reg(dst, src))
	}
}

// imm loads a constant in the shortest way.
func (c *code) imm(dst asm.Register, v int64) {
	if v == int64(int32(v)) {
		c.emit(asm.Mov.Imm(dst, int32(v)))
		return
	}
	c.emit(asm.LoadImm(dst, v, asm.DWord))
}

// addr puts the address of p into dst.
func (c *code) addr(dst asm.Register, p place) {
	c.mov(dst, p.base)
	if p.off != 0 {
		c.emit(asm.Add.Imm(dst, int32(p.off)))
	}
}

func fits16(n int) bool { return n == int(int16(n)) }

// load reads size bytes (1, 2, 4, 8) at p, zero extended.
func (c *code) load(dst asm.Register, p place, size int) {
	if !fits16(p.off) {
		c.addr(dst, p)
		p = place{dst, 0}
	}
	c.emit(asm.LoadMem(dst, p.base, int16(p.off), memSize(size)))
}

// storeReg writes the low bytes of src to p. A far offset costs R5.
func (c *code) storeReg(p place, src asm.Register, size int) {
	p = c.near(p)
	c.emit(asm.StoreMem(p.base, int16(p.off), src, memSize(size)))
}

// storeImm writes a constant, of which the low bytes are those of v when they
// fit an instruction.
func (c *code) storeImm(p place, v int64, size int) {
	if size == 8 && v != int64(int32(v)) {
		c.imm(asm.R4, v)
		c.storeReg(p, asm.R4, 8)
		return
	}
	p = c.near(p)
	c.emit(asm.Instruction{
		OpCode: asm.OpCode(asm.StClass).SetMode(asm.MemMode).SetSize(memSize(size)),
		Dst:    p.base, Offset: int16(p.off), Constant: int64(int32(v)),
	})
}

// near returns p with an offset that fits an instruction, through R5 when it
// must.
func (c *code) near(p place) place {
	if fits16(p.off) {
		return p
	}
	c.addr(asm.R5, p)
	return place{asm.R5, 0}
}

func memSize(n int) asm.Size {
	switch n {
	case 1:
		return asm.Byte
	case 2:
		return asm.Half
	case 4:
		return asm.Word
	}
	return asm.DWord
}

// extend sign or zero extends the low size bytes of r.
func (c *code) extend(r asm.Register, size int, signed bool) {
	if size >= 8 || size <= 0 {
		return
	}
	n := int32(64 - 8*size)
	switch {
	case !signed && size == 4:
		c.emit(asm.Mov.Reg32(r, r))
	case !signed && size < 4:
		c.emit(asm.And.Imm(r, int32(1)<<(8*size)-1))
	default:
		c.emit(asm.LSh.Imm(r, n))
		c.shiftRight(r, n, signed)
	}
}

func (c *code) shiftRight(r asm.Register, n int32, signed bool) {
	if signed {
		c.emit(asm.ArSh.Imm(r, n))
		return
	}
	c.emit(asm.RSh.Imm(r, n))
}

func (c *code) call(fn asm.BuiltinFunc) { c.emit(fn.Call()) }

// mapPtr loads the address of a map itself.
func (c *code) mapPtr(dst asm.Register, m *Map) {
	c.emit(asm.LoadMapPtr(dst, 0).WithReference(m.Name))
}

// mapValue loads the address of offset in the only value of an array map.
func (c *code) mapValue(dst asm.Register, m *Map, offset int) {
	c.emit(asm.LoadMapValue(dst, 0, uint32(offset)).WithReference(m.Name))
}

func (c *code) exit() { c.emit(asm.Return()) }
