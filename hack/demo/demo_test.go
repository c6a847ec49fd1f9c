package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var begin = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

func diagnosis(service string, after time.Duration, state v1alpha1.DiagnosisState, attempts ...v1alpha1.Attempt) v1alpha1.BridgeDiagnosis {
	return v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Name: service + after.String(), CreationTimestamp: metav1.NewTime(begin.Add(after))},
		Spec:       v1alpha1.BridgeDiagnosisSpec{Service: service},
		Status:     v1alpha1.BridgeDiagnosisStatus{State: state, Attempts: attempts},
	}
}

// allWell is what the demo ends with.
func allWell() incidents {
	in := incidents{expected: acts[0].expected, available: map[string]bool{}}
	for _, e := range in.expected {
		in.diagnoses = append(in.diagnoses, diagnosis(e.service, 0, e.state))
		in.available[e.service] = e.state == v1alpha1.StateRecovered
	}
	return in
}

func TestNothingIsMissingAtTheEnd(t *testing.T) {
	in := allWell()
	// Two faults of one service may be one diagnosis or one after the other.
	in.diagnoses = append(in.diagnoses, diagnosis("workflow-coordinator", -time.Minute, v1alpha1.StateClosed))
	if missing := in.missing(); len(missing) > 0 {
		t.Errorf("missing: %q", missing)
	}
}

func TestWhatIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*incidents)
		want   string
	}{
		"no diagnosis": {
			change: func(in *incidents) { in.diagnoses = in.diagnoses[1:] },
			want:   "hook-receiver has no diagnosis",
		},
		"the newest is not over": {
			change: func(in *incidents) {
				in.diagnoses = append(in.diagnoses, diagnosis("workflow-coordinator", time.Minute, v1alpha1.StateVerifying))
			},
			want: "workflow-coordinator is Verifying and not Recovered",
		},
		"no state yet": {
			change: func(in *incidents) { in.diagnoses[0].Status.State = "" },
			want:   "hook-receiver is not diagnosed yet and not Recovered",
		},
		"repaired, but not running": {
			change: func(in *incidents) { in.available["model-metrics"] = false },
			want:   "model-metrics has recovered but is not ready",
		},
		"nobody was called": {
			change: func(in *incidents) { in.diagnoses[4].Status.State = v1alpha1.StateWaiting },
			want:   "event-publisher is Waiting and not Escalated",
		},
	} {
		in := allWell()
		c.change(&in)
		if missing := in.missing(); len(missing) != 1 || !strings.HasPrefix(missing[0], c.want) {
			t.Errorf("%s: missing %q, want %q", name, missing, c.want)
		}
	}
}

func TestAPatchOnTheWrongPasswordIsWrong(t *testing.T) {
	in := allWell()
	attempt := v1alpha1.Attempt{Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyEscalate}}
	in.diagnoses[4] = diagnosis("event-publisher", 0, v1alpha1.StateEscalated, attempt)
	if err := in.wrong(); err != nil {
		t.Errorf("calling a person: %v", err)
	}
	attempt.Proposal.Remedy = v1alpha1.RemedySetEnv
	in.diagnoses[4] = diagnosis("event-publisher", 0, v1alpha1.StateEscalated, attempt)
	if err := in.wrong(); err == nil {
		t.Error("SetEnv on event-publisher passed")
	}
}

func TestTableIsRedrawnOnATerminal(t *testing.T) {
	var out strings.Builder
	shown := table{out: &out, terminal: true, start: begin}
	rows := allWell().rows(begin.Add(90 * time.Second))
	shown.show(rows, begin)
	if want := "SERVICE                CAUSE   CONFIDENCE   REMEDY   STATE       AGE\n" +
		"hook-receiver          -       -            -        Recovered   90s\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("table:\n%s\nwant it to begin\n%s", &out, want)
	}
	out.Reset()
	shown.show(rows, begin)
	if up := "\x1b[6A\x1b[J"; !strings.HasPrefix(out.String(), up) {
		t.Errorf("second time: %q, want %q first", out.String(), up)
	}
}

