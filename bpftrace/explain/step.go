package explain

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// steps explains the statements of a block.
func (x *explainer) steps(b *syntax.Block) []Step {
	var list []Step
	if b == nil || x.info.Dead[b] {
		return nil
	}
	for _, s := range b.Stmts {
		list = append(list, x.step(s)...)
	}
	if b.Value != nil {
		list = append(list, x.evaluate(b.Value)...)
	}
	return list
}

func (x *explainer) step(s syntax.Stmt) []Step {
	switch s := s.(type) {
	case *syntax.ExprStmt:
		return x.evaluate(s.X)
	case *syntax.Assign:
		return one(x.assign(s))
	case *syntax.Let:
		if s.Init == nil {
			return one("Prepares the variable " + s.Var.Name + ".")
		}
		return one(x.note(s.Var, s.Init))
	case *syntax.Discard:
		return x.evaluate(s.X)
	case *syntax.While:
		return []Step{{Text: "As long as " + x.condition(s.Cond) + ":", Steps: x.steps(s.Body)}}
	case *syntax.Unroll:
		return []Step{{Text: x.phrase(s.Count) + " times:", Steps: x.steps(s.Body)}}
	case *syntax.For:
		return []Step{{Text: x.loop(s), Steps: x.steps(s.Body)}}
	case *syntax.Jump:
		return one(jumpWords(s))
	}
	return nil
}

func one(text string) []Step { return []Step{{Text: text}} }

func (x *explainer) loop(s *syntax.For) string {
	if s.Range != nil {
		return fmt.Sprintf("For each number %s from %s up to, but without, %s:", s.Var.Name, x.phrase(s.Range.Lo), x.phrase(s.Range.Hi))
	}
	return fmt.Sprintf("For each entry of %s, whose key is %s.0 and whose value is %s.1:", s.Map.Name, s.Var.Name, s.Var.Name)
}

func jumpWords(s *syntax.Jump) string {
	switch s.Kind {
	case syntax.Break:
		return "Leaves the loop."
	case syntax.Continue:
		return "Goes on with the next round of the loop."
	}
	return "Is done with this event."
}

// evaluate explains an expression that stands as a statement.
func (x *explainer) evaluate(e syntax.Expr) []Step {
	switch e := unparen(e).(type) {
	case *syntax.If:
		return x.branch(e)
	case *syntax.BlockExpr:
		return x.steps(e.Block)
	case *syntax.Unop:
		switch e.Op {
		case syntax.OpInc:
			x.hold(e.X, x.howOften())
			return one("Adds one to " + x.phrase(e.X) + ".")
		case syntax.OpDec:
			return one("Takes one from " + x.phrase(e.X) + ".")
		}
	case *syntax.Ternary:
		if e.Then != nil {
			return append([]Step{{Text: "If " + x.condition(e.Cond) + ":", Steps: x.evaluate(e.Then)}},
				Step{Text: "Otherwise:", Steps: x.evaluate(e.Else)})
		}
	}
	if c := x.info.Calls[e]; c != nil {
		return one(x.call(e, c))
	}
	if _, ok := x.info.Expansions[e]; ok {
		return one("Runs the macro " + source(e) + ".")
	}
	if _, ok := x.info.Consts[e]; ok {
		return nil // a bare value: nothing happens
	}
	return one("Computes " + source(e) + ".")
}

func (x *explainer) branch(e *syntax.If) []Step {
	var list []Step
	word := "If "
	for {
		if !x.info.Dead[e.Then] {
			list = append(list, Step{Text: word + x.condition(e.Cond) + ":", Steps: x.under(x.condition(e.Cond), e.Then)})
		}
		switch other := e.Else.(type) {
		case *syntax.If:
			e, word = other, "Otherwise, if "
			continue
		case *syntax.BlockExpr:
			if steps := x.under("none of the conditions before holds", other.Block); len(steps) > 0 {
				list = append(list, Step{Text: "Otherwise:", Steps: steps})
			}
		}
		return list
	}
}

// under explains a block that runs only under a condition, which then belongs
// to what is said of maps and output.
func (x *explainer) under(condition string, b *syntax.Block) []Step {
	outer := x.when
	defer func() { x.when = outer }()
	if x.when == x.moment {
		x.when += ", if " + condition
	} else {
		x.when += ", and " + condition
	}
	return x.steps(b)
}

