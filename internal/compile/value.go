package compile

import (
	"errors"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// strftime writes u64 nanoseconds, u32 index of the format, u32 clock.
func (g *gen) strftime(c *check.Call, dst place) {
	format, _ := g.text(c.Args[0])
	g.scalar(c.Args[1])
	g.storeReg(dst, asm.R0, 8)
	g.storeImm(dst.plus(8), int64(g.prog.intern(format)), 4)
	g.storeImm(dst.plus(12), int64(clockOf(g, c.Args[1])), 4)
}

// clockOf returns the clock that e reads, the one of boot when it does not show.
func clockOf(g *gen, e syntax.Expr) Clock {
	c := g.prog.info.Calls[g.strip(e)]
	if c == nil || c.Func.Op != check.OpNsecs {
		return ClockBoot
	}
	for _, a := range c.Args {
		if id, ok := a.(*syntax.Ident); ok {
			switch id.Name {
			case "monotonic":
				return ClockMonotonic
			case "tai", "sw_tai":
				return ClockTAI
			}
		}
	}
	return ClockBoot
}

// ntop writes u64 family (4 or 6), 16 bytes of address.
func (g *gen) ntop(c *check.Call, dst place) {
	addr := c.Args[len(c.Args)-1]
	t := g.typeOf(addr)
	g.zero(dst.plus(8), 16)
	six := t.Size == 16
	if isScalar(t) {
		g.scalar(addr)
		g.storeReg(dst.plus(8), asm.R0, 8)
	} else {
		m := g.mark()
		p, n := g.raw(addr, t)
		g.copy(dst.plus(8), p, min(align8(n), 16))
		g.release(m)
	}
	if len(c.Args) == 1 {
		g.storeImm(dst, map[bool]int64{true: 6, false: 4}[six], 8)
		g.clearHigh(dst, six)
		return
	}
	const afInet6 = 10
	g.scalar(c.Args[0])
	four, end := g.newLabel(), g.newLabel()
	g.jumpImm(asm.JNE, asm.R0, afInet6, four)
	g.storeImm(dst, 6, 8)
	g.jump(end)
	g.set(four)
	g.storeImm(dst, 4, 8)
	g.clearHigh(dst, false)
	g.set(end)
}

// clearHigh clears what an IPv4 address does not need, so that equal ones are
// equal as keys.
func (g *gen) clearHigh(dst place, six bool) {
	if six {
		return
	}
	g.storeImm(dst.plus(12), 0, 4)
	g.storeImm(dst.plus(16), 0, 8)
}

// raw returns memory with the bytes of an array, a string of bytes included.
func (g *gen) raw(e syntax.Expr, t *check.Type) (place, int) {
	if p, ok := g.inPlace(g.strip(e)); ok {
		return p, t.Size
	}
	n := align8(t.Size)
	if s, ok := g.text(e); ok {
		p := g.temp(n)
		g.storeText(p, s, n)
		return p, t.Size
	}
	l := g.locate(e)
	if l.own {
		return l.place, t.Size
	}
	back := g.addressKept(l)
	p := g.temp(max(n, 8))
	g.zero(p, n)
	back(asm.R0)
	g.readMemory(l.space, p, t.Size)
	return p, t.Size
}

// macaddr writes 6 bytes, padded.
func (g *gen) macaddr(c *check.Call, dst place) {
	e := c.Args[0]
	t := g.typeOf(e)
	g.storeImm(dst, 0, 8)
	if isScalar(t) {
		g.scalar(e)
		g.readMemory(g.space(t.Space), dst, 6)
		return
	}
	m := g.mark()
	p, _ := g.raw(e, t)
	g.load(asm.R1, p, 4)
	g.storeReg(dst, asm.R1, 4)
	g.load(asm.R1, p.plus(4), 2)
	g.storeReg(dst.plus(4), asm.R1, 2)
	g.release(m)
}

// cgroupPath writes u64 id, u64 index of the filter.
func (g *gen) cgroupPath(c *check.Call, dst place) {
	filter := ""
	if len(c.Args) > 1 {
		filter, _ = g.text(c.Args[1])
	}
	g.scalar(c.Args[0])
	g.storeReg(dst, asm.R0, 8)
	g.storeImm(dst.plus(8), int64(g.prog.intern(filter)), 8)
}

// taskMember returns a member of struct task_struct on the target.
func (g *gen) taskMember(e syntax.Expr, name string) check.Field {
	t, err := g.prog.info.Target.Named("struct", "task_struct")
	if err == nil && t.Struct != nil {
		if f, ok := t.Struct.Member(name); ok {
			return f
		}
	}
	g.fail(e.Span(), "missing-ability", "%s needs the kernel's types (BTF), which %s does not have", e.Span().Text(), g.prog.info.Target.Describe())
	return check.Field{}
}

// task puts the address of the task that a function is about into R0: its
// argument or the current one.
func (g *gen) task(c *check.Call) {
	if len(c.Args) > 0 {
		g.scalar(c.Args[0])
		return
	}
	g.kept(cacheTask, func() { g.call(asm.FnGetCurrentTask) })
}

// related reads the parent or the leader of the task in R0.
func (g *gen) related(e syntax.Expr, op check.FuncOp) {
	name := "real_parent"
	if op == check.OpLeaderTid || op == check.OpLeaderComm {
		name = "group_leader"
	}
	g.emit(asm.Add.Imm(asm.R0, int32(g.taskMember(e, name).Offset)))
	g.probeRead(check.SpaceKernel, 8)
}

// taskField computes ppid or leader_tid into R0.
func (g *gen) taskField(e syntax.Expr, c *check.Call) {
	g.task(c)
	g.related(e, c.Func.Op)
	name := "tgid"
	if c.Func.Op == check.OpLeaderTid {
		name = "pid"
	}
	g.emit(asm.Add.Imm(asm.R0, int32(g.taskMember(e, name).Offset)))
	g.probeRead(check.SpaceKernel, 4)
	g.extend(asm.R0, 4, true)
}

// taskComm writes pcomm or leader_comm.
func (g *gen) taskComm(e syntax.Expr, c *check.Call, dst place, t *check.Type) {
	g.task(c)
	g.related(e, c.Func.Op)
	g.emit(asm.Add.Imm(asm.R0, int32(g.taskMember(e, "comm").Offset)))
	g.readChars(check.SpaceKernel, dst, commSize, SizeOf(t))
}

// path writes the full name of a struct path.
func (g *gen) path(e syntax.Expr, c *check.Call, dst place, t *check.Type) {
	g.need(check.AbilityDPath, e.Span(), "path()")
	arg := g.strip(c.Args[0])
	at := g.typeOf(arg)
	none := g.newLabel()
	g.zero(dst, SizeOf(t))
	if at.Kind == check.Pointer {
		if !g.typedPointer(arg) {
			g.fail(e.Span(), "not-compiled", "path() needs a pointer that the kernel can follow from the probe's arguments")
		}
		g.jumpImm(asm.JEq, asm.R0, 0, none)
	} else {
		f, ok := arg.(*syntax.FieldAccess)
		if !ok || !g.typedPointer(f.X) {
			g.fail(e.Span(), "not-compiled", "path() needs a member of one of the probe's arguments")
		}
		g.jumpImm(asm.JEq, asm.R0, 0, none)
		g.emit(asm.Add.Imm(asm.R0, int32(g.prog.info.Fields[f].Offset)))
	}
	g.mov(asm.R1, asm.R0)
	g.addr(asm.R2, dst)
	g.imm(asm.R3, int64(t.Size))
	g.call(asm.FnDPath)
	g.countFailure(LossHelper, asm.FnDPath)
	g.set(none)
}

// kfuncTarget is a Target that knows the numbers of the kernel's functions.
type kfuncTarget interface {
	FunctionID(module, name string) (check.BTFRef, error)
}

// kfunc calls a function of the kernel that programs may call.
func (g *gen) kfunc(e syntax.Expr, name string) {
	t, ok := g.prog.info.Target.(kfuncTarget)
	if !ok {
		g.fail(e.Span(), "missing-ability", "%s needs the kernel's function %s, of which %s does not know", e.Span().Text(), name, g.prog.info.Target.Describe())
	}
	ref, err := t.FunctionID("", name)
	if err != nil || ref.Module != "" {
		g.fail(e.Span(), "missing-ability", "%s needs the kernel's function %s, which %s does not have", e.Span().Text(), name, g.prog.info.Target.Describe())
	}
	g.emit(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoKfuncCall, Constant: int64(ref.ID)})
}

