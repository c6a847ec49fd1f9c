package observe

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
)

// maxEvents bounds one list of events.
const maxEvents = 500

// Events on the pod, and what kept its owners from creating pods; newest last.
func (r *Reader) Events(ctx context.Context, pod *corev1.Pod, workload Workload) ([]evidence.Event, error) {
	all, err := r.eventsOn(ctx, pod.Namespace, pod.UID)
	failed := []error{err}
	owners := []types.UID{workload.UID}
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil && ref.UID != workload.UID {
		owners = append(owners, ref.UID)
	}
	for _, uid := range owners {
		if uid == "" {
			continue
		}
		events, err := r.eventsOn(ctx, pod.Namespace, uid)
		failed = append(failed, err)
		for i := range events {
			if events[i].Type == corev1.EventTypeWarning {
				all = append(all, events[i])
			}
		}
	}
	return EventsOf(all), errors.Join(failed...)
}

func (r *Reader) eventsOn(ctx context.Context, namespace string, uid types.UID) ([]corev1.Event, error) {
	var list corev1.EventList
	err := r.Live.List(ctx, &list, client.InNamespace(namespace),
		client.MatchingFields{"involvedObject.uid": string(uid)}, client.Limit(maxEvents))
	if err != nil {
		return nil, fmt.Errorf("list Events on %s in %s: %w", uid, namespace, err)
	}
	return list.Items, nil
}

// Node by its name; not known where it is empty, as before scheduling.
func (r *Reader) Node(ctx context.Context, name string) (evidence.Node, error) {
	if name == "" {
		return evidence.Node{}, nil
	}
	var node corev1.Node
	if err := r.Live.Get(ctx, types.NamespacedName{Name: name}, &node); err != nil {
		return evidence.Node{Name: name}, fmt.Errorf("get Node %s: %w", name, err)
	}
	return NodeOf(&node), nil
}
