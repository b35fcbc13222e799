package check

import "github.com/mcptrace/mcptrace/bpftrace/syntax"

// Function is one row of the table of functions and builtins: everything that
// the checker, the compiler, the documentation, completion and policy need to
// know about a name. Builtin variables are functions without arguments that may
// be written without parentheses.
type Function struct {
	Name     string
	Aliases  []string // older and internal spellings: "__builtin_cpu"
	Op       FuncOp   // what the compiler lowers; the constant of the same name
	Class    FuncClass
	Args     []Arg              // in order; trailing optional ones marked
	Variadic bool               // more arguments of any type may follow
	Result   *Type              // fixed result; nil when computed by the checker
	Probes   []syntax.ProbeKind // where it may be used; nil for everywhere
	NotIn    []syntax.ProbeKind // where it may not be used
	Unsafe   bool               // needs --unsafe
	Async    bool               // sends an event to user space
	NoLoop   bool               // not inside the body of a for loop over a map (no context there)
	Needs    []Ability          // abilities of the kernel without which it cannot run
	Effects  Effect             // what it does beyond computing, for policy
	Since    string             // bpftrace version that has it, "" for always
	Unstable string             // config key that silences its warning; "" when stable
	Doc      string             // one sentence
	Example  string             // a whole program
}

// Arg is a formal argument of a Function.
type Arg struct {
	Name     string
	Kinds    []Kind // accepted kinds; nil for any value
	Literal  bool   // must be known when the program is compiled
	Optional bool
	Word     []string // bare words accepted here: stack modes, clocks
	MapArg   MapArg
}

// MapArg says that an argument names a map rather than giving a value.
type MapArg uint8

// The ways in which an argument can be a map.
const (
	NotMap MapArg = iota
	AnyMap
	KeyedMap
	MapEntry // the map and, in the next arguments, a key
)

// FuncClass groups functions in documentation and decides how they may be used.
type FuncClass uint8

// The classes.
const (
	ClassBuiltin     FuncClass = iota // builtin variable: pid, comm, args
	ClassFunction                     // ordinary function
	ClassAggregation                  // only as @m = f(...)
	ClassMap                          // works on a map as a whole or an entry
	ClassCompile                      // folded by the checker; the compiler never sees it
)

// Effect is a set of what a function does beyond computing a value.
type Effect uint16

// The effects.
const (
	EffectOutput     Effect = 1 << iota // prints
	EffectSystem                        // runs a command on the host
	EffectSignal                        // sends a signal
	EffectOverride                      // changes a function's result
	EffectWriteUser                     // writes memory of the traced process
	EffectReadFile                      // reads a file of the host
	EffectWriteFile                     // writes a file (skboutput)
	EffectReadUser                      // reads memory of the traced process: content
	EffectReadKernel                    // reads kernel memory by address
	EffectExit                          // ends the run
)

// FuncOp is what a call does, for the compiler's one switch over functions.
// Constants are in functions.go beside the table, named Op and the function's
// name: OpPrintf, OpStr, OpComm.
type FuncOp uint16
