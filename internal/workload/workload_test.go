package workload_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)

// of reads an object as the API server sends it.
func of(t *testing.T, kind v1alpha1.WorkloadKind, text string) workload.Workload {
	t.Helper()
	w, err := workload.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(text), w.Object()); err != nil {
		t.Fatal(err)
	}
	return w
}

// Whatever is asked of one kind is answered by each.
func TestEveryKindIsWhole(t *testing.T) {
	for _, kind := range workload.Kinds() {
		if workload.TraitsOf(kind).Lock != "" {
			continue // see TestWhatIsNotWrittenIsWhole
		}
		t.Run(string(kind), func(t *testing.T) {
			w := of(t, kind, `
metadata: {name: api, namespace: shop, uid: u1, generation: 3}
spec:
  selector: {matchLabels: {app: api}}
  template: {metadata: {labels: {app: api}}, spec: {containers: [{name: api, image: "api:1"}]}}
status: {observedGeneration: 2}`)
			if w.Kind() != kind || workload.RefOf(w) != (workload.Ref{Kind: kind, Namespace: "shop", Name: "api", UID: "u1"}) {
				t.Errorf("kind %s, reference %+v", w.Kind(), workload.RefOf(w))
			}
			if again, ok := workload.Of(w.Object()); !ok || again.Kind() != kind {
				t.Errorf("its object is not known as a %s", kind)
			}
			if w.Template().Spec.Containers[0].Image != "api:1" || w.Selector().MatchLabels["app"] != "api" || w.ObservedGeneration() != 2 {
				t.Errorf("template %v, selector %v, observed generation %d", w.Template(), w.Selector(), w.ObservedGeneration())
			}
			w.Template().Spec.Containers[0].Image = "api:2"
			if again, _ := workload.Of(w.Object()); again.Template().Spec.Containers[0].Image != "api:2" {
				t.Error("an edit of the template is no edit of the object")
			}
			gvk, err := workload.GroupVersionKind(kind)
			if found, ok := workload.KindOf(gvk.GroupVersion().String(), gvk.Kind); err != nil || !ok || found != kind {
				t.Errorf("%v is found as %q", gvk, found)
			}
			if w.NewHistory() == nil || w.NewRecord() == nil {
				t.Error("it has no history")
			}
			if done, err := workload.RolledOut(w); done || err != nil {
				t.Errorf("rolled out before its controller saw it: %t, %v", done, err)
			}
		})
	}
	if _, ok := workload.Of(&corev1.Pod{ObjectMeta: ownedMeta("api-1", "rs", nil)}); ok {
		t.Error("a pod that something controls is taken for a workload")
	}
	if _, err := workload.New("Rollout"); err == nil {
		t.Error("an unknown kind is none")
	}
}

