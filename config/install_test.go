// Package config_test applies the installs to a real API server and asks it what
// they allow.
package config_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

var (
	k8s        client.Client
	kubeconfig string
)

const clusterManager = "system:serviceaccount:bridgestack-system:bridgestack-manager"

func TestMain(m *testing.M) {
	code, err := runWithInstalls(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithInstalls(m *testing.M) (code int, err error) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		return 1, fmt.Errorf("KUBEBUILDER_ASSETS is not set: run `make test-api`, which builds etcd and kube-apiserver")
	}
	var env envtest.Environment
	config, err := env.Start()
	if err != nil {
		return 1, fmt.Errorf("start the API server: %w", err)
	}
	defer func() {
		if stopErr := env.Stop(); err == nil {
			err = stopErr
		}
	}()
	if k8s, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err != nil {
		return 1, err
	}
	folder, err := os.MkdirTemp("", "install")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	kubeconfig = filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

func kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	return kubectlIn(t.Context(), t, arguments...)
}

// kubectlIn is kubectl for what comes after a test.
func kubectlIn(ctx context.Context, t *testing.T, arguments ...string) string {
	t.Helper()
	program := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl")
	command := exec.CommandContext(ctx, program, append([]string{"--kubeconfig", kubeconfig}, arguments...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

func TestInstallForTheCluster(t *testing.T) {
	kubectl(t, "apply", "-k", "default")
	if again := kubectl(t, "apply", "-k", "default"); strings.Contains(again, "configured") || strings.Contains(again, "created") {
		t.Errorf("applying again changed something:\n%s", again)
	}

	t.Run("its pod is admitted under Pod Security restricted", func(t *testing.T) {
		var namespace corev1.Namespace
		get(t, "", "bridgestack-system", &namespace)
		if level := namespace.Labels["pod-security.kubernetes.io/enforce"]; level != "restricted" {
			t.Fatalf("the namespace enforces %q, want restricted", level)
		}
		template := deployment(t, "bridgestack-system").Spec.Template
		if err := k8s.Create(t.Context(), podOf(template, "bridgestack-system"), client.DryRunAll); err != nil {
			t.Errorf("refused: %v", err)
		}
		// So that the check above can fail: the same pod with one privilege more.
		template.Spec.Containers[0].SecurityContext.Capabilities = nil
		if err := k8s.Create(t.Context(), podOf(template, "bridgestack-system"), client.DryRunAll); !apierrors.IsForbidden(err) {
			t.Errorf("a pod with capabilities: want Forbidden, got %v", err)
		}
	})
	t.Run("its pod cannot write and runs as nobody in particular", func(t *testing.T) {
		pod := deployment(t, "bridgestack-system").Spec.Template.Spec
		container := pod.Containers[0].SecurityContext
		if container.ReadOnlyRootFilesystem == nil || !*container.ReadOnlyRootFilesystem {
			t.Error("the root file system is writable")
		}
		if pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot {
			t.Error("it may run as root")
		}
	})
	t.Run("its rights", func(t *testing.T) {
		allowed(t, clusterManager, []access{
			{"list", "", "pods", "", "shop"},
			{"watch", "", "pods", "", "shop"},
			{"get", "", "pods", "log", "shop"},
			{"get", "", "secrets", "", "shop"},
			{"get", "", "configmaps", "", "shop"},
			{"patch", "apps", "deployments", "", "shop"},
			{"patch", "apps", "statefulsets", "", "shop"},
			{"patch", "apps", "daemonsets", "", "shop"},
			{"create", "", "pods", "eviction", "shop"},
			{"create", "bridgestack.dev", "bridgediagnoses", "", "shop"},
			{"update", "bridgestack.dev", "bridgestacks", "status", "shop"},
			{"create", "authentication.k8s.io", "tokenreviews", "", ""},
			{"create", "coordination.k8s.io", "leases", "", "bridgestack-system"},
		})
		denied(t, clusterManager, append(neverAllowed("shop"), []access{
			{"create", "coordination.k8s.io", "leases", "", "shop"},
			{"update", "bridgestack.dev", "bridgestacks", "", "shop"},
		}...))
	})
	t.Run("people", func(t *testing.T) {
		bindPerson(t, "viewer", "bridgestack-viewer")
		bindPerson(t, "editor", "bridgestack-editor")
		read := access{"list", "bridgestack.dev", "bridgediagnoses", "", "default"}
		approve := access{"patch", "bridgestack.dev", "bridgediagnoses", "", "default"}
		forge := access{"patch", "bridgestack.dev", "bridgediagnoses", "status", "default"}
		allowed(t, "viewer", []access{read})
		denied(t, "viewer", []access{approve, forge})
		allowed(t, "editor", []access{read, approve})
		denied(t, "editor", []access{forge})
	})
	t.Run("no rule has a wildcard", func(t *testing.T) {
		var roles rbacv1.ClusterRoleList
		if err := k8s.List(t.Context(), &roles, client.MatchingLabels{"app.kubernetes.io/name": "bridgestack"}); err != nil {
			t.Fatal(err)
		}
		if len(roles.Items) < 4 {
			t.Fatalf("only %d cluster roles are installed", len(roles.Items))
		}
		for _, role := range roles.Items {
			for _, rule := range role.Rules {
				if slices.Contains(slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs), "*") {
					t.Errorf("%s has a wildcard: %s", role.Name, rule.String())
				}
			}
		}
	})
}

func TestInstallForOneNamespace(t *testing.T) {
	if err := k8s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "bridgestack"}}); err != nil {
		t.Fatal(err)
	}
	kubectl(t, "apply", "-k", "namespaced")
	const manager = "system:serviceaccount:bridgestack:bridgestack-manager"
	allowed(t, manager, []access{
		{"list", "", "pods", "", "bridgestack"},
		{"patch", "apps", "deployments", "", "bridgestack"},
		{"create", "bridgestack.dev", "bridgediagnoses", "", "bridgestack"},
		{"create", "coordination.k8s.io", "leases", "", "bridgestack"},
	})
	allowed(t, manager, []access{{"list", "", "nodes", "", ""}}) // and nothing else outside
	denied(t, manager, append(neverAllowed("bridgestack"), []access{
		{"list", "", "pods", "", "shop"},
		{"get", "", "pods", "log", "shop"},
		{"get", "", "secrets", "", "shop"},
		{"get", "", "services", "", "shop"},
		{"patch", "apps", "deployments", "", "shop"},
		{"create", "", "pods", "eviction", "shop"},
		{"list", "bridgestack.dev", "bridgestacks", "", "shop"},
	}...))
	arguments := deployment(t, "bridgestack").Spec.Template.Spec.Containers[0].Args
	if !slices.Contains(arguments, "--namespace=$(POD_NAMESPACE)") {
		t.Errorf("the manager is not told to stay in its namespace: %q", arguments)
	}
}

