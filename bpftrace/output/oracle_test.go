package output

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"
)

// oracle is a statement of a program and the events that it must produce. What
// bpftrace prints for the statement is what the encoders must print for them.
type oracle struct {
	name   string
	code   string
	events []Event
}

func scalar(name string, kind MapKind, v Value) *MapDump {
	return &MapDump{Name: name, Kind: kind, Scalar: true, Entries: []Entry{{Value: v}}}
}

func keyed(name string, kind MapKind, pairs ...Value) *MapDump {
	m := &MapDump{Name: name, Kind: kind}
	for i := 0; i < len(pairs); i += 2 {
		m.Entries = append(m.Entries, Entry{pairs[i], pairs[i+1]})
	}
	return m
}

func str(s string) String { return String{Text: s} }

func inet4(a, b, c, d byte) Inet { return Inet{netip.AddrFrom4([4]byte{a, b, c, d})} }

func one(v Value) []Event { return []Event{&PrintValue{Value: v}} }

// counts makes the histogram of single values.
func log2Of(k uint, values ...int64) Hist {
	counts := make([]uint64, Log2Buckets(k))
	for _, v := range values {
		counts[Log2Bucket(v, k)]++
	}
	return Log2Hist(k, counts)
}

func linearOf(min, max, step int64, values ...int64) Hist {
	counts := make([]uint64, LinearBuckets(min, max, step))
	for _, v := range values {
		counts[LinearBucket(v, min, max, step)]++
	}
	return LinearHist(min, max, step, counts)
}

func arranged(m *MapDump, top, div int) []Event {
	m.Arrange(top, div)
	return []Event{m}
}

func stats(count uint64, total int64) Stats {
	return Stats{Count: count, Total: total, Average: total / int64(count)}
}

func avg(count uint64, total int64) Stats {
	s := stats(count, total)
	s.Avg = true
	return s
}

// TestOracleStream checks that the JSON of programs whose output differs from run
// to run comes out of a Decoder and a JSONEncoder as it went in.
func TestOracleStream(t *testing.T) {
	for _, program := range []string{
		`begin { print(kstack(2)); print(kstack(perf, 2)); print(kstack(raw, 2)); print((1, kstack(1)));
			print(ustack(4)); print(ustack(perf, 4)); print(ustack(raw, 4)); print(ustack(build_id, 4));
			@a[kstack(2), 1] = 1; @b[ustack(4)] = 1; @c[ustack(perf, 2)] = 1; @d[ustack(build_id, 2)] = 1;
			@e = ustack(1); @f[1] = kstack(perf, 1); exit(); }`,
		`begin { @h = hist(nsecs); @l = lhist(rand % 100, 0, 100, 7); @s = stats(nsecs); @a[pid, comm] = avg(pid);
			@c = count(); @n[nsecs] = 1; print((nsecs, comm)); exit(); }`,
		`config = { unstable_tseries = enable } interval:ms:20 { @i++; @t = tseries(@i % 3 - 1, 20ms, 20);
			if (@i % 2) { @o[1] = tseries(@i, 10ms, 10, "avg"); @o[2] = tseries(@i, 10ms, 10, "avg"); }
			if (@i > 12) { exit(); } }`,
	} {
		want := runOracle(t, program, "-f", "json")
		if got := encodeJSON(t, decodeAll(t, want, nil), false); got != want {
			t.Errorf("%s\n got %s\nwant %s", program, got, want)
		}
	}
}

// TestOracleSeries reads a graph that bpftrace has drawn and draws it again.
func TestOracleSeries(t *testing.T) {
	for _, interval := range []string{"20ms", "900us"} {
		program := `config = { unstable_tseries = enable } interval:ms:20 { @i++; if (@i % 4 != 2) {
			@t = tseries((@i % 7 - 3) * 1000, ` + interval + `, 20); } if (@i > 25) { print(@t); clear(@t); clear(@i); exit(); } }`
		want := strings.TrimSuffix(runOracle(t, program), "\n\n")
		got := encodeAs(t, "text", []Event{scalar("@t", MapTSeries, readGraph(t, want))})
		if got != want {
			t.Errorf("interval %s: got\n%swant\n%s", interval, got, want)
		}
	}
}

