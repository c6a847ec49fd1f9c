package bridgediagnosis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/apply"
	"github.com/bridgestack/operator/internal/incident"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/text"
	"github.com/bridgestack/operator/internal/verify"
)

// record persists an attempt before anything of it is written. The GitOps
// controller is kept from what it changes for the time of holdFor, 0 for not.
func (r *Reconciler) record(ctx context.Context, in *round, action remedy.Action, proposal v1alpha1.Proposal, holdFor time.Duration) error {
	now := r.Clock.Now()
	if err := r.keep(ctx, in.after, in.takesBackOnDelete(action)); err != nil {
		return err
	}
	attempt := v1alpha1.Attempt{
		ID:          fmt.Sprintf("%s-%d", proposal.ID, len(in.after.Status.Attempts)+1),
		Proposal:    proposal,
		Outcome:     v1alpha1.AttemptRecorded,
		Fingerprint: in.finding.Fingerprint(),
		Finding:     in.finding.Identity(),
		Replicas:    in.wanted(),
		Generation:  in.workload.Object().GetGeneration(),
		SoakSeconds: int32(in.soak().Seconds()),
		Restarts:    in.mostRestarts(),
		RecordedAt:  metav1.NewTime(now),
		Deadline:    metav1.NewTime(now.Add(in.policy().Timeout)),

		ServiceAccountName: r.Permissions.Accounts.Of(in.owner),
	}
	if holdFor > 0 {
		until := metav1.NewTime(now.Add(holdFor))
		attempt.HeldUntil = &until
	}
	if in.policy().Mode == v1alpha1.ModeApprove {
		attempt.ApprovedBy, attempt.ApprovedAt = approval(in.after)
	}
	if loop := in.after.Status.Loop; loop != nil {
		attempt.LongestRunSeconds = loop.LongestRunSeconds
	}
	if action.Template != nil {
		before := in.template()
		if action.On != nil {
			before, attempt.Workload = action.On.Template, &action.On.DiagnosedWorkload
		}
		var err error
		attempt.TemplateHash = remedy.TemplateHash(before)
		if attempt.Patch, attempt.Undo, err = remedy.Patches(before, action.Template); err != nil {
			return err
		}
	}
	in.after.Status.Attempts = append(in.after.Status.Attempts, attempt)
	in.become(v1alpha1.StateApplying, v1alpha1.ReasonRemedyRecorded, fmt.Sprintf("%s. %s: %s", text.AsClause(in.finding.Message), proposal.Remedy, proposal.Because))
	return r.persist(ctx, in)
}

// mostRestarts is the highest restart count of the pods: what is above it after
// the change, on a pod that was there before, happened since.
func (in *round) mostRestarts() int32 {
	var most int32
	for _, p := range in.podsNow() {
		most = max(most, p.Restarts)
	}
	return most
}

// approval is the manager that last wrote spec.approved, and when it did.
func approval(d *v1alpha1.BridgeDiagnosis) (by string, at *metav1.Time) {
	for _, m := range d.ManagedFields {
		if m.FieldsV1 != nil && strings.Contains(m.FieldsV1.GetRawString(), `"f:approved"`) {
			return m.Manager, m.Time
		}
	}
	return "", nil
}

// persist writes the status in the middle of a round.
func (r *Reconciler) persist(ctx context.Context, in *round) error {
	if err := r.Reporter.Diagnosis(ctx, in.before, in.after, in.reason); err != nil {
		return err
	}
	in.before = in.after.DeepCopy()
	return nil
}

// continueAttempt takes the attempt that is in force one step further. It lets
// the round go on where the attempt ended and the loop did not.
func (r *Reconciler) continueAttempt(ctx context.Context, in *round) (bool, error) {
	attempt := in.attempt()
	if attempt == nil || !attempt.Outcome.InForce() {
		r.unblock(ctx, in)
		return false, r.keep(ctx, in.after, false)
	}
	if attempt.Outcome == v1alpha1.AttemptRollingBack && in.paused() {
		in.holdBack()
		return true, nil
	}
	switch attempt.Outcome {
	case v1alpha1.AttemptRecorded:
		return true, r.resume(ctx, in)
	case v1alpha1.AttemptRollingBack:
		return true, r.rollBack(ctx, in)
	default:
		if done, err := r.takenBack(ctx, in); done || err != nil {
			return true, err
		}
		if in.takeBackWanted() {
			return true, r.failed(ctx, in, "a person wants it taken back (spec.takeBack)")
		}
		return r.verify(ctx, in)
	}
}

