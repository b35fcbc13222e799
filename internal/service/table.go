package service

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Table is a map of a program as rows of text. Numbers are decimal text, so that
// 64 bits survive every client.
type Table struct {
	Name    string     `json:"name" doc:"map, with its @"`
	Kind    string     `json:"kind" doc:"what it aggregates"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows" doc:"largest first"`
	Omitted int        `json:"omitted,omitempty" doc:"rows left out"`
	Dropped uint64     `json:"dropped,omitempty" doc:"updates refused because the map was full"`
}

const (
	maxCell  = 512  // bytes of a cell
	maxStack = 2000 // bytes of a cell that holds a stack
)

// tableOf makes rows of a dump: at most limit, and no more than about size bytes
// of them. Upstream prints the largest last; a table begins with it.
func tableOf(d *output.MapDump, keys []string, limit, size int) Table {
	t := Table{Name: d.Name, Kind: kindName(d.Kind), Dropped: d.Dropped, Rows: [][]string{}}
	parts := 0
	if !d.Scalar && len(d.Entries) > 0 {
		parts = keyParts(d.Entries[0].Key)
	}
	t.Columns = append(keyColumns(keys, parts), valueColumns(d)...)
	for i := len(d.Entries) - 1; i >= 0; i-- {
		rows := entryRows(d, &d.Entries[i], parts)
		size -= bytesOf(rows)
		if len(t.Rows) > 0 && (len(t.Rows)+len(rows) > limit || size < 0) {
			t.Omitted = i + 1
			break
		}
		t.Rows = append(t.Rows, rows...)
	}
	t.Omitted += d.Omitted
	return t
}

// bytesOf is what rows take in an answer, nearly.
func bytesOf(rows [][]string) int {
	n := 0
	for _, r := range rows {
		n += 2
		for _, cell := range r {
			n += len(cell) + 3
		}
	}
	return n
}

// maxTables and tableBytes bound the tables of an answer.
const (
	maxTables  = 20
	tableBytes = 32 << 10
)

// tables makes tables of the dumps that fit into size bytes together; omitted
// counts those for which there is no room.
func tables(dumps []*output.MapDump, names map[string][]string, limit, size int) (list []Table, omitted int) {
	if len(dumps) > maxTables {
		omitted = len(dumps) - maxTables
		dumps = dumps[:maxTables]
	}
	for i, d := range dumps {
		t := tableOf(d, names[d.Name], limit, size/(len(dumps)-i))
		size -= bytesOf(t.Rows)
		list = append(list, t)
	}
	return list, omitted
}

func kindName(k output.MapKind) string {
	names := []string{"value", "count", "sum", "min", "max", "avg", "stats", "hist", "lhist", "tseries"}
	if int(k) < len(names) {
		return names[k]
	}
	return "value"
}

func keyParts(key output.Value) int {
	if t, ok := key.(output.Tuple); ok {
		return len(t)
	}
	return 1
}

// keyColumns names the parts of a key: by the expressions of the program where
// they are known.
func keyColumns(keys []string, parts int) []string {
	if len(keys) == parts {
		return append([]string(nil), keys...)
	}
	cols := make([]string, parts)
	for i := range cols {
		cols[i] = "key"
		if parts > 1 {
			cols[i] += strconv.Itoa(i + 1)
		}
	}
	return cols
}

func valueColumns(d *output.MapDump) []string {
	switch d.Kind {
	case output.MapHist, output.MapLhist:
		return []string{"range", "count"}
	case output.MapTSeries:
		return []string{"start_ns", "value"}
	case output.MapStats:
		return []string{"count", "average", "total"}
	}
	return []string{kindName(d.Kind)}
}

// entryRows are the rows of one entry: one, or one a bucket.
func entryRows(d *output.MapDump, e *output.Entry, parts int) [][]string {
	key := keyCells(e.Key, parts)
	switch v := e.Value.(type) {
	case output.Hist:
		var rows [][]string
		for _, b := range v.Buckets {
			rows = append(rows, row(key, bucketRange(b), strconv.FormatUint(b.Count, 10)))
		}
		return rows
	case output.TSeries:
		var rows [][]string
		for _, p := range v.Points {
			rows = append(rows, row(key, strconv.FormatInt(p.Start, 10), seriesValue(p, v.Unsigned)))
		}
		return rows
	case output.Stats:
		if d.Kind == output.MapStats {
			return [][]string{row(key, strconv.FormatUint(v.Count, 10), signed(v.Average, v.Unsigned), signed(v.Total, v.Unsigned))}
		}
		return [][]string{row(key, signed(v.Average, v.Unsigned))}
	}
	return [][]string{row(key, Cell(e.Value))}
}

func row(key []string, cells ...string) []string {
	return append(append(make([]string, 0, len(key)+len(cells)), key...), cells...)
}

func signed(v int64, unsigned bool) string {
	if unsigned {
		return strconv.FormatUint(uint64(v), 10)
	}
	return strconv.FormatInt(v, 10)
}

func seriesValue(p output.Point, unsigned bool) string {
	if p.Count == 0 {
		return ""
	}
	return signed(p.Value, unsigned)
}

func keyCells(key output.Value, parts int) []string {
	if parts == 0 {
		return nil
	}
	t, ok := key.(output.Tuple)
	if !ok {
		return []string{Cell(key)}
	}
	cells := make([]string, len(t))
	for i, part := range t {
		cells[i] = Cell(part)
	}
	return cells
}

// bucketRange writes a bucket as [low, high] with open ends as they are.
func bucketRange(b output.Bucket) string {
	switch {
	case b.Low == b.High:
		return strconv.FormatInt(b.Low, 10)
	case b.Low == math.MinInt64:
		return fmt.Sprintf("<= %d", b.High)
	case b.High == math.MaxInt64:
		return fmt.Sprintf(">= %d", b.Low)
	}
	return fmt.Sprintf("%d..%d", b.Low, b.High)
}

// Cell is a value as clean text on one line.
func Cell(v output.Value) string {
	if s, ok := v.(output.Stack); ok {
		return stackCell(&s)
	}
	var b strings.Builder
	_ = output.NewTextEncoder(&b, nil, nil).Encode(&output.PrintValue{Value: v})
	return Clean(strings.TrimSuffix(b.String(), "\n"), maxCell)
}

// stackCell joins the frames of a stack, innermost first.
func stackCell(s *output.Stack) string {
	names := make([]string, 0, len(s.Frames))
	for _, f := range s.Frames {
		name := f.Symbol
		if name == "" {
			name = fmt.Sprintf("0x%x", f.Addr)
		}
		names = append(names, name)
	}
	if len(names) == 0 && s.Err == "" {
		return "(no stack)"
	}
	if s.Err != "" {
		names = append(names, "<"+s.Err+">")
	}
	return Clean(strings.Join(names, ";"), maxStack)
}

// keyNames finds the expressions that a program uses as keys of its maps, by
// the map's name.
func keyNames(info *check.Info) map[string][]string {
	names := map[string][]string{}
	if info == nil || info.File == nil {
		return names
	}
	syntax.Inspect(info.File, func(n syntax.Node) bool {
		access, ok := n.(*syntax.MapAccess)
		if ok && names[access.Map.Name] == nil {
			names[access.Map.Name] = keyTexts(access.Keys)
		}
		return true
	})
	return names
}

// keyTexts are the expressions as written, in short.
func keyTexts(keys []syntax.Expr) []string {
	texts := make([]string, len(keys))
	for i, k := range keys {
		texts[i] = Clean(strings.Join(strings.Fields(k.Span().Text()), " "), 40)
	}
	return texts
}
