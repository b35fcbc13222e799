// Package syntax turns bpftrace source text into a syntax tree, and back.
//
// Text goes in as a [Source]; a [File] and [Diagnostics] come out of [Parse].
// The tree is concrete enough to be printed back by [Format]: parentheses,
// comments, older spellings and positional parameters are kept, and nothing is
// desugared. It is read-only after parsing: what a checker finds out about a
// node lives in side tables keyed by the node, so that one tree can be checked
// against many kernels at once.
//
// The package imports only the standard library, reads no files and knows no
// kernel.
//
// # How a program is read
//
// A scanner (scan.go) is pulled by a recursive-descent parser (parse*.go) one
// token at a time. Two parts of a program are not made of tokens: the text of
// attach points, which [ParseAttachPoint] splits, and preprocessor lines
// (preproc.go), whose conditionals the parser evaluates. Structs, unions and
// enums have a small parser of their own (cdef.go). Each method carries its
// production; the language is that of bpftrace 0.27, of which messages and
// their places are taken over as well.
//
// # Errors
//
// A method that finds an error which it cannot step over reports it and
// panics; the statement or declaration that it belongs to recovers, skips to
// its end and leaves a Bad node. So one pass finds every independent error. An
// error on a line that has one already is dropped as its consequence, and after
// ten the rest is. Nesting is bounded, time is linear in the text, and a defect
// of the parser becomes the diagnostic internal-error.
//
// Every kind of error has a [Code]; [Codes] documents them with examples that
// are executed as tests. To add one: a constant and a row in codes.go, the
// place that reports it, and a program in testdata/errors.txt.
//
// To add a kind of attach point: a row in probekind.go, a method in
// attachpoint.go, its checks in attachcheck.go, and lines in
// testdata/attachpoints.txt. To add a node: its type in ast.go, its children in
// walk.go, its text in format.go, and an example in walk_test.go, where a test
// says what is still missing.
package syntax
