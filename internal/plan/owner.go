package plan

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/workload"
)

// ownedByOperator leaves the template of a workload alone that another operator
// made of an object of its own, such as a database's: what is patched there is put
// back, after two roll-outs of somebody's database. No mode and no approval changes
// that, and so it is said in each mode. Of what only pods are touched by, nothing
// drifts.
func ownedByOperator(in Input) *Decision {
	if in.Owner == (workload.Owner{}) || in.Action.Template == nil {
		return nil
	}
	w := in.Diagnosis.Spec.Workload
	if in.Action.On != nil {
		w = in.Action.On.DiagnosedWorkload
	}
	d := suggested(in, in.ownedBy(w))
	d.Reason, d.Message = v1alpha1.ReasonOwnedByOperator, d.Message+asDiff(in.Proposal.Changes)
	return d
}

// locked leaves alone what the operator does not write at all: what runs to its end, what
// nothing would make anew, what another operator's object controls. No mode and no
// approval changes that. What is done elsewhere, such as a topic that is missing, could
// not be seen to help there: it is suggested as well.
func locked(in Input) *Decision {
	lock := workload.TraitsOf(in.Diagnosis.Spec.Workload.Kind).Lock
	if lock == "" {
		return nil
	}
	d := suggested(in, lock)
	d.Reason, d.Message = v1alpha1.ReasonTemplateLocked, d.Message+asDiff(in.Proposal.Changes)
	return d
}

func (in Input) ownedBy(w v1alpha1.DiagnosedWorkload) string {
	owns := fmt.Sprintf("%s owns %s %s", in.Owner, w.Kind, w.Name)
	if in.Owner.WorkloadKind() == w.Kind && in.Owner.Name == w.Name { // only its pods are seen
		owns = fmt.Sprintf("%s is another operator's", in.Owner)
	}
	var fields []string
	for _, c := range in.Proposal.Changes {
		if f := in.Owner.Field(c.Path); f != "" && !slices.Contains(fields, f) {
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return owns + ": change it there"
	}
	return owns + ": change it there, in " + strings.Join(fields, ", ")
}
