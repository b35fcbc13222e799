package explain

import (
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// phrase names the value of e, to stand as a noun: "the process id". What it has
// no words for is quoted as written.
func (x *explainer) phrase(e syntax.Expr) string {
	switch e := e.(type) {
	case nil:
		return "nothing"
	case *syntax.Paren:
		return x.phrase(e.X)
	case *syntax.Cast:
		return x.phrase(e.X)
	case *syntax.Comptime:
		return x.phrase(e.X)
	case *syntax.IntLit:
		return e.Text
	case *syntax.Variable:
		return e.Name
	case *syntax.Map:
		return e.Name
	case *syntax.MapAccess:
		return e.Map.Name + " for " + x.phrases(e.Keys)
	case *syntax.Positional:
		return fmt.Sprintf("parameter %d of the command line", e.N)
	case *syntax.PositionalCount:
		return "the number of parameters"
	case *syntax.FieldAccess:
		return x.field(e)
	case *syntax.Binop:
		return x.operation(e)
	case *syntax.Unop:
		return x.prefix(e)
	case *syntax.Ternary:
		if e.Then != nil {
			return fmt.Sprintf("%s if %s, else %s", x.phrase(e.Then), x.condition(e.Cond), x.phrase(e.Else))
		}
	case *syntax.Tuple:
		return "(" + x.phrases(e.Elems) + ")"
	}
	if c := x.info.Calls[e]; c != nil {
		return x.called(e, c)
	}
	return source(e)
}

func (x *explainer) phrases(list []syntax.Expr) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = x.phrase(e)
	}
	return join(words)
}

// join writes "a, b and c".
func join(words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
	return strings.Join(words, "")
}

// source is e as written, on one line.
func source(e syntax.Expr) string { return strings.Join(strings.Fields(syntax.ExprString(e)), " ") }

// field names args.X after what the probe is, and other members as written.
func (x *explainer) field(e *syntax.FieldAccess) string {
	c := x.info.Calls[e.X]
	if c == nil || c.Func.Op != check.OpArgs || x.probe == nil || len(x.probe.AttachPoints) == 0 {
		return source(e)
	}
	ap := x.probe.AttachPoints[0].Parsed
	switch {
	case strings.HasPrefix(ap.Func, "sys_exit") && e.Name.Name == "ret":
		return "the result of the call"
	case strings.HasPrefix(ap.Func, "sys_enter_"):
		return "the argument " + e.Name.Name
	case ap.Kind == syntax.ProbeTracepoint:
		return "the event's " + e.Name.Name
	}
	return "the argument " + e.Name.Name
}

var operatorWords = map[syntax.Op]string{
	syntax.OpAdd: "plus", syntax.OpSub: "minus", syntax.OpMul: "times", syntax.OpDiv: "divided by",
	syntax.OpMod: "modulo",
}

// operation tells times apart from other arithmetic: nsecs - @start[tid] is
// "the time since @start for the thread id", and divided by 1000 in microseconds.
func (x *explainer) operation(e *syntax.Binop) string {
	unit := x.units.of(e)
	switch {
	case e.Op == syntax.OpSub && x.units.of(e.L) == unitInstant:
		return "the time since " + x.phrase(e.R)
	case e.Op == syntax.OpDiv && unit != "" && unit != x.units.of(e.L):
		return x.phrase(e.L) + ", in " + unit
	case isComparison(e.Op) || e.Op == syntax.OpLogAnd || e.Op == syntax.OpLogOr:
		return "whether " + x.condition(e)
	}
	word, ok := operatorWords[e.Op]
	if !ok {
		return source(e)
	}
	return x.operand(e.L) + " " + word + " " + x.operand(e.R)
}

// operand is a phrase within a longer one.
func (x *explainer) operand(e syntax.Expr) string {
	s := x.phrase(e)
	if b, ok := unparen(e).(*syntax.Binop); ok && operatorWords[b.Op] != "" {
		return "(" + s + ")"
	}
	return s
}

func unparen(e syntax.Expr) syntax.Expr {
	for {
		p, ok := e.(*syntax.Paren)
		if !ok {
			return e
		}
		e = p.X
	}
}

func (x *explainer) prefix(e *syntax.Unop) string {
	switch e.Op {
	case syntax.OpNeg:
		return "minus " + x.operand(e.X)
	case syntax.OpNot:
		return "whether " + x.condition(e)
	case syntax.OpDeref:
		return "what " + x.phrase(e.X) + " points to"
	case syntax.OpInc, syntax.OpDec:
		return x.phrase(e.X)
	}
	return source(e)
}

