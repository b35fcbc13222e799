package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// typer finds the types of expressions. While inferring it is silent and
// returns nil for what has no type as yet; when judging it reports what is
// wrong and writes the tables of Info.
type typer struct {
	*checker
	place
	unit       *unit // what depends on what is read; nil when judging
	judging    bool
	introspect map[any]*Type // variables and maps that sizeof and its kin look at; nil when not asked for
	meta       int
	loops      int
}

// depend makes the unit that is evaluated depend on what has the list deps.
func (t *typer) depend(deps *dependents) {
	if t.unit != nil {
		deps.add(t.unit)
	}
}

// dependents are units, each once, in the order in which they were added.
type dependents struct {
	list []*unit
	set  map[*unit]bool // made when the list is long
}

func (d *dependents) add(u *unit) {
	if d.set != nil {
		if !d.set[u] {
			d.set[u] = true
			d.list = append(d.list, u)
		}
		return
	}
	for _, x := range d.list {
		if x == u {
			return
		}
	}
	d.list = append(d.list, u)
	if len(d.list) == 32 {
		d.set = make(map[*unit]bool, 64)
		for _, x := range d.list {
			d.set[x] = true
		}
	}
}

// see notes that sizeof or its kin has looked at a type.
func (t *typer) see(key any, ty *Type) {
	if t.meta > 0 && t.introspect != nil {
		t.introspect[key] = ty
	}
}

// mapState returns the map that n names; when judging it is one that the
// program uses.
func (t *typer) mapState(n *syntax.Map) *mapState {
	m := t.checker.mapState(n)
	if t.judging {
		m.live = true
	}
	return m
}

func (t *typer) varType(v *Var) *Type {
	st := t.state[v]
	t.depend(&st.dependents)
	t.see(st, st.typ)
	return st.typ
}

func (t *typer) mapKey(m *mapState) *Type {
	if m.shape == shapeScalar {
		return int64Type
	}
	t.depend(&m.keyDeps)
	t.see(mapPart{m, true}, m.key)
	return m.key
}

func (t *typer) mapValue(m *mapState) *Type {
	t.depend(&m.valueDeps)
	t.see(mapPart{m, false}, m.value)
	return m.value
}

// expr returns the type of e.
func (t *typer) expr(e syntax.Expr) *Type {
	if t.bad[e] {
		return t.record(e, unknownType)
	}
	l := t.lits[e]
	if l != nil && l.kind < litTuple && (l.param == nil || isLeaf(e)) {
		return t.recordLit(e, l)
	}
	ty := t.typeOf(e)
	if !t.judging {
		return ty
	}
	if t.bad[e] {
		ty = unknownType
	}
	if l == nil && ty != nil && ty.Kind != Unknown {
		if t.fold(e); t.lits[e] != nil && t.lits[e].kind < litTuple {
			return t.recordLit(e, t.lits[e])
		}
	}
	return t.record(e, ty)
}

// isLeaf reports whether e is a parameter itself, not computed from one.
func isLeaf(e syntax.Expr) bool {
	_, ok := e.(*syntax.Positional)
	return ok
}

func (t *typer) recordLit(e syntax.Expr, l *lit) *Type {
	ty := l.typ()
	if t.judging {
		t.info.Types[e] = ty
		if k, ok := l.constant(); ok && l.param == nil {
			t.info.Consts[e] = k
		}
		if p, ok := e.(*syntax.Paren); ok {
			t.recordLit(p.X, l)
		}
	}
	return ty
}

func (t *typer) record(e syntax.Expr, ty *Type) *Type {
	if !t.judging {
		return ty
	}
	if ty == nil {
		ty = unknownType
	}
	t.info.Types[e] = ty
	return ty
}

