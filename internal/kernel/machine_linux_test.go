package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// thisMachine returns the running kernel; with abilities, it skips when one is
// missing and says why.
func thisMachine(t testing.TB, needs ...check.Ability) *Machine {
	t.Helper()
	m, err := Host(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Require(needs...); err != nil {
		t.Skip(err)
	}
	return m
}

// Each way to a tracefs shows the same events, and none leaves a trace in the
// mount table.
func TestTracefsLeavesMountsAlone(t *testing.T) {
	thisMachine(t, check.AbilityTracefs)
	before, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for name, open := range map[string]func() (*tracefs, error){"any": openTracefs, "detached": openDetached, "private": openPrivate} {
		fs, err := open()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := fs.read("available_events")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		seen[string(text)]++
		if err := fs.close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(seen) != 1 {
		t.Errorf("%d different lists of events", len(seen))
	}
	after, _ := os.ReadFile("/proc/self/mountinfo")
	if !bytes.Equal(before, after) {
		t.Errorf("mounts before:\n%s\nafter:\n%s", before, after)
	}
}

// fieldCases says what types fields have: "category:event field type [space]".
const fieldCases = `
sched:sched_switch prev_comm string16
sched:sched_switch prev_pid int4 pid_t
sched:sched_switch prev_state int8 long
sched:sched_switch common_pid int4 int
syscalls:sys_enter_openat dfd int4 int
syscalls:sys_enter_openat filename pointer to uint1 char
syscalls:sys_enter_openat mode uint2 umode_t
syscalls:sys_enter_execve argv pointer to pointer to uint1 char
syscalls:sys_enter_nanosleep rqtp pointer to struct struct __kernel_timespec
syscalls:sys_exit_read ret int8 long
raw_syscalls:sys_enter args array6 of uint8 unsigned long
irq:irq_handler_entry name int8
`

func TestTracepointFieldTypes(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	for _, c := range strings.Split(strings.TrimSpace(fieldCases), "\n") {
		words := strings.SplitN(c, " ", 3)
		category, event, _ := strings.Cut(words[0], ":")
		fields, err := m.TracepointFields(category, event)
		if err != nil {
			t.Errorf("%s: %v", words[0], err)
			continue
		}
		i := slices.IndexFunc(fields, func(f check.Field) bool { return f.Name == words[1] })
		if i < 0 {
			t.Errorf("%s has no %s", words[0], words[1])
			continue
		}
		// BTF and C write integer types in different order.
		got := strings.Replace(shortType(fields[i].Type), "long unsigned int", "unsigned long", 1)
		got = strings.Replace(got, "long int", "long", 1)
		// The kernel has unsigned characters since 6.2.
		if got = strings.Replace(got, " int1 char", " uint1 char", 1); got != words[2] {
			t.Errorf("%s is %s", c, got)
		}
		if f := fields[i]; f.Type.Kind == check.Pointer && f.Type.Space != check.SpaceUser {
			t.Errorf("%s points into %v", c, f.Type.Space)
		}
	}
}

// The kernel describes each tracepoint's record twice, in tracefs and as a struct
// in BTF: every field must lie where the struct has it and be as large.
func TestTracepointFieldsAgreeWithBTF(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	events, err := m.Events()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, full := range events {
		category, event, _ := strings.Cut(full, ":")
		record, err := m.Named("struct", "trace_event_raw_"+event)
		if err != nil {
			continue // of a class, or made by the kernel itself
		}
		fields, err := m.TracepointFields(category, event)
		if err != nil {
			t.Fatal(err)
		}
		members := map[string]check.Field{}
		for _, f := range record.Struct.Members() {
			members[f.Name] = f
		}
		for _, f := range fields {
			name := f.Name
			if f.DataLoc {
				name = "__data_loc_" + name
			}
			if f.RelLoc {
				name = "__rel_loc_" + name
			}
			member, ok := members[name]
			if !ok {
				continue // common fields stand in a struct of their own
			}
			compared++
			if member.Offset != f.Offset {
				t.Errorf("%s.%s is at %d, in BTF at %d", full, f.Name, f.Offset, member.Offset)
			}
			if !f.DataLoc && !f.RelLoc && member.Type.Size != f.Type.Size {
				t.Errorf("%s.%s has %d bytes, in BTF %d", full, f.Name, f.Type.Size, member.Type.Size)
			}
			if !f.DataLoc && !f.RelLoc && member.Type.Kind == check.Int && member.Type.Signed != f.Type.Signed {
				t.Errorf("%s.%s has the wrong sign", full, f.Name)
			}
		}
	}
	t.Logf("%d fields compared", compared)
	if compared < 1000 {
		t.Errorf("only %d fields compared", compared)
	}
}

// Every tracepoint of a system call is served by a number and its arguments.
func TestSyscallsAreComplete(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs)
	events, _ := m.Events()
	seen := map[int]string{}
	for _, full := range events {
		event, ok := strings.CutPrefix(full, "syscalls:")
		if !ok {
			continue
		}
		call, err := m.Syscall("syscalls", event)
		if err != nil {
			t.Error(err)
			continue
		}
		if len(call.Args) > 6 {
			t.Errorf("%s has %d arguments", event, len(call.Args))
		}
		for i, f := range call.Args {
			if f.Offset != 16+8*i {
				t.Errorf("%s.%s is at %d", event, f.Name, f.Offset)
			}
		}
		if other, ok := seen[call.Number]; ok && other != call.Name {
			t.Errorf("%s and %s are both %d", other, call.Name, call.Number)
		}
		seen[call.Number] = call.Name
	}
	if len(seen) < 200 {
		t.Errorf("%d system calls", len(seen))
	}
	if _, err := m.Syscall("sched", "sched_switch"); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("sched_switch: %v", err)
	}
}