// applyRecorded writes what the persisted attempt says, and nothing else.
func (r *Reconciler) applyRecorded(ctx context.Context, in *round, action remedy.Action) error {
	if err := r.fresh(ctx, in); err != nil {
		return err
	}
	denied, err := r.Permissions.Denied(ctx, in.owner, in.recordedRights())
	if err != nil {
		return err
	}
	if denied != "" {
		return r.withdraw(ctx, in, denied)
	}
	attempt := in.attempt()
	switch {
	case attempt.Patch != "":
		err = r.Applier.Template(ctx, in.after.Namespace, in.patched(), *attempt, r.still(in))
	case action.Topic != nil:
		err = r.Prober.CreateTopic(ctx, in.scope, action.Topic.Connection, action.Topic.Topic)
	case action.Group != nil:
		err = r.Prober.DeleteGroup(ctx, in.scope, action.Group.Connection, action.Group.Group)
	case action.Job != "":
		err = r.Applier.RunJob(ctx, in.after, action.Job, jobName(attempt))
	default:
		err = r.Applier.Evict(ctx, in.after.Namespace, action.Pods)
	}
	if err == nil {
		in.applied(r.Clock.Now())
		return nil
	}
	return r.notApplied(ctx, in, action, err)
}

// patched is the workload whose template the attempt changes.
func (in *round) patched() v1alpha1.DiagnosedWorkload {
	if other := in.attempt().Workload; other != nil {
		return *other
	}
	return in.after.Spec.Workload
}

// fresh makes sure, right before a write, that this round's view is what the
// API server has: a stale one could repeat what was done or taken back.
func (r *Reconciler) fresh(ctx context.Context, in *round) error {
	var live v1alpha1.BridgeDiagnosis
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(in.after), &live); err != nil {
		return fmt.Errorf("reading the diagnosis before a write: %w", err)
	}
	if live.ResourceVersion != in.after.ResourceVersion {
		return incident.ErrStaleView
	}
	return nil
}

// still is fresh, for the moment of a write.
func (r *Reconciler) still(in *round) func(context.Context) error {
	return func(ctx context.Context) error { return r.fresh(ctx, in) }
}

func (in *round) applied(now time.Time) {
	attempt := in.attempt()
	at := metav1.NewTime(now)
	attempt.Outcome, attempt.AppliedAt = v1alpha1.AttemptApplied, &at
	// An attempt that could be applied only now has its whole time from now on.
	attempt.Deadline = metav1.NewTime(now.Add(in.policy().Timeout))
	if in.after.Status.Times.Patched == nil {
		exact := metav1.NewMicroTime(now)
		in.after.Status.Times.Patched = &exact
	}
	in.become(v1alpha1.StateVerifying, v1alpha1.ReasonRemedyApplied,
		fmt.Sprintf("%s was applied: %s. It counts once the container has stayed up for %ds", attempt.Proposal.Remedy, attempt.Proposal.Because, attempt.SoakSeconds))
	in.recheck = time.Second
}

// maxAttemptMessage is the API's limit: an admission webhook may say more.
const maxAttemptMessage = 1024

// end makes an attempt's outcome final.
func (in *round) end(outcome v1alpha1.AttemptOutcome, message string, now time.Time) {
	attempt, at := in.attempt(), metav1.NewTime(now)
	attempt.Outcome, attempt.Message, attempt.EndedAt = outcome, text.Clip(message, maxAttemptMessage), &at
}

