package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// TestInfo compares what Check finds out about testdata/info/*.bt with the
// files .info beside them. MCPTRACE_UPDATE=1 writes those.
func TestInfo(t *testing.T) {
	files, err := filepath.Glob("testdata/info/*.bt")
	if err != nil || len(files) == 0 {
		t.Fatal("no testdata", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			info, ds := checkOn(newFake(), string(text), &check.Options{Unsafe: true, Params: []string{"7", "name"}})
			if ds.HasErrors() {
				t.Fatal(errorsOf(ds))
			}
			got := dumpInfo(info)
			golden := strings.TrimSuffix(name, ".bt") + ".info"
			if os.Getenv("MCPTRACE_UPDATE") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s:\n%s", golden, got)
			}
		})
	}
}

// dumpInfo writes probes, maps and every expression with its type.
func dumpInfo(info *check.Info) string {
	var b strings.Builder
	for _, p := range info.Probes {
		fmt.Fprintf(&b, "probe %d %s\n", p.Index, p.Kind)
		for _, ap := range p.AttachPoints {
			fmt.Fprintf(&b, "  at %s\n", ap.Name)
		}
		if p.Predicate != nil {
			dumpNode(&b, info, p.Predicate)
		}
		dumpNode(&b, info, p.Body)
	}
	for _, m := range info.Maps {
		fmt.Fprintf(&b, "map %s", m.Name)
		if m.Key != nil {
			fmt.Fprintf(&b, "[%s]", m.Key)
		}
		fmt.Fprintf(&b, " %s, at most %d\n", m.Value, m.MaxEntries)
	}
	for _, p := range info.Params {
		fmt.Fprintf(&b, "param %s %s given %v literal %v\n", p.Name, p.Type, p.Given, p.Literal)
	}
	return b.String()
}

func dumpNode(b *strings.Builder, info *check.Info, n syntax.Node) {
	syntax.Inspect(n, func(x syntax.Node) bool {
		if blk, ok := x.(*syntax.Block); ok && info.Dead[blk] {
			return false
		}
		e, ok := x.(syntax.Expr)
		if !ok {
			return true
		}
		ty := info.Types[e]
		if ty == nil {
			return true
		}
		fmt.Fprintf(b, "  %s : %s", strings.Join(strings.Fields(e.Span().Text()), " "), ty)
		if ty.Space != check.SpaceNone && (ty.Kind == check.Pointer || ty.Kind == check.Struct || ty.Kind == check.Int) {
			b.WriteString(" " + [...]string{"", "kernel", "user", "bpf"}[ty.Space])
		}
		k, isConst := info.Consts[e]
		if isConst {
			fmt.Fprintf(b, " = %d %q", int64(k.Int), k.Str)
		}
		if f := info.Fields[e]; f != nil {
			fmt.Fprintf(b, " +%d", f.Offset)
		}
		b.WriteByte('\n')
		if y := info.Expansions[e]; y != nil && !isConst {
			b.WriteString("  expands to\n")
			dumpNode(b, info, y)
			return false
		}
		return !isConst
	})
}

// TestComplete looks whether Info has everything that a compiler reads: a type
// for every expression that is reached, a function for every call, a variable
// for every variable.
func TestComplete(t *testing.T) {
	for _, f := range check.Functions() {
		complete(t, f.Example)
	}
	for _, row := range check.Codes() {
		if row.Good != "" {
			complete(t, row.Good)
		}
	}
	for _, name := range []string{"values", "maps", "probes", "code"} {
		data, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(data), "\n") {
			if line != "" && !strings.HasPrefix(line, "# ") && !strings.Contains(line, "//!") {
				complete(t, strings.ReplaceAll(strings.TrimPrefix(line, "--unsafe "), "↵", "\n"))
			}
		}
	}
}

func complete(t *testing.T, program string) {
	t.Helper()
	info, ds := checkOn(check.Offline("amd64"), program, &check.Options{Unsafe: true})
	if ds.HasErrors() {
		return // for other targets
	}
	for _, p := range info.Probes {
		if p.Predicate != nil {
			completeNode(t, info, p.Predicate, program)
		}
		completeNode(t, info, p.Body, program)
	}
}

