package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// kubernetes is what the Kubernetes API answers to programs that use it, by the
// reasons of its Status objects, and what client-go says.
var kubernetes = knowledge{
	server: "Kubernetes API",
	source: "k8s.io/apimachinery: pkg/api/errors; k8s.io/apiserver: responsewriters/errors.go; " +
		"k8s.io/client-go: rest, " +
		"tools/leaderelection; controller-runtime: pkg/manager",
	signatures: []signature{
		{
			id:    "kubernetes-forbidden",
			cause: v1alpha1.CauseAPIForbidden,
			words: []string{
				`(?i)is forbidden: User "?[^"]*"? cannot \w+ resource`,
				`User "system:serviceaccount:[^"]+" cannot \w+`,
				`(?i)admission webhook "[^"]+" denied the request`,
				`ValidatingAdmissionPolicy '[^']+' .{0,80}denied request`,
				`(?i)violates PodSecurity "`,
				`(?i)the server has asked for the client to provide credentials`,
				`(?i)is forbidden: exceeded quota`,
				`(?i)attempting to grant RBAC permissions not currently held`,
			},
			match: `secrets is forbidden: User "system:serviceaccount:shop:app" cannot list resource ` +
				`"secrets" in API group ""`,
			not: "403 Forbidden",
		},
		{
			id:    "kubernetes-leader-election-lost",
			cause: v1alpha1.CauseLeaderElectionLost,
			words: []string{
				`(?i)leader ?election (?:was )?lost`,
				`(?i)failed to renew lease \S+: (?:timed out|context deadline exceeded)`,
				`(?i)\blost (?:leader|master|the leader) ?(?:election|ship|lease)\b`,
				`(?i)\bno longer (?:the )?leader\b.{0,40}(?:exit|shut|stop|terminat|quit)`,
				`(?i)leader lost.{0,30}(?:exit|shut|stop|terminat)`,
				`(?i)stopped leading`,
			},
			unless: ignoreCase(`kafka|raft|partition|etcdserver`),
			match:  "E1124 10:00:00.000000 1 main.go:91] \"problem running manager\" err=\"leader election lost\"",
			not:    "INFO became leader",
		},
		{
			id:    "kubernetes-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`no matches for kind "`,
				`(?i)the server could not find the requested resource`,
				`(?i)if kind is a CRD, it should be installed`,
				`(?i)customresourcedefinitions?\.apiextensions\.k8s\.io "[^"]+" not found`,
				`(?i)failed to wait for \S+ caches to sync.{0,80}no (?:kind|matches)`,
			},
			match: `no matches for kind "Certificate" in version "cert-manager.io/v1"`,
			not:   "INFO watching kind Certificate",
		},
		{
			id:     "kubernetes-unreachable",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: ignoreCase(
				`unable to load in-cluster configuration`,
				`failed to get API Group-Resources`,
				`Unable to connect to the server`,
				`error getting server version`,
			),
			match: "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and " +
				"KUBERNETES_SERVICE_PORT must be defined",
			not: "INFO loaded the in-cluster configuration",
		},
		{
			id:    "kubernetes-forbidden-status",
			cause: v1alpha1.CauseAPIForbidden,
			words: []string{
				`^Reason: (?:Forbidden|Unauthorized)$`,
				`\bApiException: \(40[13]\)`,
				`KubernetesClientException.{0,80}(?:Forbidden|Unauthorized)!`,
				`(?i)service account doesn't have access`,
				`\bHTTP-Code: 40[13]\b`,
			},
			within: ignoreCase(`kubernetes|ApiException|fabric8|HTTP response headers`),
			match:  "kubernetes.client.exceptions.ApiException: (403)\nReason: Forbidden",
			not:    "Reason: Forbidden by the owner",
		},
	},
}
