package manifests

import (
	"strings"
	"testing"
	"testing/fstest"

	corev1 "k8s.io/api/core/v1"
)

// outsideSecrets fails where a value stands in any file but the Secret's own.
func (m made) outsideSecrets(t *testing.T, values ...string) {
	t.Helper()
	for _, f := range m.Files {
		text, err := f.YAML()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if f.Name != "secrets.yaml" && strings.Contains(string(text), v) {
				t.Errorf("%s is in %s:\n%s", v, f.Name, text)
			}
		}
	}
	for _, n := range m.Notes {
		for _, v := range values {
			if strings.Contains(n.Text, v) {
				t.Errorf("a note tells %s: %s", v, n.Text)
			}
		}
	}
}

func (m made) secret(t *testing.T) map[string]string {
	t.Helper()
	o, ok := m.objects["Secret/shop-secrets"].(*corev1.Secret)
	if !ok {
		t.Fatalf("there is no Secret in\n%s", m.text)
	}
	return o.StringData
}

func (m made) env(t *testing.T, workload string) map[string]corev1.EnvVar {
	t.Helper()
	out := map[string]corev1.EnvVar{}
	for _, e := range m.pod(t, workload).Containers[0].Env {
		out[e.Name] = e
	}
	return out
}

// TestSecretsOfTheEnvironment: whatever comes from the environment and may be a
// secret stands in the Secret alone, whatever it is called and in either mode.
func TestSecretsOfTheEnvironment(t *testing.T) {
	const text = `
services:
  api:
    image: a
    environment:
      DBPASS: ${A}
      REDISPASS: ${B}
      MYSQLPW: ${C}
      SMTP_USERPWD: ${D}
      SLACK_WEBHOOK: ${E}
      UPSTREAM: ${F}
      HIDDEN_IN_TEXT: "user=x;password=${G}"
      MODE: ${H}
      ALSO_B: "x-${B}-y"
  cache: {image: "redis:7", command: "redis-server --requirepass ${B} --save '60 1'"}
  list: {image: l, command: [run, "--db=${A}"], entrypoint: [/entry, "${G:-fallback}"]}
configs: {c: {content: "token ${C}\n"}, env: {environment: D}}
`
	env := map[string]string{
		"A": "canary-a1", "B": "canary-b2", "C": "canary-c3", "D": "canary-d4", "E": "https://hooks.example.com/services/canary-e5",
		"F": "cAn4ry9f8Kq2Lm7Zp3", "G": "canary-g7", "H": "production",
	}
	values := []string{"canary", "cAn4ry9f8Kq2Lm7Zp3"}
	for _, with := range []bool{false, true} {
		m := of(t, text+"x-a: 1\n", env, func(in *Input) { in.Secrets = with })
		m.outsideSecrets(t, values...)
		if e := m.env(t, "Deployment/api"); e["MODE"].Value != "production" || e["ALSO_B"].ValueFrom == nil {
			t.Errorf("MODE %+v, ALSO_B %+v", e["MODE"], e["ALSO_B"])
		}
		c := m.pod(t, "Deployment/cache").Containers[0]
		if got := strings.Join(c.Args, "|"); got != "redis-server|--requirepass|$(B)|--save|60 1" || m.env(t, "Deployment/cache")["B"].ValueFrom == nil {
			t.Errorf("cache: %s, env %+v", got, c.Env)
		}
		if got := m.pod(t, "Deployment/list").Containers[0]; got.Args[1] != "--db=$(A)" || strings.Contains(m.text, "[redacted]") {
			t.Errorf("list: %v", got.Args)
		}
		if !with && strings.Contains(m.text, "canary") {
			t.Error("without --with-secrets it is in the Secret")
		}
		if with && m.secret(t)["B"] != "canary-b2" {
			t.Errorf("with secrets: %v", m.secret(t))
		}
	}
}

// TestSecretConfigs: what is put into a config is a secret there, too.
func TestSecretConfigs(t *testing.T) {
	m := of(t, `
services: {web: {image: w, configs: [c, env, plain]}}
configs: {c: {content: "token ${TOKEN}\n"}, env: {environment: API_KEY}, plain: {content: "level ${LEVEL}\n"}}
`, map[string]string{"TOKEN": "canary-1", "API_KEY": "canary-2", "LEVEL": "debug"})
	m.outsideSecrets(t, "canary")
	if !strings.Contains(m.text, "level debug") {
		t.Errorf("what is no secret is kept:\n%s", m.text)
	}
}

// TestNothingIsRedacted: a secret with the value of a service's, a user's or a
// database's name takes nothing else away.
func TestNothingIsRedacted(t *testing.T) {
	files := fstest.MapFS{"project/site.conf": {Data: []byte("proxy_pass http://shopdb:8080;")}}
	m := of(t, `
services:
  shopdb: {image: "postgres:16", environment: {POSTGRES_PASSWORD: "${DB_PASS}", POSTGRES_USER: shopdb}}
  api:
    image: a
    environment: {DBHOST: shopdb, URL: "jdbc:postgresql://shopdb:5432/shopdb"}
    command: [serve, --database, shopdb]
    volumes: ["./site.conf:/etc/site.conf"]
`, map[string]string{"DB_PASS": "shopdb"}, func(in *Input) { in.Files = files })
	e := m.env(t, "Deployment/api")
	if e["DBHOST"].Value != "shopdb" || e["URL"].Value != "jdbc:postgresql://shopdb:5432/shopdb" || strings.Contains(m.text, "redacted") {
		t.Errorf("env %+v", e)
	}
	if m.objects["ConfigMap/api-site-conf"] == nil {
		t.Errorf("the file is no ConfigMap:\n%s", m.text)
	}
}

