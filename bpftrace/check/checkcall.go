package check

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// checkCall reports arguments that a function does not take, and whether the
// result has a type nevertheless.
func (t *typer) checkCall(e syntax.Expr, call *Call, args []*Type) bool {
	c, ok := e.(*syntax.Call)
	if !ok {
		return true
	}
	f := call.Func
	if n := t.rawMaps[c]; n != nil {
		if !t.checkMapCall(c, call, n) {
			return false
		}
	}
	for _, ty := range args {
		if ty.Kind == Void {
			return t.voidArgument(c, call, args)
		}
	}
	return t.checkArgs(c, call, args) && t.checkFunction(c, f, call, args)
}

// voidArgument reports an argument without value.
func (t *typer) voidArgument(e *syntax.Call, call *Call, args []*Type) bool {
	switch call.Func.Op {
	case OpPrint:
		t.errorf(CodeArgumentType, e, "void type passed to print() is not printable")
	case OpPrintf, OpErrorf, OpWarnf, OpDebugf, OpCat, OpSystem:
		return t.checkFunction(e, call.Func, call, args)
	default:
		t.checkArgs(e, call, args)
		t.errorf(CodeArgumentType, e, "%s() can not take a value of type void", call.Func.Name)
	}
	return false
}

// checkArgs checks the arguments against the row of the function.
func (t *typer) checkArgs(e *syntax.Call, call *Call, args []*Type) bool {
	f := call.Func
	formal := f.Args
	if f.Class == ClassMap || f.Op == OpPrint && call.Map != nil {
		formal = formal[1:]
	}
	if f.Op == OpNtop && len(args) == 1 {
		formal = formal[1:]
	}
	ok := true
	for i, ty := range args {
		if i >= len(formal) || isLibrary(f) && f.Op != OpUaddr {
			break
		}
		ok = t.checkArg(e, f, i, &formal[i], call.Args[i], ty) && ok
	}
	return ok
}

func (t *typer) checkArg(e *syntax.Call, f *Function, i int, a *Arg, x syntax.Expr, ty *Type) bool {
	if f.Op == OpNsecs && isKnown(ty) && ty.Kind != Symbolic {
		t.errorf(CodeArgumentType, e, "nsecs() only supports timestamp_mode arguments (%s provided)", ty.Kind)
		return false
	}
	if ty.Kind == Unknown || f.Op == OpGetopt || f.Op == OpFail || a.Word != nil || len(a.Kinds) == 0 || isStackFunc(f) {
		return true
	}
	l := t.lits[x]
	fits := false
	for _, k := range a.Kinds {
		fits = fits || ty.Kind == k
	}
	if fits && (!a.Literal || l != nil) {
		if a.Literal {
			t.constArg(x, l)
		}
		return true
	}
	if specialArg(f) && (i == 0 || f.Op == OpNtop) {
		return true
	}
	want := a.Kinds[0]
	if a.Literal {
		d := t.errorf(CodeArgumentLiteral, e, "%s() expects a %s literal (%s provided)", f.Name, want, ty.Kind)
		if p, ok := x.(*syntax.Positional); ok && want == String {
			fix(d, true, "read the parameter as a string", x, "str($"+itoa(p.N)+")")
			t.errorf(CodeArgumentLiteral, x, "Use str($%d) to treat $%d as a string", p.N, p.N)
		}
		return false
	}
	t.errorf(CodeArgumentType, e, "%s() only supports %s arguments (%s provided)", f.Name, want, ty.Kind)
	return false
}

func isStackFunc(f *Function) bool { return f.Op == OpKstack || f.Op == OpUstack || f.Op == OpDwUstack }

// specialArg reports functions with words of their own for a wrong first
// argument.
func specialArg(f *Function) bool {
	switch f.Op {
	case OpStr, OpKsym, OpUsym, OpNtop, OpPton, OpJoin, OpPath, OpKptr, OpUptr, OpMacaddr, OpBswap, OpSocketCookie:
		return true
	}
	return false
}

