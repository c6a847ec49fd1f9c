package controllers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/vantage"
	"github.com/bridgestack/operator/test/servers"
)

const operatorImage = "example.com/operator:1"

// ofNames is a resolver that knows one host, under whatever domain.
type ofNames struct{ host, address string }

func (n ofNames) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if strings.HasPrefix(host, n.host+".") {
		return []netip.Addr{netip.MustParseAddr(n.address)}, nil
	}
	return nobody{}.LookupNetIP(ctx, network, host)
}

// cutOff is a stack whose service cannot reach a Kafka that the operator
// reaches well, and the settings of an operator for it.
func cutOff(t *testing.T, namespace string) settings {
	t.Helper()
	server := servers.Kafka(t).Servers[0]
	address := fmt.Sprintf("kafka:%d", server.Port)
	kafka := service("kafka")
	kafka.External, kafka.Workload = true, nil
	kafka.Endpoint = &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{address}}}
	s := stack(namespace, kafka, service("web", "kafka"))
	s.Spec.Diagnosis.ProbeFromPod = true
	create(t, s)
	timedOut := fmt.Sprintf("FATAL kafka: client has run out of available brokers to talk to: dial tcp 10.96.0.9:%d: i/o timeout\n", server.Port)
	deploy(t, namespace, "web", ends(1, "Error", timedOut), func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "KAFKA_BOOTSTRAP_SERVERS", Value: address}}
	})
	return settings{resolver: ofNames{"kafka", server.Host}, dial: (&net.Dialer{}).DialContext}
}

// addressed gives the pods of an app an address, as a kubelet does.
func addressed(t *testing.T, namespace, app string) {
	t.Helper()
	until(t, func() bool { return len(podsOf(t, namespace, app)) > 0 }, func() string { return app + " has a pod" })
	for _, pod := range podsOf(t, namespace, app) {
		for {
			pod.Status.PodIP, pod.Status.HostIP = "10.244.0.9", "10.89.0.1"
			pod.Status.PodIPs, pod.Status.HostIPs = []corev1.PodIP{{IP: "10.244.0.9"}}, []corev1.HostIP{{IP: "10.89.0.1"}}
			err := k8s.Status().Update(t.Context(), &pod)
			if err == nil {
				break
			}
			if !isConflict(err) {
				t.Fatal(err)
			}
			if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(&pod), &pod); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// probeIn waits for the ephemeral container in an app's pod.
func probeIn(t *testing.T, namespace, app string) (corev1.Pod, corev1.EphemeralContainer) {
	t.Helper()
	var pod corev1.Pod
	until(t, func() bool {
		for _, pod = range podsOf(t, namespace, app) {
			if len(pod.Spec.EphemeralContainers) > 0 {
				return true
			}
		}
		return false
	}, func() string { return "a probe is in the pod\n" + tell(diagnoses(t, namespace, app)) })
	return pod, pod.Spec.EphemeralContainers[0]
}

// says lets the probe's container end, having printed this.
func says(t *testing.T, pod corev1.Pod, container string, exitCode int32, log string) {
	t.Helper()
	sim.mu.Lock()
	sim.answers[pod.Namespace+"/"+pod.Name+"/"+container] = log
	sim.mu.Unlock()
	for {
		pod.Status.EphemeralContainerStatuses = []corev1.ContainerStatus{{Name: container, Image: operatorImage, State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode, Reason: "Completed", FinishedAt: metav1.Now()},
		}}}
		err := k8s.Status().Update(t.Context(), &pod)
		if err == nil {
			return
		}
		if !isConflict(err) {
			t.Fatal(err)
		}
		if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(&pod), &pod); err != nil {
			t.Fatal(err)
		}
	}
}

