package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/internal/compile"
)

// program is a program in the kernel.
type program struct {
	*compile.Program
	expect ebpf.AttachType // as it was loaded
	fd     int
	log    string // what the verifier said, when that was asked for
}

// loader puts the programs of one Object into the kernel.
type loader struct {
	maps    map[string]*bpfMap
	license string
	verbose bool
}

// loadRequest is one program on its way into the kernel.
type loadRequest struct {
	prog   *compile.Program
	expect ebpf.AttachType
	target attachTarget
	flags  uint32
}

// attachTarget is what a program of a typed kind (fentry, tp_btf, iter) is
// verified against. The zero value is right for all others.
type attachTarget struct {
	typeID uint32 // in the BTF of object, or of the program fd
	object int    // descriptor of a module's BTF or of a BPF program; 0 for vmlinux
}

// sizes of the verifier's log: enough for the end of any rejection, and never
// more memory than is reasonable. A log that is too long keeps its end.
const (
	failLogSize    = 256 << 10
	verboseLogSize = 4 << 20
)

// load puts one program into the kernel. It asks for no log at first, since the
// log of a long program costs more than its verification; only a rejected
// program is verified again with one.
func (l *loader) load(req *loadRequest) (*program, error) {
	raw, err := l.encode(req.prog)
	if err != nil {
		return nil, fmt.Errorf("encode program %s: %w", req.prog.Name, err)
	}
	attr := l.attr(req, raw)
	funcs := functions(req.prog.Insns)
	if len(funcs) > 1 {
		fd, err := attachTypes(attr, req.prog, funcs, false)
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
	}
	if l.verbose {
		return l.loadLogged(req, attr, verboseLogSize)
	}
	fd, err := bpf(unix.BPF_PROG_LOAD, attr)
	if err == nil {
		return &program{Program: req.prog, expect: req.expect, fd: fd}, nil
	}
	if !rejected(err) {
		return nil, loadError(req.prog, err, "")
	}
	return l.loadLogged(req, attr, failLogSize)
}

// rejected reports whether err can come from the verifier.
func rejected(err error) bool {
	return isErrno(err, unix.EACCES, unix.EINVAL, unix.E2BIG, unix.EPERM, unix.EFAULT, errNotSupp)
}

// loadLogged loads with the verifier's log and source lines.
func (l *loader) loadLogged(req *loadRequest, attr *progLoadAttr, size int) (*program, error) {
	fd, err := attachTypes(attr, req.prog, functions(req.prog.Insns), true)
	if err == nil {
		defer unix.Close(fd)
	}
	log := make([]byte, size)
	attr.logLevel, attr.logSize, attr.logBuf = 1, uint32(size), unsafe.Pointer(&log[0])
	progFD, err := bpf(unix.BPF_PROG_LOAD, attr)
	if isErrno(err, unix.ENOSPC) { // before 6.4 a log that was too long failed the load
		attr.logLevel, attr.logSize, attr.logBuf = 0, 0, nil
		if progFD, err = bpf(unix.BPF_PROG_LOAD, attr); err != nil {
			return nil, loadError(req.prog, err, cutLog(log))
		}
	}
	if err != nil {
		return nil, loadError(req.prog, err, cutLog(log))
	}
	return &program{Program: req.prog, expect: req.expect, fd: progFD, log: cutLog(log)}, nil
}

func cutLog(log []byte) string {
	if i := bytes.IndexByte(log, 0); i >= 0 {
		log = log[:i]
	}
	return string(log)
}

func (l *loader) attr(req *loadRequest, raw []byte) *progLoadAttr {
	attr := &progLoadAttr{
		progType:       uint32(req.prog.Type),
		insnCnt:        uint32(len(raw) / asm.InstructionSize),
		insns:          unsafe.Pointer(&raw[0]),
		license:        cstring(l.license),
		flags:          req.flags,
		name:           objName(req.prog.Name),
		expectedAttach: uint32(req.expect),
		attachBTF:      req.target.typeID,
		attachFD:       uint32(req.target.object),
	}
	if req.prog.Sleepable {
		attr.flags |= unix.BPF_F_SLEEPABLE
	}
	return attr
}

