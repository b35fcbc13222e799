package service

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// ValidateRequest asks what is wrong with a program.
type ValidateRequest struct {
	Program string   `json:"program" req:"true" doc:"bpftrace program text"`
	Args    []string `json:"args" doc:"positional parameters $1, $2, ..."`
	Target  string   `json:"target" enum:"host,offline" default:"host" doc:"offline: without this kernel's probes and types"`
}

// ValidateResult is the verdict.
type ValidateResult struct {
	Summary     string       `json:"summary"`
	OK          bool         `json:"ok"`
	Diagnostics []Diagnostic `json:"diagnostics" doc:"errors and warnings with place, message and fix"`
	Fixed       string       `json:"fixed_program,omitempty" doc:"the program with the suggested fixes, when that is accepted"`
	Engine      string       `json:"engine,omitempty" doc:"who would run it"`
	Probes      []string     `json:"probes,omitempty" doc:"attach points, the first 20"`
	ProbeCount  int          `json:"probe_count" doc:"attach points in all"`
	Maps        []string     `json:"maps,omitempty"`
	Effects     []string     `json:"effects,omitempty" doc:"what it does beyond tracing"`
	Next        string       `json:"next,omitempty"`
}

// Validate checks a program without running it.
func (s *Service) Validate(_ context.Context, req *ValidateRequest) (*ValidateResult, error) {
	src, err := NewProgram("program", req.Program)
	if err != nil {
		return nil, err
	}
	target, err := s.target(req.Target)
	if err != nil {
		return nil, err
	}
	opts := &ProgramOptions{Params: req.Args}
	checked, err := Check(src, target, opts)
	if err == nil && req.Target != "offline" {
		_, err = checked.Compile(opts)
	}
	res := &ValidateResult{OK: err == nil, Diagnostics: Diagnose(checked.Diagnostics)}
	if err != nil {
		s.explainRejection(res, checked, target, opts)
		return res, nil
	}
	describe(res, checked)
	if req.Target != "offline" {
		res.Engine = "native"
	}
	return res, nil
}

// explainRejection says what is wrong and tries the suggested fixes.
func (s *Service) explainRejection(res *ValidateResult, c *Checked, target check.Target, opts *ProgramOptions) {
	res.Summary = "rejected: " + rejected(c.Diagnostics).Message
	text, n := syntax.ApplyFixes(c.Source, c.Diagnostics, false)
	if n == 0 {
		res.Next = "correct the program at the places given and call validate_program again"
		return
	}
	if _, err := Check(syntax.NewSource(c.Source.Name, text), target, opts); err != nil {
		res.Next = "correct the program at the places given and call validate_program again"
		return
	}
	res.Fixed = text
	res.Next = "fixed_program is accepted: if it is what you meant, run it with exec_program"
}

// describe says what an accepted program would do.
func describe(res *ValidateResult, c *Checked) {
	for _, p := range c.Info.Probes {
		for _, ap := range p.AttachPoints {
			res.ProbeCount++
			if len(res.Probes) < 20 {
				res.Probes = append(res.Probes, ap.Name)
			}
		}
	}
	for _, m := range c.Info.Maps {
		res.Maps = append(res.Maps, m.Name)
	}
	res.Effects = effects(c.Info)
	warnings := ""
	if n := len(c.Diagnostics); n > 0 {
		warnings = ", " + plural(n, "warning")
	}
	res.Summary = fmt.Sprintf("accepted: %s, %s%s", plural(res.ProbeCount, "attach point"), plural(len(res.Maps), "map"), warnings)
	res.Next = `run it: exec_program {"program": ..., "timeout": 5, "wait": 10}`
}

// effects are the words for what a program does beyond computing and printing.
func effects(info *check.Info) []string {
	words := []struct {
		effect check.Effect
		text   string
	}{
		{check.EffectSystem, "runs commands"},
		{check.EffectSignal, "sends signals"},
		{check.EffectOverride, "changes results of functions"},
		{check.EffectWriteUser, "writes memory of processes"},
		{check.EffectReadFile, "reads files"},
		{check.EffectWriteFile, "writes files"},
		{check.EffectReadUser, "reads memory of processes"},
		{check.EffectReadKernel, "reads kernel memory"},
	}
	var all check.Effect
	for _, c := range info.Calls {
		all |= c.Func.Effects
	}
	var list []string
	for _, w := range words {
		if all&w.effect != 0 {
			list = append(list, w.text)
		}
	}
	sort.Strings(list)
	return list
}

// Compile makes an Object of a checked program for the native engine.
func (c *Checked) Compile(opts *ProgramOptions) (*compile.Object, error) {
	obj, ds := compile.Compile(c.Info, &compile.Options{PID: opts.PID, HelperErrors: opts.HelperErrors, Params: opts.Live, PIDNamespace: inPIDNamespace()})
	c.Diagnostics = append(c.Diagnostics, ds...)
	if ds.HasErrors() {
		return nil, rejected(ds)
	}
	return obj, nil
}

// inPIDNamespace reports whether this process has other ids than the kernel
// shows: its pid namespace is not the first, whose number is fixed.
func inPIDNamespace() bool {
	name, err := os.Readlink("/proc/self/ns/pid")
	return err == nil && name != "pid:[4026531836]"
}

// plural counts things: "1 map", "2 maps".
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// quoteList joins names for a sentence.
func quoteList(names []string, max int) string {
	if len(names) > max {
		return strings.Join(names[:max], ", ") + fmt.Sprintf(" and %d more", len(names)-max)
	}
	return strings.Join(names, ", ")
}
