package engine

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// lossEvery is how often the counters of losses are looked at while running.
const lossEvery = time.Second

// lossBook remembers which losses were reported.
type lossBook struct {
	mu       sync.Mutex
	totals   []uint64 // by slot, as read last
	reported uint64   // of the ring buffer
	next     time.Time
	slots    []*compile.LossSlot
	told     map[int]bool // slots of full maps that were reported
}

// read sums the counters of all CPUs.
func (b *lossBook) read(m *bpfMap) ([]uint64, error) {
	totals := make([]uint64, 0, 8)
	key, value := make([]byte, 4), make([]byte, m.valueBytes())
	per := m.stride / compile.WordSize // counters in one entry
	if int(m.Spec.ValueSize) < m.stride {
		per = 1
	}
	for i := range m.entries {
		binary.NativeEndian.PutUint32(key, uint32(i))
		if err := m.lookup(key, value); err != nil {
			return nil, fmt.Errorf("read the counters of losses: %w", err)
		}
		for slot := range per {
			var n uint64
			for cpu := range m.cpus {
				n += word(value[cpu*m.stride+slot*compile.WordSize:])
			}
			totals = append(totals, n)
		}
	}
	b.mu.Lock()
	b.totals = totals
	b.mu.Unlock()
	return totals, nil
}

// full returns how often the kernel refused an update of m, as last read.
func (b *lossBook) full(m *compile.Map) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var n uint64
	for i, slot := range b.slots {
		if slot.Kind == compile.LossMapFull && slot.Map == m && i < len(b.totals) {
			n += b.totals[i]
		}
	}
	return n
}

// reportLosses queues what was lost since the last report: now and then while
// running only what the ring buffer had no room for, at the end everything. It
// reports whether it queued anything.
func (r *run) reportLosses(final bool) bool {
	if r.loss == nil {
		return false
	}
	now := time.Now()
	if !final && now.Before(r.lost.next) {
		return false
	}
	r.lost.next = now.Add(lossEvery)
	totals, err := r.lost.read(r.loss)
	if err != nil {
		return false
	}
	before := len(r.queue)
	r.reportRing(totals)
	r.reportFull(totals)
	if final {
		r.reportOthers(totals)
		r.reportSilent(totals)
	}
	return len(r.queue) > before
}

func (r *run) reportRing(totals []uint64) {
	var total uint64
	var detail []output.LossDetail
	for i, slot := range r.obj.Losses {
		if slot.Kind != compile.LossRing || i >= len(totals) || totals[i] == 0 {
			continue
		}
		total += totals[i]
		detail = append(detail, output.LossDetail{What: probeNames(slot.Probe), Events: totals[i]})
	}
	if total <= r.lost.reported {
		return
	}
	r.push(&output.Lost{Meta: r.meta(), Events: total - r.lost.reported, Total: total, Cause: output.LossRing, Detail: detail})
	r.lost.reported = total
}

// reportFull tells of each place in the program that first found its map full,
// as upstream does for every update.
func (r *run) reportFull(totals []uint64) {
	for i, slot := range r.obj.Losses {
		if slot.Kind != compile.LossMapFull || i >= len(totals) || totals[i] == 0 || r.lost.told[i] {
			continue
		}
		if r.lost.told == nil {
			r.lost.told = map[int]bool{}
		}
		r.lost.told[i] = true
		r.push(&output.HelperError{
			Meta: output.Meta{Probe: probeName(slot.Probe)}, Helper: "map_update_elem",
			Retcode: -int(unix.E2BIG), Text: errnoString(int(unix.E2BIG)), At: location(slot.Span),
		})
	}
}

// reportOthers queues the losses that are told once, at the end.
func (r *run) reportOthers(totals []uint64) {
	full := map[*compile.Map]uint64{}
	for i, slot := range r.obj.Losses {
		if i >= len(totals) || totals[i] == 0 {
			continue
		}
		switch slot.Kind {
		case compile.LossRing, compile.Fired, compile.Passed:
		case compile.LossMapFull:
			full[slot.Map] += totals[i]
		default:
			r.push(lossNotice(slot, totals[i]))
		}
	}
	for _, m := range r.sortedUser() {
		if n := full[m.Map]; n > 0 {
			r.push(&output.Lost{Meta: r.meta(), Events: n, Total: n, Cause: output.LossMap, Map: m.User.Name})
		}
	}
}

func lossNotice(slot *compile.LossSlot, n uint64) output.Event {
	text := ""
	switch slot.Kind {
	case compile.LossRead:
		text = fmt.Sprintf("%d times memory could not be read; the value was taken as 0", n)
	case compile.LossString:
		text = fmt.Sprintf("%d strings were cut because they were longer than max_strlen", n)
	case compile.LossStack:
		text = fmt.Sprintf("%d stacks could not be walked", n)
	case compile.LossHelper:
		text = fmt.Sprintf("%s failed %d times", slot.What, n)
	}
	return &output.Notice{
		Meta: output.Meta{Probe: probeName(slot.Probe)}, Level: output.LevelWarning,
		Code: "loss-" + lossKind(slot.Kind), Text: text + ".", At: location(slot.Span),
	}
}

// lossKind is the word for a kind of loss in Stats and in notices.
func lossKind(k compile.LossKind) string {
	return map[compile.LossKind]string{
		compile.LossRing: "ring", compile.LossMapFull: "map-full", compile.LossRead: "read",
		compile.LossString: "string", compile.LossStack: "stack", compile.LossHelper: "helper",
	}[k]
}

// reportSilent names the probes that never fired when the program printed
// nothing: a run that stays silent should say why.
func (r *run) reportSilent(totals []uint64) {
	if r.counters.events.Load() > 0 || r.anyEntries() {
		return
	}
	for i, slot := range r.obj.Losses {
		if slot.Kind != compile.Fired || i >= len(totals) || totals[i] > 0 || slot.Probe == nil {
			continue
		}
		r.push(&output.Notice{
			Level: output.LevelInfo, Code: "probe-never-fired", Meta: output.Meta{Probe: probeName(slot.Probe)},
			Text: fmt.Sprintf("%s never fired.", probeNames(slot.Probe)),
		})
	}
}

// anyEntries reports whether a map that is queued to be printed holds anything.
func (r *run) anyEntries() bool {
	for _, ev := range r.queue {
		if dump, ok := ev.(*output.MapDump); ok && len(dump.Entries) > 0 {
			return true
		}
	}
	return false
}

// probeNames joins the attach points of a probe, the first few of them.
func probeNames(p *check.Probe) string {
	if p == nil {
		return ""
	}
	const few = 3
	out := ""
	for i, ap := range p.AttachPoints {
		if i == few {
			return fmt.Sprintf("%s and %d more", out, len(p.AttachPoints)-few)
		}
		if i > 0 {
			out += ","
		}
		out += ap.Name
	}
	return out
}
