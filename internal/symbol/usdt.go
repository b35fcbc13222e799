package symbol

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// A USDTProbe is one statically defined tracing probe of a binary. The compiler
// may have put it into several places.
type USDTProbe struct {
	Provider, Name string
	Locations      []USDTLocation // sorted by address
}

// A USDTLocation is one place of a probe.
type USDTLocation struct {
	Addr       uint64 // virtual address in the file
	FileOffset uint64 // of Addr: where the uprobe goes
	// Semaphore is the virtual address of the counter that enables the probe,
	// SemaphoreOffset its offset in the file (the reference counter offset of a
	// uprobe); both 0 when the probe is always enabled.
	Semaphore, SemaphoreOffset uint64
	Args                       []USDTArg
	Spec                       string // the arguments as the note has them
}

const (
	ntStapSDT = 3       // type of the notes
	maxUSDT   = 1 << 20 // notes that are read of one file
)

// A usdtNote is the descriptor of a NT_STAPSDT note, which systemtap's sdt.h
// writes: three addresses and three strings.
type usdtNote struct {
	addr, base, semaphore uint64
	provider, name, args  string
}

// USDTProbes returns the USDT probes that a bpftrace wildcard pattern matches:
// "provider:name", or "name" for every provider. They are sorted by provider
// and name. When there is none the error is a [*NotFoundError].
func (b *Binary) USDTProbes(pattern string) ([]USDTProbe, error) {
	all, err := b.usdt()
	if err != nil {
		return nil, err
	}
	provider, name, ok := strings.Cut(pattern, ":")
	if !ok {
		provider, name = "*", pattern
	}
	var found []USDTProbe
	for _, p := range all {
		if Match(provider, p.Provider) && Match(name, p.Name) {
			found = append(found, p)
		}
	}
	if len(found) == 0 && !HasWildcard(pattern) {
		return nil, b.noUSDT(all, pattern, name)
	}
	return found, nil
}

func (b *Binary) noUSDT(all []USDTProbe, pattern, name string) error {
	e := &NotFoundError{Kind: "USDT probe", Name: pattern, Binary: b.path}
	s := similarTo(name)
	for _, p := range all {
		if score, ok := s.score(p.Name); ok {
			s.found = append(s.found, scored{p.Provider + ":" + p.Name, score})
		}
	}
	e.Similar = s.best()
	if len(all) == 0 {
		e.Hint = "it has no USDT probes: was it built with them (--enable-dtrace, --with-sdt)?"
	}
	return e
}

// readUSDT reads the notes of the file.
func (b *Binary) readUSDT() ([]USDTProbe, error) {
	s := b.file.Section(".note.stapsdt")
	if s == nil && b.debug() != b.file {
		s = b.debug().Section(".note.stapsdt")
	}
	if s == nil {
		return nil, nil
	}
	data, err := sectionData(s)
	if err != nil {
		return nil, fmt.Errorf("read USDT probes of %s: %w", b.path, err)
	}
	probes := map[[2]string]*USDTProbe{}
	n := 0
	eachNote(data, b.file.ByteOrder, 4, func(raw note) bool {
		note, ok := b.parseUSDTNote(raw)
		if !ok {
			return true
		}
		key := [2]string{note.provider, note.name}
		if probes[key] == nil {
			probes[key] = &USDTProbe{Provider: note.provider, Name: note.name}
		}
		if l, ok := b.usdtLocation(note); ok {
			probes[key].Locations = append(probes[key].Locations, l)
		}
		n++
		return n < maxUSDT
	})
	return sortUSDT(probes), nil
}

func sortUSDT(probes map[[2]string]*USDTProbe) []USDTProbe {
	var all []USDTProbe
	for _, p := range probes {
		if len(p.Locations) == 0 {
			continue
		}
		slices.SortStableFunc(p.Locations, func(a, b USDTLocation) int { return cmp.Compare(a.Addr, b.Addr) })
		p.Locations = slices.CompactFunc(p.Locations, func(a, b USDTLocation) bool { return a.Addr == b.Addr && a.Spec == b.Spec })
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b USDTProbe) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// parseUSDTNote takes a note apart.
func (b *Binary) parseUSDTNote(n note) (usdtNote, bool) {
	word := 8
	if b.file.Class == elf.ELFCLASS32 {
		word = 4
	}
	if n.owner != "stapsdt" || n.typ != ntStapSDT || len(n.desc) < 3*word {
		return usdtNote{}, false
	}
	var addrs [3]uint64
	for i := range addrs {
		if word == 4 {
			addrs[i] = uint64(b.file.ByteOrder.Uint32(n.desc[i*4:]))
		} else {
			addrs[i] = b.file.ByteOrder.Uint64(n.desc[i*8:])
		}
	}
	strs := strings.Split(string(n.desc[3*word:]), "\x00")
	if len(strs) < 3 || strs[0] == "" || strs[1] == "" {
		return usdtNote{}, false
	}
	return usdtNote{addrs[0], addrs[1], addrs[2], strs[0], strs[1], strs[2]}, true
}

// usdtLocation resolves a note. Its addresses are from before prelink may have
// moved the file; section .stapsdt.base moved along, which tells by how much.
func (b *Binary) usdtLocation(n usdtNote) (l USDTLocation, ok bool) {
	if s := b.file.Section(".stapsdt.base"); s != nil && n.base != 0 {
		moved := s.Addr - n.base
		n.addr += moved
		if n.semaphore != 0 {
			n.semaphore += moved
		}
	}
	off, err := b.FileOffset(n.addr)
	if err != nil {
		return l, false
	}
	l = USDTLocation{Addr: n.addr, FileOffset: off, Semaphore: n.semaphore, Spec: n.args}
	if n.semaphore != 0 {
		if l.SemaphoreOffset, err = b.FileOffset(n.semaphore); err != nil {
			return l, false
		}
	}
	l.Args = parseUSDTArgs(n.args, b.file.Machine, func(name string) (uint64, bool) {
		o, err := b.Object(name)
		return o.Addr - n.addr, err == nil
	})
	return l, true
}
