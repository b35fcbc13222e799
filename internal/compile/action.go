package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

const (
	ringNoWakeup    = 1
	ringForceWakeup = 2
)

// action compiles the functions that send a record to user space.
func (g *gen) action(e syntax.Expr, c *check.Call) {
	switch c.Func.Op {
	case check.OpPrintf:
		g.formatted(ActPrintf, e, c)
	case check.OpErrorf:
		g.formatted(ActErrorf, e, c)
	case check.OpWarnf:
		g.formatted(ActWarnf, e, c)
	case check.OpCat:
		g.formatted(ActCat, e, c)
	case check.OpSystem:
		g.formatted(ActSystem, e, c)
	case check.OpTime:
		a := &Action{Kind: ActTime, Format: "%H:%M:%S\n"}
		if len(c.Args) > 0 {
			a.Format, _ = g.text(c.Args[0])
		}
		g.send(a, e, c, nil)
	case check.OpPrint:
		g.print(e, c)
	case check.OpClear:
		g.send(&Action{Kind: ActClear, Map: g.prog.maps[c.Map]}, e, c, nil)
	case check.OpZero:
		g.send(&Action{Kind: ActZero, Map: g.prog.maps[c.Map]}, e, c, nil)
	case check.OpExit:
		g.exitCall(e, c)
	case check.OpJoin:
		g.join(e, c)
	case check.OpUnwatch:
		g.send(&Action{Kind: ActUnwatch}, e, c, c.Args[:1])
	default:
		g.fail(e.Span(), "not-compiled", "%s() is not compiled yet", c.Func.Name)
	}
}

func (g *gen) formatted(k ActionKind, e syntax.Expr, c *check.Call) {
	format, ok := g.text(c.Args[0])
	if !ok {
		g.fail(c.Args[0].Span(), "not-constant", "%s() needs a format that is known when the program is compiled", c.Func.Name)
	}
	g.send(&Action{Kind: k, Format: format}, e, c, c.Args[1:])
}

func (g *gen) print(e syntax.Expr, c *check.Call) {
	if c.Map != nil { // the map itself is not among the arguments
		a := &Action{Kind: ActPrintMap, Map: g.prog.maps[c.Map]}
		a.Top = g.literal(c, 0)
		a.Div = g.literal(c, 1)
		g.send(a, e, c, nil)
		return
	}
	g.send(&Action{Kind: ActPrintValue}, e, c, c.Args[:1])
}

func (g *gen) literal(c *check.Call, i int) int {
	if i >= len(c.Args) {
		return 0
	}
	v, _ := g.constant(c.Args[i])
	return int(v)
}

func (g *gen) exitCall(e syntax.Expr, c *check.Call) {
	g.send(&Action{Kind: ActExit}, e, c, c.Args)
	g.leaveProbe()
}

// send compiles one record: its arguments are computed straight into the ring
// buffer, except those that run statements, which could leave the probe with the
// record in hand.
func (g *gen) send(a *Action, e syntax.Expr, c *check.Call, args []syntax.Expr) {
	m := g.mark()
	defer g.release(m)
	a.Probe, a.Call, a.Span = g.prog.probe, c, e.Span()
	size := RecordHeader
	early := make([]place, len(args))
	for i, x := range args {
		t := partType(g.typeOf(x))
		l := LayoutOf(t, size)
		a.Args = append(a.Args, l)
		size += l.Size
		if g.runsStatements(x) {
			early[i] = g.temp(l.Size)
			g.store(x, early[i], t)
		}
	}
	a.Size = size
	a.Expanded = g.expanded
	id := g.prog.addAction(a)
	g.reserve(size, func() {
		g.storeImm(place{asm.R8, 0}, int64(id), 8)
		for i, x := range args {
			dst := place{asm.R8, a.Args[i].Offset}
			if early[i].base != 0 {
				g.copy(dst, early[i], a.Args[i].Size)
				continue
			}
			g.store(x, dst, a.Args[i].Type)
		}
	}, a.Kind == ActExit)
}

func (c *compiler) addAction(a *Action) int {
	c.obj.Actions = append(c.obj.Actions, a)
	return len(c.obj.Actions) - 1
}

// reserve takes size bytes of the ring buffer, lets fill write them and submits
// them. Without room the record is counted as lost.
func (g *gen) reserve(size int, fill func(), wake bool) {
	m := g.prog.eventsMap()
	end := g.newLabel()
	g.mapPtr(asm.R1, m)
	g.imm(asm.R2, int64(size))
	g.imm(asm.R3, 0)
	g.call(asm.FnRingbufReserve)
	lost := g.outOfLine(end, func() { g.bump(LossRing) })
	g.jumpImm(asm.JEq, asm.R0, 0, lost)
	g.mov(asm.R8, asm.R0)
	known := g.snapshot()
	fill()
	g.restore(known)
	g.mov(asm.R1, asm.R8)
	g.imm(asm.R2, g.prog.submitFlags(wake))
	g.call(asm.FnRingbufSubmit)
	g.set(end)
}

