package remedy

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// What the operator does not write is restarted for nobody, whatever the policy allows:
// an attempt on it would be recorded, refused, and count as one that did not help.
func TestLockedKindsAreNotRestarted(t *testing.T) {
	for kind, want := range map[v1alpha1.WorkloadKind]bool{
		v1alpha1.Deployment: true, v1alpha1.StatefulSet: true,
		v1alpha1.Job: false, v1alpha1.CronJob: false, v1alpha1.Pod: false, "Cluster.postgresql.cnpg.io": false, "ReplicaSet": false,
	} {
		if got := MayRestart(kind, true); got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
}
