package symbol

import (
	"bytes"
	"io"
	"os"
	"sort"
	"strconv"
	"syscall"
	"time"
)

// A process is what was seen of one process.
type process struct {
	pid   int
	used  uint64
	read  time.Time // when regions were last read
	now   []region  // sorted by address
	old   []region  // what was mapped before: events may be older than now
	perf  *perfMap
	other bool // has a root or mount namespace of its own
}

// A region is a mapping with the file it maps, once that was looked for.
type region struct {
	mapping
	tried bool
	mod   *module
}

// process returns what is known about a process, read afresh when that is old.
func (s *Symbolizer) process(pid int) *process {
	s.clock++
	p := s.procs[pid]
	if p == nil {
		s.evictProcesses()
		p = &process{pid: pid}
		s.procs[pid] = p
	}
	p.used = s.clock
	if now := s.now(); now.Sub(p.read) >= refreshAfter {
		p.refresh(now)
	}
	return p
}

func (s *Symbolizer) evictProcesses() {
	for len(s.procs) >= s.opts.Processes {
		var old *process
		for _, p := range s.procs {
			if old == nil || p.used < old.used {
				old = p
			}
		}
		delete(s.procs, old.pid)
	}
}

// region returns the mapping that holds addr, nil when there is none. The
// mappings are read again when it is not among them.
func (s *Symbolizer) region(p *process, addr uint64) *region {
	if r := findRegion(p.now, addr); r != nil {
		return r
	}
	if now := s.now(); now.Sub(p.read) >= rereadAfter {
		p.refresh(now)
		if r := findRegion(p.now, addr); r != nil {
			return r
		}
	}
	return findRegion(p.old, addr)
}

func findRegion(regions []region, addr uint64) *region {
	i := sort.Search(len(regions), func(i int) bool { return regions[i].End > addr })
	if i == len(regions) || addr < regions[i].Start {
		return nil
	}
	return &regions[i]
}

// refresh reads the mappings of the process. One that has ended keeps what was
// seen last.
func (p *process) refresh(now time.Time) {
	p.read = now
	maps, err := readMaps(p.pid)
	if err != nil || len(maps) == 0 { // gone, or a zombie
		return
	}
	regions := make([]region, 0, len(maps))
	changed := false
	for _, m := range maps {
		// What is neither code nor next to it is not asked for.
		if !m.exec() {
			continue
		}
		r := region{mapping: m}
		if old := findRegion(p.now, m.Start); old != nil && old.mapping == m {
			r.tried, r.mod = old.tried && old.mod != nil, old.mod
		} else {
			changed = true
		}
		regions = append(regions, r)
	}
	if changed && len(p.now) > 0 {
		p.old = p.now
	}
	if p.now == nil || changed {
		p.other = !sharesRoot(p.pid)
	}
	p.now = regions
}

// forget drops a module that is to be closed.
func (p *process) forget(m *module) {
	for _, regions := range [][]region{p.now, p.old} {
		for i := range regions {
			if regions[i].mod == m {
				regions[i].mod, regions[i].tried = nil, false
			}
		}
	}
}

// root is the prefix under which we see the files of the process.
func (p *process) root() string {
	if p.other {
		return procPath(p.pid, "root")
	}
	return ""
}

// openFile opens the file of a mapping: through the mapping itself, which works
// in other mount namespaces and for files that were deleted, by the path as the
// process sees it, as its executable, and by our own path once it has ended.
func (p *process) openFile(m *mapping) *os.File {
	link := procPath(p.pid, "map_files/"+strconv.FormatUint(m.Start, 16)+"-"+strconv.FormatUint(m.End, 16))
	for _, try := range []struct {
		path string
		ok   bool
	}{
		{link, true},
		{procPath(p.pid, "root") + m.Path, !m.Deleted},
		{procPath(p.pid, "exe"), true},
		{m.Path, !m.Deleted && !p.other},
	} {
		if !try.ok {
			continue
		}
		if f := openRegular(try.path); f != nil {
			if key, ok := keyOf(f); ok && (key.inode == m.Inode || try.path == link) {
				return f
			}
			f.Close()
		}
	}
	return nil
}

// openRegular opens a regular file for reading and never waits for a writer.
func openRegular(path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil
	}
	return f
}

func keyOf(f *os.File) (moduleKey, bool) {
	st, err := f.Stat()
	if err != nil {
		return moduleKey{}, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return moduleKey{}, false
	}
	return moduleKey{uint64(sys.Dev), sys.Ino, st.Size(), st.ModTime().UnixNano()}, true
}

// readMemory copies memory of a process; nil when that is not allowed.
func readMemory(pid int, start uint64, size int64) io.ReaderAt {
	f, err := os.Open(procPath(pid, "mem"))
	if err != nil {
		return nil
	}
	defer f.Close()
	data := make([]byte, size)
	if _, err := f.ReadAt(data, int64(start)); err != nil {
		return nil
	}
	return bytes.NewReader(data)
}
