package check

import (
	"sort"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// judge walks all code again, now that types are known: it reports what is
// wrong and writes the tables of Info.
func (c *checker) judge() {
	for _, s := range c.info.Subprogs {
		t := &typer{checker: c, place: place{fn: s}, judging: true}
		t.judgeSubprog(s)
	}
	for _, p := range c.info.Probes {
		t := &typer{checker: c, place: place{probe: p}, judging: true}
		t.judgeProbe(p)
	}
	c.judgeUnusedMaps()
}

func (t *typer) judgeProbe(p *Probe) {
	if p.Predicate != nil {
		ty := t.expr(p.Predicate)
		t.condition(predicateSpan(p.Predicate), p.Predicate, ty)
	}
	t.stmts(p.Body.Stmts)
	if p.Body.Value != nil {
		t.discarded(p.Body.Value, p.Body.Value, t.expr(p.Body.Value))
	}
}

// predicateSpan is the predicate with its slashes.
func predicateSpan(e syntax.Expr) syntax.Span {
	s := e.Span()
	if s.Src == nil {
		return s
	}
	text := s.Src.Text
	for i := int(s.Start) - 1; i >= 0; i-- {
		if text[i] == '/' {
			s.Start = uint32(i)
			break
		}
	}
	for i := int(s.End); i < len(text); i++ {
		if text[i] == '/' {
			s.End = uint32(i + 1)
			break
		}
	}
	return s
}

func (t *typer) judgeSubprog(s *Subprog) {
	for i, a := range s.Decl.Args {
		ty := t.typeExpr(a.Type)
		if ty.Kind == Unknown && !t.opaqueType(a.Type) && len(t.diags) == 0 {
			t.errorf(CodeUnresolvedType, a, "Unable to resolve argument type.")
		}
		t.record(a.Var, ty)
		s.Args[i].Type = ty
	}
	s.Result = t.typeExpr(s.Decl.Result)
	t.stmts(s.Decl.Body.Stmts)
	if s.Decl.Body.Value != nil {
		t.expr(s.Decl.Body.Value)
	}
	for _, missing := range t.noReturn {
		if missing == s && s.Result.Kind != Void {
			t.errorf(CodeReturn, s.Decl, "Function %s is of type %s, cannot return void", s.Decl.Name.Name, s.Result)
		}
	}
}

// opaqueType reports whether te is one that the target cannot know.
func (t *typer) opaqueType(te syntax.TypeExpr) bool {
	ty := t.info.TypeExprs[te]
	return ty != nil && ty.Name != ""
}

func (t *typer) stmts(list []syntax.Stmt) {
	for _, s := range list {
		t.stmt(s)
	}
}

func (t *typer) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.ExprStmt:
		t.discarded(s, s.X, t.expr(s.X))
	case *syntax.Discard:
		t.expr(s.X)
	case *syntax.Assign:
		t.judgeAssign(s)
	case *syntax.Let:
		t.judgeLet(s)
	case *syntax.While:
		t.expr(s.Cond)
		t.loop(s.Body)
	case *syntax.Unroll:
		t.expr(s.Count)
		t.literalParam(t.lits[s.Count])
		if l := t.lits[s.Count]; l != nil {
			t.constArg(s.Count, l)
		}
		t.stmts(s.Body.Stmts)
		t.value(s.Body)
	case *syntax.For:
		t.judgeFor(s)
	case *syntax.Jump:
		t.judgeJump(s)
	}
}

// value judges the value of a block whose value is not used.
func (t *typer) value(b *syntax.Block) {
	if b.Value != nil {
		t.discarded(b.Value, b.Value, t.expr(b.Value))
	}
}

func (t *typer) loop(b *syntax.Block) {
	t.loops++
	t.stmts(b.Stmts)
	t.value(b)
	t.loops--
}

// discarded warns of a value that nothing uses.
func (t *typer) discarded(n located, e syntax.Expr, ty *Type) {
	if ty.Kind == Unknown || ty.Kind == Void {
		return
	}
	if u, ok := unparen(e).(*syntax.Unop); ok && (u.Op == syntax.OpInc || u.Op == syntax.OpDec) {
		return
	}
	if call, ok := e.(*syntax.Call); ok {
		if f := LookupFunction(call.Func.Name); f != nil && (f.Op == OpDelete || f.Op == OpWriteUser) {
			return
		}
	}
	t.warnf(CodeDiscarded, n, "Return value discarded.")
}

