package notify

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var now = time.Date(2026, 11, 7, 12, 0, 0, 0, time.UTC)

var (
	hook   = v1alpha1.Receiver{Name: "hook", Webhook: &v1alpha1.WebhookReceiver{}}
	alerts = v1alpha1.Receiver{Name: "alerts", Alertmanager: &v1alpha1.AlertmanagerReceiver{}}
)

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: now.Add(-d)} }

// escalated is an open incident for which a person was called a minute ago.
func escalated() *v1alpha1.BridgeDiagnosis {
	return &v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api-1", UID: "7e1"},
		Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "api", Container: "main",
			Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api"}},
		Status: v1alpha1.BridgeDiagnosisStatus{
			State: v1alpha1.StateEscalated, Cause: v1alpha1.CausePostgresAuthFailed, Confidence: v1alpha1.ConfidenceHigh,
			Message:  "the password is wrong",
			Evidence: []v1alpha1.EvidenceItem{{Source: v1alpha1.SourceLog, Text: "FATAL: password authentication failed"}},
			Times:    v1alpha1.IncidentTimes{Escalated: &metav1.MicroTime{Time: now.Add(-time.Minute)}},
		},
	}
}

func TestPlan(t *testing.T) {
	told := func(event v1alpha1.NotificationEvent, before time.Duration) []v1alpha1.Delivery {
		return []v1alpha1.Delivery{{Receiver: "hook", Delivered: event, DeliveredAt: ago(before)}, {Receiver: "alerts", Delivered: event, DeliveredAt: ago(before)}}
	}
	const up, over = v1alpha1.NotificationEscalated, v1alpha1.NotificationResolved
	for name, c := range map[string]struct {
		change func(*v1alpha1.BridgeDiagnosisStatus)
		due    map[string]v1alpha1.NotificationEvent
		next   time.Duration
	}{
		"nobody is called":                 {func(s *v1alpha1.BridgeDiagnosisStatus) { s.Times.Escalated = nil }, nil, 0},
		"a person is called":               {func(*v1alpha1.BridgeDiagnosisStatus) {}, map[string]v1alpha1.NotificationEvent{"hook": up, "alerts": up}, 0},
		"all are told; alerts are renewed": {func(s *v1alpha1.BridgeDiagnosisStatus) { s.Notifications = told(up, time.Minute) }, nil, Refresh - time.Minute},
		"an alert is renewed":              {func(s *v1alpha1.BridgeDiagnosisStatus) { s.Notifications = told(up, Refresh) }, map[string]v1alpha1.NotificationEvent{"alerts": up}, 0},
		"it goes on with a remedy, and comes back": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.State, s.Notifications = v1alpha1.StateVerifying, told(up, time.Minute)
		}, nil, Refresh - time.Minute},
		"it is over": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.State, s.Notifications = v1alpha1.StateRecovered, told(up, time.Minute)
			s.Times.Recovered = &metav1.MicroTime{Time: now}
		}, map[string]v1alpha1.NotificationEvent{"hook": over, "alerts": over}, 0},
		"its workload is gone": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.State, s.Notifications = v1alpha1.StateClosed, told(up, time.Minute)
			s.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, LastTransitionTime: *ago(0)}}
		}, map[string]v1alpha1.NotificationEvent{"hook": over, "alerts": over}, 0},
		"all are told that it is over": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.State, s.Notifications = v1alpha1.StateRecovered, told(over, time.Hour)
		}, nil, 0},
		"over before anyone could be told": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.State, s.Notifications = v1alpha1.StateRecovered, Enlist(nil, []v1alpha1.Receiver{hook})
			s.Times.Recovered = &metav1.MicroTime{Time: now.Add(-time.Minute)}
		}, map[string]v1alpha1.NotificationEvent{"hook": up}, 0},
		"new receivers are not told of the past": {func(s *v1alpha1.BridgeDiagnosisStatus) { s.State = v1alpha1.StateRecovered }, nil, 0},
		"a symptom": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.Root = &v1alpha1.RootReference{Service: "postgres", Diagnosis: "postgres-1"}
		}, nil, 0},
		"a symptom of what has no diagnosis": {func(s *v1alpha1.BridgeDiagnosisStatus) { s.Root = &v1alpha1.RootReference{Service: "postgres"} },
			map[string]v1alpha1.NotificationEvent{"hook": up, "alerts": up}, 0},
		"a symptom of which was told": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.Root = &v1alpha1.RootReference{Service: "postgres", Diagnosis: "postgres-1"}
			s.State, s.Notifications = v1alpha1.StateRecovered, told(up, time.Minute)
			s.Times.Recovered = &metav1.MicroTime{Time: now}
		}, map[string]v1alpha1.NotificationEvent{"hook": over, "alerts": over}, 0},
		"one is down": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.Notifications = []v1alpha1.Delivery{{Receiver: "hook", Failures: 2, NextAttemptAt: ago(-20 * time.Second)}}
		}, map[string]v1alpha1.NotificationEvent{"alerts": up}, 20 * time.Second},
		"and is tried again": {func(s *v1alpha1.BridgeDiagnosisStatus) {
			s.Notifications = []v1alpha1.Delivery{{Receiver: "hook", Failures: 2, NextAttemptAt: ago(0)}}
		}, map[string]v1alpha1.NotificationEvent{"hook": up, "alerts": up}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := escalated()
			c.change(&d.Status)
			in := Incident{Diagnosis: d}
			for _, name := range RootsOf(d) {
				in.Roots = append(in.Roots, &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Name: name}})
			}
			due, next := in.Plan([]v1alpha1.Receiver{hook, alerts}, now)
			var got map[string]v1alpha1.NotificationEvent
			for _, one := range due {
				if got == nil {
					got = map[string]v1alpha1.NotificationEvent{}
				}
				got[one.Receiver.Name] = one.Event
			}
			if diff := cmp.Diff(c.due, got); diff != "" || next != c.next {
				t.Errorf("next in %s, want %s; due (-want +got)\n%s", next, c.next, diff)
			}
		})
	}
}

