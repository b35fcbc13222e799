package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// TestPages compares the pages with the files in docs. MCPTRACE_UPDATE=1 writes
// those.
func TestPages(t *testing.T) {
	for name, want := range pages() {
		path := filepath.Join("../../docs", name)
		if os.Getenv("MCPTRACE_UPDATE") != "" {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("docs/%s is out of date: go generate ./script/docs", name)
		}
	}
}

// TestComplete makes sure that no row of the tables is missing from its page.
func TestComplete(t *testing.T) {
	text := functions()
	for _, f := range check.Functions() {
		if !strings.Contains(text, "\n### "+f.Name+"\n") || !strings.Contains(text, f.Example) {
			t.Errorf("%s is not on the page", f.Name)
		}
	}
	text = probes()
	for _, k := range syntax.ProbeKinds() {
		if !strings.Contains(text, "\n## "+k.Name+"\n") {
			t.Errorf("%s is not on the page", k.Name)
		}
	}
}
