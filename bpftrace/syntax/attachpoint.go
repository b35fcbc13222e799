package syntax

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// ParsedAttachPoint is an attach point split into its parts. Which parts are
// set depends on Kind; the others are zero.
type ParsedAttachPoint struct {
	Kind   ProbeKind
	Span   Span
	Name   string // optional name= prefix; of test and bench their name
	Target string // category of a tracepoint, binary of a uprobe or usdt, module of a kernel function, "bpf" for fentry:bpf, event of software and hardware, "signal" of self, name of a test
	Ns     string // usdt provider
	Func   string // function, event, iterator, signal or bpf program; may hold wildcards
	Offset uint64 // of FUNC+OFFSET
	// Address is set for uprobe:BIN:ADDR, kprobe:ADDR and watchpoint:ADDR; HasAddress says so.
	Address    uint64
	HasAddress bool
	Len        uint64 // watchpoint length in bytes
	Mode       string // watchpoint mode, letters of rwx in alphabetical order
	Unit       string // profile and interval: "s", "ms", "us" or "hz"; a duration is given in us
	Freq       uint64 // profile and interval: in Unit; software and hardware: sample period, 0 for the default
	File       string // uprobe:BIN@FILE:LINE:COL
	Line, Col  int    // Col is 0 when the program leaves it out
	Pin        string // iter pin path
	BPFID      uint32 // fentry:bpf:ID:NAME; 0 means any
	Lang       string // uprobe:BIN:LANG:"name"; only cpp is valid
	CPP        bool   // Lang is cpp
	Wildcard   bool   // some part holds a wildcard, so that it can stand for several

	// Alternatives are the attach points that a wildcard for the kind stands
	// for, as in *:vfs_read. Then Kind is ProbeInvalid and all else but Name is
	// zero. Those that do not exist are passed over; only when none exists is
	// that an error.
	Alternatives []*ParsedAttachPoint
}

// HasWildcard reports whether s is a pattern.
func HasWildcard(s string) bool {
	return strings.Contains(s, "*") || strings.Contains(s, "[") && strings.Contains(s, "]")
}

// TargetWildcard reports whether Target is a pattern.
func (a *ParsedAttachPoint) TargetWildcard() bool { return HasWildcard(a.Target) }

// FuncWildcard reports whether Func is a pattern.
func (a *ParsedAttachPoint) FuncWildcard() bool { return HasWildcard(a.Func) }

// Nanoseconds returns the period of a profile or interval probe, or 0 for
// other kinds and units that do not exist.
func (a *ParsedAttachPoint) Nanoseconds() uint64 {
	factor := map[string]uint64{"s": 1e9, "ms": 1e6, "us": 1e3}[a.Unit]
	switch {
	case a.Unit == "hz" && a.Freq > 0:
		return 1e9 / a.Freq
	case a.Freq > 0 && factor > ^uint64(0)/a.Freq:
		return ^uint64(0)
	}
	return factor * a.Freq
}

// Hz returns the rate of a profile or interval probe that is given in hz, or 0.
func (a *ParsedAttachPoint) Hz() uint64 {
	if a.Unit != "hz" {
		return 0
	}
	return a.Freq
}

// String returns the canonical name, which the builtin probe returns: the name
// given by the program if there is one, else the kind and the parts that are
// set, separated by colons.
func (a *ParsedAttachPoint) String() string {
	if a.Name != "" && a.Kind != ProbeTest && a.Kind != ProbeBench {
		return a.Name
	}
	var b strings.Builder
	b.WriteString(a.Kind.String())
	for _, s := range []string{a.Target, a.Unit, a.Lang, a.Ns} {
		writePart(&b, s)
	}
	writeNumber(&b, uint64(a.BPFID))
	writePart(&b, a.Func)
	if a.Func != "" && a.Offset != 0 {
		b.WriteString("+" + strconv.FormatUint(a.Offset, 10))
	}
	for _, n := range []uint64{a.Address, a.Freq, a.Len} {
		writeNumber(&b, n)
	}
	writePart(&b, a.Mode)
	if a.File != "" {
		b.WriteString("@" + a.File)
		writeNumber(&b, uint64(a.Line))
		writeNumber(&b, uint64(a.Col))
	}
	return b.String()
}

