package syntax

import (
	"fmt"
	"math"
	"strconv"
)

// expr = ternary .
func (p *parser) parseExpr() Expr {
	p.enter()
	x := p.parseTernary()
	p.leave()
	return x
}

// ternary = binary [ "?" [ ternary ] ":" ternary ] .
func (p *parser) parseTernary() Expr {
	cond := p.parseBinary(p.parseUnary(), 0)
	if !p.got("?") {
		return cond
	}
	t := &Ternary{Cond: cond}
	if !p.is(":") {
		t.Then = p.parseExpr()
	}
	p.expect(":")
	t.Else = p.parseExpr()
	t.Pos = p.since(cond.Span().Start)
	return t
}

// binaryOp is a binary operator and how tightly it binds.
type binaryOp struct {
	op   Op
	prec int
}

var binaryOps = map[string]binaryOp{
	"||": {OpLogOr, 1}, "&&": {OpLogAnd, 2}, "|": {OpBitOr, 3}, "^": {OpBitXor, 4}, "&": {OpBitAnd, 5},
	"==": {OpEq, 6}, "!=": {OpNe, 6}, "<": {OpLt, 7}, ">": {OpGt, 7}, "<=": {OpLe, 7}, ">=": {OpGe, 7},
	"<<": {OpShl, 8}, ">>": {OpShr, 8}, "+": {OpAdd, 9}, "-": {OpSub, 9},
	"*": {OpMul, 10}, "/": {OpDiv, 10}, "%": {OpMod, 10},
}

// binop returns the binary operator at the current token, if any. A '/' before
// '{' ends a predicate.
func (p *parser) binop() (binaryOp, bool) {
	if p.tok.kind != tOp {
		return binaryOp{}, false
	}
	b, ok := binaryOps[p.textOf(p.tok)]
	if ok && b.op == OpDiv && p.at(p.skipLayout(p.tok.end)) == '{' {
		return binaryOp{}, false
	}
	return b, ok
}

// parseBinary reads the operators after x that bind at least as tightly as
// prec; all of them associate to the left.
//
//	binary = unary { op unary } .
func (p *parser) parseBinary(x Expr, prec int) Expr {
	for n := 0; ; n++ {
		b, ok := p.binop()
		if !ok || b.prec < prec {
			return x
		}
		if n > maxChain {
			p.tooDeep(maxChain, "operators in a row")
		}
		op := p.spanOf(p.tok)
		p.next()
		y := p.parseBinary(p.parseUnary(), b.prec+1)
		e := &Binop{Op: b.op, OpSpan: op, L: x, R: y}
		e.Pos = p.since(x.Span().Start)
		x = e
	}
}

// parseUnary reads prefix operators and their operand.
//
//	unary = ( "++" | "--" ) unary | "&" ( variable | map ) | ( "*" | "-" | "!" | "~" ) unary | postfix .
func (p *parser) parseUnary() Expr {
	if p.tok.kind != tOp {
		return p.parsePostfix(p.parsePrimary())
	}
	switch c := p.text[p.tok.start]; {
	case p.is("++"):
		return p.parsePrefix(OpInc)
	case p.is("--"):
		return p.parsePrefix(OpDec)
	case c == '&':
		return p.parseAddr()
	case c == '*':
		p.split()
		return p.parsePrefix(OpDeref)
	case c == '-':
		p.split()
		return p.parsePrefix(OpNeg)
	case c == '~':
		return p.parsePrefix(OpBitNot)
	case p.is("!"):
		return p.parsePrefix(OpNot)
	}
	return p.parsePostfix(p.parsePrimary())
}

func (p *parser) parsePrefix(op Op) Expr {
	p.enter()
	t := p.tok
	p.next()
	x := p.parseUnary()
	if (op == OpInc || op == OpDec) && !assignable(x) {
		p.report(badIncDec(x.Span()))
	}
	p.leave()
	return &Unop{exprNode: exprNode{node{p.since(t.start)}}, Op: op, OpSpan: p.spanOf(t), X: x}
}

// assignable reports whether x can be incremented.
func assignable(x Expr) bool {
	switch x := x.(type) {
	case *Variable, *Map, *MapAccess:
		return true
	case *Paren:
		return assignable(x.X)
	}
	return false
}

