package progen

import (
	"fmt"
	"strings"
)

// leafDepth is the nesting from which only simple expressions are chosen.
const leafDepth = 3

// expr writes an expression of a type.
func (g *generator) expr(t typ) string {
	g.depth++
	defer func() { g.depth-- }()
	if v, ok := g.variableOf(t); ok && g.chance(30) {
		return v
	}
	switch t {
	case tInt:
		return g.intExpr()
	case tBool:
		return g.condition()
	case tStr:
		return g.strExpr()
	case tTuple:
		return fmt.Sprintf("(%s, %s)", g.expr(tInt), g.expr(tStr))
	case tRecord:
		g.use("stmt:record")
		return fmt.Sprintf("(n=%s, s=%s)", g.expr(tInt), g.expr(tStr))
	case tTask:
		g.use("curtask")
		return pick(g, []string{"curtask", "curtask.real_parent", "curtask.group_leader", "((struct task_struct *)curtask)"})
	case tBuf:
		g.use("buf")
		return g.bufExpr()
	case tKStack, tUStack:
		return g.stackExpr(string(t))
	}
	return g.otherExpr()
}

func (g *generator) variableOf(t typ) (string, bool) {
	var fit []string
	for _, v := range g.vars {
		if v.typ == t {
			fit = append(fit, v.name)
		}
	}
	if len(fit) == 0 {
		return "", false
	}
	return pick(g, fit), true
}

func (g *generator) literal() string {
	switch g.r.IntN(8) {
	case 0:
		return fmt.Sprintf("0x%x", g.r.IntN(1<<16))
	case 1:
		return fmt.Sprintf("%d", g.r.Int64N(1<<40))
	case 2:
		return pick(g, []string{"1e3", "1_000", "017", "5ms", "2s", "7u", "9ull", "3l"})
	case 3:
		return "0"
	}
	return fmt.Sprint(g.r.IntN(200))
}

// source is one way to write an integer.
type source struct {
	feature string
	text    func(g *generator) string
	env     bool // differs between machines or moments
}

func plain(s string) func(*generator) string { return func(*generator) string { return s } }

