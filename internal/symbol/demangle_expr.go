package symbol

import "strings"

// An operator of the mangling: how many operands it takes in an expression, 0
// when it has a form of its own.
type cxxOperator struct {
	text     string
	operands int
}

var cxxOperators = map[string]cxxOperator{
	"nw": {"new", 0}, "na": {"new[]", 0}, "dl": {"delete", 1}, "da": {"delete[]", 1},
	"ps": {"+", 1}, "ng": {"-", 1}, "ad": {"&", 1}, "de": {"*", 1}, "co": {"~", 1},
	"pl": {"+", 2}, "mi": {"-", 2}, "ml": {"*", 2}, "dv": {"/", 2}, "rm": {"%", 2},
	"an": {"&", 2}, "or": {"|", 2}, "eo": {"^", 2}, "aS": {"=", 2}, "pL": {"+=", 2},
	"mI": {"-=", 2}, "mL": {"*=", 2}, "dV": {"/=", 2}, "rM": {"%=", 2}, "aN": {"&=", 2},
	"oR": {"|=", 2}, "eO": {"^=", 2}, "ls": {"<<", 2}, "rs": {">>", 2}, "lS": {"<<=", 2},
	"rS": {">>=", 2}, "eq": {"==", 2}, "ne": {"!=", 2}, "lt": {"<", 2}, "gt": {">", 2},
	"le": {"<=", 2}, "ge": {">=", 2}, "ss": {"<=>", 2}, "nt": {"!", 1}, "aa": {"&&", 2},
	"oo": {"||", 2}, "pp": {"++", 1}, "mm": {"--", 1}, "cm": {",", 2}, "pm": {"->*", 2},
	"pt": {"->", 2}, "dt": {".", 2}, "cl": {"()", 0}, "ix": {"[]", 2}, "qu": {"?", 3},
	"aw": {"co_await ", 1},
}

// operatorName: <operator> | cv <type> | li <source-name>
func (d *demangler) operatorName() cxxName {
	if d.eat("cv") {
		saved := d.args
		t := d.typ()
		if d.peek() != 'I' {
			d.args = saved
		}
		return cxxName{text: "operator " + t.String(), special: true}
	}
	if d.eat("li") {
		return cxxName{text: `operator"" ` + d.sourceName()}
	}
	op, ok := d.operator()
	if !ok {
		d.bad = true
		return cxxName{}
	}
	if c := op.text[0]; c >= 'a' && c <= 'z' {
		return cxxName{text: "operator " + strings.TrimSpace(op.text)}
	}
	return cxxName{text: "operator" + op.text}
}

func (d *demangler) operator() (cxxOperator, bool) {
	if d.bad || len(d.in)-d.pos < 2 {
		return cxxOperator{}, false
	}
	op, ok := cxxOperators[d.in[d.pos:d.pos+2]]
	if ok {
		d.pos += 2
	}
	return op, ok
}

// expression: <expression>, the forms that occur in the names of functions
func (d *demangler) expression() string {
	if !d.enter() {
		return ""
	}
	defer d.leave()
	switch c := d.peek(); {
	case c == 'L':
		return d.literal()
	case c == 'T':
		return d.templateParam().String()
	case c == 'f' && (d.peekAt(1) == 'p' || d.peekAt(1) == 'L'):
		return d.functionParam()
	case c >= '0' && c <= '9':
		return d.nameExpression()
	}
	if s, ok := d.keywordExpression(); ok {
		return d.built(plain(s)).pre
	}
	op, ok := d.operator()
	if !ok || op.operands == 0 {
		d.bad = true
		return ""
	}
	return d.built(plain(d.operation(op))).pre
}

func (d *demangler) operation(op cxxOperator) string {
	switch op.operands {
	case 1:
		if op.text == "++" || op.text == "--" {
			d.eat("_")
		}
		switch form := d.in[d.pos:min(d.pos+2, len(d.in))]; form {
		case "L_": // the address of a function
			if e := d.expression(); strings.Contains(withoutParameters(e), "::") {
				return op.text + withoutParameters(e)
			} else {
				return op.text + parenthesized(e)
			}
		case "sr":
			return op.text + d.expression()
		}
		return op.text + parenthesized(d.expression())
	case 3:
		return parenthesized(d.expression()) + "?" + parenthesized(d.expression()) + " : " + parenthesized(d.expression())
	}
	left, right := d.expression(), d.expression()
	switch op.text {
	case "[]":
		return parenthesized(left) + "[" + right + "]"
	case ".", "->":
		return parenthesized(left) + op.text + right
	case ">":
		return "(" + parenthesized(left) + op.text + parenthesized(right) + ")"
	}
	return parenthesized(left) + op.text + parenthesized(right)
}

// parenthesized puts anything but a plain name in parentheses.
func parenthesized(s string) string {
	if strings.HasPrefix(s, "{parm#") {
		return s
	}
	return "(" + s + ")"
}

