package engine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// userPlace is one place in a file where a uprobe goes.
type userPlace struct {
	path    string
	offset  uint64 // in the file
	counter uint64 // offset in the file of the semaphore of a USDT probe; 0 for none
	cookie  uint64
	point   *compile.Point
}

// attachUser attaches the uprobes, uretprobes or USDT probes of a program: all
// places in one file by one link where the kernel can do that, else one by one.
func (a *attacher) attachUser(p *program) {
	var places []userPlace
	for i := range p.Points {
		found, err := a.findPlaces(p.Program, &p.Points[i])
		if err != nil {
			a.note(&p.Points[i], attachment{}, err)
			continue
		}
		places = append(places, found...)
	}
	for _, group := range byFile(places) {
		held, err := a.attachPlaces(p, group)
		noted := map[*compile.Point]bool{}
		for i := range group {
			if point := group[i].point; !noted[point] {
				noted[point] = true
				a.note(point, held, err)
				held = attachment{} // booked with the first point
			}
		}
	}
}

// byFile groups places by their file; order within a file stays.
func byFile(places []userPlace) [][]userPlace {
	slices.SortStableFunc(places, func(x, y userPlace) int { return cmp.Compare(x.path, y.path) })
	return slices.Collect(func(yield func([]userPlace) bool) {
		for len(places) > 0 {
			n := 1
			for n < len(places) && places[n].path == places[0].path {
				n++
			}
			if !yield(places[:n]) {
				return
			}
			places = places[n:]
		}
	})
}

// findPlaces resolves the binary and the function of an attach point.
func (a *attacher) findPlaces(p *compile.Program, point *compile.Point) ([]userPlace, error) {
	if p.Attach == compile.AttachUSDT {
		return a.usdt.placesOf(point)
	}
	ap := point.AP.Parsed
	path, err := symbol.ResolveBinary(ap.Target, a.pid)
	if err != nil {
		return nil, err
	}
	bin, err := symbol.OpenELF(path)
	if err != nil {
		return nil, err
	}
	defer bin.Close()
	addrs, err := functionAddrs(bin, ap)
	if err != nil {
		return nil, err
	}
	var places []userPlace
	for _, addr := range addrs {
		if p.Attach == compile.AttachUretprobe && bin.IsGoFunction(addr) {
			return nil, fmt.Errorf("%s is a Go function: a uretprobe overwrites return addresses on the stack, which "+
				"Go moves and inspects, so that the traced process would crash; use a uprobe at its entry instead", ap.Func)
		}
		off, err := bin.FileOffset(addr)
		if err != nil {
			return nil, err
		}
		places = append(places, userPlace{path: path, offset: off, cookie: point.Cookie, point: point})
	}
	return places, nil
}

// functionAddrs returns the virtual addresses that an attach point names: one,
// or several when a C++ name is overloaded.
func functionAddrs(bin *symbol.Binary, ap *syntax.ParsedAttachPoint) ([]uint64, error) {
	if ap.HasAddress {
		return []uint64{ap.Address}, nil
	}
	if ap.File != "" {
		places, err := bin.Lines(ap.File, ap.Line, ap.Col)
		if err != nil {
			return nil, err
		}
		return []uint64{places[0].Addr}, nil
	}
	var funcs []symbol.Func
	if ap.CPP {
		found, err := bin.CPPFunctions(ap.Func)
		if err != nil {
			return nil, err
		}
		funcs = found
	} else {
		f, err := bin.Function(ap.Func)
		if err != nil {
			return nil, err
		}
		funcs = []symbol.Func{f}
	}
	var addrs []uint64
	for _, f := range funcs {
		if ap.Offset > 0 && f.Size > 0 && ap.Offset >= f.Size {
			return nil, fmt.Errorf("offset %d is outside %s, which has %d bytes", ap.Offset, f.Name, f.Size)
		}
		addrs = append(addrs, f.Addr+ap.Offset)
	}
	return addrs, nil
}

