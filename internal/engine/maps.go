package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// DefaultRingBytes is the size of the ring buffer when Options say nothing.
const DefaultRingBytes = 1 << 20

// bpfMap is a map in the kernel.
type bpfMap struct {
	*compile.Map
	fd      int
	keySize int
	cpus    int // values in one lookup: possible CPUs of per-CPU maps, else 1
	stride  int // bytes between the values of two CPUs
	entries int
	mem     []byte // mapped value of a map with BPF_F_MMAPABLE
}

// valueBytes is the size of what one lookup returns.
func (m *bpfMap) valueBytes() int { return m.cpus * m.stride }

// isArray reports whether keys are indexes that always exist.
func (m *bpfMap) isArray() bool {
	return m.Spec.Type == ebpf.Array || m.Spec.Type == ebpf.PerCPUArray
}

// createMap makes m in the kernel. ringBytes is the size of a ring buffer.
func createMap(m *compile.Map, cpus, ringBytes int) (*bpfMap, error) {
	spec := m.Spec
	out := &bpfMap{Map: m, fd: -1, keySize: int(spec.KeySize), cpus: 1, stride: int(spec.ValueSize), entries: int(spec.MaxEntries)}
	switch spec.Type {
	case ebpf.PerCPUHash, ebpf.PerCPUArray, ebpf.LRUCPUHash:
		out.cpus, out.stride = cpus, (int(spec.ValueSize)+7)&^7
	case ebpf.RingBuf:
		out.entries = ringSize(ringBytes)
	}
	attr := &mapCreateAttr{
		mapType: uint32(spec.Type), keySize: spec.KeySize, valueSize: spec.ValueSize,
		maxEntries: uint32(out.entries), flags: spec.Flags, name: objName(m.Name),
	}
	if spec.Type == ebpf.TaskStorage {
		fd, err := storageTypes(attr)
		if err != nil {
			return nil, err
		}
		defer unix.Close(fd)
	}
	fd, err := createLocked(attr)
	if err != nil {
		return nil, mapError(m, err)
	}
	out.fd = fd
	if err := out.fill(); err != nil {
		out.close()
		return nil, err
	}
	return out, nil
}

// createLocked creates a map; kernels before 5.11 count maps against
// RLIMIT_MEMLOCK and refuse with EPERM, which raising the limit cures.
func createLocked(attr *mapCreateAttr) (int, error) {
	fd, err := bpf(unix.BPF_MAP_CREATE, attr)
	if !isErrno(err, unix.EPERM) {
		return fd, err
	}
	all := &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Prlimit(0, unix.RLIMIT_MEMLOCK, all, nil) != nil {
		return fd, err
	}
	return bpf(unix.BPF_MAP_CREATE, attr)
}

func mapError(m *compile.Map, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return missing("bpf", "creating maps needs CAP_BPF (and CAP_PERFMON to trace), or root", err)
	case errors.Is(err, unix.E2BIG) && m.Spec.KeySize > 512:
		return missing(check.AbilityLargeMapKey, fmt.Sprintf("keys of %s take %d bytes, and this kernel allows 512: set config = { max_strlen=100 } or use fewer strings in a key", m.Name, m.Spec.KeySize), err)
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.E2BIG):
		return fmt.Errorf("create map %s: %d entries of %d bytes: %w; lower max_map_keys", m.Name, m.Spec.MaxEntries, m.Spec.ValueSize, err)
	case errors.Is(err, unix.EINVAL):
		return missing(check.Ability("map_"+strings.ToLower(m.Spec.Type.String())), fmt.Sprintf("this kernel has no maps of type %s, which %s needs", m.Spec.Type, m.Name), err)
	}
	return fmt.Errorf("create map %s: %w", m.Name, err)
}

// ringSize rounds up to what the kernel takes: a power of two of pages.
func ringSize(n int) int {
	if n <= 0 {
		n = DefaultRingBytes
	}
	n = max(n, os.Getpagesize())
	return 1 << bits.Len(uint(n-1))
}

