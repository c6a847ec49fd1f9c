package main

import (
	"io"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bridgestack/operator/hack/internal/progress"
)

// TestStackOfAComposeFile: the first act's stack is what the plugin makes of its
// compose file, broken as the scenario's would be.
func TestStackOfAComposeFile(t *testing.T) {
	t.Chdir("..") // where it runs
	o := options{conf: "../config", project: "../internal/compose/testdata/projects/runbook/compose.yaml"}
	objects, err := stackOf(t.Context(), o, acts[0], progress.NewPrinter(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		found[object.GetKind()+"/"+object.GetName()] = object
	}
	for _, e := range acts[0].expected {
		if found["Deployment/"+e.service] == nil {
			t.Errorf("there is no Deployment of %s", e.service)
		}
	}
	if mode, _, _ := unstructured.NestedString(found["BridgeStack/omninode-bridge"].Object, "spec", "remediation", "mode"); mode != "Auto" {
		t.Errorf("its policy is %q", mode)
	}
	pod, _, _ := unstructured.NestedMap(found["Deployment/hook-receiver"].Object, "spec", "template", "spec")
	if waits, _, _ := unstructured.NestedSlice(pod, "initContainers"); len(waits) != 2 {
		t.Errorf("hook-receiver waits for %d, want PostgreSQL and the broker", len(waits))
	}
	containers, _, _ := unstructured.NestedSlice(pod, "containers")
	for _, variable := range containers[0].(map[string]any)["env"].([]any) {
		if v := variable.(map[string]any); v["name"] == "POSTGRES_HOST" && v["value"] != "localhost" {
			t.Errorf("nothing is wrong with %v", v)
		}
	}
}

// TestEveryComposeFileOfAnAct: what an act expects of a service is in the stack that
// is made of its compose file, whose faults fit it.
func TestEveryComposeFileOfAnAct(t *testing.T) {
	t.Chdir("..") // where it runs
	o := options{conf: "../config", project: "../internal/compose/testdata/projects/runbook/compose.yaml"}
	for _, a := range acts {
		if a.faults == nil {
			continue
		}
		objects, err := stackOf(t.Context(), o, a, progress.NewPrinter(io.Discard))
		if err != nil {
			t.Fatalf("%s: %v", a.title, err)
		}
		for _, e := range a.expected {
			if !slices.ContainsFunc(objects, func(o *unstructured.Unstructured) bool {
				return o.GetKind() == "Deployment" && o.GetName() == e.service
			}) {
				t.Errorf("%s: there is no Deployment of %s", a.title, e.service)
			}
		}
	}
}
