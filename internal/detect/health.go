package detect

import (
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Health is what was seen of one health endpoint: the times of its failures
// within the window. The zero value has seen none.
type Health struct {
	failures []time.Time
}

// ObserveHealth remembers a result. An endpoint that could not be asked
// (ProbeUnknown) has not failed. h itself is not changed.
func ObserveHealth(h Health, outcome v1alpha1.ProbeOutcome, s Settings, at time.Time) Health {
	s = s.withDefaults()
	begin := at.Add(-s.HealthWindow)
	kept := slices.Clone(h.failures)
	kept = slices.DeleteFunc(kept, func(t time.Time) bool { return !t.After(begin) })
	if outcome == v1alpha1.ProbeFailed {
		kept = append(kept, at)
	}
	// One more than is allowed tells as much as a hundred.
	kept = kept[max(0, len(kept)-int(s.HealthFailures)-1):]
	return Health{failures: kept}
}

// Failing is the verdict on the endpoint at a moment.
func (h Health) Failing(s Settings, now time.Time) Verdict {
	s = s.withDefaults()
	begin := now.Add(-s.HealthWindow)
	if s.Since.After(begin) {
		begin = s.Since
	}
	var failed int32
	for _, at := range h.failures {
		if at.After(begin) {
			failed++
		}
	}
	if failed <= s.HealthFailures {
		return Verdict{}
	}
	return loop(ReasonHealth, "the health endpoint failed %d times within %s", failed, s.HealthWindow)
}

// HealthPeriod is how often an endpoint is to be asked so that failing all the
// time is an incident well within the window: every 30s by default.
func HealthPeriod(s Settings) time.Duration {
	s = s.withDefaults()
	return max(s.HealthWindow/time.Duration(s.HealthFailures+2), minHealthPeriod)
}

// minHealthPeriod spares services whose policy has a short window.
const minHealthPeriod = 500 * time.Millisecond
