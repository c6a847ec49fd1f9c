package remedy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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
	"github.com/bridgestack/operator/internal/stack"
)

// TestOnlyAllowedFieldsChange lets every remedy loose on templates full of
// random settings. What may differ is written down here once more, on purpose
// without the code that the remedies themselves are held by.
func TestOnlyAllowedFieldsChange(t *testing.T) {
	const rounds = 15
	source := rand.New(rand.NewSource(1))
	changed := map[v1alpha1.RemedyName]int{}
	for range rounds {
		for _, r := range registry {
			if r.writes != v1alpha1.ActionPatchTemplate {
				continue
			}
			for _, cause := range r.causes {
				in := anything(t, source, r.name, cause)
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
	for _, r := range registry {
		if r.writes == v1alpha1.ActionPatchTemplate && changed[r.name] == 0 {
			t.Errorf("%s never changed a template: this test shows nothing of it", r.name)
		}
	}
}

func onlyAllowed(t *testing.T, action Action, before *corev1.PodTemplateSpec, in Input) {
	t.Helper()
	if refusal := in.notPermitted(action); refusal != nil {
		t.Fatalf("%s proposes what it may not change: %s", action.Remedy, refusal.Because)
	}
	if action.On != nil {
		before = action.On.Template
	}
	if diff := cmp.Diff(stripped(t, action.Remedy, before), stripped(t, action.Remedy, action.Template)); diff != "" {
		t.Fatalf("%s changed more than it may:\n%s", action.Remedy, diff)
	}
	p, err := action.Proposal(in.Template)
	if err != nil || len(p.Changes) == 0 {
		t.Fatalf("%s shows %v, %v", action.Remedy, p.Changes, err)
	}
	forward, undo, err := Patches(before, action.Template)
	if err != nil {
		t.Fatal(err)
	}
	if restored := apply(t, apply(t, before, forward), undo); TemplateHash(restored) != TemplateHash(before) {
		t.Fatalf("%s cannot be taken back to the byte", action.Remedy)
	}
}

// stripped is a template as JSON without the fields that a remedy may change.
// The container that is repaired is called app.
func stripped(t *testing.T, remedy v1alpha1.RemedyName, template *corev1.PodTemplateSpec) string {
	t.Helper()
	out := template.DeepCopy()
	for i := range out.Spec.Containers {
		if app := &out.Spec.Containers[i]; app.Name == "app" {
			stripContainer(remedy, app)
		}
	}
	switch remedy {
	case v1alpha1.RemedyRestartWorkload, v1alpha1.RemedyRestartDependency:
		delete(out.Annotations, "kubectl.kubernetes.io/restartedAt")
		if len(out.Annotations) == 0 {
			out.Annotations = nil
		}
	case v1alpha1.RemedyWaitForDependency:
		var init []corev1.Container
		for _, c := range out.Spec.InitContainers {
			if !strings.HasPrefix(c.Name, "bridgestack-wait-for-") {
				init = append(init, c)
			}
		}
		out.Spec.InitContainers = init
	default:
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func stripContainer(remedy v1alpha1.RemedyName, app *corev1.Container) {
	switch remedy {
	case v1alpha1.RemedyRaiseMemoryLimit:
		delete(app.Resources.Limits, corev1.ResourceMemory)
		delete(app.Resources.Requests, corev1.ResourceMemory)
	case v1alpha1.RemedyRaiseCPULimit:
		delete(app.Resources.Limits, corev1.ResourceCPU)
	case v1alpha1.RemedyRelaxProbe:
		app.StartupProbe.FailureThreshold = 0
	case v1alpha1.RemedySetEnv:
		app.Env = nil
	case v1alpha1.RemedyRollbackRollout:
		// The image, and the command with it, of a revision that is on record.
		app.Image, app.Command, app.Args, app.Env = "", nil, nil, nil
	default:
	}
}

// TestNoWriteBeyondItsRemedyPasses adds to each remedy's own change one that no
// remedy, or not this one, may make: there and back, it is refused.
func TestNoWriteBeyondItsRemedyPasses(t *testing.T) {
	quantities := func(c *corev1.Container, name corev1.ResourceName, amount string) {
		limits := maps.Clone(c.Resources.Limits)
		limits[name] = resource.MustParse(amount)
		c.Resources.Limits = limits
	}
	yes := true
	never := map[string]func(app *corev1.Container, pod *corev1.PodTemplateSpec){
		"securityContext": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.SecurityContext = &corev1.SecurityContext{Privileged: &yes}
		},
		"pod securityContext": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			pod.Spec.SecurityContext = &corev1.PodSecurityContext{}
		},
		"serviceAccount": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) { pod.Spec.ServiceAccountName = "admin" },
		"volumes": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "host"})
		},
		"volumeMounts": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.VolumeMounts = append(app.VolumeMounts, corev1.VolumeMount{Name: "host", MountPath: "/host"})
		},
		"host network": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) { pod.Spec.HostNetwork = !pod.Spec.HostNetwork },
		"host PIDs":    func(_ *corev1.Container, pod *corev1.PodTemplateSpec) { pod.Spec.HostPID = !pod.Spec.HostPID },
		"runtime class": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			name := "other"
			pod.Spec.RuntimeClassName = &name
		},
		"AppArmor": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			pod.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}
		},
	}
	butRollback := map[string]func(app *corev1.Container, pod *corev1.PodTemplateSpec){
		"image":   func(app *corev1.Container, _ *corev1.PodTemplateSpec) { app.Image = "evil:1" },
		"command": func(app *corev1.Container, _ *corev1.PodTemplateSpec) { app.Command = []string{"sh"} },
		"args":    func(app *corev1.Container, _ *corev1.PodTemplateSpec) { app.Args = []string{"-c"} },
		"envFrom": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.EnvFrom = append(app.EnvFrom, corev1.EnvFromSource{Prefix: "X"})
		},
		"another limit":  func(app *corev1.Container, _ *corev1.PodTemplateSpec) { quantities(app, "ephemeral-storage", "77Gi") },
		"a GPU":          func(app *corev1.Container, _ *corev1.PodTemplateSpec) { quantities(app, "nvidia.com/gpu", "7") },
		"a lower memory": func(app *corev1.Container, _ *corev1.PodTemplateSpec) { quantities(app, corev1.ResourceMemory, "1Mi") },
		"a lower CPU":    func(app *corev1.Container, _ *corev1.PodTemplateSpec) { quantities(app, corev1.ResourceCPU, "1m") },
		"claims": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.Resources.Claims = append(app.Resources.Claims, corev1.ResourceClaim{Name: "gpu"})
		},
		"a new container": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "x", Image: "evil:1"})
		},
		"a waiter of another image": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, waiter("evil:1", "bridgestack-wait-for-x", []string{"wait-for"}))
		},
		"a waiter of another shape": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			c := waiter("operator:1", "bridgestack-wait-for-x", []string{"wait-for"})
			c.Command = []string{"sh"}
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
		},
		"a variable of its own": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.Env = append(app.Env, corev1.EnvVar{Name: "LD_PRELOAD", Value: "/tmp/x.so"})
		},
		"a host of its own": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			put(app, corev1.EnvVar{Name: "POSTGRES_HOST", Value: "evil.example.com"})
		},
		"the order of variables": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.Env[0], app.Env[1] = app.Env[1], app.Env[0]
		},
		"a liveness probe": func(app *corev1.Container, _ *corev1.PodTemplateSpec) {
			app.LivenessProbe = &corev1.Probe{FailureThreshold: 99}
		},
		"a label": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) { pod.Labels = map[string]string{"x": "y"} },
		"a time that is none": func(_ *corev1.Container, pod *corev1.PodTemplateSpec) {
			pod.Annotations = map[string]string{restartedAt: "$(x)"}
		},
	}
	for _, r := range registry {
		if r.writes != v1alpha1.ActionPatchTemplate {
			continue
		}
		original, changed, scope := legitimate(t, r.name)
		w := TemplateWrite{Remedy: r.name, Original: original, Changed: changed, Scope: scope, Recorded: []*corev1.PodTemplateSpec{original, changed}}
		for _, back := range []bool{false, true} {
			if w.Back = back; w.Check() != nil {
				t.Fatalf("%s: its own change, back %t: %v", r.name, back, w.Check())
			}
		}
		refused := func(what string, beyond func(app *corev1.Container, pod *corev1.PodTemplateSpec)) {
			for _, back := range []bool{false, true} {
				target := changed
				if back {
					target = original
				}
				hostile := target.DeepCopy()
				beyond(container(hostile, "app"), hostile)
				w := TemplateWrite{Remedy: r.name, Back: back, Original: original, Changed: hostile, Scope: scope, Recorded: []*corev1.PodTemplateSpec{original, changed}}
				if back {
					w.Original, w.Changed = hostile, changed
				}
				if err := w.Check(); !errors.Is(err, ErrNotPermitted) {
					t.Errorf("%s may change %s as well, back %t: %v", r.name, what, back, err)
				}
			}
		}
		for what, beyond := range never {
			refused(what, beyond)
		}
		for what, beyond := range butRollback {
			refused(what, beyond) // for a rollback, the result is that of no recorded revision
		}
	}
}

