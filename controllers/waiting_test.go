package controllers_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

// waits checks that a diagnosis waits, for this reason, and shows a remedy.
func waits(t *testing.T, namespace, service, reason, says string) *v1alpha1.BridgeDiagnosis {
	t.Helper()
	got := await(t, namespace, service, v1alpha1.StateWaiting, reason)
	shows(t, got.Status.Conditions, map[string]string{
		"Ready": "False " + reason, "Reconciling": "True " + reason, "Diagnosed": "True CauseFound", "Recovered": "False " + reason,
	})
	if !strings.Contains(got.Status.Message, says) {
		t.Errorf("the message does not say %q: %s", says, got.Status.Message)
	}
	attempted(t, got)
	return got
}

// A pause stops every remedy, and nothing but a pause.
func TestPauses(t *testing.T) {
	t.Run("stack", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		s := stack(ns, service("api"))
		s.Spec.Paused = true
		create(t, s)
		d := deploy(t, ns, "api", needs("192Mi"))
		o := start(t, ns, settings{})
		waits(t, ns, "api", v1alpha1.ReasonPaused, "spec.paused")
		pausedShows(t, s)
		if n := count(o.wire.made(), http.MethodPatch, ""); n != 0 || limit(t, d) != "128Mi" {
			t.Errorf("%d patches, limit %s", n, limit(t, d))
		}
		edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Paused = false })
		await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	})
	t.Run("workload", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		create(t, stack(ns, service("api")))
		d := deploy(t, ns, "api", needs("192Mi"), func(d *appsv1.Deployment) {
			d.Annotations = map[string]string{v1alpha1.AnnotationPaused: "true"}
		})
		start(t, ns, settings{})
		waits(t, ns, "api", v1alpha1.ReasonPaused, v1alpha1.AnnotationPaused)
		edit(t, d, func(d *appsv1.Deployment) { delete(d.Annotations, v1alpha1.AnnotationPaused) })
		await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	})
}

// pausedShows waits until the stack itself says that it is paused.
func pausedShows(t *testing.T, s *v1alpha1.BridgeStack) {
	t.Helper()
	until(t, func() bool { return readyOf(t, s) == "True Paused" }, func() string { return "the stack shows its pause, not " + readyOf(t, s) })
}

// One remedy at a time: the second incident waits until the first one is over.
func TestBudgetIsOneAtATime(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api"), service("web")))
	deploy(t, ns, "api", slowly(needs("192Mi")))
	o := start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	web := deploy(t, ns, "web", needs("192Mi"))
	waits(t, ns, "web", v1alpha1.ReasonBudgetSpent, "the policy allows 1 at once")
	if limit(t, web) != "128Mi" {
		t.Errorf("limit %s", limit(t, web))
	}
	becomes(t, ns, "api", needs("192Mi"))
	attempted(t, await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered), v1alpha1.AttemptHelped)
	attempted(t, await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered), v1alpha1.AttemptHelped)
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 2 {
		t.Errorf("%d patches of Deployments", n)
	}
}

func TestSpentBudgetTouchesNothing(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	none := int32(0)
	s.Spec.Remediation.Budget.RemediesPerHour = &none
	create(t, s)
	d := deploy(t, ns, "api", needs("192Mi"))
	start(t, ns, settings{})
	waits(t, ns, "api", v1alpha1.ReasonBudgetSpent, "the policy allows 0")
	if limit(t, d) != "128Mi" {
		t.Errorf("limit %s", limit(t, d))
	}
}

// Several replicas that loop are one incident, over when all of them are up.
func TestReplicasAreOneIncident(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, stack(ns, service("api")))
	d := deploy(t, ns, "api", needs("192Mi"), func(d *appsv1.Deployment) { *d.Spec.Replicas = 3 })
	o := start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 1 || limit(t, d) != "192Mi" {
		t.Errorf("%d patches, limit %s", n, limit(t, d))
	}
}

// A symptom waits for its root. When the root answers again, the pod that sits
// in a back-off is replaced.
func TestDependencyIsAwaitedThenPodsAreReplaced(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	broker := servers.Kafka(t)
	address := broker.Servers[0].String()
	kafka := service("kafka")
	kafka.Endpoint = &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{address}}}
	create(t, stack(ns, kafka, service("web", "kafka")))

	deploy(t, ns, "kafka", func(*corev1.Pod) run { return run{} })
	refused := fmt.Sprintf("FATAL kafka: client has run out of available brokers: dial tcp %s: connect: connection refused\n", address)
	web := deploy(t, ns, "web", ends(1, "Error", refused), func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "KAFKA_BOOTSTRAP_SERVERS", Value: address}}
	})
	before := template(t, web)
	var listens atomic.Bool
	o := start(t, ns, settings{dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if !listens.Load() {
			return nil, syscall.ECONNREFUSED
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}})
	got := waits(t, ns, "web", v1alpha1.ReasonWaitingForDependency, "kafka")
	if got.Status.Cause != v1alpha1.CauseDependencyUnhealthy || got.Status.Root == nil || got.Status.Root.Service != "kafka" {
		t.Errorf("cause %s, root %v", got.Status.Cause, got.Status.Root)
	}

	// Kafka comes up; so would web, if it were started now.
	firstPod := podOf(t, ns, "web")
	listens.Store(true)
	becomes(t, ns, "kafka", runs)
	becomes(t, ns, "web", func(pod *corev1.Pod) run {
		if pod.UID == firstPod.UID {
			return ends(1, "Error", refused)(pod)
		}
		return runs(pod)
	})
	got = await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptHelped)
	if got.Status.Attempts[0].Proposal.Remedy != v1alpha1.RemedyRecreatePod || template(t, web) != before {
		t.Errorf("remedy %s, template %s", got.Status.Attempts[0].Proposal.Remedy, template(t, web))
	}
	if n := count(o.wire.made(), http.MethodPost, "/eviction"); n != 1 {
		t.Errorf("%d evictions", n)
	}
}

// podOf is an app's only pod.
func podOf(t *testing.T, namespace, app string) *corev1.Pod {
	t.Helper()
	all := podsOf(t, namespace, app)
	if len(all) != 1 {
		t.Fatalf("%s has %d pods", app, len(all))
	}
	return &all[0]
}
