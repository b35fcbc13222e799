package kernel

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
	ClockTicks   int            `json:"clock_ticks,omitempty"` // CONFIG_HZ when it is known
	Settings     map[string]any `json:"settings,omitempty"`    // sysctls that decide what is allowed
	Tracer       string         `json:"tracer,omitempty"`      // another ftrace user's current tracer, "nop" for none
	Probes       map[string]int `json:"probes,omitempty"`      // how many of each kind this kernel offers
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
