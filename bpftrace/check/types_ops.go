package check

import (
	"strconv"
	"strings"
)

// String returns t in upstream's words: "int64", "string[16]",
// "struct task_struct *", "(int8,string[3])".
func (t *Type) String() string {
	if t == nil {
		return "none"
	}
	switch t.Kind {
	case Int:
		if t.Enum != nil {
			return t.Name
		}
		return intName(t)
	case String, Inet:
		if t.Size == 0 {
			return kindNames[t.Kind]
		}
		return kindNames[t.Kind] + "[" + strconv.Itoa(t.Size) + "]"
	case Buffer:
		return "buffer[" + strconv.Itoa(t.Size+4) + "]"
	case Pointer:
		if t.Elem == nil || t.Elem.Kind == Unknown && t.Elem.Name == "" {
			return "void *"
		}
		return t.Elem.String() + " *"
	case Array:
		return t.Elem.String() + "[" + strconv.Itoa(max(t.Len, 0)) + "]"
	case Struct:
		return structName(t)
	case Tuple, Record:
		return fieldsString(t)
	case KStack, UStack:
		return kindNames[t.Kind] + "_" + t.Mode.String() + "_" + strconv.Itoa(t.Depth)
	case Sum, Min, Max, Avg, Stats:
		if !t.Signed {
			return "u" + kindNames[t.Kind]
		}
	}
	return kindNames[t.Kind]
}

func intName(t *Type) string {
	s := "uint"
	if t.Signed {
		s = "int"
	}
	return s + strconv.Itoa(t.Size*8)
}

func structName(t *Type) string {
	if t.Name != "" {
		return t.Name
	}
	if t.Struct == nil {
		return "struct"
	}
	var b strings.Builder
	b.WriteString("struct {")
	if t.Struct.Union {
		b.Reset()
		b.WriteString("union {")
	}
	for i, f := range t.Struct.Members() {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(f.Type.String())
	}
	return b.String() + "}"
}

func fieldsString(t *Type) string {
	parts := make([]string, len(t.Fields))
	for i, f := range t.Fields {
		parts[i] = f.Type.String()
		if t.Kind == Record {
			parts[i] = "." + f.Name + " = " + parts[i]
		}
	}
	if t.Kind == Record {
		return "record { " + strings.Join(parts, ", ") + " }"
	}
	return "(" + strings.Join(parts, ",") + ")"
}

var kindNames = [...]string{
	Unknown: "none", Void: "void", Bool: "bool", Int: "int", Pointer: "pointer", String: "string",
	Buffer: "buffer", Array: "array", Struct: "c_type", Tuple: "tuple", Record: "record",
	KStack: "kstack", UStack: "ustack", Ksym: "ksym_t", Usym: "usym_t", Inet: "inet",
	MACAddr: "mac_address", Username: "username", Timestamp: "timestamp", CgroupPath: "cgroup_path_t",
	Count: "count_t", Sum: "sum_t", Min: "min_t", Max: "max_t", Avg: "avg_t", Stats: "stats_t",
	Hist: "hist_t", LHist: "lhist_t", TSeries: "tseries_t", Symbolic: "timestamp_mode",
}

// String returns k in upstream's words, as messages name kinds of types.
func (k Kind) String() string { return kindNames[k] }

// String returns m as it is written in a program.
func (m StackMode) String() string {
	return [...]string{"bpftrace", "perf", "raw", "build_id"}[m]
}

// Members returns the fields of s in order of their declaration.
func (s *CStruct) Members() []Field {
	if s == nil {
		return nil
	}
	s.once.Do(func() {
		if s.Load != nil && s.Known == nil {
			s.Known = s.Load()
		}
	})
	return s.Known
}

// Member returns the member called name, which may be inside anonymous members;
// its offset is from the start of s.
func (s *CStruct) Member(name string) (Field, bool) { return s.member(name, 0) }

func (s *CStruct) member(name string, depth int) (Field, bool) {
	members := s.Members()
	for i := range members {
		if members[i].Name == name {
			return members[i], true
		}
	}
	for i := range members {
		m := &members[i]
		if m.Name != "" || m.Type == nil || m.Type.Kind != Struct || depth > 16 {
			continue
		}
		if f, ok := m.Type.Struct.member(name, depth+1); ok {
			f.Offset += m.Offset
			return f, true
		}
	}
	return Field{}, false
}

