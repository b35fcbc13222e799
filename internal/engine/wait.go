package engine

import (
	"time"

	"golang.org/x/sys/unix"
)

// How long the reader sleeps when the ring buffer is empty. Programs submit
// records without waking anybody, since a wake-up costs more than the event, so
// the reader looks by itself: soon after it found something, and seldom when
// nothing happens. A record that does wake (exit) ends the sleep at once.
const (
	sleepMin = 500 * time.Microsecond
	sleepMax = 20 * time.Millisecond
)

// waiter puts the reader to sleep until something may have happened.
type waiter struct {
	wakeFD int // eventfd
	fds    []unix.PollFd
	sleep  time.Duration
}

func newWaiter(ringFD, childFD int) (*waiter, error) {
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, err
	}
	w := &waiter{wakeFD: wake, sleep: sleepMin}
	w.fds = append(w.fds, unix.PollFd{Fd: int32(wake), Events: unix.POLLIN})
	for _, fd := range []int{ringFD, childFD} {
		if fd >= 0 {
			w.fds = append(w.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	return w, nil
}

// wake ends the current or the next wait. It may be called at any time, by
// anybody, until close.
func (w *waiter) wake() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(w.wakeFD, one[:])
}

// busy makes the next sleeps short again.
func (w *waiter) busy() { w.sleep = sleepMin }

// wait sleeps at most limit; a negative limit is none. Each sleep after which
// nothing was found is longer than the one before.
func (w *waiter) wait(limit time.Duration) {
	d := w.sleep
	w.sleep = min(w.sleep*2, sleepMax)
	if limit >= 0 && limit < d {
		d = limit
	}
	timeout := unix.NsecToTimespec(int64(d))
	n, _ := unix.Ppoll(w.fds, &timeout, nil)
	if n > 0 && w.fds[0].Revents != 0 {
		var buf [8]byte
		_, _ = unix.Read(w.wakeFD, buf[:])
	}
}

func (w *waiter) close() { _ = closeFD(w.wakeFD) }
