package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// LoadedProgram is an eBPF program that the kernel holds, whoever loaded it.
type LoadedProgram struct {
	ID      uint32
	Name    string
	Type    string
	Runs    uint64        // only counted while CountRuns is open
	RunTime time.Duration // of those runs, the cost of counting included
}

// CountRuns makes the kernel count runs of all programs and their time until the
// result is closed. It needs CAP_SYS_ADMIN.
func CountRuns() (io.Closer, error) {
	c, err := ebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		return nil, fmt.Errorf("count runs of programs: %w", err)
	}
	return c, nil
}

// LoadedPrograms lists all programs that the kernel holds. It needs
// CAP_SYS_ADMIN. Programs that go away while it lists are left out.
func LoadedPrograms() ([]LoadedProgram, error) {
	var list []LoadedProgram
	for id := ebpf.ProgramID(0); ; {
		next, err := ebpf.ProgramGetNextID(id)
		if errors.Is(err, os.ErrNotExist) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list programs: %w", err)
		}
		id = next
		if p, ok := loadedProgram(id); ok {
			list = append(list, p)
		}
	}
}

func loadedProgram(id ebpf.ProgramID) (LoadedProgram, bool) {
	prog, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return LoadedProgram{}, false
	}
	defer prog.Close()
	info, err := prog.Info()
	if err != nil {
		return LoadedProgram{}, false
	}
	p := LoadedProgram{ID: uint32(id), Name: info.Name, Type: info.Type.String()}
	if stats, err := prog.Stats(); err == nil {
		p.Runs, p.RunTime = stats.RunCount, stats.Runtime
	}
	return p, true
}

// AttachEmpty attaches a program that does nothing to a raw tracepoint, so that
// what counting a run costs can be measured. Closing the result detaches it.
func AttachEmpty(event string) (io.Closer, error) {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "empty", Type: ebpf.RawTracepoint, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return nil, fmt.Errorf("load empty program: %w", err)
	}
	defer prog.Close()
	l, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: event, Program: prog})
	if err != nil {
		return nil, fmt.Errorf("attach empty program: %w", err)
	}
	return l, nil
}
