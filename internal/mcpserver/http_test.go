package mcpserver

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestHTTPBothEras lists tools and calls one over streamable HTTP at one URL.
func TestHTTPBothEras(t *testing.T) {
	srv := httptest.NewServer(local().HTTPHandler())
	defer srv.Close()
	for _, era := range []string{"2025-03-26", "2025-11-25", "2026-07-28"} {
		ctx := context.Background()
		cs, err := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil).
			Connect(ctx, &mcp.StreamableClientTransport{Endpoint: srv.URL}, &mcp.ClientSessionOptions{ProtocolVersion: era})
		if err != nil {
			t.Fatalf("%s: %v", era, err)
		}
		res, err := cs.CallTool(ctx, &mcp.CallToolParams{Name: "validate_program", Arguments: map[string]any{"program": "begin {", "target": "offline"}})
		if err != nil || res.IsError || !strings.Contains(res.Content[0].(*mcp.TextContent).Text, "rejected") {
			t.Errorf("%s: %v %+v", era, err, res)
		}
		if err := cs.Close(); err != nil {
			t.Errorf("%s: close: %v", era, err)
		}
	}
}

// TestHTTPRefusesOtherSites sends what a web page could make a browser send.
func TestHTTPRefusesOtherSites(t *testing.T) {
	h := local().HTTPHandler()
	const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`
	for _, c := range []struct {
		host, origin, site string
		status             int
	}{
		{"localhost:7777", "", "", 200},
		{"127.0.0.1:7777", "http://127.0.0.1:7777", "same-origin", 200},
		{"[::1]:7777", "", "", 200},
		{"evil.example:7777", "", "", 403},
		{"127.0.0.1.evil.example", "", "", 403},
		{"localhost:7777", "http://evil.example", "", 403},
		{"localhost:7777", "null", "", 403},
		{"localhost:7777", "http://localhost:9999", "cross-site", 403},
	} {
		r := httptest.NewRequest("POST", "http://"+c.host+"/mcp", strings.NewReader(hello))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.site != "" {
			r.Header.Set("Sec-Fetch-Site", c.site)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("host %s, origin %q, %s: status %d, want %d: %s", c.host, c.origin, c.site, w.Code, c.status, w.Body)
		}
	}
}

func TestHTTPBoundsBodies(t *testing.T) {
	srv := httptest.NewServer(local().HTTPHandler())
	defer srv.Close()
	body := io.MultiReader(strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"`), strings.NewReader(strings.Repeat("x", maxBody+1)))
	r, err := http.NewRequest("POST", srv.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the server closed the connection while it was still being sent
	}
	defer res.Body.Close()
	if res.StatusCode < 400 {
		t.Errorf("status %d", res.StatusCode)
	}
}
