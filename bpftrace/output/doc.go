// Package output models what a running bpftrace program prints: typed events,
// text and JSON both ways.
//
// In go typed events, from an engine or from a Decoder reading the -f json of
// any bpftrace since 0.17. Out come the bytes that bpftrace 0.27 would have
// printed (TextEncoder) or its newline-delimited JSON with compatible repairs
// (JSONEncoder). The package never reads a kernel, a program or a symbol table:
// an event holds everything that is needed to print it.
//
// # Events and values
//
// An Event is one of the pointer types below, a Value one of the value types;
// both are sealed interfaces meant for type switches. Values are immutable:
// nobody changes a slice inside one after it has been handed on.
//
// A sealed interface costs one small allocation for an integer above 255. That
// is paid where values are looked at anyway (map dumps, typed arguments) and
// not where speed matters: printf, the hot path, is formatted by Format
// straight from the engine's bytes without making any Value.
//
// AppendEvent and ReadEvent are for keeping events and for sending them between
// processes of ours: a binary form that, unlike text and JSON, loses nothing.
//
// # Bucket numbering
//
// hist.go also holds the numbering of histogram buckets, because the program in
// the kernel, the engine that reads its maps and the encoders must agree on it.
package output
