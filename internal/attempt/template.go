package attempt

import (
	"encoding/json"
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/remedy"
)

// Standing is how a pod template stands to an action that changes it.
type Standing string

// The standings.
const (
	// Original: exactly the template that the action was recorded for.
	Original Standing = "Original"
	// InPlace: exactly what the action makes of it.
	InPlace Standing = "InPlace"
	// Edited: edited elsewhere since; what the action changed is as it left it.
	Edited Standing = "Edited"
	// Replaced: what the action changed is not as it left it.
	Replaced Standing = "Replaced"
)

// kept says that what the action changed is there.
func (s Standing) kept() bool { return s == InPlace || s == Edited }

// StandingOf tells how a pod template stands to an action. That the workload was
// restarted since (kubectl rollout restart) is no edit.
func StandingOf(template *corev1.PodTemplateSpec, action v1alpha1.PatchTemplateAction) Standing {
	hashOf := hashFor(action.Patch)
	hash := hashOf(template)
	if hash == action.TemplateHash {
		return Original
	}
	// Taking the change back and making it again leads here from nowhere but from a
	// template that has it.
	before, err := Patched(template, action.Undo)
	if err != nil {
		return Replaced
	}
	again, err := Patched(before, action.Patch)
	switch {
	case err != nil, hashOf(again) != hash, hashOf(before) == hash:
		return Replaced
	case hashOf(before) == action.TemplateHash:
		return InPlace
	}
	return Edited
}

// hashFor is what tells the pod templates apart that a patch leads from and to. To
// one that changes annotations, the mark of a restart counts: it may be all that it
// changes.
func hashFor(patch string) func(*corev1.PodTemplateSpec) string {
	var operations []struct{ Path string }
	err := json.Unmarshal([]byte(patch), &operations)
	for _, o := range operations {
		if err != nil || o.Path == "" || o.Path == "/metadata" || strings.HasPrefix(o.Path, "/metadata/annotations") {
			return remedy.TemplateHash
		}
	}
	return func(t *corev1.PodTemplateSpec) string { return remedy.TemplateHash(remedy.WithoutRestart(t)) }
}

// Patched is a pod template with a JSON Patch (RFC 6902) applied to it.
func Patched(template *corev1.PodTemplateSpec, operations string) (*corev1.PodTemplateSpec, error) {
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
