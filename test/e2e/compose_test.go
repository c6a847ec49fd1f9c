//go:build e2e

package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// TestFromCompose: from a compose file to a stack that runs, in the file's order
// and under Pod Security restricted, and that is repaired when its environment
// is broken.
func TestFromCompose(t *testing.T) {
	t.Parallel()
	s := fromCompose(t, "runbook")
	s.startedInOrder()

	s.edit([]func(*v1alpha1.BridgeStack){func(stack *v1alpha1.BridgeStack) {
		stack.Spec.Remediation.Mode = v1alpha1.ModeAuto
		stack.Spec.Remediation.Soak = &metav1.Duration{Duration: 15 * time.Second}
		stack.Spec.Remediation.Cooldown = &metav1.Duration{Duration: 5 * time.Second}
	}})
	s.must(kubectl(s.namespace, "set", "env", "deployment/hook-receiver", "POSTGRES_HOST=localhost"))
	d := s.awaitState("hook-receiver", v1alpha1.StateRecovered, v1alpha1.CausePostgresUnreachable)
	t.Log(timeline(d))
	s.must(kubectl(s.namespace, "set", "env", "deployment/metadata-stamping", "API_KEY-"))
	d = s.awaitState("metadata-stamping", v1alpha1.StateRecovered, v1alpha1.CauseEnvVarMissing)
	t.Log(timeline(d))
	if got := s.envOf("hook-receiver", "POSTGRES_HOST").Value; got != "postgres" {
		t.Errorf("POSTGRES_HOST is %q", got)
	}
	if from := s.envOf("metadata-stamping", "API_KEY").ValueFrom; from == nil || from.SecretKeyRef == nil {
		t.Errorf("API_KEY is not from the Secret: %+v", from)
	}
}

// TestFromComposeWithAMigration: what depends on the end of another service starts
// after it, by the right to see that one Job alone.
func TestFromComposeWithAMigration(t *testing.T) {
	t.Parallel()
	s := fromCompose(t, "ledger-migration")
	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(s.namespace), client.MatchingLabels{"app.kubernetes.io/name": "clerk"}); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 || pods.Items[0].Status.ContainerStatuses[0].RestartCount > 0 {
		t.Fatalf("clerk did not start once: %+v", pods.Items)
	}
	log := s.must(kubectl(s.namespace, "logs", "deployment/clerk", "--container", "bridgestack-wait-for-migrate"))
	if !strings.Contains(log, "waiting for Job migrate") || !strings.Contains(log, "Job migrate is complete") {
		t.Errorf("its init container says\n%s", log)
	}
	for resource, allowed := range map[string]bool{"jobs.batch/migrate": true, "jobs.batch/another": false, "secrets": false} {
		answer, _ := kubectl(s.namespace, "auth", "can-i", "get", resource, "--as", "system:serviceaccount:"+s.namespace+":ledger-wait-for-jobs")
		if strings.HasPrefix(answer, "yes") != allowed {
			t.Errorf("it may get %s: %s", resource, answer)
		}
	}
}

// fromCompose brings a compose project up by the two commands that its user needs,
// under Pod Security restricted.
func fromCompose(t *testing.T, project string) *stackUnder {
	t.Helper()
	s := &stackUnder{T: t, namespace: "e2e-" + project + "-" + fmt.Sprint(time.Now().UnixNano()%100000), templates: map[string]string{}}
	s.must(kubectl("", "create", "namespace", s.namespace))
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
		_, _ = kubectl("", "delete", "namespace", s.namespace, "--wait=false")
	})
	s.must(kubectl("", "label", "namespace", s.namespace, "pod-security.kubernetes.io/enforce=restricted"))
	folder := filepath.Join(t.TempDir(), "k8s")
	file := filepath.Join("../../internal/compose/testdata/projects", project, "compose.yaml")
	out, err := exec.Command(pluginPath, "init", file, "--manifests", "--with-secrets", "--ephemeral", "-d", folder).CombinedOutput()
	if err != nil {
		t.Fatalf("init: %v: %s", err, out)
	}
	s.must(kubectl(s.namespace, "apply", "-f", folder))
	s.must(kubectl(s.namespace, "rollout", "status", "statefulset,deployment", "--timeout=4m"))
	return s
}

// startedInOrder fails unless each service started when what it depends on was
// ready, at its first attempt: it gives up within seconds otherwise.
func (s *stackUnder) startedInOrder() {
	s.Helper()
	var pods corev1.PodList
	if err := cluster.List(s.Context(), &pods, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	started, ready := map[string]time.Time{}, map[string]time.Time{}
	for _, p := range pods.Items {
		name := p.Labels["app.kubernetes.io/name"]
		c := p.Status.ContainerStatuses[0]
		if c.State.Running == nil || c.RestartCount > 0 {
			s.Errorf("%s: %d restarts, state %+v", name, c.RestartCount, c.State)
			continue
		}
		started[name] = c.State.Running.StartedAt.Time
		for _, condition := range p.Status.Conditions {
			if condition.Type == corev1.PodReady {
				ready[name] = condition.LastTransitionTime.Time
			}
		}
	}
	for service, dependencies := range map[string][]string{
		"hook-receiver": {"postgres", "redpanda"}, "workflow-coordinator": {"postgres", "redpanda"}, "event-publisher": {"postgres", "redpanda"},
		"model-metrics": {"postgres"}, "metadata-stamping": {"postgres"},
	} {
		for _, d := range dependencies {
			if started[service].IsZero() || ready[d].IsZero() || started[service].Before(ready[d]) {
				s.Errorf("%s started at %s, %s was ready at %s", service, started[service], d, ready[d])
			}
		}
	}
}

func (s *stackUnder) envOf(deployment, variable string) corev1.EnvVar {
	s.Helper()
	var d appsv1.Deployment
	if err := cluster.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: deployment}, &d); err != nil {
		s.Fatal(err)
	}
	for _, e := range d.Spec.Template.Spec.Containers[0].Env {
		if e.Name == variable {
			return e
		}
	}
	s.Errorf("%s has no %s:\n%s", deployment, variable, strings.TrimSpace(fmt.Sprint(d.Spec.Template.Spec.Containers[0].Env)))
	return corev1.EnvVar{}
}
