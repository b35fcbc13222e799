package kernel

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// userType converts a type that a binary's debug information describes. What
// pointers point to is converted to a small depth; structs read their members on
// first use.
func userType(t *symbol.Type, depth int) *check.Type {
	if t == nil || depth > maxTypeDepth {
		return &check.Type{Kind: check.Unknown}
	}
	switch t.Kind {
	case symbol.TypeVoid, symbol.TypeFunc:
		return &check.Type{Kind: check.Void}
	case symbol.TypeInt:
		return &check.Type{Kind: check.Int, Size: int(t.Size), Signed: t.Signed, Name: unqualified(t.Name)}
	case symbol.TypeBool:
		return &check.Type{Kind: check.Bool, Size: int(t.Size), Name: t.Name}
	case symbol.TypePointer:
		return &check.Type{Kind: check.Pointer, Size: 8, Elem: userType(t.Elem(), depth+1), Space: check.SpaceUser}
	case symbol.TypeArray:
		return userArray(t, depth)
	case symbol.TypeStruct, symbol.TypeUnion:
		return userStruct(t)
	case symbol.TypeEnum:
		return userEnum(t)
	}
	return &check.Type{Kind: check.Unknown, Size: int(t.Size), Name: t.Name}
}

// unqualified is a C type name without const and volatile in front.
func unqualified(name string) string {
	base, _ := splitStars(name)
	return base
}

func userArray(t *symbol.Type, depth int) *check.Type {
	elem := userType(t.Elem(), depth+1)
	n := int(t.Len)
	if n > 0 && isChar(elem) {
		return &check.Type{Kind: check.String, Size: n, Space: check.SpaceUser}
	}
	a := &check.Type{Kind: check.Array, Elem: elem, Len: n, Size: n * elem.Size, Space: check.SpaceUser}
	if n == 0 {
		a.Len = -1
	}
	return a
}

func userStruct(t *symbol.Type) *check.Type {
	c := &check.CStruct{Name: t.Tag, Union: t.Kind == symbol.TypeUnion, Size: int(t.Size)}
	c.Load = func() []check.Field { return userMembers(t) }
	s := &check.Type{Kind: check.Struct, Size: int(t.Size), Struct: c, Space: check.SpaceUser}
	switch {
	case t.Tag == "":
	case c.Union:
		s.Name = "union " + t.Tag
	default:
		s.Name = "struct " + t.Tag
	}
	return s
}

func userMembers(t *symbol.Type) []check.Field {
	var fields []check.Field
	for _, m := range t.Fields() {
		f := check.Field{Name: m.Name, Type: userType(m.Type, 0), Offset: int(m.Offset)}
		if m.BitSize != 0 {
			placeBitfield(&f, int(m.BitOffset), int(m.BitSize))
		}
		fields = append(fields, f)
	}
	return fields
}

func userEnum(t *symbol.Type) *check.Type {
	e := &check.CEnum{Name: t.Tag}
	for _, v := range t.Values() {
		e.Values = append(e.Values, check.Enumerator{Name: v.Name, Value: v.Value})
	}
	typ := &check.Type{Kind: check.Int, Size: int(t.Size), Signed: t.Signed, Enum: e}
	if t.Tag != "" {
		typ.Name = "enum " + t.Tag
	}
	return typ
}

// UserFunction returns the parameters of a function of a binary from its debug
// information; ErrUnknown when it has none.
func (m *Machine) UserFunction(binary, name string) ([]check.Field, error) {
	var params []check.Field
	err := m.inBinary(binary, func(b *symbol.Binary) error {
		f, err := b.Function(name)
		if err != nil {
			return userNotFound(err)
		}
		sig, err := b.Signature(f)
		if err != nil {
			return withoutDWARF(err)
		}
		for i, p := range sig.Params {
			params = append(params, check.Field{Name: p.Name, Type: userType(p.Type, 0), Offset: 8 * i})
		}
		return nil
	})
	return params, err
}

// SourceLine returns the address of the code of a line of a binary's source, from
// its debug information; it is syntax.ParseOptions.ResolveLine.
func (m *Machine) SourceLine(binary, file string, line, col int) (addr uint64, err error) {
	err = m.inBinary(binary, func(b *symbol.Binary) error {
		places, err := b.Lines(file, line, col)
		if err != nil {
			return err
		}
		addr = places[0].Addr
		return nil
	})
	return addr, err
}

// USDTArgs returns the arguments of a USDT probe: integers named arg0, arg1, ...
func (m *Machine) USDTArgs(binary, namespace, name string) ([]check.Field, error) {
	var args []check.Field
	err := m.inBinary(binary, func(b *symbol.Binary) error {
		probes, err := b.USDTProbes(usdtPattern(namespace, name))
		if err != nil {
			return userNotFound(err)
		}
		for _, p := range probes {
			for _, l := range p.Locations {
				args = usdtFields(args, l.Args)
			}
		}
		return nil
	})
	return args, err
}

// usdtFields merges the arguments of one place of a probe into those of others,
// where the compiler may have put them in other sizes: the widest is taken.
func usdtFields(fields []check.Field, args []symbol.USDTArg) []check.Field {
	for i, a := range args {
		t := &check.Type{Kind: check.Int, Size: a.Size, Signed: a.Signed}
		if a.Float || a.Kind == symbol.USDTUnknown {
			t = &check.Type{Kind: check.Unknown, Size: a.Size}
		}
		switch {
		case i == len(fields):
			fields = append(fields, check.Field{Name: argName(i), Type: t, Offset: 8 * i})
		case t.Size > fields[i].Type.Size:
			fields[i].Type = t
		}
	}
	return fields
}
