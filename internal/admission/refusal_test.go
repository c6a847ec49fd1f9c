package admission_test

import (
	"testing"

	"github.com/bridgestack/operator/internal/admission"
)

// The messages are those of FailedCreate events: the controller's words around what
// the API server answered.
func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		says string
		want admission.Refusal
	}{
		"a quota": {
			`Error creating: pods "web-6f5d9c7d4b-2xk8p" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4`,
			admission.Refusal{Kind: admission.Quota, Object: `pods "web-6f5d9c7d4b-2xk8p"`, Name: "compute", Detail: "requested: pods=1, used: pods=4, limited: pods=4"},
		},
		"a quota that counts what is not set": {
			`Error creating: pods "web-6f5d9c7d4b-2xk8p" is forbidden: failed quota: compute: must specify limits.memory for: app; requests.cpu for: app`,
			admission.Refusal{Kind: admission.QuotaWantsValues, Object: `pods "web-6f5d9c7d4b-2xk8p"`, Name: "compute", Detail: "must specify limits.memory for: app; requests.cpu for: app"},
		},
		"a StatefulSet's claim and a quota": {
			`create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims "data-db-0" is forbidden: exceeded quota: storage, requested: requests.storage=10Gi, used: requests.storage=5Gi, limited: requests.storage=10Gi`,
			admission.Refusal{Kind: admission.Quota, Object: `persistentvolumeclaims "data-db-0"`, Name: "storage", Detail: "requested: requests.storage=10Gi, used: requests.storage=5Gi, limited: requests.storage=10Gi"},
		},
		"a LimitRange, several": {
			`Error creating: pods "web-x" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi, minimum cpu usage per Container is 100m, but request is 10m]`,
			admission.Refusal{Kind: admission.LimitRange, Object: `pods "web-x"`, Detail: "maximum memory usage per Container is 1Gi, but limit is 2Gi, minimum cpu usage per Container is 100m, but request is 10m"},
		},
		"a LimitRange's ratio": {
			`Error creating: pods "web-x" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 10.000000`,
			admission.Refusal{Kind: admission.LimitRange, Object: `pods "web-x"`, Detail: "cpu max limit to request ratio per Container is 2, but provided ratio is 10.000000"},
		},
		"Pod Security": {
			`Error creating: pods "web-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)`,
			admission.Refusal{Kind: admission.PodSecurity, Object: `pods "web-x"`, Name: "restricted", Detail: `allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true)`},
		},
		"no ServiceAccount": {
			`Error creating: pods "web-x" is forbidden: error looking up service account shop/orders: serviceaccount "orders" not found`,
			admission.Refusal{Kind: admission.ServiceAccount, Object: `pods "web-x"`, Name: "orders", Detail: `error looking up service account shop/orders: serviceaccount "orders" not found`},
		},
		"no PriorityClass": {
			`Error creating: pods "web-x" is forbidden: no PriorityClass with name vital was found`,
			admission.Refusal{Kind: admission.PriorityClass, Object: `pods "web-x"`, Name: "vital", Detail: "no PriorityClass with name vital was found"},
		},
		"no RuntimeClass": {
			`Error creating: pods "web-x" is forbidden: pod rejected: RuntimeClass "gvisor" not found`,
			admission.Refusal{Kind: admission.RuntimeClass, Object: `pods "web-x"`, Name: "gvisor", Detail: `RuntimeClass "gvisor" not found`},
		},
		"a webhook that says no, in words of another": {
			`Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: resource Pod/shop/web-x was blocked: exceeded quota: of patience, requested: more`,
			admission.Refusal{Kind: admission.Webhook, Name: "validate.kyverno.svc-fail", Detail: "resource Pod/shop/web-x was blocked: exceeded quota: of patience, requested: more"},
		},
		"a webhook that says no in many lines": {
			"Error creating: admission webhook \"validate.kyverno.svc-fail\" denied the request: \n\nresource Pod/shop/web-x was blocked due to the following policies\n\nrequire-labels:\n  check: label app is required",
			admission.Refusal{Kind: admission.Webhook, Name: "validate.kyverno.svc-fail", Detail: "resource Pod/shop/web-x was blocked due to the following policies\n\nrequire-labels:\n  check: label app is required"},
		},
		"a webhook about certificates that nobody answers for": {
			`Error creating: Internal error occurred: failed calling webhook "certificates.example.com": failed to call webhook: Post "https://guard.tls-guards.svc:443/certificates?timeout=10s": context deadline exceeded`,
			admission.Refusal{Kind: admission.WebhookFailed, Name: "certificates.example.com", Namespace: "tls-guards", Detail: `failed to call webhook: Post "https://guard.tls-guards.svc:443/certificates?timeout=10s": context deadline exceeded`},
		},
		"a webhook that nobody answers for": {
			`Error creating: Internal error occurred: failed calling webhook "inject.linkerd.io": failed to call webhook: Post "https://linkerd-proxy-injector.linkerd.svc:443/?timeout=10s": no endpoints available for service "linkerd-proxy-injector"`,
			admission.Refusal{Kind: admission.WebhookFailed, Name: "inject.linkerd.io", Namespace: "linkerd", Detail: `failed to call webhook: Post "https://linkerd-proxy-injector.linkerd.svc:443/?timeout=10s": no endpoints available for service "linkerd-proxy-injector"`},
		},
		"a webhook's expired certificate": {
			`Error creating: Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post "https://guard.guards.svc:443/pods?timeout=10s": x509: certificate has expired or is not yet valid: current time 2026-11-24T12:00:00Z is after 2026-11-01T00:00:00Z`,
			admission.Refusal{Kind: admission.WebhookCertificate, Name: "pods.example.com", Namespace: "guards", Detail: `failed to call webhook: Post "https://guard.guards.svc:443/pods?timeout=10s": x509: certificate has expired or is not yet valid: current time 2026-11-24T12:00:00Z is after 2026-11-01T00:00:00Z`},
		},
		"a policy of the API server": {
			`Error creating: pods "web-x" is forbidden: ValidatingAdmissionPolicy 'no-latest' with binding 'no-latest' denied request: images must have a tag`,
			admission.Refusal{Kind: admission.Policy, Object: `pods "web-x"`, Name: "no-latest", Detail: "images must have a tag"},
		},
		"a namespace that goes": {
			`Error creating: pods "web-x" is forbidden: unable to create new content in namespace shop because it is being terminated`,
			admission.Refusal{Kind: admission.NamespaceTerminating, Object: `pods "web-x"`, Name: "shop", Detail: "unable to create new content in namespace shop because it is being terminated"},
		},
		"an invalid pod": {
			`Error creating: Pod "web-x" is invalid: spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi`,
			admission.Refusal{Kind: admission.Invalid, Detail: `spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or equal to memory limit of 1Gi`},
		},
		"a pod of somebody else": {
			`create Pod db-0 in StatefulSet db failed error: pods "db-0" already exists`,
			admission.Refusal{Kind: admission.Exists, Object: `pods "db-0"`, Name: "db-0", Detail: `pods "db-0" already exists`},
		},
		"no right": {
			`Error creating: pods is forbidden: User "system:serviceaccount:kube-system:replicaset-controller" cannot create resource "pods" in API group "" in the namespace "shop"`,
			admission.Refusal{Kind: admission.Forbidden, Detail: `User "system:serviceaccount:kube-system:replicaset-controller" cannot create resource "pods" in API group "" in the namespace "shop"`},
		},
		"something else": {
			"Error creating: etcdserver: request timed out",
			admission.Refusal{Kind: admission.Unknown, Detail: "Error creating: etcdserver: request timed out"},
		},
		"nothing": {"", admission.Refusal{Kind: admission.Unknown}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := admission.Parse(test.says); got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// FuzzParse: whatever a message says, what is told of it is a part of it.
func FuzzParse(f *testing.F) {
	f.Add(`Error creating: pods "web-x" is forbidden: exceeded quota: compute, requested: pods=1, used: pods=4, limited: pods=4`)
	f.Add(`failed calling webhook "a": Post "https://a.b.svc:443/": x509: certificate`)
	f.Fuzz(func(t *testing.T, says string) {
		r := admission.Parse(says)
		if r.Kind == "" || len(r.Name) > len(says) || len(r.Detail) > len(says) {
			t.Errorf("%+v", r)
		}
	})
}
