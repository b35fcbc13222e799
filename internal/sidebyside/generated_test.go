package sidebyside

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/internal/progen"
)

// TestGenerated runs generated programs of one begin probe with both and
// compares what they print. MCPTRACE_GENERATED says how many, 5 without it;
// MCPTRACE_SEED is the first seed, 1 without it. Programs that bpftrace cannot
// run are counted and left out.
func TestGenerated(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("tracing needs root")
	}
	use := prepare(t)
	if use.bpftrace == nil {
		t.Skip(use.version)
	}
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	agree, refused, apart, first := 0, 0, 0, number("MCPTRACE_SEED", 1)
	count := number("MCPTRACE_GENERATED", 5)
	for seed := first; seed < first+count; seed++ {
		text := progen.Generate(uint64(seed), progen.Options{BeginOnly: true}).Text
		if incomparable.MatchString(text) {
			apart++
			continue
		}
		theirs, err := runOnce(append(slices.Clone(use.bpftrace), "--unsafe", "-e", text))
		if err != nil {
			refused++
			continue
		}
		ours, err := runOnce([]string{use.mcptrace, "run", "--unsafe", "-e", text})
		if err != nil || !slices.Equal(ours, theirs) {
			t.Errorf("seed %d: %v\n%s\nmcptrace:\n%s\nbpftrace:\n%s", seed, err, text, strings.Join(ours, "\n"), strings.Join(theirs, "\n"))
			continue
		}
		agree++
	}
	t.Logf("%d of %d programs agree; bpftrace cannot run %d, %d cannot be compared", agree, count, refused, apart)
	if agree == 0 {
		t.Error("nothing was compared")
	}
}

// incomparable are functions that give something else on purpose: system writes
// from another process at a time of its own; strerror has the words of the
// kernel's headers in bpftrace and those of strerror(3) here; bpftrace's strstr
// gives -2, not -1, when the text to find is the longer one.
var incomparable = regexp.MustCompile(`\b(system|strerror|strstr)\(`)

// runOnce runs a tracer until its program exits and returns its lines, entries
// of a map with equal values in order.
func runOnce(command []string) ([]string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).Output()
	return (&script{}).normal(string(out), 0), err
}
