package mcpserver

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/internal/service"
)

// TestDocs keeps docs/tools.md equal to what the code says; MCPTRACE_UPDATE=1
// writes it.
func TestDocs(t *testing.T) {
	const path = "../../docs/tools.md"
	text := toolsPage()
	if os.Getenv("MCPTRACE_UPDATE") != "" {
		if err := os.MkdirAll("../../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, text) {
		t.Errorf("%s is not what the code says: run MCPTRACE_UPDATE=1 go test ./internal/mcpserver", path)
	}
}

func toolsPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Tools\n\nWhat agents can call over MCP. This page is made from the code by `MCPTRACE_UPDATE=1 go test ./internal/mcpserver`.\n")
	for _, tool := range tools(service.New(&service.Options{})) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s\n\n| argument | type | meaning |\n|---|---|---|\n", tool.op.Name, tool.doc, hints(tool.op))
		for _, p := range params(tool.in) {
			if !p.hidden {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.name, typeText(&p), meaning(&p))
			}
		}
		fmt.Fprintf(&b, "\n| result | type | meaning |\n|---|---|---|\n")
		for _, p := range params(tool.out) {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.name, typeText(&p), p.doc)
		}
		fmt.Fprintf(&b, "\nExample: `%s %s`\n", tool.op.Name, tool.example)
	}
	return b.Bytes()
}

func hints(op *service.Op) string {
	words := []string{"changes the running system's traces"}
	if op.ReadOnly {
		words = []string{"only reads"}
	}
	if op.Idempotent {
		words = append(words, "safe to repeat")
	}
	if op.OpenWorld {
		words = append(words, "shows text of the traced system")
	}
	text := strings.Join(words, "; ")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

func typeText(p *param) string {
	text := strings.ReplaceAll(strings.ReplaceAll(p.typ.String(), "service.", ""), "*", "")
	if p.enum != nil {
		text = strings.Join(p.enum, " \\| ")
	}
	return text
}

func meaning(p *param) string {
	parts := []string{}
	if p.required {
		parts = append(parts, "**required**")
	}
	if p.doc != "" {
		parts = append(parts, p.doc)
	}
	if p.bounded {
		parts = append(parts, strings.TrimSpace(p.interval()))
	}
	if p.hasDflt {
		parts = append(parts, "default "+p.dflt)
	}
	return strings.Join(parts, "; ")
}