// The policies of operators of one namespace are those of the cluster-wide install,
// with the account of each namespace's own operator.
func TestPoliciesForOperatorsOfOneNamespace(t *testing.T) {
	kubectl(t, "apply", "-k", "crd")
	kubectl(t, "wait", "--for=condition=Established", "--timeout=60s", "crd/bridgestacks.bridgestack.dev")
	kubectl(t, "apply", "-k", "namespaced/admission")
	t.Cleanup(func() {
		kubectlIn(context.Background(), t, "delete", "-k", "namespaced/admission")
	})
	for _, name := range []string{"red", "blue"} {
		if err := k8s.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	anybody := k8sFor(t)
	author := as(t, "author-of-one-namespace")
	await := func(what string, refuses func() error, why string) {
		t.Helper()
		var err error
		if wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			err = refuses()
			return apierrors.IsForbidden(err) && strings.Contains(err.Error(), why), nil
		}) != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	diagnosis := func(namespace string) *v1alpha1.BridgeDiagnosis {
		return &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "forged"}, Spec: v1alpha1.BridgeDiagnosisSpec{
			Stack: "shop", Service: "app", Container: "app", Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "app", UID: "1"}}}
	}
	await("an author", func() error {
		return author.Create(t.Context(), stack("one", v1alpha1.ModeAuto), client.DryRunAll)
	}, "must be allowed to patch deployments.apps")
	await("a forged diagnosis", func() error { return anybody.Create(t.Context(), diagnosis("red"), client.DryRunAll) }, "only the operator")
	manager := asOperatorOf(t, "red")
	// Policies are renewed a moment after they are written.
	if err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return manager.Create(t.Context(), diagnosis("red"), client.DryRunAll) == nil, nil
	}); err != nil {
		t.Errorf("the namespace's own operator: %v", manager.Create(t.Context(), diagnosis("red"), client.DryRunAll))
	}
	await("the operator of another namespace", func() error { return manager.Create(t.Context(), diagnosis("blue"), client.DryRunAll) }, "only the operator")
}

