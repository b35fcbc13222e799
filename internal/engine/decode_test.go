package engine

import (
	"encoding/binary"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

func testDecoder() *decoder {
	return &decoder{
		names: newNames(symbol.NewSymbolizer(nil), true), clock: &clock{boot: time.Unix(1000, 0).UTC()},
		strings: []string{"%H:%M:%S.%f"},
	}
}

// words lays out uint64s.
func words(ns ...uint64) []byte {
	var b []byte
	for _, n := range ns {
		b = binary.NativeEndian.AppendUint64(b, n)
	}
	return b
}

func padded(s string, size int) []byte {
	b := make([]byte, size)
	copy(b, s)
	return b
}

func join(parts ...[]byte) (out []byte) {
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// minus is -n in 64 bits.
func minus(n uint64) uint64 { return -n }

func TestDecodeValues(t *testing.T) {
	i32 := &check.Type{Kind: check.Int, Size: 4, Signed: true}
	u8 := &check.Type{Kind: check.Int, Size: 1}
	str8 := &check.Type{Kind: check.String, Size: 8}
	color := &check.Type{Kind: check.Int, Size: 4, Enum: &check.CEnum{Name: "color", Values: []check.Enumerator{{Name: "RED", Value: 1}, {Name: "NONE", Value: -1}}}}
	pair := &check.Type{Kind: check.Tuple, Fields: []check.Field{{Type: i32}, {Type: str8}}}
	point := &check.Type{Kind: check.Struct, Name: "struct point", Size: 16, Struct: &check.CStruct{Name: "point", Size: 16, Known: []check.Field{
		{Name: "x", Type: i32, Offset: 0},
		{Name: "low", Type: u8, Offset: 4, BitOffset: 1, BitSize: 3},
		{Name: "high", Type: i32, Offset: 4, BitOffset: 4, BitSize: 4},
		{Name: "name", Type: str8, Offset: 8},
	}}}
	for name, c := range map[string]struct {
		t    *check.Type
		b    []byte
		want output.Value
	}{
		"signed":       {i32, words(minus(5)), output.Int(-5)},
		"narrow":       {u8, words(0x1ff), output.Uint(0xff)},
		"uint64":       {&check.Type{Kind: check.Int, Size: 8}, words(math.MaxUint64), output.Uint(math.MaxUint64)},
		"bool":         {&check.Type{Kind: check.Bool, Size: 1}, words(1), output.Bool(true)},
		"pointer":      {&check.Type{Kind: check.Pointer, Size: 8}, words(0xffff888000000000), output.Pointer(0xffff888000000000)},
		"enum":         {color, words(1), output.Enum{Type: "color", Name: "RED", Number: 1}},
		"negative":     {color, words(minus(1)), output.Enum{Type: "color", Name: "NONE", Number: 0xffffffff}},
		"unnamed":      {color, words(7), output.Enum{Type: "color", Number: 7}},
		"string":       {str8, padded("bash", 8), output.String{Text: "bash"}},
		"full string":  {str8, padded("bashbash", 8), output.String{Text: "bashbash", Truncated: true}},
		"buffer":       {&check.Type{Kind: check.Buffer, Size: 8}, padded("\x03\x00\x00\x00abcdefgh", 16), output.Buffer("abc")},
		"buffer lies":  {&check.Type{Kind: check.Buffer, Size: 2}, padded("\xff\x00\x00\x00abcdefgh", 8), output.Buffer("ab")},
		"tuple":        {pair, join(words(7), padded("x", 8)), output.Tuple{output.Int(7), output.String{Text: "x"}}},
		"record":       {&check.Type{Kind: check.Record, Fields: []check.Field{{Name: "a", Type: i32}}}, words(7), output.Record{Fields: []output.Field{{Name: "a", Value: output.Int(7)}}}},
		"array":        {&check.Type{Kind: check.Array, Size: 12, Len: 3, Elem: i32}, []byte{1, 0, 0, 0, 255, 255, 255, 255, 3, 0, 0, 0, 0, 0, 0, 0}, output.Array{output.Int(1), output.Int(-1), output.Int(3)}},
		"empty tuple":  {&check.Type{Kind: check.Tuple}, nil, output.Tuple{}},
		"inet4":        {&check.Type{Kind: check.Inet}, join(words(4), padded("\x7f\x00\x00\x01", 16)), output.Inet{Addr: netip.MustParseAddr("127.0.0.1")}},
		"inet6":        {&check.Type{Kind: check.Inet}, join(words(6), make([]byte, 15), []byte{1}), output.Inet{Addr: netip.MustParseAddr("::1")}},
		"mac":          {&check.Type{Kind: check.MACAddr, Size: 6}, padded("\x01\x02\x03\x04\x05\xff", 8), output.MAC{1, 2, 3, 4, 5, 255}},
		"username":     {&check.Type{Kind: check.Username}, words(0), output.Username{UID: 0, Name: "root"}},
		"timestamp":    {&check.Type{Kind: check.Timestamp}, words(1_500_000_000, 0), output.Timestamp{Time: 1001_500_000_000, Text: "00:16:41.500000"}},
		"no stack":     {&check.Type{Kind: check.KStack}, words(0, 0), output.Stack{}},
		"struct":       {point, join([]byte{0xfe, 0xff, 0xff, 0xff, 0b1111_1010, 0, 0, 0}, padded("p", 8)), output.Record{Type: "struct point", Fields: []output.Field{{Name: "x", Value: output.Int(-2)}, {Name: "low", Value: output.Uint(5)}, {Name: "high", Value: output.Int(-1)}, {Name: "name", Value: output.String{Text: "p"}}}}},
		"too short":    {i32, nil, output.None{}},
		"cut in half":  {pair, words(7), output.None{}},
		"sum":          {&check.Type{Kind: check.Sum, Size: 8, Signed: true}, words(minus(3)), output.Int(-3)},
		"stats":        {&check.Type{Kind: check.Stats, Size: 16, Signed: true}, words(2, minus(9)), output.Stats{Count: 2, Total: -9, Average: -4}},
		"empty avg":    {&check.Type{Kind: check.Avg, Size: 16}, words(0, 0), output.Stats{Avg: true, Unsigned: true}},
		"max unsigned": {&check.Type{Kind: check.Max, Size: 8}, words(math.MaxUint64, 1), output.Uint(math.MaxUint64)},
	} {
		l := compile.LayoutOf(c.t, 0)
		if got := testDecoder().value(&l, c.b); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", name, got, c.want)
		}
	}
}

func TestMergeCPUs(t *testing.T) {
	hist := &check.Type{Kind: check.Hist}
	low, high := make([]uint64, compile.HistBuckets(0)), make([]uint64, compile.HistBuckets(0))
	low[output.Log2Bucket(4, 0)], high[output.Log2Bucket(5, 0)], high[output.Log2Bucket(-1, 0)] = 2, 3, 1
	series := &check.Type{Kind: check.TSeries, Signed: true, Agg: check.AggParams{Interval: int64(time.Second), Intervals: 3, Op: "sum"}}
	for name, c := range map[string]struct {
		t    *check.Type
		cpus [][]byte
		want output.Value
	}{
		"count":     {&check.Type{Kind: check.Count}, [][]byte{words(1), words(2), words(0)}, output.Uint(3)},
		"min":       {&check.Type{Kind: check.Min, Signed: true}, [][]byte{words(0, 0), words(minus(7), 1), words(2, 1)}, output.Int(-7)},
		"max":       {&check.Type{Kind: check.Max, Signed: true}, [][]byte{words(0, 0), words(minus(7), 1), words(minus(9), 1)}, output.Int(-7)},
		"min never": {&check.Type{Kind: check.Min}, [][]byte{words(9, 0)}, output.Uint(0)},
		"unsigned":  {&check.Type{Kind: check.Max}, [][]byte{words(5, 1), words(minus(1), 1)}, output.Uint(math.MaxUint64)},
		"avg":       {&check.Type{Kind: check.Avg, Signed: true}, [][]byte{words(1, 10), words(3, 2)}, output.Stats{Avg: true, Count: 4, Total: 12, Average: 3}},
		"hist":      {hist, [][]byte{words(low...), words(high...)}, output.Hist{Buckets: output.Log2Hist(0, merged(low, high)).Buckets}},
		"series": {series, [][]byte{
			words(4, 5, 5, 1, 2, 7, 7, 1, 0, 0, 0, 0), // epochs 4, 2 and an empty slot
			words(4, 6, 6, 1, 1, 9, 9, 1, 0, 0, 0, 0), // epoch 1 is too old when 4 exists
		}, output.TSeries{Interval: int64(time.Second), Agg: output.SeriesSum, Points: []output.Point{
			{Start: 2e9, Count: 1, Value: 7, Total: 7}, {Start: 3e9}, {Start: 4e9, Count: 2, Value: 11, Total: 11},
		}}},
	} {
		a := newAggregate(c.t)
		for range 2 { // the second time shows that reset forgets
			a.reset()
			for _, b := range c.cpus {
				a.merge(b)
			}
		}
		if got := a.value(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %#v, want %#v", name, got, c.want)
		}
	}
}

func merged(a, b []uint64) []uint64 {
	out := make([]uint64, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

func TestStrftime(t *testing.T) {
	at := time.Date(2024, time.February, 5, 13, 4, 9, 123456789, time.UTC)
	for format, want := range map[string]string{
		"%H:%M:%S\n":     "13:04:09\n",
		"%Y-%m-%d %T.%f": "2024-02-05 13:04:09.123456",
		"%a %A %b %B":    "Mon Monday Feb February",
		"%j %U %W %V %G": "036 05 06 06 2024",
		"%I %l %p %k":    "01  1 PM 13",
		"%e|%C|%y|%u|%w": " 5|20|24|1|1",
		"%s%%%n%t":       "1707138249%\n\t",
		"100%":           "100%",
		"%Q":             "%Q",
		"%Ey":            "24",
		"%c":             "Mon Feb  5 13:04:09 2024",
	} {
		if got := strftime(at, format); got != want {
			t.Errorf("strftime(%q) = %q, want %q", format, got, want)
		}
	}
}

func TestSplitWords(t *testing.T) {
	for in, want := range map[string][]string{
		`ls -l`:               {"ls", "-l"},
		` a  "b c"  d\ e `:    {"a", "b c", "d e"},
		`x '' "it's" 'a"b\n'`: {"x", "", "it's", `a"b\n`},
		`"`:                   nil,
		``:                    nil,
	} {
		got, err := splitWords(in)
		if (err != nil) != (want == nil) || !reflect.DeepEqual(got, want) {
			t.Errorf("splitWords(%q) = %q, %v", in, got, err)
		}
	}
}

func TestParseKsym(t *testing.T) {
	for text, want := range map[string]output.Frame{
		"schedule+0x1f/0x40":               {Symbol: "schedule", Offset: 31},
		"ext4_read+0x0/0x10 [ext4]":        {Symbol: "ext4_read", Module: "ext4"},
		"a.b+0x2/0x3 [m 0123456789abcdef]": {Symbol: "a.b", Offset: 2, Module: "m"},
		"0xffffffff81000000":               {},
		"":                                 {},
		"bpf_prog_12+0xzz/0x3 [bpf]":       {},
		"name+0x10/0x20 [unterminated":     {Symbol: "name", Offset: 16, Module: "unterminated"},
	} {
		if got := parseKsym(0, text); got != want {
			t.Errorf("parseKsym(%q) = %+v, want %+v", text, got, want)
		}
	}
}