// MemberNames returns the names of all members of s, those inside anonymous
// members included.
func (s *CStruct) MemberNames() []string {
	var names []string
	for _, m := range s.Members() {
		switch {
		case m.Name != "":
			names = append(names, m.Name)
		case m.Type != nil && m.Type.Kind == Struct:
			names = append(names, m.Type.Struct.MemberNames()...)
		}
	}
	return names
}

// Fixed types, shared and never changed.
var (
	unknownType = &Type{Kind: Unknown}
	voidType    = &Type{Kind: Void}
	boolType    = &Type{Kind: Bool, Size: 1}
	int8Type    = &Type{Kind: Int, Size: 1, Signed: true}
	int64Type   = &Type{Kind: Int, Size: 8, Signed: true}
	int32Type   = &Type{Kind: Int, Size: 4, Signed: true}
	uint8Type   = &Type{Kind: Int, Size: 1}
	uint32Type  = &Type{Kind: Int, Size: 4}
	uint64Type  = &Type{Kind: Int, Size: 8}

	ints = [...][2]*Type{ // by log2 of the size; unsigned, signed
		{uint8Type, int8Type},
		{{Kind: Int, Size: 2}, {Kind: Int, Size: 2, Signed: true}},
		{uint32Type, int32Type},
		{uint64Type, int64Type},
	}

	// flexInts are the types of non-negative literals: signed, but they take the
	// sign of the other operand. They are told apart by identity alone.
	flexInts = [...]*Type{
		{Kind: Int, Size: 1, Signed: true},
		{Kind: Int, Size: 2, Signed: true},
		{Kind: Int, Size: 4, Signed: true},
		{Kind: Int, Size: 8, Signed: true},
	}
)

func intType(size int, signed bool) *Type {
	i := 0
	for size > 1 && i < 3 {
		size >>= 1
		i++
	}
	if signed {
		return ints[i][1]
	}
	return ints[i][0]
}

func flexInt(size int) *Type {
	for _, t := range flexInts {
		if t.Size == size {
			return t
		}
	}
	return flexInts[3]
}

func isFlex(t *Type) bool {
	return t == flexInts[0] || t == flexInts[1] || t == flexInts[2] || t == flexInts[3]
}

func stringType(size int) *Type { return &Type{Kind: String, Size: size, Space: SpaceKernel} }

func pointerTo(elem *Type, space AddrSpace) *Type {
	return &Type{Kind: Pointer, Size: 8, Elem: elem, Space: space}
}

func arrayOf(elem *Type, n int) *Type {
	return &Type{Kind: Array, Size: max(n, 0) * elem.Size, Elem: elem, Len: n}
}

// withSpace returns t in address space s.
func withSpace(t *Type, s AddrSpace) *Type {
	if t == nil || t.Space == s || t.Kind == Unknown || t.Kind == Void {
		return t
	}
	c := *t
	c.Space = s
	return &c
}

func isKnown(t *Type) bool { return t != nil && t.Kind != Unknown }

func isAggregation(k Kind) bool { return k >= Count && k <= TSeries }

// isCastable reports whether an aggregation can be read as an integer.
func isCastable(t *Type) bool { return t.Kind >= Count && t.Kind <= Avg }

// isMultiKey reports whether an aggregation has no single value.
func isMultiKey(t *Type) bool { return t.Kind >= Stats && t.Kind <= TSeries }

func isInt(t *Type) bool { return t.Kind == Int }

func isIntLike(t *Type) bool { return t.Kind == Int || t.Kind == Bool || isCastable(t) }

func isStack(t *Type) bool { return t.Kind == KStack || t.Kind == UStack }

