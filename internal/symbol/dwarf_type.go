package symbol

import (
	"debug/dwarf"
	"fmt"
	"strings"
)

// TypeKind tells types apart.
type TypeKind uint8

const (
	TypeUnknown TypeKind = iota // what is not described, or in a form not understood
	TypeVoid
	TypeInt // integers and characters
	TypeBool
	TypeFloat
	TypePointer // and C++ references
	TypeArray
	TypeStruct // and C++ classes
	TypeUnion
	TypeEnum
	TypeFunc // only behind pointers
)

// A Type is a C or C++ type as DWARF describes it, typedefs and qualifiers
// removed. What it points to or consists of is read when asked for, which is
// safe for concurrent use.
type Type struct {
	Kind TypeKind
	// Name is how a program spells the type: "size_t", "struct file",
	// "char *"; the tag alone is in Tag.
	Name   string
	Tag    string // of a struct, union or enum; "" for an anonymous one
	Size   int64  // in bytes; 0 when incomplete
	Signed bool   // of integers and enums
	Len    int64  // of arrays: elements, 0 when open
	// Ref is whether a pointer is a C++ reference.
	Ref bool
	// Incomplete is whether this is only the declaration of a struct, union or
	// enum; see Complete.
	Incomplete bool

	d   *dwarfInfo
	die dwarf.Offset // of the type itself, or of the element type
	// elem has been computed by the reader where no entry stands for it: all
	// but the first dimension of an array.
	elem *Type
}

// A Field is a member of a struct or union.
type Field struct {
	Name   string // "" for an anonymous struct or union, and for a C++ base class
	Type   *Type
	Offset int64 // in bytes
	// BitSize is the width of a bit field, 0 for others; BitOffset counts its
	// lowest bit from the start of the struct on a little-endian machine.
	BitSize, BitOffset int64
}

// An EnumValue is one name of an enum.
type EnumValue struct {
	Name  string
	Value int64
}

// String returns how a program spells the type.
func (t *Type) String() string { return t.Name }

// maxTypeDepth bounds chains of typedefs, qualifiers and dimensions.
const maxTypeDepth = 64

// Elem returns what a pointer points to or an array consists of, nil for other
// types.
func (t *Type) Elem() *Type {
	if t.Kind != TypePointer && t.Kind != TypeArray {
		return nil
	}
	if t.elem != nil {
		return t.elem
	}
	if t.die == 0 {
		return &Type{Kind: TypeVoid, Name: "void"}
	}
	return t.d.typeAt(t.die, 0)
}

// Complete returns the definition of an incomplete type if another source file
// of the binary has it, else t itself. The first use reads the names of all types.
func (t *Type) Complete() *Type {
	if !t.Incomplete || t.Tag == "" {
		return t
	}
	keyword, _, _ := strings.Cut(strings.TrimPrefix(t.Name, "const "), " ")
	if off, ok := t.d.types()[keyword+" "+t.Tag]; ok {
		return t.d.typeAt(off, 0)
	}
	return t
}

// TypeNamed returns a type of the binary by the name that a program gives it:
// "struct file", "enum color", "size_t". The first use reads the names of all
// types.
func (b *Binary) TypeNamed(name string) (*Type, error) {
	d, err := b.dwarf()
	if err != nil {
		return nil, err
	}
	if off, ok := d.types()[name]; ok {
		return d.typeAt(off, 0), nil
	}
	e := &NotFoundError{Kind: "type", Name: name, Binary: b.path}
	s := similarTo(name)
	for known := range d.types() {
		s.add(known)
	}
	e.Similar = s.best()
	return nil, e
}

// maxTypeNames bounds the types that are found by name.
const maxTypeNames = 1 << 20

// readTypes returns the definitions of all types that have a name, of several
// with one name the first.
func (d *dwarfInfo) readTypes() map[string]dwarf.Offset {
	names := map[string]dwarf.Offset{}
	for _, off := range d.units {
		d.eachChild(off, func(e *dwarf.Entry) bool {
			keyword, ok := typeKeywords[e.Tag]
			name, _ := e.Val(dwarf.AttrName).(string)
			if !ok || name == "" || e.Val(dwarf.AttrDeclaration) != nil {
				return true
			}
			if _, known := names[keyword+name]; !known {
				names[keyword+name] = e.Offset
			}
			return len(names) < maxTypeNames
		})
	}
	return names
}

