package check

import (
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// cDefs are the C types and constants that the program defines.
type cDefs struct {
	*checker
	types   map[string]*Type // "struct task_struct", "enum color"
	consts  map[string]enumConst
	bodies  map[string]*cMacro
	aligns  map[*CStruct]int
	defined map[*syntax.CDef]*Type
}

type enumConst struct {
	value int64
	typ   *Type
}

// cMacro is an object-like #define.
type cMacro struct {
	text   string
	parsed bool
	x      syntax.Expr // nil when the text is no expression
}

func (d *cDefs) init(c *checker) {
	d.checker = c
	d.types, d.consts, d.bodies = map[string]*Type{}, map[string]enumConst{}, map[string]*cMacro{}
	d.aligns, d.defined = map[*CStruct]int{}, map[*syntax.CDef]*Type{}
}

// preproc enters a #define.
func (d *cDefs) preproc(p *syntax.Preproc) {
	if p.Inactive || p.Directive != "define" {
		return
	}
	name, rest := splitWord(p.Rest)
	if name == "" || strings.HasPrefix(rest, "(") {
		return // function-like macros are not expressions
	}
	d.bodies[name] = &cMacro{text: strings.TrimSpace(rest)}
}

func splitWord(s string) (word, rest string) {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// macro returns the expression that a C macro stands for; nil when it stands
// for none.
func (d *cDefs) macro(name string) (syntax.Expr, bool) {
	m := d.bodies[name]
	if m == nil {
		return nil, false
	}
	if !m.parsed {
		m.parsed = true
		if x, ds := syntax.ParseExpr(syntax.NewSource("macro "+name, m.text)); !ds.HasErrors() && x != nil {
			m.x = x
		}
	}
	return m.x, m.x != nil
}

// define enters a struct, union or enum.
func (d *cDefs) define(def *syntax.CDef) *Type {
	t := d.defined[def]
	if t == nil {
		t = d.defineNew(def)
		d.defined[def] = t
	}
	return t
}

func (d *cDefs) defineNew(def *syntax.CDef) *Type {
	if def.Kind == "enum" {
		return d.defineEnum(def)
	}
	name := ""
	if def.Name != "" {
		name = def.Kind + " " + def.Name
		if old := d.types[name]; old != nil && old.Struct != nil && old.Struct.Known != nil {
			d.errorf(CodeRedefined, def, "redefinition of '%s'", def.Name)
			return old
		}
	}
	t := d.shell(name)
	l := layout{cDefs: d, union: def.Kind == "union", packed: def.Packed}
	for _, m := range def.Members {
		l.add(m)
	}
	s := t.Struct
	s.Name, s.Union, s.Size = def.Name, l.union, l.finish(def.Align)
	s.Known = append([]Field{}, l.fields...)
	t.Size = s.Size
	d.aligns[s] = l.align
	return t
}

// shell returns the type of a struct by its name, made empty when it is new so
// that members can point to it.
func (d *cDefs) shell(name string) *Type {
	if t := d.types[name]; t != nil && name != "" {
		return t
	}
	t := &Type{Kind: Struct, Name: name, Struct: &CStruct{}}
	if name != "" {
		d.types[name] = t
	}
	return t
}

func (d *cDefs) defineEnum(def *syntax.CDef) *Type {
	e := &CEnum{Name: def.Name}
	t := &Type{Kind: Int, Size: 8, Name: "enum " + def.Name, Enum: e}
	if def.Name != "" {
		d.types["enum "+def.Name] = t
	}
	for _, v := range def.Enums {
		e.Values = append(e.Values, Enumerator{Name: v.Name, Value: v.Value})
		d.consts[v.Name] = enumConst{v.Value, t}
	}
	return t
}

// layout places the members of a struct as the System V ABI does.
type layout struct {
	*cDefs
	union  bool
	packed bool
	fields []Field
	bits   int // position in bits
	size   int // of a union
	align  int
}

func (l *layout) add(m *syntax.CMember) {
	t := l.memberType(m)
	align := l.alignment(t, m)
	if m.Bits >= 0 {
		l.addBits(m, t, align)
		return
	}
	offset := 0
	if l.union {
		l.size = max(l.size, t.Size)
	} else {
		offset = roundUp((l.bits+7)/8, align)
		l.bits = (offset + t.Size) * 8
	}
	l.align = max(l.align, align)
	l.fields = append(l.fields, Field{Name: m.Name, Type: t, Offset: offset})
}

func roundUp(n, align int) int { return (n + align - 1) / max(align, 1) * max(align, 1) }

func (l *layout) alignment(t *Type, m *syntax.CMember) int {
	align := l.alignOfC(t)
	if l.packed || m.Packed {
		align = 1
	}
	return max(align, m.Align, 1)
}

// addBits places a bitfield: it may not cross a boundary of its type.
func (l *layout) addBits(m *syntax.CMember, t *Type, align int) {
	unit := max(t.Size, 1) * 8
	if m.Bits == 0 {
		l.bits = roundUp(l.bits, unit)
		return
	}
	at := l.bits
	if l.union {
		at = 0
		l.size = max(l.size, (m.Bits+7)/8)
	} else {
		if !l.packed && at%unit+m.Bits > unit {
			at = roundUp(at, unit)
		}
		l.bits = at + m.Bits
	}
	if m.Name == "" {
		return
	}
	l.align = max(l.align, align)
	start := at / unit * unit
	if l.packed {
		start = at / 8 * 8
	}
	l.fields = append(l.fields, Field{Name: m.Name, Type: t, Offset: start / 8, BitOffset: at - start, BitSize: m.Bits})
}

func (l *layout) finish(align int) int {
	l.align = max(l.align, align, 1)
	if l.union {
		return roundUp(l.size, l.align)
	}
	return roundUp((l.bits+7)/8, l.align)
}

// alignOfC is the alignment of a type in C.
func (d *cDefs) alignOfC(t *Type) int {
	switch t.Kind {
	case Array:
		return d.alignOfC(t.Elem)
	case String:
		return 1
	case Struct:
		if a := d.aligns[t.Struct]; a > 0 {
			return a
		}
		return structAlign(t.Struct)
	}
	return max(min(t.Size, 8), 1)
}

// memberType is the type of a member, its '*' and dimensions included.
func (d *cDefs) memberType(m *syntax.CMember) *Type {
	if m.FuncPtr {
		return pointerTo(voidType, SpaceNone)
	}
	t := d.cType(m.Type, m.Pointers > 0)
	for range m.Pointers {
		t = pointerTo(t, SpaceNone)
	}
	for i := len(m.Dims) - 1; i >= 0; i-- {
		if i == len(m.Dims)-1 && t.Kind == Int && t.Size == 1 && isChar(t) && m.Dims[i] > 0 {
			t = &Type{Kind: String, Size: m.Dims[i], Name: t.Name, Signed: t.Signed}
			continue
		}
		t = arrayOf(t, m.Dims[i])
	}
	return t
}

// isChar reports whether t is C's char, arrays of which are strings.
func isChar(t *Type) bool { return t.Name == "char" }

// cType is the type that a member's declaration starts with.
func (d *cDefs) cType(t *syntax.CType, pointer bool) *Type {
	if t.Def != nil {
		return d.define(t.Def)
	}
	if t.Tag == "" {
		if b := baseType(t.Name); b != nil {
			return b
		}
		return d.typedef(t, pointer)
	}
	name := t.Tag + " " + t.Name
	if x := d.types[name]; x != nil && (pointer || x.Kind != Struct || x.Struct.Known != nil) {
		return x
	}
	if pointer {
		if x, err := d.target.Named(t.Tag, t.Name); err == nil {
			return x
		}
		if t.Tag == "enum" {
			return uint32Type
		}
		return d.shell(name)
	}
	x, err := d.target.Named(t.Tag, t.Name)
	switch {
	case err == nil:
		return x
	case isUnknown(err) && t.Tag == "enum":
		return uint32Type
	case isUnknown(err) && d.types[name] == nil:
		return &Type{Kind: Unknown, Name: name, Size: 8}
	}
	d.errorf(CodeUnknownType, t, "field has incomplete type '%s'", name)
	return unknownType
}

func (d *cDefs) typedef(t *syntax.CType, pointer bool) *Type {
	x, err := d.target.Named("", t.Name)
	switch {
	case err == nil:
		return x
	case isUnknown(err):
		return &Type{Kind: Unknown, Name: t.Name, Size: 8}
	}
	e := d.errorf(CodeUnknownType, t, "unknown type name '%s'", t.Name)
	hint(e, "Include headers with missing type definitions or install BTF.")
	return unknownType
}

// baseType returns a type of C or of the language by its name, with all words
// of C in any order.
func baseType(name string) *Type {
	if t := cTypes[name]; t != nil {
		return t
	}
	words := strings.Fields(name)
	if len(words) < 2 {
		return nil
	}
	size, unsigned, char, base := 4, false, false, false
	for _, w := range words {
		switch w {
		case "const", "volatile", "restrict", "__user", "__rcu":
		case "int", "signed", "__signed__":
			base = true
		case "unsigned":
			unsigned, base = true, true
		case "char":
			size, char, base = 1, true, true
		case "short":
			size, base = 2, true
		case "long":
			size, base = 8, true
		default:
			rest := strings.Join(without(words, "const", "volatile"), " ")
			if rest != name {
				return baseType(rest)
			}
			return nil
		}
	}
	if !base {
		return nil
	}
	t := *intType(size, !unsigned)
	if char {
		t.Name = "char"
		if unsigned {
			t.Name = "unsigned char"
		}
	}
	return &t
}

func without(words []string, drop ...string) []string {
	var kept []string
	for _, w := range words {
		keep := true
		for _, x := range drop {
			keep = keep && w != x
		}
		if keep {
			kept = append(kept, w)
		}
	}
	return kept
}

// cTypes are the types whose names are one word. Sizes are those of 64-bit
// Linux.
var cTypes = map[string]*Type{
	"char": {Kind: Int, Size: 1, Signed: true, Name: "char"}, "short": intType(2, true), "int": int32Type, "long": int64Type,
	"unsigned": uint32Type, "signed": int32Type, "float": {Kind: Unknown, Size: 4}, "double": {Kind: Unknown, Size: 8},
	"_Bool": boolType, "bool": boolType, "void": voidType,
	"int8_t": int8Type, "int16_t": intType(2, true), "int32_t": int32Type, "int64_t": int64Type,
	"uint8_t": uint8Type, "uint16_t": intType(2, false), "uint32_t": uint32Type, "uint64_t": uint64Type,
	"u8": uint8Type, "u16": intType(2, false), "u32": uint32Type, "u64": uint64Type,
	"s8": int8Type, "s16": intType(2, true), "s32": int32Type, "s64": int64Type,
	"__u8": uint8Type, "__u16": intType(2, false), "__u32": uint32Type, "__u64": uint64Type,
	"__s8": int8Type, "__s16": intType(2, true), "__s32": int32Type, "__s64": int64Type,
	"__le16": intType(2, false), "__le32": uint32Type, "__le64": uint64Type,
	"__be16": intType(2, false), "__be32": uint32Type, "__be64": uint64Type, "__sum16": intType(2, false), "__wsum": uint32Type,
	"size_t": uint64Type, "ssize_t": int64Type, "ptrdiff_t": int64Type, "intptr_t": int64Type, "uintptr_t": uint64Type,
	"off_t": int64Type, "loff_t": int64Type, "pid_t": int32Type, "uid_t": uint32Type, "gid_t": uint32Type,
	"time_t": int64Type, "dev_t": uint32Type, "mode_t": uint32Type, "umode_t": intType(2, false), "gfp_t": uint32Type,
	"sector_t": uint64Type, "dma_addr_t": uint64Type, "phys_addr_t": uint64Type, "socklen_t": uint32Type,
	"sa_family_t": intType(2, false), "in_port_t": intType(2, false), "in_addr_t": uint32Type, "ino_t": uint64Type,
	"clockid_t": int32Type, "ktime_t": int64Type, "uint": uint32Type, "ulong": uint64Type, "ushort": intType(2, false),
	"uchar": uint8Type, "max_align_t": {Kind: Unknown, Size: 32},
}
