package bridgediagnosis

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/report"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/vantage"
	"github.com/bridgestack/operator/internal/view"
)

// diagnose observes, probes and finds the cause. It always goes on to plan.
func (r *Reconciler) diagnose(ctx context.Context, in *round) (bool, error) {
	if in.observed != nil { // continueAttempt needed it already
		return false, nil
	}
	pod, worst, ok := in.worst()
	if in.view().LacksPods() || !ok && in.view().Run.Failed {
		pod, ok = observe.Pod{}, true
	}
	if !ok {
		in.awaitPod()
		return true, nil
	}
	seen, err := r.observe(ctx, in, pod, worst.Container)
	if err != nil {
		return false, err
	}
	c := seen.Case
	c.ReadinessProbes = r.askReadiness(ctx, in, pod, seen)
	c.Proved = evidence.ProvedBy(in.after.Status)
	c.Probes = r.Prober.ProbeAll(ctx, in.scope, c, seen.Redactor)
	if err := r.Resolver.NameHolders(ctx, in.after.Namespace, in.stack, r.Observer.Pods, c.Probes); err != nil {
		r.unread.log(ctx, client.ObjectKeyFromObject(in.after), "some clients of a server could not be named", c.Pod.Name, err)
	}
	r.Reporter.Learn(in.after, seen.Redactor)
	in.observed, in.finding, in.redactor = &c, diagnosed(diagnosis.Diagnose(c), seen.Redactor), seen.Redactor
	inside, pending, err := r.podView(ctx, in, pod.Pod, c)
	if err != nil {
		return false, err
	}
	if len(inside) > 0 {
		c.Probes = append(c.Probes, inside...)
		in.finding = diagnosed(diagnosis.Diagnose(c), seen.Redactor)
	}
	if diagnosis.ShowsLess(in.finding, c, in.after.Status) {
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonVerifying, "the container runs again; the diagnosis is of what kept it from that before")
		in.recheck = time.Second
		return true, nil
	}
	if diagnosis.ShowsNothing(in.finding, c, in.after.Status) {
		in.recheck = 5 * time.Second
		return true, nil
	}
	in.note(c, r.Clock.Now)
	if pending > 0 {
		in.awaitPodView(pod.Name, pending)
	}
	return pending > 0, nil
}

// podView asks the failing pod itself, where the stack allows it and the
// finding leaves open why the container cannot reach a dependency. What comes
// of it is the case's further probes; pending is how long an answer is still
// awaited, 0 where there is nothing to wait for.
func (r *Reconciler) podView(ctx context.Context, in *round, pod *corev1.Pod, c evidence.Case) (seen []evidence.Probe, pending time.Duration, err error) {
	if !in.owner.Spec.Diagnosis.ProbeFromPod || pod == nil {
		return nil, 0, nil
	}
	var others []*corev1.Pod
	for _, p := range in.pods {
		if p.Newest && p.DeletionTimestamp.IsZero() && p.UID != pod.UID {
			others = append(others, p.Pod)
		}
	}
	attempt := view.LastAttempt(in.after)
	viewer := vantage.Viewer{Client: r.Client, Observer: r.Observer, Prober: r.Prober, Image: r.Image, Denied: func(ctx context.Context, pod string) (string, error) {
		return r.Permissions.Denied(ctx, in.owner, plan.ProbeRights(pod))
	}}
	return viewer.Probes(ctx, vantage.View{
		Occasion: string(in.after.UID) + "/" + in.finding.Fingerprint(), Now: r.Clock.Now(), Pod: pod, Others: others,
		Connections: diagnosis.Disputed(c, in.finding), Outside: c.Probes, Scope: in.scope, Redactor: in.redactor,
		Judged: attempt != nil && attempt.Outcome.InForce(), Paused: in.view().Paused(),
	})
}

// awaitPodView ends the round until the probe inside the pod has ended.
func (in *round) awaitPodView(pod string, pending time.Duration) {
	in.become(v1alpha1.StateDiagnosing, v1alpha1.ReasonProbingFromPod,
		in.finding.Message+" The dependency is being probed from inside the pod "+pod+", which may see what nobody else does")
	in.recheck = pending
}

