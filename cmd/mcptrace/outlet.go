package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// flushAfter is how long output may wait for more to be written with it.
const flushAfter = 5 * time.Millisecond

// outlet is a buffered output that flushes itself soon after a write, so that a
// fast program costs few system calls and a slow one is seen at once.
type outlet struct {
	file  *os.File // to close; nil for standard output
	eager bool

	mu      sync.Mutex
	w       *bufio.Writer
	pending bool // a flush is due
	broken  error
}

func newOutlet(w io.Writer, buffering string) *outlet {
	return &outlet{w: bufio.NewWriterSize(w, 64<<10), eager: buffering != "full"}
}

// Write buffers p and has it written soon.
func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		return 0, o.broken
	}
	n, err := o.w.Write(p)
	o.note(err)
	switch {
	case o.eager:
		o.note(o.w.Flush())
	case !o.pending:
		o.pending = true
		time.AfterFunc(flushAfter, o.flush)
	}
	return n, o.broken
}

func (o *outlet) note(err error) {
	if o.broken == nil {
		o.broken = err
	}
}

// flush writes what is buffered.
func (o *outlet) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending = false
	o.note(o.w.Flush())
}

// err is the first error of writing.
func (o *outlet) err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.broken
}

// close flushes and closes. An output that its reader closed is no error.
func (o *outlet) close() error {
	o.flush()
	err := o.err()
	if o.file != nil {
		err = errors.Join(err, o.file.Close())
	}
	if errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}
