// Package symbol names kernel and user addresses: ELF, DWARF, pclntab, perf maps.
//
// In go binaries, process ids and addresses; out come functions with file
// offsets ([Binary]), frames with symbol, module, file and line ([Symbolizer],
// [Kernel]), USDT probes with their operands, and the parameter types that
// DWARF records. Everything is read when it is first asked for and kept within
// stated bounds.
//
// Not read: .gnu_debugdata (xz), the shared files of dwz, split DWARF (.dwo) and
// Rust's v0 names. Frames are named as far as the rest allows.
//
// What it reads is written by others, in part by hostile others: a malformed
// file yields an error or fewer symbols, never a panic. The package starts no
// goroutines, logs nothing, loads nothing into the kernel and never runs or
// attaches to a process.
package symbol
