package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Pointers into the kernel whose type the verifier knows are dereferenced by a
// load, which is ten times cheaper than a helper call. It follows types through
// members of structs; directlyReadable repeats its rules, so that it never sees a
// load that it would refuse. A pointer is tested for null before each load, since
// some may be null as far as the verifier knows.

// typedPointee locates what x points to by a pointer that the verifier follows.
func (g *gen) typedPointee(x syntax.Expr, t *check.Type) (loc, bool) {
	if g.prog.opts.PlainReads || t.Elem == nil || t.Elem.Kind != check.Struct || t.Elem.Struct == nil || t.Elem.Struct.BTF.ID == 0 {
		return loc{}, false
	}
	if !g.typedPointer(x) {
		return loc{}, false
	}
	return loc{typed: t.Elem.Struct, space: check.SpaceKernel}, true
}

// typedPointer puts the pointer x into R0 as one that the verifier follows, if it
// can be had.
func (g *gen) typedPointer(x syntax.Expr) bool {
	if !g.canBeTyped(x) {
		return false
	}
	g.followTyped(x)
	return true
}

func (g *gen) followTyped(x syntax.Expr) {
	x = g.strip(x)
	f, ok := x.(*syntax.FieldAccess)
	if !ok {
		g.call(asm.FnGetCurrentTaskBtf)
		return
	}
	field := g.prog.info.Fields[f]
	if g.inContext(f.X) {
		g.load(asm.R0, place{asm.R6, field.Offset}, 8)
		return
	}
	g.followTyped(f.X)
	g.directLoad(loc{typed: g.typeOf(g.strip(f.X)).Elem.Struct, off: field.Offset}, 8)
}

// canBeTyped reports whether the verifier knows the type of the pointer x.
func (g *gen) canBeTyped(x syntax.Expr) bool {
	x = g.strip(x)
	if c := g.prog.info.Calls[x]; c != nil && c.Func.Op == check.OpCurtask {
		return g.taskTyped()
	}
	f, ok := x.(*syntax.FieldAccess)
	if !ok {
		return false
	}
	field := g.prog.info.Fields[f]
	if field == nil || field.BitSize != 0 || field.Type == nil || field.Type.Space == check.SpaceUser {
		return false
	}
	if g.inContext(f.X) {
		return g.typedArgs() && field.Type.Kind == check.Pointer
	}
	base := g.strip(f.X)
	bt := g.typeOf(base)
	return bt.Kind == check.Pointer && bt.Elem != nil && bt.Elem.Kind == check.Struct &&
		directlyReadable(bt.Elem.Struct, field.Offset, 8, true) && g.canBeTyped(base)
}

// inContext reports whether the members of x are read from the probe's context.
func (g *gen) inContext(x syntax.Expr) bool {
	x = g.strip(x)
	if u, ok := x.(*syntax.Unop); ok && u.Op == syntax.OpDeref {
		x = g.strip(u.X)
	}
	c := g.prog.info.Calls[x]
	return c != nil && (c.Func.Op == check.OpArgs || c.Func.Op == check.OpCtx)
}

// typedArgs reports whether the verifier knows the types of what lies in the
// probe's context.
func (g *gen) typedArgs() bool {
	switch g.prog.out.Attach {
	case AttachFentry, AttachFexit, AttachBTFTracepoint, AttachIter:
		return g.prog.raw == nil
	}
	return false
}

// taskTyped reports whether curtask can be had as a typed pointer.
func (g *gen) taskTyped() bool {
	switch g.prog.out.Type {
	case ebpf.TracePoint, ebpf.RawTracepoint, ebpf.PerfEvent, ebpf.Kprobe, ebpf.Tracing:
		return g.prog.info.Target.Has(check.AbilityCurrentTaskBTF) == check.Yes
	}
	return false
}

// directLoad reads size bytes at l into R0; through a null pointer it reads 0.
func (g *gen) directLoad(l loc, size int) {
	end := g.newLabel()
	null := g.outOfLine(end, func() { g.imm(asm.R0, 0) })
	g.jumpImm(asm.JEq, asm.R0, 0, null)
	g.load(asm.R0, place{asm.R0, l.off}, size)
	g.set(end)
}

// directlyReadable reports whether the verifier allows a load of size bytes at
// off of s (btf_struct_walk in kernel/bpf/btf.c): inside one member that is no
// bitfield, and the whole of it when it is a pointer. It takes the first member
// of a union that covers the place, whichever was meant.
func directlyReadable(s *check.CStruct, off, size int, pointer bool) bool {
	if s == nil || s.BTF.ID == 0 || off+size > s.Size {
		return false
	}
	for depth := 0; depth < 32; depth++ {
		m := memberAt(s, off, size)
		if m == nil {
			return false
		}
		t, at := m.Type, off-m.Offset
		for t.Kind == check.Array && t.Elem != nil {
			if t.Elem.Size == 0 {
				return false
			}
			at %= t.Elem.Size
			t = t.Elem
		}
		switch t.Kind {
		case check.Struct:
			s, off = t.Struct, at
			if s == nil || off+size > s.Size {
				return false
			}
			continue
		case check.Pointer:
			return at == 0 && size == 8 && t.Space != check.SpaceUser
		}
		return !pointer && at+size <= t.Size
	}
	return false
}

func memberAt(s *check.CStruct, off, size int) *check.Field {
	members := s.Members()
	for i := range members {
		m := &members[i]
		if m.Type == nil || m.Type.Kind == check.Unknown {
			return nil
		}
		if off+size <= m.Offset || m.BitSize != 0 && off < m.Offset+m.Type.Size {
			return nil
		}
		if m.BitSize == 0 && off < m.Offset+m.Type.Size {
			if off < m.Offset {
				return nil
			}
			return m
		}
	}
	return nil
}
