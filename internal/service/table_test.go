package service

import (
	"fmt"
	"math"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func TestTableOf(t *testing.T) {
	str := func(s string) output.Value { return output.String{Text: s} }
	for _, c := range []struct {
		name  string
		dump  output.MapDump
		keys  []string
		limit int
		want  string
	}{
		{"scalar", output.MapDump{Name: "@n", Kind: output.MapCount, Scalar: true, Entries: []output.Entry{{Value: output.Uint(7)}}}, nil, 10,
			"@n count [count] [[7]] 0"},
		{"largest first", output.MapDump{Name: "@", Kind: output.MapCount, Entries: []output.Entry{{Key: str("a"), Value: output.Uint(1)}, {Key: str("b"), Value: output.Uint(math.MaxUint64)}}}, []string{"comm"}, 10,
			"@ count [comm count] [[b 18446744073709551615] [a 1]] 0"},
		{"cut", output.MapDump{Name: "@", Kind: output.MapSum, Entries: []output.Entry{{Key: output.Int(1), Value: output.Int(1)}, {Key: output.Int(2), Value: output.Int(2)}, {Key: output.Int(3), Value: output.Int(3)}}}, nil, 2,
			"@ sum [key sum] [[3 3] [2 2]] 1"},
		{"tuple keys", output.MapDump{Name: "@", Entries: []output.Entry{{Key: output.Tuple{str("x"), output.Int(-1)}, Value: str("v")}}}, nil, 10,
			"@ value [key1 key2 value] [[x -1 v]] 0"},
		{"names that do not fit", output.MapDump{Name: "@", Entries: []output.Entry{{Key: output.Tuple{str("x"), output.Int(1)}, Value: output.Int(2)}}}, []string{"one"}, 10,
			"@ value [key1 key2 value] [[x 1 2]] 0"},
		{"hist", output.MapDump{Name: "@h", Kind: output.MapHist, Scalar: true, Entries: []output.Entry{{Value: output.Hist{Buckets: []output.Bucket{{Low: math.MinInt64, High: -1, Count: 1}, {Low: 0, High: 0, Count: 2}, {Low: 2, High: 3, Count: 3}}}}}}, nil, 10,
			"@h hist [range count] [[<= -1 1] [0 2] [2..3 3]] 0"},
		{"stats", output.MapDump{Name: "@s", Kind: output.MapStats, Scalar: true, Entries: []output.Entry{{Value: output.Stats{Count: 2, Average: 5, Total: 10}}}}, nil, 10,
			"@s stats [count average total] [[2 5 10]] 0"},
		{"avg", output.MapDump{Name: "@a", Kind: output.MapAvg, Scalar: true, Entries: []output.Entry{{Value: output.Stats{Count: 2, Average: -5, Total: -10, Avg: true}}}}, nil, 10,
			"@a avg [avg] [[-5]] 0"},
		{"stack", output.MapDump{Name: "@", Kind: output.MapCount, Entries: []output.Entry{{Key: output.Stack{Frames: []output.Frame{{Symbol: "inner", Offset: 4}, {Addr: 16}}}, Value: output.Uint(1)}}}, nil, 10,
			"@ count [key count] [[inner;0x10 1]] 0"},
		{"hostile", output.MapDump{Name: "@", Kind: output.MapCount, Entries: []output.Entry{{Key: str("a\nb\x1b["), Value: output.Uint(1)}}}, nil, 10,
			`@ count [key count] [[a\x0ab\x1b[ 1]] 0`},
		{"empty", output.MapDump{Name: "@", Kind: output.MapCount}, []string{"comm"}, 10, "@ count [count] [] 0"},
	} {
		tab := tableOf(&c.dump, c.keys, c.limit, 1000)
		if got := fmt.Sprint(tab.Name, " ", tab.Kind, " ", tab.Columns, " ", tab.Rows, " ", tab.Omitted); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// Columns are called as the program writes its keys.
func TestKeyNames(t *testing.T) {
	file, ds := syntax.Parse(syntax.NewSource("x", `begin { @a[comm, args.fd  + 1] = 1; @b = 2; @["x"] = 3; }`), nil)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if got := fmt.Sprintf("%q", keyNames(&check.Info{File: file})); got != `map["@":["\"x\""] "@a":["comm" "args.fd + 1"]]` {
		t.Errorf("got %s", got)
	}
}

// However large the maps are, the tables of an answer stay small and count what
// they leave out.
func TestTablesAreBounded(t *testing.T) {
	var dumps []*output.MapDump
	for m := range maxTables + 5 {
		d := &output.MapDump{Name: fmt.Sprintf("@m%d", m), Kind: output.MapCount}
		for i := range 100 {
			d.Entries = append(d.Entries, output.Entry{Key: output.String{Text: fmt.Sprintf("%0500d", i)}, Value: output.Uint(uint64(i))})
		}
		dumps = append(dumps, d)
	}
	list, omitted := tables(dumps, nil, 40, tableBytes)
	size := 0
	for _, tab := range list {
		size += bytesOf(tab.Rows)
		if len(tab.Rows) == 0 || len(tab.Rows)+tab.Omitted != 100 || tab.Rows[0][1] != "99" {
			t.Errorf("%s: %d rows, %d omitted", tab.Name, len(tab.Rows), tab.Omitted)
		}
	}
	if size > tableBytes+600*maxTables || len(list) != maxTables || omitted != 5 {
		t.Errorf("%d bytes in %d tables, %d omitted", size, len(list), omitted)
	}
}
