// Package apply is the only writer to anyone else's objects. It reads the live
// object, makes sure that it is still what the attempt was recorded for, and
// writes with a precondition, so that a stale view ends in a conflict and
// never in a wrong patch. It decides nothing.
package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/workload"
	"github.com/bridgestack/operator/internal/workload/lookup"
)

// Outcomes of a write that are no failures of the operator. Any other error is
// to be tried again.
var (
	// ErrConflict: the object is not what the attempt was recorded for: someone
	// else changed it, and their change stands.
	ErrConflict = errors.New("changed by someone else in between")
	// ErrGone: the object was deleted, or is another one under the same name.
	ErrGone = errors.New("no longer there")
	// ErrRefused: the API server or the broker refuses the change for good.
	ErrRefused = errors.New("refused")
)

// Applier writes remedies.
type Applier struct {
	// Live reads from the API server, never from a cache.
	Live client.Reader
	// Writer writes to the API server.
	Writer client.Client
}

// Order is an attempt that is to be written, there or back. It was read back from a
// status, and whoever can write that must gain nothing: it is checked against what
// its remedy may do.
type Order struct {
	// Diagnosis that the attempt is of.
	Diagnosis *v1alpha1.BridgeDiagnosis
	Attempt   v1alpha1.Attempt
	// Scope is what the stack allows now, nil where it is gone: then there is only a
	// way back.
	Scope *remedy.Scope
	// Still is asked after the object was read and right before the write: an error
	// of it means that the attempt is not the diagnosis' present one any more. A
	// leader that was held up could otherwise do again what its successor took back.
	Still func(context.Context) error
}

