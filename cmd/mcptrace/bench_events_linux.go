package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mcptrace/mcptrace/internal/engine"
	"golang.org/x/sys/unix"
)

// eventBench is a program whose cost per event is measured over a load of so
// many operations that cause its events.
type eventBench struct {
	name, load string
	program    string // $1 is the pid of the load; {self} this binary
}

// eventBenches are written in what all versions of bpftrace understand; args.x
// becomes args->x for versions before 0.19.
var eventBenches = []eventBench{
	{"count by comm", "getppid", "tracepoint:raw_syscalls:sys_enter /pid == $1/ { @[comm] = count(); }"},
	{"read latency", "read", "tracepoint:syscalls:sys_enter_read /pid == $1/ { @s[tid] = nsecs; } tracepoint:syscalls:sys_exit_read /@s[tid]/ { @ = hist(nsecs - @s[tid]); delete(@s[tid]); }"},
	{"three aggregations, filter", "read", "tracepoint:syscalls:sys_exit_read /pid == $1 && args.ret >= 0/ { @c[comm] = count(); @h = hist(args.ret); @s = stats(args.ret); }"},
	{"string key", "openat", "tracepoint:syscalls:sys_enter_openat /pid == $1/ { @[str(args.filename)] = count(); }"},
	{"stack count", "getppid", "tracepoint:raw_syscalls:sys_enter /pid == $1/ { @[kstack(5)] = count(); }"},
	{"tuple of four", "getppid", "tracepoint:raw_syscalls:sys_enter /pid == $1/ { @[pid, tid, comm, args.id] = count(); }"},
	{"struct chain of five", "getppid", "tracepoint:raw_syscalls:sys_enter /pid == $1/ { @ = sum(curtask->real_parent->group_leader->real_parent->group_leader->start_time); }"},
	{"printf of six values", "getppid", `tracepoint:raw_syscalls:sys_enter /pid == $1/ { printf("%d %d %s %d %lu %d\n", pid, tid, comm, args.id, nsecs, cpu); }`},
	{"uprobe hist", "call", "uprobe:{self}:main.benchTarget { @ = hist(reg(\"ax\")); }"},
	{"two maps joined", "read", "tracepoint:syscalls:sys_enter_read /pid == $1/ { @a[tid] = args.count; } tracepoint:syscalls:sys_exit_read /@a[tid]/ { @b[comm] = sum(@a[tid]); delete(@a[tid]); }"},
}

// benchEvents measures nanoseconds in the programs per operation of the load,
// net of what an empty program costs, for each side in turn.
func (m *Main) benchEvents(ctx context.Context, f *benchFlags) error {
	stats, err := engine.CountRuns()
	if err != nil {
		return err
	}
	defer stats.Close()
	empty, err := emptyCost(ctx)
	if err != nil {
		return err
	}
	sides, err := m.tracers(f)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "ns in the programs per operation, net of an empty program (%.0f ns); medians of %d, in turn\n\n", empty, f.runs)
	fmt.Fprintf(m.Stdout, "%-28s", "")
	for _, s := range sides {
		fmt.Fprintf(m.Stdout, " %16s", s.name)
	}
	fmt.Fprintln(m.Stdout, "   ratios")
	ratios := make([][]float64, len(sides))
	for _, b := range eventBenches {
		ns, err := b.measure(ctx, sides, f.runs, empty)
		if err != nil {
			fmt.Fprintf(m.Stdout, "%-28s skipped: %v\n", b.name, err)
			continue
		}
		m.printEventRow(b, ns, ratios)
	}
	for i := 1; i < len(sides); i++ {
		if len(ratios[i]) > 0 {
			fmt.Fprintf(m.Stdout, "median of the ratios to %s: %.2f\n", sides[i].name, medianOf(ratios[i]))
		}
	}
	return nil
}

