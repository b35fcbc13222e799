package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

const ticking = `interval:ms:20 { @n = count(); printf("tick\n"); } end { printf("bye\n"); }`

// started is a run of the built binary that has printed something.
type started struct {
	cmd    *exec.Cmd
	out    *os.File // to read what it prints
	stderr bytes.Buffer
	seen   []byte
}

func startRun(t *testing.T, program string) *started {
	t.Helper()
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	s := &started{cmd: exec.Command(binary, "run", "-e", program), out: r}
	s.cmd.Stdout, s.cmd.Stderr = w, &s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	for !bytes.Contains(s.seen, []byte("tick")) {
		s.read(t)
	}
	return s
}

func (s *started) read(t *testing.T) (eof bool) {
	t.Helper()
	if err := s.out.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := s.out.Read(buf)
	s.seen = append(s.seen, buf[:n]...)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("nothing more is printed after %q", s.seen)
	}
	return err != nil
}

// wait returns the exit status.
func (s *started) wait(t *testing.T) int {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case <-done:
		return s.cmd.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	return -1
}

// Signals end a run gracefully: end runs, maps print, nothing that was counted
// is lost, status 0.
func TestSignalsEndGracefully(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		s := startRun(t, ticking)
		if err := s.cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		for !s.read(t) {
		}
		if status := s.wait(t); status != 0 {
			t.Errorf("%v: status %d, %s", sig, status, s.stderr.String())
		}
		text := string(s.seen)
		if !strings.Contains(text, "\nbye\n") || !strings.Contains(text, "\n@n: ") {
			t.Errorf("%v: end or maps are missing: %q", sig, text)
		}
	}
}

// A reader that goes away ends a run gracefully, whether it prints or not.
func TestClosedOutputEndsGracefully(t *testing.T) {
	for _, program := range []string{
		`interval:ms:20 { printf("tick\n"); } end { errorf("end ran"); }`,
		`begin { printf("tick\n"); } interval:s:1000 { } end { errorf("end ran"); }`,
	} {
		s := startRun(t, program)
		s.out.Close()
		if status := s.wait(t); status != 0 || !strings.Contains(s.stderr.String(), "end ran") {
			t.Errorf("%s: status %d, %q", program, status, s.stderr.String())
		}
	}
}

// A client that cancels a call that waits ends the run; so does one that goes
// away.
func TestCancelledCallEndsTheRun(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	for _, era := range eras {
		c := connect(t, era)
		ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		_, err := c.session.CallTool(ctx, &mcp.CallToolParams{Name: "exec_program", Arguments: map[string]any{"program": ticking, "timeout": 600, "wait": 50}})
		cancel()
		if err == nil {
			t.Fatalf("%s: the call was not cancelled", era)
		}
		status := ""
		for deadline := time.Now().Add(10 * time.Second); status != "cancelled" && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			var r struct {
				Executions []struct{ Status string } `json:"executions"`
			}
			c.call("get_result", map[string]any{}, &r)
			if len(r.Executions) != 1 {
				t.Fatalf("%s: %+v", era, r)
			}
			status = r.Executions[0].Status
		}
		if status != "cancelled" {
			t.Errorf("%s: the run is %s", era, status)
		}
	}
}

func TestServerEndsWithItsClient(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	c := connect(t, eras[0])
	var r run
	c.call("exec_program", map[string]any{"program": ticking, "timeout": 600}, &r)
	begin := time.Now()
	if err := c.session.Close(); err != nil { // closes its input and waits for it
		t.Errorf("the server ended with %v", err)
	}
	if d := time.Since(begin); d > 10*time.Second || c.cmd.ProcessState == nil {
		t.Errorf("the server took %v to end", d)
	}
}
