package diagnosis

import (
	"fmt"
	"regexp"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// byTurnedAway decides by a kubelet that did not admit the pod to its node, though the
// scheduler had chosen it: it failed before anything of it ran.
func byTurnedAway(c evidence.Case) (Finding, bool) {
	p := c.Pod
	if p.Phase != "Failed" || p.Reason == "" || p.Reason == "Evicted" || c.Container.Begun() {
		return Finding{}, false
	}
	said := text.AsClause(text.Clip(text.OneLine(printable(strings.TrimSuffix(p.Reason+": "+p.Message, ": "))), maxSaid))
	f := Finding{
		Cause: v1alpha1.CauseUnschedulable, Confidence: v1alpha1.ConfidenceHigh,
		Message:  fmt.Sprintf("The kubelet of the node that was chosen turns the pod away (%s).", said),
		Evidence: []v1alpha1.EvidenceItem{item(v1alpha1.SourceWaiting, p.Created, said)}, Command: describe(c),
	}
	if noDevice.MatchString(p.Message) {
		f.Cause = v1alpha1.CauseDeviceUnavailable
	}
	if isObjectName(c.Node.Name) {
		f.Message = fmt.Sprintf("The kubelet of node %s turns the pod away (%s).", c.Node.Name, said)
		f.Command = "kubectl describe node " + c.Node.Name
	}
	return f, true
}

// noDevice are the device manager's words (pkg/kubelet/cm/devicemanager/manager.go).
var noDevice = regexp.MustCompile(`requested number of devices unavailable|no healthy devices|device plugin`)
