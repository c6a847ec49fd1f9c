package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// LogStreamer opens a container's log. PodLogs makes one of a clientset.
type LogStreamer func(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error)

// PodLogs reads logs through the API server.
func PodLogs(pods typedcorev1.PodsGetter) LogStreamer {
	return func(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
		return pods.Pods(namespace).GetLogs(pod, options).Stream(ctx)
	}
}

// Options are what a Reader reads from. All but Now are required.
type Options struct {
	// Cached serves Pods, Deployments, StatefulSets, DaemonSets, ReplicaSets,
	// ControllerRevisions, Services and Nodes.
	Cached client.Reader
	// Live serves what must not sit in a cache: Secrets and ConfigMaps (get
	// only) and Events (list).
	Live client.Reader
	Logs LogStreamer
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Reader gathers evidence. It is safe for concurrent use.
type Reader struct {
	Options
	logs *logCache
}

// New makes a Reader. One per process: it remembers the logs that it has read.
func New(o Options) *Reader {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Reader{Options: o, logs: newLogCache(maxCachedLogBytes)}
}

// Request says which container to look at.
type Request struct {
	// Pod as read through the cache.
	Pod *corev1.Pod
	// Container that loops.
	Container string
	// Service is the container's service in its stack.
	Service string
	// Workload that owns the pod; zero where it has none.
	Workload Workload
}

// Observation is what a Reader gathers.
type Observation struct {
	// Case without Dependencies and Probes. Everything in it that a program or
	// a server wrote is redacted; secrets are only in Case.Env, as Secret.
	Case evidence.Case
	// Secrets of all of the pod's containers: whatever else is to be shown of
	// them, such as a probe's message, goes through Redactor first.
	Redactor *redact.Redactor
}

// Case gathers everything but Dependencies and Probes. A part that cannot be
// read is recorded as missing and hides no other: the observation is valid
// whatever the error, which tells of all such parts.
func (r *Reader) Case(ctx context.Context, request Request) (Observation, error) {
	container, ok := ContainerOf(request.Pod, request.Container)
	if !ok {
		return Observation{}, fmt.Errorf("pod %s/%s has no container %q", request.Pod.Namespace, request.Pod.Name, request.Container)
	}
	_ = container
	return Observation{}, errors.ErrUnsupported
}

// Environment is a container's effective environment with where it comes from.
type Environment struct {
	Env evidence.Env
	// Config are the Secrets and ConfigMaps that the container refers to, by
	// env, envFrom or volume.
	Config []evidence.ConfigObject
	// Secrets are all secret values, for redaction.
	Secrets []evidence.Secret
}

// Env is the container's effective environment as the kubelet makes it:
// envFrom, then env, $(VAR) expanded, service links. What cannot be read leaves
// the environment incomplete; the error says what it was.
func (r *Reader) Env(ctx context.Context, pod *corev1.Pod, container string) (Environment, error) {
	return Environment{}, errors.ErrUnsupported
}

// Logs are the tails of the container's previous and current run, not redacted.
func (r *Reader) Logs(ctx context.Context, pod *corev1.Pod, container evidence.Container) evidence.Log {
	return evidence.Log{}
}

// Events on the pod, and what kept its owners from creating pods; newest last.
func (r *Reader) Events(ctx context.Context, pod *corev1.Pod, workload Workload) ([]evidence.Event, error) {
	return nil, errors.ErrUnsupported
}

// Node by its name.
func (r *Reader) Node(ctx context.Context, name string) (evidence.Node, error) {
	return evidence.Node{}, errors.ErrUnsupported
}

// Rollout is the state of the workload's revisions.
func (r *Reader) Rollout(ctx context.Context, workload Workload) (evidence.Rollout, error) {
	return evidence.Rollout{}, errors.ErrUnsupported
}

// WorkloadOf finds the Deployment, StatefulSet or DaemonSet that owns the pod;
// false where none does.
func (r *Reader) WorkloadOf(ctx context.Context, pod *corev1.Pod) (Workload, bool, error) {
	return Workload{}, false, errors.ErrUnsupported
}

// Pods of the workload, those of its newest revision first, and among them the
// youngest first.
func (r *Reader) Pods(ctx context.Context, workload Workload) ([]Pod, error) {
	return nil, errors.ErrUnsupported
}

// Pod is a pod of a workload.
type Pod struct {
	*corev1.Pod
	// Newest says that it is of the workload's newest revision.
	Newest bool
}

var _ = appsv1.Deployment{}

// LoopingPod is the pod to look at: the first that loops, in the order of
// Reader.Pods; false if none does.
func LoopingPod(pods []Pod, loops func(*corev1.Pod) bool) (Pod, bool) {
	i := slices.IndexFunc(pods, func(p Pod) bool { return loops(p.Pod) })
	if i < 0 {
		return Pod{}, false
	}
	return pods[i], true
}
