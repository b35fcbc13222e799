package symbol

import (
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// maxSection bounds what is read of any one section; larger ones are refused.
const maxSection = 1 << 30

// A Binary is one ELF executable or shared library. Its tables are read when
// first asked for. It is safe for concurrent use; Close ends it.
type Binary struct {
	path string
	root string // prefix under which its debug files are looked for, "" for ours
	file *elf.File
	r    io.ReaderAt
	c    io.Closer

	debug  func() *elf.File // file with the debug sections: its own, or a separate one; never nil
	closeD func()
	table  func() (*table, error)
	goTab  func() *pclntab
	vers   func() map[uint16]string
	usdt   func() ([]USDTProbe, error)
	dwarf  func() (*dwarfInfo, error)
}

// OpenELF opens the ELF file at path. It reads the headers only.
func OpenELF(path string) (*Binary, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open binary: %w", err)
	}
	b, err := newBinary(f, path)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open binary %s: %w", path, err)
	}
	b.c = f
	return b, nil
}

// newBinary returns the Binary that r holds; path says where it is from.
func newBinary(r io.ReaderAt, path string) (*Binary, error) {
	file, err := elf.NewFile(r)
	if err != nil {
		return nil, fmt.Errorf("read ELF: %w", err)
	}
	b := &Binary{path: path, root: procRoot(path), file: file, r: r}
	var other *debugFile
	debug := sync.OnceValue(func() *elf.File {
		if other = findDebugFile(b); other != nil {
			return other.elf
		}
		return file
	})
	b.debug = debug
	b.closeD = func() {
		if other != nil {
			other.Close()
		}
	}
	b.table = sync.OnceValues(b.readTable)
	b.goTab = sync.OnceValue(b.readPclntab)
	b.vers = sync.OnceValue(b.readVersions)
	b.usdt = sync.OnceValues(b.readUSDT)
	b.dwarf = sync.OnceValues(b.readDWARF)
	return b, nil
}

// Close releases the file. Names and frames already returned stay valid.
func (b *Binary) Close() error {
	b.closeD()
	if b.c == nil {
		return nil
	}
	return b.c.Close()
}

// Path returns the path that the Binary was opened with.
func (b *Binary) Path() string { return b.path }

// Machine returns the processor that the code is for.
func (b *Binary) Machine() elf.Machine { return b.file.Machine }

// IsPIE reports whether the file is loaded at an address chosen at run time, as
// shared libraries and position-independent executables are.
func (b *Binary) IsPIE() bool { return b.file.Type == elf.ET_DYN }

// BuildID returns the GNU build-id in hexadecimal, "" when there is none.
func (b *Binary) BuildID() string { return hex.EncodeToString(buildID(b.file)) }

// IsGo reports whether the Go linker made the file. The return addresses of Go
// functions must not be replaced, so it takes no uretprobe: the runtime moves
// stacks and crashes on what it finds there.
func (b *Binary) IsGo() bool {
	for _, name := range []string{".go.buildinfo", ".gopclntab", ".note.go.buildid", ".data.rel.ro.gopclntab"} {
		if b.file.Section(name) != nil {
			return true
		}
	}
	if len(b.file.Sections) > 0 {
		return false
	}
	_, err := buildinfo.Read(b.r)
	return err == nil
}

// FileOffset returns where in the file the byte at virtual address vaddr is:
// what a uprobe is attached to.
func (b *Binary) FileOffset(vaddr uint64) (uint64, error) {
	if p := b.segment(func(p *elf.Prog) bool { return vaddr-p.Vaddr < p.Filesz }); p != nil {
		return vaddr - p.Vaddr + p.Off, nil
	}
	return 0, fmt.Errorf("find address %#x in %s: no loaded segment holds it", vaddr, b.path)
}

// Address returns the virtual address of the byte at offset off of the file.
func (b *Binary) Address(off uint64) (uint64, error) {
	if p := b.segment(func(p *elf.Prog) bool { return off-p.Off < p.Filesz }); p != nil {
		return off - p.Off + p.Vaddr, nil
	}
	return 0, fmt.Errorf("find offset %#x in %s: no loaded segment holds it", off, b.path)
}

// segment returns the PT_LOAD segment that holds accepts, an executable one
// where several do (the linker may map a page twice).
func (b *Binary) segment(holds func(*elf.Prog) bool) *elf.Prog {
	var found *elf.Prog
	for _, p := range b.file.Progs {
		if p.Type != elf.PT_LOAD || !holds(p) {
			continue
		}
		if p.Flags&elf.PF_X != 0 {
			return p
		}
		if found == nil {
			found = p
		}
	}
	return found
}

var errNoSection = errors.New("no such section")

// sectionData returns the contents of a section, uncompressed.
func sectionData(s *elf.Section) ([]byte, error) {
	if s == nil || s.Type == elf.SHT_NOBITS {
		return nil, errNoSection
	}
	if s.Size > maxSection {
		return nil, fmt.Errorf("section %s has %d bytes, at most %d are read", s.Name, s.Size, maxSection)
	}
	return s.Data()
}