func answerOf(t *testing.T, stages ...vantage.Stage) string {
	t.Helper()
	text, err := json.Marshal(vantage.Answer{Probes: []vantage.Probe{{Service: "kafka", Stages: stages}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

var resolved = vantage.Stage{Name: evidence.StageResolve, Outcome: v1alpha1.ProbePassed}

// fromPod are the probes of a diagnosis from inside the pod.
func fromPod(d *v1alpha1.BridgeDiagnosis) []v1alpha1.ProbeResult {
	var out []v1alpha1.ProbeResult
	for _, p := range d.Status.Probes {
		if p.Viewpoint == v1alpha1.FromPod {
			out = append(out, p)
		}
	}
	return out
}

// What only the pod sees is found by asking it, once; a person is called, and
// nothing but the question is written.
func TestThePodIsAskedWhatOnlyItSees(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stages []vantage.Stage
		cause  v1alpha1.Cause
		says   string
	}{
		"dropped": {[]vantage.Stage{resolved, {Name: evidence.StageDial, Outcome: v1alpha1.ProbeFailed, Code: evidence.CodeTimeout, Message: "i/o timeout"}}, v1alpha1.CauseKafkaUnreachable, "NetworkPolicy"},
		"no DNS":  {[]vantage.Stage{{Name: evidence.StageResolve, Outcome: v1alpha1.ProbeUnknown, Code: evidence.CodeResolverFailed}}, v1alpha1.CauseDNSUnavailable, "dnsConfig"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			s := cutOff(t, ns)
			addressed(t, ns, "web")
			o := start(t, ns, s)
			pod, container := probeIn(t, ns, "web")
			if container.Image != operatorImage || strings.Contains(strings.Join(container.Args, " "), "token") {
				t.Errorf("container %+v", container)
			}
			waiting := await(t, ns, "web", v1alpha1.StateDiagnosing, v1alpha1.ReasonProbingFromPod)
			shows(t, waiting.Status.Conditions, map[string]string{
				"Ready": "False ProbingFromPod", "Reconciling": "True ProbingFromPod", "Diagnosed": "True CauseFound", "Recovered": "False ProbingFromPod",
			})
			says(t, pod, container.Name, 0, answerOf(t, c.stages...))
			got := await(t, ns, "web", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
			if got.Status.Cause != c.cause || got.Status.Confidence != v1alpha1.ConfidenceHigh || !strings.Contains(got.Status.Message, c.says) {
				t.Errorf("%s (%s): %s", got.Status.Cause, got.Status.Confidence, got.Status.Message)
			}
			if p := fromPod(got); len(p) != 1 || p[0].Code != c.stages[len(c.stages)-1].Code {
				t.Errorf("probes from the pod: %+v", p)
			}
			attempted(t, got)
			again, _ := probeIn(t, ns, "web")
			if n := len(again.Spec.EphemeralContainers); n != 1 || count(o.wire.made(), http.MethodPatch, "/ephemeralcontainers") != 1 {
				t.Errorf("%d probes are in the pod", n)
			}
			if n := count(o.wire.made(), http.MethodPatch, ""); n != 1 {
				t.Errorf("%d patches", n)
			}
			settled := stillFor(t, o, idle)
			touch(t, &pod)
			if again := stillFor(t, o, idle); again != settled {
				t.Errorf("%d writes although nothing had changed: %s", again-settled, o.wire.lastMade())
			}
		})
	}
}

// A restart of the operator asks nothing twice.
func TestThePodIsAskedOnce(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := cutOff(t, ns)
	addressed(t, ns, "web")
	first := start(t, ns, s)
	pod, container := probeIn(t, ns, "web")
	first.stop()
	s.wire = &wire{}
	second := start(t, ns, s)
	says(t, pod, container.Name, 0, answerOf(t, resolved, vantage.Stage{Name: evidence.StageDial, Outcome: v1alpha1.ProbeFailed, Code: evidence.CodeTimeout}))
	await(t, ns, "web", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	if n := count(second.wire.made(), http.MethodPatch, "/ephemeralcontainers"); n != 0 {
		t.Errorf("asked %d times more", n)
	}
}

// What was seen in one incident is no evidence in the next.
func TestThePodIsAskedAnewInTheNextIncident(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := cutOff(t, ns)
	crashes, _ := sim.programOf(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Labels: map[string]string{labelApp: "web"}}})
	addressed(t, ns, "web")
	start(t, ns, s)
	pod, container := probeIn(t, ns, "web")
	says(t, pod, container.Name, 0, answerOf(t, resolved, vantage.Stage{Name: evidence.StageDial, Outcome: v1alpha1.ProbeFailed, Code: evidence.CodeTimeout}))
	await(t, ns, "web", v1alpha1.StateEscalated, v1alpha1.ReasonNeedsPerson)
	becomes(t, ns, "web", runs)
	await(t, ns, "web", v1alpha1.StateRecovered, v1alpha1.ReasonRecoveredWithoutRemedy)
	becomes(t, ns, "web", crashes)
	until(t, func() bool { pod, _ = probeIn(t, ns, "web"); return len(pod.Spec.EphemeralContainers) == 2 },
		func() string { return "the pod is asked again\n" + tell(diagnoses(t, ns, "web")) })
}

// What is no answer is told, and the diagnosis goes on without.
func TestNoAnswerFromThePod(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		exitCode int32
		log      string
		says     string
	}{
		"nonsense":      {0, "\x1b[2J{\"probes\":[{\"service\":\"kafka\"}]}", "no JSON document"},
		"another's":     {0, `{"probes":[{"service":"postgres","stages":[{"name":"Dial","outcome":"Passed"}]}]}`, `service "postgres"`},
		"out of memory": {137, "", "exit code 137"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			clock := &shiftedClock{}
			s := cutOff(t, ns)
			s.now = clock.now
			addressed(t, ns, "web")
			start(t, ns, s)
			pod, container := probeIn(t, ns, "web")
			says(t, pod, container.Name, c.exitCode, c.log)
			got := awaitProbe(t, ns, evidence.CodeNotRun, c.says)
			if got.Status.Confidence != v1alpha1.ConfidenceLow || got.Status.Cause != v1alpha1.CauseKafkaUnreachable {
				t.Errorf("%s (%s): %s", got.Status.Cause, got.Status.Confidence, got.Status.Message)
			}
		})
	}
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		clock := &shiftedClock{}
		s := cutOff(t, ns)
		s.now = clock.now
		addressed(t, ns, "web")
		start(t, ns, s)
		probeIn(t, ns, "web")
		await(t, ns, "web", v1alpha1.StateDiagnosing, v1alpha1.ReasonProbingFromPod)
		clock.shift(2 * time.Minute)
		// Something happens, or the deadline does.
		edit(t, &diagnoses(t, ns, "web")[0], func(d *v1alpha1.BridgeDiagnosis) { d.Spec.Approved = "another" })
		awaitProbe(t, ns, evidence.CodeNotRun, "did not end within")
	})
}

