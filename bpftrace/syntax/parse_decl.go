package syntax

import "strings"

// section is the part of a program that a declaration may stand in.
type section int

const (
	inC      section = iota // C definitions and preprocessor lines
	inConfig                // config and imports
	inProbes                // probes, macros, functions and maps
)

// parseFile reads the whole text.
//
//	program = [shebang] { cdef } { config | import } { probe | macro | subprog | mapdecl } .
func (p *parser) parseFile() {
	p.parseShebang()
	s := inC
	for p.tok.kind != tEOF && !p.full() {
		before := p.tok.start
		p.file.Decls = append(p.file.Decls, p.parseDecl(&s)...)
		if p.tok.start == before && p.tok.kind != tEOF {
			p.report(Diagnostic{Code: CodeExpectedToken, Span: p.unexpected(), Message: "syntax: unexpected input", Why: "This belongs to nothing."})
			p.next()
		}
	}
	p.endConditions()
	p.file.Comments = p.comments
	p.file.Pos = Span{p.src, 0, uint32(len(p.text))}
}

// full reports whether so many errors were found that going on is of no use.
func (p *parser) full() bool { return p.errors >= 5*maxDiagnostics }

// complete reports whether the whole text was read.
func (p *parser) complete() bool { return p.tok.kind == tEOF }

func (p *parser) parseShebang() {
	pos := p.skipLayout(0)
	if strings.HasPrefix(p.text[pos:], "#!") {
		end := p.lineEnd(pos)
		p.file.Shebang = strings.TrimRight(p.text[pos:end], "\r")
		p.noteComments(0, pos)
		pos = end
		p.noted = end
	} else {
		pos = 0
	}
	p.seek(pos)
}

func (p *parser) lineEnd(pos uint32) uint32 {
	if i := strings.IndexByte(p.text[pos:], '\n'); i >= 0 {
		return pos + uint32(i)
	}
	return uint32(len(p.text))
}

// parseDecl reads one declaration. What stands in an earlier section than s is
// reported as misplaced.
func (p *parser) parseDecl(s *section) (decls []Decl) {
	start := p.tok.start
	defer p.recoverTo(0, func(why bailout) {
		if !why.decl {
			p.syncDecl(start)
		}
		decls = append(decls, &BadDecl{declNode{node{p.since(start)}}})
	})
	switch {
	case p.is("#"):
		d := p.parsePreproc()
		p.misplacedC(*s, Span{p.src, start, p.afterLine()}, d[0])
		return d
	case p.atCDef():
		d := p.parseCDefDecl()
		p.misplacedC(*s, p.since(start), d)
		return []Decl{d}
	}
	return []Decl{p.parseOther(s)}
}

func (p *parser) parseOther(s *section) Decl {
	if p.tok.kind == tIdent {
		switch p.textOf(p.tok) {
		case "config":
			return p.parseConfigIn(s)
		case "import":
			return p.parseImportIn(s)
		case "macro":
			*s = inProbes
			return p.parseMacro()
		case "fn":
			*s = inProbes
			return p.parseSubprog()
		case "let":
			*s = inProbes
			return p.parseMapDecl()
		}
	}
	*s = inProbes
	return p.parseProbe()
}

// misplacedC reports the C text at, with the definition at its start, when it
// does not stand in its section.
func (p *parser) misplacedC(s section, at Span, def Node) {
	if s != inC {
		p.misplaced(at, "C definitions must appear before probes and functions", p.moveUp(def.Span(), inC))
	}
}

func (p *parser) misplaced(at Span, msg string, fixes []Fix) {
	p.report(Diagnostic{
		Code: CodeDeclarationOrder, Span: at, Message: "syntax: " + msg, Fixes: fixes,
		Why: "A program has this order: C definitions and # lines, then config and imports, then probes, macros, functions and maps.",
	})
}

// moveUp is the fix that moves the text of at to the end of section s, or
// rather before the first declaration of a later one.
func (p *parser) moveUp(at Span, s section) []Fix {
	for _, d := range p.file.Decls {
		if start := d.Span().Start; sectionOf(d) > s && start < at.Start {
			return []Fix{{Message: "move it up", Certain: true, Edits: []Edit{
				{Span{p.src, start, start}, at.Text() + "\n"}, {at, ""},
			}}}
		}
	}
	return nil
}

func sectionOf(d Decl) section {
	switch d.(type) {
	case *CDef, *Preproc:
		return inC
	case *Config, *Import:
		return inConfig
	}
	return inProbes
}

