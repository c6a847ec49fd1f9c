package controllers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

// inGit is the Deployment api as its owner wrote it.
const inGit = `# The shop's API. Ask before you touch the limits.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  labels:
    kustomize.toolkit.fluxcd.io/name: apps
    kustomize.toolkit.fluxcd.io/namespace: flux-system
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
      - name: main
        image: example.com/api:1
        resources:
          limits:
            memory: 128Mi # measured in May
`

// reconciles is what Flux does with what is on main.
func reconciles(t *testing.T, namespace, text string) {
	t.Helper()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	object["metadata"].(map[string]any)["namespace"] = namespace
	applies(t, "kustomize-controller", object)
}

func withRepository(t *testing.T, namespace string, g *servers.GitServer, password string) *v1alpha1.BridgeStack {
	t.Helper()
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "git"}, StringData: map[string]string{"username": "bot", "password": password}})
	s := stack(namespace, service("api"))
	s.Spec.GitOps.Repository = &v1alpha1.GitRepository{URL: g.URL, Path: "apps", SecretRef: &v1alpha1.SecretName{Name: "git"}}
	return s
}

// From a broken Deployment in Git, to a one-line commit, to a service that is
// well again once that is merged.
func TestRemedyIsCommittedAndRecoversOnceMerged(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	g := servers.Git(t, map[string]string{"apps/api.yaml": inGit, "README.md": "shop"})
	becomes(t, ns, "api", needs("150Mi"))
	create(t, withRepository(t, ns, g, g.Password))
	reconciles(t, ns, g.Run(t, "show", "main:apps/api.yaml"))
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateAwaitingMerge, v1alpha1.ReasonAwaitingMerge)
	attempted(t, got)
	if now := limit(t, api(ns)); now != "128Mi" {
		t.Errorf("the limit was patched to %s", now)
	}
	branch := "bridgestack/" + got.Name
	if c := got.Status.Commit; c == nil || c.Branch != branch || c.Commit != g.Run(t, "rev-parse", branch) || c.Proposal != got.Status.Proposal.ID {
		t.Fatalf("the diagnosis names %+v", c)
	}
	diff := g.Run(t, "diff", "-U0", "main", branch)
	if numbers := g.Run(t, "diff", "--numstat", "main", branch); !strings.HasSuffix(diff, "-            memory: 128Mi # measured in May\n+            memory: 192Mi # measured in May") || numbers != "1\t1\tapps/api.yaml" {
		t.Errorf("the commit is more than one line: %s\n%s", numbers, diff)
	}
	message := g.Run(t, "log", "-1", "--format=%B", branch)
	for _, part := range []string{"RaiseMemoryLimit of api: OOMKilled", "128Mi -> 192Mi", "- Termination: ", got.Namespace + "/" + got.Name} {
		if !strings.Contains(message, part) {
			t.Errorf("%q is missing in the commit's message:\n%s", part, message)
		}
	}
	// The owner merges; Flux applies.
	g.Run(t, "update-ref", "refs/heads/main", branch)
	reconciles(t, ns, g.Run(t, "show", "main:apps/api.yaml"))
	got = await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got)
	if g.Pushes() != 1 {
		t.Errorf("%d pushes, of %s", g.Pushes(), g.Run(t, "for-each-ref", "--format=%(refname)"))
	}
}

// An operator that has not seen its own record of a commit yet, but that it was merged,
// takes what is in force by then for no reason to commit more.
func TestStaleViewCommitsNothingMore(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	g := servers.Git(t, map[string]string{"apps/api.yaml": inGit})
	// The pods of before are there for a while after the merge.
	becomes(t, ns, "api", outOfMemory)
	create(t, withRepository(t, ns, g, g.Password))
	reconciles(t, ns, inGit)
	w := &wire{}
	w.before = func(made write) {
		if strings.Contains(made.path, "/bridgediagnoses/") && strings.Contains(string(made.body), string(v1alpha1.StateAwaitingMerge)) {
			w.freeze()
		}
	}
	start(t, ns, settings{wire: w})
	got := await(t, ns, "api", v1alpha1.StateAwaitingMerge, v1alpha1.ReasonAwaitingMerge)
	held := w.heldBack()
	g.Run(t, "update-ref", "refs/heads/main", got.Status.Commit.Branch)
	reconciles(t, ns, g.Run(t, "show", "main:apps/api.yaml"))
	until(t, func() bool { return w.heldBack() > held || g.Pushes() > 1 }, func() string { return "the stale view is found out" })
	w.thaw()
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	if g.Pushes() != 1 {
		t.Errorf("%d pushes, of %s", g.Pushes(), g.Run(t, "for-each-ref", "--format=%(refname)"))
	}
}

