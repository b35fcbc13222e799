package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// prober finds out what the kernel allows this process by doing it: each probe
// does the thing once, in the cheapest form that the kernel answers about, and
// undoes it. A nil error means yes.
type prober struct {
	host *host
}

// errCannotTell is returned by a probe that has no way to ask.
var errCannotTell = errors.New("cannot be probed here")

// probes holds the probe of every ability of the table.
func (p *prober) probes() map[check.Ability]func() error {
	return map[check.Ability]func() error{
		check.AbilityBPF:             func() error { return empty(progRawTracepoint).try() },
		check.AbilityBTF:             p.btf,
		check.AbilityModuleBTF:       p.moduleBTF,
		check.AbilityTracefs:         func() error { _, err := p.host.tracefs(); return err },
		check.AbilityKallsyms:        p.kallsyms,
		check.AbilityTracepoint:      p.tracepoint,
		check.AbilityRawTracepoint:   rawTracepoint,
		check.AbilityTpBTF:           func() error { return p.tracing("btf_trace_task_rename", 1<<btfTypedef, attachRawTP) },
		check.AbilityKprobe:          func() error { return perfProbe("kprobe", "mcptrace_no_such_function") },
		check.AbilityKprobeMulti:     func() error { return kprobeMulti(attachKprobeMulti) },
		check.AbilityKprobeSession:   func() error { return kprobeMulti(attachKprobeSession) },
		check.AbilityFentry:          func() error { return p.tracing("bpf_fentry_test1", funcKinds, attachFentry) },
		check.AbilityUprobe:          func() error { return perfProbe("uprobe", noSuchFile) },
		check.AbilityUprobeMulti:     func() error { return uprobeMulti(attachUprobeMulti) },
		check.AbilityUprobeSession:   func() error { return uprobeMulti(attachUprobeSession) },
		check.AbilityUprobeSleepable: sleepable,
		check.AbilityPerfEvent:       func() error { return tryPerf(softwareClock(), -1, 0) },
		check.AbilityHardware:        func() error { return tryPerf(cpuCycles(), -1, 0) },
		check.AbilityWatchpoint:      watchpoint,
		check.AbilityIter:            func() error { return p.tracing("bpf_iter_task", funcKinds, attachIter) },
		check.AbilityProgRun:         progRun,
		check.AbilityPerfLink:        perfLink,
		check.AbilityRingbuf:         func() error { return tryMap(mapRingbuf, 0, 0, uint32(os.Getpagesize()), 0) },
		check.AbilityTaskStorage:     taskStorage,
		check.AbilityMapBatch:        mapBatch,
		check.AbilityLargeMapKey:     func() error { return tryMap(mapHash, 520, 8, 1, mapNoPrealloc) },
		check.AbilityMmapArray:       func() error { return tryMap(mapArray, 4, 8, 1, mapMmapable) },

		check.AbilityProbeReadKernel:     func() error { return helper(progTracepoint, 113) },
		check.AbilityAttachCookie:        func() error { return helper(progTracepoint, 174) },
		check.AbilityGetFuncIP:           func() error { return helper(progKprobe, 173) },
		check.AbilityLoop:                func() error { return helper(progTracepoint, 181) },
		check.AbilityForEachMapElem:      func() error { return helper(progTracepoint, 164) },
		check.AbilityMapLookupPercpuElem: func() error { return helper(progTracepoint, 195) },
		check.AbilityCurrentTaskBTF:      func() error { return helper(progTracepoint, 158) },
		check.AbilityCurrentCgroupID:     func() error { return helper(progTracepoint, 80) },
		check.AbilityNsPidTgid:           func() error { return helper(progTracepoint, 120) },
		check.AbilitySnprintf:            func() error { return helper(progTracepoint, 165) },
		check.AbilityStrncmp:             func() error { return helper(progTracepoint, 182) },
		check.AbilityKtimeBoot:           func() error { return helper(progTracepoint, 125) },
		check.AbilityKtimeTai:            func() error { return helper(progTracepoint, 208) },
		check.AbilityJiffies64:           func() error { return helper(progTracepoint, 118) },
		check.AbilityDPath:               func() error { return p.tracingHelper("bpf_iter_task", funcKinds, attachIter, 147) },
		check.AbilitySendSignal:          func() error { return helper(progTracepoint, 109) },
		check.AbilityProbeWriteUser:      func() error { return helper(progTracepoint, 36) },
		check.AbilityOverrideReturn:      func() error { return helper(progKprobe, 58) },
		check.AbilitySkbOutput:           func() error { return p.tracingHelper("btf_trace_task_rename", 1<<btfTypedef, attachRawTP, 111) },
		check.AbilitySocketCookie:        func() error { return p.tracingHelper("btf_trace_task_rename", 1<<btfTypedef, attachRawTP, 46) },
		check.AbilityCopyFromUser:        copyFromUser,
		check.AbilityKfunc:               func() error { return p.kfuncs(rcuSection, "bpf_rcu_read_lock", "bpf_rcu_read_unlock") },
		check.AbilityIterNum:             func() error { return p.kfuncs(numberLoop, "bpf_iter_num_new", "bpf_iter_num_destroy") },
		check.AbilityStats:               stats,
		check.AbilityUnprivileged:        unprivileged,
	}
}

