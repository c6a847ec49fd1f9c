package controllers_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const composeFile = `
name: shop
services:
  web:
    image: reg.example/web:2
    build: .
    environment:
      SHOP_REGION: ${REGION:-us}
      STRIPE_KEY: sk_live_canary
    depends_on: {db: {condition: service_healthy}}
    deploy: {resources: {limits: {memory: 1G}}}
  db: {image: "postgres:16"}
`

// composed is a stack that is described by a ConfigMap alone.
func composed(t *testing.T, namespace, content string) (*v1alpha1.BridgeStack, *corev1.ConfigMap) {
	t.Helper()
	files := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, Data: map[string]string{"compose.yaml": content}}
	create(t, files)
	s := stack(namespace)
	s.Spec.Remediation.Memory.Ceiling = nil
	s.Spec.Compose = &v1alpha1.Compose{ConfigMaps: []v1alpha1.KeyReference{{Name: "shop", Key: "compose.yaml"}}, Trusted: true, Env: map[string]string{"REGION": "eu"}}
	create(t, s)
	return s, files
}

// demands is a program that ends unless a variable has a value.
func demands(name string) program {
	missing := ends(1, "Error", "FATAL: environment variable "+name+" is not set\n")
	return func(pod *corev1.Pod) run {
		for _, e := range pod.Spec.Containers[0].Env {
			if e.Name == name && e.Value != "" {
				return runs(pod)
			}
		}
		return missing(pod)
	}
}

// A variable that only the compose file knows is set from it, and the status
// says what was made of the file.
func TestComposeSetsMissingVariable(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s, _ := composed(t, ns, composeFile)
	web := deploy(t, ns, "web", demands("SHOP_REGION"))
	start(t, ns, settings{})
	d := await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	if d.Status.Cause != v1alpha1.CauseEnvVarMissing || d.Status.Attempts[0].Proposal.Remedy != v1alpha1.RemedySetEnv {
		t.Errorf("repaired otherwise:\n%s", tell([]v1alpha1.BridgeDiagnosis{*d}))
	}
	if got := template(t, web); !strings.Contains(got, `{"name":"SHOP_REGION","value":"eu"}`) {
		t.Errorf("template: %s", got)
	}
	var live *v1alpha1.BridgeStack
	until(t, func() bool {
		live = stackNow(t, s)
		return meta.IsStatusConditionTrue(live.Status.Conditions, v1alpha1.ConditionHealthy)
	}, func() string { return message(t, s, v1alpha1.ConditionHealthy) })
	shows(t, live.Status.Conditions, map[string]string{"Ready": "True Reconciled", "Healthy": "True AllServicesHealthy", "ComposeLoaded": "True ComposeLoaded"})
	text, err := json.Marshal(live.Status)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"service":"db","cluster":"no workload runs it"}`,
		`{"service":"web","field":"image","compose":"reg.example/web:2","cluster":"example.com/web:1"}`,
		`{"service":"web","field":"deploy.resources.limits.memory","compose":"1Gi","cluster":"128Mi"}`,
		`{"service":"web","field":"environment.STRIPE_KEY","cluster":"not set"}`,
		`shop/compose.yaml:6: services.web.build: images are built before they are deployed`,
		`services known of project shop: 2; attributes without a meaning here: 1; differences from the cluster: 4`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the status does not say %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "canary") {
		t.Errorf("a secret is in the status: %s", text)
	}
	if got := limit(t, web); got != "128Mi" {
		t.Errorf("changed for drift alone: %s", got)
	}
}

// What may be a secret is never set from a compose file.
func TestComposeSetsNoSecret(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	composed(t, ns, composeFile)
	web := deploy(t, ns, "web", demands("STRIPE_KEY"))
	before := template(t, web)
	start(t, ns, settings{})
	d := await(t, ns, "web", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if d.Status.Cause != v1alpha1.CauseEnvVarMissing || !strings.Contains(d.Status.Message, "STRIPE_KEY") {
		t.Errorf("%s: %s", d.Status.Cause, d.Status.Message)
	}
	if template(t, web) != before {
		t.Error("the template was changed")
	}
	if text, err := json.Marshal(d); err != nil || strings.Contains(string(text), "canary") {
		t.Errorf("the secret is in the diagnosis: %s %v", text, err)
	}
}

// The limit that the project declares is how far memory may be raised.
func TestComposeLimitIsCeiling(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	composed(t, ns, composeFile)
	web := deploy(t, ns, "web", needs("160Mi"))
	start(t, ns, settings{})
	await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	if got := limit(t, web); got != "192Mi" {
		t.Errorf("limit %s", got)
	}
}

// Who depends on whom is known from the project: the dependent is a symptom, and
// nothing of it is touched.
func TestComposeDependencyIsRoot(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	composed(t, ns, `
services:
  kafka: {image: apache/kafka, environment: {KAFKA_ADVERTISED_LISTENERS: "PLAINTEXT://kafka:9092"}}
  web: {image: a, depends_on: {kafka: {condition: service_healthy}}}
