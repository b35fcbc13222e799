package engine

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// tracepoint opens the perf event of a classic tracepoint on one CPU and ties
// the program to it: a BPF program on a tracepoint runs for all tasks on all
// CPUs, whatever the event was opened for.
func (a *attacher) tracepoint(p *program, point *compile.Point) (attachment, error) {
	ap := point.AP.Parsed
	id, err := a.machine.tracepointID(ap.Target, ap.Func)
	if err != nil {
		return attachment{}, err
	}
	attr := &unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Sample: 1, Wakeup: 1}
	event, err := openPerf(attr, -1, 0)
	if err != nil {
		return attachment{}, attachRights("tracepoint", err)
	}
	held, err := linkPerf(p, event, point.Cookie)
	if err != nil {
		unix.Close(event)
	}
	return held, err
}

// perfEvent attaches profile, software, hardware and watchpoint probes: one
// event for each CPU, or one for each thread of the traced process, which the
// threads that it starts inherit.
func (a *attacher) perfEvent(p *program, point *compile.Point) (attachment, error) {
	attr, err := perfAttr(point.AP.Parsed)
	if err != nil {
		return attachment{}, err
	}
	where, err := a.perfPlaces()
	if err != nil {
		return attachment{}, err
	}
	if a.pid > 0 {
		attr.Bits |= unix.PerfBitInherit
	}
	var all attachment
	for _, at := range where {
		held, err := openAndLink(p, point, attr, at)
		if isErrno(err, unix.ESRCH) && len(where) > 1 {
			continue // this thread has ended
		}
		if err != nil {
			_ = all.detach()
			all.release()
			return attachment{}, perfError(point.AP.Parsed, err)
		}
		all.add(held)
	}
	// These events are freed quickly too.
	all.quick, all.slow = append(all.quick, all.slow...), nil
	return all, nil
}

// perfPlace is what one perf event watches: a CPU, or a thread.
type perfPlace struct{ thread, cpu int }

func (a *attacher) perfPlaces() ([]perfPlace, error) {
	var out []perfPlace
	if a.pid <= 0 {
		cpus, err := a.machine.onlineCPUs()
		for _, cpu := range cpus {
			out = append(out, perfPlace{-1, cpu})
		}
		return out, err
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", a.pid))
	if err != nil {
		return nil, fmt.Errorf("there is no process %d: %w", a.pid, err)
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			out = append(out, perfPlace{id, -1})
		}
	}
	return out, nil
}

func openAndLink(p *program, point *compile.Point, attr *unix.PerfEventAttr, at perfPlace) (attachment, error) {
	event, err := openPerf(attr, at.thread, at.cpu)
	if err != nil {
		return attachment{}, err
	}
	held, err := linkPerf(p, event, point.Cookie)
	if err != nil {
		unix.Close(event)
	}
	return held, err
}

