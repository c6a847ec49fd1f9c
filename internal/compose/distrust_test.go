package compose_test

import (
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/compose"
)

// Who may edit a ConfigMap does not thereby take Secrets into containers, claim
// workloads or have them restarted.
func TestDistrust(t *testing.T) {
	project, err := compose.Load(t.Context(), []compose.File{{Name: "shop/compose.yaml", Content: []byte(`
services:
  api:
    image: api
    environment: {LOG_LEVEL: info}
    x-bridge:
      workload: {kind: Deployment, name: payments}
      allowRestart: true
      memoryCeiling: 1Gi
      env:
        STOLEN: {secretKeyRef: {name: payments, key: password}}
        SETTING: {configMapKeyRef: {name: api, key: setting}}
`)}}, compose.Options{ProjectName: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	facts, err := project.Facts()
	if err != nil {
		t.Fatal(err)
	}
	if len(facts.Services) != 1 || facts.Services[0].Bridge.Workload == nil || len(facts.Services[0].Bridge.Env) != 2 {
		t.Fatalf("the project is read as %+v", facts.Services)
	}
	dropped := facts.Distrust()
	b := facts.Services[0].Bridge
	if b.Workload != nil || b.AllowRestart || len(b.Env) != 1 || b.Env[0].Name != "SETTING" || b.MemoryCeiling == nil {
		t.Errorf("what is left: %+v", b)
	}
	var paths []string
	for _, d := range dropped {
		paths = append(paths, strings.TrimPrefix(d.Path, "services.api.x-bridge."))
	}
	if got := strings.Join(paths, " "); got != "workload allowRestart env.STOLEN" {
		t.Errorf("it is said of: %s", got)
	}
	if again := facts.Distrust(); len(again) > 0 {
		t.Errorf("taken back twice: %v", again)
	}
}
