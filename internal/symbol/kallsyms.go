package symbol

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
)

// ErrKernelHidden is wrapped by errors of [KernelSymbols] when the kernel shows
// its symbols without their addresses.
var ErrKernelHidden = errors.New("the kernel hides its addresses")

// maxKallsyms bounds what is read of /proc/kallsyms; a distribution kernel with
// all its modules has some 20 MB.
const maxKallsyms = 256 << 20

// KernelSymbols names addresses of the running kernel from /proc/kallsyms. It
// is read once, on first use, which takes some 100 ms and 5 MB. Safe for
// concurrent use.
type KernelSymbols struct {
	load func() (*kallsyms, error)
}

// NewKernelSymbols returns KernelSymbols that has read nothing yet.
func NewKernelSymbols() *KernelSymbols {
	return &KernelSymbols{load: sync.OnceValues(func() (*kallsyms, error) {
		return openKallsyms("/proc/kallsyms")
	})}
}

// Err returns why kernel addresses cannot be named, nil when they can. It
// reads the symbols.
func (k *KernelSymbols) Err() error {
	_, err := k.load()
	return err
}

// Frame names a kernel address; Symbol is empty when that is not possible (see
// [KernelSymbols.Err]).
func (k *KernelSymbols) Frame(addr uint64) Frame {
	f := Frame{Addr: addr}
	t, err := k.load()
	if err != nil {
		return f
	}
	if i, ok := t.find(addr); ok {
		f.Symbol, f.Offset, f.Module = t.name(i), addr-t.addrs[i], t.modules[t.module[i]]
	}
	return f
}

// Addr returns the address of the kernel symbol called name, function or data.
func (k *KernelSymbols) Addr(name string) (uint64, error) {
	t, err := k.load()
	if err != nil {
		return 0, err
	}
	if i, ok := t.lookup(name); ok {
		return t.addrs[i], nil
	}
	e := &NotFoundError{Kind: "symbol", Name: name, Binary: "the running kernel"}
	s := similarTo(name)
	for i := range t.addrs {
		s.add(t.name(i))
	}
	e.Similar = s.best()
	return 0, e
}

// kallsyms holds symbols sorted by address. All names are in one string,
// separated by newlines, which also serves the search by name.
type kallsyms struct {
	addrs   []uint64
	start   []uint32 // of the name in names
	module  []uint16 // index into modules
	names   string   // "\nfirst\nsecond\n"
	modules []string // modules[0] is "", the kernel itself
}

func openKallsyms(path string) (*kallsyms, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read kernel symbols: %w", err)
	}
	defer f.Close()
	t, err := parseKallsyms(io.LimitReader(f, maxKallsyms))
	if err != nil {
		return nil, fmt.Errorf("read kernel symbols: %w", err)
	}
	if len(t.addrs) == 0 {
		return nil, fmt.Errorf("read kernel symbols: %s shows no addresses: %w: run with CAP_SYSLOG and set the sysctl kernel.kptr_restrict to 0 or 1",
			path, ErrKernelHidden)
	}
	return t, nil
}

// parseKallsyms parses lines such as
//
//	ffffffff81000000 T _text
//	ffffffffc0a01000 t nf_hook	[nf_tables]
//
// and leaves out those with address zero.
func parseKallsyms(r io.Reader) (*kallsyms, error) {
	p := kallsymsParser{index: map[string]uint16{"": 0}}
	p.modules = []string{""}
	p.names.WriteByte('\n')
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), 64<<10)
	for in.Scan() {
		p.line(in.Bytes())
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	p.kallsyms.names = p.names.String()
	if !sort.IsSorted(&p.kallsyms) {
		sort.Stable(&p.kallsyms)
	}
	return &p.kallsyms, nil
}

type kallsymsParser struct {
	kallsyms
	names strings.Builder
	index map[string]uint16
}

func (p *kallsymsParser) line(line []byte) {
	addr, rest, ok := hexUntil(line, ' ')
	if !ok || addr == 0 || len(rest) < 3 || rest[1] != ' ' || len(p.addrs) >= maxSymbols {
		return
	}
	switch rest[0] {
	case 'a', 'A': // per-CPU offsets and constants are no addresses
		return
	}
	name, module, _ := bytes.Cut(rest[2:], []byte("\t"))
	p.addrs = append(p.addrs, addr)
	p.start = append(p.start, uint32(p.names.Len()))
	p.module = append(p.module, p.moduleIndex(module))
	p.names.Write(name)
	p.names.WriteByte('\n')
}

func (p *kallsymsParser) moduleIndex(module []byte) uint16 {
	module = bytes.Trim(module, "[]")
	if i, ok := p.index[string(module)]; ok {
		return i
	}
	if len(p.modules) > 1<<16-1 {
		return 0
	}
	i := uint16(len(p.modules))
	p.modules = append(p.modules, string(module))
	p.index[p.modules[i]] = i
	return i
}

// Len, Less and Swap sort by address.

func (t *kallsyms) Len() int           { return len(t.addrs) }
func (t *kallsyms) Less(i, j int) bool { return t.addrs[i] < t.addrs[j] }
func (t *kallsyms) Swap(i, j int) {
	t.addrs[i], t.addrs[j] = t.addrs[j], t.addrs[i]
	t.start[i], t.start[j] = t.start[j], t.start[i]
	t.module[i], t.module[j] = t.module[j], t.module[i]
}

func (t *kallsyms) name(i int) string {
	s := t.names[t.start[i]:]
	return s[:strings.IndexByte(s, '\n')]
}

// find returns the symbol at or before addr. kallsyms has no sizes: an address
// far behind the last symbol of its kind belongs to none.
func (t *kallsyms) find(addr uint64) (int, bool) {
	const farthest = 16 << 20
	i := sort.Search(len(t.addrs), func(i int) bool { return t.addrs[i] > addr })
	if i == 0 || addr-t.addrs[i-1] > farthest {
		return 0, false
	}
	i--
	for i > 0 && t.addrs[i-1] == t.addrs[i] {
		i--
	}
	return i, true
}

// lookup finds a symbol by name: the first of that name in the file.
func (t *kallsyms) lookup(name string) (int, bool) {
	if strings.Contains(name, "\n") || name == "" {
		return 0, false
	}
	at := strings.Index(t.names, "\n"+name+"\n")
	if at < 0 {
		return 0, false
	}
	for i, s := range t.start { // not sorted by name offset when kallsyms was not sorted
		if s == uint32(at+1) {
			return i, true
		}
	}
	return 0, false
}
