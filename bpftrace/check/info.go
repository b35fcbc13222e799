package check

import "github.com/mcptrace/mcptrace/bpftrace/syntax"

// Info is the meaning of one program on one target. It is complete only when
// Check returned no error diagnostics. It is immutable afterwards and safe for
// concurrent use.
type Info struct {
	File     *syntax.File
	Target   Target
	Settings Settings // config block, environment and options, resolved
	Params   []Param  // positional and named parameters that the program reads
	Probes   []*Probe
	Subprogs []*Subprog
	Maps     []*Map // sorted by name

	// Types has the type of every expression that is reached from Probes and
	// Subprogs, expansions and clones included.
	Types map[syntax.Expr]*Type

	// TypeExprs has the type that every written type stands for.
	TypeExprs map[syntax.TypeExpr]*Type

	// Consts has the value of every expression that is known when the program
	// is compiled. A compiler that finds an entry needs to look no deeper.
	// Integer parameters, and what is computed from them, may change while a
	// program runs and are here only where a value must be known (Param.Literal).
	Consts map[syntax.Expr]Const

	// Expansions has, for every macro call and every identifier that stands for
	// a macro, a C macro or a library function written in the language, the
	// expression to compile in its place.
	Expansions map[syntax.Expr]syntax.Expr

	// Calls has the resolved function of every *syntax.Call, and of every
	// *syntax.Ident and *syntax.Builtin that reads a builtin, that has no entry
	// in Consts or Expansions.
	Calls map[syntax.Expr]*Call

	// Vars has the variable of every *syntax.Variable. Two variables of the same
	// name in different scopes or expansions are different Vars.
	Vars map[*syntax.Variable]*Var

	// Fields has the member that every FieldAccess reads, through anonymous
	// members already resolved to one offset, and every TupleAccess.
	Fields map[syntax.Expr]*Field

	// Dead has the branches that a comptime condition switched off: blocks that
	// are not compiled.
	Dead map[*syntax.Block]bool
}

// Const is a value that is known when the program is compiled.
type Const struct {
	Kind ConstKind
	Int  uint64 // ConstInt: bits, sign extended when the type is signed; ConstBool: 0 or 1
	Str  string // ConstString
}

// ConstKind says which field of a Const holds the value.
type ConstKind uint8

// The constant kinds.
const (
	ConstInt ConstKind = iota
	ConstBool
	ConstString
	ConstBytes // Str holds raw bytes, such as the result of pton
)

// Probe is a block together with the attach points that share its types.
// One declaration gives several Probes when its attach points disagree about
// the types of args, retval or ctx.
type Probe struct {
	Decl         *syntax.Probe
	Index        int // position in Info.Probes
	Kind         syntax.ProbeKind
	AttachPoints []*AttachPoint // after expansion of wildcards, in order
	Predicate    syntax.Expr    // may be a clone; nil when there is none
	Body         *syntax.Block  // may be a clone
	Args         *Type          // Struct of the arguments that args.NAME reads; nil when there are none
	Ctx          *Type          // pointer to the probe's context
	Retval       *Type          // nil where retval is not available
}

// AttachPoint is one place that a Probe attaches to.
type AttachPoint struct {
	Parsed *syntax.ParsedAttachPoint // without wildcards, except offline
	Name   string                    // what the builtin probe prints: "tracepoint:sched:sched_switch"
	Func   string                    // what the builtin func prints where it is known before running
}

// Subprog is a checked fn.
type Subprog struct {
	Decl   *syntax.Subprog
	Args   []*Var
	Result *Type
}

// Var is a scratch variable in its scope.
type Var struct {
	Name string // with its '$'
	Type *Type
	Decl syntax.Node // where it is declared or first assigned
	Loop bool        // declared by for
}

// Map is a map of the program.
type Map struct {
	Name       string // with its '@'
	Key        *Type  // nil for a scalar map
	Value      *Type
	Kind       MapKind
	MaxEntries int // declared or Settings.MaxMapKeys
	Declared   bool
	Pos        syntax.Span // first use
}

// MapKind is the kind of BPF map that a declaration asks for.
type MapKind uint8

// The map kinds. MapAuto leaves the choice to the compiler.
const (
	MapAuto MapKind = iota
	MapHash
	MapLRUHash
	MapPerCPUHash
	MapPerCPULRUHash
)

// Var, Param and function calls.

// Param is a parameter of the program: $1 or getopt("name").
type Param struct {
	Name    string // "1" or the option's name
	Doc     string
	Type    *Type
	Value   Const
	Default Const
	Given   bool
	Literal bool // used where a value must be known when compiling, so it cannot change while running
}

// Call is a use of a function or builtin, resolved.
type Call struct {
	Func *Function
	Args []syntax.Expr // arguments in order, defaults not filled in
	Map  *Map          // for functions whose first argument is a map, and for aggregations the map assigned to
	Key  []syntax.Expr // key expressions where the function takes a map entry (has_key, delete, old delete(@m[k]))
	Arg  int           // N of argN
}
