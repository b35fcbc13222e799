package vmtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// settings of the matrix, from the environment:
//
//	MCPTRACE_VM=DIR          kernels of script/fetch-kernels; without it nothing boots
//	MCPTRACE_VM_KERNELS=...  series to boot, comma separated, or none; all in DIR without it
//	MCPTRACE_VM_JOBS=REGEXP  only these jobs; demands are then not held
//	MCPTRACE_VM_RUN=REGEXP   only these tests of a job; likewise
//	MCPTRACE_VM_ORACLE=DIR   root of a bpftrace 0.24 or newer (slow): compares inside
type settings struct {
	dir, run, oracle string
	series           []string
	jobs             *regexp.Regexp
}

func readSettings(t *testing.T) *settings {
	s := &settings{dir: os.Getenv("MCPTRACE_VM"), run: os.Getenv("MCPTRACE_VM_RUN"), oracle: os.Getenv("MCPTRACE_VM_ORACLE")}
	if s.dir == "" {
		t.Skip("set MCPTRACE_VM to the directory that script/fetch-kernels filled")
	}
	switch list := os.Getenv("MCPTRACE_VM_KERNELS"); {
	case list == "none": // only write the document again
		return s
	case list != "":
		s.series = strings.Split(list, ",")
	default:
		found, _ := filepath.Glob(s.dir + "/*/vmlinuz")
		for _, f := range found {
			s.series = append(s.series, filepath.Base(filepath.Dir(f)))
		}
	}
	if len(s.series) == 0 {
		t.Skipf("no kernels in %s: run script/fetch-kernels %s", s.dir, s.dir)
	}
	s.jobs = regexp.MustCompile(os.Getenv("MCPTRACE_VM_JOBS"))
	if _, err := FindQEMU(""); err != nil {
		t.Skip(err)
	}
	return s
}

// whole reports that nothing is left out, so that demands can be held.
func (s *settings) whole() bool { return s.run == "" && s.jobs.String() == "" }

// TestMatrix boots every kernel and runs all jobs inside.
func TestMatrix(t *testing.T) {
	s := readSettings(t)
	b := build(t)
	for _, series := range s.series {
		t.Run(series, func(t *testing.T) { s.boot(t, b, series) })
	}
	if os.Getenv("MCPTRACE_UPDATE") != "" {
		writeCompatibility(t, s.dir)
	}
}

// built are the programs that go into guests.
type built struct{ init, mcptrace, sidebyside, inside, workload string }

func build(t *testing.T) *built {
	dir := t.TempDir()
	b := &built{dir + "/init", dir + "/mcptrace", dir + "/sidebyside.test", dir + "/inside.test", dir + "/workload"}
	for _, args := range [][]string{
		{"build", "-ldflags=-s -w", "-o", b.init, "./internal/vmtest/guest"},
		{"build", "-ldflags=-w", "-o", b.mcptrace, "./cmd/mcptrace"},
		{"test", "-c", "-trimpath", "-ldflags=-s -w", "-o", b.sidebyside, "./internal/sidebyside"},
		{"test", "-c", "-trimpath", "-ldflags=-s -w", "-o", b.inside, "./internal/vmtest/inside"},
	} {
		command(t, "go", args...)
	}
	command(t, "gcc", "-O1", "-g", "-fno-omit-frame-pointer", "-no-pie", "-pthread", "-o", b.workload, "internal/sidebyside/testdata/workload.c")
	return b
}

