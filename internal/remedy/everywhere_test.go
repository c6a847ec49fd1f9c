package remedy_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/plan"
	"github.com/bridgestack/operator/internal/plugin/page"
	"github.com/bridgestack/operator/internal/remedy"
	"github.com/bridgestack/operator/internal/stack"
)

var update = flag.Bool("update", false, "write docs/remedies.md anew")

// TestARemedyIsOneFile adds a remedy, in one file and one line of the registry, and
// finds it in the policy, the status, the plan, the plugin and the documentation.
func TestARemedyIsOneFile(t *testing.T) {
	name := remedy.AddDummy(t)
	in := remedy.Segfault()

	unset := stack.PolicyOf(v1alpha1.BridgeStackSpec{})
	if remedy.Allowed(unset, name) || !remedy.Allowed(in.Policy, name) {
		t.Error("policy: it is not off until it is enabled")
	}
	if remedy.Needs(unset, v1alpha1.CauseSegfault, remedy.NeedRecurrences) || !remedy.Needs(in.Policy, v1alpha1.CauseSegfault, remedy.NeedRecurrences) {
		t.Error("policy: what is read does not follow from whether it is enabled")
	}

	action, refused := remedy.Propose(in)
	proposal, err := action.Proposal(in.Template)
	if err != nil || proposal.Remedy != name || len(proposal.Changes) != 1 || len(proposal.ID) != 32 {
		t.Fatalf("status: %+v, %v; refused %v", proposal, err, refused)
	}
	own := v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "api", UID: "1"}
	recorded, err := attempt.ActionOf(action, attempt.Target{Diagnosis: "d", Number: 1, Workload: own, Template: in.Template})
	if err != nil || remedy.CheckAction(name, recorded, own) != nil {
		t.Errorf("status: it cannot be recorded: %v, %v", err, remedy.CheckAction(name, recorded, own))
	}
	w := remedy.TemplateWrite{Remedy: name, Original: in.Template, Changed: action.Template, Scope: &remedy.Scope{Policy: in.Policy, Service: in.Service}}
	if err := w.Check(); err != nil {
		t.Errorf("applier: %v", err)
	}
	w.Changed = action.Template.DeepCopy()
	w.Changed.Spec.Containers[0].Image = "evil:1"
	if err := w.Check(); !errors.Is(err, remedy.ErrNotPermitted) {
		t.Errorf("applier: it may change an image: %v", err)
	}
	if !remedy.Kindred(name, v1alpha1.CauseSegfault, v1alpha1.CauseApplicationError) || remedy.Kindred(v1alpha1.RemedySetEnv, v1alpha1.CauseSegfault, v1alpha1.CauseApplicationError) {
		t.Error("verification: which causes are kindred for it is not known")
	}
	if why := plan.Forbids(plan.Input{Policy: unset}, v1alpha1.Attempt{Proposal: proposal}); !strings.Contains(why, "switches Dummy off") {
		t.Errorf("plan: %q", why)
	}
	if text := page.Proposed(proposal, page.Style{}); !strings.Contains(text, "Dummy on Deployment/api") || !strings.Contains(text, "restartedAt") {
		t.Errorf("plugin: %s", text)
	}
	if !remedy.Approvable(name) {
		t.Error("plugin: it cannot be approved")
	}
	if text := remedy.Document(); !strings.Contains(text, "| Dummy | Restarts what nothing else helps. | off | the pod template as it was, to the byte | Segfault |") {
		t.Errorf("documentation: %s", text)
	}
}

// TestEveryRemedyIsWhole: its name is one of the API's, which refuses others in a
// policy at once, and there are scenarios on real pods in which it helps.
func TestEveryRemedyIsWhole(t *testing.T) {
	var names []string
	scenarios := read(t, "../../test/e2e/remedies_test.go") + read(t, "../../test/e2e/scenarios_test.go") + read(t, "../../test/e2e/causes_test.go")
	for _, d := range remedy.Descriptions() {
		names = append(names, string(d.Name))
		if d.Summary == "" || len(d.Causes) == 0 {
			t.Errorf("%s: no summary or no causes", d.Name)
		}
		if d.Writes != "" && !strings.Contains(scenarios, "v1alpha1.Remedy"+string(d.Name)) {
			t.Errorf("%s: no scenario of test/e2e names it", d.Name)
		}
	}
	names = append(names, string(v1alpha1.RemedyEscalate)) // is what is left, and no entry
	slices.Sort(names)
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal([]byte(read(t, "../../config/crd/bases/bridgestack.dev_bridgestacks.yaml")), &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	var known []string
	for _, e := range spec.Properties["remediation"].Properties["remedies"].Items.Schema.Properties["name"].Enum {
		var name string
		if err := json.Unmarshal(e.Raw, &name); err != nil {
			t.Fatal(err)
		}
		known = append(known, name)
	}
	slices.Sort(known)
	if !slices.Equal(names, known) {
		t.Errorf("the API has %v, the registry %v", known, names)
	}
}

// The documentation is what the registry says.
func TestDocument(t *testing.T) {
	const file = "../../docs/remedies.md"
	if *update {
		if err := os.WriteFile(file, []byte(remedy.Document()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, file) != remedy.Document() {
		t.Error("docs/remedies.md is of another state of the code: go test ./internal/remedy -run TestDocument -update")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
