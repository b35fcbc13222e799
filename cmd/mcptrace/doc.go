// Command mcptrace traces the running Linux kernel in the bpftrace language,
// on the command line and for agents over MCP.
//
// Each subcommand is a file with a table of its flags; help, shell completion
// and the parser of arguments read the same table. Flags are spelled as bpftrace
// spells them where both have the thing, and may come before or after the
// program.
//
// Exit status: 0 ok, interrupted runs included; 1 the program was rejected or
// the run failed; 2 wrong usage; 3 a probe that this kernel or these rights
// cannot attach; 4 a budget cut the run. A program's own exit(N) gives N.
package main