// storageTypes adds what task storage must be told about key and value.
func storageTypes(attr *mapCreateAttr) (int, error) {
	blob := newBTFBlob()
	attr.btfKey, attr.btfValue = 1, blob.structOf("value", int(attr.valueSize))
	fd, err := blob.load()
	attr.btfFD = uint32(fd)
	return fd, err
}

// fill writes the first contents and maps or freezes what wants it.
func (m *bpfMap) fill() error {
	for _, kv := range m.Spec.Contents {
		key, err := rawBytes(kv.Key)
		if err != nil {
			return fmt.Errorf("fill map %s: key: %w", m.Name, err)
		}
		value, err := rawBytes(kv.Value)
		if err != nil {
			return fmt.Errorf("fill map %s: value: %w", m.Name, err)
		}
		if err := m.update(key, value); err != nil {
			return fmt.Errorf("fill map %s: %w", m.Name, err)
		}
	}
	if m.Spec.Flags&unix.BPF_F_RDONLY_PROG != 0 {
		if _, err := bpf(unix.BPF_MAP_FREEZE, &mapElemAttr{fd: uint32(m.fd)}); err != nil {
			return fmt.Errorf("freeze map %s: %w", m.Name, err)
		}
	}
	if m.Spec.Flags&unix.BPF_F_MMAPABLE != 0 {
		return m.mmap()
	}
	return nil
}

func (m *bpfMap) mmap() error {
	page := os.Getpagesize()
	size := (m.stride*m.entries + page - 1) &^ (page - 1)
	mem, err := unix.Mmap(m.fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map memory of map %s: %w", m.Name, err)
	}
	m.mem = mem
	return nil
}

// rawBytes encodes the keys and values that a MapSpec holds.
func rawBytes(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	}
	return binary.Append(nil, binary.NativeEndian, v)
}

func (m *bpfMap) close() error {
	if m.mem != nil {
		_ = unix.Munmap(m.mem)
		m.mem = nil
	}
	err := closeFD(m.fd)
	m.fd = -1
	return err
}

func (m *bpfMap) update(key, value []byte) error {
	_, err := bpf(unix.BPF_MAP_UPDATE_ELEM, &mapElemAttr{fd: uint32(m.fd), key: unsafe.Pointer(&key[0]), value: unsafe.Pointer(&value[0])})
	return err
}

// lookup reads one entry into value, which has valueBytes bytes.
func (m *bpfMap) lookup(key, value []byte) error {
	_, err := bpf(unix.BPF_MAP_LOOKUP_ELEM, &mapElemAttr{fd: uint32(m.fd), key: unsafe.Pointer(&key[0]), value: unsafe.Pointer(&value[0])})
	return err
}

func (m *bpfMap) remove(key []byte) error {
	_, err := bpf(unix.BPF_MAP_DELETE_ELEM, &mapElemAttr{fd: uint32(m.fd), key: unsafe.Pointer(&key[0])})
	return err
}

// nextKey puts the key after key (nil: the first one) into next.
func (m *bpfMap) nextKey(key, next []byte) error {
	attr := &mapElemAttr{fd: uint32(m.fd), value: unsafe.Pointer(&next[0])}
	if key != nil {
		attr.key = unsafe.Pointer(&key[0])
	}
	_, err := bpf(unix.BPF_MAP_GET_NEXT_KEY, attr)
	return err
}

// each calls f with every entry. The slices are valid only during the call.
// Entries that come or go meanwhile may be missed, as in any reading of a live map.
func (m *bpfMap) each(f func(key, value []byte)) error {
	if m.isArray() {
		return m.eachIndex(f)
	}
	err := m.eachBatch(f)
	if isErrno(err, unix.EINVAL, errNotSupp, unix.EOPNOTSUPP) { // before 5.6, or no such operation
		return m.eachKey(f)
	}
	return err
}

