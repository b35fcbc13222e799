package syntax

import (
	goast "go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"reflect"
	"strings"
	"testing"
)

// everyNode holds at least one node of each type that a good program can hold.
const everyNode = `#!/usr/bin/env mcptrace
#include <linux/fs.h>
struct S { int a, *b[3]; struct { char c : 4; } d; void (*f)(int); };
enum E { ONE = 1, TWO };
config = { max_map_keys = 5; on = true; missing_probes = "warn"; stack_mode = raw }
import "lib.bt";
let @seen = lruhash(100);
macro twice($x, @m, n) { @m[n] = $x; $x * 2 }
fn add($a: int64, $b: typeof($a)): int64 { return $a + $b; }
begin, interval:s:1 /$1 > $#/ {
	import "other";
	let $x: uint8[4] = (uint8[4])"abcd";
	let $y : struct S *;
	@m[1, "k"] += 2ms;
	_ = twice($x, @m, typeof(uint64));
	while ($x < 3) { break; }
	unroll (3) { continue; }
	for ($kv : @seen) { print($kv.0); }
	for ($i : 0..10) { $r = (a=1, b=(2,)); }
	$z = sizeof(struct S) + offsetof(struct S, d.c) + typeinfo(uint64).base_type;
	$q = comptime true ? args->f[0] : -@seen[pid];
	$w = ($q) ?: &$x;
	$v = { $x++; $x };
	if ($v) { func(probe) } else if (!$v) { 1 } else { return; }
	$u.field
}
`

func TestChildrenCoversEveryNode(t *testing.T) {
	f, ds := Parse(NewSource("every.bt", everyNode), nil)
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	seen := map[string]bool{}
	Inspect(f, func(n Node) bool {
		seen[reflect.TypeOf(n).Elem().Name()] = true
		checkChildren(t, n)
		return true
	})
	for _, name := range nodeTypes(t) {
		if !seen[name] && !strings.HasPrefix(name, "Bad") {
			t.Errorf("no %s was visited: add one to everyNode and to Children", name)
		}
	}
}

// checkChildren compares Children with what reflection finds in n.
func checkChildren(t *testing.T, n Node) {
	t.Helper()
	want := map[Node]bool{}
	v := reflect.ValueOf(n).Elem()
	for i := range v.NumField() {
		if !v.Type().Field(i).Anonymous {
			collectNodes(v.Field(i), want)
		}
	}
	for c := range Children(n) {
		if !want[c] {
			t.Errorf("%T yields %T twice, or a node that it does not hold", n, c)
		}
		delete(want, c)
	}
	for c := range want {
		t.Errorf("%T does not yield its %T", n, c)
	}
}

func collectNodes(v reflect.Value, into map[Node]bool) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			collectNodes(v.Index(i), into)
		}
	case reflect.Pointer, reflect.Interface:
		if n, ok := v.Interface().(Node); ok && !v.IsNil() {
			into[n] = true
		}
	}
}

// nodeTypes lists the node types that ast.go declares.
func nodeTypes(t *testing.T) []string {
	file, err := goparser.ParseFile(gotoken.NewFileSet(), "ast.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	embeds := map[string]bool{"node": true, "declNode": true, "stmtNode": true, "exprNode": true, "typeNode": true}
	var names []string
	goast.Inspect(file, func(n goast.Node) bool {
		if s, ok := n.(*goast.TypeSpec); ok && !embeds[s.Name.Name] {
			if st, ok := s.Type.(*goast.StructType); ok && len(st.Fields.List) > 0 {
				if id, ok := st.Fields.List[0].Type.(*goast.Ident); ok && embeds[id.Name] && st.Fields.List[0].Names == nil {
					names = append(names, s.Name.Name)
				}
			}
		}
		return true
	})
	if len(names) < 50 {
		t.Fatalf("found only %d node types", len(names))
	}
	return names
}

func TestSpansNest(t *testing.T) {
	f, _ := Parse(NewSource("every.bt", everyNode), nil)
	Walk(f, func(path []Node) bool {
		n := path[len(path)-1]
		s := n.Span()
		if !s.IsValid() || s.Start > s.End {
			t.Errorf("%T has span %d-%d", n, s.Start, s.End)
		}
		if len(path) > 1 {
			outer := path[len(path)-2].Span()
			if s.Start < outer.Start || s.End > outer.End {
				t.Errorf("%T %q lies outside of its %T %q", n, s.Text(), path[len(path)-2], outer.Text())
			}
		}
		return true
	})
}

func TestCloneIsDeepAndEqual(t *testing.T) {
	f, _ := Parse(NewSource("every.bt", everyNode), nil)
	c := Clone(f)
	if !Equal(f, c) {
		t.Error("the copy differs")
	}
	originals := map[Node]bool{}
	Inspect(f, func(n Node) bool { originals[n] = true; return true })
	Inspect(c, func(n Node) bool {
		if originals[n] {
			t.Errorf("%T is shared with the original", n)
		}
		if n.Span().Src != f.Source {
			t.Errorf("%T lost its source", n)
		}
		return true
	})
	var none Expr
	if Clone(none) != nil {
		t.Error("the copy of nil is not nil")
	}
}

func TestEqualSeesDifferences(t *testing.T) {
	programs := []string{
		"begin { @a = 1; }", "begin { @a = 2; }", "begin { @b = 1; }", "begin { @a += 1; }", "end { @a = 1; }",
		"begin { @a = (1); }", "begin { @a = 1u; }", "begin { @a[1] = 1; }", "begin /1/ { @a = 1; }", "begin { @a = 1 }  begin { }",
	}
	for i, x := range programs {
		for j, y := range programs {
			fx, _ := Parse(NewSource("x", x), nil)
			fy, _ := Parse(NewSource("y", "  // moved\n"+y), nil)
			if Equal(fx, fy) != (i == j) {
				t.Errorf("Equal(%q, %q) is %v", x, y, i != j)
			}
		}
	}
}

func TestAt(t *testing.T) {
	text := "begin { @m[comm] = $x + 1; }"
	f, _ := Parse(NewSource("p", text), nil)
	tests := map[string]string{"comm": "Ident", "@m": "Map", "$x": "Variable", "1;": "IntLit", "+ 1": "Binop", "{": "Block"}
	for part, want := range tests {
		path := At(f, strings.Index(text, part))
		if got := reflect.TypeOf(path[len(path)-1]).Elem().Name(); got != want {
			t.Errorf("at %q: %s, want %s", part, got, want)
		}
	}
	if path := At(f, strings.Index(text, "]")); reflect.TypeOf(path[len(path)-1]).Elem().Name() != "Ident" {
		t.Errorf("a cursor after a name does not find it: %T", path[len(path)-1])
	}
}