var typeKeywords = map[dwarf.Tag]string{
	dwarf.TagStructType: "struct ", dwarf.TagClassType: "struct ", dwarf.TagUnionType: "union ",
	dwarf.TagEnumerationType: "enum ", dwarf.TagTypedef: "", dwarf.TagBaseType: "",
}

// maxFields bounds the members that are read of one type.
const maxFields = 1 << 16

// Fields returns the members of a struct or union in the order of its
// definition, nil for other types and incomplete ones.
func (t *Type) Fields() []Field {
	if t.Kind != TypeStruct && t.Kind != TypeUnion {
		return nil
	}
	t = t.Complete()
	var fields []Field
	t.eachChild(func(e *dwarf.Entry) bool {
		if e.Tag == dwarf.TagMember || e.Tag == dwarf.TagInheritance {
			if f, ok := t.d.field(e); ok {
				fields = append(fields, f)
			}
		}
		return len(fields) < maxFields
	})
	return fields
}

// Values returns the names of an enum, nil for other types.
func (t *Type) Values() []EnumValue {
	if t.Kind != TypeEnum {
		return nil
	}
	t = t.Complete()
	var values []EnumValue
	t.eachChild(func(e *dwarf.Entry) bool {
		if e.Tag == dwarf.TagEnumerator {
			name, _ := e.Val(dwarf.AttrName).(string)
			v, _ := e.Val(dwarf.AttrConstValue).(int64)
			values = append(values, EnumValue{name, v})
		}
		return len(values) < maxFields
	})
	return values
}

func (t *Type) eachChild(yield func(*dwarf.Entry) bool) { t.d.eachChild(t.die, yield) }

// eachChild calls yield with the entries directly below the one at off.
func (d *dwarfInfo) eachChild(off dwarf.Offset, yield func(*dwarf.Entry) bool) {
	r := d.data.Reader()
	r.Seek(off)
	if e, err := r.Next(); err != nil || e == nil || !e.Children {
		return
	}
	for range maxDIEs {
		e, err := r.Next()
		if err != nil || e == nil || e.Tag == 0 || !yield(e) {
			return
		}
		r.SkipChildren()
	}
}

func (d *dwarfInfo) field(e *dwarf.Entry) (Field, bool) {
	if ext, _ := e.Val(dwarf.AttrExternal).(bool); ext { // a static member
		return Field{}, false
	}
	f := Field{Type: d.typeOf(e)}
	f.Name, _ = e.Val(dwarf.AttrName).(string)
	if e.Tag == dwarf.TagInheritance {
		f.Name = ""
	}
	f.Offset, _ = e.Val(dwarf.AttrDataMemberLoc).(int64)
	f.BitSize, _ = e.Val(dwarf.AttrBitSize).(int64)
	if f.BitSize == 0 {
		return f, true
	}
	if at, ok := e.Val(dwarf.AttrDataBitOffset).(int64); ok {
		f.BitOffset = at
	} else if at, ok := e.Val(dwarf.AttrBitOffset).(int64); ok { // DWARF 3: from the highest bit
		size, ok := e.Val(dwarf.AttrByteSize).(int64)
		if !ok {
			size = f.Type.Size
		}
		f.BitOffset = f.Offset*8 + size*8 - at - f.BitSize
	}
	f.Offset = f.BitOffset / 8
	return f, true
}

// typeOf returns the type that an entry refers to.
func (d *dwarfInfo) typeOf(e *dwarf.Entry) *Type {
	switch off := d.attr(e, dwarf.AttrType).(type) {
	case dwarf.Offset:
		return d.typeAt(off, 0)
	case nil:
		return &Type{Kind: TypeVoid, Name: "void"}
	}
	return &Type{Name: "?"} // in a type unit or another file
}

