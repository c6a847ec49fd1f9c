package remedy

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
	"github.com/bridgestack/operator/internal/evidence"
)

// A client of MySQL is led to the declared server in the form in which its address is
// written, and waits for it by its own protocol.
func TestSetEnvForMySQL(t *testing.T) {
	declared := evidence.Connection{Service: "mariadb", Protocol: evidence.MySQL, Servers: []evidence.HostPort{{Host: "mariadb", Port: 3306}}}
	for env, want := range map[string]string{
		"MYSQL_HOST=localhost": "env[MYSQL_HOST]: localhost -> mariadb",
		"SPRING_DATASOURCE_URL=jdbc:mysql://localhost:3307/shop?useSSL=false": "env[SPRING_DATASOURCE_URL]: jdbc:mysql://localhost:3307/shop?useSSL=false -> jdbc:mysql://mariadb:3306/shop?useSSL=false",
	} {
		in := input(v1alpha1.CauseUpstreamUnreachable, diagnosis.Subject{Dependency: "mariadb"})
		in.Case.Dependencies[0].Service, in.Case.Dependencies[0].Declared = "mariadb", &declared
		configuredBy(t, &in, 0, evidence.MySQL, env)
		action, refused := Propose(in)
		p, err := action.Proposal(in.Template)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll(diffOf(p), "containers[app].", ""); p.Remedy != v1alpha1.RemedySetEnv || got != want {
			t.Errorf("%s: %s %q, refused %v", env, p.Remedy, got, refused)
		}
	}
	waiter := WaiterFor("operator:1", evidence.Dependency{Service: "mariadb", Declared: &declared})
	if got := strings.Join(waiter.Args, " "); !strings.HasPrefix(got, "wait-for --protocol=mysql --address=mariadb:3306") {
		t.Errorf("it waits by %q", got)
	}
}
