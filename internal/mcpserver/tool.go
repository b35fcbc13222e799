package mcpserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcptrace/mcptrace/internal/service"
)

// maxAnswer is the size of an answer, in bytes, above which it is refused. Tools
// cut their own rows far below; this is the last line of defence for the
// caller's context window.
const maxAnswer = 80 << 10

// maxArguments bounds the arguments of a call, in bytes: a program of the largest
// size whose every byte is escaped, and some more.
const maxArguments = 3 * service.MaxProgram

// tool is one row of the table of tools.
type tool struct {
	op      *service.Op
	doc     string // Markdown, what the model reads
	example string // arguments of a call that works
	in      reflect.Type
	out     reflect.Type
	call    func(ctx context.Context, raw json.RawMessage) (out any, notes []string, err error)
}

// newTool makes a row of an operation.
func newTool[In, Out any](name, example string, call func(context.Context, *In) (*Out, error)) *tool {
	t := &tool{op: service.LookupOp(name), doc: description(name), example: example,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
	if t.op == nil {
		panic("no operation " + name)
	}
	t.call = func(ctx context.Context, raw json.RawMessage) (any, []string, error) {
		in := new(In)
		notes, err := decodeArgs(raw, in)
		if err != nil {
			return nil, nil, err
		}
		out, err := call(ctx, in)
		return out, notes, err
	}
	return t
}

// register adds a tool to the SDK's server.
func (s *Server) register(t *tool) {
	no, open := false, t.op.OpenWorld
	destructive := &no
	if t.op.Destructive {
		yes := true
		destructive = &yes
	}
	s.mcp.AddTool(&mcp.Tool{
		Name: t.op.Name, Title: t.op.Title, Description: t.doc,
		InputSchema: schema(t.in), OutputSchema: schema(t.out),
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: t.op.ReadOnly, DestructiveHint: destructive, IdempotentHint: t.op.Idempotent, OpenWorldHint: &open},
	}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return s.answer(ctx, t, req), nil
	})
}

// answer carries out one call. Whatever happens becomes a result that the model
// can read.
func (s *Server) answer(ctx context.Context, t *tool, req *mcp.CallToolRequest) (res *mcp.CallToolResult) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("panic in a tool", "tool", t.op.Name, "panic", r, "stack", string(debug.Stack()))
			res = failure(&service.Error{Code: service.CodeInternal, Message: "internal error of mcptrace in " + t.op.Name + "; this is a defect, please report it"})
		}
	}()
	if n := len(req.Params.Arguments); n > maxArguments {
		return failure(&service.Error{Code: service.CodeInvalid, Message: fmt.Sprintf("the arguments have %d bytes, more than %d: a program longer than %d bytes is refused", n, maxArguments, service.MaxProgram),
			Fix: []string{"send a short program; a trace needs a few lines"}})
	}
	out, notes, err := t.call(s.caller(ctx, req), req.Params.Arguments)
	if err != nil {
		return failure(t.explain(err))
	}
	data, err := encode(out, notes)
	if err != nil {
		return failure(service.Explain(fmt.Errorf("encode the answer: %w", err)))
	}
	if len(data) > maxAnswer {
		return failure(&service.Error{Code: service.CodeInvalid, Message: fmt.Sprintf("the answer would have %d bytes, more than %d", len(data), maxAnswer),
			Fix: []string{"ask for less: a lower limit, a narrower filter, or view=status"}})
	}
	return success(data)
}

// explain turns an error into the structured form; wrong arguments get an
// example of right ones.
func (t *tool) explain(err error) *service.Error {
	var bad *badArg
	if errors.As(err, &bad) {
		return &service.Error{Code: service.CodeInvalid, Message: bad.text, Fix: []string{t.op.Name + " " + t.example}}
	}
	return service.Explain(err)
}

// encode writes a result once. Notes about the arguments go in front of the
// summary, which is the first field of every result.
func encode(out any, notes []string) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		return nil, err
	}
	data := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	const first = `{"summary":"`
	if len(notes) > 0 && bytes.HasPrefix(data, []byte(first)) {
		note := quote("(" + strings.Join(notes, "; ") + ") ")
		data = append([]byte(first+note[1:len(note)-1]), data[len(first):]...)
	}
	return data, nil
}

// success carries the same text twice: some clients show the model only the
// structured form, older ones read only the text.
func success(data json.RawMessage) *mcp.CallToolResult {
	return &mcp.CallToolResult{StructuredContent: data, Content: []mcp.Content{&mcp.TextContent{Text: string(data)}}}
}

// failure is an error that the model can act on: in words first, then as data.
func failure(e *service.Error) *mcp.CallToolResult {
	text := e.Message
	for _, d := range e.Diagnostics {
		text += "\n" + diagnosticText(&d)
	}
	for _, f := range e.Fix {
		text += "\nFix: " + f
	}
	data := json.RawMessage(quote(map[string]any{"error": e}))
	return &mcp.CallToolResult{IsError: true, StructuredContent: data, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// diagnosticText is a diagnostic with a marker below its place.
func diagnosticText(d *service.Diagnostic) string {
	text := fmt.Sprintf("%d:%d: %s: %s", d.Line, d.Column, d.Severity, d.Message)
	if d.Source != "" && d.Column <= len(d.Source)+1 {
		end := d.Column + 1
		if d.EndLine == d.Line {
			end = max(end, min(d.EndColumn, len(d.Source)+1))
		}
		text += "\n  " + strings.ReplaceAll(d.Source, "\t", " ") + "\n  " + strings.Repeat(" ", d.Column-1) + strings.Repeat("~", end-d.Column)
	}
	if d.Fix != "" {
		text += "\n  fix: " + d.Fix
	}
	return text
}

// caller carries who asks and how to report progress in the context.
func (s *Server) caller(ctx context.Context, req *mcp.CallToolRequest) context.Context {
	c := &service.Caller{Principal: principal(req.Extra)}
	if token := req.Params.GetProgressToken(); token != nil && req.Session != nil {
		c.Progress = func(done, total float64, text string) {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			if err := req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: done, Total: total, Message: text}); err != nil {
				s.log.Debug("progress was not sent", "error", err)
			}
		}
	}
	return service.WithCaller(ctx, c)
}

// principal names who asks: the identity of the token, or the one user of a
// local connection.
func principal(extra *mcp.RequestExtra) string {
	if extra != nil && extra.TokenInfo != nil && extra.TokenInfo.UserID != "" {
		return "token:" + extra.TokenInfo.UserID
	}
	return "local"
}
