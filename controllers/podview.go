package controllers

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/vantage"
)

// mostAllowed of the addresses that a probe inside a pod may reach.
const mostAllowed = 512

// podView asks the failing pod itself, where the stack allows it and the finding
// leaves open why the container cannot reach a dependency. What comes of it
// is added to the case; pending is how long an answer is still awaited, 0 where
// there is nothing to wait for.
func (r *BridgeDiagnosisReconciler) podView(ctx context.Context, in *incident, pod *corev1.Pod, c *evidence.Case, redactor *redact.Redactor) (pending time.Duration, err error) {
	if !in.owner.Spec.Diagnosis.ProbeFromPod {
		return 0, nil
	}
	targets := askable(diagnosis.Disputed(*c, in.finding), redactor)
	if len(targets) == 0 {
		return 0, nil
	}
	name := vantage.Name(in.finding.Fingerprint(), targets)
	asked, standing := in.askedAlready(pod, name, r.Now())
	switch {
	case standing.Answered:
		c.Probes = append(c.Probes, r.answer(ctx, asked, name, standing.Question, redactor)...)
		return 0, nil
	case standing.Left > 0:
		return standing.Left, nil
	case standing.Asked:
		c.Probes = append(c.Probes, unanswered(targets, standing.Trouble)...)
		return 0, nil
	}
	if why := in.mayNotAsk(pod, r.Image); why != "" {
		c.Probes = append(c.Probes, unanswered(targets, why)...)
		return 0, nil
	}
	return r.ask(ctx, in, pod, name, targets, c)
}

// ask adds the probe's container to the pod. A refusal is evidence, and no error.
func (r *BridgeDiagnosisReconciler) ask(ctx context.Context, in *incident, pod *corev1.Pod, name string, targets []vantage.Target, c *evidence.Case) (time.Duration, error) {
	allowed, err := r.allowedAddresses(ctx, in, c.Probes)
	if err != nil {
		return 0, err
	}
	question := vantage.Question{AskedAt: r.Now().UTC().Truncate(time.Second), Allowed: allowed, Targets: targets}
	err = vantage.Asker{Writer: r.Cached, Image: r.Image}.Ask(ctx, pod, name, question)
	switch {
	case err == nil:
		ctrl.LoggerFrom(ctx).Info("a probe was started inside the failing pod", "pod", pod.Name, "container", name)
		return time.Second, nil // then the cache shows it
	case apierrors.IsConflict(err), apierrors.IsNotFound(err) && ctx.Err() == nil && in.podGone(ctx, r, pod):
		return conflictPause, nil
	}
	c.Probes = append(c.Probes, unanswered(targets, vantage.Because(err))...)
	return 0, nil
}

// podGone tells a pod that was deleted from an API server that has no such subresource.
func (in *incident) podGone(ctx context.Context, r *BridgeDiagnosisReconciler, pod *corev1.Pod) bool {
	var live corev1.Pod
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}, &live)
	return apierrors.IsNotFound(err) || err == nil && live.UID != pod.UID
}