// commOf writes comm(pid): the name of another process.
func (g *gen) commOf(e syntax.Expr, c *check.Call, dst place, t *check.Type) {
	switch g.prog.out.Type {
	case ebpf.TracePoint, ebpf.PerfEvent, ebpf.Tracing:
	default:
		g.findComm(e, c, dst, t)
		return
	}
	g.scalar(c.Args[0])
	kept, ok := g.frame.alloc(8)
	if !ok {
		g.fail(e.Span(), "values-too-large", "there is no stack left for comm(pid)")
	}
	back := g.save()
	g.zero(dst, SizeOf(t))
	back(asm.R1)
	g.kfunc(e, "bpf_task_from_pid")
	none := g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.storeReg(kept, asm.R0, 8)
	g.mov(asm.R3, asm.R0)
	g.emit(asm.Add.Imm(asm.R3, int32(g.taskMember(e, "comm").Offset)))
	g.addr(asm.R1, dst)
	g.imm(asm.R2, int64(min(commSize, t.Size)))
	g.call(asm.FnProbeReadKernelStr)
	g.load(asm.R1, kept, 8)
	g.kfunc(e, "bpf_task_release")
	g.set(none)
}

// maxTasks is how many processes findComm looks at.
const maxTasks = 1 << 16

// findComm is commOf for kinds of programs that may not call the kernel's
// functions: it goes through the list of all processes.
func (g *gen) findComm(e syntax.Expr, c *check.Call, dst place, t *check.Type) {
	tasks := g.taskMember(e, "tasks").Offset
	pid, at, first, name := g.scratchTemp(8), g.scratchTemp(8), g.scratchTemp(8), g.scratchTemp(SizeOf(t))
	g.scalar(c.Args[0])
	g.storeReg(pid, asm.R0, 8)
	g.zero(name, SizeOf(t))
	g.kept(cacheTask, func() { g.call(asm.FnGetCurrentTask) })
	g.emit(asm.Add.Imm(asm.R0, int32(g.taskMember(e, "group_leader").Offset)))
	g.probeRead(check.SpaceKernel, 8)
	g.storeReg(at, asm.R0, 8)
	g.storeReg(first, asm.R0, 8)
	g.imm(asm.R0, maxTasks)
	g.bpfLoop(e.Span(), func(b *gen) {
		next := b.newLabel()
		b.load(asm.R0, at, 8)
		b.emit(asm.Add.Imm(asm.R0, int32(b.taskMember(e, "pid").Offset)))
		b.probeReadQuiet(check.SpaceKernel, 4)
		b.load(asm.R1, pid, 8)
		b.jumpReg(asm.JNE, asm.R0, asm.R1, next)
		b.load(asm.R3, at, 8)
		b.emit(asm.Add.Imm(asm.R3, int32(b.taskMember(e, "comm").Offset)))
		b.addr(asm.R1, name)
		b.imm(asm.R2, int64(min(commSize, t.Size)))
		b.call(asm.FnProbeReadKernelStr)
		b.jump(b.loop.stop)
		b.set(next)
		b.load(asm.R0, at, 8)
		b.emit(asm.Add.Imm(asm.R0, int32(tasks)))
		b.probeReadQuiet(check.SpaceKernel, 8)
		b.emit(asm.Sub.Imm(asm.R0, int32(tasks)))
		b.storeReg(at, asm.R0, 8)
		b.load(asm.R1, first, 8)
		b.jumpReg(asm.JEq, asm.R0, asm.R1, b.loop.stop)
	})
	g.copy(dst, name, SizeOf(t))
}

