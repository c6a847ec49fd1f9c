package stack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/compose"
)

const shop = `
name: shop
services:
  postgres:
    image: postgres:16
    environment: {POSTGRES_DB: orders}
    container_name: shop-postgres
  redpanda:
    image: redpandadata/redpanda
    command: redpanda start --advertise-kafka-addr internal://redpanda:9092,external://localhost:29092
    ports: ["29092:29092"]
    x-bridge: {topics: [{name: orders.v1, partitions: 3}, payments.v1]}
  cache: {image: "redis:7", expose: ["6379"]}
  hook_receiver:
    image: shop/hook:v2
    environment:
      KAFKA_BOOTSTRAP_SERVERS: localhost:29092
      POSTGRES_HOST: shop-postgres
      POSTGRES_PASSWORD: hunter2
      CACHE: cache:6379
      SEARCH_HOST: search
      LOG_LEVEL: info
    depends_on:
      postgres: {condition: service_healthy}
      redpanda: {condition: service_started}
      migrate: {condition: service_completed_successfully}
      search: {condition: service_started, required: false}
    deploy: {resources: {limits: {memory: 1G}}}
    x-bridge: {memoryCeiling: 4Gi}
  migrate: {image: shop/migrate}
  search: {image: elasticsearch}
`

func projectOf(t *testing.T, content string, addresses ...Address) *Project {
	t.Helper()
	p, err := compose.Load(t.Context(), []compose.File{{Name: "compose.yaml", Content: []byte(content)}}, compose.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := p.Facts()
	if err != nil {
		t.Fatal(err)
	}
	return &Project{Facts: f, Addresses: addresses}
}

// labelled is a Deployment whose pods carry their own name as a label.
func labelled(name string) Workload {
	return Workload{Kind: v1alpha1.Deployment, Name: name, TemplateLabels: map[string]string{"app": name}}
}

func addressOf(name, workload string, port, target int32) Address {
	return Address{Name: name, Selector: map[string]string{"app": workload}, Ports: []AddressPort{{port, target}}}
}

// Where the cluster names things otherwise, the project's knowledge is put into
// the cluster's words.
func TestProjectUnderPolicy(t *testing.T) {
	project := projectOf(t, shop,
		addressOf("kafka-internal", "shop-redpanda", 9093, 9092), addressOf("db", "shop-postgres", 5432, 5432), addressOf("cache", "cache", 6379, 6379))
	workloads := []Workload{labelled("shop-redpanda"), labelled("shop-postgres"), labelled("hook-receiver"), labelled("cache")}
	s := ResolveProject(v1alpha1.BridgeStackSpec{}, project, workloads)
	if len(s.Problems) > 0 {
		t.Errorf("problems: %v", s.Problems)
	}
	by := map[string]Service{}
	for _, service := range s.Services {
		by[service.Name] = service
	}
	hook := by["hook_receiver"]
	env := map[string]string{}
	for _, e := range hook.Env {
		env[e.Name] = *e.Value
	}
	var missing []string
	for _, c := range project.Missing(s) {
		missing = append(missing, c.Name)
	}
	for name, c := range map[string]struct{ got, want any }{
		"workload":     {hook.Workload.Name, "hook-receiver"},
		"by project":   {by["redpanda"].Workload.Name, "shop-redpanda"},
		"by container": {by["postgres"].Workload.Name, "shop-postgres"},
		"nothing runs": {len(by), 4},
		"missing":      {missing, []string{"search"}},
		"dependencies": {hook.DependsOn, []v1alpha1.Dependency{{Service: "postgres", Condition: v1alpha1.ServiceHealthy}, {Service: "redpanda", Condition: v1alpha1.ServiceStarted}}},
		"kafka": {by["redpanda"].Endpoint.Kafka, &v1alpha1.KafkaEndpoint{BootstrapServers: []string{"kafka-internal:9093"},
			Topics: []v1alpha1.DeclaredTopic{{Name: "orders.v1", Partitions: 3}, {Name: "payments.v1"}}}},
		"postgres": {by["postgres"].Endpoint.Postgres, &v1alpha1.PostgresEndpoint{Host: "db", Port: 5432, Database: "orders"}},
		"redis":    {by["cache"].Endpoint.Redis, &v1alpha1.RedisEndpoint{Host: "cache", Port: 6379}},
		// Neither the published address nor the password nor a host that is not there.
		"env":     {env, map[string]string{"POSTGRES_HOST": "db", "CACHE": "cache:6379", "LOG_LEVEL": "info"}},
		"ceiling": {s.Policy.CeilingFor(hook).String(), "4Gi"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatThePolicySaysWins(t *testing.T) {
	project := projectOf(t, shop, addressOf("redpanda", "redpanda", 9092, 9092), addressOf("db", "postgres", 5432, 5432))
	debug, own, most := "debug", resource.MustParse("512Mi"), resource.MustParse("2Gi")
	spec := v1alpha1.BridgeStackSpec{
		Services: []v1alpha1.Service{
			{Name: "hook_receiver", Workload: &v1alpha1.WorkloadReference{Name: "hooks"},
				Env:       []v1alpha1.DeclaredEnv{{Name: "LOG_LEVEL", Value: &debug}, {Name: "CACHE", Value: &debug}},
				DependsOn: []v1alpha1.Dependency{{Service: "postgres", Condition: v1alpha1.ServiceStarted}, {Service: "mail"}}},
			{Name: "redpanda", Endpoint: &v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{"elsewhere:9092"}, Topics: []v1alpha1.DeclaredTopic{{Name: "orders.v1", Partitions: 12}}}}},
			{Name: "postgres", External: true, Endpoint: &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{Host: "rds"}}},
			{Name: "cache", MemoryCeiling: &own},
		},
		Remediation: v1alpha1.Remediation{Memory: v1alpha1.MemoryBounds{Ceiling: &most}},
	}
	s := ResolveProject(spec, project, []Workload{labelled("hooks"), labelled("hook-receiver"), labelled("redpanda"), labelled("postgres"), labelled("cache")})
	hook, _ := s.ByName("hook_receiver")
	broker, _ := s.ByName("redpanda")
	database, _ := s.ByName("postgres")
	cache, _ := s.ByName("cache")
	env := map[string]string{}
	for _, e := range hook.Env {
		env[e.Name] = *e.Value
	}
	for name, c := range map[string]struct{ got, want any }{
		"workload":   {hook.Workload.Name, "hooks"},
		"env":        {env, map[string]string{"LOG_LEVEL": "debug", "CACHE": "debug"}},
		"condition":  {hook.DependsOn[0].Condition, v1alpha1.ServiceStarted},
		"added":      {hook.DependsOn[2].Service, "redpanda"},
		"broker":     {broker.Endpoint.Kafka.BootstrapServers, []string{"elsewhere:9092"}},
		"topics":     {broker.Endpoint.Kafka.Topics, []v1alpha1.DeclaredTopic{{Name: "orders.v1", Partitions: 12}, {Name: "payments.v1"}}},
		"external":   {database.Workload == nil && database.Endpoint.Postgres.Host == "rds", true},
		"x-bridge":   {s.Policy.CeilingFor(hook).String(), "2Gi"},
		"ceiling":    {s.Policy.CeilingFor(cache).String(), "512Mi"},
		"unknown":    {s.Problems[0].Reason, v1alpha1.ReasonDependencyUnknown},
		"its place":  {s.Problems[0].Field, "spec.services[0].dependsOn"},
		"no other":   {len(s.Problems), 1},
		"spec alone": {len(spec.Services[0].DependsOn) + len(spec.Services[1].Endpoint.Kafka.Topics), 3},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The project's limit is a ceiling only where the policy sets none, and none
// that the present limit could be held against.
func TestComposeLimitIsTheLastCeiling(t *testing.T) {
	project := projectOf(t, "services: {web: {image: a, mem_limit: 256m, cpus: 0.5}}")
	w := labelled("web")
	w.MemoryLimits = map[string]resource.Quantity{"web": resource.MustParse("1Gi")}
	s := ResolveProject(v1alpha1.BridgeStackSpec{}, project, []Workload{w})
	if got := s.Policy.CeilingFor(s.Services[0]); got.String() != "256Mi" || len(s.Problems) > 0 {
		t.Errorf("ceiling %s, problems %v", got, s.Problems)
	}
	if got := s.Policy.CPUCeilingFor(s.Services[0]); got.String() != "500m" {
		t.Errorf("CPU ceiling %s", got)
	}
	most := resource.MustParse("2Gi")
	s = ResolveProject(v1alpha1.BridgeStackSpec{Remediation: v1alpha1.Remediation{Memory: v1alpha1.MemoryBounds{Ceiling: &most}}}, project, []Workload{w})
	if got := s.Policy.CeilingFor(s.Services[0]); got.String() != "2Gi" {
		t.Errorf("ceiling %s", got)
	}
}

func TestDrift(t *testing.T) {
	web := projectOf(t, `services: {web: {image: "reg.example/shop/web:v2", environment: {A: a, B: b, C: c, D: d, E: 'x-${UNSET}', DB_HOST: localhost, API_KEY: k}, deploy: {resources: {limits: {memory: 1G, cpus: "0.5"}}}}}`).Services[0]
	memory, cpu := resource.MustParse("512Mi"), resource.MustParse("500m")
	got := Drift(web, []Container{{Name: "sidecar"}, {
		Name: "web", Image: "other.example/web:v1", Memory: &memory, CPU: &cpu,
		Env: map[string]string{"A": "a", "B": "canary", "API_KEY": "canary"}, Referenced: map[string]bool{"C": true},
	}})
	want := []v1alpha1.ComposeDrift{
		{Service: "web", Field: "image", Compose: "reg.example/shop/web:v2", Cluster: "other.example/web:v1"},
		{Service: "web", Field: "deploy.resources.limits.memory", Compose: "1Gi", Cluster: "512Mi"},
		{Service: "web", Field: "environment.B", Cluster: "another value"},
		{Service: "web", Field: "environment.D", Cluster: "not set"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := Drift(web, []Container{{Name: "app", Image: "web:v2", Memory: pointerTo("1Gi"), CPU: &cpu, EnvFrom: true}}); len(got) > 0 {
		t.Errorf("what may be set by envFrom is no drift: %v", got)
	}
}

func pointerTo(q string) *resource.Quantity {
	parsed := resource.MustParse(q)
	return &parsed
}

func TestImagesAreTheSame(t *testing.T) {
	for images, want := range map[string]bool{
		"postgres:16 docker.io/library/postgres:16": true, "shop/web registry:5000/web:v3": true, "web:v1 web:v2": false,
		"web api": false, "web:v1 web": false, "web@sha256:a web@sha256:a": true,
	} {
		project, cluster, _ := strings.Cut(images, " ")
		if sameImage(project, cluster) != want {
			t.Errorf("%s: %t", images, !want)
		}
	}
}
