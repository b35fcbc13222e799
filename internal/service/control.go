package service

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/mcptrace/mcptrace/internal/session"
)

// StopRequest asks to end an execution.
type StopRequest struct {
	ExecutionID string `json:"execution_id" req:"true" doc:"from exec_program"`
}

// stopWait is how long Stop waits for the final output; end programs and maps
// of thousands of keys take milliseconds.
const stopWait = 10 * time.Second

// Stop ends an execution gracefully, waits for its final maps and returns them.
// Stopping an ended one returns its results again.
func (s *Service) Stop(ctx context.Context, req *StopRequest) (*ExecResult, error) {
	ses, err := s.opts.Sessions.Get(callerOf(ctx).Principal, req.ExecutionID)
	if err != nil {
		return nil, err
	}
	ses.Stop(session.ReasonStopped)
	ses.Wait(ctx, stopWait)
	st := ses.Status()
	return s.execResult(ses, int(st.Limits.Time.Seconds())), nil
}

// AdjustRequest asks to change a running execution.
type AdjustRequest struct {
	ExecutionID string            `json:"execution_id" req:"true" doc:"from exec_program"`
	Timeout     int               `json:"timeout" min:"0" max:"3600" default:"0" clamp:"true" doc:"new time limit in seconds since its start; 0 leaves it"`
	Params      map[string]string `json:"params" doc:"new values: \"1\" for $1, names of getopt, \"sample\" N for one event in N, \"enable\" 0 or 1"`
}

// AdjustResult is what was changed.
type AdjustResult struct {
	Summary     string   `json:"summary"`
	ExecutionID string   `json:"execution_id"`
	Status      string   `json:"status"`
	Message     string   `json:"message"`
	Changed     []string `json:"changed"`
	Next        string   `json:"next,omitempty"`
}

// Adjust changes parameters and limits of a running execution.
func (s *Service) Adjust(ctx context.Context, req *AdjustRequest) (*AdjustResult, error) {
	ses, err := s.opts.Sessions.Get(callerOf(ctx).Principal, req.ExecutionID)
	if err != nil {
		return nil, err
	}
	if req.Timeout == 0 && len(req.Params) == 0 {
		return nil, errorf(CodeInvalid, "nothing to change: give timeout or params").
			fix(`adjust_execution {"execution_id": %q, "timeout": 60}`, ses.ID())
	}
	changed := []string{}
	for _, name := range sortedNames(req.Params) {
		if err := ses.SetParam(name, req.Params[name]); err != nil {
			return nil, adjustError(err, name, changed)
		}
		changed = append(changed, name)
	}
	if req.Timeout > 0 {
		if err := ses.Extend(time.Duration(req.Timeout) * time.Second); err != nil {
			return nil, adjustError(err, "timeout", changed)
		}
		changed = append(changed, "timeout")
	}
	st := ses.Status()
	text := "changed " + plural(len(changed), "setting") + " of the running program"
	return &AdjustResult{Summary: text, Message: text, ExecutionID: ses.ID(), Status: string(st.State), Changed: changed,
		Next: fmt.Sprintf(`get_result {"execution_id": %q, "wait": 10}`, ses.ID())}, nil
}

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func adjustError(err error, name string, changed []string) error {
	e := Explain(err)
	if e.Code == CodeInternal {
		e = errorf(CodeInvalid, "%s was not changed: %s", Clean(name, 32), Clean(firstLine(err), 200))
		e.Err = err
	}
	if len(changed) > 0 {
		e.Message += fmt.Sprintf("; changed before that: %s", quoteList(changed, 5))
	}
	return e
}
