package controllers_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

var (
	fluxLabels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
	helmLabels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
	// helm-controller's marks are those of its HelmRelease beside Helm's own.
	releaseLabels = map[string]string{"app.kubernetes.io/managed-by": "Helm", "helm.toolkit.fluxcd.io/name": "api", "helm.toolkit.fluxcd.io/namespace": "shop"}
)

// manifest is the Deployment api as it is in Git; limit may be empty.
func manifest(namespace, limit string, labels, annotations map[string]string) map[string]any {
	container := map[string]any{"name": "main", "image": "example.com/api:1"}
	if limit != "" {
		container["resources"] = map[string]any{"limits": map[string]any{"memory": limit}}
	}
	app := map[string]any{labelApp: "api"}
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"namespace": namespace, "name": "api", "labels": anyMap(labels), "annotations": anyMap(annotations)},
		"spec": map[string]any{
			"replicas": int64(1), "selector": map[string]any{"matchLabels": app},
			"template": map[string]any{
				"metadata": map[string]any{"labels": app},
				"spec":     map[string]any{"containers": []any{container}},
			},
		},
	}
}

func anyMap(in map[string]string) map[string]any {
	out := map[string]any{}
	for k, v := range in {
		out[k] = v
	}
	return out
}

// applies is what Flux' kustomize-controller does, and Argo CD and Helm with
// server-side apply: with force, under its own name.
func applies(t *testing.T, manager string, object map[string]any) {
	t.Helper()
	u := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: object})
	if err := k8s.Apply(t.Context(), u, client.FieldOwner(manager), client.ForceOwnership); err != nil {
		t.Fatalf("%s applies: %v", manager, err)
	}
}

// creates is what a client-side apply does, as Argo CD makes one by default.
func creates(t *testing.T, manager string, object map[string]any) {
	t.Helper()
	applied, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{Object: object}
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["kubectl.kubernetes.io/last-applied-configuration"] = string(applied)
	u.SetAnnotations(annotations)
	if err := k8s.Create(t.Context(), u, client.FieldOwner(manager)); err != nil {
		t.Fatalf("%s creates: %v", manager, err)
	}
}

// posts is what Helm 3 does, and helm-controller with it: no apply, and no record
// but the fields' manager.
func posts(t *testing.T, manager string, object map[string]any) {
	t.Helper()
	if err := k8s.Create(t.Context(), &unstructured.Unstructured{Object: object}, client.FieldOwner(manager)); err != nil {
		t.Fatalf("%s creates: %v", manager, err)
	}
}

// limits is another tool, that sets the limit which is not in Git.
func limits(t *testing.T, namespace, memory string) {
	t.Helper()
	applies(t, "rightsizer", map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"namespace": namespace, "name": "api"},
		"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{
			map[string]any{"name": "main", "resources": map[string]any{"limits": map[string]any{"memory": memory}}}}}}},
	})
}

// holds is what is said of holding a manager on one object.
func holds(manager string) string {
	switch manager {
	case "kustomize-controller":
		return "annotate deployment api kustomize.toolkit.fluxcd.io/reconcile=disabled"
	case "helm-controller", "helm":
		return "make it in Git" // and no more: there is no such way
	}
	return "Argo CD cannot be held on one object"
}

// appliedBy is true where a manager uses server-side apply.
func appliedBy(t *testing.T, namespace, manager string) bool {
	t.Helper()
	d := api(namespace)
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(d.ManagedFields, func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == manager && m.Operation == metav1.ManagedFieldsOperationApply
	})
}

func api(namespace string) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "api"}}
}

