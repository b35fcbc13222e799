package check

import (
	"net/netip"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// callType is the type of a call, or of a builtin without parentheses.
func (t *typer) callType(e syntax.Expr) *Type {
	call := t.info.Calls[e]
	if call == nil {
		return unknownType
	}
	var args []*Type
	if t.judging || call.Func.Result == nil {
		args = make([]*Type, len(call.Args))
		for i, a := range call.Args {
			args[i] = t.argType(call, i, a)
		}
	}
	if t.judging {
		if !t.checkCall(e, call, args) {
			return unknownType
		}
	}
	if isAggregationFunc(call.Func) {
		return voidType
	}
	if l := t.foldTyped(e, call); l != nil {
		return l.typ()
	}
	if call.Func.Result != nil {
		return call.Func.Result
	}
	return t.resultOf(e, call, args)
}

// foldTyped folds functions that are about types, when judging.
func (t *typer) foldTyped(e syntax.Expr, call *Call) *lit {
	c, ok := e.(*syntax.Call)
	if !ok || !t.judging || call.Func.Class != ClassCompile && call.Func.Op != OpStrcap {
		return nil
	}
	l := t.compileTimeCall(c)
	if l != nil {
		t.lits[e] = l
	}
	return l
}

// argType is the type of an argument; words that are no expressions have none.
func (t *typer) argType(call *Call, i int, a syntax.Expr) *Type {
	if id, ok := a.(*syntax.Ident); ok && t.info.Expansions[id] == nil && i < len(call.Func.Args) && isOneOf(call.Func.Args[i].Word, id.Name) {
		ty := &Type{Kind: Symbolic, Name: id.Name}
		return t.record(a, ty)
	}
	if id, ok := a.(*syntax.Ident); ok && call.Func.Op == OpNsecs && t.judging && t.info.Expansions[id] == nil {
		d := t.errorf(CodeArgumentValue, id, "Invalid timestamp mode: %s", id.Name)
		didYouMean(d, id, id.Name, call.Func.Args[0].Word)
		return t.record(a, unknownType)
	}
	if call.Func.Op == OpFind && i == 1 && !t.judging {
		return unknownType
	}
	return t.expr(a)
}

func isOneOf(words []string, w string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
}

// resultOf is the type of a result that depends on the call.
func (t *typer) resultOf(e syntax.Expr, call *Call, args []*Type) *Type {
	switch call.Func.Op {
	case OpComm:
		if len(args) > 0 {
			return stringType(64)
		}
		return stringType(16)
	case OpPcomm, OpLeaderComm:
		return stringType(16)
	case OpCurtask:
		return pointerTo(t.structNamed("struct", "task_struct"), SpaceKernel)
	case OpKstack, OpUstack, OpDwUstack:
		return t.stackResult(call)
	case OpArg:
		if t.probe == nil {
			return uint64Type
		}
		return withSpace(uint64Type, spaceOf(t.probe.Kind))
	case OpArgs, OpRetval, OpCtx:
		return t.probeValue(call.Func.Op)
	case OpFunc:
		if t.probe != nil && (t.probe.Kind == syntax.ProbeUprobe || t.probe.Kind == syntax.ProbeUretprobe) {
			return &Type{Kind: Usym, Size: 16}
		}
		return &Type{Kind: Ksym, Size: 8}
	case OpProbe:
		return stringType(t.probeNameSize())
	case OpGetopt:
		return t.optionResult(call)
	}
	return t.valueResult(e, call, args)
}

// probeNameSize is the memory that the longest name of an attach point takes.
func (t *typer) probeNameSize() int {
	n := 0
	if t.probe != nil {
		for _, ap := range t.probe.AttachPoints {
			n = max(n, len(ap.Name))
		}
	}
	return n + 1
}

func (t *typer) probeValue(op FuncOp) *Type {
	ty := (*Type)(nil)
	switch {
	case t.probe == nil:
	case op == OpArgs:
		ty = t.probe.Args
	case op == OpRetval:
		ty = t.probe.Retval
	default:
		ty = t.probe.Ctx
	}
	if ty == nil {
		return unknownType
	}
	return ty
}

func (t *typer) optionResult(call *Call) *Type {
	if l := t.lits[call.Args[0]]; l.isString() {
		if p := t.params["--"+l.s]; p != nil {
			return p.Type
		}
	}
	return unknownType
}

// stackResult is the type of a stack with the mode and depth that the call
// gives.
func (t *typer) stackResult(call *Call) *Type {
	mode, depth := t.info.Settings.StackMode, 127
	kernel := call.Func.Op == OpKstack
	for _, a := range call.Args {
		if l := t.lits[a]; l.isNatural() {
			depth = int(min(l.u, 1024))
		} else if id, ok := a.(*syntax.Ident); ok {
			if m, ok := parseStackMode(id.Name); ok {
				mode = m
			}
		}
	}
	if mode == StackBuildID && kernel {
		mode = StackRaw
	}
	return t.stackType(kernel, mode, depth)
}

func (t *typer) valueResult(e syntax.Expr, call *Call, args []*Type) *Type {
	switch call.Func.Op {
	case OpStr:
		return t.strResult(call)
	case OpBuf:
		return t.bufResult(call, args)
	case OpPath:
		size := t.info.Settings.MaxStrlen
		if len(call.Args) > 1 {
			if l := t.lits[call.Args[1]]; l.isNatural() {
				size = int(min(l.u, 1<<20))
			}
		}
		return stringType(size)
	case OpKaddr, OpPercpuKaddr:
		return withSpace(uint64Type, SpaceKernel)
	case OpReg:
		if t.probe == nil {
			return withSpace(uint64Type, SpaceKernel)
		}
		return withSpace(uint64Type, spaceOf(t.probe.Kind))
	case OpUaddr:
		return pointerTo(int64Type, SpaceUser)
	case OpKptr, OpUptr:
		if args[0] == nil {
			return nil
		}
		if call.Func.Op == OpKptr {
			return withSpace(args[0], SpaceKernel)
		}
		return withSpace(args[0], SpaceUser)
	case OpBswap:
		if args[0] == nil || args[0].Kind != Int {
			return args[0]
		}
		return intType(args[0].Size, false)
	case OpPton:
		return t.ptonResult(e, call)
	case OpStrerror, OpSignalName, OpSyscallName:
		return stringType(64)
	}
	return unknownType
}

func (t *typer) strResult(call *Call) *Type {
	size := t.info.Settings.MaxStrlen
	if len(call.Args) > 1 {
		if l := t.lits[call.Args[1]]; l.isNatural() && l.u+1 <= uint64(size) && l.param == nil {
			size = int(l.u) + 1
		}
	}
	return stringType(size)
}

// bufResult is the type of bytes: as many as the literal length or the array.
func (t *typer) bufResult(call *Call, args []*Type) *Type {
	most := t.info.Settings.MaxStrlen - 4
	size := most
	if len(call.Args) > 1 {
		if l := t.lits[call.Args[1]]; l.isNatural() && l.param == nil {
			size = int(min(l.u, uint64(most)))
		}
	} else if args[0] == nil {
		return nil
	} else if args[0].Kind == Array || args[0].Kind == String {
		size = min(args[0].Size, most)
	}
	return &Type{Kind: Buffer, Size: size, Space: SpaceKernel}
}

func (t *typer) ptonResult(e syntax.Expr, call *Call) *Type {
	l := t.lits[call.Args[0]]
	if !l.isString() {
		return unknownType
	}
	a, err := netip.ParseAddr(l.s)
	if err != nil || a.Zone() != "" {
		return unknownType
	}
	raw := a.AsSlice()
	if t.judging {
		t.info.Consts[e] = Const{Kind: ConstBytes, Str: string(raw)}
	}
	return withSpace(arrayOf(uint8Type, len(raw)), SpaceBPF)
}

// aggregationType is the type of the map that an aggregation is assigned to.
func (t *typer) aggregationType(e *syntax.Call, f *Function) *Type {
	if t.bad[e] {
		return unknownType
	}
	kinds := map[FuncOp]Kind{
		OpCount: Count, OpSum: Sum, OpMin: Min, OpMax: Max, OpAvg: Avg, OpStats: Stats, OpHist: Hist, OpLhist: LHist, OpTseries: TSeries,
	}
	ty := &Type{Kind: kinds[f.Op], Size: 8, Agg: t.aggParams(e, f)}
	if f.Op == OpCount {
		return ty
	}
	arg := t.expr(e.Args[0])
	if arg == nil {
		return nil
	}
	if f.Op != OpTseries && f.Op != OpHist && f.Op != OpLhist || f.Op == OpTseries {
		ty.Signed = signOf(arg)
	}
	if f.Op >= OpSum && f.Op <= OpStats && arg.Kind != Int && arg.Kind != Unknown {
		return nil
	}
	return ty
}

// judgeAggregation reports what is wrong with @m = f(...).
func (t *typer) judgeAggregation(m *mapState, e *syntax.Call, f *Function) {
	for i, a := range e.Args {
		if ty := t.expr(a); i == 0 {
			t.checkAggregated(e, f, ty)
		} else if l := t.lits[a]; l != nil {
			t.constArg(a, l)
		}
	}
	t.info.Types[e] = voidType
	if t.bad[e] {
		return
	}
	ty := t.aggregationType(e, f)
	if ty == nil || m.value == nil || m.value.Kind == Unknown {
		return
	}
	switch {
	case ty.Kind != m.value.Kind:
		t.assignMismatch(e, m.Name, "map", ty, m.value)
	case ty.Agg != m.value.Agg:
		t.differentParams(e, f)
	}
}

// constArg records a literal argument as the constant that it has to be.
func (t *typer) constArg(a syntax.Expr, l *lit) {
	t.literalParam(l)
	if k, ok := l.constant(); ok {
		t.info.Consts[a] = k
	}
}

func (t *typer) checkAggregated(e *syntax.Call, f *Function, ty *Type) {
	if ty.Kind == Int || ty.Kind == Unknown {
		return
	}
	if f.Op == OpHist || f.Op == OpLhist || f.Op == OpTseries {
		t.errorf(CodeArgumentType, e, "%s() only supports int arguments (%s provided)", f.Name, ty.Kind)
		t.failed(e)
		return
	}
	d := t.errorf(CodeArgumentType, e, "%s() only supports integer arguments (%s provided)", f.Name, ty)
	if f.Op == OpSum && ty.Kind == String {
		fix(d, false, "count instead", e, "count()")
	}
	t.failed(e)
}

func (t *typer) differentParams(e *syntax.Call, f *Function) {
	switch f.Op {
	case OpHist:
		t.errorf(CodeAggregationParams, e, "Different bits in a single hist unsupported")
	case OpLhist:
		t.errorf(CodeAggregationParams, e, "Different lhist bounds in a single map unsupported")
	case OpTseries:
		t.errorf(CodeAggregationParams, e, "Different tseries bounds in a single map unsupported")
	}
}

func (t *typer) assignMismatch(n located, name, what string, ty, have *Type) {
	d := t.errorf(CodeTypeMismatch, n, "Type mismatch for %s: trying to assign value of type '%s' when %s already has a type '%s'", name, ty, what, have)
	if isAggregation(have.Kind) && !isAggregation(ty.Kind) || !isAggregation(have.Kind) && isAggregation(ty.Kind) {
		hint(d, "A map holds one aggregation or plain values for its whole life: use another map.")
	}
}
