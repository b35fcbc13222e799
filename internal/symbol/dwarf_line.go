package symbol

import (
	"cmp"
	"debug/dwarf"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"
)

// maxRows bounds the line table of one unit.
const maxRows = 4 << 20

// A lineRow says which source position the code from addr on is from.
type lineRow struct {
	addr   uint64
	file   uint32 // index into unit.files; 0 for the end of a sequence
	line   uint32
	column uint32
}

// readLines reads the line table of a unit.
func (d *dwarfInfo) readLines(u *unit) {
	r, err := d.data.LineReader(u.entry)
	if err != nil || r == nil {
		return
	}
	u.files = append(u.files, "")
	index := map[*dwarf.LineFile]uint32{}
	var e dwarf.LineEntry
	for r.Next(&e) == nil && len(u.rows) < maxRows {
		row := lineRow{addr: e.Address}
		if !e.EndSequence && e.File != nil {
			i, ok := index[e.File]
			if !ok {
				i = uint32(len(u.files))
				index[e.File] = i
				u.files = append(u.files, e.File.Name)
			}
			row = lineRow{e.Address, i, clampLine(e.Line), clampLine(e.Column)}
		}
		u.rows = append(u.rows, row)
	}
	// Sequences may come in any order; within one address the last row counts,
	// and the end of one sequence comes before the start of the next.
	slices.SortStableFunc(u.rows, func(a, b lineRow) int {
		if c := cmp.Compare(a.addr, b.addr); c != 0 {
			return c
		}
		return cmp.Compare(min(a.file, 1), min(b.file, 1))
	})
	u.rows = slices.Clip(u.rows)
}

func clampLine(n int) uint32 { return uint32(max(0, min(n, 1<<31))) }

// position returns the source position of the code at addr.
func (u *unit) position(addr uint64) (file string, line int) {
	i := sort.Search(len(u.rows), func(i int) bool { return u.rows[i].addr > addr })
	if i == 0 || u.rows[i-1].file == 0 {
		return "", 0
	}
	row := u.rows[i-1]
	return u.files[row.file], int(row.line)
}

// A SourceAddr is code of one source line.
type SourceAddr struct {
	Addr       uint64 // virtual address in the file
	FileOffset uint64 // of Addr: where a uprobe goes
	File       string
	Line       int
	Column     int
	Func       string // the function that holds Addr, "" when unknown
}

// Lines returns where the code of a source line begins, in each of the places
// that the compiler put it, sorted by address; bpftrace attaches to the first.
// file is a path or its last components. column 0 stands for any. Without code
// for that line the error says which lines near it have some.
func (b *Binary) Lines(file string, line, column int) ([]SourceAddr, error) {
	d, err := b.dwarf()
	if err != nil {
		return nil, err
	}
	s := lineSearch{file: path.Clean(file), line: uint32(max(0, line)), column: uint32(max(0, column))}
	for _, off := range d.units {
		if u := d.unitWithFile(off, s.file); u != nil {
			s.matched = true
			s.search(u)
		}
	}
	if len(s.found) == 0 {
		return nil, s.explain(b, d)
	}
	slices.SortFunc(s.found, func(a, b SourceAddr) int { return cmp.Compare(a.Addr, b.Addr) })
	s.found = slices.CompactFunc(s.found, func(a, b SourceAddr) bool { return a.Addr == b.Addr })
	return b.withOffsets(s.found)
}

func (b *Binary) withOffsets(found []SourceAddr) ([]SourceAddr, error) {
	for i := range found {
		var err error
		if found[i].FileOffset, err = b.FileOffset(found[i].Addr); err != nil {
			return nil, err
		}
		if f, ok := b.FunctionAt(found[i].Addr); ok {
			found[i].Func = f.Name
		}
	}
	return found, nil
}

// unitWithFile returns a unit if code of it may be from a file.
func (d *dwarfInfo) unitWithFile(off dwarf.Offset, file string) *unit {
	e := d.entry(off)
	if e == nil || e.Tag != dwarf.TagCompileUnit {
		return nil
	}
	name, _ := e.Val(dwarf.AttrName).(string)
	if hasPathSuffix(name, file) {
		return d.unit(off)
	}
	r, err := d.data.LineReader(e)
	if err != nil || r == nil {
		return nil
	}
	for _, f := range r.Files() {
		if f != nil && hasPathSuffix(f.Name, file) {
			return d.unit(off)
		}
	}
	return nil
}

// hasPathSuffix reports whether suffix is name or its last components.
func hasPathSuffix(name, suffix string) bool {
	rest, ok := strings.CutSuffix(name, suffix)
	return ok && suffix != "" && (rest == "" || strings.HasSuffix(rest, "/") || strings.HasPrefix(suffix, "/"))
}

// A lineSearch collects the code of one line.
type lineSearch struct {
	file          string
	line, column  uint32
	matched       bool
	found         []SourceAddr
	before, after uint32   // nearest lines with code
	columns       []uint32 // of the line
}

func (s *lineSearch) search(u *unit) {
	match := make([]bool, len(u.files))
	for i, f := range u.files {
		match[i] = hasPathSuffix(f, s.file)
	}
	in := false // the row before is of the same line: no new place
	for _, row := range u.rows {
		if row.file == 0 || !match[row.file] || row.line != s.line {
			in = false
			if row.file != 0 && match[row.file] {
				s.near(row.line)
			}
			continue
		}
		s.columns = append(s.columns, row.column)
		if s.column != 0 && row.column != s.column {
			in = false
			continue
		}
		if !in && row.addr != 0 {
			s.found = append(s.found, SourceAddr{Addr: row.addr, File: u.files[row.file], Line: int(row.line), Column: int(row.column)})
		}
		in = true
	}
}

