package kernel

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

const (
	maxSuggestions = 5
	maxSuggestLen  = 64 // of a wrong name; longer ones are compared by their start
)

// nameList is the names of one kind as one text, so that a hundred thousand of
// them are one allocation.
type nameList struct {
	text string // names, each followed by \n
}

// Suggest returns existing names close to a missing one: a few letters off, or
// with the same words. Best first.
func (m *Machine) Suggest(of check.SuggestKind, name string) []string {
	list := m.namesFor(of)
	s := newSuggestion(name)
	for line := range strings.Lines(list.text) {
		s.add(strings.TrimSuffix(line, "\n"))
	}
	return s.best()
}

// closest is Suggest among names.
func closest(names []string, name string) []string {
	s := newSuggestion(name)
	for _, n := range names {
		s.add(n)
	}
	return s.best()
}

// namesFor returns the names of a kind, gathered on first use.
func (m *Machine) namesFor(of check.SuggestKind) *nameList {
	m.mu.Lock()
	list := m.words[of]
	m.mu.Unlock()
	if list != nil {
		return list
	}
	list = &nameList{m.gather(of)}
	m.mu.Lock()
	m.words[of] = list
	m.mu.Unlock()
	return list
}

func (m *Machine) gather(of check.SuggestKind) string {
	var b strings.Builder
	add := func(prefix string, name []byte) {
		b.WriteString(prefix)
		b.Write(name)
		b.WriteByte('\n')
	}
	switch of {
	case check.SuggestTracepoint:
		names, _ := m.Events()
		return strings.Join(names, "\n")
	case check.SuggestFunction, check.SuggestSymbol:
		if x, err := m.functions(); err == nil {
			return x.text
		}
	case check.SuggestRawTracepoint:
		_ = m.types.each(func(b *btf) bool {
			for _, name := range b.names(1<<btfTypedef, "btf_trace_") {
				add("", []byte(name))
			}
			return true
		})
	case check.SuggestType:
		for tag, kinds := range map[string]uint32{"struct ": 1 << btfStruct, "union ": 1 << btfUnion, "enum ": enumKinds, "": 1<<btfTypedef | 1<<btfInt} {
			_ = m.types.each(func(b *btf) bool {
				b.each(kinds, func(_, name uint32) { add(tag, b.bytes(name)) })
				return true
			})
		}
	case check.SuggestEnumConst:
		_ = m.types.each(func(b *btf) bool {
			b.enumOnce.Do(b.indexEnumerators)
			for _, e := range b.enumNames.entries {
				add("", b.bytes(e.name))
			}
			return true
		})
	}
	return b.String()
}

// suggestion collects the names closest to a wrong one.
type suggestion struct {
	want    string
	letters uint64
	words   []string
	limit   int
	found   []suggested
}

type suggested struct {
	name  string
	score int // lower is closer
}

func newSuggestion(want string) *suggestion {
	want = strings.ToLower(want)
	want = want[:min(len(want), maxSuggestLen)]
	return &suggestion{want: want, letters: letterSet(want), words: wordsOf(want), limit: min(4, 1+len(want)/4)}
}

// wordsOf splits a name into the words that its author joined, short ones left
// out.
func wordsOf(name string) []string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == ':' || r == ' ' || r == '.' || r == '-' })
	return slices.DeleteFunc(parts, func(w string) bool { return len(w) < 2 || w == "struct" || w == "enum" || w == "union" })
}

// letterSet is the set of letters and digits of s.
func letterSet(s string) uint64 {
	var set uint64
	for i := range len(s) {
		set |= 1 << (s[i] & 63)
	}
	return set
}

func (s *suggestion) add(name string) {
	score, ok := s.score(name)
	if !ok {
		return
	}
	if s.found = append(s.found, suggested{name, score}); len(s.found) >= 1024 {
		s.prune()
	}
}

// score tells how far a name is from the wanted one.
func (s *suggestion) score(name string) (int, bool) {
	if strings.EqualFold(name, s.want) {
		return 0, true
	}
	if diff := len(name) - len(s.want); diff <= s.limit && -diff <= s.limit {
		lower := strings.ToLower(name)
		// Every edit changes at most two letters of the set.
		if countBits(letterSet(lower)^s.letters) <= 2*s.limit {
			if d := editDistance(lower, s.want, s.limit); d <= s.limit {
				return 10 * d, true
			}
		}
	}
	if len(s.words) == 0 || !s.hasWords(name) {
		return 0, false
	}
	return 25 + max(0, len(name)-len(s.want)), true
}

// hasWords reports whether name contains all the wanted words.
func (s *suggestion) hasWords(name string) bool {
	for _, w := range s.words {
		if !strings.Contains(name, w) {
			return false
		}
	}
	return true
}

func countBits(v uint64) int {
	n := 0
	for ; v != 0; v &= v - 1 {
		n++
	}
	return n
}

func (s *suggestion) prune() {
	slices.SortFunc(s.found, func(a, b suggested) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	s.found = slices.CompactFunc(s.found, func(a, b suggested) bool { return a.name == b.name })
	s.found = s.found[:min(len(s.found), maxSuggestions)]
}

func (s *suggestion) best() []string {
	s.prune()
	var names []string
	for _, f := range s.found {
		names = append(names, f.name)
	}
	return names
}

// editDistance returns the number of letters to insert, delete, replace or swap
// that turn a into b, or more than limit.
func editDistance(a, b string, limit int) int {
	const longest = maxSuggestLen + 4
	if len(a) > longest || len(b) > longest {
		return limit + 1
	}
	var rows [3][longest + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
			least = min(least, row[j+1])
		}
		if least > limit {
			return limit + 1
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
