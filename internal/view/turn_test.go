package view

import (
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func diagnosis(state v1alpha1.DiagnosisState, attempts ...v1alpha1.AttemptOutcome) *v1alpha1.BridgeDiagnosis {
	d := &v1alpha1.BridgeDiagnosis{Status: v1alpha1.BridgeDiagnosisStatus{State: state}}
	for _, o := range attempts {
		d.Status.Attempts = append(d.Status.Attempts, v1alpha1.Attempt{Outcome: o})
	}
	return d
}

// What rests is not looked at again for its own writes: each look would be a probe.
func TestRests(t *testing.T) {
	for name, c := range map[string]struct {
		d    *v1alpha1.BridgeDiagnosis
		want bool
	}{
		"a person was called":              {diagnosis(v1alpha1.StateEscalated), true},
		"and a remedy is in force":         {diagnosis(v1alpha1.StateEscalated, v1alpha1.AttemptApplied), false},
		"an earlier one has ended":         {diagnosis(v1alpha1.StateSuggested, v1alpha1.AttemptRolledBack), true},
		"an approval is awaited":           {diagnosis(v1alpha1.StateAwaitingApproval), true},
		"a merge is, which Git shows":      {diagnosis(v1alpha1.StateAwaitingMerge), false},
		"it waits for a dependency":        {diagnosis(v1alpha1.StateWaiting), false},
		"nothing was written of it so far": {diagnosis(""), false},
	} {
		if got := Rests(c.d); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestGivesWay(t *testing.T) {
	for name, c := range map[string]struct {
		before, after *v1alpha1.BridgeDiagnosis
		want          bool
	}{
		"it recovered":               {diagnosis(v1alpha1.StateVerifying, v1alpha1.AttemptApplied), diagnosis(v1alpha1.StateRecovered, v1alpha1.AttemptHelped), true},
		"its attempt was taken back": {diagnosis(v1alpha1.StateWaiting, v1alpha1.AttemptRollingBack), diagnosis(v1alpha1.StateWaiting, v1alpha1.AttemptRolledBack), true},
		"it makes another attempt":   {diagnosis(v1alpha1.StateWaiting, v1alpha1.AttemptRolledBack), diagnosis(v1alpha1.StateWaiting, v1alpha1.AttemptRolledBack, v1alpha1.AttemptRolledBack), true},
		"its evidence is another":    {diagnosis(v1alpha1.StateWaiting, v1alpha1.AttemptRolledBack), diagnosis(v1alpha1.StateWaiting, v1alpha1.AttemptRolledBack), false},
		"it never had an attempt":    {diagnosis(v1alpha1.StateEscalated), diagnosis(v1alpha1.StateEscalated), false},
	} {
		if got := GivesWay(c.before, c.after); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestOver(t *testing.T) {
	for name, c := range map[string]struct {
		seen Seen
		want string
	}{
		"its pods loop":                   {Seen{Desired: 2, Pods: 2}, ""},
		"its pods are not made yet":       {Seen{Desired: 2}, ""},
		"its last pod is not gone yet":    {Seen{Pods: 1}, ""},
		"scaled to zero":                  {Seen{}, v1alpha1.ReasonScaledToZero},
		"the container was removed":       {Seen{Desired: 2, Pods: 2, ContainerGone: true}, v1alpha1.ReasonContainerGone},
		"the workload was deleted":        {Seen{WorkloadGone: true}, v1alpha1.ReasonWorkloadGone},
		"it was taken out of its stack":   {Seen{StackGone: true, Desired: 2, Pods: 2}, v1alpha1.ReasonWorkloadGone},
		"both, and scaled to zero before": {Seen{WorkloadGone: true, StackGone: true}, v1alpha1.ReasonWorkloadGone},
	} {
		if got, message := c.seen.Over(); got != c.want || (message == "") != (c.want == "") {
			t.Errorf("%s: %q (%s), want %q", name, got, message, c.want)
		}
	}
}

func TestRecoveredBy(t *testing.T) {
	commit := &v1alpha1.GitCommit{Branch: "bridgestack/api-1"}
	for name, c := range map[string]struct {
		attempts        []v1alpha1.Attempt
		commit          *v1alpha1.GitCommit
		reason, because string
	}{
		"by itself":                     {nil, nil, v1alpha1.ReasonRecoveredWithoutRemedy, "; nothing was patched"},
		"once the change was merged":    {nil, commit, v1alpha1.ReasonRecovered, " since it was made in Git"},
		"after an attempt":              {[]v1alpha1.Attempt{{}}, nil, v1alpha1.ReasonRecovered, ""},
		"after one, and a commit of it": {[]v1alpha1.Attempt{{}}, commit, v1alpha1.ReasonRecovered, ""},
	} {
		reason, because := RecoveredBy(v1alpha1.BridgeDiagnosisStatus{Attempts: c.attempts, Commit: c.commit})
		if reason != c.reason || because != c.because {
			t.Errorf("%s: %s%q", name, reason, because)
		}
	}
}
