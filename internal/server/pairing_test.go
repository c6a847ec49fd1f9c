package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// What an author of a stack says pairs no password with a server of his choice.
func TestCredentialsArePairedByTheTemplateAlone(t *testing.T) {
	victim := []string{"STRIPE_API_KEY=sk_live_51-THE-SECRET", "LOG_LEVEL=info", "POSTGRES_HOST=postgres", "POSTGRES_USER=hook", "POSTGRES_PASSWORD=pw",
		"AUDIT_URL=postgres://audit@audit/d", "PGPASSWORD=pgpw", "KAFKA_BROKERS=kafka", "KAFKA_SASL_USERNAME=orders", "KAFKA_SASL_PASSWORD=kpw", "TEST_KAFKA_BROKERS=test"}
	for name, c := range map[string]struct {
		protocol evidence.Protocol
		env      []string
		names    v1alpha1.ConnectionEnv
		user     string
		password string
		to       []evidence.HostPort
	}{
		"one family": {evidence.Postgres, victim, v1alpha1.ConnectionEnv{}, "hook", "pw", at("postgres", 5432)},
		"another variable for the password": {evidence.Postgres, victim, v1alpha1.ConnectionEnv{User: "LOG_LEVEL", Password: "STRIPE_API_KEY"},
			"hook", "pw", at("postgres", 5432)},
		"a link for the host":    {evidence.Postgres, victim, v1alpha1.ConnectionEnv{Host: "EVIL_SERVICE_HOST", Port: "EVIL_SERVICE_PORT", User: "LOG_LEVEL", Password: "STRIPE_API_KEY"}, "", "", nil},
		"a literal for the host": {evidence.Postgres, victim, v1alpha1.ConnectionEnv{Host: "LOG_LEVEL", Password: "POSTGRES_PASSWORD"}, "", "", nil},
		"another port":           {evidence.Postgres, append(victim, "METRICS_PORT=9"), v1alpha1.ConnectionEnv{Host: "POSTGRES_HOST", Port: "METRICS_PORT"}, "hook", "pw", at("postgres", 5432)},
		"libpq's own password for a string that the author chose": {evidence.Postgres, victim, v1alpha1.ConnectionEnv{URL: "AUDIT_URL"}, "audit", "", at("audit", 5432)},
		"Kafka":                   {evidence.Kafka, victim, v1alpha1.ConnectionEnv{User: "LOG_LEVEL", Password: "STRIPE_API_KEY"}, "orders", "kpw", at("kafka", 9092)},
		"another list of brokers": {evidence.Kafka, victim, v1alpha1.ConnectionEnv{BootstrapServers: "TEST_KAFKA_BROKERS"}, "orders", "kpw", at("kafka", 9092)},
		"no Kafka at all":         {evidence.Kafka, victim[:2], v1alpha1.ConnectionEnv{User: "LOG_LEVEL", Password: "STRIPE_API_KEY"}, "", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := env(c.env...)
			// The kubelet adds these for every Service of the namespace.
			for link, value := range map[string]string{"EVIL_SERVICE_HOST": "10.96.0.66", "EVIL_SERVICE_PORT": "5432", "PGPORT": "tcp://10.96.0.66:5432"} {
				e.Variables[link] = evidence.Variable{Name: link, Value: value, Origin: evidence.Origin{Kind: evidence.OriginService, Object: "evil"}}
			}
			got, _ := Configured(c.protocol, e, Spelled{ConnectionEnv: c.names})
			if got.User != c.user || got.Password.Reveal() != c.password {
				t.Errorf("credentials %q %q, want %q %q", got.User, got.Password.Reveal(), c.user, c.password)
			}
			if diff := cmp.Diff(c.to, got.PasswordFor); diff != "" {
				t.Errorf("paired with (-want +got):\n%s", diff)
			}
		})
	}
}

// An author who may read the Secrets anyway says what goes together.
func TestAnAuthorWhoMayReadSecretsPairsThem(t *testing.T) {
	e := env("LEDGER=ledger-db", "WHO=u", "HOW_SECRET=p", "PGHOST=other")
	got, _ := postgresClient(e, Spelled{v1alpha1.ConnectionEnv{Host: "LEDGER", User: "WHO", Password: "HOW_SECRET"}, true})
	if diff := cmp.Diff(at("ledger-db", 5432), got.PasswordFor); diff != "" || got.Password.Reveal() != "p" {
		t.Errorf("password %q, paired with (-want +got):\n%s", got.Password.Reveal(), diff)
	}
}

// No author's word takes TLS away from a client that asks for it.
func TestNoAuthorWeakensTLS(t *testing.T) {
	got, _ := postgresClient(env("PGHOST=db", "PGSSLMODE=verify-full", "DEBUG=off"), Spelled{ConnectionEnv: v1alpha1.ConnectionEnv{SSLMode: "DEBUG"}})
	if got.TLS != evidence.TLSVerifyFull {
		t.Errorf("sslmode %q", got.TLS)
	}
}

// What a secret stands in, or may stand in, is not a host: it is not shown, not
// looked up and not dialled.
func TestASecretInAHostsPlaceIsNone(t *testing.T) {
	swapped := env("POSTGRES_USER=u", "POSTGRES_PASSWORD=db")
	swapped.Variables["POSTGRES_HOST"] = evidence.Variable{Name: "POSTGRES_HOST", Secret: evidence.NewSecret("Kf7Qw9zLm2"), Misplaced: true}
	brokers := env()
	brokers.Variables["KAFKA_BROKERS"] = evidence.Variable{Name: "KAFKA_BROKERS", Secret: evidence.NewSecret("Kf7Qw9zLm2"), Misplaced: true}
	for name, e := range map[string]evidence.Env{
		"swapped": swapped, "brokers": brokers,
		"@ and / in a password": env("DATABASE_URL=postgres://app:p@ssw0rdX/2024!@db:5432/shop"),
		"@ and #":               env("DATABASE_URL=postgres://app:p@ssw0rdX#1@db:5432/shop"),
		"@ and ?":               env("DATABASE_URL=postgres://app:p@ssw0rdX?1@db:5432/shop"),
		"two slashes":           env("DATABASE_URL=postgres://app:Abc@d/ef/gh@ij@db/shop"),
	} {
		for _, c := range Implied(e) {
			if c.Server().Host != evidence.Redacted {
				t.Errorf("%s: host %q", name, c.Server().Host)
			}
		}
		if len(Implied(e)) == 0 {
			t.Errorf("%s: no client is seen", name)
		}
	}
}
