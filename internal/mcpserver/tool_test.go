package mcpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcptrace/mcptrace/internal/service"
)

// local is a service without a machine: enough for the list of tools and for
// what needs none.
func local() *Server { return New(service.New(&service.Options{}), &Options{Version: "test"}) }

// listed are the tools as a client sees them, each as indented JSON.
func listed(t *testing.T, s *Server) (names []string, texts map[string][]byte, size int) {
	t.Helper()
	ct, st := mcp.NewInMemoryTransports()
	ctx := context.Background()
	if _, err := s.mcp.Connect(ctx, st, nil); err != nil {
		t.Fatal(err)
	}
	cs, err := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil).Connect(ctx, ct, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cs.Close()
	list, err := cs.ListTools(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	texts = map[string][]byte{}
	for _, tool := range list.Tools {
		text, err := json.MarshalIndent(tool, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tool.Name)
		texts[tool.Name] = append(text, '\n')
	}
	return names, texts, len(whole)
}

// TestToolSnapshots compares each tool with testdata/tools; MCPTRACE_UPDATE=1
// rewrites them. They are what clients have consented to: read the diff.
func TestToolSnapshots(t *testing.T) {
	names, texts, size := listed(t, local())
	for _, name := range names {
		path := filepath.Join("testdata", "tools", name+".json")
		if os.Getenv("MCPTRACE_UPDATE") != "" {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, texts[name], 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, texts[name]) {
			t.Errorf("%s differs from %s:\n%s", name, path, texts[name])
		}
	}
	if tokens := size / 4; tokens > 3500 {
		t.Errorf("the list of tools takes %d tokens, more than 3500", tokens)
	}
	if n := len(instructions); n > 2000 {
		t.Errorf("the instructions have %d characters, more than 2000", n)
	}
}

// What all clients take: short descriptions, one type each, nothing that some
// model provider refuses.
func TestToolsArePortable(t *testing.T) {
	_, texts, _ := listed(t, local())
	for name, text := range texts {
		var tool struct {
			Description string
			InputSchema any
		}
		if err := json.Unmarshal(text, &tool); err != nil {
			t.Fatal(err)
		}
		if n := len(tool.Description); n == 0 || n > 300 {
			t.Errorf("%s: the description has %d characters, want 1–300", name, n)
		}
		for _, bad := range []string{`"$ref"`, `"additionalProperties"`, `"anyOf"`, `"type": [`} {
			if bytes.Contains(text, []byte(bad)) {
				t.Errorf("%s has %s", name, bad)
			}
		}
	}
}

// Everything that the table says can be called, by its example.
func TestExamplesAreAccepted(t *testing.T) {
	for _, tool := range tools(service.New(&service.Options{})) {
		in := reflect.New(tool.in)
		notes, err := decodeArgs(json.RawMessage(tool.example), in.Interface())
		if err != nil || len(notes) > 0 {
			t.Errorf("%s %s: %v, %q", tool.op.Name, tool.example, err, notes)
		}
	}
	for alias, name := range aliases() {
		if service.LookupOp(name) == nil || service.LookupOp(alias) != nil {
			t.Errorf("alias %s for %s", alias, name)
		}
	}
}

func TestReadOnlyLeavesOutWriters(t *testing.T) {
	s := New(service.New(&service.Options{}), &Options{ReadOnly: true})
	names, _, _ := listed(t, s)
	for _, name := range names {
		if op := service.LookupOp(name); !op.ReadOnly {
			t.Errorf("%s is offered in read-only mode", name)
		}
	}
	if len(names) < 4 {
		t.Errorf("only %q are offered", names)
	}
}

// args is a struct of every kind of argument.
type args struct {
	Text  string            `json:"text" req:"true"`
	N     int               `json:"n" min:"1" max:"60" default:"10"`
	Soft  int               `json:"soft" min:"0" max:"50" clamp:"true"`
	Big   int64             `json:"big"`
	On    bool              `json:"on" default:"false"`
	List  []string          `json:"list"`
	Map   map[string]string `json:"map"`
	Which string            `json:"which" enum:"a,b" default:"a"`
}

func TestDecodeArgs(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"text":"x"}`, `{x 10 0 0 false [] map[] a} []`},
		{`{"text":"x","n":null,"on":null}`, `{x 10 0 0 false [] map[] a} []`},
		{`{"text":"x","n":"5","on":"true"}`, `{x 5 0 0 true [] map[] a} []`},
		{`{"text":"x","n":5.0}`, `{x 5 0 0 false [] map[] a} []`},
		{`{"text":"x","n":"30s"}`, `{x 30 0 0 false [] map[] a} []`},
		{`{"text":5}`, `{5 10 0 0 false [] map[] a} []`},
		{`{"text":"x","soft":99}`, `{x 10 50 0 false [] map[] a} [soft was 99 and is taken as 50, its limit]`},
		{`{"text":"x","big":9223372036854775807}`, `{x 10 0 9223372036854775807 false [] map[] a} []`},
		{`{"text":"x","list":"one"}`, `{x 10 0 0 false [one] map[] a} []`},
		{`{"text":"x","list":["a",2,true]}`, `{x 10 0 0 false [a 2 true] map[] a} []`},
		{`{"text":"x","map":{"1":5,"s":"t"}}`, `{x 10 0 0 false [] map[1:5 s:t] a} []`},
		{`{"text":"x","which":"B"}`, `{x 10 0 0 false [] map[] b} []`},
		{`{"text":"x","nosuch":1}`, `{x 10 0 0 false [] map[] a} [ignored the unknown argument "nosuch"]`},
		{`{"text":"x","TEXT":1}`, `{x 10 0 0 false [] map[] a} [ignored the unknown argument "TEXT", did you mean text?]`},
		{`"{\"text\":\"x\"}"`, `{x 10 0 0 false [] map[] a} []`},
		{`{}`, `the argument text is missing`},
		{``, `the argument text is missing`},
		{`[1]`, `the arguments must be a JSON object`},
		{`{"text":["x"]}`, `text must be a string, got a list`},
		{`{"text":"x","n":99}`, `n must be 1–60, got 99`},
		{`{"text":"x","n":"many"}`, `n must be a whole number 1–60, got "many"`},
		{`{"text":"x","n":{}}`, `n must be a whole number 1–60, got ""`},
		{`{"text":"x","n":1.5}`, `n must be a whole number 1–60, got "1.5"`},
		{`{"text":"x","on":"maybe"}`, `on must be true or false, got a string`},
		{`{"text":"x","list":{"a":1}}`, `list must be a list of strings, got an object`},
		{`{"text":"x","list":[[1]]}`, `list must be a list of strings, got a list in it`},
		{`{"text":"x","map":[1]}`, `map must be an object of names and values, got a list`},
		{`{"text":"x","map":{"a":[1]}}`, `map.a must be a string or a number, got a list`},
		{`{"text":"x","which":"c"}`, `which must be one of a, b; got "c"`},
	} {
		var got args
		notes, err := decodeArgs(json.RawMessage(c.in), &got)
		text := fmt.Sprint(got, " ", notes)
		if err != nil {
			text = err.Error()
		}
		if text != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.in, text, c.want)
		}
	}
}

// TestExact: 64-bit numbers and the order of fields survive, on the wire too.
func TestExact(t *testing.T) {
	out := struct {
		Summary string `json:"summary"`
		Z       uint64 `json:"z"`
		A       string `json:"a"`
	}{`say "x" <y>`, 1<<63 + 1, "\u2028"}
	data, err := encode(out, []string{`ignored "q"`})
	want := `{"summary":"(ignored \"q\") say \"x\" <y>","z":9223372036854775809,"a":"\u2028"}`
	if err != nil || string(data) != want {
		t.Errorf("got  %s\nwant %s (%v)", data, want, err)
	}
}

// panicky is a service whose operations panic or answer with too much.
type panicky struct{ service.API }

func (panicky) BPFInfo(context.Context, *service.BPFInfoRequest) (*service.BPFInfoResult, error) {
	panic("boom")
}

func (panicky) ListProbes(context.Context, *service.ListProbesRequest) (*service.ListProbesResult, error) {
	return &service.ListProbesResult{Probes: []string{strings.Repeat("x", maxAnswer)}}, nil
}

func TestPanicsAndFloodsAreContained(t *testing.T) {
	s := New(panicky{}, nil)
	ct, st := mcp.NewInMemoryTransports()
	ctx := context.Background()
	if _, err := s.mcp.Connect(ctx, st, nil); err != nil {
		t.Fatal(err)
	}
	cs, err := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil).Connect(ctx, ct, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer cs.Close()
	for tool, want := range map[string]string{
		"bpf_info": "internal error of mcptrace in bpf_info", "info": "internal error of mcptrace in bpf_info",
		"list_probes": "more than 81920", "stop_execution": "execution_id is missing",
	} {
		res, err := cs.CallTool(ctx, &mcp.CallToolParams{Name: tool})
		if err != nil {
			t.Errorf("%s: %v", tool, err)
			continue
		}
		if text := res.Content[0].(*mcp.TextContent).Text; !res.IsError || !strings.Contains(text, want) {
			t.Errorf("%s: error %v, %q", tool, res.IsError, text)
		}
	}
	if _, err := cs.CallTool(ctx, &mcp.CallToolParams{Name: "no\x1bsuch"}); err == nil || !strings.Contains(err.Error(), "tools/list names them") {
		t.Errorf("unknown tool: %v", err)
	}
}

// FuzzDecodeArgs: whatever a model sends is taken or refused, never a crash.
func FuzzDecodeArgs(f *testing.F) {
	for _, seed := range []string{`{"text":"x","n":"5"}`, `{"n":1e400}`, `"\"{}\""`, `{"list":[null]}`, `{"map":{"":null}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got args
		if _, err := decodeArgs(data, &got); err == nil && (got.N < 1 || got.N > 60) {
			t.Errorf("n is %d", got.N)
		}
	})
}
