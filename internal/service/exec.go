package service

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/session"
)

// ExecRequest asks to run a program.
type ExecRequest struct {
	Program   string   `json:"program" req:"true" doc:"bpftrace program text"`
	Timeout   int      `json:"timeout" min:"1" max:"3600" default:"10" clamp:"true" doc:"seconds to trace; then end runs and maps print"`
	Wait      int      `json:"wait" min:"0" max:"50" default:"0" clamp:"true" doc:"seconds to wait here for the end; 0 returns at once"`
	Args      []string `json:"args" doc:"positional parameters $1, $2, ..."`
	PID       int      `json:"pid" min:"0" max:"4194304" doc:"trace only this process"`
	MaxEvents int      `json:"max_events" min:"0" max:"10000000" doc:"stop after this many printed events"`
	Engine    string   `json:"engine" enum:"auto,native,bpftrace" default:"auto"`
	Target    string   `json:"target" hidden:"true" doc:"host"`
}

// ExecResult is a running or ended execution.
type ExecResult struct {
	Summary     string    `json:"summary"`
	ExecutionID string    `json:"execution_id"`
	Status      string    `json:"status" doc:"started, running, completed, failed, stopped or cancelled"`
	Message     string    `json:"message"`
	Tables      []Table   `json:"tables,omitempty" doc:"maps"`
	Output      []string  `json:"output,omitempty" doc:"printed lines"`
	Warnings    []string  `json:"warnings,omitempty"`
	Metadata    *Metadata `json:"metadata,omitempty" brief:"true" doc:"engine, probes, times, exit reason, losses, cost"`
	OutputURI   string    `json:"output_uri,omitempty"`
	Next        string    `json:"next,omitempty"`
}

// Limits of what one agent's run may leave behind.
const (
	maxOutputBytes = 32 << 20
	execLines      = 50 // lines in the answer of exec_program
	tableRows      = 40 // rows of a table in an answer
)

// Exec runs a program. With Wait it returns when the program has ended or the
// time is over; a caller that goes away while waiting ends the run.
func (s *Service) Exec(ctx context.Context, req *ExecRequest) (*ExecResult, error) {
	src, err := NewProgram("program", req.Program)
	if err != nil {
		return nil, err
	}
	plan, err := s.Prepare(src, &ProgramOptions{Params: req.Args, PID: req.PID, Live: true}, req.Engine)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	ses, err := s.opts.Sessions.Start(ctx, &session.Request{
		Engine: plan.Engine, Object: plan.Object, Owner: caller.Principal, Program: req.Program,
		Options: engine.Options{PID: req.PID},
		Limits:  session.Limits{Time: time.Duration(req.Timeout) * time.Second, Events: int64(req.MaxEvents), Bytes: maxOutputBytes},
		Render:  renderer(plan),
		Meta:    keyNames(plan.Info),
	})
	if err != nil {
		return nil, err
	}
	if req.Wait > 0 {
		s.await(ctx, caller, ses, time.Duration(req.Wait)*time.Second)
	}
	return s.execResult(ses, req.Timeout), nil
}

// renderer makes the encoder of a session's lines.
func renderer(plan *Plan) func(io.Writer) session.Renderer {
	trailer := plan.Trailer()
	return func(w io.Writer) session.Renderer {
		return output.NewTextEncoder(w, nil, &output.TextOptions{Trailer: trailer, NoTrailer: trailer == ""})
	}
}

// await waits for the end of a session, tells how it goes on each second, and
// ends the session when the caller goes away.
func (s *Service) await(ctx context.Context, caller *Caller, ses *session.Session, d time.Duration) {
	deadline := time.Now().Add(d)
	for left := d; left > 0; left = time.Until(deadline) {
		if ses.Wait(ctx, min(left, time.Second)) {
			return
		}
		if ctx.Err() != nil {
			ses.Stop(session.ReasonCancelled)
			return
		}
		if caller.Progress != nil {
			st := ses.Status()
			caller.Progress(st.Duration(time.Now()).Seconds(), st.Limits.Time.Seconds(), progressText(&st))
		}
	}
}

func progressText(st *session.Status) string {
	return fmt.Sprintf("%d lines, %d events, %d lost", st.Lines, st.Events, lost(st))
}

// execResult describes a session to the one who started it.
func (s *Service) execResult(ses *session.Session, timeout int) *ExecResult {
	st := ses.Status()
	r := &ExecResult{ExecutionID: ses.ID(), Status: string(st.State), OutputURI: outputURI(ses.ID())}
	if !st.State.Done() {
		r.Status = "started"
		r.Message = fmt.Sprintf("Program execution started with timeout of %ds", timeout)
		r.Summary = fmt.Sprintf("running; ends by itself %d s after its start", timeout)
		r.Next = fmt.Sprintf(`get_result {"execution_id": %q, "wait": %d}`, ses.ID(), min(timeout+2, 50))
		r.Warnings = st.Warnings
		return r
	}
	omitted := 0
	r.Tables, omitted = tables(ses.Maps(), namesOf(ses), tableRows, tableBytes)
	page := ses.Read(context.Background(), &session.ReadOptions{Limit: execLines, Bytes: 8 << 10, NoMaps: true})
	r.Output = cleanLines(page.Lines)
	r.Summary, r.Warnings = outcome(&st, ses), withOmitted(warnings(&st, ses), omitted, r.OutputURI)
	r.Message = r.Summary
	r.Metadata = metadataOf(&st)
	r.Next = nextAfter(&st, ses, page)
	return r
}

func outputURI(id string) string { return "trace://runs/" + id + "/output" }

// withOmitted adds a remark about maps for which there was no room.
func withOmitted(warnings []string, omitted int, uri string) []string {
	if omitted == 0 {
		return warnings
	}
	return append(warnings, fmt.Sprintf("%s not shown as a table: see %s", plural(omitted, "more map"), uri))
}

func cleanLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = Clean(l, 2000)
	}
	return out
}

// namesOf are the names of the key columns of a session's maps.
func namesOf(ses *session.Session) map[string][]string {
	names, _ := ses.Meta().(map[string][]string)
	return names
}
