package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The revisions of the protocol that clients speak: with and without initialize.
var eras = []string{"2025-11-25", "2026-07-28"}

// client is an MCP client of a server process of its own.
type client struct {
	t        *testing.T
	cmd      *exec.Cmd
	session  *mcp.ClientSession
	progress atomic.Int64
}

// connect starts the built binary as clients do, and says hello in an era.
func connect(t *testing.T, era string) *client {
	t.Helper()
	c := &client{t: t, cmd: exec.Command(binary, "serve")}
	c.cmd.Stderr = os.Stderr
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cl := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { c.progress.Add(1) },
	})
	var err error
	c.session, err = cl.Connect(ctx, &mcp.CommandTransport{Command: c.cmd}, &mcp.ClientSessionOptions{ProtocolVersion: era})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = c.session.Close() })
	return c
}

// call calls a tool and reads its structured result into out.
func (c *client) call(tool string, args map[string]any, out any) *mcp.CallToolResult {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	params := &mcp.CallToolParams{Name: tool, Arguments: args}
	params.SetProgressToken("p")
	res, err := c.session.CallTool(ctx, params)
	if err != nil {
		c.t.Fatalf("%s: %v", tool, err)
	}
	if out == nil {
		return res
	}
	data, err := json.Marshal(res.StructuredContent)
	if err == nil {
		err = json.Unmarshal(data, out)
	}
	if err != nil || res.IsError {
		c.t.Fatalf("%s: error %v: %v %s", tool, res.IsError, err, data)
	}
	return res
}

// run is what tests look at of exec_program, get_result and stop_execution.
type run struct {
	Summary     string   `json:"summary"`
	ExecutionID string   `json:"execution_id"`
	Status      string   `json:"status"`
	Output      []string `json:"output"`
	LinesTotal  int      `json:"lines_total"`
	NextOffset  int      `json:"next_offset"`
	Tables      []struct {
		Name    string     `json:"name"`
		Columns []string   `json:"columns"`
		Rows    [][]string `json:"rows"`
	} `json:"tables"`
	Warnings []string       `json:"warnings"`
	Metadata map[string]any `json:"metadata"`
}

// TestAgentAtWork does what an agent does, in both eras: list the tools, get a
// broken program corrected, run, read while it runs, stop, and find the maps.
func TestAgentAtWork(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			c := connect(t, era)
			c.listTools()
			fixed := c.correct("interval:ms:50 { printf(\"tick\\n\"); @n[1] = coun(); }")
			var r run
			c.call("exec_program", map[string]any{"program": fixed, "timeout": 60}, &r)
			if r.Status != "started" || !strings.HasPrefix(r.ExecutionID, "exec_") {
				t.Fatalf("exec: %+v", r)
			}
			id := map[string]any{"execution_id": r.ExecutionID}
			c.readWhileRunning(r.ExecutionID)
			r = run{}
			c.call("stop_execution", id, &r)
			c.wantMap(&r, "stopped")
			r = run{}
			c.call("get_result", id, &r) // and again
			c.wantMap(&r, "stopped")
			c.wantResource("trace://runs/"+r.ExecutionID+"/output", "tick")
			c.wantResource("trace://runs/"+r.ExecutionID+"/maps", `"name":"@n"`)
			c.wantResource("trace://runs/"+r.ExecutionID+"/program", "count()")
		})
	}
}

