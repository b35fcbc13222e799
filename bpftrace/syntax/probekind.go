package syntax

import "strings"

// ProbeKind is a kind of attach point, upstream's provider.
type ProbeKind uint8

// The kinds of attach points.
const (
	ProbeInvalid ProbeKind = iota // not known, or several: see ParsedAttachPoint.Alternatives
	ProbeBegin
	ProbeEnd
	ProbeSelf
	ProbeTest
	ProbeBench
	ProbeKprobe
	ProbeKretprobe
	ProbeFentry
	ProbeFexit
	ProbeTracepoint
	ProbeRawTracepoint
	ProbeUprobe
	ProbeUretprobe
	ProbeUSDT
	ProbeProfile
	ProbeInterval
	ProbeSoftware
	ProbeHardware
	ProbeWatchpoint
	ProbeIter
)

// ProbeForm is one way to write the arguments of a kind. Words in capitals
// stand for values.
type ProbeForm struct {
	Syntax  string // "kprobe:MODULE:FUNCTION"
	Example string // an attach point of this form
}

// ProbeKindInfo is a row of the table of kinds, which the parser, the checker,
// completion and the documentation read.
type ProbeKindInfo struct {
	Kind     ProbeKind
	Name     string   // in lower case; programs may write it in any case
	Aliases  []string // exactly as written
	Doc      string   // when it fires, one sentence
	Args     string   // how the program gets at the data of the event
	Forms    []ProbeForm
	Kernel   bool // matched by a wildcard such as *:vfs_read
	User     bool // matched by a wildcard when the first argument is a path
	MinParts int  // least and greatest number of arguments
	MaxParts int
}

func (k *ProbeKindInfo) takesNoArguments() bool { return k.MaxParts == 0 }

// ProbeKinds returns the table of kinds, in the order of the constants. The
// caller owns the slice but not what the rows point to.
func ProbeKinds() []ProbeKindInfo {
	return append([]ProbeKindInfo(nil), probeKinds[:]...)
}

// Info returns the row of k.
func (k ProbeKind) Info() *ProbeKindInfo {
	if k == ProbeInvalid || int(k) > len(probeKinds) {
		return &ProbeKindInfo{}
	}
	return &probeKinds[k-1]
}

// String returns the name of k, such as "kprobe".
func (k ProbeKind) String() string { return k.Info().Name }

// LookupProbeKind finds the kind called word: a name in any case or an alias.
func LookupProbeKind(word string) (*ProbeKindInfo, bool) {
	for i := range probeKinds {
		k := &probeKinds[i]
		if strings.EqualFold(k.Name, word) {
			return k, true
		}
		for _, a := range k.Aliases {
			if a == word {
				return k, true
			}
		}
	}
	return nil, false
}

