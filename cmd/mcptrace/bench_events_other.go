//go:build !linux

package main

import (
	"context"
	"errors"
)

var errNoPrograms = errors.New("there are no BPF programs to measure on this system: run it on Linux")

func (m *Main) benchEvents(context.Context, *benchFlags) error { return errNoPrograms }

func (m *Main) benchLoad(string) error { return errNoPrograms }

func (m *Main) benchHold() error { return errNoPrograms }
