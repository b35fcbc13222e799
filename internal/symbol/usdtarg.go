package symbol

import (
	"debug/elf"
	"strconv"
	"strings"
)

// A USDTArg says where one argument of a USDT probe is while the probed
// instruction is about to run.
type USDTArg struct {
	Kind   USDTKind
	Size   int  // in bytes: 1, 2, 4 or 8
	Signed bool // sign-extends to 64 bits
	Float  bool // floating point: Reg, if any, is a vector register

	Const int64 // of USDTConst

	// Reg is the register of USDTReg and the base of USDTMemory, under its full
	// name: rax ... r15, rip and xmm0 ... on x86-64; x0 ... x30, sp and v0 ...
	// on arm64; "" for a base of zero. With base rip, Disp counts from the
	// address of the probe.
	Reg string
	// Shift is how many bits to shift a USDTReg right: 8 for ah, bh, ch and dh.
	Shift int

	// USDTMemory is at Reg + Index*Scale + Disp, plus the base address of
	// Segment (fs or gs) if that is not empty.
	Index     string // "" for none
	IndexSize int    // bytes of Index that count: 8, or 4
	IndexSign bool   // whether a shorter Index is sign-extended
	Scale     int    // 1, 2, 4 or 8
	Disp      int64
	Segment   string

	Text string // as the note has it, for errors
}

// USDTKind tells where an argument is.
type USDTKind uint8

const (
	USDTUnknown USDTKind = iota // in a form that is not understood
	USDTConst                   // a constant
	USDTReg                     // in a register
	USDTMemory                  // in memory
)

// maxUSDTArgs is how many arguments sdt.h allows, and some.
const maxUSDTArgs = 64

// An addressOf returns the address of a symbol relative to that of the probe.
type addressOf func(symbol string) (uint64, bool)

// parseUSDTArgs parses the argument string of a note: operands in assembler
// syntax, each preceded by its size and "@", separated by spaces.
func parseUSDTArgs(spec string, machine elf.Machine, addr addressOf) []USDTArg {
	var args []USDTArg
	for _, text := range splitUSDTArgs(spec) {
		if len(args) == maxUSDTArgs {
			break
		}
		args = append(args, parseUSDTArg(text, machine, addr))
	}
	return args
}

// splitUSDTArgs splits at spaces that are not inside brackets.
func splitUSDTArgs(spec string) (parts []string) {
	depth, start := 0, 0
	for i := 0; i <= len(spec); i++ {
		if i == len(spec) || depth == 0 && spec[i] == ' ' {
			if i > start {
				parts = append(parts, spec[start:i])
			}
			start = i + 1
			continue
		}
		switch spec[i] {
		case '[', '(':
			depth++
		case ']', ')':
			depth = max(0, depth-1)
		}
	}
	return parts
}

// parseUSDTArg: [-] size [f] @ operand
func parseUSDTArg(text string, machine elf.Machine, addr addressOf) USDTArg {
	a := USDTArg{Text: text, Size: 8, Signed: true, Scale: 1, IndexSize: 8}
	operand := text
	if size, rest, ok := strings.Cut(text, "@"); ok && isUSDTSize(size) {
		size, a.Signed = strings.CutPrefix(size, "-")
		size, a.Float = strings.CutSuffix(size, "f")
		a.Size, _ = strconv.Atoi(size)
		operand = rest
	}
	ok := false
	switch machine {
	case elf.EM_X86_64, elf.EM_386:
		ok = a.x86Operand(operand, addr)
	case elf.EM_AARCH64:
		ok = a.arm64Operand(operand, addr)
	}
	if !ok || a.Size == 0 {
		return USDTArg{Text: text, Size: a.Size, Signed: a.Signed}
	}
	return a
}

func isUSDTSize(s string) bool {
	switch strings.TrimSuffix(strings.TrimPrefix(s, "-"), "f") {
	case "1", "2", "4", "8":
		return true
	}
	return false
}

