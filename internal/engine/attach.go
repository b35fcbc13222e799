package engine

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// attachment holds the descriptors that keep programs attached. Closing a quick
// one stops the program at once; closing a slow one only frees what the kernel
// keeps for it, which can take a tenth of a second for every tracepoint since
// the kernel waits for all CPUs under one lock.
type attachment struct {
	quick []int
	slow  []int
}

func (a *attachment) add(b attachment) {
	a.quick = append(a.quick, b.quick...)
	a.slow = append(a.slow, b.slow...)
}

// detach stops the programs.
func (a *attachment) detach() error {
	var first error
	for _, fd := range a.quick {
		if err := unix.Close(fd); err != nil && first == nil {
			first = fmt.Errorf("detach: %w", err)
		}
	}
	a.quick = nil
	return first
}

// release gives back what detach left, several at a time: the kernel lets some
// kinds wait side by side.
func (a *attachment) release() {
	var group sync.WaitGroup
	for _, fd := range a.slow {
		group.Go(func() { _ = unix.Close(fd) })
	}
	group.Wait()
	a.slow = nil
}

// AttachError is the reason why one probe could not be attached.
type AttachError struct {
	Probe string // its full name
	Err   error
}

// Error names the probe and the cause.
func (e *AttachError) Error() string { return fmt.Sprintf("attach %s: %v", e.Probe, e.Err) }

// Unwrap returns the cause.
func (e *AttachError) Unwrap() error { return e.Err }

// attacher attaches the programs of one run.
type attacher struct {
	machine  *machine
	pid      int
	reload   func(p *program, expect ebpf.AttachType) (*program, error)
	usdt     *usdtTable
	attached []string // names of attach points
	iters    []int    // links of iterators
	failed   []output.AttachFailure
	errs     []error
	held     attachment
}

// attach attaches every point of p, and notes those that it cannot.
func (a *attacher) attach(p *program) {
	switch p.Attach {
	case compile.AttachUprobe, compile.AttachUretprobe, compile.AttachUSDT:
		a.attachUser(p)
		return
	case compile.AttachKprobe, compile.AttachKretprobe:
		a.attachKernel(p)
		return
	}
	for i := range p.Points {
		held, err := a.attachPoint(p, &p.Points[i])
		a.note(&p.Points[i], held, err)
	}
}

// note books the outcome of attaching one point.
func (a *attacher) note(point *compile.Point, held attachment, err error) {
	name := point.AP.Name
	if err == nil {
		a.held.add(held)
		a.attached = append(a.attached, name)
		return
	}
	err = &AttachError{Probe: name, Err: err}
	a.errs = append(a.errs, err)
	a.failed = append(a.failed, output.AttachFailure{Probe: name, Reason: errors.Unwrap(err).Error()})
}

// attachPoint attaches one point of a kind that the kernel attaches one by one.
func (a *attacher) attachPoint(p *program, point *compile.Point) (attachment, error) {
	switch p.Attach {
	case compile.AttachTracepoint:
		return a.tracepoint(p, point)
	case compile.AttachRawTracepoint:
		return rawTracepoint(p, point)
	case compile.AttachBTFTracepoint, compile.AttachFentry, compile.AttachFexit:
		return tracing(p, point)
	case compile.AttachPerfEvent:
		return a.perfEvent(p, point)
	case compile.AttachIter:
		held, err := iterator(p)
		a.iters = append(a.iters, held.quick...)
		return held, err
	}
	return attachment{}, fmt.Errorf("no way to attach a program of kind %d", p.Attach)
}

