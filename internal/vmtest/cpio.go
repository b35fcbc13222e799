package vmtest

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// archive writes an initramfs in the "newc" format of cpio. Parents of a file
// are made on demand; a path is written once, by whoever comes first. After an
// error it writes no more; close returns it.
type archive struct {
	w    io.Writer
	n    int // bytes written
	ino  int
	seen map[string]bool
	err  error
}

func newArchive(w io.Writer) *archive { return &archive{w: w, seen: map[string]bool{}} }

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
	modeChar = 0o020000
)

// file adds content under an absolute path.
func (a *archive) file(name string, perm fs.FileMode, content []byte) {
	a.entry(name, modeFile|uint32(perm.Perm()), content, 0, 0)
}

// link adds a symbolic link.
func (a *archive) link(name, to string) { a.entry(name, modeLink|0o777, []byte(to), 0, 0) }

// device adds a character device.
func (a *archive) device(name string, major, minor uint32) {
	a.entry(name, modeChar|0o600, nil, major, minor)
}

// dir adds a directory and its parents.
func (a *archive) dir(name string) { a.entry(name, modeDir|0o755, nil, 0, 0) }

func (a *archive) entry(name string, mode uint32, content []byte, major, minor uint32) {
	name = path.Clean("/" + name)
	if name == "/" || a.seen[name] {
		return
	}
	a.seen[name] = true
	if parent := path.Dir(name); parent != "/" {
		a.dir(parent)
	}
	a.record(strings.TrimPrefix(name, "/"), mode, content, major, minor)
}

func (a *archive) record(name string, mode uint32, content []byte, major, minor uint32) {
	a.ino++
	a.write([]byte(fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.ino, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name)+1, 0)))
	a.write(append([]byte(name), 0))
	a.pad()
	a.write(content)
	a.pad()
}

func (a *archive) pad() { a.write(make([]byte, -a.n&3)) }

func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(b)
	a.n, a.err = a.n+n, err
}

// close ends the archive.
func (a *archive) close() error {
	a.record("TRAILER!!!", 0, nil, 0, 0)
	return a.err
}

func (a *archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// copyFile adds a file of this machine, following links.
func (a *archive) copyFile(name, from string) {
	content, err := os.ReadFile(from)
	if err != nil {
		a.fail(err)
		return
	}
	info, err := os.Stat(from)
	if err != nil {
		a.fail(err)
		return
	}
	a.file(name, info.Mode(), content)
}

// copyTree adds a directory of this machine; links stay links.
func (a *archive) copyTree(name, from string) {
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := path.Join(name, strings.TrimPrefix(p, from))
		switch {
		case d.IsDir():
			a.dir(at)
		case d.Type()&fs.ModeSymlink != 0:
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			a.link(at, to)
		case d.Type().IsRegular():
			a.copyFile(at, p)
		}
		return a.err
	})
	if err != nil {
		a.fail(err)
	}
}

// program adds an executable of this machine with its interpreter and the
// libraries that it names, at the paths that they have here.
func (a *archive) program(name, from string) {
	a.copyFile(name, from)
	f, err := elf.Open(from)
	if err != nil {
		return // a script or the like
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			interp, _ := io.ReadAll(p.Open())
			at := strings.TrimRight(string(interp), "\x00")
			a.copyFile(at, at)
		}
	}
	libs, _ := f.ImportedLibraries()
	for _, lib := range libs {
		a.library(lib)
	}
}

// library adds a shared library, with what it needs itself.
func (a *archive) library(name string) {
	for _, dir := range []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"} {
		at := path.Join(dir, name)
		if _, err := os.Stat(at); err == nil {
			if !a.seen[at] {
				a.program(at, at)
			}
			return
		}
	}
	a.fail(fmt.Errorf("find library %s: %w", name, fs.ErrNotExist))
}
