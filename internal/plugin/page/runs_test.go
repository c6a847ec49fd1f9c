package page

import (
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

func TestStateOfRuns(t *testing.T) {
	for want, w := range map[string]stack.Workload{
		StateFailed:    {Run: &workload.Run{State: workload.RunFailed}},
		StateCompleted: {Run: &workload.Run{State: workload.RunSucceeded}},
		StateSuspended: {Run: &workload.Run{State: workload.RunSuspended}},
		StateHealthy:   {Run: &workload.Run{State: workload.RunRunning, Active: true}, Wanted: 1},
		StateStopped:   {},
	} {
		if got := stateOf(w); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := stateOf(stack.Workload{Run: &workload.Run{State: workload.RunSucceeded, Missed: time.Unix(1, 0)}}); got != StateMissed {
		t.Errorf("missed: %s", got)
	}
}