// checkMapCall checks a function of a whole map.
func (t *typer) checkMapCall(e *syntax.Call, call *Call, n *syntax.Map) bool {
	m := t.mapState(n)
	f := call.Func
	if f.Op == OpDelete || f.Op == OpHasKey || f.Op == OpFind {
		return t.checkEntryCall(e, call, n, m)
	}
	if !t.mapShape(n, n) || !t.mapDefined(n, m) {
		return false
	}
	t.record(n, m.value)
	if f.Op != OpPrint {
		return true
	}
	if t.loops > 0 {
		t.warnf(CodePrintInLoop, e, "Due to it's asynchronous nature using 'print()' in a loop can lead to unexpected behavior. The map will likely be updated before the runtime can 'print' it.")
	}
	if m.value.Kind == Stats && len(call.Args) > 0 {
		t.warnf(CodeIgnoredArgument, e, "print()'s top and div arguments are ignored when used on stats() maps.")
	}
	return true
}

// checkEntryCall checks a function of one entry of a map.
func (t *typer) checkEntryCall(e *syntax.Call, call *Call, n *syntax.Map, m *mapState) bool {
	if m.shape == shapeUnknown && m.value == nil {
		d := t.errorf(CodeUndefinedMap, n, "Undefined map: %s", n.Name)
		t.suggestMap(d, n)
		return false
	}
	name := map[FuncOp]string{OpDelete: "delete() with two arguments", OpHasKey: "has_key()", OpFind: "find"}[call.Func.Op]
	switch {
	case len(call.Key) == 0 && m.shape == shapeKeyed:
		d := t.errorf(CodeMapShape, e, "call to delete() with a single argument expects a map without explicit keys (scalar map)")
		hint(d, "Name the entry: delete(%s, KEY). To empty the map use clear(%s).", n.Name, n.Name)
		fix(d, false, "empty the map", e, "clear("+n.Name+")")
		return false
	case len(call.Key) > 0 && m.shape == shapeScalar:
		t.errorf(CodeMapShape, e, "call to %s expects a map with explicit keys (non-scalar map)", name)
		return false
	}
	if !t.mapDefined(n, m) {
		return false
	}
	t.record(n, m.value)
	if len(call.Key) > 0 {
		t.key(m, e, call.Key)
	}
	if call.Func.Op == OpFind {
		v, ok := call.Args[1].(*syntax.Variable)
		if !ok {
			return true
		}
		if st := t.state[t.info.Vars[v]]; st != nil && st.typ != nil && promote(st.typ, m.value) == nil {
			t.assignMismatch(e, v.Name, "variable", m.value, st.typ)
		}
	}
	return true
}

// checkFunction checks what is particular to a function.
func (t *typer) checkFunction(e *syntax.Call, f *Function, call *Call, args []*Type) bool {
	switch f.Op {
	case OpPrintf, OpErrorf, OpWarnf, OpDebugf, OpCat, OpSystem:
		t.checkFormat(e, call, args)
	case OpPrint:
		return t.checkPrint(e, call, args)
	case OpStr:
		return t.checkStr(e, args)
	case OpBuf:
		return t.checkBuf(e, args)
	case OpKsym, OpUsym:
		return t.want(e, args[0], "%s() expects an integer or pointer argument", f.Name)(Int, Pointer)
	case OpNtop:
		return t.checkNtop(e, args)
	case OpPton:
		return t.checkPton(e)
	case OpJoin:
		return t.want(e, args[0], "%s() only supports int or pointer arguments (%s provided)", f.Name, args[0].Kind)(Int, Pointer)
	case OpPath:
		return t.want(e, args[0], "path() only supports pointer or C type argument (%s provided)", args[0].Kind)(Pointer, Struct)
	case OpKptr, OpUptr:
		return t.want(e, args[0], "%s() only supports integer or pointer arguments (%s provided)", f.Name, args[0].Kind)(Int, Pointer)
	case OpMacaddr:
		return t.checkMacaddr(e, args)
	case OpBswap:
		return t.want(e, args[0], "%s() only supports integer arguments (%s provided)", f.Name, args[0].Kind)(Int)
	case OpSocketCookie:
		return t.checkSocketCookie(e, args)
	}
	return t.checkMore(e, f, call, args)
}

