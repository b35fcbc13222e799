package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/service"
	"github.com/mcptrace/mcptrace/internal/session"
)

// runFlags are those of run.
type runFlags struct {
	programFlags
	format    string
	typed     bool
	output    string
	buffering string
	engine    string
	pid       int
	command   string
	quiet     bool
	verbose   bool
	helpers   bool // -k
	noWarn    bool
	dryRun    bool
	timeout   time.Duration
	maxEvents int
	maxBytes  int64
}

func (m *Main) runCommand() *command {
	f := &runFlags{format: "text", engine: "auto", buffering: "full"}
	buffering := wordFlag(&f.buffering, "buffering", "B", "when output is written: each line, or soon", "line", "full", "none")
	buffering.long = ""
	return &command{
		name: "run", args: "(-e PROGRAM | FILE | -) [ARGS] [-- --NAME=VALUE ...]",
		short: "run a program and print what it prints",
		long: "Ends on Ctrl-C, --timeout, exit() or a closed output, always gracefully: end runs and maps print.\n" +
			"Exit status: 0 ok; 1 rejected or failed; 2 wrong usage; 3 this kernel or these rights cannot attach a probe;\n" +
			"4 a budget cut the run; N after exit(N).",
		flags: append(f.flags(),
			wordFlag(&f.format, "format", "f", "form of the output", "text", "json"),
			boolFlag(&f.typed, "typed", "", "with -f json: typed keys, values, times and records of the run, too"),
			stringFlag(&f.output, "output", "o", "FILE", "write the output to a file"),
			buffering,
			durationFlag(&f.timeout, "timeout", "", "end after this time, for example 5s"),
			intFlag(&f.pid, "pid", "p", "PID", "trace only this process"),
			stringFlag(&f.command, "cmd", "c", "COMMAND", "run a command once attached, and end with it"),
			intFlag(&f.maxEvents, "max-events", "", "N", "end after this many printed events (exit status 4)"),
			sizeFlag(&f.maxBytes, "max-bytes", "end after this much output (exit status 4)"),
			wordFlag(&f.engine, "engine", "", "who runs the program", "auto", "native", "bpftrace"),
			boolFlag(&f.quiet, "quiet", "q", "print only what the program prints"),
			boolFlag(&f.verbose, "verbose", "v", "say more about the run"),
			boolFlag(&f.helpers, "warnings", "k", "report helpers that fail while running"),
			boolFlag(&f.noWarn, "no-warnings", "", "print no warnings about the program"),
			boolFlag(&f.dryRun, "dry-run", "", "end once everything is attached"),
		),
		run: func(ctx context.Context, p *parsed) error { return m.trace(ctx, f, p) },
	}
}

// trace carries out run.
func (m *Main) trace(ctx context.Context, f *runFlags, p *parsed) error {
	src, err := m.load(&f.programFlags, p)
	if err != nil {
		return m.refused("text", err)
	}
	run, err := m.prepare(f, src)
	if err != nil {
		return m.failed(err)
	}
	out, err := m.openOutput(f)
	if err != nil {
		return err
	}
	signals := catch() // before anything says that it is attached
	s, err := m.begin(ctx, f, run, out)
	if err != nil {
		return m.failed(err)
	}
	return m.follow(f, s, out, signals)
}

// failed says why a run did not start and gives the status for it.
func (m *Main) failed(err error) error {
	e := service.Explain(err)
	status := statusRejected
	if e.Code == service.CodeMissing || e.Code == service.CodeAttach {
		status = statusMissing
	}
	if e.Raw != nil {
		if err := m.diagnose("text", e.Raw); err != nil {
			return err
		}
		return &statusError{status: status}
	}
	return &statusError{status, e}
}

// prepare checks and compiles. Warnings are printed.
func (m *Main) prepare(f *runFlags, src *syntax.Source) (*service.Plan, error) {
	opts := f.options()
	opts.PID, opts.HasChild, opts.HelperErrors = f.pid, f.command != "", f.helpers
	plan, err := m.service().Prepare(src, opts, f.engine)
	if err != nil {
		return nil, err
	}
	if !f.noWarn && !f.quiet {
		if err := m.diagnose("text", plan.Diagnostics); err != nil {
			return nil, err
		}
	}
	if f.verbose {
		fmt.Fprintf(m.Stderr, "engine: %s\n", plan.Engine.Name())
	}
	return plan, nil
}