func (p *parser) parseConfigIn(s *section) Decl {
	word := p.spanOf(p.tok)
	second := p.hasConfig()
	late := *s == inProbes
	*s = max(*s, inConfig)
	if second && !late {
		p.report(Diagnostic{Code: CodeDeclarationOrder, Span: word, Message: "syntax: duplicate config block",
			Why: "A program has one config block; write all its keys there."})
	}
	at := len(p.diags)
	if late {
		p.misplaced(word, "config must appear before probes and functions", nil)
	}
	c := p.parseConfig()
	if late && !second && at < len(p.diags) && p.diags[at].Span == word {
		p.diags[at].Fixes = p.moveUp(c.Span(), inConfig)
	}
	return c
}

func (p *parser) hasConfig() bool {
	for _, d := range p.file.Decls {
		if _, ok := d.(*Config); ok {
			return true
		}
	}
	return false
}

// parseConfig reads a config block.
//
//	config = "config" "=" "{" [ entry { ";" entry } [";"] ] "}" .
func (p *parser) parseConfig() *Config {
	start := p.tok.start
	p.next()
	p.expectAssign("config")
	p.expect("{")
	c := &Config{}
	for !p.is("}") {
		c.Entries = append(c.Entries, p.parseConfigEntry())
		if p.is("}") {
			break
		}
		if !p.is(";") {
			p.fail(p.missingSemicolon())
		}
		for p.got(";") {
		}
	}
	p.expect("}")
	c.Pos = p.since(start)
	return c
}

func (p *parser) expectAssign(after string) {
	if p.got("=") {
		return
	}
	d := p.expected("=")
	if p.is("{") {
		d.Why = "A config block is written config = { key = value; }."
		d.Fixes = []Fix{p.insertAfterPrev(" =", true)}
	}
	p.fail(d)
}

// parseConfigEntry reads a setting.
//
//	entry = ident "=" ( string | integer | "true" | "false" | ident ) .
func (p *parser) parseConfigEntry() *ConfigEntry {
	start := p.tok.start
	e := &ConfigEntry{Key: p.ident("config key")}
	p.expect("=")
	switch {
	case p.tok.kind == tString:
		e.Value = p.stringLit()
	case p.tok.kind == tInt:
		e.Value = p.intLit()
	case p.isWord("true"), p.isWord("false"):
		e.Value = p.boolLit()
	default:
		e.Value = p.ident("string, int, boolean, or ident")
	}
	e.Pos = p.since(start)
	return e
}

func (p *parser) parseImportIn(s *section) Decl {
	start, word, at := p.tok.start, p.spanOf(p.tok), len(p.diags)
	late := *s == inProbes
	if late {
		p.misplaced(word, "root imports must appear before probes and functions", nil)
	}
	*s = max(*s, inConfig)
	d := &Import{Path: p.parseImportPath()}
	d.Pos = p.since(start)
	if late && at < len(p.diags) && p.diags[at].Span == word {
		p.diags[at].Fixes = p.moveUp(d.Span(), inConfig)
	}
	return d
}

// parseImportPath reads what both kinds of import share.
//
//	import = "import" string ";" .
func (p *parser) parseImportPath() *StringLit {
	p.next()
	if p.tok.kind != tString {
		d := p.expectedWhat("string after 'import'", "An import names a file: import \"lib.bt\";")
		if p.tok.kind == tIdent {
			at := p.spanOf(p.tok)
			d.Fixes = []Fix{{Message: "quote the name", Edits: []Edit{{at, `"` + at.Text() + `"`}}}}
		}
		p.fail(d)
	}
	path := p.stringLit()
	if !p.is(";") {
		d := p.missingSemicolon()
		d.Message = "syntax: expected ';' after import"
		p.report(d)
		return path
	}
	p.next()
	return path
}

// parseMacro reads a macro definition.
//
//	macro = "macro" ident "(" [ arg { "," arg } ] ")" block .
func (p *parser) parseMacro() Decl {
	start := p.tok.start
	p.next()
	m := &Macro{Name: p.ident("macro name")}
	ok := p.head(func() { p.parseMacroArgs(m) })
	m.Body = p.parseBlock()
	m.Pos = p.since(start)
	if !ok {
		return &BadDecl{declNode{node{m.Pos}}}
	}
	return m
}

func (p *parser) parseMacroArgs(m *Macro) {
	p.expect("(")
	if !p.is(")") {
		m.Args = append(m.Args, p.parseMacroArg())
		for p.got(",") {
			m.Args = append(m.Args, p.parseMacroArg())
		}
	}
	p.expect(")")
}

