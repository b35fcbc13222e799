package symbol

import (
	"encoding/binary"
	"strings"
)

// A note is one entry of an ELF note section or segment.
type note struct {
	owner string
	typ   uint32
	desc  []byte
	at    int // offset of desc in the section
}

// eachNote calls yield with every well-formed note of data until it returns
// false. The owner and descriptor are padded to align bytes (4, or 8 for some
// GNU property notes).
func eachNote(data []byte, order binary.ByteOrder, align uint64, yield func(note) bool) {
	if align != 8 {
		align = 4
	}
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	for off := uint64(0); off+12 <= uint64(len(data)); {
		namesz := uint64(order.Uint32(data[off:]))
		descsz := uint64(order.Uint32(data[off+4:]))
		name := off + 12
		// An owner is padded so that the descriptor starts aligned.
		desc := pad(name + namesz)
		if desc+descsz > uint64(len(data)) {
			return
		}
		n := note{
			owner: strings.TrimRight(string(data[name:name+namesz]), "\x00"),
			typ:   order.Uint32(data[off+8:]),
			desc:  data[desc : desc+descsz],
			at:    int(desc),
		}
		if !yield(n) {
			return
		}
		off = pad(desc + descsz)
	}
}
