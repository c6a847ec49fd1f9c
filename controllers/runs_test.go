package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const partOf = "app.kubernetes.io/part-of"

// everything is a stack of all that is labelled as its part.
func everything(ns string) *v1alpha1.BridgeStack {
	s := stack(ns)
	s.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{partOf: "shop"}}
	return s
}

func part(ns, name string, by ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{partOf: "shop"}, OwnerReferences: by}
}

func runsOnce(name string) corev1.PodSpec {
	return corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: name, Image: "example.com/" + name + ":1"}}}
}

// job as somebody applies it; ends it as its controller would.
func job(t *testing.T, ns, name string, by ...metav1.OwnerReference) *batchv1.Job {
	t.Helper()
	j := &batchv1.Job{ObjectMeta: part(ns, name, by...)}
	j.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{partOf: "shop"}}, Spec: runsOnce(name)}
	create(t, j)
	return j
}

// ends a Job as the Job controller does: first it says what is to come, and then that it is so.
func endsAs(t *testing.T, j *batchv1.Job, before, after batchv1.JobConditionType, reason string) {
	t.Helper()
	now := metav1.Now()
	j.Status.StartTime = &now
	if after == batchv1.JobComplete {
		j.Status.CompletionTime, j.Status.Succeeded = &now, 1
	} else {
		j.Status.Failed = 1
	}
	for _, kind := range []batchv1.JobConditionType{before, after} {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, Reason: reason, Message: "Job was " + reason, LastTransitionTime: now})
	}
	if err := k8s.Status().Update(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, j *batchv1.Job, reason string) {
	t.Helper()
	endsAs(t, j, batchv1.JobFailureTarget, batchv1.JobFailed, reason)
}

func completes(t *testing.T, j *batchv1.Job) {
	t.Helper()
	endsAs(t, j, batchv1.JobSuccessCriteriaMet, batchv1.JobComplete, "CompletionsReached")
}

// podThatEnded of an owner, with an exit code and a log.
func podThatEnded(t *testing.T, ns, name, container string, code int32, log string, by ...metav1.OwnerReference) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{ObjectMeta: part(ns, name, by...), Spec: runsOnce(container)}
	for _, owner := range by { // as the Job's selector wants it
		p.Labels[batchv1.ControllerUidLabel] = string(owner.UID)
	}
	create(t, p)
	sim.mu.Lock()
	sim.answers[ns+"/"+name+"/"+container] = log
	sim.mu.Unlock()
	now := metav1.Now()
	p.Status.Phase = corev1.PodSucceeded
	if code != 0 {
		p.Status.Phase = corev1.PodFailed
	}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: container, Image: "i", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: "Error", StartedAt: metav1.NewTime(now.Add(-2 * time.Second)), FinishedAt: now}}}}
	if err := k8s.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func controls(o client.Object, apiVersion, kind string) metav1.OwnerReference {
	yes := true
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: o.GetName(), UID: o.GetUID(), Controller: &yes}
}

// healthySays waits for the condition Healthy of a stack.
func healthySays(t *testing.T, s *v1alpha1.BridgeStack, status metav1.ConditionStatus, words ...string) {
	t.Helper()
	var last string
	until(t, func() bool {
		c := meta.FindStatusCondition(stackNow(t, s).Status.Conditions, v1alpha1.ConditionHealthy)
		if c == nil {
			return false
		}
		last = fmt.Sprintf("%s: %s", c.Status, c.Message)
		for _, w := range words {
			if !strings.Contains(c.Message, w) {
				return false
			}
		}
		return c.Status == status
	}, func() string { return fmt.Sprintf("Healthy is %s and says %q; it is %s", status, words, last) })
}

