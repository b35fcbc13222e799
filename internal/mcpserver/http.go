package mcpserver

import (
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 16 << 20

// HTTPHandler serves the streamable HTTP transport of both eras at every path,
// for clients on this machine: what a browser could be tricked into sending
// (another Host, another Origin) is refused.
func (s *Server) HTTPHandler() http.Handler {
	get := func(*http.Request) *mcp.Server { return s.mcp }
	modern := mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true})
	legacy := mcp.NewStreamableHTTPHandler(get, &mcp.StreamableHTTPOptions{SessionTimeout: 10 * time.Minute, EventStore: mcp.NewMemoryEventStore(nil)})
	eras := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if r.Header.Get("Mcp-Protocol-Version") >= modernVersion && r.Header.Get("Mcp-Session-Id") == "" {
			modern.ServeHTTP(w, r)
			return
		}
		legacy.ServeHTTP(w, r)
	})
	return localOnly(http.NewCrossOriginProtection().Handler(eras))
}

// localOnly refuses requests that name another host than this one: a page whose
// name was pointed at 127.0.0.1 sends its own name.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalHost(r.Host) || !isLocalOrigin(r.Header.Get("Origin")) {
			http.Error(w, "this server answers only requests to localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLocalHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	host = strings.Trim(host, "[]")
	if host == "localhost" || host == "" || host == "unix" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func isLocalOrigin(origin string) bool {
	if origin == "" {
		return true
	}
	_, host, ok := strings.Cut(origin, "://")
	return ok && isLocalHost(host)
}
