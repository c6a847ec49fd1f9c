package verify

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

var appliedAt = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

// at is so many seconds after the change.
func at(seconds int) time.Time { return appliedAt.Add(time.Duration(seconds) * time.Second) }

func timestamp(seconds int) *metav1.Time { return new(metav1.NewTime(at(seconds))) }

// raisedMemory is a change of the pods' own template with a timeout of 5m.
func raisedMemory(soakSeconds, replicas int32) v1alpha1.Attempt {
	return v1alpha1.Attempt{
		RecordedAt: *timestamp(0), AppliedAt: timestamp(0), Deadline: *timestamp(300),
		SoakSeconds: soakSeconds, Replicas: replicas, Restarts: 7, Action: ownTemplateAction,
		Finding:  v1alpha1.FindingIdentity{Cause: v1alpha1.CauseOOMKilled},
		Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRaiseMemoryLimit},
	}
}

// upPod was made after the change and is up since so many seconds after it.
func upPod(since int) Pod { return Pod{Created: at(1), UpSince: at(since)} }

func pods(n int, p Pod) []Pod { return slices.Repeat([]Pod{p}, n) }

func TestCheck(t *testing.T) {
	crashed := func(restarts int32, upSince int) Pod {
		p := Pod{Created: at(1), Restarts: restarts}
		if upSince > 0 {
			p.UpSince = at(upSince)
		}
		return p
	}
	looping := Pod{Created: at(1), Restarts: 1, Looping: true}
	evicted := func(a *v1alpha1.Attempt) { a.Action.PatchTemplate = nil }
	for name, c := range map[string]struct {
		now     int
		pods    []Pod
		desired int32
		attempt func(*v1alpha1.Attempt)
		outcome Outcome
	}{
		"a moment is not enough":                 {10, []Pod{crashed(0, 5)}, 1, nil, Waiting},
		"up for the soak":                        {65, []Pod{crashed(0, 5)}, 1, nil, Helped},
		"one crash may be the order of start-up": {65, []Pod{crashed(1, 20)}, 1, nil, Waiting},
		"and then it stays up":                   {80, []Pod{crashed(1, 20)}, 1, nil, Helped},
		"two crashes":                            {30, []Pod{looping}, 1, nil, Failed},
		"one of two pods is not up":              {65, []Pod{crashed(0, 5), crashed(0, 0)}, 2, nil, Waiting},
		"a pod is missing":                       {65, []Pod{crashed(0, 5)}, 2, nil, Waiting},
		"not up by the deadline":                 {301, []Pod{crashed(0, 0)}, 1, nil, Failed},
		"a pod that is missing at the deadline":  {306, []Pod{crashed(0, 5)}, 2, nil, Failed},
		"no pod by the deadline":                 {301, nil, 1, nil, Failed},
		"the soak begins with the change":        {30, []Pod{{Created: at(-100), UpSince: at(-90)}}, 1, evicted, Waiting},
		"the soak begins with the end of what was started": {80, []Pod{{Created: at(-100), UpSince: at(-90)}}, 1, func(a *v1alpha1.Attempt) {
			evicted(a)
			a.SettledAt = timestamp(30)
		}, Waiting},
		"restarts from before do not count": {30, []Pod{{Created: at(-100), Restarts: 7, Looping: true}}, 1, evicted, Waiting},
		"restarts since then do":            {30, []Pod{{Created: at(-100), Restarts: 8, Looping: true}}, 1, evicted, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := raisedMemory(60, 0)
			if c.attempt != nil {
				c.attempt(&attempt)
			}
			v := Check(Input{Now: at(c.now), Pods: c.pods, Desired: c.desired, Attempt: attempt})
			if v.Outcome != c.outcome {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
			if v.Outcome == Waiting && v.RecheckAfter <= 0 {
				t.Error("never looked at again")
			}
		})
	}
}

