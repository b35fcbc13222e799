package syntax

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// upNode is a node of upstream's tree as the corpus writes it: a name,
// arguments, and further fields that are set by With... methods. Arguments are
// *upNode, []any, string, float64 or bool.
type upNode struct {
	N string
	A []any
	M map[string]any
}

// up makes a node of upstream's tree.
func up(name string, args ...any) *upNode { return &upNode{N: name, A: args} }

// upTree turns our tree into upstream's: predicates stay, trailing expressions
// of probes become statements, several keys become a tuple, parentheses go, and
// compound assignments and ternaries are spelled out.
type upTree struct{ params []string }

func (u upTree) file(f *File) *upNode {
	m := map[string]any{}
	add := func(key string, v any) {
		old, _ := m[key].([]any)
		m[key] = append(old, v)
	}
	if f.Shebang != "" {
		add("WithHeader", f.Shebang+"\n")
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *CDef:
			add("WithCStatements", up("CStatement", d.Text+";"))
		case *Preproc:
			add("WithCStatements", up("CStatement", d.Span().Text()))
		case *Config:
			add("WithConfig", up("Config", each(d.Entries, u.entry)))
		case *Import:
			add("WithRootImports", up("RootImport", d.Path.Value))
		case *MapDecl:
			add("WithMapDecls", up("MapDeclStatement", d.Map.Name, d.Kind.Name, float64(d.MaxEntries.Value)))
		case *Subprog:
			add("WithFunction", up("Subprog", d.Name.Name, u.typeOf(d.Result, nil), each(d.Args, u.param), u.stmts(d.Body)))
		case *Probe:
			add("WithProbe", u.probe(d))
		}
	}
	return &upNode{N: "Program", M: m}
}

// each applies f to all of xs.
func each[T any](xs []T, f func(T) any) []any {
	out := []any{}
	for _, x := range xs {
		out = append(out, f(x))
	}
	return out
}

func (u upTree) entry(e *ConfigEntry) any {
	var value any
	switch v := e.Value.(type) {
	case *IntLit:
		value = float64(v.Value)
	case *StringLit:
		value = v.Value
	case *BoolLit:
		value = v.Value
	case *Ident:
		value = v.Name
	}
	return up("AssignConfigVarStatement", e.Key.Name, value)
}

func (u upTree) param(a *SubprogArg) any {
	return up("SubprogArg", u.expr(a.Var), u.typeOf(a.Type, nil))
}

func (u upTree) probe(d *Probe) any {
	var points []any
	for _, ap := range d.AttachPoints {
		a, _ := ParseAttachPoint(ap, u.params)
		if a == nil {
			continue
		}
		for _, alt := range a.Alternatives {
			points = append(points, alt.String())
		}
		if a.Kind == ProbeRawTracepoint && a.Target == "" {
			a.Target = "*" // upstream's word for any module
		}
		if a.Kind != ProbeInvalid {
			points = append(points, a.String())
		}
	}
	if d.Predicate != nil {
		return up("Probe", points, u.expr(d.Predicate), u.stmts(d.Body))
	}
	return up("Probe", points, u.stmts(d.Body))
}

// stmts are the statements of b with its value as the last of them.
func (u upTree) stmts(b *Block) []any {
	out := each(b.Stmts, u.stmt)
	if b.Value != nil {
		out = append(out, up("ExprStatement", u.expr(b.Value)))
	}
	return out
}

func (u upTree) block(b *Block) any {
	var value any = up("None")
	if b.Value != nil {
		value = u.expr(b.Value)
	}
	return up("Block", each(b.Stmts, u.stmt), value)
}