// probe answers about one ability.
func (p *prober) probe(a check.Ability) Finding {
	probe, ok := p.probes()[a]
	if !ok {
		return Finding{Answer: check.Maybe, Why: "unknown ability"}
	}
	err := probe()
	switch {
	case err == nil:
		return Finding{Answer: check.Yes}
	case errors.Is(err, errCannotTell):
		return Finding{Answer: check.Maybe, Why: err.Error(), Hint: hintFor(a)}
	}
	f := Finding{Answer: check.No, Why: err.Error(), Hint: p.hint(a, err)}
	if m := (*Missing)(nil); errors.As(err, &m) {
		f.Why = ""
		if m.Err != nil {
			f.Why = m.Err.Error()
		}
	}
	return f
}

// hint says what to do about an ability that was refused.
func (p *prober) hint(a check.Ability, err error) string {
	var m *Missing
	if errors.As(err, &m) {
		return m.Hint
	}
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return hintFor(a)
	}
	held := heldCapabilities()
	switch a {
	case check.AbilityKallsyms:
		return "run as root, or give CAP_SYSLOG, and set kernel.kptr_restrict below 2"
	case check.AbilityUprobe, check.AbilityStats:
		if !held["CAP_SYS_ADMIN"] {
			return "run as root, or give CAP_SYS_ADMIN: setcap cap_sys_admin,cap_bpf,cap_perfmon+ep FILE"
		}
	default:
		if !held["CAP_SYS_ADMIN"] && !(held["CAP_BPF"] && held["CAP_PERFMON"]) {
			return "run as root, or give CAP_BPF and CAP_PERFMON: setcap cap_bpf,cap_perfmon+ep FILE"
		}
	}
	if l := lockdown(); l != "" && l != "none" {
		return "kernel lockdown is " + l + ", or a security module refuses it: boot without lockdown= or allow it there"
	}
	return "a security module or a seccomp filter refuses it although the rights are there; " + hintFor(a)
}

func hintFor(a check.Ability) string {
	for _, row := range Abilities() {
		if row.Name == a {
			return "needs " + row.Get
		}
	}
	return ""
}

const noSuchFile = "/nonexistent/mcptrace"

func (p *prober) btf() error {
	f, err := os.Open(btfDir + "vmlinux")
	if err != nil {
		return missingBTF("", err)
	}
	return f.Close()
}

func (p *prober) moduleBTF() error {
	if len(btfModules()) > 0 {
		return nil
	}
	if text, err := os.ReadFile("/proc/modules"); err == nil && len(text) == 0 {
		return fmt.Errorf("no module is loaded: %w", errCannotTell)
	}
	return errors.New("no module in " + btfDir)
}

func (p *prober) kallsyms() error {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return err
	}
	defer f.Close()
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	if err != nil {
		return err
	}
	// The first symbols of x86 kernels are per-CPU offsets near 0: look at several.
	for line := range strings.Lines(string(buf[:n])) {
		addr, _, _ := strings.Cut(line, " ")
		if strings.Trim(addr, "0") != "" {
			return nil
		}
	}
	return fmt.Errorf("addresses are hidden: %w", unix.EPERM)
}

// tracepoint stops short of attaching: taking a classic tracepoint off again
// waits some 70 ms for the kernel.
func (p *prober) tracepoint() error {
	if _, err := p.host.tracefs(); err != nil {
		return err
	}
	if err := empty(progTracepoint).try(); err != nil {
		return err
	}
	return tryPerf(softwareClock(), -1, 0)
}

func rawTracepoint() error {
	fd, _, err := empty(progRawTracepoint).load()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var a bpfAttr
	a.bytes(0, []byte("task_rename\x00"))
	a.u32(8, uint32(fd))
	link, err := a.call(bpfRawTracepointOpen)
	if err == nil {
		unix.Close(link)
	}
	return err
}

// target finds the BTF type that a tracing program is loaded for.
func (p *prober) target(name string, kinds uint32) (uint32, error) {
	b, err := p.host.types.btf("")
	if err != nil {
		return 0, err
	}
	id, ok := b.lookup(name, kinds)
	if !ok {
		return 0, fmt.Errorf("the kernel has no %s", name)
	}
	return id, nil
}

