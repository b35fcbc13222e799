package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// cacheKey names a fact about the event that does not change while the probe
// runs, so that it is asked of the kernel only once.
type cacheKey string

const (
	cachePidTgid cacheKey = "pid_tgid"
	cacheUidGid  cacheKey = "uid_gid"
	cacheComm    cacheKey = "comm"
	cacheTask    cacheKey = "curtask"
	cacheCgroup  cacheKey = "cgroup"
	cacheCookie  cacheKey = "cookie"
)

const commSize = 16

var cacheKeys = map[check.FuncOp]cacheKey{
	check.OpPid: cachePidTgid, check.OpTid: cachePidTgid, check.OpUsym: cachePidTgid, check.OpUstack: cachePidTgid,
	check.OpUid: cacheUidGid, check.OpGid: cacheUidGid, check.OpUsername: cacheUidGid,
	check.OpComm: cacheComm, check.OpCurtask: cacheTask, check.OpCgroup: cacheCgroup,
}

// plan walks the probe before it is compiled: it decides where variables live,
// which facts are kept, and how much of the stack each function may use.
func (p *program) plan(main *gen) {
	looped := map[*check.Var]bool{}
	var order []*check.Var
	uses := map[cacheKey]int{}
	v := &visitor{info: p.info}
	v.expr = func(e syntax.Expr, loop int) {
		p.depth = max(p.depth, loop)
		switch e := e.(type) {
		case *syntax.Variable:
			if d := p.info.Vars[e]; d != nil {
				if _, seen := looped[d]; !seen {
					order = append(order, d)
				}
				looped[d] = looped[d] || loop > 0
			}
		case *syntax.Call, *syntax.Builtin, *syntax.Ident:
			if c := p.info.Calls[e]; c != nil && loop == 0 && len(c.Args) == 0 {
				uses[cacheKeys[c.Func.Op]]++
			}
			if c := p.info.Calls[e]; c != nil && c.Func.Op == check.OpExit && loop > 0 {
				p.returns = true
			}
		}
	}
	v.stmt = func(s syntax.Stmt, loop int) {
		switch s := s.(type) {
		case *syntax.While, *syntax.For:
			p.depth = max(p.depth, loop+1)
		case *syntax.Jump:
			p.returns = p.returns || s.Kind == syntax.Return && loop > 0
		}
	}
	v.expression(p.probe.Predicate)
	v.block(p.probe.Body)
	p.budget(main)
	p.keep(main, uses)
	if p.returns {
		p.returned = place{asm.R9, 0}
		p.varBytes = 8
	}
	for _, d := range order {
		p.placeVar(main, d, looped[d])
	}
	if p.kind == syntax.ProbeTest {
		p.result = place{asm.R9, p.varBytes}
		p.varBytes += 8
	}
	p.scratch.used = p.varBytes
	p.scratch.peak = p.varBytes
}

// budget divides the stack between the program and the bodies of its loops.
func (p *program) budget(main *gen) {
	main.frame.budget = stackSize - 2*frameMin // a loop over CPUs may be called
	if p.depth > 0 {
		main.frame.budget = frameOf(p.depth)
	}
}

// frameOf returns the stack that a function may use when loops are nested depth
// deep around or inside it.
func frameOf(depth int) int { return stackSize / (depth + 2) / frameMin * frameMin }

// maxCached is the stack that kept facts may take.
const maxCached = 64

func (p *program) keep(main *gen, uses map[cacheKey]int) {
	for _, k := range []cacheKey{cachePidTgid, cacheUidGid, cacheComm, cacheTask, cacheCgroup} {
		size := 8
		if k == cacheComm {
			size = commSize
		}
		if uses[k] < 2 || main.frame.used+size > maxCached {
			continue
		}
		if at, ok := main.frame.alloc(size); ok {
			p.cached[k] = at
		}
	}
}

// maxVarStack is the stack that variables may take of the 512 bytes.
const maxVarStack = 192

func (p *program) placeVar(main *gen, v *check.Var, looped bool) {
	size := max(varSize(v.Type), 8)
	if !looped && p.depth == 0 && size <= 32 && main.frame.used+size <= maxVarStack {
		if at, ok := main.frame.alloc(size); ok {
			p.vars[v] = at
			return
		}
	}
	p.vars[v] = place{asm.R9, p.varBytes}
	p.varBytes += size
}

// kept computes a fact into R0, or reads it again where it is kept.
func (g *gen) kept(k cacheKey, compute func()) {
	p, ok := g.prog.cached[k]
	if !ok || g.parent != nil {
		compute()
		return
	}
	if g.avail[k] {
		g.load(asm.R0, p, 8)
		return
	}
	compute()
	g.storeReg(p, asm.R0, 8)
	g.avail[k] = true
}
