package config_test

import (
	"context"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// as is the API server as someone sees it who may write stacks, and what else the
// rules say.
func as(t *testing.T, who string, rules ...rbacv1.PolicyRule) client.Client {
	t.Helper()
	return asMember(t, who, "", rules...)
}

// asMember is the same for who has the rights as one of a group.
func asMember(t *testing.T, who, group string, rules ...rbacv1.PolicyRule) client.Client {
	t.Helper()
	holder := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: who}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate.UserName = who
	if group != "" {
		config.Impersonate.Groups = []string{group, "system:authenticated"}
		holder.Kind, holder.Name = rbacv1.GroupKind, group
	}
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	rules = append(rules, rule("bridgestack.dev", "bridgestacks", "create", "get", "update"), rule("", "pods/log", logVerbs(who)...))
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: strings.ReplaceAll(who, ":", "-")}, Rules: rules}
	binding := &rbacv1.RoleBinding{ObjectMeta: role.ObjectMeta,
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects: []rbacv1.Subject{holder}}
	for _, o := range []client.Object{role, binding} {
		if err := k8s.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	awaitRights(t, config.Impersonate.UserName, config.Impersonate.Groups)
	return c
}

// awaitRights waits until the API server knows a role and its binding, which it reads
// some moments after they are written: until then each request is refused for the
// lack of the right to write stacks at all.
func awaitRights(t *testing.T, who string, groups []string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: who, Groups: groups,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "create", Group: "bridgestack.dev", Resource: "bridgestacks", Namespace: metav1.NamespaceDefault},
		}}
		err := k8s.Create(ctx, &review)
		return review.Status.Allowed, err
	})
	if err != nil {
		t.Fatalf("the rights of %s never counted: %v", who, err)
	}
}

// blind is the one author who may not read logs.
const blind = "blind"

func logVerbs(who string) []string {
	if who == blind {
		return []string{"list"} // which is no right to read one
	}
	return []string{"get"}
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
	t.Run("credentials that are named", func(t *testing.T) {
		names := func(c v1alpha1.ConnectionEnv) func(*v1alpha1.BridgeStackSpec) {
			return func(s *v1alpha1.BridgeStackSpec) {
				s.Services = []v1alpha1.Service{{Name: "db", External: true, Endpoint: &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{}}},
					{Name: "app", DependsOn: []v1alpha1.Dependency{{Service: "db", Connection: &c}}}}
			}
		}
		permitted(t, developer.Create(t.Context(), stack("j", v1alpha1.ModeObserve, names(v1alpha1.ConnectionEnv{Host: "DB", Port: "DB_PORT"}))))
		for _, c := range []v1alpha1.ConnectionEnv{{User: "LOG_LEVEL"}, {Password: "STRIPE_API_KEY"}, {URL: "DATABASE_URL"}} {
			forbidden(t, developer.Create(t.Context(), stack("k", v1alpha1.ModeObserve, names(c))), "get secrets")
		}
		permitted(t, as(t, "credentials-reader", rule("", "secrets", "get")).Create(t.Context(), stack("k", v1alpha1.ModeObserve, names(v1alpha1.ConnectionEnv{Password: "STRIPE_API_KEY"}))))
	})
	t.Run("logs that are shown", func(t *testing.T) {
		forbidden(t, as(t, blind).Create(t.Context(), stack("o", v1alpha1.ModeObserve)), "get pods/log")
	})
	t.Run("Secrets that variables come from", func(t *testing.T) {
		env := func(from v1alpha1.EnvSource) func(*v1alpha1.BridgeStackSpec) {
			return func(s *v1alpha1.BridgeStackSpec) {
				s.Services = []v1alpha1.Service{{Name: "app", Env: []v1alpha1.DeclaredEnv{{Name: "TOKEN", ValueFrom: &from}}}}
			}
		}
		project := func(c v1alpha1.Compose) func(*v1alpha1.BridgeStackSpec) {
			return func(s *v1alpha1.BridgeStackSpec) { s.Compose = &c }
		}
		key := v1alpha1.KeyReference{Name: "payments", Key: "token"}
		may := as(t, "refers", rule("", "secrets", "get"))
		for name, refers := range map[string]func(*v1alpha1.BridgeStackSpec){
			"p": env(v1alpha1.EnvSource{SecretKeyRef: &key}),
			"q": project(v1alpha1.Compose{ConfigMaps: []v1alpha1.KeyReference{key}, Trusted: true}),
		} {
			forbidden(t, developer.Create(t.Context(), stack(name, v1alpha1.ModeObserve, refers)), "get secrets")
			permitted(t, may.Create(t.Context(), stack(name, v1alpha1.ModeObserve, refers)))
		}
		permitted(t, developer.Create(t.Context(), stack("s", v1alpha1.ModeObserve, env(v1alpha1.EnvSource{ConfigMapKeyRef: &key}))))
		permitted(t, developer.Create(t.Context(), stack("t", v1alpha1.ModeObserve, project(v1alpha1.Compose{ConfigMaps: []v1alpha1.KeyReference{key}}))))
	})
	t.Run("accounts that are used", func(t *testing.T) {
		account := func(s *v1alpha1.BridgeStackSpec) { s.ServiceAccountName = "deployer" }
		forbidden(t, developer.Create(t.Context(), stack("l", v1alpha1.ModeObserve, account)), "create pods")
		impersonator := rule("", "serviceaccounts", "impersonate")
		impersonator.ResourceNames = []string{"deployer"}
		permitted(t, as(t, "impersonator", impersonator).Create(t.Context(), stack("l", v1alpha1.ModeObserve, account)))
		permitted(t, as(t, "podmaker", rule("", "pods", "create")).Create(t.Context(), stack("m", v1alpha1.ModeObserve, account)))
	})
	t.Run("namespaces of the cluster itself", func(t *testing.T) {
		for _, namespace := range []string{metav1.NamespaceSystem, metav1.NamespacePublic, "kube-node-lease"} {
			s := stack("n", v1alpha1.ModeObserve)
			s.Namespace = namespace
			if err := k8sFor(t).Create(t.Context(), s, client.DryRunAll); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "namespaces of the cluster itself") {
				t.Errorf("%s: %v", namespace, err)
			}
		}
	})
	t.Run("diagnoses", func(t *testing.T) { testWhoWritesDiagnoses(t) })
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

