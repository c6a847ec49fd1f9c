//go:build e2e

// Package e2e runs every scenario of config/testdata with real pods: the
// operator is installed as users install it, and only what kubectl shows is
// looked at.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const (
	operatorNamespace = "bridgestack-system"
	stackName         = "omninode-bridge"
	// dependencyDown is the scenario in which a dependency does not start.
	dependencyDown = "postgres-down-then-up"
	// startOrder is the same with another policy.
	startOrder = "start-order"
	// startedTooEarly is one whose worker is made before its dependency is ready.
	startedTooEarly = "wait-does-not-help"
	// unschedulable is one whose database no node has room for.
	unschedulable = "postgres-unschedulable"
	// patience is how long a scenario may take on a slow machine.
	patience = 6 * time.Minute
)

var (
	// cluster is the API server of KUBECONFIG.
	cluster client.Client
	// pluginPath is the kubectl plugin.
	pluginPath string
)

func TestMain(m *testing.M) { os.Exit(installed(m)) }

func installed(m *testing.M) int {
	folder, err := os.MkdirTemp("", "plugin")
	if err == nil {
		defer os.RemoveAll(folder)
		pluginPath = filepath.Join(folder, "kubectl-bridge")
		err = errors.Join(build(), install())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "end-to-end tests:", err)
		return 1
	}
	return m.Run()
}

// build the plugin from this checkout.
func build() error {
	out, err := exec.Command("go", "build", "-o", pluginPath, "../../cmd/kubectl-bridge").CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the plugin: %w: %s", err, out)
	}
	return nil
}

func install() error {
	if os.Getenv("KUBECONFIG") == "" {
		return fmt.Errorf("KUBECONFIG is not set; run `make test-e2e`, which brings a cluster up")
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("reading KUBECONFIG: %w", err)
	}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	if cluster, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	for _, folder := range []string{"testdata/operator", "run-jobs"} {
		if _, err := kubectl("", "apply", "--server-side", "-k", "../../config/"+folder); err != nil {
			return err
		}
	}
	// An image of the same name may be newer than the pod that runs.
	if _, err := kubectl(operatorNamespace, "rollout", "restart", "deployment", "--selector", "app.kubernetes.io/name=bridgestack"); err != nil {
		return err
	}
	_, err = kubectl(operatorNamespace, "rollout", "status", "deployment", "--selector", "app.kubernetes.io/name=bridgestack", "--timeout=3m")
	return err
}

// kubectl runs as a user would run it.
func kubectl(namespace string, args ...string) (string, error) {
	if namespace != "" {
		args = append([]string{"--namespace", namespace}, args...)
	}
	binary := "kubectl"
	if set := os.Getenv("KUBECTL"); set != "" {
		binary = set
	}
	var out, failed bytes.Buffer
	command := exec.Command(binary, args...)
	command.Stdout, command.Stderr = &out, &failed
	if err := command.Run(); err != nil {
		return out.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, failed.String())
	}
	return out.String(), nil
}

// stackUnder is a scenario running in a namespace of its own.
type stackUnder struct {
	*testing.T
	namespace string
	// templates as they were applied, by workload name.
	templates map[string]string
}

// apply brings a scenario of config/testdata up. What it needs is applied
// first, so that no scenario is about the order of start-up by accident.
func apply(t *testing.T, scenario string, edits ...func(*v1alpha1.BridgeStack)) *stackUnder {
	t.Helper()
	s := newNamespace(t, scenario)
	folder := filepath.Join("../../config/testdata", scenario)
	s.must(kubectl(s.namespace, "apply", "-k", folder, "--selector", "tier=dependency"))
	if !slices.Contains([]string{dependencyDown, startOrder, startedTooEarly, unschedulable}, scenario) {
		s.must(kubectl(s.namespace, "rollout", "status", "statefulset,deployment", "--selector", "tier=dependency", "--timeout=3m"))
	}
	s.must(kubectl(s.namespace, "apply", "-k", folder))
	if len(edits) > 0 {
		s.edit(edits)
	}
	for _, name := range s.workloads() {
		s.templates[name] = s.template(name)
	}
	return s
}

// newNamespace is one without anything in it, until the test is over.
func newNamespace(t *testing.T, scenario string) *stackUnder {
	t.Helper()
	s := &stackUnder{T: t, namespace: "e2e-" + strings.ToLower(scenario) + "-" + fmt.Sprint(time.Now().UnixNano()%100000), templates: map[string]string{}}
	s.must(kubectl("", "create", "namespace", s.namespace))
	t.Cleanup(func() {
		if t.Failed() {
			s.dump()
		}
		if os.Getenv("KEEP") == "" {
			_, _ = kubectl("", "delete", "namespace", s.namespace, "--wait=false")
		}
	})
	return s
}

