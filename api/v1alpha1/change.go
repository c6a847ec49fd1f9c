package v1alpha1

import (
	"fmt"
	"strconv"
)

// ChangeKind says what a FieldChange is about.
//
// +kubebuilder:validation:Enum=Field;Restart;Revision;Pod;Topic;ConsumerGroup;Job
type ChangeKind string

// The kinds of change.
const (
	// ChangeField: one field of the pod template.
	ChangeField ChangeKind = "Field"
	// ChangeRestart: the pods are made anew, paced by the workload's update strategy.
	ChangeRestart ChangeKind = "Restart"
	// ChangeRevision: the pod template of a recorded revision is restored; the fields that differ are listed as well.
	ChangeRevision ChangeKind = "Revision"
	// ChangePod: a pod is evicted.
	ChangePod ChangeKind = "Pod"
	// ChangeTopic: a Kafka topic is created.
	ChangeTopic ChangeKind = "Topic"
	// ChangeConsumerGroup: a consumer group is deleted.
	ChangeConsumerGroup ChangeKind = "ConsumerGroup"
	// ChangeJob: a Job is created from a CronJob's template.
	ChangeJob ChangeKind = "Job"
)

// ChangeOperation says what becomes of a field, in the words of JSON Patch (RFC 6902).
//
// +kubebuilder:validation:Enum=Add;Replace;Remove
type ChangeOperation string

// The operations.
const (
	// OperationAdd: the field is absent and gets a value, which may be empty.
	OperationAdd ChangeOperation = "Add"
	// OperationReplace: the field gets another value.
	OperationReplace ChangeOperation = "Replace"
	// OperationRemove: the field is taken away.
	OperationRemove ChangeOperation = "Remove"
)

// FieldChange is one field before and after.
type FieldChange struct {
	// kind of what is changed. Default: Field.
	// +optional
	Kind ChangeKind `json:"kind,omitempty"`
	// operation says what becomes of the field. Default: Replace, or what the
	// values that are set and not empty imply.
	// +optional
	Operation ChangeOperation `json:"operation,omitempty"`
	// path of the field below the pod template, such as
	// containers[app].resources.limits.memory.
	Path string `json:"path"`
	// before is the present value, empty where the field is absent or drawn from
	// elsewhere.
	// +optional
	Before string `json:"before,omitempty"`
	// beforeFrom is where the present value is drawn from.
	// +optional
	BeforeFrom *ValueSource `json:"beforeFrom,omitempty"`
	// after is the new value, empty where the field is removed or drawn from
	// elsewhere.
	// +optional
	After string `json:"after,omitempty"`
	// afterFrom is where the new value is drawn from.
	// +optional
	AfterFrom *ValueSource `json:"afterFrom,omitempty"`
}

// ValueSourceKind says what an environment variable's value is drawn from.
//
// +kubebuilder:validation:Enum=Secret;ConfigMap;Pod
type ValueSourceKind string

// The sources.
const (
	// ValueFromSecret: a key of a Secret.
	ValueFromSecret ValueSourceKind = "Secret"
	// ValueFromConfigMap: a key of a ConfigMap.
	ValueFromConfigMap ValueSourceKind = "ConfigMap"
	// ValueFromPod: a field, a resource or a file of the pod itself.
	ValueFromPod ValueSourceKind = "Pod"
)

// ValueSource is what an environment variable's value is drawn from. The value
// itself is never part of it.
type ValueSource struct {
	// kind of the source.
	// +required
	Kind ValueSourceKind `json:"kind"`
	// name of the Secret or ConfigMap, empty for the pod itself.
	// +optional
	Name string `json:"name,omitempty"`
	// key of the Secret or ConfigMap, or the field of the pod.
	// +optional
	Key string `json:"key,omitempty"`
}

// String is such as key password of Secret db.
func (s ValueSource) String() string {
	if s.Kind == ValueFromPod {
		return "field " + s.Key + " of the pod"
	}
	return fmt.Sprintf("key %s of %s %s", s.Key, s.Kind, s.Name)
}

// BeforeText is the present value as a person reads it, and whether there is one.
func (c FieldChange) BeforeText() (string, bool) {
	present := c.Operation == OperationReplace || c.Operation == OperationRemove
	return valueText(c.Before, c.BeforeFrom, present)
}

// AfterText is the new value as a person reads it, and whether there is one.
func (c FieldChange) AfterText() (string, bool) {
	if c.Kind == ChangeRestart {
		return "the time of the restart", true
	}
	present := c.Operation == OperationReplace || c.Operation == OperationAdd
	return valueText(c.After, c.AfterFrom, present)
}

// String is the change on one line: path: before -> after.
func (c FieldChange) String() string {
	text := func(value string, present bool) string {
		if !present {
			return "(absent)"
		}
		return value
	}
	return c.Path + ": " + text(c.BeforeText()) + " -> " + text(c.AfterText())
}

// Reversed is the change that takes this one back.
func (c FieldChange) Reversed() FieldChange {
	back := FieldChange{Kind: c.Kind, Operation: c.Operation, Path: c.Path, Before: c.After, BeforeFrom: c.AfterFrom, After: c.Before, AfterFrom: c.BeforeFrom}
	switch c.Operation {
	case OperationAdd:
		back.Operation = OperationRemove
	case OperationRemove:
		back.Operation = OperationAdd
	case OperationReplace:
	}
	return back
}

// valueText makes an empty value visible.
func valueText(value string, from *ValueSource, present bool) (string, bool) {
	switch {
	case from != nil:
		return "(" + from.String() + ")", true
	case value != "":
		return value, true
	case present:
		return strconv.Quote(value), true
	}
	return "", false
}
