package syntax

import (
	"fmt"
	"strings"
)

// lineWidth is the width that calls are broken at.
const lineWidth = 100

// Format returns f in the canonical layout: two spaces of indentation, one
// statement a line, the action of a probe below its attach points, comments
// where they were. Formatting twice changes nothing, and parsing the result
// gives the same tree. What could not be parsed stays as written.
func Format(f *File) string {
	p := &printer{comments: f.Comments, src: f.Source}
	if f.Shebang != "" {
		p.write(f.Shebang)
		p.newline()
		p.last = uint32(len(f.Shebang)) // nearly: only blank lines are counted from here
	}
	for i, d := range f.Decls {
		p.separate(f.Decls, i)
		p.flush(d.Span().Start)
		p.blankBefore(d.Span().Start)
		p.decl(d)
		p.last = d.Span().End
		p.skipComments(d)
		p.trailing()
		p.newline()
	}
	p.flush(uint32(len(f.Source.Text)) + 1)
	return p.b.String()
}

// ExprString returns x on one line, without comments.
func ExprString(x Expr) string {
	p := &printer{flat: true}
	p.expr(x)
	return p.b.String()
}

// TypeString returns t as written in a program.
func TypeString(t TypeExpr) string {
	p := &printer{flat: true}
	p.typ(t)
	return p.b.String()
}

// StmtString returns s on one line, without comments.
func StmtString(s Stmt) string {
	p := &printer{flat: true}
	p.stmt(s)
	return p.b.String()
}

// printer writes a tree. Comments are woven in by their offsets.
type printer struct {
	b        strings.Builder
	src      *Source
	comments []Comment // those not printed yet
	indent   int
	flat     bool   // everything on one line
	fresh    bool   // at the start of a line
	line     int    // offset in b of the start of the line
	last     uint32 // end, in the source, of what was printed last
}

func (p *printer) write(s string) {
	if p.fresh && s != "" {
		p.fresh = false
		p.b.WriteString(strings.Repeat("  ", p.indent))
	}
	p.b.WriteString(s)
}

func (p *printer) newline() {
	if p.flat {
		p.b.WriteByte(' ')
		return
	}
	p.b.WriteByte('\n')
	p.fresh, p.line = true, p.b.Len()
}

// column is the width of the current line so far.
func (p *printer) column() int { return p.b.Len() - p.line }

// blankBefore keeps a blank line that stands in the source between what was
// printed last and start.
func (p *printer) blankBefore(start uint32) {
	if p.flat || p.b.Len() == 0 || p.src == nil || start <= p.last || int(start) > len(p.src.Text) {
		return
	}
	if strings.Count(p.src.Text[p.last:start], "\n") > 1 && !p.afterBlank() {
		p.b.WriteByte('\n')
		p.line = p.b.Len()
	}
	p.last = start
}

// afterBlank reports whether a blank line, or the opening of a block, is what
// was written last.
func (p *printer) afterBlank() bool {
	s := p.b.String()
	return strings.HasSuffix(s, "\n\n") || strings.HasSuffix(s, "{\n")
}

// flush prints the comments that start before offset, each on its own line.
func (p *printer) flush(offset uint32) {
	for len(p.comments) > 0 && p.comments[0].Start < offset {
		c := p.comments[0]
		p.comments = p.comments[1:]
		p.blankBefore(c.Start)
		p.write(commentText(c))
		p.newline()
		p.last = c.End
	}
}

// commentText returns the text of c, closed if the program left it open.
func commentText(c Comment) string {
	s := c.Text()
	if strings.HasPrefix(s, "/*") && (len(s) < 4 || !strings.HasSuffix(s, "*/")) {
		return strings.TrimRight(s, " \t\r\n") + " */"
	}
	return strings.TrimRight(s, " \t\r")
}

// skipComments forgets the comments inside d when its text was printed as
// written.
func (p *printer) skipComments(d Decl) {
	switch d.(type) {
	case *CDef, *Preproc, *BadDecl:
		for len(p.comments) > 0 && p.comments[0].Start < d.Span().End {
			p.comments = p.comments[1:]
		}
	}
}

