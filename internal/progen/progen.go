// Package progen writes random well-typed bpftrace programs for tests of the
// checker, the compiler and the engine: grammar-directed, every builtin,
// function, probe kind and statement among them.
//
// A seed and Options go in, program text comes out; the same seed gives the
// same program. Only tests import it.
package progen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// Options choose what programs may hold.
type Options struct {
	// BeginOnly asks for one begin probe whose output is the same on every
	// machine and at every time: no pids, clocks, stacks or kernel memory.
	BeginOnly bool

	// Attach are the attach points to choose from; nil means Attach of all
	// Probes. Ignored with BeginOnly.
	Attach []string

	// Without names features that the target cannot serve.
	Without []string

	// Statements bound the statements of one block; 0 means 9.
	Statements int
}

// Program is a generated program and the features that it uses: names of
// functions and builtins, "stmt:" and a statement, "probe:" and a kind.
type Program struct {
	Text     string
	Features map[string]int
}

// Generate writes the program of a seed.
func Generate(seed uint64, o Options) Program {
	g := &generator{
		r: rand.New(rand.NewPCG(seed, 0x6d637074)), o: o,
		used: map[string]int{}, read: map[string]bool{},
	}
	if g.o.Statements == 0 {
		g.o.Statements = 9
	}
	return Program{Text: g.program(), Features: g.used}
}

// generator holds the state of one program.
type generator struct {
	r     *rand.Rand
	o     Options
	used  map[string]int
	probe *probe
	vars  []variable      // in scope, innermost last
	names int             // variables named so far
	noCtx bool            // in the body of a loop that is compiled as a callback
	loops int             // loops around this place
	depth int             // of the expression
	read  map[string]bool // maps read, and so in need of an assignment
	needs []string        // declarations that the program needs: C types, macros
}

// variable is a scratch variable of a type.
type variable struct {
	name string
	typ  typ
}

// typ is the class of an expression, as far as choosing one needs to know.
type typ string

const (
	tInt    typ = "int"
	tBool   typ = "bool"
	tStr    typ = "str"
	tTuple  typ = "tuple"  // (int, str)
	tRecord typ = "record" // (n=int, s=str)
	tTask   typ = "task"   // struct task_struct *
	tBuf    typ = "buf"
	tKStack typ = "kstack"
	tUStack typ = "ustack"
	tOther  typ = "other" // printable, and nothing else
)

func (g *generator) use(feature string) { g.used[feature]++ }

func (g *generator) without(feature string) bool { return slices.Contains(g.o.Without, feature) }

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func pick[T any](g *generator, list []T) T { return list[g.r.IntN(len(list))] }

// program writes declarations and probes; what the probes turn out to need is
// put before them.
func (g *generator) program() string {
	var probes []string
	for range g.probeCount() {
		probes = append(probes, g.probeText())
	}
	var b strings.Builder
	for _, d := range g.cTypes() {
		b.WriteString(d + "\n")
	}
	b.WriteString(g.config())
	for _, d := range g.declarations() {
		b.WriteString(d + "\n")
	}
	if init := g.initialise(); init != "" {
		b.WriteString("begin {\n" + init + "}\n")
	}
	for _, p := range probes {
		b.WriteString(p)
	}
	return b.String()
}

func (g *generator) probeCount() int {
	if g.o.BeginOnly {
		return 1
	}
	return 1 + g.r.IntN(3)
}

// need adds a declaration once.
func (g *generator) need(decl string) {
	if !slices.Contains(g.needs, decl) {
		g.needs = append(g.needs, decl)
	}
}

func isC(d string) bool {
	return strings.HasPrefix(d, "struct") || strings.HasPrefix(d, "enum") || strings.HasPrefix(d, "#")
}

// cTypes and declarations split what is needed by where it must stand.
func (g *generator) cTypes() []string {
	return slices.DeleteFunc(slices.Clone(g.needs), func(d string) bool { return !isC(d) })
}

func (g *generator) declarations() []string {
	return slices.DeleteFunc(slices.Clone(g.needs), isC)
}

func (g *generator) config() string {
	if !g.used1("tseries") && !g.chance(20) {
		return ""
	}
	g.use("stmt:config")
	lines := []string{"unstable_tseries=enable"}
	if g.chance(50) {
		lines = append(lines, fmt.Sprintf("max_map_keys=%d", 64+g.r.IntN(4096)))
	}
	if g.chance(40) && !g.o.BeginOnly {
		lines = append(lines, fmt.Sprintf("max_strlen=%d", pick(g, []int{64, 100, 200, 512, 1000})))
	}
	return "config = { " + strings.Join(lines, "; ") + " }\n"
}

func (g *generator) used1(feature string) bool { return g.used[feature] > 0 }

// initialise assigns the maps that are read, so that each has its types.
func (g *generator) initialise() string {
	var b strings.Builder
	for _, m := range maps {
		if g.read[m.name] {
			fmt.Fprintf(&b, "  %s\n", m.first)
		}
	}
	return b.String()
}

// probeText writes one probe with its attach points and predicate.
func (g *generator) probeText() string {
	g.vars, g.noCtx, g.loops, g.depth = nil, false, 0, 0
	at := "begin"
	if !g.o.BeginOnly {
		at = g.attachPoint()
	}
	g.probe = probeOf(at)
	g.use("probe:" + g.probe.kind)
	predicate := ""
	if !g.o.BeginOnly && g.chance(35) {
		g.use("stmt:predicate")
		predicate = " / " + g.condition() + " /" // "/*" would begin a comment
	}
	body := ""
	if g.o.BeginOnly {
		body = fmt.Sprintf("  let $n: int64 = %d;\n", g.r.IntN(100))
		g.vars = append(g.vars, variable{"$n", tInt})
	}
	body += g.block(1+g.r.IntN(g.o.Statements), "  ")
	if g.o.BeginOnly {
		body += g.showAll("  ")
	}
	return at + predicate + " {\n" + body + "}\n"
}

func (g *generator) attachPoint() string {
	if g.o.Attach != nil {
		return pick(g, g.o.Attach)
	}
	return pick(g, pick(g, Probes).Attach)
}
