package remedy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/stack"
)

// ErrNotPermitted says that a write is none that its remedy may make. It is a
// defect of the remedy, or an attempt that somebody else wrote into a status:
// nothing is written.
var ErrNotPermitted = errors.New("the remedy may not change this")

// TemplateWrite is one write to a pod template that is about to be made.
type TemplateWrite struct {
	Remedy v1alpha1.RemedyName
	// Back says that a change is taken back: Original is what it leads to.
	Back bool
	// Original is the template without the remedy's change, Changed the one with it.
	Original, Changed *corev1.PodTemplateSpec
	// Recorded are the templates of the workload's revisions that Kubernetes has on
	// record, as far as they were read. A rollback leads from one of them to
	// another; what is taken back leads to one of them where there are any.
	Recorded []*corev1.PodTemplateSpec
	// Scope is what the stack says now, nil where the stack is gone: then nothing
	// but a way back is permitted.
	Scope *Scope
}

// Scope bounds what may be written for a service.
type Scope struct {
	Policy  stack.Policy
	Service stack.Service
	// Declared are the stack's endpoints, as it declares them.
	Declared []evidence.Connection
	// Image of the operator, for init containers.
	Image string
	// Restartable are the workloads of the service's dependencies that the policy
	// lets be restarted.
	Restartable []v1alpha1.DiagnosedWorkload
}

// Check returns ErrNotPermitted unless the write is within what its remedy may
// change. It looks at the templates only, so that it holds for any attempt,
// whoever recorded it.
func (w TemplateWrite) Check() error {
	r := lookup(w.Remedy)
	if r.writes != v1alpha1.ActionPatchTemplate || w.Original == nil || w.Changed == nil {
		return fmt.Errorf("%w: %s changes no pod template", ErrNotPermitted, w.Remedy)
	}
	different, err := differences(w.Original, w.Changed)
	if err != nil {
		return err
	}
	switch {
	case len(different) == 0:
		return fmt.Errorf("%w: %s changes nothing", ErrNotPermitted, w.Remedy)
	case w.Scope == nil && !w.Back:
		return fmt.Errorf("%w: no stack covers the workload any more", ErrNotPermitted)
	}
	if err := w.permits(r, different); err != nil {
		return err
	}
	return w.leadsToRecord(r)
}

// leadsToRecord checks that a rollback, and what is taken back, ends at a template
// that Kubernetes has on record.
func (w TemplateWrite) leadsToRecord(r remedy) error {
	target, which, known := w.Changed, "the template that it leads to", w.Recorded
	if w.Back {
		target, which = w.Original, "the template that it is taken back to"
		if w.Original.Annotations[restartedAt] == w.Changed.Annotations[restartedAt] { // a restart since stays
			target, known = WithoutRestart(target), withoutRestarts(known)
		}
	}
	if (r.recordedOnly || w.Back && len(w.Recorded) > 0) && !recorded(target, known) {
		return fmt.Errorf("%w: %s: %s is that of no revision on record", ErrNotPermitted, w.Remedy, which)
	}
	return nil
}

// permits checks each difference by itself, and that they are of one container.
func (w TemplateWrite) permits(r remedy, different []difference) error {
	of := ""
	for _, d := range different {
		if r.mayChange == nil || !r.mayChange(w, d) {
			return fmt.Errorf("%w: %s of %s", ErrNotPermitted, r.name, d.path)
		}
		container, _, ok := d.path.inContainer()
		if !ok || r.recordedOnly {
			continue
		}
		if of != "" && container != of {
			return fmt.Errorf("%w: %s of two containers, %s and %s", ErrNotPermitted, r.name, of, container)
		}
		of = container
	}
	return nil
}

// recorded reports whether a template is that of a revision on record.
func recorded(template *corev1.PodTemplateSpec, revisions []*corev1.PodTemplateSpec) bool {
	return slices.ContainsFunc(revisions, func(r *corev1.PodTemplateSpec) bool {
		return r != nil && equality.Semantic.DeepEqual(r, template)
	})
}

func withoutRestarts(templates []*corev1.PodTemplateSpec) []*corev1.PodTemplateSpec {
	out := slices.Clone(templates)
	for i, t := range out {
		if t != nil {
			out[i] = WithoutRestart(t)
		}
	}
	return out
}

