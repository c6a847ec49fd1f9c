package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/canary"
)

// withLogs is a kubeconfig of who may do all, in front of the API server: logs, which
// a kubelet would have, are this text.
func withLogs(t *testing.T, text string) string {
	t.Helper()
	target, err := url.Parse(environment.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	if target.Scheme == "" {
		if target, err = url.Parse("https://" + environment.Config.Host); err != nil {
			t.Fatal(err)
		}
	}
	transport, err := rest.TransportFor(environment.Config)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/log") {
			_, _ = fmt.Fprint(w, text)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	config := `{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: "` + front.URL + `"}}], contexts: [{name: c, context: {cluster: c, user: u}}], users: [{name: u, user: {}}], current-context: c}`
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seeded is a pod of the scene's service web with a secret in each role.
func seeded(s *scene, f *canary.Flock) *corev1.Pod {
	s.create(&corev1.Secret{ObjectMeta: s.named("app"), StringData: map[string]string{
		"password": f.Of("env variable"), "url": "postgres://app:" + f.Of("password of a URL") + "@db:5432/shop", "pin": f.Of("envFrom")}})
	s.create(&corev1.Secret{ObjectMeta: s.named("files"), StringData: map[string]string{"app.properties": "spring.datasource.password=" + f.Of("file in a volume") + "\n"}})
	s.create(&corev1.ConfigMap{ObjectMeta: s.named("settings"), Data: map[string]string{"config.yaml": "db:\n  password: " + f.Of("ConfigMap in a volume") + "\n", "SMTP_PASSWORD": f.Of("ConfigMap in env")}})
	key := func(name, secret, key string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: key}}}
	}
	pod := &corev1.Pod{ObjectMeta: s.named("web-2"), Spec: template("web").Spec}
	pod.Labels = template("web").Labels
	pod.Annotations = map[string]string{"example.com/token": f.Of("annotation of a pod"), "kubectl.kubernetes.io/last-applied-configuration": f.Of("last applied configuration")}
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "files", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "files"}}},
		{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}},
		{Name: "csi", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "x", VolumeAttributes: map[string]string{"secretKey": f.Of("attribute of a volume")}}}},
	}
	main := &pod.Spec.Containers[0]
	main.Command = []string{"sh", "-c", "PGPASSWORD=" + f.Of("assignment in a command") + " exec app"}
	main.Args = []string{"--password=" + f.Of("--password="), "--token", f.Of("--token x"), "-p", f.Of("-p x"), "-u", "bot:" + f.Of("-u user:x")}
	main.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80),
		HTTPHeaders: []corev1.HTTPHeader{{Name: "X-Api-Key", Value: f.Of("header of a probe")}}}}}
	main.EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "app"}}}, {ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}
	main.Env = []corev1.EnvVar{key("PASSWORD", "app", "password"), key("DATABASE_URL", "app", "url"), {Name: "LITERAL_TOKEN", Value: f.Of("literal env variable")}, {Name: "LICENSE", Value: f.Of("licence")},
		{Name: "AMQP_URL", Value: "amqp://app:" + f.Of("password of a literal URL") + "@mq:5672"}}
	for _, v := range pod.Spec.Volumes {
		main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: v.Name, MountPath: "/" + v.Name})
	}
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "sidecar", Image: "x", Env: []corev1.EnvVar{{Name: "SIDECAR_TOKEN", Value: f.Of("sibling's env variable")}}})
	s.create(pod)
	at := metav1.NewTime(time.Now().Add(-time.Minute))
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Message: "evicted with " + f.Of("env variable")}
	for _, name := range []string{"web", "sidecar"} {
		ended := corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", StartedAt: at, FinishedAt: at, Message: "cannot use " + f.Of("env variable") + " nor " + f.Of("-p x")}
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{Name: name, Image: "x", ImageID: "x", RestartCount: 7,
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off with " + f.Of("password of a URL")}},
			LastTerminationState: corev1.ContainerState{Terminated: &ended}})
	}
	if err := s.client.Status().Update(s.Context(), pod); err != nil {
		s.Fatal(err)
	}
	s.create(&corev1.Event{ObjectMeta: s.named("web-2.1"), Type: corev1.EventTypeWarning, Reason: "Unhealthy", Count: 3, FirstTimestamp: at, LastTimestamp: metav1.Now(),
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: s.namespace, Name: "web-2", UID: pod.UID, FieldPath: "spec.containers{web}"},
		Message: "Liveness probe failed: HTTP 401: " + f.Of("header of a probe") + ", not " + f.Of("env variable") + " or " + base64.StdEncoding.EncodeToString([]byte(f.Of("file in a volume"))) +
			" at postgres://hook:" + f.Of("URL in an event") + "@db"})
	return pod
}