// A tracepoint is the raw one of its name when arguments and record agree.
func TestRawEvents(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	events, _ := m.Events()
	proven, others := 0, 0
	for _, full := range events {
		category, event, _ := strings.Cut(full, ":")
		if category == "syscalls" {
			continue
		}
		others++
		raw, err := m.RawEvent(category, event)
		if err != nil {
			continue
		}
		proven++
		fields, err := m.TracepointFields(category, event)
		if err != nil || raw.Event != event {
			t.Errorf("%s: %+v, %v", full, raw, err)
		}
		for _, f := range fields {
			if f.DataLoc || f.RelLoc || strings.HasPrefix(f.Name, "common_") {
				continue
			}
			if member, ok := raw.Record.Struct.Member(f.Name); !ok || member.Offset != f.Offset {
				t.Errorf("%s.%s at %d, in the record at %d", full, f.Name, f.Offset, member.Offset)
			}
		}
	}
	t.Logf("%d of %d", proven, others)
	if proven < others*3/4 {
		t.Errorf("only %d of %d tracepoints have a raw one", proven, others)
	}
	wakeup, err := m.RawEvent("sched", "sched_wakeup")
	if err != nil || wakeup.Class != "sched_wakeup_template" && wakeup.Class != "" || len(wakeup.Args) != 1 || wakeup.Args[0].Type.Elem.Name != "struct task_struct" {
		t.Errorf("sched_wakeup: %+v, %v", wakeup, err)
	}
	for _, full := range []string{"syscalls:sys_enter_read", "sched:nosuch"} {
		category, event, _ := strings.Cut(full, ":")
		if raw, err := m.RawEvent(category, event); !errors.Is(err, check.ErrNotFound) {
			t.Errorf("%s: %+v, %v", full, raw, err)
		}
	}
}

func expandNames(m *Machine, ap syntax.ParsedAttachPoint, opts *check.ExpandOptions) (string, error) {
	points, err := m.Expand(&ap, opts)
	var names []string
	for _, p := range points {
		names = append(names, p.Name)
		if p.Parsed.Wildcard || strings.Contains(p.Parsed.Func, "*") {
			return "", fmt.Errorf("%s still has a wildcard", p.Name)
		}
	}
	return strings.Join(names, " "), err
}

