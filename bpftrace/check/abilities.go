package check

// The abilities that programs can need, by kind. What each one is, how it is
// probed and how to get it is the table in internal/kernel; a name never
// changes, since snapshots store it.
const (
	// What can be read.
	AbilityBTF       Ability = "btf"        // types of the kernel
	AbilityModuleBTF Ability = "module_btf" // types of its modules
	AbilityTracefs   Ability = "tracefs"    // tracepoints and their formats
	AbilityKallsyms  Ability = "kallsyms"   // addresses of kernel symbols

	// Ways to attach.
	AbilityTracepoint      Ability = "tracepoint"
	AbilityRawTracepoint   Ability = "raw_tracepoint"
	AbilityTpBTF           Ability = "tp_btf" // raw tracepoint with typed arguments
	AbilityKprobe          Ability = "kprobe"
	AbilityKprobeMulti     Ability = "kprobe_multi"
	AbilityKprobeSession   Ability = "kprobe_session"
	AbilityFentry          Ability = "fentry" // fentry and fexit
	AbilityUprobe          Ability = "uprobe" // through the perf PMU
	AbilityUprobeMulti     Ability = "uprobe_multi"
	AbilityUprobeSession   Ability = "uprobe_session"
	AbilityUprobeSleepable Ability = "uprobe_sleepable" // uprobe programs that may fault pages in
	AbilityPerfEvent       Ability = "perf_event"       // profile, interval on a CPU, software events
	AbilityHardware        Ability = "hardware"         // counters of the CPU
	AbilityWatchpoint      Ability = "watchpoint"
	AbilityIter            Ability = "iter"
	AbilityProgRun         Ability = "prog_run" // BPF_PROG_TEST_RUN of raw tracepoint programs
	AbilityPerfLink        Ability = "perf_link"

	// Maps.
	AbilityRingbuf     Ability = "ringbuf"
	AbilityTaskStorage Ability = "task_storage"
	AbilityMapBatch    Ability = "map_batch"     // batch reads of hash maps
	AbilityLargeMapKey Ability = "large_map_key" // keys of maps over 512 bytes
	AbilityMmapArray   Ability = "mmap_array"

	// Helpers that differ between kernels or need rights.
	AbilityProbeReadKernel     Ability = "probe_read_kernel"
	AbilityAttachCookie        Ability = "get_attach_cookie"
	AbilityGetFuncIP           Ability = "get_func_ip"
	AbilityLoop                Ability = "loop"
	AbilityForEachMapElem      Ability = "for_each_map_elem"
	AbilityMapLookupPercpuElem Ability = "map_lookup_percpu_elem"
	AbilityCurrentTaskBTF      Ability = "get_current_task_btf"
	AbilityCurrentCgroupID     Ability = "get_current_cgroup_id"
	AbilityNsPidTgid           Ability = "get_ns_current_pid_tgid"
	AbilitySnprintf            Ability = "snprintf"
	AbilityStrncmp             Ability = "strncmp"
	AbilityKtimeBoot           Ability = "ktime_get_boot_ns"
	AbilityKtimeTai            Ability = "ktime_get_tai_ns"
	AbilityJiffies64           Ability = "jiffies64"
	AbilityDPath               Ability = "d_path"
	AbilitySendSignal          Ability = "send_signal"
	AbilityProbeWriteUser      Ability = "probe_write_user"
	AbilityOverrideReturn      Ability = "override_return"
	AbilitySkbOutput           Ability = "skb_output"
	AbilitySocketCookie        Ability = "get_socket_cookie" // of a socket in a typed argument
	AbilityCopyFromUser        Ability = "copy_from_user"
	AbilityKfunc               Ability = "kfunc" // calls of kernel functions
	AbilityIterNum             Ability = "iter_num"

	// Of the machine as a whole.
	AbilityBPF          Ability = "bpf" // loading any program at all with these rights
	AbilityStats        Ability = "bpf_stats"
	AbilityUnprivileged Ability = "unprivileged_bpf"
)