func badIncDec(at Span) Diagnostic {
	return Diagnostic{
		Code: CodeInvalidIncrement, Span: at, Message: "syntax: increment/decrement requires a variable or map",
		Why: "++ and -- change what they stand at, so it must be $x, @m or @m[key].",
	}
}

// parseAddr reads an address-of, which has no postfix.
func (p *parser) parseAddr() Expr {
	p.split()
	t := p.tok
	p.next()
	u := &Unop{Op: OpAddr, OpSpan: p.spanOf(t)}
	switch p.tok.kind {
	case tVar:
		u.X = p.variable()
	case tMap:
		u.X = p.mapName()
	default:
		p.report(Diagnostic{
			Code: CodeInvalidAddress, Span: p.unexpected(),
			Message: "syntax: address-of operator (&) can only be used on a map or variable",
			Why:     "Only $x and @m have an address; copy other values to a variable first.",
		})
		p.enter()
		u.X = p.parseUnary()
		p.leave()
	}
	u.Pos = p.since(t.start)
	return u
}

// parsePostfix reads what follows x.
//
//	postfix = primary { "." ident | "." digits | "->" ident | "[" expr "]" | "++" | "--" } .
func (p *parser) parsePostfix(x Expr) Expr {
	for n := 0; p.tok.kind == tOp; n++ {
		start := x.Span().Start
		switch p.textOf(p.tok) {
		case ".":
			x = p.parseDot(start, x)
		case "->":
			p.next()
			f := &FieldAccess{X: x, Arrow: true, Name: p.ident("field name after '->'")}
			f.Pos = p.since(start)
			x = f
		case "[":
			p.next()
			a := &ArrayAccess{X: x, Index: p.parseExpr()}
			p.expect("]")
			a.Pos = p.since(start)
			x = a
		case "++", "--":
			x = p.parseIncDec(start, x)
		default:
			return x
		}
		if n > maxChain {
			p.tooDeep(maxChain, "operators in a row")
		}
	}
	return x
}

func (p *parser) parseDot(start uint32, x Expr) Expr {
	p.next()
	if p.tok.kind == tInt {
		index := p.intLit()
		t := &TupleAccess{X: x, Index: int(min(index.Value, math.MaxInt32))}
		t.Pos = p.since(start)
		return t
	}
	f := &FieldAccess{X: x, Name: p.ident("field name after '.'")}
	f.Pos = p.since(start)
	return f
}

func (p *parser) parseIncDec(start uint32, x Expr) Expr {
	op := OpInc
	if p.is("--") {
		op = OpDec
	}
	t := p.tok
	p.next()
	if !assignable(x) {
		p.report(badIncDec(p.spanOf(t)))
	}
	return &Unop{exprNode: exprNode{node{p.since(start)}}, Op: op, OpSpan: p.spanOf(t), X: x, Postfix: true}
}

// parsePrimary reads an operand.
//
//	primary = paren | if | sizeof | offsetof | typeinfo | comptime | blockexpr
//	        | "true" | "false" | call | builtin | ident | map [ keys ] | variable
//	        | positional | "$#" | integer | string .
func (p *parser) parsePrimary() Expr {
	switch p.tok.kind {
	case tIdent:
		return p.parseWord()
	case tVar:
		return p.variable()
	case tMap:
		return p.parseMapRef()
	case tInt:
		return p.intLit()
	case tString:
		return p.stringLit()
	case tPositional:
		return p.positional()
	case tCount:
		t := p.tok
		p.next()
		return &PositionalCount{exprNode{node{p.spanOf(t)}}}
	case tBad:
		if p.at(p.tok.start) == '$' {
			p.lonelyDollar()
		}
	case tOp:
		switch {
		case p.is("("):
			return p.parseParen()
		case p.is("{"):
			return p.parseBlockExpr()
		}
	}
	p.failWhat("expression", "Something is missing before this.")
	return nil
}

// lonelyDollar fails at a '$' without a name.
func (p *parser) lonelyDollar() {
	p.failWhat("identifier after '$'", "A scratch variable is '$' and a name with nothing between them.")
}

func (p *parser) variable() *Variable {
	t := p.tok
	p.next()
	return &Variable{exprNode{node{p.spanOf(t)}}, p.textOf(t)}
}

func (p *parser) mapName() *Map {
	t := p.tok
	p.next()
	return &Map{exprNode{node{p.spanOf(t)}}, p.textOf(t)}
}

