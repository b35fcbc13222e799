package compile

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Registers:
//
//	R0     result of every expression
//	R1-R5  operands and arguments of helpers; lost at every call
//	R6     the probe's context
//	R7     first place for a value that has to outlive a call
//	R8     record of the ring buffer that is being filled
//	R9     scratch memory of the program
//	R10    stack

// program is the state shared by the functions of one eBPF program.
type program struct {
	*compiler
	out      *Program
	probe    *check.Probe
	kind     syntax.ProbeKind
	raw      *raw // the raw tracepoint that serves a classic one
	scratch  scratch
	vars     map[*check.Var]place
	varBytes int // scratch memory of variables, below all temporaries
	cached   map[cacheKey]place
	depth    int // loops nested at most
	funcs    []*gen
	returns  bool               // a loop's body returns from the probe
	returned place              // word in scratch memory: a loop's body has returned from the probe
	result   place              // word that holds what a test returns
	point    *check.AttachPoint // the only attach point; nil when cookies tell them apart
}

// gen generates one eBPF function: the program itself or the body of a loop.
type gen struct {
	code
	prog        *program
	parent      *gen // the function that runs this loop's body
	name        string
	frame       frame
	saved       place // where a loop's body finds R6 and R9
	usesScratch bool
	r7          bool // R7 is taken
	avail       map[cacheKey]bool
	end         label // leaves the program, or the loop's body after setting returned
	loop        *loop // innermost loop whose body is compiled here
	cold        []coldPath
	inlined     []*inlined    // functions of the program whose bodies are being compiled
	expanded    []syntax.Span // calls of macros that are being compiled, innermost first
}

// coldPath is code that is kept away from the straight line.
type coldPath struct {
	at, back label
	span     syntax.Span
	expanded []syntax.Span
	used     mark // memory that is in use at the place it belongs to
	body     func()
}

func (p *program) newGen(name string, parent *gen, budget int) *gen {
	g := &gen{prog: p, name: name, parent: parent, avail: map[cacheKey]bool{}, frame: frame{budget: budget}}
	if parent != nil {
		g.expanded = parent.expanded
	}
	g.end = g.newLabel()
	g.saved, _ = g.frame.alloc(16)
	p.funcs = append(p.funcs, g)
	return g
}

// program compiles a probe for the attach points.
func (c *compiler) program(probe *check.Probe, points []*check.AttachPoint) *Program {
	p := &program{compiler: c, probe: probe, kind: probe.Kind, vars: map[*check.Var]place{}, cached: map[cacheKey]place{}}
	p.out = c.newProgram(probe, points)
	if len(points) == 1 {
		p.point = points[0]
	}
	if probe.Kind == syntax.ProbeTracepoint && len(points) == 1 {
		if r := c.rawFor(probe, points[0]); r != nil {
			p.use(r)
		}
	}
	if probe.Kind == syntax.ProbeRawTracepoint && c.typedRaw(probe, points) {
		p.out.Type, p.out.Attach, p.out.Expect = ebpf.Tracing, AttachBTFTracepoint, ebpf.AttachTraceRawTp
	}
	main := p.newGen(p.out.Name, nil, stackSize)
	p.plan(main)
	main.span = probe.Decl.Span()
	main.body()
	p.link()
	return p.out
}

// body compiles predicate and statements.
func (g *gen) body() {
	p := g.prog
	g.enter()
	if p.probe.Predicate != nil {
		m := g.mark()
		yes := g.newLabel()
		g.cond(p.probe.Predicate, yes, g.end, yes)
		g.set(yes)
		g.release(m)
	}
	g.span = p.probe.Decl.Span()
	if p.probe.Predicate != nil {
		g.bump(Passed)
	}
	if p.returns {
		g.usesScratch = true
		g.storeImm(p.returned, 0, 8)
	}
	if p.result.base != 0 {
		g.usesScratch = true
		g.storeImm(p.result, 0, 8)
	}
	g.block(p.probe.Body)
	g.span = p.probe.Decl.Span()
	g.set(g.end)
	g.leave()
	g.coldPaths()
}

