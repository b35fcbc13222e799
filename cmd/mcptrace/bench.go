package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// benchFlags are those of bench.
type benchFlags struct {
	runs     int
	program  string
	bpftrace string
}

func (m *Main) benchCommand() *command {
	f := &benchFlags{runs: 10, program: "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }"}
	return &command{
		name: "bench", args: "start|events|check", short: "measure starts and the cost of events, beside the bpftrace binary, and checking",
		long: "start: runs both in turn and measures the time from process start to attached, and the peak of memory.\n" +
			"events: the time in the BPF programs per event of ten fixed programs, net of an empty program.\n" +
			"check: the time of mcptrace check on this kernel from process start to exit, and of parsing and checking alone, types warm.\n" +
			"The binary is --bpftrace (several, separated by commas, for events), MCPTRACE_BPFTRACE or the one in PATH.",
		flags: []flag{
			intFlag(&f.runs, "runs", "n", "N", "how often each side is started (10)"),
			stringFlag(&f.program, "program", "e", "PROGRAM", "what is started"),
			stringFlag(&f.bpftrace, "bpftrace", "", "PATH", "the bpftrace binary"),
		},
		run: func(ctx context.Context, p *parsed) error {
			switch {
			case len(p.args) == 1 && p.args[0] == "start":
				return m.benchStart(ctx, f)
			case len(p.args) == 1 && p.args[0] == "events":
				return m.benchEvents(ctx, f)
			case len(p.args) == 1 && p.args[0] == "check":
				return m.benchCheck(ctx, f)
			case len(p.args) == 2 && p.args[0] == "load":
				return m.benchLoad(p.args[1]) // a child of bench events
			case len(p.args) == 1 && p.args[0] == "hold":
				return m.benchHold()
			}
			return usagef("say what to measure: mcptrace bench start, events or check")
		},
	}
}

// side is one of the programs that are compared.
type side struct {
	name string
	cmd  func(ctx context.Context) *exec.Cmd
	wait string // what it prints to standard error once attached

	attached []time.Duration
	total    []time.Duration
	memory   []int64 // peak resident, bytes
}

// benchStart measures both sides in turn, so that what else the machine does
// disturbs both alike.
func (m *Main) benchStart(ctx context.Context, f *benchFlags) error {
	sides, err := m.sides(f)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "%s\n%d runs each, in turn; medians\n\n", f.program, f.runs)
	for i := range f.runs + 1 {
		for _, s := range sides {
			if err := withTracefs(func() error { return s.start(ctx, i == 0) }); err != nil {
				return fmt.Errorf("start %s: %w", s.name, err)
			}
		}
	}
	fmt.Fprintf(m.Stdout, "%-10s %14s %14s %14s\n", "", "to attached", "to end", "peak memory")
	for _, s := range sides {
		fmt.Fprintf(m.Stdout, "%-10s %11.1f ms %11.1f ms %11.1f MB\n", s.name, ms(median(s.attached)), ms(median(s.total)), float64(median(s.memory))/1e6)
	}
	if len(sides) == 2 {
		a, b := sides[0], sides[1]
		fmt.Fprintf(m.Stdout, "\nmcptrace attaches %.1f times faster with 1/%.1f of the memory\n",
			ms(median(b.attached))/ms(median(a.attached)), float64(median(b.memory))/float64(median(a.memory)))
	}
	return nil
}

// sides finds what can be compared, and says why the other side cannot.
func (m *Main) sides(f *benchFlags) ([]*side, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	sides := []*side{{name: "mcptrace", wait: "Attached ", cmd: func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, self, "run", "-e", f.program)
	}}}
	path := f.bpftrace
	if path == "" {
		path, err = findBpftrace()
	}
	if err != nil {
		fmt.Fprintf(m.Stdout, "skipped the other side: %v\n\n", err)
		return sides, nil
	}
	// The marker is written by the command that bpftrace starts once it has
	// attached; versions from 0.24 on print "Attached" themselves before that.
	sides = append(sides, &side{name: "bpftrace", wait: "Attached", cmd: func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, path, "-c", "/bin/echo Attached", "-e", f.program)
	}})
	return sides, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median[T int64 | time.Duration](list []T) T {
	s := slices.Clone(list)
	slices.Sort(s)
	return s[len(s)/2]
}

// start runs one side until it has attached, ends it with SIGINT and notes the
// figures unless it is the first run, which warms caches.
func (s *side) start(ctx context.Context, warm bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := s.cmd(ctx)
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		w.Close()
		return err
	}
	w.Close()
	attached, said, err := s.awaitMark(r, begin)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return fmt.Errorf("%w: %s", err, said)
	}
	memory := peakMemory(cmd.Process.Pid)
	_ = cmd.Process.Signal(syscall.SIGINT)
	go io.Copy(io.Discard, r)
	_ = cmd.Wait()
	if !warm {
		s.attached = append(s.attached, attached)
		s.total = append(s.total, time.Since(begin))
		s.memory = append(s.memory, memory)
	}
	return nil
}

// peakMemory is the most that a process has had resident, in bytes. The figure
// that wait returns will not do: it counts what the parent had before exec.
func peakMemory(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kb * 1024
}

// awaitMark reads until the line that says that it is attached.
func (s *side) awaitMark(r io.Reader, begin time.Time) (time.Duration, string, error) {
	var said []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if text := lines.Text(); strings.HasPrefix(text, s.wait) && !strings.HasPrefix(text, "Attaching") {
			return time.Since(begin), "", nil
		}
		said = append(said, lines.Text())
	}
	return 0, strings.Join(said, "\n"), errors.New("it ended before it had attached")
}
