package controllers_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// labelApp on a pod names its Deployment, and with it its program.
const labelApp = "app"

// cluster is in the place of the Deployment controller and the kubelet, for all
// namespaces: it makes ReplicaSets and pods, and pods do what their program says.
type cluster struct {
	manager ctrl.Manager
	client  client.Client // not cached: a controller that sees its own writes
	poked   chan event.GenericEvent

	mu       sync.Mutex
	programs map[types.NamespacedName]program
	// answers are the logs of ephemeral containers, by pod and container.
	answers map[string]string
}

// program is what a pod's only container does.
type program func(*corev1.Pod) run

// run is how a container is doing.
type run struct {
	up bool
	// ended is how it ended, and waits to be started again; nil where it is up or starting.
	ended *corev1.ContainerStateTerminated
	// justNow: it ended, and its back-off has not begun.
	justNow bool
	// cannotStart is the kubelet's reason for a container that it cannot start.
	cannotStart string
	log         string
}

var runs program = func(*corev1.Pod) run { return run{up: true} }

// ends is a program that runs for two seconds and ends.
func ends(exitCode int32, reason, log string) program {
	return func(*corev1.Pod) run {
		finished := time.Now().Add(-time.Second)
		return run{log: log, ended: &corev1.ContainerStateTerminated{
			ExitCode: exitCode, Reason: reason,
			StartedAt: metav1.NewTime(finished.Add(-2 * time.Second)), FinishedAt: metav1.NewTime(finished),
		}}
	}
}

var (
	outOfMemory    = ends(137, "OOMKilled", "starting\nloading the catalogue\n")
	missingSetting = ends(1, "Error", "FATAL: environment variable STRIPE_KEY is not set\n")
)

// needs is a program that the kernel kills below so much memory.
func needs(memory string) program {
	wanted := resource.MustParse(memory)
	return func(pod *corev1.Pod) run {
		if pod.Spec.Containers[0].Resources.Limits.Memory().Cmp(wanted) < 0 {
			return outOfMemory(pod)
		}
		return runs(pod)
	}
}

// neverInBackOff is a program that is seen right after each of its ends only.
func neverInBackOff(p program) program {
	return func(pod *corev1.Pod) run {
		now := p(pod)
		now.justNow = now.ended != nil
		return now
	}
}

// slowly is a program that does not come up yet where another one would.
func slowly(p program) program {
	return func(pod *corev1.Pod) run {
		if now := p(pod); !now.up {
			return now
		}
		return run{}
	}
}

// quietManager are the options of all managers here.
func quietManager(scheme *runtime.Scheme) ctrl.Options {
	same, grace := true, 5*time.Second
	return ctrl.Options{
		Scheme:                  scheme,
		Metrics:                 server.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		GracefulShutdownTimeout: &grace,
		// There are several operators in this process.
		Controller: config.Controller{SkipNameValidation: &same},
	}
}

func newCluster(c *rest.Config, scheme *runtime.Scheme) (*cluster, error) {
	mgr, err := ctrl.NewManager(c, quietManager(scheme))
	if err != nil {
		return nil, err
	}
	live, err := client.New(c, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	s := &cluster{manager: mgr, client: live, poked: make(chan event.GenericEvent, 64), programs: map[types.NamespacedName]program{}, answers: map[string]string{}}
	if err := s.deployments(mgr); err != nil {
		return nil, err
	}
	return s, ctrl.NewControllerManagedBy(mgr).Named("kubelet").For(&corev1.Pod{}).
		WatchesRawSource(source.Channel(s.poked, &handler.EnqueueRequestForObject{})).
		Complete(reconcilerOf(s.runPod))
}

// set gives the pods of an app another program, those that are there too.
func (s *cluster) set(ctx context.Context, namespace, app string, p program) error {
	s.mu.Lock()
	s.programs[types.NamespacedName{Namespace: namespace, Name: app}] = p
	s.mu.Unlock()
	var pods corev1.PodList
	if err := s.client.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels{labelApp: app}); err != nil {
		return err
	}
	for i := range pods.Items {
		s.poked <- event.GenericEvent{Object: &pods.Items[i]}
	}
	return nil
}

func (s *cluster) programOf(pod *corev1.Pod) (program, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.programs[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Labels[labelApp]}]
	return p, ok
}

// logs are in the place of the kubelet's: what the program wrote before it ended.
func (s *cluster) logs(ctx context.Context, namespace, name string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	var pod corev1.Pod
	if err := s.client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &pod); err != nil {
		return nil, err
	}
	s.mu.Lock()
	text := s.answers[namespace+"/"+name+"/"+options.Container]
	s.mu.Unlock()
	if p, ok := s.programOf(&pod); ok && options.Previous {
		text = p(&pod).log
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

// reconcilerOf makes a controller of what is to be done about an object; the
// duration says when to come again.
type reconcilerOf func(context.Context, types.NamespacedName) (time.Duration, error)

// Reconcile tries again where someone else was faster.
func (r reconcilerOf) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	again, err := r(ctx, req.NamespacedName)
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: 20 * time.Millisecond}, nil
	}
	return ctrl.Result{RequeueAfter: again}, client.IgnoreNotFound(err)
}

// runPod is the kubelet: it makes the pod's status what its program does.
func (s *cluster) runPod(ctx context.Context, name types.NamespacedName) (again time.Duration, err error) {
	var pod corev1.Pod
	if err := s.client.Get(ctx, name, &pod); err != nil {
		return 0, err
	}
	p, known := s.programOf(&pod)
	if !known {
		return 0, nil
	}
	now := p(&pod)
	// No pod crashes three times in the very second in which it is made.
	if again = time.Until(pod.CreationTimestamp.Add(time.Second)); now.ended != nil && again > 0 {
		now.ended = nil
	} else {
		again = 0
	}
	if !become(&pod, now) {
		return again, nil
	}
	return again, s.client.Status().Update(ctx, &pod)
}

// become brings a pod's status to what the container does now; false where it
// is there already.
func become(pod *corev1.Pod, now run) bool {
	status := corev1.ContainerStatus{Name: pod.Spec.Containers[0].Name, Image: pod.Spec.Containers[0].Image}
	if len(pod.Status.ContainerStatuses) > 0 {
		status = pod.Status.ContainerStatuses[0]
	}
	is, waits := status.State, ""
	if is.Waiting != nil {
		waits = is.Waiting.Reason
	}
	pod.Status.Phase = corev1.PodRunning
	switch {
	case now.up && is.Running == nil:
		status.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
	case now.ended != nil && now.justNow && is.Terminated == nil:
		status.State = corev1.ContainerState{Terminated: now.ended}
		status.LastTerminationState = status.State
		status.RestartCount += 5
	case now.ended != nil && !now.justNow && waits != "CrashLoopBackOff":
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s restarting failed container"}}
		status.LastTerminationState = corev1.ContainerState{Terminated: now.ended}
		status.RestartCount += 5
	case now.cannotStart != "" && waits != now.cannotStart:
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: now.cannotStart, Message: `secret "api-keys" not found`}}
		pod.Status.Phase = corev1.PodPending
	case !now.up && now.ended == nil && now.cannotStart == "" && waits != "ContainerCreating":
		status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
		pod.Status.Phase = corev1.PodPending
	default:
		return false
	}
	status.Ready = now.up
	status.Started = &status.Ready
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
	ready := corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now()}
	if now.up {
		ready.Status = corev1.ConditionTrue
	}
	pod.Status.Conditions = []corev1.PodCondition{ready}
	return true
}
