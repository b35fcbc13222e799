package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// bindMapValue binds what is assigned to a map: a value or an aggregation.
func (b *binder) bindMapValue(s *syntax.Assign, m *mapState, acc *syntax.MapAccess) {
	m.written = true
	if s.Op == syntax.OpAssign {
		if call, f := b.aggregation(s.Value); f != nil {
			b.bindAggregation(s, m, acc, call, f)
			return
		}
	}
	b.bindExpr(s.Value)
	b.mapUnit(s, m)
}

// aggregation returns the aggregation that x is, perhaps as the value of a
// block.
func (b *binder) aggregation(x syntax.Expr) (*syntax.Call, *Function) {
	switch x := unparen(x).(type) {
	case *syntax.Call:
		if len(b.macros[x.Func.Name]) > 0 {
			return nil, nil
		}
		if f := LookupFunction(x.Func.Name); f != nil && isAggregationFunc(f) {
			return x, f
		}
	case *syntax.BlockExpr:
		if x.Block.Value != nil {
			return b.aggregation(x.Block.Value)
		}
	}
	return nil, nil
}

func (b *binder) bindAggregation(s *syntax.Assign, m *mapState, acc *syntax.MapAccess, e *syntax.Call, f *Function) {
	if blk, ok := unparen(s.Value).(*syntax.BlockExpr); ok {
		b.push(nil)
		defer b.pop()
		for _, st := range blk.Block.Stmts {
			b.bindStmt(st)
		}
	}
	for i, a := range e.Args {
		b.bindExpr(a)
		b.checkLength(e, f, i, a)
	}
	if f.Unstable != "" {
		b.unstableFeature(f.Unstable, unstableNames[f.Unstable], e)
	}
	call := &Call{Func: f, Args: e.Args, Map: m.Map}
	if acc != nil {
		call.Key = acc.Keys
	}
	b.info.Calls[e] = call
	n := len(e.Args)
	if n < f.MinArgs() || n > f.MaxArgs() {
		b.countError(e, f.Name, f.MinArgs(), f.MaxArgs(), n)
		b.failed(e)
	} else if !b.checkAggregation(e, f) {
		b.failed(e)
	}
	b.aggUnit(s, m, e, f)
}

// checkAggregation checks the literal arguments of an aggregation.
func (b *binder) checkAggregation(e *syntax.Call, f *Function) bool {
	switch f.Op {
	case OpHist:
		return b.checkHist(e)
	case OpLhist:
		return b.checkLhist(e)
	case OpTseries:
		return b.checkTseries(e)
	}
	return true
}

func (b *binder) checkHist(e *syntax.Call) bool {
	if len(e.Args) < 2 {
		return true
	}
	bits := b.litOf(e.Args[1])
	if !bits.isNatural() {
		b.errorf(CodeArgumentLiteral, e, "hist() expects a int literal (%s provided)", b.litKind(e.Args[1]))
		return false
	}
	b.literalParam(bits)
	if bits.u > 5 {
		b.errorf(CodeArgumentValue, e, "hist: bits %d must be 0..5", bits.u)
		return false
	}
	return true
}

// litKind names what a literal was wanted for, for messages.
func (b *binder) litKind(e syntax.Expr) string {
	if l := b.litOf(e); l != nil {
		return l.typ().Kind.String()
	}
	return "int"
}

func (b *binder) naturals(e *syntax.Call, from int, complaints ...string) ([]uint64, bool) {
	vals := make([]uint64, len(complaints))
	for i, msg := range complaints {
		l := b.litOf(e.Args[from+i])
		if !l.isNatural() {
			b.errorf(CodeArgumentLiteral, e, "%s: %s", e.Func.Name, msg)
			return nil, false
		}
		b.literalParam(l)
		vals[i] = l.u
	}
	return vals, true
}

// literalParam marks the parameter that l comes from as one that cannot change
// while the program runs.
func (c *checker) literalParam(l *lit) {
	if l != nil && l.param != nil {
		l.param.Literal = true
	}
}