// encode writes the instructions of p with the descriptors of the maps in place.
// The Object's own instructions are shared and stay as they are.
func (l *loader) encode(p *compile.Program) ([]byte, error) {
	insns := make(asm.Instructions, len(p.Insns))
	copy(insns, p.Insns)
	if len(insns) == 0 {
		return nil, fmt.Errorf("it has no instructions")
	}
	for i := range insns {
		ins := &insns[i]
		if !ins.IsLoadFromMap() {
			continue
		}
		m := l.maps[ins.Reference()]
		if m == nil {
			return nil, fmt.Errorf("instruction %d: no map %q", i, ins.Reference())
		}
		ins.Constant = int64(uint64(ins.Constant)&^0xffffffff | uint64(uint32(m.fd)))
	}
	var buf bytes.Buffer
	buf.Grow(len(insns) * 2 * asm.InstructionSize)
	if err := insns.Marshal(&buf, binary.LittleEndian); err != nil { // as all machines that compile knows
		return nil, err
	}
	return buf.Bytes(), nil
}

// function is a function of a program: its first instruction, counted in units
// of 8 bytes as the kernel does.
type function struct {
	name string
	raw  int
}

// functions finds the functions of a program: its beginning, and every symbol
// that is called or taken the address of.
func functions(insns asm.Instructions) []function {
	called := map[string]bool{}
	for i := range insns {
		if insns[i].IsFunctionReference() {
			called[insns[i].Reference()] = true
		}
	}
	var funcs []function
	raw := 0
	for i := range insns {
		name := insns[i].Symbol()
		if i == 0 || name != "" && called[name] {
			funcs = append(funcs, function{identifier(name), raw})
		}
		raw += int(insns[i].Width())
	}
	return funcs
}

// identifier makes name a C identifier, which is what BTF wants.
func identifier(name string) string {
	if name == "" {
		return "probe"
	}
	b := []byte(name)
	for i, c := range b {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			b[i] = '_'
		}
	}
	return string(b)
}

// attachTypes adds function records, and source lines if wanted, to attr. The
// descriptor it returns must stay open until the program is loaded.
func attachTypes(attr *progLoadAttr, p *compile.Program, funcs []function, lines bool) (int, error) {
	blob := newBTFBlob()
	var info []byte
	for i := range funcs {
		info = binary.NativeEndian.AppendUint32(info, uint32(funcs[i].raw))
		info = binary.NativeEndian.AppendUint32(info, blob.function(funcs[i].name))
	}
	var lineInfo []byte
	if lines {
		lineInfo = appendLines(blob, p, funcs)
	}
	fd, err := blob.load()
	if err != nil {
		return -1, err
	}
	attr.btfFD = uint32(fd)
	attr.funcInfo, attr.funcInfoCnt, attr.funcInfoSize = unsafe.Pointer(&info[0]), uint32(len(funcs)), funcInfoSize
	if len(lineInfo) > 0 {
		attr.lineInfo = unsafe.Pointer(&lineInfo[0])
		attr.lineInfoCnt, attr.lineInfoSize = uint32(len(lineInfo)/lineInfoSize), lineInfoSize
	}
	return fd, nil
}

// appendLines makes the kernel's line records. It wants one at the first
// instruction of every function, in order and without repeats.
func appendLines(blob *btfBlob, p *compile.Program, funcs []function) []byte {
	var out []byte
	starts := map[int]bool{}
	for _, f := range funcs {
		starts[f.raw] = true
	}
	raw, next := 0, 0
	var at compile.Line
	for i := range p.Insns {
		changed := false
		for next < len(p.Lines) && p.Lines[next].Insn <= i {
			at, changed = p.Lines[next], true
			next++
		}
		if changed || starts[raw] {
			out = appendLine(out, blob, raw, at)
		}
		raw += int(p.Insns[i].Width())
	}
	return out
}

func appendLine(out []byte, blob *btfBlob, raw int, at compile.Line) []byte {
	var file, text, pos uint32
	if src := at.Span.Src; src != nil {
		line, col := src.Position(int(at.Span.Start))
		file, text = blob.str(identifierPath(src.Name)), blob.str(printable(src.Line(line)))
		pos = uint32(line)<<10 | uint32(min(col, 1023))
	}
	if file == 0 {
		file, text = blob.str("program"), blob.str(" ")
	}
	le := binary.NativeEndian
	out = le.AppendUint32(out, uint32(raw))
	out = le.AppendUint32(out, file)
	out = le.AppendUint32(out, text)
	return le.AppendUint32(out, pos)
}

// identifierPath and printable keep control characters out of the kernel's log.
func identifierPath(name string) string {
	if name == "" {
		return "program"
	}
	return printable(name)
}

func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = ' '
		}
	}
	if len(b) > 120 {
		b = b[:120]
	}
	return string(b)
}
