package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// propose asks what would help, and shows it. Who only observes is not asked.
func (r *Reconciler) propose(ctx context.Context, in *round) (remedy.Action, v1alpha1.Proposal, error) {
	if in.policy().Mode == v1alpha1.ModeObserve {
		in.after.Status.Proposal, in.after.Status.Remedy = nil, ""
		return remedy.Action{}, v1alpha1.Proposal{}, nil
	}
	input := remedy.Input{
		Finding: in.finding, Case: *in.observed, Policy: in.policy(), Service: in.service,
		Template: in.workload.Template(), Attempts: in.after.Status.Attempts, BackingOff: in.backingOff(),
		Now: r.Clock.Now(), Image: r.Image, SlowestStart: in.slowestStart(),
	}
	for _, gather := range []func(context.Context, *round, *remedy.Input) error{r.knownKeys, r.bounds, r.previous, r.dependencyWorkloads, r.recurrences} {
		if err := gather(ctx, in, &input); err != nil {
			return remedy.Action{}, v1alpha1.Proposal{}, err
		}
	}
	action, _ := remedy.Propose(input)
	proposal, err := action.Proposal(in.workload.Template())
	if err == nil {
		in.after.Status.Proposal, in.after.Status.Remedy = &proposal, proposal.Remedy
	}
	return action, proposal, err
}

// slowestStart is the longest that an up pod of an earlier revision needed
// from its container's start until it was ready.
func (in *round) slowestStart() time.Duration {
	var slowest time.Duration
	for _, p := range in.pods {
		c, ok := observe.ContainerOf(p.Pod, in.after.Spec.Container)
		ready, isReady := observe.ReadySince(p.Pod)
		if !p.Newest && ok && isReady && !c.RunningSince.IsZero() {
			slowest = max(slowest, ready.Sub(c.RunningSince))
		}
	}
	return slowest
}

// previous reads the newest older revision whose pods are ready, where a rollback
// might be wanted.
func (r *Reconciler) previous(ctx context.Context, in *round, input *remedy.Input) error {
	if !remedy.Needs(in.policy(), in.finding.Cause, remedy.NeedOlderRevision) || in.observed.Rollout.ReadyRevision == "" {
		return nil
	}
	template, err := r.Observer.Recorded(ctx, in.named(), in.observed.Rollout.ReadyRevision)
	input.Previous = template
	return err
}

// dependencyWorkloads reads what runs the dependencies, where one might be
// restarted.
func (r *Reconciler) dependencyWorkloads(ctx context.Context, in *round, input *remedy.Input) error {
	if !remedy.Needs(in.policy(), in.finding.Cause, remedy.NeedDependencyWorkloads) {
		return nil
	}
	siblings, err := incident.OfStack(ctx, r.Client, in.after.Namespace, in.owner.Name)
	if err != nil {
		return err
	}
	for _, d := range siblings {
		for _, a := range d.Status.Attempts {
			if d.UID != in.after.UID && remedy.SettlesBy(a.Proposal.Remedy) == remedy.SettlesWhenAnswering {
				input.Restarts = append(input.Restarts, a)
			}
		}
	}
	input.Workloads = map[string]remedy.Workload{}
	for _, d := range in.service.DependsOn {
		target, known := in.stack.ByName(d.Service)
		if !known || target.Workload == nil {
			continue
		}
		w, err := lookup.Get(ctx, r.Client, target.Workload.Ref(in.after.Namespace))
		if apierrors.IsNotFound(err) || errors.Is(err, lookup.ErrReplaced) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading %s, which runs %s: %w", target.Workload, d.Service, err)
		}
		input.Workloads[d.Service] = remedy.Workload{
			DiagnosedWorkload: v1alpha1.DiagnosedWorkload{Kind: w.Kind(), Name: w.Object().GetName(), UID: w.Object().GetUID()},
			Template:          w.Template(), AllowRestart: target.AllowRestart,
		}
	}
	return nil
}

// recurrences finds the ended incidents of the same service with the same cause.
func (r *Reconciler) recurrences(ctx context.Context, in *round, input *remedy.Input) error {
	if !remedy.Needs(in.policy(), in.finding.Cause, remedy.NeedRecurrences) {
		return nil
	}
	siblings, err := incident.OfStack(ctx, r.Client, in.after.Namespace, in.owner.Name)
	for _, d := range siblings {
		if d.Spec.Service == in.after.Spec.Service && d.Status.State == v1alpha1.StateRecovered && d.Status.Cause == in.finding.Cause {
			input.Recurrences = append(input.Recurrences, d.CreationTimestamp.Time)
		}
	}
	return err
}

