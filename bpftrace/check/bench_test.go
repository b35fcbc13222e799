package check_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

const oneLiner = `tracepoint:syscalls:sys_enter_open / pid != 5 / { @start[tid] = nsecs; printf("%s %s %d\n", comm, str(args.filename), args.flags); @[comm] = count(); }`

func BenchmarkOneLiner(b *testing.B) {
	k := newFake()
	b.ReportAllocs()
	for b.Loop() {
		f, _ := syntax.Parse(syntax.NewSource("stdin", oneLiner), nil)
		if _, ds := check.Check(f, k, nil); ds.HasErrors() {
			b.Fatal(ds)
		}
	}
}

// largestTool returns the longest program of the corpus, which is not part of
// the repository.
func largestTool(tb testing.TB) string {
	data, err := os.ReadFile("../../../shared/corpus/tools.jsonl")
	if err != nil {
		data, err = os.ReadFile("/work/shared/corpus/tools.jsonl")
	}
	if err != nil {
		tb.Skip("no corpus: ", err)
	}
	longest := ""
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var r struct{ Prog string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			tb.Fatal(err)
		}
		if len(r.Prog) > len(longest) {
			longest = r.Prog
		}
	}
	return longest
}

func BenchmarkLargestTool(b *testing.B) {
	text := largestTool(b)
	b.ReportAllocs()
	for b.Loop() {
		f, _ := syntax.Parse(syntax.NewSource("stdin", text), nil)
		if _, ds := check.Check(f, check.Offline("amd64"), nil); ds.HasErrors() {
			b.Fatal(ds)
		}
	}
}

// megabyte repeats pieces of a program until it is a megabyte long.
func megabyte(before, piece, after string) string {
	n := (1 << 20) / len(piece)
	return before + strings.Repeat(piece, n) + after
}

func BenchmarkMegabyte(b *testing.B) {
	for name, text := range hugePrograms() {
		b.Run(name, func(b *testing.B) {
			f, _ := syntax.Parse(syntax.NewSource("stdin", text), nil)
			b.ReportAllocs()
			for b.Loop() {
				check.Check(f, check.Offline("amd64"), nil)
			}
		})
	}
}

func hugePrograms() map[string]string {
	chain := &strings.Builder{}
	chain.WriteString("begin { ")
	for i := 0; chain.Len() < 1<<19; i++ {
		chain.WriteString("@m" + number(i) + " = @m" + number(i+1) + "; ")
	}
	chain.WriteString("exit(); }")
	return map[string]string{
		"statements": megabyte("begin { ", `@x[pid, comm] = count(); $y = pid + 1; printf("%d\n", $y); `, "}"),
		"probes":     megabyte("", "interval:s:1 { @n = count(); if (pid > 5) { $x = 1; } }\n", ""),
		"operators":  megabyte("begin { $x = pid", " + 1", "; print($x); }"),
		"constants":  megabyte("begin { $x = 1", " + 1", "; print($x); }"),
		"maps":       chain.String(),
		"errors":     megabyte("begin { ", "print($undefined); ", "}"),
	}
}

func number(i int) string {
	var b []byte
	for b = append(b, byte('0'+i%10)); i >= 10; {
		i /= 10
		b = append(b, byte('0'+i%10))
	}
	return string(b)
}

// TestMegabyte checks programs of a megabyte. Work that grew with the square of
// their length would run into the time limit of the test.
func TestMegabyte(t *testing.T) {
	for name, text := range hugePrograms() {
		t.Run(name, func(t *testing.T) {
			f, ds := syntax.Parse(syntax.NewSource("stdin", text), nil)
			if ds.HasErrors() {
				t.Skip("does not parse: ", ds[0].Message)
			}
			start := time.Now()
			info, ds := check.Check(f, check.Offline("amd64"), nil)
			if info == nil || hasCode(ds, check.CodeInternal) {
				t.Fatal(ds)
			}
			t.Log(len(text), "bytes", time.Since(start).Round(time.Millisecond))
		})
	}
}

func FuzzCheck(f *testing.F) {
	for _, row := range check.Codes() {
		f.Add(row.Bad)
		f.Add(row.Good)
	}
	for _, fn := range check.Functions() {
		f.Add(fn.Example)
	}
	k := newFake()
	f.Fuzz(func(t *testing.T, text string) {
		file, _ := syntax.Parse(syntax.NewSource("stdin", text), nil)
		for _, target := range []check.Target{check.Offline("amd64"), k} {
			info, ds := check.Check(file, target, &check.Options{Unsafe: true})
			if info == nil || hasCode(ds, check.CodeInternal) {
				for _, d := range ds {
					if d.Code == check.CodeInternal {
						t.Fatal(d.Message, d.Why)
					}
				}
			}
		}
	})
}
