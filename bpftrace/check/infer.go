package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// unit is one place that gives a variable, the key or the value of a map a
// type. Inference evaluates units until nothing changes; types only widen, so
// that it ends.
type unit struct {
	place
	queued bool
	eval   func(t *typer)
}

// pendingIf is an if whose comptime condition depends on types.
type pendingIf struct {
	place
	e                        *syntax.If
	stack                    []syntax.Span
	thenUnits, elseUnits     []*unit
	thenPending, elsePending []*pendingIf
}

// addUnit adds a place to what inference looks at, or to what it will look at
// if the branch around is taken.
func (b *binder) addUnit(eval func(t *typer)) {
	u := &unit{place: b.place, eval: eval}
	if b.collect != nil {
		*b.collect = append(*b.collect, u)
		return
	}
	b.units = append(b.units, u)
}

// infer gives every variable and map its type.
func (c *checker) infer() {
	c.enqueue(c.units)
	for {
		c.drain()
		if c.selfInitialize() {
			continue
		}
		if !c.decide() {
			return
		}
	}
}

func (c *checker) enqueue(units []*unit) {
	for _, u := range units {
		if !u.queued {
			u.queued = true
			c.queue = append(c.queue, u)
		}
	}
}

// drain evaluates what is queued and what that queues.
func (c *checker) drain() {
	for i := 0; i < len(c.queue); i++ {
		u := c.queue[i]
		u.queued = false
		u.eval(&typer{checker: c, place: u.place, unit: u})
		if i > 1024 && i*2 > len(c.queue) {
			c.queue = append(c.queue[:0], c.queue[i+1:]...)
			i = -1
		}
	}
	c.queue = c.queue[:0]
}

// selfInitialize gives maps that are only ever changed from what they hold,
// such as @n++, the type of their first value, 0.
func (c *checker) selfInitialize() bool {
	changed := false
	for _, m := range c.maps {
		if m.value == nil && m.used && m.selfInit {
			m.value = int8Type
			c.enqueue(m.valueDeps.list)
			changed = true
		}
	}
	return changed
}

// setVar joins t into the type of v.
func (t *typer) setVar(v *varState, ty *Type) {
	if ty == nil {
		return
	}
	if lock := t.locked[v]; lock != nil {
		return
	}
	if v.typ != nil && same(v.typ, ty) {
		return
	}
	p := promote(v.typ, ty)
	if p == nil || v.typ != nil && same(p, v.typ) {
		return
	}
	v.typ = p
	t.enqueue(v.dependents.list)
}

// setDeclared gives v the type that it was declared with.
func (t *typer) setDeclared(v *varState, ty *Type) {
	if ty == nil || v.typ != nil && same(v.typ, ty) {
		return
	}
	v.typ = ty
	t.enqueue(v.dependents.list)
}

func (t *typer) setKey(m *mapState, ty *Type) {
	if ty == nil || m.shape == shapeScalar || t.locked[mapPart{m, true}] != nil {
		return
	}
	p := promote(m.key, ty)
	if p == nil || m.key != nil && same(p, m.key) {
		return
	}
	m.key = p
	t.enqueue(m.keyDeps.list)
}

func (t *typer) setValue(m *mapState, ty *Type) {
	if ty == nil || t.locked[mapPart{m, false}] != nil {
		return
	}
	if m.value != nil && isAggregation(m.value.Kind) {
		return
	}
	p := promote(m.value, ty)
	if p == nil || m.value != nil && same(p, m.value) {
		return
	}
	if p.Kind == Struct || p.Kind == Array {
		p = withSpace(p, SpaceBPF)
	}
	m.value = p
	t.enqueue(m.valueDeps.list)
}

// setAggregation makes m a map of an aggregation.
func (t *typer) setAggregation(m *mapState, ty *Type) {
	if ty == nil || t.locked[mapPart{m, false}] != nil {
		return
	}
	p := ty
	if m.value != nil {
		if m.value.Kind != ty.Kind {
			return
		}
		if p = promoteElem(m.value, ty); same(p, m.value) {
			return
		}
	}
	m.value = p
	t.enqueue(m.valueDeps.list)
}

// validValue reports whether ty may be assigned to something that has type cur.
func validValue(ty, cur *Type, toMap bool) bool {
	switch {
	case ty.Kind == Void, isMultiKey(ty):
		return false
	case isCastable(ty) && (cur == nil || cur.Kind != Int && cur.Kind != Unknown):
		return !toMap && (cur == nil || cur.Kind == Unknown)
	}
	return true
}

// The units, by what they assign to.

func (b *binder) assignUnit(target *syntax.Variable, s *syntax.Assign) {
	v := b.info.Vars[target]
	if v == nil {
		return
	}
	st := b.state[v]
	b.addUnit(func(t *typer) {
		ty := t.assigned(s)
		if ty == nil || st.sized || !validValue(ty, st.typ, false) {
			return
		}
		t.setVar(st, ty)
	})
}

func (b *binder) letUnit(s *syntax.Let) {
	st := b.state[b.info.Vars[s.Var]]
	b.addUnit(func(t *typer) {
		ty := t.expr(s.Init)
		if ty == nil || st.sized || !validValue(ty, st.typ, false) {
			return
		}
		t.setVar(st, ty)
	})
}

