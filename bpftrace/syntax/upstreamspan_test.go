package syntax

import "testing"

func TestUpstreamSpan(t *testing.T) {
	program := "kprobe:f, kprobe:g, /* c */ / (pid) == 1 / { print((1 + 2) * 3); $x = (uint64) $y; return 1 ; }\nmacro m(a) { ((a)) }"
	f, ds := Parse(NewSource("p", program), nil)
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	got := map[string]bool{PredicateSpan(f.Decls[0].(*Probe)).Text(): true}
	Inspect(f, func(n Node) bool {
		got[UpstreamSpan(n).Text()] = true
		return true
	})
	for _, want := range []string{"kprobe:f, kprobe:g", "/ (pid) == 1 /", "pid) == 1", "1 + 2) * 3", "1 + 2", "(uint64) ", "return 1 ;", "macro m", "a"} {
		if !got[want] {
			t.Errorf("no node is underlined as %q", want)
		}
	}
}
