package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/stack"
)

// PodReconciler is the phase detect: it watches restart counts and opens a
// BridgeDiagnosis for each container that loops.
type PodReconciler struct {
	*Operator
	histories histories
}

// NewPodReconciler makes one that has seen nothing yet.
func NewPodReconciler(o *Operator) *PodReconciler {
	return &PodReconciler{Operator: o, histories: histories{byPod: map[types.NamespacedName]podHistory{}}}
}

// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments;statefulsets;daemonsets;replicasets;controllerrevisions,verbs=get;list;watch
// +kubebuilder:rbac:groups=bridgestack.dev,resources=bridgediagnoses,verbs=get;list;watch;create

// SetupWithManager watches pods that are, or were, in trouble, and what makes
// them part of a stack, policies and the labels of workloads: what loops
// already must not wait for the next crash, which a back-off may put off for
// minutes.
func (r *PodReconciler) SetupWithManager(mgr ctrl.Manager) error {
	if err := mgr.Add(manager.RunnableFunc(r.begin)); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("pod").
		For(&corev1.Pod{}, builder.WithPredicates(predicate.NewPredicateFuncs(func(o client.Object) bool {
			pod, ok := o.(*corev1.Pod)
			return ok && troubled(pod)
		}))).
		Watches(&v1alpha1.BridgeStack{}, handler.EnqueueRequestsFromMapFunc(r.troubledBeside),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(r.troubledOf(v1alpha1.Deployment)), onLabels).
		Watches(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(r.troubledOf(v1alpha1.StatefulSet)), onLabels).
		Watches(&appsv1.DaemonSet{}, handler.EnqueueRequestsFromMapFunc(r.troubledOf(v1alpha1.DaemonSet)), onLabels).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency, NewQueue: newFairQueue}).
		Complete(r)
}

// begin notes when this process began to lead.
func (r *PodReconciler) begin(context.Context) error {
	r.histories.mu.Lock()
	defer r.histories.mu.Unlock()
	r.histories.since = r.Now().Truncate(time.Second)
	return nil
}

// onLabels lets through what may take a workload into a stack.
var onLabels = builder.WithPredicates(predicate.LabelChangedPredicate{})

// troubledOf finds the pods in trouble of a workload of a kind.
func (r *PodReconciler) troubledOf(kind v1alpha1.WorkloadKind) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		return r.troubledPods(ctx, o.GetNamespace(), func(pod *corev1.Pod) bool {
			w, owned, err := r.Observer.WorkloadOf(ctx, pod)
			return err == nil && owned && w.Kind == kind && w.Name == o.GetName()
		})
	}
}

// troubledBeside finds the pods in trouble in a stack's namespace.
func (r *PodReconciler) troubledBeside(ctx context.Context, o client.Object) []reconcile.Request {
	return r.troubledPods(ctx, o.GetNamespace(), func(*corev1.Pod) bool { return true })
}

func (r *PodReconciler) troubledPods(ctx context.Context, namespace string, wanted func(*corev1.Pod) bool) []reconcile.Request {
	var stacks v1alpha1.BridgeStackList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&stacks, &pods} {
		if err := r.Cached.List(ctx, list, client.InNamespace(namespace)); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "listing the stacks and pods of a namespace", "namespace", namespace)
			return nil
		}
	}
	if len(stacks.Items) == 0 {
		return nil
	}
	var out []reconcile.Request
	for i := range pods.Items {
		if pod := &pods.Items[i]; troubled(pod) && wanted(pod) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)})
		}
	}
	return out
}

// troubled is false for the pods that most clusters are full of: those that
// never restarted and wait for nothing.
func troubled(pod *corev1.Pod) bool {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for _, s := range statuses {
			if s.RestartCount > 0 || s.State.Terminated != nil || s.State.Waiting != nil {
				return true
			}
		}
	}
	return pod.Status.Reason == "Evicted"
}

