package symbol

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
)

// maxSymbols bounds the functions that are kept of one file.
const maxSymbols = 8 << 20

// A table holds the functions of a file, in the order of the file and with
// repetitions. Names stay where the file has them, in a few large strings.
type table struct {
	syms   []sym
	strs   []string
	sorted func() []uint32 // indexes of syms by address; on first use, for names need none
}

// A sym is 24 bytes, because large programs have millions.
type sym struct {
	addr  uint64
	size  uint32
	name  uint32 // offset into table.strs[src]
	ver   uint16 // index of its symbol version, 0 and 1 for none
	flags symFlags
	src   uint8
}

type symFlags uint8

const (
	symIFunc  symFlags = 1 << iota // STT_GNU_IFUNC: the address is the resolver's
	symWeak                        // STB_WEAK
	symLocal                       // STB_LOCAL
	symHidden                      // an old version, kept for old programs
)

// name returns the name of s without a version: .symtab has names such as
// memcpy@@GLIBC_2.14, .dynsym keeps versions apart.
func (t *table) name(s *sym) string {
	str := t.strs[s.src]
	end := int(s.name)
	for end < len(str) && str[end] != 0 && (str[end] != '@' || end == int(s.name)) {
		end++
	}
	return str[s.name:end]
}

// hasName is t.name(s) == want, without looking for the end.
func (t *table) hasName(s *sym, want string) bool {
	str := t.strs[s.src][s.name:]
	return strings.HasPrefix(str, want) && len(str) > len(want) && (str[len(want)] == 0 || str[len(want)] == '@')
}

// suffix returns what follows the name of s: "", "@VERSION" or "@@VERSION".
func (t *table) suffix(s *sym) string {
	str := t.strs[s.src][int(s.name)+len(t.name(s)):]
	if i := strings.IndexByte(str, 0); i >= 0 {
		return str[:i]
	}
	return ""
}

// readTable reads .symtab and .dynsym of the file and .symtab of its debug
// file, and the functions of .gopclntab when a Go program was stripped.
func (b *Binary) readTable() (*table, error) {
	t := &table{}
	debug := b.debug()
	err := t.addSection(b, debug, elf.SHT_SYMTAB)
	if debug != b.file {
		if err == nil {
			err = t.addSection(b, b.file, elf.SHT_SYMTAB)
		}
	}
	stripped := len(t.syms) == 0
	if err == nil {
		err = t.addSection(b, b.file, elf.SHT_DYNSYM)
	}
	if p := b.goTab(); p != nil && stripped {
		t.addGo(p)
	}
	if err != nil && len(t.syms) == 0 {
		return nil, fmt.Errorf("read symbols of %s: %w", b.path, err)
	}
	t.sorted = sync.OnceValue(t.sort)
	return t, nil
}

// addSection adds the functions that a symbol section of file f defines.
func (t *table) addSection(b *Binary, f *elf.File, typ elf.SectionType) error {
	s := f.SectionByType(typ)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil
	}
	data, strs, err := symbolSection(f, s)
	if err != nil {
		return err
	}
	versions := versionTable(f, typ)
	src := uint8(len(t.strs))
	t.strs = append(t.strs, strs)
	t.syms = slices.Grow(t.syms, len(data)/24)
	i := 0
	eachSymbol(f, data, func(e elfSym) bool {
		i++
		if !e.isFunction() || int(e.name) >= len(strs) || strs[e.name] == 0 {
			return true
		}
		s := sym{addr: e.value, size: clamp32(e.size), name: e.name, src: src, flags: e.flags()}
		if at := (i - 1) * 2; at+2 <= len(versions) {
			v := f.ByteOrder.Uint16(versions[at:])
			s.ver = v &^ 0x8000
			if v&0x8000 != 0 {
				s.flags |= symHidden
			}
		} else if v := t.suffix(&s); v != "" && !strings.HasPrefix(v, "@@") {
			s.flags |= symHidden
		}
		t.syms = append(t.syms, s)
		return len(t.syms) < maxSymbols
	})
	return nil
}

func clamp32(n uint64) uint32 { return uint32(min(n, 1<<32-1)) }

// symbolSection returns a symbol section and its strings.
func symbolSection(f *elf.File, s *elf.Section) (data []byte, strs string, err error) {
	if data, err = sectionData(s); err != nil {
		return nil, "", err
	}
	if int(s.Link) >= len(f.Sections) {
		return nil, "", fmt.Errorf("section %s has no string table", s.Name)
	}
	str, err := sectionData(f.Sections[s.Link])
	if err != nil {
		return nil, "", err
	}
	return data, string(str), nil
}

// An elfSym is one Elf32_Sym or Elf64_Sym.
type elfSym struct {
	name        uint32
	info        byte
	shndx       uint16
	value, size uint64
}

func (e *elfSym) isFunction() bool {
	typ := elf.ST_TYPE(e.info)
	return (typ == elf.STT_FUNC || typ == elf.STT_GNU_IFUNC) && e.shndx != 0
}

func (e *elfSym) isObject() bool {
	typ := elf.ST_TYPE(e.info)
	return (typ == elf.STT_OBJECT || typ == elf.STT_COMMON) && e.shndx != 0
}

// isLabel is for what assembler code defines without a type.
func (e *elfSym) isLabel() bool {
	return elf.ST_TYPE(e.info) == elf.STT_NOTYPE && e.shndx != 0 && e.shndx < uint16(elf.SHN_LORESERVE)
}

