package sidebyside

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// script is one program with its workload and the rules of comparison. Settings
// before the first section of a file hold for all of its scripts.
//
//	== name of the script
//	workload: open 6 read 3      commands of testdata/workload.c; none when absent
//	args: 5 text                 positional parameters after $1, which is the workload's pid
//	run: 300ms                   let it run so long when there is no workload and it does not exit by itself
//	signal: USR1                 send this to the tracer before it is stopped
//	ends                         the program ends by itself
//	sort                         compare lines without their order
//	drop: REGEXP                 leave out lines that match, on both sides
//	mask: REGEXP                 replace what matches by <>, on both sides
//	expect: REGEXP               must match the whole of what mcptrace prints
//	differs: REASON              only run it; bpftrace prints something else for this reason
//	needs: kprobe /sys/x btf:f   skip without these abilities, files, functions of the kernel
//	--
//	program text; {workload} is its path, {watched} the address of its variable
type script struct {
	name, workload, program string
	args, needs             []string
	run, signal, differs    string
	sorted, ends            bool
	drop, mask, expect      []*regexp.Regexp
}

// load reads all scripts of a file.
func load(path string) (kind string, scripts []script, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	kind = strings.TrimSuffix(filepath.Base(path), ".txt")
	sections := strings.Split("\n"+string(b), "\n== ")
	for _, section := range sections[1:] {
		s, err := parse(section, sections[0])
		if err != nil {
			return kind, nil, fmt.Errorf("%s: %s: %w", path, s.name, err)
		}
		scripts = append(scripts, s)
	}
	return kind, scripts, nil
}

// parse reads one section, without its "== ", after the settings of its file.
func parse(section, common string) (s script, err error) {
	head, program, ok := strings.Cut(section, "\n--\n")
	if !ok {
		return s, fmt.Errorf("no line -- before the program")
	}
	lines := strings.Split(head, "\n")
	s.name, s.program = lines[0], program
	for _, line := range slices.Concat(strings.Split(common, "\n"), lines[1:]) {
		if err := s.setting(line); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *script) setting(line string) (err error) {
	if strings.HasPrefix(line, "#") {
		return nil
	}
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	var res *[]*regexp.Regexp
	switch key {
	case "":
	case "workload":
		s.workload = value
	case "args":
		s.args = strings.Fields(value)
	case "needs":
		s.needs = append(s.needs, strings.Fields(value)...)
	case "run":
		s.run = value
	case "signal":
		s.signal = value
	case "differs":
		s.differs = value
	case "sort":
		s.sorted = true
	case "ends":
		s.ends = true
	case "drop":
		res = &s.drop
	case "mask":
		res = &s.mask
	case "expect":
		res = &s.expect
	default:
		err = fmt.Errorf("unknown setting %q", line)
	}
	if res != nil {
		var re *regexp.Regexp
		re, err = regexp.Compile("(?m)" + value)
		*res = append(*res, re)
	}
	return err
}

// normal makes two outputs comparable by the rules of the script.
func (s *script) normal(out string, pid int) []string {
	var lines []string
	self := regexp.MustCompile(fmt.Sprintf(`\b%d\b`, pid))
	for line := range strings.Lines(out) {
		line = strings.TrimRight(line, " \n")
		if slices.ContainsFunc(s.drop, func(re *regexp.Regexp) bool { return re.MatchString(line) }) {
			continue
		}
		if pid > 0 {
			line = self.ReplaceAllString(line, "PID")
		}
		for _, re := range s.mask {
			line = re.ReplaceAllString(line, "<>")
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	if s.sorted {
		slices.Sort(lines)
	}
	return sortTies(lines)
}

// sortTies puts neighbouring entries of a map that have the same value in order,
// since their order is that of a hash table.
func sortTies(lines []string) []string {
	value := func(i int) string {
		at := strings.LastIndex(lines[i], "]: ")
		if !strings.HasPrefix(lines[i], "@") || at < 0 {
			return fmt.Sprint("line ", i)
		}
		return lines[i][:strings.IndexByte(lines[i], '[')] + lines[i][at:]
	}
	for i := 0; i < len(lines); {
		j := i + 1
		for j < len(lines) && value(j) == value(i) {
			j++
		}
		slices.Sort(lines[i:j])
		i = j
	}
	return lines
}