func TestExpand(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	for _, c := range []struct {
		ap   syntax.ParsedAttachPoint
		want string
	}{
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "sched", Func: "sched_switch"}, "tracepoint:sched:sched_switch"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "raw_sys*", Func: "sys_e*", Wildcard: true}, "tracepoint:raw_syscalls:sys_enter tracepoint:raw_syscalls:sys_exit"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeRawTracepoint, Func: "sched_switch"}, "rawtracepoint:vmlinux:sched_switch"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeFentry, Func: "vfs_read"}, "fentry:vmlinux:vfs_read"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeKprobe, Func: "vfs_read", Offset: 4}, "kprobe:vfs_read+4"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeIter, Func: "task"}, "iter:task"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeInterval, Unit: "s", Freq: 1}, "interval:s:1"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeSoftware, Func: "faults", Freq: 100}, "software:faults:100"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeWatchpoint, Address: 16, HasAddress: true, Len: 8, Mode: "w"}, "watchpoint:16:8:w"},
		{syntax.ParsedAttachPoint{Kind: syntax.ProbeBegin}, "begin"},
	} {
		if got, err := expandNames(m, c.ap, nil); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v", c.want, got, err)
		}
	}
	for _, ap := range []syntax.ParsedAttachPoint{
		{Kind: syntax.ProbeTracepoint, Target: "sched", Func: "sched_swich"},
		{Kind: syntax.ProbeTracepoint, Target: "../events/sched", Func: "sched_switch"},
		{Kind: syntax.ProbeTracepoint, Target: "sched", Func: "."},
		{Kind: syntax.ProbeTracepoint, Target: "nosuch*", Func: "*", Wildcard: true},
		{Kind: syntax.ProbeRawTracepoint, Func: "nosuch"},
		{Kind: syntax.ProbeFentry, Func: "nosuch"},
		{Kind: syntax.ProbeKprobe, Func: "nosuch_function"},
		{Kind: syntax.ProbeIter, Func: "tasks"},
		{Kind: syntax.ProbeUprobe, Target: "/nonexistent", Func: "f"},
		{Kind: syntax.ProbeUprobe, Target: "/proc/self/exe", Func: "nosuch"},
	} {
		if got, err := expandNames(m, ap, nil); !errors.Is(err, check.ErrNotFound) {
			t.Errorf("%+v: %q, %v", ap, got, err)
		}
	}
	_, err := expandNames(m, syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "*", Func: "*", Wildcard: true}, nil)
	if many := (*TooMany)(nil); !errors.As(err, &many) || many.Count < 1024 {
		t.Errorf("all tracepoints: %v", err)
	}
}

