package remedy

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/diagnosis"
)

// A rollout that begins with a new pod needs room for all of it.
func TestAQuotaHasToHoldTheSurgePod(t *testing.T) {
	mebibytes := func(n int64) *QuotaRoom {
		return &QuotaRoom{Quota: "team", Resource: corev1.ResourceLimitsMemory, Left: n << 20}
	}
	none := QuotaRoom{Quota: "team", Resource: corev1.ResourcePods}
	for name, c := range map[string]struct {
		bounds Bounds
		proxy  string // limit of the other container
		want   string // the new limit, empty is refused
	}{
		"one replica, room for the difference only": {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaMemoryLeft: mebibytes(64)}},
		"one replica, room for the whole pod":       {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaMemoryLeft: mebibytes(192)}, want: "192Mi"},
		"one replica, room for a smaller raise":     {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaMemoryLeft: mebibytes(160)}, want: "160Mi"},
		"the other container needs room as well":    {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaMemoryLeft: mebibytes(192)}, proxy: "32Mi", want: "160Mi"},
		"the old pod goes first":                    {bounds: Bounds{Replicas: 1, QuotaMemoryLeft: mebibytes(64)}, want: "192Mi"},
		// At last there are two new pods, an old one, and the third new one.
		"three replicas":                     {bounds: Bounds{Replicas: 3, SurgesFirst: true, QuotaMemoryLeft: mebibytes(3*192 - 2*128)}, want: "192Mi"},
		"three replicas, a mebibyte short":   {bounds: Bounds{Replicas: 3, SurgesFirst: true, QuotaMemoryLeft: mebibytes(3*192 - 2*128 - 3)}, want: "191Mi"},
		"no room for one more pod":           {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaPodsLeft: &none}},
		"no room, and none is needed":        {bounds: Bounds{Replicas: 1, QuotaPodsLeft: &none}, want: "192Mi"},
		"no room for the request":            {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaMemoryRequestLeft: mebibytes(32)}},
		"room for the request as it is":      {bounds: Bounds{Replicas: 1, SurgesFirst: true, QuotaMemoryRequestLeft: mebibytes(64)}, want: "192Mi"},
		"the request's quota, without surge": {bounds: Bounds{Replicas: 1, QuotaMemoryRequestLeft: &none}, want: "192Mi"},
	} {
		in := input(v1alpha1.CauseOOMKilled, diagnosis.Subject{})
		in.Bounds = c.bounds
		if c.proxy != "" {
			in.Template.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(c.proxy)}
		}
		p, _ := shown(t, in)
		if c.want == "" {
			if p.Remedy != v1alpha1.RemedyEscalate || !strings.Contains(p.Because, "ResourceQuota team") {
				t.Errorf("%s: %s %q: %s", name, p.Remedy, diffOf(p), p.Because)
			}
			continue
		}
		if want := "limits.memory: 128Mi -> " + c.want; !strings.Contains(diffOf(p), want) {
			t.Errorf("%s: %q, want %s: %s", name, diffOf(p), want, p.Because)
		}
	}
}
