package diagnosis

import (
	"fmt"
	"regexp"
	"slices"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/scheduling"
	"github.com/bridgestack/operator/internal/text"
)

// claimPending tells which claim of the pod has no volume, and why: the scheduler
// does not say.
func claimPending(c evidence.Case, s scheduling.Sentence, cited v1alpha1.EvidenceItem) Finding {
	f := Finding{
		Cause: v1alpha1.CauseVolumePending, Confidence: v1alpha1.ConfidenceHigh,
		Message: "A PersistentVolumeClaim of the pod has no volume.", Evidence: []v1alpha1.EvidenceItem{cited}, Command: kubectl(c, "get persistentvolumeclaims"),
	}
	for _, r := range s.Of(scheduling.ClaimMissing) {
		return ofClaim(f, r.Claim, fmt.Sprintf("The PersistentVolumeClaim %s, which the pod mounts, does not exist.", text.Clip(printable(r.Claim), maxSaid)))
	}
	for _, claim := range c.Claims {
		if claim.Missing {
			return ofClaim(f, claim.Name, fmt.Sprintf("The PersistentVolumeClaim %s, which the pod mounts, does not exist.", claim.Name))
		}
	}
	claim, found := withoutVolume(c.Claims)
	if !found {
		return f
	}
	f = ofClaim(f, claim.Name, fmt.Sprintf("The PersistentVolumeClaim %s is %s", claim.Name, claim.Phase))
	f.Message += whyPending(claim) + "."
	if e, ok := claimEvent(claim); ok {
		f.Evidence = append(f.Evidence, eventItem(e))
	}
	if isObjectName(claim.Name) {
		f.Command = kubectl(c, "describe persistentvolumeclaim %s", claim.Name)
	}
	if noClass.MatchString(lastSaid(claim)) {
		f.Command = "kubectl get storageclasses"
	}
	return f
}

// withoutVolume is the claim that keeps the pod waiting: one of which it is said what is wrong
// rather than one of which nothing is, and that rather than one that waits for the pod
// to be given a node, as its class has it (volumeBindingMode: WaitForFirstConsumer).
func withoutVolume(claims []evidence.Claim) (evidence.Claim, bool) {
	rank := func(c evidence.Claim) int {
		_, told := claimEvent(c)
		_, waits := lastOf(c.Events, "WaitForFirstConsumer")
		switch {
		case c.Phase != "Pending" && c.Phase != "Lost":
			return 0
		case told:
			return 3
		case waits:
			return 1
		}
		return 2
	}
	var best evidence.Claim
	for _, c := range claims {
		if rank(c) > rank(best) {
			best = c
		}
	}
	return best, rank(best) > 0
}

func ofClaim(f Finding, claim, message string) Finding {
	f.Message = message
	if isObjectName(claim) {
		f.Subject.Object = "PersistentVolumeClaim/" + claim
	}
	return f
}

// The volume controller's words (pkg/controller/volume/persistentvolume).
var (
	noClass   = regexp.MustCompile(`storageclass\.storage\.k8s\.io "([^"]+)" not found`)
	noneAtAll = regexp.MustCompile(`no persistent volumes available for this claim and no storage class is set`)
	byElse    = regexp.MustCompile(`(?i)waiting for a volume to be created,? either by (?:the )?external provisioner '?"?([^'"\s]+)`)
)

// whyPending is what the newest event on the claim says, in words that go on.
func whyPending(claim evidence.Claim) string {
	said := lastSaid(claim)
	switch m := byElse.FindStringSubmatch(said); {
	case noClass.MatchString(said):
		return fmt.Sprintf(": its storage class %s does not exist", text.Clip(printable(noClass.FindStringSubmatch(said)[1]), maxSaid))
	case noneAtAll.MatchString(said):
		return ": it names no storage class, the cluster has no default one, and no volume fits it"
	case m != nil:
		return fmt.Sprintf(": nothing answers for the provisioner %s of its storage class", text.Clip(printable(m[1]), maxSaid))
	case said != "":
		return ": " + text.AsClause(text.Clip(printable(said), maxSaid))
	case claim.Class != "":
		return fmt.Sprintf(", and its storage class %s makes no volume for it", claim.Class)
	}
	return ""
}

// claimEvent is the newest event on a claim that tells what is wrong.
func claimEvent(claim evidence.Claim) (evidence.Event, bool) {
	for _, e := range slices.Backward(claim.Events) {
		switch e.Reason {
		case "ProvisioningFailed", "FailedBinding", "ExternalProvisioning", "ClaimLost", "ClaimMisbound", "VolumeMismatch":
			return e, true
		}
	}
	return evidence.Event{}, false
}

func lastSaid(claim evidence.Claim) string {
	e, _ := claimEvent(claim)
	return e.Message
}
