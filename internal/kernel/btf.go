package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"sync"
)

// The kinds of BTF records, as in the kernel's uapi/linux/btf.h.
const (
	btfInt       = 1
	btfPtr       = 2
	btfArray     = 3
	btfStruct    = 4
	btfUnion     = 5
	btfEnum      = 6
	btfFwd       = 7
	btfTypedef   = 8
	btfVolatile  = 9
	btfConst     = 10
	btfRestrict  = 11
	btfFunc      = 12
	btfFuncProto = 13
	btfVar       = 14
	btfDatasec   = 15
	btfFloat     = 16
	btfDeclTag   = 17
	btfTypeTag   = 18
	btfEnum64    = 19
)

const (
	btfMagic      = 0xeb9f
	btfHeaderSize = 24
	btfRecordSize = 12
	btfMaxTypes   = 1 << 24
)

// errBTF is wrapped by every complaint about malformed BTF.
var errBTF = errors.New("malformed BTF")

// btf reads the type information of the kernel, or of one module on top of the
// kernel's (split BTF), from its raw bytes. Opening makes one pass that notes
// where each record starts; everything else is decoded where it lies. The bytes
// may be a mapping of the kernel's own copy, so strings are copied on their way
// out.
type btf struct {
	module  string // "" for vmlinux
	base    *btf   // vmlinux's, for a module
	raw     []byte // the whole blob, as a snapshot stores it
	types   []byte
	strs    []byte
	first   uint32   // id of offs[0]
	strBase uint32   // offset of strs[0] in the joint string section
	offs    []uint32 // where in types the record of id first+i starts
	named   []uint32 // which of offs are records of namedKinds

	seed      maphash.Seed
	typeOnce  sync.Once
	typeNames nameIndex // structs, unions, enums, typedefs, base types, variables
	funcOnce  sync.Once
	funcNames nameIndex
	enumOnce  sync.Once
	enumNames nameIndex // enumerators; ref is the enum's id
	classOnce sync.Once
	classes   []string // of tracepoints, sorted
}

// btfRecord is a decoded record header. data is what follows it: members,
// parameters, enumerators.
type btfRecord struct {
	name uint32
	kind uint8
	flag bool
	vlen int
	size uint32 // size in bytes, or the id of another type
	data []byte
}

// openBTF indexes raw. base is nil for the kernel itself.
func openBTF(raw []byte, module string, base *btf) (*btf, error) {
	b := &btf{module: module, base: base, raw: raw, first: 1, seed: maphash.MakeSeed()}
	if base != nil {
		b.first = base.end()
		b.strBase = base.strBase + uint32(len(base.strs))
	}
	if err := b.sections(); err != nil {
		return nil, err
	}
	if err := b.index(); err != nil {
		return nil, err
	}
	return b, nil
}

// sections finds the type and string sections behind the header.
func (b *btf) sections() error {
	if len(b.raw) < btfHeaderSize {
		return fmt.Errorf("%w: %d bytes are less than a header", errBTF, len(b.raw))
	}
	le := binary.LittleEndian
	if magic := le.Uint16(b.raw); magic != btfMagic {
		return fmt.Errorf("%w: magic %#x (big-endian BTF is not supported)", errBTF, magic)
	}
	hdr := uint64(le.Uint32(b.raw[4:]))
	section := func(at int) ([]byte, error) {
		off, size := uint64(le.Uint32(b.raw[at:])), uint64(le.Uint32(b.raw[at+4:]))
		if hdr+off+size > uint64(len(b.raw)) {
			return nil, fmt.Errorf("%w: a section ends %d bytes past the end", errBTF, hdr+off+size-uint64(len(b.raw)))
		}
		return b.raw[hdr+off : hdr+off+size : hdr+off+size], nil
	}
	var err error
	if b.types, err = section(8); err != nil {
		return err
	}
	if b.strs, err = section(16); err != nil {
		return err
	}
	if n := len(b.strs); n > 0 && b.strs[n-1] != 0 {
		return fmt.Errorf("%w: strings do not end in NUL", errBTF)
	}
	return nil
}

