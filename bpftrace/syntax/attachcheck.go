package syntax

import (
	"fmt"
	"strings"
)

// checkAttachPoints checks the attach points of the probes that were read, and
// marks those that are bad.
func (p *parser) checkAttachPoints() {
	named := map[string]Span{}
	for _, d := range p.file.Decls {
		if pr, ok := d.(*Probe); ok {
			p.checkProbe(pr, named)
		}
	}
}

func (p *parser) checkProbe(pr *Probe, named map[string]Span) {
	iters, good := 0, 0
	for _, ap := range pr.AttachPoints {
		if ap.Bad {
			good++
			continue
		}
		a, ds := ParseAttachPointWith(ap, p.opts)
		if a != nil {
			good++
			if a.Kind == ProbeIter {
				iters++
			}
			ds = append(ds, checkSelf(a)...)
			ds = append(ds, checkNamed(a, named)...)
			ds = append(ds, p.checkLocation(a)...)
			if a.Kind == ProbeIter && iters > 1 {
				ds = append(ds, Diagnostic{Code: CodeAttachIter, Span: a.Span, Message: "iter probe only supports one attach point.",
					Why: "An iterator runs alone; give each its own block."})
			}
		}
		ap.Bad = ds.HasErrors()
		good += len(ds)
		if p.badPoints += len(ds); p.badPoints <= maxBadPoints {
			p.diags = append(p.diags, ds...)
		}
	}
	if good == 0 {
		p.diags = append(p.diags, noAttachPoints(pr))
	}
}

// noAttachPoints reports a probe all of whose attach points are empty.
func noAttachPoints(pr *Probe) Diagnostic {
	first, last := pr.AttachPoints[0], pr.AttachPoints[len(pr.AttachPoints)-1]
	return Diagnostic{Code: CodeNoAttachPoint, Span: first.Span().Through(last.Span()), Message: "No attach points for probe", Why: whyKind}
}

// checkSelf checks the trigger of a self probe.
func checkSelf(a *ParsedAttachPoint) Diagnostics {
	const why = "The only probe of this kind is self:signal:SIGUSR1."
	switch {
	case a.Kind != ProbeSelf:
	case a.Target != "signal":
		return Diagnostics{{Code: CodeAttachEvent, Span: a.Span, Message: a.Target + " is not a supported trigger", Why: why}}
	case a.Func != "SIGUSR1":
		return Diagnostics{{Code: CodeAttachEvent, Span: a.Span, Message: a.Func + " is not a supported signal", Why: why}}
	}
	return nil
}

// checkNamed checks that tests and benchmarks have names of their own.
func checkNamed(a *ParsedAttachPoint, named map[string]Span) Diagnostics {
	if a.Kind != ProbeTest && a.Kind != ProbeBench {
		return nil
	}
	kind := a.Kind.String()
	if a.Target == "" {
		return Diagnostics{{Code: CodeAttachName, Span: a.Span, Message: kind + " probes must have a name", Why: "Results are listed by name."}}
	}
	first, dup := named[kind+":"+a.Target]
	if !dup {
		named[kind+":"+a.Target] = a.Span
		return nil
	}
	return Diagnostics{{
		Code: CodeAttachName, Span: a.Span, Why: "Results are listed by name.",
		Message: fmt.Sprintf("\"%s\" was used as the name for more than one %s probe", a.Target, strings.ToUpper(kind)),
		Notes:   []Note{{first, "this is the other instance"}},
	}}
}

// checkLocation resolves a place in the source, which takes the debug
// information of the binary.
func (p *parser) checkLocation(a *ParsedAttachPoint) Diagnostics {
	if a.File == "" || strings.HasPrefix(a.Target, "{") {
		return nil // a placeholder's binary is not known yet
	}
	msg := fmt.Sprintf("No DWARF debug info found for '%s', cannot attach by source code location.", a.Target)
	if p.opts.ResolveLine != nil {
		if _, err := p.opts.ResolveLine(a.Target, a.File, a.Line, a.Col); err == nil {
			return nil
		} else if err.Error() != "" {
			msg = err.Error()
		}
	}
	return Diagnostics{{
		Code: CodeAttachLocation, Span: a.Span, Message: msg,
		Why: "A line of source is turned into an address by the debug information of the binary, so the program is checked where the binary is.",
	}}
}

