package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEnvTemplate: with what it writes, filled in, the project is loaded.
func TestEnvTemplate(t *testing.T) {
	project, _ := projectIn(t, map[string]string{"compose.yaml": `
services:
  db: {image: "postgres:${TAG:-16}", environment: {POSTGRES_PASSWORD: "${PW:?set it}", A: "${SET:?}", B: "$$NOT", C: "${BLANK}-${OUTER:-${INNER:?why}}"}, env_file: .env.local}
`, ".env": "SET=canary\n"})
	file := filepath.Join(project, "compose.yaml")
	out, _, err := plugin(t, "init", "--env-template", file)
	if err != nil {
		t.Fatal(err)
	}
	want := "# What " + file + ` takes from the environment. Keep it out of commits.

# Required: the project is not loaded without these.
# FILE:3: set it
PW=
# FILE:3: why
INNER=

# Blank where they are not set.
# FILE:3
BLANK=

# Optional, with their defaults.
# FILE:3
#TAG=16
# FILE:3
#OUTER=${INNER:?why}
`
	if want = strings.ReplaceAll(want, "FILE", file); out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

// TestFragments: a service that is in another file beside it is told, and how.
func TestFragments(t *testing.T) {
	project, _ := projectIn(t, map[string]string{
		"compose.web.yaml": "services: {web: {image: \"w:1\", depends_on: [db]}}\n", "compose.db.yaml": "services: {db: {image: \"postgres:16\"}}\n", "other.yaml": "kind: Secret\nservices: {db: }\n",
	})
	web, db := filepath.Join(project, "compose.web.yaml"), filepath.Join(project, "compose.db.yaml")
	_, _, err := plugin(t, "init", web)
	if says := "db is in " + db + ": give both, as by `kubectl bridge init " + db + " " + web + "`"; err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want %s", err, says)
	}
	if out, _, _ := plugin(t, "validate", web); !strings.Contains(out, "give both, as by `kubectl bridge validate "+db) {
		t.Errorf("validate says\n%s", out)
	}
	if _, _, err := plugin(t, "init", db, web); err != nil {
		t.Error(err)
	}
}

// TestOverrideBeside: compose reads it where it is given no file, and so it is told.
func TestOverrideBeside(t *testing.T) {
	project, _ := projectIn(t, map[string]string{
		"docker-compose.yml":          "services: {web: {image: \"w:1\", environment: {SMTP_HOST: maildev}}}\n",
		"docker-compose.override.yml": "services: {maildev: {image: \"m:1\"}}\n",
	})
	file := filepath.Join(project, "docker-compose.yml")
	for _, verb := range []string{"init", "validate"} {
		out, notes, err := plugin(t, verb, file)
		if err != nil || !strings.Contains(notes, "docker-compose.override.yml is not read: name it behind") || strings.Contains(out, "unknown-host") {
			t.Errorf("%s: %v\n%s%s", verb, err, out, notes)
		}
	}
}

// TestFilesGivenTogether: they are one project, wherever they are.
func TestFilesGivenTogether(t *testing.T) {
	project, _ := projectIn(t, map[string]string{
		"compose.yaml": "services: {web: {image: \"w:1\"}}\n", "overrides/db.yaml": "services: {web: {depends_on: {db: {condition: service_healthy}}}, db: {image: \"postgres:16\", healthcheck: {test: pg_isready}}}\n",
	})
	if out, _, err := plugin(t, "validate", filepath.Join(project, "compose.yaml"), filepath.Join(project, "overrides/db.yaml")); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExplain: each decision has a place, and no secret is told.
func TestExplain(t *testing.T) {
	out, _, err := plugin(t, append([]string{"init", "--explain"}, composeFiles(t, "runbook")...)...)
	if err != nil || strings.Contains(out, "canary") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, says := range []string{
		"services.postgres.volumes: a StatefulSet, as it keeps data that nobody else has; each claim is of 1Gi", "services.hook-receiver.environment: API_KEY is a key of the Secret, as its name says so",
		"services.hook-receiver.depends_on: it waits for postgres by postgres at postgres:5432", "services.postgres.ports: its Service has tcp-5432", "services.postgres.healthcheck: a readiness probe",
	} {
		if !strings.Contains(out, says) {
			t.Errorf("no %q in\n%s", says, out)
		}
	}
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "compose.yaml:") {
			t.Errorf("no place: %s", line)
		}
	}
}

