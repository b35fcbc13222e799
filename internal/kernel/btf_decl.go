package kernel

import (
	"fmt"
	"sort"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// maxDeclDepth bounds nested anonymous structs and pointers in a printed
// declaration.
const maxDeclDepth = 16

// declaration writes a C declaration of name with the type id: "int x[4]", "void
// (*fn)(int)". With name "" it is the type alone.
func (b *btf) declaration(id uint32, name string) string { return b.declare(id, name, 0, 0) }

// declare wraps the declarator inner in what id adds around it.
func (b *btf) declare(id uint32, inner string, indent, depth int) string {
	r, ok := b.record(id)
	switch {
	case id == 0:
		return join("void", inner)
	case !ok || depth > maxDeclDepth:
		return join("?", inner)
	}
	switch r.kind {
	case btfPtr:
		inner = "*" + inner
		if k := b.kindOf(r.size); k == btfArray || k == btfFuncProto {
			inner = "(" + inner + ")"
		}
		return b.declare(r.size, inner, indent, depth+1)
	case btfArray:
		elem, n := r.array()
		return b.declare(elem, fmt.Sprintf("%s[%d]", inner, n), indent, depth+1)
	case btfConst, btfVolatile, btfRestrict:
		return b.qualified(r, inner, indent, depth)
	case btfTypeTag, btfDeclTag, btfVar:
		return b.declare(r.size, inner, indent, depth+1)
	case btfFuncProto:
		if b.kindOf(r.size) == btfPtr {
			inner = " " + inner // as libbpf prints it
		}
		return b.declare(r.size, inner+"("+b.parameters(r, depth)+")", indent, depth+1)
	case btfStruct, btfUnion, btfEnum, btfEnum64, btfFwd:
		if r.name == 0 {
			return join(b.body(r, indent, depth+1), inner)
		}
		return join(tagOf(r)+" "+b.str(r.name), inner)
	}
	return join(b.str(r.name), inner)
}

// qualified puts a qualifier after the star that it belongs to, or in front.
func (b *btf) qualified(r btfRecord, inner string, indent, depth int) string {
	word := map[uint8]string{btfConst: "const", btfVolatile: "volatile", btfRestrict: "restrict"}[r.kind]
	if b.kindOf(r.size) == btfPtr {
		return b.declare(r.size, " "+join(word, inner), indent, depth+1)
	}
	return word + " " + b.declare(r.size, inner, indent, depth+1)
}

func (b *btf) kindOf(id uint32) uint8 {
	r, _ := b.record(id)
	return r.kind
}

// join puts a space between a type and what it declares.
func join(typ, inner string) string {
	if inner == "" || inner[0] == '[' {
		return typ + inner
	}
	return typ + " " + inner
}

func tagOf(r btfRecord) string {
	switch {
	case r.kind == btfUnion || r.kind == btfFwd && r.flag:
		return "union"
	case r.kind == btfEnum || r.kind == btfEnum64:
		return "enum"
	}
	return "struct"
}

func (b *btf) parameters(proto btfRecord, depth int) string {
	if proto.vlen == 0 {
		return "void"
	}
	var params []string
	for i := range proto.vlen {
		name, id := proto.param(i)
		if name == 0 && id == 0 {
			params = append(params, "...")
			continue
		}
		params = append(params, b.declare(id, b.str(name), 0, depth+1))
	}
	return strings.Join(params, ", ")
}

// maxBodyLines bounds a printed struct.
const maxBodyLines = 4096

// body writes the definition of a struct, union or enum, its closing brace
// indented by indent tabs.
func (b *btf) body(r btfRecord, indent, depth int) string {
	var s strings.Builder
	s.WriteString(tagOf(r))
	if r.name != 0 {
		s.WriteString(" " + b.str(r.name))
	}
	s.WriteString(" {\n")
	tabs := strings.Repeat("\t", indent+1)
	for i := range min(r.vlen, maxBodyLines) {
		if r.kind != btfStruct && r.kind != btfUnion {
			break
		}
		m := r.member(i)
		s.WriteString(tabs + b.declare(m.id, b.str(m.name), indent+1, depth))
		if m.bitSize != 0 {
			fmt.Fprintf(&s, ": %d", m.bitSize)
		}
		s.WriteString(";\n")
	}
	r.enumerators(func(name uint32, v int64) bool {
		fmt.Fprintf(&s, "%s%s = %d,\n", tabs, b.str(name), v)
		return true
	})
	s.WriteString(tabs[1:] + "}")
	return s.String()
}

// tagKinds returns the records that a C tag stands for, 0 for another word.
func tagKinds(tag string) uint32 {
	switch tag {
	case "struct":
		return 1 << btfStruct
	case "union":
		return 1 << btfUnion
	case "enum":
		return enumKinds
	}
	return 0
}

// listTypes lists the types of a tag whose name matches a pattern, with their
// definitions when opts.Args asks for them.
func (m *Machine) listTypes(tag, pattern string, opts *ListOptions) (*Listing, error) {
	seen := map[string]bool{}
	var names []string
	err := m.types.each(func(b *btf) bool {
		for _, name := range b.names(tagKinds(tag), "") {
			if symbol.Match(pattern, name) && !seen[name] && containsAll(strings.ToLower(name), opts.Words) {
				seen[name] = true
				names = append(names, name)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	sort.Strings(names)
	from, to := opts.cut(len(names))
	l := &Listing{Total: len(names), Probes: make([]Listed, 0, to-from)}
	for _, name := range names[from:to] {
		p := Listed{Name: tag + " " + name, Kind: tag}
		if opts.Args {
			if text, module, err := m.Definition(tag, name); err == nil {
				p.Text = module + ": " + text
			}
		}
		l.Probes = append(l.Probes, p)
	}
	return l, nil
}

// Definition returns the C text of a struct, union, enum or typedef and the
// module that defines it, "vmlinux" for the kernel itself.
func (m *Machine) Definition(tag, name string) (text, module string, err error) {
	kinds := tagKinds(tag)
	if tag == "" {
		kinds = 1 << btfTypedef
	}
	b, id, err := m.types.find(name, kinds)
	if err != nil {
		return "", "", m.notFound("type", check.SuggestType, strings.TrimSpace(tag+" "+name), err)
	}
	r, _ := b.record(id)
	if r.kind == btfTypedef {
		return "typedef " + b.declare(r.size, name, 0, 0) + ";", moduleName(b.module), nil
	}
	return b.body(r, 0, 0) + ";", moduleName(b.module), nil
}
