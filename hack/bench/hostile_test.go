package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // Git's own
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// Tenants do their worst, each in a namespace of his own and by what an ordinary user
// of it may write; only the large statuses are written by someone else.
var tenants = []string{"secrets", "git", "health", "asks", "compose"}

// listenerOf is the address of a tenant's pod that listens: hack/network makes it this
// machine's.
func listenerOf(tenant string) string {
	return fmt.Sprintf("10.244.0.%d", 1+slices.Index(tenants, tenant))
}

// ports of these pods.
const (
	healthPort   = 9001
	probePort    = 9002
	receiverPort = 9003
	gitPort      = 9418
)

// worst is what they do.
type worst struct {
	*load
	t *testing.T
	// loops are services that are to loop again and again.
	loops []*service
	// hung are the connections to each port that never get an answer, and bombs the
	// packs that were fetched.
	hung  map[int]*atomic.Int32
	bombs atomic.Int32
	// restarts of their pods so far.
	restarts int32
}

func (w *worst) must(what string, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
}

// listen accepts connections, and says nothing.
func (w *worst) listen() {
	w.hung = map[int]*atomic.Int32{}
	for _, port := range []int{healthPort, probePort, receiverPort} {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		w.must("listen in a network namespace of the test's own, as `make test-security` makes one", err)
		hung := &atomic.Int32{}
		w.hung[port] = hung
		var mu sync.Mutex
		var open []net.Conn
		w.t.Cleanup(func() {
			_ = l.Close()
			mu.Lock()
			defer mu.Unlock()
			for _, c := range open {
				_ = c.Close()
			}
		})
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				hung.Add(1)
				mu.Lock()
				open = append(open, c)
				mu.Unlock()
			}
		}()
	}
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", gitPort))
	w.must("listen", err)
	server := &http.Server{Handler: http.HandlerFunc(w.serveGit), ReadHeaderTimeout: 10 * time.Second}
	w.t.Cleanup(func() { _ = server.Close() })
	go func() { _ = server.Serve(l) }()
}

// serveGit is a repository whose only pack is a bomb.
func (w *worst) serveGit(out http.ResponseWriter, r *http.Request) {
	line := func(text string) string { return fmt.Sprintf("%04x%s", len(text)+4, text) }
	if strings.HasSuffix(r.URL.Path, "/info/refs") {
		out.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		_, _ = fmt.Fprint(out, line("# service=git-upload-pack\n"), "0000", line(strings.Repeat("a", 40)+" refs/heads/main\x00shallow\n"), "0000")
		return
	}
	w.bombs.Add(1)
	out.Header().Set("Content-Type", "application/x-git-upload-pack-result")
	_, _ = fmt.Fprint(out, line("shallow "+strings.Repeat("a", 40)+"\n"), "0000", line("NAK\n"))
	_, _ = out.Write(deltaBomb(8<<20, 64))
}

// deltaBomb is a pack of a few KiB that says of itself that it becomes copies of a
// blob of zeros.
func deltaBomb(size, copies int) []byte {
	header := func(kind byte, size int) []byte {
		first, rest := kind<<4|byte(size&0xf), size>>4
		out := []byte{first}
		for ; rest > 0; rest >>= 7 {
			out[len(out)-1] |= 0x80
			out = append(out, byte(rest&0x7f))
		}
		return out
	}
	deflated := func(b []byte) []byte {
		var out bytes.Buffer
		z := zlib.NewWriter(&out)
		_, _ = z.Write(b)
		_ = z.Close()
		return out.Bytes()
	}
	base := make([]byte, size)
	delta := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(size)), uint64(size*copies))
	for range copies {
		delta = append(delta, 0x80|0x10|0x20|0x40, byte(size), byte(size>>8), byte(size>>16))
	}
	hash := sha1.New() //nolint:gosec // Git's own
	fmt.Fprintf(hash, "blob %d\x00", size)
	hash.Write(base)
	const blob, refDelta = 3, 7
	pack := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("PACK"), 2), 2)
	pack = append(append(pack, header(blob, size)...), deflated(base)...)
	pack = append(append(append(pack, header(refDelta, len(delta))...), hash.Sum(nil)...), deflated(delta)...)
	sum := sha1.Sum(pack) //nolint:gosec // Git's own
	return append(pack, sum[:]...)
}

