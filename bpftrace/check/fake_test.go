package check_test

import (
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// fake is a kernel with a handful of types, functions and tracepoints.
type fake struct {
	check.Target
	types map[string]*check.Type
}

func integer(size int, signed bool, name string) *check.Type {
	return &check.Type{Kind: check.Int, Size: size, Signed: signed, Name: name}
}

func pointer(elem *check.Type) *check.Type {
	return &check.Type{Kind: check.Pointer, Size: 8, Elem: elem}
}

func text(n int) *check.Type { return &check.Type{Kind: check.String, Size: n, Name: "char"} }

func structure(name string, size int, fields ...check.Field) *check.Type {
	tag := "struct " + name
	if name == "" {
		tag = ""
	}
	return &check.Type{Kind: check.Struct, Name: tag, Size: size, Struct: &check.CStruct{Name: name, Size: size, Known: fields}}
}

func member(name string, t *check.Type, offset int) check.Field {
	return check.Field{Name: name, Type: t, Offset: offset}
}

func newFake() *fake {
	i32, u64 := integer(4, true, "int"), integer(8, false, "u64")
	inner := structure("", 8, member("lo", i32, 0), member("hi", i32, 4))
	task := structure("task_struct", 64)
	task.Struct.Known = []check.Field{
		member("pid", i32, 0), member("tgid", i32, 4), member("comm", text(16), 8),
		member("real_parent", pointer(task), 24), member("group_leader", pointer(task), 32), member("", inner, 40),
	}
	file := structure("file", 32, member("f_flags", integer(4, false, "unsigned int"), 0), member("f_path", structure("path", 16), 8),
		member("f_pos", integer(8, true, "loff_t"), 24))
	color := integer(4, false, "enum color")
	color.Enum = &check.CEnum{Name: "color", Values: []check.Enumerator{{Name: "RED", Value: 1}, {Name: "BLUE", Value: 2}}}
	return &fake{
		Target: check.Offline("amd64"),
		types: map[string]*check.Type{
			"struct task_struct": task, "struct file": file, "enum color": color, "u64": u64, "int": i32,
			"struct sock":    structure("sock", 8, member("sk_family", integer(2, false, "u16"), 0)),
			"struct pt_regs": structure("pt_regs", 168, member("ip", u64, 128), member("sp", u64, 152)),
		},
	}
}

func (*fake) Describe() string { return "a kernel made up for tests" }

func (f *fake) Named(tag, name string) (*check.Type, error) {
	t := f.types[strings.TrimSpace(tag+" "+name)]
	if t == nil {
		return nil, check.ErrNotFound
	}
	return t, nil
}

func (f *fake) EnumConst(name string) (int64, *check.Type, error) {
	for _, v := range f.types["enum color"].Enum.Values {
		if v.Name == name {
			return v.Value, f.types["enum color"], nil
		}
	}
	return 0, nil, check.ErrNotFound
}

var fakeTracepoints = map[string]bool{
	"sched:sched_one": true, "sched:sched_two": true, "syscalls:sys_enter_open": true, "syscalls:sys_exit_open": true,
}

var fakeFunctions = []string{"vfs_read", "vfs_write", "vfs_open", "tcp_connect"}

func (f *fake) Expand(ap *syntax.ParsedAttachPoint, _ *check.ExpandOptions) ([]*check.AttachPoint, error) {
	one := func(p *syntax.ParsedAttachPoint) *check.AttachPoint {
		return &check.AttachPoint{Parsed: p, Name: p.String(), Func: p.Func}
	}
	switch ap.Kind {
	case syntax.ProbeTracepoint:
		return f.tracepoints(ap, one)
	case syntax.ProbeKprobe, syntax.ProbeKretprobe, syntax.ProbeFentry, syntax.ProbeFexit:
		var list []*check.AttachPoint
		for _, name := range fakeFunctions {
			if ok := matches(ap.Func, name); ok {
				p := *ap
				p.Func, p.Wildcard = name, false
				list = append(list, one(&p))
			}
		}
		if len(list) == 0 {
			return nil, fmt.Errorf("no function %s: %w", ap.Func, check.ErrNotFound)
		}
		return list, nil
	}
	return []*check.AttachPoint{one(ap)}, nil
}

func (f *fake) tracepoints(ap *syntax.ParsedAttachPoint, one func(*syntax.ParsedAttachPoint) *check.AttachPoint) ([]*check.AttachPoint, error) {
	var list []*check.AttachPoint
	for _, name := range []string{"sched:sched_one", "sched:sched_two", "syscalls:sys_enter_open", "syscalls:sys_exit_open"} {
		category, event, _ := strings.Cut(name, ":")
		if matches(ap.Target, category) && matches(ap.Func, event) {
			p := *ap
			p.Target, p.Func, p.Wildcard = category, event, false
			list = append(list, one(&p))
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("tracepoint not found: %s:%s: %w", ap.Target, ap.Func, check.ErrNotFound)
	}
	return list, nil
}

func matches(pattern, name string) bool {
	prefix, ok := strings.CutSuffix(pattern, "*")
	return pattern == name || ok && strings.HasPrefix(name, prefix)
}

func (f *fake) TracepointFields(category, event string) ([]check.Field, error) {
	if !fakeTracepoints[category+":"+event] {
		return nil, check.ErrNotFound
	}
	common := []check.Field{member("common_type", integer(2, false, "unsigned short"), 0), member("common_pid", integer(4, true, "int"), 4)}
	i32, i64 := integer(4, true, "int"), integer(8, true, "long")
	switch event {
	case "sched_one":
		return append(common, member("prev_pid", i32, 8), member("prev_comm", text(16), 12)), nil
	case "sched_two":
		return append(common, member("prev_pid", i64, 8)), nil
	case "sys_enter_open":
		return append(common, member("filename", pointer(integer(1, true, "char")), 16), member("flags", i64, 24)), nil
	}
	return append(common, member("ret", i64, 16)), nil
}

func (f *fake) Function(_, name string) ([]check.Field, *check.Type, error) {
	file := pointer(f.types["struct file"])
	switch name {
	case "vfs_read", "vfs_write":
		return []check.Field{member("file", file, 0), member("buf", pointer(integer(1, true, "char")), 8), member("count", integer(8, false, "size_t"), 16)},
			integer(8, true, "ssize_t"), nil
	case "vfs_open":
		return []check.Field{member("path", pointer(structure("path", 16)), 0), member("file", file, 8)}, integer(4, true, "int"), nil
	case "tcp_connect":
		return []check.Field{member("sk", pointer(f.types["struct sock"]), 0)}, integer(4, true, "int"), nil
	}
	return nil, nil, check.ErrNotFound
}

func (f *fake) Suggest(of check.SuggestKind, name string) []string {
	var names []string
	switch of {
	case check.SuggestFunction:
		names = fakeFunctions
	case check.SuggestTracepoint:
		for n := range fakeTracepoints {
			names = append(names, n)
		}
	}
	if near := syntax.Closest(name, names); near != "" {
		return []string{near}
	}
	return nil
}