// A raise for which no node has room is taken back at once, and not at the deadline; a
// pod without a node says nothing of a change that asks for no more than before.
func TestNoNodeTakesWhatWasRaised(t *testing.T) {
	unplaced := Pod{Created: at(2), Excused: true, Unplaced: true}
	old := Pod{Created: at(-100), Restarts: 7, Looping: true, Older: true}
	for name, c := range map[string]struct {
		now     int
		pods    []Pod
		remedy  v1alpha1.RemedyName
		outcome Outcome
	}{
		"an old pod may be about to make room": {10, []Pod{old, unplaced}, v1alpha1.RemedyRaiseMemoryLimit, Waiting},
		"no node takes it":                     {20, []Pod{old, unplaced}, v1alpha1.RemedyRaiseMemoryLimit, Failed},
		"it was so before":                     {20, []Pod{{Created: at(-100), Excused: true, Unplaced: true}}, v1alpha1.RemedyRaiseMemoryLimit, Waiting},
		"another remedy asks for no more":      {20, []Pod{old, unplaced}, v1alpha1.RemedySetEnv, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := raisedMemory(60, 1)
			attempt.Proposal.Remedy = c.remedy
			if v := Check(Input{Now: at(c.now), Pods: c.pods, Desired: 1, Attempt: attempt}); v.Outcome != c.outcome {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
		})
	}
}

// A raise with which the API server lets no pod in is taken back, too: at once where no
// pod goes first, else once those that do are gone.
func TestAPIServerRefusesWhatWasRaised(t *testing.T) {
	old, made := Pod{Created: at(-100), Restarts: 7, Looping: true, Older: true}, Pod{Created: at(2)}
	for name, c := range map[string]struct {
		now, since int
		surges     bool
		pods       []Pod
		remedy     v1alpha1.RemedyName
		outcome    Outcome
	}{
		"no pod goes first":                   {20, 2, true, []Pod{old}, v1alpha1.RemedyRaiseMemoryLimit, Failed},
		"it may be tried again":               {10, 2, true, []Pod{old}, v1alpha1.RemedyRaiseMemoryLimit, Waiting},
		"a pod that goes may make room":       {40, 2, false, nil, v1alpha1.RemedyRaiseMemoryLimit, Waiting},
		"none is left that could":             {70, 2, false, nil, v1alpha1.RemedyRaiseMemoryLimit, Failed},
		"it was so before":                    {70, -50, true, []Pod{old}, v1alpha1.RemedyRaiseMemoryLimit, Waiting},
		"one was let in, and another was not": {70, 2, true, []Pod{old, made}, v1alpha1.RemedyRaiseMemoryLimit, Waiting},
		"another remedy requests no more":     {70, 2, true, []Pod{old}, v1alpha1.RemedySetEnv, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := raisedMemory(60, 1)
			attempt.Proposal.Remedy = c.remedy
			in := Input{Now: at(c.now), Pods: c.pods, Desired: 1, Attempt: attempt, RefusedSince: at(c.since), SurgesFirst: c.surges}
			if v := Check(in); v.Outcome != c.outcome {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
		})
	}
}

// What makes the pods of a StatefulSet or a DaemonSet has no condition that tells of a
// refusal: its events do.
func TestRefusedSince(t *testing.T) {
	refused := func(first, last int) evidence.Event {
		return evidence.Event{Reason: "FailedCreate", First: at(first), Last: at(last)}
	}
	for name, c := range map[string]struct {
		events []evidence.Event
		want   time.Time
	}{
		"no event":                        {},
		"an event of another kind":        {events: []evidence.Event{{Reason: "SuccessfulCreate", First: at(3), Last: at(3)}}},
		"it was so before":                {events: []evidence.Event{refused(-50, -9)}},
		"it was so before, and is again":  {events: []evidence.Event{refused(-50, 30)}, want: at(0)},
		"refused since":                   {events: []evidence.Event{refused(-50, -9), refused(7, 90), refused(3, 3)}, want: at(3)},
		"refused in the change's second ": {events: []evidence.Event{refused(0, 0)}, want: at(0)},
	} {
		if got := RefusedSince(c.events, at(0).Add(time.Second/2)); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	raised := raisedMemory(60, 1)
	if !AsksForRefusals(Input{Attempt: raised, Pods: []Pod{{Older: true}}}) {
		t.Error("it is not asked whether the pods of what was raised are refused")
	}
	for name, in := range map[string]Input{
		"the workload itself says so": {Attempt: raised, RefusedSince: at(2)},
		"a pod was made":              {Attempt: raised, Pods: []Pod{{}}},
		"nothing was raised":          {Attempt: v1alpha1.Attempt{Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedySetEnv}}},
	} {
		if AsksForRefusals(in) {
			t.Errorf("%s: the events are read", name)
		}
	}
}

