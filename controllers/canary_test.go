package controllers_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/test/canary"
	"github.com/bridgestack/operator/test/servers"
)

// cage holds the canaries of one namespace, and all that an operator writes there.
type cage struct {
	*testing.T
	*canary.Flock
	ns       string
	registry *prometheus.Registry
	log      *lockedBuffer
	wire     *wire
	// receiver of messages, whose answers are told back.
	receiver *httptest.Server
}

func newCage(t *testing.T) *cage {
	t.Helper()
	c := &cage{T: t, Flock: canary.New(), ns: namespace(t), registry: prometheus.NewRegistry(), log: &lockedBuffer{}, wire: &wire{}}
	answer := "your token " + c.Of("answer of a receiver") + " is unknown"
	c.receiver = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, kind, _ := strings.Cut(r.URL.Path, "/to-")
		kind, _, _ = strings.Cut(kind, "/")
		c.Search("message to "+kind, string(body))
		if kind == "refusing" {
			w.Header().Set("X-Why", answer)
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, answer)
		}
	}))
	t.Cleanup(c.receiver.Close)
	return c
}

// lockedBuffer is written by many.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (c *cage) settings() settings {
	s := really()
	s.registry, s.log, s.wire = c.registry, c.log, c.wire
	return s
}

// secret with these values.
func (c *cage) secret(name string, values map[string]string) {
	c.Helper()
	create(c.T, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: name}, StringData: values})
}

// everyWay is a log in which a program writes a value in each way.
func everyWay(what, value string) string {
	return "could not use " + what + " " + strings.Join(canary.Ways(value), "\nretrying "+what+" ") + "\n"
}

// receivers are one of each kind, and one that refuses.
func (c *cage) receivers() []v1alpha1.Receiver {
	c.secret("receivers", map[string]string{
		"webhook":  c.receiver.URL + "/to-webhook/" + c.Of("URL of a webhook"),
		"signing":  c.Of("signing key of a webhook"),
		"slack":    c.receiver.URL + "/to-slack/services/" + c.Of("URL of Slack"),
		"alerts":   "Bearer " + c.Of("authorization at Alertmanager"),
		"refusing": c.receiver.URL + "/to-refusing/" + c.Of("URL of a receiver that refuses"),
	})
	key := func(name string) v1alpha1.KeyReference { return v1alpha1.KeyReference{Name: "receivers", Key: name} }
	signing, alerts, webhook, refusing := key("signing"), key("alerts"), key("webhook"), key("refusing")
	return []v1alpha1.Receiver{
		{Name: "webhook", Webhook: &v1alpha1.WebhookReceiver{URLFrom: &webhook, SigningKeyFrom: &signing}},
		{Name: "slack", Slack: &v1alpha1.SlackReceiver{URLFrom: key("slack")}},
		{Name: "alerts", Alertmanager: &v1alpha1.AlertmanagerReceiver{URL: c.receiver.URL + "/to-alertmanager", AuthorizationFrom: &alerts}},
		{Name: "refusing", Webhook: &v1alpha1.WebhookReceiver{URLFrom: &refusing}},
	}
}

// search all that was written so far.
func (c *cage) search() {
	c.Helper()
	for _, w := range c.wire.made() {
		c.write(w)
	}
	for _, list := range []client.ObjectList{&v1alpha1.BridgeDiagnosisList{}, &v1alpha1.BridgeStackList{}} {
		if err := k8s.List(c.Context(), list, client.InNamespace(c.ns)); err != nil {
			c.Fatal(err)
		}
		switch list := list.(type) {
		case *v1alpha1.BridgeDiagnosisList:
			for i := range list.Items {
				c.Search("status of a diagnosis", asText(c.T, list.Items[i].Status))
				c.Search("name of a diagnosis", list.Items[i].Name)
			}
		case *v1alpha1.BridgeStackList:
			for i := range list.Items {
				c.Search("status of a stack", asText(c.T, list.Items[i].Status))
			}
		}
	}
	c.Search("operator's log", c.log.String())
	families, err := c.registry.Gather()
	if err != nil {
		c.Fatal(err)
	}
	for _, f := range families {
		c.Search("metrics", f.String())
	}
}

