//go:build e2e && gitops

package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

// fluxed is a namespace whose stack is applied by Flux from a repository. What
// stands in for source-controller is the test: an archive of main, and a
// GitRepository that names it.
type fluxed struct {
	*stackUnder
	git       *servers.GitServer
	artifacts *httptest.Server
	// folder of the artifacts.
	folder string
}

// fluxService is the only one of the stack.
const fluxService = "model-metrics"

// startFlux runs Flux' kustomize-controller against the cluster until the test
// is over. It was built, with its CRDs, from hack/flux.
func startFlux(t *testing.T) {
	t.Helper()
	folder := os.Getenv("FLUX")
	if folder == "" {
		t.Fatal("FLUX is not set; run `make test-gitops`, which builds Flux' kustomize-controller")
	}
	s := &stackUnder{T: t}
	s.must(kubectl("", "apply", "--server-side", "-f", filepath.Join(folder, "crds")))
	s.must(kubectl("", "wait", "crd/kustomizations.kustomize.toolkit.fluxcd.io", "crd/gitrepositories.source.toolkit.fluxcd.io", "--for=condition=Established", "--timeout=1m"))
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	flux := exec.CommandContext(ctx, filepath.Join(folder, "kustomize-controller"),
		"--metrics-addr=127.0.0.1:0", "--health-addr=127.0.0.1:0", "--log-encoding=console", "--interval-jitter-percentage=0")
	flux.Env = append(os.Environ(), "RUNTIME_NAMESPACE=default")
	flux.Stdout, flux.Stderr = log, log
	if err := flux.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = flux.Wait() // it was killed
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("kustomize-controller's log:\n%s", text[max(0, len(text)-8000):])
		}
		_ = log.Close()
	})
}

// underFlux has Flux apply a repository to a namespace of its own. edit may
// change the files; settings are more fields of the Kustomization's spec.
func underFlux(t *testing.T, settings map[string]any, edit func(files map[string]string)) *fluxed {
	t.Helper()
	f := &fluxed{stackUnder: newNamespace(t, "flux"), folder: t.TempDir()}
	files := map[string]string{"README.md": "What runs in " + f.namespace + "\n"}
	for _, name := range []string{"kustomization.yaml", "model-metrics.yaml", "bridgestack.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../config/testdata/gitops", name))
		if err != nil {
			t.Fatal(err)
		}
		files["apps/"+name] = string(text)
	}
	if edit != nil {
		edit(files)
	}
	f.serve(files)
	f.artifacts = httptest.NewServer(http.FileServer(http.Dir(f.folder)))
	t.Cleanup(f.artifacts.Close)
	f.create("source.toolkit.fluxcd.io/v1", "GitRepository", map[string]any{"url": f.git.URL, "interval": "1m"})
	f.fetch()
	spec := map[string]any{
		"interval": "5s", "timeout": "20s", "prune": true, "path": "./apps", "targetNamespace": f.namespace,
		"sourceRef": map[string]any{"kind": "GitRepository", "name": "shop"},
		// The policy's health, not the application's, which crashes.
		"healthChecks": []any{map[string]any{"apiVersion": "bridgestack.dev/v1alpha1", "kind": "BridgeStack", "name": stackName, "namespace": f.namespace}},
	}
	maps.Copy(spec, settings)
	f.create("kustomize.toolkit.fluxcd.io/v1", "Kustomization", spec)
	t.Cleanup(func() { _, _ = f.prune() }) // while Flux runs: it has a finalizer there
	return f
}

// serve brings the repository up at the node's address, which pods reach, and
// makes a Service of the stack's namespace of it, with a Secret for its users.
func (f *fluxed) serve(files map[string]string) {
	f.Helper()
	var nodes corev1.NodeList
	if err := cluster.List(f.Context(), &nodes); err != nil || len(nodes.Items) == 0 {
		f.Fatalf("%d nodes: %v", len(nodes.Items), err)
	}
	address := nodes.Items[0].Status.Addresses[0].Address
	listener, err := new(net.ListenConfig).Listen(f.Context(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		f.Fatalf("a repository that pods reach: %v; these tests run in the network of a local cluster's node", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	f.apply(map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "git"},
		"spec": map[string]any{"ports": []any{map[string]any{"name": "https", "port": 443, "targetPort": port}}}})
	f.apply(map[string]any{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
		"metadata":  map[string]any{"name": "git", "labels": map[string]any{"kubernetes.io/service-name": "git"}},
		"endpoints": []any{map[string]any{"addresses": []any{address}}},
		"ports":     []any{map[string]any{"name": "https", "port": port, "protocol": "TCP"}}})
	authority := servers.NewAuthority(f)
	f.git = servers.GitOver(f, listener, authority.Issue(f, time.Hour, "git", address), files)
	f.apply(map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "git"},
		"stringData": map[string]any{"username": "bot", "password": f.git.Password, "ca.crt": string(authority.PEM())}})
}