// declUnit gives v the type te. A type without size, such as string, leaves the
// size to the assignments.
func (b *binder) declUnit(v *Var, te syntax.TypeExpr) {
	st := b.state[v]
	if _, ok := te.(*syntax.Typeof); ok {
		st.sized = true
	}
	b.addUnit(func(t *typer) {
		ty := t.typeExpr(te)
		if ty == nil {
			return
		}
		if ty.Size != 0 || ty.Kind == Unknown {
			st.sized = true
		}
		if st.sized {
			t.setDeclared(st, ty)
			return
		}
		t.setVar(st, ty)
	})
}

func (b *binder) incUnit(e *syntax.Unop) {
	switch x := e.X.(type) {
	case *syntax.Variable:
		v := b.info.Vars[x]
		if v == nil {
			return
		}
		st := b.state[v]
		b.addUnit(func(t *typer) {
			ty := t.expr(e)
			if ty == nil || st.sized || st.typ != nil && st.typ.Kind == Pointer {
				return
			}
			t.setVar(st, ty)
		})
	case *syntax.Map, *syntax.MapAccess:
		m := b.mapOf(x)
		m.written, m.selfInit = true, true
		b.addUnit(func(t *typer) {
			ty := t.expr(e)
			if ty == nil || m.value != nil && m.value.Kind == Pointer {
				return
			}
			t.setValue(m, ty)
		})
	}
}

// mapOf returns the map that x reads or sets.
func (c *checker) mapOf(x syntax.Expr) *mapState {
	switch x := x.(type) {
	case *syntax.Map:
		return c.mapState(x)
	case *syntax.MapAccess:
		return c.mapState(x.Map)
	}
	return nil
}

func (b *binder) mapUnit(s *syntax.Assign, m *mapState) {
	if s.Op != syntax.OpAssign {
		m.selfInit = true
	}
	b.addUnit(func(t *typer) {
		ty := t.assigned(s)
		if ty == nil || !validValue(ty, m.value, true) {
			return
		}
		t.setValue(m, ty)
	})
}

func (b *binder) aggUnit(s *syntax.Assign, m *mapState, e *syntax.Call, f *Function) {
	b.addUnit(func(t *typer) {
		t.setAggregation(m, t.aggregationType(e, f))
	})
}

func (b *binder) keyUnit(m *mapState, n located, keys []syntax.Expr) {
	b.addUnit(func(t *typer) {
		ty := t.keyType(keys)
		if ty == nil || !validValue(ty, m.key, false) {
			return
		}
		t.setKey(m, ty)
	})
}

func (b *binder) forUnit(s *syntax.For, v *Var) {
	st := b.state[v]
	if s.Map != nil {
		m := b.mapState(s.Map)
		b.addUnit(func(t *typer) {
			key, value := t.mapKey(m), t.mapValue(m)
			if key == nil || value == nil {
				return
			}
			t.setDeclared(st, composite(Tuple, []*Type{key, value}, nil))
		})
		return
	}
	b.addUnit(func(t *typer) {
		lo, hi := t.expr(s.Range.Lo), t.expr(s.Range.Hi)
		if lo == nil || hi == nil {
			return
		}
		t.setVar(st, rangeType(lo, hi))
	})
}

// rangeType is the type of the variable of a loop from lo to hi.
func rangeType(lo, hi *Type) *Type {
	if lo.Kind != Int || hi.Kind != Int {
		return unknownType
	}
	if lo.Size != hi.Size {
		return promoteInt(lo, hi)
	}
	return lo
}

func (b *binder) findUnit(e *syntax.Call, m *mapState, v *Var) {
	st := b.state[v]
	b.addUnit(func(t *typer) {
		value := t.mapValue(m)
		if value == nil {
			return
		}
		t.setVar(st, value)
	})
}

// decide resolves conditions that depend on types, now that types are known as
// far as they can be without them, and reports whether it switched code on.
func (c *checker) decide() bool {
	progress := false
	waiting := c.pending
	c.pending = nil
	for i, p := range waiting {
		t := &typer{checker: c, place: p.place, introspect: map[any]*Type{}}
		t.expr(p.e.Cond)
		l := t.foldDeep(p.e.Cond)
		if l == nil || l.kind >= litTuple {
			c.pending = append(c.pending, p)
			continue
		}
		progress = true
		for k, ty := range t.introspect {
			if ty != nil && c.locked[k] == nil {
				c.locked[k] = ty
			}
		}
		c.take(p, l.truth())
		// What was switched on may change types that the next condition
		// depends on, so look at one condition at a time.
		c.pending = append(c.pending, waiting[i+1:]...)
		break
	}
	return progress
}

// take switches the branch of p on that its condition chose.
func (c *checker) take(p *pendingIf, then bool) {
	c.kill(p.e, !then)
	units, pending := p.thenUnits, p.thenPending
	if !then {
		units, pending = p.elseUnits, p.elsePending
	}
	c.enqueue(units)
	c.pending = append(c.pending, pending...)
}
