package controllers_test

import (
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const ownersGroup = "owners.example.com"

// ownerKind makes the API server serve a kind of custom resource.
func ownerKind(t *testing.T, kind string) {
	t.Helper()
	plural := strings.ToLower(kind) + "s"
	crd := &unstructured.Unstructured{}
	text := `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ` + plural + "." + ownersGroup + `}
spec:
  group: ` + ownersGroup + `
  scope: Namespaced
  names: {kind: ` + kind + `, plural: ` + plural + `}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]`
	if err := yaml.Unmarshal([]byte(text), &crd.Object); err != nil {
		t.Fatal(err)
	}
	create(t, crd)
	until(t, func() bool {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion(ownersGroup + "/v1")
		list.SetKind(kind + "List")
		return k8s.List(t.Context(), list) == nil
	}, func() string { return "the API server serves " + kind })
}

// owner makes a custom resource, controlled by another one where that is given.
func owner(t *testing.T, namespace, kind, name string, by ...metav1.OwnerReference) metav1.OwnerReference {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(ownersGroup + "/v1")
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetOwnerReferences(by)
	create(t, o)
	return *metav1.NewControllerRef(o, o.GroupVersionKind())
}

// What another operator made of its own object is diagnosed, and nobody writes it,
// whatever the mode and whoever approves: the person is told where to change it.
func TestWhatAnotherOperatorOwnsIsNotWritten(t *testing.T) {
	ownerKind(t, "Broker")
	ownerKind(t, "Pool")
	notServed := func(*testing.T, string) metav1.OwnerReference {
		controller := true
		return metav1.OwnerReference{APIVersion: "serving.knative.dev/v1", Kind: "Revision", Name: "web-00001", UID: "1", Controller: &controller}
	}
	for name, c := range map[string]struct {
		by   func(*testing.T, string) metav1.OwnerReference
		says string
		mode v1alpha1.Mode
	}{
		"by one": {func(t *testing.T, ns string) metav1.OwnerReference { return owner(t, ns, "Broker", "rp") },
			"Broker/rp owns StatefulSet postgres: change it there", v1alpha1.ModeAuto},
		"by one that another one owns": {func(t *testing.T, ns string) metav1.OwnerReference {
			return owner(t, ns, "Pool", "rp-0", owner(t, ns, "Broker", "rp"))
		}, "Broker/rp owns StatefulSet postgres: change it there", v1alpha1.ModeAuto},
		"by one whose kind cannot be read": {notServed, "Revision/web-00001 owns StatefulSet postgres: change it there", v1alpha1.ModeAuto},
		"in mode Approve":                  {notServed, "Revision/web-00001 owns StatefulSet postgres: change it there", v1alpha1.ModeApprove},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			create(t, mode(stack(ns, statefulService("postgres")), c.mode))
			by := c.by(t, ns)
			set := statefulSet(t, ns, "postgres", needs("192Mi"), func(s *appsv1.StatefulSet) { s.OwnerReferences = []metav1.OwnerReference{by} })
			o := start(t, ns, settings{})
			d := awaitOf(t, set, v1alpha1.StateSuggested)
			if d.Status.Cause != v1alpha1.CauseOOMKilled || reasonOf(d) != v1alpha1.ReasonOwnedByOperator || !strings.Contains(d.Status.Message, c.says) {
				t.Errorf("got %s", tell([]v1alpha1.BridgeDiagnosis{*d}))
			}
			edit(t, d, func(d *v1alpha1.BridgeDiagnosis) { d.Spec.Approved = d.Status.Proposal.ID })
			until(t, func() bool {
				all := diagnoses(t, ns, "postgres")
				d = &all[0]
				return d.Status.ObservedGeneration == d.Generation && d.Spec.Approved != ""
			}, func() string { return "the operator sees the approval" })
			if d.Status.State != v1alpha1.StateSuggested {
				t.Errorf("approved: %s", tell([]v1alpha1.BridgeDiagnosis{*d}))
			}
			attempted(t, d)
			if patches, evictions := count(o.wire.made(), http.MethodPatch, "/statefulsets/"), count(o.wire.made(), http.MethodPost, "/eviction"); patches+evictions != 0 {
				t.Errorf("%d patches, %d evictions", patches, evictions)
			}
		})
	}
}
