package kernel

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// typeSet turns the BTF of the kernel and its modules into check's types, each
// on first use and only once. Modules are opened when a name is not the
// kernel's.
type typeSet struct {
	open func(module string) ([]byte, error) // raw BTF; "" for vmlinux
	list func() []string                     // modules that have BTF

	mu      sync.Mutex
	blobs   map[string]*opened
	types   map[check.BTFRef]*check.Type
	structs map[check.BTFRef]*check.CStruct
}

type opened struct {
	once sync.Once
	btf  *btf
	err  error
}

func newTypeSet(open func(string) ([]byte, error), list func() []string) *typeSet {
	return &typeSet{
		open: open, list: list,
		blobs:   map[string]*opened{},
		types:   map[check.BTFRef]*check.Type{},
		structs: map[check.BTFRef]*check.CStruct{},
	}
}

// btf returns the index of a module's BTF, opened on first use.
func (s *typeSet) btf(module string) (*btf, error) {
	if module == "vmlinux" {
		module = ""
	}
	s.mu.Lock()
	o := s.blobs[module]
	if o == nil {
		o = &opened{}
		s.blobs[module] = o
	}
	s.mu.Unlock()
	o.once.Do(func() { o.btf, o.err = s.load(module) })
	return o.btf, o.err
}

func (s *typeSet) load(module string) (*btf, error) {
	var base *btf
	if module != "" {
		var err error
		if base, err = s.btf(""); err != nil {
			return nil, err
		}
	}
	raw, err := s.open(module)
	if err != nil {
		return nil, err
	}
	b, err := openBTF(raw, module, base)
	if err != nil {
		return nil, fmt.Errorf("read BTF of %s: %w", moduleName(module), err)
	}
	return b, nil
}

func moduleName(module string) string {
	if module == "" {
		return "vmlinux"
	}
	return module
}

// each calls yield with the kernel's BTF and then every module's that can be
// read, until yield returns false. The error is the kernel's.
func (s *typeSet) each(yield func(*btf) bool) error {
	b, err := s.btf("")
	if err != nil {
		return err
	}
	if !yield(b) {
		return nil
	}
	for _, m := range s.list() {
		if b, err := s.btf(m); err == nil && !yield(b) {
			return nil
		}
	}
	return nil
}

// find returns the first type with this name and one of the kinds.
func (s *typeSet) find(name string, kinds uint32) (*btf, uint32, error) {
	var in *btf
	var id uint32
	err := s.each(func(b *btf) bool {
		var ok bool
		if id, ok = b.lookup(name, kinds); ok {
			in = b
		}
		return !ok
	})
	if err == nil && in == nil {
		err = check.ErrNotFound
	}
	return in, id, err
}

// named returns a type by tag and C name, as check.Target.Named.
func (s *typeSet) named(tag, name string) (*check.Type, error) {
	kinds := tagKinds(tag)
	switch {
	case tag == "":
		kinds, name = 1<<btfTypedef|1<<btfInt|1<<btfFloat, btfIntName(name)
	case kinds == 0:
		return nil, fmt.Errorf("type %q: unknown tag: %w", tag+" "+name, check.ErrNotFound)
	}
	b, id, err := s.find(name, kinds)
	if err != nil {
		return nil, err
	}
	return s.typ(b, id), nil
}

// btfIntName returns the spelling that BTF uses for a C integer type, whose
// words C allows in any order: "unsigned long" is "long unsigned int".
func btfIntName(name string) string {
	switch name {
	case "unsigned", "signed", "long", "short":
	default:
		if !strings.Contains(name, " ") {
			return name
		}
	}
	var unsigned, char, short bool
	long := 0
	for word := range strings.FieldsSeq(name) {
		switch word {
		case "unsigned":
			unsigned = true
		case "char":
			char = true
		case "short":
			short = true
		case "long":
			long++
		case "int", "signed":
		default:
			return name
		}
	}
	sign := map[bool]string{true: "unsigned "}[unsigned]
	switch {
	case char && unsigned:
		return "unsigned char"
	case char:
		return "signed char"
	case short:
		return "short " + sign + "int"
	case long == 0:
		return sign + "int"
	}
	return strings.Repeat("long ", long) + sign + "int"
}

// typ converts the type id as b sees it.
func (s *typeSet) typ(b *btf, id uint32) *check.Type {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.convert(b, id, 0)
}

// maxTypeDepth bounds pointers to pointers and arrays of arrays, which malformed
// BTF can make endless. C allows 12.
const maxTypeDepth = 32

