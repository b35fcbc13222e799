package symbol

import "strings"

// typ: <type>
func (d *demangler) typ() cxxType {
	if !d.enter() {
		return cxxType{}
	}
	defer d.leave()
	c := d.peek()
	if text, ok := builtinTypes[c]; ok {
		d.pos++
		return plain(text)
	}
	switch c {
	case 'r', 'V', 'K':
		quals := d.cvQualifiers()
		return d.remember(qualified(d.typ(), quals))
	case 'P', 'R', 'O':
		d.pos++
		return d.remember(pointer(d.typ(), c))
	case 'C', 'G':
		d.pos++
		return d.remember(suffixed(d.typ(), map[byte]string{'C': " _Complex", 'G': " _Imaginary"}[c]))
	case 'F':
		return d.remember(d.functionType())
	case 'A':
		return d.remember(d.arrayType())
	case 'M':
		return d.remember(d.memberPointer())
	case 'T':
		return d.templateParamType()
	case 'D':
		return d.extendedType()
	case 'U', 'u':
		return d.vendorType()
	case 'S':
		return d.substitutedType()
	}
	return d.classType()
}

// classType: <class-enum-type>, whose template arguments are its own
func (d *demangler) classType() cxxType {
	saved := d.args
	n := d.name()
	d.args = saved
	return d.remember(plain(n.text + n.quals))
}

// substitutedType: a substitution, alone or as a template or namespace
func (d *demangler) substitutedType() cxxType {
	if d.peekAt(1) == 't' {
		return d.classType()
	}
	t := d.substitution()
	if d.peek() == 'I' {
		saved := d.args
		t = plain(d.withArgs(t.String()))
		d.args = saved
		return d.remember(t)
	}
	return t
}

// templateParamType: <template-param> [<template-args>]
func (d *demangler) templateParamType() cxxType {
	t := d.templateParam()
	d.remember(t)
	if d.peek() == 'I' {
		saved := d.args
		t = plain(d.withArgs(t.String()))
		d.args = saved
		return d.remember(t)
	}
	return t
}

// cvQualifiers: [r] [V] [K]
func (d *demangler) cvQualifiers() (quals string) {
	var restrict, volatile, constant bool
	restrict, volatile, constant = d.eat("r"), d.eat("V"), d.eat("K")
	if constant {
		quals += " const"
	}
	if volatile {
		quals += " volatile"
	}
	if restrict {
		quals += " __restrict"
	}
	return quals
}

func qualified(t cxxType, quals string) cxxType {
	switch t.kind {
	case cxxFunction:
		t.post += quals
		return t
	case cxxArray: // qualifies the elements
		t.pre += quals
		return t
	case cxxPack:
		return t.each(func(e cxxType) cxxType { return qualified(e, quals) })
	}
	return suffixed(t, quals)
}

// each applies fn to the elements of an argument pack.
func (t cxxType) each(fn func(cxxType) cxxType) cxxType {
	pack := make([]cxxType, len(t.pack))
	for i, e := range t.pack {
		pack[i] = fn(e)
	}
	return cxxType{kind: cxxPack, pack: pack}
}

func suffixed(t cxxType, s string) cxxType {
	t.pre += s
	t.kind = cxxPlain
	return t
}

// pointer adds *, & or && to what t declares.
func pointer(t cxxType, code byte) cxxType {
	mark, kind := "*", cxxPlain
	switch code {
	case 'R':
		mark, kind = "&", cxxLRef
	case 'O':
		mark, kind = "&&", cxxRRef
	}
	// References collapse: & wins.
	switch {
	case kind != cxxPlain && t.kind == cxxLRef, kind == cxxRRef && t.kind == cxxRRef:
		return t
	case kind == cxxLRef && t.kind == cxxRRef:
		t.pre = strings.TrimSuffix(t.pre, "&&") + "&"
		t.kind = cxxLRef
		return t
	case t.kind == cxxPack:
		return t.each(func(e cxxType) cxxType { return pointer(e, code) })
	}
	return declarator(t, mark, kind)
}

// declarator puts mark where the name of something of type t would go.
func declarator(t cxxType, mark string, kind cxxKind) cxxType {
	if t.kind == cxxFunction || t.kind == cxxArray {
		if !strings.HasSuffix(t.pre, " ") {
			t.pre += " "
		}
		return cxxType{pre: t.pre + "(" + mark, post: ")" + t.post, kind: kind}
	}
	return cxxType{pre: t.pre + mark, post: t.post, kind: kind}
}

// functionType: [Do] F [Y] <return type> <type>* [<ref-qualifier>] E
func (d *demangler) functionType() cxxType {
	d.expect("F")
	d.eat("Y")
	ret := d.typ()
	post := "(" + d.parameters() + ")"
	if d.eat("R") {
		post += " &"
	} else if d.eat("O") {
		post += " &&"
	}
	d.expect("E")
	return cxxType{pre: ret.pre + " ", post: post + ret.post, kind: cxxFunction}
}

// arrayType: A [<number> | <expression>] _ <type>
func (d *demangler) arrayType() cxxType {
	d.expect("A")
	size := ""
	if n, ok := d.number(); ok {
		size = itoa(n)
	} else if d.peek() != '_' {
		size = d.expression()
	}
	d.expect("_")
	t := d.typ()
	if t.kind == cxxArray {
		return cxxType{pre: t.pre, post: " [" + size + "]" + strings.TrimPrefix(t.post, " "), kind: cxxArray}
	}
	return cxxType{pre: t.pre, post: " [" + size + "]" + t.post, kind: cxxArray}
}

