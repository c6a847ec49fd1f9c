package controllers_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/test/servers"
)

// isHeld tells whether Flux is kept from the Deployment api.
func isHeld(t *testing.T, namespace string) bool {
	t.Helper()
	d := api(namespace)
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
		t.Fatal(err)
	}
	held := d.Annotations[gitops.AnnotationReconcile] == gitops.Disabled
	if ours := d.Annotations[v1alpha1.AnnotationHeldUntil] != ""; ours != held {
		t.Errorf("half a hold: %v", d.Annotations)
	}
	return held
}

// reconcilesUnlessHeld is what Flux does with what is on main.
func reconcilesUnlessHeld(t *testing.T, namespace, text string) {
	t.Helper()
	if !isHeld(t, namespace) {
		reconciles(t, namespace, text)
	}
}

// kustomization is Flux' object of the name that the Deployment's labels give,
// with the revision that it last applied.
func kustomization(t *testing.T, namespace, commit string) {
	t.Helper()
	everything := true
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "kustomizations.kustomize.toolkit.fluxcd.io"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "kustomize.toolkit.fluxcd.io", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "kustomizations", Singular: "kustomization", Kind: "Kustomization", ListKind: "KustomizationList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &everything}}}},
		},
	}
	if _, err := envtest.InstallCRDs(restConfig, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}}); err != nil {
		t.Fatal(err)
	}
	applies(t, "kustomize-controller", map[string]any{
		"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization", "metadata": map[string]any{"namespace": namespace, "name": "apps"},
		"status": map[string]any{"lastAppliedRevision": "main@sha1:" + commit},
	})
}

func holding(s *v1alpha1.BridgeStack, ttl time.Duration) *v1alpha1.BridgeStack {
	s.Spec.GitOps.Hold = &v1alpha1.GitOpsHold{TTL: metav1.Duration{Duration: ttl}}
	return s
}

// The service is well at once, the cure is in Git, and Flux goes on with the
// object as soon as that is merged.
func TestObjectIsHeldUntilTheMerge(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	g := servers.Git(t, map[string]string{"apps/api.yaml": inGit})
	becomes(t, ns, "api", needs("150Mi"))
	create(t, holding(withRepository(t, ns, g, g.Password), time.Hour))
	owned := strings.Replace(inGit, "flux-system", ns, 1)
	reconciles(t, ns, owned)
	o := start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptHelped)
	if got.Status.Commit == nil || got.Status.Attempts[0].HeldUntil == nil || !isHeld(t, ns) {
		t.Fatalf("commit %v, held until %v", got.Status.Commit, got.Status.Attempts[0].HeldUntil)
	}
	reconcilesUnlessHeld(t, ns, g.Run(t, "show", "main:apps/api.yaml"))
	if now := limit(t, api(ns)); now != "192Mi" {
		t.Errorf("before the merge the limit is %s", now)
	}
	before := g.Run(t, "rev-parse", "main")
	g.Run(t, "update-ref", "refs/heads/main", got.Status.Commit.Branch)
	kustomization(t, ns, before)
	// Flux has not fetched it yet: it would take the change back.
	asked := g.Fetches()
	until(t, func() bool { return g.Fetches() >= asked+2 }, func() string { return "the merge was seen, and is asked for again" })
	if !isHeld(t, ns) {
		t.Error("it was let go before Flux had the commit")
	}
	kustomization(t, ns, g.Run(t, "rev-parse", "main"))
	until(t, func() bool { return !isHeld(t, ns) }, func() string { return "it is let go" })
	reconcilesUnlessHeld(t, ns, g.Run(t, "show", "main:apps/api.yaml"))
	if now := limit(t, api(ns)); now != "192Mi" {
		t.Errorf("after the merge the limit is %s", now)
	}
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 2 || g.Pushes() != 1 {
		t.Errorf("%d patches and %d pushes, want one patch with the hold, one without, and one push", n, g.Pushes())
	}
}

// What nobody merged is over with the hold's time: Git stands, and the object is
// not held again for the same change, whatever comes of that.
func TestHoldEndsWithItsTime(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	becomes(t, ns, "api", needs("150Mi"))
	s := holding(stack(ns, service("api")), 5*time.Second)
	create(t, s)
	reconciles(t, ns, inGit)
	o := start(t, ns, settings{})
	attempted(t, await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered), v1alpha1.AttemptHelped)
	until(t, func() bool { return !isHeld(t, ns) }, func() string { return "it is let go" })
	reconcilesUnlessHeld(t, ns, inGit)
	until(t, func() bool {
		return slices.ContainsFunc(diagnoses(t, ns, "api"), func(d v1alpha1.BridgeDiagnosis) bool {
			return d.Status.State == v1alpha1.StateSuggested && len(d.Status.Attempts) == 0
		})
	}, func() string { return "the next incident is left to a person: " + tell(diagnoses(t, ns, "api")) })
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 2 || limit(t, api(ns)) != "128Mi" {
		t.Errorf("%d patches, limit %s", n, limit(t, api(ns)))
	}
}

// Each of an incident's attempts is held: that Flux has not applied in between
// does not make its field anyone's.
func TestEachAttemptIsHeld(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	becomes(t, ns, "api", needs("250Mi"))
	create(t, holding(stack(ns, service("api")), time.Hour))
	reconciles(t, ns, inGit)
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptRolledBack, v1alpha1.AttemptHelped)
	if got.Status.Attempts[1].HeldUntil == nil || !isHeld(t, ns) {
		t.Errorf("held until %v", got.Status.Attempts[1].HeldUntil)
	}
}

// What did not help is taken back together with the hold.
func TestHoldIsTakenBackWithTheRemedy(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	becomes(t, ns, "api", needs("300Mi"))
	create(t, holding(onceOnly(ns), time.Hour))
	reconciles(t, ns, inGit)
	before := template(t, api(ns))
	o := start(t, ns, settings{})
	attempted(t, await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonAttemptsExhausted), v1alpha1.AttemptRolledBack)
	if isHeld(t, ns) || template(t, api(ns)) != before {
		t.Errorf("held %v, template %s", isHeld(t, ns), template(t, api(ns)))
	}
	if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 2 {
		t.Errorf("%d patches, want one there and one back", n)
	}
}
