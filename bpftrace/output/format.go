package output

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// MaxWidth is the largest field width that a format may ask for.
const MaxWidth = 1 << 16

// Verb is one conversion of a format.
type Verb struct {
	Text      string // as written: "%-8lld"
	Spec      string // conversion: d i u o x X c p s r rx rh gr, or one that cannot be printed
	Length    string // length modifiers: "" hh h l ll j z t, or a meaningless combination
	Width     int    // 0 none; "*" is accepted and ignored
	Precision int    // -1 none or "*"; accepted and ignored
	Left      bool   // -
	Plus      bool   // +
	Space     bool   // space; ignored
	Alternate bool   // #
	Zero      bool   // 0

	form form // what to do, from Spec and Length
	fill byte // ' ' or '0'
}

// Format is a printf format, parsed once and safe for concurrent use.
//
// Append formats Values. An engine that has the raw bytes of the arguments calls
// AppendLiteral(dst, 0), then for each verb i the AppendInt, AppendUint,
// AppendString, AppendBytes or AppendValue that fits the argument followed by
// AppendLiteral(dst, i+1); none of these allocates except as dst grows.
type Format struct {
	// Trailer stands behind truncated strings. Compile sets DefaultTrailer.
	Trailer string

	literals []string // before the verbs and after the last
	verbs    []Verb
}

// form is the machine's view of a conversion.
type form uint8

const (
	formSigned form = iota
	formUnsigned
	formOctal
	formHex
	formUpperHex
	formChar
	formPointer
	formString
	formBuffer    // %r
	formBufferX   // %rx
	formBufferHex // %rh
	formGFP
	formNone // not printable
)

// specs lists the conversions; a longer one comes before its prefix.
var specs = [...]struct {
	spec string
	form form
}{
	{"gr", formGFP}, {"rh", formBufferHex}, {"rx", formBufferX}, {"r", formBuffer},
	{"d", formSigned}, {"i", formSigned}, {"u", formUnsigned}, {"o", formOctal},
	{"x", formHex}, {"X", formUpperHex}, {"c", formChar}, {"p", formPointer},
	{"s", formString}, {"%", formNone}, {"n", formNone},
	{"e", formNone}, {"E", formNone}, {"f", formNone}, {"F", formNone},
	{"g", formNone}, {"G", formNone}, {"a", formNone}, {"A", formNone},
}

// Compile parses a format as bpftrace does: a percent sign that begins no
// conversion stands for itself. It fails on a width above MaxWidth. Conversions
// that cannot be printed, such as %f, are reported by Verbs and formatted as
// %s; a checker rejects them.
func Compile(format string) (*Format, error) {
	f := &Format{Trailer: DefaultTrailer}
	var literal strings.Builder
	for rest := format; rest != ""; {
		percent := strings.IndexByte(rest, '%')
		if percent < 0 {
			literal.WriteString(rest)
			break
		}
		literal.WriteString(rest[:percent])
		rest = rest[percent:]
		v, ok := scanVerb(rest)
		switch {
		case !ok:
			literal.WriteByte('%')
			rest = rest[1:]
			continue
		case v.Width > MaxWidth:
			return nil, fmt.Errorf("parse format: width of %s is above %d", v.Text, MaxWidth)
		case v.Spec == "%":
			literal.WriteByte('%')
		default:
			f.literals = append(f.literals, literal.String())
			f.verbs = append(f.verbs, v)
			literal.Reset()
		}
		rest = rest[len(v.Text):]
	}
	f.literals = append(f.literals, literal.String())
	return f, nil
}

// scanVerb reads the conversion at the start of s, a percent sign. Flags are
// recognized in one order only: "-", "+", " ", "#", "0".
func scanVerb(s string) (v Verb, ok bool) {
	v.Precision = -1
	v.fill = ' '
	i := 1
	for _, flag := range []struct {
		char byte
		set  *bool
	}{{'-', &v.Left}, {'+', &v.Plus}, {' ', &v.Space}, {'#', &v.Alternate}, {'0', &v.Zero}} {
		if i < len(s) && s[i] == flag.char {
			*flag.set = true
			i++
		}
	}
	if v.Zero {
		v.fill = '0'
	}
	v.Width, i = scanSize(s, i, 0)
	if i < len(s) && s[i] == '.' {
		at := i
		if v.Precision, i = scanSize(s, i+1, -1); i == at+1 {
			return v, false
		}
	}
	end := i
	for end < len(s) && strings.IndexByte("hlLjzt", s[end]) >= 0 {
		end++
	}
	v.Length = s[i:end]
	for _, sp := range specs {
		if strings.HasPrefix(s[end:], sp.spec) {
			v.Spec, v.form = sp.spec, sp.form
			v.Text = s[:end+len(sp.spec)]
			return v, true
		}
	}
	return v, false
}

