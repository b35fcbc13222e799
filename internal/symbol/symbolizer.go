package symbol

import (
	"io"
	"os"
	"sync"
	"time"
)

// A Frame is what is known about one address.
type Frame struct {
	Addr   uint64
	Symbol string // function, C++ names demangled; "" when unknown
	Offset uint64 // of Addr in the function, in bytes
	// Module is the path of the mapped file as the process sees it, [vdso], or
	// the name of a kernel module; "" for the kernel itself and for memory that
	// no file backs.
	Module string
	// ModuleOffset is the virtual address in the module's file that Addr is:
	// what addr2line takes.
	ModuleOffset uint64
	// File and Line say where in Symbol the address is, as far as asked for and
	// recorded; Line is 0 when unknown. Where other functions were inlined, it
	// is the line of the outermost call.
	File string
	Line int
	// Inlined are the functions that the compiler put into Symbol at Addr,
	// innermost first, each with the position in itself.
	Inlined []InlinedFrame
}

// An InlinedFrame is one function that was inlined, and where in it the address
// is.
type InlinedFrame struct {
	Symbol string
	File   string
	Line   int
}

// Options choose what a [Symbolizer] does; the zero value is right for most.
type Options struct {
	// KeepMangled leaves C++ names as they are in the symbol table.
	KeepMangled bool
	// Processes and Binaries bound what is remembered; 0 means 1024 processes
	// and 256 binaries.
	Processes, Binaries int
	// Bytes bounds the symbol tables that are kept; 0 means 256 MiB. One table
	// is always kept.
	Bytes int
}

// refreshAfter is how old a list of mappings may get before it is read again:
// a process may have called execve or dlclose, or its number may have passed
// to another process.
const refreshAfter = time.Second

// rereadAfter is the least time between readings that misses cause.
const rereadAfter = 20 * time.Millisecond

// A Symbolizer names addresses of processes and of the kernel. It reads what it
// needs when an address is first asked for, and remembers processes that have
// ended. It is safe for concurrent use; Close releases its files.
type Symbolizer struct {
	opts   Options
	now    func() time.Time
	kernel *KernelSymbols

	mu      sync.Mutex
	procs   map[int]*process
	modules map[moduleKey]*module
	byID    map[string]*module
	clock   uint64 // counts uses, for eviction
	demang  demangler
}

// NewSymbolizer returns a Symbolizer that has read nothing yet. A nil opts
// means the defaults.
func NewSymbolizer(opts *Options) *Symbolizer {
	s := &Symbolizer{
		now: time.Now, kernel: NewKernelSymbols(),
		procs: map[int]*process{}, modules: map[moduleKey]*module{}, byID: map[string]*module{},
	}
	if opts != nil {
		s.opts = *opts
	}
	if s.opts.Processes <= 0 {
		s.opts.Processes = 1024
	}
	if s.opts.Binaries <= 0 {
		s.opts.Binaries = 256
	}
	if s.opts.Bytes <= 0 {
		s.opts.Bytes = 256 << 20
	}
	return s
}

// Close releases the files that are open. Frames already returned stay valid.
func (s *Symbolizer) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.modules {
		m.bin.Close()
	}
	s.procs, s.modules, s.byID = map[int]*process{}, map[moduleKey]*module{}, map[string]*module{}
	return nil
}

// User names an address of process pid. An address that cannot be named comes
// back with what is known: its module, or only itself. For a return address of
// a call stack pass it as it is; the line of the call is found with
// [Symbolizer.UserLines] of the address less one.
func (s *Symbolizer) User(pid int, addr uint64) Frame {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, _ := s.user(pid, addr)
	return f
}

// UserLines is [Symbolizer.User] with source file, line and inlined functions,
// where the module or its debug file records them. The first use of a module
// reads its line tables.
func (s *Symbolizer) UserLines(pid int, addr uint64) Frame {
	s.mu.Lock()
	f, m := s.user(pid, addr)
	s.mu.Unlock()
	if m == nil {
		return f
	}
	m.bin.addLines(&f, s.opts.KeepMangled)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weighLines(m)
	return f
}

// weighLines counts the line tables of a module among what is kept.
func (s *Symbolizer) weighLines(m *module) {
	if m.lines {
		return
	}
	m.lines = true
	if d, err := m.bin.dwarf(); err == nil {
		m.bytes += d.bytes
		s.evictModules(m)
	}
}

// Observe reads the mappings of process pid if they are not known yet, so that
// its addresses can be named after it has ended.
func (s *Symbolizer) Observe(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process(pid)
}

// Module returns the build-id in hexadecimal and the offset in the file of an
// address of process pid: what names it on another machine. ok is false when
// no file with a build-id is mapped there.
func (s *Symbolizer) Module(pid int, addr uint64) (buildID string, offset uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.process(pid)
	r := s.region(p, addr)
	if r == nil {
		return "", 0, false
	}
	m := s.module(p, r)
	if m == nil || m.id == "" {
		return "", 0, false
	}
	return m.id, addr - r.Start + r.Offset, true
}

// Kernel names an address of the running kernel.
func (s *Symbolizer) Kernel(addr uint64) Frame { return s.kernel.Frame(addr) }

// KernelAddr returns the address of the kernel symbol called name.
func (s *Symbolizer) KernelAddr(name string) (uint64, error) { return s.kernel.Addr(name) }