// asOperatorOf is the operator of this namespace to the API server, with all rights of
// RBAC everywhere, so that it is the policy that refuses.
func asOperatorOf(t *testing.T, namespace string) client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate.UserName, config.Impersonate.Groups = "system:serviceaccount:"+namespace+":bridgestack-manager", []string{"system:masters"}
	c, err := client.New(config, client.Options{Scheme: k8sFor(t).Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What only some stacks want is a right of its own, which an admin adds.
func TestRightsThatAnAdminAdds(t *testing.T) {
	for folder, c := range map[string]struct {
		binding string
		rights  []access
	}{
		"probe-from-pod":    {"bridgestack-pod-prober", []access{{"patch", "", "pods", "ephemeralcontainers", "shop"}}},
		"testdata/operator": {"bridgestack-kubelet-metrics-reader", []access{{"get", "", "nodes", "metrics", ""}}}, // with the component kubelet-metrics
		"run-jobs":          {"bridgestack-job-runner", []access{{"create", "batch", "jobs", "", "shop"}}},
		"read-owners":       {"bridgestack-owner-reader", []access{{"get", "postgresql.cnpg.io", "clusters", "", "shop"}, {"get", "argoproj.io", "rollouts", "", "shop"}}},
	} {
		t.Run(folder, func(t *testing.T) {
			kubectl(t, "apply", "-k", "default")
			denied(t, clusterManager, c.rights)
			kubectl(t, "apply", "-k", folder)
			t.Cleanup(func() {
				if err := k8s.Delete(context.Background(), &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: c.binding}}); err != nil {
					t.Error(err)
				}
			})
			allowed(t, clusterManager, c.rights)
			others := slices.DeleteFunc(neverAllowed("shop"), func(a access) bool { return slices.Contains(c.rights, a) })
			denied(t, clusterManager, append(others,
				access{"update", "", "pods", "ephemeralcontainers", "shop"}, access{"patch", "", "pods", "", "shop"},
				access{"patch", "batch", "jobs", "", "shop"}, access{"delete", "batch", "jobs", "", "shop"}, access{"patch", "batch", "cronjobs", "", "shop"}))
		})
	}
}

// The manager knows which image it is: containers that it adds are of the same.
func TestManagerKnowsItsImage(t *testing.T) {
	kubectl(t, "apply", "-k", "default")
	container := deployment(t, "bridgestack-system").Spec.Template.Spec.Containers[0]
	for _, e := range container.Env {
		if e.Name == "OPERATOR_IMAGE" && e.Value == container.Image {
			return
		}
	}
	t.Errorf("image %s, env %v", container.Image, container.Env)
}

// access is one thing that someone may want to do.
type access struct{ verb, group, resource, subresource, namespace string }

// neverAllowed is what no remedy needs and no bug may reach.
func neverAllowed(namespace string) []access {
	return []access{
		{"list", "", "secrets", "", namespace},
		{"watch", "", "secrets", "", namespace},
		{"update", "", "secrets", "", namespace},
		{"create", "", "pods", "", namespace},
		{"create", "", "pods", "exec", namespace},
		{"patch", "", "pods", "ephemeralcontainers", namespace},
		{"create", "batch", "jobs", "", namespace},
		{"patch", "batch", "cronjobs", "", namespace},
		{"delete", "", "pods", "", namespace},
		{"list", "postgresql.cnpg.io", "clusters", "", namespace},
		{"patch", "postgresql.cnpg.io", "clusters", "", namespace},
		{"create", "", "serviceaccounts", "token", namespace},
		{"delete", "apps", "deployments", "", namespace},
		{"create", "apps", "deployments", "", namespace},
		{"deletecollection", "", "pods", "", namespace},
		{"delete", "", "persistentvolumeclaims", "", namespace},
		{"delete", "", "namespaces", "", ""},
		{"patch", "", "nodes", "", ""},
		{"escalate", "rbac.authorization.k8s.io", "clusterroles", "", ""},
		{"create", "rbac.authorization.k8s.io", "rolebindings", "", namespace},
		{"impersonate", "", "users", "", ""},
		{"patch", "apiextensions.k8s.io", "customresourcedefinitions", "", ""},
	}
}

// allowed waits for what is granted: the API server's authorizer sees roles and
// bindings a moment after they are written. What is denied is asked after it.
func allowed(t *testing.T, who string, wanted []access) {
	t.Helper()
	for _, a := range wanted {
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 10*time.Second, true, func(context.Context) (bool, error) {
			return may(t, who, a), nil
		})
		if err != nil {
			t.Errorf("%s may not %v", who, a)
		}
	}
}

func denied(t *testing.T, who string, unwanted []access) {
	t.Helper()
	for _, a := range unwanted {
		if may(t, who, a) {
			t.Errorf("%s may %v", who, a)
		}
	}
}

func may(t *testing.T, who string, a access) bool {
	t.Helper()
	review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: who,
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: a.verb, Group: a.group, Resource: a.resource, Subresource: a.subresource, Namespace: a.namespace,
		},
	}}
	if err := k8s.Create(t.Context(), &review); err != nil {
		t.Fatal(err)
	}
	return review.Status.Allowed
}

func bindPerson(t *testing.T, who, role string) {
	t.Helper()
	err := k8s.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: who},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: who}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, namespace, name string, object client.Object) {
	t.Helper()
	if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object); err != nil {
		t.Fatal(err)
	}
}

func deployment(t *testing.T, namespace string) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	get(t, namespace, "bridgestack-manager", &d)
	return &d
}

func podOf(template corev1.PodTemplateSpec, namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "manager", Labels: template.Labels},
		Spec:       *template.Spec.DeepCopy(),
	}
}
