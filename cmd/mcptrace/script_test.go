package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "mcptrace-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // for tests as another user
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "mcptrace")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	if err := os.Chmod(binary, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// Scripts of testdata/script run the built binary. Each line is a command:
//
//	[root] [tracing]        skip the script unless the ability is there
//	run ARGS...             run mcptrace; quotes as in a shell
//	nobody ARGS...          the same as uid 65534 without capabilities
//	stdin NAME              what the next run reads: a file of the script
//	big NAME SIZE TEXT      make a file of SIZE bytes of TEXT
//	junk NAME SIZE          make a file of SIZE arbitrary bytes
//	status N                exit status of the last run
//	stdout RE, stderr RE    what it printed matches; with ! in front: does not
//	within D                it took less
//
// Files follow as in txtar: "-- name --" and the text.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/script/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{t: t, path: path, dir: t.TempDir()}
			s.run(string(data))
		})
	}
}

// script is one script that runs.
type script struct {
	t      *testing.T
	path   string
	dir    string
	line   int
	stdin  string
	ran    bool
	status int
	stdout string
	stderr string
	took   time.Duration
}

func (s *script) run(text string) {
	lines := s.unpack(strings.Split(text, "\n"))
	for i, line := range lines {
		s.line = i + 1
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			s.demand(strings.Trim(line, "[]"))
			continue
		}
		words, err := split(line)
		if err != nil {
			s.fatalf("%v", err)
		}
		not := words[0] == "!"
		if not {
			words = words[1:]
		}
		s.command(words, not)
	}
}

// unpack writes the files of a script and returns its commands.
func (s *script) unpack(lines []string) []string {
	header := regexp.MustCompile(`^-- (\S+) --$`)
	commands := len(lines)
	name, start := "", 0
	flush := func(end int) {
		if name != "" {
			s.write(name, []byte(strings.Join(lines[start:end], "\n")))
		}
	}
	for i, line := range lines {
		m := header.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		commands = min(commands, i)
		flush(i)
		name, start = m[1], i+1
	}
	flush(len(lines))
	return lines[:commands]
}

func (s *script) write(name string, data []byte) {
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o644); err != nil {
		s.fatalf("%v", err)
	}
}

func (s *script) fatalf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("%s:%d: %s\nstatus %d\nstdout: %s\nstderr: %s", s.path, s.line, fmt.Sprintf(format, args...), s.status, clip(s.stdout), clip(s.stderr))
}

func clip(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "..."
	}
	return s
}

func (s *script) demand(ability string) {
	if why := lacks(ability); why != "" {
		if strings.Contains(os.Getenv("MCPTRACE_REQUIRE"), ability) {
			s.fatalf("MCPTRACE_REQUIRE asks for %s: %s", ability, why)
		}
		s.t.Skipf("%s: %s", ability, why)
	}
}

// lacks probes an ability by using it; it returns why it is not there.
func lacks(ability string) string {
	switch ability {
	case "root":
		if os.Getuid() != 0 {
			return "not root"
		}
	case "tracing":
		out, err := exec.Command(binary, "run", "-q", "-e", "tracepoint:raw_syscalls:sys_enter { exit() }").CombinedOutput()
		if err != nil {
			return fmt.Sprintf("a tracepoint cannot be traced here: %v: %s", err, clip(string(out)))
		}
	default:
		return "no such ability in this test"
	}
	return ""
}

func (s *script) command(words []string, not bool) {
	args := words[1:]
	switch words[0] {
	case "run":
		s.exec(args, nil)
	case "nobody":
		s.exec(args, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}})
	case "stdin":
		s.stdin = args[0]
	case "big":
		s.write(args[0], bytes.Repeat([]byte(args[2]), s.number(args[1])/len(args[2])))
	case "junk":
		s.write(args[0], junk(s.number(args[1])))
	case "status":
		if !s.ran || s.status != s.number(args[0]) {
			s.fatalf("want status %s", args[0])
		}
	case "stdout", "stderr":
		text := s.stdout
		if words[0] == "stderr" {
			text = s.stderr
		}
		if regexp.MustCompile("(?m)"+args[0]).MatchString(text) == not {
			s.fatalf("%s: %q, not %v", words[0], args[0], not)
		}
	case "within":
		d, err := time.ParseDuration(args[0])
		if err != nil || s.took >= d {
			s.fatalf("took %v, want less than %s (%v)", s.took, args[0], err)
		}
	default:
		s.fatalf("unknown command %q", words[0])
	}
}

func (s *script) number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		s.fatalf("%v", err)
	}
	return n
}

// junk are bytes that no text holds, the same in every run.
func junk(n int) []byte {
	b, x := make([]byte, n), uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func (s *script) exec(args []string, attr *syscall.SysProcAttr) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$DIR", s.dir)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.SysProcAttr, cmd.Dir = attr, s.dir
	if attr != nil {
		cmd.Dir = "/" // another user cannot enter the test's directory
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if s.stdin != "" {
		f, err := os.Open(filepath.Join(s.dir, s.stdin))
		if err != nil {
			s.fatalf("%v", err)
		}
		defer f.Close()
		cmd.Stdin = f
		s.stdin = ""
	}
	begin := time.Now()
	err := cmd.Run()
	s.took, s.ran = time.Since(begin), true
	s.stdout, s.stderr, s.status = stdout.String(), stderr.String(), 0
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		s.status = exit.ExitCode()
	} else if err != nil {
		s.fatalf("run: %v", err)
	}
}

// split takes a line apart as a shell does, without expansions.
func split(line string) (words []string, err error) {
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t':
			if open || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("unclosed %c", quote)
	}
	if open || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words, nil
}
