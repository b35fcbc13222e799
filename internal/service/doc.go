// Package service is the list of operations that mcptrace offers, once, for
// every front.
//
// Requests and results are plain structs whose tags describe them; the fronts
// make flags, schemas and pages of the same tags. An operation gets its caller
// from the context, does its work through the packages below, and turns their
// three kinds of errors (diagnostics of a program, what a machine lacks, what an
// operation cannot do) into one [Error] that says what is wrong, where, and what
// to do next.
//
// Text that comes from the traced system appears only in fields for data,
// escaped and cut (clean.go), never in a summary, a message or a hint.
//
// The package knows no protocol and writes to no stream.
package service
