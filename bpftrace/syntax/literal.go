package syntax

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// intSuffix is what may follow the digits of an integer literal.
type intSuffix struct {
	max      uint64 // largest value of the type
	factor   uint64 // nanoseconds, for a duration
	duration bool
}

var intSuffixes = map[string]intSuffix{
	"":    {math.MaxUint64, 1, false},
	"u":   {math.MaxUint32, 1, false},
	"ul":  {math.MaxUint64, 1, false},
	"ull": {math.MaxUint64, 1, false},
	"l":   {math.MaxInt64, 1, false},
	"ll":  {math.MaxInt64, 1, false},
	"ns":  {math.MaxUint64, 1, true},
	"us":  {math.MaxUint64, 1_000, true},
	"ms":  {math.MaxUint64, 1_000_000, true},
	"s":   {math.MaxUint64, 1_000_000_000, true},
	"m":   {math.MaxUint64, 60_000_000_000, true},
	"h":   {math.MaxUint64, 3_600_000_000_000, true},
	"d":   {math.MaxUint64, 86_400_000_000_000, true},
}

// ParseUint converts num as upstream converts integer literals, parts of
// attach points and parameters: decimal, 0x, 0b or 0 prefix, '_' between
// digits, NeM with one digit N, and a C or duration suffix, which is returned
// (durations are converted to nanoseconds). A '-' before it wraps around. The
// error is in upstream's words.
func ParseUint(num string) (value uint64, suffix string, err error) {
	if rest, ok := strings.CutPrefix(num, "-"); ok && rest != "" && isDigit(rest[0]) {
		value, suffix, err = ParseUint(rest)
		return -value, suffix, err
	}
	digits := strings.ReplaceAll(num, "_", "")
	base, shown := 10, num
	if len(digits) >= 2 && digits[0] == '0' {
		switch c := digits[1]; {
		case c|0x20 == 'x':
			base, digits = 16, digits[2:]
		case c|0x20 == 'b':
			base, digits = 2, digits[2:]
		case '0' <= c && c <= '7':
			base, digits = 8, digits[1:]
		}
		if base != 10 {
			shown = digits
		}
	}
	return parseDigits(digits, shown, base)
}

func parseDigits(digits, shown string, base int) (uint64, string, error) {
	end := digitsEnd(digits, base)
	if end == 0 {
		return 0, "", fmt.Errorf("invalid integer: %s", shown)
	}
	value, err := strconv.ParseUint(digits[:end], base, 64)
	if err != nil {
		return 0, "", overflow(shown, math.MaxUint64)
	}
	rest := digits[end:]
	if len(rest) >= 2 && rest[0]|0x20 == 'e' && '1' <= rest[1] && rest[1] <= '9' {
		if value == 0 || value >= 10 {
			return 0, "", fmt.Errorf("coefficient part of scientific literal must be 1-9: %s", shown)
		}
		n := 1 + digitsEnd(rest[1:], 10)
		var ok bool
		if value, ok = timesTenTo(value, rest[1:n]); !ok {
			return 0, "", overflow(shown, math.MaxUint64)
		}
		rest = rest[n:]
	}
	s, ok := intSuffixes[rest]
	if !ok {
		return 0, "", fmt.Errorf("invalid trailing bytes: %s", shown)
	}
	if value > s.max/s.factor {
		return 0, "", overflow(shown, s.max)
	}
	return value * s.factor, rest, nil
}

func overflow(num string, limit uint64) error {
	return fmt.Errorf("overflow error, maximum value is %d: %s", limit, num)
}

func digitsEnd(s string, base int) int {
	for i := range len(s) {
		d := 99
		switch c := s[i]; {
		case isDigit(c):
			d = int(c - '0')
		case isHex(c):
			d = int(c|0x20-'a') + 10
		}
		if d >= base {
			return i
		}
	}
	return len(s)
}