// typeOf finds the type of an expression that is not a literal.
func (t *typer) typeOf(e syntax.Expr) *Type {
	if x := t.info.Expansions[e]; x != nil {
		if t.judging {
			return t.expansion(e, x)
		}
		return t.expr(x)
	}
	switch e := e.(type) {
	case *syntax.Ident:
		return t.identType(e)
	case *syntax.Builtin:
		return t.callType(e)
	case *syntax.Variable:
		return t.variableType(e)
	case *syntax.Map:
		return t.mapRead(e, e, nil)
	case *syntax.MapAccess:
		return t.mapRead(e, e.Map, e)
	case *syntax.Binop:
		return t.binop(e)
	case *syntax.Unop:
		return t.unop(e)
	case *syntax.Ternary:
		return t.ternary(e)
	case *syntax.If:
		return t.ifExpr(e)
	case *syntax.BlockExpr:
		return t.block(e.Block)
	case *syntax.Paren:
		return t.expr(e.X)
	case *syntax.FieldAccess:
		return t.field(e)
	case *syntax.TupleAccess:
		return t.tupleAccess(e)
	case *syntax.ArrayAccess:
		return t.index(e)
	case *syntax.Cast:
		return t.cast(e)
	case *syntax.Call:
		return t.callType(e)
	case *syntax.Sizeof, *syntax.Offsetof, *syntax.Typeinfo:
		return t.metaExpr(e)
	case *syntax.Comptime:
		return t.comptime(e)
	case *syntax.Tuple:
		return t.tuple(e)
	case *syntax.Record:
		return t.recordExpr(e)
	}
	return unknownType
}

// expansion judges what stands in for e.
func (t *typer) expansion(e, x syntax.Expr) *Type {
	if blk, ok := x.(*syntax.BlockExpr); ok && blk.Span() == e.Span() {
		t.stackTrace = append(t.stackTrace, e.Span())
		defer func() { t.stackTrace = t.stackTrace[:len(t.stackTrace)-1] }()
	}
	return t.expr(x)
}

// identType is the type of a bare word.
func (t *typer) identType(e *syntax.Ident) *Type {
	if t.info.Calls[e] != nil {
		return t.callType(e)
	}
	if k, ok := t.c.consts[e.Name]; ok {
		if t.judging {
			t.info.Consts[e] = Const{Kind: ConstInt, Int: uint64(k.value)}
		}
		return k.typ
	}
	v, ty, err := t.target.EnumConst(e.Name)
	if err == nil {
		if t.judging {
			t.info.Consts[e] = Const{Kind: ConstInt, Int: uint64(v)}
		}
		enum := *ty
		enum.Size, enum.Signed = 8, v < 0
		return &enum
	}
	if t.judging {
		return t.unknownIdent(e, err)
	}
	return unknownType
}

func (t *typer) unknownIdent(e *syntax.Ident, err error) *Type {
	if isUnknown(err) && t.mayBeConstant(e.Name) {
		t.warnf(CodeUnknownIdentifier, e, "'%s' is not known without a kernel", e.Name)
		return unknownType
	}
	d := t.errorf(CodeUnknownIdentifier, e, "Unknown identifier: '%s'", e.Name)
	t.suggestIdent(d, e)
	return unknownType
}

// mayBeConstant reports whether a word that nothing defines looks like a
// constant of the kernel, or is one that an #include may define.
func (t *typer) mayBeConstant(name string) bool {
	upper := false
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			return t.includes()
		}
	}
	return upper
}

// includes reports whether the program includes headers, which are not read.
func (c *checker) includes() bool {
	for _, d := range c.file.Decls {
		if p, ok := d.(*syntax.Preproc); ok && p.Directive == "include" && !p.Inactive {
			return true
		}
	}
	return false
}

func (t *typer) variableType(e *syntax.Variable) *Type {
	v := t.info.Vars[e]
	if v == nil {
		return unknownType
	}
	ty := t.varType(v)
	if ty == nil && t.judging {
		t.errorf(CodeUnresolvedType, e, "Could not resolve the type of this variable")
		t.state[v].typ = unknownType
		return unknownType
	}
	return ty
}

