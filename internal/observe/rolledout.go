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
	var seen, wanted, updated, all, ready int64
	switch w.Kind {
	case v1alpha1.StatefulSet:
		var s appsv1.StatefulSet
		err = r.workload(ctx, w, &s)
		seen, wanted = s.Status.ObservedGeneration-s.Generation, int64(replicasOf(s.Spec.Replicas))
		updated, all, ready = int64(s.Status.UpdatedReplicas), int64(s.Status.Replicas), int64(s.Status.ReadyReplicas)
	case v1alpha1.DaemonSet:
		var d appsv1.DaemonSet
		err = r.workload(ctx, w, &d)
		seen, wanted = d.Status.ObservedGeneration-d.Generation, int64(d.Status.DesiredNumberScheduled)
		updated, all, ready = int64(d.Status.UpdatedNumberScheduled), int64(d.Status.CurrentNumberScheduled), int64(d.Status.NumberReady)
	case v1alpha1.Deployment:
		var d appsv1.Deployment
		err = r.workload(ctx, w, &d)
		seen, wanted = d.Status.ObservedGeneration-d.Generation, int64(replicasOf(d.Spec.Replicas))
		updated, all, ready = int64(d.Status.UpdatedReplicas), int64(d.Status.Replicas), int64(d.Status.ReadyReplicas)
	}
	if err != nil {
		return false, fmt.Errorf("read the rollout of %s: %w", w, err)
	}
	return seen >= 0 && min(updated, all, ready) == wanted && max(updated, all, ready) == wanted, nil
}

// replicasOf is what is wanted; the API server's default is 1.
func replicasOf(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}
