package service

import "context"

// Caller is who asks, and how to tell them that something goes on.
type Caller struct {
	Principal string // "" on a command line: sees everything

	// Progress tells how far a call that waits has come; nil when nobody
	// listens. It may block and is not called concurrently.
	Progress func(done, total float64, text string)
}

type callerKey struct{}

// WithCaller returns a context that carries who asks.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

func callerOf(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return &Caller{}
}
