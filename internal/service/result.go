package service

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/session"
)

// GetResultRequest asks for what an execution has printed.
type GetResultRequest struct {
	ExecutionID string `json:"execution_id" doc:"from exec_program; none lists recent executions"`
	Offset      int    `json:"offset" min:"-1000000" max:"1000000000000" default:"0" doc:"first line wanted; -20: the last 20"`
	Limit       int    `json:"limit" min:"1" max:"1000" default:"200" clamp:"true" doc:"lines at most"`
	Wait        int    `json:"wait" min:"0" max:"50" default:"0" clamp:"true" doc:"seconds to wait for the end, or with offset for a new line"`
	Filter      string `json:"filter" doc:"regular expression (RE2) that lines must match"`
	View        string `json:"view" enum:"all,lines,maps,status,program" default:"all"`
}

// GetResultResult is a part of the output and the state of an execution.
type GetResultResult struct {
	Summary       string    `json:"summary"`
	ExecutionID   string    `json:"execution_id"`
	Status        string    `json:"status"`
	LinesTotal    int64     `json:"lines_total"`
	LinesReturned int       `json:"lines_returned"`
	Output        []string  `json:"output"`
	HasMore       bool      `json:"has_more"`
	ErrorMessage  string    `json:"error_message"`
	Duration      float64   `json:"duration" doc:"seconds traced"`
	NextOffset    int64     `json:"next_offset"`
	LinesDropped  int64     `json:"lines_dropped,omitempty" doc:"lines no longer kept"`
	EventsLost    uint64    `json:"events_lost" doc:"events lost between kernel and reader"`
	Tables        []Table   `json:"tables,omitempty" brief:"true" doc:"maps, live while it runs; as of exec_program"`
	Warnings      []string  `json:"warnings,omitempty"`
	Program       string    `json:"program,omitempty"`
	Executions    []Brief   `json:"executions,omitempty" brief:"true"`
	Metadata      *Metadata `json:"metadata,omitempty" brief:"true" doc:"as of exec_program"`
	Next          string    `json:"next,omitempty"`
}

// Brief is an execution in a list.
type Brief struct {
	ExecutionID string  `json:"execution_id"`
	Status      string  `json:"status"`
	Started     string  `json:"started"`
	Duration    float64 `json:"duration"`
	Lines       int64   `json:"lines"`
	Program     string  `json:"program" doc:"beginning"`
}

// Metadata says how an execution went.
type Metadata struct {
	Engine        string       `json:"engine"`
	Probes        int          `json:"probes" doc:"attached"`
	Fired         []ProbeCount `json:"fired,omitempty" doc:"how often probes fired, and passed their predicate"`
	Started       string       `json:"started"`
	Ended         string       `json:"ended,omitempty"`
	Seconds       float64      `json:"seconds" doc:"attached"`
	ExitReason    string       `json:"exit_reason,omitempty"`
	ExitCode      int          `json:"exit_code"`
	Events        int64        `json:"events" doc:"printed"`
	Bytes         int64        `json:"bytes" doc:"of output"`
	Losses        []string     `json:"losses,omitempty"`
	BPFTimeMs     float64      `json:"bpf_time_ms,omitempty" doc:"CPU time of the programs, where the kernel counts it"`
	MapBytes      uint64       `json:"map_bytes,omitempty" doc:"kernel memory of maps"`
	EventsDropped int64        `json:"events_cut,omitempty" doc:"printed after a limit was reached and not kept"`
}

// ProbeCount is how often a probe fired.
type ProbeCount struct {
	Probe  string `json:"probe"`
	Fired  uint64 `json:"fired"`
	Passed uint64 `json:"passed"`
}

// answerBytes bounds the lines of one answer.
const answerBytes = 24 << 10

// GetResult reads the output of an execution, or lists recent ones.
func (s *Service) GetResult(ctx context.Context, req *GetResultRequest) (*GetResultResult, error) {
	caller := callerOf(ctx)
	if req.ExecutionID == "" {
		return s.recent(caller), nil
	}
	match, err := lineFilter(req.Filter)
	if err != nil {
		return nil, err
	}
	ses, err := s.opts.Sessions.Get(caller.Principal, req.ExecutionID)
	if err != nil {
		return nil, err
	}
	s.awaitResult(ctx, caller, ses, req)
	res := &GetResultResult{ExecutionID: ses.ID(), Output: []string{}}
	page := ses.Read(ctx, &session.ReadOptions{Offset: int64(req.Offset), Limit: req.Limit, Bytes: answerBytes, Match: match, NoMaps: false})
	if req.View == "all" || req.View == "lines" {
		res.Output = cleanLines(page.Lines)
	}
	fillResult(res, ses, page, req)
	return res, nil
}

