package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// TestInitOfANamespace: what runs tells nearly as much as its compose file did,
// and no secret is in what is written.
func TestInitOfANamespace(t *testing.T) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "running"}}
	if err := k8s.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	text, _, err := plugin(t, append([]string{"init", "--manifests", "--with-secrets"}, composeFiles(t, "runbook")...)...)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		if err := decoder.Decode(&o.Object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		o.SetNamespace("running")
		if o.GetKind() == "BridgeStack" {
			continue
		}
		if err := k8s.Create(t.Context(), &o); err != nil {
			t.Fatal(err)
		}
	}
	out, notes, err := plugin(t, "init", "-n", "running", "--kubeconfig", kubeconfigOf(t, "owner"))
	if err != nil || notes != "" {
		t.Fatalf("%v\n%s", err, notes)
	}
	if strings.Contains(out, "canary") {
		t.Error("there is a secret in it")
	}
	golden(t, "../running.yaml", out)
	accepted(t, out)
	path := filepath.Join(t.TempDir(), "bridgestack.yaml")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if found, _, err := plugin(t, "validate", path); err != nil {
		t.Errorf("%v\n%s", err, found)
	}
}

// TestInitOfANamespaceSaysWhatToDo: each error is one line with the next step.
func TestInitOfANamespaceSaysWhatToDo(t *testing.T) {
	services := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list"}}
	for name, c := range map[string]struct{ args, says []string }{
		"nothing runs there": {[]string{"-n", "kube-public", "--kubeconfig", kubeconfigOf(t, "another-owner")}, []string{"namespace kube-public", "-n"}},
		"no rights":          {[]string{"-n", "default", "--kubeconfig", kubeconfigOf(t, "no-workloads", services)}, []string{"forbidden", "Ask whoever manages the cluster"}},
		"no cluster":         {[]string{"--kubeconfig", "/nowhere/kubeconfig"}, []string{"/nowhere/kubeconfig", "--context"}},
		"manifests of it":    {[]string{"--manifests"}, []string{"compose project", "docker-compose.yml"}},
		"secrets alone":      {[]string{"--with-secrets", "compose.yaml"}, []string{"--manifests"}},
		"no such file":       {[]string{"/nowhere/compose.yaml"}, []string{"/nowhere/compose.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := plugin(t, append([]string{"init"}, c.args...)...)
			if err == nil || out != "" {
				t.Fatalf("error %v, wrote %q", err, out)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v\nsays nothing of %q, or more than a line", err, want)
				}
			}
		})
	}
}
