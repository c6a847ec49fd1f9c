package bridgediagnosis

import (
	"context"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// notAvailable is true of incidents of pods that are wanting or not ready.
func (in *round) notAvailable() bool {
	return in.after.Spec.Symptom == v1alpha1.SymptomNotAvailable
}

// detected is what an incident begins with.
func detected(symptom v1alpha1.Symptom) (reason, message string) {
	switch symptom {
	case v1alpha1.SymptomNotAvailable:
		return v1alpha1.ReasonNotAvailable, "pods are wanting, or do not become ready, and nothing restarts; the evidence is being gathered"
	case v1alpha1.SymptomRunFailed:
		return v1alpha1.ReasonRunFailed, "a run came to no good end; the evidence is being gathered"
	default:
	}
	return v1alpha1.ReasonLoopDetected, "a restart loop was detected; the evidence is being gathered"
}

// lacksPods is true where pods are not there at all and no other pod is in trouble:
// what makes the pods says why, no pod does.
func (in *round) lacksPods() bool {
	if !in.notAvailable() || in.workload == nil {
		return false
	}
	if n := in.workload.Replicas(); n.Total >= n.Desired {
		return false
	}
	_, worst, found := in.worst()
	_, up := detect.Up(worst.Pod, worst.Container)
	return !found || up
}

// readyFor is how long the pods of an incident without restarts must be ready for it to
// be over: nothing ran that could end again.
const readyFor = 10 * time.Second

// soakWithoutRemedy is how long the container must stay up where nothing was changed.
func (in *round) soakWithoutRemedy() time.Duration {
	loop := in.after.Status.Loop
	if in.notAvailable() && len(in.after.Status.Attempts) == 0 && (loop == nil || loop.Reason == detect.ReasonNotAvailable) {
		return min(in.soak(), readyFor)
	}
	return in.soak()
}

// caseOf gathers what is known of the container in trouble: where pods are wanting of
// what makes them, and of a pod that does not get through its init containers of the
// one at which it stands.
func (r *Reconciler) caseOf(ctx context.Context, in *round, pod observe.Pod, container evidence.Container) (observe.Observation, error) {
	request := observe.Request{Pod: pod.Pod, Container: container.Name, Service: in.service.Name, Workload: in.named()}
	if pod.Pod == nil {
		request.Container = in.after.Spec.Container
		return r.Observer.Wanting(ctx, request)
	}
	if in.notAvailable() {
		request.Container = detect.StandsFor(container.Name, observe.Containers(pod.Pod))
	}
	return r.Observer.Case(ctx, request)
}

// maxOtherPorts of a container are asked beside the one of its readiness probe.
const maxOtherPorts = 3

// askReadiness asks a container that runs and is not ready what its readiness probe
// asks, and whether its other ports answer: so a probe that asks the wrong port shows.
func (r *Reconciler) askReadiness(ctx context.Context, in *round, pod observe.Pod, seen observe.Observation) []evidence.Probe {
	k := seen.Case.Container
	if pod.Pod == nil || pod.Status.PodIP == "" || k.Readiness == nil || k.Readiness.Port == 0 || k.Ready || k.RunningSince.IsZero() {
		return nil
	}
	to := evidence.Connection{Service: in.service.Name, Protocol: evidence.TCP, Servers: []evidence.HostPort{{Host: pod.Status.PodIP, Port: k.Readiness.Port}}}
	if k.Readiness.Kind == "httpGet" && k.Readiness.Scheme == "HTTP" {
		to.Protocol, to.Path = evidence.HTTP, k.Readiness.Path
	}
	out := []evidence.Probe{r.Prober.Probe(ctx, in.scope, to, v1alpha1.AsConfigured)}
	to.Protocol, to.Path = evidence.TCP, ""
	for _, port := range k.Ports[:min(len(k.Ports), maxOtherPorts)] {
		if port != k.Readiness.Port {
			to.Servers = []evidence.HostPort{{Host: pod.Status.PodIP, Port: port}}
			out = append(out, r.Prober.Probe(ctx, in.scope, to, v1alpha1.AsConfigured))
		}
	}
	for i := range out {
		for j := range out[i].Stages {
			out[i].Stages[j].Message = seen.Redactor.Text(out[i].Stages[j].Message)
		}
	}
	return out
}
