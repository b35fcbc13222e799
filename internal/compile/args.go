package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// hasRegs reports whether the context of a kind of probe begins with the CPU's
// registers.
func hasRegs(k syntax.ProbeKind) bool {
	switch k {
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT,
		syntax.ProbeProfile, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint:
		return true
	}
	return false
}

// register reads a register of the traced code into R0.
func (g *gen) register(e syntax.Expr, name string) {
	off, ok := g.prog.arch.regs[name]
	if !ok {
		g.fail(e.Span(), "unknown-register", "%q is not a register of %s", name, g.prog.info.Target.Arch())
	}
	if !hasRegs(g.prog.kind) {
		g.fail(e.Span(), "no-registers", "this kind of probe has no registers")
	}
	g.load(asm.R0, place{asm.R6, off}, 8)
}

// arg computes argN into R0.
func (g *gen) arg(e syntax.Expr, n int) {
	switch g.prog.kind {
	case syntax.ProbeRawTracepoint:
		g.load(asm.R0, place{asm.R6, 8 * n}, 8)
		if g.prog.out.Attach == AttachBTFTracepoint {
			g.launder()
		}
	case syntax.ProbeFentry, syntax.ProbeFexit:
		g.load(asm.R0, place{asm.R6, 8 * n}, 8)
		g.launder()
	case syntax.ProbeUSDT:
		g.usdtArg(e, n)
	default:
		if n < len(g.prog.arch.args) {
			g.register(e, g.prog.arch.args[n])
			return
		}
		g.stackArg(e, n-len(g.prog.arch.args))
	}
}

// stackArg reads an argument that was passed on the stack, above the return
// address.
func (g *gen) stackArg(e syntax.Expr, n int) {
	g.register(e, g.prog.arch.sp)
	skip := 8
	if g.prog.info.Target.Arch() == "arm64" {
		skip = 0
	}
	g.emit(asm.Add.Imm(asm.R0, int32(skip+8*n)))
	space := check.SpaceKernel
	if g.prog.kind == syntax.ProbeUprobe {
		space = check.SpaceUser
	}
	g.probeRead(space, 8)
}

func (g *gen) retval(e syntax.Expr) {
	switch g.prog.kind {
	case syntax.ProbeFexit, syntax.ProbeFentry:
		t := g.typeOf(e)
		g.load(asm.R0, place{asm.R6, 8 * g.argCount(e)}, 8)
		if t.Kind == check.Pointer {
			g.launder()
		}
		if t.Kind == check.Int || t.Kind == check.Bool {
			g.extend(asm.R0, scalarSize(t), t.Signed)
		}
	default:
		g.register(e, g.prog.arch.ret)
	}
}

// argCount is the number of arguments of the traced function, after which its
// result lies in the context.
func (g *gen) argCount(e syntax.Expr) int {
	if points := g.prog.out.Points; len(points) == 1 && points[0].AP.Parsed != nil {
		ap := points[0].AP.Parsed
		if params, _, err := g.prog.info.Target.Function(ap.Target, ap.Func); err == nil {
			return len(params)
		}
	}
	if a := g.prog.probe.Args; a != nil && a.Struct != nil {
		return len(a.Struct.Members())
	}
	return 0
}

// funcAddr computes the address of the traced function into R0.
func (g *gen) funcAddr(e syntax.Expr) {
	switch g.prog.kind {
	case syntax.ProbeUprobe, syntax.ProbeUSDT:
		g.register(e, g.prog.arch.ip)
	default:
		if g.prog.info.Target.Has(check.AbilityGetFuncIP) == check.No && g.funcAddrOfPoint(e) {
			return
		}
		g.need(check.AbilityGetFuncIP, e.Span(), "func")
		g.mov(asm.R1, asm.R6)
		g.call(asm.FnGetFuncIp)
	}
}

// funcAddrOfPoint does that without the kernel's helper: a program of one attach
// point knows its function, and a kprobe stands at its beginning.
func (g *gen) funcAddrOfPoint(e syntax.Expr) bool {
	if points := g.prog.out.Points; len(points) == 1 && points[0].AP.Parsed != nil {
		if addr, err := g.prog.info.Target.KernelSymbol(points[0].AP.Parsed.Func); err == nil {
			g.imm(asm.R0, int64(addr))
			return true
		}
	}
	if g.prog.kind == syntax.ProbeKprobe {
		g.register(e, g.prog.arch.ip)
		return true
	}
	return false
}

func (g *gen) usermode(e syntax.Expr) {
	if g.prog.arch.cs == "" || !hasRegs(g.prog.kind) {
		g.imm(asm.R0, 0)
		return
	}
	g.register(e, g.prog.arch.cs)
	g.emit(asm.And.Imm(asm.R0, 3))
	g.boolOf()
}

