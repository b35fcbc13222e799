package service

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/mcptrace/mcptrace/internal/kernel"
)

// BPFInfoRequest asks what this system offers.
type BPFInfoRequest struct {
	Section string `json:"section" enum:"summary,abilities,all" default:"summary"`
	Target  string `json:"target" hidden:"true" doc:"host"`
}

// BPFInfoResult is what this system offers for tracing.
type BPFInfoResult struct {
	Summary   string    `json:"summary"`
	Kernel    string    `json:"kernel"`
	Arch      string    `json:"arch"`
	Version   string    `json:"mcptrace"`
	Engines   []string  `json:"engines" doc:"who can run programs here"`
	Facts     []Fact    `json:"facts,omitempty"`
	Missing   []Lacking `json:"missing,omitempty" doc:"what this kernel or these rights lack, and how to get it"`
	Abilities []string  `json:"abilities,omitempty" doc:"what works"`
	Next      string    `json:"next,omitempty"`
}

// Fact is a property of the system.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Lacking is what is missing.
type Lacking struct {
	Ability string `json:"ability"`
	What    string `json:"what"`
	Why     string `json:"why,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// BPFInfo describes this system. The first call probes its abilities, which
// takes some tens of milliseconds; the summary does without most of that.
func (s *Service) BPFInfo(_ context.Context, req *BPFInfoRequest) (*BPFInfoResult, error) {
	host, err := s.Host()
	if err != nil {
		return nil, err
	}
	info := host.Info()
	res := &BPFInfoResult{Kernel: info.Release, Arch: info.Arch, Version: s.opts.Version, Engines: s.engines()}
	yes := 0
	for _, a := range info.Abilities {
		switch {
		case a.Answer == "yes":
			yes++
			res.Abilities = append(res.Abilities, a.Name)
		default:
			res.Missing = append(res.Missing, Lacking{Ability: a.Name, What: a.What, Why: Clean(a.Why, 200), Hint: a.Hint})
		}
	}
	res.Summary = fmt.Sprintf("Linux %s (%s), %s, %d of %d abilities", info.Release, info.Arch, rights(info), yes, len(info.Abilities))
	if len(info.Limits) > 0 {
		res.Summary += "; limits: " + strings.Join(info.Limits, "; ")
	}
	trimInfo(res, req.Section)
	if req.Section != "abilities" {
		res.Facts = facts(info)
	}
	return res, nil
}

// trimInfo leaves out what a section does not ask for.
func trimInfo(res *BPFInfoResult, section string) {
	if section == "summary" {
		res.Abilities, res.Missing = nil, res.Missing[:min(len(res.Missing), 5)]
		res.Next = `all abilities and how to get what is missing: bpf_info {"section": "abilities"}`
	}
}

// rights says as what this process runs.
func rights(info *kernel.Facts) string {
	if info.UID == 0 {
		return "running as root"
	}
	if len(info.Capabilities) == 0 {
		return fmt.Sprintf("running as uid %d without capabilities", info.UID)
	}
	return fmt.Sprintf("running as uid %d with %s", info.UID, strings.Join(info.Capabilities, ", "))
}

// engines are the names of those that can run programs here.
func (s *Service) engines() []string {
	list := []string{}
	if _, err := s.nativeEngine(); err == nil {
		list = append(list, "native")
	}
	if _, err := s.bpftrace(); err == nil {
		list = append(list, "bpftrace")
	}
	return list
}

// facts are the properties of the system worth a line.
func facts(info *kernel.Facts) []Fact {
	var list []Fact
	add := func(name, value string) {
		if value != "" {
			list = append(list, Fact{name, Clean(value, 300)})
		}
	}
	add("version", info.Version)
	add("distribution", info.Distribution)
	if info.CPUs > 0 {
		add("cpus", fmt.Sprintf("%d %s", info.CPUs, info.CPUModel))
	}
	if info.MemoryBytes > 0 {
		add("memory", fmt.Sprintf("%d MiB", info.MemoryBytes>>20))
	}
	if info.BTF.Available {
		add("btf", fmt.Sprintf("%d types, %d bytes", info.BTF.Types, info.BTF.Bytes))
	}
	add("tracefs", info.Tracefs)
	add("lockdown", info.Lockdown)
	add("lsm", strings.Join(info.LSMs, " "))
	add("container", info.Container)
	add("cgroup", info.CgroupMode)
	add("probes", countText(info.Probes))
	return list
}

func countText(counts map[string]int) string {
	var parts []string
	for kind, n := range counts {
		parts = append(parts, fmt.Sprintf("%s %d", kind, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
