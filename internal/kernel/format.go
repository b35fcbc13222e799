package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// event is a tracepoint as its format file describes it.
type event struct {
	category, name string
	id             int
	fields         []eventField
	print          string // the print fmt line: a C format and its arguments

	listOnce sync.Once
	listed   []ListedArg
}

// eventField is one field line of a format file.
type eventField struct {
	text     string // the declaration as written: "char prev_comm[16]"
	name     string
	ctype    string // the type without the name: "char"; a pointer keeps its stars
	array    string // what stands between brackets: "16", ""; meaningful when isArray
	isArray  bool
	dataLoc  bool
	relLoc   bool
	function bool // a pointer to a function
	offset   int
	size     int
	signed   bool
}

var errFormat = errors.New("malformed format file")

// maxEventFields bounds a format file. The largest of Linux 6.18 has 30.
const maxEventFields = 1024

// parseFormat reads a format file of tracefs.
func parseFormat(category string, text []byte) (*event, error) {
	e := &event{category: category}
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		key, rest, _ := strings.Cut(s, ":")
		switch key {
		case "name":
			e.name = strings.TrimSpace(rest)
		case "ID":
			id, err := strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				return nil, fmt.Errorf("%w: ID %q", errFormat, rest)
			}
			e.id = id
		case "field":
			f, err := parseField(rest)
			if err != nil {
				return nil, err
			}
			if e.fields = append(e.fields, f); len(e.fields) > maxEventFields {
				return nil, fmt.Errorf("%w: more than %d fields", errFormat, maxEventFields)
			}
		case "print fmt":
			e.print = strings.TrimSpace(rest)
		}
	}
	if e.name == "" {
		return nil, fmt.Errorf("%w: no name", errFormat)
	}
	return e, nil
}

// parseField reads "DECLARATION; offset:N; size:N; signed:N;".
func parseField(s string) (eventField, error) {
	decl, rest, _ := strings.Cut(s, ";")
	f := eventField{text: strings.TrimSpace(decl)}
	for part := range strings.SplitSeq(rest, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 1<<20 {
			return f, fmt.Errorf("%w: %s of %q is %q", errFormat, key, f.text, value)
		}
		switch key {
		case "offset":
			f.offset = n
		case "size":
			f.size = n
		case "signed":
			f.signed = n != 0
		}
	}
	return f, f.split()
}

// split takes the declaration apart.
func (f *eventField) split() error {
	s := f.text
	if t, ok := strings.CutPrefix(s, "__data_loc "); ok {
		s, f.dataLoc = t, true
	} else if t, ok := strings.CutPrefix(s, "__rel_loc "); ok {
		s, f.relLoc = t, true
	}
	if i := strings.Index(s, "(*"); i >= 0 {
		return f.splitFunction(s, i)
	}
	// "char name[16]" and, of a data location, "char[] name".
	if i := strings.LastIndexByte(s, '['); i >= 0 {
		if j := strings.IndexByte(s[i:], ']'); j > 0 {
			f.isArray, f.array = true, strings.TrimSpace(s[i+1:i+j])
			s = s[:i] + s[i+j+1:]
		}
	}
	i := len(s)
	for i > 0 && isWordByte(s[i-1]) {
		i--
	}
	f.name, f.ctype = s[i:], strings.TrimSpace(s[:i])
	if f.name == "" || f.ctype == "" {
		return fmt.Errorf("%w: declaration %q", errFormat, f.text)
	}
	return nil
}

// splitFunction takes "void (*name)(int)" apart; the star is at i+1.
func (f *eventField) splitFunction(s string, i int) error {
	name, _, ok := strings.Cut(s[i+2:], ")")
	if !ok || strings.TrimSpace(name) == "" {
		return fmt.Errorf("%w: declaration %q", errFormat, f.text)
	}
	f.name, f.ctype, f.function = strings.TrimSpace(name), "void *", true
	return nil
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// isCommon reports whether the field is one that all events start with and
// programs cannot read by name.
func (f *eventField) isCommon() bool { return strings.HasPrefix(f.name, "common_") }

// shown returns the verb and the expression by which the kernel's own print
// format shows a field, such as "%d" and "REC->prev_pid".
func (e *event) shown() map[string]string {
	format, args := splitPrint(e.print)
	verbs := formatVerbs(format)
	shown := map[string]string{}
	for i, arg := range args {
		if i >= len(verbs) {
			break
		}
		for _, name := range fieldsIn(arg) {
			if _, ok := shown[name]; !ok {
				shown[name] = describeShown(verbs[i], arg, name)
			}
		}
	}
	return shown
}

// maxShown bounds the text about one field; tables of names can have hundreds of
// entries.
const maxShown = 400

func describeShown(verb, arg, name string) string {
	switch arg {
	case "REC->" + name, "__get_str(" + name + ")", "((unsigned long)(REC->" + name + "))":
		return verb
	}
	s := verb + " of " + strings.ReplaceAll(arg, "REC->", "")
	if len(s) > maxShown {
		s = s[:maxShown] + "..."
	}
	return s
}

// splitPrint splits a print fmt line into the format and its arguments.
func splitPrint(s string) (format string, args []string) {
	if s == "" || s[0] != '"' {
		return "", nil
	}
	end := closingQuote(s)
	format = s[1:end]
	start, depth := min(end+1, len(s)), 0
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '"':
			i += closingQuote(s[i:])
		case '(', '{', '[':
			depth++
		case ')', '}', ']':
			depth--
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(s[min(start, len(s)):]); rest != "" {
		args = append(args, rest)
	}
	if len(args) > 0 && args[0] == "" { // between the format and the first comma
		args = args[1:]
	}
	return format, args
}

// closingQuote returns the index of the quote that ends the string literal that s
// starts with, or len(s) when there is none.
func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(s)
}

// formatVerbs returns the conversions of a printf format.
func formatVerbs(format string) []string {
	var verbs []string
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			continue
		}
		j := i + 1
		for j < len(format) && strings.IndexByte("-+ #0123456789.*lhzqjtL", format[j]) >= 0 {
			j++
		}
		if j < len(format) && format[j] != '%' {
			verbs = append(verbs, format[i:j+1])
		}
		i = j
	}
	return verbs
}

// fieldsIn returns the fields that an argument of the print format reads.
func fieldsIn(arg string) []string {
	var names []string
	for _, mark := range []string{"REC->", "__get_str(", "__get_dynamic_array(", "__get_sockaddr(", "__get_bitmask("} {
		for s := arg; ; {
			i := strings.Index(s, mark)
			if i < 0 {
				break
			}
			s = s[i+len(mark):]
			j := 0
			for j < len(s) && isWordByte(s[j]) {
				j++
			}
			if j > 0 {
				names = append(names, s[:j])
			}
		}
	}
	return names
}
