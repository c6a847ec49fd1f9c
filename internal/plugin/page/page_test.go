package page_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/page"
	"github.com/bridgestack/operator/internal/stack"
	"github.com/bridgestack/operator/internal/workload"
)

// update writes the golden files anew: go test ./internal/plugin/page -update.
var update = flag.Bool("update", false, "write golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; `go test ./internal/plugin/page -update` writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var now = time.Date(2026, 11, 24, 3, 12, 0, 0, time.UTC)

func before(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

func microBefore(d time.Duration) *metav1.MicroTime {
	t := metav1.NewMicroTime(now.Add(-d))
	return &t
}

func incident(service string, age time.Duration, status v1alpha1.BridgeDiagnosisStatus) v1alpha1.BridgeDiagnosis {
	status.Times.Visible = microBefore(age)
	return v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service + "-1803b6", CreationTimestamp: before(age)},
		Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "bridge", Service: service, Container: service,
			Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: service}},
		Status: status,
	}
}

// awaiting approval of a change.
func awaiting() v1alpha1.BridgeDiagnosis {
	code := int32(1)
	d := incident("hook-receiver", 4*time.Minute, v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateAwaitingApproval, Cause: v1alpha1.CausePostgresUnreachable, Confidence: v1alpha1.ConfidenceHigh, Remedy: v1alpha1.RemedySetEnv,
		Message: `postgres is configured at localhost:5432, where nothing listens. Proposed: SetEnv, postgres listens at postgres:5432. To approve: kubectl -n shop patch bd hook-receiver-1803b6 --type=merge -p '{"spec":{"approved":"abc"}}'`,
		Loop:    &v1alpha1.LoopObservation{Pod: "hook-receiver-7d9f8-x2x4q", Restarts: 5, Reason: "CrashLoopBackOff", ExitCode: &code},
		Evidence: []v1alpha1.EvidenceItem{
			{Source: v1alpha1.SourceLog, Text: "ERROR - Failed to connect to PostgreSQL after all retry attempts: [::1]:5432 (localhost): dial error: dial tcp [::1]:5432: connect: connection refused\nand \x1b[2Jmore \u202eof it", Time: new(before(time.Minute))},
			{Source: v1alpha1.SourceTermination, Text: "exit code 1 (Error) after 0s"},
		},
		Refuted: []v1alpha1.RefutedCause{{Cause: v1alpha1.CauseDependencyUnhealthy, Because: "postgres is ready, and answers at postgres:5432"}},
		Probes: []v1alpha1.ProbeResult{
			{Service: "postgres", Viewpoint: v1alpha1.AsConfigured, Target: "localhost:5432", Outcome: v1alpha1.ProbeFailed, Stage: "Dial", Code: "ECONNREFUSED", Milliseconds: 1},
			{Service: "postgres", Viewpoint: v1alpha1.AsDeclared, Target: "postgres:5432", Outcome: v1alpha1.ProbePassed, Stage: "Query", Milliseconds: 12},
		},
		Proposal: &v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedySetEnv, Target: "Deployment/hook-receiver", Because: "postgres is configured at localhost:5432 and listens at postgres:5432",
			Changes: []v1alpha1.FieldChange{{Path: "containers[hook-receiver].env[POSTGRES_HOST]", Before: "localhost", After: "postgres"}}},
	})
	return d
}

func escalated() v1alpha1.BridgeDiagnosis {
	d := incident("redpanda", 12*time.Minute, v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateEscalated, Cause: v1alpha1.CauseOOMKilled, Confidence: v1alpha1.ConfidenceHigh, Remedy: v1alpha1.RemedyEscalate,
		Message:  "The kernel killed redpanda for exceeding its memory limit of 256Mi. RaiseMemoryLimit was tried already (RolledBack) and is not tried again",
		Loop:     &v1alpha1.LoopObservation{Pod: "redpanda-0", Restarts: 9, Reason: "CrashLoopBackOff"},
		Evidence: []v1alpha1.EvidenceItem{{Source: v1alpha1.SourceTermination, Text: "OOMKilled, exit code 137"}},
		Proposal: &v1alpha1.Proposal{ID: "def", Remedy: v1alpha1.RemedyEscalate, Target: "StatefulSet/redpanda"},
	})
	d.Status.Attempts = []v1alpha1.Attempt{{ID: "aaa-1", Outcome: v1alpha1.AttemptRolledBack, Message: "it ended again 3s after it came up", RecordedAt: before(10 * time.Minute), ApprovedBy: "jo",
		AppliedAt: new(before(10 * time.Minute)), EndedAt: new(before(8 * time.Minute)),
		Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRaiseMemoryLimit, Target: "StatefulSet/redpanda", Changes: []v1alpha1.FieldChange{{Path: "containers[redpanda].resources.limits.memory", Before: "256Mi", After: "384Mi"}}}}}
	d.Status.Times.Escalated = microBefore(8 * time.Minute)
	return d
}