func completeNode(t *testing.T, info *check.Info, n syntax.Node, program string) {
	t.Helper()
	syntax.Inspect(n, func(x syntax.Node) bool {
		switch x := x.(type) {
		case *syntax.Block:
			return !info.Dead[x]
		case *syntax.For, *syntax.NamedArg, *syntax.Range, *syntax.FieldAccess, *syntax.Call, syntax.TypeExpr:
			return completeParts(t, info, x, program)
		case syntax.Expr:
			return completeExpr(t, info, x, program)
		}
		return true
	})
}

// completeParts goes into nodes some of whose parts are names, not values.
func completeParts(t *testing.T, info *check.Info, x syntax.Node, program string) bool {
	t.Helper()
	switch x := x.(type) {
	case *syntax.FieldAccess:
		if completeExpr(t, info, x, program) {
			completeNode(t, info, x.X, program)
		}
		return false
	case *syntax.Call:
		if !completeExpr(t, info, x, program) {
			return false
		}
		if info.Calls[x] == nil {
			t.Errorf("%s: no function for %s", program, x.Span().Text())
		}
		for _, a := range x.Args {
			if _, isMap := a.(*syntax.Map); !isMap {
				completeNode(t, info, a, program)
			}
		}
		return false
	case *syntax.For:
		completeNode(t, info, x.Body, program)
		return false
	case *syntax.NamedArg:
		completeNode(t, info, x.Value, program)
		return false
	case syntax.TypeExpr:
		return false
	}
	return true
}

func completeExpr(t *testing.T, info *check.Info, x syntax.Expr, program string) bool {
	t.Helper()
	if info.Types[x] == nil {
		t.Errorf("%s: no type for %q (%T)", program, x.Span().Text(), x)
		return false
	}
	if _, ok := info.Consts[x]; ok {
		return false
	}
	if y := info.Expansions[x]; y != nil {
		completeNode(t, info, y, program)
		return false
	}
	switch v := x.(type) {
	case *syntax.Variable:
		if info.Vars[v] == nil || info.Vars[v].Type == nil {
			t.Errorf("%s: no variable for %s", program, v.Name)
		}
	case *syntax.MapAccess:
		for _, k := range v.Keys {
			completeNode(t, info, k, program)
		}
		return false
	case *syntax.If:
		if _, ok := v.Cond.(*syntax.Comptime); ok {
			completeNode(t, info, v.Then, program)
			if v.Else != nil {
				completeElse(t, info, v.Else, program)
			}
			return false
		}
	case *syntax.Sizeof, *syntax.Offsetof, *syntax.Typeinfo:
		return false
	}
	return true
}

func completeElse(t *testing.T, info *check.Info, x syntax.Expr, program string) {
	t.Helper()
	if b, ok := x.(*syntax.BlockExpr); ok && info.Dead[b.Block] {
		return
	}
	if i, ok := x.(*syntax.If); ok && info.Dead[i.Then] {
		return
	}
	completeNode(t, info, x, program)
}

// TestDeterministic checks a program with many maps and variables twice.
func TestDeterministic(t *testing.T) {
	var b strings.Builder
	b.WriteString("begin {")
	for i := range 40 {
		fmt.Fprintf(&b, " @m%d[pid, comm] = count(); $v%d = @m%d[pid, comm]; @n%d = $v%d;", i, i, i, i, i)
	}
	b.WriteString(" }")
	first := diagnosticsOf(b.String())
	for range 5 {
		if again := diagnosticsOf(b.String()); again != first {
			t.Fatalf("differs:\n%s\n%s", first, again)
		}
	}
}

func diagnosticsOf(program string) string {
	info, ds := checkText(program, nil)
	var lines []string
	for _, d := range ds {
		lines = append(lines, fmt.Sprint(d.Code, d.Span.Start, d.Message, len(d.Notes), len(d.Fixes)))
	}
	for _, m := range info.Maps {
		lines = append(lines, m.Name+m.Key.String()+m.Value.String())
	}
	sort.Strings(lines[:0])
	return strings.Join(lines, "\n")
}