func (p *parser) boolLit() *BoolLit {
	t := p.tok
	p.next()
	return &BoolLit{exprNode{node{p.spanOf(t)}}, p.textOf(t) == "true"}
}

func (p *parser) positional() Expr {
	t := p.tok
	p.next()
	digits := p.textOf(t)[1:]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 1 {
		p.report(Diagnostic{
			Code: CodeInvalidParameter, Span: p.spanOf(t),
			Message: fmt.Sprintf("syntax: param $%s is out of integer range [1, %d]", digits, int64(math.MaxInt64)),
			Why:     "Positional parameters are $1, $2, ...; $# is how many there are.",
		})
	}
	return &Positional{exprNode{node{p.spanOf(t)}}, int(n)}
}

// parseMapRef reads a map or an entry of it.
//
//	map [ "[" expr { "," expr } "]" ] .
func (p *parser) parseMapRef() Expr {
	m := p.mapName()
	if !p.got("[") {
		return m
	}
	a := &MapAccess{Map: m, Keys: []Expr{p.parseExpr()}}
	for p.got(",") {
		a.Keys = append(a.Keys, p.parseExpr())
	}
	p.expect("]")
	a.Pos = p.since(m.Pos.Start)
	return a
}

// parseWord reads an operand that begins with a word.
func (p *parser) parseWord() Expr {
	t := p.tok
	switch p.textOf(t) {
	case "if":
		return p.parseIf()
	case "sizeof":
		return p.parseSizeof()
	case "offsetof":
		return p.parseOffsetof()
	case "typeinfo":
		return p.parseTypeinfo()
	case "comptime":
		return p.parseComptime()
	case "true", "false":
		return p.boolLit()
	}
	p.next()
	name := p.textOf(t)
	switch {
	case p.is("("):
		return p.parseCall(&Ident{exprNode{node{p.spanOf(t)}}, name})
	case IsBuiltinWord(name):
		return &Builtin{exprNode{node{p.spanOf(t)}}, name}
	}
	return &Ident{exprNode{node{p.spanOf(t)}}, name}
}

// parseIf reads a conditional.
//
//	if = "if" cond block [ "else" ( block | if ) ] .
func (p *parser) parseIf() Expr {
	p.enter()
	defer p.leave()
	start := p.tok.start
	p.next()
	x := &If{Cond: p.parseCond()}
	x.Then = p.parseBlock()
	if p.gotWord("else") {
		switch {
		case p.is("{"):
			x.Else = p.parseBlockExpr()
		case p.isWord("if"):
			x.Else = p.parseIf()
		default:
			p.failWhat("'{' or 'if' after 'else'", "The branches of if are blocks.")
		}
	}
	x.Pos = p.since(start)
	return x
}

func (p *parser) parseBlockExpr() Expr {
	b := p.parseBlock()
	return &BlockExpr{exprNode{node{b.Pos}}, b}
}

// sizeof = "sizeof" "(" ( type | expr ) ")" .
func (p *parser) parseSizeof() Expr {
	start := p.tok.start
	p.next()
	x := &Sizeof{}
	p.expect("(")
	x.Type, x.X = p.parseTypeOrExpr()
	p.expect(")")
	x.Pos = p.since(start)
	return x
}

// typeinfo = "typeinfo" "(" ( type | expr ) ")" .
func (p *parser) parseTypeinfo() Expr {
	start := p.tok.start
	p.next()
	x := &Typeinfo{}
	p.expect("(")
	x.Type, x.X = p.parseTypeOrExpr()
	p.expect(")")
	x.Pos = p.since(start)
	return x
}

// offsetof = "offsetof" "(" ( type | expr ) "," ident { "." ident } ")" .
func (p *parser) parseOffsetof() Expr {
	start := p.tok.start
	p.next()
	x := &Offsetof{}
	p.expect("(")
	x.Type, x.X = p.parseTypeOrExpr()
	p.expect(",")
	if p.tok.kind != tIdent && !p.is(")") {
		p.fail(p.expected(")"))
	}
	x.Fields = append(x.Fields, p.ident("identifier"))
	for p.got(".") {
		x.Fields = append(x.Fields, p.ident("identifier"))
	}
	p.expect(")")
	x.Pos = p.since(start)
	return x
}