// assigned is the type of what s assigns.
func (t *typer) assigned(s *syntax.Assign) *Type {
	if s.Op == syntax.OpAssign {
		return t.expr(s.Value)
	}
	o := &operation{at: s, op: s.Op, l: s.Target, r: s.Value, lt: t.expr(s.Target), rt: t.expr(s.Value)}
	if t.judging && isKnown(o.lt) && isKnown(o.rt) {
		quiet := *t
		quiet.judging = false
		if ty := quiet.operate(o); ty != nil && isKnown(ty) && promote(o.lt, ty) == nil {
			return ty // the assignment is what is wrong
		}
	}
	return t.operate(o)
}

func (t *typer) judgeAssign(s *syntax.Assign) {
	switch target := s.Target.(type) {
	case *syntax.Variable:
		ty := t.assigned(s)
		t.assignVar(s, target, s.Value, ty)
	case *syntax.Map:
		t.assignMap(s, target, nil)
	case *syntax.MapAccess:
		t.assignMap(s, target.Map, target)
	default:
		t.assigned(s)
	}
}

// assignVar judges the assignment of a value of type ty to a variable.
func (t *typer) assignVar(n located, target *syntax.Variable, value syntax.Expr, ty *Type) {
	v := t.info.Vars[target]
	if v == nil {
		return
	}
	st := t.state[v]
	if st.typ == nil {
		if ty.Kind == Void || isAggregation(ty.Kind) {
			t.errorf(CodeAggregationPlace, n, "Value '%s' cannot be assigned to a scratch variable.", ty)
		} else if ty.Kind != Unknown {
			t.errorf(CodeUnresolvedType, n, "Invalid expression for assignment")
		}
		st.typ = unknownType
	}
	t.record(target, st.typ)
	if ty.Kind == Unknown {
		return
	}
	switch {
	case !validValue(ty, st.typ, false) && st.typ.Kind != Unknown:
		t.errorf(CodeAggregationPlace, n, "Value '%s' cannot be assigned to a scratch variable.", ty)
	case !t.lockedFits(st, v.Name, ty, n):
	case !st.sized && promote(st.typ, ty) == nil, !t.convertAssigned(n, value, ty, st.typ):
		d := t.errorf(CodeTypeMismatch, n, "Type mismatch for %s: trying to assign value of type '%s' when variable already has a type '%s'", v.Name, ty, st.typ)
		if st.originNode != nil && st.originNode.Span() != n.Span() {
			note(d, st.originNode, "This is the %s.", st.origin)
		}
	}
}

// convertAssigned is convert for the value of an assignment; for a compound one
// there is no expression for the value.
func (t *typer) convertAssigned(n located, value syntax.Expr, from, to *Type) bool {
	if s, ok := n.(*syntax.Assign); ok && s.Op != syntax.OpAssign {
		value = nil
	}
	return t.convert(value, from, to)
}

func (t *typer) judgeLet(s *syntax.Let) {
	var declared *Type
	if s.Type != nil {
		declared = t.typeExpr(s.Type)
		if declared.Kind == Void || isAggregation(declared.Kind) {
			t.errorf(CodeDeclaredType, s.Type, "Invalid variable declaration type: %s", declared)
		}
	}
	v := t.info.Vars[s.Var]
	if v == nil {
		return
	}
	if s.Init == nil {
		t.record(s.Var, t.state[v].typ)
		return
	}
	t.assignVar(s, s.Var, s.Init, t.expr(s.Init))
}

func (t *typer) assignMap(s *syntax.Assign, n *syntax.Map, acc *syntax.MapAccess) {
	m := t.mapState(n)
	var at located = n
	if acc != nil {
		at = acc
	}
	if s.Op == syntax.OpAssign {
		if e, f := t.aggregationOf(s.Value); f != nil {
			t.assignAggregation(s, m, n, acc, e, f)
			return
		}
	}
	ty := t.assigned(s)
	if !t.mapShape(n, at) {
		return
	}
	if acc != nil && s.Op == syntax.OpAssign {
		t.key(m, acc, acc.Keys)
	}
	t.record(s.Target, m.value)
	if ty.Kind == Unknown {
		return
	}
	t.assignValue(s, m, ty)
	t.checkMapKind(n, m)
}

