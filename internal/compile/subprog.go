package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// A function of the program is compiled in place of each of its calls: its
// arguments may be of any size, and its body may use the probe's context.

// maxInlined is how deep functions may call each other.
const maxInlined = 16

// inlined is a call whose body is being compiled.
type inlined struct {
	subprog *check.Subprog
	end     label
	to      *target // where the result goes; R0 when nil
	fn      *gen    // the eBPF function that the call is in
	value   place   // scalar result, kept over the jump to end
}

// target is memory for a value of a type.
type target struct {
	place
	typ *check.Type
}

func subprogOf(info *check.Info, c *check.Call) *check.Subprog {
	if c == nil || c.Func == nil || c.Func.Op != 0 {
		return nil
	}
	for _, s := range info.Subprogs {
		if s.Decl.Name.Name == c.Func.Name {
			return s
		}
	}
	return nil
}

func (g *gen) subprogOf(c *check.Call) *check.Subprog { return subprogOf(g.prog.info, c) }

// inlineCall compiles a call of s. The result goes to R0, or to memory.
func (g *gen) inlineCall(e syntax.Expr, c *check.Call, s *check.Subprog, to *target) {
	for _, in := range g.inlined {
		if in.subprog == s {
			g.fail(e.Span(), "recursion", "%s calls itself, which the kernel cannot run", c.Func.Name)
		}
	}
	if len(g.inlined) >= maxInlined {
		g.fail(e.Span(), "recursion", "functions call each other more than %d deep", maxInlined)
	}
	for i, a := range c.Args {
		if i < len(s.Args) {
			g.assignVar(s.Args[i], a)
		}
	}
	in := &inlined{subprog: s, end: g.newLabel(), to: to, fn: g, value: g.scratchTemp(8)}
	outer := g.loop
	g.inlined, g.loop = append(g.inlined, in), nil
	g.statements(s.Decl.Body.Stmts)
	if v := s.Decl.Body.Value; v != nil {
		g.giveResult(in, v)
	}
	g.inlined, g.loop = g.inlined[:len(g.inlined)-1], outer
	g.set(in.end)
	if to == nil {
		g.load(asm.R0, in.value, 8)
	}
	g.avail = map[cacheKey]bool{}
}

func (g *gen) giveResult(in *inlined, v syntax.Expr) {
	switch {
	case in.to != nil:
		g.store(v, in.to.place, in.to.typ)
	case in.subprog.Result != nil && in.subprog.Result.Kind == check.Void:
		g.discard(v)
	default:
		g.scalar(v)
		g.storeReg(in.value, asm.R0, 8)
	}
}

func (g *gen) returnInlined(s *syntax.Jump) {
	in := g.inlined[len(g.inlined)-1]
	if s.Value != nil {
		g.giveResult(in, s.Value)
	}
	if in.fn != g {
		g.fail(s.Span(), "not-compiled", "return inside a loop of a function is not compiled yet")
	}
	g.jump(in.end)
}
