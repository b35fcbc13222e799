package main

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// watchClosed calls closed when the reader of a pipe or socket has gone away,
// even while nothing is written.
func watchClosed(w io.Writer, done <-chan struct{}, closed func()) {
	file, ok := w.(*os.File)
	if !ok {
		return
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return
	}
	fds := []unix.PollFd{{Fd: int32(file.Fd())}}
	for {
		n, err := unix.Poll(fds, -1)
		if err == unix.EINTR {
			continue
		}
		select {
		case <-done:
		default:
			if err == nil && n > 0 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				closed()
			}
		}
		return
	}
}
