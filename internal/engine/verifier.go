package engine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// Rejected is the error of a program that the kernel's verifier refused. It is
// a fault of the compiler or a limit of this kernel, never of the machine.
type Rejected struct {
	Diagnostic syntax.Diagnostic
	Program    string // name of the program
	Log        string // of the verifier, from its beginning unless it was too long
	Err        error  // what bpf(2) returned
}

// Error is the one line of the diagnostic.
func (r *Rejected) Error() string { return r.Diagnostic.Message }

// Unwrap returns what the kernel returned.
func (r *Rejected) Unwrap() error { return r.Err }

// noteLines is how many of the last lines of the log a diagnostic shows.
const noteLines = 8

// loadError explains why a program was not loaded. An empty log means that the
// verifier did not get to see it.
func loadError(p *compile.Program, err error, log string) error {
	lines := logLines(log)
	if len(lines) == 0 {
		return rightsError(p, err)
	}
	if callsHelper(p, asm.FnDPath) && strings.Contains(log, "helper call is not allowed in probe") {
		return missing(check.AbilityDPath, "kernels allow path() only in iterators and in fentry and fexit of a few functions: "+
			"filp_close, vfs_truncate, vfs_fallocate, vfs_getattr, dentry_open, security_file_open, security_file_permission", err)
	}
	r := &Rejected{Program: p.Name, Log: log, Err: err}
	why := reason(lines)
	r.Diagnostic = syntax.Diagnostic{
		Code:    "verifier-rejected",
		Span:    spanOf(p, lastInsn(lines)),
		Message: "The kernel's verifier rejected this program: " + why,
		Why: "Every program is checked by the kernel before it runs. This one was translated to instructions that " +
			"this kernel does not accept; the place is where the rejected instruction comes from.",
	}
	for _, line := range lines[max(0, len(lines)-noteLines):] {
		r.Diagnostic.Notes = append(r.Diagnostic.Notes, syntax.Note{Message: line})
	}
	return r
}

// rightsError explains a load that failed before verification.
func rightsError(p *compile.Program, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return missing(abilityOf(p), "a security policy or missing rights (CAP_BPF and CAP_PERFMON, or root) keep this process from loading it", err)
	case errors.Is(err, unix.EINVAL):
		return missing(abilityOf(p), "this kernel does not know this kind of program", err)
	}
	return fmt.Errorf("load program %s: %w", p.Name, err)
}

func callsHelper(p *compile.Program, fn asm.BuiltinFunc) bool {
	return slices.ContainsFunc(p.Insns, func(ins asm.Instruction) bool {
		return ins.IsBuiltinCall() && ins.Constant == int64(fn)
	})
}

// logLines returns the lines of a log that say something about the program: the
// statistics at its end and empty lines are left out.
func logLines(log string) []string {
	var out []string
	for line := range strings.Lines(log) {
		line = strings.TrimRight(line, " \n")
		if line == "" || strings.HasPrefix(line, "processed ") || strings.HasPrefix(line, "verification time") ||
			strings.HasPrefix(line, "stack depth ") {
			continue
		}
		out = append(out, line)
	}
	return out
}

// reason is the last line that is neither an instruction nor a register state.
func reason(lines []string) string {
	// Since 7.x the kernel adds an explanation below the cause.
	if i := slices.IndexFunc(lines, func(s string) bool { return strings.TrimSpace(s) == "Instruction context:" }); i > 0 {
		lines = lines[:i]
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if _, ok := insnOf(lines[i]); !ok && !strings.HasPrefix(lines[i], ";") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

// lastInsn returns the last instruction that the log mentions, -1 for none.
func lastInsn(lines []string) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if n, ok := insnOf(lines[i]); ok {
			return n
		}
	}
	return -1
}

// insnOf reads lines such as "8: (79) r6 = *(u64 *)(r0 +0)" and "8: R0=scalar()".
func insnOf(line string) (int, bool) {
	number, rest, ok := strings.Cut(line, ": ")
	if !ok || rest == "" || rest[0] != '(' && rest[0] != 'R' {
		return 0, false
	}
	n, err := strconv.Atoi(number)
	return n, err == nil && n >= 0
}

// spanOf returns the place in the program's text of an instruction counted in
// units of 8 bytes.
func spanOf(p *compile.Program, raw int) syntax.Span {
	var span syntax.Span
	if raw < 0 {
		return probeSpan(p)
	}
	insn, at := 0, 0
	for insn < len(p.Insns)-1 && at+int(p.Insns[insn].Width()) <= raw {
		at += int(p.Insns[insn].Width())
		insn++
	}
	for _, line := range p.Lines {
		if line.Insn > insn {
			break
		}
		span = line.Span
	}
	if !span.IsValid() {
		return probeSpan(p)
	}
	return span
}

func probeSpan(p *compile.Program) syntax.Span {
	if p.Probe == nil || p.Probe.Decl == nil {
		return syntax.Span{}
	}
	return p.Probe.Decl.Span()
}
