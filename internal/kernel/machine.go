package kernel

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// A source is where a Machine's knowledge comes from: the running kernel or a
// stored snapshot. It hands out what the kernel says, unread.
type source interface {
	describe() string
	arch() string
	release() string

	btf(module string) ([]byte, error) // "" for vmlinux
	btfModules() []string
	events() ([]byte, error) // lines "category:event"
	format(category, event string) ([]byte, error)
	functions() ([]byte, error) // lines "name" or "name [module]"; an error when the kernel does not tell
	symbol(name string) (uint64, error)
	symbolNames() ([]byte, error) // lines "name"
	program(id uint32, name string) (*loadedProgram, error)
	user() *userFiles // nil where there are none
	probe(a check.Ability) Finding
	facts() *Facts
	close() error
}

// Machine is a [check.Target]: what one kernel offers for tracing, read on first
// use and kept. It is safe for concurrent use.
type Machine struct {
	src   source
	types *typeSet

	eventsOnce sync.Once
	eventNames []string // "category:event", sorted
	eventsErr  error

	mu      sync.Mutex
	parsed  map[string]*event
	probed  map[check.Ability]Finding
	symbols map[string]uint64
	words   map[check.SuggestKind]*nameList

	functionIndex functionIndex

	listOnce sync.Once
	listing  []listEntry
}

func newMachine(src source) *Machine {
	return &Machine{
		src:     src,
		types:   newTypeSet(src.btf, src.btfModules),
		parsed:  map[string]*event{},
		probed:  map[check.Ability]Finding{},
		symbols: map[string]uint64{},
		words:   map[check.SuggestKind]*nameList{},
	}
}

var _ check.Target = (*Machine)(nil)

// Close releases what the Machine holds open. Types that it gave out stay valid.
func (m *Machine) Close() error { return m.src.close() }

// Describe says what the machine is: "Linux 6.18.44 on this machine".
func (m *Machine) Describe() string { return m.src.describe() }

// Arch is the machine's architecture in Go's words.
func (m *Machine) Arch() string { return m.src.arch() }

// Release is the kernel's release: "6.18.44-fc-v595".
func (m *Machine) Release() string { return m.src.release() }

// NotFound says that the machine has no thing of this name.
type NotFound struct {
	Kind string // "tracepoint", "function", ...
	Name string

	similar func() []string // nil when there is nothing to compare with
}

// Similar returns names that were perhaps meant, best first. They are looked for
// when asked, which takes milliseconds.
func (e *NotFound) Similar() []string {
	if e.similar == nil {
		return nil
	}
	return e.similar()
}

// Error names the thing.
func (e *NotFound) Error() string { return e.Kind + " " + e.Name + " not found" }

// Is makes a NotFound a check.ErrNotFound.
func (e *NotFound) Is(target error) bool { return target == check.ErrNotFound }

// notFound turns a bare ErrNotFound into one with suggestions.
func (m *Machine) notFound(kind string, of check.SuggestKind, name string, err error) error {
	if !errors.Is(err, check.ErrNotFound) {
		return err
	}
	return &NotFound{Kind: kind, Name: name, similar: func() []string { return m.Suggest(of, name) }}
}

// Events returns the names of all tracepoints, "category:event", sorted. The
// caller must not change the slice.
func (m *Machine) Events() ([]string, error) {
	m.eventsOnce.Do(func() {
		text, err := m.src.events()
		if err != nil {
			m.eventsErr = err
			return
		}
		m.eventNames = sortedLines(string(text))
	})
	return m.eventNames, m.eventsErr
}

func sortedLines(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	sort.Strings(lines)
	return lines
}

// hasEvent reports whether the index holds a tracepoint.
func (m *Machine) hasEvent(name string) bool {
	names, _ := m.Events()
	i := sort.SearchStrings(names, name)
	return i < len(names) && names[i] == name
}

// event reads the format of a tracepoint. One that is missing from the index may
// belong to a module that was loaded since, so the file itself is asked.
func (m *Machine) event(category, name string) (*event, error) {
	full := category + ":" + name
	m.mu.Lock()
	e := m.parsed[full]
	m.mu.Unlock()
	if e != nil {
		return e, nil
	}
	if !isEventName(category) || !isEventName(name) {
		return nil, m.notFound("tracepoint", check.SuggestTracepoint, full, check.ErrNotFound)
	}
	text, err := m.src.format(category, name)
	if err != nil {
		return nil, m.notFound("tracepoint", check.SuggestTracepoint, full, err)
	}
	if e, err = parseFormat(category, text); err != nil {
		return nil, fmt.Errorf("read format of %s: %w", full, err)
	}
	m.mu.Lock()
	m.parsed[full] = e
	m.mu.Unlock()
	return e, nil
}

