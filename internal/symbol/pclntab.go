package symbol

import (
	"debug/elf"
	"encoding/binary"
	"math"
	"slices"
	"sort"
)

// A pclntab reads the table from which the Go runtime names functions and
// lines; it survives stripping. The layout is described beside pcHeader and
// _func in Go's runtime/symtab.go and runtime/runtime2.go; the magic number
// tells the version.
type pclntab struct {
	data    []byte
	order   binary.ByteOrder
	version int // 12, 116, 118 or 120: first Go release with the layout
	quantum uint64
	ptr     uint64 // size of a pointer
	text    uint64 // address that function offsets count from, 118 and later

	nfunc                                   uint64
	names, cutab, files, pctab, funcs, ftab uint64 // offsets into data
}

const (
	pclnMagic12  = 0xfffffffb
	pclnMagic116 = 0xfffffffa
	pclnMagic118 = 0xfffffff0
	pclnMagic120 = 0xfffffff1
)

// readPclntab returns the table of a Go binary, nil when there is none that can
// be read.
func (b *Binary) readPclntab() *pclntab {
	s := b.file.Section(".gopclntab")
	if s == nil {
		s = b.file.Section(".data.rel.ro.gopclntab")
	}
	data, err := sectionData(s)
	if err != nil {
		return nil
	}
	p := parsePclntab(data, b.file.ByteOrder)
	if p == nil {
		return nil
	}
	if p.version >= 118 {
		p.text = b.goText(s.Addr, p)
	}
	return p
}

// parsePclntab checks the header; text stays to be set.
func parsePclntab(data []byte, order binary.ByteOrder) *pclntab {
	if len(data) < 16 || len(data) > math.MaxInt32 || data[4] != 0 || data[5] != 0 {
		return nil
	}
	p := &pclntab{data: data, order: order, quantum: uint64(data[6]), ptr: uint64(data[7])}
	if p.quantum == 0 || p.ptr != 4 && p.ptr != 8 {
		return nil
	}
	p.nfunc = p.word(8)
	first := uint64(0) // number of the header word with the offset of names
	switch order.Uint32(data) {
	case pclnMagic12:
		p.version = 12
		p.ftab = 8 + p.ptr
		p.files = uint64(p.u32(p.ftab + (2*p.nfunc+1)*p.ptr))
		return p.checked()
	case pclnMagic116:
		p.version, first = 116, 2
	case pclnMagic118:
		p.version, first = 118, 3
	case pclnMagic120:
		p.version, first = 120, 3
	default:
		return nil
	}
	for i, field := range []*uint64{&p.names, &p.cutab, &p.files, &p.pctab, &p.funcs} {
		*field = p.word(8 + (first+uint64(i))*p.ptr)
	}
	p.ftab = p.funcs
	return p.checked()
}

// checked returns p if what the header says lies inside the data.
func (p *pclntab) checked() *pclntab {
	n := uint64(len(p.data))
	if p.nfunc > n || p.names > n || p.cutab > n || p.files > n || p.pctab > n || p.funcs > n ||
		p.ftab+(2*p.nfunc+1)*p.field() > n {
		return nil
	}
	return p
}

// goText returns the address of runtime.text, from which Go 1.18 and later
// count. The header of the table had it until 1.25, in position-independent
// code as a relocation; since 1.26 only the module data have it.
func (b *Binary) goText(pclntab uint64, p *pclntab) uint64 {
	if text := b.relocatedWord(pclntab+8+2*p.ptr, p.ptr); text != 0 {
		return text
	}
	if s := b.file.Section(".go.module"); s != nil {
		const textWord = 22 // runtime.moduledata.text, after seven slices and pointers
		if text := b.relocatedWord(s.Addr+textWord*p.ptr, p.ptr); text != 0 {
			return text
		}
	}
	if s := b.file.Section(".text"); s != nil {
		return s.Addr
	}
	return 0
}

// relocatedWord returns the pointer at address addr as it is before the file is
// moved: what is there, or what a relocation puts there.
func (b *Binary) relocatedWord(addr, size uint64) uint64 {
	for _, p := range b.file.Progs {
		if p.Type != elf.PT_LOAD || addr-p.Vaddr >= p.Filesz {
			continue
		}
		var buf [8]byte
		if _, err := p.ReadAt(buf[:size], int64(addr-p.Vaddr)); err != nil {
			return 0
		}
		if size == 4 {
			return uint64(b.file.ByteOrder.Uint32(buf[:]))
		}
		if v := b.file.ByteOrder.Uint64(buf[:]); v != 0 {
			return v
		}
	}
	if size != 8 {
		return 0
	}
	for _, s := range b.file.Sections {
		if s.Type != elf.SHT_RELA {
			continue
		}
		data, err := sectionData(s)
		for ; err == nil && len(data) >= 24; data = data[24:] {
			if b.file.ByteOrder.Uint64(data) == addr {
				return b.file.ByteOrder.Uint64(data[16:])
			}
		}
	}
	return 0
}