// What happens to pods for reasons of their own is no failure of the remedy once
// it was seen to work, and no success where it was not.
func TestWhatHappensBesides(t *testing.T) {
	const soak = 750 // crashes were ten minutes apart
	excused := Pod{Created: at(2), Excused: true}
	starting := func(created int) Pod { return Pod{Created: at(created)} }
	cameUp := func(a *v1alpha1.Attempt) { a.CameUpAt = timestamp(30) }
	for name, c := range map[string]struct {
		now      int
		soak     int32
		replicas int32
		desired  int32
		cameUp   bool
		pods     []Pod
		outcome  Outcome
	}{
		"an autoscaler adds a replica in the soak":       {360, soak, 3, 4, true, append(pods(3, upPod(30)), starting(359)), Waiting},
		"which begins no new soak":                       {781, soak, 3, 4, true, append(pods(3, upPod(30)), upPod(700)), Helped},
		"and one that never becomes ready is no failure": {781, soak, 3, 4, true, append(pods(3, upPod(30)), starting(359)), Helped},
		"nor is it helped while one loops":               {781, soak, 3, 4, true, append(pods(3, upPod(30)), Pod{Created: at(359), Restarts: 4, Looping: true}), Failed},
		"but one that loops is":                          {600, soak, 3, 4, true, append(pods(3, upPod(30)), Pod{Created: at(359), Restarts: 1, Looping: true}), Failed},
		"an autoscaler takes a replica away":             {781, soak, 3, 2, true, pods(2, upPod(30)), Helped},
		"a node is drained after the deadline":           {400, soak, 3, 3, true, append(pods(2, upPod(30)), starting(399)), Waiting},
		"and the pod is not made yet":                    {400, soak, 3, 3, true, pods(2, upPod(30)), Waiting},
		"the pod that replaces it has a soak of its own": {781, soak, 3, 3, true, append(pods(2, upPod(30)), Pod{Created: at(399), UpSince: at(420)}), Waiting},
		"which ends":                                        {1171, soak, 3, 3, true, append(pods(2, upPod(30)), Pod{Created: at(399), UpSince: at(420)}), Helped},
		"no node has room for one of ten":                   {301, 60, 10, 10, false, append(pods(9, upPod(30)), excused), Helped},
		"no node has room for the only one":                 {301, 60, 1, 1, false, []Pod{excused}, Failed},
		"no node has room for half of them":                 {301, 60, 2, 2, false, []Pod{upPod(30), excused}, Failed},
		"a DaemonSet's node does not answer":                {301, 60, 3, 3, false, append(pods(2, upPod(30)), excused), Helped},
		"one that was never up is not waited for for ever":  {301, 60, 3, 3, false, append(pods(2, upPod(30)), starting(2)), Failed},
		"all but one come and go, and none ever ends":       {2281, soak, 3, 3, true, append(pods(1, upPod(30)), Pod{Created: at(2000), UpSince: at(2010)}, Pod{Created: at(2100), UpSince: at(2110)}), Helped},
		"they come and go, and one has ended":               {2281, soak, 3, 3, true, append(pods(1, upPod(30)), Pod{Created: at(2000), UpSince: at(2010)}, Pod{Created: at(2100), UpSince: at(2110), Restarts: 1}), Failed},
		"it becomes ready again and again":                  {350, 60, 1, 1, true, []Pod{upPod(340)}, Waiting},
		"but never for the soak":                            {400, 60, 1, 1, true, []Pod{upPod(390)}, Failed},
		"it was up, and hangs":                              {400, 60, 1, 1, true, []Pod{starting(1)}, Failed},
		"the operator was away, and it came up a while ago": {3600, 60, 1, 1, false, []Pod{upPod(3590)}, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := raisedMemory(c.soak, c.replicas)
			if c.cameUp {
				cameUp(&attempt)
			}
			v := Check(Input{Now: at(c.now), Attempt: attempt, Desired: c.desired, Pods: c.pods})
			if v.Outcome != c.outcome {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
			if c.cameUp && !v.CameUp.Equal(at(30)) {
				t.Errorf("it forgot that it came up: %s", v.CameUp)
			}
			if v.Outcome == Waiting && v.RecheckAfter <= 0 {
				t.Error("never looked at again")
			}
		})
	}
}

