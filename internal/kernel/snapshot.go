package kernel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// A snapshot file is a line that names format and version, the length of a JSON
// header as four bytes (little endian), the header, and the sections that the
// header lists. A section is a gzip stream of what the kernel said, unread:
//
//	btf/vmlinux, btf/MODULE    raw BTF
//	events                     available_events
//	formats/CATEGORY           format files, each after a line "event NAME"
//	functions                  available_filter_functions, when it was readable
//	symbols                    names of /proc/kallsyms, without addresses
//
// Sections are unpacked when they are first asked for.
const snapshotMagic = "mcptrace kernel snapshot 1\n"

const (
	maxSnapshotFile    = 256 << 20
	maxSnapshotHeader  = 4 << 20
	maxSnapshotSection = 256 << 20
)

// errSnapshot is wrapped by every complaint about a snapshot's content.
var errSnapshot = errors.New("malformed kernel snapshot")

type snapshotHeader struct {
	Arch      string                           `json:"arch"`
	Release   string                           `json:"release"`
	Created   time.Time                        `json:"created"`
	Modules   []string                         `json:"modules,omitempty"` // that have BTF here
	Facts     *Facts                           `json:"facts"`
	Abilities map[check.Ability]storedFinding  `json:"abilities"`
	Missing   map[string]string                `json:"missing,omitempty"` // sections that could not be read, and why
	Sections  map[string]snapshotSectionHeader `json:"sections"`
}

