package sidebyside

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// tools are the programs that the scripts need.
type tools struct {
	mcptrace, workload string
	machine            *kernel.Machine
	guest              bool     // the machine was made for this, by vmtest
	bpftrace           []string // command line before the arguments; nil when there is none that fits
	version            string
}

func TestScripts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("tracing other programs needs root")
	}
	use := prepare(t)
	t.Logf("beside mcptrace: %s", use.version)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	table := &tally{}
	for _, f := range files {
		kind, scripts, err := load(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scripts {
			t.Run(kind+"/"+s.name, func(t *testing.T) { table.add(kind, use.try(t, &s)) })
		}
	}
	t.Log(table.String())
}

// tally counts the outcomes of scripts by kind.
type tally struct {
	kinds []string
	n     map[string][4]int
}

// outcome is what became of a script.
type outcome int

const (
	failed outcome = iota
	agreed
	different // on purpose
	alone     // nothing to compare with
)

func (y *tally) add(kind string, o outcome) {
	if y.n == nil {
		y.n = map[string][4]int{}
	}
	if !slices.Contains(y.kinds, kind) {
		y.kinds = append(y.kinds, kind)
	}
	c := y.n[kind]
	c[o]++
	y.n[kind] = c
}

func (y *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-16s %8s %6s %8s %8s %6s\n", "kind", "scripts", "agree", "differ", "alone", "fail")
	for _, k := range y.kinds {
		c := y.n[k]
		fmt.Fprintf(&b, "%-16s %8d %6d %8d %8d %6d\n", k, c[0]+c[1]+c[2]+c[3], c[agreed], c[different], c[alone], c[failed])
	}
	return b.String()
}

// try runs a script with mcptrace and, where it can, with bpftrace.
func (use *tools) try(t *testing.T, s *script) outcome {
	use.requireAll(t, s.needs)
	ours, pid, err := use.trace(s, []string{use.mcptrace, "run", "--unsafe"}, 0)
	if status := (*exec.ExitError)(nil); use.guest && errors.As(err, &status) && status.ExitCode() == statusMissing {
		t.Skipf("mcptrace says: %s", ours.err)
	}
	if err != nil {
		t.Errorf("mcptrace: %v\n%s", err, ours.all())
		return failed
	}
	for _, re := range s.expect {
		if !re.MatchString(ours.out) {
			t.Errorf("mcptrace prints nothing like %s:\n%s", re, ours.all())
			return failed
		}
	}
	if s.differs != "" || use.bpftrace == nil {
		if s.differs != "" {
			return different
		}
		return alone
	}
	return use.compare(t, s, ours, s.normal(ours.out, pid))
}

// compare runs a script with bpftrace, up to three times: on a busy machine it
// loses output when it is interrupted, and says nothing of it.
func (use *tools) compare(t *testing.T, s *script, ours said, a []string) outcome {
	var b []string
	for range 3 {
		theirs, pid, err := use.trace(s, append(slices.Clone(use.bpftrace), "--unsafe"), bpftraceSettles)
		if b = s.normal(theirs.all(), pid); err != nil {
			continue // b says what it complained about
		}
		if b = s.normal(theirs.out, pid); slices.Equal(a, b) {
			return agreed
		}
	}
	t.Errorf("they differ:\nmcptrace:\n%s\nbpftrace:\n%s\nstderr of mcptrace:\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"), ours.err)
	return failed
}

// statusMissing is what mcptrace ends with when the kernel lacks something. In a
// guest that is a skip: what each kernel must be able to do is for vmtest to say.
const statusMissing = 3

// requireAll skips a script for want of an ability, a file or a kernel function.
func (use *tools) requireAll(t *testing.T, needs []string) {
	for _, n := range needs {
		if strings.HasPrefix(n, "/") {
			if _, err := os.Stat(n); err != nil {
				t.Skip(err)
			}
			continue
		}
		if name, ok := strings.CutPrefix(n, "btf:"); ok {
			if _, err := use.machine.FunctionID("", name); err != nil {
				t.Skip(err)
			}
			continue
		}
		if f := use.machine.Ability(check.Ability(n)); f.Answer == check.No {
			t.Skipf("no %s: %s: %s", n, f.Why, f.Hint)
		}
	}
}

// said is what a tracer printed.
type said struct{ out, err string }

func (s said) all() string { return s.out + s.err }

// limit bounds one run of a tracer. bpftraceSettles is what bpftrace needs to read
// its ring buffer before it is interrupted: it drops what is still there.
const (
	limit           = 30 * time.Second
	bpftraceSettles = 300 * time.Millisecond
)

// trace runs a script with one tracer: workload held, tracer attached, workload
// released, tracer stopped.
func (use *tools) trace(s *script, command []string, settle time.Duration) (said, int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	w, err := use.start(ctx, s)
	if err != nil {
		return said{}, 0, fmt.Errorf("start workload: %w", err)
	}
	defer w.end()
	program := strings.NewReplacer("{workload}", use.workload, "{watched}", w.watched).Replace(s.program)
	command = append(command, "-e", program, strconv.Itoa(w.pid))
	cmd := exec.CommandContext(ctx, command[0], append(command[1:], s.args...)...)
	var out, errs buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return said{}, 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = s.conduct(ctx, cmd.Process, w, &errs, ended, settle)
	return said{out.String(), errs.String()}, w.pid, err
}

