package symbol

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ErrNoTarget is wrapped by errors of [ResolveBinary] when no such binary
// exists.
var ErrNoTarget = errors.New("does not exist or is not executable")

// maxTargets bounds what a wildcard target may stand for.
const maxTargets = 4096

// defaultPath is searched when PATH is empty.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// libDirs are searched for libraries that the loader's cache does not list.
var libDirs = []string{
	"/lib64", "/usr/lib64",
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib", "/usr/lib", "/usr/local/lib",
}

// ResolveBinary returns the path of the one executable or shared library that
// the target of an attach point names, as bpftrace finds it: a path with a
// slash as it stands (relative to the working directory), a library name such
// as libc, libssl.so or libssl.so.3 through what process pid has mapped,
// /etc/ld.so.cache and the default directories, and any other name through
// PATH. With pid > 0 names are looked up as that process sees them: when it has
// another root or mount namespace the result begins with /proc/PID/root. With
// pid 0 they are looked up as this process sees them.
//
// The error wraps [ErrNoTarget] when nothing matches; a wildcard that matches
// more than one file is an error too (see [ResolveBinaries]).
func ResolveBinary(target string, pid int) (string, error) {
	paths, err := ResolveBinaries(target, pid)
	if err != nil {
		return "", err
	}
	if len(paths) > 1 {
		return "", fmt.Errorf("resolve target %q: it must name one binary but matches %d: %s",
			target, len(paths), strings.Join(paths[:min(3, len(paths))], ", ")+", ...")
	}
	return paths[0], nil
}

