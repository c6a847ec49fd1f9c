package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/workload"
)

// Bounds of what is read to tell why a pod has no node.
const (
	// maxRooms is of how many nodes the pods are counted, the largest first.
	maxRooms = 16
	// maxPodsOfNode is twice what a kubelet takes by default, and more.
	maxPodsOfNode = 250
	// maxClaims of a pod that are looked at.
	maxClaims = 8
)

// placement is why a pod has no node.
type placement struct {
	scheduling evidence.Scheduling
	claims     []evidence.Claim
}

// placementOf reads why a pod has no node; zero where it has one. The pod is read anew:
// the cache keeps neither what the scheduler said nor what the pod asks for.
func (r *Reader) placementOf(ctx context.Context, cached *corev1.Pod) (placement, error) {
	if cached.Spec.NodeName != "" || cached.DeletionTimestamp != nil {
		return placement{}, nil
	}
	pod := &corev1.Pod{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(cached), pod); err != nil {
		return placement{}, fmt.Errorf("get Pod %s/%s, which has no node: %w", cached.Namespace, cached.Name, err)
	}
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse
	})
	if pod.UID != cached.UID || i < 0 {
		return placement{}, nil
	}
	said := pod.Status.Conditions[i]
	out := placement{scheduling: evidence.Scheduling{
		Reason: said.Reason, Message: said.Message, Since: said.LastTransitionTime.Time,
		Requests: requestsOf(resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})),
	}}
	for _, key := range slices.Sorted(maps.Keys(pod.Spec.NodeSelector)) {
		out.scheduling.NodeSelector = append(out.scheduling.NodeSelector, key+"="+pod.Spec.NodeSelector[key])
	}
	var errNodes, errClaims error
	out.scheduling.Nodes, errNodes = r.rooms(ctx, pod)
	out.claims, errClaims = r.claims(ctx, pod)
	return out, errors.Join(errNodes, errClaims)
}

func requestsOf(list corev1.ResourceList) evidence.Resources {
	return evidence.Resources{MemoryRequest: list.Memory().Value(), CPURequest: list.Cpu().MilliValue()}
}

// rooms are the nodes as places for the pod. Of the largest that nothing else keeps it
// from, what their pods leave is counted; where those may not be read it is not known.
func (r *Reader) rooms(ctx context.Context, pod *corev1.Pod) ([]evidence.NodeRoom, error) {
	var nodes corev1.NodeList
	if err := r.Cached.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list Nodes, for the room that they have: %w", err)
	}
	var out []evidence.NodeRoom
	for i := range nodes.Items {
		out = append(out, roomOf(pod, &nodes.Items[i]))
	}
	slices.SortFunc(out, func(a, b evidence.NodeRoom) int {
		return cmp.Or(cmp.Compare(b.Allocatable.MemoryRequest, a.Allocatable.MemoryRequest), cmp.Compare(a.Name, b.Name))
	})
	counted := 0
	for i := range out {
		if !out[i].Open() || counted == maxRooms {
			continue
		}
		counted++
		taken, whole, err := r.taken(ctx, out[i].Name)
		if apierrors.IsForbidden(err) { // the operator may read the pods of its namespaces only
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out[i].FreeKnown = whole
		out[i].Free.MemoryRequest = out[i].Allocatable.MemoryRequest - taken.MemoryRequest
		out[i].Free.CPURequest = out[i].Allocatable.CPURequest - taken.CPURequest
	}
	return out, nil
}

// roomOf is a node as a place for the pod.
func roomOf(pod *corev1.Pod, node *corev1.Node) evidence.NodeRoom {
	out := evidence.NodeRoom{
		Name: node.Name, Ready: NodeOf(node).Ready, Cordoned: node.Spec.Unschedulable,
		Allocatable: requestsOf(node.Status.Allocatable),
	}
	for _, t := range node.Spec.Taints {
		keepsOut := t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
		tolerated := corev1helpers.TolerationsTolerateTaint(logr.Discard(), pod.Spec.Tolerations, &t, true)
		if keepsOut && !tolerated && t.Key != corev1.TaintNodeUnschedulable {
			out.Taints = append(out.Taints, t.ToString())
		}
	}
	matches, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node)
	out.Unmatched = err == nil && !matches
	return out
}

