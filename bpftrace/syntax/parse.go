package syntax

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// ParseOptions changes how a program is read. The zero value (and nil) reads a
// program as `bpftrace -e` does on a kernel with BTF and without --unsafe.
type ParseOptions struct {
	// Params are the positional parameters, $1 first. They are substituted in
	// attach points only; in expressions $N stays a Positional.
	Params []string
	// Defines are predefined preprocessor macros. BPFTRACE_HAVE_BTF is defined
	// besides them unless NoBTF is set.
	Defines map[string]string
	NoBTF   bool
	// Unsafe allows attach points by kernel address.
	Unsafe bool
	// Pid says that a process is given (-p or -c), so that uprobe and usdt may
	// leave out their binary.
	Pid bool
	// ResolveLine returns the address of a place in the source of a binary, for
	// uprobe:BINARY@FILE:LINE. Without it such attach points are errors, as
	// nobody can say where they are.
	ResolveLine func(binary, file string, line, col int) (uint64, error)
}

const (
	maxDiagnostics = 10   // errors of syntax that one pass reports
	maxBadPoints   = 20   // errors of attach points that one pass reports
	maxDepth       = 1000 // nesting of expressions, blocks and types
	maxChain       = 5000 // operators in a row, which nest in the tree but not in the text
)

// Parse reads a program. The File is never nil; what could not be read is a
// Bad node in it. Errors of syntax come first, one a line and at most ten,
// then those of attach points. A defect of the parser itself is reported as
// internal-error and never panics.
func Parse(src *Source, opts *ParseOptions) (file *File, ds Diagnostics) {
	if opts == nil {
		opts = &ParseOptions{}
	}
	p := newParser(src, opts)
	defer func() {
		if r := recover(); r != nil {
			file, ds = p.file, append(p.diags, internalError(src, r))
		}
	}()
	p.parseFile()
	if p.complete() {
		p.checkAttachPoints()
	}
	if !p.diags.HasErrors() {
		p.checkCMacros()
	}
	for i := range p.diags {
		p.diags[i].Message = oneLine(p.diags[i].Message)
	}
	return p.file, p.diags
}

func internalError(src *Source, r any) Diagnostic {
	return Diagnostic{
		Code:    CodeInternal,
		Span:    Span{src, 0, 0},
		Message: fmt.Sprintf("internal error of the parser: %v", r),
		Why:     "This is a defect of mcptrace, not of the program. Please report it with the program.\n" + string(debug.Stack()),
	}
}

// parser turns tokens into a tree. A method that finds an error which it
// cannot step over panics with bailout; statements and declarations recover.
type parser struct {
	scanner
	opts  *ParseOptions
	file  *File
	tok   token  // the current token, not consumed yet
	prev  uint32 // end of the last consumed token
	depth int

	diags  Diagnostics
	lines  map[int]bool // lines that have a syntax error
	errors int          // errors of syntax found, reported or not

	cond    []condition // open #if lines
	defines map[string]string
	consts  map[string]int64 // enumerators seen

	badPoints  int // errors of attach points found
	expansions int // macros expanded in constant expressions
}

// bailout unwinds to the next statement or, with decl set, to the next
// declaration.
type bailout struct{ decl bool }

func newParser(src *Source, opts *ParseOptions) *parser {
	p := &parser{
		scanner: scanner{src: src, text: src.Text},
		opts:    opts,
		file:    &File{Source: src},
		lines:   map[int]bool{},
		consts:  map[string]int64{},
	}
	p.defines = map[string]string{}
	if !opts.NoBTF {
		p.defines["BPFTRACE_HAVE_BTF"] = "1"
	}
	for name, text := range opts.Defines {
		p.defines[name] = text
	}
	return p
}

// seek makes the first token at or after pos the current one.
func (p *parser) seek(pos uint32) { p.tok = p.scan(pos) }

// next consumes the current token.
func (p *parser) next() {
	p.prev = p.tok.end
	p.tok = p.scan(p.tok.end)
}

func (p *parser) textOf(t token) string { return p.text[t.start:t.end] }

// is reports whether the current token is operator op.
func (p *parser) is(op string) bool { return p.tok.kind == tOp && p.textOf(p.tok) == op }

// isWord reports whether the current token is the word w.
func (p *parser) isWord(w string) bool { return p.tok.kind == tIdent && p.textOf(p.tok) == w }

// got consumes the current token if it is operator op.
func (p *parser) got(op string) bool {
	if !p.is(op) {
		return false
	}
	p.next()
	return true
}

// gotWord consumes the current token if it is the word w.
func (p *parser) gotWord(w string) bool {
	if !p.isWord(w) {
		return false
	}
	p.next()
	return true
}