// intSources returns the ways to write an integer.
func intSources() []source {
	return []source{
		{"pid", plain("pid"), true}, {"tid", plain("tid"), true}, {"uid", plain("uid"), true}, {"gid", plain("gid"), true},
		{"nsecs", plain("nsecs"), true}, {"nsecs", plain("nsecs(monotonic)"), true}, {"elapsed", plain("elapsed"), true},
		{"cpu", plain("cpu"), true}, {"ncpus", plain("ncpus"), true}, {"numaid", plain("numaid"), true}, {"cgroup", plain("cgroup"), true},
		{"rand", plain("rand"), true}, {"jiffies", plain("jiffies"), true}, {"ppid", plain("ppid"), true},
		{"ppid", func(g *generator) string { return "ppid(" + g.expr(tTask) + ")" }, true},
		{"leader_tid", plain("leader_tid"), true}, {"pid", plain("pid(init)"), true}, {"tid", plain("tid(curr_ns)"), true},
		{"cgroupid", plain(`cgroupid("/sys/fs/cgroup")`), true},
		{"kaddr", plain(`kaddr("vfs_read")`), true},
		{"percpu_kaddr", plain(`*(uint64*)percpu_kaddr("process_counts", 0)`), true},
		{"is_err", func(g *generator) string { return "(uint64)(is_err(" + g.expr(tTask) + ") ? 1 : 0)" }, true},
		{"kptr", plain("*(uint32*)kptr(curtask)"), true},
		{"uptr", plain("(uint64)uptr(nsecs)"), true},
		{"field", func(g *generator) string {
			return g.expr(tTask) + pick(g, []string{".pid", ".tgid", ".prio", ".real_parent.pid", ".flags", ".se.vruntime", ".cred.uid.val", ".sched_reset_on_fork", "->start_time"})
		}, true},
		{"sizeof", plain("sizeof(struct task_struct)"), true}, {"sizeof", plain("sizeof(uint32)"), false},
		{"sizeof", func(g *generator) string { return "sizeof(" + g.nonLiteral() + ")" }, true},
		{"offsetof", plain("offsetof(struct task_struct, comm)"), true},
		{"strlen", func(g *generator) string { return "strlen(" + g.expr(tStr) + ")" }, false},
		{"strcap", func(g *generator) string { return "strcap(" + g.expr(tStr) + ")" }, true},
		{"strstr", func(g *generator) string { return "strstr(" + g.strLit() + ", " + g.strLit() + ")" }, false},
		{"strstr", func(g *generator) string { return "strstr(comm, " + g.strLit() + ")" }, true},
		{"strncmp", func(g *generator) string {
			return fmt.Sprintf("strncmp(%s, %s, %d)", g.expr(tStr), g.strLit(), 1+g.r.IntN(12))
		}, false},
		{"bswap", func(g *generator) string { return "bswap((uint32)" + g.paren(tInt) + ")" }, false},
		{"memcmp", plain(`memcmp("abcd", "abce", 4)`), false},
		{"getopt", plain(`getopt("level", 3)`), false},
		{"default_str_length", plain("default_str_length()"), true},
		{"positional", plain("$1"), false}, {"positional", plain("$#"), false},
		{"len", func(g *generator) string { return "len(" + g.readMap("@i") + ")" }, false},
		{"map", func(g *generator) string { return g.readMap("@i") + "[" + g.expr(tInt) + "]" }, false},
		{"map", func(g *generator) string { return g.readMap("@s") + "[" + g.expr(tStr) + "]" }, false},
		{"map", func(g *generator) string { return g.readMap("@n") }, true},
		{"agg-read", func(g *generator) string { return "(int64)" + g.readMap("@c") }, false},
		{"agg-read", func(g *generator) string { return "(int64)" + g.readMap("@su") + "[" + g.expr(tInt) + "]" }, false},
		{"tuple-access", func(g *generator) string { return g.expr(tTuple) + ".0" }, false},
		{"record-access", func(g *generator) string { return g.expr(tRecord) + ".n" }, false},
		{"cast", func(g *generator) string {
			return "(" + pick(g, []string{"int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}) + ")" + g.paren(tInt)
		}, false},
		{"unop", func(g *generator) string { return pick(g, []string{"-", "~"}) + "(" + g.nonLiteral() + ")" }, false},
		{"ternary", func(g *generator) string {
			return fmt.Sprintf("(%s ? %s : %s)", g.condition(), g.expr(tInt), g.expr(tInt))
		}, false},
		{"ifexpr", func(g *generator) string {
			return fmt.Sprintf("(if (%s) { %s } else { %s })", g.condition(), g.expr(tInt), g.expr(tInt))
		}, false},
		{"blockexpr", func(g *generator) string {
			v := g.fresh()
			return fmt.Sprintf("({ let %s: int64 = (int64)(%s); %s + 1 })", v, g.expr(tInt), v)
		}, false},
		{"macro", func(g *generator) string {
			g.need("macro twice(x) { x + x }")
			return "twice(" + g.expr(tInt) + ")"
		}, false},
		{"macro", func(g *generator) string {
			g.readMap("@i")
			g.need("macro bump(@m, k) { @m[k] += 1; @m[k] }")
			return "bump(@i, " + g.expr(tInt) + ")"
		}, true},
		{"enum", func(g *generator) string {
			g.need("enum colour { red = 1, green, blue = 7 };")
			return pick(g, []string{"red", "(uint64)blue", "(int32)green"})
		}, false},
		{"define", func(g *generator) string { g.need("#define LIMIT 42"); return "LIMIT" }, false},
		{"cstruct", func(g *generator) string {
			g.need("struct two { int a; unsigned short b : 5; unsigned short c : 3; char d[4]; };")
			return "((struct two *)kptr(curtask))." + pick(g, []string{"a", "b", "c", "d[1]"})
		}, true},
		{"array-access", plain("pton(\"10.1.2.3\")[2]"), false},
		{"comptime", plain("comptime (3 * 7)"), false},
		{"typeof", func(g *generator) string { return "(typeof(pid))" + g.paren(tInt) }, true},
	}
}

// intExpr writes an integer expression.
func (g *generator) intExpr() string {
	if g.depth > leafDepth {
		return g.intLeaf()
	}
	switch {
	case g.chance(30):
		return g.arithmetic()
	case g.chance(15):
		return g.intLeaf()
	}
	for {
		if s := pick(g, intSources()); !(s.env && g.o.BeginOnly) && !g.without(s.feature) {
			g.use(s.feature)
			return s.text(g)
		}
	}
}

func (g *generator) intLeaf() string {
	if v, ok := g.variableOf(tInt); ok && g.chance(50) {
		return v
	}
	if !g.noCtx && len(g.probe.ints) > 0 && g.chance(50) {
		s := pick(g, g.probe.ints)
		g.useArgs(s)
		return s
	}
	if !g.o.BeginOnly && g.chance(40) {
		s := pick(g, []string{"pid", "tid", "cpu", "nsecs", "uid"})
		g.use(s)
		return s
	}
	return g.literal()
}

func (g *generator) useArgs(s string) {
	for _, w := range []string{"args", "ctx", "retval", "reg", "path", "str"} {
		if strings.HasPrefix(s, w) {
			g.use(w)
		}
	}
	if strings.Contains(s, "arg0") || strings.Contains(s, "arg1") || strings.Contains(s, "arg2") {
		g.use("arg")
	}
}

// arithmetic writes a binary operation with at most one literal operand, so that
// no constant can overflow, and divides by what is not zero.
func (g *generator) arithmetic() string {
	left := g.paren(tInt)
	if isLiteral(left) {
		left = "(int64)(" + g.nonLiteral() + ")"
	}
	switch op := pick(g, []string{"+", "-", "*", "&", "|", "^", "/", "%", "<<", ">>", "==", "<", "&&"}); op {
	case "/", "%":
		return fmt.Sprintf("((uint64)%s %s %d)", left, op, 1+g.r.IntN(100))
	case "<<", ">>":
		return fmt.Sprintf("(%s %s %d)", left, op, g.r.IntN(20))
	case "==", "<", "&&":
		return fmt.Sprintf("(uint64)(%s %s %s)", left, op, g.paren(tInt))
	default:
		return fmt.Sprintf("(%s %s %s)", left, op, g.paren(tInt))
	}
}

// nonLiteral is a value that no folding can see through.
func (g *generator) nonLiteral() string {
	if v, ok := g.variableOf(tInt); ok {
		return v
	}
	return g.readMap("@n")
}

func isLiteral(s string) bool {
	s = strings.Trim(s, "()-~ ")
	return s != "" && (s[0] >= '0' && s[0] <= '9' || s == "LIMIT" || strings.HasPrefix(s, "comptime") || strings.HasPrefix(s, "sizeof") || s == "$1" || s == "$#" || s == "red")
}

// paren writes an operand.
func (g *generator) paren(t typ) string {
	s := g.expr(t)
	if strings.ContainsAny(s, " -") {
		return "(" + s + ")"
	}
	return s
}

// condition writes a boolean expression.
func (g *generator) condition() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.depth > leafDepth {
		return fmt.Sprintf("%s %s %s", g.nonLiteralOrBuiltin(), pick(g, []string{"<", ">", "==", "!=", "<=", ">="}), g.literal())
	}
	switch g.r.IntN(12) {
	case 0:
		return fmt.Sprintf("(%s && %s)", g.condition(), g.condition())
	case 1:
		return fmt.Sprintf("(%s || %s)", g.condition(), g.condition())
	case 2:
		return "!(" + g.condition() + ")"
	case 3:
		g.use("has_key")
		return "has_key(" + g.readMap("@i") + ", " + g.expr(tInt) + ")"
	case 4:
		g.use("strcontains")
		return fmt.Sprintf("strcontains(%s, %s)", g.expr(tStr), g.strLit())
	case 5, 6:
		g.use("string-compare")
		return fmt.Sprintf("%s %s %s", g.expr(tStr), pick(g, []string{"==", "!="}), g.strLit())
	case 7:
		return "(bool)" + g.paren(tInt)
	case 8:
		if !g.o.BeginOnly {
			g.use("tuple-compare")
			return "(" + g.expr(tTuple) + " == " + g.expr(tTuple) + ")"
		}
	}
	return fmt.Sprintf("%s %s %s", g.paren(tInt), pick(g, []string{"<", ">", "==", "!=", "<=", ">="}), g.paren(tInt))
}