// rawTracepoint attaches by the name of the event.
func rawTracepoint(p *program, point *compile.Point) (attachment, error) {
	event := point.AP.Parsed.Func
	fd, err := bpf(unix.BPF_RAW_TRACEPOINT_OPEN, &rawTracepointAttr{
		name: cstring(event), progFD: uint32(p.fd), cookie: point.Cookie,
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return attachment{}, fmt.Errorf("this kernel has no raw tracepoint %s", event)
	case err != nil:
		return attachment{}, attachRights("raw_tracepoint", err)
	}
	return attachment{quick: []int{fd}}, nil
}

// tracing attaches a program that was verified against its target: tp_btf,
// fentry and fexit.
func tracing(p *program, point *compile.Point) (attachment, error) {
	if point.Cookie == 0 || p.Attach == compile.AttachBTFTracepoint {
		fd, err := bpf(unix.BPF_RAW_TRACEPOINT_OPEN, &rawTracepointAttr{progFD: uint32(p.fd), cookie: point.Cookie})
		if err != nil {
			return attachment{}, attachRights(abilityOf(p.Program), err)
		}
		return attachment{quick: []int{fd}}, nil
	}
	fd, err := bpf(unix.BPF_LINK_CREATE, &linkTracingAttr{
		linkCreateAttr: linkCreateAttr{progFD: uint32(p.fd), attachType: uint32(expectOf(p.Program))}, cookie: point.Cookie,
	})
	if err != nil {
		return attachment{}, attachRights(abilityOf(p.Program), err)
	}
	return attachment{quick: []int{fd}}, nil
}

// iterator makes the link of an iterator program; reading happens later.
func iterator(p *program) (attachment, error) {
	fd, err := bpf(unix.BPF_LINK_CREATE, &linkIterAttr{
		linkCreateAttr: linkCreateAttr{progFD: uint32(p.fd), attachType: uint32(ebpf.AttachTraceIter)},
	})
	if err != nil {
		return attachment{}, attachRights("iter", err)
	}
	return attachment{quick: []int{fd}}, nil
}

// expectOf returns the expected attach type of a typed program.
func expectOf(p *compile.Program) ebpf.AttachType {
	switch p.Attach {
	case compile.AttachBTFTracepoint:
		return ebpf.AttachTraceRawTp
	case compile.AttachFentry:
		return ebpf.AttachTraceFEntry
	case compile.AttachFexit:
		return ebpf.AttachTraceFExit
	case compile.AttachIter:
		return ebpf.AttachTraceIter
	case compile.AttachUprobe, compile.AttachUretprobe, compile.AttachUSDT:
		return ebpf.AttachTraceUprobeMulti
	case compile.AttachKprobe, compile.AttachKretprobe:
		switch {
		case p.Session:
			return ebpf.AttachTraceKprobeSession
		case canMulti(p):
			return ebpf.AttachTraceKprobeMulti
		}
	}
	return p.Expect
}

// abilityOf names what the kernel must have for a program's kind.
func abilityOf(p *compile.Program) check.Ability {
	switch p.Attach {
	case compile.AttachTracepoint:
		return "tracepoint"
	case compile.AttachRawTracepoint:
		return "rawtracepoint"
	case compile.AttachBTFTracepoint:
		return "tp_btf"
	case compile.AttachPerfEvent:
		return "perf_event"
	case compile.AttachUprobe, compile.AttachUretprobe, compile.AttachUSDT:
		return "uprobe"
	case compile.AttachKprobe, compile.AttachKretprobe:
		return "kprobe"
	case compile.AttachFentry, compile.AttachFexit:
		return "fentry"
	case compile.AttachIter:
		return "iter"
	}
	return "bpf"
}

// attachRights turns a refusal by the kernel into what is missing.
func attachRights(ability check.Ability, err error) error {
	if isErrno(err, unix.EPERM, unix.EACCES) {
		return missing(ability, "run as root, or with the capabilities CAP_BPF and CAP_PERFMON; a security policy can refuse it even then", err)
	}
	return err
}

// linkPerf ties a program to a perf event. A link detaches quickly while the
// event itself is freed slowly, so both are kept; kernels before 5.15 have no
// such link.
func linkPerf(p *program, event int, cookie uint64) (attachment, error) {
	fd, err := bpf(unix.BPF_LINK_CREATE, &linkPerfAttr{
		linkCreateAttr: linkCreateAttr{progFD: uint32(p.fd), targetFD: uint32(event), attachType: unix.BPF_PERF_EVENT},
		cookie:         cookie,
	})
	switch {
	case err == nil:
		if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
			unix.Close(fd)
			return attachment{}, fmt.Errorf("enable event: %w", err)
		}
		return attachment{quick: []int{fd}, slow: []int{event}}, nil
	case !isErrno(err, unix.EINVAL):
		return attachment{}, attachRights(abilityOf(p.Program), err)
	case cookie != 0 && readsCookie(p.Program):
		return attachment{}, missing("perf_link", "this kernel cannot tell the places of one program apart; it takes Linux 5.15", err)
	}
	if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_SET_BPF, p.fd); err != nil {
		return attachment{}, attachRights(abilityOf(p.Program), err)
	}
	if err := unix.IoctlSetInt(event, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		return attachment{}, fmt.Errorf("enable event: %w", err)
	}
	return attachment{quick: []int{event}}, nil
}

// readsCookie reports whether a program asks at which of its places it runs.
func readsCookie(p *compile.Program) bool {
	return callsHelper(p, asm.FnGetAttachCookie)
}

// openPerf opens a perf event with the usual flags.
func openPerf(attr *unix.PerfEventAttr, pid, cpu int) (int, error) {
	attr.Size = uint32(unsafe.Sizeof(*attr))
	fd, err := unix.PerfEventOpen(attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	for try := 0; errors.Is(err, unix.EINTR) && try < 10; try++ {
		fd, err = unix.PerfEventOpen(attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	}
	return fd, err
}