// parseMacroArg reads a parameter of a macro.
//
//	arg = variable | map | ident .
func (p *parser) parseMacroArg() Expr {
	switch p.tok.kind {
	case tVar:
		return p.variable()
	case tMap:
		return p.mapName()
	case tBad:
		p.lonelyDollar()
	}
	x := p.ident("macro argument ($var, @map, or identifier)")
	if IsBuiltinWord(x.Name) {
		p.report(Diagnostic{
			Code: CodeMacroArgument, Span: x.Span(), Message: "syntax: builtin '" + x.Name + "' can't be used as a macro argument",
			Why: "The word is a builtin everywhere; give the parameter another name.",
		})
	}
	return x
}

// parseSubprog reads a function.
//
//	subprog = "fn" ident "(" [ param { "," param } ] ")" ":" type block .
//	param   = variable ":" type .
func (p *parser) parseSubprog() Decl {
	start := p.tok.start
	p.next()
	f := &Subprog{Name: p.ident("function name")}
	ok := p.head(func() { p.parseSignature(f) })
	f.Body = p.parseBlock()
	f.Pos = p.since(start)
	if !ok {
		return &BadDecl{declNode{node{f.Pos}}}
	}
	return f
}

func (p *parser) parseSignature(f *Subprog) {
	p.expect("(")
	if !p.is(")") {
		f.Args = append(f.Args, p.parseSubprogArg())
		for p.got(",") {
			f.Args = append(f.Args, p.parseSubprogArg())
		}
	}
	p.expect(")")
	p.expect(":")
	f.Result = p.parseType()
}

func (p *parser) parseSubprogArg() *SubprogArg {
	start := p.tok.start
	if p.tok.kind != tVar {
		p.failWhat("variable in function argument", "Parameters of functions are written $name: type.")
	}
	a := &SubprogArg{Var: p.variable()}
	p.expect(":")
	a.Type = p.parseType()
	a.Pos = p.since(start)
	return a
}

// parseMapDecl reads a map declaration.
//
//	mapdecl = "let" map "=" ident "(" integer ")" [";"] .
func (p *parser) parseMapDecl() Decl {
	start := p.tok.start
	p.next()
	if p.tok.kind != tMap {
		p.fail(Diagnostic{
			Code: CodeRootLet, Span: p.unexpectedAt(start),
			Message: "syntax: root-level let statements need to be map declarations, e.g. let @a = hash(2);",
			Why:     "Variables live inside probes; only maps are shared between them.",
		})
	}
	m := &MapDecl{Map: p.mapName()}
	p.expect("=")
	m.Kind = p.ident("map type name")
	p.expect("(")
	if p.tok.kind != tInt {
		p.failWhat("positive integer for map declaration max entries", "Say how many keys the map may hold: let @a = lruhash(1000);")
	}
	m.MaxEntries = p.intLit()
	p.expect(")")
	p.got(";")
	m.Pos = p.since(start)
	return m
}

// parseProbe reads a probe.
//
//	probe     = ap { "," ap } [","] [ predicate ] block .
//	predicate = "/" expr "/" .
func (p *parser) parseProbe() Decl {
	start := p.tok.start
	pr := &Probe{AttachPoints: []*AttachPoint{p.parseAttachPoint()}}
	for p.got(",") {
		if p.is("/") || p.is("{") {
			break
		}
		pr.AttachPoints = append(pr.AttachPoints, p.parseAttachPoint())
	}
	if p.is("/") {
		pr.Predicate = p.parsePredicate()
	}
	ok := p.head(func() {
		if !p.is("{") {
			p.fail(p.noBlock(pr))
		}
	})
	for _, ap := range pr.AttachPoints {
		ap.Bad = !ok // what it says is not what was meant
	}
	pr.Body = p.parseBlock()
	pr.Pos = p.since(start)
	return pr
}

// noBlock explains why a block is missing after the attach points of pr.
func (p *parser) noBlock(pr *Probe) Diagnostic {
	d := p.expected("{")
	last := pr.AttachPoints[len(pr.AttachPoints)-1]
	switch {
	case strings.HasPrefix(last.Raw, "}"):
		at := Span{p.src, last.Pos.Start, last.Pos.Start + 1}
		d.Why = "This '}' closes nothing: every '{' before it is closed already."
		d.Notes = []Note{{at, "the '}' without a '{'"}}
		d.Fixes = []Fix{{Message: "remove the '}'", Certain: true, Edits: []Edit{{at, ""}}}}
	case strings.HasPrefix(last.Raw, ";"):
		at := Span{p.src, last.Pos.Start, last.Pos.Start + 1}
		d.Why = "Declarations are not separated by ';'."
		d.Fixes = []Fix{{Message: "remove the ';'", Certain: true, Edits: []Edit{{at, ""}}}}
	case p.tok.kind == tEOF:
		d.Why = "A probe needs an action: kprobe:f { print(1); }."
	default:
		d.Why = "After the attach points comes a predicate /.../ or the action { ... }; attach points are separated by ','."
	}
	return d
}