// An operator that was killed between the push and its record finds its branch.
func TestCommitIsFoundAgain(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	g := servers.Git(t, map[string]string{"apps/api.yaml": inGit})
	becomes(t, ns, "api", needs("150Mi"))
	create(t, withRepository(t, ns, g, g.Password))
	reconciles(t, ns, inGit)
	o := start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateAwaitingMerge, v1alpha1.ReasonAwaitingMerge)
	o.stop()
	first := got.Status.Commit.Commit
	got.Status.Commit = nil
	if err := k8s.Status().Update(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	start(t, ns, settings{})
	until(t, func() bool {
		d := diagnoses(t, ns, "api")[0]
		return d.Status.Commit != nil && d.Status.Commit.Commit == first
	}, func() string { return "the commit is on record again: " + tell(diagnoses(t, ns, "api")) })
	if g.Pushes() != 1 {
		t.Errorf("%d pushes, of %s", g.Pushes(), g.Run(t, "for-each-ref", "--format=%(refname)"))
	}
}

// What cannot be committed is suggested, with the reason and without a secret.
func TestCommitThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text, password, says string
		account              string
	}{
		"a file that says something else":       {strings.Replace(inGit, "memory: 128Mi", "memory: 64Mi", 1), "", `says "64Mi", and the cluster has "128Mi"`, ""},
		"a wrong password":                      {inGit, "wr0ng-t0ken", "authentication", ""},
		"a Secret that the account may not get": {inGit, "", "ServiceAccount fixer may not get secrets git", "fixer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			g := servers.Git(t, map[string]string{"apps/api.yaml": c.text})
			if c.password == "" {
				c.password = g.Password
			}
			becomes(t, ns, "api", needs("150Mi"))
			s := withRepository(t, ns, g, c.password)
			if s.Spec.ServiceAccountName = c.account; c.account != "" {
				fixer(t, ns, "api")
			}
			create(t, s)
			reconciles(t, ns, inGit)
			start(t, ns, settings{})
			got := await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
			if !strings.Contains(got.Status.Message, c.says) || strings.Contains(got.Status.Message, c.password) || got.Status.Commit != nil {
				t.Errorf("it says: %s", got.Status.Message)
			}
			if branches := g.Run(t, "branch", "--format=%(refname:short)"); branches != "main" {
				t.Errorf("branches are %q", branches)
			}
		})
	}
}

// Repositories that hang keep no incident from being repaired.
func TestHangingRepositoriesHoldUpNoRemedy(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	var asked atomic.Int32
	over := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1); <-over }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(over) })
	start(t, ns, settings{})
	for i := range 12 { // three times as many as the operator works on at once
		name := fmt.Sprintf("slow-%02d", i)
		s := stack(ns, service(name))
		s.Name = name
		s.Spec.GitOps.Repository = &v1alpha1.GitRepository{URL: hanging.URL + "/" + name}
		becomes(t, ns, name, needs("150Mi"))
		create(t, s)
		reconciles(t, ns, strings.NewReplacer("name: api", "name: "+name, "app: api", "app: "+name).Replace(inGit))
	}
	until(t, func() bool { return asked.Load() >= 4 }, func() string { return "the repositories are asked" })
	create(t, stack(ns, service("plain")))
	deploy(t, ns, "plain", needs("150Mi"))
	await(t, ns, "plain", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	for i := range 12 {
		if d := diagnoses(t, ns, fmt.Sprintf("slow-%02d", i)); len(d) == 1 && d[0].Status.Commit != nil {
			t.Errorf("a commit is recorded that nobody accepted: %+v", d[0].Status.Commit)
		}
	}
}