func TestLists(t *testing.T) {
	var names []string
	for _, list := range workload.NewLists() {
		switch l := list.(type) {
		case *appsv1.DeploymentList:
			l.Items = []appsv1.Deployment{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, {ObjectMeta: metav1.ObjectMeta{Name: "b"}}}
		case *appsv1.StatefulSetList:
			l.Items = []appsv1.StatefulSet{{ObjectMeta: metav1.ObjectMeta{Name: "c"}}}
		}
		for _, w := range workload.Items(list) {
			names = append(names, workload.RefOf(w).String())
		}
	}
	if diff := cmp.Diff([]string{"Deployment/a", "Deployment/b", "StatefulSet/c"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReplicasAndStrategy(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       v1alpha1.WorkloadKind
		replicas   workload.Replicas
		strategy   workload.Strategy
		withheld   string // from pod x-1
	}{
		{"the API server's default", "{}", v1alpha1.Deployment, workload.Replicas{Desired: 1}, workload.Strategy{SurgesFirst: true, ProgressDeadline: 10 * time.Minute}, ""},
		{"paused", "spec: {replicas: 3, paused: true}\nstatus: {replicas: 4, updatedReplicas: 2, readyReplicas: 1}", v1alpha1.Deployment,
			workload.Replicas{Desired: 3, Total: 4, Updated: 2, Ready: 1}, workload.Strategy{Paused: true, SurgesFirst: true, ProgressDeadline: 10 * time.Minute},
			"the Deployment's rollout is paused (spec.paused), so that a change would not reach its pods"},
		{"four replicas, of which one may be unavailable", "spec: {replicas: 4}", v1alpha1.Deployment, workload.Replicas{Desired: 4}, workload.Strategy{ProgressDeadline: 10 * time.Minute}, ""},
		{"neither a surge nor unavailable", "spec: {replicas: 1, strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}", v1alpha1.Deployment, workload.Replicas{Desired: 1}, workload.Strategy{ProgressDeadline: 10 * time.Minute}, ""},
		{"a rollout that may stand still for a minute", "spec: {replicas: 1, progressDeadlineSeconds: 60, strategy: {type: Recreate}}", v1alpha1.Deployment, workload.Replicas{Desired: 1}, workload.Strategy{ProgressDeadline: time.Minute}, ""},
		{"recreated", "spec: {replicas: 1, strategy: {type: Recreate}}", v1alpha1.Deployment, workload.Replicas{Desired: 1}, workload.Strategy{ProgressDeadline: 10 * time.Minute}, ""},
		{"a surge on each node", "spec: {updateStrategy: {rollingUpdate: {maxSurge: 10%, maxUnavailable: 0}}}\nstatus: {desiredNumberScheduled: 3}", v1alpha1.DaemonSet,
			workload.Replicas{Desired: 3}, workload.Strategy{SurgesFirst: true}, ""},
		{"scaled to zero", "spec: {replicas: 0}", v1alpha1.StatefulSet, workload.Replicas{}, workload.Strategy{InOrder: true}, ""},
		{"canary", "spec: {updateStrategy: {rollingUpdate: {partition: 2}}}", v1alpha1.StatefulSet,
			workload.Replicas{Desired: 1}, workload.Strategy{InOrder: true, Partition: 2}, "the StatefulSet's partition 2 keeps a change from pod x-1"},
		{"canary that the pod is", "spec: {updateStrategy: {rollingUpdate: {partition: 1}}}", v1alpha1.StatefulSet,
			workload.Replicas{Desired: 1}, workload.Strategy{InOrder: true, Partition: 1}, ""},
		{"on delete", "spec: {updateStrategy: {type: OnDelete}}", v1alpha1.StatefulSet, workload.Replicas{Desired: 1}, workload.Strategy{InOrder: true, OnDelete: true}, ""},
		{"one for each node", "spec: {updateStrategy: {type: OnDelete}}\nstatus: {desiredNumberScheduled: 3, currentNumberScheduled: 3, updatedNumberScheduled: 2, numberReady: 1}", v1alpha1.DaemonSet,
			workload.Replicas{Desired: 3, Total: 3, Updated: 2, Ready: 1}, workload.Strategy{OnDelete: true}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := of(t, c.kind, c.text)
			if w.Replicas() != c.replicas || w.Strategy() != c.strategy || workload.Withheld(w, "x-1") != c.withheld {
				t.Errorf("got %+v, %+v, %q", w.Replicas(), w.Strategy(), workload.Withheld(w, "x-1"))
			}
		})
	}
}

func TestRolledOut(t *testing.T) {
	const deployed = `
metadata: {generation: 2}
spec: {replicas: 2, progressDeadlineSeconds: 600}
status:
  observedGeneration: 2
  replicas: 2
  updatedReplicas: %d
  readyReplicas: %d
  availableReplicas: %d
  conditions: [{type: Available, status: "True"}, {type: Progressing, status: "True", reason: NewReplicaSetAvailable}]`
	const set = `
metadata: {generation: 2}
spec: {replicas: 2, updateStrategy: %s}
status: {observedGeneration: 2, replicas: 2, currentReplicas: 2, updatedReplicas: %d, readyReplicas: %d}`
	for _, c := range []struct {
		name, text string
		kind       v1alpha1.WorkloadKind
		want       bool
	}{
		{"all new and ready", fmt.Sprintf(deployed, 2, 2, 2), v1alpha1.Deployment, true},
		{"one is old", fmt.Sprintf(deployed, 1, 2, 2), v1alpha1.Deployment, false},
		{"one is not ready", fmt.Sprintf(deployed, 2, 1, 1), v1alpha1.Deployment, false},
		{"ready, but not for long enough", fmt.Sprintf(deployed, 2, 2, 1), v1alpha1.Deployment, false},
		{"set", fmt.Sprintf(set, "{}", 2, 2), v1alpha1.StatefulSet, true},
		{"canary is done", fmt.Sprintf(set, "{rollingUpdate: {partition: 1}}", 1, 2), v1alpha1.StatefulSet, true},
		{"canary is not ready", fmt.Sprintf(set, "{rollingUpdate: {partition: 1}}", 1, 1), v1alpha1.StatefulSet, false},
		{"on delete, nothing deleted", fmt.Sprintf(set, "{type: OnDelete}", 0, 2), v1alpha1.StatefulSet, false},
		{"on delete, all deleted", fmt.Sprintf(set, "{type: OnDelete}", 2, 2), v1alpha1.StatefulSet, true},
		{"on each node", "metadata: {generation: 1}\nstatus: {observedGeneration: 1, desiredNumberScheduled: 1, currentNumberScheduled: 1, updatedNumberScheduled: 1, numberAvailable: 1, numberReady: 1}", v1alpha1.DaemonSet, true},
		{"old on one node", "metadata: {generation: 1}\nstatus: {observedGeneration: 1, desiredNumberScheduled: 2, currentNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2, numberReady: 2}", v1alpha1.DaemonSet, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := workload.RolledOut(of(t, c.kind, c.text)); err != nil || got != c.want {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}
}

func ownedMeta(name string, owner types.UID, labels map[string]string) metav1.ObjectMeta {
	controller := true
	return metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: labels,
		OwnerReferences: []metav1.OwnerReference{{UID: owner, Controller: &controller}}}
}

func replicaSet(number string, ready int32, minute int, owner types.UID) appsv1.ReplicaSet {
	rs := appsv1.ReplicaSet{ObjectMeta: ownedMeta("app-"+number, owner, nil), Status: appsv1.ReplicaSetStatus{ReadyReplicas: ready}}
	rs.Annotations = map[string]string{workload.AnnotationRevision: number}
	rs.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(minute) * time.Minute))
	return rs
}

