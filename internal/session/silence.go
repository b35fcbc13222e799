package session

import (
	"fmt"
	"strings"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/engine"
)

// Codes of the notices that a session adds at the end of a run.
const (
	NoticeNeverFired  = "probe-never-fired"
	NoticeNeverPassed = "predicate-never-held"
	NoticeSilent      = "no-output"
)

// silence explains why a run printed nothing, or why none of the probes that
// wait for something to happen ever saw it.
func (s *Session) silence() []*output.Notice {
	stats := s.run.Stats()
	s.mu.Lock()
	spoke := s.spoke
	for _, n := range s.notices {
		if n.Code == NoticeNeverFired || n.Code == NoticeNeverPassed { // the engine has said it
			s.mu.Unlock()
			return nil
		}
	}
	s.mu.Unlock()
	never, filtered, waiting := idle(stats.Probes)
	if spoke && len(never)+len(filtered) < waiting {
		return nil
	}
	var list []*output.Notice
	if len(never) > 0 {
		list = append(list, notice(NoticeNeverFired, "%s never fired while the program ran", listing(never)))
	}
	if len(filtered) > 0 {
		list = append(list, notice(NoticeNeverPassed, "%s fired, but the predicate never held", listing(filtered)))
	}
	if !spoke && len(list) == 0 && waiting > 0 {
		list = append(list, notice(NoticeSilent, "the program printed nothing, though its probes fired"))
	}
	return list
}

// idle sorts the probes that wait for something to happen.
func idle(probes []engine.ProbeStats) (never, filtered []string, waiting int) {
	for _, p := range probes {
		if !waits(p.Name) {
			continue
		}
		waiting++
		switch {
		case p.Fired == 0:
			never = append(never, p.Name)
		case p.Passed == 0:
			filtered = append(filtered, fmt.Sprintf("%s (%d times)", p.Name, p.Fired))
		}
	}
	return never, filtered, waiting
}

// waits reports whether a probe depends on what the system does, unlike begin,
// end and clocks.
func waits(name string) bool {
	kind, _, _ := strings.Cut(name, ":")
	switch strings.ToLower(kind) {
	case "begin", "end", "interval", "i", "profile", "p", "self", "test", "bench":
		return false
	}
	return true
}

func notice(code, format string, args ...any) *output.Notice {
	return &output.Notice{Level: output.LevelInfo, Code: code, Text: fmt.Sprintf(format, args...)}
}

// listing joins names for a message, the first five of them.
func listing(names []string) string {
	if len(names) > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}
