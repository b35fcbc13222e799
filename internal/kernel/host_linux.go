package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// Options change how [Host] reads the machine. The zero value is right.
type Options struct {
	// Symbols are the kernel's symbols when the caller has them; nil reads
	// /proc/kallsyms when an address is asked for.
	Symbols *symbol.KernelSymbols
}

// Host returns the running kernel as a Machine. It reads nothing yet.
func Host(opts Options) (*Machine, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("read kernel name: %w", err)
	}
	h := &host{rel: unix.ByteSliceToString(name.Release[:]), symbols: opts.Symbols, files: newUserFiles()}
	if h.symbols == nil {
		h.symbols = symbol.NewKernelSymbols()
	}
	m := newMachine(h)
	h.types = m.types
	return m, nil
}

// host is the running kernel as a source.
type host struct {
	rel     string
	types   *typeSet
	symbols *symbol.KernelSymbols
	files   *userFiles

	once  sync.Once
	fs    *tracefs
	fsErr error
}

func (h *host) describe() string {
	version, _, _ := strings.Cut(h.rel, "-")
	return "Linux " + version + " on this machine"
}

func (h *host) arch() string                      { return runtime.GOARCH }
func (h *host) release() string                   { return h.rel }
func (h *host) btf(module string) ([]byte, error) { return mapBTF(module) }
func (h *host) btfModules() []string              { return btfModules() }
func (h *host) user() *userFiles                  { return h.files }
func (h *host) probe(a check.Ability) Finding     { return (&prober{h}).probe(a) }

// tracefs opens the tracing file system on first use.
func (h *host) tracefs() (*tracefs, error) {
	h.once.Do(func() { h.fs, h.fsErr = openTracefs() })
	return h.fs, h.fsErr
}

func (h *host) events() ([]byte, error) { return h.read("available_events") }

func (h *host) format(category, event string) ([]byte, error) {
	text, err := h.read("events/" + category + "/" + event + "/format")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tracepoint %s:%s: %w", category, event, check.ErrNotFound)
	}
	return text, err
}

func (h *host) functions() ([]byte, error) { return h.read("available_filter_functions") }

func (h *host) read(path string) ([]byte, error) {
	t, err := h.tracefs()
	if err != nil {
		return nil, err
	}
	text, err := t.read(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, &Missing{Ability: check.AbilityTracefs, Hint: "run as root; where root is refused too, a security module or lockdown does it", Err: err}
	}
	return text, err
}

func (h *host) symbol(name string) (uint64, error) {
	addr, err := h.symbols.Addr(name)
	if err == nil {
		return addr, nil
	}
	if h.symbols.Err() != nil {
		return 0, &Missing{Ability: check.AbilityKallsyms, Hint: "run as root or give CAP_SYSLOG, and set kernel.kptr_restrict below 2", Err: err}
	}
	return 0, fmt.Errorf("%w: %w", err, check.ErrNotFound)
}

// symbolNames lists the names of /proc/kallsyms. Padding before functions and
// entries of symbol tables are left out: nobody probes them.
func (h *host) symbolNames() ([]byte, error) {
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		return nil, err
	}
	var names []byte
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 3 || bytes.HasPrefix(fields[2], []byte("__pfx_")) || bytes.HasPrefix(fields[2], []byte("__ksymtab")) {
			continue
		}
		names = append(append(names, fields[2]...), '\n')
	}
	return names, nil
}

func (h *host) close() error {
	h.once.Do(func() { h.fsErr = os.ErrClosed })
	h.files.close()
	if h.fs != nil {
		return h.fs.close()
	}
	return nil
}