// prove probes with the values that the remedy is about to set; empty is passed.
func (r *Reconciler) prove(ctx context.Context, in *round, action remedy.Action) string {
	if action.Proof == nil {
		return ""
	}
	result := r.Prober.Probe(ctx, in.scope, *action.Proof, v1alpha1.Proposed)
	in.after.Status.Probes = append(in.after.Status.Probes, probeResult(result))
	if result.Outcome() == v1alpha1.ProbePassed {
		return ""
	}
	last := result.Last()
	return fmt.Sprintf("%s is not applied: with the new value, %s at stage %s says %s", action.Remedy, result.Target, last.Name, last.Code)
}

// knownKeys looks up the key that the missing or invalid variable is declared to come
// from. Its value is not kept.
func (r *Reconciler) knownKeys(ctx context.Context, in *round, input *remedy.Input) error {
	input.KnownKeys = map[remedy.ObjectKey]bool{}
	if !remedy.Needs(in.policy(), in.finding.Cause, remedy.NeedKnownKeys) {
		return nil
	}
	for _, e := range in.service.Env {
		kind, name := resolve.Reference(e)
		if name == "" || e.Name != in.finding.Subject.Variable {
			continue
		}
		keys, err := r.keysOf(ctx, kind, client.ObjectKey{Namespace: in.after.Namespace, Name: name})
		if err != nil {
			return err
		}
		for _, key := range keys {
			input.KnownKeys[remedy.ObjectKey{Kind: kind, Name: name, Key: key}] = true
		}
	}
	return nil
}

func (r *Reconciler) keysOf(ctx context.Context, kind string, name client.ObjectKey) ([]string, error) {
	var keys []string
	var secret corev1.Secret
	var configMap corev1.ConfigMap
	var object client.Object = &secret
	if kind == "ConfigMap" {
		object = &configMap
	}
	if err := r.APIReader.Get(ctx, name, object); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("looking up the keys of %s %s: %w", kind, name, err)
	}
	for key := range secret.Data {
		keys = append(keys, key)
	}
	for key := range configMap.Data {
		keys = append(keys, key)
	}
	return keys, nil
}

// bounds are the limits on resources that others than the policy's owner set.
func (r *Reconciler) bounds(ctx context.Context, in *round, input *remedy.Input) error {
	if !remedy.Needs(in.policy(), in.finding.Cause, remedy.NeedBounds) {
		return nil
	}
	var nodes corev1.NodeList
	if err := r.Client.List(ctx, &nodes); err != nil {
		return fmt.Errorf("listing nodes for the largest limit: %w", err)
	}
	var ranges corev1.LimitRangeList
	var quotas corev1.ResourceQuotaList
	var scalers autoscalingv2.HorizontalPodAutoscalerList
	for _, list := range []client.ObjectList{&ranges, &quotas, &scalers} {
		if err := r.APIReader.List(ctx, list, client.InNamespace(in.after.Namespace)); err != nil {
			return fmt.Errorf("listing LimitRanges, ResourceQuotas and HorizontalPodAutoscalers: %w", err)
		}
	}
	w := in.after.Spec.Workload
	input.Bounds = remedy.BoundsOf(remedy.Limits{Nodes: nodes.Items, LimitRanges: ranges.Items, Quotas: quotas.Items, Autoscalers: scalers.Items}, w.Kind, w.Name, in.wanted())
	input.Bounds.SurgesFirst = in.workload.Strategy().SurgesFirst
	var err error
	input.Bounds.VerticalAutoscaler, err = r.verticalAutoscaler(ctx, in)
	return err
}

// verticalAutoscaler is the VerticalPodAutoscaler that sets the workload's
// resources, empty where there is none or their kind is not installed.
func (r *Reconciler) verticalAutoscaler(ctx context.Context, in *round) (string, error) {
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("autoscaling.k8s.io/v1")
	list.SetKind("VerticalPodAutoscalerList")
	if err := r.APIReader.List(ctx, list, client.InNamespace(in.after.Namespace)); err != nil {
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
			return "", nil
		}
		return "", fmt.Errorf("listing VerticalPodAutoscalers: %w", err)
	}
	for _, v := range list.Items {
		target, _, _ := unstructured.NestedStringMap(v.Object, "spec", "targetRef")
		mode, _, _ := unstructured.NestedString(v.Object, "spec", "updatePolicy", "updateMode")
		if target["kind"] == string(in.after.Spec.Workload.Kind) && target["name"] == in.after.Spec.Workload.Name && mode != "Off" {
			return v.GetName(), nil
		}
	}
	return "", nil
}
