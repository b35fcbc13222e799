package output

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// golden compares got with a file, or rewrites the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := "testdata/" + file
	if os.Getenv("MCPTRACE_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs, run with MCPTRACE_UPDATE=1 and look at the difference:\n%s", path, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, g[i], strings.Join(w[i:min(i+1, len(w))], ""))
		}
	}
	return "got less"
}

// TestGolden prints what TestOracle compares with bpftrace, so that machines
// without one notice changes too.
func TestGolden(t *testing.T) {
	var b strings.Builder
	for _, c := range append(oracles(), samples()...) {
		fmt.Fprintf(&b, "-- %s --\n", c.name)
		b.WriteString(encodeText(t, c.events, time.UTC))
		b.WriteString(encodeJSON(t, c.events, false))
		if typed := encodeJSON(t, c.events, true); typed != encodeJSON(t, c.events, false) {
			b.WriteString("typed " + typed)
		}
	}
	golden(t, "events.txt", b.String())
}

// TestGoldenPrintf does the same for TestFormatOracle.
func TestGoldenPrintf(t *testing.T) {
	var b strings.Builder
	for _, c := range printfCases() {
		f, err := Compile(c.verb)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%-12s %-28s %q\n", c.verb, c.arg.code, f.Append(nil, []Value{c.arg.value}))
	}
	golden(t, "printf.txt", b.String())
}

