package observe

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// RolledOut reports whether all pods of a workload are of its newest revision
// and ready, as kubectl rollout status waits for.
func (r *Reader) RolledOut(ctx context.Context, w Workload) (bool, error) {
	var err error
	out := false
	switch w.Kind {
	case v1alpha1.StatefulSet:
		var s appsv1.StatefulSet
		err = r.workload(ctx, w, &s)
		wanted := replicasOf(s.Spec.Replicas)
		out = s.Status.ObservedGeneration >= s.Generation && s.Status.UpdateRevision == s.Status.CurrentRevision && s.Status.ReadyReplicas == wanted
	case v1alpha1.DaemonSet:
		var d appsv1.DaemonSet
		err = r.workload(ctx, w, &d)
		wanted := d.Status.DesiredNumberScheduled
		out = d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedNumberScheduled == wanted && d.Status.NumberReady == wanted
	case v1alpha1.Deployment:
		var d appsv1.Deployment
		err = r.workload(ctx, w, &d)
		wanted := replicasOf(d.Spec.Replicas)
		out = d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas == wanted && d.Status.Replicas == wanted && d.Status.ReadyReplicas == wanted
	}
	if err != nil {
		return false, fmt.Errorf("read the rollout of %s: %w", w, err)
	}
	return out, nil
}

// replicasOf is what is wanted; the API server's default is 1.
func replicasOf(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}