// Reconcile opens diagnoses for a pod's looping containers.
func (r *PodReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var pod corev1.Pod
	if err := r.Cached.Get(ctx, req.NamespacedName, &pod); err != nil {
		r.histories.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	workload, owned, err := r.Observer.WorkloadOf(ctx, &pod)
	if err != nil || !owned {
		return ctrl.Result{}, err
	}
	owner, resolved, service, err := r.stackFor(ctx, workload)
	if err != nil || owner == nil {
		return ctrl.Result{}, err
	}
	known, err := diagnosesOf(ctx, r.Cached, pod.Namespace, owner.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	var recheck time.Duration
	for _, c := range observe.Containers(&pod) {
		r.Metrics.Restarts(client.ObjectKeyFromObject(owner), service.Name, r.histories.restarted(&pod, c))
		incidents := incidentsOf(known, workload, c.Name)
		verdict := r.judge(ctx, &pod, c, settings(resolved.Policy, incidents.recovered))
		if verdict.Looping && !incidents.open {
			err = errors.Join(err, r.open(ctx, owner, service, workload, c.Name, incidents, ""))
		}
		recheck = sooner(recheck, verdict.RecheckAfter)
	}
	if errors.Is(err, errStaleView) {
		return ctrl.Result{RequeueAfter: conflictPause}, nil
	}
	return ctrl.Result{RequeueAfter: recheck}, err
}

// judge is the verdict on one container of a pod.
func (r *PodReconciler) judge(ctx context.Context, pod *corev1.Pod, c evidence.Container, s detect.Settings) detect.Verdict {
	verdict := r.histories.judge(client.ObjectKeyFromObject(pod), observe.PodOf(pod), c, s, r.Now())
	if containers := observe.Containers(pod); !verdict.Looping && detect.Creating(containers) {
		return r.stuck(ctx, pod, containers, s)
	}
	return verdict
}

// stuck is the verdict on a pod none of whose containers was created: its
// events tell whether a volume or its sandbox is at fault.
func (r *PodReconciler) stuck(ctx context.Context, pod *corev1.Pod, containers []evidence.Container, s detect.Settings) detect.Verdict {
	if wait := detect.DefaultCreateGrace - r.Now().Sub(pod.CreationTimestamp.Time); wait > 0 {
		return detect.Verdict{RecheckAfter: wait}
	}
	events, err := r.Observer.Events(ctx, pod)
	if err != nil {
		ctrl.LoggerFrom(ctx).Info("the events of a pod that does not start could not be read", "because", err.Error())
		return detect.Verdict{RecheckAfter: detect.DefaultCreateGrace}
	}
	return detect.Stuck(observe.PodOf(pod), containers, events, s, r.Now())
}

// settings are the policy's; restarts up to the end of the last incident do not
// count again.
func settings(p stack.Policy, since time.Time) detect.Settings {
	return detect.Settings{Since: since, Restarts: p.Restarts, Window: p.Window, HealthFailures: p.HealthFailures, HealthWindow: p.HealthWindow}
}

// sooner is the shorter of two times to wait, 0 meaning not at all.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// incidents are what is known of a container's earlier diagnoses.
type incidents struct {
	open      bool
	ended     []string // their names
	recovered time.Time
}

func incidentsOf(known []v1alpha1.BridgeDiagnosis, w observe.Workload, container string) incidents {
	var out incidents
	for i := range known {
		d := &known[i]
		if !about(d, w) || d.Spec.Workload.UID != w.UID || d.Spec.Container != container {
			continue
		}
		if !d.Status.State.Final() {
			out.open = true
			continue
		}
		out.ended = append(out.ended, d.Name)
		if at := d.Status.Times.Recovered; at != nil && at.After(out.recovered) {
			out.recovered = at.Time
		}
	}
	return out
}

// open begins a diagnosis of a container; detectedBy is what showed it where that
// was no restart loop.
func (o *Operator) open(ctx context.Context, owner *v1alpha1.BridgeStack, service stack.Service, w observe.Workload, container string, known incidents, detectedBy string) error {
	return o.openNamed(ctx, owner, service, w, container, known, len(known.ended), detectedBy)
}

// openNamed begins the diagnosis that has so many before it.
func (o *Operator) openNamed(ctx context.Context, owner *v1alpha1.BridgeStack, service stack.Service, w observe.Workload, container string, known incidents, earlier int, detectedBy string) error {
	now := metav1.NewMicroTime(o.Now())
	diagnosis := &v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.Namespace,
			Name:      diagnosisName(service.Name, owner.UID, w, container, earlier),
			Labels:    map[string]string{v1alpha1.LabelStack: owner.Name, v1alpha1.LabelService: labelValue(service.Name)},
		},
		Spec: v1alpha1.BridgeDiagnosisSpec{
			Stack: owner.Name, Service: service.Name, Container: container,
			Workload:   v1alpha1.DiagnosedWorkload{Kind: w.Kind, Name: w.Name, UID: w.UID},
			DetectedAt: &now,
		},
	}
	if detectedBy != "" {
		diagnosis.Annotations = map[string]string{v1alpha1.AnnotationDetectedBy: detectedBy}
	}
	if err := controllerutil.SetControllerReference(owner, diagnosis, o.Cached.Scheme()); err != nil {
		return fmt.Errorf("making the stack own its diagnosis: %w", err)
	}
	// The name is the same for the same incident, so that a cache that does not
	// know of it yet cannot make two of it.
	err := o.Cached.Create(ctx, diagnosis)
	if apierrors.IsAlreadyExists(err) {
		// One that is known to have ended is another incident's: someone deleted an
		// earlier one, so that there are fewer than there were. Of any other this
		// loop may be, though it ended in the meantime.
		if slices.Contains(known.ended, diagnosis.Name) {
			return o.openNamed(ctx, owner, service, w, container, known, earlier+1, detectedBy)
		}
		return errStaleView
	}
	if err != nil {
		return fmt.Errorf("opening a diagnosis of %s, container %s: %w", w, container, err)
	}
	return nil
}

