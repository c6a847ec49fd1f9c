package observe

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/randfill"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

func transformed(t testing.TB, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	out, err := Transform(pod)
	if err != nil {
		t.Fatal(err)
	}
	return out.(*corev1.Pod)
}

// madeOf is everything that is made of a pod.
type madeOf struct {
	Pod        evidence.Pod
	Containers []evidence.Container
	Env        map[string]map[string]string
	References map[string][]reference
	Owner      *metav1.OwnerReference
	Ready      bool
}

func everything(pod *corev1.Pod) madeOf {
	out := madeOf{PodOf(pod), Containers(pod), map[string]map[string]string{}, map[string][]reference{}, metav1.GetControllerOf(pod), workload.PodReady(pod)}
	for _, c := range specsOf(pod) {
		out.Env[c.Name] = show(effectiveEnv(pod, c, nil, nil))
		out.References[c.Name] = references(pod, c)
	}
	return out
}

// filler makes pods with something in every field.
func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.2).NumElements(0, 3).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewMilliQuantity(c.Int63n(1<<40), resource.DecimalSI)
		},
		func(f *corev1.ObjectFieldSelector, c randfill.Continue) {
			paths := []string{"metadata.name", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
				"status.podIP", "status.podIPs", "metadata.labels['l']", "metadata.annotations['a']"}
			f.FieldPath = paths[c.Intn(len(paths))]
		},
		func(m *corev1.VolumeMount, c randfill.Continue) { m.Name = []string{"v0", "v1"}[c.Intn(2)] },
		func(s *corev1.PodSpec, c randfill.Continue) {
			c.FillNoCustom(s)
			for i := range s.Volumes {
				s.Volumes[i].Name = fmt.Sprintf("v%d", i)
			}
		},
		func(m *metav1.ObjectMeta, c randfill.Continue) {
			c.FillNoCustom(m)
			m.Labels = map[string]string{"l": c.String(5)}
			m.Annotations = map[string]string{"a": c.String(5), "b": c.String(5)}
		},
	)
}

// What the cache keeps of a pod must say the same as the whole pod, whatever is in it.
func TestTransformKeepsWhatIsNeeded(t *testing.T) {
	for seed := range int64(300) {
		pod := &corev1.Pod{}
		filler(seed).Fill(pod)
		kept := transformed(t, pod.DeepCopy())
		if diff := cmp.Diff(everything(pod), everything(kept), cmp.AllowUnexported(reference{})); diff != "" {
			t.Fatalf("seed %d: the whole pod and what is kept of it differ (-whole +kept)\n%s", seed, diff)
		}
		if again := transformed(t, kept.DeepCopy()); !reflect.DeepEqual(kept, again) {
			t.Fatalf("seed %d: transforming twice is not the same as once\n%s", seed, cmp.Diff(kept, again))
		}
	}
}

// wellAgain is the pod as if it had never been in trouble.
func wellAgain(pod *corev1.Pod) *corev1.Pod {
	yes := true
	pod.Status.Phase, pod.Status.Reason = corev1.PodRunning, ""
	pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses = nil, nil
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Ready: true, Started: &yes, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}})
	}
	for _, c := range pod.Spec.InitContainers {
		pod.Status.InitContainerStatuses = append(pod.Status.InitContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", FinishedAt: metav1.Now()}}})
	}
	return pod
}

