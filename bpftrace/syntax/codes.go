package syntax

import "strings"

// The codes of this package.
const (
	CodeExpectedToken      Code = "expected-token"
	CodeMissingSemicolon   Code = "missing-semicolon"
	CodeMissingBrace       Code = "missing-brace"
	CodeUnterminatedString Code = "unterminated-string"
	CodeInvalidEscape      Code = "invalid-escape"
	CodeInvalidInteger     Code = "invalid-integer"
	CodeInvalidIncrement   Code = "invalid-increment"
	CodeInvalidAddress     Code = "invalid-address-of"
	CodeInvalidParameter   Code = "invalid-parameter"
	CodeInvalidAssignment  Code = "invalid-assignment"
	CodeImmutableValue     Code = "immutable-value"
	CodeDuplicateField     Code = "duplicate-field"
	CodeDeclarationOrder   Code = "declaration-order"
	CodeRootLet            Code = "root-let"
	CodeMacroArgument      Code = "macro-argument"
	CodeAttribute          Code = "attribute-syntax"
	CodeCSyntax            Code = "c-syntax"
	CodeCMacro             Code = "c-macro"
	CodePreprocessor       Code = "preprocessor"
	CodeTooDeep            Code = "too-deep"
	CodeInternal           Code = "internal-error"

	CodeInvalidProbe     Code = "invalid-probe-type"
	CodeNoAttachPoint    Code = "no-attach-point"
	CodeAttachArguments  Code = "attach-arguments"
	CodeAttachParameter  Code = "attach-parameter"
	CodeAttachTarget     Code = "attach-target"
	CodeAttachOffset     Code = "attach-offset"
	CodeAttachAddress    Code = "attach-address"
	CodeAttachUnsafe     Code = "attach-unsafe-address"
	CodeAttachLocation   Code = "attach-location"
	CodeAttachRate       Code = "attach-rate"
	CodeAttachEvent      Code = "attach-event"
	CodeAttachWatchpoint Code = "attach-watchpoint"
	CodeAttachIter       Code = "attach-iter"
	CodeAttachBPF        Code = "attach-bpf-program"
	CodeAttachName       Code = "attach-name"
	CodeOldSpelling      Code = "old-spelling"
)

// CodeDoc documents one code. Every package that makes diagnostics exports a
// table of them; explain and docs/diagnostics.md are made from the tables.
type CodeDoc struct {
	Code    Code
	Title   string // what is wrong, in a few words
	Meaning string // what it means and what to do, for a newcomer
	Bad     string // a program that has the finding
	Good    string // the same program without it
}

// Codes returns the table of the codes of this package. Its programs are
// executed as tests.
func Codes() []CodeDoc {
	return append(syntaxCodes(), attachCodes()...)
}