// readGraph reads the points of a graph.
func readGraph(t *testing.T, graph string) TSeries {
	var s TSeries
	for _, line := range strings.Split(graph, "\n") {
		at, err := time.ParseInLocation("15:04:05.999999999", strings.TrimSpace(line[:min(len(line), strings.IndexByte(line+" ", ' '))]), time.Local)
		if err != nil {
			continue
		}
		p := Point{Start: at.AddDate(2000, 0, 0).UnixNano(), Count: 1}
		value := line[strings.LastIndexByte(line, ' ')+1:]
		if value == "-" {
			p = Point{Start: p.Start}
		} else if _, err := fmt.Sscan(value, &p.Value); err != nil {
			t.Fatal(err)
		}
		s.Points = append(s.Points, p)
	}
	return s
}

// TestOracleDiagnostics compares what is written to standard error.
func TestOracleDiagnostics(t *testing.T) {
	lines := []string{`begin { @a[1] = 1; @a[2] = 2;`, `	errorf("bad %d\n", 5); warnf("odd"); $x = 5 %`, `	(uint8)@b; exit(); }`}
	program := "config = { max_map_keys = 1 }\n" + strings.Join(lines, "\n") + "\n"
	at := func(line, col, endCol int) Location {
		return Location{File: "oracle.bt", Line: line, Col: col, EndLine: line, EndCol: endCol, Source: lines[line-2]}
	}
	division := at(3, 44, 46)
	division.EndLine, division.EndCol, division.Source = 4, 11, lines[1]+"\n"+lines[2]
	const zero = "Divide or modulo by 0 detected. This can lead to unexpected results. 1 is being used as the result."
	events := []Event{
		&Attached{Probes: 1},
		&HelperError{Helper: "map_update_elem", Retcode: -7, Text: "Argument list too long", At: at(2, 20, 29)},
		&Errorf{Text: "bad 5\n", At: at(3, 2, 23)},
		&Errorf{Text: "odd", Warning: true, At: at(3, 25, 37)},
		&HelperError{Helper: "map_lookup_elem", Text: "Success", At: at(4, 9, 11), Expanded: []Location{at(4, 2, 9)}},
		&RuntimeError{Text: zero, At: division},
	}
	_, want := runOracleBoth(t, program, "-k")
	_, after, ok := strings.Cut(want, "Attached ")
	if !ok {
		t.Fatalf("bpftrace attached nothing: %s", want)
	}
	var got bytes.Buffer
	enc := NewTextEncoder(&bytes.Buffer{}, &got, nil)
	for _, ev := range events {
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	if want := "Attached " + after; got.String() != want {
		t.Errorf("got\n%swant\n%s", &got, want)
	}
	json, _ := runOracleBoth(t, program, "-k", "-f", "json")
	if got := encodeAs(t, "json", events); !strings.HasPrefix(json, got) {
		t.Errorf("got\n%swant\n%s", got, json)
	}
}

// oracles lists statements by what they print. Maps are declared wide enough
// that bpftrace orders them by value.
func oracles() []oracle {
	return []oracle{
		{"int", `print(-5);`, one(Int(-5))},
		{"uint", `print((uint64)18446744073709551615);`, one(Uint(1<<64 - 1))},
		{"int beyond float", `print(9007199254740993); print(-9007199254740993); print(9007199254740992);`,
			[]Event{&PrintValue{Value: Int(9007199254740993)}, &PrintValue{Value: Int(-9007199254740993)}, &PrintValue{Value: Int(9007199254740992)}}},
		{"bool", `print(true);`, one(Bool(true))},
		{"string", `print("a\"b\\c\td");`, one(str("a\"b\\c\td"))},
		{"pointer", `print((int8*)0xffffffff81000000); print((int8*)0);`,
			[]Event{&PrintValue{Value: Pointer(0xffffffff81000000)}, &PrintValue{Value: Pointer(0)}}},
		{"tuple", `print((1, "a", (2, true)));`, one(Tuple{Int(1), str("a"), Tuple{Int(2), Bool(true)}})},
		{"tuple of one", `print((1,));`, one(Tuple{Int(1)})},
		{"record", `print((a=1, b="x", c=(d=2)));`,
			one(Record{Fields: []Field{{"a", Int(1)}, {"b", str("x")}, {"c", Record{Fields: []Field{{"d", Int(2)}}}}}})},
		{"buffer", `print(buf("\x80a\x01~", 4));`, one(Buffer("\x80a\x01~"))},
		{"inet", `print(ntop(0x0100007f)); print(ntop(pton("::1")));`,
			[]Event{&PrintValue{Value: Inet{netip.MustParseAddr("127.0.0.1")}}, &PrintValue{Value: Inet{netip.IPv6Loopback()}}}},
		{"enum", `$e = 7; print((enum colour)2); print((enum colour)$e);`,
			[]Event{&PrintValue{Value: Enum{"colour", "GREEN", 2}}, &PrintValue{Value: Enum{"colour", "", 7}}}},
		{"ksym unknown", `print(ksym(0x123));`, one(Sym{Addr: 0x123})},
		{"strftime", `print(strftime("at%%", 0)); `, one(Timestamp{Text: "at%"})},
		{"username", `print(username);`, one(Username{Name: "root"})},
		{"printf", `printf("%d %s\n", 5, "x");`, []Event{&Printf{Text: "5 x\n"}}},
		{"time", `time("x%%\n");`, []Event{&Time{Text: "x%\n"}}},
		{"cat", `cat("/proc/sys/kernel/ostype");`, []Event{&Cat{Text: "Linux\n"}}},
		{"system", `system("echo a; printf b");`, []Event{&System{Text: "a\nb"}}},

		{"scalar", `@n1 = -5; print(@n1); clear(@n1);`, []Event{scalar("@n1", MapPlain, Int(-5))}},
		{"scalar string", `@n2 = "a b"; print(@n2); clear(@n2);`, []Event{scalar("@n2", MapPlain, str("a b"))}},
		{"empty scalar", `@n3 = count(); clear(@n3); print(@n3);`, []Event{scalar("@n3", MapCount, Uint(0))}},
		{"int map", `@k1["x"] = (int64)3; @k1["y"] = (int64)-1; @k1["z"] = (int64)2; print(@k1); clear(@k1);`,
			arranged(keyed("@k1", MapPlain, str("x"), Int(3), str("y"), Int(-1), str("z"), Int(2)), 0, 0)},
		{"string map by int key", `@k2[3] = "x"; @k2[-1] = "y"; @k2[2] = "z"; print(@k2); clear(@k2);`,
			arranged(keyed("@k2", MapPlain, Int(3), str("x"), Int(-1), str("y"), Int(2), str("z")), 0, 0)},
		{"string map by tuple key", `@k3[2,"b"] = "x"; @k3[1,"z"] = "y"; @k3[2,"a"] = "z"; print(@k3); clear(@k3);`,
			arranged(keyed("@k3", MapPlain, Tuple{Int(2), str("b")}, str("x"), Tuple{Int(1), str("z")}, str("y"), Tuple{Int(2), str("a")}, str("z")), 0, 0)},
		{"nested key", `@k4[(1,(2,"c"))] = (1,"q"); print(@k4); clear(@k4);`,
			[]Event{keyed("@k4", MapPlain, Tuple{Int(1), Tuple{Int(2), str("c")}}, Tuple{Int(1), str("q")})}},
		{"record key", `@k5[(a=1,b="x")] = 1; print(@k5); clear(@k5);`,
			[]Event{keyed("@k5", MapPlain, Record{Fields: []Field{{"a", Int(1)}, {"b", str("x")}}}, Int(1))}},
		{"top and div", `@k6[1] = sum(10); @k6[2] = sum(30); @k6[3] = sum(20); print(@k6, 2, 10); clear(@k6);`,
			arranged(keyed("@k6", MapSum, Int(1), Int(10), Int(2), Int(30), Int(3), Int(20)), 2, 10)},
		{"min and max", `@mn[1] = min(-4); @mn[2] = min(5); print(@mn); clear(@mn); @mx = max(9); print(@mx); clear(@mx);`,
			append(arranged(keyed("@mn", MapMin, Int(1), Int(-4), Int(2), Int(5)), 0, 0), scalar("@mx", MapMax, Int(9)))},
		{"avg", `@av = avg(-7); @av = avg(2); print(@av); clear(@av);`, []Event{scalar("@av", MapAvg, avg(2, -5))}},
		{"avg keyed", `@ak["a"] = avg(10); @ak["b"] = avg(5); print(@ak, 1, 5); clear(@ak);`,
			arranged(keyed("@ak", MapAvg, str("a"), avg(1, 10), str("b"), avg(1, 5)), 1, 5)},
		{"stats", `@st = stats(4); @st = stats(8); print(@st); clear(@st);`, []Event{scalar("@st", MapStats, stats(2, 12))}},
		{"stats keyed", `@sk[1] = stats(4); @sk[2] = stats(3); print(@sk); clear(@sk);`,
			arranged(keyed("@sk", MapStats, Int(1), stats(1, 4), Int(2), stats(1, 3)), 0, 0)},

		{"hist", `@h1 = hist(-1); @h1 = hist(0); @h1 = hist(1); @h1 = hist(3); @h1 = hist(3); @h1 = hist(3); @h1 = hist(100000); print(@h1); clear(@h1);`,
			[]Event{scalar("@h1", MapHist, log2Of(0, -1, 0, 1, 3, 3, 3, 100000))}},
		{"hist bits", `@h2 = hist(7, 2); @h2 = hist(8, 2); @h2 = hist(30, 2); print(@h2); clear(@h2);`,
			[]Event{scalar("@h2", MapHist, log2Of(2, 7, 8, 30))}},
		{"hist high", `@h3 = hist(9223372036854775807); @h3 = hist(1152921504606846975); print(@h3); clear(@h3);`,
			[]Event{scalar("@h3", MapHist, log2Of(0, 1<<63-1, 1<<60-1))}},
		{"hist suffix with bits", `@h4 = hist(1000, 3); @h4 = hist(8191, 3); print(@h4); clear(@h4);`,
			[]Event{scalar("@h4", MapHist, log2Of(3, 1000, 8191))}},
		{"hist keyed", `@h5["a"] = hist(5); @h5["a"] = hist(6); @h5["b"] = hist(9); print(@h5); clear(@h5);`,
			arranged(keyed("@h5", MapHist, str("a"), log2Of(0, 5, 6), str("b"), log2Of(0, 9)), 0, 0)},
		{"lhist", `@l1 = lhist(-1, 0, 25, 10); @l1 = lhist(5, 0, 25, 10); @l1 = lhist(24, 0, 25, 10); @l1 = lhist(99, 0, 25, 10); print(@l1); clear(@l1);`,
			[]Event{scalar("@l1", MapLhist, linearOf(0, 25, 10, -1, 5, 24, 99))}},
		{"lhist of single values", `@l2 = lhist(2, 0, 5, 1); @l2 = lhist(4, 0, 5, 1); print(@l2); clear(@l2);`,
			[]Event{scalar("@l2", MapLhist, linearOf(0, 5, 1, 2, 4))}},
		{"lhist suffix", `@l3 = lhist(1500, 0, 4194304, 1048576); @l3 = lhist(3000000, 0, 4194304, 1048576); print(@l3); clear(@l3);`,
			[]Event{scalar("@l3", MapLhist, linearOf(0, 4194304, 1048576, 1500, 3000000))}},
		{"lhist overflow", `@l4 = lhist(9000, 0, 4096, 1024); print(@l4); clear(@l4);`,
			[]Event{scalar("@l4", MapLhist, linearOf(0, 4096, 1024, 9000))}},
		{"hist of zeros", `@h6 = hist(5); zero(@h6); print(@h6); clear(@h6);`,
			[]Event{scalar("@h6", MapHist, Log2Hist(0, nil))}},
	}
}

const oraclePrelude = `enum colour { RED = 1, GREEN = 2 };
`

func TestOracle(t *testing.T) {
	all := oracles()
	t.Run("text", func(t *testing.T) { compareWithOracle(t, all, "text") })
	t.Run("json", func(t *testing.T) { compareWithOracle(t, all, "json") })
}

func compareWithOracle(t *testing.T, all []oracle, format string) {
	for len(all) > 0 {
		n := min(len(all), 50)
		want := splitOutput(runOracle(t, oracleProgram(all[:n]), "-f", format), format)
		for i, c := range all[:n] {
			if i >= len(want) {
				t.Fatalf("%s: bpftrace printed only %d parts", c.name, len(want))
			}
			if got := encodeAs(t, format, c.events); got != want[i] {
				t.Errorf("%s: %s\n got %q\nwant %q", c.name, c.code, got, want[i])
			}
		}
		all = all[n:]
	}
}

const oracleMark = "=== "

func oracleProgram(cases []oracle) string {
	var b strings.Builder
	b.WriteString(oraclePrelude + "begin {\n")
	for _, c := range cases {
		fmt.Fprintf(&b, "printf(%q);\n%s\n", oracleMark, c.code)
	}
	fmt.Fprintf(&b, "printf(%q); exit(); }\n", oracleMark) // what follows is printed at the end
	return b.String()
}

// splitOutput returns what was printed after each mark.
func splitOutput(out, format string) []string {
	mark := oracleMark
	if format == "json" {
		mark = `{"type": "printf", "data": "` + oracleMark + "\"}\n"
	}
	return strings.Split(out, mark)[1:]
}

func encodeAs(t *testing.T, format string, events []Event) string {
	t.Helper()
	if format == "json" {
		return encodeJSON(t, events, false)
	}
	return encodeText(t, events, nil)
}

func encodeText(t *testing.T, events []Event, loc *time.Location) string {
	t.Helper()
	var b bytes.Buffer
	enc := NewTextEncoder(&b, nil, &TextOptions{Location: loc})
	for _, ev := range events {
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// runOracle runs a program with bpftrace in a mount namespace of its own, where
// tracefs can be mounted, and returns its standard output.
func runOracle(t *testing.T, program string, args ...string) string {
	t.Helper()
	stdout, _ := runOracleBoth(t, program, append(args, "-q")...)
	return stdout
}

// runOracleBoth also returns standard error, which names the file oracle.bt.
func runOracleBoth(t *testing.T, program string, args ...string) (out, diag string) {
	t.Helper()
	return runBpftrace(t, findOracle(t), program, args...)
}

func runBpftrace(t *testing.T, bpftrace, program string, args ...string) (out, diag string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/oracle.bt", []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	script := `test -e /sys/kernel/tracing/events || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"`
	args = append([]string{"-m", "sh", "-c", script, "sh", bpftrace, "--unsafe"}, append(args, "oracle.bt")...)
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("run bpftrace: %v\n%s\n%s", err, stderr.String(), program)
	}
	return stdout.String(), stderr.String()
}

// findOracle returns a bpftrace whose output is that of 0.27.
func findOracle(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("comparing with bpftrace takes seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("bpftrace needs root")
	}
	for _, name := range []string{"/opt/bpf27/bpftrace", "bpftrace"} {
		out, err := exec.Command(name, "--version").Output()
		if err == nil && strings.HasPrefix(string(out), "bpftrace v0.27") {
			return name
		}
	}
	t.Skip("no bpftrace 0.27")
	return ""
}

// TestDecodeOldest reads what a bpftrace before 0.24 prints, where there is one.
func TestDecodeOldest(t *testing.T) {
	version, err := exec.Command("bpftrace", "--version").Output()
	if testing.Short() || err != nil || os.Geteuid() != 0 || !strings.HasPrefix(string(version), "bpftrace v0.17") {
		t.Skipf("no bpftrace 0.17 that can run: %s", version)
	}
	const program = `BEGIN { @a = avg(7); @av["x"] = avg(3); @st = stats(4); @sk[5] = stats(3); @c = count(); @k = kstack(perf, 2);
		@h = hist(5); @hk[1, "z"] = hist(3); @l = lhist(500, 0, 100, 10); @cg = cgroup_path(1); @m = macaddr((int8*)curtask);
		@p[(uint8*)5] = 6; @t = (1, "x", (2, 3)); @u = (uint64)0xffffffffffffffff; @i = ntop(0x0100007f);
		@at[1] = strftime("%H:%M:00", 0); @x[kstack(2)] = 1; printf("\001é\n"); exit(); }`
	out, _ := runBpftrace(t, "bpftrace", program, "-f", "json")
	kinds := map[string]MapKind{"@a": MapAvg, "@av": MapAvg, "@st": MapStats, "@sk": MapStats, "@h": MapHist, "@hk": MapHist, "@l": MapLhist}
	want := map[string]Value{"@a": Stats{Avg: true, Average: 7}, "@av": Stats{Avg: true, Average: 3}, "@st": stats(1, 4), "@sk": stats(1, 3),
		"@c": Int(1), "@h": log2Of(0, 5), "@hk": log2Of(0, 3), "@p": Int(6), "@t": Tuple{Int(1), str("x"), Tuple{Int(2), Int(3)}},
		"@u": Uint(1<<64 - 1), "@i": str("127.0.0.1"), "@x": Int(1)}
	for _, ev := range decodeAll(t, out, nil) {
		switch ev := ev.(type) {
		case *Notice:
			t.Errorf("not understood: %s", ev.Text)
		case *Printf:
			if ev.Text != "\x01é\n" {
				t.Errorf("printf %q", ev.Text)
			}
		case *MapDump:
			got := ev.Entries[0].Value
			if v, ok := want[ev.Name]; ok && !reflect.DeepEqual(got, v) || ev.Kind != kinds[ev.Name] {
				t.Errorf("%s: kind %v, got %#v, want %#v", ev.Name, ev.Kind, got, v)
			}
			delete(want, ev.Name)
			if s, ok := got.(Stack); ev.Name == "@k" && (!ok || len(s.Frames) != 2 || s.Frames[0].Addr == 0) {
				t.Errorf("@k: got %#v", got)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not printed: %v\n%s", want, out)
	}
}
