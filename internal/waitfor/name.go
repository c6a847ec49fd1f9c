package waitfor

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Resolver looks up a name, as net.Resolver does.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// RunName waits until a name resolves, and says on out what for. A headless
// Service has addresses once one of its pods is ready: that is all that can be
// asked of a service whose ports nobody knows.
func RunName(ctx context.Context, out io.Writer, w Wait, names Resolver) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	last, saidAt := "", time.Time{}
	for {
		_, err := names.LookupHost(ctx, w.Name)
		if err == nil {
			say(out, "%s resolves after %s", w.Name, time.Since(started).Round(time.Millisecond))
			return nil
		}
		if why := err.Error(); !over(ctx) && (why != last || time.Since(saidAt) >= reminder) {
			last, saidAt = why, time.Now()
			say(out, "waiting for %s to have a pod that is ready: %s; %s left", w.Name, why, (w.Timeout - time.Since(started)).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: none of its pods is ready after %s: %s", w.Name, w.Timeout, last)
		case <-time.After(pause):
		}
	}
}