// user names an address; the module is returned when a file is mapped there.
func (s *Symbolizer) user(pid int, addr uint64) (Frame, *module) {
	f := Frame{Addr: addr}
	p := s.process(pid)
	r := s.region(p, addr)
	if r == nil || r.Path == "" || r.Inode == 0 && r.Path != "[vdso]" {
		if r != nil {
			f.Module = r.Path
		}
		s.perfSymbol(p, &f)
		return f, nil
	}
	f.Module = r.Path
	f.ModuleOffset = addr - r.Start + r.Offset
	m := s.module(p, r)
	if m == nil {
		s.perfSymbol(p, &f)
		return f, nil
	}
	vaddr, err := m.vaddr(r, addr)
	if err != nil {
		return f, m
	}
	f.ModuleOffset = vaddr
	s.name(m, vaddr, &f)
	return f, m
}

// name fills in the symbol of an address of a module.
func (s *Symbolizer) name(m *module, vaddr uint64, f *Frame) {
	t, err := m.bin.table()
	if err != nil {
		return
	}
	if !m.weighed {
		m.weighed = true
		m.bytes += t.bytes()
		s.evictModules(m)
	}
	sym := t.find(vaddr)
	if sym == nil {
		return
	}
	f.Offset = vaddr - sym.addr
	f.Symbol = s.display(m, t.name(sym))
}

// maxDemangledNames bounds the demangled names that are kept per module.
const maxDemangledNames = 1 << 16

func (s *Symbolizer) display(m *module, name string) string {
	if s.opts.KeepMangled || len(name) < 2 || name[:2] != "_Z" {
		return name
	}
	if text, ok := m.demangled[name]; ok {
		return text
	}
	text, ok := s.demang.demangle(name)
	if !ok {
		text = name
	}
	if m.demangled == nil || len(m.demangled) >= maxDemangledNames {
		m.demangled = map[string]string{}
	}
	m.demangled[name] = text
	return text
}

func (t *table) bytes() int {
	n := len(t.syms) * 24
	for _, s := range t.strs {
		n += len(s)
	}
	return n
}

// A moduleKey tells files apart, also after one was overwritten in place.
type moduleKey struct {
	dev, inode  uint64
	size, mtime int64
}

// A module is a mapped file with its tables.
type module struct {
	bin       *Binary
	id        string
	used      uint64
	weighed   bool // bytes has its symbols
	lines     bool // bytes has its debug sections
	bytes     int
	demangled map[string]string
	vdso      bool
}

// vaddr returns the address in the module's file of an address of a process.
func (m *module) vaddr(r *region, addr uint64) (uint64, error) {
	if m.vdso {
		return addr - r.Start, nil
	}
	return m.bin.Address(addr - r.Start + r.Offset)
}

// module returns the file that a region maps, nil when it cannot be read.
func (s *Symbolizer) module(p *process, r *region) *module {
	s.clock++
	if r.tried {
		if r.mod != nil {
			r.mod.used = s.clock
		}
		return r.mod
	}
	r.tried = true
	if r.Path == "[vdso]" {
		r.mod = s.vdso(p, r)
	} else if r.isFile() {
		r.mod = s.openModule(p, r)
	}
	return r.mod
}

func (s *Symbolizer) openModule(p *process, r *region) *module {
	f := p.openFile(&r.mapping)
	if f == nil {
		return nil
	}
	key, ok := keyOf(f)
	if m := s.modules[key]; ok && m != nil {
		f.Close()
		m.used = s.clock
		return m
	}
	bin, err := newBinary(f, r.Path)
	if err != nil {
		f.Close()
		return nil
	}
	bin.c = f
	bin.root = p.root()
	return s.addModule(key, bin)
}

// addModule keeps a newly opened file, unless another file holds the same build
// of the same program.
func (s *Symbolizer) addModule(key moduleKey, bin *Binary) *module {
	id := bin.BuildID()
	if m := s.byID[id]; id != "" && m != nil {
		bin.Close()
		m.used = s.clock
		return m
	}
	m := &module{bin: bin, id: id, used: s.clock}
	s.modules[key] = m
	if id != "" {
		s.byID[id] = m
	}
	s.evictModules(m)
	return m
}

// evictModules forgets the files that were not used for longest until the
// bounds hold again; keep stays.
func (s *Symbolizer) evictModules(keep *module) {
	for {
		total := 0
		var oldKey moduleKey
		var old *module
		for key, m := range s.modules {
			total += m.bytes
			if m != keep && (old == nil || m.used < old.used) {
				oldKey, old = key, m
			}
		}
		if old == nil || len(s.modules) <= s.opts.Binaries && total <= s.opts.Bytes {
			return
		}
		delete(s.modules, oldKey)
		delete(s.byID, old.id)
		for _, p := range s.procs {
			p.forget(old)
		}
		old.bin.Close()
	}
}

// vdso returns the code that the kernel maps into every process.
func (s *Symbolizer) vdso(p *process, r *region) *module {
	size := int64(r.End - r.Start)
	key := moduleKey{size: size, mtime: -1}
	if m := s.modules[key]; m != nil {
		return m
	}
	data := readVDSO(p.pid, r.Start, size)
	if data == nil {
		return nil
	}
	bin, err := newBinary(data, "[vdso]")
	if err != nil {
		return nil
	}
	m := &module{bin: bin, used: s.clock, vdso: true}
	s.modules[key] = m
	return m
}

// maxVDSO bounds what is read as the vdso; it has a few pages.
const maxVDSO = 1 << 20

// readVDSO copies the vdso out of process pid or, where that is not allowed or
// it has ended, out of our own if that has the same size.
func readVDSO(pid int, start uint64, size int64) io.ReaderAt {
	if size <= 0 || size > maxVDSO {
		return nil
	}
	if data := readMemory(pid, start, size); data != nil {
		return data
	}
	maps, err := readMaps(os.Getpid())
	if err != nil {
		return nil
	}
	for _, m := range maps {
		if m.Path == "[vdso]" && int64(m.End-m.Start) == size {
			return readMemory(os.Getpid(), m.Start, size)
		}
	}
	return nil
}
