package check

import "github.com/mcptrace/mcptrace/bpftrace/syntax"

// The codes of this package, and those that it shares with package syntax.
const (
	CodeInternal    = syntax.CodeInternal
	CodeOldSpelling = syntax.CodeOldSpelling

	CodeUndefinedVariable syntax.Code = "undefined-variable"
	CodeUndefinedMap      syntax.Code = "undefined-map"
	CodeUnknownIdentifier syntax.Code = "unknown-identifier"
	CodeUnknownFunction   syntax.Code = "unknown-function"
	CodeUnknownField      syntax.Code = "unknown-field"
	CodeUnknownType       syntax.Code = "unknown-type"
	CodeUnknownSymbol     syntax.Code = "unknown-symbol"
	CodeUnsetMap          syntax.Code = "unset-map"
	CodeUnresolvedType    syntax.Code = "unresolved-type"
	CodeTypeMismatch      syntax.Code = "type-mismatch"
	CodeKeyMismatch       syntax.Code = "key-mismatch"
	CodeKeyType           syntax.Code = "key-type"
	CodeMapShape          syntax.Code = "map-shape"
	CodeMapArgument       syntax.Code = "map-argument"
	CodeMapAssign         syntax.Code = "map-assignment-in-type"
	CodeMapDeclaration    syntax.Code = "map-declaration"
	CodeUnusedMap         syntax.Code = "unused-map"
	CodeAggregationPlace  syntax.Code = "aggregation-place"
	CodeAggregationCopy   syntax.Code = "aggregation-copy"
	CodeAggregationParams syntax.Code = "aggregation-parameters"
	CodeVoidValue         syntax.Code = "void-value"
	CodeOperator          syntax.Code = "operator-type"
	CodeComparison        syntax.Code = "comparison-type"
	CodeCondition         syntax.Code = "condition-type"
	CodeBranchType        syntax.Code = "branch-type"
	CodeArgumentCount     syntax.Code = "argument-count"
	CodeArgumentType      syntax.Code = "argument-type"
	CodeArgumentLiteral   syntax.Code = "argument-literal"
	CodeArgumentValue     syntax.Code = "argument-value"
	CodeFormat            syntax.Code = "format"
	CodeStringTooLong     syntax.Code = "string-too-long"
	CodeValueTooLarge     syntax.Code = "value-too-large"
	CodeEmptyString       syntax.Code = "empty-string"
	CodeProbeUnavailable  syntax.Code = "probe-unavailable"
	CodeLoopBuiltin       syntax.Code = "loop-builtin"
	CodeUnsafe            syntax.Code = "unsafe-function"
	CodeArchitecture      syntax.Code = "architecture"
	CodeJump              syntax.Code = "jump"
	CodeReturn            syntax.Code = "return-type"
	CodeLoopMap           syntax.Code = "loop-map"
	CodeLoopRange         syntax.Code = "loop-range"
	CodeShadow            syntax.Code = "shadowed-variable"
	CodeDuplicate         syntax.Code = "duplicate-name"
	CodeRedefined         syntax.Code = "redefined-type"
	CodeDeclaredType      syntax.Code = "declared-type"
	CodeCast              syntax.Code = "cast"
	CodeDereference       syntax.Code = "dereference"
	CodeIndex             syntax.Code = "index"
	CodeTupleIndex        syntax.Code = "tuple-index"
	CodeOffsetof          syntax.Code = "offsetof"
	CodeOverflow          syntax.Code = "literal-overflow"
	CodeComptime          syntax.Code = "comptime"
	CodeLockedType        syntax.Code = "locked-type"
	CodeFail              syntax.Code = "failed-check"
	CodeMacroMismatch     syntax.Code = "macro-arguments"
	CodeMacroRecursion    syntax.Code = "macro-recursion"
	CodeMacroRedefined    syntax.Code = "macro-redefined"
	CodeMacroArgument     syntax.Code = "macro-parameter"
	CodeMacroHygiene      syntax.Code = "macro-map"
	CodeMacroTooLarge     syntax.Code = "macro-too-large"
	CodeImport            syntax.Code = "import"
	CodeGetopt            syntax.Code = "option"
	CodeConfigKey         syntax.Code = "config-key"
	CodeConfigValue       syntax.Code = "config-value"
	CodeMissingProbe      syntax.Code = "missing-probe"
	CodeMissingAbility    syntax.Code = "missing-ability"
	CodeTooManyProbes     syntax.Code = "too-many-probes"
	CodeTracepointField   syntax.Code = "tracepoint-field"
	CodeDeleted           syntax.Code = "deleted"
	CodeDeprecated        syntax.Code = "deprecated"
	CodeOldScope          syntax.Code = "old-scope"
	CodeUnstable          syntax.Code = "unstable"
	CodeUnreachable       syntax.Code = "unreachable"
	CodeDiscarded         syntax.Code = "discarded-value"
	CodeNeverAssigned     syntax.Code = "never-assigned"
	CodeUnassigned        syntax.Code = "used-before-assigned"
	CodeConversion        syntax.Code = "sign-conversion"
	CodeSignedDivision    syntax.Code = "signed-division"
	CodePointerComparison syntax.Code = "pointer-comparison"
	CodeAddressSpace      syntax.Code = "address-space"
	CodeMissingParameter  syntax.Code = "missing-parameter"
	CodePrintInLoop       syntax.Code = "print-in-loop"
	CodeIgnoredArgument   syntax.Code = "ignored-argument"
	CodeDebugf            syntax.Code = "debugf"
	CodeUnboundedKey      syntax.Code = "unbounded-key"
	CodeMissingDelete     syntax.Code = "missing-delete"
	CodeCountWanted       syntax.Code = "count-wanted"
	CodeUnit              syntax.Code = "unit"
)

