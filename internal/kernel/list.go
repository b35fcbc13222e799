package kernel

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// ListOptions say which probes to list. The zero value lists all that this
// kernel offers to this process.
type ListOptions struct {
	// Pattern is an attach point with wildcards, as upstream's -l takes it:
	// "tracepoint:sched:*", "*:*open*". A pattern without a kind is looked for in
	// every kind. Empty matches all. "struct NAME", "union NAME" and "enum NAME"
	// list types instead of probes.
	Pattern string
	// Words must all occur in the name, in any order and case.
	Words []string
	// PID finds the binary of a uprobe or usdt pattern as that process sees it.
	PID int
	// All lists kinds too that this kernel or these rights cannot attach.
	All bool
	// Args reads arguments and their types, for the probes that are returned.
	Args bool
	// Offset and Limit cut out a part of the result; Limit 0 is everything.
	Offset, Limit int
}

// Listed is one probe.
type Listed struct {
	Name string      `json:"name"` // as a program writes it
	Kind string      `json:"kind"`
	Args []ListedArg `json:"args,omitempty"`
	Text string      `json:"text,omitempty"` // of a type: its definition in C, the module in front
}

// ListedArg is one argument of a probe.
type ListedArg struct {
	Type string `json:"type"` // as the kernel declares it
	Name string `json:"name"`
	Doc  string `json:"doc,omitempty"` // how the kernel prints it
}

// listEntry is a probe that can be listed. Functions come in tens of thousands,
// so their names are put together only when they are shown.
type listEntry struct {
	kind   syntax.ProbeKind
	module string // of a function, when it is shown
	name   string // of a function; of other probes the whole name
	folded string // name in lower case; "" for functions
}

// full is the name as a program writes it.
func (e *listEntry) full() string {
	switch e.kind {
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeFentry, syntax.ProbeFexit:
		if e.module != "" {
			return e.kind.String() + ":" + e.module + ":" + e.name
		}
		return e.kind.String() + ":" + e.name
	}
	return e.name
}

// Listing is the result of List.
type Listing struct {
	Probes []Listed `json:"probes"`
	Total  int      `json:"total"` // matches, before Offset and Limit
}

// List returns the probes that match, sorted by kind and name, or by how well
// they match when words were given. The first call gathers names (tens of
// milliseconds); later ones answer from memory. A kind that the machine cannot
// attach is a *Missing error when the pattern asks for that kind alone.
func (m *Machine) List(opts ListOptions) (*Listing, error) {
	if tag, name, ok := strings.Cut(opts.Pattern, " "); ok && tagKinds(tag) != 0 {
		return m.listTypes(tag, strings.TrimSpace(name), &opts)
	}
	q, err := m.query(opts)
	if err != nil {
		return nil, err
	}
	found, err := m.search(q)
	if err != nil {
		return nil, err
	}
	if len(q.words) > 0 {
		rank(found, q.words)
	}
	from, to := opts.cut(len(found))
	l := &Listing{Total: len(found), Probes: make([]Listed, 0, to-from)}
	for _, e := range found[from:to] {
		p := Listed{Name: e.full(), Kind: e.kind.String()}
		if opts.Args {
			p.Args = m.listedArgs(e)
		}
		l.Probes = append(l.Probes, p)
	}
	return l, nil
}

// cut returns the part of n results that is wanted.
func (o *ListOptions) cut(n int) (from, to int) {
	from, to = min(max(o.Offset, 0), n), n
	if o.Limit > 0 {
		to = min(to, from+o.Limit)
	}
	return from, to
}

// query is ListOptions taken apart.
type query struct {
	kinds   []syntax.ProbeKind
	rest    string // pattern behind the kind; "" matches all
	words   []string
	pid     int
	pattern string
}

