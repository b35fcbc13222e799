// Package explain says in plain words what a bpftrace program does, and what a
// diagnostic means.
//
// A [check.Info] goes in and an [Explanation] comes out: when each probe fires,
// under which condition, what each statement does, what the maps end up holding
// and in which unit, what is printed and when, how the program ends, and what to
// mind. Codes of diagnostics, functions and kinds of probes are explained from
// the tables of the language.
//
// The package never runs a program and never reads a machine: what it says about
// tracepoints comes from their names and from the fields that the target knew.
package explain