// edit changes the stack as its owner would. The operator writes its status at
// the same time.
func (s *stackUnder) edit(edits []func(*v1alpha1.BridgeStack)) {
	s.Helper()
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		stack := s.stack()
		for _, edit := range edits {
			edit(stack)
		}
		return cluster.Update(s.Context(), stack)
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stackUnder) must(out string, err error) string {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func (s *stackUnder) stack() *v1alpha1.BridgeStack {
	s.Helper()
	var stack v1alpha1.BridgeStack
	if err := cluster.Get(s.Context(), client.ObjectKey{Namespace: s.namespace, Name: stackName}, &stack); err != nil {
		s.Fatal(err)
	}
	return &stack
}

func (s *stackUnder) workloads() []string {
	s.Helper()
	var deployments appsv1.DeploymentList
	if err := cluster.List(s.Context(), &deployments, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	names := make([]string, len(deployments.Items))
	for i, d := range deployments.Items {
		names[i] = d.Name
	}
	return names
}

// template is a Deployment's pod template to the byte, as the API server has it.
func (s *stackUnder) template(name string) string {
	s.Helper()
	return s.must(kubectl(s.namespace, "get", "deployment", name, "-o", "jsonpath={.spec.template}"))
}

// diagnoses of a service, oldest first.
func (s *stackUnder) diagnoses(service string) []v1alpha1.BridgeDiagnosis {
	s.Helper()
	var list v1alpha1.BridgeDiagnosisList
	if err := cluster.List(context.WithoutCancel(s.Context()), &list, client.InNamespace(s.namespace), client.MatchingLabels{v1alpha1.LabelService: service}); err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// await returns the first diagnosis of a service for which holds is true.
func (s *stackUnder) await(service, what string, holds func(v1alpha1.BridgeDiagnosis) bool) v1alpha1.BridgeDiagnosis {
	s.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		for _, d := range s.diagnoses(service) {
			if holds(d) {
				return d
			}
		}
	}
	s.Fatalf("%s: within %s no diagnosis became %s", service, patience, what)
	return v1alpha1.BridgeDiagnosis{}
}

func (s *stackUnder) awaitState(service string, state v1alpha1.DiagnosisState, cause v1alpha1.Cause) v1alpha1.BridgeDiagnosis {
	s.Helper()
	return s.await(service, string(state)+" with cause "+string(cause), func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.State == state && d.Status.Cause == cause
	})
}

// untouched fails if any pod template is not what was applied.
func (s *stackUnder) untouched(names ...string) {
	s.Helper()
	for _, name := range names {
		if now := s.template(name); now != s.templates[name] {
			s.Errorf("the pod template of %s was changed:\nwas %s\nis  %s", name, s.templates[name], now)
		}
	}
}

// events on the workload of a service, by reason.
func (s *stackUnder) events(workload string) map[string]int {
	s.Helper()
	var list corev1.EventList
	if err := cluster.List(s.Context(), &list, client.InNamespace(s.namespace)); err != nil {
		s.Fatal(err)
	}
	out := map[string]int{}
	for _, e := range list.Items {
		if e.InvolvedObject.Name == workload && e.ReportingController == "bridgestack" {
			out[e.Reason]++
		}
	}
	return out
}

// dump shows what a person would look at, for the log of a failed test.
func (s *stackUnder) dump() {
	for _, args := range [][]string{
		{"get", "bd,bs", "-o", "wide"},
		{"get", "pods"},
		{"get", "bd", "-o", "jsonpath={range .items[*]}{.metadata.name}{': '}{.status.message}{'\\n'}{range .status.evidence[*]}{'   '}{.source}{': '}{.text}{'\\n'}{end}{range .status.probes[*]}{'   probe '}{.service}{' '}{.viewpoint}{' '}{.target}{' '}{.outcome}{' '}{.stage}{' '}{.code}{'\\n'}{end}{range .status.attempts[*]}{'   attempt '}{.proposal.remedy}{' '}{.outcome}{' '}{.message}{'\\n'}{end}{end}"},
	} {
		out, err := kubectl(s.namespace, args...)
		s.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	out, _ := kubectl(operatorNamespace, "logs", "--selector", "app.kubernetes.io/name=bridgestack", "--tail=40")
	s.Logf("operator's log:\n%s", out)
}
