package kernel

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/mcptrace/mcptrace/internal/symbol"
)

// functionIndex holds the names of all traceable functions as one text, so that
// tens of thousands of them are searched at the speed of strings.Index.
type functionIndex struct {
	once sync.Once
	err  error

	text    string // lines: the functions of each module, sorted
	folded  string // text in lower case; ASCII, so offsets are the same
	modules []moduleSpan
	exact   bool // the kernel said which functions are traceable; else BTF's are taken
}

// moduleSpan says whose functions a part of the text holds.
type moduleSpan struct {
	name       string // "" for the kernel itself
	start, end int
}

// functions returns the index, built on first use from what ftrace knows, else
// from BTF.
func (m *Machine) functions() (*functionIndex, error) {
	x := &m.functionIndex
	x.once.Do(func() {
		names := map[string][]string{}
		if text, err := m.src.functions(); err == nil {
			x.exact = true
			eachTraceable(string(text), func(module, name string) { names[module] = append(names[module], name) })
		} else {
			x.err = m.types.each(func(b *btf) bool {
				names[b.module] = b.functionNames()
				return true
			})
		}
		x.build(names)
	})
	return x, x.err
}

// functionNames returns the names of all functions as parts of one string.
func (b *btf) functionNames() []string {
	var blob []byte
	var ends []int
	b.each(funcKinds, func(_, name uint32) {
		blob = append(blob, b.bytes(name)...)
		ends = append(ends, len(blob))
	})
	text := string(blob)
	names := make([]string, len(ends))
	start := 0
	for i, end := range ends {
		names[i], start = text[start:end], end
	}
	return names
}

func (x *functionIndex) build(names map[string][]string) {
	modules := make([]string, 0, len(names))
	for module := range names {
		modules = append(modules, module)
	}
	slices.Sort(modules)
	var text strings.Builder
	for _, module := range modules {
		list := names[module]
		slices.Sort(list)
		start := text.Len()
		for _, name := range slices.Compact(list) {
			text.WriteString(name)
			text.WriteByte('\n')
		}
		x.modules = append(x.modules, moduleSpan{module, start, text.Len()})
	}
	x.text = text.String()
	x.folded = string(bytes.ToLower([]byte(x.text)))
	if len(x.folded) != len(x.text) { // a name that is not ASCII
		x.folded = x.text
	}
}

// eachTraceable reads available_filter_functions: lines "name" or "name
// [module]".
func eachTraceable(text string, yield func(module, name string)) {
	for line := range strings.Lines(text) {
		name, module, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		module, _, _ = strings.Cut(strings.TrimPrefix(module, "["), "]")
		if name != "" && !strings.HasPrefix(name, "__ftrace_invalid_address__") {
			yield(module, name)
		}
	}
}

// has reports whether a function is in the index.
func (x *functionIndex) has(module, name string) bool {
	for _, m := range x.modules {
		if (module == "" || module == moduleName(m.name)) && hasLine(x.text[m.start:m.end], name) {
			return true
		}
	}
	return false
}

// count returns the number of functions.
func (x *functionIndex) count() int { return strings.Count(x.text, "\n") }

// search calls yield with the functions of the modules that match a pattern (""
// for all) whose name matches a pattern ("" for all) and contains all words.
func (x *functionIndex) search(module, pattern string, words []string, yield func(module, name string)) {
	literal := longestLiteral(pattern)
	for _, w := range words {
		if len(w) > len(literal) {
			literal = w
		}
	}
	for _, m := range x.modules {
		if module != "" && !symbol.Match(module, moduleName(m.name)) {
			continue
		}
		x.lines(m, literal, func(name, folded string) {
			if (pattern == "" || symbol.Match(pattern, name)) && containsAll(folded, words) {
				yield(m.name, name)
			}
		})
	}
}

// lines calls yield with the names of one module that contain the literal, in
// any case.
func (x *functionIndex) lines(m moduleSpan, literal string, yield func(name, folded string)) {
	for pos := m.start; pos < m.end; {
		i := strings.Index(x.folded[pos:m.end], literal)
		if i < 0 {
			return
		}
		start := strings.LastIndexByte(x.folded[pos:pos+i], '\n') + 1 + pos
		end := pos + i + strings.IndexByte(x.folded[pos+i:], '\n')
		yield(x.text[start:end], x.folded[start:end])
		pos = end + 1
	}
}

// longestLiteral returns the longest part of a pattern without wildcards, in
// lower case.
func longestLiteral(pattern string) string {
	parts := strings.Split(pattern, "*")
	return strings.ToLower(slices.MaxFunc(parts, func(a, b string) int { return cmp.Compare(len(a), len(b)) }))
}

func containsAll(s string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}
