package syntax

import (
	"fmt"
	"regexp"
	"strings"
)

// condition is an open #if, #ifdef or #ifndef.
type condition struct {
	at     Span
	active bool // its current branch is read
	taken  bool // a branch of it was read
	orElse bool // #else was seen
	outer  bool // the text around it is read
}

// inactive reports whether the current text is switched off.
func (p *parser) inactive() bool {
	return len(p.cond) > 0 && !p.cond[len(p.cond)-1].active
}

// parsePreproc reads a preprocessor line and, when it switches the text after
// it off, that text up to the next preprocessor line.
//
//	preproc = "#" word rest-of-line .
func (p *parser) parsePreproc() []Decl {
	line := p.directive()
	decls := []Decl{line}
	for p.inactive() && p.tok.kind != tEOF && !p.is("#") {
		decls = append(decls, p.skipInactive())
	}
	return decls
}

// directive reads one preprocessor line and acts on it. A backslash at its end
// continues it on the next line.
func (p *parser) directive() *Preproc {
	start := p.tok.start
	end := p.lineEnd(start)
	for int(end) < len(p.text) && strings.HasSuffix(strings.TrimSuffix(p.text[start:end], "\r"), "\\") {
		end = p.lineEnd(end + 1)
	}
	text := strings.TrimSpace(p.text[start+1 : end])
	n := 0
	for n < len(text) && isIdentBody(text[n]) {
		n++
	}
	d := &Preproc{Directive: text[:n], Rest: strings.TrimSpace(text[n:])}
	stop := start + uint32(len(strings.TrimRight(p.text[start:end], " \t\r")))
	d.Pos = Span{p.src, start, stop}
	p.prev, p.noted = stop, max(p.noted, end)
	d.Inactive = p.obey(d)
	p.seek(end)
	return d
}

// afterLine returns the offset of the line after the last consumed token.
func (p *parser) afterLine() uint32 {
	end := p.lineEnd(p.prev)
	if int(end) < len(p.text) {
		end++
	}
	return end
}

// skipInactive takes switched-off text up to the next preprocessor line.
func (p *parser) skipInactive() *Preproc {
	start := p.tok.start
	end := p.lineEnd(start)
	for int(end) < len(p.text) {
		next := end + 1
		if strings.HasPrefix(strings.TrimLeft(p.text[next:p.lineEnd(next)], " \t"), "#") {
			break
		}
		end = p.lineEnd(next)
	}
	text := strings.TrimRight(p.text[start:end], " \t\r\n")
	stop := start + uint32(len(text))
	p.prev, p.noted = stop, max(p.noted, end)
	p.seek(end)
	return &Preproc{declNode: declNode{node{Span{p.src, start, stop}}}, Rest: text, Inactive: true}
}

// obey evaluates d and reports whether it is itself switched off.
func (p *parser) obey(d *Preproc) (inactive bool) {
	off := p.inactive()
	arg := stripComments(d.Rest)
	switch d.Directive {
	case "if", "ifdef", "ifndef":
		p.openCondition(d, arg, off)
		return off
	case "elif", "else", "endif":
		return p.turnCondition(d, arg)
	case "define":
		if !off {
			p.define(d, arg)
		}
	case "undef":
		if !off {
			delete(p.defines, arg)
		}
	case "error":
		if !off {
			p.report(Diagnostic{Code: CodePreprocessor, Span: d.Span(), Message: "#error " + d.Rest, Why: "The program itself asks for this error."})
		}
	}
	return off
}

func (p *parser) openCondition(d *Preproc, arg string, off bool) {
	c := condition{at: d.Span(), outer: !off}
	if !off {
		c.active = p.conditionHolds(d, arg)
		c.taken = c.active
	}
	p.cond = append(p.cond, c)
}

// turnCondition handles #elif, #else and #endif. They count as switched off
// when the whole conditional is.
func (p *parser) turnCondition(d *Preproc, arg string) bool {
	if len(p.cond) == 0 {
		p.badDirective(d, "#"+d.Directive+" without #if", "Every #"+d.Directive+" belongs to an #if, #ifdef or #ifndef before it.")
		return false
	}
	c := &p.cond[len(p.cond)-1]
	off := !c.outer
	switch {
	case d.Directive == "endif":
		p.cond = p.cond[:len(p.cond)-1]
	case c.orElse:
		p.badDirective(d, "#"+d.Directive+" after #else", "An #else is the last branch of its #if.")
	default:
		c.orElse = d.Directive == "else"
		c.active = !off && !c.taken && (c.orElse || p.conditionHolds(d, arg))
		c.taken = c.taken || c.active
	}
	return off
}

