package symbol

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// A Func is one function of a binary.
type Func struct {
	Name       string // as the symbol table has it, without version
	Version    string // symbol version such as GLIBC_2.2.5, or ""
	Addr       uint64 // virtual address in the file
	Size       uint64 // in bytes; 0 when not recorded
	FileOffset uint64 // of Addr: where a uprobe goes
	// IFunc says that Addr is a resolver, which runs once when the program is
	// linked and returns the address of the function proper: a probe there
	// does not see calls.
	IFunc bool
}

// A NotFoundError says that a binary has no function, object or probe of a
// name, and what it has instead.
type NotFoundError struct {
	Kind    string // "function", "object", "USDT probe", ...
	Name    string
	Binary  string
	Similar []string // names that were perhaps meant, best first
	Hint    string   // what to do, or ""
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("%s %q not found in %s", e.Kind, e.Name, e.Binary)
	if len(e.Similar) > 0 {
		s += "; did you mean " + strings.Join(e.Similar, ", ") + "?"
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Function returns the function called name. The name may carry a version
// (malloc@GLIBC_2.2.5, or a prefix of one: malloc@@GLIBC); without it the
// default version is meant. The error is a [*NotFoundError] when there is none.
func (b *Binary) Function(name string) (Func, error) {
	t, err := b.table()
	if err != nil {
		return Func{}, err
	}
	base, version := splitVersion(name)
	best := -1
	for i := range t.syms {
		s := &t.syms[i]
		if !t.hasName(s, base) || !b.versionMatches(t, s, version) {
			continue
		}
		if best < 0 || s.worth() < t.syms[best].worth() {
			best = i
		}
	}
	if best < 0 {
		return Func{}, b.noFunction(t, name)
	}
	return b.function(t, &t.syms[best])
}

// worth orders the symbols that a name can mean, least first.
func (s *sym) worth() int {
	w := s.rank()
	if s.flags&symHidden != 0 {
		w += 3
	}
	return w
}

// splitVersion separates "name@version" and "name@@version".
func splitVersion(name string) (base, version string) {
	base, version, _ = strings.Cut(name, "@")
	if base == "" {
		return name, ""
	}
	return base, strings.TrimPrefix(version, "@")
}

func (b *Binary) versionMatches(t *table, s *sym, version string) bool {
	if version == "" {
		return true
	}
	have := b.version(t, s)
	return have == version || strings.HasPrefix(have, version+"_")
}

func (b *Binary) version(t *table, s *sym) string {
	if s.ver < 2 {
		return strings.TrimLeft(t.suffix(s), "@")
	}
	return b.vers()[s.ver]
}

func (b *Binary) function(t *table, s *sym) (Func, error) {
	off, err := b.FileOffset(s.addr)
	if err != nil {
		return Func{}, err
	}
	return Func{
		Name: t.name(s), Version: b.version(t, s), Addr: s.addr, Size: uint64(s.size),
		FileOffset: off, IFunc: s.flags&symIFunc != 0,
	}, nil
}

// Functions returns the functions whose name a bpftrace wildcard pattern
// matches, sorted by name, each name once.
func (b *Binary) Functions(pattern string) ([]Func, error) {
	return b.functions(func(name string) bool { return Match(pattern, name) })
}

// CPPFunctions returns the functions whose demangled name a bpftrace wildcard
// pattern matches, with its parameter list or without: "ns::f" means every
// overload of it. They are sorted by name, and of the names of one address (as
// constructors have two) the first stands for all. When there is none the error
// is a [*NotFoundError].
func (b *Binary) CPPFunctions(pattern string) ([]Func, error) {
	var d demangler
	funcs, err := b.functions(func(name string) bool { return d.matches(pattern, name) })
	if err == nil && len(funcs) == 0 {
		return nil, b.noCPPFunction(pattern)
	}
	seen := make(map[uint64]bool, len(funcs))
	return slices.DeleteFunc(funcs, func(f Func) bool {
		again := seen[f.Addr]
		seen[f.Addr] = true
		return again
	}), err
}

func (b *Binary) functions(match func(name string) bool) ([]Func, error) {
	t, err := b.table()
	if err != nil {
		return nil, err
	}
	type named struct {
		name string
		s    *sym
	}
	found := make([]named, 0, 64)
	for i := range t.syms {
		if name := t.name(&t.syms[i]); match(name) {
			found = append(found, named{name, &t.syms[i]})
		}
	}
	slices.SortFunc(found, func(x, y named) int {
		if c := strings.Compare(x.name, y.name); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(x.s.worth(), y.s.worth()), cmp.Compare(x.s.addr, y.s.addr))
	})
	funcs := make([]Func, 0, len(found))
	for _, n := range found {
		if len(funcs) > 0 && funcs[len(funcs)-1].Name == n.name {
			continue // an alias, or an older version
		}
		if f, err := b.function(t, n.s); err == nil {
			funcs = append(funcs, f)
		}
	}
	return funcs, nil
}

// FunctionAt returns the function that holds virtual address vaddr.
func (b *Binary) FunctionAt(vaddr uint64) (Func, bool) {
	t, err := b.table()
	if err != nil {
		return Func{}, false
	}
	s := t.find(vaddr)
	if s == nil {
		return Func{}, false
	}
	f, err := b.function(t, s)
	return f, err == nil
}

// IsGoFunction reports whether Go code holds vaddr, as opposed to C code linked
// into a Go program: such a function takes no uretprobe.
func (b *Binary) IsGoFunction(vaddr uint64) bool {
	if p := b.goTab(); p != nil {
		return p.contains(vaddr)
	}
	return b.IsGo()
}

// An Object is a variable of a binary: what uaddr() gives the address of.
type Object struct {
	Name       string
	Addr, Size uint64 // virtual address in the file; bytes
}

// Object returns the global or static variable called name.
func (b *Binary) Object(name string) (Object, error) {
	var found *Object
	for _, f := range []*elf.File{b.debug(), b.file} {
		for _, typ := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
			if found == nil {
				found = findObject(f, typ, name)
			}
		}
	}
	if found == nil {
		return Object{}, &NotFoundError{Kind: "variable", Name: name, Binary: b.path}
	}
	return *found, nil
}

func findObject(f *elf.File, typ elf.SectionType, name string) (found *Object) {
	s := f.SectionByType(typ)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil
	}
	data, strs, err := symbolSection(f, s)
	if err != nil {
		return nil
	}
	eachSymbol(f, data, func(e elfSym) bool {
		if (e.isObject() || e.isFunction() || e.isLabel()) && hasCString(strs, e.name, name) {
			found = &Object{name, e.value, e.size}
		}
		return found == nil
	})
	return found
}

// hasCString reports whether the zero-terminated string at off is want.
func hasCString(strs string, off uint32, want string) bool {
	end := uint64(off) + uint64(len(want))
	return end < uint64(len(strs)) && strs[end] == 0 && strs[off:end] == want
}