func (g *generator) nonLiteralOrBuiltin() string {
	if g.o.BeginOnly {
		return g.nonLiteral()
	}
	return g.intLeaf()
}

func (g *generator) strLit() string {
	return pick(g, []string{`"a"`, `"bash"`, `"hello, world"`, `"tab\there"`, `""`, `"\x41\102"`, `"quote\"d"`, `"a longer text that fills more than one word"`})
}

// strExpr writes a string expression.
func (g *generator) strExpr() string {
	if !g.noCtx && len(g.probe.strs) > 0 && g.chance(40) {
		s := pick(g, g.probe.strs)
		g.useArgs(s)
		return s
	}
	switch n := g.r.IntN(14); {
	case n < 3 && !g.o.BeginOnly:
		g.use("comm")
		return "comm"
	case n == 3:
		g.use("probe")
		return "probe"
	case n == 4:
		g.use("probetype")
		return "probetype"
	case n == 5:
		g.use("strerror")
		return fmt.Sprintf("strerror(%d)", 1+g.r.IntN(30))
	case n == 6:
		g.use("signal_name")
		return fmt.Sprintf("signal_name(%d)", 1+g.r.IntN(30))
	case n == 7:
		g.use("syscall_name")
		return fmt.Sprintf("syscall_name(%d)", g.r.IntN(100))
	case n == 8:
		g.use("str")
		return "str(" + g.strLit() + ")"
	case n == 9 && g.depth <= leafDepth:
		return fmt.Sprintf("(%s ? %s : %s)", g.condition(), g.strLit(), g.strLit())
	case n == 10:
		return g.readMap("@str") + "[" + g.expr(tInt) + "]"
	case n == 11 && !g.o.BeginOnly:
		w := pick(g, []string{"pcomm", "leader_comm", "curtask.comm", "comm(pid)"})
		g.use(strings.TrimPrefix(strings.TrimSuffix(w, "(pid)"), "curtask."))
		return w
	case n == 12:
		g.use("str")
		return fmt.Sprintf("str(%s, %d)", g.strLit(), 1+g.r.IntN(20))
	case n == 13 && !g.o.BeginOnly:
		g.use("str")
		return "str(curtask.comm)"
	}
	return g.strLit()
}

