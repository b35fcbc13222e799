package compile

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// visitor walks what is compiled of a probe: expansions in place of what they
// stand for, dead branches and constant expressions left out.
type visitor struct {
	info  *check.Info
	loop  int // loops around the current node
	calls int // functions of the program around it
	expr  func(e syntax.Expr, loop int)
	stmt  func(s syntax.Stmt, loop int)
}

func (v *visitor) block(b *syntax.Block) {
	if b == nil || v.info.Dead[b] {
		return
	}
	for _, s := range b.Stmts {
		v.statement(s)
	}
	v.expression(b.Value)
}

func (v *visitor) statement(s syntax.Stmt) {
	if v.stmt != nil {
		v.stmt(s, v.loop)
	}
	switch s := s.(type) {
	case *syntax.ExprStmt:
		v.expression(s.X)
	case *syntax.Assign:
		v.expression(s.Target)
		v.expression(s.Value)
	case *syntax.Let:
		v.expression(s.Var)
		v.expression(s.Init)
	case *syntax.Discard:
		v.expression(s.X)
	case *syntax.While:
		v.body(s.Body, s.Cond)
	case *syntax.Unroll:
		v.block(s.Body)
	case *syntax.For:
		if s.Range != nil {
			v.expression(s.Range.Lo)
			v.expression(s.Range.Hi)
		}
		v.body(s.Body, s.Var)
	case *syntax.Jump:
		v.expression(s.Value)
	}
}

func (v *visitor) body(b *syntax.Block, head syntax.Expr) {
	v.loop++
	v.expression(head)
	v.block(b)
	v.loop--
}

func (v *visitor) expressions(es []syntax.Expr) {
	for _, e := range es {
		v.expression(e)
	}
}

func (v *visitor) expression(e syntax.Expr) {
	if isNilExpr(e) {
		return
	}
	if x, ok := v.info.Expansions[e]; ok && x != e {
		v.expression(x)
		return
	}
	if v.expr != nil {
		v.expr(e, v.loop)
	}
	if _, ok := v.info.Consts[e]; ok {
		return
	}
	switch e := e.(type) {
	case *syntax.MapAccess:
		v.expressions(e.Keys)
	case *syntax.Binop:
		v.expression(e.L)
		v.expression(e.R)
	case *syntax.Unop:
		v.expression(e.X)
	case *syntax.Ternary:
		v.expression(e.Cond)
		v.expression(e.Then)
		v.expression(e.Else)
	case *syntax.If:
		v.expression(e.Cond)
		v.block(e.Then)
		v.expression(e.Else)
	case *syntax.BlockExpr:
		v.block(e.Block)
	case *syntax.Paren:
		v.expression(e.X)
	case *syntax.FieldAccess:
		v.expression(e.X)
	case *syntax.TupleAccess:
		v.expression(e.X)
	case *syntax.ArrayAccess:
		v.expression(e.X)
		v.expression(e.Index)
	case *syntax.Cast:
		v.expression(e.X)
	case *syntax.Call:
		v.call(e)
	case *syntax.Comptime:
		v.expression(e.X)
	case *syntax.Tuple:
		v.expressions(e.Elems)
	case *syntax.Record:
		for _, f := range e.Fields {
			v.expression(f.Value)
		}
	}
}

func (v *visitor) call(e *syntax.Call) {
	c := v.info.Calls[e]
	if c == nil {
		v.expressions(e.Args)
		return
	}
	if s := subprogOf(v.info, c); s != nil && v.calls < maxInlined {
		v.calls++
		for _, a := range s.Decl.Args {
			v.expression(a.Var)
		}
		v.block(s.Decl.Body)
		v.calls--
	}
	v.expressions(c.Args)
	v.expressions(c.Key)
}

// isNilExpr also sees a nil pointer of a node type in an interface.
func isNilExpr(e syntax.Expr) bool {
	switch e := e.(type) {
	case nil:
		return true
	case *syntax.If:
		return e == nil
	case *syntax.BlockExpr:
		return e == nil
	case *syntax.Variable:
		return e == nil
	}
	return false
}