// typeAt reads the type at off.
func (d *dwarfInfo) typeAt(off dwarf.Offset, depth int) *Type {
	e := d.entry(off)
	if e == nil || depth > maxTypeDepth {
		return &Type{Name: "?"}
	}
	t := &Type{d: d, die: off}
	t.Tag, _ = e.Val(dwarf.AttrName).(string)
	t.Size, _ = e.Val(dwarf.AttrByteSize).(int64)
	t.Incomplete = e.Val(dwarf.AttrDeclaration) != nil
	switch e.Tag {
	case dwarf.TagBaseType:
		t.base(e)
	case dwarf.TagTypedef, dwarf.TagConstType, dwarf.TagVolatileType, dwarf.TagRestrictType, dwarf.TagAtomicType:
		return d.transparent(e, t.Tag, depth)
	case dwarf.TagPointerType, dwarf.TagReferenceType, dwarf.TagRvalueReferenceType:
		d.pointerType(t, e, depth)
	case dwarf.TagStructType, dwarf.TagClassType:
		t.named(TypeStruct, "struct")
	case dwarf.TagUnionType:
		t.named(TypeUnion, "union")
	case dwarf.TagEnumerationType:
		t.named(TypeEnum, "enum")
		t.Signed = d.enumIsSigned(e, depth)
	case dwarf.TagArrayType:
		return d.arrayType(t, e, depth)
	case dwarf.TagSubroutineType:
		t.Kind, t.Name = TypeFunc, d.referred(e, depth).Name+" ()"
	case dwarf.TagUnspecifiedType:
		t.Kind, t.Name = TypeVoid, "void"
	default:
		t.Kind, t.Name = TypeUnknown, "?"
	}
	return t
}

func (t *Type) named(kind TypeKind, keyword string) {
	t.Kind, t.Name = kind, keyword+" "+t.Tag
	if t.Tag == "" {
		t.Name = keyword + " {...}"
	}
}

// Encodings of base types, DWARF 5 section 7.8.
const (
	encBoolean    = 0x02
	encFloat      = 0x04
	encSigned     = 0x05
	encSignedChar = 0x06
)

func (t *Type) base(e *dwarf.Entry) {
	t.Name, t.Tag = t.Tag, ""
	enc, _ := e.Val(dwarf.AttrEncoding).(int64)
	switch enc {
	case encBoolean:
		t.Kind = TypeBool
	case encFloat:
		t.Kind = TypeFloat
	case 0x03, 0x09: // complex and imaginary floats
		t.Kind = TypeUnknown
	default:
		t.Kind = TypeInt
		t.Signed = enc == encSigned || enc == encSignedChar
	}
}

// transparent returns what a typedef or qualifier stands for, under its name.
func (d *dwarfInfo) transparent(e *dwarf.Entry, name string, depth int) *Type {
	t := *d.referred(e, depth)
	switch e.Tag {
	case dwarf.TagTypedef:
		t.Name = name
	case dwarf.TagConstType:
		if t.Kind == TypePointer {
			t.Name += " const"
		} else {
			t.Name = "const " + t.Name
		}
	case dwarf.TagVolatileType:
		t.Name = "volatile " + t.Name
	}
	return &t
}

// referred returns the type that another is made of, void if there is none.
func (d *dwarfInfo) referred(e *dwarf.Entry, depth int) *Type {
	switch off := e.Val(dwarf.AttrType).(type) {
	case dwarf.Offset:
		return d.typeAt(off, depth+1)
	case nil:
		return &Type{Kind: TypeVoid, Name: "void"}
	}
	return &Type{Name: "?"}
}

func (d *dwarfInfo) pointerType(t *Type, e *dwarf.Entry, depth int) {
	t.Kind, t.Tag = TypePointer, ""
	if t.Size == 0 {
		t.Size = int64(d.data.Reader().AddressSize())
	}
	mark := "*"
	switch e.Tag {
	case dwarf.TagReferenceType:
		mark, t.Ref = "&", true
	case dwarf.TagRvalueReferenceType:
		mark, t.Ref = "&&", true
	}
	t.die, _ = e.Val(dwarf.AttrType).(dwarf.Offset)
	to := d.referred(e, depth)
	switch {
	case to.Kind == TypeFunc:
		t.Name = strings.TrimSuffix(to.Name, "()") + "(" + mark + ")()"
	case strings.HasSuffix(to.Name, "*"):
		t.Name = to.Name + mark
	default:
		t.Name = to.Name + " " + mark
	}
}

