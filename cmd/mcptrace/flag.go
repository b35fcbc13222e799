package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// flag is one row of a command's table of flags.
type flag struct {
	long   string // without dashes
	short  string // one letter; may be ""
	arg    string // what its value is, for help; "" for a switch
	help   string
	words  []string // values to complete and to choose from; nil for any
	hidden bool
	set    func(value string) error // a switch gets ""
}

// The kinds of flags.

func boolFlag(p *bool, long, short, help string) flag {
	return flag{long: long, short: short, help: help, set: func(string) error { *p = true; return nil }}
}

func stringFlag(p *string, long, short, arg, help string) flag {
	return flag{long: long, short: short, arg: arg, help: help, set: func(v string) error { *p = v; return nil }}
}

func listFlag(p *[]string, long, short, arg, help string) flag {
	return flag{long: long, short: short, arg: arg, help: help, set: func(v string) error { *p = append(*p, v); return nil }}
}

func wordFlag(p *string, long, short, help string, words ...string) flag {
	f := stringFlag(p, long, short, strings.Join(words, "|"), help)
	f.words = words
	return f
}

func intFlag(p *int, long, short, arg, help string) flag {
	return flag{long: long, short: short, arg: arg, help: help, set: func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return fmt.Errorf("want a whole number, got %q", v)
		}
		*p = n
		return nil
	}}
}

// sizeFlag takes bytes with an optional K, M or G (powers of 1024).
func sizeFlag(p *int64, long, help string) flag {
	return flag{long: long, arg: "N[K|M|G]", help: help, set: func(v string) (err error) {
		*p, err = parseSize(v)
		return err
	}}
}

func parseSize(v string) (int64, error) {
	num, shift := strings.ToUpper(strings.TrimSuffix(strings.ToUpper(v), "B")), 0
	for i, unit := range []string{"K", "M", "G"} {
		if rest, ok := strings.CutSuffix(num, unit); ok {
			num, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(num, 10, 64)
	if err != nil || n < 0 || n > 1<<62>>shift {
		return 0, fmt.Errorf("want a number of bytes such as 500000, 64K or 10M, got %q", v)
	}
	return n << shift, nil
}

// durationFlag takes Go's and bpftrace's durations, and plain seconds.
func durationFlag(p *time.Duration, long, short, help string) flag {
	return flag{long: long, short: short, arg: "D", help: help, set: func(v string) (err error) {
		*p, err = parseDuration(v)
		return err
	}}
}

func parseDuration(v string) (time.Duration, error) {
	if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 && n <= 1e9 {
		return time.Duration(n * float64(time.Second)), nil
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("want a duration such as 5s, 500ms, 2m or plain seconds, got %q", v)
	}
	return d, nil
}

// usageError is a wrong command line: exit status 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// parsed is a command line after its flags were taken out.
type parsed struct {
	args  []string // positional, in order
	named []string // after "--"
	help  bool
}

// parseArgs takes flags out of args wherever they stand, up to "--". A negative
// number is an argument, not a flag.
func parseArgs(flags []flag, args []string) (*parsed, error) {
	p := &parsed{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		var err error
		switch {
		case arg == "--":
			p.named = args
			return p, nil
		case arg == "-h" || arg == "--help":
			p.help = true
		case strings.HasPrefix(arg, "--"):
			args, err = setLong(flags, arg[2:], args)
		case len(arg) > 1 && arg[0] == '-' && (arg[1] < '0' || arg[1] > '9'):
			args, err = setShort(flags, arg[1:], args)
		default:
			p.args = append(p.args, arg)
		}
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// setLong sets a flag written --name, --name=value or --name value.
func setLong(flags []flag, arg string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(arg, "=")
	for i := range flags {
		f := &flags[i]
		if f.long != name {
			continue
		}
		if f.arg == "" && given {
			return nil, usagef("--%s takes no value", name)
		}
		return f.take("--"+name, value, given, rest)
	}
	return nil, unknownFlag(flags, "--"+name)
}

// setShort sets one or more switches in one word, and a last flag whose value
// is the rest of the word or the next one: -lv, -fjson, -f json.
func setShort(flags []flag, word string, rest []string) ([]string, error) {
next:
	for word != "" {
		for i := range flags {
			f := &flags[i]
			if f.short != word[:1] {
				continue
			}
			if f.arg != "" {
				value := strings.TrimPrefix(word[1:], "=")
				return f.take("-"+f.short, value, value != "", rest)
			}
			if err := f.apply("-"+f.short, ""); err != nil {
				return nil, err
			}
			word = word[1:]
			continue next
		}
		return nil, unknownFlag(flags, "-"+word[:1])
	}
	return rest, nil
}

// take sets f from value, or from the next argument when none was given.
func (f *flag) take(name, value string, given bool, rest []string) ([]string, error) {
	if f.arg != "" && !given {
		if len(rest) == 0 {
			return nil, usagef("%s needs a value: %s %s", name, name, f.arg)
		}
		value, rest = rest[0], rest[1:]
	}
	return rest, f.apply(name, value)
}

func (f *flag) apply(name, value string) error {
	if f.words != nil && !contains(f.words, value) {
		return usagef("%s: want %s, got %q", name, strings.Join(f.words, " or "), value)
	}
	if err := f.set(value); err != nil {
		return usagef("%s: %v", name, err)
	}
	return nil
}

func contains(words []string, w string) bool {
	for _, x := range words {
		if x == w {
			return true
		}
	}
	return false
}

func unknownFlag(flags []flag, name string) error {
	best := ""
	for _, f := range flags {
		if len(name) > 3 && !f.hidden && near(strings.TrimLeft(name, "-"), f.long) {
			best = f.long
		}
	}
	if best != "" {
		return usagef("unknown flag %s; did you mean --%s?", name, best)
	}
	return usagef("unknown flag %s", name)
}

// near reports whether two words differ by a typing mistake: at most two edits,
// or one being the beginning of the other.
func near(a, b string) bool {
	return strings.HasPrefix(b, a) || strings.HasPrefix(a, b) || edits(a, b) <= 2
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := prev
			if a[i] != b[j] {
				d++
			}
			prev = row[j+1]
			row[j+1] = min(d, row[j]+1, prev+1)
		}
	}
	return row[len(b)]
}