// listedKinds are the kinds that a listing holds, in its order, and what each
// needs to be offered.
func listedKinds() []struct {
	kind  syntax.ProbeKind
	needs check.Ability
} {
	return []struct {
		kind  syntax.ProbeKind
		needs check.Ability
	}{
		{syntax.ProbeBegin, ""}, {syntax.ProbeEnd, ""}, {syntax.ProbeSelf, ""},
		{syntax.ProbeKprobe, check.AbilityKprobe}, {syntax.ProbeKretprobe, check.AbilityKprobe},
		{syntax.ProbeFentry, check.AbilityFentry}, {syntax.ProbeFexit, check.AbilityFentry},
		{syntax.ProbeTracepoint, ""}, {syntax.ProbeRawTracepoint, ""},
		{syntax.ProbeUprobe, ""}, {syntax.ProbeUretprobe, ""}, {syntax.ProbeUSDT, ""},
		{syntax.ProbeProfile, ""}, {syntax.ProbeInterval, ""}, {syntax.ProbeSoftware, ""},
		{syntax.ProbeHardware, check.AbilityHardware}, {syntax.ProbeIter, check.AbilityIter},
	}
}

func (m *Machine) query(opts ListOptions) (*query, error) {
	q := &query{pid: opts.PID, pattern: opts.Pattern}
	for _, w := range opts.Words {
		q.words = append(q.words, strings.ToLower(w))
	}
	head, rest, hasRest := strings.Cut(opts.Pattern, ":")
	alone := opts.Pattern != "" && !symbol.HasWildcard(head)
	var missing error
	for _, row := range listedKinds() {
		if alone && !isKind(row.kind, head) || !alone && !matchKind(row.kind, head, opts.Pattern) {
			continue
		}
		if row.needs != "" && !opts.All {
			if err := m.Require(row.needs); err != nil {
				missing = err
				continue
			}
		}
		q.kinds = append(q.kinds, row.kind)
	}
	switch {
	case len(q.kinds) == 0 && missing != nil:
		return nil, missing
	case len(q.kinds) == 0:
		// No kind of that name: the pattern is meant for the names of every kind.
		q.rest = "*" + strings.TrimPrefix(opts.Pattern, "*")
		all := opts
		all.Pattern = ""
		every, err := m.query(all)
		if err != nil {
			return nil, err
		}
		q.kinds = every.kinds
	case hasRest:
		q.rest = rest
	}
	return q, nil
}

// isKind reports whether word names a kind, by its name or an alias.
func isKind(k syntax.ProbeKind, word string) bool {
	if strings.EqualFold(word, k.String()) {
		return true
	}
	alias := map[string]syntax.ProbeKind{
		"k": syntax.ProbeKprobe, "kr": syntax.ProbeKretprobe, "f": syntax.ProbeFentry, "fr": syntax.ProbeFexit,
		"kfunc": syntax.ProbeFentry, "kretfunc": syntax.ProbeFexit, "t": syntax.ProbeTracepoint,
		"rt": syntax.ProbeRawTracepoint, "u": syntax.ProbeUprobe, "ur": syntax.ProbeUretprobe, "U": syntax.ProbeUSDT,
		"p": syntax.ProbeProfile, "i": syntax.ProbeInterval, "s": syntax.ProbeSoftware, "h": syntax.ProbeHardware,
		"it": syntax.ProbeIter,
	}
	return alias[word] == k && k != syntax.ProbeInvalid
}

// matchKind reports whether a pattern whose kind has wildcards, or which is
// empty, means a kind. The return probes of functions are listed only by name.
func matchKind(k syntax.ProbeKind, head, pattern string) bool {
	switch k {
	case syntax.ProbeKretprobe, syntax.ProbeFexit, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		return false
	}
	return pattern == "" || strings.Contains(pattern, ":") && symbol.Match(head, k.String())
}

