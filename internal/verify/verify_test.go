package verify

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

func TestCheck(t *testing.T) {
	applied := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	after := func(s int) time.Time { return applied.Add(time.Duration(s) * time.Second) }
	fresh := func(restarts int32, upAt int) Pod {
		p := Pod{Created: after(1), Restarts: restarts}
		if upAt > 0 {
			p.UpSince = after(upAt)
		}
		return p
	}
	looping := Pod{Created: after(1), Restarts: 1, Looping: true}
	for name, c := range map[string]struct {
		now         int
		pods        []Pod
		wanted      int32
		fingerprint string
		known       bool
		want        Outcome
	}{
		"Ready is not enough":                    {10, []Pod{fresh(0, 5)}, 1, "same", true, Waiting},
		"up for the soak":                        {65, []Pod{fresh(0, 5)}, 1, "same", true, Helped},
		"one crash may be the order of start-up": {65, []Pod{fresh(1, 20)}, 1, "same", true, Waiting},
		"and then it stays up":                   {80, []Pod{fresh(1, 20)}, 1, "same", true, Helped},
		"two crashes for the same cause":         {30, []Pod{looping}, 1, "same", true, Failed},
		"two crashes for another cause":          {30, []Pod{looping}, 1, "other", true, CauseGone},
		"two crashes and no cause known":         {30, []Pod{looping}, 1, "other", false, Failed},
		"one of two pods is not up":              {65, []Pod{fresh(0, 5), fresh(0, 0)}, 2, "same", true, Waiting},
		"a pod is missing":                       {65, []Pod{fresh(0, 5)}, 2, "same", true, Waiting},
		"not up by the deadline":                 {301, []Pod{fresh(0, 0)}, 1, "same", true, Failed},
		"no pod by the deadline":                 {301, nil, 1, "same", true, Failed},
		"the soak begins with the change":        {30, []Pod{{Created: after(-100), UpSince: after(-90)}}, 1, "same", true, Waiting},
		"restarts from before do not count":      {30, []Pod{{Created: after(-100), Restarts: 7, Looping: true}}, 1, "same", true, Waiting},
		"restarts since then do":                 {30, []Pod{{Created: after(-100), Restarts: 8, Looping: true}}, 1, "same", true, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			at, deadline := metav1.NewTime(applied), metav1.NewTime(after(300))
			v := Check(Input{
				Now: after(c.now), Pods: c.pods, Wanted: c.wanted, Fingerprint: c.fingerprint, CauseKnown: c.known,
				Attempt: v1alpha1.Attempt{RecordedAt: at, AppliedAt: &at, Deadline: deadline, SoakSeconds: 60, Fingerprint: "same", Restarts: 7},
			})
			if v.Outcome != c.want {
				t.Errorf("got %s: %s", v.Outcome, v.Because)
			}
			if v.Outcome == Waiting && v.RecheckAfter <= 0 {
				t.Error("never looked at again")
			}
		})
	}
}

// Creation is known to the second, what is recorded to less: a pod from the
// same second may be from either side of the change.
func TestSameSecond(t *testing.T) {
	recorded := time.Date(2026, 11, 1, 3, 0, 0, 700e6, time.UTC)
	second := recorded.Truncate(time.Second)
	crashing := func(p Pod) Pod { p.Created, p.Looping = second, true; return p }
	at, deadline := metav1.NewTime(recorded), metav1.NewTime(recorded.Add(5*time.Minute))
	patched := v1alpha1.Attempt{RecordedAt: at, AppliedAt: &at, Deadline: deadline, SoakSeconds: 60, Patch: "[]"}
	evicted := v1alpha1.Attempt{RecordedAt: at, AppliedAt: &at, Deadline: deadline, SoakSeconds: 60, Restarts: 5}
	for name, c := range map[string]struct {
		attempt v1alpha1.Attempt
		pod     Pod
		want    Outcome
	}{
		"a new pod that the change did not help":   {patched, crashing(Pod{Restarts: 2}), Failed},
		"one that still runs the template before":  {patched, crashing(Pod{Restarts: 2, Older: true}), Waiting},
		"a new pod after an eviction":              {evicted, crashing(Pod{Restarts: 2}), Failed},
		"an old pod with the restarts from before": {evicted, crashing(Pod{Restarts: 5}), Waiting},
		"an old pod that goes on to crash":         {evicted, crashing(Pod{Restarts: 6}), Failed},
	} {
		for unit, from := range map[string]time.Time{"as decided": recorded, "as persisted": second} {
			t.Run(name+" "+unit, func(t *testing.T) {
				c.attempt.RecordedAt = metav1.NewTime(from)
				if v := Check(Input{Now: recorded.Add(20 * time.Second), Attempt: c.attempt, Pods: []Pod{c.pod}, Wanted: 1}); v.Outcome != c.want {
					t.Errorf("got %s: %s", v.Outcome, v.Because)
				}
			})
		}
	}
}

