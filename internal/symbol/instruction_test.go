package symbol

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every instruction of real programs has the length that objdump gives it.
func TestInstructionLengths(t *testing.T) {
	for _, path := range []string{libc(t), compile(t, "g++", "overloads.cc", "-O2")} {
		if open(t, path).Machine() != elf.EM_X86_64 {
			t.Skip("needs x86-64")
		}
		checked, wrong := 0, 0
		for line := range strings.Lines(run(t, "objdump", "-d", "-w", "-j", ".text", path)) {
			parts := strings.Split(strings.TrimSpace(line), "\t")
			if len(parts) < 3 || strings.Contains(parts[2], "(bad)") || strings.HasPrefix(parts[2], ".byte") {
				continue
			}
			code, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(parts[1]), " ", ""))
			// objdump shows some prefixes as instructions of their own.
			if err != nil || len(code) == 1 && (isX86Prefix(code[0]) || code[0]&0xf0 == 0x40) {
				continue
			}
			checked++
			if n := x86Length(append(code, 0x90, 0x90, 0x90, 0x90)); n != len(code) {
				if wrong++; wrong < 10 {
					t.Errorf("%s: %s: got %d bytes", path, strings.TrimSpace(line), n)
				}
			}
		}
		if checked < 50 || wrong > 0 {
			t.Errorf("%s: %d of %d instructions differ", path, wrong, checked)
		}
	}
}

func TestCheckOffset(t *testing.T) {
	b := open(t, "testdata/tiny.elf")
	f, err := b.Function("move")
	if err != nil {
		t.Fatal(err)
	}
	starts := map[uint64]bool{}
	b.eachInstruction(f, func(off uint64, code []byte) bool { starts[off] = true; return true })
	if len(starts) < 10 {
		t.Fatalf("%d instructions", len(starts))
	}
	for off := range f.Size {
		if err := b.CheckOffset(f, off); (err == nil) != starts[off] {
			t.Errorf("+%d: %v", off, err)
		}
	}
	if err := b.CheckOffset(f, f.Size); err == nil || !strings.Contains(err.Error(), strconv.FormatUint(f.Size, 10)) {
		t.Errorf("behind the end: %v", err)
	}
	f.Size = 0
	if err := b.CheckOffset(f, 1); !errors.Is(err, ErrNotDecoded) {
		t.Errorf("without a size: %v", err)
	}
}

func TestReturnsAgreeWithObjdump(t *testing.T) {
	b := open(t, libc(t))
	if b.Machine() != elf.EM_X86_64 {
		t.Skip("needs x86-64")
	}
	total := 0
	for _, name := range []string{"malloc", "fclose", "getaddrinfo", "qsort"} {
		f, err := b.Function(name)
		if err != nil {
			t.Fatal(err)
		}
		var want []uint64
		out := run(t, "objdump", "-d", "--no-show-raw-insn", fmt.Sprintf("--start-address=%d", f.Addr), fmt.Sprintf("--stop-address=%d", f.Addr+f.Size), b.Path())
		for line := range strings.Lines(out) {
			at, text, _ := strings.Cut(strings.TrimSpace(line), ":")
			if addr, err := strconv.ParseUint(at, 16, 64); err == nil && strings.Contains(text+" ", "\tret ") || strings.HasSuffix(text, "\tret") {
				want = append(want, addr-f.Addr+f.FileOffset)
			}
		}
		got, err := b.Returns(f)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %#x, %v; objdump has %#x", name, got, err, want)
		}
		total += len(got)
	}
	if total == 0 {
		t.Error("no function returns")
	}
}

func TestInstructionARM64(t *testing.T) {
	if !isReturn(elf.EM_AARCH64, []byte{0xc0, 0x03, 0x5f, 0xd6}) || isReturn(elf.EM_AARCH64, []byte{0xc0, 0x03, 0x1f, 0xd6}) {
		t.Error("ret of arm64")
	}
}

func FuzzX86Length(f *testing.F) {
	f.Add([]byte{0x48, 0x8b, 0x05, 1, 2, 3, 4})
	f.Add([]byte{0x62, 0xf1, 0x7c, 0x48, 0x10, 0x44, 0x24, 1})
	f.Fuzz(func(t *testing.T, code []byte) {
		if n := x86Length(code); n < 0 || n > len(code) || n > maxX86Length {
			t.Errorf("%x: %d", code, n)
		}
	})
}