// run makes a workload of a tenant with one pod that is up.
func (w *worst) run(ctx context.Context, tenant, name, address string, flux bool, change func(*appsv1.Deployment)) *service {
	s := &service{namespace: tenant, name: name}
	d := deploymentOf(tenant, name)
	d.TypeMeta = metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}
	for _, labels := range []map[string]string{d.Labels, d.Spec.Template.Labels} {
		labels[partOf] = tenant
	}
	change(d)
	manager := "kubectl"
	if flux {
		manager = "kustomize-controller"
		d.Labels["kustomize.toolkit.fluxcd.io/name"], d.Labels["kustomize.toolkit.fluxcd.io/namespace"] = "apps", "flux-system"
	}
	text, err := json.Marshal(d)
	w.must("write a Deployment", err)
	force := true
	d, err = w.typed.AppsV1().Deployments(tenant).Patch(ctx, name, types.ApplyPatchType, text, metav1.PatchOptions{FieldManager: manager, Force: &force})
	w.must("apply a Deployment", err)
	d.Status.ObservedGeneration, d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas = d.Generation, 1, 1, 1, 1
	_, err = w.typed.AppsV1().Deployments(tenant).UpdateStatus(ctx, d, metav1.UpdateOptions{})
	w.must("write a Deployment's status", err)
	rs, err := w.typed.AppsV1().ReplicaSets(tenant).Create(ctx, replicaSetOf(d), metav1.CreateOptions{})
	w.must("create a ReplicaSet", err)
	pod, err := w.typed.CoreV1().Pods(tenant).Create(ctx, podOf(rs), metav1.CreateOptions{})
	w.must("create a pod", err)
	running(pod, address)
	s.pod, err = w.typed.CoreV1().Pods(tenant).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	w.must("write a pod's status", err)
	return s
}

func (w *worst) stack(ctx context.Context, tenant, name string, spec v1alpha1.BridgeStackSpec) {
	spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{partOf: tenant}}
	w.must("create the stack "+name, w.Create(ctx, &v1alpha1.BridgeStack{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: name}, Spec: spec}))
}

// begin makes all that the tenants do, nothing of which loops yet.
func (w *worst) begin(ctx context.Context) {
	w.listen()
	for _, tenant := range tenants {
		w.must("create a namespace", w.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant}}))
		w.must("create a Secret", w.Create(ctx, secretOf(tenant)))
		w.run(ctx, tenant, "listener", listenerOf(tenant), false, func(*appsv1.Deployment) {})
	}
	w.must("create a Service", w.Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "secrets", Name: "receiver", Labels: map[string]string{v1alpha1.LabelReceiver: "true"}},
		Spec: corev1.ServiceSpec{ClusterIP: "10.0.0.99", Selector: map[string]string{appName: "listener"},
			Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(receiverPort)}}},
	}))
	w.largeSecrets(ctx)
	w.gitBombs(ctx)
	w.hangingHealth(ctx)
	w.hangingDependencies(ctx)
	w.composeBombs(ctx)
	w.largeStatus(ctx)
}

// largeSecrets are of eight pods, three of 1 MiB each. Their stack calls people, by
// receivers that never answer, and has 16 windows of which none is near.
func (w *worst) largeSecrets(ctx context.Context) {
	const tenant = "secrets"
	spec := v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Mode: v1alpha1.ModeAuto}}
	for i := range 16 {
		zone := []string{"Europe/Berlin", "America/New_York", "Pacific/Kiritimati", "Asia/Kathmandu"}[i%4]
		spec.Remediation.MaintenanceWindows = append(spec.Remediation.MaintenanceWindows, v1alpha1.MaintenanceWindow{
			Schedule: fmt.Sprintf("%d 0 29 2 %d", i, i%7), Duration: metav1.Duration{Duration: 168 * time.Hour}, TimeZone: zone})
	}
	for i := range 8 {
		spec.Notifications = append(spec.Notifications, v1alpha1.Receiver{Name: fmt.Sprintf("r%d", i), Webhook: &v1alpha1.WebhookReceiver{URL: "http://10.0.0.99/hook"}})
	}
	w.stack(ctx, tenant, "stack", spec)
	for i := range 8 {
		name := fmt.Sprintf("secrets-%d", i)
		for n := range 3 {
			value := make([]byte, 1<<20-4096)
			_, err := rand.Read(value)
			w.must("make a Secret", err)
			w.must("create a Secret", w.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: tenant, Name: fmt.Sprintf("%s-%d", name, n)}, Data: map[string][]byte{"key": value}}))
		}
		w.loops = append(w.loops, w.run(ctx, tenant, name, fmt.Sprintf("10.244.1.%d", i+1), false, func(d *appsv1.Deployment) {
			spec := &d.Spec.Template.Spec
			for n := range 3 {
				spec.Volumes = append(spec.Volumes, secretVolume(fmt.Sprintf("%s-%d", name, n)))
				spec.Containers[0].VolumeMounts = append(spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: fmt.Sprintf("%s-%d", name, n), MountPath: fmt.Sprintf("/keys/%d", n)})
			}
		}))
	}
}

