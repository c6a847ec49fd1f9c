package remedy

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
)

// dummy is a remedy in one file: all that it needs is here and in the registry.
var dummy = remedy{
	name:    "Dummy",
	summary: "Restarts what nothing else helps.",
	causes:  []v1alpha1.Cause{v1alpha1.CauseSegfault},
	writes:  v1alpha1.ActionPatchTemplate,
	optIn:   true,

	mayChange: restarts,
	kindred:   [][]v1alpha1.Cause{{v1alpha1.CauseSegfault, v1alpha1.CauseApplicationError}},
	needs:     []Need{NeedRecurrences},
	propose: func(in Input) (Action, *Refusal) {
		return Action{Because: "it may come up", Target: in.workload(), Template: restarted(in.Template, in.Now)}, nil
	},
}

// AddDummy puts it into the registry for the time of a test.
func AddDummy(t *testing.T) v1alpha1.RemedyName {
	t.Helper()
	before := registry
	registry = append(append([]remedy{}, before...), dummy)
	t.Cleanup(func() { registry = before })
	return dummy.name
}

// Segfault is an input for which it is proposed.
func Segfault() Input {
	in := input(v1alpha1.CauseSegfault, diagnosis.Subject{})
	enabled(&in, dummy.name)
	return in
}
