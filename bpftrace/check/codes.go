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
		CodeUndefinedVariable, "undefined variable",
		"A variable exists from its first assignment on, within the block where that happens.",
		"begin { print($x); exit(); }",
		"begin { $x = 1; print($x); exit(); }",
	},
	{
		CodeUndefinedMap, "undefined map",
		"The map is read but nothing in the program ever sets it.",
		"interval:s:1 { print(@reads); }",
		"tracepoint:syscalls:sys_enter_read { @reads = count(); } interval:s:1 { print(@reads); }",
	},
	{
		CodeUnknownIdentifier, "unknown identifier",
		"A bare word has to be a builtin, a constant of an enum or a macro; variables start with $ and maps with @.",
		"begin { print(nonsense); exit(); }",
		"begin { $nonsense = 1; print($nonsense); exit(); }",
	},
	{
		CodeUnknownFunction, "unknown function",
		"There is no function of this name.",
		`begin { prinf("hello\n"); exit(); }`,
		`begin { printf("hello\n"); exit(); }`,
	},
	{
		CodeUnknownField, "unknown field",
		"The struct has no member of this name on this kernel.",
		"struct point { int x; int y; } begin { $p = (struct point *)0; print($p.z); exit(); }",
		"struct point { int x; int y; } begin { $p = (struct point *)0; print($p.y); exit(); }",
	},
	{
		CodeUnknownType, "unknown type",
		"The type is neither one of the language, nor defined in the program, nor one of the kernel.",
		"macro size() { 4 } begin { print((size)1); exit(); }",
		"macro size() { 4 } begin { print((int32)size()); exit(); }",
	},
	{
		CodeUnknownSymbol, "unknown symbol",
		"The kernel has no symbol of this name.",
		"",
		"",
	},
	{
		CodeUnsetMap, "a map that is never set",
		"The map is read but nothing in the program ever sets it, so that it is always 0 or empty.",
		"tracepoint:syscalls:sys_exit_read / @start[tid] / { print(1); }",
		"tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_read / @start[tid] / { print(1); delete(@start, tid); }",
	},
	{
		CodeUnresolvedType, "unresolved type",
		"Nothing in the program says what this holds.",
		"begin { let $x; let $y; $x = $y; $y = $x; exit(); }",
		"begin { let $x; let $y = 1; $x = $y; $y = $x; exit(); }",
	},
	{
		CodeTypeMismatch, "type mismatch",
		"A variable or map holds values of one type for its whole life.",
		`begin { @x = 1; @x = "one"; exit(); }`,
		`begin { @x = 1; @name = "one"; exit(); }`,
	},
	{
		CodeKeyMismatch, "key mismatch",
		"All keys of a map have the same shape and types.",
		`begin { @n[1] = 1; @n["a", 2] = 2; exit(); }`,
		`begin { @n["b", 1] = 1; @n["a", 2] = 2; exit(); }`,
	},
	{
		CodeKeyType, "this cannot be a key",
		"Only values that can be stored and compared can be keys.",
		"profile:hz:99 { @n[ctx] = count(); }",
		"profile:hz:99 { @n[pid] = count(); }",
	},
	{
		CodeMapShape, "a map with and without keys",
		"@m and @m[key] are different kinds of map: a map either has keys everywhere or nowhere.",
		"begin { @n = 1; @n[1] = 2; exit(); }",
		"begin { @n[0] = 1; @n[1] = 2; exit(); }",
	},
	{
		CodeMapArgument, "a map as a whole is needed",
		"This function works on a map as a whole, named without a key.",
		"begin { @n[1] = 1; clear(@n[1]); exit(); }",
		"begin { @n[1] = 1; clear(@n); exit(); }",
	},
	{
		CodeMapAssign, "a map is set where nothing runs",
		"The operand of sizeof and its kin is never run, so it cannot set a map.",
		"begin { print(sizeof({ @a = 1; 1 })); exit(); }",
		"begin { @a = 1; print(sizeof(@a)); exit(); }",
	},
	{
		CodeMapDeclaration, "a bad declaration of a map",
		"A declared map has one of the kinds hash, lruhash, percpuhash and percpulruhash; aggregations need a per-CPU kind.",
		"let @n = tree(10); begin { @n[1] = 1; exit(); }",
		"let @n = lruhash(10); begin { @n[1] = 1; exit(); }",
	},
	{
		CodeUnusedMap, "a map that is never used",
		"The declaration has no effect.",
		"let @n = hash(10); begin { exit(); }",
		"let @n = hash(10); begin { @n[1] = 1; exit(); }",
	},
	{
		CodeAggregationPlace, "an aggregation outside of a map",
		"count(), sum(), hist() and their kin exist only as the value of a map.",
		"begin { $n = count(); exit(); }",
		"begin { @n = count(); exit(); }",
	},
	{
		CodeAggregationCopy, "an aggregation is copied",
		"An aggregation lives on every CPU; only its number can be copied, with a cast.",
		"begin { @n = count(); @m = @n; exit(); }",
		"begin { @n = count(); @m = (int64)@n; exit(); }",
	},
	{
		CodeAggregationParams, "two sets of buckets",
		"All uses of a histogram share its buckets.",
		"begin { @h = lhist(1, 0, 10, 1); @h = lhist(1, 0, 20, 1); exit(); }",
		"begin { @h = lhist(1, 0, 20, 1); @h = lhist(2, 0, 20, 1); exit(); }",
	},
	{
		CodeVoidValue, "no value to store",
		"The function gives no value that could be stored.",
		"begin { @x = print(1); exit(); }",
		"begin { print(1); @x = 1; exit(); }",
	},
	{
		CodeOperator, "no such operator for these types",
		"The operator does not exist for these types.",
		`begin { $s = "a"; print($s < "b"); exit(); }`,
		`begin { $s = "a"; print($s == "b"); exit(); }`,
	},
	{
		CodeComparison, "values of different types are compared",
		"Only values of one type can be compared.",
		"begin { print(comm == 1); exit(); }",
		`begin { print(comm == "sh"); exit(); }`,
	},
	{
		CodeCondition, "this is neither true nor false",
		"A condition is a number, a truth value or a pointer.",
		"begin { if (comm) { print(1); } exit(); }",
		`begin { if (comm != "") { print(1); } exit(); }`,
	},
	{
		CodeBranchType, "branches of different types",
		"Both branches give the value of the whole, so that their types have to agree.",
		`begin { @x = pid ? 1 : "none"; exit(); }`,
		`begin { @x = pid ? "one" : "none"; exit(); }`,
	},
	{
		CodeArgumentCount, "wrong number of arguments",
		"The function takes another number of arguments.",
		"begin { @h = lhist(1, 10); exit(); }",
		"begin { @h = lhist(1, 0, 10, 1); exit(); }",
	},
	{
		CodeArgumentType, "argument of the wrong type",
		"The function takes values of other types.",
		`begin { print(ksym("main")); exit(); }`,
		"begin { print(ksym(0)); exit(); }",
	},
	{
		CodeArgumentLiteral, "argument has to be written out",
		"This argument has to be known before the program runs.",
		`begin { $f = "pid %d"; printf($f, pid); exit(); }`,
		`begin { printf("pid %d", pid); exit(); }`,
	},
	{
		CodeArgumentValue, "argument out of range",
		"The value of this argument is not one that the function takes.",
		"begin { @h = hist(1, 9); exit(); }",
		"begin { @h = hist(1, 2); exit(); }",
	},
	{
		CodeFormat, "format and arguments disagree",
		"Every % of a format takes one argument, of a type that it can show.",
		`begin { printf("%d\n", comm); exit(); }`,
		`begin { printf("%s\n", comm); exit(); }`,
	},
	{
		CodeStringTooLong, "the string is too long",
		"Strings have a greatest length, the setting max_strlen.",
		`begin { print(str(kaddr("x"), 5000)); exit(); }`,
		`config = { max_strlen=6000 } begin { print(str(kaddr("x"), 5000)); exit(); }`,
	},
	{
		CodeEmptyString, "nothing is left of the string",
		"The offset is at or after the end of the string.",
		`begin { print("abc" + 5); exit(); }`,
		`begin { print("abc" + 1); exit(); }`,
	},
	{
		CodeProbeUnavailable, "not available in this probe",
		"Each kind of probe has its own way to the data of the event.",
		"begin { print(arg0); exit(); }",
		"uprobe:/bin/sh:main { print(arg0); }",
	},
	{
		CodeLoopBuiltin, "not available in a loop",
		"The body of a for loop runs without the context of the probe.",
		"uprobe:/bin/sh:main { for ($i : 0..3) { print(arg0); } }",
		"uprobe:/bin/sh:main { $a = arg0; for ($i : 0..3) { print($a); } }",
	},
	{
		CodeUnsafe, "the function changes the system",
		"The function changes the system, which has to be allowed.",
		`begin { system("ls"); exit(); }`,
		`begin { cat("/proc/uptime"); exit(); }`,
	},
	{
		CodeArchitecture, "not on this processor",
		"Processors differ in their registers.",
		`interval:s:1 { print(reg("eax")); }`,
		`interval:s:1 { print(reg("sp")); }`,
	},
	{
		CodeJump, "a jump out of place",
		"break and continue belong into loops; a macro or loop cannot end the probe around it.",
		"begin { break; }",
		"begin { for ($i : 0..3) { break; } exit(); }",
	},
	{
		CodeReturn, "wrong type is returned",
		"A probe returns a number, a function what it declares.",
		`begin { return "x"; }`,
		"begin { return 1; }",
	},
	{
		CodeLoopMap, "this map cannot be looped over",
		"Histograms and statistics have no single value to loop over.",
		"begin { @h[1] = hist(1); for ($kv : @h) { print($kv.0); } exit(); }",
		"begin { @n[1] = count(); for ($kv : @n) { print($kv.0); } exit(); }",
	},
	{
		CodeLoopRange, "a range without numbers",
		"A range goes from one number up to another, which it leaves out.",
		`begin { for ($i : 0.."x") { print($i); } exit(); }`,
		"begin { for ($i : 0..5) { print($i); } exit(); }",
	},
	{
		CodeShadow, "the name is taken",
		"One name stands for one variable within a block and those inside it.",
		"begin { $i = 1; for ($i : 0..3) { print($i); } exit(); }",
		"begin { $i = 1; for ($j : 0..3) { print($j); } exit(); }",
	},
	{
		CodeDuplicate, "the name is taken twice",
		"One name stands for one thing.",
		"fn f($x: int64): int64 { return $x; } fn f($x: int64): int64 { return $x; } begin { exit(); }",
		"fn f($x: int64): int64 { return $x; } begin { exit(); }",
	},
	{
		CodeRedefined, "the type is defined twice",
		"A struct is defined once.",
		"struct p { int x; } struct p { int x; int y; } begin { exit(); }",
		"struct p { int x; int y; } begin { exit(); }",
	},
	{
		CodeDeclaredType, "no variable can have this type",
		"Variables hold plain values, not aggregations.",
		"begin { let $n: sum_t; exit(); }",
		"begin { let $n: int64 = 0; print($n); exit(); }",
	},
	{
		CodeCast, "an impossible cast",
		"Values of this type cannot be read as the other.",
		"begin { $s = (string[2])5; print($s); exit(); }",
		"begin { $s = (int64)5; print($s); exit(); }",
	},
	{
		CodeDereference, "nothing to dereference",
		"A pointer to void points to memory without a type: cast it first.",
		"begin { $p = (void *)1; print(*$p); exit(); }",
		"begin { $p = (int64 *)1; print(*$p); exit(); }",
	},
	{
		CodeIndex, "a bad index",
		"Indices count from 0 and end before the length.",
		`begin { $a = pton("127.0.0.1"); print($a[4]); exit(); }`,
		`begin { $a = pton("127.0.0.1"); print($a[3]); exit(); }`,
	},
	{
		CodeTupleIndex, "no such element",
		"Elements of a tuple are .0, .1 and so on.",
		"begin { $t = (1, 2); print($t.2); exit(); }",
		"begin { $t = (1, 2); print($t.1); exit(); }",
	},
	{
		CodeOffsetof, "no member to find the offset of",
		"Only members of structs have offsets.",
		"struct p { int *x; } begin { print(offsetof(struct p, x.y)); exit(); }",
		"struct p { int *x; } begin { print(offsetof(struct p, x)); exit(); }",
	},
	{
		CodeOverflow, "a constant without value",
		"Constants are computed before the program runs, with 64 bits.",
		"begin { print(1 / 0); exit(); }",
		"begin { print(1 / 1); exit(); }",
	},
	{
		CodeComptime, "not known before the program runs",
		"The value has to be known before the program runs.",
		"begin { if comptime (pid == 1) { print(1); } exit(); }",
		"begin { if (pid == 1) { print(1); } exit(); }",
	},
	{
		CodeLockedType, "a type that is fixed already",
		"A condition at compile time has relied on the narrower type.",
		`begin { if comptime (typeinfo(@a).full_type == "uint32") { @a = (uint64)2; } @a = (uint32)1; exit(); }`,
		"begin { @a = (uint64)2; @a = (uint32)1; exit(); }",
	},
	{
		CodeFail, "the program refuses",
		"The program itself says that it cannot be used like this.",
		`begin { fail("not today"); }`,
		"begin { exit(); }",
	},
	{
		CodeMacroMismatch, "no macro takes these arguments",
		"A parameter written $x takes a variable, @m a map, a bare name any expression.",
		"macro inc($x) { $x += 1; } begin { inc(1); exit(); }",
		"macro inc($x) { $x += 1; } begin { $n = 1; inc($n); exit(); }",
	},
	{
		CodeMacroRecursion, "a macro that uses itself",
		"A macro is replaced by its body, which would never end.",
		"macro f(x) { f(x) } begin { print(f(1)); exit(); }",
		"macro f(x) { x } begin { print(f(1)); exit(); }",
	},
	{
		CodeMacroRedefined, "two macros alike",
		"Macros of one name differ in the number or kinds of their parameters.",
		"macro f(x) { x } macro f(y) { y } begin { exit(); }",
		"macro f(x) { x } macro f(x, y) { y } begin { exit(); }",
	},
	{
		CodeMacroArgument, "a parameter named twice",
		"Each parameter has a name of its own.",
		"macro f(x, x) { x } begin { exit(); }",
		"macro f(x, y) { x } begin { exit(); }",
	},
	{
		CodeMacroHygiene, "a macro uses a map of the program",
		"A macro works only on the maps that it is given.",
		"macro f() { @m = 1; } begin { f(); exit(); }",
		"macro f(@m) { @m = 1; } begin { f(@x); exit(); }",
	},
	{
		CodeMacroTooLarge, "macros make too much code",
		"Every use of a macro is a copy of its body.",
		"",
		"",
	},
	{
		CodeImport, "a file cannot be imported",
		"Only other files of this language can be imported, at the start of the program.",
		`import "nowhere.bt"; begin { exit(); }`,
		"begin { exit(); }",
	},
	{
		CodeGetopt, "a bad use of getopt",
		"getopt takes a name, a default and a description, all written out.",
		"begin { print(getopt(10)); exit(); }",
		`begin { print(getopt("limit", 10)); exit(); }`,
	},
	{
		CodeConfigKey, "no such setting",
		"There is no setting of this name.",
		"config = { max_strln=10 } begin { exit(); }",
		"config = { max_strlen=10 } begin { exit(); }",
	},
	{
		CodeConfigValue, "no such value for the setting",
		"The setting takes other values.",
		`config = { max_probes="many" } begin { exit(); }`,
		"config = { max_probes=100 } begin { exit(); }",
	},
	{
		CodeMissingProbe, "no such probe",
		"The target has no such probe.",
		"",
		"",
	},
	{
		CodeMissingAbility, "this kernel or these rights lack something",
		"The target, or the rights on it, cannot do this. The program itself may be right.",
		"",
		"",
	},
	{
		CodeTooManyProbes, "too many probes",
		"Every attach point costs time to set up and to fire.",
		"",
		"",
	},
	{
		CodeTracepointField, "a field that is filled in later",
		"The common fields are filled in by the kernel after the program has run.",
		"",
		"",
	},
	{
		CodeDeleted, "no longer in the language",
		"It was removed from the language.",
		"uprobe:/bin/sh:main { print(sarg0); }",
		"uprobe:/bin/sh:main { print(arg0); }",
	},
	{
		CodeDeprecated, "going out of the language",
		"It still works, but may be removed from the language.",
		"begin { $i = 0; while ($i < 3) { $i++; } exit(); }",
		"begin { for ($i : 0..3) { print($i); } exit(); }",
	},
	{
		CodeOldScope, "a variable outside of its block",
		"A variable belongs to the block in which it is first assigned; older versions knew it in the whole probe.",
		"begin { if (pid) { $x = 1; } else { $x = 2; } print($x); exit(); }",
		"begin { let $x; if (pid) { $x = 1; } else { $x = 2; } print($x); exit(); }",
	},
	{
		CodeUnstable, "an unstable feature",
		"The feature may change; a setting says that this is fine.",
		"begin { @t = tseries(1, 1s, 5); exit(); }",
		"config = { unstable_tseries=enable } begin { @t = tseries(1, 1s, 5); exit(); }",
	},
	{
		CodeUnreachable, "code that never runs",
		"Nothing after a jump is run.",
		"begin { return; print(1); }",
		"begin { print(1); return; }",
	},
	{
		CodeDiscarded, "a value that nothing uses",
		"The value is computed and then not used.",
		"begin { pid; exit(); }",
		"begin { print(pid); exit(); }",
	},
	{
		CodeNeverAssigned, "a variable that is never set",
		"It is always zero or empty.",
		"begin { let $x: int64; print($x); exit(); }",
		"begin { let $x: int64 = 1; print($x); exit(); }",
	},
	{
		CodeUnassigned, "a variable that is not set yet",
		"It is zero or empty here.",
		"begin { let $x: int64; print($x); $x = 1; exit(); }",
		"begin { let $x: int64 = 0; print($x); $x = 1; exit(); }",
	},
	{
		CodeConversion, "a conversion that may change the value",
		"The value may not fit into the other type.",
		"begin { let $x: int32 = (uint32)1; print($x); exit(); }",
		"begin { let $x: int64 = (uint32)1; print($x); exit(); }",
	},
	{
		CodeSignedDivision, "a division of signed numbers",
		"The kernel divides unsigned numbers only.",
		"begin { @n = (uint64)10; print(@n / -2); exit(); }",
		"begin { @n = (uint64)10; print(@n / 2); exit(); }",
	},
	{
		CodePointerComparison, "pointers of different types are compared",
		"The pointers point to different types.",
		"begin { $a = (int8 *)1; $b = (int64 *)1; print($a == $b); exit(); }",
		"begin { $a = (int8 *)1; $b = (int8 *)1; print($a == $b); exit(); }",
	},
	{
		CodeAddressSpace, "addresses of different kinds are mixed",
		"One side is an address of the kernel, the other one of a program.",
		`uprobe:/bin/sh:main { $a = arg0 + kaddr("jiffies"); print($a); }`,
		"uprobe:/bin/sh:main { $a = arg0 + 8; print($a); }",
	},
	{
		CodeMissingParameter, "a parameter is not given",
		"It counts as 0 or as empty text.",
		"begin { print($1); exit(); }",
		"begin { print($#); exit(); }",
	},
	{
		CodePrintInLoop, "a map is printed in a loop",
		"print() only sends a note to print the map, which may have changed by then.",
		"begin { @n[1] = 1; for ($i : 0..3) { print(@n); } exit(); }",
		"begin { @n[1] = 1; for ($i : 0..3) { @n[$i] = 1; } print(@n); exit(); }",
	},
	{
		CodeIgnoredArgument, "an argument without effect",
		"These maps are always printed whole.",
		"begin { @s = stats(1); print(@s, 5); exit(); }",
		"begin { @s = stats(1); print(@s); exit(); }",
	},
	{
		CodeDebugf, "output to the shared trace pipe",
		"It writes to the trace pipe, which all of the system shares.",
		`begin { debugf("here"); exit(); }`,
		`begin { printf("here"); exit(); }`,
	},
	{
		CodeUnboundedKey, "a key that never repeats",
		"A map holds a limited number of keys; a key that is new every time fills it.",
		"tracepoint:syscalls:sys_enter_read { @n[nsecs] = count(); }",
		"tracepoint:syscalls:sys_enter_read { @n[comm] = count(); }",
	},
	{
		CodeMissingDelete, "entries are never deleted",
		"Entries that are never deleted fill the map: threads come and go.",
		"tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_read / @start[tid] / { @ns = hist(nsecs - @start[tid]); }",
		"tracepoint:syscalls:sys_enter_read { @start[tid] = nsecs; } tracepoint:syscalls:sys_exit_read / @start[tid] / { @ns = hist(nsecs - @start[tid]); delete(@start, tid); }",
	},
	{
		CodeCountWanted, "names are added up",
		"Adding up a number that names something means nothing; counting how often it occurs does.",
		"tracepoint:syscalls:sys_enter_read { @n[comm] = sum(pid); }",
		"tracepoint:syscalls:sys_enter_read { @n[comm] = count(); }",
	},
	{
		CodeUnit, "a time in the wrong unit",
		"Times are in nanoseconds: divide by 1000 for microseconds, by 1000000 for milliseconds.",
		`interval:s:1 { printf("%d ms\n", elapsed / 1000); }`,
		`interval:s:1 { printf("%d ms\n", elapsed / 1000000); }`,
	},
}