func syntaxCodes() []CodeDoc {
	return []CodeDoc{{
		CodeExpectedToken, "something is missing here",
		"The grammar needs a certain character or kind of word at this place, or nothing more, and found something else. Look at what stands just before the marker.",
		"begin { print(1; }", "begin { print(1); }",
	}, {
		CodeMissingSemicolon, "a ';' is missing",
		"Statements end with ';'. Only the last one before '}' and those that end in a block, such as if, need none.",
		"begin { @a = 1 @b = 2; }", "begin { @a = 1; @b = 2; }",
	}, {
		CodeMissingBrace, "a block is not closed",
		"A '{' has no '}': the text ends inside the block, or a new probe begins there.",
		"begin { print(1);\nend { print(2); }", "begin { print(1); }\nend { print(2); }",
	}, {
		CodeUnterminatedString, "a string is not closed",
		`A string ends on the line on which it begins. Write \n for a line end inside it.`,
		`begin { printf("hi); }`, `begin { printf("hi"); }`,
	}, {
		CodeInvalidEscape, "an escape does not exist",
		`Strings know \n \t \r \" \\, octal \0 to \377, and \xhh. Other backslashes are doubled.`,
		`begin { printf("50\%"); }`, `begin { printf("50%%"); }`,
	}, {
		CodeInvalidInteger, "an integer is malformed or too large",
		"Integers are decimal, 0x... or 0..., may hold '_' between digits, may be written NeM with one digit N, and may end in a suffix: u l ll ul ull, or a duration ns us ms s m h d. There are no fractions.",
		"begin { @a = 12e4; }", "begin { @a = 120000; }",
	}, {
		CodeInvalidIncrement, "++ and -- change variables and maps only",
		"What stands at ++ or -- is changed, so it is $x, @m or @m[key].",
		"begin { 5++; }", "begin { @a++; }",
	}, {
		CodeInvalidAddress, "& takes a variable or a map only",
		"Only $x and @m have an address; copy another value to a variable first.",
		"begin { print(&1); }", "begin { $x = 1; print(&$x); }",
	}, {
		CodeInvalidParameter, "a positional parameter does not exist",
		"Positional parameters are $1, $2 and so on; $# is how many there are.",
		"begin { print($0); }", "begin { print($1); }",
	}, {
		CodeInvalidAssignment, "this cannot be assigned to",
		"Only variables $x, maps @m and map entries @m[key] are assigned to; elements of arrays are not.",
		"begin { $x = (uint8[2])1; $x[0] = 1; }", "begin { @x[0] = 1; }",
	}, {
		CodeImmutableValue, "tuples, records and structs are not changed in part",
		"Make a new tuple or record and assign it as a whole. Fields of kernel structs cannot be written.",
		"begin { $t = (1, 2); $t.0 = 3; }", "begin { $t = (1, 2); $t = (3, $t.1); }",
	}, {
		CodeDuplicateField, "a record has a field twice",
		"Each field of a record has its own name.",
		"begin { print((a=1, a=2)); }", "begin { print((a=1, b=2)); }",
	}, {
		CodeDeclarationOrder, "this stands too late in the program",
		"A program has this order: C definitions and # lines, then one config and imports, then probes, macros, functions and maps.",
		"begin { } struct S { int x; };", "struct S { int x; }; begin { }",
	}, {
		CodeRootLet, "let outside of probes declares maps",
		"Variables live inside probes; only maps are shared between them.",
		"let $x = 1; begin { }", "let @x = hash(10); begin { }",
	}, {
		CodeMacroArgument, "a parameter of a macro is called like a builtin",
		"The word is a builtin everywhere, so it cannot name a parameter.",
		"macro twice(pid) { pid * 2 } begin { }", "macro twice(x) { x * 2 } begin { }",
	}, {
		CodeAttribute, "an attribute is malformed",
		"Attributes of C definitions are written __attribute__((packed)), with two parentheses side by side.",
		"struct S { int x; } __attribute__ (packed); begin { }", "struct S { int x; } __attribute__((packed)); begin { }",
	}, {
		CodeCSyntax, "a C definition is malformed",
		"Structs, unions and enums are written as in C. Sizes and values in them are constants.",
		"struct S { int x int y; }; begin { }", "struct S { int x; int y; }; begin { }",
	}, {
		CodeCMacro, "a C macro cannot be used here",
		"A name that #define defines can be used where its text is one expression that does not name itself.",
		"#define N {\nbegin { print(N); }", "#define N 3\nbegin { print(N); }",
	}, {
		CodePreprocessor, "a # line is malformed",
		"Every #if, #ifdef and #ifndef ends with #endif; conditions are constant; #error stops the program.",
		"#ifdef X\nbegin { }", "#ifdef X\n#endif\nbegin { }",
	}, {
		CodeTooDeep, "the program nests too deeply",
		"Nesting is bounded at 1000 levels, and operators in a row at 5000. Assign parts to variables.",
		"begin { print(" + deepExample(1001, "(", ")") + "); }", "begin { print(" + deepExample(10, "(", ")") + "); }",
	}, {
		CodeInternal, "a defect of mcptrace",
		"The program is not at fault. Please report it together with the program.",
		"", "",
	}}
}

func deepExample(n int, open, shut string) string {
	return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n)
}