func (p *prober) tracing(name string, kinds, attach uint32) error {
	id, err := p.target(name, kinds)
	if err != nil {
		return err
	}
	prog := empty(progTracing)
	prog.attach, prog.btfID = attach, id
	return prog.try()
}

// helper loads a program that calls a helper with what happens to be in the
// registers. The verifier looks up the helper first and complains about its
// arguments afterwards: what it complains about is the answer.
func helper(kind uint32, id int32) error { return tryHelper(&probeProgram{kind: kind}, id) }

func (p *prober) tracingHelper(name string, kinds, attach uint32, id int32) error {
	target, err := p.target(name, kinds)
	if err != nil {
		return err
	}
	return tryHelper(&probeProgram{kind: progTracing, attach: attach, btfID: target}, id)
}

func copyFromUser() error {
	return tryHelper(&probeProgram{kind: progKprobe, attach: attachUprobeMulti, flags: flagSleepable}, 148)
}

func tryHelper(prog *probeProgram, id int32) error {
	prog.insns = []uint64{callHelper(id), movImm(0, 0), exit()}
	prog.wantsLog = true
	fd, log, err := prog.load()
	if err == nil {
		unix.Close(fd)
		return nil
	}
	if log == "" {
		return err
	}
	for _, refusal := range []string{"unknown func", "invalid func", "cannot use helper", "not allowed"} {
		if i := strings.Index(log, refusal); i >= 0 {
			line, _, _ := strings.Cut(log[strings.LastIndexByte(log[:i], '\n')+1:], "\n")
			return errors.New(line)
		}
	}
	return nil
}

// kfuncs loads a program that calls two kernel functions.
func (p *prober) kfuncs(body func(first, second uint32) []uint64, first, second string) error {
	a, err := p.target(first, funcKinds)
	if err != nil {
		return err
	}
	b, err := p.target(second, funcKinds)
	if err != nil {
		return err
	}
	prog := &probeProgram{kind: progTracepoint, insns: body(a, b)}
	return prog.try()
}

func rcuSection(lock, unlock uint32) []uint64 {
	return []uint64{callKfunc(lock), callKfunc(unlock), movImm(0, 0), exit()}
}

func numberLoop(begin, end uint32) []uint64 {
	return []uint64{
		movReg(1, 10), addImm(1, -8), movImm(2, 0), movImm(3, 1), callKfunc(begin),
		movReg(1, 10), addImm(1, -8), callKfunc(end),
		movImm(0, 0), exit(),
	}
}

func sleepable() error {
	prog := empty(progKprobe)
	prog.attach, prog.flags = attachUprobeMulti, flagSleepable
	return prog.try()
}

// perfProbe asks a dynamic PMU for something that does not exist. A kernel that
// would do it says that it is not there; rights are checked before.
func perfProbe(pmu, name string) error {
	text, err := os.ReadFile("/sys/bus/event_source/devices/" + pmu + "/type")
	if err != nil {
		return fmt.Errorf("no PMU %s: %w", pmu, err)
	}
	kind, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("PMU %s has type %q", pmu, text)
	}
	cname := append([]byte(name), 0)
	var pins runtime.Pinner
	pins.Pin(&cname[0])
	defer pins.Unpin()
	attr := perfAttr{kind: uint32(kind), config1: uint64(uintptr(unsafe.Pointer(&cname[0])))}
	err = tryPerf(&attr, -1, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// kprobeMulti asks for a link to a function that does not exist.
func kprobeMulti(attach uint32) error {
	prog := empty(progKprobe)
	prog.attach = attach
	fd, _, err := prog.load()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	name := []byte("mcptrace_no_such_function\x00")
	var a, names bpfAttr
	defer names.pins.Unpin()
	names.bytes(0, name)
	a.u32(0, uint32(fd))
	a.u32(8, attach)
	a.u32(16, 0) // flags
	a.u32(20, 1) // count
	a.bytes(24, names.buf[:8])
	a.u64(40, 0)
	return wantMissing(a.call(bpfLinkCreate))
}

// uprobeMulti asks for a link to a file that does not exist.
func uprobeMulti(attach uint32) error {
	prog := empty(progKprobe)
	prog.attach = attach
	fd, _, err := prog.load()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var a bpfAttr
	a.u32(0, uint32(fd))
	a.u32(8, attach)
	a.bytes(16, []byte(noSuchFile+"\x00"))
	a.bytes(24, make([]byte, 8)) // offsets
	a.u32(48, 1)                 // count
	a.u32(52, 0)
	a.u32(56, 0)
	return wantMissing(a.call(bpfLinkCreate))
}

// wantMissing turns the answer "no such thing" into a yes.
func wantMissing(fd int, err error) error {
	switch {
	case err == nil:
		unix.Close(fd)
		return nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH):
		return nil
	}
	return err
}

