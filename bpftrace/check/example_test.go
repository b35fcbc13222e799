package check_test

import (
	"fmt"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func ExampleCheck() {
	src := syntax.NewSource("stdin", `begin { @n = 1; printf("%d %s\n", @n, @m); }`)
	file, _ := syntax.Parse(src, nil)
	info, ds := check.Check(file, check.Offline("amd64"), nil)
	for _, d := range ds {
		line, column := src.Position(int(d.Span.Start))
		fmt.Printf("%d:%d: %s: %s\n", line, column, d.Severity, d.Message)
	}
	for _, m := range info.Maps {
		fmt.Println(m.Name, m.Value)
	}
	// Output:
	// 1:39: WARNING: @m is read, but nothing sets it
	// @m int8
	// @n int8
}

func ExampleLookupFunction() {
	f := check.LookupFunction("strftime")
	fmt.Println(f.Doc)
	fmt.Println(f.Args[0].Name, f.Args[1].Name)
	// Output:
	// a time in nanoseconds since boot as text
	// format ns
}
