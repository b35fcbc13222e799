package engine

import (
	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/kernel"
)

// missing says what the machine or the rights of this process lack.
func missing(a check.Ability, hint string, err error) error {
	return &kernel.Missing{Ability: a, Hint: hint, Err: err}
}
