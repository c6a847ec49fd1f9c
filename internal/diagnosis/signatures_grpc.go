package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// grpc is what gRPC servers answer, by the names of their statuses.
var grpc = knowledge{
	server: "gRPC",
	source: "gRPC: statuscodes.md; grpc-go, grpc-java, grpcio, grpc-js",
	signatures: []signature{
		{
			id:    "grpc-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`code = (?:Unauthenticated|PermissionDenied)\b`,
				`Unauthenticated desc`,
				`(?i)rpc error: code = PermissionDenied`,
				`(?:StatusCode|Status)\.(?:UNAUTHENTICATED|PERMISSION_DENIED)\b`,
				`StatusRuntimeException: (?:UNAUTHENTICATED|PERMISSION_DENIED)\b`,
				`\b(?:16 UNAUTHENTICATED|7 PERMISSION_DENIED): `,
			},
			match: "rpc error: code = Unauthenticated desc = invalid credentials",
			not:   "rpc error: code = NotFound desc = no such order",
		},
		{
			id:    "grpc-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: []string{
				`\bRESOURCE_EXHAUSTED\b`,
				`code = ResourceExhausted\b`,
			},
			match: "StatusRuntimeException: RESOURCE_EXHAUSTED: quota exceeded",
			not:   "rpc error: code = NotFound desc = no such order",
		},
		{
			id:    "grpc-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`code = Unimplemented desc`,
				`(?:StatusCode|Status)\.UNIMPLEMENTED\b`,
				`StatusRuntimeException: UNIMPLEMENTED\b`,
				`\b12 UNIMPLEMENTED: `,
			},
			match: "rpc error: code = Unimplemented desc = unknown service pricing.v2.Pricing",
			not:   "rpc error: code = NotFound desc = no such order",
		},
		{
			id:     "grpc-unavailable",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: []string{
				`\b(?:StatusCode|Status)\.(?:UNAVAILABLE|DEADLINE_EXCEEDED)\b`,
				`StatusRuntimeException: (?:UNAVAILABLE|DEADLINE_EXCEEDED)\b`,
				`\b(?:14 UNAVAILABLE|4 DEADLINE_EXCEEDED): `,
			},
			match: "Error: 14 UNAVAILABLE: No connection established",
			not:   "rpc error: code = NotFound desc = no such order",
		},
	},
}
