package syntax

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
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