// search returns the matches, sorted by kind and name.
func (m *Machine) search(q *query) ([]listEntry, error) {
	var found []listEntry
	var firstErr error
	for _, kind := range q.kinds {
		entries, err := m.searchKind(kind, q)
		if err != nil && firstErr == nil {
			firstErr = err
		}
		found = append(found, entries...)
	}
	if len(q.kinds) == 1 && firstErr != nil {
		return nil, firstErr
	}
	return found, nil
}

func (m *Machine) searchKind(kind syntax.ProbeKind, q *query) ([]listEntry, error) {
	switch kind {
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeFentry, syntax.ProbeFexit:
		return m.searchFunctions(kind, q)
	case syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT:
		return m.searchBinary(kind, q)
	}
	index, err := m.listIndex()
	var found []listEntry
	for _, e := range index {
		if e.kind == kind && q.matches(&e) {
			found = append(found, e)
		}
	}
	if kind != syntax.ProbeTracepoint {
		err = nil
	}
	return found, err
}

// matches reports whether a probe that is no function is wanted.
func (q *query) matches(e *listEntry) bool {
	if !containsAll(e.folded, q.words) {
		return false
	}
	_, rest, _ := strings.Cut(e.name, ":")
	rest = strings.TrimSuffix(rest, ":")
	if q.rest == "" || symbol.Match(strings.TrimSuffix(q.rest, ":"), rest) {
		return true
	}
	// "rawtracepoint:sched_*" leaves the module out.
	module, event, ok := strings.Cut(rest, ":")
	return ok && module == "vmlinux" && symbol.Match(q.rest, event)
}

// searchFunctions finds functions by the name alone, or by module and name when
// the pattern has both.
func (m *Machine) searchFunctions(kind syntax.ProbeKind, q *query) ([]listEntry, error) {
	index, err := m.functions()
	if err != nil {
		return nil, err
	}
	module, pattern, both := strings.Cut(q.rest, ":")
	if !both {
		module, pattern = "", q.rest
	}
	withModule := both || kind == syntax.ProbeFentry || kind == syntax.ProbeFexit
	words := slices.DeleteFunc(slices.Clone(q.words), func(w string) bool { return strings.Contains(kind.String(), w) })
	var found []listEntry
	index.search(module, pattern, words, func(mod, name string) {
		e := listEntry{kind: kind, name: name}
		if withModule {
			e.module = moduleName(mod)
		}
		found = append(found, e)
	})
	if !withModule && len(index.modules) > 1 {
		slices.SortFunc(found, func(a, b listEntry) int { return cmp.Compare(a.name, b.name) })
		found = slices.Compact(found)
	}
	return found, nil
}

// searchBinary lists probes of the binaries that the pattern names.
func (m *Machine) searchBinary(kind syntax.ProbeKind, q *query) ([]listEntry, error) {
	target, fn, ok := strings.Cut(q.rest, ":")
	if target == "" {
		return nil, fmt.Errorf("list %s: name the binary: %s:PATH:*", kind.String(), kind.String())
	}
	if !ok || fn == "" {
		fn = "*"
	}
	ap := &syntax.ParsedAttachPoint{Kind: kind, Target: target, Func: fn, Wildcard: true}
	if ns, name, ok := strings.Cut(fn, ":"); ok && kind == syntax.ProbeUSDT {
		ap.Ns, ap.Func = ns, name
	}
	points, err := m.Expand(ap, &check.ExpandOptions{Max: 1 << 20, PID: q.pid})
	var found []listEntry
	for _, p := range points {
		if containsAll(strings.ToLower(p.Name), q.words) {
			found = append(found, listEntry{kind: kind, name: p.Name})
		}
	}
	return found, err
}