// write that the operator sent: of a status, only that is its own.
func (c *cage) write(w write) {
	if !strings.HasSuffix(w.path, "/status") {
		c.Search("other writes", w.method+" "+w.path+" "+string(w.body))
		return
	}
	var object struct{ Status json.RawMessage }
	if err := json.Unmarshal(w.body, &object); err != nil { // the client writes its own kinds as JSON
		c.Errorf("a status that cannot be read: %v", err)
	}
	c.Search("earlier statuses", string(object.Status))
}

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A secret stands in each role that a pod, its settings and its servers have, and is
// told of in each way that programs write: it is written nowhere.
func TestCanariesOfAnIncident(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	c.secret("app", map[string]string{
		"password": c.Of("env variable"), "swapped": c.Of("password where a host is expected"),
		"url":     "postgres://app:" + c.Of("password of a URL") + "@db:5432/shop",
		"awkward": "postgres://app:p@" + c.Of("unescaped password of a URL") + "/2024!@db/shop",
		"blanks":  "postgres://app:it is " + c.Of("password of a URL with blanks") + "@db/shop",
		"dsn":     "host=db user=app password='" + c.Of("password of a DSN") + "'",
	})
	c.secret("all", map[string]string{"API_TOKEN": c.Of("envFrom")})
	c.secret("files", map[string]string{
		"application.properties": "server.port=8080\nspring.datasource.password=" + c.Of("file in a volume") + "\n",
		"users.json":             `{"users":[{"name":"app","pin":"` + c.Of("JSON in a volume") + `"}]}`,
	})
	c.secret("projected", map[string]string{"token": c.Of("projected volume")})
	create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "settings"}, Data: map[string]string{
		"POSTGRES_PASSWORD": c.Of("ConfigMap in env"), "SMTP_PASSWORD": c.Of("ConfigMap in envFrom"),
		"config.yaml": "db:\n  host: db\n  password: " + c.Of("ConfigMap in a volume") + "\n",
	}})
	create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: c.ns, Name: "pull"}, Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{
		corev1.DockerConfigJsonKey: []byte(`{"auths":{"reg.example":{"username":"bot","password":"` + c.Of("image pull secret") + `"}}}`)}})
	roles := []string{"env variable", "password where a host is expected", "password of a URL", "unescaped password of a URL", "password of a URL with blanks", "password of a DSN", "envFrom",
		"file in a volume", "JSON in a volume", "projected volume", "ConfigMap in env", "ConfigMap in envFrom", "ConfigMap in a volume",
		"literal env variable", "--password=", "--token x", "-p x", "assignment in a command", "header of a probe", "sibling's env variable", "init container's env variable", "previous value"}
	var log strings.Builder
	for _, role := range roles {
		log.WriteString(everyWay(strings.Fields(role)[0], c.Of(role)))
	}
	fmt.Fprintf(&log, "psycopg2.OperationalError: could not translate host name %q to address: Name or service not known\n", c.Of("password where a host is expected"))
	c.secret("old", map[string]string{"key": c.Of("previous value")})

	db := service("db")
	db.External, db.Workload = true, nil
	port := talkative(t, "no such user; you said "+c.Of("env variable")+", not "+base64.StdEncoding.EncodeToString([]byte(c.Of("envFrom"))))
	db.Endpoint = &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{Host: "127.0.0.1", Port: port}}
	s := mode(stack(c.ns, service("app"), service("client", "db"), db), v1alpha1.ModeApprove)
	s.Spec.Notifications = c.receivers()
	create(t, s)
	told := "the pod has " + c.Of("env variable") + " and " + base64.StdEncoding.EncodeToString([]byte(c.Of("file in a volume")))
	program := func(pod *corev1.Pod) run {
		now := ends(1, "Error", log.String())(pod)
		now.ended.Message = told
		return now
	}
	d := deploy(t, c.ns, "app", program, func(d *appsv1.Deployment) {
		p := &d.Spec.Template
		d.Annotations = map[string]string{"example.com/note": c.Of("annotation of a workload")}
		p.Annotations = map[string]string{"example.com/token": c.Of("annotation of a pod")}
		p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "pull"}}
		main := &p.Spec.Containers[0]
		main.Command = []string{"sh", "-c", "PGPASSWORD=" + c.Of("assignment in a command") + " exec app"}
		main.Args = []string{"--password=" + c.Of("--password="), "--token", c.Of("--token x"), "-p", c.Of("-p x")}
		main.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(80),
			HTTPHeaders: []corev1.HTTPHeader{{Name: "Authorization", Value: "Bearer " + c.Of("header of a probe")}}}}}
		main.EnvFrom = []corev1.EnvFromSource{
			{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "all"}}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}},
		}
		main.Env = []corev1.EnvVar{
			secretEnv("PASSWORD", "app", "password"), secretEnv("POSTGRES_HOST", "app", "swapped"), secretEnv("DATABASE_URL", "app", "url"),
			secretEnv("OTHER_URL", "app", "awkward"), secretEnv("THIRD_URL", "app", "blanks"), secretEnv("DSN", "app", "dsn"), secretEnv("OLD_KEY", "old", "key"),
			{Name: "LITERAL_TOKEN", Value: c.Of("literal env variable")},
			{Name: "POSTGRES_PASSWORD", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}, Key: "POSTGRES_PASSWORD"}}},
		}
		p.Spec.Volumes = []corev1.Volume{
			{Name: "files", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "files"}}},
			{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}},
			{Name: "projected", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "projected"}}}}}}},
		}
		for _, v := range p.Spec.Volumes {
			main.VolumeMounts = append(main.VolumeMounts, corev1.VolumeMount{Name: v.Name, MountPath: "/" + v.Name})
		}
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "sidecar", Image: "x", Env: []corev1.EnvVar{{Name: "SIDECAR_TOKEN", Value: c.Of("sibling's env variable")}}})
		p.Spec.InitContainers = []corev1.Container{{Name: "init", Image: "x", Env: []corev1.EnvVar{{Name: "INIT_TOKEN", Value: c.Of("init container's env variable")}}}}
	})
	until(t, func() bool { return len(podsOf(t, c.ns, "app")) > 0 }, func() string { return "there is a pod" })
	pod := podsOf(t, c.ns, "app")[0]
	create(t, &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Namespace: c.ns, Name: "app.1"},
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: c.ns, Name: pod.Name, UID: pod.UID, FieldPath: "spec.containers{main}"},
		Type:           corev1.EventTypeWarning, Reason: "Unhealthy", Count: 3, LastTimestamp: metav1.Now(),
		Message: "Liveness probe failed: HTTP 401: " + c.Of("header of a probe") + " is not " + c.Of("env variable") + "; pull with Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte("bot:"+c.Of("image pull secret"))),
	})
	deploy(t, c.ns, "client", ends(1, "Error", "FATAL: could not connect to the database db: password authentication failed\n"), func(d *appsv1.Deployment) {
		main := &d.Spec.Template.Spec.Containers[0]
		main.Env = []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: "127.0.0.1"}, {Name: "POSTGRES_PORT", Value: strconv.Itoa(int(port))}, {Name: "POSTGRES_USER", Value: "app"},
			secretEnv("POSTGRES_PASSWORD", "app", "password"), secretEnv("SECOND", "all", "API_TOKEN")}
	})
	start(t, c.ns, c.settings())
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all = diagnoses(t, c.ns, "client")
		return len(all) == 1 && strings.Contains(asText(t, all[0].Status), "no such user; you said [redacted], not [redacted]")
	}, func() string { return "what the server says is shown: " + asText(t, all) })
	until(t, func() bool {
		all = diagnoses(t, c.ns, "app")
		return len(all) == 1 && all[0].Status.Times.Escalated != nil && len(all[0].Status.Notifications) == 4
	}, func() string { return "a person is called" + tell(all) })
	told4 := func() bool {
		n := 0
		for _, d := range diagnoses(t, c.ns, "app")[0].Status.Notifications {
			if d.DeliveredAt != nil || d.Failures > 0 {
				n++
			}
		}
		return n == 4
	}
	until(t, told4, func() string {
		return "the receivers are told: " + asText(t, diagnoses(t, c.ns, "app")[0].Status.Notifications)
	})
	if text := asText(t, diagnoses(t, c.ns, "app")[0].Status); strings.Count(text, "[redacted]") < 5 {
		t.Errorf("few secrets came near the status: %s", text)
	}

	// The person who was called changes what was told: the earlier value is as secret.
	var old corev1.Secret
	if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: c.ns, Name: "old"}, &old); err != nil {
		t.Fatal(err)
	}
	edit(t, &old, func(s *corev1.Secret) { s.Data = map[string][]byte{"key": []byte("quite-another-value-9")} })
	edit(t, d, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Env[0].Name = "NEW_PASSWORD" })
	becomes(t, c.ns, "app", program)
	seen := len(c.wire.made())
	until(t, func() bool { return len(c.wire.made()) > seen }, func() string { return "it is looked at again" })
	c.searchEvents()
	c.search()
	c.Report(t, "status of a diagnosis", "earlier statuses", "status of a stack", "events", "metrics", "operator's log",
		"message to webhook", "message to slack", "message to alertmanager", "message to refusing")
}

