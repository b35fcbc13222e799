package compile

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Object is a compiled program: plain data, the same bytes for the same input.
type Object struct {
	Info     *check.Info
	Programs []*Program
	Maps     []*Map
	Actions  []*Action   // index is the action id in a record's header
	Losses   []*LossSlot // index is the slot in the map with RoleLoss
	Params   ParamBlock

	// Strings are texts that values refer to by index: formats of strftime,
	// filters of cgroup_path.
	Strings []string

	// Setup has the places in the map with RoleSetup that an engine fills in
	// before it attaches anything.
	Setup Setup
}

// Setup is the layout of the value of the map with RoleSetup: facts that only
// the machine and the run know. Every field is the offset of a uint64 in the
// value, or -1 when the program does not need it; Size is 0 when no map with
// RoleSetup exists.
type Setup struct {
	Size      int
	Start     int // CLOCK_BOOTTIME in nanoseconds when the run began, for elapsed
	PIDNsDev  int // device and inode of the pid namespace whose ids pid and tid give; device 0: the initial one
	PIDNsIno  int
	CPID      int // process id of the -c command
	NCPUs     int // number of possible CPUs
	TAIOffset int // nanoseconds to add to CLOCK_BOOTTIME for CLOCK_TAI
	Wall      int // wall clock in nanoseconds at CLOCK_BOOTTIME 0, for tseries
	Cgroups   []CgroupSlot
}

// CgroupSlot is the offset of the cgroup v2 id of a directory in the Setup map.
type CgroupSlot struct {
	Path   string
	Offset int
}

// Program is one eBPF program and the attach points that it serves.
type Program struct {
	Name   string // at most 15 bytes, unique in the Object
	Type   ebpf.ProgramType
	Expect ebpf.AttachType // expected attach type; zero where the kernel wants none
	Attach Attach
	Probe  *check.Probe
	Points []Point

	// Insns references maps by Reference(Map.Name) of pseudo map loads, and its
	// own subprograms (callbacks, fn) by symbol; the first instruction of each
	// function carries the symbol.
	Insns asm.Instructions

	Lines     []Line // sorted by Insn
	Sleepable bool
	Session   bool // kprobe session: one program at entry and exit
}

// Point is an attach point of a program with the cookie that tells it apart.
// Cookies are set only in programs that read them.
type Point struct {
	AP     *check.AttachPoint
	Cookie uint64
}

// Line says where the instructions from Insn on come from.
type Line struct {
	Insn int // index into Program.Insns
	Span syntax.Span
}

// Attach is how a program is attached or made to run.
type Attach uint8

// The ways to attach. Run* programs are raw tracepoint programs that user space
// runs by BPF_PROG_TEST_RUN.
const (
	RunBegin Attach = iota
	RunEnd
	RunInterval      // Points hold unit and rate
	RunSignal        // self:signal
	AttachTracepoint // perf event of a classic tracepoint, by its id
	AttachRawTracepoint
	AttachBTFTracepoint // tp_btf: typed arguments
	AttachPerfEvent     // profile, software, hardware, watchpoint
	AttachUprobe        // perf uprobe or, where the kernel has it, uprobe_multi
	AttachUretprobe
	AttachUSDT
	AttachKprobe // single, or kprobe_multi where the kernel has it
	AttachKretprobe
	AttachFentry
	AttachFexit
	AttachIter
	RunTest  // like RunBegin, only with --test; the program's result is the outcome
	RunBench // only with --bench
)

// Map is a BPF map that an Object needs.
type Map struct {
	Name   string // name in references; for a map of the program its name with '@'
	Spec   *ebpf.MapSpec
	Role   Role
	User   *check.Map // RoleUser
	Key    Layout     // RoleUser: how a key is decoded
	Value  Layout     // RoleUser: how one CPU's value is decoded
	PerCPU bool       // values of all CPUs are merged by the rules of Value

	// Set is the offset, in one CPU's value, of a uint64 that is not 0 when the
	// only entry of an array map exists. It is 0 for maps that are hashes, whose
	// keys say what exists, and for maps of other roles.
	Set int
}

// Role is what a map is for.
type Role uint8

// The roles.
const (
	RoleUser    Role = iota // @name of the program
	RoleEvents              // the one ring buffer of all output
	RoleScratch             // per-CPU memory of one program
	RoleLoss                // per-CPU counters, one uint64 a LossSlot
	RoleParams              // mmapable array: ParamBlock
	RoleStack               // stacks by id: hash of frames
	RoleConst               // read-only data
	RoleTask                // task storage that stands for a map keyed by tid
	RoleSetup               // array of one value, written by the engine: Setup
	RoleUSDT                // array of operand descriptions, sized and written by the engine: see USDTSpecSize
)

// Layout says how bytes become a value: a type at an offset, with parts for
// tuples, records and structs. All offsets are from the start of the whole.
type Layout struct {
	Type   *check.Type
	Offset int
	Size   int // bytes taken, padding included
	Parts  []Layout
	Names  []string // of Parts, for records and structs
}

// Action is what user space does when a record arrives. Records begin with a
// uint32 action id and a uint32 that is free for the action; arguments follow at
// the offsets of Args, the whole padded to 8 bytes.
type Action struct {
	Kind   ActionKind
	Probe  *check.Probe
	Call   *check.Call
	Span   syntax.Span
	Format string   // printf and its kin, time, cat, system, strftime
	Args   []Layout // offsets from the start of the record
	Size   int      // of the record in bytes
	Map    *Map     // print, clear and zero of a map
	Top    int      // print: entries at most, 0 for all
	Div    int      // print: divisor, 0 for none
	Text   string   // join separator, skboutput file, helper name

	Expanded []syntax.Span // the macro calls that Span was expanded from, innermost first
}

// ActionKind tells the actions apart.
type ActionKind uint8

// The actions.
const (
	ActPrintf ActionKind = iota
	ActErrorf
	ActWarnf
	ActPrintValue
	ActPrintMap
	ActClear
	ActZero
	ActExit
	ActTime
	ActCat
	ActSystem
	ActJoin
	ActSkbOutput
	ActUnwatch
	ActHelperError
	ActTestResult
	ActObserve      // a user stack was seen for the first time: Args[0] is the process, whose mappings are wanted before it ends
	ActRuntimeError // Text is what the program found wrong with itself
)

// LossSlot is a counter of something that was lost or failed while running.
type LossSlot struct {
	Kind  LossKind
	Probe *check.Probe // where it happened
	Map   *Map         // LossMapFull
	Span  syntax.Span
	What  string // helper name, or what was truncated
}

// LossKind tells the losses apart.
type LossKind uint8

// The losses.
const (
	LossRing    LossKind = iota // no room in the ring buffer
	LossMapFull                 // an update that the kernel refused
	LossRead                    // a read of memory that failed
	LossString                  // a string that was cut at its size
	LossStack                   // a stack that could not be walked
	LossHelper                  // any other helper that failed
	Fired                       // not a loss: how often a probe's body began (before its predicate)
	Passed                      // not a loss: how often its predicate held
)

// ParamBlock is the layout of the mmapable array of parameters that can be
// changed while a trace runs.
type ParamBlock struct {
	Size   int // bytes, multiple of 8; 0 when the program has no block
	Enable int // offset of a uint64: 0 switches all probes off; -1 when absent
	Sample int // offset of a uint64 N: one event in N is handled; -1 when absent
	Values []ParamSlot
}

// ParamSlot is where a parameter of the program lives in the block.
type ParamSlot struct {
	Param  *check.Param
	Layout Layout
}