// split cuts the current token to its first byte, where an operator of two
// bytes is two operators.
func (p *parser) split() { p.tok.end = p.tok.start + 1 }

// expect consumes operator op or fails.
func (p *parser) expect(op string) {
	if !p.got(op) {
		p.fail(p.expected(op))
	}
}

// expected says that op is missing at the current token.
func (p *parser) expected(op string) Diagnostic {
	d := Diagnostic{Code: CodeExpectedToken, Span: p.unexpected(), Message: "syntax: expected '" + op + "'", Why: whyExpected(op)}
	switch {
	case op == ")" && p.is("="):
		p.meantEquals(&d)
	case op == ")" || op == "]":
		d.Fixes = []Fix{p.insertAfterPrev(op, false)}
	}
	return d
}

// meantEquals explains a '=' within an expression.
func (p *parser) meantEquals(d *Diagnostic) {
	d.Why = "'=' assigns and stands only in statements; '==' compares."
	d.Fixes = []Fix{{Message: "write '=='", Edits: []Edit{{p.spanOf(p.tok), "=="}}}}
}

func whyExpected(op string) string {
	switch op {
	case ")":
		return "A '(' before this is not closed, or what stands in it ends too early."
	case "]":
		return "A '[' before this is not closed, or what stands in it ends too early."
	case "{":
		return "Here begins a block, which stands in braces."
	}
	return "Something else stands where '" + op + "' must stand."
}

func (p *parser) expectedWhat(what, why string) Diagnostic {
	if why == "" {
		why = "Something else stands here."
	}
	return Diagnostic{Code: CodeExpectedToken, Span: p.unexpected(), Message: "syntax: expected " + what, Why: why}
}

// insertAfterPrev is the fix that writes text after the last consumed token.
func (p *parser) insertAfterPrev(text string, certain bool) Fix {
	at := Span{p.src, p.prev, p.prev}
	return Fix{Message: "write '" + strings.TrimSpace(text) + "' here", Certain: certain, Edits: []Edit{{at, text}}}
}

// ident consumes an identifier or fails, naming what was expected.
func (p *parser) ident(what string) *Ident {
	if p.tok.kind != tIdent {
		p.fail(p.expectedWhat(what, ""))
	}
	t := p.tok
	p.next()
	return &Ident{exprNode{node{p.spanOf(t)}}, p.textOf(t)}
}

func (p *parser) spanOf(t token) Span { return Span{p.src, t.start, t.end} }

// since returns the span from start to the end of the last consumed token.
func (p *parser) since(start uint32) Span { return Span{p.src, start, max(start, p.prev)} }

// unexpected is the span that upstream underlines for the current token.
func (p *parser) unexpected() Span { return p.unexpectedAt(p.tok.start) }

// unexpectedAt is the span that upstream underlines for the text after pos.
func (p *parser) unexpectedAt(pos uint32) Span {
	pos = p.skipLayout(pos)
	return Span{p.src, pos, p.errorEnd(pos)}
}

// report adds d unless its line has a syntax error already, which makes it a
// follow-on in all likelihood, or there are enough.
func (p *parser) report(d Diagnostic) {
	p.errors++
	line, _ := p.src.Position(int(d.Span.Start))
	if p.lines[line] || len(p.diags) >= maxDiagnostics {
		return
	}
	p.lines[line] = true
	p.diags = append(p.diags, d)
}

// fail reports d and gives up the current statement or declaration.
func (p *parser) fail(d Diagnostic) {
	p.report(d)
	panic(bailout{})
}

// failWhat fails with a message of the form "syntax: expected WHAT".
func (p *parser) failWhat(what, why string) { p.fail(p.expectedWhat(what, why)) }

// enter counts a level of nesting and fails when there are too many; the
// caller defers leave.
func (p *parser) enter() {
	p.depth++
	if p.depth > maxDepth {
		p.tooDeep(maxDepth, "levels of nesting")
	}
}

func (p *parser) leave() { p.depth-- }

func (p *parser) tooDeep(limit int, what string) {
	p.fail(Diagnostic{
		Code:    CodeTooDeep,
		Span:    p.unexpected(),
		Message: fmt.Sprintf("syntax: more than %d %s", limit, what),
		Why:     "Programs are bounded so that every stage stays fast; assign parts to variables.",
	})
}

// recoverTo is deferred: it ends a bailout, after which sync finds the place to
// go on. Anything else that was thrown goes on up.
func (p *parser) recoverTo(depth int, sync func(bailout)) {
	r := recover()
	if r == nil {
		return
	}
	b, ok := r.(bailout)
	if !ok {
		panic(r)
	}
	p.depth = depth
	sync(b)
}
