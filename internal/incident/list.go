// Package incident knows which diagnoses there are of a stack, which of them are
// open, which workload each is about, and how a new one is named and opened.
package incident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// ErrStaleView says that the cache does not show what was last persisted: nothing
// is done on such a view.
var ErrStaleView = errors.New("the cache lags behind the diagnosis")

// OfStack lists a stack's diagnoses by name: a cache has no order, and what is
// written must not depend on it. They are for reading only: they may be the cache's.
// It goes by what a diagnosis says for good and not by its label, which whoever may
// patch it can take away: budgets, and what was tried, count all of them.
func OfStack(ctx context.Context, reader client.Reader, namespace, stack string) ([]v1alpha1.BridgeDiagnosis, error) {
	var list v1alpha1.BridgeDiagnosisList
	if err := reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the diagnoses of stack %s/%s: %w", namespace, stack, err)
	}
	var out []v1alpha1.BridgeDiagnosis
	for _, d := range list.Items {
		if d.Spec.Stack == stack {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.BridgeDiagnosis) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// IsAbout reports whether a diagnosis is of a workload.
func IsAbout(d *v1alpha1.BridgeDiagnosis, w workload.Ref) bool {
	return d.Namespace == w.Namespace && d.Spec.Workload.Kind == w.Kind && d.Spec.Workload.Name == w.Name
}

// IsOpen says that there is an open diagnosis of a workload: what is down may be down
// for that, whichever its container.
func IsOpen(diagnoses []v1alpha1.BridgeDiagnosis, w workload.Ref) bool {
	return slices.ContainsFunc(diagnoses, func(d v1alpha1.BridgeDiagnosis) bool {
		return IsAbout(&d, w) && !d.Status.State.Final()
	})
}

// LastOver is when the last incident of a workload was over, however it ended, zero where
// there was none: what was so before has been told. Of one under its name that is gone by
// now nothing follows for it.
func LastOver(diagnoses []v1alpha1.BridgeDiagnosis, w workload.Ref) time.Time {
	var last time.Time
	for i := range diagnoses {
		d := &diagnoses[i]
		if at, over := EndedAt(d); over && IsAbout(d, w) && d.Spec.Workload.UID == w.UID && at.After(last) {
			last = at
		}
	}
	return last
}

// StackOf requests the stack of a diagnosis, for who watches diagnoses.
func StackOf(_ context.Context, o client.Object) []reconcile.Request {
	d, ok := o.(*v1alpha1.BridgeDiagnosis)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}}}
}

// History is what is known of a container's earlier diagnoses.
type History struct {
	// Open is true while one of them is not final.
	Open bool
	// Ended are the names of the others.
	Ended []string
	// Recovered is when the last of them recovered, zero where none did.
	Recovered time.Time
}

// HistoryOf finds the diagnoses of a workload's container among a stack's.
func HistoryOf(diagnoses []v1alpha1.BridgeDiagnosis, w workload.Ref, container string) History {
	var out History
	for i := range diagnoses {
		d := &diagnoses[i]
		if !IsAbout(d, w) || d.Spec.Workload.UID != w.UID || d.Spec.Container != container {
			continue
		}
		if !d.Status.State.Final() {
			out.Open = true
			continue
		}
		out.Ended = append(out.Ended, d.Name)
		if at := d.Status.Times.Recovered; at != nil && at.After(out.Recovered) {
			out.Recovered = at.Time
		}
	}
	return out
}
