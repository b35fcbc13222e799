// Package session gives running traces a name, limits, a record and readers.
//
// An engine and a compiled Object go into [Manager.Start]; a [Session] comes
// out, which owns the run until it has ended: it reads the engine's events,
// enforces the [Limits], renders the output into a bounded buffer of lines,
// keeps the newest dump of each map, and hands events to a sink, a recorder and
// subscribers. A session ends by itself, by a limit, by [Session.Stop] or with
// its Manager, and always gracefully first: probes are detached, end runs, maps
// are read. What a bounded buffer had to drop is counted and reported.
//
// This is the only package that starts goroutines on behalf of a trace. Each
// Session has one that reads, plus a timer; [Manager.Close] waits for all.
//
// # Lock order
//
// Manager.mu is taken before Session.mu, never the other way round. Neither is
// held while calling an engine, a sink, a recorder or a function of the caller.
// Engine calls from several goroutines (SetParam, Stats, ReadMaps, Stop) are
// safe by the contract of engine.Run; after Session.run is closed they are not
// made any more (Session.calls guards this).
//
// The package presents nothing to users and knows no protocol.
package session
