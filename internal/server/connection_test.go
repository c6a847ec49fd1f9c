package server

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

// env of KEY=value lines; a value of <missing> is a key that does not exist.
func env(lines ...string) evidence.Env {
	e := evidence.Env{Variables: map[string]evidence.Variable{}, Complete: true}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, "=")
		v := evidence.Variable{Name: name}
		switch {
		case value == "<missing>":
			v.Missing = true
		case redact.Sensitive(name, value):
			v.Secret = evidence.NewSecret(value)
		default:
			v.Value = value
		}
		e.Variables[name] = v
	}
	return e
}

// compared is a connection with its password in the open.
type compared struct {
	evidence.Connection
	Secret string
}

func compare(t *testing.T, got, want evidence.Connection, password string) {
	t.Helper()
	ignore := cmpopts.IgnoreFields(evidence.Connection{}, "Password", "PasswordFor")
	if diff := cmp.Diff(compared{want, password}, compared{got, got.Password.Reveal()}, ignore); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func at(host string, port int32) []evidence.HostPort {
	return []evidence.HostPort{{Host: host, Port: port}}
}

func TestPostgres(t *testing.T) {
	type vars = evidence.ConnectionVariables
	tests := []struct {
		name     string
		env      []string
		names    v1alpha1.ConnectionEnv
		want     evidence.Connection
		password string
	}{
		{"runbook", []string{"POSTGRES_HOST=localhost", "POSTGRES_PORT=5436", "POSTGRES_DATABASE=bridge", "POSTGRES_USER=hook", "POSTGRES_PASSWORD=s3cret", "POSTGRES_SSL_ENABLED=false"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("localhost", 5436), User: "hook", PasswordWanted: true, TLS: evidence.TLSDisable, Database: "bridge",
				Variables: vars{Host: "POSTGRES_HOST", Port: "POSTGRES_PORT", Database: "POSTGRES_DATABASE", User: "POSTGRES_USER", Password: "POSTGRES_PASSWORD", SSLMode: "POSTGRES_SSL_ENABLED"}}, "s3cret"},
		{"libpq", []string{"PGHOST=db", "PGUSER=u", "PGPASSWORD=p", "PGDATABASE=d", "PGSSLMODE=verify-full"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5432), User: "u", PasswordWanted: true, TLS: evidence.TLSVerifyFull, Database: "d",
				Variables: vars{Host: "PGHOST", Database: "PGDATABASE", User: "PGUSER", Password: "PGPASSWORD", SSLMode: "PGSSLMODE"}}, "p"},
		{"URL", []string{"DATABASE_URL=postgresql+asyncpg://u:p%40ss@db:5433/d?ssl=require"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5433), User: "u", PasswordWanted: true, TLS: evidence.TLSRequire, Database: "d", Variables: vars{URL: "DATABASE_URL"}}, "p@ss"},
		{"URL, password unescaped", []string{"DATABASE_URL=postgres://u:p/a@ss@db/d"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5432), User: "u", PasswordWanted: true, Database: "d", Variables: vars{URL: "DATABASE_URL"}}, "p/a@ss"},
		{"URL, several hosts", []string{"POSTGRES_URL=postgres://u@a:1,b:2/d"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 1), User: "u", Database: "d", Variables: vars{URL: "POSTGRES_URL"}}, ""},
		{"URL, host in IPv6", []string{"DATABASE_URL=postgres://u@[fd00::1]:5433/d"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("fd00::1", 5433), User: "u", Database: "d", Variables: vars{URL: "DATABASE_URL"}}, ""},
		{"Spring", []string{"SPRING_DATASOURCE_URL=jdbc:postgresql://db/d?sslmode=verify-ca", "SPRING_DATASOURCE_USERNAME=u", "SPRING_DATASOURCE_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5432), User: "u", PasswordWanted: true, TLS: evidence.TLSVerifyCA, Database: "d",
				Variables: vars{URL: "SPRING_DATASOURCE_URL", User: "SPRING_DATASOURCE_USERNAME", Password: "SPRING_DATASOURCE_PASSWORD"}}, "p"},
		{"Spring, dotted", []string{"spring.datasource.url=jdbc:postgresql://db:1/d?user=u&password=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 1), User: "u", PasswordWanted: true, Database: "d", Variables: vars{URL: "spring.datasource.url"}}, "p"},
		{"libpq DSN", []string{`DB_DSN=host=db port=5433 user=u password='it\'s a' dbname=d sslmode=require`}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5433), User: "u", PasswordWanted: true, TLS: evidence.TLSRequire, Database: "d", Variables: vars{URL: "DB_DSN"}}, "it's a"},
		{"ADO.NET", []string{"ConnectionStrings__Default=Host=db;Port=5433;Username=u;Password=p;Database=d;SSL Mode=Require"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5433), User: "u", PasswordWanted: true, TLS: evidence.TLSRequire, Database: "d", Variables: vars{URL: "ConnectionStrings__Default"}}, "p"},
		{"prefixed", []string{"ORDERS_DB_HOST=db", "ORDERS_DB_NAME=d"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5432), Database: "d", Variables: vars{Host: "ORDERS_DB_HOST", Database: "ORDERS_DB_NAME"}}, ""},
		{"host with a port", []string{"DB_HOST=db:6000"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 6000), Variables: vars{Host: "DB_HOST"}}, ""},
		{"a Service's link is no port", []string{"POSTGRES_HOST=db", "POSTGRES_PORT=tcp://10.96.0.9:5432"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5432), Variables: vars{Host: "POSTGRES_HOST"}}, ""},
		{"password's key does not exist", []string{"PGHOST=db", "PGUSER=u", "PGPASSWORD=<missing>"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("db", 5432), User: "u", PasswordWanted: true, Variables: vars{Host: "PGHOST", User: "PGUSER", Password: "PGPASSWORD"}}, ""},
		{"no host", []string{"POSTGRES_USER=u", "POSTGRES_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{User: "u", PasswordWanted: true, Variables: vars{User: "POSTGRES_USER", Password: "POSTGRES_PASSWORD"}}, "p"},
		{"Unix socket", []string{"PGHOST=/var/run/postgresql", "PGUSER=u"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{User: "u", Variables: vars{Host: "PGHOST", User: "PGUSER"}}, ""},
		{"spelled out", []string{"LEDGER=ledger-db", "LEDGER_PORT=7", "WHO=u", "HOW=p", "PGHOST=other"},
			v1alpha1.ConnectionEnv{Host: "LEDGER", Port: "LEDGER_PORT", User: "WHO", Password: "HOW"},
			evidence.Connection{Servers: at("ledger-db", 7), User: "u", PasswordWanted: true, Variables: vars{Host: "LEDGER", Port: "LEDGER_PORT", User: "WHO", Password: "HOW"}}, "p"},
		{"one of a family spelled out", []string{"POSTGRES_HOST=db", "POSTGRES_PORT=7", "POSTGRES_USER=u", "DATABASE_URL=postgres://x@other/d"}, v1alpha1.ConnectionEnv{Host: "POSTGRES_HOST"},
			evidence.Connection{Servers: at("db", 7), User: "u", Variables: vars{Host: "POSTGRES_HOST", Port: "POSTGRES_PORT", User: "POSTGRES_USER"}}, ""},
		{"URL spelled out", []string{"LEDGER=postgres://u@ledger/d", "DATABASE_URL=postgres://x@other/d"}, v1alpha1.ConnectionEnv{URL: "LEDGER"},
			evidence.Connection{Servers: at("ledger", 5432), User: "u", Database: "d", Variables: vars{URL: "LEDGER"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := postgresClient(env(tt.env...), Spelled{tt.names, true})
			if !ok {
				t.Fatal("nothing was found")
			}
			tt.want.Protocol = evidence.Postgres
			compare(t, got, tt.want, tt.password)
		})
	}
}

func TestOthersAreNotPostgres(t *testing.T) {
	for _, e := range [][]string{
		{},
		{"DB_CONNECTION=mysql", "DB_HOST=db"},
		{"DB_HOST=db", "DB_PORT=3306"},
		{"DATABASE_URL=mysql://u:p@db/d"},
		{"DATABASE_URL=sqlite:///data.db"},
		{"DATABASE_URL=orders-db:5432/orders"}, // no client accepts that
		{"LOG_LEVEL=info", "PORT=8080"},
	} {
		if got, ok := postgresClient(env(e...), Spelled{}); ok {
			t.Errorf("%v was taken for %+v", e, got)
		}
	}
}

func TestKafka(t *testing.T) {
	type vars = evidence.ConnectionVariables
	tests := []struct {
		name     string
		env      []string
		names    v1alpha1.ConnectionEnv
		want     evidence.Connection
		password string
	}{
		{"runbook", []string{"KAFKA_BOOTSTRAP_SERVERS=localhost:29092", "KAFKA_WORKFLOW_TOPIC=dev.workflows.v1", "KAFKA_BUFFER_MEMORY=1"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("localhost", 29092), Topics: []string{"dev.workflows.v1"}, Variables: vars{BootstrapServers: "KAFKA_BOOTSTRAP_SERVERS", Topics: []string{"KAFKA_WORKFLOW_TOPIC"}}}, ""},
		{"list", []string{`KAFKA_BROKERS=["a:1", "b"]`, "KAFKA_GROUP_ID=g"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: []evidence.HostPort{{Host: "a", Port: 1}, {Host: "b", Port: 9092}}, Group: "g", Variables: vars{BootstrapServers: "KAFKA_BROKERS", Group: "KAFKA_GROUP_ID"}}, ""},
		{"SASL over TLS", []string{"KAFKA_BROKERS=SASL_SSL://a:1", "KAFKA_SECURITY_PROTOCOL=SASL_SSL", "KAFKA_SASL_MECHANISM=scram-sha-512", "KAFKA_SASL_USERNAME=u", "KAFKA_SASL_PASSWORD=p"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 1), User: "u", PasswordWanted: true, TLS: evidence.TLSVerifyFull, Mechanism: "SCRAM-SHA-512",
				Variables: vars{BootstrapServers: "KAFKA_BROKERS", User: "KAFKA_SASL_USERNAME", Password: "KAFKA_SASL_PASSWORD", SSLMode: "KAFKA_SECURITY_PROTOCOL"}}, "p"},
		{"Spring with JAAS", []string{"SPRING_KAFKA_BOOTSTRAP_SERVERS=a:1", "SPRING_KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT",
			`SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG=org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="a\"b";`}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 1), User: "u", PasswordWanted: true, TLS: evidence.TLSDisable, Mechanism: "PLAIN",
				Variables: vars{BootstrapServers: "SPRING_KAFKA_BOOTSTRAP_SERVERS", User: "SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG", Password: "SPRING_KAFKA_PROPERTIES_SASL_JAAS_CONFIG", SSLMode: "SPRING_KAFKA_SECURITY_PROTOCOL"}}, `a"b`},
		{"PLAINTEXT means no SASL", []string{"KAFKA_BROKERS=a:1", "KAFKA_SECURITY_PROTOCOL=PLAINTEXT", "KAFKA_SASL_USERNAME=u"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 1), TLS: evidence.TLSDisable, Variables: vars{BootstrapServers: "KAFKA_BROKERS", SSLMode: "KAFKA_SECURITY_PROTOCOL"}}, ""},
		{"host and port", []string{"KAFKA_HOST=a", "KAFKA_PORT=1"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 1), Variables: vars{Host: "KAFKA_HOST", Port: "KAFKA_PORT"}}, ""},
		{"topics in a list, a pattern left out", []string{"KAFKA_BROKERS=a", "KAFKA_TOPICS=x,y ^z.*"}, v1alpha1.ConnectionEnv{},
			evidence.Connection{Servers: at("a", 9092), Topics: []string{"x", "y"}, Variables: vars{BootstrapServers: "KAFKA_BROKERS", Topics: []string{"KAFKA_TOPICS", "KAFKA_TOPICS"}}}, ""},
		{"spelled out", []string{"EVENTS=a:1", "INBOX=t", "READERS=g", "KAFKA_BROKERS=other"}, v1alpha1.ConnectionEnv{BootstrapServers: "EVENTS", Topics: []string{"INBOX"}, ConsumerGroup: "READERS"},
			evidence.Connection{Servers: at("a", 1), Topics: []string{"t"}, Group: "g", Variables: vars{BootstrapServers: "EVENTS", Topics: []string{"INBOX"}, Group: "READERS"}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := kafkaClient(env(tt.env...), Spelled{tt.names, true})
			if !ok {
				t.Fatal("nothing was found")
			}
			tt.want.Protocol = evidence.Kafka
			compare(t, got, tt.want, tt.password)
		})
	}
	if got, ok := kafkaClient(env("KAFKA_AUTO_CREATE_TOPICS_ENABLE=true", "PGHOST=x"), Spelled{}); ok {
		t.Errorf("found %+v where there is no client", got)
	}
}

