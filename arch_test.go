package mcptrace_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mcptrace/mcptrace"

// house is the architecture: who may import whom, in the order in which data
// flows. ARCHITECTURE.md explains it; this table enforces it.
var house = []room{
	{dir: "bpftrace/syntax", doc: "turns bpftrace source text into a syntax tree, and back"},
	{dir: "bpftrace/check", doc: "finds the meaning of a bpftrace program on a given target", ours: "bpftrace/syntax"},
	{dir: "bpftrace/explain", doc: "says in plain words what a bpftrace program does", ours: "bpftrace/syntax bpftrace/check"},
	{dir: "bpftrace/output", doc: "models what a running bpftrace program prints"},
	{dir: "internal/symbol", doc: "names kernel and user addresses", theirs: "golang.org/x/sys"},
	{dir: "internal/kernel", doc: "knows what one machine offers for tracing",
		ours: "bpftrace/syntax bpftrace/check internal/symbol", theirs: "golang.org/x/sys github.com/cilium/ebpf"},
	{dir: "internal/compile", doc: "turns a checked program into an Object",
		ours: "bpftrace/syntax bpftrace/check bpftrace/output", theirs: "github.com/cilium/ebpf"},
	{dir: "internal/engine", doc: "loads, attaches and reads an Object",
		ours:   "bpftrace/syntax bpftrace/check bpftrace/output internal/compile internal/kernel internal/symbol",
		theirs: "golang.org/x/sys github.com/cilium/ebpf", exec: true},
	{dir: "internal/session", doc: "gives running traces a name, limits, a record and readers",
		ours: "bpftrace/output internal/compile internal/engine"},
	{dir: "internal/service", doc: "is the list of operations that mcptrace offers",
		ours:   "bpftrace/syntax bpftrace/check bpftrace/output internal/kernel internal/symbol internal/compile internal/engine internal/session",
		theirs: "golang.org/x/sys"},
	{dir: "internal/mcpserver", doc: "offers the service as a Model Context Protocol server",
		ours: "internal/service bpftrace/output", theirs: "github.com/modelcontextprotocol/go-sdk github.com/google/jsonschema-go"},
	{dir: "cmd/mcptrace", doc: "traces the running Linux kernel", ours: "*", theirs: "golang.org/x/sys", exec: true},
}

// room is a package of the house.
type room struct {
	dir    string
	doc    string // words of the first sentence of its package comment
	ours   string // packages of this module that it may import; "*" for all
	theirs string // modules that it may import
	exec   bool   // may start processes
}

// TestHouse reads the source of every package and fails with a reason for each
// rule of the architecture that it breaks. Test files are exempt.
func TestHouse(t *testing.T) {
	known := map[string]room{}
	for _, r := range house {
		known[r.dir] = r
	}
	for dir, files := range packages(t) {
		r, ok := known[dir]
		if !ok {
			t.Errorf("%s is not in the table of the architecture: add a row to arch_test.go and ARCHITECTURE.md", dir)
			continue
		}
		r.checkDoc(t, files)
		for _, f := range files {
			for _, imp := range f.Imports {
				r.checkImport(t, imp)
			}
		}
	}
}

func (r room) checkDoc(t *testing.T, files []*ast.File) {
	var docs []string
	for _, f := range files {
		if f.Doc != nil {
			docs = append(docs, f.Doc.Text())
		}
	}
	if len(docs) != 1 {
		t.Errorf("%s has %d package comments, want one", r.dir, len(docs))
		return
	}
	first, _, _ := strings.Cut(strings.Join(strings.Fields(docs[0]), " "), ". ")
	if !strings.Contains(first, r.doc) {
		t.Errorf("%s: package comment begins %q and does not say %q", r.dir, first, r.doc)
	}
}

func (r room) checkImport(t *testing.T, spec *ast.ImportSpec) {
	path, _ := strconv.Unquote(spec.Path.Value)
	switch {
	case path == "C":
		t.Errorf("%s uses cgo; the binary is built with CGO_ENABLED=0", r.dir)
	case path == "os/exec" && !r.exec:
		t.Errorf("%s must not start processes (os/exec): only engine and cmd do", r.dir)
	case strings.HasPrefix(path, module+"/"):
		if ours := strings.TrimPrefix(path, module+"/"); r.ours != "*" && !slices.Contains(strings.Fields(r.ours), ours) {
			t.Errorf("%s must not import %s: data flows the other way", r.dir, ours)
		}
	case strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
		if !slices.ContainsFunc(strings.Fields(r.theirs), func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") }) {
			t.Errorf("%s must not import %s: that module is not listed for it", r.dir, path)
		}
	}
}

// packages parses the non-test files of all packages below the working
// directory. Directories that only tests use, and testdata, are left out.
func packages(t *testing.T) map[string][]*ast.File {
	out := map[string][]*ast.File{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || testOnly[filepath.ToSlash(path)]) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		out[dir] = append(out[dir], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < len(house) {
		t.Errorf("found %d packages, the table has %d", len(out), len(house))
	}
	return out
}

// testOnly are directories whose packages only tests import.
var testOnly = map[string]bool{
	"internal/golden":            true,
	"internal/progen":            true,
	"internal/sidebyside":        true,
	"internal/vmtest":            true,
	"internal/engine/enginetest": true,
	"script":                     true,
}

// TestLanguageIsPure keeps the language packages free of the operating system,
// so that they build and run anywhere.
func TestLanguageIsPure(t *testing.T) {
	banned := []string{"os", "os/exec", "net", "syscall", "unsafe", "log", "log/slog"}
	for dir, files := range packages(t) {
		if !strings.HasPrefix(dir, "bpftrace/") {
			continue
		}
		for _, f := range files {
			for _, imp := range f.Imports {
				if path, _ := strconv.Unquote(imp.Path.Value); slices.Contains(banned, path) {
					t.Errorf("%s must not import %s: the language reads no machine", dir, path)
				}
			}
		}
	}
}

// TestNames keeps packages that say nothing out of the tree.
func TestNames(t *testing.T) {
	for dir := range packages(t) {
		switch filepath.Base(dir) {
		case "util", "utils", "common", "helpers", "misc", "types", "base":
			t.Errorf("%s: name the package by what it does", dir)
		}
	}
	if _, err := os.Stat("ARCHITECTURE.md"); err != nil {
		t.Error("ARCHITECTURE.md is missing")
	}
}