// taken is what the pods of a node request; false where it has more pods than are read.
// They come from the API server's watch cache, which has them by node (resourceVersion
// 0): etcd would read all pods of the cluster for each node.
func (r *Reader) taken(ctx context.Context, node string) (evidence.Resources, bool, error) {
	var pods corev1.PodList
	options := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: "0"}, FieldSelector: fields.OneTermEqualSelector("spec.nodeName", node), Limit: maxPodsOfNode}
	if err := r.Live.List(ctx, &pods, options); err != nil {
		return evidence.Resources{}, false, fmt.Errorf("list the Pods of node %s, for the room that they leave: %w", node, err)
	}
	var sum evidence.Resources
	for i := range pods.Items {
		p := &pods.Items[i]
		if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		requests := requestsOf(resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{}))
		sum.MemoryRequest += requests.MemoryRequest
		sum.CPURequest += requests.CPURequest
	}
	return sum, pods.Continue == "", nil
}

// claims of a pod that are not bound, or not there.
func (r *Reader) claims(ctx context.Context, pod *corev1.Pod) ([]evidence.Claim, error) {
	var out []evidence.Claim
	var failed []error
	for i := range pod.Spec.Volumes {
		name := claimName(pod, &pod.Spec.Volumes[i])
		if name == "" || len(out) == maxClaims {
			continue
		}
		claim, err := r.claim(ctx, pod.Namespace, name)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		out = append(out, claim)
	}
	return out, errors.Join(failed...)
}

// claimName is the claim that a volume is made of; an ephemeral one is named after both.
func claimName(pod *corev1.Pod, v *corev1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return pod.Name + "-" + v.Name
	}
	return ""
}

func (r *Reader) claim(ctx context.Context, namespace, name string) (evidence.Claim, error) {
	out := evidence.Claim{Name: name}
	var claim corev1.PersistentVolumeClaim
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &claim)
	if apierrors.IsNotFound(err) {
		out.Missing = true
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("get PersistentVolumeClaim %s/%s: %w", namespace, name, err)
	}
	out.Phase = string(claim.Status.Phase)
	if claim.Spec.StorageClassName != nil {
		out.Class = *claim.Spec.StorageClassName
	}
	if claim.Status.Phase == corev1.ClaimBound {
		return out, nil
	}
	out.Events, err = r.Events(ctx, namespace, claim.UID)
	return out, err
}

// Wanting is the case of a workload that lacks pods: there is none to look at, and
// what makes them says why. The container is as the template has it.
func (r *Reader) Wanting(ctx context.Context, request Request) (Observation, error) {
	w, history, pods, err := r.withPods(ctx, request.Workload)
	if err != nil {
		return Observation{}, fmt.Errorf("read %s of %s: %w", request.Workload, request.Workload.Namespace, err)
	}
	// The pod as it would be, to read it as pods are read.
	would := &corev1.Pod{Spec: w.Template().Spec}
	would.Namespace = request.Workload.Namespace
	c, ok := caseOf(would, request.Container)
	if !ok {
		return Observation{}, fmt.Errorf("the template of %s has no container %q", request.Workload, request.Container)
	}
	c.Now, c.Service, c.Rollout = r.Now(), request.Service, rolloutOf(w, history, pods)
	c.Run = RunOf(w.Run(c.Now))
	var errOwner error
	c.Owner, errOwner = r.ownerOf(ctx, w)
	environment, errEnv := r.environment(ctx, would, request.Container)
	c.Env, c.Config = environment.Env, environment.Config
	var errEvents error
	c.OwnerEvents, errEvents = r.Events(ctx, would.Namespace, podOwner(w, history))
	redactor := redact.New(r.seen.with(seenBy(request, would), environment.Secrets)...)
	markMisplaced(c.Env, redactor)
	redactCase(&c, redactor)
	return Observation{Case: c, Redactor: redactor}, errors.Join(errEnv, errEvents, errOwner)
}

// podOwner is what makes a workload's pods.
func podOwner(w workload.Workload, history workload.History) types.UID {
	if len(history) > 0 {
		return history[0].PodOwner()
	}
	return w.Object().GetUID()
}
