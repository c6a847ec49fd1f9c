package workload

import (
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// RolledOut tells whether the workload is as its spec wants it, which kubectl
// rollout status waits for: kstatus has the rules of each kind. It calls a
// StatefulSet that updates on delete done at once; here that is done too when its
// pods have been replaced.
func RolledOut(w Workload) (bool, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(w.Object())
	if err != nil {
		return false, fmt.Errorf("read the status of %s: %w", RefOf(w), err)
	}
	u := &unstructured.Unstructured{Object: content}
	gvk, err := GroupVersionKind(w.Kind())
	if err != nil {
		return false, err
	}
	u.SetGroupVersionKind(gvk) // the client leaves it out of typed objects
	result, err := status.Compute(u)
	if err != nil {
		return false, fmt.Errorf("read the status of %s: %w", RefOf(w), err)
	}
	n := w.Replicas()
	replaced := !w.Strategy().OnDelete || n.Updated >= n.Desired && n.Ready >= n.Desired
	return result.Status == status.CurrentStatus && replaced, nil
}
