package check

import (
	"math"
	"strconv"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// fold computes the literal that e is, from those of its parts, and stores it.
// Where upstream reports an error in constants so does fold.
func (c *checker) fold(e syntax.Expr) {
	if c.lits[e] != nil {
		return
	}
	if l := c.foldNode(e); l != nil {
		c.lits[e] = l
	}
}

func (c *checker) foldNode(e syntax.Expr) *lit {
	if x := c.info.Expansions[e]; x != nil {
		return c.lits[x]
	}
	switch e := e.(type) {
	case *syntax.IntLit:
		return intLit(e.Value)
	case *syntax.StringLit:
		return stringLit(e.Value)
	case *syntax.BoolLit:
		return boolLit(e.Value)
	case *syntax.Paren:
		return c.lits[e.X]
	case *syntax.Unop:
		return c.foldUnop(e)
	case *syntax.Binop:
		return c.foldBinop(e)
	case *syntax.Ternary:
		return c.foldTernary(e)
	case *syntax.If:
		return c.foldIf(e)
	case *syntax.BlockExpr:
		if len(e.Block.Stmts) == 0 && e.Block.Value != nil {
			return c.lits[e.Block.Value]
		}
	case *syntax.Comptime:
		return c.lits[e.X]
	case *syntax.Tuple:
		return c.foldTuple(e)
	case *syntax.Record:
		return c.foldRecord(e)
	case *syntax.TupleAccess:
		if x := c.lits[e.X]; x != nil && x.kind == litTuple && e.Index < len(x.elems) {
			return x.elems[e.Index]
		}
	case *syntax.FieldAccess:
		return c.foldField(e)
	case *syntax.ArrayAccess:
		return c.foldIndex(e)
	}
	return nil
}

func (c *checker) foldUnop(e *syntax.Unop) *lit {
	x := c.lits[e.X]
	if x == nil {
		return nil
	}
	switch {
	case e.Op == syntax.OpNot && (x.kind == litInt || x.kind == litBool):
		return boolLit(x.u == 0)
	case x.kind != litInt:
	case e.Op == syntax.OpBitNot:
		return intLit(^x.u).from(x)
	case e.Op == syntax.OpNeg && x.neg:
		return intLit(-x.u).from(x)
	case e.Op == syntax.OpNeg:
		if x.u > math.MaxInt64+1 {
			c.errorf(CodeOverflow, e, "negative value will underflow")
			return nil
		}
		return signedLit(-int64(x.u)).from(x)
	}
	return nil
}

// from marks l as computed from operands, of which one may be a parameter.
func (l *lit) from(operands ...*lit) *lit {
	for _, o := range operands {
		if o != nil && o.param != nil {
			l.param = o.param
		}
	}
	return l
}

func (c *checker) foldBinop(e *syntax.Binop) *lit {
	l, r := c.lits[e.L], c.lits[e.R]
	if l == nil || r == nil {
		return foldLengths(e)
	}
	switch {
	case l.isString() || r.isString():
		return c.foldStrings(e, l, r)
	case l.kind == litBool || r.kind == litBool:
		return c.foldBools(e, l, r)
	case l.kind != r.kind:
		return nil
	case l.kind != litInt:
		if e.Op == syntax.OpEq || e.Op == syntax.OpNe {
			return foldEqual(e.Op, l, r)
		}
		return nil
	}
	return c.foldInts(e, l, r)
}

// foldLengths compares tuples that are written out with different lengths.
func foldLengths(e *syntax.Binop) *lit {
	l, lok := unparen(e.L).(*syntax.Tuple)
	r, rok := unparen(e.R).(*syntax.Tuple)
	if !lok || !rok || len(l.Elems) == len(r.Elems) || e.Op != syntax.OpEq && e.Op != syntax.OpNe {
		return nil
	}
	return boolLit(e.Op == syntax.OpNe)
}

// foldEqual compares tuples and records of literals.
func foldEqual(op syntax.Op, l, r *lit) *lit {
	eq, ok := sameLit(l, r)
	if !ok {
		return nil
	}
	return boolLit(eq == (op == syntax.OpEq))
}

func sameLit(l, r *lit) (eq, ok bool) {
	if l.kind != r.kind {
		return false, true
	}
	if l.kind < litTuple {
		return l.neg == r.neg && l.u == r.u && l.s == r.s, true
	}
	if len(l.elems) != len(r.elems) {
		return false, true
	}
	for i, x := range l.elems {
		y := r.elems[i]
		if l.kind == litRecord {
			if y = r.field(l.names[i]); y == nil {
				return false, false
			}
		}
		if eq, ok := sameLit(x, y); !eq || !ok {
			return false, ok
		}
	}
	return true, true
}

func (l *lit) field(name string) *lit {
	for i, n := range l.names {
		if n == name {
			return l.elems[i]
		}
	}
	return nil
}

// foldStrings folds an operation of which at least one side is a string.
func (c *checker) foldStrings(e *syntax.Binop, l, r *lit) *lit {
	s, other := l, r
	if !s.isString() {
		s, other = r, l
	}
	if e.Op == syntax.OpAdd && other.isNatural() {
		if other.u >= uint64(len(s.s)) {
			c.warnf(CodeEmptyString, e, "literal string will always be empty")
			return stringLit("")
		}
		return stringLit(s.s[other.u:])
	}
	if other.kind == litBool && (e.Op == syntax.OpLogAnd || e.Op == syntax.OpLogOr) {
		return boolOp(e.Op, s.s != "", other.u != 0)
	}
	if !other.isString() {
		return nil
	}
	switch e.Op {
	case syntax.OpAdd:
		return stringLit(l.s + r.s)
	case syntax.OpLogAnd, syntax.OpLogOr:
		return boolOp(e.Op, l.s != "", r.s != "")
	}
	if b, ok := compareOp(e.Op, l.s, r.s); ok {
		return boolLit(b)
	}
	c.errorf(CodeOperator, e, "illegal literal operation with strings")
	c.failed(e)
	return nil
}

func compareOp[T int64 | uint64 | string](op syntax.Op, l, r T) (result, ok bool) {
	switch op {
	case syntax.OpEq:
		return l == r, true
	case syntax.OpNe:
		return l != r, true
	case syntax.OpLt:
		return l < r, true
	case syntax.OpGt:
		return l > r, true
	case syntax.OpLe:
		return l <= r, true
	case syntax.OpGe:
		return l >= r, true
	}
	return false, false
}

func boolOp(op syntax.Op, l, r bool) *lit {
	if op == syntax.OpLogAnd {
		return boolLit(l && r)
	}
	return boolLit(l || r)
}

// foldBools folds an operation of which at least one side is a boolean.
func (c *checker) foldBools(e *syntax.Binop, l, r *lit) *lit {
	if e.Op == syntax.OpLogAnd || e.Op == syntax.OpLogOr {
		if l.kind > litBool || r.kind > litBool {
			return nil
		}
		return boolOp(e.Op, l.u != 0, r.u != 0).from(l, r)
	}
	if l.kind != litBool || r.kind != litBool {
		return nil
	}
	if (e.Op == syntax.OpDiv || e.Op == syntax.OpMod) && r.u == 0 {
		return c.overflow(e)
	}
	if b, ok := compareOp(e.Op, l.u, r.u); ok {
		return boolLit(b)
	}
	var b bool
	switch e.Op {
	case syntax.OpAdd, syntax.OpBitOr:
		b = l.u|r.u != 0
	case syntax.OpSub, syntax.OpBitXor:
		b = l.u != r.u
	case syntax.OpMul, syntax.OpDiv, syntax.OpBitAnd:
		b = l.u&r.u != 0
	case syntax.OpShl:
		b = l.u < r.u
	case syntax.OpShr:
		b = l.u > r.u
	}
	return boolLit(b)
}

// overflow reports that e has no value.
func (c *checker) overflow(e *syntax.Binop) *lit {
	c.errorf(CodeOverflow, e, "unable to fold literals due to overflow or underflow")
	c.failed(e)
	return nil
}

func (c *checker) foldInts(e *syntax.Binop, l, r *lit) *lit {
	if l.neg != r.neg && (!l.neg && l.u > math.MaxInt64 || !r.neg && r.u > math.MaxInt64) {
		return c.overflow(e)
	}
	signed := l.neg || r.neg
	switch e.Op {
	case syntax.OpLogAnd, syntax.OpLogOr:
		return boolOp(e.Op, l.u != 0, r.u != 0).from(l, r)
	}
	if signed {
		if b, ok := compareOp(e.Op, int64(l.u), int64(r.u)); ok {
			return boolLit(b).from(l, r)
		}
		return c.folded(e, l, r)(evalSigned(e.Op, int64(l.u), int64(r.u)))
	}
	if b, ok := compareOp(e.Op, l.u, r.u); ok {
		return boolLit(b).from(l, r)
	}
	return c.folded(e, l, r)(evalUnsigned(e.Op, l.u, r.u))
}

func (c *checker) folded(e *syntax.Binop, l, r *lit) func(*lit, bool) *lit {
	return func(v *lit, ok bool) *lit {
		if !ok {
			return c.overflow(e)
		}
		return v.from(l, r)
	}
}

// evalUnsigned computes an operation on two non-negative integers.
func evalUnsigned(op syntax.Op, l, r uint64) (*lit, bool) {
	switch op {
	case syntax.OpAdd:
		return intLit(l + r), l+r >= l
	case syntax.OpSub:
		if l >= r {
			return intLit(l - r), true
		}
		return signedLit(-int64(r-l-1) - 1), r-l-1 <= math.MaxInt64
	case syntax.OpMul:
		return intLit(l * r), l == 0 || l*r/l == r
	case syntax.OpDiv, syntax.OpMod:
		if r == 0 {
			return nil, false
		}
		if op == syntax.OpDiv {
			return intLit(l / r), true
		}
		return intLit(l % r), true
	case syntax.OpBitAnd:
		return intLit(l & r), true
	case syntax.OpBitOr:
		return intLit(l | r), true
	case syntax.OpBitXor:
		return intLit(l ^ r), true
	case syntax.OpShl:
		return intLit(l << (r & 63)), r < 64
	case syntax.OpShr:
		return intLit(l >> (r & 63)), r < 64
	}
	return nil, false
}

// evalSigned computes an operation on two integers of which one is negative.
func evalSigned(op syntax.Op, l, r int64) (*lit, bool) {
	switch op {
	case syntax.OpAdd:
		s := l + r
		return signedLit(s), (l < 0) != (r < 0) || (s < 0) == (l < 0)
	case syntax.OpSub:
		s := l - r
		return signedLit(s), (l < 0) == (r < 0) || (s < 0) == (l < 0)
	case syntax.OpMul:
		return mulSigned(l, r)
	case syntax.OpDiv, syntax.OpMod:
		switch {
		case r == 0:
			return nil, false
		case r == -1 && op == syntax.OpMod:
			return intLit(0), true
		case r == -1:
			return intLit(-uint64(l)), true
		case op == syntax.OpDiv:
			return signedLit(l / r), true
		}
		return signedLit(l % r), true
	case syntax.OpBitAnd:
		return signedLit(l & r), true
	case syntax.OpBitOr:
		return signedLit(l | r), true
	case syntax.OpBitXor:
		return signedLit(l ^ r), true
	case syntax.OpShl:
		return signedLit(l << uint(r&63)), r >= 0 && r < 64
	case syntax.OpShr:
		return signedLit(l >> uint(r&63)), r >= 0 && r < 64
	}
	return nil, false
}

func mulSigned(l, r int64) (*lit, bool) {
	if l < 0 && r < 0 {
		return evalUnsigned(syntax.OpMul, -uint64(l), -uint64(r))
	}
	if l == 0 || r == 0 {
		return intLit(0), true
	}
	p := l * r
	return signedLit(p), p/l == r && p < 0
}

func (c *checker) foldTernary(e *syntax.Ternary) *lit {
	cond, then, els := c.lits[e.Cond], c.lits[e.Cond], c.lits[e.Else]
	if e.Then != nil {
		then = c.lits[e.Then]
	}
	if cond == nil || then == nil || els == nil || cond.kind >= litTuple {
		return nil
	}
	x := *els
	if cond.truth() {
		x = *then
	}
	return x.from(cond)
}

func (c *checker) foldIf(e *syntax.If) *lit {
	cond := c.lits[e.Cond]
	if cond == nil || cond.kind >= litTuple {
		return nil
	}
	_, comptime := unparen(e.Cond).(*syntax.Comptime)
	then, els := c.blockLit(e.Then), c.lits[e.Else]
	if !comptime && (then == nil || els == nil) {
		return nil
	}
	if cond.truth() {
		return then
	}
	if e.Else == nil {
		return nil
	}
	return els
}

func (c *checker) blockLit(b *syntax.Block) *lit {
	if len(b.Stmts) > 0 || b.Value == nil {
		return nil
	}
	return c.lits[b.Value]
}

func (c *checker) foldTuple(e *syntax.Tuple) *lit {
	l := &lit{kind: litTuple}
	for _, x := range e.Elems {
		v := c.lits[x]
		if v == nil {
			return nil
		}
		l.elems = append(l.elems, v)
		l.from(v)
	}
	return l
}

func (c *checker) foldRecord(e *syntax.Record) *lit {
	l := &lit{kind: litRecord}
	for _, f := range e.Fields {
		v := c.lits[f.Value]
		if v == nil {
			return nil
		}
		l.elems, l.names = append(l.elems, v), append(l.names, f.Name.Name)
		l.from(v)
	}
	return l
}

func (c *checker) foldField(e *syntax.FieldAccess) *lit {
	if x := c.lits[e.X]; x != nil && x.kind == litRecord {
		return x.field(e.Name.Name)
	}
	return nil
}

func (c *checker) foldIndex(e *syntax.ArrayAccess) *lit {
	x, i := c.lits[e.X], c.lits[e.Index]
	if x == nil || !i.isNatural() {
		return nil
	}
	switch {
	case x.kind == litString && i.u <= uint64(len(x.s)):
		var b byte
		if i.u < uint64(len(x.s)) {
			b = x.s[i.u]
		}
		return intLit(uint64(int64(int8(b))))
	case x.kind == litTuple && i.u < uint64(len(x.elems)):
		return x.elems[i.u]
	}
	return nil
}

// foldStr folds str() of a literal, and of a parameter, which then is text.
func (c *checker) foldStr(e *syntax.Call) *lit {
	if len(e.Args) == 0 {
		return nil
	}
	l := c.lits[e.Args[0]]
	if l == nil || l.kind == litBool || l.kind >= litTuple {
		return nil
	}
	s := l.text()
	if len(e.Args) > 1 {
		n := c.lits[e.Args[1]]
		if !n.isNatural() {
			return nil
		}
		if uint64(len(s)) > n.u {
			s = s[:n.u]
		}
	}
	return stringLit(s)
}

// parseParam converts the text of a positional parameter as upstream does.
func parseParam(s string) *lit {
	if len(s) > 1 && s[0] == '-' {
		if i, err := strconv.ParseInt(s, 0, 64); err == nil {
			return signedLit(i)
		}
		return stringLit(s)
	}
	u, _, err := syntax.ParseUint(s)
	if err != nil {
		return stringLit(s)
	}
	return intLit(u)
}

// unparen returns e without parentheses around it.
func unparen(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.Paren)
		if !ok {
			return e
		}
		e = p.X
	}
}
