package vmtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Job is a command of a guest, run by the program in guest.
type Job struct {
	Name    string
	Argv    []string
	Dir     string
	Env     []string
	Seconds int // after which it is killed
}

// environment of every job.
func environment(more ...string) []string {
	return append([]string{
		"PATH=/bin:/usr/bin:/sbin:/usr/sbin", "HOME=/tmp", "TMPDIR=/tmp", "TZ=UTC",
		"MCPTRACE_GUEST=1", "MCPTRACE_BINARY=/bin/mcptrace", "MCPTRACE_WORKLOAD=/bin/workload",
	}, more...)
}

// testJob runs tests of a binary that match run.
func testJob(name, binary, dir, run string, seconds int, env ...string) Job {
	argv := []string{binary, "-test.v=test2json", "-test.timeout=" + fmt.Sprint(seconds) + "s"}
	if run != "" {
		argv = append(argv, "-test.run="+run)
	}
	return Job{Name: name, Argv: argv, Dir: dir, Env: environment(env...), Seconds: seconds + 5}
}

// Image is what goes into an initramfs.
type Image struct {
	Init     string            // the program in guest, static
	Programs map[string]string // path in the guest -> path here; with their libraries
	Files    map[string]string // path in the guest -> path here
	Trees    map[string]string // directory in the guest -> directory here; written first
	Modules  string            // directory of kernel modules to load
	Jobs     []Job
}

// Write writes the initramfs to a file.
func (im *Image) Write(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriterSize(f, 1<<20)
	a := newArchive(buffered)
	if err := im.fill(a); err != nil {
		return fmt.Errorf("write initramfs: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func (im *Image) fill(a *archive) error {
	for at, from := range im.Trees {
		a.copyTree(at, from)
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/tmp", "/run", "/bin"} {
		if len(im.Trees) == 0 || dir != "/bin" { // a tree of a system has its own
			a.dir(dir)
		}
	}
	a.device("/dev/console", 5, 1)
	a.copyFile("/init", im.Init)
	for at, from := range im.Programs {
		a.program(at, from)
	}
	for at, from := range im.Files {
		a.copyFile(at, from)
	}
	modules, _ := filepath.Glob(filepath.Join(im.Modules, "*.ko"))
	for _, m := range modules {
		a.copyFile("/modules/"+filepath.Base(m), m)
	}
	jobs, err := json.MarshalIndent(im.Jobs, "", " ")
	if err != nil {
		return err
	}
	a.file("/jobs.json", 0o644, jobs)
	return a.close()
}
