package main

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// attempted is a diagnosis with an attempt that stands so.
func attempted(outcome v1alpha1.AttemptOutcome) func(*v1alpha1.BridgeDiagnosis) {
	return func(d *v1alpha1.BridgeDiagnosis) {
		d.Status.Attempts = []v1alpha1.Attempt{{ID: "abc-1", Proposal: *d.Status.Proposal, Outcome: outcome,
			Action: v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{
				Workload: d.Spec.Workload, TemplateHash: "0123",
				Patch: `[{"op":"replace","path":"/spec/containers/0/resources/limits/memory","value":"96Mi"}]`,
				Undo:  `[{"op":"replace","path":"/spec/containers/0/resources/limits/memory","value":"64Mi"}]`,
			}},
			RecordedAt: metav1.Now(), Deadline: metav1.Now()}}
	}
}

// TestSteering: each verb says what it changes, changes exactly that, and in a
// dry run nothing.
func TestSteering(t *testing.T) {
	for name, test := range map[string]struct {
		state v1alpha1.DiagnosisState
		edit  func(*v1alpha1.BridgeDiagnosis)
		verb  string
		says  []string
		spec  func(v1alpha1.BridgeDiagnosisSpec) string
		want  string
	}{
		"approve": {v1alpha1.StateAwaitingApproval, func(*v1alpha1.BridgeDiagnosis) {}, "approve", []string{"RaiseMemoryLimit on Deployment/web", "- containers[web].resources.limits.memory: 64Mi", "approved: spec.approved is abc"},
			func(s v1alpha1.BridgeDiagnosisSpec) string { return s.Approved + " by " + s.ApprovedBy }, "abc by admin"},
		"reject": {v1alpha1.StateAwaitingApproval, func(*v1alpha1.BridgeDiagnosis) {}, "reject", []string{"+ containers[web].resources.limits.memory: 96Mi", "rejected: spec.rejected is abc"},
			func(s v1alpha1.BridgeDiagnosisSpec) string { return s.Rejected + " by " + s.RejectedBy }, "abc by admin"},
		"rollback": {v1alpha1.StateVerifying, attempted(v1alpha1.AttemptApplied), "rollback", []string{"- containers[web].resources.limits.memory: 96Mi", "+ containers[web].resources.limits.memory: 64Mi", "spec.takeBack is abc-1"},
			func(s v1alpha1.BridgeDiagnosisSpec) string { return s.TakeBack + " by " + s.TakenBackBy }, "abc-1 by admin"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			d := s.diagnosis(test.state, test.edit)
			admin := kubeconfigOf(t, "admin-of-"+s.namespace)
			for _, dry := range []bool{true, false} {
				args := []string{test.verb, d.Name}
				if dry {
					args = append(args, "--dry-run=server")
				}
				out, _, err := s.as(admin, args...)
				if err != nil {
					t.Fatal(err)
				}
				contains(t, out, test.says...)
				if strings.Contains(out, "(server dry run)") != dry {
					t.Errorf("dry run %t: %s", dry, out)
				}
				var now v1alpha1.BridgeDiagnosis
				s.get(d.Name, &now)
				if got := test.spec(now.Spec); (got == test.want+"-of-"+s.namespace) == dry {
					t.Errorf("dry run %t: the spec has %q", dry, got)
				}
			}
			// Who may only read is told so, and the API server has refused it.
			_, _, err := s.as(s.readOnly(), test.verb, s.diagnosis(test.state, test.edit).Name)
			if err == nil {
				t.Fatal("who may only read could change it")
			}
			contains(t, err.Error(), "bridgediagnoses.bridgestack.dev", "forbidden", "Ask whoever manages the cluster")
		})
	}
}

// TestRejectAfterApprove: the last word counts.
func TestRejectAfterApprove(t *testing.T) {
	s := newScene(t)
	d := s.diagnosis(v1alpha1.StateAwaitingApproval)
	admin := kubeconfigOf(t, "fickle")
	for _, step := range []struct {
		verb string
		want [4]string
	}{{"approve", [4]string{"abc", "fickle"}}, {"reject", [4]string{2: "abc", 3: "fickle"}}, {"approve", [4]string{"abc", "fickle"}}} {
		if _, _, err := s.as(admin, step.verb, d.Name); err != nil {
			t.Fatal(err)
		}
		var now v1alpha1.BridgeDiagnosis
		s.get(d.Name, &now)
		if got := [4]string{now.Spec.Approved, now.Spec.ApprovedBy, now.Spec.Rejected, now.Spec.RejectedBy}; got != step.want {
			t.Errorf("after %s, approved and rejected are %q", step.verb, got)
		}
	}
}