// No verb tells a secret, in no format.
func TestCanariesInWhatThePluginPrints(t *testing.T) {
	s, f := newScene(t), canary.New()
	pod := seeded(s, f)
	var log strings.Builder
	for _, role := range []string{"env variable", "password of a URL", "envFrom", "file in a volume", "ConfigMap in a volume", "ConfigMap in env", "assignment in a command", "--password=", "--token x", "-p x",
		"-u user:x", "header of a probe", "literal env variable", "licence", "password of a literal URL", "sibling's env variable"} {
		log.WriteString("could not use " + strings.Join(canary.Ways(f.Of(role)), "\nretrying ") + "\n")
	}
	log.WriteString("FATAL: password authentication failed for user \"app\" (tried " + f.Of("password of a URL") + ")\n")
	kubeconfig := withLogs(t, log.String())
	d := s.diagnosis(v1alpha1.StateEscalated, func(d *v1alpha1.BridgeDiagnosis) {
		d.Status.Loop = &v1alpha1.LoopObservation{Pod: "web-2", Reason: "CrashLoopBackOff"}
	})
	run := func(output string, args ...string) string {
		t.Helper()
		out, notes, err := s.as(kubeconfig, args...)
		if err != nil {
			t.Fatalf("%s: %v", output, err)
		}
		f.Search(output, out)
		f.Search(output, notes)
		return out
	}
	for _, format := range []string{"", "wide", "json", "yaml"} {
		run("status", "status", "-o", format)
	}
	for _, format := range []string{"", "json", "yaml"} {
		run("explain a diagnosis", "explain", d.Name, "-o", format)
		contains(t, run("explain a pod", "explain", "web-2", "-c", "sidecar", "-o", format), "[redacted]")
	}
	for _, format := range []string{"", "svg", "html", "json", "yaml"} {
		contains(t, run("timeline "+format, "timeline", "bridge", "-o", format), "HTTP 401: [redacted], not [redacted]")
	}
	run("recover", "recover", "bridge", "--dry-run=server", "--keep", "db")
	run("diff", "diff", d.Name)
	path := filepath.Join(t.TempDir(), "bundle.zip")
	run("report", "report", "bridge", "-f", path)
	for name, text := range unzipped(t, path) {
		f.Search("report "+strings.Split(name, "/")[0], text)
	}
	document := run("capture", "classify", "--capture", "web-2", "-c", "web")
	contains(t, document, "[redacted]")
	raw := rawEvidence(t, pod, f)
	for _, format := range []string{"json", "yaml", "table", "markdown"} {
		for of, text := range map[string]string{"capture": document, "raw evidence": raw} {
			var out bytes.Buffer
			command := root(strings.NewReader(text), &out)
			command.SetArgs([]string{"classify", "-o", format})
			if err := command.ExecuteContext(t.Context()); err != nil {
				t.Fatalf("%s of %s: %v", format, of, err)
			}
			f.Search("classify "+of, out.String())
		}
	}
	f.Report(t)
}

