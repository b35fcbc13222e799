package vmtest

// demand says how many tests of those that match must pass.
type demand struct {
	Tests  string // regular expression over whole names
	Passed int
}

// demands are what a kernel must be able to do. A test that is skipped for want
// of an ability does not pass, so none can get lost unseen.
func demands(series string) []demand {
	list := []demand{
		{`TestAbilities/(bpf|btf|tracefs|kallsyms|tracepoint|raw_tracepoint|tp_btf|kprobe|fentry|uprobe|perf_event|watchpoint|iter|prog_run|ringbuf|map_batch|mmap_array|probe_read_kernel|get_current_cgroup_id|get_ns_current_pid_tgid|ktime_get_boot_ns|jiffies64|d_path|send_signal|probe_write_user|skb_output|copy_from_user|bpf_stats)`, 27},
		{`TestGenerated`, 1},
		{`TestScripts/kprobe/.*`, 8},
		{`TestScripts/kretprobe/.*`, 8},
		{`TestScripts/fentry/.*`, 8},
		{`TestScripts/fexit/.*`, 8},
	}
	if series == "5.10" {
		return list
	}
	list = append(list, demand{`TestAbilities/(perf_link|module_btf|task_storage|get_attach_cookie|get_func_ip|loop|for_each_map_elem|map_lookup_percpu_elem|get_current_task_btf|snprintf|strncmp|ktime_get_tai_ns)`, 12})
	if series == "6.1" {
		return list
	}
	return append(list, demand{`TestAbilities/(kprobe_multi|kprobe_session|uprobe_multi|uprobe_sleepable|kfunc|iter_num)`, 6})
}
