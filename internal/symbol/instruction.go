package symbol

import (
	"debug/elf"
	"errors"
	"fmt"
)

// ErrNotDecoded is wrapped by errors about code whose instructions cannot be
// told apart, so that nobody knows whether a probe would hit the start of one.
var ErrNotDecoded = errors.New("cannot decode the instructions")

// maxCode bounds the function that is decoded.
const maxCode = 16 << 20

// CheckOffset returns nil when an instruction of function f starts at offset,
// so that a uprobe there does no harm: one inside an instruction corrupts the
// program. The error otherwise names the nearest offsets that are fine, or
// wraps [ErrNotDecoded].
func (b *Binary) CheckOffset(f Func, offset uint64) error {
	if offset == 0 {
		return nil
	}
	at := fmt.Sprintf("probe %s+%d in %s", f.Name, offset, b.path)
	if f.Size > 0 && offset >= f.Size {
		return fmt.Errorf("%s: the function has only %d bytes", at, f.Size)
	}
	before, after := uint64(0), uint64(0)
	err := b.eachInstruction(f, func(off uint64, code []byte) bool {
		if off <= offset {
			before = off
		} else {
			after = off
		}
		return off <= offset
	})
	switch {
	case before == offset && (err == nil || after > 0):
		return nil
	case err != nil && after == 0:
		return fmt.Errorf("%s: %w", at, err)
	case after == 0:
		return fmt.Errorf("%s: it is inside an instruction, which starts at +%d", at, before)
	}
	return fmt.Errorf("%s: it is inside an instruction; the nearest starts are +%d and +%d", at, before, after)
}

