package controllers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/servers"
)

// login is that of a container at a broker with TLS, which the declared one has not.
var login = [][2]string{
	{"KAFKA_SECURITY_PROTOCOL", "SASL_SSL"}, {"KAFKA_SASL_MECHANISM", "PLAIN"},
	{"KAFKA_SASL_USERNAME", "bridge"}, {"KAFKA_SASL_PASSWORD", "change-me-kafka"},
}

// An address at which a probe with the container's own settings fails is set
// nowhere: neither in the cluster nor in Git.
func TestUnprovedAddressIsNotSet(t *testing.T) {
	t.Run("in the cluster", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		_, set := withKafka(t, ns)
		variables := []func(*appsv1.Deployment){env("KAFKA_BOOTSTRAP_SERVERS", noBroker)}
		for _, v := range login {
			variables = append(variables, env(v[0], v[1]))
		}
		d := deploy(t, ns, "api", lostBroker, variables...)
		before := template(t, d)
		o := start(t, ns, set)
		got := await(t, ns, "api", v1alpha1.StateWaiting, v1alpha1.ReasonRemedyRefused)
		attempted(t, got)
		if n := count(o.wire.made(), http.MethodPatch, "/deployments/"); n != 0 || template(t, d) != before || !strings.Contains(got.Status.Message, "with the new value") {
			t.Errorf("%d patches; it says: %s", n, got.Status.Message)
		}
	})
	t.Run("in Git", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		_, set := withKafka(t, ns)
		text := inGit + "        env:\n        - {name: KAFKA_BOOTSTRAP_SERVERS, value: " + noBroker + "}\n"
		for _, v := range login {
			text += fmt.Sprintf("        - {name: %s, value: %s}\n", v[0], v[1])
		}
		g := servers.Git(t, map[string]string{"apps/api.yaml": text})
		commitsTo := withRepository(t, ns, g, g.Password).Spec.GitOps
		var s v1alpha1.BridgeStack
		if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: stack(ns).Name}, &s); err != nil {
			t.Fatal(err)
		}
		edit(t, &s, func(s *v1alpha1.BridgeStack) { s.Spec.GitOps = commitsTo })
		becomes(t, ns, "api", lostBroker)
		reconciles(t, ns, text)
		start(t, ns, set)
		got := await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
		if !strings.Contains(got.Status.Message, "with the new value") || got.Status.Commit != nil {
			t.Errorf("it says: %s", got.Status.Message)
		}
		if branches := g.Run(t, "branch", "--format=%(refname:short)"); branches != "main" {
			t.Errorf("branches are %q", branches)
		}
	})
}
