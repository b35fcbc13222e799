//go:build !linux

package main

func withTracefs(f func() error) error { return f() }
