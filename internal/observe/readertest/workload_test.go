package readertest

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/workload"
)

var (
	appLabels = map[string]string{"app": "app"}
	selector  = &metav1.LabelSelector{MatchLabels: appLabels}
	template  = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: appLabels},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app:1"}}},
	}
)

// meta of an object that the owner controls, with its labels and some more.
func meta(ns, name string, owner client.Object, kind string, more ...string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{"app": "app"}}
	for i := 0; i < len(more); i += 2 {
		m.Labels[more[i]] = more[i+1]
	}
	if owner != nil {
		m.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, appsv1.SchemeGroupVersion.WithKind(kind))}
	}
	return m
}

func pod(m metav1.ObjectMeta) *corev1.Pod { return &corev1.Pod{ObjectMeta: m, Spec: template.Spec} }

// cachedPods waits until the cache has all the objects.
func inCache(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		eventually(t, "the cache has "+o.GetName(), func() bool {
			return cluster.cached.Get(t.Context(), client.ObjectKeyFromObject(o), o.DeepCopyObject().(client.Object)) == nil
		})
	}
}

func names(pods []observe.Pod) []string {
	var out []string
	for _, p := range pods {
		name := p.Name
		if p.Newest {
			name += "*"
		}
		out = append(out, name)
	}
	return out
}

func checkPods(t *testing.T, w workload.Ref, want ...string) {
	t.Helper()
	got, err := newReader(t, cluster.config, nil).Pods(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	if n := names(got); len(n) != len(want) {
		t.Fatalf("pods: got %v, want %v", n, want)
	}
	for i, name := range names(got) {
		if name != want[i] {
			t.Fatalf("pods: got %v, want %v", names(got), want)
		}
	}
}

func TestDeployment(t *testing.T) {
	ns := namespace(t)
	d := &appsv1.Deployment{ObjectMeta: meta(ns, "app", nil, ""), Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}}
	create(t, d)
	set := func(number string) *appsv1.ReplicaSet {
		rs := &appsv1.ReplicaSet{ObjectMeta: meta(ns, "app-"+number, d, "Deployment"), Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template}}
		rs.Annotations = map[string]string{"deployment.kubernetes.io/revision": number}
		return rs
	}
	old, newest := set("9"), set("10")
	create(t, old, newest)
	oldPod, newPod, foreign := pod(meta(ns, "a-old", old, "ReplicaSet")), pod(meta(ns, "b-new", newest, "ReplicaSet")), pod(meta(ns, "foreign", nil, ""))
	create(t, oldPod, newPod, foreign)
	inCache(t, d, old, newest, oldPod, newPod, foreign)

	reader := newReader(t, cluster.config, nil)
	w, err := reader.WorkloadOf(t.Context(), newPod)
	want := workload.Ref{Kind: v1alpha1.Deployment, Namespace: ns, Name: "app", UID: d.UID}
	if err != nil || w != want {
		t.Fatalf("the owner: got %+v, %v; want %+v", w, err, want)
	}
	checkPods(t, w, "b-new*", "a-old")
	if bare, err := reader.WorkloadOf(t.Context(), foreign); bare.String() != "Pod/foreign" || bare.UID != foreign.UID || err != nil {
		t.Errorf("a pod that nobody owns: got %+v, %v", bare, err)
	}
	got, err := reader.Case(t.Context(), observe.Request{Pod: newPod, Container: "app", Workload: w})
	state := got.Case.Rollout
	if state.Revision != "10" || state.ReadyRevision != "" || state.UID != string(d.UID) {
		t.Errorf("rollout: got %+v, %v", state, err)
	}
	w.UID = "another"
	if got, err := reader.Case(t.Context(), observe.Request{Pod: newPod, Container: "app", Workload: w}); err == nil || got.Case.Rollout.Known {
		t.Error("a Deployment that was made anew under its name counts as the old one")
	}
}

