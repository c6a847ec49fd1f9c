package attempt

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/remedy"
)

func podTemplate(limit string, env ...corev1.EnvVar) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "main", Image: "shop/api:1", Env: env,
		Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(limit)}},
	}}}}
}

func patchOf(t *testing.T, before, after *corev1.PodTemplateSpec) v1alpha1.PatchTemplateAction {
	t.Helper()
	a, err := ActionOf(remedy.Action{Remedy: v1alpha1.RemedyRaiseMemoryLimit, Template: after}, Target{Workload: api, Template: before})
	if err != nil {
		t.Fatal(err)
	}
	return *a.PatchTemplate
}

func TestStanding(t *testing.T) {
	before, after := podTemplate("128Mi"), podTemplate("192Mi")
	action := patchOf(t, before, after)
	image := podTemplate("192Mi")
	image.Spec.Containers[0].Image = "shop/api:2"
	added := podTemplate("192Mi", corev1.EnvVar{Name: "CACHE", Value: "small"})
	back := podTemplate("128Mi", corev1.EnvVar{Name: "CACHE", Value: "small"})
	for name, c := range map[string]struct {
		template *corev1.PodTemplateSpec
		want     Standing
	}{
		"as it was":                          {before, Original},
		"as it was made":                     {after, InPlace},
		"with another image":                 {image, Edited},
		"with a variable more":               {added, Edited},
		"with another limit":                 {podTemplate("256Mi"), Replaced},
		"put back, with a variable more":     {back, Replaced},
		"without any container":              {&corev1.PodTemplateSpec{}, Replaced},
		"with the same amount, spelled else": {podTemplate("201326592"), Replaced},
	} {
		if got := StandingOf(c.template, action); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// A variable that was added stands at its place in the list.
func TestStandingOfAnAddedVariable(t *testing.T) {
	host, key := corev1.EnvVar{Name: "DB_HOST", Value: "postgres"}, corev1.EnvVar{Name: "API_KEY", Value: "test"}
	action := patchOf(t, podTemplate("128Mi", host), podTemplate("128Mi", host, key))
	if got := StandingOf(podTemplate("128Mi", host, key), action); got != InPlace {
		t.Errorf("in place: %s", got)
	}
	if got := StandingOf(podTemplate("256Mi", host, key), action); got != Edited {
		t.Errorf("beside another limit: %s", got)
	}
	key.Value = "live"
	if got := StandingOf(podTemplate("128Mi", host, key), action); got != Replaced {
		t.Errorf("with another value: %s", got)
	}
	if got := StandingOf(podTemplate("256Mi", host), action); got != Replaced {
		t.Errorf("removed: %s", got)
	}
}

// A person who restarts the pods in the soak edits nothing: what did not help is taken
// back all the same. For what restarts, or changes annotations, each mark is another.
func TestStandingAfterARestart(t *testing.T) {
	marked := func(template *corev1.PodTemplateSpec, annotations map[string]string) *corev1.PodTemplateSpec {
		template.Annotations = annotations
		return template
	}
	const restartedAt = "kubectl.kubernetes.io/restartedAt"
	first, second := map[string]string{restartedAt: "2026-11-01T03:00:00Z"}, map[string]string{restartedAt: "2026-11-01T03:05:00Z"}
	for name, c := range map[string]struct {
		before, after, live *corev1.PodTemplateSpec
		want                Standing
	}{
		"restarted once it was made":    {podTemplate("128Mi"), podTemplate("192Mi"), marked(podTemplate("192Mi"), first), InPlace},
		"and before, too":               {marked(podTemplate("128Mi"), first), marked(podTemplate("192Mi"), first), marked(podTemplate("192Mi"), second), InPlace},
		"restarted before it was made":  {podTemplate("128Mi"), podTemplate("192Mi"), marked(podTemplate("128Mi"), first), Original},
		"restarted and edited":          {podTemplate("128Mi"), podTemplate("192Mi"), marked(podTemplate("192Mi", corev1.EnvVar{Name: "CACHE", Value: "small"}), first), Edited},
		"restarted and overwritten":     {podTemplate("128Mi"), podTemplate("192Mi"), marked(podTemplate("256Mi"), first), Replaced},
		"a restart, not made yet":       {marked(podTemplate("128Mi"), first), marked(podTemplate("128Mi"), second), marked(podTemplate("128Mi"), first), Original},
		"a restart that was made":       {marked(podTemplate("128Mi"), first), marked(podTemplate("128Mi"), second), marked(podTemplate("128Mi"), second), InPlace},
		"the first restart":             {podTemplate("128Mi"), marked(podTemplate("128Mi"), first), marked(podTemplate("128Mi"), first), InPlace},
		"the first restart, to be made": {podTemplate("128Mi"), marked(podTemplate("128Mi"), first), podTemplate("128Mi"), Original},
	} {
		if got := StandingOf(c.live, patchOf(t, c.before, c.after)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What is read back from a status may be anything.
func TestStandingOfNonsense(t *testing.T) {
	for _, text := range []string{"", "[]", "{", "null", `[{"op":"remove","path":"/spec/none"}]`, `[{"op":"test","path":"/x","value":1}]`} {
		got := StandingOf(podTemplate("128Mi"), v1alpha1.PatchTemplateAction{TemplateHash: "h", Patch: text, Undo: text})
		if got != Replaced {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestActionOf(t *testing.T) {
	target := Target{Diagnosis: "d1", Number: 1, Workload: api, Generation: 7, Template: podTemplate("128Mi")}
	postgres := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "postgres", UID: "pg"}
	kafka := evidence.Connection{Service: "kafka"}
	for name, c := range map[string]struct {
		action remedy.Action
		kind   v1alpha1.ActionType
		holds  func(v1alpha1.AttemptAction) bool
	}{
		"own template": {remedy.Action{Template: podTemplate("192Mi")}, v1alpha1.ActionPatchTemplate, func(a v1alpha1.AttemptAction) bool {
			return a.PatchTemplate.Workload == api && a.PatchTemplate.Generation == 7 && ChangesTemplateOf(a, api)
		}},
		"another template": {remedy.Action{Template: podTemplate("192Mi"), On: &remedy.Workload{DiagnosedWorkload: postgres, Template: podTemplate("64Mi")}}, v1alpha1.ActionPatchTemplate, func(a v1alpha1.AttemptAction) bool {
			return a.PatchTemplate.Workload == postgres && !ChangesTemplateOf(a, api) && a.PatchTemplate.TemplateHash == remedy.TemplateHash(podTemplate("64Mi"))
		}},
		"pods": {remedy.Action{Pods: []remedy.Pod{{Name: "api-0", UID: "u"}}}, v1alpha1.ActionEvictPods, func(a v1alpha1.AttemptAction) bool {
			return len(a.EvictPods.Pods) == 1 && a.EvictPods.Pods[0] == v1alpha1.PodIdentity{Name: "api-0", UID: "u"}
		}},
		"a topic": {remedy.Action{Topic: &remedy.TopicCreation{Connection: kafka, Topic: v1alpha1.DeclaredTopic{Name: "orders", Partitions: 3, ReplicationFactor: 2}}}, v1alpha1.ActionCreateTopic, func(a v1alpha1.AttemptAction) bool {
			return *a.CreateTopic == v1alpha1.CreateTopicAction{Service: "kafka", Name: "orders", Partitions: 3, ReplicationFactor: 2}
		}},
		"a group": {remedy.Action{Group: &remedy.GroupDeletion{Connection: kafka, Group: "g"}}, v1alpha1.ActionDeleteConsumerGroup, func(a v1alpha1.AttemptAction) bool {
			return *a.DeleteConsumerGroup == v1alpha1.DeleteConsumerGroupAction{Service: "kafka", Group: "g"}
		}},
		"a Job": {remedy.Action{Job: "migrate"}, v1alpha1.ActionRunJob, func(a v1alpha1.AttemptAction) bool {
			return a.RunJob.CronJob == "migrate" && a.RunJob.JobName == JobName("migrate", "d1", 1)
		}},
	} {
		a, err := ActionOf(c.action, target)
		if err != nil || a.Type != c.kind || !c.holds(a) {
			t.Errorf("%s: %v, %+v", name, err, a)
		}
	}
	if _, err := ActionOf(remedy.Action{Remedy: v1alpha1.RemedyEscalate}, target); err == nil {
		t.Error("an action that writes nothing is recorded")
	}
}

// Each incident has a Job of its own: the result of an earlier one's is not taken for it.
func TestJobName(t *testing.T) {
	const long = "migrate-the-orders-of-the-shop-to-their-second-form2"
	seen := map[string]bool{}
	for _, cronJob := range []string{"migrate", long, "a.b-"} {
		for _, uid := range []types.UID{"january", "june"} {
			for number := 1; number <= 2; number++ {
				name := JobName(cronJob, uid, number)
				if seen[name] || len(name) > 63 || name != JobName(cronJob, uid, number) {
					t.Errorf("%s (%d characters), seen before: %t", name, len(name), seen[name])
				}
				seen[name] = true
			}
		}
	}
}

func TestTakenBackOnDelete(t *testing.T) {
	patch := v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{}}
	for name, c := range map[string]struct {
		policy v1alpha1.OnDelete
		action v1alpha1.AttemptAction
		remedy v1alpha1.RemedyName
		want   bool
	}{
		"a change, and the policy wants it": {v1alpha1.OnDeleteTakeBack, patch, v1alpha1.RemedySetEnv, true},
		"the policy leaves it":              {v1alpha1.OnDeleteLeave, patch, v1alpha1.RemedySetEnv, false},
		"by default it is left":             {"", patch, v1alpha1.RemedySetEnv, false},
		"a restart has no way back":         {v1alpha1.OnDeleteTakeBack, patch, v1alpha1.RemedyRestartWorkload, false},
		"nor has an eviction":               {v1alpha1.OnDeleteTakeBack, v1alpha1.AttemptAction{EvictPods: &v1alpha1.EvictPodsAction{}}, v1alpha1.RemedyRecreatePod, false},
	} {
		if got := TakenBackOnDelete(c.policy, c.action, c.remedy); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// What was recorded decides, and what a status says of a remedy only beside it.
func TestSettlement(t *testing.T) {
	patch := v1alpha1.AttemptAction{PatchTemplate: &v1alpha1.PatchTemplateAction{}}
	job := v1alpha1.AttemptAction{RunJob: &v1alpha1.RunJobAction{JobName: "migrate-1"}}
	for name, c := range map[string]struct {
		remedy v1alpha1.RemedyName
		action v1alpha1.AttemptAction
		want   remedy.Settlement
	}{
		"a Job":                        {v1alpha1.RemedyRunJob, job, remedy.SettlesWithJob},
		"the restart of a dependency":  {v1alpha1.RemedyRestartDependency, patch, remedy.SettlesWhenAnswering},
		"one that says of no workload": {v1alpha1.RemedyRestartDependency, v1alpha1.AttemptAction{}, remedy.SettlesAtOnce},
		"a topic":                      {v1alpha1.RemedyCreateTopic, v1alpha1.AttemptAction{CreateTopic: &v1alpha1.CreateTopicAction{}}, remedy.SettlesAtOnce},
		"the looping workload itself":  {v1alpha1.RemedySetEnv, patch, remedy.SettlesAtOnce},
	} {
		if got := Settlement(v1alpha1.Attempt{Proposal: v1alpha1.Proposal{Remedy: c.remedy}, Action: c.action}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
