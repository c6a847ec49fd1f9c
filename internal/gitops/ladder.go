package gitops

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Rung of the ladder that an object and the fields of a remedy stand on.
type Rung string

// The rungs.
const (
	// Unowned: nobody's GitOps, or nobody who reconciles: patch.
	Unowned Rung = "Unowned"
	// PodScoped: the workload is owned and the remedy changes nothing of it.
	PodScoped Rung = "PodScoped"
	// AbsentInGit: owned, and no field of the remedy is set in Git: a patch
	// without force survives.
	AbsentInGit Rung = "AbsentInGit"
	// HandedOver: owned, and what is set in Git of the remedy's fields was handed
	// over by the owner, who says so on the workload: patch.
	HandedOver Rung = "HandedOver"
	// SetInGit: owned, and a field of the remedy is set in Git: a patch would
	// be taken back. The change is for Git.
	SetInGit Rung = "SetInGit"
)

// Standing is what the ladder says of a remedy.
type Standing struct {
	Owner Owner
	Rung  Rung
	// Set are the remedy's fields that are set in Git, nil on the other rungs.
	Set []Path
	// Because says how it is known that they are.
	Because string
}

// Stand decides on which rung an object stands with the fields that a remedy is
// to change; no fields is a remedy that does not change the object. Where it
// cannot be known what is in Git, everything counts as set there.
func Stand(o Object, fields []Field) Standing {
	s := Standing{Owner: OwnerOf(o), Rung: Unowned}
	switch {
	case !s.Owner.Reconciles():
		return s
	case len(fields) == 0:
		s.Rung = PodScoped
		return s
	}
	s.Rung = AbsentInGit
	for _, f := range fields {
		because := inGit(o, s.Owner.Tool, f.Path)
		switch {
		case because == "":
		case !handedOver(o, f.Path):
			s.Rung, s.Because = SetInGit, because
			s.Set = append(s.Set, f.Path)
		case s.Rung == AbsentInGit:
			s.Rung = HandedOver
		}
	}
	return s
}

// handedOver is true of a field, or of one above it, that the workload's owner
// names as one that the GitOps controller was told to leave alone.
func handedOver(o Object, p Path) bool {
	field := p.String()
	for name := range strings.SplitSeq(o.Annotations[v1alpha1.AnnotationHandedOver], ",") {
		below, found := strings.CutPrefix(field, strings.TrimSpace(name))
		if found && below != field && (below == "" || below[0] == '.' || below[0] == '[') {
			return true
		}
	}
	return false
}

// inGit says by what a field is known to be set in the owner's Git, empty where
// it is not.
func inGit(o Object, tool Tool, p Path) string {
	if o.Annotations[v1alpha1.AnnotationHeldUntil] != "" {
		return "its manager is kept from it, and what that set is no longer on record"
	}
	seen := false
	for _, m := range o.Managed {
		if managers[m.Manager] != tool || m.Subresource != "" || m.FieldsV1 == nil {
			continue
		}
		seen = true
		set, err := owns(m.FieldsV1)
		if err != nil {
			return err.Error()
		}
		if touches(set, p.managed()) {
			return "field manager " + m.Manager + " owns it"
		}
	}
	if applied := o.Annotations["kubectl.kubernetes.io/last-applied-configuration"]; applied != "" {
		if inLastApplied(applied, p) {
			return "it is in the configuration that was last applied"
		}
		return ""
	}
	if !seen {
		return "its manager left no record of what it set"
	}
	return ""
}

// inLastApplied looks a path up in kubectl's, and Argo CD's, annotation. One
// that can't be read counts as having it.
func inLastApplied(text string, p Path) bool {
	if !json.Valid([]byte(text)) {
		return true
	}
	_, found := lookUp(json.RawMessage(text), p)
	return found
}

