// Command docs writes docs/functions.md and docs/probes.md from the tables of
// the language. Run go generate ./script/docs; a test compares.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/explain"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

//go:generate go run . -dir ../../docs

func main() {
	dir := flag.String("dir", "docs", "where to write")
	flag.Parse()
	for name, text := range pages() {
		if err := os.WriteFile(filepath.Join(*dir, name), []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "docs:", err)
			os.Exit(1)
		}
	}
}

// pages returns the text of each page by its file name.
func pages() map[string]string {
	return map[string]string{"functions.md": functions(), "probes.md": probes()}
}

const generated = "<!-- Made by go generate ./script/docs from the tables in bpftrace/. Do not edit. -->\n\n"

func functions() string {
	var b strings.Builder
	b.WriteString("# Builtins, functions, aggregations\n\n" + generated +
		"What a program can use, as `mcptrace explain NAME` tells it too. Arguments in brackets may be left out.\n" +
		"*Since* is the version of bpftrace that brought it; nothing means before 0.17.\n")
	for _, section := range []struct {
		title, about string
		class        check.FuncClass
	}{
		{"Builtins", "Words with a value.", check.ClassBuiltin},
		{"Functions", "", check.ClassFunction},
		{"Functions of maps", "Their first argument is a map.", check.ClassMap},
		{"Known when compiled", "Their result is known before the program runs, so that branches on it cost nothing.", check.ClassCompile},
		{"Aggregations", "Assigned to a map or a map entry; counted on each CPU and merged when read.", check.ClassAggregation},
	} {
		fmt.Fprintf(&b, "\n## %s\n", section.title)
		if section.about != "" {
			b.WriteString("\n" + section.about + "\n")
		}
		for _, f := range check.Functions() {
			if f.Class == section.class {
				function(&b, f)
			}
		}
	}
	return b.String()
}

func function(b *strings.Builder, f *check.Function) {
	fmt.Fprintf(b, "\n### %s\n\n`%s`: %s.\n", f.Name, explain.Signature(f), f.Doc)
	if notes := notes(f); len(notes) > 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(notes, "\n- "))
	}
	fmt.Fprintf(b, "\n```bpftrace\n%s\n```\n", f.Example)
}

// notes are what restricts the use of a function.
func notes(f *check.Function) []string {
	var list []string
	add := func(title string, words []string, format string) {
		for i := range words {
			words[i] = "`" + words[i] + "`"
		}
		if len(words) > 0 {
			list = append(list, title+": "+strings.Join(words, ", ")+format)
		}
	}
	if f.Since != "" {
		list = append(list, "Since: "+f.Since)
	}
	add("Only in", kinds(f.Probes), "")
	add("Not in", kinds(f.NotIn), "")
	if f.NoLoop {
		list = append(list, "Not inside a `for` loop over a map")
	}
	if f.Unsafe {
		list = append(list, "Changes the system: needs `--unsafe`")
	}
	var abilities []string
	for _, a := range f.Needs {
		abilities = append(abilities, string(a))
	}
	add("Needs of the kernel", abilities, " (see `mcptrace info`)")
	for _, a := range f.Args {
		add("Words for "+a.Name, append([]string(nil), a.Word...), "")
	}
	if f.Unstable != "" {
		list = append(list, "May change; to silence the warning: `config = { "+f.Unstable+" = enable }`")
	}
	return list
}

func kinds(list []syntax.ProbeKind) []string {
	var names []string
	for _, k := range list {
		names = append(names, k.String())
	}
	return names
}

func probes() string {
	var b strings.Builder
	b.WriteString("# Probes\n\n" + generated +
		"When a program's blocks run. Words in capitals stand for values; most names may hold the wildcard `*`.\n" +
		"`mcptrace list 'tracepoint:sched:*'` shows what this kernel offers, `list -v` with arguments.\n\n" +
		"| kind | short | fires |\n|---|---|---|\n")
	for _, k := range syntax.ProbeKinds() {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", k.Name, k.Name, strings.Join(k.Aliases, ", "), strings.TrimPrefix(k.Doc, "Fires "))
	}
	for _, k := range syntax.ProbeKinds() {
		probe(&b, &k)
	}
	return b.String()
}

func probe(b *strings.Builder, k *syntax.ProbeKindInfo) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\nData: %s.\n\n| form | example |\n|---|---|\n", k.Name, k.Doc, k.Args)
	for _, f := range k.Forms {
		fmt.Fprintf(b, "| `%s` | `%s` |\n", f.Syntax, f.Example)
	}
	var events []syntax.PerfEvent
	switch k.Kind {
	case syntax.ProbeSoftware:
		events = syntax.SoftwareEvents()
	case syntax.ProbeHardware:
		events = syntax.HardwareEvents()
	}
	if len(events) == 0 {
		return
	}
	b.WriteString("\n| event | short | COUNT when left out |\n|---|---|---|\n")
	for _, e := range events {
		fmt.Fprintf(b, "| %s | %s | %d |\n", e.Name, e.Alias, e.Count)
	}
}
