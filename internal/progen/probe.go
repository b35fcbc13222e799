package progen

import "strings"

// probe is what a block may use at an attach point.
type probe struct {
	kind   string
	ints   []string // integer expressions over the arguments
	strs   []string // string expressions over them
	stacks bool
	usym   bool
	isFunc bool // func is available
}

// Probes are the attach points that programs use, by kind. All exist on any
// recent kernel or in libc.
var Probes = []struct {
	Kind   string
	Attach []string
}{
	{"begin", []string{"begin", "BEGIN"}},
	{"end", []string{"end", "END"}},
	{"interval", []string{"interval:ms:100", "interval:s:1", "interval:hz:10", "i:2s"}},
	{"profile", []string{"profile:hz:99", "profile:ms:50", "p:us:20000"}},
	{"tracepoint", []string{
		"tracepoint:raw_syscalls:sys_enter", "t:raw_syscalls:sys_exit", "tracepoint:sched:sched_switch",
		"tracepoint:syscalls:sys_enter_openat", "tracepoint:syscalls:sys_exit_read", "tracepoint:sched:sched_process_exec"}},
	{"rawtracepoint", []string{"rawtracepoint:sched_switch", "rt:sys_enter", "rawtracepoint:sched_process_exit"}},
	{"software", []string{"software:page-faults:1", "s:cpu-clock:10000000", "software:context-switches:10"}},
	{"hardware", []string{"hardware:cycles:1000000", "h:cache-misses:1000"}},
	{"uprobe", []string{"uprobe:libc:malloc", "u:libc:free", "uprobe:libc:getpid"}},
	{"uretprobe", []string{"uretprobe:libc:malloc", "ur:libc:getpid"}},
	{"usdt", []string{"usdt:/lib/x86_64-linux-gnu/libc.so.6:libc:setjmp", "U:/lib/x86_64-linux-gnu/libc.so.6:libc:longjmp"}},
	{"watchpoint", []string{"watchpoint:0x10000000:8:rw", "w:0x10000000:4:w"}},
	{"iter", []string{"iter:task", "iter:task_file", "it:task_vma"}},
	{"self", []string{"self:signal:SIGUSR1"}},
	{"kprobe", []string{"kprobe:vfs_read", "k:do_nanosleep"}},
	{"kretprobe", []string{"kretprobe:vfs_read", "kr:do_nanosleep"}},
	{"fentry", []string{"fentry:vfs_read", "kfunc:vfs_write"}},
	{"fexit", []string{"fexit:vfs_read", "kretfunc:vfs_write"}},
}

// argsOf are the arguments of single attach points.
var argsOf = map[string]probe{
	"raw_syscalls:sys_enter":           {ints: []string{"args.id", "args.args[0]", "args.args[2]"}},
	"raw_syscalls:sys_exit":            {ints: []string{"args.id", "args.ret"}},
	"sched:sched_switch":               {ints: []string{"args.prev_pid", "args.next_pid", "args.prev_state", "args.next_prio"}, strs: []string{"args.prev_comm", "args.next_comm"}},
	"syscalls:sys_enter_openat":        {ints: []string{"args.dfd", "args.flags", "args.mode"}, strs: []string{"str(args.filename)", "str(args.filename, 20)"}},
	"syscalls:sys_exit_read":           {ints: []string{"args.ret"}},
	"sched:sched_process_exec":         {ints: []string{"args.pid", "args.old_pid"}, strs: []string{"str(args.filename)", "str(args.filename, 30)"}},
	"rawtracepoint:sched_switch":       {ints: []string{"args.prev.pid", "args.next.tgid", "arg0"}, strs: []string{"args.prev.comm"}},
	"rt:sys_enter":                     {ints: []string{"args.id", "arg1"}},
	"rawtracepoint:sched_process_exit": {ints: []string{"args.p.pid"}, strs: []string{"args.p.comm"}},
	"iter:task":                        {ints: []string{"ctx.meta.seq_num", "ctx.task.pid"}, strs: []string{"ctx.task.comm"}},
	"iter:task_file":                   {ints: []string{"ctx.fd", "ctx.task.pid", "ctx.file.f_flags"}, strs: []string{"path(ctx.file.f_path)"}},
	"it:task_vma":                      {ints: []string{"ctx.vma.vm_start", "ctx.task.pid"}},
	"fentry:vfs_read":                  {ints: []string{"args.count", "(uint64)args.file", "args.file.f_flags"}, strs: []string{"str(args.buf, 8)"}},
	"kfunc:vfs_write":                  {ints: []string{"args->count"}, strs: []string{"str(args->file.f_path.dentry.d_name.name)"}},
	"fexit:vfs_read":                   {ints: []string{"args.count", "retval"}},
	"kretfunc:vfs_write":               {ints: []string{"args.count", "retval"}},
}

// probeOf returns what an attach point offers.
func probeOf(at string) *probe {
	p := argsOf[strings.TrimPrefix(strings.TrimPrefix(at, "tracepoint:"), "t:")]
	for _, k := range Probes {
		for _, a := range k.Attach {
			if a == at {
				p.kind = k.Kind
			}
		}
	}
	switch p.kind {
	case "kprobe", "uprobe":
		p.ints = []string{"arg0", "arg1", "(int32)arg2", `reg("sp")`, `reg("ip")`}
		p.stacks, p.isFunc = true, true
	case "kretprobe", "uretprobe":
		p.ints = []string{"retval", `reg("ax")`}
		p.stacks, p.isFunc = true, true
	case "profile", "software", "hardware", "watchpoint":
		p.ints = []string{`reg("ip")`, `reg("di")`}
		p.stacks = true
	case "tracepoint", "rawtracepoint":
		p.stacks = true
	case "fentry", "fexit":
		p.stacks, p.isFunc = true, true
	case "usdt":
		p.ints = []string{"arg0", "arg1"}
		p.stacks = true
	}
	p.usym = p.kind == "uprobe" || p.kind == "uretprobe" || p.kind == "usdt"
	return &p
}
