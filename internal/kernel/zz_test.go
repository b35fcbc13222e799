package kernel

import (
	"fmt"
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"os"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	m, _ := Host(Options{})
	for _, a := range Abilities() {
		t0 := time.Now()
		f := m.Ability(a.Name)
		fmt.Printf("%-26s %v %-10v %s | %s\n", a.Name, f.Answer, time.Since(t0).Round(time.Microsecond), f.Why, f.Hint)
	}
	tm := func(name string, f func()) { t0 := time.Now(); f(); fmt.Println(name, time.Since(t0)) }
	tm("events", func() { n, err := m.Events(); fmt.Println(len(n), err) })
	tm("fields", func() {
		f, err := m.TracepointFields("sched", "sched_switch")
		for _, x := range f {
			fmt.Printf("%s %d %+v %q\n", x.Name, x.Offset, *x.Type, x.Doc)
		}
		fmt.Println(err)
	})
	tm("fields", func() {
		f, err := m.TracepointFields("syscalls", "sys_enter_openat")
		for _, x := range f {
			fmt.Printf("%s %d %+v %q\n", x.Name, x.Offset, *x.Type, x.Doc)
		}
		fmt.Println(err)
	})
	tm("suggest", func() {
		fmt.Println(m.Suggest(check.SuggestTracepoint, "sched:sched_swich"), m.Suggest(check.SuggestTracepoint, "syscall:sys_enter_open_at"), m.Suggest(check.SuggestTracepoint, "sched:switch"))
	})
	tm("suggest fn", func() { fmt.Println(m.Suggest(check.SuggestFunction, "vfs_raed")) })
	tm("suggest fn", func() { fmt.Println(m.Suggest(check.SuggestFunction, "tcp_snd_msg")) })
	tm("suggest type", func() { fmt.Println(m.Suggest(check.SuggestType, "struct task_strct")) })
	tm("suggest enum", func() { fmt.Println(m.Suggest(check.SuggestEnumConst, "PIDTYPE_SIDD")) })
	tm("list", func() { l, err := m.List(ListOptions{}); fmt.Println(l.Total, err) })
	tm("list", func() { l, err := m.List(ListOptions{Pattern: "tracepoint:*"}); fmt.Println(l.Total, err) })
	tm("list", func() {
		l, err := m.List(ListOptions{Words: []string{"open"}, All: true, Limit: 10, Args: true})
		fmt.Println(l.Total, err)
		l.WriteText(os.Stdout)
	})
	for _, p := range []string{"fentry:vfs_read", "fexit:vfs_rea*", "iter:*", "sched_switch", "*sched_wake*", "software:*", "rt:sched_sw*", "uprobe:/bin/bash:readl*", "kprobe:vfs_re*"} {
		tm("list "+p, func() {
			l, err := m.List(ListOptions{Pattern: p, All: true, Args: true, Limit: 5})
			fmt.Println(err)
			if l != nil {
				l.WriteText(os.Stdout)
			}
		})
	}
	fmt.Println(m.List(ListOptions{Pattern: "kprobe:*"}))
	s, mod, err := m.Definition("struct", "sched_rt_entity")
	fmt.Println(s, mod, err)
	miss := 0
	ev, _ := m.Events()
	t0 := time.Now()
	for _, e := range ev {
		var c, n string
		for i := range e {
			if e[i] == ':' {
				c, n = e[:i], e[i+1:]
			}
		}
		fs, err := m.TracepointFields(c, n)
		if err != nil {
			fmt.Println(e, err)
		}
		if c == "syscalls" {
			if sc, err := m.Syscall(c, n); err != nil {
				fmt.Println(err)
			} else if sc.Name == "openat" {
				fmt.Println(sc.Number, len(sc.Args))
			}
		}
		for _, f := range fs {
			if f.Type.Kind == check.Unknown || (f.Type.Kind != check.Array && f.Type.Size == 0) {
				miss++
				fmt.Println(e, f.Name, f.Type)
			}
		}
	}
	fmt.Println("all formats", time.Since(t0), miss)
	if os.Getenv("LVOUT") != "" {
		l, _ := m.List(ListOptions{Pattern: "tracepoint:*", Args: true})
		f, _ := os.Create(os.Getenv("LVOUT"))
		l.WriteText(f)
		f.Close()
	}
}
