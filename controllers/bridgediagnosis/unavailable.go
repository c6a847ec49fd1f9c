package bridgediagnosis

import (
	"context"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
)

// notAvailable is true of incidents of pods that are wanting or not ready.
func (in *round) notAvailable() bool {
	return in.after.Spec.Symptom == v1alpha1.SymptomNotAvailable
}

// lacksPods says that what makes the pods says why they are wanting, no pod does.
func (in *round) lacksPods() bool {
	if !in.notAvailable() || in.workload == nil {
		return false
	}
	_, worst, found := in.worst()
	return detect.LacksPods(in.workload.Replicas(), worst, found)
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

// askReadiness asks a container that runs and is not ready what its readiness probe asks.
func (r *Reconciler) askReadiness(ctx context.Context, in *round, pod observe.Pod, seen observe.Observation) []evidence.Probe {
	if pod.Pod == nil {
		return nil
	}
	var out []evidence.Probe
	for _, to := range diagnosis.ReadinessQuestions(in.service.Name, pod.Status.PodIP, seen.Case.Container) {
		answer := r.Prober.Probe(ctx, in.scope, to, v1alpha1.AsConfigured)
		for i := range answer.Stages {
			answer.Stages[i].Message = seen.Redactor.Text(answer.Stages[i].Message)
		}
		out = append(out, answer)
	}
	return out
}
