package syntax

import (
	"strings"
	"testing"
)

const oneLiner = `tracepoint:syscalls:sys_enter_openat /comm != "mcptrace"/ { @opens[comm, str(args.filename)] = count(); }`

func benchParse(b *testing.B, text string) {
	src := NewSource("bench", text)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ds := Parse(src, nil); ds.HasErrors() {
			b.Fatal(ds[0].Message)
		}
	}
}

func BenchmarkParseOneLiner(b *testing.B) { benchParse(b, oneLiner) }

func BenchmarkParseEveryNode(b *testing.B) { benchParse(b, everyNode) }

func BenchmarkParseMegabyte(b *testing.B) {
	benchParse(b, strings.Repeat(oneLiner+"\n", 1_000_000/len(oneLiner)))
}

// BenchmarkParseLargestTool parses the largest tool of the corpus.
func BenchmarkParseLargestTool(b *testing.B) {
	largest := ""
	for _, c := range corpus(b, "tools") {
		if len(c.Prog) > len(largest) {
			largest = c.Prog
		}
	}
	benchParse(b, largest)
}

func BenchmarkFormat(b *testing.B) {
	f, _ := Parse(NewSource("bench", everyNode), nil)
	b.ReportAllocs()
	for b.Loop() {
		Format(f)
	}
}

func BenchmarkClone(b *testing.B) {
	f, _ := Parse(NewSource("bench", everyNode), nil)
	b.ReportAllocs()
	for b.Loop() {
		Clone(f)
	}
}
