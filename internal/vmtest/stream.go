package vmtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// JobResult is what became of a job.
type JobResult struct {
	Name    string
	Status  int // exit status; -1 when it was killed or the guest ended first
	Millis  int
	Tests   []TestResult
	Output  string // all that it printed
	Aborted bool
}

// TestResult is the outcome of one test in a guest.
type TestResult struct {
	Name    string
	Outcome string // "pass", "fail", "skip"; "" when it did not end
	Log     string
	Parent  bool // it has subtests, which speak for it
}

// ParseStream splits what a guest printed into jobs and their tests. Jobs
// whose output is that of a test binary run with -test.v=test2json are read by
// the go command's own reader.
func ParseStream(stream string) ([]JobResult, error) {
	var jobs []JobResult
	var current *JobResult
	for line := range strings.Lines(stream) {
		var name string
		var status, ms int
		switch {
		case strings.HasPrefix(line, "@@job "):
			jobs = append(jobs, JobResult{Name: strings.TrimSpace(line[6:]), Status: -1, Aborted: true})
			current = &jobs[len(jobs)-1]
		case scan(line, "@@exit %s %d %d", &name, &status, &ms) && current != nil:
			current.Status, current.Millis, current.Aborted = status, ms, false
			current = nil
		case current != nil:
			current.Output += line
		}
	}
	for i := range jobs {
		var err error
		if jobs[i].Tests, err = parseTests(jobs[i].Output); err != nil {
			return nil, fmt.Errorf("read job %s: %w", jobs[i].Name, err)
		}
	}
	return jobs, nil
}

func scan(line, format string, into ...any) bool {
	n, err := fmt.Sscanf(line, format, into...)
	return err == nil && n == len(into)
}

func parseTests(output string) ([]TestResult, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(output)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("run go tool test2json: %w", err)
	}
	var tests []TestResult
	at := map[string]int{}
	events := bufio.NewScanner(bytes.NewReader(out))
	events.Buffer(nil, 16<<20)
	for events.Scan() {
		var e struct{ Action, Test, Output string }
		if json.Unmarshal(events.Bytes(), &e) != nil || e.Test == "" {
			continue
		}
		i, ok := at[e.Test]
		if !ok {
			i = len(tests)
			at[e.Test] = i
			tests = append(tests, TestResult{Name: e.Test})
			markParents(tests, at, e.Test)
		}
		switch e.Action {
		case "pass", "fail", "skip":
			tests[i].Outcome = e.Action
		case "output":
			tests[i].Log += cleanLog(e.Output)
		}
	}
	return tests, events.Err()
}

func markParents(tests []TestResult, at map[string]int, name string) {
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		if p, ok := at[name[:i]]; ok {
			tests[p].Parent = true
		}
	}
}

// cleanLog leaves out the lines that only frame a test's output.
func cleanLog(line string) string {
	trimmed := strings.TrimLeft(line, " \x16")
	for _, frame := range []string{"=== ", "--- "} {
		if strings.HasPrefix(trimmed, frame) {
			return ""
		}
	}
	return line
}
