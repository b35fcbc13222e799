package kernel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/bpftrace/check"
)

// noBTF is a kernel without BTF: types come from C alone.
func noBTF() *typeSet {
	return newTypeSet(
		func(string) ([]byte, error) { return nil, &Missing{Ability: check.AbilityBTF} },
		func() []string { return nil })
}

func TestParseFormat(t *testing.T) {
	const text = `name: made_up
ID: 42
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char comm[16];	offset:8;	size:16;	signed:0;
	field:__data_loc char[] name;	offset:24;	size:4;	signed:0;
	field:__rel_loc u8[] mac;	offset:28;	size:4;	signed:0;
	field:const char *const * argv;	offset:32;	size:8;	signed:0;
	field:struct made_up __user * up;	offset:40;	size:8;	signed:0;
	field:void (*function)(int, char);	offset:48;	size:8;	signed:0;
	field:unsigned long args[6];	offset:56;	size:48;	signed:0;
	field:u8 key[KEY_LEN];	offset:104;	size:4;	signed:0;
	field:enum unheard_of how;	offset:108;	size:1;	signed:0;
	field:unheard_t what;	offset:112;	size:8;	signed:1;
	field:unsigned flags;	offset:120;	size:8;	signed:0;
	field:bool yes;	offset:128;	size:1;	signed:0;

print fmt: "comm=%s, 100%% name=%s argv=%p how=%s", REC->comm, __get_str(name), REC->argv, __print_symbolic(REC->how, { 1, "a,b" }, { 2, "(" })
`
	e, err := parseFormat("made", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if e.name != "made_up" || e.id != 42 || len(e.fields) != 14 {
		t.Errorf("event %s %d, %d fields", e.name, e.id, len(e.fields))
	}
	want := `common_type uint2 short unsigned int
common_pid int4 int
comm string16
name int8 data_loc "%s"
mac int8 rel_loc
argv pointer to pointer to int1 char "%p"
up pointer to struct struct made_up
function pointer to void
args array6 of uint8 long unsigned int
key array4 of uint1 u8
how uint1 enum unheard_of "%s of __print_symbolic(how, { 1, \"a,b\" }, { 2, \"(\" })"
what int8 unheard_t
flags uint4 unsigned int
yes bool bool
`
	var got strings.Builder
	for _, f := range noBTF().fieldsOf(e) {
		got.WriteString(f.Name + " " + shortType(f.Type))
		if f.DataLoc {
			got.WriteString(" data_loc")
		}
		if f.RelLoc {
			got.WriteString(" rel_loc")
		}
		if f.Doc != "" && f.Name != "comm" {
			fmt.Fprintf(&got, " %q", f.Doc)
		}
		got.WriteString("\n")
	}
	if got.String() != want {
		t.Errorf("fields:\n%s\nwant:\n%s", got.String(), want)
	}
}

// shortType shows a type in a few words.
func shortType(t *check.Type) string {
	sign := map[bool]string{true: "int", false: "uint"}[t.Signed]
	name := strings.TrimSuffix(" "+t.Name, " ")
	switch t.Kind {
	case check.Int:
		return fmt.Sprintf("%s%d%s", sign, t.Size, name)
	case check.Pointer:
		return "pointer to " + shortType(t.Elem)
	case check.Array:
		return fmt.Sprintf("array%d of %s", t.Len, shortType(t.Elem))
	case check.String:
		return fmt.Sprintf("string%d", t.Size)
	case check.Struct:
		return "struct" + name
	case check.Bool:
		return "bool" + name
	case check.Void:
		return "void"
	}
	return "?"
}

func TestParseFormatRejects(t *testing.T) {
	for _, text := range []string{
		"", "ID: 1\n", "name: x\nID: y\n", "name: x\n\tfield:int;\toffset:0;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int a;\toffset:-1;\tsize:4;\tsigned:1;\n",
		"name: x\n\tfield:int a;\toffset:0;\tsize:99999999999;\tsigned:1;\n",
		"name: x\n\tfield:void (*;\toffset:0;\tsize:8;\tsigned:1;\n",
		"name: x\n" + strings.Repeat("\tfield:int a;\toffset:0;\tsize:4;\tsigned:1;\n", maxEventFields+1),
	} {
		if e, err := parseFormat("c", []byte(text)); err == nil {
			t.Errorf("%.60q gives %+v", text, e)
		}
	}
}

func TestSyscallNumbers(t *testing.T) {
	for _, c := range []struct {
		arch, name string
		number     int
	}{
		{"amd64", "openat", 257}, {"amd64", "newfstat", 5}, {"amd64", "read", 0}, {"amd64", "newuname", 63},
		{"arm64", "openat", 56}, {"arm64", "newfstatat", 79}, {"arm64", "io_setup", 0},
	} {
		if n, ok := syscallNumber(c.arch, c.name); !ok || n != c.number {
			t.Errorf("%s on %s = %d, %v", c.name, c.arch, n, ok)
		}
	}
	if _, ok := syscallNumber("arm64", "open"); ok {
		t.Error("arm64 has no open")
	}
	if _, ok := syscallNumber("amd64", "63"); ok {
		t.Error("a number is taken for a name")
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("name: a\nID: 3\nformat:\n\tfield:__data_loc char[] b;\toffset:8;\tsize:4;\tsigned:0;\n\nprint fmt: \"%s\", __get_str(b)\n"))
	f.Add([]byte("name: a\n\tfield:void (*f)(int);\toffset:8;\tsize:4;\tsigned:0;\nprint fmt: \"%d\\\"\", (REC->x), \"\n"))
	types := noBTF()
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			return
		}
		e, err := parseFormat("c", text)
		if err != nil {
			return
		}
		for _, field := range types.fieldsOf(e) {
			if field.Name == "" || field.Type == nil {
				t.Errorf("field %+v", field)
			}
		}
	})
}

func TestSuggest(t *testing.T) {
	names := strings.Fields("sched:sched_switch sched:sched_wakeup syscalls:sys_enter_openat syscalls:sys_enter_open task:task_rename")
	for wrong, want := range map[string]string{
		"sched:sched_swich":         "sched:sched_switch",
		"shced:sched_wakeup":        "sched:sched_wakeup",
		"syscall:sys_enter_openat":  "syscalls:sys_enter_openat",
		"Task:Task_Rename":          "task:task_rename",
		"switch":                    "sched:sched_switch",
		"entirely:different_thing":  "",
		"":                          "",
		strings.Repeat("x", 100000): "",
	} {
		got := strings.Join(closest(names, wrong), " ")
		if first, _, _ := strings.Cut(got, " "); first != want {
			t.Errorf("%.40q: %q, want %q", wrong, got, want)
		}
	}
}
