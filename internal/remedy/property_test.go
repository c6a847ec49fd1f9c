package remedy

import (
	"encoding/json"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
)

// TestOnlyAllowedFieldsChange lets every remedy loose on templates full of
// random settings. What may differ is written down here once more, on purpose
// without the code that the remedies themselves are held by.
func TestOnlyAllowedFieldsChange(t *testing.T) {
	const rounds = 15
	source := rand.New(rand.NewSource(1))
	changed := map[v1alpha1.RemedyName]int{}
	for range rounds {
		for _, r := range registry[1:] { // RunJob changes no template
			for _, cause := range r.causes {
				in := anything(t, source, cause)
				before := in.Template.DeepCopy()
				action, refusal := r.propose(in)
				if diff := cmp.Diff(before, in.Template); diff != "" {
					t.Fatalf("%s wrote into the template that it was given:\n%s", r.name, diff)
				}
				if refusal != nil || action.Template == nil {
					continue
				}
				action.Remedy = r.name
				changed[r.name]++
				onlyAllowed(t, action, before, in)
			}
		}
	}
	for _, name := range []v1alpha1.RemedyName{
		v1alpha1.RemedyRaiseMemoryLimit, v1alpha1.RemedyRaiseCPULimit, v1alpha1.RemedyRelaxProbe, v1alpha1.RemedySetEnv,
		v1alpha1.RemedyWaitForDependency, v1alpha1.RemedyRestartWorkload, v1alpha1.RemedyRestartDependency, v1alpha1.RemedyRollbackRollout,
	} {
		if changed[name] == 0 {
			t.Errorf("%s never changed a template: this test shows nothing of it", name)
		}
	}
}

func onlyAllowed(t *testing.T, action Action, before *corev1.PodTemplateSpec, in Input) {
	t.Helper()
	if _, err := action.Proposal(before); err != nil {
		t.Fatalf("%s: %v", action.Remedy, err)
	}
	if action.Remedy == v1alpha1.RemedyRollbackRollout {
		if diff := cmp.Diff(in.Previous, action.Template); diff != "" {
			t.Fatalf("a rollback leads to something that was never recorded:\n%s", diff)
		}
		return
	}
	if action.On != nil {
		before = in.Workloads["postgres"].Template
	}
	if diff := cmp.Diff(stripped(t, before), stripped(t, action.Template)); diff != "" {
		t.Fatalf("%s changed more than it may:\n%s", action.Remedy, diff)
	}
	forward, undo, err := Patches(before, action.Template)
	if err != nil {
		t.Fatal(err)
	}
	if restored := apply(t, apply(t, before, forward), undo); TemplateHash(restored) != TemplateHash(before) {
		t.Fatalf("%s cannot be taken back to the byte", action.Remedy)
	}
}

// stripped is a template as JSON without the fields that remedies may change.
func stripped(t *testing.T, template *corev1.PodTemplateSpec) string {
	t.Helper()
	out := template.DeepCopy()
	delete(out.Annotations, "kubectl.kubernetes.io/restartedAt")
	if len(out.Annotations) == 0 {
		out.Annotations = nil
	}
	for _, list := range [][]corev1.Container{out.Spec.Containers, out.Spec.InitContainers} {
		for i := range list {
			list[i].Resources, list[i].Env = corev1.ResourceRequirements{}, nil
			if p := list[i].StartupProbe; p != nil {
				p.InitialDelaySeconds, p.PeriodSeconds, p.TimeoutSeconds, p.FailureThreshold = 0, 0, 0, 0
			}
		}
	}
	var init []corev1.Container
	for _, c := range out.Spec.InitContainers {
		if !strings.HasPrefix(c.Name, "bridgestack-wait-for-") {
			init = append(init, c)
		}
	}
	out.Spec.InitContainers = init
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// anything is an input in which the remedy for a cause finds all that it needs,
// around it a template of random settings.
func anything(t *testing.T, source *rand.Rand, cause v1alpha1.Cause) Input {
	t.Helper()
	in := input(cause, diagnosis.Subject{Dependency: "postgres", Variable: "API_KEY"})
	enabled(&in, v1alpha1.RemedyRestartDependency, v1alpha1.RemedyRollbackRollout)
	fill := randfill.NewWithSeed(source.Int63()).NilChance(0.5).NumElements(0, 3).MaxDepth(6).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = *resource.NewQuantity(c.Int63n(1<<30)+1, resource.BinarySI)
		},
		func(at *metav1.Time, c randfill.Continue) { *at = metav1.Unix(c.Int63n(1<<31), 0) },
		func(raw *metav1.FieldsV1, _ randfill.Continue) { raw.SetRawBytes([]byte(`{}`)) },
	)
	random := func() *corev1.PodTemplateSpec {
		var template corev1.PodTemplateSpec
		fill.Fill(&template)
		var app corev1.Container
		fill.Fill(&app)
		app.Name = "app"
		app.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi"), corev1.ResourceCPU: resource.MustParse("100m")}
		app.StartupProbe = &corev1.Probe{PeriodSeconds: 1 + source.Int31n(10), FailureThreshold: 1 + source.Int31n(5), InitialDelaySeconds: source.Int31n(5)}
		template.Spec.Containers = append(template.Spec.Containers, app)
		return apply(t, &template, "[]") // as an API server would give it back
	}
	in.Template, in.Previous = random(), random()
	value := "declared"
	in.Service.Env = []v1alpha1.DeclaredEnv{{Name: "API_KEY", Value: &value}}
	in.Image, in.Recurrences, in.Now = "operator:1", 1, time.Unix(1, 0)
	in.Case.Rollout.Revision, in.Case.Rollout.PreviousRevision, in.Case.Rollout.OlderReady = "5", "4", 1
	in.Workloads = map[string]Workload{"postgres": {DiagnosedWorkload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "postgres"}, Template: random()}}
	asConfigured := v1alpha1.ProbePassed
	if source.Intn(2) == 0 {
		asConfigured = v1alpha1.ProbeFailed
	}
	in.Case.Probes = []evidence.Probe{
		probed("postgres", v1alpha1.AsConfigured, asConfigured, evidence.StageDial),
		probed("postgres", v1alpha1.AsDeclared, v1alpha1.ProbeFailed, evidence.StageAuthenticate),
	}
	sslMode(&in, "PGSSLMODE", "disable", evidence.TLSDisable)
	return in
}
