package incident

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Whoever may patch a diagnosis, and not the workload, takes its label away: what the
// stack has tried and how much it may do still counts it.
func TestAStacksDiagnosesGoByNoLabel(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	of := func(stack, name, label string) *v1alpha1.BridgeDiagnosis {
		return &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: map[string]string{v1alpha1.LabelStack: label}},
			Spec: v1alpha1.BridgeDiagnosisSpec{Stack: stack}}
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(of("shop", "b", ""), of("shop", "a", "shop"), of("other", "c", "shop")).Build()
	got, err := OfStack(t.Context(), c, "ns", "shop")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" {
		t.Errorf("%d are found: %+v", len(got), got)
	}
}