// locateCall locates what a builtin gives by its address: the arguments of the
// probe, the context, a struct that a function returned.
func (g *gen) locateCall(e syntax.Expr, c *check.Call) (loc, bool) {
	switch c.Func.Op {
	case check.OpArgs, check.OpCtx:
		return g.context(), true
	case check.OpCurtask:
		g.scalar(e)
		return loc{space: check.SpaceKernel}, true
	}
	return loc{}, false
}

// context locates the probe's context. Programs that user space runs have none
// to speak of: its memory is read like any other of the kernel.
func (g *gen) context() loc {
	if !runsItself(g.prog.kind) {
		return loc{ctx: true}
	}
	g.mov(asm.R0, asm.R6)
	g.launder()
	return loc{space: check.SpaceKernel}
}

// argsField locates a member of args: where it lies depends on the kind of probe.
func (g *gen) argsField(e *syntax.FieldAccess, f *check.Field) (loc, bool) {
	if c := g.prog.info.Calls[g.strip(e.X)]; c == nil || c.Func.Op != check.OpArgs {
		return loc{}, false
	}
	switch {
	case g.prog.raw != nil:
		return g.rawMember(e, f), true
	case g.prog.kind == syntax.ProbeUprobe:
		return g.uprobeArg(e, f), true
	case f.DataLoc || f.RelLoc:
		g.dataLoc(f)
		if isScalar(g.typeOf(e)) { // the member is the address of its data
			p := g.temp(8)
			g.storeReg(p, asm.R0, 8)
			return loc{own: true, place: p}, true
		}
		return loc{space: check.SpaceKernel}, true
	}
	return loc{}, false
}

// dataLoc computes the address of a member of variable length into R0.
func (g *gen) dataLoc(f *check.Field) {
	g.load(asm.R0, place{asm.R6, f.Offset}, 4)
	g.emit(asm.And.Imm(asm.R0, 0xffff))
	if f.RelLoc {
		g.emit(asm.Add.Imm(asm.R0, int32(f.Offset+4)))
	}
	g.mov(asm.R1, asm.R6)
	g.emit(asm.Add.Reg(asm.R1, asm.R0))
	g.mov(asm.R0, asm.R1)
	g.launder()
}

// uprobeArg locates a parameter of a user function: its register, kept in memory
// of the program.
func (g *gen) uprobeArg(e *syntax.FieldAccess, f *check.Field) loc {
	g.arg(e, f.Offset/8)
	p := g.temp(8)
	g.storeReg(p, asm.R0, 8)
	return loc{own: true, place: p}
}

// usdtArg reads an argument of a USDT probe: an interpreter over the descriptions
// that the engine put into the map with RoleUSDT, since every place of a probe
// has operands of its own.
func (g *gen) usdtArg(e syntax.Expr, n int) {
	if n >= USDTArgs {
		g.fail(e.Span(), "no-such-argument", "USDT probes have at most %d arguments", USDTArgs)
	}
	m := g.mark()
	defer g.release(m)
	key, end := g.temp(8), g.newLabel()
	g.need(check.AbilityAttachCookie, e.Span(), "an argument of a USDT probe")
	g.mov(asm.R1, asm.R6)
	g.call(asm.FnGetAttachCookie)
	g.storeReg(key, asm.R0, 4) // the low half of the cookie is the index of the description
	g.lookup(g.prog.usdtMap(), key)
	g.jumpImm(asm.JEq, asm.R0, 0, end)
	base := USDTArgSize*n + 8
	spec := g.temp(USDTArgSize)
	for off := 0; off < USDTArgSize; off += 8 {
		g.load(asm.R1, place{asm.R0, base + off}, 8)
		g.storeReg(spec.plus(off), asm.R1, 8)
	}
	g.usdtBase(spec)
	plain := g.newLabel()
	g.load(asm.R1, spec.plus(USDTKind), 4)
	g.jumpImm(asm.JNE, asm.R1, USDTMemory, plain)
	g.probeRead(check.SpaceUser, 8)
	g.set(plain)
	g.load(asm.R1, spec.plus(USDTShift), 4)
	g.emit(asm.LSh.Reg(asm.R0, asm.R1))
	signed := g.newLabel()
	done := g.newLabel()
	g.load(asm.R2, spec.plus(USDTSigned), 4)
	g.jumpImm(asm.JNE, asm.R2, 0, signed)
	g.emit(asm.RSh.Reg(asm.R0, asm.R1))
	g.jump(done)
	g.set(signed)
	g.emit(asm.ArSh.Reg(asm.R0, asm.R1))
	g.set(done)
	g.set(end)
}

