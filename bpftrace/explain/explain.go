package explain

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Explanation is a program in plain words. All texts are English sentences or
// parts of them, without line ends.
type Explanation struct {
	Summary string   `json:"summary"`
	Target  string   `json:"target"` // what the program was checked against
	Probes  []Probe  `json:"probes"`
	Maps    []Map    `json:"maps"`
	Output  []string `json:"output"` // what is printed, and when
	End     []string `json:"end"`    // how the program ends and what happens then
	Hints   []string `json:"hints"`  // cost, content that may be private, effects on the system
}

// Probe is one probe of the program, in the order of the text.
type Probe struct {
	AttachPoints []string `json:"attach_points"`       // as written
	Places       int      `json:"places"`              // how many places they stand for on the target
	When         string   `json:"when"`                // when it fires
	Fields       []string `json:"fields,omitempty"`    // what args offers, where the target knows it
	Condition    string   `json:"condition,omitempty"` // the predicate; "" when there is none
	Steps        []Step   `json:"steps"`
}

// Step is a statement. Steps are what it governs: the body of an if or a loop.
type Step struct {
	Text  string `json:"text"`
	Steps []Step `json:"steps,omitempty"`
}

// Map is a map of the program.
type Map struct {
	Name       string   `json:"name"`
	Keys       []string `json:"keys,omitempty"` // what its entries are kept by
	Holds      string   `json:"holds"`
	Unit       string   `json:"unit,omitempty"` // nanoseconds, bytes, times, ...; "" when not known
	MaxEntries int      `json:"max_entries,omitempty"`
}

// Program explains a program that has been checked without errors.
func Program(info *check.Info) *Explanation {
	x := &explainer{
		info: info, units: newUnits(info), maps: map[string]*holding{}, cleared: map[string]bool{}, vars: map[*check.Var]string{},
		out: &Explanation{Target: info.Target.Describe(), Probes: []Probe{}, Maps: []Map{}, Output: []string{}, End: []string{}, Hints: []string{}},
	}
	for _, group := range declared(info) {
		x.explain(group)
	}
	x.explainMaps()
	x.explainEnd()
	x.explainHints()
	x.out.Summary = x.summary()
	return x.out
}

// explainer collects an Explanation.
type explainer struct {
	info  *check.Info
	units *units
	out   *Explanation

	probe   *check.Probe          // that is being explained
	moment  string                // when it fires, in words
	when    string                // the same with its condition, for what it prints and how it ends
	vars    map[*check.Var]string // what variables were first set to
	maps    map[string]*holding
	cleared map[string]bool // maps that the end probe clears
	ends    []string
	seen    effects
}

// holding is what the statements seen so far put into a map.
type holding struct {
	keys  []string
	value string
}

// declared returns the checked probes, those of one declaration together.
func declared(info *check.Info) [][]*check.Probe {
	var groups [][]*check.Probe
	place := map[*syntax.Probe]int{}
	for _, p := range info.Probes {
		i, ok := place[p.Decl]
		if !ok {
			i = len(groups)
			place[p.Decl] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], p)
	}
	return groups
}

// explain adds one declaration. The bodies of a group differ in types only, so
// that the first one speaks for all.
func (x *explainer) explain(group []*check.Probe) {
	x.probe = group[0]
	p := Probe{When: x.moments(group), Steps: []Step{}}
	for _, ap := range x.probe.Decl.AttachPoints {
		if ap.Raw != "" {
			p.AttachPoints = append(p.AttachPoints, ap.Raw)
		}
	}
	for _, one := range group {
		p.Places += len(one.AttachPoints)
	}
	p.Fields = fieldNames(x.probe)
	x.moment = x.occasion(group)
	x.when = x.moment
	if x.probe.Predicate != nil {
		p.Condition = x.condition(x.probe.Predicate)
		x.when += ", if " + p.Condition
		x.seen.look(x, x.probe.Predicate)
	}
	if x.probe.Body != nil {
		p.Steps = append(p.Steps, x.steps(x.probe.Body)...)
		x.seen.look(x, x.probe.Body)
	}
	x.out.Probes = append(x.out.Probes, p)
}

// fieldNames lists what args offers, without what every tracepoint has.
func fieldNames(p *check.Probe) []string {
	if p.Args == nil || p.Args.Struct == nil {
		return nil
	}
	var names []string
	for _, f := range p.Args.Struct.Members() {
		if f.Name != "" && !isCommon(f.Name) {
			names = append(names, f.Name)
		}
	}
	return names
}

func isCommon(field string) bool {
	return len(field) > 7 && field[:7] == "common_" || field == "__syscall_nr"
}