// Of a pod that is well, the cache says the same of all that is asked of such pods:
// whose it is, and how its containers stand.
func TestTransformKeepsHowPodsStandThatAreWell(t *testing.T) {
	standing := func(pod *corev1.Pod) any {
		var containers []evidence.Container
		for _, c := range Containers(pod) {
			containers = append(containers, evidence.Container{Name: c.Name, Role: c.Role, Ready: c.Ready, Started: c.Started, Restarts: c.Restarts,
				Waiting: c.Waiting, RunningSince: c.RunningSince, Terminated: c.Terminated, LastTermination: c.LastTermination})
		}
		return []any{PodOf(pod), containers, metav1.GetControllerOf(pod), workload.PodReady(pod), pod.Labels, pod.Status.PodIPs, pod.Status.HostIP}
	}
	for seed := range int64(300) {
		pod := &corev1.Pod{}
		filler(seed).Fill(pod)
		wellAgain(pod)
		kept := transformed(t, pod.DeepCopy())
		if diff := cmp.Diff(standing(pod), standing(kept)); diff != "" {
			t.Fatalf("seed %d: the whole pod and what is kept of it differ (-whole +kept)\n%s", seed, diff)
		}
		if !well(kept) {
			t.Fatalf("seed %d: what is kept of a pod that is well does not look so", seed)
		}
		if again := transformed(t, kept.DeepCopy()); !reflect.DeepEqual(kept, again) {
			t.Fatalf("seed %d: transforming twice is not the same as once\n%s", seed, cmp.Diff(kept, again))
		}
	}
}

func TestWell(t *testing.T) {
	container := func(pod *corev1.Pod) *corev1.ContainerStatus { return &pod.Status.ContainerStatuses[0] }
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   bool
	}{
		"runs and is ready": {func(*corev1.Pod) {}, true},
		"is not ready":      {func(p *corev1.Pod) { container(p).Ready = false }, false},
		"restarted once":    {func(p *corev1.Pod) { container(p).RestartCount = 1 }, false},
		"waits": {func(p *corev1.Pod) {
			container(p).State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
		}, false},
		"ended before":                          {func(p *corev1.Pod) { container(p).LastTerminationState.Terminated = &corev1.ContainerStateTerminated{} }, false},
		"has no status yet":                     {func(p *corev1.Pod) { p.Status.ContainerStatuses = nil }, false},
		"was evicted":                           {func(p *corev1.Pod) { p.Status.Reason = "Evicted" }, false},
		"is pending":                            {func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }, false},
		"an init container failed":              {func(p *corev1.Pod) { p.Status.InitContainerStatuses[0].State.Terminated.ExitCode = 1 }, false},
		"an init container had to be run again": {func(p *corev1.Pod) { p.Status.InitContainerStatuses[0].RestartCount = 1 }, false},
	} {
		pod := wellAgain(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}, InitContainers: []corev1.Container{{Name: "migrate"}}}})
		c.change(pod)
		if got := well(pod); got != c.want {
			t.Errorf("a pod that %s: well is %t, want %t", name, got, c.want)
		}
	}
}

func TestTransformLetsTombstonesPass(t *testing.T) {
	tombstone := cache.DeletedFinalStateUnknown{Key: "shop/app"}
	for name, transform := range map[string]cache.TransformFunc{"Pod": Transform, "ReplicaSet": TransformReplicaSet, "Node": TransformNode, "Deployment": TransformWorkload} {
		if got, err := transform(tombstone); err != nil || got != any(tombstone) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestTransformReplicaSetKeepsTheRollout(t *testing.T) {
	deployment, _ := workload.Of(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "app", UID: "d"}})
	controller := true
	replicaSet := func(number string, ready int32) appsv1.ReplicaSet {
		rs := appsv1.ReplicaSet{Status: appsv1.ReplicaSetStatus{ReadyReplicas: ready}}
		rs.Name, rs.UID, rs.CreationTimestamp = "app-"+number, types.UID("app-"+number), metav1.NewTime(noon)
		rs.Annotations = map[string]string{workload.AnnotationRevision: number}
		rs.OwnerReferences = []metav1.OwnerReference{{UID: "d", Controller: &controller}}
		rs.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app"}}
		return rs
	}
	whole := appsv1.ReplicaSetList{Items: []appsv1.ReplicaSet{replicaSet("1", 1), replicaSet("2", 2)}}
	var kept appsv1.ReplicaSetList
	for i := range whole.Items {
		out, err := TransformReplicaSet(whole.Items[i].DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		rs := out.(*appsv1.ReplicaSet)
		if len(rs.Spec.Template.Spec.Containers) != 0 {
			t.Error("the pod template is kept")
		}
		kept.Items = append(kept.Items, *rs)
	}
	want, got := rolloutOf(deployment, deployment.History(&whole), nil), rolloutOf(deployment, deployment.History(&kept), nil)
	if diff := cmp.Diff(want, got); diff != "" || want.Revision != "2" || want.OlderReady != 1 {
		t.Errorf("%+v (-whole +kept)\n%s", want, diff)
	}
}

// Who set which field is kept where a GitOps controller owns others, and the
// template always: attempts are tied to its hash.
func TestTransformWorkloadKeepsTheTemplate(t *testing.T) {
	for name, c := range map[string]struct {
		manager string
		want    bool
	}{"kubectl": {"kubectl-client-side-apply", false}, "Flux": {"kustomize-controller", true}} {
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{
			Annotations:   map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "team": "payments"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: c.manager, FieldsV1: &metav1.FieldsV1{}}},
		}}
		filler(1).Fill(&d.Spec)
		out, err := TransformWorkload(d.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		kept := out.(*appsv1.Deployment)
		_, applied := kept.Annotations[corev1.LastAppliedConfigAnnotation]
		if kept.Annotations["team"] != "payments" || !reflect.DeepEqual(kept.Spec, d.Spec) {
			t.Errorf("%s: more is gone than the record of who set what: %+v", name, kept)
		}
		if (len(kept.ManagedFields) > 0) != c.want || applied != c.want {
			t.Errorf("%s: kept is %t and %t, want %t", name, len(kept.ManagedFields) > 0, applied, c.want)
		}
	}
}

