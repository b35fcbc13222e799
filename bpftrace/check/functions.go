package check

import (
	"sync"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// The operations of functions and builtins.
const (
	OpPid FuncOp = iota + 1
	OpTid
	OpUid
	OpGid
	OpNsecs
	OpElapsed
	OpCpu
	OpNcpus
	OpNumaid
	OpComm
	OpCurtask
	OpCgroup
	OpRand
	OpJiffies
	OpKstack
	OpUstack
	OpDwUstack
	OpArg
	OpArgs
	OpRetval
	OpCtx
	OpFunc
	OpProbe
	OpProbetype
	OpUsername
	OpCpid
	OpHasCpid
	OpUsermode
	OpPpid
	OpPcomm
	OpLeaderTid
	OpLeaderComm
	OpPrintf
	OpErrorf
	OpWarnf
	OpDebugf
	OpPrint
	OpClear
	OpZero
	OpDelete
	OpHasKey
	OpFind
	OpLen
	OpIsScalar
	OpExit
	OpFail
	OpAssert
	OpStaticAssert
	OpAssertStr
	OpTime
	OpStrftime
	OpCat
	OpSystem
	OpJoin
	OpStr
	OpBuf
	OpPath
	OpKsym
	OpUsym
	OpKaddr
	OpPercpuKaddr
	OpUaddr
	OpKptr
	OpUptr
	OpReg
	OpNtop
	OpPton
	OpMacaddr
	OpBswap
	OpCgroupid
	OpCgroupPath
	OpStrncmp
	OpStrlen
	OpStrcap
	OpStrstr
	OpStrcontains
	OpStrerror
	OpSignalName
	OpSyscallName
	OpMemcmp
	OpIsErr
	OpIsStr
	OpIsPtr
	OpIsArray
	OpIsInteger
	OpIsUnsignedInteger
	OpIsLiteral
	OpKfuncExist
	OpKfuncAllowed
	OpDefaultStrLength
	OpGetopt
	OpSignal
	OpSignalThread
	OpOverride
	OpWriteUser
	OpSkboutput
	OpSocketCookie
	OpUnwatch
	OpUsdtArg
	OpStackLen
	OpCount
	OpSum
	OpMin
	OpMax
	OpAvg
	OpStats
	OpHist
	OpLhist
	OpTseries
)

// functionTable has one row for every builtin, function and aggregation. Rows
// are in the order of the documentation.
var functionTable = []Function{
	{
		Name: "pid", Op: OpPid, Class: ClassBuiltin,
		Args:    []Arg{{Name: "ns", Kinds: []Kind{Symbolic}, Optional: true, Word: []string{"curr_ns", "init"}}},
		Result:  uint32Type,
		Doc:     "process id (thread group id) in the tracer's pid namespace; pid(init) is the one of the initial namespace",
		Example: `begin { print(pid); exit(); }`,
	},
	{
		Name: "tid", Op: OpTid, Class: ClassBuiltin,
		Args:    []Arg{{Name: "ns", Kinds: []Kind{Symbolic}, Optional: true, Word: []string{"curr_ns", "init"}}},
		Result:  uint32Type,
		Doc:     "thread id in the tracer's pid namespace; tid(init) is the one of the initial namespace",
		Example: `begin { print(tid); exit(); }`,
	},
	{
		Name: "uid", Aliases: []string{"__builtin_uid"}, Op: OpUid, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "user id of the current process",
		Example: `tracepoint:syscalls:sys_enter_execve { @execs[uid] = count(); }`,
	},
	{
		Name: "gid", Aliases: []string{"__builtin_gid"}, Op: OpGid, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "group id of the current process",
		Example: `tracepoint:syscalls:sys_enter_execve { @execs[gid] = count(); }`,
	},
	{
		Name: "nsecs", Op: OpNsecs, Class: ClassBuiltin,
		Args:    []Arg{{Name: "clock", Kinds: []Kind{Symbolic}, Optional: true, Word: []string{"boot", "monotonic", "tai", "sw_tai"}}},
		Result:  uint64Type,
		Doc:     "nanoseconds since boot, or of the given clock",
		Example: `interval:s:1 { printf("%llu\n", nsecs(monotonic)); }`,
	},
	{
		Name: "elapsed", Aliases: []string{"__builtin_elapsed"}, Op: OpElapsed, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "nanoseconds since the program started",
		Example: `interval:s:1 { printf("%llu ms\n", elapsed / 1000000); }`,
	},
	{
		Name: "cpu", Aliases: []string{"__builtin_cpu"}, Op: OpCpu, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "number of the CPU the probe fired on",
		Example: `profile:hz:99 { @samples[cpu] = count(); }`,
	},
	{
		Name: "ncpus", Aliases: []string{"__builtin_ncpus"}, Op: OpNcpus, Class: ClassBuiltin,
		Result: uint64Type, Since: "0.24",
		Doc:     "number of CPUs of the machine",
		Example: `begin { printf("%llu CPUs\n", ncpus); exit(); }`,
	},
	{
		Name: "numaid", Op: OpNumaid, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "NUMA node the probe fired on",
		Example: `profile:hz:99 { @samples[numaid] = count(); }`,
	},
	{
		Name: "comm", Aliases: []string{"__builtin_comm"}, Op: OpComm, Class: ClassBuiltin,
		Args:    []Arg{{Name: "pid", Kinds: []Kind{Int}, Optional: true}},
		Doc:     "name of the current thread, or of the process given",
		Example: `tracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }`,
	},
	{
		Name: "curtask", Aliases: []string{"__builtin_curtask"}, Op: OpCurtask, Class: ClassBuiltin,
		Doc:     "address of the current task_struct",
		Example: `profile:hz:99 { @[curtask.comm] = count(); }`,
	},
	{
		Name: "cgroup", Aliases: []string{"__builtin_cgroup"}, Op: OpCgroup, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "cgroup v2 id of the current process",
		Example: `tracepoint:syscalls:sys_enter_openat { @opens[cgroup] = count(); }`,
	},
	{
		Name: "rand", Aliases: []string{"__builtin_rand"}, Op: OpRand, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "random number",
		Example: `profile:hz:99 / rand % 10 == 0 / { @[comm] = count(); }`,
	},
	{
		Name: "jiffies", Aliases: []string{"__builtin_jiffies"}, Op: OpJiffies, Class: ClassBuiltin,
		Result: uint64Type, Needs: []Ability{AbilityJiffies64}, Since: "0.20",
		Doc:     "kernel ticks since boot",
		Example: `interval:s:1 { print(jiffies); }`,
	},
	{
		Name: "kstack", Op: OpKstack, Class: ClassBuiltin,
		Args:    []Arg{{Name: "mode", Kinds: []Kind{Symbolic}, Optional: true, Word: []string{"bpftrace", "perf", "raw", "build_id"}}, {Name: "limit", Kinds: []Kind{Int}, Literal: true, Optional: true}},
		Doc:     "kernel stack, at most limit frames (127)",
		Example: `profile:hz:99 { @[kstack(5)] = count(); }`,
	},
	{
		Name: "ustack", Op: OpUstack, Class: ClassBuiltin,
		Args:    []Arg{{Name: "mode", Kinds: []Kind{Symbolic}, Optional: true, Word: []string{"bpftrace", "perf", "raw", "build_id"}}, {Name: "limit", Kinds: []Kind{Int}, Literal: true, Optional: true}},
		Doc:     "stack of the user program, at most limit frames (127)",
		Example: `profile:hz:99 { @[ustack(perf, 5)] = count(); }`,
	},
	{
		Name: "dw_ustack", Aliases: []string{"__builtin_dw_ustack"}, Op: OpDwUstack, Class: ClassBuiltin,
		Args:  []Arg{{Name: "mode", Kinds: []Kind{Symbolic}, Optional: true, Word: []string{"bpftrace", "perf", "raw", "build_id"}}, {Name: "limit", Kinds: []Kind{Int}, Literal: true, Optional: true}},
		Since: "0.26", Unstable: "unstable_dw_ustack",
		Doc:     "user stack unwound with DWARF tables",
		Example: `uprobe:/bin/bash:readline { print(dw_ustack); }`,
	},
	{
		Name: "arg", Op: OpArg, Class: ClassBuiltin,
		NoLoop:  true,
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeUprobe, syntax.ProbeUSDT, syntax.ProbeRawTracepoint},
		Doc:     "arg0, arg1, ...: argument of the function, as an integer or address",
		Example: `kprobe:vfs_read { @bytes = hist(arg2); }`,
	},
	{
		Name: "args", Op: OpArgs, Class: ClassBuiltin,
		NoLoop:  true,
		Probes:  []syntax.ProbeKind{syntax.ProbeTracepoint, syntax.ProbeRawTracepoint, syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeUprobe},
		Doc:     "arguments of the probe as a struct: args.NAME",
		Example: `tracepoint:syscalls:sys_enter_openat { printf("%s\n", str(args.filename)); }`,
	},
	{
		Name: "retval", Aliases: []string{"__builtin_retval"}, Op: OpRetval, Class: ClassBuiltin,
		NoLoop:  true,
		Probes:  []syntax.ProbeKind{syntax.ProbeKretprobe, syntax.ProbeUretprobe, syntax.ProbeFentry, syntax.ProbeFexit},
		Doc:     "value that the function returned",
		Example: `kretprobe:vfs_read { @bytes = hist(retval); }`,
	},
	{
		Name: "ctx", Op: OpCtx, Class: ClassBuiltin,
		NoLoop:  true,
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT, syntax.ProbeProfile, syntax.ProbeInterval, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint, syntax.ProbeIter},
		Doc:     "address of the probe's context",
		Example: `profile:hz:99 { @[ctx.regs.ip] = count(); }`,
	},
	{
		Name: "func", Aliases: []string{"__builtin_func"}, Op: OpFunc, Class: ClassBuiltin,
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeFentry, syntax.ProbeFexit},
		Doc:     "name of the traced function",
		Example: `kprobe:vfs_* { @calls[func] = count(); }`,
	},
	{
		Name: "probe", Aliases: []string{"__builtin_probe"}, Op: OpProbe, Class: ClassBuiltin,
		Doc:     "full name of the probe",
		Example: `tracepoint:sched:* { @events[probe] = count(); }`,
	},
	{
		Name: "probetype", Aliases: []string{"__builtin_probetype"}, Op: OpProbetype, Class: ClassBuiltin,
		Since:   "0.25",
		Doc:     "kind of the probe: \"kprobe\"",
		Example: `begin { print(probetype); exit(); }`,
	},
	{
		Name: "username", Aliases: []string{"__builtin_username"}, Op: OpUsername, Class: ClassBuiltin,
		Result:  &Type{Kind: Username, Size: 8},
		Doc:     "name of the current user",
		Example: `tracepoint:syscalls:sys_enter_execve { @execs[username] = count(); }`,
	},
	{
		Name: "cpid", Aliases: []string{"__builtin_cpid"}, Op: OpCpid, Class: ClassBuiltin,
		Result:  uint64Type,
		Doc:     "process id of the command started with -c, or 0",
		Example: `tracepoint:syscalls:sys_enter_openat / pid == cpid / { @opens = count(); }`,
	},
	{
		Name: "has_cpid", Op: OpHasCpid, Class: ClassBuiltin,
		Result:  boolType,
		Doc:     "whether a command was started with -c",
		Example: `begin { print(has_cpid); exit(); }`,
	},
	{
		Name: "usermode", Aliases: []string{"__builtin_usermode"}, Op: OpUsermode, Class: ClassBuiltin,
		Result: uint8Type, Since: "0.24",
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT, syntax.ProbeProfile, syntax.ProbeInterval, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint, syntax.ProbeBegin, syntax.ProbeEnd, syntax.ProbeSelf, syntax.ProbeTest, syntax.ProbeBench, syntax.ProbeTracepoint, syntax.ProbeRawTracepoint, syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeIter},
		Doc:     "1 when the CPU was running user code (x86_64)",
		Example: `profile:hz:99 { @[usermode] = count(); }`,
	},
	{
		Name: "ppid", Op: OpPpid, Class: ClassBuiltin,
		Args:   []Arg{{Name: "task", Kinds: []Kind{Pointer}, Optional: true}},
		Result: int32Type, Since: "0.24",
		Doc:     "process id of the parent",
		Example: `tracepoint:syscalls:sys_enter_execve { @[ppid] = count(); }`,
	},
	{
		Name: "pcomm", Op: OpPcomm, Class: ClassBuiltin,
		Args:    []Arg{{Name: "task", Kinds: []Kind{Pointer}, Optional: true}},
		Since:   "0.25",
		Doc:     "name of the parent process",
		Example: `tracepoint:syscalls:sys_enter_execve { @[pcomm] = count(); }`,
	},
	{
		Name: "leader_tid", Op: OpLeaderTid, Class: ClassBuiltin,
		Args:   []Arg{{Name: "task", Kinds: []Kind{Pointer}, Optional: true}},
		Result: int32Type, Since: "0.26",
		Doc:     "thread id of the process's first thread",
		Example: `profile:hz:99 { @[leader_tid] = count(); }`,
	},
	{
		Name: "leader_comm", Op: OpLeaderComm, Class: ClassBuiltin,
		Args:    []Arg{{Name: "task", Kinds: []Kind{Pointer}, Optional: true}},
		Since:   "0.26",
		Doc:     "name of the process's first thread",
		Example: `profile:hz:99 { @[leader_comm] = count(); }`,
	},
	{
		Name: "printf", Op: OpPrintf, Class: ClassFunction,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Async: true, Effects: EffectOutput,
		Doc:     "prints its arguments as the format says",
		Example: `begin { printf("pid %d\n", pid); exit(); }`,
	},
	{
		Name: "errorf", Op: OpErrorf, Class: ClassFunction,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Async: true, Effects: EffectOutput, Since: "0.24",
		Doc:     "printf to standard error, marked as an error with its place in the program",
		Example: `begin { errorf("no such %s", "thing"); exit(); }`,
	},
	{
		Name: "warnf", Op: OpWarnf, Class: ClassFunction,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Async: true, Effects: EffectOutput, Since: "0.25",
		Doc:     "printf to standard error, marked as a warning",
		Example: `begin { warnf("odd: %d", 1); exit(); }`,
	},
	{
		Name: "debugf", Op: OpDebugf, Class: ClassFunction,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Effects: EffectOutput, Since: "0.24",
		Doc:     "writes to the kernel's trace pipe",
		Example: `begin { debugf("here %d", 1); exit(); }`,
	},
	{
		Name: "print", Op: OpPrint, Class: ClassFunction,
		Args:   []Arg{{Name: "value"}, {Name: "top", Kinds: []Kind{Int}, Literal: true, Optional: true}, {Name: "div", Kinds: []Kind{Int}, Literal: true, Optional: true}},
		Result: voidType, Async: true, Effects: EffectOutput,
		Doc:     "prints a value, or a map: its top entries, divided by div",
		Example: `interval:s:1 { print(@reads, 5); } tracepoint:syscalls:sys_enter_read { @reads[comm] = count(); }`,
	},
	{
		Name: "clear", Op: OpClear, Class: ClassMap,
		Args:   []Arg{{Name: "map", MapArg: AnyMap}},
		Result: voidType, Async: true,
		Doc:     "removes all entries of a map",
		Example: `interval:s:1 { print(@n); clear(@n); } tracepoint:syscalls:sys_enter_read { @n[comm] = count(); }`,
	},
	{
		Name: "zero", Op: OpZero, Class: ClassMap,
		Args:   []Arg{{Name: "map", MapArg: AnyMap}},
		Result: voidType, Async: true,
		Doc:     "sets all values of a map to zero",
		Example: `interval:s:1 { print(@n); zero(@n); } tracepoint:syscalls:sys_enter_read { @n[comm] = count(); }`,
	},
	{
		Name: "delete", Op: OpDelete, Class: ClassMap,
		Args:    []Arg{{Name: "map", MapArg: AnyMap}, {Name: "key", Optional: true}},
		Result:  boolType,
		Doc:     "removes an entry of a map, or the value of a map without keys",
		Example: `tracepoint:syscalls:sys_exit_read / has_key(@start, tid) / { @ns = hist(nsecs - @start[tid]); delete(@start, tid); } tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; }`,
	},
	{
		Name: "has_key", Op: OpHasKey, Class: ClassMap,
		Args:   []Arg{{Name: "map", MapArg: KeyedMap}, {Name: "key"}},
		Result: boolType, Since: "0.22",
		Doc:     "whether a map has an entry",
		Example: `tracepoint:syscalls:sys_exit_read / has_key(@start, tid) / { @done = count(); } tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; }`,
	},
	{
		Name: "find", Op: OpFind, Class: ClassMap,
		Args:   []Arg{{Name: "map", MapArg: KeyedMap}, {Name: "key"}, {Name: "variable"}},
		Result: boolType, Since: "0.25",
		Doc:     "reads an entry of a map into a variable if it exists",
		Example: `tracepoint:syscalls:sys_exit_read { let $t; if (find(@start, tid, $t)) { @ns = hist(nsecs - $t); } } tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; }`,
	},
	{
		Name: "len", Op: OpLen, Class: ClassMap,
		Args:   []Arg{{Name: "map", MapArg: AnyMap}},
		Result: int64Type, Since: "0.20",
		Doc:     "number of entries of a map, or of frames of a stack",
		Example: `interval:s:1 { print(len(@pids)); } tracepoint:syscalls:sys_enter_read { @pids[pid] = 1; }`,
	},
	{
		Name: "is_scalar", Op: OpIsScalar, Class: ClassCompile,
		Args:    []Arg{{Name: "map", MapArg: AnyMap}},
		Result:  boolType,
		Doc:     "whether a map has no keys",
		Example: `begin { @n = 1; print(is_scalar(@n)); exit(); }`,
	},
	{
		Name: "exit", Op: OpExit, Class: ClassFunction,
		Args:   []Arg{{Name: "code", Kinds: []Kind{Int}, Optional: true}},
		Result: voidType, Async: true, Effects: EffectExit,
		Doc:     "ends the program, with an exit code",
		Example: `interval:s:5 { exit(); }`,
	},
	{
		Name: "fail", Op: OpFail, Class: ClassCompile,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Since: "0.25",
		Doc:     "stops checking with a message",
		Example: `begin { if comptime (probetype == "kprobe") { fail("not here"); } exit(); }`,
	},
	{
		Name: "assert", Op: OpAssert, Class: ClassFunction,
		Args:   []Arg{{Name: "condition"}, {Name: "message"}},
		Result: voidType, Async: true, Effects: EffectOutput | EffectExit,
		Doc:     "ends the program with a message when the condition is false",
		Example: `begin { assert(pid > 0, "no pid"); exit(); }`,
	},
	{
		Name: "static_assert", Op: OpStaticAssert, Class: ClassCompile,
		Args:    []Arg{{Name: "condition"}, {Name: "message", Kinds: []Kind{String}, Literal: true}},
		Result:  voidType,
		Doc:     "rejects the program with a message when the condition is false",
		Example: `begin { static_assert(sizeof(int32) == 4, "odd int"); exit(); }`,
	},
	{
		Name: "assert_str", Op: OpAssertStr, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  voidType,
		Doc:     "rejects the program when the value is not like a string",
		Example: `begin { assert_str("x"); exit(); }`,
	},
	{
		Name: "time", Op: OpTime, Class: ClassFunction,
		Args:   []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true, Optional: true}},
		Result: voidType, Async: true, Effects: EffectOutput,
		Doc:     "prints the time of day",
		Example: `interval:s:1 { time("%H:%M:%S\n"); }`,
	},
	{
		Name: "strftime", Op: OpStrftime, Class: ClassFunction,
		Args:    []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}, {Name: "ns", Kinds: []Kind{Int}}},
		Result:  &Type{Kind: Timestamp, Size: 16},
		Doc:     "a time in nanoseconds since boot as text",
		Example: `tracepoint:syscalls:sys_enter_execve { printf("%s %s\n", strftime("%H:%M:%S", nsecs), comm); }`,
	},
	{
		Name: "cat", Op: OpCat, Class: ClassFunction,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Async: true, Effects: EffectOutput | EffectReadFile,
		Doc:     "prints a file",
		Example: `interval:s:1 { cat("/proc/loadavg"); }`,
	},
	{
		Name: "system", Op: OpSystem, Class: ClassFunction,
		Args:     []Arg{{Name: "format", Kinds: []Kind{String}, Literal: true}},
		Variadic: true, Result: voidType, Unsafe: true, Async: true, Effects: EffectOutput | EffectSystem,
		Doc:     "runs a shell command",
		Example: `interval:s:1 { system("uptime"); }`,
	},
	{
		Name: "join", Op: OpJoin, Class: ClassFunction,
		Args:   []Arg{{Name: "array", Kinds: []Kind{Int, Pointer}}, {Name: "separator", Kinds: []Kind{String}, Literal: true, Optional: true}},
		Result: voidType, Async: true, Effects: EffectOutput | EffectReadUser,
		Doc:     "prints an array of strings, such as argv",
		Example: `tracepoint:syscalls:sys_enter_execve { join(args.argv); }`,
	},
	{
		Name: "str", Op: OpStr, Class: ClassFunction,
		Args:    []Arg{{Name: "address", Kinds: []Kind{String, Int, Pointer}}, {Name: "length", Kinds: []Kind{Int}, Optional: true}},
		Effects: EffectReadUser,
		Doc:     "reads a string from memory, at most length bytes",
		Example: `tracepoint:syscalls:sys_enter_openat { printf("%s\n", str(args.filename)); }`,
	},
	{
		Name: "buf", Op: OpBuf, Class: ClassFunction,
		Args:    []Arg{{Name: "data"}, {Name: "length", Kinds: []Kind{Int}, Optional: true}},
		Effects: EffectReadUser,
		Doc:     "reads bytes from memory; print them with %r, %rx or %rh",
		Example: `tracepoint:syscalls:sys_enter_write { printf("%r\n", buf(args.buf, args.count)); }`,
	},
	{
		Name: "path", Op: OpPath, Class: ClassFunction,
		Args:    []Arg{{Name: "path", Kinds: []Kind{Pointer, Struct}}, {Name: "size", Kinds: []Kind{Int}, Literal: true, Optional: true}},
		Needs:   []Ability{AbilityDPath},
		Probes:  []syntax.ProbeKind{syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeIter},
		Doc:     "full name of a struct path",
		Example: `fentry:filp_close { printf("%s\n", path(args.filp.f_path)); }`,
	},
	{
		Name: "ksym", Op: OpKsym, Class: ClassFunction,
		Args:    []Arg{{Name: "address", Kinds: []Kind{Int, Pointer}}},
		Result:  &Type{Kind: Ksym, Size: 8},
		Doc:     "name of a kernel address",
		Example: `kprobe:do_nanosleep { printf("%s\n", ksym(reg("ip"))); }`,
	},
	{
		Name: "usym", Op: OpUsym, Class: ClassFunction,
		Args:    []Arg{{Name: "address", Kinds: []Kind{Int, Pointer}}},
		Result:  &Type{Kind: Usym, Size: 16},
		Doc:     "name of an address in the current process",
		Example: `uprobe:/bin/bash:readline { printf("%s\n", usym(reg("ip"))); }`,
	},
	{
		Name: "kaddr", Op: OpKaddr, Class: ClassFunction,
		Args:    []Arg{{Name: "symbol", Kinds: []Kind{String}, Literal: true}},
		Doc:     "address of a kernel symbol",
		Example: `begin { printf("%p\n", kaddr("jiffies")); exit(); }`,
	},
	{
		Name: "percpu_kaddr", Op: OpPercpuKaddr, Class: ClassFunction,
		Args:    []Arg{{Name: "symbol", Kinds: []Kind{String}, Literal: true}, {Name: "cpu", Kinds: []Kind{Int}, Optional: true}},
		Effects: EffectReadKernel,
		Doc:     "address of a per-CPU kernel variable on this or the given CPU",
		Example: `begin { $p = (struct rq *)percpu_kaddr("runqueues", 0); print($p.nr_running); exit(); }`,
	},
	{
		Name: "uaddr", Aliases: []string{"__builtin_uaddr"}, Op: OpUaddr, Class: ClassFunction,
		Args:    []Arg{{Name: "symbol", Kinds: []Kind{String}, Literal: true}},
		Probes:  []syntax.ProbeKind{syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT},
		Doc:     "address of a symbol of the traced program",
		Example: `uprobe:/bin/bash:readline { printf("%d\n", *uaddr("ps1_prompt")); }`,
	},
	{
		Name: "kptr", Op: OpKptr, Class: ClassFunction,
		Args:    []Arg{{Name: "address", Kinds: []Kind{Int, Pointer}}},
		Effects: EffectReadKernel,
		Doc:     "the address, read as kernel memory",
		Example: `kprobe:vfs_read { printf("%s\n", str(kptr(arg1))); }`,
	},
	{
		Name: "uptr", Op: OpUptr, Class: ClassFunction,
		Args:    []Arg{{Name: "address", Kinds: []Kind{Int, Pointer}}},
		Effects: EffectReadUser,
		Doc:     "the address, read as memory of the current process",
		Example: `kprobe:do_sys_openat2 { printf("%s\n", str(uptr(arg1))); }`,
	},
	{
		Name: "reg", Op: OpReg, Class: ClassFunction,
		Args:    []Arg{{Name: "name", Kinds: []Kind{String}, Literal: true}},
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT, syntax.ProbeProfile, syntax.ProbeInterval, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint},
		Doc:     "value of a CPU register",
		Example: `uprobe:/bin/bash:readline { printf("%p\n", reg("sp")); }`,
	},
	{
		Name: "ntop", Op: OpNtop, Class: ClassFunction,
		Args:    []Arg{{Name: "family", Kinds: []Kind{Int}, Optional: true}, {Name: "address", Kinds: []Kind{Int, Array, String}}},
		Result:  &Type{Kind: Inet, Size: 24},
		Doc:     "an IPv4 or IPv6 address as text",
		Example: `begin { printf("%s\n", ntop(pton("127.0.0.1"))); exit(); }`,
	},
	{
		Name: "pton", Op: OpPton, Class: ClassCompile,
		Args:    []Arg{{Name: "address", Kinds: []Kind{String}, Literal: true}},
		Doc:     "an IPv4 or IPv6 address as bytes",
		Example: `begin { $a = pton("::1"); print($a[15]); exit(); }`,
	},
	{
		Name: "macaddr", Op: OpMacaddr, Class: ClassFunction,
		Args:    []Arg{{Name: "address"}},
		Result:  &Type{Kind: MACAddr, Size: 6},
		Doc:     "6 bytes as a MAC address",
		Example: `fentry:dev_queue_xmit { printf("%s\n", macaddr(args.skb.dev.dev_addr)); }`,
	},
	{
		Name: "bswap", Op: OpBswap, Class: ClassFunction,
		Args:    []Arg{{Name: "value", Kinds: []Kind{Int}}},
		Doc:     "the value with its bytes reversed",
		Example: `begin { printf("%x\n", bswap((uint16)0x1234)); exit(); }`,
	},
	{
		Name: "cgroupid", Op: OpCgroupid, Class: ClassFunction,
		Args:    []Arg{{Name: "path", Kinds: []Kind{String}, Literal: true}},
		Result:  uint64Type,
		Doc:     "cgroup v2 id of a cgroup directory",
		Example: `tracepoint:syscalls:sys_enter_openat / cgroup == cgroupid("/sys/fs/cgroup/system.slice") / { @opens = count(); }`,
	},
	{
		Name: "cgroup_path", Op: OpCgroupPath, Class: ClassFunction,
		Args:    []Arg{{Name: "id", Kinds: []Kind{Int}}, {Name: "filter", Kinds: []Kind{String}, Optional: true}},
		Result:  &Type{Kind: CgroupPath, Size: 16},
		Doc:     "path of a cgroup by its id",
		Example: `tracepoint:syscalls:sys_enter_openat { @opens[cgroup] = count(); printf("%s\n", cgroup_path(cgroup)); }`,
	},
	{
		Name: "strncmp", Op: OpStrncmp, Class: ClassFunction,
		Args:    []Arg{{Name: "a", Kinds: []Kind{String}}, {Name: "b", Kinds: []Kind{String}}, {Name: "n", Kinds: []Kind{Int}, Literal: true}},
		Result:  uint64Type,
		Doc:     "0 when the first n bytes of two strings are equal",
		Example: `tracepoint:syscalls:sys_enter_openat / strncmp(comm, "bash", 4) == 0 / { @opens = count(); }`,
	},
	{
		Name: "strlen", Op: OpStrlen, Class: ClassFunction,
		Args:    []Arg{{Name: "string"}},
		Result:  uint64Type,
		Doc:     "length of a string",
		Example: `begin { print(strlen("four")); exit(); }`,
	},
	{
		Name: "strcap", Op: OpStrcap, Class: ClassFunction,
		Args:    []Arg{{Name: "string"}},
		Result:  int64Type,
		Doc:     "size of the memory of a string",
		Example: `begin { print(strcap(comm)); exit(); }`,
	},
	{
		Name: "strstr", Op: OpStrstr, Class: ClassFunction,
		Args:   []Arg{{Name: "haystack"}, {Name: "needle"}},
		Result: int64Type, Since: "0.25",
		Doc:     "position of a string in another, or -1",
		Example: `tracepoint:syscalls:sys_enter_openat { $f = str(args.filename); if (strstr($f, "etc") == 1) { print($f); } }`,
	},
	{
		Name: "strcontains", Op: OpStrcontains, Class: ClassFunction,
		Args:    []Arg{{Name: "haystack"}, {Name: "needle"}},
		Result:  boolType,
		Doc:     "whether a string contains another",
		Example: `tracepoint:syscalls:sys_enter_openat { $f = str(args.filename); if (strcontains($f, "etc")) { print($f); } }`,
	},
	{
		Name: "strerror", Op: OpStrerror, Class: ClassFunction,
		Args:    []Arg{{Name: "errno", Kinds: []Kind{Int}}},
		Since:   "0.19",
		Doc:     "text of an error number",
		Example: `tracepoint:syscalls:sys_exit_openat / args.ret < 0 / { @[strerror(-args.ret)] = count(); }`,
	},
	{
		Name: "signal_name", Op: OpSignalName, Class: ClassFunction,
		Args:    []Arg{{Name: "signal", Kinds: []Kind{Int}}},
		Since:   "0.26",
		Doc:     "name of a signal number",
		Example: `tracepoint:signal:signal_generate { @[signal_name(args.sig)] = count(); }`,
	},
	{
		Name: "syscall_name", Op: OpSyscallName, Class: ClassFunction,
		Args:    []Arg{{Name: "number", Kinds: []Kind{Int}}},
		Since:   "0.25",
		Doc:     "name of a system call number",
		Example: `tracepoint:raw_syscalls:sys_enter { @[syscall_name(args.id)] = count(); }`,
	},
	{
		Name: "memcmp", Op: OpMemcmp, Class: ClassFunction,
		Args:    []Arg{{Name: "a"}, {Name: "b"}, {Name: "n", Kinds: []Kind{Int}}},
		Result:  int64Type,
		Doc:     "0 when n bytes of two values are equal",
		Example: `begin { $a = "abc"; $b = "abd"; print(memcmp($a, $b, 2)); exit(); }`,
	},
	{
		Name: "is_err", Op: OpIsErr, Class: ClassFunction,
		Args:   []Arg{{Name: "pointer"}},
		Result: boolType, Since: "0.26",
		Doc:     "whether a pointer stands for an error number",
		Example: `kretprobe:filp_open { if (is_err(retval)) { @failed = count(); } }`,
	},
	{
		Name: "is_str", Op: OpIsStr, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  boolType,
		Doc:     "whether the value is a string",
		Example: `begin { print(is_str(comm)); exit(); }`,
	},
	{
		Name: "is_ptr", Op: OpIsPtr, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  boolType,
		Doc:     "whether the value is a pointer",
		Example: `begin { print(is_ptr(curtask)); exit(); }`,
	},
	{
		Name: "is_array", Op: OpIsArray, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  boolType,
		Doc:     "whether the value is an array",
		Example: `begin { print(is_array(pton("::1"))); exit(); }`,
	},
	{
		Name: "is_integer", Op: OpIsInteger, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  boolType,
		Doc:     "whether the value is an integer",
		Example: `begin { print(is_integer(pid)); exit(); }`,
	},
	{
		Name: "is_unsigned_integer", Op: OpIsUnsignedInteger, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  boolType,
		Doc:     "whether the value is an unsigned integer",
		Example: `begin { print(is_unsigned_integer(pid)); exit(); }`,
	},
	{
		Name: "is_literal", Aliases: []string{"__builtin_is_literal"}, Op: OpIsLiteral, Class: ClassCompile,
		Args:    []Arg{{Name: "value"}},
		Result:  boolType,
		Doc:     "whether the value is known when the program is compiled",
		Example: `begin { print(is_literal(1)); exit(); }`,
	},
	{
		Name: "kfunc_exist", Aliases: []string{"__builtin_kfunc_exist"}, Op: OpKfuncExist, Class: ClassCompile,
		Args:    []Arg{{Name: "name", Kinds: []Kind{String}, Literal: true}},
		Result:  boolType,
		Doc:     "whether the kernel has a kfunc",
		Example: `begin { print(kfunc_exist("bpf_task_from_pid")); exit(); }`,
	},
	{
		Name: "kfunc_allowed", Aliases: []string{"__builtin_kfunc_allowed"}, Op: OpKfuncAllowed, Class: ClassCompile,
		Args:    []Arg{{Name: "name", Kinds: []Kind{String}, Literal: true}},
		Result:  boolType,
		Doc:     "whether this kind of probe may call a kfunc",
		Example: `begin { print(kfunc_allowed("bpf_task_from_pid")); exit(); }`,
	},
	{
		Name: "default_str_length", Op: OpDefaultStrLength, Class: ClassCompile,
		Result:  uint64Type,
		Doc:     "size of a string that str() reads when no length is given",
		Example: `begin { print(default_str_length()); exit(); }`,
	},
	{
		Name: "getopt", Op: OpGetopt, Class: ClassFunction,
		Args:    []Arg{{Name: "name", Kinds: []Kind{String}, Literal: true}, {Name: "default", Literal: true, Optional: true}, {Name: "description", Kinds: []Kind{String}, Literal: true, Optional: true}},
		Since:   "0.24",
		Doc:     "value of the command line option --name",
		Example: `begin { print(getopt("limit", 10)); exit(); }`,
	},
	{
		Name: "signal", Op: OpSignal, Class: ClassFunction,
		Args:   []Arg{{Name: "signal"}},
		Result: voidType, Unsafe: true, Effects: EffectSignal, Needs: []Ability{AbilitySendSignal},
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT, syntax.ProbeTracepoint, syntax.ProbeProfile, syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeRawTracepoint},
		Doc:     "sends a signal to the current process",
		Example: `tracepoint:syscalls:sys_enter_execve / comm == "bad" / { signal("KILL"); }`,
	},
	{
		Name: "signal_thread", Op: OpSignalThread, Class: ClassFunction,
		Args:   []Arg{{Name: "signal"}},
		Result: voidType, Unsafe: true, Effects: EffectSignal, Needs: []Ability{AbilitySendSignal}, Since: "0.24",
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT, syntax.ProbeTracepoint, syntax.ProbeProfile, syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeRawTracepoint},
		Doc:     "sends a signal to the current thread",
		Example: `tracepoint:syscalls:sys_enter_execve / comm == "bad" / { signal_thread("KILL"); }`,
	},
	{
		Name: "override", Op: OpOverride, Class: ClassFunction,
		Args:   []Arg{{Name: "value"}},
		Result: voidType, Unsafe: true, Effects: EffectOverride, Needs: []Ability{AbilityOverrideReturn},
		Probes:  []syntax.ProbeKind{syntax.ProbeKprobe},
		Doc:     "makes the traced function return a value without running it",
		Example: `kprobe:__x64_sys_mkdir / comm == "bad" / { override(-1); }`,
	},
	{
		Name: "write_user", Op: OpWriteUser, Class: ClassFunction,
		Args:   []Arg{{Name: "address"}, {Name: "data"}, {Name: "length", Kinds: []Kind{Int}}},
		Result: boolType, Unsafe: true, Effects: EffectWriteUser, Since: "0.26",
		Doc:     "writes memory of the current process",
		Example: `tracepoint:syscalls:sys_enter_read { $c = (int8)0; _ = write_user(args.buf, &$c, 1); }`,
	},
	{
		Name: "skboutput", Op: OpSkboutput, Class: ClassFunction,
		Args:   []Arg{{Name: "file", Kinds: []Kind{String}, Literal: true}, {Name: "skb", Kinds: []Kind{Pointer}}, {Name: "length", Kinds: []Kind{Int}}, {Name: "offset", Kinds: []Kind{Int}}},
		Result: uint32Type, Unsafe: true, Async: true, Effects: EffectWriteFile, Needs: []Ability{AbilitySkbOutput},
		Probes:  []syntax.ProbeKind{syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeIter},
		Doc:     "writes a network packet to a pcap file",
		Example: `fentry:__dev_queue_xmit { $n = skboutput("out.pcap", args.skb, 1500, 0); print($n); }`,
	},
	{
		Name: "socket_cookie", Op: OpSocketCookie, Class: ClassFunction,
		Args:   []Arg{{Name: "sock", Kinds: []Kind{Pointer}}},
		Result: uint64Type, Needs: []Ability{AbilitySocketCookie}, Since: "0.24",
		Probes:  []syntax.ProbeKind{syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeIter},
		Doc:     "stable number of a socket",
		Example: `fentry:tcp_connect { @[socket_cookie(args.sk)] = count(); }`,
	},
	{
		Name: "unwatch", Op: OpUnwatch, Class: ClassFunction,
		Args:   []Arg{{Name: "address", Kinds: []Kind{Int}}},
		Result: voidType, Async: true,
		Doc:     "removes a watchpoint",
		Example: `watchpoint:0x10000000:8:w { unwatch(0x10000000); }`,
	},
	{
		Name: "usdt_arg", Op: OpUsdtArg, Class: ClassFunction,
		Args:   []Arg{{Name: "n", Kinds: []Kind{Int}}},
		Result: uint64Type, NoLoop: true,
		Probes:  []syntax.ProbeKind{syntax.ProbeUSDT},
		Doc:     "argument of a USDT probe by number",
		Example: `usdt:/usr/bin/python3:function__entry { print(usdt_arg(0)); }`,
	},
	{
		Name: "stack_len", Op: OpStackLen, Class: ClassFunction,
		Args:    []Arg{{Name: "stack"}},
		Result:  int64Type,
		Doc:     "number of frames of a stack",
		Example: `profile:hz:99 { @depth = hist(len(kstack)); }`,
	},
	{
		Name: "count", Op: OpCount, Class: ClassAggregation,
		Doc:     "counts how often it is called",
		Example: `tracepoint:syscalls:sys_enter_read { @reads[comm] = count(); }`,
	},
	{
		Name: "sum", Op: OpSum, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}},
		Doc:     "adds up a number",
		Example: `tracepoint:syscalls:sys_exit_read / args.ret > 0 / { @bytes[comm] = sum(args.ret); }`,
	},
	{
		Name: "min", Op: OpMin, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}},
		Doc:     "keeps the smallest number",
		Example: `tracepoint:syscalls:sys_exit_read { @least = min(args.ret); }`,
	},
	{
		Name: "max", Op: OpMax, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}},
		Doc:     "keeps the largest number",
		Example: `tracepoint:syscalls:sys_exit_read { @most = max(args.ret); }`,
	},
	{
		Name: "avg", Op: OpAvg, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}},
		Doc:     "averages a number",
		Example: `tracepoint:syscalls:sys_exit_read / args.ret > 0 / { @bytes = avg(args.ret); }`,
	},
	{
		Name: "stats", Op: OpStats, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}},
		Doc:     "counts, averages and adds up a number",
		Example: `tracepoint:syscalls:sys_exit_read / args.ret > 0 / { @bytes = stats(args.ret); }`,
	},
	{
		Name: "hist", Op: OpHist, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}, {Name: "bits", Kinds: []Kind{Int}, Literal: true, Optional: true}},
		Doc:     "histogram with buckets that double in size",
		Example: `tracepoint:syscalls:sys_exit_read / args.ret > 0 / { @bytes = hist(args.ret); }`,
	},
	{
		Name: "lhist", Op: OpLhist, Class: ClassAggregation,
		Args:    []Arg{{Name: "n", Kinds: []Kind{Int}}, {Name: "min", Kinds: []Kind{Int}, Literal: true}, {Name: "max", Kinds: []Kind{Int}, Literal: true}, {Name: "step", Kinds: []Kind{Int}, Literal: true}},
		Doc:     "histogram with buckets of one size",
		Example: `tracepoint:syscalls:sys_exit_read / args.ret > 0 / { @bytes = lhist(args.ret, 0, 10000, 1000); }`,
	},
	{
		Name: "tseries", Op: OpTseries, Class: ClassAggregation,
		Args:  []Arg{{Name: "n", Kinds: []Kind{Int}}, {Name: "interval", Kinds: []Kind{Int}, Literal: true}, {Name: "intervals", Kinds: []Kind{Int}, Literal: true}, {Name: "aggregation", Kinds: []Kind{String}, Literal: true, Optional: true}},
		Since: "0.24", Unstable: "unstable_tseries",
		Doc:     "a number over time",
		Example: `tracepoint:syscalls:sys_exit_read / args.ret > 0 / { @bytes = tseries(args.ret, 1s, 10, "sum"); }`,
	},
}

// Functions returns the table of builtins, functions and aggregations. The rows
// are shared and must not be changed.
func Functions() []*Function { return functionIndex().rows }

// LookupFunction returns the row of a name or alias, or nil.
func LookupFunction(name string) *Function { return functionIndex().byName[name] }

type functionsIndex struct {
	rows   []*Function
	byName map[string]*Function
}

var functionIndex = sync.OnceValue(func() *functionsIndex {
	x := &functionsIndex{byName: make(map[string]*Function, 2*len(functionTable))}
	for i := range functionTable {
		f := &functionTable[i]
		x.rows = append(x.rows, f)
		x.byName[f.Name] = f
		for _, a := range f.Aliases {
			x.byName[a] = f
		}
	}
	return x
})

// MinArgs is the least number of arguments that f takes.
func (f *Function) MinArgs() int {
	n := 0
	for i := range f.Args {
		if !f.Args[i].Optional {
			n++
		}
	}
	return n
}

// MaxArgs is the largest number of arguments that f takes.
func (f *Function) MaxArgs() int {
	if f.Variadic {
		return 128
	}
	return len(f.Args)
}

// Bare reports whether f may be written without parentheses.
func (f *Function) Bare() bool { return f.Class == ClassBuiltin }