// index notes where each record starts and so checks that all lie inside. It
// notes the named types on the way, since there is one for six other records.
func (b *btf) index() error {
	// Kernel BTF has about 25 bytes a type; a guess a little low costs one growth.
	offs := make([]uint32, 0, len(b.types)/24)
	named := make([]uint32, 0, len(b.types)/150)
	types, sizes := b.types, recordSizes()
	for off := 0; off < len(types); {
		if len(types)-off < btfRecordSize {
			return fmt.Errorf("%w: record %d is cut off", errBTF, len(offs))
		}
		info := binary.LittleEndian.Uint32(types[off+4:])
		size := sizes[info>>24&0x1f].of(info)
		if size == 0 || size > len(types)-off {
			return fmt.Errorf("%w: record %d has an unknown kind or is cut off", errBTF, len(offs))
		}
		if namedKinds>>(info>>24&0x1f)&1 != 0 {
			named = append(named, uint32(len(offs)))
		}
		offs = append(offs, uint32(off))
		off += size
	}
	if len(offs) > btfMaxTypes {
		return fmt.Errorf("%w: %d types are more than %d", errBTF, len(offs), btfMaxTypes)
	}
	b.offs, b.named = offs, named
	return nil
}

// recordLayout says how long the records of a kind are: fixed bytes, none for an
// unknown kind, and bytes for each of what they list.
type recordLayout struct{ fixed, each uint32 }

func (l recordLayout) of(info uint32) int { return int(l.fixed + l.each*(info&0xffff)) }

// recordSizes returns the layouts by kind.
func recordSizes() *[32]recordLayout {
	const h = btfRecordSize
	return &[32]recordLayout{
		btfInt: {h + 4, 0}, btfPtr: {h, 0}, btfArray: {h + 12, 0}, btfStruct: {h, 12}, btfUnion: {h, 12},
		btfEnum: {h, 8}, btfFwd: {h, 0}, btfTypedef: {h, 0}, btfVolatile: {h, 0}, btfConst: {h, 0},
		btfRestrict: {h, 0}, btfFunc: {h, 0}, btfFuncProto: {h, 8}, btfVar: {h + 4, 0}, btfDatasec: {h, 12},
		btfFloat: {h, 0}, btfDeclTag: {h + 4, 0}, btfTypeTag: {h, 0}, btfEnum64: {h, 12},
	}
}

// end is the first id that neither b nor its base has.
func (b *btf) end() uint32 { return b.first + uint32(len(b.offs)) }

// owner returns the btf that holds id: b or its base.
func (b *btf) owner(id uint32) *btf {
	if id < b.first && b.base != nil {
		return b.base
	}
	return b
}

// record decodes the header of id. It fails for id 0 (void) and unknown ids.
func (b *btf) record(id uint32) (btfRecord, bool) {
	b = b.owner(id)
	if id < b.first || id >= b.end() {
		return btfRecord{}, false
	}
	at := id - b.first
	p := b.types[b.offs[at]:]
	if int(at)+1 < len(b.offs) {
		p = p[:b.offs[at+1]-b.offs[at]]
	}
	le := binary.LittleEndian
	info := le.Uint32(p[4:])
	return btfRecord{
		name: le.Uint32(p),
		kind: uint8(info >> 24 & 0x1f),
		flag: info>>31 != 0,
		vlen: int(info & 0xffff),
		size: le.Uint32(p[8:]),
		data: p[btfRecordSize:],
	}, true
}

// bytes returns the string at off without its NUL, where it lies.
func (b *btf) bytes(off uint32) []byte {
	if off < b.strBase {
		return b.base.bytes(off)
	}
	if off -= b.strBase; uint64(off) >= uint64(len(b.strs)) {
		return nil
	}
	s := b.strs[off:]
	return s[:bytes.IndexByte(s, 0)]
}

// str returns the string at off.
func (b *btf) str(off uint32) string { return string(b.bytes(off)) }

