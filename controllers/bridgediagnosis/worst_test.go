package bridgediagnosis

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/event"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/healthcheck"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/verify"
)

var at3 = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

// podMade some time ago, with one container app.
func podMade(name string, ago time.Duration, newest bool, s corev1.ContainerStatus) observe.Pod {
	s.Name = "app"
	return observe.Pod{Newest: newest, Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(at3.Add(-ago))},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{s}},
	}}
}

func upFor(d time.Duration) corev1.ContainerStatus {
	return corev1.ContainerStatus{Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(at3.Add(-d))}}}
}

func crashLooping(restarts int32) corev1.ContainerStatus {
	return corev1.ContainerStatus{RestartCount: restarts, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}
}

// roundOf is a round of an incident that has been open for some time.
func roundOf(open time.Duration, pods ...observe.Pod) *round {
	visible := metav1.NewMicroTime(at3.Add(-open))
	d := &v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1"},
		Spec:       v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "api", Container: "app"},
	}
	d.Status.Times.Visible = &visible
	return &round{before: d.DeepCopy(), after: d, now: at3, pods: pods,
		owner:   &v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop"}},
		stack:   stack.Stack{Policy: stack.PolicyOf(v1alpha1.BridgeStackSpec{})},
		service: stack.Service{Service: v1alpha1.Service{Name: "api"}, Workload: &stack.Workload{Kind: v1alpha1.StatefulSet, Name: "api"}},
	}
}

// Beside a healthy pod of the newest revision those of an earlier one that loop are
// seen, unless they are about to be replaced.
func TestWorstPod(t *testing.T) {
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		pods     []observe.Pod
		want     string
		outlived bool
	}{
		"a canary is healthy and the others loop": {[]observe.Pod{
			podMade("api-2", time.Hour, true, upFor(time.Hour)), podMade("api-0", day, false, crashLooping(40)), podMade("api-1", day, false, crashLooping(41)),
		}, "api-1", false},
		"the newest has begun to replace them": {[]observe.Pod{
			podMade("api-2", time.Minute, true, upFor(time.Minute)), podMade("api-0", day, false, crashLooping(40)),
		}, "api-2", true},
		"a canary loops and the others are healthy": {[]observe.Pod{
			podMade("api-0", day, false, upFor(day)), podMade("api-2", time.Hour, true, crashLooping(3)),
		}, "api-2", false},
		"both loop": {[]observe.Pod{
			podMade("api-0", day, false, crashLooping(40)), podMade("api-2", time.Hour, true, crashLooping(3)),
		}, "api-2", false},
		"all are healthy": {[]observe.Pod{
			podMade("api-0", day, false, upFor(day)), podMade("api-2", time.Hour, true, upFor(time.Hour)),
		}, "api-2", true},
	} {
		t.Run(name, func(t *testing.T) {
			in := roundOf(8*time.Hour, c.pods...)
			p, seen, ok := in.worst()
			if !ok || p.Name != c.want {
				t.Errorf("it looks at %s, want %s", p.Name, c.want)
			}
			if got := detect.Outlived(seen, in.after.Status.Loop, at3); got != c.outlived {
				t.Errorf("it counts as up: %t", got)
			}
		})
	}
}

// After a restart of the operator nobody has asked the endpoint that showed an
// incident: it waits for the first answer, but not where none will come, nor for ever.
func TestAwaitHealth(t *testing.T) {
	const period = 30 * time.Second
	endpoint := &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Port: 8080}}
	for name, c := range map[string]struct {
		in       *round
		endpoint *v1alpha1.Endpoint
		answered bool
		awaited  bool
	}{
		"it runs long enough to be asked":          {roundOf(time.Minute, podMade("api-0", time.Hour, true, upFor(2*period))), endpoint, false, true},
		"it was asked":                             {roundOf(time.Minute, podMade("api-0", time.Hour, true, upFor(2*period))), endpoint, true, false},
		"it crash-loops, so that nobody asks it":   {roundOf(time.Minute, podMade("api-0", time.Hour, true, crashLooping(40))), endpoint, false, false},
		"it runs for some seconds at a time":       {roundOf(time.Minute, podMade("api-0", time.Hour, true, upFor(5*time.Second))), endpoint, false, false},
		"the endpoint was taken out of the policy": {roundOf(time.Minute, podMade("api-0", time.Hour, true, upFor(2*period))), nil, false, false},
		"a person had to be called by now":         {roundOf(8*time.Hour, podMade("api-0", time.Hour, true, upFor(2*period))), endpoint, false, false},
		"there is no pod":                          {roundOf(time.Minute), endpoint, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Health: &healthcheck.Memory{}, Clock: clocktesting.NewFakePassiveClock(at3)}
			c.in.after.Spec.Symptom = v1alpha1.SymptomHealthEndpointFailing
			c.in.service.Endpoint = c.endpoint
			if c.answered {
				r.Health.Record(types.NamespacedName{Namespace: "shop", Name: "shop"}, "api", evidence.Probe{}, detect.Settings{}, at3)
			}
			done, err := r.awaitHealth(t.Context(), c.in)
			if err != nil || done != c.awaited || c.awaited != (c.in.recheck > 0) {
				t.Errorf("the round ends for it: %t, again in %s: %v", done, c.in.recheck, err)
			}
			if c.in.recheck > 0 && c.in.recheck < time.Second {
				t.Errorf("it looks again every %s", c.in.recheck)
			}
			// What is not known of the endpoint does not keep the round from planning.
			if done, err := r.showHealth(t.Context(), c.in); done || err != nil {
				t.Errorf("the round ends before the plan: %v", err)
			}
		})
	}
}

