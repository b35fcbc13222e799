package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func isComparison(op syntax.Op) bool {
	switch op {
	case syntax.OpEq, syntax.OpNe, syntax.OpLt, syntax.OpGt, syntax.OpLe, syntax.OpGe, syntax.OpLogAnd, syntax.OpLogOr:
		return true
	}
	return false
}

// operation is one use of a binary operator, written as a Binop or as a
// compound assignment.
type operation struct {
	at     located
	op     syntax.Op
	l, r   syntax.Expr
	lt, rt *Type
}

func (t *typer) binop(e *syntax.Binop) *Type {
	// Chains of operators nest to the left: go down without recursion.
	var chain []*syntax.Binop
	x := syntax.Expr(e)
	for {
		n, ok := x.(*syntax.Binop)
		if !ok || n != e && (t.lits[n] != nil || t.bad[n]) {
			break
		}
		chain = append(chain, n)
		x = n.L
	}
	lt := t.expr(x)
	for i := len(chain) - 1; i >= 0; i-- {
		n := chain[i]
		rt := t.expr(n.R)
		o := &operation{at: n, op: n.Op, l: n.L, r: n.R, lt: lt, rt: rt}
		lt = t.operate(o)
		if i == 0 {
			break
		}
		if t.judging {
			if t.lits[n] == nil && isKnown(lt) {
				t.fold(n)
			}
			if l := t.lits[n]; l != nil && l.param == nil {
				lt = t.recordLit(n, l)
			} else {
				lt = t.record(n, lt)
			}
		}
	}
	return lt
}

// operate is the type of the result of o.
func (t *typer) operate(o *operation) *Type {
	if o.lt == nil || o.rt == nil {
		return nil
	}
	if o.lt.Kind == Unknown || o.rt.Kind == Unknown {
		return unknownResult(o)
	}
	ty := t.resultType(o)
	if t.judging {
		t.checkOperation(o, ty)
	}
	return ty
}

func unknownResult(o *operation) *Type {
	if isComparison(o.op) {
		return boolType
	}
	return unknownType
}

func (t *typer) resultType(o *operation) *Type {
	switch {
	case o.lt.Kind == Bool && o.rt.Kind == Bool:
		return boolType
	case o.lt.Kind == Pointer || o.rt.Kind == Pointer:
		return t.pointerResult(o)
	case isComparison(o.op):
		return boolType
	case isIntLike(o.lt) && isIntLike(o.rt):
		return t.resultSpace(o, intResult(o))
	}
	signed := o.lt.Signed || o.rt.Signed
	if o.op == syntax.OpShl || o.op == syntax.OpShr {
		signed = o.lt.Signed
	}
	return intType(8, signed)
}

// resultSpace gives ty the address space of the operands.
func (t *typer) resultSpace(o *operation, ty *Type) *Type {
	l, r := o.lt.Space, o.rt.Space
	switch {
	case l != r && l != SpaceNone && r != SpaceNone:
		if t.judging && (l == SpaceUser || r == SpaceUser) {
			t.warnf(CodeAddressSpace, o.at, "Addrspace mismatch")
		}
		return ty
	case l != SpaceNone:
		return withSpace(ty, l)
	}
	return withSpace(ty, r)
}

// intResult is the 64-bit type that arithmetic on integers gives.
func intResult(o *operation) *Type {
	l, r := signOf(o.lt), signOf(o.rt)
	lf, rf := isFlex(o.lt), isFlex(o.rt)
	switch {
	case lf && !rf:
		l = r
	case rf && !lf:
		r = l
	}
	return intType(8, l || r || o.op == syntax.OpSub)
}

func signOf(t *Type) bool { return t.Signed && t.Kind != Count }

func (t *typer) pointerResult(o *operation) *Type {
	logical := o.op == syntax.OpLogAnd || o.op == syntax.OpLogOr
	compare := isComparison(o.op)
	ptr, other := o.lt, o.rt
	if ptr.Kind != Pointer {
		ptr, other = other, ptr
	}
	switch {
	case other.Kind == Pointer:
		if compare {
			t.comparePointers(o, logical)
			return boolType
		}
	case other.Kind != Int && other.Kind != Bool:
	case compare:
		return boolType
	case o.op == syntax.OpAdd, o.op == syntax.OpSub && o.lt.Kind == Pointer:
		return pointerTo(ptr.Elem, ptr.Space)
	}
	if t.judging {
		t.badOperator(o)
	}
	return unknownType
}

func (t *typer) comparePointers(o *operation, logical bool) {
	if !t.judging || logical || Equal(o.lt.Elem, o.rt.Elem) || o.lt.Elem.Kind == Unknown || o.rt.Elem.Kind == Unknown {
		return
	}
	d := t.warnf(CodePointerComparison, o.at, "comparison of distinct pointer types: %s, %s", o.lt.Elem, o.rt.Elem)
	note(d, o.l, "left (%s)", o.lt.Elem)
	note(d, o.r, "right (%s)", o.rt.Elem)
}

