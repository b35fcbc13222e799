package compile

import (
	"strconv"
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

// nameTable returns the texts that strerror, signal_name and syscall_name give by
// number, the name of the map that holds them, and the text for other numbers.
func (c *compiler) nameTable(op check.FuncOp) (name string, texts []string, other string) {
	switch op {
	case check.OpSignalName:
		return "signals", signalTexts(), "N/A"
	case check.OpStrerror:
		return "errors", errorTexts(), "Unknown error"
	}
	if t, ok := c.info.Target.(syscallTarget); ok {
		return "syscalls", t.SyscallNames(), "Unknown syscall"
	}
	return "syscalls", nil, "Unknown syscall"
}

// signalTexts returns the texts of signals by their numbers, in the words of
// strsignal(3).
func signalTexts() []string {
	texts := strings.Split(signalLines, "\n")
	for len(texts) < 34 {
		texts = append(texts, "Unknown signal "+strconv.Itoa(len(texts)))
	}
	for i := range 31 {
		texts = append(texts, "Real-time signal "+strconv.Itoa(i))
	}
	return texts
}

// syscallTarget is a Target that knows system calls by their numbers.
type syscallTarget interface {
	SyscallNames() []string

	// RawSyscall tells which call a tracepoint of category syscalls is about; ok is
	// false where the raw tracepoints of all system calls cannot serve it.
	RawSyscall(event string) (number int, enter, ok bool)
}
