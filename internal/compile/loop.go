package compile

import (
	"fmt"

	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// loop is a loop whose body is being compiled. The body of a while or for loop is
// a callback of bpf_loop or bpf_for_each_map_elem: an eBPF function of its own,
// which makes the kernel verify it once however often it runs.
type loop struct {
	next label // continue
	stop label // break
}

// maxLoop is how often the kernel lets bpf_loop repeat.
const maxLoop = 1 << 23

// maxNesting is how deep functions may call each other.
const maxNesting = 7

// callback compiles body as a function that the kernel calls for every round. In
// it R6 and R9 are what they are in the caller, which passes the address of
// where it saved them in argument arg. The caller goes on with R0 undefined, and
// leaves too when the body returned from the probe.
func (g *gen) callback(span syntax.Span, arg asm.Register, run func(name string, ctx place), body func(b *gen)) {
	depth := 1
	for p := g; p.parent != nil; p = p.parent {
		depth++
	}
	if depth > maxNesting {
		g.fail(span, "loops-too-deep", "loops can be nested %d deep, since the kernel allows %d frames on the stack", maxNesting, maxNesting+1)
	}
	saved := g.saved
	g.usesScratch = true
	p := g.prog
	name := fmt.Sprintf("%s_l%d", p.out.Name, len(p.funcs))
	b := p.newGen(name, g, frameOf(p.depth))
	b.span, b.inlined = span, g.inlined
	b.mov(asm.R0, arg)
	b.load(asm.R6, place{asm.R0, 0}, 8)
	b.load(asm.R9, place{asm.R0, 8}, 8)
	b.loop = &loop{next: b.newLabel(), stop: b.newLabel()}
	// The arguments are saved by body before anything else.
	body(b)
	b.finishCallback()
	g.storeReg(saved, asm.R6, 8)
	g.storeReg(saved.plus(8), asm.R9, 8)
	run(name, saved)
	if p.returns {
		g.load(asm.R0, p.returnFlag(), 8)
		g.jumpImm(asm.JNE, asm.R0, 0, g.end)
	}
	g.avail = map[cacheKey]bool{}
}

// finishCallback ends a loop's body: 0 goes on, 1 leaves the loop.
func (b *gen) finishCallback() {
	b.set(b.loop.next)
	b.imm(asm.R0, 0)
	b.exit()
	b.set(b.loop.stop)
	b.set(b.end)
	b.imm(asm.R0, 1)
	b.exit()
	b.coldPaths()
}

// returnFlag is the word that says that a loop's body returned from the probe.
func (p *program) returnFlag() place { return p.returned }

func (g *gen) loadFunc(dst asm.Register, name string) {
	ins := asm.LoadImm(dst, -1, asm.DWord)
	ins.Src = asm.PseudoFunc
	g.emit(ins.WithReference(name))
}

// bpfLoop repeats body as often as R0 says.
func (g *gen) bpfLoop(span syntax.Span, body func(b *gen)) {
	g.need(check.AbilityLoop, span, "this loop")
	count := g.temp(8)
	g.storeReg(count, asm.R0, 8)
	g.callback(span, asm.R2, func(name string, ctx place) {
		g.load(asm.R1, count, 8)
		g.loadFunc(asm.R2, name)
		g.addr(asm.R3, ctx)
		g.imm(asm.R4, 0)
		g.call(asm.FnLoop)
	}, body)
}

// maxCalls is how many rounds of a loop are made by calls: the verifier walks
// through all of them.
const maxCalls = 256

// callLoop repeats body rounds times by calling it, on kernels without bpf_loop.
func (g *gen) callLoop(span syntax.Span, rounds int, body func(b *gen)) {
	g.r7 = true
	g.callback(span, asm.R2, func(name string, ctx place) {
		again := g.newLabel()
		g.imm(asm.R7, 0)
		g.set(again)
		g.mov(asm.R1, asm.R7)
		g.emit(asm.Add.Imm(asm.R7, 1))
		g.addr(asm.R2, ctx)
		g.emit(asm.Instruction{OpCode: asm.OpCode(asm.JumpClass).SetJumpOp(asm.Call), Src: asm.PseudoCall, Constant: -1}.WithReference(name))
		done := g.newLabel()
		g.jumpImm(asm.JNE, asm.R0, 0, done)
		g.jumpImm(asm.JLT, asm.R7, int32(rounds), again)
		g.set(done)
	}, body)
	g.r7 = false
}

// roundsOf returns how often a range runs where that is known and few.
func (g *gen) roundsOf(r *syntax.Range) (int, bool) {
	lo, ok := g.constant(r.Lo)
	hi, ok2 := g.constant(r.Hi)
	n := hi - lo
	return int(n), ok && ok2 && n > 0 && n <= maxCalls
}

func (g *gen) while(s *syntax.While) {
	if v, ok := g.constant(s.Cond); ok && v == 0 {
		return
	}
	g.imm(asm.R0, maxLoop)
	g.bpfLoop(s.Span(), func(b *gen) {
		m := b.mark()
		yes := b.newLabel()
		b.cond(s.Cond, yes, b.loop.stop, yes)
		b.set(yes)
		b.release(m)
		b.block(s.Body)
	})
}

func (g *gen) forLoop(s *syntax.For) {
	if s.Range != nil {
		g.forRange(s)
		return
	}
	g.forMap(s)
}

// forRange runs the body for lo to hi-1.
func (g *gen) forRange(s *syntax.For) {
	v := g.prog.info.Vars[s.Var]
	lo := g.scratchTemp(8)
	body := func(b *gen) {
		b.load(asm.R0, lo, 8)
		b.emit(asm.Add.Reg(asm.R0, asm.R1)) // R1: number of the round
		b.storeReg(b.varPlace(v), asm.R0, 8)
		b.block(s.Body)
	}
	g.scalar(s.Range.Lo)
	g.storeReg(lo, asm.R0, 8)
	if n, ok := g.roundsOf(s.Range); ok && !g.r7 && g.prog.info.Target.Has(check.AbilityLoop) == check.No {
		g.callLoop(s.Span(), n, body)
		return
	}
	g.scalar(s.Range.Hi)
	g.load(asm.R1, lo, 8)
	some, go_ := g.newLabel(), g.newLabel()
	g.jumpReg(asm.JSGT, asm.R0, asm.R1, some)
	g.mov(asm.R0, asm.R1)
	g.set(some)
	g.emit(asm.Sub.Reg(asm.R0, asm.R1))
	g.jumpImm(asm.JLE, asm.R0, maxLoop, go_)
	g.imm(asm.R0, maxLoop)
	g.set(go_)
	g.bpfLoop(s.Span(), body)
}

// forMap runs the body for every entry of a map; the variable is (key, value).
func (g *gen) forMap(s *syntax.For) {
	g.need(check.AbilityForEachMapElem, s.Span(), "for over a map")
	m := g.mapOf(s.Map)
	v := g.prog.info.Vars[s.Var]
	pair := LayoutOf(v.Type, 0)
	g.callback(s.Span(), asm.R4, func(name string, ctx place) {
		g.mapPtr(asm.R1, m)
		g.loadFunc(asm.R2, name)
		g.addr(asm.R3, ctx)
		g.imm(asm.R4, 0)
		g.call(asm.FnForEachMapElem)
	}, func(b *gen) {
		at := b.varPlace(v)
		b.mov(asm.R7, asm.R3)
		b.r7 = true
		key, value := pair.Parts[0], pair.Parts[1]
		b.moveFrom(asm.R2, m.User.Key, at.plus(key.Offset), key.Type)
		if isAggregation(m.User.Value) {
			b.r7 = false
			b.sumCPUs(m, at.plus(key.Offset), s.Span())
			b.storeReg(at.plus(value.Offset), asm.R0, 8)
		} else {
			b.moveFrom(asm.R7, m.User.Value, at.plus(value.Offset), value.Type)
			b.r7 = false
		}
		b.block(s.Body)
	})
}

// moveFrom copies a value at the address in r, which is not R0 or R1.
func (g *gen) moveFrom(r asm.Register, from *check.Type, dst place, to *check.Type) {
	if r != asm.R7 && SizeOf(from) > maxUnrolled {
		g.mov(asm.R3, r)
		r = asm.R3
	}
	if sameLayout(from, to) {
		g.copy(dst, place{r, 0}, SizeOf(to))
		return
	}
	g.convert(place{r, 0}, from, dst, to)
}

// leaveLoop compiles break and continue.
func (g *gen) leaveLoop(k syntax.JumpKind) {
	l := g.loop
	if k == syntax.Continue {
		g.jump(l.next)
		return
	}
	g.jump(l.stop)
}

// returnFrom leaves the probe, out of all loops.
func (g *gen) returnFrom(s *syntax.Jump) {
	if len(g.inlined) > 0 {
		g.returnInlined(s)
		return
	}
	if s.Value != nil {
		g.scalar(s.Value)
		g.returnValue()
	}
	g.leaveProbe()
}

// leaveProbe ends the probe from wherever the code is.
func (g *gen) leaveProbe() {
	if g.parent != nil {
		g.storeImm(g.prog.returnFlag(), 1, 8)
	}
	g.jump(g.end)
}
