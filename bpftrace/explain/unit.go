package explain

import (
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// The units that are told apart. An instant is a reading of the clock; the
// difference of two is a time in nanoseconds.
const (
	unitInstant = "nanoseconds since boot"
	unitNs      = "nanoseconds"
	unitUs      = "microseconds"
	unitMs      = "milliseconds"
	unitS       = "seconds"
	unitBytes   = "bytes"
	unitKB      = "KB"
	unitMB      = "MB"
	unitSectors = "sectors of 512 bytes"
	unitTimes   = "times"
)

// units knows the unit of expressions, as far as it follows from where values
// come from: the clock, sizes, results of calls that move data.
type units struct {
	info  *check.Info
	maps  map[string]string
	vars  map[*check.Var]string
	probe *check.Probe
}

// rounds bounds how far a unit is carried from variable to variable.
const rounds = 3

func newUnits(info *check.Info) *units {
	u := &units{info: info, maps: map[string]string{}, vars: map[*check.Var]string{}}
	for range rounds {
		for _, p := range info.Probes {
			if u.probe = p; p.Body != nil {
				syntax.Inspect(p.Body, u.learn)
			}
		}
	}
	return u
}

func (u *units) learn(n syntax.Node) bool {
	switch n := n.(type) {
	case *syntax.Assign:
		if n.Op == syntax.OpAssign || n.Op == syntax.OpAdd || n.Op == syntax.OpSub {
			u.set(n.Target, u.of(n.Value))
		}
	case *syntax.Let:
		if n.Init != nil {
			u.set(n.Var, u.of(n.Init))
		}
	case *syntax.Unop:
		if n.Op == syntax.OpInc {
			u.set(n.X, unitTimes)
		}
	}
	return true
}

func (u *units) set(target syntax.Expr, unit string) {
	if unit == "" {
		return
	}
	switch t := target.(type) {
	case *syntax.Variable:
		if v := u.info.Vars[t]; v != nil && u.vars[v] == "" {
			u.vars[v] = unit
		}
	case *syntax.Map:
		u.setMap(t.Name, unit)
	case *syntax.MapAccess:
		u.setMap(t.Map.Name, unit)
	}
}

func (u *units) setMap(name, unit string) {
	if u.maps[name] == "" {
		u.maps[name] = unit
	}
}

// of returns the unit of e, or "".
func (u *units) of(e syntax.Expr) string {
	switch e := e.(type) {
	case *syntax.Paren:
		return u.of(e.X)
	case *syntax.Cast:
		return u.of(e.X)
	case *syntax.IntLit:
		if e.Duration != "" {
			return unitNs
		}
	case *syntax.Variable:
		return u.vars[u.info.Vars[e]]
	case *syntax.Map:
		return u.maps[e.Name]
	case *syntax.MapAccess:
		return u.maps[e.Map.Name]
	case *syntax.Binop:
		return u.ofOperation(e)
	case *syntax.Ternary:
		if e.Then != nil && u.of(e.Then) != "" {
			return u.of(e.Then)
		}
		return u.of(e.Else)
	case *syntax.FieldAccess:
		return fieldUnit(e.Name.Name, u.probe)
	}
	return u.ofCall(e)
}

func (u *units) ofOperation(e *syntax.Binop) string {
	l, r := u.of(e.L), u.of(e.R)
	switch e.Op {
	case syntax.OpSub:
		if l == unitInstant {
			return unitNs
		}
	case syntax.OpDiv:
		return scaled(l, u.info.Consts[e.R].Int)
	case syntax.OpAdd:
	case syntax.OpMul:
		if l == unitSectors && u.info.Consts[e.R].Int == 512 {
			return unitBytes
		}
		return ""
	default:
		return ""
	}
	if l != "" {
		return l
	}
	return r
}

// scaled is the unit after a division.
func scaled(unit string, by uint64) string {
	type step struct {
		unit string
		by   uint64
	}
	if unit == unitInstant {
		unit = unitNs
	}
	return map[step]string{
		{unitNs, 1e3}: unitUs, {unitNs, 1e6}: unitMs, {unitNs, 1e9}: unitS,
		{unitUs, 1e3}: unitMs, {unitUs, 1e6}: unitS, {unitMs, 1e3}: unitS,
		{unitBytes, 1 << 10}: unitKB, {unitBytes, 1 << 20}: unitMB, {unitKB, 1 << 10}: unitMB,
		{unitSectors, 2}: unitKB, {unitSectors, 2048}: unitMB,
	}[step{unit, by}]
}

func (u *units) ofCall(e syntax.Expr) string {
	c := u.info.Calls[e]
	if c == nil {
		return ""
	}
	switch c.Func.Op {
	case check.OpNsecs:
		return unitInstant
	case check.OpElapsed:
		return unitNs
	case check.OpCount:
		return unitTimes
	case check.OpSum, check.OpMin, check.OpMax, check.OpAvg, check.OpStats, check.OpHist, check.OpLhist, check.OpTseries:
		if len(c.Args) > 0 {
			return u.of(c.Args[0])
		}
	case check.OpRetval:
		if u.probe != nil && len(u.probe.AttachPoints) > 0 && movesData(u.probe.AttachPoints[0].Parsed.Func) {
			return unitBytes
		}
	}
	return ""
}

// fieldUnit knows the unit of a field by its name, which the kernel uses with
// one meaning throughout.
func fieldUnit(field string, p *check.Probe) string {
	switch field {
	case "count", "size", "len", "length", "bytes", "nbytes", "nr_bytes", "bytes_req", "bytes_alloc", "data_len", "buflen":
		return unitBytes
	case "nr_sector", "nr_sectors":
		return unitSectors
	case "delay", "runtime":
		return unitNs
	case "ret":
		if p != nil && len(p.AttachPoints) > 0 && movesData(strings.TrimPrefix(p.AttachPoints[0].Parsed.Func, "sys_exit_")) {
			return unitBytes
		}
	}
	for suffix, unit := range map[string]string{"_ns": unitNs, "_us": unitUs, "_ms": unitMs} {
		if strings.HasSuffix(field, suffix) {
			return unit
		}
	}
	return ""
}

// movesData reports whether the result of a function is a number of bytes.
func movesData(function string) bool {
	switch function {
	case "read", "write", "pread64", "pwrite64", "readv", "writev", "preadv", "pwritev", "recvfrom", "sendto", "recvmsg", "sendmsg",
		"sendfile64", "copy_file_range", "splice", "vfs_read", "vfs_write", "tcp_sendmsg", "tcp_recvmsg", "getrandom":
		return true
	}
	return false
}
