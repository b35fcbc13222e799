package engine

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/bpftrace/output"
	"github.com/mcptrace/mcptrace/internal/compile"
)

// onlyIterators reports whether the program attaches nothing but iterators (and
// begin and end): then reading them once is all there is to do.
func (r *run) onlyIterators() bool {
	for _, p := range r.programs {
		switch p.Attach {
		case compile.RunBegin, compile.RunEnd, compile.AttachIter:
		default:
			return false
		}
	}
	return true
}

// readIterators runs every iterator to its end. What they print goes to the
// ring buffer like all else; the text that they could write is not used.
func (r *run) readIterators() {
	for i := range r.iters {
		if i >= len(r.attachments.quick) {
			break
		}
		if err := readIterator(r.attachments.quick[i], func() { r.drain() }); err != nil {
			r.push(&output.Notice{Level: output.LevelError, Code: "iter-failed", Text: err.Error()})
		}
	}
	r.iters = nil
}

// readIterator makes an iterator of a link and reads it until it ends.
func readIterator(link int, between func()) error {
	fd, err := bpf(unix.BPF_ITER_CREATE, &struct{ link, flags uint32 }{uint32(link), 0})
	if err != nil {
		return fmt.Errorf("run iterator: %w", err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		switch {
		case isErrno(err, unix.EINTR, unix.EAGAIN):
		case err != nil:
			return fmt.Errorf("run iterator: %w", err)
		case n <= 0:
			return nil
		}
		between()
	}
}

// drain moves everything that is in the ring buffer to the queue.
func (r *run) drain() {
	for {
		ev := r.reader.read(r)
		if ev == nil {
			return
		}
		r.push(ev)
	}
}