func TestDeclared(t *testing.T) {
	tests := []struct {
		endpoint v1alpha1.Endpoint
		want     evidence.Connection
	}{
		{v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{}}, evidence.Connection{Protocol: evidence.Postgres, Servers: at("svc", 5432)}},
		{v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{Host: "pg", Port: 6432, Database: "d"}}, evidence.Connection{Protocol: evidence.Postgres, Servers: at("pg", 6432), Database: "d"}},
		{v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{Topics: []v1alpha1.DeclaredTopic{{Name: "t"}}}}, evidence.Connection{Protocol: evidence.Kafka, Servers: at("svc", 9092), Topics: []string{"t"}}},
		{v1alpha1.Endpoint{Kafka: &v1alpha1.KafkaEndpoint{BootstrapServers: []string{"a:1", "b"}}}, evidence.Connection{Protocol: evidence.Kafka, Servers: []evidence.HostPort{{Host: "a", Port: 1}, {Host: "b", Port: 9092}}}},
		{v1alpha1.Endpoint{HTTP: &v1alpha1.HTTPEndpoint{Port: 8001}}, evidence.Connection{Protocol: evidence.HTTP, Servers: at("", 8001), Path: "/health"}},
		{v1alpha1.Endpoint{TCP: &v1alpha1.TCPEndpoint{Port: 6379}}, evidence.Connection{Protocol: evidence.TCP, Servers: at("svc", 6379)}},
	}
	for _, tt := range tests {
		got, ok := Declared(v1alpha1.Service{Name: "svc", Endpoint: &tt.endpoint})
		tt.want.Service = "svc"
		if !ok {
			t.Fatalf("%+v was not found", tt.want)
		}
		compare(t, got, tt.want, "")
	}
	if _, ok := Declared(v1alpha1.Service{Name: "svc"}); ok {
		t.Error("a service without an endpoint declares none")
	}
}

