package syntax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chunk is a case of a text file: a program under "=== name", then "---" and
// what is expected of it.
type chunk struct{ name, program, want string }

func sections(text string) []chunk {
	var out []chunk
	for _, part := range strings.Split("\n"+text, "\n=== ")[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		program, want, _ := strings.Cut("\n"+rest, "\n---\n")
		out = append(out, chunk{name, strings.TrimPrefix(program, "\n"), want})
	}
	return out
}

// golden runs f on the programs of testdata/NAME and compares what it returns
// with the file, which MCPTRACE_UPDATE=1 writes anew.
func golden(t *testing.T, name string, f func(t *testing.T, program string) string) {
	path := filepath.Join("testdata", name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut("\n"+string(text), "\n=== ")
	var b strings.Builder
	b.WriteString(strings.TrimPrefix(head, "\n"))
	for _, s := range sections(string(text)) {
		t.Run(s.name, func(t *testing.T) {
			got := s.want
			defer func() {
				b.WriteString("\n=== " + s.name + "\n" + s.program + "\n---\n" + got + "\n")
			}()
			got = strings.TrimRight(f(t, s.program), "\n")
			if want := strings.TrimRight(s.want, "\n"); got != want && os.Getenv("MCPTRACE_UPDATE") == "" {
				t.Errorf("%s\n--- got\n%s\n--- want\n%s", s.program, got, want)
			}
		})
	}
	if os.Getenv("MCPTRACE_UPDATE") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestErrors runs testdata/errors.txt: what is said about bad programs.
func TestErrors(t *testing.T) {
	golden(t, "errors.txt", func(t *testing.T, program string) string {
		var b strings.Builder
		if err := RenderTextWith(&b, findings(program), &TextOptions{Explain: true}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	})
}

// TestLayout runs testdata/format.txt: the canonical layout.
func TestLayout(t *testing.T) {
	golden(t, "format.txt", func(t *testing.T, program string) string { return checkFormat(t, program) })
}

// TestFixes runs testdata/fixes.txt: programs before and after all fixes.
func TestFixes(t *testing.T) {
	golden(t, "fixes.txt", func(t *testing.T, program string) string {
		fixed, n := ApplyFixes(NewSource("example.bt", program), findings(program), false)
		if n == 0 {
			t.Error("nothing was fixed")
		}
		if ds := findings(fixed); len(ds) > 0 {
			return fixed + "\n(left: " + ds[0].Message + ")"
		}
		return fixed
	})
}