// fetch is what source-controller does when main moved on.
func (f *fluxed) fetch() {
	f.Helper()
	commit := f.git.Run(f, "rev-parse", "main")
	archive := filepath.Join(f.folder, commit+".tar.gz")
	f.git.Run(f, "archive", "--format=tar.gz", "--output="+archive, "main")
	content, err := os.ReadFile(archive)
	if err != nil {
		f.Fatal(err)
	}
	status, err := json.Marshal(map[string]any{"status": map[string]any{
		"artifact": map[string]any{
			"url": f.artifacts.URL + "/" + commit + ".tar.gz", "path": commit + ".tar.gz",
			"revision": "main@sha1:" + commit, "digest": fmt.Sprintf("sha256:%x", sha256.Sum256(content)),
			"lastUpdateTime": time.Now().UTC().Format(time.RFC3339), "size": len(content),
		},
		"conditions": []any{map[string]any{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact", "lastTransitionTime": time.Now().UTC().Format(time.RFC3339)}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.must(kubectl(f.namespace, "patch", "gitrepository", "shop", "--subresource=status", "--type=merge", "-p", string(status)))
}

// create makes one of Flux' objects, named shop.
func (f *fluxed) create(version, kind string, spec map[string]any) {
	f.Helper()
	f.apply(map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "shop"}, "spec": spec})
}

func (f *fluxed) apply(object map[string]any) {
	f.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(f.folder, "object.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		f.Fatal(err)
	}
	f.must(kubectl(f.namespace, "apply", "-f", file))
}

// prune has Flux take everything away.
func (f *fluxed) prune() (string, error) {
	return kubectl(f.namespace, "delete", "kustomization", "shop", "--ignore-not-found", "--timeout=1m")
}

// reconcile has Flux apply once more, and waits until it has.
func (f *fluxed) reconcile() {
	f.Helper()
	at := time.Now().Format(time.RFC3339Nano)
	f.must(kubectl(f.namespace, "annotate", "--overwrite", "kustomization", "shop", "reconcile.fluxcd.io/requestedAt="+at))
	f.must(kubectl(f.namespace, "wait", "kustomization/shop", "--for=jsonpath={.status.lastHandledReconcileAt}="+at, "--timeout=1m"))
	f.must(kubectl(f.namespace, "wait", "kustomization/shop", "--for=condition=Ready", "--timeout=1m"))
}

func (f *fluxed) deployment() *appsv1.Deployment {
	f.Helper()
	var d appsv1.Deployment
	if err := cluster.Get(f.Context(), client.ObjectKey{Namespace: f.namespace, Name: fluxService}, &d); err != nil {
		f.Fatal(err)
	}
	return &d
}

func (f *fluxed) limit() string {
	f.Helper()
	return f.deployment().Spec.Template.Spec.Containers[0].Resources.Limits.Memory().String()
}

// appliedAt is when Flux last changed anything of a policy.
func appliedAt(s *v1alpha1.BridgeStack) string {
	for _, m := range s.ManagedFields {
		if m.Manager == "kustomize-controller" {
			return m.Time.String()
		}
	}
	return "never"
}

// patchedBy are the managers that changed the Deployment beside Flux and Kubernetes.
func (f *fluxed) patchedBy() string {
	f.Helper()
	var others []string
	for _, m := range f.deployment().ManagedFields {
		if m.Manager != "kustomize-controller" && m.Subresource == "" && m.Manager != "kube-controller-manager" {
			others = append(others, m.Manager)
		}
	}
	return strings.Join(others, " ")
}

// TestFlux: real pods that Flux' own kustomize-controller applies from a real
// repository, and an operator that neither fights it nor leaves the cure where
// it does not last.
func TestFlux(t *testing.T) {
	startFlux(t)
	for name, test := range map[string]func(*testing.T){
		"what is set in Git is suggested and not patched": fluxSuggested,
		"a merged commit ends in recovery":                fluxCommitted,
		"a field that was handed over is patched":         fluxHandedOver,
		"a patch that Flux takes back is not made again":  fluxTakesBack,
		"an object is held until its commit is merged":    fluxHeld,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// fluxSuggested: no repository is named, so a person gets the diff. The policy
// comes from Git as well: Flux finds it healthy and nothing in it to correct.
func fluxSuggested(t *testing.T) {
	f := underFlux(t, nil, nil)
	d := f.awaitState(fluxService, v1alpha1.StateSuggested, v1alpha1.CauseOOMKilled)
	for _, part := range []string{"Flux Kustomization " + f.namespace + "/shop owns the workload", "field manager kustomize-controller owns it", "\n- 64Mi\n+ 96Mi", "reconcile=disabled"} {
		if !strings.Contains(d.Status.Message, part) {
			t.Errorf("%q is missing in: %s", part, d.Status.Message)
		}
	}
	policy := f.stack()
	for range 3 {
		f.reconcile()
	}
	if now := f.deployment(); now.Generation != 1 || f.patchedBy() != "" {
		t.Errorf("the Deployment is of generation %d, written by %q beside Flux", now.Generation, f.patchedBy())
	}
	if now := f.stack(); now.Generation != 1 || appliedAt(now) != appliedAt(policy) {
		t.Errorf("Flux applied the policy again: generation %d, %s after %s", now.Generation, appliedAt(now), appliedAt(policy))
	}
	if d = f.diagnoses(fluxService)[0]; d.Status.State != v1alpha1.StateSuggested || len(d.Status.Attempts) > 0 {
		t.Errorf("it is %s after %d attempts: %s", d.Status.State, len(d.Status.Attempts), d.Status.Message)
	}
	t.Log(d.Status.Message)
	f.must(f.prune())
	f.must(kubectl(f.namespace, "wait", "bridgediagnosis", "--all", "--for=delete", "--timeout=1m"))
}

// namesRepository adds the repository to the policy in it.
func namesRepository(files map[string]string) {
	files["apps/bridgestack.yaml"] += "  gitOps:\n    repository: {url: https://git/shop.git, path: apps, secretRef: {name: git}}\n"
}

// fluxCommitted is from a broken Deployment in Git to a one-line commit, to its
// merge, to a service that is well.
func fluxCommitted(t *testing.T) {
	f := underFlux(t, nil, namesRepository)
	d := f.awaitState(fluxService, v1alpha1.StateAwaitingMerge, v1alpha1.CauseOOMKilled)
	t.Logf("kubectl get bridgediagnosis\n%s", f.must(kubectl(f.namespace, "get", "bridgediagnosis")))
	branch := "bridgestack/" + d.Name
	if c := d.Status.Commit; c == nil || c.Branch != branch || c.Commit != f.git.Run(t, "rev-parse", branch) {
		t.Fatalf("the diagnosis names commit %+v", c)
	}
	if numbers := f.git.Run(t, "diff", "--numstat", "main", branch); numbers != "1\t1\tapps/model-metrics.yaml" {
		t.Errorf("the commit is more than one line: %s", numbers)
	}
	t.Logf("git show %s\n%s", branch, f.git.Run(t, "show", "--unified=2", branch))
	f.reconcile()
	if now := f.deployment(); now.Generation != 1 || f.patchedBy() != "" {
		t.Errorf("before the merge the Deployment is of generation %d, written by %q beside Flux", now.Generation, f.patchedBy())
	}
	f.git.Run(t, "update-ref", "refs/heads/main", branch) // the owner merges
	f.fetch()
	d = f.awaitState(fluxService, v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
	t.Logf("kubectl get bridgediagnosis\n%s", f.must(kubectl(f.namespace, "get", "bridgediagnosis")))
	if now := f.deployment(); now.Generation != 2 || f.patchedBy() != "" || f.limit() != "96Mi" {
		t.Errorf("after the merge the Deployment is of generation %d, limit %s, written by %q beside Flux", now.Generation, f.limit(), f.patchedBy())
	}
	if len(d.Status.Attempts) > 0 || f.git.Pushes() != 1 {
		t.Errorf("%d attempts, %d pushes", len(d.Status.Attempts), f.git.Pushes())
	}
	t.Log(d.Status.Message)
}

// handedOver is what an owner writes into the Deployment.
func handedOver(files map[string]string) {
	const name = "  name: model-metrics\n"
	files["apps/model-metrics.yaml"] = strings.Replace(files["apps/model-metrics.yaml"], name,
		name+"  annotations: {"+v1alpha1.AnnotationHandedOver+": \"spec.template.spec.containers[model-metrics].resources\"}\n", 1)
}

// fluxHandedOver: the owner told Flux to leave the limit alone, and said so.
func fluxHandedOver(t *testing.T) {
	f := underFlux(t, map[string]any{"ignore": []any{map[string]any{
		"paths":  []any{"/spec/template/spec/containers/0/resources/limits/memory"},
		"target": map[string]any{"group": "apps", "kind": "Deployment", "name": "model-metrics"},
	}}}, handedOver)
	d := f.awaitState(fluxService, v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
	for range 3 {
		f.reconcile()
	}
	if now := f.deployment(); now.Generation != 2 || f.limit() != "96Mi" {
		t.Errorf("the Deployment is of generation %d, limit %s", now.Generation, f.limit())
	}
	if a := d.Status.Attempts; len(a) != 1 || a[0].Outcome != v1alpha1.AttemptHelped {
		t.Errorf("the attempts are %+v", a)
	}
}

// fluxTakesBack: the owner says so, but Flux was not told.
func fluxTakesBack(t *testing.T) {
	f := underFlux(t, nil, handedOver)
	d := f.await(fluxService, "taken back", func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.State == v1alpha1.StateEscalated && len(d.Status.Attempts) > 0
	})
	for range 3 {
		f.reconcile()
	}
	// One patch, and one back.
	if now := f.deployment(); now.Generation != 3 || f.limit() != "64Mi" {
		t.Errorf("the Deployment is of generation %d, limit %s", now.Generation, f.limit())
	}
	if a := d.Status.Attempts; len(a) != 1 || a[0].Outcome != v1alpha1.AttemptReverted {
		t.Errorf("the attempts are %+v", a)
	}
	if !strings.Contains(d.Status.Message, `in the Kustomization, spec.ignore: [{paths: ["/spec/template/spec/containers/0/resources/limits/memory"], target: {group: apps, kind: Deployment, name: model-metrics}}]`) {
		t.Errorf("it does not say what would allow it: %s", d.Status.Message)
	}
}

// fluxHeld: the service is well at once, and Flux goes on with the object as soon
// as Git has the cure.
func fluxHeld(t *testing.T) {
	f := underFlux(t, nil, func(files map[string]string) {
		namesRepository(files)
		files["apps/bridgestack.yaml"] += "    hold: {ttl: 1h}\n"
	})
	d := f.awaitState(fluxService, v1alpha1.StateRecovered, v1alpha1.CauseOOMKilled)
	for range 3 {
		f.reconcile()
	}
	if now := f.deployment(); now.Generation != 2 || f.limit() != "96Mi" || now.Annotations[v1alpha1.AnnotationHeldUntil] == "" {
		t.Errorf("before the merge the Deployment is of generation %d, limit %s, annotations %v", now.Generation, f.limit(), now.Annotations)
	}
	if d.Status.Commit == nil {
		t.Fatal("nothing was committed")
	}
	f.git.Run(t, "update-ref", "refs/heads/main", d.Status.Commit.Branch)
	f.fetch()
	f.letGo()
	f.reconcile()
	// The hold's end counts, as every change of a Deployment's annotations does.
	if now := f.deployment(); now.Generation != 3 || f.limit() != "96Mi" {
		t.Errorf("after the merge the Deployment is of generation %d, limit %s", now.Generation, f.limit())
	}
}

// letGo waits until Flux is no longer kept from the Deployment.
func (f *fluxed) letGo() {
	f.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if f.deployment().Annotations[v1alpha1.AnnotationHeldUntil] == "" {
			return
		}
	}
	f.Fatalf("within %s Flux was not let go on", patience)
}