// trailing prints the comments that follow on the line of what was printed
// last.
func (p *printer) trailing() {
	for len(p.comments) > 0 {
		c := p.comments[0]
		if c.Start < p.last || strings.Trim(p.src.Text[p.last:c.Start], " \t\r;,") != "" {
			return
		}
		p.comments = p.comments[1:]
		p.write(" " + commentText(c))
		p.last = c.End
		if strings.HasPrefix(c.Text(), "//") || strings.Contains(c.Text(), "\n") {
			return
		}
	}
}

// separate puts a blank line around probes, macros and functions.
func (p *printer) separate(decls []Decl, i int) {
	if i > 0 && (hasBody(decls[i]) || hasBody(decls[i-1])) && !p.afterBlank() {
		p.b.WriteByte('\n')
		p.line = p.b.Len()
	}
}

func hasBody(d Decl) bool {
	switch d.(type) {
	case *Probe, *Macro, *Subprog:
		return true
	}
	return false
}

func (p *printer) decl(d Decl) {
	switch d := d.(type) {
	case *CDef:
		p.write(d.Text)
		p.write(";")
	case *Preproc:
		p.preproc(d)
	case *Config:
		p.config(d)
	case *Import:
		p.write("import ")
		p.expr(d.Path)
		p.write(";")
	case *MapDecl:
		p.write(fmt.Sprintf("let %s = %s(%s);", d.Map.Name, d.Kind.Name, d.MaxEntries.Text))
	case *Macro:
		p.write("macro " + d.Name.Name)
		p.list("(", d.Args, ")")
		p.body(d.Body)
	case *Subprog:
		p.subprog(d)
	case *Probe:
		p.probe(d)
	case *BadDecl:
		p.write(strings.TrimRight(d.Span().Text(), " \t\r\n"))
	}
}

func (p *printer) preproc(d *Preproc) {
	if d.Directive == "" && d.Inactive && !strings.HasPrefix(d.Span().Text(), "#") {
		p.write(d.Rest)
		return
	}
	text := strings.TrimRight("#"+d.Directive+" "+d.Rest, " ")
	if strings.HasSuffix(text, "\\") {
		text += " " // or it would continue on the next line
	}
	p.write(text)
}

func (p *printer) config(d *Config) {
	p.write("config = {")
	p.newline()
	p.indent++
	for _, e := range d.Entries {
		p.flush(e.Span().Start)
		p.blankBefore(e.Span().Start)
		p.write(e.Key.Name + " = ")
		p.expr(e.Value)
		p.write(";")
		p.last = e.Span().End
		p.trailing()
		p.newline()
	}
	p.flush(d.Span().End)
	p.indent--
	p.write("}")
}

func (p *printer) subprog(d *Subprog) {
	p.write("fn " + d.Name.Name + "(")
	for i, a := range d.Args {
		if i > 0 {
			p.write(", ")
		}
		p.write(a.Var.Name + ": ")
		p.typ(a.Type)
	}
	p.write("): ")
	p.typ(d.Result)
	p.body(d.Body)
}

// body prints the block of a declaration, below its head.
func (p *printer) body(b *Block) {
	p.last = b.Span().Start
	p.newline()
	p.block(b)
}

func (p *printer) probe(d *Probe) {
	for i, ap := range d.AttachPoints {
		if i > 0 {
			p.write(",")
			p.trailing()
			p.newline()
			p.flush(ap.Span().Start)
		}
		p.write(ap.Raw)
		p.last = ap.Span().End
	}
	p.trailing()
	if d.Predicate != nil {
		p.newline()
		p.flush(d.Predicate.Span().Start)
		p.write("/")
		p.expr(d.Predicate)
		p.write("/")
		p.last = d.Predicate.Span().End
	}
	p.newline()
	p.flush(d.Body.Span().Start)
	p.block(d.Body)
}

// block prints braces and what is in them.
func (p *printer) block(b *Block) {
	p.write("{")
	p.last = b.Span().Start + 1
	p.newline()
	p.indent++
	for i, s := range b.Stmts {
		p.startStmt(s)
		p.stmt(s)
		if needsSemicolon(b, i) {
			p.write(";")
		}
		p.endStmt(s)
	}
	if b.Value != nil {
		p.startStmt(b.Value)
		p.statementExpr(b.Value)
		p.endStmt(b.Value)
	}
	if end := b.Span().End; end > 0 {
		p.flush(end)
	}
	p.indent--
	p.write("}")
	p.last = b.Span().End
}

