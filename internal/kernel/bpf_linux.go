package kernel

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The few parts of uapi/linux/bpf.h that probing needs.
const (
	bpfMapCreate         = 0
	bpfProgLoad          = 5
	bpfProgTestRun       = 10
	bpfProgGetNextID     = 11
	bpfProgGetFDByID     = 13
	bpfObjGetInfoByFD    = 15
	bpfRawTracepointOpen = 17
	bpfBTFLoad           = 18
	bpfBTFGetFDByID      = 19
	bpfMapLookupBatch    = 24
	bpfLinkCreate        = 28
	bpfEnableStats       = 32

	progKprobe        = 2
	progTracepoint    = 5
	progPerfEvent     = 7
	progRawTracepoint = 17
	progTracing       = 26

	attachRawTP         = 23
	attachFentry        = 24
	attachIter          = 28
	attachPerfEvent     = 41
	attachKprobeMulti   = 42
	attachUprobeMulti   = 48
	attachKprobeSession = 56
	attachUprobeSession = 57

	flagSleepable = 1 << 4

	mapHash        = 1
	mapArray       = 2
	mapRingbuf     = 27
	mapTaskStorage = 29
	mapNoPrealloc  = 1
	mapMmapable    = 1 << 10
)

// bpfAttr is the start of union bpf_attr, filled by offset: commands differ in
// everything but their size.
type bpfAttr struct {
	buf  [152]byte
	pins runtime.Pinner
	size int
}

func (a *bpfAttr) u32(off int, v uint32) {
	binary.NativeEndian.PutUint32(a.buf[off:], v)
	a.size = max(a.size, off+4)
}

func (a *bpfAttr) u64(off int, v uint64) {
	binary.NativeEndian.PutUint64(a.buf[off:], v)
	a.size = max(a.size, off+8)
}

// bytes stores the address of b, which stays where it is until call returns.
func (a *bpfAttr) bytes(off int, b []byte) {
	p := unsafe.SliceData(b)
	a.pins.Pin(p)
	a.u64(off, uint64(uintptr(unsafe.Pointer(p))))
}

// call makes the system call. The result is a descriptor for most commands.
func (a *bpfAttr) call(cmd int) (int, error) {
	defer a.pins.Unpin()
	size := (a.size + 7) &^ 7
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(unsafe.Pointer(&a.buf)), uintptr(size))
		switch errno {
		case 0:
			return int(r), nil
		case unix.EAGAIN, unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// insn encodes one instruction.
func insn(op, dst, src byte, off int16, imm int32) uint64 {
	return uint64(op) | uint64(dst)<<8 | uint64(src)<<12 | uint64(uint16(off))<<16 | uint64(uint32(imm))<<32
}

func movImm(dst byte, imm int32) uint64 { return insn(0xb7, dst, 0, 0, imm) }
func movReg(dst, src byte) uint64       { return insn(0xbf, dst, src, 0, 0) }
func addImm(dst byte, imm int32) uint64 { return insn(0x07, dst, 0, 0, imm) }
func callHelper(id int32) uint64        { return insn(0x85, 0, 0, 0, id) }
func callKfunc(id uint32) uint64        { return insn(0x85, 0, 2, 0, int32(id)) }
func exit() uint64                      { return insn(0x95, 0, 0, 0, 0) }

// probeProgram is a program to load for a moment.
type probeProgram struct {
	kind     uint32
	insns    []uint64
	attach   uint32 // expected attach type
	btfID    uint32 // what a tracing program is for
	flags    uint32
	wantsLog bool
}

// load loads the program and returns its descriptor, or the kernel's complaint.
func (p *probeProgram) load() (fd int, log string, err error) {
	code := make([]byte, 0, 8*len(p.insns))
	for _, i := range p.insns {
		code = binary.NativeEndian.AppendUint64(code, i)
	}
	var a bpfAttr
	a.u32(0, p.kind)
	a.u32(4, uint32(len(p.insns)))
	a.bytes(8, code)
	a.bytes(16, []byte("GPL\x00"))
	var buf []byte
	if p.wantsLog {
		buf = make([]byte, 4096)
		a.u32(24, 1)
		a.u32(28, uint32(len(buf)))
		a.bytes(32, buf)
	}
	a.u32(44, p.flags)
	copy(a.buf[48:63], "mcptrace_probe")
	a.u32(68, p.attach)
	a.u32(108, p.btfID)
	fd, err = a.call(bpfProgLoad)
	if i := bytes.IndexByte(buf, 0); i > 0 {
		log = string(buf[:i])
	}
	return fd, log, err
}

// try loads the program and closes it again.
func (p *probeProgram) try() error {
	fd, _, err := p.load()
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// empty is a program that returns 0.
func empty(kind uint32) *probeProgram {
	return &probeProgram{kind: kind, insns: []uint64{movImm(0, 0), exit()}}
}

// createMap makes a map and returns its descriptor.
func createMap(kind, key, value, entries, flags uint32, btf ...uint32) (int, error) {
	var a bpfAttr
	for i, v := range []uint32{kind, key, value, entries, flags} {
		a.u32(4*i, v)
	}
	if len(btf) == 3 { // descriptor, key type, value type
		a.u32(48, btf[0])
		a.u32(52, btf[1])
		a.u32(56, btf[2])
	}
	return a.call(bpfMapCreate)
}