// gitBombs are four workloads whose limits are in a repository that is a bomb.
func (w *worst) gitBombs(ctx context.Context) {
	ceiling := resource.MustParse("4Gi")
	storm := int32(100)
	w.stack(ctx, "git", "stack", v1alpha1.BridgeStackSpec{
		Remediation: v1alpha1.Remediation{Mode: v1alpha1.ModeAuto, Memory: v1alpha1.MemoryBounds{Ceiling: &ceiling}, Budget: v1alpha1.Budget{StormPercent: &storm}},
		GitOps:      v1alpha1.GitOpsOptions{Repository: &v1alpha1.GitRepository{URL: fmt.Sprintf("http://%s:%d/repo.git", listenerOf("git"), gitPort), Branch: "main"}},
	})
	for i, made := 0, 0; made < 4; i++ {
		name := fmt.Sprintf("git-%d", i)
		if faultOf(name+"-"+hash+"-x2x4q").cause != v1alpha1.CauseOOMKilled {
			continue
		}
		made++
		w.loops = append(w.loops, w.run(ctx, "git", name, fmt.Sprintf("10.244.2.%d", i+1), true, func(*appsv1.Deployment) {}))
	}
}

// hangingHealth are 24 endpoints that never answer.
func (w *worst) hangingHealth(ctx context.Context) {
	var spec v1alpha1.BridgeStackSpec
	for i := range 24 {
		name := fmt.Sprintf("health-%d", i)
		w.run(ctx, "health", name, fmt.Sprintf("10.244.3.%d", i+1), false, func(*appsv1.Deployment) {})
		spec.Services = append(spec.Services, v1alpha1.Service{Name: name, Endpoint: &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Host: listenerOf("health"), Port: healthPort}}})
	}
	spec.Detection.HealthWindow = &metav1.Duration{Duration: 4 * time.Second}
	w.stack(ctx, "health", "stack", spec)
}

// hangingDependencies are 32 of each of eight services that loop.
func (w *worst) hangingDependencies(ctx context.Context) {
	var spec v1alpha1.BridgeStackSpec
	var on []v1alpha1.Dependency
	for i := range 32 {
		name := fmt.Sprintf("hangs-%d", i)
		at := fmt.Sprintf("%s:%d", listenerOf("asks"), probePort)
		spec.Services = append(spec.Services, v1alpha1.Service{Name: name, External: true, Endpoint: &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{at}}}})
		on = append(on, v1alpha1.Dependency{Service: name})
	}
	for i := range 8 {
		name := fmt.Sprintf("asks-%d", i)
		spec.Services = append(spec.Services, v1alpha1.Service{Name: name, DependsOn: on})
		w.loops = append(w.loops, w.run(ctx, "asks", name, fmt.Sprintf("10.244.4.%d", i+1), false, func(*appsv1.Deployment) {}))
	}
	w.stack(ctx, "asks", "stack", spec)
}

// composeBombs are compose files that become large.
func (w *worst) composeBombs(ctx context.Context) {
	aliases := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		aliases += fmt.Sprintf("%c: &%c [%s*%c]\n", c, c, strings.Repeat(fmt.Sprintf("*%c,", c-1), 8), c-1)
	}
	// Each variable's default is the one before, twice.
	interpolated := "x"
	for i := range 7 {
		interpolated = fmt.Sprintf("${V%d:-%s%s}", i, interpolated, interpolated)
	}
	wide := "services:\n  web:\n    image: a\n    environment:\n"
	for i := range 2000 {
		wide += fmt.Sprintf("      V%d: %q\n", i, interpolated[:min(len(interpolated), 400)])
	}
	for name, text := range map[string]string{
		"aliases": aliases + "services: {web: {image: a}}\n", "interpolation": "services:\n  web:\n    image: " + interpolated + "\n", "wide": wide[:min(len(wide), 1000<<10)],
	} {
		spec := v1alpha1.BridgeStackSpec{Compose: &v1alpha1.Compose{}}
		for i := range 8 {
			part := fmt.Sprintf("%s-%d", name, i)
			w.must("create a ConfigMap", w.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "compose", Name: part}, Data: map[string]string{"compose.yaml": text}}))
			spec.Compose.ConfigMaps = append(spec.Compose.ConfigMaps, v1alpha1.KeyReference{Name: part, Key: "compose.yaml"})
		}
		w.stack(ctx, "compose", name, spec)
	}
}

