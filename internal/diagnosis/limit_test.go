package diagnosis_test

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
)

// Whoever looks for the limit in the pod template and does not find it is told whose it is.
func TestOutOfMemoryNamesWhoSetTheLimit(t *testing.T) {
	const mebi = 1 << 20
	template := func(limit int64) *evidence.Resources { return &evidence.Resources{MemoryLimit: limit} }
	for name, c := range map[string]struct {
		container evidence.Container
		pod       evidence.Pod
		says      string
	}{
		"the template":        {evidence.Container{Resources: *template(64 * mebi), Template: template(64 * mebi)}, evidence.Pod{}, "at its memory limit of 64Mi."},
		"a LimitRange":        {evidence.Container{Resources: *template(30 * mebi), Template: template(0)}, evidence.Pod{}, "at its memory limit of 30Mi, which LimitRange small gives to containers that set none"},
		"a webhook":           {evidence.Container{Resources: *template(20 * mebi), Template: template(64 * mebi)}, evidence.Pod{}, "at its memory limit of 20Mi, which is not the pod template's"},
		"the pod":             {evidence.Container{Template: template(0)}, evidence.Pod{Resources: *template(90 * mebi)}, "at the memory limit of 90Mi, which is the whole pod's."},
		"nobody but the node": {evidence.Container{Template: template(0)}, evidence.Pod{}, "at its memory limit."},
	} {
		t.Run(name, func(t *testing.T) {
			c.container.Name, c.container.LastTermination = "app", &evidence.Termination{Reason: "OOMKilled", ExitCode: 137}
			f := diagnosis.Diagnose(evidence.Case{Pod: c.pod, Container: c.container, LimitDefaults: []evidence.LimitDefault{{LimitRange: "small", MemoryLimit: 30 * mebi}}})
			if f.Cause != v1alpha1.CauseOOMKilled || !strings.Contains(f.Message, c.says) {
				t.Errorf("got %s: %s", f.Cause, f.Message)
			}
		})
	}
}