// awaitProbe waits for a result from inside the pod.
func awaitProbe(t *testing.T, namespace, code, says string) *v1alpha1.BridgeDiagnosis {
	t.Helper()
	var got v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all := diagnoses(t, namespace, "web")
		if len(all) != 1 {
			return false
		}
		got = all[0]
		p := fromPod(&got)
		return len(p) == 1 && p[0].Code == code && strings.Contains(p[0].Message, says)
	}, func() string { return fmt.Sprintf("a probe from the pod that says %q: %+v", says, got.Status.Probes) })
	return &got
}

// Without the opt-in, the right, the image or a network nothing is added, and
// all but the first are told.
func TestWhereThePodIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*testing.T, string, *settings)
		says    string
	}{
		"no image":   {func(t *testing.T, ns string, s *settings) { s.noImage = true; addressed(t, ns, "web") }, "set its flag --image"},
		"no network": {func(*testing.T, string, *settings) {}, "no network"},
		"paused": {func(t *testing.T, ns string, _ *settings) {
			addressed(t, ns, "web")
			edit(t, stack(ns), func(s *v1alpha1.BridgeStack) { s.Spec.Paused = true })
		}, "paused"},
		"no right": {func(t *testing.T, ns string, s *settings) {
			addressed(t, ns, "web")
			s.as = manager(t, ns, "../config/rbac/role.yaml")
		}, "config/probe-from-pod grants"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			s := cutOff(t, ns)
			c.prepare(t, ns, &s)
			o := start(t, ns, s)
			got := awaitProbe(t, ns, evidence.CodeNotRun, c.says)
			if !strings.Contains(fmt.Sprint(got.Status.Evidence), c.says) {
				t.Errorf("it is no part of the evidence: %v", got.Status.Evidence)
			}
			notAsked(t, ns, o)
		})
	}
	t.Run("no opt-in", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		s := cutOff(t, ns)
		addressed(t, ns, "web")
		edit(t, stack(ns), func(s *v1alpha1.BridgeStack) { s.Spec.Diagnosis.ProbeFromPod = false })
		o := start(t, ns, s)
		got := await(t, ns, "web", v1alpha1.StateDiagnosing, v1alpha1.ReasonCauseFound)
		if p := fromPod(got); len(p) != 0 {
			t.Errorf("probes from the pod: %+v", p)
		}
		notAsked(t, ns, o)
	})
	t.Run("the right alone is enough", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		s := cutOff(t, ns)
		addressed(t, ns, "web")
		s.as = manager(t, ns, "../config/rbac/role.yaml", "../config/probe-from-pod/role.yaml")
		start(t, ns, s)
		probeIn(t, ns, "web")
	})
}