// A Job that failed is diagnosed by its pod, and a person is called; it is over once the
// Job is gone.
func TestJobThatFailed(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := everything(ns)
	create(t, s)
	j := job(t, ns, "load")
	podThatEnded(t, ns, "load-x", "load", 127, "sh: 1: lod: not found\n", controls(j, "batch/v1", "Job"))
	fails(t, j, "BackoffLimitExceeded")
	o := start(t, ns, settings{})
	d := await(t, ns, "load", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if d.Spec.Workload.Kind != v1alpha1.Job || d.Spec.Symptom != v1alpha1.SymptomRunFailed || d.Status.Cause != v1alpha1.CauseCommandNotFound || d.Status.Loop.Reason != "RunFailed" {
		t.Errorf("%+v, loop %+v: %s", d.Spec, d.Status.Loop, tell([]v1alpha1.BridgeDiagnosis{*d}))
	}
	healthySays(t, s, metav1.ConditionFalse, "load: CommandNotFound")
	if patches, evictions := count(o.wire.made(), http.MethodPatch, "/jobs/"), count(o.wire.made(), http.MethodPost, "/eviction"); patches+evictions != 0 {
		t.Errorf("%d patches, %d evictions", patches, evictions)
	}
	background := metav1.DeletePropagationBackground
	if err := k8s.Delete(t.Context(), j, &client.DeleteOptions{PropagationPolicy: &background}); err != nil {
		t.Fatal(err)
	}
	await(t, ns, "load", v1alpha1.StateClosed, v1alpha1.ReasonWorkloadGone)
}

// A Job past its deadline has no pods any more: its own condition tells.
func TestJobPastItsDeadline(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, everything(ns))
	fails(t, job(t, ns, "load"), "DeadlineExceeded")
	start(t, ns, settings{})
	d := await(t, ns, "load", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if d.Status.Cause != v1alpha1.CauseDeadlineExceeded || d.Status.Confidence != v1alpha1.ConfidenceHigh || !strings.Contains(d.Status.Evidence[0].Text, "Job/load: failed: DeadlineExceeded") {
		t.Errorf("%s%+v", tell([]v1alpha1.BridgeDiagnosis{*d}), d.Status.Evidence)
	}
}

// The last run of a CronJob failed, and the next one succeeded: it is over.
func TestCronJobWhoseNextRunSucceeds(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := everything(ns)
	create(t, s)
	c := &batchv1.CronJob{ObjectMeta: part(ns, "nightly")}
	c.Spec.Schedule = "0 3 * * *"
	c.Spec.JobTemplate.Spec.Template.Spec = runsOnce("nightly")
	create(t, c)
	by := controls(c, "batch/v1", "CronJob")
	first := job(t, ns, "nightly-1", by)
	podThatEnded(t, ns, "nightly-1-x", "nightly-1", 1, "FATAL: environment variable STRIPE_KEY is not set\n", controls(first, "batch/v1", "Job"))
	fails(t, first, "BackoffLimitExceeded")
	start(t, ns, settings{})
	d := await(t, ns, "nightly", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if d.Spec.Workload.Kind != v1alpha1.CronJob || d.Status.Cause != v1alpha1.CauseEnvVarMissing {
		t.Errorf("%s", tell([]v1alpha1.BridgeDiagnosis{*d}))
	}
	if got := stackNow(t, s).Status.Services; len(got) != 1 || got[0].Workload != "CronJob/nightly" {
		t.Errorf("a run is a service of its own: %+v", got)
	}
	time.Sleep(time.Until(first.CreationTimestamp.Add(1100 * time.Millisecond))) // times of creation are whole seconds
	second := job(t, ns, "nightly-2", by)
	completes(t, second)
	d = await(t, ns, "nightly", v1alpha1.StateRecovered, v1alpha1.ReasonRunSucceeded)
	if !strings.Contains(d.Status.Message, "Job/nightly-2 succeeded") {
		t.Errorf("says %s", d.Status.Message)
	}
	healthySays(t, s, metav1.ConditionTrue, "nightly: succeeded; next run")
}

// A bare pod in CrashLoopBackOff is diagnosed, and nobody evicts it: nothing would make it anew.
func TestBarePodThatLoops(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := everything(ns)
	create(t, s)
	becomes(t, ns, "tool", outOfMemory)
	p := &corev1.Pod{ObjectMeta: part(ns, "tool"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "tool", Image: "example.com/tool:1",
		Resources: corev1.ResourceRequirements{Limits: memory("128Mi")}}}}}
	p.Labels[labelApp] = "tool"
	create(t, p)
	o := start(t, ns, settings{})
	d := await(t, ns, "tool", v1alpha1.StateSuggested, v1alpha1.ReasonTemplateLocked)
	if d.Spec.Workload.Kind != v1alpha1.Pod || d.Status.Cause != v1alpha1.CauseOOMKilled || !strings.Contains(d.Status.Message, "nothing would make a bare pod anew") {
		t.Errorf("%s", tell([]v1alpha1.BridgeDiagnosis{*d}))
	}
	healthySays(t, s, metav1.ConditionFalse, "tool: OOMKilled")
	if patches, evictions := count(o.wire.made(), http.MethodPatch, "/pods/"), count(o.wire.made(), http.MethodPost, "/eviction"); patches+evictions != 0 {
		t.Errorf("%d patches, %d evictions", patches, evictions)
	}
}