// comptime = "comptime" unary .
func (p *parser) parseComptime() Expr {
	p.enter()
	defer p.leave()
	start := p.tok.start
	p.next()
	x := &Comptime{X: p.parseUnary()}
	x.Pos = p.since(start)
	return x
}

// call = ident "(" [ expr { "," expr } ] ")" .
func (p *parser) parseCall(f *Ident) Expr {
	c := &Call{Func: f}
	p.next()
	if !p.is(")") {
		c.Args = append(c.Args, p.parseArg())
		for p.got(",") {
			c.Args = append(c.Args, p.parseArg())
		}
	}
	p.expect(")")
	c.Pos = p.since(f.Pos.Start)
	return c
}

// parseArg reads an argument of a call. Macros take types as typeof(x).
func (p *parser) parseArg() Expr {
	if !p.isWord("typeof") {
		return p.parseExpr()
	}
	t := p.parseTypeof()
	return &TypeArg{exprNode{node{t.Pos}}, t}
}

// parseParen reads what begins with '('.
//
//	paren  = "(" ")" | record | cast | "(" expr ")" | tuple .
//	tuple  = "(" expr "," [ expr { "," expr } [","] ] ")" .
func (p *parser) parseParen() Expr {
	start := p.tok.start
	p.next()
	switch {
	case p.got(")"):
		return &Tuple{exprNode: exprNode{node{p.since(start)}}}
	case p.atRecord():
		return p.parseRecord(start)
	}
	if c := p.parseCast(start); c != nil {
		return c
	}
	x := p.parseExpr()
	if !p.is(",") {
		p.expect(")")
		return &Paren{exprNode{node{p.since(start)}}, x}
	}
	t := &Tuple{Elems: []Expr{x}}
	for p.got(",") && !p.is(")") {
		t.Elems = append(t.Elems, p.parseExpr())
	}
	p.expect(")")
	t.Pos = p.since(start)
	return t
}

// atRecord reports whether name= follows.
func (p *parser) atRecord() bool {
	if p.tok.kind != tIdent || IsBuiltinWord(p.textOf(p.tok)) {
		return false
	}
	after := p.skipLayout(p.tok.end)
	return p.at(after) == '=' && p.at(after+1) != '='
}

// record = "(" ident "=" expr { "," ident "=" expr } ")" .
func (p *parser) parseRecord(start uint32) Expr {
	r := &Record{}
	seen := map[string]bool{}
	for {
		f := p.parseNamedArg()
		if seen[f.Name.Name] {
			p.report(Diagnostic{Code: CodeDuplicateField, Span: f.Span(),
				Message: "syntax: Named argument list already contains name: " + f.Name.Name,
				Why:     "Each field of a record has its own name."})
		}
		seen[f.Name.Name] = true
		r.Fields = append(r.Fields, f)
		if !p.got(",") {
			break
		}
	}
	p.expect(")")
	r.Pos = p.since(start)
	return r
}

func (p *parser) parseNamedArg() *NamedArg {
	start := p.tok.start
	a := &NamedArg{Name: p.ident("identifier")}
	p.expect("=")
	a.Value = p.parseExpr()
	a.Pos = p.since(start)
	return a
}

// parseCast reads a cast after '(' at start, or returns nil and consumes
// nothing: (name) is a cast only when an operand follows, and never when name
// is a builtin. After typeof there is no way back: it begins nothing else, and
// reading it twice would take time exponential in its nesting.
//
//	cast = "(" type ")" unary .
func (p *parser) parseCast(start uint32) Expr {
	if p.tok.kind != tIdent || IsBuiltinWord(p.textOf(p.tok)) {
		return nil
	}
	end, _ := p.typeEnd(p.tok)
	if !p.isWord("typeof") && (end == 0 || p.at(end) != ')' || !p.startsOperand(end+1)) {
		return nil
	}
	typ := p.parseType()
	p.expect(")")
	p.enter()
	c := &Cast{Type: typ, X: p.parseUnary()}
	p.leave()
	c.Pos = p.since(start)
	return c
}

// startsOperand reports whether the text after pos can begin an operand.
func (p *parser) startsOperand(pos uint32) bool {
	switch c := p.at(p.skipLayout(pos)); c {
	case '$', '@', '"', '(', '-', '!', '~', '*', '&':
		return true
	default:
		return isDigit(c) || isIdentStart(c)
	}
}
