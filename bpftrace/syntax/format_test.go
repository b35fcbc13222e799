package syntax

import "testing"

// checkFormat asserts what must hold for every program that parses.
func checkFormat(t *testing.T, text string) string {
	t.Helper()
	f, ds := Parse(NewSource("in.bt", text), nil)
	if ds.HasErrors() {
		t.Fatalf("%q does not parse: %v", text, ds[0].Message)
	}
	out := Format(f)
	g, ds := Parse(NewSource("out.bt", out), nil)
	if ds.HasErrors() {
		t.Fatalf("the formatted text does not parse: %s\n--- in\n%s\n--- out\n%s", ds[0].Message, text, out)
	}
	if !Equal(f, g) {
		t.Fatalf("formatting changed the tree\n--- in\n%s\n--- out\n%s", text, out)
	}
	if len(f.Comments) != len(g.Comments) {
		t.Fatalf("%d of %d comments are left\n--- in\n%s\n--- out\n%s", len(g.Comments), len(f.Comments), text, out)
	}
	if again := Format(g); again != out {
		t.Fatalf("formatting again changes\n--- first\n%s\n--- second\n%s", out, again)
	}
	return out
}

func TestFormatEveryNode(t *testing.T) {
	out := checkFormat(t, everyNode)
	t.Log(out)
}
