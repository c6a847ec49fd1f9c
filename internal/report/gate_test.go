package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

const canary = "Kf7Qw9zLm2-canary"

// fill sets every text in a value to the canary, one element to each list.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().PkgPath() == "k8s.io/apimachinery/pkg/apis/meta/v1" {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				fill(field)
			}
		}
	case reflect.String:
		v.SetString(canary)
	default: // holds no text
	}
}

// left are the paths of the texts that still hold the canary.
func left(v reflect.Value, path string) []string {
	var out []string
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return left(v.Elem(), path)
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, left(v.Index(i), path)...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out = append(out, left(v.Field(i), path+"."+v.Type().Field(i).Name)...)
			}
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() && strings.Contains(v.String(), canary) {
			out = append(out, path)
		}
	default: // holds no text
	}
	return out
}

// identifiers are texts that the operator makes itself, or names of objects that
// a pod has no part in.
var identifiers = []string{
	".ID", ".Target", ".Path", ".Name", ".Diagnosis", ".Pod", ".Reason", ".Type", ".Stage", ".GitOps", ".Receiver", ".Proposal", ".Branch", ".Commit", ".Files",
	".TemplateHash", ".Patch", ".Undo", ".ServiceAccountName", ".Variable", ".Object", ".Key", ".Hash", ".Node",
}

// Whoever adds a text to the status says whether a secret may come into it.
func TestTheGateKnowsAllTextsOfAStatus(t *testing.T) {
	var s v1alpha1.BridgeDiagnosisStatus
	fill(reflect.ValueOf(&s).Elem())
	redactStatus(&s, redact.New(evidence.NewSecret(canary)))
	for _, path := range left(reflect.ValueOf(s), "status") {
		known := slices.ContainsFunc(identifiers, func(suffix string) bool { return strings.HasSuffix(path, suffix) })
		acted := strings.Contains(path, ".Action.") // what is to be written, checked for secrets when it is recorded
		if !known && !acted || path == "status.Probes.Target" || strings.HasSuffix(path, "Message") {
			t.Errorf("%s is written as it is", path)
		}
	}
}

// A policy may quote what it should not: the form of a secret is known in a stack's
// status as well.
func TestTheGateKnowsTheTextsOfAStack(t *testing.T) {
	s := v1alpha1.BridgeStackStatus{
		Conditions: []metav1.Condition{{Message: "spec.services[0].env[1]: postgres://app:hunter2xyz@db/shop cannot be read"}},
		Services:   []v1alpha1.ServiceStatus{{Name: "web", Message: "password=hunter2xyz"}},
	}
	redactStackStatus(&s)
	if s.Conditions[0].Message != "spec.services[0].env[1]: postgres://app:[redacted]@db/shop cannot be read" || s.Services[0].Message != "password=[redacted]" {
		t.Errorf("it is %+v", s)
	}
}

// Room for what is known is shared by all tenants: one whose incidents take it up does not
// open another's gate.
func TestTheGateHoldsWhereItsRoomIsTaken(t *testing.T) {
	d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: "calm", Name: "web", UID: "victim"}}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(d).WithStatusSubresource(d).Build()
	r := Reporter{Client: c, Events: events.NewFakeRecorder(8)}
	secrets := redact.New(evidence.NewSecret(canary))
	r.Learn(d, secrets)
	var large []evidence.Secret
	for n := range 600 {
		large = append(large, evidence.NewSecret(fmt.Sprintf("Kf7Qw9zLm2-%d-%s", n, strings.Repeat("x1", 50))))
	}
	theirs := redact.New(large...)
	for i := 0; i*theirs.Size() <= mostKnown; i++ {
		other := &v1alpha1.BridgeDiagnosis{}
		other.UID = types.UID(fmt.Sprint(i))
		r.Learn(other, theirs)
	}
	if r.Secrets(d) != nil {
		t.Fatal("there is room for all of them: this shows nothing")
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	after := d.DeepCopy()
	after.Status.Refuted = []v1alpha1.RefutedCause{{Cause: v1alpha1.CauseUnknown, Because: "the log says " + canary}}
	if err := r.Diagnosis(t.Context(), d, after, v1alpha1.ReasonCauseUnknown, secrets); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(after.Status.Refuted[0].Because, canary) {
		t.Errorf("the status says: %s", after.Status.Refuted[0].Because)
	}
}

func TestWhatIsKnownIsBounded(t *testing.T) {
	var r Reporter
	for i := range 400 {
		var secrets []evidence.Secret
		for n := range 600 {
			secrets = append(secrets, evidence.NewSecret(fmt.Sprintf("Kf7Qw9zLm2-%d-%d-%s", i, n, strings.Repeat("x1", 50))))
		}
		d := &v1alpha1.BridgeDiagnosis{}
		d.UID = types.UID(fmt.Sprint(i))
		r.Learn(d, redact.New(secrets...))
		if i > 20 {
			break // making them takes longer than keeping them
		}
		if r.Secrets(d) == nil {
			t.Fatal("what was learned last is forgotten")
		}
	}
	if r.known.size > mostKnown || len(r.known.of) != len(r.known.order) {
		t.Errorf("%d bytes of %d diagnoses are kept", r.known.size, len(r.known.of))
	}
}
