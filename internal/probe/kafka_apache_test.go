package probe

import (
	"testing"
	"time"

	"github.com/bridgestack/operator/internal/realserver"
)

// Apache Kafka itself; one broker for all, as it takes seconds to start.
func TestApacheKafka(t *testing.T) {
	authority := realserver.NewAuthority(t)
	k := realserver.ApacheKafka(t, authority.Issue(t, time.Hour, "127.0.0.1"))
	expect(t, probe(t, local(), k.Connection(realserver.Plaintext)), "Resolve Dial Metadata Listeners Passed")
}
