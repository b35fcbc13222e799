package session

import "github.com/mcptrace/mcptrace/bpftrace/output"

// Subscription receives the events of a session from the moment of subscribing.
// A reader that is too slow loses events, never slows the trace, and is told
// how many were lost by a Lost event before the next one that it gets.
type Subscription struct {
	C    <-chan output.Event // closed when the session has ended
	c    chan output.Event
	s    *Session
	lost uint64 // since the last that was reported; Session.mu
	all  uint64
	shut bool
}

// Subscribe returns a new reader of events with room for size of
// them, at least two.
func (s *Session) Subscribe(size int) *Subscription {
	c := make(chan output.Event, max(size, 2))
	sub := &Subscription{C: c, c: c, s: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.State.Done() {
		sub.shut = true
		close(c)
		return sub
	}
	if s.subs == nil {
		s.subs = map[*Subscription]struct{}{}
	}
	s.subs[sub] = struct{}{}
	return sub
}

// Close ends the subscription. It is idempotent.
func (sub *Subscription) Close() {
	sub.s.mu.Lock()
	defer sub.s.mu.Unlock()
	sub.close()
}

func (sub *Subscription) close() {
	if !sub.shut {
		sub.shut = true
		delete(sub.s.subs, sub)
		close(sub.c)
	}
}

// publish hands ev to all subscribers that have room.
func (s *Session) publish(ev output.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		sub.send(ev)
	}
}

// send never blocks: the channel has room or the event is lost.
func (sub *Subscription) send(ev output.Event) {
	if sub.lost > 0 && cap(sub.c)-len(sub.c) >= 2 {
		sub.c <- &output.Lost{Events: sub.lost, Total: sub.all, Cause: output.LossReader}
		sub.lost = 0
	}
	if sub.lost == 0 && len(sub.c) < cap(sub.c) {
		sub.c <- ev
		return
	}
	sub.lost++
	sub.all++
}

// closeSubs ends all subscriptions.
func (s *Session) closeSubs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		if sub.lost > 0 && len(sub.c) < cap(sub.c) {
			sub.c <- &output.Lost{Events: sub.lost, Total: sub.all, Cause: output.LossReader}
		}
		sub.close()
	}
}
