package syntax

import (
	"math"
	"strconv"
	"strings"
)

// C definitions. Upstream hands them to clang; here a parser for the part of C
// that structs, unions and enums are made of is enough. Types are not resolved.

// atCDef reports whether a C definition follows: a tag, then words and groups
// in parentheses, then '{'. An attach point such as struct:probe is none.
func (p *parser) atCDef() bool {
	if p.tok.kind != tIdent || !isTag(p.textOf(p.tok)) {
		return false
	}
	for pos := p.skipLayout(p.tok.end); ; pos = p.skipLayout(pos) {
		switch c := p.at(pos); {
		case c == '{':
			return true
		case isIdentStart(c):
			pos = p.identEnd(pos)
		case c == '(' || c == '[':
			end, ok := p.balanced(pos)
			if !ok {
				return false
			}
			pos = end
		default:
			return false
		}
	}
}

// balanced returns the offset after the bracket that closes the one at pos.
func (p *parser) balanced(pos uint32) (end uint32, ok bool) {
	open := p.text[pos]
	shut := map[byte]byte{'(': ')', '[': ']', '{': '}'}[open]
	for depth := 0; int(pos) < len(p.text); pos++ {
		switch c := p.text[pos]; {
		case c == '/' && (p.at(pos+1) == '/' || p.at(pos+1) == '*'):
			pos = p.commentEnd(pos) - 1
		case c == open:
			depth++
		case c == shut:
			if depth--; depth == 0 {
				return pos + 1, true
			}
		}
	}
	return uint32(len(p.text)), false
}

// parseCDefDecl reads a C definition at file scope. When it fails the whole
// definition is skipped.
//
//	cdef = cdefinition { attribute } [";"] .
func (p *parser) parseCDefDecl() (d Decl) {
	start := p.tok.start
	depth := p.depth
	defer p.recoverTo(depth, func(bailout) {
		p.skipCDef(start)
		d = &BadDecl{declNode{node{p.since(start)}}}
	})
	def := p.parseCDef()
	p.parseTrailingAttributes(def)
	def.Text = p.text[start:p.prev]
	p.got(";")
	def.Pos = p.since(start)
	return def
}

// skipCDef goes to after the definition that starts at start.
func (p *parser) skipCDef(start uint32) {
	open := strings.IndexByte(p.text[start:], '{')
	if open < 0 {
		p.seek(uint32(len(p.text)))
		return
	}
	end, _ := p.balanced(start + uint32(open))
	if p.tok.start >= end { // in an attribute after the '}'
		end = p.tok.start
		if p.is("(") {
			end, _ = p.balanced(end)
		}
	}
	p.prev, p.noted = end, max(p.noted, end)
	p.seek(end)
	p.got(";")
}

// parseTrailingAttributes reads the attributes after the '}' of def.
func (p *parser) parseTrailingAttributes(def *CDef) {
	for p.gotWord("__attribute__") {
		if p.at(p.tok.start) != '(' || p.at(p.tok.start+1) != '(' {
			p.fail(p.badAttribute("expected '(('"))
		}
		if _, ok := p.balanced(p.tok.start); !ok {
			p.fail(p.badAttribute("mismatched '(' and ')'"))
		}
		p.applyAttribute(&def.Packed, &def.Align)
	}
}

func (p *parser) badAttribute(what string) Diagnostic {
	return Diagnostic{Code: CodeAttribute, Span: p.unexpected(), Message: "syntax: __attribute__ syntax error, " + what,
		Why: "An attribute is written __attribute__((packed)), with two parentheses side by side."}
}

// parseAttributes reads attributes before a name or after a member.
func (p *parser) parseAttributes(packed *bool, align *int) {
	for p.isWord("__attribute__") || p.isWord("__packed") {
		if p.gotWord("__packed") {
			*packed = true
			continue
		}
		p.next()
		if !p.is("(") {
			p.fail(p.badAttribute("expected '(('"))
		}
		if _, ok := p.balanced(p.tok.start); !ok {
			p.fail(p.badAttribute("expected '(('"))
		}
		p.applyAttribute(packed, align)
	}
}

