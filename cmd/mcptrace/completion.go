package main

import (
	"context"
	"fmt"
	"strings"
)

func (m *Main) completionCommand() *command {
	c := &command{name: "completion", args: "bash|zsh|fish", short: "print a completion script for a shell",
		long: "For example: mcptrace completion bash > /etc/bash_completion.d/mcptrace"}
	c.run = func(_ context.Context, p *parsed) error {
		if len(p.args) != 1 {
			return usagef("name one shell: bash, zsh or fish")
		}
		switch p.args[0] {
		case "bash":
			m.completeBash()
		case "zsh":
			fmt.Fprintln(m.Stdout, "#compdef mcptrace\nautoload -U +X bashcompinit && bashcompinit")
			m.completeBash()
		case "fish":
			m.completeFish()
		default:
			return usagef("unknown shell %q: want bash, zsh or fish", p.args[0])
		}
		return nil
	}
	return c
}

// names are the words that complete a command: its flags.
func (c *command) names() []string {
	list := []string{"--help"}
	for _, f := range c.flags {
		if f.long != "" && !f.hidden {
			list = append(list, "--"+f.long)
		}
		if f.short != "" && !f.hidden {
			list = append(list, "-"+f.short)
		}
	}
	return list
}

func (m *Main) completeBash() {
	w := m.Stdout
	var names []string
	fmt.Fprint(w, "_mcptrace() {\n  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n  case ${COMP_WORDS[1]} in\n")
	for _, c := range m.commands() {
		if c.hidden {
			continue
		}
		names = append(names, c.name)
		fmt.Fprintf(w, "  %s) words=%q\n", c.name, strings.Join(c.names(), " "))
		m.bashValues(c)
		fmt.Fprint(w, "    ;;\n")
	}
	fmt.Fprint(w, "  esac\n")
	fmt.Fprintf(w, "  if [ $COMP_CWORD = 1 ]; then words=%q\n", strings.Join(names, " "))
	fmt.Fprint(w, "  elif [ -n \"$words\" ] && [[ $cur != -* && $prev != -* || -z $cur ]]; then COMPREPLY=($(compgen -f -- \"$cur\")); return; fi\n")
	fmt.Fprint(w, "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _mcptrace mcptrace\n")
}

// bashValues completes the values of flags that have a choice.
func (m *Main) bashValues(c *command) {
	for _, f := range c.flags {
		if f.words == nil {
			continue
		}
		pattern := "--" + f.long
		if f.short != "" {
			pattern += "|-" + f.short
		}
		fmt.Fprintf(m.Stdout, "    case $prev in %s) COMPREPLY=($(compgen -W %q -- \"$cur\")); return;; esac\n", pattern, strings.Join(f.words, " "))
	}
}

func (m *Main) completeFish() {
	w := m.Stdout
	for _, c := range m.commands() {
		if c.hidden {
			continue
		}
		fmt.Fprintf(w, "complete -c mcptrace -n __fish_use_subcommand -f -a %s -d %q\n", c.name, c.short)
		for _, f := range c.flags {
			m.fishFlag(c, &f)
		}
	}
}

func (m *Main) fishFlag(c *command, f *flag) {
	if f.hidden {
		return
	}
	fmt.Fprintf(m.Stdout, "complete -c mcptrace -n '__fish_seen_subcommand_from %s'", c.name)
	if f.long != "" {
		fmt.Fprintf(m.Stdout, " -l %s", f.long)
	}
	if f.short != "" {
		fmt.Fprintf(m.Stdout, " -s %s", f.short)
	}
	if f.arg != "" {
		fmt.Fprint(m.Stdout, " -r")
	}
	if f.words != nil {
		fmt.Fprintf(m.Stdout, " -f -a %q", strings.Join(f.words, " "))
	}
	fmt.Fprintf(m.Stdout, " -d %q\n", f.help)
}
