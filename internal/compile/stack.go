package compile

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// stackKey tells the maps of stacks apart.
type stackKey struct {
	depth   int
	buildID bool
}

const (
	bpfUserStack   = 1 << 8  // BPF_F_USER_STACK
	bpfUserBuildID = 1 << 11 // BPF_F_USER_BUILD_ID
	minStacks      = 8192    // entries of a map of stacks, or twice those of a map of the program
)

func (c *compiler) stackMap(k stackKey) *Map {
	if m := c.stacks[k]; m != nil {
		return m
	}
	name := fmt.Sprintf("stacks_%d", k.depth)
	if k.buildID {
		name = fmt.Sprintf("stacks_b%d", k.depth)
	}
	m := &Map{Name: name, Role: RoleStack, Spec: &ebpf.MapSpec{
		Name: mapName(name), Type: ebpf.Hash, KeySize: 8, ValueSize: uint32(StackFrames + k.depth*k.frameSize()), MaxEntries: uint32(max(minStacks, 2*c.info.Settings.MaxMapKeys)),
	}}
	if int(m.Spec.ValueSize)*int(m.Spec.MaxEntries) > 2*maxPrepared && c.info.Target.Has(check.AbilityUprobeMulti) == check.Yes {
		m.Spec.Flags = noPrealloc
	}
	c.stacks[k] = m
	c.obj.Maps = append(c.obj.Maps, m)
	return m
}

func (k stackKey) frameSize() int {
	if k.buildID {
		return BuildIDFrameSize
	}
	return FrameSize
}

// stack writes a reference to the current stack to dst. The frames go into a
// hash map under a hash of them all, which, unlike the kernel's own stack map,
// never drops or replaces a stack.
func (g *gen) stack(e syntax.Expr, c *check.Call, dst place, t *check.Type) {
	user := t.Kind == check.UStack
	k := stackKey{depth: max(t.Depth, 1), buildID: t.Mode == check.StackBuildID}
	m := g.prog.stackMap(k)
	flags := int64(0)
	if user {
		flags |= bpfUserStack
	}
	if k.buildID {
		flags |= bpfUserBuildID
	}
	frames := g.scratchTemp(int(m.Spec.ValueSize))
	id := g.temp(8)
	g.storeImm(id, 0, 8)
	g.mov(asm.R1, asm.R6)
	g.addr(asm.R2, frames.plus(StackFrames))
	g.imm(asm.R3, int64(k.depth*k.frameSize()))
	g.imm(asm.R4, flags)
	g.call(asm.FnGetStack)
	g.countFailure(LossStack, asm.FnGetStack)
	none := g.newLabel()
	g.jumpImm(asm.JSLE, asm.R0, 0, none)
	g.storeReg(frames, asm.R0, 8) // bytes for now, then the number of frames
	g.hashFrames(frames, k)
	g.storeReg(id, asm.R0, 8)
	g.load(asm.R1, frames, 8)
	g.emit(asm.RSh.Imm(asm.R1, map[bool]int32{true: 5, false: 3}[k.buildID]))
	g.storeReg(frames, asm.R1, 8)
	g.lookup(m, id)
	g.jumpImm(asm.JNE, asm.R0, 0, none)
	g.update(m, id, frames, bpfAny)
	if user && !k.buildID {
		g.observe()
	}
	g.set(none)
	g.load(asm.R1, id, 8)
	g.storeReg(dst, asm.R1, 8)
	if !user {
		g.storeImm(dst.plus(8), 0, 8)
		return
	}
	g.kept(cachePidTgid, func() { g.call(asm.FnGetCurrentPidTgid) })
	g.emit(asm.RSh.Imm(asm.R0, 32))
	g.imm(asm.R1, StackUser)
	g.emit(asm.LSh.Imm(asm.R1, 32), asm.Or.Reg(asm.R0, asm.R1))
	g.storeReg(dst.plus(8), asm.R0, 8)
}

// observe tells user space which process a new stack is of. It may happen while a
// record is being filled, so it is copied to the ring buffer rather than written
// there; whether there is room does not matter.
func (g *gen) observe() {
	m := g.mark()
	defer g.release(m)
	c := g.prog
	if c.observed == nil {
		word := &check.Type{Kind: check.Int, Size: 8}
		c.observed = &Action{Kind: ActObserve, Size: RecordHeader + 8, Args: []Layout{LayoutOf(word, RecordHeader)}}
		c.observedID = c.addAction(c.observed)
	}
	record := g.temp(c.observed.Size)
	g.call(asm.FnGetCurrentPidTgid)
	g.emit(asm.RSh.Imm(asm.R0, 32))
	g.storeReg(record.plus(RecordHeader), asm.R0, 8)
	g.storeImm(record, int64(c.observedID), 8)
	g.mapPtr(asm.R1, c.eventsMap())
	g.addr(asm.R2, record)
	g.imm(asm.R3, int64(c.observed.Size))
	g.imm(asm.R4, c.submitFlags(true))
	g.call(asm.FnRingbufOutput)
}

// hashFrames computes a 64-bit hash of the frames, whose length in bytes is in
// their first word, into R0; it is never 0.
func (g *gen) hashFrames(frames place, k stackKey) {
	const mix = int64(-0x61c8864680b583eb) // the golden ratio
	end, top := g.newLabel(), g.newLabel()
	g.load(asm.R4, frames, 8)
	g.imm(asm.R3, mix)
	g.mov(asm.R0, asm.R4)
	g.addr(asm.R1, frames.plus(StackFrames))
	g.imm(asm.R2, 0)
	g.set(top)
	g.jumpReg(asm.JGE, asm.R2, asm.R4, end)
	g.load(asm.R5, place{asm.R1, 0}, 8)
	g.emit(asm.Xor.Reg(asm.R0, asm.R5), asm.Mul.Reg(asm.R0, asm.R3), asm.Mov.Reg(asm.R5, asm.R0), asm.RSh.Imm(asm.R5, 29), asm.Xor.Reg(asm.R0, asm.R5))
	g.emit(asm.Add.Imm(asm.R1, 8), asm.Add.Imm(asm.R2, 8))
	g.jumpImm(asm.JLT, asm.R2, int32(k.depth*k.frameSize()), top)
	g.set(end)
	g.emit(asm.Or.Imm(asm.R0, 1))
}

// stackLen computes the number of frames of a stack into R0.
func (g *gen) stackLen(e, x syntax.Expr) {
	t := g.typeOf(x)
	m := g.prog.stackMap(stackKey{depth: max(t.Depth, 1), buildID: t.Mode == check.StackBuildID})
	none := g.newLabel()
	g.lookup(m, g.mem(x))
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.load(asm.R0, place{asm.R0, StackNr}, 4)
	g.set(none)
}