// startStmt prints the comments before n, and those inside it when it has no
// blocks in which they could stand.
func (p *printer) startStmt(n Node) {
	start, upTo := n.Span().Start, n.Span().Start
	if !hasBlock(n) {
		upTo = n.Span().End
	}
	if p.flat {
		return
	}
	p.flush(upTo)
	p.blankBefore(start)
}

func (p *printer) endStmt(n Node) {
	if !p.flat {
		p.last = max(p.last, n.Span().End)
		p.trailing()
	}
	p.newline()
}

func hasBlock(n Node) bool {
	found := false
	Inspect(n, func(n Node) bool {
		if _, ok := n.(*Block); ok {
			found = true
		}
		return !found
	})
	return found
}

// needsSemicolon reports whether statement i of b is an if or a block that
// needs a ';' after its '}', because otherwise it would be the value of b or
// an operand of what follows.
func needsSemicolon(b *Block, i int) bool {
	e, ok := b.Stmts[i].(*ExprStmt)
	if !ok {
		return false
	}
	switch e.X.(type) {
	case *If, *BlockExpr:
	default:
		return false
	}
	var next Node = b.Value
	if i+1 < len(b.Stmts) {
		next = b.Stmts[i+1]
	} else if b.Value == nil {
		return true
	}
	return startsWithOperator(next)
}

// startsWithOperator reports whether the text of n begins with what could be a
// binary or postfix operator.
func startsWithOperator(n Node) bool {
	for {
		switch x := n.(type) {
		case *ExprStmt:
			n = x.X
		case *Unop:
			if !x.Postfix {
				return x.Op != OpNot && x.Op != OpBitNot
			}
			n = x.X
		case *Binop:
			n = x.L
		case *Ternary:
			n = x.Cond
		case *FieldAccess:
			n = x.X
		case *TupleAccess:
			n = x.X
		case *ArrayAccess:
			n = x.X
		default:
			return false
		}
	}
}

func (p *printer) stmt(s Stmt) {
	switch s := s.(type) {
	case *ExprStmt:
		p.statementExpr(s.X)
		switch s.X.(type) {
		case *If, *BlockExpr:
		default:
			p.write(";")
		}
	case *Assign:
		p.expr(s.Target)
		op := s.Op.String()
		if s.Op != OpAssign {
			op += "="
		}
		p.write(" " + op + " ")
		p.expr(s.Value)
		p.write(";")
	case *Let:
		p.let(s)
	case *Discard:
		p.write("_ = ")
		p.expr(s.X)
		p.write(";")
	case *While:
		p.loop("while", s.Cond, s.Body)
	case *Unroll:
		p.loop("unroll", s.Count, s.Body)
	case *For:
		p.forLoop(s)
	case *Jump:
		p.jump(s)
	case *ImportStmt:
		p.write("import ")
		p.expr(s.Path)
		p.write(";")
	case *BadStmt:
		p.write(s.Span().Text())
	}
}

func (p *printer) let(s *Let) {
	p.write("let " + s.Var.Name)
	if s.Type != nil {
		p.write(": ")
		p.typ(s.Type)
	}
	if s.Init != nil {
		p.write(" = ")
		p.expr(s.Init)
	}
	p.write(";")
}

func (p *printer) loop(word string, cond Expr, body *Block) {
	p.write(word + " (")
	p.expr(cond)
	p.write(") ")
	p.block(body)
}

func (p *printer) forLoop(s *For) {
	p.write("for (" + s.Var.Name + " : ")
	if s.Map != nil {
		p.write(s.Map.Name)
	} else {
		p.operand(s.Range.Lo, precPrimary)
		p.write("..")
		p.operand(s.Range.Hi, precPrimary)
	}
	p.write(") ")
	p.block(s.Body)
}

func (p *printer) jump(s *Jump) {
	p.write([...]string{Break: "break", Continue: "continue", Return: "return"}[s.Kind])
	if s.Value != nil {
		p.write(" ")
		p.expr(s.Value)
	}
	p.write(";")
}