// Codes returns the table of the codes of this package. Bad and Good are ""
// where an example takes a kernel; the others are executed as tests.
func Codes() []syntax.CodeDoc { return append([]syntax.CodeDoc(nil), codeTable...) }

// whyOf returns the reason that goes with a code.
func whyOf(code syntax.Code) string {
	for i := range codeTable {
		if codeTable[i].Code == code {
			return codeTable[i].Meaning
		}
	}
	if code == CodeOldSpelling {
		return "Newer programs write this differently."
	}
	return ""
}

var codeTable = []syntax.CodeDoc{
	{
		Code: CodeUndefinedVariable, Title: "undefined variable",
		Meaning: "A variable exists from its first assignment on, within the block where that happens.",
		Bad:     "begin { print($x); exit(); }",
		Good:    "begin { $x = 1; print($x); exit(); }",
	},
	{
		Code: CodeUndefinedMap, Title: "undefined map",
		Meaning: "The map is read but nothing in the program ever sets it.",
		Bad:     "interval:s:1 { print(@reads); }",
		Good:    "tracepoint:syscalls:sys_enter_read { @reads = count(); } interval:s:1 { print(@reads); }",
	},
	{
		Code: CodeUnknownIdentifier, Title: "unknown identifier",
		Meaning: "A bare word has to be a builtin, a constant of an enum or a macro; variables start with $ and maps with @.",
		Bad:     "begin { print(nonsense); exit(); }",
		Good:    "begin { $nonsense = 1; print($nonsense); exit(); }",
	},
	{
		Code: CodeUnknownFunction, Title: "unknown function",
		Meaning: "There is no function of this name.",
		Bad:     `begin { prinf("hello\n"); exit(); }`,
		Good:    `begin { printf("hello\n"); exit(); }`,
	},
	{
		Code: CodeUnknownField, Title: "unknown field",
		Meaning: "The struct has no member of this name on this kernel.",
		Bad:     "struct point { int x; int y; } begin { $p = (struct point *)0; print($p.z); exit(); }",
		Good:    "struct point { int x; int y; } begin { $p = (struct point *)0; print($p.y); exit(); }",
	},
	{
		Code: CodeUnknownType, Title: "unknown type",
		Meaning: "The type is neither one of the language, nor defined in the program, nor one of the kernel.",
		Bad:     "macro size() { 4 } begin { print((size)1); exit(); }",
		Good:    "macro size() { 4 } begin { print((int32)size()); exit(); }",
	},
	{
		Code: CodeUnknownSymbol, Title: "unknown symbol",
		Meaning: "The kernel has no symbol of this name.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeUnsetMap, Title: "a map that is never set",
		Meaning: "The map is read but nothing in the program ever sets it, so that it is always 0 or empty.",
		Bad:     "tracepoint:syscalls:sys_exit_read / @start[tid] / { print(1); }",
		Good:    "tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_read / @start[tid] / { print(1); delete(@start, tid); }",
	},
	{
		Code: CodeUnresolvedType, Title: "unresolved type",
		Meaning: "Nothing in the program says what this holds.",
		Bad:     "begin { let $x; let $y; $x = $y; $y = $x; exit(); }",
		Good:    "begin { let $x; let $y = 1; $x = $y; $y = $x; exit(); }",
	},
	{
		Code: CodeTypeMismatch, Title: "type mismatch",
		Meaning: "A variable or map holds values of one type for its whole life.",
		Bad:     `begin { @x = 1; @x = "one"; exit(); }`,
		Good:    `begin { @x = 1; @name = "one"; exit(); }`,
	},
	{
		Code: CodeKeyMismatch, Title: "key mismatch",
		Meaning: "All keys of a map have the same shape and types.",
		Bad:     `begin { @n[1] = 1; @n["a", 2] = 2; exit(); }`,
		Good:    `begin { @n["b", 1] = 1; @n["a", 2] = 2; exit(); }`,
	},
	{
		Code: CodeKeyType, Title: "this cannot be a key",
		Meaning: "Only values that can be stored and compared can be keys.",
		Bad:     "profile:hz:99 { @n[ctx] = count(); }",
		Good:    "profile:hz:99 { @n[pid] = count(); }",
	},
	{
		Code: CodeMapShape, Title: "a map with and without keys",
		Meaning: "@m and @m[key] are different kinds of map: a map either has keys everywhere or nowhere.",
		Bad:     "begin { @n = 1; @n[1] = 2; exit(); }",
		Good:    "begin { @n[0] = 1; @n[1] = 2; exit(); }",
	},
	{
		Code: CodeMapArgument, Title: "a map as a whole is needed",
		Meaning: "This function works on a map as a whole, named without a key.",
		Bad:     "begin { @n[1] = 1; clear(@n[1]); exit(); }",
		Good:    "begin { @n[1] = 1; clear(@n); exit(); }",
	},
	{
		Code: CodeMapAssign, Title: "a map is set where nothing runs",
		Meaning: "The operand of sizeof and its kin is never run, so it cannot set a map.",
		Bad:     "begin { print(sizeof({ @a = 1; 1 })); exit(); }",
		Good:    "begin { @a = 1; print(sizeof(@a)); exit(); }",
	},
	{
		Code: CodeMapDeclaration, Title: "a bad declaration of a map",
		Meaning: "A declared map has one of the kinds hash, lruhash, percpuhash and percpulruhash; aggregations need a per-CPU kind.",
		Bad:     "let @n = tree(10); begin { @n[1] = 1; exit(); }",
		Good:    "let @n = lruhash(10); begin { @n[1] = 1; exit(); }",
	},
	{
		Code: CodeUnusedMap, Title: "a map that is never used",
		Meaning: "The declaration has no effect.",
		Bad:     "let @n = hash(10); begin { exit(); }",
		Good:    "let @n = hash(10); begin { @n[1] = 1; exit(); }",
	},
	{
		Code: CodeAggregationPlace, Title: "an aggregation outside of a map",
		Meaning: "count(), sum(), hist() and their kin exist only as the value of a map.",
		Bad:     "begin { $n = count(); exit(); }",
		Good:    "begin { @n = count(); exit(); }",
	},
	{
		Code: CodeAggregationCopy, Title: "an aggregation is copied",
		Meaning: "An aggregation lives on every CPU; only its number can be copied, with a cast.",
		Bad:     "begin { @n = count(); @m = @n; exit(); }",
		Good:    "begin { @n = count(); @m = (int64)@n; exit(); }",
	},
	{
		Code: CodeAggregationParams, Title: "two sets of buckets",
		Meaning: "All uses of a histogram share its buckets.",
		Bad:     "begin { @h = lhist(1, 0, 10, 1); @h = lhist(1, 0, 20, 1); exit(); }",
		Good:    "begin { @h = lhist(1, 0, 20, 1); @h = lhist(2, 0, 20, 1); exit(); }",
	},
	{
		Code: CodeVoidValue, Title: "no value to store",
		Meaning: "The function gives no value that could be stored.",
		Bad:     "begin { @x = print(1); exit(); }",
		Good:    "begin { print(1); @x = 1; exit(); }",
	},
	{
		Code: CodeOperator, Title: "no such operator for these types",
		Meaning: "The operator does not exist for these types.",
		Bad:     `begin { $s = "a"; print($s < "b"); exit(); }`,
		Good:    `begin { $s = "a"; print($s == "b"); exit(); }`,
	},
	{
		Code: CodeComparison, Title: "values of different types are compared",
		Meaning: "Only values of one type can be compared.",
		Bad:     "begin { print(comm == 1); exit(); }",
		Good:    `begin { print(comm == "sh"); exit(); }`,
	},
	{
		Code: CodeCondition, Title: "this is neither true nor false",
		Meaning: "A condition is a number, a truth value or a pointer.",
		Bad:     "begin { if (comm) { print(1); } exit(); }",
		Good:    `begin { if (comm != "") { print(1); } exit(); }`,
	},
	{
		Code: CodeBranchType, Title: "branches of different types",
		Meaning: "Both branches give the value of the whole, so that their types have to agree.",
		Bad:     `begin { @x = pid ? 1 : "none"; exit(); }`,
		Good:    `begin { @x = pid ? "one" : "none"; exit(); }`,
	},
	{
		Code: CodeArgumentCount, Title: "wrong number of arguments",
		Meaning: "The function takes another number of arguments.",
		Bad:     "begin { @h = lhist(1, 10); exit(); }",
		Good:    "begin { @h = lhist(1, 0, 10, 1); exit(); }",
	},
	{
		Code: CodeArgumentType, Title: "argument of the wrong type",
		Meaning: "The function takes values of other types.",
		Bad:     `begin { print(ksym("main")); exit(); }`,
		Good:    "begin { print(ksym(0)); exit(); }",
	},
	{
		Code: CodeArgumentLiteral, Title: "argument has to be written out",
		Meaning: "This argument has to be known before the program runs.",
		Bad:     `begin { $f = "pid %d"; printf($f, pid); exit(); }`,
		Good:    `begin { printf("pid %d", pid); exit(); }`,
	},
	{
		Code: CodeArgumentValue, Title: "argument out of range",
		Meaning: "The value of this argument is not one that the function takes.",
		Bad:     "begin { @h = hist(1, 9); exit(); }",
		Good:    "begin { @h = hist(1, 2); exit(); }",
	},
	{
		Code: CodeFormat, Title: "format and arguments disagree",
		Meaning: "Every % of a format takes one argument, of a type that it can show.",
		Bad:     `begin { printf("%d\n", comm); exit(); }`,
		Good:    `begin { printf("%s\n", comm); exit(); }`,
	},
	{
		Code: CodeStringTooLong, Title: "the string is too long",
		Meaning: "Strings have a greatest length, the setting max_strlen.",
		Bad:     `begin { print(str(kaddr("x"), 5000)); exit(); }`,
		Good:    `config = { max_strlen=6000 } begin { print(str(kaddr("x"), 5000)); exit(); }`,
	},
	{
		Code: CodeValueTooLarge, Title: "a value that is too large",
		Meaning: "Values are kept in the little memory that a BPF program has.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeEmptyString, Title: "nothing is left of the string",
		Meaning: "The offset is at or after the end of the string.",
		Bad:     `begin { print("abc" + 5); exit(); }`,
		Good:    `begin { print("abc" + 1); exit(); }`,
	},
	{
		Code: CodeProbeUnavailable, Title: "not available in this probe",
		Meaning: "Each kind of probe has its own way to the data of the event.",
		Bad:     "begin { print(arg0); exit(); }",
		Good:    "uprobe:/bin/sh:main { print(arg0); }",
	},
	{
		Code: CodeLoopBuiltin, Title: "not available in a loop",
		Meaning: "The body of a for loop runs without the context of the probe.",
		Bad:     "uprobe:/bin/sh:main { for ($i : 0..3) { print(arg0); } }",
		Good:    "uprobe:/bin/sh:main { $a = arg0; for ($i : 0..3) { print($a); } }",
	},
	{
		Code: CodeUnsafe, Title: "the function changes the system",
		Meaning: "The function changes the system, which has to be allowed.",
		Bad:     `begin { system("ls"); exit(); }`,
		Good:    `begin { cat("/proc/uptime"); exit(); }`,
	},
	{
		Code: CodeArchitecture, Title: "not on this processor",
		Meaning: "Processors differ in their registers.",
		Bad:     `interval:s:1 { print(reg("eax")); }`,
		Good:    `interval:s:1 { print(reg("sp")); }`,
	},
	{
		Code: CodeJump, Title: "a jump out of place",
		Meaning: "break and continue belong into loops; a macro or loop cannot end the probe around it.",
		Bad:     "begin { break; }",
		Good:    "begin { for ($i : 0..3) { break; } exit(); }",
	},
	{
		Code: CodeReturn, Title: "wrong type is returned",
		Meaning: "A probe returns a number, a function what it declares.",
		Bad:     `begin { return "x"; }`,
		Good:    "begin { return 1; }",
	},
	{
		Code: CodeLoopMap, Title: "this map cannot be looped over",
		Meaning: "Histograms and statistics have no single value to loop over.",
		Bad:     "begin { @h[1] = hist(1); for ($kv : @h) { print($kv.0); } exit(); }",
		Good:    "begin { @n[1] = count(); for ($kv : @n) { print($kv.0); } exit(); }",
	},
	{
		Code: CodeLoopRange, Title: "a range without numbers",
		Meaning: "A range goes from one number up to another, which it leaves out.",
		Bad:     `begin { for ($i : 0.."x") { print($i); } exit(); }`,
		Good:    "begin { for ($i : 0..5) { print($i); } exit(); }",
	},
	{
		Code: CodeShadow, Title: "the name is taken",
		Meaning: "One name stands for one variable within a block and those inside it.",
		Bad:     "begin { $i = 1; for ($i : 0..3) { print($i); } exit(); }",
		Good:    "begin { $i = 1; for ($j : 0..3) { print($j); } exit(); }",
	},
	{
		Code: CodeDuplicate, Title: "the name is taken twice",
		Meaning: "One name stands for one thing.",
		Bad:     "fn f($x: int64): int64 { return $x; } fn f($x: int64): int64 { return $x; } begin { exit(); }",
		Good:    "fn f($x: int64): int64 { return $x; } begin { exit(); }",
	},
	{
		Code: CodeRedefined, Title: "the type is defined twice",
		Meaning: "A struct is defined once.",
		Bad:     "struct p { int x; } struct p { int x; int y; } begin { exit(); }",
		Good:    "struct p { int x; int y; } begin { exit(); }",
	},
	{
		Code: CodeDeclaredType, Title: "no variable can have this type",
		Meaning: "Variables hold plain values, not aggregations.",
		Bad:     "begin { let $n: sum_t; exit(); }",
		Good:    "begin { let $n: int64 = 0; print($n); exit(); }",
	},
	{
		Code: CodeCast, Title: "an impossible cast",
		Meaning: "Values of this type cannot be read as the other.",
		Bad:     "begin { $s = (string[2])5; print($s); exit(); }",
		Good:    "begin { $s = (int64)5; print($s); exit(); }",
	},
	{
		Code: CodeDereference, Title: "nothing to dereference",
		Meaning: "A pointer to void points to memory without a type: cast it first.",
		Bad:     "begin { $p = (void *)1; print(*$p); exit(); }",
		Good:    "begin { $p = (int64 *)1; print(*$p); exit(); }",
	},
	{
		Code: CodeIndex, Title: "a bad index",
		Meaning: "Indices count from 0 and end before the length.",
		Bad:     `begin { $a = pton("127.0.0.1"); print($a[4]); exit(); }`,
		Good:    `begin { $a = pton("127.0.0.1"); print($a[3]); exit(); }`,
	},
	{
		Code: CodeTupleIndex, Title: "no such element",
		Meaning: "Elements of a tuple are .0, .1 and so on.",
		Bad:     "begin { $t = (1, 2); print($t.2); exit(); }",
		Good:    "begin { $t = (1, 2); print($t.1); exit(); }",
	},
	{
		Code: CodeOffsetof, Title: "no member to find the offset of",
		Meaning: "Only members of structs have offsets.",
		Bad:     "struct p { int *x; } begin { print(offsetof(struct p, x.y)); exit(); }",
		Good:    "struct p { int *x; } begin { print(offsetof(struct p, x)); exit(); }",
	},
	{
		Code: CodeOverflow, Title: "a constant without value",
		Meaning: "Constants are computed before the program runs, with 64 bits.",
		Bad:     "begin { print(1 / 0); exit(); }",
		Good:    "begin { print(1 / 1); exit(); }",
	},
	{
		Code: CodeComptime, Title: "not known before the program runs",
		Meaning: "The value has to be known before the program runs.",
		Bad:     "begin { if comptime (pid == 1) { print(1); } exit(); }",
		Good:    "begin { if (pid == 1) { print(1); } exit(); }",
	},
	{
		Code: CodeLockedType, Title: "a type that is fixed already",
		Meaning: "A condition at compile time has relied on the narrower type.",
		Bad:     `begin { if comptime (typeinfo(@a).full_type == "uint32") { @a = (uint64)2; } @a = (uint32)1; exit(); }`,
		Good:    "begin { @a = (uint64)2; @a = (uint32)1; exit(); }",
	},
	{
		Code: CodeFail, Title: "the program refuses",
		Meaning: "The program itself says that it cannot be used like this.",
		Bad:     `begin { fail("not today"); }`,
		Good:    "begin { exit(); }",
	},
	{
		Code: CodeMacroMismatch, Title: "no macro takes these arguments",
		Meaning: "A parameter written $x takes a variable, @m a map, a bare name any expression.",
		Bad:     "macro inc($x) { $x += 1; } begin { inc(1); exit(); }",
		Good:    "macro inc($x) { $x += 1; } begin { $n = 1; inc($n); exit(); }",
	},
	{
		Code: CodeMacroRecursion, Title: "a macro that uses itself",
		Meaning: "A macro is replaced by its body, which would never end.",
		Bad:     "macro f(x) { f(x) } begin { print(f(1)); exit(); }",
		Good:    "macro f(x) { x } begin { print(f(1)); exit(); }",
	},
	{
		Code: CodeMacroRedefined, Title: "two macros alike",
		Meaning: "Macros of one name differ in the number or kinds of their parameters.",
		Bad:     "macro f(x) { x } macro f(y) { y } begin { exit(); }",
		Good:    "macro f(x) { x } macro f(x, y) { y } begin { exit(); }",
	},
	{
		Code: CodeMacroArgument, Title: "a parameter named twice",
		Meaning: "Each parameter has a name of its own.",
		Bad:     "macro f(x, x) { x } begin { exit(); }",
		Good:    "macro f(x, y) { x } begin { exit(); }",
	},
	{
		Code: CodeMacroHygiene, Title: "a macro uses a map of the program",
		Meaning: "A macro works only on the maps that it is given.",
		Bad:     "macro f() { @m = 1; } begin { f(); exit(); }",
		Good:    "macro f(@m) { @m = 1; } begin { f(@x); exit(); }",
	},
	{
		Code: CodeMacroTooLarge, Title: "macros make too much code",
		Meaning: "Every use of a macro is a copy of its body.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeImport, Title: "a file cannot be imported",
		Meaning: "Only other files of this language can be imported, at the start of the program.",
		Bad:     `import "nowhere.bt"; begin { exit(); }`,
		Good:    "begin { exit(); }",
	},
	{
		Code: CodeGetopt, Title: "a bad use of getopt",
		Meaning: "getopt takes a name, a default and a description, all written out.",
		Bad:     "begin { print(getopt(10)); exit(); }",
		Good:    `begin { print(getopt("limit", 10)); exit(); }`,
	},
	{
		Code: CodeConfigKey, Title: "no such setting",
		Meaning: "There is no setting of this name.",
		Bad:     "config = { max_strln=10 } begin { exit(); }",
		Good:    "config = { max_strlen=10 } begin { exit(); }",
	},
	{
		Code: CodeConfigValue, Title: "no such value for the setting",
		Meaning: "The setting takes other values.",
		Bad:     `config = { max_probes="many" } begin { exit(); }`,
		Good:    "config = { max_probes=100 } begin { exit(); }",
	},
	{
		Code: CodeMissingProbe, Title: "no such probe",
		Meaning: "The target has no such probe.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeMissingAbility, Title: "this kernel or these rights lack something",
		Meaning: "The target, or the rights on it, cannot do this. The program itself may be right.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeTooManyProbes, Title: "too many probes",
		Meaning: "Every attach point costs time to set up and to fire.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeTracepointField, Title: "a field that is filled in later",
		Meaning: "The common fields are filled in by the kernel after the program has run.",
		Bad:     "",
		Good:    "",
	},
	{
		Code: CodeDeleted, Title: "no longer in the language",
		Meaning: "It was removed from the language.",
		Bad:     "uprobe:/bin/sh:main { print(sarg0); }",
		Good:    "uprobe:/bin/sh:main { print(arg0); }",
	},
	{
		Code: CodeDeprecated, Title: "going out of the language",
		Meaning: "It still works, but may be removed from the language.",
		Bad:     "begin { $i = 0; while ($i < 3) { $i++; } exit(); }",
		Good:    "begin { for ($i : 0..3) { print($i); } exit(); }",
	},
	{
		Code: CodeOldScope, Title: "a variable outside of its block",
		Meaning: "A variable belongs to the block in which it is first assigned; older versions knew it in the whole probe.",
		Bad:     "begin { if (pid) { $x = 1; } else { $x = 2; } print($x); exit(); }",
		Good:    "begin { let $x; if (pid) { $x = 1; } else { $x = 2; } print($x); exit(); }",
	},
	{
		Code: CodeUnstable, Title: "an unstable feature",
		Meaning: "The feature may change; a setting says that this is fine.",
		Bad:     "begin { @t = tseries(1, 1s, 5); exit(); }",
		Good:    "config = { unstable_tseries=enable } begin { @t = tseries(1, 1s, 5); exit(); }",
	},
	{
		Code: CodeUnreachable, Title: "code that never runs",
		Meaning: "Nothing after a jump is run.",
		Bad:     "begin { return; print(1); }",
		Good:    "begin { print(1); return; }",
	},
	{
		Code: CodeDiscarded, Title: "a value that nothing uses",
		Meaning: "The value is computed and then not used.",
		Bad:     "begin { pid; exit(); }",
		Good:    "begin { print(pid); exit(); }",
	},
	{
		Code: CodeNeverAssigned, Title: "a variable that is never set",
		Meaning: "It is always zero or empty.",
		Bad:     "begin { let $x: int64; print($x); exit(); }",
		Good:    "begin { let $x: int64 = 1; print($x); exit(); }",
	},
	{
		Code: CodeUnassigned, Title: "a variable that is not set yet",
		Meaning: "It is zero or empty here.",
		Bad:     "begin { let $x: int64; print($x); $x = 1; exit(); }",
		Good:    "begin { let $x: int64 = 0; print($x); $x = 1; exit(); }",
	},
	{
		Code: CodeConversion, Title: "a conversion that may change the value",
		Meaning: "The value may not fit into the other type.",
		Bad:     "begin { let $x: int32 = (uint32)1; print($x); exit(); }",
		Good:    "begin { let $x: int64 = (uint32)1; print($x); exit(); }",
	},
	{
		Code: CodeSignedDivision, Title: "a division of signed numbers",
		Meaning: "The kernel divides unsigned numbers only.",
		Bad:     "begin { @n = (uint64)10; print(@n / -2); exit(); }",
		Good:    "begin { @n = (uint64)10; print(@n / 2); exit(); }",
	},
	{
		Code: CodePointerComparison, Title: "pointers of different types are compared",
		Meaning: "The pointers point to different types.",
		Bad:     "begin { $a = (int8 *)1; $b = (int64 *)1; print($a == $b); exit(); }",
		Good:    "begin { $a = (int8 *)1; $b = (int8 *)1; print($a == $b); exit(); }",
	},
	{
		Code: CodeAddressSpace, Title: "addresses of different kinds are mixed",
		Meaning: "One side is an address of the kernel, the other one of a program.",
		Bad:     `uprobe:/bin/sh:main { $a = arg0 + kaddr("jiffies"); print($a); }`,
		Good:    "uprobe:/bin/sh:main { $a = arg0 + 8; print($a); }",
	},
	{
		Code: CodeMissingParameter, Title: "a parameter is not given",
		Meaning: "It counts as 0 or as empty text.",
		Bad:     "begin { print($1); exit(); }",
		Good:    "begin { print($#); exit(); }",
	},
	{
		Code: CodePrintInLoop, Title: "a map is printed in a loop",
		Meaning: "print() only sends a note to print the map, which may have changed by then.",
		Bad:     "begin { @n[1] = 1; for ($i : 0..3) { print(@n); } exit(); }",
		Good:    "begin { @n[1] = 1; for ($i : 0..3) { @n[$i] = 1; } print(@n); exit(); }",
	},
	{
		Code: CodeIgnoredArgument, Title: "an argument without effect",
		Meaning: "These maps are always printed whole.",
		Bad:     "begin { @s = stats(1); print(@s, 5); exit(); }",
		Good:    "begin { @s = stats(1); print(@s); exit(); }",
	},
	{
		Code: CodeDebugf, Title: "output to the shared trace pipe",
		Meaning: "It writes to the trace pipe, which all of the system shares.",
		Bad:     `begin { debugf("here"); exit(); }`,
		Good:    `begin { printf("here"); exit(); }`,
	},
	{
		Code: CodeUnboundedKey, Title: "a key that never repeats",
		Meaning: "A map holds a limited number of keys; a key that is new every time fills it.",
		Bad:     "tracepoint:syscalls:sys_enter_read { @n[nsecs] = count(); }",
		Good:    "tracepoint:syscalls:sys_enter_read { @n[comm] = count(); }",
	},
	{
		Code: CodeMissingDelete, Title: "entries are never deleted",
		Meaning: "Entries that are never deleted fill the map: threads come and go.",
		Bad:     "tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_read / @start[tid] / { @ns = hist(nsecs - @start[tid]); }",
		Good:    "tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_read / @start[tid] / { @ns = hist(nsecs - @start[tid]); delete(@start, tid); }",
	},
	{
		Code: CodeCountWanted, Title: "names are added up",
		Meaning: "Adding up a number that names something means nothing; counting how often it occurs does.",
		Bad:     "tracepoint:syscalls:sys_enter_read { @n[comm] = sum(pid); }",
		Good:    "tracepoint:syscalls:sys_enter_read { @n[comm] = count(); }",
	},
	{
		Code: CodeUnit, Title: "a time in the wrong unit",
		Meaning: "Times are in nanoseconds: divide by 1000 for microseconds, by 1000000 for milliseconds.",
		Bad:     `interval:s:1 { printf("%d ms\n", elapsed / 1000); }`,
		Good:    `interval:s:1 { printf("%d ms\n", elapsed / 1000000); }`,
	},
}
