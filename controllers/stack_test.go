package controllers_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// mistakes in a policy that the API server cannot see.
var mistakes = map[string]struct {
	make   func(*v1alpha1.BridgeStack)
	reason string
	says   string
	mend   func(*v1alpha1.BridgeStack)
	// objects that were missing.
	objects func(namespace string) []*corev1.Secret
	// nothingWatched says that no service is left to watch.
	nothingWatched bool
}{
	"selector matches nothing": {
		make: func(s *v1alpha1.BridgeStack) {
			s.Spec.Services = nil
			s.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{labelApp: "wbe"}}
		},
		reason: v1alpha1.ReasonNoWorkloadSelected, says: "spec.selector: ",
		mend:           func(s *v1alpha1.BridgeStack) { s.Spec.Selector.MatchLabels[labelApp] = "web" },
		nothingWatched: true,
	},
	"workload does not exist": {
		make:   func(s *v1alpha1.BridgeStack) { s.Spec.Services[1].Workload.Name = "apy" },
		reason: v1alpha1.ReasonWorkloadNotFound, says: `spec.services[1].workload.name: service "api" names Deployment/apy`,
		mend: func(s *v1alpha1.BridgeStack) { s.Spec.Services[1].Workload.Name = "api" },
	},
	"Secret does not exist": {
		make: func(s *v1alpha1.BridgeStack) {
			s.Spec.Services[1].Env = []v1alpha1.DeclaredEnv{{Name: "PASSWORD", ValueFrom: &v1alpha1.EnvSource{SecretKeyRef: &v1alpha1.KeyReference{Name: "api-secrets", Key: "password"}}}}
		},
		reason: v1alpha1.ReasonReferenceNotFound, says: `spec.services[1].env[0].valueFrom: Secret "api-secrets" does not exist`,
		// The change is for the test's sake: without it the Secret is found within a minute.
		mend: func(s *v1alpha1.BridgeStack) { s.Labels = map[string]string{"example.com/mended": "yes"} },
		objects: func(namespace string) []*corev1.Secret {
			return []*corev1.Secret{{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api-secrets"}, StringData: map[string]string{"password": "canary"}}}
		},
	},
	"dependencies go in a circle": {
		make: func(s *v1alpha1.BridgeStack) {
			s.Spec.Services[1].DependsOn = []v1alpha1.Dependency{{Service: "cache"}}
			s.Spec.Services[2].DependsOn = []v1alpha1.Dependency{{Service: "api"}}
		},
		reason: v1alpha1.ReasonDependencyCycle, says: "api -> cache -> api",
		mend: func(s *v1alpha1.BridgeStack) { s.Spec.Services[2].DependsOn = nil },
	},
	"ceiling is below the limit": {
		make: func(s *v1alpha1.BridgeStack) {
			low := resource.MustParse("64Mi")
			s.Spec.Services[1].MemoryCeiling = &low
		},
		reason: v1alpha1.ReasonCeilingBelowLimit, says: "spec.services[1].memoryCeiling: 64Mi is below the present limit 128Mi",
		mend: func(s *v1alpha1.BridgeStack) { s.Spec.Services[1].MemoryCeiling = nil },
	},
}

// A mistake in a policy is named with its field, the rest of the stack is
// watched all the same, and the condition goes away when it is mended.
func TestMistakesInAPolicy(t *testing.T) {
	for name, c := range mistakes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			s := mode(stack(ns, service("web"), service("api"), service("cache")), v1alpha1.ModeSuggest)
			c.make(s)
			create(t, s)
			deploy(t, ns, "api", runs)
			deploy(t, ns, "cache", runs)
			deploy(t, ns, "web", outOfMemory)
			start(t, ns, settings{})

			until(t, func() bool { return readyOf(t, s) == "False "+c.reason }, func() string { return "stalled for " + c.reason + ", not " + readyOf(t, s) })
			shows(t, stackNow(t, s).Status.Conditions, map[string]string{
				"Ready": "False " + c.reason, "Stalled": "True " + c.reason, "Healthy": "False ServicesUnhealthy",
			})
			if stalled := message(t, s, v1alpha1.ConditionStalled); !strings.Contains(stalled, c.says) {
				t.Errorf("the message does not say %q: %s", c.says, stalled)
			}
			if !c.nothingWatched {
				watchesWeb(t, s)
			}

			for _, o := range objectsOf(c.objects, ns) {
				create(t, o)
			}
			edit(t, s, c.mend)
			until(t, func() bool { return readyOf(t, s) == "True Reconciled" }, func() string { return "mended: " + message(t, s, v1alpha1.ConditionReady) })
			if meta.FindStatusCondition(stackNow(t, s).Status.Conditions, v1alpha1.ConditionStalled) != nil {
				t.Error("Stalled is still there")
			}
			watchesWeb(t, s)
		})
	}
}

