package compile

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
)

// loaded are the maps and programs of an Object in the kernel.
type loaded struct {
	maps  map[string]*ebpf.Map
	progs []*ebpf.Program
}

func (l *loaded) close() {
	for _, p := range l.progs {
		p.Close()
	}
	for _, m := range l.maps {
		m.Close()
	}
}

// load puts an Object into the kernel: the verifier is the judge.
func load(obj *Object) (*loaded, error) {
	l := &loaded{maps: map[string]*ebpf.Map{}}
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, err
	}
	for _, m := range obj.Maps {
		spec := m.Spec.Copy()
		if spec.MaxEntries == 0 {
			spec.MaxEntries = 1
		}
		em, err := ebpf.NewMap(spec)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("map %s: %w", m.Name, err)
		}
		l.maps[m.Name] = em
	}
	for _, p := range obj.Programs {
		prog, err := l.program(p)
		if err != nil {
			l.close()
			return nil, fmt.Errorf("program %s: %w", p.Name, err)
		}
		l.progs = append(l.progs, prog)
	}
	return l, nil
}

func (l *loaded) program(p *Program) (*ebpf.Program, error) {
	insns := make(asm.Instructions, len(p.Insns))
	copy(insns, p.Insns)
	funcs := 0
	for i := range insns {
		if insns[i].Symbol() != "" {
			funcs++
		}
	}
	first := true
	for i := range insns {
		if s := insns[i].Symbol(); s != "" && funcs > 1 {
			insns[i] = withFuncInfo(insns[i], s, first)
			first = false
		}
		if m := l.maps[insns[i].Reference()]; m != nil && insns[i].IsLoadFromMap() {
			if err := insns[i].AssociateMap(m); err != nil {
				return nil, err
			}
		}
	}
	spec := &ebpf.ProgramSpec{Name: p.Name, Type: p.Type, AttachType: p.Expect, Instructions: insns, License: "GPL"}
	switch p.Attach {
	case AttachBTFTracepoint, AttachFentry, AttachFexit, AttachIter:
		spec.AttachTo = p.Points[0].AP.Parsed.Func
	}
	prog, err := ebpf.NewProgramWithOptions(spec, ebpf.ProgramOptions{LogDisabled: true})
	if err == nil {
		return prog, nil
	}
	_, err = ebpf.NewProgramWithOptions(spec, ebpf.ProgramOptions{LogLevel: ebpf.LogLevelInstruction, LogSizeStart: 1 << 20})
	if err == nil {
		return nil, errors.New("loads only with a log")
	}
	var ve *ebpf.VerifierError
	if errors.As(err, &ve) {
		n := len(ve.Log)
		return nil, fmt.Errorf("%w\n%s", err, strings.Join(ve.Log[max(0, n-40):], "\n"))
	}
	return nil, err
}

// withFuncInfo adds the BTF of a function, which the kernel wants of programs
// with callbacks.
func withFuncInfo(ins asm.Instruction, name string, main bool) asm.Instruction {
	long := &btf.Int{Name: "long", Size: 8, Encoding: btf.Signed}
	f := &btf.Func{Name: name, Type: &btf.FuncProto{Return: long, Params: []btf.FuncParam{{Name: "ctx", Type: long}}}, Linkage: btf.StaticFunc}
	if main {
		f.Linkage = btf.GlobalFunc
	}
	return btf.WithFuncMetadata(ins, f)
}

// requireBPF skips where programs cannot be loaded at all.
func requireBPF(t *testing.T) {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.RawTracepoint, License: "GPL", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()}})
	if err != nil {
		t.Skipf("cannot load BPF programs here: %v", err)
	}
	p.Close()
}

// runOnce compiles a program that only begins, loads it and runs it once.
func runOnce(t *testing.T, text string) (*loaded, *Object) {
	t.Helper()
	obj, err := compileText(text, requireHost(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := load(obj)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.progs[0].Run(&ebpf.RunOptions{}); err != nil {
		l.close()
		t.Skipf("cannot run programs here: %v", err)
	}
	return l, obj
}