var probeKinds = [...]ProbeKindInfo{
	{
		Kind: ProbeBegin, Name: "begin", MaxParts: 0,
		Doc:   "Fires once when the program starts, before any other probe.",
		Args:  "none",
		Forms: []ProbeForm{{"begin", "begin"}},
	}, {
		Kind: ProbeEnd, Name: "end", MaxParts: 0,
		Doc:   "Fires once when the program ends, before maps are printed.",
		Args:  "none",
		Forms: []ProbeForm{{"end", "end"}},
	}, {
		Kind: ProbeSelf, Name: "self", MinParts: 2, MaxParts: 2,
		Doc:   "Fires when the tracer itself receives a signal.",
		Args:  "none",
		Forms: []ProbeForm{{"self:signal:SIGUSR1", "self:signal:SIGUSR1"}},
	}, {
		Kind: ProbeTest, Name: "test", MinParts: 1, MaxParts: 1,
		Doc:   "A test, run with --test; it fails when it returns a value other than 0.",
		Args:  "none",
		Forms: []ProbeForm{{"test:NAME", "test:arithmetic"}},
	}, {
		Kind: ProbeBench, Name: "bench", MinParts: 1, MaxParts: 1,
		Doc:   "A benchmark, run with --bench.",
		Args:  "none",
		Forms: []ProbeForm{{"bench:NAME", "bench:lookup"}},
	}, {
		Kind: ProbeKprobe, Name: "kprobe", Aliases: []string{"k"}, Kernel: true, MinParts: 1, MaxParts: 2,
		Doc:  "Fires when a kernel function is entered, or reached at an offset.",
		Args: "arg0, arg1, ...; reg(), func, ctx",
		Forms: []ProbeForm{
			{"kprobe:FUNCTION", "kprobe:vfs_read"},
			{"kprobe:FUNCTION+OFFSET", "kprobe:vfs_read+8"},
			{"kprobe:MODULE:FUNCTION", "kprobe:nfs:nfs_file_read"},
			{"kprobe:ADDRESS", "kprobe:0xffffffff81000000"},
		},
	}, {
		Kind: ProbeKretprobe, Name: "kretprobe", Aliases: []string{"kr"}, MinParts: 1, MaxParts: 2,
		Doc:  "Fires when a kernel function returns.",
		Args: "retval; reg(), func, ctx",
		Forms: []ProbeForm{
			{"kretprobe:FUNCTION", "kretprobe:vfs_read"},
			{"kretprobe:MODULE:FUNCTION", "kretprobe:nfs:nfs_file_read"},
		},
	}, {
		Kind: ProbeFentry, Name: "fentry", Aliases: []string{"f", "kfunc"}, Kernel: true, MinParts: 1, MaxParts: 3,
		Doc:  "Fires when a kernel function is entered; arguments have names and types from BTF.",
		Args: "args.NAME; func",
		Forms: []ProbeForm{
			{"fentry:FUNCTION", "fentry:vfs_read"},
			{"fentry:MODULE:FUNCTION", "fentry:nfs:nfs_file_read"},
			{"fentry:bpf:PROGRAM", "fentry:bpf:on_packet"},
			{"fentry:bpf:ID:PROGRAM", "fentry:bpf:12:on_packet"},
		},
	}, {
		Kind: ProbeFexit, Name: "fexit", Aliases: []string{"fr", "kretfunc"}, MinParts: 1, MaxParts: 3,
		Doc:  "Fires when a kernel function returns; arguments and result have types from BTF.",
		Args: "args.NAME, retval; func",
		Forms: []ProbeForm{
			{"fexit:FUNCTION", "fexit:vfs_read"},
			{"fexit:MODULE:FUNCTION", "fexit:nfs:nfs_file_read"},
			{"fexit:bpf:PROGRAM", "fexit:bpf:on_packet"},
			{"fexit:bpf:ID:PROGRAM", "fexit:bpf:12:on_packet"},
		},
	}, {
		Kind: ProbeTracepoint, Name: "tracepoint", Aliases: []string{"t"}, Kernel: true, MinParts: 2, MaxParts: 2,
		Doc:   "Fires at a stable, documented event of the kernel.",
		Args:  "args.FIELD",
		Forms: []ProbeForm{{"tracepoint:SUBSYSTEM:EVENT", "tracepoint:sched:sched_switch"}},
	}, {
		Kind: ProbeRawTracepoint, Name: "rawtracepoint", Aliases: []string{"rt"}, Kernel: true, MinParts: 1, MaxParts: 2,
		Doc:  "Fires at a tracepoint, without its arguments being prepared for user space.",
		Args: "arg0, arg1, ...; args.NAME",
		Forms: []ProbeForm{
			{"rawtracepoint:EVENT", "rawtracepoint:sched_switch"},
			{"rawtracepoint:MODULE:EVENT", "rawtracepoint:vmlinux:sched_switch"},
		},
	}, {
		Kind: ProbeUprobe, Name: "uprobe", Aliases: []string{"u"}, User: true, MinParts: 2, MaxParts: 3,
		Doc:  "Fires when a function of a program or library is entered, or reached at an offset.",
		Args: "arg0, arg1, ...; args.NAME with DWARF; reg(), uaddr(), func, ctx",
		Forms: []ProbeForm{
			{"uprobe:BINARY:FUNCTION", "uprobe:/bin/bash:readline"},
			{"uprobe:BINARY:FUNCTION+OFFSET", "uprobe:/bin/bash:readline+4"},
			{"uprobe:BINARY:ADDRESS", "uprobe:/bin/bash:0x1234"},
			{"uprobe:BINARY:cpp:FUNCTION", `uprobe:/usr/bin/app:cpp:"ns::run"`},
			{"uprobe:BINARY@FILE:LINE", "uprobe:/usr/bin/app@main.c:10"},
			{"uprobe:BINARY@FILE:LINE:COLUMN", "uprobe:/usr/bin/app@main.c:10:5"},
		},
	}, {
		Kind: ProbeUretprobe, Name: "uretprobe", Aliases: []string{"ur"}, MinParts: 2, MaxParts: 3,
		Doc:  "Fires when a function of a program or library returns. Never use it on Go programs: it crashes them.",
		Args: "retval; reg(), func, ctx",
		Forms: []ProbeForm{
			{"uretprobe:BINARY:FUNCTION", "uretprobe:/bin/bash:readline"},
			{"uretprobe:BINARY:cpp:FUNCTION", `uretprobe:/usr/bin/app:cpp:"ns::run"`},
		},
	}, {
		Kind: ProbeUSDT, Name: "usdt", Aliases: []string{"U"}, User: true, MinParts: 2, MaxParts: 3,
		Doc:  "Fires at a static probe that a program or library was built with.",
		Args: "arg0, arg1, ...",
		Forms: []ProbeForm{
			{"usdt:BINARY:NAME", "usdt:/usr/lib/libc.so.6:memory_malloc_retry"},
			{"usdt:BINARY:PROVIDER:NAME", "usdt:/usr/lib/libc.so.6:libc:memory_malloc_retry"},
		},
	}, {
		Kind: ProbeProfile, Name: "profile", Aliases: []string{"p"}, MinParts: 1, MaxParts: 2,
		Doc:  "Fires at a rate on every CPU, whatever runs there: for sampling stacks.",
		Args: "none; kstack, ustack, reg(), ctx",
		Forms: []ProbeForm{
			{"profile:UNIT:N", "profile:hz:99"},
			{"profile:DURATION", "profile:10ms"},
		},
	}, {
		Kind: ProbeInterval, Name: "interval", Aliases: []string{"i"}, MinParts: 1, MaxParts: 2,
		Doc:  "Fires at a rate on one CPU: for printing in regular intervals.",
		Args: "none",
		Forms: []ProbeForm{
			{"interval:UNIT:N", "interval:s:1"},
			{"interval:DURATION", "interval:500ms"},
		},
	}, {
		Kind: ProbeSoftware, Name: "software", Aliases: []string{"s"}, Kernel: true, MinParts: 1, MaxParts: 2,
		Doc:  "Fires after COUNT events that the kernel counts, such as page faults.",
		Args: "ctx, reg()",
		Forms: []ProbeForm{
			{"software:EVENT", "software:page-faults"},
			{"software:EVENT:COUNT", "software:page-faults:100"},
		},
	}, {
		Kind: ProbeHardware, Name: "hardware", Aliases: []string{"h"}, Kernel: true, MinParts: 1, MaxParts: 2,
		Doc:  "Fires after COUNT events that the processor counts, such as cache misses. Rarely available in virtual machines.",
		Args: "ctx, reg()",
		Forms: []ProbeForm{
			{"hardware:EVENT", "hardware:cache-misses"},
			{"hardware:EVENT:COUNT", "hardware:cache-misses:1000000"},
		},
	}, {
		Kind: ProbeWatchpoint, Name: "watchpoint", Aliases: []string{"w", "asyncwatchpoint", "aw"}, MinParts: 3, MaxParts: 3,
		Doc:   "Fires when memory is read, written or executed.",
		Args:  "reg(), ctx",
		Forms: []ProbeForm{{"watchpoint:ADDRESS:LENGTH:MODE", "watchpoint:0x10000000:8:rw"}},
	}, {
		Kind: ProbeIter, Name: "iter", Aliases: []string{"it"}, Kernel: true, MinParts: 1, MaxParts: 2,
		Doc:  "Runs once for every object of a kind that the kernel has, such as every task.",
		Args: "ctx.FIELD",
		Forms: []ProbeForm{
			{"iter:NAME", "iter:task"},
			{"iter:NAME:PIN", "iter:task:tasks"},
		},
	},
}