func (t *typer) checkMore(e *syntax.Call, f *Function, call *Call, args []*Type) bool {
	switch f.Op {
	case OpStrftime:
		t.checkStrftime(e)
	case OpStackLen, OpLen:
		if call.Map == nil && !isStack(args[0]) && isKnown(args[0]) {
			t.errorf(CodeArgumentType, e, "call to len() expects a map, ustack, or kstack")
			return false
		}
	case OpPercpuKaddr:
		return t.checkPercpu(e)
	case OpKaddr:
		t.checkKaddr(e)
	case OpFail:
		t.fail(e)
	case OpStaticAssert:
		t.staticAssert(e, call)
	case OpAssertStr, OpStrlen, OpStrcap:
		return t.stringLike(e, args[0])
	case OpStrstr, OpStrcontains:
		return t.stringLike(e, args[0]) && t.stringLike(e, args[1])
	case OpComm, OpStrerror, OpSignalName, OpSyscallName, OpUsdtArg:
		if len(args) > 0 && args[0].Kind != Int && isKnown(args[0]) {
			t.errorf(CodeArgumentType, e, "%s() only supports int arguments (%s provided)", f.Name, args[0].Kind)
			return false
		}
	case OpOverride:
		return t.want(e, args[0], "override() only supports int arguments (%s provided)", args[0].Kind)(Int)
	case OpSignal, OpSignalThread:
		t.checkSignalType(e, f, args[0])
	}
	return true
}

// want returns a check that ty is of one of some kinds.
func (t *typer) want(e *syntax.Call, ty *Type, format string, fmtArgs ...any) func(kinds ...Kind) bool {
	return func(kinds ...Kind) bool {
		for _, k := range kinds {
			if ty.Kind == k || ty.Kind == Unknown {
				return true
			}
		}
		t.errorf(CodeArgumentType, e, format, fmtArgs...)
		return false
	}
}

func (t *typer) checkPrint(e *syntax.Call, call *Call, args []*Type) bool {
	if call.Map != nil {
		return true
	}
	ty := args[0]
	switch {
	case ty.Kind == Unknown:
	case isMultiKey(ty):
		d := t.errorf(CodeAggregationPlace, e, "Map type %s cannot print the value of individual keys. You must print the whole map.", ty)
		if acc, ok := call.Args[0].(*syntax.MapAccess); ok {
			fix(d, false, "print the whole map", e, "print("+acc.Map.Name+")")
		}
		return false
	case ty.Kind == Symbolic || ty.Ctx && ty != t.argsOf():
		t.errorf(CodeArgumentType, e, "%s type passed to print() is not printable", ty)
		return false
	case len(args) != 1:
		t.errorf(CodeArgumentCount, e, "Non-map print() only takes 1 argument, %d found", len(args))
		return false
	}
	return true
}

func (t *typer) argsOf() *Type {
	if t.probe == nil {
		return nil
	}
	return t.probe.Args
}

func (t *typer) checkStr(e *syntax.Call, args []*Type) bool {
	switch args[0].Kind {
	case String, Int, Pointer, Unknown:
	default:
		t.errorf(CodeArgumentType, e, "str() expects a string, integer or a pointer type as first argument (%s provided)", args[0])
		return false
	}
	if len(args) < 2 {
		return true
	}
	l := t.lits[e.Args[1]]
	limit := t.info.Settings.MaxStrlen
	switch {
	case !l.isInt():
	case l.neg:
		t.errorf(CodeArgumentValue, e, "strcannot use negative length (%s)", l.text())
		return false
	case l.u+1 > uint64(limit):
		d := t.warnf(CodeStringTooLong, e, "length param (%d) is too long and will be shortened to %d bytes (see BPFTRACE_MAX_STRLEN)", l.u, limit)
		hint(d, "config = { max_strlen=%d } allows it.", l.u+1)
	}
	return true
}