// talkative is a PostgreSQL that refuses everybody, and says why.
func talkative(t *testing.T, why string) int32 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	fields := "SFATAL\x00VFATAL\x00C28P01\x00M" + why + "\x00D" + why + "\x00\x00"
	refusal := append([]byte{'E'}, binary.BigEndian.AppendUint32(nil, uint32(len(fields)+4))...)
	refusal = append(refusal, fields...)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 8)
			if _, err := io.ReadFull(connection, request); err == nil && binary.BigEndian.Uint32(request[4:]) == 80877103 { // TLS?
				_, _ = connection.Write([]byte{'N'})
				_, _ = io.ReadFull(connection, request)
			}
			_, _ = connection.Write(refusal)
			_ = connection.Close()
		}
	}()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(listener.Addr())
	}
	return int32(address.Port)
}

// searchEvents waits for some first: they are sent in the background.
func (c *cage) searchEvents() {
	c.Helper()
	var events eventsv1.EventList
	own := func() []eventsv1.Event {
		return slices.DeleteFunc(slices.Clone(events.Items), func(e eventsv1.Event) bool { return e.ReportingController != "bridgestack" })
	}
	until(c.T, func() bool {
		return k8s.List(c.Context(), &events, client.InNamespace(c.ns)) == nil && len(own()) > 0
	}, func() string { return "no event" })
	for _, e := range own() {
		c.Search("events", e.Note+" "+e.Reason+" "+e.Action+" "+asText(c.T, e.Annotations))
	}
}

