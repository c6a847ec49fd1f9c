package gitops

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// in puts a namespace into a manifest.
func in(namespace, manifest string) string {
	return strings.Replace(manifest, "  name: api\n", "  name: api\n  namespace: "+namespace+"\n", 1)
}

// What tells two workloads of one name apart is their namespace, and never that
// one of them happens to have the value that the cluster still has.
func TestWhichFileIsThisClusters(t *testing.T) {
	const cluster, merged = "resources: {limits: {memory: 128Mi}}\n", "resources: {limits: {memory: 256Mi}}\n"
	was, other := deployment(cluster), deployment(merged)
	for name, c := range map[string]struct {
		files   map[string]string
		changed string
		refuses []string
	}{
		"another cluster's file has the value that this one still has": {map[string]string{
			"clusters/prod/api.yaml": in("shop", other), "clusters/staging/api.yaml": in("shop", was),
		}, "", []string{"clusters/prod/api.yaml", "clusters/staging/api.yaml", "spec.gitOps.repository.path"}},
		"the kustomizations' namespaces tell them apart": {map[string]string{
			"team-a/api.yaml": was, "team-a/kustomization.yaml": "namespace: team-a\nresources: [api.yaml]\n",
			"team-b/api.yaml": was, "team-b/kustomization.yaml": "namespace: shop\nresources: [api.yaml]\n",
		}, "team-b/api.yaml", nil},
		"this namespace's has drifted": {map[string]string{
			"team-a/api.yaml": was, "team-a/kustomization.yaml": "namespace: team-a\nresources: [api.yaml]\n",
			"team-b/api.yaml": other, "team-b/kustomization.yaml": "namespace: shop\nresources: [api.yaml]\n",
		}, "", []string{"team-b/api.yaml", `says "256Mi"`}},
		"the outermost kustomization decides": {map[string]string{
			"base/api.yaml": was, "base/kustomization.yaml": "namespace: elsewhere\nresources: [api.yaml]\n",
			"prod/kustomization.yaml": "namespace: shop\nresources: [../base]\n",
		}, "base/api.yaml", nil},
		"it decides against the document, too": {map[string]string{
			"api.yaml": in("shop", was), "kustomization.yaml": "namespace: elsewhere\nresources: [api.yaml]\n",
		}, "", []string{"no file describes it"}},
		"a base that several overlays share": {map[string]string{
			"base/api.yaml": was, "base/kustomization.yaml": "resources: [api.yaml]\n",
			"overlays/eu/kustomization.yaml": "resources: [../../base]\n", "overlays/us/kustomization.yaml": "resources: [../../base]\n",
		}, "", []string{"base/api.yaml (by way of overlays/eu)", "base/api.yaml (by way of overlays/us)"}},
		"a base that other namespaces share": {map[string]string{
			"base/api.yaml": was, "base/kustomization.yaml": "resources: [api.yaml]\n",
			"a/kustomization.yaml": "namespace: shop\nresources: [../base]\n", "b/kustomization.yaml": "namespace: team-b\nresources: [../base]\n",
		}, "", []string{"base/api.yaml is a part of b as well"}},
		"a patch of this namespace over a base that is shared": {map[string]string{
			"base/api.yaml": other, "base/kustomization.yaml": "resources: [api.yaml]\n",
			"a/kustomization.yaml": "namespace: shop\nresources: [../base]\npatches:\n- path: patch.yaml\n", "a/patch.yaml": was,
			"b/kustomization.yaml": "namespace: team-b\nresources: [../base]\n",
		}, "a/patch.yaml", nil},
		"a patch says something else, and the base what the cluster has": {map[string]string{
			"base/api.yaml": was, "base/kustomization.yaml": "resources: [api.yaml]\n",
			"a/kustomization.yaml": "namespace: shop\nresources: [../base]\npatches:\n- path: patch.yaml\n", "a/patch.yaml": other,
		}, "", []string{"a/patch.yaml", `says "256Mi"`}},
		"two patches": {map[string]string{
			"base/api.yaml": was, "base/kustomization.yaml": "resources: [api.yaml]\n",
			"a/kustomization.yaml": "resources: [../base]\npatches:\n- path: one.yaml\n- path: two.yaml\n", "a/one.yaml": was, "a/two.yaml": other,
		}, "", []string{"a/one.yaml, a/two.yaml"}},
		"a component": {map[string]string{
			"a/kustomization.yaml": "namespace: shop\ncomponents: [../c]\n", "c/kustomization.yaml": "kind: Component\nresources: [api.yaml]\n", "c/api.yaml": was,
		}, "c/api.yaml", nil},
		"kustomizations in a circle": {map[string]string{
			"a/kustomization.yaml": "resources: [../b, api.yaml]\n", "b/kustomization.yaml": "resources: [../a]\n", "a/api.yaml": was,
		}, "a/api.yaml", nil},
		"another repository is included": {map[string]string{
			"kustomization.yaml": "namespace: shop\nresources:\n- https://example.com/base?ref=v1\n- api.yaml\n", "api.yaml": was,
		}, "api.yaml", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var files []File
			for path, text := range c.files {
				files = append(files, File{path, []byte(text)})
			}
			got, err := Rewrite(files, target(), Fields(target().Template, []v1alpha1.FieldChange{memory}))
			if c.changed != "" {
				if err != nil || len(got) != 1 || got[0].Path != c.changed || !strings.Contains(string(got[0].Text), "192Mi") {
					t.Fatalf("changed %v, %v; want %s", got, err, c.changed)
				}
				return
			}
			if _, refused := errors.AsType[*Refusal](err); !refused {
				t.Fatalf("changed %v, %v; want a refusal", got, err)
			}
			for _, says := range c.refuses {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("it does not say %q: %v", says, err)
				}
			}
		})
	}
}