// TakenBy is the manager that set any of the fields last, of those that
// reconcile; empty where none did.
func TakenBy(o Object, fields []Field) string {
	for _, m := range o.Managed {
		tool := managers[m.Manager]
		if tool == "" || tool == Helm || m.Subresource != "" || m.FieldsV1 == nil {
			continue
		}
		set, err := owns(m.FieldsV1)
		if err != nil {
			continue
		}
		if slices.ContainsFunc(fields, func(f Field) bool { return touches(set, f.Path.managed()) }) {
			return m.Manager
		}
	}
	return ""
}

// IgnoreRule is what the owner of the Git repository would write so that a
// change of the fields by the field manager is left alone, and is made again;
// empty where there is no such rule.
func IgnoreRule(o Object, owner Owner, of *corev1.PodTemplateSpec, fields []Field, manager string) string {
	rule := ignoreRule(o, owner, of, fields, manager)
	if rule == "" {
		return ""
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.Path.String())
	}
	return fmt.Sprintf("%s, and on the %s, in Git, the annotation %s: %q; or take the field out of Git", rule, o.Kind, v1alpha1.AnnotationHandedOver, strings.Join(names, ","))
}

func ignoreRule(o Object, owner Owner, of *corev1.PodTemplateSpec, fields []Field, manager string) string {
	target := fmt.Sprintf("{group: %s, kind: %s, name: %s}", o.Group, o.Kind, o.Name)
	var pointers []string
	for _, f := range fields {
		pointers = append(pointers, fmt.Sprintf("%q", pointer(of, f.Path)))
	}
	ignore := fmt.Sprintf("ignore: [{paths: [%s], target: %s}]", strings.Join(pointers, ", "), target)
	switch owner.Tool {
	case ArgoCD:
		return fmt.Sprintf("in the Application, spec.ignoreDifferences: [{group: %s, kind: %s, name: %s, namespace: %s, managedFieldsManagers: [%s]}]"+
			" and spec.syncPolicy.syncOptions: [RespectIgnoreDifferences=true]", o.Group, o.Kind, o.Name, o.Namespace, manager)
	case FluxKustomization:
		return "in the Kustomization, spec." + ignore
	case FluxHelmRelease:
		return "in the HelmRelease, spec.driftDetection." + ignore
	case Helm:
	}
	return ""
}

// Hold is how a person keeps the owner from taking a change of this one object
// back until Git has it. The operator does that by itself only where the policy
// says so.
func Hold(o Object, owner Owner) string {
	kind := strings.ToLower(o.Kind)
	switch owner.Tool {
	case FluxKustomization:
		return fmt.Sprintf("to change it in the cluster before, hold Flux on this one object (kubectl -n %s annotate %s %s %s=%s) and take the annotation away afterwards", o.Namespace, kind, o.Name, AnnotationReconcile, Disabled)
	case ArgoCD:
		return "Argo CD cannot be held on one object: a change in the cluster is taken back where the Application heals itself"
	case FluxHelmRelease, Helm:
	}
	return ""
}

// pointer is a path as a JSON pointer (RFC 6901). What the template does not
// have is at the end of its list.
func pointer(of *corev1.PodTemplateSpec, p Path) string {
	var b strings.Builder
	var inside *corev1.Container
	for _, s := range p {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(s.Key))
		if s.Name == "" {
			continue
		}
		i := -1
		switch s.Key {
		case "containers":
			i, inside = containerIn(of.Spec.Containers, s.Name)
		case "initContainers":
			i, inside = containerIn(of.Spec.InitContainers, s.Name)
		case "env":
			if inside != nil {
				i = variableIn(inside.Env, s.Name)
			}
		}
		if i < 0 {
			b.WriteString("/-")
			continue
		}
		fmt.Fprintf(&b, "/%d", i)
	}
	return b.String()
}

func containerIn(list []corev1.Container, name string) (int, *corev1.Container) {
	i := slices.IndexFunc(list, func(c corev1.Container) bool { return c.Name == name })
	if i < 0 {
		return i, nil
	}
	return i, &list[i]
}

// variableIn is the place of the entry that the kubelet uses, -1 where there is none.
func variableIn(list []corev1.EnvVar, name string) int {
	for i, e := range slices.Backward(list) {
		if e.Name == name {
			return i
		}
	}
	return -1
}