func lineFilter(expr string) (func(string) bool, error) {
	if expr == "" {
		return nil, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, errorf(CodeInvalid, "filter is not a regular expression: %s", strings.TrimPrefix(firstLine(err), "error parsing regexp: ")).
			fix(`escape special characters, as in {"filter": "\\[bash\\]"}`)
	}
	return re.MatchString, nil
}

// awaitResult waits for the end, or for a line that the caller has not read.
func (s *Service) awaitResult(ctx context.Context, caller *Caller, ses *session.Session, req *GetResultRequest) {
	deadline := time.Now().Add(time.Duration(req.Wait) * time.Second)
	for left := time.Until(deadline); left > 0 && ctx.Err() == nil; left = time.Until(deadline) {
		if ses.Wait(ctx, min(left, time.Second)) {
			return
		}
		st := ses.Status()
		if req.Offset > 0 && st.Lines > int64(req.Offset) {
			return
		}
		if caller.Progress != nil {
			caller.Progress(st.Duration(time.Now()).Seconds(), st.Limits.Time.Seconds(), progressText(&st))
		}
	}
}

func fillResult(res *GetResultResult, ses *session.Session, page *session.Page, req *GetResultRequest) {
	st := ses.Status()
	res.Status, res.LinesTotal, res.LinesReturned = string(st.State), page.Total, len(res.Output)
	res.HasMore, res.NextOffset, res.LinesDropped = page.More, page.Next, page.Skipped
	res.Duration = round(st.Duration(time.Now()).Seconds())
	res.EventsLost = lost(&st)
	res.Warnings = warnings(&st, ses)
	if st.Err != nil {
		res.ErrorMessage = Clean(firstLine(st.Err), 500)
	}
	if req.View == "all" && req.Offset == 0 || req.View == "maps" {
		dumps, err := ses.LiveMaps()
		if err != nil {
			res.Warnings = append(res.Warnings, "maps could not be read: "+firstLine(err))
		}
		omitted := 0
		res.Tables, omitted = tables(dumps, namesOf(ses), tableRows, tableBytes)
		res.Warnings = withOmitted(res.Warnings, omitted, outputURI(ses.ID()))
	}
	if req.View == "status" || st.State.Done() && req.Offset == 0 {
		res.Metadata = metadataOf(&st)
	}
	if req.View == "program" {
		res.Program = st.Program
	}
	res.Summary = resultSummary(&st, ses, page, req)
	res.Next = nextRead(&st, ses, page, req)
}

func resultSummary(st *session.Status, ses *session.Session, page *session.Page, req *GetResultRequest) string {
	text := outcome(st, ses)
	switch {
	case req.Filter != "" && len(page.Lines) == 0 && page.Total > 0:
		text += fmt.Sprintf("; none of the %d lines from offset %d on matches the filter", page.Next-page.Offset, page.Offset)
	case int64(req.Offset) > page.Total:
		text += fmt.Sprintf("; offset %d is beyond the last line", req.Offset)
	case page.Skipped > 0:
		text += fmt.Sprintf("; %d lines before offset %d are no longer kept", page.Skipped, page.Offset)
	}
	return text
}

// nextRead is the call that goes on from here.
func nextRead(st *session.Status, ses *session.Session, page *session.Page, req *GetResultRequest) string {
	switch {
	case page.More:
		return fmt.Sprintf(`get_result {"execution_id": %q, "offset": %d}`, ses.ID(), page.Next)
	case !st.State.Done():
		return fmt.Sprintf(`get_result {"execution_id": %q, "offset": %d, "wait": 20}, or stop_execution {"execution_id": %q}`, ses.ID(), page.Next, ses.ID())
	}
	return ""
}

// nextAfter is the call after a run that has ended.
func nextAfter(_ *session.Status, ses *session.Session, page *session.Page) string {
	if page.More {
		return fmt.Sprintf(`get_result {"execution_id": %q, "offset": %d}`, ses.ID(), page.Next)
	}
	return ""
}

// recent lists executions.
func (s *Service) recent(caller *Caller) *GetResultResult {
	res := &GetResultResult{Output: []string{}, Executions: []Brief{}}
	for _, ses := range s.opts.Sessions.List(caller.Principal) {
		if len(res.Executions) == 20 {
			break
		}
		st := ses.Status()
		res.Executions = append(res.Executions, Brief{ExecutionID: ses.ID(), Status: string(st.State),
			Started: stamp(st.Created), Duration: round(st.Duration(time.Now()).Seconds()), Lines: st.Lines,
			Program: Clean(strings.Join(strings.Fields(st.Program), " "), 80)})
	}
	res.Summary = fmt.Sprintf("%s kept, each for %v after its end", plural(len(res.Executions), "execution"), s.opts.Sessions.Retain())
	if len(res.Executions) == 0 {
		res.Summary = "no execution is kept; exec_program starts one"
	}
	return res
}