// A bare pod that is made long after its stack, in a namespace of which nothing else tells,
// and that no node takes, is seen all the same.
func TestBarePodThatNeverStarts(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := soon(everything(ns))
	create(t, s)
	start(t, ns, settings{})
	until(t, func() bool {
		return k8s.Get(t.Context(), client.ObjectKeyFromObject(s), s) == nil && s.Status.ObservedGeneration == s.Generation
	}, func() string { return "the stack is followed" })
	p := &corev1.Pod{ObjectMeta: part(ns, "waits"), Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "waits", Image: "example.com/waits:1"}}}}
	create(t, p)
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all = diagnoses(t, ns, "waits")
		return len(all) == 1 && all[0].Spec.Symptom == v1alpha1.SymptomNotAvailable
	}, func() string { return "the pod is seen not to be available\n" + tell(all) })
}

// The pods of another operator's object are diagnosed by the same rules, with what that
// object says of itself; the change is suggested there.
func TestPodsOfAnotherOperatorsObject(t *testing.T) {
	ownerKind(t, "Ledger")
	t.Parallel()
	ns := namespace(t)
	s := everything(ns)
	create(t, s)
	object := &unstructured.Unstructured{Object: map[string]any{"status": map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "False", "reason": "PodsNotReady", "message": "0 of 1 pods are ready", "lastTransitionTime": "2026-12-01T12:00:00Z"}}}}}
	object.SetAPIVersion(ownersGroup + "/v1")
	object.SetKind("Ledger")
	object.SetNamespace(ns)
	object.SetName("orders")
	create(t, object)
	becomes(t, ns, "orders", outOfMemory)
	p := &corev1.Pod{ObjectMeta: part(ns, "orders-0", controls(object, ownersGroup+"/v1", "Ledger")), Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "main", Image: "example.com/orders:1", Resources: corev1.ResourceRequirements{Limits: memory("128Mi")}}}}}
	p.Labels[labelApp] = "orders"
	create(t, p)
	o := start(t, ns, settings{})
	d := await(t, ns, "orders", v1alpha1.StateSuggested, v1alpha1.ReasonOwnedByOperator)
	var cited []string
	for _, e := range d.Status.Evidence {
		cited = append(cited, e.Text)
	}
	if d.Spec.Workload.Kind != "Ledger."+ownersGroup || d.Status.Cause != v1alpha1.CauseOOMKilled || !strings.Contains(d.Status.Message, "Ledger/orders is another operator's: change it there") ||
		!strings.Contains(strings.Join(cited, "\n"), "Ledger/orders: Ready=False PodsNotReady: 0 of 1 pods are ready") {
		t.Errorf("%s%s", tell([]v1alpha1.BridgeDiagnosis{*d}), strings.Join(cited, "\n"))
	}
	if patches, evictions := count(o.wire.made(), http.MethodPatch, "/pods/"), count(o.wire.made(), http.MethodPost, "/eviction"); patches+evictions != 0 {
		t.Errorf("%d patches, %d evictions", patches, evictions)
	}
}

// What came to its end as it should, and what rests, raises no alarm.
func TestFinishedAndSuspendedAreWell(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := everything(ns)
	s.Spec.Services = []v1alpha1.Service{
		{Name: "migrate", Workload: &v1alpha1.WorkloadReference{Kind: v1alpha1.Job, Name: "migrate"}},
		{Name: "seed", Workload: &v1alpha1.WorkloadReference{Kind: v1alpha1.Job, Name: "seed"}},
		{Name: "ledger", Workload: &v1alpha1.WorkloadReference{Kind: "Cluster.postgresql.cnpg.io", Name: "ledger"}},
	}
	create(t, s)
	deploy(t, ns, "web", runs, func(d *appsv1.Deployment) { d.Labels[partOf] = "shop" })
	completes(t, job(t, ns, "migrate"))
	completes(t, job(t, ns, "cleanup"))
	podThatEnded(t, ns, "once", "once", 0, "done\n")
	c := &batchv1.CronJob{ObjectMeta: part(ns, "nightly")}
	yes := true
	c.Spec.Schedule, c.Spec.Suspend = "0 3 * * *", &yes
	c.Spec.JobTemplate.Spec.Template.Spec = runsOnce("nightly")
	create(t, c)
	start(t, ns, settings{})
	healthySays(t, s, metav1.ConditionTrue, "none of those that are up loops", "migrate: succeeded", "seed: not there now", "ledger: not there now", "nightly: suspended")
	var names []string
	for _, service := range stackNow(t, s).Status.Services {
		names = append(names, service.Name)
	}
	if got := fmt.Sprint(names); got != "[migrate seed ledger nightly web]" {
		t.Errorf("services %s", got)
	}
	var all v1alpha1.BridgeDiagnosisList
	if err := k8s.List(t.Context(), &all, client.InNamespace(ns)); err != nil || len(all.Items) > 0 {
		t.Errorf("%v\n%s", err, tell(all.Items))
	}
}

func memory(limit string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}
}
