package syntax

// parseBlock reads statements in braces.
//
//	block = "{" { stmt } [ expr ] "}" .
func (p *parser) parseBlock() *Block {
	depth := p.depth
	p.enter()
	open := p.tok
	p.expect("{")
	b := &Block{}
	for !p.is("}") && p.tok.kind != tEOF && !p.full() {
		p.parseStmtInto(b)
	}
	if !p.is("}") {
		p.unclosedBlock(open)
	}
	p.next()
	p.depth = depth
	b.Pos = p.since(open.start)
	return b
}

// unclosedBlock fails at the end of the text inside a block.
func (p *parser) unclosedBlock(open token) {
	d := p.expected("}")
	d.Code = CodeMissingBrace
	d.Why = "The text ends inside a block."
	d.Notes = []Note{{p.spanOf(open), "the block begins here"}}
	d.Fixes = []Fix{p.insertAfterPrev(" }", true)}
	p.report(d)
	panic(bailout{decl: true})
}

// parseStmtInto reads a statement into b, or the value of b. Statements that
// fail are skipped.
func (p *parser) parseStmtInto(b *Block) {
	start, depth := p.tok.start, p.depth
	defer p.recoverTo(depth, func(why bailout) {
		if why.decl {
			panic(why)
		}
		p.syncStmt(start)
		b.Stmts = append(b.Stmts, &BadStmt{stmtNode{node{p.since(start)}}})
	})
	if s := p.parseStmt(b); s != nil {
		b.Stmts = append(b.Stmts, s)
	}
}

// parseStmt reads a statement. It returns nil when it was the value of b.
//
//	stmt = import | while | unroll | for | jump | discard | let | assign | expr ";" .
func (p *parser) parseStmt(b *Block) Stmt {
	switch p.tok.kind {
	case tVar, tMap:
		return p.parseSigil(b)
	case tIdent:
		if s := p.parseKeyword(); s != nil {
			return s
		}
	}
	start := p.tok.start
	x := p.parseExpr()
	return p.endExprStmt(b, start, x)
}

// parseKeyword reads a statement that begins with a word, or returns nil.
func (p *parser) parseKeyword() Stmt {
	start := p.tok.start
	switch p.textOf(p.tok) {
	case "import":
		s := &ImportStmt{Path: p.parseImportPath()}
		s.Pos = p.since(start)
		return s
	case "while":
		return p.parseWhile()
	case "unroll":
		return p.parseUnroll()
	case "for":
		return p.parseFor()
	case "break":
		return p.parseJump(Break)
	case "continue":
		return p.parseJump(Continue)
	case "return":
		return p.parseJump(Return)
	case "let":
		return p.parseLet()
	case "_":
		if after := p.skipLayout(p.tok.end); p.at(after) == '=' && p.at(after+1) != '=' {
			return p.parseDiscard()
		}
	}
	return nil
}

// endExprStmt ends an expression statement: with ';', with nothing when x is
// the value of the block, a conditional or a block itself.
func (p *parser) endExprStmt(b *Block, start uint32, x Expr) Stmt {
	if p.is("}") {
		b.Value = x
		return nil
	}
	if !p.got(";") {
		switch x.(type) {
		case *If, *BlockExpr, *Ternary: // upstream's tree has one node for if and ?:
		default:
			p.missingProbeBrace(start)
			d := p.missingSemicolon()
			if id, ok := x.(*Ident); ok && !p.firstOnLine(p.tok.start) {
				strayWord(&d, id)
			}
			p.report(d)
			p.resumeStmt()
		}
	}
	return &ExprStmt{stmtNode{node{p.since(start)}}, x}
}

// strayWord explains a statement that is a bare word with more after it, as in
// other languages: a type or var before a name.
func strayWord(d *Diagnostic, id *Ident) {
	d.Why = "'" + id.Name + "' begins no statement. Scratch variables are written $x and come to be by $x = 1; or let $x: int64 = 1; maps are written @x."
	d.Fixes = nil
}

// endStmt ends any other statement, whose ';' may be left out before '}'.
func (p *parser) endStmt() {
	if p.got(";") || p.is("}") {
		return
	}
	p.report(p.missingSemicolon())
	p.resumeStmt()
}

// missingSemicolon says that a ';' is missing after the last token. Where a new
// statement begins there is no doubt about it.
func (p *parser) missingSemicolon() Diagnostic {
	d := p.expected(";")
	d.Code = CodeMissingSemicolon
	d.Why = "Every statement ends with ';'; only the last one before '}' need not."
	if p.tok.kind == tIdent || p.tok.kind == tVar || p.tok.kind == tMap || p.tok.kind == tEOF {
		d.Fixes = []Fix{p.insertAfterPrev(";", p.tok.kind != tEOF)}
	}
	return d
}

