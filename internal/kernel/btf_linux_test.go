package kernel

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// vmlinux returns this kernel's own types, or skips.
func vmlinux(t testing.TB) *typeSet {
	t.Helper()
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skipf("this kernel has no BTF: %v", err)
	}
	return newTypeSet(mapBTF, btfModules)
}

func field(t testing.TB, c *check.Type, name string) check.Field {
	t.Helper()
	for _, f := range c.Struct.Members() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("%s has no member %s", c.Name, name)
	return check.Field{}
}

func TestNamedOnThisKernel(t *testing.T) {
	s := vmlinux(t)
	task, err := s.named("struct", "task_struct")
	if err != nil {
		t.Fatal(err)
	}
	if task.Kind != check.Struct || task.Name != "struct task_struct" || task.Size < 1000 || task.BTF.ID == 0 {
		t.Errorf("struct task_struct = %+v", task)
	}
	comm := field(t, task, "comm")
	if comm.Type.Kind != check.String || comm.Type.Size != 16 {
		t.Errorf("comm = %+v", comm.Type)
	}
	pid := field(t, task, "pid")
	if pid.Type.Kind != check.Int || pid.Type.Size != 4 || !pid.Type.Signed || pid.Type.Name != "pid_t" {
		t.Errorf("pid = %+v", pid.Type)
	}
	parent := field(t, task, "real_parent")
	if parent.Type.Kind != check.Pointer || parent.Type.Elem.Struct != task.Struct {
		t.Errorf("real_parent = %+v", parent.Type)
	}
	for _, name := range []string{"unsigned long", "long unsigned int", "unsigned", "u64", "size_t", "unsigned char"} {
		u, err := s.named("", name)
		if err != nil || u.Kind != check.Int || u.Signed {
			t.Errorf("%s = %+v, %v", name, u, err)
		}
	}
	if _, err := s.named("struct", "no_such_struct"); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("no_such_struct: %v", err)
	}
}

// The bitfields of task_struct are found by where C puts them: inside a unit of
// their own type, in order.
func TestBitfieldsOnThisKernel(t *testing.T) {
	task, err := vmlinux(t).named("struct", "task_struct")
	if err != nil {
		t.Fatal(err)
	}
	f := field(t, task, "in_execve")
	if f.BitSize != 1 || f.BitOffset >= 32 || f.Offset%4 != 0 {
		t.Errorf("in_execve = %+v", f)
	}
	next := field(t, task, "in_iowait")
	if 8*next.Offset+next.BitOffset <= 8*f.Offset+f.BitOffset || next.BitSize != 1 {
		t.Errorf("in_iowait = %+v after %+v", next, f)
	}
}

func TestFunctionsOnThisKernel(t *testing.T) {
	s := vmlinux(t)
	params, result, err := s.function("", "vfs_read")
	if err != nil {
		t.Fatal(err)
	}
	if len(params) != 4 || params[0].Name != "file" || params[0].Type.Elem.Name != "struct file" {
		t.Errorf("vfs_read(%+v)", params)
	}
	if params[0].Type.Space != check.SpaceKernel || result == nil || result.Name != "ssize_t" || !result.Signed {
		t.Errorf("vfs_read: %+v returns %+v", params[0].Type, result)
	}
	if _, result, err := s.function("vmlinux", "wake_up_new_task"); err != nil || result != nil {
		t.Errorf("wake_up_new_task returns %+v, %v", result, err)
	}
	args, _, err := s.rawTracepoint("", "sched_switch")
	if err != nil || len(args) < 3 || args[1].Name != "prev" || args[2].Offset != 16 {
		t.Errorf("sched_switch(%+v), %v", args, err)
	}
	if _, _, err := s.rawTracepoint("", "nosuch"); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("nosuch: %v", err)
	}
}

func TestEnumeratorsOnThisKernel(t *testing.T) {
	s := vmlinux(t)
	v, typ, err := s.enumConst("PIDTYPE_SID")
	if err != nil || v != 3 || typ.Name != "enum pid_type" || len(typ.Enum.Values) < 4 {
		t.Errorf("PIDTYPE_SID = %d %+v, %v", v, typ, err)
	}
	// An enum of 64 bits.
	if v, typ, err := s.enumConst("BPF_F_INDEX_MASK"); err != nil || v != 0xffffffff || typ.Size != 8 {
		t.Errorf("BPF_F_INDEX_MASK = %d %+v, %v", v, typ, err)
	}
	if _, _, err := s.enumConst("NO_SUCH"); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("NO_SUCH: %v", err)
	}
}

