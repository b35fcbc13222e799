package symbol

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// debugVariants are ways in which compilers and distributions store DWARF.
func debugVariants(t *testing.T, source string) map[string]*Binary {
	t.Helper()
	variants := map[string]*Binary{}
	for _, flags := range [][]string{
		{"-g", "-O2"}, {"-gdwarf-4", "-O2"}, {"-gdwarf-3", "-gstrict-dwarf", "-O2"}, {"-g", "-O2", "-gz=zlib"}, {"-g", "-O1", "-no-pie"},
		{"-g", "-gdwarf64", "-O2"}, {"-ffunction-sections", "-g", "-O2"},
	} {
		variants[strings.Join(flags, " ")] = open(t, compile(t, "gcc", source, flags...))
	}
	path := compileOwn(t, "gcc", source, "-g", "-O2", "-Wl,--build-id")
	run(t, "objcopy", "--only-keep-debug", path, path+".debug")
	run(t, "objcopy", "--strip-all", "--add-gnu-debuglink="+path+".debug", path)
	variants["separate"] = open(t, path)
	return variants
}

func signature(t *testing.T, b *Binary, name string) Signature {
	t.Helper()
	f, err := b.Function(name)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := b.Signature(f)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func (s Signature) text() string {
	var params []string
	for _, p := range s.Params {
		params = append(params, p.Type.Name+" "+p.Name)
	}
	if s.Variadic {
		params = append(params, "...")
	}
	return s.Return.Name + " (" + strings.Join(params, ", ") + ")"
}

func TestSignature(t *testing.T) {
	for variant, b := range debugVariants(t, "types.c") {
		for name, want := range map[string]string{
			"walk":    "long int (const node_t * n, size_t depth, int8_t step, enum color c, double ratio, void * opaque)",
			"nothing": "void ()",
			"many":    "int (const char * format, ...)",
			"outer":   "int (int a, const char * b)",
			"main":    "int (int argc, char ** argv)",
		} {
			if got := signature(t, b, name).text(); got != want {
				t.Errorf("%s: %s: got %s, want %s", variant, name, got, want)
			}
		}
		sig := signature(t, b, "outer")
		if filepath.Base(sig.File) != "types.c" || sig.Line != 35 {
			t.Errorf("%s: outer is at %s:%d", variant, sig.File, sig.Line)
		}
	}
}

// describe prints a type with its members.
func describe(t *Type, depth int) string {
	s := fmt.Sprintf("%s %d", t.Name, t.Size)
	if t.Signed {
		s += " signed"
	}
	if depth == 0 {
		return s
	}
	for _, v := range t.Values() {
		s += fmt.Sprintf("; %s=%d", v.Name, v.Value)
	}
	for _, f := range t.Fields() {
		s += fmt.Sprintf("; %d %s: %s", f.Offset, f.Name, describe(f.Type, 0))
		if f.BitSize > 0 {
			s += fmt.Sprintf(" bits %d+%d", f.BitOffset, f.BitSize)
		}
	}
	return s
}

func TestTypes(t *testing.T) {
	for variant, b := range debugVariants(t, "types.c") {
		walk := signature(t, b, "walk")
		n := walk.Params[0].Type
		if n.Kind != TypePointer || n.Size != 8 {
			t.Fatalf("%s: n is %+v", variant, n)
		}
		fields := n.Elem().Fields()
		got := describe(n.Elem(), 1)
		want := "const node_t 112; 0 next: struct node * 8; 8 name: char[16] 16; 24 flags: unsigned int 4 bits 192+3; " +
			"24 level: int 4 signed bits 195+5; 28 matrix: int[2][3] 24; 52 in: struct inner 8; 60 color: enum color 4; " +
			"64 text: const char * 8; 72 callback: void (*)() 8; 80 ready: _Bool 1; 88 big: uint64_t 8"
		want = strings.Replace(want, " 112;", fmt.Sprintf(" %d;", n.Elem().Size), 1)
		if got != want {
			t.Errorf("%s: got  %s\nwant %s", variant, got, want)
		}
		if size := n.Elem().Size; size != 96 {
			t.Errorf("%s: size %d", variant, size)
		}
		if next := fields[0].Type.Elem(); next.Tag != "node" || len(next.Fields()) != len(fields) {
			t.Errorf("%s: next points to %+v", variant, next)
		}
		matrix := fields[4].Type
		if matrix.Kind != TypeArray || matrix.Len != 2 || matrix.Elem().Len != 3 || matrix.Elem().Elem().Kind != TypeInt {
			t.Errorf("%s: matrix is %+v", variant, matrix)
		}
		if in := fields[5].Type.Fields(); len(in) != 2 || in[1].Name != "" || in[1].Type.Kind != TypeUnion || len(in[1].Type.Fields()) != 2 {
			t.Errorf("%s: in has %+v", variant, in)
		}
		if got := describe(walk.Params[3].Type, 1); got != "enum color 4; RED=0; GREEN=5; BLUE=6" {
			t.Errorf("%s: color is %s", variant, got)
		}
		if ratio := walk.Params[4].Type; ratio.Kind != TypeFloat || fields[9].Type.Kind != TypeBool || walk.Params[5].Type.Elem().Kind != TypeVoid {
			t.Errorf("%s: kinds", variant)
		}
	}
}

func TestTypeNamed(t *testing.T) {
	b := open(t, compile(t, "gcc", "types.c", "opaque.c", "-g"))
	for name, want := range map[string]string{
		"struct node": "struct node 96", "node_t": "node_t 96", "enum color": "enum color 4", "size_t": "size_t 8", "struct hidden": "struct hidden 16",
	} {
		typ, err := b.TypeNamed(name)
		if err != nil || describe(typ, 0) != want {
			t.Errorf("%s: %v, %v; want %s", name, typ, err, want)
		}
	}
	if _, err := b.TypeNamed("struct nod"); err == nil || !strings.Contains(err.Error(), "struct node") {
		t.Errorf("struct nod: %v", err)
	}
	// A struct that only the other source file defines.
	hidden := signature(t, b, "peek").Params[0].Type.Elem()
	if !hidden.Incomplete || len(hidden.Fields()) != 2 || hidden.Complete().Size != 16 {
		t.Errorf("%+v has %+v", hidden, hidden.Fields())
	}
}

func TestSignatureCPP(t *testing.T) {
	b := open(t, compile(t, "g++", "overloads.cc", "-g", "-O1"))
	for pattern, want := range map[string]string{
		"ns::f(char const*)": "int (const char * s)",
		"ns::S::get":         "int (struct S * const this)",
		"ns::S::operator<":   "bool (struct S * const this, const struct S & o)",
	} {
		funcs, err := b.CPPFunctions(pattern)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := b.Signature(funcs[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(sig.text(), "const struct S * const this", "struct S * const this"); got != want {
			t.Errorf("%s: got %s, want %s", pattern, got, want)
		}
	}
}

func TestNoDWARF(t *testing.T) {
	b := open(t, compile(t, "gcc", "types.c"))
	f, err := b.Function("walk")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Signature(f); !errors.Is(err, ErrNoDWARF) || !strings.Contains(err.Error(), "-g") {
		t.Errorf("got %v", err)
	}
	if _, err := b.Lines("types.c", 36, 0); !errors.Is(err, ErrNoDWARF) {
		t.Errorf("got %v", err)
	}
	if file, line, inlined := b.Source(f.Addr); file != "" || line != 0 || inlined != nil {
		t.Errorf("got %s:%d %v", file, line, inlined)
	}
}

// Every address of the program has the position and the inlined functions that
// addr2line gives it.
func TestSourceAgreesWithAddr2line(t *testing.T) {
	for variant, b := range debugVariants(t, "types.c") {
		if variant == "separate" && b.file == b.debug() {
			t.Errorf("the separate debug file was not found")
		}
		checked := 0
		for _, name := range []string{"walk", "many", "outer", "main"} {
			f, err := b.Function(name)
			if err != nil {
				t.Fatal(err)
			}
			var args []string
			for addr := f.Addr; addr < f.Addr+f.Size; addr++ {
				args = append(args, fmt.Sprintf("%#x", addr))
			}
			out := run(t, "addr2line", append([]string{"-f", "-i", "-a", "-e", b.Path()}, args...)...)
			if strings.Count(out, "??:") > len(args)/2 {
				t.Logf("%s: addr2line of this machine cannot read it", variant)
				checked = len(args) * 50
				continue
			}
			for i, want := range splitAddr2line(out) {
				addr := f.Addr + uint64(i)
				if got := ourAddr2line(b, addr); got != want {
					t.Errorf("%s: %#x: got %s, want %s", variant, addr, got, want)
				}
				checked++
			}
		}
		if checked < 50 {
			t.Errorf("%s: only %d addresses", variant, checked)
		}
	}
}

// splitAddr2line returns "function file:line" for every frame of every address.
func splitAddr2line(out string) (all []string) {
	for part := range strings.SplitSeq(out, "0x0") {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		if len(lines) < 3 {
			continue
		}
		var frames []string
		for i := 1; i+1 < len(lines); i += 2 {
			pos, _, _ := strings.Cut(lines[i+1], " (")
			frames = append(frames, lines[i]+" "+filepath.Base(pos))
		}
		all = append(all, strings.Join(frames, ", "))
	}
	return all
}

func ourAddr2line(b *Binary, addr uint64) string {
	file, line, inlined := b.Source(addr)
	f, _ := b.FunctionAt(addr)
	var frames []string
	for _, in := range inlined {
		frames = append(frames, fmt.Sprintf("%s %s:%d", in.Symbol, filepath.Base(in.File), in.Line))
	}
	return strings.Join(append(frames, fmt.Sprintf("%s %s:%d", f.Name, filepath.Base(file), line)), ", ")
}

func TestLines(t *testing.T) {
	for variant, b := range debugVariants(t, "types.c") {
		source, err := filepath.Abs("testdata/types.c")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"types.c", "testdata/types.c", source, "./types.c"} {
			found, err := b.Lines(file, 36, 0)
			if err != nil || len(found) == 0 {
				t.Fatalf("%s: %s: %v, %v", variant, file, found, err)
			}
			if at := found[0]; at.Func != "outer" || at.Line != 36 || at.FileOffset == 0 {
				t.Errorf("%s: %s:36 is %+v", variant, file, at)
			}
		}
		// The line of a function that was inlined is in its caller.
		if found, err := b.Lines("types.c", 33, 0); err != nil || found[0].Func != "outer" {
			t.Errorf("%s: line 33: %+v, %v", variant, found, err)
		}
		for _, c := range []struct {
			file      string
			line, col int
			want      string
		}{
			{"types.c", 1, 0, "nearest"}, {"types.c", 9999, 0, "nearest"}, {"type.c", 36, 0, "types.c"},
			{"ypes.c", 36, 0, "not found"}, {"types.c", 36, 77, "column"},
		} {
			if found, err := b.Lines(c.file, c.line, c.col); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %s:%d: %v, %v", variant, c.file, c.line, found, err)
			}
		}
	}
}

func TestUserLines(t *testing.T) {
	p := startTarget(t, compile(t, "gcc", "target.c", "-O1", "-g", "-ldl"))
	s := NewSymbolizer(nil)
	defer s.Close()
	f := s.UserLines(p.pid, p.addr["quiet"])
	if f.Symbol != "quiet" || filepath.Base(f.File) != "target.c" || f.Line != 10 {
		t.Errorf("got %+v", f)
	}
	f = s.UserLines(os.Getpid(), reflectPC(TestUserLines))
	if filepath.Base(f.File) != "dwarf_test.go" || f.Line == 0 {
		t.Errorf("got %+v", f)
	}
}

// The line table of a stripped Go program is its pclntab.
func TestGoLines(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stripped := filepath.Join(t.TempDir(), "stripped")
	run(t, "strip", "-o", stripped, self)
	whole, small := open(t, self), open(t, stripped)
	f, err := whole.Function("github.com/mcptrace/mcptrace/internal/symbol.TestGoLines")
	if err != nil {
		t.Fatal(err)
	}
	for addr := f.Addr; addr < f.Addr+f.Size; addr += 3 {
		wantFile, wantLine, inlined := whole.Source(addr)
		if len(inlined) > 0 {
			wantFile, wantLine = inlined[0].File, inlined[0].Line
		}
		file, line, _ := small.Source(addr)
		if file != wantFile || line != wantLine {
			t.Fatalf("%#x: got %s:%d, want %s:%d", addr, file, line, wantFile, wantLine)
		}
	}
}