func (u upTree) stmt(s Stmt) any {
	switch s := s.(type) {
	case *ExprStmt:
		return up("ExprStatement", u.expr(s.X))
	case *Assign:
		return u.assign(s)
	case *Let:
		decl := up("VarDeclStatement", u.expr(s.Var))
		if s.Type != nil {
			decl.A = append(decl.A, u.typeOf(s.Type, nil))
		}
		if s.Init != nil {
			return up("AssignVarStatement", decl, u.expr(s.Init))
		}
		return decl
	case *Discard:
		return up("DiscardExpr", u.expr(s.X))
	case *While:
		return up("While", u.expr(s.Cond), u.stmts(s.Body))
	case *Unroll:
		return up("Unroll", u.expr(s.Count), u.stmts(s.Body))
	case *For:
		if s.Map != nil {
			return up("For", u.expr(s.Var), u.expr(s.Map), u.stmts(s.Body))
		}
		return up("For", u.expr(s.Var), up("Range", u.expr(s.Range.Lo), u.expr(s.Range.Hi)), u.stmts(s.Body))
	case *Jump:
		j := up("Jump", "$JumpType::"+[...]string{"BREAK", "CONTINUE", "RETURN"}[s.Kind])
		if s.Value != nil {
			j.A = append(j.A, u.expr(s.Value))
		}
		return j
	case *ImportStmt:
		return up("StatementImport", s.Path.Value)
	}
	return up(fmt.Sprintf("%T", s))
}

func (u upTree) assign(s *Assign) any {
	value := u.expr(s.Value)
	if s.Op != OpAssign {
		value = up("Binop", operator(s.Op), u.expr(s.Target), value)
	}
	switch t := s.Target.(type) {
	case *Map:
		return up("AssignScalarMapStatement", u.expr(t), value)
	case *MapAccess:
		return up("AssignMapStatement", u.expr(t.Map), u.key(t), value)
	}
	return up("AssignVarStatement", u.expr(s.Target), value)
}

func (u upTree) key(m *MapAccess) any {
	if len(m.Keys) == 1 {
		return u.expr(m.Keys[0])
	}
	return up("Tuple", each(m.Keys, u.expr))
}

var upOp = map[Op]string{
	OpLogOr: "LOR", OpLogAnd: "LAND", OpBitOr: "BOR", OpBitXor: "BXOR", OpBitAnd: "BAND", OpEq: "EQ", OpNe: "NE",
	OpLt: "LT", OpGt: "GT", OpLe: "LE", OpGe: "GE", OpShl: "LEFT", OpShr: "RIGHT", OpAdd: "PLUS", OpSub: "MINUS",
	OpMul: "MUL", OpDiv: "DIV", OpMod: "MOD", OpNot: "LNOT", OpBitNot: "BNOT", OpDeref: "MUL", OpNeg: "MINUS",
}

func operator(op Op) string { return "$Operator::" + upOp[op] }

func (u upTree) expr(x Expr) any {
	switch x := x.(type) {
	case *IntLit:
		return up("Integer", float64(x.Value))
	case *StringLit:
		return up("String", x.Value)
	case *BoolLit:
		return up("Boolean", x.Value)
	case *Ident:
		return up("Identifier", x.Name)
	case *Builtin:
		return up("Builtin", x.Name)
	case *Positional:
		return up("PositionalParameter", float64(x.N))
	case *PositionalCount:
		return up("PositionalParameterCount")
	case *Variable:
		return up("Variable", x.Name)
	case *Map:
		return up("Map", x.Name)
	case *MapAccess:
		return up("MapAccess", u.expr(x.Map), u.key(x))
	case *Paren:
		return u.expr(x.X)
	case *Binop:
		return up("Binop", operator(x.Op), u.expr(x.L), u.expr(x.R))
	case *Unop:
		return u.unop(x)
	case *Ternary:
		then := x.Then
		if then == nil {
			then = x.Cond
		}
		return up("If", u.expr(x.Cond), u.expr(then), u.expr(x.Else))
	case *If:
		i := up("If", u.expr(x.Cond), u.block(x.Then), up("None"))
		if x.Else != nil {
			i.A[2] = u.expr(x.Else)
		}
		return i
	case *BlockExpr:
		return u.block(x.Block)
	}
	return u.access(x)
}

