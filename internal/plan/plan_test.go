package plan

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

var now = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

var redpanda = workload.Owner{APIVersion: "cluster.redpanda.com/v1alpha2", Kind: "Redpanda", Name: "rp", UID: "rp"}

// repairable is a finding that Auto acts upon at once.
func repairable() Input {
	visible := metav1.NewMicroTime(now.Add(-20 * time.Second))
	return Input{
		Now: now,
		Policy: stack.PolicyOf(v1alpha1.BridgeStackSpec{
			Remediation: v1alpha1.Remediation{Mode: v1alpha1.ModeAuto},
		}),
		Finding:  diagnosis.Finding{Cause: v1alpha1.CauseOOMKilled, Confidence: v1alpha1.ConfidenceHigh, Message: "killed at 128Mi"},
		Action:   remedy.Action{Remedy: v1alpha1.RemedyRaiseMemoryLimit, Template: &corev1.PodTemplateSpec{}},
		Proposal: v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedyRaiseMemoryLimit, Because: "it was killed"},
		Diagnosis: v1alpha1.BridgeDiagnosis{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1"},
			Spec:       v1alpha1.BridgeDiagnosisSpec{Service: "api"},
			Status:     v1alpha1.BridgeDiagnosisStatus{Times: v1alpha1.IncidentTimes{Visible: &visible}},
		},
		Services: 5,
	}
}

func attempt(id string, outcome v1alpha1.AttemptOutcome, ended time.Time) v1alpha1.Attempt {
	at := metav1.NewTime(ended)
	return v1alpha1.Attempt{
		ID: id, Outcome: outcome, RecordedAt: at, EndedAt: &at,
		Proposal: v1alpha1.Proposal{ID: id, Remedy: v1alpha1.RemedyRaiseMemoryLimit},
		Finding:  repairable().Finding.Identity(),
	}
}

// other is the diagnosis of another service, which began to loop just now.
func other(service string, state v1alpha1.DiagnosisState, attempts ...v1alpha1.Attempt) v1alpha1.BridgeDiagnosis {
	return v1alpha1.BridgeDiagnosis{
		Spec: v1alpha1.BridgeDiagnosisSpec{Service: service},
		Status: v1alpha1.BridgeDiagnosisStatus{State: state, Attempts: attempts,
			Times: v1alpha1.IncidentTimes{Visible: new(metav1.NewMicroTime(now.Add(-10 * time.Second)))}},
	}
}