// Each rung of the ladder, under the managers' real names and with the field
// ownership that the API server itself keeps.
func TestLadderBesideGitOps(t *testing.T) {
	t.Parallel()
	tracked := func(ns string) map[string]string {
		return map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:" + ns + "/api"}
	}
	none := func(string) map[string]string { return nil }
	handedOver := func(string) map[string]string {
		return map[string]string{v1alpha1.AnnotationHandedOver: "spec.replicas, spec.template.spec.containers[main].resources"}
	}
	release := func(string) map[string]string {
		return map[string]string{"meta.helm.sh/release-name": "api", "meta.helm.sh/release-namespace": "shop"}
	}
	for name, c := range map[string]struct {
		annotations func(namespace string) map[string]string
		labels      map[string]string
		manager     string
		puts        func(t *testing.T, manager string, object map[string]any)
		// inGit is the limit in Git; empty: the limit is another tool's.
		inGit string
		owner string
		left  bool // the operator leaves it to a person
		// known says how what is in Git is known, where it is not by the manager.
		known string
	}{
		"nobody's":                                {none, nil, "kubectl", creates, "128Mi", "", false, ""},
		"Helm's, which nobody reconciles":         {func(string) map[string]string { return map[string]string{"meta.helm.sh/release-name": "shop"} }, helmLabels, "helm", applies, "128Mi", "Helm release shop", false, ""},
		"Flux', set in Git":                       {none, fluxLabels, "kustomize-controller", applies, "128Mi", "Flux Kustomization flux-system/apps", true, ""},
		"Flux', absent in Git":                    {none, fluxLabels, "kustomize-controller", applies, "", "Flux Kustomization flux-system/apps", false, ""},
		"Argo CD's, client-side, set in Git":      {tracked, nil, "argocd-controller", creates, "128Mi", "Argo CD Application shop", true, ""},
		"Argo CD's, client-side, absent in Git":   {tracked, nil, "argocd-controller", creates, "", "Argo CD Application shop", false, ""},
		"Argo CD's, server-side, set in Git":      {tracked, nil, "argocd-controller", applies, "128Mi", "Argo CD Application shop", true, ""},
		"Argo CD's, server-side, absent in Git":   {tracked, nil, "argocd-controller", applies, "", "Argo CD Application shop", false, ""},
		"Argo CD's by its name in managedFields":  {none, nil, "argocd-controller", applies, "128Mi", "Argo CD", true, ""},
		"a copy of what Argo CD tracks elsewhere": {func(string) map[string]string { return tracked("elsewhere") }, nil, "kubectl", applies, "128Mi", "", false, ""},
		"Flux', set in Git and handed over":       {handedOver, fluxLabels, "kustomize-controller", applies, "128Mi", "Flux Kustomization flux-system/apps", false, ""},
		"a HelmRelease's, set in the chart":       {release, releaseLabels, "helm-controller", applies, "128Mi", "Flux HelmRelease shop/api", true, ""},
		"a HelmRelease's, absent in the chart":    {release, releaseLabels, "helm-controller", applies, "", "Flux HelmRelease shop/api", false, ""},
		"a HelmRelease's by Helm 3, set":          {release, releaseLabels, "helm-controller", posts, "128Mi", "Flux HelmRelease shop/api", true, ""},
		"a HelmRelease's by Helm 3, absent":       {release, releaseLabels, "helm-controller", posts, "", "Flux HelmRelease shop/api", false, ""},
		"a HelmRelease's, without a record":       {release, releaseLabels, "helm", posts, "128Mi", "Flux HelmRelease shop/api", true, "its manager left no record"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			becomes(t, ns, "api", needs("150Mi"))
			create(t, stack(ns, service("api")))
			object := manifest(ns, c.inGit, c.labels, c.annotations(ns))
			c.puts(t, c.manager, object)
			if c.inGit == "" {
				limits(t, ns, "128Mi")
			}
			start(t, ns, settings{})
			state, reason, want := v1alpha1.StateRecovered, v1alpha1.ReasonRecovered, "192Mi"
			if c.left {
				state, reason, want = v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested, "128Mi"
			}
			got := await(t, ns, "api", state, reason)
			if got.Status.GitOps != c.owner {
				t.Errorf("owned by %q, want %q", got.Status.GitOps, c.owner)
			}
			if now := limit(t, api(ns)); now != want {
				t.Errorf("the limit is %s, want %s", now, want)
			}
			if c.left {
				for _, part := range []string{c.owner, "\n- 128Mi\n+ 192Mi", cmp.Or(c.known, "field manager "+c.manager), holds(c.manager)} {
					if !strings.Contains(got.Status.Message, part) {
						t.Errorf("%q is missing in: %s", part, got.Status.Message)
					}
				}
				return
			}
			if c.inGit == "" && appliedBy(t, ns, c.manager) { // the next reconciliation of what is in Git
				applies(t, c.manager, manifest(ns, "", c.labels, c.annotations(ns)))
				if now := limit(t, api(ns)); now != want {
					t.Errorf("the change did not survive %s: the limit is %s", c.manager, now)
				}
			}
		})
	}
}

