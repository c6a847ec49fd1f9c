package diagnosis

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
)

// byDeadline decides by the Job controller's or the kubelet's word that a run took too
// long. The Job controller deletes the pods then: they cannot tell more.
func byDeadline(c evidence.Case) (Finding, bool) {
	if !c.Run.Failed || c.Run.Active || c.Run.Reason != "DeadlineExceeded" {
		return Finding{}, false
	}
	return Finding{
		Cause: v1alpha1.CauseDeadlineExceeded, Confidence: v1alpha1.ConfidenceHigh,
		Message:  fmt.Sprintf("%s ran for longer than its activeDeadlineSeconds and was ended for that.", c.Run.Object),
		Evidence: []v1alpha1.EvidenceItem{runItem(c.Run)},
	}, true
}

// byLostPods leaves it at what was found while there were pods, where a run failed and
// they are gone: a Job that restarts its containers in place deletes the pod with the
// last of them.
func byLostPods(c evidence.Case) (Finding, bool) {
	if c.Pod.Name != "" || !c.Run.Failed || c.Run.Active {
		return Finding{}, false
	}
	f := Finding{
		Cause: v1alpha1.CauseUnknown, Confidence: v1alpha1.ConfidenceLow,
		Message:  fmt.Sprintf("%s failed, and its pods are gone with their logs: nothing shows why. With restartPolicy Never the failed pods would stay.", c.Run.Object),
		Evidence: []v1alpha1.EvidenceItem{runItem(c.Run)},
	}
	if p := c.Proved; p.Cause != "" && p.Cause != v1alpha1.CauseUnknown {
		f.Cause, f.Confidence, f.Message, f.Evidence = p.Cause, p.Confidence, p.Message, p.Evidence
	}
	return f, true
}

// runItem cites what is said of a run that failed.
func runItem(r evidence.Run) v1alpha1.EvidenceItem {
	said := strings.TrimSuffix(strings.Join([]string{r.Object, "failed", r.Reason, r.Message}, ": "), ": ")
	return item(v1alpha1.SourceWorkload, r.Ended, strings.TrimSuffix(said, ": "))
}

// maxConditions of an owner are cited.
const maxConditions = 8

// runItems are what the objects above the pod say of themselves; cited says that what is
// said of the run is cited already.
func runItems(c evidence.Case, cited bool) []v1alpha1.EvidenceItem {
	var items []v1alpha1.EvidenceItem
	if c.Run.Failed && !c.Run.Active && !cited {
		items = append(items, runItem(c.Run))
	}
	for _, o := range c.Owner.Conditions[:min(len(c.Owner.Conditions), maxConditions)] {
		items = append(items, item(v1alpha1.SourceWorkload, o.Since, fmt.Sprintf("%s: %s=%s %s: %s", c.Owner.Object, o.Type, o.Status, o.Reason, o.Message)))
	}
	return items
}