// TestSteeringSaysWhyNot: what makes no sense is refused with the next step.
func TestSteeringSaysWhyNot(t *testing.T) {
	s := newScene(t)
	admin := kubeconfigOf(t, "admin-of-"+s.namespace)
	none := func(*v1alpha1.BridgeDiagnosis) {}
	without := func(d *v1alpha1.BridgeDiagnosis) {
		attempted(v1alpha1.AttemptApplied)(d)
		d.Status.Attempts[0].Action.PatchTemplate.Undo = ""
	}
	for name, test := range map[string]struct {
		verb string
		d    *v1alpha1.BridgeDiagnosis
		args []string
		want []string
	}{
		"over":              {"approve", s.diagnosis(v1alpha1.StateRecovered, none), nil, []string{"is Recovered: there is nothing to approve", "kubectl bridge explain"}},
		"none awaited":      {"approve", s.diagnosis(v1alpha1.StateWaiting, none), nil, []string{"is Waiting: no approval is awaited", "says what is waited for"}},
		"only for a person": {"approve", s.diagnosis(v1alpha1.StateEscalated, func(d *v1alpha1.BridgeDiagnosis) { d.Status.Proposal.Remedy = v1alpha1.RemedyEscalate }), nil, []string{"Escalate changes nothing that could be approved"}},
		"reject in force":   {"reject", s.diagnosis(v1alpha1.StateVerifying, attempted(v1alpha1.AttemptApplied)), nil, []string{"in force already", "kubectl bridge rollback -n " + s.namespace}},
		"reject what":       {"reject", s.diagnosis(v1alpha1.StateClosed, none), nil, []string{"nothing to reject"}},
		"rollback what":     {"rollback", s.diagnosis(v1alpha1.StateEscalated, none), nil, []string{"no remedy is in force"}},
		"no way back":       {"rollback", s.diagnosis(v1alpha1.StateVerifying, without), nil, []string{"no way back from RaiseMemoryLimit", "kubectl bridge pause -n " + s.namespace + " bridge"}},
		"client dry run":    {"approve", s.diagnosis(v1alpha1.StateWaiting, none), []string{"--dry-run=client"}, []string{"none or server"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.as(admin, append([]string{test.verb, test.d.Name}, test.args...)...)
			if err == nil {
				t.Fatal("there is no error")
			}
			contains(t, err.Error(), test.want...)
		})
	}
	_, _, err := s.as(admin, "approve", "web-none")
	if err == nil {
		t.Fatal("there is no error")
	}
	contains(t, err.Error(), "no diagnosis web-none in namespace "+s.namespace, "there is web-")
}

// TestApproveInAnotherMode says which mode would honour it.
func TestApproveInAnotherMode(t *testing.T) {
	s := newScene(t)
	d := s.diagnosis(v1alpha1.StateSuggested)
	var stack v1alpha1.BridgeStack
	s.get("bridge", &stack)
	stack.Spec.Remediation.Mode = v1alpha1.ModeSuggest
	if err := s.client.Update(t.Context(), &stack); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.as(kubeconfigOf(t, "suggested"), "approve", d.Name)
	if err == nil {
		t.Fatal("there is no error")
	}
	contains(t, err.Error(), "The mode of stack bridge is Suggest", "spec.remediation.mode: Approve")
}

// TestRollbackOfWhatHelped prints the way back, and does nothing: it is accepted
// by the API server as it stands.
func TestRollbackOfWhatHelped(t *testing.T) {
	s := newScene(t)
	d := s.diagnosis(v1alpha1.StateRecovered, attempted(v1alpha1.AttemptHelped))
	out, _, err := s.as(s.readOnly(), "rollback", d.Name)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, out, "Nothing was done", "kubectl -n "+s.namespace+` patch deployment web --type=json -p '[{"op":"replace","path":"/spec/template/spec/containers/0/resources/limits/memory","value":"64Mi"}]'`)
}

func TestDiff(t *testing.T) {
	s := newScene(t)
	reader := s.readOnly()
	for state, want := range map[v1alpha1.DiagnosisState]string{v1alpha1.StateVerifying: "in force since", v1alpha1.StateSuggested: "proposed:\n  RaiseMemoryLimit on Deployment/web"} {
		edit := func(*v1alpha1.BridgeDiagnosis) {}
		if state == v1alpha1.StateVerifying {
			edit = attempted(v1alpha1.AttemptApplied)
		}
		out, _, err := s.as(reader, "diff", s.diagnosis(state, edit).Name)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, out, want, "+ containers[web].resources.limits.memory: 96Mi")
	}
}

// TestPause: a stack, and a service of it; once more changes nothing.
func TestPause(t *testing.T) {
	s := newScene(t)
	admin := kubeconfigOf(t, "pauser")
	state := func() string {
		var stack v1alpha1.BridgeStack
		var web appsv1.Deployment
		s.get("bridge", &stack)
		s.get("web", &web)
		return map[bool]string{true: "paused", false: "runs"}[stack.Spec.Paused] + " " + web.Annotations[v1alpha1.AnnotationPaused]
	}
	for _, step := range []struct {
		args []string
		says string
		then string
	}{
		{[]string{"pause", "bridge", "--dry-run=server"}, "spec.paused: false -> true\npaused: it is diagnosed and not touched (server dry run)", "runs "},
		{[]string{"pause", "bridge"}, "spec.paused: false -> true\npaused: it is diagnosed and not touched\n", "paused "},
		{[]string{"pause", "bridge"}, "spec.paused is true already", "paused "},
		{[]string{"pause", "bridge", "web"}, `Deployment/web: annotation bridgestack.dev/paused: false -> true`, "paused true"},
		{[]string{"resume", "bridge"}, "spec.paused: true -> false\nresumed", "runs true"},
		{[]string{"resume", "bridge", "web"}, "true -> false", "runs "},
	} {
		out, _, err := s.as(admin, step.args...)
		if err != nil {
			t.Fatalf("%v: %v", step.args, err)
		}
		contains(t, out, step.says)
		if got := state(); got != step.then {
			t.Errorf("after %v it %s, want %s", step.args, got, step.then)
		}
	}
	reader := s.readOnly()
	for _, args := range [][]string{{"pause", "bridge"}, {"pause", "bridge", "web"}} {
		if _, _, err := s.as(reader, args...); err == nil || !strings.Contains(err.Error(), "Ask whoever manages the cluster") {
			t.Errorf("%v by who may only read: %v", args, err)
		}
	}
	for _, args := range [][]string{{"pause", "bridge", "mail"}, {"pause", "shop"}, {"pause"}} {
		_, _, err := s.as(admin, args...)
		if err == nil {
			t.Fatalf("%v: there is no error", args)
		}
	}
}