// isEventName reports whether s can be a directory of events, so that a name
// from a program never leads out of them.
func isEventName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isWordByte(c) && c != '-' && (c != '.' || i == 0) {
			return false
		}
	}
	return s != ""
}

// EventID returns the number by which perf_event_open knows a tracepoint.
func (m *Machine) EventID(category, name string) (int, error) {
	e, err := m.event(category, name)
	if err != nil {
		return 0, err
	}
	return e.id, nil
}

// TracepointFields returns the fields of a tracepoint at their offsets in the
// classic context, those that all events start with included. A data location
// has the type of the address that reading it gives. Field.Doc tells how the
// kernel prints the field.
func (m *Machine) TracepointFields(category, event string) ([]check.Field, error) {
	e, err := m.event(category, event)
	if err != nil {
		return nil, err
	}
	return m.types.fieldsOf(e), nil
}

// RawTracepointArgs returns the arguments of a raw tracepoint in order.
func (m *Machine) RawTracepointArgs(module, event string) ([]check.Field, error) {
	args, _, err := m.types.rawTracepoint(module, event)
	return args, m.notFound("rawtracepoint", check.SuggestRawTracepoint, event, err)
}

// Function returns parameters and result (nil for void) of a kernel function.
func (m *Machine) Function(module, name string) ([]check.Field, *check.Type, error) {
	params, result, err := m.types.function(module, name)
	return params, result, m.notFound("function", check.SuggestFunction, name, err)
}

// FunctionID returns the BTF type of a kernel function, as attaching fentry
// needs it.
func (m *Machine) FunctionID(module, name string) (check.BTFRef, error) {
	b, id, err := m.types.findFunction(module, name)
	if err != nil {
		return check.BTFRef{}, m.notFound("function", check.SuggestFunction, name, err)
	}
	return check.BTFRef{Module: b.module, ID: id}, nil
}

// RawTracepointID returns the BTF type by which a program of type tracing
// attaches to a raw tracepoint (attach_btf_id).
func (m *Machine) RawTracepointID(module, event string) (check.BTFRef, error) {
	b, id, err := m.types.findIn(module, "btf_trace_"+event, 1<<btfTypedef)
	if err != nil {
		return check.BTFRef{}, m.notFound("rawtracepoint", check.SuggestRawTracepoint, event, err)
	}
	return check.BTFRef{Module: b.module, ID: id}, nil
}

// Named returns a type by tag and C name.
func (m *Machine) Named(tag, name string) (*check.Type, error) {
	t, err := m.types.named(tag, name)
	if err != nil {
		full := strings.TrimSpace(tag + " " + name)
		return nil, m.notFound("type", check.SuggestType, full, err)
	}
	return t, nil
}

// EnumConst returns value and type of an enumerator.
func (m *Machine) EnumConst(name string) (int64, *check.Type, error) {
	v, t, err := m.types.enumConst(name)
	return v, t, m.notFound("enumerator", check.SuggestEnumConst, name, err)
}

// PercpuVar returns the type of a per-CPU variable.
func (m *Machine) PercpuVar(name string) (*check.Type, error) {
	t, err := m.types.percpuVar(name)
	return t, m.notFound("per-CPU variable", check.SuggestSymbol, name, err)
}

// KernelSymbol returns the address of a kernel symbol.
func (m *Machine) KernelSymbol(name string) (uint64, error) {
	m.mu.Lock()
	addr, ok := m.symbols[name]
	m.mu.Unlock()
	if ok {
		return addr, nil
	}
	addr, err := m.src.symbol(name)
	if err != nil {
		return 0, m.notFound("kernel symbol", check.SuggestSymbol, name, err)
	}
	m.mu.Lock()
	m.symbols[name] = addr
	m.mu.Unlock()
	return addr, nil
}

// BTF returns the raw type information of the kernel (module "") or of a module.
// The caller must not change it.
func (m *Machine) BTF(module string) ([]byte, error) {
	b, err := m.types.btf(module)
	if err != nil {
		return nil, err
	}
	return b.raw, nil
}
