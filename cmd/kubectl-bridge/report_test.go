package main

import (
	"archive/zip"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/plugin/classify"
)

func unzipped(t *testing.T, path string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	out := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(text)
	}
	return out
}

// TestReport: the bundle has what helps, no secret, and says what is missing.
func TestReport(t *testing.T) {
	s := newScene(t)
	d := s.diagnosis(v1alpha1.StateEscalated, func(d *v1alpha1.BridgeDiagnosis) {
		d.Status.Loop = &v1alpha1.LoopObservation{Pod: "web-1", Reason: "CrashLoopBackOff"}
	})
	var owner v1alpha1.BridgeStack
	s.get("bridge", &owner)
	owner.Spec.Services[1].Env = []v1alpha1.DeclaredEnv{{Name: "API_TOKEN", Value: new(inLiteral)}, {Name: "DATABASE_URL", Value: new("postgres://shop:" + inURL + "@db:5432/shop")}}
	if err := s.client.Update(t.Context(), &owner); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, kubeconfig := range map[string]string{"admin": kubeconfigOf(t, "admin-of-"+s.namespace), "reader": s.readOnly()} {
		path := filepath.Join(folder, name+".zip")
		out, notes, err := s.as(kubeconfig, "report", d.Name, "-f", path)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, out, "wrote "+path, "read it before you send it on")
		files := unzipped(t, path)
		for _, want := range []string{"stack.yaml", "diagnoses.yaml", "status.txt", "timeline.txt", "operator.txt", "missing.txt", "evidence/" + d.Name + ".jsonl"} {
			if _, there := files[want]; !there {
				t.Errorf("%s: %s is not in it: %v", name, want, slices.Sorted(maps.Keys(files)))
			}
		}
		contains(t, files["diagnoses.yaml"], "OOMKilled")
		contains(t, files["status.txt"], "Escalated")
		all := strings.Join(slices.Collect(maps.Values(files)), "\n")
		for _, leak := range []string{inLiteral, inURL, "managedFields"} {
			if strings.Contains(all, leak) {
				t.Errorf("%s: %s is in the bundle", name, leak)
			}
		}
		var verdicts strings.Builder
		if err := classify.Stream(strings.NewReader(files["evidence/"+d.Name+".jsonl"]), &verdicts, classify.Options{}); err != nil {
			t.Fatal(err)
		}
		contains(t, verdicts.String(), "CommandNotFound")
		if name == "reader" {
			contains(t, notes+files["missing.txt"], "the operator's version", "forbidden")
		}
		if _, _, err := s.as(kubeconfig, "report", "bridge", "-f", path); err == nil || exitCode(err) != exitBadInput {
			t.Errorf("a file that is there is written over: %v", err)
		}
	}
	if _, _, err := s.as(kubeconfigOf(t, "another-of-"+s.namespace), "report", "shop"); err == nil || !strings.Contains(err.Error(), "no BridgeStack shop") {
		t.Errorf("no such stack: %v", err)
	}
}