// TestLargeRanges: the ports of a media server are read, and said.
func TestLargeRanges(t *testing.T) {
	project, _ := projectIn(t, map[string]string{"compose.yaml": "services: {turn: {image: \"coturn/coturn:4.6\", ports: [\"3478:3478/udp\", \"49152-65535:49152-65535/udp\"]}}\n"})
	file := filepath.Join(project, "compose.yaml")
	started := time.Now()
	out, notes, err := plugin(t, "init", "--manifests", file)
	if err != nil || !strings.Contains(notes, "its 16385 ports are reached inside") || len(out) > 10<<10 {
		t.Errorf("%v, %d bytes\n%s", err, len(out), notes)
	}
	accepted(t, out)
	if out, _, err := plugin(t, "validate", file); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestLargeInput is refused at once.
func TestLargeInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(path, []byte("services: {a: {image: a}}\n#"+strings.Repeat("x", 10<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"init", "validate"} {
		started := time.Now()
		if _, _, err := plugin(t, verb, path); err == nil || !strings.Contains(err.Error(), "more than 1024 KiB") || time.Since(started) > 2*time.Second {
			t.Errorf("%s after %s: %v", verb, time.Since(started), err)
		}
	}
}

// TestFragmentsOfOtherThings: so are networks, volumes, secrets and configs.
func TestFragmentsOfOtherThings(t *testing.T) {
	project, _ := projectIn(t, map[string]string{
		"compose.yaml": "services: {db: {image: \"d:1\"}}\nnetworks: {back: }\nvolumes: {data: }\nsecrets: {token: {environment: T}}\nconfigs: {conf: {content: x}}\n",
		"network.yaml": "services: {a: {image: \"a:1\", networks: [back]}}\n", "volume.yaml": "services: {a: {image: \"a:1\", volumes: [\"data:/d\"]}}\n",
		"secret.yaml": "services: {a: {image: \"a:1\", secrets: [token]}}\n", "config.yaml": "services: {a: {image: \"a:1\", configs: [conf]}}\n",
		"nowhere.yaml": "services: {a: {image: \"a:1\", networks: [else]}}\n",
	})
	for name, what := range map[string]string{"network.yaml": "back", "volume.yaml": "data", "secret.yaml": "token", "config.yaml": "conf"} {
		file, other := filepath.Join(project, name), filepath.Join(project, "compose.yaml")
		out, _, _ := plugin(t, "validate", file)
		if says := what + " is in " + other + ": give both, as by `kubectl bridge validate " + other + " " + file + "`"; !strings.Contains(out, says) {
			t.Errorf("validate says\n%s\nwant %s", out, says)
		}
	}
	if out, _, _ := plugin(t, "validate", filepath.Join(project, "nowhere.yaml")); strings.Contains(out, "give both") {
		t.Errorf("validate says\n%s", out)
	}
}

// A file of secrets that is written again is no longer what others hold open or link to.
func TestReplacedFilesAreNobodyElses(t *testing.T) {
	folder := t.TempDir()
	mine, others := filepath.Join(folder, "secrets.yaml"), filepath.Join(folder, "others")
	for path, mode := range map[string]os.FileMode{mine: 0o644, others: 0o644} {
		if err := os.WriteFile(path, []byte("before"), mode); err != nil {
			t.Fatal(err)
		}
	}
	open, err := os.Open(mine)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := replaceFile(mine, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if seen, _ := io.ReadAll(open); string(seen) != "before" {
		t.Errorf("who had the file open before reads %q", seen)
	}
	if info, err := os.Stat(mine); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode: %v, %v", info.Mode(), err)
	}
	link := filepath.Join(folder, "link")
	if err := os.Symlink(others, link); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(others); string(text) != "before" {
		t.Errorf("what the link leads to is now %q", text)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
