package symbol

import (
	"strconv"
	"strings"
)

// Demangle returns the C++ declaration that an Itanium-ABI name such as
// _ZN3foo3barEi stands for ("foo::bar(int)"), in the spelling of the GNU tools;
// ok is false when name is not mangled or not understood.
//
// The grammar is that of https://itanium-cxx-abi.github.io/cxx-abi/abi.html
// (section 5.1); productions are named above the methods.
func Demangle(name string) (text string, ok bool) {
	var d demangler
	return d.demangle(name)
}

const (
	maxMangled   = 16 << 10 // longer names are left alone
	maxDemangled = 32 << 10 // substitutions can blow a short name up
	maxDepth     = 96       // nesting of types and names
)

// A demangler holds the state of one name; its buffers are reused for the next.
type demangler struct {
	in    string
	pos   int
	subs  []cxxType
	args  []cxxType // what T_, T0_ ... stand for
	depth int
	size  int // bytes built so far
	bad   bool
}

// A cxxType is a type or name as the text before and after what it declares:
// "int (*" and ")(char)".
type cxxType struct {
	pre, post string
	kind      cxxKind
	pack      []cxxType // elements of an argument pack
}

type cxxKind uint8

const (
	cxxPlain cxxKind = iota
	cxxFunction
	cxxArray
	cxxLRef
	cxxRRef
	cxxPack
)

func (t cxxType) String() string {
	if t.kind == cxxPack {
		return joinTypes(t.pack)
	}
	return t.pre + t.post
}

func plain(s string) cxxType { return cxxType{pre: s} }

func (d *demangler) demangle(name string) (string, bool) {
	if !strings.HasPrefix(name, "_Z") || len(name) > maxMangled {
		return "", false
	}
	*d = demangler{in: name, pos: 2, subs: d.subs[:0]}
	text := d.encoding(true)
	if d.bad || text == "" {
		return "", false
	}
	rest := d.in[d.pos:]
	switch {
	case rest == "":
	case rest[0] == '.':
		text += cloneSuffix(rest)
	default:
		return "", false
	}
	return text, true
}

// cloneSuffix names the clones that a compiler made of a function: ".isra.0" and
// ".cold", each with its numbers.
func cloneSuffix(rest string) string {
	var b strings.Builder
	for rest != "" {
		end := 1
		for end < len(rest) && !(rest[end] == '.' && end+1 < len(rest) && (rest[end+1] < '0' || rest[end+1] > '9')) {
			end++
		}
		b.WriteString(" [clone " + rest[:end] + "]")
		rest = rest[end:]
	}
	return b.String()
}

// matches reports whether the demangled form of name, or that without its
// parameters, matches a bpftrace wildcard pattern.
func (d *demangler) matches(pattern, name string) bool {
	if !strings.HasPrefix(name, "_Z") {
		return false
	}
	// Without substitutions every name of the pattern stands in the mangled
	// name, which is cheaper to see.
	if w := longestWord(pattern); !strings.Contains(name, w) && !strings.Contains(name, "S") {
		return false
	}
	full, ok := d.demangle(name)
	if !ok || strings.HasSuffix(full, "]") && strings.Contains(full, " [clone ") {
		return false
	}
	short := withoutParameters(full)
	return Match(pattern, full) || Match(pattern, short) || Match(pattern, withoutReturnType(short))
}

// longestWord returns the longest identifier of a qualified name before its
// template arguments and parameters.
func longestWord(s string) (longest string) {
	if i := strings.IndexAny(s, "<( "); i >= 0 {
		s = s[:i]
	}
	for _, w := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("~:*[]", r) }) {
		if len(w) > len(longest) && !strings.HasPrefix(w, "operator") {
			longest = w
		}
	}
	return longest
}

// withoutParameters cuts the parameter list, and what follows it, off a
// demangled function.
func withoutParameters(full string) string {
	depth := 0
	for i := len(full) - 1; i >= 0; i-- {
		switch full[i] {
		case ')':
			depth++
		case '(':
			if depth--; depth == 0 {
				return full[:i]
			}
		}
	}
	return full
}

// withoutReturnType cuts the return type off a demangled template function.
func withoutReturnType(s string) string {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '<', '(', '{':
			depth++
		case '>', ')', '}':
			depth--
		case ' ':
			if depth == 0 && !strings.HasSuffix(s[:i], "operator") && !strings.HasPrefix(s[i+1:], "const") {
				return s[i+1:]
			}
		}
		if strings.HasPrefix(s[i:], "operator") {
			return s
		}
	}
	return s
}