func (e *elfSym) flags() (fl symFlags) {
	if elf.ST_TYPE(e.info) == elf.STT_GNU_IFUNC {
		fl |= symIFunc
	}
	switch elf.ST_BIND(e.info) {
	case elf.STB_WEAK:
		fl |= symWeak
	case elf.STB_LOCAL:
		fl |= symLocal
	}
	return fl
}

// eachSymbol calls yield with every symbol of a section, the null one included.
func eachSymbol(f *elf.File, data []byte, yield func(elfSym) bool) {
	o := f.ByteOrder
	if f.Class == elf.ELFCLASS32 {
		for ; len(data) >= 16; data = data[16:] {
			if !yield(elfSym{o.Uint32(data), data[12], o.Uint16(data[14:]), uint64(o.Uint32(data[4:])), uint64(o.Uint32(data[8:]))}) {
				return
			}
		}
		return
	}
	for ; len(data) >= 24; data = data[24:] {
		if !yield(elfSym{o.Uint32(data), data[4], o.Uint16(data[6:]), o.Uint64(data[8:]), o.Uint64(data[16:])}) {
			return
		}
	}
}

// sort returns the symbols ordered by address, the preferred name of an address
// first, without repetitions.
func (t *table) sort() []uint32 {
	type key struct {
		addr uint64
		i    uint32
	}
	keys := make([]key, len(t.syms))
	for i := range t.syms {
		keys[i] = key{t.syms[i].addr, uint32(i)}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.addr, b.addr), cmp.Compare(a.i, b.i))
	})
	order := make([]uint32, len(keys))
	for i, k := range keys {
		order[i] = k.i
	}
	for start := 0; start < len(order); {
		end := start + 1
		for end < len(order) && keys[end].addr == keys[start].addr {
			end++
		}
		if end > start+1 {
			slices.SortFunc(order[start:end], t.compareAliases)
		}
		start = end
	}
	return slices.Clip(slices.CompactFunc(order, func(i, j uint32) bool {
		a, b := &t.syms[i], &t.syms[j]
		return a.addr == b.addr && t.name(a) == t.name(b)
	}))
}

// compareAliases orders the names of one address, so that it is called what
// programs call it: exported names first (read before __libc_read), old versions
// last.
func (t *table) compareAliases(i, j uint32) int {
	a, b := &t.syms[i], &t.syms[j]
	x, y := t.name(a), t.name(b)
	return cmp.Or(
		cmp.Compare(a.flags&(symLocal|symHidden), b.flags&(symLocal|symHidden)),
		cmp.Compare(underscores(x), underscores(y)),
		cmp.Compare(len(x), len(y)),
		cmp.Compare(x, y),
	)
}

func underscores(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }

// rank orders the symbols of one name by how far they are seen.
func (s sym) rank() int {
	switch {
	case s.flags&symLocal != 0:
		return 2
	case s.flags&symWeak != 0:
		return 1
	}
	return 0
}

// find returns the function that holds addr.
func (t *table) find(addr uint64) *sym {
	order := t.sorted()
	i := sort.Search(len(order), func(i int) bool { return t.syms[order[i]].addr > addr })
	// Functions nest rarely (a cold part or an assembler label inside another):
	// step back over a few that end before addr.
	for n := 0; i > 0 && n < 16; n++ {
		i--
		s := &t.syms[order[i]]
		if addr-s.addr < uint64(s.size) || s.size == 0 && n == 0 && addr == s.addr {
			return t.first(order, i)
		}
	}
	return nil
}

// first returns the preferred symbol among those with the address of symbol i.
func (t *table) first(order []uint32, i int) *sym {
	last := &t.syms[order[i]]
	best := last
	for j := i - 1; j >= 0 && t.syms[order[j]].addr == last.addr; j-- {
		if t.syms[order[j]].size >= last.size {
			best = &t.syms[order[j]]
		}
	}
	return best
}

// versionTable returns .gnu.version for the dynamic symbols.
func versionTable(f *elf.File, typ elf.SectionType) []byte {
	if typ != elf.SHT_DYNSYM {
		return nil
	}
	s := f.SectionByType(elf.SHT_GNU_VERSYM)
	if s == nil {
		return nil
	}
	data, _ := sectionData(s)
	return data
}

// readVersions returns the names of the symbol versions that the file defines:
// .gnu.version_d has a chain of Elf_Verdef, each with a chain of names of which
// the first is its own.
func (b *Binary) readVersions() map[uint16]string {
	s := b.file.SectionByType(elf.SHT_GNU_VERDEF)
	data, err := sectionData(s)
	if err != nil || int(s.Link) >= len(b.file.Sections) {
		return nil
	}
	strs, err := sectionData(b.file.Sections[s.Link])
	if err != nil {
		return nil
	}
	names := map[uint16]string{}
	o := b.file.ByteOrder
	for len(data) >= 20 && len(names) < 1<<15 {
		index, aux, next := o.Uint16(data[4:]), o.Uint32(data[12:]), o.Uint32(data[16:])
		if uint64(aux)+4 <= uint64(len(data)) {
			names[index] = cString(strs, o.Uint32(data[aux:]))
		}
		if next == 0 || uint64(next) > uint64(len(data)) {
			break
		}
		data = data[next:]
	}
	return names
}