// attachPlaces attaches p to places that are all in one file.
func (a *attacher) attachPlaces(p *program, places []userPlace) (attachment, error) {
	if p.expect == ebpf.AttachTraceUprobeMulti {
		held, err := a.uprobeMulti(p, places)
		if err == nil || !isErrno(err, unix.EINVAL, unix.EOPNOTSUPP, errNotSupp) {
			return held, uprobeError(err)
		}
		// Before 6.6 there is no such link; the program is loaded again since
		// it would read its cookie the wrong way.
		if p, err = a.reload(p, 0); err != nil {
			return attachment{}, err
		}
	}
	var all attachment
	for i := range places {
		held, err := a.uprobePMU(p, &places[i])
		if err != nil {
			_ = all.detach()
			all.release()
			return attachment{}, uprobeError(err)
		}
		all.add(held)
	}
	return all, nil
}

func uprobeError(err error) error {
	switch {
	case err == nil:
		return nil
	case isErrno(err, unix.EPERM, unix.EACCES):
		return missing(check.AbilityUprobe, "run as root, or with CAP_BPF and CAP_PERFMON on Linux 6.6 or newer", err)
	case isErrno(err, unix.ESRCH):
		return fmt.Errorf("the process has ended: %w", err)
	case isErrno(err, unix.EIO, errNotSupp):
		return fmt.Errorf("the kernel cannot place a breakpoint on this instruction: %w", err)
	}
	return err
}

// uprobeMulti attaches to all places by one link.
func (a *attacher) uprobeMulti(p *program, places []userPlace) (attachment, error) {
	offsets, cookies, counters := make([]uint64, len(places)), make([]uint64, len(places)), make([]uint64, len(places))
	counted := false
	for i := range places {
		offsets[i], cookies[i], counters[i] = places[i].offset, places[i].cookie, places[i].counter
		counted = counted || counters[i] != 0
	}
	attr := &linkUprobeMultiAttr{
		linkCreateAttr: linkCreateAttr{progFD: uint32(p.fd), attachType: unix.BPF_TRACE_UPROBE_MULTI},
		path:           cstring(places[0].path), offsets: unsafe.Pointer(&offsets[0]), cookies: unsafe.Pointer(&cookies[0]),
		count: uint32(len(places)), pid: uint32(a.pid),
	}
	if counted {
		attr.refCounters = unsafe.Pointer(&counters[0])
	}
	if p.Attach == compile.AttachUretprobe {
		attr.multiFlags = unix.BPF_F_UPROBE_MULTI_RETURN
	}
	fd, err := bpf(unix.BPF_LINK_CREATE, attr)
	if err != nil {
		return attachment{}, err
	}
	return attachment{quick: []int{fd}}, nil
}

// uprobePMU attaches to one place by a perf event, which works since Linux 4.17
// and needs CAP_SYS_ADMIN.
func (a *attacher) uprobePMU(p *program, place *userPlace) (attachment, error) {
	typ, retprobe, err := dynamicPMU("uprobe")
	if err != nil {
		return attachment{}, err
	}
	attr := &unix.PerfEventAttr{Type: typ, Sample: 1, Wakeup: 1, Ext2: place.offset}
	attr.Config = place.counter << 32
	if p.Attach == compile.AttachUretprobe {
		attr.Config |= retprobe
	}
	path := cstring(place.path)
	attr.Ext1 = uint64(uintptr(path))
	pid, cpu := -1, 0
	if a.pid > 0 {
		pid, cpu = a.pid, -1
	}
	event, err := openPerf(attr, pid, cpu)
	keepAlive(path)
	if err != nil {
		return attachment{}, err
	}
	held, err := linkPerf(p, event, place.cookie)
	if err != nil {
		unix.Close(event)
	}
	return held, err
}

// dynamicPMU reads the number of the perf PMU of kprobes or uprobes, and its bit
// for return probes.
func dynamicPMU(kind string) (typ uint32, retprobe uint64, err error) {
	dir := "/sys/bus/event_source/devices/" + kind
	text, err := os.ReadFile(dir + "/type")
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, missing(check.Ability(kind), "this kernel was built without CONFIG_"+strings.ToUpper(kind)+"S (and its events)", err)
	}
	if err != nil {
		return 0, 0, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return 0, 0, fmt.Errorf("read %s/type: %w", dir, err)
	}
	text, err = os.ReadFile(dir + "/format/retprobe")
	if err != nil {
		return 0, 0, err
	}
	bit, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(string(text)), "config:"), 10, 6)
	if err != nil {
		return 0, 0, fmt.Errorf("read %s/format/retprobe: %w", dir, err)
	}
	return uint32(n), 1 << bit, nil
}
