package diagnosis

import v1alpha1 "github.com/bridgestack/operator/api/v1alpha1"

// coordination is what etcd, Consul, Vault, NATS and ZooKeeper answer.
var coordination = knowledge{
	source: "etcd: api/v3rpc/rpctypes/error.go; Consul: agent/structs/errors.go; Vault: " +
		"sdk/logical/error.go, consts/error.go; " +
		"NATS: server/errors.go, jetstream errors.json; ZooKeeper: KeeperException.java",
	signatures: []signature{
		{
			id:    "coordination-auth",
			cause: v1alpha1.CauseUpstreamAuthFailed,
			words: []string{
				`etcdserver: (?:permission denied|authentication (?:failed|is not enabled)|user name is empty)`,
				`etcdserver: (?:invalid auth token|role name|user name not found)`,
				`ACL not found`,
				`Code: 40[13]\. Errors:`, // Vault
				`(?i)permission denied.{0,60}\b(?:vault|consul)\b`,
				`permission denied, on \w+ https?://`,
				`hvac\.exceptions\.(?:Forbidden|Unauthorized)`,
				`(?i)Error making API request\..{0,400}Code: 40[013]`,
				`(?i)(?:missing client token|invalid role or secret ID|invalid role ID|invalid secret id)`,
				`(?i)(?:service account name|namespace) not authorized`,
				`(?i)authorization violation`,
				`nats: (?:user )?authentication (?:expired|revoked)|nats: invalid (?:user )?credentials`,
				`KeeperErrorCode = (?:NoAuth|AuthFailed)`,
				`KeeperException\$(?:NoAuth|AuthFailed)Exception|NoAuthException|AuthFailedException`,
				`(?i)nats: permissions violation|Permissions Violation for (?:Publish|Subscription)`,
				`(?i)nats: (?:authorization|account authentication) `,
			},
			unless: ignoreCase(`kafka|postgres`),
			match:  "nats: Authorization Violation",
			not:    "INFO ACL of the file",
		},
		{
			id:    "coordination-starting",
			cause: v1alpha1.CauseUpstreamStarting,
			words: []string{
				`(?i)Vault is sealed`,
				`(?i)security barrier not initialized|Vault is not initialized|server is not yet initialized`,
				`(?i)local node not active but active cluster node not found`,
				`(?i)No (?:known Consul servers|cluster leader)`,
				`etcdserver: (?:no leader|not ready|leader changed|server stopped|raft: stopped|not capable)`,
				`(?i)jetstream (?:system|cluster) temporarily unavailable`,
				`(?i)ZooKeeper(?:Server| instance) (?:is )?not (?:currently )?(?:running|serving)`,
			},
			match: "Error making API request. Code: 503. Errors: * Vault is sealed",
			not:   "INFO the letter is sealed",
		},
		{
			id:    "coordination-rejects-writes",
			cause: v1alpha1.CauseUpstreamRejectsWrites,
			words: []string{
				`etcdserver: mvcc: database space exceeded`,
				`mvcc: database space exceeded`,
				`\bNOSPACE\b alarm|alarm:NOSPACE`,
				`(?i)nats: (?:API error: .{0,40})?insufficient (?:storage )?resources`,
				`(?i)nats: (?:API error: .{0,40})?maximum (?:bytes|messages) exceeded`,
			},
			match: "panic: etcdserver: mvcc: database space exceeded",
			not:   "INFO database space is enough",
		},
		{
			id:    "coordination-overloaded",
			cause: v1alpha1.CauseUpstreamOverloaded,
			words: []string{
				`etcdserver: (?:too many requests|request timed out|request is too large)`,
				`(?i)nats: maximum connections exceeded`,
				`(?i)Too many connections from \S+ - max is`,
				`nats: slow consumer`,
				`SERVER_ERROR out of memory storing object`,
			},
			match: "rpc error: code = Unavailable desc = etcdserver: request timed out",
			not:   "INFO request timed out after 3s, retrying",
		},
		{
			id:    "coordination-incompatible",
			cause: v1alpha1.CauseUpstreamIncompatible,
			words: []string{
				`(?i)stream name already in use(?: with a different configuration)?`,
				`(?i)JetStream not enabled`,
				`(?i)nats: (?:stream|consumer|key|bucket) not found`,
				`KeeperErrorCode = (?:NoNode|Unimplemented)`,
				`etcdserver: (?:unhealthy cluster|cluster ID mismatch)`,
				`(?i)no handler for route '`,
				`(?i)unsupported path`,
			},
			unless: []string{`^\s+at `},
			match: "nats: API error: code=400 err_code=10058 description=stream name already in use " +
				"with a different configuration",
			not: "INFO stream orders in use",
		},
		{
			id:     "coordination-connection-lost",
			cause:  v1alpha1.CauseUpstreamConnectionLost,
			weight: weightConsequence,
			words: []string{
				`KeeperErrorCode = (?:ConnectionLoss|SessionExpired)`,
				`KeeperException\$(?:ConnectionLoss|SessionExpired)Exception`,
				`(?i)nats: (?:stale connection|connection closed|connection reconnecting)`,
				`KeeperErrorCode = Session (?:expired|moved)`,
			},
			match: "KeeperErrorCode = ConnectionLoss for /brokers",
			not:   "INFO connection closed by user",
		},
		{
			id:     "coordination-gave-up",
			fault:  faultGaveUp,
			family: familyUpstream,
			words: []string{
				`NatsError: TIMEOUT`,
				`nats: no servers available for connection`,
				`NoServersError`,
				`nats: no responders available for request`,
			},
			match: "nats: no servers available for connection",
			not:   "INFO servers available: 3",
		},
	},
}