func writePart(b *strings.Builder, s string) {
	if s != "" {
		b.WriteString(":" + s)
	}
}

func writeNumber(b *strings.Builder, n uint64) {
	if n != 0 {
		b.WriteString(":" + strconv.FormatUint(n, 10))
	}
}

// ParseAttachPoint splits the text of ap, substituting params for $1, $2 and so
// on, and checks its syntax. The result is nil when there are errors, and when
// the text is empty, which a trailing comma leaves behind. Whether the target
// exists is not its business; ParsedAttachPoint.Validate checks the values that
// need no kernel.
func ParseAttachPoint(ap *AttachPoint, params []string) (*ParsedAttachPoint, Diagnostics) {
	return ParseAttachPointWith(ap, &ParseOptions{Params: params, Unsafe: true})
}

// ParseAttachPointWith is ParseAttachPoint with all options: without
// opts.Unsafe kernel addresses are errors, and with opts.Pid binaries may be
// left out.
func ParseAttachPointWith(ap *AttachPoint, opts *ParseOptions) (*ParsedAttachPoint, Diagnostics) {
	s := &splitter{ap: ap, opts: opts}
	if s.split(); s.failed() {
		return nil, s.ds
	}
	if s.parts[0].text == "" {
		return nil, nil
	}
	a := s.parse()
	if s.failed() {
		return nil, s.ds
	}
	a.Wildcard = len(a.Alternatives) > 0 || a.TargetWildcard() || a.FuncWildcard()
	return a, s.ds
}

// attachPart is a piece between colons, with its place in the raw text where
// that is known (not within a substituted parameter).
type attachPart struct {
	text       string
	start, end int
}

// splitter holds the state of splitting one attach point.
type splitter struct {
	ap    *AttachPoint
	opts  *ParseOptions
	parts []attachPart
	ds    Diagnostics
}

func (s *splitter) failed() bool { return s.ds.HasErrors() }

// errorf reports an error about the whole attach point, as upstream does.
func (s *splitter) errorf(code Code, why, format string, args ...any) *Diagnostic {
	s.ds = append(s.ds, Diagnostic{Code: code, Span: s.ap.Span(), Message: oneLine(fmt.Sprintf(format, args...)), Why: why})
	return &s.ds[len(s.ds)-1]
}

// at returns the place of part i in the program.
func (s *splitter) at(i int) Span {
	p := s.parts[i]
	start := s.ap.Pos.Start
	return Span{s.ap.Pos.Src, start + uint32(p.start), start + uint32(p.end)}
}

// maxExpansions bounds parameters whose values hold parameters.
const maxExpansions = 1000

// split cuts the text at ':' and '@' outside of quotes, drops quotes, resolves
// backslashes inside them and substitutes parameters. A '@' is a part itself.
// The value of a parameter is cut like the rest.
func (s *splitter) split() {
	raw := s.ap.Raw
	var b strings.Builder
	quoted, expansions, shift, start := false, 0, 0, 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case !quoted && (c == ':' || c == '@'):
			s.add(b.String(), start-shift, i-shift)
			b.Reset()
			if c == '@' {
				s.add("@", i-shift, i+1-shift)
			}
			start = i + 1
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\' && i+1 < len(raw):
			i++
			b.WriteByte(raw[i])
		case !quoted && c == '$':
			value, end, ok := s.param(raw, i)
			if expansions++; !ok || expansions > maxExpansions {
				s.tooMany(ok)
				return
			}
			shift += len(value) - (end - i)
			raw = raw[:i] + value + raw[end:]
			i--
		default:
			b.WriteByte(c)
		}
	}
	s.add(b.String(), start-shift, len(raw)-shift)
}

