package observe

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

// RunOf is how it stands with what runs to an end, as those see it who decide; nil is
// what runs for good.
func RunOf(r *workload.Run) evidence.Run {
	if r == nil {
		return evidence.Run{}
	}
	return evidence.Run{
		Known: true, Object: r.Object, Failed: r.State == workload.RunFailed, Reason: r.Reason, Message: r.Message,
		Ended: r.Ended, Active: r.Active, Failures: r.Failures, Well: r.Well,
	}
}

// ownerOf is what another operator's object, which owns a workload, says of itself. An
// object that may not be read says nothing: the operator is given no right to read other
// operators' kinds (config/read-owners gives it for some).
func (r *Reader) ownerOf(ctx context.Context, w workload.Workload) (evidence.Owner, error) {
	owner, owned := workload.OwnedBy(w)
	if !owned {
		return evidence.Owner{}, nil
	}
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(owner.GroupVersionKind())
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: w.Object().GetNamespace(), Name: owner.Name}, object)
	switch {
	case apierrors.IsForbidden(err), apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		return evidence.Owner{}, nil
	case err != nil:
		return evidence.Owner{}, fmt.Errorf("read %s, which owns %s: %w", owner, workload.RefOf(w), err)
	case object.GetUID() != owner.UID:
		return evidence.Owner{}, nil
	}
	return evidence.Owner{Object: owner.String(), Conditions: conditionsOf(object)}, nil
}

// conditionsOf an object of any kind, as far as they are like everybody's.
func conditionsOf(object *unstructured.Unstructured) []evidence.Condition {
	list, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return nil // it has others than everybody
	}
	var out []evidence.Condition
	for _, item := range list {
		fields, is := item.(map[string]any)
		var c metav1.Condition
		if !is || runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &c) != nil || c.Type == "" {
			continue
		}
		out = append(out, evidence.Condition{Type: c.Type, Status: string(c.Status), Reason: c.Reason, Message: c.Message, Since: c.LastTransitionTime.Time})
	}
	return out
}