func symptom(service string) v1alpha1.BridgeDiagnosis {
	return incident(service, 11*time.Minute, v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateWaiting, Cause: v1alpha1.CauseDependencyUnhealthy, Confidence: v1alpha1.ConfidenceHigh,
		Message: "waits for redpanda", Root: &v1alpha1.RootReference{Service: "redpanda", Diagnosis: "redpanda-1803b6"},
	})
}

// refused is of pods that are not created: there is none to look at.
func refused() v1alpha1.BridgeDiagnosis {
	d := incident("event-publisher", 9*time.Minute, v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateEscalated, Cause: v1alpha1.CausePodsNotCreated, Confidence: v1alpha1.ConfidenceHigh,
		Message: "The ResourceQuota compute lets no further pod in: used: pods=4, limited: pods=4. Change what refuses. Next: kubectl -n shop describe resourcequota compute",
		Command: "kubectl -n shop describe resourcequota compute",
		Loop:    &v1alpha1.LoopObservation{Reason: "NotAvailable"},
	})
	d.Spec.Symptom = v1alpha1.SymptomNotAvailable
	return d
}

// notReady is of a pod that runs and is not ready: nothing of it restarts.
func notReady() v1alpha1.BridgeDiagnosis {
	d := incident("dashboard", 3*time.Minute, v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateEscalated, Cause: v1alpha1.CauseUnknown, Confidence: v1alpha1.ConfidenceLow, Message: "Nothing shows why.",
		Loop: &v1alpha1.LoopObservation{Pod: "dashboard-6b7-x", Reason: "NotAvailable"},
	})
	d.Spec.Symptom = v1alpha1.SymptomNotAvailable
	return d
}

// runFailed is of a Job whose pods are gone.
func runFailed() v1alpha1.BridgeDiagnosis {
	d := incident("load", 3*time.Minute, v1alpha1.BridgeDiagnosisStatus{
		State: v1alpha1.StateEscalated, Cause: v1alpha1.CauseUnknown, Confidence: v1alpha1.ConfidenceLow, Message: "Job/load failed, and its pods are gone with their logs.",
		Loop: &v1alpha1.LoopObservation{Reason: "RunFailed"},
	})
	d.Spec.Symptom, d.Spec.Workload = v1alpha1.SymptomRunFailed, v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Job, Name: "load"}
	return d
}

func recovered() v1alpha1.BridgeDiagnosis {
	d := incident("model-metrics", 50*time.Minute, v1alpha1.BridgeDiagnosisStatus{State: v1alpha1.StateRecovered, Cause: v1alpha1.CauseOOMKilled, Confidence: v1alpha1.ConfidenceHigh})
	d.Status.Times.Diagnosed, d.Status.Times.Patched, d.Status.Times.Up, d.Status.Times.Recovered = microBefore(50*time.Minute-time.Second), microBefore(50*time.Minute-2*time.Second), microBefore(49*time.Minute), microBefore(48*time.Minute)
	d.Status.Attempts = []v1alpha1.Attempt{{ID: "bbb-1", Outcome: v1alpha1.AttemptHelped, RecordedAt: before(49 * time.Minute), AppliedAt: new(before(49 * time.Minute)), EndedAt: new(before(48 * time.Minute)), Message: "up for 1m0s without a restart",
		Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRaiseMemoryLimit, Target: "Deployment/model-metrics"}}}
	return d
}

