package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	revisionAnnotation = "deployment.kubernetes.io/revision"
	restartedAt        = "kubectl.kubernetes.io/restartedAt"
)

// deployments sets up the Deployment controller's stand-in: strategy Recreate
// unless maxUnavailable is 0, a ReplicaSet for each template, the newest with the highest revision.
func (s *cluster) deployments(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named("deployment").For(&appsv1.Deployment{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
			return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetLabels()[labelApp]}}}
		})).
		Complete(reconcilerOf(func(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
			return 0, s.rollOut(ctx, name)
		}))
}

func (s *cluster) rollOut(ctx context.Context, name types.NamespacedName) error {
	var d appsv1.Deployment
	err := s.client.Get(ctx, name, &d)
	switch {
	case apierrors.IsNotFound(err):
		return s.collect(ctx, name)
	case err != nil:
		return err
	}
	set, err := s.newestSet(ctx, &d)
	if err != nil {
		return err
	}
	ready, err := s.scale(ctx, &d, set)
	if apierrors.IsForbidden(err) {
		return errors.Join(err, s.refused(ctx, &d, err)) // tried again later, as the controller does
	}
	if err != nil {
		return err
	}
	if err := s.countReady(ctx, &d); err != nil {
		return err
	}
	before := d.Status
	d.Status = appsv1.DeploymentStatus{ObservedGeneration: d.Generation, Replicas: *d.Spec.Replicas, UpdatedReplicas: *d.Spec.Replicas, ReadyReplicas: ready}
	if equality.Semantic.DeepEqual(before, d.Status) {
		return nil
	}
	return s.client.Status().Update(ctx, &d)
}

// refused says in the Deployment's status that the API server lets no pod in.
func (s *cluster) refused(ctx context.Context, d *appsv1.Deployment, why error) error {
	d.Status.ObservedGeneration, d.Status.UpdatedReplicas = d.Generation, 0
	if len(d.Status.Conditions) > 0 {
		return nil
	}
	d.Status.Conditions = []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: why.Error(), LastTransitionTime: metav1.Now(),
	}}
	return s.client.Status().Update(ctx, d)
}

// collect removes what a deleted Deployment leaves, as the garbage collector does.
func (s *cluster) collect(ctx context.Context, name types.NamespacedName) error {
	mine := []client.DeleteAllOfOption{client.InNamespace(name.Namespace), client.MatchingLabels{labelApp: name.Name}, client.GracePeriodSeconds(0)}
	var sets appsv1.ReplicaSetList
	if err := s.client.List(ctx, &sets, client.InNamespace(name.Namespace), client.MatchingLabels{labelApp: name.Name}); err != nil || len(sets.Items) == 0 {
		return err
	}
	if err := s.client.DeleteAllOf(ctx, &appsv1.ReplicaSet{}, mine...); err != nil {
		return err
	}
	return s.client.DeleteAllOf(ctx, &corev1.Pod{}, mine...)
}

// newestSet finds the ReplicaSet of the Deployment's present template, makes
// one if there is none, and gives it the highest revision.
func (s *cluster) newestSet(ctx context.Context, d *appsv1.Deployment) (*appsv1.ReplicaSet, error) {
	var sets appsv1.ReplicaSetList
	if err := s.client.List(ctx, &sets, client.InNamespace(d.Namespace), client.MatchingLabels{labelApp: d.Name}); err != nil {
		return nil, err
	}
	highest := 0
	var found *appsv1.ReplicaSet
	for i := range sets.Items {
		set := &sets.Items[i]
		highest = max(highest, revisionOf(set))
		if equality.Semantic.DeepEqual(set.Spec.Template.Spec, d.Spec.Template.Spec) && set.Spec.Template.Annotations[restartedAt] == d.Spec.Template.Annotations[restartedAt] {
			found = set
		}
	}
	if found != nil && revisionOf(found) == highest {
		return found, nil
	}
	next := strconv.Itoa(highest + 1)
	if found != nil {
		found.Annotations[revisionAnnotation] = next
		return found, s.client.Update(ctx, found)
	}
	yes := true
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: d.Namespace, Name: fmt.Sprintf("%s-%d", d.Name, highest+1), Labels: d.Spec.Template.Labels,
			Annotations:     map[string]string{revisionAnnotation: next},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: d.Name, UID: d.UID, Controller: &yes}},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: d.Spec.Replicas, Selector: d.Spec.Selector, Template: d.Spec.Template},
	}
	return set, s.client.Create(ctx, set)
}

