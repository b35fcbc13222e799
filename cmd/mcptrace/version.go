package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

func (m *Main) versionCommand() *command {
	return &command{name: "version", short: "print the version",
		run: func(context.Context, *parsed) error {
			fmt.Fprintf(m.Stdout, "mcptrace %s (bpftrace language 0.27, %s %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		}}
}

// version is the module's version as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}
