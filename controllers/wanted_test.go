package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
)

// asks writes into a diagnosis' spec what a person wants.
func asks(t *testing.T, d *v1alpha1.BridgeDiagnosis, field, id string) {
	t.Helper()
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{%q:%q}}`, field, id))
	if err := k8s.Patch(t.Context(), d.DeepCopy(), patch); err != nil {
		t.Fatal(err)
	}
}

// A person has an attempt taken back that is still being verified: to the byte,
// and nothing else is tried.
func TestPersonHasItTakenBack(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	s := stack(ns, service("api"))
	s.Spec.Remediation.Soak = &metav1.Duration{Duration: time.Hour}
	create(t, s)
	d := deploy(t, ns, "api", needs("192Mi"))
	before := template(t, d)
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateVerifying, v1alpha1.ReasonVerifying)
	if limit(t, d) != "192Mi" {
		t.Fatalf("limit %s, want that of the remedy", limit(t, d))
	}
	asks(t, got, "takeBack", "another-1")
	asks(t, got, "takenBackBy", "somebody")
	asks(t, got, "takeBack", got.Status.Attempts[0].ID)
	got = await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	attempted(t, got, v1alpha1.AttemptRolledBack)
	if after := template(t, d); after != before {
		t.Errorf("the template is not what it was:\nbefore %s\nafter  %s", before, after)
	}
	if because := got.Status.Attempts[0].Message; !strings.Contains(because, "spec.takeBack") {
		t.Errorf("the attempt ended because %q", because)
	}
	if by := got.Status.Attempts[0].TakenBackBy; by != "somebody" {
		t.Errorf("the attempt says that %q had it taken back", by)
	}
}

// What a person rejected is not made, though it is approved as well, and is once the
// person thought better of it.
func TestPersonRejects(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, mode(stack(ns, service("api")), v1alpha1.ModeApprove))
	d := deploy(t, ns, "api", needs("192Mi"))
	before := template(t, d)
	start(t, ns, settings{})
	got := await(t, ns, "api", v1alpha1.StateAwaitingApproval, v1alpha1.ReasonAwaitingApproval)
	id := got.Status.Proposal.ID
	asks(t, got, "rejected", id)
	asks(t, got, "approved", id)
	got = await(t, ns, "api", v1alpha1.StateSuggested, v1alpha1.ReasonRemedySuggested)
	if !strings.Contains(got.Status.Message, "spec.rejected") || template(t, d) != before || len(got.Status.Attempts) > 0 {
		t.Errorf("%s: %s; attempts %v", got.Status.State, got.Status.Message, outcomes(got))
	}
	asks(t, got, "rejected", "")
	got = await(t, ns, "api", v1alpha1.StateRecovered, v1alpha1.ReasonRecovered)
	attempted(t, got, v1alpha1.AttemptHelped)
}
