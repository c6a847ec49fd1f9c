package observe

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
)

const (
	// maxEvents bounds one list of events.
	maxEvents = 512
	// maxEventPage is how many are in memory at once as the API server has them: each may
	// be as large as it takes any object, 1.5 MiB, and who may write events may write as many.
	maxEventPage = 32
)

// Events on an object of any kind, by its UID, newest last: as they are followed, or
// listed where they are not. What is followed tells of trouble only: see AllEvents.
func (r *Reader) Events(ctx context.Context, namespace string, uid types.UID) ([]evidence.Event, error) {
	if events, read := r.EventWatch.about(namespace, string(uid)); read {
		return events, nil
	}
	return r.AllEvents(ctx, namespace, uid)
}

// AllEvents on an object are listed, at the cost of calls: also those that tell that
// something went on as it should, which are not followed.
func (r *Reader) AllEvents(ctx context.Context, namespace string, uid types.UID) ([]evidence.Event, error) {
	var known eventMemory
	options := client.ListOptions{Namespace: namespace, Limit: maxEventPage, FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(uid))}
	for range maxEvents / maxEventPage {
		var page corev1.EventList
		if err := r.Live.List(ctx, &page, &options); err != nil {
			return nil, fmt.Errorf("list Events on the object %s in %s: %w", uid, namespace, err)
		}
		for i := range page.Items {
			known.put(namespace, page.Items[i].Name, eventOf(&page.Items[i]))
		}
		if options.Continue = page.Continue; page.Continue == "" {
			break
		}
	}
	return known.about(namespace, string(uid)), nil
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

// Nodes that pods are on, by their names. One that cannot be read is left out:
// nothing is known of it.
func (r *Reader) Nodes(ctx context.Context, pods []Pod) map[string]evidence.Node {
	nodes := map[string]evidence.Node{}
	for _, p := range pods {
		name := p.Spec.NodeName
		if _, known := nodes[name]; known {
			continue
		}
		if node, err := r.Node(ctx, name); err == nil {
			nodes[name] = node
		}
	}
	return nodes
}
