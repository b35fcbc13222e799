// Package kernel knows what one machine offers for tracing; storable as a snapshot.
//
// The running kernel goes in ([Host]), or a file that [Machine.WriteSnapshot]
// wrote on another machine ([OpenSnapshot]); a [Machine] comes out. It is a
// [check.Target]: it expands attach points, gives the types of tracepoints,
// functions and structs, and says which abilities the kernel and the caller's
// rights have. It also answers listings ([Machine.List]) and questions about the
// machine as a whole ([Machine.Facts]).
//
// Everything is read on first use and kept: opening a Machine reads nothing, a
// struct costs one pass over the kernel's BTF (1-2 ms) and a few microseconds
// afterwards.
//
// The package never attaches anything, never leaves anything loaded, and never
// changes the mount table of the host; abilities are probed by doing the thing
// once and closing it.
package kernel