func TestPercpuVarsOnThisKernel(t *testing.T) {
	s := vmlinux(t)
	b, err := s.btf("")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := b.lookup(".data..percpu", 1<<btfDatasec); !ok {
		t.Skip("the BTF of this kernel has no per-CPU section")
	}
	rq, err := s.percpuVar("runqueues")
	if err != nil || rq.Name != "struct rq" {
		t.Errorf("runqueues = %+v, %v", rq, err)
	}
	if _, err := s.percpuVar("nosuch"); !errors.Is(err, check.ErrNotFound) {
		t.Errorf("nosuch: %v", err)
	}
}

// Every type of this kernel converts, and every struct's members lie inside it.
func TestWholeKernelConverts(t *testing.T) {
	s := vmlinux(t)
	b, err := s.btf("")
	if err != nil {
		t.Fatal(err)
	}
	structs := 0
	for id := uint32(1); id < b.end(); id++ {
		typ := s.typ(b, id)
		if typ.Kind != check.Struct || typ.Struct.Load == nil {
			continue
		}
		structs++
		for _, f := range typ.Struct.Members() {
			if f.Type.Kind == check.Unknown && f.Type.Name == "" {
				t.Fatalf("%s.%s is unknown", typ.Name, f.Name)
			}
			if f.BitSize == 0 && f.Offset+f.Type.Size > typ.Size {
				t.Fatalf("%s.%s ends at %d of %d", typ.Name, f.Name, f.Offset+f.Type.Size, typ.Size)
			}
		}
	}
	if structs < 1000 {
		t.Errorf("%d structs", structs)
	}
}

// btfBuilder writes BTF for tests of what no kernel here has.
type btfBuilder struct {
	types, strs []byte
	strBase     uint32
}

func (w *btfBuilder) str(s string) uint32 {
	if s == "" {
		return 0
	}
	off := w.strBase + uint32(len(w.strs))
	w.strs = append(append(w.strs, s...), 0)
	return off
}

func (w *btfBuilder) add(name string, kind, vlen uint32, flag bool, size uint32, rest ...uint32) {
	info := kind<<24 | vlen
	if flag {
		info |= 1 << 31
	}
	for _, v := range append([]uint32{w.str(name), info, size}, rest...) {
		w.types = binary.LittleEndian.AppendUint32(w.types, v)
	}
}

func (w *btfBuilder) bytes() []byte {
	h := make([]byte, btfHeaderSize)
	binary.LittleEndian.PutUint16(h, btfMagic)
	h[2] = 1
	for i, v := range []int{btfHeaderSize, 0, len(w.types), len(w.types), len(w.strs)} {
		binary.LittleEndian.PutUint32(h[4+4*i:], uint32(v))
	}
	return append(append(h, w.types...), w.strs...)
}