func (s *splitter) add(text string, start, end int) {
	n := len(s.ap.Raw)
	start, end = min(max(start, 0), n), min(max(end, 0), n)
	s.parts = append(s.parts, attachPart{text, start, max(start, end)})
}

func (s *splitter) tooMany(ok bool) {
	if ok {
		s.errorf(CodeAttachParameter, "The value of a parameter holds parameters without end.", "positional parameter is not valid: too many expansions")
	}
}

// param returns the value of the parameter at raw[i] and the end of its name.
func (s *splitter) param(raw string, i int) (value string, end int, ok bool) {
	end = i + 1
	if end < len(raw) && raw[end] != '0' {
		end += digitsEnd(raw[end:], 10)
	}
	if end == i+1 && end < len(raw) {
		c := raw[end : end+1]
		s.errorf(CodeAttachParameter, "Positional parameters are $1, $2, ...",
			`invalid trailing character for positional param: %s. Try quoting this entire part if this is intentional e.g. "$%s".`, c, c)
		return "", 0, false
	}
	n, _, err := ParseUint(raw[i+1 : end])
	if err != nil {
		s.errorf(CodeAttachParameter, "Positional parameters are $1, $2, ...", "positional parameter is not valid: %v", err)
		return "", 0, false
	}
	if n >= 1 && n <= uint64(len(s.opts.Params)) {
		value = s.opts.Params[n-1]
	}
	return value, end, true
}

// parse reads the kind and then the arguments that the kind takes.
func (s *splitter) parse() *ParsedAttachPoint {
	a := &ParsedAttachPoint{Span: s.ap.Span()}
	front := s.parts[0].text
	if i := strings.IndexByte(front, '='); i >= 0 && i < len(front)-1 {
		a.Name, front = front[:i], front[i+1:]
		s.parts[0].start += i + 1
	}
	if !HasWildcard(front) {
		k, ok := LookupProbeKind(front)
		if !ok {
			s.unknownKind(front)
			return nil
		}
		s.oldSpelling(front, k)
		return s.parseAs(a, k)
	}
	kinds := s.matchKinds(front)
	switch len(kinds) {
	case 0:
		s.errorf(CodeInvalidProbe, whyKind, "No probe type matched for %s", front)
		return nil
	case 1:
		return s.parseAs(a, kinds[0])
	}
	return s.parseAll(a, kinds)
}

const whyKind = "An attach point begins with its kind, such as kprobe, tracepoint, uprobe, profile or interval."

// matchKinds returns the kinds that pattern stands for: those of user space
// when a binary follows or a process is given, else those of the kernel, by name.
func (s *splitter) matchKinds(pattern string) []*ProbeKindInfo {
	if len(s.parts) == 1 {
		pattern = "*"
	}
	user := s.opts.Pid || len(s.parts) >= 2 && strings.Contains(s.parts[1].text, "/")
	var kinds []*ProbeKindInfo
	for i := range probeKinds {
		k := &probeKinds[i]
		if ok, err := path.Match(pattern, k.Name); err == nil && ok && (user && k.User || !user && k.Kernel) {
			kinds = append(kinds, k)
		}
	}
	slices.SortFunc(kinds, func(a, b *ProbeKindInfo) int { return strings.Compare(a.Name, b.Name) })
	return kinds
}

// parseAll reads the attach point as each of kinds and keeps those that can be.
func (s *splitter) parseAll(a *ParsedAttachPoint, kinds []*ProbeKindInfo) *ParsedAttachPoint {
	for _, k := range kinds {
		try := *s
		try.parts = slices.Clone(s.parts)
		if n := len(s.parts) - 1; n < k.MinParts || n > k.MaxParts {
			continue
		}
		one := try.parseAs(&ParsedAttachPoint{Span: a.Span, Name: a.Name}, k)
		if one != nil && !try.failed() {
			a.Alternatives = append(a.Alternatives, one)
		}
	}
	if len(a.Alternatives) == 0 {
		s.errorf(CodeInvalidProbe, whyKind, "No probe type matched for %s", s.parts[0].text)
		return nil
	}
	return a
}

