package remedy

import (
	"encoding/json"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/redact"
)

// mostPatch is how long the API lets an attempt's patch and undo be, in bytes.
const mostPatch = 16384

// unrecordable refuses a change of a template that cannot be written down before
// it is made: one whose patch, or the way back, would hold what may be a secret.
func (in Input) unrecordable(name v1alpha1.RemedyName, action Action) *Refusal {
	if action.Template == nil {
		return nil
	}
	before := in.Template
	if action.On != nil {
		before = action.On.Template
	}
	patch, undo, err := Patches(before, action.Template)
	switch {
	case err != nil:
		return &Refusal{name, err.Error()}
	case len(patch) > mostPatch || len(undo) > mostPatch:
		return &Refusal{name, "the change is too large to be recorded, and with it the way back"}
	}
	for _, template := range []*corev1.PodTemplateSpec{before, in.Previous} {
		if where := secretIn(template, patch+undo); where != "" {
			return &Refusal{name, "the way back would have to record the value of " + where + ", which may be a secret; make it a reference to a Secret"}
		}
	}
	return nil
}

// secretIn names what in a template may be a secret and stands in the patches,
// empty where nothing does.
func secretIn(template *corev1.PodTemplateSpec, patches string) string {
	if template == nil {
		return ""
	}
	stands := func(value string) bool {
		quoted, err := json.Marshal(value)
		return err != nil || strings.Contains(patches, string(quoted))
	}
	for _, c := range slices.Concat(template.Spec.InitContainers, template.Spec.Containers) {
		for _, e := range c.Env {
			if e.Value != "" && redact.Sensitive(e.Name, e.Value) && stands(e.Value) {
				return e.Name
			}
		}
		for _, word := range slices.Concat(c.Command, c.Args) {
			if redact.Sensitive("", word) && stands(word) {
				return "the command line of " + c.Name
			}
		}
	}
	return ""
}
