package remedy

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/server"
)

// configuredBy makes a container's variables those of the template and of its
// connection to a dependency.
func configuredBy(t *testing.T, in *Input, dependency int, protocol evidence.Protocol, lines ...string) {
	t.Helper()
	in.Case.Env = envOf(lines...)
	app := container(in.Template, "app")
	app.Env = nil
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		app.Env = append(app.Env, corev1.EnvVar{Name: name, Value: value})
	}
	c, ok := server.Configured(protocol, in.Case.Env, server.Spelled{})
	if !ok {
		t.Fatalf("%v configures no client", lines)
	}
	c.Service = in.Case.Dependencies[dependency].Service
	in.Case.Dependencies[dependency].Configured = &c
}

// An address keeps the form in which it is written, and what is probed before
// is the address that the client would read.
func TestSetEnvKeepsTheFormOfAnAddress(t *testing.T) {
	for _, c := range []struct {
		protocol evidence.Protocol
		env      []string
		diff     string // empty is refused
	}{
		{evidence.Postgres, []string{"DB_ADDR=localhost:5432"}, "env[DB_ADDR]: localhost:5432 -> postgres:5432"},
		{evidence.Postgres, []string{"POSTGRES_ADDRESS=localhost:5436"}, "env[POSTGRES_ADDRESS]: localhost:5436 -> postgres:5432"},
		{evidence.Postgres, []string{"DB_HOST=localhost", "DB_PORT=5436"}, "env[DB_HOST]: localhost -> postgres\nenv[DB_PORT]: 5436 -> 5432"},
		{evidence.Postgres, []string{"DB_HOST=postgres", "DB_PORT=5436"}, "env[DB_PORT]: 5436 -> 5432"},
		{evidence.Postgres, []string{"POSTGRES_SERVER=tcp://localhost:5432"}, "env[POSTGRES_SERVER]: tcp://localhost:5432 -> tcp://postgres:5432"},
		{evidence.Postgres, []string{"SPRING_DATASOURCE_URL=jdbc:postgresql://localhost:5436/d?ssl=false"}, "env[SPRING_DATASOURCE_URL]: jdbc:postgresql://localhost:5436/d?ssl=false -> jdbc:postgresql://postgres:5432/d?ssl=false"},
		{evidence.Postgres, []string{"DB_HOST=[::1]:5432"}, "env[DB_HOST]: [::1]:5432 -> postgres:5432"},
		{evidence.Postgres, []string{"DB_DSN=host=localhost port=5432 user=app"}, ""},
		{evidence.Kafka, []string{"KAFKA_HOST=localhost:29092"}, "env[KAFKA_HOST]: localhost:29092 -> redpanda:9092"},
		{evidence.Kafka, []string{"KAFKA_URL=kafka://localhost:29092"}, "env[KAFKA_URL]: kafka://localhost:29092 -> kafka://redpanda:9092"},
		{evidence.Kafka, []string{"KAFKA_BROKER_URL=PLAINTEXT://localhost:29092"}, "env[KAFKA_BROKER_URL]: PLAINTEXT://localhost:29092 -> PLAINTEXT://redpanda:9092"},
		{evidence.Kafka, []string{`KAFKA_BROKERS=["localhost:29092"]`}, `env[KAFKA_BROKERS]: ["localhost:29092"] -> ["redpanda:9092"]`},
		{evidence.Kafka, []string{`KAFKA_BROKERS="localhost:29092"`}, `env[KAFKA_BROKERS]: "localhost:29092" -> "redpanda:9092"`},
		{evidence.Kafka, []string{`KAFKA_BROKERS=a:29092, b:29093`}, `env[KAFKA_BROKERS]: a:29092, b:29093 -> redpanda:9092`},
		{evidence.Kafka, []string{`KAFKA_BROKERS=['localhost:29092']`}, ""},
	} {
		cause, dependency := v1alpha1.CausePostgresUnreachable, 0
		if c.protocol == evidence.Kafka {
			cause, dependency = v1alpha1.CauseKafkaUnreachable, 1
		}
		name := []string{"postgres", "redpanda"}[dependency]
		in := input(cause, diagnosis.Subject{Dependency: name})
		configuredBy(t, &in, dependency, c.protocol, c.env...)
		action, refused := Propose(in)
		p, err := action.Proposal(in.Template)
		if err != nil {
			t.Fatal(err)
		}
		if c.diff == "" {
			if p.Remedy == v1alpha1.RemedySetEnv || !strings.Contains(p.Because, "form") {
				t.Errorf("%v: %s %q: %s", c.env, p.Remedy, diffOf(p), p.Because)
			}
			continue
		}
		if got := strings.ReplaceAll(diffOf(p), "containers[app].", ""); p.Remedy != v1alpha1.RemedySetEnv || got != c.diff {
			t.Errorf("%v: %s %q, refused %v", c.env, p.Remedy, got, refused)
			continue
		}
		// A client with the new variables reads the address that was proved.
		after := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: true}
		for _, e := range container(action.Template, "app").Env {
			after.Variables[e.Name] = evidence.Variable{Name: e.Name, Value: e.Value}
		}
		read, _ := server.Configured(c.protocol, after, server.Spelled{})
		if !slices.Equal(read.Servers, action.Proof.Servers) || !slices.Equal(read.Servers, in.Case.Dependencies[dependency].Declared.Servers) {
			t.Errorf("%v: a client would go to %v, proved is %v", c.env, read.Servers, action.Proof.Servers)
		}
	}
}