// PerfEvent is an event of software or hardware probes.
type PerfEvent struct {
	Name   string
	Alias  string // "" when there is none
	Config uint64 // of perf_event_attr: PERF_COUNT_SW_* or PERF_COUNT_HW_*
	Count  uint64 // how many events make the probe fire when the program does not say
}

// SoftwareEvents returns the events of software probes.
// Numbers: include/uapi/linux/perf_event.h.
func SoftwareEvents() []PerfEvent {
	return []PerfEvent{
		{"alignment-faults", "", 7, 1},
		{"bpf-output", "", 10, 1},
		{"context-switches", "cs", 3, 1000},
		{"cpu-clock", "cpu", 0, 1000000},
		{"cpu-migrations", "", 4, 1},
		{"dummy", "", 9, 1},
		{"emulation-faults", "", 8, 1},
		{"major-faults", "", 6, 1},
		{"minor-faults", "", 5, 100},
		{"page-faults", "faults", 2, 100},
		{"task-clock", "", 1, 1},
	}
}

// HardwareEvents returns the events of hardware probes.
func HardwareEvents() []PerfEvent {
	return []PerfEvent{
		{"backend-stalls", "", 8, 1000000},
		{"branch-instructions", "branches", 4, 100000},
		{"branch-misses", "", 5, 100000},
		{"bus-cycles", "", 6, 100000},
		{"cache-misses", "", 3, 1000000},
		{"cache-references", "", 2, 1000000},
		{"cpu-cycles", "cycles", 0, 1000000},
		{"frontend-stalls", "", 7, 1000000},
		{"instructions", "", 1, 1000000},
		{"ref-cycles", "", 9, 1000000},
	}
}

// FindPerfEvent finds the event of a software or hardware probe by its name or
// alias.
func FindPerfEvent(k ProbeKind, name string) (PerfEvent, bool) {
	events := SoftwareEvents()
	if k == ProbeHardware {
		events = HardwareEvents()
	}
	for _, e := range events {
		if name == e.Name || name != "" && name == e.Alias {
			return e, true
		}
	}
	return PerfEvent{}, false
}