func (p *parser) badDirective(d *Preproc, msg, why string) {
	p.report(Diagnostic{Code: CodePreprocessor, Span: d.Span(), Message: "syntax: " + msg, Why: why})
}

// endConditions reports conditionals that are still open at the end.
func (p *parser) endConditions() {
	for _, c := range p.cond {
		p.report(Diagnostic{Code: CodePreprocessor, Span: c.at, Message: "syntax: unterminated conditional directive",
			Why: "Every #if, #ifdef and #ifndef ends with #endif."})
	}
}

// define records an object-like macro. Function-like macros are recorded as
// defined but have no value.
func (p *parser) define(d *Preproc, arg string) {
	n := 0
	for n < len(arg) && isIdentBody(arg[n]) {
		n++
	}
	if n == 0 {
		p.badDirective(d, "macro name missing", "A definition is written #define NAME TEXT.")
		return
	}
	name, rest := arg[:n], arg[n:]
	if strings.HasPrefix(rest, "(") {
		p.defines[name] = ""
		return
	}
	p.defines[name] = strings.TrimSpace(rest)
}

var definedRE = regexp.MustCompile(`\bdefined\s*(?:\(\s*(\w+)\s*\)|(\w+))`)

// conditionHolds evaluates the condition of #if, #elif, #ifdef or #ifndef.
// Words that are not defined count as 0, as in C.
func (p *parser) conditionHolds(d *Preproc, arg string) bool {
	switch d.Directive {
	case "ifdef", "ifndef":
		_, ok := p.defines[arg]
		return ok == (d.Directive == "ifdef")
	}
	text := definedRE.ReplaceAllStringFunc(arg, func(s string) string {
		m := definedRE.FindStringSubmatch(s)
		if _, ok := p.defines[m[1]+m[2]]; ok {
			return "1"
		}
		return "0"
	})
	n, err := p.evalText(text, 0)
	if err != nil {
		p.badDirective(d, "invalid condition: "+err.Error(), "The condition is a constant expression of integers, macros and defined(NAME).")
	}
	return n != 0
}

// stripComments removes comments and continuations from a preprocessor line.
func stripComments(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\\\r\n", " "), "\\\n", " ")
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
		case quoted:
		case strings.HasPrefix(s[i:], "//"):
			return strings.TrimSpace(s[:i])
		case strings.HasPrefix(s[i:], "/*"):
			end := strings.Index(s[i+2:], "*/")
			if end < 0 {
				return strings.TrimSpace(s[:i])
			}
			s = s[:i] + " " + s[i+2+end+2:]
		}
	}
	return strings.TrimSpace(s)
}

// maxExpand bounds how deeply macros name macros.
const maxExpand = 50

// evalText evaluates a constant expression given as text. Macros are expanded.
func (p *parser) evalText(text string, depth int) (int64, error) {
	if p.expansions++; depth > maxExpand || p.expansions > maxExpand*maxExpand {
		return 0, fmt.Errorf("macros name each other without end")
	}
	x, ds := ParseExpr(NewSource("macro", text))
	if len(ds) > 0 {
		return 0, fmt.Errorf("%s", strings.TrimPrefix(ds[0].Message, "syntax: "))
	}
	return p.evalConst(x, depth)
}

// evalConst evaluates a constant expression of C: integers, enumerators,
// macros and operators. Words that are not defined count as 0.
func (p *parser) evalConst(x Expr, depth int) (int64, error) {
	switch x := x.(type) {
	case *IntLit:
		return int64(x.Value), nil
	case *BoolLit:
		if x.Value {
			return 1, nil
		}
		return 0, nil
	case *Paren:
		return p.evalConst(x.X, depth)
	case *Cast:
		return p.evalConst(x.X, depth)
	case *Ident:
		if v, ok := p.consts[x.Name]; ok {
			return v, nil
		}
		if text, ok := p.defines[x.Name]; ok && text != "" {
			return p.evalText(text, depth+1)
		}
		return 0, nil
	case *Unop:
		v, err := p.evalConst(x.X, depth)
		return evalUnop(x.Op, v), err
	case *Ternary:
		return p.evalTernary(x, depth)
	case *Sizeof:
		return sizeofNamed(x)
	case *Binop:
		l, err := p.evalConst(x.L, depth)
		if err != nil {
			return 0, err
		}
		r, err := p.evalConst(x.R, depth)
		if err != nil {
			return 0, err
		}
		return evalBinop(x.Op, l, r)
	}
	return 0, fmt.Errorf("not a constant expression")
}

