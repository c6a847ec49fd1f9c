package remedy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	jsonpatch "gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// ErrForbiddenField says that a remedy changed a field which none may touch.
// It is a defect of the remedy; nothing is applied.
var ErrForbiddenField = errors.New("a remedy may change resources, env, probes' numbers, the restart annotation and the operator's own init container only")

// Proposal is an action as people see it and as an attempt records it.
func (a Action) Proposal(before *corev1.PodTemplateSpec) (v1alpha1.Proposal, error) {
	p := v1alpha1.Proposal{Remedy: a.Remedy, Target: a.Target, Because: text.Clip(a.Because, 1024)}
	switch {
	case a.ToRevision != "":
		p.Changes = append([]v1alpha1.FieldChange{{Path: "revision", After: a.ToRevision}}, imageChanges(before, a.Template)...)
	case a.Template != nil:
		if a.On != nil {
			before = a.On.Template
		}
		changes, err := Changes(before, a.Template)
		if err != nil {
			return p, fmt.Errorf("describing %s: %w", a.Remedy, err)
		}
		p.Changes = changes
	case a.Topic != nil:
		t := a.Topic.Topic
		p.Changes = []v1alpha1.FieldChange{{Path: "topics[" + t.Name + "]",
			After: fmt.Sprintf("partitions=%d replicationFactor=%d", t.Partitions, t.ReplicationFactor)}}
	case a.Group != nil:
		p.Changes = []v1alpha1.FieldChange{{Path: "consumerGroups[" + a.Group.Group + "]", Before: "empty", After: "deleted"}}
	case a.Job != "":
		p.Changes = []v1alpha1.FieldChange{{Path: "jobs", After: "a Job of CronJob " + a.Job}}
	default:
		for _, pod := range a.Pods {
			p.Changes = append(p.Changes, v1alpha1.FieldChange{Path: "pods[" + pod.Name + "]", Before: pod.UID})
		}
	}
	p.ID = identify(p)
	return p, nil
}

// identify gives the same change on the same object always the same id.
func identify(p v1alpha1.Proposal) string {
	p.ID, p.Because = "", ""
	return digest(p)[:10]
}

// Patches are the JSON Patches that lead from one template to the other and back.
func Patches(before, after *corev1.PodTemplateSpec) (patch, undo string, err error) {
	if patch, err = diff(before, after); err != nil {
		return "", "", err
	}
	undo, err = diff(after, before)
	return patch, undo, err
}

func diff(from, to *corev1.PodTemplateSpec) (string, error) {
	a, errA := json.Marshal(from)
	b, errB := json.Marshal(to)
	if err := errors.Join(errA, errB); err != nil {
		return "", fmt.Errorf("encoding the pod template: %w", err)
	}
	operations, err := jsonpatch.CreatePatch(a, b)
	if err != nil {
		return "", fmt.Errorf("comparing pod templates: %w", err)
	}
	out, err := json.Marshal(operations)
	return string(out), err
}

// TemplateHash tells whether two pod templates are the same to the byte.
func TemplateHash(template *corev1.PodTemplateSpec) string { return digest(template) }