// Equal reports whether a and b are the same type. Address spaces do not count.
func Equal(a, b *Type) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Struct:
		return structName(a) == structName(b) && a.Size == b.Size
	case Pointer:
		return Equal(a.Elem, b.Elem)
	case Array:
		return a.Len == b.Len && Equal(a.Elem, b.Elem)
	case Tuple, Record:
		return equalFields(a, b)
	case Int:
		if a.Enum != nil || b.Enum != nil {
			return a.Enum != nil && b.Enum != nil && a.Name == b.Name && a.Size == b.Size
		}
	case KStack, UStack:
		return a.Mode == b.Mode && a.Depth == b.Depth
	}
	return a.Size == b.Size && a.Signed == b.Signed
}

func equalFields(a, b *Type) bool {
	if len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		if a.Fields[i].Name != b.Fields[i].Name || !Equal(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	return true
}

// same is Equal that also looks at what inference has to carry on: whether an
// integer is still free in its sign, and the address space.
func same(a, b *Type) bool {
	if a == b {
		return true
	}
	if !Equal(a, b) || isFlex(a) != isFlex(b) || a.Space != b.Space || a.Ctx != b.Ctx {
		return false
	}
	for i := range a.Fields {
		if !same(a.Fields[i].Type, b.Fields[i].Type) {
			return false
		}
	}
	return true
}

// compatible reports whether a and b can be brought to one type.
func compatible(a, b *Type) bool {
	if a.Kind == Unknown || b.Kind == Unknown {
		return true
	}
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case Struct:
		return structName(a) == structName(b)
	case Pointer:
		return a.Elem == nil || b.Elem == nil || compatible(a.Elem, b.Elem)
	case Tuple:
		if len(a.Fields) != len(b.Fields) {
			return false
		}
		for i := range a.Fields {
			if !compatible(a.Fields[i].Type, b.Fields[i].Type) {
				return false
			}
		}
	case Record:
		return compatibleRecords(a, b)
	case KStack, UStack:
		return a.Mode == b.Mode && a.Depth == b.Depth
	case Array:
		return Equal(a.Elem, b.Elem) && (a.Size == 0 || b.Size == 0 || a.Size == b.Size)
	}
	return true
}

func compatibleRecords(a, b *Type) bool {
	if len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Fields {
		f := fieldNamed(b, a.Fields[i].Name)
		if f == nil || !compatible(a.Fields[i].Type, f.Type) {
			return false
		}
	}
	return true
}

func fieldNamed(t *Type, name string) *Field {
	for i := range t.Fields {
		if t.Fields[i].Name == name {
			return &t.Fields[i]
		}
	}
	return nil
}

// promoteInt returns the integer type that holds a and b: the wider one, the
// next wider signed one when the signs differ.
func promoteInt(a, b *Type) *Type {
	size := max(a.Size, b.Size)
	af, bf := isFlex(a), isFlex(b)
	if af && bf {
		return flexInt(size)
	}
	if a.Signed == b.Signed {
		return intType(size, a.Signed)
	}
	if af || bf {
		return intType(size, !af && a.Signed || !bf && b.Signed)
	}
	if a.Signed && a.Size > b.Size {
		return intType(a.Size, true)
	}
	if b.Signed && b.Size > a.Size {
		return intType(b.Size, true)
	}
	return intType(min(size*2, 8), true)
}

// promote returns the type that holds values of cur and t, or nil when there is
// none. A nil cur is a variable without a type as yet.
func promote(cur, t *Type) *Type {
	if cur == nil || cur.Kind == Unknown {
		if t != nil && isCastable(t) {
			return intType(8, t.Signed && t.Kind != Count)
		}
		return t
	}
	if t.Kind == Unknown {
		return cur
	}
	if !compatible(cur, t) {
		if isInt(cur) && isCastable(t) || isInt(t) && isCastable(cur) {
			return keepSpace(cur, t, promoteInt(cur, t))
		}
		return nil
	}
	return promoteElem(cur, t)
}

// keepSpace gives p the address space of cur or, when that has none, of t.
func keepSpace(cur, t, p *Type) *Type {
	s := cur.Space
	if s == SpaceNone {
		s = t.Space
	}
	if s == SpaceNone {
		return p
	}
	return withSpace(p, s)
}