func (m *Main) printEventRow(b eventBench, ns []float64, ratios [][]float64) {
	fmt.Fprintf(m.Stdout, "%-28s", b.name)
	for _, n := range ns {
		fmt.Fprintf(m.Stdout, " %13.0f ns", n)
	}
	for i := 1; i < len(ns); i++ {
		ratios[i] = append(ratios[i], ns[0]/ns[i])
		fmt.Fprintf(m.Stdout, "   %.2f", ns[0]/ns[i])
	}
	fmt.Fprintln(m.Stdout)
}

// tracer is a command that runs programs.
type tracer struct {
	name    string
	command []string
	old     bool // wants args->x, says Attaching rather than Attached
}

// tracers are this binary and the bpftrace binaries that are there, named by
// --bpftrace (which may be given several, separated by commas) or found.
func (m *Main) tracers(f *benchFlags) ([]tracer, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	list := []tracer{{name: "mcptrace", command: []string{self, "run"}}}
	paths := strings.Split(f.bpftrace, ",")
	if f.bpftrace == "" {
		found, err := findBpftrace()
		if err != nil {
			fmt.Fprintf(m.Stdout, "skipped the other side: %v\n\n", err)
			return list, nil
		}
		paths = []string{found}
	}
	for _, p := range paths {
		out, err := exec.Command(p, "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("ask %s for its version: %w", p, err)
		}
		version := strings.TrimSpace(string(out))
		var minor int
		_, _ = fmt.Sscanf(version, "bpftrace v0.%d", &minor)
		list = append(list, tracer{name: strings.Replace(version, "bpftrace v", "bpftrace ", 1), command: []string{p}, old: minor < 24})
	}
	return list, nil
}

// measure runs every side f.runs times in turn and returns the medians.
func (b eventBench) measure(ctx context.Context, sides []tracer, runs int, empty float64) ([]float64, error) {
	got := make([][]float64, len(sides))
	for range runs {
		for i, s := range sides {
			var ns float64
			err := withTracefs(func() (err error) { ns, err = b.once(ctx, s, empty); return err })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			got[i] = append(got[i], ns)
		}
	}
	medians := make([]float64, len(sides))
	for i := range got {
		medians[i] = medianOf(got[i])
	}
	return medians, nil
}

// once measures one side: the load is held until the tracer has attached.
func (b eventBench) once(ctx context.Context, s tracer, empty float64) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	l, err := startLoad(ctx, b.load)
	if err != nil {
		return 0, err
	}
	defer l.end()
	before, err := programsNow()
	if err != nil {
		return 0, err
	}
	stop, err := s.attach(ctx, b.text(s.old), l.cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	defer stop()
	start, err := programsNow()
	if err != nil {
		return 0, err
	}
	if err := l.run(); err != nil {
		return 0, err
	}
	end, err := programsNow()
	if err != nil {
		return 0, err
	}
	var total float64
	for id, p := range end {
		if _, old := before[id]; old {
			continue
		}
		was := start[id]
		total += float64((p.RunTime - was.RunTime).Nanoseconds()) - empty*float64(p.Runs-was.Runs)
	}
	return total / loadOperations, nil
}

func (b eventBench) text(old bool) string {
	self, _ := os.Executable()
	text := strings.ReplaceAll(b.program, "{self}", self)
	if old {
		text = strings.ReplaceAll(text, "args.", "args->")
	}
	return text
}

// attach starts the tracer and waits until it has attached; stop ends it.
func (s tracer) attach(ctx context.Context, program string, pid int) (stop func(), err error) {
	args := append(s.command[1:], "-e", program, strconv.Itoa(pid))
	if s.old {
		// It says nothing when it has attached, but starts the child of -c then.
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args = append([]string{"-c", self + " bench hold"}, args...)
	}
	cmd := exec.CommandContext(ctx, s.command[0], args...)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w.Close()
	var said strings.Builder
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "Attached") {
			break
		}
		said.WriteString(line)
		if err != nil {
			return nil, errors.Join(errors.New("it ended before it had attached: "+strings.TrimSpace(said.String())), cmd.Wait())
		}
	}
	if s.old {
		time.Sleep(time.Second) // its child starts before the last probe is attached
	}
	drained := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, lines); close(drained) }()
	return func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		<-drained
		r.Close()
	}, nil
}

