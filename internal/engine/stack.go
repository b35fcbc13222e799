package engine

import (
	"encoding/binary"
	"encoding/hex"
	"sync"

	"github.com/mcptrace/mcptrace/bpftrace/check"
	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// maxStacks bounds how many decoded stacks are remembered.
const maxStacks = 1 << 14

// stackReader reads stacks by their id. Printing a map again finds its stacks
// already named.
type stackReader struct {
	mu    sync.Mutex
	maps  []*bpfMap
	known map[stackKey]output.Stack
}

// stackKey tells apart the same addresses in two processes.
type stackKey struct {
	id   uint64
	tgid uint32
	mode check.StackMode
}

// stack returns the stack with id in the form that t asks for.
func (d *decoder) stack(t *check.Type, id uint64, tgid uint32) output.Value {
	s := &d.stacks
	key := stackKey{id, tgid, t.Mode}
	if t.Kind == check.KStack {
		key.tgid = 0
	}
	s.mu.Lock()
	known, ok := s.known[key]
	s.mu.Unlock()
	if ok {
		return known
	}
	st := output.Stack{User: t.Kind == check.UStack, Mode: output.StackMode(t.Mode), PID: int(key.tgid)}
	raw, errno := s.lookup(id)
	if errno != 0 {
		st.Err = errnoString(int(errno))
	}
	d.frames(&st, t, raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxStacks || s.known == nil {
		s.known = map[stackKey]output.Stack{}
	}
	if raw != nil || id == 0 {
		s.known[key] = st
	}
	return st
}

// lookup returns the frames of stack id and the error of walking it.
func (s *stackReader) lookup(id uint64) (frames []byte, errno uint32) {
	if id == 0 {
		return nil, 0
	}
	key := binary.NativeEndian.AppendUint64(nil, id)
	for _, m := range s.maps {
		value := make([]byte, m.valueBytes())
		if m.keySize != len(key) || m.lookup(key, value) != nil {
			continue
		}
		size := compile.FrameSize
		if n := int(half(value[compile.StackNr:])); n >= 0 {
			if m.Value.Type != nil && m.Value.Type.Mode == check.StackBuildID {
				size = compile.BuildIDFrameSize
			}
			end := min(compile.StackFrames+n*size, len(value))
			return value[compile.StackFrames:end], half(value[compile.StackErr:])
		}
	}
	return nil, 0
}

// frames names the addresses of a stack.
func (d *decoder) frames(st *output.Stack, t *check.Type, raw []byte) {
	if t.Mode == check.StackBuildID {
		buildIDFrames(st, raw)
		return
	}
	for ; len(raw) >= compile.FrameSize; raw = raw[compile.FrameSize:] {
		addr := word(raw)
		if addr == 0 {
			break
		}
		if t.Depth > 0 && len(st.Frames) >= t.Depth {
			break
		}
		switch {
		case t.Mode == check.StackRaw:
			st.Frames = append(st.Frames, output.Frame{Addr: addr})
		case st.User:
			st.Frames = append(st.Frames, d.names.userFrame(st.PID, addr))
		default:
			st.Frames = append(st.Frames, d.names.kernelFrame(addr))
		}
	}
}

// Status of an entry of struct bpf_stack_build_id.
const buildIDValid = 1

func buildIDFrames(st *output.Stack, raw []byte) {
	for ; len(raw) >= compile.BuildIDFrameSize; raw = raw[compile.BuildIDFrameSize:] {
		f := output.Frame{}
		if half(raw) == buildIDValid {
			f.BuildID = hex.EncodeToString(raw[4:24])
			f.FileOffset = word(raw[24:])
		} else {
			f.Addr = word(raw[24:])
		}
		st.Frames = append(st.Frames, f)
	}
}
