package syntax

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestAttachPoints runs testdata/attachpoints.txt: attach points, one a line,
// and what they are split into. Parameters are one, two and s:5.
func TestAttachPoints(t *testing.T) {
	golden(t, "attachpoints.txt", func(t *testing.T, program string) string {
		var b strings.Builder
		for line := range strings.Lines(program) {
			raw := strings.TrimSuffix(line, "\n")
			ap := &AttachPoint{Raw: raw}
			ap.Pos = Span{NewSource("ap", raw), 0, uint32(len(raw))}
			a, ds := ParseAttachPoint(ap, []string{"one", "two", "s:5"})
			fmt.Fprintf(&b, "%s\n", raw)
			if a != nil {
				fmt.Fprintf(&b, "    %s%s\n", a, fieldsOf(a))
				ds = append(ds, a.Validate("")...)
			}
			for _, d := range ds {
				fmt.Fprintf(&b, "    %s: %s\n", strings.ToLower(d.Severity.String()), d.Message)
			}
		}
		return b.String()
	})
}

// fieldsOf lists the fields of a that are set.
func fieldsOf(a *ParsedAttachPoint) string {
	var b strings.Builder
	v := reflect.ValueOf(*a)
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case f.IsZero() || name == "Span":
		case name == "Alternatives":
			for _, alt := range a.Alternatives {
				fmt.Fprintf(&b, " | %s", alt)
			}
		case f.Kind() == reflect.String && name != "Kind":
			fmt.Fprintf(&b, " %s=%q", name, f)
		default:
			fmt.Fprintf(&b, " %s=%v", name, f)
		}
	}
	return b.String()
}

func TestProbeKindTable(t *testing.T) {
	words := map[string]ProbeKind{}
	for i, k := range ProbeKinds() {
		if int(k.Kind) != i+1 || k.Kind.Info().Name != k.Name || k.Kind.String() != k.Name {
			t.Errorf("row %d is that of %s", i, k.Kind)
		}
		if k.Doc == "" || k.Args == "" || len(k.Forms) == 0 || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("the row of %s is incomplete", k.Name)
		}
		for _, w := range append([]string{k.Name}, k.Aliases...) {
			if other, dup := words[w]; dup {
				t.Errorf("%s means %s and %s", w, other, k.Kind)
			}
			words[w] = k.Kind
			if got, ok := LookupProbeKind(w); !ok || got.Kind != k.Kind {
				t.Errorf("%s is not found", w)
			}
		}
		for _, form := range k.Forms {
			a, ds := parseText(form.Example)
			if len(ds) > 0 || a.Kind != k.Kind || len(a.Validate("")) > 0 {
				t.Errorf("%s: %v", form.Example, ds)
			}
			if n := strings.Count(form.Example, ":"); a.File == "" && a.Lang == "" && (n < k.MinParts || n > k.MaxParts) {
				t.Errorf("%s has %d parts, want %d to %d", form.Example, n, k.MinParts, k.MaxParts)
			}
		}
	}
	if _, ok := LookupProbeKind("KPROBE"); !ok {
		t.Error("names are not taken in any case")
	}
	if _, ok := LookupProbeKind("K"); ok {
		t.Error("short names are taken in any case")
	}
}

func parseText(raw string) (*ParsedAttachPoint, Diagnostics) {
	ap := &AttachPoint{Raw: raw}
	ap.Pos = Span{NewSource("ap", raw), 0, uint32(len(raw))}
	return ParseAttachPoint(ap, nil)
}

// TestCanonicalNames asserts that the canonical name of an attach point means
// the same attach point.
func TestCanonicalNames(t *testing.T) {
	for _, k := range ProbeKinds() {
		for _, form := range k.Forms {
			a, _ := parseText(form.Example)
			if a.File != "" || a.Pin != "" || a.Lang != "" || a.Address > 1<<62 {
				continue // upstream's names leave these out, quotes too
			}
			b, ds := parseText(a.String())
			if b == nil {
				t.Errorf("%s: %v", a, ds)
				continue
			}
			a.Span, b.Span = Span{}, Span{}
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s is %+v, its name %s is %+v", form.Example, a, b, b)
			}
		}
	}
}

func TestPeriods(t *testing.T) {
	tests := map[string]struct{ ns, hz uint64 }{
		"profile:hz:99":    {10101010, 99},
		"interval:s:2":     {2_000_000_000, 0},
		"interval:ms:5":    {5_000_000, 0},
		"profile:us:7":     {7_000, 0},
		"interval:1m":      {60_000_000_000, 0},
		"interval:1500":    {1000, 0}, // whole microseconds, as upstream
		"interval:s:1e19":  {^uint64(0), 0},
		"interval:100ms":   {100_000_000, 0},
		"profile:hz:1":     {1_000_000_000, 1},
		"software:faults":  {0, 0},
		"kprobe:f":         {0, 0},
		"interval:hz:1000": {1_000_000, 1000},
	}
	for raw, want := range tests {
		a, ds := parseText(raw)
		if a == nil {
			t.Errorf("%s: %v", raw, ds)
			continue
		}
		if a.Nanoseconds() != want.ns || a.Hz() != want.hz {
			t.Errorf("%s: %d ns, %d hz, want %d and %d", raw, a.Nanoseconds(), a.Hz(), want.ns, want.hz)
		}
	}
}

func TestOptionsOfAttachPoints(t *testing.T) {
	tests := []struct {
		program string
		opts    ParseOptions
		want    string // of the first error
	}{
		{"kprobe:0x10 { }", ParseOptions{}, "Probing by address requires --unsafe"},
		{"kprobe:0x10 { }", ParseOptions{Unsafe: true}, ""},
		{"uprobe:main { }", ParseOptions{}, "uprobe probe type requires 2 or 3 arguments, found 1"},
		{"uprobe:main { }", ParseOptions{Pid: true}, ""},
		{"usdt:probe { }", ParseOptions{Pid: true}, ""},
		{"uprobe:a@b.c:1 { }", ParseOptions{}, "No DWARF debug info found for 'a', cannot attach by source code location."},
		{"uprobe:a@b.c:1 { }", ParseOptions{ResolveLine: func(string, string, int, int) (uint64, error) { return 1, nil }}, ""},
		{"uprobe:a@b.c:1 { }", ParseOptions{ResolveLine: func(string, string, int, int) (uint64, error) {
			return 0, fmt.Errorf("No compilation unit matches b.c")
		}}, "No compilation unit matches b.c"},
		{"kprobe:$1 { }", ParseOptions{Params: []string{"$1"}}, "positional parameter is not valid: too many expansions"},
	}
	for _, tt := range tests {
		_, ds := Parse(NewSource("p", tt.program), &tt.opts)
		got := ""
		if len(ds) > 0 {
			got = ds[0].Message
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.program, got, tt.want)
		}
	}
}
