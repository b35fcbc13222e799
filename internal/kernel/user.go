package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// maxOpenFiles bounds the binaries that are kept open.
const maxOpenFiles = 16

// userFiles keeps the binaries that programs probe open, since the same one is
// asked about again and again.
type userFiles struct {
	mu   sync.Mutex
	open map[string]*openFile
}

type openFile struct {
	bin  *symbol.Binary
	stat os.FileInfo
}

func newUserFiles() *userFiles { return &userFiles{open: map[string]*openFile{}} }

// with calls f with the binary at path, opened anew when the file was replaced.
// Calls are made one at a time.
func (u *userFiles) with(path string, f func(*symbol.Binary) error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	st, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open binary: %w", err)
	}
	o := u.open[path]
	if o != nil && !sameFile(o.stat, st) {
		u.drop(path)
		o = nil
	}
	if o == nil {
		bin, err := symbol.OpenELF(path)
		if err != nil {
			return err
		}
		if len(u.open) >= maxOpenFiles {
			for other := range u.open {
				u.drop(other)
				break
			}
		}
		o = &openFile{bin, st}
		u.open[path] = o
	}
	return f(o.bin)
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func (u *userFiles) drop(path string) {
	u.open[path].bin.Close()
	delete(u.open, path)
}

func (u *userFiles) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for path := range u.open {
		u.drop(path)
	}
}

// userProbes expands uprobe, uretprobe and usdt.
func (x *expansion) userProbes() ([]*check.AttachPoint, error) {
	files := x.machine.src.user()
	if files == nil {
		return x.itself() // a snapshot knows the kernel only
	}
	paths, err := symbol.ResolveBinaries(x.ap.Target, x.pid)
	if errors.Is(err, symbol.ErrNoTarget) {
		err = &userMissing{err}
	}
	if err != nil {
		return nil, err
	}
	many := symbol.HasWildcard(x.ap.Target)
	for _, path := range paths {
		err := files.with(path, func(b *symbol.Binary) error { return x.binary(path, b) })
		if err != nil && !many {
			return nil, err
		}
	}
	return x.done(x.ap.Kind.String())
}

// binary adds the attach points that one binary has.
func (x *expansion) binary(path string, b *symbol.Binary) error {
	ap := x.ap
	set := func(fn string) {
		x.add(func(p *syntax.ParsedAttachPoint) { p.Target, p.Func = path, fn })
	}
	switch {
	case ap.Kind == syntax.ProbeUSDT:
		return x.usdts(path, b)
	case ap.HasAddress || ap.File != "":
		set(ap.Func)
		return nil
	case ap.CPP:
		return addFunctions(b.CPPFunctions, ap.Func, set)
	case symbol.HasWildcard(ap.Func):
		return addFunctions(b.Functions, ap.Func, set)
	}
	if _, err := b.Function(ap.Func); err != nil {
		return userNotFound(err)
	}
	set(ap.Func)
	return nil
}

func addFunctions(find func(string) ([]symbol.Func, error), pattern string, set func(string)) error {
	funcs, err := find(pattern)
	if err != nil {
		return userNotFound(err)
	}
	for _, f := range funcs {
		set(f.Name)
	}
	return nil
}

// userNotFound makes symbol's complaint about a name a check.ErrNotFound.
func userNotFound(err error) error {
	var nf *symbol.NotFoundError
	if errors.As(err, &nf) {
		return &userMissing{err}
	}
	return err
}

// userMissing is an error of package symbol that says all there is to say and is
// a check.ErrNotFound.
type userMissing struct{ err error }

func (e *userMissing) Error() string        { return e.err.Error() }
func (e *userMissing) Unwrap() error        { return e.err }
func (e *userMissing) Is(target error) bool { return target == check.ErrNotFound }

// usdts adds the USDT probes of one binary.
func (x *expansion) usdts(path string, b *symbol.Binary) error {
	probes, err := b.USDTProbes(usdtPattern(x.ap.Ns, x.ap.Func))
	if err != nil {
		return userNotFound(err)
	}
	for _, p := range probes {
		x.add(func(ap *syntax.ParsedAttachPoint) { ap.Target, ap.Ns, ap.Func = path, p.Provider, p.Name })
	}
	return nil
}

// usdtPattern is how symbol names a probe whose provider may be left out.
func usdtPattern(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + ":" + name
}

// inBinary calls f with the binary that the target of an attach point names.
// Without user binaries, on a snapshot, the answer is not known.
func (m *Machine) inBinary(target string, f func(*symbol.Binary) error) error {
	files := m.src.user()
	if files == nil {
		return fmt.Errorf("binary %s on another machine: %w", target, check.ErrUnknown)
	}
	path, err := symbol.ResolveBinary(target, 0)
	if err != nil {
		return &userMissing{err}
	}
	return files.with(path, f)
}

// withoutDWARF makes the lack of debug information a check.ErrUnknown.
func withoutDWARF(err error) error {
	if errors.Is(err, symbol.ErrNoDWARF) {
		return fmt.Errorf("%w: %w", err, check.ErrUnknown)
	}
	return err
}
