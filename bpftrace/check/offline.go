package check

import (
	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

// Offline returns the target that knows no kernel: every probe exists, and
// types and symbols that only a kernel knows are unknown.
func Offline(arch string) Target { return offline{arch} }

type offline struct{ arch string }

func (offline) Describe() string { return "no kernel (offline)" }

func (o offline) Arch() string { return o.arch }

func (offline) Expand(ap *syntax.ParsedAttachPoint, _ *ExpandOptions) ([]*AttachPoint, error) {
	return []*AttachPoint{{Parsed: ap, Name: ap.String(), Func: ap.Func}}, nil
}

func (offline) TracepointFields(string, string) ([]Field, error) { return nil, ErrUnknown }

func (offline) RawTracepointArgs(string, string) ([]Field, error) { return nil, ErrUnknown }

func (offline) Function(string, string) ([]Field, *Type, error) { return nil, nil, ErrUnknown }

func (offline) BPFProgram(uint32, string) ([]Field, *Type, error) { return nil, nil, ErrUnknown }

func (offline) UserFunction(string, string) ([]Field, error) { return nil, ErrUnknown }

func (offline) USDTArgs(string, string, string) ([]Field, error) { return nil, ErrUnknown }

func (offline) Named(string, string) (*Type, error) { return nil, ErrUnknown }

func (offline) EnumConst(string) (int64, *Type, error) { return 0, nil, ErrUnknown }

func (offline) KernelSymbol(string) (uint64, error) { return 0, ErrUnknown }

func (offline) PercpuVar(string) (*Type, error) { return nil, ErrUnknown }

func (offline) Has(Ability) Answer { return Maybe }

func (offline) Suggest(SuggestKind, string) []string { return nil }
