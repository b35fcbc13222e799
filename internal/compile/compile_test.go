package compile

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
)

func TestLayout(t *testing.T) {
	int8s := &check.Type{Kind: check.Int, Size: 1, Signed: true}
	text := &check.Type{Kind: check.String, Size: 5}
	tuple := &check.Type{Kind: check.Tuple, Fields: []check.Field{{Type: int8s}, {Type: text}, {Type: &check.Type{Kind: check.Avg}}}}
	tests := []struct {
		t    *check.Type
		size int
	}{
		{nil, 0},
		{int8s, 8},
		{text, 8},
		{&check.Type{Kind: check.String, Size: 9}, 16},
		{&check.Type{Kind: check.Buffer, Size: 4}, 8},
		{&check.Type{Kind: check.Buffer, Size: 5}, 16},
		{&check.Type{Kind: check.Array, Size: 12}, 16},
		{&check.Type{Kind: check.Inet}, InetSize},
		{&check.Type{Kind: check.KStack}, StackRefSize},
		{&check.Type{Kind: check.Avg}, 16},
		{tuple, 24}, // an aggregation inside a tuple is a number
		{&check.Type{Kind: check.Hist}, 8 * output.Log2Buckets(0)},
		{&check.Type{Kind: check.LHist, Agg: check.AggParams{Max: 10, Step: 2}}, 8 * 7},
		{&check.Type{Kind: check.TSeries, Agg: check.AggParams{Intervals: 3}}, 3 * SeriesSlot},
	}
	for _, tt := range tests {
		if got := SizeOf(tt.t); got != tt.size {
			t.Errorf("SizeOf(%v) = %d, want %d", tt.t, got, tt.size)
		}
	}
	l := LayoutOf(tuple, 16)
	for i, want := range []int{16, 24, 32} {
		if l.Parts[i].Offset != want {
			t.Errorf("part %d lies at %d, want %d", i, l.Parts[i].Offset, want)
		}
	}
}

// TestDeterministic compiles a program twice and compares every byte.
func TestDeterministic(t *testing.T) {
	target := requireHost(t)
	const text = `begin { @a[comm, pid] = count(); @b = hist(5); } interval:s:1 { for ($kv : @a) { print($kv); } print(@b); }`
	var images [2][]byte
	for i := range images {
		obj, err := compileText(text, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		images[i] = image(t, obj)
	}
	if !bytes.Equal(images[0], images[1]) {
		t.Error("two compilations of one program differ")
	}
}

func image(t *testing.T, obj *Object) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, m := range obj.Maps {
		b.WriteString(m.Name + m.Spec.String() + "\n")
	}
	for _, p := range obj.Programs {
		b.WriteString(p.Name)
		if err := p.Insns.Marshal(&b, binary.LittleEndian); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// TestLines looks that every instruction leads back to the text.
func TestLines(t *testing.T) {
	obj, err := compileText("begin { $a = pid;\n  while ($a > 3) { $a--; printf(\"%d\\n\", $a); } }", requireHost(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := obj.Programs[0]
	if len(p.Lines) == 0 || p.Lines[0].Insn != 0 {
		t.Fatalf("the lines begin with %+v", p.Lines)
	}
	last := -1
	seen := map[int]bool{}
	for _, l := range p.Lines {
		if l.Insn <= last || l.Insn >= len(p.Insns) || !l.Span.IsValid() {
			t.Errorf("line %+v after instruction %d of %d", l, last, len(p.Insns))
		}
		last = l.Insn
		line, _ := l.Span.Src.Position(int(l.Span.Start))
		seen[line] = true
	}
	if !seen[1] || !seen[2] {
		t.Errorf("lines of the text that instructions come from: %v", seen)
	}
}

// old is a target without some abilities.
type old struct {
	check.Target
	lacks map[check.Ability]bool
}

func (o old) Has(a check.Ability) check.Answer {
	if o.lacks[a] {
		return check.No
	}
	return o.Target.Has(a)
}

// TestMissingAbility compiles for kernels that lack what a program needs: the
// diagnostic names it, and the verifier is never asked.
func TestMissingAbility(t *testing.T) {
	host := requireHost(t)
	tests := []struct {
		lacks check.Ability
		text  string
	}{
		{check.AbilityLoop, "begin { $n = pid; for ($i : 0..$n) { print($i); } }"},
		{check.AbilityForEachMapElem, "begin { @a[1] = 1; for ($kv : @a) { print($kv); } }"},
		{check.AbilityMapLookupPercpuElem, "begin { @a = count(); $x = (int64)@a; print($x); }"},
		{check.AbilityDPath, "iter:task_file { print(path(ctx.file.f_path)); }"},
	}
	for _, tt := range tests {
		_, err := compileText(tt.text, old{host, map[check.Ability]bool{tt.lacks: true}}, nil)
		if err == nil || !strings.Contains(err.Error(), string(tt.lacks)) {
			t.Errorf("without %s: %s: %v", tt.lacks, tt.text, err)
		}
	}
}

// TestWithoutTypedPointers compiles programs for a kernel that has neither typed
// tracepoints nor a typed current task.
func TestWithoutTypedPointers(t *testing.T) {
	requireBPF(t)
	target := old{requireHost(t), map[check.Ability]bool{
		check.AbilityTpBTF: true, check.AbilityCurrentTaskBTF: true, check.AbilityUprobeMulti: true, check.AbilityKtimeTai: true,
	}}
	for _, text := range []string{
		"tracepoint:syscalls:sys_enter_openat { @[comm, str(args.filename)] = count(); }",
		"profile:hz:99 { @[curtask.real_parent.comm] = count(); @k[kstack] = count(); }",
		"rawtracepoint:sched_switch { @[args.prev.comm] = count(); print(nsecs(tai)); }",
	} {
		obj, err := compileText(text, target, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, p := range obj.Programs {
			if p.Type == ebpf.Tracing {
				t.Errorf("%s: %s is a typed program", text, p.Name)
			}
		}
		l, err := load(obj)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		l.close()
	}
}

// TestHistBuckets runs the bucket code over values at every boundary and compares
// the map with the numbering that the readers use.
func TestHistBuckets(t *testing.T) {
	requireBPF(t)
	for bits := range output.MaxHistBits + 1 {
		values := []int64{-5, -1, 0, 1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 63, 64, 1000, 1 << 20, 1<<32 - 1, 1 << 32, 1 << 62, 1<<63 - 1}
		var b strings.Builder
		b.WriteString("begin { ")
		for i, v := range values {
			b.WriteString("$v = (int64)" + itoa64(v) + "; @m" + itoa64(int64(i)) + " = hist($v, " + itoa64(int64(bits)) + "); ")
		}
		b.WriteString("}")
		l, _ := runOnce(t, b.String())
		for i, v := range values {
			var cpus [][]byte
			if err := l.maps["@m"+itoa64(int64(i))].Lookup(uint32(0), &cpus); err != nil {
				t.Fatal(err)
			}
			want := output.Log2Bucket(v, uint(bits))
			for bucket := range output.Log2Buckets(uint(bits)) {
				var n uint64
				for _, c := range cpus {
					n += binary.NativeEndian.Uint64(c[8*bucket:])
				}
				if (n == 1) != (bucket == want) {
					t.Errorf("hist(%d, %d): bucket %d holds %d, want all in %d", v, bits, bucket, n, want)
				}
			}
		}
		l.close()
	}
}

func itoa64(v int64) string { return strconv.FormatInt(v, 10) }
