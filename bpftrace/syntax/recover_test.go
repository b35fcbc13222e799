package syntax

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// badStatements are statements with one error each, on their first line.
var badStatements = []string{
	"$x = ;", "@a = 1 + ;", "print(@a;", "$t.0 = 3;", "@b = 123UL;", "if ($x = 1) { print(1); }", "5++;",
	"for (@kv : @m) { }", "for ($i : 1..) { print($i); }", "while (1 { }", "$ = 1;", "let x = 1;",
	"@c[1 = 2;", "$y = { 1; 2 3 };", "if (1) { } else print(1);", "print(\"\\q\");", "print(&1);", "import foo;",
	"var x = 1;", "@d = (a=1, a=2);", "$z = $0;", "return 1 2;", "unroll 5 print(1);", ") ;", "$x[1] = 2;", "@e = sizeof();",
	"@f = offsetof(struct S);", "1e;", "@g = 5 ? ;", "print(1,);", "@h = (uint64*);",
}

var goodStatements = []string{"@ok = count();", "if ($1) {\nprint(1);\n} else {\nprint(2);\n}", "$v = (1, 2);", "for ($i : 0..3) { @n[$i] = 1; }", "// a comment; with { in it", "printf(\"}{;\");"}

// TestIndependentErrors puts bad statements among good ones, one a line, and
// asserts that each is reported as if it stood alone, and nothing else is.
func TestIndependentErrors(t *testing.T) {
	alone := map[string]string{}
	for _, s := range badStatements {
		_, ds := Parse(NewSource("alone", "begin {\n"+s+"\nprint(0);\n}\n"), nil)
		if len(ds) != 1 {
			t.Errorf("%q gives %d errors: %v", s, len(ds), ds)
			continue
		}
		alone[s] = ds[0].Message
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		checkTogether(t, r, alone)
	}
}

// TestErrorsInBlocksOfBadHeads asserts that an error before a block does not
// hide those in it.
func TestErrorsInBlocksOfBadHeads(t *testing.T) {
	for _, head := range []string{"if (1 {", "if ($x = 1) {", "while () {", "unroll (; {", "for (@a : @b) {", "for ($i : 5) {"} {
		_, ds := Parse(NewSource("p", "begin {\n"+head+"\n$x = ;\n}\n$y = ;\n}"), nil)
		want := 3
		if strings.Contains(head, ";") {
			want = 2 // the ';' ends the statement
		}
		if len(ds) < want {
			t.Errorf("%s: %v", head, ds)
		}
	}
	for _, head := range []string{"kprobe:f /pid = 1/ {", "kprobe:f / / {", "kprobe:f kprobe:g {", "macro m(1) {", "fn f($a: ): int64 {", "kprobe:f /( / {"} {
		_, ds := Parse(NewSource("p", head+"\n$x = ;\n}\nend {\n$y = ;\n}"), nil)
		if len(ds) != 3 {
			t.Errorf("%s: %v", head, ds)
		}
	}
}

// checkTogether checks a random program of several probes.
func checkTogether(t *testing.T, r *rand.Rand, alone map[string]string) {
	var b strings.Builder
	var want []string
	for range 1 + r.IntN(3) {
		b.WriteString("kprobe:f /pid == 1/ {\n")
		for range r.IntN(5) {
			if r.IntN(2) == 0 || len(want) >= maxDiagnostics {
				b.WriteString(goodStatements[r.IntN(len(goodStatements))] + "\n")
				continue
			}
			s := badStatements[r.IntN(len(badStatements))]
			b.WriteString(s + "\n")
			want = append(want, alone[s])
		}
		b.WriteString("print(1);\n}\n")
	}
	_, ds := Parse(NewSource("together", b.String()), nil)
	var got []string
	for _, d := range ds {
		got = append(got, d.Message)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("%s\n--- got\n%s\n--- want\n%s", b.String(), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestCertainFixes deletes a token of a good program, one after the other, and
// asserts that a program which is mended by certain fixes alone is whole
// again, or at least no worse.
func TestCertainFixes(t *testing.T) {
	src := NewSource("good", everyNode)
	s := scanner{src: src, text: src.Text}
	mended := 0
	for tok := s.scan(s.lineAfter(0)); tok.kind != tEOF; tok = s.scan(tok.end) {
		text := src.Text[:tok.start] + src.Text[tok.end:]
		_, before := Parse(NewSource("bad", text), nil)
		fixed, n := ApplyFixes(NewSource("bad", text), before, true)
		if n == 0 {
			continue
		}
		_, after := Parse(NewSource("fixed", fixed), nil)
		if len(after) > len(before) {
			t.Errorf("without %q there are %d errors, after fixing %d", src.Text[tok.start:tok.end], len(before), len(after))
		}
		if len(after) == 0 {
			mended++
		}
	}
	if mended < 25 {
		t.Errorf("only %d deletions were mended", mended)
	}
	t.Logf("%d deletions were mended", mended)
}

// lineAfter returns the start of the line after pos.
func (s *scanner) lineAfter(pos uint32) uint32 {
	return pos + uint32(strings.IndexByte(s.text[pos:], '\n')) + 1
}
