package workload_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// What the operator does not write is known all the same, says why it is not written,
// and has a revision that owns its pods.
func TestWhatIsNotWrittenIsWhole(t *testing.T) {
	const containers = `{containers: [{name: api, image: "api:1"}]}`
	job := "metadata: {name: api, namespace: shop, uid: u1}\nspec: {template: {spec: " + containers + "}}"
	for _, c := range []struct {
		kind v1alpha1.WorkloadKind
		text string
		own  corev1.Pod
	}{
		{v1alpha1.Job, job, podOf("api-x", "u1", "", true)},
		{v1alpha1.CronJob, "metadata: {name: api, namespace: shop, uid: u1}\nspec: {jobTemplate: {spec: {template: {spec: " + containers + "}}}}", podOf("api-1-x", "api-1", "", true)},
		{v1alpha1.Pod, "metadata: {name: api, namespace: shop, uid: u1}\nspec: " + containers, corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "api", UID: "u1"}}},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			w := of(t, c.kind, c.text)
			if again, ok := workload.Of(w.Object()); !ok || again.Kind() != c.kind || workload.RefOf(w).String() != string(c.kind)+"/api" {
				t.Errorf("its object is not known as a %s", c.kind)
			}
			if traits := workload.TraitsOf(c.kind); traits.Lock == "" || traits.Scalable {
				t.Errorf("it may be written: %+v", traits)
			}
			if w.Template().Spec.Containers[0].Image != "api:1" {
				t.Errorf("template %v", w.Template())
			}
			runs := &batchv1.JobList{Items: []batchv1.Job{{ObjectMeta: ownedMeta("api-1", "u1", nil)}}}
			if h := w.History(runs); len(h) != 1 || !h.IsNewest(&c.own) || h.Owns(new(podOf("other", "u2", "", true))) {
				t.Errorf("history %+v", h)
			}
			if _, err := (workload.Manifest{}).Make(c.kind); err == nil {
				t.Error("it is made of a manifest")
			}
		})
	}
}

func ago(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-d)) }

// aJob that began so long ago, with conditions.
func aJob(name string, began time.Duration, conditions ...batchv1.JobCondition) batchv1.Job {
	controller := true
	return batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: ago(began), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "batch/v1", Kind: "CronJob", Name: "nightly", UID: "c", Controller: &controller}}},
		Status: batchv1.JobStatus{Conditions: conditions},
	}
}

func condition(kind batchv1.JobConditionType, at time.Duration, reason string) batchv1.JobCondition {
	return batchv1.JobCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: ago(at), Reason: reason, Message: reason + "."}
}

