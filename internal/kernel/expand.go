package kernel

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// defaultMaxProbes is upstream's max_probes.
const defaultMaxProbes = 1024

// Expand returns the attach points that ap stands for, in order of their names.
func (m *Machine) Expand(ap *syntax.ParsedAttachPoint, opts *check.ExpandOptions) ([]*check.AttachPoint, error) {
	x := expansion{machine: m, ap: ap, max: defaultMaxProbes}
	if opts != nil {
		x.pid = opts.PID
		if opts.Max > 0 {
			x.max = opts.Max
		}
	}
	switch ap.Kind {
	case syntax.ProbeTracepoint:
		return x.tracepoints()
	case syntax.ProbeRawTracepoint:
		return x.rawTracepoints()
	case syntax.ProbeKprobe, syntax.ProbeKretprobe:
		return x.kprobes()
	case syntax.ProbeFentry, syntax.ProbeFexit:
		return x.fentries()
	case syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		return x.userProbes()
	case syntax.ProbeIter:
		return x.iters()
	}
	return x.itself()
}

// expansion is one Expand call.
type expansion struct {
	machine *Machine
	ap      *syntax.ParsedAttachPoint
	max     int
	pid     int
	found   []*check.AttachPoint
	count   int // matches, those above max included
}

// itself is the result for an attach point that stands for itself.
func (x *expansion) itself() ([]*check.AttachPoint, error) {
	x.add(func(*syntax.ParsedAttachPoint) {})
	return x.found, nil
}

// add adds a copy of the attach point on which set has resolved the wildcards.
func (x *expansion) add(set func(*syntax.ParsedAttachPoint)) {
	if x.count++; x.count > x.max {
		return
	}
	p := *x.ap
	p.Wildcard = false
	set(&p)
	x.found = append(x.found, &check.AttachPoint{Parsed: &p, Name: p.String(), Func: p.Func})
}

// done sorts what was found and complains about nothing or too much.
func (x *expansion) done(kind string) ([]*check.AttachPoint, error) {
	pattern := strings.TrimPrefix(x.ap.Target+":"+x.ap.Func, ":")
	switch {
	case x.count == 0:
		return nil, &NotFound{Kind: kind, Name: pattern}
	case x.count > x.max:
		return nil, &TooMany{Pattern: kind + ":" + pattern, Count: x.count, Max: x.max}
	}
	sort.Slice(x.found, func(i, j int) bool { return x.found[i].Name < x.found[j].Name })
	return x.found, nil
}

// TooMany says that a wildcard matches more probes than the limit.
type TooMany struct {
	Pattern    string
	Count, Max int
}

// Error says how many and what to do.
func (e *TooMany) Error() string {
	return fmt.Sprintf("%s matches %d probes, more than %d: narrow the pattern or raise max_probes", e.Pattern, e.Count, e.Max)
}

func (x *expansion) tracepoints() ([]*check.AttachPoint, error) {
	ap := x.ap
	if !symbol.HasWildcard(ap.Target) && !symbol.HasWildcard(ap.Func) {
		if !x.machine.hasEvent(ap.Target + ":" + ap.Func) {
			if _, err := x.machine.event(ap.Target, ap.Func); err != nil {
				return nil, err
			}
		}
		return x.itself()
	}
	names, err := x.machine.Events()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		category, event, _ := strings.Cut(name, ":")
		if symbol.Match(ap.Target, category) && symbol.Match(ap.Func, event) {
			x.add(func(p *syntax.ParsedAttachPoint) { p.Target, p.Func = category, event })
		}
	}
	return x.done("tracepoint")
}