func TestDecide(t *testing.T) {
	long := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		change func(*Input)
		state  v1alpha1.DiagnosisState
		reason string
		says   string
	}{
		"Auto applies":             {func(*Input) {}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, "RaiseMemoryLimit"},
		"Observe proposes nothing": {func(in *Input) { in.Policy.Mode = v1alpha1.ModeObserve }, v1alpha1.StateObserved, v1alpha1.ReasonObserving, "killed"},
		"Suggest shows it":         {func(in *Input) { in.Policy.Mode = v1alpha1.ModeSuggest }, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "mode is Suggest"},
		"Approve waits and says how": {func(in *Input) { in.Policy.Mode = v1alpha1.ModeApprove }, v1alpha1.StateAwaitingApproval, v1alpha1.ReasonAwaitingApproval,
			`kubectl -n shop patch bd api-1 --type=merge -p '{"spec":{"approved":"abc","approvedBy":"ME"}}'`},
		"another approval approves nothing": {func(in *Input) { in.Policy.Mode, in.Diagnosis.Spec.Approved = v1alpha1.ModeApprove, "abd" }, v1alpha1.StateAwaitingApproval, v1alpha1.ReasonAwaitingApproval, "abc"},
		"approved":                          {func(in *Input) { in.Policy.Mode, in.Diagnosis.Spec.Approved = v1alpha1.ModeApprove, "abc" }, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"rejected, though approved": {func(in *Input) {
			in.Policy.Mode, in.Diagnosis.Spec.Approved, in.Diagnosis.Spec.Rejected = v1alpha1.ModeApprove, "abc", "abc"
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "spec.rejected"},
		"rejected in mode Auto": {func(in *Input) { in.Diagnosis.Spec.Rejected = "abc" }, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "spec.rejected"},
		"a person had one taken back": {func(in *Input) {
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{attempt("abd", v1alpha1.AttemptRolledBack, long)}
			in.Diagnosis.Spec.TakeBack = "abd"
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "spec.takeBack"},
		"a person had one taken back, and approves another": {func(in *Input) {
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{attempt("abd", v1alpha1.AttemptRolledBack, long)}
			in.Diagnosis.Spec.TakeBack, in.Diagnosis.Spec.Approved, in.Policy.Mode = "abd", "abc", v1alpha1.ModeApprove
		}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"another one was rejected": {func(in *Input) { in.Diagnosis.Spec.Rejected = "abd" }, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"owned by another operator": {func(in *Input) {
			in.Owner, in.Diagnosis.Spec.Workload = redpanda, v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: "rp"}
			in.Proposal.Changes = []v1alpha1.FieldChange{{Path: "limits.memory", Before: "128Mi", After: "192Mi"}}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonOwnedByOperator, "not applied: Redpanda/rp owns StatefulSet rp: change it there\nlimits.memory\n- 128Mi\n+ 192Mi"},
		"only its pods are seen": {func(in *Input) {
			in.Owner = workload.Owner{APIVersion: "postgresql.cnpg.io/v1", Kind: "Cluster", Name: "pg", UID: "pg"}
			in.Diagnosis.Spec.Workload = v1alpha1.DiagnosedWorkload{Kind: "Cluster.postgresql.cnpg.io", Name: "pg"}
			in.Proposal.Changes = []v1alpha1.FieldChange{{Path: "containers[postgres].resources.limits.memory", Before: "128Mi", After: "192Mi"}}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonOwnedByOperator, "not applied: Cluster/pg is another operator's: change it there, in spec.resources.limits.memory\n"},
		"only its pods are seen, which would be evicted": {func(in *Input) {
			in.Action.Template, in.Diagnosis.Spec.Workload = nil, v1alpha1.DiagnosedWorkload{Kind: "Cluster.postgresql.cnpg.io", Name: "pg"}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonTemplateLocked, "what a Cluster is made of is not the operator's to change"},
		"a Job": {func(in *Input) { in.Diagnosis.Spec.Workload.Kind = v1alpha1.Job }, v1alpha1.StateSuggested, v1alpha1.ReasonTemplateLocked, "a Job's pod template cannot be changed"},
		"a CronJob, though approved": {func(in *Input) {
			in.Diagnosis.Spec.Workload.Kind, in.Policy.Mode, in.Diagnosis.Spec.Approved = v1alpha1.CronJob, v1alpha1.ModeApprove, "abc"
		}, v1alpha1.StateSuggested, v1alpha1.ReasonTemplateLocked, "its next run has the change"},
		"a bare pod, which would be evicted":         {func(in *Input) { in.Diagnosis.Spec.Workload.Kind, in.Action.Template = v1alpha1.Pod, nil }, v1alpha1.StateSuggested, v1alpha1.ReasonTemplateLocked, "nothing would make a bare pod anew"},
		"owned by another operator, in mode Suggest": {func(in *Input) { in.Owner, in.Policy.Mode = redpanda, v1alpha1.ModeSuggest }, v1alpha1.StateSuggested, v1alpha1.ReasonOwnedByOperator, "Redpanda/rp owns"},
		"owned by another operator, though approved": {func(in *Input) {
			in.Owner, in.Policy.Mode, in.Diagnosis.Spec.Approved = redpanda, v1alpha1.ModeApprove, "abc"
		}, v1alpha1.StateSuggested, v1alpha1.ReasonOwnedByOperator, "Redpanda/rp owns"},
		"the dependency to be restarted is owned by another operator": {func(in *Input) {
			in.Owner = redpanda
			in.Action.On = &remedy.Workload{DiagnosedWorkload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: "rp"}}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonOwnedByOperator, "Redpanda/rp owns StatefulSet rp"},
		"owned by another operator and down for too long": {func(in *Input) {
			in.Owner = redpanda
			visible := metav1.NewMicroTime(long)
			in.Diagnosis.Status.Times.Visible = &visible
		}, v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong, ""},
		"a rollout that is paused": {func(in *Input) { in.Unreachable = "the Deployment's rollout is paused" }, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "rollout is paused"},
		"nothing is committed for a rollout that is paused": {func(in *Input) {
			in.Unreachable = "the Deployment's rollout is paused"
			in.GitOps = GitOps{Owner: "Flux", Set: []string{"limits.memory"}, Because: "it says so", Repository: true}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "rollout is paused"},
		"the pod in trouble does not have what helped others": {func(in *Input) {
			in.Untried = "pod api-old has an earlier pod template"
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{attempt("abc", v1alpha1.AttemptHelped, long)}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "pod api-old has an earlier pod template"},
		"paused stack":                             {func(in *Input) { in.Policy.Paused = true }, v1alpha1.StateWaiting, v1alpha1.ReasonPaused, "spec.paused"},
		"paused workload":                          {func(in *Input) { in.WorkloadPaused = true }, v1alpha1.StateWaiting, v1alpha1.ReasonPaused, v1alpha1.AnnotationPaused},
		"in a maintenance window":                  {func(in *Input) { window(in, "0 2 * * *") }, v1alpha1.StateWaiting, v1alpha1.ReasonMaintenanceWindow, "until 2026-11-01T05:00:00Z"},
		"after a maintenance window":               {func(in *Input) { window(in, "0 0 * * *") }, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"a maintenance window that cannot be read": {func(in *Input) { window(in, "at night") }, v1alpha1.StateWaiting, v1alpha1.ReasonMaintenanceWindow, "maintenanceWindows[0].schedule"},
		"an approval does not override a maintenance window": {func(in *Input) {
			window(in, "0 2 * * *")
			in.Policy.Mode, in.Diagnosis.Spec.Approved = v1alpha1.ModeApprove, "abc"
		}, v1alpha1.StateWaiting, v1alpha1.ReasonMaintenanceWindow, ""},
		"a maintenance window keeps nobody from being called": {func(in *Input) {
			window(in, "0 2 * * *")
			in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: long}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong, ""},
		"an approval does not override a pause": {func(in *Input) {
			in.Policy.Mode, in.Diagnosis.Spec.Approved, in.Policy.Paused = v1alpha1.ModeApprove, "abc", true
		}, v1alpha1.StateWaiting, v1alpha1.ReasonPaused, ""},
		"contradicting evidence at first": {func(in *Input) { in.Finding.Confidence = v1alpha1.ConfidenceLow }, v1alpha1.StateDiagnosing, v1alpha1.ReasonCauseFound, "next crash"},
		"low confidence": {func(in *Input) {
			in.Finding.Confidence = v1alpha1.ConfidenceLow
			in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: now.Add(-2 * time.Minute)}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "Low"},
		"container came up by itself": {func(in *Input) { in.Up = true }, v1alpha1.StateWaiting, v1alpha1.ReasonVerifying, "nothing is touched"},
		"unknown at first":            {func(in *Input) { in.Finding.Cause, in.Action.Remedy = v1alpha1.CauseUnknown, v1alpha1.RemedyEscalate }, v1alpha1.StateDiagnosing, v1alpha1.ReasonCauseUnknown, "next crash"},
		"unknown for long": {func(in *Input) {
			in.Finding.Cause, in.Action.Remedy = v1alpha1.CauseUnknown, v1alpha1.RemedyEscalate
			in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: now.Add(-2 * time.Minute)}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonCauseUnknown, ""},
		"only a person can": {func(in *Input) {
			in.Finding.Cause, in.Action = v1alpha1.CausePostgresAuthFailed, remedy.Action{Remedy: v1alpha1.RemedyEscalate, Because: "compare the passwords"}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson, "Compare the passwords"},
		"down too long, and nothing may be done": {func(in *Input) {
			in.Diagnosis.Status.Times.Visible, in.Policy.Paused = &metav1.MicroTime{Time: long}, true
		}, v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong, "30m"},
		"down too long, and the way is free": {func(in *Input) {
			in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: long}
		}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"down too long, and up just now": {func(in *Input) {
			in.Diagnosis.Status.Times.Visible, in.Up = &metav1.MicroTime{Time: long}, true
		}, v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong, "nothing is touched"},
		"down too long, held by a root": {func(in *Input) {
			in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: long}
			in.Action = remedy.Action{Remedy: v1alpha1.RemedyHoldDependents, Hold: "postgres"}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong, "postgres"},
		"down too long, merged just now": {func(in *Input) {
			in.Diagnosis.Status.Times.Visible = &metav1.MicroTime{Time: long}
			in.Diagnosis.Status.Commit = &v1alpha1.GitCommit{Proposal: "abd", Branch: "b", InForceAt: new(metav1.NewTime(now))}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonDownTooLong, "branch b is in force"},
		"its pods may be recreated all the same": {func(in *Input) { in.Owner, in.Action.Template = redpanda, nil }, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"another incident's attempt is in force on the workload": {func(in *Input) {
			in.UnderWay, in.Policy.Concurrent = "api-sidecar-2", 4
		}, v1alpha1.StateWaiting, v1alpha1.ReasonBudgetSpent, "api-sidecar-2"},
		"root in trouble": {func(in *Input) { in.Action = remedy.Action{Remedy: v1alpha1.RemedyHoldDependents, Hold: "postgres"} }, v1alpha1.StateWaiting, v1alpha1.ReasonWaitingForDependency, "postgres"},
		"tried before": {func(in *Input) {
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{attempt("abc", v1alpha1.AttemptRolledBack, long)}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted, "not tried again"},
		"a person took it back": {func(in *Input) {
			a := attempt("abc", v1alpha1.AttemptConflict, long)
			a.AppliedAt = a.EndedAt
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{a}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted, "Conflict"},
		"too many attempts": {func(in *Input) {
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{attempt("a", v1alpha1.AttemptRolledBack, long), attempt("b", v1alpha1.AttemptRolledBack, long), attempt("c", v1alpha1.AttemptRolledBack, long)}
		}, v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted, "3 attempts"},
		"cooling down": {func(in *Input) {
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{attempt("a", v1alpha1.AttemptRolledBack, now.Add(-10*time.Second))}
		}, v1alpha1.StateWaiting, v1alpha1.ReasonBudgetSpent, "2026-11-01T03:00:20Z"},
		"owned by GitOps": {func(in *Input) {
			in.GitOps = GitOps{Owner: "Flux Kustomization flux-system/apps", Set: []string{"limits.memory"}}
			in.Proposal.Changes = []v1alpha1.FieldChange{{Path: "limits.memory", Before: "128Mi", After: "192Mi"}}
		}, v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "make it in Git\nlimits.memory\n- 128Mi\n+ 192Mi"},
		"owned by GitOps, approved, committed": {func(in *Input) {
			in.GitOps = GitOps{Owner: "Argo CD", Set: []string{"limits.memory"}, Repository: true}
			in.Policy.Mode, in.Diagnosis.Spec.Approved = v1alpha1.ModeApprove, "abc"
			in.Diagnosis.Status.Commit = &v1alpha1.GitCommit{Proposal: "abc", Branch: "bridgestack/api-1", Commit: "0123456789abcdef"}
		}, v1alpha1.StateAwaitingMerge, v1alpha1.ReasonAwaitingMerge, "branch bridgestack/api-1 (0123456789ab): merge it"},
		"merged, and in force": {func(in *Input) {
			at := metav1.NewTime(now.Add(-time.Second))
			in.Diagnosis.Status.Commit = &v1alpha1.GitCommit{Proposal: "abd", Branch: "b", InForceAt: &at}
		}, v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, "branch b is in force"},
		"overwritten a moment ago": {func(in *Input) {
			a := attempt("abd", v1alpha1.AttemptConflict, now.Add(-time.Minute))
			a.Reason, a.Message = v1alpha1.AttemptOverwritten, "changed by kubectl in between"
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{a}
		}, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "changed by kubectl in between. Nothing else is touched before 2026-11-01T03:04:00Z"},
		"overwritten long ago": {func(in *Input) {
			a := attempt("abd", v1alpha1.AttemptConflict, long)
			a.Reason = v1alpha1.AttemptOverwritten
			in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{a}
		}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"merged long ago": {func(in *Input) {
			at := metav1.NewTime(long)
			in.Diagnosis.Status.Commit = &v1alpha1.GitCommit{Proposal: "abd", Branch: "b", InForceAt: &at}
		}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"owned by GitOps, a commit waits for approval": {func(in *Input) {
			in.GitOps = GitOps{Owner: "Argo CD", Set: []string{"limits.memory"}, Repository: true}
			in.Policy.Mode = v1alpha1.ModeApprove
		}, v1alpha1.StateAwaitingApproval, v1alpha1.ReasonAwaitingApproval, "approve"},
		"owned by GitOps, absent in Git": {func(in *Input) { in.GitOps = GitOps{Owner: "Argo CD"} }, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"taken back by GitOps": {func(in *Input) {
			a := attempt("abd", v1alpha1.AttemptReverted, long)
			a.Message = "by kustomize-controller"
			in.Diagnosis.Status.Attempts = append(in.Diagnosis.Status.Attempts, a)
		}, v1alpha1.StateEscalated, v1alpha1.ReasonRemedyReverted, "kustomize-controller"},
		"pods may be recreated under GitOps": {func(in *Input) {
			in.GitOps, in.Action.Template = GitOps{Owner: "Argo CD", Set: []string{"memory"}}, nil
		}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
		"another is being verified": {func(in *Input) {
			in.Others = []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateVerifying, attempt("x", v1alpha1.AttemptApplied, now))}
		}, v1alpha1.StateWaiting, v1alpha1.ReasonBudgetSpent, "1 at once"},
		"budget of the hour": {func(in *Input) {
			in.Policy.RemediesPerHour = 1
			in.Others = []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateRecovered, attempt("x", v1alpha1.AttemptHelped, now.Add(-time.Minute)))}
		}, v1alpha1.StateWaiting, v1alpha1.ReasonBudgetSpent, "within an hour"},
		"storm": {func(in *Input) {
			in.Others = []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateDiagnosing), other("db", v1alpha1.StateDiagnosing)}
		}, v1alpha1.StateWaiting, v1alpha1.ReasonStorm, "3 of 5"},
		"symptoms are no storm": {func(in *Input) {
			symptom := other("web", v1alpha1.StateWaiting)
			symptom.Status.Root = &v1alpha1.RootReference{Service: "api"}
			in.Others = []v1alpha1.BridgeDiagnosis{symptom, symptom}
		}, v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := repairable()
			c.change(&in)
			d := Decide(in)
			if d.State != c.state || d.Reason != c.reason || !strings.Contains(d.Message, c.says) {
				t.Errorf("got %s, %s: %s", d.State, d.Reason, d.Message)
			}
			if d.Apply != (c.state == v1alpha1.StateApplying) {
				t.Errorf("applies: %t in state %s", d.Apply, d.State)
			}
			if !d.Apply && d.RecheckAfter <= 0 {
				t.Error("never looked at again")
			}
		})
	}
}

// window gives the policy a maintenance window of three hours.
func window(in *Input, schedule string) {
	in.Policy = stack.PolicyOf(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{
		Mode: v1alpha1.ModeAuto, MaintenanceWindows: threeHours(schedule),
	}})
}

func threeHours(schedule string) []v1alpha1.MaintenanceWindow {
	return []v1alpha1.MaintenanceWindow{{Schedule: schedule, Duration: metav1.Duration{Duration: 3 * time.Hour}}}
}

// It is looked at again when the window ends, or when a person is to be called.
func TestMaintenanceIsLookedAtAgain(t *testing.T) {
	in := repairable()
	window(&in, "0 2 * * *")
	in.Policy.EscalateAfter = 10 * time.Hour
	if d := Decide(in); d.RecheckAfter != 2*time.Hour {
		t.Errorf("after %s, want 2h, when the window ends", d.RecheckAfter)
	}
	in.Policy.EscalateAfter = 30 * time.Minute
	if d := Decide(in); d.RecheckAfter != 30*time.Minute-20*time.Second {
		t.Errorf("after %s, want 29m40s, when a person is called", d.RecheckAfter)
	}
}

// One proposal is one commit.
func TestDecideCommitsOnce(t *testing.T) {
	in := repairable()
	in.GitOps = GitOps{Owner: "Argo CD", Set: []string{"limits.memory"}, Repository: true}
	if d := Decide(in); !d.Commit || d.Apply {
		t.Errorf("not to be committed: %+v", d)
	}
	in.Diagnosis.Status.Commit = &v1alpha1.GitCommit{Proposal: "abc", Branch: "b", Commit: "c"}
	if d := Decide(in); d.Commit || d.State != v1alpha1.StateAwaitingMerge {
		t.Errorf("committed again: %+v", d)
	}
	in.Proposal.ID = "abd"
	if d := Decide(in); !d.Commit {
		t.Errorf("another proposal is not committed: %+v", d)
	}
}

// A dependency that is down is seen from two sides: the change that did not help
// against the one is not made again against the other.
func TestSameChangeIsNotMadeTwice(t *testing.T) {
	waitFor := func(ended v1alpha1.AttemptOutcome) Input {
		in := repairable()
		in.Action = remedy.Action{Remedy: v1alpha1.RemedyWaitForDependency, Template: &corev1.PodTemplateSpec{}}
		in.Proposal = v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedyWaitForDependency, Because: "started before postgres"}
		in.Finding = diagnosis.Finding{Cause: v1alpha1.CauseDependencyUnhealthy, Root: "postgres", Confidence: v1alpha1.ConfidenceHigh, Message: "postgres"}
		a := attempt("abc-1", ended, now.Add(-10*time.Minute))
		a.Proposal, a.AppliedAt = in.Proposal, a.EndedAt
		a.Finding = v1alpha1.FindingIdentity{Cause: v1alpha1.CausePostgresUnreachable, Dependency: "postgres"}
		in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{a}
		return in
	}
	for name, c := range map[string]struct {
		in    Input
		apply bool
	}{
		"for kin of the cause":         {waitFor(v1alpha1.AttemptRolledBack), false},
		"where nothing of it was done": {waitFor(v1alpha1.AttemptWithdrawn), true},
		"for another trouble": {func() Input {
			in := waitFor(v1alpha1.AttemptRolledBack)
			in.Diagnosis.Status.Attempts[0].Finding = v1alpha1.FindingIdentity{Cause: v1alpha1.CauseKafkaTopicMissing}
			return in
		}(), true},
		"for an earlier incident": {func() Input {
			in := repairable()
			in.Tried = &v1alpha1.TriedChange{Diagnosis: "api-0", Outcome: v1alpha1.AttemptRolledBack, EndedAt: metav1.NewTime(now.Add(-time.Hour))}
			return in
		}(), false},
		"for an earlier incident, and a person approves it": {func() Input {
			in := repairable()
			in.Tried = &v1alpha1.TriedChange{Diagnosis: "api-0", Outcome: v1alpha1.AttemptRolledBack, EndedAt: metav1.NewTime(now.Add(-time.Hour))}
			in.Policy.Mode, in.Diagnosis.Spec.Approved = v1alpha1.ModeApprove, "abc"
			return in
		}(), true},
	} {
		if d := Decide(c.in); d.Apply != c.apply {
			t.Errorf("%s: %s, %s: %s", name, d.State, d.Reason, d.Message)
		}
	}
}

// Recreating pods may be done again, but each time a person wants to be asked
// they are.
func TestApprovalCountsOnce(t *testing.T) {
	ended := now.Add(-10 * time.Minute)
	for name, c := range map[string]struct {
		outcome            v1alpha1.AttemptOutcome
		approved, takeBack string
		apply              bool
	}{
		"used":                               {v1alpha1.AttemptFailed, "abc", "", false},
		"given again":                        {v1alpha1.AttemptFailed, "abc-2", "", true},
		"that of an attempt that was made":   {v1alpha1.AttemptFailed, "abc-1", "", false},
		"that of another proposal's attempt": {v1alpha1.AttemptFailed, "abd-2", "", false},
		"nothing was done on it":             {v1alpha1.AttemptWithdrawn, "abc", "", true},
		"taken back":                         {v1alpha1.AttemptRolledBack, "abc", "abc-1", false},
		"taken back, and given again":        {v1alpha1.AttemptRolledBack, "abc-2", "abc-1", false},
	} {
		in := repairable()
		in.Policy.Mode, in.Diagnosis.Spec.Approved, in.Diagnosis.Spec.TakeBack = v1alpha1.ModeApprove, c.approved, c.takeBack
		in.Proposal.Remedy = v1alpha1.RemedyRecreatePod
		a := attempt("abc-1", c.outcome, ended)
		a.Proposal = in.Proposal
		in.Diagnosis.Status.Attempts = []v1alpha1.Attempt{a}
		d := Decide(in)
		if d.Apply != c.apply {
			t.Errorf("%s: %s, %s: %s", name, d.State, d.Reason, d.Message)
		}
		if d.State == v1alpha1.StateAwaitingApproval && !strings.Contains(d.Message, `"approved":"abc-2"`) {
			t.Errorf("%s: it does not say how to approve it again: %s", name, d.Message)
		}
		if again := attempt("abc-2", v1alpha1.AttemptRecorded, now); c.apply && c.outcome == v1alpha1.AttemptFailed {
			again.Proposal = in.Proposal
			if because := Forbids(in, again); because != "" {
				t.Errorf("%s: then it is not applied: %s", name, because)
			}
		}
	}
}

// A storm, the budget and an attempt under way hold a commit as they hold a patch.
func TestCommitsAreBounded(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"a storm": func(in *Input) {
			in.Others = []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateDiagnosing), other("db", v1alpha1.StateDiagnosing)}
		},
		"no budget": func(in *Input) { in.Policy.RemediesPerHour = 0 },
		"a commit for another service used it up": func(in *Input) {
			in.Policy.RemediesPerHour = 1
			web := other("web", v1alpha1.StateAwaitingMerge)
			web.Status.Commit = &v1alpha1.GitCommit{Commit: "0123", PushedAt: metav1.NewTime(now.Add(-time.Minute))}
			in.Others = []v1alpha1.BridgeDiagnosis{web}
		},
		"an attempt on the workload": func(in *Input) { in.UnderWay = "api-2" },
		"a pause":                    func(in *Input) { in.Policy.Paused = true },
	} {
		in := repairable()
		in.GitOps = GitOps{Owner: "Argo CD", Set: []string{"limits.memory"}, Repository: true}
		change(&in)
		if d := Decide(in); d.Commit || d.State != v1alpha1.StateWaiting {
			t.Errorf("%s: commit %t, %s: %s", name, d.Commit, d.State, d.Message)
		}
	}
}

// Incidents that were left to a person long ago are no part of what happens now.
func TestStormIsOfWhatBeganTogether(t *testing.T) {
	days := func(service string, n time.Duration) v1alpha1.BridgeDiagnosis {
		d := other(service, v1alpha1.StateEscalated)
		d.Status.Times.Visible = new(metav1.NewMicroTime(now.Add(-n * 24 * time.Hour)))
		return d
	}
	for name, c := range map[string]struct {
		began  time.Time
		others []v1alpha1.BridgeDiagnosis
		storm  bool
	}{
		"two that are open for weeks":       {now.Add(-time.Minute), []v1alpha1.BridgeDiagnosis{days("web", 20), days("mail", 30)}, false},
		"two that loop now":                 {now.Add(-time.Minute), []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateWaiting), other("mail", v1alpha1.StateWaiting)}, true},
		"all of them began yesterday":       {now.Add(-24 * time.Hour), []v1alpha1.BridgeDiagnosis{days("web", 1), days("mail", 1)}, true},
		"an old one, in a storm of today's": {now.Add(-90 * 24 * time.Hour), []v1alpha1.BridgeDiagnosis{other("web", v1alpha1.StateWaiting), other("mail", v1alpha1.StateWaiting)}, true},
	} {
		in := repairable()
		in.Diagnosis.Status.Times.Visible = new(metav1.NewMicroTime(c.began))
		in.Others = c.others
		if d := Decide(in); (d.Reason == v1alpha1.ReasonStorm) != c.storm || d.Apply == c.storm {
			t.Errorf("%s: %s, %s: %s", name, d.State, d.Reason, d.Message)
		}
	}
}

// Whatever is waited for, it is looked at again when a person is to be called,
// and then one is. What may be done is done before and after that.
func TestPersonIsCalledInTime(t *testing.T) {
	window := func(in *Input) { window(in, "0 2 * * *") }
	for name, change := range map[string]func(*Input){
		"a window":               window,
		"a pause":                func(in *Input) { in.Policy.Paused = true },
		"mode Suggest":           func(in *Input) { in.Policy.Mode = v1alpha1.ModeSuggest },
		"an approval":            func(in *Input) { in.Policy.Mode = v1alpha1.ModeApprove },
		"the budget":             func(in *Input) { in.Policy.RemediesPerHour = 0 },
		"a root":                 func(in *Input) { in.Action = remedy.Action{Remedy: v1alpha1.RemedyHoldDependents, Hold: "postgres"} },
		"the container stays up": func(in *Input) { in.Up = true },
		"a merge": func(in *Input) {
			in.GitOps = GitOps{Owner: "Argo CD", Set: []string{"limits.memory"}, Repository: true}
			in.Diagnosis.Status.Commit = &v1alpha1.GitCommit{Proposal: "abc", Branch: "b", Commit: "c"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := repairable()
			change(&in)
			in.Policy.EscalateAfter = 22 * time.Second
			if d := Decide(in); d.State == v1alpha1.StateEscalated || d.RecheckAfter != 2*time.Second {
				t.Errorf("before: %s, again after %s", d.State, d.RecheckAfter)
			}
			in.Policy.EscalateAfter = 20 * time.Second
			d := Decide(in)
			called := d.State == v1alpha1.StateEscalated && d.Reason == v1alpha1.ReasonDownTooLong
			awaited := d.State == v1alpha1.StateAwaitingApproval && name == "an approval" || d.State == v1alpha1.StateAwaitingMerge && name == "a merge"
			if called == awaited || d.RecheckAfter <= 0 || !strings.Contains(d.Message, "not over after 20s") {
				t.Errorf("then: %s, %s: %s", d.State, d.Reason, d.Message)
			}
			was := repairable()
			was.Diagnosis.Status.Times.Escalated = new(metav1.NewMicroTime(now))
			was.Policy.EscalateAfter = 20 * time.Second
			if d := Decide(was); !d.Apply {
				t.Errorf("after it was over: %s, %s: %s", d.State, d.Reason, d.Message)
			}
		})
	}
}

func TestCallDue(t *testing.T) {
	d := repairable().Diagnosis
	policy := repairable().Policy
	if due := CallDue(policy, d); !due.Equal(now.Add(-20*time.Second + 30*time.Minute)) {
		t.Errorf("due at %s", due)
	}
	policy.Mode = v1alpha1.ModeObserve
	if due := CallDue(policy, d); !due.IsZero() {
		t.Errorf("in mode Observe: %s", due)
	}
	policy.Mode, d.Status.State = v1alpha1.ModeAuto, v1alpha1.StateRecovered
	if due := CallDue(policy, d); !due.IsZero() {
		t.Errorf("when it is over: %s", due)
	}
}