func command(t *testing.T, name string, args ...string) {
	cmd := exec.Command(name, args...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// image puts together the initramfs of a kernel.
func (s *settings) image(b *built, series string) *Image {
	im := &Image{
		Init: b.init, Modules: filepath.Join(s.dir, series, "modules"),
		Programs: map[string]string{
			"/bin/mcptrace": b.mcptrace, "/bin/sidebyside.test": b.sidebyside, "/bin/inside.test": b.inside,
			"/bin/workload": b.workload, "/bin/true": "/bin/true",
		},
		Trees: map[string]string{"/sidebyside/testdata": "../sidebyside/testdata"},
	}
	var env []string
	if s.oracle != "" {
		im.Trees["/oracle"] = s.oracle
		env = []string{"MCPTRACE_BPFTRACE=/oracle/usr/bin/bpftrace"}
	}
	for _, j := range []Job{
		testJob("inside", "/bin/inside.test", "/", s.run, 300, "MCPTRACE_SEEDS=100", "GOMEMLIMIT=400MiB"),
		testJob("scripts", "/bin/sidebyside.test", "/sidebyside", s.run, 600, env...),
	} {
		if s.jobs.MatchString(j.Name) {
			im.Jobs = append(im.Jobs, j)
		}
	}
	return im
}

// boot runs the jobs under one kernel and judges what came back.
func (s *settings) boot(t *testing.T, b *built, series string) {
	kernel := filepath.Join(s.dir, series)
	initrd := filepath.Join(t.TempDir(), "initrd")
	if err := s.image(b, series).Write(initrd); err != nil {
		t.Fatal(err)
	}
	g := &Guest{Kernel: kernel, Initrd: initrd, Timeout: 17 * time.Minute}
	if s.oracle != "" {
		g.MiB, g.Timeout = 3072, 40*time.Minute
	}
	got, err := g.Boot(context.Background())
	if got != nil {
		_ = os.WriteFile(filepath.Join(kernel, "stream"), []byte(got.Stream), 0o644)
		_ = os.WriteFile(filepath.Join(kernel, "console"), []byte(got.Console), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
	if got == nil {
		return
	}
	jobs, err := ParseStream(got.Stream)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", version(kernel), got.Time.Round(100*time.Millisecond))
	for i := range jobs {
		report(t, &jobs[i])
	}
	save(t, kernel, jobs)
	if s.whole() {
		hold(t, series, jobs)
	}
}

// report turns the outcomes of a guest into those of subtests.
func report(t *testing.T, j *JobResult) {
	n := map[string]int{}
	for i := range j.Tests {
		r := &j.Tests[i]
		if r.Parent {
			continue
		}
		n[r.Outcome]++
		switch r.Outcome {
		case "skip":
			t.Logf("skip %s %s: %s", j.Name, r.Name, oneLine(r.Log))
		case "fail", "":
			t.Errorf("%s %s failed:\n%s", j.Name, r.Name, r.Log)
		}
	}
	for i := range j.Tests {
		if r := &j.Tests[i]; r.Parent && r.Outcome == "fail" && strings.TrimSpace(r.Log) != "" {
			t.Logf("%s %s:\n%s", j.Name, r.Name, r.Log)
		}
	}
	t.Logf("job %s: %d passed, %d skipped, %d failed, status %d, %d ms", j.Name, n["pass"], n["skip"], n["fail"]+n[""], j.Status, j.Millis)
	if j.Aborted || j.Status != 0 && n["fail"]+n[""] == 0 || len(j.Tests) == 0 {
		t.Errorf("job %s ended badly (status %d):\n%s", j.Name, j.Status, tail(j.Output, 30))
	}
}

// logPrefix is "    file_test.go:12: ".
var logPrefix = regexp.MustCompile(`^\s*\S+_test\.go:\d+: `)

func oneLine(log string) string {
	return logPrefix.ReplaceAllString(strings.Join(strings.Fields(log), " "), "")
}

// releaseText is how messages name the running kernel.
var releaseText = regexp.MustCompile(`Linux \d+\.\d+\.\S+ on this machine`)

func version(kernel string) string {
	v, _ := os.ReadFile(filepath.Join(kernel, "version"))
	return strings.TrimSpace(string(v))
}

// hold fails for every demanded test that was skipped or did not run.
func hold(t *testing.T, series string, jobs []JobResult) {
	passed := map[string]int{}
	for i := range jobs {
		for _, r := range jobs[i].Tests {
			if r.Outcome == "pass" && !r.Parent {
				passed[r.Name]++
			}
		}
	}
	for _, d := range demands(series) {
		re := regexp.MustCompile("^(?:" + d.Tests + ")$")
		n := 0
		for name := range maps.Keys(passed) {
			if re.MatchString(name) {
				n++
			}
		}
		if n < d.Passed {
			t.Errorf("%s must pass %d tests %s, it passed %d", series, d.Passed, d.Tests, n)
		}
	}
}

// outcomeFile is what a run of the matrix keeps beside a kernel.
const outcomeFile = "outcome.json"

// kept is the content of an outcome file.
type kept struct {
	Version string
	Tests   map[string]TestResult
}

func save(t *testing.T, kernel string, jobs []JobResult) {
	k := kept{Tests: map[string]TestResult{}}
	if text, err := os.ReadFile(filepath.Join(kernel, outcomeFile)); err == nil {
		_ = json.Unmarshal(text, &k) // what did not run now keeps its outcome
	}
	if v := version(kernel); k.Version != v {
		k = kept{Version: v, Tests: map[string]TestResult{}}
	}
	for i := range jobs {
		for _, r := range jobs[i].Tests {
			k.Tests[r.Name] = r
		}
	}
	text, err := json.MarshalIndent(k, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(kernel, outcomeFile), text, 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}

// sortSeries orders kernels by their numbers; "newest" and other architectures last.
func sortSeries(list []string) {
	slices.SortFunc(list, func(a, b string) int { return strings.Compare(seriesKey(a), seriesKey(b)) })
}

func seriesKey(s string) string {
	var major, minor int
	if n, _ := fmt.Sscanf(s, "%d.%d", &major, &minor); n < 2 {
		return "~" + s
	}
	return fmt.Sprintf("%04d.%04d", major, minor)
}
