package engine

import (
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/mcptrace/mcptrace/internal/compile"
)

// iterators is the reading of the iterator probes of a run. An iterator goes
// through its objects once, while somebody reads its file; what the program
// prints arrives in the ring buffer, so the two are read side by side.
type iterators struct {
	done atomic.Bool // all were read to their end
	errs chan error
}

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

// startIterators reads every iterator to its end, in the group of the run.
func (r *run) startIterators(links []int) {
	if len(links) == 0 {
		return
	}
	r.iters.errs = make(chan error, len(links))
	r.group.Go(func() {
		for _, link := range links {
			if err := r.readIterator(link); err != nil {
				r.iters.errs <- err
			}
		}
		close(r.iters.errs)
		r.iters.done.Store(true)
		r.wake()
	})
}

// readIterator makes an iterator of a link and reads it until it ends. What the
// program could write to the file itself is not used.
func (r *run) readIterator(link int) error {
	fd, err := bpf(unix.BPF_ITER_CREATE, &struct{ link, flags uint32 }{uint32(link), 0})
	if err != nil {
		return fmt.Errorf("run iterator: %w", err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 4<<10)
	for r.ctx.Err() == nil {
		n, err := unix.Read(fd, buf)
		switch {
		case isErrno(err, unix.EINTR, unix.EAGAIN):
		case err != nil:
			return fmt.Errorf("run iterator: %w", err)
		case n <= 0:
			return nil
		}
	}
	return nil
}
