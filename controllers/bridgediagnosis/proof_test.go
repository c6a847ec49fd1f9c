package bridgediagnosis

import (
	"fmt"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// A status with more probes than its schema allows could never be written.
func TestAProofHasRoomInTheStatus(t *testing.T) {
	var probes []v1alpha1.ProbeResult
	for i := range maxProbes + 2 {
		probes = withProof(probes, v1alpha1.ProbeResult{Service: fmt.Sprint(i)})
		if want := min(i+1, maxProbes); len(probes) != want || probes[len(probes)-1].Service != fmt.Sprint(i) {
			t.Errorf("after %d there are %d, the last of them is %s", i+1, len(probes), probes[len(probes)-1].Service)
		}
	}
}
