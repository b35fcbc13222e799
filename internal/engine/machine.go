package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// Machine is what the native engine must know of the kernel that it runs on.
// *kernel.Machine has it.
type Machine interface {
	// EventID is the number of a tracepoint for perf_event_open.
	EventID(category, name string) (int, error)

	// FunctionID and RawTracepointID give the types that fentry, iter and typed
	// raw tracepoint programs are verified against.
	FunctionID(module, name string) (check.BTFRef, error)
	RawTracepointID(module, event string) (check.BTFRef, error)
}

// machine adds to a Machine what the engine finds out itself.
type machine struct {
	Machine
	online []int // CPUs that run; perf events are opened on them
	cpus   int   // possible CPUs: values in a per-CPU map
	once   sync.Once
	err    error
}

func (m *machine) tracepointID(category, event string) (uint64, error) {
	if m.Machine == nil {
		return 0, errors.New("tracepoints need the kernel's event list, and this engine was given none")
	}
	id, err := m.EventID(category, event)
	return uint64(id), err
}

func (m *machine) readCPUs() {
	m.once.Do(func() {
		if m.online, m.err = cpuList("online"); m.err != nil {
			return
		}
		var possible []int
		if possible, m.err = cpuList("possible"); m.err == nil {
			m.cpus = possible[len(possible)-1] + 1
		}
	})
}

func (m *machine) onlineCPUs() ([]int, error) {
	m.readCPUs()
	return m.online, m.err
}

func (m *machine) possibleCPUs() (int, error) {
	m.readCPUs()
	return m.cpus, m.err
}