// convert is typ with the lock held. Qualifiers vanish; a typedef keeps its name
// on a copy of what it stands for.
func (s *typeSet) convert(b *btf, id uint32, depth int) *check.Type {
	id, _ = b.skipModifiers(id)
	b = b.owner(id)
	ref := check.BTFRef{Module: b.module, ID: id}
	if t := s.types[ref]; t != nil {
		return t
	}
	r, ok := b.record(id)
	switch {
	case id == 0 || ok && (r.kind == btfFunc || r.kind == btfFuncProto):
		return &check.Type{Kind: check.Void}
	case !ok || depth > maxTypeDepth:
		return &check.Type{Kind: check.Unknown}
	}
	t := s.convertRecord(b, ref, r, depth)
	// What the depth limit cut off is only right from where it was reached.
	if depth == 0 {
		s.types[ref] = t
	}
	return t
}

func (s *typeSet) convertRecord(b *btf, ref check.BTFRef, r btfRecord, depth int) *check.Type {
	switch r.kind {
	case btfInt:
		return intType(b, ref, r)
	case btfPtr:
		_, user := b.skipModifiers(r.size)
		t := &check.Type{Kind: check.Pointer, Size: 8, Elem: s.convert(b, r.size, depth+1), BTF: ref}
		if user {
			t.Space = check.SpaceUser
		}
		return t
	case btfArray:
		return s.arrayType(b, ref, r, depth)
	case btfStruct, btfUnion:
		return s.structType(b, ref, r)
	case btfFwd:
		return fwdType(b, ref, r)
	case btfEnum, btfEnum64:
		return enumType(b, ref, r)
	case btfTypedef:
		t := *s.convert(b, r.size, depth+1)
		t.Name = b.str(r.name)
		return &t
	case btfVar:
		return s.convert(b, r.size, depth+1)
	case btfFloat:
		return &check.Type{Kind: check.Unknown, Size: int(r.size), Name: b.str(r.name), BTF: ref}
	}
	return &check.Type{Kind: check.Unknown}
}

func intType(b *btf, ref check.BTFRef, r btfRecord) *check.Type {
	enc, _, _ := r.intBits()
	t := &check.Type{Kind: check.Int, Size: int(r.size), Signed: enc&intSigned != 0, Name: b.str(r.name), BTF: ref}
	if enc&intBool != 0 {
		t.Kind = check.Bool
	}
	return t
}

// arrayType converts an array; one of chars is a string.
func (s *typeSet) arrayType(b *btf, ref check.BTFRef, r btfRecord, depth int) *check.Type {
	elemID, n := r.array()
	elem := s.convert(b, elemID, depth+1)
	if n > 0 && isChar(elem) {
		return &check.Type{Kind: check.String, Size: n, BTF: ref}
	}
	t := &check.Type{Kind: check.Array, Elem: elem, Len: n, Size: n * elem.Size, BTF: ref}
	if n == 0 {
		t.Len = -1
	}
	return t
}

// isChar reports whether t is plain char, of which an array holds a string;
// arrays of u8 hold bytes.
func isChar(t *check.Type) bool { return t.Kind == check.Int && t.Size == 1 && t.Name == "char" }

func (s *typeSet) structType(b *btf, ref check.BTFRef, r btfRecord) *check.Type {
	name, tag := b.str(r.name), "struct "
	if r.kind == btfUnion {
		tag = "union "
	}
	c := s.structs[ref]
	if c == nil {
		c = &check.CStruct{Name: name, Union: r.kind == btfUnion, Size: int(r.size), BTF: ref}
		c.Load = func() []check.Field { return s.members(b, ref.ID) }
		s.structs[ref] = c
	}
	t := &check.Type{Kind: check.Struct, Size: int(r.size), Struct: c, BTF: ref}
	if name != "" {
		t.Name = tag + name
	}
	return t
}

// fwdType is a struct or union that the kernel declares and never defines here.
func fwdType(b *btf, ref check.BTFRef, r btfRecord) *check.Type {
	name, tag := b.str(r.name), "struct "
	if r.flag {
		tag = "union "
	}
	c := &check.CStruct{Name: name, Union: r.flag, BTF: ref, Load: func() []check.Field { return nil }}
	return &check.Type{Kind: check.Struct, Name: tag + name, Struct: c, BTF: ref}
}

func enumType(b *btf, ref check.BTFRef, r btfRecord) *check.Type {
	e := &check.CEnum{Name: b.str(r.name), Values: make([]check.Enumerator, 0, r.vlen)}
	r.enumerators(func(name uint32, v int64) bool {
		e.Values = append(e.Values, check.Enumerator{Name: b.str(name), Value: v})
		return true
	})
	t := &check.Type{Kind: check.Int, Size: int(r.size), Signed: r.flag, Enum: e, BTF: ref}
	if e.Name != "" {
		t.Name = "enum " + e.Name
	}
	return t
}

