package kernel

import (
	"strconv"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// ctype gives the type of a declaration's C text, such as "const char *" or
// "struct sched_attr *". size and signed are what the format file says; they
// decide where neither BTF nor C itself knows the type. space is what pointers
// point into.
func (s *typeSet) ctype(text string, size int, signed bool, space check.AddrSpace) *check.Type {
	base, stars := splitStars(text)
	t := s.baseType(base, size, signed, stars > 0)
	for range stars {
		t = &check.Type{Kind: check.Pointer, Size: 8, Elem: t, Space: space}
	}
	return t
}

// splitStars removes qualifiers and counts the stars.
func splitStars(text string) (base string, stars int) {
	stars = strings.Count(text, "*")
	var words []string
	for w := range strings.FieldsSeq(strings.ReplaceAll(text, "*", " ")) {
		switch w {
		case "const", "volatile", "restrict", "__restrict", "__user", "__percpu", "__rcu", "__seg_gs", "__iomem", "__force":
		default:
			words = append(words, w)
		}
	}
	return strings.Join(words, " "), min(stars, 8)
}

// baseType gives the type of a C type name without stars.
func (s *typeSet) baseType(name string, size int, signed, pointedTo bool) *check.Type {
	if name == "void" {
		return &check.Type{Kind: check.Void}
	}
	tag, tagged, ok := strings.Cut(name, " ")
	if !ok || tag != "struct" && tag != "union" && tag != "enum" {
		tag, tagged = "", name
	}
	if t, err := s.named(tag, tagged); err == nil {
		return t
	}
	if t := cInteger(btfIntName(name)); t != nil {
		return t
	}
	if tag == "struct" || tag == "union" {
		c := &check.CStruct{Name: tagged, Union: tag == "union", Load: func() []check.Field { return nil }}
		return &check.Type{Kind: check.Struct, Name: name, Struct: c, Size: sizeOf(size, pointedTo)}
	}
	if pointedTo {
		return &check.Type{Kind: check.Void, Name: name}
	}
	return &check.Type{Kind: check.Int, Size: size, Signed: signed, Name: name}
}

// sizeOf is the size of a field unless it is only what the field points to.
func sizeOf(size int, pointedTo bool) int {
	if pointedTo {
		return 0
	}
	return size
}

// cInteger returns a base type of C on 64-bit Linux by its BTF name, and the
// kernel's own short names, for kernels without BTF; nil for others.
func cInteger(name string) *check.Type {
	size, signed := 0, true
	switch name {
	case "bool", "_Bool":
		return &check.Type{Kind: check.Bool, Size: 1, Name: "bool"}
	case "char", "signed char", "s8", "__s8", "int8_t":
		size = 1
	case "short int", "s16", "__s16", "int16_t":
		size = 2
	case "int", "s32", "__s32", "int32_t", "pid_t":
		size = 4
	case "long int", "long long int", "s64", "__s64", "int64_t", "ssize_t", "loff_t", "off_t", "time64_t":
		size = 8
	case "unsigned char", "u8", "__u8", "uint8_t":
		size, signed = 1, false
	case "short unsigned int", "u16", "__u16", "uint16_t", "umode_t":
		size, signed = 2, false
	case "unsigned int", "u32", "__u32", "uint32_t", "dev_t", "gfp_t", "uid_t", "gid_t":
		size, signed = 4, false
	case "long unsigned int", "long long unsigned int", "u64", "__u64", "uint64_t", "size_t", "ino_t", "sector_t":
		size, signed = 8, false
	default:
		return nil
	}
	return &check.Type{Kind: check.Int, Size: size, Signed: signed, Name: name}
}

// fieldsOf gives a tracepoint's fields their types. Pointers of syscalls point
// into the traced process, all others into the kernel.
func (s *typeSet) fieldsOf(e *event) []check.Field {
	space := check.SpaceKernel
	if e.category == "syscalls" {
		space = check.SpaceUser
	}
	shown := e.shown()
	fields := make([]check.Field, len(e.fields))
	for i := range e.fields {
		f := &e.fields[i]
		fields[i] = check.Field{
			Name: f.name, Type: s.fieldType(f, space), Offset: f.offset,
			DataLoc: f.dataLoc, RelLoc: f.relLoc, Doc: shown[f.name],
		}
	}
	return fields
}

// fieldType is the type of one field. A data location reads as the address of
// its data, a 64-bit integer as upstream has it.
func (s *typeSet) fieldType(f *eventField, space check.AddrSpace) *check.Type {
	if f.dataLoc || f.relLoc {
		return &check.Type{Kind: check.Int, Size: 8, Signed: true}
	}
	if f.isArray {
		return s.arrayField(f, space)
	}
	t := s.ctype(f.ctype, f.size, f.signed, space)
	if t.Kind == check.Int && (t.Size == 0 || t.Size > f.size && f.size > 0) {
		return &check.Type{Kind: check.Int, Size: f.size, Signed: f.signed, Name: t.Name, Enum: t.Enum}
	}
	if t.Kind == check.Struct {
		t = inContext(t)
	}
	return t
}

func (s *typeSet) arrayField(f *eventField, space check.AddrSpace) *check.Type {
	elem := s.ctype(f.ctype, 0, f.signed, space)
	n, err := strconv.Atoi(f.array)
	if elem.Size > 0 && (err != nil || n*elem.Size != f.size) {
		n = f.size / elem.Size
	}
	if n > 0 && isChar(elem) {
		return &check.Type{Kind: check.String, Size: n, Space: check.SpaceBPF}
	}
	t := &check.Type{Kind: check.Array, Elem: elem, Len: n, Size: f.size, Space: check.SpaceBPF}
	if f.size == 0 {
		t.Len = -1
	}
	return t
}

// inContext says of a value that it lies in the probe's context.
func inContext(t *check.Type) *check.Type {
	c := *t
	c.Space = check.SpaceBPF
	return &c
}
