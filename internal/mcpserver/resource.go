package mcpserver

import (
	"context"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcptrace/mcptrace/internal/service"
)

const runs = "trace://runs/"

// addResources offers the documents of executions.
func (s *Server) addResources(api service.API) {
	for _, r := range []struct{ part, title, text, media string }{
		{"output", "Output of an execution", "Everything that an execution has printed so far, as text.", "text/plain"},
		{"maps", "Maps of an execution", "The maps of an execution as tables; read live while it runs.", "application/json"},
		{"program", "Program of an execution", "The program text of an execution.", "text/plain"},
	} {
		s.mcp.AddResourceTemplate(&mcp.ResourceTemplate{
			URITemplate: runs + "{execution_id}/" + r.part, Name: r.part, Title: r.title, Description: r.text, MIMEType: r.media,
		}, func(ctx context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
			return s.readRun(ctx, api, req)
		})
	}
}

func (s *Server) readRun(ctx context.Context, api service.API, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	uri := req.Params.URI
	id, part, ok := strings.Cut(strings.TrimPrefix(uri, runs), "/")
	if !ok {
		return nil, mcp.ResourceNotFoundError(uri)
	}
	ctx = service.WithCaller(ctx, &service.Caller{Principal: principal(req.Extra)})
	text, media, err := api.Run(ctx, id, service.Part(part))
	if err != nil {
		return nil, mcp.ResourceNotFoundError(uri)
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: uri, MIMEType: media, Text: text}}}, nil
}
