package detect

import (
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// Health is what was seen of one health endpoint. The zero value has seen nothing.
type Health struct {
	// failures are the times of its failures within the window.
	failures []time.Time
	// row are those since it last passed, however long ago: as many as tell anything.
	row []time.Time
}

// ObserveHealth remembers a result. An endpoint that could not be asked
// (ProbeUnknown) has neither failed nor passed. h itself is not changed.
func ObserveHealth(h Health, outcome v1alpha1.ProbeOutcome, s Settings, at time.Time) Health {
	s = s.withDefaults()
	failures, row := after(h.failures, at.Add(-s.HealthWindow)), slices.Clone(h.row)
	switch outcome {
	case v1alpha1.ProbeFailed:
		failures, row = append(failures, at), append(row, at)
	case v1alpha1.ProbePassed:
		row = nil
	case v1alpha1.ProbeUnknown:
	}
	// One more than is allowed tells as much as a hundred.
	enough := int(s.HealthFailures) + 1
	return Health{failures: failures[max(0, len(failures)-enough):], row: row[max(0, len(row)-enough):]}
}

func after(times []time.Time, begin time.Time) []time.Time {
	return slices.DeleteFunc(slices.Clone(times), func(t time.Time) bool { return !t.After(begin) })
}

// Failing is the verdict on the endpoint at a moment: it failed too often within
// the window, or, where it is asked more seldom than that, too often in a row.
func (h Health) Failing(s Settings, now time.Time) Verdict {
	s = s.withDefaults()
	begin := now.Add(-s.HealthWindow)
	if s.Since.After(begin) {
		begin = s.Since
	}
	if failed := len(after(h.failures, begin)); failed > int(s.HealthFailures) {
		return loop(ReasonHealth, "the health endpoint failed %d times within %s", failed, s.HealthWindow)
	}
	if failed := len(after(h.row, s.Since)); failed > int(s.HealthFailures) {
		return loop(ReasonHealth, "the health endpoint failed the last %d times that it was asked", failed)
	}
	return Verdict{}
}

// HealthPeriod is how often an endpoint is to be asked so that failing all the
// time is an incident well within the window: every 30s by default.
func HealthPeriod(s Settings) time.Duration {
	s = s.withDefaults()
	return max(s.HealthWindow/time.Duration(s.HealthFailures+2), minHealthPeriod)
}

// minHealthPeriod spares services whose policy has a short window.
const minHealthPeriod = 500 * time.Millisecond

// AwaitsAnswer says that the first answer of an endpoint is worth waiting for: its
// container has been up for as long as it takes to be asked, and its incident has not
// been open for longer than a person may wait to be called.
func AwaitsAnswer(p evidence.WorkloadPod, s Settings, open, patience time.Duration, now time.Time) bool {
	since, up := Up(p.Pod, p.Container)
	return up && now.Sub(since) >= HealthPeriod(s) && open <= patience
}
