package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// Stack is what a page shows of one stack. Its JSON form is that of
// `kubectl bridge status -o json`.
type Stack struct {
	Namespace string        `json:"namespace"`
	Name      string        `json:"name"`
	Mode      v1alpha1.Mode `json:"mode"`
	// Held says why nothing is touched at the moment, empty while it may be.
	Held string `json:"held,omitempty"`
	// Problems are what a person must know of the policy itself.
	Problems []string  `json:"problems,omitempty"`
	Budget   Budget    `json:"budget"`
	Services []Service `json:"services"`
	// Recent incidents that are over, the latest first.
	Recent []Ended `json:"recent,omitempty"`
}

// Budget is what the policy still allows.
type Budget struct {
	LeftThisHour int `json:"leftThisHour"`
	PerHour      int `json:"perHour"`
	InForce      int `json:"inForce"`
	AtOnce       int `json:"atOnce"`
}

// The states of a service that has no open diagnosis.
const (
	StateHealthy  = "Healthy"
	StateNotReady = "NotReady"
	StateStopped  = "Stopped"
	// Of what runs to an end: the last run failed, or one was missed; nothing runs until a
	// person resumes it; or all is well with it.
	StateFailed     = "Failed"
	StateMissed     = "Missed"
	StateSuspended  = "Suspended"
	StateCompleted  = "Completed"
	StateExternal   = "External"
	StateNoWorkload = "NoWorkload"
)

// Service is one service of the stack.
type Service struct {
	Name string `json:"name"`
	// Workload as Kind/name, empty where there is none.
	Workload string `json:"workload,omitempty"`
	// State of its open diagnosis, else one of the constants above.
	State  string `json:"state"`
	Ready  int32  `json:"ready"`
	Wanted int32  `json:"wanted"`
	// Run is how what runs to an end stands, where its state does not tell: when it runs
	// next, which run it missed, why the last one failed.
	Run string `json:"run,omitempty"`
	// Restarts of all its containers, absent where they could not be counted.
	Restarts *int32 `json:"restarts,omitempty"`

	Diagnosis  string              `json:"diagnosis,omitempty"`
	Cause      v1alpha1.Cause      `json:"cause,omitempty"`
	Confidence v1alpha1.Confidence `json:"confidence,omitempty"`
	Remedy     v1alpha1.RemedyName `json:"remedy,omitempty"`
	Message    string              `json:"message,omitempty"`
	Since      *metav1.Time        `json:"since,omitempty"`
	// Next is the command for whoever wants to know or do more.
	Next string `json:"next,omitempty"`

	// DependsOn are the services that it needs.
	DependsOn []string `json:"dependsOn,omitempty"`
	// WaitsFor is the service at the root, where this one is only a symptom.
	WaitsFor string `json:"waitsFor,omitempty"`
}

// Ended is an incident that is over.
type Ended struct {
	Diagnosis string                  `json:"diagnosis"`
	Service   string                  `json:"service"`
	State     v1alpha1.DiagnosisState `json:"state"`
	Cause     v1alpha1.Cause          `json:"cause,omitempty"`
	// Remedies that were tried, with what came of each.
	Remedies []string     `json:"remedies,omitempty"`
	At       *metav1.Time `json:"at,omitempty"`
	// TookSeconds from its first sight to its end.
	TookSeconds int64 `json:"tookSeconds,omitempty"`
}

// Input is what a page of a stack is made of.
type Input struct {
	Now      time.Time
	Stack    v1alpha1.BridgeStack
	Resolved stack.Stack
	// Diagnoses of the stack, those that are over too.
	Diagnoses []v1alpha1.BridgeDiagnosis
	// Restarts by workload as Kind/name; nil where pods could not be read.
	Restarts map[string]int32
	// Missing is what could not be read.
	Missing []string
}

const (
	// recent is how long ago an incident may have ended to be shown.
	recent = 24 * time.Hour
	// mostRecent is how many of those are shown.
	mostRecent = 8
)

// Of is the page of a stack.
func Of(in Input) Stack {
	atOnce := 0
	for _, d := range in.Diagnoses {
		for _, a := range d.Status.Attempts {
			if a.Outcome.InForce() && !d.Status.State.Final() {
				atOnce++
			}
		}
	}
	policy := in.Resolved.Policy
	s := Stack{
		Namespace: in.Stack.Namespace, Name: in.Stack.Name, Mode: policy.Mode, Held: held(policy, in.Now),
		Problems: slices.Concat(problems(in.Stack), in.Missing),
		Budget: Budget{
			LeftThisHour: plan.BudgetLeft(policy, in.Diagnoses, in.Now), PerHour: int(policy.RemediesPerHour),
			InForce: atOnce, AtOnce: int(policy.Concurrent),
		},
		Services: []Service{},
		Recent:   ended(in),
	}
	for _, service := range in.Resolved.Services {
		s.Services = append(s.Services, serviceOf(in, service))
	}
	return s
}