// mapRead is the type of a map's value.
func (t *typer) mapRead(e syntax.Expr, n *syntax.Map, acc *syntax.MapAccess) *Type {
	m := t.mapState(n)
	if t.judging && !t.mapUse(n, m, acc) {
		if acc != nil {
			t.exprs(acc.Keys)
		}
		return unknownType
	}
	if acc != nil && t.judging {
		t.key(m, acc, acc.Keys)
	}
	if t.judging && !m.written {
		t.unsetMap(n, m)
	}
	if _, bad := t.misshapen[n]; bad {
		return unknownType
	}
	return t.mapValue(m)
}

func (t *typer) exprs(list []syntax.Expr) {
	for _, e := range list {
		t.expr(e)
	}
}

// mapUse reports a map that is used with keys here and without there, or never
// set at all.
func (t *typer) mapUse(n *syntax.Map, m *mapState, at located) bool {
	if at == nil || at.(*syntax.MapAccess) == nil {
		at = n
	}
	if !t.mapShape(n, at) {
		return false
	}
	return t.mapDefined(n, m)
}

func (t *typer) mapShape(n *syntax.Map, at located) bool {
	use, bad := t.misshapen[n]
	if !bad {
		return true
	}
	switch {
	case use.use == "loop":
		t.errorf(CodeMapShape, n, "%s has no explicit keys (scalar map), and cannot be used for iteration", n.Name)
	case use.use == "len":
		t.errorf(CodeMapShape, n, "call to len() expects a map with explicit keys (non-scalar map)")
	case use.shape == shapeKeyed:
		t.errorf(CodeMapShape, at, "%s used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)", n.Name)
	default:
		t.errorf(CodeMapShape, at, "%s used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)", n.Name)
	}
	return false
}

func (t *typer) mapDefined(n *syntax.Map, m *mapState) bool {
	if m.value != nil && (m.shape != shapeKeyed || m.key != nil) {
		return true
	}
	t.undefinedMap(n, m)
	return false
}

// undefinedMap reports a map that is used and never set, once.
func (t *typer) undefinedMap(n *syntax.Map, m *mapState) {
	if m.reported {
		return
	}
	m.reported = true
	d := t.errorf(CodeUndefinedMap, n, "Undefined map: %s", n.Name)
	t.suggestMap(d, n)
}

// unsetMap warns of a map that is read and never set.
func (t *typer) unsetMap(n *syntax.Map, m *mapState) {
	if m.reported || m.Declared {
		return
	}
	m.reported = true
	d := t.warnf(CodeUnsetMap, n, "%s is read, but nothing sets it", n.Name)
	t.suggestMap(d, n)
}

// keyType is the type of a key.
func (t *typer) keyType(keys []syntax.Expr) *Type {
	if len(keys) == 1 {
		return t.expr(keys[0])
	}
	types := make([]*Type, len(keys))
	for i, k := range keys {
		if types[i] = t.expr(k); types[i] == nil {
			return nil
		}
	}
	return composite(Tuple, types, nil)
}

// key judges the key of an access to m by n.
func (t *typer) key(m *mapState, n located, keys []syntax.Expr) {
	ty := t.keyType(keys)
	if ty.Kind == Unknown {
		return
	}
	if m.key == nil {
		m.key = ty
	}
	if !validValue(ty, m.key, false) {
		t.errorf(CodeKeyType, n, "Value '%s' cannot be used as a map key.", ty)
		return
	}
	if !t.lockedFits(mapPart{m, true}, m.Name, ty, n) {
		return
	}
	if promote(m.key, ty) == nil {
		d := t.errorf(CodeKeyMismatch, n, "Argument mismatch for %s: trying to access with arguments: '%s' when map expects arguments: '%s'", m.Name, ty, m.key)
		note(d, m.Pos, "%s is first used here.", m.Name)
		return
	}
	if !t.convert(keyExpr(keys), ty, m.key) {
		t.errorf(CodeKeyMismatch, n, "Type mismatch for %s: trying to assign key of type '%s' when map already has a key type '%s'", m.Name, ty, m.key)
		return
	}
	t.checkKey(ty, keys)
}