// TestSecretsInChecks: a probe has the secret from a variable of the container.
func TestSecretsInChecks(t *testing.T) {
	m := of(t, `
services:
  line: {image: a, environment: {PASS: "${P}"}, healthcheck: {test: "ping -a '${P}' \"${P}\" ${P} $$HOME"}}
  list: {image: a, healthcheck: {test: [CMD, redis-cli, -a, "${P}", "it's"]}}
  http: {image: a, ports: [80], healthcheck: {test: "curl -f http://localhost/up?token=${P}"}}
  web: {image: w, depends_on: {http: {condition: service_healthy}}}
`, map[string]string{"P": "canary"})
	m.outsideSecrets(t, "canary")
	for name, want := range map[string]string{
		"line": `ping -a ''"${PASS}"'' "${PASS}" "${PASS}" $HOME`, "list": `redis-cli -a "${P}" 'it'\''s'`, "http": `curl -f http://localhost/up?token="${P}"`,
	} {
		r := m.pod(t, "Deployment/"+name).Containers[0].ReadinessProbe
		if r.Exec == nil || r.Exec.Command[len(r.Exec.Command)-1] != want {
			t.Errorf("%s: %+v, want %s", name, r.ProbeHandler, want)
		}
	}
}

// TestSecretsOfExtendedServices: ${VAR} is followed into the service that another
// one extends.
func TestSecretsOfExtendedServices(t *testing.T) {
	m := of(t, `
services:
  base: {image: a, environment: {UPSTREAM: "http://x/${APP_KEY}"}}
  api: {extends: base}
`, map[string]string{"APP_KEY": "canary"})
	m.outsideSecrets(t, "canary")
}

// TestSecretsOfXBridge: the policy names the Secret's key, and not its value.
func TestSecretsOfXBridge(t *testing.T) {
	const text = "services: {api: {image: a, x-bridge: {env: {API: \"${API_KEY}\", LEVEL: \"${LEVEL}\"}}}}\n"
	env := map[string]string{"API_KEY": "canary", "LEVEL": "debug"}
	m := of(t, text, env)
	m.outsideSecrets(t, "canary")
	if !strings.Contains(m.text, "debug") {
		t.Error("what is no secret is there")
	}
}

// TestSecretFiles: a key is withheld; what a file of the project spells out is kept.
func TestSecretFiles(t *testing.T) {
	files := fstest.MapFS{
		"project/tls/server.key": {Data: []byte("canary")}, "project/tls/server.crt": {Data: []byte("-----BEGIN CERTIFICATE-----")},
		"project/app.ini": {Data: []byte("url = postgres://app:s3cr3t-of-the-file@db/app\n")}, "project/.env": {Data: []byte("A=canary")}, "project/.env.example": {Data: []byte("A=shown")},
	}
	m := of(t, `
services: {web: {image: w, volumes: ["./tls:/etc/tls:ro", "./app.ini:/etc/app.ini", "./.env:/app/.env", "./.env.example:/app/.env.example"]}}
`, nil, func(in *Input) { in.Files = files })
	m.outsideSecrets(t, "canary", "s3cr3t-of-the-file")
	if s := m.secret(t); s["app.ini"] == "" || s["server.key"] != "" || strings.Contains(m.text, "canary") {
		t.Errorf("%v", s)
	}
	pod := m.pod(t, "Deployment/web")
	if n := len(pod.Containers[0].VolumeMounts); n != 4 || !strings.Contains(m.text, "A=shown") {
		t.Errorf("%d mounts in\n%s", n, m.text)
	}
}

// TestReservedFileNames: no service takes the place of what no service owns.
func TestReservedFileNames(t *testing.T) {
	m := of(t, `
services: {secrets: {image: a, environment: {API_KEY: x1}}, volumes: {image: a}, configmaps: {image: a}, bridgestack: {image: a}, wait-for-jobs: {image: a}}
`, nil)
	names := map[string]bool{}
	for _, f := range m.Files {
		if names[f.Name] {
			t.Errorf("there are two files %s", f.Name)
		}
		names[f.Name] = true
	}
}

// TestRandomValues: what is told from a word, and what is not.
func TestRandomValues(t *testing.T) {
	for value, want := range map[string]bool{
		"cAn4ry9f8Kq2Lm7Zp3": true, "3f9a8b7c6d5e4f30a1b2c3d4e5f60718": true, "AbCdEfGhIjKlMnOpQrStUvWx": true, "https://hook.example.com/a/B8f3Kd92Lq0Zx7Tt": true,
		"production": false, "redis://cache:6379/0": false, "ghcr.io/acme/application:1.24.3-alpine3.19": false, "2026-12-01T10:00:00Z": false,
		"10.244.0.0/16": false, "my-very-long-service-name-for-orders": false, "admin@example.com": false, "Europe/Amsterdam": false, "com.example.OrderServiceApplication": false,
		"/var/lib/postgresql/data/pgdata": false, "postgresql16": false, "1234567890123": false, "": false,
	} {
		if got := looksSecret("X", value); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}

// TestSecretsThatMayBeEmpty: of a feature that is off, which the file says by its
// default: nobody waits for them.
func TestSecretsThatMayBeEmpty(t *testing.T) {
	m := of(t, "services: {a: {image: a, environment: {OAUTH_SECRET: \"${X:-}\", OTHER_TOKEN: \"${Y-}\", NEEDED_KEY: \"${Z}\"}}}\n", nil)
	if e := m.env(t, "Deployment/a"); e["OAUTH_SECRET"].ValueFrom != nil || e["OTHER_TOKEN"].ValueFrom != nil || strings.Join(m.Missing, " ") != "NEEDED_KEY" {
		t.Errorf("missing %v, %+v", m.Missing, e)
	}
}
