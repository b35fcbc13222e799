package output

import (
	"strings"
	"testing"
)

func TestCompile(t *testing.T) {
	for _, c := range []struct {
		format string
		verbs  string // specs and lengths
		want   string // with every argument 7
	}{
		{"", "", ""},
		{"100%", "", "100%"},
		{"%%d %5%", "", "%d %"},
		{"%0-5d %d", "d", "%0-5d 7"},
		{"%.d%.5d", "d", "%.d7"},
		{"%rx%rh%r%gr%g", "rx rh r gr g", "777GFP_DMA|__GFP_HIGHMEM|GFP_DMA327"},
		{"%hhd%lld%lllx", "hhd lld lllx", "777"},
		{"%q%y%!", "", "%q%y%!"},
		{"%3d%-3d|", "d d", "  77  |"},
	} {
		f, err := Compile(c.format)
		if err != nil {
			t.Errorf("%q: %v", c.format, err)
			continue
		}
		var verbs []string
		var args []Value
		for _, v := range f.Verbs() {
			verbs = append(verbs, v.Length+v.Spec)
			args = append(args, Int(7))
		}
		if got := strings.Join(verbs, " "); got != c.verbs {
			t.Errorf("%q: verbs %q, want %q", c.format, got, c.verbs)
		}
		if got := string(f.Append(nil, args)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.format, got, c.want)
		}
	}
	if _, err := Compile("%99999999999999999999d"); err == nil {
		t.Error("a width without bounds is accepted")
	}
}

// TestFormatMismatch prints values by verbs that a checker refuses.
func TestFormatMismatch(t *testing.T) {
	for _, c := range []struct {
		format string
		arg    Value
		want   string
	}{
		{"%d", str("x"), "!{invalid integer conversion: x}"},
		{"%gr", Bool(true), "!{invalid GFP flags conversion: true}"},
		{"%r", str("x"), "x"},
		{"%f", Int(3), "3"},
		{"%s", nil, "null"},
		{"%s %s", Int(1), "1 null"},
	} {
		f, err := Compile(c.format)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(f.Append(nil, []Value{c.arg})); got != c.want {
			t.Errorf("%s of %#v: got %q, want %q", c.format, c.arg, got, c.want)
		}
	}
}

// TestFormatRaw checks that the calls of an engine print what Append prints.
func TestFormatRaw(t *testing.T) {
	f, err := Compile("<%8d|%-6u|%5s|%rx|%s>")
	if err != nil {
		t.Fatal(err)
	}
	f.Trailer = "~"
	want := f.Append(nil, []Value{Int(-5), Uint(7), String{"ab", true}, Buffer("\x01z"), Tuple{Int(1)}})
	b := f.AppendInt(f.AppendLiteral([]byte("x"), 0), 0, -5)
	b = f.AppendUint(f.AppendLiteral(b, 1), 1, 7)
	b = f.AppendString(f.AppendLiteral(b, 2), 2, []byte("ab"), true)
	b = f.AppendBytes(f.AppendLiteral(b, 3), 3, []byte("\x01z"))
	b = f.AppendLiteral(f.AppendValue(f.AppendLiteral(b, 4), 4, Tuple{Int(1)}), 5)
	if got := string(b); got != "x"+string(want) || !strings.Contains(got, "|  ab~|") {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := testing.AllocsPerRun(100, func() { b = f.AppendString(f.AppendInt(b[:0], 0, -5), 2, []byte("ab"), true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFormat(f *testing.F) {
	for _, c := range printfCases() {
		f.Add(c.verb + "%")
	}
	values := []Value{nil, str("x"), TSeries{Points: []Point{{1, 1, 1, 1}}}, Hist{}, Stats{Avg: true}, Stats{}, Record{}, Stack{}, MAC{}}
	for _, args := range [][]arg{numberArgs, anyArgs, gfpArgs} {
		for _, a := range args {
			values = append(values, a.value)
		}
	}
	f.Fuzz(func(t *testing.T, format string) {
		c, err := Compile(format)
		if err != nil {
			return
		}
		for _, v := range values {
			args := make([]Value, len(c.Verbs()))
			for i := range args {
				args[i] = v
			}
			got := c.Append([]byte("<"), args)
			for i, verb := range c.Verbs() {
				if len(got)-1 < verb.Width && !strings.Contains(string(got), "!{") {
					t.Fatalf("%q: verb %d of width %d in %q", format, i, verb.Width, got)
				}
			}
		}
	})
}
