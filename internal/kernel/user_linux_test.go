package kernel

import (
	"errors"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// compileArgs builds testdata/args.c.
func compileArgs(t *testing.T, flags ...string) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the program's USDT note is for amd64")
	}
	out := filepath.Join(t.TempDir(), "args")
	text, err := exec.Command("gcc", append(flags, "-O1", "-o", out, "testdata/args.c")...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

func TestUserFunction(t *testing.T) {
	m := thisMachine(t)
	bin := compileArgs(t, "-g")
	params, err := m.UserFunction(bin, "visit")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range params {
		got = append(got, p.Name+" "+shortType(p.Type))
	}
	want := "o pointer to struct struct outer, name pointer to int1 char, port uint2 short unsigned int, ok bool _Bool"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("visit(%s)", s)
	}
	if params[0].Type.Space != check.SpaceUser {
		t.Errorf("o points into %v", params[0].Type.Space)
	}
	outer := params[0].Type.Elem
	for path, want := range map[string]string{
		"in.tag": "string12", "u.text": "pointer to int1 char", "color": "uint4 enum color",
		"next.color": "uint4 enum color", "numbers": "array4 of int2 short int", "hidden": "int4 int",
	} {
		typ := outer
		for name := range strings.SplitSeq(path, ".") {
			if typ.Kind == check.Pointer {
				typ = typ.Elem
			}
			f, ok := typ.Struct.Member(name)
			if !ok {
				t.Fatalf("no %s in %s", name, typ.Name)
			}
			typ = f.Type
		}
		if got := shortType(typ); got != want {
			t.Errorf("%s is %s", path, got)
		}
	}
	in, _ := outer.Struct.Member("in")
	if f, _ := in.Type.Struct.Member("high"); f.Offset != 12 || f.BitOffset != 3 || f.BitSize != 5 {
		t.Errorf("high: %+v", f)
	}
	if c, _ := outer.Struct.Member("color"); len(c.Type.Enum.Values) != 2 || c.Type.Enum.Values[1] != (check.Enumerator{Name: "GREEN", Value: 7}) {
		t.Errorf("color: %+v", c.Type.Enum)
	}
	if _, err := m.UserFunction(bin, "nosuch"); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("nosuch: %v", err)
	}
	if _, err := m.UserFunction(compileArgs(t), "visit"); !errors.Is(err, check.ErrUnknown) {
		t.Errorf("without debug information: %v", err)
	}
}

func TestUSDT(t *testing.T) {
	m := thisMachine(t)
	bin := compileArgs(t)
	for _, ap := range []syntax.ParsedAttachPoint{
		{Kind: syntax.ProbeUSDT, Target: bin, Func: "visit"},
		{Kind: syntax.ProbeUSDT, Target: bin, Ns: "mine", Func: "visit"},
		{Kind: syntax.ProbeUSDT, Target: bin, Ns: "*", Func: "v*", Wildcard: true},
	} {
		if got, err := expandNames(m, ap, nil); got != "usdt:"+bin+":mine:visit" || err != nil {
			t.Errorf("%s: %q, %v", ap.Ns, got, err)
		}
	}
	if _, err := expandNames(m, syntax.ParsedAttachPoint{Kind: syntax.ProbeUSDT, Target: bin, Func: "visits"}, nil); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("visits: %v", err)
	}
	args, err := m.USDTArgs(bin, "mine", "visit")
	if err != nil || len(args) != 2 || shortType(args[0].Type) != "int4" || shortType(args[1].Type) != "uint8" {
		t.Errorf("args %+v, %v", args, err)
	}
	l, err := m.List(ListOptions{Pattern: "usdt:" + bin + ":*"})
	if err != nil || len(l.Probes) != 1 || l.Probes[0].Name != "usdt:"+bin+":mine:visit" {
		t.Errorf("list: %+v, %v", l, err)
	}
}
