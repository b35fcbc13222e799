package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/internal/kernel"
)

// ListProbesRequest asks for probes.
type ListProbesRequest struct {
	Filter   string `json:"filter" doc:"pattern such as tracepoint:syscalls:*open*, or words such as: block issue"`
	Describe bool   `json:"describe" default:"false" doc:"with arguments and their types"`
	Limit    int    `json:"limit" min:"1" max:"500" default:"50" clamp:"true"`
	Offset   int    `json:"offset" min:"0" max:"10000000" default:"0"`
	All      bool   `json:"all" default:"false" doc:"also kinds that cannot be attached here"`
	Target   string `json:"target" hidden:"true" doc:"host"`
}

// ListProbesResult is a part of the matching probes.
type ListProbesResult struct {
	Summary string      `json:"summary"`
	Probes  []string    `json:"probes"`
	Count   int         `json:"count" doc:"names in this answer"`
	Total   int         `json:"total" doc:"names that match"`
	Args    []ProbeArgs `json:"args,omitempty" doc:"with describe"`
	Next    string      `json:"next,omitempty"`
}

// ProbeArgs are the arguments of a probe as a program reads them.
type ProbeArgs struct {
	Probe string   `json:"probe"`
	Args  []string `json:"args" doc:"type and name; read as args.NAME"`
}

// ListProbes finds probes by pattern or by words.
func (s *Service) ListProbes(_ context.Context, req *ListProbesRequest) (*ListProbesResult, error) {
	host, err := s.Host()
	if err != nil {
		return nil, err
	}
	opts := kernel.ListOptions{All: req.All, Args: req.Describe, Limit: req.Limit, Offset: req.Offset}
	opts.Pattern, opts.Words = SplitFilter(req.Filter)
	found, err := host.List(opts)
	if err != nil {
		return nil, err
	}
	res := &ListProbesResult{Total: found.Total, Count: len(found.Probes), Probes: make([]string, 0, len(found.Probes))}
	for i := range found.Probes {
		p := &found.Probes[i]
		res.Probes = append(res.Probes, p.Name)
		if req.Describe && len(p.Args) > 0 {
			res.Args = append(res.Args, probeArgs(p))
		}
	}
	s.summariseList(res, req, host)
	return res, nil
}

// SplitFilter tells a pattern from words: a pattern has a colon or a wildcard,
// or is one word, which may stand anywhere in a name.
func SplitFilter(filter string) (pattern string, words []string) {
	words = strings.Fields(filter)
	switch {
	case len(words) == 0:
		return "", nil
	case len(words) == 1 && strings.ContainsAny(words[0], ":*?["):
		return words[0], nil
	}
	return "", words
}

func probeArgs(p *kernel.Listed) ProbeArgs {
	a := ProbeArgs{Probe: p.Name, Args: make([]string, 0, len(p.Args))}
	for _, arg := range p.Args {
		a.Args = append(a.Args, arg.Type+" "+arg.Name)
	}
	return a
}

// summariseList says how much of what there is was returned, and how to go on;
// for an empty result why, and what to try.
func (s *Service) summariseList(res *ListProbesResult, req *ListProbesRequest, host *kernel.Machine) {
	end := req.Offset + res.Count
	switch {
	case res.Total == 0:
		s.explainEmptyList(res, req, host)
	case res.Count == 0:
		res.Summary = fmt.Sprintf("no more: %d probes match, offset was %d", res.Total, req.Offset)
	case end < res.Total:
		res.Summary = fmt.Sprintf("%d of %d matching probes", res.Count, res.Total)
		res.Next = fmt.Sprintf("more: the same call with offset %d, or a narrower filter", end)
	default:
		res.Summary = plural(res.Total, "matching probe")
	}
	if res.Count > 0 && !req.Describe && res.Next == "" {
		res.Next = fmt.Sprintf(`arguments: list_probes {"filter": %q, "describe": true}`, res.Probes[0])
	}
}

func (s *Service) explainEmptyList(res *ListProbesResult, req *ListProbesRequest, host *kernel.Machine) {
	res.Summary = "no probe of this kernel matches the filter"
	kind, _, given := strings.Cut(strings.TrimSpace(req.Filter), ":")
	if given && !req.All {
		pattern, words := SplitFilter(req.Filter)
		if all, err := host.List(kernel.ListOptions{Pattern: pattern, Words: words, All: true, Limit: 1}); err == nil && all.Total > 0 {
			res.Summary = "probes match, but this kernel or these rights cannot attach them: bpf_info says what is missing"
			res.Next = `bpf_info {"section": "abilities"}`
			return
		}
	}
	res.Next = `try words instead of a pattern, for example list_probes {"filter": "block issue"}`
	if given && strings.ContainsAny(kind, "*?") {
		res.Next = `leave the kind out: list_probes {"filter": "*open*"}`
	}
}
