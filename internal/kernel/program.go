package kernel

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// loadedProgram is a BPF program that is loaded on the machine.
type loadedProgram struct {
	id     uint32
	name   string
	params []check.Field
	result *check.Type
}

// BPFProgram returns parameters and result of a loaded BPF program; id 0 means
// by name alone.
func (m *Machine) BPFProgram(id uint32, name string) ([]check.Field, *check.Type, error) {
	p, err := m.src.program(id, name)
	if err != nil {
		return nil, nil, err
	}
	return p.params, p.result, nil
}
