package check

import (
	"errors"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// ErrUnknown is returned by a Target that cannot know the answer, as opposed to
// knowing that there is none (ErrNotFound). A checker accepts what is unknown.
var ErrUnknown = errors.New("not known on this target")

// ErrNotFound is returned by a Target that knows that a thing does not exist.
var ErrNotFound = errors.New("not found")

// Target is what a program is checked against: the live kernel, a stored
// snapshot of another one, or [Offline]. Its methods answer from memory or an
// index, and are safe for concurrent use. Methods that find nothing return
// ErrNotFound, possibly wrapped, or ErrUnknown.
type Target interface {
	// Describe says what the target is, in a few words for messages:
	// "Linux 6.18.44 on this machine".
	Describe() string

	// Arch is the machine's architecture in Go's words: "amd64", "arm64".
	Arch() string

	// Expand returns the attach points that ap stands for: itself, or the matches
	// of its wildcards in order. The error of a missing one names it.
	Expand(ap *syntax.ParsedAttachPoint, opts *ExpandOptions) ([]*AttachPoint, error)

	// TracepointFields returns the fields of a tracepoint at their offsets in the
	// classic context (the common fields included and named common_*).
	TracepointFields(category, event string) ([]Field, error)

	// RawTracepointArgs returns the arguments of a raw tracepoint in order, 8
	// bytes apart.
	RawTracepointArgs(module, event string) ([]Field, error)

	// Function returns parameters and result (nil for void) of a kernel function.
	// Several modules may define one name: ambiguous names are an error that
	// lists the modules.
	Function(module, name string) (params []Field, result *Type, err error)

	// BPFProgram is Function for a loaded BPF program; id 0 means by name alone.
	BPFProgram(id uint32, name string) (params []Field, result *Type, err error)

	// UserFunction returns the parameters of a function of a binary from its
	// debug information.
	UserFunction(binary, name string) (params []Field, err error)

	// USDTArgs returns the number of arguments of a USDT probe and their types.
	USDTArgs(binary, namespace, name string) ([]Field, error)

	// Named returns a struct, union, enum or (tag "") typedef or base type by its
	// C name.
	Named(tag, name string) (*Type, error)

	// EnumConst returns the value and the type of an enumerator by its name.
	EnumConst(name string) (int64, *Type, error)

	// KernelSymbol returns the address of a kernel symbol, and PercpuVar the type
	// of a per-CPU variable.
	KernelSymbol(name string) (uint64, error)
	PercpuVar(name string) (*Type, error)

	// Has reports whether the target has an ability: Yes, No or Maybe.
	Has(a Ability) Answer

	// Suggest returns existing names close to a missing one, best first, at most
	// five.
	Suggest(of SuggestKind, name string) []string
}

// ExpandOptions bound the expansion of an attach point.
type ExpandOptions struct {
	Max int // attach points at most; 0 means 1024
	PID int // process of -p; 0 means none
}

// Answer is the answer to a question about an ability.
type Answer uint8

// The answers.
const (
	Maybe Answer = iota
	Yes
	No
)

// SuggestKind says what a missing name was meant to name.
type SuggestKind uint8

// The kinds of names.
const (
	SuggestTracepoint SuggestKind = iota // "category:event"
	SuggestRawTracepoint
	SuggestFunction
	SuggestType   // "struct task_struct"
	SuggestSymbol // kernel symbol
	SuggestEnumConst
)

// Ability names something that a kernel, or the caller's rights on it, has or
// lacks, such as "kprobe" or "uprobe_multi". The table of abilities is in
// abilities.go.
type Ability string
