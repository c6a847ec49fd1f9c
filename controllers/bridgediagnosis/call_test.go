package bridgediagnosis

import (
	"testing"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// A person is called in time, whatever a round came to: also where it went on with
// an attempt, waited for a window to end before it took one back, or came to nothing.
func TestPersonIsCalledWhateverTheRoundCameTo(t *testing.T) {
	for _, state := range []v1alpha1.DiagnosisState{
		v1alpha1.StateDiagnosing, v1alpha1.StateWaiting, v1alpha1.StateApplying, v1alpha1.StateVerifying,
		v1alpha1.StateRollingBack, v1alpha1.StateSuggested, v1alpha1.StateAwaitingApproval, v1alpha1.StateAwaitingMerge,
	} {
		t.Run(string(state), func(t *testing.T) {
			in := roundOf(29 * time.Minute)
			in.owner.Spec.Notifications = []v1alpha1.Receiver{{Name: "duty"}}
			in.after.Status.State, in.recheck = state, time.Hour
			in.callInTime(at3)
			if in.after.Status.Times.Escalated != nil || in.recheck != time.Minute {
				t.Errorf("after 29m: called %t, looked at again after %s", in.after.Status.Times.Escalated != nil, in.recheck)
			}
			later := at3.Add(time.Minute)
			in.callInTime(later)
			called := in.after.Status.Times.Escalated
			if called == nil || len(in.after.Status.Notifications) != 1 || in.after.Status.Notifications[0].Receiver != "duty" {
				t.Fatalf("after 30m: called %v, to be told: %v", called, in.after.Status.Notifications)
			}
			if in.after.Status.State != state {
				t.Errorf("the state is %s", in.after.Status.State)
			}
			in.callInTime(later.Add(time.Hour))
			if !called.Equal(in.after.Status.Times.Escalated) {
				t.Error("called twice")
			}
		})
	}
	for _, state := range []v1alpha1.DiagnosisState{v1alpha1.StateRecovered, v1alpha1.StateClosed} {
		in := roundOf(time.Hour)
		in.after.Status.State = state
		if in.callInTime(at3); in.after.Status.Times.Escalated != nil {
			t.Errorf("called when it was %s", state)
		}
	}
}
