package check_test

import (
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

const docFile = "../../docs/diagnostics.md"

// TestDiagnosticsDoc compares docs/diagnostics.md with the tables that it is
// made from. MCPTRACE_UPDATE=1 writes it.
func TestDiagnosticsDoc(t *testing.T) {
	got := diagnosticsDoc()
	if os.Getenv("MCPTRACE_UPDATE") != "" {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(docFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("docs/diagnostics.md is out of date: run MCPTRACE_UPDATE=1 go test -run TestDiagnosticsDoc ./bpftrace/check")
	}
}

func diagnosticsDoc() string {
	var b strings.Builder
	b.WriteString("# Diagnostics\n\nEvery finding about a program has a code that never changes. `mcptrace explain CODE` prints its entry.\n" +
		"Findings are errors, which reject the program, or warnings. This page is made from the tables in the source;\n" +
		"the programs in it are executed as tests.\n")
	section(&b, "Form", "Found while the text is read.", syntax.Codes())
	section(&b, "Meaning", "Found while the program is checked against a kernel.", check.Codes())
	return b.String()
}

func section(b *strings.Builder, title, intro string, rows []syntax.CodeDoc) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", title, intro)
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].Code < rows[j].Code })
	for _, r := range rows {
		fmt.Fprintf(b, "\n### %s\n\n%s. %s\n", r.Code, strings.ToUpper(r.Title[:1])+r.Title[1:], r.Meaning)
		example(b, "Not so", r.Bad)
		example(b, "But so", r.Good)
	}
}

func example(b *strings.Builder, label, program string) {
	if program == "" || len(program) > 400 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n\n```\n%s\n```\n", label, strings.TrimRight(program, "\n"))
}
