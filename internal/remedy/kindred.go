package remedy

import (
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// kindred are sets of causes that are the same trouble seen from different
// sides, whatever was done about it: that one follows another is no progress.
var kindred = [][]v1alpha1.Cause{
	{v1alpha1.CauseCPUStarved, v1alpha1.CauseStartupProbeFailed, v1alpha1.CauseLivenessProbeFailed},
	{v1alpha1.CauseOOMKilled, v1alpha1.CauseChildOOMKilled, v1alpha1.CauseHeapExhausted},
	{v1alpha1.CauseConfigStale, v1alpha1.CausePostgresAuthFailed, v1alpha1.CauseKafkaAuthFailed, v1alpha1.CauseUpstreamAuthFailed},
	{v1alpha1.CausePostgresTLSMismatch, v1alpha1.CausePostgresAccessRejected},
	{v1alpha1.CausePostgresPoolExhausted, v1alpha1.CausePostgresConnectionsExhausted},
	// Another address at which nothing answers either is no better address.
	{v1alpha1.CausePostgresHostNotFound, v1alpha1.CausePostgresUnreachable},
	{v1alpha1.CauseKafkaHostNotFound, v1alpha1.CauseKafkaUnreachable},
}

// unreached is for remedies that wait for a dependency or start pods anew.
// Whether a dependency was down, or was only not reached, depends on when the
// container ended. To another address, though, a dependency that is down is
// progress, so that this holds for some remedies only.
var unreached = []v1alpha1.Cause{
	v1alpha1.CauseDependencyUnhealthy,
	v1alpha1.CausePostgresUnreachable, v1alpha1.CausePostgresHostNotFound, v1alpha1.CausePostgresStarting, v1alpha1.CausePostgresConnectionLost,
	v1alpha1.CauseKafkaUnreachable, v1alpha1.CauseKafkaHostNotFound, v1alpha1.CauseKafkaCoordinatorUnavailable,
	v1alpha1.CauseUpstreamUnreachable, v1alpha1.CauseUpstreamStarting, v1alpha1.CauseUpstreamConnectionLost,
}

// Kindred reports whether, for a remedy, two causes are the same trouble: a
// remedy after which the other one is found has not helped. The same cause of
// another subject, such as the next topic, is another trouble.
func Kindred(name v1alpha1.RemedyName, a, b v1alpha1.Cause) bool {
	return slices.ContainsFunc(slices.Concat(kindred, lookup(name).kindred), func(set []v1alpha1.Cause) bool {
		return slices.Contains(set, a) && slices.Contains(set, b)
	})
}

// SameTrouble reports whether, for a remedy, two findings show the same trouble:
// they differ at most in what one look did not show, or their causes are kindred.
func SameTrouble(name v1alpha1.RemedyName, a, b v1alpha1.FindingIdentity) bool {
	if a.Cause == b.Cause {
		return consistent(a, b)
	}
	return Kindred(name, a.Cause, b.Cause)
}

// consistent says that nothing which both findings name differs: one look may
// not show which topic or which host the cause is about.
func consistent(a, b v1alpha1.FindingIdentity) bool {
	for _, named := range [][2]string{
		{a.Root, b.Root}, {a.Dependency, b.Dependency}, {a.Variable, b.Variable}, {a.Host, b.Host},
		{a.Topic, b.Topic}, {a.Group, b.Group}, {a.Object, b.Object}, {a.Key, b.Key},
	} {
		if named[0] != named[1] && named[0] != "" && named[1] != "" {
			return false
		}
	}
	return a.Port == b.Port || a.Port == 0 || b.Port == 0
}

// MayCause reports whether a remedy that was used for one finding may itself have
// caused another one: then that is no sign that the remedy helped.
func MayCause(name v1alpha1.RemedyName, was, is v1alpha1.FindingIdentity) bool {
	r := lookup(name)
	return r.mayCause != nil && r.mayCause(was, is)
}
