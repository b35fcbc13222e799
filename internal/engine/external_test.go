package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// installed are the bpftrace binaries of this machine.
func installed(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, path := range []string{"bpftrace", "/opt/bpf27/bpftrace"} {
		if p, err := exec.LookPath(path); err == nil {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		t.Skip("no bpftrace is installed")
	}
	if os.Geteuid() != 0 {
		t.Skip("bpftrace wants root")
	}
	return found
}

func externalObject(text string) *compile.Object {
	return &compile.Object{Info: &check.Info{
		File: &syntax.File{Source: syntax.NewSource("stdin", text)},
		Maps: []*check.Map{{Name: "@c", Key: &check.Type{Kind: check.Int, Size: 8}, Value: &check.Type{Kind: check.Count, Size: 8}}},
	}}
}

func TestExternalRuns(t *testing.T) {
	for _, path := range installed(t) {
		e := &External{Path: path}
		version, err := e.Version(t.Context())
		if err != nil || !strings.HasPrefix(version, "0.") {
			t.Errorf("version %q, %v", version, err)
		}
		r, err := e.Start(t.Context(), externalObject(`BEGIN { printf("hello\n"); @c[7] = count(); } END { printf("bye\n"); }`), nil)
		if err != nil {
			t.Errorf("%s: %v", version, err)
			continue
		}
		var out strings.Builder
		enc := output.NewTextEncoder(&out, io.Discard, nil)
		for {
			ev, err := r.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if p, ok := ev.(*output.Printf); ok && p.Text == "hello\n" {
				r.Stop()
			}
			_ = enc.Encode(ev)
		}
		if got := out.String(); !strings.HasPrefix(got, "hello\nbye\n") || !strings.Contains(got, "@c[7]: 1\n") {
			t.Errorf("%s printed %q", version, got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestExternalRefuses(t *testing.T) {
	for _, path := range installed(t) {
		_, err := (&External{Path: path}).Start(t.Context(), externalObject(`BEGIN { nonsense(1); }`), nil)
		var ee *ExternalError
		if !errors.As(err, &ee) || !strings.Contains(ee.Error(), "ERROR") {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if _, err := (&External{Path: "/no/such/bpftrace"}).Start(t.Context(), externalObject(""), nil); err == nil {
		t.Error("started a bpftrace that is not there")
	}
}

func TestExternalCloseEndsIt(t *testing.T) {
	for _, path := range installed(t) {
		r, err := (&External{Path: path}).Start(t.Context(), externalObject(`BEGIN { printf("x\n"); } interval:ms:1 { printf("y\n"); }`), &Options{Command: "/bin/sleep 60"})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		pid := r.(*externalRun).cmd.Process.Pid
		before := time.Now()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := exec.Command("kill", "-0", "--", strconv.Itoa(-pid)).Run(); err == nil {
			t.Errorf("%s: its process group %d still exists %v after Close", path, pid, time.Since(before))
		}
	}
}

// driveForever is the body of a victim that drives a bpftrace.
func driveForever(path string) {
	r, err := (&External{Path: path}).Start(context.Background(), externalObject(`BEGIN { printf("x\n"); } interval:ms:10 { printf("y\n"); }`), nil)
	if err == nil {
		fmt.Println(r.(*externalRun).cmd.Process.Pid)
		for err == nil {
			_, err = r.Next(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledParentTakesBpftraceAlong(t *testing.T) {
	for _, path := range installed(t) {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), victim+"="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var pid int
		if _, err := fmt.Fscan(out, &pid); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		deadline := time.Now().Add(10 * time.Second)
		for alive(pid) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if alive(pid) {
			t.Errorf("%s: process %d outlives its parent", path, pid)
		}
	}
}

// alive reports whether a process exists and is no zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}