// A receiver that is down is tried again, ever more seldom, and told once it is up.
func TestSettle(t *testing.T) {
	var known []v1alpha1.Delivery
	due := Due{Receiver: hook, Event: v1alpha1.NotificationEscalated}
	var pauses []time.Duration
	for range 9 {
		known = Settle(known, Result{Due: due, Failure: "no answer: connection refused"}, now)
		pauses = append(pauses, known[0].NextAttemptAt.Sub(now))
	}
	want := []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 320 * time.Second, 640 * time.Second, 15 * time.Minute, 15 * time.Minute}
	if diff := cmp.Diff(want, pauses); diff != "" {
		t.Errorf("pauses (-want +got)\n%s", diff)
	}
	if known[0].Failures != 9 || !strings.Contains(known[0].Message, "refused") || known[0].Delivered != "" {
		t.Errorf("after failures: %+v", known[0])
	}
	known = Settle(known, Result{Due: due, Failure: "HTTP 429", RetryAfter: 40 * time.Minute}, now)
	if pause := known[0].NextAttemptAt.Sub(now); pause != 40*time.Minute {
		t.Errorf("asked for 40m, waits for %s", pause)
	}
	known = Settle(known, Result{Due: due, Failure: "HTTP 429", RetryAfter: 1000 * time.Hour}, now)
	if pause := known[0].NextAttemptAt.Sub(now); pause != longestRetryAfter {
		t.Errorf("asked for 1000h, waits for %s", pause)
	}
	known = Settle(known, Result{Due: due}, now)
	if diff := cmp.Diff([]v1alpha1.Delivery{{Receiver: "hook", Delivered: v1alpha1.NotificationEscalated, DeliveredAt: ago(0)}}, known); diff != "" {
		t.Errorf("after success (-want +got)\n%s", diff)
	}
	known = Settle(known, Result{Due: Due{Receiver: hook, Event: v1alpha1.NotificationResolved}, Failure: strings.Repeat("é", 2000)}, now)
	if r := known[0]; r.Delivered != v1alpha1.NotificationEscalated || r.Failures != 1 || len(r.Message) > mostMessage {
		t.Errorf("what was delivered is forgotten, or the message is too long: %+v", r)
	}
}

func TestEnlistForgetsReceiversThatAreNoMore(t *testing.T) {
	known := []v1alpha1.Delivery{{Receiver: "gone", Failures: 3}, {Receiver: "hook", Delivered: v1alpha1.NotificationEscalated}}
	want := []v1alpha1.Delivery{{Receiver: "hook", Delivered: v1alpha1.NotificationEscalated}, {Receiver: "alerts"}}
	if diff := cmp.Diff(want, Enlist(known, []v1alpha1.Receiver{hook, alerts})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func micro(ago time.Duration) *metav1.MicroTime { return &metav1.MicroTime{Time: now.Add(-ago)} }

// recovered is a diagnosis whose incident was over some time ago.
func recovered(name string, ago time.Duration) *v1alpha1.BridgeDiagnosis {
	d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Name: name}}
	d.Status.State, d.Status.Times.Recovered = v1alpha1.StateRecovered, micro(ago)
	return d
}

