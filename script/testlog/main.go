// Command testlog reads what go test -json prints from standard input and shows
// what a person needs: a line for each package, the output of tests that failed,
// and every skipped test with its reason.
//
//	go test -json ./... | go run ./script/testlog [-allow FILE]
//
// With -allow, a skip whose reason matches none of the regular expressions in the
// file (one a line, # for comments) is a failure: a skip has to be foreseen. The
// exit status is 1 when a test or a package failed, or a skip was not foreseen.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// report collects the outcome of a run.
type report struct {
	out                     map[string]*strings.Builder // by package and test
	passed, failed, skipped int
	bad                     bool
	reasons                 []skip
}

type skip struct{ where, reason string }

func main() {
	allow := flag.String("allow", "", "file of regular expressions for foreseen skips")
	flag.Parse()
	r := &report{out: map[string]*strings.Builder{}}
	if err := r.read(); err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	foreseen, err := patterns(*allow)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	r.showSkips(*allow != "", foreseen)
	fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	if r.bad {
		os.Exit(1)
	}
}

func (r *report) read() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text()) // what go itself says, such as a build that failed
			continue
		}
		r.take(e)
	}
	return lines.Err()
}

func (r *report) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if r.out[key] == nil {
			r.out[key] = &strings.Builder{}
		}
		r.out[key].WriteString(e.Output)
	case "pass", "skip", "fail":
		r.end(e, r.out[key])
		delete(r.out, key)
	case "build-fail":
		r.bad = true
		for _, text := range r.out {
			fmt.Print(text)
		}
	}
}

// end takes the last event of a test or a package.
func (r *report) end(e event, out *strings.Builder) {
	text := ""
	if out != nil {
		text = out.String()
	}
	switch {
	case e.Action == "fail":
		r.bad = true
		fmt.Printf("FAIL %s %s (%.1fs)\n%s", e.Package, e.Test, e.Elapsed, text)
		if e.Test != "" {
			r.failed++
		}
	case e.Test == "" && e.Action == "pass":
		fmt.Printf("ok   %s (%.1fs)\n", e.Package, e.Elapsed)
	case e.Test == "":
	case e.Action == "skip":
		r.skipped++
		r.reasons = append(r.reasons, skip{e.Package + "." + e.Test, reason(text)})
	default:
		r.passed++
	}
}

var notice = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)

// reason is what the test said when it skipped.
func reason(text string) string {
	said := notice.FindAllStringSubmatch(text, -1)
	if len(said) == 0 {
		return "(no reason given)"
	}
	return said[len(said)-1][1]
}

// showSkips prints each reason once with the tests that gave it.
func (r *report) showSkips(strict bool, foreseen []*regexp.Regexp) {
	var order []string
	tests := map[string][]string{}
	for _, s := range r.reasons {
		if tests[s.reason] == nil {
			order = append(order, s.reason)
		}
		tests[s.reason] = append(tests[s.reason], strings.TrimPrefix(s.where, "github.com/mcptrace/mcptrace/"))
	}
	for _, reason := range order {
		mark := "skipped"
		if strict && !matches(foreseen, reason) {
			mark, r.bad = "SKIPPED AND NOT FORESEEN", true
		}
		list := tests[reason]
		fmt.Printf("%s: %d because: %s\n    %s\n", mark, len(list), reason, strings.Join(list[:min(3, len(list))], ", "))
	}
}

func matches(list []*regexp.Regexp, text string) bool {
	for _, re := range list {
		if re.MatchString(text) {
			return true
		}
	}
	return false
}

func patterns(path string) (list []*regexp.Regexp, err error) {
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		re, err := regexp.Compile(line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, re)
	}
	return list, nil
}