func (b *binder) checkLhist(e *syntax.Call) bool {
	v, ok := b.naturals(e, 1, "invalid min value (must be non-negative literal)",
		"invalid max value (must be non-negative literal)", "invalid step value")
	if !ok {
		return false
	}
	lo, hi, step := v[0], v[1], v[2]
	n := len(b.diags)
	if step == 0 {
		b.errorf(CodeArgumentValue, e, "lhist() step must be >= 1 (%d provided)", step)
	} else if buckets := int32((hi - lo) / step); buckets > 1000 {
		b.errorf(CodeArgumentValue, e, "lhist() too many buckets, must be <= 1000 (would need %d)", buckets)
	}
	if lo > hi {
		b.errorf(CodeArgumentValue, e, "lhist() min must be less than max (provided min %d and max %d)", lo, hi)
	}
	if hi-lo < step {
		b.errorf(CodeArgumentValue, e, "lhist() step is too large for the given range (provided step %d for range %d)", step, hi-lo)
	}
	return len(b.diags) == n
}

func (b *binder) checkTseries(e *syntax.Call) bool {
	v, ok := b.naturals(e, 1, "invalid interval_ns value (must be non-negative literal)",
		"invalid num_intervals value (must be non-negative literal)")
	switch {
	case !ok:
		return false
	case v[0] == 0:
		b.errorf(CodeArgumentValue, e, "tseries() interval_ns must be >= 1 (%d provided)", v[0])
	case v[1] == 0:
		b.errorf(CodeArgumentValue, e, "tseries() num_intervals must be >= 1 (%d provided)", v[1])
	case v[1] > 1000000:
		b.errorf(CodeArgumentValue, e, "tseries() num_intervals must be < 1000000 (%d provided)", v[1])
	case len(e.Args) == 4:
		return b.checkTseriesOp(e)
	default:
		return true
	}
	return false
}

func (b *binder) checkTseriesOp(e *syntax.Call) bool {
	l := b.litOf(e.Args[3])
	if !l.isString() {
		b.errorf(CodeArgumentLiteral, e, "tseries() expects a string literal (%s provided)", b.litKind(e.Args[3]))
		return false
	}
	switch l.s {
	case "avg", "max", "min", "sum":
		return true
	}
	b.errorf(CodeArgumentValue, e, "tseries() expects one of the following aggregation functions: avg, max, min, sum (\"%s\" provided)", l.s)
	return false
}

// aggParams are the literal parameters of a valid aggregation.
func (c *checker) aggParams(e *syntax.Call, f *Function) AggParams {
	at := func(i int) uint64 {
		if i < len(e.Args) {
			if l := c.litOf(e.Args[i]); l.isInt() {
				return l.u
			}
		}
		return 0
	}
	switch f.Op {
	case OpHist:
		return AggParams{Bits: int(at(1))}
	case OpLhist:
		return AggParams{Min: int64(at(1)), Max: int64(at(2)), Step: int64(at(3))}
	case OpTseries:
		p := AggParams{Interval: int64(at(1)), Intervals: int(at(2))}
		if len(e.Args) > 3 {
			if l := c.litOf(e.Args[3]); l.isString() {
				p.Op = l.s
			}
		}
		return p
	}
	return AggParams{}
}

// checkValues checks arguments whose values matter, once constants are known.
func (b *binder) checkValues(e *syntax.Call, f *Function) {
	switch f.Op {
	case OpReg:
		b.checkRegister(e)
	case OpDebugf:
		b.warnf(CodeDebugf, e, "The debugf() builtin is not recommended for production use. For more information see bpf_trace_printk in bpf-helpers(7).")
		if len(e.Args) > 4 {
			b.errorf(CodeFormat, e, "cannot use more than 3 conversion specifiers")
		}
	case OpPath:
		if len(e.Args) == 2 && !b.litOf(e.Args[1]).isNatural() {
			b.errorf(CodeArgumentLiteral, e, "path: invalid size value, need non-negative literal")
		}
	case OpStrncmp:
		if !b.litOf(e.Args[2]).isNatural() {
			b.errorf(CodeArgumentLiteral, e, "Builtin strncmp requires a non-negative literal")
		}
	case OpPid, OpTid:
		b.checkNamespace(e, f)
	case OpUaddr:
		b.checkSymbol(e)
	case OpSignal, OpSignalThread:
		b.checkSignal(e, f)
	case OpKstack, OpUstack, OpDwUstack:
		b.checkStack(e, f)
	}
}

func (b *binder) checkRegister(e *syntax.Call) {
	l := b.litOf(e.Args[0])
	if !l.isString() {
		return // reported with the types
	}
	if !isRegister(b.target.Arch(), l.s) {
		d := b.errorf(CodeArchitecture, e, "'%s' is not a valid register on this architecture (%s)", l.s, upstreamArch(b.target.Arch()))
		if near := syntax.Closest(l.s, registers(b.target.Arch())); near != "" {
			fix(d, false, "use "+near, e.Args[0], "\""+near+"\"")
		}
		b.failed(e)
	}
}

