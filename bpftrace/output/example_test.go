package output_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/output"
)

func ExampleTextEncoder() {
	counts := make([]uint64, output.Log2Buckets(0))
	for _, size := range []int64{100, 1500, 1600} {
		counts[output.Log2Bucket(size, 0)]++
	}
	enc := output.NewTextEncoder(os.Stdout, os.Stderr, nil)
	enc.Encode(&output.Printf{Text: "hello\n"})
	enc.Encode(&output.MapDump{
		Name: "@bytes",
		Kind: output.MapHist,
		Entries: []output.Entry{{
			Key:   output.Tuple{output.Int(42), output.String{Text: "cat"}},
			Value: output.Log2Hist(0, counts),
		}},
	})
	// Output:
	// hello
	// @bytes[42, cat]:
	// [64, 128)              1 |@@@@@@@@@@@@@@@@@@@@@@@@@@                          |
	// [128, 256)             0 |                                                    |
	// [256, 512)             0 |                                                    |
	// [512, 1K)              0 |                                                    |
	// [1K, 2K)               2 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@|
}

func ExampleJSONEncoder() {
	enc := output.NewJSONEncoder(os.Stdout, &output.JSONOptions{Typed: true})
	enc.Encode(&output.MapDump{
		Name:    "@",
		Kind:    output.MapCount,
		Entries: []output.Entry{{Key: output.Tuple{output.Int(1), output.String{Text: "a,b"}}, Value: output.Uint(5)}},
	})
	// Output:
	// {"type": "map", "data": {"@": {"1,a,b": 5}}, "keys": [[1,"a,b"]]}
}

func ExampleDecoder() {
	const printed = `{"type": "printf", "data": "opened \uffffffc3\uffffffa9\n"}
{"type": "stats", "data": {"@us": {"cat": {"count": 2, "average": 6, "total": 12}}}}
`
	dec := output.NewDecoder(strings.NewReader(printed), nil)
	for {
		ev, err := dec.Decode()
		if errors.Is(err, io.EOF) {
			break
		}
		switch ev := ev.(type) {
		case *output.Printf:
			fmt.Print(ev.Text)
		case *output.MapDump:
			for _, e := range ev.Entries {
				fmt.Println(e.Key.(output.String).Text, e.Value.(output.Stats).Count)
			}
		}
	}
	// Output:
	// opened é
	// cat 2
}

func ExampleCompile() {
	f, err := output.Compile("%-8s|%5d|%x\n")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", f.Append(nil, []output.Value{output.String{Text: "cat"}, output.Int(42), output.Int(-1)}))
	// Output:
	// cat     |   42|ffffffff
}