func notAsked(t *testing.T, namespace string, o *operator) {
	t.Helper()
	for _, pod := range podsOf(t, namespace, "web") {
		if len(pod.Spec.EphemeralContainers) > 0 || count(o.wire.made(), http.MethodPatch, "/pods/") > 0 {
			t.Errorf("the pod was asked: %+v", pod.Spec.EphemeralContainers)
		}
	}
}

// manager is a user who has these roles, as files have them, and no other right.
func manager(t *testing.T, namespace string, roles ...string) string {
	t.Helper()
	user := "manager-of-" + namespace
	for i, file := range roles {
		text, err := os.ReadFile(filepath.Clean(file))
		if err != nil {
			t.Fatal(err)
		}
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(text, &role); err != nil {
			t.Fatal(err)
		}
		role.Name = fmt.Sprintf("%s-%d", user, i)
		create(t, &role, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
		})
	}
	return user
}

// The probe's container gets into a pod of the strictest namespace; one with a
// privilege more would not.
func TestTheProbeMeetsPodSecurityRestricted(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	edit(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, func(n *corev1.Namespace) {
		n.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
	})
	no, yes := false, true
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{Name: "main", Image: "example.com/web:1", SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			}}},
		},
	}
	create(t, pod)
	q := vantage.Question{AskedAt: time.Now(), Targets: []vantage.Target{{Service: "kafka", Protocol: evidence.TCP}}}
	if err := (vantage.Asker{Writer: k8s, Image: operatorImage}).Ask(t.Context(), pod, "bridgestack-probe-1", q); err != nil {
		t.Errorf("refused: %v", vantage.Because(err))
	}
	// On a stale view nothing is added.
	if err := (vantage.Asker{Writer: k8s, Image: operatorImage}).Ask(t.Context(), pod, "bridgestack-probe-2", q); !isConflict(err) {
		t.Errorf("on a pod that has changed since: want a conflict, got %v", err)
	}
	if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
		t.Fatal(err)
	}
	weaker := strings.NewReplacer("\n", "").Replace(`{"spec":{"ephemeralContainers":[{"name":"debugger","image":"example.com/sh:1"}]}}`)
	err := k8s.SubResource("ephemeralcontainers").Patch(t.Context(), pod, client.RawPatch("application/strategic-merge-patch+json", []byte(weaker)))
	if err == nil || !strings.Contains(vantage.Because(err), "the cluster's policy refuses it") {
		t.Errorf("a container without a security context: want a refusal by Pod Security, got %v", err)
	}
}
