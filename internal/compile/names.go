package compile

import (
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// signals are the names of Linux's signals from number 1 on, without SIG.
const signals = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"

// signalNumber returns the number of a signal by its name with or without SIG.
func signalNumber(name string) (int, bool) {
	name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
	for i, s := range strings.Fields(signals) {
		if s == name {
			return i + 1, true
		}
	}
	return 0, false
}

// nameTable returns the texts that strerror, signal_name and syscall_name give,
// by number, and the name of the map that holds them.
func (c *compiler) nameTable(op check.FuncOp) (string, []string) {
	switch op {
	case check.OpSignalName:
		names := []string{""}
		for _, s := range strings.Fields(signals) {
			names = append(names, "SIG"+s)
		}
		return "signals", names
	case check.OpStrerror:
		return "errors", errorTexts()
	}
	if t, ok := c.info.Target.(syscallTarget); ok {
		return "syscalls", t.SyscallNames()
	}
	return "syscalls", nil
}

// syscallTarget is a Target that knows system calls by their numbers.
type syscallTarget interface {
	SyscallNames() []string

	// RawSyscall tells which call a tracepoint of category syscalls is about; ok is
	// false where the raw tracepoints of all system calls cannot serve it.
	RawSyscall(event string) (number int, enter, ok bool)
}