// An autoscaler that adds and removes a replica every minute keeps no soak from
// its end: a verification holds the stack's only place in the budget.
func TestSoakEnds(t *testing.T) {
	for name, replace := range map[string]func(minute int) []Pod{
		"a replica more each minute": func(minute int) []Pod {
			return append(pods(3, upPod(30)), Pod{Created: at(60 * minute), UpSince: at(60*minute + 5)})
		},
		"every pod is replaced each minute": func(minute int) []Pod {
			return pods(3, Pod{Created: at(60 * minute), UpSince: at(60*minute + 5)})
		},
		"no pod is ever up again": func(int) []Pod { return pods(3, Pod{Created: at(1)}) },
	} {
		t.Run(name, func(t *testing.T) {
			attempt := raisedMemory(600, 3)
			attempt.CameUpAt = timestamp(30)
			for minute := range 60 {
				if v := Check(Input{Now: at(60*minute + 30), Attempt: attempt, Desired: 4, Pods: replace(minute)}); v.Outcome != Waiting {
					t.Logf("%s after %dm: %s", v.Outcome, minute, v.Reason)
					return
				}
			}
			t.Error("it goes on after an hour")
		})
	}
}

// A change that is rolled out pod after pod has the time of each pod: it is not
// taken back in the middle because all of them together need more than one would.
func TestRolloutThatTakesLongerThanOnePod(t *testing.T) {
	const nodes = 20
	attempt := raisedMemory(60, nodes)
	rolledOut := func(now, every int, last Pod) []Pod {
		var out []Pod
		for i := 0; i < nodes && i*every+30 <= now; i++ {
			out = append(out, Pod{Created: at(i * every), UpSince: at(i*every + 30)})
		}
		return append(out, last)
	}
	for name, c := range map[string]struct {
		now  int
		pods []Pod
		want Outcome
	}{
		"one each minute, in the middle":       {600, rolledOut(600, 60, Pod{Created: at(600)}), Waiting},
		"until all have it":                    {1300, rolledOut(1300, 60, Pod{Created: at(1), UpSince: at(31)}), Helped},
		"the next one has not come up in time": {600, rolledOut(200, 60, Pod{Created: at(240)}), Failed},
		"the next one is not made":             {600, rolledOut(200, 60, Pod{Created: at(1), UpSince: at(31)}), Failed},
		"the next one ended":                   {600, rolledOut(600, 60, Pod{Created: at(600), Restarts: 1}), Failed},
	} {
		v := Check(Input{Now: at(c.now), Attempt: attempt, Pods: c.pods, Desired: nodes})
		if v.Outcome != c.want {
			t.Errorf("%s: got %s: %s", name, v.Outcome, v.Reason)
		}
	}
}

