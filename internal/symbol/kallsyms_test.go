package symbol

import (
	"errors"
	"os"
	"strings"
	"testing"
)

const someKallsyms = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t do_one
ffffffff81000200 T do_two
ffffffffc0a01000 t nf_hook	[nf_tables]
ffffffffc0a00000 t nf_first	[nf_tables]
ffffffffc0b00000 t bpf_prog_6deef7357e7b4530	[bpf]
`

func TestParseKallsyms(t *testing.T) {
	syms, err := parseKallsyms(strings.NewReader(someKallsyms))
	if err != nil {
		t.Fatal(err)
	}
	k := &KernelSymbols{load: func() (*kallsyms, error) { return syms, nil }}
	for addr, want := range map[uint64]string{
		0xffffffff81000000: "_stext+0 ()", 0xffffffff81000104: "do_one+4 ()", 0xffffffffc0a00fff: "nf_first+4095 (nf_tables)",
		0xffffffffc0a01001: "nf_hook+1 (nf_tables)", 0xffffffff80ffffff: "+0 ()", 0x1000: "+0 ()",
	} {
		if got := k.Frame(addr).text(); got != want {
			t.Errorf("%#x: got %s, want %s", addr, got, want)
		}
	}
	if addr, err := k.Addr("nf_hook"); err != nil || addr != 0xffffffffc0a01000 {
		t.Errorf("nf_hook: %#x, %v", addr, err)
	}
	if _, err := k.Addr("do_tow"); err == nil || !strings.Contains(err.Error(), "do_two") {
		t.Errorf("do_tow: %v", err)
	}
}

func TestKallsymsHidden(t *testing.T) {
	path := t.TempDir() + "/kallsyms"
	os.WriteFile(path, []byte("0000000000000000 T _text\n0000000000000000 T do_one\n"), 0o644)
	_, err := openKallsyms(path)
	if !errors.Is(err, ErrKernelHidden) || !strings.Contains(err.Error(), "CAP_SYSLOG") {
		t.Errorf("got %v", err)
	}
}

func TestKernelOfThisMachine(t *testing.T) {
	k := NewKernelSymbols()
	if err := k.Err(); err != nil {
		t.Skip(err)
	}
	addr, err := k.Addr("vfs_read")
	if err != nil {
		t.Fatal(err)
	}
	if f := k.Frame(addr + 3); f.Symbol != "vfs_read" || f.Offset != 3 {
		t.Errorf("got %s", f.text())
	}
}

func FuzzParseKallsyms(f *testing.F) {
	f.Add(someKallsyms)
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKallsyms(strings.NewReader(text))
		if err != nil {
			return
		}
		for i := range k.addrs {
			k.name(i)
		}
		k.find(1 << 40)
	})
}

func BenchmarkLoadKallsyms(b *testing.B) {
	if err := NewKernelSymbols().Err(); err != nil {
		b.Skip(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := openKallsyms("/proc/kallsyms"); err != nil {
			b.Fatal(err)
		}
	}
}
