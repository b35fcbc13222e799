package syntax

import (
	"math"
	"strings"
)

// parseType reads a type where nothing else may stand.
//
//	type = typeof | ( ident | ("struct" | "union" | "enum") ident ) { "*" | "[" [ integer ] "]" } .
func (p *parser) parseType() TypeExpr {
	if p.isWord("typeof") {
		return p.parseTypeof()
	}
	if p.tok.kind != tIdent {
		p.failWhat("type name", "A type is a name such as uint64, string or struct task_struct, with '*' or [n] after it.")
	}
	t := &NamedType{}
	t.Pos = p.spanOf(p.tok)
	if tag := p.textOf(p.tok); isTag(tag) {
		p.next()
		t.Tag = tag
		t.Name = p.ident("identifier").Name
	} else {
		p.next()
		t.Name = tag
	}
	t.Pos = p.since(t.Pos.Start)
	return p.parseTypeSuffix(t)
}

func (p *parser) parseTypeSuffix(t TypeExpr) TypeExpr {
	start := t.Span().Start
	for n := 0; ; n++ {
		if n > maxDepth {
			p.tooDeep(maxDepth, "levels of nesting")
		}
		switch {
		case p.is("*"), p.is("*="):
			p.split()
			p.next()
			t = &PointerType{typeNode{node{p.since(start)}}, t}
		case p.is("["):
			p.next()
			a := &ArrayType{Elem: t, Len: -1}
			if p.tok.kind == tInt {
				a.Len = int(min(p.intLit().Value, math.MaxInt32))
			}
			p.expect("]")
			a.Pos = p.since(start)
			t = a
		default:
			return t
		}
	}
}

// typeof = "typeof" "(" ( type | expr ) ")" .
func (p *parser) parseTypeof() *Typeof {
	p.enter()
	defer p.leave()
	start := p.tok.start
	p.next()
	t := &Typeof{}
	p.expect("(")
	t.Type, t.X = p.parseTypeOrExpr()
	p.expect(")")
	t.Pos = p.since(start)
	return t
}

// parseTypeOrExpr reads the operand of sizeof and its like: a type when it can
// only be one, that is a known name, a tag with a name, or a name with '*' or
// [n] before the ')' or ','. Any other name is an expression, since it may be
// a macro or an enum constant.
func (p *parser) parseTypeOrExpr() (TypeExpr, Expr) {
	if p.isWord("typeof") {
		return p.parseTypeof(), nil
	}
	if p.tok.kind == tIdent && !IsBuiltinWord(p.textOf(p.tok)) {
		end, suffix := p.typeEnd(p.tok)
		word := p.textOf(p.tok)
		if end != 0 && (p.at(end) == ')' || p.at(end) == ',') && (suffix || isTag(word) || IsTypeName(word)) {
			return p.parseType(), nil
		}
	}
	return nil, p.parseExpr()
}

// typeEnd returns the offset of what follows the type that begins at t, and
// whether the type has a '*' or [n]; or 0 when t begins no type. It looks at a
// bounded number of tokens for each '*' and [n], never inside brackets.
func (p *parser) typeEnd(t token) (end uint32, suffix bool) {
	pos := p.skipLayout(t.end)
	if isTag(p.textOf(t)) {
		if !isIdentStart(p.at(pos)) {
			return 0, false
		}
		pos = p.skipLayout(p.identEnd(pos))
	}
	for {
		switch p.at(pos) {
		case '*':
			pos = p.skipLayout(pos + 1)
		case '[':
			pos = p.skipLayout(pos + 1)
			if isDigit(p.at(pos)) {
				pos = p.skipLayout(p.intEnd(pos))
			}
			if p.at(pos) != ']' {
				return 0, false
			}
			pos = p.skipLayout(pos + 1)
		default:
			return pos, suffix
		}
		suffix = true
	}
}

func isTag(w string) bool { return w == "struct" || w == "union" || w == "enum" }

// typeNames are the names of types that the language itself has.
var typeNames = map[string]bool{
	"bool": true, "void": true, "string": true, "buffer": true, "inet": true, "timestamp": true,
	"int8": true, "int16": true, "int32": true, "int64": true,
	"uint8": true, "uint16": true, "uint32": true, "uint64": true,
	"macaddr_t": true, "cgroup_path_t": true, "ksym_t": true, "usym_t": true, "username": true,
	"min_t": true, "max_t": true, "sum_t": true, "avg_t": true, "count_t": true, "stats_t": true, "hist_t": true, "lhist_t": true,
	"umin_t": true, "umax_t": true, "usum_t": true, "uavg_t": true, "ustats_t": true,
}

// IsTypeName reports whether name is a type that the language itself has, such
// as uint64 or string.
func IsTypeName(name string) bool { return typeNames[name] }

var builtinWords = map[string]bool{
	"args": true, "ctx": true, "kstack": true, "nsecs": true, "pid": true, "tid": true, "ustack": true,
	"__builtin_cgroup": true, "__builtin_comm": true, "__builtin_cpid": true, "__builtin_cpu": true,
	"__builtin_curtask": true, "__builtin_dw_ustack": true, "__builtin_elapsed": true, "__builtin_func": true,
	"__builtin_gid": true, "__builtin_jiffies": true, "__builtin_ncpus": true, "__builtin_probe": true,
	"__builtin_rand": true, "__builtin_retval": true, "__builtin_uid": true, "__builtin_usermode": true,
	"__builtin_username": true,
}

// IsBuiltinWord reports whether name is one of the words that the grammar
// itself knows as builtins, so that they cannot name a type, a parameter of a
// macro or a field of a record: args, ctx, kstack, nsecs, pid, tid, ustack,
// argN, sargN and some that begin with __builtin_.
func IsBuiltinWord(name string) bool {
	if builtinWords[name] {
		return true
	}
	n, ok := strings.CutPrefix(strings.TrimPrefix(name, "s"), "arg")
	return ok && n != "" && digitsEnd(n, 10) == len(n)
}