// scanSize reads "*" or a number at s[i:] and returns absent if there is none or
// it is "*".
func scanSize(s string, i, absent int) (size, end int) {
	if i < len(s) && s[i] == '*' {
		return absent, i + 1
	}
	start := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		size = min(size*10+int(s[i]-'0'), MaxWidth+1)
		i++
	}
	if i == start {
		return absent, i
	}
	return size, i
}

// Verbs returns the conversions that take an argument, in order.
func (f *Format) Verbs() []Verb { return f.verbs }

// Append formats args, one for each verb, and appends the text to dst. Missing
// arguments are printed as null and surplus ones are ignored; a checked program
// has neither.
func (f *Format) Append(dst []byte, args []Value) []byte {
	for i := range f.verbs {
		dst = append(dst, f.literals[i]...)
		var arg Value
		if i < len(args) {
			arg = args[i]
		}
		dst = f.AppendValue(dst, i, arg)
	}
	return append(dst, f.literals[len(f.verbs)]...)
}

// AppendLiteral appends the text before verb i, or after the last verb if i is
// the number of verbs.
func (f *Format) AppendLiteral(dst []byte, i int) []byte {
	return append(dst, f.literals[i]...)
}

// AppendInt formats a signed integer, sign extended from its width, by verb i.
func (f *Format) AppendInt(dst []byte, i int, n int64) []byte {
	v := &f.verbs[i]
	if v.form < formString {
		return v.appendNumber(dst, uint64(n))
	}
	return v.appendOther(dst, n)
}

// AppendUint formats an unsigned integer by verb i.
func (f *Format) AppendUint(dst []byte, i int, n uint64) []byte {
	v := &f.verbs[i]
	if v.form < formString {
		return v.appendNumber(dst, n)
	}
	if v.form == formGFP {
		return v.pad(appendGFP(dst, n), len(dst))
	}
	return v.pad(strconv.AppendUint(dst, n, 10), len(dst))
}

// AppendString formats text by verb i: %s. The caller has cut s at its NUL byte
// and says whether it may be longer than its buffer.
func (f *Format) AppendString(dst []byte, i int, s []byte, truncated bool) []byte {
	v := &f.verbs[i]
	at := len(dst)
	dst = append(dst, s...)
	if truncated {
		dst = append(dst, f.Trailer...)
	}
	if v.Width == 0 {
		return dst
	}
	return v.pad(dst, at)
}

// AppendBytes formats the result of buf() by verb i: %r, %rx, %rh or %s.
func (f *Format) AppendBytes(dst []byte, i int, b []byte) []byte {
	v := &f.verbs[i]
	at := len(dst)
	switch v.form {
	case formBufferX:
		for _, c := range b {
			dst = appendHexByte(append(dst, `\x`...), c)
		}
	case formBufferHex:
		for j, c := range b {
			if j > 0 {
				dst = append(dst, ' ')
			}
			dst = appendHexByte(dst, c)
		}
	default:
		dst = appendEscaped(dst, b)
	}
	return v.pad(dst, at)
}

// AppendValue formats any value by verb i. A value that the verb cannot print
// becomes !{reason}, as in bpftrace.
func (f *Format) AppendValue(dst []byte, i int, arg Value) []byte {
	v := &f.verbs[i]
	switch arg := arg.(type) {
	case Int:
		return f.AppendInt(dst, i, int64(arg))
	case Uint:
		return f.AppendUint(dst, i, uint64(arg))
	case Pointer:
		if v.form != formString {
			return f.AppendUint(dst, i, uint64(arg))
		}
	case Enum:
		if v.form != formString {
			return f.AppendUint(dst, i, arg.Number)
		}
	case Bool:
		if v.form < formString {
			return v.appendNumber(dst, boolBit(arg))
		}
	case Buffer:
		if v.form >= formString && v.form < formGFP {
			return f.AppendBytes(dst, i, arg)
		}
	}
	return f.appendText(dst, v, arg)
}

