package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mcptrace/mcptrace/internal/engine"
	"github.com/mcptrace/mcptrace/internal/kernel"
	"github.com/mcptrace/mcptrace/internal/session"
)

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		code Code
		want string // in message or fix
	}{
		{&kernel.Missing{Ability: "kprobe", Hint: "use a tracepoint", Err: errors.New("no such file")}, CodeMissing, "use a tracepoint"},
		{fmt.Errorf("attach: %w", &kernel.Missing{Ability: "bpf", Hint: "run as root"}), CodeMissing, "run as root"},
		{&engine.AttachError{Probe: "uprobe:/bin/x:f", Err: errors.New("busy")}, CodeAttach, "attach uprobe:/bin/x:f: busy"},
		{session.ErrNotFound, CodeNotFound, "get_result {}"},
		{fmt.Errorf("%w: 3 of 3", session.ErrBusy), CodeBusy, "stop_execution"},
		{session.ErrExpired, CodeExpired, "exec_program"},
		{session.ErrNotRunning, CodeState, "ended"},
		{context.Canceled, CodeState, "cancelled"},
		{errors.New("odd\nsecond line"), CodeInternal, "odd"},
	} {
		e := Explain(c.err)
		if all := e.Message + strings.Join(e.Fix, "\n"); e.Code != c.code || !strings.Contains(all, c.want) || strings.Contains(e.Message, "\n") {
			t.Errorf("%v: %s, %q, %q", c.err, e.Code, e.Message, e.Fix)
		}
	}
}

func TestPrograms(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("a", MaxProgram+1), "longer than"},
		{"\x7fELF\x02\x01\x01\x00", "binary data"},
		{strings.Repeat("\xff\xfe", 100), "binary data"},
		{"begin { printf(\"größe ÿ\\n\"); }", ""},
		{"begin { printf(\"\xe4\xf6\xfc latin\\n\"); }", ""},
		{"", ""},
	} {
		_, err := NewProgram("x", c.text)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%.20q: %v, want %q", c.text, err, c.want)
		}
	}
}

// offline checks without a machine.
func offline(t *testing.T, program string) *ValidateResult {
	t.Helper()
	res, err := New(&Options{}).Validate(context.Background(), &ValidateRequest{Program: program, Target: "offline"})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestValidate(t *testing.T) {
	good := offline(t, `tracepoint:a:b, tracepoint:a:c { @x[comm] = count(); system("true"); }`)
	if good.OK || len(good.Diagnostics) != 1 || good.Diagnostics[0].Code != "unsafe-function" {
		t.Errorf("unsafe: %+v", good)
	}
	good = offline(t, `tracepoint:a:b, tracepoint:a:c { @x[comm] = count(); @y = str(args.p); }`)
	if !good.OK || good.ProbeCount != 2 || len(good.Maps) != 2 || fmt.Sprint(good.Effects) != "[reads memory of processes]" {
		t.Errorf("good: %+v", good)
	}
	bad := offline(t, "begin {\n  @x = coun();\n}")
	if bad.OK || len(bad.Diagnostics) != 1 {
		t.Fatalf("bad: %+v", bad)
	}
	if d := bad.Diagnostics[0]; d.Line != 2 || d.Column != 8 || d.Fix == "" || d.Source != "  @x = coun();" {
		t.Errorf("diagnostic %+v", d)
	}
	if bad.Fixed != "begin {\n  @x = count();\n}" {
		t.Errorf("fixed %q", bad.Fixed)
	}
	if many := offline(t, "begin { $a = ; }\nend { $b = ; }"); len(many.Diagnostics) != 2 || !strings.Contains(many.Summary, "1 more") {
		t.Errorf("two errors: %+v", many)
	}
}

func TestSplitFilter(t *testing.T) {
	for in, want := range map[string]string{
		"": " []", "tracepoint:a:*": "tracepoint:a:* []", "*open*": "*open* []", "open": " [open]", " block  issue ": " [block issue]", "a:b c": " [a:b c]",
	} {
		pattern, words := SplitFilter(in)
		if got := fmt.Sprint(pattern, " ", words); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestOpsAreConsistent(t *testing.T) {
	for _, op := range Ops() {
		if op.ReadOnly && op.Destructive || op.Title == "" || LookupOp(op.Name).Name != op.Name {
			t.Errorf("%+v", op)
		}
	}
	if LookupOp("nosuch") != nil {
		t.Error("an operation that is not there")
	}
}
