// Package vmtest boots Debian kernels in QEMU and runs tests inside.
//
// A guest is a kernel from script/fetch-kernels and an initramfs that this
// package writes: /init is the program in guest, which runs jobs, mostly test
// binaries: those of inside (abilities, functions, generated programs) and of
// sidebyside (scripts with the mcptrace binary). What they print comes back by
// the second serial port. Outcomes are held against the table in demand.go, and
// docs/compatibility.md is written from them.
//
// Nothing boots unless MCPTRACE_VM names the directory that script/fetch-kernels
// filled. Guests are emulated, not accelerated: the kernels of some hosts cannot
// run stock kernels under KVM although they have it.
package vmtest
