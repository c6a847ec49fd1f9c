package verify

import "time"

// Health is what is known of a health endpoint.
type Health struct {
	// Known says that it was asked.
	Known bool
	// HealthySince is since when all answers have been good, zero while they are not;
	// AskedSince is when this process had its first answer.
	HealthySince, AskedSince time.Time
}

// Left is when to look again at an endpoint that has not been well for the whole soak,
// 0 where it has. It is asked once in a period.
func (h Health) Left(soak, period time.Duration, now time.Time) time.Duration {
	if !h.Known || h.HealthySince.IsZero() {
		return period
	}
	return max(0, soak-now.Sub(h.HealthySince))
}

// WithHealth is the verdict on an attempt at what a health endpoint showed, which has
// so much left of its soak: to be up is not enough.
func WithHealth(v Verdict, h Health, left time.Duration, deadline, now time.Time) Verdict {
	if v.Outcome != Helped {
		return v
	}
	// What a process that began after the deadline has never seen unwell may have been
	// well by then.
	mayHaveBeenWell := !h.Known || !h.HealthySince.IsZero() && (!h.HealthySince.After(deadline) || h.HealthySince.Equal(h.AskedSince))
	if now.After(deadline) && !mayHaveBeenWell {
		return Verdict{Outcome: Failed, Reason: "the container is up, and its health endpoint was not well by the deadline"}
	}
	return Verdict{Outcome: Waiting, Reason: "up; the health endpoint has not been well for the soak", RecheckAfter: left}
}