func progRun() error {
	fd, _, err := empty(progRawTracepoint).load()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var a bpfAttr
	a.u32(0, uint32(fd))
	a.u64(40, 0)
	_, err = a.call(bpfProgTestRun)
	return err
}

func perfLink() error {
	event, err := unix.PerfEventOpen(dummyEvent(), 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(event)
	fd, _, err := empty(progPerfEvent).load()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var a bpfAttr
	a.u32(0, uint32(fd))
	a.u32(4, uint32(event))
	a.u32(8, attachPerfEvent)
	a.u64(16, 0)
	link, err := a.call(bpfLinkCreate)
	if err == nil {
		unix.Close(link)
	}
	return err
}

func stats() error {
	var a bpfAttr
	a.u32(0, 0)
	fd, err := a.call(bpfEnableStats)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func unprivileged() error {
	const path = "/proc/sys/kernel/unprivileged_bpf_disabled"
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w: %v", errCannotTell, err)
	}
	if v := strings.TrimSpace(string(text)); v != "0" {
		return errors.New("kernel.unprivileged_bpf_disabled is " + v)
	}
	return nil
}

func tryMap(kind, key, value, entries, flags uint32) error {
	fd, err := createMap(kind, key, value, entries, flags)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// taskStorage needs types for its key and value, so it brings a tiny BTF.
func taskStorage() error {
	blob := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []uint32{btfHeaderSize, 0, 16, 16, 5, 1, btfInt << 24, 4, intSigned<<24 | 32} {
		blob = binary.NativeEndian.AppendUint32(blob, v)
	}
	blob = append(blob, "\x00int\x00"...)
	var a bpfAttr
	a.bytes(0, blob)
	a.u32(16, uint32(len(blob)))
	a.u32(24, 0)
	btf, err := a.call(bpfBTFLoad)
	if err != nil {
		return err
	}
	defer unix.Close(btf)
	fd, err := createMap(mapTaskStorage, 4, 4, 0, mapNoPrealloc, uint32(btf), 1, 1)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func mapBatch() error {
	fd, err := createMap(mapHash, 4, 4, 1, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var a bpfAttr
	a.bytes(8, make([]byte, 8)) // out_batch
	a.bytes(16, make([]byte, 8))
	a.bytes(24, make([]byte, 8))
	a.u32(32, 1)
	a.u32(36, uint32(fd))
	a.u64(40, 0)
	a.u64(48, 0)
	_, err = a.call(bpfMapLookupBatch)
	if errors.Is(err, unix.ENOENT) { // the map is empty
		return nil
	}
	return err
}

// perfAttr is what probes set of a perf_event_attr.
type perfAttr struct {
	kind    uint32
	config  uint64
	config1 uint64
	config2 uint64
	bpType  uint32
}

func softwareClock() *perfAttr {
	return &perfAttr{kind: unix.PERF_TYPE_SOFTWARE, config: unix.PERF_COUNT_SW_CPU_CLOCK}
}

func cpuCycles() *perfAttr {
	return &perfAttr{kind: unix.PERF_TYPE_HARDWARE, config: unix.PERF_COUNT_HW_CPU_CYCLES}
}

func dummyEvent() *unix.PerfEventAttr {
	return &unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Size: unix.PERF_ATTR_SIZE_VER1,
		Config: unix.PERF_COUNT_SW_DUMMY, Bits: unix.PerfBitDisabled}
}

// watchpoint watches eight bytes of its own.
func watchpoint() error {
	word := new(uint64)
	var pins runtime.Pinner
	pins.Pin(word)
	defer pins.Unpin()
	attr := perfAttr{kind: unix.PERF_TYPE_BREAKPOINT, config1: uint64(uintptr(unsafe.Pointer(word))), config2: 8, bpType: 2}
	err := tryPerf(&attr, 0, -1)
	if errors.Is(err, unix.ENOSPC) { // all registers are in use, so there are some
		return nil
	}
	return err
}

// tryPerf opens an event, disabled, and closes it again.
func tryPerf(p *perfAttr, pid, cpu int) error {
	attr := unix.PerfEventAttr{Type: p.kind, Size: unix.PERF_ATTR_SIZE_VER1, Config: p.config,
		Ext1: p.config1, Ext2: p.config2, Bp_type: p.bpType, Bits: unix.PerfBitDisabled}
	fd, err := unix.PerfEventOpen(&attr, pid, cpu, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err == nil {
		unix.Close(fd)
	}
	return err
}
