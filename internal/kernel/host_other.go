//go:build !linux

package kernel

import (
	"errors"

	"github.com/mcptrace/mcptrace/internal/symbol"
)

// Options change how [Host] reads the machine.
type Options struct {
	Symbols *symbol.KernelSymbols
}

// Host fails: this system is not Linux.
func Host(Options) (*Machine, error) {
	return nil, &Missing{Ability: "linux", Err: errors.New("this system is not Linux"),
		Hint: "check against a snapshot that mcptrace info --snapshot FILE wrote on a Linux host, or without a kernel"}
}
