package remedy

import (
	"fmt"
	"math"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// relaxProbe gives a start the time that it is seen to need. It never relaxes
// what watches a container that had started: that one is ill, not slow.
var relaxProbe = remedy{
	name:      v1alpha1.RemedyRelaxProbe,
	summary:   "Gives a startup probe the time that the start is seen to need.",
	writes:    v1alpha1.ActionPatchTemplate,
	mayChange: relaxesStartup,
	causes:    []v1alpha1.Cause{v1alpha1.CauseStartupProbeFailed},
	propose: func(in Input) (Action, *Refusal) {
		c := container(in.Template, in.Case.Container.Name)
		if c == nil || c.StartupProbe == nil {
			return refuse(v1alpha1.RemedyRelaxProbe, "container %q has no startup probe in the pod template", in.Case.Container.Name)
		}
		present := budget(c.StartupProbe)
		wanted := min(in.neededStart(present), in.Policy.StartupCeiling)
		threshold := thresholdFor(c.StartupProbe, wanted)
		if threshold <= effectiveThreshold(c.StartupProbe) {
			return refuse(v1alpha1.RemedyRelaxProbe, "the startup probe allows %s already and the policy's startupCeiling is %s", present, in.Policy.StartupCeiling)
		}
		return Action{
			Because:  fmt.Sprintf("the startup probe allows a start of %s, and the container was still starting when that had passed", present),
			Target:   in.workload(),
			Template: in.edit(func(c *corev1.Container) { c.StartupProbe.FailureThreshold = threshold }),
		}, nil
	},
}

// neededStart is how long the start may need: what an older pod of the
// workload was seen to need and half as much again, else twice what was
// allowed, and twice again for each attempt that did not suffice.
func (in Input) neededStart(present time.Duration) time.Duration {
	needed := present
	for range 1 + in.tried(v1alpha1.RemedyRelaxProbe) {
		needed *= 2
	}
	return max(needed, in.SlowestStart+in.SlowestStart/2)
}

// budget is the longest start that a probe allows, with the API's defaults.
func budget(p *corev1.Probe) time.Duration {
	return time.Duration(p.InitialDelaySeconds)*time.Second + time.Duration(effectiveThreshold(p))*period(p)
}

func thresholdFor(p *corev1.Probe, start time.Duration) int32 {
	beyondDelay := start - time.Duration(p.InitialDelaySeconds)*time.Second
	return int32(math.Floor(beyondDelay.Seconds() / period(p).Seconds()))
}

// effectiveThreshold and period are the numbers that the kubelet goes by
// where a template leaves them out: 3 and 10 s (core/v1 Probe).
func effectiveThreshold(p *corev1.Probe) int32 {
	if p.FailureThreshold > 0 {
		return p.FailureThreshold
	}
	return 3
}

func period(p *corev1.Probe) time.Duration {
	if p.PeriodSeconds > 0 {
		return time.Duration(p.PeriodSeconds) * time.Second
	}
	return 10 * time.Second
}

// relaxesStartup reports whether a difference is a startup probe that gives more time.
func relaxesStartup(_ TemplateWrite, d difference) bool {
	_, rest, ok := d.path.inContainer()
	if !ok || !rest.is("startupProbe", "failureThreshold") {
		return false
	}
	after, err := strconv.Atoi(plainText(d.after))
	if err != nil || d.before == nil {
		return err == nil && after > 0
	}
	before, err := strconv.Atoi(plainText(d.before))
	return err == nil && after > before
}
