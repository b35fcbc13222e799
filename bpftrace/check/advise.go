package check

import (
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// advise warns of programs that run but hardly do what was meant. It looks at
// what was written, not at what macros made of it.
func (c *checker) advise() {
	a := &adviser{checker: c, stored: map[string]syntax.Node{}, deleted: map[string]bool{}, read: map[string]bool{}}
	seen := map[*syntax.Probe]bool{}
	for _, p := range c.info.Probes {
		if seen[p.Decl] || p.Body == nil {
			continue
		}
		seen[p.Decl] = true
		syntax.Inspect(p.Body, a.visit)
		if p.Predicate != nil {
			syntax.Inspect(p.Predicate, a.visit)
		}
	}
	a.missingDeletes()
}

type adviser struct {
	*checker
	stored  map[string]syntax.Node // maps keyed by tid that hold a time, and where
	order   []string
	deleted map[string]bool
	read    map[string]bool
}

func (a *adviser) visit(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Assign:
		a.assign(n)
	case *syntax.MapAccess:
		a.read[n.Map.Name] = true
	case *syntax.Call:
		a.call(n)
	}
	return true
}

func (a *adviser) assign(n *syntax.Assign) {
	acc, ok := n.Target.(*syntax.MapAccess)
	if !ok {
		a.aggregation(n.Value)
		return
	}
	for _, k := range acc.Keys {
		if name := a.clock(k); name != "" {
			d := a.warnf(CodeUnboundedKey, k, "%s is a new key every time: %s will fill up", name, acc.Map.Name)
			hint(d, "Use something that repeats as a key, or count a time in steps: %s / 1000000000.", name)
		}
	}
	if len(acc.Keys) == 1 && a.names(acc.Keys[0], OpTid) && a.names(n.Value, OpNsecs, OpElapsed) {
		if a.stored[acc.Map.Name] == nil {
			a.order = append(a.order, acc.Map.Name)
			a.stored[acc.Map.Name] = n
		}
	}
	a.aggregation(n.Value)
}

// clock returns the name of the builtin that e is, when that never repeats.
func (a *adviser) clock(e syntax.Expr) string {
	call := a.info.Calls[unparen(e)]
	if call == nil {
		return ""
	}
	switch call.Func.Op {
	case OpNsecs, OpElapsed, OpRand:
		return call.Func.Name
	}
	return ""
}

// names reports whether e is a use of one of some builtins.
func (a *adviser) names(e syntax.Expr, ops ...FuncOp) bool {
	call := a.info.Calls[unparen(e)]
	for _, op := range ops {
		if call != nil && call.Func.Op == op {
			return true
		}
	}
	return false
}

// aggregation warns of adding up what only names something.
func (a *adviser) aggregation(x syntax.Expr) {
	e, ok := unparen(x).(*syntax.Call)
	if !ok || len(e.Args) != 1 {
		return
	}
	call := a.info.Calls[e]
	if call == nil || call.Func.Op != OpSum && call.Func.Op != OpAvg && call.Func.Op != OpStats {
		return
	}
	if !a.names(e.Args[0], OpPid, OpTid, OpUid, OpGid, OpCpu, OpCgroup, OpPpid) {
		return
	}
	d := a.warnf(CodeCountWanted, e, "%s(%s) computes with a number that is only a name", call.Func.Name, e.Args[0].Span().Text())
	fix(d, false, "count how often it happens", e, "count()")
}

func (a *adviser) call(e *syntax.Call) {
	call := a.info.Calls[e]
	if call == nil {
		return
	}
	switch call.Func.Op {
	case OpDelete, OpClear, OpZero:
		if call.Map != nil {
			a.deleted[call.Map.Name] = true
		}
	case OpPrintf:
		a.units(e)
	}
}

// missingDeletes warns of times stored by thread that nothing removes.
func (a *adviser) missingDeletes() {
	for _, name := range a.order {
		m := a.maps[name]
		if a.deleted[name] || !a.read[name] || m.Declared || a.readOnce(name) {
			continue
		}
		d := a.warnf(CodeMissingDelete, a.stored[name], "%s[tid] is never deleted", name)
		hint(d, "Add delete(%s, tid); after it was used, or declare let %s = lruhash(10000); which drops the oldest.", name, name)
	}
}

// readOnce reports whether the only mention of a map is where it is set.
func (a *adviser) readOnce(name string) bool { return len(a.maps[name].accesses) < 2 }

// units warns of a time that is divided for another unit than the text after it
// says.
func (a *adviser) units(e *syntax.Call) {
	f, ok := e.Args[0].(*syntax.StringLit)
	if !ok {
		return
	}
	i := 0
	for _, v := range parseFormat(f.Value) {
		if v.verb == "%" {
			continue
		}
		if i++; i >= len(e.Args) {
			return
		}
		a.unit(e.Args[i], unitAfter(f.Value[v.end:]))
	}
}

// unitAfter is the number of nanoseconds in the unit that text starts with.
func unitAfter(text string) uint64 {
	text = strings.TrimLeft(text, " ")
	for _, u := range []struct {
		word string
		ns   uint64
	}{{"ms", 1e6}, {"us", 1e3}, {"milliseconds", 1e6}, {"microseconds", 1e3}, {"seconds", 1e9}, {"secs", 1e9}} {
		if rest, ok := strings.CutPrefix(text, u.word); ok && (rest == "" || !isLetter(rest[0])) {
			return u.ns
		}
	}
	return 0
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func (a *adviser) unit(x syntax.Expr, want uint64) {
	if want == 0 {
		return
	}
	if a.names(x, OpNsecs, OpElapsed) {
		d := a.warnf(CodeUnit, x, "%s is in nanoseconds", x.Span().Text())
		fix(d, false, "convert it", x, x.Span().Text()+" / "+intLit(want).text())
		return
	}
	div, ok := unparen(x).(*syntax.Binop)
	if !ok || div.Op != syntax.OpDiv || !a.isTime(div.L) {
		return
	}
	n := a.lits[div.R]
	if !n.isNatural() || n.u == want || n.u != 1e3 && n.u != 1e6 && n.u != 1e9 {
		return
	}
	d := a.warnf(CodeUnit, x, "nanoseconds / %d are not of the unit that is printed", n.u)
	fix(d, false, "divide by the right number", div.R, intLit(want).text())
}

// isTime reports whether e is computed from the clock.
func (a *adviser) isTime(e syntax.Expr) bool {
	switch x := unparen(e).(type) {
	case *syntax.Binop:
		return x.Op == syntax.OpSub && a.isTime(x.L)
	default:
		return a.names(x, OpNsecs, OpElapsed)
	}
}