func (u upTree) access(x Expr) any {
	switch x := x.(type) {
	case *FieldAccess:
		return up("FieldAccess", x.Name.Name, u.expr(x.X))
	case *TupleAccess:
		return up("TupleAccess", u.expr(x.X), float64(x.Index))
	case *ArrayAccess:
		return up("ArrayAccess", u.expr(x.X), u.expr(x.Index))
	case *Cast:
		return up("Cast", u.typeOf(x.Type, nil), u.expr(x.X))
	case *Call:
		return up("Call", x.Func.Name, each(x.Args, u.expr))
	case *Sizeof:
		return up("Sizeof", u.typeOrExpr(x.Type, x.X))
	case *Typeinfo:
		return up("Typeinfo", u.typeOf(x.Type, x.X))
	case *Offsetof:
		return up("Offsetof", u.typeOrExpr(x.Type, x.X), each(x.Fields, func(f *Ident) any { return f.Name }))
	case *Comptime:
		return up("Comptime", u.expr(x.X))
	case *Tuple:
		return up("Tuple", each(x.Elems, u.expr))
	case *Record:
		return up("Record", each(x.Fields, func(a *NamedArg) any { return up("NamedArgument", a.Name.Name, u.expr(a.Value)) }))
	}
	return up(fmt.Sprintf("%T", x))
}

func (u upTree) unop(x *Unop) any {
	op := operator(x.Op)
	switch x.Op {
	case OpAddr:
		if _, ok := x.X.(*Map); ok {
			return up("MapAddr", u.expr(x.X))
		}
		return up("VariableAddr", u.expr(x.X))
	case OpInc, OpDec:
		op = "$Operator::" + map[bool]string{false: "PRE_", true: "POST_"}[x.Postfix] + map[Op]string{OpInc: "INCREMENT", OpDec: "DECREMENT"}[x.Op]
	}
	return up("Unop", op, u.expr(x.X))
}

func (u upTree) typeOrExpr(t TypeExpr, x Expr) any {
	if x != nil {
		return u.expr(x)
	}
	return u.typ(t)
}

// typeOf wraps a type or expression as upstream does. typeof(x) is x itself.
func (u upTree) typeOf(t TypeExpr, x Expr) any {
	if t, ok := t.(*Typeof); ok {
		return up("Typeof", u.typeOrExpr(t.Type, t.X))
	}
	return up("Typeof", u.typeOrExpr(t, x))
}

func (u upTree) typ(t TypeExpr) any {
	const kind = "$ast::ParsedType::Kind::"
	switch t := t.(type) {
	case *NamedType:
		tag := map[string]string{"": "Identifier", "struct": "Struct", "union": "Union", "enum": "Enum"}[t.Tag]
		return up("ParsedType", kind+tag, t.Name)
	case *PointerType:
		return &upNode{N: "ParsedType", A: []any{kind + "Pointer"}, M: map[string]any{"WithInner": []any{u.typ(t.Elem)}}}
	case *ArrayType:
		return &upNode{N: "ParsedType", A: []any{kind + "Array"}, M: map[string]any{
			"WithArraySize": []any{float64(max(t.Len, 0))}, "WithInner": []any{u.typ(t.Elem)}}}
	}
	return up(fmt.Sprintf("%T", t))
}

// matchTree compares what upstream's test expects with a node of upTree, and
// returns where they differ, or "".
func matchTree(want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		return matchNode(w, got)
	case []any:
		g, ok := got.([]any)
		if n, isBlock := got.(*upNode); isBlock && n.N == "Block" {
			g, ok = statements(n), true
		}
		if !ok || len(g) != len(w) {
			return fmt.Sprintf("want %v, got %v", show(want), show(got))
		}
		for i := range w {
			if diff := matchTree(w[i], g[i]); diff != "" {
				return diff
			}
		}
		return ""
	case string:
		g, _ := got.(string)
		if w == "$_" || matchesVariable(w, g) || strings.Join(strings.Fields(w), " ") == strings.Join(strings.Fields(g), " ") {
			return ""
		}
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("want %v, got %v", show(want), show(got))
}

