package symbol

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestUSDTAgreesWithReadelf(t *testing.T) {
	need(t, "readelf")
	paths := []string{}
	for _, flags := range [][]string{{"-pie", "-O2"}, {"-no-pie", "-O0"}, {"-pie", "-O1", "-s"}} {
		paths = append(paths, compile(t, "gcc", "usdt.c", flags...))
	}
	for _, lib := range []string{"libstdc++.so.6", "libpython3.11.so.1.0", "libc.so.6"} {
		if p, err := ResolveBinary(lib, 0); err == nil {
			paths = append(paths, p)
		}
	}
	for _, path := range paths {
		want := readelfUSDT(t, path)
		got := map[string]int{}
		probes, err := open(t, path).USDTProbes("*")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range probes {
			for _, l := range p.Locations {
				got[fmt.Sprintf("%s:%s %#x %#x %s", p.Provider, p.Name, l.Addr, l.Semaphore, l.Spec)]++
				if (l.Semaphore == 0) != (l.SemaphoreOffset == 0) || l.FileOffset == 0 {
					t.Errorf("%s: %s:%s: %+v", path, p.Provider, p.Name, l)
				}
				for _, a := range l.Args {
					if a.Kind == USDTUnknown && !strings.Contains(a.Text, "(%rip)") {
						t.Errorf("%s: %s:%s: operand %q is not understood", path, p.Provider, p.Name, a.Text)
					}
				}
			}
		}
		for key := range want {
			if got[key] == 0 {
				t.Errorf("%s: %s is missing", path, key)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d places, readelf has %d", path, len(got), len(want))
		}
	}
}

// readelfUSDT returns what readelf -n prints; the fixtures are not prelinked.
func readelfUSDT(t *testing.T, path string) map[string]int {
	t.Helper()
	want := map[string]int{}
	var provider, name, args string
	var addr, semaphore, base uint64
	for line := range strings.Lines(run(t, "readelf", "-n", path)) {
		line = strings.TrimSuffix(strings.TrimLeft(line, " "), "\n")
		key, value, _ := strings.Cut(line, ": ")
		switch key {
		case "Provider":
			provider = value
		case "Name":
			name = value
		case "Location":
			fmt.Sscanf(line, "Location: %v, Base: %v, Semaphore: %v", &addr, &base, &semaphore)
		default:
			if rest, ok := strings.CutPrefix(line, "Arguments:"); ok {
				args = strings.TrimPrefix(rest, " ")
				want[fmt.Sprintf("%s:%s %#x %#x %s", provider, name, addr, semaphore, args)]++
			}
		}
	}
	return want
}

func TestUSDTProbes(t *testing.T) {
	b := open(t, compile(t, "gcc", "usdt.c", "-O2"))
	for pattern, want := range map[string]string{
		"shop:sale": "shop:sale", "sale": "shop:sale", "*:*": "other:empty shop:price shop:sale", "shop:*": "shop:price shop:sale",
		"nope*": "",
	} {
		probes, err := b.USDTProbes(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		var names []string
		for _, p := range probes {
			names = append(names, p.Provider+":"+p.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
	sale, _ := b.USDTProbes("shop:sale")
	if len(sale) == 1 && len(sale[0].Locations) < 2 {
		t.Errorf("shop:sale has %d places", len(sale[0].Locations))
	}
	l := sale[0].Locations[0]
	stock, err := b.Object("stock")
	if err != nil {
		t.Fatal(err)
	}
	if a := l.Args[4]; a.Kind != USDTMemory || a.Reg != "rip" || l.Addr+uint64(a.Disp) != stock.Addr || a.Size != 4 || a.Signed {
		t.Errorf("stock at %#x: %+v of probe %#x", stock.Addr, a, l.Addr)
	}
	if _, err := b.USDTProbes("shop:sales"); err == nil || !strings.Contains(err.Error(), "shop:sale?") {
		t.Errorf("shop:sales: %v", err)
	}
	if _, err := open(t, compile(t, "gcc", "plain.c")).USDTProbes("x:y"); err == nil || !strings.Contains(err.Error(), "no USDT probes") {
		t.Errorf("a program without probes: %v", err)
	}
}

// describeArg prints an operand in a form of its own.
func describeArg(a USDTArg) string {
	sign := "u"
	if a.Signed {
		sign = "s"
	}
	if a.Float {
		sign = "f"
	}
	text := fmt.Sprintf("%s%d ", sign, a.Size*8)
	switch a.Kind {
	case USDTConst:
		return text + fmt.Sprint(a.Const)
	case USDTReg:
		if a.Shift > 0 {
			return text + fmt.Sprintf("%s>>%d", a.Reg, a.Shift)
		}
		return text + a.Reg
	case USDTMemory:
		index := ""
		if a.Index != "" {
			index = fmt.Sprintf("+%s*%d", a.Index, a.Scale)
			if a.IndexSize == 4 {
				index = fmt.Sprintf("+%s.%d*%d", a.Index, a.IndexSize*8, a.Scale)
			}
			if a.IndexSign {
				index = strings.Replace(index, ".", ".s", 1)
			}
		}
		if a.Segment != "" {
			text += a.Segment + ":"
		}
		return text + fmt.Sprintf("[%s%s%+d]", a.Reg, index, a.Disp)
	}
	return "?"
}

func TestUSDTOperands(t *testing.T) {
	data, err := os.ReadFile("testdata/usdt_operands.txt")
	if err != nil {
		t.Fatal(err)
	}
	machine := elf.EM_X86_64
	addr := func(name string) (uint64, bool) { return 0x100, name == "sym" }
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
			continue
		case line == "arm64":
			machine = elf.EM_AARCH64
			continue
		}
		text, want, _ := strings.Cut(line, " => ")
		var got []string
		for _, a := range parseUSDTArgs(strings.TrimSpace(text), machine, addr) {
			got = append(got, describeArg(a))
		}
		if g := strings.Join(got, " | "); g != strings.TrimSpace(want) {
			t.Errorf("%s: got %s, want %s", text, g, want)
		}
	}
}

// The addresses of a note move with section .stapsdt.base.
func TestUSDTPrelink(t *testing.T) {
	b := open(t, compile(t, "gcc", "usdt.c", "-O2"))
	base := b.file.Section(".stapsdt.base")
	probes, _ := b.USDTProbes("other:empty")
	at := probes[0].Locations[0].Addr
	l, ok := b.usdtLocation(usdtNote{addr: at - 0x1000, base: base.Addr - 0x1000, provider: "p", name: "n"})
	if !ok || l.Addr != at || l.Semaphore != 0 {
		t.Errorf("got %+v, %v; want %#x", l, ok, at)
	}
}

func FuzzUSDTOperands(f *testing.F) {
	for _, s := range []string{"-4@$5 8@%rdi", "-4@-20(%rbp) 8@(%rax,%rbx,4)", "4@sym+4(%rip)", "4@[x0, w1, sxtw #2]", "8f@%xmm3", "1@%ah 8@%fs:0x28"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
			for _, a := range parseUSDTArgs(s, m, func(string) (uint64, bool) { return 1, true }) {
				switch {
				case a.Kind == USDTUnknown:
				case a.Size != 1 && a.Size != 2 && a.Size != 4 && a.Size != 8, a.Kind == USDTReg && a.Reg == "",
					a.Scale != 1 && a.Scale != 2 && a.Scale != 4 && a.Scale != 8 && a.Scale != 16:
					t.Errorf("%q: %+v", s, a)
				}
			}
		}
	})
}

func FuzzNotes(f *testing.F) {
	f.Add([]byte("\x08\x00\x00\x00\x20\x00\x00\x00\x03\x00\x00\x00stapsdt\x00aaaaaaaabbbbbbbbccccccccp\x00n\x00a\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &Binary{file: &elf.File{FileHeader: elf.FileHeader{Class: elf.ELFCLASS64, ByteOrder: binary.LittleEndian}}}
		for _, align := range []uint64{4, 8} {
			eachNote(data, binary.LittleEndian, align, func(n note) bool {
				if note, ok := b.parseUSDTNote(n); ok && (note.provider == "" || note.name == "") {
					t.Errorf("%+v", note)
				}
				return true
			})
		}
	})
}