// Where the owner's own manifest is among the files, it tells what this cluster has.
func TestOwnersManifestTellsWhatItBuilds(t *testing.T) {
	was := deployment("resources: {limits: {memory: 128Mi}}\n")
	flux := func(name, path, more string) string {
		return "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata:\n  name: " + name + "\n  namespace: flux-system\nspec:\n  path: " + path + "\n" + more
	}
	argo := func(name, path string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + ", namespace: argocd}\nspec: {source: {path: " + path + "}}\n"
	}
	byFlux, byArgo := Owner{Tool: FluxKustomization, Namespace: "flux-system", Name: "apps"}, Owner{Tool: ArgoCD, Name: "shop"}
	for name, c := range map[string]struct {
		owner   Owner
		files   map[string]string
		changed string
		refuses string
	}{
		"Flux": {byFlux, map[string]string{
			"clusters/apps.yaml": flux("apps", "./apps/prod", ""), "apps/prod/api.yaml": was, "apps/staging/api.yaml": was,
		}, "apps/prod/api.yaml", ""},
		"Flux, by way of a kustomization": {byFlux, map[string]string{
			"clusters/apps.yaml": flux("apps", "./apps/prod", ""), "base/api.yaml": was,
			"apps/prod/kustomization.yaml": "resources: [../../base/api.yaml]\n", "apps/staging/api.yaml": was,
		}, "base/api.yaml", ""},
		"Flux puts it into another namespace": {byFlux, map[string]string{
			"clusters/apps.yaml": flux("apps", "./apps", "  targetNamespace: elsewhere\n"), "apps/api.yaml": was,
		}, "", "no file describes it"},
		"Flux, in two clusters": {byFlux, map[string]string{
			"clusters/a/apps.yaml": flux("apps", "./apps/a", ""), "clusters/b/apps.yaml": flux("apps", "./apps/b", ""), "apps/a/api.yaml": was, "apps/b/api.yaml": was,
		}, "", "apps/a/api.yaml, apps/b/api.yaml"},
		"another object of Flux": {byFlux, map[string]string{
			"clusters/apps.yaml": flux("tools", "./apps/prod", ""), "apps/prod/api.yaml": was, "apps/staging/api.yaml": was,
		}, "", "apps/prod/api.yaml, apps/staging/api.yaml"},
		"the folder's name is the beginning of another's": {byFlux, map[string]string{
			"clusters/apps.yaml": flux("apps", "./apps/prod", ""), "apps/prod-eu/api.yaml": was,
		}, "", "no file describes it"},
		"Argo CD": {byArgo, map[string]string{
			"apps/shop.yaml": argo("shop", "envs/prod"), "envs/prod/api.yaml": was, "envs/staging/api.yaml": was,
		}, "envs/prod/api.yaml", ""},
		"the whole repository": {byArgo, map[string]string{"shop.yaml": argo("shop", "."), "api.yaml": was}, "api.yaml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var files []File
			for path, text := range c.files {
				files = append(files, File{path, []byte(text)})
			}
			to := target()
			to.Owner = c.owner
			got, err := Rewrite(files, to, Fields(to.Template, []v1alpha1.FieldChange{memory}))
			if c.changed != "" && (err != nil || len(got) != 1 || got[0].Path != c.changed) {
				t.Errorf("changed %v, %v; want %s", got, err, c.changed)
			}
			if c.changed == "" && (err == nil || !strings.Contains(err.Error(), c.refuses)) {
				t.Errorf("changed %v, %v; want a refusal that says %q", got, err, c.refuses)
			}
		})
	}
}

