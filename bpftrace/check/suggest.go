package check

import (
	"sort"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// didYouMean adds the nearest of names, as a repair of n.
func didYouMean(d *syntax.Diagnostic, n located, word string, names []string) bool {
	near := syntax.Closest(word, names)
	if near == "" {
		return false
	}
	hint(d, "Did you mean %s?", near)
	fix(d, false, "use "+near, n, near)
	return true
}

func (b *binder) suggestVariable(d *syntax.Diagnostic, n *syntax.Variable) {
	var names []string
	for s := b.scope; s != nil; s = s.parent {
		for name := range s.vars {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	if didYouMean(d, n, n.Name, names) {
		return
	}
	for _, st := range b.varOrder {
		if st.Name == n.Name {
			note(d, st.originNode, "%s of this name belongs to another block.", "A variable")
			hint(d, "Variables end with their block: declare it before with let %s; or use a map to share a value between probes.", n.Name)
			return
		}
	}
	if f := LookupFunction(n.Name[1:]); f != nil && f.Bare() {
		hint(d, "Did you mean the builtin %s?", f.Name)
		fix(d, false, "use the builtin "+f.Name, n, f.Name)
	}
}

func (t *typer) suggestIdent(d *syntax.Diagnostic, e *syntax.Ident) {
	var names []string
	for _, f := range Functions() {
		if f.Bare() && f.Op != OpArg {
			names = append(names, f.Name)
		}
	}
	for name := range t.c.consts {
		names = append(names, name)
	}
	for name := range t.macros {
		names = append(names, name)
	}
	sort.Strings(names)
	if didYouMean(d, e, e.Name, names) {
		return
	}
	for _, st := range t.varOrder {
		if st.Name == "$"+e.Name {
			hint(d, "Did you mean the variable $%s?", e.Name)
			fix(d, false, "use the variable", e, "$"+e.Name)
			return
		}
	}
	if m := t.maps["@"+e.Name]; m != nil {
		hint(d, "Did you mean the map @%s?", e.Name)
		fix(d, false, "use the map", e, "@"+e.Name)
		return
	}
	if near := t.target.Suggest(SuggestEnumConst, e.Name); len(near) > 0 {
		hint(d, "Did you mean %s?", near[0])
		fix(d, false, "use "+near[0], e, near[0])
		return
	}
	if f := LookupFunction(e.Name); f != nil {
		hint(d, "%s is a function: %s", f.Name, f.Example)
		return
	}
	if t.probe != nil && t.probe.Args != nil && t.probe.Args.Struct != nil {
		if _, ok := t.probe.Args.Struct.Member(e.Name); ok {
			hint(d, "Did you mean args.%s?", e.Name)
			fix(d, true, "use args."+e.Name, e, "args."+e.Name)
		}
	}
}

// foreignFunctions are names of functions of other tools and languages.
var foreignFunctions = map[string]string{
	"println": "print", "puts": "print", "echo": "print", "log": "printf", "sprintf": "printf", "fprintf": "printf",
	"trace": "printf", "stack": "kstack", "quantize": "hist", "lquantize": "lhist", "copyinstr": "str", "stringof": "str",
	"average": "avg", "histogram": "hist", "total": "sum", "tally": "count", "inc": "count", "increment": "count", "execname": "comm",
	"getpid": "pid", "gettid": "tid", "timestamp": "nsecs", "now": "nsecs", "sleep": "interval", "remove": "delete", "contains": "strcontains", "startswith": "strncmp",
	"strcmp": "strncmp", "substr": "str", "nsec": "nsecs", "kstr": "str", "ustr": "str", "system_call": "syscall_name",
}

func (b *binder) suggestFunction(d *syntax.Diagnostic, n *syntax.Ident) {
	if to := foreignFunctions[strings.ToLower(n.Name)]; to != "" {
		hint(d, "Here it is called %s.", to)
		if LookupFunction(to) != nil {
			fix(d, false, "use "+to, n, to)
		}
		return
	}
	var names []string
	for _, f := range Functions() {
		names = append(names, f.Name)
	}
	for name := range b.macros {
		names = append(names, name)
	}
	sort.Strings(names)
	didYouMean(d, n, n.Name, names)
}

func (t *typer) suggestMap(d *syntax.Diagnostic, n *syntax.Map) {
	var names []string
	for _, m := range t.sortedMaps() {
		if m.value != nil && m.value.Kind != Unknown && m.written {
			names = append(names, m.Name)
		}
	}
	if !didYouMean(d, n, n.Name, names) {
		t.suggestStore(d, n)
	}
}

// suggestStore offers the entry probe that a map keyed by thread waits for.
func (t *typer) suggestStore(d *syntax.Diagnostic, n *syntax.Map) {
	if t.probe == nil || t.probe.Decl == nil || len(t.probe.Decl.AttachPoints) == 0 {
		return
	}
	entry := entryProbe(t.probe.Decl.AttachPoints[0].Raw)
	if entry == "" {
		return
	}
	line := entry + " { " + n.Name + "[tid] = nsecs; }"
	hint(d, "This probe fires at the end. What it reads has to be stored at the start: %s", line)
	at := t.probe.Decl.Span()
	at.End = at.Start
	d.Fixes = append(d.Fixes, syntax.Fix{Message: "store the start time", Edits: []syntax.Edit{{Span: at, Text: line + "\n"}}})
}

// entryProbe is the probe at the entry of what raw traces the exit of.
func entryProbe(raw string) string {
	for _, pair := range [][2]string{
		{"tracepoint:syscalls:sys_exit_", "tracepoint:syscalls:sys_enter_"}, {"t:syscalls:sys_exit_", "t:syscalls:sys_enter_"},
		{"kretprobe:", "kprobe:"}, {"kr:", "k:"}, {"uretprobe:", "uprobe:"}, {"ur:", "u:"}, {"fexit:", "fentry:"}, {"fr:", "f:"},
		{"kretfunc:", "kfunc:"}, {"tracepoint:raw_syscalls:sys_exit", "tracepoint:raw_syscalls:sys_enter"},
		{"tracepoint:block:block_rq_complete", "tracepoint:block:block_rq_issue"},
	} {
		if rest, ok := strings.CutPrefix(raw, pair[0]); ok {
			return pair[1] + rest
		}
	}
	return ""
}

func (t *typer) suggestField(d *syntax.Diagnostic, e *syntax.FieldAccess, x *Type) {
	var names []string
	if x.Kind == Record {
		for _, f := range x.Fields {
			names = append(names, f.Name)
		}
	} else {
		names = x.Struct.MemberNames()
	}
	if didYouMean(d, e.Name, e.Name.Name, names) {
		return
	}
	near := containing(names, e.Name.Name)
	if len(near) == 0 && len(names) <= 16 {
		near = names
	}
	if len(near) > 0 {
		hint(d, "It has: %s.", strings.Join(near[:min(len(near), 16)], ", "))
	}
}

// containing returns the names that hold word or a part of it.
func containing(names []string, word string) []string {
	var near []string
	for _, n := range names {
		if n != "" && (strings.Contains(n, word) || strings.Contains(word, n) && len(n) > 2) {
			near = append(near, n)
		}
	}
	return near
}

func (t *typer) suggestType(d *syntax.Diagnostic, te *syntax.NamedType, name string) {
	if near := t.target.Suggest(SuggestType, name); len(near) > 0 {
		hint(d, "Did you mean %s?", near[0])
		fix(d, false, "use "+near[0], te, near[0])
		return
	}
	var names []string
	for n := range t.c.types {
		names = append(names, n)
	}
	if te.Tag == "" {
		for n := range languageTypes {
			names = append(names, n)
		}
	}
	sort.Strings(names)
	didYouMean(d, te, name, names)
}

func (c *checker) suggestKey(d *syntax.Diagnostic, n *syntax.Ident) {
	var names []string
	for _, k := range configKeys {
		names = append(names, k.Name)
	}
	didYouMean(d, n, configName(n.Name), names)
}

// suggestProbe adds probes that exist and are close to a missing one.
func (c *checker) suggestProbe(d *syntax.Diagnostic, ap *syntax.AttachPoint, p *syntax.ParsedAttachPoint) {
	prefix := ap.Raw
	if i := strings.IndexByte(prefix, ':'); i >= 0 {
		prefix = prefix[:i]
	}
	var near []string
	switch p.Kind {
	case syntax.ProbeTracepoint:
		near = c.target.Suggest(SuggestTracepoint, p.Target+":"+p.Func)
	case syntax.ProbeRawTracepoint:
		near = c.target.Suggest(SuggestRawTracepoint, p.Func)
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeFentry, syntax.ProbeFexit:
		near = c.target.Suggest(SuggestFunction, p.Func)
		if alt := tracepointFor(p.Func); alt != "" && c.target.Has(AbilityKprobe) == No {
			hint(d, "This kernel has no kprobes; %s fires for the same event.", alt)
			fix(d, false, "use "+alt, ap, alt)
		}
	}
	for i, name := range near {
		if i == 0 {
			hint(d, "Did you mean %s:%s?", prefix, name)
		}
		fix(d, false, "use "+prefix+":"+name, ap, prefix+":"+name)
	}
}

// tracepointFor is the tracepoint that serves the purpose of a probe on a
// kernel function.
func tracepointFor(fn string) string {
	for _, prefix := range []string{"__x64_sys_", "__arm64_sys_", "__se_sys_", "__do_sys_", "ksys_", "do_sys_", "sys_"} {
		if name, ok := strings.CutPrefix(fn, prefix); ok {
			return "tracepoint:syscalls:sys_enter_" + name
		}
	}
	return map[string]string{
		"do_sys_openat2": "tracepoint:syscalls:sys_enter_openat", "vfs_read": "tracepoint:syscalls:sys_enter_read",
		"vfs_write": "tracepoint:syscalls:sys_enter_write", "vfs_open": "tracepoint:syscalls:sys_enter_openat",
		"vfs_fsync": "tracepoint:syscalls:sys_enter_fsync", "vfs_unlink": "tracepoint:syscalls:sys_enter_unlinkat",
		"do_exit": "tracepoint:sched:sched_process_exit", "do_fork": "tracepoint:sched:sched_process_fork",
		"kernel_clone": "tracepoint:sched:sched_process_fork", "tcp_retransmit_skb": "tracepoint:tcp:tcp_retransmit_skb",
		"tcp_v4_connect": "tracepoint:syscalls:sys_enter_connect", "tcp_connect": "tracepoint:syscalls:sys_enter_connect",
		"tcp_set_state": "tracepoint:sock:inet_sock_set_state", "inet_csk_accept": "tracepoint:syscalls:sys_exit_accept4",
		"kfree_skb": "tracepoint:skb:kfree_skb", "finish_task_switch": "tracepoint:sched:sched_switch",
		"try_to_wake_up": "tracepoint:sched:sched_wakeup", "oom_kill_process": "tracepoint:oom:mark_victim",
		"blk_account_io_start": "tracepoint:block:block_rq_issue", "blk_account_io_done": "tracepoint:block:block_rq_complete",
		"blk_mq_start_request": "tracepoint:block:block_rq_issue", "submit_bio": "tracepoint:block:block_bio_queue",
		"handle_mm_fault": "software:page-faults:1", "do_nanosleep": "tracepoint:syscalls:sys_enter_clock_nanosleep",
	}[fn]
}

// fixComparison offers a repair for a comparison of different types.
func (t *typer) fixComparison(d *syntax.Diagnostic, o *operation) {
	text, other := o.l, o.r
	if o.lt.Kind != String {
		text, other = o.r, o.l
	}
	if s, ok := text.(*syntax.StringLit); ok {
		if ty := t.info.Types[other]; ty != nil && (ty.Kind == Pointer || ty.Kind == Int && ty.Space != SpaceNone) {
			fix(d, false, "read the string", other, "str("+other.Span().Text()+")")
		} else if ty != nil && ty.Kind == Int && isDigits(s.Value) {
			fix(d, false, "compare with a number", text, s.Value)
		}
	}
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