// The accessors return zero outside of the data, so that a malformed table
// yields wrong names at worst.

func (p *pclntab) u32(off uint64) uint32 {
	if off > uint64(len(p.data)) || uint64(len(p.data))-off < 4 {
		return 0
	}
	return p.order.Uint32(p.data[off:])
}

func (p *pclntab) word(off uint64) uint64 {
	if p.ptr == 4 {
		return uint64(p.u32(off))
	}
	if off > uint64(len(p.data)) || uint64(len(p.data))-off < 8 {
		return 0
	}
	return p.order.Uint64(p.data[off:])
}

// field is the size of the numbers in the function table and of _func.entry.
func (p *pclntab) field() uint64 {
	if p.version >= 118 {
		return 4
	}
	return p.ptr
}

func (p *pclntab) fieldAt(i uint64) uint64 {
	off := p.ftab + i*p.field()
	if p.field() == 4 {
		return uint64(p.u32(off))
	}
	return p.word(off)
}

// entry returns the address of function i; i == nfunc gives the end of the last.
func (p *pclntab) entry(i uint64) uint64 { return p.text + p.fieldAt(2*i) }

// info returns the offset of the _func of function i.
func (p *pclntab) info(i uint64) uint64 { return p.funcs + p.fieldAt(2*i+1) }

// member returns the nth 32-bit member of a _func, counted from its entry.
func (p *pclntab) member(info, n uint64) uint32 {
	entry := p.ptr
	if p.version >= 118 {
		entry = 4
	}
	return p.u32(info + entry + (n-1)*4)
}

const (
	funcNameOff  = 1
	funcPCFile   = 5
	funcPCLine   = 6
	funcCUOffset = 8
)

// find returns the number of the function that holds addr.
func (p *pclntab) find(addr uint64) (uint64, bool) {
	n := int(p.nfunc)
	i := sort.Search(n, func(i int) bool { return p.entry(uint64(i)) > addr })
	if i == 0 || addr >= p.entry(p.nfunc) {
		return 0, false
	}
	return uint64(i - 1), true
}

func (p *pclntab) contains(addr uint64) bool {
	_, ok := p.find(addr)
	return ok
}

// line returns the source position of the instruction at addr.
func (p *pclntab) line(addr uint64) (file string, line int) {
	i, ok := p.find(addr)
	if !ok {
		return "", 0
	}
	info, entry := p.info(i), p.entry(i)
	n := p.value(p.member(info, funcPCLine), entry, addr)
	no := p.value(p.member(info, funcPCFile), entry, addr)
	if n < 0 || no < 0 {
		return "", 0
	}
	return p.file(info, uint64(no)), int(n)
}

func (p *pclntab) file(info, no uint64) string {
	if p.version == 12 {
		return cString(p.data, p.u32(p.files+no*4))
	}
	off := p.u32(p.cutab + (uint64(p.member(info, funcCUOffset))+no)*4)
	if off == math.MaxUint32 {
		return ""
	}
	return cString(p.data[p.files:], off)
}

// value looks addr up in a table of deltas: pairs of a zigzag value and an
// unsigned program counter delta, ended by a zero value.
func (p *pclntab) value(table uint32, pc, addr uint64) int32 {
	b := p.data[p.pctab:]
	if uint64(table) >= uint64(len(b)) {
		return -1
	}
	b = b[table:]
	value := int32(-1)
	for first := true; ; first = false {
		delta, n := binary.Uvarint(b)
		if n <= 0 || delta == 0 && !first {
			return -1
		}
		b = b[n:]
		value += int32(delta>>1) ^ -int32(delta&1)
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return -1
		}
		b = b[n:]
		pc += step * p.quantum
		if addr < pc {
			return value
		}
	}
}

// addGo adds the functions of a pclntab to the table.
func (t *table) addGo(p *pclntab) {
	src := uint8(len(t.strs))
	names := string(p.data[p.names:])
	t.strs = append(t.strs, names)
	t.syms = slices.Grow(t.syms, int(p.nfunc))
	for i := range p.nfunc {
		name := p.member(p.info(i), funcNameOff)
		start, end := p.entry(i), p.entry(i+1)
		if uint64(name) >= uint64(len(names)) || names[name] == 0 || end <= start {
			continue
		}
		t.syms = append(t.syms, sym{addr: start, size: clamp32(end - start), name: name, src: src})
	}
}
