package check_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// TestHostile checks programs that were written to cost much: each ends, and
// not with a defect of the checker.
func TestHostile(t *testing.T) {
	nested := "1"
	for range 30 {
		nested = "f(" + nested + ")"
	}
	for name, program := range map[string]string{
		"macros":   "macro f(x) { x + x } begin { print(" + nested + "); }",
		"chain":    repeat(40, "macro m%d(x) { m%d(x) + m%[2]d(x) } ", 1) + "macro m40(x) { x } begin { print(m0(1)); }",
		"defines":  repeat(40, "#define A%d (A%d + A%[2]d)\n", 1) + "#define A40 1\nbegin { print(A0); }",
		"tuples":   "begin { $a0 = (1, pid); " + repeat(40, "$a%[2]d = ($a%[1]d, $a%[1]d); ", 1) + "}",
		"ifs":      "begin { " + strings.Repeat("if (pid) { ", 300) + strings.Repeat("}", 300) + " }",
		"comptime": "begin { $x = (uint64)1; " + strings.Repeat(`if comptime (typeinfo($x).full_type == "uint64") { print(1); } `, 300) + "}",
		"structs":  "struct s0 { int x; }; " + repeat(40, "struct s%[2]d { struct s%[1]d a; struct s%[1]d b; }; ", 1) + "begin { print(sizeof(struct s40)); }",
		"itself":   "begin { let $a; $a = (1, $a); @m = (@m, 1); $p = &$p; }",
	} {
		info, ds := checkText(program, nil)
		if hasCode(ds, check.CodeInternal) {
			t.Errorf("%s: %v", name, ds[len(ds)-1])
		}
		if info == nil && !ds.HasErrors() {
			t.Errorf("%s: neither meaning nor errors", name)
		}
	}
}

// repeat formats the numbers 0 to n-1, each with the one that is step larger.
func repeat(n int, format string, step int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i+step)
	}
	return b.String()
}
