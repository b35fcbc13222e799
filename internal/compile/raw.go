package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// A classic tracepoint is attached through a perf event, which takes the kernel
// tens of milliseconds to undo and copies its arguments into a buffer first. The
// raw tracepoint beneath it has neither cost. It serves a probe that reads
// arguments which it has too: any that reads none, and those of system calls,
// whose raw tracepoints are called for every call with the registers.

// raw says how a raw tracepoint serves a classic one.
type raw struct {
	event  string // raw tracepoint
	number int    // system call that it has to be; -1 for all
	enter  bool   // sys_enter, else sys_exit; only for system calls
	calls  bool   // raw tracepoint of system calls
}

// maxRawCalls is the number of attach points of one probe that are served by
// programs of their own, each of which runs at every system call.
const maxRawCalls = 4

// rawFor returns how a raw tracepoint can serve ap in p, or nil.
func (c *compiler) rawFor(p *check.Probe, ap *check.AttachPoint) *raw {
	if c.opts.PlainReads || c.info.Target.Has(check.AbilityTpBTF) != check.Yes || ap.Parsed == nil || ap.Parsed.Wildcard {
		return nil
	}
	args, whole, stack := c.argUse(p)
	if stack || whole {
		return nil
	}
	target, event := ap.Parsed.Target, ap.Parsed.Func
	switch {
	case target == "syscalls":
		return c.rawCall(p, event)
	case target == "raw_syscalls" && (event == "sys_enter" || event == "sys_exit"):
		return c.callRegs(&raw{event: event, number: -1, enter: event == "sys_enter", calls: true})
	case args:
		return nil
	}
	if _, err := c.info.Target.RawTracepointArgs("", event); err != nil {
		return nil
	}
	return &raw{event: event, number: -1}
}

func (c *compiler) rawCall(p *check.Probe, event string) *raw {
	t, ok := c.info.Target.(syscallTarget)
	if !ok || len(p.AttachPoints) > maxRawCalls {
		return nil
	}
	number, enter, ok := t.RawSyscall(event)
	if !ok {
		return nil
	}
	r := &raw{event: "sys_exit", number: number, enter: enter, calls: true}
	if enter {
		r.event = "sys_enter"
	}
	return c.callRegs(r)
}

// callRegs returns r when the registers that it needs are known.
func (c *compiler) callRegs(r *raw) *raw {
	if c.info.Target.Arch() != "amd64" || c.regsStruct() == nil || c.compatFlag() < 0 {
		return nil
	}
	return r
}

// regsStruct is struct pt_regs of the target.
func (c *compiler) regsStruct() *check.CStruct {
	t, err := c.info.Target.Named("struct", "pt_regs")
	if err != nil || t.Struct == nil {
		return nil
	}
	return t.Struct
}

// compatFlag is the offset in struct task_struct of the word that says whether
// the current system call is a 32-bit one, or -1.
func (c *compiler) compatFlag() int {
	t, err := c.info.Target.Named("struct", "task_struct")
	if err != nil || t.Struct == nil {
		return -1
	}
	info, ok := t.Struct.Member("thread_info")
	if !ok || info.Type == nil || info.Type.Struct == nil {
		return -1
	}
	status, ok := info.Type.Struct.Member("status")
	if !ok || !directlyReadable(t.Struct, info.Offset+status.Offset, 4, false) {
		return -1
	}
	return info.Offset + status.Offset
}

// argUse reports whether p reads members of args, args as a whole, or a kernel
// stack, which starts elsewhere in a raw tracepoint.
func (c *compiler) argUse(p *check.Probe) (members, whole, stack bool) {
	bare, read := 0, 0
	isArgs := func(e syntax.Expr) bool {
		call := c.info.Calls[e]
		return call != nil && call.Func != nil && call.Func.Op == check.OpArgs
	}
	v := &visitor{info: c.info}
	v.expr = func(e syntax.Expr, _ int) {
		if f, ok := e.(*syntax.FieldAccess); ok && isArgs(syntax.Unparen(f.X)) {
			read++
		}
		if isArgs(e) {
			bare++
		}
		if call := c.info.Calls[e]; call != nil && call.Func != nil && call.Func.Op == check.OpKstack {
			stack = true
		}
	}
	v.expression(p.Predicate)
	v.block(p.Body)
	return read > 0, bare > read, stack
}