// resumeStmt goes on after a missing ';': at once where a new statement seems
// to begin, else after the rest of this one.
func (p *parser) resumeStmt() {
	switch p.tok.kind {
	case tIdent, tVar, tMap:
		return
	}
	panic(bailout{})
}

// missingProbeBrace fails when the statement that began at start is a probe:
// then the block before it was not closed. Upstream stumbles over its ':'.
func (p *parser) missingProbeBrace(start uint32) {
	first := token{tIdent, start, p.identEnd(start)}
	if first.end == start || !p.startsDecl(first) {
		return
	}
	d := p.expected(";")
	d.Code = CodeMissingBrace
	d.Why = "A new probe begins on this line, but the block of the one before is not closed."
	d.Fixes = []Fix{{Message: "close the block before", Certain: true,
		Edits: []Edit{{Span{p.src, start, start}, "}\n"}}}}
	p.report(d)
	p.seek(start)
	panic(bailout{decl: true})
}

// syncStmt skips the rest of a failed statement: to after its ';' or block, to
// the '}' of the enclosing block, or to a new declaration.
func (p *parser) syncStmt(start uint32) {
	depth := 0
	if p.tok.start == start && !p.is("}") && !p.is("{") {
		p.next()
	}
	for p.tok.kind != tEOF {
		if depth == 0 && p.startsDecl(p.tok) {
			panic(bailout{decl: true})
		}
		switch {
		case p.is("{"):
			depth++
		case p.is("}"):
			if depth == 0 {
				return
			}
			depth--
			if depth == 0 {
				p.next()
				if p.isWord("else") {
					continue
				}
				p.got(";")
				return
			}
		case p.is(";") && depth == 0:
			p.next()
			return
		}
		p.next()
	}
}

// head runs f, which reads what stands before a block. When it fails and a
// block follows nevertheless, parsing goes on there, so that errors in the
// block are found too.
func (p *parser) head(f func()) (ok bool) {
	defer p.recoverTo(p.depth, func(why bailout) {
		if why.decl || !p.skipToBlock() {
			panic(why)
		}
	})
	f()
	return true
}

// skipToBlock goes to the next '{' unless the statement or declaration ends
// before it.
func (p *parser) skipToBlock() bool {
	for !p.is("{") {
		if p.tok.kind == tEOF || p.is(";") || p.is("}") || p.startsDecl(p.tok) {
			return false
		}
		p.next()
	}
	return true
}

// parseCond reads the condition of while, unroll and if. In parentheses it is
// a whole expression, never a record; without, it ends before a binary
// operator so that the block is not taken for an operand.
//
//	cond = "(" expr ")" | unary .
func (p *parser) parseCond() Expr {
	var x Expr
	start := p.tok.start
	ok := p.head(func() {
		if !p.got("(") {
			x = p.parseUnary()
			return
		}
		x = p.parseExpr()
		p.expect(")")
	})
	if !ok {
		x = &BadExpr{exprNode{node{p.since(start)}}}
	}
	return x
}

// while = "while" cond block .
func (p *parser) parseWhile() Stmt {
	start := p.tok.start
	p.next()
	s := &While{Cond: p.parseCond()}
	s.Body = p.parseBlock()
	s.Pos = p.since(start)
	return s
}

// unroll = "unroll" cond block .
func (p *parser) parseUnroll() Stmt {
	start := p.tok.start
	p.next()
	s := &Unroll{Count: p.parseCond()}
	s.Body = p.parseBlock()
	s.Pos = p.since(start)
	return s
}

// parseFor reads a loop over a map or a range. The bounds of a range are
// primary expressions: 0..n+1 needs parentheses.
//
//	for = "for" ["("] variable ":" ( map | primary ".." primary ) [")"] block .
func (p *parser) parseFor() Stmt {
	start := p.tok.start
	p.next()
	s := &For{}
	ok := p.head(func() { p.parseForHead(s) })
	body := p.parseBlock()
	if !ok {
		return &BadStmt{stmtNode{node{p.since(start)}}}
	}
	s.Body = body
	s.Pos = p.since(start)
	return s
}

// parseForHead reads what stands before the body of s.
func (p *parser) parseForHead(s *For) {
	paren := p.got("(")
	if p.tok.kind != tVar {
		p.fail(p.badForVar())
	}
	s.Var = p.variable()
	if !p.is(":") {
		p.fail(p.badForColon())
	}
	p.next()
	lo := p.parsePrimary()
	if p.is("..") {
		s.Range = p.parseRange(lo)
	}
	if paren {
		p.expect(")")
	}
	if s.Range == nil {
		m, ok := lo.(*Map)
		if !ok {
			p.failWhat("map or range in for loop", "A loop runs over a map, for ($kv : @m), or a range, for ($i : 0..10).")
		}
		s.Map = m
	}
}