// statementExpr prints x as a statement. A long call is broken. A ternary that
// begins with a variable or map stands in parentheses, since the grammar takes
// no '?' there.
func (p *printer) statementExpr(x Expr) {
	if t, ok := x.(*Ternary); ok && startsWithSigil(t.Cond) {
		p.write("(")
		p.expr(x)
		p.write(")")
		return
	}
	if c, ok := x.(*Call); ok && !p.flat && !hasBlock(c) && p.indent*2+len(ExprString(c)) >= lineWidth {
		p.longCall(c)
		return
	}
	p.expr(x)
}

func startsWithSigil(x Expr) bool {
	s := ExprString(x)
	return s != "" && (s[0] == '@' || s[0] == '$' && len(s) > 1 && isIdentStart(s[1]))
}

// longCall fills lines with the arguments of c, aligned below each other.
func (p *printer) longCall(c *Call) {
	p.write(c.Func.Name + "(")
	margin := strings.Repeat(" ", p.column()-2*p.indent)
	for i, a := range c.Args {
		text := ExprString(a)
		if i > 0 {
			p.write(",")
			if p.column()+1+len(text) < lineWidth {
				p.write(" ")
			} else {
				p.newline()
				p.write(margin)
			}
		}
		p.write(text)
	}
	p.write(")")
}

// How tightly expressions bind, beyond the binary operators.
const (
	precTernary = 0
	precUnary   = 11
	precPostfix = 12
	precPrimary = 13
)

var opPrec = func() (prec [OpNeg + 1]int) {
	for _, b := range binaryOps {
		prec[b.op] = b.prec
	}
	return prec
}()

// precOf returns how tightly x binds.
func precOf(x Expr) int {
	switch x := x.(type) {
	case *Ternary:
		return precTernary
	case *Binop:
		return opPrec[x.Op]
	case *Unop:
		if x.Postfix {
			return precPostfix
		}
		return precUnary
	case *FieldAccess, *TupleAccess, *ArrayAccess:
		return precPostfix
	}
	return precPrimary
}

// operand prints x, in parentheses when it binds less tightly than prec.
func (p *printer) operand(x Expr, prec int) {
	if precOf(x) < prec {
		p.write("(")
		defer p.write(")")
	}
	p.expr(x)
}

func (p *printer) expr(x Expr) {
	switch x := x.(type) {
	case *IntLit:
		p.write(x.Text)
	case *StringLit:
		p.write(stringText(x))
	case *BoolLit:
		p.write(fmt.Sprint(x.Value))
	case *Ident:
		p.write(x.Name)
	case *Builtin:
		p.write(x.Name)
	case *Positional:
		p.write(fmt.Sprintf("$%d", x.N))
	case *PositionalCount:
		p.write("$#")
	case *Variable:
		p.write(x.Name)
	case *Map:
		p.write(x.Name)
	case *MapAccess:
		p.write(x.Map.Name)
		p.list("[", x.Keys, "]")
	case *BadExpr:
		p.write(x.Span().Text())
	default:
		p.operation(x)
	}
}

func (p *printer) operation(x Expr) {
	switch x := x.(type) {
	case *Binop:
		p.operand(x.L, opPrec[x.Op])
		p.write(" " + x.Op.String() + " ")
		p.operand(x.R, opPrec[x.Op]+1)
	case *Unop:
		p.unop(x)
	case *Ternary:
		p.ternary(x)
	case *Paren:
		p.write("(")
		p.expr(x.X)
		p.write(")")
	case *FieldAccess:
		p.operand(x.X, precPostfix)
		p.write(map[bool]string{false: ".", true: "->"}[x.Arrow] + x.Name.Name)
	case *TupleAccess:
		p.operand(x.X, precPostfix)
		p.write(fmt.Sprintf(".%d", x.Index))
	case *ArrayAccess:
		p.operand(x.X, precPostfix)
		p.write("[")
		p.expr(x.Index)
		p.write("]")
	case *Cast:
		p.write("(")
		p.typ(x.Type)
		p.write(")")
		p.operand(x.X, precUnary)
	case *Comptime:
		p.write("comptime ")
		p.operand(x.X, precUnary)
	case *If:
		p.ifExpr(x)
	case *BlockExpr:
		p.block(x.Block)
	default:
		p.callLike(x)
	}
}

