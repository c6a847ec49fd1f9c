package diagnosis

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"
	"github.com/bridgestack/operator/internal/admission"
	"github.com/bridgestack/operator/internal/evidence"
	"github.com/bridgestack/operator/internal/text"
)

// byNotCreated decides by why the API server refuses to create the pods, where there
// is none to look at.
func byNotCreated(c evidence.Case) (Finding, bool) {
	if c.Pod.Name != "" {
		return Finding{}, false
	}
	e, ok := lastOf(c.OwnerEvents, "FailedCreate")
	if !ok { // a Deployment that does not even get its ReplicaSet
		e, ok = lastOf(c.OwnerEvents, "ReplicaSetCreateError")
	}
	if !ok {
		return Finding{}, false
	}
	r := admission.Parse(e.Message)
	f := Finding{
		Cause: v1alpha1.CausePodsNotCreated, Confidence: v1alpha1.ConfidenceHigh,
		Message: refusalText(r), Evidence: []v1alpha1.EvidenceItem{eventItem(e)}, Command: refusalCommand(c, r),
	}
	if kind := refuser[r.Kind]; kind != "" && isObjectName(r.Name) {
		f.Subject.Object = kind + "/" + r.Name
	}
	switch r.Kind {
	case admission.WebhookFailed, admission.WebhookCertificate, admission.NamespaceTerminating:
		f.Subject.Beside = f.Subject.Object
	default:
	}
	return f, true
}

// lastOf is the newest event of a reason.
func lastOf(events []evidence.Event, reason string) (evidence.Event, bool) {
	for _, e := range slices.Backward(events) {
		if e.Reason == reason {
			return e, true
		}
	}
	return evidence.Event{}, false
}

// refuser is the kind of object that a refusal names.
var refuser = map[admission.Kind]string{
	admission.Quota: "ResourceQuota", admission.QuotaWantsValues: "ResourceQuota", admission.ServiceAccount: "ServiceAccount",
	admission.PriorityClass: "PriorityClass", admission.RuntimeClass: "RuntimeClass", admission.Policy: "ValidatingAdmissionPolicy",
	admission.Webhook: "Webhook", admission.WebhookFailed: "Webhook", admission.WebhookCertificate: "Webhook",
	admission.NamespaceTerminating: "Namespace",
}

// maxSaid is how much of another program's words a message repeats.
const maxSaid = 400

// refusalText says who refuses and why.
func refusalText(r admission.Refusal) string {
	said := text.AsClause(text.Clip(text.OneLine(printable(r.Detail)), maxSaid))
	r.Name, r.Object = text.Clip(printable(r.Name), maxSaid), text.Clip(printable(r.Object), maxSaid)
	switch r.Kind {
	case admission.Quota:
		return fmt.Sprintf("The ResourceQuota %s lets no further pod in: %s.", r.Name, said)
	case admission.QuotaWantsValues:
		return fmt.Sprintf("The ResourceQuota %s counts what the pod does not set: %s.", r.Name, said)
	case admission.LimitRange:
		return fmt.Sprintf("A LimitRange of the namespace refuses the pod: %s.", said)
	case admission.PodSecurity:
		return fmt.Sprintf("The namespace's Pod Security standard %s refuses the pod: %s.", r.Name, said)
	case admission.ServiceAccount:
		return fmt.Sprintf("The ServiceAccount %s, which the pods run as, does not exist.", r.Name)
	case admission.PriorityClass, admission.RuntimeClass:
		return fmt.Sprintf("The %s %s, which the pods ask for, does not exist.", r.Kind, r.Name)
	case admission.Webhook:
		return fmt.Sprintf("The admission webhook %s refuses the pod: %s.", r.Name, firstOf(said, "it does not say why"))
	case admission.Policy:
		return fmt.Sprintf("The ValidatingAdmissionPolicy %s refuses the pod: %s.", r.Name, said)
	case admission.WebhookFailed:
		return fmt.Sprintf("The admission webhook %s does not answer, and no pod is created without its word: %s.", r.Name, said)
	case admission.WebhookCertificate:
		return fmt.Sprintf("The API server does not accept the certificate of the admission webhook %s, and no pod is created without its word: %s.", r.Name, said)
	case admission.NamespaceTerminating:
		return fmt.Sprintf("The namespace %s is being deleted: nothing is created in it any more.", r.Name)
	case admission.Invalid:
		return fmt.Sprintf("The pod template makes no valid pod: %s.", said)
	case admission.Exists:
		return fmt.Sprintf("%s is there already and is somebody else's.", r.Object)
	case admission.Forbidden, admission.Unknown:
	}
	return fmt.Sprintf("The API server refuses to create the pods: %s.", said)
}

// commands show, or make, what a refusal is about; %n is its name, %s the namespace.
var commands = map[admission.Kind]string{
	admission.Quota:                "kubectl -n %s describe resourcequota %n",
	admission.QuotaWantsValues:     "kubectl -n %s describe resourcequota %n",
	admission.LimitRange:           "kubectl -n %s describe limitrange",
	admission.PodSecurity:          "kubectl label --list namespace %s",
	admission.ServiceAccount:       "kubectl -n %s create serviceaccount %n",
	admission.PriorityClass:        "kubectl get priorityclasses",
	admission.RuntimeClass:         "kubectl get runtimeclasses",
	admission.Webhook:              "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
	admission.WebhookFailed:        "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
	admission.WebhookCertificate:   "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
	admission.Policy:               "kubectl get validatingadmissionpolicy %n -o yaml",
	admission.NamespaceTerminating: "kubectl get namespace %n -o jsonpath='{.status.conditions}'",
	admission.Exists:               "kubectl -n %s describe pod %n",
}

// refusalCommand shows, or makes, what the refusal is about.
func refusalCommand(c evidence.Case, r admission.Refusal) string {
	command := commands[r.Kind]
	switch {
	case command == "", r.Name != "" && !isObjectName(r.Name):
		return describe(c)
	case isObjectName(r.Namespace): // of the service behind a webhook
		return "kubectl -n " + r.Namespace + " get pods,endpointslices"
	}
	return strings.NewReplacer("%s", c.Pod.Namespace, "%n", r.Name).Replace(command)
}