// usdtBase computes value + register + index register * scale of a description
// into R0.
func (g *gen) usdtBase(spec place) {
	sum := g.temp(8)
	g.load(asm.R1, spec.plus(USDTValue), 8)
	g.storeReg(sum, asm.R1, 8)
	for _, part := range []struct{ reg, scale int }{{USDTReg, -1}, {USDTIndex, USDTScale}} {
		skip := g.newLabel()
		g.load(asm.R3, spec.plus(part.reg), 4)
		g.jumpImm(asm.JEq, asm.R3, 0xffff, skip)
		g.emit(asm.And.Imm(asm.R3, 0x1ff))
		g.mov(asm.R1, asm.R6)
		g.emit(asm.Add.Reg(asm.R3, asm.R1))
		value := g.temp(8)
		g.addr(asm.R1, value)
		g.imm(asm.R2, 8)
		g.call(asm.FnProbeReadKernel)
		g.load(asm.R0, value, 8)
		if part.scale >= 0 {
			g.load(asm.R1, spec.plus(part.scale), 4)
			g.emit(asm.LSh.Reg(asm.R0, asm.R1))
		}
		g.load(asm.R1, sum, 8)
		g.emit(asm.Add.Reg(asm.R0, asm.R1))
		g.storeReg(sum, asm.R0, 8)
		g.set(skip)
	}
	g.load(asm.R0, sum, 8)
}

func (c *compiler) usdtMap() *Map {
	if c.usdt == nil {
		c.usdt = &Map{Name: "usdt", Role: RoleUSDT, Spec: &ebpf.MapSpec{Name: "usdt", Type: ebpf.Array, KeySize: 4, ValueSize: USDTSpecSize, MaxEntries: 1}}
		c.obj.Maps = append(c.obj.Maps, c.usdt)
	}
	return c.usdt
}

// probeName writes the name of the attach point that fired, of several by the
// cookie of the attachment.
func (g *gen) probeName(e syntax.Expr, dst place, t *check.Type) {
	points := g.prog.out.Points
	if len(points) == 1 {
		g.storeText(dst, points[0].AP.Name, SizeOf(t))
		return
	}
	g.need(check.AbilityAttachCookie, e.Span(), "probe")
	names := make([]string, len(points)+1)
	for i, pt := range points {
		names[i+1] = pt.AP.Name
	}
	g.mov(asm.R1, asm.R6)
	g.call(asm.FnGetAttachCookie)
	if g.prog.out.Attach == AttachUSDT {
		g.emit(asm.RSh.Imm(asm.R0, 32))
	}
	g.textFrom(g.prog.textTable("names_"+g.prog.out.Name, names), dst, t, "")
}

// textFrom writes the string number R0 of a table of strings, or other when it
// has none.
func (g *gen) textFrom(m *Map, dst place, t *check.Type, other string) {
	key := g.temp(8)
	g.storeReg(key, asm.R0, 8)
	none, end := g.newLabel(), g.newLabel()
	g.load(asm.R0, key, 8)
	g.jumpImm(asm.JGE, asm.R0, int32(m.Spec.MaxEntries), none)
	g.lookup(m, key)
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.load(asm.R1, place{asm.R0, 0}, 1)
	g.jumpImm(asm.JEq, asm.R1, 0, none)
	from := &check.Type{Kind: check.String, Size: int(m.Spec.ValueSize)}
	g.convert(place{asm.R0, 0}, from, dst, t)
	g.jump(end)
	g.set(none)
	g.storeText(dst, other, SizeOf(t))
	g.set(end)
}

// textTable makes a read-only array of strings.
func (c *compiler) textTable(name string, texts []string) *Map {
	for _, m := range c.obj.Maps {
		if m.Name == name {
			return m
		}
	}
	size := 8
	for _, s := range texts {
		size = max(size, align8(len(s)+1))
	}
	m := &Map{Name: name, Role: RoleConst, Spec: &ebpf.MapSpec{
		Name: mapName(name), Type: ebpf.Array, KeySize: 4, ValueSize: uint32(size), MaxEntries: uint32(max(len(texts), 1)),
	}}
	// The verifier reads constants out of a frozen array, but of one entry only:
	// with more it fails the load.
	if len(texts) <= 1 {
		m.Spec.Flags = readOnlyProg
	}
	for i, s := range texts {
		b := make([]byte, size)
		copy(b, s)
		m.Spec.Contents = append(m.Spec.Contents, ebpf.MapKV{Key: uint32(i), Value: b})
	}
	c.obj.Maps = append(c.obj.Maps, m)
	return m
}

const readOnlyProg = 1 << 7 // BPF_F_RDONLY_PROG