// oldSpelling warns about names that upstream dropped.
func (s *splitter) oldSpelling(word string, k *ProbeKindInfo) {
	if word != "asyncwatchpoint" && word != "aw" {
		return
	}
	s.ds = append(s.ds, Diagnostic{
		Code: CodeOldSpelling, Severity: Warning, Span: s.at(0), Message: word + " is an old name of " + k.Name,
		Why:   "Newer versions of bpftrace do not know it.",
		Fixes: []Fix{{Message: "write " + k.Name, Certain: true, Edits: []Edit{{s.at(0), k.Name}}}},
	})
}

func (s *splitter) unknownKind(word string) {
	lower := strings.ToLower(word)
	if _, ok := LookupProbeKind(lower); ok { // only the full names are taken in any case
		d := s.errorf(CodeInvalidProbe, "Short names of attach points are written in lower case.", "Invalid provider: '%s'", lower)
		d.Fixes = []Fix{{Message: "write " + lower, Certain: true, Edits: []Edit{{s.at(0), lower}}}}
		return
	}
	d := s.errorf(CodeInvalidProbe, whyKind, "Invalid probe type: %s", word)
	if best := closestKind(word); best != "" {
		d.Notes = []Note{{Message: "did you mean " + best + "?"}}
		d.Fixes = []Fix{{Message: "write " + best, Edits: []Edit{{s.at(0), best}}}}
	}
}

// closestKind returns the name of a kind that word may be a misspelling of.
func closestKind(word string) string {
	var names []string
	for i := range probeKinds {
		names = append(names, probeKinds[i].Name)
	}
	names = append(names, "kfunc", "kretfunc")
	return Closest(strings.ToLower(word), names)
}

// argCount reports a wrong number of arguments, in upstream's words.
func (s *splitter) argCount(k *ProbeKindInfo, wants ...int) *ParsedAttachPoint {
	want := strconv.Itoa(wants[0])
	if len(wants) > 1 {
		want += " or " + strconv.Itoa(wants[1])
	}
	var forms []string
	for _, f := range k.Forms {
		forms = append(forms, f.Syntax)
	}
	why := "Write it as " + strings.Join(forms, ", or ") + "."
	s.errorf(CodeAttachArguments, why, "%s probe type requires %s arguments, found %d", k.Name, want, len(s.parts)-1)
	return nil
}

// parseAs reads the arguments of kind k.
func (s *splitter) parseAs(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	a.Kind = k.Kind
	switch k.Kind {
	case ProbeBegin, ProbeEnd:
		return s.parseSpecial(a, k)
	case ProbeSelf:
		return s.parseTwo(a, k)
	case ProbeTest, ProbeBench:
		return s.parseNamed(a, k)
	case ProbeKprobe, ProbeKretprobe:
		return s.parseKprobe(a, k)
	case ProbeFentry, ProbeFexit:
		return s.parseFentry(a, k)
	case ProbeTracepoint:
		if len(s.parts) == 2 && HasWildcard(s.parts[1].text) {
			s.parts = slices.Insert(s.parts, 1, attachPart{text: "*"})
		}
		return s.parseTwo(a, k)
	case ProbeRawTracepoint:
		return s.parseRawtracepoint(a, k)
	case ProbeUprobe, ProbeUretprobe:
		return s.parseUprobe(a, k)
	case ProbeUSDT:
		return s.parseUSDT(a, k)
	case ProbeProfile, ProbeInterval:
		return s.parseRate(a, k)
	case ProbeSoftware, ProbeHardware:
		return s.parsePerf(a, k)
	case ProbeWatchpoint:
		return s.parseWatchpoint(a, k)
	default:
		return s.parseIter(a, k)
	}
}