// Of a variable that is listed twice, the last entry is the one that counts.
func TestSetEnvChangesTheEntryThatCounts(t *testing.T) {
	in := input(v1alpha1.CausePostgresUnreachable, diagnosis.Subject{Dependency: "postgres"})
	app := container(in.Template, "app")
	app.Env = []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: "db-default"}, {Name: "POSTGRES_HOST", Value: "localhost"}}
	action, refused := Propose(in)
	if action.Template == nil {
		t.Fatalf("%v", refused)
	}
	want := []corev1.EnvVar{{Name: "POSTGRES_HOST", Value: "db-default"}, {Name: "POSTGRES_HOST", Value: "postgres"}}
	if got := container(action.Template, "app").Env; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	p, err := action.Proposal(in.Template)
	if err != nil || diffOf(p) != "containers[app].env[POSTGRES_HOST]: localhost -> postgres" {
		t.Errorf("%q, %v", diffOf(p), err)
	}
}

// A change that is none is not proposed, an added empty value is shown, and no
// two of them have the same id.
func TestWhatIsProposedIsShown(t *testing.T) {
	key := &v1alpha1.EnvSource{SecretKeyRef: &v1alpha1.KeyReference{Name: "api-keys", Key: "api"}}
	in := input(v1alpha1.CauseEnvVarInvalid, diagnosis.Subject{Variable: "API_KEY"})
	app := container(in.Template, "app")
	app.Env = append(app.Env, envVar(v1alpha1.DeclaredEnv{Name: "API_KEY", ValueFrom: key}))
	in.Service.Env = []v1alpha1.DeclaredEnv{{Name: "API_KEY", ValueFrom: key}}
	in.KnownKeys = map[ObjectKey]bool{{"Secret", "api-keys", "api"}: true}
	in.Case.Env.Variables = map[string]evidence.Variable{"API_KEY": {Name: "API_KEY", Secret: evidence.NewSecret("changeme"),
		Origin: evidence.Origin{Kind: evidence.OriginSecret, Object: "api-keys", Key: "api"}}}
	if p, _ := shown(t, in); p.Remedy != v1alpha1.RemedyEscalate || !strings.Contains(p.Because, "api-keys") {
		t.Errorf("what is so already is proposed: %s %q: %s", p.Remedy, diffOf(p), p.Because)
	}
	ids := map[string]string{}
	for _, name := range []string{"PREFIX", "SUFFIX"} {
		for _, value := range []string{"", "x"} {
			in := input(v1alpha1.CauseEnvVarMissing, diagnosis.Subject{Variable: name})
			in.Service.Env = []v1alpha1.DeclaredEnv{{Name: name, Value: &value}}
			p, refused := shown(t, in)
			if want := "containers[app].env[" + name + "]: (absent) -> "; !strings.HasPrefix(diffOf(p), want) || diffOf(p) == want {
				t.Errorf("%s=%q: %s %q, refused %v", name, value, p.Remedy, diffOf(p), refused)
			}
			if other := ids[p.ID]; other != "" || len(p.ID) != 32 {
				t.Errorf("%s=%q has the id of %s: %s", name, value, other, p.ID)
			}
			ids[p.ID] = name + "=" + value
		}
	}
}

