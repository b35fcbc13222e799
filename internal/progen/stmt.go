package progen

import (
	"fmt"
	"slices"
	"strings"
)

// mapSchema is a map that programs may use; its shape never changes.
type mapSchema struct {
	name   string
	first  string // an assignment that gives it its types
	assign func(g *generator) string
	decl   string
	begin  bool // deterministic enough for begin-only programs
	kind   string
}

func aggregate(format, kind string) func(*generator) string {
	return func(g *generator) string {
		g.use(kind)
		return strings.ReplaceAll(format, "%", g.expr(tInt))
	}
}

// maps are all the maps. A % in the text of an aggregation becomes an integer.
var maps = []mapSchema{
	{name: "@i", first: "@i[0] = (int64)0;", begin: true, assign: func(g *generator) string {
		if g.chance(50) {
			return fmt.Sprintf("@i[%s] = %s;", g.expr(tInt), g.expr(tInt))
		}
		// bpftrace 0.27 mistakes scalar maps in the key of a compound assignment.
		return fmt.Sprintf("@i[%d] %s %s;", g.r.IntN(9), pick(g, []string{"+=", "-=", "|=", "^="}), g.expr(tInt))
	}},
	{name: "@n", first: "@n = (int64)0;", begin: true, assign: func(g *generator) string {
		return pick(g, []string{"@n = " + g.expr(tInt), "@n++", "@n += " + g.expr(tInt), "@n--"}) + ";"
	}},
	{name: "@s", first: `@s["x"] = (int64)1;`, begin: true, assign: func(g *generator) string {
		return fmt.Sprintf("@s[%s] = %s;", g.expr(tStr), g.expr(tInt))
	}},
	{name: "@str", first: `@str[0] = "none";`, begin: true, assign: func(g *generator) string {
		return fmt.Sprintf("@str[%s] = %s;", g.expr(tInt), g.expr(tStr))
	}},
	{name: "@tup", first: `@tup[0] = ((int64)1, "x");`, begin: true, assign: func(g *generator) string {
		return fmt.Sprintf("@tup[%s] = %s;", g.expr(tInt), g.expr(tTuple))
	}},
	{name: "@rec", first: `@rec = (n=(int64)1, s="x");`, begin: true, assign: func(g *generator) string {
		return "@rec = " + g.expr(tRecord) + ";"
	}},
	{name: "@b", first: "@b = true;", begin: true, assign: func(g *generator) string { return "@b = " + g.condition() + ";" }},
	{name: "@c", first: "@c = count();", begin: true, kind: "count", assign: func(g *generator) string { g.use("count"); return "@c = count();" }},
	{name: "@su", first: "@su[0] = sum(1);", begin: true, kind: "sum", assign: aggregate("@su[%] = sum(%);", "sum")},
	{name: "@mi", first: "@mi[0] = min(1);", begin: true, kind: "min", assign: aggregate("@mi[%] = min(%);", "min")},
	{name: "@ma", first: "@ma = max(1);", begin: true, kind: "max", assign: aggregate("@ma = max(%);", "max")},
	{name: "@av", first: "@av[0] = avg(1);", begin: true, kind: "avg", assign: aggregate("@av[%] = avg(%);", "avg")},
	{name: "@st", first: "@st = stats(1);", begin: true, kind: "stats", assign: aggregate("@st = stats(%);", "stats")},
	{name: "@h", first: "@h[0] = hist(1);", begin: true, kind: "hist", assign: aggregate("@h[%] = hist(%);", "hist")},
	{name: "@h2", first: "@h2 = hist(1, 2);", begin: true, kind: "hist", assign: aggregate("@h2 = hist(%, 2);", "hist")},
	{name: "@l", first: "@l = lhist(1, 0, 100, 10);", begin: true, kind: "lhist", assign: aggregate("@l = lhist(%, 0, 100, 10);", "lhist")},
	{name: "@ts", first: `@ts = tseries(1, 1s, 5, "sum");`, kind: "tseries", assign: aggregate(`@ts = tseries(%, 1s, 5, "sum");`, "tseries")},
	{name: "@t", first: `@t[0, "x"] = count();`, begin: true, kind: "count", assign: func(g *generator) string {
		g.use("tuple-key")
		return fmt.Sprintf("@t[%s, %s] = count();", g.expr(tInt), g.expr(tStr))
	}},
	{name: "@ks", first: "@ks[kstack] = count();", kind: "kstack", assign: func(g *generator) string { g.use("kstack"); return "@ks[kstack] = count();" }},
	{name: "@us", first: "@us[ustack(8), comm] = count();", kind: "ustack", assign: func(g *generator) string {
		g.use("ustack")
		return "@us[ustack(8), comm] = count();"
	}},
	{name: "@lru", decl: "let @lru = lruhash(16);", first: "@lru[0] = (int64)1;", assign: func(g *generator) string {
		g.use("stmt:mapdecl")
		return fmt.Sprintf("@lru[%s] = %s;", g.expr(tInt), g.expr(tInt))
	}},
	{name: "@pc", decl: "let @pc = percpuhash(32);", first: "@pc[0] = count();", kind: "count", assign: func(g *generator) string {
		g.use("stmt:mapdecl")
		return fmt.Sprintf("@pc[%s] = count();", g.expr(tInt))
	}},
}

