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

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
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

// Template applies an attempt's change to the pod template. It may be called
// again after an answer was lost: a change that is in place is left alone.
//
// still is asked after the workload was read and right before the write: an error
// of it means that the attempt is not the diagnosis' present one any more. A
// leader that was held up could otherwise do again what its successor took back.
func (a *Applier) Template(ctx context.Context, namespace string, w v1alpha1.DiagnosedWorkload, attempt v1alpha1.Attempt, still func(context.Context) error) error {
	return a.patch(ctx, namespace, w, attempt, change{attempt.Patch, false, still})
}

// Rollback takes an attempt's change to the pod template back. Where anyone
// edited the template since, it returns ErrConflict and changes nothing.
func (a *Applier) Rollback(ctx context.Context, namespace string, w v1alpha1.DiagnosedWorkload, attempt v1alpha1.Attempt, still func(context.Context) error) error {
	return a.patch(ctx, namespace, w, attempt, change{attempt.Undo, true, still})
}

// change is what is to be written: there, or back.
type change struct {
	operations string
	back       bool
	still      func(context.Context) error
}

// InPlace tells whether an attempt's change is on the live template: an answer
// may have been lost. An error means that this is not known.
func (a *Applier) InPlace(ctx context.Context, namespace string, w v1alpha1.DiagnosedWorkload, attempt v1alpha1.Attempt) (bool, error) {
	live, err := a.read(ctx, namespace, w)
	if errors.Is(err, ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	template := live.Template()
	return remedy.TemplateHash(template) != attempt.TemplateHash && undone(template, attempt), nil
}

// patch tries again where another write, such as a controller's status, came
// between the read and the patch: each try looks at the live template anew.
func (a *Applier) patch(ctx context.Context, namespace string, w v1alpha1.DiagnosedWorkload, attempt v1alpha1.Attempt, c change) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		return a.patchOnce(ctx, namespace, w, attempt, c)
	})
}

func (a *Applier) patchOnce(ctx context.Context, namespace string, w v1alpha1.DiagnosedWorkload, attempt v1alpha1.Attempt, c change) error {
	live, err := a.read(ctx, namespace, w)
	if err != nil {
		return err
	}
	object, template := live.Object(), live.Template()
	original := remedy.TemplateHash(template) == attempt.TemplateHash
	changed := !original && undone(template, attempt)
	switch {
	case c.back && original, !c.back && changed:
		return nil // in place already
	case !original && !changed:
		return fmt.Errorf("%s/%s: %w", w.Kind, w.Name, ErrConflict)
	}
	if err := owned(live); err != nil {
		return err
	}
	body, err := withPreconditions(c.operations, object)
	if err != nil {
		return err
	}
	if err := c.still(ctx); err != nil {
		return err
	}
	return a.send(ctx, object, append(body, c.holds(object, attempt)...), "patching "+string(w.Kind)+"/"+w.Name)
}

// undone reports whether the template is exactly what the attempt made of the
// one that it was recorded for: taking the change back leads there, and making
// it again leads back here. A person's later edit of the same field does not.
func undone(template *corev1.PodTemplateSpec, attempt v1alpha1.Attempt) bool {
	before, err := patched(template, attempt.Undo)
	if err != nil || remedy.TemplateHash(before) != attempt.TemplateHash {
		return false
	}
	again, err := patched(before, attempt.Patch)
	return err == nil && remedy.TemplateHash(again) == remedy.TemplateHash(template)
}

// patched is a template with a JSON Patch applied to it.
func patched(template *corev1.PodTemplateSpec, operations string) (*corev1.PodTemplateSpec, error) {
	patch, err := jsonpatch.DecodePatch([]byte(operations))
	if err != nil {
		return nil, fmt.Errorf("reading the recorded patch: %w", err)
	}
	encoded, err := json.Marshal(template)
	if err != nil {
		return nil, fmt.Errorf("encoding the pod template: %w", err)
	}
	if encoded, err = patch.Apply(encoded); err != nil {
		return nil, fmt.Errorf("applying the recorded patch: %w", err)
	}
	var out corev1.PodTemplateSpec
	if err := json.Unmarshal(encoded, &out); err != nil {
		return nil, fmt.Errorf("decoding the pod template: %w", err)
	}
	return &out, nil
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
	if owner, is := workload.ForeignOwner(w.Object()); is {
		return fmt.Errorf("%s owns %s, change it there: %w", owner, workload.RefOf(w), ErrRefused)
	}
	if lock := workload.TraitsOf(w.Kind()).TemplateLock; lock != "" {
		return fmt.Errorf("%s: %s: %w", workload.RefOf(w), lock, ErrRefused)
	}
	return nil
}

// Evict asks the eviction API to end pods, so that their controller makes new
// ones; disruption budgets are respected. A pod that is gone, or is another
// one under the same name, counts as done.
func (a *Applier) Evict(ctx context.Context, namespace string, pods []remedy.Pod) error {
	var failed []error
	for _, p := range pods {
		uid := types.UID(p.UID)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: p.Name}}
		err := a.Writer.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
			DeleteOptions: &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}},
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
func (a *Applier) Evicted(ctx context.Context, namespace string, pods []remedy.Pod) (bool, error) {
	for _, p := range pods {
		var live corev1.Pod
		err := a.Live.Get(ctx, client.ObjectKey{Namespace: namespace, Name: p.Name}, &live)
		if err != nil && !apierrors.IsNotFound(err) {
			return false, fmt.Errorf("reading pod %s: %w", p.Name, err)
		}
		if err == nil && string(live.UID) == p.UID && live.DeletionTimestamp.IsZero() {
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
