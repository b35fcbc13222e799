package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/service"
	"github.com/mcptrace/mcptrace/internal/session"
)

// target finds what programs are checked against: by default this kernel where
// it can be read.
func (m *Main) target(name string) (check.Target, error) {
	switch name {
	case "offline":
		return check.Offline(runtime.GOARCH), nil
	case "host":
		return m.host()
	case "":
		host, err := m.host()
		if err != nil {
			fmt.Fprintf(m.Stderr, "NOTE: checked without knowledge of a kernel: %v\n", err)
			return check.Offline(runtime.GOARCH), nil
		}
		return host, nil
	}
	return snapshot(name)
}

// snapshot opens a kernel that info --snapshot stored.
func snapshot(path string) (check.Target, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, usagef("target %q is neither host nor offline nor a file that mcptrace info --snapshot wrote", path)
	}
	target, err := kernel.OpenSnapshot(path)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return target, nil
}

func (m *Main) host() (*kernel.Machine, error) { return m.service().Host() }

// service returns the operations on this host. It opens nothing yet.
func (m *Main) service() *service.Service {
	if m.svc == nil {
		m.svc = service.New(&service.Options{
			Host:     func() (*kernel.Machine, error) { return kernel.Host(kernel.Options{}) },
			Native:   func(host *kernel.Machine) (engine.Engine, error) { return &engine.Native{Machine: host}, nil },
			Bpftrace: externalEngine,
			Sessions: m.sessions(),
			Version:  version(),
		})
		m.closers = append(m.closers, m.svc.Close)
	}
	return m.svc
}

// sessions returns the manager of running traces.
func (m *Main) sessions() *session.Manager {
	if m.manager == nil {
		m.manager = session.New(m.sessionOptions)
	}
	return m.manager
}

// findBpftrace returns the upstream binary: MCPTRACE_BPFTRACE or the one in
// PATH.
func findBpftrace() (string, error) {
	if path := os.Getenv("MCPTRACE_BPFTRACE"); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("bpftrace")
	if err != nil {
		return "", errors.New("bpftrace is not installed")
	}
	return path, nil
}

// externalEngine runs programs with the upstream binary.
func externalEngine() (engine.Engine, error) {
	path, err := findBpftrace()
	if err != nil {
		return nil, err
	}
	return &engine.External{Path: path}, nil
}
