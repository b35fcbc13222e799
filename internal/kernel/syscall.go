package kernel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// Syscall is what serving tracepoint:syscalls:sys_enter_NAME by the raw
// tracepoint sys_enter, or sys_exit_NAME by sys_exit, needs to know.
//
// The arguments of raw sys_enter are (struct pt_regs *regs, long id); those of
// raw sys_exit are (struct pt_regs *regs, long ret), with the number in
// regs->orig_ax on amd64 and regs->syscallno on arm64. 32-bit programs on a
// 64-bit kernel call the raw tracepoints with numbers of their own table, while
// the kernel's syscalls tracepoints ignore them.
type Syscall struct {
	Name   string        // "openat", as the tracepoint spells it
	Number int           // on the target's architecture
	Enter  bool          // sys_enter rather than sys_exit
	Args   []check.Field // of sys_enter: in the order of the call's registers; Offset is in the classic context
}

// Syscall describes a tracepoint of category syscalls. It fails with ErrNotFound
// for other events and where the number is not known.
func (m *Machine) Syscall(category, event string) (*Syscall, error) {
	name, enter := strings.CutPrefix(event, "sys_enter_")
	if !enter {
		var exit bool
		if name, exit = strings.CutPrefix(event, "sys_exit_"); !exit || category != "syscalls" {
			return nil, fmt.Errorf("%s:%s is no system call: %w", category, event, check.ErrNotFound)
		}
	}
	number, ok := syscallNumber(m.Arch(), name)
	if !ok {
		return nil, fmt.Errorf("number of system call %s on %s: %w", name, m.Arch(), check.ErrNotFound)
	}
	fields, err := m.TracepointFields(category, event)
	if err != nil {
		return nil, err
	}
	c := &Syscall{Name: name, Number: number, Enter: enter}
	for _, f := range fields {
		if enter && f.Name != "__syscall_nr" && !strings.HasPrefix(f.Name, "common_") {
			c.Args = append(c.Args, f)
		}
	}
	return c, nil
}

// syscallAliases are the calls whose function, after which the kernel names the
// tracepoints, is not called as the number is.
var syscallAliases = map[string]string{
	"newstat": "stat", "newlstat": "lstat", "newfstat": "fstat", "newfstatat": "fstatat",
	"newuname": "uname", "sendfile64": "sendfile", "umount": "umount2", "fadvise64_64": "fadvise64",
}

// syscallNumber returns the number of a system call by the name in its
// tracepoints.
func syscallNumber(arch, name string) (int, bool) {
	table := syscallTables[arch]
	if n, ok := tableNumber(table, name); ok {
		return n, true
	}
	alias, ok := syscallAliases[name]
	if !ok {
		return 0, false
	}
	return tableNumber(table, alias)
}

func tableNumber(table, name string) (int, bool) {
	next := false
	for word := range strings.FieldsSeq(table) {
		if next {
			n, err := strconv.Atoi(word)
			return n, err == nil
		}
		next = word == name
	}
	return 0, false
}

// RawSyscall returns the number of the system call that a tracepoint of category
// syscalls is about, and whether it is its entry; ok is false where the raw
// tracepoints sys_enter and sys_exit cannot serve it.
func (m *Machine) RawSyscall(event string) (number int, enter, ok bool) {
	name, enter := strings.CutPrefix(event, "sys_enter_")
	if !enter {
		if name, ok = strings.CutPrefix(event, "sys_exit_"); !ok {
			return 0, false, false
		}
	}
	number, ok = syscallNumber(m.Arch(), name)
	return number, enter, ok
}

// SyscallNames returns the names of the system calls by their numbers.
func (m *Machine) SyscallNames() []string {
	var names []string
	name := ""
	for i, word := range strings.Fields(syscallTables[m.Arch()]) {
		if i%2 == 0 {
			name = word
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 || n > maxSyscall {
			continue
		}
		for len(names) <= n {
			names = append(names, "")
		}
		names[n] = name
	}
	return names
}

// maxSyscall bounds the table of names.
const maxSyscall = 2048