// applyAttribute consumes the parentheses of an attribute and heeds packed and
// aligned(N).
func (p *parser) applyAttribute(packed *bool, align *int) {
	end, _ := p.balanced(p.tok.start)
	for p.tok.kind != tEOF && p.tok.end < end {
		word := strings.Trim(p.textOf(p.tok), "_")
		p.next()
		switch {
		case word == "packed":
			*packed = true
		case word == "aligned" && p.is("("):
			p.next()
			if n, err := p.evalConst(p.parseExpr(), 0); err == nil && n > 0 && n <= math.MaxInt16 {
				*align = int(n)
			}
		}
	}
	p.prev = end
	p.seek(end)
}

// parseCDef reads a definition without what follows its '}'.
//
//	cdefinition = ("struct" | "union") { attribute } [ ident ] "{" { member } "}"
//	            | "enum" [ ident ] "{" [ enumerator { "," enumerator } [","] ] "}" .
func (p *parser) parseCDef() *CDef {
	p.enter()
	start := p.tok.start
	d := &CDef{Kind: p.textOf(p.tok)}
	p.next()
	p.parseAttributes(&d.Packed, &d.Align)
	for p.tok.kind == tIdent {
		d.Name = p.textOf(p.tok)
		p.next()
		p.parseAttributes(&d.Packed, &d.Align)
	}
	p.expect("{")
	for p.cDirectives(); !p.is("}"); p.cDirectives() {
		if p.tok.kind == tEOF {
			p.fail(p.expected("}"))
		}
		if d.Kind == "enum" {
			d.Enums = append(d.Enums, p.parseEnumerator(d.Enums))
			if p.cDirectives(); !p.is("}") {
				p.expect(",")
			}
		} else {
			d.Members = append(d.Members, p.parseMembers()...)
		}
	}
	p.next()
	d.Pos = p.since(start)
	d.Text = d.Span().Text()
	p.leave()
	return d
}

// cDirectives obeys preprocessor lines inside a definition and skips what they
// switch off.
func (p *parser) cDirectives() {
	for p.is("#") && p.firstOnLine(p.tok.start) {
		p.parsePreproc()
	}
}

// enumerator = ident [ "=" expr ] .
func (p *parser) parseEnumerator(before []*CEnumerator) *CEnumerator {
	start := p.tok.start
	e := &CEnumerator{Name: p.ident("identifier").Name}
	if n := len(before); n > 0 {
		e.Value = before[n-1].Value + 1
	}
	if p.got("=") {
		e.Value = p.constant()
	}
	e.Pos = p.since(start)
	p.consts[e.Name] = e.Value
	return e
}

// constant reads a constant expression and returns its value.
func (p *parser) constant() int64 {
	if p.at(p.tok.start) == '\'' {
		return p.charConstant()
	}
	x := p.parseExpr()
	v, err := p.evalConst(x, 0)
	if err != nil {
		p.report(Diagnostic{Code: CodeCSyntax, Span: x.Span(), Message: "syntax: " + err.Error() + " in C definition",
			Why: "Sizes and values in definitions are computed before the program runs."})
	}
	return v
}

// charConstant reads a character constant, which only C has.
func (p *parser) charConstant() int64 {
	rest := p.text[p.tok.start:p.lineEnd(p.tok.start)]
	c, _, tail, err := strconv.UnquoteChar(rest[1:], '\'')
	if err != nil || !strings.HasPrefix(tail, "'") {
		p.failWhat("expression", "A character is written 'c'.")
	}
	p.prev = p.tok.start + uint32(len(rest)-len(tail)) + 1
	p.seek(p.prev)
	return int64(c)
}

// parseMembers reads the declaration of one or more members.
//
//	member = ctype [ declarator { "," declarator } ] { attribute } ";" .
func (p *parser) parseMembers() []*CMember {
	if p.got(";") {
		return nil
	}
	start := p.tok.start
	var align int
	var packed bool
	t := p.parseCType()
	p.parseAttributes(&packed, &align)
	var ms []*CMember
	if p.is(";") || t.Def != nil && p.is("}") {
		if t.Def != nil {
			ms = append(ms, &CMember{node: node{p.since(start)}, Type: t, Bits: -1, Align: align, Packed: packed})
		}
		p.got(";")
		return ms
	}
	for {
		m := &CMember{Type: t, Bits: -1, Align: align, Packed: packed}
		p.parseDeclarator(m)
		p.parseAttributes(&m.Packed, &m.Align)
		m.Pos = p.since(start)
		ms = append(ms, m)
		if !p.got(",") {
			break
		}
	}
	if p.is("}") { // compilers take the last member without its ';'
		return ms
	}
	if !p.is(";") {
		d := p.missingSemicolon()
		d.Code = CodeCSyntax
		d.Why = "Every member of a struct or union ends with ';'."
		p.fail(d)
	}
	p.next()
	return ms
}

