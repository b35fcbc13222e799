// Package engine loads, attaches and reads an Object: native in process, or
// through the bpftrace binary.
//
// A [compile.Object] goes in; typed events of package output come out of
// [Run.Next] until io.EOF. An engine starts no goroutine that outlives Close
// and logs nothing.
package engine