// A rollback is refused these also where Kubernetes has them on record.
func TestARollbackToARecordedRevisionKeepsWhatIsDangerous(t *testing.T) {
	original, changed, scope := legitimate(t, v1alpha1.RemedyRollbackRollout)
	for what, beyond := range map[string]func(*corev1.PodTemplateSpec){
		"serviceAccount":  func(pod *corev1.PodTemplateSpec) { pod.Spec.ServiceAccountName = "admin" },
		"volumes":         func(pod *corev1.PodTemplateSpec) { pod.Spec.Volumes = []corev1.Volume{{Name: "data"}} },
		"securityContext": func(pod *corev1.PodTemplateSpec) { pod.Spec.Containers[1].SecurityContext = &corev1.SecurityContext{} },
		"a new privileged": func(pod *corev1.PodTemplateSpec) {
			pod.Spec.InitContainers = append(pod.Spec.InitContainers, corev1.Container{Name: "x", SecurityContext: &corev1.SecurityContext{}})
		},
	} {
		older := changed.DeepCopy()
		beyond(older)
		w := TemplateWrite{Remedy: v1alpha1.RemedyRollbackRollout, Original: original, Changed: older, Scope: scope, Recorded: []*corev1.PodTemplateSpec{original, older}}
		if err := w.Check(); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// legitimate is a change that a remedy makes.
func legitimate(t *testing.T, name v1alpha1.RemedyName) (original, changed *corev1.PodTemplateSpec, scope *Scope) {
	t.Helper()
	source := rand.New(rand.NewSource(7))
	for range 200 {
		in := anything(t, source, name, lookup(name).causes[source.Intn(len(lookup(name).causes))])
		in.Template.Spec = template().Spec
		in.Template.Annotations = nil
		app := container(in.Template, "app")
		app.Resources.Limits[corev1.ResourceCPU] = resource.MustParse("100m")
		app.StartupProbe = &corev1.Probe{PeriodSeconds: 2, FailureThreshold: 3}
		app.Env[0] = corev1.EnvVar{Name: "POSTGRES_HOST", Value: "localhost"}
		in.Previous = in.Template.DeepCopy()
		container(in.Previous, "app").Image = "app:0"
		for dependency, w := range in.Workloads {
			w.Template = in.Template.DeepCopy()
			in.Workloads[dependency] = w
		}
		action, refusal := lookup(name).propose(in)
		action.Remedy = name
		if refusal != nil || action.Template == nil || in.notPermitted(action) != nil {
			continue
		}
		scope := &Scope{Policy: in.Policy, Service: in.Service, Image: in.Image}
		for _, d := range in.Case.Dependencies {
			scope.Declared = append(scope.Declared, *d.Declared)
		}
		return in.Template, action.Template, scope
	}
	t.Fatalf("%s changes nothing", name)
	return nil, nil, nil
}

// What somebody else wrote into a status is no action of the remedy's.
func TestCheckAction(t *testing.T) {
	own := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api", UID: "1"}
	other := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.StatefulSet, Name: "db", UID: "2"}
	patch := func(w v1alpha1.DiagnosedWorkload) v1alpha1.AttemptAction {
		return v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: w}}
	}
	evict := v1alpha1.AttemptAction{Type: v1alpha1.ActionEvictPods, EvictPods: &v1alpha1.EvictPodsAction{}}
	both := evict
	both.RunJob = &v1alpha1.RunJobAction{}
	for name, c := range map[string]struct {
		remedy v1alpha1.RemedyName
		action v1alpha1.AttemptAction
		want   bool
	}{
		"its own workload":                 {v1alpha1.RemedySetEnv, patch(own), true},
		"another workload":                 {v1alpha1.RemedySetEnv, patch(other), false},
		"a dependency":                     {v1alpha1.RemedyRestartDependency, patch(other), true},
		"no dependency":                    {v1alpha1.RemedyRestartDependency, patch(own), false},
		"an eviction":                      {v1alpha1.RemedyRecreatePod, evict, true},
		"an eviction that is a patch":      {v1alpha1.RemedyRecreatePod, patch(own), false},
		"a topic that is a patch":          {v1alpha1.RemedyCreateTopic, patch(own), false},
		"two in one":                       {v1alpha1.RemedyRecreatePod, both, false},
		"nothing":                          {v1alpha1.RemedyRecreatePod, v1alpha1.AttemptAction{Type: v1alpha1.ActionEvictPods}, false},
		"a hold that writes":               {v1alpha1.RemedyHoldDependents, patch(own), false},
		"a remedy that there is not":       {"Other", patch(own), false},
		"a remedy that there is not, bare": {"Other", v1alpha1.AttemptAction{}, false},
	} {
		if err := CheckAction(c.remedy, c.action, own); (err == nil) != c.want || err != nil && !errors.Is(err, ErrNotPermitted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// anything is an input in which a remedy finds all that it needs for a cause,
// around it a template of random settings.
func anything(t *testing.T, source *rand.Rand, name v1alpha1.RemedyName, cause v1alpha1.Cause) Input {
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
		for i := range template.Spec.Containers {
			template.Spec.Containers[i].Name = fmt.Sprintf("c%d", i)
		}
		for i := range template.Spec.InitContainers {
			template.Spec.InitContainers[i].Name = fmt.Sprintf("i%d", i)
		}
		var app corev1.Container
		fill.Fill(&app)
		app.Name = "app"
		for i := range app.Env {
			app.Env[i].Name = fmt.Sprintf("V%d", i/2) // some of them twice
		}
		app.Resources.Limits = corev1.ResourceList{
			corev1.ResourceMemory: resource.MustParse("128Mi"), corev1.ResourceCPU: resource.MustParse("100m"),
			corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"), "nvidia.com/gpu": resource.MustParse("1"),
		}
		app.StartupProbe = &corev1.Probe{PeriodSeconds: 1 + source.Int31n(10), FailureThreshold: 1 + source.Int31n(5), InitialDelaySeconds: source.Int31n(5)}
		template.Spec.Containers = append(template.Spec.Containers, app)
		return apply(t, &template, "[]") // as an API server would give it back
	}
	in.Template, in.Previous = random(), random()
	if name == v1alpha1.RemedyRollbackRollout && source.Intn(3) > 0 {
		in.Previous = in.Template.DeepCopy()
		app := container(in.Previous, "app")
		app.Image, app.Command, app.Env = "app:before", []string{"before"}, []corev1.EnvVar{{Name: "BEFORE", Value: "1"}}
	}
	value := "declared"
	in.Service = stack.Service{Service: v1alpha1.Service{Name: "api", Env: []v1alpha1.DeclaredEnv{{Name: "API_KEY", Value: &value}}}}
	in.Image, in.Now = "operator:1", time.Unix(1e6, 0)
	tooEarly(&in)
	in.Case.Rollout.Revision, in.Case.Rollout.ReadyRevision, in.Case.Rollout.ReadyRevisionPods = "5", "4", 1
	in.Workloads = map[string]Workload{"postgres": {DiagnosedWorkload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "postgres"}, Template: random()}}
	asConfigured := v1alpha1.ProbePassed
	if source.Intn(2) == 0 {
		asConfigured = v1alpha1.ProbeFailed
	}
	in.Case.Probes = []evidence.Probe{
		probed("postgres", v1alpha1.AsConfigured, asConfigured, evidence.StageDial),
		probed("postgres", v1alpha1.AsDeclared, v1alpha1.ProbeFailed, evidence.StageAuthenticate),
	}
	if source.Intn(2) == 0 {
		sslMode(&in, "PGSSLMODE", "disable", evidence.TLSDisable)
	}
	return in
}
