package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// callOf returns what e calls.
func (g *gen) callOf(e syntax.Expr) *check.Call {
	c := g.prog.info.Calls[e]
	if c == nil || c.Func == nil {
		g.fail(e.Span(), "not-compiled", "%s is not compiled yet", e.Span().Text())
	}
	return c
}

// scalarCall computes a function or builtin whose value fits a register into R0.
func (g *gen) scalarCall(e syntax.Expr) {
	c := g.callOf(e)
	m := g.mark()
	if s := g.subprogOf(c); s != nil {
		g.inlineCall(e, c, s, nil)
		g.release(m)
		return
	}
	if !g.builtin(e, c) && !g.function(e, c) && !g.mapFunction(e, c) {
		g.action(e, c)
	}
	g.release(m)
}

// builtin computes a builtin variable into R0.
func (g *gen) builtin(e syntax.Expr, c *check.Call) bool {
	switch c.Func.Op {
	case check.OpPid:
		g.pidTgid(g.namespaced(c))
		g.emit(asm.RSh.Imm(asm.R0, 32))
	case check.OpTid:
		g.pidTgid(g.namespaced(c))
		g.emit(asm.Mov.Reg32(asm.R0, asm.R0))
	case check.OpUid, check.OpUsername:
		g.kept(cacheUidGid, func() { g.call(asm.FnGetCurrentUidGid) })
		g.emit(asm.Mov.Reg32(asm.R0, asm.R0))
	case check.OpGid:
		g.kept(cacheUidGid, func() { g.call(asm.FnGetCurrentUidGid) })
		g.emit(asm.RSh.Imm(asm.R0, 32))
	case check.OpNsecs:
		g.nsecs(c)
	case check.OpElapsed:
		g.clock(ClockBoot)
		g.mapValue(asm.R1, g.prog.setupMap(), g.prog.setupField(&g.prog.obj.Setup.Start))
		g.emit(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.Sub.Reg(asm.R0, asm.R1))
	case check.OpCpu:
		g.call(asm.FnGetSmpProcessorId)
	case check.OpNumaid:
		g.call(asm.FnGetNumaNodeId)
	case check.OpNcpus:
		g.setupValue(&g.prog.obj.Setup.NCPUs)
	case check.OpCpid:
		g.setupValue(&g.prog.obj.Setup.CPID)
	case check.OpHasCpid:
		g.setupValue(&g.prog.obj.Setup.CPID)
		g.boolOf()
	case check.OpCurtask:
		g.kept(cacheTask, func() { g.call(asm.FnGetCurrentTask) })
	case check.OpCgroup:
		g.kept(cacheCgroup, func() { g.call(asm.FnGetCurrentCgroupId) })
	case check.OpRand:
		g.call(asm.FnGetPrandomU32)
	case check.OpJiffies:
		g.need(check.AbilityJiffies64, e.Span(), "jiffies")
		g.call(asm.FnJiffies64)
	case check.OpCtx:
		g.mov(asm.R0, asm.R6)
		g.launder()
	case check.OpArg:
		g.arg(e, c.Arg)
	case check.OpRetval:
		g.retval(e)
	case check.OpFunc:
		g.funcAddr(e)
	case check.OpUsermode:
		g.usermode(e)
	case check.OpPpid, check.OpLeaderTid:
		g.taskField(e, c)
	default:
		return false
	}
	return true
}

// boolOf makes R0 0 or 1.
func (g *gen) boolOf() {
	done := g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, done)
	g.imm(asm.R0, 1)
	g.set(done)
}

func (g *gen) namespaced(c *check.Call) bool {
	if !g.prog.opts.PIDNamespace {
		return false
	}
	for _, a := range c.Args {
		if id, ok := a.(*syntax.Ident); ok && id.Name == "init" {
			return false
		}
	}
	return true
}

// pidTgid computes tgid<<32 | tid of the current thread into R0.
func (g *gen) pidTgid(namespaced bool) {
	if !namespaced {
		g.kept(cachePidTgid, func() { g.call(asm.FnGetCurrentPidTgid) })
		return
	}
	m := g.mark()
	p := g.temp(8)
	g.storeImm(p, 0, 8)
	g.setupValue(&g.prog.obj.Setup.PIDNsDev)
	back := g.save()
	g.setupValue(&g.prog.obj.Setup.PIDNsIno)
	g.mov(asm.R2, asm.R0)
	back(asm.R1)
	g.addr(asm.R3, p)
	g.imm(asm.R4, 8)
	g.call(asm.FnGetNsCurrentPidTgid)
	g.load(asm.R0, p.plus(4), 4) // struct bpf_pidns_info: pid, tgid
	g.emit(asm.LSh.Imm(asm.R0, 32))
	g.load(asm.R1, p, 4)
	g.emit(asm.Or.Reg(asm.R0, asm.R1))
	g.release(m)
}

func (g *gen) nsecs(c *check.Call) {
	clock := ClockBoot
	for _, a := range c.Args {
		if id, ok := a.(*syntax.Ident); ok {
			switch id.Name {
			case "monotonic":
				clock = ClockMonotonic
			case "tai":
				clock = ClockTAI
			case "sw_tai":
				clock = clockSwTAI
			}
		}
	}
	g.clock(clock)
}

// clockSwTAI is TAI computed from the boot clock and an offset that the engine
// measures: for kernels without the helper.
const clockSwTAI Clock = 1 << 8