func TestRunOfAJob(t *testing.T) {
	yes, four, two := true, int32(4), int32(2)
	for name, c := range map[string]struct {
		change         func(*batchv1.Job)
		state          workload.RunState
		reason         string
		active         bool
		desired, ready int32
	}{
		"begins":        {func(*batchv1.Job) {}, workload.RunRunning, "", true, 1, 0},
		"runs":          {func(j *batchv1.Job) { j.Spec.Parallelism, j.Status.Ready = &four, &two }, workload.RunRunning, "", true, 4, 2},
		"has two to go": {func(j *batchv1.Job) { j.Spec.Parallelism, j.Spec.Completions, j.Status.Succeeded = &four, &four, 2 }, workload.RunRunning, "", true, 2, 0},
		// The Job controller makes no further pods of a work queue once one succeeded.
		"empties a queue": {func(j *batchv1.Job) { j.Spec.Parallelism, j.Status.Active, j.Status.Ready = &four, 4, &four }, workload.RunRunning, "", true, 4, 4},
		"has emptied it, and its last pods end": {func(j *batchv1.Job) {
			j.Spec.Parallelism, j.Status.Active, j.Status.Ready, j.Status.Succeeded = &four, 2, &two, 2
		}, workload.RunRunning, "", true, 2, 2},
		"has succeeded, and its last pods end": {func(j *batchv1.Job) {
			j.Spec.Parallelism, j.Spec.Completions, j.Status.Succeeded = &four, &four, 1
			j.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobSuccessCriteriaMet, 0, "SuccessPolicy")}
		}, workload.RunRunning, "", true, 0, 0},
		"succeeded": {func(j *batchv1.Job) {
			j.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobSuccessCriteriaMet, time.Minute, "CompletionsReached"), condition(batchv1.JobComplete, 0, "CompletionsReached")}
		}, workload.RunSucceeded, "", false, 0, 0},
		"is being ended": {func(j *batchv1.Job) {
			j.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobFailureTarget, 0, "DeadlineExceeded")}
		}, workload.RunRunning, "", true, 0, 0},
		"past its limit": {func(j *batchv1.Job) {
			j.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobFailed, 0, "BackoffLimitExceeded")}
		}, workload.RunFailed, "BackoffLimitExceeded", false, 0, 0},
		"suspended": {func(j *batchv1.Job) { j.Spec.Suspend = &yes }, workload.RunSuspended, "", false, 0, 0},
		"failed before it": {func(j *batchv1.Job) {
			j.Spec.Suspend = &yes
			j.Status.Conditions = []batchv1.JobCondition{condition(batchv1.JobFailed, 0, "DeadlineExceeded")}
		}, workload.RunFailed, "DeadlineExceeded", false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			j := aJob("load", time.Hour)
			c.change(&j)
			w, _ := workload.Of(&j)
			run, n := w.Run(noon), w.Replicas()
			if run.State != c.state || run.Reason != c.reason || run.Active != c.active || n.Desired != c.desired || n.Ready != c.ready {
				t.Errorf("got %+v, %+v", run, n)
			}
		})
	}
}

