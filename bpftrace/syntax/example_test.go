package syntax_test

import (
	"fmt"
	"os"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// A program is parsed into a tree, which can be walked.
func ExampleParse() {
	src := syntax.NewSource("stdin", `tracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }`)
	file, diags := syntax.Parse(src, nil)
	fmt.Println("errors:", diags.HasErrors())
	syntax.Inspect(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.Call); ok {
			fmt.Println("calls", call.Func.Name, "at", call.Span())
		}
		return true
	})
	// Output:
	// errors: false
	// calls count at stdin:1:55-62
}

// One pass finds every independent error.
func ExampleRenderText() {
	src := syntax.NewSource("two.bt", "begin {\n  $x = ;\n  print($x\n}\n")
	_, diags := syntax.Parse(src, nil)
	syntax.RenderText(os.Stdout, diags)
	// Output:
	// two.bt:2:8-9: ERROR: syntax: expected expression
	//   $x = ;
	//        ~
	// two.bt:4:1-2: ERROR: syntax: expected ')'
	// }
	// ~
}

// Fixes that cannot change what was meant may be applied unasked.
func ExampleApplyFixes() {
	src := syntax.NewSource("stdin", "begin { $a = 1 $b = 2; for ($kv in @m) { } }")
	_, diags := syntax.Parse(src, nil)
	text, n := syntax.ApplyFixes(src, diags, true)
	fmt.Println(n, text)

	src = syntax.NewSource("stdin", text)
	_, diags = syntax.Parse(src, nil)
	text, n = syntax.ApplyFixes(src, diags, true)
	fmt.Println(n, text)
	// Output:
	// 1 begin { $a = 1; $b = 2; for ($kv in @m) { } }
	// 1 begin { $a = 1; $b = 2; for ($kv : @m) { } }
}

func ExampleFormat() {
	file, _ := syntax.Parse(syntax.NewSource("stdin", "kprobe:vfs_read/pid==$1/{@[comm]=count()}"), nil)
	fmt.Print(syntax.Format(file))
	// A '/' after a ':' belongs to the attach point, so this is no predicate.
	file, _ = syntax.Parse(syntax.NewSource("stdin", "kprobe:vfs_read /pid==$1/{@[comm]=count()}"), nil)
	fmt.Print(syntax.Format(file))
	// Output:
	// kprobe:vfs_read/pid==$1/
	// {
	//   @[comm] = count();
	// }
	// kprobe:vfs_read
	// /pid == $1/
	// {
	//   @[comm] = count();
	// }
}

func ExampleParseAttachPoint() {
	file, _ := syntax.Parse(syntax.NewSource("stdin", `uprobe:/bin/$1:main+4 { }`), &syntax.ParseOptions{Params: []string{"bash"}})
	probe := file.Decls[0].(*syntax.Probe)
	ap, _ := syntax.ParseAttachPoint(probe.AttachPoints[0], []string{"bash"})
	fmt.Println(ap.Kind, ap.Target, ap.Func, ap.Offset)
	fmt.Println(ap)
	// Output:
	// uprobe /bin/bash main 4
	// uprobe:/bin/bash:main+4
}

func ExampleAt() {
	text := "begin { @m[comm] = 1; }"
	file, _ := syntax.Parse(syntax.NewSource("stdin", text), nil)
	for _, n := range syntax.At(file, 12) {
		fmt.Printf("%T %q\n", n, n.Span().Text())
	}
	// Output:
	// *syntax.File "begin { @m[comm] = 1; }"
	// *syntax.Probe "begin { @m[comm] = 1; }"
	// *syntax.Block "{ @m[comm] = 1; }"
	// *syntax.Assign "@m[comm] = 1"
	// *syntax.MapAccess "@m[comm]"
	// *syntax.Ident "comm"
}
