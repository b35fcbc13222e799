package syntax

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// corpusCase is a case of upstream's test suite, which lies outside of the
// repository.
type corpusCase struct {
	ID, Prog, Verdict, Error, Phase string
	ErrorMode                       string `json:"error_mode"`
	Params                          []string
	AST                             json.RawMessage
}

// corpus returns the cases of ../shared/corpus/NAME.jsonl, or skips the test
// where they are absent.
func corpus(t testing.TB, name string) []corpusCase {
	t.Helper()
	var file *os.File
	for dir := "../.."; ; dir = filepath.Join(dir, "..") {
		var err error
		if file, err = os.Open(filepath.Join(dir, "shared/corpus", name+".jsonl")); err == nil {
			break
		}
		if abs, _ := filepath.Abs(dir); abs == "/" {
			t.Skipf("no shared/corpus/%s.jsonl above this directory", name)
		}
	}
	defer file.Close()
	var cases []corpusCase
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var c corpusCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		cases = append(cases, c)
	}
	return cases
}

func TestCorpusFormats(t *testing.T) {
	for _, name := range []string{"parser_accept", "old_parser_accept", "semantic_accept", "tools", "old_tools", "docs_oneliners", "runtime"} {
		t.Run(name, func(t *testing.T) {
			for _, c := range corpus(t, name) {
				if _, ds := Parse(NewSource("stdin", c.Prog), nil); ds.HasErrors() {
					continue
				}
				t.Run(c.ID, func(t *testing.T) { checkFormat(t, c.Prog) })
			}
		})
	}
}

// TestCorpusAccepts asserts that what upstream's parser accepts is accepted.
// Left out are cases whose attach points need a binary that is not there or
// name one by a placeholder.
func TestCorpusAccepts(t *testing.T) {
	for _, name := range []string{"parser_accept", "old_parser_accept", "semantic_accept", "tools", "old_tools"} {
		total, good := 0, 0
		for _, c := range corpus(t, name) {
			if strings.Contains(c.Prog, "{TESTBIN}") {
				continue
			}
			total++
			if _, ds := Parse(NewSource("stdin", c.Prog), &ParseOptions{Params: c.Params, Unsafe: true}); ds.HasErrors() {
				t.Logf("%s: %s\n%q", c.ID, ds[0].Message, c.Prog)
				continue
			}
			good++
		}
		t.Logf("%s: %d of %d accepted", name, good, total)
		if good*1000 < total*995 {
			t.Errorf("%s: %d of %d accepted", name, good, total)
		}
	}
}

var placeRE = regexp.MustCompile(`(?m)^(\S+:[\d:-]+): ERROR: (.*)$`)

// TestCorpusRejects asserts that what upstream's parser rejects is rejected,
// with the first error at the same place and in the same words.
func TestCorpusRejects(t *testing.T) {
	exact, placed, worded := 0, 0, 0
	for _, c := range corpus(t, "parser_reject") {
		_, ds := Parse(NewSource("stdin", c.Prog), &ParseOptions{Params: c.Params})
		if !ds.HasErrors() && strings.Contains(c.Prog, "{TESTBIN}@") {
			continue // whether the line exists is only known once the binary is
		}
		if !ds.HasErrors() {
			t.Errorf("%s is accepted: %q", c.ID, c.Prog)
			continue
		}
		m := placeRE.FindStringSubmatch(c.Error)
		if c.ErrorMode != "exact" || m == nil {
			continue
		}
		exact++
		if ds[0].Span.String() == m[1] {
			placed++
		} else {
			t.Logf("%s: at %s, want %s\n%q", c.ID, ds[0].Span, m[1], c.Prog)
		}
		if ds[0].Message == m[2] {
			worded++
		} else {
			t.Logf("%s: %q, want %q\n%q", c.ID, ds[0].Message, m[2], c.Prog)
		}
	}
	t.Logf("of %d exact cases %d have the same place, %d the same words", exact, placed, worded)
	if placed*100 < exact*98 || worded*100 < exact*98 {
		t.Errorf("of %d exact cases only %d have the same place and %d the same words", exact, placed, worded)
	}
}
