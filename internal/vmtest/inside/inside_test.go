package inside

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/progen"
)

// open returns the running kernel; without the right to load programs the test
// is skipped.
func open(t *testing.T) *kernel.Machine {
	m, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if f := m.Ability(check.AbilityBPF); f.Answer != check.Yes {
		t.Skipf("no programs can be loaded: %s: %s", f.Why, f.Hint)
	}
	return m
}

// TestAbilities probes every ability; one that is missing is a skip with what
// the kernel said.
func TestAbilities(t *testing.T) {
	m := open(t)
	for _, a := range kernel.Abilities() {
		t.Run(string(a.Name), func(t *testing.T) {
			f := m.Ability(a.Name)
			switch {
			case f.Answer == check.Yes:
			case f.Why == "" || f.Hint == "":
				t.Errorf("%s is missing (%v) without a reason (%q) or a hint (%q)", a.Name, f.Answer, f.Why, f.Hint)
			default:
				t.Skipf("%s: %s", f.Why, f.Hint)
			}
		})
	}
}

// errRefused is a program that was refused for a reason that was told.
var errRefused = errors.New("refused")

// older is a kernel without some abilities, as a target of the compiler.
type older struct {
	*kernel.Machine
	lacks []check.Ability
}

// Has answers no about what it lacks.
func (o older) Has(a check.Ability) check.Answer {
	if slices.Contains(o.lacks, a) {
		return check.No
	}
	return o.Machine.Has(a)
}

// TestFallbacks verifies what is compiled for kernels that lack an ability which
// there is another way for: it must load here too.
func TestFallbacks(t *testing.T) {
	m := open(t)
	for name, program := range map[string]string{
		"loop":                 `begin { @n = 0; for ($i : 2..9) { if ($i == 7) { break; } @n += $i; } for ($i : 0..3) { for ($j : 0..5) { @n += $i * $j; } } exit(); }`,
		"get_current_task_btf": `tracepoint:syscalls:sys_enter_openat { @[curtask.comm, comm] = count(); }`,
		"get_attach_cookie":    `tracepoint:syscalls:sys_enter_openat, tracepoint:sched:sched_switch { @[probe] = count(); }`,
		"tp_btf":               `rawtracepoint:sched_switch { @[args.next.comm] = count(); }`,
		"large_map_key":        `tracepoint:syscalls:sys_enter_openat { @[str(args.filename), comm] = count(); }`,
		"ktime_get_boot_ns":    `begin { @ = nsecs; exit(); }`,
		"ktime_get_tai_ns":     `begin { @ = nsecs(tai); exit(); }`,
		"uprobe_multi":         `uprobe:libc:getpid { @[func, ustack(2)] = count(); }`,
	} {
		t.Run(name, func(t *testing.T) {
			switch err := verifyFor(m, older{m, []check.Ability{check.Ability(name)}}, program); {
			case errors.Is(err, errRefused) && m.Has(check.Ability(name)) != check.Yes:
				t.Skip(err)
			case err != nil:
				t.Errorf("%s\n%v", program, detail(err))
			}
		})
	}
}

// verify takes a program through all stages up to the kernel's verifier.
func verify(m *kernel.Machine, text string) error { return verifyFor(m, m, text) }

func verifyFor(m *kernel.Machine, target check.Target, text string) error {
	file, ds := syntax.Parse(syntax.NewSource("program", text), &syntax.ParseOptions{Unsafe: true})
	if ds.HasErrors() {
		return fmt.Errorf("parse: %s", first(ds))
	}
	info, ds := check.Check(file, target, &check.Options{Unsafe: true})
	if ds.HasErrors() {
		return fmt.Errorf("%w by the checker: %s", errRefused, first(ds))
	}
	obj, ds := compile.Compile(info, nil)
	if ds.HasErrors() {
		return fmt.Errorf("%w by the compiler: %s", errRefused, first(ds))
	}
	native := &engine.Native{Machine: m}
	err := native.Verify(context.Background(), obj, &engine.Options{Unsafe: true})
	var missing *kernel.Missing
	if errors.As(err, &missing) || err != nil && strings.HasPrefix(err.Error(), "find cgroup ") {
		return fmt.Errorf("%w by the engine: %w", errRefused, err)
	}
	return err
}

func first(ds syntax.Diagnostics) string {
	for _, d := range ds {
		if d.Severity == syntax.Error {
			return fmt.Sprintf("%s: %s", d.Code, d.Message)
		}
	}
	return ""
}

// TestFunctions verifies the example of every function and builtin.
func TestFunctions(t *testing.T) {
	m := open(t)
	for _, f := range check.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			switch err := verify(m, f.Example); {
			case errors.Is(err, errRefused):
				t.Skipf("%v", err)
			case err != nil:
				t.Errorf("%s\n%v", f.Example, detail(err))
			}
		})
	}
}

// TestGenerated verifies generated programs: one may be refused with a reason,
// but what reaches the verifier must pass it.
func TestGenerated(t *testing.T) {
	m := open(t)
	from, n := seeds(t)
	accepted, refused, reasons := 0, 0, map[string]int{}
	for seed := from; seed < from+n; seed++ {
		p := progen.Generate(seed, progen.Options{})
		switch err := verify(m, p.Text); {
		case err == nil:
			accepted++
		case errors.Is(err, errRefused):
			refused++
			reasons[reason(err)]++
		default:
			t.Errorf("seed %d: %v\n%s", seed, detail(err), p.Text)
		}
	}
	t.Logf("%d programs: %d accepted, %d refused with a reason", n, accepted, refused)
	for r, n := range reasons {
		t.Logf("%4d %s", n, r)
	}
	if accepted < int(n)/10 {
		t.Errorf("only %d of %d programs reach the verifier", accepted, n)
	}
}

// seeds reads MCPTRACE_SEEDS, "COUNT" or "FIRST+COUNT".
func seeds(t *testing.T) (first, n uint64) {
	n = 60
	text := os.Getenv("MCPTRACE_SEEDS")
	if text == "" {
		return 0, n
	}
	if at, count, ok := strings.Cut(text, "+"); ok {
		first, text = number(t, at), count
	}
	return first, number(t, text)
}

func number(t *testing.T, text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("MCPTRACE_SEEDS: %v", err)
	}
	return n
}

// reason is an error without what differs between programs.
func reason(err error) string {
	s, _, _ := strings.Cut(err.Error(), "\n")
	if len(s) > 160 {
		s = s[:160]
	}
	return s
}

// detail shows the end of the verifier's log too.
func detail(err error) string {
	s := err.Error()
	var r *engine.Rejected
	if errors.As(err, &r) {
		for _, n := range r.Diagnostic.Notes {
			s += "\n\t" + n.Message
		}
	}
	return s
}
