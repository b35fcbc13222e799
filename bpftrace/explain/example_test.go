package explain_test

import (
	"fmt"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/explain"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func ExampleProgram() {
	file, _ := syntax.Parse(syntax.NewSource("stdin", "tracepoint:syscalls:sys_enter_openat / pid == 7 / { @[comm] = count(); }"), nil)
	info, _ := check.Check(file, check.Offline("amd64"), nil)
	e := explain.Program(info)
	fmt.Println(e.Probes[0].When)
	fmt.Println("If", e.Probes[0].Condition)
	fmt.Println(e.Probes[0].Steps[0].Text)
	fmt.Println(e.Maps[0])
	// Output:
	// Fires when any thread enters the system call openat.
	// If the process id is 7
	// Counts the event in @, by the thread's name.
	// @, by the thread's name: how often any thread enters the system call openat, if the process id is 7 (times); at most 4096 entries
}

func ExampleLookup() {
	w, _ := explain.Lookup("undefined-map")
	fmt.Println(w.Meaning)
	// Output:
	// The map is read but nothing in the program ever sets it.
}
