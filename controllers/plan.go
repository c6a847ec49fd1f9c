package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/remedy"
)

// plan chooses the remedy and whether it is used now.
func (r *BridgeDiagnosisReconciler) plan(ctx context.Context, in *incident) (bool, error) {
	action, proposal, err := r.propose(ctx, in)
	if err != nil {
		return false, err
	}
	if in.after.Status.GitOps = in.gitOpsOwner(); in.policy().Mode == v1alpha1.ModeObserve {
		in.after.Status.Proposal, in.after.Status.Remedy = nil, ""
	} else {
		in.after.Status.Proposal, in.after.Status.Remedy = &proposal, proposal.Remedy
	}
	decision, err := r.decide(ctx, in, r.Cached, action, proposal)
	if err != nil || !decision.Apply {
		in.follow(decision, r.Now())
		return true, err
	}
	if failed := r.prove(ctx, in, action); failed != "" {
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRemedyRefused, failed)
		in.recheck = conflictPause * 100
		return true, nil
	}
	return true, r.claimAndApply(ctx, in, action, proposal)
}

// claimAndApply decides once more on what the API server has, since the cache
// may not know of the other incidents' latest attempts, then records and applies.
func (r *BridgeDiagnosisReconciler) claimAndApply(ctx context.Context, in *incident, action remedy.Action, proposal v1alpha1.Proposal) error {
	if err := r.claim(ctx, in, action, proposal); err != nil || in.attempt() == nil || in.attempt().Outcome != v1alpha1.AttemptRecorded {
		return err
	}
	return r.applyRecorded(ctx, in, action)
}

func (r *BridgeDiagnosisReconciler) claim(ctx context.Context, in *incident, action remedy.Action, proposal v1alpha1.Proposal) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	decision, err := r.decide(ctx, in, r.Live, action, proposal)
	if err != nil || !decision.Apply {
		in.follow(decision, r.Now())
		return err
	}
	return r.record(ctx, in, action, proposal)
}

func (in *incident) follow(d plan.Decision, now time.Time) {
	in.recheck = d.RecheckAfter
	if d.State == "" {
		return
	}
	if d.State == v1alpha1.StateEscalated {
		in.escalate(d.Reason, d.Message, now)
		return
	}
	in.become(d.State, d.Reason, d.Message)
}

// escalate calls a person.
func (in *incident) escalate(reason, message string, now time.Time) {
	in.become(v1alpha1.StateEscalated, reason, message)
	if in.after.Status.Times.Escalated == nil {
		at := metav1.NewMicroTime(now)
		in.after.Status.Times.Escalated = &at
	}
}

// propose asks what would help.
func (r *BridgeDiagnosisReconciler) propose(ctx context.Context, in *incident) (remedy.Action, v1alpha1.Proposal, error) {
	keys, err := r.knownKeys(ctx, in)
	if err != nil {
		return remedy.Action{}, v1alpha1.Proposal{}, err
	}
	bounds, err := r.bounds(ctx, in)
	if err != nil {
		return remedy.Action{}, v1alpha1.Proposal{}, err
	}
	action, _ := remedy.Propose(remedy.Input{
		Finding: in.finding, Case: *in.observed, Policy: in.policy(), Service: in.service,
		Template: in.template(), Attempts: in.after.Status.Attempts,
		KnownKeys: keys, BackingOff: in.backingOff(), Bounds: bounds,
	})
	proposal, err := action.Proposal(in.template())
	return action, proposal, err
}

// decide asks whether it may be done now, on the siblings that from knows of.
func (r *BridgeDiagnosisReconciler) decide(ctx context.Context, in *incident, from client.Reader, action remedy.Action, proposal v1alpha1.Proposal) (plan.Decision, error) {
	siblings, err := diagnosesOf(ctx, from, in.after.Namespace, in.owner.Name)
	if err != nil {
		return plan.Decision{}, err
	}
	var others []v1alpha1.BridgeDiagnosis
	for _, d := range siblings {
		if d.UID != in.after.UID {
			others = append(others, d)
		}
	}
	return plan.Decide(plan.Input{
		Now: r.Now(), Policy: in.policy(), Finding: in.finding, Action: action, Proposal: proposal,
		Diagnosis: *in.after, Others: others, Services: len(in.stack.Services),
		WorkloadPaused: in.workloadPaused(),
		GitOpsOwner:    in.gitOpsOwner(), Up: in.outlived(r.Now()),
	}), nil
}