// samples are events that bpftrace prints differently each time, not at all, or
// wrongly.
func samples() []oracle {
	kernel := Stack{Frames: []Frame{
		{Addr: 0xffffffff81000010, Symbol: "inner", Inlined: true, File: "a/b.c", Line: 7},
		{Addr: 0xffffffff81000010, Symbol: "outer", Offset: 16, Module: "ext4", File: "a/b.c", Line: 9},
		{Addr: 0xffffffff81000020},
	}}
	user := Stack{User: true, PID: 7, Frames: []Frame{
		{Addr: 0x5010, Symbol: "operator new", Offset: 1, Module: "/lib/x.so"},
		{Addr: 0x5020, Symbol: "small", Inlined: true},
		{Addr: 0x5030},
	}, Broken: true}
	in := func(s Stack, mode StackMode) Stack { s.Mode = mode; return s }
	id := Stack{User: true, Mode: StackBuildID, Frames: []Frame{
		{Addr: 1, BuildID: strings.Repeat("0a", 20), FileOffset: 5}, {Addr: 0xabc}}}
	at := Location{File: "a.bt", Line: 3, Col: 2, EndLine: 3, EndCol: 5, Source: "\tx();"}
	return []oracle{
		{"kernel stack", "", one(kernel)}, {"kernel stack, perf", "", one(in(kernel, StackPerf))},
		{"user stack", "", one(user)}, {"user stack, perf", "", one(in(user, StackPerf))},
		{"raw stack", "", one(in(user, StackRaw))}, {"build ids", "", one(id)},
		{"empty stack", "", one(Stack{})},
		{"stack as key", "", []Event{keyed("@", MapCount, Tuple{Int(1), user}, Uint(2))}},
		{"truncated", "", one(Tuple{String{"abc", true}, String{"abc", false}})},
		{"truncated key", "", []Event{keyed("@", MapCount, String{"abc", true}, Uint(2), str("x"), Uint(3))}},
		{"strings as keys", "", []Event{keyed("@", MapCount, str("(a b)"), Uint(2), Tuple{str("a b"), str("c,d")}, Uint(3))}},
		{"not UTF-8", "", []Event{&Printf{Text: "é\xff\x00\x7f\u2028😀"}}},
		{"enum as key", "", []Event{keyed("@", MapCount, Enum{"e", "ONE", 1}, Uint(2), Enum{"e", "", 7}, Uint(3))}},
		{"array", "", one(Array{Int(1), Array{Int(2), Int(3)}, Record{}})},
		{"none", "", one(Tuple{nil, None{}, Null{}})},
		{"mac", "", one(MAC{0x00, 0x83, 0xff, 1, 2, 0xab})},
		{"symbols", "", one(Tuple{Sym{Addr: 5, Name: "f", Offset: 4}, Sym{Addr: 5}, Sym{}})},
		{"cgroup path", "", one(CgroupPath{5, "unified:/a b"})},
		{"negative lhist", "", []Event{scalar("@", MapLhist, linearOf(-4096, 4096, 2048, -9000, -4096, -1, 5000))}},
		{"unsigned stats", "", []Event{scalar("@", MapStats, Stats{Count: 1, Total: -1, Average: -1, Unsigned: true})}},
		{"series", "", []Event{keyed("@", MapTSeries, Int(1), TSeries{Points: []Point{{1e9, 1, -5, 0}, {2e9, 0, 0, 0}, {3e9, 1, 4, 0}}})}},
		{"one point", "", []Event{scalar("@", MapTSeries, TSeries{Points: []Point{{1e9 + 5, 1, math.MaxInt64, 0}}})}},
		{"unsigned series", "", []Event{scalar("@", MapTSeries, TSeries{Unsigned: true, Points: []Point{{1e3, 1, -1, 0}, {5e3, 1, 0, 0}}})}},
		{"no points", "", []Event{scalar("@", MapTSeries, TSeries{})}},
		{"empty map", "", []Event{keyed("@", MapPlain)}}, {"empty stats", "", []Event{keyed("@", MapStats)}},
		{"attached", "", []Event{&Attached{Probes: 2, Names: []string{"begin", "end"}, Failed: []AttachFailure{{"kprobe:x", "no"}}}}},
		{"lost", "", []Event{&Lost{Events: 5, Total: 9, Cause: LossRing, Detail: []LossDetail{{"cpu 1", 5}}}}},
		{"lost updates", "", []Event{&Lost{Events: 5, Total: 9, Cause: LossMap, Map: "@"}}},
		{"metadata", "", []Event{&Printf{Meta: Meta{Time: 5, CPU: 0, Known: true, Probe: "begin"}, Text: "x", Format: 1, Args: []Value{Int(1), str("x")}}}},
		{"join", "", []Event{&Join{Text: "a b"}}},
		{"errorf", "", []Event{&Errorf{Text: "e\n", At: at, Expanded: []Location{at}}}},
		{"helper error", "", []Event{&HelperError{Helper: "map_delete_elem", Retcode: -2, Text: "No such file or directory", At: at}}},
		{"runtime error", "", []Event{&RuntimeError{Text: "bad", At: at}}},
		{"tests", "", []Event{&TestResult{Name: "a", Passed: true, Duration: 1500, All: []string{"a", "b"}},
			&TestResult{Name: "b", Output: "x\n\ny\n", Duration: 3 * time.Second, All: []string{"a", "b"}}}},
		{"benchmarks", "", []Event{&BenchResult{Name: "a", Average: 57, Iters: 2000, All: []string{"a", strings.Repeat("b", 50)}},
			&BenchResult{Name: strings.Repeat("b", 50), Average: 5700, Iters: 2, All: []string{"a", strings.Repeat("b", 50)}}}},
		{"notices", "", []Event{&Notice{Text: "plain"}, &Notice{Level: LevelWarning, Code: "probe-never-fired", Text: "w", At: at}, &Notice{Level: LevelError, Text: "e"}}},
		{"exit", "", []Event{&Exit{Code: 3, Reason: ExitProgram}}},
		{"dropped", "", []Event{&MapDump{Name: "@", Kind: MapCount, Dropped: 5, Omitted: 2, Entries: []Entry{{Int(1), Uint(1)}}}}},
	}
}

func TestTextSplitsOutputs(t *testing.T) {
	var out, diag bytes.Buffer
	enc := NewTextEncoder(&out, &diag, &TextOptions{Trailer: "~"})
	for _, ev := range []Event{&Attached{Probes: 2}, &Lost{Events: 3}, &PrintValue{Value: String{"a", true}}, &Lost{Events: 4}, &Exit{}} {
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := out.String(), "a~\n\n\n"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
	want := "Attached 2 probes\nLost 3 events\nLost 4 events\nWARNING: Total lost event count: 7\n"
	if got := diag.String(); got != want {
		t.Errorf("diagnostics %q, want %q", got, want)
	}
}