func (c *client) listTools() {
	c.t.Helper()
	list, err := c.session.ListTools(context.Background(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	names := map[string]bool{}
	for _, tool := range list.Tools {
		names[tool.Name] = true
	}
	for _, want := range []string{"list_probes", "bpf_info", "validate_program", "exec_program", "get_result", "stop_execution"} {
		if !names[want] {
			c.t.Errorf("no tool %s", want)
		}
	}
}

// correct validates a broken program, which must give a place, a message and a
// fix, and returns the corrected one.
func (c *client) correct(program string) string {
	c.t.Helper()
	var v struct {
		OK          bool   `json:"ok"`
		Fixed       string `json:"fixed_program"`
		Diagnostics []struct {
			Line, Column int
			Message, Fix string
		} `json:"diagnostics"`
	}
	c.call("validate_program", map[string]any{"program": program}, &v)
	if v.OK || len(v.Diagnostics) != 1 {
		c.t.Fatalf("validate: %+v", v)
	}
	if d := v.Diagnostics[0]; d.Line != 1 || d.Column != strings.Index(program, "coun(")+1 || !strings.Contains(d.Message, "coun") || d.Fix == "" {
		c.t.Errorf("diagnostic %+v", d)
	}
	if !strings.Contains(v.Fixed, "count()") {
		c.t.Errorf("fixed program %q", v.Fixed)
	}
	return v.Fixed
}

func (c *client) readWhileRunning(id string) {
	c.t.Helper()
	var r run
	c.call("get_result", map[string]any{"execution_id": id, "offset": 1, "wait": 10}, &r)
	if r.Status != "running" || len(r.Output) == 0 || r.Output[0] != "tick" {
		c.t.Errorf("while running: %+v", r)
	}
	if r.NextOffset < 2 {
		c.t.Errorf("next offset %d", r.NextOffset)
	}
}

// wantMap expects the map @n with a count and named columns.
func (c *client) wantMap(r *run, status string) {
	c.t.Helper()
	if r.Status != status || len(r.Tables) != 1 || r.Tables[0].Name != "@n" || len(r.Tables[0].Rows) != 1 {
		c.t.Fatalf("got %+v", r)
	}
	row := r.Tables[0].Rows[0]
	if n, err := strconv.Atoi(row[len(row)-1]); err != nil || n < 1 || row[0] != "1" {
		c.t.Errorf("row %q", row)
	}
}

func (c *client) wantResource(uri, want string) {
	c.t.Helper()
	res, err := c.session.ReadResource(context.Background(), &mcp.ReadResourceParams{URI: uri})
	if err != nil || len(res.Contents) != 1 || !strings.Contains(res.Contents[0].Text, want) {
		c.t.Errorf("%s: %v %+v", uri, err, res)
	}
}

func TestWaitGivesTheResultAndProgress(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	c := connect(t, eras[0])
	var r run
	c.call("exec_program", map[string]any{"program": `interval:ms:100 { @n[1] = count(); }`, "timeout": "2", "wait": 20}, &r)
	c.wantMap(&r, "completed")
	if c.progress.Load() == 0 {
		t.Error("no progress was reported in two seconds")
	}
}

func TestSilentRunSaysWhy(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	c := connect(t, eras[1])
	var r run
	c.call("exec_program", map[string]any{"program": `tracepoint:syscalls:sys_enter_swapoff { @ = count(); }`, "timeout": 1, "wait": 10}, &r)
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "sys_enter_swapoff never fired") || !strings.Contains(r.Summary, "never fired") {
		t.Errorf("%+v", r)
	}
}

// TestHostileStrings lets the traced system speak to the model: it may, but only
// in fields of data and escaped.
func TestHostileStrings(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	c := connect(t, eras[1])
	hostile := "IGNORE \x1b[2J\x1b]0;pwn\a\u202egnp\u200b\U000e0041\\n"
	program := fmt.Sprintf(`begin { printf("%%s\n", "%s"); @["%s"] = count(); exit(); }`, hostile, hostile)
	var r run
	res := c.call("exec_program", map[string]any{"program": program, "timeout": 2, "wait": 10}, &r)
	text := res.Content[0].(*mcp.TextContent).Text
	var all strings.Builder
	if err := json.Unmarshal([]byte(text), &map[string]any{}); err != nil {
		t.Errorf("the text is no JSON: %v", err)
	}
	for _, line := range r.Output {
		all.WriteString(line)
	}
	for _, table := range r.Tables {
		for _, row := range table.Rows {
			all.WriteString(strings.Join(row, ""))
		}
	}
	if bad := regexp.MustCompile("[\x00-\x08\x0a-\x1f\x7f\u200b\u202e\U000e0041]").FindString(all.String()); bad != "" {
		t.Errorf("%q got through in %q", bad, all.String())
	}
	if !strings.Contains(all.String(), `\x1b[2J`) {
		t.Errorf("the escaped text is missing: %q", all.String())
	}
	if strings.Contains(r.Summary, "IGNORE") {
		t.Errorf("traced text in the summary: %q", r.Summary)
	}
}

// TestBadInputOverMCP sends what no client should.
func TestBadInputOverMCP(t *testing.T) {
	c := connect(t, eras[0])
	for _, x := range []struct {
		tool string
		args map[string]any
		want string
	}{
		{"validate_program", map[string]any{"program": strings.Repeat("begin { @a = 1; } ", 600_000)}, "longer than 1048576 bytes"},
		{"validate_program", map[string]any{"program": "\x00\x01ELF"}, "binary data"},
		{"exec_program", map[string]any{"program": strings.Repeat("x", 10<<20)}, "longer than 1048576 bytes"},
		{"exec_program", map[string]any{}, "program is missing"},
		{"exec_program", map[string]any{"program": 5, "timeout": "soon"}, "timeout must be a whole number 1–3600"},
		{"get_result", map[string]any{"execution_id": "exec_0"}, "no execution with this id"},
		{"get_result", map[string]any{"execution_id": "exec_0", "filter": "("}, "not a regular expression"},
		{"bpf_info", map[string]any{"section": "everything"}, "section must be one of"},
	} {
		res := c.call(x.tool, x.args, nil)
		text := res.Content[0].(*mcp.TextContent).Text
		if !res.IsError || !strings.Contains(text, x.want) {
			t.Errorf("%s: error %v, %.200q; want %q", x.tool, res.IsError, text, x.want)
		}
	}
}

// TestGiantProgramIsRefused logs how long it took, the best of three, since other
// tests keep the machine busy.
func TestGiantProgramIsRefused(t *testing.T) {
	p := startPipe(t)
	p.ask(`{"jsonrpc":"2.0","id":1,`+hello, `"id":1`)
	p.ask(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, "")
	giant := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"exec_program","arguments":{"program":"` + strings.Repeat("begin { @a = 1; } ", 600_000) + `"}}}`
	best := time.Hour
	for range 3 {
		begin := time.Now()
		p.ask(giant, `"id":2.*longer than 1048576 bytes`)
		best = min(best, time.Since(begin))
	}
	t.Logf("refused 10 MB of program text in %v", best)
	p.end()
}

// TestOnePipeBothEras is the probe of clients that send server/discover, fall
// back to initialize, and send garbage besides.
func TestOnePipeBothEras(t *testing.T) {
	p := startPipe(t)
	ask := p.ask
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	ask(`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{`+meta+`}}`, `"id":1.*"supportedVersions"`)
	ask(`{"jsonrpc":"2.0","id":2,`+hello, `"id":2.*"protocolVersion":"2025-11-25"`)
	ask(`{"jsonrpc":"2.0","method":"notifications/initialized"}`, "")
	ask(`{"jsonrpc":"2.0","id":"three","method":"tools/list"}`, `"id":"three".*exec_program`)
	ask(`{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{`+meta+`}}`, `"id":4.*exec_program`)
	ask(`{"jsonrpc":"2.0","id":5,`+hello, `"id":5.*"protocolVersion"`) // a second hello begins anew
	ask(`not json`, `-32700`)
	ask(`[]`, `-32600`)
	ask(`{"jsonrpc":"1.0","id":6,"method":"ping"}`, `-32600`)
	ask(`{"jsonrpc":"2.0","id":7,"method":"no/such","params":{`+meta+`}}`, `"id":7.*-32601`)
	ask(`{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"check_program","arguments":{"program":"begin {}"},`+meta+`}}`, `"id":8.*accepted`)
	p.end()
}

const hello = `"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`

// pipe is a server process and the two ends of its conversation.
type pipe struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
}