`)
	deploy(t, ns, "kafka", func(*corev1.Pod) run { return run{} })
	web := deploy(t, ns, "web", ends(1, "Error", "FATAL kafka: client has run out of available brokers: dial tcp 10.0.0.1:9092: connect: connection refused\n"),
		func(d *appsv1.Deployment) {
			d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "KAFKA_BOOTSTRAP_SERVERS", Value: "kafka:9092"}}
		})
	before := template(t, web)
	start(t, ns, settings{})
	got := waits(t, ns, "web", v1alpha1.ReasonWaitingForDependency, "kafka")
	if got.Status.Cause != v1alpha1.CauseDependencyUnhealthy || got.Status.Root == nil || got.Status.Root.Service != "kafka" {
		t.Errorf("cause %s, root %v", got.Status.Cause, got.Status.Root)
	}
	if template(t, web) != before {
		t.Error("the symptom was patched")
	}
}

// A project that cannot be read is named with its place; the rest of the stack
// is watched, and what is mended counts.
func TestBrokenCompose(t *testing.T) {
	for name, c := range map[string]struct {
		content      string
		reason, says string
	}{
		"unknown key":     {"services:\n  web:\n    image: a\n    enviroment: {}\n", v1alpha1.ReasonComposeInvalid, "spec.compose: shop/compose.yaml:4: services.web.enviroment is not of the compose specification"},
		"required":        {"services:\n  web:\n    image: a:${TAG:?say which}\n", v1alpha1.ReasonComposeInvalid, "spec.compose: shop/compose.yaml:3: services.web.image: the required variable TAG is not set: say which"},
		"another file":    {"services:\n  web:\n    image: a\n    env_file: /etc/passwd\n", v1alpha1.ReasonComposeInvalid, "kubectl bridge init"},
		"x-bridge":        {"services:\n  web:\n    image: a\n    x-bridge: {memoryCeilng: 1Gi}\n", v1alpha1.ReasonComposeInvalid, `there is no field "memoryCeilng"`},
		"no ConfigMap":    {"", v1alpha1.ReasonReferenceNotFound, `spec.compose.configMaps[0]: ConfigMap "gone" does not exist in this namespace`},
		"no key":          {"", v1alpha1.ReasonReferenceNotFound, `spec.compose.configMaps[0]: key "gone.yaml" is not in ConfigMap "shop"`},
		"x-bridge Secret": {"services:\n  web:\n    image: a\n    x-bridge: {env: {KEY: {secretKeyRef: {name: gone, key: a}}}}\n", v1alpha1.ReasonReferenceNotFound, `spec.compose: services.web.x-bridge.env.KEY.valueFrom: Secret "gone" does not exist`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			s, files := composed(t, ns, c.content)
			edit(t, s, func(s *v1alpha1.BridgeStack) {
				s.Spec.Services = []v1alpha1.Service{service("web")}
				s.Spec.Remediation.Mode = v1alpha1.ModeObserve
				switch name {
				case "no ConfigMap":
					s.Spec.Compose.ConfigMaps[0].Name = "gone"
				case "no key":
					s.Spec.Compose.ConfigMaps[0].Key = "gone.yaml"
				}
			})
			deploy(t, ns, "web", outOfMemory)
			start(t, ns, settings{})
			until(t, func() bool { return readyOf(t, s) == "False "+c.reason }, func() string { return readyOf(t, s) })
			for _, condition := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionComposeLoaded} {
				if got := message(t, s, condition); !strings.Contains(got, c.says) {
					t.Errorf("%s does not say %q: %s", condition, c.says, got)
				}
			}
			await(t, ns, "web", v1alpha1.StateObserved, v1alpha1.ReasonObserving)

			edit(t, files, func(m *corev1.ConfigMap) { m.Data["compose.yaml"] = "services: {web: {image: a}}" })
			// The change is for the test's sake: without it the file is read within a minute.
			edit(t, s, func(s *v1alpha1.BridgeStack) {
				s.Spec.Compose.ConfigMaps[0] = v1alpha1.KeyReference{Name: "shop", Key: "compose.yaml"}
				s.Labels = map[string]string{"example.com/mended": "yes"}
			})
			until(t, func() bool { return readyOf(t, s) == "True Reconciled" }, func() string { return message(t, s, v1alpha1.ConditionReady) })
			if got := message(t, s, v1alpha1.ConditionComposeLoaded); got != "services known of project stack: 1; differences from the cluster: 1" {
				t.Errorf("mended: %s", got)
			}
		})
	}
}

// While the project cannot be read, nobody knows what is part of the stack: an
// incident of what only the project names is neither closed nor forgotten.
func TestBrokenComposeHoldsIncidents(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s, files := composed(t, ns, composeFile)
	edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Remediation.Mode = v1alpha1.ModeSuggest })
	web := deploy(t, ns, "web", demands("SHOP_REGION"))
	start(t, ns, settings{})
	await(t, ns, "web", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	becomesFile := func(content, ready string) {
		edit(t, files, func(m *corev1.ConfigMap) { m.Data["compose.yaml"] = content })
		edit(t, s, func(s *v1alpha1.BridgeStack) {
			s.Labels = map[string]string{"example.com/edited": strconv.Itoa(len(content))}
		})
		until(t, func() bool { return strings.HasPrefix(readyOf(t, s), ready) }, func() string { return readyOf(t, s) })
	}
	becomesFile("services: [", "False")
	for i := range 20 { // it is looked at again and again
		edit(t, web, func(d *appsv1.Deployment) { d.Annotations = map[string]string{"example.com/look": strconv.Itoa(i)} })
		time.Sleep(100 * time.Millisecond)
		if all := diagnoses(t, ns, "web"); len(all) != 1 || all[0].Status.State != v1alpha1.StateSuggested {
			t.Fatalf("not held:\n%s", tell(all))
		}
	}
	// A person is called in time all the same.
	edit(t, s, func(s *v1alpha1.BridgeStack) {
		s.Spec.Remediation.EscalateAfter = &metav1.Duration{Duration: time.Second}
	})
	until(t, func() bool { return diagnoses(t, ns, "web")[0].Status.Times.Escalated != nil }, func() string { return "a person is called\n" + tell(diagnoses(t, ns, "web")) })
	becomesFile(composeFile, "True")
	edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Remediation.Mode = v1alpha1.ModeAuto })
	await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
}