// promoteElem is promote for compatible types.
func promoteElem(cur, t *Type) *Type {
	switch {
	case cur.Kind == Unknown:
		return t
	case t.Kind == Unknown:
		return cur
	case cur.Kind == Int:
		if Equal(cur, t) && !isFlex(cur) {
			return keepSpace(cur, t, cur)
		}
		return keepSpace(cur, t, promoteInt(cur, t))
	case isCastable(cur):
		if cur.Signed != t.Signed && !cur.Signed {
			return t
		}
		return cur
	case cur.Kind == Tuple || cur.Kind == Record:
		return promoteFields(cur, t)
	case cur.Kind == String:
		if t.Size > cur.Size {
			return keepSpace(cur, t, t)
		}
		return keepSpace(cur, t, cur)
	case cur.Kind == Pointer:
		return promotePointer(cur, t)
	case cur.Kind == Array && cur.Size == 0, cur.Kind == Buffer && t.Size > cur.Size:
		return t
	}
	return cur
}

func promotePointer(cur, t *Type) *Type {
	if cur.Elem == nil || t.Elem == nil {
		return cur
	}
	elem := promoteElem(cur.Elem, t.Elem)
	if elem == nil {
		return nil
	}
	p := *cur
	p.Elem = elem
	if p.Space == SpaceNone {
		p.Space = t.Space
	}
	return &p
}

func promoteFields(cur, t *Type) *Type {
	if same(cur, t) {
		return cur
	}
	elems := make([]*Type, len(cur.Fields))
	names := make([]string, len(cur.Fields))
	for i, f := range cur.Fields {
		o := t.Fields[i]
		if cur.Kind == Record {
			o = *fieldNamed(t, f.Name)
		}
		e := promoteElem(f.Type, o.Type)
		if e == nil {
			return nil
		}
		elems[i], names[i] = e, f.Name
	}
	return composite(cur.Kind, elems, names)
}

// fits reports whether every value of t is a value of to.
func fits(t, to *Type) bool {
	if t.Kind == Unknown || to.Kind == Unknown {
		return true
	}
	if !compatible(t, to) {
		return false
	}
	switch t.Kind {
	case String:
		return t.Size <= to.Size
	case Int:
		switch {
		case t.Signed == to.Signed || isFlex(t):
			return t.Size <= to.Size
		case !t.Signed:
			return t.Size < to.Size
		}
		return false
	case Tuple, Record:
		for i, f := range t.Fields {
			o := to.Fields[i]
			if t.Kind == Record {
				o = *fieldNamed(to, f.Name)
			}
			if !fits(f.Type, o.Type) {
				return false
			}
		}
		return true
	}
	return Equal(t, to)
}

// composite makes a tuple or record, its fields laid out as C lays out a struct.
func composite(kind Kind, elems []*Type, names []string) *Type {
	t := &Type{Kind: kind, Fields: make([]Field, len(elems)), Space: SpaceBPF, parts: 1}
	offset, align := 0, 1
	for i, e := range elems {
		t.parts += max(e.parts, 1)
		a := alignOf(e)
		align = max(align, a)
		offset = (offset + a - 1) / a * a
		t.Fields[i] = Field{Type: e, Offset: offset}
		if names != nil {
			t.Fields[i].Name = names[i]
		}
		offset += e.Size
	}
	t.Size = (offset + align - 1) / align * align
	return t
}

// alignOf is the alignment of a type inside a tuple or record.
func alignOf(t *Type) int {
	switch t.Kind {
	case String, Usym, Inet, Buffer, Timestamp, MACAddr, CgroupPath:
		return 1
	case Tuple, Record:
		a := 1
		for _, f := range t.Fields {
			a = max(a, alignOf(f.Type))
		}
		return a
	case Array:
		return alignOf(t.Elem)
	case Struct:
		return structAlign(t.Struct)
	}
	switch {
	case t.Size <= 1:
		return 1
	case t.Size == 2:
		return 2
	case t.Size <= 4:
		return 4
	}
	return 8
}

func structAlign(s *CStruct) int {
	if s == nil {
		return 8
	}
	if s.Size%8 == 0 {
		return 8
	}
	for _, a := range []int{4, 2} {
		if s.Size%a == 0 {
			return a
		}
	}
	return 1
}
