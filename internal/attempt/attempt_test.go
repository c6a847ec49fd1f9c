package attempt

import (
	mathbits "math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/verify"
)

var now = time.Date(2026, 11, 1, 3, 0, 0, 0, time.UTC)

var api = v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: "api", UID: "w"}

func at(d time.Duration) *metav1.Time { t := metav1.NewTime(now.Add(d)); return &t }

// patching is an attempt at a memory limit.
func patching(outcome v1alpha1.AttemptOutcome) v1alpha1.Attempt {
	return v1alpha1.Attempt{
		ID: "abc-1", Proposal: v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedyRaiseMemoryLimit, Target: "StatefulSet/api", Because: "the kernel killed it"},
		Outcome: outcome, SoakSeconds: 60, RecordedAt: *at(-time.Minute), Deadline: *at(time.Minute),
		Action: v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{
			Workload: api, TemplateHash: "h", Patch: "[]", Undo: "[]",
		}},
	}
}

// view is one in which nothing is special: a pod of the newest template is not up yet.
func view(a v1alpha1.Attempt, change ...func(*View)) View {
	v := View{
		Now: now, Attempt: a, Own: api, Timeout: 5 * time.Minute, Desired: 1, Template: InPlace,
		Pods:       []Pod{{PodIdentity: v1alpha1.PodIdentity{Name: "api-0", UID: "p0"}, Created: now, Newest: true}},
		Permission: Permission{Asked: true},
		Verdict:    verify.Verdict{Outcome: verify.Waiting, Reason: "not up yet", RecheckAfter: 5 * time.Second},
	}
	for _, c := range change {
		c(&v)
	}
	return v
}

func runningJob(v *View) {
	v.Final = true
	v.Attempt.Proposal = v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedyRunJob, Target: "CronJob/migrate"}
	v.Attempt.Action = v1alpha1.AttemptAction{Type: v1alpha1.ActionRunJob, RunJob: &v1alpha1.RunJobAction{CronJob: "migrate", JobName: "migrate-1"}}
}

func deletingGroup(v *View) {
	v.Final = true
	v.Attempt.Proposal = v1alpha1.Proposal{ID: "abc", Remedy: v1alpha1.RemedyDeleteConsumerGroup, Target: "ConsumerGroup/orders"}
	v.Attempt.Action = v1alpha1.AttemptAction{Type: v1alpha1.ActionDeleteConsumerGroup, DeleteConsumerGroup: &v1alpha1.DeleteConsumerGroupAction{Service: "kafka", Group: "orders"}}
}

func settled(v *View) { v.Attempt.SettledAt = at(-10 * time.Second) }

func wrote(outcome WriteOutcome) func(*View) {
	return func(v *View) { v.Write = &WriteResult{Outcome: outcome, Message: "the server says so"} }
}

func late(v *View)      { v.Attempt.Deadline = *at(-time.Second) }
func original(v *View)  { v.Template = Original }
func stackless(v *View) { v.StackGone = true }
func isDeleted(v *View) { v.StackGone, v.Deleted = true, now.Add(-time.Second) }
func forbidden(v *View) { v.Forbidden = "the mode is Observe" }
func paused(v *View) {
	v.Hold = &Hold{Reason: v1alpha1.ReasonPaused, Message: "nothing is written while the stack is paused", RecheckAfter: time.Minute}
}
func denied(v *View) {
	v.Permission.Denied = "ServiceAccount fixer may not patch statefulsets.apps api"
}
func zero(v *View) { v.Desired, v.Pods = 0, nil }

func found(a Answer) func(*View) { return func(v *View) { v.InPlace = a } }

func judgedAs(o verify.Outcome) func(*View) {
	return func(v *View) {
		v.Verdict, v.Rediagnosed = verify.Verdict{Outcome: o, Reason: "the judge says so", UpSince: now.Add(-time.Minute)}, true
	}
}

func partly(v *View) { v.Verdict.Partly = true }

// broken is a StatefulSet's pod of the template before, in a back-off.
func broken(v *View) {
	v.Rollout = Rollout{WaitsForBroken: true, Seen: true}
	v.Pods = append(v.Pods, Pod{PodIdentity: v1alpha1.PodIdentity{Name: "api-1", UID: "p1"}, Created: now.Add(-time.Hour), BackingOff: true, Broken: true})
}