// Validate checks the values of a that need no kernel: units, names of events,
// lengths and modes, and that something is named at all. arch is a GOARCH; ""
// means amd64. Messages are upstream's. Alternatives are not checked.
func (a *ParsedAttachPoint) Validate(arch string) Diagnostics {
	var ds Diagnostics
	switch a.Kind {
	case ProbeKprobe, ProbeKretprobe:
		if a.Func == "" && a.Address == 0 {
			ds = append(ds, a.errorf(CodeAttachTarget, "kprobes should be attached to a function or an address"))
		}
	case ProbeUprobe, ProbeUretprobe:
		ds = append(ds, a.validateUprobe()...)
	case ProbeUSDT:
		if a.Func == "" {
			ds = append(ds, a.errorf(CodeAttachTarget, "usdt probe must have a target function or wildcard"))
		}
	case ProbeTracepoint:
		if a.Target == "" || a.Func == "" {
			ds = append(ds, a.errorf(CodeAttachTarget, "tracepoint probe must have a target"))
		}
	case ProbeRawTracepoint:
		if a.Func == "" {
			ds = append(ds, a.errorf(CodeAttachTarget, "rawtracepoint should be attached to a function"))
		}
	case ProbeFentry, ProbeFexit:
		if a.Func == "" {
			ds = append(ds, a.errorf(CodeAttachTarget, "fentry/fexit should specify a function"))
		}
	case ProbeIter:
		if a.Func == "" {
			ds = append(ds, a.errorf(CodeAttachTarget, "iter should specify a iterator's name"))
		}
	case ProbeProfile, ProbeInterval:
		ds = append(ds, a.validateRate()...)
	case ProbeSoftware, ProbeHardware:
		ds = append(ds, a.validateEvent()...)
	case ProbeWatchpoint:
		ds = append(ds, a.validateWatchpoint(arch)...)
	}
	return ds
}

func (a *ParsedAttachPoint) errorf(code Code, format string, args ...any) Diagnostic {
	var forms []string
	for _, f := range a.Kind.Info().Forms {
		forms = append(forms, f.Example)
	}
	return Diagnostic{Code: code, Span: a.Span, Message: oneLine(fmt.Sprintf(format, args...)), Why: "For example: " + strings.Join(forms, ", ") + "."}
}

func (a *ParsedAttachPoint) validateUprobe() (ds Diagnostics) {
	if a.Target == "" {
		ds = append(ds, a.errorf(CodeAttachTarget, "%s should have a target", a.Kind))
	}
	if a.Func == "" && a.Address == 0 && a.File == "" {
		ds = append(ds, a.errorf(CodeAttachTarget, "%s should be attached to a function and/or address", a.Kind))
	}
	if a.Lang != "" && !isLang(a.Lang) {
		ds = append(ds, a.errorf(CodeAttachTarget, "unsupported language type: %s", a.Lang))
	}
	return ds
}

func (a *ParsedAttachPoint) validateRate() (ds Diagnostics) {
	switch a.Unit {
	case "s", "ms", "us", "hz":
	case "":
		return Diagnostics{a.errorf(CodeAttachRate, "%s probe must have unit of time", a.Kind)}
	default:
		ds = append(ds, a.errorf(CodeAttachRate, "%s is not an accepted unit of time", a.Unit))
	}
	if int64(a.Freq) <= 0 {
		ds = append(ds, a.errorf(CodeAttachRate, "%s frequency should be a positive integer", a.Kind))
	}
	return ds
}

func (a *ParsedAttachPoint) validateEvent() Diagnostics {
	_, known := FindPerfEvent(a.Kind, a.Target)
	switch {
	case a.Target == "":
		return Diagnostics{a.errorf(CodeAttachEvent, "%s probe must have a %s event name", a.Kind, a.Kind)}
	case HasWildcard(a.Target):
		return Diagnostics{a.errorf(CodeAttachEvent, "wildcards are not allowed for %s probe type", a.Kind)}
	case !known:
		d := a.errorf(CodeAttachEvent, "%s is not a %s probe", a.Target, a.Kind)
		if best := closestEvent(a.Kind, a.Target); best != "" {
			d.Notes = []Note{{Message: "did you mean " + a.Kind.String() + ":" + best + "?"}}
		}
		return Diagnostics{d}
	}
	return nil
}

func closestEvent(k ProbeKind, name string) string {
	events := SoftwareEvents()
	if k == ProbeHardware {
		events = HardwareEvents()
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Name)
	}
	return Closest(name, names)
}

// watchModes are the modes that the debug registers of a processor know.
func watchModes(arch string) []string {
	if arch == "arm64" {
		return []string{"r", "w", "x", "rw"}
	}
	return []string{"x", "w", "rw"}
}

func (a *ParsedAttachPoint) validateWatchpoint(arch string) (ds Diagnostics) {
	if a.Address == 0 {
		ds = append(ds, a.errorf(CodeAttachWatchpoint, "watchpoint must be attached to a non-zero address"))
	}
	switch a.Len {
	case 1, 2, 4, 8:
	default:
		ds = append(ds, a.errorf(CodeAttachWatchpoint, "watchpoint length must be one of (1,2,4,8)"))
	}
	if strings.Trim(a.Mode, "rwx") != "" || a.Mode == "" {
		return append(ds, a.errorf(CodeAttachWatchpoint, "watchpoint mode must be combination of (r,w,x)"))
	}
	for i := 1; i < len(a.Mode); i++ {
		if a.Mode[i-1] == a.Mode[i] {
			return append(ds, a.errorf(CodeAttachWatchpoint, "watchpoint modes may not be duplicated"))
		}
	}
	modes := watchModes(arch)
	for _, m := range modes {
		if m == a.Mode {
			return ds
		}
	}
	d := a.errorf(CodeAttachWatchpoint, "invalid watchpoint mode: %s", a.Mode)
	d.Notes = []Note{{Message: "supported modes: " + strings.Join(modes, ",")}}
	return append(ds, d)
}
