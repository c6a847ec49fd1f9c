package vantage

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

	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/probe"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
)

// mostAllowed of the addresses that a probe inside a pod may reach.
const mostAllowed = 512

// Viewer has dependencies probed from inside a pod: it adds the container, awaits
// its end and reads what it printed.
type Viewer struct {
	Client   client.Client
	Observer *observe.Reader
	Prober   *probe.Prober
	// Image of the operator; empty where it does not know it.
	Image string
	// Denied says which right to add a container to the pod is lacking, empty where
	// none is.
	Denied func(ctx context.Context, pod string) (string, error)
}

// View is what is to be seen from inside a pod.
type View struct {
	// Occasion that asks: what was seen on an earlier one may be over.
	Occasion string
	Now      time.Time
	// Pod that is looked at, and others of the same template, whose answer is as good.
	Pod    *corev1.Pod
	Others []*corev1.Pod
	// Connections in dispute, and what was seen Outside of the pod.
	Connections []evidence.Connection
	Outside     []evidence.Probe
	Scope       egress.Scope
	Redactor    *redact.Redactor
	// Judged says that an attempt is in force, which is judged by what was known
	// before; Paused that nothing may be added to a pod.
	Judged, Paused bool
}

// Probes are what was seen from inside the pod; pending is how long an answer is
// still awaited, 0 where there is nothing to wait for.
func (v Viewer) Probes(ctx context.Context, in View) (seen []evidence.Probe, pending time.Duration, err error) {
	targets := askable(in.Connections, in.Redactor)
	if len(targets) == 0 {
		return nil, 0, nil
	}
	name := Name(in.Occasion, targets)
	asked, standing := in.asked(name)
	switch {
	case standing.Answered:
		return v.answer(ctx, asked, name, standing.Question, in.Redactor), 0, nil
	case in.Judged:
		return nil, 0, nil
	case standing.Left > 0:
		return nil, standing.Left, nil
	case standing.Asked:
		return unanswered(targets, standing.Trouble), 0, nil
	}
	if why := v.mayNotAsk(in); why != "" {
		return unanswered(targets, why), 0, nil
	}
	return v.ask(ctx, in, name, targets)
}

// askable are the targets of connections, without those whose host may hold a
// secret: the question is readable in the pod's spec.
func askable(connections []evidence.Connection, redactor *redact.Redactor) []Target {
	var out []Target
	for _, c := range connections {
		open := !slices.ContainsFunc(c.Servers, func(s evidence.HostPort) bool {
			return s.Host == evidence.Redacted || redactor.Text(s.String()) != s.String()
		})
		if open && len(out) < MostTargets {
			out = append(out, TargetOf(c))
		}
	}
	return out
}

// asked finds the pod that was asked this already.
func (in View) asked(name string) (*corev1.Pod, Standing) {
	for _, p := range append([]*corev1.Pod{in.Pod}, in.Others...) {
		if standing := Look(p, name, in.Now); standing.Asked {
			return p, standing
		}
	}
	return in.Pod, Standing{}
}

// mayNotAsk says why nothing is added to the pod, empty where it may be.
func (v Viewer) mayNotAsk(in View) string {
	switch {
	case in.Paused:
		return "nothing is added to a pod while the stack or the workload is paused"
	case v.Image == "":
		return "the operator does not know its own image; set its flag --image"
	}
	return Refusal(in.Pod)
}

// ask adds the probe's container to the pod. A refusal is evidence, and no error.
func (v Viewer) ask(ctx context.Context, in View, name string, targets []Target) ([]evidence.Probe, time.Duration, error) {
	if denied, err := v.Denied(ctx, in.Pod.Name); err != nil || denied != "" {
		return unanswered(targets, denied), 0, err
	}
	allowed, err := v.allowedAddresses(ctx, in)
	if err != nil {
		return nil, 0, err
	}
	question := Question{AskedAt: in.Now.UTC().Truncate(time.Second), Allowed: allowed, Targets: targets}
	err = Asker{Writer: v.Client, Image: v.Image}.Ask(ctx, in.Pod, name, question)
	switch {
	case err == nil:
		ctrl.LoggerFrom(ctx).Info("a probe was started inside the failing pod", "pod", in.Pod.Name, "container", name)
		return nil, time.Second, nil // by then the cache shows it
	case apierrors.IsConflict(err): // the pod has changed since it was read
		return nil, requeue.AfterConflict, nil
	}
	return unanswered(targets, Because(err)), 0, nil
}

// allowedAddresses are those that the guard lets probes of this stack reach:
// of its namespace, and of hosts that the operator's own probes found.
func (v Viewer) allowedAddresses(ctx context.Context, in View) ([]netip.Addr, error) {
	var services corev1.ServiceList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&services, &pods} {
		if err := v.Client.List(ctx, list, client.InNamespace(in.Pod.Namespace)); err != nil {
			return nil, fmt.Errorf("listing the addresses that a probe inside a pod may reach: %w", err)
		}
	}
	var allowed []netip.Addr
	for _, p := range in.Outside {
		var found []netip.Addr
		for _, text := range p.Addresses {
			if a, err := netip.ParseAddr(text); err == nil {
				found = append(found, a)
			}
		}
		allowed = append(allowed, v.Prober.Allowed(in.Scope, p.Target.Host, found)...)
	}
	allowed = append(allowed, v.Prober.Allowed(in.Scope, "", resolve.Addresses(services.Items, pods.Items))...)
	slices.SortFunc(allowed, netip.Addr.Compare)
	allowed = slices.Compact(allowed)
	return allowed[:min(len(allowed), mostAllowed)], nil
}

// answer reads what the probe inside the pod printed.
func (v Viewer) answer(ctx context.Context, pod *corev1.Pod, name string, question Question, redactor *redact.Redactor) []evidence.Probe {
	log := v.Observer.Logs(ctx, pod, evidence.Container{Name: name, Terminated: &evidence.Termination{}})
	if log.Unavailable != "" {
		return unanswered(question.Targets, "its answer could not be read: "+log.Unavailable)
	}
	probes, err := ParseAnswer(log.Current, question)
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

func unanswered(targets []Target, because string) []evidence.Probe {
	var out []evidence.Probe
	for _, t := range targets {
		out = append(out, Unanswered(t, because))
	}
	return out
}
