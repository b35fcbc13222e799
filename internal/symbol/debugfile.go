package symbol

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// debugRoot is where distributions install separate debug files.
const debugRoot = "/usr/lib/debug"

// A debugFile holds the symbols and DWARF that were taken out of a binary.
type debugFile struct {
	elf *elf.File
	f   *os.File
}

func (d *debugFile) Close() error { return d.f.Close() }

// findDebugFile returns the separate debug file of b, nil when it needs none or
// none is installed. It looks where gdb looks: by build-id, then by the name in
// .gnu_debuglink, first among the files of the process that b is from.
func findDebugFile(b *Binary) *debugFile {
	if b.file.Section(".symtab") != nil && b.file.Section(".debug_info") != nil {
		return nil
	}
	roots := []string{""}
	if b.root != "" {
		roots = []string{b.root, ""}
	}
	id := buildID(b.file)
	for _, root := range roots {
		if d := openByBuildID(root, id); d != nil {
			return d
		}
	}
	name, crc, ok := debugLink(b.file)
	if !ok {
		return nil
	}
	for _, root := range roots {
		if d := openByLink(root, b, name, crc); d != nil {
			return d
		}
	}
	return nil
}

func openByBuildID(root string, id []byte) *debugFile {
	if len(id) < 2 {
		return nil
	}
	s := hex.EncodeToString(id)
	return openDebug(root+debugRoot+"/.build-id/"+s[:2]+"/"+s[2:]+".debug", func(d *debugFile) bool {
		return bytes.Equal(buildID(d.elf), id)
	})
}

func openByLink(root string, b *Binary, name string, crc uint32) *debugFile {
	path, err := filepath.EvalSymlinks(b.path)
	if err != nil {
		path = b.path
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil
	}
	dir := filepath.Dir(strings.TrimPrefix(path, b.root))
	id := buildID(b.file)
	same := func(d *debugFile) bool {
		if id != nil {
			return bytes.Equal(buildID(d.elf), id)
		}
		return crcOf(d.f) == crc
	}
	for _, p := range []string{
		root + dir + "/" + name,
		root + dir + "/.debug/" + name,
		root + debugRoot + dir + "/" + name,
	} {
		if p == path { // a stripped file that links to its own name
			continue
		}
		if d := openDebug(p, same); d != nil {
			return d
		}
	}
	return nil
}

func openDebug(path string, same func(*debugFile) bool) *debugFile {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	file, err := elf.NewFile(f)
	if err == nil {
		if d := (&debugFile{file, f}); same(d) {
			return d
		}
	}
	f.Close()
	return nil
}

func crcOf(f *os.File) uint32 {
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return 0
	}
	return h.Sum32()
}

// debugLink returns the contents of .gnu_debuglink: a file name, zeros up to a
// multiple of four bytes, and the CRC-32 of the file.
func debugLink(f *elf.File) (name string, crc uint32, ok bool) {
	data, err := sectionData(f.Section(".gnu_debuglink"))
	if err != nil {
		return "", 0, false
	}
	name = cString(data, 0)
	at := (len(name) + 4) &^ 3
	if name == "" || strings.Contains(name, "/") || at+4 > len(data) {
		return "", 0, false
	}
	return name, f.ByteOrder.Uint32(data[at:]), true
}

// buildID returns the NT_GNU_BUILD_ID note of a file, nil when there is none.
func buildID(f *elf.File) []byte {
	const ntGNUBuildID = 3
	var id []byte
	take := func(n note) bool {
		if n.owner == "GNU" && n.typ == ntGNUBuildID && len(n.desc) <= 64 {
			id = n.desc
		}
		return id == nil
	}
	if data, err := sectionData(f.Section(".note.gnu.build-id")); err == nil {
		eachNote(data, f.ByteOrder, 4, take)
		return id
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_NOTE || p.Filesz > 1<<20 || id != nil {
			continue
		}
		data := make([]byte, p.Filesz)
		if _, err := p.ReadAt(data, 0); err == nil {
			eachNote(data, f.ByteOrder, max(4, p.Align), take)
		}
	}
	return id
}

// procRoot returns the "/proc/PID/root" that path begins with, "" if none.
func procRoot(path string) string {
	rest, ok := strings.CutPrefix(path, "/proc/")
	if !ok {
		return ""
	}
	pid, rest, ok := strings.Cut(rest, "/")
	if !ok || !strings.HasPrefix(rest, "root/") {
		return ""
	}
	return "/proc/" + pid + "/root"
}
