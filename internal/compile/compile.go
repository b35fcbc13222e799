package compile

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Options change what Compile makes. The zero value is right for an engine that
// waits for the ring buffer in the kernel's own way.
type Options struct {
	// Poll says that the engine looks at the ring buffer on its own: records do
	// not wake it up, which is three times cheaper, except for exit().
	Poll bool

	// PlainReads keeps the compiler from dereferencing typed kernel pointers
	// directly: for a second try where a verifier is stricter than expected.
	PlainReads bool

	// PIDNamespace says that the run is inside a pid namespace of its own, whose
	// ids pid and tid give; the engine fills in Setup.PIDNsDev and PIDNsIno.
	PIDNamespace bool

	// Params asks for a block of parameters, an enable switch and a sampling rate
	// that can be changed while the program runs, even if it has no parameters.
	Params bool

	// PID, when not 0, is the only process whose events are handled (-p).
	PID int

	// HelperErrors asks for a record whenever a helper fails (-k).
	HelperErrors bool
}

// compiler is the state of one Compile.
type compiler struct {
	info    *check.Info
	opts    Options
	obj     *Object
	diags   syntax.Diagnostics
	maps    map[*check.Map]*Map
	names   map[string]bool // of programs
	strings map[string]int
	arch    *arch
	events  *Map
	losses  *Map
	stacks  map[stackKey]*Map
	setup   *Map
	params  *Map
	zeroes  *Map
	usdt    *Map
	calls   map[*syntax.Block]syntax.Span // of macros, by what they expand to

	observed   *Action // of ActObserve, once a program needs it
	observedID int
}

// Compile turns a checked program into an Object. What info's target cannot run
// is reported as diagnostics; the Object is complete only without errors.
func Compile(info *check.Info, opts *Options) (obj *Object, diags syntax.Diagnostics) {
	c := &compiler{
		info: info, obj: &Object{Info: info},
		maps: map[*check.Map]*Map{}, names: map[string]bool{}, strings: map[string]int{},
		stacks: map[stackKey]*Map{},
	}
	if opts != nil {
		c.opts = *opts
	}
	c.arch = archOf(info.Target)
	c.obj.Setup = Setup{Start: -1, PIDNsDev: -1, PIDNsIno: -1, CPID: -1, NCPUs: -1, TAIOffset: -1, Wall: -1}
	c.paramBlock()
	for _, m := range info.Maps {
		c.userMap(m)
	}
	for _, p := range info.Probes {
		c.compileProbe(p)
	}
	c.finishMaps()
	return c.obj, c.diags
}

func (c *compiler) compileProbe(p *check.Probe) {
	defer c.recoverUnsupported(p)
	for _, group := range c.groups(p) {
		c.obj.Programs = append(c.obj.Programs, c.program(p, group))
	}
}

// unsupported is what the generator panics with when it meets something that it
// cannot compile, after it reported why; compileProbe continues with the next
// probe.
type unsupported struct{}

func (c *compiler) recoverUnsupported(p *check.Probe) {
	switch r := recover().(type) {
	case nil, unsupported:
	default:
		panic(r)
	}
}

func (c *compiler) errorf(span syntax.Span, code syntax.Code, message string) {
	for i := range c.diags {
		if c.diags[i].Span == span && c.diags[i].Message == message {
			return
		}
	}
	c.diags = append(c.diags, syntax.Diagnostic{Code: code, Severity: syntax.Error, Span: span, Message: message})
}

// fail reports an error and gives up the current probe.
func (g *gen) fail(span syntax.Span, code syntax.Code, format string, args ...any) {
	g.prog.errorf(span, code, fmt.Sprintf(format, args...))
	panic(unsupported{})
}

// need fails when the target lacks an ability.
func (g *gen) need(a check.Ability, span syntax.Span, what string) {
	if g.prog.info.Target.Has(a) == check.No {
		g.fail(span, "missing-ability", "%s needs %s, which %s does not have", what, a, g.prog.info.Target.Describe())
	}
}

// intern returns the index of s in Object.Strings.
func (c *compiler) intern(s string) int {
	if i, ok := c.strings[s]; ok {
		return i
	}
	c.strings[s] = len(c.obj.Strings)
	c.obj.Strings = append(c.obj.Strings, s)
	return c.strings[s]
}

// programName returns a name for a program that the kernel takes and that no
// other has: "tp_sched_switch", cut and numbered where needed.
func (c *compiler) programName(base string) string {
	name := mapName(base)
	for i := 2; c.names[name]; i++ {
		suffix := fmt.Sprintf("_%d", i)
		name = mapName(base)
		name = name[:min(len(name), 15-len(suffix))] + suffix
	}
	c.names[name] = true
	return name
}

// mapName makes a name that the kernel takes: letters, digits and _, at most 15.
func mapName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, s)
	return s[:min(len(s), 15)]
}