// Each of forty folders is included twice by the one before it: there are a trillion
// ways to the last one, and one thing to be seen of it.
func TestManyWaysToOneBase(t *testing.T) {
	files := []File{{"base40/api.yaml", []byte(deployment("resources: {limits: {memory: 128Mi}}\n"))}, {"base40/kustomization.yaml", []byte("resources: [api.yaml]\n")}}
	for i := range 40 {
		next := fmt.Sprintf("../../base%d", i+1)
		for _, side := range []string{"a", "b"} {
			files = append(files, File{fmt.Sprintf("base%d/%s/kustomization.yaml", i, side), []byte("resources: [" + next + "]\n")})
		}
		files = append(files, File{fmt.Sprintf("base%d/kustomization.yaml", i), []byte("resources: [a, b]\n")})
	}
	got, err := Rewrite(files, target(), Fields(target().Template, []v1alpha1.FieldChange{memory}))
	if err != nil || len(got) != 1 || got[0].Path != "base40/api.yaml" {
		t.Errorf("changed %v, %v", got, err)
	}
}

// Whatever is in a repository, it is followed to its end, and what is changed is a
// document of the workload.
func FuzzLayout(f *testing.F) {
	f.Add("namespace: shop\nresources: [api.yaml, ../b]\n", "resources: [../a]\npatches:\n- path: p.yaml\n- patch: |\n    kind: Deployment\n", "a", "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec: {path: a}\n")
	f.Add("resources: [.]\n", "components: ['', '..']\nnamespace: [a]\n", ".", "- a\n")
	f.Fuzz(func(t *testing.T, one, two, dir, owner string) {
		files := []File{{"a/kustomization.yaml", []byte(one)}, {path.Join(dir, "Kustomization"), []byte(two)}, {"a/api.yaml", []byte(deployment("resources: {limits: {memory: 128Mi}}\n"))}, {"owner.yaml", []byte(owner)}}
		to := target()
		to.Owner = Owner{Tool: FluxKustomization, Name: "apps"}
		got, err := Rewrite(files, to, Fields(to.Template, []v1alpha1.FieldChange{memory}))
		if err == nil && (len(got) != 1 || !strings.Contains(string(got[0].Text), "192Mi")) {
			t.Fatalf("changed %v", got)
		}
	})
}

// An anchor may be named as an error is that ends a file.
func TestErrorThatNamesEOF(t *testing.T) {
	text := deployment("image: a\n") + "---\nb: *EOF\n"
	if s, err := parse([]byte(text)); err == nil {
		t.Errorf("%d documents, and the rest is dropped", len(s.docs))
	}
}