// readMap notes that a map is read and returns its name.
func (g *generator) readMap(name string) string {
	g.read[name] = true
	return name
}

// fresh names a new scratch variable.
func (g *generator) fresh() string {
	g.names++
	return fmt.Sprintf("$v%d", g.names)
}

// block writes n statements; what is declared in them goes out of scope after.
func (g *generator) block(n int, indent string) string {
	scope := len(g.vars)
	var b strings.Builder
	for range n {
		b.WriteString(indent + g.statement(indent) + "\n")
	}
	g.vars = g.vars[:scope]
	return b.String()
}

// inner writes the block of a compound statement.
func (g *generator) inner(indent string) string {
	return "{\n" + g.block(1+g.r.IntN(2), indent+"  ") + indent + "}"
}

// statement writes one statement.
func (g *generator) statement(indent string) string {
	deep := len(indent) > 6
	switch n := g.r.IntN(100); {
	case n < 30:
		return g.assignMap()
	case n < 45:
		return g.declare()
	case n < 52:
		return g.reassign()
	case n < 64:
		return g.printf()
	case n < 70:
		return g.print()
	case n < 76 && !deep:
		return g.branch(indent)
	case n < 88 && !deep:
		return g.loop(indent)
	case n < 92:
		return g.mapStatement()
	case n < 96 && !g.o.BeginOnly:
		return g.effect()
	}
	g.use("stmt:discard")
	return "_ = " + g.expr(tInt) + ";"
}

func (g *generator) assignMap() string {
	for {
		m := pick(g, maps)
		if g.o.BeginOnly && !m.begin || g.probe.kind == "iter" && (m.kind == "kstack" || m.kind == "ustack") || g.noCtx && (m.kind == "kstack" || m.kind == "ustack") || !g.probe.stacks && (m.kind == "kstack" || m.kind == "ustack") {
			continue
		}
		if m.decl != "" {
			g.need(m.decl)
		}
		g.use("stmt:assign-map")
		return m.assign(g)
	}
}

var declTypes = map[typ]string{tInt: "int64", tBool: "bool"}

func (g *generator) declare() string {
	t := pick(g, []typ{tInt, tInt, tInt, tStr, tBool, tTuple, tRecord})
	if !g.o.BeginOnly && g.chance(15) {
		t = tTask
	}
	value, name := g.expr(t), g.fresh()
	g.vars = append(g.vars, variable{name, t})
	switch {
	case t == tInt:
		// One width for all: which one a literal would get is upstream's business.
		g.use("stmt:let")
		return fmt.Sprintf("let %s: int64 = (int64)(%s);", name, value)
	case declTypes[t] != "" && g.chance(50):
		g.use("stmt:let")
		return fmt.Sprintf("let %s: %s = %s;", name, declTypes[t], value)
	case g.chance(50):
		g.use("stmt:let")
		return fmt.Sprintf("let %s = %s;", name, value)
	}
	g.use("stmt:assign-var")
	return fmt.Sprintf("%s = %s;", name, value)
}