// Two containers of a Deployment's pods are broken, and one change mends one of them: the
// pod that has it does not become ready for the other one, so that no further one is made.
func TestRolloutThatAnotherContainerHoldsBack(t *testing.T) {
	heldBack := func(since int) Pod {
		p := upPod(since)
		p.HeldBack = true
		return p
	}
	older := Pod{Created: at(-100), Restarts: 9, Looping: true, Older: true}
	for name, c := range map[string]struct {
		now    int
		pods   []Pod
		want   Outcome
		partly bool
	}{
		"the soak runs":                           {40, []Pod{heldBack(5)}, Waiting, false},
		"up for the soak":                         {65, []Pod{heldBack(5)}, Helped, true},
		"beside pods that keep their template":    {65, []Pod{heldBack(5), older, older}, Helped, true},
		"it ends, too":                            {65, []Pod{{Created: at(1), Restarts: 1, Looping: true}}, Failed, false},
		"one of those that have it does not":      {306, []Pod{heldBack(5), {Created: at(1)}}, Failed, false},
		"nothing holds the rollout back":          {65, []Pod{upPod(5)}, Waiting, false},
		"and it does not go on for all that":      {306, []Pod{upPod(5)}, Failed, false},
		"all have it, and wait for the other one": {65, pods(3, heldBack(5)), Helped, false},
	} {
		v := Check(Input{Now: at(c.now), Attempt: raisedMemory(60, 3), Pods: c.pods, Desired: 3})
		if v.Outcome != c.want || v.Partly != c.partly {
			t.Errorf("%s: got %s, partly %t: %s", name, v.Outcome, v.Partly, v.Reason)
		}
	}
}

// Creation is known to the second, what is recorded to less: a pod from the
// same second may be from either side of the change.
func TestSameSecond(t *testing.T) {
	recorded := time.Date(2026, 11, 1, 3, 0, 0, 700e6, time.UTC)
	second := recorded.Truncate(time.Second)
	crashing := func(p Pod) Pod { p.Created, p.Looping = second, true; return p }
	at, deadline := metav1.NewTime(recorded), metav1.NewTime(recorded.Add(5*time.Minute))
	patched := v1alpha1.Attempt{RecordedAt: at, AppliedAt: &at, Deadline: deadline, SoakSeconds: 60, Action: ownTemplateAction}
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
				if v := Check(Input{Now: recorded.Add(20 * time.Second), Attempt: c.attempt, Pods: []Pod{c.pod}, Desired: 1}); v.Outcome != c.want {
					t.Errorf("got %s: %s", v.Outcome, v.Reason)
				}
			})
		}
	}
}

// Where some pods keep their template, they must be up too, and one must have
// got the change for it to be given the credit.
func TestPodsThatKeepTheirTemplate(t *testing.T) {
	up := func(older bool) Pod {
		return Pod{Created: at(1), UpSince: at(2), Older: older}
	}
	for name, c := range map[string]struct {
		pods []Pod
		want Outcome
	}{
		"all got it":             {[]Pod{up(false), up(false)}, Helped},
		"one got it":             {[]Pod{up(false), up(true)}, Helped},
		"none got it":            {[]Pod{up(true), up(true)}, Waiting},
		"who got it is not up":   {[]Pod{up(true), up(true), {Created: at(1)}}, Waiting},
		"the other is not up":    {[]Pod{up(false), {Created: at(-3600), Older: true}}, Waiting},
		"the other is missing":   {[]Pod{up(false)}, Waiting},
		"the other loops for it": {[]Pod{up(false), {Created: at(-3600), Older: true, Looping: true, Restarts: 40}}, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			if v := Check(Input{Now: at(120), Attempt: raisedMemory(60, 2), Pods: c.pods, Desired: 2}); v.Outcome != c.want {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
		})
	}
}

func TestRecovered(t *testing.T) {
	looping := Pod{Created: at(-3600), Looping: true, Restarts: 30}
	for name, c := range map[string]struct {
		pods    []Pod
		desired int32
		outcome Outcome
	}{
		"all are up for the soak":          {pods(3, upPod(1)), 3, Helped},
		"one for less":                     {append(pods(2, upPod(1)), upPod(60)), 3, Waiting},
		"one loops":                        {append(pods(2, upPod(1)), looping), 3, Waiting},
		"one loops beside all that are up": {append(pods(3, upPod(1)), looping), 3, Waiting},
		"one is missing":                   {pods(2, upPod(1)), 3, Waiting},
		"no node has room for one":         {append(pods(2, upPod(1)), Pod{Excused: true}), 3, Helped},
		"none is left":                     {nil, 0, Waiting},
	} {
		if v := Recovered(at(100), c.pods, c.desired, time.Minute); v.Outcome != c.outcome || v.Outcome == Waiting && v.RecheckAfter <= 0 {
			t.Errorf("%s: got %s after %s: %s", name, v.Outcome, v.RecheckAfter, v.Reason)
		}
	}
}

