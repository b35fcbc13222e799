package check_test

import (
	"errors"
	"sort"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func TestSettings(t *testing.T) {
	for _, tt := range []struct {
		program string
		env     map[string]string
		want    func(*check.Settings) bool
		message string // part of a message, when there is one
	}{
		{program: `config = { max_strlen=300; BPFTRACE_MAX_MAP_KEYS=9; stack_mode=perf } begin { exit(); }`,
			want: func(s *check.Settings) bool {
				return s.MaxStrlen == 300 && s.MaxMapKeys == 9 && s.StackMode == check.StackPerf
			}},
		{program: `config = { max_strlen=300 } begin { exit(); }`, env: map[string]string{"BPFTRACE_MAX_STRLEN": "64", "HOME": "/"},
			want: func(s *check.Settings) bool { return s.MaxStrlen == 64 }},
		{program: `begin { exit(); }`, env: map[string]string{"BPFTRACE_MAX_STRLEN": "long"}, message: "expecting a number, got long"},
		{program: `config = { strlen=70 } begin { exit(); }`, message: "strlen has been renamed, please use max_strlen",
			want: func(s *check.Settings) bool { return s.MaxStrlen == 70 }},
		{program: `config = { symbol_source=dwarf } begin { exit(); }`, message: "symbol_source is deprecated and has no effect"},
		{program: `config = { kernel_build=1 } begin { exit(); }`, message: "kernel_build: can only be set as an environment variable"},
		{program: `config = { print_maps_on_exit=perhaps } begin { exit(); }`, message: "Invalid bool value"},
		{program: `config = { stack_mode=fast } begin { exit(); }`, message: "Invalid value for stack_mode"},
		{program: `config = { print_maps_on_exit=false; missing_probes="warn"; license="Dual MIT/GPL" } begin { exit(); }`,
			want: func(s *check.Settings) bool {
				return !s.PrintMapsOnExit && s.MissingProbes == "warn" && s.License == "Dual MIT/GPL"
			}},
		{program: `config = { unstable_tseries=error } begin { @t = tseries(1, 1s, 5); exit(); }`, message: "tseries feature is not enabled by default"},
	} {
		info, ds := checkText(tt.program, &check.Options{Env: tt.env})
		if tt.want != nil && !tt.want(&info.Settings) {
			t.Errorf("%s: settings %+v", tt.program, info.Settings)
		}
		if all := messages(ds); !strings.Contains(all, tt.message) || tt.message == "" && all != "" {
			t.Errorf("%s: %q, want %q", tt.program, all, tt.message)
		}
	}
}

func messages(ds syntax.Diagnostics) string {
	var list []string
	for _, d := range ds {
		list = append(list, d.Message)
	}
	return strings.Join(list, "\n")
}

func TestParams(t *testing.T) {
	const program = `begin { print($1 + 1); print(str($2)); print($3); print($#); print(hist_bits()); @h = hist(5, $1);
		print(getopt("limit", 10, "how many")); print(getopt("loud")); print(getopt("name", "nobody")); exit(); }
		macro hist_bits() { 3 }`
	info, ds := checkText(program, &check.Options{Params: []string{"3", "some text"}, Named: map[string]string{"limit": "5", "loud": ""}})
	if ds.HasErrors() {
		t.Fatal(errorsOf(ds))
	}
	if all := messages(ds); !strings.Contains(all, "Positional parameter $3 is empty or not provided.") {
		t.Error("no warning of a missing parameter:", all)
	}
	got := map[string]string{}
	for _, p := range info.Params {
		s := p.Type.String()
		if p.Given {
			s += " given"
		}
		if p.Literal {
			s += " literal"
		}
		got[p.Name] = s
	}
	want := map[string]string{
		"1": "int64 given literal", "2": "string[10] given literal", "3": "int64",
		"limit": "uint64 given", "loud": "bool given", "name": "string[1024]",
	}
	for name, w := range want {
		if got[name] != w {
			t.Errorf("parameter %s: %s, want %s", name, got[name], w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("parameters %v", got)
	}
}

func TestImport(t *testing.T) {
	files := map[string]string{
		"lib.bt":   `import "more.bt"; macro twice(x) { more(x) + more(x) }`,
		"more.bt":  `macro more(x) { x + 1 }`,
		"loop.bt":  `import "loop.bt"; macro f() { 1 }`,
		"wrong.bt": `config = { max_strlen=5 } macro f() { 1 }`,
	}
	read := func(path string) (*syntax.Source, error) {
		text, ok := files[path]
		if !ok {
			return nil, errors.New("no such file")
		}
		return syntax.NewSource(path, text), nil
	}
	for program, want := range map[string]string{
		`import "lib.bt"; begin { print(twice(2)); exit(); }`:    "",
		`import "loop.bt"; begin { print(f()); exit(); }`:        "",
		`import "none.bt"; begin { exit(); }`:                    "error reading import 'none.bt': no such file",
		`import "wrong.bt"; begin { print(f()); exit(); }`:       "invalid `config` within import",
		`import "stdlib"; begin { print(strlen("a")); exit(); }`: "",
	} {
		_, ds := checkText(program, &check.Options{Import: read})
		if all := strings.Join(errorsOf(ds), "\n"); !strings.Contains(all, want) || want == "" && all != "" {
			t.Errorf("%s: %q, want %q", program, all, want)
		}
	}
}

func TestSyntaxOnly(t *testing.T) {
	for program, ok := range map[string]bool{
		`kprobe:nothing { print($undefined); frobnicate(); }`: true,
		`macro f(x) { x } macro f(y) { y } begin { }`:         false,
		`struct a { int x; } struct a { int x; } begin { }`:   false,
	} {
		if _, ds := checkText(program, &check.Options{SyntaxOnly: true}); ds.HasErrors() == ok {
			t.Errorf("%s: %v", program, errorsOf(ds))
		}
	}
}

// TestAllErrors expects every independent mistake in one run, and nothing that
// only follows from another.
func TestAllErrors(t *testing.T) {
	_, ds := checkOn(newFake(), `
begin {
	$x = nonsense;
	print($x + 1);
	print($x.field);
	@m[$undefined] = 1;
	print(@m[5]);
	frobnicate(1);
	printf("%d\n");
	$y = curtask.nothing;
	if ($y == "a") { print($y); }
	exit();
}
tracepoint:sched:nothing { print(args.whatever); }
`, nil)
	want := []string{
		"missing-probe: No matches for tracepoint sched:nothing.",
		"undefined-variable: Undefined or undeclared variable: $undefined",
		"unknown-function: Unknown function: 'frobnicate'",
		"unknown-identifier: Unknown identifier: 'nonsense'",
		"format: not enough arguments for format string (0 supplied, 1 expected)",
		"unknown-field: Struct/union of type 'struct task_struct' does not contain a field named 'nothing'",
	}
	got := errorsOf(ds)
	sort.Strings(got)
	sort.Strings(want)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestFixes applies the first repair of the first finding that has one.
func TestFixes(t *testing.T) {
	for program, want := range map[string]string{
		`tracepoint:sched:sched_one { print(args.prev_pdi); }`:        `tracepoint:sched:sched_one { print(args.prev_pid); }`,
		`tracepoint:sched:sched_one { print(args->prev_pid); }`:       `tracepoint:sched:sched_one { print(args.prev_pid); }`,
		`tracepoint:sched:sched_oen { print(1); }`:                    `tracepoint:sched:sched_one { print(1); }`,
		`kprobe:vfs_raed { print(1); }`:                               `kprobe:vfs_read { print(1); }`,
		`fentry:vfs_read { print(arg2); }`:                            `fentry:vfs_read { print(args.count); }`,
		`tracepoint:syscalls:sys_exit_open { print(retval); }`:        `tracepoint:syscalls:sys_exit_open { print(args.ret); }`,
		`begin { print(comn); exit(); }`:                              `begin { print(comm); exit(); }`,
		`begin { printl("x"); exit(); }`:                              `begin { print("x"); exit(); }`,
		`begin { println("x"); exit(); }`:                             `begin { print("x"); exit(); }`,
		`begin { @reads = 1; print(@read); exit(); }`:                 `begin { @reads = 1; print(@reads); exit(); }`,
		`begin { $count = 1; print($cuont); exit(); }`:                `begin { $count = 1; print($count); exit(); }`,
		`begin { $n = 1; print(n); exit(); }`:                         `begin { $n = 1; print($n); exit(); }`,
		`begin { printf("%d\n", comm); exit(); }`:                     `begin { printf("%s\n", comm); exit(); }`,
		`begin { printf("%f\n", pid); exit(); }`:                      `begin { printf("%d\n", pid); exit(); }`,
		`begin { @n = count(); @m = @n; exit(); }`:                    `begin { @n = count(); @m = (int64)@n; exit(); }`,
		`begin { @h[1] = hist(5); print(@h[1]); exit(); }`:            `begin { @h[1] = hist(5); print(@h); exit(); }`,
		`begin { @x[1] = 1; delete(@x[1]); exit(); }`:                 `begin { @x[1] = 1; delete(@x, 1); exit(); }`,
		`begin { if (pid) { $x = 1; } print($x); exit(); }`:           `begin { let $x; if (pid) { $x = 1; } print($x); exit(); }`,
		`config = { max_strlenn=5 } begin { exit(); }`:                `config = { max_strlen=5 } begin { exit(); }`,
		`tracepoint:sched:sched_one { @n = sum(pid); }`:               `tracepoint:sched:sched_one { @n = count(); }`,
		`interval:s:1 { printf("%d us\n", elapsed / 1000000); }`:      `interval:s:1 { printf("%d us\n", elapsed / 1000); }`,
		`tracepoint:syscalls:sys_exit_open / @t[tid] / { print(1); }`: "tracepoint:syscalls:sys_enter_open { @t[tid] = nsecs; }\ntracepoint:syscalls:sys_exit_open / @t[tid] / { print(1); }",
		`begin { $t = (struct task_strct *)0; print($t); exit(); }`:   ``,
	} {
		_, ds := checkOn(newFake(), program, nil)
		got := ""
		for _, d := range ds {
			if len(d.Fixes) > 0 {
				got = apply(program, d.Fixes[0])
				break
			}
		}
		if got != want {
			t.Errorf("%s\n got  %s\n want %s\n %v", program, got, want, ds)
		}
	}
}

func apply(text string, f syntax.Fix) string {
	edits := append([]syntax.Edit(nil), f.Edits...)
	sort.Slice(edits, func(i, j int) bool { return edits[i].Span.Start > edits[j].Span.Start })
	for _, e := range edits {
		text = text[:e.Span.Start] + e.Text + text[e.Span.End:]
	}
	return text
}
