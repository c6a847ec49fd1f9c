//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// downWithoutALoop are services of which nothing restarts, each with what the next
// command has to be about.
var downWithoutALoop = []struct {
	faultyService
	command string
}{
	// No pod is created.
	{faultyService{name: "over-quota", cause: v1alpha1.CausePodsNotCreated, confidence: high, cites: "exceeded quota: no-gpus", make: container(func(c *corev1.Container) {
		gpu := corev1.ResourceList{"nvidia.com/gpu": resource.MustParse("1")}
		c.Command, c.Resources = forever, corev1.ResourceRequirements{Requests: gpu, Limits: gpu}
	})}, "describe resourcequota no-gpus"},
	{faultyService{name: "against-the-standard", cause: v1alpha1.CausePodsNotCreated, confidence: high, cites: `violates PodSecurity "baseline`, make: func(p *corev1.PodSpec) {
		p.HostPID, p.Containers[0].Command = true, forever
	}}, "kubectl label --list namespace"},
	{faultyService{name: "without-its-account", cause: v1alpha1.CausePodsNotCreated, confidence: high, cites: `serviceaccount "nobody" not found`, make: func(p *corev1.PodSpec) {
		p.ServiceAccountName, p.Containers[0].Command = "nobody", forever
	}}, "create serviceaccount nobody"},

	// No node takes it.
	{faultyService{name: "too-large", cause: v1alpha1.CauseUnschedulable, confidence: high, cites: "Insufficient memory", make: container(func(c *corev1.Container) {
		c.Command = forever
		c.Resources.Requests = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("4000Gi")}
	})}, "set resources deployment/too-large -c too-large --requests=memory="},
	{faultyService{name: "on-no-such-node", cause: v1alpha1.CauseUnschedulable, confidence: high, cites: "node affinity/selector", make: func(p *corev1.PodSpec) {
		p.NodeSelector, p.Containers[0].Command = map[string]string{"disktype": "tape"}, forever
	}}, "get nodes --show-labels"},
	{faultyService{name: "claim-pending", cause: v1alpha1.CauseVolumePending, confidence: high, cites: "unbound", make: claims("data")}, "get storageclasses"},
	{faultyService{name: "claim-missing", cause: v1alpha1.CauseVolumePending, confidence: high, cites: "not found", make: claims("nowhere")}, "get persistentvolumeclaims"},

	// It does not get through its init containers.
	{faultyService{name: "waits-at-the-wrong-port", cause: v1alpha1.CauseInitWaiting, confidence: high, cites: "pg_isready", make: func(p *corev1.PodSpec) {
		p.Containers[0].Command = forever
		p.InitContainers = []corev1.Container{{Name: "wait", Image: postgresImage, Command: []string{"sh", "-c", "until pg_isready -h postgres -p 5433; do sleep 2; done"}}}
	}}, "-c wait --tail=20"},

	// It runs, and is not ready.
	{faultyService{name: "not-ready", cause: v1alpha1.CauseNotReady, confidence: high, cites: "Readiness probe failed", make: container(func(c *corev1.Container) {
		c.Command, c.ReadinessProbe = forever, probe("false")
	})}, "-c not-ready --tail=50"},
	{faultyService{name: "probed-at-the-wrong-port", cause: v1alpha1.CauseNotReady, confidence: high, cites: "connection refused", make: container(func(c *corev1.Container) {
		c.Command, c.Ports = []string{"sh", "-c", listen}, []corev1.ContainerPort{{ContainerPort: 9090}}
		c.ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 2, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}}}
	})}, "edit deployment/probed-at-the-wrong-port"},
}

var forever = []string{"sleep", "1000000"}

// claims mounts a claim.
func claims(name string) func(*corev1.PodSpec) {
	return func(p *corev1.PodSpec) {
		mount(p, corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}})
		p.Containers[0].Command = forever
	}
}

// TestDownWithoutALoop: services that are down though nothing of them restarts, each
// with a real pod or the lack of one; and services that only look like it.
func TestDownWithoutALoop(t *testing.T) {
	t.Parallel()
	s := apply(t, "down-without-a-loop")
	s.must(kubectl("", "label", "namespace", s.namespace, "pod-security.kubernetes.io/enforce=baseline"))
	s.must("", cluster.Create(s.Context(), &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "data"},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: new("no-such-class"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}}},
	}))
	slow := faultyService{name: "slow-but-sure", make: container(func(c *corev1.Container) {
		c.Command, c.ReadinessProbe = []string{"sh", "-c", "sleep 25; touch /tmp/ready; sleep 1000000"}, probe("test", "-f", "/tmp/ready")
		c.StartupProbe = &corev1.Probe{PeriodSeconds: 5, FailureThreshold: 20, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"test", "-f", "/tmp/ready"}}}}
	})}
	off := faultyService{name: "switched-off", make: container(func(c *corev1.Container) { c.Command = []string{"false"} })}
	s.deploy(off)
	s.must(kubectl(s.namespace, "scale", "deployment", off.name, "--replicas=0"))
	for _, f := range downWithoutALoop {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := &stackUnder{T: t, namespace: s.namespace, templates: s.templates}
			s.deploy(f.faultyService)
			d := s.awaitCause(f.faultyService)
			if d.Spec.Symptom != v1alpha1.SymptomNotAvailable || d.Status.Loop == nil || d.Status.Loop.Restarts != 0 || d.Status.Loop.Reason != "NotAvailable" {
				t.Errorf("symptom %s, loop %+v", d.Spec.Symptom, d.Status.Loop)
			}
			if !strings.Contains(d.Status.Command, f.command) {
				t.Errorf("the next command is %q, want one with %q", d.Status.Command, f.command)
			}
			t.Log(timeline(d) + ": " + d.Status.Message + "\n" + d.Status.Command)
			s.must(kubectl(s.namespace, "scale", "deployment", f.name, "--replicas=0"))
		})
	}
	t.Run("what only looks like it", func(t *testing.T) {
		t.Parallel()
		s := &stackUnder{T: t, namespace: s.namespace, templates: s.templates}
		s.deploy(slow)
		s.must(kubectl(s.namespace, "rollout", "status", "deployment/"+slow.name, "--timeout=2m"))
		for _, name := range []string{slow.name, off.name} {
			if got := s.diagnoses(name); len(got) > 0 {
				t.Errorf("%s is diagnosed: %s (%s): %s", name, got[0].Status.Cause, got[0].Status.State, got[0].Status.Message)
			}
		}
	})
}

