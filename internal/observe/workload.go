package observe

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Pod is a pod of a workload.
type Pod struct {
	*corev1.Pod
	// Newest says that it is of the workload's newest revision.
	Newest bool
}

// WorkloadPods are pods as those see them who decide, each with its container of a
// name where it has one, and with what is known of its node.
func WorkloadPods(pods []Pod, nodes map[string]evidence.Node, container string) []evidence.WorkloadPod {
	var out []evidence.WorkloadPod
	for _, p := range pods {
		seen := evidence.WorkloadPod{Pod: PodOf(p.Pod).On(nodes[p.Spec.NodeName]), Newest: p.Newest}
		for _, c := range Containers(p.Pod) {
			if c.Name == container {
				seen.Container, seen.HasContainer = c, true
			} else if c.Role != evidence.RoleInit && c.Broken() {
				seen.SiblingBroken = true
			}
		}
		out = append(out, seen)
	}
	return out
}

// WorkloadOf finds the workload that runs the pod; where nothing controls it, that is
// the pod itself.
func (r *Reader) WorkloadOf(ctx context.Context, pod *corev1.Pod) (workload.Ref, error) {
	return lookup.OfPod(ctx, r.Cached, pod)
}

// Pods of the workload: those of its newest revision first, and among these
// the youngest first.
func (r *Reader) Pods(ctx context.Context, ref workload.Ref) ([]Pod, error) {
	_, history, pods, err := r.withPods(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", ref, ref.Namespace, err)
	}
	return inOrder(pods, history), nil
}

// madeNewest is when the newest revision became that. One that was rolled back to is
// recorded by an object as old as its first rollout: its youngest pod is a better witness,
// and what was seen before the revision that it replaced is of neither.
func madeNewest(history workload.History, pods []corev1.Pod) time.Time {
	at, rolledBack := history[0].Created, false
	for _, older := range history[1:] {
		if older.Created.After(at) {
			at, rolledBack = older.Created, true
		}
	}
	for i := range pods {
		if made := pods[i].CreationTimestamp.Time; rolledBack && history[0].Has(&pods[i]) && made.After(at) {
			at = made
		}
	}
	return at
}

// rolloutOf is a workload's state; pods may hold those of others.
func rolloutOf(w workload.Workload, history workload.History, pods []corev1.Pod) evidence.Rollout {
	object := w.Object()
	out := evidence.Rollout{
		Known:           true,
		Kind:            w.Kind(),
		Lock:            workload.TraitsOf(w.Kind()).Lock,
		Name:            object.GetName(),
		UID:             string(object.GetUID()),
		Generation:      object.GetGeneration(),
		Replicas:        w.Replicas().Desired,
		TemplateChanged: object.GetCreationTimestamp().Time,
	}
	if len(history) == 0 {
		return out
	}
	out.TemplateChanged, out.Revision = madeNewest(history, pods), history[0].String()
	out.UpdatedReady, out.OlderReady = history[0].ReadyPods(pods), history.OlderReadyPods(pods)
	if older, ready := history.NewestOlderReady(pods); ready > 0 {
		out.ReadyRevision, out.ReadyRevisionPods = older.String(), ready
	}
	return out
}

// withPods is the workload, its revisions, and pods that its selector selects, some of
// which may be another's.
func (r *Reader) withPods(ctx context.Context, ref workload.Ref) (workload.Workload, workload.History, []corev1.Pod, error) {
	w, err := lookup.Get(ctx, r.Cached, ref)
	if err != nil {
		return nil, nil, nil, err
	}
	history, err := lookup.History(ctx, r.Cached, r.Live, w)
	if err != nil {
		return nil, nil, nil, err
	}
	var pods corev1.PodList
	if err := r.Cached.List(ctx, &pods, client.InNamespace(ref.Namespace), lookup.Selected(w)); err != nil {
		return nil, nil, nil, fmt.Errorf("list Pods: %w", err)
	}
	return w, history, pods.Items, nil
}

func inOrder(pods []corev1.Pod, history workload.History) []Pod {
	var out []Pod
	for i := range pods {
		if history.Owns(&pods[i]) {
			out = append(out, Pod{Pod: &pods[i], Newest: history.IsNewest(&pods[i])})
		}
	}
	slices.SortFunc(out, func(a, b Pod) int {
		if a.Newest != b.Newest {
			return map[bool]int{true: -1, false: 1}[a.Newest]
		}
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Recorded is the pod template of a revision, exactly as it was recorded; nil
// where it is not on record any more.
func (r *Reader) Recorded(ctx context.Context, ref workload.Ref, revision string) (*corev1.PodTemplateSpec, error) {
	w, err := lookup.Get(ctx, r.Cached, ref)
	if err != nil {
		return nil, fmt.Errorf("read %s of %s: %w", ref, ref.Namespace, err)
	}
	history, err := lookup.History(ctx, r.Cached, r.Live, w)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(history, func(h workload.Revision) bool { return h.String() == revision })
	if revision == "" || i < 0 {
		return nil, nil
	}
	return lookup.RecordedTemplate(ctx, r.Live, w, history[i])
}

// RolledOut reports whether a workload's rollout is complete.
func (r *Reader) RolledOut(ctx context.Context, ref workload.Ref) (bool, error) {
	w, err := lookup.Get(ctx, r.Cached, ref)
	if err != nil {
		return false, fmt.Errorf("read the rollout of %s: %w", ref, err)
	}
	return workload.RolledOut(w)
}
