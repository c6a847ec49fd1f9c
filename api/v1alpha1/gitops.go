package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GitOpsOptions are for stacks whose workloads are owned by a GitOps controller.
type GitOpsOptions struct {
	// repository has the workloads' own YAML. A remedy for a field that is set
	// there is committed to a branch of its own, for a person to merge. Default:
	// the change is suggested only.
	// +optional
	Repository *GitRepository `json:"repository,omitempty"`
	// hold lets a remedy be patched at once also where the field is set in Git:
	// in the same write, Flux is kept from this one object. With a repository, the
	// change is committed first, and the object is let go once Flux has that. Only
	// a Flux Kustomization can be held, and once for the same change. Default: no
	// object is held.
	// +optional
	Hold *GitOpsHold `json:"hold,omitempty"`
}

// GitOpsHold bounds how long a GitOps controller is kept from an object.
type GitOpsHold struct {
	// ttl after which the object is let go whatever has come of it: what is in Git
	// then stands. Where the operator itself is gone by then, a person has to take
	// the annotation kustomize.toolkit.fluxcd.io/reconcile away.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,4}h)?([0-9]{1,6}m)?([0-9]{1,8}([.][0-9]{1,9})?s)?([0-9]{1,8}ms)?$') && self != '' && duration(self) > duration('0s') && duration(self) <= duration('168h')",message="must be a duration greater than zero and at most 168h, such as 30m or 4h"
	TTL metav1.Duration `json:"ttl"`
}

// GitRepository is where the workloads' own YAML is.
type GitRepository struct {
	// url of the repository, https or http, without credentials: those of
	// secretRef are sent over https only. The host has to be allowed by the
	// cluster's admin, or be a Service of this namespace.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^@/?#]+/[^@?#]+$')",message="url must be http(s)://host/path, without credentials: those are in the Secret that secretRef names"
	URL string `json:"url"`
	// branch that the GitOps controller follows, and that the change is based
	// on. Default: main.
	// +optional
	// +kubebuilder:default=main
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=244
	Branch string `json:"branch,omitempty"`
	// path of the folder whose files are looked at. Where more than one place of
	// them could be the workload of this cluster, nothing is committed, and those
	// are named: namespaces, and the owner's own manifest, tell them apart, else set
	// path. Default: all of them.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Path string `json:"path,omitempty"`
	// secretRef names a Secret of this namespace with the keys username and
	// password (a token), and ca.crt where the server's certificate needs it.
	// Default: no credentials.
	// +optional
	SecretRef *SecretName `json:"secretRef,omitempty"`
	// values say where a chart's values have a field, for workloads that a
	// chart renders.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Values []ChartValue `json:"values,omitempty"`
}

// SecretName names a Secret of the same namespace.
type SecretName struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// ChartValue is a field of a service's workload in a file of a chart's values.
type ChartValue struct {
	// service of the stack.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Service string `json:"service"`
	// field as a proposal names it, such as containers[app].resources.limits.memory.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Field string `json:"field"`
	// file of the values, from the top of the repository.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	File string `json:"file"`
	// keys that lead to the value, one below the other.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=253
	Keys []string `json:"keys"`
}

// GitCommit is a proposal as a commit that waits to be merged.
type GitCommit struct {
	// proposal that it makes, by its id.
	Proposal string `json:"proposal"`
	// branch that it is on.
	// +kubebuilder:validation:MaxLength=512
	Branch string `json:"branch"`
	// commit by its hash; empty where the base branch has the change already.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Commit string `json:"commit,omitempty"`
	// files that it changes.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Files []string `json:"files,omitempty"`
	// changes that it makes, field by field.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Changes []FieldChange `json:"changes,omitempty"`
	// pushedAt is when the operator saw it on the branch.
	PushedAt metav1.Time `json:"pushedAt"`
	// inForceAt is when its changes were first seen in the cluster.
	// +optional
	InForceAt *metav1.Time `json:"inForceAt,omitempty"`
}