// peek returns the next byte, 0 at the end and after an error.
func (d *demangler) peek() byte { return d.peekAt(0) }

func (d *demangler) peekAt(n int) byte {
	if d.bad || d.pos+n >= len(d.in) {
		return 0
	}
	return d.in[d.pos+n]
}

// eat skips s if it comes next.
func (d *demangler) eat(s string) bool {
	if d.bad || !strings.HasPrefix(d.in[d.pos:], s) {
		return false
	}
	d.pos += len(s)
	return true
}

func (d *demangler) expect(s string) {
	if !d.eat(s) {
		d.bad = true
	}
}

// enter counts nesting; every enter is followed by a deferred leave.
func (d *demangler) enter() bool {
	d.depth++
	if d.depth > maxDepth {
		d.bad = true
	}
	return !d.bad
}

func (d *demangler) leave() { d.depth-- }

// built accounts for text that was put together.
func (d *demangler) built(t cxxType) cxxType {
	d.size += len(t.pre) + len(t.post)
	if d.size > 64*maxDemangled || len(t.pre)+len(t.post) > maxDemangled {
		d.bad = true
		return cxxType{}
	}
	return t
}

func (d *demangler) remember(t cxxType) cxxType {
	t = d.built(t)
	d.subs = append(d.subs, t)
	return t
}

// number: [n] <decimal>
func (d *demangler) number() (n int, ok bool) {
	for c := d.peek(); c >= '0' && c <= '9' && n < 1<<24; c = d.peek() {
		n = n*10 + int(c-'0')
		d.pos++
		ok = true
	}
	return n, ok
}

// seq: [<base-36>] _ ; "" is 0, "0" is 1
func (d *demangler) seq() int {
	if d.eat("_") {
		return 0
	}
	n := 0
	for {
		c := d.peek()
		switch {
		case c >= '0' && c <= '9':
			n = n*36 + int(c-'0')
		case c >= 'A' && c <= 'Z':
			n = n*36 + int(c-'A') + 10
		case c == '_':
			d.pos++
			return n + 1
		default:
			d.bad = true
			return 0
		}
		d.pos++
		if n > 1<<20 {
			d.bad = true
		}
	}
}

// encoding: <function name> <bare-function-type> | <data name> | <special-name>
func (d *demangler) encoding(top bool) string {
	if !d.enter() {
		return ""
	}
	defer d.leave()
	if c := d.peek(); c == 'T' || c == 'G' {
		return d.specialName()
	}
	n := d.name()
	if end := d.peek(); end == 0 || end == 'E' || end == '.' {
		return n.text + n.quals
	}
	ret := cxxType{}
	if n.template && !n.special {
		ret = d.typ()
	}
	text := n.text + "(" + d.parameters() + ")" + n.quals
	if !top || !n.template || n.special {
		return d.built(plain(text)).pre
	}
	sep := " "
	if ret.kind == cxxFunction || ret.kind == cxxArray || strings.HasSuffix(ret.pre, "(*") || strings.HasSuffix(ret.pre, "(&") {
		sep = ""
	}
	return d.built(plain(ret.pre + sep + text + ret.post)).pre
}

// parameters: <type>+ up to the end of the function type
func (d *demangler) parameters() string {
	var types []cxxType
	for c := d.peek(); c != 0 && c != 'E' && c != '.'; c = d.peek() {
		if (c == 'R' || c == 'O') && d.peekAt(1) == 'E' {
			break // ref-qualifier of a function type
		}
		types = append(types, d.typ())
	}
	if len(types) == 1 && types[0].pre == "void" && types[0].kind == cxxPlain && types[0].post == "" {
		return ""
	}
	return d.built(plain(joinTypes(types))).pre
}

