package validate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/compose"
)

func check(t *testing.T, text string, env map[string]string) []Finding {
	t.Helper()
	return Project(t.Context(), []compose.File{{Name: "compose.yaml", Content: []byte(text)}}, Options{Options: compose.Options{Environment: env}})
}

func lines(found []Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprintf("%d:%d %s %s", f.Line, f.Column, f.Severity, f.Rule))
	}
	return strings.Join(out, "\n")
}

// TestRules: each rule finds its mistake where it is, and nothing where there is none.
func TestRules(t *testing.T) {
	const db = "  db:\n    image: postgres:16\n    ports: [\"127.0.0.1:5433:5432\"]\n    environment: {POSTGRES_PASSWORD: \"${PW}\"}\n"
	const broker = "  broker:\n    image: apache/kafka:3\n    ports: [\"127.0.0.1:29092:29092\"]\n    environment: {KAFKA_ADVERTISED_LISTENERS: \"IN://broker:9092,OUT://localhost:29092\"}\n"
	app := func(rest string) string { return "services:\n  app:\n    image: a:1\n" + rest }
	for name, c := range map[string]struct{ text, want string }{
		"nothing wrong":             {app("    environment: {PGHOST: db, REDIS_URL: \"redis://cache.example.com\"}\n") + db, ""},
		"required variable":         {app("    environment:\n      A: ${A:?needed}\n      B: $${B:?not one}\n"), "5:10 error required-variable"},
		"unset variable":            {app("    environment:\n      A: x ${A} y\n      B: ${B:-b}\n"), "5:10 warning unset-variable"},
		"cycle":                     {"services:\n  a: {image: a:1, depends_on: [b]}\n  b: {image: b:1, depends_on: [a]}\n", "2:3 error dependency-cycle"},
		"invalid":                   {"services:\n  a:\n    image: a:1\n    prots: []\n", "4:5 error compose-invalid"},
		"no YAML":                   {"services: [\n", "2:1 error compose-invalid"},
		"x-bridge":                  {app("    x-bridge: {memoryCeling: 1Gi}\n"), "4:5 error compose-invalid"},
		"unknown host in a URL":     {app("    environment:\n      AMQP_URL: amqp://u:Zq81kx@rabit:5672/v\n") + "  rabbit: {image: rabbitmq:1}\n", "5:7 error unknown-host"},
		"unknown host":              {app("    environment:\n      - PGHOST=databse\n") + db, "5:9 error unknown-host"},
		"extra host":                {app("    extra_hosts: [\"legacy:10.0.0.1\"]\n    environment: {PGHOST: legacy}\n"), ""},
		"localhost":                 {app("    environment:\n      PGHOST: localhost\n") + db, "5:7 error localhost-address"},
		"localhost, of one network": {app("    network_mode: service:x\n    environment: {PGHOST: localhost, DATABASE_URL: \"postgres://u:Zq81kx@localhost:5444/d\"}\n") + "  x: {image: \"x:1\", ports: [\"5444:5444\"]}\n", ""},
		"localhost, of the host":    {app("    network_mode: host\n    environment: {DATABASE_URL: \"postgres://u:Zq81kx@localhost:5433/d\"}\n") + db, ""},
		"localhost, of another":     {app("    network_mode: service:x\n    environment:\n      DATABASE_URL: postgres://u:Zq81kx@localhost:5433/d\n") + "  x: {image: \"x:1\"}\n" + db, "6:7 error localhost-address"},
		"localhost, published":      {app("    environment:\n      URL: http://localhost:5433\n") + db, "5:7 error localhost-address"},
		"localhost, its own":        {app("    ports: [\"80:80\"]\n    environment: {PUBLIC_URL: \"http://localhost:80\", BASE_URL: \"http://localhost\"}\n"), ""},
		"published port":            {app("    environment:\n      DATABASE_URL: postgres://u:Zq81kx@db:5433/d\n") + db, "5:7 error published-port"},
		"listener for the host":     {app("    environment:\n      KAFKA_BROKERS: broker:29092\n") + broker, "5:7 error kafka-listener"},
		"no shared network":         {app("    networks: [a]\n    environment: {PGHOST: db}\n") + db + "    networks: [b]\nnetworks: {a: , b: }\n", "4:5 error no-shared-network"},
		"of the host's network":     {app("    environment:\n      API_URL: http://api:8000\n") + "  api: {image: \"b:1\", network_mode: host}\n", "5:7 error no-shared-network"},
		"of another's network":      {app("    environment:\n      API_URL: http://api:8000\n") + "  api: {image: \"b:1\", network_mode: \"service:vpn\"}\n  vpn: {image: \"v:1\"}\n", "5:7 error no-shared-network"},
		"within another's network":  {app("    network_mode: service:vpn\n    environment: {API_URL: \"http://api:8000\", VPN_URL: \"http://vpn:8001\"}\n") + "  api: {image: \"b:1\"}\n  vpn: {image: \"v:1\"}\n", ""},
		"from the host's network":   {app("    network_mode: host\n    environment:\n      PGHOST: db\n") + db, "6:7 error no-shared-network"},
		"host's network, but told":  {app("    extra_hosts: [\"api:host-gateway\"]\n    environment: {API_URL: \"http://api:8000\"}\n") + "  api: {image: \"b:1\", network_mode: host}\n", ""},
		"healthy without check":     {app("    depends_on: {db: {condition: service_healthy}}\n") + db, "4:18 warning healthy-without-check"},
		"healthy, switched off":     {app("    depends_on: {db: {condition: service_healthy}}\n") + db + "    healthcheck: {disable: true}\n", "4:18 error healthy-without-check"},
		"never completed":           {app("    depends_on: {m: {condition: service_completed_successfully}}\n") + "  m: {image: m:1, restart: always}\n", "5:19 error never-completed"},
		"check of a published port": {app("    ports: [\"8001:8000\"]\n    healthcheck: {test: curl -f http://localhost:8001/}\n"), "5:19 error healthcheck-port"},
		"check of a told port":      {app("    ports: [\"80:80\"]\n    environment: {MANAGEMENT_PORT: 8081}\n    healthcheck: {test: curl -f http://localhost:8081/}\n"), ""},
		"pools":                     {app("    environment:\n      PGHOST: db\n      DB_POOL_MAX_SIZE: 50\n    deploy: {replicas: 2}\n") + db, "6:7 error pool-size"},
		"pools of MariaDB": {"services:\n  app:\n    image: a:1\n    environment:\n      DB_HOST: db\n      DB_POOL_MAX_SIZE: 80\n    deploy: {replicas: 2}\n" +
			"  db: {image: \"mariadb:11\", environment: {MARIADB_RANDOM_ROOT_PASSWORD: \"1\"}}\n", "6:7 error pool-size"},
		"pools of MariaDB, more allowed": {"services:\n  app:\n    image: a:1\n    environment:\n      DB_HOST: db\n      DB_POOL_MAX_SIZE: 80\n    deploy: {replicas: 2}\n" +
			"  db: {image: \"mariadb:11\", environment: {MARIADB_RANDOM_ROOT_PASSWORD: \"1\"}, command: --max-connections=200}\n", ""},
		"pools, more allowed":          {app("    environment: {PGHOST: db, DB_POOL_MAX_SIZE: 50}\n    deploy: {replicas: 2}\n") + db + "    command: -c max_connections=200\n", ""},
		"heap":                         {app("    environment:\n      JAVA_OPTS: -Xmx1g\n    mem_limit: 1g\n"), "5:7 error java-heap"},
		"heap, tight":                  {app("    command: java -Xmx900m -jar a.jar\n    mem_limit: 1g\n"), "4:5 warning java-heap"},
		"heap, fits":                   {app("    environment: {JAVA_OPTS: -Xmx700m}\n    mem_limit: 1g\n"), ""},
		"buffer":                       {app("    environment:\n      KAFKA_BUFFER_MEMORY: 33554432\n    mem_limit: 48m\n"), "5:7 warning kafka-buffer-memory"},
		"redpanda":                     {"services:\n  r:\n    image: redpandadata/redpanda:1\n    command: redpanda start --memory 2G\n    mem_limit: 1g\n", "4:5 error redpanda-memory"},
		"shared buffers":               {"services:\n  db:\n    image: postgres:1\n    command: -c shared_buffers=800MB\n    mem_limit: 1g\n", "4:5 warning postgres-memory"},
		"reservation":                  {app("    deploy: {resources: {limits: {memory: 64M}, reservations: {memory: 128M}}}\n"), "4:64 error reservation-above-limit"},
		"weak":                         {app("    environment:\n      API_KEY: changeme\n"), "5:7 warning weak-secret"},
		"weak, in production":          {app("    environment:\n      NODE_ENV: production\n      API_KEY: your-key-here\n"), "6:7 error weak-secret"},
		"weak, the user's name":        {"services:\n  db:\n    image: postgres:1\n    environment:\n      POSTGRES_USER: shop\n      POSTGRES_PASSWORD: shop\n", "6:7 warning weak-secret"},
		"a switch about passwords":     {app("    environment: {REQUIRE_PASSWORD: \"yes\", PASSWORD_AUTH: \"true\", GF_AUTH_ANONYMOUS_ORG_ROLE: Admin}\n"), ""},
		"short":                        {app("    environment:\n      JWT_SECRET: k3y-of-sixteen-ch\n"), "5:7 warning literal-secret\n5:7 warning short-secret"},
		"empty":                        {"services:\n  db:\n    image: postgres:1\n    environment:\n      POSTGRES_PASSWORD: ''\n", "5:7 warning empty-secret"},
		"empty, with a user":           {app("    environment: {SMTP_USER: mailer, SMTP_PASSWORD: \"${X:-}\"}\n"), "4:38 warning empty-secret"},
		"empty, of a feature":          {app("    environment: {API_KEY: '', OAUTH_GITHUB_SECRET: \"${X:-}\", VAPID_PRIVATE_KEY: , SMTP_USER: '', SMTP_PASSWORD: ''}\n"), ""},
		"development in production":    {app("    environment:\n      ENVIRONMENT: production\n      POSTGRES_SSL_ENABLED: \"false\"\n"), "6:7 warning production-settings"},
		"for browsers":                 {app("    ports: [\"3000:3000\"]\n    environment: {NEXT_PUBLIC_API_URL: \"http://localhost:8000\", EXTERNAL_ENDPOINT: \"http://localhost:8000\", JMX_HOSTNAME: localhost, PGRST_ADMIN_SERVER_HOST: localhost, API_URL: \"http://localhost:8000\"}\n") + "  api: {image: \"b:1\", ports: [\"8000:8000\"]}\n" + db, ""},
		"a database's env_file":        {"services:\n  db: {image: \"mariadb:11\", environment: {MARIADB_HOST: localhost, MARIADB_ROOT_PASSWORD: \"${PW}\"}}\n", ""},
		"a database's own host":        {"services:\n  db: {image: \"mariadb:11\", environment: {MARIADB_HOST: paper, MARIADB_ROOT_PASSWORD: \"${PW}\"}}\n", ""},
		"to be generated":              {app("    environment:\n      UTILS_SECRET: generate_a_new_key\n"), "5:7 warning weak-secret"},
		"the engine's host":            {app("    environment:\n      PGHOST: host.docker.internal\n") + db, "5:7 warning localhost-address"},
		"a port of its image's own":    {"services:\n  otel: {image: \"otel/opentelemetry-collector:0.1\", ports: [\"4317:4317\"], healthcheck: {test: [\"CMD\", \"wget\", \"http://localhost:13133/\"]}}\n", ""},
		"no hosts":                     {app("    environment: {SMS: \"sms://user:pw@mock\", AUTHENTICATION_OIDC_ADDITIONALSCOPES: \"http://1\", OIDC_CALLBACK: \"http://nowhere/x\"}\n"), ""},
		"an external network":          {app("    networks: [out]\n    environment: {PGHOST: theirs}\n") + "networks: {out: {external: true}}\n", ""},
		"no listener for inside":       {app("    environment:\n      KAFKA_BROKERS: kafka:9092\n") + "  kafka: {image: \"apache/kafka:3\", environment: {KAFKA_ADVERTISED_LISTENERS: \"PLAINTEXT://localhost:9092\"}}\n", "5:7 error kafka-listener"},
		"a published port in command":  {app("    command: [\"--db\", \"db:5433\"]\n") + db, "4:5 error published-port"},
		"a host port twice":            {"services:\n  a: {image: \"a:1\", ports: [\"80:80\"]}\n  b: {image: \"b:1\", ports: [\"0.0.0.0:80:8080\"]}\n  c: {image: \"c:1\", ports: [\"80:80/udp\", \"127.0.0.1:80:80\"]}\n", "3:30 error port-conflict"},
		"three of one name":            {app("    container_name: app\n    deploy: {replicas: 3}\n"), "4:5 error compose-invalid"},
		"three at one port":            {app("    ports: [\"80:80\"]\n    deploy: {replicas: 3}\n"), "4:5 error cannot-scale"},
		"three in a range":             {app("    ports: [\"8000-8002:80\"]\n    scale: 3\n"), ""},
		"quotes":                       {app("    environment:\n    - MODE=\"b\"\n    - 'OTHER=c'\n"), "5:7 warning kept-quotes"},
		"no shell":                     {app("    command: migrate && serve\n"), "4:5 error no-shell"},
		"with a shell":                 {app("    command: sh -c 'migrate && serve'\n    entrypoint: [/bin/sh, -c]\n") + "  b: {image: \"b:1\", command: \"bash -ec \\\"a | b\\\"\"}\n  c: {image: \"c:1\", command: \"run --a='x;y' ${Z:-a|b}\"}\n", ""},
		"started only":                 {app("    depends_on: [db]\n") + db, "4:18 warning started-only"},
		"an open database":             {"services:\n  m: {image: \"mongo:7\", ports: [\"27017:27017\"]}\n  n: {image: \"mongo:7\", ports: [\"127.0.0.1:27018:27017\"]}\n", "2:25 warning open-port"},
		"no password":                  {"services:\n  db: {image: \"postgres:16\", environment: {POSTGRES_HOST_AUTH_METHOD: trust}}\n  m: {image: \"mysql:8\", environment: {MYSQL_ALLOW_EMPTY_PASSWORD: \"yes\"}}\n", "2:44 warning no-password\n3:39 warning no-password"},
		"quotes within quotes":         {app("    environment: {DNS_NODES: \"''\"}\n"), ""},
		"a client's own switch":        {app("    environment: {ALLOW_EMPTY_PASSWORD: \"yes\"}\n"), ""},
		"no password where none asks":  {app("    environment: {DB_HOST: db, DB_USER: u, DB_PASS: ''}\n") + "  db: {image: \"postgres:16\", environment: {POSTGRES_HOST_AUTH_METHOD: trust}}\n", "5:44 warning no-password"},
		"the engine's socket":          {app("    volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]\n    privileged: true\n"), "4:5 warning docker-socket\n5:5 warning privileged"},
		"no version":                   {"services:\n  a: {image: nginx}\n  b: {image: \"localhost:5000/b:latest\"}\n  c: {image: \"c@sha256:0000000000000000000000000000000000000000000000000000000000000000\"}\n  d: {image: d, build: .}\n", "2:7 warning unpinned-image\n3:7 warning unpinned-image"},
		"spelled out":                  {app("    environment:\n      API_TOKEN: kd83hf73hf83h\n"), "5:7 warning literal-secret"},
		"easy to guess":                {"services:\n  wordpress:\n    image: w:1\n    environment:\n      SA_PASSWORD: example_123\n      MYSQL_ROOT_PASSWORD: somewordpress\n      B_PASSWORD: P@ssw0rd!\n      JWT_SECRET: your-super-secret-jwt-token-with-at-least-32-characters-long\n      C_PASSWORD: q1w2e3r4\n", "5:7 warning weak-secret\n6:7 warning weak-secret\n7:7 warning weak-secret\n8:7 warning weak-secret\n9:7 warning weak-secret"},
		"an upload for browsers":       {app("    environment: {S3_MEDIA_UPLOAD_ENDPOINT: \"http://localhost:9090\", INIT_PROJECT_SECRET_KEY: \"${X:-}\"}\n") + "  minio: {image: \"minio/minio:1\", ports: [\"9090:9000\"]}\n", ""},
		"words and nothing else":       {app("    environment:\n      SALT: mysalt\n      ENCRYPTION_KEY: \"00000000000000000000000000000000\"\n"), "5:7 warning weak-secret\n6:7 warning weak-secret"},
		"a database of one's own":      {"services:\n  catalogue-db: {image: \"acme/catalogue-db:1\", ports: [\"3306:3306\"], environment: {MYSQL_ROOT_PASSWORD: \"${PW}\"}}\n", "2:48 warning open-port"},
		"one line for two services":    {"x-e: &e\n  API_KEY: changeme\nservices:\n  a: {image: a:1, environment: *e}\n  b: {image: b:1, environment: *e}\n", "2:3 warning weak-secret"},
		"a service of another profile": {app("    environment: {PGHOST: other}\n") + "  other: {image: o:1, profiles: [p]}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			found := check(t, c.text, map[string]string{"PW": "s0me-Th1ng-of-the-environment"})
			if got := lines(found); got != c.want {
				t.Errorf("got %q\nwant %q\n%s\n%+v", got, c.want, c.text, found)
			}
			for _, f := range found {
				if f.Message == "" || f.File != "compose.yaml" {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

func TestMessagesTellNoSecret(t *testing.T) {
	text := "services:\n  a:\n    image: a\n    environment: {JWT_SECRET: canary-1, URL: \"postgres://u:canary-2@lcalhost/d\", K: \"${PW}\"}\n"
	for _, f := range check(t, text, map[string]string{"PW": "canary-3"}) {
		if strings.Contains(f.Message+f.Cure, "canary") {
			t.Errorf("%+v", f)
		}
	}
	for _, f := range EnvFile(compose.File{Name: ".env", Content: []byte("PASSWORD='canary\nB=canary-2\n")}, true) {
		if strings.Contains(f.Message+f.Cure, "canary") {
			t.Errorf("%+v", f)
		}
	}
}

func TestEnvFile(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"fine":       {"# comment\nA=b\nexport API_KEY='kd83hf73hf83h'\n", ""},
		"invalid":    {"A=b\nB C\nD='open\n", "1:1 error env-file-invalid"},
		"weak":       {"A=b\n\nDB_PASSWORD=postgres\n", "3:1 warning weak-secret"},
		"production": {"APP_ENV=prod\nDB_PASSWORD=postgres\n", "2:1 error weak-secret"},
		"empty":      {"SECRET_KEY=\n", "1:1 warning empty-secret"},
		"a feature":  {"API_KEY=\nSMTP_USER=\nSMTP_PASSWORD=\n", ""},
		"twice":      {"A=1\nA=2\n", "2:1 warning duplicate-variable"},
	} {
		t.Run(name, func(t *testing.T) {
			found := EnvFile(compose.File{Name: ".env", Content: []byte(c.text)}, false)
			got := lines(found)
			if name == "invalid" { // the line is the library's
				got = strings.Replace(got, got[:strings.IndexByte(got+":", ':')], "1", 1)
			}
			if got != c.want {
				t.Errorf("got %q, want %q\n%+v", got, c.want, found)
			}
		})
	}
}

const stackHead = "apiVersion: bridgestack.dev/v1alpha1\nkind: BridgeStack\nmetadata: {name: shop}\nspec:\n"

func TestStacks(t *testing.T) {
	for name, c := range map[string]struct{ text, want, says string }{
		"fine":               {stackHead + "  services:\n  - name: db\n    endpoint: {postgres: {}}\n  - name: app\n    dependsOn: [{service: db, condition: service_healthy}]\n", "", ""},
		"another kind":       {"apiVersion: v1\nkind: Secret\nfoo: bar\n", "", ""},
		"unknown field":      {stackHead + "  services:\n  - name: a\n  - name: b\n    depends_on: [a]\n", "8:5 error stack-invalid", "no such field"},
		"bad value":          {stackHead + "  services: [{name: a}]\n  remediation:\n    mode: Automatic\n", "7:5 error stack-invalid", `"Auto"`},
		"rule of the schema": {stackHead + "  services:\n  - name: a\n    dependsOn: [{service: b}]\n", "4:1 error stack-invalid", "must be the name of a service"},
		"a circle":           {stackHead + "  services:\n  - {name: a, dependsOn: [{service: b}]}\n  - {name: b, dependsOn: [{service: a}]}\n", "7:15 error stack-problem", "a -> b -> a"},
		"no YAML":            {stackHead + "  a: [\n", "6:1 error stack-invalid", "no valid YAML"},
		"the second one":     {"apiVersion: v1\nkind: Secret\n---\n" + stackHead + "  foo: 1\n  services: [{name: a}]\n", "8:3 error stack-invalid", "no such field"},
	} {
		t.Run(name, func(t *testing.T) {
			f := compose.File{Name: "stack.yaml", Content: []byte(c.text)}
			if KindOf(f) != KindObjects {
				t.Fatal("it is taken for something else")
			}
			found := Stacks(t.Context(), f)
			if got := lines(found); got != c.want || len(found) > 0 && !strings.Contains(found[0].Message, c.says) {
				t.Errorf("got %q, want %q\n%+v", got, c.want, found)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	for name, want := range map[string]Kind{".env": KindEnv, ".env.production": KindEnv, "prod.env": KindEnv, "compose.yaml": KindCompose, "stack.env.yml": KindCompose} {
		if got := KindOf(compose.File{Name: "a/" + name, Content: []byte("services: {}\n")}); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

// TestRulesAreDistinct: each has an id of its own and asks something.
func TestRulesAreDistinct(t *testing.T) {
	var ids []string
	for _, r := range rules {
		if slices.Contains(ids, r.ID) || r.Summary == "" {
			t.Errorf("%q: there are two, or it has no summary", r.ID)
		}
		ids = append(ids, r.ID)
	}
}

// TestSARIF: what the specification (OASIS, 2.1.0) demands of a log.
func TestSARIF(t *testing.T) {
	var out bytes.Buffer
	found := []Finding{
		{Rule: "unknown-host", Severity: Error, File: "a folder/compose.yaml", Line: 3, Column: 5, Message: "m", Cure: "c"},
		{Rule: "weak-secret", Severity: Warning, Message: "nowhere"},
	}
	if err := SARIF(&out, found); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID               string
						ShortDescription struct{ Text string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Message   struct{ Text string }
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn int }
					}
				}
			}
		}
	}
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-2.1.0.json") || len(log.Runs) != 1 || len(log.Runs[0].Results) != 2 {
		t.Fatalf("%+v", log)
	}
	driver := log.Runs[0].Tool.Driver
	if driver.Name == "" || len(driver.Rules) != len(rules) {
		t.Errorf("driver %+v", driver)
	}
	for _, r := range log.Runs[0].Results {
		if driver.Rules[r.RuleIndex].ID != r.RuleID || driver.Rules[r.RuleIndex].ShortDescription.Text == "" {
			t.Errorf("result %+v does not point at its rule", r)
		}
		if !slices.Contains([]string{"none", "note", "warning", "error"}, r.Level) {
			t.Errorf("level %q is none of SARIF's", r.Level)
		}
	}
	place := log.Runs[0].Results[0].Locations[0].PhysicalLocation
	if place.ArtifactLocation.URI != "a%20folder/compose.yaml" || place.Region.StartLine != 3 || place.Region.StartColumn != 5 {
		t.Errorf("place %+v", place)
	}
	if n := len(log.Runs[0].Results[1].Locations); n != 0 {
		t.Errorf("a finding without a place has %d", n)
	}
}

// TestSharedEnvFile: nobody knows whose a variable of a shared env_file is, and it is
// told once.
func TestSharedEnvFile(t *testing.T) {
	directory := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml": "services:\n  proxy: {image: \"p:1\", env_file: all.env}\n  wiki: {image: \"w:1\", env_file: all.env}\n",
		"all.env":      "SECRET_KEY=k3y-of-sixteen-ch\nAPI_TOKEN=changeme\nAPI_KEY=changeme\nSMTP_SERVER=localhost\n",
	} {
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(filepath.Join(directory, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := Project(t.Context(), []compose.File{{Name: filepath.Join(directory, "compose.yaml"), Content: content}}, Options{Options: compose.Options{Directory: directory}})
	var got []string
	for _, f := range found {
		got = append(got, f.Message)
	}
	want := []string{
		"SMTP_SERVER in the env_file of proxy, wiki leads to localhost, which inside the container is the container itself",
		"SECRET_KEY in the env_file of proxy, wiki has 17 characters; a key for signing needs 32 or more",
		"API_TOKEN in the env_file of proxy, wiki has a value that everybody knows",
		"API_KEY in the env_file of proxy, wiki has a value that everybody knows",
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestOnePasswordOfManyServices: what comes from one variable of .env is told once, with
// who has it, as gravely as for the one that is in production.
func TestOnePasswordOfManyServices(t *testing.T) {
	text := `services:
  api: {image: "a:1", environment: {DATABASE_URL: "postgres://${DB_USER}:${DB_PASSWORD}@db/shop"}}
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: "${DB_PASSWORD:?}"}}
  jobs: {image: "a:1", environment: {NODE_ENV: production, DB_PASSWORD: "${DB_PASSWORD}", PGPASSWORD: "${DB_PASSWORD}"}}
  mail: {image: "m:1", environment: {API_KEY: "${MAIL_KEY:-changeme}", HOST: "${DB_PASSWORD}.example.com"}}
  other: {image: "o:1", environment: {API_KEY: "${OTHER_KEY:-changeme}"}}
`
	var got []string
	for _, f := range check(t, text, map[string]string{"DB_PASSWORD": "changeme", "DB_USER": "changeme"}) {
		got = append(got, fmt.Sprintf("%d %s %s", f.Line, f.Severity, f.Message))
	}
	want := []string{
		"2 error ${DB_PASSWORD} in api, db, jobs has a value that everybody knows",
		"5 warning API_KEY of mail has a value that everybody knows",
		"6 warning API_KEY of other has a value that everybody knows",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestEnvFileFindingsHaveItsLine, and not that of the service which names the file.
func TestEnvFileFindingsHaveItsLine(t *testing.T) {
	content := "# of all\nNAME=x\nAPI_TOKEN=first\nexport API_TOKEN=changeme\n"
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "all.env"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file := compose.File{Name: filepath.Join(directory, "compose.yaml"), Content: []byte("services:\n  a: {image: \"a:1\", env_file: [all.env, {path: gone.env, required: false}]}\n  b: {image: \"b:1\", env_file: all.env, environment: {APP_ENV: production}}\n")}
	found := Project(t.Context(), []compose.File{file}, Options{Options: compose.Options{Directory: directory, Read: os.ReadFile}})
	if len(found) != 1 || found[0].File != filepath.Join(directory, "all.env") || found[0].Line != 4 || found[0].Severity != Error {
		t.Errorf("%+v", found)
	}
}

// TestImagesOwnCheck: a healthcheck that switches nothing off is the image's.
func TestImagesOwnCheck(t *testing.T) {
	found := check(t, "services:\n  app: {image: \"a:1\", depends_on: [m]}\n  m: {image: \"acme/mysql:1\", healthcheck: {disable: false}}\n", nil)
	if len(found) != 1 || found[0].Cure != "write condition: service_healthy" {
		t.Errorf("%+v", found)
	}
}
