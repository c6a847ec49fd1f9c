package bridgediagnosis

import (
	"context"
	"sync"
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
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/requeue"
	"github.com/bridgestack/operator/internal/resolve"
	"github.com/bridgestack/operator/internal/server"
	"github.com/bridgestack/operator/internal/vantage"
)

// diagnose observes, probes and finds the cause. It always goes on to plan.
func (r *Reconciler) diagnose(ctx context.Context, in *round) (bool, error) {
	if in.observed != nil { // continueAttempt needed it already
		return false, nil
	}
	pod, worst, ok := in.worst()
	if !ok {
		in.awaitPod()
		return true, nil
	}
	seen, err := r.observe(ctx, in, pod, worst.Container)
	if err != nil {
		return false, err
	}
	c := seen.Case
	c.Proved = provedBy(in.after.Status)
	c.Probes = r.probe(ctx, in, c, seen.Redactor)
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
	if in.tellsLess(c) {
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonVerifying, "the container runs again; the diagnosis is of what kept it from that before")
		in.recheck = time.Second
		return true, nil
	}
	if in.tellsNothing(c) {
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
	if !in.owner.Spec.Diagnosis.ProbeFromPod {
		return nil, 0, nil
	}
	var others []*corev1.Pod
	for _, p := range in.pods {
		if p.Newest && p.DeletionTimestamp.IsZero() && p.UID != pod.UID {
			others = append(others, p.Pod)
		}
	}
	attempt := in.attempt()
	viewer := vantage.Viewer{Client: r.Client, Observer: r.Observer, Prober: r.Prober, Image: r.Image, Denied: func(ctx context.Context, pod string) (string, error) {
		return r.Permissions.Denied(ctx, in.owner, plan.ProbeRights(pod))
	}}
	return viewer.Probes(ctx, vantage.View{
		Occasion: string(in.after.UID) + "/" + in.finding.Fingerprint(), Now: r.Clock.Now(), Pod: pod, Others: others,
		Connections: diagnosis.Disputed(c, in.finding), Outside: c.Probes, Scope: in.scope, Redactor: in.redactor,
		Judged: attempt != nil && attempt.Outcome.InForce(), Paused: in.paused(),
	})
}

// awaitPodView ends the round until the probe inside the pod has ended.
func (in *round) awaitPodView(pod string, pending time.Duration) {
	in.become(v1alpha1.StateDiagnosing, v1alpha1.ReasonProbingFromPod,
		in.finding.Message+" The dependency is being probed from inside the pod "+pod+", which may see what nobody else does")
	in.recheck = pending
}

// provedBy is what an earlier look at the incident found.
func provedBy(s v1alpha1.BridgeDiagnosisStatus) evidence.Proved {
	return evidence.Proved{Cause: s.Cause, Confidence: s.Confidence, Message: s.Message, Evidence: s.Evidence}
}