// arrayType reads an array; one of several dimensions is an array of arrays.
func (d *dwarfInfo) arrayType(t *Type, e *dwarf.Entry, depth int) *Type {
	elem := d.referred(e, depth)
	var dims []int64
	d.eachChild(e.Offset, func(c *dwarf.Entry) bool {
		if c.Tag == dwarf.TagSubrangeType {
			dims = append(dims, subrangeLen(c))
		}
		return len(dims) < maxTypeDepth
	})
	if len(dims) == 0 {
		dims = []int64{0}
	}
	name := elem.Name
	suffix := ""
	if i := strings.IndexByte(name, '['); i >= 0 && elem.Kind == TypeArray {
		name, suffix = name[:i], name[i:]
	}
	for i := len(dims) - 1; i >= 0; i-- {
		suffix = fmt.Sprintf("[%d]", dims[i]) + suffix
		elem = &Type{Kind: TypeArray, Name: name + suffix, Size: dims[i] * elem.Size, Len: dims[i], d: d, elem: elem}
	}
	if t.Size > 0 && elem.Size == 0 {
		elem.Size = t.Size
	}
	return elem
}

func subrangeLen(e *dwarf.Entry) int64 {
	n, ok := e.Val(dwarf.AttrCount).(int64)
	if !ok {
		if upper, ok := e.Val(dwarf.AttrUpperBound).(int64); ok {
			n = upper + 1
		}
	}
	return max(0, min(n, 1<<40))
}

// enumIsSigned reports whether an enum has a signed type or a negative value.
func (d *dwarfInfo) enumIsSigned(e *dwarf.Entry, depth int) bool {
	if e.Val(dwarf.AttrType) != nil {
		return d.referred(e, depth).Signed
	}
	signed := false
	d.eachChild(e.Offset, func(c *dwarf.Entry) bool {
		v, _ := c.Val(dwarf.AttrConstValue).(int64)
		signed = signed || v < 0
		return !signed
	})
	return signed
}

// A Param is one parameter of a function.
type Param struct {
	Name string // "" when it has none
	Type *Type
}

// A Signature is what DWARF records of a function. Go functions pass arguments
// in other registers than C functions do; their results are not among the
// parameters, and Return is void.
type Signature struct {
	Params   []Param // in order: parameter i is what the probe calls argi
	Return   *Type
	Variadic bool
	File     string // of the definition
	Line     int
}

// Signature returns the parameters and types of a function, which [Binary.Function]
// found. Without debug information the error wraps [ErrNoDWARF].
func (b *Binary) Signature(f Func) (Signature, error) {
	d, err := b.dwarf()
	if err != nil {
		return Signature{}, err
	}
	u := d.unitAt(f.Addr)
	if u == nil {
		return Signature{}, fmt.Errorf("find the parameters of %s in %s: its source file has %w", f.Name, b.path, ErrNoDWARF)
	}
	die, ok := u.funcAt(f.Addr)
	e := d.entry(die)
	if !ok || e == nil {
		return Signature{}, fmt.Errorf("find the parameters of %s in %s: %w for this function", f.Name, b.path, ErrNoDWARF)
	}
	sig := Signature{Return: d.typeOf(e)}
	sig.Params, sig.Variadic = d.params(e)
	line, _ := d.attr(e, dwarf.AttrDeclLine).(int64)
	sig.Line = int(line)
	if sig.File, _ = u.position(f.Addr); sig.File == "" {
		sig.File = u.name
	}
	return sig, nil
}

// params reads the parameters of a function: its own, or those of the function
// that it is an instance of.
func (d *dwarfInfo) params(e *dwarf.Entry) (params []Param, variadic bool) {
	for n := 0; e != nil && n < maxOrigins; n++ {
		d.eachChild(e.Offset, func(c *dwarf.Entry) bool {
			switch c.Tag {
			case dwarf.TagFormalParameter:
				if result, _ := c.Val(dwarf.AttrVarParam).(bool); result {
					return true // of a Go function
				}
				name, _ := d.attr(c, dwarf.AttrName).(string)
				params = append(params, Param{name, d.typeOf(c)})
			case dwarf.TagUnspecifiedParameters:
				variadic = true
			}
			return true
		})
		// A clone of the compiler may have lost parameters; the source has all.
		if origin := d.origin(e); origin != nil && e.Val(dwarf.AttrAbstractOrigin) != nil {
			params, variadic = nil, false
			e = origin
			continue
		}
		return params, variadic
	}
	return params, variadic
}
