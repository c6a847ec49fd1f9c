package resolve

import (
	"context"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/workload"
)

// +kubebuilder:rbac:groups="",resources=nodes,verbs=list;watch
// +kubebuilder:rbac:groups="",resources=limitranges;resourcequotas,verbs=list
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=list
// +kubebuilder:rbac:groups=autoscaling.k8s.io,resources=verticalpodautoscalers,verbs=list

// Bounds are the limits on a workload's resources that others than the policy's
// owner set. They are calculated with, as the cluster itself cannot be asked: a dry
// run of the change to the workload passes whatever the quotas, LimitRanges and
// webhooks say, which look at pods only, and a dry run of a pod takes the right to
// create pods, which the operator does not have. Where the cluster refuses the pods
// all the same, the remedy does not help, and is taken back.
func (r *Resolver) Bounds(ctx context.Context, w workload.Workload, replicas int32) (remedy.Bounds, error) {
	var nodes corev1.NodeList
	if err := r.Client.List(ctx, &nodes); err != nil {
		return remedy.Bounds{}, fmt.Errorf("listing nodes for the largest limit: %w", err)
	}
	var ranges corev1.LimitRangeList
	var quotas corev1.ResourceQuotaList
	var scalers autoscalingv2.HorizontalPodAutoscalerList
	ref := workload.RefOf(w)
	for _, list := range []client.ObjectList{&ranges, &quotas, &scalers} {
		if err := r.APIReader.List(ctx, list, client.InNamespace(ref.Namespace)); err != nil {
			return remedy.Bounds{}, fmt.Errorf("listing LimitRanges, ResourceQuotas and HorizontalPodAutoscalers: %w", err)
		}
	}
	bounds := remedy.BoundsOf(remedy.Limits{Nodes: nodes.Items, LimitRanges: ranges.Items, Quotas: quotas.Items, Autoscalers: scalers.Items}, ref.Kind, ref.Name, replicas)
	bounds.SurgesFirst = w.Strategy().SurgesFirst
	var err error
	bounds.VerticalAutoscaler, err = r.verticalAutoscaler(ctx, ref)
	return bounds, err
}

// verticalAutoscaler is the VerticalPodAutoscaler that sets the workload's
// resources, empty where there is none or their kind is not installed.
func (r *Resolver) verticalAutoscaler(ctx context.Context, w workload.Ref) (string, error) {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("autoscaling.k8s.io/v1")
	list.SetKind("VerticalPodAutoscalerList")
	if err := r.APIReader.List(ctx, list, client.InNamespace(w.Namespace)); err != nil {
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return "", nil
		}
		return "", fmt.Errorf("listing VerticalPodAutoscalers: %w", err)
	}
	for _, v := range list.Items {
		target, _, _ := unstructured.NestedStringMap(v.Object, "spec", "targetRef")
		mode, _, _ := unstructured.NestedString(v.Object, "spec", "updatePolicy", "updateMode")
		if target["kind"] == string(w.Kind) && target["name"] == w.Name && mode != "Off" {
			return v.GetName(), nil
		}
	}
	return "", nil
}