// conduct waits for the tracer to attach, lets the workload go, and stops the
// tracer when it is through.
func (s *script) conduct(ctx context.Context, tracer *os.Process, w *workload, errs *buffer, ended chan error, settle time.Duration) error {
	for !attached.MatchString(errs.String()) {
		select {
		case err := <-ended:
			return exitError(err)
		case <-time.After(2 * time.Millisecond):
		}
	}
	if err := w.run(); err != nil {
		return err
	}
	if d := s.patience(); d > 0 {
		select {
		case err := <-ended:
			return exitError(err)
		case <-time.After(d):
		}
	}
	time.Sleep(settle)
	if s.signal == "USR1" {
		tracer.Signal(syscall.SIGUSR1)
		time.Sleep(bpftraceSettles) // it does not say when it has handled it
	}
	tracer.Signal(os.Interrupt)
	select {
	case err := <-ended:
		return exitError(err)
	case <-ctx.Done():
		return fmt.Errorf("did not end %s after it was told to", limit)
	}
}

// patience is how long a script may run by itself before it is stopped.
func (s *script) patience() time.Duration {
	if s.ends || s.workload == "" && s.signal == "" && strings.Contains(s.program, "exit()") {
		return limit
	}
	d, _ := time.ParseDuration(s.run)
	return d
}

var attached = regexp.MustCompile(`Attached \d+ probe`)

func exitError(err error) error {
	if err != nil {
		return fmt.Errorf("ended with %w", err)
	}
	return nil
}

// buffer collects output that is looked at while it grows.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// workload is the fixture program, held until run.
type workload struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	pid     int
	watched string
}

func (use *tools) start(ctx context.Context, s *script) (*workload, error) {
	w := &workload{cmd: exec.CommandContext(ctx, use.workload, strings.Fields(s.workload)...), watched: "0x0"}
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.in, w.out = in, bufio.NewReader(out)
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	_, err = fmt.Fscanf(w.out, "ready %d %s\n", &w.pid, &w.watched)
	return w, err
}

// run releases the workload and waits until it is done.
func (w *workload) run() error {
	if _, err := io.WriteString(w.in, "go\n"); err != nil {
		return fmt.Errorf("release workload: %w", err)
	}
	if line, err := w.out.ReadString('\n'); err != nil || line != "done\n" {
		return fmt.Errorf("workload said %q: %v", line, err)
	}
	return nil
}

func (w *workload) end() {
	w.in.Close()
	w.cmd.Wait()
}

// prepare builds mcptrace and the workload, unless MCPTRACE_BINARY and
// MCPTRACE_WORKLOAD name them, and looks for bpftrace.
func prepare(t *testing.T) *tools {
	machine, err := kernel.Host(kernel.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { machine.Close() })
	dir := t.TempDir()
	use := &tools{machine: machine, mcptrace: os.Getenv("MCPTRACE_BINARY"), workload: os.Getenv("MCPTRACE_WORKLOAD"), guest: os.Getenv("MCPTRACE_GUEST") != ""}
	if use.mcptrace == "" {
		use.mcptrace = filepath.Join(dir, "mcptrace")
		build(t, "go", "build", "-o", use.mcptrace, "../../cmd/mcptrace")
	}
	if use.workload == "" {
		gcc, err := exec.LookPath("gcc")
		if err != nil {
			t.Skip("the workload is a C program and there is no gcc")
		}
		use.workload = filepath.Join(dir, "workload")
		build(t, gcc, "-O1", "-g", "-fno-omit-frame-pointer", "-no-pie", "-pthread", "-o", use.workload, "testdata/workload.c")
	}
	use.findBpftrace()
	return use
}

func build(t *testing.T, name string, args ...string) {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// findBpftrace takes a bpftrace whose language and output are ours, 0.24 or
// newer. It needs tracefs in the usual place, which a mount namespace gives it.
func (use *tools) findBpftrace() {
	path := os.Getenv("MCPTRACE_BPFTRACE")
	if path == "" {
		path, _ = exec.LookPath("bpftrace")
	}
	command := exec.Command(path, "--version")
	if use.guest {
		root := strings.TrimSuffix(path, "/usr/bin/bpftrace")
		command = exec.Command(root+"/usr/lib64/ld-linux-x86-64.so.2", "--library-path", root+"/usr/lib/x86_64-linux-gnu", path, "--version")
	}
	out, err := command.Output()
	use.version = strings.TrimSpace(string(out))
	var minor int
	if _, scan := fmt.Sscanf(use.version, "bpftrace v0.%d", &minor); err != nil || scan != nil || minor < 24 {
		use.version = fmt.Sprintf("no bpftrace of 0.24 or newer (%q): set MCPTRACE_BPFTRACE to compare", use.version)
		return
	}
	if use.guest { // it has tracefs, and a linker and libraries of bpftrace's own
		root := strings.TrimSuffix(path, "/usr/bin/bpftrace")
		use.bpftrace = []string{root + "/usr/lib64/ld-linux-x86-64.so.2", "--library-path", root + "/usr/lib/x86_64-linux-gnu", path}
		return
	}
	use.bpftrace = []string{"unshare", "-m", "--propagation", "private", "sh", "-c",
		`mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec "$@"`, "sh", path}
}