// observe gathers all but the probes.
func (r *Reconciler) observe(ctx context.Context, in *round, pod observe.Pod, container evidence.Container) (observe.Observation, error) {
	seen, err := r.Observer.Case(ctx, observe.Request{Pod: pod.Pod, Container: container.Name, Service: in.service.Name, Workload: in.named()})
	if err != nil && seen.Redactor == nil { // the pod itself could not be read
		return seen, err
	}
	if err != nil { // the parts that could be read are there
		r.unread.log(ctx, client.ObjectKeyFromObject(in.after), "some evidence could not be read", pod.Name, err)
	}
	if in.scope, err = r.Resolver.Scope(ctx, pod.Namespace); err != nil {
		return seen, err
	}
	siblings, err := incident.OfStack(ctx, r.Client, pod.Namespace, in.owner.Name)
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

// awaitPod waits for a pod to look at.
func (in *round) awaitPod() {
	in.recheck = requeue.References
	if in.after.Status.State == v1alpha1.StateEscalated {
		return // a person was called, and pods are replaced
	}
	in.become(v1alpha1.StateWaiting, v1alpha1.ReasonLoopDetected, "the workload has no pod to look at now")
}

// tellsLess is true where the container runs, nothing ended since it was last
// looked at, and what is seen now shows less than what was seen then: with the
// cause its evidence is gone.
func (in *round) tellsLess(c evidence.Case) bool {
	before := in.after.Status
	return before.Cause != "" && before.Confidence != v1alpha1.ConfidenceLow && in.finding.Confidence == v1alpha1.ConfidenceLow &&
		c.Container.Waiting == nil && c.Container.Terminated == nil &&
		before.Loop != nil && before.Loop.Restarts == c.Container.Restarts
}

// tellsNothing is true of a new pod that has not run yet, where the cause was
// shown by one before: what was seen of that stays.
func (in *round) tellsNothing(c evidence.Case) bool {
	before := in.after.Status
	return before.Cause != "" && before.Cause != v1alpha1.CauseUnknown && in.finding.Cause == v1alpha1.CauseUnknown && c.Container.Ended() == nil
}

// probe asks each dependency twice, all at the same time: as the container is
// configured and, where that differs, as the stack declares it.
func (r *Reconciler) probe(ctx context.Context, in *round, c evidence.Case, redactor *redact.Redactor) []evidence.Probe {
	type question struct {
		to evidence.Connection
		as v1alpha1.ProbeViewpoint
	}
	var questions []question
	for _, d := range c.Dependencies {
		if d.Configured != nil {
			questions = append(questions, question{*d.Configured, v1alpha1.AsConfigured})
		}
		switch {
		case d.Declared == nil:
		case d.Configured == nil:
			questions = append(questions, question{*d.Declared, v1alpha1.AsDeclared})
		default:
			questions = append(questions, question{server.Toward(*d.Declared, *d.Configured, c.Env), v1alpha1.AsDeclared})
		}
	}
	out := make([]evidence.Probe, len(questions))
	var wait sync.WaitGroup
	for i, q := range questions {
		wait.Go(func() {
			out[i] = r.Prober.Probe(ctx, in.scope, q.to, q.as)
			for s := range out[i].Stages {
				out[i].Stages[s].Message = redactor.Text(out[i].Stages[s].Message)
			}
		})
	}
	wait.Wait()
	return out
}

// note writes what was found into the status.
func (in *round) note(c evidence.Case, now func() time.Time) {
	s := &in.after.Status
	s.Cause, s.Confidence = in.finding.Cause, in.finding.Confidence
	s.Evidence, s.Refuted = nil, in.finding.Refuted
	for _, e := range in.finding.Evidence {
		// Before it is cut: a part of a secret is harder to know.
		e.Text = in.redactor.Clean(e.Text, maxEvidenceText)
		s.Evidence = append(s.Evidence, e)
	}
	s.Evidence = s.Evidence[:min(len(s.Evidence), maxEvidence)]
	s.Refuted = s.Refuted[:min(len(s.Refuted), maxEvidence)]
	s.Probes = nil
	for _, p := range c.Probes {
		s.Probes = append(s.Probes, probeResult(p))
	}
	s.Probes = s.Probes[:min(len(s.Probes), maxProbes)]
	s.Root = nil
	if in.finding.Root != "" {
		s.Root = &v1alpha1.RootReference{Service: in.finding.Root, Diagnosis: diagnosisOf(c, in.finding.Root)}
	}
	s.Loop = loopObservation(s.Loop, c)
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

func diagnosisOf(c evidence.Case, service string) string {
	for _, d := range c.Dependencies {
		if d.Service == service {
			return d.Workload.Diagnosis
		}
	}
	return ""
}

func probeResult(p evidence.Probe) v1alpha1.ProbeResult {
	last := p.Last()
	return v1alpha1.ProbeResult{
		Service: p.Service, Viewpoint: p.Viewpoint, Target: p.Target.String(), Outcome: p.Outcome(),
		Stage: string(last.Name), Code: last.Code, Message: redact.Clean(last.Message, maxEvidenceText), Milliseconds: p.Took().Milliseconds(),
	}
}

func loopObservation(before *v1alpha1.LoopObservation, c evidence.Case) *v1alpha1.LoopObservation {
	out := &v1alpha1.LoopObservation{Pod: c.Pod.Name, Restarts: c.Container.Restarts, Reason: detect.ReasonRestarts}
	if before != nil {
		out.LongestRunSeconds, out.Reason = before.LongestRunSeconds, before.Reason
	}
	if w := c.Container.Waiting; w != nil {
		out.Reason = w.Reason
	}
	if ended := c.Container.Ended(); ended != nil {
		code := ended.ExitCode
		out.ExitCode = &code
		out.LongestRunSeconds = max(out.LongestRunSeconds, int32(ended.Ran().Seconds()))
	}
	return out
}
