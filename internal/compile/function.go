package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// function computes a function whose value fits a register into R0.
func (g *gen) function(e syntax.Expr, c *check.Call) bool {
	switch c.Func.Op {
	case check.OpKptr, check.OpUptr, check.OpKsym:
		g.scalar(c.Args[0])
	case check.OpReg:
		name, _ := g.text(c.Args[0])
		g.register(e, name)
	case check.OpBswap:
		g.bswap(c)
	case check.OpKaddr:
		g.kaddr(e, c)
	case check.OpCgroupid:
		g.cgroupID(c)
	case check.OpStrncmp:
		g.strncmp(e, c)
	case check.OpStrlen:
		g.strlen(c)
	case check.OpStrcap:
		g.imm(asm.R0, int64(g.typeOf(c.Args[0]).Size))
	case check.OpStrstr, check.OpStrcontains:
		g.strstr(e, c)
	case check.OpMemcmp:
		g.memcmp(e, c)
	case check.OpIsErr:
		g.isErr(c)
	case check.OpGetopt:
		g.param(e)
	case check.OpSignal:
		g.signal(e, c, asm.FnSendSignal)
	case check.OpSignalThread:
		g.signal(e, c, asm.FnSendSignalThread)
	case check.OpOverride:
		g.need(check.AbilityOverrideReturn, e.Span(), "override()")
		g.scalar(c.Args[0])
		g.mov(asm.R2, asm.R0)
		g.mov(asm.R1, asm.R6)
		g.call(asm.FnOverrideReturn)
	case check.OpWriteUser:
		g.writeUser(e, c)
	case check.OpAssert:
		g.assert(e, c)
	case check.OpDebugf:
		g.debugf(e, c)
	case check.OpUsdtArg:
		n, _ := g.constant(c.Args[0])
		g.usdtArg(e, int(n))
	case check.OpSocketCookie:
		g.socketCookie(e, c)
	case check.OpPercpuKaddr:
		g.percpuKaddr(e, c)
	case check.OpSkboutput:
		g.skboutput(e, c)
	case check.OpDefaultStrLength:
		g.imm(asm.R0, int64(g.prog.info.Settings.MaxStrlen))
	case check.OpUaddr:
		g.uaddr(e, c)
	default:
		return false
	}
	return true
}

func (g *gen) bswap(c *check.Call) {
	g.scalar(c.Args[0])
	switch g.typeOf(c.Args[0]).Size {
	case 1:
	case 2:
		g.emit(asm.HostTo(asm.BE, asm.R0, asm.Half))
	case 4:
		g.emit(asm.HostTo(asm.BE, asm.R0, asm.Word))
	default:
		g.emit(asm.HostTo(asm.BE, asm.R0, asm.DWord))
	}
}

func (g *gen) kaddr(e syntax.Expr, c *check.Call) {
	name, _ := g.text(c.Args[0])
	addr, err := g.prog.info.Target.KernelSymbol(name)
	if err != nil {
		g.fail(e.Span(), "unknown-symbol", "Failed to resolve kernel symbol: %s", name)
	}
	g.imm(asm.R0, int64(addr))
}

// cgroupID reads the id of a cgroup directory, which the engine looks up.
func (g *gen) cgroupID(c *check.Call) {
	path, _ := g.text(c.Args[0])
	s := &g.prog.obj.Setup
	for _, slot := range s.Cgroups {
		if slot.Path == path {
			g.mapValue(asm.R0, g.prog.setupMap(), slot.Offset)
			g.load(asm.R0, place{asm.R0, 0}, 8)
			return
		}
	}
	off := -1
	g.prog.setupField(&off)
	s.Cgroups = append(s.Cgroups, CgroupSlot{Path: path, Offset: off})
	g.mapValue(asm.R0, g.prog.setupMap(), off)
	g.load(asm.R0, place{asm.R0, 0}, 8)
}