func (g *gen) debugf(e syntax.Expr, c *check.Call) {
	format, _ := g.text(c.Args[0])
	n := len(format) + 1
	p := g.temp(align8(n))
	if p.base == asm.R9 || true {
		g.storeText(p, format, align8(n))
	}
	args := make([]place, len(c.Args)-1)
	for i, x := range c.Args[1:] {
		args[i] = g.temp(8)
		if isScalar(g.typeOf(x)) {
			g.scalar(x)
		} else {
			at := g.mem(x)
			g.addr(asm.R0, at)
		}
		g.storeReg(args[i], asm.R0, 8)
	}
	for i, a := range args {
		g.load(asm.R3+asm.Register(i), a, 8)
	}
	g.addr(asm.R1, p)
	g.imm(asm.R2, int64(n))
	g.call(asm.FnTracePrintk)
}

func (g *gen) percpuKaddr(e syntax.Expr, c *check.Call) {
	name, _ := g.text(c.Args[0])
	target := g.prog.info.Target
	addr, err := target.KernelSymbol(name)
	offsets, err2 := target.KernelSymbol("__per_cpu_offset")
	if err != nil || err2 != nil {
		g.fail(e.Span(), "unknown-symbol", "percpu_kaddr() needs the addresses of %s and __per_cpu_offset: %v", name, errors.Join(err, err2))
	}
	if len(c.Args) > 1 {
		g.scalar(c.Args[1])
	} else {
		g.call(asm.FnGetSmpProcessorId)
	}
	none, end := g.newLabel(), g.newLabel()
	g.mapValue(asm.R1, g.prog.setupMap(), g.prog.setupField(&g.prog.obj.Setup.NCPUs))
	g.load(asm.R1, place{asm.R1, 0}, 8)
	g.jumpReg(asm.JGE, asm.R0, asm.R1, none)
	g.emit(asm.LSh.Imm(asm.R0, 3))
	g.imm(asm.R1, int64(offsets))
	g.emit(asm.Add.Reg(asm.R0, asm.R1))
	g.probeRead(check.SpaceKernel, 8)
	g.imm(asm.R1, int64(addr))
	g.emit(asm.Add.Reg(asm.R0, asm.R1))
	g.jump(end)
	g.set(none)
	g.imm(asm.R0, 0)
	g.set(end)
}