// memberPointer: M <class type> <member type>
func (d *demangler) memberPointer() cxxType {
	d.expect("M")
	class := d.typ().String()
	member := d.typ()
	mark := class + "::*"
	if member.kind != cxxFunction && member.kind != cxxArray {
		mark = " " + mark
	}
	return declarator(member, mark, cxxPlain)
}

// templateParam: T_ | T <number> _
func (d *demangler) templateParam() cxxType {
	d.expect("T")
	n := d.seqDecimal()
	if n < len(d.args) {
		return d.args[n]
	}
	if d.depth > 0 && n < 1<<10 { // of a generic lambda, or a forward reference
		return plain("auto:" + itoa(n+1))
	}
	d.bad = true
	return cxxType{}
}

func (d *demangler) seqDecimal() int {
	n, ok := d.number()
	d.expect("_")
	if !ok {
		return 0
	}
	return n + 1
}

// templateArgs: I <template-arg>* E
func (d *demangler) templateArgs() []cxxType {
	d.expect("I")
	var args []cxxType
	for !d.bad && !d.eat("E") {
		args = append(args, d.templateArg())
	}
	return args
}

// templateArg: <type> | X <expression> E | <expr-primary> | J <template-arg>* E
func (d *demangler) templateArg() cxxType {
	if !d.enter() {
		return cxxType{}
	}
	defer d.leave()
	switch d.peek() {
	case 'L':
		return plain(d.literal())
	case 'X':
		d.pos++
		e := d.expression()
		d.expect("E")
		return plain(e)
	case 'J':
		d.pos++
		pack := cxxType{kind: cxxPack}
		for !d.bad && !d.eat("E") {
			pack.pack = append(pack.pack, d.templateArg())
		}
		return pack
	case 0:
		d.bad = true
		return cxxType{}
	}
	saved := d.args
	t := d.typ()
	d.args = saved
	return t
}

// extendedType: types that begin with D
func (d *demangler) extendedType() cxxType {
	c := d.peekAt(1)
	if text, ok := builtinDTypes[c]; ok {
		d.pos += 2
		return plain(text)
	}
	switch c {
	case 'p': // pack expansion
		d.pos += 2
		return d.remember(d.typ())
	case 't', 'T': // decltype
		d.pos += 2
		e := d.expression()
		d.expect("E")
		return d.remember(plain("decltype (" + e + ")"))
	case 'o': // noexcept function
		d.pos += 2
		t := d.functionType()
		t.post += " noexcept"
		return d.remember(t)
	case 'F': // _FloatN
		d.pos += 2
		n, _ := d.number()
		if d.eat("b") {
			return plain("std::bfloat16_t")
		}
		x := d.eat("x")
		d.eat("_")
		if x {
			return plain("_Float" + itoa(n) + "x")
		}
		return plain("_Float" + itoa(n))
	case 'v': // vector
		d.pos += 2
		n, _ := d.number()
		d.expect("_")
		t := d.typ()
		return d.remember(suffixed(t, " __vector("+itoa(n)+")"))
	}
	d.bad = true
	return cxxType{}
}

// vendorType: u <source-name> | U <source-name> [<template-args>] <type>
func (d *demangler) vendorType() cxxType {
	if d.eat("u") {
		return d.remember(plain(d.sourceName()))
	}
	d.expect("U")
	if c := d.peek(); c == 'l' || c == 't' {
		d.pos--
		return plain(d.unnamedType())
	}
	q := d.sourceName()
	if d.peek() == 'I' {
		q += angle(d.templateArgs())
	}
	return d.remember(suffixed(d.typ(), " "+q))
}

// substitution: S_ | S <seq-id> _ | St | Sa | Sb | Ss | Si | So | Sd
func (d *demangler) substitution() cxxType {
	d.expect("S")
	if text, ok := shortStd[d.peek()]; ok {
		d.pos++
		for d.eat("B") {
			text += "[abi:" + d.sourceName() + "]"
			d.remember(plain(text))
		}
		return plain(text)
	}
	n := d.seq()
	if n >= len(d.subs) || d.bad {
		d.bad = true
		return cxxType{}
	}
	return d.subs[n]
}

var shortStd = map[byte]string{
	't': "std", 'a': "std::allocator", 'b': "std::basic_string", 's': "std::string",
	'i': "std::istream", 'o': "std::ostream", 'd': "std::iostream",
}

var fullStd = map[byte]string{
	's': "std::basic_string<char, std::char_traits<char>, std::allocator<char> >",
	'i': "std::basic_istream<char, std::char_traits<char> >",
	'o': "std::basic_ostream<char, std::char_traits<char> >",
	'd': "std::basic_iostream<char, std::char_traits<char> >",
}

var builtinTypes = map[byte]string{
	'v': "void", 'w': "wchar_t", 'b': "bool", 'c': "char", 'a': "signed char", 'h': "unsigned char",
	's': "short", 't': "unsigned short", 'i': "int", 'j': "unsigned int", 'l': "long", 'm': "unsigned long",
	'x': "long long", 'y': "unsigned long long", 'n': "__int128", 'o': "unsigned __int128",
	'f': "float", 'd': "double", 'e': "long double", 'g': "__float128", 'z': "...",
}

var builtinDTypes = map[byte]string{
	'd': "decimal64", 'e': "decimal128", 'f': "decimal32", 'h': "half", 'i': "char32_t", 's': "char16_t",
	'u': "char8_t", 'a': "auto", 'c': "decltype(auto)", 'n': "decltype(nullptr)",
}
