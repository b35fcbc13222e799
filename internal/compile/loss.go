package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// lossMap holds one counter for each LossSlot, per CPU.
func (c *compiler) lossMap() *Map {
	if c.losses == nil {
		c.losses = &Map{Name: "losses", Role: RoleLoss, Spec: &ebpf.MapSpec{Name: "losses", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 1}}
		c.obj.Maps = append(c.obj.Maps, c.losses)
	}
	return c.losses
}

// slot returns the index of the counter for a loss of this probe.
func (g *gen) slot(s LossSlot) int {
	s.Probe = g.prog.probe
	for i, have := range g.prog.obj.Losses {
		if have.Kind == s.Kind && have.Probe == s.Probe && have.Map == s.Map && have.What == s.What {
			return i
		}
	}
	s.Span = g.span
	g.prog.obj.Losses = append(g.prog.obj.Losses, &s)
	g.prog.lossMap().Spec.MaxEntries = uint32(len(g.prog.obj.Losses))
	return len(g.prog.obj.Losses) - 1
}

// bump counts one; it loses R0 to R5.
func (g *gen) bump(k LossKind) { g.count(LossSlot{Kind: k}) }

func (g *gen) count(s LossSlot) {
	i := g.slot(s)
	m := g.mark()
	key := g.temp(8)
	g.storeImm(key, int64(i), 4)
	g.lookup(g.prog.lossMap(), key)
	none := g.newLabel()
	g.jumpImm(asm.JEq, asm.R0, 0, none)
	g.addWord(asm.R0, 0, 1)
	g.set(none)
	g.release(m)
}

// countFailure counts a helper that has just returned an error. R0 is lost only
// then.
func (g *gen) countFailure(k LossKind, fn asm.BuiltinFunc) {
	back := g.newLabel()
	failed := g.outOfLine(back, func() {
		if g.prog.opts.HelperErrors {
			g.report(&Action{Kind: ActHelperError, Text: helperName(fn)})
		}
		g.count(LossSlot{Kind: k, What: helperName(fn)})
	})
	g.jumpImm(asm.JSLT, asm.R0, 0, failed)
	g.set(back)
}

// report sends a record without arguments from a place where another record may
// be in hand; R0 goes into the word that is free for the action.
func (g *gen) report(a *Action) {
	a.Probe, a.Span, a.Size = g.prog.probe, g.span, RecordHeader
	a.Expanded = g.expanded
	id := g.prog.addAction(a)
	m := g.mark()
	p := g.temp(RecordHeader)
	g.storeReg(p.plus(4), asm.R0, 4)
	g.storeImm(p, int64(id), 4)
	g.mapPtr(asm.R1, g.prog.eventsMap())
	g.addr(asm.R2, p)
	g.imm(asm.R3, RecordHeader)
	g.imm(asm.R4, g.prog.submitFlags(false))
	g.call(asm.FnRingbufOutput)
	g.release(m)
}

// countMapFull counts an update of m that has just been refused.
func (g *gen) countMapFull(m *Map) {
	back := g.newLabel()
	failed := g.outOfLine(back, func() { g.count(LossSlot{Kind: LossMapFull, Map: m}) })
	g.jumpImm(asm.JNE, asm.R0, 0, failed)
	g.set(back)
}

// helperName returns a helper's name without the kernel's bpf_ prefix.
func helperName(fn asm.BuiltinFunc) string {
	switch fn {
	case asm.FnProbeReadKernel:
		return "probe_read_kernel"
	case asm.FnProbeReadUser:
		return "probe_read_user"
	case asm.FnProbeReadKernelStr:
		return "probe_read_kernel_str"
	case asm.FnProbeReadUserStr:
		return "probe_read_user_str"
	case asm.FnGetStack:
		return "get_stack"
	}
	return fn.String()
}
