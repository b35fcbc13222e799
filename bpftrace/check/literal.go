package check

import (
	"math"
	"strconv"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// lit is a value that upstream folds to a literal. Integers are sign and bits:
// neg values are two's complement int64, others are uint64.
type lit struct {
	kind  litKind
	neg   bool
	u     uint64
	s     string
	elems []*lit
	names []string // of a record
	param *Param   // the parameter that it comes from: may change while running
}

type litKind uint8

const (
	litInt litKind = iota
	litBool
	litString
	litTuple
	litRecord
)

func intLit(u uint64) *lit { return &lit{u: u} }

func signedLit(i int64) *lit { return &lit{u: uint64(i), neg: i < 0} }

func boolLit(b bool) *lit {
	l := &lit{kind: litBool}
	if b {
		l.u = 1
	}
	return l
}

func stringLit(s string) *lit { return &lit{kind: litString, s: s} }

func (l *lit) isInt() bool { return l != nil && l.kind == litInt }

// isNatural reports whether l is a non-negative integer.
func (l *lit) isNatural() bool { return l.isInt() && !l.neg }

func (l *lit) isString() bool { return l != nil && l.kind == litString }

// truth is the value of l as a condition.
func (l *lit) truth() bool {
	switch l.kind {
	case litInt, litBool:
		return l.u != 0
	case litString:
		return l.s != ""
	}
	return true
}

// text is how l reads in a message.
func (l *lit) text() string {
	switch {
	case l.kind == litInt && l.neg:
		return strconv.FormatInt(int64(l.u), 10)
	case l.kind == litInt:
		return strconv.FormatUint(l.u, 10)
	case l.kind == litBool:
		return strconv.FormatBool(l.u != 0)
	}
	return l.s
}

// typ is the type of l: for integers the smallest signed one that holds it.
func (l *lit) typ() *Type {
	switch l.kind {
	case litBool:
		return boolType
	case litString:
		return stringType(len(l.s) + 1)
	case litTuple, litRecord:
		return l.compositeType()
	}
	if l.param != nil {
		return flexInts[3]
	}
	if l.neg {
		i := int64(l.u)
		switch {
		case i >= math.MinInt8:
			return int8Type
		case i >= math.MinInt16:
			return intType(2, true)
		case i >= math.MinInt32:
			return int32Type
		}
		return int64Type
	}
	switch {
	case l.u <= math.MaxInt8:
		return flexInts[0]
	case l.u <= math.MaxInt16:
		return flexInts[1]
	case l.u <= math.MaxInt32:
		return flexInts[2]
	case l.u <= math.MaxInt64:
		return flexInts[3]
	}
	return uint64Type
}

func (l *lit) compositeType() *Type {
	types := make([]*Type, len(l.elems))
	for i, e := range l.elems {
		types[i] = e.typ()
	}
	if l.kind == litRecord {
		return composite(Record, types, l.names)
	}
	return composite(Tuple, types, nil)
}

// constant is l as the value that Info holds.
func (l *lit) constant() (Const, bool) {
	switch l.kind {
	case litInt:
		return Const{Kind: ConstInt, Int: l.u}, true
	case litBool:
		return Const{Kind: ConstBool, Int: l.u}, true
	case litString:
		return Const{Kind: ConstString, Str: l.s}, true
	}
	return Const{}, false
}

// fits reports whether the integer l is a value of t.
func (l *lit) fits(t *Type) bool {
	bits := uint(t.Size * 8)
	if l.neg {
		return t.Signed && int64(l.u) >= -1<<(bits-1)
	}
	if t.Signed {
		return l.u <= 1<<(bits-1)-1
	}
	return bits >= 64 || l.u < 1<<bits
}

// litOf returns the literal that e is or folds to, or nil.
func (c *checker) litOf(e syntax.Expr) *lit { return c.lits[e] }