// leave ends the program.
func (g *gen) leave() {
	if p := g.prog; p.result.base != 0 {
		g.load(asm.R0, p.result, 8)
	} else {
		g.imm(asm.R0, 0)
	}
	g.exit()
}

// returnValue keeps R0 as what the program returns: the outcome of a test.
func (g *gen) returnValue() {
	if g.prog.result.base != 0 {
		g.storeReg(g.prog.result, asm.R0, 8)
	}
}

func (g *gen) coldPaths() {
	for i := 0; i < len(g.cold); i++ {
		c := g.cold[i]
		g.span, g.expanded = c.span, c.expanded
		g.release(c.used)
		g.set(c.at)
		c.body()
		g.jump(c.back)
	}
}

// outOfLine compiles body away from the straight line; it runs when something
// jumps to the label it returns and continues at back.
func (g *gen) outOfLine(back label, body func()) label {
	l := g.newLabel()
	g.cold = append(g.cold, coldPath{l, back, g.span, g.expanded, g.mark(), body})
	return l
}

// link joins the functions of the program, adds what each needs at its start and
// makes the map for scratch memory.
func (p *program) link() {
	called := map[string]bool{} // callers come first
	for _, g := range p.funcs {
		switch {
		case g.parent == nil:
			p.prologue(g)
		case !called[g.name]:
			continue // what called it was never reached
		}
		if !g.finish() {
			p.errorf(p.probe.Decl.Span(), "program-too-large", "the probe is too large: its code has jumps of more than 32767 instructions")
		}
		for i := range g.insns {
			if g.insns[i].IsFunctionReference() {
				called[g.insns[i].Reference()] = true
			}
		}
		g.insns[0] = p.markFunc(g)
		for _, l := range g.lines {
			p.out.Lines = append(p.out.Lines, Line{l.Insn + len(p.out.Insns), l.Span})
		}
		p.out.Insns = append(p.out.Insns, g.insns...)
	}
}

func (p *program) markFunc(g *gen) asm.Instruction {
	return g.insns[0].WithSymbol(g.name)
}

// prologue saves the context and looks up the scratch memory.
func (p *program) prologue(g *gen) {
	head := &code{span: g.span}
	head.mov(asm.R6, asm.R1)
	uses := false
	for _, f := range p.funcs {
		uses = uses || f.usesScratch
	}
	if uses {
		m := p.scratchMap()
		key := place{asm.R10, -8} // nothing is on the stack yet
		head.storeImm(key, 0, 4)
		head.addr(asm.R2, key)
		head.mapPtr(asm.R1, m)
		head.call(asm.FnMapLookupElem)
		ok := head.newLabel()
		head.jumpImm(asm.JNE, asm.R0, 0, ok)
		head.imm(asm.R0, 0)
		head.exit()
		head.set(ok)
		head.mov(asm.R9, asm.R0)
	}
	g.prepend(head)
}

// maxPerCPU is the largest value of a per-CPU map.
const maxPerCPU = 32 << 10

func (p *program) scratchMap() *Map {
	size := max(align8(p.scratch.peak), 8)
	if size > maxPerCPU {
		p.errorf(p.probe.Decl.Span(), "values-too-large",
			fmt.Sprintf("the values that this probe holds at once take %d bytes, more than the %d that the kernel gives a CPU; make max_strlen smaller", size, maxPerCPU))
		size = maxPerCPU
	}
	m := &Map{
		Name: "scratch_" + p.out.Name,
		Role: RoleScratch,
		Spec: &ebpf.MapSpec{Name: mapName("s_" + p.out.Name), Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: uint32(size), MaxEntries: 1},
	}
	p.obj.Maps = append(p.obj.Maps, m)
	return m
}
