package syntax

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Severity says how bad a Diagnostic is. Errors reject a program; warnings and
// notes do not.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

// String returns the word that upstream prints for s: ERROR or WARNING.
func (s Severity) String() string {
	if s == Warning {
		return "WARNING"
	}
	return "ERROR"
}

// Code names a kind of diagnostic by a kebab-case word that never changes,
// such as "undefined-map". The table of codes is documented and every example
// in it is executed as a test.
type Code string

// Diagnostic is one finding about a program, as data. Scanner, parser, checker,
// compiler, policy and the verifier log mapped back to source all use it;
// renderers turn it into upstream's text or into JSON.
type Diagnostic struct {
	Code     Code
	Severity Severity
	Span     Span   // zero when the finding has no place in the text
	Message  string // what is wrong, one line, in upstream's words where upstream has them
	Why      string // the reason in a newcomer's words; may be ""
	Notes    []Note // other places and hints that help, in order
	Fixes    []Fix  // alternatives, best first; each alone mends the program
}

// Note is a remark that belongs to a Diagnostic. A Note whose Span is zero is a
// hint and is rendered as one.
type Note struct {
	Span    Span
	Message string
}

// Fix is a machine-applicable repair: Edits that are applied together.
type Fix struct {
	Message string // imperative: "write args.filename"
	Certain bool   // true when the repair cannot change what was meant, so that it may be applied unasked
	Edits   []Edit
}

// Edit replaces the bytes of Span by Text. An empty Span inserts.
type Edit struct {
	Span Span
	Text string
}

// oneLine returns s with control bytes and bytes that are no UTF-8 written as
// \xhh, so that text of a program cannot break a message or a terminal.
func oneLine(s string) string {
	odd := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }
	if strings.IndexFunc(s, odd) < 0 {
		return s
	}
	var b strings.Builder
	for i, n := 0, 0; i < len(s); i += n {
		var r rune
		if r, n = utf8.DecodeRuneInString(s[i:]); odd(r) && (r != utf8.RuneError || n == 1) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
	}
	return b.String()
}

// Diagnostics is a list of findings in the order in which they were found.
type Diagnostics []Diagnostic

// HasErrors reports whether any finding rejects the program.
func (ds Diagnostics) HasErrors() bool {
	for i := range ds {
		if ds[i].Severity == Error {
			return true
		}
	}
	return false
}
