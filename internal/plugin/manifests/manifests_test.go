package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/bridgestack/operator/internal/compose"
)

// made are the objects of a project by kind and name.
type made struct {
	Output
	objects map[string]any
	text    string
}

func of(t *testing.T, text string, env map[string]string, edits ...func(*Input)) made {
	t.Helper()
	o := compose.Options{ProjectName: "shop", Environment: env, Directory: "/project"}
	p, err := compose.Load(t.Context(), []compose.File{{Name: "/project/compose.yaml", Content: []byte(text)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := p.Facts()
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Project: p, Facts: facts, Environment: env, Image: "operator"}
	for _, edit := range edits {
		edit(&in)
	}
	m := made{Output: Of(in), objects: map[string]any{}}
	for _, f := range m.Files {
		for _, d := range f.Documents {
			name := d.Object.(interface{ GetName() string }).GetName()
			m.objects[d.Object.GetObjectKind().GroupVersionKind().Kind+"/"+name] = d.Object
		}
	}
	out, err := m.YAML()
	if err != nil {
		t.Fatal(err)
	}
	m.text = string(out)
	return m
}

func withSecrets(in *Input) { in.Secrets = true }

func (m made) pod(t *testing.T, name string) corev1.PodSpec {
	t.Helper()
	switch o := m.objects[name].(type) {
	case *appsv1.Deployment:
		return o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return o.Spec.Template.Spec
	case *batchv1.Job:
		return o.Spec.Template.Spec
	}
	t.Fatalf("there is no %s in\n%s", name, m.text)
	return corev1.PodSpec{}
}

// TestSecrets: only what the compose file spells out is written, unless the owner
// asks for more.
func TestSecrets(t *testing.T) {
	const text = `
services:
  api:
    image: a
    environment:
      LITERAL_TOKEN: in-the-file
      DEFAULT_TOKEN: ${UNSET:-the-default}
      SET_TOKEN: ${SET:-the-default}
      DATABASE_URL: postgres://u:${PW}@db/d
      DB_PASSWORD: ${PW}
      UNSET_TOKEN: ${NOWHERE}
      PASSED_TOKEN:
      SHOWN: ${PLAIN}
    command: [serve, "--password=${PW}"]
    healthcheck: {test: "check --token ${SET}"}
  worker:
    image: a
    environment: {DB_PASSWORD: "${PW}", LITERAL_TOKEN: another-one}
`
	env := map[string]string{"SET": "canary-set", "PW": "canary-password", "PLAIN": "shown"}
	m := of(t, text, env)
	secret := m.objects["Secret/shop-secrets"].(*corev1.Secret)
	want := map[string]string{"api.LITERAL_TOKEN": "in-the-file", "worker.LITERAL_TOKEN": "another-one", "DEFAULT_TOKEN": "the-default"}
	if fmt.Sprint(secret.StringData) != fmt.Sprint(want) {
		t.Errorf("the stub has %v, want %v", secret.StringData, want)
	}
	missing := []string{"DATABASE_URL", "DB_PASSWORD", "PASSED_TOKEN", "SET_TOKEN", "UNSET_TOKEN"}
	if !slices.Equal(m.Missing, missing) {
		t.Errorf("missing %v, want %v", m.Missing, missing)
	}
	if strings.Contains(m.text, "canary") || !strings.Contains(m.text, "shown") {
		t.Errorf("what is written:\n%s", m.text)
	}
	c := m.pod(t, "Deployment/api").Containers[0]
	if got := strings.Join(c.Args, " "); got != "serve --password=$(DB_PASSWORD)" {
		t.Errorf("args %s", got)
	}
	if got := c.ReadinessProbe.Exec.Command[2]; got != `check --token "${SET_TOKEN}"` {
		t.Errorf("check %s", got)
	}
	for _, e := range c.Env {
		if optional := e.ValueFrom != nil && e.ValueFrom.SecretKeyRef.Optional != nil; optional != (e.Name == "PASSED_TOKEN") {
			t.Errorf("%s optional: %t; compose sets what it passes through only where that is set", e.Name, optional)
		}
	}
	filled := of(t, text, env, withSecrets)
	if secret := filled.objects["Secret/shop-secrets"].(*corev1.Secret); secret.StringData["DB_PASSWORD"] != "canary-password" || secret.StringData["DATABASE_URL"] != "postgres://u:canary-password@db/d" {
		t.Errorf("with secrets: %v", secret.StringData)
	}
	if !slices.Equal(filled.Missing, []string{"PASSED_TOKEN", "UNSET_TOKEN"}) {
		t.Errorf("with secrets: missing %v", filled.Missing)
	}
}

// TestFiles: small files of the project are there, and those with secrets in them
// only in the Secret.
func TestFiles(t *testing.T) {
	const text = `
services:
  web:
    image: w
    environment: {API_KEY: "${KEY}"}
    volumes: ["./site.conf:/etc/site.conf", "./token.conf:/etc/token.conf", "./scripts:/scripts", "/etc/passwd:/outside", "./absent:/absent:ro"]
`
	files := fstest.MapFS{
		"project/site.conf": {Data: []byte("plain")}, "project/token.conf": {Data: []byte("-----BEGIN PRIVATE KEY-----\ncanary")},
		"project/scripts/a.sh": {Data: []byte("#!/bin/sh\n")}, "etc/passwd": {Data: []byte("root")},
	}
	m := of(t, text, map[string]string{"KEY": "canary-key"}, func(in *Input) { in.Files = files })
	if strings.Contains(m.text, "canary") || strings.Contains(m.text, "root") {
		t.Errorf("what is written:\n%s", m.text)
	}
	var mounts []string
	pod := m.pod(t, "Deployment/web")
	for _, v := range pod.Containers[0].VolumeMounts {
		mounts = append(mounts, v.MountPath)
	}
	if fmt.Sprint(mounts) != "[/etc/site.conf /etc/token.conf /scripts]" {
		t.Errorf("mounts %v", mounts)
	}
	for _, v := range pod.Volumes {
		if script := strings.HasPrefix(v.Name, "files-scripts"); script && *v.ConfigMap.DefaultMode != 0o755 {
			t.Errorf("scripts cannot be run: %+v", v.ConfigMap)
		}
	}
	if !slices.Contains(m.Missing, "token.conf") {
		t.Errorf("missing %v", m.Missing)
	}
}

// TestWaits: who waits for what, how.
func TestWaits(t *testing.T) {
	m := of(t, `
services:
  app:
    image: a
    depends_on:
      db: {condition: service_healthy}
      broker: {condition: service_started}
      api: {condition: service_healthy}
      migrate: {condition: service_completed_successfully}
      cache_1: {condition: service_started}
      extra: {condition: service_started, required: false}
      worker: {condition: service_started}
  migrate: {image: m, depends_on: {api: {condition: service_started}, db: {condition: service_started}}}
  db: {image: "postgres:16", environment: {PGPORT: 5433}, healthcheck: {test: pg_isready}}
  broker: {image: apache/kafka, environment: {KAFKA_ADVERTISED_LISTENERS: "IN://broker:19092,OUT://localhost:9092"}}
  api: {image: a, healthcheck: {test: "curl -f http://localhost:8080/up"}}
  cache_1: {image: redis}
  extra: {image: e, ports: [1]}
  worker: {image: w}
`, nil)
	var got []string
	pod := m.pod(t, "Deployment/app")
	for _, c := range pod.InitContainers {
		got = append(got, c.Image+" "+strings.Join(c.Args[:len(c.Args)-1], " "))
	}
	want := []string{
		"operator wait-for --protocol=http --address=api:8080 --path=/up", "operator wait-for --protocol=kafka --address=broker:19092",
		"operator wait-for --protocol=redis --address=cache-1:6379", "operator wait-for --protocol=postgres --address=db:5433", "operator wait-for --job=migrate", "operator wait-for --name=worker",
	}
	if !slices.Equal(got, want) {
		t.Errorf("waits\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if pod.ServiceAccountName != "shop-wait-for-jobs" || m.objects["Role/shop-wait-for-jobs"] == nil || m.objects["Job/migrate"] == nil {
		t.Errorf("who waits for a Job may see it: %+v", m.objects)
	}
	if got := m.waits(t, "Job/migrate"); got != "--protocol=postgres --address=db:5433" {
		t.Errorf("the Job waits for %s: not for what it may be needed for to become healthy, which no database is", got)
	}
}

// TestProbes: a health check restarts nothing, as in compose, unless that is asked for.
func TestProbes(t *testing.T) {
	m := of(t, `
services:
  http: {image: a, healthcheck: {test: "curl -f http://localhost:8080/up", interval: 30s, timeout: 10s, retries: 5, start_period: 90s}}
  shell: {image: a, healthcheck: {test: "ready || exit 1", interval: 1s}, x-bridge: {liveness: true}}
  none: {image: a, healthcheck: {test: [NONE]}}
`, nil)
	c := m.pod(t, "Deployment/http").Containers[0]
	if c.StartupProbe != nil || c.LivenessProbe != nil {
		t.Errorf("startup %+v, liveness %+v: they kill what compose lets run", c.StartupProbe, c.LivenessProbe)
	}
	if r := c.ReadinessProbe; r.HTTPGet == nil || r.HTTPGet.Port.IntVal != 8080 || r.PeriodSeconds != 10 || r.TimeoutSeconds != 10 || r.PeriodSeconds*r.FailureThreshold != 5*30 {
		t.Errorf("readiness %+v", r)
	}
	c = m.pod(t, "Deployment/shell").Containers[0]
	if e := c.ReadinessProbe.Exec; e == nil || strings.Join(e.Command, " ") != "/bin/sh -c ready || exit 1" || c.LivenessProbe == nil {
		t.Errorf("readiness %+v, liveness %+v", c.ReadinessProbe, c.LivenessProbe)
	}
	if s := c.StartupProbe; s == nil || s.PeriodSeconds*s.FailureThreshold < 300 {
		t.Errorf("startup %+v, want five minutes at least", s)
	}
	if c := m.pod(t, "Deployment/none").Containers[0]; c.StartupProbe != nil || c.ReadinessProbe != nil {
		t.Errorf("probes of what has no check: %+v", c)
	}
}

// TestNames: what cannot be a Service's name is renamed wherever it is an address.
func TestNames(t *testing.T) {
	m := of(t, `
services:
  main_db: {image: "postgres:16", networks: {default: {aliases: [primary, "db.internal"]}}}
  app:
    image: a
    environment:
      DB_HOST: main_db
      DB_NAME: main_db
      URL: http://main_db:5432/main_db?h=main_db
      HOSTS: main_db:1,other
    command: ["--addr=main_db:5432", main_db]
`, nil)
	c := m.pod(t, "Deployment/app").Containers[0]
	got := map[string]string{}
	for _, e := range c.Env {
		got[e.Name] = e.Value
	}
	want := map[string]string{"DB_HOST": "main-db", "DB_NAME": "main_db", "URL": "http://main-db:5432/main_db?h=main_db", "HOSTS": "main-db:1,other"}
	if fmt.Sprint(got) != fmt.Sprint(want) || strings.Join(c.Args, " ") != "--addr=main-db:5432 main_db" {
		t.Errorf("env %v, args %v", got, c.Args)
	}
	for _, name := range []string{"Service/main-db", "Service/primary"} {
		if m.objects[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestPorts: what is addressed can be reached, a cluster's members also before they
// are ready.
func TestPorts(t *testing.T) {
	m := of(t, `
services:
  kafka-1:
    image: apache/kafka
    environment: {KAFKA_LISTENERS: "IN://:9092,CONTROLLER://:9093", KAFKA_ADVERTISED_LISTENERS: "IN://kafka-1:9092", KAFKA_CONTROLLER_QUORUM_VOTERS: "1@kafka-1:9093"}
  etcd: {image: etcd, command: "--initial-cluster=a=http://etcd:2380", expose: [2379]}
  api: {image: a, environment: {URL: "http://other:8080/x"}}
  other: {image: o, command: "--metrics other.example:9999"}
`, nil)
	for name, want := range map[string]struct {
		ports  string
		itself bool
	}{"kafka-1": {"9092 9093", true}, "etcd": {"2379 2380", true}, "other": {"8080", false}} {
		var ports []string
		s := m.objects["Service/"+name].(*corev1.Service)
		for _, p := range s.Spec.Ports {
			ports = append(ports, fmt.Sprint(p.Port))
		}
		if strings.Join(ports, " ") != want.ports || s.Spec.PublishNotReadyAddresses != want.itself {
			t.Errorf("%s: ports %v, before it is ready: %t", name, ports, s.Spec.PublishNotReadyAddresses)
		}
	}
}

// TestDollars: Kubernetes takes $(NAME) for a reference, and $$ for $.
func TestDollars(t *testing.T) {
	m := of(t, "services:\n  a:\n    image: a\n    command: [sh, -c, 'echo $$(date) $$$$ $$HOME']\n    environment: {PLAIN: 'a$$b'}\n", nil)
	c := m.pod(t, "Job/a").Containers[0]
	if c.Args[2] != "echo $$(date) $$$$ $$HOME" || c.Env[0].Value != "a$b" {
		t.Errorf("args %q, env %q", c.Args, c.Env)
	}
}

// TestTextsStayTexts: what YAML 1.1 takes for something else is in quotes.
func TestTextsStayTexts(t *testing.T) {
	m := of(t, `services: {a: {image: a, environment: {A: "off", B: "1_000", C: "0o7", D: "y", E: "~", F: "12:30", G: "2001-01-01", H: ""}}}`, nil)
	for _, want := range []string{`value: "off"`, `value: "1_000"`, `value: "y"`, `value: "~"`} {
		if !strings.Contains(m.text, want) {
			t.Errorf("no %s in\n%s", want, m.text)
		}
	}
}
