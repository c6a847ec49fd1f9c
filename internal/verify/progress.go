package verify

import (
	"fmt"
	"time"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/remedy"
)

// afterCrashes judges by what the container ends for now.
func afterCrashes(in Input, v Verdict, crashes int32) Verdict {
	was, is := in.Attempt.Finding, in.Finding
	times := fmt.Sprintf("the container ended %d times after the change", crashes)
	switch {
	case is.Cause == "", is.Cause == v1alpha1.CauseUnknown, !in.Confidence.AtLeast(v1alpha1.ConfidenceMedium):
		v.Outcome, v.Reason = Failed, times
	case remedy.SameTrouble(in.Attempt.Proposal.Remedy, was, is):
		v.Outcome, v.Reason = Failed, fmt.Sprintf("%s, for the same trouble (%s)", times, is.Cause)
	case remedy.MayCause(in.Attempt.Proposal.Remedy, was, is):
		v.Outcome, v.Reason = Failed, fmt.Sprintf("%s, for %s, which the change itself may have caused", times, is.Cause)
	case furtherAlong(in):
		v.Outcome, v.Reason = CauseGone, fmt.Sprintf("the cause it was for is gone; the container now ends for another one (%s)", is.Cause)
	case in.Now.After(in.Attempt.Deadline.Time):
		v.Outcome, v.Reason = Failed, fmt.Sprintf("%s, for %s, and was not shown to help before the deadline", times, is.Cause)
	default:
		v.Reason = fmt.Sprintf("it ends for %s now, before it gets to where it ended for %s: that shows nothing of the remedy yet", is.Cause, was.Cause)
	}
	return v
}

// furtherAlong says that the container gets further now than it did. What shows
// itself while it runs, such as its memory, has no place among the steps of a
// start: there the length of the run tells.
func furtherAlong(in Input) bool {
	was, is := diagnosis.StageOf(in.Attempt.Finding.Cause), diagnosis.StageOf(in.Finding.Cause)
	if was == diagnosis.StageRun && is < diagnosis.StageRun {
		return in.Ran > 0 && in.Ran >= time.Duration(in.Attempt.LongestRunSeconds)*time.Second
	}
	return is >= was
}
