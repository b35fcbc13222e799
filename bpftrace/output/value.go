package output

import "net/netip"

// Value is a typed value. The concrete types are None, Null, Int, Uint, Bool,
// String, Buffer, Pointer, Enum, Tuple, Record, Array, Hist, Stats, TSeries,
// Stack, Sym, Inet, MAC, Timestamp, Username and CgroupPath; KindOf names them.
type Value interface{ value() }

// Kind is the type of a Value as a number.
type Kind uint8

// Kinds of values.
const (
	KindNone Kind = iota
	KindNull
	KindInt
	KindUint
	KindBool
	KindString
	KindBuffer
	KindPointer
	KindEnum
	KindTuple
	KindRecord
	KindArray
	KindHist
	KindStats
	KindTSeries
	KindStack
	KindSym
	KindInet
	KindMAC
	KindTimestamp
	KindUsername
	KindCgroupPath
)

type (
	// None is the absence of a value (void, an empty tuple element).
	None struct{}
	// Null is JSON's null and print(0-sized value)'s "null".
	Null struct{}
	// Int is a signed integer of any width, sign extended.
	Int int64
	// Uint is an unsigned integer of any width, zero extended.
	Uint uint64
	// Bool prints as true or false.
	Bool bool
	// Pointer is an address, printed as 0x and hexadecimal digits.
	Pointer uint64
	// Buffer is the result of buf(): raw bytes.
	Buffer []byte
	// Tuple is a tuple, and the key of a map whose key has several parts.
	Tuple []Value
	// Array is a C array of anything but char.
	Array []Value
	// MAC is the result of macaddr().
	MAC [6]byte
)

// String is text up to its first NUL byte. It need not be valid UTF-8.
type String struct {
	Text      string
	Truncated bool // the text filled its whole buffer: the original may be longer
}

// Enum is an integer with a name in an enumeration.
type Enum struct {
	Type   string // of the enumeration, without "enum"; may be empty
	Name   string // "" if no enumerator has this number
	Number uint64 // zero extended from the width of the enumeration
}

// Record is a record literal or a C structure.
type Record struct {
	Type   string // "struct foo"; "" for record literals
	Fields []Field
}

// Field is a named member of a Record.
type Field struct {
	Name  string
	Value Value
}

// Stats is the state of avg() and stats(). Total and Average are two's
// complement, read as uint64 if Unsigned.
type Stats struct {
	Count    uint64
	Total    int64
	Average  int64 // Total/Count, divided by the div of print(); 0 if Count is 0
	Unsigned bool
	Avg      bool // made by avg(): only the average is printed
}

// Hist is the state of hist() or lhist(). Buckets are contiguous, from the first
// to the last one that is not empty; Log2Hist and LinearHist make them so. Counts
// of a printed hist() are divided by the div of print(), which may leave zeros
// at the ends.
type Hist struct {
	Linear  bool
	Bits    uint  // hist(): 2^Bits buckets in each power of two
	Min     int64 // lhist(): lower end of the range
	Max     int64 // lhist(): upper end of the range, exclusive
	Step    int64 // lhist(): width of a bucket
	Buckets []Bucket
}

// Bucket counts the values from Low to High, both inclusive. Low is
// math.MinInt64 where a bucket is open below; High is math.MaxInt64 where it is
// open above, and in the last bucket that hist() can have.
type Bucket struct {
	Low   int64
	High  int64
	Count uint64
}

// SeriesAgg says how the values of one interval of a TSeries are combined.
type SeriesAgg uint8

// Aggregations of tseries().
const (
	SeriesLast SeriesAgg = iota // the last value
	SeriesSum
	SeriesMin
	SeriesMax
	SeriesAvg
)

// TSeries is the state of tseries(): consecutive intervals, the oldest first,
// from the first that holds a value to the last one in which any series of the
// same map holds one.
type TSeries struct {
	Interval int64 // nanoseconds
	Agg      SeriesAgg
	Unsigned bool // values are to be read as uint64
	Points   []Point
}

// Point is one interval of a TSeries.
type Point struct {
	Start int64  // wall clock, nanoseconds since 1970
	Count uint64 // 0: no value in this interval
	Value int64  // as printed; two's complement
	Total int64  // SeriesAvg: sum of Count values
}

// StackMode is the form in which a stack is printed.
type StackMode uint8

// Stack modes, as named in a program.
const (
	StackBpftrace StackMode = iota
	StackPerf
	StackRaw
	StackBuildID
)

// Stack is the result of kstack() or ustack(), innermost frame first.
type Stack struct {
	User   bool
	Mode   StackMode
	PID    int // process of a user stack; 0 unknown
	Frames []Frame
	Broken bool   // the unwinder gave up after Frames; printed as a last line
	Err    string // why the stack is missing or incomplete; not printed
}

// Frame is one entry of a stack. Functions inlined at an address have frames of
// their own before the frame of the function that holds it.
type Frame struct {
	Addr       uint64
	Symbol     string // "" unknown
	Offset     uint64 // from the start of Symbol
	Module     string // kernel module or path of the mapped file; "" unknown
	BuildID    string // hexadecimal; StackBuildID only
	FileOffset uint64 // in the mapped file; StackBuildID only
	Inlined    bool
	File       string // source file; "" unknown
	Line       int    // source line; 0 unknown
}

// Sym is the result of ksym() or usym(); only the name is printed.
type Sym struct {
	Addr   uint64
	Name   string // "" unknown: the address is printed
	Offset uint64
	Module string
	User   bool
}

// Inet is the result of ntop().
type Inet struct{ Addr netip.Addr }

// Timestamp is the result of strftime().
type Timestamp struct {
	Time int64  // wall clock, nanoseconds since 1970; 0 unknown
	Text string // formatted
}

// Username is the result of the username builtin.
type Username struct {
	UID  uint32
	Name string
}

// CgroupPath is the result of cgroup_path().
type CgroupPath struct {
	ID   uint64
	Path string
}

func (None) value()       {}
func (Null) value()       {}
func (Int) value()        {}
func (Uint) value()       {}
func (Bool) value()       {}
func (String) value()     {}
func (Buffer) value()     {}
func (Pointer) value()    {}
func (Enum) value()       {}
func (Tuple) value()      {}
func (Record) value()     {}
func (Array) value()      {}
func (Hist) value()       {}
func (Stats) value()      {}
func (TSeries) value()    {}
func (Stack) value()      {}
func (Sym) value()        {}
func (Inet) value()       {}
func (MAC) value()        {}
func (Timestamp) value()  {}
func (Username) value()   {}
func (CgroupPath) value() {}

// KindOf returns the kind of v, KindNone for nil.
func KindOf(v Value) Kind {
	switch v.(type) {
	case Null:
		return KindNull
	case Int:
		return KindInt
	case Uint:
		return KindUint
	case Bool:
		return KindBool
	case String:
		return KindString
	case Buffer:
		return KindBuffer
	case Pointer:
		return KindPointer
	case Enum:
		return KindEnum
	case Tuple:
		return KindTuple
	case Record:
		return KindRecord
	case Array:
		return KindArray
	}
	return kindOfResult(v)
}

// kindOfResult names the values that only builtins produce.
func kindOfResult(v Value) Kind {
	switch v.(type) {
	case Hist:
		return KindHist
	case Stats:
		return KindStats
	case TSeries:
		return KindTSeries
	case Stack:
		return KindStack
	case Sym:
		return KindSym
	case Inet:
		return KindInet
	case MAC:
		return KindMAC
	case Timestamp:
		return KindTimestamp
	case Username:
		return KindUsername
	case CgroupPath:
		return KindCgroupPath
	}
	return KindNone
}