// Not even who holds all rights on the stacks' kinds writes what the operator acts
// on, and who decides on a change must be allowed to make it.
func testWhoWritesDiagnoses(t *testing.T) {
	everything := rule("bridgestack.dev", "*", "*")
	wildcard := as(t, "wildcard", everything)
	d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "forged"},
		Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "app", Container: "app", Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "app", UID: "1"}}}
	refused := func(what string, err error) {
		t.Helper()
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "only the operator") {
			t.Errorf("security: %s: %v", what, err)
		}
	}
	refused("a forged diagnosis", wildcard.Create(t.Context(), d.DeepCopy()))
	refused("one of an admin", k8sFor(t).Create(t.Context(), d.DeepCopy()))
	operator := as(t, clusterManager, everything)
	permitted(t, operator.Create(t.Context(), d))
	forged := d.DeepCopy()
	forged.Status.Attempts = []v1alpha1.Attempt{{ID: "x-1", Outcome: v1alpha1.AttemptRollingBack, RecordedAt: metav1.Now(), Deadline: metav1.Now(),
		Action:   v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: d.Spec.Workload, TemplateHash: "x", Patch: "[]", Undo: "[]"}},
		Proposal: v1alpha1.Proposal{ID: "x", Remedy: v1alpha1.RemedySetEnv, Target: "Deployment/app"}}}
	refused("a forged attempt", wildcard.Status().Update(t.Context(), forged.DeepCopy()))
	refused("one by a patch", wildcard.Status().Patch(t.Context(), forged.DeepCopy(), client.MergeFrom(d)))
	var live v1alpha1.BridgeDiagnosis
	permitted(t, operator.Get(t.Context(), client.ObjectKeyFromObject(d), &live))
	remembers := stack("remembers", v1alpha1.ModeObserve)
	permitted(t, wildcard.Create(t.Context(), remembers))
	forgets := remembers.DeepCopy()
	forgets.Status.ServicesHealthy = "1/1"
	refused("a stack that forgets what was tried", wildcard.Status().Update(t.Context(), forgets.DeepCopy()))
	permitted(t, operator.Status().Update(t.Context(), forgets))
	t.Logf("security: forged diagnoses and attempts: 4 tried, %d written", len(live.Status.Attempts))

	t.Run("decisions", func(t *testing.T) { testWhoDecides(t, operator, wildcard, &live) })
}

// named is a rule for one object.
func named(name string, r rbacv1.PolicyRule) rbacv1.PolicyRule {
	r.ResourceNames = []string{name}
	return r
}

