package main

import (
	"fmt"
	"io"

	"github.com/mcptrace/mcptrace/bpftrace/syntax"
)

func renderText(w io.Writer, ds syntax.Diagnostics) error {
	for _, d := range ds {
		l, c := 0, 0
		if d.Span.IsValid() {
			l, c = d.Span.Src.Position(int(d.Span.Start))
		}
		if _, err := fmt.Fprintf(w, "stdin:%d:%d: %s: %s\n", l, c, d.Severity, d.Message); err != nil {
			return err
		}
	}
	return nil
}
