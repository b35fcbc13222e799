package symbol

import (
	"cmp"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync"
)

// ErrNoDWARF is wrapped by errors about binaries without debug information.
var ErrNoDWARF = errors.New("no DWARF debug information")

const (
	// maxDWARF bounds the debug sections that are read of one file, in bytes
	// after decompression.
	maxDWARF = 1 << 30
	// maxUnits bounds the compilation units whose tables are kept at a time.
	maxUnits = 64
	// maxDIEs bounds the entries that are read of one unit.
	maxDIEs = 8 << 20
)

// dwarfSections are the sections that names, types and lines need.
var dwarfSections = []string{"abbrev", "info", "str", "line", "ranges", "line_str", "rnglists", "str_offsets", "addr"}

// A dwarfInfo reads the debug information of one binary.
type dwarfInfo struct {
	data  *dwarf.Data
	bytes int
	units []dwarf.Offset // of the first entry of each unit
	path  string

	ranges func() []unitRange
	types  func() map[string]dwarf.Offset

	mu     sync.Mutex // guards what follows, and reading
	loaded map[dwarf.Offset]*unit
	recent []dwarf.Offset // loaded, least recently used first
}

// A unitRange is a range of addresses and the unit that describes it.
type unitRange struct {
	low, high uint64
	unit      dwarf.Offset
}

// readDWARF loads the debug sections of the file or of its debug file.
func (b *Binary) readDWARF() (*dwarfInfo, error) {
	file := b.file
	if !hasDWARF(file) {
		file = b.debug()
	}
	if !hasDWARF(file) {
		return nil, fmt.Errorf("%s has %w: install its debug symbols or build it with -g", b.path, ErrNoDWARF)
	}
	d, err := loadDWARF(file)
	if err != nil {
		return nil, fmt.Errorf("read DWARF of %s: %w", b.path, err)
	}
	d.path = b.path
	return d, nil
}

func hasDWARF(f *elf.File) bool {
	s := debugSection(f, "info")
	return s != nil && s.Type != elf.SHT_NOBITS && s.Size > 0
}

func debugSection(f *elf.File, name string) *elf.Section {
	if s := f.Section(".debug_" + name); s != nil {
		return s
	}
	return f.Section(".zdebug_" + name)
}

func loadDWARF(f *elf.File) (*dwarfInfo, error) {
	total := uint64(0)
	for _, name := range dwarfSections {
		if s := debugSection(f, name); s != nil {
			if total += s.Size; s.Size > maxDWARF || total > maxDWARF {
				return nil, fmt.Errorf("its sections have more than %d MB", maxDWARF>>20)
			}
		}
	}
	sections := map[string][]byte{}
	n := 0
	for _, name := range dwarfSections {
		data, err := sectionData(debugSection(f, name))
		if err != nil && !errors.Is(err, errNoSection) {
			return nil, err
		}
		sections[name] = data
		n += len(data)
	}
	data, err := dwarf.New(sections["abbrev"], nil, nil, sections["info"], sections["line"], nil, sections["ranges"], sections["str"])
	if err != nil {
		return nil, err
	}
	for _, name := range dwarfSections[5:] {
		if err := data.AddSection(".debug_"+name, sections[name]); err != nil {
			return nil, err
		}
	}
	d := &dwarfInfo{data: data, bytes: n, loaded: map[dwarf.Offset]*unit{}}
	d.units = unitOffsets(sections["info"], f.ByteOrder)
	d.ranges = sync.OnceValue(d.readRanges)
	d.types = sync.OnceValue(d.readTypes)
	return d, nil
}

// unitOffsets returns where the first entry of each unit of .debug_info is.
// (DWARF 5, section 7.5.1.)
func unitOffsets(info []byte, order binary.ByteOrder) (offs []dwarf.Offset) {
	for at := uint64(0); at+12 <= uint64(len(info)); {
		length, offsetSize, header := uint64(order.Uint32(info[at:])), uint64(4), uint64(4)
		if length == 0xffffffff {
			length, offsetSize, header = order.Uint64(info[at+4:]), 8, 12
		}
		next := at + header + length
		if next <= at || next > uint64(len(info)) || header+2 > next-at {
			return offs
		}
		version := order.Uint16(info[at+header:])
		die := at + header + 2 + offsetSize + 1
		if version >= 5 {
			die++
			switch info[at+header+2] {
			case 2, 6: // type units: signature and offset
				die += 8 + offsetSize
			case 4, 5: // skeleton and split units: id
				die += 8
			}
		}
		if die < next {
			offs = append(offs, dwarf.Offset(die))
		}
		at = next
	}
	return offs
}

// readRanges returns the address ranges of all units, sorted.
func (d *dwarfInfo) readRanges() []unitRange {
	var all []unitRange
	r := d.data.Reader()
	for _, off := range d.units {
		r.Seek(off)
		e, err := r.Next()
		if err != nil || e == nil {
			continue
		}
		ranges, err := d.data.Ranges(e)
		if err != nil {
			continue
		}
		for _, x := range ranges {
			if x[0] != 0 && x[1] > x[0] {
				all = append(all, unitRange{x[0], x[1], off})
			}
		}
	}
	slices.SortFunc(all, func(a, b unitRange) int { return cmp.Compare(a.low, b.low) })
	return all
}