// TestTaintKeepsOut: the taint that keeps a pod from every node is named, and the
// incident is over once the pod is ready. It taints the nodes, so nothing else may be
// deployed in the meantime.
func TestTaintKeepsOut(t *testing.T) {
	s := apply(t, "down-without-a-loop")
	untaint := func() { _, _ = kubectl("", "taint", "nodes", "--all", "dedicated=gpu:NoSchedule-") }
	t.Cleanup(untaint)
	s.must(kubectl("", "taint", "nodes", "--all", "dedicated=gpu:NoSchedule"))
	f := faultyService{name: "kept-out", cause: v1alpha1.CauseUnschedulable, confidence: high, cites: "untolerated taint", make: container(func(c *corev1.Container) { c.Command = forever })}
	s.deploy(f)
	d := s.awaitCause(f)
	if !strings.Contains(d.Status.Message, "dedicated=gpu") {
		t.Errorf("the message does not name the taint: %s", d.Status.Message)
	}
	untaint()
	over := s.await(f.name, "Recovered", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateRecovered })
	t.Log(timeline(over) + ": " + d.Status.Message)
}

// TestRegistryIsToldOnce: a registry that cannot be reached is the fault of no service;
// one incident calls a person, the other waits for it.
func TestRegistryIsToldOnce(t *testing.T) {
	t.Parallel()
	s := apply(t, "down-without-a-loop", func(b *v1alpha1.BridgeStack) { b.Spec.Remediation.Mode = v1alpha1.ModeAuto })
	names := []string{"wants-an-image", "wants-another"}
	for _, name := range names {
		s.deploy(faultyService{name: name, make: container(func(c *corev1.Container) { c.Image = "registry.invalid/team/" + name + ":v1" })})
	}
	told := func(d v1alpha1.BridgeDiagnosis) bool {
		return d.Status.Cause == v1alpha1.CauseImagePullFailed && d.Status.Beside == "Registry/registry.invalid" &&
			(d.Status.State == v1alpha1.StateEscalated || d.Status.State == v1alpha1.StateWaiting && d.Status.Root != nil)
	}
	first, second := s.await(names[0], "told of or held", told), s.await(names[1], "told of or held", told)
	if first.Status.State == v1alpha1.StateWaiting {
		first, second = second, first
	}
	if first.Status.State != v1alpha1.StateEscalated || second.Status.State != v1alpha1.StateWaiting || second.Status.Root.Diagnosis != first.Name {
		t.Errorf("%s is %s, %s is %s: %s", first.Name, first.Status.State, second.Name, second.Status.State, second.Status.Message)
	}
}

// TestUnschedulableRootHasFiveSymptoms: no node has room for Postgres; a person is
// called for that once, its dependents wait, and all is over once it has a node.
func TestUnschedulableRootHasFiveSymptoms(t *testing.T) {
	t.Parallel()
	s := apply(t, unschedulable)
	root := s.awaitState("postgres", v1alpha1.StateEscalated, v1alpha1.CauseUnschedulable)
	if !strings.Contains(root.Status.Message, "Next: kubectl -n "+s.namespace+" set resources statefulset/postgres") {
		t.Errorf("the message does not end with the next command: %s", root.Status.Message)
	}
	for _, name := range []string{"hook-receiver", "event-publisher"} {
		s.await(name, "a symptom of postgres", func(d v1alpha1.BridgeDiagnosis) bool {
			return d.Status.Cause == v1alpha1.CauseDependencyUnhealthy && d.Status.Root != nil && d.Status.Root.Service == "postgres" && d.Status.State == v1alpha1.StateWaiting
		})
	}
	s.must(kubectl(s.namespace, "set", "resources", "statefulset/postgres", "--requests=memory=64Mi", "--limits=memory=256Mi"))
	// A StatefulSet does not replace a pod that never was ready.
	s.must(kubectl(s.namespace, "delete", "pod", "postgres-0", "--force", "--grace-period=0"))
	began := time.Now()
	for _, name := range []string{"postgres", "hook-receiver", "event-publisher"} {
		s.await(name, "Recovered", func(d v1alpha1.BridgeDiagnosis) bool { return d.Status.State == v1alpha1.StateRecovered })
	}
	s.untouched(s.workloads()...)
	t.Log(timeline(root) + fmt.Sprintf(", all over %.0fs after there was room", time.Since(began).Seconds()))
}
