package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestMCPtraceCallsReplay makes the calls that MCPtrace's documentation shows, as
// its clients make them: they read JSON from the text of the answer and expect
// these fields with these types.
func TestMCPtraceCallsReplay(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	c := connect(t, "2024-11-05")
	replay := func(tool string, args map[string]any, fields map[string]string) map[string]any {
		t.Helper()
		res := c.call(tool, args, nil)
		var got map[string]any
		if err := json.Unmarshal([]byte(res.Content[0].(*mcp.TextContent).Text), &got); err != nil || res.IsError {
			t.Fatalf("%s: error %v: %v: %v", tool, res.IsError, err, res.Content[0])
		}
		for name, kind := range fields {
			if k := kindOf(got[name]); k != kind {
				t.Errorf("%s: %s is %s, want %s", tool, name, k, kind)
			}
		}
		return got
	}
	list := replay("list_probes", map[string]any{"filter": "*open*"}, map[string]string{"probes": "list", "count": "number"})
	if n := len(list["probes"].([]any)); n == 0 || float64(n) != list["count"] {
		t.Errorf("%d probes, count %v", n, list["count"])
	}
	info := c.call("bpf_info", map[string]any{}, nil)
	if text := info.Content[0].(*mcp.TextContent).Text; !strings.Contains(text, "Linux") {
		t.Errorf("bpf_info: %q", text)
	}
	exec := replay("exec_program", map[string]any{"program": `interval:ms:50 { printf("tick\n"); }`, "timeout": 1},
		map[string]string{"execution_id": "string", "status": "string", "message": "string"})
	if exec["status"] != "started" || !strings.HasPrefix(exec["execution_id"].(string), "exec_") || !strings.Contains(exec["message"].(string), "timeout of 1s") {
		t.Errorf("exec_program: %v", exec)
	}
	get := map[string]any{"execution_id": exec["execution_id"], "offset": 0, "limit": 1000}
	var got map[string]any
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) { // they poll
		got = replay("get_result", get, map[string]string{"execution_id": "string", "status": "string", "lines_total": "number", "lines_returned": "number",
			"output": "list", "has_more": "bool", "error_message": "string", "duration": "number"})
		if got["status"] != "running" {
			break
		}
	}
	if lines := got["output"].([]any); got["status"] != "completed" || len(lines) < 5 || lines[0] != "tick" || float64(len(lines)) != got["lines_returned"] {
		t.Errorf("get_result: %v", got)
	}
	get["offset"] = 1_000_000 // what made the old server panic
	replay("get_result", get, map[string]string{"output": "list", "has_more": "bool"})
	if res := c.call("get_result", map[string]any{"execution_id": "exec_12345678"}, nil); !res.IsError {
		t.Error("an unknown id is no error")
	}
}

func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	case []any:
		return "list"
	case nil:
		return "missing"
	}
	return "object"
}
