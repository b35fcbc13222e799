package compile

import (
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// Memory of a program. Small values live on the stack of the eBPF function; what
// does not fit its budget lives in the program's scratch memory, a per-CPU map
// value of its own whose address R9 holds. A program needs no scratch memory
// unless something asked for it.
//
// Variables that a loop's body touches live in scratch memory too: the body is a
// function of its own, and memory whose content the verifier does not follow
// makes every loop converge.
const (
	stackSize = 512
	frameMin  = 32 // the kernel rounds every frame of a call chain up to this
	smallSize = 64 // bytes of the largest value that is put on the stack
)

// frame hands out the stack of one eBPF function.
type frame struct {
	budget int // bytes that may be used
	used   int // bytes in use now, from R10 downwards
	peak   int
}

// alloc returns size bytes of stack, a multiple of 8.
func (f *frame) alloc(size int) (place, bool) {
	if f.used+size > f.budget {
		return place{}, false
	}
	f.used += size
	f.peak = max(f.peak, f.used)
	return place{asm.R10, -f.used}, true
}

// scratch hands out the scratch memory of one program.
type scratch struct {
	used, peak int
}

func (s *scratch) alloc(size int) place {
	p := place{asm.R9, s.used}
	s.used += size
	s.peak = max(s.peak, s.used)
	return p
}

// mark remembers what is in use, so that temporaries can be released together.
type mark struct{ stack, scratch int }

func (g *gen) mark() mark { return mark{g.frame.used, g.prog.scratch.used} }

func (g *gen) release(m mark) {
	g.frame.used, g.prog.scratch.used = m.stack, m.scratch
}

// temp returns memory for size bytes until its mark is released. Its content is
// undefined: every byte that a helper reads must be written first.
func (g *gen) temp(size int) place {
	size = max(align8(size), 8)
	if size <= smallSize {
		if p, ok := g.frame.alloc(size); ok {
			return p
		}
	}
	return g.scratchTemp(size)
}

func (g *gen) scratchTemp(size int) place {
	g.usesScratch = true
	return g.prog.scratch.alloc(align8(size))
}

// varPlace returns the memory of a variable, which it has for the whole program.
func (g *gen) varPlace(v *check.Var) place {
	p := g.prog
	if at, ok := p.vars[v]; ok {
		if at.base == asm.R9 {
			g.usesScratch = true
		}
		return at
	}
	// Every variable that was not placed before the body was compiled lives in
	// scratch memory below all temporaries.
	at := place{asm.R9, p.varBytes}
	p.varBytes += max(varSize(v.Type), 8)
	p.vars[v] = at
	g.usesScratch = true
	return at
}

// varSize is SizeOf, but for values that a variable holds by their address.
func varSize(t *check.Type) int {
	if byAddress(t) {
		return WordSize
	}
	return SizeOf(t)
}

// byAddress reports whether a variable of type t holds the address of memory
// that is not the program's own.
func byAddress(t *check.Type) bool {
	if t == nil || t.Kind != check.Struct && t.Kind != check.Array {
		return false
	}
	return t.Space == check.SpaceKernel || t.Space == check.SpaceUser || t.Ctx
}
