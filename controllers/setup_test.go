package controllers

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// A controller that is added is kept from the namespaces that are excluded, too.
func TestExcludedNamespacesAreToldToAllControllers(t *testing.T) {
	looksEverywhere := map[string]string{
		"*bridgestack.Reconciler": "it tells the stacks that they are excluded",
		"*gitopshold.Reconciler":  "it ends what the operator holds",
	}
	pod := func(namespace string) client.Object {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}
	}
	for _, c := range (Options{Excluded: []string{"kube-system"}}).controllers() {
		kind := reflect.TypeOf(c).String()
		if looksEverywhere[kind] != "" {
			continue
		}
		field := reflect.ValueOf(c).Elem().FieldByName("Within")
		if !field.IsValid() {
			t.Errorf("%s looks at all namespaces", kind)
			continue
		}
		within, set := reflect.TypeAssert[predicate.Predicate](field)
		if !set || within.Generic(event.GenericEvent{Object: pod("kube-system")}) || !within.Generic(event.GenericEvent{Object: pod("shop")}) {
			t.Errorf("%s does not know what is excluded", kind)
		}
	}
}