// timesTenTo returns value * 10^exp, or false when that exceeds 64 bits.
func timesTenTo(value uint64, exp string) (uint64, bool) {
	n, err := strconv.Atoi(exp)
	if err != nil || n > 20 {
		return 0, false
	}
	for range n {
		if value > math.MaxUint64/10 {
			return 0, false
		}
		value *= 10
	}
	return value, true
}

// intLit consumes the integer literal at the current token. A literal that is
// wrong is reported and stands for 0.
func (p *parser) intLit() *IntLit {
	t := p.tok
	text := p.textOf(t)
	lit := text[:p.checkIntShape(t)]
	if len(lit) < len(text) && isDigit(text[len(lit)]) { // 1ms2 is 1ms and 2
		t.end = t.start + uint32(len(lit))
		p.tok, text = t, lit
	}
	value, suffix, err := ParseUint(lit)
	x := &IntLit{Text: text, Value: value}
	if err != nil {
		p.report(p.badInteger(Span{p.src, t.start, t.start + uint32(len(lit))}, err.Error()))
	}
	if intSuffixes[suffix].duration {
		x.Duration = suffix
	} else {
		x.Suffix = suffix
	}
	p.next()
	x.Pos = p.spanOf(t)
	return x
}

// checkIntShape reports misplaced '_' and letters that are no suffix, and
// returns the length of the literal without the latter.
func (p *parser) checkIntShape(t token) int {
	s := p.textOf(t)
	if len(s) > 1 && s[0] == '0' && s[1]|0x20 == 'x' {
		p.checkUnderscore(t, len(s))
		return len(s)
	}
	i := spanDigits(s, 0)
	p.checkUnderscore(t, i)
	if i < len(s) && s[i]|0x20 == 'e' {
		i = spanDigits(s, i+1)
		p.checkUnderscore(t, i)
	}
	i += suffixLen(s[i:])
	if i < len(s) && isIdentStart(s[i]) {
		d := p.badInteger(Span{p.src, t.start + uint32(i), t.end}, fmt.Sprintf("invalid integer suffix '%s'", s[i:]))
		p.report(d)
	}
	return i
}

func spanDigits(s string, i int) int {
	for i < len(s) && (isDigit(s[i]) || s[i] == '_') {
		i++
	}
	return i
}

// suffixLen returns how many bytes at the start of s have the shape of a
// suffix, whether or not the suffix exists.
func suffixLen(s string) int {
	if len(s) >= 2 && s[1] == 's' && strings.IndexByte("num", s[0]) >= 0 {
		return 2
	}
	if s == "" {
		return 0
	}
	n := 0
	switch s[0] {
	case 's', 'm', 'h', 'd':
		return 1
	case 'u', 'U':
		n = 1
	case 'l', 'L':
	default:
		return 0
	}
	for most := n + 2; n < most && n < len(s) && s[n]|0x20 == 'l'; {
		n++
	}
	return n
}

func (p *parser) checkUnderscore(t token, n int) {
	if n > 0 && p.text[t.start+uint32(n)-1] == '_' {
		at := Span{p.src, t.start + uint32(n) - 1, t.start + uint32(n)}
		d := p.badInteger(at, "trailing underscore in integer literal")
		d.Fixes = []Fix{{Message: "remove the underscore", Certain: true, Edits: []Edit{{at, ""}}}}
		p.report(d)
	}
}

func (p *parser) badInteger(at Span, msg string) Diagnostic {
	return Diagnostic{Code: CodeInvalidInteger, Span: at, Message: "syntax: " + msg, Why: whyInteger(msg)}
}

func whyInteger(msg string) string {
	switch {
	case strings.HasPrefix(msg, "coefficient"):
		return "NeM needs a single digit before the e: write 1e6, or write the number out."
	case strings.HasPrefix(msg, "overflow"):
		return "The value does not fit the type of the literal."
	}
	return "An integer is decimal, 0x... or 0..., with '_' between digits, and may end in u, l, ll, ul, ull or a duration: ns, us, ms, s, m, h, d. There are no fractions."
}

