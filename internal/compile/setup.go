package compile

import (
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// setupMap holds facts that the engine writes before anything is attached.
func (c *compiler) setupMap() *Map {
	if c.setup == nil {
		c.setup = &Map{Name: "setup", Role: RoleSetup, Spec: &ebpf.MapSpec{Name: "setup", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}}
		c.obj.Maps = append(c.obj.Maps, c.setup)
	}
	return c.setup
}

// setupField gives a field of Setup its offset on first use.
func (c *compiler) setupField(field *int) int {
	if *field < 0 {
		*field = c.obj.Setup.Size
		c.obj.Setup.Size += 8
		c.setupMap().Spec.ValueSize = uint32(c.obj.Setup.Size)
	}
	return *field
}

// finishMaps orders the maps by their roles so that an Object is the same for the
// same input, whatever was compiled first.
func (c *compiler) finishMaps() {
	if len(c.obj.Losses) > 0 {
		c.lossMap()
	}
}

// paramBlock lays out the parameters that can change while the program runs.
func (c *compiler) paramBlock() {
	c.obj.Params = ParamBlock{Enable: -1, Sample: -1}
	if !c.opts.Params {
		return
	}
	b := &c.obj.Params
	b.Enable, b.Sample, b.Size = 0, 8, 16
	for i := range c.info.Params {
		p := &c.info.Params[i]
		if p.Literal || p.Type == nil || SizeOf(p.Type) == 0 {
			continue
		}
		l := LayoutOf(p.Type, b.Size)
		b.Values = append(b.Values, ParamSlot{Param: p, Layout: l})
		b.Size += l.Size
	}
	c.params = &Map{Name: "params", Role: RoleParams, Spec: &ebpf.MapSpec{
		Name: "params", Type: ebpf.Array, KeySize: 4, ValueSize: uint32(b.Size), MaxEntries: 1, Flags: mmapable,
	}}
	c.obj.Maps = append(c.obj.Maps, c.params)
}

// enter compiles what every program does before its predicate.
func (g *gen) enter() {
	p := g.prog
	g.onlyCall()
	if p.params != nil && !runsItself(p.kind) {
		g.mapValue(asm.R1, p.params, 0)
		g.load(asm.R0, place{asm.R1, p.obj.Params.Enable}, 8)
		g.jumpImm(asm.JEq, asm.R0, 0, g.end)
		every := g.newLabel()
		g.load(asm.R0, place{asm.R1, p.obj.Params.Sample}, 8)
		g.jumpImm(asm.JLE, asm.R0, 1, every)
		back := g.save()
		g.call(asm.FnGetPrandomU32)
		back(asm.R1)
		g.emit(asm.Mod.Reg(asm.R0, asm.R1))
		g.jumpImm(asm.JNE, asm.R0, 0, g.end)
		g.set(every)
	}
	if p.opts.PID != 0 && filtersPID(p.kind) {
		g.pidTgid(false)
		g.emit(asm.RSh.Imm(asm.R0, 32))
		g.jumpImm(asm.JNE, asm.R0, int32(p.opts.PID), g.end)
	}
	g.bump(Fired)
}

// filtersPID reports whether -p limits probes of a kind to one process.
func filtersPID(k syntax.ProbeKind) bool { return !runsItself(k) && k != syntax.ProbeIter }

// paramOf returns the parameter that e reads, or nil.
func (g *gen) paramOf(e syntax.Expr) *check.Param {
	name := ""
	switch e := e.(type) {
	case *syntax.Positional:
		name = strconv.Itoa(e.N)
	default:
		if c := g.prog.info.Calls[e]; c != nil && len(c.Args) > 0 {
			name, _ = g.text(c.Args[0])
		}
	}
	for i := range g.prog.info.Params {
		if p := &g.prog.info.Params[i]; p.Name == name {
			return p
		}
	}
	return nil
}

// liveParam returns where the integer parameter e lies in the block of parameters
// that can change, or nil when it cannot.
func (g *gen) liveParam(e syntax.Expr) *ParamSlot {
	if len(g.prog.obj.Params.Values) == 0 {
		return nil
	}
	switch e.(type) {
	case *syntax.Positional:
	case *syntax.Call:
		if c := g.prog.info.Calls[e]; c == nil || c.Func.Op != check.OpGetopt {
			return nil
		}
	default:
		return nil
	}
	p := g.paramOf(e)
	for i := range g.prog.obj.Params.Values {
		if s := &g.prog.obj.Params.Values[i]; s.Param == p && isScalar(p.Type) {
			return s
		}
	}
	return nil
}

// param reads an integer parameter into R0.
func (g *gen) param(e syntax.Expr) {
	if s := g.liveParam(e); s != nil {
		g.mapValue(asm.R0, g.prog.params, s.Layout.Offset)
		g.load(asm.R0, place{asm.R0, 0}, 8)
		return
	}
	p := g.paramOf(e)
	if p == nil {
		g.imm(asm.R0, 0)
		return
	}
	v := p.Value
	if !p.Given {
		v = p.Default
	}
	g.imm(asm.R0, int64(v.Int))
}

// paramText returns the text of a string parameter.
func (g *gen) paramText(e syntax.Expr) string {
	p := g.paramOf(e)
	switch {
	case p == nil:
		return ""
	case p.Given:
		return p.Value.Str
	}
	return p.Default.Str
}