// functionParam: fp [<CV>] _ | fp <number> _ | fL <level> p ... | fpT
func (d *demangler) functionParam() string {
	d.pos++
	if d.eat("L") {
		d.number()
	}
	d.expect("p")
	if d.eat("T") {
		return "this"
	}
	d.cvQualifiers()
	return "{parm#" + itoa(d.count()+1) + "}"
}

func (d *demangler) nameExpression() string {
	s := d.unqualified("").text
	if d.peek() == 'I' {
		s += angle(d.templateArgs())
	}
	return s
}

// list reads operands up to E.
func (d *demangler) list() string {
	var list []cxxType
	for !d.bad && !d.eat("E") {
		if d.peek() == 0 {
			d.bad = true
			break
		}
		list = append(list, plain(d.expression()))
	}
	return joinTypes(list)
}

// keywordExpression reads the expressions that are no operators.
func (d *demangler) keywordExpression() (string, bool) {
	switch {
	case d.eat("cl"):
		f := d.expression()
		return calleeText(f) + "(" + d.list() + ")", true
	case d.eat("cv"):
		t := d.typ().String()
		if d.eat("_") {
			return "(" + t + ")(" + d.list() + ")", true
		}
		return "(" + t + ")" + parenthesized(d.expression()), true
	case d.eat("tl"):
		return d.typ().String() + "{" + d.list() + "}", true
	case d.eat("il"):
		return "{" + d.list() + "}", true
	case d.eat("st"):
		return "sizeof (" + d.typ().String() + ")", true
	case d.eat("sz"):
		return "sizeof " + parenthesized(d.expression()), true
	case d.eat("at"):
		return "alignof (" + d.typ().String() + ")", true
	case d.eat("az"):
		return "alignof " + parenthesized(d.expression()), true
	case d.eat("nx"):
		return "noexcept" + parenthesized(d.expression()), true
	case d.eat("sZ"):
		if d.peek() == 'T' {
			return itoa(len(d.templateParam().pack)), true
		}
		return "sizeof..." + parenthesized(d.expression()), true
	case d.eat("tr"):
		return "throw", true
	case d.eat("tw"):
		return "throw " + d.expression(), true
	}
	return d.nameOrCast()
}

// nameOrCast reads qualified names, casts and pack expansions.
func (d *demangler) nameOrCast() (string, bool) {
	switch {
	case d.eat("sp"):
		return d.expression(), true
	case d.eat("gs"):
		return "::" + d.expression(), true
	case d.eat("dc"):
		return d.cast("dynamic_cast"), true
	case d.eat("sc"):
		return d.cast("static_cast"), true
	case d.eat("cc"):
		return d.cast("const_cast"), true
	case d.eat("rc"):
		return d.cast("reinterpret_cast"), true
	case d.eat("on"):
		s := d.operatorName().text
		if d.peek() == 'I' {
			s += angle(d.templateArgs())
		}
		return s, true
	case d.eat("srN"):
		s := d.typ().String()
		for !d.bad && !d.eat("E") {
			s += "::" + d.nameExpression()
		}
		return s + "::" + d.nameExpression(), true
	case d.eat("sr"):
		if c := d.peek(); c >= '0' && c <= '9' {
			s := ""
			for !d.bad && !d.eat("E") {
				s += d.nameExpression() + "::"
			}
			return s + d.nameExpression(), true
		}
		return d.typ().String() + "::" + d.nameExpression(), true
	}
	return "", false
}

func (d *demangler) cast(name string) string {
	t := d.typ().String()
	return name + "<" + t + ">" + parenthesized(d.expression())
}

func calleeText(f string) string {
	if strings.ContainsAny(f, " (") {
		return parenthesized(f)
	}
	return f
}

// literal: L <type> <value> E | L <mangled-name> E
func (d *demangler) literal() string {
	d.expect("L")
	if d.eat("_Z") || d.eat("Z") {
		saved := d.args
		s := d.encoding(false)
		d.args = saved
		d.expect("E")
		return s
	}
	code := d.peek()
	t := d.typ().String()
	start := d.pos
	for c := d.peek(); c != 'E'; c = d.peek() {
		if c == 0 {
			d.bad = true
			return ""
		}
		d.pos++
	}
	value := d.in[start:d.pos]
	d.pos++
	if rest, ok := strings.CutPrefix(value, "n"); ok {
		value = "-" + rest
	}
	return literalText(code, t, value)
}

func literalText(code byte, typ, value string) string {
	switch code {
	case 'b':
		switch value {
		case "0":
			return "false"
		case "1":
			return "true"
		}
	case 'i':
		return value
	case 'j':
		return value + "u"
	case 'l':
		return value + "l"
	case 'm':
		return value + "ul"
	case 'x':
		return value + "ll"
	case 'y':
		return value + "ull"
	}
	return "(" + typ + ")" + value
}