// listIndex gathers the probes that depend neither on a binary nor on the list
// of functions. The error is that of the tracepoints.
func (m *Machine) listIndex() ([]listEntry, error) {
	m.listOnce.Do(func() {
		add := func(kind syntax.ProbeKind, prefix string, names []string, suffix string) {
			for _, n := range names {
				full := prefix + n + suffix
				m.listing = append(m.listing, listEntry{kind: kind, name: full, folded: strings.ToLower(full)})
			}
		}
		add(syntax.ProbeBegin, "", []string{"begin"}, "")
		add(syntax.ProbeEnd, "", []string{"end"}, "")
		add(syntax.ProbeSelf, "self:", []string{"signal:SIGUSR1"}, "")
		events, _ := m.Events()
		add(syntax.ProbeTracepoint, "tracepoint:", events, "")
		_ = m.types.each(func(b *btf) bool {
			add(syntax.ProbeRawTracepoint, "rawtracepoint:"+moduleName(b.module)+":", b.names(1<<btfTypedef, "btf_trace_"), "")
			return true
		})
		add(syntax.ProbeProfile, "profile:", timeUnits(), ":")
		add(syntax.ProbeInterval, "interval:", timeUnits(), ":")
		add(syntax.ProbeSoftware, "software:", softwareEvents(), ":")
		add(syntax.ProbeHardware, "hardware:", hardwareEvents(), ":")
		iters, _ := m.iterators()
		add(syntax.ProbeIter, "iter:", iters, "")
	})
	return m.listing, m.eventsErr
}

func timeUnits() []string { return []string{"hz", "ms", "s", "us"} }

// softwareEvents are the perf software events and their aliases, sorted.
func softwareEvents() []string {
	return strings.Fields("alignment-faults bpf-output context-switches cpu cpu-clock cpu-migrations cs dummy " +
		"emulation-faults faults major-faults minor-faults page-faults task-clock")
}

// hardwareEvents are the perf hardware events and their aliases, sorted.
func hardwareEvents() []string {
	return strings.Fields("backend-stalls branch-instructions branch-misses branches bus-cycles cache-misses " +
		"cache-references cpu-cycles cycles frontend-stalls instructions ref-cycles")
}

// rank orders matches by how well their names fit the words: whole words first,
// then kinds, then short names.
func rank(found []listEntry, words []string) {
	type scored struct {
		listEntry
		score int
	}
	list := make([]scored, len(found))
	for i, e := range found {
		list[i] = scored{e, wordScore(&e, words)}
	}
	slices.SortStableFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(kindRank(a.kind), kindRank(b.kind)), cmp.Compare(len(a.name), len(b.name)))
	})
	for i := range list {
		found[i] = list[i].listEntry
	}
}

// kindRank puts the kinds that stay the same between kernels first.
func kindRank(k syntax.ProbeKind) int {
	switch k {
	case syntax.ProbeTracepoint, syntax.ProbeUSDT:
		return 0
	case syntax.ProbeRawTracepoint, syntax.ProbeFentry, syntax.ProbeFexit:
		return 2
	case syntax.ProbeKprobe, syntax.ProbeKretprobe:
		return 3
	}
	return 1
}

// wordScore counts the words that occur only inside others.
func wordScore(e *listEntry, words []string) int {
	name := e.folded
	if name == "" {
		name = e.kind.String() + ":" + strings.ToLower(e.name)
	}
	score := 0
	for _, w := range words {
		if !hasWord(name, w) {
			score++
		}
	}
	return score
}

// hasWord reports whether w stands in name between other things than letters and
// digits.
func hasWord(name, w string) bool {
	for from := 0; ; {
		i := strings.Index(name[from:], w)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(w)
		if (i == 0 || !isLetter(name[i-1])) && (end == len(name) || !isLetter(name[end])) {
			return true
		}
		from = i + 1
	}
}

func isLetter(c byte) bool { return c != '_' && isWordByte(c) }

