package attempt

import (
	"cmp"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// cell is what follows from an outcome and an observation.
type cell struct {
	do Do
	// to is the outcome after it, empty where that stays as it is.
	to v1alpha1.AttemptOutcome
	// irreversibly is the outcome where there is no way back, empty where that
	// makes no difference. It is final.
	irreversibly v1alpha1.AttemptOutcome
	// why is the reason that the attempt is given, empty where it keeps its own.
	why v1alpha1.AttemptReason
	// tell is what people are told.
	tell func(View) told
}

// told is what people are told of a step.
type told struct {
	// attempt is the attempt's own message; the diagnosis' where it is empty.
	attempt string
	state   v1alpha1.DiagnosisState
	reason  string
	message string
	after   time.Duration
}

// giveUp takes an attempt back that did not help, where there is a way back.
func giveUp(why v1alpha1.AttemptReason, because func(View) string) cell {
	return cell{do: DoAdvance, to: v1alpha1.AttemptRollingBack, irreversibly: v1alpha1.AttemptFailed, why: why, tell: func(v View) told {
		if v.reversible() {
			return told{attempt: because(v), state: v1alpha1.StateRollingBack, reason: v1alpha1.ReasonRemedyFailed, after: lookAgain,
				message: fmt.Sprintf("%s and is being taken back: %s", v.judgement(why), because(v))}
		}
		return told{attempt: because(v), state: v1alpha1.StateWaiting, reason: v1alpha1.ReasonRemedyFailed, after: lookAgain,
			message: fmt.Sprintf("%s: %s", v.judgement(why), because(v))}
	}}
}

// takeBack takes back an attempt that has a way back.
func takeBack(why v1alpha1.AttemptReason, because string) cell {
	c := giveUp(why, func(View) string { return because })
	c.irreversibly = ""
	return c
}

// leave ends an attempt with which nobody goes on.
func leave(why v1alpha1.AttemptReason, message string) cell {
	return cell{do: DoFinishAndGoOn, to: v1alpha1.AttemptConflict, why: why, tell: say(message)}
}

// table is the whole life of an attempt. A pair that is not in it makes no sense:
// then nothing is done.
var table = map[v1alpha1.AttemptOutcome]map[Observation]cell{
	v1alpha1.AttemptRecorded: {
		WorkloadGone:       leave(v1alpha1.AttemptWorkloadGone, "the workload is gone"),
		StackGone:          leave(v1alpha1.AttemptStackGone, stackIsGone+"; what was written stays as it is"),
		StackGoneUnwritten: {do: DoFinishAndGoOn, to: v1alpha1.AttemptWithdrawn, why: v1alpha1.AttemptStackGone, tell: say(stackIsGone + "; nothing was written")},
		Deleted:            giveUp(v1alpha1.AttemptStackDeleted, func(View) string { return stackIsDeleted }),
		Unwritten:          {do: DoWrite},
		Accepted:           {do: DoAdvance, to: v1alpha1.AttemptApplied, tell: applied},
		FoundInPlace:       {do: DoAdvance, to: v1alpha1.AttemptApplied, tell: applied},
		Forbidden:          {do: DoFinish, to: v1alpha1.AttemptWithdrawn, why: v1alpha1.AttemptForbidden, tell: notDone(View.forbidden, "; nothing was written")},
		MaybeWritten:       {do: DoFinish, to: v1alpha1.AttemptFailed, why: v1alpha1.AttemptMaybeWritten, tell: notDone(maybeWritten, "")},
		Conflicted:         {do: DoFinish, to: v1alpha1.AttemptConflict, why: v1alpha1.AttemptConflicted, tell: notDone(writeError, "")},
		Refused:            {do: DoFinish, to: v1alpha1.AttemptFailed, why: v1alpha1.AttemptRefused, tell: notDone(writeError, "")},
		NotAnswered:        {do: DoRetry},
		Overdue:            {do: DoFinish, to: v1alpha1.AttemptFailed, why: v1alpha1.AttemptUnanswered, tell: notDone(writeError, "")},
	},
	v1alpha1.AttemptApplied: {
		WorkloadGone:     leave(v1alpha1.AttemptWorkloadGone, "the workload is gone"),
		StackGone:        leave(v1alpha1.AttemptStackGone, stackIsGone+"; what was written stays as it is"),
		Deleted:          giveUp(v1alpha1.AttemptStackDeleted, func(View) string { return stackIsDeleted }),
		RevertedByGitOps: {do: DoFinish, to: v1alpha1.AttemptReverted, why: v1alpha1.AttemptRevertedByGitOps, tell: reverted},
		Overwritten:      {do: DoFinishAndGoOn, to: v1alpha1.AttemptConflict, why: v1alpha1.AttemptOverwritten, tell: overwrittenBy},
		Unwanted:         takeBack(v1alpha1.AttemptTakenBackByPerson, "a person wants it taken back (spec.takeBack)"),
		ContainerGone:    leave(v1alpha1.AttemptContainerGone, "the container is no longer in the pod template; what was written stays as it is"),
		ScaledToZero:     giveUp(v1alpha1.AttemptScaledToZero, func(View) string { return "the workload was scaled to zero before it was shown to help" }),
		StartFailed:      giveUp(v1alpha1.AttemptStartFailed, func(v View) string { return v.Started.Failure }),
		StartRuns:        {do: DoWait, tell: startRuns},
		StartOver:        {do: DoAdvance, to: v1alpha1.AttemptApplied, tell: startOver},
		PodsLeftBehind:   {do: DoEvict},
		Helped:           {do: DoFinish, to: v1alpha1.AttemptHelped, why: v1alpha1.AttemptRecovered, tell: helped},
		HelpedWhereItIs:  {do: DoFinishAndGoOn, to: v1alpha1.AttemptHelped, why: v1alpha1.AttemptRecovered, tell: func(v View) told { return told{attempt: v.Verdict.Reason} }},
		CauseGone:        {do: DoFinishAndGoOn, to: v1alpha1.AttemptHelped, why: v1alpha1.AttemptCauseGone, tell: func(v View) told { return told{attempt: v.Verdict.Reason} }},
		NotHelped:        giveUp(v1alpha1.AttemptNotHelped, func(v View) string { return v.Verdict.Reason }),
		Undecided:        {do: DoWait, to: v1alpha1.AttemptApplied, tell: undecided},
	},
	v1alpha1.AttemptRollingBack: {
		WorkloadGone: leave(v1alpha1.AttemptWorkloadGone, "the workload is gone"),
		StackGone:    leave(v1alpha1.AttemptStackGone, stackIsGone+"; what was written stays as it is"),
		CannotUndo:   {do: DoFinishAndGoOn, to: v1alpha1.AttemptConflict, tell: cannotBeUndone},
		Held:         {do: DoWait, tell: heldBack},
		NotPermitted: {do: DoWait, tell: keptInForce},
		Unwritten:    {do: DoUndo},
		Accepted:     {do: DoFinish, to: v1alpha1.AttemptRolledBack, tell: takenBack},
		Conflicted:   {do: DoFinish, to: v1alpha1.AttemptConflict, tell: notTakenBack},
		Refused:      {do: DoFinish, to: v1alpha1.AttemptConflict, tell: notTakenBack},
		NotAnswered:  {do: DoRetry},
	},
	v1alpha1.AttemptHelped:    {Over: {do: DoRest}},
	v1alpha1.AttemptWithdrawn: {Over: {do: DoRest}},
	v1alpha1.AttemptConflict:  {Over: {do: DoRest}},
	v1alpha1.AttemptReverted:  {Over: {do: DoRest}},
	v1alpha1.AttemptFailed:    {Over: {do: DoRest}},
	v1alpha1.AttemptRolledBack: {
		PodsLeftBehind: {do: DoEvict},
		Over:           {do: DoRest},
	},
}

// step fills a cell with what the view shows.
func (c cell) step(v View, seen Observation) Step {
	s := Step{Do: c.do, Observation: seen, KeepFinding: seen == FoundInPlace}
	t := told{}
	if c.tell != nil {
		t = c.tell(v)
	}
	s.State, s.Reason, s.Message, s.After = t.state, t.reason, t.message, t.after
	switch {
	case c.do == DoEvict:
		s.Pods = v.toEvict()
	case seen == Helped:
		s.UpSince = v.Verdict.UpSince
	}
	if c.to == "" {
		return s
	}
	s.Attempt = c.after(v, seen, t.attempt)
	if !s.Attempt.Outcome.InForce() {
		s.Do = c.ending(v)
	}
	return s
}

// ending is how a final outcome is persisted: of a deleted diagnosis the round goes
// on, so that it is closed.
func (c cell) ending(v View) Do {
	if c.do == DoFinishAndGoOn || !v.Deleted.IsZero() {
		return DoFinishAndGoOn
	}
	return DoFinish
}

// after is the attempt as it stands after the step.
func (c cell) after(v View, seen Observation, message string) *v1alpha1.Attempt {
	a, at := v.Attempt.DeepCopy(), metav1.NewTime(v.Now)
	a.Outcome, a.Reason = c.to, cmp.Or(c.why, a.Reason)
	if c.irreversibly != "" && !v.reversible() {
		a.Outcome = c.irreversibly
	}
	if message != "" {
		a.Message = text.Clip(message, maxMessage)
	}
	if seen == Unwanted {
		a.TakenBackBy = v.UnwantedBy
	}
	switch {
	case !a.Outcome.InForce():
		a.EndedAt = &at
	case seen == Undecided:
		if a.CameUpAt == nil && !v.Verdict.CameUp.IsZero() {
			a.CameUpAt = new(metav1.NewTime(v.Verdict.CameUp))
		}
	case seen == StartOver:
		a.SettledAt, a.Restarts, a.Deadline = &at, v.Restarts, metav1.NewTime(v.Now.Add(v.Timeout))
	case a.Outcome == v1alpha1.AttemptApplied:
		// An attempt that could be applied only now has its whole time from now on.
		a.AppliedAt, a.Deadline = &at, metav1.NewTime(v.Now.Add(v.Timeout))
	}
	return a
}

// maxMessage is the API's limit of an attempt's message, in bytes.
const maxMessage = 1024

const (
	stackIsGone    = "the stack is gone, or the workload is no longer part of it"
	stackIsDeleted = "the stack or the diagnosis was deleted (spec.remediation.onDelete)"
)

func (v View) name() v1alpha1.RemedyName { return v.Attempt.Proposal.Remedy }

// forbidden says why the action must not be written any more, empty where it may.
func (v View) forbidden() string {
	switch {
	case v.Forbidden != "":
		return v.Forbidden
	case v.ContainerGone:
		return "the container is no longer in the pod template"
	case v.Desired == 0 && len(v.Pods) == 0:
		return "the workload was scaled to zero"
	}
	return v.Permission.Denied
}

// judgement on an attempt that is taken back, as the beginning of a sentence.
func (v View) judgement(why v1alpha1.AttemptReason) string {
	switch why {
	case v1alpha1.AttemptTakenBackByPerson:
		return fmt.Sprintf("%s is not wanted", v.name())
	case v1alpha1.AttemptScaledToZero, v1alpha1.AttemptStackDeleted:
		return fmt.Sprintf("%s was not shown to help", v.name())
	default:
		return fmt.Sprintf("%s did not help", v.name())
	}
}

func say(message string) func(View) told {
	return func(View) told { return told{attempt: message} }
}

func applied(v View) told {
	return told{state: v1alpha1.StateVerifying, reason: v1alpha1.ReasonRemedyApplied, after: lookAgain,
		message: fmt.Sprintf("%s was applied: %s. It counts once the container has stayed up for %ds", v.name(), v.Attempt.Proposal.Because, v.Attempt.SoakSeconds)}
}

func notDone(because func(View) string, suffix string) func(View) told {
	return func(v View) told {
		return told{attempt: because(v) + suffix, state: v1alpha1.StateWaiting, reason: v1alpha1.ReasonRemedyConflict, after: lookAgain,
			message: fmt.Sprintf("%s was not done: %s", v.name(), because(v))}
	}
}

func writeError(v View) string { return v.Write.Message }

func maybeWritten(View) string {
	return "the operator was interrupted while it wrote; whether that was done cannot be known, and it is not done a second time"
}

func reverted(v View) told {
	message := fmt.Sprintf("%s took the change back, and what is in Git stands.", v.Overwriter.Name)
	if v.Overwriter.Advice != "" {
		message += " To allow it: " + v.Overwriter.Advice
	}
	return told{attempt: message, state: v1alpha1.StateEscalated, reason: v1alpha1.ReasonRemedyReverted, after: lookAtHeld,
		message: fmt.Sprintf("%s was in force: %s", v.name(), message)}
}

func overwrittenBy(v View) told {
	who := "someone else"
	if v.Overwriter != nil {
		who = v.Overwriter.Name
	}
	return told{attempt: "changed by " + who + " in between: that stands, and it did not help"}
}

func startRuns(v View) told {
	return told{state: v1alpha1.StateVerifying, reason: v1alpha1.ReasonVerifying, after: lookAtStarted,
		message: fmt.Sprintf("%s is in force: %s has not come to its end", v.name(), v.Attempt.Proposal.Target)}
}

func startOver(v View) told {
	return told{state: v1alpha1.StateVerifying, reason: v1alpha1.ReasonVerifying, after: lookAgain,
		message: fmt.Sprintf("%s is in force: %s has come to its end", v.name(), v.Attempt.Proposal.Target)}
}

func helped(v View) told {
	return told{attempt: v.Verdict.Reason, state: v1alpha1.StateRecovered, reason: v1alpha1.ReasonRecovered,
		message: fmt.Sprintf("%s helped: %s", v.name(), v.Verdict.Reason)}
}

func undecided(v View) told {
	return told{state: v1alpha1.StateVerifying, reason: v1alpha1.ReasonVerifying, after: v.Verdict.RecheckAfter,
		message: fmt.Sprintf("%s is in force: %s", v.name(), v.Verdict.Reason)}
}

func heldBack(v View) told {
	return told{state: v1alpha1.StateWaiting, reason: v.Hold.Reason, after: v.Hold.RecheckAfter,
		message: fmt.Sprintf("%s and is to be taken back; %s", v.judgement(v.Attempt.Reason), v.Hold.Message)}
}

func keptInForce(v View) told {
	return told{state: v1alpha1.StateEscalated, reason: v1alpha1.ReasonNotPermitted, after: lookAtHeld,
		message: fmt.Sprintf("%s and is still in force, since it must not be taken back: %s", v.judgement(v.Attempt.Reason), v.Permission.Denied)}
}

func takenBack(v View) told {
	if !v.Deleted.IsZero() {
		return told{attempt: "it was taken back, as spec.remediation.onDelete says"}
	}
	return told{state: v1alpha1.StateWaiting, reason: v1alpha1.ReasonRolledBack, after: lookAgain,
		message: fmt.Sprintf("%s and was taken back: %s", v.judgement(v.Attempt.Reason), v.Attempt.Message)}
}

func notTakenBack(v View) told {
	return told{attempt: fmt.Sprintf("%s; not taken back: %s", v.Attempt.Message, v.Write.Message),
		state: v1alpha1.StateWaiting, reason: v1alpha1.ReasonRemedyConflict, after: lookAgain,
		message: fmt.Sprintf("%s, and was not taken back: %s", v.judgement(v.Attempt.Reason), v.Write.Message)}
}

// cannotBeUndone says why a deleted diagnosis goes without its attempt being taken back.
func cannotBeUndone(v View) told {
	because := "there is no way back"
	switch {
	case !v.reversible():
	case v.Hold != nil:
		because = v.Hold.Message
	case v.Permission.Denied != "":
		because = v.Permission.Denied
	case v.Write != nil:
		because = v.Write.Message
	}
	return told{attempt: because + "; what was written stays as it is"}
}
