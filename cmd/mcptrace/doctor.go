package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/service"
	"github.com/mcptrace/mcptrace/internal/session"
)

func (m *Main) doctorCommand() *command {
	return &command{
		name: "doctor", short: "try whether tracing works here, and say what to do if not",
		run: func(ctx context.Context, _ *parsed) error { return m.doctor(ctx) },
	}
}

// doctor tries one program of each important kind for real.
func (m *Main) doctor(ctx context.Context) error {
	failed := 0
	for _, t := range []struct{ what, program string }{
		{"programs run at all", `begin { exit() }`},
		{"clocks", `interval:ms:10 { exit() }`},
		{"tracepoints", `tracepoint:raw_syscalls:sys_enter { @ = count(); exit() } interval:ms:200 { exit() }`},
		{"kernel stacks", `profile:hz:99 { @[kstack] = count(); } interval:ms:50 { exit() }`},
		{"page faults", `software:page-faults:1 { @ = count(); } interval:ms:50 { exit() }`},
		{"kernel types", `begin { print(curtask.comm); exit() }`},
	} {
		if err := m.try(ctx, t.program); err != nil {
			failed++
			e := service.Explain(err)
			fmt.Fprintf(m.Stdout, "FAIL  %-20s %s\n", t.what, e.Message)
			for _, fix := range e.Fix {
				fmt.Fprintf(m.Stdout, "      %-20s %s\n", "", fix)
			}
			continue
		}
		fmt.Fprintf(m.Stdout, "ok    %s\n", t.what)
	}
	if failed > 0 {
		fmt.Fprintln(m.Stdout, "\nmcptrace info lists everything that is missing and how to get it")
		return &statusError{status: statusMissing}
	}
	return nil
}

// try runs a program to its end, for two seconds at most.
func (m *Main) try(ctx context.Context, program string) error {
	plan, err := m.service().Prepare(syntax.NewSource("doctor", program), &service.ProgramOptions{}, "native")
	if err != nil {
		return err
	}
	s, err := m.sessions().Start(ctx, &session.Request{Engine: plan.Engine, Object: plan.Object, Limits: session.Limits{Time: 2 * time.Second}})
	if err != nil {
		return err
	}
	s.Wait(ctx, 5*time.Second)
	st := s.Status()
	return st.Err
}