func (p *printer) unop(x *Unop) {
	if x.Postfix {
		p.operand(x.X, precPostfix)
		p.write(x.Op.String())
		return
	}
	op := x.Op.String()
	p.write(op)
	if inner, ok := x.X.(*Unop); ok && !inner.Postfix && inner.Op.String()[0] == op[0] && (op[0] == '-' || op[0] == '&') {
		p.write(" ")
	}
	p.operand(x.X, precUnary)
}

func (p *printer) ternary(x *Ternary) {
	p.operand(x.Cond, precTernary+1)
	if x.Then == nil {
		p.write(" ?: ")
	} else {
		p.write(" ? ")
		p.expr(x.Then)
		p.write(" : ")
	}
	p.expr(x.Else)
}

func (p *printer) ifExpr(x *If) {
	p.write("if (")
	p.expr(x.Cond)
	p.write(") ")
	p.block(x.Then)
	if x.Else != nil {
		p.write(" else ")
		p.expr(x.Else)
	}
}

func (p *printer) callLike(x Expr) {
	switch x := x.(type) {
	case *Call:
		p.write(x.Func.Name)
		p.list("(", x.Args, ")")
	case *Sizeof:
		p.write("sizeof(")
		p.typeOrExpr(x.Type, x.X)
		p.write(")")
	case *Typeinfo:
		p.write("typeinfo(")
		p.typeOrExpr(x.Type, x.X)
		p.write(")")
	case *Offsetof:
		p.write("offsetof(")
		p.typeOrExpr(x.Type, x.X)
		for i, f := range x.Fields {
			p.write([]string{", ", "."}[min(i, 1)] + f.Name)
		}
		p.write(")")
	case *Tuple:
		shut := ")"
		if len(x.Elems) == 1 {
			shut = ",)"
		}
		p.list("(", x.Elems, shut)
	case *Record:
		for i, f := range x.Fields {
			p.write([]string{"(", ", "}[min(i, 1)] + f.Name.Name + "=")
			p.expr(f.Value)
		}
		p.write(")")
	case *TypeArg:
		p.typ(x.Type)
	}
}

func (p *printer) list(open string, xs []Expr, shut string) {
	p.write(open)
	for i, x := range xs {
		if i > 0 {
			p.write(", ")
		}
		p.expr(x)
	}
	p.write(shut)
}

func (p *printer) typeOrExpr(t TypeExpr, x Expr) {
	if t != nil {
		p.typ(t)
		return
	}
	p.expr(x)
}

func (p *printer) typ(t TypeExpr) {
	switch t := t.(type) {
	case *NamedType:
		if t.Tag != "" {
			p.write(t.Tag + " ")
		}
		p.write(t.Name)
	case *Typeof:
		p.write("typeof(")
		p.typeOrExpr(t.Type, t.X)
		p.write(")")
	case *PointerType:
		p.typ(t.Elem)
		p.write(" *"[boolInt(isPointer(t.Elem)):])
	case *ArrayType:
		p.typ(t.Elem)
		if t.Len < 0 {
			p.write("[]")
		} else {
			p.write(fmt.Sprintf("[%d]", t.Len))
		}
	}
}

func isPointer(t TypeExpr) bool {
	_, ok := t.(*PointerType)
	return ok
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// stringText returns the literal as written when that still has its value,
// else with the escapes that it needs.
func stringText(x *StringLit) string {
	if s := x.Span().Text(); len(s) >= 2 && s[0] == '"' {
		if v, ok := Unquote(s); ok && v == x.Value {
			return s
		}
	}
	return Quote(x.Value)
}

// Quote returns s as a string literal of the language.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\n':
			b.WriteString(`\n`)
		case '\t':
			b.WriteString(`\t`)
		case '\r':
			b.WriteString(`\r`)
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			if c < ' ' || c == 0x7f {
				fmt.Fprintf(&b, `\x%02x`, c)
			} else {
				b.WriteByte(c)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Unquote returns the value of a string literal of the language, and whether
// it is one.
func Unquote(lit string) (string, bool) {
	x, ds := ParseExpr(NewSource("string", lit))
	s, ok := x.(*StringLit)
	if !ok || len(ds) > 0 {
		return "", false
	}
	return s.Value, true
}
