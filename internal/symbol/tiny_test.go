package symbol

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The fixture is made by sh testdata/generate.sh; it is not generated anew by CI,
// since it differs with the compiler.

// The tests of this file need no compiler.

func TestTiny(t *testing.T) {
	b := open(t, "testdata/tiny.elf")
	if b.IsGo() || b.IsPIE() || b.BuildID() != "0123456789abcdef0123456789abcdef01234567" {
		t.Errorf("Go %v, PIE %v, build-id %s", b.IsGo(), b.IsPIE(), b.BuildID())
	}
	f, err := b.Function("move")
	if err != nil || f.Addr-f.FileOffset != 0x400000 || f.Size == 0 {
		t.Fatalf("move: %+v, %v", f, err)
	}
	sig, err := b.Signature(f)
	if err != nil || sig.text() != "int (struct point * p, enum direction to, long int by)" || sig.File != "/src/tiny.c" || sig.Line != 12 {
		t.Errorf("move: %s at %s:%d, %v", sig.text(), sig.File, sig.Line, err)
	}
	if got := describe(sig.Params[0].Type.Elem(), 1); got != "struct point 24; 0 x: int 4 signed; 4 y: int 4 signed; 8 next: struct point * 8; 16 visited: unsigned int 4 bits 128+1" {
		t.Errorf("point: %s", got)
	}
	file, line, inlined := b.Source(f.Addr)
	if file != "/src/tiny.c" || line != 13 || len(inlined) != 1 || inlined[0] != (InlinedFrame{"distance", "/src/tiny.c", 9}) {
		t.Errorf("move is at %s:%d %v", file, line, inlined)
	}
	lines, err := b.Lines("tiny.c", 38, 0)
	if err != nil || lines[0].Func != "_start" {
		t.Errorf("line 38: %+v, %v", lines, err)
	}
	probes, err := b.USDTProbes("tiny:moved")
	if err != nil || len(probes) != 1 || len(probes[0].Locations) != 1 {
		t.Fatalf("%+v, %v", probes, err)
	}
	l := probes[0].Locations[0]
	if at, ok := b.FunctionAt(l.Addr); !ok || at.Name != "move" || l.Addr-l.FileOffset != 0x400000 {
		t.Errorf("the probe is in %+v", at)
	}
	if len(l.Args) != 2 || describeArg(l.Args[0]) != "u64 rdi" || describeArg(l.Args[1]) != "s32 rax" {
		t.Errorf("arguments %+v", l.Args)
	}
	if o, err := b.Object("steps"); err != nil || o.Size != 4 {
		t.Errorf("steps: %+v, %v", o, err)
	}
}

func TestOpenELFErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	os.WriteFile(text, []byte("not a program"), 0o644)
	for _, path := range []string{text, "/nonexistent", t.TempDir(), "/dev/null"} {
		if b, err := OpenELF(path); err == nil {
			t.Errorf("%s: no error", path)
			b.Close()
		}
	}
}

// readAll asks a binary for everything.
func readAll(b *Binary) {
	b.IsGo()
	b.BuildID()
	funcs, _ := b.Functions("*")
	for _, f := range funcs[:min(len(funcs), 8)] {
		b.Function(f.Name)
		b.FunctionAt(f.Addr)
		b.Source(f.Addr)
		sig, _ := b.Signature(f)
		for _, p := range sig.Params {
			readType(p.Type, 0)
		}
	}
	b.Function("nosuch")
	b.CPPFunctions("ns::f")
	b.Object("steps")
	b.Lines("tiny.c", 38, 0)
	b.Lines("other.c", 1, 1)
	b.Source(0x400144)
	b.USDTProbes("*")
	b.IsGoFunction(0x400144)
}

func readType(t *Type, depth int) {
	if t == nil || depth > 3 {
		return
	}
	readType(t.Elem(), depth+1)
	for _, f := range t.Fields() {
		readType(f.Type, depth+1)
	}
	t.Values()
}

func FuzzBinary(f *testing.F) {
	data, err := os.ReadFile("testdata/tiny.elf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := newBinary(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		defer b.Close()
		readAll(b)
	})
}

// Every byte of the file changed in turn: no panic, no endless loop.
func TestDamaged(t *testing.T) {
	data, err := os.ReadFile("testdata/tiny.elf")
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		damaged := bytes.Clone(data)
		damaged[i] ^= 0xff
		if b, err := newBinary(bytes.NewReader(damaged), "damaged"); err == nil {
			readAll(b)
			b.Close()
		}
	}
	for n := 0; n < len(data); n += 7 {
		if b, err := newBinary(bytes.NewReader(data[:n]), "cut"); err == nil {
			readAll(b)
			b.Close()
		}
	}
}

// A pclntab with wrong contents names nothing wrongly enough to panic.
func FuzzPclntab(f *testing.F) {
	f.Add([]byte("\xf1\xff\xff\xff\x00\x00\x01\x08\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00"), uint64(4096))
	if self, err := os.Executable(); err == nil {
		if b, err := OpenELF(self); err == nil {
			if p := b.goTab(); p != nil {
				f.Add(p.data[:min(len(p.data), 4096)], p.text)
			}
			b.Close()
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, addr uint64) {
		b, err := newBinaryHeader()
		if err != nil {
			t.Fatal(err)
		}
		p := parsePclntab(data, b.file.ByteOrder)
		if p == nil {
			return
		}
		for i := range min(p.nfunc, 16) {
			p.line(p.entry(i))
		}
		p.line(addr)
		(&table{}).addGo(p)
	})
}

func newBinaryHeader() (*Binary, error) {
	data, err := os.ReadFile("testdata/tiny.elf")
	if err != nil {
		return nil, err
	}
	return newBinary(bytes.NewReader(data), "tiny")
}
