package apply

import (
	"fmt"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/attempt"
	"github.com/bridgestack/operator/internal/gitops"
	"github.com/bridgestack/operator/internal/workload"
)

// OverwriterOf is who last changed what an attempt had changed, nil where that is
// not on record.
func OverwriterOf(w workload.Workload, changes []v1alpha1.FieldChange) *attempt.Overwriter {
	fields, object := gitops.Fields(w.Template(), changes), gitops.ObjectOf(w)
	manager := gitops.TakenBy(object, fields)
	if manager == "" {
		return nil
	}
	owner := gitops.OwnerOf(object)
	if !owner.Reconciles() {
		return &attempt.Overwriter{Name: "the field manager " + manager}
	}
	return &attempt.Overwriter{
		Name: fmt.Sprintf("%s (field manager %s)", owner, manager), Reconciles: true,
		Advice: gitops.IgnoreRule(object, owner, w.Template(), fields, v1alpha1.FieldManager),
	}
}
