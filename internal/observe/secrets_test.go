package observe

import (
	"slices"
	"testing"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

func TestRedactedValues(t *testing.T) {
	for _, test := range []struct {
		name, value string
		names       []string
		want        bool
	}{
		{"a password", "hunter2hunter2", []string{"password"}, true},
		{"a key of any other name", "k-12345", []string{"hook-receiver"}, true},
		{"a user", "bridge", []string{"username", "POSTGRES_USER"}, false},
		{"a user whose key says nothing", "bridge", []string{"pg", "POSTGRES_USER"}, false},
		{"a database", "omninode_bridge", []string{"database"}, false},
		{"bootstrap servers", "a:9092,b:9092", []string{"KAFKA_BOOTSTRAP_SERVERS"}, false},
		{"a host with a password in it", "u:pw@db", []string{"POSTGRES_HOST"}, true},
		{"a URL that is called a database", "postgres://u:pw@db/shop", []string{"database"}, true},
		{"a password that is the user's name too", "bridge", []string{"username", "password"}, false},
		{"a password that two keys hold", "hunter2hunter2", []string{"username", "password"}, true},
		{"a password where a host is expected", "Kf7Qw9zLm2", []string{"POSTGRES_HOST"}, true},
		{"a host", "orders-db-2.shop.svc:5432", []string{"POSTGRES_HOST"}, false},
		{"a user's password", "hunter2", []string{"password_user"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			values := namedValues{}
			for _, name := range test.names {
				values.add("a Secret/"+name, name, test.value)
			}
			if got := len(values.secrets()) > 0; got != test.want {
				t.Errorf("redacted: %t, want %t", got, test.want)
			}
		})
	}
}

// What the samples' Secret holds beside the password must not black out the
// names that a diagnosis is about.
func TestCoordinatesDoNotSpoilEvidence(t *testing.T) {
	values := namedValues{}
	for name, value := range map[string]string{"username": "bridge", "database": "omninode_bridge", "password": "change-me-postgres"} {
		values.add("a Secret/"+name, name, value)
	}
	secrets := values.secrets()
	if !slices.ContainsFunc(secrets, func(s evidence.Secret) bool { return s.Reveal() == "change-me-postgres" }) {
		t.Error("the password is not redacted")
	}
	const line = "topic dev.omninode_bridge.onex.workflows.v1 of image bridgestack.dev/demo not found"
	if got := redact.New(secrets...).Text(line); got != line {
		t.Errorf("got %q", got)
	}
}

// One key in two variables is one place: swapped keys make no name of a password.
func TestAPasswordInAHostsVariableIsNoName(t *testing.T) {
	values := namedValues{}
	for _, name := range []string{"password", "POSTGRES_HOST"} {
		values.add("db/password", name, "correcthorse")
	}
	if len(values.secrets()) != 1 {
		t.Error("it is shown")
	}
}
