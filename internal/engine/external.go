package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// External is the engine that drives an installed bpftrace, 0.17 or newer, by its
// text and JSON. Of an Object it uses Info only, so that Objects that the
// compiler cannot finish run as well.
type External struct {
	Path string // of the program; "" looks for bpftrace on PATH
}

// Name is "bpftrace".
func (*External) Name() string { return "bpftrace" }

// Version asks the program for its version, such as "0.27.1".
func (e *External) Version(ctx context.Context) (string, error) {
	path, err := e.find()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("run %s --version: %w", path, err)
	}
	version := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(out)), "bpftrace"))
	return strings.TrimPrefix(version, "v"), nil
}

func (e *External) find() (string, error) {
	path, err := exec.LookPath(cmpOr(e.Path, "bpftrace"))
	if err != nil {
		return "", missing("bpftrace", "install bpftrace 0.17 or newer (for instance: apt install bpftrace), or use the native engine, which needs nothing", err)
	}
	return path, nil
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// Start starts bpftrace and waits until it has attached its probes.
func (e *External) Start(ctx context.Context, obj *compile.Object, opts *Options) (Run, error) {
	if opts == nil {
		opts = &Options{}
	}
	path, err := e.find()
	if err != nil {
		return nil, err
	}
	args, err := externalArgs(obj.Info, opts)
	if err != nil {
		return nil, err
	}
	r := &externalRun{
		path: path, args: args, maps: mapShapes(obj.Info.Maps),
		events: make(chan output.Event, externalQueue), gone: make(chan struct{}), closing: make(chan struct{}), begun: make(chan struct{}),
	}
	if err := r.start(); err != nil {
		return nil, err
	}
	if err := r.waitAttached(ctx); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// outputFD is the descriptor to which bpftrace writes its JSON, apart from what
// the command of -c writes to stdout.
const outputFD = 3

// externalArgs are the arguments of bpftrace for a program.
func externalArgs(info *check.Info, opts *Options) ([]string, error) {
	if info.File == nil || info.File.Source == nil {
		return nil, errors.New("start bpftrace: the program has no text")
	}
	args := []string{"-f", "json", "-B", "line", "-o", fmt.Sprintf("/dev/fd/%d", outputFD)}
	if opts.PID > 0 {
		args = append(args, "-p", strconv.Itoa(opts.PID))
	}
	if opts.Command != "" {
		args = append(args, "-c", opts.Command)
	}
	if opts.Unsafe {
		args = append(args, "--unsafe")
	}
	args = append(args, "-e", info.File.Source.Text)
	positional, named := scriptParams(info.Params)
	args = append(args, positional...)
	if len(named) > 0 {
		args = append(append(args, "--"), named...)
	}
	return args, nil
}

// scriptParams are the parameters as words; positional ones that the program
// does not read are 0.
func scriptParams(params []check.Param) (positional, named []string) {
	for i := range params {
		p := &params[i]
		if !p.Given {
			continue
		}
		n, err := strconv.Atoi(p.Name)
		if err != nil {
			named = append(named, "--"+p.Name+"="+constText(p.Value))
			continue
		}
		for len(positional) < n {
			positional = append(positional, "0")
		}
		positional[n-1] = constText(p.Value)
	}
	return positional, named
}

func constText(c check.Const) string {
	switch c.Kind {
	case check.ConstBool:
		return strconv.FormatBool(c.Int != 0)
	case check.ConstInt:
		return strconv.FormatInt(int64(c.Int), 10)
	}
	return c.Str
}

// mapShapes tells the decoder what JSON does not say about the maps.
func mapShapes(maps []*check.Map) map[string]output.MapShape {
	shapes := map[string]output.MapShape{}
	for _, m := range maps {
		s := output.MapShape{Kind: mapKind(m.Value), Scalar: m.Key == nil, Key: shapeOf(m.Key), Value: shapeOf(m.Value)}
		if m.Value != nil {
			s.Bits, s.Min, s.Max, s.Step = uint(m.Value.Agg.Bits), m.Value.Agg.Min, m.Value.Agg.Max, m.Value.Agg.Step
		}
		shapes[m.Name] = s
	}
	return shapes
}

func shapeOf(t *check.Type) output.Shape {
	s := output.Shape{Kind: kindOf(t)}
	if t == nil {
		return s
	}
	switch t.Kind {
	case check.Tuple, check.Record:
		for i := range t.Fields {
			s.Parts = append(s.Parts, shapeOf(t.Fields[i].Type))
		}
	case check.Array:
		s.Parts = []output.Shape{shapeOf(t.Elem)}
	}
	return s
}

// Limits of what is kept of a bpftrace that is running.
const (
	externalQueue  = 256
	maxDiagnostics = 64 << 10 // bytes of stderr
	externalGrace  = 3 * time.Second
)

// externalRun is a bpftrace process. Its group has three goroutines: one starts
// the process and waits for it, on a thread of its own since the kernel kills the
// process when that thread ends; two read what it writes.
type externalRun struct {
	path string
	args []string
	maps map[string]output.MapShape

	cmd     *exec.Cmd
	group   sync.WaitGroup
	events  chan output.Event // closed at the end of the output
	gone    chan struct{}     // closed when the process has ended
	closing chan struct{}     // closed by Close
	begun   chan struct{}     // closed when it has attached its probes

	mu        sync.Mutex // protects what follows
	stderr    bytes.Buffer
	attached  bool
	stopped   bool
	ended     bool // the Exit event was delivered
	state     *os.ProcessState
	count     atomic.Uint64
	closeOnce sync.Once
	closeErr  error
}

func (r *externalRun) start() error {
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start bpftrace: %w", err)
	}
	r.cmd = exec.Command(r.path, r.args...)
	r.cmd.Stdout = os.Stdout
	r.cmd.ExtraFiles = []*os.File{write}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	errRead, err := r.cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("start bpftrace: %w", err)
	}
	var readers sync.WaitGroup
	readers.Add(2)
	started := make(chan error)
	r.group.Go(func() { r.own(started, &readers) })
	err = <-started
	write.Close()
	if err != nil {
		read.Close()
		return err
	}
	r.group.Go(func() { defer readers.Done(); defer read.Close(); r.readEvents(read) })
	r.group.Go(func() { defer readers.Done(); r.readErrors(errRead) })
	return nil
}

