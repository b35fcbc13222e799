package syntax

// The scanner is pulled by the parser, one token at a time, and never reports
// anything: literals are only delimited here and decoded when the parser
// consumes them, so that looking ahead costs nothing and says nothing.
// Attach points and C text are not made of these tokens; the parser takes
// their text raw from the current offset (modes of the language, not of the
// scanner).

// tokenKind is the class of a token.
type tokenKind uint8

const (
	tEOF tokenKind = iota
	tIdent
	tVar        // $name
	tPositional // $1
	tCount      // $#
	tMap        // @name or @
	tInt
	tString
	tOp  // operator or punctuation, told apart by its text
	tBad // a byte that starts no token, or a lone $
)

// token is a piece of text. Its text is src[start:end].
type token struct {
	kind       tokenKind
	start, end uint32
}

// operators lists the operators of more than one byte, longest first for each
// first byte.
var operators = map[byte][]string{
	'<': {"<<=", "<<", "<="},
	'>': {">>=", ">>", ">="},
	'=': {"=="},
	'!': {"!="},
	'&': {"&&", "&="},
	'|': {"||", "|="},
	'^': {"^="},
	'+': {"++", "+="},
	'-': {"--", "-=", "->"},
	'*': {"*="},
	'/': {"/="},
	'%': {"%="},
	'.': {".."},
}

const singleOps = "{}()[]<>=!&|^+-*/%~.,;:?#"

// scanner finds tokens in a text. It holds no state but the comments met.
type scanner struct {
	src      *Source
	text     string
	comments []Comment
	noted    uint32 // comments that start before this offset are in comments
}

// at returns the byte at pos, or 0 beyond the end.
func (s *scanner) at(pos uint32) byte {
	if int(pos) < len(s.text) {
		return s.text[pos]
	}
	return 0
}

// skipLayout returns the offset of the first byte at or after pos that is
// neither space nor comment.
func (s *scanner) skipLayout(pos uint32) uint32 {
	for int(pos) < len(s.text) {
		switch c := s.text[pos]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			pos++
		case c == '/' && (s.at(pos+1) == '/' || s.at(pos+1) == '*'):
			pos = s.commentEnd(pos)
		default:
			return pos
		}
	}
	return pos
}

// commentEnd returns the end of the comment that starts at pos. A line comment
// ends before its line end; a block comment that is not closed runs to the end.
func (s *scanner) commentEnd(pos uint32) uint32 {
	line := s.text[pos+1] == '/'
	for i := pos + 2; int(i) < len(s.text); i++ {
		if line && s.text[i] == '\n' {
			return i
		}
		if !line && s.text[i] == '*' && s.at(i+1) == '/' {
			return i + 2
		}
	}
	return uint32(len(s.text))
}

// noteComments records the comments between pos and end, which hold nothing
// but layout. Text that was noted before is not noted again.
func (s *scanner) noteComments(pos, end uint32) {
	for pos = max(pos, s.noted); pos < end; {
		if s.text[pos] != '/' {
			pos++
			continue
		}
		stop := s.commentEnd(pos)
		if s.text[pos+1] == '/' && s.text[stop-1] == '\r' {
			stop--
		}
		s.comments = append(s.comments, Comment{Span{s.src, pos, stop}})
		pos = stop
	}
	s.noted = max(s.noted, end)
}

// scan returns the first token at or after pos.
func (s *scanner) scan(pos uint32) token {
	start := s.skipLayout(pos)
	s.noteComments(pos, start)
	pos = start
	if int(pos) >= len(s.text) {
		return token{tEOF, pos, pos}
	}
	switch c := s.text[pos]; {
	case isIdentStart(c):
		return token{tIdent, pos, s.identEnd(pos)}
	case isDigit(c):
		return token{tInt, pos, s.intEnd(pos)}
	case c == '"':
		return token{tString, pos, s.stringEnd(pos)}
	case c == '@':
		return token{tMap, pos, s.sigilEnd(pos)}
	case c == '$':
		return s.scanDollar(pos)
	default:
		return s.scanOp(pos, c)
	}
}

func (s *scanner) scanDollar(pos uint32) token {
	switch c := s.at(pos + 1); {
	case c == '#':
		return token{tCount, pos, pos + 2}
	case isDigit(c):
		end := pos + 1
		for isDigit(s.at(end)) {
			end++
		}
		return token{tPositional, pos, end}
	case isIdentStart(c):
		return token{tVar, pos, s.identEnd(pos + 1)}
	}
	return token{tBad, pos, pos + 1}
}

func (s *scanner) scanOp(pos uint32, c byte) token {
	for _, op := range operators[c] {
		if len(s.text)-int(pos) >= len(op) && s.text[pos:int(pos)+len(op)] == op {
			return token{tOp, pos, pos + uint32(len(op))}
		}
	}
	for i := range len(singleOps) {
		if singleOps[i] == c {
			return token{tOp, pos, pos + 1}
		}
	}
	return token{tBad, pos, pos + 1}
}

func (s *scanner) identEnd(pos uint32) uint32 {
	for isIdentBody(s.at(pos)) {
		pos++
	}
	return pos
}

func (s *scanner) sigilEnd(pos uint32) uint32 {
	if isIdentStart(s.at(pos + 1)) {
		return s.identEnd(pos + 1)
	}
	return pos + 1
}

// intEnd delimits an integer literal together with whatever letters and digits
// cling to it, so that a bad suffix is one token and one error. A hexadecimal
// literal has no suffix and ends with its digits.
func (s *scanner) intEnd(pos uint32) uint32 {
	if s.text[pos] == '0' && s.at(pos+1)|0x20 == 'x' {
		for pos += 2; isHex(s.at(pos)) || s.at(pos) == '_'; {
			pos++
		}
		return pos
	}
	for isIdentBody(s.at(pos)) {
		pos++
	}
	return pos
}

// stringEnd returns the end of the string literal that starts at pos: after
// its closing quote, or at the line end or text end when it is not closed.
func (s *scanner) stringEnd(pos uint32) uint32 {
	for i := pos + 1; int(i) < len(s.text); i++ {
		switch s.text[i] {
		case '"':
			return i + 1
		case '\n':
			return i
		case '\\':
			i++
		}
	}
	return uint32(len(s.text))
}

// errorEnd returns the end of what upstream underlines for an unexpected text
// at pos: a word, a number, a sigil with its name, else one byte.
func (s *scanner) errorEnd(pos uint32) uint32 {
	switch c := s.at(pos); {
	case int(pos) >= len(s.text):
		return pos
	case isIdentStart(c):
		return s.identEnd(pos)
	case isDigit(c):
		for isIdentBody(s.at(pos)) && s.at(pos) != '_' || s.at(pos) == '.' {
			pos++
		}
		return pos
	case c == '@' || c == '$':
		return s.identEnd(pos + 1)
	}
	return pos + 1
}

func isDigit(c byte) bool      { return '0' <= c && c <= '9' }
func isIdentStart(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isIdentBody(c byte) bool  { return isIdentStart(c) || isDigit(c) }
func isHex(c byte) bool        { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isSpace(c byte) bool      { return c == ' ' || '\t' <= c && c <= '\r' }