func perfError(ap *syntax.ParsedAttachPoint, err error) error {
	switch {
	case ap.Kind == syntax.ProbeHardware && isErrno(err, unix.ENOENT, unix.EOPNOTSUPP):
		return missing("hardware", "this CPU has no counter for "+ap.Target+"; virtual machines often have none: use software:cpu-clock or profile", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("all hardware breakpoints are in use (there are four on x86): %w", err)
	case ap.Kind == syntax.ProbeWatchpoint && errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the CPU cannot watch %d bytes at %#x for %q: the address must be a multiple of the length: %w", ap.Len, ap.Address, ap.Mode, err)
	}
	return attachRights("perf_event", err)
}

// perfAttr describes the event of a probe to the kernel.
func perfAttr(ap *syntax.ParsedAttachPoint) (*unix.PerfEventAttr, error) {
	attr := &unix.PerfEventAttr{Bits: unix.PerfBitDisabled}
	switch ap.Kind {
	case syntax.ProbeProfile, syntax.ProbeInterval:
		return attr, clockAttr(attr, ap)
	case syntax.ProbeSoftware:
		return attr, counterAttr(attr, unix.PERF_TYPE_SOFTWARE, softwareEvents(), ap)
	case syntax.ProbeHardware:
		return attr, counterAttr(attr, unix.PERF_TYPE_HARDWARE, hardwareEvents(), ap)
	case syntax.ProbeWatchpoint:
		return attr, watchAttr(attr, ap)
	}
	return nil, fmt.Errorf("%s is not a perf event", ap.Target)
}

// clockAttr is the CPU clock at a frequency or with a period.
func clockAttr(attr *unix.PerfEventAttr, ap *syntax.ParsedAttachPoint) error {
	attr.Type, attr.Config = unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_CPU_CLOCK
	if ap.Unit == "hz" {
		attr.Bits |= unix.PerfBitFreq
		attr.Sample = ap.Freq
		return nil
	}
	period, err := period(ap)
	attr.Sample = uint64(period)
	return err
}

// eventNumber is a perf event by name, with the sample period that upstream uses
// when the program gives none.
type eventNumber struct {
	name, alias string
	config      uint64
	period      uint64
}

func softwareEvents() []eventNumber {
	return []eventNumber{
		{"alignment-faults", "", unix.PERF_COUNT_SW_ALIGNMENT_FAULTS, 1},
		{"bpf-output", "", unix.PERF_COUNT_SW_BPF_OUTPUT, 1},
		{"context-switches", "cs", unix.PERF_COUNT_SW_CONTEXT_SWITCHES, 1000},
		{"cpu-clock", "cpu", unix.PERF_COUNT_SW_CPU_CLOCK, 1000000},
		{"cpu-migrations", "", unix.PERF_COUNT_SW_CPU_MIGRATIONS, 1},
		{"dummy", "", unix.PERF_COUNT_SW_DUMMY, 1},
		{"emulation-faults", "", unix.PERF_COUNT_SW_EMULATION_FAULTS, 1},
		{"major-faults", "", unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ, 1},
		{"minor-faults", "", unix.PERF_COUNT_SW_PAGE_FAULTS_MIN, 100},
		{"page-faults", "faults", unix.PERF_COUNT_SW_PAGE_FAULTS, 100},
		{"task-clock", "", unix.PERF_COUNT_SW_TASK_CLOCK, 1},
	}
}

func hardwareEvents() []eventNumber {
	return []eventNumber{
		{"backend-stalls", "", unix.PERF_COUNT_HW_STALLED_CYCLES_BACKEND, 1000000},
		{"branch-instructions", "branches", unix.PERF_COUNT_HW_BRANCH_INSTRUCTIONS, 100000},
		{"branch-misses", "", unix.PERF_COUNT_HW_BRANCH_MISSES, 100000},
		{"bus-cycles", "", unix.PERF_COUNT_HW_BUS_CYCLES, 100000},
		{"cache-misses", "", unix.PERF_COUNT_HW_CACHE_MISSES, 1000000},
		{"cache-references", "", unix.PERF_COUNT_HW_CACHE_REFERENCES, 1000000},
		{"cpu-cycles", "cycles", unix.PERF_COUNT_HW_CPU_CYCLES, 1000000},
		{"frontend-stalls", "", unix.PERF_COUNT_HW_STALLED_CYCLES_FRONTEND, 1000000},
		{"instructions", "", unix.PERF_COUNT_HW_INSTRUCTIONS, 1000000},
		{"ref-cycles", "", unix.PERF_COUNT_HW_REF_CPU_CYCLES, 1000000},
	}
}

func counterAttr(attr *unix.PerfEventAttr, typ uint32, events []eventNumber, ap *syntax.ParsedAttachPoint) error {
	for _, e := range events {
		if ap.Target == e.name || e.alias != "" && ap.Target == e.alias {
			attr.Type, attr.Config, attr.Sample = typ, e.config, e.period
			if ap.Freq > 0 {
				attr.Sample = ap.Freq
			}
			return nil
		}
	}
	return fmt.Errorf("no perf event is called %s", ap.Target)
}

// Bits of the type of a hardware breakpoint.
const (
	breakRead    = 1
	breakWrite   = 2
	breakExecute = 4
)

func watchAttr(attr *unix.PerfEventAttr, ap *syntax.ParsedAttachPoint) error {
	attr.Type, attr.Sample = unix.PERF_TYPE_BREAKPOINT, 1
	attr.Ext1, attr.Ext2 = ap.Address, ap.Len
	for letter, bit := range map[string]uint32{"r": breakRead, "w": breakWrite, "x": breakExecute} {
		if strings.Contains(ap.Mode, letter) {
			attr.Bp_type |= bit
		}
	}
	if attr.Bp_type == breakExecute {
		attr.Ext2 = 8 // sizeof(long): the kernel insists
	}
	return nil
}