func attachCodes() []CodeDoc {
	return []CodeDoc{{
		CodeInvalidProbe, "no such kind of attach point",
		"An attach point begins with its kind: kprobe, kretprobe, fentry, fexit, tracepoint, rawtracepoint, uprobe, uretprobe, usdt, profile, interval, software, hardware, watchpoint, iter, begin, end, self, test or bench.",
		"kprob:vfs_read { }", "kprobe:vfs_read { }",
	}, {
		CodeNoAttachPoint, "a probe attaches to nothing",
		"All attach points of the probe are empty.",
		":kprobe:f { }", "kprobe:f { }",
	}, {
		CodeAttachArguments, "an attach point has too many or too few parts",
		"Each kind takes a fixed number of parts between colons.",
		"tracepoint:sched_switch { }", "tracepoint:sched:sched_switch { }",
	}, {
		CodeAttachParameter, "a parameter in an attach point is malformed",
		"In attach points $1, $2 and so on are replaced by the parameters of the program. A '$' that belongs to a name is put in quotes.",
		"uprobe:/bin/app:$main { }", `uprobe:/bin/app:"$main" { }`,
	}, {
		CodeAttachTarget, "an attach point leaves out what it attaches to",
		"A part of the attach point is empty, or names a language that is not known.",
		"uprobe:/bin/app: { }", "uprobe:/bin/app:main { }",
	}, {
		CodeAttachOffset, "an offset is malformed or not allowed",
		"FUNCTION+OFFSET takes one number of bytes, and only kprobe and uprobe take it.",
		"kretprobe:vfs_read+4 { }", "kprobe:vfs_read+4 { }",
	}, {
		CodeAttachAddress, "an address with a wildcard",
		"An address belongs to one binary.",
		"uprobe:/bin/app*:0x1234 { }", "uprobe:/bin/app:0x1234 { }",
	}, {
		CodeAttachUnsafe, "a kernel address needs --unsafe",
		"Nobody checks whether the address begins an instruction. Probe by name, or allow it with --unsafe.",
		"kprobe:0xffffffff81000000 { }", "kprobe:vfs_read { }",
	}, {
		CodeAttachLocation, "a place in the source is malformed or cannot be resolved",
		"uprobe:BINARY@FILE:LINE needs the debug information of the binary, so it is checked where the binary is.",
		"uprobe:/bin/app@main.c { }", "uprobe:/bin/app:main { }",
	}, {
		CodeAttachRate, "a rate or count is malformed",
		"profile and interval take UNIT:N with a unit of s, ms, us or hz, or a duration such as 10ms of at least 1us. Counts are integers.",
		"interval:1 { }", "interval:1s { }",
	}, {
		CodeAttachEvent, "no such event",
		"software and hardware know a fixed list of events, and self knows signal:SIGUSR1.",
		"software:pagefaults:1 { }", "software:page-faults:1 { }",
	}, {
		CodeAttachWatchpoint, "a watchpoint is malformed",
		"watchpoint:ADDRESS:LENGTH:MODE takes a length of 1, 2, 4 or 8 and a mode made of r, w and x that the processor has: on x86 w, rw or x.",
		"watchpoint:0x10000000:8:r { }", "watchpoint:0x10000000:8:rw { }",
	}, {
		CodeAttachIter, "an iterator is used wrongly",
		"An iterator has no wildcards and no other attach point beside it.",
		"iter:task, iter:task_file { }", "iter:task { } iter:task_file { }",
	}, {
		CodeAttachBPF, "a BPF program is named wrongly",
		"Write fentry:bpf:PROGRAM or fentry:bpf:ID:PROGRAM.",
		"fentry:bpf:one:on_packet { }", "fentry:bpf:1:on_packet { }",
	}, {
		CodeAttachName, "a test or benchmark has no name of its own",
		"Results are listed by name, so every test and every benchmark has its own.",
		"test:a { } test:a { }", "test:a { } test:b { }",
	}, {
		CodeOldSpelling, "an old name",
		"The name is understood, but newer versions of bpftrace have another one.",
		"asyncwatchpoint:0x10000000:8:w { }", "watchpoint:0x10000000:8:w { }",
	}}
}