// Only who may make a change decides on it, under his own name, and on what is
// proposed now.
func testWhoDecides(t *testing.T, operator, wildcard client.Client, live *v1alpha1.BridgeDiagnosis) {
	const id = "0123456789abcdef0123456789abcdef"
	everything, patches := rule("bridgestack.dev", "*", "*"), rule("apps", "deployments", "patch")
	proposes := func(remedy v1alpha1.RemedyName, target string) {
		t.Helper()
		permitted(t, operator.Get(t.Context(), client.ObjectKeyFromObject(live), live))
		live.Status.Proposal = &v1alpha1.Proposal{ID: id, Remedy: remedy, Target: target}
		live.Status.Attempts = nil
		permitted(t, operator.Status().Update(t.Context(), live))
	}
	proposes(v1alpha1.RemedyRaiseMemoryLimit, "Deployment/app")
	writes := func(c client.Client, change func(*v1alpha1.BridgeDiagnosisSpec), o ...client.PatchOption) error {
		after := live.DeepCopy()
		change(&after.Spec)
		return c.Patch(t.Context(), after, client.MergeFrom(live), o...)
	}
	tried, written := 0, 0
	// refused tries what must not be, in a dry run: admission is asked all the same.
	refused := func(t *testing.T, why string, err error) {
		t.Helper()
		tried++
		if err == nil {
			written++
		}
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), why) {
			t.Errorf("want Forbidden because %q, got: %v", why, err)
		}
	}
	approver := as(t, "approver", everything, named("app", patches))
	elsewhere := as(t, "approves-elsewhere", everything, named("other", patches))
	account := as(t, "system:serviceaccount:default:approves", everything, named("app", patches))
	approves := func(who, id string) func(*v1alpha1.BridgeDiagnosisSpec) {
		return func(s *v1alpha1.BridgeDiagnosisSpec) { s.Approved, s.ApprovedBy = id, who }
	}
	for name, decide := range map[string]func(who string) func(*v1alpha1.BridgeDiagnosisSpec){
		"approve": func(who string) func(*v1alpha1.BridgeDiagnosisSpec) { return approves(who, id) },
		"reject": func(who string) func(*v1alpha1.BridgeDiagnosisSpec) {
			return func(s *v1alpha1.BridgeDiagnosisSpec) { s.Rejected, s.RejectedBy = id, who }
		},
		"take back": func(who string) func(*v1alpha1.BridgeDiagnosisSpec) {
			return func(s *v1alpha1.BridgeDiagnosisSpec) { s.TakeBack, s.TakenBackBy = id+"-1", who }
		},
	} {
		t.Run(name, func(t *testing.T) {
			const right = "must be allowed to patch deployments.apps app"
			refused(t, right, writes(wildcard, decide("wildcard"), client.DryRunAll))
			refused(t, right, writes(elsewhere, decide("approves-elsewhere"), client.DryRunAll))
			refused(t, right, writes(wildcard, decide("approver"), client.DryRunAll))
			for _, who := range []string{"", "somebody", "kubectl-bridge", "approver2", "system:serviceaccount:default:approves"} {
				refused(t, "knows you: approver", writes(approver, decide(who), client.FieldOwner("somebody"), client.DryRunAll))
			}
			refused(t, "knows you: system:serviceaccount:default:approves", writes(account, decide("approver"), client.DryRunAll))
			permitted(t, writes(approver, decide("approver"), client.FieldOwner("somebody"), client.DryRunAll))
			permitted(t, writes(account, decide("system:serviceaccount:default:approves"), client.DryRunAll))
		})
	}
	t.Run("rights of a group", func(t *testing.T) {
		member := asMember(t, "member", "sre", everything, named("app", patches))
		permitted(t, writes(member, approves("member", id), client.DryRunAll))
		refused(t, "knows you: member", writes(member, approves("sre", id), client.DryRunAll))
	})
	t.Run("a name without a decision", func(t *testing.T) {
		refused(t, "go together", writes(approver, func(s *v1alpha1.BridgeDiagnosisSpec) { s.ApprovedBy = "approver" }, client.DryRunAll))
	})
	t.Run("the status together with a decision", func(t *testing.T) {
		after := live.DeepCopy()
		after.Status.Proposal.ID = "another"
		after.Spec.Approved, after.Spec.ApprovedBy = "another", "approver"
		refused(t, "proposed now", approver.Patch(t.Context(), after, client.MergeFrom(live), client.DryRunAll))
	})
	t.Run("what is not proposed", func(t *testing.T) {
		for _, other := range []string{"fedcba9876543210fedcba9876543210", id[:31], id + "0", "-1"} {
			refused(t, "proposed now", writes(approver, approves("approver", other), client.DryRunAll))
		}
		permitted(t, writes(approver, approves("approver", id+"-2"), client.DryRunAll))
	})
	t.Run("a change of another workload", func(t *testing.T) {
		proposes(v1alpha1.RemedyRestartDependency, "Deployment/cache")
		refused(t, "patch deployments.apps cache", writes(approver, approves("approver", id), client.DryRunAll))
		both := as(t, "approves-both", everything, named("app", patches), named("cache", patches))
		permitted(t, writes(both, approves("approves-both", id), client.DryRunAll))
		proposes(v1alpha1.RemedyRunJob, "CronJob/migrate")
		refused(t, "create jobs.batch", writes(both, approves("approves-both", id), client.DryRunAll))
		proposes(v1alpha1.RemedyRaiseMemoryLimit, "Deployment/app")
	})
	t.Run("what is no Deployment", func(t *testing.T) { testWhoDecidesOnOtherKinds(t, operator, wildcard) })
	t.Run("a decision of someone else", func(t *testing.T) {
		permitted(t, writes(approver, approves("approver", id)))
		permitted(t, operator.Get(t.Context(), client.ObjectKeyFromObject(live), live))
		refused(t, "knows you: system:serviceaccount:default:approves", writes(account, approves("approver2", id), client.DryRunAll))
		refused(t, "knows you: system:serviceaccount:default:approves", writes(account, approves("", id), client.DryRunAll))
		// Another decision leaves it as it is, and so does a label.
		permitted(t, writes(account, func(s *v1alpha1.BridgeDiagnosisSpec) {
			s.TakeBack, s.TakenBackBy = id+"-1", "system:serviceaccount:default:approves"
		}, client.DryRunAll))
		permitted(t, writes(account, approves("system:serviceaccount:default:approves", id), client.DryRunAll))
		permitted(t, writes(account, approves("", ""), client.DryRunAll))
		refused(t, "must be allowed to patch", writes(wildcard, approves("", ""), client.DryRunAll))
		after := live.DeepCopy()
		after.Labels = map[string]string{"team": "shop"}
		permitted(t, wildcard.Patch(t.Context(), after, client.MergeFrom(live)))
	})
	t.Logf("security: decisions of who may not, under other names, on what is not proposed: %d tried, %d written", tried, written)
}

