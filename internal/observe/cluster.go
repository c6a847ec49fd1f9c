package observe

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
)

// maxEvents bounds one list of events.
const maxEvents = 500

// Events on the pod, newest last. No rule asks for those on its owners.
func (r *Reader) Events(ctx context.Context, pod *corev1.Pod) ([]evidence.Event, error) {
	var list corev1.EventList
	err := r.Live.List(ctx, &list, client.InNamespace(pod.Namespace),
		client.MatchingFields{"involvedObject.uid": string(pod.UID)}, client.Limit(maxEvents))
	if err != nil {
		return nil, fmt.Errorf("list Events on pod %s in %s: %w", pod.Name, pod.Namespace, err)
	}
	return EventsOf(list.Items), nil
}

// Node by its name; not known where it is empty, as before scheduling.
func (r *Reader) Node(ctx context.Context, name string) (evidence.Node, error) {
	if name == "" {
		return evidence.Node{}, nil
	}
	var node corev1.Node
	if err := r.Cached.Get(ctx, types.NamespacedName{Name: name}, &node); err != nil {
		return evidence.Node{Name: name}, fmt.Errorf("get Node %s: %w", name, err)
	}
	return NodeOf(&node), nil
}
