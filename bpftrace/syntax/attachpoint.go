package syntax

// ProbeKind is the kind of an attach point.
type ProbeKind uint8

// The kinds of probes, in the order of the table of probe kinds.
const (
	ProbeInvalid ProbeKind = iota
	ProbeBegin
	ProbeEnd
	ProbeSelf
	ProbeTest
	ProbeBench
	ProbeKprobe
	ProbeKretprobe
	ProbeFentry
	ProbeFexit
	ProbeTracepoint
	ProbeRawTracepoint
	ProbeUprobe
	ProbeUretprobe
	ProbeUSDT
	ProbeProfile
	ProbeInterval
	ProbeSoftware
	ProbeHardware
	ProbeWatchpoint
	ProbeIter
)

// ParsedAttachPoint is an attach point split into its parts. Which parts are
// set depends on Kind.
type ParsedAttachPoint struct {
	Kind   ProbeKind
	Span   Span
	Name   string // optional name= prefix; of test and bench their name
	Target string // category of a tracepoint, binary of a uprobe or usdt, module of a kernel function, "bpf" for fentry:bpf
	Ns     string // usdt provider
	Func   string // function, event, iterator, signal or bpf program; may hold wildcards
	Offset uint64 // of FUNC+OFFSET
	// Address is set for uprobe:BIN:ADDR, kprobe:ADDR and watchpoint:ADDR; HasAddress says so.
	Address    uint64
	HasAddress bool
	Len        uint64 // watchpoint length in bytes
	Mode       string // watchpoint mode, letters in the order given
	Unit       string // profile and interval: "s", "ms", "us", "ns" or "hz"
	Freq       uint64 // profile and interval: in Unit; software and hardware: sample period, 0 for the default
	File       string // uprobe:BIN@FILE:LINE:COL
	Line, Col  int
	Pin        string // iter pin path
	BPFID      uint32 // fentry:bpf:ID:NAME
	CPP        bool   // uprobe:BIN:cpp:"name"
	Wildcard   bool   // some part holds *
}
