package symbol

import "strings"

// Match reports whether name matches a bpftrace wildcard pattern, in which "*"
// stands for any run of characters and everything else for itself.
func Match(pattern, name string) bool {
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], next
	}
}

// HasWildcard reports whether pattern contains a bpftrace wildcard.
func HasWildcard(pattern string) bool { return strings.Contains(pattern, "*") }
