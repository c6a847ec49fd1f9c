package attempt

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/workload"
)

func workloadOf(t *testing.T, o client.Object) workload.Workload {
	t.Helper()
	w, is := workload.Of(o)
	if !is {
		t.Fatalf("%T is no workload", o)
	}
	return w
}

// podSeen is one that is up, and of the newest revision.
func podSeen(name string, change ...func(*evidence.WorkloadPod)) evidence.WorkloadPod {
	p := evidence.WorkloadPod{
		HasContainer: true, Newest: true,
		Pod:       evidence.Pod{Name: name, UID: "uid-" + name, Created: now, Ready: evidence.ReadinessTrue, ReadySince: now, ContainersReady: true},
		Container: evidence.Container{Name: "app", Ready: true, RunningSince: now},
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

func waitsFor(reason string) func(*evidence.WorkloadPod) {
	return func(p *evidence.WorkloadPod) {
		p.Container = evidence.Container{Name: "app", Waiting: &evidence.Waiting{Reason: reason}}
		p.Pod.Ready, p.Pod.ContainersReady = evidence.ReadinessFalse, false
	}
}

func TestPodsOf(t *testing.T) {
	partition := int32(2)
	plain := workloadOf(t, &appsv1.StatefulSet{})
	staged := workloadOf(t, &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
		Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: &partition},
	}}})
	ended := func(code int32) func(*evidence.WorkloadPod) {
		return func(p *evidence.WorkloadPod) {
			p.Container = evidence.Container{Name: "app", Terminated: &evidence.Termination{ExitCode: code}}
		}
	}
	pod := func(change func(*Pod)) []Pod {
		p := Pod{PodIdentity: v1alpha1.PodIdentity{Name: "api-1", UID: "uid-api-1"}, Created: now, Newest: true}
		change(&p)
		return []Pod{p}
	}
	for name, c := range map[string]struct {
		w    workload.Workload
		pod  evidence.WorkloadPod
		want []Pod
	}{
		"up":                        {plain, podSeen("api-1"), pod(func(p *Pod) { p.Up = true })},
		"sits in its back-off":      {plain, podSeen("api-1", waitsFor("CrashLoopBackOff")), pod(func(p *Pod) { p.BackingOff, p.Broken = true, true })},
		"cannot start":              {plain, podSeen("api-1", waitsFor("ImagePullBackOff")), pod(func(p *Pod) { p.Broken = true })},
		"has just crashed":          {plain, podSeen("api-1", ended(1)), pod(func(p *Pod) { p.Broken = true })},
		"has ended well":            {plain, podSeen("api-1", ended(0)), pod(func(*Pod) {})},
		"is being created":          {plain, podSeen("api-1", waitsFor("ContainerCreating")), pod(func(*Pod) {})},
		"of an earlier revision":    {plain, podSeen("api-1", func(p *evidence.WorkloadPod) { p.Newest = false }), pod(func(p *Pod) { p.Newest, p.Up = false, true })},
		"a partition keeps it":      {staged, podSeen("api-1"), pod(func(p *Pod) { p.Up, p.OutOfReach = true, true })},
		"is being deleted":          {plain, podSeen("api-1", func(p *evidence.WorkloadPod) { p.Pod.Terminating = true }), nil},
		"does not have a container": {plain, podSeen("api-1", func(p *evidence.WorkloadPod) { p.HasContainer = false }), pod(func(*Pod) {})},
	} {
		if diff := cmp.Diff(c.want, PodsOf(c.w, []evidence.WorkloadPod{c.pod})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// A status names pods; only the workload's own are touched.
func TestAmongPods(t *testing.T) {
	own := []evidence.WorkloadPod{podSeen("api-0"), podSeen("api-1")}
	named := []v1alpha1.PodIdentity{
		{Name: "api-1", UID: "uid-api-1"}, {Name: "api-0", UID: "of the one before"}, {Name: "postgres-0", UID: "uid-postgres-0"}, {Name: "another", UID: "uid-api-0"},
	}
	if diff := cmp.Diff(named[:1], AmongPods(named, own)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestContainerIsGone(t *testing.T) {
	has := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "migrate"}}, Containers: []corev1.Container{{Name: "app"}}}}
	without := &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app-v2"}}}}
	none := func(p *evidence.WorkloadPod) { p.HasContainer = false }
	ending := func(p *evidence.WorkloadPod) { p.Pod.Terminating = true }
	for name, c := range map[string]struct {
		template  *corev1.PodTemplateSpec
		container string
		pods      []evidence.WorkloadPod
		gone      bool
	}{
		"it is in the template":                 {has, "app", []evidence.WorkloadPod{podSeen("a", none)}, false},
		"an init container is":                  {has, "migrate", []evidence.WorkloadPod{podSeen("a", none)}, false},
		"a pod has it yet":                      {without, "app", []evidence.WorkloadPod{podSeen("a", none), podSeen("b")}, false},
		"a webhook gives it to the pods":        {without, "app", []evidence.WorkloadPod{podSeen("a")}, false},
		"no pod has it":                         {without, "app", []evidence.WorkloadPod{podSeen("a", none)}, true},
		"there is no pod to tell":               {without, "app", nil, false},
		"the only pod is on its way out":        {without, "app", []evidence.WorkloadPod{podSeen("a", none, ending)}, false},
		"the one that has it is on its way out": {without, "app", []evidence.WorkloadPod{podSeen("a", none), podSeen("b", ending)}, false},
	} {
		if got := ContainerIsGone(c.template, c.container, c.pods); got != c.gone {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Right after a write, the cache and the workload's controller tell of what was before.
func TestTemplateSeen(t *testing.T) {
	own := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api", UID: "1"}
	other := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "postgres", UID: "2"}
	patch := func(outcome v1alpha1.AttemptOutcome, w v1alpha1.DiagnosedWorkload) *v1alpha1.Attempt {
		return &v1alpha1.Attempt{Outcome: outcome, Action: v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: w, Generation: 4}}}
	}
	for name, c := range map[string]struct {
		generation, observed int64
		latest               *v1alpha1.Attempt
		seen                 bool
	}{
		"it has":                                  {5, 5, nil, true},
		"it has not yet":                          {5, 4, nil, false},
		"the cache is older than the write":       {4, 4, patch(v1alpha1.AttemptApplied, own), false},
		"the cache knows of the write":            {5, 5, patch(v1alpha1.AttemptApplied, own), true},
		"the write was of another workload":       {4, 4, patch(v1alpha1.AttemptApplied, other), true},
		"the attempt has ended":                   {4, 4, patch(v1alpha1.AttemptRolledBack, own), true},
		"the write of an attempt that is to come": {4, 4, patch(v1alpha1.AttemptRecorded, own), false},
	} {
		w := workloadOf(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: c.generation}, Status: appsv1.DeploymentStatus{ObservedGeneration: c.observed}})
		if got := TemplateSeen(w, c.latest, own); got != c.seen {
			t.Errorf("%s: %t", name, got)
		}
	}
}
