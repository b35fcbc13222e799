package check

import (
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// field is the type of x.name and x->name, which reach through pointers.
func (t *typer) field(e *syntax.FieldAccess) *Type {
	x := t.expr(e.X)
	if x == nil {
		return nil
	}
	space, ctx := x.Space, x.Ctx
	for x.Kind == Pointer && x.Elem != nil {
		x = x.Elem
	}
	if space == SpaceNone {
		space = x.Space
	}
	switch x.Kind {
	case Unknown:
		return unknownType
	case Struct:
		return t.member(e, x, space, ctx)
	case Record:
		if f := fieldNamed(x, e.Name.Name); f != nil {
			t.recordField(e, f)
			return f.Type
		}
		if t.judging {
			d := t.errorf(CodeUnknownField, e, "Record does not contain a field named '%s'", e.Name.Name)
			t.suggestField(d, e, x)
		}
		return unknownType
	}
	if t.judging {
		d := t.errorf(CodeUnknownField, e, "Can not access field '%s' on expression of type '%s'", e.Name.Name, x)
		if x.Kind == Int {
			hint(d, "Cast it to a pointer first: ((struct NAME *)%s).%s", e.X.Span().Text(), e.Name.Name)
		}
	}
	return unknownType
}

func (t *typer) recordField(e syntax.Expr, f *Field) {
	if t.judging {
		c := *f
		t.info.Fields[e] = &c
	}
}

// member is the type of a member of a struct or of the arguments of a probe.
func (t *typer) member(e *syntax.FieldAccess, x *Type, space AddrSpace, ctx bool) *Type {
	if x.Struct == nil || x.Size == 0 && len(x.Struct.Members()) == 0 && !t.isArgs(x) {
		return t.opaque(e, x)
	}
	f, ok := x.Struct.Member(e.Name.Name)
	if !ok {
		if t.judging {
			t.noMember(e, x)
		}
		return unknownType
	}
	t.recordField(e, &f)
	if t.judging {
		t.checkMember(e, x, &f)
	}
	ty := f.Type
	if ty == nil {
		return unknownType
	}
	if ty.Kind == Pointer || ty.Kind == Int || space != SpaceNone {
		ty = withSpace(ty, space)
	}
	if ctx && !t.isArgs(x) && (ty.Kind == Struct || ty.Kind == Array) {
		c := *ty
		c.Ctx = true
		ty = &c
	}
	return ty
}

func (t *typer) isArgs(x *Type) bool { return t.probe != nil && t.probe.Args == x }

// opaque is a member of a struct whose members are not known.
func (t *typer) opaque(e *syntax.FieldAccess, x *Type) *Type {
	if t.judging && t.c.types[x.Name] == x && x.Struct.Known == nil {
		t.errorf(CodeUnknownType, e, "Unknown struct/union: '%s'", x)
	}
	return unknownType
}

func (t *typer) noMember(e *syntax.FieldAccess, x *Type) {
	var d *syntax.Diagnostic
	if t.isArgs(x) && t.probe.Kind != syntax.ProbeTracepoint {
		d = t.errorf(CodeUnknownField, e, "Can't find function parameter %s", e.Name.Name)
	} else {
		d = t.errorf(CodeUnknownField, e, "Struct/union of type '%s' does not contain a field named '%s'", x, e.Name.Name)
	}
	t.suggestField(d, e, x)
}

func (t *typer) checkMember(e *syntax.FieldAccess, x *Type, f *Field) {
	if t.isArgs(x) && t.probe.Kind == syntax.ProbeTracepoint && f.Offset < 8 {
		d := t.errorf(CodeTracepointField, e, "BPF does not support accessing common tracepoint fields")
		if e.Name.Name == "common_pid" {
			fix(d, false, "use tid", e, "tid")
		}
	}
	if e.Arrow && isArgsExpr(e.X) {
		d := t.warnf(CodeOldSpelling, e, "args->%s is an older spelling", e.Name.Name)
		fix(d, true, "write args."+e.Name.Name, e, "args."+e.Name.Name)
	}
}

func isArgsExpr(x syntax.Expr) bool {
	b, ok := x.(*syntax.Builtin)
	return ok && b.Name == "args"
}

func (t *typer) tupleAccess(e *syntax.TupleAccess) *Type {
	x := t.expr(e.X)
	switch {
	case x == nil:
		return nil
	case x.Kind == Unknown:
		return unknownType
	case x.Kind != Tuple:
		if t.judging {
			t.errorf(CodeTupleIndex, e, "Can not access index '%d' on expression of type '%s'", e.Index, x)
		}
		return unknownType
	case e.Index < 0 || e.Index >= len(x.Fields):
		if t.judging {
			t.errorf(CodeTupleIndex, e, "Invalid tuple index: %d. Found %d elements in tuple.", e.Index, len(x.Fields))
		}
		return unknownType
	}
	t.recordField(e, &x.Fields[e.Index])
	return x.Fields[e.Index].Type
}

// index is the type of x[i].
func (t *typer) index(e *syntax.ArrayAccess) *Type {
	x, i := t.expr(e.X), t.expr(e.Index)
	if x == nil || i == nil {
		return nil
	}
	n := t.lits[e.Index]
	var elem *Type
	switch x.Kind {
	case Unknown:
		return unknownType
	case Array, Pointer:
		elem = x.Elem
	case String:
		elem = int8Type
	case Tuple:
		return t.tupleIndex(e, x, n)
	default:
		if t.judging {
			t.errorf(CodeIndex, e, "The array index operator [] can only be used on arrays, pointers, and tuples, found %s.", x)
		}
		return unknownType
	}
	if t.judging {
		t.checkIndex(e, x, i, n)
	}
	if elem == nil {
		return unknownType
	}
	elem = withSpace(elem, x.Space)
	if x.Ctx && x.Kind == Array && (elem.Kind == Struct || elem.Kind == Array) {
		c := *elem
		c.Ctx = true
		elem = &c
	}
	return elem
}

func (t *typer) tupleIndex(e *syntax.ArrayAccess, x *Type, n *lit) *Type {
	switch {
	case !n.isNatural():
		if t.judging {
			t.errorf(CodeTupleIndex, e, "Array-style access for tuples only valid for integer literals")
		}
		return unknownType
	case n.u >= uint64(len(x.Fields)):
		if t.judging {
			t.errorf(CodeTupleIndex, e, "Invalid tuple index: %d. Found %d elements in tuple.", n.u, len(x.Fields))
		}
		return unknownType
	}
	t.literalParam(n)
	t.recordField(e, &x.Fields[n.u])
	return x.Fields[n.u].Type
}

func (t *typer) checkIndex(e *syntax.ArrayAccess, x, i *Type, n *lit) {
	if x.Kind == Pointer && x.Elem != nil && (x.Elem.Kind == Void || x.Elem.Kind == Struct && x.Elem.Size == 0) {
		t.errorf(CodeIndex, e, "The array index operator [] cannot be used on a pointer to an unsized type (void *).")
		return
	}
	if n.isNatural() {
		size := 0
		switch x.Kind {
		case Array:
			size = x.Len
		case String:
			size = x.Size
		}
		if size > 0 && n.u >= uint64(size) {
			t.errorf(CodeIndex, e, "the index %d is out of bounds for array of size %d", n.u, size)
		}
		return
	}
	if i.Kind == Unknown {
		return
	}
	if i.Kind != Int || i.Signed && !isFlex(i) {
		d := t.errorf(CodeIndex, e, "The array index operator [] only accepts non-negative integer indices. Got: %s", i)
		if i.Kind == Int {
			fix(d, false, "cast the index to an unsigned integer", e.Index, "(uint64)"+e.Index.Span().Text())
		}
	}
}

// cast is the type of (T)x.
func (t *typer) cast(e *syntax.Cast) *Type {
	x := t.expr(e.X)
	ty := t.typeExpr(e.Type)
	if x == nil || ty == nil {
		return nil
	}
	if ty.Kind == Unknown || x.Kind == Unknown {
		if ty.Kind == Unknown {
			return unknownType
		}
		return t.castSpace(ty, x)
	}
	if ty.Kind == Array && ty.Len <= 0 && ty.Elem.Size > 0 && x.Size%ty.Elem.Size == 0 {
		ty = arrayOf(ty.Elem, x.Size/ty.Elem.Size)
	}
	if ty.Kind == String && ty.Size == 0 && x.Kind == String {
		ty = stringType(x.Size)
	}
	if t.judging && !t.castable(e, x, ty) {
		return unknownType
	}
	t.foldCast(e, ty)
	return t.castSpace(ty, x)
}

// foldCast folds a literal that is cast to bool.
func (t *typer) foldCast(e *syntax.Cast, ty *Type) {
	if !t.judging || ty.Kind != Bool {
		return
	}
	if l := t.lits[e.X]; l != nil && l.kind < litTuple && l.param == nil {
		t.lits[e] = boolLit(l.truth())
	}
}

// castSpace gives ty the address space that x or else the probe has.
func (t *typer) castSpace(ty, x *Type) *Type {
	s := x.Space
	if s == SpaceNone {
		if t.probe != nil {
			s = spaceOf(t.probe.Kind)
		} else {
			s = SpaceKernel
		}
	}
	if ty.Kind == Array && (x.Kind == Int || x.Kind == Bool || x.Kind == String) {
		s = SpaceBPF
	}
	ty = withSpace(ty, s)
	if x.Ctx && ty.Kind == Pointer {
		c := *ty
		c.Ctx = true
		return &c
	}
	return ty
}

// castable reports casts that have no meaning.
func (t *typer) castable(e *syntax.Cast, x, ty *Type) bool {
	if x.Kind == Struct {
		t.errorf(CodeCast, castSpan(e), "Cannot cast from C type \"%s\"", x)
		return false
	}
	if ty.Kind == String && x.Kind == String {
		if ty.Size < x.Size {
			t.badCast(e, x, ty)
			return false
		}
		return true
	}
	if ty.Enum != nil && !t.checkEnumCast(e, x, ty) {
		return false
	}
	if castTarget(ty) && castSource(x, ty) {
		return true
	}
	t.badCast(e, x, ty)
	return false
}

// castSpan is the "(type)" of a cast, which is what messages point to.
func castSpan(e *syntax.Cast) syntax.Span {
	s := e.Span()
	if i := strings.IndexByte(s.Src.Text[e.Type.Span().End:s.End], ')'); i >= 0 {
		s.End = e.Type.Span().End + uint32(i) + 1
	}
	return s
}

func (t *typer) badCast(e *syntax.Cast, x, ty *Type) {
	d := t.errorf(CodeCast, castSpan(e), "Cannot cast from \"%s\" to \"%s\"", x, ty)
	switch {
	case ty.Kind == Struct && (x.Kind == Int || x.Kind == Pointer):
		hint(d, "Cast to a pointer and dereference it: *(%s *)%s", ty, e.X.Span().Text())
	case ty.Kind == String && (x.Kind == Int || x.Kind == Pointer):
		fix(d, false, "read the string", e, "str("+e.X.Span().Text()+")")
	}
}

// castTarget reports whether anything can be cast to ty.
func castTarget(ty *Type) bool {
	switch ty.Kind {
	case Int, Bool, Pointer:
		return true
	case Array:
		return ty.Elem.Kind == Int || ty.Elem.Kind == Bool
	}
	return false
}

// castSource reports whether x can be cast to ty.
func castSource(x, ty *Type) bool {
	if ty.Kind == Array {
		switch x.Kind {
		case Int:
			return ty.Size == x.Size || ty.Size <= 8 && ty.Size > x.Size
		case Bool, String:
			return ty.Size == x.Size
		}
		return false
	}
	switch x.Kind {
	case Int, Pointer:
		return true
	case Array:
		return ty.Kind == Int && ty.Size == x.Size
	case String:
		return ty.Kind == Bool || ty.Kind == Pointer
	case Bool:
		return true
	}
	if isCastable(x) {
		return true
	}
	return ty.Kind == Pointer
}

func (t *typer) checkEnumCast(e *syntax.Cast, x, ty *Type) bool {
	l := t.lits[e.X]
	if !l.isNatural() || l.param != nil {
		return true
	}
	for _, v := range ty.Enum.Values {
		if uint64(v.Value) == l.u {
			return true
		}
	}
	t.errorf(CodeCast, castSpan(e), "Enum: %s doesn't contain a variant value of %d", ty.Enum.Name, l.u)
	return false
}

// typeExpr is the type that te stands for; nil while it is not known.
func (t *typer) typeExpr(te syntax.TypeExpr) *Type {
	ty := t.writtenType(te)
	if t.judging {
		if ty == nil {
			ty = unknownType
		}
		t.info.TypeExprs[te] = ty
	}
	return ty
}

func (t *typer) writtenType(te syntax.TypeExpr) *Type {
	switch te := te.(type) {
	case *syntax.NamedType:
		if x := t.typeArgs[te]; x != nil {
			return t.metaOperand(nil, x)
		}
		return t.namedType(te)
	case *syntax.Typeof:
		return t.metaOperand(te.Type, te.X)
	case *syntax.PointerType:
		elem := t.typeExpr(te.Elem)
		if elem == nil {
			return nil
		}
		return pointerTo(elem, SpaceNone)
	case *syntax.ArrayType:
		return t.arrayType(te)
	}
	return unknownType
}

func (t *typer) arrayType(te *syntax.ArrayType) *Type {
	elem := t.typeExpr(te.Elem)
	if elem == nil {
		return nil
	}
	if n, ok := te.Elem.(*syntax.NamedType); ok && n.Tag == "" && te.Len >= 0 {
		switch n.Name {
		case "string":
			return stringType(te.Len)
		case "buffer":
			return &Type{Kind: Buffer, Size: te.Len}
		case "inet":
			return &Type{Kind: Inet, Size: te.Len}
		}
	}
	if elem.Kind == Void {
		if t.judging {
			t.errorf(CodeUnknownType, te, "Arrays of void do not exist")
		}
		return unknownType
	}
	return arrayOf(elem, te.Len)
}

// languageTypes are the types that the language itself names.
var languageTypes = map[string]*Type{
	"bool": boolType, "int8": int8Type, "int16": intType(2, true), "int32": int32Type, "int64": int64Type,
	"uint8": uint8Type, "uint16": intType(2, false), "uint32": uint32Type, "uint64": uint64Type, "void": voidType,
	"min_t": {Kind: Min, Size: 8, Signed: true}, "max_t": {Kind: Max, Size: 8, Signed: true},
	"sum_t": {Kind: Sum, Size: 8, Signed: true}, "count_t": {Kind: Count, Size: 8},
	"avg_t": {Kind: Avg, Size: 8, Signed: true}, "stats_t": {Kind: Stats, Size: 8, Signed: true},
	"umin_t": {Kind: Min, Size: 8}, "umax_t": {Kind: Max, Size: 8}, "usum_t": {Kind: Sum, Size: 8},
	"uavg_t": {Kind: Avg, Size: 8}, "ustats_t": {Kind: Stats, Size: 8},
	"timestamp": {Kind: Timestamp, Size: 16}, "macaddr_t": {Kind: MACAddr, Size: 6}, "cgroup_path_t": {Kind: CgroupPath, Size: 16},
	"string": {Kind: String, Space: SpaceKernel}, "buffer": {Kind: Buffer}, "inet": {Kind: Inet},
}

func (t *typer) namedType(te *syntax.NamedType) *Type {
	if te.Tag == "" {
		if ty := languageTypes[te.Name]; ty != nil {
			return ty
		}
	}
	name := te.Name
	if te.Tag != "" {
		name = te.Tag + " " + te.Name
	}
	if ty := t.c.types[name]; ty != nil {
		return ty
	}
	ty, err := t.target.Named(te.Tag, te.Name)
	if err == nil {
		return ty
	}
	if te.Tag == "" {
		if ty := baseType(te.Name); ty != nil {
			return ty
		}
		if x, ok := t.c.macro(te.Name); ok {
			if id, ok := x.(*syntax.Ident); ok {
				if ty := baseType(id.Name); ty != nil {
					return ty
				}
			}
		}
		if ty := t.tagless(te.Name); ty != nil {
			return ty
		}
	}
	if isUnknown(err) && t.macros[name] == nil {
		return &Type{Kind: Unknown, Name: name, Size: 8}
	}
	if t.judging {
		t.unknownType(te, name)
	}
	return unknownType
}

// tagless finds a struct of the program that is named without its tag, and an
// enumerator, whose type sizeof and its kin can ask for.
func (t *typer) tagless(name string) *Type {
	for _, tag := range []string{"struct ", "union ", "enum "} {
		if ty := t.c.types[tag+name]; ty != nil {
			return ty
		}
	}
	if k, ok := t.c.consts[name]; ok {
		return k.typ
	}
	return nil
}

func (t *typer) unknownType(te *syntax.NamedType, name string) {
	if te.Tag == "enum" {
		t.errorf(CodeUnknownType, te, "Unknown enum: %s", te.Name)
		return
	}
	d := t.errorf(CodeUnknownType, te, "Cannot resolve unknown type \"%s\"", name)
	t.suggestType(d, te, name)
}

// metaOperand is the type of the operand of sizeof and its kin.
func (t *typer) metaOperand(te syntax.TypeExpr, x syntax.Expr) *Type {
	t.meta++
	defer func() { t.meta-- }()
	if te != nil {
		return t.typeExpr(te)
	}
	switch n := unparen(x).(type) {
	case *syntax.Map:
		return t.wholeMap(x, n)
	case *syntax.Ident:
		if ty := t.typeIdents[n]; ty != nil {
			t.record(n, ty)
			return t.record(x, ty)
		}
	}
	if id, ok := unparen(x).(*syntax.Ident); ok {
		if ty := t.wordType(id); ty != nil {
			return ty
		}
	}
	if t.introspect != nil {
		t.seeInside(x)
	}
	return t.expr(x)
}

// wordType is the type that a bare word names where the grammar takes it for an
// expression: size_t, or a struct without its tag. It is nil when the word has
// another meaning or none.
func (t *typer) wordType(id *syntax.Ident) *Type {
	if t.info.Calls[id] != nil || t.info.Expansions[id] != nil || t.lits[id] != nil {
		return nil
	}
	if _, ok := t.c.consts[id.Name]; ok {
		return nil
	}
	if _, _, err := t.target.EnumConst(id.Name); err == nil {
		return nil
	}
	if ty := t.c.types[id.Name]; ty != nil {
		return ty
	}
	if ty := baseType(id.Name); ty != nil {
		return ty
	}
	if ty := t.tagless(id.Name); ty != nil {
		return ty
	}
	for _, tag := range []string{"", "struct", "union", "enum"} {
		if ty, err := t.target.Named(tag, id.Name); err == nil {
			return ty
		}
	}
	return nil
}

// seeInside notes all variables in x, whose types the answer may depend on.
func (t *typer) seeInside(x syntax.Expr) {
	syntax.Inspect(x, func(n syntax.Node) bool {
		if v, ok := n.(*syntax.Variable); ok && t.info.Vars[v] != nil {
			st := t.state[t.info.Vars[v]]
			t.see(st, st.typ)
		}
		return true
	})
}

// wholeMap is the type that a map stands for in typeof: that of its key, of its
// value when it has no keys.
func (t *typer) wholeMap(x syntax.Expr, n *syntax.Map) *Type {
	m := t.mapState(n)
	var ty *Type
	if m.shape == shapeKeyed {
		ty = t.mapKey(m)
	} else {
		ty = t.mapValue(m)
	}
	if t.judging {
		if !t.mapDefined(n, m) {
			ty = unknownType
		}
		t.record(x, ty)
	}
	return ty
}

// metaExpr is the type of sizeof, offsetof and typeinfo.
func (t *typer) metaExpr(e syntax.Expr) *Type {
	l := t.metaLit(e)
	if t.judging && l != nil {
		t.lits[e] = l
	}
	if l == nil {
		return t.metaUnknown(e)
	}
	if l.kind == litRecord && t.judging {
		t.writeOut(e, l)
	}
	return l.typ()
}

// writeOut gives typeinfo the record that it stands for, written out.
func (t *typer) writeOut(e syntax.Expr, l *lit) {
	r := &syntax.Record{}
	r.Pos = e.Span()
	for i, x := range l.elems {
		var v syntax.Expr = &syntax.StringLit{Value: x.s}
		if x.kind == litInt {
			v = &syntax.IntLit{Value: x.u, Text: x.text()}
		}
		t.lits[v] = x
		t.recordLit(v, x)
		r.Fields = append(r.Fields, &syntax.NamedArg{Name: &syntax.Ident{Name: l.names[i]}, Value: v})
	}
	t.info.Expansions[e] = r
	t.info.Types[r] = l.typ()
}

// metaUnknown is the type of a size whose value is not known: an integer when
// only the target does not know it.
func (t *typer) metaUnknown(e syntax.Expr) *Type {
	var ty *Type
	switch e := e.(type) {
	case *syntax.Sizeof:
		ty = t.metaOperand(e.Type, e.X)
	case *syntax.Offsetof:
		ty = t.metaOperand(e.Type, e.X)
	case *syntax.Typeinfo:
		return nil
	}
	if ty == nil {
		return nil
	}
	return flexInts[3]
}

// metaLit is the value of sizeof, offsetof or typeinfo, nil when the types are
// not known.
func (t *typer) metaLit(e syntax.Expr) *lit {
	switch e := e.(type) {
	case *syntax.Sizeof:
		ty := t.metaOperand(e.Type, e.X)
		if ty == nil || ty.Kind == Unknown {
			return nil
		}
		return intLit(uint64(sizeOf(ty)))
	case *syntax.Offsetof:
		ty := t.metaOperand(e.Type, e.X)
		if ty == nil || ty.Kind == Unknown {
			return nil
		}
		return t.offset(e, ty)
	case *syntax.Typeinfo:
		ty := t.metaOperand(e.Type, e.X)
		if ty == nil || ty.Kind == Unknown {
			return nil
		}
		return typeinfo(ty)
	}
	return nil
}

// sizeOf is what sizeof gives for ty.
func sizeOf(ty *Type) int {
	switch ty.Kind {
	case Buffer:
		return ty.Size + 4
	case KStack:
		return ty.Depth*8 + 8
	case UStack:
		return ty.Depth*8 + 16
	}
	return ty.Size
}

func typeinfo(ty *Type) *lit {
	return &lit{
		kind:  litRecord,
		elems: []*lit{intLit(uint64(ty.BTF.ID)), stringLit(ty.Kind.String()), stringLit(ty.String())},
		names: []string{"btf_id", "base_type", "full_type"},
	}
}

func (t *typer) offset(e *syntax.Offsetof, ty *Type) *lit {
	offset := 0
	for _, name := range e.Fields {
		if ty.Kind == Unknown {
			return nil
		}
		if ty.Kind != Struct {
			if t.judging {
				t.errorf(CodeOffsetof, e, "'%s' is not a C type.", ty)
			}
			return nil
		}
		f, ok := ty.Struct.Member(name.Name)
		if !ok {
			if t.judging {
				d := t.errorf(CodeUnknownField, e, "'%s' has no field named '%s'", ty, name.Name)
				if near := syntax.Closest(name.Name, ty.Struct.MemberNames()); near != "" {
					fix(d, false, "use "+near, name, near)
				}
			}
			return nil
		}
		offset += f.Offset
		ty = f.Type
	}
	return intLit(uint64(offset))
}

// foldDeep folds e and everything below it with the types known now. When e
// does not fold, nothing below stays folded: types may change yet.
func (t *typer) foldDeep(e syntax.Expr) *lit {
	var made []syntax.Expr
	l := t.foldBelow(e, &made)
	if l == nil {
		for _, x := range made {
			delete(t.lits, x)
		}
	}
	return l
}

func (t *typer) foldBelow(e syntax.Expr, made *[]syntax.Expr) *lit {
	if l := t.lits[e]; l != nil {
		return l
	}
	var l *lit
	switch x := e.(type) {
	case *syntax.Sizeof, *syntax.Offsetof, *syntax.Typeinfo:
		l = t.metaLit(x)
	case *syntax.Call:
		l = t.compileTimeCall(x)
	default:
		t.foldChildren(e, made)
		l = t.foldNode(e)
	}
	if l != nil {
		t.lits[e] = l
		*made = append(*made, e)
	}
	return l
}

func (t *typer) foldChildren(e syntax.Expr, made *[]syntax.Expr) {
	if x := t.info.Expansions[e]; x != nil {
		t.foldBelow(x, made)
		return
	}
	for n := range syntax.Children(e) {
		switch n := n.(type) {
		case syntax.Expr:
			t.foldBelow(n, made)
		case *syntax.NamedArg:
			t.foldBelow(n.Value, made)
		case *syntax.Block:
			if len(n.Stmts) == 0 && n.Value != nil {
				t.foldBelow(n.Value, made)
			}
		}
	}
}

// compileTimeCall folds a function that asks about types.
func (t *typer) compileTimeCall(e *syntax.Call) *lit {
	if x := t.info.Expansions[e]; x != nil {
		var made []syntax.Expr
		return t.foldBelow(x, &made)
	}
	call := t.info.Calls[e]
	if call == nil {
		return nil
	}
	if call.Func.Op == OpIsScalar {
		m := t.maps[call.Map.Name]
		if m.shape == shapeUnknown {
			return nil
		}
		return boolLit(m.shape == shapeScalar)
	}
	if len(call.Args) == 0 {
		return nil
	}
	t.meta++
	ty := t.expr(call.Args[0])
	t.meta--
	if ty == nil || ty.Kind == Unknown {
		return nil
	}
	switch call.Func.Op {
	case OpIsStr:
		return boolLit(ty.Kind == String)
	case OpIsPtr:
		return boolLit(ty.Kind == Pointer)
	case OpIsArray:
		return boolLit(ty.Kind == Array)
	case OpIsInteger:
		return boolLit(ty.Kind == Int)
	case OpIsUnsignedInteger:
		return boolLit(ty.Kind == Int && !ty.Signed)
	case OpStrcap:
		return t.capacity(ty)
	}
	return nil
}

// capacity is what strcap gives for a string or array.
func (t *typer) capacity(ty *Type) *lit {
	switch ty.Kind {
	case String:
		return intLit(uint64(ty.Size))
	case Array:
		return intLit(uint64(max(ty.Len, 0)))
	}
	return nil
}

func (t *typer) stackType(kernel bool, mode StackMode, depth int) *Type {
	k := UStack
	if kernel {
		k = KStack
	}
	return &Type{Kind: k, Mode: mode, Depth: depth, Size: depth * 8}
}