// matchesVariable reports whether w is C++ text that names a loop variable of
// upstream's test, which stands for any word.
func matchesVariable(w, g string) bool {
	before, after, ok := strings.Cut(strings.Replace(w, "$keyword", "$+kw+", 1), "+kw+")
	before, isText := strings.CutPrefix(before, "$")
	return ok && isText && strings.HasPrefix(g, before) && strings.HasSuffix(g, after)
}

func show(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func matchNode(w map[string]any, got any) string {
	g, ok := got.(*upNode)
	args, _ := w["a"].([]any)
	if ok && g.N == "VarDeclStatement" && w["n"] == "Variable" {
		return matchTree(w, g.A[0]) // upstream's matcher looks through the declaration
	}
	switch name := w["n"]; {
	case name == "testing::AllOf":
		for _, a := range args {
			if diff := matchTree(a, got); diff != "" {
				return diff
			}
		}
		return ""
	case name == "testing::Not":
		if matchTree(args[0], got) == "" {
			return "matches what it must not: " + show(args[0])
		}
		return ""
	case !ok || name != g.N:
		return fmt.Sprintf("want %v, got %v", show(w), show(got))
	}
	if g.N == "Block" && len(args) == 2 && matchTree(args[1], up("None")) == "" {
		g = up("Block", statements(g), up("None")) // in a statement a block has no value
	}
	return matchArgs(w, args, g)
}

// statements are those of a block, its value as the last of them.
func statements(block *upNode) []any {
	stmts := block.A[0].([]any)
	if v := block.A[1].(*upNode); v.N != "None" {
		stmts = append(stmts[:len(stmts):len(stmts)], up("ExprStatement", v))
	}
	return stmts
}

func matchArgs(w map[string]any, args []any, g *upNode) string {
	// A matcher may leave out what comes last when it is nothing. It compares a
	// declaration without its type when it names none.
	if len(args) > len(g.A) {
		return fmt.Sprintf("want %v, got %v", show(w), show(g))
	}
	for i, have := range g.A {
		if i >= len(args) {
			if n, ok := have.(*upNode); g.N != "VarDeclStatement" && (!ok || n.N != "None") {
				return fmt.Sprintf("want %v, got %v", show(w), show(g))
			}
			continue
		}
		if diff := matchTree(args[i], have); diff != "" {
			return diff
		}
	}
	methods, _ := w["m"].([]any)
	want := map[string][]any{}
	for _, m := range methods {
		pair := m.([]any)
		vs := pair[1].([]any)
		if len(vs) == 1 {
			if list, ok := vs[0].([]any); ok {
				vs = list
			}
		}
		want[pair[0].(string)] = append(want[pair[0].(string)], vs...)
	}
	for key, vs := range want {
		have, _ := g.M[key].([]any)
		if diff := matchTree(anyList(vs), anyList(have)); diff != "" {
			return key + ": " + diff
		}
	}
	return ""
}

func anyList(vs []any) any {
	if vs == nil {
		return []any{}
	}
	return vs
}

// TestCorpusTrees compares our trees with upstream's.
func TestCorpusTrees(t *testing.T) {
	total, same := 0, 0
	for _, c := range corpus(t, "parser_accept") {
		if len(c.AST) == 0 || string(c.AST) == "null" {
			continue
		}
		var want any
		if err := json.Unmarshal(c.AST, &want); err != nil {
			t.Fatal(err)
		}
		f, ds := Parse(NewSource("stdin", c.Prog), &ParseOptions{Params: c.Params, Unsafe: true})
		diff := ""
		if ds.HasErrors() {
			diff = ds[0].Message
		} else {
			diff = matchTree(want, upTree{c.Params}.file(f))
		}
		total++
		if diff == "" {
			same++
		} else {
			t.Logf("%s: %s\n\t%s", c.ID, c.Prog, diff)
		}
	}
	t.Logf("%d of %d trees are the same", same, total)
	if same*100 < total*99 {
		t.Errorf("%d of %d trees are the same, want 99 %%", same, total)
	}
}
