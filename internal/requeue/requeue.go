// Package requeue says when a controller looks again at what no event announces.
package requeue

import "time"

const (
	// AfterConflict is how long to wait for the cache to catch up after a 409.
	AfterConflict = 100 * time.Millisecond
	// References is how often the objects that a policy names are looked up
	// again: nothing announces them, since Secrets are never watched.
	References = time.Minute
)

// Sooner is the shorter of two times to wait, 0 meaning not at all.
func Sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