// observe gathers all but the probes.
func (r *Reconciler) observe(ctx context.Context, in *round, pod observe.Pod, container evidence.Container) (observe.Observation, error) {
	seen, err := r.caseOf(ctx, in, pod, container)
	if err != nil && seen.Redactor == nil { // the pod itself could not be read
		return seen, err
	}
	if err != nil { // the parts that could be read are there
		r.unread.log(ctx, client.ObjectKeyFromObject(in.after), "some evidence could not be read", seen.Case.Pod.Name, err)
	}
	if in.scope, err = r.Resolver.Scope(ctx, client.ObjectKeyFromObject(in.owner)); err != nil {
		return seen, err
	}
	siblings, err := incident.OfStack(ctx, r.Client, in.after.Namespace, in.owner.Name)
	if err != nil {
		return seen, err
	}
	mayReadSecrets, err := r.Permissions.MayReadSecrets(ctx, in.owner, in.service.DependsOn)
	if err != nil {
		return seen, err
	}
	seen.Case.Dependencies, err = resolve.Dependent{
		Namespace: in.after.Namespace, Stack: in.stack, Service: in.service, Env: seen.Case.Env,
		MayReadSecrets: mayReadSecrets, Diagnoses: siblings, Pods: r.Observer.Pods,
	}.Dependencies(ctx)
	return seen, err
}

// caseOf gathers what is known of the container in trouble: where pods are wanting of
// what makes them, and of a pod that does not get through its init containers of the
// one at which it stands.
func (r *Reconciler) caseOf(ctx context.Context, in *round, pod observe.Pod, container evidence.Container) (observe.Observation, error) {
	request := observe.Request{Pod: pod.Pod, Container: container.Name, Service: in.service.Name, Workload: in.named()}
	if pod.Pod == nil {
		request.Container = in.after.Spec.Container
		return r.Observer.Wanting(ctx, request)
	}
	if in.view().NotAvailable() {
		request.Container = detect.StandsFor(container.Name, observe.Containers(pod.Pod))
	}
	return r.Observer.Case(ctx, request)
}

// askReadiness asks a container that runs and is not ready what its readiness probe asks.
func (r *Reconciler) askReadiness(ctx context.Context, in *round, pod observe.Pod, seen observe.Observation) []evidence.Probe {
	if pod.Pod == nil {
		return nil
	}
	var out []evidence.Probe
	for _, to := range diagnosis.ReadinessQuestions(in.service.Name, pod.Status.PodIP, seen.Case.Container) {
		answer := r.Prober.Probe(ctx, in.scope, to, v1alpha1.AsConfigured)
		for i := range answer.Stages {
			answer.Stages[i].Message = seen.Redactor.Text(answer.Stages[i].Message)
		}
		out = append(out, answer)
	}
	return out
}

// awaitPod waits for a pod to look at.
func (in *round) awaitPod() {
	in.recheck = requeue.References
	if in.after.Status.State == v1alpha1.StateEscalated {
		return // a person was called, and pods are replaced
	}
	in.become(v1alpha1.StateWaiting, v1alpha1.ReasonLoopDetected, "the workload has no pod to look at now")
}

// note writes what was found into the status.
func (in *round) note(c evidence.Case, now func() time.Time) {
	s := &in.after.Status
	s.Cause, s.Confidence = in.finding.Cause, in.finding.Confidence
	s.Command, s.Beside = in.finding.Command, in.finding.Subject.Beside
	s.Evidence, s.Refuted, s.RunnerUp = nil, in.finding.Refuted, in.finding.RunnerUp
	for _, e := range in.finding.Evidence {
		// Before it is cut: a part of a secret is harder to know.
		e.Text = in.redactor.Clean(e.Text, maxEvidenceText)
		s.Evidence = append(s.Evidence, e)
	}
	s.Evidence = s.Evidence[:min(len(s.Evidence), maxEvidence)]
	s.Refuted = s.Refuted[:min(len(s.Refuted), maxEvidence)]
	s.Probes = nil
	for _, p := range c.Probes {
		s.Probes = append(s.Probes, report.ProbeResultOf(p))
	}
	s.Probes = s.Probes[:min(len(s.Probes), maxProbes)]
	s.Root = nil
	if in.finding.Root != "" {
		s.Root = &v1alpha1.RootReference{Service: in.finding.Root, Diagnosis: c.DiagnosisOf(in.finding.Root)}
	}
	s.Loop = detect.LoopObservationOf(in.after.Spec.Symptom, s.Loop, c)
	if s.Times.Diagnosed == nil {
		at := metav1.NewMicroTime(now())
		s.Times.Diagnosed = &at
	}
}

const (
	maxEvidence     = 32
	maxProbes       = 64
	maxEvidenceText = 1024
)