func (x *expansion) rawTracepoints() ([]*check.AttachPoint, error) {
	ap := x.ap
	if !symbol.HasWildcard(ap.Target) && !symbol.HasWildcard(ap.Func) {
		ref, err := x.machine.RawTracepointID(ap.Target, ap.Func)
		if err != nil {
			return nil, err
		}
		x.add(func(p *syntax.ParsedAttachPoint) { p.Target = moduleName(ref.Module) })
		return x.found, nil
	}
	err := x.machine.types.each(func(b *btf) bool {
		module := moduleName(b.module)
		if ap.Target != "" && !symbol.Match(ap.Target, module) {
			return true
		}
		for _, event := range b.names(1<<btfTypedef, "btf_trace_") {
			if symbol.Match(ap.Func, event) {
				x.add(func(p *syntax.ParsedAttachPoint) { p.Target, p.Func = module, event })
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return x.done("rawtracepoint")
}

func (x *expansion) kprobes() ([]*check.AttachPoint, error) {
	ap := x.ap
	switch {
	case ap.HasAddress:
		return x.itself()
	case symbol.HasWildcard(ap.Target) || symbol.HasWildcard(ap.Func):
		return x.functions("kprobe", ap.Target != "")
	}
	err := x.machine.kernelFunction(ap.Target, ap.Func)
	if err != nil && !errors.Is(err, check.ErrUnknown) {
		return nil, err
	}
	return x.itself()
}

// kernelFunction reports whether a function exists: BTF answers at once, the
// kernel's list of functions and its symbols have those that BTF leaves out.
func (m *Machine) kernelFunction(module, name string) error {
	if _, _, err := m.types.findFunction(module, name); !errors.Is(err, check.ErrNotFound) && !errors.Is(err, check.ErrUnknown) {
		return nil // found, or in several modules, all of which a kprobe means
	}
	if x, err := m.functions(); err == nil && x.exact && x.has(module, name) {
		return nil
	}
	_, err := m.src.symbol(name)
	return m.notFound("function", check.SuggestFunction, name, err)
}

// functions matches traceable functions. With module, attach points name it.
func (x *expansion) functions(kind string, module bool) ([]*check.AttachPoint, error) {
	index, err := x.machine.functions()
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{} // several modules can have a function of one name
	index.search(x.ap.Target, x.ap.Func, nil, func(mod, name string) {
		key := name
		if module {
			key = mod + ":" + name
		}
		if seen[key] {
			return
		}
		seen[key] = true
		x.add(func(p *syntax.ParsedAttachPoint) {
			p.Func = name
			if module {
				p.Target = moduleName(mod)
			}
		})
	})
	return x.done(kind)
}

func (x *expansion) fentries() ([]*check.AttachPoint, error) {
	ap := x.ap
	switch {
	case ap.Target == "bpf":
		return x.programs()
	case symbol.HasWildcard(ap.Target) || symbol.HasWildcard(ap.Func):
		return x.functions("fentry", true)
	}
	ref, err := x.machine.FunctionID(ap.Target, ap.Func)
	if err != nil {
		return nil, err
	}
	x.add(func(p *syntax.ParsedAttachPoint) { p.Target = moduleName(ref.Module) })
	return x.found, nil
}

// programs resolves fentry:bpf:[ID:]NAME.
func (x *expansion) programs() ([]*check.AttachPoint, error) {
	ap := x.ap
	if symbol.HasWildcard(ap.Func) {
		return nil, fmt.Errorf("fentry:bpf:%s: name one BPF program: %w", ap.Func, check.ErrNotFound)
	}
	prog, err := x.machine.src.program(ap.BPFID, ap.Func)
	if err != nil {
		return nil, err
	}
	x.add(func(p *syntax.ParsedAttachPoint) { p.BPFID = prog.id })
	return x.found, nil
}

func (x *expansion) iters() ([]*check.AttachPoint, error) {
	names, err := x.machine.iterators()
	if err != nil {
		return nil, err
	}
	i := sort.SearchStrings(names, x.ap.Func)
	if i == len(names) || names[i] != x.ap.Func {
		return nil, &NotFound{Kind: "iter", Name: x.ap.Func, similar: func() []string { return closest(names, x.ap.Func) }}
	}
	return x.itself()
}

// iterators lists the kernel's BPF iterators: each has a context struct
// bpf_iter__NAME.
func (m *Machine) iterators() ([]string, error) {
	var names []string
	err := m.types.each(func(b *btf) bool {
		for _, name := range b.names(1<<btfStruct, "bpf_iter__") {
			if !strings.Contains(name, "__") { // bpf_iter__task__safe_trusted
				names = append(names, name)
			}
		}
		return true
	})
	sort.Strings(names)
	return names, err
}
