// Package compile turns a checked program into an Object; it loads nothing and
// is deterministic.
//
// A [check.Info] without errors goes in. Out comes an [Object]: eBPF programs
// with the places that they attach to, the maps that they use, and the tables
// with which an engine decodes what they write. Everything that the running
// kernel decides (map descriptors, attach cookies that work, process ids)
// happens in the engine; everything that depends only on the target's abilities
// is decided here by asking check.Target.
//
// The code generator goes from the tree straight to eBPF instructions, with no
// intermediate representation: cost is dominated by helper calls, not by moves.
// See ARCHITECTURE.md for registers, the layout of values and the records of the
// ring buffer.
package compile
