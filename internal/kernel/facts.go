package kernel

import "github.com/mcptrace/mcptrace/bpftrace/check"

// Facts are what is known about a machine as a whole, for people and agents who
// plan a trace. Fields that could not be read are empty.
type Facts struct {
	Release      string         `json:"release"` // 6.18.44-fc-v595
	Arch         string         `json:"arch"`    // amd64
	Version      string         `json:"version,omitempty"`
	CPUs         int            `json:"cpus,omitempty"` // online
	CPUModel     string         `json:"cpu_model,omitempty"`
	MemoryBytes  uint64         `json:"memory_bytes,omitempty"`
	Distribution string         `json:"distribution,omitempty"`
	BTF          BTFFacts       `json:"btf"`
	Tracefs      string         `json:"tracefs,omitempty"` // how it is reached: "mounted at /sys/kernel/tracing", "detached mount"
	Lockdown     string         `json:"lockdown,omitempty"`
	LSMs         []string       `json:"lsms,omitempty"`
	UID          int            `json:"uid"`
	Capabilities []string       `json:"capabilities,omitempty"` // effective
	Container    string         `json:"container,omitempty"`    // what says that this is one; "" on a plain host
	PIDNamespace bool           `json:"pid_namespace"`          // not the initial one: pids differ from what the kernel shows
	Mounts       []string       `json:"mounts,omitempty"`       // of the file systems that matter here
	CgroupMode   string         `json:"cgroup_mode,omitempty"`  // v1, v2 or hybrid
	Memlock      string         `json:"memlock,omitempty"`      // limit in bytes or "unlimited"
	ClockSource  string         `json:"clock_source,omitempty"`
	Settings     map[string]any `json:"settings,omitempty"` // sysctls that decide what is allowed
	Tracer       string         `json:"tracer,omitempty"`   // another ftrace user's current tracer, "nop" for none
	Probes       map[string]int `json:"probes,omitempty"`   // how many of each kind this kernel offers
	Abilities    []AbilityFact  `json:"abilities,omitempty"`
	Limits       []string       `json:"limits,omitempty"` // what is missing and matters, in words
}

// BTFFacts say where types come from.
type BTFFacts struct {
	Available bool     `json:"available"`
	Bytes     int      `json:"bytes,omitempty"`
	Types     int      `json:"types,omitempty"`
	Modules   []string `json:"modules,omitempty"`
}

// AbilityFact is the answer about one ability, with what it is for.
type AbilityFact struct {
	Name   string `json:"name"`
	Answer string `json:"answer"` // yes, no or maybe
	What   string `json:"what"`
	Why    string `json:"why,omitempty"`  // what the kernel said
	Hint   string `json:"hint,omitempty"` // how to get it
}

// Facts returns what is known about the machine without trying anything: a few
// files are read. Abilities and Probes are left empty; see [Machine.Info].
func (m *Machine) Facts() *Facts { return m.src.facts() }

// Info returns Facts with all abilities probed and the probes of each kind
// counted. It takes some tens of milliseconds the first time.
func (m *Machine) Info() *Facts {
	f := m.Facts()
	f.Probes = m.countProbes()
	f.Abilities = nil
	for _, row := range Abilities() {
		a := m.Ability(row.Name)
		f.Abilities = append(f.Abilities, AbilityFact{
			Name: string(row.Name), Answer: answerWord(a.Answer), What: row.What, Why: a.Why, Hint: a.Hint,
		})
	}
	if b, err := m.types.btf(""); err == nil {
		f.BTF.Available, f.BTF.Bytes, f.BTF.Types = true, len(b.raw), len(b.offs)
	}
	f.Limits = m.limits()
	return f
}

// countProbes counts what a listing holds, by kind. Functions are counted where
// kprobe or fentry can attach.
func (m *Machine) countProbes() map[string]int {
	counts := map[string]int{}
	index, _ := m.listIndex()
	for _, e := range index {
		counts[e.kind.String()]++
	}
	functions := 0
	if x, err := m.functions(); err == nil {
		functions = x.count()
	}
	for _, row := range listedKinds() {
		name := row.kind.String()
		switch {
		case row.needs != "" && m.Has(row.needs) != check.Yes:
			delete(counts, name)
		case row.needs == check.AbilityKprobe || row.needs == check.AbilityFentry:
			counts[name] = functions
		}
	}
	return counts
}

// limits says in words what is missing and matters most to who writes programs.
func (m *Machine) limits() []string {
	var limits []string
	for _, row := range []struct {
		ability check.Ability
		instead string
	}{
		{check.AbilityBPF, "nothing can be traced"},
		{check.AbilityTracefs, "tracepoints cannot be listed and their fields are not known"},
		{check.AbilityBTF, "struct fields, fentry, rawtracepoint arguments and iter are not available"},
		{check.AbilityKprobe, "kprobe and kretprobe do not attach: use a tracepoint or fentry"},
		{check.AbilityFentry, "fentry and fexit do not attach: use a tracepoint, rawtracepoint or kprobe"},
		{check.AbilityPerfEvent, "profile, interval and software probes do not attach"},
		{check.AbilityUprobeMulti, "uprobes attach one by one"},
		{check.AbilityHardware, "hardware probes do not attach: use profile or software events"},
	} {
		if m.Has(row.ability) == check.No {
			limits = append(limits, string(row.ability)+": "+row.instead)
		}
	}
	return limits
}
