package compose

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

const shop = `
name: shop
x-db: &db
  STORE_HOST: database
  STORE_HOST_PASSWORD: hunter2
services:
  postgres:
    image: registry.example.com/timescale/timescaledb-ha:pg16
    container_name: shop-postgres
    environment: {POSTGRES_DB: orders, POSTGRES_PASSWORD: "${PW:-s3cret}"}
    ports: ["127.0.0.1:5433:5432"]
    networks: {default: {aliases: [database]}}
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U postgres"], interval: 5s, start_period: 1m}
  redpanda:
    image: redpandadata/redpanda:v25.1.1
    command:
      - redpanda
      - start
      - --kafka-addr internal://0.0.0.0:9092,external://0.0.0.0:29092
      - --advertise-kafka-addr internal://redpanda:9092,external://localhost:29092
    ports: ["29092:29092", "9644"]
    deploy: {resources: {limits: {memory: 1G, cpus: "1.5"}, reservations: {memory: 512M}}}
  topics:
    image: redpandadata/redpanda:v25.1.1
    entrypoint: ["/bin/sh", "-c"]
    command:
      - |
        rpk topic create orders.v1 payments.v1 -p 6 -r 1 -X brokers=redpanda:9092 &&
        rpk topic create $$NAME -p 3
    depends_on: [redpanda]
  worker:
    image: shop/worker
    environment:
      <<: *db
      STORE_PORT: "5432"
      KAFKA_BOOTSTRAP_SERVERS: localhost:29092
      BROKERS: redpanda:9092
      OTHER_BROKERS: redpanda:29092
      UI: http://ui
      UNSET:
    mem_limit: 256m
    healthcheck: {test: curl -fsS http://localhost:8000/health/ready || exit 1, timeout: 3s, retries: 5}
    expose: ["8000"]
    depends_on:
      postgres: {condition: service_healthy}
      redpanda: {condition: service_started, required: false}
      topics: {condition: service_completed_successfully}
    x-bridge: {memoryCeiling: 1Gi, workload: shop-worker, env: {B: 1, A: {secretKeyRef: {name: s, key: k}}}}
  ui: {image: provectuslabs/kafka-ui, x-bridge: {ignore: true}, depends_on: [redpanda]}
  debug: {image: busybox, profiles: [debug]}
`

