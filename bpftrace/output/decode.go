package output

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// Shape is the type of a value where JSON alone does not tell it: an array is a
// tuple, an array or a buffer; a key of several parts is one string.
type Shape struct {
	Kind  Kind    // KindNone: unknown
	Parts []Shape // of a tuple or record; of an array, its element
}

// MapShape is the type of a map.
type MapShape struct {
	Kind   MapKind
	Scalar bool
	Key    Shape
	Value  Shape
	Bits   uint  // hist()
	Min    int64 // lhist()
	Max    int64 // lhist()
	Step   int64 // lhist()
}

// DecoderOptions tells a Decoder what JSON does not. The zero value is right.
type DecoderOptions struct {
	// Maps gives the shapes of maps by name, with the @. The shape of others is
	// guessed: an object is a map with keys, keys that are all integers are Int,
	// other keys String.
	Maps map[string]MapShape

	// Clean says that the text was written by a JSONEncoder. Otherwise counts
	// that follow a control character are taken to be hexadecimal, as bpftrace
	// 0.24 to 0.27 print them.
	Clean bool

	// MaxLine limits the length of a line; 0 means 64 MiB. Longer lines become
	// a Notice.
	MaxLine int
}

// Decoder reads the output of bpftrace -f json, of any version since 0.17, or
// of a JSONEncoder, as events.
//
// It accepts what those versions print in error: escapes that are not JSON,
// hexadecimal counts, empty lines, and lines of plain text, which become
// Notices. Stacks printed as text become Stacks.
type Decoder struct {
	r    *bufio.Reader
	opts DecoderOptions
	line []byte
	new  bool // the writer prints "count": bpftrace since 0.24
	hex  bool // its counts have become hexadecimal
}

// NewDecoder returns a decoder that reads from r; nil options are the default
// ones.
func NewDecoder(r io.Reader, opts *DecoderOptions) *Decoder {
	d := &Decoder{r: bufio.NewReaderSize(r, 64<<10)}
	if opts != nil {
		d.opts = *opts
	}
	if d.opts.MaxLine <= 0 {
		d.opts.MaxLine = 64 << 20
	}
	return d
}

