package remedy

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

func TestOptInRemediesAreOffUnlessEnabled(t *testing.T) {
	p := stack.PolicyOf(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Remedies: []v1alpha1.RemedySwitch{
		{Name: v1alpha1.RemedyRollbackRollout, Enabled: true}, {Name: v1alpha1.RemedySetEnv, Enabled: false},
	}}})
	for name, want := range map[v1alpha1.RemedyName]bool{
		v1alpha1.RemedyRollbackRollout: true, v1alpha1.RemedyRunJob: false, v1alpha1.RemedySetEnv: false, v1alpha1.RemedyRaiseMemoryLimit: true,
	} {
		if Allowed(p, name) != want {
			t.Errorf("%s allowed: %t", name, !want)
		}
	}
}
