package syntax

import (
	"iter"
	"reflect"
)

// Children yields the nodes directly under n, in the order of the text. It is
// the only place that knows where nodes keep their children.
func Children(n Node) iter.Seq[Node] {
	return func(yield func(Node) bool) { children(n, yield) }
}

// one yields x unless it is nil.
func one[T interface {
	comparable
	Node
}](f func(Node) bool, x T) bool {
	var none T
	return x == none || f(x)
}

// all yields the elements of xs.
func all[T interface {
	comparable
	Node
}](f func(Node) bool, xs []T) bool {
	for _, x := range xs {
		if !one(f, x) {
			return false
		}
	}
	return true
}

func children(n Node, f func(Node) bool) bool {
	switch n := n.(type) {
	case *File:
		return all(f, n.Decls)
	case Decl:
		return declChildren(n, f)
	case Stmt:
		return stmtChildren(n, f)
	case Expr:
		return exprChildren(n, f)
	case TypeExpr:
		return typeChildren(n, f)
	}
	return partChildren(n, f)
}

func declChildren(n Decl, f func(Node) bool) bool {
	switch n := n.(type) {
	case *CDef:
		return all(f, n.Members) && all(f, n.Enums)
	case *Config:
		return all(f, n.Entries)
	case *Import:
		return one(f, n.Path)
	case *MapDecl:
		return one(f, n.Map) && one(f, n.Kind) && one(f, n.MaxEntries)
	case *Macro:
		return one(f, n.Name) && all(f, n.Args) && one(f, n.Body)
	case *Subprog:
		return one(f, n.Name) && all(f, n.Args) && one(f, n.Result) && one(f, n.Body)
	case *Probe:
		return all(f, n.AttachPoints) && one(f, n.Predicate) && one(f, n.Body)
	}
	return true // Preproc, BadDecl
}

func stmtChildren(n Stmt, f func(Node) bool) bool {
	switch n := n.(type) {
	case *ExprStmt:
		return one(f, n.X)
	case *Assign:
		return one(f, n.Target) && one(f, n.Value)
	case *Let:
		return one(f, n.Var) && one(f, n.Type) && one(f, n.Init)
	case *Discard:
		return one(f, n.X)
	case *While:
		return one(f, n.Cond) && one(f, n.Body)
	case *Unroll:
		return one(f, n.Count) && one(f, n.Body)
	case *For:
		return one(f, n.Var) && one(f, n.Map) && one(f, n.Range) && one(f, n.Body)
	case *Jump:
		return one(f, n.Value)
	case *ImportStmt:
		return one(f, n.Path)
	}
	return true // BadStmt
}

func exprChildren(n Expr, f func(Node) bool) bool {
	switch n := n.(type) {
	case *MapAccess:
		return one(f, n.Map) && all(f, n.Keys)
	case *Binop:
		return one(f, n.L) && one(f, n.R)
	case *Unop:
		return one(f, n.X)
	case *Ternary:
		return one(f, n.Cond) && one(f, n.Then) && one(f, n.Else)
	case *If:
		return one(f, n.Cond) && one(f, n.Then) && one(f, n.Else)
	case *BlockExpr:
		return one(f, n.Block)
	case *Paren:
		return one(f, n.X)
	case *FieldAccess:
		return one(f, n.X) && one(f, n.Name)
	case *TupleAccess:
		return one(f, n.X)
	case *ArrayAccess:
		return one(f, n.X) && one(f, n.Index)
	case *Cast:
		return one(f, n.Type) && one(f, n.X)
	case *Call:
		return one(f, n.Func) && all(f, n.Args)
	case *Sizeof:
		return one(f, n.Type) && one(f, n.X)
	case *Offsetof:
		return one(f, n.Type) && one(f, n.X) && all(f, n.Fields)
	case *Typeinfo:
		return one(f, n.Type) && one(f, n.X)
	case *Comptime:
		return one(f, n.X)
	case *Tuple:
		return all(f, n.Elems)
	case *Record:
		return all(f, n.Fields)
	case *TypeArg:
		return one(f, n.Type)
	}
	return true // literals, names and BadExpr
}