// typedRaw reports whether a probe on raw tracepoints gains from typed
// arguments: it follows pointers from them.
func (c *compiler) typedRaw(p *check.Probe, points []*check.AttachPoint) bool {
	members, _, _ := c.argUse(p)
	return members && len(points) == 1 && !c.opts.PlainReads && c.info.Target.Has(check.AbilityTpBTF) == check.Yes
}

// use makes the program one on the raw tracepoint r.
func (p *program) use(r *raw) {
	p.raw = r
	p.out.Type, p.out.Attach, p.out.Expect = ebpf.Tracing, AttachBTFTracepoint, ebpf.AttachTraceRawTp
	for i := range p.out.Points {
		ap := *p.out.Points[i].AP
		parsed := *ap.Parsed
		parsed.Kind, parsed.Target, parsed.Func = syntax.ProbeRawTracepoint, "", r.event
		ap.Parsed = &parsed
		p.out.Points[i].AP = &ap
	}
}

// onlyCall leaves the program unless the system call is the one that is traced.
func (g *gen) onlyCall() {
	r := g.prog.raw
	if r == nil || r.number < 0 {
		return
	}
	g.callNumber()
	g.jumpImm(asm.JNE, asm.R0, int32(r.number), g.end)
	const compat = 2 // TS_COMPAT
	if g.prog.info.Target.Has(check.AbilityCurrentTaskBTF) == check.No {
		g.call(asm.FnGetCurrentTask)
		g.emit(asm.Add.Imm(asm.R0, int32(g.prog.compatFlag())))
		g.probeRead(check.SpaceKernel, 4)
	} else {
		g.call(asm.FnGetCurrentTaskBtf)
		g.load(asm.R0, place{asm.R0, g.prog.compatFlag()}, 4)
	}
	g.emit(asm.And.Imm(asm.R0, compat))
	g.jumpImm(asm.JNE, asm.R0, 0, g.end)
}

// callNumber computes the number of the system call into R0.
func (g *gen) callNumber() {
	if g.prog.raw.enter {
		g.load(asm.R0, place{asm.R6, 8}, 8)
		return
	}
	g.callReg("orig_rax", 8)
}

// callReg reads the low size bytes of a register of the system call into R0.
func (g *gen) callReg(name string, size int) {
	g.load(asm.R0, place{asm.R6, 0}, 8)
	g.load(asm.R0, place{asm.R0, g.prog.arch.regs[name]}, size)
}

// rawArg reads a member of the classic tracepoint's arguments at offset off from
// the raw one into R0.
func (g *gen) rawArg(e syntax.Expr, f *check.Field) {
	registers := [...]string{"di", "si", "dx", "r10", "r8", "r9"}
	size := scalarSize(f.Type)
	r := g.prog.raw
	switch {
	case f.Name == "id" || f.Name == "__syscall_nr":
		g.callNumber()
	case f.Name == "ret":
		g.load(asm.R0, place{asm.R6, 8}, 8)
	case r.enter && f.Offset >= 16 && (f.Offset-16)/8 < len(registers):
		g.callReg(registers[(f.Offset-16)/8], size)
	default:
		g.fail(e.Span(), "not-compiled", "args.%s is not compiled here", f.Name)
	}
	g.extend(asm.R0, size, f.Type.Signed)
}

// rawMember locates a member of args that a raw tracepoint serves, in memory of
// the program: one register, or for args.args of raw_syscalls all of them.
func (g *gen) rawMember(e syntax.Expr, f *check.Field) loc {
	if f.Type.Kind != check.Array {
		g.rawArg(e, f)
		p := g.temp(8)
		g.storeReg(p, asm.R0, 8)
		return loc{own: true, place: p}
	}
	p := g.scratchTemp(f.Type.Size)
	for i := 0; i < f.Type.Len && i < 6; i++ {
		g.rawArg(e, &check.Field{Type: &check.Type{Kind: check.Int, Size: 8}, Offset: 16 + 8*i})
		g.storeReg(p.plus(8*i), asm.R0, 8)
	}
	return loc{own: true, place: p}
}
