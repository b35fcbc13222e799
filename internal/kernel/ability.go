package kernel

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// AbilityInfo is one row of the table of abilities.
type AbilityInfo struct {
	Name  check.Ability `json:"name"`
	What  string        `json:"what"`  // what it is good for
	Probe string        `json:"probe"` // how it is found out
	Get   string        `json:"get"`   // what a kernel or a configuration needs to have it
}

// Finding is the answer about one ability.
type Finding struct {
	Answer check.Answer
	Why    string // what the kernel said when the answer is not Yes
	Hint   string // what to do to get it when the answer is not Yes
}

// Abilities returns the table, in order of what matters most.
func Abilities() []AbilityInfo {
	const (
		load   = "loads a tiny program"
		helper = "loads a program that calls it"
	)
	return []AbilityInfo{
		{check.AbilityBPF, "load any program with the rights of this process", load, "CONFIG_BPF_SYSCALL; CAP_BPF and CAP_PERFMON, or root"},
		{check.AbilityBTF, "types of the kernel: struct fields, arguments of functions", "opens /sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF"},
		{check.AbilityModuleBTF, "types of kernel modules", "looks for a module in /sys/kernel/btf", "CONFIG_DEBUG_INFO_BTF_MODULES and a loaded module"},
		{check.AbilityTracefs, "list tracepoints and read their fields", "opens tracefs, mounted or by a detached mount", "CONFIG_TRACING; root or read permission on tracefs"},
		{check.AbilityKallsyms, "addresses of kernel symbols", "reads one address of /proc/kallsyms", "CONFIG_KALLSYMS; CAP_SYSLOG, kernel.kptr_restrict below 2"},
		{check.AbilityTracepoint, "tracepoint probes through perf events", "reads the event id and loads a program of the type", "CONFIG_PERF_EVENTS and CONFIG_BPF_EVENTS"},
		{check.AbilityRawTracepoint, "rawtracepoint probes, the cheapest kind", "attaches an empty program to task_rename for a moment", "Linux 4.17"},
		{check.AbilityTpBTF, "raw tracepoints with typed arguments", "loads a program for task_rename", "Linux 5.5 with BTF"},
		{check.AbilityKprobe, "kprobe and kretprobe", "asks the kprobe PMU for a function that does not exist", "CONFIG_KPROBES and CONFIG_KPROBE_EVENTS"},
		{check.AbilityKprobeMulti, "many kprobes by one link: fast wildcards", "asks for a link to a function that does not exist", "Linux 5.18 with CONFIG_FPROBE"},
		{check.AbilityKprobeSession, "kprobe and kretprobe as one program", "asks for a link to a function that does not exist", "Linux 6.10 with CONFIG_FPROBE"},
		{check.AbilityFentry, "fentry and fexit: typed arguments, cheapest for functions", "loads a program for bpf_fentry_test1", "Linux 5.5 with BTF and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS; no security module that refuses it"},
		{check.AbilityUprobe, "uprobe, uretprobe and usdt through the perf PMU", "asks the uprobe PMU for a file that does not exist", "CONFIG_UPROBE_EVENTS; CAP_SYS_ADMIN before Linux 6.6"},
		{check.AbilityUprobeMulti, "many uprobes by one link, without CAP_SYS_ADMIN", "asks for a link to a file that does not exist", "Linux 6.6 with CONFIG_UPROBES"},
		{check.AbilityUprobeSession, "uprobe and uretprobe as one program", "asks for a link to a file that does not exist", "Linux 6.13"},
		{check.AbilityUprobeSleepable, "uprobes that may read memory which is paged out", load, "Linux 6.0"},
		{check.AbilityPerfEvent, "profile, interval and software probes", "opens a cpu-clock event on CPU 0", "CONFIG_PERF_EVENTS; CAP_PERFMON or kernel.perf_event_paranoid below 1"},
		{check.AbilityHardware, "hardware probes: cycles, cache misses", "opens a cpu-cycles event", "a CPU whose performance counters the hypervisor passes on"},
		{check.AbilityWatchpoint, "watchpoint probes", "opens a breakpoint event on its own memory", "CONFIG_HAVE_HW_BREAKPOINT"},
		{check.AbilityIter, "iter probes", "loads a program for iter:task", "Linux 5.8 with BTF"},
		{check.AbilityProgRun, "run a program on request: begin, end, interval", "runs an empty program once", "Linux 5.10"},
		{check.AbilityPerfLink, "perf events as links, with cookies", "links an empty program to a dummy event", "Linux 5.15"},
		{check.AbilityRingbuf, "one buffer for the output of all CPUs", "creates the map", "Linux 5.8"},
		{check.AbilityTaskStorage, "values kept with a task: faster than a map by tid", "creates the map", "Linux 5.11 with BTF"},
		{check.AbilityMapBatch, "read a map by few calls", "reads an empty map", "Linux 5.6"},
		{check.AbilityLargeMapKey, "long strings as keys of maps; without it max_strlen is 200 unless a program sets it", "creates the map", "Linux 5.14"},
		{check.AbilityMmapArray, "change parameters of a running program through shared memory", "creates the map", "Linux 5.5"},
		{check.AbilityProbeReadKernel, "read kernel and user memory apart", helper, "Linux 5.5"},
		{check.AbilityAttachCookie, "tell the probes of one program apart", helper, "Linux 5.15"},
		{check.AbilityGetFuncIP, "func in kernel probes", helper, "Linux 5.15"},
		{check.AbilityLoop, "loops of any length", helper, "Linux 5.17"},
		{check.AbilityForEachMapElem, "for over maps, clear and zero inside a program", helper, "Linux 5.13"},
		{check.AbilityMapLookupPercpuElem, "read another CPU's value of a map", helper, "Linux 5.19"},
		{check.AbilityCurrentTaskBTF, "the current task with types: its fields by direct loads", helper, "Linux 5.11"},
		{check.AbilityCurrentCgroupID, "cgroup", helper, "Linux 4.18 with CONFIG_CGROUPS"},
		{check.AbilityNsPidTgid, "pid and tid as a PID namespace sees them", helper, "Linux 5.7"},
		{check.AbilitySnprintf, "format inside the kernel, kernel symbols included", helper, "Linux 5.13"},
		{check.AbilityStrncmp, "compare long strings", helper, "Linux 5.17"},
		{check.AbilityKtimeBoot, "nsecs(boot)", helper, "Linux 5.8"},
		{check.AbilityKtimeTai, "nsecs(tai)", helper, "Linux 6.1"},
		{check.AbilityJiffies64, "jiffies", helper, "Linux 5.5"},
		{check.AbilityDPath, "path()", helper, "Linux 5.10 with BTF"},
		{check.AbilitySendSignal, "signal()", helper, "Linux 5.3"},
		{check.AbilityProbeWriteUser, "write memory of the traced process", helper, "no kernel lockdown"},
		{check.AbilityOverrideReturn, "override()", helper, "CONFIG_BPF_KPROBE_OVERRIDE"},
		{check.AbilitySkbOutput, "skboutput()", helper, "Linux 5.5 with BTF and CONFIG_NET"},
		{check.AbilitySocketCookie, "socket_cookie()", helper, "Linux 5.12 with BTF and CONFIG_NET"},
		{check.AbilityCopyFromUser, "read user memory that is paged out", helper, "Linux 5.10"},
		{check.AbilityKfunc, "call kernel functions that are offered to programs", "loads a program that calls bpf_rcu_read_lock", "Linux 6.2 with BTF"},
		{check.AbilityIterNum, "number loops that the verifier walks once", "loads a program that has one", "Linux 6.4 with BTF"},
		{check.AbilityStats, "measure what running programs cost", "switches BPF run statistics on for a moment", "Linux 5.8; CAP_SYS_ADMIN"},
		{check.AbilityUnprivileged, "load programs without any capability", "reads kernel.unprivileged_bpf_disabled", "sysctl kernel.unprivileged_bpf_disabled=0 (not advised)"},
	}
}

// Ability answers about one ability, probed on first use and kept.
func (m *Machine) Ability(a check.Ability) Finding {
	m.mu.Lock()
	f, ok := m.probed[a]
	m.mu.Unlock()
	if ok {
		return f
	}
	f = m.src.probe(a)
	m.mu.Lock()
	m.probed[a] = f
	m.mu.Unlock()
	return f
}

// Has reports whether the machine has an ability.
func (m *Machine) Has(a check.Ability) check.Answer { return m.Ability(a).Answer }

// Require returns nil when the machine has all abilities, else a *Missing about
// the first that it lacks. What cannot be found out counts as there.
func (m *Machine) Require(abilities ...check.Ability) error {
	for _, a := range abilities {
		if f := m.Ability(a); f.Answer == check.No {
			var err error
			if f.Why != "" {
				err = refusal(f.Why)
			}
			return &Missing{Ability: a, Hint: f.Hint, Err: err}
		}
	}
	return nil
}

// refusal is what the kernel said about an ability.
type refusal string

func (r refusal) Error() string { return string(r) }