func TestRunOfACronJob(t *testing.T) {
	succeeded := func(at time.Duration) batchv1.JobCondition {
		return condition(batchv1.JobComplete, at, "CompletionsReached")
	}
	failed := func(at time.Duration) batchv1.JobCondition {
		return condition(batchv1.JobFailed, at, "BackoffLimitExceeded")
	}
	const h = time.Hour
	for name, c := range map[string]struct {
		spec string // beside a schedule at each half hour
		last time.Duration
		good time.Duration // ago, when a run last succeeded, as the CronJob itself says
		runs []batchv1.Job
		want workload.Run
	}{
		"has not run": {want: workload.Run{State: workload.RunWaiting, Next: noon.Add(h / 2)}},
		"the last succeeded": {last: h / 2, runs: []batchv1.Job{aJob("nightly-2", h/2, succeeded(h/4)), aJob("nightly-1", 2*h, failed(h))},
			want: workload.Run{State: workload.RunSucceeded, Object: "Job/nightly-2", Began: noon.Add(-h / 2), Ended: noon.Add(-h / 4), Next: noon.Add(h / 2)}},
		"the last failed": {last: h / 2, runs: []batchv1.Job{aJob("nightly-1", 2*h, succeeded(h)), aJob("nightly-2", h/2, failed(h/4))},
			want: workload.Run{State: workload.RunFailed, Object: "Job/nightly-2", Reason: "BackoffLimitExceeded", Message: "BackoffLimitExceeded.", Began: noon.Add(-h / 2), Ended: noon.Add(-h / 4), Next: noon.Add(h / 2)}},
		"the next is under way": {last: h / 2, runs: []batchv1.Job{aJob("nightly-1", 2*h, failed(h)), aJob("nightly-2", h/2)},
			want: workload.Run{State: workload.RunFailed, Active: true, Object: "Job/nightly-1", Reason: "BackoffLimitExceeded", Message: "BackoffLimitExceeded.", Began: noon.Add(-2 * h), Ended: noon.Add(-h), Next: noon.Add(h / 2)}},
		// successfulJobsHistoryLimit: 0, or ttlSecondsAfterFinished.
		"the last succeeded and is deleted": {last: h / 2, good: h / 4, runs: []batchv1.Job{aJob("nightly-1", 2*h, failed(h))},
			want: workload.Run{State: workload.RunSucceeded, Object: "CronJob/nightly", Ended: noon.Add(-h / 4), Next: noon.Add(h / 2)}},
		"it succeeded and is deleted, and the next is under way": {last: h / 2, good: h / 4, runs: []batchv1.Job{aJob("nightly-1", 2*h, failed(h)), aJob("nightly-3", h/8)},
			want: workload.Run{State: workload.RunSucceeded, Active: true, Object: "CronJob/nightly", Ended: noon.Add(-h / 4), Next: noon.Add(h / 2)}},
		"one failed since it last succeeded": {last: h / 2, good: h, runs: []batchv1.Job{aJob("nightly-2", h/2, failed(h/4))},
			want: workload.Run{State: workload.RunFailed, Object: "Job/nightly-2", Reason: "BackoffLimitExceeded", Message: "BackoffLimitExceeded.", Began: noon.Add(-h / 2), Ended: noon.Add(-h / 4), Next: noon.Add(h / 2)}},
		"none is kept": {last: h / 2, good: h / 4, want: workload.Run{State: workload.RunSucceeded, Object: "CronJob/nightly", Ended: noon.Add(-h / 4), Next: noon.Add(h / 2)}},
		"suspended":    {spec: "suspend: true", last: 9 * h, want: workload.Run{State: workload.RunSuspended}},
		"missed":       {last: 3*h + h/2, want: workload.Run{State: workload.RunWaiting, Next: noon.Add(h / 2), Missed: noon.Add(-2*h - h/2)}},
		"a bit late":   {spec: `schedule: "59 * * * *"`, last: h + time.Minute, want: workload.Run{State: workload.RunWaiting, Next: noon.Add(59 * time.Minute)}},
		"waits for the one before": {spec: "concurrencyPolicy: Forbid", last: 4 * h, runs: []batchv1.Job{aJob("nightly-1", 4*h)},
			want: workload.Run{State: workload.RunRunning, Active: true, Object: "Job/nightly-1", Began: noon.Add(-4 * h), Next: noon.Add(h / 2)}},
		"in another zone": {spec: "schedule: 0 14 * * *\ntimeZone: Europe/Berlin", last: 23 * h, want: workload.Run{State: workload.RunWaiting, Next: noon.Add(h)}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := "schedule: 30 * * * *\n" + c.spec
			if strings.Contains(c.spec, "schedule:") {
				spec = c.spec
			}
			w := of(t, v1alpha1.CronJob, "metadata: {name: nightly, uid: c}\nspec:\n  "+strings.ReplaceAll(spec, "\n", "\n  "))
			object := w.Object().(*batchv1.CronJob)
			if object.CreationTimestamp = ago(24 * h); c.last > 0 {
				object.Status.LastScheduleTime = new(ago(c.last))
			} else {
				object.CreationTimestamp = ago(time.Minute)
			}
			if c.good > 0 {
				object.Status.LastSuccessfulTime = new(ago(c.good))
			}
			all := workload.WithRuns(append([]workload.Workload{w}, workload.Items(&batchv1.JobList{Items: c.runs})...))
			if len(all) != 1 {
				t.Fatalf("%d workloads: the runs are some of their own", len(all))
			}
			if diff := cmp.Diff(c.want, *all[0].Run(noon)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What the operator started for a diagnosis is not the CronJob's last run.
func TestRunsOfTheOperatorDoNotCount(t *testing.T) {
	own := aJob("nightly-2", time.Hour, condition(batchv1.JobFailed, 0, "BackoffLimitExceeded"))
	own.Annotations = map[string]string{v1alpha1.AnnotationDiagnosis: "d"}
	w := of(t, v1alpha1.CronJob, "metadata: {name: nightly, uid: c}\nspec: {suspend: true}")
	all := workload.WithRuns(append([]workload.Workload{w}, workload.Items(&batchv1.JobList{Items: []batchv1.Job{own}})...))
	if run := all[0].Run(noon); len(all) != 1 || run.State != workload.RunSuspended {
		t.Errorf("%d workloads, %+v", len(all), run)
	}
}

func TestRunOfABarePod(t *testing.T) {
	at := func(d time.Duration) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: ago(d)}}}}
	}
	for name, c := range map[string]struct {
		policy  corev1.RestartPolicy
		status  corev1.PodStatus
		want    *workload.Run
		desired int32
	}{
		"always up":          {corev1.RestartPolicyAlways, corev1.PodStatus{Phase: corev1.PodRunning}, nil, 1},
		"runs to its end":    {corev1.RestartPolicyNever, corev1.PodStatus{Phase: corev1.PodRunning}, &workload.Run{State: workload.RunRunning, Active: true}, 1},
		"completed":          {corev1.RestartPolicyOnFailure, corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: at(time.Minute)}, &workload.Run{State: workload.RunSucceeded, Ended: noon.Add(-time.Minute)}, 0},
		"failed":             {corev1.RestartPolicyNever, corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: at(time.Minute)}, &workload.Run{State: workload.RunFailed, Ended: noon.Add(-time.Minute)}, 0},
		"evicted before all": {corev1.RestartPolicyAlways, corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "low on memory"}, &workload.Run{State: workload.RunFailed, Reason: "Evicted", Message: "low on memory", Ended: noon.Add(-time.Hour)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "tool", CreationTimestamp: ago(time.Hour)}, Spec: corev1.PodSpec{RestartPolicy: c.policy}, Status: c.status}
			if c.want != nil {
				c.want.Object, c.want.Began = "Pod/tool", noon.Add(-time.Hour)
			}
			w, is := workload.Of(p)
			if !is {
				t.Fatal("it is none")
			}
			if diff := cmp.Diff(c.want, w.Run(noon)); diff != "" || w.Replicas().Desired != c.desired {
				t.Errorf("%d desired (-want +got)\n%s", w.Replicas().Desired, diff)
			}
		})
	}
}

