package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/view"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// round is one round's view of a diagnosis and what it is about.
type round struct {
	// before is what was read, after what is to be written.
	before, after *v1alpha1.BridgeDiagnosis
	// reason of the state that this round ends in.
	reason string
	// recheck is when to come again, 0 if an event will tell; soakLeft is when
	// the container will have been up for the soak, 0 while it is not up.
	recheck, soakLeft time.Duration

	// now is when the round began.
	now time.Time
	// owner is nil where stackGone is true: no stack, or another one, has the workload.
	owner     *v1alpha1.BridgeStack
	stackGone bool
	stack     stack.Stack
	service   stack.Service
	// workload is nil where workloadGone is true: it was deleted, or is another one
	// under its name.
	workload     workload.Workload
	workloadGone bool
	pods         []observe.Pod
	// nodes that the pods are on, as far as they can be read.
	nodes map[string]evidence.Node
	// deleted says that the diagnosis is deleted, and takeBackSince since when its
	// attempt is to be taken back because it or its stack is; zero where it is not.
	deleted       bool
	takeBackSince time.Time
	// refusedSince is since when the API server refuses the workload's pods, by its events.
	refusedSince time.Time
	// justRecorded says that record persisted the latest attempt in this round.
	justRecorded bool

	// What diagnose found in this round.
	observed *evidence.Case
	redactor *redact.Redactor
	scope    egress.Scope
	finding  diagnosis.Finding
}

func (in *round) policy() stack.Policy { return in.stack.Policy }

// view is what is seen of the incident, as plain values; what follows from it is there.
func (in *round) view() view.Incident {
	pods := observe.WorkloadPods(in.pods, in.nodes, in.after.Spec.Container)
	for i := range pods {
		pods[i].Stranded = pods[i].Pod.NodeReady == evidence.ReadinessFalse && workload.TraitsOf(in.after.Spec.Workload.Kind).LeavesPods
	}
	seen := view.Incident{
		Diagnosis: in.after, Policy: in.policy(), Service: in.service, StackGone: in.stackGone,
		Workload: in.workload, Pods: pods, RefusedSince: in.refusedSince, Now: in.now,
	}
	if in.workload != nil {
		seen.Run = observe.RunOf(in.workload.Run(in.now))
	}
	return seen
}

// named is the workload by its name.
func (in *round) named() workload.Ref {
	return workload.RefOfDiagnosed(in.after.Namespace, in.after.Spec.Workload)
}

// maxMessage is the API's limit of status.message.
const maxMessage = 4096

// become sets the state with its reason and message.
func (in *round) become(state v1alpha1.DiagnosisState, reason, message string) {
	in.after.Status.State, in.after.Status.Message, in.reason = state, text.Clip(message, maxMessage), reason
}

// begin reads the diagnosis and what it is about; nil where nothing is to be done.
func (r *Reconciler) begin(ctx context.Context, req ctrl.Request) (*round, error) {
	var before v1alpha1.BridgeDiagnosis
	if err := r.Client.Get(ctx, req.NamespacedName, &before); err != nil {
		r.forget(req.NamespacedName)
		return nil, client.IgnoreNotFound(err)
	}
	in := &round{before: &before, after: before.DeepCopy(), now: r.Clock.Now(), deleted: !before.DeletionTimestamp.IsZero()}
	switch {
	case in.deleted && !controllerutil.ContainsFinalizer(&before, v1alpha1.FinalizerTakeBack):
		return nil, nil
	case before.Status.State.Final(), !r.Within.Generic(event.GenericEvent{Object: &before}):
		r.forget(req.NamespacedName)
		return nil, client.IgnoreNotFound(r.keep(ctx, &before, false))
	}
	if in.after.Status.State == "" {
		in.after.Status.Times.Visible = before.Spec.DetectedAt
		reason, message := incident.Detected(before.Spec.Symptom)
		in.become(v1alpha1.StateDiagnosing, reason, message)
	} else {
		in.reason = report.ReadyReason(&before)
	}
	owner, resolved, service, err := r.Resolver.StackFor(ctx, in.named())
	if err != nil {
		return nil, err
	}
	if in.stackGone = owner == nil || owner.Name != before.Spec.Stack; !in.stackGone {
		in.owner, in.stack, in.service = owner, resolved, service
	}
	if err := r.readWorkload(ctx, in); err != nil {
		return nil, err
	}
	in.takeBackSince, err = r.takeBackFrom(ctx, in)
	return in, err
}

// forget what is kept in memory of an incident that is over.
func (r *Reconciler) forget(diagnosis types.NamespacedName) {
	r.Commits.Forget(diagnosis)
	r.unread.forget(diagnosis)
}

func (r *Reconciler) readWorkload(ctx context.Context, in *round) error {
	found, err := lookup.Get(ctx, r.Client, workload.RefOfDiagnosed(in.after.Namespace, in.after.Spec.Workload))
	if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
		in.workloadGone = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", in.named(), err)
	}
	in.workload = found
	if in.pods, err = r.Observer.Pods(ctx, in.named()); err != nil {
		return err
	}
	in.nodes = r.Observer.Nodes(ctx, in.pods)
	r.learnSecrets(ctx, in)
	return nil
}

// worst is the pod to look at; see view.Incident.Worst.
func (in *round) worst() (observe.Pod, evidence.WorkloadPod, bool) {
	seen := in.view()
	i := seen.Worst()
	if i < 0 {
		return observe.Pod{}, evidence.WorkloadPod{}, false
	}
	return in.pods[i], seen.Pods[i], true
}
