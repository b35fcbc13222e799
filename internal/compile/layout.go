package compile

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
)

// The layout of values in map keys, map values and records of the ring buffer.
// The compiler writes it and an engine reads it; nothing else needs to know.
//
// Every part begins at a multiple of 8 bytes and is padded with zeroes to a
// multiple of 8, so that keys compare equal byte for byte.
//
//	Bool, Int, Pointer, enum  8 bytes, sign or zero extended; read Type.Size of them
//	String                    Size bytes, zero padded
//	Buffer                    u32 length, then Size bytes of data
//	Array, Struct             natural C layout, copied (as a part of a tuple too)
//	Tuple, Record             parts in order of Fields
//	KStack, UStack            u64 id of RoleStack (0: no stack), u32 tgid, u32 flags
//	Ksym                      u64 address
//	Usym                      u64 address, u32 tgid, u32 0
//	Inet                      u64 family (4 or 6), 16 bytes of address
//	MACAddr                   6 bytes
//	Username                  u64 user id
//	Timestamp                 u64 nanoseconds, u32 index of the format in Object.Strings, u32 clock
//	CgroupPath                u64 cgroup id, u64 index of the filter in Object.Strings
//
// One CPU's value of an aggregation:
//
//	Count                     u64
//	Sum                       s64
//	Min, Max                  s64 value, u64 set
//	Avg, Stats                u64 count, s64 total
//	Hist                      HistBuckets(bits) u64, numbered by output.Log2Bucket
//	LHist                     LHistBuckets u64, numbered by output.LinearBucket
//	TSeries                   Intervals slots of u64 epoch, s64 value, s64 total, u64 count
//
// Slot epoch%Intervals of a TSeries holds the interval that began Interval*epoch
// nanoseconds after 1970; value is the last, smallest or largest value (the
// running total for sum), total and count serve avg and tell empty slots.

// Sizes and offsets of the parts of values and records.
const (
	WordSize     = 8  // alignment of every part
	RecordHeader = 8  // u32 action id, u32 free for the action
	InetSize     = 24 // u64 family, 16 bytes
	StackRefSize = 16 // u64 id, u32 tgid, u32 flags
	SeriesSlot   = 32 // u64 epoch, s64 value, s64 total, u64 count
)

// Offsets in a value of a RoleStack map: u32 nr, u32 err, then nr frames of
// FrameSize bytes (of BuildIDFrameSize in StackBuildID mode: s32 status, 20
// bytes of build id, u64 file offset or address, as in struct
// bpf_stack_build_id). err is a positive errno.
const (
	StackNr          = 0
	StackErr         = 4
	StackFrames      = 8
	FrameSize        = 8
	BuildIDFrameSize = 32
)

// Flags of a stack reference.
const (
	StackUser = 1 << 0 // frames of a user process: tgid says of which
)

// Values of the map with RoleUSDT describe one place of a USDT probe: u64 number
// of arguments, then USDTArgs descriptions of USDTArgSize bytes. The low 32 bits
// of the attach cookie are the index of the description, the high ones
// Point.Cookie. An argument is value + register + (index register << scale); with
// kind USDTMemory it lies in user memory at that address. It is then shifted left
// and back by shift = 64 - 8*size bits, arithmetically when signed.
// Registers are offsets into struct pt_regs; 0xffff stands for none.
const (
	USDTArgs     = 12
	USDTArgSize  = 40
	USDTSpecSize = 8 + USDTArgs*USDTArgSize

	USDTValue  = 0  // s64
	USDTKind   = 8  // u32: USDTRegister (also for constants) or USDTMemory
	USDTReg    = 12 // u32
	USDTIndex  = 16 // u32
	USDTScale  = 20 // u32
	USDTShift  = 24 // u32
	USDTSigned = 28 // u32

	USDTRegister = 0
	USDTMemory   = 1
)

// Clock says what the nanoseconds of a Timestamp count from.
type Clock uint32

// The clocks of nsecs(...) as strftime receives them.
const (
	ClockBoot Clock = iota
	ClockMonotonic
	ClockTAI
)

// HistBuckets returns the number of buckets of a hist with bits.
func HistBuckets(bits int) int { return output.Log2Buckets(uint(bits)) }

// LHistBuckets returns the number of buckets of an lhist.
func LHistBuckets(p check.AggParams) int {
	return output.LinearBuckets(p.Min, p.Max, max(p.Step, 1))
}

// SizeOf returns the bytes that a value of type t takes, padding included.
func SizeOf(t *check.Type) int {
	if t == nil {
		return 0
	}
	switch t.Kind {
	case check.Void, check.Unknown, check.Symbolic:
		return 0
	case check.String, check.Array, check.Struct:
		return align8(t.Size)
	case check.Buffer:
		return align8(4 + t.Size)
	case check.Tuple, check.Record:
		return sizeOfFields(t.Fields)
	case check.KStack, check.UStack:
		return StackRefSize
	case check.Inet:
		return InetSize
	case check.Usym, check.Timestamp, check.CgroupPath, check.Min, check.Max, check.Avg, check.Stats:
		return 2 * WordSize
	case check.Hist:
		return WordSize * HistBuckets(t.Agg.Bits)
	case check.LHist:
		return WordSize * LHistBuckets(t.Agg)
	case check.TSeries:
		return SeriesSlot * t.Agg.Intervals
	}
	return WordSize
}

func sizeOfFields(fields []check.Field) int {
	n := 0
	for i := range fields {
		n += SizeOf(partType(fields[i].Type))
	}
	return n
}

// partType is the type that a value of type t has inside another one and as a
// key: an aggregation is read as a number.
func partType(t *check.Type) *check.Type {
	if t == nil {
		return nil
	}
	switch t.Kind {
	case check.Count, check.Sum, check.Min, check.Max, check.Avg:
		return &check.Type{Kind: check.Int, Size: 8, Signed: t.Signed || t.Kind == check.Count}
	}
	return t
}

// LayoutOf returns the layout of a value of type t at offset.
func LayoutOf(t *check.Type, offset int) Layout {
	l := Layout{Type: t, Offset: offset, Size: SizeOf(t)}
	if t == nil || t.Kind != check.Tuple && t.Kind != check.Record {
		return l
	}
	for i := range t.Fields {
		part := LayoutOf(partType(t.Fields[i].Type), offset)
		l.Parts = append(l.Parts, part)
		l.Names = append(l.Names, t.Fields[i].Name)
		offset += part.Size
	}
	return l
}

func align8(n int) int { return (n + 7) &^ 7 }