func (m *bpfMap) eachIndex(f func(key, value []byte)) error {
	key, value := make([]byte, 4), make([]byte, m.valueBytes())
	for i := range m.entries {
		binary.NativeEndian.PutUint32(key, uint32(i))
		if err := m.lookup(key, value); err != nil {
			return fmt.Errorf("read map %s: %w", m.Name, err)
		}
		f(key, value)
	}
	return nil
}

// batchBytes bounds the memory of one batch, batchMin is the fewest entries: the
// kernel refuses batches that cannot hold one bucket of the hash.
const (
	batchBytes = 256 << 10
	batchMin   = 64
)

func (m *bpfMap) eachBatch(f func(key, value []byte)) error {
	per := m.valueBytes()
	n := min(max(batchBytes/(per+m.keySize), batchMin), max(m.entries, 1))
	keys, values := make([]byte, n*m.keySize), make([]byte, n*per)
	// The position is a bucket number for hashes, a key for other maps.
	in, out := make([]byte, max(8, m.keySize)), make([]byte, max(8, m.keySize))
	attr := &mapBatchAttr{fd: uint32(m.fd), outBatch: unsafe.Pointer(&out[0])}
	for {
		attr.keys, attr.values, attr.count = unsafe.Pointer(&keys[0]), unsafe.Pointer(&values[0]), uint32(n)
		_, err := bpf(unix.BPF_MAP_LOOKUP_BATCH, attr)
		if isErrno(err, unix.ENOSPC) {
			n *= 2
			keys, values = make([]byte, n*m.keySize), make([]byte, n*per)
			continue
		}
		done := isErrno(err, unix.ENOENT)
		if err != nil && !done {
			return fmt.Errorf("read map %s: %w", m.Name, err)
		}
		for i := range int(attr.count) {
			f(keys[i*m.keySize:(i+1)*m.keySize], values[i*per:(i+1)*per])
		}
		if done {
			return nil
		}
		in, out = out, in
		attr.inBatch, attr.outBatch = unsafe.Pointer(&in[0]), unsafe.Pointer(&out[0])
	}
}

func (m *bpfMap) eachKey(f func(key, value []byte)) error {
	key, value := make([]byte, m.keySize), make([]byte, m.valueBytes())
	for _, k := range m.keys() {
		copy(key, k)
		if err := m.lookup(key, value); err != nil {
			continue // deleted since
		}
		f(key, value)
	}
	return nil
}

// keys returns all keys. A key that is deleted while it is the position makes
// the kernel start again, which the bound on repeats survives.
func (m *bpfMap) keys() [][]byte {
	var out [][]byte
	seen := map[string]bool{}
	var at []byte
	for range m.entries + 1 {
		next := make([]byte, m.keySize)
		if m.nextKey(at, next) != nil {
			break
		}
		if !seen[string(next)] {
			seen[string(next)] = true
			out = append(out, next)
		}
		at = next
	}
	return out
}

// clear deletes all entries; entries of arrays become zero.
func (m *bpfMap) clear() error {
	if m.isArray() {
		return m.zero()
	}
	var all [][]byte
	err := m.each(func(key, _ []byte) { all = append(all, append([]byte(nil), key...)) })
	if err != nil {
		return err
	}
	for _, key := range all {
		if err := m.remove(key); err != nil && !isErrno(err, unix.ENOENT) {
			return fmt.Errorf("clear map %s: %w", m.Name, err)
		}
	}
	return nil
}

// zero sets the values of all entries to zero and keeps the keys.
func (m *bpfMap) zero() error {
	empty := make([]byte, m.valueBytes())
	var all [][]byte
	err := m.each(func(key, _ []byte) { all = append(all, append([]byte(nil), key...)) })
	if err != nil {
		return err
	}
	for _, key := range all {
		if err := m.update(key, empty); err != nil {
			return fmt.Errorf("zero map %s: %w", m.Name, err)
		}
	}
	return nil
}