// begin starts the session. What is printed goes to out from then on.
func (m *Main) begin(ctx context.Context, f *runFlags, plan *service.Plan, out *outlet) (*session.Session, error) {
	enc := m.encoder(f, plan, out)
	return m.sessions().Start(ctx, &session.Request{
		Engine: plan.Engine, Object: plan.Object,
		Options: engine.Options{PID: f.pid, Command: f.command, Unsafe: f.unsafe, Verbose: f.verbose},
		Limits:  session.Limits{Time: f.limit(), Events: int64(f.maxEvents), Bytes: f.maxBytes},
		Sink:    func(ev output.Event) error { return m.emit(f, enc, out, ev) },
	})
}

// limit is the time limit; a dry run ends as soon as it can.
func (f *runFlags) limit() time.Duration {
	if f.dryRun {
		return time.Nanosecond
	}
	return f.timeout
}

type encoder interface{ Encode(output.Event) error }

func (m *Main) encoder(f *runFlags, plan *service.Plan, out *outlet) encoder {
	trailer := plan.Trailer()
	diag := &diagWriter{out: out, w: m.Stderr}
	if f.format == "json" {
		return output.NewJSONEncoder(out, &output.JSONOptions{Trailer: trailer, NoTrailer: trailer == "", Typed: f.typed, Diagnostics: diag})
	}
	return output.NewTextEncoder(out, diag, &output.TextOptions{Trailer: trailer, NoTrailer: trailer == ""})
}

// emit prints one event.
func (m *Main) emit(f *runFlags, enc encoder, out *outlet, ev output.Event) error {
	if f.quiet && f.format == "text" && remark(ev) {
		return nil
	}
	if err := enc.Encode(ev); err != nil {
		return err
	}
	return out.err()
}

// remark reports whether ev is about the run rather than printed by it. Losses
// are shown even to those who want quiet.
func remark(ev output.Event) bool {
	switch ev := ev.(type) {
	case *output.Attached:
		return true
	case *output.Notice:
		return ev.Level == output.LevelInfo
	}
	return false
}

// follow waits for the end of the session, which signals and a closed output
// bring about, and returns its status.
func (m *Main) follow(f *runFlags, s *session.Session, out *outlet, signals chan os.Signal) error {
	stop := m.watch(s, out, signals)
	<-s.Done()
	stop()
	err := out.close()
	st := s.Status()
	if err != nil && st.Reason != session.ReasonOutput {
		return fmt.Errorf("write output: %w", err)
	}
	return m.conclude(f, &st)
}

// conclude says what remains to be said about a run and gives its status.
func (m *Main) conclude(f *runFlags, st *session.Status) error {
	for _, w := range st.Warnings {
		fmt.Fprintf(m.Stderr, "WARNING: %s\n", w)
	}
	if !f.quiet {
		m.reportLosses(st)
	}
	switch {
	case st.State == session.Failed:
		return m.failed(st.Err)
	case st.Reason.Budget():
		fmt.Fprintf(m.Stderr, "WARNING: ended by the %s\n", strings.ReplaceAll(string(st.Reason), "-", " "))
		return &statusError{status: statusBudget}
	case st.Reason == session.ReasonExit && st.ExitCode != 0:
		return &statusError{status: st.ExitCode}
	}
	return nil
}

// reportLosses names the losses that no event has reported.
func (m *Main) reportLosses(st *session.Status) {
	for _, l := range st.Stats.Losses {
		if l.Count == 0 || l.Kind == "ring" && st.Lost > 0 {
			continue
		}
		fmt.Fprintf(m.Stderr, "WARNING: %s\n", service.DescribeLoss(l))
	}
}

// openOutput opens what the program's output goes to.
func (m *Main) openOutput(f *runFlags) (*outlet, error) {
	if f.output == "" {
		return newOutlet(m.Stdout, f.buffering), nil
	}
	file, err := os.Create(f.output)
	if err != nil {
		return nil, openError(f.output, err)
	}
	out := newOutlet(file, f.buffering)
	out.file = file
	return out, nil
}

// diagWriter writes messages about the run, after what was printed before them.
type diagWriter struct {
	out *outlet
	w   io.Writer
}

func (d *diagWriter) Write(p []byte) (int, error) {
	d.out.flush()
	return d.w.Write(p)
}
