package engine

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// names turns numbers that only this machine understands into text: addresses,
// user ids, cgroup ids. It remembers what it found and is safe for concurrent
// use.
type names struct {
	symbols *symbol.Symbolizer
	owned   bool // close symbols with the run

	mu      sync.Mutex
	ksyms   *ksymProg
	noKsyms bool // the kernel does not name addresses for programs
	kernel  map[uint64]output.Frame
	users   map[uint32]string
	cgroups map[cgroupKey]string
}

type cgroupKey struct {
	id     uint64
	filter string
}

// maxKernelNames bounds the addresses that are remembered.
const maxKernelNames = 1 << 16

func newNames(symbols *symbol.Symbolizer, owned bool) *names {
	return &names{
		symbols: symbols, owned: owned, kernel: map[uint64]output.Frame{},
		users: map[uint32]string{}, cgroups: map[cgroupKey]string{},
	}
}

func (n *names) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	err := n.ksyms.close()
	n.ksyms, n.noKsyms = nil, true
	if n.owned {
		return errors.Join(err, n.symbols.Close())
	}
	return err
}

// kernelFrame names a kernel address. The kernel is asked first: that takes
// microseconds, where reading all of /proc/kallsyms takes a tenth of a second.
func (n *names) kernelFrame(addr uint64) output.Frame {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f, ok := n.kernel[addr]; ok {
		return f
	}
	f, ok := n.askKernel(addr)
	if !ok {
		s := n.symbols.Kernel(addr)
		f = output.Frame{Addr: addr, Symbol: s.Symbol, Offset: s.Offset, Module: s.Module}
	}
	if len(n.kernel) >= maxKernelNames {
		clear(n.kernel)
	}
	n.kernel[addr] = f
	return f
}

// askKernel uses the resolving program, which is loaded at first use. Caller
// holds mu.
func (n *names) askKernel(addr uint64) (output.Frame, bool) {
	if n.noKsyms {
		return output.Frame{}, false
	}
	if n.ksyms == nil {
		p, err := newKsymProg()
		if err != nil {
			n.noKsyms = true
			return output.Frame{}, false
		}
		n.ksyms = p
	}
	return n.ksyms.frame(addr)
}

func (n *names) kernelSym(addr uint64) output.Value {
	f := n.kernelFrame(addr)
	return output.Sym{Addr: addr, Name: f.Symbol, Offset: f.Offset, Module: f.Module}
}

func (n *names) userFrame(pid int, addr uint64) output.Frame {
	f := n.symbols.User(pid, addr)
	return output.Frame{Addr: addr, Symbol: f.Symbol, Offset: f.Offset, Module: f.Module, File: f.File, Line: f.Line}
}

func (n *names) userSym(pid int, addr uint64) output.Value {
	f := n.symbols.User(pid, addr)
	return output.Sym{Addr: addr, Name: f.Symbol, Offset: f.Offset, Module: f.Module, User: true}
}

func (n *names) username(uid uint32) output.Value {
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.users[uid]
	if !ok {
		if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			name = u.Username
		}
		n.users[uid] = name
	}
	return output.Username{UID: uid, Name: name}
}

// cgroupPath finds the paths of a cgroup in all hierarchies, "unified:/a,cpu:/a";
// filter is a pattern for the names of hierarchies.
func (n *names) cgroupPath(id uint64, filter string) output.Value {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := cgroupKey{id, filter}
	path, ok := n.cgroups[key]
	if !ok {
		path = findCgroup(id, filter)
		n.cgroups[key] = path
	}
	return output.CgroupPath{ID: id, Path: path}
}

func findCgroup(id uint64, filter string) string {
	var found []string
	for _, h := range cgroupHierarchies() {
		if filter != "" {
			if ok, _ := filepath.Match(filter, h.name); !ok {
				continue
			}
		}
		if path, ok := cgroupIn(h.mount, id); ok {
			found = append(found, h.name+":"+path)
		}
	}
	return strings.Join(found, ",")
}

type hierarchy struct{ name, mount string }

// cgroupHierarchies lists the cgroup mounts that this process sees.
func cgroupHierarchies() []hierarchy {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil
	}
	var out []hierarchy
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		switch f[2] {
		case "cgroup2":
			out = append(out, hierarchy{"unified", f[1]})
		case "cgroup":
			out = append(out, hierarchy{filepath.Base(f[1]), f[1]})
		}
	}
	slices.SortStableFunc(out, func(a, b hierarchy) int { // as upstream prints them
		switch {
		case a.name == b.name:
			return 0
		case a.name == "unified":
			return -1
		case b.name == "unified":
			return 1
		}
		return cmp.Compare(a.name, b.name)
	})
	return out
}

// maxCgroups bounds the search of one hierarchy.
const maxCgroups = 1 << 17

// cgroupIn looks for the directory whose inode is the id of the cgroup.
func cgroupIn(mount string, id uint64) (string, bool) {
	found, seen := "", 0
	_ = filepath.WalkDir(mount, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		if seen++; seen > maxCgroups {
			return filepath.SkipAll
		}
		var st unix.Stat_t
		if unix.Lstat(path, &st) == nil && st.Ino == id {
			found = "/" + strings.TrimPrefix(strings.TrimPrefix(path, mount), "/")
			return filepath.SkipAll
		}
		return nil
	})
	return found, found != ""
}

// errnoString is the kernel's error as the C library words it.
func errnoString(no int) string {
	text := unix.Errno(no).Error()
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// errnoText is errnoString of the number inside err, or err itself.
func errnoText(err error) string {
	var no unix.Errno
	if errors.As(err, &no) {
		return errnoString(int(no))
	}
	return err.Error()
}