// crashLooping is a pod as a real API server gives it.
func crashLooping(t testing.TB) *corev1.Pod {
	t.Helper()
	text, err := os.ReadFile("testdata/crashlooping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return podFrom(t, string(text))
}

// bytesEach is the heap that each of many pods takes.
func bytesEach(t testing.TB, pod func() *corev1.Pod) uint64 {
	t.Helper()
	const n = 1000
	pods := make([]*corev1.Pod, n)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range pods {
		pods[i] = pod()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(pods)
	return (after.HeapAlloc - before.HeapAlloc) / n
}

// freshCopy has no memory in common with the pod, as one that was just decoded.
func freshCopy(t testing.TB, wire []byte) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	if err := pod.Unmarshal(wire); err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestCachedPodIsSmall(t *testing.T) {
	wire, err := crashLooping(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	whole := bytesEach(t, func() *corev1.Pod { return freshCopy(t, wire) })
	kept := bytesEach(t, func() *corev1.Pod { return transformed(t, freshCopy(t, wire)) })
	wellKept := bytesEach(t, func() *corev1.Pod { return transformed(t, wellAgain(freshCopy(t, wire))) })
	t.Logf("on the wire %d bytes, in memory %d, transformed %d, while it is well %d", len(wire), whole, kept, wellKept)
	if wellKept > 3<<10 {
		t.Errorf("a pod that is well takes %d bytes", wellKept)
	}
	if kept > whole*2/5 {
		t.Errorf("the transformed pod takes %d bytes of %d", kept, whole)
	}
	text := transformed(t, freshCopy(t, wire)).String()
	for _, gone := range []string{"kube-api-access", "containerd://", "pod-template-generation", "tolerationSeconds", "kubelet"} {
		if strings.Contains(text, gone) {
			t.Errorf("%s is kept", gone)
		}
	}
}

func BenchmarkTransform(b *testing.B) {
	wire, err := crashLooping(b).Marshal()
	if err != nil {
		b.Fatal(err)
	}
	pod := freshCopy(b, wire)
	for b.Loop() {
		if _, err := Transform(pod); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(wire)), "wire-B")
	b.ReportMetric(float64(bytesEach(b, func() *corev1.Pod { return freshCopy(b, wire) })), "whole-B/pod")
	b.ReportMetric(float64(bytesEach(b, func() *corev1.Pod { return transformed(b, freshCopy(b, wire)) })), "kept-B/pod")
}