func TestStatefulSetAndDaemonSet(t *testing.T) {
	ns := namespace(t)
	s := &appsv1.StatefulSet{ObjectMeta: meta(ns, "db", nil, ""), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}}
	d := &appsv1.DaemonSet{ObjectMeta: meta(ns, "agent", nil, ""), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
	create(t, s, d)
	s.Status = appsv1.StatefulSetStatus{UpdateRevision: "db-2"}
	if err := cluster.client.Status().Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	const hash = appsv1.ControllerRevisionHashLabelKey
	revision := func(name string, number int64, owner client.Object, kind, label string) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{ObjectMeta: meta(ns, name, owner, kind, hash, label), Revision: number, Data: runtime.RawExtension{Raw: []byte("{}")}}
	}
	create(t, revision("db-1", 1, s, "StatefulSet", "db-1"), revision("db-2", 2, s, "StatefulSet", "db-2"),
		revision("agent-x", 4, d, "DaemonSet", "x"), revision("agent-y", 3, d, "DaemonSet", "y"))
	pods := []client.Object{
		pod(meta(ns, "db-0", s, "StatefulSet", hash, "db-1")), pod(meta(ns, "db-1", s, "StatefulSet", hash, "db-2")),
		pod(meta(ns, "agent-1", d, "DaemonSet", hash, "x")), pod(meta(ns, "agent-2", d, "DaemonSet", hash, "y")),
	}
	create(t, pods...)
	inCache(t, append(pods, s, d)...)
	eventually(t, "the cache has the StatefulSet's status", func() bool {
		var cached appsv1.StatefulSet
		return cluster.cached.Get(t.Context(), client.ObjectKeyFromObject(s), &cached) == nil && cached.Status.UpdateRevision != ""
	})
	checkPods(t, workload.Ref{Kind: v1alpha1.StatefulSet, Namespace: ns, Name: "db", UID: s.UID}, "db-1*", "db-0")
	checkPods(t, workload.Ref{Kind: v1alpha1.DaemonSet, Namespace: ns, Name: "agent", UID: d.UID}, "agent-1*", "agent-2")
}

// A limit that the API server's LimitRanger gave to a container is the LimitRange's,
// and one that is in the pod and in nobody's default is what admitted the pod set.
func TestCaseTellsWhoSetTheLimit(t *testing.T) {
	ns := namespace(t)
	create(t, &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "small"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("30Mi")}}}}})
	for name, c := range map[string]struct {
		inTemplate, inPod string
		want              evidence.Limit
		older             bool
	}{
		"default":     {want: evidence.Limit{Value: 30 << 20, Source: evidence.LimitOfLimitRange, LimitRange: "small"}},
		"template":    {inTemplate: "40Mi", inPod: "40Mi", want: evidence.Limit{Value: 40 << 20, Source: evidence.LimitOfTemplate, Template: 40 << 20}},
		"webhook":     {inPod: "20Mi", want: evidence.Limit{Value: 20 << 20, Source: evidence.LimitOfAdmission}},
		"resized":     {inTemplate: "40Mi", inPod: "20Mi", want: evidence.Limit{Value: 20 << 20, Source: evidence.LimitOfAdmission, Template: 40 << 20}},
		"of-an-older": {inTemplate: "40Mi", inPod: "20Mi", older: true, want: evidence.Limit{Value: 20 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			limited := func(spec corev1.PodSpec, limit string) corev1.PodSpec {
				spec = *spec.DeepCopy()
				if limit != "" {
					spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}
				}
				return spec
			}
			own := map[string]string{"app": name}
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: own}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: own}, Spec: limited(template.Spec, c.inTemplate)}}}
			create(t, d)
			d.Status.ObservedGeneration = d.Generation
			if err := cluster.client.Status().Update(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			set := func(number string) *appsv1.ReplicaSet {
				rs := &appsv1.ReplicaSet{ObjectMeta: meta(ns, name+"-"+number, d, "Deployment"), Spec: appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template}}
				rs.Labels, rs.Annotations = own, map[string]string{workload.AnnotationRevision: number}
				create(t, rs)
				return rs
			}
			sets := []*appsv1.ReplicaSet{set("2"), set("1")}
			of := sets[0]
			if c.older {
				of = sets[1]
			}
			p := pod(meta(ns, name, of, "ReplicaSet"))
			p.Labels, p.Spec = own, limited(template.Spec, c.inPod)
			create(t, p)
			inCache(t, d, sets[0], sets[1], p)
			eventually(t, "the cache has the Deployment's status", func() bool {
				var cached appsv1.Deployment
				return cluster.cached.Get(t.Context(), client.ObjectKeyFromObject(d), &cached) == nil && cached.Status.ObservedGeneration == d.Generation
			})
			got, _ := newReader(t, cluster.config, nil).Case(t.Context(), observe.Request{Pod: p, Container: "app", Workload: workload.Ref{Kind: v1alpha1.Deployment, Namespace: ns, Name: name}})
			if limit := got.Case.MemoryLimit(); limit != c.want {
				t.Errorf("got %+v, want %+v", limit, c.want)
			}
			if differs, said := c.inTemplate != c.inPod && !c.older, len(got.Case.Differences) > 0; name != "default" && differs != said {
				t.Errorf("the pod differs from its template: %t, said %+v", differs, got.Case.Differences)
			}
			for _, f := range got.Case.Differences {
				if want := "by the LimitRange small"; name == "default" && f.By != want {
					t.Errorf("%s, want %q", f, want)
				}
			}
		})
	}
}

