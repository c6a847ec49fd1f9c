package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// What was recorded under another policy is not applied under this one.
func TestForbids(t *testing.T) {
	policy := func(change func(*v1alpha1.BridgeStackSpec)) stack.Policy {
		spec := v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Mode: v1alpha1.ModeAuto}}
		change(&spec)
		return stack.PolicyOf(spec)
	}
	inMode := func(m v1alpha1.Mode) func(*Input) {
		return func(in *Input) {
			in.Policy = policy(func(s *v1alpha1.BridgeStackSpec) { s.Remediation.Mode = m })
		}
	}
	for name, c := range map[string]struct {
		change func(*Input)
		says   string // empty is allowed
	}{
		"as it was":               {func(*Input) {}, ""},
		"the stack was paused":    {func(in *Input) { in.Policy.Paused = true }, "spec.paused"},
		"the workload was paused": {func(in *Input) { in.WorkloadPaused = true }, v1alpha1.AnnotationPaused},
		"a maintenance window began": {func(in *Input) {
			in.Policy = policy(func(s *v1alpha1.BridgeStackSpec) { s.Remediation.MaintenanceWindows = threeHours("0 2 * * *") })
		}, "2026-11-01T05:00:00Z"},
		"the mode is Observe":      {inMode(v1alpha1.ModeObserve), "Observe"},
		"the mode is Suggest":      {inMode(v1alpha1.ModeSuggest), "Suggest"},
		"approval is needed now":   {inMode(v1alpha1.ModeApprove), "not approved"},
		"and was given":            {func(in *Input) { inMode(v1alpha1.ModeApprove)(in); in.Diagnosis.Spec.Approved = "abc" }, ""},
		"approval of another one":  {func(in *Input) { inMode(v1alpha1.ModeApprove)(in); in.Diagnosis.Spec.Approved = "abd" }, "not approved"},
		"a person rejected it":     {func(in *Input) { in.Diagnosis.Spec.Rejected = "abc" }, "spec.rejected"},
		"a person wants it back":   {func(in *Input) { in.Diagnosis.Spec.TakeBack = attempt("abc", v1alpha1.AttemptRecorded, now).ID }, "spec.takeBack"},
		"GitOps took the workload": {func(in *Input) { in.GitOps = GitOps{Owner: "Argo CD", Set: []string{"memory"}} }, "Argo CD"},
		"but not that field":       {func(in *Input) { in.GitOps = GitOps{Owner: "Argo CD"} }, ""},
		"nothing of it is written": {func(in *Input) { in.Diagnosis.Spec.Workload.Kind = v1alpha1.Pod }, "nothing would make a bare pod anew"},
		"another program made it":  {func(in *Input) { in.Owner = redpanda }, "Redpanda/rp owns"},
		"the rollout was paused":   {func(in *Input) { in.Unreachable = "the rollout is paused" }, "rollout"},
		"the remedy was switched off": {func(in *Input) {
			in.Policy = policy(func(s *v1alpha1.BridgeStackSpec) {
				s.Remediation.Remedies = []v1alpha1.RemedySwitch{{Name: v1alpha1.RemedyRaiseMemoryLimit}}
			})
		}, "switches RaiseMemoryLimit off"},
	} {
		t.Run(name, func(t *testing.T) {
			in := repairable()
			c.change(&in)
			a := attempt("abc", v1alpha1.AttemptRecorded, now)
			a.Action.PatchTemplate = &v1alpha1.PatchTemplateAction{Workload: in.Diagnosis.Spec.Workload}
			if got := Forbids(in, a); (got == "") != (c.says == "") || !strings.Contains(got, c.says) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// Two services at once without a root in common are a fact for a person. While
// a root may still be found, nothing is touched and nobody is called.
func TestStormWithoutARootCallsAPerson(t *testing.T) {
	in := repairable()
	in.Services = 3
	in.Others = []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateDiagnosing)}
	if d := Decide(in); d.State != v1alpha1.StateWaiting || d.Reason != v1alpha1.ReasonStorm {
		t.Errorf("at first: %s, %s", d.State, d.Reason)
	}
	in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: now.Add(-2 * time.Minute)}
	in.Others[0].Status.Cause = v1alpha1.CauseApplicationError
	d := Decide(in)
	if d.State != v1alpha1.StateEscalated || d.Reason != v1alpha1.ReasonStorm || d.RecheckAfter <= 0 {
		t.Errorf("then: %s, %s: %s", d.State, d.Reason, d.Message)
	}
	names := func(e v1alpha1.EvidenceItem) bool { return strings.Contains(e.Text, "api, web") }
	if !slices.ContainsFunc(d.Evidence, names) {
		t.Errorf("the evidence does not list both: %v", d.Evidence)
	}
	in.Others[0].Status.Root = &v1alpha1.RootReference{Service: "api"}
	if d := Decide(in); d.State == v1alpha1.StateEscalated || len(d.Evidence) > 0 {
		t.Errorf("a symptom of this one counts: %s, %v", d.State, d.Evidence)
	}
}

// Whoever is called for another reason is told what else loops.
func TestEscalationTellsOfOtherServices(t *testing.T) {
	in := repairable()
	in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: now.Add(-time.Hour)}
	in.Policy.Paused = true
	in.Others = []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateDiagnosing)}
	if d := Decide(in); len(d.Evidence) != 0 {
		t.Errorf("one that may turn out to be a symptom is named: %v", d.Evidence)
	}
	in.Others[0].Status.Cause = v1alpha1.CauseApplicationError
	d := Decide(in)
	if d.Reason != v1alpha1.ReasonDownTooLong || len(d.Evidence) != 1 || !strings.Contains(d.Evidence[0].Text, "web") {
		t.Errorf("%s, evidence %v", d.Reason, d.Evidence)
	}
}

// A change that would not reach the pod is only suggested.
func TestUnreachablePodsAreNotPatched(t *testing.T) {
	in := repairable()
	in.Unreachable = "the rollout is paused"
	if d := Decide(in); d.State != v1alpha1.StateSuggested || !strings.Contains(d.Message, "rollout is paused") {
		t.Errorf("%s: %s", d.State, d.Message)
	}
	in.Action.Template = nil
	if d := Decide(in); !d.Apply {
		t.Errorf("an eviction needs no rollout: %s: %s", d.State, d.Message)
	}
}
