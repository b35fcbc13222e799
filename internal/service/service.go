package service

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/session"
)

// API is the list of operations. *Service has them for this host.
type API interface {
	ListProbes(context.Context, *ListProbesRequest) (*ListProbesResult, error)
	BPFInfo(context.Context, *BPFInfoRequest) (*BPFInfoResult, error)
	Validate(context.Context, *ValidateRequest) (*ValidateResult, error)
	Exec(context.Context, *ExecRequest) (*ExecResult, error)
	GetResult(context.Context, *GetResultRequest) (*GetResultResult, error)
	Stop(context.Context, *StopRequest) (*ExecResult, error)
	Adjust(context.Context, *AdjustRequest) (*AdjustResult, error)

	// Run is a document about an execution, and its media type.
	Run(ctx context.Context, id string, part Part) (text, mediaType string, err error)
}

// Options are what a Service is made of.
type Options struct {
	// Host opens the knowledge of this machine, on first use and once.
	Host func() (*kernel.Machine, error)

	// Native and Bpftrace make engines for this machine; a nil one, or one that
	// returns an error, is not available.
	Native   func(*kernel.Machine) (engine.Engine, error)
	Bpftrace func() (engine.Engine, error)

	Sessions *session.Manager
	Version  string
}

// Service offers the operations on this host. It is safe for concurrent use.
type Service struct {
	opts Options

	hostOnce sync.Once
	host     *kernel.Machine
	hostErr  error

	nativeOnce sync.Once
	native     engine.Engine
	nativeErr  error
}

var _ API = (*Service)(nil)

// New returns a Service. It touches nothing yet.
func New(opts *Options) *Service { return &Service{opts: *opts} }

// Host returns what is known of this machine.
func (s *Service) Host() (*kernel.Machine, error) {
	s.hostOnce.Do(func() {
		if s.opts.Host == nil {
			s.hostErr = errors.New("this service has no host")
			return
		}
		s.host, s.hostErr = s.opts.Host()
	})
	return s.host, s.hostErr
}

// Close releases what the service holds open; sessions are their owner's.
func (s *Service) Close() error {
	if s.host == nil {
		return nil
	}
	return s.host.Close()
}

func (s *Service) nativeEngine() (engine.Engine, error) {
	s.nativeOnce.Do(func() {
		host, err := s.Host()
		if err == nil && s.opts.Native == nil {
			err = errors.New("this build has no native engine")
		}
		if err == nil {
			s.native, err = s.opts.Native(host)
		}
		s.nativeErr = err
	})
	return s.native, s.nativeErr
}

func (s *Service) bpftrace() (engine.Engine, error) {
	if s.opts.Bpftrace == nil {
		return nil, errors.New("this build has no bpftrace engine")
	}
	return s.opts.Bpftrace()
}

// Plan is a program that is ready to start, and who starts it.
type Plan struct {
	*Checked
	Object *compile.Object
	Engine engine.Engine
	Why    string // why the native engine does not run it; "" when it does
}

// Prepare checks and compiles a program for this host. which is an engine's name
// or "auto": native where it can run the program, else bpftrace where it is
// installed.
func (s *Service) Prepare(src *syntax.Source, opts *ProgramOptions, which string) (*Plan, error) {
	host, err := s.Host()
	if err != nil {
		return nil, err
	}
	checked, err := Check(src, host, opts)
	if err != nil {
		return nil, err
	}
	p := &Plan{Checked: checked}
	if which == "bpftrace" {
		return p, s.external(p, opts)
	}
	p.Object, err = checked.Compile(opts)
	if err == nil {
		p.Engine, err = s.nativeEngine()
	}
	if err == nil || which == "native" {
		return p, err
	}
	p.Why = firstLine(err)
	if s.external(p, opts) != nil {
		return nil, err // the reason why native cannot is the better answer
	}
	return p, nil
}

// external leaves a plan to the bpftrace binary.
func (s *Service) external(p *Plan, opts *ProgramOptions) (err error) {
	p.Engine, err = s.bpftrace()
	if err != nil {
		return (&Error{Code: CodeMissing, Message: firstLine(err), Ability: "bpftrace", Err: err}).
			fix("install bpftrace, or use the native engine")
	}
	if p.Object == nil {
		p.Object = &compile.Object{Info: p.Info}
	}
	return nil
}

// Trailer is what stands behind strings that were cut.
func (p *Plan) Trailer() string { return p.Info.Settings.StrTruncTrailer }

// target is what a request wants its program checked against.
func (s *Service) target(name string) (check.Target, error) {
	switch name {
	case "", "host":
		host, err := s.Host()
		if err != nil {
			return nil, err
		}
		return host, nil
	case "offline":
		return check.Offline(runtime.GOARCH), nil
	}
	return nil, errorf(CodeInvalid, "unknown target %q", Clean(name, 64)).fix("use host or offline")
}