// outcome is one sentence about how a run went.
func outcome(st *session.Status, ses *session.Session) string {
	d := st.Duration(time.Now()).Seconds()
	var b strings.Builder
	switch {
	case st.State == session.Failed:
		b.WriteString("failed: the engine stopped with an error, see error_message")
	case !st.State.Done():
		fmt.Fprintf(&b, "running for %.1f s", d)
	default:
		fmt.Fprintf(&b, "%s after %.1f s (%s)", st.State, d, reasonText(st))
	}
	fmt.Fprintf(&b, ", %s, %s", plural(int(st.Lines), "line"), plural(len(ses.Maps()), "map"))
	if n := lost(st); n > 0 {
		fmt.Fprintf(&b, ", %s LOST", plural(int(n), "event"))
	} else if st.State.Done() {
		b.WriteString(", none lost")
	}
	for _, n := range ses.Notices() {
		switch n.Code {
		case session.NoticeNeverFired, session.NoticeNeverPassed, session.NoticeSilent:
			fmt.Fprintf(&b, ". %s", emptyText(n.Code))
		}
	}
	return b.String()
}

// emptyText says why a result is empty, without text of the program.
func emptyText(code string) string {
	switch code {
	case session.NoticeNeverFired:
		return "Probes never fired (see warnings): is the workload running, and is it this system call variant?"
	case session.NoticeNeverPassed:
		return "Probes fired but a predicate never held (see warnings): check the filter"
	}
	return "The program printed nothing though its probes fired"
}

func reasonText(st *session.Status) string {
	switch st.Reason {
	case session.ReasonTime:
		return "its time was over"
	case session.ReasonExit:
		return fmt.Sprintf("the program called exit(%d)", st.ExitCode)
	case session.ReasonDetached:
		return "nothing was left to trace"
	}
	return strings.ReplaceAll(string(st.Reason), "-", " ")
}

// warnings are what a reader of results must know.
func warnings(st *session.Status, ses *session.Session) []string {
	var list []string
	for _, w := range st.Warnings {
		list = append(list, Clean(w, 300))
	}
	for _, l := range st.Stats.Losses {
		if l.Count > 0 {
			list = append(list, Clean(DescribeLoss(l), 300))
		}
	}
	for _, n := range ses.Notices() {
		list = append(list, Clean(n.Text, 300))
	}
	return list
}

// DescribeLoss says in a sentence what was lost and what helps.
func DescribeLoss(l engine.Loss) string {
	at := ""
	if l.Where != "" {
		at = " (" + l.Where + ")"
	}
	switch l.Kind {
	case "ring":
		return fmt.Sprintf("%d events were lost because they came faster than they were read%s: count in a map instead of printing each", l.Count, at)
	case "map-full":
		return fmt.Sprintf("%d updates were refused because the map was full%s: raise max_map_keys or use fewer keys", l.Count, at)
	case "read":
		return fmt.Sprintf("%d reads of memory failed and gave 0%s", l.Count, at)
	case "string":
		return fmt.Sprintf("%d strings were cut at their maximal length%s: raise max_strlen", l.Count, at)
	case "stack":
		return fmt.Sprintf("%d stacks could not be walked%s", l.Count, at)
	}
	return fmt.Sprintf("%d times a helper failed: %s%s", l.Count, l.Kind, at)
}

// lost counts events that never reached the session.
func lost(st *session.Status) uint64 {
	n := st.Lost
	var ring uint64
	for _, l := range st.Stats.Losses {
		if l.Kind == "ring" {
			ring += l.Count
		}
	}
	return max(n, ring)
}

func metadataOf(st *session.Status) *Metadata {
	m := &Metadata{Engine: st.Engine, Probes: st.Probes, Started: stamp(st.Attached), Ended: stamp(st.Ended),
		Seconds: round(st.Duration(time.Now()).Seconds()), ExitReason: string(st.Reason), ExitCode: st.ExitCode,
		Events: st.Events, Bytes: st.Bytes, EventsDropped: st.Cut, MapBytes: st.Stats.MapBytes,
		BPFTimeMs: round(float64(st.Stats.BPFTime.Microseconds()) / 1000)}
	for _, l := range st.Stats.Losses {
		if l.Count > 0 {
			m.Losses = append(m.Losses, fmt.Sprintf("%s %d %s", l.Kind, l.Count, Clean(l.Where, 64)))
		}
	}
	for _, p := range st.Stats.Probes {
		if len(m.Fired) == 10 {
			break
		}
		m.Fired = append(m.Fired, ProbeCount{Probe: Clean(p.Name, 128), Fired: p.Fired, Passed: p.Passed})
	}
	return m
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano[:23] + "Z07:00")
}

func round(v float64) float64 { return float64(int64(v*1000+0.5)) / 1000 }