// example is a view with what has to follow from it.
type example struct {
	outcome v1alpha1.AttemptOutcome
	changes []func(*View)
	seen    Observation
	do      Do
	// then is the outcome after it, empty where it stays, and why.
	then v1alpha1.AttemptOutcome
	why  v1alpha1.AttemptReason
	// state, reason and what the messages say.
	state  v1alpha1.DiagnosisState
	reason string
	says   string
}

const (
	recorded    = v1alpha1.AttemptRecorded
	isApplied   = v1alpha1.AttemptApplied
	rollingBack = v1alpha1.AttemptRollingBack
	conflict    = v1alpha1.AttemptConflict
	withdrawn   = v1alpha1.AttemptWithdrawn
	failed      = v1alpha1.AttemptFailed
	rolledBack  = v1alpha1.AttemptRolledBack
	isHelped    = v1alpha1.AttemptHelped
	isReverted  = v1alpha1.AttemptReverted
)

func with(changes ...func(*View)) []func(*View) { return changes }

var examples = map[string]example{
	"recorded, to be written":                     {recorded, with(original), Unwritten, DoWrite, "", "", "", "", ""},
	"recorded, the workload is gone":              {recorded, with(func(v *View) { v.WorkloadGone = true }), WorkloadGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptWorkloadGone, "", "", "the workload is gone"},
	"recorded, the stack is gone, written":        {recorded, with(stackless, found(Yes)), StackGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptStackGone, "", "", "what was written stays"},
	"recorded, the stack is gone, not written":    {recorded, with(stackless, found(No)), StackGoneUnwritten, DoFinishAndGoOn, withdrawn, v1alpha1.AttemptStackGone, "", "", "nothing was written"},
	"recorded, the stack is gone, a group":        {recorded, with(deletingGroup, stackless, found(No)), StackGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptStackGone, "", "", "what was written stays"},
	"recorded, deleted":                           {recorded, with(isDeleted), Deleted, DoAdvance, rollingBack, v1alpha1.AttemptStackDeleted, v1alpha1.StateRollingBack, v1alpha1.ReasonRemedyFailed, "onDelete"},
	"recorded, deleted, a Job":                    {recorded, with(runningJob, isDeleted), Deleted, DoFinishAndGoOn, failed, v1alpha1.AttemptStackDeleted, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyFailed, "onDelete"},
	"recorded, written":                           {recorded, with(wrote(WriteAccepted)), Accepted, DoAdvance, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonRemedyApplied, "was applied"},
	"recorded, written by an earlier process":     {recorded, with(forbidden, found(Yes)), FoundInPlace, DoAdvance, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonRemedyApplied, "was applied"},
	"recorded, forbidden":                         {recorded, with(forbidden, found(No)), Forbidden, DoFinish, withdrawn, v1alpha1.AttemptForbidden, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "the mode is Observe; nothing was written"},
	"recorded, scaled to zero":                    {recorded, with(zero, found(No)), Forbidden, DoFinish, withdrawn, v1alpha1.AttemptForbidden, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "scaled to zero"},
	"recorded, not permitted":                     {recorded, with(denied, func(v *View) { v.JustRecorded = true }), Forbidden, DoFinish, withdrawn, v1alpha1.AttemptForbidden, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "may not patch"},
	"recorded, a group, just now":                 {recorded, with(deletingGroup, func(v *View) { v.JustRecorded = true }), Unwritten, DoWrite, "", "", "", "", ""},
	"recorded, a group, by an earlier process":    {recorded, with(deletingGroup, found(No)), MaybeWritten, DoFinish, failed, v1alpha1.AttemptMaybeWritten, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "not done a second time"},
	"recorded, a group that is gone":              {recorded, with(deletingGroup, found(Yes)), FoundInPlace, DoAdvance, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonRemedyApplied, ""},
	"recorded, a forbidden group":                 {recorded, with(deletingGroup, forbidden, found(No)), MaybeWritten, DoFinish, failed, v1alpha1.AttemptMaybeWritten, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "cannot be known"},
	"recorded, someone else's edit":               {recorded, with(wrote(WriteConflicted)), Conflicted, DoFinish, conflict, v1alpha1.AttemptConflicted, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "the server says so"},
	"recorded, refused":                           {recorded, with(wrote(WriteRefused)), Refused, DoFinish, failed, v1alpha1.AttemptRefused, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "the server says so"},
	"recorded, no answer":                         {recorded, with(wrote(WriteFailed)), NotAnswered, DoRetry, "", "", "", "", ""},
	"recorded, no answer until the deadline":      {recorded, with(wrote(WriteFailed), late, found(No)), Overdue, DoFinish, failed, v1alpha1.AttemptUnanswered, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "the server says so"},
	"recorded, the answer was lost":               {recorded, with(wrote(WriteFailed), late, found(Yes)), FoundInPlace, DoAdvance, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonRemedyApplied, ""},
	"recorded, a group, no answer":                {recorded, with(deletingGroup, wrote(WriteFailed), late, found(No)), MaybeWritten, DoFinish, failed, v1alpha1.AttemptMaybeWritten, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, ""},
	"applied, not up yet":                         {isApplied, nil, Undecided, DoWait, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, "not up yet"},
	"applied, a person edits another field":       {isApplied, with(func(v *View) { v.Template = Edited }), Undecided, DoWait, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, ""},
	"applied, the workload is gone":               {isApplied, with(func(v *View) { v.WorkloadGone = true }), WorkloadGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptWorkloadGone, "", "", ""},
	"applied, the stack is gone":                  {isApplied, with(stackless), StackGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptStackGone, "", "", "what was written stays"},
	"applied, deleted":                            {isApplied, with(isDeleted), Deleted, DoAdvance, rollingBack, v1alpha1.AttemptStackDeleted, v1alpha1.StateRollingBack, v1alpha1.ReasonRemedyFailed, "was not shown to help"},
	"applied, not wanted":                         {isApplied, with(func(v *View) { v.Unwanted = true }), Unwanted, DoAdvance, rollingBack, v1alpha1.AttemptTakenBackByPerson, v1alpha1.StateRollingBack, v1alpha1.ReasonRemedyFailed, "is not wanted"},
	"applied, not wanted, no way back":            {isApplied, with(runningJob, settled, func(v *View) { v.Unwanted = true }), Undecided, DoWait, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, ""},
	"applied, overwritten by CI":                  {isApplied, with(original, found(No), func(v *View) { v.Overwriter = &Overwriter{Name: "kubectl-client-side-apply"} }), Overwritten, DoFinishAndGoOn, conflict, v1alpha1.AttemptOverwritten, "", "", "kubectl-client-side-apply"},
	"applied, overwritten, and up":                {isApplied, with(original, found(No), judgedAs(verify.Helped)), Overwritten, DoFinishAndGoOn, conflict, v1alpha1.AttemptOverwritten, "", "", "it did not help"},
	"applied, taken back by GitOps":               {isApplied, with(original, found(No), func(v *View) { v.Overwriter = &Overwriter{Name: "Flux", Reconciles: true, Advice: "patch it"} }), RevertedByGitOps, DoFinish, isReverted, v1alpha1.AttemptRevertedByGitOps, v1alpha1.StateEscalated, v1alpha1.ReasonRemedyReverted, "To allow it: patch it"},
	"applied, the container is gone":              {isApplied, with(func(v *View) { v.ContainerGone = true }), ContainerGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptContainerGone, "", "", "no longer in the pod template"},
	"applied, scaled to zero":                     {isApplied, with(zero), ScaledToZero, DoAdvance, rollingBack, v1alpha1.AttemptScaledToZero, v1alpha1.StateRollingBack, v1alpha1.ReasonRemedyFailed, "scaled to zero"},
	"applied, the Job runs":                       {isApplied, with(runningJob, func(v *View) { v.Started = &Started{} }), StartRuns, DoWait, "", "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, "has not come to its end"},
	"applied, the Job failed":                     {isApplied, with(runningJob, func(v *View) { v.Started = &Started{Over: true, Failure: "Job migrate-1 failed"} }), StartFailed, DoFinish, failed, v1alpha1.AttemptStartFailed, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyFailed, "Job migrate-1 failed"},
	"applied, the Job is over":                    {isApplied, with(runningJob, func(v *View) { v.Started = &Started{Over: true} }), StartOver, DoAdvance, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, "has come to its end"},
	"applied, the Job had its time":               {isApplied, with(runningJob, late, func(v *View) { v.Started = &Started{} }), StartOver, DoAdvance, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, ""},
	"applied, pods in an old back-off":            {isApplied, with(runningJob, settled, broken), PodsLeftBehind, DoEvict, "", "", "", "", ""},
	"applied, a broken pod keeps the template":    {isApplied, with(broken), PodsLeftBehind, DoEvict, "", "", "", "", ""},
	"applied, it cannot be evicted":               {isApplied, with(broken, func(v *View) { v.EvictionTried = true }), Undecided, DoWait, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, ""},
	"applied, nothing is evicted in a pause":      {isApplied, with(broken, paused), Undecided, DoWait, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, ""},
	"applied, nothing is evicted where forbidden": {isApplied, with(broken, forbidden), Undecided, DoWait, isApplied, "", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, ""},
	"applied, it helped":                          {isApplied, with(judgedAs(verify.Helped), found(Yes)), Helped, DoFinish, isHelped, v1alpha1.AttemptRecovered, v1alpha1.StateRecovered, v1alpha1.ReasonRecovered, "helped: the judge says so"},
	"applied, a Job helped":                       {isApplied, with(runningJob, settled, judgedAs(verify.Helped)), Helped, DoFinish, isHelped, v1alpha1.AttemptRecovered, v1alpha1.StateRecovered, v1alpha1.ReasonRecovered, ""},
	"applied, it helped on some":                  {isApplied, with(judgedAs(verify.Helped), partly, found(Yes)), HelpedWhereItIs, DoFinishAndGoOn, isHelped, v1alpha1.AttemptRecovered, "", "", "the judge says so"},
	"applied, overwritten, and up on some":        {isApplied, with(original, found(No), judgedAs(verify.Helped), partly), Overwritten, DoFinishAndGoOn, conflict, v1alpha1.AttemptOverwritten, "", "", "it did not help"},
	"applied, another cause":                      {isApplied, with(judgedAs(verify.CauseGone)), CauseGone, DoFinishAndGoOn, isHelped, v1alpha1.AttemptCauseGone, "", "", "the judge says so"},
	"applied, it did not help":                    {isApplied, with(judgedAs(verify.Failed)), NotHelped, DoAdvance, rollingBack, v1alpha1.AttemptNotHelped, v1alpha1.StateRollingBack, v1alpha1.ReasonRemedyFailed, "did not help and is being taken back"},
	"applied, a Job did not help":                 {isApplied, with(runningJob, settled, judgedAs(verify.Failed)), NotHelped, DoFinish, failed, v1alpha1.AttemptNotHelped, v1alpha1.StateWaiting, v1alpha1.ReasonRemedyFailed, "did not help"},
	"rolling back":                                {rollingBack, nil, Unwritten, DoUndo, "", "", "", "", ""},
	"rolling back, the workload is gone":          {rollingBack, with(func(v *View) { v.WorkloadGone = true }), WorkloadGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptWorkloadGone, "", "", ""},
	"rolling back, the stack is gone":             {rollingBack, with(stackless), StackGone, DoFinishAndGoOn, conflict, v1alpha1.AttemptStackGone, "", "", ""},
	"rolling back in a pause":                     {rollingBack, with(paused), Held, DoWait, "", "", v1alpha1.StateWaiting, v1alpha1.ReasonPaused, "is to be taken back; nothing is written"},
	"rolling back, not permitted":                 {rollingBack, with(denied), NotPermitted, DoWait, "", "", v1alpha1.StateEscalated, v1alpha1.ReasonNotPermitted, "still in force"},
	"rolled back":                                 {rollingBack, with(wrote(WriteAccepted)), Accepted, DoFinish, rolledBack, "", v1alpha1.StateWaiting, v1alpha1.ReasonRolledBack, "was taken back"},
	"rolling back, someone else's edit":           {rollingBack, with(wrote(WriteConflicted)), Conflicted, DoFinish, conflict, "", v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "not taken back: the server says so"},
	"rolling back, refused":                       {rollingBack, with(wrote(WriteRefused)), Refused, DoFinish, conflict, "", v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, "not taken back"},
	"rolling back, no answer":                     {rollingBack, with(wrote(WriteFailed), late), NotAnswered, DoRetry, "", "", "", "", ""},
	"rolling back, no way back":                   {rollingBack, with(runningJob), CannotUndo, DoFinishAndGoOn, conflict, "", "", "", "there is no way back"},
	"deleted, taken back":                         {rollingBack, with(isDeleted, wrote(WriteAccepted)), Accepted, DoFinishAndGoOn, rolledBack, "", "", "", "as spec.remediation.onDelete says"},
	"deleted, to be taken back":                   {rollingBack, with(isDeleted), Unwritten, DoUndo, "", "", "", "", ""},
	"deleted, paused":                             {rollingBack, with(isDeleted, paused), CannotUndo, DoFinishAndGoOn, conflict, "", "", "", "what was written stays"},
	"deleted, not permitted":                      {rollingBack, with(isDeleted, denied), CannotUndo, DoFinishAndGoOn, conflict, "", "", "", "may not patch"},
	"deleted, no answer":                          {rollingBack, with(isDeleted, wrote(WriteFailed)), NotAnswered, DoRetry, "", "", "", "", ""},
	"deleted, no answer for long":                 {rollingBack, with(isDeleted, func(v *View) { v.Deleted = now.Add(-TakeBackPatience) }, wrote(WriteFailed)), CannotUndo, DoFinishAndGoOn, conflict, "", "", "", "the server says so"},
	"rolled back, a pod keeps the old template":   {rolledBack, with(broken, original), PodsLeftBehind, DoEvict, "", "", "", "", ""},
	"rolled back, in a pause":                     {rolledBack, with(broken, original, paused), Over, DoRest, "", "", "", "", ""},
	"rolled back, nothing left to do":             {rolledBack, with(original), Over, DoRest, "", "", "", "", ""},
	"helped":                                      {isHelped, nil, Over, DoRest, "", "", "", "", ""},
	"withdrawn":                                   {withdrawn, nil, Over, DoRest, "", "", "", "", ""},
	"in conflict":                                 {conflict, nil, Over, DoRest, "", "", "", "", ""},
	"reverted":                                    {isReverted, nil, Over, DoRest, "", "", "", "", ""},
	"failed, with pods of an earlier template":    {failed, with(broken, original), Over, DoRest, "", "", "", "", ""},
}

func TestNext(t *testing.T) {
	for name, e := range examples {
		t.Run(name, func(t *testing.T) {
			v := view(patching(e.outcome), e.changes...)
			got := Next(v)
			if got.Observation != e.seen || got.Do != e.do {
				t.Fatalf("sees %s and does %s (asks %q), want %s and %s", got.Observation, got.Do, got.Question, e.seen, e.do)
			}
			if got.State != e.state || got.Reason != e.reason {
				t.Errorf("state %s, %s", got.State, got.Reason)
			}
			said := got.Message
			if got.Attempt != nil {
				said += "\n" + got.Attempt.Message
				if got.Attempt.Outcome != e.then || got.Attempt.Reason != e.why {
					t.Errorf("then it is %s because of %q", got.Attempt.Outcome, got.Attempt.Reason)
				}
			} else if e.then != "" {
				t.Errorf("it stays %s, want %s", e.outcome, e.then)
			}
			if !strings.Contains(said, e.says) {
				t.Errorf("says %q", said)
			}
			if got.Do == DoEvict && !slices.Equal(got.Pods, []v1alpha1.PodIdentity{{Name: "api-1", UID: "p1"}}) {
				t.Errorf("evicts %v", got.Pods)
			}
		})
	}
}

// Each pair of the table has an example above, and no example shows another pair.
func TestEveryLegalPairHasAnExample(t *testing.T) {
	shown := map[string]bool{}
	for _, e := range examples {
		shown[string(e.outcome)+" x "+string(e.seen)] = true
	}
	legal := map[string]bool{}
	for _, o := range outcomes {
		for _, seen := range Observations {
			if _, known := table[o][seen]; known {
				legal[string(o)+" x "+string(seen)] = true
			}
		}
	}
	for pair := range legal {
		if !shown[pair] {
			t.Errorf("%s: no example", pair)
		}
	}
	for pair := range shown {
		if !legal[pair] {
			t.Errorf("%s: not in the table", pair)
		}
	}
	if len(outcomes) != 9 || len(table) != len(outcomes) {
		t.Errorf("%d outcomes, %d in the table", len(outcomes), len(table))
	}
}

// What holds for every pair, illegal ones too: what each may do, where it may lead,
// and that nothing is left for ever.
func TestEveryPair(t *testing.T) {
	for _, o := range outcomes {
		for _, seen := range Observations {
			c, legal := table[o][seen]
			v := view(patching(o))
			v.Write, v.Started, v.Overwriter, v.Hold = &WriteResult{}, &Started{}, &Overwriter{}, &Hold{RecheckAfter: time.Second}
			switch {
			case !legal:
				continue // TestNonsense
			case c.do == DoWrite && (o != recorded || seen != Unwritten), c.do == DoUndo && (o != rollingBack || seen != Unwritten),
				c.do == DoEvict && (o != isApplied && o != rolledBack || seen != PodsLeftBehind):
				t.Errorf("%s x %s writes", o, seen)
			case !o.InForce() && c.to != "":
				t.Errorf("%s is final, and %s leads on to %s", o, seen, c.to)
			case c.to == recorded:
				t.Errorf("%s x %s leads back to the beginning", o, seen)
			case c.to != "" && !c.to.InForce() != (c.do == DoFinish || c.do == DoFinishAndGoOn):
				t.Errorf("%s x %s does %s and leads to %s", o, seen, c.do, c.to)
			}
			s := c.step(v, seen)
			if s.Attempt != nil && !s.Attempt.Outcome.InForce() {
				if s.Attempt.EndedAt == nil || s.Attempt.Reason == "" && o != rollingBack {
					t.Errorf("%s x %s ends without a time or a reason", o, seen)
				}
			}
			if (s.Do == DoWait || s.Do == DoAdvance) && s.After <= 0 {
				t.Errorf("%s x %s is never looked at again", o, seen)
			}
		}
	}
}

// A pair that makes no sense does nothing, and is looked at again.
func TestNonsense(t *testing.T) {
	v := view(patching("Perhaps"))
	if got := Next(v); got.Do != DoWait || got.Attempt != nil || got.After <= 0 {
		t.Errorf("%+v", got)
	}
}

// What costs a call is asked only where it decides.
func TestQuestions(t *testing.T) {
	unasked := func(v *View) { v.Permission = Permission{} }
	for name, c := range map[string]struct {
		view View
		asks Question
	}{
		"before a write":                         {view(patching(recorded), unasked), AskPermission},
		"before it is taken back":                {view(patching(rollingBack), unasked), AskPermission},
		"in a pause, nobody is asked for rights": {view(patching(rollingBack), unasked, paused), ""},
		"a forbidden attempt may be written":     {view(patching(recorded), forbidden), AskInPlace},
		"a cache may be old":                     {view(patching(isApplied), original), AskInPlace},
		"a change that is there":                 {view(patching(isApplied)), ""},
		"before it counts as one that helped":    {view(patching(isApplied), judgedAs(verify.Helped)), AskInPlace},
		"a Job":                                  {view(patching(isApplied), runningJob), AskStarted},
		"a Job that is over":                     {view(patching(isApplied), runningJob, settled), ""},
		"before it failed": {view(patching(isApplied), func(v *View) {
			v.Verdict.Outcome = verify.Failed
		}), AskFinding},
		"a group that may be deleted": {view(patching(recorded), deletingGroup), AskInPlace},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Next(c.view); got.Question != c.asks {
				t.Errorf("asks %q, does %s", got.Question, got.Do)
			}
		})
	}
}

