package compile

import (
	"strconv"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// arch is what the code generator has to know about a machine: where registers
// are in struct pt_regs.
type arch struct {
	regs map[string]int // by the names that reg() knows
	args []string       // of functions, in order
	ret  string
	ip   string
	sp   string
	cs   string // whose two low bits say whether the CPU ran user code; "" elsewhere
}

func archOf(t check.Target) *arch {
	if t.Arch() == "arm64" {
		return arm64()
	}
	return amd64()
}

func amd64() *arch {
	names := []string{"r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig_rax", "ip", "cs", "flags", "sp", "ss"}
	a := &arch{regs: map[string]int{}, args: []string{"di", "si", "dx", "cx", "r8", "r9"}, ret: "ax", ip: "ip", sp: "sp", cs: "cs"}
	for i, n := range names {
		a.regs[n] = 8 * i
	}
	a.regs["pc"] = a.regs["ip"]
	return a
}

func arm64() *arch {
	a := &arch{regs: map[string]int{"sp": 248, "pc": 256, "pstate": 264}, ret: "r0", ip: "pc", sp: "sp"}
	for i := range 31 {
		a.regs["r"+strconv.Itoa(i)] = 8 * i
	}
	for i := range 8 {
		a.args = append(a.args, "r"+strconv.Itoa(i))
	}
	return a
}