// nameIndex finds records by name: a hash table of chains. A chain holds ids in
// ascending order.
type nameIndex struct {
	heads   []uint32 // entry number + 1
	entries []nameEntry
}

type nameEntry struct {
	name uint32 // string offset
	ref  uint32 // type id
	next uint32 // entry number + 1
}

// build fills the chains from entries that are already in ascending order.
func (x *nameIndex) build(b *btf) {
	size := 1 << bitsFor(len(x.entries))
	x.heads = make([]uint32, size)
	mask := uint64(size - 1)
	for i := len(x.entries) - 1; i >= 0; i-- {
		e := &x.entries[i]
		h := &x.heads[maphash.Bytes(b.seed, b.bytes(e.name))&mask]
		e.next = *h
		*h = uint32(i + 1)
	}
}

// bitsFor returns the bits of a table that holds n entries at about one a chain.
func bitsFor(n int) int {
	bits := 0
	for 1<<bits < n && bits < 31 {
		bits++
	}
	return bits
}

// find calls yield with the records named name until it returns false.
func (x *nameIndex) find(b *btf, name string, yield func(ref uint32) bool) {
	if len(x.heads) == 0 {
		return
	}
	i := x.heads[maphash.String(b.seed, name)&uint64(len(x.heads)-1)]
	for i != 0 {
		e := x.entries[i-1]
		if string(b.bytes(e.name)) == name && !yield(e.ref) {
			return
		}
		i = e.next
	}
}

// collect returns an entry for every named record of b (not of its base) whose
// kind is in the set.
func (b *btf) collect(kinds uint32) []nameEntry {
	room := len(b.named)
	if kinds == funcKinds {
		room = len(b.offs) / 2
	}
	entries := make([]nameEntry, 0, room)
	b.each(kinds, func(id, name uint32) { entries = append(entries, nameEntry{name: name, ref: id}) })
	return entries
}

// each calls f with the named records of b whose kind is in the set.
func (b *btf) each(kinds uint32, f func(id, name uint32)) {
	visit := func(i uint32) {
		p := b.types[b.offs[i]:]
		if kinds>>(binary.LittleEndian.Uint32(p[4:])>>24&0x1f)&1 == 0 {
			return
		}
		if name := binary.LittleEndian.Uint32(p); name != 0 {
			f(b.first+i, name)
		}
	}
	if kinds&^namedKinds == 0 {
		for _, i := range b.named {
			visit(i)
		}
		return
	}
	for i := range b.offs {
		visit(uint32(i))
	}
}

const (
	namedKinds = 1<<btfInt | 1<<btfStruct | 1<<btfUnion | 1<<btfEnum | 1<<btfFwd | 1<<btfTypedef | 1<<btfVar |
		1<<btfDatasec | 1<<btfFloat | 1<<btfEnum64
	funcKinds = 1 << btfFunc
	enumKinds = 1<<btfEnum | 1<<btfEnum64
)

// lookup returns the first record of b (not of its base) that has this name and
// one of the kinds.
func (b *btf) lookup(name string, kinds uint32) (uint32, bool) {
	index := b.namesOf(kinds)
	var found uint32
	index.find(b, name, func(id uint32) bool {
		r, ok := b.record(id)
		if ok && kinds>>r.kind&1 != 0 {
			found = id
		}
		return found == 0
	})
	return found, found != 0
}

// namesOf returns the index that holds the kinds, made on first use.
func (b *btf) namesOf(kinds uint32) *nameIndex {
	if kinds&funcKinds != 0 {
		b.funcOnce.Do(func() {
			b.funcNames.entries = b.collect(funcKinds)
			b.funcNames.build(b)
		})
		return &b.funcNames
	}
	b.typeOnce.Do(func() {
		b.typeNames.entries = b.collect(namedKinds)
		b.typeNames.build(b)
	})
	return &b.typeNames
}

