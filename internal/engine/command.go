package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is the command of -c. It is started held: a shell waits for a byte on a
// pipe before it becomes the command, so that every probe sees the command from
// its execve on, without ptrace.
type child struct {
	cmd   *exec.Cmd
	gate  *os.File // closing or writing it lets the child go
	pidfd int
	dead  bool
}

// holdScript waits for a line on descriptor 3 and becomes the command. When the
// pipe closes without one, mcptrace has gone and so does the child.
const holdScript = `read -r go <&3 || exit 127; exec 3<&-; exec "$@"`

// holdCommand starts the command of Options held.
func (r *run) holdCommand() error {
	if strings.TrimSpace(r.opts.Command) == "" {
		return nil
	}
	words, err := splitWords(r.opts.Command)
	if err != nil {
		return fmt.Errorf("start %q: %w", r.opts.Command, err)
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return fmt.Errorf("start %q: path '%s' does not exist or is not executable", r.opts.Command, words[0])
	}
	gateRead, gate, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start %q: %w", r.opts.Command, err)
	}
	defer gateRead.Close()
	pidfd := -1
	cmd := exec.Command("/bin/sh", append([]string{"-c", holdScript, "sh", path}, words[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{gateRead}
	cmd.SysProcAttr = &syscall.SysProcAttr{PidFD: &pidfd}
	if err := cmd.Start(); err != nil {
		gate.Close()
		return fmt.Errorf("start %q: %w", r.opts.Command, err)
	}
	r.child = &child{cmd: cmd, gate: gate, pidfd: pidfd}
	return nil
}

func (r *run) childPID() int {
	if r.child == nil {
		return 0
	}
	return r.child.cmd.Process.Pid
}

func (r *run) childFD() int {
	if r.child == nil {
		return -1
	}
	return r.child.pidfd
}

// releaseCommand lets the command go.
func (r *run) releaseCommand() error {
	if r.child == nil {
		return nil
	}
	defer r.child.gate.Close()
	if _, err := r.child.gate.WriteString("go\n"); err != nil {
		return fmt.Errorf("start %q: %w", r.opts.Command, err)
	}
	return nil
}

// ended reports whether the command has ended. It stays a zombie until kill, so
// that its number is not given to another process.
func (c *child) ended() bool {
	if c == nil {
		return false
	}
	if c.dead || c.pidfd < 0 {
		return c.dead
	}
	fds := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	c.dead = err == nil && n > 0
	return c.dead
}

// childGrace is how long the command may take to end after SIGTERM.
const childGrace = 500 * time.Millisecond

// kill ends the command if it still runs, and reaps it.
func (c *child) kill() error {
	if c == nil || c.cmd == nil {
		return nil
	}
	_ = c.gate.Close()
	if !c.ended() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		if !c.waitDead(childGrace) {
			_ = c.cmd.Process.Kill()
		}
	}
	err := c.cmd.Wait()
	_ = closeFD(c.pidfd)
	c.cmd, c.pidfd = nil, -1
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // how the command ended is not a fault of the run
	}
	return err
}

func (c *child) waitDead(limit time.Duration) bool {
	if c.pidfd < 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}
	for deadline := time.Now().Add(limit); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		if n, err := unix.Poll(fds, int(left.Milliseconds())+1); err == nil && n > 0 {
			return true
		}
	}
}

// splitWords splits a command as upstream does: at blanks, with quotes and
// backslashes, and without any other meaning of a shell.
func splitWords(s string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			inWord = true
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a %c is not closed", quote)
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("it is empty")
	}
	return words, nil
}