func (p *parser) evalTernary(x *Ternary, depth int) (int64, error) {
	c, err := p.evalConst(x.Cond, depth)
	switch {
	case err != nil:
		return 0, err
	case c == 0:
		return p.evalConst(x.Else, depth)
	case x.Then == nil:
		return c, nil
	}
	return p.evalConst(x.Then, depth)
}

func evalUnop(op Op, v int64) int64 {
	switch op {
	case OpNeg:
		return -v
	case OpBitNot:
		return ^v
	case OpNot:
		return truth(v == 0)
	}
	return v
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func evalBinop(op Op, l, r int64) (int64, error) {
	switch op {
	case OpDiv, OpMod:
		if r == 0 {
			return 0, fmt.Errorf("division by zero")
		}
		if op == OpDiv {
			return l / r, nil
		}
		return l % r, nil
	case OpAdd:
		return l + r, nil
	case OpSub:
		return l - r, nil
	case OpMul:
		return l * r, nil
	case OpShl:
		return l << uint64(r&63), nil
	case OpShr:
		return l >> uint64(r&63), nil
	case OpBitAnd:
		return l & r, nil
	case OpBitOr:
		return l | r, nil
	case OpBitXor:
		return l ^ r, nil
	}
	return evalCompare(op, l, r), nil
}

func evalCompare(op Op, l, r int64) int64 {
	switch op {
	case OpLogAnd:
		return truth(l != 0 && r != 0)
	case OpLogOr:
		return truth(l != 0 || r != 0)
	case OpEq:
		return truth(l == r)
	case OpNe:
		return truth(l != r)
	case OpLt:
		return truth(l < r)
	case OpGt:
		return truth(l > r)
	case OpLe:
		return truth(l <= r)
	}
	return truth(l >= r)
}

var sizes = map[string]int64{
	"char": 1, "bool": 1, "int8": 1, "uint8": 1, "__u8": 1, "__s8": 1, "u8": 1, "s8": 1, "int8_t": 1, "uint8_t": 1,
	"short": 2, "int16": 2, "uint16": 2, "__u16": 2, "__s16": 2, "u16": 2, "s16": 2, "int16_t": 2, "uint16_t": 2,
	"int": 4, "unsigned": 4, "float": 4, "int32": 4, "uint32": 4, "__u32": 4, "__s32": 4, "u32": 4, "s32": 4, "int32_t": 4, "uint32_t": 4,
	"long": 8, "double": 8, "int64": 8, "uint64": 8, "__u64": 8, "__s64": 8, "u64": 8, "s64": 8, "int64_t": 8, "uint64_t": 8, "size_t": 8,
}

// sizeofNamed evaluates sizeof where the size is fixed by the language.
func sizeofNamed(x *Sizeof) (int64, error) {
	switch t := x.Type.(type) {
	case *PointerType:
		return 8, nil
	case *NamedType:
		if n, ok := sizes[t.Name]; ok && t.Tag == "" {
			return n, nil
		}
	}
	if id, ok := x.X.(*Ident); ok {
		if n, ok := sizes[id.Name]; ok {
			return n, nil
		}
	}
	return 0, fmt.Errorf("sizeof of a type that is not basic")
}

// ParseExpr reads text that is one expression, such as the body of a C macro.
// The Expr is nil when there are errors.
func ParseExpr(src *Source) (x Expr, ds Diagnostics) {
	p := newParser(src, &ParseOptions{})
	defer func() {
		if r := recover(); r != nil {
			x = nil
			if _, ok := r.(bailout); !ok {
				p.diags = append(p.diags, internalError(src, r))
			}
			ds = p.diags
		}
	}()
	p.seek(0)
	x = p.parseExpr()
	if p.tok.kind != tEOF {
		p.report(Diagnostic{Code: CodeExpectedToken, Span: p.unexpected(), Message: "syntax: unexpected input", Why: "This belongs to nothing."})
	}
	if len(p.diags) > 0 {
		return nil, p.diags
	}
	return x, nil
}
