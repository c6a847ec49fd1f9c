package detect

import (
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

// maxSamples bounds a History: more than the most restarts that a policy may
// allow in its window.
const maxSamples = 128

// History is what was seen of one container of one pod. The caller keeps it by
// the pod's UID and the container's name: a StatefulSet's pod that is recreated
// under its name has another UID, and a history of its own. The zero value is
// that of a container that was never seen.
type History struct {
	// samples, oldest first, one for each restart count that was seen.
	samples []sample
	// blockedSince is since when the container has been unable to start.
	blockedSince time.Time
	// ended is when the last end that was seen was, ooms how many ends in a row
	// were OOMKilled.
	ended time.Time
	ooms  int
}

// sample says that at a time the container had restarted so often.
type sample struct {
	at       time.Time
	restarts int32
}

// Seen reports whether the container was observed at all.
func (h History) Seen() bool { return len(h.samples) > 0 }

// Restarts that were last seen, 0 where the container was never observed.
func (h History) Restarts() int32 {
	if !h.Seen() {
		return 0
	}
	return h.samples[len(h.samples)-1].restarts
}

// Observe remembers a container's state. Call it for every change of the pod,
// before Loop; h itself is not changed.
func Observe(h History, c evidence.Container, s Settings, now time.Time) History {
	s = s.withDefaults()
	h.samples = h.sampled(c, s.Window, now)
	h.countOOM(c)
	switch {
	case c.Waiting == nil || !cannotStart[c.Waiting.Reason]:
		h.blockedSince = time.Time{}
	case h.blockedSince.IsZero():
		h.blockedSince = now
	}
	return h
}

func (h History) sampled(c evidence.Container, window time.Duration, now time.Time) []sample {
	if !h.Seen() {
		return seed(c, now)
	}
	last := h.samples[len(h.samples)-1]
	switch {
	case c.Restarts == last.restarts:
		return h.samples
	case c.Restarts < last.restarts: // the kubelet lost count: begin anew
		return []sample{{now, c.Restarts}}
	}
	// The newest sample from before the window is the count at its beginning;
	// older ones tell nothing more.
	from := 0
	for from+1 < len(h.samples) && !h.samples[from+1].at.After(now.Add(-window)) {
		from++
	}
	from = max(from, len(h.samples)+1-maxSamples)
	kept := make([]sample, 0, len(h.samples)-from+1)
	kept = append(kept, h.samples[from:]...)
	return append(kept, sample{startOf(c, now), c.Restarts})
}

// seed makes the first samples. The pod itself tells when the last two runs
// began, and each of them but the very first began with a restart.
func seed(c evidence.Container, now time.Time) []sample {
	if c.LastTermination == nil || c.LastTermination.StartedAt.IsZero() || c.Restarts < 1 {
		return []sample{{now, c.Restarts}}
	}
	previous := c.Restarts // the run that ended is the newest, unless another runs or has ended
	if !c.RunningSince.IsZero() || c.Terminated != nil {
		previous--
	}
	begun := c.LastTermination.StartedAt
	var samples []sample
	if previous > 0 {
		samples = append(samples, sample{begun.Add(-1), previous - 1})
	}
	samples = append(samples, sample{begun, previous})
	if previous < c.Restarts {
		samples = append(samples, sample{startOf(c, now), c.Restarts})
	}
	return samples
}

// startOf is when the present run began, or now where that is not known.
func startOf(c evidence.Container, now time.Time) time.Time {
	switch {
	case !c.RunningSince.IsZero():
		return c.RunningSince
	case c.Terminated != nil && !c.Terminated.StartedAt.IsZero():
		return c.Terminated.StartedAt
	default:
		return now
	}
}

func (h *History) countOOM(c evidence.Container) {
	for _, end := range []*evidence.Termination{c.LastTermination, c.Terminated} {
		if end == nil || !end.Finished.After(h.ended) {
			continue
		}
		h.ended = end.Finished
		if oom(end) {
			h.ooms++
		} else {
			h.ooms = 0
		}
	}
}

// restarts is how often the container restarted within the window: a lower
// bound where it was not watched for the whole of it.
func (h History) restarts(pod evidence.Pod, c evidence.Container, s Settings, now time.Time) int32 {
	begin := s.begin(now)
	if pod.Created.After(begin) {
		return c.Restarts
	}
	samples := h.samples
	if len(samples) == 0 {
		samples = seed(c, now)
	}
	before := samples[0].restarts
	for _, seen := range samples {
		if seen.at.After(begin) {
			break
		}
		before = seen.restarts
	}
	return max(0, c.Restarts-before)
}