// Only a broken pod of an earlier template is evicted, and only while the template
// is as the attempt left it.
func TestOnlyBrokenPodsAreEvicted(t *testing.T) {
	for name, change := range map[string]func(*View){
		"unready for a moment":        func(v *View) { v.Pods[1].Broken = false },
		"up":                          func(v *View) { v.Pods[1].Up = true },
		"of the newest template":      func(v *View) { v.Pods[1].Newest = true },
		"below the partition":         func(v *View) { v.Pods[1].OutOfReach = true },
		"someone else's template":     func(v *View) { v.Template = Edited },
		"the controller is not round": func(v *View) { v.Rollout.Seen = false },
		"a Deployment":                func(v *View) { v.Rollout.WaitsForBroken = false },
	} {
		if got := Next(view(patching(isApplied), broken, change)); got.Do == DoEvict {
			t.Errorf("%s: evicts %v", name, got.Pods)
		}
	}
	again := func(v *View) { v.Pods[1].Created = now }
	if got := Next(view(patching(isApplied), runningJob, settled, broken, again)); got.Do == DoEvict {
		t.Errorf("a pod that was made since the Job is evicted: %v", got.Pods)
	}
}

// Whatever is seen, the questions come to an end, and no step is taken that the
// view forbids.
func TestAnyView(t *testing.T) {
	n := 0
	for v := range anyView {
		n++
		asked := map[Question]bool{}
		s := Next(v)
		for s.Do == DoAsk {
			if asked[s.Question] {
				t.Fatalf("asks %s again: %+v", s.Question, v)
			}
			asked[s.Question] = true
			answer(&v, s.Question)
			s = Next(v)
		}
		forbids := v.WorkloadGone || v.StackGone && v.Deleted.IsZero() || !v.Permission.Asked || v.Permission.Denied != ""
		switch {
		case s.Do == DoWrite && (forbids || v.Forbidden != "" || !v.Deleted.IsZero()),
			s.Do == DoUndo && (forbids || v.Hold != nil || v.Attempt.Action.PatchTemplate == nil),
			s.Do == DoEvict && v.Hold != nil:
			t.Fatalf("does %s on %+v", s.Do, v)
		case s.Attempt != nil && s.Attempt.Outcome == isHelped && s.Observation == Helped && v.Attempt.Action.PatchTemplate != nil && !v.Template.kept():
			t.Fatalf("helped, and the change is not there: %+v", v)
		case s.Observation == "":
			t.Fatalf("nothing is seen in %+v", v)
		}
	}
	t.Logf("%d views", n)
}

