package probe

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/egress"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/test/servers"
)

// How long a whole probe of a healthy server takes, SCRAM and all.
func BenchmarkProbe(b *testing.B) {
	pg := servers.Postgres(b)
	k := servers.Kafka(b, kfake.SeedTopics(1, "orders"))
	for name, c := range map[string]evidence.Connection{"Postgres": pg.Connection(), "Kafka": k.Connection("orders")} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := local().Probe(b.Context(), egress.Scope{}, c, v1alpha1.AsConfigured); got.Outcome() != v1alpha1.ProbePassed {
					b.Fatal(story(got))
				}
			}
		})
	}
}
