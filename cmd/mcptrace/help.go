package main

import (
	"fmt"
	"io"
	"strings"
)

// help prints the list of commands.
func (m *Main) help(w io.Writer) {
	fmt.Fprint(w, "mcptrace: ask what this Linux system is doing, in the bpftrace language, for people and for agents over MCP\n\nusage: mcptrace COMMAND ...\n\n")
	for _, c := range m.commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-11s %s\n", c.name, c.short)
		}
	}
	fmt.Fprint(w, "\nmcptrace COMMAND --help says more. For a start:\n\n  mcptrace run --timeout 3s -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'\n")
}

// usage is the one-line form of a command.
func (c *command) usage() string {
	s := "mcptrace " + c.name
	if len(c.flags) > 0 {
		s += " [flags]"
	}
	if c.args != "" {
		s += " " + c.args
	}
	return s
}

// help prints what a command does and its flags.
func (c *command) help(w io.Writer) {
	fmt.Fprintf(w, "usage: %s\n\n%s.\n", c.usage(), strings.ToUpper(c.short[:1])+c.short[1:])
	if c.long != "" {
		fmt.Fprintf(w, "\n%s\n", c.long)
	}
	fmt.Fprintln(w)
	for _, f := range c.flags {
		if !f.hidden {
			fmt.Fprintf(w, "  %-30s %s\n", f.spelling(), f.help)
		}
	}
}

// spelling shows a flag as it is written: "-f, --format text|json".
func (f *flag) spelling() string {
	s := "    "
	if f.short != "" {
		s = "-" + f.short
		if f.long != "" {
			s += ", "
		}
	}
	if f.long != "" {
		s += "--" + f.long
	}
	if f.arg != "" {
		s += " " + f.arg
	}
	return s
}