// builtinWords are the builtins that are read without arguments.
func builtinWords(op check.FuncOp) string {
	return map[check.FuncOp]string{
		check.OpPid: "the process id", check.OpTid: "the thread id", check.OpUid: "the user id", check.OpGid: "the group id",
		check.OpNsecs: "the time now", check.OpElapsed: "the time since the trace began", check.OpCpu: "the number of the CPU",
		check.OpNcpus: "the number of CPUs", check.OpNumaid: "the NUMA node", check.OpComm: "the thread's name",
		check.OpCurtask: "the current thread's task_struct", check.OpCgroup: "the cgroup id", check.OpRand: "a random number",
		check.OpJiffies: "the kernel's ticks", check.OpKstack: "the kernel stack", check.OpUstack: "the user stack",
		check.OpDwUstack: "the user stack", check.OpRetval: "the returned value", check.OpCtx: "the probe's context",
		check.OpFunc: "the name of the traced function", check.OpProbe: "the name of the probe", check.OpProbetype: "the kind of the probe",
		check.OpUsername: "the name of the user", check.OpCpid: "the process started with -c", check.OpPpid: "the parent's process id",
		check.OpPcomm: "the parent's name", check.OpLeaderTid: "the id of the process's first thread",
		check.OpLeaderComm: "the name of the process's first thread", check.OpUsermode: "whether user code was running",
	}[op]
}

// callWords are functions of values; %s is the first argument.
func callWords(op check.FuncOp) string {
	return map[check.FuncOp]string{
		check.OpStr: "the text at %s", check.OpBuf: "the bytes at %s", check.OpKsym: "the kernel symbol at %s", check.OpUsym: "the symbol at %s",
		check.OpNtop: "the IP address %s", check.OpMacaddr: "the MAC address %s", check.OpStrftime: "the time of day",
		check.OpCgroupPath: "the cgroup path of %s", check.OpStrerror: "the error text of %s", check.OpLen: "the number of entries of %s",
		check.OpSyscallName: "the name of the system call number %s", check.OpSignalName: "the name of the signal %s",
		check.OpPath: "the full path of %s", check.OpStrlen: "the length of %s", check.OpKptr: "%s", check.OpUptr: "%s",
		check.OpHasKey: "whether %s has an entry", check.OpKaddr: "the address of the kernel symbol %s", check.OpUaddr: "the address of the symbol %s",
		check.OpReg: "the register %s", check.OpCgroupid: "the id of the cgroup %s", check.OpGetopt: "the command line option %s",
		check.OpUsdtArg: "argument number %s of the probe", check.OpSocketCookie: "the number of the socket %s",
	}[op]
}

func (x *explainer) called(e syntax.Expr, c *check.Call) string {
	if c.Func.Op == check.OpArg {
		return fmt.Sprintf("arg%d, argument number %d of the function", c.Arg, c.Arg+1)
	}
	if c.Func.Op == check.OpComm && len(c.Args) > 0 {
		return "the name of process " + x.phrase(c.Args[0])
	}
	if s := builtinWords(c.Func.Op); s != "" {
		return s
	}
	s := callWords(c.Func.Op)
	switch {
	case s == "" || strings.Contains(s, "%s") && len(c.Args) == 0 && c.Map == nil:
		return source(e)
	case !strings.Contains(s, "%s"):
		return s
	case c.Map != nil:
		return fmt.Sprintf(s, c.Map.Name)
	}
	subject := c.Args[0]
	if c.Func.Op == check.OpNtop {
		subject = c.Args[len(c.Args)-1]
	}
	return fmt.Sprintf(s, x.phrase(subject))
}

// condition says when e holds, to follow "if".
func (x *explainer) condition(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Paren:
		return x.condition(e.X)
	case *syntax.Comptime:
		return x.condition(e.X)
	case *syntax.BoolLit:
		return map[bool]string{true: "always", false: "never"}[e.Value]
	case *syntax.Binop:
		if s := x.comparison(e); s != "" {
			return s
		}
	case *syntax.Unop:
		if e.Op == syntax.OpNot {
			return x.negation(e.X)
		}
	case *syntax.MapAccess:
		return fmt.Sprintf("%s has a value for %s", e.Map.Name, x.phrases(e.Keys))
	}
	if c := x.info.Calls[e]; c != nil {
		if s := x.question(c); s != "" {
			return s
		}
	}
	return x.phrase(e) + " is not zero"
}

