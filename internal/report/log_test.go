package report

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/zap/zapcore"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// At the highest verbosity that one can ask for, nothing is logged of what the API
// server answers, and a secret's form is known in whatever is.
func TestTheLogTellsNoSecret(t *testing.T) {
	var out strings.Builder
	log := Logger(zap.Options{DestWriter: &out, Level: zapcore.Level(-127)})
	log.V(mostVerbose).Info("detail", "url", "postgres://app:hunter2xyz@db/shop")
	log.Error(errors.New("push to https://bot:hunter2xyz@git.example.com/shop: refused"), "failed to push")
	log.V(8).Info("Response Body", "body", "k8s Secret hunter2xyz")
	log.V(6).Info("GET https://10.0.0.1/api/v1/secrets/hunter2xyz")
	got := out.String()
	if strings.Contains(got, "hunter2xyz") || strings.Count(got, "\n") != 2 {
		t.Errorf("logged:\n%s", got)
	}
	for _, want := range []string{"postgres://app:[redacted]@db/shop", "git.example.com/shop: refused"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	out.Reset()
	log = Logger(zap.Options{DestWriter: &out})
	log.V(1).Info("detail")
	log.Info("state")
	if got := out.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("by default it logs:\n%s", got)
	}
}