func (g *gen) clock(c Clock) {
	target := g.prog.info.Target
	switch {
	case c == ClockTAI && target.Has(check.AbilityKtimeTai) != check.No:
		g.call(asm.FnKtimeGetTaiNs)
	case c == ClockTAI || c == clockSwTAI:
		g.bootClock()
		g.mapValue(asm.R1, g.prog.setupMap(), g.prog.setupField(&g.prog.obj.Setup.TAIOffset))
		g.emit(asm.LoadMem(asm.R1, asm.R1, 0, asm.DWord), asm.Add.Reg(asm.R0, asm.R1))
	case c == ClockMonotonic:
		g.call(asm.FnKtimeGetNs)
	default:
		g.bootClock()
	}
}

func (g *gen) bootClock() {
	if g.prog.info.Target.Has(check.AbilityKtimeBoot) == check.No {
		g.call(asm.FnKtimeGetNs)
		return
	}
	g.call(asm.FnKtimeGetBootNs)
}

func (g *gen) setupValue(field *int) {
	g.mapValue(asm.R0, g.prog.setupMap(), g.prog.setupField(field))
	g.load(asm.R0, place{asm.R0, 0}, 8)
}

// cachedPlace returns memory that holds the value of a builtin already, or that
// is filled now and kept.
func (g *gen) cachedPlace(e syntax.Expr, c *check.Call) (place, bool) {
	if c.Func.Op != check.OpComm || len(c.Args) > 0 || g.parent != nil {
		return place{}, false
	}
	p, ok := g.prog.cached[cacheComm]
	if !ok {
		return place{}, false
	}
	if !g.avail[cacheComm] {
		g.comm(p)
		g.avail[cacheComm] = true
	}
	return p, true
}

// comm writes the name of the current thread, zero padded to commSize. Two loads
// from the task are much cheaper than the helper; since 5.17 the kernel keeps
// the name padded there.
func (g *gen) comm(dst place) {
	if off := g.prog.commOffset(); off > 0 && g.taskTyped() {
		g.call(asm.FnGetCurrentTaskBtf)
		g.load(asm.R1, place{asm.R0, off}, 8)
		g.load(asm.R2, place{asm.R0, off + 8}, 8)
		g.storeReg(dst, asm.R1, 8)
		g.storeReg(dst.plus(8), asm.R2, 8)
		return
	}
	g.addr(asm.R1, dst)
	g.imm(asm.R2, commSize)
	g.call(asm.FnGetCurrentComm)
}

// commOffset is the offset of the name in struct task_struct, or 0 when it cannot
// be read there.
func (c *compiler) commOffset() int {
	if c.opts.PlainReads || c.info.Target.Has(check.AbilityLoop) != check.Yes {
		return 0
	}
	t, err := c.info.Target.Named("struct", "task_struct")
	if err != nil || t.Struct == nil {
		return 0
	}
	f, ok := t.Struct.Member("comm")
	if !ok || !directlyReadable(t.Struct, f.Offset, 8, false) || !directlyReadable(t.Struct, f.Offset+8, 8, false) {
		return 0
	}
	return f.Offset
}

// storeCall writes the value of a function that does not fit a register.
func (g *gen) storeCall(e syntax.Expr, dst place, t *check.Type) {
	c := g.callOf(e)
	m := g.mark()
	defer g.release(m)
	if s := g.subprogOf(c); s != nil {
		g.inlineCall(e, c, s, &target{dst, t})
		return
	}
	size := SizeOf(t)
	switch c.Func.Op {
	case check.OpComm:
		if len(c.Args) > 0 {
			g.commOf(e, c, dst, t)
			return
		}
		if size < commSize {
			p := g.temp(commSize)
			g.comm(p)
			g.copy(dst, p, size)
			return
		}
		g.comm(dst)
		g.zero(dst.plus(commSize), size-commSize)
	case check.OpStr:
		g.str(c, dst, t)
	case check.OpBuf:
		g.buf(c, dst, t)
	case check.OpKstack, check.OpUstack:
		g.stack(e, c, dst, t)
	case check.OpUsym:
		g.scalar(c.Args[0])
		g.storeReg(dst, asm.R0, 8)
		g.storeTgid(dst.plus(8))
	case check.OpFunc:
		g.funcAddr(e)
		g.storeReg(dst, asm.R0, 8)
		if t.Kind == check.Usym {
			g.storeTgid(dst.plus(8))
		}
	case check.OpStrftime:
		g.strftime(c, dst)
	case check.OpNtop:
		g.ntop(c, dst)
	case check.OpMacaddr:
		g.macaddr(c, dst)
	case check.OpCgroupPath:
		g.cgroupPath(c, dst)
	case check.OpProbe:
		g.probeName(e, dst, t)
	case check.OpStrerror, check.OpSignalName, check.OpSyscallName:
		g.nameOf(e, c, dst, t)
	case check.OpPcomm, check.OpLeaderComm:
		g.taskComm(e, c, dst, t)
	case check.OpPath:
		g.path(e, c, dst, t)
	case check.OpGetopt:
		g.storeText(dst, g.paramText(e), size)
	case check.OpRetval, check.OpArgs, check.OpArg:
		l, ok := g.locateCall(e, c)
		if !ok {
			g.fail(e.Span(), "not-compiled", "%s is not compiled as a value here", c.Func.Name)
		}
		g.storeFrom(l, g.typeOf(e), dst, t)
	default:
		g.fail(e.Span(), "not-compiled", "%s() is not compiled yet", c.Func.Name)
	}
}

// storeTgid writes u32 tgid, u32 0: the process that a user address belongs to.
func (g *gen) storeTgid(dst place) {
	g.kept(cachePidTgid, func() { g.call(asm.FnGetCurrentPidTgid) })
	g.emit(asm.RSh.Imm(asm.R0, 32))
	g.storeReg(dst, asm.R0, 8)
}