// "begin" | "end" .
func (s *splitter) parseSpecial(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if len(s.parts) == 2 && s.parts[1].text == "*" {
		return a
	}
	if len(s.parts) != 1 {
		return s.argCount(k, 0)
	}
	return a
}

// "tracepoint" ":" SUBSYSTEM ":" EVENT | "self" ":" TRIGGER ":" NAME .
func (s *splitter) parseTwo(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if len(s.parts) != 3 {
		return s.argCount(k, 2)
	}
	a.Target, a.Func = s.parts[1].text, s.parts[2].text
	return a
}

// ( "test" | "bench" ) ":" NAME .
func (s *splitter) parseNamed(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if len(s.parts) != 2 {
		return s.argCount(k, 1)
	}
	a.Target, a.Name = s.parts[1].text, s.parts[1].text
	return a
}

// "kprobe" [ ":" MODULE ] ":" ( FUNCTION [ "+" OFFSET ] | ADDRESS ) .
func (s *splitter) parseKprobe(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if n := len(s.parts); n != 2 && n != 3 {
		return s.argCount(k, 1, 2)
	}
	if len(s.parts) == 3 {
		a.Target = s.parts[1].text
	}
	if !s.parseFunc(a, s.parts[len(s.parts)-1].text, k.Kind == ProbeKprobe) {
		return nil
	}
	if a.HasAddress && !s.opts.Unsafe {
		s.errorf(CodeAttachUnsafe, "The kernel is not asked whether the address begins an instruction. Probe by name, or allow it with --unsafe.",
			"Probing by address requires --unsafe")
		return nil
	}
	return a
}

// parseFunc reads FUNCTION [ "+" OFFSET ] or ADDRESS.
func (s *splitter) parseFunc(a *ParsedAttachPoint, text string, offset bool) bool {
	if !strings.Contains(text, "+") {
		n, _, err := ParseUint(text)
		if err != nil {
			a.Func = text
		} else {
			a.HasAddress, a.Address = true, n
		}
		return true
	}
	return s.parseOffset(a, text, offset)
}

func (s *splitter) parseOffset(a *ParsedAttachPoint, text string, allowed bool) bool {
	const why = "An offset is a number of bytes after the entry of one function, FUNCTION+OFFSET, and only kprobe and uprobe take one."
	if !allowed {
		s.errorf(CodeAttachOffset, why, "Offset not allowed")
		return false
	}
	if strings.Count(text, "+") != 1 {
		s.errorf(CodeAttachOffset, why, "Cannot take more than one offset")
		return false
	}
	name, num, _ := strings.Cut(text, "+")
	if name == "" || num == "" {
		s.errorf(CodeAttachOffset, why, "Invalid offset")
		return false
	}
	n, _, err := ParseUint(num)
	if err != nil {
		s.errorf(CodeAttachOffset, why, "Invalid offset: %v", err)
		return false
	}
	a.Func, a.Offset = name, n
	return true
}

// "fentry" [ ":" MODULE ] ":" FUNCTION | "fentry" ":" "bpf" [ ":" ID ] ":" PROGRAM .
func (s *splitter) parseFentry(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	n := len(s.parts)
	switch {
	case n < 2 || n > 4:
		return s.argCount(k, 1, 3)
	case s.parts[1].text == "bpf":
		return s.parseBPF(a)
	case n == 4:
		s.errorf(CodeAttachBPF, "Four parts mean a BPF program: fentry:bpf:ID:PROGRAM.", "Only the 'bpf' variant of this probe supports 4 arguments")
		return nil
	case n == 3:
		a.Target = s.parts[1].text
	}
	a.Func = s.parts[n-1].text
	return a
}

func (s *splitter) parseBPF(a *ParsedAttachPoint) *ParsedAttachPoint {
	const why = "A BPF program is named as fentry:bpf:PROGRAM or fentry:bpf:ID:PROGRAM."
	a.Target = "bpf"
	n := len(s.parts)
	if n == 2 {
		s.errorf(CodeAttachBPF, why, "the 'bpf' variant of this probe requires a bpf program name and optional bpf program id")
		return nil
	}
	a.Func = s.parts[n-1].text
	if n == 4 && s.parts[2].text != "*" {
		id, _, err := ParseUint(s.parts[2].text)
		if err != nil || id > math.MaxUint32 {
			s.errorf(CodeAttachBPF, why, "bpf program id must be a number or '*'")
			return nil
		}
		a.BPFID = uint32(id)
	}
	return a
}