func (g *generator) reassign() string {
	v, ok := g.variableOf(tInt)
	if !ok {
		return g.declare()
	}
	g.use("stmt:assign-var")
	switch g.r.IntN(4) {
	case 0:
		return v + "++;"
	case 1:
		return v + "--;"
	case 2:
		return fmt.Sprintf("%s %s (int64)(%s);", v, pick(g, []string{"+=", "-=", "&=", "|=", "^="}), g.expr(tInt))
	}
	return fmt.Sprintf("%s = (int64)(%s);", v, g.expr(tInt))
}

// verbs are printf conversions by the type that they take.
var verbs = map[typ][]string{
	tInt: {"%lld", "%lu", "%llx", "%8lld", "%-6llu|", "%d", "%u", "%x", "%c", "%p", "%05lld", "%hhd"},
	tStr: {"%s", "%10s", "%-12s|"}, tBool: {"%d", "%s"}, tBuf: {"%r", "%rx", "%rh"},
	tKStack: {"%s"}, tUStack: {"%s"}, tOther: {"%s"},
}

func (g *generator) printf() string {
	g.use("printf")
	var format, args strings.Builder
	for range g.r.IntN(6) {
		t := pick(g, []typ{tInt, tInt, tStr, tBool, tBuf, tOther, tKStack, tUStack})
		stack := t == tKStack || t == tUStack
		if stack && (g.o.BeginOnly || g.noCtx || !g.probe.stacks) {
			t = tInt
		}
		format.WriteString(pick(g, verbs[t]) + " ")
		args.WriteString(", " + g.expr(t))
	}
	name := "printf"
	if !g.o.BeginOnly && g.chance(10) {
		name = pick(g, []string{"errorf", "warnf"})
		g.use(name)
	}
	return fmt.Sprintf(`%s("%s\n"%s);`, name, format.String(), args.String())
}

func (g *generator) print() string {
	g.use("print")
	if g.loops == 0 && !g.o.BeginOnly && g.chance(40) {
		m := pick(g, maps[:12])
		g.read[m.name] = true
		if g.chance(30) && (m.name == "@i" || m.name == "@su" || m.name == "@s") {
			return fmt.Sprintf("print(%s, %d);", m.name, 1+g.r.IntN(9))
		}
		return "print(" + m.name + ");"
	}
	return "print(" + g.expr(pick(g, []typ{tInt, tStr, tBool, tTuple, tRecord, tOther})) + ");"
}

func (g *generator) branch(indent string) string {
	g.use("stmt:if")
	s := "if (" + g.condition() + ") " + g.inner(indent)
	for g.chance(30) {
		s += " else if (" + g.condition() + ") " + g.inner(indent)
	}
	if g.chance(50) {
		s += " else " + g.inner(indent)
	}
	return s
}

func (g *generator) loop(indent string) string {
	g.loops++
	defer func() { g.loops-- }()
	switch g.r.IntN(4) {
	case 0:
		g.use("stmt:unroll")
		return fmt.Sprintf("unroll (%d) %s", 1+g.r.IntN(4), g.inner(indent))
	case 1:
		return g.while(indent)
	case 2:
		return g.forRange(indent)
	}
	return g.forMap(indent)
}

func (g *generator) while(indent string) string {
	g.use("stmt:while")
	i := g.fresh()
	return fmt.Sprintf("let %s: int64 = 0;\n%swhile (%s < %d) {\n%s    %s++;\n%s%s}", i, indent, i, 1+g.r.IntN(6), indent, i,
		g.loopBody(indent), indent)
}

// loopBody writes the statements of a loop, with a jump now and then.
func (g *generator) loopBody(indent string) string {
	body := g.block(1+g.r.IntN(2), indent+"    ")
	if g.chance(25) {
		jump := pick(g, []string{"break", "continue"})
		g.use("stmt:" + jump)
		body += fmt.Sprintf("%s    if (%s) { %s; }\n", indent, g.condition(), jump)
	}
	return body
}

