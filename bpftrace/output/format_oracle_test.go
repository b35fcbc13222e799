package output

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

// arg is an argument as it is written in a program and as a Value.
type arg struct {
	code  string
	value Value
}

var numberArgs = []arg{
	{"0", Int(0)}, {"42", Int(42)}, {"-1", Int(-1)}, {"300", Int(300)}, {"65", Int(65)},
	{"4294967297", Int(4294967297)}, {"-9223372036854775807", Int(-9223372036854775807)},
	{"(uint64)18446744073709551615", Uint(1<<64 - 1)}, {"(int8*)0xabc", Pointer(0xabc)},
	{"true", Bool(true)}, {"(enum colour)2", Enum{"colour", "GREEN", 2}},
}

var anyArgs = []arg{
	{`"abc"`, str("abc")}, {`(1, "a", (2, 3))`, Tuple{Int(1), str("a"), Tuple{Int(2), Int(3)}}},
	{`(a=1, b="x")`, Record{Fields: []Field{{"a", Int(1)}, {"b", str("x")}}}},
	{"ntop(0x0100007f)", inet4(127, 0, 0, 1)}, {`buf("\x80a\x01", 3)`, Buffer("\x80a\x01")},
	{"false", Bool(false)}, {"-7", Int(-7)}, {"(int8*)0", Pointer(0)},
}

var bufferArgs = []arg{{`buf("\x80 a\x01~", 5)`, Buffer("\x80 a\x01~")}}

var gfpArgs = []arg{
	{"0", Int(0)}, {"0xcc0", Int(0xcc0)}, {"0x400cc0", Int(0x400cc0)}, {"0x3d24ca", Int(0x3d24ca)},
	{"0x7ffffff", Int(0x7ffffff)}, {"(uint64)0xffffffff80000208", Uint(0xffffffff80000208)}, {"0x2820", Int(0x2820)},
}

// printfCase is one printf of one argument, between brackets.
type printfCase struct {
	verb string
	arg  arg
}

// printfCases samples flags, widths, lengths and arguments, the same each time.
func printfCases() []printfCase {
	r := rand.New(rand.NewSource(1))
	pick := func(from ...string) string { return from[r.Intn(len(from))] }
	flags := func() string {
		return pick("", "", "-") + pick("", "", "+") + pick("", "", "", " ") + pick("", "#") + pick("", "0") + pick("", "", "3", "12", "25", "*") + pick("", "", "", ".2", ".*")
	}
	var cases []printfCase
	for range 160 {
		verb := "%" + flags() + pick("", "hh", "h", "l", "ll", "j", "z", "t", "L", "lll") + pick("d", "i", "u", "x", "X", "o", "p", "c")
		cases = append(cases, printfCase{verb, numberArgs[r.Intn(len(numberArgs))]})
	}
	for range 60 {
		cases = append(cases, printfCase{"%" + flags() + "s", anyArgs[r.Intn(len(anyArgs))]})
	}
	for range 12 {
		cases = append(cases, printfCase{"%" + flags() + pick("r", "rx", "rh"), bufferArgs[0]})
	}
	for _, a := range gfpArgs {
		cases = append(cases, printfCase{"%" + flags() + "gr", a})
	}
	return cases
}

func TestFormatOracle(t *testing.T) {
	cases := printfCases()
	for len(cases) > 0 {
		n := min(len(cases), 250)
		comparePrintf(t, cases[:n])
		cases = cases[n:]
	}
}

func comparePrintf(t *testing.T, cases []printfCase) {
	var program strings.Builder
	program.WriteString(oraclePrelude + "begin {\n")
	for _, c := range cases {
		fmt.Fprintf(&program, "printf(\"[%s]\\n\", %s);\n", c.verb, c.arg.code)
	}
	program.WriteString("exit(); }\n")
	want := strings.SplitAfter(runOracle(t, program.String()), "]\n")
	for i, c := range cases {
		f, err := Compile("[" + c.verb + "]\n")
		if err != nil {
			t.Errorf("%s: %v", c.verb, err)
			continue
		}
		if got := string(f.Append(nil, []Value{c.arg.value})); got != want[i] {
			t.Errorf("%s of %s: got %q, want %q", c.verb, c.arg.code, got, want[i])
		}
	}
}
