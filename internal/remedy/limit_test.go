package remedy

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
)

// A person who is called reads the finding and the advice in one: whose limit it is
// stands there once.
func TestWhoseLimitItIsIsToldOnce(t *testing.T) {
	for name, ended := range map[string]*evidence.Termination{
		"the main process": {Reason: "OOMKilled", ExitCode: 137},
		"a child":          {Reason: "OOMKilled", ExitCode: 1},
	} {
		in := input(v1alpha1.CauseOOMKilled, diagnosis.Subject{})
		in.Template.Spec.Containers[1].Resources.Limits = nil
		in.Case.Container.Name, in.Case.Container.LastTermination = "app", ended
		in.Case.Container.Resources, in.Case.Container.Template = evidence.Resources{MemoryLimit: 30 << 20}, &evidence.Resources{}
		in.Case.LimitDefaults = []evidence.LimitDefault{{LimitRange: "small", MemoryLimit: 30 << 20}}
		in.Finding = diagnosis.Diagnose(in.Case)
		action, _ := Propose(in)
		said := in.Finding.Message + " " + action.Because
		if strings.Count(said, "LimitRange small") != 1 || !strings.Contains(said, "set resources.limits.memory in the template") {
			t.Errorf("%s: %s", name, said)
		}
	}
}
