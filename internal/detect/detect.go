// Package detect decides from a pod's state now, and from what was seen of it
// before, whether a container is in a restart loop. It is pure: the time is an
// argument and the caller keeps the history.
package detect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bridgestack/operator/internal/evidence"
)

// The reasons of a Verdict, beside the kubelet's own waiting reasons.
const (
	// ReasonRestarts: more restarts in the window than are allowed.
	ReasonRestarts = "Restarts"
	// ReasonOOMKilledTwice: the kernel killed two runs in a row.
	ReasonOOMKilledTwice = "OOMKilledTwice"
	// ReasonEvicted: the pod was evicted for exceeding a limit of its own.
	ReasonEvicted = "Evicted"
	// ReasonCrashLoopBackOff: the kubelet waits before it starts the container again.
	ReasonCrashLoopBackOff = "CrashLoopBackOff"
	// ReasonHealth: the health endpoint failed too often; see Health.
	ReasonHealth = "HealthEndpointFailing"
)

// The defaults of Settings.
const (
	DefaultRestarts       = 3
	DefaultWindow         = 5 * time.Minute
	DefaultStartGrace     = 10 * time.Second
	DefaultCreateGrace    = time.Minute
	DefaultHealthFailures = 2
	DefaultHealthWindow   = 2 * time.Minute
)

// Settings say when restarts count as a loop. A field that is zero counts as
// its default.
type Settings struct {
	// Restarts within Window that are still no loop: one more is. Default: 3.
	Restarts int32
	// Window in which restarts are counted. Default: 5m.
	Window time.Duration
	// StartGrace is how long a container may be unable to start before that is
	// an incident: a Secret that is applied a moment later is none. Default: 10s.
	StartGrace time.Duration
	// CreateGrace is StartGrace for pods whose volumes or sandbox fail. Default: 1m.
	CreateGrace time.Duration
	// Since is when the last incident of the container was over, zero if it had
	// none: the restarts of that one are not counted again. Default: none.
	Since time.Time
	// UnavailableGrace is how long pods may be wanting or not ready; see Unavailable
	// for what holds where it is 0.
	UnavailableGrace time.Duration
	// HealthFailures within HealthWindow that are still no incident. Default: 2.
	HealthFailures int32
	// HealthWindow in which health failures are counted. Default: 2m.
	HealthWindow time.Duration
}

func (s Settings) withDefaults() Settings {
	s.Restarts = cmp.Or(s.Restarts, DefaultRestarts)
	s.Window = cmp.Or(s.Window, DefaultWindow)
	s.StartGrace = cmp.Or(s.StartGrace, DefaultStartGrace)
	s.CreateGrace = cmp.Or(s.CreateGrace, DefaultCreateGrace)
	s.HealthFailures = cmp.Or(s.HealthFailures, DefaultHealthFailures)
	s.HealthWindow = cmp.Or(s.HealthWindow, DefaultHealthWindow)
	return s
}

// begin is from when on restarts count.
func (s Settings) begin(now time.Time) time.Time {
	begin := now.Add(-s.Window)
	if s.Since.After(begin) {
		return s.Since
	}
	return begin
}

// Verdict says whether a container loops.
type Verdict struct {
	Looping bool
	// Reason is a Reason constant or the kubelet's waiting reason, empty where
	// the container does not loop.
	Reason string
	// Message says what was counted, for a person.
	Message string
	// RecheckAfter is when the verdict changes by time alone, 0 if it does not:
	// no event will come by then.
	RecheckAfter time.Duration
}

// cannotStart are the kubelet's reasons for a container that it cannot start.
var cannotStart = map[string]bool{
	"CreateContainerConfigError": true,
	"CreateContainerError":       true,
	"RunContainerError":          true,
	"ErrImagePull":               true,
	"ImagePullBackOff":           true,
	"ImageInspectError":          true,
	"ErrImageNeverPull":          true,
	"RegistryUnavailable":        true,
	"InvalidImageName":           true,
	"PreCreateHookError":         true,
	"PreStartHookError":          true,
	"PostStartHookError":         true,
}

// Loop is the verdict on a container at a moment. Without any history, as for
// a pod read from a file, it rests on the pod alone.
func Loop(h History, pod evidence.Pod, c evidence.Container, s Settings, now time.Time) Verdict {
	s = s.withDefaults()
	switch {
	case evictedByItself(pod):
		return evicted(pod, c, s, now)
	case pod.Terminating, over(pod, c):
		return Verdict{}
	case c.Waiting != nil && c.Waiting.Reason == ReasonCrashLoopBackOff:
		return loop(ReasonCrashLoopBackOff, "waits in CrashLoopBackOff after %d restarts", c.Restarts)
	case c.Waiting != nil && cannotStart[c.Waiting.Reason]:
		return unableToStart(h, c, s, now)
	}
	restarts := h.restarts(pod, c, s, now)
	if oomTwice(h, c, restarts, s, now) {
		return loop(ReasonOOMKilledTwice, "OOMKilled twice in a row, last at %s", c.Ended().Finished.UTC().Format(time.TimeOnly))
	}
	if restarts > s.Restarts {
		return loop(ReasonRestarts, "%d restarts within %s", restarts, s.Window)
	}
	return Verdict{}
}