// Incidents that wait look anew when another one's turn may be over, and not at each
// write of its status.
func TestTurnMayHaveCome(t *testing.T) {
	diagnosis := func(state v1alpha1.DiagnosisState, message string, outcomes ...v1alpha1.AttemptOutcome) *v1alpha1.BridgeDiagnosis {
		d := &v1alpha1.BridgeDiagnosis{}
		d.Status.State, d.Status.Message = state, message
		for _, o := range outcomes {
			d.Status.Attempts = append(d.Status.Attempts, v1alpha1.Attempt{Outcome: o})
		}
		return d
	}
	for name, c := range map[string]struct {
		before, after *v1alpha1.BridgeDiagnosis
		want          bool
	}{
		"a message":           {diagnosis(v1alpha1.StateWaiting, "1 of 4"), diagnosis(v1alpha1.StateWaiting, "2 of 4"), false},
		"its state":           {diagnosis(v1alpha1.StateVerifying, ""), diagnosis(v1alpha1.StateRecovered, ""), true},
		"its attempt's end":   {diagnosis(v1alpha1.StateWaiting, "", v1alpha1.AttemptApplied), diagnosis(v1alpha1.StateWaiting, "", v1alpha1.AttemptFailed), true},
		"its attempt's begin": {diagnosis(v1alpha1.StateWaiting, ""), diagnosis(v1alpha1.StateWaiting, "", v1alpha1.AttemptRecorded), true},
	} {
		if got := turnMayHaveCome.Update(event.UpdateEvent{ObjectOld: c.before, ObjectNew: c.after}); got != c.want {
			t.Errorf("%s: others look anew: %t", name, got)
		}
	}
	if !turnMayHaveCome.Delete(event.DeleteEvent{Object: diagnosis(v1alpha1.StateVerifying, "")}) {
		t.Error("others do not look anew when it is gone")
	}
}

// Incidents of one stack claim their share one at a time; another stack's do not wait
// for them, and no lock stays behind.
func TestStackLocks(t *testing.T) {
	var locks stackLocks
	shop, lab := types.NamespacedName{Namespace: "shop", Name: "shop"}, types.NamespacedName{Namespace: "lab", Name: "shop"}
	unlockShop := locks.lock(shop)
	locks.lock(lab)() // would hang if it waited for the other one
	second := make(chan func())
	go func() { second <- locks.lock(shop) }()
	select {
	case <-second:
		t.Fatal("two hold the lock of one stack")
	case <-time.After(20 * time.Millisecond):
	}
	unlockShop()
	(<-second)()
	if len(locks.held) > 0 {
		t.Errorf("locks stay behind: %v", locks.held)
	}
}

// A soak may end after the deadline, and an endpoint that is asked every half minute
// is seen to be well later than its container is up: what was well by the deadline
// has the rest of its soak.
func TestEndpointThatIsWellInTimeHasItsSoak(t *testing.T) {
	for name, c := range map[string]struct {
		unwell, wellFor time.Duration // how long ago it was unwell, and since when it has been well
		want            verify.Outcome
	}{
		"well before the deadline, for less than the soak": {9 * time.Minute, 8 * time.Minute, verify.Waiting},
		"well for the soak":            {11 * time.Minute, 10 * time.Minute, verify.Helped},
		"well only after the deadline": {9 * time.Minute, 4 * time.Minute, verify.Failed},
		"not well":                     {9 * time.Minute, 0, verify.Failed},
		"asked first after the deadline, by another operator": {0, 4 * time.Minute, verify.Waiting},
		"not asked yet, by another operator":                  {0, 0, verify.Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{Health: &healthcheck.Memory{}, Clock: clocktesting.NewFakePassiveClock(at3)}
			in := roundOf(time.Hour, podMade("api-0", 11*time.Minute, true, upFor(11*time.Minute)))
			in.stack.Policy.Soak = 10 * time.Minute
			in.after.Spec.Symptom = v1alpha1.SymptomHealthEndpointFailing
			in.after.Status.Attempts = []v1alpha1.Attempt{{Outcome: v1alpha1.AttemptApplied, Deadline: metav1.NewTime(at3.Add(-6 * time.Minute))}}
			in.service.Endpoint = &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Port: 8080}}
			record := func(ago time.Duration, outcome v1alpha1.ProbeOutcome) {
				if ago > 0 {
					answer := evidence.Probe{Stages: []evidence.Stage{{Outcome: outcome}}}
					r.Health.Record(types.NamespacedName{Namespace: "shop", Name: "shop"}, "api", answer, detect.Settings{}, at3.Add(-ago))
				}
			}
			record(c.unwell, v1alpha1.ProbeFailed)
			record(c.wellFor, v1alpha1.ProbePassed)
			if v := r.withHealth(in, verify.Verdict{Outcome: verify.Helped}); v.Outcome != c.want {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
		})
	}
}