func programsNow() (map[uint32]engine.LoadedProgram, error) {
	list, err := engine.LoadedPrograms()
	byID := make(map[uint32]engine.LoadedProgram, len(list))
	for _, p := range list {
		byID[p.ID] = p
	}
	return byID, err
}

// emptyCost measures what counting a run costs.
func emptyCost(ctx context.Context) (float64, error) {
	l, err := startLoad(ctx, "getppid")
	if err != nil {
		return 0, err
	}
	defer l.end()
	before, err := programsNow()
	if err != nil {
		return 0, err
	}
	probe, err := engine.AttachEmpty("sys_enter")
	if err != nil {
		return 0, err
	}
	defer probe.Close()
	if err := l.run(); err != nil {
		return 0, err
	}
	now, err := programsNow()
	if err != nil {
		return 0, err
	}
	for id, p := range now {
		if _, old := before[id]; !old && p.Name == "empty" && p.Runs > 0 {
			return float64(p.RunTime.Nanoseconds()) / float64(p.Runs), nil
		}
	}
	return 0, errors.New("the empty program was not counted")
}

// load is a child of ours that performs operations when it is told to.
type load struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// benchHold is the child of a tracer that does not say when it has attached.
func (m *Main) benchHold() error {
	fmt.Fprintln(m.Stdout, "Attached")
	time.Sleep(time.Minute) // the tracer is stopped, and ends it, long before
	return nil
}

// loadOperations is how many operations a load performs.
const loadOperations = 200_000

func startLoad(ctx context.Context, kind string) (*load, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l := &load{cmd: exec.CommandContext(ctx, self, "bench", "load", kind)}
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l.out = bufio.NewReader(out)
	return l, l.cmd.Start()
}

func (l *load) run() error {
	if _, err := io.WriteString(l.in, "go\n"); err != nil {
		return fmt.Errorf("start the load: %w", err)
	}
	line, err := l.out.ReadString('\n')
	if line != "done\n" {
		return fmt.Errorf("the load said %q: %v", line, err)
	}
	return nil
}

func (l *load) end() {
	l.in.Close()
	_ = l.cmd.Wait()
}

// benchLoad is the other end of load: it waits for a line and performs the
// operations on one CPU.
func (m *Main) benchLoad(kind string) error {
	runtime.LockOSThread()
	var one unix.CPUSet
	one.Set(runtime.NumCPU() - 1)
	_ = unix.SchedSetaffinity(0, &one)
	op, err := loadOperation(kind)
	if err != nil {
		return err
	}
	in := bufio.NewReader(m.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return nil
	}
	for i := range loadOperations {
		op(i)
	}
	fmt.Fprintln(m.Stdout, "done")
	_, _ = io.Copy(io.Discard, in)
	return nil
}

func loadOperation(kind string) (func(i int), error) {
	switch kind {
	case "getppid":
		return func(int) { unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0) }, nil
	case "read":
		fd, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
		buf := make([]byte, 64)
		return func(i int) { _, _ = unix.Read(fd, buf[:1+i%64]) }, err
	case "openat":
		return func(int) { _, _ = unix.Open("/nonexistent/a-file", unix.O_RDONLY, 0) }, nil
	case "call":
		return func(i int) { runtime.KeepAlive(benchTarget(i)) }, nil
	}
	return nil, usagef("no load %q", kind)
}

// benchTarget is what the uprobe of a benchmark is on.
//
//go:noinline
func benchTarget(i int) int { return i + 1 }

func medianOf(list []float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
