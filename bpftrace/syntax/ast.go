package syntax

// Node is any part of a syntax tree.
type Node interface {
	Span() Span
	aNode()
}

// Decl is a node at file scope.
type Decl interface {
	Node
	aDecl()
}

// Stmt is a statement.
type Stmt interface {
	Node
	aStmt()
}

// Expr is an expression.
type Expr interface {
	Node
	anExpr()
}

// TypeExpr is a type as written in a program.
type TypeExpr interface {
	Node
	aTypeExpr()
}

// node locates a node. Pos is the text that the node covers, from its first
// byte to after its last.
type node struct{ Pos Span }

// Span returns the text that the node covers.
func (n node) Span() Span { return n.Pos }

func (node) aNode() {}

type declNode struct{ node }

func (declNode) aDecl() {}

type stmtNode struct{ node }

func (stmtNode) aStmt() {}

type exprNode struct{ node }

func (exprNode) anExpr() {}

type typeNode struct{ node }

func (typeNode) aTypeExpr() {}

// File is a whole program text.
type File struct {
	node
	Source   *Source
	Shebang  string // first line when it starts with #!, without its line end
	Decls    []Decl // in the order of the text
	Comments []Comment
}

// Comment is a // or /* */ comment with its delimiters.
type Comment struct{ Span }

// Declarations.
type (
	// CDef is C text before the probes: a struct, union or enum definition.
	// Example: struct S { int x; };
	CDef struct {
		declNode
		Kind    string // "struct", "union" or "enum"
		Name    string // "" when anonymous
		Members []*CMember
		Enums   []*CEnumerator
		Packed  bool
		Align   int    // N of aligned(N), or 0
		Text    string // the definition as written, without the ';' after it
	}

	// Preproc is a preprocessor line, such as #include <linux/fs.h> or
	// #define N 3. Conditional lines are evaluated by the parser; lines that
	// they switch off are kept here with Inactive set.
	Preproc struct {
		declNode
		Directive string // "include", "define", "ifdef", ...
		Rest      string // what follows the directive, trimmed
		Inactive  bool   // switched off by a conditional; Directive is "" for text other than a preprocessor line
	}

	// Config is a config = { key = value; ... } block.
	Config struct {
		declNode
		Entries []*ConfigEntry
	}

	// Import is import "file"; at file scope.
	Import struct {
		declNode
		Path *StringLit
	}

	// MapDecl is let @m = lruhash(100); at file scope.
	MapDecl struct {
		declNode
		Map        *Map
		Kind       *Ident // hash, lruhash, percpuhash, ...
		MaxEntries *IntLit
	}

	// Macro is macro name(args) { ... }.
	Macro struct {
		declNode
		Name *Ident
		Args []Expr // *Variable, *Map or *Ident
		Body *Block
	}

	// Subprog is fn name($a: type): type { ... }.
	Subprog struct {
		declNode
		Name   *Ident
		Args   []*SubprogArg
		Result TypeExpr
		Body   *Block
	}

	// Probe is attach points, an optional predicate and a block.
	Probe struct {
		declNode
		AttachPoints []*AttachPoint
		Predicate    Expr // nil when there is none
		Body         *Block
	}

	// BadDecl is text that could not be parsed as a declaration.
	BadDecl struct{ declNode }
)

// CMember is one declarator of a struct or union member.
type CMember struct {
	node
	Type     *CType
	Name     string // "" for an anonymous struct or union and for padding bitfields
	Pointers int    // number of '*' before the name
	Dims     []int  // array lengths, outermost first; -1 for a flexible array
	Bits     int    // width of a bitfield; -1 when it is none
	FuncPtr  bool   // declarator of a function pointer
	Packed   bool   // has the attribute packed
	Align    int    // N of aligned(N), or 0
}

// CType is the type of a C member: a name, a tagged type, or a definition in place.
type CType struct {
	node
	Tag  string // "struct", "union", "enum" or ""
	Name string // "unsigned int" is normalised to single spaces; "" when Def is anonymous
	Def  *CDef  // definition in place, or nil
}

// CEnumerator is NAME [= value] of an enum.
type CEnumerator struct {
	node
	Name  string
	Value int64
}

// ConfigEntry is one key = value of a config block.
type ConfigEntry struct {
	node
	Key   *Ident
	Value Expr // *IntLit, *StringLit, *BoolLit or *Ident
}

// SubprogArg is $name: type of a subprogram.
type SubprogArg struct {
	node
	Var  *Variable
	Type TypeExpr
}

