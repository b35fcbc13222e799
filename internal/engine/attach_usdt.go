package engine

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"

	"github.com/cilium/ebpf"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// usdtTable holds the places of the USDT probes of a run and the descriptions of
// their arguments, which differ from place to place. It is made before the maps,
// since one of them holds the descriptions.
type usdtTable struct {
	specs  [][]byte
	index  map[string]uint32 // of a description in specs
	places map[*compile.Point][]userPlace
	errs   map[*compile.Point]error
}

// describeUSDT finds the places of all USDT probes. What cannot be found is
// reported when it is attached.
func (r *run) describeUSDT() error {
	t := &r.usdt
	t.index, t.places, t.errs = map[string]uint32{}, map[*compile.Point][]userPlace{}, map[*compile.Point]error{}
	for _, p := range r.obj.Programs {
		if p.Attach != compile.AttachUSDT {
			continue
		}
		for i := range p.Points {
			point := &p.Points[i]
			places, odd, err := t.find(point, r.opts.PID)
			t.places[point], t.errs[point] = places, err
			for _, arg := range odd {
				r.push(&output.Notice{
					Level: output.LevelWarning, Code: "usdt-argument", Meta: output.Meta{Probe: point.AP.Name},
					Text: fmt.Sprintf("An argument of %s is at %q, which the native engine cannot read; it reads as 0.", point.AP.Name, arg),
				})
			}
		}
	}
	return nil
}

func (t *usdtTable) placesOf(point *compile.Point) ([]userPlace, error) {
	return t.places[point], t.errs[point]
}

// find resolves one attach point. The kernel counts the semaphores up while it
// is attached. odd are the operands that cannot be described.
func (t *usdtTable) find(point *compile.Point, pid int) (places []userPlace, odd []string, err error) {
	ap := point.AP.Parsed
	path, err := symbol.ResolveBinary(ap.Target, pid)
	if err != nil {
		return nil, nil, err
	}
	bin, err := symbol.OpenELF(path)
	if err != nil {
		return nil, nil, err
	}
	defer bin.Close()
	pattern := ap.Func
	if ap.Ns != "" {
		pattern = ap.Ns + ":" + ap.Func
	}
	probes, err := bin.USDTProbes(pattern)
	if err != nil {
		return nil, nil, err
	}
	for _, probe := range probes {
		for i := range probe.Locations {
			l := &probe.Locations[i]
			spec, bad := describe(l.Args)
			odd = append(odd, bad...)
			places = append(places, userPlace{
				path: path, offset: l.FileOffset, counter: l.SemaphoreOffset,
				cookie: point.Cookie<<32 | uint64(t.add(spec)), point: point,
			})
		}
	}
	return places, odd, nil
}

// add returns the index of a description.
func (t *usdtTable) add(spec []byte) uint32 {
	if i, ok := t.index[string(spec)]; ok {
		return i
	}
	i := uint32(len(t.specs))
	t.index[string(spec)] = i
	t.specs = append(t.specs, spec)
	return i
}

// sized returns m with room for all descriptions, and with them in it.
func (t *usdtTable) sized(m *compile.Map) *compile.Map {
	out, spec := *m, *m.Spec
	spec.MaxEntries = uint32(max(len(t.specs), 1))
	for i, s := range t.specs {
		spec.Contents = append(spec.Contents, ebpf.MapKV{Key: uint32(i), Value: s})
	}
	out.Spec = &spec
	return &out
}

// noRegister stands for the absence of a register in a description.
const noRegister = 0xffff

// describe encodes the arguments of one place; see compile.USDTSpecSize.
func describe(args []symbol.USDTArg) (spec []byte, odd []string) {
	spec = make([]byte, compile.USDTSpecSize)
	args = args[:min(len(args), compile.USDTArgs)]
	binary.NativeEndian.PutUint64(spec, uint64(len(args)))
	for i := range compile.USDTArgs {
		out := spec[8+i*compile.USDTArgSize:][:compile.USDTArgSize]
		if i < len(args) && describeArg(out, &args[i]) {
			continue
		}
		describeArg(out, &symbol.USDTArg{Kind: symbol.USDTConst, Size: 8}) // reads as 0
		if i < len(args) {
			odd = append(odd, args[i].Text)
		}
	}
	return spec, odd
}

// describeArg reports whether the description can say what arg is.
func describeArg(out []byte, arg *symbol.USDTArg) bool {
	le := binary.NativeEndian
	reg, index, kind, value := uint32(noRegister), uint32(noRegister), uint32(compile.USDTRegister), arg.Const
	ok := !arg.Float && arg.Shift == 0 && arg.Segment == "" && arg.Size >= 1 && arg.Size <= 8
	switch arg.Kind {
	case symbol.USDTConst:
	case symbol.USDTMemory:
		kind, value = compile.USDTMemory, arg.Disp
		if arg.Index != "" {
			index, ok = registerOffset(arg.Index, ok && arg.IndexSize == 8)
		}
		if arg.Reg != "" {
			reg, ok = registerOffset(arg.Reg, ok)
		}
	case symbol.USDTReg:
		value = 0
		reg, ok = registerOffset(arg.Reg, ok)
	default:
		return false
	}
	le.PutUint64(out[compile.USDTValue:], uint64(value))
	le.PutUint32(out[compile.USDTKind:], kind)
	le.PutUint32(out[compile.USDTReg:], reg)
	le.PutUint32(out[compile.USDTIndex:], index)
	le.PutUint32(out[compile.USDTScale:], uint32(bits.TrailingZeros(uint(max(arg.Scale, 1)))))
	le.PutUint32(out[compile.USDTShift:], uint32(64-8*arg.Size))
	le.PutUint32(out[compile.USDTSigned:], 0)
	if arg.Signed {
		le.PutUint32(out[compile.USDTSigned:], 1)
	}
	return ok
}

// registerOffset returns where a register is in struct pt_regs.
func registerOffset(name string, ok bool) (uint32, bool) {
	for i, reg := range ptRegs() {
		if reg == name && reg != "" {
			return uint32(8 * i), ok
		}
	}
	return noRegister, false
}

// ptRegs are the registers of struct pt_regs in order, under their full names.
func ptRegs() []string {
	if runtime.GOARCH == "arm64" {
		regs := make([]string, 0, 34)
		for i := range 31 {
			regs = append(regs, fmt.Sprintf("x%d", i))
		}
		return append(regs, "sp", "pc")
	}
	return []string{
		"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx",
		"rsi", "rdi", "", "rip", "", "", "rsp", "",
	}
}
