package engine

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
	"unsafe"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// Names of the parameters that every program has.
const (
	ParamEnable = "enable" // 0 switches all probes off, 1 on
	ParamSample = "sample" // one event in this many is handled
)

// SetParam changes a parameter of the running program. Programs see the new
// value with their next event.
func (r *run) SetParam(name, value string) error {
	if !r.use() {
		return ErrClosed
	}
	defer r.using.RUnlock()
	at := -1
	switch name {
	case ParamEnable:
		at = r.obj.Params.Enable
	case ParamSample:
		at = r.obj.Params.Sample
	default:
		return r.setValue(name, value)
	}
	if r.params == nil || r.obj.Params.Size == 0 || at < 0 {
		return fmt.Errorf("set %s: this program was compiled without it", name)
	}
	n, err := strconv.ParseUint(value, 0, 64)
	if err != nil {
		return fmt.Errorf("set %s: %q is not a number", name, value)
	}
	if name == ParamSample && n == 0 {
		return fmt.Errorf("set %s: one event in 0 cannot be handled; 1 handles all", name)
	}
	return r.store(at, n)
}

// setValue changes $1 or getopt("name").
func (r *run) setValue(name, value string) error {
	for i := range r.obj.Params.Values {
		slot := &r.obj.Params.Values[i]
		if slot.Param.Name != name {
			continue
		}
		if slot.Param.Literal {
			return fmt.Errorf("set %s: its value was needed to compile the program: stop and start it again", name)
		}
		return r.storeParam(slot, value)
	}
	return fmt.Errorf("set %s: the program reads no such parameter%s", name, r.paramNames())
}

func (r *run) paramNames() string {
	out := ""
	for i := range r.obj.Params.Values {
		if i == 0 {
			out = "; it reads"
		}
		out += " " + r.obj.Params.Values[i].Param.Name
	}
	return out
}

func (r *run) storeParam(slot *compile.ParamSlot, value string) error {
	l := &slot.Layout
	switch {
	case l.Type == nil:
		return fmt.Errorf("set %s: it has no type", slot.Param.Name)
	case l.Type.Kind == check.String:
		return r.storeText(slot, value)
	case l.Type.Kind == check.Bool:
		on, err := strconv.ParseBool(value)
		if err != nil {
			return fmt.Errorf("set %s: %q is neither true nor false", slot.Param.Name, value)
		}
		var n uint64
		if on {
			n = 1
		}
		return r.store(l.Offset, n)
	}
	n, err := parseInt(value)
	if err != nil {
		return fmt.Errorf("set %s: %q is not a number", slot.Param.Name, value)
	}
	return r.store(l.Offset, n)
}

// fillParams writes the values that the program starts with. Probes stay off
// until all are attached, so that they begin together.
func (r *run) fillParams() error {
	if r.params == nil || r.obj.Params.Size == 0 {
		return nil
	}
	if at := r.obj.Params.Sample; at >= 0 {
		if err := r.store(at, 1); err != nil {
			return err
		}
	}
	for i := range r.obj.Params.Values {
		if err := r.storeFirst(&r.obj.Params.Values[i]); err != nil {
			return err
		}
	}
	return nil
}

// storeFirst writes the value that a parameter was given, or its default.
func (r *run) storeFirst(slot *compile.ParamSlot) error {
	c := slot.Param.Default
	if slot.Param.Given {
		c = slot.Param.Value
	}
	if c.Kind == check.ConstString || c.Kind == check.ConstBytes {
		return r.storeText(slot, c.Str)
	}
	return r.store(slot.Layout.Offset, c.Int)
}

func parseInt(value string) (uint64, error) {
	if n, err := strconv.ParseInt(value, 0, 64); err == nil {
		return uint64(n), nil
	}
	return strconv.ParseUint(value, 0, 64)
}

// storeText writes a string. A program that reads it at this moment can see
// parts of both.
func (r *run) storeText(slot *compile.ParamSlot, value string) error {
	l := &slot.Layout
	if len(value) >= l.Type.Size {
		return fmt.Errorf("set %s: the text has %d bytes, but there is room for %d", slot.Param.Name, len(value), l.Type.Size-1)
	}
	padded := make([]byte, l.Size)
	copy(padded, value)
	for i := 0; i+8 <= len(padded); i += 8 {
		if err := r.store(l.Offset+i, binary.NativeEndian.Uint64(padded[i:])); err != nil {
			return err
		}
	}
	return nil
}

// store writes one word of the parameter block.
func (r *run) store(at int, n uint64) error {
	if r.params == nil || at < 0 || at+8 > r.obj.Params.Size {
		return fmt.Errorf("set parameter: there is none at %d", at)
	}
	if r.params.mem != nil && at+8 <= len(r.params.mem) {
		atomic.StoreUint64((*uint64)(unsafe.Pointer(&r.params.mem[at])), n)
		return nil
	}
	return r.storeBySyscall(at, n)
}

// storeBySyscall serves kernels whose arrays cannot be mapped (before 5.5).
func (r *run) storeBySyscall(at int, n uint64) error {
	key, value := make([]byte, 4), make([]byte, r.params.valueBytes())
	if err := r.params.lookup(key, value); err != nil {
		return fmt.Errorf("set parameter: %w", err)
	}
	binary.NativeEndian.PutUint64(value[at:], n)
	return r.params.update(key, value)
}

// enable switches all probes on or off and reports whether the program can do
// that.
func (r *run) enable(on bool) bool {
	if r.params == nil || r.obj.Params.Size == 0 || r.obj.Params.Enable < 0 {
		return false
	}
	var n uint64
	if on {
		n = 1
	}
	return r.store(r.obj.Params.Enable, n) == nil
}