// outlived is true while the worst container has been up for longer than it
// ever ran before it crashed.
func (in *incident) outlived(now time.Time) bool {
	_, c, ok := in.worst()
	since, up := detect.Up(c)
	if !ok || !up {
		return false
	}
	longest := 5 * time.Second
	if loop := in.after.Status.Loop; loop != nil {
		longest = max(longest, 2*time.Duration(loop.LongestRunSeconds)*time.Second)
	}
	return now.Sub(since) > longest
}

func (in *incident) gitOpsOwner() string {
	w := in.workload
	o := gitops.Object{Group: "apps", Kind: string(in.after.Spec.Workload.Kind), Namespace: w.GetNamespace(), Name: w.GetName(),
		Labels: w.GetLabels(), Annotations: w.GetAnnotations()}
	for _, m := range w.GetManagedFields() {
		o.Managers = append(o.Managers, m.Manager)
	}
	return gitops.Owner(o)
}

// prove probes with the values that the remedy is about to set; empty is passed.
func (r *BridgeDiagnosisReconciler) prove(ctx context.Context, in *incident, action remedy.Action) string {
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

// knownKeys looks up the key that the missing variable is declared to come
// from. Its value is not kept.
func (r *BridgeDiagnosisReconciler) knownKeys(ctx context.Context, in *incident) (map[remedy.ObjectKey]bool, error) {
	known := map[remedy.ObjectKey]bool{}
	for _, e := range in.service.Env {
		kind, name := reference(e)
		if name == "" || in.finding.Cause != v1alpha1.CauseEnvVarMissing || e.Name != in.finding.Subject.Variable {
			continue
		}
		keys, err := r.keysOf(ctx, kind, client.ObjectKey{Namespace: in.after.Namespace, Name: name})
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			known[remedy.ObjectKey{Kind: kind, Name: name, Key: key}] = true
		}
	}
	return known, nil
}

func (r *BridgeDiagnosisReconciler) keysOf(ctx context.Context, kind string, name client.ObjectKey) ([]string, error) {
	var keys []string
	var secret corev1.Secret
	var configMap corev1.ConfigMap
	var object client.Object = &secret
	if kind == "ConfigMap" {
		object = &configMap
	}
	if err := r.Live.Get(ctx, name, object); err != nil {
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

// bounds are the limits on memory that others than the policy's owner set.
func (r *BridgeDiagnosisReconciler) bounds(ctx context.Context, in *incident) (remedy.Bounds, error) {
	b := remedy.Bounds{Replicas: in.wanted()}
	if in.finding.Cause != v1alpha1.CauseOOMKilled && in.finding.Cause != v1alpha1.CauseChildOOMKilled {
		return b, nil
	}
	var nodes corev1.NodeList
	if err := r.Cached.List(ctx, &nodes); err != nil {
		return b, fmt.Errorf("listing nodes for the largest memory limit: %w", err)
	}
	for _, n := range nodes.Items {
		b.LargestNodeMemory = max(b.LargestNodeMemory, n.Status.Allocatable.Memory().Value())
	}
	var ranges corev1.LimitRangeList
	var quotas corev1.ResourceQuotaList
	for _, list := range []client.ObjectList{&ranges, &quotas} {
		if err := r.Live.List(ctx, list, client.InNamespace(in.after.Namespace)); err != nil {
			return b, fmt.Errorf("listing LimitRanges and ResourceQuotas: %w", err)
		}
	}
	b.MaxContainerMemory, b.QuotaMemoryLeft = maxContainerMemory(ranges.Items), quotaMemoryLeft(quotas.Items)
	return b, nil
}

func maxContainerMemory(ranges []corev1.LimitRange) int64 {
	var most int64
	for _, r := range ranges {
		for _, item := range r.Spec.Limits {
			if m, set := item.Max[corev1.ResourceMemory]; set && item.Type == corev1.LimitTypeContainer && (most == 0 || m.Value() < most) {
				most = m.Value()
			}
		}
	}
	return most
}

func quotaMemoryLeft(quotas []corev1.ResourceQuota) *int64 {
	var least *int64
	for _, q := range quotas {
		hard, set := q.Status.Hard[corev1.ResourceLimitsMemory]
		if !set {
			continue
		}
		used := q.Status.Used[corev1.ResourceLimitsMemory]
		left := max(0, hard.Value()-used.Value())
		if least == nil || left < *least {
			least = &left
		}
	}
	return least
}
