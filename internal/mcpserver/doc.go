// Package mcpserver offers the service as a Model Context Protocol server.
//
// A service.API goes in; what comes out speaks the protocol on stdio or HTTP, in
// the stateless revision of 2026-07-28 and in those that begin with initialize,
// on one connection if a client mixes them (era.go, http.go).
//
// Each tool is one row of a table (tools.go): an operation of the service with
// the Markdown file that describes it. One wrapper (tool.go) turns requests into
// arguments: it forgives what models get wrong and harmlessly (nulls, unknown
// names, numbers as strings), refuses the rest in one line that shows a call
// that works, contains panics, and encodes results once, so that 64-bit numbers
// and the order of fields survive.
//
// In stdio mode nothing but protocol is written to standard output.
package mcpserver