func (g *gen) skboutput(e syntax.Expr, c *check.Call) {
	g.fail(e.Span(), "not-compiled", "skboutput() is not compiled yet")
}

func (g *gen) uaddr(e syntax.Expr, c *check.Call) {
	g.fail(e.Span(), "not-compiled", "uaddr() is not compiled yet")
}

// readAggregate reads an aggregation as a number into R0.
func (g *gen) readAggregate(m *Map, keys []syntax.Expr, e syntax.Expr) {
	mk := g.mark()
	g.sumCPUs(m, g.key(m, keys), e.Span())
	g.release(mk)
}

// sumCPUs merges the values of all CPUs at key into R0. The loop over CPUs ends
// where the kernel has no more.
func (g *gen) sumCPUs(m *Map, key place, span syntax.Span) {
	g.need(check.AbilityMapLookupPercpuElem, span, "reading "+m.Name)
	t := m.User.Value
	key = g.inScratch(key, max(SizeOf(m.User.Key), 8))
	total, number := g.scratchTemp(8), g.scratchTemp(8)
	g.storeImm(total, 0, 8)
	g.storeImm(number, 0, 8)
	g.imm(asm.R0, maxCPUs)
	g.bpfLoop(span, func(b *gen) {
		b.mov(asm.R3, asm.R1)
		b.mapPtr(asm.R1, m)
		b.addr(asm.R2, key)
		b.call(asm.FnMapLookupPercpuElem)
		b.jumpImm(asm.JEq, asm.R0, 0, b.loop.stop)
		switch t.Kind {
		case check.Min, check.Max:
			b.mergeExtreme(t, total, number)
		case check.Avg, check.Stats:
			b.addTo(number, 0)
			b.addTo(total, 8)
		default:
			b.addTo(total, 0)
		}
	})
	g.load(asm.R0, total, 8)
	if t.Kind == check.Avg || t.Kind == check.Stats {
		g.load(asm.R1, number, 8)
		g.average(t.Signed)
	}
}