func (t *typer) checkBuf(e *syntax.Call, args []*Type) bool {
	if limit := t.info.Settings.MaxStrlen; limit > 1<<32-1 {
		t.errorf(CodeConfigValue, e, "BPFTRACE_MAX_STRLEN too large to use on buffer (%d > 4294967295)", limit)
	}
	switch k := args[0].Kind; {
	case k == Unknown:
	case k != Int && k != String && k != Pointer && k != Array:
		t.errorf(CodeArgumentType, e, "buf() expects an integer, string, or array argument but saw %s", k)
		return false
	case len(args) == 1 && k != Array:
		t.errorf(CodeArgumentCount, e, "buf() expects a length argument for non-array type %s", k)
		return false
	}
	if len(args) == 2 {
		if l := t.lits[e.Args[1]]; l.isInt() && l.neg {
			t.errorf(CodeArgumentValue, e, "bufcannot use negative length (%s)", l.text())
			return false
		}
	}
	return true
}

func (t *typer) checkNtop(e *syntax.Call, args []*Type) bool {
	if len(args) == 2 && args[0].Kind != Int && isKnown(args[0]) {
		t.errorf(CodeArgumentType, e, "ntop() only supports int arguments (%s provided)", args[0].Kind)
		return false
	}
	ty := args[len(args)-1]
	switch ty.Kind {
	case Int, Unknown:
		return true
	case Array, String:
		if ty.Size == 4 || ty.Size == 16 {
			return true
		}
		t.errorf(CodeArgumentType, e, "ntop() argument must be 4 or 16 bytes in size")
		return false
	}
	t.errorf(CodeArgumentType, e, "ntop() expects an integer or array argument, got %s", ty.Kind)
	return false
}

func (t *typer) checkPton(e *syntax.Call) bool {
	l := t.lits[e.Args[0]]
	if !l.isString() {
		t.errorf(CodeArgumentLiteral, e, "pton() expects an string literal at the first argument")
		return false
	}
	if !strings.ContainsAny(l.s, ".:") {
		t.errorf(CodeArgumentValue, e, "pton() expects an string argument of an IPv4/IPv6 address, got %s", l.s)
		return false
	}
	if a, err := netip.ParseAddr(l.s); err != nil || a.Zone() != "" {
		t.errorf(CodeArgumentValue, e, "pton() expects a valid IPv4/IPv6 address, got %s", l.s)
		return false
	}
	return true
}

func (t *typer) checkMacaddr(e *syntax.Call, args []*Type) bool {
	ty := args[0]
	switch ty.Kind {
	case Int, Pointer, Unknown:
		return true
	case Array, String, Buffer, Inet, Usym, MACAddr:
		if _, ok := unparen(e.Args[0]).(*syntax.StringLit); ok {
			t.errorf(CodeArgumentType, e, "macaddr() does not support literal string arguments")
			return false
		}
		if ty.Size < 6 {
			t.errorf(CodeArgumentType, e, "macaddr() argument must be at least 6 bytes in size")
			return false
		}
		return true
	}
	t.errorf(CodeArgumentType, e, "macaddr() only supports array or pointer arguments (%s provided)", ty.Kind)
	return false
}

func (t *typer) checkSocketCookie(e *syntax.Call, args []*Type) bool {
	ty := args[0]
	switch {
	case ty.Kind == Unknown:
	case ty.Kind != Pointer:
		t.errorf(CodeArgumentType, e, "socket_cookie() only supports pointer arguments (%s provided)", ty.Kind)
		return false
	case ty.Elem.Kind != Unknown && ty.Elem.Name != "struct sock":
		t.errorf(CodeArgumentType, e, "socket_cookie() only supports 'struct sock *' as the argument ('%s' provided)", ty)
		return false
	}
	return true
}

func (t *typer) checkStrftime(e *syntax.Call) {
	syntax.Inspect(e.Args[1], func(n syntax.Node) bool {
		c, ok := n.(*syntax.Call)
		if !ok || c.Func.Name != "nsecs" || len(c.Args) != 1 {
			return true
		}
		if id, ok := c.Args[0].(*syntax.Ident); ok && id.Name == "monotonic" {
			d := t.errorf(CodeArgumentValue, e, "strftime() can not take a monotonic timestamp")
			fix(d, true, "use the boot clock", c, "nsecs")
		}
		return true
	})
}