// keyExpr returns the one key, or nil for several, which are converted one by
// one.
func keyExpr(keys []syntax.Expr) syntax.Expr {
	if len(keys) == 1 {
		return keys[0]
	}
	return &syntax.Tuple{Elems: keys}
}

// checkKey reports values that cannot be keys.
func (t *typer) checkKey(ty *Type, keys []syntax.Expr) {
	at := keys[0].Span().Through(keys[len(keys)-1].Span())
	check := func(x *Type) {
		switch {
		case x.Kind == Pointer && x.Ctx:
			t.errorf(CodeKeyType, at, "context cannot be part of a map key")
		case isMultiKey(x):
			t.errorf(CodeKeyType, at, "%s cannot be part of a map key", x)
		case x.Kind == Void:
			t.errorf(CodeKeyType, at, "Invalid map key type: %s", x)
		}
	}
	check(ty)
	if ty.Kind == Tuple {
		for _, f := range ty.Fields {
			check(f.Type)
		}
	}
}

// lockedFits reports a type that does not fit one that comptime code has relied
// on.
func (t *typer) lockedFits(key any, name string, ty *Type, n located) bool {
	lock := t.locked[key]
	if lock == nil {
		return true
	}
	if p := promote(lock, ty); p != nil && Equal(p, lock) {
		return true
	}
	t.errorf(CodeLockedType, n, "Type mismatch for %s: this type has been locked because it was used in another part of the type graph that was already resolved (e.g. `sizeof`, `typeinfo`, etc.). The new type '%s' doesn't fit into the locked type '%s'", name, ty, lock)
	return false
}

func (t *typer) tuple(e *syntax.Tuple) *Type {
	types := make([]*Type, len(e.Elems))
	for i, x := range e.Elems {
		if types[i] = t.expr(x); types[i] == nil {
			return nil
		}
		t.element(x, types[i], "tuple")
	}
	return t.bounded(e, composite(Tuple, types, nil))
}

// maxParts and maxValueSize bound tuples and records, which can double in size
// with every line.
const (
	maxParts     = 2000
	maxValueSize = 1 << 20
)

func (t *typer) bounded(e syntax.Expr, ty *Type) *Type {
	if ty.parts <= maxParts && ty.Size <= maxValueSize {
		return ty
	}
	if t.judging {
		t.errorf(CodeValueTooLarge, e, "a value of %d parts and %d bytes is too large", ty.parts, ty.Size)
	}
	return unknownType
}

// element reports aggregations inside tuples and records.
func (t *typer) element(x syntax.Expr, ty *Type, in string) {
	if t.judging && isMultiKey(ty) {
		t.errorf(CodeAggregationPlace, x, "Map type %s cannot exist inside a %s.", ty, in)
	}
}

func (t *typer) recordExpr(e *syntax.Record) *Type {
	types := make([]*Type, len(e.Fields))
	names := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		if types[i] = t.expr(f.Value); types[i] == nil {
			return nil
		}
		names[i] = f.Name.Name
		t.element(f.Value, types[i], "record")
	}
	return t.bounded(e, composite(Record, types, names))
}

func (t *typer) comptime(e *syntax.Comptime) *Type {
	ty := t.expr(e.X)
	if t.judging && t.lits[e.X] == nil && isKnown(ty) {
		t.errorf(CodeComptime, e, "Unable to resolve comptime expression")
	}
	return ty
}

// block is the type of the value of a block; nil while it is not known, Void
// when there is none.
func (t *typer) block(b *syntax.Block) *Type {
	if t.judging {
		t.stmts(b.Stmts)
	}
	if b.Value == nil {
		if t.judging {
			return voidType
		}
		return nil
	}
	return t.expr(b.Value)
}