// AttachPoint is one target of a probe. Its text is taken raw by the parser and
// split by ParseAttachPoint; positional parameters in it are substituted there.
// Example: tracepoint:sched:sched_switch
type AttachPoint struct {
	node
	Raw string // as written, with quotes and $N
	Bad bool   // true when the text is not a valid attach point; it was reported
}

// Block is { statements } of a probe, loop, macro or subprogram. Value is the
// trailing expression without ';' which is the value of the block, or nil.
type Block struct {
	node
	Stmts []Stmt
	Value Expr
}

// Statements.
type (
	// ExprStmt is an expression followed by ';'.
	ExprStmt struct {
		stmtNode
		X Expr
	}

	// Assign is target op value; with op one of = += -= *= /= %= &= |= ^= <<= >>=.
	Assign struct {
		stmtNode
		Target Expr // *Variable, *Map or *MapAccess
		Op     Op   // OpAssign, or the binary operator of a compound assignment
		Value  Expr
	}

	// Let is let $x: type = value; type and value are optional.
	Let struct {
		stmtNode
		Var  *Variable
		Type TypeExpr // nil when absent
		Init Expr     // nil when absent
	}

	// Discard is _ = value;
	Discard struct {
		stmtNode
		X Expr
	}

	// While is while (cond) { ... }.
	While struct {
		stmtNode
		Cond Expr
		Body *Block
	}

	// Unroll is unroll (n) { ... }.
	Unroll struct {
		stmtNode
		Count Expr
		Body  *Block
	}

	// For is for ($kv : @map) { ... } or for ($i : a..b) { ... }.
	// Exactly one of Map and Range is set.
	For struct {
		stmtNode
		Var   *Variable
		Map   *Map
		Range *Range
		Body  *Block
	}

	// Jump is break; continue; or return [value];
	Jump struct {
		stmtNode
		Kind  JumpKind
		Value Expr // only of return; nil when absent
	}

	// ImportStmt is import "path"; inside a block.
	ImportStmt struct {
		stmtNode
		Path *StringLit
	}

	// BadStmt is text that could not be parsed as a statement.
	BadStmt struct{ stmtNode }
)

// JumpKind tells the Jump statements apart.
type JumpKind uint8

// The jumps.
const (
	Break JumpKind = iota
	Continue
	Return
)

// Range is lo..hi of a for loop, hi excluded.
type Range struct {
	node
	Lo, Hi Expr
}

