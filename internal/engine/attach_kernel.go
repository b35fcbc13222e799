package engine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// attachKernel attaches the kprobes or kretprobes of a program: all by one link
// where the program was loaded for that, else one by one.
func (a *attacher) attachKernel(p *program) {
	if p.expect == ebpf.AttachTraceKprobeMulti || p.expect == ebpf.AttachTraceKprobeSession {
		held, err := a.kprobeMulti(p)
		if err == nil {
			for i := range p.Points {
				a.note(&p.Points[i], held, nil)
				held = attachment{}
			}
			return
		}
		again, reloadErr := a.reload(p, 0)
		if reloadErr != nil || p.Session {
			a.noteAll(p, kprobeError(err))
			return
		}
		p = again
	}
	for i := range p.Points {
		held, err := a.kprobePMU(p, &p.Points[i])
		a.note(&p.Points[i], held, kprobeError(err))
	}
}

func (a *attacher) noteAll(p *program, err error) {
	for i := range p.Points {
		a.note(&p.Points[i], attachment{}, err)
	}
}

// kprobeName is a function as the kernel wants it in a kprobe.
func kprobeName(ap *syntax.ParsedAttachPoint) string {
	if ap.Target != "" && ap.Target != "vmlinux" {
		return ap.Target + ":" + ap.Func
	}
	return ap.Func
}

// canMulti reports whether one link can serve all points of a program: they are
// functions, not places inside them.
func canMulti(p *compile.Program) bool {
	for i := range p.Points {
		if ap := p.Points[i].AP.Parsed; ap.Offset != 0 || ap.HasAddress {
			return false
		}
	}
	return len(p.Points) > 1 || p.Session
}

// kprobeMulti attaches to all functions by one link.
func (a *attacher) kprobeMulti(p *program) (attachment, error) {
	n := len(p.Points)
	syms, cookies := make([]unsafe.Pointer, n), make([]uint64, n)
	for i := range p.Points {
		syms[i], cookies[i] = cstring(kprobeName(p.Points[i].AP.Parsed)), p.Points[i].Cookie
	}
	attr := &linkKprobeMultiAttr{
		linkCreateAttr: linkCreateAttr{progFD: uint32(p.fd), attachType: uint32(p.expect)},
		count:          uint32(n), syms: unsafe.Pointer(&syms[0]), cookies: unsafe.Pointer(&cookies[0]),
	}
	if p.Attach == compile.AttachKretprobe && !p.Session {
		attr.multiFlags = unix.BPF_F_KPROBE_MULTI_RETURN
	}
	fd, err := bpf(unix.BPF_LINK_CREATE, attr)
	keepAlive(unsafe.Pointer(&syms[0]))
	if err != nil {
		return attachment{}, err
	}
	return attachment{quick: []int{fd}}, nil
}

// kprobePMU attaches to one place by a perf event.
func (a *attacher) kprobePMU(p *program, point *compile.Point) (attachment, error) {
	typ, retprobe, err := dynamicPMU("kprobe")
	if err != nil {
		return attachment{}, err
	}
	ap := point.AP.Parsed
	attr := &unix.PerfEventAttr{Type: typ, Sample: 1, Wakeup: 1}
	var name unsafe.Pointer
	if ap.HasAddress {
		attr.Ext2 = ap.Address
	} else {
		name = cstring(kprobeName(ap))
		attr.Ext1, attr.Ext2 = uint64(uintptr(name)), ap.Offset
	}
	if p.Attach == compile.AttachKretprobe {
		attr.Config |= retprobe
	}
	event, err := openPerf(attr, -1, 0)
	keepAlive(name)
	if err != nil {
		return attachment{}, err
	}
	held, err := linkPerf(p, event, point.Cookie)
	if err != nil {
		unix.Close(event)
	}
	return held, err
}

func kprobeError(err error) error {
	var lacking *kernel.Missing
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lacking):
		return err // the kernel has no kprobes at all
	case isErrno(err, unix.ENOENT, unix.EADDRNOTAVAIL):
		return fmt.Errorf("the kernel has no such function, or none that can be probed (it may be inlined): %w", err)
	case isErrno(err, unix.EILSEQ):
		return fmt.Errorf("this is not the beginning of an instruction: %w", err)
	case isErrno(err, unix.EINVAL):
		return fmt.Errorf("the kernel does not allow a probe here (it may be on its blacklist): %w", err)
	}
	return attachRights(check.AbilityKprobe, err)
}

// keepAlive keeps memory that the kernel was given by number until here.
func keepAlive(p unsafe.Pointer) { runtime.KeepAlive(p) }