func TestTowardKeepsTheClientsOwnCredentials(t *testing.T) {
	declared, _ := Declared(v1alpha1.Service{Name: "db", Endpoint: &v1alpha1.Endpoint{Postgres: &v1alpha1.PostgresEndpoint{}}})
	e := env("POSTGRES_HOST=localhost", "POSTGRES_USER=u", "POSTGRES_PASSWORD=p", "POSTGRES_DB=d")
	configured, _ := postgresClient(e, Spelled{})
	got := Toward(declared, configured, e)
	want := configured
	want.Service, want.Servers = "db", at("db", 5432)
	compare(t, got, want, "p")
	if diff := cmp.Diff(at("localhost", 5432), got.PasswordFor); diff != "" {
		t.Errorf("the declared server is paired with the password (-want +got):\n%s", diff)
	}
}

func TestImplied(t *testing.T) {
	got := Implied(env("DATABASE_URL=postgres://u:p@db/d", "POSTGRES_HOST=db", "POSTGRES_DB=d", "REPLICA_DB_HOST=standby", "KAFKA_BROKERS=k:1", "POSTGRES_PASSWORD=p"))
	var hosts []string
	for _, c := range got {
		hosts = append(hosts, string(c.Protocol)+" "+c.Server().String())
	}
	if diff := cmp.Diff([]string{"Postgres db:5432", "Postgres standby:5432", "Kafka k:1"}, hosts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzConnectionStrings(f *testing.F) {
	for _, s := range []string{"postgres://u:p@h:1/d?sslmode=require", "jdbc:postgresql://a,b:2/d", `host=h password='a\'b' port=1`, "Host=h;Port=1", "[::1]:5", "a:1,b:2", "://", "=", "'", "postgres://:@/?&=#"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e := env("DATABASE_URL="+s, "KAFKA_BROKERS="+s, "POSTGRES_HOST="+s, "POSTGRES_PORT="+s, "KAFKA_SASL_JAAS_CONFIG="+s, "KAFKA_TOPICS="+s)
		all := Implied(e)
		p, _ := postgresClient(e, Spelled{ConnectionEnv: v1alpha1.ConnectionEnv{URL: "DATABASE_URL"}})
		k, _ := kafkaClient(e, Spelled{})
		for _, c := range append(all, p, k) {
			for _, server := range c.Servers {
				if server.Host == "" || server.Port < 1 || server.Port > 65535 || strings.ContainsAny(server.Host, " \n\t,") {
					t.Fatalf("%q gave the server %q", s, server)
				}
			}
			if c.Protocol == evidence.Postgres && len(c.Servers) > 1 {
				t.Fatalf("%q gave %d servers", s, len(c.Servers))
			}
		}
	})
}