func loop(reason, format string, args ...any) Verdict {
	return Verdict{Looping: true, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// over says that nothing will start the container again: the pod has ended, or
// it is an init container that is done.
func over(pod evidence.Pod, c evidence.Container) bool {
	if pod.Phase == "Succeeded" || pod.Phase == "Failed" {
		return true
	}
	return c.Role == evidence.RoleInit && c.Terminated != nil && c.Terminated.ExitCode == 0
}

// unableToStart waits for the grace to pass. Where the container was not seen
// before, the pod's age decides.
func unableToStart(h History, c evidence.Container, s Settings, now time.Time) Verdict {
	if since := h.blockedSince; !since.IsZero() && now.Sub(since) < s.StartGrace {
		return Verdict{RecheckAfter: since.Add(s.StartGrace).Sub(now)}
	}
	return loop(c.Waiting.Reason, "cannot start: %s", cmp.Or(c.Waiting.Message, c.Waiting.Reason))
}

// oomTwice is true when the last two runs were killed by the kernel and the
// later one ended within the window: a slow leak counts even where its crashes
// are further apart than the window.
func oomTwice(h History, c evidence.Container, restarts int32, s Settings, now time.Time) bool {
	last := c.Ended()
	if !oom(last) || !last.Finished.After(s.begin(now)) {
		return false
	}
	return h.ooms >= 2 || restarts >= 2 || c.Terminated != nil && oom(c.LastTermination)
}

func oom(t *evidence.Termination) bool { return t != nil && t.Reason == "OOMKilled" }

// evictedByItself is true for a pod that exceeded a storage limit of its own;
// one that had to go because its node was full is not at fault.
func evictedByItself(pod evidence.Pod) bool {
	return pod.Phase == "Failed" && pod.Reason == ReasonEvicted && strings.Contains(pod.Message, "exceed")
}

func evicted(pod evidence.Pod, c evidence.Container, s Settings, now time.Time) Verdict {
	// The kubelet names the container where it was the container's own limit.
	if strings.HasPrefix(pod.Message, "Container ") && !strings.HasPrefix(pod.Message, "Container "+c.Name+" ") {
		return Verdict{}
	}
	if !evictedAt(pod, c).After(s.begin(now)) {
		return Verdict{}
	}
	return loop(ReasonEvicted, "%s", pod.Message)
}

// evictedAt is when a pod was evicted: when its container ended; where the kubelet
// could not say (ContainerStatusUnknown has no times, and a container that never
// ran has no status), when the pod ceased to be ready; else no sooner than it was
// made.
func evictedAt(pod evidence.Pod, c evidence.Container) time.Time {
	if end := c.Ended(); end != nil && !end.Finished.IsZero() {
		return end.Finished
	}
	if pod.Ready == evidence.ReadinessFalse && !pod.ReadySince.IsZero() {
		return pod.ReadySince
	}
	return pod.Created
}

// Stuck is the verdict on a pod of which no container is even created, because
// its volumes or its sandbox fail; only its events tell that from an image that
// takes long to pull. Call it for pods that are Creating.
func Stuck(pod evidence.Pod, containers []evidence.Container, events []evidence.Event, s Settings, now time.Time) Verdict {
	s = s.withDefaults()
	if pod.Terminating || !Creating(containers) {
		return Verdict{}
	}
	if age := now.Sub(pod.Created); age < s.CreateGrace {
		return Verdict{RecheckAfter: s.CreateGrace - age}
	}
	if e, ok := lastFailure(events); ok && now.Sub(e.Last) <= s.Window {
		return loop(e.Reason, "cannot be created: %s", e.Message)
	}
	return Verdict{RecheckAfter: s.CreateGrace}
}

// lastFailure is the newest event that says why the pod cannot be created,
// unless the kubelet has got past that since.
func lastFailure(events []evidence.Event) (evidence.Event, bool) {
	for _, e := range slices.Backward(events) {
		switch e.Reason {
		case "FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox":
			return e, true
		case "Pulling", "Pulled", "Created", "Started":
			return evidence.Event{}, false
		}
	}
	return evidence.Event{}, false
}

// Creating reports whether none of a pod's containers has been created yet.
func Creating(containers []evidence.Container) bool {
	for _, c := range containers {
		if c.Waiting == nil || c.Waiting.Reason != "ContainerCreating" && c.Waiting.Reason != "PodInitializing" {
			return false
		}
	}
	return len(containers) > 0
}

// Up reports since when a container has been up without a break: a main
// container or a sidecar runs, and has been ready since the pod's own condition
// Ready last became True, or that of its node if that was later: while a kubelet is
// away nobody watches its pods. An init container has ended with 0, and the time is
// when it did. Where the pod is not ready because another of its containers is
// not, only the container's own status tells, which has no time: it counts from its
// start. Where it is not ready though all
// containers are, as on a node that does not answer, nothing in it is up.
func Up(pod evidence.Pod, c evidence.Container) (since time.Time, up bool) {
	if c.Role == evidence.RoleInit {
		if c.Terminated == nil || c.Terminated.ExitCode != 0 {
			return time.Time{}, false
		}
		return c.Terminated.Finished, true
	}
	if c.RunningSince.IsZero() || !c.Ready && (c.Readiness != nil || c.Startup != nil) {
		return time.Time{}, false
	}
	return readySince(pod, c.RunningSince)
}

// readySince is since when the pod's own condition, and its node's, let what runs in
// it count as up.
func readySince(pod evidence.Pod, running time.Time) (time.Time, bool) {
	if pod.Ready == evidence.ReadinessFalse && pod.ContainersReady || pod.NodeReady == evidence.ReadinessFalse {
		return time.Time{}, false
	}
	since := running
	if pod.Ready == evidence.ReadinessTrue && pod.ReadySince.After(since) {
		since = pod.ReadySince
	}
	if pod.NodeReady == evidence.ReadinessTrue && pod.NodeReadySince.After(since) {
		since = pod.NodeReadySince
	}
	return since, true
}