func (t *typer) ternary(e *syntax.Ternary) *Type {
	cond := t.expr(e.Cond)
	then := cond
	if e.Then != nil {
		then = t.expr(e.Then)
	}
	els := t.expr(e.Else)
	if t.judging {
		t.condition(e, e.Cond, cond)
	}
	return t.branches(e, e.Then, e.Else, then, els)
}

// condition reports what cannot be true or false.
func (t *typer) condition(n located, cond syntax.Expr, ty *Type) {
	if l := t.lits[cond]; l != nil && l.kind < litTuple {
		return
	}
	switch ty.Kind {
	case Int, Bool, Pointer, Unknown:
		return
	}
	d := t.errorf(CodeCondition, n, "Invalid condition: %s", ty.Kind)
	if ty.Kind == String {
		hint(d, "Compare it: == \"\" or != \"\".")
	}
}

// branches joins the types of two branches; nil stands for a branch without
// value or, while inferring, one that is not known yet.
func (t *typer) branches(e, thenExpr, elseExpr syntax.Expr, then, els *Type) *Type {
	if then == nil || els == nil {
		if then == nil {
			return els
		}
		return then
	}
	if isCastable(then) {
		then = promote(nil, then)
	}
	ty := promote(then, els)
	if ty == nil {
		if t.judging {
			t.errorf(CodeBranchType, e, "Branches must return the same type or compatible types: have '%s' and '%s'", then, els)
		}
		return unknownType
	}
	return ty
}

func (t *typer) ifExpr(e *syntax.If) *Type {
	if _, ok := unparen(e.Cond).(*syntax.Comptime); ok {
		return t.comptimeIf(e)
	}
	cond := t.expr(e.Cond)
	then := t.blockValue(e.Then)
	var els *Type
	if e.Else != nil {
		els = t.elseValue(e.Else)
	}
	if t.judging {
		t.condition(e, e.Cond, cond)
	}
	ty := t.branches(e, nil, nil, then, els)
	if ty == nil && t.judging {
		return voidType
	}
	return ty
}

// blockValue is the type of a block's value, nil when it has none.
func (t *typer) blockValue(b *syntax.Block) *Type {
	ty := t.block(b)
	if b.Value == nil {
		return nil
	}
	return ty
}

func (t *typer) elseValue(e syntax.Expr) *Type {
	ty := t.expr(e)
	switch e := e.(type) {
	case *syntax.BlockExpr:
		if e.Block.Value == nil {
			return nil
		}
	case *syntax.If:
		if ty != nil && ty.Kind == Void && !hasValue(e) {
			return nil
		}
	}
	return ty
}

func hasValue(e *syntax.If) bool { return e.Then.Value != nil }

func (t *typer) comptimeIf(e *syntax.If) *Type {
	if !t.info.Dead[e.Then] && !t.elseDead(e) {
		l := t.lits[e.Cond]
		if l == nil {
			if t.judging {
				t.expr(e.Cond)
				if !t.bad[e.Cond] {
					t.errorf(CodeComptime, unparen(e.Cond), "Unable to resolve comptime expression")
				}
			}
			return unknownType
		}
	}
	if t.judging {
		t.expr(e.Cond)
	}
	switch {
	case t.taken(e):
		return t.block(e.Then)
	case e.Else != nil:
		return t.expr(e.Else)
	}
	if t.judging {
		return voidType
	}
	return nil
}

// taken reports which branch of an if with a known condition is compiled.
func (t *typer) taken(e *syntax.If) bool {
	if l := t.lits[e.Cond]; l != nil {
		return l.truth()
	}
	return !t.info.Dead[e.Then]
}

func (t *typer) elseDead(e *syntax.If) bool {
	switch x := e.Else.(type) {
	case *syntax.BlockExpr:
		return t.info.Dead[x.Block]
	case *syntax.If:
		return t.info.Dead[x.Then]
	}
	return false
}