// stringLit consumes the string literal at the current token.
func (p *parser) stringLit() *StringLit {
	t := p.tok
	value := p.unquote(t)
	p.next()
	return &StringLit{exprNode: exprNode{node{p.spanOf(t)}}, Value: value}
}

// unquote returns the value of string token t and reports what is wrong in it.
// Escapes: \n \t \r \" \\ \ooo \xhh.
func (p *parser) unquote(t token) string {
	s := p.textOf(t)
	if len(s) < 2 || s[len(s)-1] != '"' || !closed(s) {
		p.unterminated(t)
		return s[1:]
	}
	body := s[1 : len(s)-1]
	if strings.IndexByte(body, '\\') < 0 {
		return body
	}
	var b strings.Builder
	for i := 0; i < len(body); {
		if body[i] != '\\' {
			b.WriteByte(body[i])
			i++
			continue
		}
		i += p.unescape(&b, body[i:], t.start+1+uint32(i))
	}
	return b.String()
}

// closed reports whether the last byte of the literal s is an unescaped quote.
func closed(s string) bool {
	i := 1
	for i < len(s)-1 {
		if s[i] == '\\' {
			i++
		}
		i++
	}
	return i == len(s)-1
}

var simpleEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '"': '"', '\\': '\\'}

// unescape decodes the escape at the start of s, which lies at offset pos, and
// returns its length.
func (p *parser) unescape(b *strings.Builder, s string, pos uint32) int {
	c := s[1]
	if r, ok := simpleEscapes[c]; ok {
		b.WriteByte(r)
		return 2
	}
	switch {
	case '0' <= c && c <= '7':
		n := 1 + digitsEnd(s[1:min(4, len(s))], 8)
		v, _ := strconv.ParseUint(s[1:n], 8, 16)
		if v > 255 {
			p.report(badEscape(Span{p.src, pos, pos + uint32(n)}, "octal escape sequence out of range '"+s[:n]+"'"))
		}
		b.WriteByte(byte(v))
		return n
	case c|0x20 == 'x':
		n := 2 + digitsEnd(s[2:min(4, len(s))], 16)
		if n == 2 {
			p.report(badEscape(p.unexpectedAt(pos+2), "invalid hex escape sequence"))
			return n
		}
		v, _ := strconv.ParseUint(s[2:n], 16, 8)
		b.WriteByte(byte(v))
		return n
	}
	d := badEscape(p.unexpectedAt(pos+1), "invalid escape character '\\"+s[1:2]+"'")
	d.Fixes = []Fix{{Message: "double the backslash", Edits: []Edit{{Span{p.src, pos, pos}, "\\"}}}}
	p.report(d)
	return 2
}

func badEscape(at Span, msg string) Diagnostic {
	return Diagnostic{
		Code: CodeInvalidEscape, Span: at, Message: "syntax: " + msg,
		Why: `Strings know \n \t \r \" \\, octal \0 to \377, and \xhh.`,
	}
}

// unterminated reports string token t, which has no closing quote on its line.
func (p *parser) unterminated(t token) {
	p.report(Diagnostic{
		Code:    CodeUnterminatedString,
		Span:    p.unexpectedAt(t.end),
		Message: "syntax: unterminated string",
		Why:     `A string ends on the line on which it begins; write \n for a line end.`,
		Notes:   []Note{{Span{p.src, t.start, t.start + 1}, "the string begins here"}},
		Fixes:   p.closeQuote(t),
	})
}

// closeQuote puts the quote before what trails the string on its line and
// rather belongs to the program: ) ; }
func (p *parser) closeQuote(t token) []Fix {
	end := t.end
	for end > t.start+1 && strings.IndexByte(" \t\r);}", p.text[end-1]) >= 0 {
		end--
	}
	return []Fix{{Message: "close the string", Edits: []Edit{{Span{p.src, end, end}, `"`}}}}
}
