//lint:file-ignore U1000 the fields are those of the kernel, used or not

package engine

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The attributes of bpf(2) below are the kernel's union bpf_attr, one struct a
// command (include/uapi/linux/bpf.h). Pointers are real pointers, so that the
// garbage collector follows them; every supported machine has 64 bits. A kernel
// that knows fewer fields accepts a longer attribute when the rest is zero.
type (
	mapCreateAttr struct {
		mapType, keySize, valueSize, maxEntries, flags uint32
		innerMapFD, numaNode                           uint32
		name                                           [16]byte
		ifindex, btfFD, btfKey, btfValue, btfVmlinux   uint32
		extra                                          uint64
	}

	mapElemAttr struct {
		fd    uint32
		_     uint32
		key   unsafe.Pointer
		value unsafe.Pointer // or the next key
		flags uint64
	}

	mapBatchAttr struct {
		inBatch, outBatch, keys, values unsafe.Pointer
		count, fd                       uint32
		elemFlags, flags                uint64
	}

	progLoadAttr struct {
		progType, insnCnt              uint32
		insns, license                 unsafe.Pointer
		logLevel, logSize              uint32
		logBuf                         unsafe.Pointer
		kernVersion, flags             uint32
		name                           [16]byte
		ifindex, expectedAttach        uint32
		btfFD, funcInfoSize            uint32
		funcInfo                       unsafe.Pointer
		funcInfoCnt, lineInfoSize      uint32
		lineInfo                       unsafe.Pointer
		lineInfoCnt, attachBTF         uint32
		attachFD                       uint32 // program or BTF object
		coreReloCnt                    uint32
		fdArray, coreRelos             unsafe.Pointer
		coreReloSize, logTrueSize, tok uint32
	}

	rawTracepointAttr struct {
		name   unsafe.Pointer
		progFD uint32
		_      uint32
		cookie uint64
	}

	testRunAttr struct {
		progFD, retval                uint32
		dataInSize, dataOutSize       uint32
		dataIn, dataOut               unsafe.Pointer
		repeat, duration              uint32
		ctxInSize, ctxOutSize         uint32
		ctxIn, ctxOut                 unsafe.Pointer
		flags, cpu, batchSize, unused uint32
	}

	btfLoadAttr struct {
		btf, log               unsafe.Pointer
		size, logSize, level   uint32
		logTrueSize, flags, fd uint32
	}

	objInfoAttr struct {
		fd, size uint32
		info     unsafe.Pointer
	}

	// linkCreateAttr begins every link attribute; what follows depends on the
	// type of the attachment.
	linkCreateAttr struct {
		progFD, targetFD, attachType, flags uint32
	}

	linkPerfAttr struct {
		linkCreateAttr
		cookie uint64
	}

	linkTracingAttr struct {
		linkCreateAttr
		targetBTF, _ uint32
		cookie       uint64
	}

	linkIterAttr struct {
		linkCreateAttr
		info    unsafe.Pointer
		infoLen uint32
		_       uint32
	}

	linkKprobeMultiAttr struct {
		linkCreateAttr
		multiFlags, count    uint32
		syms, addrs, cookies unsafe.Pointer
	}

	linkUprobeMultiAttr struct {
		linkCreateAttr
		path, offsets, refCounters, cookies unsafe.Pointer
		count, multiFlags                   uint32
		pid, _                              uint32
	}
)

// bpf calls bpf(2) and retries what the kernel asks to retry: the verifier gives
// up with EAGAIN when a signal is pending, and Go's runtime sends many.
func bpf[T any](cmd int, attr *T) (int, error) {
	for try := 0; ; try++ {
		n, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(cmd), uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr))
		runtime.KeepAlive(attr)
		switch {
		case errno == 0:
			return int(n), nil
		case errno == unix.EINTR, errno == unix.EAGAIN && try < 30:
			continue
		}
		return -1, errno
	}
}

// objName makes name acceptable as the name of a BPF object: at most 15 of
// letters, digits, '_' and '.'.
func objName(name string) (out [16]byte) {
	n := 0
	for i := 0; i < len(name) && n < 15; i++ {
		c := name[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.':
			out[n] = c
			n++
		}
	}
	return out
}

// cstring returns s with a final NUL byte, for the kernel.
func cstring(s string) unsafe.Pointer {
	b := make([]byte, len(s)+1)
	copy(b, s)
	return unsafe.Pointer(&b[0])
}

func closeFD(fd int) error {
	if fd < 0 {
		return nil
	}
	return unix.Close(fd)
}

// isErrno reports whether err is one of the given errors of the kernel.
func isErrno(err error, nos ...unix.Errno) bool {
	for _, no := range nos {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

// errNotSupp is the kernel's ENOTSUPP, which it returns here and there although
// it is not meant for user space.
const errNotSupp = unix.Errno(524)
