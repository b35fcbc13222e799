package output

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// node is a JSON value as bpftrace writes it: members in order, doubled names
// kept, numbers as text.
type node struct {
	kind    byte // '{', '[', '"', '0' (number), 't' (true, false), 'n' (null)
	text    string
	names   []string
	list    []node
	escaped bool // text held an escape that makes bpftrace 0.24 to 0.27 write hexadecimal numbers
}

// maxDepth bounds the nesting of values.
const maxDepth = 100

var errSyntax = errors.New("not JSON as bpftrace writes it")

// jsonParser reads one line. It accepts what bpftrace prints in error: escapes
// of eight digits for bytes from 0x80 up, numbers in hexadecimal, and before
// 0.24 text without quotes.
type jsonParser struct {
	s string
	i int
}

func parseJSON(line string) (node, error) {
	p := &jsonParser{s: line}
	n, err := p.value(0, false)
	if err != nil {
		return node{}, err
	}
	if p.space(); p.i < len(p.s) {
		return node{}, errSyntax
	}
	return n, nil
}

func (p *jsonParser) space() {
	for p.i < len(p.s) && (p.s[p.i] == ' ' || p.s[p.i] == '\t' || p.s[p.i] == '\r' || p.s[p.i] == '\n') {
		p.i++
	}
}

// eat skips spaces and reports whether c follows, which it then skips too.
func (p *jsonParser) eat(c byte) bool {
	p.space()
	if p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *jsonParser) value(depth int, inArray bool) (node, error) {
	switch {
	case depth > maxDepth:
		return node{}, errSyntax
	case p.eat('{'):
		return p.object(depth)
	case p.eat('['):
		return p.array(depth)
	case p.eat('"'):
		return p.text()
	}
	return p.word(inArray)
}

func (p *jsonParser) object(depth int) (node, error) {
	n := node{kind: '{'}
	if p.eat('}') {
		return n, nil
	}
	for {
		if !p.eat('"') {
			return n, errSyntax
		}
		name, err := p.text()
		if err != nil || !p.eat(':') {
			return n, errSyntax
		}
		member, err := p.value(depth+1, false)
		if err != nil {
			return n, err
		}
		n.names = append(n.names, name.text)
		n.list = append(n.list, member)
		n.escaped = n.escaped || name.escaped || member.escaped
		if p.eat('}') {
			return n, nil
		}
		if !p.eat(',') {
			return n, errSyntax
		}
	}
}

func (p *jsonParser) array(depth int) (node, error) {
	n := node{kind: '['}
	if p.eat(']') {
		return n, nil
	}
	for {
		elem, err := p.value(depth+1, true)
		if err != nil {
			return n, err
		}
		n.list = append(n.list, elem)
		n.escaped = n.escaped || elem.escaped
		if p.eat(']') {
			return n, nil
		}
		if !p.eat(',') {
			return n, errSyntax
		}
	}
}

// word reads a number or a name, or text without quotes.
func (p *jsonParser) word(inArray bool) (node, error) {
	start := p.i
	for p.i < len(p.s) && isWordByte(p.s[p.i]) {
		p.i++
	}
	word := p.s[start:p.i]
	if p.space(); p.i >= len(p.s) || strings.IndexByte(",]}", p.s[p.i]) < 0 || !isWord(word) {
		p.i = start
		return p.bareText(inArray)
	}
	switch word {
	case "true", "false":
		return node{kind: 't', text: word}, nil
	case "null":
		return node{kind: 'n'}, nil
	}
	return node{kind: '0', text: word}, nil
}

func isWord(s string) bool {
	if s == "true" || s == "false" || s == "null" {
		return true
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "0x")
	return digits != "" && strings.Trim(digits, "0123456789abcdef") == ""
}