// anyView is the product of all that a view may show.
func anyView(yield func(View) bool) {
	flags := []func(*View){
		func(v *View) { v.WorkloadGone = true }, stackless, isDeleted, paused, forbidden, func(v *View) { v.Unwanted = true },
		func(v *View) { v.JustRecorded = true }, zero, func(v *View) { v.ContainerGone = true }, late, broken, settled,
	}
	kinds := []func(*View){func(*View) {}, runningJob, deletingGroup}
	writes := []func(*View){func(*View) {}, wrote(WriteAccepted), wrote(WriteConflicted), wrote(WriteRefused), wrote(WriteFailed)}
	templates := []Standing{Original, InPlace, Edited, Replaced}
	verdicts := []verify.Outcome{verify.Waiting, verify.Helped, verify.CauseGone, verify.Failed}
	for bits := range 1 << len(flags) {
		for _, o := range []v1alpha1.AttemptOutcome{recorded, isApplied, rollingBack} {
			for k, kind := range kinds {
				for w, write := range writes {
					// Where little is special, with every template and verdict.
					first, last := (bits+w+4*k)%16, (bits+w+4*k)%16
					if mathbits.OnesCount(uint(bits)) <= 2 {
						first, last = 0, 15
					}
					for n := first; n <= last; n++ {
						v := view(patching(o), kind, write)
						v.Permission = Permission{}
						v.Template, v.Verdict.Outcome = templates[n%4], verdicts[n/4]
						for i, f := range flags {
							if bits&(1<<i) != 0 {
								f(&v)
							}
						}
						if !yield(v) {
							return
						}
					}
				}
			}
		}
	}
}

// answer gives a view what was asked for.
func answer(v *View, q Question) {
	switch q {
	case AskInPlace:
		v.InPlace = No
		if v.Template.kept() || v.Unwanted {
			v.InPlace = Yes
		}
	case AskPermission:
		v.Permission = Permission{Asked: true}
		if v.Unwanted {
			denied(v)
		}
	case AskStarted:
		v.Started = &Started{Over: v.Unwanted}
	case AskFinding:
		v.Rediagnosed = true
	}
}
