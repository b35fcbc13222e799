package engine

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// BenchmarkStart loads a program with a map and runs begin. It attaches to no
// tracepoint: attaching again to one that was just left waits for all CPUs.
func BenchmarkStart(b *testing.B) {
	needBPF(b)
	n := native(b)
	o := newObject()
	o.add(compile.RunBegin, ebpf.RawTracepoint, begin(), "begin", o.countByComm("@"))
	for b.Loop() {
		r, err := n.Start(b.Context(), o.Object, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkDrain reads records that a program wrote; the ring buffer is filled
// while the clock stands.
func BenchmarkDrain(b *testing.B) {
	needBPF(b)
	o := newObject()
	o.add(compile.RunEnd, ebpf.RawTracepoint, end(), "end", o.send(&compile.Action{Kind: compile.ActPrintf, Format: "hello %d\n"}, 12345, 1))
	r, err := native(b).Start(b.Context(), o.Object, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Next(b.Context()); err != nil { // attached
		b.Fatal(err)
	}
	fill := r.(*run).programs[0]
	enc := output.NewTextEncoder(io.Discard, io.Discard, nil)
	b.SetBytes(16)
	b.ReportAllocs()
	left := 0
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			for left = 0; left < 4096; left++ {
				if _, err := testRun(fill); err != nil {
					b.Fatal(err)
				}
			}
			b.StartTimer()
		}
		left--
		ev, err := r.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := enc.Encode(ev); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadMap reads a per-CPU map of counts by an integer.
func BenchmarkReadMap(b *testing.B) {
	needBPF(b)
	for _, entries := range []int{4096, 65536} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			word8 := &check.Type{Kind: check.Int, Size: 8}
			count := &check.Type{Kind: check.Count, Size: 8}
			o := newObject()
			m := &compile.Map{
				Name: "@", Role: compile.RoleUser, PerCPU: true, User: &check.Map{Name: "@", Key: word8, Value: count},
				Spec: &ebpf.MapSpec{Type: ebpf.PerCPUHash, KeySize: 8, ValueSize: 8, MaxEntries: uint32(entries), Flags: unix.BPF_F_NO_PREALLOC},
				Key:  compile.LayoutOf(word8, 0), Value: compile.LayoutOf(count, 0),
			}
			o.Maps = append(o.Maps, m)
			r, err := native(b).Start(b.Context(), o.Object, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			live := r.(*run).byMap[m]
			for i := range entries {
				key := binary.NativeEndian.AppendUint64(nil, uint64(i))
				value := make([]byte, live.valueBytes())
				binary.NativeEndian.PutUint64(value, uint64(i))
				if err := live.update(key, value); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				events, err := r.ReadMaps()
				if err != nil || len(events[0].(*output.MapDump).Entries) != entries {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkFormat formats a record of five arguments without making values.
func BenchmarkFormat(b *testing.B) {
	o := newObject()
	str := &check.Type{Kind: check.String, Size: 16}
	i32, u64 := &check.Type{Kind: check.Int, Size: 4, Signed: true}, &check.Type{Kind: check.Int, Size: 8}
	a := &compile.Action{Kind: compile.ActPrintf, Format: "%-16s %6d %lu %x %s\n"}
	size := compile.RecordHeader
	for _, t := range []*check.Type{str, i32, u64, u64, str} {
		a.Args = append(a.Args, compile.LayoutOf(t, size))
		size += compile.SizeOf(t)
	}
	a.Size = size
	o.Actions = append(o.Actions, a)
	r := newRun(&Native{}, o.Object, &Options{})
	defer r.Close()
	r.waiter = &waiter{wakeFD: -1}
	rec := make([]byte, size)
	copy(rec[a.Args[0].Offset:], "mcptrace")
	copy(rec[a.Args[4].Offset:], "/etc/passwd")
	binary.NativeEndian.PutUint32(rec[a.Args[1].Offset:], 4711)
	b.ReportAllocs()
	for b.Loop() {
		if r.reader.handle(r, rec) == nil {
			b.Fatal("no event")
		}
	}
}