// bareText reads up to what can follow a value: in an object, that is the next
// member.
func (p *jsonParser) bareText(inArray bool) (node, error) {
	next := `, "`
	if inArray {
		next = ","
	}
	rest := p.s[p.i:]
	end := strings.IndexAny(rest, "]}")
	if end < 0 {
		return node{}, errSyntax
	}
	if comma := strings.Index(rest[:end], next); comma >= 0 {
		end = comma
	}
	if end == 0 {
		return node{}, errSyntax
	}
	p.i += end
	return node{kind: '"', text: rest[:end]}, nil
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

// text reads a string after its opening quote.
func (p *jsonParser) text() (node, error) {
	n := node{kind: '"'}
	var buf []byte
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; c {
		case '"':
			n.text = p.s[start:p.i]
			if buf != nil {
				n.text = string(append(buf, n.text...))
			}
			p.i++
			return n, nil
		case '\\':
			buf = append(buf, p.s[start:p.i]...)
			p.i++
			var err error
			if buf, err = p.escape(buf, &n); err != nil {
				return n, err
			}
			start = p.i
		default:
			p.i++
		}
	}
	return n, errSyntax
}

// escape reads an escape after its backslash.
func (p *jsonParser) escape(buf []byte, n *node) ([]byte, error) {
	if p.i >= len(p.s) {
		return nil, errSyntax
	}
	c := p.s[p.i]
	p.i++
	switch c {
	case '"', '\\', '/':
		return append(buf, c), nil
	case 'n':
		return append(buf, '\n'), nil
	case 'r':
		return append(buf, '\r'), nil
	case 't':
		return append(buf, '\t'), nil
	case 'b':
		return append(buf, '\b'), nil
	case 'f':
		return append(buf, '\f'), nil
	case 'u':
		return p.unicode(buf, n)
	}
	return nil, errSyntax
}

// unicode reads the digits of \u. Eight digits that begin with ffffff stand for
// one byte.
func (p *jsonParser) unicode(buf []byte, n *node) ([]byte, error) {
	const signed = "ffffff"
	if len(p.s)-p.i >= 8 && p.s[p.i:p.i+len(signed)] == signed {
		if b, err := strconv.ParseUint(p.s[p.i+6:p.i+8], 16, 8); err == nil && b >= 0x80 {
			n.escaped = true
			p.i += 8
			return append(buf, byte(b)), nil
		}
	}
	r, err := p.codeUnit()
	if err != nil {
		return nil, err
	}
	if r < ' ' {
		n.escaped = true
	}
	if utf16.IsSurrogate(r) && len(p.s)-p.i >= 6 && p.s[p.i:p.i+2] == `\u` {
		p.i += 2
		low, err := p.codeUnit()
		if err != nil {
			return nil, err
		}
		r = utf16.DecodeRune(r, low)
	}
	return utf8.AppendRune(buf, r), nil
}

func (p *jsonParser) codeUnit() (rune, error) {
	if len(p.s)-p.i < 4 {
		return 0, errSyntax
	}
	u, err := strconv.ParseUint(p.s[p.i:p.i+4], 16, 16)
	if err != nil {
		return 0, errSyntax
	}
	p.i += 4
	return rune(u), nil
}

// get returns a member of an object, the first of that name.
func (n *node) get(name string) *node {
	for i, have := range n.names {
		if have == name {
			return &n.list[i]
		}
	}
	return nil
}

// str returns a member's text, "" if it is not a string.
func (n *node) str(name string) string {
	if m := n.get(name); m != nil && m.kind == '"' {
		return m.text
	}
	return ""
}

// int returns a member that is a number, or a string holding one; otherwise 0.
func (n *node) int(name string) int64 {
	m := n.get(name)
	if m == nil || m.kind != '0' && m.kind != '"' {
		return 0
	}
	v, err := strconv.ParseInt(m.text, 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// uint is int for numbers that may be large; base is 16 where bpftrace wrote
// the number after an escape.
func (n *node) uint(name string, base int) uint64 {
	m := n.get(name)
	if m == nil || m.kind != '0' && m.kind != '"' {
		return 0
	}
	if v, err := strconv.ParseUint(m.text, base, 64); err == nil {
		return v
	}
	v, err := strconv.ParseUint(m.text, 16, 64)
	if err != nil {
		return 0
	}
	return v
}

func (n *node) bool(name string) bool {
	m := n.get(name)
	return m != nil && m.text == "true"
}