// Only the pool of the connection in question is changed, and an exhausted one is
// never made smaller.
func TestPools(t *testing.T) {
	for name, c := range map[string]struct {
		cause         v1alpha1.Cause
		second        bool // another database
		variable      string
		present, want string
		remedy        bool
	}{
		"a larger pool for an exhausted one":      {v1alpha1.CausePostgresPoolExhausted, false, "DB_POOL_SIZE", "5", "50", true},
		"a smaller pool for an exhausted one":     {v1alpha1.CausePostgresPoolExhausted, false, "DB_POOL_SIZE", "50", "5", false},
		"a smaller pool for a full server":        {v1alpha1.CausePostgresConnectionsExhausted, false, "DB_POOL_SIZE", "50", "5", true},
		"a larger pool for a full server":         {v1alpha1.CausePostgresConnectionsExhausted, false, "DB_POOL_SIZE", "5", "50", false},
		"workers":                                 {v1alpha1.CausePostgresPoolExhausted, false, "WORKER_POOL_SIZE", "2", "16", false},
		"fewer workers":                           {v1alpha1.CausePostgresConnectionsExhausted, false, "WORKER_POOL_SIZE", "16", "2", false},
		"Redis":                                   {v1alpha1.CausePostgresConnectionsExhausted, false, "REDIS_POOL_SIZE", "50", "5", false},
		"an HTTP client":                          {v1alpha1.CausePostgresConnectionsExhausted, false, "HTTP_MAX_CONNECTIONS", "500", "10", false},
		"threads":                                 {v1alpha1.CausePostgresPoolExhausted, false, "THREAD_POOL_MAX", "4", "64", false},
		"its own family":                          {v1alpha1.CausePostgresPoolExhausted, true, "POSTGRES_POOL_MAX", "4", "64", true},
		"of another database":                     {v1alpha1.CausePostgresPoolExhausted, true, "LEDGER_DB_POOL_SIZE", "4", "64", false},
		"of one of two databases, nobody knows":   {v1alpha1.CausePostgresPoolExhausted, true, "DB_POOL_SIZE", "4", "64", false},
		"Hikari's of a client with one database":  {v1alpha1.CausePostgresPoolExhausted, false, "SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE", "4", "64", true},
		"a size that is none is left to a person": {v1alpha1.CausePostgresPoolExhausted, false, "DB_POOL_SIZE", "", "64", false},
	} {
		in := input(c.cause, diagnosis.Subject{Dependency: "postgres"})
		in.Case.Env = envOf("POSTGRES_HOST=localhost", c.variable+"="+c.present)
		in.Service.Env = []v1alpha1.DeclaredEnv{{Name: c.variable, Value: &c.want}}
		in.Case.Dependencies[0].Configured.Variables = evidence.ConnectionVariables{Host: "POSTGRES_HOST"}
		if c.second {
			other := *in.Case.Dependencies[0].Configured
			other.Variables = evidence.ConnectionVariables{Host: "LEDGER_DB_HOST"}
			in.Case.Dependencies = append(in.Case.Dependencies, evidence.Dependency{Service: "ledger", Configured: &other})
		}
		if p, _ := shown(t, in); (p.Remedy == v1alpha1.RemedySetEnv) != c.remedy {
			t.Errorf("%s: %s %q: %s", name, p.Remedy, diffOf(p), p.Because)
		}
	}
}
