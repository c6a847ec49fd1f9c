// Package gitopshold lets Flux go on with what it was kept from while a remedy was
// on its way into Git.
package gitopshold

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/gitcommit"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/gitrepo"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// askedAgain is how often the repository is asked whether the commit is merged
// that a held object waits for.
const askedAgain = 10 * time.Second

// Reconciler lets Flux go on with the objects of one kind that it was kept
// from: once what they were patched with is merged, or when their time is over.
// It needs nothing but the object for that, so it does it without a stack too.
type Reconciler struct {
	Client    client.Client
	APIReader client.Reader
	Applier   *apply.Applier
	// Committer asks repositories; nil asks none.
	Committer *gitcommit.Committer
	// Asks are done there.
	Asks  *gitcommit.Queue
	Clock clock.PassiveClock
	// Kind of the workloads that it is for.
	Kind v1alpha1.WorkloadKind

	// asked announces the workloads of which it is known whether their commit is merged.
	asked chan event.GenericEvent
}

// SetupWithManager watches held workloads.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	held := predicate.NewPredicateFuncs(func(o client.Object) bool {
		return o.GetAnnotations()[v1alpha1.AnnotationHeldUntil] != ""
	})
	w, err := workload.New(r.Kind)
	if err != nil {
		return err
	}
	r.asked = make(chan event.GenericEvent)
	return ctrl.NewControllerManagedBy(mgr).
		Named("hold-"+strings.ToLower(string(r.Kind))).
		For(w.Object(), builder.WithPredicates(held)).
		WatchesRawSource(source.Channel(r.asked, &handler.EnqueueRequestForObject{})).
		Complete(r)
}

// Reconcile lets a workload go when it is due.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	w, err := lookup.Get(ctx, r.Client, workload.Ref{Kind: r.Kind, Namespace: req.Namespace, Name: req.Name})
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	text := w.Object().GetAnnotations()[v1alpha1.AnnotationHeldUntil]
	if text == "" {
		return ctrl.Result{}, nil
	}
	until, err := time.Parse(time.RFC3339, text) // what nobody can read is over
	left := until.Sub(r.Clock.Now())
	if err == nil && left > 0 {
		merged, asked := r.merged(ctx, w)
		if !merged {
			return ctrl.Result{RequeueAfter: holdRecheck(left, asked)}, nil
		}
	}
	err = r.Applier.LetGo(ctx, w.Object())
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(err)
}

func holdRecheck(left time.Duration, asked bool) time.Duration {
	if asked {
		return min(left, askedAgain)
	}
	return left
}

// merged tells whether what a held workload was patched with is merged. asked is
// false where there is no repository to ask.
func (r *Reconciler) merged(ctx context.Context, w workload.Workload) (merged, asked bool) {
	named := workload.RefOf(w)
	var list v1alpha1.BridgeDiagnosisList
	if err := r.Client.List(ctx, &list, client.InNamespace(named.Namespace)); err != nil {
		return false, true
	}
	i := slices.IndexFunc(list.Items, func(d v1alpha1.BridgeDiagnosis) bool {
		return incident.IsAbout(&d, named) && heldBy(d, w) && d.Status.Commit != nil
	})
	if i < 0 {
		return false, false
	}
	d := &list.Items[i]
	var owner v1alpha1.BridgeStack
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: d.Namespace, Name: d.Spec.Stack}, &owner)
	if err != nil || owner.Spec.GitOps.Repository == nil || r.Committer == nil {
		return false, false
	}
	return r.askMerged(ctx, &owner, d, w), true
}

// askMerged has the repository asked by workers of their own, as it may hang, and
// tells what the last answer was that is not older than this round.
func (r *Reconciler) askMerged(ctx context.Context, owner *v1alpha1.BridgeStack, d *v1alpha1.BridgeDiagnosis, w workload.Workload) bool {
	object := w.Object()
	key := types.NamespacedName{Namespace: object.GetNamespace(), Name: string(r.Kind) + "/" + object.GetName()}
	if answer, ok := r.Asks.Take(key, object.GetUID()); ok {
		if answer.Err != nil {
			ctrl.LoggerFrom(ctx).Info("failed to check whether a commit is merged", "stack", owner.Name, "service", d.Spec.Service, "diagnosis", d.Name, "error", answer.Err.Error())
		}
		merged, ok := answer.Value.(bool)
		return ok && merged
	}
	r.Asks.Submit(gitcommit.Job{
		Key: key, UID: object.GetUID(), ID: object.GetAnnotations()[v1alpha1.AnnotationHeldUntil],
		Run: func(ctx context.Context) (any, error) { return r.isMerged(ctx, owner, d, w) },
		Done: func(ctx context.Context) {
			select {
			case r.asked <- event.GenericEvent{Object: object}:
			case <-ctx.Done():
			}
		},
	})
	return false
}

// heldBy is true of the diagnosis for whose attempt a workload is held.
func heldBy(d v1alpha1.BridgeDiagnosis, w workload.Workload) bool {
	return slices.ContainsFunc(d.Status.Attempts, func(a v1alpha1.Attempt) bool {
		return a.HeldUntil != nil && a.HeldUntil.UTC().Format(time.RFC3339) == w.Object().GetAnnotations()[v1alpha1.AnnotationHeldUntil]
	})
}

var errNotMerged = errors.New("not merged yet")

// isMerged reads the branch that Flux follows, and writes nothing. Merged it is once
// Flux has it too: before, it would apply again what was there.
func (r *Reconciler) isMerged(ctx context.Context, owner *v1alpha1.BridgeStack, d *v1alpha1.BridgeDiagnosis, w workload.Workload) (bool, error) {
	leave := func([]gitrepo.File) ([]gitrepo.File, error) { return nil, errNotMerged }
	seen, err := r.Committer.Commit(ctx, owner, d, w, d.Status.Commit.Changes, gitrepo.Change{}, leave)
	switch {
	case errors.Is(err, gitops.ErrMade):
		return r.hasApplied(ctx, gitops.OwnerOf(gitops.ObjectOf(w)), seen.Base)
	case errors.Is(err, errNotMerged):
		return false, nil
	}
	return false, err
}

// +kubebuilder:rbac:groups=kustomize.toolkit.fluxcd.io,resources=kustomizations,verbs=get

// hasApplied tells whether a Kustomization's last revision is a commit, such as
// main@sha1:HASH. Where it cannot be read, the hold ends with its time.
func (r *Reconciler) hasApplied(ctx context.Context, owner gitops.Owner, commit string) (bool, error) {
	k := &unstructured.Unstructured{}
	k.SetGroupVersionKind(schema.GroupVersionKind{Group: "kustomize.toolkit.fluxcd.io", Version: "v1", Kind: "Kustomization"})
	if err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: owner.Namespace, Name: owner.Name}, k); err != nil {
		return false, fmt.Errorf("reading %s: %w", owner, err)
	}
	revision, _, err := unstructured.NestedString(k.Object, "status", "lastAppliedRevision")
	return strings.HasSuffix(revision, ":"+commit), err
}
