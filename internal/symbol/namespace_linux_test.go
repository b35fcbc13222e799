package symbol

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A process with another root directory, as in a container: its paths are not
// ours, and a file of ours under the same path is not meant.
func TestOtherRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for chroot")
	}
	program := compile(t, "gcc", "plain.c", "-static", "-g")
	waiter := compile(t, "gcc", "waiter.c", "-static", "-g", "-O1")
	root := t.TempDir()
	for name, from := range map[string]string{"opt/app": waiter, "usr/bin/tool": program} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("/usr/bin", filepath.Join(root, "bin"))
	cmd := exec.Command("/opt/app")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Unshareflags: syscall.CLONE_NEWNS}
	p := start(t, cmd)

	inside := procPath(p.pid, "root")
	for target, want := range map[string]string{
		"/opt/app": inside + "/opt/app", "/bin/tool": inside + "/usr/bin/tool", "tool": inside + "/usr/bin/tool",
	} {
		if got, err := ResolveBinary(target, p.pid); err != nil || got != want {
			t.Errorf("ResolveBinary(%q, %d) = %q, %v; want %q", target, p.pid, got, err, want)
		}
	}
	if got, err := ResolveBinary("/etc/passwd", p.pid); err == nil || strings.Contains(err.Error(), "ELF") {
		t.Errorf("a file of ours: %q, %v", got, err)
	}
	app, err := os.Stat(inside + "/opt/app")
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := ResolveBinary("*", p.pid)
	if st, statErr := os.Stat(mapped); err != nil || statErr != nil || !os.SameFile(st, app) {
		t.Errorf("what it runs is %q, %v", mapped, err)
	}
	s := NewSymbolizer(nil)
	defer s.Close()
	if f := s.UserLines(p.pid, p.addr["parked"]); f.Symbol != "parked" || !strings.HasSuffix(f.Module, "/opt/app") || filepath.Base(f.File) != "waiter.c" {
		t.Errorf("got %+v", f)
	}
}
