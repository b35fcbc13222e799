package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/mcptrace/mcptrace/internal/service"
)

// warmChecks is how often a program is checked in one process. The first time
// reads the types that it needs.
const warmChecks = 200

// benchCheck measures mcptrace check as a process of its own, and what of it is
// parsing and checking on types that have been read already.
func (m *Main) benchCheck(ctx context.Context, f *benchFlags) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "%s\n%d processes each; medians\n\n", f.program, f.runs)
	for _, target := range []string{"offline", "host"} {
		var took []time.Duration
		for range f.runs + 1 {
			begin := time.Now()
			cmd := exec.CommandContext(ctx, exe, "check", "--target", target, "-e", f.program)
			if out, err := cmd.CombinedOutput(); err != nil {
				return fmt.Errorf("check with target %s: %w: %s", target, err, out)
			}
			took = append(took, time.Since(begin))
		}
		fmt.Fprintf(m.Stdout, "process, %-10s %10.1f ms\n", target, ms(median(took[1:])))
	}
	first, warm, err := m.timeChecks(f.program)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "first check, host   %10.1f ms\nlater checks, host  %10.3f ms\n", ms(first), ms(warm))
	return nil
}

// timeChecks checks a program on this kernel again and again.
func (m *Main) timeChecks(program string) (first, warm time.Duration, err error) {
	begin := time.Now()
	target, err := m.host()
	if err != nil {
		return 0, 0, err
	}
	src, err := service.NewProgram("stdin", program)
	if err != nil {
		return 0, 0, err
	}
	var took []time.Duration
	for range warmChecks {
		if _, err := service.Check(src, target, &service.ProgramOptions{}); err != nil {
			return 0, 0, err
		}
		took = append(took, time.Since(begin))
		begin = time.Now()
	}
	return took[0], median(took[1:]), nil
}