// assign explains a change of a variable or a map.
func (x *explainer) assign(s *syntax.Assign) string {
	if c := x.info.Calls[s.Value]; c != nil && c.Func.Class == check.ClassAggregation {
		return x.aggregate(s.Target, c)
	}
	value := x.phrase(s.Value)
	if v, ok := s.Target.(*syntax.Variable); ok && s.Op == syntax.OpAssign {
		return x.note(v, s.Value)
	}
	target := x.phrase(s.Target)
	switch s.Op {
	case syntax.OpAssign:
		if x.units.of(s.Value) == unitInstant && value == "the time now" {
			x.hold(s.Target, "the moment "+x.when)
		} else {
			x.hold(s.Target, x.resolved(s.Value))
		}
		return fmt.Sprintf("Stores %s in %s.", value, x.place(s.Target))
	case syntax.OpAdd:
		x.hold(s.Target, "the sum of "+value)
		return fmt.Sprintf("Adds %s to %s.", value, target)
	case syntax.OpSub:
		return fmt.Sprintf("Takes %s from %s.", value, target)
	}
	return fmt.Sprintf("Changes %s: %s= %s.", target, s.Op, source(s.Value))
}

// note explains the assignment of a variable and remembers what it stands for.
func (x *explainer) note(v *syntax.Variable, value syntax.Expr) string {
	s := x.phrase(value)
	if known := x.info.Vars[v]; known != nil {
		if x.vars[known] == "" {
			x.vars[known] = s
		}
	}
	return fmt.Sprintf("Notes %s in %s.", s, v.Name)
}

// resolved is a phrase that does without the variables of its probe: what $f
// stands for rather than "$f".
func (x *explainer) resolved(e syntax.Expr) string {
	if v, ok := unparen(e).(*syntax.Variable); ok && x.vars[x.info.Vars[v]] != "" {
		return x.vars[x.info.Vars[v]]
	}
	return x.phrase(e)
}

// place names where a value is stored: "@start, by the thread id".
func (x *explainer) place(target syntax.Expr) string {
	if m, ok := target.(*syntax.MapAccess); ok {
		return m.Map.Name + ", by " + x.phrases(m.Keys)
	}
	return x.phrase(target)
}

// hold notes what a map gets, for its own explanation.
func (x *explainer) hold(target syntax.Expr, value string) {
	name, keys := "", []syntax.Expr(nil)
	switch t := target.(type) {
	case *syntax.Map:
		name = t.Name
	case *syntax.MapAccess:
		name, keys = t.Map.Name, t.Keys
	default:
		return
	}
	if x.maps[name] != nil {
		return
	}
	h := &holding{value: value}
	for _, k := range keys {
		h.keys = append(h.keys, x.resolved(k))
	}
	x.maps[name] = h
}

// aggregate explains @m = f(...).
func (x *explainer) aggregate(target syntax.Expr, c *check.Call) string {
	place, of, whole := x.place(target), "", ""
	if len(c.Args) > 0 {
		of = x.phrase(c.Args[0])
		whole = x.resolved(c.Args[0])
	}
	say := func(holds, does string) string {
		x.hold(target, holds)
		return does
	}
	switch c.Func.Op {
	case check.OpCount:
		return say(x.howOften(), "Counts the event in "+place+".")
	case check.OpSum:
		return say("the sum of "+whole, fmt.Sprintf("Adds %s to the sum in %s.", of, place))
	case check.OpMin:
		return say("the smallest "+bare(whole), fmt.Sprintf("Keeps the smallest of %s in %s.", of, place))
	case check.OpMax:
		return say("the largest "+bare(whole), fmt.Sprintf("Keeps the largest of %s in %s.", of, place))
	case check.OpAvg:
		return say("the average of "+whole, fmt.Sprintf("Counts %s into the average in %s.", of, place))
	case check.OpStats:
		return say("number, average and sum of "+whole, fmt.Sprintf("Counts %s into number, average and sum in %s.", of, place))
	case check.OpHist:
		return say("a histogram of "+whole+", with ranges that double in size", fmt.Sprintf("Counts %s into the histogram in %s.", of, place))
	case check.OpLhist:
		if len(c.Args) == 4 {
			whole += fmt.Sprintf(", from %s to %s in steps of %s", x.phrase(c.Args[1]), x.phrase(c.Args[2]), x.phrase(c.Args[3]))
		}
		return say("a histogram of "+whole, fmt.Sprintf("Counts %s into the histogram in %s.", of, place))
	}
	return say(of+" over time", fmt.Sprintf("Enters %s into the time series in %s.", of, place))
}

// howOften is what counting in the current probe gives.
func (x *explainer) howOften() string {
	if what, ok := strings.CutPrefix(x.when, "when "); ok && !strings.Contains(x.moment, ", and ") {
		return "how often " + what
	}
	if x.probe.Kind == syntax.ProbeProfile {
		return "the number of samples" + strings.TrimPrefix(x.when, x.moment)
	}
	return "how often the probe fires" + strings.TrimPrefix(x.when, x.moment)
}