// isErr tells the last 4095 addresses, which stand for errors.
func (g *gen) isErr(c *check.Call) {
	g.scalar(c.Args[0])
	no, end := g.newLabel(), g.newLabel()
	g.imm(asm.R1, -4095)
	g.jumpReg(asm.JLT, asm.R0, asm.R1, no)
	g.imm(asm.R0, 1)
	g.jump(end)
	g.set(no)
	g.imm(asm.R0, 0)
	g.set(end)
}

func (g *gen) signal(e syntax.Expr, c *check.Call, fn asm.BuiltinFunc) {
	g.need(check.AbilitySendSignal, e.Span(), "signal()")
	if name, ok := g.text(c.Args[0]); ok {
		n, ok := signalNumber(name)
		if !ok {
			g.fail(c.Args[0].Span(), "unknown-signal", "%q is not a signal", name)
		}
		g.imm(asm.R0, int64(n))
	} else {
		g.scalar(c.Args[0])
	}
	g.mov(asm.R1, asm.R0)
	g.call(fn)
	g.countFailure(LossHelper, fn)
}

func (g *gen) writeUser(e syntax.Expr, c *check.Call) {
	g.need(check.AbilityProbeWriteUser, e.Span(), "write_user()")
	dst, src := g.temp(8), g.temp(8)
	g.scalar(c.Args[0])
	g.storeReg(dst, asm.R0, 8)
	g.scalar(c.Args[1])
	g.storeReg(src, asm.R0, 8)
	n, ok := g.constant(c.Args[2])
	if !ok || n <= 0 || n > maxUnrolled {
		g.fail(c.Args[2].Span(), "not-constant", "write_user() needs a length from 1 to %d that is known when the program is compiled", maxUnrolled)
	}
	data := g.scratchTemp(int(n))
	g.load(asm.R0, src, 8)
	g.readMemory(check.SpaceKernel, data, int(n))
	g.load(asm.R1, dst, 8)
	g.addr(asm.R2, data)
	g.imm(asm.R3, n)
	g.call(asm.FnProbeWriteUser)
	g.not()
}

// not makes R0 1 when it is 0, else 0.
func (g *gen) not() {
	zero, end := g.newLabel(), g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, zero)
	g.imm(asm.R0, 0)
	g.jump(end)
	g.set(zero)
	g.imm(asm.R0, 1)
	g.set(end)
}

// assert ends the program with a message unless its condition holds.
func (g *gen) assert(e syntax.Expr, c *check.Call) {
	yes, no := g.newLabel(), g.newLabel()
	known := g.snapshot()
	g.cond(c.Args[0], yes, no, no)
	g.set(no)
	if s, ok := g.text(c.Args[1]); ok {
		g.send(&Action{Kind: ActErrorf, Format: "assert failed: " + escapeFormat(s)}, e, c, nil)
	} else {
		g.send(&Action{Kind: ActErrorf, Format: "assert failed: %s"}, e, c, c.Args[1:2])
	}
	g.send(&Action{Kind: ActExit}, e, c, []syntax.Expr{&syntax.IntLit{Value: 1}})
	g.leaveProbe()
	g.set(yes)
	g.restore(known)
}

func (g *gen) socketCookie(e syntax.Expr, c *check.Call) {
	g.need(check.AbilitySocketCookie, e.Span(), "socket_cookie()")
	if !g.typedPointer(c.Args[0]) {
		g.fail(e.Span(), "not-compiled", "socket_cookie() needs an argument of the probe")
	}
	g.mov(asm.R1, asm.R0)
	g.call(asm.FnGetSocketCookie)
}

// addressOf computes &$x or &@m: the address of the program's own memory.
func (g *gen) addressOf(e *syntax.Unop) {
	switch x := g.strip(e.X).(type) {
	case *syntax.Variable:
		g.addr(asm.R0, g.varPlace(g.prog.info.Vars[x]))
		g.launder()
	case *syntax.Map:
		g.mapPtr(asm.R0, g.mapOf(x))
		g.launder()
	default:
		g.fail(e.Span(), "not-compiled", "& needs a variable or a map")
	}
}
