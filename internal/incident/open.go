package incident

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// Opener begins diagnoses.
type Opener struct {
	Client client.Client
	Clock  clock.PassiveClock
}

// Incident is what a new diagnosis is about.
type Incident struct {
	// Stack whose policy holds.
	Stack *v1alpha1.BridgeStack
	// Service that the workload is in the stack.
	Service   string
	Workload  workload.Ref
	Container string
	// Symptom that showed it. Default: RestartLoop.
	Symptom v1alpha1.Symptom
}

// Open begins the diagnosis of an incident. It returns ErrStaleView where there is
// one that the history does not show.
func (o Opener) Open(ctx context.Context, in Incident, history History) error {
	return o.openAfter(ctx, in, history, len(history.Ended))
}

// openAfter begins the diagnosis that has so many before it.
func (o Opener) openAfter(ctx context.Context, in Incident, history History, earlier int) error {
	now, w := metav1.NewMicroTime(o.Clock.Now()), in.Workload
	diagnosis := &v1alpha1.BridgeDiagnosis{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.Namespace,
			Name:      nameOf(in.Service, in.Stack.UID, w, in.Container, earlier),
			Labels:    map[string]string{v1alpha1.LabelStack: in.Stack.Name, v1alpha1.LabelService: labelValue(in.Service)},
		},
		Spec: v1alpha1.BridgeDiagnosisSpec{
			Stack: in.Stack.Name, Service: in.Service, Container: in.Container,
			Workload:   v1alpha1.DiagnosedWorkload{Kind: w.Kind, Name: w.Name, UID: w.UID},
			Symptom:    cmp.Or(in.Symptom, v1alpha1.SymptomRestartLoop),
			DetectedAt: &now,
		},
	}
	if err := controllerutil.SetControllerReference(in.Stack, diagnosis, o.Client.Scheme()); err != nil {
		return fmt.Errorf("making the stack own its diagnosis: %w", err)
	}
	// The name is the same for the same incident, so that a cache that does not
	// know of it yet cannot make two of it.
	err := o.Client.Create(ctx, diagnosis)
	if apierrors.IsAlreadyExists(err) {
		// One that is known to have ended is another incident's: someone deleted an
		// earlier one, so that there are fewer than there were. Of any other this
		// loop may be, though it ended in the meantime.
		if slices.Contains(history.Ended, diagnosis.Name) {
			return o.openAfter(ctx, in, history, earlier+1)
		}
		return ErrStaleView
	}
	if err != nil {
		return fmt.Errorf("opening a diagnosis of %s, container %s: %w", w, in.Container, err)
	}
	return nil
}

// Detected is the reason of the API and the message that an incident begins with.
func Detected(symptom v1alpha1.Symptom) (reason, message string) {
	switch symptom {
	case v1alpha1.SymptomNotAvailable:
		return v1alpha1.ReasonNotAvailable, "pods are wanting, or do not become ready, and nothing restarts; the evidence is being gathered"
	case v1alpha1.SymptomRunFailed:
		return v1alpha1.ReasonRunFailed, "a run came to no good end; the evidence is being gathered"
	default:
	}
	return v1alpha1.ReasonLoopDetected, "a restart loop was detected; the evidence is being gathered"
}

// hashLength is in hexadecimal digits. Names of one service differ in nothing else:
// with 6 digits two of 5000 would be equal with a probability of one half.
const hashLength = 12

// nameOf names an incident by its service, its container and how many there were
// before.
func nameOf(service string, stackUID types.UID, w workload.Ref, container string, earlier int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%s/%d", stackUID, w.UID, container, earlier))
	name := strings.Trim(strings.Map(nameRune, strings.ToLower(service)), "-")
	return name[:min(len(name), 50)] + "-" + hex.EncodeToString(sum[:])[:hashLength]
}

// labelValue is a service's name as a label, which holds 63 characters; that of
// an undeclared workload may be longer. spec.service has it whole.
func labelValue(service string) string {
	return strings.TrimRight(service[:min(len(service), 63)], "-._")
}

func nameRune(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}
