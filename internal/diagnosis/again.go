package diagnosis

import (
	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// ShowsLess is true where the container runs, nothing ended since it was last looked
// at, and a finding shows less than what was found before: with the cause its evidence
// is gone.
func ShowsLess(now Finding, c evidence.Case, before v1alpha1.BridgeDiagnosisStatus) bool {
	return before.Cause != "" && before.Confidence != v1alpha1.ConfidenceLow && now.Confidence == v1alpha1.ConfidenceLow &&
		c.Container.Waiting == nil && c.Container.Terminated == nil &&
		before.Loop != nil && before.Loop.Restarts == c.Container.Restarts
}

// ShowsNothing is true of a new pod that has not run yet, where the cause was shown by
// one before: what was seen of that stays.
func ShowsNothing(now Finding, c evidence.Case, before v1alpha1.BridgeDiagnosisStatus) bool {
	return before.Cause != "" && before.Cause != v1alpha1.CauseUnknown && now.Cause == v1alpha1.CauseUnknown && c.Container.Ended() == nil
}
