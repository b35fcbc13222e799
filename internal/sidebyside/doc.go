// Package sidebyside holds tests that run the same scripts with mcptrace and
// with the bpftrace binary, over the same workload, and compare what they print.
//
// A script is a section of a file in testdata; the file's name is the probe kind
// that it is about. See script.go for the form. Without a bpftrace that is new
// enough (MCPTRACE_BPFTRACE names one, else the one in PATH) the scripts still
// run, and only what they expect in so many words is checked.
package sidebyside