func typeChildren(n TypeExpr, f func(Node) bool) bool {
	switch n := n.(type) {
	case *Typeof:
		return one(f, n.Type) && one(f, n.X)
	case *PointerType:
		return one(f, n.Elem)
	case *ArrayType:
		return one(f, n.Elem)
	}
	return true // NamedType
}

// partChildren yields the children of nodes that are parts of others.
func partChildren(n Node, f func(Node) bool) bool {
	switch n := n.(type) {
	case *CMember:
		return one(f, n.Type)
	case *CType:
		return one(f, n.Def)
	case *ConfigEntry:
		return one(f, n.Key) && one(f, n.Value)
	case *SubprogArg:
		return one(f, n.Var) && one(f, n.Type)
	case *Block:
		return all(f, n.Stmts) && one(f, n.Value)
	case *Range:
		return one(f, n.Lo) && one(f, n.Hi)
	case *NamedArg:
		return one(f, n.Name) && one(f, n.Value)
	}
	return true // CEnumerator, AttachPoint
}

// Inspect calls f for n and, where f returns true, for the nodes under it, in
// the order of the text. n may be nil.
func Inspect(n Node, f func(Node) bool) {
	if n == nil || !f(n) {
		return
	}
	for c := range Children(n) {
		Inspect(c, f)
	}
}

// Walk calls f with the path from root to each node under it, root first and
// the node last, in the order of the text. Where f returns false the nodes
// under that node are left out. The path is reused: a caller that keeps it
// copies it.
func Walk(root Node, f func(path []Node) bool) {
	walk(root, nil, f)
}

func walk(n Node, path []Node, f func(path []Node) bool) {
	if n == nil {
		return
	}
	path = append(path, n)
	if !f(path) {
		return
	}
	for c := range Children(n) {
		walk(c, path, f)
	}
}

// At returns the path from file to the innermost node that covers the byte at
// offset, file first. The end of a node counts as part of it when nothing else
// covers the offset, so that a cursor after a name finds the name.
func At(file *File, offset int) []Node {
	path := []Node{file}
	for {
		var best Node
		for c := range Children(path[len(path)-1]) {
			s := c.Span()
			if int(s.Start) <= offset && offset < int(s.End) || best == nil && int(s.End) == offset && s.End > s.Start {
				best = c
			}
		}
		if best == nil {
			return path
		}
		path = append(path, best)
	}
}

// Unparen returns x without the parentheses around it.
func Unparen(x Expr) Expr {
	for {
		p, ok := x.(*Paren)
		if !ok {
			return x
		}
		x = p.X
	}
}

// Clone returns a deep copy of n. Spans are kept: a copy lies where the
// original lies.
func Clone[T Node](n T) T {
	v := reflect.ValueOf(&n).Elem()
	if !v.IsZero() {
		v.Set(cloneValue(v))
	}
	return n
}

var sourceType = reflect.TypeFor[*Source]()

// cloneValue copies what v holds, but not sources.
func cloneValue(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || v.Type() == sourceType {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		cloneFields(c.Elem())
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return cloneValue(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(cloneValue(v.Index(i)))
		}
		return c
	}
	return v
}

// cloneFields replaces the fields of the copy v that are shared with the
// original. Embedded structs hold nothing but spans.
func cloneFields(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Slice:
			f.Set(cloneValue(f))
		}
	}
}

// Equal reports whether a and b are the same tree, wherever their text lies.
// Parentheses count; spans, sources and comments do not.
func Equal(a, b Node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return equalValue(reflect.ValueOf(a), reflect.ValueOf(b))
}

func equalValue(a, b reflect.Value) bool {
	if a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() || a.Type() == sourceType {
			return a.Type() == sourceType || a.IsNil() == b.IsNil()
		}
		return equalValue(a.Elem(), b.Elem())
	case reflect.Slice:
		return equalSlice(a, b)
	case reflect.Struct:
		return equalStruct(a, b)
	}
	return a.Equal(b)
}

func equalSlice(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !equalValue(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

var (
	spanType     = reflect.TypeFor[Span]()
	commentsType = reflect.TypeFor[[]Comment]()
)

func equalStruct(a, b reflect.Value) bool {
	for i := range a.NumField() {
		t := a.Type().Field(i)
		if t.Anonymous || t.Type == spanType || t.Type == commentsType {
			continue
		}
		if !equalValue(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return true
}