// Whatever kind the workload is of, it is said what one must be allowed, and who is may decide.
func testWhoDecidesOnOtherKinds(t *testing.T, operator, wildcard client.Client) {
	everything := rule("bridgestack.dev", "*", "*")
	for kind, c := range map[v1alpha1.WorkloadKind]struct {
		says  string
		right rbacv1.PolicyRule
	}{
		v1alpha1.DaemonSet:              {"patch daemonsets.apps app", named("app", rule("apps", "daemonsets", "patch"))},
		v1alpha1.Job:                    {"patch jobs.batch app", named("app", rule("batch", "jobs", "patch"))},
		v1alpha1.CronJob:                {"patch cronjobs.batch app", named("app", rule("batch", "cronjobs", "patch"))},
		v1alpha1.Pod:                    {"patch pods app", named("app", rule("", "pods", "patch"))},
		"Cluster.postgresql.cnpg.io":    {"patch pods", rule("", "pods", "patch")},
		"StrimziPodSet.core.strimzi.io": {"patch pods", rule("", "pods", "patch")},
	} {
		name := strings.ReplaceAll(strings.ToLower(string(kind)), ".", "-")
		d := &v1alpha1.BridgeDiagnosis{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "of-" + name},
			Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "shop", Service: "app", Container: "app", Workload: v1alpha1.DiagnosedWorkload{Kind: kind, Name: "app", UID: "1"}}}
		permitted(t, operator.Create(t.Context(), d))
		rejects := func(c client.Client, who string) error {
			after := d.DeepCopy()
			after.Spec.Rejected, after.Spec.RejectedBy = "0123456789abcdef0123456789abcdef", who
			return c.Patch(t.Context(), after, client.MergeFrom(d), client.DryRunAll)
		}
		if err := rejects(wildcard, "wildcard"); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "must be allowed to "+c.says) {
			t.Errorf("%s: want Forbidden because of %q, got: %v", kind, c.says, err)
		}
		who := "decides-on-" + name
		permitted(t, rejects(as(t, who, everything, c.right), who))
	}
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
