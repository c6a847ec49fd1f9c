package controllers_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// statefulSet makes a StatefulSet of one pod with a limit of 128Mi.
func statefulSet(t *testing.T, namespace, name string, p program, change ...func(*appsv1.StatefulSet)) *appsv1.StatefulSet {
	t.Helper()
	becomes(t, namespace, name, p)
	labels := map[string]string{labelApp: name}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: appsv1.StatefulSetSpec{
			ServiceName: name, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
				Name: "main", Image: "example.com/" + name,
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}},
			}}}},
		},
	}
	for _, c := range change {
		c(set)
	}
	create(t, set)
	return set
}

// runStatefulSet does what the StatefulSet controller does: it makes the pod that is
// missing, of the newest template, and never replaces one that is not ready.
func runStatefulSet(t *testing.T, set *appsv1.StatefulSet) {
	t.Helper()
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(set), set); err != nil {
		t.Fatal(err)
	}
	revision := templateRevision(t, set)
	if set.Status.UpdateRevision != revision || set.Status.ObservedGeneration != set.Generation {
		set.Status.UpdateRevision, set.Status.ObservedGeneration, set.Status.Replicas = revision, set.Generation, 1
		if err := k8s.Status().Update(t.Context(), set); err != nil && !isConflict(err) {
			t.Fatal(err)
		}
	}
	if len(podsOf(t, set.Namespace, set.Name)) > 0 {
		return
	}
	yes := true
	pod := &corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: set.Spec.Template.Spec}
	pod.Namespace, pod.Name = set.Namespace, set.Name+"-0"
	pod.Labels[appsv1.ControllerRevisionHashLabelKey] = revision
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: set.Name, UID: set.UID, Controller: &yes}}
	create(t, pod)
}

// templateRevision names the revision of a StatefulSet: a scale makes no other one.
func templateRevision(t *testing.T, set *appsv1.StatefulSet) string {
	t.Helper()
	text, err := json.Marshal(set.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s-%x", set.Name, sha256.Sum256(text))[:len(set.Name)+10]
}

// awaitOf waits for a state while the StatefulSet is run.
func awaitOf(t *testing.T, set *appsv1.StatefulSet, state v1alpha1.DiagnosisState) *v1alpha1.BridgeDiagnosis {
	t.Helper()
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		runStatefulSet(t, set)
		all = diagnoses(t, set.Namespace, set.Name)
		return len(all) == 1 && all[0].Status.State == state
	}, func() string { return fmt.Sprintf("%s is %s\n%s", set.Name, state, tell(all)) })
	return &all[0]
}

func onDelete(set *appsv1.StatefulSet) {
	set.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
}

// A StatefulSet's controller waits for a broken pod before it rolls a new
// template out: the pod is evicted, so that it gets it.
func TestBrokenPodOfAStatefulSetIsEvicted(t *testing.T) {
	for name, change := range map[string]func(*appsv1.StatefulSet){
		"RollingUpdate": func(*appsv1.StatefulSet) {}, "OnDelete": onDelete,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			create(t, stack(ns, statefulService("postgres")))
			set := statefulSet(t, ns, "postgres", needs("192Mi"), change)
			o := start(t, ns, settings{})
			attempted(t, awaitOf(t, set, v1alpha1.StateRecovered), v1alpha1.AttemptHelped)
			if limit := podOf(t, ns, "postgres").Spec.Containers[0].Resources.Limits.Memory().String(); limit != "192Mi" {
				t.Errorf("the pod has a limit of %s", limit)
			}
			patches, evictions := count(o.wire.made(), http.MethodPatch, "/statefulsets/"), count(o.wire.made(), http.MethodPost, "/eviction")
			if patches != 1 || evictions != 1 {
				t.Errorf("%d patches, %d evictions", patches, evictions)
			}
		})
	}
}

// A pod that keeps an earlier template, because it changes on delete only, is
// as well as one of the newest.
func TestPodOfAnEarlierRevisionRecovers(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, statefulService("postgres")), v1alpha1.ModeSuggest))
	set := statefulSet(t, ns, "postgres", outOfMemory, onDelete)
	runStatefulSet(t, set)
	edit(t, set, func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image += ":2" })
	start(t, ns, settings{})
	awaitOf(t, set, v1alpha1.StateSuggested)
	becomes(t, ns, "postgres", runs)
	attempted(t, awaitOf(t, set, v1alpha1.StateRecovered))
}

// A partition keeps the change from the pod, which a person must know.
func TestPartitionIsSaid(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, statefulService("postgres")))
	set := statefulSet(t, ns, "postgres", outOfMemory, func(s *appsv1.StatefulSet) {
		one := int32(1)
		s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: &one}
	})
	o := start(t, ns, settings{})
	attempted(t, awaitOf(t, set, v1alpha1.StateSuggested))
	if n := count(o.wire.made(), http.MethodPatch, "/statefulsets/"); n != 0 {
		t.Errorf("%d patches that would not reach the pod", n)
	}
}

// A container that has just ended is in no back-off yet when the template is
// written, and one that was given more memory in vain is in none for a moment
// either: the pod is replaced all the same, there and back.
func TestPodThatIsInNoBackOffYetIsReplaced(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := onceOnly(ns)
	s.Spec.Services = []v1alpha1.Service{statefulService("postgres")}
	create(t, s)
	set := statefulSet(t, ns, "postgres", neverInBackOff(outOfMemory))
	before := set.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String()
	o := start(t, ns, settings{})
	attempted(t, awaitOf(t, set, v1alpha1.StateEscalated), v1alpha1.AttemptRolledBack)
	until(t, func() bool {
		runStatefulSet(t, set)
		pods := podsOf(t, ns, "postgres")
		return len(pods) == 1 && pods[0].Spec.Containers[0].Resources.Limits.Memory().String() == before
	}, func() string { return "the pod has the template of before\n" + tell(diagnoses(t, ns, "postgres")) })
	patches, evictions := count(o.wire.made(), http.MethodPatch, "/statefulsets/"), count(o.wire.made(), http.MethodPost, "/eviction")
	if patches != 2 || evictions != 2 {
		t.Errorf("%d patches, %d evictions, want one of each there and one back", patches, evictions)
	}
}
