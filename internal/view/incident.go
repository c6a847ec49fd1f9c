// Package view is what follows from what one round sees of an incident: which pods
// count, how long they must stay up, whether it is over, whose turn it is. It is pure.
package view

import (
	"slices"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/verify"
	"github.com/bridgestack/operator/internal/workload"
)

// Incident is what is seen of an incident in one round, as plain values. What follows from
// it alone is its methods.
type Incident struct {
	Diagnosis *v1alpha1.BridgeDiagnosis
	Policy    stack.Policy
	Service   stack.Service
	// StackGone says that no stack covers the workload, or another one does.
	StackGone bool
	// Workload is nil where it was deleted, or is another one under its name.
	Workload workload.Workload
	Pods     []evidence.WorkloadPod
	// Run is how it stands with a workload that runs to an end, zero of others.
	Run evidence.Run
	// RefusedSince is since when the API server refuses the workload's pods, by its events.
	RefusedSince time.Time
	// Now is when the round began.
	Now time.Time
}

// Paused is true while a person wants nothing to be written: by a pause, or by a
// maintenance window.
func (v Incident) Paused() bool {
	return v.Policy.Paused || workload.Paused(v.Workload) || v.Policy.MaintenanceAt(v.Now).Now()
}

// Worst is the index of the pod to look at, -1 where there is none; see detect.Worst.
// Where pods are wanting or not ready, those that ended before are none of them, unless a
// run ended with them, but for one that its kubelet turned away: its successor is too
// young to tell anything.
func (v Incident) Worst() int {
	worst := detect.Worst(v.Pods, detect.RolloutRests(v.Pods, v.Now), !v.NotAvailable() || v.Run.Failed)
	if !v.NotAvailable() || worst >= 0 && v.Pods[worst].Container.Begun() {
		return worst
	}
	if i := detect.TurnedAway(v.Pods, v.Now); i >= 0 {
		return i
	}
	return worst
}

// worst is that pod, false where there is none.
func (v Incident) worst() (evidence.WorkloadPod, bool) {
	if i := v.Worst(); i >= 0 {
		return v.Pods[i], true
	}
	return evidence.WorkloadPod{}, false
}

// PodsNow are the pods that a change of the template is judged by: of the newest
// revision, and earlier ones where the workload keeps them, or where a node that does
// not answer keeps its rollout from going on: a pod there is never replaced, and counts
// as the one that may be unavailable.
func (v Incident) PodsNow() []verify.Pod {
	older := v.Workload.Strategy().KeepsOlder() || slices.ContainsFunc(v.Pods, func(p evidence.WorkloadPod) bool { return p.Stranded })
	return verify.PodsOf(v.Pods, v.templateSeen(), older)
}

// LivePods are all that should be up, of whatever revision: while a rollout is paused,
// or where pods change on delete only, none may be of the newest.
func (v Incident) LivePods() []verify.Pod {
	return verify.PodsOf(v.Pods, v.templateSeen(), true)
}

func (v Incident) templateSeen() bool {
	return attempt.TemplateSeen(v.Workload, LastAttempt(v.Diagnosis), v.Diagnosis.Spec.Workload)
}

// Unreachable says why a change of the pod template would not reach the pod in trouble,
// empty where it would.
func (v Incident) Unreachable() string {
	worst, _ := v.worst()
	return workload.Withheld(v.Workload, worst.Pod.Name)
}

// VerifyInput is what the verdict on the attempt in force rests on.
func (v Incident) VerifyInput() verify.Input {
	refused := v.Workload.Replicas().RefusedSince
	if refused.IsZero() {
		refused = v.RefusedSince
	}
	return verify.Input{
		Now: v.Now, Attempt: *LastAttempt(v.Diagnosis), Pods: v.PodsNow(), Desired: v.Service.Desired(),
		RefusedSince: refused, SurgesFirst: v.Workload.Strategy().SurgesFirst,
	}
}

// NotAvailable is true of incidents of pods that are wanting or not ready.
func (v Incident) NotAvailable() bool {
	return v.Diagnosis.Spec.Symptom == v1alpha1.SymptomNotAvailable
}

// ByHealth is true of incidents that a health endpoint showed: that the container runs
// says nothing of them.
func (v Incident) ByHealth() bool {
	return v.Diagnosis.Spec.Symptom == v1alpha1.SymptomHealthEndpointFailing
}

// LacksPods is true where pods are not there at all and no other pod is in trouble: what
// makes the pods says why, no pod does.
func (v Incident) LacksPods() bool {
	if !v.NotAvailable() || v.Workload == nil {
		return false
	}
	worst, found := v.worst()
	return detect.LacksPods(v.Workload.Replicas(), worst, found)
}

// Outlived is true while the pod in trouble has been up for longer than it ever ran
// before it crashed.
func (v Incident) Outlived(now time.Time) bool {
	worst, found := v.worst()
	return found && !v.LacksPods() && detect.Outlived(worst, v.Diagnosis.Status.Loop, now)
}

// Soak is how long the container must stay up after a change.
func (v Incident) Soak() time.Duration {
	return verify.SoakOf(v.Policy.Soak, v.Diagnosis.Status.Loop)
}

// SoakWithoutRemedy is how long the container must stay up where nothing was changed.
func (v Incident) SoakWithoutRemedy() time.Duration {
	return detect.SoakWithoutRemedy(v.Diagnosis.Spec.Symptom, v.Diagnosis.Status, v.Soak())
}

// AwaitsRun is true where only a run that succeeds ends the incident.
func (v Incident) AwaitsRun() bool {
	return detect.AwaitsRun(v.Diagnosis.Spec.Symptom, v.Run)
}

// Detected is since when the incident is known.
func (v Incident) Detected() time.Time {
	if at := v.Diagnosis.Spec.DetectedAt; at != nil {
		return at.Time
	}
	return v.Diagnosis.CreationTimestamp.Time
}

// Over is why there is nothing left to repair, with the reason of the API, empty while
// there is.
func (v Incident) Over() (reason, message string) {
	seen := Seen{WorkloadGone: v.Workload == nil, StackGone: v.StackGone, Container: v.Diagnosis.Spec.Container}
	if !seen.WorkloadGone && !seen.StackGone {
		seen.ContainerGone = attempt.ContainerIsGone(v.Workload.Template(), seen.Container, v.Pods)
		seen.Desired, seen.Pods, seen.Run = v.Service.Desired(), len(attempt.PodsOf(v.Workload, v.Pods)), v.Workload.Run(v.Now)
	}
	return seen.Over()
}

// LastAttempt is the latest one, nil where there is none.
func LastAttempt(d *v1alpha1.BridgeDiagnosis) *v1alpha1.Attempt {
	if n := len(d.Status.Attempts); n > 0 {
		return &d.Status.Attempts[n-1]
	}
	return nil
}
