package check

import (
	"strconv"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// bindBare binds a builtin that is written without parentheses.
func (b *binder) bindBare(e syntax.Expr, f *Function, name string) bool {
	if !f.Bare() && f.MinArgs() > 0 || isAggregationFunc(f) {
		return false
	}
	if !f.Bare() && !isLibrary(f) {
		return false
	}
	b.resolve(e, f, name, nil)
	return true
}

// bindBuiltin binds one of the words that the grammar knows.
func (b *binder) bindBuiltin(e *syntax.Builtin) {
	if n, ok := argNumber(e.Name, "sarg"); ok {
		d := b.errorf(CodeDeleted, e, "sarg* is deleted. This was deprecated in v0.21 and was last available in v0.24.")
		hint(d, "Use *(reg(\"sp\") + <stack_offset>) instead.")
		fix(d, false, "read the stack", e, "*(int64 *)(reg(\"sp\") + "+strconv.Itoa(8*(n+1))+")")
		b.failed(e)
		return
	}
	if n, ok := argNumber(e.Name, "arg"); ok {
		if call := b.resolve(e, LookupFunction("arg"), e.Name, nil); call != nil {
			call.Arg = n
			b.checkArgNumber(e, n)
		}
		return
	}
	switch e.Name {
	case "__builtin_safe_mode":
		b.lits[e] = boolLit(!b.opts.Unsafe)
		return
	case "__builtin_arch":
		b.lits[e] = stringLit(upstreamArch(b.target.Arch()))
		return
	}
	if f := LookupFunction(e.Name); f != nil {
		b.resolve(e, f, e.Name, nil)
		return
	}
	b.errorf(CodeUnknownIdentifier, e, "Unknown builtin variable: '%s'", e.Name)
	b.failed(e)
}

func upstreamArch(arch string) string {
	if arch == "amd64" {
		return "x86_64"
	}
	return arch
}

// argNumber returns N of a name such as arg0.
func argNumber(name, prefix string) (int, bool) {
	digits, ok := strings.CutPrefix(name, prefix)
	if !ok || digits == "" {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0
}

// checkArgNumber reports an argument that the architecture does not pass in a
// register.
func (b *binder) checkArgNumber(e syntax.Expr, n int) {
	if b.probe == nil || b.probe.Kind == syntax.ProbeUSDT || b.probe.Kind == syntax.ProbeRawTracepoint {
		return
	}
	limit := 6
	if b.target.Arch() == "arm64" {
		limit = 8
	}
	if n >= limit {
		b.errorf(CodeArgumentValue, e, "%s doesn't support arg%d", upstreamArch(b.target.Arch()), n)
		b.failed(e)
	}
}

// resolve records that e is a use of f, after checking that f may be used here.
// It returns nil when it may not.
func (b *binder) resolve(e syntax.Expr, f *Function, name string, args []syntax.Expr) *Call {
	call := &Call{Func: f, Args: args}
	b.info.Calls[e] = call
	if !b.available(e, f, name) {
		b.failed(e)
		return nil
	}
	b.foldBuiltin(e, f)
	return call
}

// foldBuiltin folds builtins that are known before types.
func (b *binder) foldBuiltin(e syntax.Expr, f *Function) {
	if b.probe == nil {
		return
	}
	switch f.Op {
	case OpProbe:
		if aps := b.probe.AttachPoints; len(aps) == 1 && aps[0].Name != "" {
			b.lits[e] = stringLit(aps[0].Name)
		} else if len(aps) == 0 {
			b.lits[e] = stringLit("none")
		}
	case OpProbetype:
		b.lits[e] = stringLit(probeTypeName(b.probe.Kind))
	case OpUsermode:
		if !hasRegisters(b.probe.Kind) {
			b.lits[e] = intLit(0)
			if b.probe.Kind == syntax.ProbeBegin || b.probe.Kind == syntax.ProbeEnd || b.probe.Kind == syntax.ProbeSelf {
				b.lits[e] = intLit(1)
			}
		}
	case OpDefaultStrLength:
		b.lits[e] = intLit(uint64(b.info.Settings.MaxStrlen))
	}
}

// probeTypeName is what the builtin probetype gives.
func probeTypeName(k syntax.ProbeKind) string {
	switch k {
	case syntax.ProbeBegin, syntax.ProbeEnd, syntax.ProbeSelf:
		return "special"
	case syntax.ProbeBench:
		return "benchmark"
	}
	return k.String()
}

func hasRegisters(k syntax.ProbeKind) bool {
	switch k {
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeUprobe, syntax.ProbeUretprobe, syntax.ProbeUSDT,
		syntax.ProbeProfile, syntax.ProbeInterval, syntax.ProbeSoftware, syntax.ProbeHardware, syntax.ProbeWatchpoint:
		return true
	}
	return false
}

// available reports where f may not be used, and whether it may here.
func (b *binder) available(e syntax.Expr, f *Function, name string) bool {
	if f.Unsafe && !b.opts.Unsafe {
		b.unsafeUse(e, f)
		return false
	}
	if f.Op == OpUsermode && b.target.Arch() != "amd64" {
		b.errorf(CodeArchitecture, e, "'usermode' builtin is only supported on x86_64")
		return false
	}
	if f.NoLoop && b.fors > 0 && b.meta == 0 && f.Op != OpArgs && f.Op != OpCtx {
		b.notInLoop(e, name)
		return false
	}
	if f.Unstable != "" {
		b.unstableFeature(f.Unstable, unstableNames[f.Unstable], e)
	}
	return b.availableIn(e, f, name)
}

func (b *binder) notInLoop(e syntax.Expr, name string) {
	if name == "retval" {
		name = "__builtin_retval"
	}
	d := b.errorf(CodeLoopBuiltin, e, "'%s' builtin is not allowed in a for-loop", name)
	hint(d, "Copy it into a variable before the loop.")
}

func (b *binder) unsafeUse(e syntax.Expr, f *Function) {
	var d *syntax.Diagnostic
	if isLibrary(f) {
		d = b.errorf(CodeUnsafe, e, "%s() is unsafe. To use you need the --unsafe flag", f.Name)
	} else {
		d = b.errorf(CodeUnsafe, e, "%s() is an unsafe function being used in safe mode", f.Name)
	}
	hint(d, "Run with --unsafe if this effect on the system is intended.")
}

// availableIn checks the kind of the probe.
func (b *binder) availableIn(e syntax.Expr, f *Function, name string) bool {
	if b.probe == nil {
		return b.availableInFunc(e, f)
	}
	k := b.probe.Kind
	switch f.Op {
	case OpArgs:
		if f.Probes != nil && k == syntax.ProbeFentry || k == syntax.ProbeFexit {
			if isBPFProgram(b.probe) {
				b.errorf(CodeProbeUnavailable, e, "The args builtin cannot be used for 'fentry/fexit:bpf' probes")
				return false
			}
		}
	case OpCtx:
		if k == syntax.ProbeTracepoint {
			d := b.errorf(CodeProbeUnavailable, e, "Use args instead of ctx in tracepoint")
			fix(d, false, "use args", e, "args")
			return false
		}
	case OpRetval:
		if isBPFProgram(b.probe) {
			return true
		}
	}
	if allowed(f.Probes, k) && !contains(f.NotIn, k) {
		return true
	}
	b.unavailable(e, f, name)
	return false
}

func isBPFProgram(p *Probe) bool {
	return len(p.AttachPoints) > 0 && p.AttachPoints[0].Parsed != nil && p.AttachPoints[0].Parsed.Target == "bpf"
}

func allowed(list []syntax.ProbeKind, k syntax.ProbeKind) bool {
	return list == nil || contains(list, k)
}

func contains(list []syntax.ProbeKind, k syntax.ProbeKind) bool {
	for _, x := range list {
		if x == k {
			return true
		}
	}
	return false
}

// unavailable reports a function that this kind of probe does not have, in the
// words that upstream has for each.
func (b *binder) unavailable(e syntax.Expr, f *Function, name string) {
	var d *syntax.Diagnostic
	kind := b.providerName()
	switch f.Op {
	case OpArg:
		d = b.errorf(CodeProbeUnavailable, e, "The %s builtin can only be used with 'kprobes', 'uprobes' and 'usdt' probes", name)
	case OpArgs:
		d = b.errorf(CodeProbeUnavailable, e, "The args builtin can only be used with tracepoint, rawtracepoint, fentry/fexit, and uprobe probes (%s used here)", probeTypeName(b.probe.Kind))
	case OpRetval:
		more := ""
		if b.probe.Kind == syntax.ProbeTracepoint {
			more = " (try to use args.ret instead)"
		}
		d = b.errorf(CodeProbeUnavailable, e, "The retval builtin can only be used with 'kretprobe' and 'uretprobe' and 'fentry' probes%s", more)
	case OpCtx, OpFunc:
		d = b.errorf(CodeProbeUnavailable, e, "The %s builtin can not be used with '%s' probes", f.Name, kind)
	case OpPath:
		d = b.errorf(CodeProbeUnavailable, e, "The path function can only be used with 'fentry', 'fexit', 'iter' probes")
	case OpOverride:
		d = b.errorf(CodeProbeUnavailable, e, "override() can only be used inside kprobes")
	case OpSignal, OpSignalThread:
		d = b.errorf(CodeProbeUnavailable, e, "%s() can not be used for this probetype %s", f.Name, probeTypeName(b.probe.Kind))
	default:
		d = b.errorf(CodeProbeUnavailable, e, "%s can not be used with \"%s\" probes", f.Name, kind)
	}
	b.adviseAccess(d, e, f, name)
}

// providerName is the kind of probe as upstream's messages name it.
func (b *binder) providerName() string { return b.probe.Kind.String() }

// adviseAccess adds what reads the same in this kind of probe.
func (b *binder) adviseAccess(d *syntax.Diagnostic, e syntax.Expr, f *Function, name string) {
	k := b.probe.Kind
	switch {
	case f.Op == OpArg && (k == syntax.ProbeTracepoint || k == syntax.ProbeFentry || k == syntax.ProbeFexit):
		hint(d, "Arguments of this probe have names: use args.NAME.")
		if names := b.argNames(); len(names) > 0 {
			hint(d, "It has: %s.", strings.Join(names, ", "))
			if n, ok := argNumber(name, "arg"); ok && n < len(names) && k != syntax.ProbeTracepoint {
				fix(d, false, "use args."+names[n], e, "args."+names[n])
			}
		}
	case f.Op == OpArg && (k == syntax.ProbeKretprobe || k == syntax.ProbeUretprobe):
		hint(d, "Arguments are gone when a function returns: save them in a map keyed by tid in an entry probe.")
	case f.Op == OpArgs && (k == syntax.ProbeKprobe || k == syntax.ProbeUSDT):
		hint(d, "Arguments of this probe are numbered: use arg0, arg1, ...")
	case f.Op == OpRetval && k == syntax.ProbeTracepoint:
		fix(d, false, "use args.ret", e, "args.ret")
	case f.Op == OpRetval && (k == syntax.ProbeKprobe || k == syntax.ProbeUprobe):
		hint(d, "The result is known only when the function returns: use a %s.", strings.Replace(k.String(), "probe", "retprobe", 1))
	}
}

func (b *binder) argNames() []string {
	args := b.probe.Args
	if args == nil && len(b.probe.AttachPoints) > 0 {
		args = b.argsType(b.probe.AttachPoints[0], b.probe.Decl.AttachPoints[0])
	}
	if args == nil || args.Struct == nil {
		return nil
	}
	var names []string
	for _, f := range args.Struct.Members() {
		if !strings.HasPrefix(f.Name, "common_") {
			names = append(names, f.Name)
		}
	}
	if len(names) > 12 {
		names = names[:12]
	}
	return names
}

// availableInFunc checks a use in a function, which has no probe.
func (b *binder) availableInFunc(e syntax.Expr, f *Function) bool {
	switch f.Op {
	case OpArg, OpArgs, OpCtx, OpRetval, OpFunc, OpUaddr:
		name := f.Name
		if len(f.Aliases) > 0 {
			name = f.Aliases[0]
		}
		b.errorf(CodeProbeUnavailable, e, "Builtin %s not supported outside probe", name)
		return false
	case OpProbe, OpProbetype:
		b.errorf(CodeProbeUnavailable, e, "__builtin_%s can only be used inside of a probe.", f.Name)
		return false
	}
	return true
}

// isLibrary reports whether upstream defines f in its library of macros, so
// that its arguments are matched as a macro's are.
func isLibrary(f *Function) bool {
	switch f.Op {
	case OpUid, OpGid, OpElapsed, OpCpu, OpNcpus, OpNumaid, OpComm, OpCurtask, OpCgroup, OpRand, OpJiffies, OpDwUstack,
		OpRetval, OpFunc, OpProbe, OpProbetype, OpUsername, OpCpid, OpHasCpid, OpUsermode, OpPpid, OpPcomm,
		OpLeaderTid, OpLeaderComm, OpDelete, OpHasKey, OpFind, OpLen, OpAssert, OpStaticAssert, OpAssertStr,
		OpUaddr, OpStrlen, OpStrcap, OpStrstr, OpStrcontains, OpStrerror, OpSignalName, OpSyscallName, OpMemcmp,
		OpIsErr, OpIsStr, OpIsPtr, OpIsArray, OpIsInteger, OpIsUnsignedInteger, OpIsLiteral, OpKfuncExist,
		OpKfuncAllowed, OpDefaultStrLength, OpSignal, OpSignalThread, OpOverride, OpWriteUser, OpUsdtArg:
		return true
	}
	return false
}

func isAggregationFunc(f *Function) bool { return f.Class == ClassAggregation }

// bindCall binds a call of a macro or function.
func (b *binder) bindCall(e *syntax.Call) {
	name := e.Func.Name
	args := b.argKinds(e.Args)
	if m := b.macros[name]; len(m) > 0 && b.expand(e, name, args) {
		return
	}
	f := LookupFunction(name)
	if f == nil || f.Op == OpArg || f.Op == OpArgs || f.Op == OpCtx {
		b.unknownCall(e)
		return
	}
	if strings.HasPrefix(name, "__builtin_") && !isBuiltinCall(f) {
		b.unknownCall(e)
		return
	}
	if isAggregationFunc(f) {
		b.bindStrayAggregation(e, f)
		return
	}
	if !b.checkCount(e, f, len(e.Args)) {
		b.bindArgs(e, f, e.Args)
		b.failed(e)
		return
	}
	b.bindKnown(e, f)
}

func isBuiltinCall(f *Function) bool {
	return f.Op == OpUaddr || f.Op == OpIsLiteral || f.Op == OpKfuncExist || f.Op == OpKfuncAllowed || f.Op == OpDwUstack
}

// argKinds returns args as macros are matched with: a parameter of the macro
// around is an expression, whatever was passed for it.
func (b *binder) argKinds(args []syntax.Expr) []syntax.Expr { return args }

func (b *binder) bindKnown(e *syntax.Call, f *Function) {
	args := e.Args
	if b.bindMapCall(e, f) {
		return
	}
	b.bindArgs(e, f, args)
	if b.resolve(e, f, f.Name, args) == nil {
		return
	}
	b.checkValues(e, f)
	switch f.Op {
	case OpStr:
		b.lits[e] = b.foldStr(e)
		if b.lits[e] == nil {
			delete(b.lits, e)
		}
	case OpIsLiteral:
		b.lits[e] = boolLit(b.litOf(args[0]) != nil)
	case OpKfuncExist, OpKfuncAllowed:
		b.foldKfunc(e)
	case OpGetopt:
		b.bindGetopt(e)
	case OpExit:
		b.checkExit(e)
	}
}

// foldKfunc folds a question about a function of the kernel.
func (b *binder) foldKfunc(e *syntax.Call) {
	l := b.litOf(e.Args[0])
	if !l.isString() {
		b.errorf(CodeArgumentLiteral, e, "%s() accepts a string literal only", e.Func.Name)
		b.failed(e)
		return
	}
	_, _, err := b.target.Function("", l.s)
	b.lits[e] = boolLit(err == nil)
}

// bindArgs binds the arguments of a call of f.
func (b *binder) bindArgs(e *syntax.Call, f *Function, args []syntax.Expr) {
	outer := b.word
	defer func() { b.word = outer }()
	for i, a := range args {
		b.word = nil
		if i < len(f.Args) && f.Args[i].Word != nil {
			b.word = f
		}
		if f.Op == OpStr && i == 0 {
			b.bindStrArg(a)
			continue
		}
		b.bindExpr(a)
		b.checkLength(e, f, i, a)
	}
}

// bindStrArg binds the argument of str, where a parameter is text.
func (b *binder) bindStrArg(a syntax.Expr) {
	b.bindExpr(a)
	x := unparen(a)
	if n, ok := x.(*syntax.Binop); ok && n.Op == syntax.OpAdd {
		if p, ok := n.L.(*syntax.Positional); ok {
			b.paramText(p)
			delete(b.lits, n)
			b.fold(n)
		}
		return
	}
	if p, ok := x.(*syntax.Positional); ok {
		b.paramText(p)
		b.lits[a] = b.lits[x]
	}
}

func (b *binder) paramText(e *syntax.Positional) {
	p := b.positional(e.N)
	p.Literal = true
	text := ""
	if p.Given {
		text = b.opts.Params[e.N-1]
	}
	p.Type, p.Value = stringType(len(text)+1), Const{Kind: ConstString, Str: text}
	b.lits[e] = stringLit(text)
}

// checkLength reports string literals that no string of the program can hold.
func (b *binder) checkLength(e *syntax.Call, f *Function, i int, a syntax.Expr) {
	s, ok := unparen(a).(*syntax.StringLit)
	if !ok || f.Op == OpPrintf || f.Op == OpErrorf || f.Op == OpWarnf || compileTime(f.Op) {
		return
	}
	b.checkStringSize(s)
}

func compileTime(op FuncOp) bool {
	switch op {
	case OpKaddr, OpUaddr, OpCgroupid, OpPercpuKaddr, OpReg, OpPton, OpFail, OpGetopt, OpStaticAssert:
		return true
	}
	return false
}

func (b *binder) checkStringSize(s *syntax.StringLit) {
	if limit := b.info.Settings.MaxStrlen; len(s.Value) > limit-1 {
		d := b.errorf(CodeStringTooLong, s, "String is too long (over %d bytes): %s", limit, s.Value)
		hint(d, "Raise the limit with config = { max_strlen=%d }.", len(s.Value)+1)
	}
}

// checkCount reports a wrong number of arguments.
func (b *binder) checkCount(e *syntax.Call, f *Function, n int) bool {
	least, most := f.MinArgs(), f.MaxArgs()
	if f.Op == OpGetopt {
		most = 3
	}
	if n >= least && n <= most {
		return true
	}
	if isLibrary(f) {
		b.errorf(CodeArgumentCount, e, "Call to %s() has arguments that do not match any definition.", f.Name)
		return false
	}
	b.countError(e, f.Name, least, most, n)
	return false
}

func (b *binder) countError(e located, name string, least, most, n int) {
	want, count := "requires", strconv.Itoa(least)+" arguments"
	bound := least
	if least != most {
		want, bound = "requires at least", least
		if n > most {
			want, bound = "takes up to", most
		}
		count = strconv.Itoa(bound) + " arguments"
	}
	switch bound {
	case 0:
		want, count = "requires", "no arguments"
	case 1:
		count = "one argument"
	}
	b.errorf(CodeArgumentCount, e, "%s() %s %s (%d provided)", name, want, count, n)
}

// bindStrayAggregation reports an aggregation that is not assigned to a map.
func (b *binder) bindStrayAggregation(e *syntax.Call, f *Function) {
	for _, a := range e.Args {
		b.bindExpr(a)
	}
	d := b.errorf(CodeAggregationPlace, e, "%s() must be assigned directly to a map", f.Name)
	hint(d, "Write @NAME = %s(...), or @NAME[key] = %s(...).", f.Name, f.Name)
	b.failed(e)
}

// unknownCall reports a function that does not exist.
func (b *binder) unknownCall(e *syntax.Call) {
	for _, a := range e.Args {
		if _, ok := a.(*syntax.TypeArg); !ok {
			b.bindExpr(a)
		}
	}
	if b.subprogs[e.Func.Name] != nil {
		b.info.Calls[e] = &Call{Func: subprogFunction(b.subprogs[e.Func.Name]), Args: e.Args}
		return
	}
	d := b.errorf(CodeUnknownFunction, e, "Unknown function: '%s'", e.Func.Name)
	b.suggestFunction(d, e.Func)
	b.failed(e)
}

// subprogFunction is the row of a function of the program.
func subprogFunction(s *Subprog) *Function {
	f := &Function{Name: s.Decl.Name.Name, Class: ClassFunction}
	for _, a := range s.Args {
		f.Args = append(f.Args, Arg{Name: a.Name})
	}
	return f
}

// bindMapCall binds calls whose first argument is a map as a whole.
func (b *binder) bindMapCall(e *syntax.Call, f *Function) bool {
	m, isMap := firstMap(e)
	switch f.Op {
	case OpPrint:
		if !isMap {
			return false
		}
	case OpClear, OpZero:
		if !isMap {
			b.bindArgs(e, f, e.Args)
			b.resolve(e, f, f.Name, e.Args)
			b.errorf(CodeMapArgument, e.Args[0], "%s() expects a map argument", f.Name)
			b.failed(e)
			return true
		}
	case OpLen:
		if !isMap {
			return false
		}
	case OpIsScalar:
		b.bindIsScalar(e, f, m)
		return true
	case OpDelete, OpHasKey, OpFind:
		b.bindEntryCall(e, f, m)
		return true
	default:
		return false
	}
	st := b.mapNamed(m)
	if f.Op == OpLen {
		b.shapeOf(m, st, shapeKeyed, "len")
	}
	b.bindArgs(e, f, e.Args[1:])
	if call := b.resolve(e, f, f.Name, e.Args[1:]); call != nil {
		call.Map = st.Map
		b.rawMaps[e] = m
		b.checkValues(e, f)
	}
	return true
}

func (b *binder) bindIsScalar(e *syntax.Call, f *Function, m *syntax.Map) {
	if m == nil {
		b.bindExpr(e.Args[0])
		b.errorf(CodeMapArgument, e, "is_scalar() expects a map for the first argument")
		b.failed(e)
		return
	}
	st := b.mapNamed(m)
	if call := b.resolve(e, f, f.Name, nil); call != nil {
		call.Map = st.Map
	}
}

// bindEntryCall binds delete, has_key and find.
func (b *binder) bindEntryCall(e *syntax.Call, f *Function, m *syntax.Map) {
	keys := e.Args[1:]
	if m == nil {
		acc, ok := e.Args[0].(*syntax.MapAccess)
		if !ok || f.Op != OpDelete || len(e.Args) > 1 {
			b.badEntryCall(e, f)
			return
		}
		m, keys = acc.Map, acc.Keys
		b.oldDelete(e, acc)
	}
	st := b.mapNamed(m)
	key := keys
	if f.Op == OpFind {
		key = keys[:1]
	}
	for _, k := range key {
		b.bindExpr(k)
	}
	call := b.resolve(e, f, f.Name, keys)
	if call == nil {
		return
	}
	call.Map, call.Key = st.Map, key
	b.rawMaps[e] = m
	if f.Op == OpFind {
		b.bindFind(e, st, keys)
	}
	if len(key) > 0 {
		b.keyUnit(st, e, key)
	}
}

func (b *binder) badEntryCall(e *syntax.Call, f *Function) {
	for _, a := range e.Args {
		b.bindExpr(a)
	}
	d := b.errorf(CodeMacroMismatch, e, "Call to %s() has arguments that do not match any definition.", f.Name)
	hint(d, "The first argument is a map, without a key: %s", f.Example)
	b.failed(e)
}

// oldDelete offers the newer spelling of delete(@m[k]).
func (b *binder) oldDelete(e *syntax.Call, acc *syntax.MapAccess) {
	if b.exp != nil || len(acc.Keys) == 0 {
		return
	}
	first, last := acc.Keys[0].Span(), acc.Keys[len(acc.Keys)-1].Span()
	key := first.Through(last).Text()
	if len(acc.Keys) > 1 {
		key = "(" + key + ")"
	}
	d := b.warnf(CodeOldSpelling, e, "delete(%s) is an older spelling", acc.Span().Text())
	fix(d, true, "name the map and the key", e, "delete("+acc.Map.Name+", "+key+")")
}

// bindFind binds the variable that find sets.
func (b *binder) bindFind(e *syntax.Call, st *mapState, args []syntax.Expr) {
	v, ok := args[1].(*syntax.Variable)
	if !ok {
		b.badEntryCall(e, LookupFunction("find"))
		return
	}
	x := b.lookup(v.Name, false)
	if x == nil {
		x = &Var{Name: v.Name, Decl: v}
		b.declare(x, "initial assignment", v, false)
	}
	b.state[x].assigned = true
	b.info.Vars[v] = x
	b.findUnit(e, st, x)
}

// checkExit reports exit in a place that cannot end the program.
func (b *binder) checkExit(e *syntax.Call) {
	if b.meta > 0 {
		return
	}
	if b.fors == 0 {
		return
	}
	d := b.errorf(CodeJump, e, "'return' statement is not allowed in a for-loop")
	hint(d, "exit() ends the probe too, which a loop cannot do. Set a variable, break, and call exit() after the loop.")
	b.failed(e)
}

// firstMap returns the map as a whole that is the first argument of e.
func firstMap(e *syntax.Call) (*syntax.Map, bool) {
	if len(e.Args) == 0 {
		return nil, false
	}
	m, ok := e.Args[0].(*syntax.Map)
	return m, ok
}