// verify tells whether the applied attempt helped.
func (r *Reconciler) verify(ctx context.Context, in *round) (bool, error) {
	if done, err := r.wakePods(ctx, in); done || err != nil {
		return done, err
	}
	r.unblock(ctx, in)
	attempt := in.attempt()
	verdict, err := r.verdict(ctx, in)
	if err != nil {
		return true, err
	}
	if attempt.CameUpAt == nil && !verdict.CameUp.IsZero() {
		at := metav1.NewTime(verdict.CameUp)
		attempt.CameUpAt = &at
	}
	switch verdict.Outcome {
	case verify.Helped:
		in.end(v1alpha1.AttemptHelped, verdict.Reason, r.Clock.Now())
		in.recovered(r.Clock.Now(), verdict.UpSince, v1alpha1.ReasonRecovered, fmt.Sprintf("%s helped: %s", attempt.Proposal.Remedy, verdict.Reason))
		return true, nil
	case verify.CauseGone:
		in.end(v1alpha1.AttemptHelped, verdict.Reason, r.Clock.Now())
		return false, nil
	case verify.Failed:
		return true, r.failed(ctx, in, verdict.Reason)
	case verify.Waiting:
	}
	in.become(v1alpha1.StateVerifying, v1alpha1.ReasonVerifying, fmt.Sprintf("%s is in force: %s", attempt.Proposal.Remedy, verdict.Reason))
	in.recheck = verdict.RecheckAfter
	return true, nil
}

// verdict on the applied attempt. Where it loops on, it is diagnosed anew: for
// the same cause, or for the next one?
func (r *Reconciler) verdict(ctx context.Context, in *round) (verify.Verdict, error) {
	attempt := in.attempt()
	input := verify.Input{Now: r.Clock.Now(), Attempt: *attempt, Pods: in.podsNow(), Desired: in.wanted()}
	verdict := r.withHealth(in, verify.Check(input))
	if verdict.Outcome != verify.Failed {
		return verdict, nil
	}
	done, err := r.diagnose(ctx, in)
	if done || err != nil { // there is nothing to look at, and it failed all the same
		return verdict, err
	}
	input.Finding, input.Confidence = in.finding.Identity(), in.finding.Confidence
	if ended := in.observed.Container.Ended(); ended != nil {
		input.Ran = ended.Ran()
	}
	return r.withHealth(in, verify.Check(input)), nil
}

// takeBackWanted is true where a person wants the attempt in force taken back,
// and there is a way back.
func (in *round) takeBackWanted() bool {
	attempt := in.attempt()
	return attempt.ID == in.after.Spec.TakeBack && attempt.Undo != "" && !remedy.Final(attempt.Proposal.Remedy)
}

// judgement on an attempt that is taken back.
func (in *round) judgement() string {
	if in.takeBackWanted() {
		return fmt.Sprintf("%s is not wanted", in.attempt().Proposal.Remedy)
	}
	return fmt.Sprintf("%s did not help", in.attempt().Proposal.Remedy)
}

// failed takes back an attempt that did not help, where there is a way back.
func (r *Reconciler) failed(ctx context.Context, in *round, because string) error {
	attempt := in.attempt()
	if attempt.Undo == "" || remedy.Final(attempt.Proposal.Remedy) {
		in.end(v1alpha1.AttemptFailed, because, r.Clock.Now())
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRemedyFailed, fmt.Sprintf("%s did not help: %s", attempt.Proposal.Remedy, because))
		in.recheck = time.Second
		return nil
	}
	attempt.Outcome, attempt.Message = v1alpha1.AttemptRollingBack, because
	in.become(v1alpha1.StateRollingBack, v1alpha1.ReasonRemedyFailed, fmt.Sprintf("%s and is being taken back: %s", in.judgement(), because))
	if err := r.persist(ctx, in); err != nil || in.paused() {
		return err
	}
	return r.rollBack(ctx, in)
}

// rollBack restores the pod template exactly, unless someone edited it since.
func (r *Reconciler) rollBack(ctx context.Context, in *round) error {
	if err := r.fresh(ctx, in); err != nil {
		return err
	}
	if kept, err := r.keepsInForce(ctx, in); kept {
		return err
	}
	attempt := in.attempt()
	because := attempt.Message
	err := r.Applier.Rollback(ctx, in.after.Namespace, in.patched(), *attempt, r.still(in))
	switch {
	case err == nil:
		in.end(v1alpha1.AttemptRolledBack, because, r.Clock.Now())
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRolledBack, fmt.Sprintf("%s and was taken back: %s", in.judgement(), because))
	case errors.Is(err, apply.ErrConflict), errors.Is(err, apply.ErrGone), errors.Is(err, apply.ErrRefused):
		in.end(v1alpha1.AttemptConflict, fmt.Sprintf("%s; not taken back: %v", because, err), r.Clock.Now())
		in.become(v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict, fmt.Sprintf("%s, and was not taken back: %v", in.judgement(), err))
	default:
		return err
	}
	in.recheck = time.Second
	return nil
}
