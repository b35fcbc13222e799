package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/mcptrace/mcptrace/internal/session"
)

// catch keeps the signals that end a run from ending the process.
func catch() chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	return signals
}

// watch ends the session gracefully on the first signal and hard on the second.
// A broken pipe is an error of writing rather than the end of the process. The
// function that it returns undoes that.
func (m *Main) watch(s *session.Session, out *outlet, signals chan os.Signal) (stop func()) {
	done := make(chan struct{})
	go func() {
		select {
		case <-signals:
			s.Stop(session.ReasonSignal)
		case <-done:
			return
		}
		select {
		case <-signals:
			os.Exit(128 + int(syscall.SIGINT))
		case <-done:
		}
	}()
	if out.file == nil {
		go watchClosed(m.Stdout, done, func() { s.Stop(session.ReasonOutput) })
	}
	return func() {
		signal.Stop(signals)
		close(done)
	}
}