// Servers answer with secrets: probes, health endpoints, repositories.
func TestCanariesInAnswers(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, `{"status":%q,"infrastructure_health":{%q:{"status":%q},"postgres":{"status":"disconnected","details":%q}}}`,
			c.Of("state in a health answer"), c.Of("name in a health answer"), "password="+c.Of("state of a part"), c.Of("details in a health answer"))
	}))
	t.Cleanup(health.Close)
	u, err := url.Parse(health.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	c.secret("web", map[string]string{"state": c.Of("state in a health answer"), "name": c.Of("name in a health answer"), "details": c.Of("details in a health answer")})
	web := service("web")
	web.Endpoint = &v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Host: "127.0.0.1", Port: int32(port)}}
	s := mode(stack(c.ns, web, service("api")), v1alpha1.ModeSuggest)
	s.Spec.Detection.HealthWindow = &metav1.Duration{Duration: 4 * time.Second}
	s.Spec.Notifications = c.receivers()
	create(t, s)
	deploy(t, c.ns, "web", runs, func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{secretEnv("STATE", "web", "state"), secretEnv("PART", "web", "name"), secretEnv("DETAILS", "web", "details")}
	})
	start(t, c.ns, c.settings())
	var all []v1alpha1.BridgeDiagnosis
	until(t, func() bool {
		all = diagnoses(t, c.ns, "web")
		return len(all) == 1 && len(all[0].Status.Evidence) > 0
	}, func() string { return "the health endpoint is an incident" + tell(all) })
	c.searchEvents()
	c.search()
	c.Report(t, "status of a diagnosis", "events", "metrics")
}

// A repository is asked with a token, and what is committed cites evidence.
func TestCanariesInACommit(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	g := servers.Git(t, map[string]string{"apps/api.yaml": inGit})
	g.Password = c.Of("token of a repository")
	c.secret("api", map[string]string{"key": c.Of("secret in what a commit cites")})
	becomes(t, c.ns, "api", func(pod *corev1.Pod) run {
		now := needs("150Mi")(pod)
		if now.ended != nil {
			now.ended.Message = "killed with " + c.Of("secret in what a commit cites")
			now.log = everyWay("key", c.Of("secret in what a commit cites"))
		}
		return now
	})
	create(t, withRepository(t, c.ns, g, g.Password))
	reconciles(t, c.ns, strings.Replace(inGit, "        resources:", "        env: [{name: API_KEY, valueFrom: {secretKeyRef: {name: api, key: key}}}]\n        resources:", 1))
	start(t, c.ns, c.settings())
	got := await(t, c.ns, "api", v1alpha1.StateAwaitingMerge, v1alpha1.ReasonAwaitingMerge)
	c.Search("commits", g.Run(t, "log", "-p", "--all", "--format=%an %ae %B", "--branches"))
	c.Search("branches", g.Run(t, "for-each-ref"))
	if !strings.Contains(got.Status.Commit.Branch, got.Name) {
		t.Errorf("branch %s", got.Status.Commit.Branch)
	}

	// One that refuses, and tells what it was given.
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, "remote: %s is not %s, nor %s\n", password, c.Of("token in a repository's answer"), r.Header.Get("Authorization"))
	}))
	t.Cleanup(refusing.Close)
	other := newCage(t)
	other.Flock = c.Flock
	s := withRepository(t, other.ns, g, c.Of("token in a repository's answer"))
	s.Spec.GitOps.Repository.URL = refusing.URL + "/" + "shop.git"
	becomes(t, other.ns, "api", outOfMemory)
	create(t, s)
	reconciles(t, other.ns, inGit)
	start(t, other.ns, other.settings())
	until(t, func() bool {
		all := diagnoses(t, other.ns, "api")
		return len(all) == 1 && strings.Contains(all[0].Status.Message, "Not committed")
	}, func() string { return "it is not committed" + tell(diagnoses(t, other.ns, "api")) })
	for _, cage := range []*cage{c, other} {
		cage.T = t
		cage.searchEvents()
		cage.search()
	}
	c.Report(t, "commits", "branches", "status of a diagnosis", "operator's log", "events")
}
