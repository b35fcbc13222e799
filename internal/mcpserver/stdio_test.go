package mcpserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// exchange sends input to a server and returns all that it wrote by the time it
// ended.
func exchange(t *testing.T, input string) []string {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := local().ServeLines(ctx, strings.NewReader(input), &out); err != nil {
		t.Fatal(err)
	}
	text := strings.TrimSuffix(out.String(), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Whatever comes in is answered, and the next request still works.
func TestBadLines(t *testing.T) {
	const ping = `{"jsonrpc":"2.0","id":99,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	for _, c := range []struct{ line, want string }{
		{"garbage", "-32700"},
		{`{"jsonrpc":"2.0","id":1`, "-32700"},
		{"\x00\xff\xfe", "-32700"},
		{"[]", "-32600"},
		{"{}", "-32600"},
		{"null", "-32600"},
		{"5", "-32600"},
		{`"text"`, "-32600"},
		{`{"jsonrpc":"2.0","id":{},"method":"x"}`, "-32600"},
		{`{"jsonrpc":"2.0","id":1,"method":5}`, "-32600"},
		{`{"jsonrpc":"2.0","id":1,"method":""}`, "-32600"},
		{strings.Repeat("[", 100_000), "-32700"},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":5}`, `"id":1.*error`},
		{`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}`, `"id":1.*error`},
		{`{"jsonrpc":"2.0","id":1,"method":"nope"}`, `"id":1`},
		{`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`, ""},
		{`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}`, ""},
		{`{"jsonrpc":"2.0","method":"notifications/nonsense"}`, ""},
		{`{"jsonrpc":"2.0","id":5,"result":{}}`, ""},
		{"", ""},
		{"   ", ""},
	} {
		got := exchange(t, c.line+"\n"+ping+"\n")
		name := fmt.Sprintf("%.60q", c.line)
		if c.want != "" && (len(got) != 2 || !contains(got, c.want)) || c.want == "" && len(got) != 1 {
			t.Errorf("%s: %d answers: %.300s", name, len(got), got)
		}
		if !contains(got, `"id":99.*exec_program`) {
			t.Errorf("%s: the request after it got no answer: %.300s", name, got)
		}
	}
}

func contains(lines []string, want string) bool {
	a, b, _ := strings.Cut(want, ".*")
	for _, l := range lines {
		if i := strings.Index(l, a); i >= 0 && strings.Contains(l[i:], b) {
			return true
		}
	}
	return false
}

func TestLongLineIsSkipped(t *testing.T) {
	var out bytes.Buffer
	c := newLineConn(strings.NewReader(strings.Repeat("x", 300_000)+"\n"+`{"jsonrpc":"2.0","id":1,"method":"m"}`+"\n"), &out)
	c.max = 100_000
	msg, err := c.read()
	if err != nil || msg == nil {
		t.Fatalf("got %v, %v", msg, err)
	}
	if !strings.Contains(out.String(), "longer than 100000 bytes") {
		t.Errorf("answered %q", out.String())
	}
	if _, err := c.read(); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}
