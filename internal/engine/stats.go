package engine

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/internal/compile"
)

// Stats reads the counters of the run.
func (r *run) Stats() Stats {
	s := Stats{Events: r.counters.events.Load(), Bytes: r.counters.bytes.Load(), ExitCode: r.exitCode(), Exited: r.exited()}
	if !r.use() {
		return s
	}
	defer r.using.RUnlock()
	if r.events != nil {
		s.RingBytes = uint64(r.events.entries)
	}
	for _, m := range r.maps {
		s.MapBytes += mapMemory(m.fd)
	}
	for _, p := range r.programs {
		if info, ok := progInfo(p.fd); ok {
			s.BPFTime += time.Duration(info.runTime)
			s.BPFRuns += info.runs
		}
	}
	r.readSlots(&s)
	return s
}

// readSlots fills in what the programs count themselves.
func (r *run) readSlots(s *Stats) {
	if r.loss == nil {
		return
	}
	totals, err := r.lost.read(r.loss)
	if err != nil {
		return
	}
	probes := map[string]int{}
	for i, slot := range r.obj.Losses {
		if i >= len(totals) {
			break
		}
		switch slot.Kind {
		case compile.Fired, compile.Passed:
			name := allNames(slot)
			at, ok := probes[name]
			if !ok {
				at = len(s.Probes)
				probes[name] = at
				s.Probes = append(s.Probes, ProbeStats{Name: name})
			}
			if slot.Kind == compile.Fired {
				s.Probes[at].Fired += totals[i]
			} else {
				s.Probes[at].Passed += totals[i]
			}
		default:
			if totals[i] > 0 {
				s.Losses = append(s.Losses, Loss{Kind: lossKind(slot.Kind), Where: lossPlace(slot), Count: totals[i]})
			}
		}
	}
	for i := range s.Probes {
		if !r.hasPassed(s.Probes[i].Name) {
			s.Probes[i].Passed = s.Probes[i].Fired
		}
	}
}

// hasPassed reports whether a probe counts its predicate apart.
func (r *run) hasPassed(name string) bool {
	for _, slot := range r.obj.Losses {
		if slot.Kind == compile.Passed && allNames(slot) == name {
			return true
		}
	}
	return false
}

func allNames(slot *compile.LossSlot) string {
	if slot.Probe == nil {
		return ""
	}
	names := make([]string, len(slot.Probe.AttachPoints))
	for i, ap := range slot.Probe.AttachPoints {
		names[i] = ap.Name
	}
	return strings.Join(names, ",")
}

func lossPlace(slot *compile.LossSlot) string {
	if slot.Kind == compile.LossMapFull && slot.Map != nil {
		return slot.Map.Name
	}
	return probeNames(slot.Probe)
}

// progInfoHead is struct bpf_prog_info up to the fields that are read
// (include/uapi/linux/bpf.h).
type progInfoHead struct {
	progType, id         uint32
	tag                  [8]byte
	jited, xlated        uint32
	jitedPtr, xlatedPtr  uint64
	loadTime             uint64
	createdBy, mapIDs    uint32
	mapIDsPtr            uint64
	name                 [16]byte
	ifindex, gpl         uint32
	netnsDev, netnsIno   uint64
	nrKsyms, nrFuncLens  uint32
	ksyms, funcLens      uint64
	btfID, funcInfoSize  uint32
	funcInfo             uint64
	nrFuncInfo, nrLine   uint32
	lineInfo, jitedLine  uint64
	nrJitedLine, lineRec uint32
	jitedLineRec, nrTags uint32
	tags                 uint64
	runTime, runs        uint64
	misses               uint64
	verified, attachBTF  uint32
}

func progInfo(fd int) (progInfoHead, bool) {
	var info progInfoHead
	_, err := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, &objInfoAttr{fd: uint32(fd), size: uint32(unsafe.Sizeof(info)), info: unsafe.Pointer(&info)})
	return info, err == nil
}

// mapMemory reads what the kernel says that a map takes.
func mapMemory(fd int) uint64 {
	f, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	if err != nil {
		return 0
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "memlock:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
			return n
		}
	}
	return 0
}