func (t *typer) checkPercpu(e *syntax.Call) bool {
	l := t.lits[e.Args[0]]
	if !l.isString() {
		return true
	}
	if _, err := t.target.PercpuVar(l.s); err != nil && !isUnknown(err) {
		t.errorf(CodeUnknownSymbol, e, "Could not resolve variable \"%s\" from BTF", l.s)
		return false
	}
	return true
}

// checkKaddr reports a symbol that the kernel does not have.
func (t *typer) checkKaddr(e *syntax.Call) {
	l := t.lits[e.Args[0]]
	if !l.isString() {
		return
	}
	_, err := t.target.KernelSymbol(l.s)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return
	}
	d := t.errorf(CodeUnknownSymbol, e, "Failed to resolve kernel symbol: %s", l.s)
	if near := t.target.Suggest(SuggestSymbol, l.s); len(near) > 0 {
		hint(d, "Did you mean %s?", near[0])
		fix(d, false, "use "+near[0], e.Args[0], "\""+near[0]+"\"")
	}
}

// fail reports what fail() says.
func (t *typer) fail(e *syntax.Call) {
	var values []*lit
	for i, a := range e.Args {
		l := t.lits[a]
		switch {
		case l == nil || l.kind >= litTuple:
			t.errorf(CodeArgumentLiteral, e, "fail() arguments need to be literals")
			return
		case i == 0 && !l.isString():
			t.errorf(CodeArgumentLiteral, e, "fail() expects a string literal (%s provided)", l.typ().Kind)
			return
		}
		values = append(values, l)
	}
	t.errorf(CodeFail, e, "%s", formatLits(values[0].s, values[1:]))
}

// formatLits puts literals in the places of the verbs of a format.
func formatLits(format string, values []*lit) string {
	var b strings.Builder
	verbs := parseFormat(format)
	at := 0
	for i, v := range verbs {
		b.WriteString(format[at:v.start])
		at = v.end
		if v.verb == "%" {
			b.WriteByte('%')
		} else if i < len(values) {
			b.WriteString(values[i].text())
		}
	}
	b.WriteString(format[at:])
	return b.String()
}

func (t *typer) staticAssert(e *syntax.Call, call *Call) {
	l := t.foldDeep(call.Args[0])
	msg := t.lits[call.Args[1]]
	switch {
	case l == nil || l.kind >= litTuple:
		t.errorf(CodeComptime, e, "Unable to resolve comptime expression")
	case !l.truth() && msg.isString():
		t.errorf(CodeFail, e, "%s", msg.s)
	}
}

// stringLike reports what is neither a string nor an array of or a pointer to
// char.
func (t *typer) stringLike(e *syntax.Call, ty *Type) bool {
	switch ty.Kind {
	case String, Unknown:
		return true
	case Array, Pointer:
		if ty.Elem == nil || ty.Elem.Kind == Unknown || ty.Elem.Kind == Int && ty.Elem.Size == 1 && ty.Elem.Signed {
			return true
		}
		word := map[Kind]string{Array: "arrays must contain", Pointer: "pointers must point to"}[ty.Kind]
		t.errorf(CodeArgumentType, e, "string-like %s a char-like type", word)
		return false
	}
	t.errorf(CodeArgumentType, e, "string-like values must be either strings, arrays or pointers")
	return false
}

func (t *typer) checkSignalType(e *syntax.Call, f *Function, ty *Type) {
	l := t.lits[e.Args[0]]
	switch {
	case ty.Kind == Unknown, ty.Kind == Int:
	case l != nil && !l.isString():
		t.errorf(CodeArgumentType, e, "%s() accepts a string literal or a positive integer", f.Name)
	case l == nil:
		t.errorf(CodeArgumentType, e, "%s() accepts a string literal or an integer", f.Name)
	}
}
