package explain

import (
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// explainMaps says what each map ends up holding.
func (x *explainer) explainMaps() {
	for _, m := range x.info.Maps {
		out := Map{Name: m.Name, Unit: x.units.maps[m.Name], Holds: "a value that the program only reads"}
		if h := x.maps[m.Name]; h != nil {
			out.Holds, out.Keys = h.value, h.keys
		}
		if m.Key != nil {
			out.MaxEntries = m.MaxEntries
		}
		x.out.Maps = append(x.out.Maps, out)
	}
}

// explainEnd says what ends the program and what is printed then.
func (x *explainer) explainEnd() {
	add := func(s string) { x.out.End = append(x.out.End, s) }
	for _, when := range x.ends {
		add("The program ends by itself " + when + ".")
	}
	if len(x.ends) == 0 {
		add("The program does not end by itself: it runs until it is interrupted or a limit such as --timeout ends it.")
	}
	var left []string
	for _, m := range x.info.Maps {
		if !x.cleared[m.Name] {
			left = append(left, m.Name)
		}
	}
	switch {
	case len(left) > 0 && x.info.Settings.PrintMapsOnExit:
		add("At the end, what is in " + join(left) + " is printed.")
		x.out.Output = append(x.out.Output, "At the end: "+join(left))
	case len(left) > 0:
		add("The maps are not printed at the end, since print_maps_on_exit is off.")
	}
}

// effects are what a program does beyond computing, and what its events cost.
type effects struct {
	functions map[string]*check.Function // of those with effects
	prints    []string                   // events that print a line each
	stacks    bool
	userText  bool
	tasks     []string // events at which the current thread has nothing to do with the event
}

// look notes what a part of the current probe does.
func (s *effects) look(x *explainer, n syntax.Node) {
	if s.functions == nil {
		s.functions = map[string]*check.Function{}
	}
	prints, names := false, false
	syntax.Inspect(n, func(n syntax.Node) bool {
		if b, ok := n.(*syntax.Block); ok && x.info.Dead[b] {
			return false
		}
		e, ok := n.(syntax.Expr)
		c := x.info.Calls[e]
		if !ok || c == nil {
			return true
		}
		switch c.Func.Op {
		case check.OpKstack, check.OpUstack, check.OpDwUstack:
			s.stacks = true
		case check.OpStr, check.OpBuf, check.OpJoin:
			s.userText = s.userText || c.Func.Effects&check.EffectReadUser != 0
		case check.OpPid, check.OpTid, check.OpComm, check.OpUid:
			names = true
		}
		if c.Func.Unsafe {
			s.functions[c.Func.Name] = c.Func
		}
		prints = prints || c.Func.Effects&check.EffectOutput != 0
		return true
	})
	if len(x.probe.AttachPoints) == 0 {
		return
	}
	ap := x.probe.AttachPoints[0].Parsed
	if prints && !rare(ap.Kind) {
		s.prints = append(s.prints, x.probe.Decl.AttachPoints[0].Raw)
	}
	if names && strays(ap) {
		s.tasks = append(s.tasks, x.probe.Decl.AttachPoints[0].Raw)
	}
}

// rare reports whether a probe fires seldom by its kind.
func rare(k syntax.ProbeKind) bool {
	switch k {
	case syntax.ProbeBegin, syntax.ProbeEnd, syntax.ProbeInterval, syntax.ProbeSelf, syntax.ProbeIter, syntax.ProbeTest, syntax.ProbeBench:
		return true
	}
	return false
}

// strays reports whether an event often happens on a CPU where a thread runs
// that has nothing to do with it.
func strays(ap *syntax.ParsedAttachPoint) bool {
	switch ap.Func {
	case "block_rq_complete", "netif_receive_skb", "sched_wakeup", "irq_handler_entry", "softirq_entry", "inet_sock_set_state", "tcp_probe", "kfree_skb", "consume_skb":
		return true
	}
	return false
}

// frequent reports whether an event happens many thousand times a second on a
// busy system.
func frequent(ap *syntax.ParsedAttachPoint) bool {
	if ap.Target == "raw_syscalls" || syntax.HasWildcard(ap.Func) && ap.Target == "syscalls" {
		return true
	}
	switch ap.Func {
	case "sched_switch", "sched_wakeup", "sched_waking", "kmalloc", "kfree", "kmem_cache_alloc", "kmem_cache_free", "mm_page_alloc",
		"rcu_utilization", "sys_enter", "sys_exit", "malloc", "free":
		return true
	}
	return false
}

func (x *explainer) explainHints() {
	add := func(format string, args ...any) { x.out.Hints = append(x.out.Hints, fmt.Sprintf(format, args...)) }
	if len(x.seen.prints) > 0 {
		add("Cost: every event of %s sends output to user space. Where such events are frequent, a map (count(), hist()) costs far less.", join(x.seen.prints))
	}
	var busy []string
	for _, p := range x.info.Probes {
		if len(p.AttachPoints) > 0 && frequent(p.AttachPoints[0].Parsed) {
			busy = append(busy, p.AttachPoints[0].Name)
		}
	}
	if len(busy) > 0 {
		add("Cost: %s can happen many thousand times a second; the whole system does a little more work each time, also for events that the condition then leaves out.", join(busy[:min(len(busy), maxOccasions)]))
	}
	if x.seen.stacks {
		add("Cost: stacks take microseconds each. Names of user functions need symbols in the binaries.")
	}
	if x.seen.userText {
		add("Privacy: text or bytes are read from the memory of processes, such as file names; they may hold what is not meant for others.")
	}
	if len(x.seen.tasks) > 0 {
		add("Care: at %s, pid, comm and the like name whatever thread the CPU was running, which often has nothing to do with the event.", join(x.seen.tasks))
	}
	x.hintKinds(add)
	for _, f := range check.Functions() {
		if x.seen.functions[f.Name] != nil {
			add("Effect: %s() %s. It changes the system and needs --unsafe.", f.Name, f.Doc)
		}
	}
}

// hintKinds adds what is to be minded about kinds of probes, once each.
func (x *explainer) hintKinds(add func(string, ...any)) {
	done := map[syntax.ProbeKind]bool{}
	for _, p := range x.info.Probes {
		if done[p.Kind] {
			continue
		}
		done[p.Kind] = true
		switch p.Kind {
		case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeFentry, syntax.ProbeFexit:
			add("Portability: functions of the kernel and their arguments differ between versions; tracepoints are stable.")
			done[syntax.ProbeKprobe], done[syntax.ProbeKretprobe], done[syntax.ProbeFentry], done[syntax.ProbeFexit] = true, true, true, true
		case syntax.ProbeUretprobe:
			add("Care: uretprobe changes return addresses on the stack, which crashes Go programs.")
		case syntax.ProbeUprobe, syntax.ProbeUSDT:
			add("Cost: each call of the traced function of a program enters the kernel, about a microsecond.")
			done[syntax.ProbeUprobe], done[syntax.ProbeUSDT] = true, true
		}
	}
}

// summary is the program in one sentence.
func (x *explainer) summary() string {
	var kinds []string
	for _, p := range x.out.Probes {
		when := strings.TrimSuffix(strings.TrimPrefix(p.When, "Fires "), ".")
		if len(kinds) < maxOccasions && !strings.HasPrefix(when, "once, when the program") {
			kinds = append(kinds, when)
		}
	}
	s := fmt.Sprintf("A program of %s", number(len(x.out.Probes), "probe"))
	if n := len(x.out.Maps); n > 0 {
		s += " and " + number(n, "map")
	}
	if len(kinds) == 0 {
		return s + "."
	}
	return s + "; it acts " + join(kinds) + "."
}

func number(n int, word string) string {
	if n == 1 {
		return "one " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
