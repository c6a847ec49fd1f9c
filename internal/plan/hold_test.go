package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// An object is held where the policy says so, its owner can be kept from it, and
// the change is on a branch where there is a repository: once.
func TestHold(t *testing.T) {
	held := func(id string, outcome v1alpha1.AttemptOutcome) v1alpha1.BridgeDiagnosis {
		a := attempt(id, outcome, now.Add(-time.Hour))
		a.HeldUntil = &metav1.Time{Time: now.Add(-time.Minute)}
		return v1alpha1.BridgeDiagnosis{Status: v1alpha1.BridgeDiagnosisStatus{State: v1alpha1.StateRecovered, Attempts: []v1alpha1.Attempt{a}}}
	}
	committed := &v1alpha1.GitCommit{Proposal: "abc", Branch: "bridgestack/api-1"}
	for name, c := range map[string]struct {
		change func(*Input)
		state  v1alpha1.DiagnosisState
		holds  bool
	}{
		"held":                          {func(*Input) {}, v1alpha1.StateApplying, true},
		"not without a policy for it":   {func(in *Input) { in.GitOps.TTL = 0 }, v1alpha1.StateSuggested, false},
		"not an owner that cannot be":   {func(in *Input) { in.GitOps.Holdable = false }, v1alpha1.StateSuggested, false},
		"no need to":                    {func(in *Input) { in.GitOps.Set = nil }, v1alpha1.StateApplying, false},
		"no template":                   {func(in *Input) { in.Action.Template = nil }, v1alpha1.StateApplying, false},
		"only suggested":                {func(in *Input) { in.Policy.Mode = v1alpha1.ModeSuggest }, v1alpha1.StateSuggested, false},
		"committed first":               {func(in *Input) { in.GitOps.Repository = true }, v1alpha1.StateSuggested, false},
		"held once it is committed":     {func(in *Input) { in.GitOps.Repository, in.Diagnosis.Status.Commit = true, committed }, v1alpha1.StateApplying, true},
		"another change was held":       {func(in *Input) { in.Others = append(in.Others, held("abd", v1alpha1.AttemptHelped)) }, v1alpha1.StateApplying, true},
		"a hold that came to nothing":   {func(in *Input) { in.Others = append(in.Others, held("abc", v1alpha1.AttemptWithdrawn)) }, v1alpha1.StateApplying, true},
		"not twice for the same change": {func(in *Input) { in.Others = append(in.Others, held("abc", v1alpha1.AttemptHelped)) }, v1alpha1.StateSuggested, false},
		"not twice, and it is in Git now": {func(in *Input) {
			in.GitOps.Repository, in.Diagnosis.Status.Commit = true, committed
			in.Others = append(in.Others, held("abc", v1alpha1.AttemptHelped))
		}, v1alpha1.StateAwaitingMerge, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := repairable()
			in.GitOps = GitOps{Owner: "Flux Kustomization shop/apps", Set: []string{"limits.memory"}, Holdable: true, TTL: time.Hour}
			c.change(&in)
			got := Decide(in)
			want := time.Duration(0)
			if c.holds {
				want = time.Hour
			}
			if got.State != c.state || got.HoldFor != want || got.Commit != (name == "committed first") {
				t.Errorf("%s, held for %s, commit %v: %s", got.State, got.HoldFor, got.Commit, got.Message)
			}
		})
	}
}

// An attempt that was read back from a status holds nothing that the policy does not
// let be held, nor for longer, whoever wrote it there.
func TestRecordedHoldIsBoundByThePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		ttl, holds time.Duration
		forbidden  bool
	}{
		"as the policy says":       {time.Hour, time.Hour, false},
		"recorded a while ago":     {time.Hour, time.Minute, false},
		"for years":                {time.Hour, 100000 * time.Hour, true},
		"without a policy for it":  {0, time.Hour, true},
		"briefly, without one":     {0, time.Minute, true},
		"the policy was shortened": {time.Minute, time.Hour, true},
	} {
		in := repairable()
		in.GitOps.TTL = c.ttl
		a := attempt("abc", v1alpha1.AttemptRecorded, now)
		a.Action.PatchTemplate = &v1alpha1.PatchTemplateAction{Workload: in.Diagnosis.Spec.Workload}
		a.HeldUntil = new(metav1.NewTime(now.Add(c.holds)))
		if got := Forbids(in, a); (got != "") != c.forbidden {
			t.Errorf("%s: %q", name, got)
		}
	}
}
