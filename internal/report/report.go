// Package report turns outcomes into status, conditions, events and metrics. It
// is the one place that writes status. Events are sent, and transitions counted,
// only after the status was written: a lost race announces and counts nothing.
package report

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/metrics"
	"github.com/bridgestack/operator/internal/redact"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/workload"
)

// maxNote is the longest note that events.k8s.io accepts, in bytes.
const maxNote = 1024

// Reporter writes status and events.
type Reporter struct {
	Client client.Client
	Events events.EventRecorder
	// Metrics count what was written. nil counts nothing.
	Metrics *metrics.Metrics

	known known
}

// Diagnosis writes the status of a diagnosis where it changed, with the
// resourceVersion that was read as precondition, and announces a transition on
// the diagnosis and on its workload. Nothing secret gets past it: secrets is what the
// one who writes knows of the pods, nil where that is nothing. What Learn keeps is not
// enough, as other incidents may have taken its room by now. After it, after is what
// the API server has.
func (r *Reporter) Diagnosis(ctx context.Context, before, after *v1alpha1.BridgeDiagnosis, reason string, secrets *redact.Redactor) error {
	if secrets == nil {
		secrets = r.Secrets(after)
	}
	redactStatus(&after.Status, secrets)
	keepTimings(before.Status.Probes, after.Status.Probes)
	SetDiagnosisConditions(after, reason) // made of what is redacted
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	// An Update carries the resourceVersion that was read: a stale view ends in a 409.
	if err := r.Client.Status().Update(ctx, after); err != nil {
		return fmt.Errorf("writing the status of diagnosis %s/%s: %w", after.Namespace, after.Name, err)
	}
	r.Metrics.Diagnosis(before, after)
	if transition(before) != transition(after) {
		r.announce(after, reason)
		logTransition(ctx, after, reason)
	}
	return nil
}

// logTransition tells the operator's log of a change of state. What it says is in the
// status, which is redacted.
func logTransition(ctx context.Context, d *v1alpha1.BridgeDiagnosis, reason string) {
	s := &d.Status
	values := []any{"stack", d.Spec.Stack, "service", d.Spec.Service, "container", d.Spec.Container, "state", s.State, "reason", reason, "cause", s.Cause, "confidence", s.Confidence, "remedy", s.Remedy}
	if n := len(s.Attempts); n > 0 {
		values = append(values, "attempt", s.Attempts[n-1].ID, "outcome", s.Attempts[n-1].Outcome)
	}
	ctrl.LoggerFrom(ctx).Info("an incident changed its state", values...)
}

// transition is what two statuses must differ in to be worth an event.
func transition(d *v1alpha1.BridgeDiagnosis) string {
	ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return ""
	}
	return strings.Join([]string{string(d.Status.State), ready.Reason, string(d.Status.Cause), string(d.Status.Remedy)}, "/")
}

// worrying are the states announced as warnings.
var worrying = map[v1alpha1.DiagnosisState]bool{
	v1alpha1.StateDiagnosing:  true,
	v1alpha1.StateEscalated:   true,
	v1alpha1.StateRollingBack: true,
}

func (r *Reporter) announce(d *v1alpha1.BridgeDiagnosis, reason string) {
	kind := corev1.EventTypeNormal
	if worrying[d.Status.State] {
		kind = corev1.EventTypeWarning
	}
	note := d.Status.Message
	if d.Status.Cause != "" {
		note = string(d.Status.Cause) + ": " + note
	}
	workload := &metav1.PartialObjectMetadata{
		TypeMeta:   typeOf(d.Spec.Workload.Kind),
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Spec.Workload.Name, UID: d.Spec.Workload.UID},
	}
	r.Events.Eventf(d, workload, kind, reason, string(d.Status.State), "%s", text.Clip(note, maxNote))
	r.Events.Eventf(workload, d, kind, reason, string(d.Status.State), "%s", text.Clip(note, maxNote))
}

// typeOf a workload, as events name it. The version of another operator's kind is not
// known; nobody looks for events by that.
func typeOf(name v1alpha1.WorkloadKind) metav1.TypeMeta {
	kind, err := workload.GroupVersionKind(name)
	if err != nil || kind.Version == "" {
		return metav1.TypeMeta{APIVersion: kind.Group, Kind: kind.Kind}
	}
	return metav1.TypeMeta{APIVersion: kind.GroupVersion().String(), Kind: kind.Kind}
}

// keepTimings keeps the old timings and wording where nothing else about the
// probes changed: messages may name a port that is another each time, and a
// probe that says the same again is no reason to write.
func keepTimings(before, after []v1alpha1.ProbeResult) {
	if len(before) != len(after) {
		return
	}
	for i := range after {
		same := after[i]
		same.Milliseconds, same.Message = before[i].Milliseconds, before[i].Message
		if same != before[i] {
			return
		}
	}
	copy(after, before)
}

// maxConditionMessage is how long a stack's condition becomes, in bytes. The API
// takes 32768 characters; nobody reads more than this.
const maxConditionMessage = 8192

// joined texts, as many as a condition's message holds, and how many there are more.
func joined(texts []string) string {
	const room = len("; and 1000000 more")
	var b strings.Builder
	for i, t := range texts {
		t = text.Clip(t, maxConditionMessage/2)
		if b.Len()+len("; ")+len(t) > maxConditionMessage-room {
			fmt.Fprintf(&b, "; and %d more", len(texts)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(t)
	}
	return b.String()
}

func problemText(problems []stack.Problem) string {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return joined(texts)
}

// healthyText says that all is well, and of which services that is not by their being
// up: nothing of those was seen not to loop.
func healthyText(services []v1alpha1.ServiceStatus) string {
	var texts []string
	for _, s := range services {
		if s.Message != "" {
			texts = append(texts, s.Name+": "+s.Message)
		}
	}
	if len(texts) == 0 {
		return "all services are available and none loops"
	}
	return joined(append([]string{"no service is down, and none of those that are up loops"}, texts...))
}

func unhealthyText(services []v1alpha1.ServiceStatus) string {
	var texts []string
	for _, s := range services {
		if !s.Healthy {
			texts = append(texts, s.Name+": "+s.Message)
		}
	}
	if len(texts) == 0 {
		return "the stack has no service"
	}
	return joined(texts)
}

// Stack writes the status of a stack where it changed.
func (r *Reporter) Stack(ctx context.Context, before, after *v1alpha1.BridgeStack, stalled []stack.Problem) error {
	healthy := 0
	for _, s := range after.Status.Services {
		if s.Healthy {
			healthy++
		}
	}
	after.Status.ServicesHealthy = fmt.Sprintf("%d/%d", healthy, len(after.Status.Services))
	SetStackConditions(after, stalled, healthy)
	redactStackStatus(&after.Status)
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, after); err != nil {
		return fmt.Errorf("writing the status of stack %s/%s: %w", after.Namespace, after.Name, err)
	}
	return nil
}

// Tried writes what a stack remembers of changes that were tried, and nothing else
// of its status. A conflict means that it is to be read again.
func (r *Reporter) Tried(ctx context.Context, s *v1alpha1.BridgeStack, tried []v1alpha1.TriedChange) error {
	if equality.Semantic.DeepEqual(s.Status.Tried, tried) {
		return nil
	}
	after := s.DeepCopy()
	after.Status.Tried = tried
	if err := r.Client.Status().Update(ctx, after); err != nil {
		return fmt.Errorf("writing what stack %s/%s remembers: %w", s.Namespace, s.Name, err)
	}
	return nil
}
