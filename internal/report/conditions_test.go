package report

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/stack"
)

// maxMessage is the API server's limit for the message of a condition (maxLength of
// metav1.Condition): a status with a longer one is refused as a whole.
const maxMessage = 32768

// However much is wrong, the status can be written, and says how much more there is.
func TestConditionsOfAStackFitTheirRoom(t *testing.T) {
	s := &v1alpha1.BridgeStack{}
	for i := range 600 {
		s.Status.Services = append(s.Status.Services, v1alpha1.ServiceStatus{Name: fmt.Sprintf("metadata-stamping-service-%03d", i), Message: string(v1alpha1.CausePostgresConnectionsExhausted)})
	}
	var stalled []stack.Problem
	for i := range 64 {
		for j := range 16 {
			stalled = append(stalled, stack.Problem{Reason: v1alpha1.ReasonReferenceNotFound, Field: fmt.Sprintf("spec.compose.services[%d].env[%d].valueFrom", i, j),
				Message: fmt.Sprintf("Secret %q does not exist in this namespace", strings.Repeat("é", 253))})
		}
	}
	s.Spec.Compose = &v1alpha1.Compose{}
	SetStackConditions(s, stalled, 0)
	for _, c := range s.Status.Conditions {
		if len(c.Message) > maxMessage {
			t.Errorf("%s: a message of %d bytes", c.Type, len(c.Message))
		}
		if !strings.Contains(c.Message, "; and ") || !strings.HasSuffix(c.Message, " more") {
			t.Errorf("%s does not say how much more there is: ...%s", c.Type, c.Message[max(0, len(c.Message)-60):])
		}
	}
	// One alone may be too long too.
	SetStackConditions(s, []stack.Problem{{Reason: v1alpha1.ReasonComposeInvalid, Field: "spec.compose", Message: strings.Repeat("x", 2*maxMessage)}}, 0)
	if m := s.Status.Conditions[0].Message; len(m) > maxMessage || !strings.HasPrefix(m, "spec.compose: xxx") {
		t.Errorf("a message of %d bytes", len(m))
	}
}

// Only what concerns the compose project says that it was not understood, whatever
// else names it.
func TestComposeLoadedIsOfTheProject(t *testing.T) {
	for name, c := range map[string]struct {
		problem stack.Problem
		loaded  bool
	}{
		"a file is missing":      {stack.Problem{Reason: v1alpha1.ReasonReferenceNotFound, Field: "spec.compose.files[0]", Message: "ConfigMap"}, false},
		"another field's matter": {stack.Problem{Reason: v1alpha1.ReasonWorkloadNotFound, Field: "spec.services[0].name", Message: "spec.compose has none either"}, true},
	} {
		s := &v1alpha1.BridgeStack{Spec: v1alpha1.BridgeStackSpec{Compose: &v1alpha1.Compose{}}, Status: v1alpha1.BridgeStackStatus{Compose: &v1alpha1.ComposeStatus{}}}
		SetStackConditions(s, []stack.Problem{c.problem}, 0)
		if got := meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionComposeLoaded); got != c.loaded {
			t.Errorf("%s: loaded %t", name, got)
		}
	}
}

// The log tells of each change of state, with the keys that one searches by.
func TestTransitionsAreLogged(t *testing.T) {
	var lines []string
	log := funcr.NewJSON(func(line string) { lines = append(lines, line) }, funcr.Options{})
	d := &v1alpha1.BridgeDiagnosis{Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "api"}}
	d.Status.State, d.Status.Cause, d.Status.Remedy = v1alpha1.StateVerifying, v1alpha1.CauseOOMKilled, v1alpha1.RemedyRaiseMemoryLimit
	d.Status.Attempts = []v1alpha1.Attempt{{ID: "a-1", Outcome: v1alpha1.AttemptApplied}}
	logTransition(ctrl.LoggerInto(t.Context(), log), d, v1alpha1.ReasonVerifying)
	var said map[string]any
	if len(lines) != 1 || json.Unmarshal([]byte(lines[0]), &said) != nil {
		t.Fatalf("the log says %q", lines)
	}
	for key, want := range map[string]any{"stack": "shop", "service": "api", "state": "Verifying", "reason": "Verifying", "cause": "OOMKilled", "remedy": "RaiseMemoryLimit", "attempt": "a-1", "outcome": "Applied"} {
		if said[key] != want {
			t.Errorf("%s is %v, want %v", key, said[key], want)
		}
	}
}
