package remedy

import (
	"encoding/json"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// mostPatch is how long the API lets an attempt's patch and undo be, in bytes.
const mostPatch = 16384

// unrecordable refuses what cannot be written down before it is done: a change of a
// template whose patch, or the way back, would hold what may be a secret; a topic, a
// group or a Job that is called like one, as where the keys of a Secret were swapped.
// What is recorded is read back to be done, so that nothing can be redacted in it.
func (in Input) unrecordable(name v1alpha1.RemedyName, action Action) *Refusal {
	names := []string{action.Job}
	if action.Topic != nil {
		names = append(names, action.Topic.Topic.Name)
	}
	if action.Group != nil {
		names = append(names, action.Group.Group)
	}
	if slices.ContainsFunc(names, in.isSecret) {
		return &Refusal{name, "what it would act on is called like a secret of the pod, which would have to be recorded; look at the settings that it is named by"}
	}
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
	if slices.ContainsFunc(slices.Concat(textsIn(patch), textsIn(undo)), in.isSecret) {
		return &Refusal{name, "the change, or the way back, would have to record the value of one of the pod's secrets; make it a reference to a Secret"}
	}
	for _, template := range []*corev1.PodTemplateSpec{before, in.Previous} {
		if where := secretIn(template, patch+undo); where != "" {
			return &Refusal{name, "the way back would have to record the value of " + where + ", which may be a secret; make it a reference to a Secret"}
		}
	}
	return nil
}

// isSecret reports whether there is a secret of the pod in a text.
func (in Input) isSecret(text string) bool {
	secrets := in.Secrets
	if secrets == nil {
		secrets = new(redact.Redactor)
	}
	return secrets.Text(text) != text || strings.Contains(text, evidence.Redacted)
}

// textsIn a patch are those that anyone may have written into a template: not the
// names of its containers, variables and volumes.
func textsIn(patch string) []string {
	var tree any
	if json.Unmarshal([]byte(patch), &tree) != nil {
		return []string{patch}
	}
	var out []string
	var walk func(key string, node any)
	walk = func(key string, node any) {
		switch n := node.(type) {
		case string:
			if key != "name" && key != "op" && key != "path" {
				out = append(out, n)
			}
		case []any:
			for _, member := range n {
				walk(key, member)
			}
		case map[string]any:
			for k, member := range n {
				walk(k, member)
			}
		}
	}
	walk("", tree)
	return out
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
