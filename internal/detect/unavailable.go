package detect

import (
	"cmp"
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// ReasonNotAvailable says that pods are wanting or do not become ready, and nothing restarts.
const ReasonNotAvailable = "NotAvailable"

// DefaultUnavailableGrace is how long pods may be wanting, or not ready, before that
// is an incident, where neither the policy nor the workload says so.
const DefaultUnavailableGrace = 2 * time.Minute

// Availability is how many pods a workload has, and how they are.
type Availability struct {
	// Wanted is how many pods there should be, and Missing how many of them there are
	// not at all, MissingSince since when; zero where that was not seen before.
	Wanted, Missing int32
	MissingSince    time.Time
	// GoneBy is when pods that are being deleted should be gone, and others are made in
	// their place; zero where none is.
	GoneBy time.Time
	// ProgressDeadline of the workload, 0 where it has none.
	ProgressDeadline time.Duration
	// Pods of any revision.
	Pods []PodState
}

// PodState is a pod with its containers.
type PodState struct {
	Pod        evidence.Pod
	Containers []evidence.Container
	// Newest says that it is of the newest revision, Current that it is, or that nothing
	// is about to replace it: see MarkCurrent.
	Newest, Current bool
	// Ends is when a pod that is being deleted should be gone, zero where it is not.
	Ends time.Time
	// ScalesUp says that an autoscaler answered that it makes a node for the pod.
	ScalesUp bool
}

// Shortage is what is wanting.
type Shortage struct {
	Verdict
	// Container that should be up, empty where no pod tells: the template's first one.
	Container string
}

// Unavailable is the verdict on a workload nothing of which loops: whether pods are
// wanting, or do not become ready, for longer than the grace. What restarts is for
// Loop to judge, and what someone scaled to zero is as they want it.
func Unavailable(a Availability, s Settings, now time.Time) Shortage {
	s = s.withDefaults()
	var out Shortage
	if a.Wanted == 0 {
		return out
	}
	if a.Missing > 0 && !a.MissingSince.IsZero() {
		out.after(a.MissingSince.Add(graceOf(s, DefaultUnavailableGrace)), now, "", fmt.Sprintf("%d of %d pods are not there", a.Missing, a.Wanted))
	}
	if left := a.GoneBy.Sub(now); left > 0 && !out.Looping {
		out.recheckIn(left) // no event tells that one is not
	}
	if n, since := a.turnedAway(s, now); n > s.Restarts && !out.Looping {
		out.after(since.Add(graceOf(s, DefaultUnavailableGrace)), now, "", fmt.Sprintf("%d pods were turned away by the kubelets of their nodes", n))
	}
	for _, p := range a.Pods {
		if out.Looping {
			break
		}
		if !p.Current && !p.upOrOver() {
			out.recheckIn(replacedWithin) // no event tells that it is replaced no more
		}
		if !p.Current {
			continue
		}
		if left := p.settlesIn(s, now); left > 0 {
			out.recheckIn(left) // no event tells that what restarted does so no more
			continue
		}
		since, by, container := p.waits(a, s)
		if !since.IsZero() {
			out.after(by, now, container, fmt.Sprintf("pod %s is not ready since %s", p.Pod.Name, since.UTC().Format(time.TimeOnly)))
		}
	}
	return out
}

// turnedAway is how many pods of the newest revision kubelets turned away within the
// window, and since when: none of them lives long enough to be one that is not ready.
func (a Availability) turnedAway(s Settings, now time.Time) (n int32, since time.Time) {
	for _, p := range a.Pods {
		if !p.Newest || now.Sub(p.Pod.Created) > s.Window || !turnedAway(p.Pod, p.Containers) {
			continue
		}
		n++
		if since.IsZero() || p.Pod.Created.Before(since) {
			since = p.Pod.Created
		}
	}
	return n, since
}

// after counts what is so as an incident from a time on.
func (s *Shortage) after(by, now time.Time, container, message string) {
	if left := by.Sub(now); left > 0 {
		s.recheckIn(left)
		return
	}
	s.Verdict, s.Container = Verdict{Looping: true, Reason: ReasonNotAvailable, Message: message}, container
}

func (s *Shortage) recheckIn(left time.Duration) {
	if s.RecheckAfter == 0 || left < s.RecheckAfter {
		s.RecheckAfter = left
	}
}

// graceOf is the policy's, else what fits what is seen.
func graceOf(s Settings, otherwise time.Duration) time.Duration {
	if s.UnavailableGrace > 0 {
		return s.UnavailableGrace
	}
	return otherwise
}

// waits is since when a pod is not ready, by when it should be, and which of its
// containers should be up; a zero time where nothing is to be awaited of it.
func (p PodState) waits(a Availability, s Settings) (since, by time.Time, container string) {
	if p.upOrOver() {
		return time.Time{}, time.Time{}, ""
	}
	since = p.unreadySince(s)
	by = since.Add(graceOf(s, p.grace(a)))
	sidecar := ""
	for _, c := range p.Containers {
		if c.Role == evidence.RoleInit || c.Ready {
			continue
		}
		if c.Role == evidence.RoleSidecar {
			sidecar = cmp.Or(sidecar, c.Name)
		} else {
			container = cmp.Or(container, c.Name)
		}
		// By its probes, whatever else is said.
		if allowed := c.RunningSince.Add(startAllowed(c)); !c.RunningSince.IsZero() && allowed.After(by) {
			by = allowed
		}
	}
	return since, by, cmp.Or(container, sidecar)
}

// unreadySince is when a pod that is not ready last was, or was made; not before the
// last incident was over.
func (p PodState) unreadySince(s Settings) time.Time {
	since := p.Pod.Created
	if p.Pod.Ready == evidence.ReadinessFalse && p.Pod.ReadySince.After(since) {
		since = p.Pod.ReadySince
	}
	if s.Since.After(since) {
		since = s.Since
	}
	return since
}

// grace of a pod where the policy says nothing. One that has a node starts, be it that
// an image is pulled or that a migration runs.
func (p PodState) grace(a Availability) time.Duration {
	switch {
	case p.Pod.Scheduled:
		return max(DefaultUnavailableGrace, a.ProgressDeadline)
	case p.ScalesUp:
		return max(DefaultUnavailableGrace, a.ProgressDeadline, scaleUp)
	}
	return DefaultUnavailableGrace
}

// scaleUp is how long a node may take that an autoscaler makes: its own time-out for a
// node that does not come (max-node-provision-time) is 15 minutes.
const scaleUp = 15 * time.Minute

// startAllowed is how long its probes let a container take to be ready.
func startAllowed(c evidence.Container) time.Duration {
	var allowed time.Duration
	for _, p := range []*evidence.ProbeSpec{c.Startup, c.Readiness} {
		if p != nil {
			allowed += p.Budget()
		}
	}
	return allowed
}

// upOrOver says that a pod is ready, has ended, or is being deleted.
func (p PodState) upOrOver() bool {
	return p.Pod.Ready == evidence.ReadinessTrue || p.Pod.Terminating || p.Pod.Phase == "Succeeded" || p.Pod.Phase == "Failed"
}

// settlesIn is when a pod that is not up, and of which a container ended lately or
// cannot start, counts as one in which nothing restarts: until then that is a loop's
// beginning, or none. 0 where nothing restarts.
func (p PodState) settlesIn(s Settings, now time.Time) time.Duration {
	var left time.Duration
	if p.upOrOver() {
		return left
	}
	for _, c := range p.Containers {
		if c.Blocked() || c.Role != evidence.RoleInit && c.Terminated != nil {
			left = max(left, s.Window)
		}
		if ended := c.LastTermination; ended != nil && c.Restarts > 0 {
			left = max(left, ended.Finished.Add(s.Window).Sub(now))
		}
	}
	return left
}

// StandsFor is the container to look at for one that should be up: of a pod that is
// still initializing the init container at which it stands, else the container itself.
func StandsFor(container string, containers []evidence.Container) string {
	for _, c := range containers {
		done := c.Terminated != nil && c.Terminated.ExitCode == 0 || c.Role == evidence.RoleSidecar && c.Started
		switch {
		case c.Role == evidence.RoleMain:
			continue
		case !done && (!c.RunningSince.IsZero() || c.Terminated != nil || c.Blocked()):
			return c.Name
		}
	}
	return container
}

// readyFor is how long the pods of an incident without restarts must be ready for it to
// be over: nothing ran that could end again.
const readyFor = 10 * time.Second

// SoakWithoutRemedy is how long a container must stay up where nothing was changed: the
// whole soak, but for pods that were only wanting, or not ready, from the beginning.
func SoakWithoutRemedy(symptom v1alpha1.Symptom, s v1alpha1.BridgeDiagnosisStatus, soak time.Duration) time.Duration {
	if symptom == v1alpha1.SymptomNotAvailable && len(s.Attempts) == 0 && (s.Loop == nil || s.Loop.Reason == ReasonNotAvailable) {
		return min(soak, readyFor)
	}
	return soak
}