// unitAt returns the unit that describes address addr, nil when none does.
func (d *dwarfInfo) unitAt(addr uint64) *unit {
	ranges := d.ranges()
	i := sort.Search(len(ranges), func(i int) bool { return ranges[i].low > addr })
	for n := 0; i > 0 && n < 16; n++ {
		if i--; addr < ranges[i].high {
			return d.unit(ranges[i].unit)
		}
	}
	return nil
}

// A unit is a compilation unit with what is read of it.
type unit struct {
	entry *dwarf.Entry
	name  string
	files []string
	rows  []lineRow  // sorted by address
	funcs []dieRange // of its functions, sorted by address
}

// A dieRange is a range of addresses and the entry that describes it.
type dieRange struct {
	low, high uint64
	die       dwarf.Offset
}

// unit returns a unit with its tables.
func (d *dwarfInfo) unit(off dwarf.Offset) *unit {
	d.mu.Lock()
	defer d.mu.Unlock()
	if u := d.loaded[off]; u != nil {
		d.recent = append(slices.DeleteFunc(d.recent, func(o dwarf.Offset) bool { return o == off }), off)
		return u
	}
	u := d.readUnit(off)
	if u == nil {
		return nil
	}
	if len(d.recent) >= maxUnits {
		delete(d.loaded, d.recent[0])
		d.recent = d.recent[1:]
	}
	d.loaded[off], d.recent = u, append(d.recent, off)
	return u
}

func (d *dwarfInfo) readUnit(off dwarf.Offset) *unit {
	r := d.data.Reader()
	r.Seek(off)
	e, err := r.Next()
	if err != nil || e == nil {
		return nil
	}
	u := &unit{entry: e}
	u.name, _ = e.Val(dwarf.AttrName).(string)
	d.readLines(u)
	d.readFuncs(u, r)
	return u
}

// readFuncs finds the functions of a unit; r is behind its first entry.
func (d *dwarfInfo) readFuncs(u *unit, r *dwarf.Reader) {
	depth := 1
	for n := 0; depth > 0 && n < maxDIEs; n++ {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		switch {
		case e.Tag == 0:
			depth--
		case e.Tag == dwarf.TagSubprogram:
			ranges, _ := d.data.Ranges(e)
			for _, x := range ranges {
				if x[1] > x[0] {
					u.funcs = append(u.funcs, dieRange{x[0], x[1], e.Offset})
				}
			}
			r.SkipChildren()
		case e.Children && (e.Tag == dwarf.TagNamespace || e.Tag == dwarf.TagModule):
			depth++
		case e.Children && isTypeTag(e.Tag):
			// The functions of a class are defined outside of it, but local
			// ones may be inside.
			depth++
		default:
			r.SkipChildren()
		}
	}
	slices.SortFunc(u.funcs, func(a, b dieRange) int { return cmp.Compare(a.low, b.low) })
}

func isTypeTag(t dwarf.Tag) bool {
	return t == dwarf.TagClassType || t == dwarf.TagStructType || t == dwarf.TagUnionType
}

// funcAt returns the entry of the function that holds addr.
func (u *unit) funcAt(addr uint64) (dwarf.Offset, bool) {
	i := sort.Search(len(u.funcs), func(i int) bool { return u.funcs[i].low > addr })
	for n := 0; i > 0 && n < 16; n++ {
		if i--; addr < u.funcs[i].high {
			return u.funcs[i].die, true
		}
	}
	return 0, false
}

// entry reads one entry.
func (d *dwarfInfo) entry(off dwarf.Offset) *dwarf.Entry {
	r := d.data.Reader()
	r.Seek(off)
	e, err := r.Next()
	if err != nil || e == nil || e.Offset != off {
		return nil
	}
	return e
}

// maxOrigins bounds a chain of references between entries.
const maxOrigins = 8

// attr returns an attribute of an entry or of what it refers to: an inlined or
// separately defined function has its name and type elsewhere.
func (d *dwarfInfo) attr(e *dwarf.Entry, attr dwarf.Attr) any {
	for n := 0; e != nil && n < maxOrigins; n++ {
		if v := e.Val(attr); v != nil {
			return v
		}
		e = d.origin(e)
	}
	return nil
}

func (d *dwarfInfo) origin(e *dwarf.Entry) *dwarf.Entry {
	for _, attr := range []dwarf.Attr{dwarf.AttrAbstractOrigin, dwarf.AttrSpecification} {
		if off, ok := e.Val(attr).(dwarf.Offset); ok {
			return d.entry(off)
		}
	}
	return nil
}

// funcName returns the name of a function, demangled from its linkage name
// unless mangled names are wanted.
func (d *dwarfInfo) funcName(e *dwarf.Entry, mangled bool) string {
	if link, ok := d.attr(e, dwarf.AttrLinkageName).(string); ok {
		if mangled {
			return link
		}
		if text, ok := Demangle(link); ok {
			return text
		}
	}
	name, _ := d.attr(e, dwarf.AttrName).(string)
	return name
}