// own starts the process and waits for its end, without leaving its thread. It
// never unlocks the thread: that may be in a mount namespace of its own.
func (r *externalRun) own(started chan<- error, readers *sync.WaitGroup) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// The main thread stands for the whole process in /proc/self and never
		// ends, so it must keep its namespaces: another thread does the work.
		defer runtime.UnlockOSThread()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.own(started, readers)
		}()
		<-done
		return
	}
	if err := mountTracefs(); err != nil {
		started <- err
		return
	}
	if err := r.cmd.Start(); err != nil {
		started <- fmt.Errorf("start bpftrace: %w", err)
		return
	}
	started <- nil
	readers.Wait() // cmd.Wait would close what they read
	_ = r.cmd.Wait()
	r.mu.Lock()
	r.state = r.cmd.ProcessState
	r.mu.Unlock()
	close(r.gone)
}

// tracefsDir is where bpftrace looks for tracepoints.
const tracefsDir = "/sys/kernel/tracing"

// mountTracefs mounts a tracefs where there is none, in a mount namespace that
// only this thread and its children are in. Without the right to do so,
// bpftrace is left to explain what it misses.
func mountTracefs() error {
	var fs unix.Statfs_t
	if unix.Statfs(tracefsDir, &fs) == nil && fs.Type == unix.TRACEFS_MAGIC {
		return nil
	}
	if unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS) != nil {
		return nil
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("start bpftrace: make mounts private: %w", err)
	}
	_ = unix.Mount("tracefs", tracefsDir, "tracefs", 0, "")
	return nil
}