// CheckAction returns ErrNotPermitted unless an action is of the kind that its
// remedy makes, on the diagnosed workload or, for a remedy that acts on a
// dependency, on another one. What it makes of a template is for Check to see.
func CheckAction(name v1alpha1.RemedyName, action v1alpha1.AttemptAction, own v1alpha1.DiagnosedWorkload) error {
	r := lookup(name)
	switch {
	case r.writes == "" || action.Type != r.writes:
		return fmt.Errorf("%w: %s makes no write of the type %q", ErrNotPermitted, name, action.Type)
	case !holdsItsType(action):
		return fmt.Errorf("%w: an action of the type %s says something else", ErrNotPermitted, action.Type)
	}
	if patch := action.PatchTemplate; patch != nil && (patch.Workload == own) == (r.settles == SettlesWhenAnswering) {
		return fmt.Errorf("%w: %s of %s/%s", ErrNotPermitted, name, patch.Workload.Kind, patch.Workload.Name)
	}
	return nil
}

// holdsItsType says that exactly the member that the type names is set.
func holdsItsType(a v1alpha1.AttemptAction) bool {
	members := map[v1alpha1.ActionType]bool{
		v1alpha1.ActionPatchTemplate: a.PatchTemplate != nil, v1alpha1.ActionEvictPods: a.EvictPods != nil,
		v1alpha1.ActionCreateTopic: a.CreateTopic != nil, v1alpha1.ActionDeleteConsumerGroup: a.DeleteConsumerGroup != nil,
		v1alpha1.ActionRunJob: a.RunJob != nil,
	}
	for kind, set := range members {
		if set != (kind == a.Type) {
			return false
		}
	}
	return true
}

// raises reports whether a difference is a resource's amount that is raised, at
// most to the ceiling; nil is none.
func (d difference) raises(list string, name corev1.ResourceName, ceiling *resource.Quantity) bool {
	_, rest, ok := d.path.inContainer()
	if !ok || !rest.is("resources", list, string(name)) {
		return false
	}
	before, errBefore := amountOf(d.before)
	after, errAfter := amountOf(d.after)
	return errBefore == nil && errAfter == nil && after.Cmp(before) > 0 && (ceiling == nil || after.Cmp(*ceiling) <= 0)
}

// ceiling is the policy's for a resource, nil where the change is taken back: it
// may have been lowered since.
func (w TemplateWrite) ceiling(of func(stack.Policy, stack.Service) *resource.Quantity) *resource.Quantity {
	if w.Back || w.Scope == nil {
		return nil
	}
	if ceiling := of(w.Scope.Policy, w.Scope.Service); ceiling != nil {
		return ceiling
	}
	return &resource.Quantity{} // without a ceiling nothing is raised
}

func amountOf(value any) (resource.Quantity, error) {
	written, ok := value.(string)
	if !ok {
		return resource.Quantity{}, errors.New("no amount")
	}
	return resource.ParseQuantity(written)
}

// restarts reports whether a difference is a restart, and nothing else.
func restarts(_ TemplateWrite, d difference) bool {
	if !d.isRestart() {
		return false
	}
	at, ok := d.after.(string)
	if !ok {
		return false
	}
	_, err := time.Parse(time.RFC3339, at)
	return err == nil
}

// notPermitted refuses what would be refused right before the write: nothing is
// proposed that could not be made.
func (in Input) notPermitted(action Action) *Refusal {
	if action.Template == nil {
		return nil
	}
	w := TemplateWrite{Remedy: action.Remedy, Original: in.Template, Changed: action.Template, Scope: &Scope{
		Policy: in.Policy, Service: in.Service, Image: in.Image,
	}}
	if action.On != nil {
		w.Original = action.On.Template
	}
	for _, d := range in.Case.Dependencies {
		if d.Declared != nil {
			w.Scope.Declared = append(w.Scope.Declared, *d.Declared)
		}
	}
	if action.ToRevision != "" {
		w.Recorded = []*corev1.PodTemplateSpec{in.Previous}
	}
	if err := w.Check(); err != nil {
		return &Refusal{action.Remedy, err.Error()}
	}
	return nil
}