func joinTypes(types []cxxType) string {
	var b strings.Builder
	for _, t := range types {
		s := t.String()
		if s == "" && t.kind == cxxPack {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
		if b.Len() > 2*maxDemangled {
			break
		}
	}
	return b.String()
}

// specialName: vtables, typeinfo, thunks, guards
func (d *demangler) specialName() string {
	for _, s := range specialNames {
		if !d.eat(s.code) {
			continue
		}
		switch s.code {
		case "TV", "TT", "TI", "TS":
			return s.text + d.typ().String()
		case "Th":
			d.callOffset('h')
		case "Tv":
			d.callOffset('v')
		case "Tc":
			d.callOffset(d.next())
			d.callOffset(d.next())
		case "TC":
			return d.constructionVtable()
		case "GV", "TH", "TW":
			return s.text + d.name().text
		case "GR":
			text := s.text + d.name().text
			d.seq()
			return text
		}
		return s.text + d.encoding(false)
	}
	d.bad = true
	return ""
}

var specialNames = [...]struct{ code, text string }{
	{"TV", "vtable for "}, {"TT", "VTT for "}, {"TI", "typeinfo for "}, {"TS", "typeinfo name for "},
	{"Th", "non-virtual thunk to "}, {"Tv", "virtual thunk to "}, {"Tc", "covariant return thunk to "},
	{"TC", "construction vtable for "}, {"GV", "guard variable for "}, {"GR", "reference temporary for "},
	{"TH", "TLS init function for "}, {"TW", "TLS wrapper function for "}, {"GTt", "transaction clone for "},
}

func (d *demangler) next() byte {
	c := d.peek()
	if c == 0 {
		d.bad = true
		return 0
	}
	d.pos++
	return c
}

// callOffset: h <number> _ | v <number> _ <number> _
func (d *demangler) callOffset(kind byte) {
	numbers := 1
	if kind == 'v' {
		numbers = 2
	}
	for range numbers {
		d.eat("n")
		d.number()
		d.expect("_")
	}
}

func (d *demangler) constructionVtable() string {
	derived := d.typ().String()
	d.number()
	d.expect("_")
	return "construction vtable for " + d.typ().String() + "-in-" + derived
}

// A cxxName is the name of a function or variable.
type cxxName struct {
	text     string
	quals    string // " const" and the like, after the parameters
	template bool   // ends with template arguments
	special  bool   // constructor, destructor or conversion: has no return type
}

// name: <nested-name> | <unscoped-name> | <unscoped-template-name>
// <template-args> | <local-name>
func (d *demangler) name() cxxName {
	if !d.enter() {
		return cxxName{}
	}
	defer d.leave()
	switch d.peek() {
	case 'N':
		return d.nestedName()
	case 'Z':
		return d.localName()
	}
	var n cxxName
	known := false
	switch {
	case d.peek() == 'S' && d.peekAt(1) != 't':
		n.text, known = d.substitution().String(), true
		if d.peek() != 'I' {
			d.bad = true
		}
	case d.eat("St"):
		n = d.unqualified("std")
		n.text = "std::" + n.text
	default:
		n = d.unqualified("")
	}
	if d.peek() == 'I' {
		if !known {
			d.remember(plain(n.text))
		}
		n.text = d.withArgs(n.text)
		n.template = true
	}
	return n
}

// withArgs appends template arguments to a name.
func (d *demangler) withArgs(name string) string {
	d.args = d.templateArgs()
	if strings.HasSuffix(name, "<") { // operator<
		name += " "
	}
	return d.built(plain(name + angle(d.args))).pre
}

func angle(args []cxxType) string {
	s := joinTypes(args)
	// The GNU tools leave the space out before an empty pack.
	last := len(args) > 0 && args[len(args)-1].kind == cxxPack && len(args[len(args)-1].pack) == 0
	if strings.HasSuffix(s, ">") && !last {
		s += " "
	}
	return "<" + s + ">"
}

// nestedName: N [<CV-qualifiers>] [<ref-qualifier>] <prefix>+ E
func (d *demangler) nestedName() cxxName {
	d.expect("N")
	quals := d.cvQualifiers()
	if d.eat("R") {
		quals += " &"
	} else if d.eat("O") {
		quals += " &&"
	}
	n := cxxName{}
	for !d.bad && !d.eat("E") {
		if d.peek() == 0 {
			d.bad = true
			break
		}
		n = d.component(n)
		n.quals = quals
	}
	return n
}

// component appends the next part of a nested name to n.
func (d *demangler) component(n cxxName) cxxName {
	known := false // already a substitution candidate
	switch c := d.peek(); {
	case c == 'I':
		n = cxxName{text: d.withArgs(n.text), template: true, special: n.special}
	case c == 'S' && d.peekAt(1) == 't':
		d.pos += 2
		return cxxName{text: "std"}
	case c == 'S' && n.text == "":
		n, known = cxxName{text: d.prefixSubstitution()}, true
	case c == 'T' && n.text == "":
		n = cxxName{text: d.templateParam().String()}
	case c == 'D' && (d.peekAt(1) == 't' || d.peekAt(1) == 'T') && n.text == "":
		n, known = cxxName{text: d.typ().String()}, true
	case c == 'M': // a lambda in the initializer of the member just named
		d.pos++
		return n
	default:
		next := d.unqualified(n.text)
		if n.text != "" {
			next.text = n.text + "::" + next.text
		}
		n = next
	}
	if !known && d.peek() != 'E' {
		d.remember(plain(n.text))
	}
	return n
}

// prefixSubstitution is a substitution that a nested name continues: before a
// constructor the standard abbreviations are spelled out.
func (d *demangler) prefixSubstitution() string {
	if c := d.peekAt(2); c == 'C' || c == 'D' {
		if full, ok := fullStd[d.peekAt(1)]; ok {
			d.pos += 2
			return full
		}
	}
	return d.substitution().String()
}

// localName: Z <encoding> E (<name> | s | d [<number>] _ <name>) [<discriminator>]
func (d *demangler) localName() cxxName {
	d.expect("Z")
	saved := d.args
	outer := d.encoding(false)
	d.expect("E")
	if d.eat("s") {
		d.discriminator()
		return cxxName{text: outer + "::string literal"}
	}
	if d.eat("d") {
		n, ok := d.number()
		d.expect("_")
		if !ok {
			n = -1
		}
		outer += "::{default arg#" + itoa(n+2) + "}"
	}
	if d.peek() == 'U' {
		d.args = append(d.args[:len(d.args):len(d.args)], saved...)
	}
	n := d.name()
	d.discriminator()
	n.text = d.built(plain(outer + "::" + n.text)).pre
	return n
}

func (d *demangler) discriminator() {
	if !d.eat("_") {
		return
	}
	double := d.eat("_")
	d.number()
	if double {
		d.expect("_")
	}
}

// unqualified: <operator-name> | <ctor-dtor-name> | <source-name> |
// <unnamed-type-name> | DC <source-name>+ E, each with ABI tags
func (d *demangler) unqualified(prefix string) (n cxxName) {
	d.eat("L") // internal linkage
	switch c := d.peek(); {
	case c >= '0' && c <= '9':
		n.text = d.sourceName()
	case c == 'C' && (d.peekAt(1) >= '1' && d.peekAt(1) <= '5' || d.peekAt(1) == 'I'):
		if d.pos++; d.eat("I") {
			defer d.typ() // the class that the constructor is inherited from
		}
		d.next()
		n.text, n.special = baseName(prefix), true
		d.bad = d.bad || n.text == ""
	case c == 'D' && d.peekAt(1) >= '0' && d.peekAt(1) <= '5':
		d.pos += 2
		n.text, n.special = "~"+baseName(prefix), true
	case c == 'D' && d.peekAt(1) == 'C':
		n.text = d.structuredBinding()
	case c == 'U':
		n.text = d.unnamedType()
	case c >= 'a' && c <= 'z':
		n = d.operatorName()
	default:
		d.bad = true
	}
	for d.eat("B") {
		n.text += "[abi:" + d.sourceName() + "]"
	}
	return n
}

func (d *demangler) sourceName() string {
	n, ok := d.number()
	if !ok || n == 0 || d.bad || n > len(d.in)-d.pos {
		d.bad = true
		return ""
	}
	s := d.in[d.pos : d.pos+n]
	d.pos += n
	if strings.HasPrefix(s, "_GLOBAL_") && len(s) > 9 && s[9] == 'N' {
		return "(anonymous namespace)"
	}
	return s
}

func (d *demangler) structuredBinding() string {
	d.pos += 2
	var names []string
	for !d.bad && !d.eat("E") {
		names = append(names, d.sourceName())
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// unnamedType: Ut [<number>] _ | Ul <type>+ E [<number>] _
func (d *demangler) unnamedType() string {
	d.expect("U")
	if d.eat("t") {
		return d.remember(plain("{unnamed type#" + itoa(d.count()+1) + "}")).pre
	}
	d.expect("l")
	params := d.parameters()
	d.expect("E")
	return d.remember(plain("{lambda(" + params + ")#" + itoa(d.count()+1) + "}")).pre
}

// count: [<number>] _ ; "" is 0, "0" is 1
func (d *demangler) count() int {
	n, ok := d.number()
	d.expect("_")
	if !ok {
		return 0
	}
	return n + 1
}

// baseName returns the last component of a qualified name without its template
// arguments and tags: what a constructor is called.
func baseName(s string) string {
	depth, end := 0, len(s)
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case '>', ')', '}':
			depth++
		case '<', '(', '{':
			if depth--; depth == 0 && s[i] == '<' {
				end = i
			}
		case '[':
			if depth == 0 {
				end = i
			}
		case ':':
			if depth == 0 && i > 0 && s[i-1] == ':' && end == len(s) || depth == 0 && i > 0 && s[i-1] == ':' && !strings.HasPrefix(s[i:], ":cxx") {
				return s[i+1 : end]
			}
		}
	}
	return s[:end]
}

func itoa(n int) string { return strconv.Itoa(n) }