// The change of a template is told with its fields and who made it, and the image that
// came to stand behind a tag.
func TestCaseTellsWhatChanged(t *testing.T) {
	ns := namespace(t)
	own := map[string]string{"app": "changed"}
	made := func(image string) corev1.PodTemplateSpec {
		out := *template.DeepCopy()
		out.Labels, out.Spec.Containers[0].Image = own, image
		return out
	}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "app"}, Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: own}, Template: made("app:1")}}
	if err := cluster.client.Create(t.Context(), d, client.FieldOwner("helm")); err != nil {
		t.Fatal(err)
	}
	d.Spec.Template = made("app:2")
	if err := cluster.client.Update(t.Context(), d, client.FieldOwner("helm")); err != nil {
		t.Fatal(err)
	}
	d.Status.ObservedGeneration = d.Generation
	if err := cluster.client.Status().Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	set := func(number, image string) *appsv1.ReplicaSet {
		rs := &appsv1.ReplicaSet{ObjectMeta: meta(ns, "app-"+number, d, "Deployment"), Spec: appsv1.ReplicaSetSpec{Selector: d.Spec.Selector, Template: made(image)}}
		rs.Labels, rs.Annotations = own, map[string]string{workload.AnnotationRevision: number}
		create(t, rs)
		return rs
	}
	older, newest := set("1", "app:1"), set("2", "app:2")
	p := pod(meta(ns, "app-2-x", newest, "ReplicaSet"))
	p.Labels, p.Spec = own, made("app:2").Spec
	create(t, p)
	inCache(t, d, older, newest, p)
	eventually(t, "the cache has the Deployment's status", func() bool {
		var cached appsv1.Deployment
		return cluster.cached.Get(t.Context(), client.ObjectKeyFromObject(d), &cached) == nil && cached.Status.ObservedGeneration == d.Generation
	})
	got, _ := newReader(t, cluster.config, nil).Case(t.Context(), observe.Request{Pod: p, Container: "app", Workload: workload.Ref{Kind: v1alpha1.Deployment, Namespace: ns, Name: "app"}})
	if len(got.Case.Changes) != 1 {
		t.Fatalf("changes: %+v", got.Case.Changes)
	}
	change := got.Case.Changes[0]
	if change.Kind != evidence.ChangeTemplate || change.Object != "Deployment/app" || change.Revision != "2" || change.By != "helm" ||
		len(change.Fields) != 1 || change.Fields[0].String() != "containers[app].image app:1 -> app:2" {
		t.Errorf("got %+v", change)
	}
}
