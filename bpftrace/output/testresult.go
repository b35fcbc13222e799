package output

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// The colours of test results are there whether or not a terminal reads them.
const (
	green = "\x1b[32m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

func (e *TextEncoder) appendTest(dst []byte, t *TestResult) []byte {
	if index(t.All, t.Name) == 0 {
		e.failed = nil
		dst = append(dst, green+"[==========]"+plain+" Running "...)
		dst = strconv.AppendInt(dst, int64(max(len(t.All), 1)), 10)
		dst = append(dst, " tests.\n"...)
	}
	dst = appendLine(dst, green+"[ RUN      ]"+plain+" ", t.Name)
	if t.Passed {
		dst = append(dst, green+"[       OK ]"+plain+" "...)
	} else {
		e.failed = append(e.failed, t.Name)
		dst = appendFilledLines(dst, t.Output)
		dst = append(dst, red+"[  FAILED  ]"+plain+" "...)
	}
	dst = append(dst, t.Name...)
	unit, scale := durationUnit(t.Duration)
	dst = append(dst, " ("...)
	dst = strconv.AppendInt(dst, int64(t.Duration/scale), 10)
	dst = appendLine(dst, " ", unit+")")
	if index(t.All, t.Name) >= len(t.All)-1 {
		dst = e.appendTestSummary(dst, max(len(t.All), 1))
	}
	return dst
}

func (e *TextEncoder) appendTestSummary(dst []byte, total int) []byte {
	dst = appendLine(dst, green+"[==========]"+plain+" ", countTests(total)+" ran.")
	dst = appendLine(dst, green+"[  PASSED  ]"+plain+" ", countTests(total-len(e.failed))+".")
	if len(e.failed) == 0 {
		return dst
	}
	dst = appendLine(dst, red+"[  FAILED  ]"+plain+" ", countTests(len(e.failed))+", listed below:")
	for _, name := range e.failed {
		dst = appendLine(dst, red+"[  FAILED  ]"+plain+" ", name)
	}
	return dst
}

func countTests(n int) string {
	if n == 1 {
		return "1 test"
	}
	return strconv.Itoa(n) + " tests"
}

// durationUnit returns the unit to print d in, and its length. (bpftrace prints
// the length in nanoseconds instead of the duration.)
func durationUnit(d time.Duration) (string, time.Duration) {
	switch {
	case d >= time.Second:
		return "s", time.Second
	case d >= time.Millisecond:
		return "ms", time.Millisecond
	case d >= time.Microsecond:
		return "μs", time.Microsecond
	}
	return "ns", 1
}

func appendBench(dst []byte, b *BenchResult) []byte {
	const minName, timeWidth = 40, 15
	width := max(minName, len(b.Name))
	for _, name := range b.All {
		width = max(width, len(name))
	}
	width++
	if index(b.All, b.Name) == 0 {
		dst = appendPadded(dst, "Benchmark", -width)
		dst = appendPadded(dst, "Time(ns)", -timeWidth)
		dst = append(dst, "Iterations\n"...)
		dst = appendLine(dst, "", strings.Repeat("-", width+timeWidth+len("Iterations")))
	}
	dst = appendPadded(dst, b.Name, -width)
	dst = appendPadded(dst, strconv.FormatInt(int64(b.Average), 10), -timeWidth)
	dst = strconv.AppendUint(dst, b.Iters, 10)
	return append(dst, '\n')
}

// index returns the place of a result among all, 0 if they are unknown.
func index(all []string, name string) int {
	return max(slices.Index(all, name), 0)
}

func appendLine(dst []byte, head, rest string) []byte {
	dst = append(dst, head...)
	dst = append(dst, rest...)
	return append(dst, '\n')
}

func appendFilledLines(dst []byte, text string) []byte {
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" {
			dst = appendLine(dst, "", line)
		}
	}
	return dst
}
