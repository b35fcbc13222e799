package kernel

import (
	"bytes"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// facts reads the files that tell about the machine. One that is missing leaves
// its fact empty.
func (h *host) facts() *Facts {
	f := &Facts{
		Release: h.rel, Arch: h.arch(), Version: line("/proc/version"), CPUs: onlineCPUs(),
		CPUModel: cpuModel(), MemoryBytes: memory(), Distribution: distribution(),
		Lockdown: lockdown(), LSMs: splitList(line("/sys/kernel/security/lsm")),
		UID: os.Geteuid(), Capabilities: capabilities(),
		Container: container(), PIDNamespace: !initialPIDNamespace(),
		ClockSource: line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
		Memlock:     memlock(), Settings: settings(),
	}
	f.Mounts, f.CgroupMode = mounts()
	if st, err := os.Stat(btfDir + "vmlinux"); err == nil {
		f.BTF = BTFFacts{Available: true, Bytes: int(st.Size()), Modules: btfModules()}
	}
	h.tracefsFacts(f)
	return f
}

func (h *host) tracefsFacts(f *Facts) {
	t, err := h.tracefs()
	if err != nil {
		return
	}
	f.Tracefs = t.how
	if text, err := t.read("current_tracer"); err == nil {
		f.Tracer = strings.TrimSpace(string(text))
	}
}

// line returns the first line of a file, "" when it cannot be read.
func line(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(strings.TrimRight(first, "\x00"))
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// onlineCPUs counts the CPUs of a list such as "0-3,8".
func onlineCPUs() int {
	n := 0
	for _, r := range splitList(line("/sys/devices/system/cpu/online")) {
		from, to, isRange := strings.Cut(r, "-")
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		switch {
		case err1 == nil && !isRange:
			n++
		case err1 == nil && err2 == nil && b >= a:
			n += b - a + 1
		}
	}
	if n == 0 {
		return runtime.NumCPU()
	}
	return n
}

// valueOf returns what stands behind the first line of a file that begins with
// key, separator removed.
func valueOf(path, key, separator string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for l := range bytes.Lines(text) {
		name, value, ok := strings.Cut(string(l), separator)
		if ok && strings.TrimSpace(name) == key {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

func cpuModel() string     { return valueOf("/proc/cpuinfo", "model name", ":") }
func distribution() string { return valueOf("/etc/os-release", "PRETTY_NAME", "=") }

func memory() uint64 {
	kb, _ := strconv.ParseUint(strings.TrimSuffix(valueOf("/proc/meminfo", "MemTotal", ":"), " kB"), 10, 64)
	return kb << 10
}

func memlock() string {
	var r unix.Rlimit
	switch err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r); {
	case err != nil:
		return ""
	case r.Cur == unix.RLIM_INFINITY:
		return "unlimited"
	}
	return strconv.FormatUint(r.Cur, 10)
}

// settings reads the sysctls that decide what may be traced.
func settings() map[string]any {
	found := map[string]any{}
	for _, name := range []string{
		"kernel.unprivileged_bpf_disabled", "kernel.perf_event_paranoid", "kernel.kptr_restrict",
		"kernel.perf_event_max_stack", "kernel.perf_event_max_sample_rate", "kernel.bpf_stats_enabled",
		"kernel.yama.ptrace_scope", "net.core.bpf_jit_enable", "net.core.bpf_jit_harden", "kernel.ftrace_enabled",
	} {
		value := line("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		if n, err := strconv.Atoi(value); err == nil {
			found[name] = n
		}
	}
	return found
}

// mounts lists the mounts of the file systems that tracing uses, and tells from
// them which generation of cgroups is in use.
func mounts() (list []string, cgroups string) {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return nil, ""
	}
	v1, v2 := false, false
	for l := range bytes.Lines(text) {
		fields := strings.Fields(string(l))
		if len(fields) < 3 {
			continue
		}
		switch kind := fields[2]; kind {
		case "cgroup":
			v1 = true
		case "cgroup2":
			v2 = true
			fallthrough
		case "tracefs", "debugfs", "bpf", "securityfs":
			if entry := kind + " " + fields[1]; !slices.Contains(list, entry) {
				list = append(list, entry)
			}
		}
	}
	switch {
	case v1 && v2:
		cgroups = "hybrid"
	case v1:
		cgroups = "v1"
	case v2:
		cgroups = "v2"
	}
	return list, cgroups
}

// initialPIDNamespace compares with the number that the kernel gives the first
// PID namespace.
func initialPIDNamespace() bool {
	link, err := os.Readlink("/proc/self/ns/pid")
	return err != nil || link == "pid:[4026531836]"
}

// container returns what says that this process is in a container.
func container() string {
	for _, path := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if env := os.Getenv("KUBERNETES_SERVICE_HOST"); env != "" {
		return "kubernetes"
	}
	environ, _ := os.ReadFile("/proc/1/environ") // systemd and LXC name the manager there
	for v := range strings.SplitSeq(string(environ), "\x00") {
		if name, ok := strings.CutPrefix(v, "container="); ok {
			return name
		}
	}
	text, _ := os.ReadFile("/proc/self/cgroup")
	for _, mark := range []string{"docker", "kubepods", "containerd", "libpod", "lxc"} {
		if bytes.Contains(text, []byte(mark)) {
			return "cgroup names " + mark
		}
	}
	return ""
}