// largeStatus are diagnoses that are over, each with about a MiB of attempts.
func (w *worst) largeStatus(ctx context.Context) {
	now := metav1.Now()
	long := strings.Repeat("x", 16000)
	for i := range 8 {
		d := &v1alpha1.BridgeDiagnosis{
			ObjectMeta: metav1.ObjectMeta{Namespace: "secrets", Name: fmt.Sprintf("large-%d", i), Labels: map[string]string{v1alpha1.LabelStack: "stack", v1alpha1.LabelService: "secrets-0"}},
			Spec: v1alpha1.BridgeDiagnosisSpec{Stack: "stack", Service: "secrets-0", Container: "main",
				Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "secrets-0", UID: types.UID(fmt.Sprintf("large-%d", i))}},
		}
		w.must("create a diagnosis", w.Create(ctx, d))
		attempts := make([]v1alpha1.Attempt, 32)
		for n := range attempts {
			attempts[n] = v1alpha1.Attempt{
				ID: fmt.Sprintf("large-%d", n), Outcome: v1alpha1.AttemptRolledBack, RecordedAt: now, Deadline: now, EndedAt: &now,
				Proposal: v1alpha1.Proposal{ID: "large", Remedy: v1alpha1.RemedySetEnv, Target: "Deployment/secrets-0"},
				Action: v1alpha1.AttemptAction{Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{
					Workload: d.Spec.Workload, TemplateHash: "none", Patch: long, Undo: long}},
			}
		}
		w.must("write a large status", retry.RetryOnConflict(retry.DefaultBackoff, func() error { // the operator looks at it, too
			if err := w.Get(ctx, client.ObjectKeyFromObject(d), d); err != nil {
				return err
			}
			d.Status.State, d.Status.Cause, d.Status.Attempts = v1alpha1.StateRecovered, v1alpha1.CauseUnknown, attempts
			return w.Status().Update(ctx, d)
		}))
	}
}

// loopAgain lets one of those that are to loop restart once more.
func (w *worst) loopAgain(ctx context.Context, s *service) error {
	faultOf(s.pod.Name).loop(s.pod, time.Now())
	s.pod.Status.ContainerStatuses[0].RestartCount += w.restarts / int32(len(w.loops))
	pod, err := w.typed.CoreV1().Pods(s.namespace).UpdateStatus(ctx, s.pod, metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("let %s loop: %w", s.name, err)
	}
	s.pod = pod
	w.restarts++
	return nil
}

// restartedEvery is how often a container can end at the most: the shortest back-off of
// a kubelet.
const restartedEvery = 10 * time.Second

// goOn lets all of them loop until the test is over with it.
func (w *worst) goOn(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil; i++ {
			if err = w.loopAgain(ctx, w.loops[i%len(w.loops)]); err == nil {
				err = wait(ctx, restartedEvery/time.Duration(len(w.loops)))
			}
		}
		if ctx.Err() != nil {
			err = nil
		}
		ended <- err
	}()
	return func() error {
		cancel()
		return <-ended
	}
}

// underWay tells what the operator has not begun to work on, empty where it has on all.
func (w *worst) underWay(ctx context.Context) (string, error) {
	for port, what := range map[int]string{healthPort: "health endpoints", probePort: "dependencies", receiverPort: "receivers"} {
		if w.hung[port].Load() < 4 {
			return what + " that hang", nil
		}
	}
	if w.bombs.Load() < 2 {
		return "Git's packs", nil
	}
	var stacks v1alpha1.BridgeStackList
	var diagnoses v1alpha1.BridgeDiagnosisList
	if err := errors.Join(w.List(ctx, &stacks), w.List(ctx, &diagnoses)); err != nil {
		return "", err
	}
	for _, s := range stacks.Items {
		if s.Spec.Compose != nil && len(s.Status.Conditions) == 0 {
			return "compose files of " + s.Name, nil
		}
	}
	found := 0
	for _, d := range diagnoses.Items {
		if d.Namespace == "secrets" && d.Status.Cause != "" && !strings.HasPrefix(d.Name, "large-") {
			found++
		}
	}
	if found < 8 {
		return fmt.Sprintf("pods with large Secrets, of which %d of 8 are diagnosed", found), nil
	}
	return "", nil
}