var qualifiers = map[string]bool{
	"const": true, "volatile": true, "restrict": true, "__user": true, "__kernel": true, "__rcu": true,
	"__iomem": true, "__percpu": true, "extern": true, "static": true, "inline": true, "__restrict": true,
	"_Atomic": true, "register": true,
}

var basicWords = map[string]bool{
	"unsigned": true, "signed": true, "short": true, "long": true, "int": true, "char": true, "__signed__": true,
	"float": true, "double": true, "void": true, "_Bool": true, "bool": true, "__int128": true,
}

// parseCType reads the type of a member.
//
//	ctype = { qualifier } ( tag [ ident ] | tag [ ident ] "{" ... "}" | ident | basic { basic } ) { qualifier } .
func (p *parser) parseCType() *CType {
	start := p.tok.start
	t := &CType{}
	p.skipQualifiers()
	switch {
	case p.tok.kind == tIdent && isTag(p.textOf(p.tok)):
		t.Tag = p.textOf(p.tok)
		if p.atCDef() {
			t.Def = p.parseCDef()
			t.Name = t.Def.Name
			break
		}
		p.next()
		t.Name = p.ident("identifier").Name
	default:
		t.Name = p.typeWords()
	}
	p.skipQualifiers()
	t.Pos = p.since(start)
	return t
}

// typeWords reads a typedef name, or basic words in any order.
func (p *parser) typeWords() string {
	if p.tok.kind != tIdent {
		p.failWhat("type name", "A member begins with its type.")
	}
	word := p.textOf(p.tok)
	p.next()
	if !basicWords[word] {
		return word
	}
	words := []string{word}
	for p.tok.kind == tIdent && (basicWords[p.textOf(p.tok)] || qualifiers[p.textOf(p.tok)]) {
		if w := p.textOf(p.tok); basicWords[w] {
			words = append(words, w)
		}
		p.next()
	}
	return strings.Join(words, " ")
}

func (p *parser) skipQualifiers() {
	for p.tok.kind == tIdent && qualifiers[p.textOf(p.tok)] {
		p.next()
	}
}

// parseDeclarator reads one member's name with what belongs to it.
//
//	declarator = { "*" } [ ident ] { "[" [ expr ] "]" } [ ":" expr ]
//	           | { "*" } "(" "*" [ ident ] { "[" [ expr ] "]" } ")" "(" ... ")" .
func (p *parser) parseDeclarator(m *CMember) {
	for p.is("*") {
		p.next()
		m.Pointers++
		p.skipQualifiers()
	}
	if p.is("(") {
		p.parseFuncPtr(m)
		return
	}
	p.parseAttributes(&m.Packed, &m.Align)
	if p.tok.kind == tIdent {
		m.Name = p.textOf(p.tok)
		p.next()
	} else if !p.is(":") && !p.is("[") { // compilers only warn about char [6];
		p.failWhat("identifier", "A member has a name.")
	}
	p.parseDims(m)
	if p.got(":") {
		m.Bits = int(min(max(p.constant(), 0), 64))
	}
}

func (p *parser) parseDims(m *CMember) {
	for p.got("[") {
		if p.got("]") {
			m.Dims = append(m.Dims, -1)
			continue
		}
		n := p.constant()
		m.Dims = append(m.Dims, int(min(max(n, 0), math.MaxInt32)))
		p.expect("]")
	}
}

// parseFuncPtr reads (*name)(...), an array of such, or (*name)[n].
func (p *parser) parseFuncPtr(m *CMember) {
	p.next()
	for p.is("*") {
		p.next()
		p.skipQualifiers()
	}
	if p.tok.kind == tIdent {
		m.Name = p.textOf(p.tok)
		p.next()
	}
	p.parseDims(m)
	p.expect(")")
	if !p.is("(") {
		// A pointer to an array: its size is that of a pointer all the same.
		m.FuncPtr = false
		m.Pointers++
		for p.got("[") {
			p.constant()
			p.expect("]")
		}
		return
	}
	m.FuncPtr = true
	end, ok := p.balanced(p.tok.start)
	if !ok {
		p.fail(p.expected(")"))
	}
	p.prev = end
	p.seek(end)
}
