package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// maxPrograms bounds the search through loaded programs.
const maxPrograms = 65536

// program finds a loaded BPF program and reads the signature of its main
// function from the types it was loaded with.
func (h *host) program(id uint32, name string) (*loadedProgram, error) {
	if id != 0 {
		return readProgram(id, name)
	}
	for range maxPrograms {
		var a bpfAttr
		a.u32(0, id)
		a.u64(8, 0)
		if _, err := a.call(bpfProgGetNextID); err != nil {
			if errors.Is(err, unix.ENOENT) {
				break
			}
			return nil, &Missing{Ability: check.AbilityBPF, Hint: "run as root: only CAP_SYS_ADMIN may list loaded BPF programs", Err: err}
		}
		id = binary.NativeEndian.Uint32(a.buf[4:])
		if p, err := readProgram(id, name); err == nil {
			return p, nil
		}
	}
	return nil, &NotFound{Kind: "BPF program", Name: name}
}

// readProgram reads program id and checks its name, which the kernel keeps 15
// letters of; its types have the whole.
func readProgram(id uint32, name string) (*loadedProgram, error) {
	fd, err := fdByID(bpfProgGetFDByID, id)
	if err != nil {
		return nil, fmt.Errorf("open BPF program %d: %w", id, err)
	}
	defer unix.Close(fd)
	info, err := objectInfo(fd, 224)
	if err != nil {
		return nil, fmt.Errorf("read BPF program %d: %w", id, err)
	}
	short := unix.ByteSliceToString(info[64:80])
	if name != short && (len(short) < 15 || !strings.HasPrefix(name, short)) {
		return nil, &NotFound{Kind: "BPF program", Name: name}
	}
	p := &loadedProgram{id: id, name: name}
	btfID := binary.NativeEndian.Uint32(info[128:])
	if btfID == 0 {
		return p, nil
	}
	p.params, p.result, err = programSignature(btfID, name)
	return p, err
}

func fdByID(cmd int, id uint32) (int, error) {
	var a bpfAttr
	a.u32(0, id)
	a.u64(8, 0)
	return a.call(cmd)
}

// objectInfo returns the first size bytes of the info about a descriptor.
func objectInfo(fd, size int) ([]byte, error) {
	info := make([]byte, size)
	err := fillInfo(fd, info)
	return info, err
}

func fillInfo(fd int, info []byte) error {
	var a bpfAttr
	a.u32(0, uint32(fd))
	a.u32(4, uint32(len(info)))
	a.bytes(8, info)
	_, err := a.call(bpfObjGetInfoByFD)
	return err
}

// programSignature reads the BTF that a program was loaded with. Its ids are not
// the kernel's, so types go out without references.
func programSignature(btfID uint32, name string) ([]check.Field, *check.Type, error) {
	fd, err := fdByID(bpfBTFGetFDByID, btfID)
	if err != nil {
		return nil, nil, fmt.Errorf("open BTF %d: %w", btfID, err)
	}
	defer unix.Close(fd)
	info, err := objectInfo(fd, 16) // pointer, size, id
	if err != nil {
		return nil, nil, fmt.Errorf("read BTF %d: %w", btfID, err)
	}
	raw := make([]byte, binary.NativeEndian.Uint32(info[8:]))
	var a, inner bpfAttr
	defer inner.pins.Unpin()
	inner.bytes(0, raw)
	inner.u32(8, uint32(len(raw)))
	a.u32(0, uint32(fd))
	a.u32(4, 16)
	a.bytes(8, inner.buf[:16])
	if _, err := a.call(bpfObjGetInfoByFD); err != nil {
		return nil, nil, fmt.Errorf("read BTF %d: %w", btfID, err)
	}
	types := newTypeSet(func(string) ([]byte, error) { return raw, nil }, func() []string { return nil })
	params, result, err := types.function("vmlinux", name)
	if err != nil {
		return nil, nil, err
	}
	for i := range params {
		params[i].Type = withoutRef(params[i].Type)
	}
	return params, withoutRef(result), nil
}

func withoutRef(t *check.Type) *check.Type {
	if t == nil {
		return nil
	}
	c := *t
	c.BTF = check.BTFRef{}
	return &c
}
