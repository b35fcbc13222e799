package check

import "sync"

// Kind is the broad class of a Type.
type Kind uint8

// The kinds. Unknown is the type of what cannot be known (offline, or after an
// error that was reported); it is compatible with everything and causes no
// further diagnostics.
const (
	Unknown Kind = iota
	Void
	Bool
	Int
	Pointer
	String // Size bytes in memory, the final NUL included
	Buffer // Size bytes of data at most, after a 4-byte length
	Array  // Len elements of Elem
	Struct // C struct or union: a value by its address
	Tuple
	Record
	KStack
	UStack
	Ksym
	Usym
	Inet
	MACAddr
	Username
	Timestamp
	CgroupPath
	Count // aggregations: only as map values
	Sum
	Min
	Max
	Avg
	Stats
	Hist
	LHist
	TSeries
	Symbolic // bare word with a meaning only as a function's argument (stack mode, ...)
)

// AddrSpace says which memory an address points into.
type AddrSpace uint8

// The address spaces. SpaceBPF is memory that belongs to the program itself
// (maps, stack, context).
const (
	SpaceNone AddrSpace = iota
	SpaceKernel
	SpaceUser
	SpaceBPF
)

// Type is the type of an expression, a map key or a map value. Types are
// immutable once made and may be shared; compare them with [Equal].
type Type struct {
	Kind   Kind
	Size   int       // bytes in memory; 0 when unknown
	Signed bool      // Int, and the aggregations over signed values
	Elem   *Type     // Pointer, Array
	Len    int       // Array; -1 for a flexible array
	Space  AddrSpace // Pointer, and Int used as an address: of what it points to; Struct, Array, String: of the value's own memory
	Name   string    // C name: "struct task_struct", "enum pid_type", "pid_t"; "" when it has none
	Struct *CStruct  // Struct
	Enum   *CEnum    // Int with enumerators
	Fields []Field   // Tuple (unnamed), Record (named)
	Mode   StackMode // KStack, UStack
	Depth  int       // KStack, UStack: frames at most
	Agg    AggParams // Hist, LHist, TSeries
	Ctx    bool      // Pointer or Struct: the probe's context itself, read with fixed offsets
	BTF    BTFRef    // Struct, Int, Pointer elements from kernel BTF: for typed direct loads

	parts int // Tuple, Record: types in it, itself included
}

// BTFRef names a type of the target's kernel BTF. ID is 0 when there is none.
type BTFRef struct {
	Module string // "" for vmlinux
	ID     uint32
}

// Field is a member of a C struct, a tuple, a record or a probe's arguments.
type Field struct {
	Name      string
	Type      *Type
	Offset    int    // bytes from the start; for a bitfield of the unit that holds it
	BitOffset int    // bits above Offset, bit 0 least significant
	BitSize   int    // width of a bitfield; 0 when it is none
	DataLoc   bool   // tracepoint __data_loc: a 32-bit offset and length of the data
	RelLoc    bool   // tracepoint __rel_loc
	Doc       string // how the kernel's print format shows it; may be ""
}

// CStruct is the layout of a C struct or union. Fields are made on first use,
// since a kernel has tens of thousands of structs.
type CStruct struct {
	Name  string // "task_struct"; "" when anonymous
	Union bool
	Size  int
	BTF   BTFRef
	Load  func() []Field // called at most once by Members; nil when Known is set
	Known []Field

	once sync.Once // guards Load
}

// CEnum is a C enumeration.
type CEnum struct {
	Name   string
	Values []Enumerator
}

// Enumerator is one name of a CEnum.
type Enumerator struct {
	Name  string
	Value int64
}

// StackMode is how the frames of a stack are shown.
type StackMode uint8

// The stack modes.
const (
	StackBpftrace StackMode = iota // symbol+offset
	StackPerf                      // address symbol+offset (module)
	StackRaw                       // address
	StackBuildID                   // build id and file offset; user stacks only
)

// AggParams are the literal parameters of hist, lhist and tseries.
type AggParams struct {
	Bits           int    // hist: 2^Bits sub-buckets a power of two
	Min, Max, Step int64  // lhist
	Interval       int64  // tseries: nanoseconds
	Intervals      int    // tseries
	Op             string // tseries: "", "avg", "max", "min" or "sum"
}