func revisionOf(set *appsv1.ReplicaSet) int {
	n, err := strconv.Atoi(set.Annotations[revisionAnnotation])
	if err != nil {
		return 0
	}
	return n
}

// scale ends the pods of other revisions and those that are too many, and makes
// those that are missing; it
// returns how many are ready.
func (s *cluster) scale(ctx context.Context, d *appsv1.Deployment, set *appsv1.ReplicaSet) (ready int32, err error) {
	var pods corev1.PodList
	if err := s.client.List(ctx, &pods, client.InNamespace(d.Namespace), client.MatchingLabels{labelApp: d.Name}); err != nil {
		return 0, err
	}
	missing := *d.Spec.Replicas
	keepOlder := keepsOlder(d) && !allReady(pods.Items, set, *d.Spec.Replicas)
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !metav1.IsControlledBy(pod, set) {
			if keepOlder {
				continue
			}
			if err := s.client.Delete(ctx, pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
				return 0, err
			}
			continue
		}
		if missing--; missing < 0 {
			if err := s.client.Delete(ctx, pod, client.GracePeriodSeconds(0)); client.IgnoreNotFound(err) != nil {
				return 0, err
			}
			continue
		}
		if len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].Ready {
			ready++
		}
	}
	for range max(0, missing) {
		pod := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: set.Spec.Template.Spec}
		pod.Namespace, pod.GenerateName = d.Namespace, set.Name+"-"
		yes := true
		pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set.Name, UID: set.UID, Controller: &yes}}
		if err := s.client.Create(ctx, pod); err != nil {
			return 0, err
		}
	}
	return ready, nil
}

// countReady writes into each ReplicaSet's status how many of its pods are ready.
func (s *cluster) countReady(ctx context.Context, d *appsv1.Deployment) error {
	var sets appsv1.ReplicaSetList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&sets, &pods} {
		if err := s.client.List(ctx, list, client.InNamespace(d.Namespace), client.MatchingLabels{labelApp: d.Name}); err != nil {
			return err
		}
	}
	for i := range sets.Items {
		set, ready := &sets.Items[i], int32(0)
		for j := range pods.Items {
			if statuses := pods.Items[j].Status.ContainerStatuses; metav1.IsControlledBy(&pods.Items[j], set) && len(statuses) > 0 && statuses[0].Ready {
				ready++
			}
		}
		if set.Status.ReadyReplicas == ready {
			continue
		}
		set.Status.Replicas, set.Status.ReadyReplicas = ready, ready
		if err := s.client.Status().Update(ctx, set); err != nil {
			return err
		}
	}
	return nil
}

// keepsOlder is true of a Deployment that may have no pod less than it wants:
// pods of the revision before stay until those of the newest are ready.
func keepsOlder(d *appsv1.Deployment) bool {
	r := d.Spec.Strategy.RollingUpdate
	return r != nil && r.MaxUnavailable != nil && r.MaxUnavailable.IntValue() == 0 && r.MaxUnavailable.Type == intstr.Int
}

func allReady(pods []corev1.Pod, set *appsv1.ReplicaSet, wanted int32) bool {
	for i := range pods {
		if metav1.IsControlledBy(&pods[i], set) && len(pods[i].Status.ContainerStatuses) > 0 && pods[i].Status.ContainerStatuses[0].Ready {
			wanted--
		}
	}
	return wanted <= 0
}
