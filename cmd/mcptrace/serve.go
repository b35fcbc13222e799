package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mcptrace/mcptrace/internal/mcpserver"
)

// serveFlags are those of serve.
type serveFlags struct {
	listen   string
	readOnly bool
	verbose  bool
}

func (m *Main) serveCommand() *command {
	f := &serveFlags{}
	return &command{
		name: "serve", short: "offer everything to agents over MCP",
		long: "Speaks MCP on standard input and output, or over HTTP with --http: on a loopback address such as\n127.0.0.1:7777, or on a unix socket such as unix:/run/mcptrace.sock.",
		flags: []flag{
			stringFlag(&f.listen, "http", "", "ADDRESS", "serve streamable HTTP instead of standard input and output"),
			boolFlag(&f.readOnly, "read-only", "", "offer only what starts and changes nothing"),
			boolFlag(&f.verbose, "verbose", "v", "log to standard error"),
		},
		run: func(ctx context.Context, _ *parsed) error { return m.serve(ctx, f) },
	}
}

// shutdownTime is how long running traces may take to end with the server.
const shutdownTime = 5 * time.Second

func (m *Main) serve(ctx context.Context, f *serveFlags) error {
	if m.Getenv("BPFTRACE_PASSWD") != "" {
		fmt.Fprintln(m.Stderr, "WARNING: BPFTRACE_PASSWD is set and ignored: mcptrace takes no passwords; run it as root or with capabilities")
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	server := mcpserver.New(m.service(), &mcpserver.Options{Version: version(), ReadOnly: f.readOnly, Log: m.logger(f.verbose)})
	var err error
	if f.listen == "" {
		err = server.ServeLines(ctx, m.Stdin, m.Stdout)
	} else {
		err = m.serveHTTP(ctx, server, f.listen)
	}
	end, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return errors.Join(err, m.sessions().Close(end))
}

func (m *Main) logger(verbose bool) *slog.Logger {
	var w io.Writer = m.Stderr
	level := slog.LevelError
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

func (m *Main) serveHTTP(ctx context.Context, server *mcpserver.Server, address string) error {
	l, err := listen(address)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stderr, "mcptrace serves MCP on %s\n", address)
	h := &http.Server{Handler: server.HTTPHandler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	if err := h.Shutdown(end); err != nil {
		return h.Close()
	}
	return nil
}

// listen opens a unix socket that only this user can use, or a port of a
// loopback address: anyone who reaches the server can trace this system.
func listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return listenUnix(path)
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usagef("--http: want HOST:PORT or unix:PATH, got %q", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usagef("--http: %s is not a loopback address; this version serves only 127.0.0.1, ::1, localhost and unix sockets: use an ssh tunnel", host)
	}
	return net.Listen("tcp", address)
}

func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSocket != 0 {
		if c, err := net.Dial("unix", path); err == nil {
			c.Close()
			return nil, usagef("--http: another server listens on %s", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	return net.Listen("unix", path)
}