// question is the condition that a function stands for, or "".
func (x *explainer) question(c *check.Call) string {
	switch {
	case c.Func.Op == check.OpHasKey && c.Map != nil:
		return fmt.Sprintf("%s has an entry for %s", c.Map.Name, x.phrases(c.Key))
	case c.Func.Op == check.OpStrcontains && len(c.Args) == 2:
		return fmt.Sprintf("%s contains %s", x.phrase(c.Args[0]), x.phrase(c.Args[1]))
	case c.Func.Op == check.OpIsErr && len(c.Args) == 1:
		return x.phrase(c.Args[0]) + " stands for an error"
	case c.Func.Op == check.OpUsermode:
		return "user code was running"
	}
	return ""
}

func (x *explainer) negation(e syntax.Expr) string {
	switch e := unparen(e).(type) {
	case *syntax.MapAccess:
		return fmt.Sprintf("%s has no value for %s", e.Map.Name, x.phrases(e.Keys))
	case *syntax.Binop:
		if isComparison(e.Op) || e.Op == syntax.OpLogAnd || e.Op == syntax.OpLogOr {
			return "it is not so that " + x.condition(e)
		}
	case *syntax.Call:
		c := x.info.Calls[e]
		if c != nil && c.Func.Op == check.OpHasKey && c.Map != nil {
			return fmt.Sprintf("%s has no entry for %s", c.Map.Name, x.phrases(c.Key))
		}
		if c != nil && x.question(c) != "" {
			return "it is not so that " + x.question(c)
		}
	}
	return x.phrase(e) + " is zero"
}

var comparisonWords = map[syntax.Op]string{
	syntax.OpEq: "is", syntax.OpNe: "is not", syntax.OpLt: "is less than", syntax.OpGt: "is greater than",
	syntax.OpLe: "is at most", syntax.OpGe: "is at least",
}

func isComparison(op syntax.Op) bool { return comparisonWords[op] != "" }

// comparison is the condition of a binary operation, or "" for arithmetic.
func (x *explainer) comparison(e *syntax.Binop) string {
	switch e.Op {
	case syntax.OpLogAnd:
		return x.side(e.L, syntax.OpLogOr) + " and " + x.side(e.R, syntax.OpLogOr)
	case syntax.OpLogOr:
		return x.side(e.L, syntax.OpLogAnd) + " or " + x.side(e.R, syntax.OpLogAnd)
	case syntax.OpBitAnd:
		return fmt.Sprintf("%s has a bit of %s set", x.phrase(e.L), x.phrase(e.R))
	}
	word := comparisonWords[e.Op]
	if word == "" {
		return ""
	}
	if s := x.special(e); s != "" {
		return s
	}
	return x.phrase(e.L) + " " + word + " " + x.phrase(e.R)
}

// side brackets an "or" within an "and" and the other way round.
func (x *explainer) side(e syntax.Expr, other syntax.Op) string {
	s := x.condition(e)
	if b, ok := unparen(e).(*syntax.Binop); ok && b.Op == other {
		return "(" + s + ")"
	}
	return s
}

// special has the comparisons with a meaning of their own: results below zero,
// and strncmp() == 0.
func (x *explainer) special(e *syntax.Binop) string {
	k, known := x.info.Consts[e.R]
	if !known || k.Kind != check.ConstInt || k.Int != 0 {
		return ""
	}
	if c := x.info.Calls[unparen(e.L)]; c != nil && c.Func.Op == check.OpStrncmp && len(c.Args) == 3 {
		same := map[syntax.Op]string{syntax.OpEq: "are the same", syntax.OpNe: "differ"}[e.Op]
		if same != "" {
			return fmt.Sprintf("the first %s bytes of %s and %s %s", x.phrase(c.Args[2]), x.phrase(c.Args[0]), x.phrase(c.Args[1]), same)
		}
	}
	if l := x.phrase(e.L); l == "the result of the call" {
		switch e.Op {
		case syntax.OpLt:
			return "the call failed (its result is below 0)"
		case syntax.OpGe:
			return "the call succeeded (its result is not below 0)"
		}
	}
	return ""
}
