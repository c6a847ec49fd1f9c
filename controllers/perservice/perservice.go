// Package perservice has a stack's services looked at one by one, for the controllers that
// do so whenever anything of its namespace changes.
package perservice

import (
	"context"
	"errors"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// Stacks are read, and incidents of their services opened.
type Stacks struct {
	Client   client.Client
	Resolver *resolve.Resolver
	Opener   incident.Opener
}

// Look is one service that has a workload, and what is known of it.
type Look struct {
	Stack   *v1alpha1.BridgeStack
	Service stack.Service
	Ref     workload.Ref
	// Rules of the stack; they count from when the last incident of the workload was over.
	Rules detect.Settings
	// Open says that there is an open incident of the workload.
	Open bool

	known []v1alpha1.BridgeDiagnosis
}

// Each looks at every service of a stack that has a workload, and comes again when the
// soonest look says so; 0 where an event will tell. What goes wrong with one service keeps
// none of the others from being looked at. A stack that is gone, or is being deleted, has
// none.
func (s Stacks) Each(ctx context.Context, req ctrl.Request, look func(context.Context, Look) (time.Duration, error)) (ctrl.Result, error) {
	owner, resolved, err := s.Resolver.StackNamed(ctx, req.NamespacedName)
	if err != nil || owner == nil {
		return ctrl.Result{}, err
	}
	known, err := incident.OfStack(ctx, s.Client, req.Namespace, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	var recheck time.Duration
	var failed []error
	for _, service := range resolved.Services {
		if service.Workload == nil {
			continue
		}
		l := Look{Stack: owner, Service: service, Ref: service.Workload.Ref(req.Namespace), Rules: resolved.Policy.Detection(), known: known}
		l.Rules.Since, l.Open = incident.LastOver(known, l.Ref), incident.IsOpen(known, l.Ref)
		after, err := look(ctx, l)
		recheck, failed = requeue.Sooner(recheck, after), append(failed, err)
	}
	err = errors.Join(failed...)
	if errors.Is(err, incident.ErrStaleView) {
		return ctrl.Result{RequeueAfter: requeue.AfterConflict}, nil
	}
	return ctrl.Result{RequeueAfter: recheck}, err
}

// Has says that the workload is the stack's: where several claim it, the oldest one has it.
func (s Stacks) Has(ctx context.Context, l Look) (bool, error) {
	by, _, _, err := s.Resolver.StackFor(ctx, l.Ref)
	return err == nil && by != nil && by.Name == l.Stack.Name, err
}

// Open begins the diagnosis of a container of the service.
func (s Stacks) Open(ctx context.Context, l Look, container string, symptom v1alpha1.Symptom) error {
	return s.Opener.Open(ctx, incident.Incident{
		Stack: l.Stack, Service: l.Service.Name, Workload: l.Ref, Container: container, Symptom: symptom,
	}, incident.HistoryOf(l.known, l.Ref, container))
}