func objectsOf(missing func(string) []*corev1.Secret, namespace string) []*corev1.Secret {
	if missing == nil {
		return nil
	}
	return missing(namespace)
}

// watchesWeb checks that the loop of web is diagnosed, and shown in the stack.
func watchesWeb(t *testing.T, s *v1alpha1.BridgeStack) {
	t.Helper()
	d := await(t, s.Namespace, "web", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	until(t, func() bool { return strings.Contains(message(t, s, v1alpha1.ConditionHealthy), "web: OOMKilled") },
		func() string { return "the stack shows the loop of web: " + message(t, s, v1alpha1.ConditionHealthy) })
	for _, service := range stackNow(t, s).Status.Services {
		if service.Name == "web" && (service.Healthy || service.Diagnosis != d.Name) {
			t.Errorf("web in the stack: %+v", service)
		}
	}
}

func message(t *testing.T, s *v1alpha1.BridgeStack, condition string) string {
	t.Helper()
	if c := meta.FindStatusCondition(stackNow(t, s).Status.Conditions, condition); c != nil {
		return c.Message
	}
	return ""
}

// A stack without any trouble says so, and a service that is only not ready is
// told apart from one that loops.
func TestHealthOfAStack(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("web"), service("api"))
	create(t, s)
	deploy(t, ns, "web", runs)
	deploy(t, ns, "api", func(*corev1.Pod) run { return run{} })
	start(t, ns, settings{})
	until(t, func() bool { return message(t, s, v1alpha1.ConditionHealthy) == "api: 0 of 1 ready" },
		func() string { return "api is not ready: " + message(t, s, v1alpha1.ConditionHealthy) })
	becomes(t, ns, "api", runs)
	awaitServicesHealthy(t, s, "2/2")
	shows(t, stackNow(t, s).Status.Conditions, map[string]string{"Ready": "True Reconciled", "Healthy": "True AllServicesHealthy"})
	if all := append(diagnoses(t, ns, "web"), diagnoses(t, ns, "api")...); len(all) > 0 {
		t.Errorf("an incident was made up:\n%s", tell(all))
	}
}

// A stack that is applied to what loops already is a stack like any other: no
// pod event comes to its help.
func TestStackAppliedToALoop(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	other := mode(stack(ns, service("web")), v1alpha1.ModeSuggest)
	other.Name = "other"
	create(t, other)
	start(t, ns, settings{})
	deploy(t, ns, "api", outOfMemory)
	until(t, func() bool { return backsOff(podsOf(t, ns, "api")) }, func() string { return "api loops" })
	deploy(t, ns, "web", outOfMemory)
	await(t, ns, "web", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	if all := diagnoses(t, ns, "api"); len(all) > 0 {
		t.Fatalf("api is in no stack yet:\n%s", tell(all))
	}
	create(t, mode(stack(ns, service("api")), v1alpha1.ModeSuggest))
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
}

func backsOff(pods []corev1.Pod) bool {
	if len(pods) == 0 || len(pods[0].Status.ContainerStatuses) == 0 {
		return false
	}
	waiting := pods[0].Status.ContainerStatuses[0].State.Waiting
	return waiting != nil && waiting.Reason == "CrashLoopBackOff"
}