// One cause after another is progress only where the second shows that the
// container got further, and that what was changed is not what ends it now.
func TestWhatItEndsForNow(t *testing.T) {
	type finding = v1alpha1.FindingIdentity
	postgres := func(cause v1alpha1.Cause) finding { return finding{Cause: cause, Dependency: "postgres"} }
	unreachable := postgres(v1alpha1.CausePostgresUnreachable)
	address := finding{Cause: v1alpha1.CausePostgresUnreachable, Dependency: "postgres", Variable: "DB_ADDR", Host: "localhost", Port: 5432}
	const medium = v1alpha1.ConfidenceMedium
	for name, c := range map[string]struct {
		remedy     v1alpha1.RemedyName
		was, is    finding
		confidence v1alpha1.Confidence
		ran        time.Duration
		outcome    Outcome
	}{
		"the same cause":            {v1alpha1.RemedyRaiseMemoryLimit, finding{Cause: v1alpha1.CauseOOMKilled}, finding{Cause: v1alpha1.CauseOOMKilled}, v1alpha1.ConfidenceHigh, 0, Failed},
		"no cause":                  {v1alpha1.RemedyRaiseMemoryLimit, finding{Cause: v1alpha1.CauseOOMKilled}, finding{Cause: v1alpha1.CauseUnknown}, v1alpha1.ConfidenceLow, 0, Failed},
		"nothing was diagnosed yet": {v1alpha1.RemedyRaiseMemoryLimit, finding{Cause: v1alpha1.CauseOOMKilled}, finding{}, "", 0, Failed},

		"a start that is too slow, throttled or not": {v1alpha1.RemedyRaiseCPULimit, finding{Cause: v1alpha1.CauseCPUStarved}, finding{Cause: v1alpha1.CauseStartupProbeFailed}, medium, 0, Failed},
		"the next fault of a container that starts":  {v1alpha1.RemedyRaiseCPULimit, finding{Cause: v1alpha1.CauseCPUStarved}, finding{Cause: v1alpha1.CauseApplicationError}, medium, 0, CauseGone},
		"of which one can only guess":                {v1alpha1.RemedyRaiseCPULimit, finding{Cause: v1alpha1.CauseCPUStarved}, finding{Cause: v1alpha1.CauseApplicationError}, v1alpha1.ConfidenceLow, 0, Failed},
		"memory after CPU":                           {v1alpha1.RemedyRaiseCPULimit, finding{Cause: v1alpha1.CauseCPUStarved}, finding{Cause: v1alpha1.CauseOOMKilled}, medium, 0, CauseGone},

		"a dependency that was down, and is only not reached": {v1alpha1.RemedyWaitForDependency, finding{Cause: v1alpha1.CauseDependencyUnhealthy, Root: "postgres"}, unreachable, medium, 0, Failed},
		"at another address, a dependency that is down":       {v1alpha1.RemedySetEnv, address, finding{Cause: v1alpha1.CauseDependencyUnhealthy, Root: "postgres"}, medium, 0, CauseGone},
		"at another address, a host that does not exist":      {v1alpha1.RemedySetEnv, address, postgres(v1alpha1.CausePostgresHostNotFound), medium, 0, Failed},
		"at another address, a wrong password":                {v1alpha1.RemedySetEnv, address, postgres(v1alpha1.CausePostgresAuthFailed), medium, 0, CauseGone},
		"at another address, a schema that is missing":        {v1alpha1.RemedySetEnv, address, postgres(v1alpha1.CausePostgresSchemaMissing), medium, 0, CauseGone},
		"the address that was set cannot be read":             {v1alpha1.RemedySetEnv, address, finding{Cause: v1alpha1.CauseEnvVarInvalid, Variable: "DB_ADDR"}, medium, 0, Failed},
		"a variable cannot be read, and none is named":        {v1alpha1.RemedySetEnv, address, finding{Cause: v1alpha1.CauseEnvVarInvalid}, medium, 0, Failed},
		"which one was set is not known":                      {v1alpha1.RemedySetEnv, finding{Cause: v1alpha1.CausePostgresPoolExhausted}, finding{Cause: v1alpha1.CauseEnvVarInvalid, Variable: "POOL_SIZE"}, medium, time.Hour, Failed},
		"at another address, another variable":                {v1alpha1.RemedySetEnv, address, finding{Cause: v1alpha1.CauseEnvVarMissing, Variable: "KEY"}, medium, 0, CauseGone},
		"the next missing variable":                           {v1alpha1.RemedySetEnv, finding{Cause: v1alpha1.CauseEnvVarMissing, Variable: "A"}, finding{Cause: v1alpha1.CauseEnvVarMissing, Variable: "B"}, medium, 0, CauseGone},
		"the program died with a stack trace":                 {v1alpha1.RemedySetEnv, address, finding{Cause: v1alpha1.CauseApplicationError}, v1alpha1.ConfidenceLow, 0, Failed},

		"the same trouble, with less told of it": {v1alpha1.RemedyCreateTopic, finding{Cause: v1alpha1.CauseKafkaTopicMissing, Topic: "orders"}, finding{Cause: v1alpha1.CauseKafkaTopicMissing}, medium, 0, Failed},
		"the next topic":                         {v1alpha1.RemedyCreateTopic, finding{Cause: v1alpha1.CauseKafkaTopicMissing, Topic: "orders"}, finding{Cause: v1alpha1.CauseKafkaTopicMissing, Topic: "bills"}, medium, 0, CauseGone},
		"an object with a slash of its own":      {v1alpha1.RemedyRestartWorkload, finding{Cause: v1alpha1.CauseConfigStale, Object: "Secret/a"}, finding{Cause: v1alpha1.CauseConfigStale, Object: "Secret/a", Key: "k"}, medium, 0, Failed},

		"rolled back, it dies of the newer schema": {v1alpha1.RemedyRollbackRollout, finding{Cause: v1alpha1.CauseApplicationError}, postgres(v1alpha1.CausePostgresSchemaMissing), v1alpha1.ConfidenceHigh, time.Hour, Failed},

		"the database went away as soon as the limit was raised": {v1alpha1.RemedyRaiseMemoryLimit, finding{Cause: v1alpha1.CauseOOMKilled}, unreachable, v1alpha1.ConfidenceHigh, 2 * time.Second, Waiting},
		"it got further than the memory ever let it":             {v1alpha1.RemedyRaiseMemoryLimit, finding{Cause: v1alpha1.CauseOOMKilled}, finding{Cause: v1alpha1.CauseEnvVarMissing, Variable: "KEY"}, v1alpha1.ConfidenceHigh, 700 * time.Second, CauseGone},
		"the image cannot be pulled any more":                    {v1alpha1.RemedySetEnv, address, finding{Cause: v1alpha1.CauseImagePullFailed}, v1alpha1.ConfidenceHigh, 0, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := raisedMemory(60, 1)
			attempt.Proposal.Remedy, attempt.Finding, attempt.LongestRunSeconds = c.remedy, c.was, 600
			in := Input{Now: at(60), Attempt: attempt, Desired: 1, Finding: c.is, Confidence: c.confidence, Ran: c.ran,
				Pods: []Pod{{Created: at(1), Restarts: 2}}}
			v := Check(in)
			if v.Outcome != c.outcome {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
			in.Now = at(301)
			if v := Check(in); v.Outcome == Waiting {
				t.Errorf("it goes on after the deadline: %s", v.Reason)
			}
		})
	}
}

// ownTemplateAction changes the pod template of the workload that loops.
var ownTemplateAction = v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{}}
