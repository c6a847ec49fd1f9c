package attempt

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func ended(outcome v1alpha1.AttemptOutcome, why v1alpha1.AttemptReason, ago time.Duration) v1alpha1.Attempt {
	a := patching(outcome)
	a.Reason, a.EndedAt = why, at(-ago)
	a.Finding = v1alpha1.FindingIdentity{Cause: v1alpha1.CausePostgresUnreachable, Dependency: "postgres"}
	return a
}

func diagnosis(name string, attempts ...v1alpha1.Attempt) v1alpha1.BridgeDiagnosis {
	return v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)},
		Spec:       v1alpha1.BridgeDiagnosisSpec{Workload: api, Container: "main"},
		Status:     v1alpha1.BridgeDiagnosisStatus{Attempts: attempts},
	}
}

func TestRemember(t *testing.T) {
	for name, c := range map[string]struct {
		attempt v1alpha1.Attempt
		want    bool
	}{
		"did not help":          {ended(rolledBack, v1alpha1.AttemptNotHelped, time.Hour), true},
		"a person had it back":  {ended(rolledBack, v1alpha1.AttemptTakenBackByPerson, time.Hour), true},
		"overwritten":           {ended(conflict, v1alpha1.AttemptOverwritten, time.Hour), true},
		"taken back by GitOps":  {ended(isReverted, v1alpha1.AttemptRevertedByGitOps, time.Hour), true},
		"may have been written": {ended(failed, v1alpha1.AttemptMaybeWritten, time.Hour), true},
		"helped":                {ended(isHelped, v1alpha1.AttemptRecovered, time.Hour), false},
		"never written":         {ended(withdrawn, v1alpha1.AttemptForbidden, time.Hour), false},
		"refused":               {ended(failed, v1alpha1.AttemptRefused, time.Hour), false},
		"moot":                  {ended(rolledBack, v1alpha1.AttemptScaledToZero, time.Hour), false},
		"long ago":              {ended(rolledBack, v1alpha1.AttemptNotHelped, RememberedFor), false},
		"not over":              {patching(isApplied), false},
		"an eviction is repeatable": {func() v1alpha1.Attempt {
			a := ended(failed, v1alpha1.AttemptNotHelped, 0)
			a.Action.Type = v1alpha1.ActionEvictPods
			return a
		}(), false},
	} {
		got := Remember(nil, []v1alpha1.BridgeDiagnosis{diagnosis("api-1", c.attempt)}, now)
		if (len(got) == 1) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What was tried outlives its diagnosis, is bounded, and settles.
func TestMemoryIsBounded(t *testing.T) {
	var all []v1alpha1.BridgeDiagnosis
	for i := range 2 * MaxRemembered {
		all = append(all, diagnosis(fmt.Sprintf("api-%d", i), ended(rolledBack, v1alpha1.AttemptNotHelped, time.Duration(i)*time.Minute)))
	}
	kept := Remember(nil, all, now)
	if len(kept) != MaxRemembered || kept[0].Diagnosis != "api-0" || kept[1].Diagnosis != "api-1" {
		t.Fatalf("%d are kept, the first %s", len(kept), kept[0].Diagnosis)
	}
	if again := Remember(kept, all, now); !slices.Equal(again, kept) {
		t.Error("it does not settle")
	}
	if gone := Remember(kept, nil, now); !slices.Equal(gone, kept) {
		t.Error("it is forgotten with its diagnosis")
	}
	if later := Remember(kept, nil, now.Add(RememberedFor)); len(later) != 0 {
		t.Errorf("%d are never forgotten", len(later))
	}
}

func TestTriedBefore(t *testing.T) {
	tried := TriedBy(new(diagnosis("api-1", ended(rolledBack, v1alpha1.AttemptNotHelped, time.Hour))))
	unreachable := tried[0].Finding
	unhealthy := v1alpha1.FindingIdentity{Cause: v1alpha1.CauseDependencyUnhealthy, Root: "postgres"}
	kin := func(_ v1alpha1.RemedyName, _, b v1alpha1.FindingIdentity) bool {
		return b.Cause != v1alpha1.CauseConfigStale
	}
	proposal := v1alpha1.Proposal{ID: "abc"}
	for name, c := range map[string]struct {
		workload v1alpha1.DiagnosedWorkload
		id       string
		finding  v1alpha1.FindingIdentity
		byPerson bool
		want     bool
	}{
		"the same":                        {api, "abc", unreachable, false, true},
		"for a kindred cause":             {api, "abc", unhealthy, false, true},
		"for another cause":               {api, "abc", v1alpha1.FindingIdentity{Cause: v1alpha1.CauseConfigStale}, false, false},
		"taken back, for any cause":       {api, "abc", v1alpha1.FindingIdentity{Cause: v1alpha1.CauseConfigStale}, true, true},
		"another change":                  {api, "abd", unreachable, false, false},
		"a new workload of the same name": {v1alpha1.DiagnosedWorkload{Kind: api.Kind, Name: api.Name, UID: "x"}, "abc", unreachable, false, false},
	} {
		all := slices.Clone(tried)
		if c.byPerson {
			all[0].Reason = v1alpha1.AttemptTakenBackByPerson
		}
		proposal.ID = c.id
		if got := TriedBefore(all, c.workload, proposal, c.finding, kin); (got != nil) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// One attempt at a time per workload, whoever's incident it is for.
func TestUnderWayOn(t *testing.T) {
	me := diagnosis("api-me")
	other := diagnosis("api-other", patching(isApplied))
	if got := UnderWayOn(api, &me, []v1alpha1.BridgeDiagnosis{me, other}); got != "api-other" {
		t.Errorf("the other container's attempt is not seen: %q", got)
	}
	other.Status.Attempts[0].Outcome = isHelped
	if got := UnderWayOn(api, &me, []v1alpha1.BridgeDiagnosis{other}); got != "" {
		t.Errorf("one that is over counts: %q", got)
	}
	// The restart of a dependency changes two workloads' pods.
	other.Status.Attempts[0].Outcome = isApplied
	other.Spec.Workload = v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "web", UID: "web"}
	if got := UnderWayOn(api, &me, []v1alpha1.BridgeDiagnosis{other}); got != "api-other" {
		t.Errorf("a restart of this workload for another one is not seen: %q", got)
	}
	if got := UnderWayOn(v1alpha1.DiagnosedWorkload{Name: "db"}, &me, []v1alpha1.BridgeDiagnosis{other}); got != "" {
		t.Errorf("another workload's counts: %q", got)
	}
	own := diagnosis("api-me", patching(isApplied))
	if got := UnderWayOn(api, &own, []v1alpha1.BridgeDiagnosis{own}); got != "" {
		t.Errorf("its own counts: %q", got)
	}
}
