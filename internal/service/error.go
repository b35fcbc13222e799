package service

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/session"
)

// Code is the kind of an Error.
type Code string

// The codes.
const (
	CodeInvalid  Code = "invalid-argument" // the request makes no sense
	CodeRejected Code = "program-rejected" // the program is wrong: see Diagnostics
	CodeMissing  Code = "missing-ability"  // this kernel or these rights cannot do it
	CodeAttach   Code = "attach-failed"    // the kernel refused a probe that it knows
	CodeNotFound Code = "not-found"        // no such execution
	CodeExpired  Code = "expired"          // its results are no longer kept
	CodeState    Code = "wrong-state"      // not possible in this state of the execution
	CodeBusy     Code = "busy"             // a limit of concurrency
	CodeInternal Code = "internal"         // a defect of mcptrace
)

// Error is the one form in which operations fail.
type Error struct {
	Code        Code         `json:"code"`
	Message     string       `json:"message"`               // one line: what is wrong
	Diagnostics []Diagnostic `json:"diagnostics,omitempty"` // where, for CodeRejected
	Ability     string       `json:"ability,omitempty"`     // what is missing, for CodeMissing
	Fix         []string     `json:"fix,omitempty"`         // what to do, best first
	Retryable   bool         `json:"retryable"`             // the same request may work later
	Err         error        `json:"-"`

	// Raw are the diagnostics as the language packages made them.
	Raw syntax.Diagnostics `json:"-"`
}

// Error is the message and the first thing to do.
func (e *Error) Error() string {
	if len(e.Fix) > 0 {
		return e.Message + "\nFix: " + e.Fix[0]
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// fix adds what to do about e.
func (e *Error) fix(format string, args ...any) *Error {
	e.Fix = append(e.Fix, fmt.Sprintf(format, args...))
	return e
}

// rejected is the error for a program with diagnostics.
func rejected(ds syntax.Diagnostics) *Error {
	e := &Error{Code: CodeRejected, Raw: ds, Diagnostics: Diagnose(ds)}
	n := 0
	for i := range ds {
		if ds[i].Severity != syntax.Error {
			continue
		}
		if n++; n == 1 {
			e.Message = oneLine(&ds[i])
			if ds[i].Code == check.CodeMissingAbility {
				e.Code = CodeMissing
			}
		}
		if len(e.Fix) < 3 && len(ds[i].Fixes) > 0 {
			e.Fix = append(e.Fix, ds[i].Fixes[0].Message)
		}
	}
	if n > 1 {
		e.Message += fmt.Sprintf(" (and %d more errors)", n-1)
	}
	return e
}

// oneLine is a diagnostic as "line 1, column 5: message".
func oneLine(d *syntax.Diagnostic) string {
	if !d.Span.IsValid() {
		return d.Message
	}
	line, col := d.Span.Src.Position(int(d.Span.Start))
	return fmt.Sprintf("line %d, column %d: %s", line, col, d.Message)
}

// Explain turns any error into an Error.
func Explain(err error) *Error {
	var (
		own     *Error
		ds      *engine.DiagnosticsError
		attach  *engine.AttachError
		missing *kernel.Missing
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &own):
		return own
	case errors.As(err, &ds):
		e := rejected(ds.Diagnostics)
		e.Err = err
		return e
	case errors.As(err, &missing):
		return lacking(err, missing)
	case errors.As(err, &attach):
		return &Error{Code: CodeAttach, Message: firstLine(err), Err: err}
	}
	return explainSession(err)
}

func explainSession(err error) *Error {
	switch {
	case errors.Is(err, session.ErrNotFound):
		return (&Error{Code: CodeNotFound, Message: "there is no execution with this id", Err: err}).
			fix("get_result {} lists the executions that are kept")
	case errors.Is(err, session.ErrExpired):
		return (&Error{Code: CodeExpired, Message: "the results of this execution are no longer kept", Err: err}).
			fix("run the program again with exec_program")
	case errors.Is(err, session.ErrNotRunning):
		return &Error{Code: CodeState, Message: "the execution has ended already", Err: err}
	case errors.Is(err, session.ErrBusy):
		return (&Error{Code: CodeBusy, Message: firstLine(err), Retryable: true, Err: err}).
			fix("stop one with stop_execution, or wait for one to end; get_result {} lists them")
	case errors.Is(err, session.ErrClosed):
		return &Error{Code: CodeBusy, Message: "the server is shutting down", Err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeState, Message: "the call was cancelled before it was done", Retryable: true, Err: err}
	}
	return &Error{Code: CodeInternal, Message: firstLine(err), Err: err}
}

// lacking is the error for what the machine or the rights of the process lack.
func lacking(err error, m *kernel.Missing) *Error {
	e := &Error{Code: CodeMissing, Ability: string(m.Ability), Err: err}
	e.Message = strings.TrimSuffix(firstLine(err), ": "+m.Hint)
	if m.Hint != "" {
		e.Fix = append(e.Fix, m.Hint)
	}
	return e
}

// firstLine is the text of an error up to its first line end.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
