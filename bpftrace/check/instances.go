package check

import (
	"errors"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// mentions are the builtins that the program reads somewhere, which decide how
// far attach points with one block have to be told apart.
type mentions struct {
	args, retval, ctx, comptimeProbe bool
}

// mentionsIn finds what n reads.
func mentionsIn(n syntax.Node, m *mentions) {
	if n == nil {
		return
	}
	syntax.Inspect(n, func(x syntax.Node) bool {
		switch x := x.(type) {
		case *syntax.Builtin:
			m.note(x.Name)
		case *syntax.Ident:
			m.note(x.Name)
		case *syntax.Comptime:
			syntax.Inspect(x.X, func(y syntax.Node) bool {
				if id, ok := y.(*syntax.Ident); ok && id.Name == "probe" {
					m.comptimeProbe = true
				}
				return true
			})
		}
		return true
	})
}

func (m *mentions) note(name string) {
	switch strings.TrimPrefix(name, "__builtin_") {
	case "args":
		m.args = true
	case "retval":
		m.retval = true
	case "ctx":
		m.ctx = true
	}
}

// expandProbes makes the instances of every probe: groups of attach points that
// share the types of their arguments.
func (c *checker) expandProbes(decls []syntax.Decl) {
	for _, d := range decls {
		if m, ok := d.(*syntax.Macro); ok && m.Body != nil {
			mentionsIn(m.Body, &c.mentions)
		}
	}
	total, first := 0, (*syntax.Probe)(nil)
	for _, d := range decls {
		if p, ok := d.(*syntax.Probe); ok && p.Body != nil {
			total += c.expandProbe(p)
			if first == nil {
				first = p
			}
		}
	}
	if total == 0 && first != nil && c.info.Settings.MissingProbes != "error" && !c.diags.HasErrors() {
		d := c.errorf(CodeMissingProbe, first, "No probes to attach")
		hint(d, "All probes of the program are missing, and missing_probes lets each of them pass.")
	}
	if limit := c.info.Settings.MaxProbes; total > limit {
		d := c.errorf(CodeTooManyProbes, c.file, "Can't attach to %d probes because it exceeds the current limit of %d probes.", total, limit)
		hint(d, "You can increase the limit through the BPFTRACE_MAX_PROBES environment variable or config = { max_probes=%d }, but BE CAREFUL since a high number of probes attached can cause your system to crash.", total)
	}
}

// instance is a group of attach points of one declaration.
type instance struct {
	kind         syntax.ProbeKind
	key          string
	aps          []*AttachPoint
	args, retval *Type
	ctx          *Type
}

func (c *checker) expandProbe(d *syntax.Probe) int {
	m := c.mentions
	mentionsIn(d.Predicate, &m)
	mentionsIn(d.Body, &m)
	var groups []*instance
	byKey := map[string]*instance{}
	n, good := 0, 0
	for _, ap := range d.AttachPoints {
		if ap.Bad {
			good++ // reported
			continue
		}
		for _, x := range c.attachPoints(ap) {
			n++
			in := c.instanceOf(x, ap, m)
			old := byKey[in.key]
			if old == nil {
				byKey[in.key] = in
				groups = append(groups, in)
				old = in
			}
			old.aps = append(old.aps, x)
		}
	}
	if len(groups) == 0 {
		// Its body is checked nevertheless.
		groups = []*instance{{kind: c.kindOf(d)}}
	}
	for i, in := range groups {
		c.addProbe(d, in, i)
	}
	return n
}

// kindOf is the kind of a probe none of whose attach points exist.
func (c *checker) kindOf(d *syntax.Probe) syntax.ProbeKind {
	for _, ap := range d.AttachPoints {
		if p, _ := syntax.ParseAttachPoint(ap, c.opts.Params); p != nil {
			return p.Kind
		}
	}
	return syntax.ProbeInvalid
}

func (c *checker) addProbe(d *syntax.Probe, in *instance, i int) {
	p := &Probe{
		Decl: d, Index: len(c.info.Probes), Kind: in.kind, AttachPoints: in.aps,
		Predicate: d.Predicate, Body: d.Body, Args: in.args, Ctx: in.ctx, Retval: in.retval,
	}
	if i > 0 {
		p.Body = syntax.Clone(d.Body)
		if d.Predicate != nil {
			p.Predicate = syntax.Clone(d.Predicate)
		}
	}
	c.info.Probes = append(c.info.Probes, p)
}

// attachPoints returns what ap stands for on the target.
func (c *checker) attachPoints(ap *syntax.AttachPoint) []*AttachPoint {
	parsed, ds := syntax.ParseAttachPointWith(ap, &syntax.ParseOptions{Params: c.opts.Params, Unsafe: true})
	if parsed == nil || ds.HasErrors() {
		return nil
	}
	if bad := parsed.Validate(c.target.Arch()); len(bad) > 0 {
		c.diags = append(c.diags, bad...)
		if bad.HasErrors() {
			return nil
		}
	}
	aps, err := c.target.Expand(parsed, &ExpandOptions{Max: c.info.Settings.MaxProbes, PID: c.opts.PID})
	if err != nil {
		c.missingProbe(ap, parsed, err)
		return nil
	}
	if len(aps) == 0 {
		c.missingProbe(ap, parsed, ErrNotFound)
	}
	c.unsupported(ap, parsed)
	return aps
}

// unsupported warns of a kind of probe that the target cannot attach.
func (c *checker) unsupported(ap *syntax.AttachPoint, p *syntax.ParsedAttachPoint) {
	ability, ok := map[syntax.ProbeKind]Ability{
		syntax.ProbeKprobe: AbilityKprobe, syntax.ProbeKretprobe: AbilityKprobe, syntax.ProbeFentry: AbilityFentry,
		syntax.ProbeFexit: AbilityFentry, syntax.ProbeHardware: AbilityHardware, syntax.ProbeIter: AbilityIter,
		syntax.ProbeUprobe: AbilityUprobe, syntax.ProbeUretprobe: AbilityUprobe, syntax.ProbeWatchpoint: AbilityWatchpoint,
	}[p.Kind]
	if !ok || c.target.Has(ability) != No {
		return
	}
	d := c.warnf(CodeMissingAbility, ap, "%s cannot attach %s probes", c.target.Describe(), p.Kind)
	if len(d.Notes) > 0 {
		return
	}
	if alt := tracepointFor(p.Func); alt != "" && (p.Kind == syntax.ProbeKprobe || p.Kind == syntax.ProbeFentry) {
		hint(d, "%s fires for the same event; its arguments are read as args.NAME.", alt)
		fix(d, false, "use "+alt, ap, alt)
	}
	if p.Kind == syntax.ProbeHardware {
		hint(d, "Virtual machines rarely have hardware counters: use profile:hz:99 or software:cpu-clock.")
	}
}

// missingProbe reports an attach point that the target does not have, as the
// setting missing_probes says.
func (c *checker) missingProbe(ap *syntax.AttachPoint, p *syntax.ParsedAttachPoint, err error) {
	sev := syntax.Error
	switch c.info.Settings.MissingProbes {
	case "ignore":
		return
	case "warn":
		sev = syntax.Warning
	}
	msg := err.Error()
	if errors.Is(err, ErrNotFound) {
		msg = missingText(ap, p, sev)
	}
	code := CodeMissingProbe
	if isUnknown(err) && !errors.Is(err, ErrNotFound) {
		code = CodeMissingAbility
	}
	d := c.report(sev, code, ap, "%s", []any{msg})
	if errors.Is(err, ErrNotFound) {
		c.suggestProbe(d, ap, p)
		switch p.Kind {
		case syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
			hint(d, "%s", err) // it tells what the binary has
		}
	}
}

// missingText says that nothing matches an attach point, in the words that
// upstream's users search for.
func missingText(ap *syntax.AttachPoint, p *syntax.ParsedAttachPoint, sev syntax.Severity) string {
	if p.Kind == syntax.ProbeIter {
		return "iter " + p.Func + " not available for your kernel version."
	}
	_, name, _ := strings.Cut(ap.Raw, ":")
	text := "No matches for " + p.Kind.String() + " " + name + "."
	if p.Wildcard || p.Kind == syntax.ProbeRawTracepoint {
		text = "Probe has no valid attach points. " + text
	}
	if sev == syntax.Warning {
		text += " Skipping."
	}
	return text
}

// instanceOf finds the types that code at x sees.
func (c *checker) instanceOf(x *AttachPoint, ap *syntax.AttachPoint, m mentions) *instance {
	p := x.Parsed
	in := &instance{kind: p.Kind, key: p.Kind.String()}
	if m.args {
		in.args = c.argsType(x, ap)
		in.key += "|" + signature(in.args)
	}
	if m.retval {
		in.retval = c.retvalType(x)
		in.key += "|" + in.retval.String()
	}
	if m.ctx {
		in.ctx = c.ctxType(p)
		in.key += "|" + in.ctx.String()
	}
	if m.comptimeProbe || p.Kind == syntax.ProbeTest || p.Kind == syntax.ProbeBench {
		in.key += "|" + x.Name
	}
	return in
}

// signature tells types of arguments apart.
func signature(t *Type) string {
	if t == nil || t.Struct == nil {
		return ""
	}
	var b strings.Builder
	for _, f := range t.Struct.Members() {
		b.WriteString(f.Name + " " + f.Type.String() + " " + itoa(f.Offset) + ",")
	}
	return b.String()
}

// argsType is the struct that args stands for at x; Unknown when the target
// cannot know it, nil where there are no arguments.
func (c *checker) argsType(x *AttachPoint, ap *syntax.AttachPoint) *Type {
	p := x.Parsed
	var fields []Field
	var err error
	space := SpaceKernel
	switch p.Kind {
	case syntax.ProbeTracepoint:
		fields, err = c.target.TracepointFields(p.Target, p.Func)
		if p.Target == "syscalls" {
			space = SpaceUser
		}
	case syntax.ProbeRawTracepoint:
		fields, err = c.target.RawTracepointArgs(p.Target, p.Func)
	case syntax.ProbeFentry, syntax.ProbeFexit:
		if p.Target == "bpf" {
			return nil
		}
		fields, _, err = c.target.Function(p.Target, p.Func)
	case syntax.ProbeUprobe:
		fields, err = c.target.UserFunction(p.Target, p.Func)
		space = SpaceUser
	default:
		return nil
	}
	if err != nil {
		if isUnknown(err) || p.Wildcard {
			return unknownType
		}
		c.errorf(CodeMissingProbe, ap, "Cannot read the arguments of %s: %v", x.Name, err)
		return unknownType
	}
	return &Type{
		Kind: Struct, Name: argsName(p), Space: space, Ctx: true,
		Struct: &CStruct{Name: argsName(p), Known: append([]Field{}, fields...)},
	}
}

// retvalType is the type of the result of what x traces.
func (c *checker) retvalType(x *AttachPoint) *Type {
	p := x.Parsed
	switch p.Kind {
	case syntax.ProbeKretprobe, syntax.ProbeUretprobe:
		return withSpace(uint64Type, spaceOf(p.Kind))
	case syntax.ProbeFentry, syntax.ProbeFexit:
		if p.Target == "bpf" {
			_, t, err := c.target.BPFProgram(p.BPFID, p.Func)
			return resultType(t, err)
		}
		_, t, err := c.target.Function(p.Target, p.Func)
		return resultType(t, err)
	}
	return nil
}

func resultType(t *Type, err error) *Type {
	switch {
	case err != nil:
		return unknownType
	case t == nil:
		return voidType
	case t.Kind == Pointer || t.Kind == Int:
		return withSpace(t, SpaceKernel)
	}
	return t
}

// ctxType is the type of ctx: a pointer to the probe's context.
func (c *checker) ctxType(p *syntax.ParsedAttachPoint) *Type {
	name := ""
	switch p.Kind {
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		name = "pt_regs"
	case syntax.ProbeProfile, syntax.ProbeInterval, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint:
		name = "bpf_perf_event_data"
	case syntax.ProbeIter:
		name = "bpf_iter__" + p.Func
	default:
		return nil
	}
	elem := c.structNamed("struct", name)
	if elem.Kind == Struct {
		s := *elem
		s.Ctx, s.Space = true, SpaceKernel
		elem = &s
	}
	return &Type{Kind: Pointer, Size: 8, Elem: elem, Space: SpaceKernel, Ctx: true}
}

// structNamed finds a struct of the program or the target; what cannot be known
// is Unknown with the name.
func (c *checker) structNamed(tag, name string) *Type {
	if t := c.c.types[tag+" "+name]; t != nil {
		return t
	}
	if t, err := c.target.Named(tag, name); err == nil {
		return t
	}
	return &Type{Kind: Unknown, Name: tag + " " + name}
}

// spaceOf is the memory that plain addresses at a probe point into.
func spaceOf(k syntax.ProbeKind) AddrSpace {
	switch k {
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeTracepoint,
		syntax.ProbeIter, syntax.ProbeRawTracepoint:
		return SpaceKernel
	case syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		return SpaceUser
	}
	return SpaceNone
}

// argsName is the name of the struct of arguments, as messages show it.
func argsName(p *syntax.ParsedAttachPoint) string {
	if p.Kind == syntax.ProbeTracepoint {
		return "struct _tracepoint_" + p.Target + "_" + p.Func
	}
	return "struct " + p.Kind.String() + "_" + p.Func + "_args"
}
