package symbol

import (
	"bytes"
	"cmp"
	"io"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// maxPerfMap bounds what is read of a perf map: a large Java program writes a
// few megabytes.
const maxPerfMap = 64 << 20

// A perfMap holds the names that a just-in-time compiler (Java, node) wrote to
// /tmp/perf-PID.map for its code.
type perfMap struct {
	read time.Time
	key  moduleKey
	syms []perfSym
}

type perfSym struct {
	start, end uint64
	name       string
}

// perfSymbol names an address that no file backs.
func (s *Symbolizer) perfSymbol(p *process, f *Frame) {
	if name, ok := vsyscall(f.Addr); ok {
		f.Symbol, f.Module = name, "[vsyscall]"
		return
	}
	if p.perf.find(f) {
		return
	}
	// The compiler may have added to the file since.
	if now := s.now(); p.perf == nil || now.Sub(p.perf.read) >= rereadAfter {
		p.perf = p.readPerfMap(now)
		p.perf.find(f)
	}
}

func (m *perfMap) find(f *Frame) bool {
	if m == nil {
		return false
	}
	i := sort.Search(len(m.syms), func(i int) bool { return m.syms[i].start > f.Addr })
	for n := 0; i > 0 && n < 16; n++ {
		i--
		if s := &m.syms[i]; f.Addr < s.end {
			f.Symbol, f.Offset = s.name, f.Addr-s.start
			return true
		}
	}
	return false
}

// readPerfMap reads the map of a process, if it changed since the last time.
// The file is named after the number of the process in its own namespace.
func (p *process) readPerfMap(now time.Time) *perfMap {
	last := p.perf
	if last == nil {
		last = &perfMap{}
	}
	last.read = now
	inner := namespacePID(p.pid)
	for _, path := range []string{
		procPath(p.pid, "root") + "/tmp/perf-" + inner + ".map",
		"/tmp/perf-" + strconv.Itoa(p.pid) + ".map",
	} {
		f := openPerfMap(path, p.pid)
		if f == nil {
			continue
		}
		defer f.Close()
		key, _ := keyOf(f)
		if key == last.key {
			return last
		}
		data, err := io.ReadAll(io.LimitReader(f, maxPerfMap))
		if err != nil {
			return last
		}
		return &perfMap{read: now, key: key, syms: parsePerfMap(data)}
	}
	return last
}

// openPerfMap opens a perf map that the user of the process, or root, wrote:
// in /tmp anybody can put a file of that name.
func openPerfMap(path string, pid int) *os.File {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil
	}
	st, err := f.Stat()
	if err == nil && st.Mode().IsRegular() {
		owner := st.Sys().(*syscall.Stat_t).Uid
		proc, err := os.Stat(procPath(pid, ""))
		if err != nil || owner == 0 || owner == proc.Sys().(*syscall.Stat_t).Uid {
			return f
		}
	}
	f.Close()
	return nil
}

// parsePerfMap parses lines of start, size (both hexadecimal) and name. Later
// lines win, since memory of a discarded method is used again.
func parsePerfMap(data []byte) []perfSym {
	syms := make([]perfSym, 0, bytes.Count(data, []byte("\n")))
	for line := range bytes.Lines(data) {
		start, size, name, ok := parsePerfLine(strings.TrimRight(string(line), "\r\n"))
		if ok && len(syms) < maxSymbols {
			syms = append(syms, perfSym{start, start + size, name})
		}
	}
	slices.Reverse(syms)
	slices.SortStableFunc(syms, func(a, b perfSym) int { return cmp.Compare(a.start, b.start) })
	return slices.CompactFunc(syms, func(a, b perfSym) bool { return a.start == b.start })
}

func parsePerfLine(line string) (start, size uint64, name string, ok bool) {
	a, rest, _ := strings.Cut(line, " ")
	b, name, _ := strings.Cut(rest, " ")
	start, err1 := strconv.ParseUint(strings.TrimPrefix(a, "0x"), 16, 64)
	size, err2 := strconv.ParseUint(strings.TrimPrefix(b, "0x"), 16, 64)
	ok = err1 == nil && err2 == nil && size > 0 && start+size > start && name != ""
	return start, size, name, ok
}

// namespacePID returns the number that process pid has in its innermost pid
// namespace.
func namespacePID(pid int) string {
	data, _ := os.ReadFile(procPath(pid, "status"))
	_, rest, ok := bytes.Cut(data, []byte("\nNSpid:"))
	if !ok {
		return strconv.Itoa(pid)
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) == 0 {
		return strconv.Itoa(pid)
	}
	return string(fields[len(fields)-1])
}

// vsyscall names the three entry points at fixed addresses that x86-64 kernels
// emulate for old programs.
func vsyscall(addr uint64) (string, bool) {
	switch addr &^ 0x3ff {
	case 0xffffffffff600000:
		return "gettimeofday", true
	case 0xffffffffff600400:
		return "time", true
	case 0xffffffffff600800:
		return "getcpu", true
	}
	return "", false
}