// aggregationOf is binder.aggregation for bound code.
func (t *typer) aggregationOf(x syntax.Expr) (*syntax.Call, *Function) {
	switch x := unparen(x).(type) {
	case *syntax.Call:
		if call := t.info.Calls[x]; call != nil && isAggregationFunc(call.Func) && call.Map != nil {
			return x, call.Func
		}
	case *syntax.BlockExpr:
		if x.Block.Value != nil {
			return t.aggregationOf(x.Block.Value)
		}
	}
	return nil, nil
}

func (t *typer) assignAggregation(s *syntax.Assign, m *mapState, n *syntax.Map, acc *syntax.MapAccess, e *syntax.Call, f *Function) {
	if blk, ok := unparen(s.Value).(*syntax.BlockExpr); ok {
		t.stmts(blk.Block.Stmts)
		t.record(blk, voidType)
	}
	var at located = n
	if acc != nil {
		at = acc
	}
	if t.mapShape(n, at) && acc != nil {
		t.key(m, acc, acc.Keys)
	} else if acc != nil {
		t.exprs(acc.Keys)
	}
	t.record(s.Target, m.value)
	t.judgeAggregation(m, e, f)
	t.checkMapKind(n, m)
}

// assignValue judges the assignment of a value of type ty to m.
func (t *typer) assignValue(s *syntax.Assign, m *mapState, ty *Type) {
	if m.value == nil {
		t.copied(s, m, ty)
		return
	}
	switch {
	case !validValue(ty, m.value, true):
		t.copied(s, m, ty)
	case isAggregation(m.value.Kind):
		t.assignMismatch(s, m.Name, "map", ty, m.value)
	case !t.lockedFits(mapPart{m, false}, m.Name, ty, s):
	case promote(m.value, ty) == nil:
		d := t.errorf(CodeTypeMismatch, s, "Type mismatch for %s: trying to assign value of type '%s' when map already has a type '%s'", m.Name, ty, m.value)
		note(d, m.Pos, "%s is first used here.", m.Name)
	case !t.convertAssigned(s, s.Value, ty, m.value):
		t.errorf(CodeTypeMismatch, s, "Type mismatch for %s: trying to assign value of type '%s' when map already has a value type '%s'", m.Name, ty, m.value)
	}
}

// aggregationHints are whole calls, for messages.
var aggregationHints = map[Kind]string{
	Count: "count()", Sum: "sum(retval)", Min: "min(retval)", Max: "max(retval)", Avg: "avg(retval)", Hist: "hist(retval)",
	LHist: "lhist(rand %10, 0, 10, 1)", TSeries: "tseries(rand %10, 10s, 1)", Stats: "stats(arg2)",
}

// copied reports a value that no map can be assigned.
func (t *typer) copied(s *syntax.Assign, m *mapState, ty *Type) {
	if !isAggregation(ty.Kind) {
		t.errorf(CodeVoidValue, s, "Value '%s' cannot be assigned to a map.", ty)
		return
	}
	d := t.errorf(CodeAggregationCopy, s, "Map value '%s' cannot be assigned from one map to another. The function that returns this type must be called directly e.g. `%s = %s;`.", ty, m.Name, aggregationHints[ty.Kind])
	from := ""
	switch x := s.Value.(type) {
	case *syntax.Map:
		from = x.Name
	case *syntax.MapAccess:
		from = x.Map.Name
	}
	if isCastable(ty) && from != "" {
		hint(d, "Add a cast to integer if you want the value of the aggregate, e.g. `%s = (int64)%s;`.", m.Name, from)
		fix(d, false, "cast to an integer", s.Value, "(int64)"+s.Value.Span().Text())
	}
}

func (t *typer) judgeFor(s *syntax.For) {
	v := t.info.Vars[s.Var]
	if s.Map != nil {
		t.judgeForMap(s)
	} else {
		t.judgeForRange(s)
	}
	if v != nil {
		if t.state[v].typ == nil {
			t.state[v].typ = unknownType
		}
		t.record(s.Var, t.state[v].typ)
	}
	t.loop(s.Body)
}

