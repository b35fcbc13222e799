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
package syntax