func (t *typer) badOperator(o *operation) {
	d := t.errorf(CodeOperator, o.at, "The %s operator can not be used on expressions of types %s, %s", o.op, o.lt, o.rt)
	if o.lt.Kind == String || o.rt.Kind == String {
		hint(d, "Strings can be compared with == and !=, or with strncmp().")
	}
}

// checkOperation reports operands that do not go together.
func (t *typer) checkOperation(o *operation, result *Type) {
	lt, rt := o.lt, o.rt
	switch {
	case lt.Kind == Pointer || rt.Kind == Pointer:
	case isIntLike(lt) && isIntLike(rt):
		t.checkIntegers(o, result)
	case lt.Kind == Array && rt.Kind == Array:
		t.checkArrays(o)
	case !compatible(lt, rt):
		t.mismatch(o)
	case o.op != syntax.OpEq && o.op != syntax.OpNe:
		t.badOperator(o)
	}
}

func (t *typer) mismatch(o *operation) {
	d := t.errorf(CodeComparison, o.at, "Type mismatch for '%s': comparing %s with %s", o.op, o.lt, o.rt)
	note(d, o.l, "left (%s)", o.lt)
	note(d, o.r, "right (%s)", o.rt)
	t.fixComparison(d, o)
}

func (t *typer) checkArrays(o *operation) {
	switch {
	case o.op != syntax.OpEq && o.op != syntax.OpNe:
		t.errorf(CodeOperator, o.at, "The %s operator cannot be used on arrays.", o.op)
	case o.lt.Len != o.rt.Len:
		t.errorf(CodeComparison, o.at, "Only arrays of same size support comparison operators.")
	case o.lt.Elem.Kind != Int || !Equal(o.lt, o.rt):
		t.errorf(CodeComparison, o.at, "Only arrays of same sized integer support comparison operators.")
	}
}

// checkIntegers warns of conversions that change values.
func (t *typer) checkIntegers(o *operation, result *Type) {
	if (o.op == syntax.OpDiv || o.op == syntax.OpMod) && t.signedDivision(o) {
		t.warnf(CodeSignedDivision, o.at, "signed operands for '%s' can lead to undefined behavior (cast to unsigned to silence warning)", o.op)
	}
	target := result
	if isComparison(o.op) {
		if o.lt.Kind == Bool || o.rt.Kind == Bool {
			return
		}
		if target = promote(o.lt, o.rt); target == nil {
			return
		}
	}
	if target.Kind != Int || o.op == syntax.OpSub && isElapsed(o) {
		return
	}
	if o.lt.Kind == Int {
		t.convert(o.l, o.lt, target)
	}
	if o.rt.Kind == Int {
		t.convert(o.r, o.rt, target)
	}
}

// isElapsed reports whether o subtracts one unsigned number from another, as
// every program that measures time does. Upstream warns of it.
func isElapsed(o *operation) bool {
	return Equal(o.lt, uint64Type) && Equal(o.rt, uint64Type)
}

// signedDivision reports whether a division has an operand that is negative or
// may be, and not both operands of one type.
func (t *typer) signedDivision(o *operation) bool {
	l, r := signOf(o.lt), signOf(o.rt)
	switch {
	case isFlex(o.lt) && !isFlex(o.rt):
		l = r
	case isFlex(o.rt) && !isFlex(o.lt):
		r = l
	}
	if l == r && o.lt.Size == o.rt.Size && o.lt.Kind == o.rt.Kind {
		return false
	}
	return l || r
}

// convert reports whether a value of type from can become one of type to, and
// warns when that may change it. e may be nil.
func (t *typer) convert(e syntax.Expr, from, to *Type) bool {
	switch {
	case from.Kind == Unknown || to.Kind == Unknown || Equal(from, to), from.Kind == to.Kind && isCastable(from):
		return true
	case (isInt(from) || isCastable(from)) && (isInt(to) || isCastable(to)):
		return t.convertInt(e, from, to)
	case from.Kind != to.Kind:
		return false
	}
	switch to.Kind {
	case String:
		return from.Size <= to.Size
	case Tuple, Record:
		return t.convertFields(e, from, to)
	case Pointer, Buffer:
		return true
	}
	return compatible(from, to) && (from.Size == 0 || to.Size == 0)
}

func (t *typer) convertInt(e syntax.Expr, from, to *Type) bool {
	var l *lit
	if e != nil {
		l = t.lits[e]
	}
	if l.isInt() && l.param == nil {
		return l.fits(to)
	}
	if e != nil && isInt(from) && !fits(from, to) && !l.isInt() {
		t.warnf(CodeConversion, e, "Expression of type: %s being cast to type: %s. This may cause unexpected results. Use an explicit cast to suppress this warning.", from, to)
	}
	return true
}

