package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/symbol"
)

// Native is the engine that runs Objects in this process. It needs no other
// program on the machine. It is safe for concurrent use.
type Native struct {
	// Machine answers questions about the kernel; nil refuses programs that
	// need an answer.
	Machine Machine

	// Symbols names user addresses, and kernel addresses where the kernel does
	// not do that itself. It may be shared; nil makes one for each run.
	Symbols *symbol.Symbolizer

	once    sync.Once
	machine *machine
}

// Name is "native".
func (*Native) Name() string { return "native" }

// Start loads and attaches obj.
func (n *Native) Start(ctx context.Context, obj *compile.Object, opts *Options) (Run, error) {
	if opts == nil {
		opts = &Options{}
	}
	n.once.Do(func() { n.machine = &machine{Machine: n.Machine} })
	r := newRun(n, obj, opts)
	if err := r.start(ctx); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// start brings the run up to the point where Next can be called. On an error the
// caller closes the run.
func (r *run) start(ctx context.Context) error {
	steps := []func() error{r.countTime, r.holdCommand, r.describeUSDT, r.createMaps, r.openReader, r.loadPrograms, r.runBegin, r.attachAll}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return r.releaseCommand()
}

// enableStatsAttr asks the kernel to count the run time of all programs as long
// as the descriptor is open.
type enableStatsAttr struct{ kind uint32 }

// countTime has the kernel count run times, if wanted.
func (r *run) countTime() error {
	if !r.opts.CountTime {
		return nil
	}
	fd, err := bpf(unix.BPF_ENABLE_STATS, &enableStatsAttr{kind: unix.BPF_STATS_RUN_TIME})
	if isErrno(err, unix.EPERM) {
		return missing(check.AbilityStats, "counting the time of programs wants CAP_SYS_ADMIN; run without it, or as root", err)
	}
	if err != nil {
		return fmt.Errorf("count the time of programs: %w", err)
	}
	r.statsFD = fd
	return nil
}

// createMaps makes all maps and remembers those with a role.
func (r *run) createMaps() error {
	cpus, err := r.machine.possibleCPUs()
	if err != nil {
		return err
	}
	for _, m := range r.obj.Maps {
		if m.Role == compile.RoleUSDT {
			m = r.usdt.sized(m)
		}
		made, err := createMap(m, cpus, r.opts.RingBytes)
		if err != nil {
			return err
		}
		r.maps[m.Name] = made
		r.byMap[m] = made
		switch m.Role {
		case compile.RoleEvents:
			r.events = made
		case compile.RoleLoss:
			r.loss = made
		case compile.RoleParams:
			r.params = made
		case compile.RoleSetup:
			r.setup = made
		case compile.RoleStack:
			r.decode.stacks.maps = append(r.decode.stacks.maps, made)
		case compile.RoleUser, compile.RoleTask:
			if m.User != nil {
				r.user = append(r.user, made)
			}
		}
	}
	if err := r.fillParams(); err != nil {
		return err
	}
	return fillSetup(r.setup, &r.obj.Setup, r.boot, cpus, r.childPID())
}

// openReader prepares waiting for and reading of events.
func (r *run) openReader() error {
	ringFD := -1
	if r.events != nil {
		var err error
		if r.ring, err = openRing(r.events); err != nil {
			return err
		}
		ringFD = r.events.fd
	}
	w, err := newWaiter(ringFD, r.childFD())
	if err != nil {
		return fmt.Errorf("open eventfd: %w", err)
	}
	r.waiter = w
	return nil
}

// loadPrograms puts every program into the kernel. All rejected programs are
// reported together.
func (r *run) loadPrograms() error {
	r.loader = &loader{maps: r.maps, license: r.obj.Info.Settings.License, verbose: r.opts.Verbose}
	if r.loader.license == "" {
		r.loader.license = "GPL"
	}
	var errs []error
	for _, p := range r.obj.Programs {
		loaded, err := r.loadProgram(p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.programs = append(r.programs, loaded)
	}
	return rejections(errs)
}

func (r *run) loadProgram(p *compile.Program) (*program, error) {
	target, err := r.machine.attachTarget(p)
	if err != nil {
		return nil, err
	}
	if target.object > 0 {
		defer unix.Close(target.object)
	}
	return r.loader.load(&loadRequest{prog: p, expect: expectOf(p), target: target})
}

// reload loads p again with another expected attach type.
func (r *run) reload(p *program, expect ebpf.AttachType) (*program, error) {
	again, err := r.loader.load(&loadRequest{prog: p.Program, expect: expect})
	if err == nil {
		r.programs = append(r.programs, again)
	}
	return again, err
}

// rejections joins the errors of several programs: all diagnostics of rejected
// ones as one, or else the first error.
func rejections(errs []error) error {
	var ds DiagnosticsError
	for _, err := range errs {
		var r *Rejected
		if !errors.As(err, &r) {
			return err
		}
		ds.Diagnostics = append(ds.Diagnostics, r.Diagnostic)
		ds.Rejected = append(ds.Rejected, r)
	}
	if len(ds.Diagnostics) == 0 {
		return nil
	}
	return &ds
}

// DiagnosticsError is an error about the program: what Start returns when the
// kernel's verifier rejects it.
type DiagnosticsError struct {
	Diagnostics syntax.Diagnostics
	Rejected    []*Rejected // one a diagnostic, with the verifier's logs
}

// Error is the first message.
func (e *DiagnosticsError) Error() string {
	if n := len(e.Diagnostics) - 1; n > 0 {
		return fmt.Sprintf("%s (and %d more)", e.Diagnostics[0].Message, n)
	}
	return e.Diagnostics[0].Message
}

// Unwrap returns the rejections.
func (e *DiagnosticsError) Unwrap() []error {
	errs := make([]error, len(e.Rejected))
	for i, r := range e.Rejected {
		errs[i] = r
	}
	return errs
}

// attachAll attaches everything that is not run by test_run, and reports it by
// the first event. After a begin that called exit() nothing is attached, and what
// would have been is counted, as upstream does.
func (r *run) attachAll() error {
	if r.skipAttach {
		attached := &output.Attached{}
		for _, p := range r.programs {
			for i := range p.Points {
				attached.Names = append(attached.Names, p.Points[i].AP.Name)
			}
		}
		attached.Probes = len(attached.Names)
		r.queue = append([]output.Event{attached}, r.queue...)
		return nil
	}
	a := &attacher{machine: r.machine, pid: r.opts.PID, reload: r.reload, usdt: &r.usdt}
	for _, p := range r.programs {
		switch p.Attach {
		case compile.RunBegin, compile.RunEnd, compile.RunInterval, compile.RunSignal, compile.RunTest, compile.RunBench:
			for i := range p.Points {
				a.attached = append(a.attached, p.Points[i].AP.Name)
			}
		default:
			a.attach(p)
		}
	}
	r.attachments = a.held
	if err := r.judgeFailures(a); err != nil {
		return err
	}
	if err := r.startTimers(); err != nil {
		return err
	}
	r.startIterators(a.iters)
	r.enable(true)
	attached := &output.Attached{Probes: len(a.attached), Names: a.attached, Failed: a.failed}
	r.queue = append([]output.Event{attached}, r.queue...)
	return nil
}

// judgeFailures decides what a probe that could not be attached means: by
// default the end of the run, as config missing_probes says.
func (r *run) judgeFailures(a *attacher) error {
	if len(a.errs) == 0 {
		return nil
	}
	switch r.obj.Info.Settings.MissingProbes {
	case "ignore":
		return nil
	case "warn":
		for _, f := range a.failed {
			r.queue = append(r.queue, &output.Notice{
				Level: output.LevelWarning, Code: "attach-failed",
				Text: fmt.Sprintf("Unable to attach probe: %s. Skipping. (%s)", f.Probe, f.Reason),
			})
		}
		return nil
	}
	return errors.Join(a.errs...)
}

// testContext is the largest context of a raw tracepoint: twelve arguments.
const testContext = 12 * 8

// testRun runs a raw tracepoint program once, in this thread, and returns its
// result.
func testRun(p *program) (uint32, error) {
	var ctx [testContext]byte // as large as any that a program may read
	attr := &testRunAttr{progFD: uint32(p.fd), ctxIn: unsafe.Pointer(&ctx[0]), ctxInSize: testContext}
	if _, err := bpf(unix.BPF_PROG_TEST_RUN, attr); err != nil {
		if isErrno(err, unix.EPERM) {
			return 0, missing("prog_run", "running begin, end and interval needs CAP_BPF and CAP_PERFMON, or root", err)
		}
		return 0, fmt.Errorf("run %s: %w", p.Name, err)
	}
	return attr.retval, nil
}

// runAll runs the programs of one kind in order.
func (r *run) runAll(kind compile.Attach) error {
	for _, p := range r.programs {
		if p.Attach != kind {
			continue
		}
		if _, err := testRun(p); err != nil {
			return err
		}
	}
	return nil
}

// runBegin runs the begin probes. What they print stays in the ring buffer until
// Next, but whether they called exit() must be known before anything is
// attached.
func (r *run) runBegin() error {
	if err := r.runAll(compile.RunBegin); err != nil {
		return err
	}
	if r.ring != nil && r.peekExit() {
		r.skipAttach = true
	}
	return nil
}

// peekExit looks for exit() among the records that were not read yet.
func (r *run) peekExit() bool {
	look := *r.ring
	for rec := look.next(); rec != nil; rec = look.next() {
		id, _ := recordHead(rec)
		if int(id) < len(r.obj.Actions) && r.obj.Actions[id].Kind == compile.ActExit {
			return true
		}
	}
	return false
}
