package stack

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/workload"
)

// Workload is what runs a service, as far as a stack looks at it: plain values, so
// that a stack can be resolved for all of a namespace without its objects.
type Workload struct {
	Kind   v1alpha1.WorkloadKind
	Name   string
	UID    string
	Labels map[string]string
	// TemplateLabels are those of its pods.
	TemplateLabels map[string]string
	// Wanted replicas and those that are ready.
	Wanted, Ready int32
	// Gone says that it is named and not there, as a Job that was deleted after its end.
	Gone bool
	// Run is how it stands with what runs to an end, nil of what runs for good.
	Run *workload.Run
	// Settled says that all wanted pods are ready and of the newest revision, and that
	// there are no others.
	Settled bool
	// MemoryLimits by container name, those that are set.
	MemoryLimits map[string]resource.Quantity
}

func (w Workload) String() string { return string(w.Kind) + "/" + w.Name }

// Ref names it.
func (w Workload) Ref(namespace string) workload.Ref {
	return workload.Ref{Kind: w.Kind, Namespace: namespace, Name: w.Name, UID: types.UID(w.UID)}
}

// Available reports whether all wanted replicas are ready. What runs to an end is
// available unless it failed or missed its time.
func (w Workload) Available() bool {
	if w.Run != nil {
		return w.Run.State != workload.RunFailed && w.Run.Missed.IsZero()
	}
	return w.Ready >= w.Wanted
}

// Serves reports whether those that depend on it have what they need of it.
func (w Workload) Serves(condition v1alpha1.DependencyCondition) bool {
	switch {
	case w.Run == nil:
		return w.Ready > 0
	case w.Run.State == workload.RunSucceeded, w.Run.State == workload.RunWaiting, w.Run.State == workload.RunSuspended:
		return true
	}
	return w.Ready > 0 && condition != v1alpha1.ServiceCompletedSuccessfully
}

// past says that it came to its end as it should, and nobody starts it again: there is
// nothing to watch.
func (w Workload) past() bool {
	switch {
	case w.Run != nil:
		return w.Run.Over() && w.Run.State == workload.RunSucceeded
	case workload.SeenByPods(w.Kind):
		return w.Wanted == 0
	}
	return false
}

// Says is how it stands, in a few words; empty where there is nothing to say.
func (w Workload) Says() string {
	switch r := w.Run; {
	case w.Gone:
		return "not there now"
	case r != nil:
		return saysRun(*r)
	case !w.Available():
		return fmt.Sprintf("%d of %d ready", w.Ready, w.Wanted)
	case workload.SeenByPods(w.Kind) && w.Wanted == 0:
		return "no pod of it runs"
	}
	return ""
}

// maxRunText is in bytes.
const maxRunText = 256

func saysRun(r workload.Run) string {
	var texts []string
	switch r.State {
	case workload.RunFailed:
		texts = append(texts, text.Clip(fmt.Sprintf("%s failed at %s%s", r.Object, clock(r.Ended), because(r)), maxRunText))
	case workload.RunSucceeded:
		texts = append(texts, "succeeded")
	case workload.RunSuspended:
		texts = append(texts, "suspended")
	case workload.RunRunning:
		texts = append(texts, "runs")
	case workload.RunWaiting:
	}
	if !r.Missed.IsZero() {
		texts = append(texts, "missed its run of "+clock(r.Missed))
	}
	if !r.Next.IsZero() {
		texts = append(texts, "next run "+clock(r.Next))
	}
	return strings.Join(texts, "; ")
}

func because(r workload.Run) string {
	switch {
	case r.Reason == "":
		return ""
	case r.Message == "":
		return ": " + r.Reason
	}
	return ": " + r.Reason + ": " + strings.TrimRight(r.Message, ". ")
}

func clock(at time.Time) string { return at.UTC().Format("2006-01-02 15:04Z") }

// WorkloadOf is what a stack looks at of a workload.
func WorkloadOf(w workload.Workload, now time.Time) Workload {
	object, template, replicas := w.Object(), w.Template(), w.Replicas()
	out := Workload{
		Kind: w.Kind(), Name: object.GetName(), UID: string(object.GetUID()),
		Labels: object.GetLabels(), TemplateLabels: template.Labels,
		Wanted: replicas.Desired, Ready: replicas.Ready, Run: w.Run(now),
		Settled:      replicas.Ready >= replicas.Desired && replicas.Updated >= replicas.Desired && replicas.Total <= replicas.Desired,
		MemoryLimits: map[string]resource.Quantity{},
	}
	for _, c := range template.Spec.Containers {
		if limit, set := c.Resources.Limits[corev1.ResourceMemory]; set {
			out.MemoryLimits[c.Name] = limit
		}
	}
	return out
}

// WorkloadsOf are those of a namespace.
func WorkloadsOf(all []workload.Workload, now time.Time) []Workload {
	out := make([]Workload, len(all))
	for i, w := range all {
		out[i] = WorkloadOf(w, now)
	}
	return out
}
