package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// tracefsPaths are where distributions mount tracefs. debugfs mounts it below
// itself when it is looked at, so that path is tried last.
const (
	tracefsPath  = "/sys/kernel/tracing"
	debugfsPath  = "/sys/kernel/debug/tracing"
	debugfsMount = "/sys/kernel/debug"
)

// tracefs is an open root directory of a tracefs. How says how it was obtained.
type tracefs struct {
	dir *os.File
	how string // "mounted at PATH", "detached mount" or "private mount namespace"
}

// openTracefs obtains a tracefs without changing the mount table of the host:
// the mounted one, else a mount that has no place in any table, else one in a
// mount namespace that only a short-lived thread is in. The error is a *Missing.
func openTracefs() (*tracefs, error) {
	var denied error
	for _, try := range []func() (*tracefs, error){
		func() (*tracefs, error) { return openMounted(tracefsPath) },
		openDetached,
		func() (*tracefs, error) { return openMounted(debugfsPath) },
		openPrivate,
	} {
		fs, err := try()
		if err == nil {
			return fs, nil
		}
		if denied == nil && errors.Is(err, os.ErrPermission) {
			denied = err
		}
	}
	if denied == nil {
		denied = os.ErrNotExist
	}
	return nil, &Missing{Ability: check.AbilityTracefs, Hint: tracefsHint(), Err: denied}
}

func tracefsHint() string {
	switch {
	case isMounted(tracefsPath):
		return "run as root or with CAP_DAC_READ_SEARCH, or let a group read it: mount -o remount,gid=GROUP,mode=750 " + tracefsPath
	case os.Geteuid() == 0:
		return "run on the host: mount -t tracefs tracefs " + tracefsPath + " (in a container: bind-mount it, or run privileged)"
	}
	return "run as root, or have root run: mount -t tracefs -o gid=GROUP,mode=750 tracefs " + tracefsPath
}

// isMounted reports whether path is the root of a tracefs.
func isMounted(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.TRACEFS_MAGIC
}

func openMounted(path string) (*tracefs, error) {
	if path == debugfsPath && !isDebugfs() || !isMounted(path) {
		return nil, os.ErrNotExist
	}
	dir, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Faccessat(int(dir.Fd()), "events", unix.R_OK, 0); err != nil {
		dir.Close()
		return nil, os.NewSyscallError("access "+path+"/events", err)
	}
	return &tracefs{dir, "mounted at " + path}, nil
}

// isDebugfs is asked before anything below the debugfs is touched.
func isDebugfs() bool {
	var st unix.Statfs_t
	return unix.Statfs(debugfsMount, &st) == nil && st.Type == unix.DEBUGFS_MAGIC
}

// openDetached makes a mount that is in no namespace and is reached through its
// descriptor alone.
func openDetached() (*tracefs, error) {
	ctx, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return nil, os.NewSyscallError("fsconfig", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fsmount", err)
	}
	return &tracefs{os.NewFile(uintptr(fd), "tracefs"), "detached mount"}, nil
}

// openPrivate mounts in a mount namespace of its own, on a thread that ends with
// the call. The descriptor keeps the mount alive after its namespace is gone.
func openPrivate() (fs *tracefs, err error) {
	onDyingThread(func() { fs, err = mountPrivate() })
	return fs, err
}

// onDyingThread runs f on a thread that runs nothing else afterwards. It is never
// the first thread of the process: Go does not end that one, and /proc/PID shows
// its namespaces as those of the process.
func onDyingThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			f()
			return // locked: the thread ends with the goroutine
		}
		onDyingThread(f) // while this goroutine keeps the first thread to itself
		runtime.UnlockOSThread()
	}()
	<-done
}

func mountPrivate() (*tracefs, error) {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return nil, os.NewSyscallError("unshare", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return nil, os.NewSyscallError("mount --make-rprivate", err)
	}
	target := tracefsPath
	if _, err := os.Stat(target); err != nil {
		target = "/sys" // only this thread sees it covered
	}
	if err := unix.Mount("tracefs", target, "tracefs", 0, ""); err != nil {
		return nil, os.NewSyscallError("mount tracefs", err)
	}
	dir, err := os.OpenFile(target, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &tracefs{dir, "private mount namespace"}, nil
}

// maxTracefsFile bounds what is read of one file. The largest,
// available_filter_functions, has a few megabytes.
const maxTracefsFile = 64 << 20

// read returns the content of a file below the root.
func (t *tracefs) read(path string) ([]byte, error) {
	fd, err := unix.Openat(int(t.dir.Fd()), path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "tracefs " + path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 64<<10)
	for len(buf) < maxTracefsFile {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: "tracefs " + path, Err: err}
		case n == 0:
			return buf, nil
		default:
			buf = buf[:len(buf)+n]
		}
	}
	return nil, fmt.Errorf("read tracefs %s: more than %d bytes: %w", path, maxTracefsFile, io.ErrShortBuffer)
}

func (t *tracefs) close() error { return t.dir.Close() }
