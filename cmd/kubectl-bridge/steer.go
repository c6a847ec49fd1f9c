package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/plugin/page"
	"github.com/bridgestack/operator/internal/remedy"
)

// fieldManager is the plugin's name in managedFields.
const fieldManager = "kubectl-bridge"

// dryRun is kubectl's flag of the same name.
type dryRun string

func (d *dryRun) add(flags *pflag.FlagSet) {
	flags.StringVar((*string)(d), "dry-run", "none", `none, or server: the API server checks the change and does not keep it`)
}

func (d *dryRun) check() error {
	if *d == "none" || *d == "server" {
		return nil
	}
	return badInput{fmt.Errorf("--dry-run=%s: it is none or server", *d)}
}

func (d *dryRun) options() []client.PatchOption {
	options := []client.PatchOption{client.FieldOwner(fieldManager)}
	if *d == "server" {
		options = append(options, client.DryRunAll)
	}
	return options
}

// suffix of what is reported, as kubectl has it.
func (d *dryRun) suffix() string {
	if *d == "server" {
		return " (server dry run)"
	}
	return ""
}

// change writes fields of an object's JSON, null for those that go, and nothing
// else of it: of the very object that was read, and not of a new one under its name.
func (c connection) change(ctx context.Context, o client.Object, fields map[string]any, d *dryRun) error {
	metadata, _ := fields["metadata"].(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["uid"] = o.GetUID()
	fields["metadata"] = metadata
	patch, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("writing a patch: %w", err)
	}
	kind := kindOf(o)
	err = c.client.Patch(ctx, o, client.RawPatch(types.MergePatchType, patch), d.options()...)
	if apierrors.IsConflict(err) {
		return fmt.Errorf("%s %s/%s is another one, or was changed, since it was read: nothing was written. Look at it and try again", kind, o.GetNamespace(), o.GetName())
	}
	if err != nil {
		return explained(fmt.Errorf("changing %s %s/%s: %w", kind, o.GetNamespace(), o.GetName(), err))
	}
	return nil
}

func kindOf(o client.Object) string {
	gvk, err := apiutil.GVKForObject(o, kinds)
	if err != nil {
		return "object"
	}
	return gvk.Kind
}

// steering is what the verbs share that write what a person wants of a diagnosis.
type steering struct {
	access *access
	dryRun dryRun
}

// onDiagnosis makes a verb of what is to be done with one diagnosis.
func onDiagnosis(command *cobra.Command, do func(context.Context, steered) error) *cobra.Command {
	var s steering
	badArgs(command, cobra.ExactArgs(1))
	s.dryRun.add(command.Flags())
	s.access = newAccess(command.Flags())
	command.ValidArgsFunction = completing(s.access, openDiagnoses)
	command.RunE = func(command *cobra.Command, args []string) error {
		if err := s.dryRun.check(); err != nil {
			return err
		}
		cluster, err := s.access.connect()
		if err != nil {
			return err
		}
		d, err := cluster.diagnosis(command.Context(), args[0])
		if err != nil {
			return err
		}
		return do(command.Context(), steered{connection: cluster, d: d, dryRun: &s.dryRun, out: command.OutOrStdout()})
	}
	return command
}

// steered is a diagnosis and whom it is told.
type steered struct {
	connection
	d      *v1alpha1.BridgeDiagnosis
	dryRun *dryRun
	out    io.Writer
}

func (s steered) name() string { return s.d.Namespace + "/" + s.d.Name }

// sets fields of the diagnosis' spec.
func (s steered) sets(ctx context.Context, spec map[string]any, done string) error {
	if err := s.change(ctx, s.d, map[string]any{"spec": spec}, s.dryRun); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s%s\n", done, s.dryRun.suffix())
	return nil
}

// me is the caller's user name as the API server knows it: who decides says who he is,
// and a policy refuses every other name.
func (s steered) me(ctx context.Context) (string, error) {
	var review authenticationv1.SelfSubjectReview
	if err := s.client.Create(ctx, &review); err != nil {
		return "", explained(fmt.Errorf("asking the API server who you are: %w", err))
	}
	return review.Status.UserInfo.Username, nil
}

// stands says in which state the diagnosis is, for an error.
func (s steered) stands() string {
	text := fmt.Sprintf("diagnosis %s is %s", s.name(), s.d.Status.State)
	if s.d.Status.State == "" {
		text = fmt.Sprintf("diagnosis %s is not made yet", s.name())
	}
	return text
}

func approveCommand() *cobra.Command {
	return onDiagnosis(&cobra.Command{
		Use:   "approve DIAGNOSIS",
		Short: "Approve the proposed remedy: exactly the change that is shown is made",
		Long: `Shows the change that the operator proposes, and approves exactly it, by its id: another change needs another approval.
The operator applies it within the policy's budget, sees whether it helps, and takes it back where it does not.`,
		Example: `  kubectl bridge approve hook-receiver-bfccfd
  kubectl bridge approve hook-receiver-bfccfd --dry-run=server`,
	}, approve)
}