func digest(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil { // only channels, functions and cycles can't be encoded
		panic(err)
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}

// Changes lists what differs between two templates, field by field, and
// refuses a change outside the fields that remedies may touch.
func Changes(before, after *corev1.PodTemplateSpec) ([]v1alpha1.FieldChange, error) {
	rest, out := withoutNewWaiter(before, after)
	out = append(out, sameRestart(before, rest)...)
	for _, pair := range [][2][]corev1.Container{
		{before.Spec.Containers, rest.Spec.Containers},
		{before.Spec.InitContainers, rest.Spec.InitContainers},
	} {
		for i := range min(len(pair[0]), len(pair[1])) {
			was, is := &pair[0][i], &pair[1][i]
			out = append(out, containerChanges(was, is)...)
			is.Resources, is.Env = was.Resources, was.Env
			is.LivenessProbe, is.StartupProbe = sameNumbers(was.LivenessProbe, is.LivenessProbe), sameNumbers(was.StartupProbe, is.StartupProbe)
		}
	}
	if !equality.Semantic.DeepEqual(before, rest) {
		return nil, ErrForbiddenField
	}
	return out, nil
}

// sameRestart gives a template the other's restart annotation. Its time is no
// part of the change that people read and approve.
func sameRestart(before, rest *corev1.PodTemplateSpec) []v1alpha1.FieldChange {
	was, had := before.Annotations[restartedAt]
	if is, has := rest.Annotations[restartedAt]; is == was && has == had {
		return nil
	}
	if had {
		rest.Annotations[restartedAt] = was
	} else {
		delete(rest.Annotations, restartedAt)
	}
	return []v1alpha1.FieldChange{{Path: "metadata.annotations[" + restartedAt + "]", Before: was, After: "(the time of the restart)"}}
}

// imageChanges lists the images that a rollback changes.
func imageChanges(before, after *corev1.PodTemplateSpec) []v1alpha1.FieldChange {
	var out []v1alpha1.FieldChange
	for _, c := range after.Spec.Containers {
		if was := container(before, c.Name); was != nil && was.Image != c.Image {
			out = append(out, v1alpha1.FieldChange{Path: "containers[" + c.Name + "].image", Before: was.Image, After: c.Image})
		}
	}
	return out
}

func containerChanges(was, is *corev1.Container) []v1alpha1.FieldChange {
	prefix := "containers[" + is.Name + "]"
	var out []v1alpha1.FieldChange
	change := func(path, before, after string) {
		if before != after {
			out = append(out, v1alpha1.FieldChange{Path: prefix + path, Before: before, After: after})
		}
	}
	for _, kind := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceCPU} {
		change(".resources.limits."+string(kind), amount(was.Resources.Limits, kind), amount(is.Resources.Limits, kind))
		change(".resources.requests."+string(kind), amount(was.Resources.Requests, kind), amount(is.Resources.Requests, kind))
	}
	for _, name := range envNames(was.Env, is.Env) {
		change(".env["+name+"]", envText(was.Env, name), envText(is.Env, name))
	}
	for _, p := range []struct {
		name    string
		was, is *corev1.Probe
	}{{".livenessProbe", was.LivenessProbe, is.LivenessProbe}, {".startupProbe", was.StartupProbe, is.StartupProbe}} {
		change(p.name, numbers(p.was), numbers(p.is))
	}
	return out
}

func amount(list corev1.ResourceList, name corev1.ResourceName) string {
	if q, set := list[name]; set {
		return q.String()
	}
	return ""
}

func envNames(lists ...[]corev1.EnvVar) []string {
	var names []string
	for _, list := range lists {
		for _, e := range list {
			if !slices.Contains(names, e.Name) {
				names = append(names, e.Name)
			}
		}
	}
	return names
}

// envText is a variable as a person reads it: the value, or where it comes from.
func envText(list []corev1.EnvVar, name string) string {
	i := slices.IndexFunc(list, func(e corev1.EnvVar) bool { return e.Name == name })
	if i < 0 {
		return ""
	}
	switch from := list[i].ValueFrom; {
	case from == nil:
		return list[i].Value
	case from.SecretKeyRef != nil:
		return "(key " + from.SecretKeyRef.Key + " of Secret " + from.SecretKeyRef.Name + ")"
	case from.ConfigMapKeyRef != nil:
		return "(key " + from.ConfigMapKeyRef.Key + " of ConfigMap " + from.ConfigMapKeyRef.Name + ")"
	default:
		return "(a field of the pod)"
	}
}

func numbers(p *corev1.Probe) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("initialDelaySeconds=%d periodSeconds=%d timeoutSeconds=%d failureThreshold=%d",
		p.InitialDelaySeconds, p.PeriodSeconds, p.TimeoutSeconds, p.FailureThreshold)
}

// sameNumbers is the second probe with the first one's numbers: what is left
// to differ is what a remedy may not change.
func sameNumbers(was, is *corev1.Probe) *corev1.Probe {
	if was == nil || is == nil {
		return is
	}
	same := is.DeepCopy()
	same.InitialDelaySeconds, same.PeriodSeconds = was.InitialDelaySeconds, was.PeriodSeconds
	same.TimeoutSeconds, same.FailureThreshold = was.TimeoutSeconds, was.FailureThreshold
	return same
}
