package engine

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bits of the length in the header of a record (BPF_RINGBUF_BUSY_BIT,
// BPF_RINGBUF_DISCARD_BIT).
const (
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
	ringHeader  = 8
)

// ring reads the ring buffer in place: a record is a slice of the kernel's
// memory and is valid until the next call of next or release.
//
// The kernel offers to map the data twice in a row, so that no record is ever
// torn. It is mapped once here, since each mapping counts as memory of this
// process, and the few records that reach over the end are copied.
type ring struct {
	fd       int
	consumer []byte // one page, writable
	producer []byte // one page, then the data
	data     []byte
	mask     uint64
	position uint64 // of the next record to read
	torn     []byte // a record that reached over the end
}

func openRing(m *bpfMap) (*ring, error) {
	page := os.Getpagesize()
	consumer, err := unix.Mmap(m.fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the ring buffer: %w", err)
	}
	producer, err := unix.Mmap(m.fd, int64(page), page+m.entries, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(consumer)
		return nil, fmt.Errorf("map the ring buffer: %w", err)
	}
	return &ring{fd: m.fd, consumer: consumer, producer: producer, data: producer[page:], mask: uint64(m.entries) - 1}, nil
}

func (r *ring) close() {
	if r == nil || r.consumer == nil {
		return
	}
	_ = unix.Munmap(r.consumer)
	_ = unix.Munmap(r.producer)
	r.consumer, r.producer, r.data = nil, nil, nil
}

// produced returns the position up to which records were reserved.
func (r *ring) produced() uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.producer[0])))
}

// next returns the next finished record, nil when there is none yet. Records
// become visible in the order in which they were reserved.
func (r *ring) next() []byte {
	end := r.produced()
	for r.position < end {
		at := r.position & r.mask
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if head&ringBusy != 0 {
			return nil
		}
		size := uint64(head &^ (ringBusy | ringDiscard))
		start := at + ringHeader
		r.position += (size + ringHeader + 7) &^ 7
		if head&ringDiscard == 0 {
			return r.slice(start, size)
		}
	}
	return nil
}

// slice returns size bytes at start, which can reach over the end of the data.
func (r *ring) slice(start, size uint64) []byte {
	start &= r.mask // the header can be the last thing before the end
	if start+size <= uint64(len(r.data)) {
		return r.data[start : start+size : start+size]
	}
	r.torn = append(append(r.torn[:0], r.data[start:]...), r.data[:start+size-uint64(len(r.data))]...)
	return r.torn
}

// pending is how many bytes were read and not released.
func (r *ring) pending() uint64 {
	return r.position - atomic.LoadUint64((*uint64)(unsafe.Pointer(&r.consumer[0])))
}

// release gives the memory of all records that were read back to the kernel.
func (r *ring) release() {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&r.consumer[0])), r.position)
}

// recordHead splits the header off a record.
func recordHead(rec []byte) (action, aux uint32) {
	return binary.NativeEndian.Uint32(rec), binary.NativeEndian.Uint32(rec[4:])
}
