package permission_test

import (
	"strings"
	"testing"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/permission"
	"github.com/bridgestack/operator/internal/plan"
)

// Where an account is required, nothing is written for a stack without one: a Kafka
// cluster neither, though no right of the API server is needed for that.
func TestWithoutARequiredAccountNothingIsWritten(t *testing.T) {
	required := permission.Reviewer{Accounts: permission.Accounts{Required: true}}
	for name, action := range map[string]v1alpha1.AttemptAction{
		"a topic":  {Type: v1alpha1.ActionCreateTopic, CreateTopic: &v1alpha1.CreateTopicAction{Name: "orders"}},
		"a group":  {Type: v1alpha1.ActionDeleteConsumerGroup, DeleteConsumerGroup: &v1alpha1.DeleteConsumerGroupAction{Group: "orders"}},
		"template": {Type: v1alpha1.ActionPatchTemplate, PatchTemplate: &v1alpha1.PatchTemplateAction{Workload: v1alpha1.DiagnosedWorkload{Kind: v1alpha1.Deployment, Name: "app"}}},
	} {
		denied, err := required.Denied(t.Context(), &v1alpha1.BridgeStack{}, plan.RightsOf(action))
		if err != nil || !strings.Contains(denied, "spec.serviceAccountName") {
			t.Errorf("%s: %q, %v", name, denied, err)
		}
	}
	if denied, err := required.MayReadSecret(t.Context(), &v1alpha1.BridgeStack{}, "hook"); err != nil || denied == "" {
		t.Errorf("a Secret would be sent: %v", err)
	}
	free := permission.Reviewer{}
	if denied, err := free.Denied(t.Context(), &v1alpha1.BridgeStack{}, nil); err != nil || denied != "" {
		t.Errorf("where none is required: %q, %v", denied, err)
	}
}
