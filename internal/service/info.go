package service

import (
	"context"
	"fmt"
	"strings"
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