func (g *generator) bufExpr() string {
	if g.o.BeginOnly {
		return pick(g, []string{`buf(pton("10.0.0.1"))`, `buf(pton("fe80::1"))`, `buf("some bytes", 5)`})
	}
	return pick(g, []string{`buf("some bytes", 5)`, "buf(pton(\"::1\"))", "buf(curtask.comm, 8)", "buf(kptr(curtask), 16)", "buf(kptr(curtask), pid % 30)"})
}

func (g *generator) stackExpr(name string) string {
	g.use(name)
	switch g.r.IntN(5) {
	case 0:
		return fmt.Sprintf("%s(%d)", name, 1+g.r.IntN(20))
	case 1:
		return name + "(perf)"
	case 2:
		return fmt.Sprintf("%s(raw, %d)", name, 1+g.r.IntN(127))
	case 3:
		return name + "(bpftrace)"
	}
	return name
}

// otherExpr writes something that can only be printed.
func (g *generator) otherExpr() string {
	if g.o.BeginOnly {
		g.use("ntop")
		g.use("pton")
		return pick(g, []string{`ntop(pton("10.0.0.1"))`, `ntop(pton("fe80::1"))`, `ntop(0x0100007f)`})
	}
	s := pick(g, []string{
		"ksym kaddr(\"vfs_read\")", "ksym 0", "usym 0x400000", "ntop pton(\"::1\")", "ntop 2, 0x0100007f", "ntop (uint32)nsecs",
		"macaddr kptr((uint8*)curtask)", "strftime \"%H:%M:%S\", nsecs", "cgroup_path cgroup", "cgroup_path cgroup, \"*\"", "username ", "func "})
	name, arg, _ := strings.Cut(s, " ")
	switch {
	case name == "func" && (!g.probe.isFunc || g.noCtx):
		name, arg = "username", ""
	case name == "usym" && (!g.probe.usym || g.noCtx):
		name, arg = "ksym", "kaddr(\"vfs_read\")"
	}
	g.use(name)
	if strings.Contains(arg, "pton") {
		g.use("pton")
	}
	if arg == "" {
		return name
	}
	return name + "(" + arg + ")"
}