func (c *compiler) submitFlags(wake bool) int64 {
	switch {
	case !c.opts.Poll:
		return 0
	case wake:
		return ringForceWakeup
	}
	return ringNoWakeup
}

// runsStatements reports whether computing e runs statements or loops.
func (g *gen) runsStatements(e syntax.Expr) bool {
	found := false
	v := &visitor{info: g.prog.info}
	v.stmt = func(syntax.Stmt, int) { found = true }
	v.expr = func(e syntax.Expr, _ int) {
		if c := g.prog.info.Calls[e]; c != nil && c.Func.Async {
			found = true
		}
	}
	v.expression(e)
	return found
}

// eventsMap is the ring buffer; the engine sets its size.
func (c *compiler) eventsMap() *Map {
	if c.events == nil {
		c.events = &Map{Name: "events", Role: RoleEvents, Spec: &ebpf.MapSpec{Name: "events", Type: ebpf.RingBuf, MaxEntries: 256 << 10}}
		c.obj.Maps = append(c.obj.Maps, c.events)
	}
	return c.events
}

// join sends the strings of an array of pointers that ends with a null pointer:
// u64 number, then joinMax strings of joinSize bytes.
func (g *gen) join(e syntax.Expr, c *check.Call) {
	size := align8(g.prog.info.Settings.MaxStrlen)
	size = min(max(size, 8), maxJoinString)
	word := &check.Type{Kind: check.Int, Size: 8}
	text := &check.Type{Kind: check.String, Size: size}
	a := &Action{Kind: ActJoin, Probe: g.prog.probe, Call: c, Span: e.Span(), Text: " "}
	if len(c.Args) > 1 {
		a.Text, _ = g.text(c.Args[1])
	}
	a.Args = []Layout{LayoutOf(word, RecordHeader)}
	off := RecordHeader + 8
	for range joinMax {
		a.Args = append(a.Args, LayoutOf(text, off))
		off += size
	}
	a.Size = off
	a.Expanded = g.expanded
	id := g.prog.addAction(a)
	m := g.mark()
	list := g.temp(8)
	g.scalar(c.Args[0])
	g.storeReg(list, asm.R0, 8)
	space := g.space(g.typeOf(c.Args[0]).Space)
	g.reserve(off, func() {
		g.storeImm(place{asm.R8, 0}, int64(id), 8)
		done := g.newLabel()
		unreadable := g.outOfLine(done, func() { g.count(LossSlot{Kind: LossRead, What: helperName(readStr(space))}) })
		g.storeImm(place{asm.R8, RecordHeader}, 0, 8)
		for i := range joinMax {
			g.load(asm.R0, list, 8)
			g.emit(asm.Add.Imm(asm.R0, int32(8*i)))
			g.probeReadQuiet(space, 8)
			g.jumpImm(asm.JEq, asm.R0, 0, done)
			g.mov(asm.R3, asm.R0)
			g.addr(asm.R1, place{asm.R8, a.Args[i+1].Offset})
			g.imm(asm.R2, int64(size))
			g.call(readStr(space))
			g.jumpImm(asm.JSLT, asm.R0, 0, unreadable)
			g.storeImm(place{asm.R8, RecordHeader}, int64(i+1), 8)
		}
		g.set(done)
	}, false)
	g.release(m)
}

// The strings of a join: 16 at most, as upstream has it, and of at most this
// many bytes each.
const (
	joinMax       = 16
	maxJoinString = 1024
)

func readStr(s check.AddrSpace) asm.BuiltinFunc {
	if s == check.SpaceUser {
		return asm.FnProbeReadUserStr
	}
	return asm.FnProbeReadKernelStr
}

// probeReadQuiet is probeRead for memory that may end: failures are expected.
func (g *gen) probeReadQuiet(space check.AddrSpace, size int) {
	m := g.mark()
	p := g.temp(8)
	g.mov(asm.R3, asm.R0)
	g.addr(asm.R1, p)
	g.imm(asm.R2, int64(size))
	fn := asm.FnProbeReadKernel
	if space == check.SpaceUser {
		fn = asm.FnProbeReadUser
	}
	g.call(fn)
	g.load(asm.R0, p, size)
	g.release(m)
}