// Of a dependent nobody is told while the incident at its root is open, nor when that
// is over, unless the dependent outlives it.
func TestSymptomsOfARootThatRecovers(t *testing.T) {
	const grace = 30 * time.Minute
	open := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Name: "postgres-1"}}
	for name, c := range map[string]struct {
		roots []*v1alpha1.BridgeDiagnosis
		// ended is how long ago the dependent itself was over, negative while it is not.
		ended time.Duration
		due   int
		next  time.Duration
	}{
		"the root is open":                           {[]*v1alpha1.BridgeDiagnosis{open}, -1, 0, 0},
		"it has just recovered":                      {[]*v1alpha1.BridgeDiagnosis{recovered("postgres-1", 0)}, -1, 0, grace},
		"it has been over for longer than the grace": {[]*v1alpha1.BridgeDiagnosis{recovered("postgres-1", grace)}, -1, 1, 0},
		"the dependent recovered within the grace":   {[]*v1alpha1.BridgeDiagnosis{recovered("postgres-1", 40*time.Minute)}, 20 * time.Minute, 0, 0},
		"one of two roots is open":                   {[]*v1alpha1.BridgeDiagnosis{recovered("redpanda-1", 2*grace), open}, -1, 0, 0},
		"the root's diagnosis is gone":               {nil, -1, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := escalated()
			d.Status.Notifications = Enlist(nil, []v1alpha1.Receiver{hook})
			// Once the root's diagnosis is final, a later look finds none: what was so at
			// the escalation is kept.
			d.Status.Root, d.Status.EscalatedRoot = &v1alpha1.RootReference{Service: "postgres"}, &v1alpha1.RootReference{Service: "postgres", Diagnosis: "postgres-1"}
			if got := RootsOf(d); len(got) != 1 || got[0] != "postgres-1" {
				t.Fatalf("its roots are %v", got)
			}
			if c.ended >= 0 {
				d.Status.State, d.Status.Times.Recovered = v1alpha1.StateRecovered, micro(c.ended)
			}
			due, next := Incident{Diagnosis: d, Roots: c.roots, RootGrace: grace}.Plan([]v1alpha1.Receiver{hook}, now)
			if len(due) != c.due || next != c.next {
				t.Errorf("due %v, next in %s; want %d, %s", due, next, c.due, c.next)
			}
		})
	}
}

// A receiver that comes back late is not told that a person was needed, and one that
// does not come back is given up.
func TestWhatIsLongOverIsNotTold(t *testing.T) {
	for name, c := range map[string]struct {
		ended     time.Duration
		delivered v1alpha1.NotificationEvent
		due       string
	}{
		"over for a minute, never told":       {time.Minute, "", "Escalated"},
		"over for three days, never told":     {72 * time.Hour, "", ""},
		"over for an hour, told of the call":  {time.Hour, v1alpha1.NotificationEscalated, "Resolved"},
		"over for two days, told of the call": {48 * time.Hour, v1alpha1.NotificationEscalated, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := escalated()
			d.Status.State, d.Status.Times.Recovered, d.Status.Times.Escalated = v1alpha1.StateRecovered, micro(c.ended), micro(c.ended+time.Hour)
			for _, retried := range []*metav1.Time{ago(0), ago(-15 * time.Minute)} {
				d.Status.Notifications = []v1alpha1.Delivery{{Receiver: "hook", Delivered: c.delivered, Failures: 300, NextAttemptAt: retried}}
				due, next := Incident{Diagnosis: d}.Plan([]v1alpha1.Receiver{hook}, now)
				switch {
				case c.due == "" && (len(due) > 0 || next > 0):
					t.Errorf("due %v, next in %s", due, next)
				case c.due != "" && retried.Time.After(now) && next != 15*time.Minute:
					t.Errorf("it is not tried again: %s", next)
				case c.due != "" && !retried.Time.After(now) && (len(due) != 1 || string(due[0].Event) != c.due):
					t.Errorf("due %v", due)
				}
			}
		})
	}
}

func TestALateCallSaysThatItIsOver(t *testing.T) {
	d := escalated()
	d.Status.State = v1alpha1.StateRecovered
	if text := slackOf(MessageOf(d, v1alpha1.NotificationEscalated, now)).Text; strings.Contains(text, "needs a person") || !strings.Contains(text, "is over by now") {
		t.Error(text)
	}
}
