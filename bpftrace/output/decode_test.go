package output

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

func decodeAll(t testing.TB, text string, opts *DecoderOptions) []Event {
	t.Helper()
	d := NewDecoder(strings.NewReader(text), opts)
	var events []Event
	for {
		ev, err := d.Decode()
		if errors.Is(err, io.EOF) {
			return events
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
	}
}

// TestDecodeRecords feeds records as versions of bpftrace print them.
func TestDecodeRecords(t *testing.T) {
	for _, c := range []struct {
		name, line string
		want       Event
	}{
		{"attached before 0.24", `{"type": "attached_probes", "data": {"probes": 3}}`, &Attached{Probes: 3}},
		{"attached", `{"type": "attached_probes", "count": 3, "data": {"probes": 3}}`, &Attached{Probes: 3}},
		{"lost", `{"type": "lost_events", "count": 9, "data": {"events": 9}}`, &Lost{Events: 9}},
		{"printf", `{"type": "printf", "data": "a\tb\u0001\"\n"}`, &Printf{Text: "a\tb\x01\"\n"}},
		{"escapes of eight digits", `{"type": "printf", "data": "\uffffffc3\uffffffa9\\uffffff"}`, &Printf{Text: "é\\uffffff"}},
		{"surrogates", `{"type": "printf", "data": "\ud83d\ude00"}`, &Printf{Text: "😀"}},
		{"bytes that are not UTF-8", "{\"type\": \"printf\", \"data\": \"\xff\"}", &Printf{Text: "\xff"}},
		{"pointer before 0.24", `{"type": "value", "data": 0xff}`, &PrintValue{Value: Pointer(255)}},
		{"large number", `{"type": "value", "data": "18446744073709551615"}`, &PrintValue{Value: Uint(1<<64 - 1)}},
		{"digits in a string", `{"type": "value", "data": "18"}`, &PrintValue{Value: str("18")}},
		{"tuple", `{"type": "value", "data": [1,"a",[true,null]]}`, &PrintValue{Value: Tuple{Int(1), str("a"), Tuple{Bool(true), Null{}}}}},
		{"text without quotes", `{"type": "value", "data": a:/,b:/x y}`, &PrintValue{Value: str("a:/,b:/x y")}},
		{"text without quotes in a tuple", `{"type": "value", "data": [1,00:83:FF:01:02:AB,10:30]}`,
			&PrintValue{Value: Tuple{Int(1), str("00:83:FF:01:02:AB"), str("10:30")}}},
		{"stack in mode perf", `{"type": "value", "data": "\n\tff10 f+1 (/lib/x (deleted))\n\tff20 g (inlined)\n\tff30 0xff30 ([unknown])\n"}`,
			&PrintValue{Value: Stack{User: true, Mode: StackPerf, Frames: []Frame{
				{Addr: 0xff10, Symbol: "f", Offset: 1, Module: "/lib/x (deleted)"}, {Addr: 0xff20, Symbol: "g", Inlined: true}, {Addr: 0xff30}}}}},
		{"stack in mode raw", `{"type": "value", "data": "\nffffffffc00260c9\n5555\n"}`,
			&PrintValue{Value: Stack{Mode: StackRaw, Frames: []Frame{{Addr: 0xffffffffc00260c9}, {Addr: 0x5555}}}}},
		{"stack in mode build_id", `{"type": "value", "data": "\n5555\na226e0f150be89099d375c6b865b1dba794648ae 0x110e89\n5556\n"}`,
			&PrintValue{Value: Stack{User: true, Mode: StackBuildID, Frames: []Frame{{Addr: 0x5555},
				{BuildID: "a226e0f150be89099d375c6b865b1dba794648ae", FileOffset: 0x110e89}, {Addr: 0x5556}}}}},
		{"stack", `{"type": "value", "data": "\n        f+1\n        [inlined] g\n        0x10\n"}`,
			&PrintValue{Value: Stack{Frames: []Frame{{Symbol: "f", Offset: 1}, {Symbol: "g", Inlined: true}, {Addr: 16}}}}},
		{"no stack", `{"type": "value", "data": "\n  hello\n"}`, &PrintValue{Value: str("\n  hello\n")}},
		{"helper error before 0.18", `{"type": "helper_error", "helper": "probe_read", "retcode": -14, "line": 1, "col": 9}`,
			&HelperError{Helper: "probe_read", Retcode: -14, At: Location{Line: 1, Col: 9}}},
		{"warnf", `{"type": "warnf", "msg": "w", "filename": "a.bt", "line": 4, "col": 7}`,
			&Errorf{Text: "w", Warning: true, At: Location{File: "a.bt", Line: 4, Col: 7}}},
		{"test", `{"type": "test_result", "data": {"x": {"duration": 5, "passed": true, "output": ""}}}`,
			&TestResult{Name: "x", Duration: 5, Passed: true}},
		{"bench", `{"type": "benchmark_result", "data": {"x": {"average": 5, "iters": 7}}}`,
			&BenchResult{Name: "x", Average: 5, Iters: 7}},
		{"plain text", `Tracing... Hit Ctrl-C`, &Notice{Text: "Tracing... Hit Ctrl-C"}},
		{"warning", `a.bt:3:5-9: WARNING: odd`,
			&Notice{Level: LevelWarning, Text: "odd", At: Location{File: "a.bt", Line: 3, EndLine: 3, Col: 5, EndCol: 9}}},
		{"broken", `{"type": "printf", "data": "a`, &Notice{Level: LevelWarning, Code: "bad-json", Text: `{"type": "printf", "data": "a`}},
		{"from the future", `{"type": "video", "data": 1}`, &Notice{Code: "unknown-record", Text: `{"type": "video", "data": 1}`}},
	} {
		got := decodeAll(t, "\n"+c.line+"\n\n", nil)
		if len(got) != 1 || !reflect.DeepEqual(got[0], c.want) {
			t.Errorf("%s: got %#v, want %#v", c.name, got, c.want)
		}
	}
}

func TestDecodeMaps(t *testing.T) {
	shapes := map[string]MapShape{
		"@pair": {Key: Shape{Kind: KindTuple, Parts: []Shape{{Kind: KindString}, {Kind: KindInt}}}},
		"@triple": {Key: Shape{Kind: KindTuple, Parts: []Shape{{Kind: KindInt},
			{Kind: KindTuple, Parts: []Shape{{Kind: KindString}, {Kind: KindInt}}}, {Kind: KindString}}}},
		"@buf": {Scalar: true, Value: Shape{Kind: KindBuffer}},
	}
	for _, c := range []struct {
		line string
		want []Entry
		kind MapKind
	}{
		{`{"type": "map", "data": {"@": {"2": 5, "-1": 6}}}`, []Entry{{Int(2), Int(5)}, {Int(-1), Int(6)}}, MapPlain},
		{`{"type": "map", "data": {"@": {"2": 5, "02": 6}}}`, []Entry{{str("2"), Int(5)}, {str("02"), Int(6)}}, MapPlain},
		{`{"type": "map", "data": {"@pair": {"a,b,2": 5}}}`, []Entry{{Tuple{str("a,b"), Int(2)}, Int(5)}}, MapPlain},
		{`{"type": "map", "data": {"@triple": {"1,(a,b,2),c,d": 5}}}`,
			[]Entry{{Tuple{Int(1), Tuple{str("a,b"), Int(2)}, str("c,d")}, Int(5)}}, MapPlain},
		{`{"type": "map", "data": {"@buf": [-1,65]}}`, []Entry{{nil, Buffer("\xffA")}}, MapPlain},
		{`{"type": "stats", "data": {"@": -2}}`, []Entry{{nil, Stats{Avg: true, Average: -2}}}, MapAvg},
		{`{"type": "stats", "data": {"@": {"count": 2, "average": 6, "total": 12}}}`, []Entry{{nil, stats(2, 12)}}, MapStats},
		{`{"type": "stats", "data": {"@": {"x": {"count": 2, "average": 6, "total": 12}}}}`, []Entry{{str("x"), stats(2, 12)}}, MapStats},
		{`{"type": "hist", "data": {"@": [{"max": -1, "count": 1},{"min": 0, "max": 0, "count": 0},{"min": 1, "max": 1, "count": 4}]}}`,
			[]Entry{{nil, log2Of(0, -1, 1, 1, 1, 1)}}, MapHist},
		{`{"type": "hist", "data": {"@": [{"min": 10, "max": 11, "count": 1}]}}`, []Entry{{nil, log2Of(2, 10)}}, MapHist},
		{`{"type": "hist", "data": {"@": {"k": [{"min": 90, "max": 99, "count": 1},{"min": 100, "count": 2}]}}}`,
			[]Entry{{str("k"), Hist{Linear: true, Max: 100, Step: 10, Buckets: linearOf(0, 100, 10, 95, 100, 101).Buckets}}}, MapLhist},
	} {
		got := decodeAll(t, c.line, &DecoderOptions{Maps: shapes})
		m, ok := got[0].(*MapDump)
		if !ok || !reflect.DeepEqual(m.Entries, c.want) || m.Kind != c.kind {
			t.Errorf("%s\n got %#v\nwant %v %#v", c.line, got[0], c.kind, c.want)
		}
	}
}

// TestDecodeHexadecimal feeds what bpftrace 0.24 to 0.27 print after a control
// character: counts in hexadecimal.
func TestDecodeHexadecimal(t *testing.T) {
	const before = `{"type": "printf", "data": "\u001b[1m"}` + "\n"
	const attached = `{"type": "attached_probes", "count": 1, "data": {"probes": 1}}` + "\n"
	const hist = `{"type": "hist", "data": {"@": [{"min": 2, "max": 3, "count": 10}]}}` + "\n"
	for _, c := range []struct {
		text  string
		clean bool
		want  uint64
	}{
		{attached + hist, false, 10},
		{attached + before + hist, false, 16},
		{before + hist, false, 10}, // older than 0.24
		{attached + before + hist, true, 10},
		{attached + strings.Replace(hist, ": 10}", ": 1f}", 1), false, 31},
	} {
		events := decodeAll(t, c.text, &DecoderOptions{Clean: c.clean})
		h := events[len(events)-1].(*MapDump).Entries[0].Value.(Hist)
		if h.Buckets[0].Count != c.want {
			t.Errorf("%s: count %d, want %d", c.text, h.Buckets[0].Count, c.want)
		}
	}
}

func TestDecodeLongLine(t *testing.T) {
	text := `{"type": "cat", "data": "` + strings.Repeat("x", 1<<20) + "\"}\n" + `{"type": "time", "data": "t"}`
	got := decodeAll(t, text, &DecoderOptions{MaxLine: 1 << 16})
	if len(got) != 2 || got[0].(*Notice).Code != "line-too-long" || got[1].(*Time).Text != "t" {
		t.Errorf("got %v", got)
	}
}

// TestEncodeDecode checks that nothing is lost between an encoder and a decoder
// that would be printed again.
func TestEncodeDecode(t *testing.T) {
	for _, typed := range []bool{false, true} {
		for _, c := range oracles() {
			first := encodeJSON(t, c.events, typed)
			again := encodeJSON(t, decodeAll(t, first, &DecoderOptions{Clean: true}), typed)
			if first != again {
				t.Errorf("%s (typed %v):\nfirst %sagain %s", c.name, typed, first, again)
			}
		}
	}
}

func encodeJSON(t *testing.T, events []Event, typed bool) string {
	t.Helper()
	var b bytes.Buffer
	enc := NewJSONEncoder(&b, &JSONOptions{Typed: typed})
	for _, ev := range events {
		if err := enc.Encode(ev); err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	return b.String()
}

func FuzzDecoder(f *testing.F) {
	for _, c := range oracles() {
		var b bytes.Buffer
		enc := NewJSONEncoder(&b, &JSONOptions{Typed: true})
		for _, ev := range c.events {
			enc.Encode(ev)
		}
		f.Add(b.String())
	}
	f.Add(`{"type": "attached_probes", "count": 1}` + "\n" + `{"type": "printf", "data": "\uffffffc3"}`)
	f.Add("a.bt:1:2-3: WARNING: x\n{\"type\": \"tseries\", \"data\": {\"@\": [{\"interval_start\":\"1970-01-01 00:00:00\",\"value\":9}]}}")
	shapes := map[string]MapShape{"@k3": {Key: Shape{Kind: KindTuple, Parts: []Shape{{Kind: KindString}, {Kind: KindString}, {Kind: KindInt}}}}}
	f.Fuzz(func(t *testing.T, text string) {
		events := decodeAll(t, text, &DecoderOptions{Maps: shapes})
		for _, ev := range events {
			encodeText(t, []Event{ev}, nil)
			encodeJSON(t, []Event{ev}, false)
			encodeJSON(t, []Event{ev}, true)
			if m, ok := ev.(*MapDump); ok {
				m.Arrange(3, 2)
			}
		}
	})
}