// members converts the members of a struct or union, anonymous ones included as
// members without a name.
func (s *typeSet) members(b *btf, id uint32) []check.Field {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := b.record(id)
	if !ok {
		return nil
	}
	fields := make([]check.Field, r.vlen)
	for i := range fields {
		m := r.member(i)
		fields[i] = memberField(b, m, s.convert(b, m.id, 0))
	}
	return fields
}

func memberField(b *btf, m btfMember, t *check.Type) check.Field {
	f := check.Field{Name: b.str(m.name), Type: t, Offset: int(m.bitOffset / 8)}
	if m.bitSize == 0 {
		m.bitSize = oldBitfield(b, &m)
	}
	if m.bitSize == 0 {
		return f
	}
	placeBitfield(&f, int(m.bitOffset), int(m.bitSize))
	return f
}

// placeBitfield finds the unit that holds a bitfield which starts at bit at of
// its struct: an aligned one of the member's own type where that holds it whole.
func placeBitfield(f *check.Field, at, size int) {
	f.BitSize = size
	if unit := f.Type.Size; unit > 0 {
		f.Offset = at / 8 / unit * unit
		f.BitOffset = at - 8*f.Offset
		if f.BitOffset+size <= 8*unit {
			return
		}
	}
	// A packed bitfield that straddles two units is read from its first byte.
	f.Offset, f.BitOffset = at/8, at%8
}

// oldBitfield returns the width of a bitfield whose struct has no kind_flag: the
// integer type itself is narrower than its bytes.
func oldBitfield(b *btf, m *btfMember) uint32 {
	r, ok := b.record(m.id)
	for range maxModifiers {
		if !ok || r.kind != btfTypedef && r.kind != btfConst && r.kind != btfVolatile {
			break
		}
		r, ok = b.record(r.size)
	}
	if !ok || r.kind != btfInt {
		return 0
	}
	_, offset, bits := r.intBits()
	if bits == 0 || bits == 8*r.size {
		return 0
	}
	m.bitOffset += offset
	return bits
}

// function returns parameters and result of a kernel function, as
// check.Target.Function.
func (s *typeSet) function(module, name string) ([]check.Field, *check.Type, error) {
	b, id, err := s.findFunction(module, name)
	if err != nil {
		return nil, nil, err
	}
	proto, ok := b.funcProto(id)
	if !ok {
		return nil, nil, fmt.Errorf("function %s has no prototype: %w", name, check.ErrNotFound)
	}
	params, result := s.signature(b, proto)
	return params, result, nil
}

// findFunction finds a function in a module, or in the only one that has it when
// module is "".
func (s *typeSet) findFunction(module, name string) (*btf, uint32, error) {
	if module != "" {
		b, err := s.btf(module)
		if err != nil {
			return nil, 0, err
		}
		id, ok := b.lookup(name, funcKinds)
		if !ok {
			return nil, 0, fmt.Errorf("function %s in %s: %w", name, moduleName(module), check.ErrNotFound)
		}
		return b, id, nil
	}
	var in *btf
	var id uint32
	var modules []string
	err := s.each(func(b *btf) bool {
		if i, ok := b.lookup(name, funcKinds); ok {
			if in == nil {
				in, id = b, i
			}
			modules = append(modules, moduleName(b.module))
		}
		return true
	})
	switch {
	case err != nil:
		return nil, 0, err
	case in == nil:
		return nil, 0, fmt.Errorf("function %s: %w", name, check.ErrNotFound)
	case len(modules) > 1:
		return nil, 0, fmt.Errorf("ambiguous function %s, name its module: %s", name, strings.Join(modules, ", "))
	}
	return in, id, nil
}

// signature converts a prototype. Pointers point into the kernel unless tagged
// otherwise.
func (s *typeSet) signature(b *btf, proto btfRecord) (params []check.Field, result *check.Type) {
	for i := range proto.vlen {
		name, id := proto.param(i)
		if name == 0 && id == 0 {
			break // the ... of a variadic function
		}
		params = append(params, check.Field{Name: b.str(name), Type: inKernel(s.typ(b, id)), Offset: 8 * i})
	}
	if proto.size != 0 {
		result = inKernel(s.typ(b, proto.size))
	}
	return params, result
}

