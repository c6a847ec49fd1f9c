package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecorderKeepsWhatChanged(t *testing.T) {
	var out strings.Builder
	r := &recorder{out: &out, last: map[string]string{}}
	at := time.Unix(1_700_000_000, 0)
	for i, text := range []string{
		"# HELP bridgestack_stack_ready 1 where the policy is followed.\nbridgestack_stack_ready{stack=\"shop\"} 1\nbridgestack_open_diagnoses{state=\"Escalated\"} 1\ngo_goroutines 99\n",
		"bridgestack_stack_ready{stack=\"shop\"} 1\nbridgestack_open_diagnoses{state=\"Escalated\"} 2\nbridgestack_probe_duration_seconds_bucket{le=\"1\"} 3\n",
		"bridgestack_stack_ready{stack=\"shop\"} 1\ncontroller_runtime_reconcile_total{controller=\"pod\",result=\"success\"} 7\n",
	} {
		if err := r.add(at.Add(time.Duration(i)*5*time.Second), text); err != nil {
			t.Fatal(err)
		}
	}
	want := `@0.0
bridgestack_open_diagnoses{state="Escalated"} 1
bridgestack_stack_ready{stack="shop"} 1
@5.0
bridgestack_open_diagnoses{state="Escalated"} 2
@10.0
controller_runtime_reconcile_total{controller="pod",result="success"} 7
-bridgestack_open_diagnoses{state="Escalated"}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
