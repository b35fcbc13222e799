package compile

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/progen"
)

// TestGenerated holds the compiler to its promise that what checks is never
// refused by the verifier: random programs of every probe kind that this kernel
// loads are compiled and loaded. MCPTRACE_GENERATED says how many (200), and
// MCPTRACE_SEED the first seed.
func TestGenerated(t *testing.T) {
	requireBPF(t)
	host, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Skipf("no kernel to check against: %v", err)
	}
	defer host.Close()
	attach := loadable(t, host)
	n, first := envInt("MCPTRACE_GENERATED", 200), envInt("MCPTRACE_SEED", 1)
	failures := 0
	for seed := uint64(first); seed < uint64(first+n) && failures < 20; seed++ {
		p := progen.Generate(seed, progen.Options{Attach: attach, Without: without(host)})
		if err := generatedLoads(p.Text, host); err != nil {
			failures++
			t.Errorf("seed %d: %v\n%s", seed, err, p.Text)
		}
	}
	t.Logf("%d programs over %d attach points, %d failures", n, len(attach), failures)
}

// without are the features that this kernel does not offer.
func without(host check.Target) (list []string) {
	if _, err := host.KernelSymbol("__per_cpu_offset"); err != nil {
		list = append(list, "percpu_kaddr")
	}
	if host.Has("probe_write_user") == check.No {
		list = append(list, "write_user")
	}
	return list
}

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// loadable are the attach points whose empty programs check and load here; the
// others are named with what refused them.
func loadable(t *testing.T, host check.Target) (list []string) {
	for _, k := range progen.Probes {
		for _, at := range k.Attach {
			if err := generatedLoads(at+" { @ = 1; }", host); err != nil {
				t.Logf("left out %s: %.200v", at, err)
				continue
			}
			list = append(list, at)
		}
	}
	if len(list) < 20 {
		t.Errorf("only %d attach points load here: %v", len(list), list)
	}
	return list
}

// generatedLoads compiles and loads a program.
func generatedLoads(text string, host check.Target) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	file, ds := syntax.Parse(syntax.NewSource("generated", text), nil)
	if !ds.HasErrors() {
		var info *check.Info
		info, ds = check.Check(file, host, &check.Options{Unsafe: true, Params: []string{"42"}})
		if !ds.HasErrors() {
			var obj *Object
			if obj, ds = Compile(info, nil); !ds.HasErrors() {
				l, err := load(obj)
				if err == nil {
					l.close()
				}
				return err
			}
		}
	}
	for _, d := range ds {
		if d.Severity == syntax.Error {
			line, col := d.Span.Src.Position(int(d.Span.Start))
			return fmt.Errorf("%d:%d: %s: %s", line, col, d.Code, d.Message)
		}
	}
	return nil
}