func (r *externalRun) readEvents(from io.Reader) {
	defer close(r.events)
	dec := output.NewDecoder(from, &output.DecoderOptions{Maps: r.maps})
	for {
		ev, err := dec.Decode()
		if err != nil {
			return
		}
		if _, ok := ev.(*output.Attached); ok {
			r.begin()
		}
		r.count.Add(1)
		select {
		case r.events <- ev:
		case <-r.closing:
			_, _ = io.Copy(io.Discard, from)
			return
		}
	}
}

// begin notes that the probes are attached.
func (r *externalRun) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.attached {
		r.attached = true
		close(r.begun)
	}
}

// readErrors keeps the beginning of what bpftrace says on stderr.
func (r *externalRun) readErrors(from io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		if room := maxDiagnostics - r.stderr.Len(); room > 0 {
			r.stderr.Write(buf[:min(n, room)])
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// waitAttached waits for the first event, or for the end with its reason. A
// program that exits in begin says nothing about attaching.
func (r *externalRun) waitAttached(ctx context.Context) error {
	select {
	case <-r.begun:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.gone:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.attached || r.state.ExitCode() == 0 || !strings.Contains(r.stderr.String(), "ERROR") {
		return nil
	}
	return &ExternalError{Status: r.state.String(), Text: strings.TrimSpace(r.stderr.String())}
}

// ExternalError is what bpftrace said when it refused a program.
type ExternalError struct {
	Status string
	Text   string // of its stderr
}

// Error is the first line with an error.
func (e *ExternalError) Error() string {
	for line := range strings.Lines(e.Text) {
		if strings.Contains(line, "ERROR") {
			return "bpftrace: " + strings.TrimSpace(line)
		}
	}
	return "bpftrace: " + e.Status
}

// Next returns the next event.
func (r *externalRun) Next(ctx context.Context) (output.Event, error) {
	select {
	case <-r.closing:
		return nil, ErrClosed
	default:
	}
	select {
	case ev, ok := <-r.events:
		if ok {
			return ev, nil
		}
		return r.last(ctx)
	case <-r.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// last delivers the end, once, when the process has gone.
func (r *externalRun) last(ctx context.Context) (output.Event, error) {
	select {
	case <-r.gone:
	case <-r.closing:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, io.EOF
	}
	r.ended = true
	ev := &output.Exit{Meta: output.Meta{Time: time.Now().UnixNano()}, Code: max(r.state.ExitCode(), 0), Reason: output.ExitProgram}
	if r.stopped {
		ev.Reason = output.ExitStopped
	}
	return ev, nil
}

// stopAgain is how long bpftrace is given to heed a Ctrl-C: one that it gets
// while it attaches is lost.
const stopAgain = 300 * time.Millisecond

// Stop asks bpftrace to end as Ctrl-C does.
func (r *externalRun) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	r.stopped = true
	r.group.Go(func() {
		for {
			_ = r.cmd.Process.Signal(syscall.SIGINT)
			select {
			case <-r.gone:
				return
			case <-time.After(stopAgain):
			}
		}
	})
}

// ReadMaps is not possible: bpftrace shows maps only when the program does.
func (r *externalRun) ReadMaps() ([]output.Event, error) {
	return nil, fmt.Errorf("read maps: the bpftrace engine shows them only when they are printed or at the end: %w", errors.ErrUnsupported)
}

// SetParam is not possible.
func (r *externalRun) SetParam(name, _ string) error {
	return fmt.Errorf("set %s: the bpftrace engine cannot change a running program: %w", name, errors.ErrUnsupported)
}

// Stats counts what was read.
func (r *externalRun) Stats() Stats {
	s := Stats{Events: r.count.Load()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != nil {
		s.ExitCode, s.Exited = max(r.state.ExitCode(), 0), true
	}
	return s
}

// Close ends bpftrace: first as Ctrl-C does, then by force.
func (r *externalRun) Close() error {
	r.closeOnce.Do(func() { r.closeErr = r.close() })
	return r.closeErr
}

func (r *externalRun) close() error {
	close(r.closing)
	r.Stop()
	select {
	case <-r.gone:
	case <-time.After(externalGrace):
		_ = unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL) // its group: bpftrace and the command
	}
	r.group.Wait()
	return nil
}