// bare drops the article of a phrase: "the smallest time since ...".
func bare(phrase string) string { return strings.TrimPrefix(phrase, "the ") }

// call explains a function that is called for what it does.
func (x *explainer) call(e syntax.Expr, c *check.Call) string {
	m := ""
	if c.Map != nil {
		m = c.Map.Name
	}
	switch c.Func.Op {
	case check.OpPrintf, check.OpErrorf, check.OpWarnf, check.OpDebugf:
		return x.said("the line "+x.filled(c.Args), "Prints "+x.filled(c.Args)+".")
	case check.OpPrint:
		return x.print(e, c, m)
	case check.OpTime:
		return x.said("the time of day", "Prints the time of day.")
	case check.OpJoin:
		return x.said("the words of "+x.phrase(c.Args[0]), "Prints the words of "+x.phrase(c.Args[0])+".")
	case check.OpCat:
		return x.said("the file "+x.filled(c.Args), "Prints the file "+x.filled(c.Args)+".")
	case check.OpSystem:
		return x.said("the output of a command", "Runs the command "+x.filled(c.Args)+" on this system.")
	case check.OpClear:
		if x.probe.Kind == syntax.ProbeEnd {
			x.cleared[m] = true
		}
		return "Removes all entries of " + m + "."
	case check.OpZero:
		return "Sets all values of " + m + " to zero."
	case check.OpDelete:
		if len(c.Key) > 0 {
			return fmt.Sprintf("Removes the entry for %s from %s.", x.phrases(c.Key), m)
		}
		return "Removes the value of " + m + "."
	case check.OpExit:
		x.ends = append(x.ends, x.ending())
		return "Ends the program."
	case check.OpSignal, check.OpSignalThread:
		return "Sends the signal " + x.phrase(c.Args[0]) + " to the process that caused the event."
	case check.OpOverride:
		return "Makes the function return " + x.phrase(c.Args[0]) + " without running it."
	}
	return fmt.Sprintf("Calls %s: %s.", source(e), c.Func.Doc)
}

// said notes that something is printed in the current probe.
func (x *explainer) said(what, does string) string {
	line := fmt.Sprintf("%s: %s", sentence(x.when), what)
	for _, o := range x.out.Output {
		if o == line {
			return does
		}
	}
	x.out.Output = append(x.out.Output, line)
	return does
}

func (x *explainer) print(e syntax.Expr, c *check.Call, m string) string {
	what := m
	switch {
	case m == "" && len(c.Args) > 0:
		what = x.phrase(c.Args[0])
	case m == "":
		what = "a value"
	case len(c.Key) > 0:
		what = m + " for " + x.phrases(c.Key)
	}
	if call, ok := e.(*syntax.Call); ok && m != "" && len(call.Args) > 1 {
		what = fmt.Sprintf("the %s largest entries of %s", x.phrase(call.Args[1]), m)
		if len(call.Args) > 2 {
			what += ", divided by " + x.phrase(call.Args[2])
		}
	}
	return x.said(what, "Prints "+what+".")
}

// ending says when the current probe ends the program.
func (x *explainer) ending() string {
	aps := x.probe.Decl.AttachPoints
	if x.probe.Kind == syntax.ProbeBegin {
		return "at once, as soon as it has started" + strings.TrimPrefix(x.when, x.moment)
	}
	if parsed := parsedOf(aps[0], x.info); len(aps) == 1 && parsed != nil && parsed.Kind == syntax.ProbeInterval && parsed.Unit != "hz" {
		return strings.Replace(strings.Replace(x.when, "every ", "after ", 1), "after second", "after one second", 1)
	}
	return x.when
}

// verb is a conversion of a format.
var verb = regexp.MustCompile(`%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|j|z|t)?[a-zA-Z]{1,2}?|%%`)

// filled is a format with its conversions replaced by what they show.
func (x *explainer) filled(args []syntax.Expr) string {
	if len(args) == 0 {
		return "nothing"
	}
	format, ok := unparen(args[0]).(*syntax.StringLit)
	if !ok {
		return x.phrase(args[0])
	}
	i := 0
	text := verb.ReplaceAllStringFunc(format.Value, func(v string) string {
		if v == "%%" {
			return "%"
		}
		if i++; i >= len(args) {
			return v
		}
		if lit, ok := unparen(args[i]).(*syntax.StringLit); ok {
			return lit.Value
		}
		return "<" + x.phrase(args[i]) + ">"
	})
	return `"` + strings.Join(strings.Fields(text), " ") + `"`
}

// sentence capitalises s.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
