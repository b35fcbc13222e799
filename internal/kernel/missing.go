package kernel

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// Missing says that the machine, or the rights of this process on it, lack
// something, and what to do about that.
type Missing struct {
	Ability check.Ability
	Hint    string // imperative, complete: what to run or to set
	Err     error  // what the kernel said; may be nil
}

// Error names the ability, the cause and the hint.
func (m *Missing) Error() string {
	s := "missing " + string(m.Ability)
	if m.Err != nil {
		s += ": " + m.Err.Error()
	}
	if m.Hint != "" {
		s += ": " + m.Hint
	}
	return s
}

// Unwrap returns what the kernel said.
func (m *Missing) Unwrap() error { return m.Err }

// Is reports that what cannot be read is unknown: a checker then accepts names
// that it cannot look up.
func (m *Missing) Is(target error) bool { return target == check.ErrUnknown }
