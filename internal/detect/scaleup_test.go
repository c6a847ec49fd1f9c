package detect_test

import (
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/detect"
	"github.com/bridgestack/operator/internal/evidence"
)

// Of many pods that wait for the same new node a few are asked, and none is an incident.
func TestPodsThatAreNotAskedAreAsTheOthers(t *testing.T) {
	a := detect.Availability{Wanted: 6, Pods: make([]detect.PodState, 6)}
	for i := range a.Pods {
		a.Pods[i].Current, a.Pods[i].Pod = true, evidence.Pod{Phase: "Pending", Created: now.Add(-5 * time.Minute)}
	}
	asked := 0
	answers := func(yes bool) func(evidence.Pod) bool {
		return func(evidence.Pod) bool { asked++; return yes }
	}
	if detect.LearnScaleUps(&a, answers(false)) || !detect.Unavailable(a, detect.Settings{}, now).Looping {
		t.Error("no node is made, and it is no incident")
	}
	if !detect.LearnScaleUps(&a, answers(true)) || detect.Unavailable(a, detect.Settings{}, now).Looping {
		t.Error("a node is made, and it is an incident")
	}
	if asked != 6 {
		t.Errorf("%d pods were asked for, want 3 at a time", asked)
	}
}