// "rawtracepoint" [ ":" MODULE ] ":" EVENT .
func (s *splitter) parseRawtracepoint(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	switch len(s.parts) {
	case 2:
	case 3:
		a.Target = s.parts[1].text
	default:
		return s.argCount(k, 2, 1)
	}
	a.Func = s.parts[len(s.parts)-1].text
	return a
}

// "uprobe" ":" BINARY [ ":" LANG ] ":" ( FUNCTION [ "+" OFFSET ] | ADDRESS ) | "uprobe" ":" BINARY "@" FILE ":" LINE [ ":" COLUMN ] .
func (s *splitter) parseUprobe(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if s.opts.Pid && (len(s.parts) == 2 || len(s.parts) == 3 && isLang(s.parts[1].text)) {
		s.parts = slices.Insert(s.parts, 1, attachPart{})
	}
	n := len(s.parts)
	located := n > 2 && s.parts[2].text == "@"
	if !located && n != 3 && n != 4 {
		return s.argCount(k, 2, 3)
	}
	a.Target = s.parts[1].text
	if located {
		return s.parseLocation(a, k)
	}
	if n == 4 {
		a.Lang, a.CPP = s.parts[2].text, isLang(s.parts[2].text)
	}
	if !s.parseFunc(a, s.parts[n-1].text, k.Kind == ProbeUprobe) {
		return nil
	}
	if a.HasAddress && HasWildcard(a.Target) {
		s.errorf(CodeAttachAddress, "An address belongs to one binary.", "Cannot use wildcards with absolute address")
		return nil
	}
	return a
}

func isLang(s string) bool { return s == "cpp" }

// parseLocation reads what follows uprobe:BINARY@.
func (s *splitter) parseLocation(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	const why = "A place in the source is written uprobe:BINARY@FILE:LINE or uprobe:BINARY@FILE:LINE:COLUMN, for one binary."
	n := len(s.parts)
	switch {
	case k.Kind != ProbeUprobe:
		s.errorf(CodeAttachLocation, why, "Source code location not allowed")
		return nil
	case HasWildcard(a.Target):
		s.errorf(CodeAttachLocation, why, "Cannot use wildcards with source code location")
		return nil
	case n != 5 && n != 6 || s.parts[3].text == "" || s.parts[4].text == "":
		s.errorf(CodeAttachLocation, why, "Invalid uprobe arguments, expected format: uprobe:TARGET@FILE:LINE[:COL]")
		return nil
	}
	a.File = s.parts[3].text
	line, _, err := ParseUint(s.parts[4].text)
	if err != nil {
		s.errorf(CodeAttachLocation, why, "Invalid line number: %v", err)
		return nil
	}
	a.Line = int(line)
	if n == 6 {
		col, _, err := ParseUint(s.parts[5].text)
		if err != nil {
			s.errorf(CodeAttachLocation, why, "Invalid column number: %v", err)
			return nil
		}
		a.Col = int(col)
	}
	return a
}

// "usdt" ":" BINARY [ ":" PROVIDER ] ":" NAME .
func (s *splitter) parseUSDT(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if s.opts.Pid && len(s.parts) == 2 {
		s.parts = slices.Insert(s.parts, 1, attachPart{})
	}
	n := len(s.parts)
	if n != 3 && n != 4 {
		return s.argCount(k, 2, 3)
	}
	a.Target, a.Func = s.parts[1].text, s.parts[n-1].text
	if n == 4 {
		a.Ns = s.parts[2].text
	}
	return a
}