func (p *parser) badForVar() Diagnostic {
	d := p.expectedWhat("variable in for loop", "The loop variable is a scratch variable: for ($kv : @m).")
	if at := p.spanOf(p.tok); p.tok.kind == tMap && at.End > at.Start+1 {
		d.Fixes = []Fix{{Message: "write a scratch variable", Edits: []Edit{{Span{p.src, at.Start, at.Start + 1}, "$"}}}}
	}
	return d
}

func (p *parser) badForColon() Diagnostic {
	d := p.expected(":")
	d.Why = "A loop is written for ($kv : @m) or for ($i : 0..10)."
	if p.isWord("in") || p.isWord("of") || p.is("=") {
		d.Fixes = []Fix{{Message: "write ':'", Certain: !p.is("="), Edits: []Edit{{p.spanOf(p.tok), ":"}}}}
	}
	return d
}

func (p *parser) parseRange(lo Expr) *Range {
	p.next()
	r := &Range{Lo: lo, Hi: p.parsePrimary()}
	r.Pos = p.since(lo.Span().Start)
	return r
}

// jump = ( "break" | "continue" | "return" [ expr ] ) ";" .
func (p *parser) parseJump(kind JumpKind) Stmt {
	start := p.tok.start
	p.next()
	s := &Jump{Kind: kind}
	if kind == Return && !p.is(";") && !p.is("}") {
		s.Value = p.parseExpr()
	}
	s.Pos = p.since(start)
	p.endStmt()
	return s
}

// discard = "_" "=" expr ";" .
func (p *parser) parseDiscard() Stmt {
	start := p.tok.start
	p.next()
	p.next()
	s := &Discard{X: p.parseExpr()}
	s.Pos = p.since(start)
	p.endStmt()
	return s
}

// let = "let" variable [ ":" type ] [ "=" expr ] ";" .
func (p *parser) parseLet() Stmt {
	start := p.tok.start
	p.next()
	if p.tok.kind == tBad && p.at(p.tok.start) == '$' {
		p.lonelyDollar()
	}
	if p.tok.kind != tVar {
		p.failWhat("variable after 'let'", "In a probe let declares a scratch variable: let $x = 1; maps are declared outside.")
	}
	s := &Let{Var: p.variable()}
	if p.got(":") {
		s.Type = p.parseType()
	}
	if p.got("=") {
		s.Init = p.parseExpr()
	}
	s.Pos = p.since(start)
	p.endStmt()
	return s
}

var assignOps = map[string]Op{
	"=": OpAssign, "+=": OpAdd, "-=": OpSub, "*=": OpMul, "/=": OpDiv, "%=": OpMod,
	"&=": OpBitAnd, "|=": OpBitOr, "^=": OpBitXor, "<<=": OpShl, ">>=": OpShr,
}

// parseSigil reads a statement that begins with a variable or a map.
//
//	assign = target ( "=" | "+=" | ... ) expr ";" .
//	target = variable | map | map "[" expr { "," expr } "]" .
func (p *parser) parseSigil(b *Block) Stmt {
	start := p.tok.start
	left := p.parsePrimary()
	if p.tok.kind == tOp {
		if op, ok := assignOps[p.textOf(p.tok)]; ok {
			p.next()
			s := &Assign{Target: left, Op: op, Value: p.parseExpr()}
			s.Pos = p.since(start)
			p.endStmt()
			return s
		}
	}
	if p.is("++") || p.is("--") {
		return p.endExprStmt(b, start, p.parseIncDec(start, left))
	}
	x := p.parsePostfix(left)
	if p.is("=") {
		p.badTarget(start, x)
		return &BadStmt{stmtNode{node{p.since(start)}}}
	}
	// Upstream takes no '?' here, and no operator after $x++, so that
	// $x ? f() : g(); is an error there.
	x = p.parseBinary(x, 0)
	return p.endExprStmt(b, start, x)
}

// badTarget reports an assignment to x, which cannot be assigned to.
func (p *parser) badTarget(start uint32, x Expr) {
	p.next()
	p.parseExpr()
	d := Diagnostic{Code: CodeInvalidAssignment, Span: p.since(start), Message: "syntax: invalid assignment target",
		Why: "Only variables $x, maps @m and map entries @m[key] can be assigned to."}
	switch x.(type) {
	case *TupleAccess, *FieldAccess:
		d.Code = CodeImmutableValue
		d.Message = "syntax: Tuples and records are immutable once created. Consider creating a new value and assigning it instead."
	}
	p.report(d)
	p.endStmt()
}
