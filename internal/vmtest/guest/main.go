// Command guest is /init of the virtual machines of internal/vmtest: it makes
// the machine usable, runs the jobs of /jobs.json one after the other, sends
// what they print to the second serial port, and ends the machine.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// job is one command; vmtest writes the list.
type job struct {
	Name    string
	Argv    []string
	Dir     string
	Env     []string
	Seconds int // after which it is killed
}

func main() {
	out, err := start()
	if err != nil {
		fmt.Println("guest:", err)
	}
	if out != nil {
		runAll(out)
		fmt.Fprintln(out, "@@end")
		out.Close()
	}
	time.Sleep(100 * time.Millisecond) // the emulated port has a queue
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// start mounts what programs expect and opens the way out.
func start() (*os.File, error) {
	mountAll()
	_ = os.Symlink("/proc/self/fd", "/dev/fd")
	for fd, name := range []string{"stdin", "stdout", "stderr"} {
		_ = os.Symlink(fmt.Sprintf("/proc/self/fd/%d", fd), "/dev/"+name)
	}
	_ = os.MkdirAll("/sys/fs/cgroup/system.slice", 0o755)
	_ = unix.Sethostname([]byte("guest"))
	loadModules()
	if err := up("lo"); err != nil {
		fmt.Println("guest: lo:", err)
	}
	_ = up("dummy0")
	return openStream()
}

func mountAll() {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"}, {"devpts", "/dev/pts"},
		{"tracefs", "/sys/kernel/tracing"}, {"debugfs", "/sys/kernel/debug"}, {"bpf", "/sys/fs/bpf"},
		{"cgroup2", "/sys/fs/cgroup"}, {"securityfs", "/sys/kernel/security"},
	} {
		_ = os.MkdirAll(m.at, 0o755)
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && m.kind != "devtmpfs" {
			fmt.Printf("guest: mount %s: %v\n", m.kind, err)
		}
	}
}

// openStream opens the port that the kernel's command line names and makes it
// pass bytes as they are.
func openStream() (*os.File, error) {
	path := os.Getenv("STREAM")
	if path == "" {
		path = "/dev/ttyS1"
	}
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return f, nil
	}
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	return f, unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}

// loadModules loads what is in /modules.
func loadModules() {
	files, _ := filepath.Glob("/modules/*.ko")
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
			fmt.Printf("guest: load %s: %v\n", path, err)
		}
		f.Close()
	}
}

// up switches a network interface on.
func up(name string) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
}

func runAll(out io.Writer) {
	var jobs []job
	text, err := os.ReadFile("/jobs.json")
	if err == nil {
		err = json.Unmarshal(text, &jobs)
	}
	if err != nil {
		fmt.Println("guest: jobs:", err)
	}
	for i := range jobs {
		fmt.Fprintf(out, "@@job %s\n", jobs[i].Name)
		began := time.Now()
		status := run(&jobs[i], out)
		fmt.Fprintf(out, "\n@@exit %s %d %d\n", jobs[i].Name, status, time.Since(began).Milliseconds())
	}
}

// run runs a job and returns its exit status, -1 when it was killed or did not start.
func run(j *job, out io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(j.Seconds)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, j.Argv[0], j.Argv[1:]...)
	cmd.Dir, cmd.Env = j.Dir, j.Env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); cmd.ProcessState == nil {
		fmt.Fprintln(out, err)
		return -1
	}
	return cmd.ProcessState.ExitCode()
}
