package diagnosis

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestBenignWords: programs that are healthy, or end for a reason that their
// log does not tell, write alarming words too. None may become a cause that
// would be repaired by itself.
func TestBenignWords(t *testing.T) {
	for _, d := range documents(t, "testdata/own/benign.jsonl") {
		t.Run(d.ID, func(t *testing.T) {
			f := Diagnose(d.Case())
			if f.Cause != d.Cause && f.Confidence != v1alpha1.ConfidenceLow {
				t.Errorf("%s with confidence %s (%s), want %s", f.Cause, f.Confidence, f.Message, d.Cause)
			}
		})
	}
}
