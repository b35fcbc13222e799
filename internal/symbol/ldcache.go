package symbol

import (
	"bytes"
	"encoding/binary"
	"os"
	"runtime"
	"strings"
)

// Layout of /etc/ld.so.cache as glibc's sysdeps/generic/dl-cache.h has it:
// an optional old-format table, then the "glibc-ld.so.cache1.1" header of 48
// bytes, nlibs entries of 24 bytes, and strings at offsets from that header.
const (
	ldCacheOldMagic  = "ld.so-1.7.0\x00"
	ldCacheMagic     = "glibc-ld.so.cache1.1"
	ldCacheHeader    = 48
	ldCacheEntry     = 24
	ldCacheMaxSize   = 16 << 20
	ldCacheFlagsMask = 0xff00
)

// ldCacheArch returns the flags of libraries that this machine's native
// programs load (FLAG_X8664_LIB64 and so on); 0 accepts every entry.
func ldCacheArch() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return 0x0300
	case "arm64":
		return 0x0a00
	case "s390x":
		return 0x0400
	case "ppc64le":
		return 0x0500
	case "riscv64":
		return 0x1000
	}
	return 0
}

// ldCacheLookup returns the path that the dynamic loader's cache file gives for
// the first library whose soname matches, newest version first; "" when none.
func ldCacheLookup(file string, match func(soname string) bool) string {
	st, err := os.Stat(file)
	if err != nil || st.Size() > ldCacheMaxSize {
		return ""
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return searchLdCache(data, ldCacheArch(), match)
}

func searchLdCache(data []byte, arch uint32, match func(soname string) bool) string {
	data = newLdCache(data)
	if len(data) < ldCacheHeader {
		return ""
	}
	n := int(binary.NativeEndian.Uint32(data[20:]))
	for i := range min(n, (len(data)-ldCacheHeader)/ldCacheEntry) {
		e := data[ldCacheHeader+i*ldCacheEntry:]
		flags := binary.NativeEndian.Uint32(e)
		hwcap := binary.NativeEndian.Uint64(e[16:])
		// Entries of glibc-hwcaps subdirectories are for some CPUs only.
		if hwcap != 0 || arch != 0 && flags&ldCacheFlagsMask != arch {
			continue
		}
		if match(cString(data, binary.NativeEndian.Uint32(e[4:]))) {
			return cString(data, binary.NativeEndian.Uint32(e[8:]))
		}
	}
	return ""
}

// newLdCache skips the old-format table that may come first.
func newLdCache(data []byte) []byte {
	if bytes.HasPrefix(data, []byte(ldCacheOldMagic)) && len(data) >= 16 {
		n := uint64(binary.NativeEndian.Uint32(data[12:]))
		end := (16 + n*12 + 7) &^ 7
		if end > uint64(len(data)) {
			return nil
		}
		data = data[end:]
	}
	if !bytes.HasPrefix(data, []byte(ldCacheMagic)) {
		return nil
	}
	return data
}

// cString returns the zero-terminated string at offset off of data, "" when it
// lies outside.
func cString(data []byte, off uint32) string {
	return string(cBytes(data, off))
}

func cBytes(data []byte, off uint32) []byte {
	if uint64(off) >= uint64(len(data)) {
		return nil
	}
	b := data[off:]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return nil
}

// sonameMatcher accepts the sonames that a target such as "libc", "libssl.so"
// or "libssl.so.3" stands for.
func sonameMatcher(target string) func(string) bool {
	if !strings.Contains(target, ".so") {
		target += ".so"
	}
	return func(soname string) bool {
		rest, ok := strings.CutPrefix(soname, target)
		return ok && (rest == "" || rest[0] == '.')
	}
}