// Returns returns the file offsets of the return instructions of function f:
// where uprobes see what a uretprobe would see, without touching the return
// address, which Go programs do not survive. Functions that end in a jump to
// another have none.
func (b *Binary) Returns(f Func) ([]uint64, error) {
	var offs []uint64
	err := b.eachInstruction(f, func(off uint64, code []byte) bool {
		if isReturn(b.file.Machine, code) {
			offs = append(offs, f.FileOffset+off)
		}
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("find the returns of %s in %s: %w", f.Name, b.path, err)
	}
	return offs, nil
}

// eachInstruction calls yield with the offset and the bytes of the instructions
// of f until it returns false.
func (b *Binary) eachInstruction(f Func, yield func(off uint64, code []byte) bool) error {
	if f.Size == 0 || f.Size > maxCode {
		return fmt.Errorf("%w: its size is not known", ErrNotDecoded)
	}
	code := make([]byte, f.Size)
	if _, err := b.r.ReadAt(code, int64(f.FileOffset)); err != nil {
		return fmt.Errorf("read code: %w", err)
	}
	for off := 0; off < len(code); {
		n := instructionLength(b.file.Machine, code[off:])
		if n == 0 || n > len(code)-off {
			return fmt.Errorf("%w: at +%d", ErrNotDecoded, off)
		}
		if !yield(uint64(off), code[off:off+n]) {
			return nil
		}
		off += n
	}
	return nil
}

// instructionLength returns the length of the instruction that code begins
// with, 0 when it is not known.
func instructionLength(machine elf.Machine, code []byte) int {
	switch machine {
	case elf.EM_X86_64:
		return x86Length(code)
	case elf.EM_AARCH64:
		return 4
	}
	return 0
}

func isReturn(machine elf.Machine, code []byte) bool {
	switch machine {
	case elf.EM_X86_64:
		for len(code) > 1 && isX86Prefix(code[0]) {
			code = code[1:]
		}
		return code[0] == 0xc3 || code[0] == 0xc2
	case elf.EM_AARCH64: // RET Xn
		return len(code) == 4 && code[0]&0x1f == 0 && code[1]&0xfc == 0 && code[2] == 0x5f && code[3] == 0xd6
	}
	return false
}

// An x86Decoder finds where one 64-bit instruction ends (Intel SDM volume 2,
// chapter 2 and the opcode maps of appendix A).
type x86Decoder struct {
	code   []byte
	pos    int
	data16 bool // operand size prefix
	addr32 bool // address size prefix
	wide   bool // REX.W
	bad    bool
}

// maxX86Length is the longest instruction that processors accept.
const maxX86Length = 15

func x86Length(code []byte) int {
	d := x86Decoder{code: code[:min(len(code), maxX86Length)]}
	d.instruction()
	if d.bad || d.pos > len(d.code) {
		return 0
	}
	return d.pos
}

func (d *x86Decoder) next() byte {
	if d.pos >= len(d.code) {
		d.bad = true
		return 0
	}
	c := d.code[d.pos]
	d.pos++
	return c
}

func isX86Prefix(c byte) bool {
	switch c {
	case 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3:
		return true
	}
	return false
}

func (d *x86Decoder) instruction() {
	c := d.next()
	for ; isX86Prefix(c) && !d.bad; c = d.next() {
		d.data16 = d.data16 || c == 0x66
		d.addr32 = d.addr32 || c == 0x67
	}
	if c&0xf0 == 0x40 { // REX
		d.wide = c&8 != 0
		c = d.next()
		if isX86Prefix(c) { // the REX before a prefix is ignored
			d.bad = true
			return
		}
	}
	switch c {
	case 0x0f:
		d.map0F()
	case 0xc5: // two-byte VEX
		d.next()
		d.vector(1)
	case 0xc4: // three-byte VEX
		m := d.next() & 0x1f
		d.next()
		d.vector(m)
	case 0x62: // EVEX
		m := d.next() & 7
		d.next()
		d.next()
		d.vector(m)
	default:
		d.oneByte(c)
	}
}

// vector decodes the opcode behind a VEX or EVEX prefix that selects map m.
func (d *x86Decoder) vector(m byte) {
	op := d.next()
	switch m {
	case 1:
		if op == 0x77 { // vzeroupper
			return
		}
		d.modrm()
		if hasImm8In0F(op) {
			d.pos++
		}
	case 2, 5, 6:
		d.modrm()
	case 3:
		d.modrm()
		d.pos++
	default:
		d.bad = true
	}
}

// map0F decodes opcodes after 0F.
func (d *x86Decoder) map0F() {
	op := d.next()
	switch {
	case op == 0x38:
		d.next()
		d.modrm()
	case op == 0x3a:
		d.next()
		d.modrm()
		d.pos++
	case op >= 0x80 && op <= 0x8f: // jcc
		d.pos += 4
	case op == 0x05, op >= 0x06 && op <= 0x09, op == 0x0b, op == 0x0e, op >= 0x30 && op <= 0x37, op == 0x77,
		op >= 0xa0 && op <= 0xa2, op >= 0xa8 && op <= 0xaa, op >= 0xc8 && op <= 0xcf:
	case op == 0x04, op == 0x0a, op == 0x0c, op >= 0x24 && op <= 0x27, op >= 0x39 && op <= 0x3f:
		d.bad = true
	default:
		d.modrm()
		if hasImm8In0F(op) || op == 0x0f {
			d.pos++
		}
	}
}

func hasImm8In0F(op byte) bool {
	switch op {
	case 0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6:
		return true
	}
	return false
}

// oneByte decodes the first opcode map.
func (d *x86Decoder) oneByte(op byte) {
	if op < 0x40 {
		d.arithmetic(op)
		return
	}
	switch {
	case op >= 0x50 && op <= 0x5f, op >= 0x6c && op <= 0x6f, op >= 0x90 && op <= 0x9f && op != 0x9a,
		op >= 0xa4 && op <= 0xa7, op >= 0xaa && op <= 0xaf:
	case op >= 0x70 && op <= 0x7f, op == 0x6a, op == 0xa8, op >= 0xb0 && op <= 0xb7, op >= 0xe0 && op <= 0xe7, op == 0xeb, op == 0xcd:
		d.pos++
	case op == 0x68, op == 0xa9:
		d.immediate()
	case op == 0xe8, op == 0xe9:
		d.pos += 4
	case op == 0x69, op == 0x81, op == 0xc7:
		d.modrm()
		d.immediate()
	case op == 0x6b, op == 0x80, op == 0x83, op == 0xc0, op == 0xc1, op == 0xc6:
		d.modrm()
		d.pos++
	case op == 0x63, op >= 0x84 && op <= 0x8e, op >= 0xd0 && op <= 0xd3, op >= 0xd8 && op <= 0xdf, op == 0xfe, op == 0xff:
		d.modrm()
	case op >= 0xa0 && op <= 0xa3:
		d.memoryOffset()
	case op >= 0xb8 && op <= 0xbf:
		if d.wide {
			d.pos += 8
		} else {
			d.immediate()
		}
	default:
		d.irregular(op)
	}
}

// arithmetic decodes 00 to 3F: eight operations in six forms each.
func (d *x86Decoder) arithmetic(op byte) {
	switch op & 7 {
	case 4:
		d.pos++
	case 5:
		d.immediate()
	case 6, 7:
		d.bad = true
	default:
		d.modrm()
	}
}

// irregular decodes what fits no other rule.
func (d *x86Decoder) irregular(op byte) {
	switch op {
	case 0x8f: // pop; with another register field it is XOP
		if d.modrm()&0x38 != 0 {
			d.bad = true
		}
	case 0xc2, 0xca: // ret imm16
		d.pos += 2
	case 0xc8: // enter
		d.pos += 3
	case 0xf6:
		if d.modrm()&0x30 == 0 { // test
			d.pos++
		}
	case 0xf7:
		if d.modrm()&0x30 == 0 {
			d.immediate()
		}
	case 0xc3, 0xc9, 0xcb, 0xcc, 0xcf, 0xd7, 0xec, 0xed, 0xee, 0xef, 0xf1, 0xf4, 0xf5, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd:
	default:
		d.bad = true
	}
}

// immediate skips an operand of 4 bytes, 2 with the operand size prefix.
func (d *x86Decoder) immediate() {
	if d.data16 && !d.wide {
		d.pos += 2
	} else {
		d.pos += 4
	}
}

func (d *x86Decoder) memoryOffset() {
	if d.addr32 {
		d.pos += 4
	} else {
		d.pos += 8
	}
}

// modrm skips a ModR/M byte with its SIB byte and displacement.
func (d *x86Decoder) modrm() byte {
	m := d.next()
	mod, rm := m>>6, m&7
	if mod == 3 {
		return m
	}
	if rm == 4 {
		rm = d.next() & 7 // the base, in the SIB byte
	}
	switch {
	case mod == 1:
		d.pos++
	case mod == 2, mod == 0 && rm == 5:
		d.pos += 4
	}
	return m
}