func (s *lineSearch) near(line uint32) {
	if line < s.line && line > s.before {
		s.before = line
	}
	if line > s.line && (s.after == 0 || line < s.after) {
		s.after = line
	}
}

func (s *lineSearch) explain(b *Binary, d *dwarfInfo) error {
	at := fmt.Sprintf("find %s:%d in %s", s.file, s.line, b.path)
	switch {
	case !s.matched:
		e := &NotFoundError{Kind: "source file", Name: s.file, Binary: b.path}
		e.Similar = d.similarFiles(s.file)
		return e
	case len(s.columns) > 0:
		slices.Sort(s.columns)
		return fmt.Errorf("%s: no code at column %d; there is some at %v", at, s.column, slices.Compact(s.columns))
	case s.before != 0 && s.after != 0:
		return fmt.Errorf("%s: no code at this line; the nearest with code are %d and %d", at, s.before, s.after)
	case s.before+s.after != 0:
		return fmt.Errorf("%s: no code at this line; the nearest with code is %d", at, s.before+s.after)
	}
	return errors.New(at + ": no code at this line")
}

func (d *dwarfInfo) similarFiles(file string) []string {
	s := similarTo(path.Base(file))
	for _, off := range d.units {
		if e := d.entry(off); e != nil {
			if name, ok := e.Val(dwarf.AttrName).(string); ok {
				s.add(path.Base(name))
			}
		}
	}
	return s.best()
}

// Source returns the source position of the code at virtual address vaddr, in
// the function that holds it, and the functions inlined there, innermost first.
// Without DWARF that of a Go program comes from its pclntab. line is 0 when
// none is recorded.
func (b *Binary) Source(vaddr uint64) (file string, line int, inlined []InlinedFrame) {
	return b.source(vaddr, false)
}

func (b *Binary) source(vaddr uint64, mangled bool) (file string, line int, inlined []InlinedFrame) {
	if d, err := b.dwarf(); err == nil {
		if u := d.unitAt(vaddr); u != nil {
			file, line = u.position(vaddr)
			file, line, inlined = d.inlined(u, vaddr, file, line, mangled)
		}
	}
	if line > 0 {
		return file, line, inlined
	}
	if p := b.goTab(); p != nil {
		file, line = p.line(vaddr)
	}
	return file, line, inlined
}

// addLines fills in the source position of f.
func (b *Binary) addLines(f *Frame, mangled bool) {
	f.File, f.Line, f.Inlined = b.source(f.ModuleOffset, mangled)
}

// inlined returns the chain of functions inlined at addr. file and line are the
// innermost position; the one returned is where the outermost call is.
func (d *dwarfInfo) inlined(u *unit, addr uint64, file string, line int, mangled bool) (string, int, []InlinedFrame) {
	die, ok := u.funcAt(addr)
	if !ok {
		return file, line, nil
	}
	chain := d.inlineChain(die, addr)
	frames := make([]InlinedFrame, 0, len(chain))
	for _, e := range slices.Backward(chain) {
		frames = append(frames, InlinedFrame{Symbol: d.funcName(e, mangled), File: file, Line: line})
		file, line = d.callSite(u, e)
	}
	if len(frames) == 0 {
		return file, line, nil
	}
	return file, line, frames
}

// inlineChain returns the entries of the functions that were inlined at addr
// into the function at die, outermost first.
func (d *dwarfInfo) inlineChain(die dwarf.Offset, addr uint64) (chain []*dwarf.Entry) {
	r := d.data.Reader()
	r.Seek(die)
	if e, err := r.Next(); err != nil || e == nil || !e.Children {
		return nil
	}
	depth := 1
	for n := 0; depth > 0 && n < maxDIEs; n++ {
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		switch {
		case e.Tag == 0:
			depth--
		case !e.Children && e.Tag != dwarf.TagInlinedSubroutine:
		case e.Tag == dwarf.TagLexDwarfBlock:
			depth++
		case e.Tag == dwarf.TagInlinedSubroutine && d.holds(e, addr):
			chain = append(chain, e)
			if !e.Children {
				return chain
			}
			depth = 1 // what comes after its children is not inside it
		default:
			r.SkipChildren()
		}
	}
	return chain
}

func (d *dwarfInfo) holds(e *dwarf.Entry, addr uint64) bool {
	ranges, err := d.data.Ranges(e)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(ranges, func(r [2]uint64) bool { return r[0] <= addr && addr < r[1] })
}

// callSite returns where an inlined function was called.
func (d *dwarfInfo) callSite(u *unit, e *dwarf.Entry) (file string, line int) {
	n, _ := e.Val(dwarf.AttrCallLine).(int64)
	i, ok := e.Val(dwarf.AttrCallFile).(int64)
	r, err := d.data.LineReader(u.entry)
	if !ok || err != nil || r == nil {
		return "", int(n)
	}
	if files := r.Files(); i >= 0 && i < int64(len(files)) && files[i] != nil {
		file = files[i].Name
	}
	return file, int(n)
}
