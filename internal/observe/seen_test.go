package observe

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/redact"
)

func TestARotatedSecretIsStillRedacted(t *testing.T) {
	var seen seenSecrets
	seen.with("orders", []evidence.Secret{evidence.NewSecret("OldValue-2025x")})
	r := redact.New(seen.with("orders", []evidence.Secret{evidence.NewSecret("NewValue-2026x")})...)
	if got := r.Text("using OldValue-2025x, then NewValue-2026x"); strings.Contains(got, "Value-20") {
		t.Errorf("it says %q", got)
	}
	if got := len(seen.with("other", nil)); got != 0 {
		t.Errorf("another workload has %d secrets of it", got)
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var seen seenSecrets
	for i := range 2 * mostSeenWorkloads {
		seen.with(fmt.Sprint(i), []evidence.Secret{evidence.NewSecret(strings.Repeat("x", mostSeenValue+1)), evidence.NewSecret(fmt.Sprint("value-", i))})
	}
	for range 3 * mostSeenValues {
		seen.with("rotates", []evidence.Secret{evidence.NewSecret(fmt.Sprint("v", len(seen.byWorkload["rotates"])))})
	}
	if len(seen.byWorkload) != mostSeenWorkloads || len(seen.order) != mostSeenWorkloads || len(seen.byWorkload["rotates"]) > mostSeenValues {
		t.Errorf("%d workloads, %d values", len(seen.byWorkload), len(seen.byWorkload["rotates"]))
	}
	for _, secret := range seen.byWorkload[fmt.Sprint(2*mostSeenWorkloads-1)] {
		if len(secret.Reveal()) > mostSeenValue {
			t.Error("a large value is kept")
		}
	}
}

// A tenant with many workloads of large Secrets fills no more than that.
func TestWhatIsRememberedIsBoundedInBytes(t *testing.T) {
	var s seenSecrets
	var large []evidence.Secret
	for i := range mostSeenValues {
		large = append(large, evidence.NewSecret(fmt.Sprintf("%0*d", mostSeenValue, i)))
	}
	for i := range 64 {
		s.with(fmt.Sprint(i), large)
	}
	held := 0
	for _, secrets := range s.byWorkload {
		for _, secret := range secrets {
			held += len(secret.Reveal())
		}
	}
	if held > 8<<20 || held == 0 {
		t.Errorf("%d MiB are held of %d workloads", held>>20, len(s.byWorkload))
	}
}
