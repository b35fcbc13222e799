package engine

import (
	"errors"
	"strconv"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// ksymProg names kernel addresses by a program that prints one with "%pS" into a
// mapped array. It needs no right to read kernel addresses.
type ksymProg struct {
	prog   *program
	slot   *bpfMap
	format *bpfMap
}

// Layout of the slot: the address, then the text.
const (
	ksymText     = 8
	ksymTextSize = 504
)

func newKsymProg() (*ksymProg, error) {
	k := &ksymProg{}
	var err error
	if k.slot, err = createMap(&compile.Map{Name: "ksym", Spec: &ebpf.MapSpec{
		Type: ebpf.Array, KeySize: 4, ValueSize: ksymText + ksymTextSize, MaxEntries: 1, Flags: unix.BPF_F_MMAPABLE,
	}}, 1, 0); err != nil {
		return nil, err
	}
	if k.format, err = createMap(&compile.Map{Name: "ksym_format", Spec: &ebpf.MapSpec{
		Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_RDONLY_PROG,
		Contents: []ebpf.MapKV{{Key: uint32(0), Value: []byte("%pS\x00\x00\x00\x00\x00")}},
	}}, 1, 0); err != nil {
		return nil, errors.Join(err, k.close())
	}
	l := &loader{maps: map[string]*bpfMap{"slot": k.slot, "format": k.format}, license: "GPL"}
	k.prog, err = l.load(&loadRequest{prog: &compile.Program{Name: "ksym", Type: ebpf.RawTracepoint, Insns: asm.Instructions{
		asm.LoadMapValue(asm.R1, 0, ksymText).WithReference("slot"),
		asm.Mov.Imm(asm.R2, ksymTextSize),
		asm.LoadMapValue(asm.R3, 0, 0).WithReference("format"),
		asm.LoadMapValue(asm.R4, 0, 0).WithReference("slot"),
		asm.Mov.Imm(asm.R5, 8),
		asm.FnSnprintf.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}}})
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	return k, nil
}

func (k *ksymProg) close() error {
	if k == nil {
		return nil
	}
	var errs []error
	if k.prog != nil {
		errs = append(errs, closeFD(k.prog.fd))
	}
	for _, m := range []*bpfMap{k.slot, k.format} {
		if m != nil {
			errs = append(errs, m.close())
		}
	}
	return errors.Join(errs...)
}

// frame names addr. It is not safe for concurrent use.
func (k *ksymProg) frame(addr uint64) (output.Frame, bool) {
	*(*uint64)(unsafe.Pointer(&k.slot.mem[0])) = addr
	k.slot.mem[ksymText] = 0
	if _, err := testRun(k.prog); err != nil {
		return output.Frame{}, false
	}
	text := cutLog(k.slot.mem[ksymText : ksymText+ksymTextSize])
	return parseKsym(addr, text), true
}

// parseKsym reads "name+0x1f/0x40 [module]"; an address without a name is
// printed as a number.
func parseKsym(addr uint64, text string) output.Frame {
	f := output.Frame{Addr: addr}
	text, module, _ := strings.Cut(text, " [")
	name, rest, ok := strings.Cut(text, "+0x")
	if !ok {
		return f
	}
	offset, _, _ := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(offset, 16, 64)
	if err != nil {
		return f
	}
	f.Symbol, f.Offset, f.Module = name, n, strings.TrimSuffix(module, "]")
	if name, _, ok := strings.Cut(f.Module, " "); ok { // a build id can follow
		f.Module = name
	}
	return f
}
