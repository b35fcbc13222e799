package main

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// withTracefs calls f on a thread of its own in whose private mount namespace
// tracefs is mounted, for programs that f starts and that need it. The mounts of
// the host stay as they are.
func withTracefs(f func() error) error {
	if _, err := os.Stat("/sys/kernel/tracing/events"); err == nil {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := mountTracefs(); err != nil {
			fmt.Fprintf(os.Stderr, "NOTE: tracefs is not mounted: %v\n", err)
		}
		done <- f()
	}()
	return <-done
}

func mountTracefs() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return unix.Mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, "")
}