// input is a stack with every kind of trouble.
func input() page.Input {
	needs := func(names ...string) []v1alpha1.Dependency {
		var out []v1alpha1.Dependency
		for _, n := range names {
			out = append(out, v1alpha1.Dependency{Service: n})
		}
		return out
	}
	service := func(name string, kind v1alpha1.WorkloadKind, ready int32, dependsOn ...string) stack.Service {
		return stack.Service{Service: v1alpha1.Service{Name: name, DependsOn: needs(dependsOn...)},
			Workload: &stack.Workload{Kind: kind, Name: name, Wanted: 1, Ready: ready}}
	}
	owner := v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "bridge", Generation: 3}}
	owner.Status.ObservedGeneration = 3
	return page.Input{
		Now: now, Stack: owner,
		Resolved: stack.Stack{Policy: stack.PolicyOf(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Mode: v1alpha1.ModeApprove}}), Services: []stack.Service{
			service("postgres", v1alpha1.StatefulSet, 1),
			service("redpanda", v1alpha1.StatefulSet, 0),
			service("hook-receiver", v1alpha1.Deployment, 0, "postgres"),
			service("workflow-coordinator", v1alpha1.Deployment, 0, "postgres", "redpanda"),
			service("model-metrics", v1alpha1.Deployment, 1, "postgres"),
			service("dashboard", v1alpha1.Deployment, 0, "workflow-coordinator", "postgres"),
			{Service: v1alpha1.Service{Name: "mail", External: true}},
			{Service: v1alpha1.Service{Name: "billing"}},
		}},
		Diagnoses: []v1alpha1.BridgeDiagnosis{awaiting(), escalated(), symptom("workflow-coordinator"), recovered()},
		Restarts:  map[string]int32{"Deployment/hook-receiver": 5, "StatefulSet/redpanda": 9, "Deployment/model-metrics": 2},
	}
}

func TestStatus(t *testing.T) {
	s := page.Of(input())
	golden(t, "status.txt", s.Text(now, page.Style{}))
	golden(t, "status-wide.txt", s.Text(now, page.Style{Wide: true, Width: 160}))
	golden(t, "status-colour.txt", s.Text(now, page.Style{Colour: true}))

	in := input()
	in.Diagnoses, in.Restarts, in.Missing = nil, nil, []string{"the pods could not be read: forbidden"}
	in.Resolved.Policy.Paused = true
	in.Stack.Status.ObservedGeneration = 2
	golden(t, "status-paused-and-unread.txt", page.Of(in).Text(now, page.Style{}))
}

// What runs to an end is told with when it ran and runs next; what is switched off counts as
// well as what runs, as it does in the stack's own condition.
func TestStatusOfRuns(t *testing.T) {
	service := func(name string, kind v1alpha1.WorkloadKind, run *workload.Run) stack.Service {
		return stack.Service{Service: v1alpha1.Service{Name: name}, Workload: &stack.Workload{Kind: kind, Name: name, Run: run}}
	}
	in := input()
	in.Diagnoses, in.Restarts = []v1alpha1.BridgeDiagnosis{runFailed()}, map[string]int32{}
	in.Resolved.Services = []stack.Service{
		service("load", v1alpha1.Job, &workload.Run{State: workload.RunFailed, Object: "Job/load", Ended: now, Reason: "BackoffLimitExceeded"}),
		service("migrate", v1alpha1.Job, &workload.Run{State: workload.RunSucceeded, Object: "Job/migrate", Ended: now}),
		service("nightly", v1alpha1.CronJob, &workload.Run{State: workload.RunSucceeded, Object: "Job/nightly-1", Ended: now, Next: now.Add(24 * time.Hour)}),
		service("hourly", v1alpha1.CronJob, &workload.Run{State: workload.RunWaiting, Missed: now.Add(-time.Hour), Next: now.Add(time.Hour)}),
		service("yearly", v1alpha1.CronJob, &workload.Run{State: workload.RunSuspended}),
		service("switched-off", v1alpha1.Deployment, nil),
	}
	golden(t, "status-runs.txt", page.Of(in).Text(now, page.Style{}))
}

// TestTreeOfCircles: services that need each other are shown, once each.
func TestTreeOfCircles(t *testing.T) {
	s := page.Stack{Services: []page.Service{{Name: "a", DependsOn: []string{"b"}}, {Name: "b", DependsOn: []string{"a"}}, {Name: "c", DependsOn: []string{"a", "unknown"}}}}
	text := s.Text(now, page.Style{})
	for _, line := range []string{"\na ", "\nb ", "\n└─ c "} {
		if strings.Count(text, line) != 1 {
			t.Errorf("%q is not there once:\n%s", line, text)
		}
	}
}

func TestExplain(t *testing.T) {
	for name, e := range map[string]page.Explanation{
		"awaiting":  {Diagnosis: awaiting()},
		"escalated": {Diagnosis: escalated()},
		"symptom":   {Diagnosis: symptom("workflow-coordinator")},
		"recovered": {Diagnosis: recovered()},
		"refused":   {Diagnosis: refused()},
		"not-ready": {Diagnosis: notReady()},
		"failed":    {Diagnosis: runFailed()},
		"live":      {Diagnosis: awaiting(), Live: true, Notes: []string{"Nothing was probed from this machine."}},
	} {
		text := e.Text(now, page.Style{})
		golden(t, "explain-"+name+".txt", text)
		if strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%s: what a container wrote reaches the terminal", name)
		}
	}
}