// rawEvidence is what a person has of a pod: its object with its log, as kubectl prints
// them. Only the secrets that stand in it are known: there are no Secrets to look at.
func rawEvidence(t *testing.T, pod *corev1.Pod, f *canary.Flock) string {
	t.Helper()
	whole := pod.DeepCopy()
	whole.APIVersion, whole.Kind = "v1", "Pod"
	var log strings.Builder
	for _, role := range []string{"assignment in a command", "--password=", "--token x", "-p x", "-u user:x", "header of a probe", "literal env variable", "licence", "password of a literal URL", "sibling's env variable"} {
		log.WriteString("could not use " + strings.Join(canary.Ways(f.Of(role)), "\nretrying ") + "\n")
	}
	log.WriteString("FATAL: password authentication failed for user \"app\" (tried " + f.Of("literal env variable") + ")\n")
	for i := range whole.Status.ContainerStatuses {
		s := &whole.Status.ContainerStatuses[i]
		s.State.Waiting.Message = "back-off with " + f.Of("--password=")
		s.LastTerminationState.Terminated.Message = "cannot use " + f.Of("-p x")
	}
	text, err := json.Marshal(map[string]any{"id": "x", "pod": whole, "container": "web", "log": log.String()})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const seededProject = `
name: shop
services:
  web:
    image: reg.example/web:2
    command: ["web", "--token", "${APP_TOKEN}", "-p", "${PIN_KEY}"]
    environment:
      DATABASE_URL: postgres://app:URL@db:5432/shop
      STRIPE_KEY: LITERAL
      SESSION_SECRET: ${SESSION_SECRET}
    env_file: web.env
    labels: {example.com/password: LABEL}
    depends_on: [db]
  db:
    image: postgres:16
    environment: {POSTGRES_PASSWORD: PASSWORD}
    secrets: [key]
secrets:
  key: {file: ./key.txt}
`

// withoutSecrets are manifests without those that are made for secrets.
func withoutSecrets(manifests string) string {
	documents := strings.Split(manifests, "\n---\n")
	return strings.Join(slices.DeleteFunc(documents, func(d string) bool { return strings.Contains(d, "\nkind: Secret\n") }), "\n---\n")
}

// What a compose project holds goes into no output of validate and init, but for the
// file that is made for it.
func TestCanariesInAProject(t *testing.T) {
	f := canary.New()
	text := strings.NewReplacer("postgres://app:URL", "postgres://app:"+f.Of("password of a URL"),
		"LITERAL", f.Of("literal of a project"), "LABEL", f.Of("label of a service"), ": PASSWORD", ": "+f.Of("literal password")).Replace(seededProject)
	folder := t.TempDir()
	for name, content := range map[string]string{"compose.yaml": text, ".env": "SESSION_SECRET=" + f.Of(".env") + "\nAPP_TOKEN=" + f.Of("option of a command") + "\nPIN_KEY=" + f.Of("-p x") + "\n", "web.env": "SMTP_PASSWORD=" + f.Of("env_file") + "\n", "key.txt": f.Of("file of a secret")} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	project := filepath.Join(folder, "compose.yaml")
	for _, args := range [][]string{
		{"validate", project}, {"validate", project, "-o", "json"}, {"validate", project, "-o", "sarif"}, {"validate", project, "--production"},
		{"init", project}, {"init", project, "--manifests"}, {"init", project, "--explain"}, {"init", project, "--env-template"},
	} {
		out, notes, err := plugin(t, args...)
		if err != nil && exitCode(err) != exitFailed {
			t.Fatalf("%v: %v", args, err)
		}
		if err != nil {
			notes += err.Error()
		}
		name := args[0]
		if len(args) > 2 {
			name += " " + strings.Join(args[2:], " ")
		}
		f.Search(name, withoutSecrets(out))
		f.Search(name, notes)
	}
	target := filepath.Join(t.TempDir(), "out")
	if _, notes, err := plugin(t, "init", project, "--manifests", "--with-secrets", "-d", target); err != nil {
		t.Fatal(notes, err)
	}
	err := filepath.WalkDir(target, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if filepath.Base(path) != "secrets.yaml" {
			f.Search("init's files", string(content))
		} else if !strings.Contains(string(content), "kind: Secret") {
			t.Errorf("no Secret in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Report(t, "init's files", "validate", "init --manifests")
}