// A module's BTF counts on from the kernel's and refers into it.
func TestSplitBTF(t *testing.T) {
	base := &btfBuilder{strs: []byte{0}}
	base.add("int", btfInt, 0, false, 4, intSigned<<24|32) // 1
	base.add("base", btfStruct, 1, false, 4, base.str("x"), 1, 0)
	base.add("", btfFuncProto, 0, false, 1)
	base.add("both", btfFunc, 1, false, 3)
	mod := &btfBuilder{strBase: uint32(len(base.strs))}
	mod.add("ext", btfStruct, 3, true, 16, // 5
		mod.str("b"), 2, 0,
		mod.str("lo"), 1, 3<<24|32,
		mod.str("hi"), 1, 7<<24|35)
	mod.add("", btfPtr, 0, false, 5)                                                // 6
	mod.add("", btfFuncProto, 1, false, 0, mod.str("e"), 6)                         // 7
	mod.add("both", btfFunc, 1, false, 7)                                           // 8
	mod.add("only", btfFunc, 1, false, 7)                                           // 9
	mod.add("color", btfEnum64, 1, true, 8, mod.str("RED"), 0xffffffff, 0xffffffff) // 10
	mod.add("loop", btfTypedef, 0, false, 11)                                       // 11
	mod.add("user", btfTypeTag, 0, false, 1)                                        // 12
	mod.add("", btfPtr, 0, false, 12)                                               // 13
	mod.add("uptr", btfTypedef, 0, false, 13)                                       // 14
	mod.add("", btfPtr, 0, false, 15)                                               // 15: points to itself
	mod.add("endless", btfTypedef, 0, false, 15)                                    // 16
	blobs := map[string][]byte{"": base.bytes(), "mod": mod.bytes()}
	s := newTypeSet(func(m string) ([]byte, error) { return blobs[m], nil }, func() []string { return []string{"mod"} })

	ext, err := s.named("struct", "ext")
	if err != nil {
		t.Fatal(err)
	}
	if ext.BTF != (check.BTFRef{Module: "mod", ID: 5}) || field(t, ext, "b").Type.BTF != (check.BTFRef{ID: 2}) {
		t.Errorf("ext = %+v", ext)
	}
	if f := field(t, ext, "hi"); f.Offset != 4 || f.BitOffset != 3 || f.BitSize != 7 {
		t.Errorf("hi = %+v", f)
	}
	if _, _, err := s.function("", "both"); err == nil || errors.Is(err, check.ErrNotFound) {
		t.Errorf("ambiguous: %v", err)
	}
	if params, _, err := s.function("mod", "both"); err != nil || len(params) != 1 {
		t.Errorf("mod:both: %v %v", params, err)
	}
	if params, result, err := s.function("", "only"); err != nil || params[0].Name != "e" || result != nil {
		t.Errorf("only: %v %v", params, err)
	}
	if v, _, err := s.enumConst("RED"); v != -1 || err != nil {
		t.Errorf("RED = %d, %v", v, err)
	}
	if typ, err := s.named("", "loop"); err != nil || typ.Kind != check.Unknown {
		t.Errorf("loop = %+v, %v", typ, err)
	}
	if typ, err := s.named("", "uptr"); err != nil || typ.Space != check.SpaceUser {
		t.Errorf("uptr = %+v, %v", typ, err)
	}
	if typ, err := s.named("", "endless"); err != nil || typ.Kind != check.Pointer {
		t.Errorf("endless = %+v, %v", typ, err)
	}
}

func FuzzBTF(f *testing.F) {
	w := &btfBuilder{strs: []byte{0}}
	w.add("int", btfInt, 0, false, 4, 32)
	w.add("s", btfStruct, 1, true, 4, w.str("x"), 1, 3<<24|1)
	w.add("e", btfEnum, 1, true, 4, w.str("A"), 7)
	w.add("", btfArray, 0, false, 0, 1, 1, 3)
	w.add("", btfFuncProto, 1, false, 1, w.str("p"), 2)
	w.add("f", btfFunc, 0, false, 5)
	w.add("btf_trace_x", btfTypedef, 0, false, 8)
	w.add("", btfPtr, 0, false, 5)
	w.add("v", btfVar, 0, false, 1, 1)
	w.add(".data..percpu", btfDatasec, 1, false, 8, 9, 0, 4)
	f.Add(w.bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := newTypeSet(func(string) ([]byte, error) { return raw, nil }, func() []string { return []string{"m"} })
		b, err := s.btf("")
		if err != nil {
			return
		}
		for id := uint32(0); id < min(b.end()+2, 500); id++ {
			typ := s.typ(b, id)
			if typ.Struct != nil && typ.Struct.Load != nil {
				typ.Struct.Load()
			}
			r, _ := b.record(id)
			name := b.str(r.name)
			s.named("struct", name)
			s.named("", name)
			s.function("", name)
			s.rawTracepoint("", name)
			s.enumConst(name)
			s.percpuVar(name)
		}
		s.rawTracepoint("", "x")
		b.names(funcKinds, "")
	})
}

func BenchmarkOpenBTF(b *testing.B) {
	vmlinux(b)
	raw, err := mapBTF("")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := openBTF(raw, "", nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFirstNamed is what a process pays for its first struct: mapping,
// index and conversion.
func BenchmarkFirstNamed(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vmlinux(b).named("struct", "task_struct"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNamed(b *testing.B) {
	s := vmlinux(b)
	s.named("struct", "file")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.named("struct", "task_struct"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMembers(b *testing.B) {
	task, err := vmlinux(b).named("struct", "task_struct")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		task.Struct.Load()
	}
}

func BenchmarkFirstFunction(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := vmlinux(b).function("", "vfs_read"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFirstEnumConst(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := vmlinux(b).enumConst("PIDTYPE_SID"); err != nil {
			b.Fatal(err)
		}
	}
}