func (t *typer) convertFields(e syntax.Expr, from, to *Type) bool {
	if !compatible(from, to) {
		return false
	}
	for i, f := range from.Fields {
		o := to.Fields[i]
		if from.Kind == Record {
			o = *fieldNamed(to, f.Name)
		}
		if !t.convert(fieldExpr(e, i), f.Type, o.Type) {
			return false
		}
	}
	return true
}

// fieldExpr returns the expression for part i of a tuple or record that is
// written out, else the whole.
func fieldExpr(e syntax.Expr, i int) syntax.Expr {
	switch x := e.(type) {
	case *syntax.Tuple:
		if i < len(x.Elems) {
			return x.Elems[i]
		}
	case *syntax.Record:
		if i < len(x.Fields) {
			return x.Fields[i].Value
		}
	case *syntax.Paren:
		return fieldExpr(x.X, i)
	}
	return e
}

func (t *typer) unop(e *syntax.Unop) *Type {
	switch e.Op {
	case syntax.OpInc, syntax.OpDec:
		return t.increment(e)
	case syntax.OpAddr:
		return t.address(e)
	}
	x := t.expr(e.X)
	if x == nil {
		return nil
	}
	if x.Kind == Unknown {
		if e.Op == syntax.OpNot {
			return boolType
		}
		return unknownType
	}
	if ty := t.unopResult(e, x); ty != nil {
		return ty
	}
	if t.judging {
		t.errorf(CodeOperator, e, "The %s operator can not be used on expressions of type '%s'", e.Op, x)
	}
	return unknownType
}

// unopResult is the type of a prefix operation, nil when x does not have it.
func (t *typer) unopResult(e *syntax.Unop, x *Type) *Type {
	switch {
	case e.Op == syntax.OpNot && (x.Kind == Bool || x.Kind == Int):
		return boolType
	case e.Op == syntax.OpDeref && x.Kind == Pointer:
		return t.deref(e, x)
	case e.Op == syntax.OpDeref && x.Kind == Struct && x.Ctx:
		return x // *args, as it was written when args was a pointer
	case x.Kind != Int:
		return nil
	case e.Op == syntax.OpDeref:
		return withSpace(uint64Type, SpaceNone)
	}
	return withSpace(intType(8, x.Signed), x.Space)
}

// deref is the type of what x points to.
func (t *typer) deref(e syntax.Expr, x *Type) *Type {
	if x.Elem == nil {
		return unknownType
	}
	ty := x.Elem
	if ty.Kind == Void && t.judging {
		t.errorf(CodeDereference, e, "Can not dereference type '%s'. It points to nothing that has a size.", x)
		return unknownType
	}
	ty = withSpace(ty, x.Space)
	if x.Ctx && (ty.Kind == Struct || ty.Kind == Array) && !ty.Ctx {
		c := *ty
		c.Ctx = true
		return &c
	}
	return ty
}

func (t *typer) increment(e *syntax.Unop) *Type {
	x := t.expr(e.X)
	if x == nil || x.Kind == Unknown {
		return x
	}
	if v, ok := e.X.(*syntax.Variable); ok {
		if st := t.state[t.info.Vars[v]]; x.Kind == Pointer || st != nil && st.sized {
			return x
		}
	} else if x.Kind == Pointer {
		return x
	}
	ty := intType(8, signOf(x) || e.Op == syntax.OpDec)
	if t.judging {
		t.checkIncrement(e, x, ty)
	}
	return ty
}

// checkIncrement reports ++ and -- of what is no number.
func (t *typer) checkIncrement(e *syntax.Unop, x, ty *Type) {
	switch e.X.(type) {
	case *syntax.Variable:
		if promote(x, ty) == nil {
			t.assignMismatch(e, e.X.(*syntax.Variable).Name, "variable", ty, x)
		}
	case *syntax.Map, *syntax.MapAccess:
		m := t.mapOf(e.X)
		if isAggregation(x.Kind) || promote(x, ty) == nil {
			t.assignMismatch(e, m.Name, "map", ty, x)
		}
	default:
		t.errorf(CodeOperator, e, "The %s operator must be applied to a map or variable", e.Op)
	}
}

func (t *typer) address(e *syntax.Unop) *Type {
	if m, ok := e.X.(*syntax.Map); ok {
		st := t.mapState(m)
		if t.judging {
			if !st.written || !t.mapDefined(m, st) { // inference assumed a value for it
				t.undefinedMap(m, st)
				return unknownType
			}
			t.record(e.X, t.mapValue(st))
		}
		if v := t.mapValue(st); v != nil {
			return pointerTo(v, SpaceBPF)
		}
		return nil
	}
	x := t.expr(e.X)
	if x == nil {
		return nil
	}
	return pointerTo(x, SpaceBPF)
}
