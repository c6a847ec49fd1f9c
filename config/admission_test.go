package config_test

import (
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// as is the API server as someone sees it who may write stacks, and what else the
// rules say.
func as(t *testing.T, who string, rules ...rbacv1.PolicyRule) client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate.UserName = who
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	rules = append(rules, rule("bridgestack.dev", "bridgestacks", "create", "get", "update"))
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: who}, Rules: rules}
	binding := &rbacv1.RoleBinding{ObjectMeta: role.ObjectMeta,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: who},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: who}}}
	for _, o := range []client.Object{role, binding} {
		if err := k8s.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func rule(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

func stack(name string, mode v1alpha1.Mode, change ...func(*v1alpha1.BridgeStackSpec)) *v1alpha1.BridgeStack {
	s := &v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: name},
		Spec: v1alpha1.BridgeStackSpec{Selector: &metav1.LabelSelector{}, Remediation: v1alpha1.Remediation{Mode: mode}}}
	for _, c := range change {
		c(&s.Spec)
	}
	return s
}

// forbidden checks that a write was refused for the lack of this very right.
func forbidden(t *testing.T, err error, right string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "must be allowed to "+right) {
		t.Errorf("want Forbidden for the lack of %q, got: %v", right, err)
	}
}

func permitted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// The operator acts for nobody who could not act himself.
func TestAuthorsMustBeAllowedWhatTheOperatorDoes(t *testing.T) {
	kubectl(t, "apply", "-k", "default")
	kubectl(t, "wait", "--for=condition=Established", "--timeout=60s", "crd/bridgestacks.bridgestack.dev")
	developer := as(t, "developer")
	// A policy counts some moments after it is written.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := developer.Create(t.Context(), stack("probe", v1alpha1.ModeAuto), client.DryRunAll)
		if apierrors.IsForbidden(err) && strings.Contains(err.Error(), "stack-authors") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the policy never counted: %v", err)
		}
	}
	t.Run("who may not patch workloads", func(t *testing.T) {
		forbidden(t, developer.Create(t.Context(), stack("a", v1alpha1.ModeAuto)), "patch deployments.apps")
		forbidden(t, developer.Create(t.Context(), stack("a", v1alpha1.ModeApprove)), "patch deployments.apps")
		permitted(t, developer.Create(t.Context(), stack("observed", v1alpha1.ModeObserve)))
		suggested := stack("suggested", v1alpha1.ModeSuggest)
		permitted(t, developer.Create(t.Context(), suggested))
		suggested.Spec.Remediation.Mode = v1alpha1.ModeAuto
		forbidden(t, developer.Update(t.Context(), suggested), "patch deployments.apps")
		paused := stack("paused", v1alpha1.ModeAuto, func(s *v1alpha1.BridgeStackSpec) { s.Paused = true })
		permitted(t, developer.Create(t.Context(), paused))
		paused.Spec.Paused = false
		forbidden(t, developer.Update(t.Context(), paused), "patch deployments.apps")
	})
	t.Run("a stack of someone else", func(t *testing.T) {
		theirs := stack("theirs", v1alpha1.ModeAuto)
		permitted(t, k8sFor(t).Create(t.Context(), theirs))
		theirs.Labels = map[string]string{"team": "shop"}
		permitted(t, developer.Update(t.Context(), theirs))
		theirs.Spec.Selector.MatchLabels = map[string]string{"app": "more"}
		forbidden(t, developer.Update(t.Context(), theirs), "patch deployments.apps")
		// The way to stop it is open to everyone who may write it.
		theirs.Spec.Selector.MatchLabels, theirs.Spec.Paused = nil, true
		permitted(t, developer.Update(t.Context(), theirs))
	})
	t.Run("who may patch some workloads", func(t *testing.T) {
		some := as(t, "some", rule("apps", "deployments", "patch"), rule("apps", "daemonsets", "patch"), rule("", "pods/eviction", "create"))
		forbidden(t, some.Create(t.Context(), stack("b", v1alpha1.ModeAuto)), "patch statefulsets.apps")
		patcher := as(t, "patcher", rule("apps", "deployments", "patch"), rule("apps", "statefulsets", "patch"), rule("apps", "daemonsets", "patch"))
		forbidden(t, patcher.Create(t.Context(), stack("b", v1alpha1.ModeAuto)), "create pods/eviction")
	})
	t.Run("who may do all that it takes", func(t *testing.T) {
		operator := as(t, "site-engineer", rule("apps", "deployments", "patch"), rule("apps", "statefulsets", "patch"), rule("apps", "daemonsets", "patch"), rule("", "pods/eviction", "create"))
		permitted(t, operator.Create(t.Context(), stack("c", v1alpha1.ModeAuto)))
		runsJobs := func(s *v1alpha1.BridgeStackSpec) {
			s.Remediation.Remedies = []v1alpha1.RemedySwitch{{Name: v1alpha1.RemedyRunJob, Enabled: true}}
		}
		forbidden(t, operator.Create(t.Context(), stack("d", v1alpha1.ModeAuto, runsJobs)), "create jobs.batch")
	})
	t.Run("probes from pods", func(t *testing.T) {
		probes := func(s *v1alpha1.BridgeStackSpec) { s.Diagnosis.ProbeFromPod = true }
		forbidden(t, developer.Create(t.Context(), stack("e", v1alpha1.ModeObserve, probes)), "patch pods/ephemeralcontainers")
	})
	t.Run("Secrets that are sent", func(t *testing.T) {
		open := v1alpha1.Receiver{Name: "hook", Webhook: &v1alpha1.WebhookReceiver{URL: "http://hook/"}}
		secret := v1alpha1.Receiver{Name: "chat", Slack: &v1alpha1.SlackReceiver{URLFrom: v1alpha1.KeyReference{Name: "chat", Key: "url"}}}
		tell := func(r ...v1alpha1.Receiver) func(*v1alpha1.BridgeStackSpec) {
			return func(s *v1alpha1.BridgeStackSpec) { s.Notifications = r }
		}
		permitted(t, developer.Create(t.Context(), stack("f", v1alpha1.ModeObserve, tell(open))))
		forbidden(t, developer.Create(t.Context(), stack("g", v1alpha1.ModeObserve, tell(open, secret))), "get secrets")
		commits := func(secret *v1alpha1.SecretName) func(*v1alpha1.BridgeStackSpec) {
			return func(s *v1alpha1.BridgeStackSpec) {
				s.GitOps.Repository = &v1alpha1.GitRepository{URL: "https://git.example.com/shop.git", SecretRef: secret}
			}
		}
		permitted(t, developer.Create(t.Context(), stack("h", v1alpha1.ModeObserve, commits(nil))))
		forbidden(t, developer.Create(t.Context(), stack("i", v1alpha1.ModeObserve, commits(&v1alpha1.SecretName{Name: "git"}))), "get secrets")
		reader := as(t, "reader", rule("", "secrets", "get"))
		permitted(t, reader.Create(t.Context(), stack("i", v1alpha1.ModeObserve, commits(&v1alpha1.SecretName{Name: "git"}))))
		permitted(t, reader.Create(t.Context(), stack("g", v1alpha1.ModeObserve, tell(open, secret))))
	})
}

// k8sFor is someone who may do all, and knows the stacks' kinds.
func k8sFor(t *testing.T) client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
