// Command agree asks mcptrace and the bpftrace binary about the same programs
// and prints where one accepts what the other rejects.
//
//	go run ./script/agree -mcptrace ./mcptrace -bpftrace /path/to/bpftrace [-mutants 200] FILE.bt|FILE.jsonl|FILE.txt|DIR ...
//
// Programs come from .bt files, from JSON lines with a field "prog", from the
// text files of our tests (see eachText), and from directories of all these.
// Besides each program, mutants are asked: a token of a
// program removed, doubled, swapped or replaced by one from another program,
// chosen by a fixed seed, so that two runs ask the same. Programs whose probes
// this kernel cannot serve at all are left out and counted.
//
// bpftrace runs in a mount namespace of its own with tracefs mounted, since it
// needs that even where the host has none; it needs root. The exit status is 0
// unless something could not be run.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	mcptrace := flag.String("mcptrace", "./mcptrace", "mcptrace binary")
	bpftrace := flag.String("bpftrace", "bpftrace", "bpftrace binary")
	mutants := flag.Int("mutants", 200, "mutants to ask besides the programs")
	seed := flag.Uint64("seed", 1, "seed of the mutants")
	workload := flag.String("workload", "", "built internal/sidebyside/testdata/workload.c; programs that name it are left out without")
	flag.Parse()
	programs, left := collect(flag.Args(), *workload)
	if len(programs) == 0 {
		fmt.Fprintln(os.Stderr, "agree: no programs: name .bt files, directories or .jsonl files")
		os.Exit(2)
	}
	fmt.Printf("%d programs, %d left out (kprobe, fentry, hardware or watchpoint, or no workload)\n", len(programs), left)
	ask := func(kind string, list []string) { compare(kind, list, *mcptrace, *bpftrace) }
	ask("programs", programs)
	ask("mutants", mutate(programs, *mutants, *seed))
}

// unservable matches probes that a kernel without kprobes and trampolines
// cannot attach, so that bpftrace's verdict would say nothing about the language.
var unservable = regexp.MustCompile(`(?i)\b(kprobe|kretprobe|fentry|fexit|kfunc|kretfunc|k|kr|f|fr|hardware|h|watchpoint|w|asyncwatchpoint|aw):[^ ]`)

// collect reads all programs, without duplicates, in order.
func collect(args []string, workload string) (programs []string, left int) {
	seen := map[string]bool{}
	add := func(text string) {
		if workload != "" {
			text = strings.ReplaceAll(text, "{workload}", workload)
		}
		switch {
		case strings.Contains(text, "{workload}"):
			left++
		case text == "" || seen[text]:
		case unservable.MatchString(text):
			left++
		default:
			seen[text] = true
			programs = append(programs, text)
		}
	}
	for _, arg := range args {
		if err := each(arg, add); err != nil {
			fmt.Fprintln(os.Stderr, "agree:", err)
			os.Exit(2)
		}
	}
	return programs, left
}

// each calls add for every program in a file or below a directory.
func each(path string, add func(string)) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".bt":
			b, err := os.ReadFile(path)
			add(string(b))
			return err
		case ".jsonl":
			return eachLine(path, add)
		case ".txt":
			b, err := os.ReadFile(path)
			eachText(string(b), add)
			return err
		}
		return nil
	})
}

func eachLine(path string, add func(string)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var rec struct {
			Prog   string
			Unsafe bool
			Params []any
		}
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(rec.Params) == 0 {
			add(rec.Prog)
		}
	}
	return lines.Err()
}

// eachText takes programs from the text files of our tests. Those are either
// sections "== name" or "=== name", with the program after "--" (side by side)
// or before "---" (syntax), or one program a line, with comments after '#'.
func eachText(text string, add func(string)) {
	switch {
	case strings.HasPrefix(text, "=== ") || strings.Contains(text, "\n=== "):
		for _, section := range strings.Split("\n"+text, "\n=== ")[1:] {
			program, _, _ := strings.Cut(section, "\n---")
			_, program, _ = strings.Cut(program, "\n")
			add(strings.TrimSpace(program))
		}
	case strings.Contains(text, "\n--\n"):
		for _, section := range strings.Split("\n"+text, "\n== ")[1:] {
			_, program, _ := strings.Cut(section, "\n--\n")
			add(strings.TrimSpace(program))
		}
	default:
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				add(line)
			}
		}
	}
}

// token splits a program into pieces whose removal or exchange makes an
// interesting mutant: words, numbers, strings, operators, white space.
var token = regexp.MustCompile(`[@$]?[A-Za-z_]\w*|\d\w*|"(?:[^"\\\n]|\\.)*"|//[^\n]*|/\*(?s:.*?)\*/|\s+|[-+*/%&|^<>=!]=?|.`)

// mutate makes n mutants of the programs.
func mutate(programs []string, n int, seed uint64) []string {
	r := rand.New(rand.NewPCG(seed, 0))
	pieces := make([][]string, len(programs))
	for i, p := range programs {
		pieces[i] = token.FindAllString(p, -1)
	}
	out := make([]string, 0, n)
	for len(out) < n {
		own := append([]string(nil), pieces[r.IntN(len(pieces))]...)
		i := word(r, own)
		switch r.IntN(4) {
		case 0:
			own[i] = ""
		case 1:
			own[i] += " " + own[i]
		case 2:
			j := word(r, own)
			own[i], own[j] = own[j], own[i]
		case 3:
			other := pieces[r.IntN(len(pieces))]
			own[i] = other[word(r, other)]
		}
		if text := strings.Join(own, ""); !unservable.MatchString(text) {
			out = append(out, text)
		}
	}
	return out
}

// word picks a piece that is neither white space nor a comment.
func word(r *rand.Rand, pieces []string) int {
	for range 1000 {
		i := r.IntN(len(pieces))
		if s := pieces[i]; strings.TrimSpace(s) != "" && !strings.HasPrefix(s, "//") && !strings.HasPrefix(s, "/*") {
			return i
		}
	}
	return 0
}

// compare asks both about every program and prints the disagreements.
func compare(kind string, list []string, mcptrace, bpftrace string) {
	agree := 0
	for _, text := range list {
		ours, oursSays := verdict(mcptrace, "check", "--unsafe", "-e", text)
		theirs, theirsSays := verdict("unshare", "-m", "--propagation", "private", "sh", "-c",
			`mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec "$@"`, "sh", bpftrace, "--unsafe", "--dry-run", "-e", text)
		if ours == theirs {
			agree++
			continue
		}
		fmt.Printf("DISAGREE mcptrace %s, bpftrace %s: %q\n    mcptrace: %s\n    bpftrace: %s\n", ours, theirs, clip(text, 300), oursSays, theirsSays)
	}
	fmt.Printf("%s: %d of %d agree\n", kind, agree, len(list))
}

// verdict runs a checker and returns what it decided and its first error line.
func verdict(name string, args ...string) (decision, says string) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	says = firstError(text.String())
	switch code := cmd.ProcessState; {
	case ctx.Err() != nil:
		return "timed out", says
	case err == nil:
		return "accepts", says
	case code != nil && code.ExitCode() == 1:
		return "rejects", says
	case code != nil && code.ExitCode() == 255:
		return "rejects", says
	}
	return "broke: " + err.Error(), says
}

func firstError(text string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "ERROR") {
			return clip(strings.TrimSpace(line), 200)
		}
	}
	return ""
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