// x86Operand: $sum | %register | [%segment:] [sum] [( [%base] [, %index [, scale]] )]
func (a *USDTArg) x86Operand(s string, addr addressOf) bool {
	if c, ok := strings.CutPrefix(s, "$"); ok {
		v, symbol, ok := parseSum(c)
		a.Kind, a.Const = USDTConst, v
		return ok && symbol == "" && c != ""
	}
	if seg, rest, ok := strings.Cut(s, ":"); ok {
		if seg != "%fs" && seg != "%gs" {
			return false
		}
		a.Segment, s = seg[1:], rest
	} else if r, ok := strings.CutPrefix(s, "%"); ok {
		a.Kind = USDTReg
		a.Reg, a.Shift, ok = x86Register(r)
		return ok
	}
	a.Kind = USDTMemory
	disp, rest, indirect := strings.Cut(s, "(")
	if indirect {
		rest, ok := strings.CutSuffix(rest, ")")
		if !ok || !a.x86Address(rest) {
			return false
		}
	}
	return a.displacement(disp, addr, !indirect)
}

// x86Address: [%base] [, %index [, scale]]
func (a *USDTArg) x86Address(s string) (ok bool) {
	parts := strings.Split(s, ",")
	if len(parts) > 3 {
		return false
	}
	for i, p := range parts {
		p = strings.TrimSpace(p)
		switch {
		case i == 2:
			a.Scale, ok = parseScale(p)
		case i == 0 && p == "" && len(parts) > 1:
			ok = true
		case i == 0:
			a.Reg, ok = x86FullRegister(p)
		default:
			a.Index, ok = x86FullRegister(p)
		}
		if !ok {
			return false
		}
	}
	return true
}

func parseScale(s string) (int, bool) {
	switch s {
	case "1", "2", "4", "8":
		return int(s[0] - '0'), true
	}
	return 0, false
}

// displacement: sum, possibly of a symbol, which is found relative to the probe
// because the file may be loaded anywhere.
func (a *USDTArg) displacement(s string, addr addressOf, absolute bool) bool {
	v, symbol, ok := parseSum(s)
	a.Disp = v
	if !ok || symbol == "" {
		return ok && (s != "" || !absolute)
	}
	rel, ok := addr(symbol)
	if !ok || a.Segment != "" || a.Reg != "" && a.Reg != "rip" {
		return false
	}
	a.Reg = "rip"
	a.Disp += int64(rel)
	return true
}

// parseSum parses numbers, and at most one symbol, joined by + and -.
func parseSum(s string) (sum int64, symbol string, ok bool) {
	for first := true; s != ""; first = false {
		sign := int64(1)
		switch {
		case s[0] == '-':
			sign, s = -1, s[1:]
		case s[0] == '+':
			s = s[1:]
		case !first:
			return 0, "", false
		}
		end := strings.IndexAny(s, "+-")
		if end < 0 {
			end = len(s)
		}
		term := s[:end]
		s = s[end:]
		if v, err := strconv.ParseUint(term, 0, 64); err == nil {
			sum += sign * int64(v)
			continue
		}
		if symbol != "" || sign < 0 || !isAsmSymbol(term) {
			return 0, "", false
		}
		symbol = term
	}
	return sum, symbol, true
}

