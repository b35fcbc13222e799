package engine

import (
	"context"
	"errors"

	"github.com/mcptrace/mcptrace/internal/compile"
)

// Verify creates the maps of obj and has the kernel verify its programs, and
// frees all that again: nothing is attached and nothing runs. Errors are those
// of Start.
func (n *Native) Verify(ctx context.Context, obj *compile.Object, opts *Options) error {
	if opts == nil {
		opts = &Options{}
	}
	n.once.Do(func() { n.machine = &machine{Machine: n.Machine} })
	r := newRun(n, obj, opts)
	for _, step := range []func() error{r.describeUSDT, r.createMaps, r.loadPrograms} {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return errors.Join(err, r.Close())
		}
	}
	return r.Close()
}