// enumerator returns the value of an enumerator and the id of its enum.
func (b *btf) enumerator(name string) (value int64, enum uint32, ok bool) {
	b.enumOnce.Do(b.indexEnumerators)
	b.enumNames.find(b, name, func(id uint32) bool {
		r, _ := b.record(id)
		r.enumerators(func(n uint32, v int64) bool {
			if string(b.bytes(n)) == name {
				value, enum, ok = v, id, true
			}
			return !ok
		})
		return !ok
	})
	return value, enum, ok
}

func (b *btf) indexEnumerators() {
	for _, i := range b.named {
		id := b.first + i
		r, _ := b.record(id)
		r.enumerators(func(name uint32, _ int64) bool {
			b.enumNames.entries = append(b.enumNames.entries, nameEntry{name: name, ref: id})
			return true
		})
	}
	b.enumNames.build(b)
}

// enumerators calls yield with the names and values of an enum; of any other
// record it calls nothing.
func (r btfRecord) enumerators(yield func(name uint32, value int64) bool) {
	le := binary.LittleEndian
	for i := range r.vlen {
		var name uint32
		var v int64
		switch r.kind {
		case btfEnum:
			p := r.data[8*i:]
			name, v = le.Uint32(p), int64(le.Uint32(p[4:]))
			if r.flag {
				v = int64(int32(v))
			}
		case btfEnum64:
			p := r.data[12*i:]
			name, v = le.Uint32(p), int64(le.Uint64(p[4:]))
		default:
			return
		}
		if !yield(name, v) {
			return
		}
	}
}

// btfMember is a member of a struct or union as BTF has it.
type btfMember struct {
	name, id  uint32
	bitOffset uint32
	bitSize   uint32
}

// member decodes member i of a struct or union.
func (r btfRecord) member(i int) btfMember {
	le := binary.LittleEndian
	p := r.data[12*i:]
	m := btfMember{name: le.Uint32(p), id: le.Uint32(p[4:]), bitOffset: le.Uint32(p[8:])}
	if r.flag {
		m.bitSize = m.bitOffset >> 24
		m.bitOffset &= 1<<24 - 1
	}
	return m
}

// param decodes parameter i of a function prototype.
func (r btfRecord) param(i int) (name, id uint32) {
	p := r.data[8*i:]
	return binary.LittleEndian.Uint32(p), binary.LittleEndian.Uint32(p[4:])
}

// array decodes the element type and the length of an array.
func (r btfRecord) array() (elem uint32, n int) {
	n = int(binary.LittleEndian.Uint32(r.data[8:]))
	if n > math.MaxInt32 {
		n = math.MaxInt32
	}
	return binary.LittleEndian.Uint32(r.data), n
}

// intBits decodes what follows an integer: its encoding flags, the offset of its
// bits and how many there are.
func (r btfRecord) intBits() (encoding, offset, bits uint32) {
	v := binary.LittleEndian.Uint32(r.data)
	return v >> 24 & 0xf, v >> 16 & 0xff, v & 0xff
}

const (
	intSigned = 1
	intBool   = 4
)

// maxModifiers bounds chains of const, volatile, typedef and tags, which
// malformed BTF can close into a ring.
const maxModifiers = 64

// skipModifiers follows qualifiers and tags (not typedefs) from id. user reports
// a "user" type tag on the way.
func (b *btf) skipModifiers(id uint32) (target uint32, user bool) {
	for range maxModifiers {
		r, ok := b.record(id)
		if !ok {
			return id, user
		}
		switch r.kind {
		case btfTypeTag:
			user = user || string(b.bytes(r.name)) == "user"
		case btfConst, btfVolatile, btfRestrict, btfDeclTag:
		default:
			return id, user
		}
		id = r.size
	}
	return 0, user
}

// funcProto returns the prototype of a function.
func (b *btf) funcProto(id uint32) (btfRecord, bool) {
	r, ok := b.record(id)
	if !ok || r.kind != btfFunc {
		return btfRecord{}, false
	}
	p, ok := b.record(r.size)
	return p, ok && p.kind == btfFuncProto
}