func controllerRevision(number int64, owner types.UID, name, hash string) appsv1.ControllerRevision {
	r := appsv1.ControllerRevision{ObjectMeta: ownedMeta(name, owner, map[string]string{"controller-revision-hash": hash}), Revision: number}
	r.CreationTimestamp = metav1.NewTime(noon.Add(time.Duration(number) * time.Minute))
	return r
}

func podOf(name string, owner types.UID, hash string, ready bool) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: ownedMeta(name, owner, map[string]string{"controller-revision-hash": hash})}
	if ready {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	return pod
}

// seen is what a history shows of pods.
type seen struct {
	Numbers         []string
	Newest, Foreign []string
	Updated, Older  int32
	Created         time.Time
}

func see(h workload.History, pods []corev1.Pod) seen {
	out := seen{Updated: h[0].ReadyPods(pods), Older: h.OlderReadyPods(pods), Created: h[0].Created}
	for _, r := range h {
		out.Numbers = append(out.Numbers, r.String())
	}
	for i := range pods {
		if h.IsNewest(&pods[i]) {
			out.Newest = append(out.Newest, pods[i].Name)
		}
		if !h.Owns(&pods[i]) {
			out.Foreign = append(out.Foreign, pods[i].Name)
		}
	}
	return out
}

func TestHistory(t *testing.T) {
	deployment := of(t, v1alpha1.Deployment, "metadata: {uid: d}")
	set := of(t, v1alpha1.StatefulSet, "metadata: {uid: s}\nstatus: {updateRevision: db-2}")
	daemons := of(t, v1alpha1.DaemonSet, "metadata: {uid: a}")
	at := func(minute int) time.Time { return noon.Add(time.Duration(minute) * time.Minute) }
	for _, c := range []struct {
		name string
		w    workload.Workload
		list workload.List
		pods []corev1.Pod
		want seen
	}{
		{"ReplicaSets, by number and not by word", deployment,
			&appsv1.ReplicaSetList{Items: []appsv1.ReplicaSet{replicaSet("8", 1, 1, "d"), replicaSet("10", 0, 3, "d"), replicaSet("99", 9, 9, "other"), replicaSet("9", 2, 2, "d")}},
			[]corev1.Pod{podOf("new", "app-10", "", false), podOf("old", "app-9", "", true), podOf("foreign", "app-99", "", true)},
			seen{Numbers: []string{"10", "9", "8"}, Newest: []string{"new"}, Foreign: []string{"foreign"}, Older: 3, Created: at(3)}},
		{"the update revision, though another has a higher number", set,
			&appsv1.ControllerRevisionList{Items: []appsv1.ControllerRevision{controllerRevision(1, "s", "db-1", "1"), controllerRevision(2, "s", "db-2", "2"), controllerRevision(3, "s", "db-3", "3"), controllerRevision(7, "x", "x-1", "1")}},
			[]corev1.Pod{podOf("db-0", "s", "db-1", true), podOf("db-1", "s", "db-2", true), podOf("db-2", "s", "db-2", false), podOf("y", "x", "db-2", true)},
			seen{Numbers: []string{"2", "3", "1"}, Newest: []string{"db-1", "db-2"}, Foreign: []string{"y"}, Updated: 1, Older: 1, Created: at(2)}},
		{"no revision on record yet", set, &appsv1.ControllerRevisionList{}, []corev1.Pod{podOf("db-0", "s", "db-1", true), podOf("db-1", "s", "db-2", true)},
			seen{Numbers: []string{""}, Newest: []string{"db-1"}, Updated: 1, Older: 1}},
		{"hashes, and a pod of a revision that was cleaned up", daemons,
			&appsv1.ControllerRevisionList{Items: []appsv1.ControllerRevision{controllerRevision(3, "a", "agent-new", "new"), controllerRevision(2, "a", "agent-old", "old")}},
			[]corev1.Pod{podOf("a1", "a", "old", true), podOf("a2", "a", "new", false), podOf("a3", "a", "forgotten", true)},
			seen{Numbers: []string{"3", "2"}, Newest: []string{"a2"}, Older: 2, Created: at(3)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, see(c.w.History(c.list), c.pods)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	if h := deployment.History(&appsv1.ReplicaSetList{}); len(h) != 0 {
		t.Errorf("a Deployment without ReplicaSets has revisions: %v", h)
	}
}

func TestRecordedTemplate(t *testing.T) {
	deployment, set := of(t, v1alpha1.Deployment, "{}"), of(t, v1alpha1.StatefulSet, "{}")
	rs := &appsv1.ReplicaSet{}
	rs.Spec.Template.Labels = map[string]string{"app": "api", "pod-template-hash": "abc"}
	template, err := deployment.RecordedTemplate(rs)
	if err != nil || len(template.Labels) != 1 {
		t.Errorf("labels %v, %v", template.Labels, err)
	}
	record := &appsv1.ControllerRevision{Data: runtime.RawExtension{Raw: []byte(`{"spec":{"template":{"$patch":"replace","spec":{"containers":[{"name":"db"}]}}}}`)}}
	if template, err = set.RecordedTemplate(record); err != nil || template.Spec.Containers[0].Name != "db" {
		t.Errorf("got %v, %v", template, err)
	}
	if _, err := set.RecordedTemplate(rs); err == nil {
		t.Error("a ReplicaSet is read as a StatefulSet's revision")
	}
}

func TestForeignOwner(t *testing.T) {
	controller, no := true, false
	ref := func(apiVersion, kind, name string, is *bool) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: name, Controller: is}
	}
	for _, c := range []struct {
		name string
		refs []metav1.OwnerReference
		want string
	}{
		{"nobody", nil, ""},
		{"Redpanda's operator", []metav1.OwnerReference{ref("cluster.redpanda.com/v1alpha2", "Redpanda", "rp", &controller)}, "Redpanda/rp"},
		{"Knative", []metav1.OwnerReference{ref("serving.knative.dev/v1", "Revision", "web-00001", &controller)}, "Revision/web-00001"},
		{"OLM, which marks no controller", []metav1.OwnerReference{ref("operators.coreos.com/v1alpha1", "ClusterServiceVersion", "rp.v1", &no)}, "ClusterServiceVersion/rp.v1"},
		{"one of Kubernetes' own kinds", []metav1.OwnerReference{ref("apps/v1", "Deployment", "web", &controller), ref("v1", "ConfigMap", "c", &controller)}, ""},
		{"an owner for garbage collection only", []metav1.OwnerReference{ref("example.com/v1", "App", "shop", &no), ref("example.com/v1", "App", "shop", nil)}, ""},
		{"a group that begins as Kubernetes' own", []metav1.OwnerReference{ref("apps.kruise.io/v1alpha1", "CloneSet", "web", &controller)}, "CloneSet/web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			owner, owned := workload.ForeignOwner(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{OwnerReferences: c.refs}})
			if owned != (c.want != "") || owned && owner.String() != c.want {
				t.Errorf("got %v, %t; want %q", owner, owned, c.want)
			}
		})
	}
}

