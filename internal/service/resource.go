package service

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/internal/session"
)

// Part is a document about an execution.
type Part string

// The parts.
const (
	PartOutput  Part = "output"  // printed lines
	PartMaps    Part = "maps"    // tables, as JSON
	PartProgram Part = "program" // source text
)

// partBytes bounds a document.
const partBytes = 1 << 20

// Run returns a document about an execution and its media type. Text of the
// traced system in it is cleaned, and what is too long is cut with a remark.
func (s *Service) Run(ctx context.Context, id string, part Part) (text, mediaType string, err error) {
	ses, err := s.opts.Sessions.Get(callerOf(ctx).Principal, id)
	if err != nil {
		return "", "", err
	}
	switch part {
	case PartOutput:
		return outputText(ctx, ses), "text/plain", nil
	case PartProgram:
		st := ses.Status()
		return st.Program, "text/plain", nil
	case PartMaps:
		dumps, err := ses.LiveMaps()
		if err != nil {
			return "", "", err
		}
		list, _ := tables(dumps, namesOf(ses), 10_000, partBytes)
		data, err := json.Marshal(list)
		return string(data), "application/json", err
	}
	return "", "", errorf(CodeInvalid, "an execution has no part %q", Clean(string(part), 32)).fix("use output, maps or program")
}

func outputText(ctx context.Context, ses *session.Session) string {
	page := ses.Read(ctx, &session.ReadOptions{Limit: 1 << 20, Bytes: partBytes})
	var b strings.Builder
	if page.Skipped > 0 {
		fmt.Fprintf(&b, "[%d earlier lines are no longer kept]\n", page.Skipped)
	}
	for _, line := range cleanLines(page.Lines) {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	if page.More {
		fmt.Fprintf(&b, "[cut: get_result with offset %d goes on]\n", page.Next)
	}
	return b.String()
}
