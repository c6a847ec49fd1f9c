package observe

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Previous is the pod template of the revision before the newest, exactly as
// it was recorded; nil where there is none.
func (r *Reader) Previous(ctx context.Context, w Workload) (*corev1.PodTemplateSpec, error) {
	if w.Kind == v1alpha1.Deployment {
		return r.previousReplicaSet(ctx, w)
	}
	var revisions appsv1.ControllerRevisionList
	if err := r.Live.List(ctx, &revisions, client.InNamespace(w.Namespace)); err != nil {
		return nil, fmt.Errorf("list ControllerRevisions of %s: %w", w, err)
	}
	owned := revisionsOf(w.UID, revisions.Items)
	if len(owned) < 2 {
		return nil, nil
	}
	return revisionTemplate(owned[1].Data.Raw)
}

// revisionTemplate reads the patch that a ControllerRevision holds: the pod
// template below spec, with a directive of strategic merge patches.
func revisionTemplate(raw []byte) (*corev1.PodTemplateSpec, error) {
	var data struct {
		Spec struct {
			Template corev1.PodTemplateSpec `json:"template"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(raw, &data); err != nil {
		return nil, fmt.Errorf("read a ControllerRevision: %w", err)
	}
	return &data.Spec.Template, nil
}

func (r *Reader) previousReplicaSet(ctx context.Context, w Workload) (*corev1.PodTemplateSpec, error) {
	var sets appsv1.ReplicaSetList
	if err := r.Cached.List(ctx, &sets, client.InNamespace(w.Namespace)); err != nil {
		return nil, fmt.Errorf("list ReplicaSets of %s: %w", w, err)
	}
	owned := replicaSetsOf(w.UID, sets.Items)
	if len(owned) < 2 {
		return nil, nil
	}
	// The cache keeps no templates.
	var previous appsv1.ReplicaSet
	if err := r.Live.Get(ctx, types.NamespacedName{Namespace: w.Namespace, Name: owned[1].Name}, &previous); err != nil {
		return nil, fmt.Errorf("get ReplicaSet %s, the revision before, of %s: %w", owned[1].Name, w, err)
	}
	template := previous.Spec.Template.DeepCopy()
	delete(template.Labels, appsv1.DefaultDeploymentUniqueLabelKey) // set by the Deployment controller
	return template, nil
}