func registers(arch string) []string {
	if arch == "arm64" {
		regs := []string{"sp", "pc", "pstate"}
		for i := range 31 {
			regs = append(regs, "r"+itoa(i))
		}
		return regs
	}
	return []string{"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di",
		"orig_rax", "ip", "cs", "flags", "sp", "ss", "pc"}
}

func isRegister(arch, name string) bool {
	for _, r := range registers(arch) {
		if r == name {
			return true
		}
	}
	return false
}

func (b *binder) checkNamespace(e *syntax.Call, f *Function) {
	if len(e.Args) == 0 {
		return
	}
	id, ok := e.Args[0].(*syntax.Ident)
	if !ok {
		b.errorf(CodeArgumentValue, e, "%s() only supports curr_ns and init as the argument", f.Name)
		b.failed(e)
		return
	}
	if id.Name != "curr_ns" && id.Name != "init" {
		b.errorf(CodeArgumentValue, id, "Invalid PID namespace mode: %s (expects: curr_ns or init)", id.Name)
		b.failed(e)
		b.failed(id)
	}
}

func (b *binder) checkSymbol(e *syntax.Call) {
	l := b.litOf(e.Args[0])
	if !l.isString() {
		b.errorf(CodeArgumentLiteral, e, "uaddr() expects a string literal as the first argument")
		b.failed(e)
		return
	}
	for i := range len(l.s) {
		c := l.s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '/' || c == '_' || c == '-' {
			continue
		}
		b.errorf(CodeArgumentValue, e, "uaddr() expects a string that is a valid symbol (^[a-zA-Z0-9./_-]+$) as input (\"%s\" provided)", l.s)
		b.failed(e)
		return
	}
}

func (b *binder) checkSignal(e *syntax.Call, f *Function) {
	l := b.litOf(e.Args[0])
	switch {
	case l == nil:
	case l.isString():
		if signalNumber(l.s) == 0 {
			b.errorf(CodeArgumentValue, e, "Invalid string for signal: %s", l.s)
			b.failed(e)
		}
	case l.isInt() && (l.neg || l.u < 1 || l.u > 64):
		b.errorf(CodeArgumentValue, e, "%s() accepts a string literal or an integer between 1 and 64 (inclusive)", f.Name)
		b.failed(e)
	}
}

func (b *binder) checkStack(e *syntax.Call, f *Function) {
	limit := 0
	if len(e.Args) > 0 {
		switch id := unparen(e.Args[0]).(type) {
		case *syntax.Ident:
			limit = 1
			mode, ok := parseStackMode(id.Name)
			if !ok {
				if b.info.Expansions[id] != nil {
					limit = 0
					break
				}
				d := b.errorf(CodeArgumentValue, id, "Error parsing stack mode: %s: Invalid value for stack_mode: valid values are bpftrace, perf, raw and build_id", f.Name)
				if near := syntax.Closest(id.Name, []string{"bpftrace", "perf", "raw", "build_id"}); near != "" {
					fix(d, false, "use "+near, id, near)
				}
				b.failed(id)
				b.failed(e)
			}
			if mode == StackBuildID && f.Op == OpKstack {
				b.errorf(CodeArgumentValue, e, "'build_id' stack mode can only be used for ustack")
				b.failed(e)
			}
		default:
			if len(e.Args) == 2 {
				b.errorf(CodeArgumentValue, e, "Expected stack mode as first argument")
				b.failed(e)
				limit = 1
			}
		}
	}
	if limit >= len(e.Args) {
		return
	}
	n := b.litOf(e.Args[limit])
	if !n.isNatural() {
		b.errorf(CodeArgumentLiteral, e, "%s: invalid limit value", f.Name)
		b.failed(e)
		return
	}
	b.literalParam(n)
	if n.u > 1024 {
		b.errorf(CodeArgumentValue, e, "%s([int limit]): limit shouldn't exceed 1024, %d given", f.Name, n.u)
		b.failed(e)
	}
}

func parseStackMode(s string) (StackMode, bool) {
	switch s {
	case "bpftrace":
		return StackBpftrace, true
	case "perf":
		return StackPerf, true
	case "raw":
		return StackRaw, true
	case "build_id":
		return StackBuildID, true
	}
	return StackBpftrace, false
}