func (p *parser) parsePredicate() Expr {
	start := p.tok.start
	p.next()
	var x Expr
	ok := p.head(func() {
		x = p.parseExpr()
		if !p.got("/") {
			p.fail(p.openPredicate())
		}
	})
	if !ok {
		x = &BadExpr{exprNode{node{p.since(start)}}}
	}
	return x
}

// openPredicate explains a predicate that is not closed.
func (p *parser) openPredicate() Diagnostic {
	d := Diagnostic{
		Code: CodeExpectedToken, Span: p.unexpected(), Message: "syntax: expected '/' to close predicate",
		Why:   "A predicate stands between two slashes: /pid == 1/.",
		Fixes: []Fix{p.insertAfterPrev("/", p.is("{"))},
	}
	if p.is("=") {
		p.meantEquals(&d)
	}
	return d
}

// parseAttachPoint takes the text of an attach point. It ends before space,
// ',' and '{', and before a '/' that cannot belong to a path because no ':'
// came before it. Quoted parts are taken whole.
func (p *parser) parseAttachPoint() *AttachPoint {
	start := p.tok.start
	end := p.attachPointEnd(start)
	if end == start {
		p.failWhat("attach point", "A probe begins with what it attaches to, such as tracepoint:sched:sched_switch or interval:1s.")
	}
	p.prev, p.noted = end, max(p.noted, end)
	p.seek(end)
	return &AttachPoint{node: node{Span{p.src, start, end}}, Raw: p.text[start:end]}
}

func (p *parser) attachPointEnd(start uint32) uint32 {
	colon := false
	i := start
	for ; int(i) < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '{' && i > start && p.text[i-1] == ':' && p.bracedEnd(i) > 0:
			i = p.bracedEnd(i)
		case c == '{' || c == ',' || isSpace(c):
			return i
		case c == '/' && i > start && !colon:
			return i
		case c == ':':
			colon = true
		case c == '"':
			i = p.quotedEnd(i)
		}
	}
	return min(i, uint32(len(p.text)))
}

// bracedEnd returns the offset of the '}' that ends a word in braces at pos, or
// 0 when there is none. Such a word right after a ':' cannot be a block, for which
// something is missing before it: it is a placeholder for a path that is filled in
// later, as in uprobe:{BINARY}:main. Upstream has no such thing.
func (p *parser) bracedEnd(pos uint32) uint32 {
	for i := pos + 1; int(i) < len(p.text) && !isSpace(p.text[i]) && p.text[i] != '{' && p.text[i] != ':'; i++ {
		if p.text[i] == '}' && i > pos+1 {
			return i
		}
	}
	return 0
}

// quotedEnd returns the offset of the quote that closes the one at pos, or of
// the last byte of the text.
func (p *parser) quotedEnd(pos uint32) uint32 {
	i := pos + 1
	for ; int(i) < len(p.text); i++ {
		switch p.text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return i
}

// syncDecl skips the rest of a declaration that began at start and failed: to
// the end of its block, to a ';', or to a line that begins a new declaration.
func (p *parser) syncDecl(start uint32) {
	depth := 0
	for p.tok.kind != tEOF {
		if depth == 0 && p.tok.start > start && p.startsDecl(p.tok) {
			return
		}
		end := false
		switch {
		case p.is("{"):
			depth++
		case p.is("}"):
			depth--
			end = depth <= 0
		case p.is(";"):
			end = depth == 0
		}
		p.next()
		if end {
			return
		}
	}
}

// startsDecl reports whether t is the first token of its line and looks like
// the beginning of a declaration.
func (p *parser) startsDecl(t token) bool {
	word := p.textOf(t)
	if t.kind != tIdent && word != "#" || !p.firstOnLine(t.start) {
		return false
	}
	switch word {
	case "#":
		return true
	case "config", "macro", "fn", "struct", "union", "enum":
		return p.startsLine(t.start)
	}
	k, ok := LookupProbeKind(word)
	if !ok {
		return false
	}
	if k.takesNoArguments() {
		switch p.at(p.skipLayout(t.end)) {
		case '{', '/', ',':
			return true
		}
		return false
	}
	return p.at(t.end) == ':' && (len(word) > 2 || p.startsLine(t.start))
}

// firstOnLine reports whether only space stands before pos on its line.
func (p *parser) firstOnLine(pos uint32) bool {
	for pos > 0 && (p.text[pos-1] == ' ' || p.text[pos-1] == '\t') {
		pos--
	}
	return p.startsLine(pos)
}

func (p *parser) startsLine(pos uint32) bool { return pos == 0 || p.text[pos-1] == '\n' }