// What only pods are touched by is done whoever owns the workload: here, pods
// that sit in a back-off from before their dependency came up.
func TestPodsAreRecreatedUnderGitOps(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	address := servers.Kafka(t).Servers[0].String()
	kafka := service("kafka")
	kafka.Endpoint = &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{address}}}
	create(t, stack(ns, kafka, service("api", "kafka")))
	deploy(t, ns, "kafka", func(*corev1.Pod) run { return run{} })
	refused := ends(1, "Error", fmt.Sprintf("FATAL kafka: client has run out of available brokers: dial tcp %s: connect: connection refused\n", address))
	becomes(t, ns, "api", refused)
	object := manifest(ns, "128Mi", fluxLabels, nil)
	containers := object["spec"].(map[string]any)["template"].(map[string]any)["spec"].(map[string]any)["containers"].([]any)
	containers[0].(map[string]any)["env"] = []any{map[string]any{"name": "KAFKA_BOOTSTRAP_SERVERS", "value": address}}
	applies(t, "kustomize-controller", object)
	before := template(t, api(ns))
	var listens atomic.Bool
	start(t, ns, settings{dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if !listens.Load() {
			return nil, syscall.ECONNREFUSED
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}})
	waits(t, ns, "api", v1alpha1.ReasonWaitingForDependency, "kafka")
	first := podOf(t, ns, "api")
	listens.Store(true)
	becomes(t, ns, "kafka", runs)
	becomes(t, ns, "api", func(pod *corev1.Pod) run {
		if pod.UID == first.UID {
			return refused(pod)
		}
		return runs(pod)
	})
	got := await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptHelped)
	if used := got.Status.Attempts[0].Proposal.Remedy; used != v1alpha1.RemedyRecreatePod || got.Status.GitOps == "" {
		t.Errorf("%s was used, owner %q", used, got.Status.GitOps)
	}
	if after := template(t, api(ns)); after != before {
		t.Errorf("the template is not what is in Git:\n%s", after)
	}
}

// A change that Flux takes back is not made again, and a person is told what
// would allow it.
func TestRemedyTakenBackByGitOps(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	becomes(t, ns, "api", needs("150Mi"))
	s := stack(ns, service("api"))
	s.Spec.Remediation.Soak = &metav1.Duration{Duration: 10 * time.Minute}
	s.Spec.Remediation.Timeout = &metav1.Duration{Duration: 20 * time.Minute}
	create(t, s)
	applies(t, "kustomize-controller", manifest(ns, "", fluxLabels, nil))
	limits(t, ns, "128Mi")
	o := start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	applies(t, "kustomize-controller", manifest(ns, "128Mi", fluxLabels, nil))
	got := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonRemedyReverted)
	attempted(t, got, v1alpha1.AttemptReverted)
	for _, part := range []string{"kustomize-controller", `ignore: [{paths: ["/spec/template/spec/containers/0/resources/limits/memory"], target: {group: apps, kind: Deployment, name: api}}]`, "or take the field out of Git", `annotation bridgestack.dev/handed-over: "spec.template.spec.containers[main].resources.limits.memory"`} {
		if !strings.Contains(got.Status.Message, part) {
			t.Errorf("%q is missing in: %s", part, got.Status.Message)
		}
	}
	if n := count(o.wire.made(), "PATCH", "/deployments/"); n != 1 {
		t.Errorf("the Deployment was patched %d times, want once", n)
	}
}

// A person's own edit is not GitOps taking something back.
func TestPersonsEditUnderGitOpsIsNoRevert(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	// With the remedy's 192Mi it does not come up yet, and ends with any other limit: the
	// attempt is still under way when the person edits, however late that is.
	becomes(t, ns, "api", func(pod *corev1.Pod) run {
		if pod.Spec.Containers[0].Resources.Limits.Memory().String() == "192Mi" {
			return run{}
		}
		return outOfMemory(pod)
	})
	s := onceOnly(ns)
	s.Spec.Remediation.Timeout = &metav1.Duration{Duration: 20 * time.Minute}
	create(t, s)
	applies(t, "kustomize-controller", manifest(ns, "", fluxLabels, nil))
	limits(t, ns, "128Mi")
	clock := &shiftedClock{}
	start(t, ns, settings{now: clock.now})
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	edit(t, api(ns), func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse("200Mi")
	})
	// It has the time that a remedy has to help, before anything else is decided.
	got := await(t, ns, "api", v1alpha1.StateWaiting, v1alpha1.ReasonRemedyConflict)
	attempted(t, got, v1alpha1.AttemptConflict)
	clock.shift(21 * time.Minute)
	got = await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted)
	attempted(t, got, v1alpha1.AttemptConflict)
}
