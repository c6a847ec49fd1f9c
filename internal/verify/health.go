package verify

import "time"

// Health is what is known of an endpoint that has not been well for the whole soak.
type Health struct {
	// Known says that it was asked.
	Known bool
	// HealthySince is since when all answers have been good, zero while they are not;
	// AskedSince is when this process had its first answer.
	HealthySince, AskedSince time.Time
	// Left of the soak.
	Left time.Duration
}

// WithHealth is the verdict on an attempt at what a health endpoint showed: to be up is
// not enough.
func WithHealth(v Verdict, h Health, deadline, now time.Time) Verdict {
	if v.Outcome != Helped {
		return v
	}
	// What a process that began after the deadline has never seen unwell may have been
	// well by then.
	mayHaveBeenWell := !h.Known || !h.HealthySince.IsZero() && (!h.HealthySince.After(deadline) || h.HealthySince.Equal(h.AskedSince))
	if now.After(deadline) && !mayHaveBeenWell {
		return Verdict{Outcome: Failed, Reason: "the container is up, and its health endpoint was not well by the deadline"}
	}
	return Verdict{Outcome: Waiting, Reason: "up; the health endpoint has not been well for the soak", RecheckAfter: h.Left}
}
