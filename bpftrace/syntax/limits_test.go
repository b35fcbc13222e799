package syntax

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// hostile are texts that grow with n and would make a careless parser deep or
// slow.
var hostile = map[string]func(n int) string{
	"parentheses":      func(n int) string { return "begin { print(" + deepExample(n, "(", ")") + "); }" },
	"open parentheses": func(n int) string { return "begin { print(" + strings.Repeat("(", n) },
	"casts":            func(n int) string { return "begin { print(" + strings.Repeat("(a[1])", n) + "1); }" },
	"failed casts":     func(n int) string { return "begin { print(" + strings.Repeat("(a*", n) },
	"typeof":           func(n int) string { return "begin { print(" + deepExample(n, "(typeof(", "))1") + "); }" },
	"open typeof":      func(n int) string { return "begin { print(" + deepExample(n, "(typeof(", ")") + "); }" },
	"sizeof":           func(n int) string { return "begin { print(" + deepExample(n, "sizeof(a[", "])") + "); }" },
	"blocks":           func(n int) string { return "begin " + deepExample(n, "{", "}") },
	"open blocks":      func(n int) string { return "begin " + strings.Repeat("{ ", n) },
	"if":               func(n int) string { return "begin { " + deepExample(n, "if 1 {", "}") + " }" },
	"else if":          func(n int) string { return "begin { " + strings.Repeat("if 1 { } else ", n) + "{ } }" },
	"unary":            func(n int) string { return "begin { print(" + strings.Repeat("- ", n) + "1); }" },
	"comptime":         func(n int) string { return "begin { print(" + strings.Repeat("comptime ", n) + "1); }" },
	"ternary":          func(n int) string { return "begin { print(" + strings.Repeat("1 ? ", n) + "1); }" },
	"sum":              func(n int) string { return "begin { print(1" + strings.Repeat("+1", n) + "); }" },
	"powers": func(n int) string {
		return "begin { print(1" + strings.Repeat("||1&&1|1^1&1==1<1<<1+1*1", n/10+1) + "); }"
	},
	"fields":            func(n int) string { return "begin { print($x" + strings.Repeat(".a", n) + "); }" },
	"pointers":          func(n int) string { return "begin { let $x: uint8" + strings.Repeat("*", n) + "; }" },
	"cast to pointers":  func(n int) string { return "begin { print((uint8" + strings.Repeat("*", n) + ")1); }" },
	"maps":              func(n int) string { return "begin { print(" + strings.Repeat("@a[", n) },
	"strings":           func(n int) string { return "begin { " + strings.Repeat("\"", n) },
	"comments":          func(n int) string { return strings.Repeat("/* */ // \n", n/10+1) },
	"open comment":      func(n int) string { return strings.Repeat("begin /", n/7+1) + "/*" + strings.Repeat("*", n) },
	"statements":        func(n int) string { return "begin { " + strings.Repeat("@a[pid] = count(); ", n/20+1) + "}" },
	"probes":            func(n int) string { return strings.Repeat("kprobe:f /pid/ { @ = 1; }\n", n/26+1) },
	"attach points":     func(n int) string { return strings.Repeat("kprobe:f,\n", n/10+1) + " { }" },
	"long attach point": func(n int) string { return "kprobe:" + strings.Repeat(":a", n/2) + " { }" },
	"bad statements":    func(n int) string { return "begin { " + strings.Repeat("$x = ;\n", n/7+1) + "}" },
	"bad probes":        func(n int) string { return strings.Repeat("kprobe:f { ) }\n", n/15+1) },
	"braces":            func(n int) string { return strings.Repeat("}", n) },
	"structs":           func(n int) string { return deepExample(n, "struct a {", "}") },
	"struct brackets":   func(n int) string { return strings.Repeat("struct a(", n/9+1) },
	"attributes":        func(n int) string { return "struct a { int x; }" + strings.Repeat(" __attribute__((", n/16+1) },
	"conditionals":      func(n int) string { return strings.Repeat("#if 0\n", n/6+1) },
	"macros":            func(n int) string { return manyMacros(n) },
	"members":           func(n int) string { return "struct a { " + strings.Repeat("int x; ", n/7+1) + "};" },
	"dollars":           func(n int) string { return "kprobe:" + strings.Repeat("$2", n/2) + " { }" },
	"quotes":            func(n int) string { return "uprobe:\"" + strings.Repeat("\\\"", n/2) + " { }" },
	"spaces":            func(n int) string { return "begin {" + strings.Repeat(" ", n) + "}" },
	"lines":             func(n int) string { return strings.Repeat("\n", n) + "begin { $x }" },
}

// manyMacros is a chain of macros each of which names the next one twice.
func manyMacros(n int) string {
	var b strings.Builder
	for i := range min(n/20, 3000) {
		fmt.Fprintf(&b, "#define A%d A%d + A%d\n", i, i+1, i+1)
	}
	return b.String() + "struct S { int x[A0]; };\nbegin { print(A0); }"
}

// TestHostile parses half a megabyte of each text. What matters is that it ends,
// without a defect and with all memory and depth bounded; allocations of ten
// times the text must be about ten times as many.
func TestHostile(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			small, large := allocated(t, text(50_000)), allocated(t, text(500_000))
			if large > 25*small+1<<24 {
				t.Errorf("50 kB take %d bytes of memory, 500 kB take %d", small, large)
			}
		})
	}
}

// allocated parses and prints text and returns how much memory that took.
func allocated(t *testing.T, text string) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, ds := Parse(NewSource("hostile", text), &ParseOptions{Params: []string{"a", "$1$1"}})
	for _, d := range ds {
		if d.Code == CodeInternal {
			t.Fatal(d.Message, d.Why)
		}
	}
	Format(f)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestDepthIsAnError(t *testing.T) {
	for _, name := range []string{"parentheses", "typeof", "sizeof", "blocks", "if", "else if", "unary", "comptime", "ternary", "sum", "fields", "pointers", "structs", "casts"} {
		if _, ds := Parse(NewSource("deep", hostile[name](300)), nil); ds.HasErrors() && ds[0].Code == CodeTooDeep {
			t.Errorf("300 levels of %s are too deep: %v", name, ds[0].Message)
		}
		_, ds := Parse(NewSource("deep", hostile[name](20000)), nil)
		if len(ds) == 0 || ds[0].Code != CodeTooDeep {
			t.Errorf("20000 levels of %s give %v", name, ds)
		}
	}
}

func TestAtMostTenErrorsOneALine(t *testing.T) {
	_, ds := Parse(NewSource("bad", hostile["bad statements"](1000)), nil)
	if len(ds) != maxDiagnostics {
		t.Errorf("%d errors, want %d", len(ds), maxDiagnostics)
	}
	lines := map[int]bool{}
	for _, d := range ds {
		line, _ := d.Span.Src.Position(int(d.Span.Start))
		if lines[line] {
			t.Errorf("line %d has two errors", line)
		}
		lines[line] = true
	}
}
