package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/workload"
)

// LogStreamer opens a container's log. PodLogs makes one of a clientset.
type LogStreamer func(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error)

// PodLogs reads logs through the API server.
func PodLogs(pods typedcorev1.PodsGetter) LogStreamer {
	return func(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
		return pods.Pods(namespace).GetLogs(pod, options).Stream(ctx)
	}
}

// Options are what a Reader reads from. All but EventWatch, Kubelets and Now are required.
type Options struct {
	// Cached serves Pods, Deployments, StatefulSets, DaemonSets, ReplicaSets,
	// Services and Nodes.
	Cached client.Reader
	// Live serves what must not sit in a cache: Secrets and ConfigMaps (get
	// only), and Events where none are followed (list); and what is seldom wanted: ControllerRevisions
	// (list).
	Live client.Reader
	Logs LogStreamer
	// EventWatch follows events. Default: they are listed for each case.
	EventWatch *EventWatch
	// Kubelets tell how much containers are throttled. Default: nobody is asked.
	Kubelets *Kubelets
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Reader gathers evidence. It is safe for concurrent use.
type Reader struct {
	Options
	logs *logCache
	seen seenSecrets
}

// New makes a Reader. One per process: it remembers the logs that it has read,
// and the values of Secrets that were in them.
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
	Workload workload.Ref
}

// Observation is what a Reader gathers.
type Observation struct {
	// Case without Dependencies and Probes. What a program or a server wrote is
	// redacted in it; secrets are only in Case.Env, as Secret.
	Case evidence.Case
	// Redactor knows the secrets of all of the pod's containers: whatever else
	// is to be shown, such as a probe's message, goes through it first.
	Redactor *redact.Redactor
}

// Case gathers everything but Dependencies and Probes. A part that cannot be
// read is recorded as missing and hides no other: the observation is valid
// whatever the error, which tells of all such parts. Only where the pod itself
// cannot be read, or has no such container, it is empty; and where a Secret of it that
// may be read could not be: its values would not be found in the log.
func (r *Reader) Case(ctx context.Context, request Request) (Observation, error) {
	pod, err := r.whole(ctx, request.Pod)
	if err != nil {
		return Observation{}, err
	}
	c, ok := caseOf(pod, request.Container)
	if !ok {
		return Observation{}, fmt.Errorf("pod %s/%s has no container %q", pod.Namespace, pod.Name, request.Container)
	}
	c.Now, c.Service = r.Now(), request.Service

	// All at once: an incident waits for the slowest and not for the sum.
	var environment Environment
	var origin podOrigin
	var placed placement
	var errLog, errEnv, errEvents, errNode, errWorkload, errPlacement error
	var wait sync.WaitGroup
	wait.Go(func() { c.Log, errLog = r.readLogs(ctx, pod, c.Container) })
	wait.Go(func() { environment, errEnv = r.environment(ctx, pod, request.Container) })
	wait.Go(func() { c.Events, errEvents = r.Events(ctx, pod.Namespace, pod.UID) })
	wait.Go(func() { c.Node, errNode = r.Node(ctx, pod.Spec.NodeName) })
	wait.Go(func() { placed, errPlacement = r.placementOf(ctx, pod) })
	wait.Go(func() { origin, errWorkload = r.originOf(ctx, request, pod) })
	wait.Wait()
	if len(environment.failedSecrets) > 0 {
		return Observation{}, fmt.Errorf("without the values of Secret %s they cannot be kept out of what is shown: %w",
			strings.Join(environment.failedSecrets, ", "), errEnv)
	}
	if errLog != nil && len(c.Log.Previous)+len(c.Log.Current) == 0 {
		c.Log.Unavailable = errLog.Error()
	}
	c.Env, c.Config = environment.Env, environment.Config
	c.Scheduling, c.Claims = placed.scheduling, placed.claims
	c.Rollout, c.Container.Template, c.LimitDefaults = origin.rollout, origin.resources, origin.limitDefaults
	c.Changes, c.Differences = origin.changes, origin.differences
	c.Run, c.Owner = origin.run, origin.owner
	errThrottled := r.setThrottled(ctx, pod, &c.Container)

	redactor := redact.New(r.seen.with(seenBy(request, pod), environment.Secrets)...)
	markMisplaced(c.Env, redactor)
	redactCase(&c, redactor)
	return Observation{Case: c, Redactor: redactor}, errors.Join(errLog, errEnv, errEvents, errNode, errWorkload, errThrottled, errPlacement)
}

// Redactor knows the secrets of a pod's containers, as Observation.Redactor does.
// It is for texts about a pod that is not looked at again.
func (r *Reader) Redactor(ctx context.Context, request Request) (*redact.Redactor, error) {
	pod, err := r.whole(ctx, request.Pod)
	if err != nil {
		return nil, err
	}
	environment, err := r.environment(ctx, pod, request.Container)
	return redact.New(r.seen.with(seenBy(request, pod), environment.Secrets)...), err
}

// RedactorOf knows the secrets of many pods, as far as they can be read: the error
// tells of those that cannot. Pods of one controller have the same.
func (r *Reader) RedactorOf(ctx context.Context, pods []corev1.Pod) (*redact.Redactor, error) {
	var secrets []evidence.Secret
	var failed []error
	known := map[types.UID]bool{}
	for i := range pods {
		if owner := metav1.GetControllerOf(&pods[i]); owner != nil {
			if known[owner.UID] {
				continue
			}
			known[owner.UID] = true
		}
		environment, err := r.environment(ctx, &pods[i], "")
		secrets, failed = append(secrets, environment.Secrets...), append(failed, err)
	}
	return redact.New(secrets...), errors.Join(failed...)
}

// seenBy is whose secrets a request's are: its workload's, across the pods of it.
func seenBy(request Request, pod *corev1.Pod) string {
	if request.Workload.UID != "" {
		return string(request.Workload.UID)
	}
	return string(pod.UID)
}
