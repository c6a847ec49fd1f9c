package controllers_test

import (
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// policy as an owner writes it: nothing that has a default, numbers and times as
// a Go program would not print them.
const policy = `
apiVersion: bridgestack.dev/v1alpha1
kind: BridgeStack
metadata:
  name: shop
  labels: {team: payments}
spec:
  services:
  - name: db
    endpoint: {postgres: {}}
    external: true
  - name: api
    workload: {name: api}
    dependsOn: [{service: db}]
    memoryCeiling: 0.5Gi
  remediation:
    memory: {ceiling: "536870912"}
    soak: 300s
    timeout: 1h0m
    cooldown: 1000ms
  gitOps:
    repository: {url: "https://git/shop.git"}
`

// live is an object as the API server has it, decoded into nothing.
func live(t *testing.T, kind, namespace, name string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: v1alpha1.GroupVersion.Group, Version: v1alpha1.GroupVersion.Version, Kind: kind})
	if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, u); err != nil {
		t.Fatal(err)
	}
	return u
}

// A policy comes from Git and is written to by the operator: its status, and
// nothing else. Flux' comparison, a server-side apply that is only tried, finds
// nothing to correct, and applying it again makes no new version.
func TestPolicyFromGitDoesNotDrift(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	inGit := func() *unstructured.Unstructured {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(policy), &u.Object); err != nil {
			t.Fatal(err)
		}
		u.SetNamespace(ns)
		return u
	}
	applies(t, "kustomize-controller", inGit().Object)
	deploy(t, ns, "api", needs("150Mi"))
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	until(t, func() bool { return health(t, live(t, "BridgeStack", ns, "shop")).Status == status.CurrentStatus },
		func() string { return health(t, live(t, "BridgeStack", ns, "shop")).String() })
	var before *unstructured.Unstructured
	tried := inGit()
	until(t, func() bool { // between two of the operator's writes
		before, tried = live(t, "BridgeStack", ns, "shop"), inGit()
		err := k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(tried), client.FieldOwner("kustomize-controller"), client.ForceOwnership, client.DryRunAll)
		if err != nil {
			t.Fatal(err)
		}
		return live(t, "BridgeStack", ns, "shop").GetResourceVersion() == before.GetResourceVersion()
	}, func() string { return "the stack is quiet" })
	if diff := cmp.Diff(before.Object, tried.Object); diff != "" {
		t.Errorf("it would be corrected (-live +applied):\n%s", diff)
	}
	var again *unstructured.Unstructured
	until(t, func() bool { // the operator may write its status in between
		before = live(t, "BridgeStack", ns, "shop")
		applies(t, "kustomize-controller", inGit().Object)
		again = live(t, "BridgeStack", ns, "shop")
		return again.GetResourceVersion() == before.GetResourceVersion()
	}, func() string { return "applied again it is the same version" })
	if again.GetGeneration() != 1 {
		t.Errorf("applied again it is of generation %d", again.GetGeneration())
	}
	// Argo CD compares what Git has, lists as a whole.
	for path, want := range inGit().Object["spec"].(map[string]any) {
		if got := before.Object["spec"].(map[string]any)[path]; !within(want, got) {
			t.Errorf("spec.%s is %v in Git and %v in the cluster", path, want, got)
		}
	}
}

// within is true where everything of want is in got; lists are equal or not.
func within(want, got any) bool {
	fields, ok := want.(map[string]any)
	if !ok {
		return cmp.Equal(want, got)
	}
	in, _ := got.(map[string]any)
	for name, value := range fields {
		if !within(value, in[name]) {
			return false
		}
	}
	return true
}

// health is what Flux and kubectl's users make of an object.
func health(t *testing.T, u *unstructured.Unstructured) *verdict {
	t.Helper()
	result, err := status.Compute(u)
	if err != nil {
		t.Fatal(err)
	}
	return &verdict{result.Status, result.Message}
}

type verdict struct {
	Status  status.Status
	Message string
}

func (v verdict) String() string { return v.Status.String() + ": " + v.Message }

// The health of a policy is that of the policy: a crashing application does not
// hold up a sync, a mistake does.
func TestHealthOfAPolicy(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	is := func(want status.Status) {
		t.Helper()
		until(t, func() bool { return health(t, live(t, "BridgeStack", ns, "shop")).Status == want },
			func() string {
				return want.String() + ", it is " + health(t, live(t, "BridgeStack", ns, "shop")).String()
			})
	}
	s := mode(stack(ns, service("api")), v1alpha1.ModeSuggest)
	create(t, s)
	deploy(t, ns, "api", needs("150Mi"))
	is(status.InProgressStatus) // nobody looked at it yet
	o := start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	is(status.CurrentStatus)
	edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Services[0].Workload = &v1alpha1.WorkloadReference{Name: "apy"} })
	is(status.FailedStatus)
	o.stop()
	edit(t, s, func(s *v1alpha1.BridgeStack) { s.Spec.Services[0].Workload = nil })
	is(status.InProgressStatus)
	start(t, ns, settings{})
	is(status.CurrentStatus)
}

// The health of a diagnosis: being worked on, waiting for a person, over.
func TestHealthOfADiagnosis(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"), service("web"))
	s.Spec.Remediation.Soak = &metav1.Duration{Duration: 3 * time.Second}
	create(t, s)
	is := func(d *v1alpha1.BridgeDiagnosis, want status.Status) {
		t.Helper()
		if got := health(t, live(t, "BridgeDiagnosis", ns, d.Name)); got.Status != want {
			t.Errorf("%s of %s is %s, want %s", d.Status.State, d.Spec.Service, got, want)
		}
	}
	deploy(t, ns, "api", needs("150Mi"))
	deploy(t, ns, "web", ends(127, "Error", "sh: web: not found\n"))
	start(t, ns, settings{})
	is(await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying), status.InProgressStatus)
	is(await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered), status.CurrentStatus)
	until(t, func() bool {
		d := diagnoses(t, ns, "web")
		return len(d) == 1 && d[0].Status.State == v1alpha1.StateEscalated
	}, func() string { return "web is escalated: " + tell(diagnoses(t, ns, "web")) })
	is(&diagnoses(t, ns, "web")[0], status.FailedStatus)
}

// In a namespace that the admin excludes nothing is watched or changed, and the stack
// says why.
func TestExcludedNamespace(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	create(t, s)
	api := deploy(t, ns, "api", needs("150Mi"))
	o := start(t, ns, settings{excluded: []string{ns}})
	until(t, func() bool { return readyOf(t, s) == "False "+v1alpha1.ReasonNamespaceExcluded }, func() string { return "Ready: " + readyOf(t, s) })
	o.stop()
	if got := diagnoses(t, ns, "api"); len(got) > 0 || limit(t, api) != "128Mi" {
		t.Errorf("limit %s, diagnoses:\n%s", limit(t, api), tell(got))
	}
	// So that the check above can fail.
	start(t, ns, settings{})
	await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
}

// What the operator keeps in a namespace that is excluded since is let go of, and not
// taken back: nobody could delete it, or its namespace.
func TestExcludedNamespaceCanBeDeleted(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	owner, d, o := underWay(t, ns, v1alpha1.OnDeleteTakeBack, settings{})
	o.stop()
	start(t, ns, settings{excluded: []string{ns}})
	kept := diagnoses(t, ns, "api")[0]
	if len(kept.Finalizers) == 0 {
		t.Fatal("nothing is kept")
	}
	remove(t, owner)
	remove(t, &kept)
	gone(t, &kept)
	if now := limit(t, d); now != "192Mi" {
		t.Errorf("the limit in an excluded namespace is %s", now)
	}
}
