package explain

import (
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// moments says when the probes of a declaration fire, as a sentence.
func (x *explainer) moments(group []*check.Probe) string {
	s := "Fires " + x.occasion(group)
	if places := count(group); places > len(x.probe.Decl.AttachPoints) {
		s += fmt.Sprintf(" (%d places on this target)", places)
	}
	return s + "."
}

func count(group []*check.Probe) int {
	n := 0
	for _, p := range group {
		n += len(p.AttachPoints)
	}
	return n
}

// maxOccasions bounds how many attach points are told one by one.
const maxOccasions = 3

// occasion says when the probes fire, to follow "fires": "every second". What
// the program wrote as a wildcard is told as one.
func (x *explainer) occasion(group []*check.Probe) string {
	var list []string
	seen := map[string]bool{}
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	for _, ap := range x.probe.Decl.AttachPoints {
		if parsed := parsedOf(ap, x.info); parsed != nil {
			add(moment(parsed))
		}
	}
	if len(list) == 0 {
		for _, p := range group {
			for _, ap := range p.AttachPoints {
				add(moment(ap.Parsed))
			}
		}
	}
	if n := len(list) - maxOccasions; n > 1 {
		list = append(list[:maxOccasions], fmt.Sprintf("at %d other attach points", n))
	}
	return strings.Join(list, ", and ")
}

func parsedOf(ap *syntax.AttachPoint, info *check.Info) *syntax.ParsedAttachPoint {
	var params []string
	for _, p := range info.Params {
		params = append(params, p.Value.Str)
	}
	parsed, _ := syntax.ParseAttachPoint(ap, params)
	if parsed == nil || parsed.Kind == syntax.ProbeInvalid {
		return nil
	}
	return parsed
}

// moment says when one attach point fires.
func moment(ap *syntax.ParsedAttachPoint) string {
	switch ap.Kind {
	case syntax.ProbeBegin:
		return "once, when the program starts"
	case syntax.ProbeEnd:
		return "once, when the program ends"
	case syntax.ProbeSelf:
		return "when the tracer itself receives " + ap.Func
	case syntax.ProbeTracepoint, syntax.ProbeRawTracepoint:
		return tracepointMoment(ap)
	case syntax.ProbeInterval:
		return every(ap)
	case syntax.ProbeProfile:
		return every(ap) + " on every CPU, whatever runs there"
	case syntax.ProbeSoftware, syntax.ProbeHardware:
		return perfMoment(ap)
	case syntax.ProbeWatchpoint:
		return fmt.Sprintf("when the %d bytes at address %#x are %s", ap.Len, ap.Address, accessWords(ap.Mode))
	case syntax.ProbeIter:
		return "once for every object of kind " + ap.Func + " that the kernel has"
	}
	return functionMoment(ap)
}

func functionMoment(ap *syntax.ParsedAttachPoint) string {
	name := "the kernel function " + ap.Func
	switch {
	case ap.Func == "":
		name = fmt.Sprintf("the code at %#x", ap.Address)
	case syntax.HasWildcard(ap.Func):
		name = "any kernel function named like " + ap.Func
	}
	switch ap.Kind {
	case syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		name = strings.Replace(strings.Replace(name, "the kernel function ", "the function ", 1), "any kernel function", "any function", 1) + " of " + binary(ap)
	}
	switch ap.Kind {
	case syntax.ProbeKretprobe, syntax.ProbeFexit, syntax.ProbeUretprobe:
		return "when " + name + " returns"
	case syntax.ProbeUSDT:
		return "when a program passes the static probe " + ap.Func + " of " + binary(ap)
	}
	if ap.Offset != 0 {
		return fmt.Sprintf("when %s is executed at its byte %d", name, ap.Offset)
	}
	return "when " + name + " is called"
}

func binary(ap *syntax.ParsedAttachPoint) string {
	if ap.Target == "" {
		return "the traced program"
	}
	return ap.Target
}

// every is the period of an interval or profile probe.
func every(ap *syntax.ParsedAttachPoint) string {
	if ap.Unit == "hz" {
		return fmt.Sprintf("%d times a second", ap.Freq)
	}
	n, word := ap.Freq, map[string]string{"s": "second", "ms": "millisecond", "us": "microsecond"}[ap.Unit]
	if ap.Unit == "us" {
		switch {
		case n%1e6 == 0:
			n, word = n/1e6, "second"
		case n%1e3 == 0:
			n, word = n/1e3, "millisecond"
		}
	}
	if n == 1 {
		return "every " + word
	}
	return fmt.Sprintf("every %d %ss", n, word)
}

func perfMoment(ap *syntax.ParsedAttachPoint) string {
	name := ap.Target
	if name == "" {
		name = ap.Func
	}
	period := ap.Freq
	if e, ok := syntax.FindPerfEvent(ap.Kind, name); ok {
		name = e.Name
		if period == 0 {
			period = e.Count
		}
	}
	counter := "kernel"
	if ap.Kind == syntax.ProbeHardware {
		counter = "processor"
	}
	if period == 1 {
		return "at each of the events " + name + " that the " + counter + " counts"
	}
	return fmt.Sprintf("after every %d of the events %s that the %s counts", period, name, counter)
}

func accessWords(mode string) string {
	var words []string
	for _, m := range mode {
		words = append(words, map[rune]string{'r': "read", 'w': "written", 'x': "executed"}[m])
	}
	return strings.Join(words, " or ")
}

// tracepointMoment says what an event of the kernel means, as far as its name
// tells.
func tracepointMoment(ap *syntax.ParsedAttachPoint) string {
	if s := syscallMoment(ap); s != "" {
		return s
	}
	name := ap.Func
	if s := eventMeaning(name); s != "" {
		return "when " + s
	}
	s := "at the kernel's event " + name
	if syntax.HasWildcard(name) {
		s = "at any of the kernel's events named like " + name
	}
	if what := subsystemMeaning(ap.Target); what != "" && ap.Kind == syntax.ProbeTracepoint {
		return s + " (" + what + ")"
	}
	return s
}

// syscallMoment explains events of system calls, and is "" for others.
func syscallMoment(ap *syntax.ParsedAttachPoint) string {
	switch {
	case ap.Target == "raw_syscalls" && ap.Func == "sys_enter", ap.Kind == syntax.ProbeRawTracepoint && ap.Func == "sys_enter":
		return "when any thread enters any system call"
	case ap.Target == "raw_syscalls" && ap.Func == "sys_exit", ap.Kind == syntax.ProbeRawTracepoint && ap.Func == "sys_exit":
		return "when any system call returns"
	case ap.Target != "syscalls":
		return ""
	}
	if call, ok := strings.CutPrefix(ap.Func, "sys_enter_"); ok {
		return "when any thread enters the system call " + likeName(call)
	}
	if call, ok := strings.CutPrefix(ap.Func, "sys_exit_"); ok {
		return "when the system call " + likeName(call) + " returns"
	}
	return "at the system call events named like " + ap.Func
}

func likeName(name string) string {
	if syntax.HasWildcard(name) {
		return "of any name like " + name
	}
	return name
}

// eventMeaning is what well-known events of the kernel tell.
func eventMeaning(event string) string {
	return map[string]string{
		"sched_switch":                   "a CPU goes from one thread to another",
		"sched_wakeup":                   "a sleeping thread is made ready to run",
		"sched_wakeup_new":               "a new thread is made ready to run for the first time",
		"sched_migrate_task":             "a thread is moved to another CPU",
		"sched_process_exec":             "a process starts to execute a program",
		"sched_process_exit":             "a thread ends",
		"sched_process_fork":             "a process or thread is created",
		"sched_stat_runtime":             "the scheduler accounts the time that a thread ran",
		"block_rq_insert":                "a disk request is put into a queue",
		"block_rq_issue":                 "a disk request is sent to the device",
		"block_rq_complete":              "a disk request has been completed by the device",
		"block_bio_queue":                "a block I/O operation is queued",
		"net_dev_queue":                  "a network packet is queued for sending",
		"net_dev_xmit":                   "a network packet has been handed to the device",
		"netif_receive_skb":              "a network packet has been received",
		"kfree_skb":                      "the kernel drops a network packet",
		"tcp_retransmit_skb":             "TCP sends a segment again",
		"tcp_receive_reset":              "TCP receives a reset",
		"tcp_send_reset":                 "TCP sends a reset",
		"inet_sock_set_state":            "a socket changes its state, as in connecting and closing",
		"kmalloc":                        "the kernel allocates memory",
		"kfree":                          "the kernel frees memory",
		"mm_page_alloc":                  "the kernel allocates pages of memory",
		"page_fault_user":                "a program touches memory that has no page yet",
		"page_fault_kernel":              "the kernel touches memory that has no page yet",
		"irq_handler_entry":              "an interrupt handler starts",
		"irq_handler_exit":               "an interrupt handler ends",
		"softirq_entry":                  "a soft interrupt starts",
		"softirq_exit":                   "a soft interrupt ends",
		"signal_generate":                "a signal is sent",
		"signal_deliver":                 "a signal reaches its process",
		"timer_start":                    "a timer is armed",
		"hrtimer_expire_entry":           "a high-resolution timer expires",
		"workqueue_execute_start":        "a kernel worker starts a piece of work",
		"workqueue_execute_end":          "a kernel worker has done a piece of work",
		"mark_victim":                    "the kernel picks a process to kill, since memory ran out",
		"mm_vmscan_direct_reclaim_begin": "a thread has to wait while memory is reclaimed",
		"mm_vmscan_direct_reclaim_end":   "a thread has waited for memory to be reclaimed",
		"cpu_idle":                       "a CPU goes idle or wakes up",
		"cpu_frequency":                  "a CPU changes its frequency",
		"task_rename":                    "a thread changes its name",
		"task_newtask":                   "a thread is created",
	}[event]
}

func subsystemMeaning(subsystem string) string {
	return map[string]string{
		"sched": "scheduling of threads", "block": "disk requests", "net": "network packets", "tcp": "TCP connections", "udp": "UDP",
		"sock": "sockets", "skb": "network packets", "kmem": "memory of the kernel", "vmscan": "reclaiming memory", "irq": "interrupts",
		"irq_vectors": "interrupts", "timer": "timers", "signal": "signals", "exceptions": "page faults", "workqueue": "background work of the kernel",
		"writeback": "writing changed pages to disk", "ext4": "the ext4 file system", "xfs": "the XFS file system", "btrfs": "the Btrfs file system",
		"power": "power management", "task": "creation of threads", "cgroup": "control groups", "oom": "running out of memory",
		"filemap": "the page cache", "syscalls": "system calls", "raw_syscalls": "system calls", "rcu": "the kernel's RCU", "napi": "network polling",
	}[subsystem]
}
