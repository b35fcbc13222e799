package vmtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Guest is a machine to boot.
type Guest struct {
	Kernel  string // directory with vmlinuz, as script/fetch-kernels leaves it
	Arch    string // "amd64" or "arm64"; "" is amd64
	Initrd  string // file
	MiB     int    // memory; 0 means 1024
	Append  string // more of the kernel's command line
	Timeout time.Duration
}

// Booted is what a guest left.
type Booted struct {
	Stream  string // what the jobs printed
	Console string // what the kernel printed
	Time    time.Duration
}

// FindQEMU returns the emulator for an architecture.
func FindQEMU(arch string) (string, error) {
	name := "qemu-system-x86_64"
	if arch == "arm64" {
		name = "qemu-system-aarch64"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("no %s: script/fetch-kernels installs it as root", name)
	}
	return path, nil
}

// Boot runs a guest until it ends or its time is over. An error says that it did
// not come to its regular end, with the end of its console.
func (g *Guest) Boot(ctx context.Context) (*Booted, error) {
	qemu, err := FindQEMU(g.Arch)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vmtest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	limit := g.Timeout
	if limit == 0 {
		limit = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	console, stream := filepath.Join(dir, "console"), filepath.Join(dir, "stream")
	cmd := exec.CommandContext(ctx, qemu, g.args(console, stream)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	err = cmd.Run()
	b := &Booted{Time: time.Since(began)}
	b.Stream, b.Console = readAll(stream), readAll(console)
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("guest did not end within %s", limit)
	case err != nil:
		err = fmt.Errorf("run qemu: %w: %s", err, said.String())
	case !strings.Contains(b.Stream, "\n@@end"):
		err = fmt.Errorf("guest ended before its jobs did")
	default:
		return b, nil
	}
	return b, fmt.Errorf("%w\nend of its console:\n%s\nend of its stream:\n%s", err, tail(b.Console, 25), tail(b.Stream, 15))
}

func readAll(path string) string {
	b, _ := os.ReadFile(path)
	return strings.ReplaceAll(string(b), "\r", "")
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// args is the command line of QEMU: emulation only, one CPU, two serial ports,
// nothing else.
func (g *Guest) args(console, stream string) []string {
	memory := g.MiB
	if memory == 0 {
		memory = 1024
	}
	machine := []string{"-cpu", "max"}
	port, second := "ttyS0", "/dev/ttyS1"
	serial := []string{"-serial", "file:" + console, "-serial", "file:" + stream}
	if g.Arch == "arm64" {
		// This machine has one port that all kernels drive; the second is on PCI.
		machine = []string{"-M", "virt,gic-version=3", "-cpu", "cortex-a57"}
		port, second = "ttyAMA0", "/dev/ttyS0"
		serial = []string{"-serial", "file:" + console, "-chardev", "file,id=stream,path=" + stream, "-device", "pci-serial,chardev=stream"}
	}
	line := fmt.Sprintf("console=%s panic=-1 loglevel=4 STREAM=%s %s", port, second, g.Append)
	args := append([]string{"-accel", "tcg"}, machine...)
	args = append(args, "-m", fmt.Sprint(memory), "-smp", "1", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot")
	args = append(args, serial...)
	return append(args, "-kernel", filepath.Join(g.Kernel, "vmlinuz"), "-initrd", g.Initrd, "-append", strings.TrimSpace(line))
}