// listedArgs returns the arguments of a probe; none when they are not known.
func (m *Machine) listedArgs(e listEntry) []ListedArg {
	parts := strings.Split(e.full(), ":")
	switch e.kind {
	case syntax.ProbeTracepoint:
		return m.tracepointArgs(parts[1], parts[2])
	case syntax.ProbeRawTracepoint:
		return m.rawTracepointArgs(parts[1], parts[2])
	case syntax.ProbeFentry, syntax.ProbeFexit:
		return m.functionArgs(parts[1], parts[2], e.kind == syntax.ProbeFexit)
	case syntax.ProbeIter:
		return m.iterArgs(parts[1])
	}
	return nil
}

// tracepointArgs shows fields as the format file declares them.
func (m *Machine) tracepointArgs(category, name string) []ListedArg {
	e, err := m.event(category, name)
	if err != nil {
		return nil
	}
	e.listOnce.Do(func() { e.listed = e.listedArgs() })
	return slices.Clone(e.listed)
}

func (e *event) listedArgs() []ListedArg {
	shown := e.shown()
	var args []ListedArg
	for i := range e.fields {
		f := &e.fields[i]
		if f.isCommon() {
			continue
		}
		typ, name := f.text, f.name
		if rest, ok := strings.CutSuffix(f.text, name); ok {
			typ = strings.TrimSpace(rest)
		} else if f.isArray {
			typ, name = f.ctype, f.name+"["+f.array+"]"
		}
		args = append(args, ListedArg{Type: typ, Name: name, Doc: shown[f.name]})
	}
	return args
}

func (m *Machine) rawTracepointArgs(module, event string) []ListedArg {
	args, b, err := m.types.rawTracepoint(module, event)
	if err != nil {
		return nil
	}
	id, _ := b.lookup("btf_trace_"+event, 1<<btfTypedef)
	proto, ok := b.tracepointProto(id)
	if !ok {
		return nil
	}
	var list []ListedArg
	for i := range args {
		_, typ := proto.param(i + 1)
		list = append(list, ListedArg{Type: b.declaration(typ, ""), Name: args[i].Name})
	}
	return list
}

func (m *Machine) functionArgs(module, name string, result bool) []ListedArg {
	b, id, err := m.types.findFunction(module, name)
	if err != nil {
		return nil
	}
	proto, ok := b.funcProto(id)
	if !ok {
		return nil
	}
	var list []ListedArg
	for i := range proto.vlen {
		name, typ := proto.param(i)
		if name != 0 {
			list = append(list, ListedArg{Type: b.declaration(typ, ""), Name: b.str(name)})
		}
	}
	if result && proto.size != 0 {
		list = append(list, ListedArg{Type: b.declaration(proto.size, ""), Name: "retval"})
	}
	return list
}

// iterArgs shows the members of an iterator's context.
func (m *Machine) iterArgs(name string) []ListedArg {
	b, id, err := m.types.find("bpf_iter__"+name, 1<<btfStruct)
	if err != nil {
		return nil
	}
	r, _ := b.record(id)
	var list []ListedArg
	for i := range r.vlen {
		member := r.member(i)
		typ := b.declaration(member.id, "")
		if member.name == 0 { // pointers stand in unions of one, for their alignment
			inner, _ := b.record(member.id)
			if inner.kind != btfUnion || inner.vlen == 0 {
				continue
			}
			member = inner.member(0)
			typ = b.declaration(member.id, "")
		}
		list = append(list, ListedArg{Type: typ, Name: b.str(member.name)})
	}
	return list
}

// WriteText prints probes as upstream's -l does, with arguments or
// definitions as its -lv.
func (l *Listing) WriteText(w io.Writer) error {
	for i := range l.Probes {
		p := &l.Probes[i]
		if p.Text != "" {
			if _, err := fmt.Fprintf(w, "%s\n\n", p.Text); err != nil {
				return err
			}
			continue
		}
		if _, err := fmt.Fprintln(w, p.Name); err != nil {
			return err
		}
		for _, a := range p.Args {
			if _, err := fmt.Fprintf(w, "    %s %s\n", a.Type, a.Name); err != nil {
				return err
			}
		}
	}
	return nil
}