func TestOver(t *testing.T) {
	for name, c := range map[string]struct {
		run           *workload.Run
		over, resting bool
	}{
		"runs for good":              {nil, false, false},
		"a Job that succeeded":       {&workload.Run{State: workload.RunSucceeded}, true, true},
		"a Job that failed":          {&workload.Run{State: workload.RunFailed}, true, false},
		"a CronJob that succeeded":   {&workload.Run{State: workload.RunSucceeded, Next: noon}, false, true},
		"a CronJob that failed":      {&workload.Run{State: workload.RunFailed, Next: noon}, false, false},
		"a CronJob that tries again": {&workload.Run{State: workload.RunFailed, Active: true}, false, false},
		"suspended":                  {&workload.Run{State: workload.RunSuspended}, false, true},
	} {
		if c.run.Over() != c.over || c.run.Resting() != c.resting {
			t.Errorf("%s: over %t, resting %t", name, c.run.Over(), c.run.Resting())
		}
	}
}

// A Job that succeeded keeps no more than its name tells: there may be thousands. One
// that failed is diagnosed.
func TestTrim(t *testing.T) {
	for state, c := range map[batchv1.JobConditionType]bool{batchv1.JobComplete: true, batchv1.JobFailed: false} {
		j := aJob("load", time.Hour, condition(state, 0, "x"))
		j.Spec.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: "load:1", Command: []string{"load"}}}}
		w, _ := workload.Of(&j)
		workload.Trim(w)
		spec := w.Template().Spec
		if spec.Containers[0].Image != "load:1" || spec.RestartPolicy != corev1.RestartPolicyNever || (spec.Containers[0].Command == nil) != c {
			t.Errorf("%s: %+v", state, spec)
		}
	}
}

func owned(name, apiVersion, kind, owner string) metav1.ObjectMeta {
	controller := true
	return metav1.ObjectMeta{Name: name, UID: types.UID(name), OwnerReferences: []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: owner, UID: types.UID(owner), Controller: &controller}}}
}