func approve(ctx context.Context, s steered) error {
	p := s.d.Status.Proposal
	explain := page.Command("explain", *s.d)
	switch {
	case s.d.Status.State.Final(), p == nil:
		return fmt.Errorf("%s: there is nothing to approve; `%s` tells more", s.stands(), explain)
	case s.d.Spec.Approved == plan.ApprovalOf(*s.d, *p) && s.d.Spec.Rejected != p.ID:
		fmt.Fprintf(s.out, "%s of %s is approved already; %s\n", p.Remedy, s.name(), s.stands())
		return nil
	case !remedy.Approvable(p.Remedy):
		return fmt.Errorf("%s: %s changes nothing that could be approved; `%s` says what a person can do", s.stands(), p.Remedy, explain)
	case s.d.Status.State != v1alpha1.StateAwaitingApproval && s.d.Spec.Rejected != p.ID && s.d.Spec.TakeBack == "":
		return fmt.Errorf("%s: no approval is awaited. %s", s.stands(), s.whyNot(ctx))
	}
	fmt.Fprintf(s.out, "%s proposes:\n%s", s.name(), page.Proposed(*p, styleOf(s.out, false)))
	me, err := s.me(ctx)
	if err != nil {
		return err
	}
	approval := plan.ApprovalOf(*s.d, *p)
	return s.sets(ctx, map[string]any{"approved": approval, "approvedBy": me, "rejected": nil, "rejectedBy": nil}, fmt.Sprintf("approved: spec.approved is %s", approval))
}

// whyNot says why no approval is awaited.
func (s steered) whyNot(ctx context.Context) string {
	owner, err := s.stack(ctx, s.d.Namespace, s.d.Spec.Stack)
	if err == nil && owner.Spec.Remediation.Mode != v1alpha1.ModeApprove {
		return fmt.Sprintf("The mode of stack %s is %s; with spec.remediation.mode: Approve, what you approve is applied", owner.Name, owner.Spec.Remediation.Mode)
	}
	return fmt.Sprintf("`%s` says what is waited for", page.Command("explain", *s.d))
}

func rejectCommand() *cobra.Command {
	return onDiagnosis(&cobra.Command{
		Use:   "reject DIAGNOSIS",
		Short: "Reject the proposed remedy: exactly that change is not made",
		Long: `Shows the change that the operator proposes, and rejects exactly it, by its id, in whatever mode: it is only suggested then.
Another change may still be proposed, and is made where the mode is Auto: kubectl bridge pause keeps everything as it is.`,
		Example: `  kubectl bridge reject hook-receiver-bfccfd`,
	}, reject)
}

func reject(ctx context.Context, s steered) error {
	p := s.d.Status.Proposal
	if s.d.Status.State.Final() || p == nil {
		return fmt.Errorf("%s: there is nothing to reject", s.stands())
	}
	if a := inForce(s.d); a != nil && a.Proposal.ID == p.ID && a.Outcome != v1alpha1.AttemptRecorded {
		return fmt.Errorf("%s is in force already; `%s` has it taken back", p.Remedy, page.Command("rollback", *s.d))
	}
	fmt.Fprintf(s.out, "%s proposes:\n%s", s.name(), page.Proposed(*p, styleOf(s.out, false)))
	me, err := s.me(ctx)
	if err != nil {
		return err
	}
	return s.sets(ctx, map[string]any{"rejected": p.ID, "rejectedBy": me, "approved": nil, "approvedBy": nil}, fmt.Sprintf("rejected: spec.rejected is %s", p.ID))
}

func diffCommand() *cobra.Command {
	return onDiagnosis(&cobra.Command{
		Use:   "diff DIAGNOSIS",
		Short: "Show what the proposed remedy would change, and what one in force has changed",
		Example: `  kubectl bridge diff hook-receiver-bfccfd
  kubectl bridge diff hook-receiver-bfccfd -n shop`,
	}, diff)
}

func diff(_ context.Context, s steered) error {
	style := styleOf(s.out, false)
	a, p := inForce(s.d), s.d.Status.Proposal
	if a != nil {
		fmt.Fprintf(s.out, "in force since %s, %s:\n%s", a.RecordedAt.UTC().Format(time.RFC3339), a.Outcome, page.Proposed(a.Proposal, style))
	}
	if p != nil && (a == nil || a.Proposal.ID != p.ID) {
		fmt.Fprintf(s.out, "proposed:\n%s", page.Proposed(*p, style))
	}
	if a == nil && p == nil {
		fmt.Fprintf(s.out, "%s: nothing is proposed and nothing is in force\n", s.stands())
	}
	return nil
}

// inForce is the attempt whose change is, or may be, on the object.
func inForce(d *v1alpha1.BridgeDiagnosis) *v1alpha1.Attempt {
	if n := len(d.Status.Attempts); n > 0 && d.Status.Attempts[n-1].Outcome.InForce() && !d.Status.State.Final() {
		return &d.Status.Attempts[n-1]
	}
	return nil
}