type storedFinding struct {
	Answer string `json:"answer"`
	Why    string `json:"why,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

type snapshotSectionHeader struct {
	Offset int64 `json:"offset"` // from the end of the header
	Size   int64 `json:"size"`   // packed
	Raw    int64 `json:"raw"`    // unpacked
}

// WriteSnapshot writes what m offers to w, so that [ReadSnapshot] gives a Machine
// with the same answers anywhere. Only addresses, user binaries and loaded BPF
// programs are left out. It probes all abilities, which takes a second or so.
func (m *Machine) WriteSnapshot(w io.Writer) error {
	s := snapshotWriter{machine: m, header: snapshotHeader{
		Arch: m.Arch(), Release: m.Release(), Created: time.Now().UTC().Truncate(time.Second),
		Facts: m.Facts(), Missing: map[string]string{},
		Abilities: map[check.Ability]storedFinding{}, Sections: map[string]snapshotSectionHeader{},
	}}
	for _, a := range Abilities() {
		f := m.Ability(a.Name)
		s.header.Abilities[a.Name] = storedFinding{answerWord(f.Answer), f.Why, f.Hint}
	}
	if err := s.sections(); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	if _, err := w.Write(s.file()); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

func answerWord(a check.Answer) string {
	switch a {
	case check.Yes:
		return "yes"
	case check.No:
		return "no"
	}
	return "maybe"
}

func wordAnswer(s string) check.Answer {
	switch s {
	case "yes":
		return check.Yes
	case "no":
		return check.No
	}
	return check.Maybe
}

type snapshotWriter struct {
	machine *Machine
	header  snapshotHeader
	body    bytes.Buffer
}

// sections packs all that can be read. What cannot be is noted.
func (s *snapshotWriter) sections() error {
	src := s.machine.src
	for _, module := range append([]string{""}, src.btfModules()...) {
		raw, err := src.btf(module)
		if err := s.section("btf/"+moduleName(module), raw, err); err != nil {
			return err
		}
		if module != "" && err == nil {
			s.header.Modules = append(s.header.Modules, module)
		}
	}
	if err := s.formats(); err != nil {
		return err
	}
	text, err := src.functions()
	if err := s.section("functions", text, err); err != nil {
		return err
	}
	text, err = src.symbolNames()
	return s.section("symbols", text, err)
}

// formats packs the format files, those of a category together.
func (s *snapshotWriter) formats() error {
	events, err := s.machine.Events()
	if err := s.section("events", []byte(strings.Join(events, "\n")), err); err != nil {
		return err
	}
	var text bytes.Buffer
	for i, full := range events {
		category, name, _ := strings.Cut(full, ":")
		format, err := s.machine.src.format(category, name)
		if err != nil {
			continue // its module was unloaded meanwhile
		}
		fmt.Fprintf(&text, "event %s\n%s\n", name, bytes.TrimRight(format, "\n"))
		if i+1 < len(events) && strings.HasPrefix(events[i+1], category+":") {
			continue
		}
		if err := s.section("formats/"+category, text.Bytes(), nil); err != nil {
			return err
		}
		text.Reset()
	}
	return nil
}

func (s *snapshotWriter) section(name string, raw []byte, err error) error {
	if err != nil {
		s.header.Missing[name] = err.Error()
		return nil
	}
	start := s.body.Len()
	z := gzip.NewWriter(&s.body)
	if _, err := z.Write(raw); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	s.header.Sections[name] = snapshotSectionHeader{Offset: int64(start), Size: int64(s.body.Len() - start), Raw: int64(len(raw))}
	return nil
}

func (s *snapshotWriter) file() []byte {
	header, err := json.Marshal(&s.header)
	if err != nil {
		panic(err) // the header is made of plain values
	}
	file := append([]byte(nil), snapshotMagic...)
	file = binary.LittleEndian.AppendUint32(file, uint32(len(header)))
	return append(append(file, header...), s.body.Bytes()...)
}

// OpenSnapshot reads a file that WriteSnapshot wrote.
func OpenSnapshot(path string) (*Machine, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	defer f.Close()
	m, err := ReadSnapshot(f)
	if err != nil {
		return nil, fmt.Errorf("open snapshot %s: %w", path, err)
	}
	return m, nil
}

// ReadSnapshot reads what WriteSnapshot wrote.
func ReadSnapshot(r io.Reader) (*Machine, error) {
	file, err := io.ReadAll(io.LimitReader(r, maxSnapshotFile+1))
	if err != nil {
		return nil, err
	}
	s, err := parseSnapshot(file)
	if err != nil {
		return nil, err
	}
	return newMachine(s), nil
}

func parseSnapshot(file []byte) (*snapshot, error) {
	if len(file) > maxSnapshotFile {
		return nil, fmt.Errorf("%w: more than %d bytes", errSnapshot, maxSnapshotFile)
	}
	rest, ok := bytes.CutPrefix(file, []byte(snapshotMagic))
	if !ok || len(rest) < 4 {
		return nil, fmt.Errorf("%w: it does not begin with %q; write one with mcptrace info --snapshot FILE", errSnapshot, strings.TrimSpace(snapshotMagic))
	}
	size := int64(binary.LittleEndian.Uint32(rest))
	rest = rest[4:]
	if size > maxSnapshotHeader || size > int64(len(rest)) {
		return nil, fmt.Errorf("%w: a header of %d bytes", errSnapshot, size)
	}
	s := &snapshot{body: rest[size:], unpacked: map[string]*unpackedSection{}, formats: map[string]map[string][]byte{}}
	if err := json.Unmarshal(rest[:size], &s.header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", errSnapshot, err)
	}
	for name, h := range s.header.Sections {
		if h.Offset < 0 || h.Size < 0 || h.Raw < 0 || h.Raw > maxSnapshotSection || h.Offset > int64(len(s.body)) || h.Size > int64(len(s.body))-h.Offset {
			return nil, fmt.Errorf("%w: section %s lies outside the file", errSnapshot, name)
		}
	}
	sort.Strings(s.header.Modules)
	return s, nil
}

// snapshot is a stored machine as a source.
type snapshot struct {
	header snapshotHeader
	body   []byte

	mu       sync.Mutex
	unpacked map[string]*unpackedSection
	formats  map[string]map[string][]byte // category, event
}

type unpackedSection struct {
	once sync.Once
	raw  []byte
	err  error
}

// section unpacks a section, once. One that the snapshot lacks is a *Missing.
func (s *snapshot) section(name string) ([]byte, error) {
	s.mu.Lock()
	u := s.unpacked[name]
	if u == nil {
		u = &unpackedSection{}
		s.unpacked[name] = u
	}
	s.mu.Unlock()
	u.once.Do(func() { u.raw, u.err = s.unpack(name) })
	return u.raw, u.err
}

func (s *snapshot) unpack(name string) ([]byte, error) {
	h, ok := s.header.Sections[name]
	if !ok {
		err := refusal("the snapshot does not hold " + name)
		if why := s.header.Missing[name]; why != "" {
			err = refusal("the snapshot does not hold " + name + ": " + why)
		}
		return nil, &Missing{Ability: "snapshot", Hint: "write the snapshot again as root", Err: err}
	}
	z, err := gzip.NewReader(bytes.NewReader(s.body[h.Offset : h.Offset+h.Size]))
	if err != nil {
		return nil, fmt.Errorf("%w: section %s: %w", errSnapshot, name, err)
	}
	// The size is the file's claim: memory follows what is really there.
	var raw bytes.Buffer
	raw.Grow(int(min(h.Raw+1, 16<<20)))
	if _, err := io.Copy(&raw, io.LimitReader(z, h.Raw+1)); err != nil {
		return nil, fmt.Errorf("%w: section %s: %w", errSnapshot, name, err)
	}
	if int64(raw.Len()) != h.Raw {
		return nil, fmt.Errorf("%w: section %s has not the %d bytes that it should", errSnapshot, name, h.Raw)
	}
	return raw.Bytes(), nil
}

func (s *snapshot) describe() string {
	version, _, _ := strings.Cut(s.header.Release, "-")
	return "Linux " + version + " (" + s.header.Arch + ", snapshot of " + s.header.Created.Format(time.DateOnly) + ")"
}

func (s *snapshot) arch() string                 { return s.header.Arch }
func (s *snapshot) release() string              { return s.header.Release }
func (s *snapshot) btfModules() []string         { return s.header.Modules }
func (s *snapshot) events() ([]byte, error)      { return s.section("events") }
func (s *snapshot) functions() ([]byte, error)   { return s.section("functions") }
func (s *snapshot) symbolNames() ([]byte, error) { return s.section("symbols") }
func (s *snapshot) user() *userFiles             { return nil }
func (s *snapshot) close() error                 { return nil }

func (s *snapshot) btf(module string) ([]byte, error) {
	return s.section("btf/" + moduleName(module))
}

func (s *snapshot) format(category, event string) ([]byte, error) {
	if _, ok := s.header.Sections["events"]; !ok {
		return s.section("events") // the reason why there are none
	}
	notFound := fmt.Errorf("tracepoint %s:%s: %w", category, event, check.ErrNotFound)
	if _, ok := s.header.Sections["formats/"+category]; !ok {
		return nil, notFound
	}
	text, err := s.section("formats/" + category)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.formats[category]
	if events == nil {
		events = splitFormats(text)
		s.formats[category] = events
	}
	format, ok := events[event]
	if !ok {
		return nil, notFound
	}
	return format, nil
}

// splitFormats finds the format files in a section of them.
func splitFormats(text []byte) map[string][]byte {
	events := map[string][]byte{}
	mark := []byte("event ")
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		name, ok := bytes.CutPrefix(line, mark)
		if !ok {
			text = rest
			continue
		}
		end := bytes.Index(rest, []byte("\nevent "))
		if end < 0 {
			end = len(rest)
		}
		events[string(name)] = rest[:end]
		text = rest[min(end+1, len(rest)):]
	}
	return events
}

// symbol knows names, not addresses: those change with every boot.
func (s *snapshot) symbol(name string) (uint64, error) {
	names, err := s.symbolNames()
	if err != nil {
		return 0, err
	}
	if !hasLine(string(names), name) {
		return 0, fmt.Errorf("kernel symbol %s: %w", name, check.ErrNotFound)
	}
	return 0, fmt.Errorf("address of %s on another machine: %w", name, check.ErrUnknown)
}

// hasLine reports whether text has a line that is name.
func hasLine(text, name string) bool {
	if name == "" || strings.Contains(name, "\n") {
		return false
	}
	return strings.HasPrefix(text, name+"\n") || strings.Contains(text, "\n"+name+"\n")
}

func (s *snapshot) program(_ uint32, name string) (*loadedProgram, error) {
	return nil, fmt.Errorf("BPF program %s on another machine: %w", name, check.ErrUnknown)
}

func (s *snapshot) probe(a check.Ability) Finding {
	f, ok := s.header.Abilities[a]
	if !ok {
		return Finding{Answer: check.Maybe, Why: "the snapshot does not say"}
	}
	return Finding{Answer: wordAnswer(f.Answer), Why: f.Why, Hint: f.Hint}
}

func (s *snapshot) facts() *Facts {
	if s.header.Facts == nil {
		return &Facts{Release: s.header.Release, Arch: s.header.Arch}
	}
	f := *s.header.Facts
	return &f
}
