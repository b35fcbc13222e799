package engine

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kinds of BTF types that the engine makes itself (Documentation/bpf/btf.rst).
const (
	btfInt       = 1
	btfStruct    = 4
	btfFunc      = 12
	btfFuncProto = 13
)

// Sizes of the records of struct bpf_func_info and struct bpf_line_info.
const (
	funcInfoSize = 8
	lineInfoSize = 16
)

// btfBlob builds the type information that the kernel wants beside a program
// with subprograms, beside a map of task storage, and for source lines in the
// log of the verifier. Its first type is always the 4-byte int.
type btfBlob struct {
	types   []byte
	strings []byte
	count   uint32
	proto   uint32 // int f(void), once made
}

func newBTFBlob() *btfBlob {
	b := &btfBlob{strings: []byte{0}}
	b.add("int", btfInt<<24, 4, 1<<24|32) // signed, 32 bits
	return b
}

// str adds a string and returns its offset.
func (b *btfBlob) str(s string) uint32 {
	if s == "" {
		return 0
	}
	off := uint32(len(b.strings))
	b.strings = append(append(b.strings, s...), 0)
	return off
}

// add adds a type with its trailing words and returns its id.
func (b *btfBlob) add(name string, info, size uint32, more ...uint32) uint32 {
	le := binary.NativeEndian
	b.types = le.AppendUint32(b.types, b.str(name))
	b.types = le.AppendUint32(b.types, info)
	b.types = le.AppendUint32(b.types, size)
	for _, w := range more {
		b.types = le.AppendUint32(b.types, w)
	}
	b.count++
	return b.count
}

// structOf adds a struct without members of the given size: what task storage
// wants to know of its value.
func (b *btfBlob) structOf(name string, size int) uint32 {
	return b.add(name, btfStruct<<24, uint32(size))
}

// function adds a static function. The kernel looks at names, linkage and the
// return type only; parameters of static functions come from the verifier.
func (b *btfBlob) function(name string) uint32 {
	if b.proto == 0 {
		b.proto = b.add("", btfFuncProto<<24, 1)
	}
	return b.add(name, btfFunc<<24, b.proto)
}

// load hands the types to the kernel and returns the descriptor.
func (b *btfBlob) load() (int, error) {
	var buf bytes.Buffer
	header := struct {
		Magic                              uint16
		Version, Flags                     uint8
		Len, TypeOff, TypeLen, StrOff, Str uint32
	}{0xeB9F, 1, 0, 24, 0, uint32(len(b.types)), uint32(len(b.types)), uint32(len(b.strings))}
	if err := binary.Write(&buf, binary.NativeEndian, &header); err != nil {
		return -1, err
	}
	buf.Write(b.types)
	buf.Write(b.strings)
	data := buf.Bytes()
	fd, err := bpf(unix.BPF_BTF_LOAD, &btfLoadAttr{btf: unsafe.Pointer(&data[0]), size: uint32(len(data))})
	if err != nil {
		return -1, fmt.Errorf("load type information: %w", err)
	}
	return fd, nil
}