func TestElsewhereOnlyChangesArePrinted(t *testing.T) {
	var out strings.Builder
	shown := table{out: &out, start: begin}
	in := incidents{expected: acts[0].expected, diagnoses: []v1alpha1.BridgeDiagnosis{diagnosis("hook-receiver", 0, v1alpha1.StateDiagnosing)}}
	for second := range 5 {
		if second == 3 {
			in.diagnoses[0].Status.State = v1alpha1.StateApplying
			in.diagnoses[0].Status.Cause = v1alpha1.CausePostgresUnreachable
		}
		now := begin.Add(time.Duration(second) * time.Second)
		shown.show(in.rows(now), now)
	}
	var got [][]string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Fields(line))
	}
	want := [][]string{
		{"0s", "hook-receiver", "-", "-", "-", "Diagnosing"},
		{"3s", "hook-receiver", "PostgresUnreachable", "-", "-", "Applying"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReport(t *testing.T) {
	at := func(seconds float64) *metav1.MicroTime {
		return &metav1.MicroTime{Time: begin.Add(time.Duration(seconds * float64(time.Second)))}
	}
	d := diagnosis("hook-receiver", 0, v1alpha1.StateRecovered, v1alpha1.Attempt{
		Proposal: v1alpha1.Proposal{
			Remedy: v1alpha1.RemedySetEnv, Target: "Deployment/hook-receiver",
			Changes: []v1alpha1.FieldChange{{Path: "containers[hook-receiver].env[POSTGRES_HOST]", Before: "localhost", After: "postgres"}},
		},
		Outcome: v1alpha1.AttemptHelped,
	})
	d.Spec.Workload = v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "hook-receiver"}
	d.Status.Cause, d.Status.Confidence = v1alpha1.CausePostgresUnreachable, v1alpha1.ConfidenceHigh
	d.Status.Times = v1alpha1.IncidentTimes{Visible: at(0), Diagnosed: at(0.25), Patched: at(1), Recovered: at(20.5)}
	got := reportOf(incidents{expected: acts[0].expected, diagnoses: []v1alpha1.BridgeDiagnosis{d}}, commands{"kubectl", "demo"})
	for _, want := range []string{
		"hook-receiver: PostgresUnreachable (High), Recovered\n",
		"loop visible -> diagnosed 0.25s -> patched 1.00s -> recovered 20.50s\n",
		"SetEnv on Deployment/hook-receiver: Helped",
		"    - containers[hook-receiver].env[POSTGRES_HOST]: localhost\n    + containers[hook-receiver].env[POSTGRES_HOST]: postgres\n",
		"kubectl -n demo get bridgediagnosis hook-receiver0s -o yaml\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("report:\n%s\nlacks %q", got, want)
		}
	}
}

func TestWhatIsTakenBack(t *testing.T) {
	in := incidents{expected: []expectation{{service: "model-metrics", state: v1alpha1.StateEscalated, takenBack: true}}}
	in.diagnoses = []v1alpha1.BridgeDiagnosis{diagnosis("model-metrics", 0, v1alpha1.StateEscalated)}
	if missing := in.missing(); len(missing) != 1 || !strings.Contains(missing[0], "nothing was tried") {
		t.Errorf("missing %q", missing)
	}
	in.diagnoses[0].Status.Attempts = []v1alpha1.Attempt{{Outcome: v1alpha1.AttemptRolledBack}}
	if missing := in.missing(); len(missing) > 0 || in.wrong() != nil {
		t.Errorf("missing %q, wrong %v", missing, in.wrong())
	}
}

// TestActsAreWhatIsExpected holds the program and config/testdata together.
func TestActsAreWhatIsExpected(t *testing.T) {
	var names []string
	for _, a := range acts {
		if a.project != "" {
			continue // TestEveryComposeFileOfAnAct
		}
		if a.scenario != "" {
			objects, err := render("../../config", "testdata/"+a.scenario)
			if err != nil {
				t.Fatal(err)
			}
			databases, rest := split(objects)
			if len(databases) == 0 || len(rest) == 0 {
				t.Errorf("%s: first %d objects, then %d; want databases first", a.scenario, len(databases), len(rest))
			}
			names = nil
			for _, o := range objects {
				names = append(names, describe(o))
			}
		}
		for _, e := range a.expected {
			if !slices.Contains(names, "Deployment/"+e.service) && !slices.Contains(names, "StatefulSet/"+e.service) {
				t.Errorf("%s has no workload %s, but %q", a.title, e.service, names)
			}
		}
		if !slices.Contains(names, "BridgeStack/omninode-bridge") {
			t.Errorf("%s has no BridgeStack, but %q", a.title, names)
		}
	}
}

func TestNamespacesOfActs(t *testing.T) {
	o := options{namespace: "demo"}
	got := make([]string, len(acts))
	for i := range acts {
		got[i] = o.namespaceOf(i)
	}
	if want := []string{"demo", "demo-2", "demo-2", "demo-4", "demo-5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