// Decode returns the next event. Its error is io.EOF at the end, or that of the
// reader.
func (d *Decoder) Decode() (Event, error) {
	for {
		line, long, err := d.readLine()
		if long {
			return &Notice{Level: LevelWarning, Code: "line-too-long",
				Text: "left out a line of more than " + strconv.Itoa(d.opts.MaxLine) + " bytes"}, nil
		}
		if ev := d.decodeLine(line); ev != nil {
			return ev, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// readLine returns the next line without its end. long says that it exceeded
// the limit and was skipped.
func (d *Decoder) readLine() (line string, long bool, err error) {
	d.line = d.line[:0]
	for {
		part, err := d.r.ReadSlice('\n')
		if len(d.line)+len(part) > d.opts.MaxLine {
			long = true
		}
		if !long {
			d.line = append(d.line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		return strings.TrimSuffix(string(d.line), "\n"), long, err
	}
}

// decodeLine returns nil for empty lines.
func (d *Decoder) decodeLine(line string) Event {
	if strings.TrimSpace(line) == "" {
		return nil
	}
	if !strings.HasPrefix(line, "{") {
		return plainNotice(line)
	}
	n, err := parseJSON(line)
	if err != nil || n.kind != '{' || n.str("type") == "" {
		return &Notice{Level: LevelWarning, Code: "bad-json", Text: line}
	}
	if n.escaped && d.new && !d.opts.Clean {
		d.hex = true
	}
	ev := d.record(&n)
	if ev == nil {
		return &Notice{Code: "unknown-record", Text: line}
	}
	readMeta(&n, ev.Metadata())
	return ev
}

func readMeta(n *node, m *Meta) {
	m.Time = n.int("time")
	m.Probe = n.str("probe")
	if cpu := n.get("cpu"); cpu != nil {
		m.CPU, m.Known = int(n.int("cpu")), true
	}
}

// plainNotice takes the severity from a message of bpftrace's log.
func plainNotice(line string) *Notice {
	if at, text, ok := cutLocation(line); ok {
		n := plainNotice(text)
		if n.Level != LevelInfo {
			n.At = at
			return n
		}
	}
	if text, ok := strings.CutPrefix(line, "WARNING: "); ok {
		return &Notice{Level: LevelWarning, Text: text}
	}
	if text, ok := strings.CutPrefix(line, "ERROR: "); ok {
		return &Notice{Level: LevelError, Text: text}
	}
	return &Notice{Text: line}
}

// cutLocation takes "FILE:LINE:COL-END: " from the start of a message.
func cutLocation(line string) (at Location, text string, ok bool) {
	head, text, ok := strings.Cut(line, ": ")
	if !ok {
		return at, line, false
	}
	head, cols, _ := cutLast(head, ":")
	at.File, head, _ = cutLast(head, ":")
	from, to, ok := strings.Cut(cols, "-")
	var errs [3]error
	at.Line, errs[0] = strconv.Atoi(head)
	at.Col, errs[1] = strconv.Atoi(from)
	at.EndCol, errs[2] = strconv.Atoi(to)
	if !ok || errors.Join(errs[:]...) != nil {
		return Location{}, line, false
	}
	at.EndLine = at.Line
	return at, text, true
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// record returns nil for an unknown type.
func (d *Decoder) record(n *node) Event {
	data := n.get("data")
	switch n.str("type") {
	case "printf":
		return &Printf{Text: n.str("data"), Format: int(n.int("format")), Args: typedList(n.get("args"))}
	case "time":
		return &Time{Text: n.str("data")}
	case "cat":
		return &Cat{Text: n.str("data")}
	case "join":
		return &Join{Text: n.str("data")}
	case "syscall":
		return &System{Text: n.str("data")}
	case "value":
		return decodePrint(n, data)
	case "map", "stats", "hist", "lhist", "tseries":
		if data != nil && len(data.list) == 1 {
			return d.decodeMap(n, data)
		}
		return nil
	}
	return d.report(n, data)
}

func decodePrint(n, data *node) Event {
	if v := n.get("value"); v != nil {
		return &PrintValue{Value: typedValue(v)}
	}
	if data == nil {
		return nil
	}
	return &PrintValue{Value: decodeValue(data, Shape{})}
}

// report decodes records about the run itself.
func (d *Decoder) report(n, data *node) Event {
	if data == nil || data.kind != '{' {
		data = n
	}
	switch n.str("type") {
	case "attached_probes":
		if n.get("count") != nil {
			d.new = true
		}
		return decodeAttached(n, data, d.base())
	case "lost_events":
		return d.decodeLost(n, data)
	case "errorf", "warnf":
		return &Errorf{Text: n.str("msg"), Warning: n.str("type") == "warnf", At: location(n)}
	case "helper_error":
		return &HelperError{Helper: n.str("helper"), Text: n.str("msg"), Retcode: int(n.int("retcode")), At: location(n)}
	case "runtime_error":
		return &RuntimeError{Text: n.str("msg"), At: location(n)}
	case "exit":
		return &Exit{Code: int(data.int("code")), Reason: ExitReason(indexOf(reasonNames[:], data.str("reason")))}
	case "notice":
		return &Notice{Text: n.str("msg"), Code: n.str("code"), Level: Level(indexOf(levelNames[:], n.str("level"))), At: location(n)}
	}
	return decodeResult(n, data)
}

// decodeResult decodes the records of test and bench probes.
func decodeResult(n, data *node) Event {
	if len(data.list) == 0 || data == n {
		return nil
	}
	name, r := data.names[0], &data.list[0]
	switch n.str("type") {
	case "test_result":
		return &TestResult{Name: name, Duration: time.Duration(r.int("duration")), Passed: r.bool("passed"), Output: r.str("output")}
	case "benchmark_result":
		return &BenchResult{Name: name, Average: time.Duration(r.int("average")), Iters: r.uint("iters", 10)}
	}
	return nil
}

// base is that of the counts that bpftrace writes.
func (d *Decoder) base() int {
	if d.hex {
		return 16
	}
	return 10
}

func decodeAttached(n, data *node, base int) Event {
	a := &Attached{Probes: int(data.uint("probes", base))}
	if names := n.get("names"); names != nil {
		for _, name := range names.list {
			a.Names = append(a.Names, name.text)
		}
	}
	if failed := n.get("failed"); failed != nil {
		for _, f := range failed.list {
			a.Failed = append(a.Failed, AttachFailure{f.str("probe"), f.str("reason")})
		}
	}
	return a
}

func (d *Decoder) decodeLost(n, data *node) Event {
	l := &Lost{Events: data.uint("events", d.base()), Total: n.uint("total", 10),
		Cause: LossCause(indexOf(causeNames[:], n.str("cause"))), Map: n.str("map")}
	if detail := n.get("detail"); detail != nil {
		for _, x := range detail.list {
			l.Detail = append(l.Detail, LossDetail{x.str("what"), x.uint("events", 10)})
		}
	}
	return l
}

func location(n *node) Location {
	return Location{File: n.str("filename"), Line: int(n.int("line")), Col: int(n.int("col"))}
}

func indexOf(names []string, name string) int {
	for i, have := range names {
		if have == name {
			return i
		}
	}
	return 0
}
