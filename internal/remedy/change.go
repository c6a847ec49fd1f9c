package remedy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonpatch "gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/text"
)

// Proposal is an action as people see it and as an attempt records it: with
// everything that it changes, and an id that stands for all of that.
func (a Action) Proposal(before *corev1.PodTemplateSpec) (v1alpha1.Proposal, error) {
	p := v1alpha1.Proposal{Remedy: a.Remedy, Target: a.Target, Because: text.Clip(a.Because, 1024)}
	identity := []any{a.Remedy, a.Target}
	switch {
	case a.Template != nil:
		if a.On != nil {
			before = a.On.Template
		}
		different, err := differences(before, a.Template)
		if err != nil {
			return p, fmt.Errorf("describing %s: %w", a.Remedy, err)
		}
		if a.ToRevision != "" {
			p.Changes = append(p.Changes, v1alpha1.FieldChange{Kind: v1alpha1.ChangeRevision, Operation: v1alpha1.OperationReplace,
				Path: "revision", Before: a.FromRevision, After: a.ToRevision})
		}
		for _, d := range different {
			p.Changes = append(p.Changes, d.change())
			identity = append(identity, d.identity())
		}
	case a.Topic != nil:
		t := a.Topic.Topic
		p.Changes = []v1alpha1.FieldChange{{Kind: v1alpha1.ChangeTopic, Operation: v1alpha1.OperationAdd, Path: "topics[" + t.Name + "]",
			After: fmt.Sprintf("partitions=%d replicationFactor=%d", t.Partitions, t.ReplicationFactor)}}
		identity = append(identity, a.Topic.Connection.Service, t)
	case a.Group != nil:
		p.Changes = []v1alpha1.FieldChange{{Kind: v1alpha1.ChangeConsumerGroup, Operation: v1alpha1.OperationRemove, Path: "consumerGroups[" + a.Group.Group + "]",
			Before: "empty", After: "deleted"}}
		identity = append(identity, a.Group.Connection.Service, a.Group.Group)
	case a.Job != "":
		p.Changes = []v1alpha1.FieldChange{{Kind: v1alpha1.ChangeJob, Operation: v1alpha1.OperationAdd, Path: "jobs", After: "a Job of CronJob " + a.Job}}
		identity = append(identity, a.Job)
	default:
		// Which pods sit in a back-off changes with each crash; that they are evicted
		// is what a person approves.
		for _, pod := range a.Pods {
			p.Changes = append(p.Changes, v1alpha1.FieldChange{Kind: v1alpha1.ChangePod, Operation: v1alpha1.OperationRemove, Path: "pods[" + pod.Name + "]", Before: pod.UID})
		}
	}
	p.ID = digest(identity)[:idLength]
	return p, nil
}

// idLength is that of a proposal's id, in hexadecimal digits: 128 bits, so that
// nobody can make up a change whose id is that of an approved one.
const idLength = 32

// change is a difference as a person reads it.
func (d difference) change() v1alpha1.FieldChange {
	c := v1alpha1.FieldChange{Kind: v1alpha1.ChangeField, Operation: v1alpha1.OperationReplace, Path: d.path.String()}
	switch {
	case d.before == nil:
		c.Operation = v1alpha1.OperationAdd
	case d.after == nil:
		c.Operation = v1alpha1.OperationRemove
	}
	if d.isRestart() {
		c.Kind = v1alpha1.ChangeRestart
	}
	c.Before, c.BeforeFrom = d.shown(d.before)
	c.After, c.AfterFrom = d.shown(d.after)
	if c.Kind == v1alpha1.ChangeRestart {
		c.After = "" // another time at each look
	}
	return c
}

// identity is what of a difference an id stands for: all, but not the time of a restart.
func (d difference) identity() any {
	if d.isRestart() {
		return []any{d.path.String(), d.before}
	}
	return []any{d.path.String(), d.before, d.after}
}

func (d difference) isRestart() bool {
	return d.path.is("metadata", "annotations", restartedAt) && d.after != nil
}

// shown is a value as a person reads it, or what it is drawn from.
func (d difference) shown(value any) (string, *v1alpha1.ValueSource) {
	object, isObject := value.(map[string]any)
	_, rest, inContainer := d.path.inContainer()
	switch {
	case value == nil:
		return "", nil
	case isObject && inContainer && len(rest) == 1 && rest[0].key == "env":
		return variableText(object)
	case isObject && inContainer && len(rest) == 0:
		return containerText(object), nil
	}
	return plainText(value), nil
}

func plainText(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	encoded, err := json.Marshal(value)
	if err != nil { // it was decoded from JSON
		panic(err)
	}
	return string(encoded)
}

// containerText is a container that is added or removed: what it runs first.
func containerText(object map[string]any) string {
	c, err := containerOf(object)
	if err != nil {
		return plainText(object)
	}
	return strings.Join(append(c.Command, c.Args...), " ") + " (image " + c.Image + ")"
}

func containerOf(object any) (*corev1.Container, error) {
	var c corev1.Container
	encoded, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(encoded, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a container: %w", err)
	}
	return &c, nil
}

// variableOf is a variable of env, empty for none.
func variableOf(object any) (corev1.EnvVar, error) {
	var e corev1.EnvVar
	encoded, err := json.Marshal(object)
	if err == nil {
		err = json.Unmarshal(encoded, &e)
	}
	if err != nil {
		return e, fmt.Errorf("reading a variable: %w", err)
	}
	return e, nil
}

// variableText is a variable's value, or what it is drawn from.
func variableText(object map[string]any) (string, *v1alpha1.ValueSource) {
	e, err := variableOf(object)
	if err != nil {
		return plainText(object), nil
	}
	switch from := e.ValueFrom; {
	case from == nil:
		return e.Value, nil
	case from.SecretKeyRef != nil:
		return "", &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromSecret, Name: from.SecretKeyRef.Name, Key: from.SecretKeyRef.Key}
	case from.ConfigMapKeyRef != nil:
		return "", &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromConfigMap, Name: from.ConfigMapKeyRef.Name, Key: from.ConfigMapKeyRef.Key}
	case from.FieldRef != nil:
		return "", &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromPod, Key: from.FieldRef.FieldPath}
	case from.ResourceFieldRef != nil:
		return "", &v1alpha1.ValueSource{Kind: v1alpha1.ValueFromPod, Key: from.ResourceFieldRef.Resource}
	}
	return plainText(object), nil
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