// ( "profile" | "interval" ) ":" ( UNIT ":" N | DURATION ) .
func (s *splitter) parseRate(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	n := len(s.parts)
	if n != 2 && n != 3 {
		return s.argCount(k, 1, 2)
	}
	text := s.parts[n-1].text
	if n == 2 && HasWildcard(text) {
		a.Unit = text // for listing only; Validate rejects it
		return a
	}
	rate, _, err := ParseUint(text)
	if err != nil {
		s.errorf(CodeAttachRate, "Write "+k.Name+":hz:99 for a rate, or "+k.Name+":10ms for a duration.", "Invalid rate of %s probe: %v", k.Name, err)
		return nil
	}
	if n == 3 {
		a.Unit, a.Freq = s.parts[1].text, rate
		return a
	}
	if rate < 1000 {
		s.tooFast(k, text, rate)
		return nil
	}
	a.Unit, a.Freq = "us", rate/1000
	return a
}

// tooFast reports a duration without a unit, which counts nanoseconds.
func (s *splitter) tooFast(k *ProbeKindInfo, text string, rate uint64) {
	d := s.errorf(CodeAttachRate, "A number alone counts nanoseconds; give it a unit.",
		"Invalid rate of %s probe. Minimum is 1000 or 1us. Found: %d nanoseconds", k.Name, rate)
	at := s.at(1)
	if at.Text() != text {
		return
	}
	for _, unit := range []string{"ms", "s"} {
		d.Fixes = append(d.Fixes, Fix{Message: "write " + k.Name + ":" + text + unit, Edits: []Edit{{Span{at.Src, at.End, at.End}, unit}}})
	}
}

// ( "software" | "hardware" ) ":" EVENT [ ":" COUNT ] .
func (s *splitter) parsePerf(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if n := len(s.parts); n != 2 && n != 3 {
		return s.argCount(k, 1, 2)
	}
	a.Target = s.parts[1].text
	if len(s.parts) == 3 && s.parts[2].text != "*" {
		n, _, err := ParseUint(s.parts[2].text)
		if err != nil {
			s.errorf(CodeAttachRate, "The count is how many events make the probe fire.", "Invalid count for %s probe: %v", k.Name, err)
			return nil
		}
		a.Freq = n
	}
	return a
}

// "watchpoint" ":" ADDRESS ":" LENGTH ":" MODE .
func (s *splitter) parseWatchpoint(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	if len(s.parts) != 4 {
		return s.argCount(k, 3)
	}
	const why = "A watchpoint is written watchpoint:ADDRESS:LENGTH:MODE, for example watchpoint:0x10000000:8:rw."
	var err error
	if a.Address, _, err = ParseUint(s.parts[1].text); err != nil {
		s.errorf(CodeAttachWatchpoint, why, "Invalid function/address argument: %v", err)
		return nil
	}
	if a.Len, _, err = ParseUint(s.parts[2].text); err != nil {
		s.errorf(CodeAttachWatchpoint, why, "Invalid length argument: %v", err)
		return nil
	}
	mode := []byte(s.parts[3].text)
	slices.Sort(mode)
	a.HasAddress, a.Mode = true, string(mode)
	return a
}

// "iter" ":" NAME [ ":" PIN ] .
func (s *splitter) parseIter(a *ParsedAttachPoint, k *ProbeKindInfo) *ParsedAttachPoint {
	n := len(s.parts)
	if n != 2 && n != 3 {
		s.errorf(CodeAttachArguments, "Write it as iter:NAME or iter:NAME:PIN.", "%s probe type takes 2 arguments (1 optional)", k.Name)
		return nil
	}
	if HasWildcard(s.parts[1].text) || n == 3 && HasWildcard(s.parts[2].text) {
		s.errorf(CodeAttachIter, "An iterator is named; list them with list 'iter:*'.", "%s probe type does not support wildcards", k.Name)
		return nil
	}
	a.Func = s.parts[1].text
	if n == 3 {
		a.Pin = s.parts[2].text
	}
	return a
}
