package apply

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A hold is written beside an owner's annotations, and goes without a trace; an
// owner's own hold is left alone, there and back.
func TestHoldAndLetGo(t *testing.T) {
	until := time.Date(2026, 11, 1, 3, 0, 0, 0, time.FixedZone("", 3600))
	const flux, ours = "kustomize.toolkit.fluxcd.io/reconcile", "bridgestack.dev/held-until"
	for name, c := range map[string]struct {
		before, held, after map[string]string
	}{
		"no annotations":    {nil, map[string]string{flux: "disabled", ours: "2026-11-01T02:00:00Z"}, nil},
		"an owner's":        {map[string]string{"team": "a/b"}, map[string]string{"team": "a/b", flux: "disabled", ours: "2026-11-01T02:00:00Z"}, map[string]string{"team": "a/b"}},
		"reconciled again":  {map[string]string{flux: "enabled"}, map[string]string{flux: "disabled", ours: "2026-11-01T02:00:00Z"}, nil},
		"held before":       {map[string]string{flux: "disabled", ours: "2026-11-01T01:00:00Z"}, map[string]string{flux: "disabled", ours: "2026-11-01T02:00:00Z"}, nil},
		"held by its owner": {map[string]string{flux: "disabled"}, map[string]string{flux: "disabled"}, map[string]string{flux: "disabled"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "api", Annotations: c.before}}
			d = changedBy(t, d, hold(d, until))
			if diff := cmp.Diff(c.held, d.Annotations); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if d = changedBy(t, d, letGo(d)); len(d.Annotations)+len(c.after) > 0 && !cmp.Equal(c.after, d.Annotations) {
				t.Errorf("let go it has %v, want %v", d.Annotations, c.after)
			}
		})
	}
}

func changedBy(t *testing.T, d *appsv1.Deployment, operations []operation) *appsv1.Deployment {
	t.Helper()
	body, err := json.Marshal(append([]operation{{"op": "test", "path": "/metadata/name", "value": d.Name}}, operations...))
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		t.Fatal(err)
	}
	before, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	after, err := patch.Apply(before)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	out := &appsv1.Deployment{}
	if err := json.Unmarshal(after, out); err != nil {
		t.Fatal(err)
	}
	return out
}