// diagnosisName names an incident by its service, its container and how many
// there were before.
func diagnosisName(service string, stackUID types.UID, w observe.Workload, container string, earlier int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s/%d", stackUID, w.UID, container, earlier))
	name := strings.Trim(strings.Map(nameRune, strings.ToLower(service)), "-")
	return name[:min(len(name), 50)] + "-" + hex.EncodeToString(sum[:])[:6]
}

// labelValue is a service's name as a label, which holds 63 characters; that of
// an undeclared workload may be longer. spec.service has it whole.
func labelValue(service string) string {
	return strings.TrimRight(service[:min(len(service), 63)], "-._")
}

func nameRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}

// histories remembers what was seen of each pod's containers. It is a cache:
// detect makes do without it after a restart.
type histories struct {
	mu    sync.Mutex
	byPod map[types.NamespacedName]podHistory
	// since is when this process began to look, to the second as pods have it:
	// what happened before, another one has counted.
	since time.Time
}

type podHistory struct {
	uid        string
	containers map[string]detect.History
}

func (h *histories) forget(name types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.byPod, name)
}

// restarted is how often a container has restarted since it was last seen. Of one
// that was never seen only that counts which happened since others were.
func (h *histories) restarted(pod *corev1.Pod, c evidence.Container) int32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.byPod[client.ObjectKeyFromObject(pod)]
	history := seen.containers[c.Name]
	switch ended := c.Ended(); {
	case h.since.IsZero(): // it has only begun
		return 0
	case seen.uid == string(pod.UID) && history.Seen():
		return max(0, c.Restarts-history.Restarts())
	case !pod.CreationTimestamp.Time.Before(h.since):
		return c.Restarts
	case ended != nil && ended.Finished.After(h.since):
		return min(1, c.Restarts)
	}
	return 0
}

func (h *histories) judge(name types.NamespacedName, pod evidence.Pod, c evidence.Container, s detect.Settings, now time.Time) detect.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen, ok := h.byPod[name]
	if !ok || seen.uid != pod.UID {
		seen = podHistory{uid: pod.UID, containers: map[string]detect.History{}}
		h.byPod[name] = seen
	}
	seen.containers[c.Name] = detect.Observe(seen.containers[c.Name], c, s, now)
	return detect.Loop(seen.containers[c.Name], pod, c, s, now)
}
