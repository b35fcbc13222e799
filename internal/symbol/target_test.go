package symbol

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResolveBinary(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(self)
	t.Setenv("PATH", "/nonexistent:"+dir)
	wd, _ := os.Getwd()
	rel, err := filepath.Rel(wd, self)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(rel, "/") {
		rel = "./" + rel
	}
	for _, c := range []struct {
		target string
		pid    int
		want   string
	}{
		{self, 0, self},
		{rel, 0, rel},
		{filepath.Base(self), 0, self},
		{self, os.Getpid(), self},
		{self[:len(self)-2] + "*", 0, self},
		{"*", os.Getpid(), self}, // a static program maps nothing else
	} {
		got, err := ResolveBinary(c.target, c.pid)
		if err != nil || got != c.want {
			t.Errorf("ResolveBinary(%q, %d) = %q, %v; want %q", c.target, c.pid, got, err, c.want)
		}
	}
}

func TestResolveBinaryErrors(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ target, want string }{
		{"", "empty"},
		{"no-such-program", "does not exist or is not executable"},
		{"libnosuch.so.9", "does not exist or is not executable"},
		{"/nonexistent/a", "does not exist or is not executable"},
		{text, "ELF"},
		{filepath.Dir(text), "directory"},
		{"*", "-p"},
	} {
		got, err := ResolveBinary(c.target, 0)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("ResolveBinary(%q) = %q, %v; want an error with %q", c.target, got, err, c.want)
		}
	}
	if _, err := ResolveBinary("no-such-program", 0); !errors.Is(err, ErrNoTarget) {
		t.Errorf("%v does not wrap ErrNoTarget", err)
	}
	if _, err := ResolveBinary("libc", 1<<30); err == nil {
		t.Error("no error for a process that does not exist")
	}
}

func TestResolveLibrary(t *testing.T) {
	path := libc(t)
	for _, target := range []string{"libc.so", filepath.Base(path)} {
		if got, err := ResolveBinary(target, 0); err != nil || got != path {
			t.Errorf("ResolveBinary(%q) = %q, %v; want %q", target, got, err, path)
		}
	}
	if !isLoadableELF(path) {
		t.Errorf("%s is not an ELF file", path)
	}
}

// A process with another root sees its own files, also through absolute links.
func TestEvalSymlinksIn(t *testing.T) {
	root := t.TempDir()
	os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755)
	os.WriteFile(filepath.Join(root, "usr/lib/libx.so.1"), nil, 0o644)
	os.Symlink("/usr/lib", filepath.Join(root, "lib"))
	os.Symlink("../../../../usr/lib/libx.so.1", filepath.Join(root, "usr/lib/libx.so"))
	os.Symlink("/loop", filepath.Join(root, "loop"))
	want := root + "/usr/lib/libx.so.1"
	if got, err := evalSymlinksIn(root, "/lib/libx.so"); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := evalSymlinksIn(root, "/loop"); err == nil {
		t.Errorf("a link to itself resolves to %q", got)
	}
}

// ldCache builds a cache file in the format of glibc.
func ldCache(oldFormat bool, entries ...[2]string) []byte {
	var old []byte
	if oldFormat {
		old = append([]byte(ldCacheOldMagic), 1, 0, 0, 0)
		old = append(old, make([]byte, 12)...)
		old = append(old, make([]byte, (8-len(old)%8)%8)...)
	}
	head := make([]byte, ldCacheHeader)
	copy(head, ldCacheMagic)
	binary.NativeEndian.PutUint32(head[20:], uint32(len(entries)))
	var strs []byte
	base := ldCacheHeader + len(entries)*ldCacheEntry
	for i, e := range entries {
		rec := make([]byte, ldCacheEntry)
		flags := uint32(3) | ldCacheArch()
		name, hwcap := strings.CutPrefix(e[0], "hwcap:")
		name, other := strings.CutPrefix(name, "other:")
		if other {
			flags ^= 0x100
		}
		if hwcap {
			rec[20] = 1
		}
		_ = i
		binary.NativeEndian.PutUint32(rec, flags)
		binary.NativeEndian.PutUint32(rec[4:], uint32(base+len(strs)))
		strs = append(append(strs, name...), 0)
		binary.NativeEndian.PutUint32(rec[8:], uint32(base+len(strs)))
		strs = append(append(strs, e[1]...), 0)
		head = append(head, rec...)
	}
	return append(append(old, head...), strs...)
}

func TestSearchLdCache(t *testing.T) {
	entries := [][2]string{
		{"other:libssl.so.3", "/lib32/libssl.so.3"},
		{"hwcap:libssl.so.3", "/lib/v3/libssl.so.3"},
		{"libssl.so.3", "/lib/libssl.so.3"},
		{"libssl.so.1.1", "/lib/libssl.so.1.1"},
		{"libsslx.so.1", "/lib/libsslx.so.1"},
	}
	for _, old := range []bool{false, true} {
		data := ldCache(old, entries...)
		for target, want := range map[string]string{
			"libssl": "/lib/libssl.so.3", "libssl.so": "/lib/libssl.so.3", "libssl.so.3": "/lib/libssl.so.3",
			"libssl.so.1.1": "/lib/libssl.so.1.1", "libssl.so.1": "/lib/libssl.so.1.1", "libss": "",
		} {
			if got := searchLdCache(data, ldCacheArch(), sonameMatcher(target)); got != want {
				t.Errorf("old=%v %s: got %q, want %q", old, target, got, want)
			}
		}
		for n := range data { // cut anywhere: no panic, nothing from outside
			searchLdCache(data[:n], ldCacheArch(), sonameMatcher("libssl"))
		}
	}
}