var progTypes = map[syntax.ProbeKind]struct {
	typ    ebpf.ProgramType
	attach Attach
	short  string
}{
	syntax.ProbeBegin:         {ebpf.RawTracepoint, RunBegin, "begin"},
	syntax.ProbeEnd:           {ebpf.RawTracepoint, RunEnd, "end"},
	syntax.ProbeTest:          {ebpf.RawTracepoint, RunTest, "test"},
	syntax.ProbeBench:         {ebpf.RawTracepoint, RunBench, "bench"},
	syntax.ProbeInterval:      {ebpf.RawTracepoint, RunInterval, "interval"},
	syntax.ProbeSelf:          {ebpf.RawTracepoint, RunSignal, "self"},
	syntax.ProbeTracepoint:    {ebpf.TracePoint, AttachTracepoint, "tp"},
	syntax.ProbeRawTracepoint: {ebpf.RawTracepoint, AttachRawTracepoint, "rawtp"},
	syntax.ProbeProfile:       {ebpf.PerfEvent, AttachPerfEvent, "profile"},
	syntax.ProbeSoftware:      {ebpf.PerfEvent, AttachPerfEvent, "software"},
	syntax.ProbeHardware:      {ebpf.PerfEvent, AttachPerfEvent, "hardware"},
	syntax.ProbeWatchpoint:    {ebpf.PerfEvent, AttachPerfEvent, "watch"},
	syntax.ProbeUprobe:        {ebpf.Kprobe, AttachUprobe, "uprobe"},
	syntax.ProbeUretprobe:     {ebpf.Kprobe, AttachUretprobe, "uretprobe"},
	syntax.ProbeUSDT:          {ebpf.Kprobe, AttachUSDT, "usdt"},
	syntax.ProbeKprobe:        {ebpf.Kprobe, AttachKprobe, "kprobe"},
	syntax.ProbeKretprobe:     {ebpf.Kprobe, AttachKretprobe, "kretprobe"},
	syntax.ProbeFentry:        {ebpf.Tracing, AttachFentry, "fentry"},
	syntax.ProbeFexit:         {ebpf.Tracing, AttachFexit, "fexit"},
	syntax.ProbeIter:          {ebpf.Tracing, AttachIter, "iter"},
}

// newProgram describes the program for probe at points, without instructions.
func (c *compiler) newProgram(probe *check.Probe, points []*check.AttachPoint) *Program {
	t := progTypes[probe.Kind]
	p := &Program{Type: t.typ, Attach: t.attach, Probe: probe, Expect: expectedAttach(t.attach)}
	base := t.short
	if len(points) > 0 && points[0].Parsed != nil && points[0].Parsed.Func != "" {
		base += "_" + points[0].Parsed.Func
	}
	p.Name = c.programName(base)
	for i, ap := range points {
		pt := Point{AP: ap}
		if len(points) > 1 {
			pt.Cookie = uint64(i + 1)
		}
		p.Points = append(p.Points, pt)
	}
	return p
}

func expectedAttach(a Attach) ebpf.AttachType {
	switch a {
	case AttachFentry:
		return ebpf.AttachTraceFEntry
	case AttachFexit:
		return ebpf.AttachTraceFExit
	case AttachIter:
		return ebpf.AttachTraceIter
	case AttachBTFTracepoint:
		return ebpf.AttachTraceRawTp
	}
	return 0
}

// groups splits the attach points of a probe into those that one program can
// serve.
func (c *compiler) groups(p *check.Probe) [][]*check.AttachPoint {
	switch p.Kind {
	case syntax.ProbeFentry, syntax.ProbeFexit, syntax.ProbeIter:
		return each(p.AttachPoints)
	case syntax.ProbeTracepoint:
		if len(p.AttachPoints) <= maxRawCalls && len(p.AttachPoints) > 1 && c.rawFor(p, p.AttachPoints[0]) != nil {
			return each(p.AttachPoints)
		}
		if c.readsPoint(p) && c.info.Target.Has(check.AbilityAttachCookie) != check.Yes {
			return each(p.AttachPoints)
		}
	case syntax.ProbeRawTracepoint, syntax.ProbeProfile, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint,
		syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		if c.readsPoint(p) && c.info.Target.Has(check.AbilityAttachCookie) != check.Yes {
			return each(p.AttachPoints)
		}
	}
	if c.readsPoint(p) && runsItself(p.Kind) {
		return each(p.AttachPoints)
	}
	return [][]*check.AttachPoint{p.AttachPoints}
}

func each(aps []*check.AttachPoint) [][]*check.AttachPoint {
	var out [][]*check.AttachPoint
	for _, ap := range aps {
		out = append(out, []*check.AttachPoint{ap})
	}
	return out
}

// runsItself reports whether user space runs the programs of a kind, so that
// they have no attach cookies.
func runsItself(k syntax.ProbeKind) bool {
	switch k {
	case syntax.ProbeBegin, syntax.ProbeEnd, syntax.ProbeInterval, syntax.ProbeSelf, syntax.ProbeTest, syntax.ProbeBench:
		return true
	}
	return false
}
