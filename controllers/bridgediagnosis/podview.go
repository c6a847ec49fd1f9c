package bridgediagnosis

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/vantage"
)

// mostAllowed of the addresses that a probe inside a pod may reach.
const mostAllowed = 512

// podView asks the failing pod itself, where the stack allows it and the
// finding leaves open why the container cannot reach a dependency. What comes
// of it is the case's further probes; pending is how long an answer is still
// awaited, 0 where there is nothing to wait for.
func (r *Reconciler) podView(ctx context.Context, in *round, pod *corev1.Pod, c evidence.Case, redactor *redact.Redactor) (seen []evidence.Probe, pending time.Duration, err error) {
	if !in.owner.Spec.Diagnosis.ProbeFromPod {
		return nil, 0, nil
	}
	targets := askable(diagnosis.Disputed(c, in.finding), redactor)
	if len(targets) == 0 {
		return nil, 0, nil
	}
	// What was seen in an earlier incident of this pod may be over.
	name := vantage.Name(string(in.after.UID)+"/"+in.finding.Fingerprint(), targets)
	asked, standing := in.asked(pod, name, r.Clock.Now())
	attempt := in.attempt()
	switch {
	case standing.Answered:
		return r.answer(ctx, asked, name, standing.Question, redactor), 0, nil
	case attempt != nil && attempt.Outcome.InForce():
		return nil, 0, nil // it is judged by what was known before
	case standing.Left > 0:
		return nil, standing.Left, nil
	case standing.Asked:
		return unanswered(targets, standing.Trouble), 0, nil
	}
	if why := r.mayNotAsk(in, pod); why != "" {
		return unanswered(targets, why), 0, nil
	}
	return r.ask(ctx, in, pod, name, targets, c.Probes)
}

// askable are the targets of connections, without those whose host may hold a
// secret: the question is readable in the pod's spec.
func askable(connections []evidence.Connection, redactor *redact.Redactor) []vantage.Target {
	var out []vantage.Target
	for _, c := range connections {
		open := !slices.ContainsFunc(c.Servers, func(s evidence.HostPort) bool {
			return s.Host == evidence.Redacted || redactor.Text(s.String()) != s.String()
		})
		if open && len(out) < vantage.MostTargets {
			out = append(out, vantage.TargetOf(c))
		}
	}
	return out
}

// asked finds the pod that was asked this already: the one that is looked at, or
// another one of the same template, whose answer is as good.
func (in *round) asked(pod *corev1.Pod, name string, now time.Time) (*corev1.Pod, vantage.Standing) {
	candidates := []*corev1.Pod{pod}
	for _, p := range in.pods {
		if p.Newest && p.DeletionTimestamp.IsZero() && p.UID != pod.UID {
			candidates = append(candidates, p.Pod)
		}
	}
	for _, p := range candidates {
		if standing := vantage.Look(p, name, now); standing.Asked {
			return p, standing
		}
	}
	return pod, vantage.Standing{}
}

// mayNotAsk says why nothing is added to the pod, empty where it may be.
func (r *Reconciler) mayNotAsk(in *round, pod *corev1.Pod) string {
	switch {
	case in.paused():
		return "nothing is added to a pod while the stack or the workload is paused"
	case r.Image == "":
		return "the operator does not know its own image; set its flag --image"
	}
	return vantage.Refusal(pod)
}

// ask adds the probe's container to the pod. A refusal is evidence, and no error.
func (r *Reconciler) ask(ctx context.Context, in *round, pod *corev1.Pod, name string, targets []vantage.Target, outside []evidence.Probe) ([]evidence.Probe, time.Duration, error) {
	if denied, err := r.Permissions.Denied(ctx, in.owner, plan.ProbeRights(pod.Name)); err != nil || denied != "" {
		return unanswered(targets, denied), 0, err
	}
	allowed, err := r.allowedAddresses(ctx, in, outside)
	if err != nil {
		return nil, 0, err
	}
	question := vantage.Question{AskedAt: r.Clock.Now().UTC().Truncate(time.Second), Allowed: allowed, Targets: targets}
	err = vantage.Asker{Writer: r.Client, Image: r.Image}.Ask(ctx, pod, name, question)
	switch {
	case err == nil:
		ctrl.LoggerFrom(ctx).Info("a probe was started inside the failing pod", "pod", pod.Name, "container", name)
		return nil, time.Second, nil // by then the cache shows it
	case apierrors.IsConflict(err): // the pod has changed since it was read
		return nil, requeue.AfterConflict, nil
	}
	return unanswered(targets, vantage.Because(err)), 0, nil
}

// allowedAddresses are those that the guard lets probes of this stack reach:
// of its namespace, and of hosts that the operator's own probes found.
func (r *Reconciler) allowedAddresses(ctx context.Context, in *round, outside []evidence.Probe) ([]netip.Addr, error) {
	var services corev1.ServiceList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&services, &pods} {
		if err := r.Client.List(ctx, list, client.InNamespace(in.after.Namespace)); err != nil {
			return nil, fmt.Errorf("listing the addresses that a probe inside a pod may reach: %w", err)
		}
	}
	var allowed []netip.Addr
	for _, p := range outside {
		var found []netip.Addr
		for _, text := range p.Addresses {
			if a, err := netip.ParseAddr(text); err == nil {
				found = append(found, a)
			}
		}
		allowed = append(allowed, r.Prober.Allowed(in.scope, p.Target.Host, found)...)
	}
	allowed = append(allowed, r.Prober.Allowed(in.scope, "", resolve.Addresses(services.Items, pods.Items))...)
	slices.SortFunc(allowed, netip.Addr.Compare)
	allowed = slices.Compact(allowed)
	return allowed[:min(len(allowed), mostAllowed)], nil
}

// answer reads what the probe inside the pod printed.
func (r *Reconciler) answer(ctx context.Context, pod *corev1.Pod, name string, question vantage.Question, redactor *redact.Redactor) []evidence.Probe {
	log := r.Observer.Logs(ctx, pod, evidence.Container{Name: name, Terminated: &evidence.Termination{}})
	if log.Unavailable != "" {
		return unanswered(question.Targets, "its answer could not be read: "+log.Unavailable)
	}
	probes, err := vantage.ParseAnswer(log.Current, question)
	if err != nil {
		return unanswered(question.Targets, err.Error())
	}
	for i := range probes {
		for s := range probes[i].Stages {
			probes[i].Stages[s].Message = redactor.Text(probes[i].Stages[s].Message)
		}
	}
	return probes
}

func unanswered(targets []vantage.Target, because string) []evidence.Probe {
	var out []evidence.Probe
	for _, t := range targets {
		out = append(out, vantage.Unanswered(t, because))
	}
	return out
}

// awaitPodView ends the round until the probe inside the pod has ended.
func (in *round) awaitPodView(pod string, pending time.Duration) {
	in.become(v1alpha1.StateDiagnosing, v1alpha1.ReasonProbingFromPod,
		in.finding.Message+" The dependency is being probed from inside the pod "+pod+", which may see what nobody else does")
	in.recheck = pending
}