func (g *generator) callback(v variable, body func() string) string {
	outer := g.noCtx
	g.noCtx = true
	g.vars = append(g.vars, v)
	text := body()
	g.noCtx, g.vars = outer, g.vars[:len(g.vars)-1]
	return text
}

func (g *generator) forRange(indent string) string {
	g.use("stmt:for-range")
	i := g.fresh()
	hi := fmt.Sprint(1 + g.r.IntN(9))
	if g.chance(30) && !g.o.BeginOnly {
		hi = "(" + pick(g, []string{"cpu", "pid % 7", "nsecs % 5"}) + ")"
	}
	return fmt.Sprintf("for (%s : %d..%s) {\n%s%s}", i, g.r.IntN(2), hi,
		g.callback(variable{i, tOther}, func() string { return g.loopBody(indent) }), indent)
}

// forMap writes a loop over a map. A begin-only program only adds up in it,
// since the order of entries is not fixed.
func (g *generator) forMap(indent string) string {
	g.use("stmt:for-map")
	kv, m := g.fresh(), pick(g, []string{"@i", "@s"})
	g.readMap(m)
	g.readMap("@n")
	return fmt.Sprintf("for (%s : %s) {\n%s    @n += (int64)%s.1;\n%s}", kv, m, indent, kv, indent)
}

// mapStatement works on a whole map or an entry.
func (g *generator) mapStatement() string {
	switch g.r.IntN(6) {
	case 0:
		g.use("clear")
		if g.o.BeginOnly {
			return "clear(" + g.readMap("@av") + ");"
		}
		return "clear(" + g.readMap(pick(g, []string{"@i", "@h", "@c", "@str"})) + ");"
	case 1:
		g.use("zero")
		return "zero(" + g.readMap(pick(g, []string{"@su", "@ma"})) + ");"
	case 2:
		g.use("find")
		v := g.fresh()
		return fmt.Sprintf("let %s: int64 = 0; if (find(%s, %s, %s)) { print(%s); }", v, g.readMap("@i"), g.expr(tInt), v, v)
	case 3:
		g.use("delete")
		return "delete(" + g.readMap("@n") + ");"
	}
	g.use("delete")
	return fmt.Sprintf("delete(%s, %s);", g.readMap("@i"), g.expr(tInt))
}

// effect does something beyond the program.
func (g *generator) effect() string {
	choices := []string{
		"time time(\"%H:%M:%S\\n\");", "time time();", "cat cat(\"/proc/loadavg\");", "system system(\"true\");", "signal signal(\"SIGCONT\");",
		"signal_thread signal_thread(18);", "debugf debugf(\"%d\", pid);", "join join(kptr((uint64)curtask));", "assert assert(pid >= 0, \"never\");",
	}
	if g.loops == 0 {
		choices = append(choices, "exit if ("+g.condition()+") { exit(); }", "return if ("+g.condition()+") { return; }")
	}
	if g.probe.kind == "fentry" || g.probe.kind == "fexit" {
		choices = append(choices[:3], "skboutput _ = skboutput(\"out.pcap\", (struct sk_buff *)0, 64, 0);")
	}
	if g.probe.usym && !g.noCtx {
		choices = append(choices, "write_user _ = write_user((uint64)0, 1, 4);")
	}
	feature, text, _ := strings.Cut(pick(g, choices), " ")
	if special := g.probe.kind; (feature == "signal" || feature == "signal_thread") && slices.Contains([]string{"iter", "begin", "end", "interval", "self", "software", "hardware", "watchpoint"}, special) || g.without(feature) {
		return g.assignMap()
	}
	g.use(feature)
	return text
}

// showAll prints everything that a begin-only program holds in variables.
func (g *generator) showAll(indent string) string {
	return indent + "print((\"end\", $n, " + g.readMap("@n") + "));\n"
}
