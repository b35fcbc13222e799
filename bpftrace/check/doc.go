// Package check finds the meaning of a bpftrace program on a given target.
//
// A [syntax.File] and a [Target] go in; an [Info] and diagnostics come out of
// [Check]. Info holds what every expression is (type, constant value, resolved
// function, macro expansion), what every probe attaches to and what every map
// holds. The tree itself is never changed: probes whose attach points give their
// arguments different types are checked on clones of their bodies, and macro
// calls on clones of the macro's body, so that one table keyed by node holds
// every result.
//
// Builtins, functions, probe kinds, config keys and diagnostic codes are tables
// of data that the checker, the compiler, the documentation, completion and
// search all read.
//
// The package imports only the standard library and bpftrace/syntax and reads
// no machine: that is the Target's work. [Offline] is the target that knows no
// kernel.
package check