// Where some pods keep their template, they must be up too, and one must have
// got the change for it to be given the credit.
func TestPodsThatKeepTheirTemplate(t *testing.T) {
	applied := time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)
	at, deadline := metav1.NewTime(applied), metav1.NewTime(applied.Add(5*time.Minute))
	up := func(older bool) Pod {
		return Pod{Created: applied.Add(time.Second), UpSince: applied.Add(2 * time.Second), Older: older}
	}
	for name, c := range map[string]struct {
		pods []Pod
		want Outcome
	}{
		"all got it":           {[]Pod{up(false), up(false)}, Helped},
		"one got it":           {[]Pod{up(false), up(true)}, Helped},
		"none got it":          {[]Pod{up(true), up(true)}, Waiting},
		"the other is not up":  {[]Pod{up(false), {Created: applied.Add(-time.Hour), Older: true}}, Waiting},
		"the other is missing": {[]Pod{up(false)}, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			a := v1alpha1.Attempt{RecordedAt: at, AppliedAt: &at, Deadline: deadline, SoakSeconds: 60, Patch: "[]"}
			if v := Check(Input{Now: applied.Add(2 * time.Minute), Attempt: a, Pods: c.pods, Wanted: 2}); v.Outcome != c.want {
				t.Errorf("got %s: %s", v.Outcome, v.Because)
			}
		})
	}
}

// One cause after another is progress, unless they are the same trouble.
func TestKinOfTheCauseIsNoProgress(t *testing.T) {
	applied := metav1.NewTime(time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC))
	deadline := metav1.NewTime(applied.Add(time.Hour))
	for name, c := range map[string]struct {
		remedy  v1alpha1.RemedyName
		was, is string
		want    Outcome
	}{
		"a start that is too slow, throttled or not": {v1alpha1.RemedyRaiseCPULimit, "CPUStarved///", "StartupProbeFailed///", Failed},
		"the next fault of a container that starts":  {v1alpha1.RemedyRaiseCPULimit, "CPUStarved///", "ApplicationError///", CauseGone},
		"memory after CPU":                           {v1alpha1.RemedyRaiseCPULimit, "CPUStarved///", "OOMKilled///", CauseGone},
		"a dependency that was down, and is only not reached": {v1alpha1.RemedyWaitForDependency,
			"DependencyUnhealthy/postgres//", "PostgresUnreachable//postgres/", Failed},
		"at another address, a dependency that is down": {v1alpha1.RemedySetEnv,
			"PostgresUnreachable//postgres/", "DependencyUnhealthy/postgres//", CauseGone},
		"the same trouble, with less told of it": {v1alpha1.RemedyCreateTopic, "KafkaTopicMissing//redpanda///0/orders///", "KafkaTopicMissing//redpanda///0////", Failed},
		"the next topic":                         {v1alpha1.RemedyCreateTopic, "KafkaTopicMissing//redpanda///0/orders///", "KafkaTopicMissing//redpanda///0/bills///", CauseGone},
		"at another address, another variable":   {v1alpha1.RemedySetEnv, "PostgresUnreachable//postgres/", "EnvVarMissing///KEY", CauseGone},
	} {
		v := Check(Input{
			Now: applied.Add(time.Minute), Wanted: 1, Fingerprint: c.is, CauseKnown: true,
			Pods: []Pod{{Created: applied.Add(time.Second), Restarts: 2}},
			Attempt: v1alpha1.Attempt{RecordedAt: applied, AppliedAt: &applied, Deadline: deadline, SoakSeconds: 60,
				Fingerprint: c.was, Patch: "[]", Proposal: v1alpha1.Proposal{Remedy: c.remedy}},
		})
		if v.Outcome != c.want {
			t.Errorf("%s: got %s, want %s", name, v.Outcome, c.want)
		}
	}
}