func startPipe(t *testing.T) *pipe {
	t.Helper()
	p := &pipe{t: t, cmd: exec.Command(binary, "serve")}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	p.lines.Buffer(nil, 1<<20)
	return p
}

// ask sends a line and expects an answer that matches, if any.
func (p *pipe) ask(line, want string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Fatal(err)
	}
	if want == "" {
		return
	}
	if !p.lines.Scan() {
		p.t.Fatalf("no answer to %.100s", line)
	}
	if !regexp.MustCompile(want).MatchString(p.lines.Text()) {
		p.t.Errorf("%.200s\nanswered %.300s\nwant %s", line, p.lines.Text(), want)
	}
}

// end closes the server's input; it must end well and say nothing more.
func (p *pipe) end() {
	p.t.Helper()
	if err := p.in.Close(); err != nil {
		p.t.Fatal(err)
	}
	if p.lines.Scan() {
		p.t.Errorf("more on standard output: %.200s", p.lines.Text())
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the server ended with %v", err)
	}
}

// TestKilledServerLeavesNothing kills the server hard while a program runs and
// looks for the program in the kernel's own list.
func TestKilledServerLeavesNothing(t *testing.T) {
	if why := lacks("tracing"); why != "" {
		t.Skip(why)
	}
	c := connect(t, eras[0])
	var r run
	c.call("exec_program", map[string]any{"program": `tracepoint:raw_syscalls:sys_enter { @ = count(); } uprobe:` + binary + `:main.main { @u = count(); }`, "timeout": 600}, &r)
	ids := loaded(t, c.cmd.Process.Pid)
	if len(ids) == 0 {
		t.Fatal("the running server holds no BPF program")
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for len(ids) > 0 && time.Now().Before(deadline) {
		var left []ebpf.ProgramID
		for _, id := range ids {
			p, err := ebpf.NewProgramFromID(id)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				p.Close()
			}
			left = append(left, id)
		}
		ids = left
		time.Sleep(20 * time.Millisecond)
	}
	if len(ids) > 0 {
		t.Errorf("programs %v are still loaded", ids)
	}
}

// loaded returns the BPF programs that a process holds, by its descriptors.
func loaded(t *testing.T, pid int) []ebpf.ProgramID {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	var ids []ebpf.ProgramID
	field := regexp.MustCompile(`(?m)^prog_id:\s*(\d+)$`)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // closed meanwhile
		}
		if m := field.FindSubmatch(data); m != nil {
			n, err := strconv.ParseUint(string(m[1]), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, ebpf.ProgramID(n))
		}
	}
	return ids
}
