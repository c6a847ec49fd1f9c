package bridgediagnosis

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/observe"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/verify"
)

// A pod on a node that does not answer keeps its template, and its DaemonSet's
// controller deletes it and waits, as it is the one that may be unavailable: that is
// no failure of a remedy that reached the others.
func TestDaemonSetWithANodeThatDoesNotAnswer(t *testing.T) {
	const day, ago = 24 * time.Hour, 4 * time.Minute
	on := func(node string, p observe.Pod, ready corev1.ConditionStatus) observe.Pod {
		p.Spec.NodeName = node
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		return p
	}
	ending := func(p observe.Pod) observe.Pod {
		p.DeletionTimestamp = new(metav1.NewTime(at3.Add(-ago)))
		return p
	}
	repaired, healthy := on("a", podMade("agent-a", ago, true, upFor(ago)), corev1.ConditionTrue), on("c", podMade("agent-c", day, false, upFor(day)), corev1.ConditionTrue)
	for name, c := range map[string]struct {
		pods []observe.Pod
		want verify.Outcome
	}{
		"it looped there, too":            {[]observe.Pod{repaired, on("c", podMade("agent-c", ago, true, upFor(ago)), corev1.ConditionTrue), on("silent", podMade("agent-s", day, false, crashLooping(9)), corev1.ConditionFalse)}, verify.Helped},
		"its pod there is being deleted":  {[]observe.Pod{repaired, healthy, ending(on("silent", podMade("agent-s", day, false, upFor(day)), corev1.ConditionFalse))}, verify.Helped},
		"the node answers":                {[]observe.Pod{repaired, healthy, on("b", podMade("agent-b", day, false, crashLooping(9)), corev1.ConditionFalse)}, verify.Failed},
		"another one loops on beside it":  {[]observe.Pod{repaired, on("c", podMade("agent-c", ago, true, crashLooping(3)), corev1.ConditionFalse), on("silent", podMade("agent-s", day, false, crashLooping(9)), corev1.ConditionFalse)}, verify.Failed},
		"one was not replaced, and loops": {[]observe.Pod{repaired, on("c", podMade("agent-c", day, false, crashLooping(9)), corev1.ConditionFalse), on("silent", podMade("agent-s", day, false, crashLooping(9)), corev1.ConditionFalse)}, verify.Failed},
		"none has the change":             {[]observe.Pod{healthy, on("a", podMade("agent-a", day, false, upFor(day)), corev1.ConditionTrue), on("silent", podMade("agent-s", day, false, crashLooping(9)), corev1.ConditionFalse)}, verify.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			node := func(name string, ready corev1.ConditionStatus) *corev1.Node {
				return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}}}
			}
			nodes := fake.NewClientBuilder().WithObjects(node("a", "True"), node("b", "True"), node("c", "True"), node("silent", "Unknown")).Build()
			r := &Reconciler{Observer: observe.New(observe.Options{Cached: nodes})}
			in := roundOf(time.Hour, c.pods...)
			set := &appsv1.DaemonSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "agent", UID: "1", Generation: 2}, Status: appsv1.DaemonSetStatus{ObservedGeneration: 2}}
			in.workload = workloadOf(t, set)
			in.service.Workload.Wanted = 3
			in.after.Spec.Workload = v1alpha1.DiagnosedWorkload{Kind: v1alpha1.DaemonSet, Name: "agent", UID: "1"}
			recorded := metav1.NewTime(at3.Add(-6 * time.Minute))
			in.after.Status.Attempts = []v1alpha1.Attempt{{
				Outcome: v1alpha1.AttemptApplied, Replicas: 3, SoakSeconds: 60, RecordedAt: recorded, AppliedAt: &recorded, Deadline: metav1.NewTime(at3.Add(-time.Minute)),
				Proposal: v1alpha1.Proposal{Remedy: v1alpha1.RemedyRaiseMemoryLimit},
				Action:   v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: in.after.Spec.Workload, Generation: 1}},
			}}
			in.nodes = r.Observer.Nodes(t.Context(), in.pods)
			v := verify.Check(in.view().VerifyInput())
			if v.Outcome == verify.Waiting { // the last one that came up has its time
				in.now = in.now.Add(5 * time.Minute)
				v = verify.Check(in.view().VerifyInput())
			}
			if v.Outcome != c.want {
				t.Errorf("got %s: %s", v.Outcome, v.Reason)
			}
		})
	}
}

// A rollout that does not go on, as for a quota, leaves pods with the template before:
// what ends those is no reason to change the present one once more.
func TestPresentTemplateIsNotChangedForAnEarlierOne(t *testing.T) {
	const day = 24 * time.Hour
	repaired, before := podMade("api-new", time.Hour, true, upFor(time.Hour)), podMade("api-old", day, false, crashLooping(40))
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api"}}
	onDelete := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "api"}, Spec: appsv1.StatefulSetSpec{
		UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
	}}
	for name, c := range map[string]struct {
		workload client.Object
		pods     []observe.Pod
		untried  bool
	}{
		"it loops beside new ones that are up": {deployment, []observe.Pod{repaired, before}, true},
		"a new one loops, too":                 {deployment, []observe.Pod{podMade("api-new", time.Hour, true, crashLooping(3)), before}, false},
		"there are only new ones":              {deployment, []observe.Pod{podMade("api-new", time.Hour, true, crashLooping(3))}, false},
		"it keeps its template until deleted":  {onDelete, []observe.Pod{repaired, before}, false},
		"no pod":                               {deployment, nil, false},
	} {
		in := roundOf(2*time.Hour, c.pods...)
		in.workload = workloadOf(t, c.workload)
		_, worst, _ := in.worst()
		if got := plan.Untried(in.workload, worst); (got != "") != c.untried {
			t.Errorf("%s: %q", name, got)
		}
	}
}
