package symbol

import (
	"bytes"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
)

// maxMaps bounds the mappings of one process that are kept: the kernel's own
// limit (vm.max_map_count) is 65530 unless raised.
const maxMaps = 1 << 18

// A mapping is one line of /proc/PID/maps.
type mapping struct {
	Start, End uint64
	Offset     uint64 // in the file
	Perms      [4]byte
	Dev        uint64 // major<<32 | minor
	Inode      uint64
	Path       string // as the kernel prints it; "" for anonymous memory
	Deleted    bool   // the file has no name any more
}

func (m *mapping) exec() bool { return m.Perms[2] == 'x' }

// isFile reports whether the mapping is of a file that could hold code, as
// opposed to [heap], [vdso] or a device.
func (m *mapping) isFile() bool {
	return strings.HasPrefix(m.Path, "/") && m.Inode != 0 && !strings.HasPrefix(m.Path, "/dev/")
}

// readMaps reads /proc/PID/maps.
func readMaps(pid int) ([]mapping, error) {
	data, err := os.ReadFile(procPath(pid, "maps"))
	if err != nil {
		return nil, fmt.Errorf("read mappings of process %d: %w", pid, err)
	}
	return parseMaps(data), nil
}

// parseMaps parses the lines of /proc/PID/maps, which the kernel prints sorted:
//
//	7f31c0a00000-7f31c0a26000 r-xp 00026000 fe:00 1835  /usr/lib/libc.so.6
//
// Lines that do not parse are left out.
func parseMaps(data []byte) []mapping {
	maps := make([]mapping, 0, bytes.Count(data, []byte("\n"))+1)
	var last string
	for line := range bytes.Lines(data) {
		m, ok := parseMapping(bytes.TrimSuffix(line, []byte("\n")), last)
		if !ok || len(maps) == maxMaps {
			continue
		}
		last = m.Path
		maps = append(maps, m)
	}
	if !sort.SliceIsSorted(maps, func(i, j int) bool { return maps[i].Start < maps[j].Start }) {
		sort.Slice(maps, func(i, j int) bool { return maps[i].Start < maps[j].Start })
	}
	return maps
}

// parseMapping parses one line. The path of the line before is reused where it
// is the same, since a library has several mappings in a row.
func parseMapping(line []byte, last string) (m mapping, ok bool) {
	var major, minor uint64
	start, line, ok1 := hexUntil(line, '-')
	end, line, ok2 := hexUntil(line, ' ')
	if !ok1 || !ok2 || end <= start || len(line) < 5 || line[4] != ' ' {
		return m, false
	}
	copy(m.Perms[:], line)
	off, line, ok1 := hexUntil(line[5:], ' ')
	if !ok1 {
		return m, false
	}
	if major, line, ok1 = hexUntil(line, ':'); !ok1 {
		return m, false
	}
	if minor, line, ok1 = hexUntil(line, ' '); !ok1 {
		return m, false
	}
	ino, path, _ := bytes.Cut(line, []byte(" "))
	inode, err := strconv.ParseUint(string(ino), 10, 64)
	if err != nil {
		return m, false
	}
	m.Start, m.End, m.Offset, m.Inode = start, end, off, inode
	m.Dev = major<<32 | minor
	path = bytes.TrimLeft(path, " ")
	path, m.Deleted = bytes.CutSuffix(path, []byte(" (deleted)"))
	if string(path) == last {
		m.Path = last
	} else {
		m.Path = unescapeMapsPath(string(path))
	}
	return m, true
}

// unescapeMapsPath undoes what the kernel does to newlines in paths.
func unescapeMapsPath(path string) string { return strings.ReplaceAll(path, `\012`, "\n") }

// hexUntil parses a hexadecimal number that ends with stop.
func hexUntil(b []byte, stop byte) (v uint64, rest []byte, ok bool) {
	for i, c := range b {
		var d byte
		switch {
		case c == stop:
			return v, b[i+1:], i > 0 && i <= 16
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		default:
			return 0, nil, false
		}
		v = v<<4 | uint64(d)
	}
	return 0, nil, false
}
