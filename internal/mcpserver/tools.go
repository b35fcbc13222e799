package mcpserver

import (
	"embed"
	"strings"

	"github.com/mcptrace/mcptrace/internal/service"
)

//go:embed tools/*.md
var docs embed.FS

// description is what the model reads about a tool: the text of its Markdown
// file without the heading.
func description(name string) string {
	data, err := docs.ReadFile("tools/" + name + ".md")
	if err != nil {
		panic(err)
	}
	_, text, _ := strings.Cut(string(data), "\n")
	return strings.Join(strings.Fields(text), " ")
}

// tools is the table of tools, in the order in which they are listed.
func tools(api service.API) []*tool {
	return []*tool{
		newTool("list_probes", `{"filter": "tracepoint:syscalls:*open*"}`, api.ListProbes),
		newTool("bpf_info", `{"section": "summary"}`, api.BPFInfo),
		newTool("validate_program", `{"program": "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }"}`, api.Validate),
		newTool("exec_program", `{"program": "tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }", "timeout": 5, "wait": 10}`, api.Exec),
		newTool("get_result", `{"execution_id": "exec_...", "offset": 0, "limit": 200}`, api.GetResult),
		newTool("stop_execution", `{"execution_id": "exec_..."}`, api.Stop),
		newTool("adjust_execution", `{"execution_id": "exec_...", "timeout": 60}`, api.Adjust),
	}
}

// aliases are names that models and older clients try; they are answered and
// not listed.
func aliases() map[string]string {
	return map[string]string{
		"search_probes": "list_probes", "find_probes": "list_probes", "list_probe": "list_probes", "probes": "list_probes",
		"info": "bpf_info", "system_info": "bpf_info", "get_info": "bpf_info", "bpftrace_info": "bpf_info",
		"check_program": "validate_program", "validate": "validate_program", "check": "validate_program", "validate_script": "validate_program",
		"run_program": "exec_program", "execute_program": "exec_program", "run": "exec_program", "run_trace": "exec_program", "run_bpftrace": "exec_program",
		"get_results": "get_result", "get_output": "get_result", "read_result": "get_result", "result": "get_result",
		"stop_program": "stop_execution", "stop": "stop_execution", "kill_execution": "stop_execution", "cancel_execution": "stop_execution",
		"adjust_program": "adjust_execution", "control_program": "adjust_execution",
	}
}
