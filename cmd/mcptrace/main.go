package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mcptrace/mcptrace/internal/service"
	"github.com/mcptrace/mcptrace/internal/session"
)

// The exit statuses.
const (
	statusOK       = 0
	statusRejected = 1
	statusUsage    = 2
	statusMissing  = 3
	statusBudget   = 4
)

func main() {
	// A broken pipe is an error of writing: without this it would end the process.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	m := &Main{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	status := m.Run(context.Background(), os.Args[1:])
	m.Close()
	os.Exit(status)
}

// Main is the whole program with what it touches; tests make one too.
type Main struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	svc            *service.Service
	manager        *session.Manager
	sessionOptions *session.Options
	closers        []func() error
}

// command is one subcommand.
type command struct {
	name   string
	args   string // what follows the flags, for help
	short  string // one line
	long   string // more of help; may be ""
	hidden bool
	flags  []flag
	run    func(ctx context.Context, p *parsed) error
}

// commands returns the table of subcommands, in the order of help.
func (m *Main) commands() []*command {
	return []*command{
		m.runCommand(),
		m.checkCommand(),
		m.explainCommand(),
		m.fmtCommand(),
		m.listCommand(),
		m.infoCommand(),
		m.serveCommand(),
		m.doctorCommand(),
		m.benchCommand(),
		m.completionCommand(),
		m.versionCommand(),
	}
}

// statusError ends the program with a status; its text, if any, is printed.
type statusError struct {
	status int
	err    error // nil when everything has been said
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// Run carries out one command line and returns the exit status.
func (m *Main) Run(ctx context.Context, args []string) int {
	cmd, rest, err := m.find(args)
	if err == nil {
		if cmd == nil {
			return statusOK
		}
		err = m.start(ctx, cmd, rest)
	}
	return m.report(cmd, err)
}

// find returns the subcommand that args name. Help for all is printed here.
func (m *Main) find(args []string) (*command, []string, error) {
	if len(args) == 0 {
		m.help(m.Stderr)
		return nil, nil, &statusError{status: statusUsage}
	}
	name := args[0]
	switch name {
	case "-h", "--help", "help":
		if name == "help" && len(args) > 1 {
			return m.find([]string{args[1], "--help"})
		}
		m.help(m.Stdout)
		return nil, nil, nil
	case "-V", "--version":
		name = "version"
	}
	cmds := m.commands()
	for _, c := range cmds {
		if c.name == name {
			return c, args[1:], nil
		}
	}
	return nil, nil, unknownCommand(cmds, name)
}

func unknownCommand(cmds []*command, name string) error {
	if strings.HasPrefix(name, "-") {
		return usagef("%s: a command comes first, as in mcptrace run %s ...; see mcptrace --help", name, name)
	}
	for _, c := range cmds {
		if !c.hidden && edits(c.name, name) <= 2 {
			return usagef("unknown command %q; did you mean %q?", name, c.name)
		}
	}
	return usagef("unknown command %q; see mcptrace --help", name)
}

func (m *Main) start(ctx context.Context, cmd *command, args []string) error {
	p, err := parseArgs(cmd.flags, args)
	if err != nil {
		return err
	}
	if p.help {
		cmd.help(m.Stdout)
		return nil
	}
	return cmd.run(ctx, p)
}

// report prints what is left to say about err and returns its status.
func (m *Main) report(cmd *command, err error) int {
	var usage *usageError
	var st *statusError
	switch {
	case err == nil:
		return statusOK
	case errors.As(err, &usage):
		fmt.Fprintf(m.Stderr, "mcptrace: %s\n", usage.text)
		if cmd != nil {
			fmt.Fprintf(m.Stderr, "usage: %s\n", cmd.usage())
		}
		return statusUsage
	case errors.As(err, &st):
		if st.err != nil {
			fmt.Fprintf(m.Stderr, "ERROR: %v\n", st.err)
		}
		return st.status
	}
	fmt.Fprintf(m.Stderr, "ERROR: %v\n", err)
	return statusRejected
}

// Close releases what Run opened.
func (m *Main) Close() error {
	var errs []error
	for _, f := range m.closers {
		errs = append(errs, f())
	}
	m.closers = nil
	return errors.Join(errs...)
}