// Whatever controls pods is a workload: with its group where it is no kind of Kubernetes'.
func TestOfPods(t *testing.T) {
	sets := []appsv1.ReplicaSet{{ObjectMeta: owned("web-1", "apps/v1", "Deployment", "web")}, {ObjectMeta: owned("shop-1", "argoproj.io/v1alpha1", "Rollout", "shop")}, {ObjectMeta: metav1.ObjectMeta{Name: "old", UID: "old"}}}
	ready := func(p corev1.Pod) corev1.Pod {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		return p
	}
	ended := func(p corev1.Pod) corev1.Pod {
		p.Status.Phase = corev1.PodSucceeded
		return p
	}
	pods := []corev1.Pod{
		ready(corev1.Pod{ObjectMeta: owned("pg-1", "postgresql.cnpg.io/v1", "Cluster", "pg")}), {ObjectMeta: owned("pg-2", "postgresql.cnpg.io/v1", "Cluster", "pg")}, ended(corev1.Pod{ObjectMeta: owned("pg-1-initdb", "postgresql.cnpg.io/v1", "Cluster", "pg")}),
		{ObjectMeta: owned("kafka-0", "core.strimzi.io/v1beta2", "StrimziPodSet", "kafka")},
		{ObjectMeta: owned("shop-1-x", "apps/v1", "ReplicaSet", "shop-1")}, {ObjectMeta: owned("old-x", "apps/v1", "ReplicaSet", "old")},
		{ObjectMeta: owned("web-1-x", "apps/v1", "ReplicaSet", "web-1")}, {ObjectMeta: owned("unseen-x", "apps/v1", "ReplicaSet", "unseen")},
		{ObjectMeta: owned("db-0", "apps/v1", "StatefulSet", "db")}, {ObjectMeta: owned("load-x", "batch/v1", "Job", "load")},
		{ObjectMeta: owned("kruise-0", "apps.kruise.io/v1beta1", "StatefulSet", "kruise")}, {ObjectMeta: owned("rc-x", "v1", "ReplicationController", "rc")},
		{ObjectMeta: owned("etcd-node0", "v1", "Node", "node0")}, {ObjectMeta: metav1.ObjectMeta{Name: "tool", UID: "tool"}},
	}
	type seen struct {
		Ref            string
		Desired, Ready int32
		Foreign        bool
	}
	var got []seen
	for _, w := range workload.OfPods(pods, sets) {
		_, foreign := workload.OwnedBy(w)
		got = append(got, seen{workload.RefOf(w).String(), w.Replicas().Desired, w.Replicas().Ready, foreign})
		if workload.TraitsOf(w.Kind()).Lock == "" {
			t.Errorf("%s may be written", workload.RefOf(w))
		}
	}
	want := []seen{
		{"Cluster.postgresql.cnpg.io/pg", 2, 1, true}, {"Pod/etcd-node0", 1, 0, false}, {"Pod/tool", 1, 0, false}, {"ReplicaSet/old", 1, 0, false},
		{"ReplicationController/rc", 1, 0, false}, {"Rollout.argoproj.io/shop", 1, 0, true}, {"StatefulSet.apps.kruise.io/kruise", 1, 0, true}, {"StrimziPodSet.core.strimzi.io/kafka", 1, 0, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A pod is found to be its workload's whatever stands between, and that workload finds it.
func TestRefOfPod(t *testing.T) {
	for name, c := range map[string]struct {
		pod     metav1.ObjectMeta
		between workload.Object
		want    string
	}{
		"bare":                  {metav1.ObjectMeta{Name: "tool"}, nil, "Pod/tool"},
		"a StatefulSet's":       {owned("db-0", "apps/v1", "StatefulSet", "db"), nil, "StatefulSet/db"},
		"a Deployment's":        {owned("web-1-x", "apps/v1", "ReplicaSet", "web-1"), &appsv1.ReplicaSet{ObjectMeta: owned("web-1", "apps/v1", "Deployment", "web")}, "Deployment/web"},
		"a Rollout's":           {owned("web-1-x", "apps/v1", "ReplicaSet", "web-1"), &appsv1.ReplicaSet{ObjectMeta: owned("web-1", "argoproj.io/v1alpha1", "Rollout", "web")}, "Rollout.argoproj.io/web"},
		"a ReplicaSet's":        {owned("web-1-x", "apps/v1", "ReplicaSet", "web-1"), &appsv1.ReplicaSet{}, "ReplicaSet/web-1"},
		"a Job's":               {owned("load-x", "batch/v1", "Job", "load"), &batchv1.Job{}, "Job/load"},
		"a CronJob's":           {owned("nightly-1-x", "batch/v1", "Job", "nightly-1"), &batchv1.Job{ObjectMeta: owned("nightly-1", "batch/v1", "CronJob", "nightly")}, "CronJob/nightly"},
		"a JobSet's Job's":      {owned("train-0-x", "batch/v1", "Job", "train-0"), &batchv1.Job{ObjectMeta: owned("train-0", "jobset.x-k8s.io/v1alpha2", "JobSet", "train")}, "Job/train-0"},
		"a database's":          {owned("pg-1", "postgresql.cnpg.io/v1", "Cluster", "pg"), nil, "Cluster.postgresql.cnpg.io/pg"},
		"another StatefulSet's": {owned("db-0", "apps.kruise.io/v1beta1", "StatefulSet", "db"), nil, "StatefulSet.apps.kruise.io/db"},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: c.pod}
			owner, _ := workload.ControllerOf(pod)
			if needed := workload.Between(owner); (needed != nil) != (c.between != nil) {
				t.Fatalf("between stands %T", needed)
			}
			if got := workload.RefOfPod(pod, c.between); got.String() != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

// What a Rollout's pods are of is its newest revision, though a later one was made and
// given up: rolled back to, a ReplicaSet keeps its age.
func TestRevisionsOfWhatIsSeenByPods(t *testing.T) {
	set := func(name string, age time.Duration) appsv1.ReplicaSet {
		rs := appsv1.ReplicaSet{ObjectMeta: owned(name, "argoproj.io/v1alpha1", "Rollout", "shop")}
		rs.CreationTimestamp = ago(age)
		return rs
	}
	sets := []appsv1.ReplicaSet{set("shop-1", 3*time.Hour), set("shop-2", 2*time.Hour), set("shop-3", time.Hour)}
	pod := func(name, set string) corev1.Pod {
		return corev1.Pod{ObjectMeta: owned(name, "apps/v1", "ReplicaSet", set)}
	}
	for name, c := range map[string]struct {
		pods   []corev1.Pod
		newest string
	}{
		"a canary beside the stable one": {[]corev1.Pod{pod("a", "shop-2"), pod("b", "shop-3")}, "b"},
		"a canary was given up":          {[]corev1.Pod{pod("a", "shop-2")}, "a"},
		"rolled back to the first":       {[]corev1.Pod{pod("a", "shop-1")}, "a"},
	} {
		w := workload.OfPods(c.pods, sets)[0]
		h := w.History(&appsv1.ReplicaSetList{Items: sets})
		for i := range c.pods {
			if p := &c.pods[i]; h.IsNewest(p) != (p.Name == c.newest) || !h.Owns(p) {
				t.Errorf("%s: %s is of the newest: %t, and the workload's: %t", name, p.Name, h.IsNewest(p), h.Owns(p))
			}
		}
	}
}

// A pod that another pod made (Spark's executors are a driver's) is that one's: it is
// nobody's workload of its own, and an incident of it finds it.
func TestPodsOfAPod(t *testing.T) {
	driver, executor := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "driver", UID: "driver"}}, corev1.Pod{ObjectMeta: owned("executor-1", "v1", "Pod", "driver")}
	if all := workload.OfPods([]corev1.Pod{driver, executor}, nil); len(all) != 1 || workload.RefOf(all[0]).String() != "Pod/driver" {
		t.Fatalf("%d workloads", len(all))
	}
	if ref := workload.RefOfPod(&executor, nil); ref.String() != "Pod/driver" || ref.UID != "driver" {
		t.Errorf("an executor is run by %s", ref)
	}
	w, _ := workload.Of(&driver)
	if h := w.History(nil); !h.Owns(&executor) || !h.Owns(&driver) || !workload.Selects(w, &executor) || h.Owns(new(podOf("other", "u2", "", true))) {
		t.Error("the driver does not know its pods")
	}
}