// Release 4 is good and its pods are still up, release 5 was bad, and release 6 is
// the hurried fix that is bad as well.
func TestTheNewestOlderRevisionThatIsReady(t *testing.T) {
	yes, uid := true, types.UID("d")
	var sets appsv1.ReplicaSetList
	for number, ready := range map[string]int32{"3": 1, "4": 2, "5": 0, "6": 0} {
		sets.Items = append(sets.Items, appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Name: "api-" + number, Annotations: map[string]string{workload.AnnotationRevision: number},
				OwnerReferences: []metav1.OwnerReference{{UID: uid, Controller: &yes}}},
			Status: appsv1.ReplicaSetStatus{ReadyReplicas: ready},
		})
	}
	w, ok := workload.Of(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{UID: uid}})
	if !ok {
		t.Fatal("no workload")
	}
	if r, ready := w.History(&sets).NewestOlderReady(nil); r.String() != "4" || ready != 2 {
		t.Errorf("revision %s with %d ready pods", r, ready)
	}
	for i := range sets.Items {
		sets.Items[i].Status.ReadyReplicas = map[string]int32{"api-6": 1}[sets.Items[i].Name]
	}
	if r, ready := w.History(&sets).NewestOlderReady(nil); ready != 0 {
		t.Errorf("revision %s with %d ready pods", r, ready)
	}
}