// cpuList reads a list such as "0-3,8" from /sys/devices/system/cpu.
func cpuList(which string) ([]int, error) {
	path := "/sys/devices/system/cpu/" + which
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("count CPUs: %w", err)
	}
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && isRange {
			to, err = strconv.Atoi(last)
		}
		if err != nil || from < 0 || to < from || to > 1<<16 {
			return nil, fmt.Errorf("count CPUs: %s holds %q", path, text)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// attachTarget finds what a typed program is verified against. The caller closes
// object when it is not 0.
func (m *machine) attachTarget(p *compile.Program) (attachTarget, error) {
	if len(p.Points) == 0 {
		return attachTarget{}, nil
	}
	ap := p.Points[0].AP.Parsed
	var ref check.BTFRef
	var err error
	switch p.Attach {
	case compile.AttachBTFTracepoint:
		ref, err = m.RawTracepointID(ap.Target, ap.Func)
	case compile.AttachFentry, compile.AttachFexit:
		if ap.Target == "bpf" {
			return attachTarget{}, missing(check.AbilityFentry, "the native engine does not attach to other BPF programs yet: use --engine bpftrace", errors.ErrUnsupported)
		}
		ref, err = m.FunctionID(ap.Target, ap.Func)
	case compile.AttachIter:
		ref, err = m.FunctionID("", "bpf_iter_"+ap.Func)
	default:
		return attachTarget{}, nil
	}
	if err != nil {
		return attachTarget{}, err
	}
	target := attachTarget{typeID: ref.ID}
	if ref.Module != "" && ref.Module != "vmlinux" {
		target.object, err = moduleBTF(ref.Module)
	}
	return target, err
}

// btfInfo is the beginning of struct bpf_btf_info.
type btfInfo struct {
	data    uint64
	size    uint32
	id      uint32
	name    unsafe.Pointer
	nameLen uint32
	kernel  uint32
}

// getIDAttr walks the ids of the kernel's objects and opens them.
type getIDAttr struct{ id, next, _ uint32 }

// moduleBTF opens the type information of a kernel module, which the kernel
// finds only by number.
func moduleBTF(module string) (int, error) {
	attr := &getIDAttr{}
	for {
		if _, err := bpf(unix.BPF_BTF_GET_NEXT_ID, attr); err != nil {
			return -1, fmt.Errorf("find types of module %s: %w", module, err)
		}
		attr.id = attr.next
		fd, err := bpf(unix.BPF_BTF_GET_FD_BY_ID, &getIDAttr{id: attr.id})
		if err != nil {
			continue
		}
		name := make([]byte, 64)
		info := &btfInfo{name: unsafe.Pointer(&name[0]), nameLen: uint32(len(name))}
		_, err = bpf(unix.BPF_OBJ_GET_INFO_BY_FD, &objInfoAttr{fd: uint32(fd), size: uint32(unsafe.Sizeof(*info)), info: unsafe.Pointer(info)})
		if err == nil && info.kernel == 1 && cutLog(name) == module {
			return fd, nil
		}
		_ = unix.Close(fd)
	}
}

// clock relates the clocks of the kernel to the wall clock.
type clock struct {
	boot time.Time // wall clock at CLOCK_BOOTTIME 0
}

func newClock(boot time.Time) *clock {
	if boot.IsZero() {
		now := time.Now()
		boot = now.Add(-time.Duration(readClock(unix.CLOCK_BOOTTIME)))
	}
	return &clock{boot: boot.Round(0)}
}

func readClock(id int32) int64 {
	var ts unix.Timespec
	if unix.ClockGettime(id, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// wall turns nanoseconds of one of the kernel's clocks into wall clock time.
func (c *clock) wall(ns uint64, of compile.Clock) time.Time {
	switch of {
	case compile.ClockMonotonic:
		ns += uint64(readClock(unix.CLOCK_BOOTTIME) - readClock(unix.CLOCK_MONOTONIC))
	case compile.ClockTAI:
		shift := readClock(unix.CLOCK_TAI) - readClock(unix.CLOCK_REALTIME)
		return time.Unix(0, int64(ns)-shift)
	}
	return c.boot.Add(time.Duration(ns))
}

// fillSetup writes what only the machine knows into the map that programs read it
// from.
func fillSetup(m *bpfMap, s *compile.Setup, boot *clock, cpus, child int) error {
	if m == nil || s.Size == 0 {
		return nil
	}
	value := make([]byte, m.stride)
	put := func(at int, n uint64) {
		if at >= 0 && at+8 <= len(value) {
			binary.NativeEndian.PutUint64(value[at:], n)
		}
	}
	dev, ino := pidNamespace()
	put(s.Start, uint64(readClock(unix.CLOCK_BOOTTIME)))
	put(s.PIDNsDev, dev)
	put(s.PIDNsIno, ino)
	put(s.CPID, uint64(child))
	put(s.NCPUs, uint64(cpus))
	put(s.Wall, uint64(boot.boot.UnixNano()))
	put(s.TAIOffset, uint64(readClock(unix.CLOCK_TAI)-readClock(unix.CLOCK_BOOTTIME)))
	for _, slot := range s.Cgroups {
		id, err := cgroupID(slot.Path)
		if err != nil {
			return err
		}
		put(slot.Offset, id)
	}
	if err := m.update(make([]byte, 4), value); err != nil {
		return fmt.Errorf("write facts of the machine: %w", err)
	}
	return nil
}

// cgroupID returns the id of a cgroup v2 directory: its inode.
func cgroupID(path string) (uint64, error) {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, fmt.Errorf("find cgroup %s: %w", path, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC && fs.Type != unix.CGROUP_SUPER_MAGIC {
		return 0, fmt.Errorf("find cgroup %s: it is not a directory of a cgroup file system", path)
	}
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("find cgroup %s: %w", path, err)
	}
	return st.Ino, nil
}

// initPIDNamespace is the inode of the initial pid namespace (PROC_PID_INIT_INO).
const initPIDNamespace = 0xEFFFFFFC

// pidNamespace returns device and inode of the pid namespace of this process;
// device 0 stands for the initial one, whose ids need no translation.
func pidNamespace() (dev, ino uint64) {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil || st.Ino == initPIDNamespace {
		return 0, 0
	}
	return st.Dev, st.Ino
}