// Check returns ErrRefused where the attempt is none that its remedy makes.
func (o Order) Check() error {
	err := remedy.CheckAction(o.Attempt.Proposal.Remedy, o.Attempt.Action, o.Diagnosis.Spec.Workload)
	if err == nil {
		err = o.checkJob()
	}
	if err == nil {
		err = o.checkRestart()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// checkRestart allows the workloads of dependencies that the policy lets be restarted.
func (o Order) checkRestart() error {
	patch := o.Attempt.Action.PatchTemplate
	switch {
	case patch == nil, patch.Workload == o.Diagnosis.Spec.Workload:
		return nil
	case o.Scope == nil || !slices.Contains(o.Scope.Restartable, patch.Workload):
		return fmt.Errorf("%w: %s/%s is no dependency that the policy lets be restarted", remedy.ErrNotPermitted, patch.Workload.Kind, patch.Workload.Name)
	}
	return nil
}

// checkJob allows the Jobs that the policy names, under the attempt's own name.
func (o Order) checkJob() error {
	run := o.Attempt.Action.RunJob
	if run == nil {
		return nil
	}
	number := 1 + slices.IndexFunc(o.Diagnosis.Status.Attempts, func(a v1alpha1.Attempt) bool { return a.ID == o.Attempt.ID })
	named := func(j v1alpha1.JobHook) bool { return j.CronJob == run.CronJob }
	switch {
	case o.Scope == nil || !slices.ContainsFunc(o.Scope.Policy.Jobs, named):
		return fmt.Errorf("%w: the policy names no CronJob %s", remedy.ErrNotPermitted, run.CronJob)
	case run.JobName != attempt.JobName(run.CronJob, o.Diagnosis.UID, number):
		return fmt.Errorf("%w: Job %s is not of this attempt", remedy.ErrNotPermitted, run.JobName)
	}
	return nil
}

// Template applies an attempt's change to the pod template. It may be called
// again after an answer was lost: a change that is in place is left alone.
func (a *Applier) Template(ctx context.Context, o Order) error {
	return a.patch(ctx, change{o, o.Attempt.Action.PatchTemplate, false})
}

// Rollback takes an attempt's change to the pod template back. Where anyone
// edited the template since, it returns ErrConflict and changes nothing.
func (a *Applier) Rollback(ctx context.Context, o Order) error {
	return a.patch(ctx, change{o, o.Attempt.Action.PatchTemplate, true})
}

// change is what is to be written: there, or back.
type change struct {
	Order
	action *v1alpha1.PatchTemplateAction
	back   bool
}

func (c change) operations() string {
	if c.back {
		return c.action.Undo
	}
	return c.action.Patch
}

// Standing is how the live pod template stands to an action, with the workload
// that has it. It returns ErrGone where there is none.
func (a *Applier) Standing(ctx context.Context, namespace string, action v1alpha1.PatchTemplateAction) (attempt.Standing, workload.Workload, error) {
	live, err := a.read(ctx, namespace, action.Workload)
	if err != nil {
		return "", nil, err
	}
	return attempt.StandingOf(live.Template(), action), live, nil
}

// patch tries again where another write, such as a controller's status, came
// between the read and the patch: each try looks at the live template anew.
func (a *Applier) patch(ctx context.Context, c change) error {
	if err := c.Check(); err != nil {
		return err
	}
	if c.action == nil {
		return fmt.Errorf("an attempt of the type %s changes no pod template: %w", c.Attempt.Action.Type, ErrRefused)
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error { return a.patchOnce(ctx, c) })
}

func (a *Applier) patchOnce(ctx context.Context, c change) error {
	w := c.action.Workload
	live, err := a.read(ctx, c.Diagnosis.Namespace, w)
	if err != nil {
		return err
	}
	from, to := attempt.Original, attempt.InPlace
	if c.back {
		from, to = to, from
	}
	switch attempt.StandingOf(live.Template(), *c.action) {
	case to:
		return nil // in place already
	case from:
	default:
		return fmt.Errorf("%s/%s: %w", w.Kind, w.Name, ErrConflict)
	}
	if err := a.permitted(ctx, c, live); err != nil {
		return err
	}
	object := live.Object()
	body, err := withPreconditions(c.operations(), object)
	if err != nil {
		return err
	}
	if err := c.Still(ctx); err != nil {
		return err
	}
	return a.send(ctx, object, append(body, c.holds(object, c.Attempt)...), "patching "+string(w.Kind)+"/"+w.Name)
}

// permitted asks the remedy whether it may make exactly this change, there or back.
func (a *Applier) permitted(ctx context.Context, c change, live workload.Workload) error {
	if err := owned(live); err != nil {
		return err
	}
	other, err := attempt.Patched(live.Template(), c.operations())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	write := remedy.TemplateWrite{Remedy: c.Attempt.Proposal.Remedy, Back: c.back, Original: live.Template(), Changed: other, Scope: c.Scope}
	if c.back {
		write.Original, write.Changed = other, live.Template()
	}
	if write.Recorded, err = a.recorded(ctx, live); err != nil {
		return err
	}
	if err := write.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// recorded are the pod templates of a workload's revisions. Where no more than the
// present one is kept (spec.revisionHistoryLimit), that tells nothing of the one before.
func (a *Applier) recorded(ctx context.Context, w workload.Workload) ([]*corev1.PodTemplateSpec, error) {
	history, err := lookup.History(ctx, a.Live, a.Live, w)
	if err != nil || len(history) < 2 {
		return nil, err
	}
	var out []*corev1.PodTemplateSpec
	for _, revision := range history {
		template, err := lookup.RecordedTemplate(ctx, a.Live, w, revision)
		if client.IgnoreNotFound(err) != nil {
			return nil, err
		}
		out = append(out, template)
	}
	return out, nil
}

// withPreconditions places the operations below the pod template and ties them
// to the object that was read: its UID and its resourceVersion.
func withPreconditions(operations string, read client.Object) ([]operation, error) {
	var body []operation
	if err := json.Unmarshal([]byte(operations), &body); err != nil {
		return nil, fmt.Errorf("reading the recorded patch: %w", err)
	}
	for _, o := range body {
		o["path"] = fmt.Sprint("/spec/template", o["path"])
	}
	return append(preconditions(read), body...), nil
}

// operation of a JSON Patch.
type operation map[string]any

func preconditions(read client.Object) []operation {
	return []operation{
		{"op": "test", "path": "/metadata/uid", "value": read.GetUID()},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": read.GetResourceVersion()},
	}
}

func (a *Applier) send(ctx context.Context, object client.Object, operations []operation, what string) error {
	body, err := json.Marshal(operations)
	if err != nil {
		return fmt.Errorf("encoding a patch: %w", err)
	}
	err = a.Writer.Patch(ctx, object, client.RawPatch(types.JSONPatchType, body), client.FieldOwner(v1alpha1.FieldManager))
	return classify(err, what)
}

// read is the live workload.
func (a *Applier) read(ctx context.Context, namespace string, ref v1alpha1.DiagnosedWorkload) (workload.Workload, error) {
	w, err := lookup.Get(ctx, a.Live, workload.RefOfDiagnosed(namespace, ref))
	switch {
	case apierrors.IsNotFound(err), errors.Is(err, lookup.ErrReplaced):
		return nil, fmt.Errorf("%s/%s: %w", ref.Kind, ref.Name, ErrGone)
	case err != nil:
		return nil, fmt.Errorf("reading %s/%s before a write: %w", ref.Kind, ref.Name, err)
	}
	return w, nil
}

// owned refuses a workload that another program makes of an object of its own: it
// would put the template back, or has a reason to roll its pods out in an order of
// its own.
func owned(w workload.Workload) error {
	if owner, is := workload.OwnedBy(w); is {
		return fmt.Errorf("%s owns %s, change it there: %w", owner, workload.RefOf(w), ErrRefused)
	}
	if lock := workload.TraitsOf(w.Kind()).Lock; lock != "" {
		return fmt.Errorf("%s: %s: %w", workload.RefOf(w), lock, ErrRefused)
	}
	return nil
}

// Evict asks the eviction API to end pods, so that their controller makes new
// ones; disruption budgets are respected. A pod that is gone, or is another
// one under the same name, counts as done.
func (a *Applier) Evict(ctx context.Context, namespace string, pods []v1alpha1.PodIdentity) error {
	var failed []error
	for _, p := range pods {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: p.Name}}
		err := a.Writer.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
			DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &p.UID}},
		})
		if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			continue
		}
		failed = append(failed, classify(err, "evicting pod "+p.Name))
	}
	return errors.Join(failed...)
}

// Evicted tells whether all the pods are gone or ending. An error means that
// this is not known.
func (a *Applier) Evicted(ctx context.Context, namespace string, pods []v1alpha1.PodIdentity) (bool, error) {
	for _, p := range pods {
		var live corev1.Pod
		err := a.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: p.Name}, &live)
		if err != nil && !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("reading pod %s: %w", p.Name, err)
		}
		if err == nil && live.UID == p.UID && live.DeletionTimestamp.IsZero() {
			return false, nil
		}
	}
	return true, nil
}

func classify(err error, tried string) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err):
		return fmt.Errorf("%s: %w: %w", tried, ErrGone, err)
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return fmt.Errorf("%s: %w: %w", tried, ErrRefused, err)
	}
	return fmt.Errorf("%s: %w", tried, err)
}
