package observe

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bridgestack/operator/internal/redact"
)

// What a document of a pod shows to others tells no secret that only its place
// gives away.
func TestMaskedKnowsSecretsByTheirPlace(t *testing.T) {
	const secret = "hunter2xyz"
	for _, pod := range []string{
		`{"spec":{"volumes":[{"csi":{"driver":"x","volumeAttributes":{"password":"hunter2xyz","share":"a"}}}]}}`,
		`{"spec":{"volumes":[{"flexVolume":{"driver":"x","options":{"secretKey":"hunter2xyz"}}}]}}`,
		`{"metadata":{"labels":{"api-token":"hunter2xyz","app":"x"}}}`,
		`{"spec":{"containers":[{"args":["serve","--db-password","hunter2xyz","--port","80"]}]}}`,
		`{"spec":{"containers":[{"args":["--token=hunter2xyz"]}]}}`,
	} {
		var value any
		if err := json.Unmarshal([]byte(pod), &value); err != nil {
			t.Fatal(err)
		}
		got, err := Masked(value, redact.New())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), secret) {
			t.Errorf("%s", text)
		}
	}
	kept := `{"env":[{"name":"A","valueFrom":{"secretKeyRef":{"key":"password","name":"db"}}}],"labels":{"app":"token-service"}}`
	var value any
	if err := json.Unmarshal([]byte(kept), &value); err != nil {
		t.Fatal(err)
	}
	got, _ := Masked(value, redact.New())
	if text, _ := json.Marshal(got); string(text) != kept {
		t.Errorf("%s", text)
	}
}