func TestExpandUprobe(t *testing.T) {
	m := thisMachine(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got, err := expandNames(m, syntax.ParsedAttachPoint{Kind: syntax.ProbeUprobe, Target: self, Func: "*kernel.TestExpandUpr*", Wildcard: true}, nil)
	if want := "uprobe:" + self + ":github.com/mcptrace/mcptrace/internal/kernel.TestExpandUprobe"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Every ability of the table has a probe, every No says what to do, and nothing
// that probing opened stays open.
func TestAbilities(t *testing.T) {
	m := thisMachine(t)
	probes := (&prober{m.src.(*host)}).probes()
	if len(probes) != len(Abilities()) {
		t.Errorf("%d probes for %d abilities", len(probes), len(Abilities()))
	}
	m.Info() // tracefs and Go's own poller stay open on purpose
	before := openFiles(t)
	clear(m.probed)
	for _, row := range Abilities() {
		if probes[row.Name] == nil {
			t.Errorf("%s has no probe", row.Name)
		}
		f := m.Ability(row.Name)
		if f.Answer != check.Yes && (f.Why == "" || f.Hint == "") {
			t.Errorf("%s: %+v", row.Name, f)
		}
		if f.Answer != check.Yes {
			t.Logf("%s: %s: %s", row.Name, f.Why, f.Hint)
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files open before, %d after", before, after)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestInfo(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs)
	f := m.Info()
	if f.Release != m.Release() || f.CPUs < 1 || f.MemoryBytes == 0 || f.Tracefs == "" || f.Memlock == "" {
		t.Errorf("facts: %+v", f)
	}
	if f.Probes["tracepoint"] < 500 || f.Probes["software"] == 0 || len(f.Abilities) != len(Abilities()) {
		t.Errorf("probes %v, %d abilities", f.Probes, len(f.Abilities))
	}
	if m.Has(check.AbilityKprobe) == check.No && (f.Probes["kprobe"] != 0 || !slices.ContainsFunc(f.Limits, func(s string) bool { return strings.HasPrefix(s, "kprobe:") })) {
		t.Errorf("no kprobes, but %d offered; limits %q", f.Probes["kprobe"], f.Limits)
	}
}

func TestList(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	for pattern, want := range map[string]string{
		"tracepoint:sched:sched_switch":   "tracepoint:sched:sched_switch",
		"t:raw_syscalls:*":                "tracepoint:raw_syscalls:sys_enter tracepoint:raw_syscalls:sys_exit",
		"tracepoint:*:task_renam*":        "tracepoint:task:task_rename",
		"rawtracepoint:task_rename":       "rawtracepoint:vmlinux:task_rename",
		"rt:vmlinux:task_renam*":          "rawtracepoint:vmlinux:task_rename",
		"interval:*":                      "interval:hz: interval:ms: interval:s: interval:us:",
		"software:c*":                     "software:context-switches: software:cpu: software:cpu-clock: software:cpu-migrations: software:cs:",
		"self:*":                          "self:signal:SIGUSR1",
		"tracepoint:nosuch:*":             "",
		"task_rename":                     "tracepoint:task:task_rename rawtracepoint:vmlinux:task_rename",
		"uprobe:/proc/self/exe:main.main": "uprobe:/proc/self/exe:main.main",
	} {
		l, err := m.List(ListOptions{Pattern: pattern})
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		var names []string
		for _, p := range l.Probes {
			if p.Kind != "kprobe" && p.Kind != "fentry" {
				names = append(names, p.Name)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q", pattern, got)
		}
	}
	l, err := m.List(ListOptions{Words: []string{"Switch", "sched"}, Limit: 1})
	if err != nil || l.Total < 2 || len(l.Probes) != 1 || l.Probes[0].Name != "tracepoint:sched:sched_switch" {
		t.Errorf("by words: %+v, %v", l, err)
	}
	all, _ := m.List(ListOptions{Pattern: "tracepoint:*"})
	part, _ := m.List(ListOptions{Pattern: "tracepoint:*", Offset: 10, Limit: 5})
	if len(part.Probes) != 5 || part.Probes[0].Name != all.Probes[10].Name || part.Total != len(all.Probes) {
		t.Errorf("part: %+v", part)
	}
	if missing := (*Missing)(nil); m.Has(check.AbilityKprobe) == check.No {
		if _, err := m.List(ListOptions{Pattern: "kprobe:vfs_*"}); !errors.As(err, &missing) {
			t.Errorf("kprobes that do not attach: %v", err)
		}
	}
	if l, err := m.List(ListOptions{Pattern: "fexit:vfs_read", All: true, Args: true}); err != nil || len(l.Probes) != 1 || len(l.Probes[0].Args) != 5 {
		t.Errorf("fexit: %+v, %v", l, err)
	}
}

// Types are printed as C, nested and anonymous ones and bitfields included.
func TestListTypes(t *testing.T) {
	m := thisMachine(t, check.AbilityBTF)
	for pattern, want := range map[string]string{
		"struct sched_param": "vmlinux: struct sched_param {\n\tint sched_priority;\n};\n\n",
		"struct bpf_iter__task": "vmlinux: struct bpf_iter__task {\n\tunion {\n\t\tstruct bpf_iter_meta *meta;\n\t};\n" +
			"\tunion {\n\t\tstruct task_struct *task;\n\t};\n};\n\n",
		"struct nosuch": "",
	} {
		l, err := m.List(ListOptions{Pattern: pattern, Args: true})
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		l.WriteText(&got)
		if got.String() != want {
			t.Errorf("%s: %s", pattern, got.String())
		}
	}
	l, err := m.List(ListOptions{Pattern: "enum pid_t*"})
	if err != nil || len(l.Probes) != 1 || l.Probes[0].Name != "enum pid_type" {
		t.Errorf("enums: %+v, %v", l, err)
	}
	text, _, err := m.Definition("struct", "proto_ops")
	if err != nil || !strings.Contains(text, "\tint (*bind)(struct socket *, struct sockaddr") {
		t.Errorf("proto_ops: %.300s, %v", text, err)
	}
	text, _, err = m.Definition("union", "perf_mem_data_src")
	if err != nil || !strings.Contains(text, "\t\t__u64 mem_op: 5;\n") {
		t.Errorf("perf_mem_data_src: %s, %v", text, err)
	}
	if text, _, err = m.Definition("", "pid_t"); err != nil || text != "typedef __kernel_pid_t pid_t;" {
		t.Errorf("pid_t: %s, %v", text, err)
	}
}

// bpftrace lists the same tracepoints with the same arguments.
func TestListAgreesWithBpftrace(t *testing.T) {
	bpftrace := "/opt/bpf27/bpftrace"
	if _, err := os.Stat(bpftrace); err != nil {
		t.Skipf("no bpftrace 0.27 to compare with: %v", err)
	}
	m := thisMachine(t, check.AbilityTracefs)
	// It needs a mounted tracefs: in a mount namespace of its own.
	theirs, err := exec.Command("unshare", "-m", "sh", "-c", "mount -t tracefs tracefs "+tracefsPath+" && exec timeout 60 "+bpftrace+" -lv 'tracepoint:*'").Output()
	if err != nil {
		t.Skipf("run bpftrace: %v", err)
	}
	l, err := m.List(ListOptions{Pattern: "tracepoint:*", Args: true})
	if err != nil {
		t.Fatal(err)
	}
	var ours bytes.Buffer
	l.WriteText(&ours)
	a, b := strings.Split(ours.String(), "\n"), strings.Split(string(theirs), "\n")
	t.Logf("%d lines", len(b))
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("line %d: %q, bpftrace has %q", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d lines, bpftrace has %d", len(a), len(b))
	}
}

// A snapshot answers as the machine that it was taken of.
func TestSnapshotRoundTrip(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	path := filepath.Join(t.TempDir(), "snapshot")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WriteSnapshot(f); err != nil {
		t.Fatal(err)
	}
	size, _ := f.Seek(0, 1)
	f.Close()
	t.Logf("%d bytes", size)
	if size > 8<<20 {
		t.Errorf("a snapshot has %d bytes", size)
	}
	s, err := OpenSnapshot(path)
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string, f func(m *Machine) string) {
		t.Helper()
		if ours, theirs := f(m), f(s); ours != theirs {
			t.Errorf("%s: host %.300s, snapshot %.300s", what, ours, theirs)
		}
	}
	events, _ := m.Events()
	for _, full := range events {
		category, event, _ := strings.Cut(full, ":")
		same(full, func(m *Machine) string {
			fields, err := m.TracepointFields(category, event)
			id, _ := m.EventID(category, event)
			return describeFields(fields) + fmt.Sprint(id, err)
		})
	}
	b, err := m.types.btf("")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range b.names(1<<btfStruct, "") {
		if i%20 == 0 {
			same("struct "+name, func(m *Machine) string {
				typ, err := m.Named("struct", name)
				return describeType(typ, 2) + fmt.Sprint(err)
			})
		}
	}
	for i, name := range b.names(funcKinds, "") {
		if i%50 == 0 {
			same("function "+name, func(m *Machine) string {
				params, result, err := m.Function("", name)
				return describeFields(params) + describeType(result, 1) + fmt.Sprint(err)
			})
		}
	}
	for _, name := range []string{"sched_switch", "task_rename", "nosuch"} {
		same("raw tracepoint "+name, func(m *Machine) string {
			args, err := m.RawTracepointArgs("", name)
			return describeFields(args) + fmt.Sprint(err)
		})
	}
	for _, name := range []string{"PIDTYPE_SID", "BPF_F_INDEX_MASK", "NO_SUCH"} {
		same(name, func(m *Machine) string {
			v, typ, err := m.EnumConst(name)
			return fmt.Sprint(v, describeType(typ, 1), err)
		})
	}
	for _, row := range Abilities() {
		same(string(row.Name), func(m *Machine) string { return fmt.Sprintf("%+v", m.Ability(row.Name)) })
	}
	for _, ap := range []syntax.ParsedAttachPoint{
		{Kind: syntax.ProbeTracepoint, Target: "sched", Func: "*", Wildcard: true},
		{Kind: syntax.ProbeTracepoint, Target: "sched", Func: "sched_swich"},
		{Kind: syntax.ProbeKprobe, Func: "vfs_*", Wildcard: true},
		{Kind: syntax.ProbeKprobe, Func: "no_such_function"},
		{Kind: syntax.ProbeKprobe, Func: "entry_SYSCALL_64"},
		{Kind: syntax.ProbeFentry, Func: "vfs_raed"},
		{Kind: syntax.ProbeIter, Func: "task"},
	} {
		same(ap.Target+":"+ap.Func, func(m *Machine) string { names, err := expandNames(m, ap, nil); return names + fmt.Sprint(err) })
	}
	for _, pattern := range []string{"", "*:*sched*", "fentry:vfs_*"} {
		same("list "+pattern, func(m *Machine) string {
			l, err := m.List(ListOptions{Pattern: pattern, All: true, Args: pattern != ""})
			return fmt.Sprint(l, err)
		})
	}
	same("info", func(m *Machine) string { return fmt.Sprintf("%+v", m.Info().Probes) })
	if _, err := s.KernelSymbol("vfs_read"); !errors.Is(err, check.ErrUnknown) {
		t.Errorf("address of vfs_read: %v", err)
	}
	if s.Arch() != m.Arch() || s.Release() != m.Release() || !strings.Contains(s.Describe(), "snapshot") {
		t.Errorf("%s %s %s", s.Arch(), s.Release(), s.Describe())
	}
}

func describeFields(fields []check.Field) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, "%s@%d.%d:%d %v %v %s %s; ", f.Name, f.Offset, f.BitOffset, f.BitSize, f.DataLoc, f.RelLoc, f.Doc, describeType(f.Type, 1))
	}
	return b.String()
}

// describeType shows all of a type to a depth.
func describeType(t *check.Type, depth int) string {
	if t == nil {
		return "none"
	}
	s := fmt.Sprintf("%d/%d/%v/%d/%d/%s/%v", t.Kind, t.Size, t.Signed, t.Len, t.Space, t.Name, t.BTF)
	if t.Enum != nil {
		s += fmt.Sprint(t.Enum.Values)
	}
	if t.Elem != nil {
		s += " of " + describeType(t.Elem, 0)
	}
	if t.Struct != nil && depth > 0 {
		s += "{"
		for _, f := range t.Struct.Members() {
			s += fmt.Sprintf("%s@%d.%d:%d %s; ", f.Name, f.Offset, f.BitOffset, f.BitSize, describeType(f.Type, depth-1))
		}
		s += "}"
	}
	return s
}

func TestSnapshotRejects(t *testing.T) {
	for _, file := range []string{
		"", "hello", snapshotMagic, snapshotMagic + "\xff\xff\xff\xff", snapshotMagic + "\x02\x00\x00\x00{]",
		snapshotMagic + "\x35\x00\x00\x00" + `{"sections":{"events":{"offset":9,"size":9,"raw":9}}}`,
	} {
		if _, err := ReadSnapshot(strings.NewReader(file)); !errors.Is(err, errSnapshot) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	w := snapshotWriter{header: snapshotHeader{Arch: "amd64", Release: "6.1.0-x", Sections: map[string]snapshotSectionHeader{}}}
	blob := &btfBuilder{strs: []byte{0}}
	blob.add("int", btfInt, 0, false, 4, 32)
	w.section("btf/vmlinux", blob.bytes(), nil)
	w.section("events", []byte("a:b"), nil)
	w.section("formats/a", []byte("event b\nname: b\nID: 1\n\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\n"), nil)
	w.section("functions", []byte("f\ng [m]\n"), nil)
	w.section("symbols", []byte("f\nh\n"), nil)
	f.Add(w.file())
	f.Fuzz(func(t *testing.T, file []byte) {
		m, err := ReadSnapshot(bytes.NewReader(file))
		if err != nil {
			return
		}
		m.Describe()
		m.TracepointFields("a", "b")
		m.Named("", "int")
		m.KernelSymbol("h")
		m.List(ListOptions{Words: []string{"f"}, All: true, Args: true})
		m.Suggest(check.SuggestFunction, "ff")
		m.Expand(&syntax.ParsedAttachPoint{Kind: syntax.ProbeKprobe, Func: "*"}, nil)
		m.Has(check.AbilityBTF)
	})
}

// The seed of the fuzz target, read as it is, answers.
func TestSmallSnapshot(t *testing.T) {
	w := snapshotWriter{header: snapshotHeader{Arch: "arm64", Release: "5.10.0", Sections: map[string]snapshotSectionHeader{}, Missing: map[string]string{}}}
	w.section("events", []byte("a:b\nsyscalls:sys_enter_openat"), nil)
	w.section("formats/a", []byte("event b\nname: b\nID: 7\n\tfield:int x;\toffset:8;\tsize:4;\tsigned:1;\nevent c\nname: c\n"), nil)
	w.section("formats/syscalls", []byte("event sys_enter_openat\nname: sys_enter_openat\nID: 8\n\tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:int dfd;\toffset:16;\tsize:8;\tsigned:0;\n"), nil)
	w.section("functions", []byte("f\ng [m]\n"), nil)
	w.section("btf/vmlinux", nil, errors.New("no such file"))
	m, err := ReadSnapshot(bytes.NewReader(w.file()))
	if err != nil {
		t.Fatal(err)
	}
	if id, err := m.EventID("a", "b"); id != 7 || err != nil {
		t.Errorf("a:b is %d, %v", id, err)
	}
	if c, err := m.Syscall("syscalls", "sys_enter_openat"); err != nil || c.Number != 56 || len(c.Args) != 1 {
		t.Errorf("openat on arm64: %+v, %v", c, err)
	}
	if _, err := m.Named("struct", "x"); !errors.Is(err, check.ErrUnknown) {
		t.Errorf("a type without BTF: %v", err)
	}
	got, err := expandNames(m, syntax.ParsedAttachPoint{Kind: syntax.ProbeKprobe, Target: "*", Func: "*", Wildcard: true}, nil)
	if got != "kprobe:m:g kprobe:vmlinux:f" || err != nil {
		t.Errorf("kprobes: %q, %v", got, err)
	}
	if m.Has(check.AbilityKprobe) != check.Maybe {
		t.Error("an ability that the snapshot does not hold is known")
	}
	if !reflect.DeepEqual(m.src.btfModules(), []string(nil)) {
		t.Error("modules")
	}
}

func BenchmarkTracepointFields(b *testing.B) {
	m := thisMachine(b, check.AbilityTracefs)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.TracepointFields("syscalls", "sys_enter_openat"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstTracepoint is what a process pays for its first tracepoint with
// arguments: tracefs, format, BTF.
func BenchmarkFirstTracepoint(b *testing.B) {
	thisMachine(b, check.AbilityTracefs)
	for b.Loop() {
		m, err := Host(Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.TracepointFields("sched", "sched_switch"); err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}

func benchmarkList(b *testing.B, opts ListOptions) {
	m := thisMachine(b, check.AbilityTracefs, check.AbilityBTF)
	m.List(opts)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.List(opts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListTracepoints(b *testing.B) { benchmarkList(b, ListOptions{Pattern: "tracepoint:*"}) }
func BenchmarkListTracepointArgs(b *testing.B) {
	benchmarkList(b, ListOptions{Pattern: "tracepoint:*", Args: true})
}
func BenchmarkListWordsEverywhere(b *testing.B) {
	benchmarkList(b, ListOptions{Words: []string{"tcp", "connect"}, All: true, Args: true, Limit: 50})
}
func BenchmarkListFunctions(b *testing.B) {
	benchmarkList(b, ListOptions{Pattern: "fentry:vfs_*", All: true, Args: true})
}

func BenchmarkFirstList(b *testing.B) {
	thisMachine(b, check.AbilityTracefs)
	for b.Loop() {
		m, err := Host(Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := m.List(ListOptions{Words: []string{"open"}, All: true, Args: true, Limit: 50}); err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}

func BenchmarkExpandWildcard(b *testing.B) {
	m := thisMachine(b, check.AbilityTracefs)
	ap := &syntax.ParsedAttachPoint{Kind: syntax.ProbeTracepoint, Target: "syscalls", Func: "sys_enter_*", Wildcard: true}
	m.Expand(ap, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Expand(ap, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSuggestFunction(b *testing.B) {
	m := thisMachine(b, check.AbilityBTF)
	m.Suggest(check.SuggestFunction, "vfs_raed")
	for b.Loop() {
		if len(m.Suggest(check.SuggestFunction, "tcp_snd_msg")) == 0 {
			b.Fatal("none")
		}
	}
}

// BenchmarkOpenSnapshot is what checking against another machine pays: the file,
// a tracepoint with its fields, a struct.
func BenchmarkOpenSnapshot(b *testing.B) {
	m := thisMachine(b, check.AbilityTracefs, check.AbilityBTF)
	var file bytes.Buffer
	if err := m.WriteSnapshot(&file); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := ReadSnapshot(bytes.NewReader(file.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.TracepointFields("sched", "sched_switch"); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Named("struct", "task_struct"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAllAbilities(b *testing.B) {
	for b.Loop() {
		m := thisMachine(b)
		for _, row := range Abilities() {
			m.Ability(row.Name)
		}
	}
}

// Many callers share one Machine.
func TestConcurrentUse(t *testing.T) {
	m := thisMachine(t, check.AbilityTracefs, check.AbilityBTF)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, name := range []string{"task_struct", "file", "sk_buff", "inode"} {
				typ, err := m.Named("struct", name)
				if err != nil {
					t.Error(err)
					continue
				}
				for _, f := range typ.Struct.Members() {
					if f.Type.Struct != nil {
						f.Type.Struct.Members()
					}
				}
			}
			m.TracepointFields("sched", "sched_switch")
			m.Function("", "vfs_read")
			m.EnumConst("PIDTYPE_SID")
			m.PercpuVar("runqueues")
			m.Has(check.AbilityRingbuf)
			m.Suggest(check.SuggestType, "struct task_strct")
			m.KernelSymbol("vfs_read")
			m.List(ListOptions{Words: []string{"open"}, All: true, Limit: 10, Args: true})
			m.UserFunction("/proc/self/exe", "main.main")
			expandNames(m, syntax.ParsedAttachPoint{Kind: syntax.ProbeFentry, Func: "vfs_*", Wildcard: true}, nil)
			m.RawEvent("sched", "sched_wakeup")
		})
	}
	wg.Wait()
}

// Functions and types of a module refer to the kernel's.
func TestModuleBTF(t *testing.T) {
	m := thisMachine(t, check.AbilityBTF)
	for _, module := range m.src.btfModules() {
		b, err := m.types.btf(module)
		if err != nil {
			t.Errorf("%s: %v", module, err)
			continue
		}
		tested := 0
		for _, name := range b.names(funcKinds, "") {
			params, _, err := m.Function(module, name)
			if err != nil {
				t.Errorf("%s:%s: %v", module, name, err)
				continue
			}
			tested++
			for _, p := range params {
				if p.Type.Kind == check.Unknown && p.Type.Name == "" {
					t.Errorf("%s:%s: parameter %s is unknown", module, name, p.Name)
				}
			}
			want := "fentry:" + module + ":" + name
			if got, err := expandNames(m, syntax.ParsedAttachPoint{Kind: syntax.ProbeFentry, Target: module, Func: name}, nil); got != want || err != nil {
				t.Errorf("%s: %q, %v", want, got, err)
			}
		}
		t.Logf("%s: %d functions", module, tested)
		return
	}
	t.Skip("no module with BTF is loaded")
}