// appendText prints a value by its text, or says why it cannot.
func (f *Format) appendText(dst []byte, v *Verb, arg Value) []byte {
	st := style{trailer: f.Trailer, loc: time.Local, plus: v.Plus}
	at := len(dst)
	switch {
	case v.form < formString:
		dst = append(dst, "!{invalid integer conversion: "...)
		return append(st.append(dst, arg), '}')
	case v.form == formGFP:
		dst = append(dst, "!{invalid GFP flags conversion: "...)
		return append(st.append(dst, arg), '}')
	}
	dst = st.append(dst, arg)
	first := firstPiece(arg, len(dst)-at)
	return v.padPiece(dst, at, at+first)
}

// firstPiece returns the length of what the field width applies to: the opening
// bracket of a compound value, the whole of any other.
func firstPiece(v Value, length int) int {
	switch v := v.(type) {
	case Tuple, Array:
		return 1
	case Stats:
		if !v.Avg {
			return 2
		}
	case Record:
		return 2
	}
	return length
}

func boolBit(b Bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// appendNumber narrows n to the width that the length modifier asks for and
// prints it.
func (v *Verb) appendNumber(dst []byte, n uint64) []byte {
	at := len(dst)
	switch v.form {
	case formSigned:
		s := v.narrowSigned(n)
		if v.Plus && s >= 0 {
			dst = append(dst, '+')
		}
		dst = strconv.AppendInt(dst, s, 10)
	case formUnsigned:
		dst = strconv.AppendUint(dst, v.narrow(n), 10)
	case formOctal:
		dst = v.appendBase(dst, v.narrow(n), 8, "0")
	case formHex:
		dst = v.appendBase(dst, v.narrow(n), 16, "0x")
	case formUpperHex:
		dst = v.appendUpper(dst, v.narrow(n))
	case formChar:
		dst = append(dst, byte(n))
	case formPointer:
		dst = appendPointer(dst, n)
	}
	if v.Width == 0 {
		return dst
	}
	return v.pad(dst, at)
}

// appendOther prints an integer by a verb that is not for integers.
func (v *Verb) appendOther(dst []byte, n int64) []byte {
	at := len(dst)
	if v.form == formGFP {
		return v.pad(appendGFP(dst, uint64(n)), at)
	}
	if v.Plus && n >= 0 {
		dst = append(dst, '+')
	}
	return v.pad(strconv.AppendInt(dst, n, 10), at)
}

func (v *Verb) narrowSigned(n uint64) int64 {
	switch v.Length {
	case "":
		return int64(int32(n))
	case "l", "ll", "j", "z", "t":
		return int64(n)
	case "hh":
		return int64(int8(n))
	case "h":
		return int64(int16(n))
	}
	return int64(int32(n))
}

func (v *Verb) narrow(n uint64) uint64 {
	switch v.Length {
	case "":
		return uint64(uint32(n))
	case "l", "ll", "j", "z", "t":
		return n
	case "hh":
		return uint64(uint8(n))
	case "h":
		return uint64(uint16(n))
	}
	return uint64(uint32(n))
}

func (v *Verb) appendBase(dst []byte, n uint64, base int, prefix string) []byte {
	if v.Alternate && n != 0 {
		dst = append(dst, prefix...)
	}
	return strconv.AppendUint(dst, n, base)
}

func (v *Verb) appendUpper(dst []byte, n uint64) []byte {
	if v.Alternate && n != 0 {
		dst = append(dst, "0X"...)
	}
	for shift := (max(bits.Len64(n), 1) - 1) / 4 * 4; shift >= 0; shift -= 4 {
		dst = append(dst, upperHex[n>>shift&15])
	}
	return dst
}

// pad brings the field that began at dst[at] to the width of the verb.
func (v *Verb) pad(dst []byte, at int) []byte {
	return v.padPiece(dst, at, len(dst))
}

// padPiece inserts fill characters before dst[at:end], or behind it. A zero fill
// stands before a sign and before 0x, and also on the right: bpftrace's fields
// are C++ streams, not C's printf.
func (v *Verb) padPiece(dst []byte, at, end int) []byte {
	n := v.Width - (end - at)
	if n <= 0 {
		return dst
	}
	for range n {
		dst = append(dst, v.fill)
	}
	if v.Left {
		at = end
	}
	copy(dst[at+n:], dst[at:len(dst)-n])
	for j := at; j < at+n; j++ {
		dst[j] = v.fill
	}
	return dst
}
