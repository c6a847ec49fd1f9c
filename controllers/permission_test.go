package controllers_test

import (
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/permission"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// fixer is a ServiceAccount that may patch the Deployments of these names only.
func fixer(t *testing.T, ns string, deployments ...string) *rbacv1.Role {
	t.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "fixer"}}
	if len(deployments) > 0 {
		role.Rules = []rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"patch"}, ResourceNames: deployments}}
	}
	create(t, role)
	create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "fixer"}})
	create(t, &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "fixer"},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "fixer"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: "fixer"}}})
	return role
}

// What the stack's ServiceAccount may not do, the operator does not do for it,
// and says what is missing. What it may do, is done.
func TestActsOnlyAsTheServiceAccountMay(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	fixer(t, ns, "web")
	s := stack(ns, service("api"), service("web"))
	s.Spec.ServiceAccountName = "fixer"
	create(t, s)
	o := start(t, ns, settings{})
	api, web := deploy(t, ns, "api", needs("150Mi")), deploy(t, ns, "web", needs("150Mi"))
	d := await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonNotPermitted)
	for _, wanted := range []string{"ServiceAccount fixer may not patch deployments.apps api", "kubectl -n " + ns + " create role", "--serviceaccount=" + ns + ":fixer"} {
		if !strings.Contains(d.Status.Message, wanted) {
			t.Errorf("%q is not in: %s", wanted, d.Status.Message)
		}
	}
	await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	if limit(t, api) != "128Mi" || limit(t, web) == "128Mi" || len(d.Status.Attempts) > 0 {
		t.Errorf("limits: api %s, web %s; attempts %v", limit(t, api), limit(t, web), d.Status.Attempts)
	}
	if n := count(o.wire.made(), "PATCH", "/deployments/api"); n > 0 {
		t.Errorf("%d patches of api", n)
	}
}

// A right that is taken away while a remedy is being verified keeps it from being
// taken back, too: a person is called.
func TestTakingBackNeedsTheRight(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	role := fixer(t, ns, "api")
	s := stack(ns, service("api"))
	s.Spec.ServiceAccountName = "fixer"
	create(t, s)
	start(t, ns, settings{})
	api := deploy(t, ns, "api", needs("150Mi"))
	becomes(t, ns, "api", slowly(needs("150Mi")))
	await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	role.Rules = nil
	if err := k8s.Update(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	becomes(t, ns, "api", outOfMemory)
	d := await(t, ns, "api", v1alpha1.StateEscalated, v1alpha1.ReasonNotPermitted)
	if !strings.Contains(d.Status.Message, "still in force") || limit(t, api) == "128Mi" {
		t.Errorf("limit %s: %s", limit(t, api), d.Status.Message)
	}
	attempted(t, d, v1alpha1.AttemptRollingBack)
}

// Where the cluster's admin wants it, a stack that acts has to name an account.
func TestServiceAccountIsRequired(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	create(t, s)
	start(t, ns, settings{accounts: permission.Accounts{Required: true}})
	api := deploy(t, ns, "api", needs("150Mi"))
	d := await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonNotPermitted)
	if !strings.Contains(d.Status.Message, "spec.serviceAccountName") || limit(t, api) != "128Mi" {
		t.Errorf("limit %s: %s", limit(t, api), d.Status.Message)
	}
	until(t, func() bool { return readyOf(t, s) == "False "+v1alpha1.ReasonServiceAccountRequired }, func() string { return "Ready: " + readyOf(t, s) })
	if says := meta.FindStatusCondition(stackNow(t, s).Status.Conditions, v1alpha1.ConditionStalled).Message; !strings.Contains(says, "spec.serviceAccountName") {
		t.Errorf("Stalled: %s", says)
	}
}