func (t *typer) judgeForMap(s *syntax.For) {
	m := t.mapState(s.Map)
	if !t.mapUse(s.Map, m, (*syntax.MapAccess)(nil)) {
		return
	}
	t.record(s.Map, m.value)
	if isMultiKey(m.value) {
		d := t.errorf(CodeLoopMap, s.Map, "Loop expression does not support type: %s", m.value)
		hint(d, "print(%s) prints all of it.", s.Map.Name)
	}
}

func (t *typer) judgeForRange(s *syntax.For) {
	lo, hi := t.expr(s.Range.Lo), t.expr(s.Range.Hi)
	at := s.Span()
	at.End = s.Range.Span().End
	if lo.Kind != Int && lo.Kind != Unknown {
		t.errorf(CodeLoopRange, at, "Loop range requires an integer for the start value")
	}
	if hi.Kind != Int && hi.Kind != Unknown {
		t.errorf(CodeLoopRange, at, "Loop range requires an integer for the end value")
	}
}

func (t *typer) judgeJump(s *syntax.Jump) {
	var ty *Type
	if s.Value != nil {
		ty = t.expr(s.Value)
	}
	if s.Kind != syntax.Return {
		return
	}
	if t.fn == nil {
		if ty != nil && ty.Kind != Int && ty.Kind != Unknown {
			t.errorf(CodeReturn, statementSpan(s), "Probe return values can only be integers. Found %s", ty)
		}
		return
	}
	want := t.fn.Result
	if want == nil {
		want = unknownType
	}
	if ty == nil {
		ty = voidType
	}
	if ty.Kind == Void && want.Kind == Void {
		return
	}
	if !t.convertReturn(s.Value, ty, want) {
		t.errorf(CodeReturn, statementSpan(s), "Function %s is of type %s, cannot return %s", t.fn.Decl.Name.Name, want, ty)
	}
}

// statementSpan is a jump with its semicolon.
func statementSpan(n located) syntax.Span {
	s := n.Span()
	if int(s.End) < len(s.Src.Text) && s.Src.Text[s.End] == ';' {
		s.End++
	}
	return s
}

func (t *typer) convertReturn(e syntax.Expr, ty, want *Type) bool {
	if want.Kind == String && want.Size == 0 && ty.Kind == String {
		return true
	}
	return t.convert(e, ty, want)
}

// checkMapKind reports a declared kind of map that does not suit what the map
// holds.
func (t *typer) checkMapKind(n *syntax.Map, m *mapState) {
	if m.decl == nil || m.Kind == MapAuto || m.value == nil {
		return
	}
	name := map[MapKind]string{MapHash: "hash", MapLRUHash: "lruhash", MapPerCPUHash: "percpuhash", MapPerCPULRUHash: "percpulruhash"}
	declared := m.Kind == MapPerCPUHash || m.Kind == MapPerCPULRUHash
	if perCPU := isAggregation(m.value.Kind); perCPU != declared && m.value.Kind != Unknown {
		want := "hash"
		if perCPU {
			want = "percpuhash"
		}
		t.errorf(CodeMapDeclaration, n, "Incompatible map types. Type from declaration: %s. Type from value/key type: %s", name[m.Kind], want)
	}
}

func (c *checker) judgeUnusedMaps() {
	for _, m := range c.sortedMaps() {
		if m.decl != nil && !m.used {
			c.warnf(CodeUnusedMap, m.decl, "Unused map: %s", m.Name)
		}
	}
}

func (c *checker) sortedMaps() []*mapState {
	list := make([]*mapState, 0, len(c.maps))
	for _, m := range c.maps {
		list = append(list, m)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// finish writes the maps, variables and parameters to Info.
func (c *checker) finish() {
	for v, st := range c.state {
		if v.Type = st.typ; v.Type == nil {
			v.Type = unknownType
		}
	}
	for _, m := range c.sortedMaps() {
		if !m.live && m.decl == nil {
			continue
		}
		if m.value == nil && m.decl != nil {
			continue
		}
		m.Map.Key, m.Map.Value = m.key, m.value
		if m.shape == shapeScalar {
			m.Map.Key = nil
		}
		if m.MaxEntries == 0 {
			m.MaxEntries = c.info.Settings.MaxMapKeys
		}
		c.info.Maps = append(c.info.Maps, m.Map)
	}
	names := make([]string, 0, len(c.params))
	for name := range c.params {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		c.info.Params = append(c.info.Params, *c.params[name])
	}
	c.advise()
}