func isAsmSymbol(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c == '.' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func x86FullRegister(s string) (string, bool) {
	r, ok := strings.CutPrefix(s, "%")
	if !ok {
		return "", false
	}
	full, shift, ok := x86Register(r)
	return full, ok && shift == 0 && !strings.HasPrefix(full, "xmm")
}

// x86Register returns the 64-bit register that r is part of.
func x86Register(r string) (full string, shift int, ok bool) {
	if n, found := strings.CutPrefix(r, "xmm"); found {
		return r, 0, isNumberBelow(n, 32)
	}
	if len(r) >= 2 && r[0] == 'r' && r[1] >= '0' && r[1] <= '9' { // r8 ... r15, with d, w, b or l
		n := strings.TrimRight(r[1:], "dwbl")
		return "r" + n, 0, len(r)-1-len(n) <= 1 && isNumberBelow(n, 16) && n != "0" && len(n) > 0 && (len(n) == 2 || n >= "8")
	}
	if r == "rip" || r == "eip" {
		return "rip", 0, true
	}
	if len(r) == 2 && r[1] == 'h' && strings.IndexByte("abcd", r[0]) >= 0 {
		return "r" + r[:1] + "x", 8, true
	}
	if len(r) == 2 && r[1] == 'l' && strings.IndexByte("abcd", r[0]) >= 0 {
		return "r" + r[:1] + "x", 0, true
	}
	if len(r) == 3 && (r[0] == 'r' || r[0] == 'e') {
		r = r[1:]
	} else if len(r) == 3 && r[2] == 'l' {
		r = r[:2]
	}
	switch r {
	case "ax", "bx", "cx", "dx", "si", "di", "bp", "sp":
		return "r" + r, 0, true
	}
	return "", 0, false
}

func isNumberBelow(s string, limit int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < limit && s == strconv.Itoa(n)
}

// arm64Operand: [#]sum | register | [base] | [base, [#]disp] |
// [base, index [, lsl|uxtw|sxtw|sxtx [#amount]]]
func (a *USDTArg) arm64Operand(s string, addr addressOf) bool {
	inner, ok := strings.CutPrefix(s, "[")
	if !ok {
		return a.arm64Direct(s, addr)
	}
	if inner, ok = strings.CutSuffix(inner, "]"); !ok {
		return false
	}
	a.Kind = USDTMemory
	parts := strings.Split(inner, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	size := 0
	if a.Reg, size, ok = arm64Register(parts[0]); !ok || size != 8 || a.Reg[0] == 'v' {
		return false
	}
	switch len(parts) {
	case 1:
		return true
	case 2:
		if v, symbol, ok := parseSum(strings.TrimPrefix(parts[1], "#")); ok && symbol == "" {
			a.Disp = v
			return true
		}
		return a.arm64Index(parts[1], "")
	case 3:
		return a.arm64Index(parts[1], parts[2])
	}
	return false
}

func (a *USDTArg) arm64Direct(s string, addr addressOf) bool {
	if r, _, ok := arm64Register(s); ok {
		a.Kind, a.Reg = USDTReg, r
		if r == "xzr" {
			a.Kind, a.Reg = USDTConst, ""
		}
		return true
	}
	v, symbol, ok := parseSum(strings.TrimPrefix(s, "#"))
	a.Kind, a.Const = USDTConst, v
	return ok && symbol == "" && s != ""
}

func (a *USDTArg) arm64Index(reg, extend string) (ok bool) {
	if a.Index, a.IndexSize, ok = arm64Register(reg); !ok || a.Index[0] == 'v' {
		return false
	}
	if extend == "" {
		return a.IndexSize == 8
	}
	op, amount, _ := strings.Cut(extend, " ")
	switch op {
	case "lsl", "uxtw":
	case "sxtw", "sxtx":
		a.IndexSign = a.IndexSize == 4
	default:
		return false
	}
	amount = strings.TrimPrefix(strings.TrimSpace(amount), "#")
	if amount == "" {
		amount = "0"
	}
	if !isNumberBelow(amount, 5) {
		return false
	}
	a.Scale = 1 << (amount[0] - '0')
	return true
}

// arm64Register returns the 64-bit register that r is part of, and the size of
// r in bytes.
func arm64Register(r string) (full string, size int, ok bool) {
	switch r {
	case "sp":
		return "sp", 8, true
	case "wsp":
		return "sp", 4, true
	case "fp":
		return "x29", 8, true
	case "lr":
		return "x30", 8, true
	case "xzr":
		return "xzr", 8, true
	case "wzr":
		return "xzr", 4, true
	case "":
		return "", 0, false
	}
	n := r[1:]
	switch r[0] {
	case 'x':
		return r, 8, isNumberBelow(n, 31)
	case 'w':
		return "x" + n, 4, isNumberBelow(n, 31)
	case 'v', 'q', 'd', 's', 'h', 'b':
		return "v" + n, 8, isNumberBelow(n, 32)
	}
	return "", 0, false
}