func held(policy stack.Policy, now time.Time) string {
	if policy.Paused {
		return "paused (spec.paused): incidents are diagnosed, nothing is touched"
	}
	return policy.MaintenanceAt(now).Because
}

// problems of the policy, and that nobody follows it.
func problems(s v1alpha1.BridgeStack) []string {
	if s.Status.ObservedGeneration < s.Generation {
		return []string{"the operator has not looked at this stack as it is now: does it run? `kubectl get deployments -A -l app.kubernetes.io/name=bridgestack` shows it"}
	}
	if stalled := meta.FindStatusCondition(s.Status.Conditions, v1alpha1.ConditionStalled); stalled != nil && stalled.Status == metav1.ConditionTrue {
		return []string{oneLine(stalled.Message)}
	}
	return nil
}

func serviceOf(in Input, service stack.Service) Service {
	out := Service{Name: service.Name, State: StateNoWorkload}
	for _, d := range service.DependsOn {
		out.DependsOn = append(out.DependsOn, d.Service)
	}
	switch w := service.Workload; {
	case service.External:
		out.State = StateExternal
	case w != nil:
		out.Workload, out.Ready, out.Wanted, out.State = w.String(), w.Ready, w.Wanted, stateOf(*w)
		if r := w.Run; r != nil && (!r.Next.IsZero() || !w.Available()) {
			out.Run = oneLine(w.Says())
		}
		if in.Restarts != nil {
			n := in.Restarts[w.String()]
			out.Restarts = &n
		}
	}
	if d := open(in.Diagnoses, service.Name); d != nil {
		out.follow(*d)
	}
	return out
}

func stateOf(w stack.Workload) string {
	switch r := w.Run; {
	case r != nil && r.State == workload.RunFailed:
		return StateFailed
	case r != nil && !w.Available():
		return StateMissed
	case r != nil && r.State == workload.RunSuspended:
		return StateSuspended
	case r != nil && r.State == workload.RunSucceeded:
		return StateCompleted
	case r != nil:
		return StateHealthy // it runs, or waits for its time
	case w.Wanted == 0:
		return StateStopped
	case w.Available():
		return StateHealthy
	}
	return StateNotReady
}

// open is the diagnosis of a service that is not over, the latest of several.
func open(all []v1alpha1.BridgeDiagnosis, service string) *v1alpha1.BridgeDiagnosis {
	var found *v1alpha1.BridgeDiagnosis
	for i := range all {
		d := &all[i]
		if d.Spec.Service == service && !d.Status.State.Final() && (found == nil || found.CreationTimestamp.Before(&d.CreationTimestamp)) {
			found = d
		}
	}
	return found
}

func (s *Service) follow(d v1alpha1.BridgeDiagnosis) {
	since := d.CreationTimestamp
	s.State = cmp.Or(string(d.Status.State), string(v1alpha1.StateDiagnosing))
	s.Diagnosis, s.Cause, s.Confidence, s.Remedy = d.Name, d.Status.Cause, d.Status.Confidence, d.Status.Remedy
	s.Message, s.Since, s.Next = saying(d), &since, next(d)
	if d.Status.Root != nil {
		s.WaitsFor = d.Status.Root.Service
	}
}

// Command is a verb of the plugin as a user types it.
func Command(verb string, d v1alpha1.BridgeDiagnosis) string {
	return fmt.Sprintf("kubectl bridge %s -n %s %s", verb, d.Namespace, d.Name)
}

func next(d v1alpha1.BridgeDiagnosis) string {
	switch {
	case d.Status.Root != nil: // there is nothing to be done here
		return ""
	case d.Status.State == v1alpha1.StateAwaitingApproval:
		return Command("approve", d)
	}
	return Command("explain", d)
}

// ended are the incidents that were over not long ago.
func ended(in Input) []Ended {
	var out []Ended
	for _, d := range in.Diagnoses {
		if !d.Status.State.Final() {
			continue
		}
		e := Ended{Diagnosis: d.Name, Service: d.Spec.Service, State: d.Status.State, Cause: d.Status.Cause}
		if at := endOf(d); !at.IsZero() {
			if in.Now.Sub(at) > recent {
				continue
			}
			e.At = &metav1.Time{Time: at}
			if begin := d.Status.Times.Visible; begin != nil {
				e.TookSeconds = int64(at.Sub(begin.Time).Seconds())
			}
		}
		for _, a := range d.Status.Attempts {
			e.Remedies = append(e.Remedies, fmt.Sprintf("%s %s", a.Proposal.Remedy, a.Outcome))
		}
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(a, b Ended) int { return instant(b.At).Compare(instant(a.At)) })
	return out[:min(len(out), mostRecent)]
}

func instant(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// endOf an incident: when it recovered, or when its end was written.
func endOf(d v1alpha1.BridgeDiagnosis) time.Time {
	if at := d.Status.Times.Recovered; at != nil {
		return at.Time
	}
	if ready := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		return ready.LastTransitionTime.Time
	}
	return time.Time{}
}
