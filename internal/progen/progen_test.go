package progen

import (
	"slices"
	"strings"
	"testing"
)

// TestCoverage holds the generator to its promise: in 5,000 programs every
// statement, probe kind and function that it knows occurs at least 20 times, and
// half of the programs are not small.
func TestCoverage(t *testing.T) {
	total := map[string]int{}
	var sizes []int
	for seed := range uint64(5000) {
		p := Generate(seed, Options{})
		for f, n := range p.Features {
			total[f] += n
		}
		sizes = append(sizes, len(strings.Fields(p.Text)))
	}
	for f, n := range total {
		if n < 20 {
			t.Errorf("%s occurs %d times in 5000 programs, want 20", f, n)
		}
	}
	for _, k := range Probes {
		if total["probe:"+k.Kind] < 20 {
			t.Errorf("probe kind %s occurs %d times, want 20", k.Kind, total["probe:"+k.Kind])
		}
	}
	slices.Sort(sizes)
	if sizes[len(sizes)/2] < 40 {
		t.Errorf("half of the programs have under %d words, want 40", sizes[len(sizes)/2])
	}
	t.Logf("%d features, median %d words", len(total), sizes[len(sizes)/2])
}

func TestDeterministic(t *testing.T) {
	for seed := range uint64(50) {
		if a, b := Generate(seed, Options{}), Generate(seed, Options{}); a.Text != b.Text {
			t.Fatalf("seed %d gives two programs:\n%s\n%s", seed, a.Text, b.Text)
		}
	}
}
