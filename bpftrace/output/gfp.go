package output

import "strconv"

// gfpBits names the single allocation flags of the kernel by bit number.
var gfpBits = [...]string{
	0: "GFP_DMA", 1: "__GFP_HIGHMEM", 2: "GFP_DMA32",
	5: "__GFP_HIGH", 6: "__GFP_IO", 7: "__GFP_FS", 8: "__GFP_ZERO",
	10: "__GFP_DIRECT_RECLAIM", 11: "__GFP_KSWAPD_RECLAIM", 12: "__GFP_WRITE", 13: "__GFP_NOWARN",
	14: "__GFP_RETRY_MAYFAIL", 15: "__GFP_NOFAIL", 16: "__GFP_NORETRY", 17: "__GFP_MEMALLOC",
	18: "__GFP_COMP", 19: "__GFP_NOMEMALLOC", 20: "__GFP_HARDWALL", 21: "__GFP_THISNODE",
	22: "__GFP_ACCOUNT", 23: "__GFP_ZEROTAGS", 24: "__GFP_SKIP_ZERO", 25: "__GFP_SKIP_KASAN",
	26: "__GFP_NO_OBJ_EXT",
}

// The combinations that have names, from the bits above.
const (
	gfpNoIO    = 1<<10 | 1<<11
	gfpNoFS    = gfpNoIO | 1<<6
	gfpKernel  = gfpNoFS | 1<<7
	gfpUser    = gfpKernel | 1<<20
	gfpHigh    = gfpUser | 1<<1
	gfpMovable = gfpHigh | 1<<3 | 1<<25
	gfpLight   = (gfpMovable | 1<<18 | 1<<19 | 1<<13) &^ gfpNoIO
)

// gfpNames lists the combinations, then the single flags: the larger first.
var gfpNames = [...]struct {
	flags uint64
	name  string
}{
	{gfpLight | 1<<10, "GFP_TRANSHUGE"}, {gfpLight, "GFP_TRANSHUGE_LIGHT"},
	{gfpMovable, "GFP_HIGHUSER_MOVABLE"}, {gfpHigh, "GFP_HIGHUSER"}, {gfpUser, "GFP_USER"},
	{gfpKernel | 1<<22, "GFP_KERNEL_ACCOUNT"}, {gfpKernel, "GFP_KERNEL"}, {gfpNoFS, "GFP_NOFS"},
	{1<<5 | 1<<11, "GFP_ATOMIC"}, {gfpNoIO, "GFP_NOIO"}, {1<<11 | 1<<13, "GFP_NOWAIT"},
}

// appendGFP writes allocation flags as names joined by "|", and what is left in
// hexadecimal.
func appendGFP(dst []byte, flags uint64) []byte {
	if flags == 0 {
		return append(dst, '0')
	}
	at := len(dst)
	for _, n := range gfpNames {
		if flags&n.flags == n.flags {
			dst = append(append(dst, n.name...), '|')
			flags &^= n.flags
		}
	}
	for bit, name := range gfpBits {
		if name != "" && flags>>bit&1 != 0 {
			dst = append(append(dst, name...), '|')
			flags &^= 1 << bit
		}
	}
	if flags != 0 || len(dst) == at {
		return strconv.AppendUint(append(dst, "0x"...), flags, 16)
	}
	return dst[:len(dst)-1]
}