// inKernel says of a pointer that BTF does not tag that it points into the
// kernel.
func inKernel(t *check.Type) *check.Type {
	if t.Kind != check.Pointer || t.Space != check.SpaceNone {
		return t
	}
	k := *t
	k.Space = check.SpaceKernel
	return &k
}

// rawTracepoint returns the arguments of a raw tracepoint, without the kernel's
// own first one. The typedef btf_trace_EVENT proves that it exists; the function
// that calls the probes has the same parameters with names.
func (s *typeSet) rawTracepoint(module, event string) ([]check.Field, *btf, error) {
	b, id, err := s.findIn(module, "btf_trace_"+event, 1<<btfTypedef)
	if err != nil {
		return nil, nil, err
	}
	proto, ok := b.tracepointProto(id)
	if !ok {
		return nil, nil, fmt.Errorf("raw tracepoint %s has no prototype: %w", event, check.ErrNotFound)
	}
	args, _ := s.signature(b, proto)
	if len(args) > 0 {
		args = args[1:]
	}
	s.nameArgs(b, event, args)
	for i := range args {
		args[i].Offset = 8 * i
		if args[i].Name == "" {
			args[i].Name = argName(i)
		}
	}
	return args, b, nil
}

func (s *typeSet) findIn(module, name string, kinds uint32) (*btf, uint32, error) {
	if module == "" {
		return s.find(name, kinds)
	}
	b, err := s.btf(module)
	if err != nil {
		return nil, 0, err
	}
	id, ok := b.lookup(name, kinds)
	if !ok {
		return nil, 0, check.ErrNotFound
	}
	return b, id, nil
}

// tracepointProto follows typedef, pointer and prototype.
func (b *btf) tracepointProto(id uint32) (btfRecord, bool) {
	r, ok := b.record(id)
	for ok && (r.kind == btfTypedef || r.kind == btfPtr) {
		next, found := b.record(r.size)
		if found && next.kind == btfTypedef {
			return next, false
		}
		r, ok = next, found
		if ok && r.kind == btfFuncProto {
			return r, true
		}
	}
	return r, false
}

// nameArgs takes the names of a tracepoint's arguments from one of the functions
// that the kernel generates for it.
func (s *typeSet) nameArgs(b *btf, event string, args []check.Field) {
	for _, prefix := range []string{"__traceiter_", "__probestub_", "__bpf_trace_"} {
		id, ok := b.lookup(prefix+event, funcKinds)
		if !ok {
			continue
		}
		proto, ok := b.funcProto(id)
		if !ok || proto.vlen != len(args)+1 {
			continue
		}
		for i := range args {
			name, _ := proto.param(i + 1)
			args[i].Name = b.str(name)
		}
		return
	}
}

// enumConst finds an enumerator in the kernel or a module.
func (s *typeSet) enumConst(name string) (int64, *check.Type, error) {
	var v int64
	var t *check.Type
	err := s.each(func(b *btf) bool {
		value, id, ok := b.enumerator(name)
		if ok {
			v, t = value, s.typ(b, id)
		}
		return !ok
	})
	if err == nil && t == nil {
		err = fmt.Errorf("enumerator %s: %w", name, check.ErrNotFound)
	}
	return v, t, err
}

// percpuVar returns the type of a variable of a per-CPU section.
func (s *typeSet) percpuVar(name string) (*check.Type, error) {
	b, id, err := s.find(name, 1<<btfVar)
	if err != nil {
		return nil, err
	}
	if !b.inPercpu(id) {
		return nil, fmt.Errorf("variable %s is not per-CPU: %w", name, check.ErrNotFound)
	}
	return s.typ(b, id), nil
}

// inPercpu reports whether a variable lies in a section of per-CPU variables.
func (b *btf) inPercpu(id uint32) bool {
	found := false
	b.each(1<<btfDatasec, func(sec, name uint32) {
		if found || !strings.HasPrefix(b.str(name), ".data..percpu") {
			return
		}
		r, _ := b.record(sec)
		for i := range r.vlen {
			if r.member(i).name == id { // a section's entry starts with the variable's id
				found = true
				return
			}
		}
	})
	return found
}

// names returns the sorted names of b's records of these kinds that begin with
// prefix, the prefix cut off.
func (b *btf) names(kinds uint32, prefix string) []string {
	var names []string
	b.each(kinds, func(_, name uint32) {
		if s := b.bytes(name); len(s) > len(prefix) && string(s[:len(prefix)]) == prefix {
			names = append(names, string(s[len(prefix):]))
		}
	})
	sort.Strings(names)
	return names
}

// argName names an argument that has no name.
func argName(i int) string { return "arg" + strconv.Itoa(i) }
