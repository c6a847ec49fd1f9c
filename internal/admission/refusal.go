// Package admission takes apart why the API server refused to create a pod, as the
// controllers repeat it in their FailedCreate events. It is pure.
package admission

import (
	"regexp"
	"strings"
)

// Kind is what refused.
type Kind string

// The kinds.
const (
	// Quota: a ResourceQuota is used up; Refusal.Name is its name.
	Quota Kind = "Quota"
	// QuotaWantsValues: a ResourceQuota counts what the pod does not set.
	QuotaWantsValues Kind = "QuotaWantsValues"
	// LimitRange: a value is outside of what a LimitRange allows.
	LimitRange Kind = "LimitRange"
	// PodSecurity: the namespace's Pod Security standard; Refusal.Name is the level.
	PodSecurity Kind = "PodSecurity"
	// ServiceAccount: it does not exist; Refusal.Name is its name.
	ServiceAccount Kind = "ServiceAccount"
	// PriorityClass: it does not exist.
	PriorityClass Kind = "PriorityClass"
	// RuntimeClass: it does not exist.
	RuntimeClass Kind = "RuntimeClass"
	// Webhook: an admission webhook, or a policy behind one, said no; Refusal.Name is
	// the webhook's name.
	Webhook Kind = "Webhook"
	// Policy: a ValidatingAdmissionPolicy said no.
	Policy Kind = "Policy"
	// WebhookFailed: an admission webhook did not answer, and what it guards is
	// refused until it does. WebhookCertificate: its certificate does not hold.
	WebhookFailed      Kind = "WebhookFailed"
	WebhookCertificate Kind = "WebhookCertificate"
	// NamespaceTerminating: the namespace is being deleted.
	NamespaceTerminating Kind = "NamespaceTerminating"
	// Forbidden: the controller may not create pods here, or something else refused.
	Forbidden Kind = "Forbidden"
	// Invalid: the pod template makes no valid pod.
	Invalid Kind = "Invalid"
	// Exists: a pod, or a claim, of the name is there and is somebody else's.
	Exists Kind = "Exists"
	// Unknown: none of these.
	Unknown Kind = "Unknown"
)

// Refusal is why no pod was created.
type Refusal struct {
	Kind Kind
	// Object that could not be created, such as pods "web-7d4b9-x"; empty where the
	// message does not say.
	Object string
	// Name of what refused, see the kinds.
	Name string
	// Namespace of the service behind a webhook that failed, empty where it is not told.
	Namespace string
	// Detail is what was said, without what surrounds it.
	Detail string
}

// The API server's words: plugins below apiserver/pkg/admission and
// kubernetes/plugin/pkg/admission, webhook/errors/statuserror.go, and Pod Security's
// admission.go. The first that is found decides: a webhook's own message may hold
// anything, so that it is asked for first.
var forms = []struct {
	kind Kind
	says *regexp.Regexp
}{
	{Webhook, regexp.MustCompile(`(?s)admission webhook "(?P<name>[^"]+)" denied the request(?: without explanation|: (?P<detail>.*))?`)},
	{WebhookCertificate, regexp.MustCompile(`failed calling webhook "(?P<name>[^"]+)": (?P<detail>.*\b(?:x509|tls): .*)`)},
	{WebhookFailed, regexp.MustCompile(`failed calling webhook "(?P<name>[^"]+)"[:;] (?P<detail>.*)`)},
	{Policy, regexp.MustCompile(`(?s)ValidatingAdmissionPolicy '(?P<name>[^']+)' with binding '[^']+' denied request: (?P<detail>.*)`)},
	{NamespaceTerminating, regexp.MustCompile(`(?P<detail>unable to create new content in namespace (?P<name>\S+) because it is being terminated)`)},
	{Quota, regexp.MustCompile(`exceeded quota: (?P<name>[^,\s]+), (?P<detail>requested: .*)`)},
	{QuotaWantsValues, regexp.MustCompile(`failed quota: (?P<name>[^:\s]+): (?P<detail>must specify .*)`)},
	{PodSecurity, regexp.MustCompile(`violates PodSecurity "(?P<name>[^":]+)(?::[^"]*)?": (?P<detail>.*)`)},
	{ServiceAccount, regexp.MustCompile(`(?P<detail>error looking up service account [^/\s]+/(?P<name>[^:\s]+): .*)`)},
	{PriorityClass, regexp.MustCompile(`(?P<detail>no PriorityClass with name (?P<name>\S+) was found)`)},
	{RuntimeClass, regexp.MustCompile(`(?i)(?P<detail>RuntimeClass(?:es.node.k8s.io)? "(?P<name>[^"]+)" not found)`)},
	{LimitRange, regexp.MustCompile(`(?P<detail>(?:(?:maximum|minimum) \S+ usage per \S+ is |\S+ max limit to request ratio per ).*)`)},
	{Exists, regexp.MustCompile(`(?P<detail>\S+ "(?P<name>[^"]+)" already exists)`)},
	{Invalid, regexp.MustCompile(`Pod "[^"]*" is invalid: (?P<detail>.*)`)},
	{Forbidden, regexp.MustCompile(`is forbidden: (?P<detail>.*)`)},
}

var (
	object = regexp.MustCompile(`(?:pods|persistentvolumeclaims) "[^"]*"`)
	// service is in the address of a webhook: https://name.namespace.svc:443/path?timeout=10s.
	service = regexp.MustCompile(`https://[a-z0-9-]+\.([a-z0-9-]+)\.svc[:/]`)
)

// maxMessage is more than an event holds (1 KiB), and less than would take long.
const maxMessage = 16 << 10

// Parse takes a message apart.
func Parse(message string) Refusal {
	message = strings.TrimSpace(message[:min(len(message), maxMessage)])
	r := Refusal{Kind: Unknown, Object: object.FindString(message), Detail: message}
	for _, f := range forms {
		m := f.says.FindStringSubmatch(message)
		if m == nil {
			continue
		}
		r.Kind, r.Detail = f.kind, ""
		for i, group := range f.says.SubexpNames() {
			switch group {
			case "name":
				r.Name = m[i]
			case "detail":
				r.Detail = strings.TrimSuffix(strings.TrimSpace(m[i]), "]")
			}
		}
		if at := service.FindStringSubmatch(message); at != nil && (r.Kind == WebhookFailed || r.Kind == WebhookCertificate) {
			r.Namespace = at[1]
		}
		break
	}
	return r
}