// ResolveBinaries is [ResolveBinary] for targets with wildcards, which may
// stand for several files. The target "*" stands for everything executable that
// process pid has mapped. The result is sorted and never empty without an error.
func ResolveBinaries(target string, pid int) ([]string, error) {
	r, err := newResolver(pid)
	if err != nil {
		return nil, fmt.Errorf("resolve target %q: %w", target, err)
	}
	paths, err := r.resolve(target)
	if err != nil {
		return nil, fmt.Errorf("resolve target %q: %w", target, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("resolve target %q: file %w%s", target, ErrNoTarget, r.where())
	}
	return paths, nil
}

// A resolver looks names up as one process sees them.
type resolver struct {
	pid  int
	root string // "" or /proc/PID/root
	path string // PATH
}

func newResolver(pid int) (*resolver, error) {
	r := &resolver{pid: pid, path: os.Getenv("PATH")}
	if r.path == "" {
		r.path = defaultPath
	}
	if pid <= 0 {
		return r, nil
	}
	if _, err := os.Stat(procPath(pid, "")); err != nil {
		return nil, fmt.Errorf("no process %d", pid)
	}
	if !sharesRoot(pid) {
		r.root, r.path = procPath(pid, "root"), defaultPath
	}
	return r, nil
}

func (r *resolver) where() string {
	if r.pid <= 0 {
		return ""
	}
	return " for process " + strconv.Itoa(r.pid)
}

func (r *resolver) resolve(target string) ([]string, error) {
	switch {
	case target == "":
		return nil, errors.New("the target is empty: name a binary, a library or a path")
	case target == "*" && r.pid > 0:
		return r.mapped(func(string) bool { return true }), nil
	case target == "*":
		return nil, errors.New("the target * needs a process: give one with -p")
	case strings.Contains(target, "/"):
		return r.glob(target)
	case HasWildcard(target):
		return r.searchPath(target)
	}
	if p := r.library(target); p != "" {
		return []string{p}, nil
	}
	return r.searchPath(target)
}

// library finds a target that is called like a library.
func (r *resolver) library(target string) string {
	if !strings.HasPrefix(target, "lib") && !strings.Contains(target, ".so") {
		return ""
	}
	match := sonameMatcher(target)
	if paths := r.mapped(match); r.pid > 0 && len(paths) > 0 {
		return paths[0]
	}
	if p := ldCacheLookup(r.root+"/etc/ld.so.cache", match); p != "" {
		if p = r.locate(p); p != "" {
			return p
		}
	}
	for _, dir := range libDirs {
		if p := r.inDir(dir, match); p != "" {
			return p
		}
	}
	return ""
}

// inDir returns the newest library of a directory that match accepts.
func (r *resolver) inDir(dir string, match func(string) bool) string {
	entries, err := os.ReadDir(r.root + dir)
	if err != nil {
		return ""
	}
	for _, e := range slices.Backward(entries) {
		if match(e.Name()) {
			if p := r.locate(filepath.Join(dir, e.Name())); p != "" {
				return p
			}
		}
	}
	return ""
}

// mapped returns the executable files that the process has mapped and whose
// base name match accepts.
func (r *resolver) mapped(match func(string) bool) []string {
	if r.pid <= 0 {
		return nil
	}
	maps, err := readMaps(r.pid)
	if err != nil {
		return nil
	}
	var paths []string
	for _, m := range maps {
		if m.exec() && m.isFile() && match(filepath.Base(m.Path)) {
			if p := r.locateMapped(&m); p != "" {
				paths = append(paths, p)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// locateMapped returns a path under which we can open a mapped file. The kernel
// prints paths as we see them where it can, else as the process does.
func (r *resolver) locateMapped(m *mapping) string {
	for _, p := range []string{r.locate(m.Path), m.Path} {
		if p == "" {
			continue
		}
		st, err := os.Stat(p)
		if err != nil || !isLoadableELF(p) {
			continue
		}
		if sys, ok := st.Sys().(*syscall.Stat_t); !ok || r.root == "" || sys.Ino == m.Inode {
			return p
		}
	}
	return ""
}

func (r *resolver) searchPath(target string) ([]string, error) {
	var paths []string
	for _, dir := range filepath.SplitList(r.path) {
		found, err := r.glob(filepath.Join(dir, target))
		if err != nil {
			return nil, err
		}
		if len(found) > 0 && !HasWildcard(target) {
			return found[:1], nil
		}
		paths = append(paths, found...)
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}

// glob returns the binaries that a path, with or without wildcards, stands for.
func (r *resolver) glob(pattern string) ([]string, error) {
	if !HasWildcard(pattern) {
		if p := r.locate(pattern); p != "" {
			return []string{p}, nil
		}
		return nil, r.explain(pattern)
	}
	abs, err := filepath.Abs(pattern)
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(r.root + escapeGlob(abs))
	if err != nil || len(names) > maxTargets {
		return nil, fmt.Errorf("the wildcard matches %d files, at most %d are searched: narrow it", len(names), maxTargets)
	}
	var paths []string
	for _, name := range names {
		if p := r.locate(strings.TrimPrefix(name, r.root)); p != "" {
			paths = append(paths, p)
		}
	}
	return paths, nil
}

// escapeGlob quotes what only filepath.Glob treats as special.
func escapeGlob(pattern string) string {
	return strings.NewReplacer(`\`, `\\`, "?", `\?`, "[", `\[`).Replace(pattern)
}

// locate returns the path under which this process can open what the other
// process calls path; "" unless it is an executable or shared ELF file.
func (r *resolver) locate(path string) string {
	if r.root != "" && !strings.HasPrefix(path, r.root+"/") {
		inside, err := evalSymlinksIn(r.root, path)
		if err != nil {
			return ""
		}
		path = inside
	}
	if !isLoadableELF(path) {
		return ""
	}
	return path
}

// explain says why a path that was written out is no target; nil means that it
// is simply absent.
func (r *resolver) explain(path string) error {
	st, err := os.Stat(r.root + path)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return err
	case err != nil:
		return nil
	case st.IsDir():
		return errors.New("it is a directory")
	case st.Mode().IsRegular():
		return fmt.Errorf("%s is not an executable or shared library in ELF format", path)
	}
	return nil
}

// sharesRoot reports whether process pid sees the same files under the same
// paths as this process.
func sharesRoot(pid int) bool {
	theirs, err := os.Readlink(procPath(pid, "ns/mnt"))
	if err != nil {
		return true // not allowed to know: its own paths are the better guess
	}
	ours, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil || theirs != ours {
		return false
	}
	a, errA := os.Stat(procPath(pid, "root") + "/")
	b, errB := os.Stat("/")
	return errA != nil || errB != nil || os.SameFile(a, b)
}

// evalSymlinksIn resolves path against root the way a process with that root
// directory does, so that absolute links do not escape to our own files.
func evalSymlinksIn(root, path string) (string, error) {
	todo := strings.Split(path, "/")
	var done []string
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		switch part {
		case "", ".":
			continue
		case "..":
			done = done[:max(0, len(done)-1)]
			continue
		}
		here := root + "/" + strings.Join(append(done, part), "/")
		st, err := os.Lstat(here)
		if err != nil {
			return "", err
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			done = append(done, part)
			continue
		}
		if links++; links > 40 {
			return "", errors.New("too many links")
		}
		link, err := os.Readlink(here)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(link, "/") {
			done = nil
		}
		todo = append(strings.Split(link, "/"), todo...)
	}
	return root + "/" + strings.Join(done, "/"), nil
}

// isLoadableELF reports whether path is a regular file with the ELF header of
// an executable or shared object.
func isLoadableELF(path string) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var h [18]byte
	if _, err := io.ReadFull(f, h[:]); err != nil || string(h[:4]) != "\x7fELF" {
		return false
	}
	// e_type: its low byte is where the byte order puts it.
	typ := uint16(h[16]) | uint16(h[17])<<8
	if h[5] == 2 {
		typ = uint16(h[17]) | uint16(h[16])<<8
	}
	return typ == 2 || typ == 3
}

func procPath(pid int, name string) string {
	return "/proc/" + strconv.Itoa(pid) + "/" + name
}