// Expressions.
type (
	// IntLit is an integer or duration literal. Value holds its bits.
	IntLit struct {
		exprNode
		Text     string
		Value    uint64
		Suffix   string // "u", "ull", ... in lower case; "" when absent
		Duration string // unit of a duration literal ("ms"), whose Value is in nanoseconds; else ""
	}

	// StringLit is "text"; Value has the escapes resolved.
	StringLit struct {
		exprNode
		Value string
	}

	// BoolLit is true or false.
	BoolLit struct {
		exprNode
		Value bool
	}

	// Ident is a bare word: a builtin, an enum constant, a C macro, a function
	// argument such as a stack mode, or a parameter of a macro.
	Ident struct {
		exprNode
		Name string
	}

	// Builtin is one of the words that the grammar itself knows as builtins:
	// args, ctx, kstack, nsecs, pid, tid, ustack, argN, sargN, __builtin_*.
	Builtin struct {
		exprNode
		Name string
	}

	// Positional is $1, $2, ...
	Positional struct {
		exprNode
		N int
	}

	// PositionalCount is $#.
	PositionalCount struct{ exprNode }

	// Variable is a scratch variable; Name has its '$'.
	Variable struct {
		exprNode
		Name string
	}

	// Map is a map as a whole; Name has its '@'.
	Map struct {
		exprNode
		Name string
	}

	// MapAccess is @m[key] or @m[key, key]; several keys form a tuple key.
	MapAccess struct {
		exprNode
		Map  *Map
		Keys []Expr // at least one
	}

	// Binop is a binary operation, comparisons and && || included.
	Binop struct {
		exprNode
		Op     Op
		OpSpan Span
		L, R   Expr
	}

	// Unop is a prefix operation (- ! ~ * & ++ --) or, with Postfix set, a
	// postfix ++ or --.
	Unop struct {
		exprNode
		Op      Op
		OpSpan  Span
		X       Expr
		Postfix bool
	}

	// Ternary is cond ? then : else; Then is nil in cond ?: else.
	Ternary struct {
		exprNode
		Cond, Then, Else Expr
	}

	// If is if (cond) { ... } else ...; it is an expression whose value is that
	// of the taken block.
	If struct {
		exprNode
		Cond Expr
		Then *Block
		Else Expr // *BlockExpr, *If or nil
	}

	// BlockExpr is { ...; value } used as an expression.
	BlockExpr struct {
		exprNode
		Block *Block
	}

	// Paren is (x).
	Paren struct {
		exprNode
		X Expr
	}

	// FieldAccess is x.name or x->name.
	FieldAccess struct {
		exprNode
		X     Expr
		Name  *Ident
		Arrow bool
	}

	// TupleAccess is x.0.
	TupleAccess struct {
		exprNode
		X     Expr
		Index int
		Arrow bool
	}

	// ArrayAccess is x[index].
	ArrayAccess struct {
		exprNode
		X, Index Expr
	}

	// Cast is (type)x.
	Cast struct {
		exprNode
		Type TypeExpr
		X    Expr
	}

	// Call is name(args).
	Call struct {
		exprNode
		Func *Ident
		Args []Expr
	}

	// Sizeof is sizeof(type) or sizeof(x). Exactly one of Type and X is set.
	Sizeof struct {
		exprNode
		Type TypeExpr
		X    Expr
	}

	// Offsetof is offsetof(type, field.field) or offsetof(x, field).
	Offsetof struct {
		exprNode
		Type   TypeExpr
		X      Expr
		Fields []*Ident
	}

	// Typeinfo is typeinfo(type) or typeinfo(x).
	Typeinfo struct {
		exprNode
		Type TypeExpr
		X    Expr
	}

	// Comptime is comptime x: x must be known when the program is compiled.
	Comptime struct {
		exprNode
		X Expr
	}

	// Tuple is (), (a,) or (a, b).
	Tuple struct {
		exprNode
		Elems []Expr
	}

	// Record is (name=value, ...).
	Record struct {
		exprNode
		Fields []*NamedArg
	}

	// TypeArg is typeof(x) as an argument of a call, which macros may take.
	TypeArg struct {
		exprNode
		Type *Typeof
	}

	// BadExpr is text that could not be parsed as an expression.
	BadExpr struct{ exprNode }
)

// NamedArg is name=value of a Record.
type NamedArg struct {
	node
	Name  *Ident
	Value Expr
}

// Types.
type (
	// NamedType is a type by name: uint64, string, struct task_struct, size_t.
	NamedType struct {
		typeNode
		Tag  string // "struct", "union", "enum" or ""
		Name string
	}

	// Typeof is typeof(type) or typeof(x).
	Typeof struct {
		typeNode
		Type TypeExpr
		X    Expr
	}

	// PointerType is elem *.
	PointerType struct {
		typeNode
		Elem TypeExpr
	}

	// ArrayType is elem[n], which sets the size of string, buffer and inet.
	// Len is -1 in elem[].
	ArrayType struct {
		typeNode
		Elem TypeExpr
		Len  int
	}
)

// Op is an operator.
type Op uint8

// The operators. OpAssign occurs only in Assign.
const (
	OpAssign Op = iota
	OpLogOr
	OpLogAnd
	OpBitOr
	OpBitXor
	OpBitAnd
	OpEq
	OpNe
	OpLt
	OpGt
	OpLe
	OpGe
	OpShl
	OpShr
	OpAdd
	OpSub
	OpMul
	OpDiv
	OpMod
	OpNot    // !x
	OpBitNot // ~x
	OpDeref  // *x
	OpAddr   // &x
	OpInc    // ++
	OpDec    // --
	OpNeg    // -x
)

var opText = [...]string{
	OpAssign: "=", OpLogOr: "||", OpLogAnd: "&&", OpBitOr: "|", OpBitXor: "^", OpBitAnd: "&",
	OpEq: "==", OpNe: "!=", OpLt: "<", OpGt: ">", OpLe: "<=", OpGe: ">=", OpShl: "<<", OpShr: ">>",
	OpAdd: "+", OpSub: "-", OpMul: "*", OpDiv: "/", OpMod: "%", OpNot: "!", OpBitNot: "~",
	OpDeref: "*", OpAddr: "&", OpInc: "++", OpDec: "--", OpNeg: "-",
}

// String returns op as written in a program.
func (op Op) String() string { return opText[op] }