func factsOf(t *testing.T, content string) Facts {
	t.Helper()
	p, err := load(t, Options{}, content)
	if err != nil {
		t.Fatal(err)
	}
	f, err := p.Facts()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFacts(t *testing.T) {
	f := factsOf(t, shop)
	var names []string
	by := map[string]Service{}
	for _, s := range f.Services {
		names = append(names, s.Name)
		by[s.Name] = s
	}
	if want := []string{"postgres", "redpanda", "topics", "worker"}; !cmp.Equal(names, want) || f.Project != "shop" {
		t.Fatalf("%s: services %v, want %v", f.Project, names, want)
	}
	for name, c := range map[string]struct{ got, want any }{
		"names":       {by["postgres"].Names, []string{"postgres", "shop-postgres", "database"}},
		"role":        {by["postgres"].Role, RolePostgres},
		"database":    {by["postgres"].Database, "orders"},
		"published":   {by["postgres"].Ports, []Port{{5432, 5433, "tcp"}}},
		"secret":      {by["postgres"].Env[1], Variable{Name: "POSTGRES_PASSWORD", Secret: true}},
		"check":       {by["postgres"].Health, &HealthCheck{Command: []string{"pg_isready -U postgres"}, Shell: true, Interval: 5 * time.Second, Timeout: 30 * time.Second, Retries: 3, StartPeriod: time.Minute}},
		"place":       {by["postgres"].Position, Position{"compose.yaml", 7}},
		"broker":      {by["redpanda"].Role, RoleRedpanda},
		"listeners":   {by["redpanda"].Listeners, []Listener{{"internal", "redpanda", 9092, true}, {"external", "localhost", 29092, false}}},
		"unpublished": {by["redpanda"].Ports, []Port{{29092, 29092, "tcp"}, {9644, 0, "tcp"}}},
		"limits":      {by["redpanda"].Limits, Resources{1 << 30, 1500}},
		"reserved":    {by["redpanda"].Reservations, Resources{512 << 20, 0}},
		"topics":      {by["redpanda"].Topics, []v1alpha1.DeclaredTopic{{Name: "orders.v1", Partitions: 6, ReplicationFactor: 1}, {Name: "payments.v1", Partitions: 6, ReplicationFactor: 1}}},
		"a client":    {by["topics"].Role, Role("")},
		"one shot":    {[]bool{by["topics"].OneShot, by["worker"].OneShot}, []bool{true, false}},
		"http":        {by["worker"].Health.HTTP, &HTTPCheck{"http", 8000, "/health/ready"}},
		"mem_limit":   {by["worker"].Limits, Resources{Memory: 256 << 20}},
		"dependencies": {by["worker"].DependsOn, []Dependency{
			{"postgres", v1alpha1.ServiceHealthy, true, v1alpha1.ConnectionEnv{Host: "STORE_HOST", Port: "STORE_PORT"}},
			{"redpanda", v1alpha1.ServiceStarted, false, v1alpha1.ConnectionEnv{}},
			{"topics", v1alpha1.ServiceCompletedSuccessfully, true, v1alpha1.ConnectionEnv{}}}},
		"env": {by["worker"].Env, []Variable{
			{Name: "BROKERS", Value: "redpanda:9092", References: []Reference{{"redpanda", 9092, "redpanda", false}}},
			{Name: "KAFKA_BOOTSTRAP_SERVERS", Value: "localhost:29092", References: []Reference{{"localhost", 29092, "redpanda", true}}},
			{Name: "OTHER_BROKERS", Value: "redpanda:29092", References: []Reference{{"redpanda", 29092, "redpanda", true}}},
			{Name: "STORE_HOST", Value: "database", References: []Reference{{"database", 0, "postgres", false}}},
			{Name: "STORE_HOST_PASSWORD", Secret: true},
			{Name: "STORE_PORT", Value: "5432"},
			{Name: "UI", Value: "http://ui"}}},
		"bridge": {by["worker"].Bridge.Workload, &v1alpha1.WorkloadReference{Name: "shop-worker"}},
		"bridge env": {by["worker"].Bridge.Env, []v1alpha1.DeclaredEnv{
			{Name: "A", ValueFrom: &v1alpha1.EnvSource{SecretKeyRef: &v1alpha1.KeyReference{Name: "s", Key: "k"}}}, {Name: "B", Value: new("1")}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBridgeErrorsTellThePlace(t *testing.T) {
	for bridge, says := range map[string]string{
		"memoryCeilng: 1Gi":                      `compose.yaml:5: x-bridge: there is no field "memoryCeilng"`,
		"memoryCeiling: lots":                    "compose.yaml:4: x-bridge: ",
		"memoryCeiling: -1":                      "memoryCeiling: must be more than 0",
		"workload: {kind: Widget, name: a}":      `workload: kind: "Widget" is no kind of workload that is known`,
		"topics: [a b]":                          `"a b" is no name of a topic`,
		"topics: [a]":                            "compose.yaml:5: x-bridge.topics: which broker is to have them is not clear",
		"topics: [{name: a, partitions: 20000}]": "partitions are 1 to 10000",
		"env: {A: [b]}":                          "a value is a text, a number, a boolean or a reference",
		"env: {A: {secretKeyRef: {name: a, key: b}, configMapKeyRef: {name: a, key: b}}}": "set exactly one of",
		"env: {'A B': c}": `"A B" is no name of a variable`,
	} {
		t.Run(bridge, func(t *testing.T) {
			p, err := load(t, Options{}, "services:\n  web:\n    image: a\n    x-bridge:\n      "+bridge+"\n  other: {image: b}\n")
			if err != nil {
				t.Fatal(err)
			}
			f, err := p.Facts()
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got  %v\nwant %s", err, says)
			}
			if len(f.Services) != 2 {
				t.Errorf("the rest was not read: %v", f.Services)
			}
		})
	}
}

// What is not known of a value keeps it from being declared.
func TestVariablesThatAreNotSet(t *testing.T) {
	const content = `services: {web: {image: a, environment: [
		"DATABASE_URL=postgres://u:${DB_PASSWORD:?}@db/x", "GREETING=Bearer ${API_TOKEN:-none}", "REGION=${ZONE}-1", "PLAIN=${SET}", "LEVEL=${NOT_SET:-info}"]}}`
	p, err := load(t, Options{Environment: map[string]string{"SET": "a"}, WithoutSecrets: true}, content)
	if err != nil {
		t.Fatal(err)
	}
	f, err := p.Facts()
	if err != nil {
		t.Fatal(err)
	}
	want := []Variable{
		{Name: "DATABASE_URL", Secret: true}, {Name: "GREETING", Secret: true}, {Name: "LEVEL", Value: "info"},
		{Name: "PLAIN", Value: "a"}, {Name: "REGION", Value: "-1", Partial: true},
	}
	if diff := cmp.Diff(want, f.Services[0].Env); diff != "" {
		t.Error(diff)
	}
	var declared []string
	for _, e := range f.Services[0].DeclaredEnv() {
		declared = append(declared, e.Name)
	}
	if diff := cmp.Diff([]string{"LEVEL", "PLAIN"}, declared); diff != "" || !cmp.Equal(p.Unset, []string{"ZONE"}) {
		t.Errorf("declared %v, unset %v", declared, p.Unset)
	}
	if _, err := load(t, Options{}, content); err == nil || !strings.Contains(err.Error(), "the required variable DB_PASSWORD is not set") {
		t.Errorf("whoever has the secrets is told: %v", err)
	}
}

// TestWatcherGoesOn: what waits for events of the engine does not end, though it alone
// is not restarted.
func TestWatcherGoesOn(t *testing.T) {
	text := "services:\n  fetch: {image: f:1}\n  heal: {image: h:1, volumes: [\"/var/run/docker.sock:/var/run/docker.sock\"]}\n"
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		text += "  " + name + ": {image: a:1, restart: always}\n"
	}
	p, err := load(t, Options{}, text)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := p.Facts()
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]bool{"fetch": true, "heal": false} {
		if s, _ := facts.ByName(service); s.OneShot != want {
			t.Errorf("%s: one shot: %t", service, s.OneShot)
		}
	}
}
