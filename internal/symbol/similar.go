package symbol

import (
	"cmp"
	"slices"
	"strings"
)

// maxSimilar is how many names an error offers.
const maxSimilar = 4

// maxCompared bounds how many names are compared with a wrong one.
const maxCompared = 400_000

func (b *Binary) noFunction(t *table, name string) error {
	e := &NotFoundError{Kind: "function", Name: name, Binary: b.path}
	base, _ := splitVersion(name)
	s := similarTo(base)
	for i := range t.syms[:min(len(t.syms), maxCompared)] {
		s.add(t.name(&t.syms[i]))
	}
	e.Similar = s.best()
	e.Hint = b.symbolHint(len(t.syms))
	return e
}

func (b *Binary) noCPPFunction(pattern string) error {
	e := &NotFoundError{Kind: "C++ function", Name: pattern, Binary: b.path}
	t, err := b.table()
	if err != nil {
		return err
	}
	s := similarTo(pattern)
	var d demangler
	for i := range t.syms[:min(len(t.syms), maxCompared)] {
		if full, ok := d.demangle(t.name(&t.syms[i])); ok {
			s.add(withoutParameters(full))
		}
	}
	e.Similar = s.best()
	e.Hint = b.symbolHint(len(t.syms))
	return e
}

// symbolHint says what to do about a binary with few or no symbols.
func (b *Binary) symbolHint(n int) string {
	debug := b.debug()
	switch {
	case debug.Section(".symtab") != nil:
		return ""
	case n == 0:
		return "it has no symbols: install its debug symbols or probe an address (uprobe:BIN:0xADDRESS)"
	case b.goTab() != nil:
		return ""
	}
	return "it is stripped to its exported functions: others need its debug symbols"
}

// A similar collects the names that are closest to a wrong one.
type similar struct {
	want, folded string
	limit        int
	found        []scored
}

type scored struct {
	name  string
	score int
}

func similarTo(want string) *similar {
	folded := strings.ToLower(strings.TrimLeft(want, "_"))
	return &similar{want: want, folded: folded, limit: min(3, 1+len(folded)/4)}
}

func (s *similar) add(name string) {
	if score, ok := s.score(name); ok {
		s.found = append(s.found, scored{name, score})
	}
	if len(s.found) > 4096 {
		s.prune()
	}
}

// score tells how far name is from the wanted one: the wanted one in another
// spelling or as part of a qualified or cloned name, or a few letters off.
func (s *similar) score(name string) (int, bool) {
	if s.folded == "" {
		return 0, false
	}
	folded := strings.ToLower(strings.TrimLeft(name, "_"))
	switch {
	case folded == s.folded:
		return 0, true
	case strings.HasPrefix(folded, s.folded+"."), strings.HasSuffix(folded, "."+s.folded), strings.HasSuffix(folded, "::"+s.folded):
		return 1, true
	case strings.HasPrefix(name, "_Z") && strings.Contains(folded, s.folded) && isLastPart(s.want, name):
		return 1, true
	}
	if d := editDistance(folded, s.folded, s.limit); d <= s.limit {
		return 1 + d, true
	}
	if len(s.folded) >= 4 && strings.HasPrefix(folded, s.folded) {
		return 6, true
	}
	return 0, false
}

// isLastPart reports whether want is what a mangled function is called, with or
// without the namespaces around it.
func isLastPart(want, mangled string) bool {
	var d demangler
	full, ok := d.demangle(mangled)
	short := withoutParameters(full)
	return ok && (short == want || strings.HasSuffix(short, "::"+want))
}

func (s *similar) prune() {
	slices.SortFunc(s.found, func(a, b scored) int {
		return cmp.Or(cmp.Compare(a.score, b.score), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	s.found = slices.Compact(s.found)
	s.found = s.found[:min(len(s.found), maxSimilar)]
}

func (s *similar) best() []string {
	s.prune()
	var names []string
	for _, f := range s.found {
		names = append(names, f.name)
	}
	return names
}

// editDistance returns the number of letters to insert, delete, replace or swap
// that turn a into b; something above limit when there are more.
func editDistance(a, b string, limit int) int {
	const longest = 64
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > longest || len(b) > longest {
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