const maxCPUs = 8192

func (b *gen) addTo(sum place, off int) {
	b.load(asm.R1, place{asm.R0, off}, 8)
	b.load(asm.R2, sum, 8)
	b.emit(asm.Add.Reg(asm.R1, asm.R2))
	b.storeReg(sum, asm.R1, 8)
}

func (b *gen) mergeExtreme(t *check.Type, best, set place) {
	take := b.newLabel()
	b.load(asm.R1, place{asm.R0, 8}, 8)
	b.jumpImm(asm.JEq, asm.R1, 0, b.loop.next)
	b.load(asm.R2, place{asm.R0, 0}, 8)
	b.load(asm.R1, set, 8)
	b.jumpImm(asm.JEq, asm.R1, 0, take)
	b.load(asm.R1, best, 8)
	b.jumpReg(keeps(t.Kind == check.Min, t.Signed), asm.R2, asm.R1, b.loop.next)
	b.set(take)
	b.storeReg(best, asm.R2, 8)
	b.storeImm(set, 1, 8)
}

// average divides R0 by R1; the sign is put aside, since old kernels divide only
// unsigned numbers.
func (g *gen) average(signed bool) {
	if !signed {
		g.emit(asm.Div.Reg(asm.R0, asm.R1))
		return
	}
	plus, end := g.newLabel(), g.newLabel()
	g.jumpImm(asm.JSGE, asm.R0, 0, plus)
	g.emit(asm.Neg.Imm(asm.R0, 0), asm.Div.Reg(asm.R0, asm.R1), asm.Neg.Imm(asm.R0, 0))
	g.jump(end)
	g.set(plus)
	g.emit(asm.Div.Reg(asm.R0, asm.R1))
	g.set(end)
}

// length computes the number of entries of a map, or of frames of a stack, into
// R0.
func (g *gen) length(e syntax.Expr, c *check.Call) {
	if c.Map == nil {
		g.stackLen(e, c.Args[0])
		return
	}
	m := g.prog.maps[c.Map]
	if m.isArray() {
		g.mapValue(asm.R0, m, m.Set)
		g.load(asm.R0, place{asm.R0, 0}, 8)
		return
	}
	g.need(check.AbilityForEachMapElem, e.Span(), "len()")
	n := g.scratchTemp(8)
	g.storeImm(n, 0, 8)
	g.callback(e.Span(), asm.R4, func(name string, ctx place) {
		g.mapPtr(asm.R1, m)
		g.loadFunc(asm.R2, name)
		g.addr(asm.R3, ctx)
		g.imm(asm.R4, 0)
		g.call(asm.FnForEachMapElem)
	}, func(b *gen) {
		b.addWord(asm.R9, n.off, 1)
	})
	g.load(asm.R0, n, 8)
}

// readsPoint reports whether a probe asks which of its attach points fired, by
// probe or, where the kernel does not tell that itself, by func.
func (c *compiler) readsPoint(p *check.Probe) bool {
	if len(p.AttachPoints) < 2 {
		return false
	}
	found := false
	v := &visitor{info: c.info}
	v.expr = func(e syntax.Expr, _ int) {
		if call := c.info.Calls[e]; call != nil && call.Func != nil {
			op := call.Func.Op
			found = found || op == check.OpProbe || op == check.OpFunc && c.info.Target.Has(check.AbilityGetFuncIP) == check.No
		}
	}
	v.expression(p.Predicate)
	v.block(p.Body)
	return found
}
