package vmtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// compatibility.md is written from what the last whole run under each kernel
// left; the versions go to a file of their own, so that a security update of a
// kernel changes nothing in the document.
const (
	document = "../../docs/compatibility.md"
	versions = "../../docs/compatibility.log"
)

// outcomes are the tests by series of kernels.
type outcomes struct {
	series []string
	tests  map[string]map[string]TestResult
}

func writeCompatibility(t *testing.T, dir string) {
	o := outcomes{tests: map[string]map[string]TestResult{}}
	var log strings.Builder
	files, _ := filepath.Glob(filepath.Join(dir, "*", outcomeFile))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var k kept
		if err := json.Unmarshal(text, &k); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		series := filepath.Base(filepath.Dir(f))
		o.series = append(o.series, series)
		o.tests[series] = k.Tests
	}
	sortSeries(o.series)
	for _, s := range o.series {
		fmt.Fprintf(&log, "%s %s\n", s, version(filepath.Join(dir, s)))
	}
	for name, text := range map[string]string{document: o.document(), versions: log.String()} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

func (o *outcomes) document() string {
	var b strings.Builder
	b.WriteString(`# Which kernel can do what

Written by the tests in internal/vmtest, which run in Debian's kernels of these series; do not edit. Versions are in compatibility.log.

` + "`y`" + `: all of it passed; ` + "`-`" + `: the kernel cannot, and mcptrace says so and why; ` + "`n/m`" + `: n of m scripts passed, the others are listed below or failed;
` + "`?`" + `: not tried or failed.

## Probes

Each number stands for scripts that attached, fired and printed what they must.

`)
	o.table(&b, "probe", o.kinds(), func(series, kind string) string { return o.share(series, "TestScripts/"+kind+"/") })
	b.WriteString("\n## Functions and builtins\n\nThe example of each, as far as the kernel's verifier.\n\n")
	var functions, abilities []string
	for _, f := range check.Functions() {
		functions = append(functions, f.Name)
	}
	slices.Sort(functions)
	o.table(&b, "function", functions, func(series, name string) string { return o.mark(series, "TestFunctions/"+name) })
	b.WriteString("\n## Abilities of the kernel\n\nProbed by doing; `mcptrace info` shows those of the running kernel.\n\n")
	for _, a := range kernel.Abilities() {
		abilities = append(abilities, string(a.Name))
	}
	o.table(&b, "ability", abilities, func(series, name string) string { return o.mark(series, "TestAbilities/"+name) })
	b.WriteString("\n## Why not\n\n")
	o.reasons(&b)
	return b.String()
}

func (o *outcomes) table(b *strings.Builder, head string, rows []string, cell func(series, row string) string) {
	fmt.Fprintf(b, "| %s | %s |\n|---%s|\n", head, strings.Join(o.series, " | "), strings.Repeat("|---", len(o.series)))
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |", row)
		for _, s := range o.series {
			fmt.Fprintf(b, " %s |", cell(s, row))
		}
		b.WriteString("\n")
	}
}

// kinds are those that have scripts.
func (o *outcomes) kinds() []string {
	seen := map[string]bool{}
	for _, tests := range o.tests {
		for name := range tests {
			if parts := strings.Split(name, "/"); len(parts) == 3 && parts[0] == "TestScripts" {
				seen[parts[1]] = true
			}
		}
	}
	kinds := make([]string, 0, len(seen))
	for k := range seen {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// share sums up the tests below a name.
func (o *outcomes) share(series, prefix string) string {
	passed, all := 0, 0
	for name, r := range o.tests[series] {
		if strings.HasPrefix(name, prefix) {
			all++
			if r.Outcome == "pass" {
				passed++
			}
		}
	}
	switch {
	case all == 0:
		return "?"
	case passed == 0:
		return "-"
	case passed == all:
		return "y"
	}
	return fmt.Sprintf("%d/%d", passed, all)
}

func (o *outcomes) mark(series, name string) string {
	switch o.tests[series][name].Outcome {
	case "pass":
		return "y"
	case "skip":
		return "-"
	}
	return "?"
}

// reasons lists every skip once, with the series that have it.
func (o *outcomes) reasons(b *strings.Builder) {
	type key struct{ name, why string }
	found := map[key][]string{}
	for _, s := range o.series {
		for name, r := range o.tests[s] {
			if r.Outcome == "skip" {
				k := key{strings.TrimPrefix(name, "Test"), o.withoutRelease(oneLine(r.Log))}
				found[k] = append(found[k], s)
			}
		}
	}
	var lines []string
	for k, series := range found {
		lines = append(lines, fmt.Sprintf("- %s (%s): %s", k.name, strings.Join(series, ", "), k.why))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, "\n") + "\n")
}

// withoutRelease leaves out what changes with every update of a kernel.
func (o *outcomes) withoutRelease(s string) string {
	s = releaseText.ReplaceAllString(s, "this kernel")
	if len(s) > 240 {
		s = s[:240] + "..."
	}
	return strings.ReplaceAll(s, "`", "'")
}
